//! A live schema made again elsewhere: empty for planners, with sample rows for the proof.

use rusqlite::Connection;

use crate::guard;
use crate::schema::{Row, Schema};
use crate::settings::Settings;
use crate::stand_in;

/// A new in-memory database, foreign keys off, with the caller's functions, collations and modules.
///
/// What else a declared schema calls has stand-ins there.
pub(crate) fn beside(declared: &Schema, settings: &Settings) -> rusqlite::Result<Connection> {
    let conn = memory(settings)?;
    stand_in::register_for(&conn, declared)?;
    Ok(conn)
}

/// A new in-memory database, foreign keys off, with the caller's functions, collations and modules.
pub(crate) fn memory(settings: &Settings) -> rusqlite::Result<Connection> {
    prepared(Connection::open_in_memory()?, settings)
}

/// Foreign keys off, with whatever the caller registers, and nothing outside of it in reach.
pub(crate) fn prepared(mut conn: Connection, settings: &Settings) -> rusqlite::Result<Connection> {
    guard::watch_over(&mut conn, settings)?;
    conn.pragma_update(None, "foreign_keys", false)?;
    settings.hook.map_or(Ok(()), |hook| hook(&conn))?;
    Ok(conn)
}

/// Tables first, so that rows can be put in before indexes and triggers are there.
pub(crate) fn create_tables(conn: &Connection, schema: &Schema) -> rusqlite::Result<()> {
    stand_in::register_for(conn, schema)?;
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
    // One statement each: SQLite reads no second one that somebody wrote behind it into the catalogue.
    schema.rows.iter().filter(|row| which(row)).try_for_each(|row| {
        match schema
            .virtual_table(&row.name)
            .is_some_and(|table| table.lacks.is_some() && row.kind == "table")
        {
            true => stand_in::write_virtual_table(conn, row),
            false => conn.execute(&row.sql, []).map(drop),
        }
    })
}
