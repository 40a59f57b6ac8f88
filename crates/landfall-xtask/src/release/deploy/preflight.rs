//! What stands against a deploy, all at once, before anything is done.

use anyhow::Result;
use landfall_engine::Interrupt;

use crate::cli;
use crate::error::Told;
use crate::fly_toml::lint::{self, Severity};
use crate::project::Project;
use crate::release::shipping::Problem;
use crate::tool::docker;
use crate::tool::fly::{Fly, KNOWN, UPGRADE};
use crate::tool::git::{self, Pushedness};
use crate::ui::Ui;

/// As many changed files are named.
const NAMED: usize = 5;

/// Of the work tree, fly.toml and this machine; what is only told goes to `ui`.
pub(super) fn here(
    project: &Project,
    fly_toml: &str,
    wanted: &cli::Deploy,
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
    if let Err(error) = docker::refuse_unfit(interrupt) {
        let Told { message, remedy, .. } = Told::of(&error);
        problems.push(Problem::new(message, remedy));
    }
    Ok(problems)
}

/// Of flyctl, whose words are read.
pub(super) fn client(fly: &Fly<'_>) -> Vec<Problem> {
    match fly.client() {
        Ok(client) if client.is_too_old() => vec![Problem::new(
            format!(
                "fly is {}, and older than {KNOWN}, whose words and flags are known here",
                client.version
            ),
            UPGRADE,
        )],
        Ok(_) => Vec::new(),
        Err(failure) => vec![Problem::from(&failure)],
    }
}

/// What is shipped has to be found again: by its commit, by everybody.
fn work_tree(project: &Project, interrupt: &Interrupt) -> Result<Vec<Problem>> {
    const AS_IT_IS: &str = "or deploy it as it is: --allow-dirty";
    let Some(head) = git::head(&project.root, interrupt)? else {
        let remedy = format!("commit it: git init, git add, git commit; {AS_IT_IS}");
        return Ok(vec![Problem::usage("there is no commit to deploy", remedy)]);
    };
    let mut problems = Vec::new();
    if head.is_dirty() {
        let files = git::changed_files(&project.root, interrupt)?;
        let more = files.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let named = files.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        problems.push(Problem::usage(
            format!("the work tree is not what is committed: {named}{more}"),
            format!("commit or stash it; {AS_IT_IS}"),
        ));
    }
    match git::is_pushed(&project.root, &head, interrupt)? {
        Pushedness::Yes | Pushedness::NoOrigin => {}
        Pushedness::No => problems.push(Problem::usage(
            format!("commit {} is on no branch of origin: nobody else could find it", head.clean().short()),
            format!("git push origin HEAD; {AS_IT_IS}"),
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
