//! Production's live schema, made again here: only a database can be compared, planned for, and fitted.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use migrate::{Declared, Difference, Live, Settings};

/// A database without rows whose schema is production's, in a folder that goes away with it.
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
        migrate::migrate(&replica.database(), declared, settings, &mut ())?;
        Ok(replica)
    }

    /// The database.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("live")
    }

    /// Why a release that declares this must not serve it; nothing where it fits.
    pub(crate) fn misfits(&self, declared: &Declared, settings: &Settings) -> Result<Vec<Difference>> {
        Ok(migrate::fit(&self.database(), declared, settings, &mut ())?.misfits)
    }
}

/// Makes the schema again in the new database `at`.
pub(crate) fn make(live: &Live, at: &Path, settings: &Settings) -> migrate::Result<()> {
    let declared = Declared::parse(Path::new("production's schema"), &live.sql, settings)?;
    migrate::migrate(at, &declared, settings, &mut ()).map(drop)
}
