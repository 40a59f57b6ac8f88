//! A connection that read a database, and that can tell afterwards whether anybody has committed since.
//!
//! While it plans it reads one state of the database. Between plan and apply a person may be asked, for hours: no transaction stays
//! open then, so nobody is kept from writing, or from folding the log back into the file.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rusqlite::Connection;

use crate::error::Result;
use crate::open::{self, explain};
use crate::settings::Settings;
use crate::watch::Watch;

/// A reading connection, and what it would tell if nobody committed.
#[derive(Debug)]
pub(crate) struct Reader {
    conn: Connection,
    version: i64,
    /// `None` where the name was given to another file while this one was opened: nobody knows then which of the two it is.
    file: Option<File>,
}

impl Reader {
    /// As [`open::snapshot`], until [`Reader::let_go`]. What is read from it is what [`Reader::is_current`] is about.
    pub(crate) fn open(path: &Path, settings: &Settings, watch: &mut dyn Watch) -> Result<Option<Self>> {
        let before = File::at(path);
        let Some(conn) = open::snapshot(path, settings, watch)? else { return Ok(None) };
        let version = version(&conn).map_err(|error| explain(path, &error, settings))?;
        // Looked at last: to open it may have rolled a dead transaction back.
        let file = File::at(path).filter(|now| before.is_some_and(|before| before.inode == now.inode));
        Ok(Some(Self { conn, version, file }))
    }

    pub(crate) fn conn(&self) -> &Connection {
        &self.conn
    }

    /// All is read: from here on it holds no lock.
    ///
    /// Fails where a statement failed so badly meanwhile that SQLite ended the transaction: then it was not one state that was read.
    pub(crate) fn let_go(&self) -> rusqlite::Result<()> {
        self.conn.execute_batch("COMMIT")
    }

    /// Whether the file at this path still is the one that was opened, and nobody wrote to it past SQLite.
    pub(crate) fn is_of(&self, path: &Path) -> bool {
        self.file.is_some() && self.file == File::at(path)
    }

    /// Whether no other connection has committed since it was opened. Only where nobody else can commit does it stay true.
    pub(crate) fn is_current(&self) -> bool {
        // Asking looks at the file, or the log, first (<https://www.sqlite.org/pragma.html#pragma_data_version>).
        version(&self.conn).is_ok_and(|now| now == self.version)
    }
}

fn version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.query_row("PRAGMA main.data_version", [], |row| row.get(0))
}

/// Which file, and as of when: a file that is copied over by another keeps its inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct File {
    inode: (u64, u64),
    size: u64,
    written: (i64, i64),
}

impl File {
    fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|facts| Self::from(&facts))
    }
}

impl From<&Metadata> for File {
    fn from(facts: &Metadata) -> Self {
        Self {
            inode: (facts.dev(), facts.ino()),
            size: facts.size(),
            written: (facts.mtime(), facts.mtime_nsec()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use std::fs;

    use super::*;

    const MODES: [&str; 3] = ["wal", "delete", "truncate"];

    fn made(path: &Path, mode: &str) -> Connection {
        let conn = Connection::open(path).unwrap();
        let sql = format!("PRAGMA journal_mode = {mode}; CREATE TABLE t (a); INSERT INTO t VALUES (1)");
        conn.execute_batch(&sql).unwrap();
        conn
    }

    fn reader(path: &Path) -> Reader {
        let reader = Reader::open(path, &Settings::default(), &mut ()).unwrap().unwrap();
        reader.let_go().unwrap();
        reader
    }

    #[test]
    fn a_commit_by_another_connection_is_seen_and_nothing_else_is() {
        for mode in MODES {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("db");
            let other = made(&path, mode);
            let reader = reader(&path);
            let quiet = [
                "SELECT * FROM t",
                "BEGIN IMMEDIATE; INSERT INTO t VALUES (2); ROLLBACK",
                "BEGIN IMMEDIATE",
                "INSERT INTO t VALUES (3)",
            ];
            for sql in quiet {
                other.execute_batch(sql).unwrap();
                assert!(reader.is_current() && reader.is_of(&path), "{mode}: {sql}");
            }
            other.execute_batch("COMMIT").unwrap();
            assert!(!reader.is_current(), "{mode}");
        }
    }

    #[test]
    fn what_is_committed_before_its_first_look_at_rows_is_seen() {
        for mode in MODES {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("db");
            let other = made(&path, mode);
            let reader = reader(&path);
            other.execute_batch("INSERT INTO t VALUES (2)").unwrap();
            let rows: i64 = reader.conn().query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
            assert_eq!(rows, 2, "{mode}");
            assert!(!reader.is_current(), "{mode}: it has looked since, and still has to tell");
        }
    }

    #[test]
    fn it_keeps_nobody_from_writing_or_from_folding_the_log_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let other = made(&path, "wal");
        let reader = reader(&path);
        reader.conn().query_row("SELECT count(*) FROM t", [], |_| Ok(())).unwrap();
        other.execute_batch("INSERT INTO t VALUES (2)").unwrap();
        let folded = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let (busy, log): (i64, i64) = other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], folded).unwrap();
        assert_eq!((busy, log), (0, 0), "a transaction of the reader was in the way");
        assert_eq!(fs::metadata(folder.path().join("db-wal")).unwrap().len(), 0);

        let path = folder.path().join("rollback");
        let other = made(&path, "delete");
        let reader = self::reader(&path);
        reader.conn().query_row("SELECT count(*) FROM t", [], |_| Ok(())).unwrap();
        other.execute_batch("BEGIN EXCLUSIVE; INSERT INTO t VALUES (2); COMMIT").unwrap();
    }

    #[test]
    fn another_file_by_that_name_is_not_the_one_that_was_read() {
        for mode in MODES {
            let folder = tempfile::tempdir().unwrap();
            let (path, twin) = (folder.path().join("db"), folder.path().join("twin"));
            drop(made(&path, mode));
            drop(made(&twin, mode));
            let reader = reader(&path);
            fs::rename(&twin, &path).unwrap();
            assert!(reader.is_current(), "{mode}: it looks at the old file, where nobody commits");
            assert!(!reader.is_of(&path), "{mode}");
            fs::remove_file(&path).unwrap();
            assert!(!reader.is_of(&path), "{mode}: gone");
        }
    }

    #[test]
    fn a_file_that_was_copied_over_is_not_the_one_that_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let (path, twin) = (folder.path().join("db"), folder.path().join("twin"));
        drop(made(&twin, "delete"));
        fs::copy(&twin, &path).unwrap();
        let reader = reader(&path);
        // The same number of commits and pages, so that SQLite has nothing to see a change by.
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::write(&path, fs::read(&twin).unwrap()).unwrap();
        assert!(reader.is_current());
        assert!(!reader.is_of(&path));
    }
}
