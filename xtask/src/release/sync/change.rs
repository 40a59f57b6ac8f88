//! Today's schema on the fresh database: planned, guarded, applied, and applied again.

use anyhow::Result;
use migrate::{Declared, Hazard, Outcome, Report};

use super::{Fresh, Sync, fine, line, not_read};
use crate::release::check::{Check, Verdict};
use crate::text;

const CHANGE: &str = "today's schema";
const AGAIN: &str = "applied again";

impl Sync<'_> {
    /// The engine's report, and the two lines about it.
    pub(super) fn change(
        &self,
        fresh: Option<&Fresh>,
        today: &Declared,
    ) -> Result<(Option<Report>, [Check; 2])> {
        let Some(fresh) = fresh else {
            let not_tried = |name| not_read(name, "not tried: there is no fresh database");
            return Ok((None, [not_tried(CHANGE), not_tried(AGAIN)]));
        };
        let prepared = match migrate::prepare(&fresh.database, today, &self.settings, &mut ()) {
            Ok(prepared) => prepared,
            Err(error) => return Ok((None, cannot_be_planned(&error))),
        };
        let report = prepared.report().clone();
        if report.outcome == Outcome::InSync {
            let evidence = format!("{} is that of {}: nothing to change", shown(self), fresh.name());
            return Ok((Some(report), [fine(CHANGE, evidence), fine(AGAIN, "nothing to do")]));
        }
        if prepared.guard().is_err() {
            let lines = [refused(&report), not_read(AGAIN, "not applied: it needs an approval")];
            return Ok((Some(report), lines));
        }
        let applied = prepared.apply(&mut ())?;
        let again = migrate::prepare(&fresh.database, today, &self.settings, &mut ())?.report().clone();
        Ok((Some(applied), [planned(&report, fresh), applied_again(&again)]))
    }
}

fn shown(sync: &Sync<'_>) -> String {
    sync.project.schema.display().to_string()
}

fn cannot_be_planned(error: &migrate::Error) -> [Check; 2] {
    let verdict = if error.kind.exit_code() == 3 { Verdict::Refused } else { Verdict::Unknown };
    let first = error.message.lines().next().unwrap_or_default();
    let details = error.message.lines().skip(1).map(|line| line.trim().to_owned()).collect();
    let change = Check { details, ..line(CHANGE, verdict, first, error.remedy.as_str()) };
    [change, not_read(AGAIN, "not applied: there is no plan")]
}

fn planned(report: &Report, fresh: &Fresh) -> Check {
    let differences = text::count(report.differences.len() as u64, "difference");
    let Some(plan) = &report.plan else { return fine(CHANGE, differences) };
    let steps = text::count(plan.steps.len() as u64, "step");
    let class = match plan.cost.class {
        migrate::CostClass::Constant => "constant time",
        migrate::CostClass::Scan => "reads rows",
        migrate::CostClass::Rewrite => "writes rows anew",
    };
    let mut details: Vec<_> =
        report.differences.iter().map(|difference| difference.message.clone()).collect();
    details.extend(plan.hazards.iter().filter(|hazard| hazard.approved.is_some()).map(approved));
    if plan.cost.class != migrate::CostClass::Constant && fresh.commit.is_some() {
        details.push("how it goes on real rows, and how long it takes: cargo xtask rehearse".to_owned());
    }
    let evidence =
        format!("{differences} from {}: {steps} by {}, {class}; applied", fresh.name(), plan.planner);
    Check { details, ..fine(CHANGE, evidence) }
}

fn approved(hazard: &Hazard) -> String {
    format!("{} {} (approved): {}", hazard.name, hazard.object, hazard.message)
}

fn refused(report: &Report) -> Check {
    let stopping: Vec<_> = report.plan.iter().flat_map(|plan| &plan.hazards).filter(|h| h.stops()).collect();
    let details = stopping.iter().map(|h| format!("{} {}: {}", h.name, h.object, h.message)).collect();
    let mut remedies: Vec<_> = stopping.iter().map(|hazard| hazard.remedy.as_str()).collect();
    remedies.dedup();
    let evidence = format!("{} without approval", text::count(stopping.len() as u64, "hazard"));
    Check { details, ..line(CHANGE, Verdict::Refused, evidence, remedies.join("\n")) }
}

fn applied_again(report: &Report) -> Check {
    if report.outcome == Outcome::InSync {
        return fine(AGAIN, "nothing to do");
    }
    let details = report.differences.iter().map(|difference| difference.message.clone()).collect();
    let remedy = "please report this: the change does not end";
    Check { details, ..line(AGAIN, Verdict::Unknown, "there is still something to do", remedy) }
}
