//! Steps executed one by one, with what edits of `sqlite_schema` need around them.
//!
//! <https://www.sqlite.org/pragma.html#pragma_writable_schema>; that a raised schema version makes every connection read the
//! schema anew: <https://www.sqlite.org/pragma.html#pragma_schema_version>.

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::operation::StepKind;
use crate::plan::Step;

/// Lets edits through while steps are edits, and makes SQLite read the schema anew behind the last of them: edits that belong
/// together may leave it unreadable in between.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    writable: bool,
}

impl Catalogue {
    /// To be called before each step.
    pub(crate) fn before(&mut self, conn: &Connection, step: &Step) -> rusqlite::Result<()> {
        match (step.kind() == StepKind::Edit, self.writable) {
            (true, false) => self.open(conn),
            (false, true) => self.close(conn),
            _ => Ok(()),
        }
    }

    /// To be called after the last step.
    pub(crate) fn end(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        if self.writable { self.close(conn) } else { Ok(()) }
    }

    fn open(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        // It forbids edits, whatever writable_schema says, and is off only by default.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, false)?;
        conn.pragma_update(None, "writable_schema", true)?;
        self.writable = true;
        Ok(())
    }

    fn close(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        self.writable = false;
        let version: i64 = conn.pragma_query_value(None, "schema_version", |row| row.get(0))?;
        // As SQLite raises it itself: modulo 2^32. An equal number would leave other connections with the old schema.
        conn.pragma_update(None, "schema_version", i64::from((version as i32).wrapping_add(1)))?;
        conn.pragma_update(None, "writable_schema", false)?;
        // Reads all of it: a text that SQLite cannot read fails here.
        conn.query_row("SELECT count(*) FROM main.sqlite_schema", [], |_| Ok(()))
    }
}

/// Forbids edits again on a connection whose steps were given up half-way; a transaction has to undo what they did.
pub(crate) fn give_up(conn: &Connection) -> rusqlite::Result<()> {
    conn.pragma_update(None, "writable_schema", false)
}
