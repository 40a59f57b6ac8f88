//! A sample of a table's rows, found by key: the first, the last, and some spread between them.

use std::collections::BTreeSet;

use rusqlite::Connection;

use crate::schema::Table;
use crate::token::quote;
use crate::value::Value;

/// How rows of a sample are found again.
#[derive(Debug)]
pub(crate) enum Sample {
    /// By these rowids.
    Rowids(BTreeSet<i64>),
    /// As so many at either end of the primary key: a table without rowids tells no key in between in constant time.
    Ends { first: u64, last: u64 },
}

impl Sample {
    /// Up to `rows` rows of the table, in a time that does not depend on how many it has.
    pub(crate) fn of(conn: &Connection, table: &Table, rows: u64) -> rusqlite::Result<Self> {
        if let Some(rowid) = table.rowid_name() {
            return Ok(Self::Rowids(rowids(conn, table, rowid, rows / 3)?));
        }
        let some = format!("SELECT count(*) FROM (SELECT 1 FROM {} LIMIT {})", quote(&table.name), rows + 1);
        let there: u64 = conn.query_row(&some, [], |row| row.get(0))?;
        Ok(if there <= rows {
            Self::Ends { first: there, last: 0 }
        } else {
            Self::Ends { first: rows / 2, last: rows / 2 }
        })
    }

    /// Calls `look` with what comes behind `SELECT … FROM table` and its parameters, for all of the sample.
    pub(crate) fn look<E>(
        &self,
        table: &Table,
        mut look: impl FnMut(&str, &[Value]) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Rowids(rowids) => {
                let clause = format!("WHERE {} = ?1", table.rowid_name().unwrap_or("rowid"));
                rowids.iter().try_for_each(|rowid| look(&clause, &[Value::Integer(*rowid)]))
            }
            Self::Ends { first, last } => {
                look(&format!("{} LIMIT {first}", order(table, false)), &[])?;
                if *last > 0 { look(&format!("{} LIMIT {last}", order(table, true)), &[]) } else { Ok(()) }
            }
        }
    }
}

/// As the primary key's index lies, so that nothing is sorted. Where columns hide all names of the rowid and there is no key,
/// the rows come as they lie.
fn order(table: &Table, backwards: bool) -> String {
    let Some(key) = &table.primary_key else { return String::new() };
    let columns = key.columns.iter().map(|column| {
        let direction = if column.descending == backwards { "ASC" } else { "DESC" };
        format!("{} COLLATE {} {direction}", column.expression, quote(&column.collation))
    });
    format!("ORDER BY {}", columns.collect::<Vec<_>>().join(", "))
}

/// `each` rowids from the beginning, as many from the end, as many spread between them.
fn rowids(conn: &Connection, table: &Table, rowid: &str, each: u64) -> rusqlite::Result<BTreeSet<i64>> {
    let name = quote(&table.name);
    let mut found = BTreeSet::new();
    for order in ["ASC", "DESC"] {
        let sql = format!("SELECT {rowid} FROM {name} ORDER BY {rowid} {order} LIMIT {each}");
        let mut statement = conn.prepare(&sql)?;
        for rowid in statement.query_map([], |row| row.get(0))? {
            found.insert(rowid?);
        }
    }
    let (Some(first), Some(last)) = (found.first().copied(), found.last().copied()) else { return Ok(found) };
    let sql = format!("SELECT {rowid} FROM {name} WHERE {rowid} >= ?1 ORDER BY {rowid} LIMIT 1");
    let mut statement = conn.prepare(&sql)?;
    let step = (i128::from(last) - i128::from(first)) / i128::from(each.max(1));
    for number in 1..i128::from(each) {
        let Ok(from) = i64::try_from(i128::from(first) + step * number) else { continue };
        for rowid in statement.query_map([from], |row| row.get(0))? {
            found.insert(rowid?);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::*;
    use crate::schema;

    fn sample(sql: &str) -> Sample {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(sql).unwrap();
        let live = schema::read(&conn, &[]).unwrap();
        Sample::of(&conn, &live.tables[0], 9).unwrap()
    }

    #[test]
    fn rowids_are_taken_from_both_ends_and_between() {
        let sql = "CREATE TABLE t (a); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
            INSERT INTO t (rowid) SELECT i * 10 FROM n";
        let Sample::Rowids(found) = sample(sql) else { panic!("no rowids") };
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [10, 20, 30, 340, 670, 980, 990, 1000]);
    }

    #[test]
    fn rowids_over_the_whole_range_do_not_overflow() {
        let sql =
            format!("CREATE TABLE t (a); INSERT INTO t (rowid) VALUES ({}), (7), ({})", i64::MIN, i64::MAX);
        let Sample::Rowids(found) = sample(&sql) else { panic!("no rowids") };
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [i64::MIN, 7, i64::MAX]);
    }

    #[test]
    fn without_rowids_the_ends_are_taken_or_all() {
        let sql = "CREATE TABLE t (a PRIMARY KEY) WITHOUT ROWID; INSERT INTO t VALUES (1), (2), (3)";
        assert!(matches!(sample(sql), Sample::Ends { first: 3, last: 0 }));
        let sql = "CREATE TABLE t (a PRIMARY KEY) WITHOUT ROWID; WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
            INSERT INTO t SELECT i FROM n";
        assert!(matches!(sample(sql), Sample::Ends { first: 4, last: 4 }));
    }
}
