//! The smoke test: the image is booted as production boots it, and has to prove itself.

use std::fmt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use migrate::{Declared, ErrorKind, Interrupt, Settings, TableRows};
use serde::Serialize;
use tempfile::TempDir;

use super::image::{self, Built};
use super::probe::Probe;
use crate::error::{Error, Kind};
use crate::fly_toml::FlyToml;
use crate::project::Project;
use crate::text;
use crate::tool::docker::{self, Container, State};
use crate::tool::{atlas, git};
use crate::ui::Ui;

/// How long a boot may take: far more than a copy of local data needs.
const LIMIT: Duration = Duration::from_secs(600);
/// Between two looks.
const TICK: Duration = Duration::from_millis(50);
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

/// A database to boot on, and what has to come of it.
struct Trial {
    on: &'static str,
    /// `None` is an empty volume.
    database: Option<PathBuf>,
    expected: Expected,
}

enum Expected {
    Rows(Vec<TableRows>),
    Refusal(String),
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
        self.refuse_atlas_that_does_not_run()?;
        let folder = tempfile::tempdir().context("cannot make a folder for databases")?;
        let declared = image::declared(self.project)?;
        let mut boots = Vec::new();
        for trial in [
            self.empty(&declared, &folder),
            self.local(&declared, &folder),
            self.deployed(&declared, &folder),
        ] {
            let boot = match trial? {
                Ok(trial) => {
                    ui.status("Booting", format!("{} on {}", self.built.tag, trial.on));
                    let outcome = self.boot(&trial, &folder)?;
                    Boot { on: trial.on, outcome }
                }
                Err((on, reason)) => Boot { on, outcome: Outcome::Skipped { reason } },
            };
            match &boot.outcome {
                Outcome::Skipped { reason } => ui.status("Skipped", format!("{}: {reason}", boot.on)),
                Outcome::Served { .. } | Outcome::Refused { .. } => ui.status("Passed", &boot),
            }
            boots.push(boot);
        }
        Ok(boots)
    }

    fn refuse_atlas_that_does_not_run(&self) -> Result<()> {
        let version = docker::run(&self.built.tag, &["atlas", "version"]);
        version.map(drop).map_err(|error| {
            let told = format!("Atlas does not run in the image {}: {error:#}", self.built.tag);
            Error::new(Kind::Failed, "atlas", told)
                .remedy("choose a build of Atlas for the C library of the base: --atlas-image")
                .into()
        })
    }

    fn empty(&self, declared: &Declared, folder: &TempDir) -> Result<Result<Trial, Nothing>> {
        let here = folder.path().join("empty");
        let expected = self.expect(declared, &here)?;
        Ok(Ok(Trial { on: "an empty volume", database: None, expected }))
    }

    fn local(&self, declared: &Declared, folder: &TempDir) -> Result<Result<Trial, Nothing>> {
        const ON: &str = "a copy of the local database";
        let local = &self.project.local_db;
        if !local.exists() {
            return Ok(Err((ON, format!("there is no {}", local.display()))));
        }
        let (database, here) = (folder.path().join("local"), folder.path().join("local-here"));
        for copy in [&database, &here] {
            migrate::backup(local, copy, &self.settings()?)?;
        }
        Ok(Ok(Trial { on: ON, database: Some(database), expected: self.expect(declared, &here)? }))
    }

    fn deployed(&self, declared: &Declared, folder: &TempDir) -> Result<Result<Trial, Nothing>> {
        const ON: &str = "the last deployed schema";
        let root = &self.project.root;
        let Some(commit) = git::rev_parse(root, &format!("refs/landfall/deployed/{}", self.fly.app))? else {
            return Ok(Err((ON, "no commit is deployed yet".to_owned())));
        };
        let Some(text) = git::show(root, &commit, &self.project.schema_in_root)? else {
            let file = self.project.schema_in_root.display();
            return Ok(Err((ON, format!("{commit} has no {file}"))));
        };
        let settings = self.settings()?;
        let old = Declared::parse(Path::new("schema.sql"), &text, &settings)
            .with_context(|| format!("the schema of {commit} cannot be read"))?;
        let (database, here) = (folder.path().join("deployed"), folder.path().join("deployed-here"));
        for copy in [&database, &here] {
            migrate::migrate(copy, &old, &settings, &mut ())?;
        }
        Ok(Ok(Trial { on: ON, database: Some(database), expected: self.expect(declared, &here)? }))
    }

    /// What the engine makes of the same database on this machine.
    fn expect(&self, declared: &Declared, here: &Path) -> Result<Expected> {
        let settings = self.settings()?;
        match migrate::migrate(here, declared, &settings, &mut ()) {
            Ok(_) => Ok(Expected::Rows(migrate::rows(here, &settings)?)),
            Err(error) if error.kind == ErrorKind::Hazard => {
                let hazards = error.message.lines().skip(1).map(str::trim).collect::<Vec<_>>();
                Ok(Expected::Refusal(hazards.join("; ")))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn settings(&self) -> Result<Settings> {
        let Project { planner, column_order, ignore, .. } = self.project;
        Ok(Settings {
            planner: *planner,
            column_order: *column_order,
            ignore: ignore.clone(),
            atlas: atlas::find()?,
            interrupt: self.interrupt.clone(),
            ..Settings::default()
        })
    }

    fn boot(&self, trial: &Trial, folder: &TempDir) -> Result<Outcome> {
        let container = self.container(trial)?;
        let begun = Instant::now();
        container.start()?;
        let ended = self.wait(&container, begun)?;
        match (&trial.expected, ended) {
            (Expected::Rows(rows), State::Running) => {
                let ready = begun.elapsed().as_secs_f64();
                self.compare_version(&container)?;
                let stopped = self.stop(&container)?;
                let tables = self.rows_of(&container, folder)?;
                self.compare_rows(rows, &tables, trial)?;
                Ok(Outcome::Served { ready, stopped, tables })
            }
            (Expected::Refusal(reason), State::Exited(REFUSED)) => {
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

    /// As on Fly: with its variables, and nothing else.
    fn container(&self, trial: &Trial) -> Result<Container> {
        let fly = self.fly;
        let mut env: Vec<_> = fly.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        env.extend([("FLY_MACHINE_ID", "smoke-test"), ("FLY_APP_NAME", fly.app.as_str())]);
        if trial.database.is_none() {
            env.push(("LANDFALL_CREATE", "1"));
        }
        let container = Container::create(&self.built.tag, &fly.volume, fly.port, &fly.memory, &env)?;
        if let Some(database) = &trial.database {
            let user = owner(&docker::inspect(&self.built.tag)?.config.user);
            container.put(database, &fly.db_path, user)?;
        }
        Ok(container)
    }

    /// Until it is well, or has ended.
    fn wait(&self, container: &Container, begun: Instant) -> Result<State> {
        let mut probe = None;
        loop {
            if self.interrupt.is_raised() {
                let text = "interrupted; the image was built, and not proved";
                return Err(Error::new(Kind::Interrupted, &self.built.tag, text).into());
            }
            let state = container.state()?;
            if state != State::Running {
                return Ok(state);
            }
            if probe.is_none() {
                probe = container.address().ok().map(|address| Probe::new(format!("http://{address}")));
            }
            if probe.as_ref().is_some_and(Probe::is_well) {
                return Ok(State::Running);
            }
            if begun.elapsed() > LIMIT {
                return Err(
                    self.failed(container, &format!("/healthz was not well within {} s", LIMIT.as_secs()))
                );
            }
            thread::sleep(TICK);
        }
    }

    fn compare_version(&self, container: &Container) -> Result<()> {
        let version = Probe::new(format!("http://{}", container.address()?)).version()?;
        let Built { commit, schema, .. } = self.built;
        let told = [
            ("commit", Some(&version.commit), commit),
            ("declared schema", version.schema.declared.as_ref(), schema),
            ("live schema", version.schema.live.as_ref(), schema),
        ];
        match told.iter().find(|(_, told, built)| *told != Some(*built)) {
            None => Ok(()),
            Some((what, told, built)) => {
                let told = told.map_or("nothing", |told| told.as_str());
                Err(self.failed(
                    container,
                    &format!("/version tells of the {what} {told}, and {built} was built"),
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
            other => Err(self.failed(container, &format!("asked to stop, it ended badly: {other:?}"))),
        }
    }

    fn rows_of(&self, container: &Container, folder: &TempDir) -> Result<Vec<TableRows>> {
        let file = folder.path().join("fetched");
        container.take(&self.fly.db_path, &file)?;
        Ok(migrate::rows(&file, &self.settings()?)?)
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
            table.table,
            text::count(table.rows, "row")
        );
        Err(self.fail(&message).into())
    }

    fn failed(&self, container: &Container, what: &str) -> anyhow::Error {
        let log = container.log(50).unwrap_or_default();
        let log: String = log.lines().map(|line| format!("\n  {line}")).collect();
        self.fail(&format!("{what}{log}")).into()
    }

    fn fail(&self, what: &str) -> Error {
        let tag = &self.built.tag;
        Error::new(Kind::Failed, tag, format!("the image {tag} was built, and failed its smoke test: {what}"))
            .remedy(
                "do not ship it; to look into it: docker run --rm -it --tmpfs /data IMAGE app start"
                    .replace("IMAGE", tag),
            )
    }
}

/// Why there is no trial.
type Nothing = (&'static str, String);

/// `USER` as numbers; root where it is not in numbers.
fn owner(user: &str) -> (u64, u64) {
    let (user, group) = user.split_once(':').unwrap_or((user, user));
    (user.parse().unwrap_or(0), group.parse().unwrap_or(0))
}

impl fmt::Display for Boot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.on)?;
        match &self.outcome {
            Outcome::Skipped { reason } => write!(f, "skipped, {reason}"),
            Outcome::Refused { reason } => write!(f, "refused as it must be, and nothing changed: {reason}"),
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
