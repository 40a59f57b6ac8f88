//! Whether the files that are open still have their names. A database that was moved away takes what is written with it, to where
//! nobody looks for it: what has lost its name is not written to, and nothing of it is acknowledged.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The database and its log as they were opened. It costs a `stat` each to compare them.
#[derive(Debug)]
pub(super) struct Names(Vec<(PathBuf, Number)>);

/// Device and inode; `None` is no file.
type Number = Option<(u64, u64)>;

impl Names {
    /// Of a database that was read: then its log is open, too.
    pub(super) fn of(database: &Path) -> io::Result<Self> {
        let mut log = fs::canonicalize(database)?.into_os_string();
        log.push("-wal");
        let files = [database.to_owned(), PathBuf::from(log)];
        Ok(Self(files.into_iter().map(|file| Ok((file.clone(), number(&file)?))).collect::<io::Result<_>>()?))
    }

    /// The first file that has lost its name.
    pub(super) fn lost(&self) -> Option<&Path> {
        // One that cannot be looked at is not known to be the same.
        let lost = self.0.iter().find(|(file, opened)| number(file).ok().as_ref() != Some(opened));
        lost.map(|(file, _)| file.as_path())
    }
}

fn number(file: &Path) -> io::Result<Number> {
    match file.metadata() {
        Ok(facts) => Ok(Some((facts.dev(), facts.ino()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
