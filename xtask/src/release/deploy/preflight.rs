//! What stands against a deploy, all at once, before anything is done.

use anyhow::Result;
use migrate::Interrupt;

use super::Wanted;
use crate::error::Told;
use crate::fly_toml::FlyToml;
use crate::fly_toml::lint::{self, Severity};
use crate::project::Project;
use crate::release::audit::Audit;
use crate::release::image::short;
use crate::release::shipping::Problem;
use crate::release::shipping::place::{self, Place};
use crate::tool::docker;
use crate::tool::fly::{Fly, Reason};
use crate::tool::git::{self, Pushedness};
use crate::ui::Ui;

/// As many changed files are named.
const NAMED: usize = 5;

/// Of the work tree, fly.toml and this machine; what is only told goes to `ui`.
pub(super) fn here(
    project: &Project,
    fly_toml: &str,
    wanted: &Wanted,
    interrupt: &Interrupt,
    ui: &Ui,
) -> Result<Vec<Problem>> {
    let mut problems = if wanted.allow_dirty { Vec::new() } else { work_tree(project, interrupt)? };
    for problem in lint::lint(fly_toml) {
        match problem.severity {
            Severity::Refused => problems.push(Problem::usage(problem.to_string(), problem.remedy)),
            Severity::Told => ui.note(format!("{problem}\n{}", problem.remedy)),
        }
    }
    if let Err(error) = docker::refuse_missing() {
        let Told { message, remedy, .. } = Told::of(&error);
        problems.push(Problem::new(message, remedy));
    }
    Ok(problems)
}

/// What is shipped has to be found again: by its commit, by everybody.
fn work_tree(project: &Project, interrupt: &Interrupt) -> Result<Vec<Problem>> {
    const AS_IT_IS: &str = "or deploy it as it is: --allow-dirty";
    let Some(head) = git::head(&project.root)? else {
        let remedy = format!("commit it: git init, git add, git commit; {AS_IT_IS}");
        return Ok(vec![Problem::usage("there is no commit to deploy", remedy)]);
    };
    let mut problems = Vec::new();
    if head.dirty {
        let files = git::changed_files(&project.root)?;
        let more = files.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let named = files.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        problems.push(Problem::usage(
            format!("the work tree is not what is committed: {named}{more}"),
            format!("commit or stash it; {AS_IT_IS}"),
        ));
    }
    match git::is_pushed(&project.root, &head.id, interrupt)? {
        Pushedness::Yes | Pushedness::NoOrigin => {}
        Pushedness::No => problems.push(Problem::usage(
            format!("commit {} is on no branch of origin: nobody else could find it", short(&head.id)),
            format!("git push; {AS_IT_IS}"),
        )),
        Pushedness::Unknown(reason) => {
            problems.push(Problem::new(
                format!("origin did not answer: {reason}"),
                "check the network, and: git fetch",
            ));
        }
    }
    Ok(problems)
}

/// What is at Fly.
pub(crate) struct There {
    /// Where the release goes.
    pub(crate) place: Place,
    /// Whether Fly knows the app.
    pub(crate) has_app: bool,
}

/// Of Fly: token, app, machine, volume.
pub(crate) fn there(fly: &Fly<'_>, fly_toml: &FlyToml, audit: &Audit) -> Result<There, Vec<Problem>> {
    let problem =
        |failure: crate::tool::fly::Failure| vec![Problem::new(failure.message.clone(), failure.remedy())];
    let machines = match fly.machines() {
        Ok(machines) => machines,
        Err(failure) if failure.reason == Reason::NoApp => {
            // An app that exists, and that this token is not for, looks the same to most questions.
            return match fly.apps() {
                Ok(apps) if apps.iter().any(|app| app.name == fly_toml.app) => Err(problem(failure)),
                Ok(_) => Ok(There { place: Place::Nowhere { volume: None }, has_app: false }),
                Err(failure) => Err(problem(failure)),
            };
        }
        Err(failure) => return Err(problem(failure)),
    };
    let volumes = fly.volumes().map_err(problem)?;
    let was_deployed = !machines.is_empty() || fly.was_released().map_err(problem)?;
    let place = place::find(machines, volumes, fly_toml, was_deployed, &audit.set_aside())?;
    Ok(There { place, has_app: true })
}
