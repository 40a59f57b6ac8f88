//! What a migration found and did, as text for a person.

use std::fmt::{self, Formatter};

use landfall_engine::{Evidence, Hazard, Outcome, Plan, Report, Verdict, written};
use serde::Serialize;

/// A report. In JSON it is the engine's, unchanged.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Findings(pub(crate) Report);

impl Findings {
    /// What was done, in one line.
    pub(crate) fn summary(&self) -> String {
        let Report { outcome, database, schema, differences, plan, seconds, .. } = &self.0;
        let steps = count(plan.as_ref().map_or(0, |plan| plan.steps.len() as u64), "step");
        match outcome {
            Outcome::InSync => format!("{database} is what {schema} says: nothing to do"),
            Outcome::Planned => {
                format!(
                    "{database} is out of sync with {schema}: {}",
                    count(differences.len() as u64, "difference")
                )
            }
            Outcome::Applied => format!(
                "{database} is now what {schema} says: {steps} in {:.3} s",
                seconds.unwrap_or_default()
            ),
        }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let report = &self.0;
        writeln!(f, "{}", self.summary())?;
        for difference in &report.differences {
            writeln!(f, "  {}", difference.message)?;
        }
        for note in &report.notes {
            writeln!(f, "note: {note}")?;
        }
        for directive in &report.idle_directives {
            writeln!(f, "note: {}", directive.message)?;
        }
        if let Some(plan) = &report.plan {
            write_plan(f, plan)?;
        }
        // Those that stop the plan are the error's, which says what to do about each.
        for hazard in report.hazards().filter(|hazard| !hazard.stops()) {
            write_hazard(f, hazard)?;
        }
        write_proposals(f, report)?;
        write_evidence(f, &report.evidence)
    }
}

fn write_plan(f: &mut Formatter<'_>, plan: &Plan) -> fmt::Result {
    writeln!(f, "\nplan of {}, {}, {}:", plan.planner, plan.cost, plan.prediction)?;
    for step in &plan.steps {
        writeln!(f, "  {};", step.sql.replace('\n', "\n  "))?;
    }
    Ok(())
}

fn write_hazard(f: &mut Formatter<'_>, hazard: &Hazard) -> fmt::Result {
    let state = if hazard.approved.is_some() { "approved" } else { "for information" };
    writeln!(f, "{} {} ({state}): {}", hazard.name, hazard.object, hazard.message)
}

fn write_proposals(f: &mut Formatter<'_>, report: &Report) -> fmt::Result {
    for proposal in &report.proposals {
        let verdict = match proposal.verdict {
            Verdict::Chosen => "chosen",
            Verdict::Proved => "not chosen",
            Verdict::Disproved => "disproved",
            Verdict::Unavailable => "no plan",
            Verdict::NotAsked => "not asked",
        };
        writeln!(f, "planner {}: {verdict}, {}", proposal.planner, proposal.reason)?;
    }
    Ok(())
}

fn write_evidence(f: &mut Formatter<'_>, evidence: &[Evidence]) -> fmt::Result {
    for table in evidence {
        let Evidence { table, rows_before, rows_after, sampled, checksum } = table;
        let table = written(table);
        let values = if checksum.is_some() { ", values equal" } else { "" };
        let before = count(*rows_before, "row");
        match sampled {
            true => writeln!(f, "{table}: a sample of {before} by key{values}")?,
            false => writeln!(f, "{table}: {before} before, {rows_after} after{values}")?,
        }
    }
    Ok(())
}

fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use landfall_engine::{
        ApprovedBy, Cost, CostClass, HazardName, Operation, Planner, Prediction, Proposal, Step,
    };

    use super::*;

    fn hazard(name: HazardName, object: &str, approved: Option<ApprovedBy>) -> Hazard {
        let message = format!("what happens to {object}");
        Hazard { approved, ..Hazard::new(name, object, message, "what to do".to_owned()) }
    }

    fn plan() -> Plan {
        let cost = Cost { class: CostClass::Rewrite, rows: 1 };
        let (table, column) = ("t".to_owned(), "a".to_owned());
        let alter = Operation::DropColumn { table: table.clone(), column };
        let drop = Operation::DropIndex { index: "i".to_owned(), table };
        let step = |operation, sql: &str| Step::new(operation, sql.to_owned(), cost);
        Plan {
            planner: Planner::Builtin,
            fingerprint: String::new(),
            cost,
            prediction: Prediction { seconds: 2.0, low: 1.0, high: 4.0 },
            steps: vec![step(alter, "ALTER TABLE t\n  DROP COLUMN a"), step(drop, "DROP INDEX i")],
            hazards: vec![
                hazard(HazardName::DropsColumn, "t.a", None),
                hazard(HazardName::DropsTable, "u", Some(ApprovedBy::Schema)),
                hazard(HazardName::RewritesTable, "t", None),
            ],
        }
    }

    fn findings(outcome: Outcome, plan: Option<Plan>, evidence: Vec<Evidence>) -> Findings {
        let proposal =
            |planner, verdict, reason: &str| Proposal { planner, verdict, reason: reason.to_owned() };
        Findings(Report {
            outcome,
            database: "db".to_owned(),
            schema: "schema.sql".to_owned(),
            live: String::new(),
            declared: String::new(),
            differences: Vec::new(),
            notes: vec!["columns of t are in another order".to_owned()],
            idle_directives: Vec::new(),
            hazards: Vec::new(),
            proposals: plan.as_ref().map_or(Vec::new(), |_| {
                vec![
                    proposal(Planner::Builtin, Verdict::Chosen, "the cheapest"),
                    proposal(Planner::Atlas, Verdict::Disproved, "would drop u"),
                ]
            }),
            plan,
            evidence,
            seconds: (outcome == Outcome::Applied).then_some(0.25),
            timings: Vec::new(),
            disk: None,
        })
    }

    #[test]
    fn a_plan_is_shown_with_its_cost_every_proposal_and_the_hazards_that_do_not_stop_it() {
        assert_snapshot!(findings(Outcome::Planned, Some(plan()), Vec::new()), @"
        db is out of sync with schema.sql: 0 differences
        note: columns of t are in another order

        plan of builtin, a rewrite of 1 row, predicted 2 s (1 to 4 s):
          ALTER TABLE t
            DROP COLUMN a;
          DROP INDEX i;
        DROPS_TABLE u (approved): what happens to u
        REWRITES_TABLE t (for information): what happens to t
        planner builtin: chosen, the cheapest
        planner atlas: disproved, would drop u
        ");
    }

    #[test]
    fn what_was_applied_is_shown_with_its_evidence() {
        let evidence = |table: &str, rows, checksum: Option<&str>| Evidence {
            table: table.to_owned(),
            rows_before: rows,
            rows_after: rows,
            sampled: false,
            checksum: checksum.map(str::to_owned),
        };
        let plan = Plan { cost: Cost::default(), steps: Vec::new(), hazards: Vec::new(), ..plan() };
        let evidence = vec![evidence("t", 1, Some("00ff")), evidence("u", 3, None)];
        assert_snapshot!(findings(Outcome::Applied, Some(plan), evidence), @r#"
        db is now what schema.sql says: 0 steps in 0.250 s
        note: columns of t are in another order

        plan of builtin, constant time, predicted 2 s (1 to 4 s):
        planner builtin: chosen, the cheapest
        planner atlas: disproved, would drop u
        t: 1 row before, 1 after, values equal
        u: 3 rows before, 3 after
        "#);
    }

    #[test]
    fn without_a_difference_there_is_only_a_line_and_the_notes() {
        assert_snapshot!(findings(Outcome::InSync, None, Vec::new()), @r#"
        db is what schema.sql says: nothing to do
        note: columns of t are in another order
        "#);
    }
}
