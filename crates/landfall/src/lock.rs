//! One process at a time migrates and serves a database: `flock` on a file beside it (<https://man7.org/linux/man-pages/man2/flock.2.html>).

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use landfall_engine::{Error, ErrorKind, Settings};
use rustix::io::{FdFlags, fcntl_setfd};
use tracing::info;

use crate::config::Database;
use crate::own_file;

/// What its name adds to the database's.
pub(crate) const SUFFIX: &str = ".lock";

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// Held until it is dropped; the system lets go of it, too, however the process dies. The file stays: one that is removed
/// while another process waits for it would be locked twice.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// From now on it is held by whatever this process becomes, too, as long as that lives.
    pub(crate) fn inherited(&self) -> io::Result<()> {
        Ok(fcntl_setfd(&self.file, FdFlags::empty())?)
    }

    /// Waits for it as long as for a lock of the database.
    pub(crate) fn take(database: &Database, settings: &Settings) -> Result<Self, Error> {
        let path = database.beside(SUFFIX);
        let database = &database.path;
        let file = open(&path).map_err(|error| cannot_lock(&path, &error))?;
        let deadline = Instant::now() + settings.lock_wait;
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { file }),
                Err(TryLockError::Error(error)) => return Err(cannot_lock(&path, &error)),
                Err(TryLockError::WouldBlock) => {}
            }
            if settings.interrupt.is_raised() {
                return Err(interrupted(database));
            }
            if Instant::now() >= deadline {
                return Err(held(database, settings.lock_wait));
            }
            if !told {
                info!("{} is served by another process: waiting", database.display());
                told = true;
            }
            thread::sleep(PAUSE);
        }
    }
}

/// The one that is there, or a new one.
fn open(path: &Path) -> io::Result<File> {
    match own_file::create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => own_file::open(path),
        made => made,
    }
}

fn held(database: &Path, limit: Duration) -> Error {
    let shown = database.display().to_string();
    let message = format!("another process has served {shown} for more than {} s", limit.as_secs());
    Error::new(ErrorKind::Locked, shown, message)
        .unchanged()
        .remedy("stop that one first: a service migrates when it starts")
}

fn interrupted(database: &Path) -> Error {
    let shown = database.display().to_string();
    let message = format!("the wait for another process that serves {shown} was interrupted");
    Error::new(ErrorKind::Interrupted, shown, message).unchanged().remedy("run the command again")
}

fn cannot_lock(path: &Path, error: &io::Error) -> Error {
    let shown = path.display().to_string();
    let message = format!("the lock {shown} cannot be taken: {error}");
    Error::new(ErrorKind::Database, &shown, message)
        .unchanged()
        .remedy(format!("check the rights of its folder; what is no lock of ours goes away with: rm {shown}"))
}
