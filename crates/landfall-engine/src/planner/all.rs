//! The planners, and which of them are asked for a change.

use super::Planner;
use super::atlas::Atlas;
use super::builtin::Builtin;
use crate::plan;
use crate::settings::{PlannerChoice, Settings};

/// The one that needs no process first: it may leave nothing to ask for.
const ALL: [&dyn Planner; 2] = [&Builtin, &Atlas];

/// Those that are asked. Rows alone are nobody's plan: the built-in planner has no step for them, and no other is asked.
pub(crate) fn asked(settings: &Settings, rows_alone: bool) -> impl Iterator<Item = &'static dyn Planner> {
    ALL.into_iter().filter(move |planner| match settings.planner {
        _ if rows_alone => planner.name() == plan::Planner::Builtin,
        PlannerChoice::Auto => planner.is_there(settings),
        PlannerChoice::Atlas => planner.name() == plan::Planner::Atlas,
        PlannerChoice::Builtin => planner.name() == plan::Planner::Builtin,
    })
}
