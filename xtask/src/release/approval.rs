//! Approvals: what is lacking is told with the flags that give it; what was given goes along to the boot, for one plan.

use anyhow::Result;
use migrate::{Approval, Plan, Prepared};

use crate::name::Variable;
use crate::text::shell_word;

/// Refuses a plan with a hazard that nobody approved; `command` is the command line that approves it, up to `--allow`.
pub(crate) fn guard(prepared: &Prepared<'_>, command: &str) -> Result<()> {
    let Err(mut error) = prepared.guard() else {
        return Ok(());
    };
    let stopping = prepared.report().hazards().filter(|hazard| hazard.stops());
    let approvals: Option<Vec<_>> = stopping.map(|hazard| hazard.approval.as_ref()).collect();
    if let Some(approvals) = approvals {
        let flags =
            approvals.iter().map(|approval| format!(" --allow {}", shell_word(&approval.to_string())));
        error.remedy = format!("to accept it: {command}{}", flags.collect::<String>());
    }
    Err(error.into())
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
