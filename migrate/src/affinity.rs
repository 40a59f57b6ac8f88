//! What a column of some affinity makes of a value.

use rusqlite::Connection;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::schema::Affinity;

/// SQLite itself as the judge of what a column of some affinity stores.
pub(crate) struct Store {
    conn: Connection,
}

impl Store {
    pub(crate) fn new() -> rusqlite::Result<Self> {
        let conn = Connection::open_in_memory()?;
        conn.execute_batch(
            "CREATE TABLE store (i INTEGER, t TEXT, b BLOB, r REAL, n NUMERIC); INSERT INTO store DEFAULT VALUES",
        )?;
        Ok(Self { conn })
    }

    /// Calls `then` with the value as a column of this affinity stores it.
    pub(crate) fn as_stored<T>(
        &mut self,
        value: ValueRef<'_>,
        affinity: Affinity,
        then: impl FnOnce(ValueRef<'_>) -> T,
    ) -> rusqlite::Result<T> {
        if !converts(value, affinity) {
            return Ok(then(value));
        }
        let (update, select) = match affinity {
            Affinity::Integer => ("UPDATE store SET i = ?1", "SELECT i FROM store"),
            Affinity::Text => ("UPDATE store SET t = ?1", "SELECT t FROM store"),
            Affinity::Blob => ("UPDATE store SET b = ?1", "SELECT b FROM store"),
            Affinity::Real => ("UPDATE store SET r = ?1", "SELECT r FROM store"),
            Affinity::Numeric => ("UPDATE store SET n = ?1", "SELECT n FROM store"),
        };
        self.conn.prepare_cached(update)?.execute([ToSqlOutput::Borrowed(value)])?;
        let mut statement = self.conn.prepare_cached(select)?;
        let mut rows = statement.query([])?;
        let Some(row) = rows.next()? else { return Err(rusqlite::Error::QueryReturnedNoRows) };
        Ok(then(row.get_ref(0)?))
    }
}

/// Whether storing could change the value at all (<https://www.sqlite.org/datatype3.html>, section 3).
fn converts(value: ValueRef<'_>, affinity: Affinity) -> bool {
    match (value, affinity) {
        (ValueRef::Null | ValueRef::Blob(_), _) | (_, Affinity::Blob) => false,
        (ValueRef::Text(_), affinity) => affinity != Affinity::Text,
        (ValueRef::Integer(_), affinity) => matches!(affinity, Affinity::Text | Affinity::Real),
        (ValueRef::Real(_), affinity) => affinity != Affinity::Real,
    }
}
