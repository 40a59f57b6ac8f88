//! `verify-sync`: is everything at the deployed commit, and does today's schema apply to it? Nothing here writes but to a folder
//! that goes away again.

mod change;
mod commit;
mod directives;
mod live;
mod local;
mod opinions;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use landfall_engine::{Declared, Interrupt, Report, Settings};
use serde::Serialize;
use tempfile::TempDir;

use self::directives::idle_directives;
use super::check::{self, Check, Verdict, fine, line, not_read};
use super::deployed::{self, Source};
use super::document::Document;
use super::image;
use super::probe::Probe;
use super::production::Production;
use crate::cli::VerifySync;
use crate::error::{Error, Kind};
use crate::fly_toml::FlyToml;
use crate::name::CommitId;
use crate::project::Project;
use crate::tool::atlas;
use crate::tool::fly::{Failure, Fly};
use crate::ui::Ui;

/// What `verify-sync` found: the report of its JSON document.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    /// The deployed commit; none before the first deploy, or where it is not known.
    pub(crate) commit: Option<CommitId>,
    /// Where it was looked for.
    pub(crate) sources: Vec<Source>,
    /// Line by line.
    pub(crate) checks: Vec<Check>,
    /// What today's schema changes, as the engine tells it.
    pub(crate) change: Option<Report>,
    /// `schema.sql` as it is deployed, and as it is today.
    #[serde(skip)]
    schemas: (Option<String>, String),
}

impl Found {
    /// What is known to be wrong comes before what is not known.
    pub(crate) fn verdict(&self) -> Verdict {
        check::verdict(&self.checks)
    }

    /// For people who were not there.
    pub(crate) fn document(&self, project: &Project) -> Document<'_> {
        let verdict = self.verdict();
        let commit = self.commit.as_deref().map_or_else(|| "nothing deployed".to_owned(), image::short);
        let summary = match verdict {
            Verdict::OutOfSync => "Not everything is in sync: each line that differs says what mends it",
            Verdict::Refused => "The change needs an approval",
            Verdict::Unknown | Verdict::Needed => "Not everything could be told",
            Verdict::Fine | Verdict::Optional | Verdict::NotRead => {
                "Everything that could be read is in sync, and the change applies"
            }
        };
        Document {
            title: format!("Is {} in sync with {commit}?", project.app),
            verdict,
            summary: summary.to_owned(),
            facts: Vec::new(),
            checks: &self.checks,
            schema_path: project.schema_in_root.display().to_string(),
            before: self.schemas.0.as_deref(),
            after: &self.schemas.1,
            report: self.change.as_ref(),
            downtime: None,
        }
    }
}

/// Everything that the checks look at.
struct Sync<'a> {
    project: &'a Project,
    fly_toml: &'a FlyToml,
    fly: Result<Fly<'a>, Failure>,
    probe: Probe,
    wanted: &'a VerifySync,
    settings: Settings,
    interrupt: &'a Interrupt,
    folder: TempDir,
}

/// A database made from the deployed commit's `schema.sql`.
struct Fresh {
    /// The commit, short; none is the empty database of before the first deploy.
    commit: Option<String>,
    declared: Declared,
    database: PathBuf,
}

impl Fresh {
    /// How it is called in sentences.
    fn name(&self) -> String {
        self.commit
            .as_ref()
            .map_or_else(|| "an empty database".to_owned(), |commit| format!("commit {commit}"))
    }
}

/// Looks at everything.
pub(crate) fn run(project: &Project, wanted: &VerifySync, interrupt: &Interrupt, ui: &Ui) -> Result<Found> {
    let fly_toml = FlyToml::read(&project.root)?;
    let settings =
        Settings { atlas: atlas::find()?, allow: wanted.allow.clone(), ..project.settings(interrupt) };
    let sync = Sync {
        project,
        fly_toml: &fly_toml,
        fly: Fly::of(&fly_toml.app, interrupt),
        probe: Probe::public(&fly_toml.app),
        wanted,
        settings,
        interrupt,
        folder: tempfile::tempdir().context("cannot make a folder for the fresh database")?,
    };
    sync.checks(ui)
}

impl Sync<'_> {
    fn checks(&self, ui: &Ui) -> Result<Found> {
        // Before anything slow: a schema.sql that cannot be read ends it at once.
        let today = Declared::read(&self.project.schema, &self.settings)?;
        let activity = ui.activity();
        activity.goes_on("looking for the deployed commit");
        let production = Production::find(self.fly_toml, &self.fly);
        let answer = deployed::ask(&production, &self.probe);
        let (commit, sources, commit_check) = self.deployed_commit(&production, &answer)?;
        activity.goes_on("making a database from it");
        let (fresh, fresh_check, deployed_schema) = self.fresh_database(commit.as_ref(), &commit_check)?;
        let mut checks = vec![commit_check, fresh_check, self.local_database(fresh.as_ref(), &today)];
        activity.goes_on("reading production's schema");
        let live = self.live_schema(fresh.as_ref(), &production, ui)?;
        let has_drifted = live.verdict == Verdict::OutOfSync;
        checks.push(live);
        activity.goes_on("applying today's schema");
        let (change, lines) = self.change(fresh.as_ref(), &today)?;
        let opinion = self.atlas(fresh.as_ref(), &today, &lines);
        checks.extend(lines);
        let is_deployed = fresh.as_ref().is_some_and(|fresh| fresh.commit.is_some());
        checks.extend(idle_directives(is_deployed, change.as_ref()));
        if has_drifted {
            checks.push(self.change_there(&self.live_database(), &today)?);
        }
        checks.push(opinion);
        checks.push(self.sqlite(commit.as_ref(), &answer)?);
        if self.interrupt.is_raised() {
            // What was asked last did not answer for that reason alone.
            return Err(Error::new(Kind::Interrupted, "", "interrupted").unchanged().into());
        }
        Ok(Found { commit, sources, checks, change, schemas: (deployed_schema, today.text().to_owned()) })
    }
}
