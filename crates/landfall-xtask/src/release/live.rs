//! Production's live schema, made again here: only a database can be compared, planned for, and fitted.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use landfall_engine::fingerprint::{Likeness, likeness};
use landfall_engine::{Declared, Difference, Live, Settings};

/// A database whose schema is production's, in a folder that goes away with it. It has no rows but those that a release declares.
pub(crate) struct Replica {
    folder: tempfile::TempDir,
}

impl Replica {
    /// Makes it.
    pub(crate) fn of(live: &Live, settings: &Settings) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder for production's schema")?;
        let replica = Self { folder };
        make(live, &replica.database(), settings)?;
        Ok(replica)
    }

    /// The same with the schema that a release declares.
    pub(crate) fn declared(declared: &Declared, settings: &Settings) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder for a declared schema")?;
        let replica = Self { folder };
        landfall_engine::make(&replica.database(), declared, settings)?;
        Ok(replica)
    }

    /// The database.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("live")
    }

    /// The same settings, under which messages speak of production.
    pub(crate) fn settings(&self, settings: &Settings) -> Settings {
        Settings { called: Some("production".to_owned()), ..settings.clone() }
    }

    /// Puts in the rows that production is known to have: those of the release whose fingerprint it tells.
    pub(crate) fn fill(&self, told: &str, releases: &[&Declared], settings: &Settings) -> Result<()> {
        let known = releases.iter().find(|declared| likeness(declared.fingerprint(), told) == Likeness::Same);
        if let Some(declared) = known.filter(|declared| declared.has_rows()) {
            landfall_engine::migrate(&self.database(), declared, settings, &mut ())?;
        }
        Ok(())
    }

    /// Why a release that declares this must not serve it; nothing where it fits. Its rows the machine itself looks for when it starts.
    pub(crate) fn misfits(&self, declared: &Declared, settings: &Settings) -> Result<Vec<Difference>> {
        let settings = Settings { schema_alone: true, ..settings.clone() };
        Ok(landfall_engine::fit(&self.database(), declared, &settings, &mut ())?.misfits)
    }
}

/// Makes the schema again in the new database `at`.
pub(crate) fn make(live: &Live, at: &Path, settings: &Settings) -> landfall_engine::Result<()> {
    let declared = Declared::parse(Path::new("production's schema"), &live.sql, settings)?;
    landfall_engine::make(at, &declared, settings)
}
