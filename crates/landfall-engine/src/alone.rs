//! A database that is all in its one file and in nobody else's hands, for as long as something is done to that file.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, ffi};

use crate::error::Result;
use crate::open::{self, explain};
use crate::settings::Settings;
use crate::watch::Watch;

/// What is not in the file of a database yet, or has to be taken out of it again, lies beside it under these.
const LOGS: [&str; 2] = ["-wal", "-journal"];

/// Every other connection is kept away until it is dropped.
#[derive(Debug)]
pub struct Alone {
    /// `None` where the file cannot be read by anybody.
    conn: Option<Connection>,
    /// Its journal mode before.
    mode: String,
    released: bool,
}

impl Alone {
    /// Folds the logs of the existing database `db` into its file, and waits until no other connection uses it.
    ///
    /// It is brought to the journal mode DELETE, and that is what makes it safe to give its name to another file meanwhile: a
    /// connection that comes later finds no log by that name, and one that wants to write is told by SQLite that its file was moved
    /// (`SQLITE_READONLY_DBMOVED`, <https://www.sqlite.org/rescode.html#readonly_dbmoved>). When this is dropped without
    /// [`Alone::release`], the mode is again what it was.
    ///
    /// A file that is no database, or too damaged to be opened, has nothing to fold, unless a log lies beside it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Locked`] when somebody uses it for too long, [`crate::ErrorKind::Database`] when it cannot be written,
    /// [`crate::ErrorKind::Space`], [`crate::ErrorKind::Interrupted`].
    pub fn take(db: &Path, settings: &Settings, watch: &mut dyn Watch) -> Result<Self> {
        let conn = open::writing(db, settings)?;
        // SQLite folds the log of a file that it cannot read, too, when it closes it.
        fold_when_closed(&conn, false).map_err(|error| explain(db, &error, settings))?;
        let known = || match mode(&conn) {
            Err(error) if is_unreadable(&error) && logs(db).is_empty() => Ok(None),
            mode => mode.map(Some),
        };
        let Some(mode) = open::opening(db, settings, watch, known)? else {
            return Ok(Self { conn: None, mode: String::new(), released: false });
        };
        let alone = Self { conn: Some(conn), mode, released: false };
        open::patiently(db, settings, watch, || alone.fold())?;
        Ok(alone)
    }

    /// Lets others in, and leaves the file as it is now.
    pub fn release(mut self) {
        self.released = true;
    }

    fn fold(&self) -> rusqlite::Result<()> {
        let Some(conn) = &self.conn else { return Ok(()) };
        set_mode(conn, "delete")?;
        conn.execute_batch("BEGIN EXCLUSIVE")?;
        // Somebody may have come in between, and have set it anew.
        if mode(conn)? == "delete" {
            return fold_when_closed(conn, true);
        }
        conn.execute_batch("ROLLBACK")?;
        Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None))
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.as_ref().filter(|_| !self.released) {
            // Whoever came in before has it as it is: the mode changes neither rows nor schema.
            drop(conn.execute_batch("ROLLBACK"));
            drop(set_mode(conn, &self.mode));
        }
    }
}

/// The files beside a database that hold some of it.
#[must_use]
pub fn logs(db: &Path) -> Vec<PathBuf> {
    let named = LOGS.map(|suffix| {
        let mut name = OsString::from(db);
        name.push(suffix);
        PathBuf::from(name)
    });
    // One that cannot be looked at is there.
    let is_there = |log: &PathBuf| match fs::metadata(log) {
        Ok(facts) => facts.len() > 0,
        Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
    };
    named.into_iter().filter(is_there).collect()
}

fn mode(conn: &Connection) -> rusqlite::Result<String> {
    conn.query_row("PRAGMA journal_mode", [], |row| row.get(0))
}

fn set_mode(conn: &Connection, mode: &str) -> rusqlite::Result<()> {
    conn.pragma_update_and_check(None, "journal_mode", mode, |_| Ok(()))
}

fn fold_when_closed(conn: &Connection, fold: bool) -> rusqlite::Result<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !fold).map(drop)
}

fn is_unreadable(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}
