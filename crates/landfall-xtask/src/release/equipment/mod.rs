//! `doctor`: what this machine has of what a deploy needs, and the command that gets what it lacks. Nothing here installs or changes
//! anything, and every question has a deadline.

mod atlas;
mod docker;
mod fly;
mod git;
mod lacking;
mod workspace;

use anyhow::Result;
use landfall_engine::Interrupt;
use serde::Serialize;

use super::check::{Check, Verdict};
use crate::project::Project;
use crate::ui::Ui;

/// What `doctor` found: the report of its JSON document.
#[derive(Debug, Serialize)]
pub(crate) struct Equipment {
    /// Line by line.
    pub(crate) checks: Vec<Check>,
}

impl Equipment {
    /// How many lines ended so.
    pub(crate) fn count(&self, verdict: Verdict) -> usize {
        self.checks.iter().filter(|check| check.verdict == verdict).count()
    }
}

/// Looks at everything. An error is a request to stop.
pub(crate) fn look(project: &Project, interrupt: &Interrupt, ui: &Ui) -> Result<Equipment> {
    let activity = ui.activity();
    activity.goes_on("asking git");
    let mut checks = git::checks(&project.root, interrupt)?;
    activity.goes_on("asking docker");
    checks.extend(docker::checks(interrupt)?);
    activity.goes_on("asking fly");
    checks.extend(fly::checks(interrupt)?);
    activity.goes_on("asking atlas");
    checks.push(atlas::check(project, interrupt)?);
    checks.extend([workspace::fly_toml(project), workspace::schema(project, interrupt)]);
    Ok(Equipment { checks })
}
