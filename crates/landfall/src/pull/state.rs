//! What the process that makes a copy leaves for others: a small file that it locks for its life
//! (`flock`, <https://man7.org/linux/man-pages/man2/flock.2.html>), and in which it writes how it ended.
//!
//! The lock says whether it lives, and dies with it. Its number alone would not: numbers are used again.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process;

use landfall_engine::Backup;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::own_file;

/// The file, open; perhaps locked.
#[derive(Debug)]
pub(crate) struct State {
    path: PathBuf,
    file: File,
}

/// What it says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Word {
    /// Written by the process itself; true as long as it holds the lock.
    Running {
        pid: u32,
    },
    Done(Backup),
    Failed(Failure),
}

impl Word {
    pub(crate) fn running() -> Self {
        Self::Running { pid: process::id() }
    }
}

impl State {
    /// Makes the file, which must not be there, and holds it.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let state = Self { path: path.to_owned(), file: own_file::create(path)? };
        // Only somebody who looks, or removes what is left, can be before us: both are quick.
        state.file.lock()?;
        if state.is_there()? { Ok(state) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// `None` when it is not there.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        match own_file::open(path) {
            Ok(file) => Ok(Some(Self { path: path.to_owned(), file })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// One that was opened and locked by the process that started this one; `None` when this file is another.
    pub(crate) fn inherited(path: &Path, file: File) -> io::Result<Option<Self>> {
        let state = Self { path: path.to_owned(), file };
        Ok(state.is_there()?.then_some(state))
    }

    /// Hands it over, with its lock: that belongs to the open file, in whatever process.
    pub(crate) fn into_file(self) -> File {
        self.file
    }

    pub(super) fn is_held(&self) -> io::Result<bool> {
        // Shared, so that two who look do not take each other for the process that they look for.
        match self.file.try_lock_shared() {
            Ok(()) => self.file.unlock().map(|()| false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether it could be taken, and is still the file of its name: another process may have removed it meanwhile.
    pub(super) fn take(&self) -> io::Result<bool> {
        match self.file.try_lock() {
            Ok(()) => self.is_there(),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// What it says; `None` when that is nothing, or was cut short by a death.
    pub(super) fn word(&self) -> Option<Word> {
        let mut text = String::new();
        let mut file = &self.file;
        file.rewind().and_then(|()| file.take(own_file::MOST).read_to_string(&mut text)).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// In place: under another name it would be another lock.
    pub(crate) fn write(&self, word: &Word) -> io::Result<()> {
        let mut file = &self.file;
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(&serde_json::to_vec(word)?)
    }

    /// Whether that process has this very file open, as whoever holds its lock has: what the file says, anybody may have written
    /// who may write it.
    pub(crate) fn is_open_in(&self, process: i32) -> bool {
        let Ok(ours) = self.file.metadata() else { return false };
        let open = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
        open.filter_map(|entry| entry.path().metadata().ok())
            .any(|theirs| (ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino()))
    }

    fn is_there(&self) -> io::Result<bool> {
        let ours = self.file.metadata()?;
        match self.path.symlink_metadata() {
            Ok(theirs) => Ok((ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}
