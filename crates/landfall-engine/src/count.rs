//! How many rows the tables of a database have.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::open::{self, explain};
use crate::schema;
use crate::settings::Settings;
use crate::settings::ignore_patterns;
use crate::token::quote;

/// The rows of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRows {
    /// The table.
    pub table: String,
    /// How many it has.
    pub rows: u64,
}

/// The rows of every table that can be counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// In the order of the schema, virtual ones last.
    pub tables: Vec<TableRows>,
    /// Virtual tables whose module, or the tokenizer of FTS3 and FTS4, is not here, by name: nobody can count those.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uncounted: Vec<String>,
}

/// Counts the rows of every table, virtual ones included. A missing database has no tables.
///
/// # Errors
/// [`crate::ErrorKind::Database`] when it cannot be read, [`crate::ErrorKind::Locked`] when it stays locked.
pub fn rows(db: &Path, settings: &Settings) -> Result<Counted> {
    let Some(conn) = open::snapshot(db, settings, &mut ())? else { return Ok(Counted::default()) };
    let count = || -> rusqlite::Result<Counted> {
        let live = schema::read(&conn, &ignore_patterns(settings))?;
        let (foreign, virtual_tables): (Vec<_>, Vec<_>) =
            live.virtual_tables.iter().partition(|t| t.is_foreign);
        let names = live.tables.iter().map(|t| &t.name).chain(virtual_tables.iter().map(|t| &t.name));
        let counted = names.map(|name| {
            let sql = format!("SELECT count(*) FROM {}", quote(name));
            let rows = conn.query_row(&sql, [], |row| row.get(0))?;
            Ok(TableRows { table: name.clone(), rows })
        });
        let uncounted = foreign.iter().map(|table| table.name.clone()).collect();
        Ok(Counted { tables: counted.collect::<rusqlite::Result<_>>()?, uncounted })
    };
    count().map_err(|error| explain(db, &error, settings))
}
