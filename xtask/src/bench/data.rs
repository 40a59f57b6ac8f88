//! The databases: as a service has them, in WAL, and the same in every run.

use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, Result};
use landfall_xtask::Interrupt;
use rusqlite::Connection;

/// Some 150 bytes a row with an INTEGER PRIMARY KEY, text, integers and reals, three indexes; a child that goes with its parent.
pub(crate) const ROWS_SCHEMA: &str = "\
CREATE TABLE accounts (
  id INTEGER PRIMARY KEY,
  code TEXT NOT NULL,
  name TEXT NOT NULL,
  email TEXT NOT NULL,
  city TEXT NOT NULL,
  visits INTEGER NOT NULL DEFAULT 0,
  balance REAL NOT NULL,
  note TEXT
);
CREATE INDEX accounts_by_name ON accounts (name);
CREATE INDEX accounts_by_email ON accounts (email);
CREATE INDEX accounts_by_city ON accounts (city, visits);
CREATE TABLE payments (
  id INTEGER PRIMARY KEY,
  account INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  amount REAL NOT NULL
);
CREATE INDEX payments_by_account ON payments (account);
";

/// Names and addresses in no order, so that indexes are sorted and not only written; nothing is NULL.
const ROWS: &str = "\
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?1)
INSERT INTO accounts SELECT
  i, CAST(1000000 + i AS TEXT), 'Customer ' || (i * 7919 % 1000003),
  printf('%08x@example.com', i * 2654435761 % 4294967296), 'City ' || (i * 6007 % 5003), i * 31 % 100,
  (i * 97 % 100003) / 7.0, 'asked for an invoice by post and for a copy of the one before, last spoken to on day ' || (i % 3650)
FROM n";

const CHILDREN: &str = "\
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?1)
INSERT INTO payments SELECT i, 1 + i * 7919 % ?1, (i * 89 % 100003) / 3.0 FROM n";

const TABLE_ROWS: u64 = 10;

/// Makes the database of [`ROWS_SCHEMA`] with so many rows in each of its tables.
pub(crate) fn of_rows(file: &Path, rows: u64, interrupt: &Interrupt) -> Result<()> {
    made(file, |database| {
        let interrupt = interrupt.clone();
        database.progress_handler(100_000, Some(move || interrupt.is_raised()))?;
        let (tables, indexes) = split(ROWS_SCHEMA);
        database.execute_batch(&tables)?;
        database.execute(ROWS, [rows])?;
        database.execute(CHILDREN, [rows])?;
        database.execute_batch(&indexes)
    })
}

/// Makes a database of so many tables, each with an index, a few rows, and a reference to the one before.
pub(crate) fn of_tables(file: &Path, tables: u64) -> Result<()> {
    made(file, |database| {
        database.execute_batch(&tables_schema(tables))?;
        for table in 1..=tables {
            for row in 1..=TABLE_ROWS {
                let sql = format!("INSERT INTO t{table} VALUES (?1, 'name of ' || ?1, ?1 / 7.0, ?1, 1)");
                database.execute(&sql, [row])?;
            }
        }
        Ok(())
    })
}

/// The schema of [`of_tables`].
pub(crate) fn tables_schema(tables: u64) -> String {
    let table = |number: u64| {
        let before = number.saturating_sub(1).max(1);
        format!(
            "CREATE TABLE t{number} (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  amount REAL CHECK (amount >= 0),
  visits INTEGER NOT NULL DEFAULT 0,
  parent INTEGER REFERENCES t{before} (id) ON DELETE CASCADE
);
CREATE INDEX t{number}_by_name ON t{number} (name);\n"
        )
    };
    (1..=tables).map(table).collect()
}

/// Durability is of no use until it is whole: then it is one file, on the disk, in WAL.
fn made(file: &Path, fill: impl FnOnce(&mut Connection) -> rusqlite::Result<()>) -> Result<()> {
    let make = || -> rusqlite::Result<()> {
        let mut database = Connection::open(file)?;
        database.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN")?;
        fill(&mut database)?;
        database.execute_batch("COMMIT; PRAGMA journal_mode = WAL")?;
        database.close().map_err(|(_, error)| error)
    };
    make().context("cannot make the database of a benchmark")?;
    File::open(file).and_then(|file| file.sync_all()).context("cannot write the database of a benchmark")
}

/// Tables and indexes: these are made last, as fast as they can be.
fn split(schema: &str) -> (String, String) {
    let statements = schema.split_inclusive(";\n");
    statements.partition(|statement| statement.starts_with("CREATE TABLE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one<T: rusqlite::types::FromSql>(file: &Path, query: &str) -> T {
        Connection::open(file).unwrap().query_row(query, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn rows_are_as_many_and_as_wide_as_said_and_the_file_is_in_wal() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("db");
        of_rows(&file, 1_000, &Interrupt::default()).unwrap();
        for table in ["accounts", "payments"] {
            assert_eq!(one::<u64>(&file, &format!("SELECT count(*) FROM {table}")), 1_000);
        }
        let wide = one::<f64>(
            &file,
            "SELECT sum(payload) / 1000.0 FROM dbstat WHERE name = 'accounts' AND pagetype = 'leaf'",
        );
        assert!((140.0..160.0).contains(&wide), "{wide}");
        assert_eq!(one::<String>(&file, "PRAGMA journal_mode"), "wal");
        assert_eq!(one::<u64>(&file, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
        assert_eq!(one::<u64>(&file, "SELECT count(DISTINCT email) FROM accounts"), 1_000);
        assert_eq!(one::<u64>(&file, "SELECT count(*) FROM sqlite_schema WHERE type = 'index'"), 4);
        assert!(!folder.path().join("db-wal").exists());
    }

    #[test]
    fn tables_are_as_many_as_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("db");
        of_tables(&file, 3).unwrap();
        assert_eq!(one::<u64>(&file, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'"), 3);
        assert_eq!(one::<u64>(&file, "SELECT count(*) FROM t3"), TABLE_ROWS);
        assert_eq!(one::<u64>(&file, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
    }

    #[test]
    fn a_request_to_stop_ends_the_making() {
        let (folder, interrupt) = (tempfile::tempdir().unwrap(), Interrupt::default());
        interrupt.raise();
        assert!(of_rows(&folder.path().join("db"), 1_000_000_000, &interrupt).is_err());
    }
}
