//! Approvals: what is lacking is told with the flags that give it; what was given goes along to the boot, for one plan.

use anyhow::Result;
use landfall_engine::{Approval, Hazard, Plan, Prepared};

use crate::name::Variable;
use crate::text::shell_word;

/// Refuses a plan with a hazard that nobody approved; `command` is the command line that approves it, up to `--allow`.
pub(crate) fn guard(prepared: &Prepared<'_>, command: &str) -> Result<()> {
    let Err(mut error) = prepared.guard() else {
        return Ok(());
    };
    let stopping: Vec<_> = prepared.report().hazards().filter(|hazard| hazard.stops()).collect();
    if let Some(remedy) = told(&stopping, command) {
        error.remedy = remedy;
    }
    Err(error.into())
}

/// The command line that approves all of what stops a plan; `None` where nothing does.
pub(crate) fn told(stopping: &[&Hazard], command: &str) -> Option<String> {
    let approvals: Vec<_> = stopping.iter().map(|hazard| hazard.approval.as_ref()).collect::<Option<_>>()?;
    let flags = approvals.iter().map(|approval| format!(" --allow {}", shell_word(&approval.to_string())));
    Some(format!("to accept it: {command}{}", flags.collect::<String>()))
}

/// What a boot is told of what was approved: it counts for this very plan.
pub(crate) fn env(allow: &[Approval], plan: Option<&Plan>) -> Vec<Variable> {
    let allow: Vec<_> = allow.iter().map(ToString::to_string).collect();
    match plan.filter(|_| !allow.is_empty()) {
        Some(plan) => {
            vec![
                Variable::of("LANDFALL_ALLOW", allow.join(",")),
                Variable::of("LANDFALL_ALLOW_FOR", &plan.fingerprint),
            ]
        }
        None => Vec::new(),
    }
}
