//! Consistent copies of a live database.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rusqlite::Connection;
use serde::Serialize;

use crate::declared::io_reason;
use crate::error::{Error, ErrorKind, Result};
use crate::open::{self, explain};
use crate::settings::Settings;

/// A consistent copy that was made and checked.
#[derive(Debug, Clone, Serialize)]
pub struct Backup {
    /// Where it is.
    pub file: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Makes a consistent copy of a live database into the new file `to` (mode 0600), and checks it with `integrity_check`.
///
/// The copy is made by VACUUM INTO (<https://www.sqlite.org/lang_vacuum.html#vacuuminto>): one read transaction, so that a
/// service may go on writing. `cp` of a live WAL database loses commits.
///
/// # Errors
/// [`ErrorKind::Database`] when `db` is missing or cannot be read, when `to` exists or cannot be made, or when the copy is
/// damaged. Then nothing is left behind.
pub fn backup(db: &Path, to: &Path, settings: &Settings) -> Result<Backup> {
    let Some(conn) = open::reading(db, settings, &mut ())? else {
        let file = db.display().to_string();
        return Err(Error::new(
            ErrorKind::Database,
            &file,
            format!("there is no database {file}; nothing was copied"),
        )
        .remedy("name a database file that exists"));
    };
    // Made by us first: then it is ours alone from its first byte, and an existing file is never written over.
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(|error| cannot_make(to, &error))?;
    let result = copy(&conn, to, settings).map_err(|error| match error {
        CopyError::Sqlite(error) => explain(db, &error, settings),
        CopyError::Damaged(what) => Error::new(
            ErrorKind::Database,
            to.display().to_string(),
            format!("the copy of {} is damaged: {what}", db.display()),
        )
        .remedy("check the database itself: `PRAGMA integrity_check`"),
    });
    if result.is_err() {
        drop(std::fs::remove_file(to));
    }
    let bytes = result?;
    Ok(Backup { file: to.display().to_string(), bytes })
}

enum CopyError {
    Sqlite(rusqlite::Error),
    Damaged(String),
}

impl From<rusqlite::Error> for CopyError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn copy(conn: &Connection, to: &Path, settings: &Settings) -> Result<u64, CopyError> {
    conn.busy_timeout(settings.lock_wait)?;
    conn.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
    let copy = Connection::open(to)?;
    if let Some(hook) = settings.hook {
        hook(&copy)?;
    }
    let verdict: String = copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(CopyError::Damaged(verdict));
    }
    drop(copy);
    std::fs::metadata(to).map(|facts| facts.len()).map_err(|error| CopyError::Damaged(io_reason(&error)))
}

fn cannot_make(to: &Path, error: &std::io::Error) -> Error {
    let file = to.display().to_string();
    if error.kind() == std::io::ErrorKind::AlreadyExists {
        return Error::new(
            ErrorKind::Database,
            &file,
            format!("the file {file} exists already; nothing was copied"),
        )
        .remedy("name a new file");
    }
    Error::new(
        ErrorKind::Database,
        &file,
        format!("the copy {file} cannot be made: {}; nothing was copied", io_reason(error)),
    )
    .remedy("name a file in a folder that exists and can be written")
}
