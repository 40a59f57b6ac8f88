//! Today's change on a copy of real data, by the engine that is going to run: what comes of it, and how long it takes.

mod container;
mod data;
mod fork;
mod here;
mod prediction;
mod recorded;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use landfall_engine::{
    Approval, Changed, Declared, Evidence, Interrupt, Outcome, Report, Settings, TableRows,
};
use serde::Serialize;

use self::recorded::Recorded;
use super::check::Verdict;
use super::deployed;
use super::document::Document;
use super::downtime::{Downtime, Measured, Work};
use super::image;
use super::production::Production;
use crate::cli::Bases;
use crate::fly_toml::FlyToml;
use crate::local;
use crate::name::{CommitId, Revision};
use crate::project::Project;
use crate::text;
use crate::tool::fly::{Failure, Fly};
use crate::tool::{atlas, git};
use crate::ui::Ui;

/// What the name of a rehearsal's machine begins with.
pub(crate) const MACHINE: &str = "landfall-rehearsal-";
/// The same of its volume.
pub(crate) const VOLUME: &str = "landfall_rehearsal_";

/// What is asked for on the command line.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// On which data.
    pub(crate) on: On,
    /// In the image, not by this program.
    pub(crate) image: bool,
    /// Other images to build from.
    pub(crate) bases: Bases,
    /// Hazards that are approved.
    pub(crate) allow: Vec<Approval>,
    /// How long a deploy is going to wait.
    pub(crate) wait_timeout: Duration,
}

/// On which data.
#[derive(Debug)]
pub(crate) enum On {
    /// The newest copy of production that was pulled.
    Pulled,
    /// This database, which stays as it is.
    File(PathBuf),
    /// A copy of production that is pulled now.
    Pull,
    /// A fork of production's volume, at Fly.
    Fork,
}

/// A rehearsal: the report of its JSON document.
#[derive(Debug, Serialize)]
pub(crate) struct Rehearsal {
    /// The deployed commit, where it is known.
    pub(crate) from: Option<CommitId>,
    /// The commit that is rehearsed, with `-dirty` where the work tree holds something else.
    pub(crate) to: Revision,
    /// On which data, in words.
    pub(crate) data: String,
    /// Where, in words.
    pub(crate) place: String,
    /// The SQLite that did it.
    pub(crate) sqlite: String,
    /// The copy that a boot makes before such a change; none is made of a harmless one.
    pub(crate) copy: Option<Work>,
    /// Planned, copied and applied, in seconds; none where it was refused.
    pub(crate) seconds: Option<f64>,
    /// What changed, and the rows of every table.
    pub(crate) change: Report,
    /// How long the service will not answer; none where the change was refused.
    pub(crate) downtime: Option<Downtime>,
    /// `schema.sql` as it is deployed, and as it is today.
    #[serde(skip)]
    schemas: (Option<String>, String),
}

impl Rehearsal {
    /// For people who were not there.
    pub(crate) fn document(&self, project: &Project) -> Document<'_> {
        let refused = self.downtime.is_none();
        let commit = |commit: &str| image::short(commit);
        let from = self.from.as_deref().map_or_else(|| "nothing deployed".to_owned(), commit);
        let mut facts = vec![("data", self.data.clone()), ("where", self.place.clone())];
        facts.extend(self.split().map(|split| ("time", split)));
        facts.push(("SQLite", self.sqlite.clone()));
        Document {
            title: format!("Rehearsal of {}: {from} -> {}", project.app, commit(&self.to)),
            verdict: if refused { Verdict::Refused } else { Verdict::Fine },
            summary: self.summary(),
            facts,
            checks: &[],
            schema_path: project.schema_in_root.display().to_string(),
            before: self.schemas.0.as_deref(),
            after: &self.schemas.1,
            report: Some(&self.change),
            downtime: self.downtime.as_ref(),
        }
    }

    /// What the time of the change went to before it was applied and while it was: `planned in 0.41 s, copied in …`.
    pub(crate) fn split(&self) -> Option<String> {
        let (whole, applied) = (self.seconds?, self.change.seconds?);
        let copied = self.copy.map_or(0.0, |copy| copy.seconds);
        let planned = (whole - applied - copied).max(0.0);
        let copied = if self.copy.is_some() {
            format!(", copied in {}", text::seconds(copied))
        } else {
            String::new()
        };
        Some(format!("planned in {}{copied}, applied in {}", text::seconds(planned), text::seconds(applied)))
    }

    /// What came of it, in a sentence without its full stop.
    fn summary(&self) -> String {
        let differences = text::count(self.change.differences.len() as u64, "difference");
        match (&self.downtime, self.change.outcome, self.seconds) {
            (None, ..) => Changed::Nothing.told(&format!("{differences}, and the change was refused")),
            (_, Outcome::Applied, Some(seconds)) => {
                format!("{differences}, applied in {}: every row is there", text::seconds(seconds))
            }
            _ => "nothing to change".to_owned(),
        }
    }
}

/// What came of the change, wherever it was made.
struct Tried {
    /// On which data, in words.
    data: String,
    /// Where, in words.
    place: String,
    /// The SQLite that did it.
    sqlite: String,
    /// The engine's report.
    report: Report,
    /// The copy that was made first.
    copy: Option<Work>,
    /// The change: planned, copied, applied; what it was measured on.
    change: Measured,
    /// From the request to stop to the end of the release, if that was seen.
    stopped: Option<Measured>,
    /// From the making of a machine to its start, where one was made.
    replaced: Option<Measured>,
    /// From start to the first answer where nothing is to be changed, if that was seen.
    started: Option<Measured>,
    /// Why it was not applied.
    refused: Option<anyhow::Error>,
}

/// What every rehearsal has in common.
struct Stage<'a> {
    project: &'a Project,
    fly_toml: &'a FlyToml,
    fly: &'a Result<Fly<'a>, Failure>,
    production: &'a Production,
    wanted: &'a Wanted,
    declared: &'a Declared,
    settings: &'a Settings,
    interrupt: &'a Interrupt,
    ui: &'a Ui,
}

/// Rehearses. Where the change is refused, the error comes with the rehearsal as far as it went.
pub(crate) fn run(
    project: &Project,
    wanted: &Wanted,
    interrupt: &Interrupt,
    ui: &Ui,
) -> Result<(Rehearsal, Result<()>)> {
    let fly_toml = FlyToml::read(&project.root)?;
    let settings =
        Settings { atlas: atlas::find()?, allow: wanted.allow.clone(), ..project.settings(interrupt) };
    let declared = Declared::read(&project.schema, &settings)?;
    let fly = Fly::of(&fly_toml.app, interrupt);
    let production = Production::find(&fly_toml, &fly);
    let stage = Stage {
        project,
        fly_toml: &fly_toml,
        fly: &fly,
        production: &production,
        wanted,
        declared: &declared,
        settings: &settings,
        interrupt,
        ui,
    };
    stage.run()
}

impl Stage<'_> {
    fn run(&self) -> Result<(Rehearsal, Result<()>)> {
        let recorded = self.recorded();
        let tried = match self.wanted.on {
            On::Fork => self.on_a_fork()?,
            _ => self.on_a_copy(&recorded)?,
        };
        self.told(tried, &recorded)
    }

    fn on_a_copy(&self, recorded: &Recorded) -> Result<Tried> {
        let data = self.data()?;
        local::tell_missing_atlas(self.settings, self.ui);
        self.ui.status("Rehearsing", format!("{} on {}", self.project.schema.display(), data.what));
        if self.wanted.image { self.in_the_image(&data, recorded) } else { self.here(&data, recorded) }
    }

    fn told(&self, tried: Tried, recorded: &Recorded) -> Result<(Rehearsal, Result<()>)> {
        let downtime = tried.refused.is_none().then(|| self.predict(&tried, recorded));
        let (from, before) = self.deployed()?;
        let rehearsal = Rehearsal {
            from,
            to: image::commit(self.project, self.interrupt)?,
            seconds: tried.refused.is_none().then_some(tried.change.seconds),
            data: tried.data,
            place: tried.place,
            sqlite: tried.sqlite,
            copy: tried.copy,
            change: tried.report,
            downtime,
            schemas: (before, self.declared.text().to_owned()),
        };
        Ok((rehearsal, tried.refused.map_or(Ok(()), Err)))
    }

    /// The deployed commit and its `schema.sql`, as far as they are known here.
    fn deployed(&self) -> Result<(Option<CommitId>, Option<String>)> {
        let label = self.production.machine().and_then(deployed::revision);
        let name = deployed::ref_name(&self.fly_toml.app);
        let commit = match label {
            Some(commit) => Some(commit),
            None => git::named(&self.project.root, &name, self.interrupt)?,
        };
        let Some(commit) = commit else { return Ok((None, None)) };
        let schema = deployed::schema(self.project, &commit, self.interrupt)?;
        Ok((Some(commit), schema.map(|files| files.text().to_owned())))
    }
}

/// The rows of tables that the change did not come near, beside those that it did; and the number of all, where a sample was
/// enough for the change.
fn with_untouched(evidence: &mut Vec<Evidence>, before: &[TableRows], after: &[TableRows]) {
    for TableRows { table, rows } in after {
        let was = before.iter().find(|known| known.table.eq_ignore_ascii_case(table));
        let (rows_before, rows_after) = (was.map_or(0, |was| was.rows), *rows);
        match evidence.iter_mut().find(|known| known.table.eq_ignore_ascii_case(table)) {
            // Here they were counted after all.
            Some(known) if known.sampled => (known.rows_before, known.rows_after) = (rows_before, rows_after),
            Some(_) => {}
            None => evidence.push(Evidence {
                table: table.clone(),
                rows_before,
                rows_after,
                sampled: false,
                checksum: None,
            }),
        }
    }
}
