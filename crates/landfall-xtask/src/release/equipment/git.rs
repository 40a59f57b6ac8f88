//! git: a deploy is of a commit, and is recorded in the repository.

use std::path::Path;

use anyhow::Result;
use landfall_engine::Interrupt;

use super::lacking::{NOT_FOUND, install};
use crate::release::check::{Check, Verdict, fine, line, not_read};
use crate::release::image::short;
use crate::tool::git;
use crate::tool::run::Reply;

const GIT: &str = "git";
const REPOSITORY: &str = "repository";
const ORIGIN: &str = "origin";
/// What makes the first commit.
const COMMIT: &str = "git add --all && git commit --message \"The first state\"";

pub(super) fn checks(root: &Path, interrupt: &Interrupt) -> Result<Vec<Check>> {
    let git = match git::version(interrupt)? {
        Reply::Said(version) => fine(GIT, version),
        Reply::Absent => {
            let remedy = install("git", "git", "https://git-scm.com/downloads");
            return Ok(alone(line(GIT, Verdict::Needed, NOT_FOUND, remedy), "there is no git"));
        }
        Reply::Failed(why) | Reply::Late(why) => {
            let unknown = line(GIT, Verdict::Unknown, why, "see what it says itself: git --version");
            return Ok(alone(unknown, "git did not answer"));
        }
    };
    let repository = repository(root, interrupt)?;
    let origin = match repository.verdict {
        Verdict::Fine => origin(root, interrupt)?,
        _ => not_read(ORIGIN, "not asked: there is no commit"),
    };
    Ok(vec![git, repository, origin])
}

fn alone(git: Check, why: &str) -> Vec<Check> {
    let not_asked = |name| not_read(name, format!("not asked: {why}"));
    vec![git, not_asked(REPOSITORY), not_asked(ORIGIN)]
}

fn repository(root: &Path, interrupt: &Interrupt) -> Result<Check> {
    match git::repository(root, interrupt)? {
        Reply::Said(_) => commit(root, interrupt),
        Reply::Failed(why) => Ok(outside(why.trim_start_matches("fatal: "))),
        Reply::Absent | Reply::Late(_) => Ok(no_answer(REPOSITORY)),
    }
}

fn outside(why: &str) -> Check {
    // It names the folder that is somebody else's, which may be one above the workspace.
    let remedy = match why.split('\'').nth(1) {
        Some(folder) if why.contains("dubious ownership") => {
            format!("git config --global --add safe.directory {folder}")
        }
        _ => format!("git init && {COMMIT}"),
    };
    line(REPOSITORY, Verdict::Needed, why, remedy)
}

fn commit(root: &Path, interrupt: &Interrupt) -> Result<Check> {
    Ok(match git::checked_out(root, interrupt)? {
        Reply::Said(commit) => fine(REPOSITORY, format!("commit {} is checked out", short(&commit))),
        Reply::Failed(_) => {
            line(REPOSITORY, Verdict::Needed, "it has no commit yet, and a deploy is of one", COMMIT)
        }
        Reply::Absent | Reply::Late(_) => no_answer(REPOSITORY),
    })
}

fn origin(root: &Path, interrupt: &Interrupt) -> Result<Check> {
    Ok(match git::origin_address(root, interrupt)? {
        Reply::Said(address) => fine(ORIGIN, address),
        Reply::Failed(_) => line(
            ORIGIN,
            Verdict::Optional,
            "there is none: what is deployed is recorded in this repository alone",
            "git remote add origin ADDRESS",
        ),
        Reply::Absent | Reply::Late(_) => no_answer(ORIGIN),
    })
}

fn no_answer(name: &'static str) -> Check {
    line(name, Verdict::Unknown, "git did not answer", "see what it says itself: git status")
}
