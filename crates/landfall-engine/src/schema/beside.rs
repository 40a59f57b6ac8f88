//! Whether a database is what is known already: where all texts are the same, they mean the same.

use rusqlite::Connection;

use super::facts;
use super::model::{KeyColumn, Row, Schema};

/// The order in which objects were created means nothing.
pub(super) fn same_rows(one: &[Row], other: &[Row]) -> bool {
    one.len() == other.len() && sorted(one) == sorted(other)
}

fn sorted(rows: &[Row]) -> Vec<&Row> {
    let mut sorted: Vec<_> = rows.iter().collect();
    sorted.sort_unstable();
    sorted
}

/// What a schema means beyond its texts: what modules tell of virtual tables, and whether the file is of a format that knows DESC, which
/// none did before 2006 (<https://www.sqlite.org/fileformat2.html#schemaformat>); one index that has it tells for all.
pub(super) fn same_beyond_text(conn: &Connection, known: &Schema) -> rusqlite::Result<bool> {
    for table in known.virtual_tables.iter().filter(|table| !table.is_foreign) {
        let columns = facts::writable_columns(conn, table)?;
        if !columns.iter().map(|fact| &fact.name).eq(&table.columns) {
            return Ok(false);
        }
    }
    let descends = |columns: &[KeyColumn]| columns.iter().any(|c| c.descending);
    if known.tables.iter().flat_map(|t| t.uniques.iter().chain(&t.primary_key)).any(|k| descends(&k.columns))
    {
        return Ok(false);
    }
    match known.indexes.iter().find(|i| descends(&i.columns)) {
        Some(index) => Ok(facts::agree_on_index(&facts::index_columns(conn, &index.name)?, &index.columns)),
        None => Ok(true),
    }
}
