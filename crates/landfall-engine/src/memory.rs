//! What `@dropped` gave up already in a database, kept in that database: a directive approves one loss, and not that of whatever
//! comes by that name later.

use std::collections::BTreeSet;

use rusqlite::Connection;

use crate::directive::{Action, Directive};
use crate::evidence::has_table;
use crate::token::fold;

/// Ignored by every comparison, as all tables of ours.
const TABLE: &str = "_landfall_dropped";

/// What a directive is known by; the same for every spelling.
pub(crate) fn key(directive: &Directive) -> String {
    let object = fold(&directive.object());
    match directive.action {
        Action::DroppedTable { .. } => format!("table {object}"),
        _ => format!("column {object}"),
    }
}

/// What was given up in earlier changes.
pub(crate) fn read(conn: &Connection) -> rusqlite::Result<BTreeSet<String>> {
    if !has_table(conn, TABLE)? {
        return Ok(BTreeSet::new());
    }
    let mut statement = conn.prepare(&format!("SELECT object FROM main.{TABLE}"))?;
    let objects = statement.query_map([], |row| row.get(0))?;
    objects.collect()
}

/// Keeps what a change gives up, or found gone: whatever else was kept is not in `schema.sql` any more.
pub(crate) fn keep(conn: &Connection, directives: &[Directive]) -> rusqlite::Result<()> {
    let gives_up =
        |d: &&Directive| matches!(d.action, Action::DroppedTable { .. } | Action::DroppedColumn { .. });
    let given_up: BTreeSet<_> = directives.iter().filter(gives_up).map(key).collect();
    if read(conn)? == given_up {
        return Ok(());
    }
    conn.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS main.{TABLE} (object TEXT PRIMARY KEY) WITHOUT ROWID; DELETE FROM main.{TABLE}"
    ))?;
    let mut insert = conn.prepare(&format!("INSERT INTO main.{TABLE} (object) VALUES (?1)"))?;
    given_up.iter().try_for_each(|object| insert.execute([object]).map(|_| ()))
}
