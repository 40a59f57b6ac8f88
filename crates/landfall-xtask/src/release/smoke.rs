//! The smoke test: the image is booted as production boots it, and has to prove itself.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use landfall_engine::fingerprint::{Likeness, likeness};
use landfall_engine::{Changed, Interrupt, Settings, TableRows};
use serde::Serialize;
use tempfile::TempDir;

use super::boot::{self, Ready};
use super::image::Built;
use super::probe::Probe;
use super::trial::{Expected, Trial, Trials};
use crate::error::{Error, Kind};
use crate::fly_toml::FlyToml;
use crate::name::Variable;
use crate::project::Project;
use crate::text;
use crate::tool::atlas;
use crate::tool::docker::{self, Container, State};
use crate::ui::Ui;

/// The app's exit code for a plan that needs an approval.
const REFUSED: i32 = 3;

/// A boot of the image.
#[derive(Debug, Serialize)]
pub(crate) struct Boot {
    /// What it was booted on.
    pub(crate) on: &'static str,
    /// What came of it.
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

/// What came of a boot.
#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// It served what was built, stopped in time, and every row is there.
    Served {
        /// Seconds from the start to the first good answer of `/healthz`.
        ready: f64,
        /// Seconds from SIGTERM to the end.
        stopped: f64,
        /// The rows of every table afterwards.
        tables: Vec<TableRows>,
    },
    /// The change needs an approval: it refused, as the engine does here, and changed nothing.
    Refused {
        /// The hazards, in the engine's words.
        reason: String,
    },
    /// There was nothing to boot it on.
    Skipped {
        /// Why.
        reason: String,
    },
}

/// What every boot has in common.
pub(crate) struct Smoke<'a> {
    /// The image.
    pub(crate) built: &'a Built,
    /// The workspace that it was built from.
    pub(crate) project: &'a Project,
    /// The machine that it is to run on.
    pub(crate) fly: &'a FlyToml,
    /// A request to stop.
    pub(crate) interrupt: &'a Interrupt,
}

impl Smoke<'_> {
    /// Boots it on an empty volume, on a copy of the local database, and on a database at the last deployed schema.
    pub(crate) fn run(&self, ui: &Ui) -> Result<Vec<Boot>> {
        // A call of docker's may be the one that is ended.
        self.all(ui)
            .map_err(|error| if self.interrupt.is_raised() { self.interrupted().into() } else { error })
    }

    fn interrupted(&self) -> Error {
        let left = "the image was built, and not proved";
        Error::new(Kind::Interrupted, &self.built.tag, "interrupted").changed(left)
    }

    fn all(&self, ui: &Ui) -> Result<Vec<Boot>> {
        self.refuse_atlas_that_does_not_run()?;
        let folder = tempfile::tempdir().context("cannot make a folder for databases")?;
        let settings = self.settings()?;
        let trials = Trials { project: self.project, app: &self.fly.app, settings, folder: folder.path() };
        let mut boots = Vec::new();
        for found in trials.find()? {
            boots.push(match found {
                Ok(trial) => {
                    ui.status("Booting", format!("{} on {}", self.built.tag, trial.on));
                    let boot = Boot { on: trial.on, outcome: self.boot(&trial, &folder)? };
                    ui.status("Passed", &boot);
                    boot
                }
                Err((on, reason)) => {
                    ui.status("Skipped", format!("{on}: {reason}"));
                    Boot { on, outcome: Outcome::Skipped { reason } }
                }
            });
        }
        Ok(boots)
    }

    fn refuse_atlas_that_does_not_run(&self) -> Result<()> {
        let version = docker::run(&self.built.tag, &["atlas", "version"], self.interrupt);
        version.map(drop).map_err(|error| {
            let told = format!("Atlas does not run in the image {}: {error:#}", self.built.tag);
            Error::new(Kind::Failed, "atlas", told)
                .remedy("choose a build of Atlas for the C library of the base: --atlas-image")
                .into()
        })
    }

    fn settings(&self) -> Result<Settings> {
        Ok(Settings { atlas: atlas::find()?, ..self.project.settings(self.interrupt) })
    }

    fn boot(&self, trial: &Trial, folder: &TempDir) -> Result<Outcome> {
        let container = self.container(trial)?;
        let begun = Instant::now();
        container.start()?;
        let ended = self.wait(&container, trial.limit)?;
        match (&trial.expected, ended) {
            (Expected::Rows(rows), State::Running) => {
                let ready = begun.elapsed().as_secs_f64();
                self.compare_version(&container)?;
                let stopped = self.stop(&container)?;
                let tables =
                    landfall_engine::rows(&self.fetch(&container, trial, folder)?, &self.settings()?)?.tables;
                self.compare_rows(rows, &tables, trial)?;
                Ok(Outcome::Served { ready, stopped, tables })
            }
            (Expected::Refusal(reason), State::Exited(REFUSED)) => {
                self.refuse_change(&container, trial, folder)?;
                Ok(Outcome::Refused { reason: reason.clone() })
            }
            (Expected::Refusal(reason), State::Running) => Err(self.failed(
                &container,
                &format!("on {} the image served what needs an approval: {reason}", trial.on),
            )),
            (_, State::Exited(code)) => Err(self.failed(
                &container,
                &format!("on {} the image did not serve: it ended with exit code {code}", trial.on),
            )),
        }
    }

    fn container(&self, trial: &Trial) -> Result<Container> {
        let create = trial.database.is_none().then(|| Variable::of("LANDFALL_CREATE", "1"));
        boot::container(self.built, self.fly, trial.database.as_deref(), create.as_slice(), self.interrupt)
    }

    /// Until it is well, or has ended.
    fn wait(&self, container: &Container, limit: Duration) -> Result<State> {
        match boot::wait(container, limit, self.interrupt)? {
            Ready::Well => Ok(State::Running),
            Ready::Ended(code) => Ok(State::Exited(code)),
            Ready::Late => {
                Err(self.failed(container, &format!("/healthz was not well within {} s", limit.as_secs())))
            }
            Ready::Interrupted => Err(self.interrupted().into()),
        }
    }

    fn compare_version(&self, container: &Container) -> Result<()> {
        let version = Probe::new(format!("http://{}", container.address()?)).version()?;
        let Built { commit, schema, .. } = self.built;
        let told = [
            ("commit", Some(&*version.commit), &**commit),
            ("declared schema", version.schema.declared.as_deref(), schema),
            ("live schema", version.schema.live.as_deref(), schema),
        ];
        match told.iter().find(|(_, told, built)| *told != Some(built)) {
            None => Ok(()),
            Some((what, told, built)) => {
                let version = told.filter(|told| likeness(told, built) == Likeness::Incomparable);
                let why = version.map_or("", |_| ": by another version of Landfall, they cannot be compared");
                let told = told.unwrap_or("nothing");
                Err(self.failed(
                    container,
                    &format!("/version tells of the {what} {told}, and {built} was built{why}"),
                ))
            }
        }
    }

    fn stop(&self, container: &Container) -> Result<f64> {
        let (limit, begun) = (self.fly.kill_timeout.as_secs(), Instant::now());
        match container.stop(limit)? {
            State::Exited(0) => Ok(begun.elapsed().as_secs_f64()),
            State::Exited(137) => {
                Err(self.failed(container, &format!("it did not stop within {limit} s of SIGTERM")))
            }
            State::Exited(code) => {
                Err(self.failed(container, &format!("asked to stop, it ended with exit code {code}")))
            }
            State::Running => Err(self.failed(container, "asked to stop, it still runs")),
        }
    }

    /// The database of a container that has ended, on this machine.
    fn fetch(&self, container: &Container, trial: &Trial, folder: &TempDir) -> Result<PathBuf> {
        let file = folder.path().join(format!("{} fetched", trial.on));
        if container.take(&self.fly.db_path, &file)? {
            return Ok(file);
        }
        Err(self.failed(container, &format!("there is no {} in it", self.fly.db_path)))
    }

    fn compare_rows(&self, expected: &[TableRows], found: &[TableRows], trial: &Trial) -> Result<()> {
        let rows = |tables: &[TableRows], name: &str| tables.iter().find(|t| t.table == name).map(|t| t.rows);
        let lost = expected.iter().find(|t| rows(found, &t.table) != Some(t.rows));
        let Some(table) = lost else { return Ok(()) };
        let now =
            rows(found, &table.table).map_or("no such table".to_owned(), |rows| text::count(rows, "row"));
        let message = format!(
            "on {} the table {} should have {} and has {now}",
            trial.on,
            landfall_engine::written(&table.table),
            text::count(table.rows, "row")
        );
        Err(self.fail(&message).into())
    }

    /// What was refused must not have touched anything.
    fn refuse_change(&self, container: &Container, trial: &Trial, folder: &TempDir) -> Result<()> {
        let Some(before) = &trial.database else { return Ok(()) };
        let (settings, after) = (self.settings()?, self.fetch(container, trial, folder)?);
        let rows = |db: &Path| landfall_engine::rows(db, &settings).map(|counted| counted.tables);
        self.compare_rows(&rows(before)?, &rows(&after)?, trial)?;
        let schema =
            |database: &Path| landfall_engine::inspect(database, &settings).map(|live| live.fingerprint);
        if schema(before)? == schema(&after)? {
            return Ok(());
        }
        Err(self.failed(
            container,
            &format!("on {} the image refused the change, and changed the schema", trial.on),
        ))
    }

    fn failed(&self, container: &Container, what: &str) -> anyhow::Error {
        let log = container.log(50).unwrap_or_else(|error| format!("{error:#}"));
        let log: String = log.lines().map(|line| format!("\n  {line}")).collect();
        self.fail(&format!("{what}{log}")).into()
    }

    fn fail(&self, what: &str) -> Error {
        let tag = &self.built.tag;
        Error::new(Kind::Failed, tag, format!("the image {tag} was built, and failed its smoke test: {what}"))
            .remedy(
                "do not ship it; to look into it: docker run --rm -it --tmpfs /data IMAGE landfall start -- app"
                    .replace("IMAGE", tag),
            )
    }
}

impl fmt::Display for Boot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.on)?;
        match &self.outcome {
            Outcome::Skipped { reason } => write!(f, "skipped, {reason}"),
            Outcome::Refused { reason } => {
                write!(f, "{}: {reason}", Changed::Nothing.told("refused as it must be"))
            }
            Outcome::Served { ready, stopped, tables } => {
                let rows = text::count(tables.iter().map(|table| table.rows).sum(), "row");
                let tables = text::count(tables.len() as u64, "table");
                write!(
                    f,
                    "served after {ready:.1} s, stopped in {stopped:.1} s, {tables} with {rows}: none is missing"
                )
            }
        }
    }
}
