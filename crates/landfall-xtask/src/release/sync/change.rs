//! Today's schema on a database without rows: planned, guarded, applied, and applied again.

use std::path::Path;

use anyhow::Result;
use landfall_engine::{Declared, Hazard, Outcome, Report};

use super::{Fresh, Sync, fine, line, not_read};
use crate::release::check::{Check, Verdict};
use crate::text;

const CHANGE: &str = "today's schema";
const AGAIN: &str = "applied again";
const THERE: &str = "on production";

/// What today's schema is applied to, and how the lines about it are called.
struct Base<'a> {
    database: &'a Path,
    name: String,
    change: &'static str,
}

impl Sync<'_> {
    /// On the fresh database: the engine's report, and the two lines about it.
    pub(super) fn change(
        &self,
        fresh: Option<&Fresh>,
        today: &Declared,
    ) -> Result<(Option<Report>, [Check; 2])> {
        let Some(fresh) = fresh else {
            let not_tried = |name| not_read(name, "not tried: there is no fresh database");
            return Ok((None, [not_tried(CHANGE), not_tried(AGAIN)]));
        };
        let base = Base { database: &fresh.database, name: fresh.name(), change: CHANGE };
        self.apply_to(&base, today)
    }

    /// On what production has, where that is something else: it is what the next boot is going to change.
    pub(super) fn change_there(&self, live: &Path, today: &Declared) -> Result<Check> {
        let base = Base { database: live, name: "production's own schema".to_owned(), change: THERE };
        let (_, [change, again]) = self.apply_to(&base, today)?;
        Ok(if again.verdict == Verdict::Unknown { again } else { change })
    }

    fn apply_to(&self, base: &Base<'_>, today: &Declared) -> Result<(Option<Report>, [Check; 2])> {
        let prepared = match landfall_engine::prepare(base.database, today, &self.settings, &mut ()) {
            Ok(prepared) => prepared,
            Err(mut error) => {
                let report = error.report.take().map(|report| *report);
                let lines = match report.as_ref().filter(|report| report.hazards().any(Hazard::stops)) {
                    Some(report) => [refused(base, report), not_applied()],
                    None => cannot_be_planned(base, &error),
                };
                return Ok((report, lines));
            }
        };
        let report = prepared.report().clone();
        if report.outcome == Outcome::InSync {
            let schema = self.project.schema.display();
            let change = fine(base.change, format!("{schema} is that of {}: nothing to change", base.name));
            return Ok((Some(report), [change, fine(AGAIN, "nothing to do")]));
        }
        if prepared.guard().is_err() {
            let lines = [refused(base, &report), not_read(AGAIN, "not applied: it needs an approval")];
            return Ok((Some(report), lines));
        }
        let applied = prepared.apply(&mut ())?;
        let again = landfall_engine::check(base.database, today, &self.settings, &mut ())?;
        Ok((Some(applied), [planned(base, &report), applied_again(&again)]))
    }
}

fn cannot_be_planned(base: &Base<'_>, error: &landfall_engine::Error) -> [Check; 2] {
    let verdict = if error.kind.exit_code() == 3 { Verdict::Refused } else { Verdict::Unknown };
    let first = error.message.lines().next().unwrap_or_default();
    let details = error.message.lines().skip(1).map(|line| line.trim().to_owned()).collect();
    let change = Check { details, ..line(base.change, verdict, first, error.remedy.as_str()) };
    [change, not_applied()]
}

fn not_applied() -> Check {
    not_read(AGAIN, "not applied: there is no plan")
}

fn planned(base: &Base<'_>, report: &Report) -> Check {
    let differences = text::count(report.differences.len() as u64, "difference");
    let Some(plan) = &report.plan else { return fine(base.change, differences) };
    let steps = text::count(plan.steps.len() as u64, "step");
    let class = match plan.cost.class {
        // There are no rows here: only where they make no difference is there something to predict.
        landfall_engine::CostClass::Constant => format!("constant time, {}", plan.prediction),
        landfall_engine::CostClass::Scan => "reads rows".to_owned(),
        landfall_engine::CostClass::Rewrite => "writes rows anew".to_owned(),
    };
    let mut details: Vec<_> =
        report.differences.iter().map(|difference| difference.message.clone()).collect();
    details.extend(plan.hazards.iter().filter(|hazard| hazard.approved.is_some()).map(approved));
    if plan.cost.class != landfall_engine::CostClass::Constant {
        details.push("how it goes on real rows, and how long it takes: cargo xtask rehearse".to_owned());
    }
    let evidence = format!("{differences} from {}: {steps} by {}, {class}; applied", base.name, plan.planner);
    Check { details, ..fine(base.change, evidence) }
}

fn approved(hazard: &Hazard) -> String {
    format!("{} {} (approved): {}", hazard.name, hazard.object, hazard.message)
}

fn refused(base: &Base<'_>, report: &Report) -> Check {
    let stopping: Vec<_> = report.hazards().filter(|hazard| hazard.stops()).collect();
    let said = |hazard: &&Hazard| {
        let first = format!("{} {}: {}", hazard.name, hazard.object, hazard.message);
        let mend = format!("mend it: {}", hazard.remedy);
        std::iter::once(first).chain(mend.lines().map(str::to_owned)).collect::<Vec<_>>()
    };
    let details = stopping.iter().flat_map(said).collect();
    let evidence = format!("{} without approval", text::count(stopping.len() as u64, "hazard"));
    Check { details, ..line(base.change, Verdict::Refused, evidence, "") }
}

fn applied_again(report: &Report) -> Check {
    if report.outcome == Outcome::InSync {
        return fine(AGAIN, "nothing to do");
    }
    let details = report.differences.iter().map(|difference| difference.message.clone()).collect();
    let remedy = "please report this: the change does not end";
    Check { details, ..line(AGAIN, Verdict::Unknown, "there is still something to do", remedy) }
}
