//! Atlas: it proposes plans, and nothing needs it unless the configuration says so.

use std::path::Path;

use anyhow::Result;
use landfall_engine::{Interrupt, PlannerChoice};

use super::workspace::told;
use crate::project::Project;
use crate::release::check::{Check, Verdict, fine, line};
use crate::tool::atlas;
use crate::tool::run::Reply;

const ATLAS: &str = "atlas";

pub(super) fn check(project: &Project, interrupt: &Interrupt) -> Result<Check> {
    match atlas::find() {
        Ok(Some(file)) => found(&file, project, interrupt),
        Ok(None) => Ok(lacking("it was not found", project)),
        Err(error) => Ok(told(ATLAS, &error)),
    }
}

fn found(file: &Path, project: &Project, interrupt: &Interrupt) -> Result<Check> {
    let shown = file.display();
    let version = match atlas::version(file, interrupt)? {
        Reply::Said(version) => version,
        Reply::Absent => return Ok(lacking(&format!("{shown} cannot be started"), project)),
        Reply::Failed(why) | Reply::Late(why) => {
            return Ok(lacking(&format!("{shown} does not tell its version ({why})"), project));
        }
    };
    let check = fine(ATLAS, format!("{version} at {shown}"));
    Ok(match &project.atlas_version {
        Some(wanted) if wanted.trim_start_matches('v') != version => Check {
            details: vec![format!("the configuration has atlas.version = \"{wanted}\"")],
            remedy: download(project),
            ..check
        },
        _ => check,
    })
}

fn lacking(why: &str, project: &Project) -> Check {
    if project.planner == PlannerChoice::Atlas {
        let evidence = format!("{why}, and the configuration has planner = \"atlas\"");
        return line(ATLAS, Verdict::Needed, evidence, download(project));
    }
    line(ATLAS, Verdict::Optional, format!("{why}: the built-in planner plans alone"), download(project))
}

fn download(project: &Project) -> String {
    atlas::download(project.atlas_version.as_deref().unwrap_or(atlas::VERSION).trim_start_matches('v'))
}
