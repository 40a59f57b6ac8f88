//! The database's file, and the files beside it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use landfall_engine::{Error, ErrorKind};

/// Where the data is.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) path: PathBuf,
    /// Nobody named it: its folder may be made. A named folder that is missing is more likely a missing mount.
    pub(crate) by_default: bool,
}

impl Database {
    /// The folder that it is in.
    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    /// The file in the same folder whose name goes on with this.
    pub(crate) fn beside(&self, suffix: &str) -> PathBuf {
        let mut path = OsString::from(&self.path);
        path.push(suffix);
        path.into()
    }

    /// Whether the file is, or would be, in the same folder, however that is written.
    pub(crate) fn is_beside(&self, file: &Path) -> bool {
        let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let same = |a: &Path, b: &Path| Some(fs::canonicalize(a).ok()? == fs::canonicalize(b).ok()?);
        parent == self.folder() || same(parent, self.folder()).unwrap_or(false)
    }

    /// Refuses a file that lies somewhere else.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`].
    pub(crate) fn refuse_elsewhere(&self, file: &Path) -> Result<(), Error> {
        if self.is_beside(file) {
            return Ok(());
        }
        let (shown, database) = (file.display().to_string(), self.path.display());
        let message = format!("{shown} does not lie beside {database}");
        let remedy = format!("name a file in {}: landfall status lists them", self.folder().display());
        Err(Error::new(ErrorKind::Usage, shown, message).unchanged().remedy(remedy))
    }

    /// The path, of a database that must exist.
    pub(crate) fn existing(&self) -> Result<&Path, Error> {
        if self.path.exists() {
            return Ok(&self.path);
        }
        let shown = self.path.display();
        Err(Error::new(ErrorKind::Database, shown.to_string(), format!("there is no database at {shown}"))
            .remedy("create it with: landfall migrate, or name another one with DB_PATH"))
    }
}
