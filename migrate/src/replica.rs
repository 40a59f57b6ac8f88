//! A live schema made again elsewhere: empty for planners, with sample rows for the proof.

use rusqlite::Connection;

use crate::schema::{Row, Schema};
use crate::settings::Settings;

/// A new in-memory database, foreign keys off, with the caller's functions, collations and modules.
pub(crate) fn memory(settings: &Settings) -> rusqlite::Result<Connection> {
    let conn = Connection::open_in_memory()?;
    prepare(&conn, settings)?;
    Ok(conn)
}

/// Foreign keys off, and whatever the caller registers.
pub(crate) fn prepare(conn: &Connection, settings: &Settings) -> rusqlite::Result<()> {
    conn.pragma_update(None, "foreign_keys", false)?;
    settings.hook.map_or(Ok(()), |hook| hook(conn))
}

/// Tables first, so that rows can be put in before indexes and triggers are there.
pub(crate) fn create_tables(conn: &Connection, schema: &Schema) -> rusqlite::Result<()> {
    create(conn, schema, |row| row.kind == "table")
}

/// Then everything that stands on them.
pub(crate) fn create_rest(conn: &Connection, schema: &Schema) -> rusqlite::Result<()> {
    create(conn, schema, |row| row.kind == "index")?;
    create(conn, schema, |row| row.kind == "view")?;
    create(conn, schema, |row| row.kind == "trigger")
}

/// The whole schema, without rows.
pub(crate) fn create_all(conn: &Connection, schema: &Schema) -> rusqlite::Result<()> {
    create_tables(conn, schema)?;
    create_rest(conn, schema)
}

fn create(conn: &Connection, schema: &Schema, which: impl Fn(&Row) -> bool) -> rusqlite::Result<()> {
    schema.rows.iter().filter(|row| which(row)).try_for_each(|row| conn.execute_batch(&row.sql))
}
