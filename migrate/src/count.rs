//! How many rows the tables of a database have.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::declared::ignore_patterns;
use crate::error::Result;
use crate::open::{self, explain};
use crate::schema;
use crate::settings::Settings;
use crate::token::quote;

/// The rows of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRows {
    /// The table.
    pub table: String,
    /// How many it has.
    pub rows: u64,
}

/// Counts the rows of every table, virtual ones included, in the order of the schema. A missing database has no tables.
///
/// # Errors
/// [`crate::ErrorKind::Database`] when it cannot be read, [`crate::ErrorKind::Locked`] when it stays locked.
pub fn rows(db: &Path, settings: &Settings) -> Result<Vec<TableRows>> {
    let Some(conn) = open::snapshot(db, settings, &mut ())? else { return Ok(Vec::new()) };
    let count = || -> rusqlite::Result<Vec<TableRows>> {
        let live = schema::read(&conn, &ignore_patterns(settings))?;
        let names = live.tables.iter().map(|t| &t.name);
        // Where the module is not here, nobody can count.
        let names = names.chain(live.virtual_tables.iter().filter(|t| !t.is_foreign).map(|t| &t.name));
        let counted = names.map(|name| {
            let sql = format!("SELECT count(*) FROM {}", quote(name));
            let rows = conn.query_row(&sql, [], |row| row.get(0))?;
            Ok(TableRows { table: name.clone(), rows })
        });
        counted.collect()
    };
    count().map_err(|error| explain(db, &error, settings))
}
