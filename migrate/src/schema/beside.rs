//! Reading a database that most likely is what is known already: where all texts are the same, they mean the same.

use rusqlite::Connection;

use super::{KeyColumn, Reading, Row, Schema, facts, leave_parts, rows, snapshot};

/// As [`read`], of a database that most likely is as `known`: where all texts are the same, nothing is asked twice.
///
/// One text means one thing: SQLite keeps nothing of a table, index, view or trigger but its text, and makes all that PRAGMAs tell out of
/// it whenever the database is opened. What else they depend on is looked at: [`same_beyond_text`]. Tables that are ignored are in
/// neither; a view over one may have no columns in what is known, and is what it is declared to be nevertheless.
pub(crate) fn read_beside(conn: &Connection, ignore: &[String], known: &Schema) -> rusqlite::Result<Schema> {
    let _snapshot = snapshot(conn)?;
    let list = super::list(conn)?;
    let mut rows = rows(conn, ignore, &list)?;
    leave_parts(conn, &mut rows, &list, known)?;
    if same_rows(&rows, &known.rows) && same_beyond_text(conn, known)? {
        return Ok(Schema { rows, ..known.clone() });
    }
    Reading::of(conn, &list).read(rows)
}

/// The order in which objects were created means nothing.
fn same_rows(one: &[Row], other: &[Row]) -> bool {
    one.len() == other.len() && sorted(one) == sorted(other)
}

fn sorted(rows: &[Row]) -> Vec<&Row> {
    let mut sorted: Vec<_> = rows.iter().collect();
    sorted.sort_unstable();
    sorted
}

/// What a schema means beyond its texts: what modules tell of virtual tables, and whether the file is of a format that knows DESC, which
/// none did before 2006 (<https://www.sqlite.org/fileformat2.html#schemaformat>); one index that has it tells for all.
fn same_beyond_text(conn: &Connection, known: &Schema) -> rusqlite::Result<bool> {
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
