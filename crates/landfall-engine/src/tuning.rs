//! What SQLite is set to for a step that is applied.
//!
//! The database's own journal mode and `synchronous` stay what they are: no speed is bought with durability.

use rusqlite::Connection;

use crate::plan::{CostClass, Step};

/// SQLite's heap, in bytes, however large the tables are.
const HEAP: i64 = 64 << 20;

/// Page cache while rows are read and written, in KiB (negative as the PRAGMA wants it): what the heap leaves beside the rest.
const CACHE: i64 = -49_152;

/// While an index is sorted: a run of the sorter is as large as the cache, and fits the processor's own then.
const SORTING: i64 = -2_000;

/// Threads beside the connection's own that sort.
const SORTERS: i64 = 2;

/// For everything but a step.
pub(crate) fn configure(conn: &Connection) -> rusqlite::Result<()> {
    conn.pragma_update(None, "threads", SORTERS)?;
    conn.pragma_update(None, "cache_size", CACHE)?;
    conn.pragma_update(None, "soft_heap_limit", HEAP)
}

/// Runs a step with the cache that suits it.
pub(crate) fn around<T>(
    conn: &mut Connection,
    step: &Step,
    run: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    if !sorts(step) {
        return run(conn);
    }
    conn.pragma_update(None, "cache_size", SORTING)?;
    let result = run(conn);
    conn.pragma_update(None, "cache_size", CACHE)?;
    result
}

fn sorts(step: &Step) -> bool {
    step.cost.rows > 0 && step.cost.class == CostClass::Scan && step.operation.sorts()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::*;
    use crate::operation::Operation;
    use crate::plan::Cost;

    fn step(operation: Operation, sql: &str, class: CostClass, rows: u64) -> Step {
        Step::new(operation, sql.to_owned(), Cost { class, rows })
    }

    fn cache(conn: &Connection) -> i64 {
        conn.pragma_query_value(None, "cache_size", |row| row.get(0)).unwrap()
    }

    #[test]
    fn the_cache_is_small_while_an_index_is_sorted_and_only_then() {
        let folder = tempfile::tempdir().unwrap();
        let mut conn = Connection::open(folder.path().join("db")).unwrap();
        configure(&conn).unwrap();
        let table = || "t".to_owned();
        let make = Operation::CreateIndex { index: "i".to_owned(), table: table() };
        let copy = Operation::CopyRows { table: table(), into: table() };
        let index = step(make.clone(), "CREATE INDEX i ON t (a)", CostClass::Scan, 9);
        let steps = [
            (index.clone(), SORTING),
            (step(Operation::Reindex { table: table() }, "REINDEX t", CostClass::Scan, 9), SORTING),
            (step(make, "CREATE INDEX i ON t (a)", CostClass::Scan, 0), CACHE),
            (step(copy, "INSERT INTO t SELECT * FROM u", CostClass::Rewrite, 9), CACHE),
        ];
        for (step, expected) in steps {
            assert_eq!(around(&mut conn, &step, |conn| Ok(cache(conn))).unwrap(), expected, "{}", step.sql);
            assert_eq!(cache(&conn), CACHE);
        }
        around(&mut conn, &index, |_| Err::<(), _>(rusqlite::Error::InvalidQuery)).unwrap_err();
        assert_eq!(cache(&conn), CACHE, "after a step that failed");
    }

    #[test]
    fn a_connection_sorts_with_threads_within_the_heap_and_keeps_its_durability() {
        let folder = tempfile::tempdir().unwrap();
        for mode in ["wal", "delete"] {
            let conn = Connection::open(folder.path().join(mode)).unwrap();
            let read = |pragma: &str| -> String {
                let value =
                    conn.pragma_query_value(None, pragma, |row| row.get::<_, rusqlite::types::Value>(0));
                format!("{:?}", value.unwrap())
            };
            conn.pragma_update(None, "journal_mode", mode).unwrap();
            conn.pragma_update(None, "synchronous", "FULL").unwrap();
            let (durable, journal) = (read("synchronous"), read("journal_mode"));
            configure(&conn).unwrap();
            assert_eq!((read("synchronous"), read("journal_mode")), (durable, journal));
            assert_eq!(read("threads"), format!("Integer({SORTERS})"));
            assert_eq!(read("soft_heap_limit"), format!("Integer({HEAP})"));
            // The sorter has threads only where it sorts into files.
            assert_eq!(read("temp_store"), "Integer(0)");
        }
    }
}
