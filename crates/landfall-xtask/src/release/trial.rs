//! What a smoke test boots the image on, and what has to come of it: the engine says so, on this machine and beforehand.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use landfall_engine::{Check, Declared, ErrorKind, Settings, TableRows};

use super::deployed;
use crate::name::AppName;
use crate::project::Project;
use crate::tool::git;

/// How long a boot may take that has nothing to do.
const IDLE: Duration = Duration::from_secs(60);
/// How much longer than here the change itself may take there.
const SLOWER: u32 = 10;

/// A volume to boot on.
pub(super) struct Trial {
    /// What is on it.
    pub(super) on: &'static str,
    /// The database; `None` is an empty volume.
    pub(super) database: Option<PathBuf>,
    /// What has to come of it.
    pub(super) expected: Expected,
    /// How long that may take.
    pub(super) limit: Duration,
}

/// What has to come of a boot.
pub(super) enum Expected {
    /// It serves, with these rows.
    Rows(Vec<TableRows>),
    /// It refuses, for these hazards.
    Refusal(String),
}

/// A trial, or why there is none.
pub(super) type Found = Result<Trial, (&'static str, String)>;

/// Where trials come from.
pub(super) struct Trials<'a> {
    /// The workspace.
    pub(super) project: &'a Project,
    /// The app's name on Fly.
    pub(super) app: &'a AppName,
    /// What the engine is told, here as there.
    pub(super) settings: Settings,
    /// Where databases are made.
    pub(super) folder: &'a Path,
}

impl Trials<'_> {
    /// All of them, in the order in which they are booted.
    pub(super) fn find(&self) -> Result<[Found; 3]> {
        let declared = Declared::read(&self.project.schema, &self.settings)?;
        Ok([self.empty(&declared)?, self.local(&declared)?, self.deployed(&declared)?])
    }

    fn empty(&self, declared: &Declared) -> Result<Found> {
        let (expected, limit) = self.expect(declared, &self.folder.join("empty"))?;
        Ok(Ok(Trial { on: "an empty volume", database: None, expected, limit }))
    }

    fn local(&self, declared: &Declared) -> Result<Found> {
        const ON: &str = "a copy of the local database";
        let local = &self.project.local_db;
        if !local.metadata().is_ok_and(|facts| facts.len() > 0) {
            return Ok(Err((ON, format!("there is no {}", local.display()))));
        }
        self.trial(ON, declared, |copy| {
            Ok(landfall_engine::backup(local, copy, None, Check::Quick, &self.settings).map(drop)?)
        })
    }

    fn deployed(&self, declared: &Declared) -> Result<Found> {
        const ON: &str = "the last deployed schema";
        let Some(commit) =
            git::named(&self.project.root, &deployed::ref_name(self.app), &self.settings.interrupt)?
        else {
            return Ok(Err((ON, "no commit is deployed yet".to_owned())));
        };
        let Some(files) = deployed::schema(self.project, &commit, &self.settings.interrupt)? else {
            return Ok(Err((ON, format!("{commit} has no {}", self.project.schema_in_root.display()))));
        };
        let deployed = Declared::of(files, &self.settings)
            .with_context(|| format!("the schema of {commit} cannot be read"))?;
        self.trial(ON, declared, |copy| Ok(landfall_engine::make(copy, &deployed, &self.settings)?))
    }

    /// Of a database that is made twice: one to boot on, and one to see here what comes of it.
    fn trial(
        &self,
        on: &'static str,
        declared: &Declared,
        make: impl Fn(&Path) -> Result<()>,
    ) -> Result<Found> {
        let (there, here) = (self.folder.join(format!("{on} there")), self.folder.join(format!("{on} here")));
        make(&there)?;
        make(&here)?;
        let (expected, limit) = self.expect(declared, &here)?;
        Ok(Ok(Trial { on, database: Some(there), expected, limit }))
    }

    fn expect(&self, declared: &Declared, here: &Path) -> Result<(Expected, Duration)> {
        let begun = Instant::now();
        let migrated = landfall_engine::migrate(here, declared, &self.settings, &mut ());
        let limit = IDLE + begun.elapsed() * SLOWER;
        let expected = match migrated {
            Ok(_) => Expected::Rows(landfall_engine::rows(here, &self.settings)?.tables),
            Err(error) if error.kind == ErrorKind::Hazard => {
                let hazards = error.report.iter().flat_map(|report| report.hazards()).filter(|h| h.stops());
                let hazards = hazards.map(|hazard| format!("{}: {}", hazard.name, hazard.message));
                Expected::Refusal(hazards.collect::<Vec<_>>().join("; "))
            }
            Err(error) => return Err(error.into()),
        };
        Ok((expected, limit))
    }
}
