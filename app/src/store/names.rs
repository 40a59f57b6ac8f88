//! Whether the files that are open still have their names. A database that was moved away takes what is written with it, to where
//! nobody looks for it: what has lost its name is not written to, and nothing of it is acknowledged.

use std::fs;
use std::io;
#[cfg(not(target_os = "linux"))]
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

#[cfg(target_os = "linux")]
use rustix::{
    fs::{AtFlags, CWD, StatxFlags, makedev, statx},
    io::Errno,
};

/// The database, its log and the index of that as they were opened. It costs a `stat` each to compare them.
#[derive(Debug)]
pub(super) struct Names(Vec<(PathBuf, Number)>);

/// Device and inode; `None` is no file.
type Number = Option<(u64, u64)>;

impl Names {
    /// Of a database that was read: then its log and its index are open, too.
    pub(super) fn of(database: &Path) -> io::Result<Self> {
        let whole = fs::canonicalize(database)?;
        let beside = |suffix: &str| {
            let mut file = whole.clone().into_os_string();
            file.push(suffix);
            PathBuf::from(file)
        };
        // Whoever finds another index of the log writes over what is in the log.
        let files = [database.to_owned(), beside("-wal"), beside("-shm")];
        Ok(Self(files.into_iter().map(|file| Ok((file.clone(), number(&file)?))).collect::<io::Result<_>>()?))
    }

    /// The first file that has lost its name.
    pub(super) fn lost(&self) -> Option<&Path> {
        // One that cannot be looked at is not known to be the same.
        let lost = self.0.iter().find(|(file, opened)| number(file).ok().as_ref() != Some(opened));
        lost.map(|(file, _)| file.as_path())
    }
}

/// Of the file alone, and not its times: asked for those, Linux (since 6.13) gives the next write a time of its own, so that every
/// `fsync` of the log writes the inode as well, which takes as long as all else of a small write.
#[cfg(target_os = "linux")]
fn number(file: &Path) -> io::Result<Number> {
    match statx(CWD, file, AtFlags::empty(), StatxFlags::INO) {
        Ok(facts) => Ok(Some((makedev(facts.stx_dev_major, facts.stx_dev_minor), facts.stx_ino))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn number(file: &Path) -> io::Result<Number> {
    match file.metadata() {
        Ok(facts) => Ok(Some((facts.dev(), facts.ino()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
