//! How fast this machine reads the rows of a table: what of a prediction is measured while planning.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use crate::answer::or_refusal;
use crate::checksum::{Checksum, Column, Seen};
use crate::prediction::Pace;
use crate::token::{fold, quote};

/// Rows of a table that are read at most.
const ROWS: u64 = 20_000;

/// How long the first table is read at most, the second for half of that, and so on: with many, each counts for less.
const LIMIT: Duration = Duration::from_millis(5);

/// How long a lap is. Of several the middle one counts, so that it does not matter what else the machine does for a moment.
const LAP: Duration = Duration::from_micros(200);

/// Laps at least, however long they take.
const LAPS: usize = 5;

/// Rows between two looks at the clock.
const LOOK: u64 = 4;

/// What was measured so far.
pub(crate) struct Calibration<'c> {
    conn: Option<&'c Connection>,
    measured: RefCell<BTreeMap<String, Pace>>,
}

impl<'c> Calibration<'c> {
    /// Of nothing yet; `None` when there is no database.
    pub(crate) fn new(conn: Option<&'c Connection>) -> Self {
        Self { conn, measured: RefCell::default() }
    }

    /// Whether the database is in WAL mode.
    pub(crate) fn has_log(&self) -> rusqlite::Result<bool> {
        let Some(conn) = self.conn else { return Ok(false) };
        let mode: String = conn.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
        Ok(mode == "wal")
    }

    /// Of the first rows of a live table, as they lie. Read when it is asked for, once.
    pub(crate) fn pace(&self, table: &str) -> rusqlite::Result<Pace> {
        let mut measured = self.measured.borrow_mut();
        if let Some(pace) = measured.get(&fold(table)) {
            return Ok(*pace);
        }
        let limit = LIMIT / (1 + measured.len() as u32);
        // Rows that SQLite cannot compute are read as others, for all that is known.
        let found = match self.conn {
            Some(conn) => or_refusal(pace(conn, table, limit))?.unwrap_or_default(),
            None => None,
        };
        let pace = found.unwrap_or(Pace::ASSUMED);
        measured.insert(fold(table), pace);
        Ok(pace)
    }
}

/// Reads and hashes rows as a proof does. `None` where there are none.
fn pace(conn: &Connection, table: &str, limit: Duration) -> rusqlite::Result<Option<Pace>> {
    let mut statement = conn.prepare(&format!("SELECT * FROM {}", quote(table)))?;
    let columns: Vec<Column> = vec![(String::new(), Seen::AsItIs); statement.column_count()];
    let mut rows = statement.query([])?;
    let (mut checksum, mut bytes, mut laps) = (Checksum::default(), 0, Vec::new());
    let begun = Instant::now();
    let mut lap = (begun, 0);
    while let Some(row) = rows.next()? {
        checksum.add(row, &columns)?;
        bytes += width(row, columns.len())?;
        let now = Instant::now();
        if checksum.rows.is_multiple_of(LOOK) && now - lap.0 >= LAP {
            laps.push((now - lap.0).as_secs_f64() / (checksum.rows - lap.1) as f64);
            lap = (now, checksum.rows);
        }
        if checksum.rows >= ROWS || (now - begun >= limit && laps.len() >= LAPS) {
            break;
        }
    }
    let mean = begun.elapsed().as_secs_f64() / checksum.rows as f64;
    laps.sort_by(f64::total_cmp);
    let seconds = laps.get(laps.len() / 2).copied().unwrap_or(mean);
    let (values, bytes) = (columns.len() as f64, bytes as f64 / checksum.rows as f64);
    Ok((checksum.rows > 0).then_some(Pace { seconds, values, bytes }))
}

/// Bytes of a row as SQLite stores it, about: a byte of type for each value, and what the values take.
fn width(row: &Row<'_>, columns: usize) -> rusqlite::Result<u64> {
    let value = |at| {
        Ok(1 + match row.get_ref(at)? {
            ValueRef::Null => 0,
            ValueRef::Integer(number) => u64::from(u64::BITS - number.unsigned_abs().leading_zeros()) / 8 + 1,
            ValueRef::Real(_) => 8,
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len() as u64,
        })
    };
    (0..columns).map(value).sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::*;

    fn filled(rows: u64) -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE t (a, b, c)").unwrap();
        let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?1)
            INSERT INTO t SELECT 7, 'twelve bytes', 0.5 FROM n";
        if rows > 0 {
            conn.execute(sql, [rows]).unwrap();
        }
        conn
    }

    #[test]
    fn width_and_number_of_values_are_those_of_the_rows() {
        for rows in [1, 10, 5_000] {
            let conn = filled(rows);
            let Pace { seconds, values, bytes } = Calibration::new(Some(&conn)).pace("T").unwrap();
            assert_eq!((values, bytes), (3.0, 24.0), "{rows}");
            assert!(seconds > 0.0);
        }
    }

    #[test]
    fn what_cannot_be_read_is_assumed() {
        let conn = filled(0);
        let calibration = Calibration::new(Some(&conn));
        assert_eq!(calibration.pace("t").unwrap(), Pace::ASSUMED, "no rows");
        assert_eq!(calibration.pace("not there").unwrap(), Pace::ASSUMED);
        assert_eq!(Calibration::new(None).pace("t").unwrap(), Pace::ASSUMED);
    }

    #[test]
    fn a_table_is_read_once_and_not_to_its_end() {
        let conn = filled(ROWS);
        // SQLite cannot tell the last row.
        conn.execute_batch("INSERT INTO t VALUES (-9223372036854775808, 0, 0)").unwrap();
        conn.execute_batch("CREATE VIEW v AS SELECT abs(a), b, c FROM t").unwrap();
        assert!(conn.query_row("SELECT sum(1) FROM v WHERE abs(a) > 7", [], |_| Ok(())).is_err());
        let calibration = Calibration::new(Some(&conn));
        let pace = calibration.pace("v").unwrap();
        assert_ne!(pace, Pace::ASSUMED);
        conn.execute_batch("DROP VIEW v").unwrap();
        assert_eq!(calibration.pace("v").unwrap(), pace);
    }

    #[test]
    fn the_mode_of_the_file_tells_whether_there_is_a_log() {
        let folder = tempfile::tempdir().unwrap();
        let conn = Connection::open(folder.path().join("db")).unwrap();
        assert!(!Calibration::new(Some(&conn)).has_log().unwrap());
        conn.execute_batch("PRAGMA journal_mode = WAL").unwrap();
        assert!(Calibration::new(Some(&conn)).has_log().unwrap());
        assert!(!Calibration::new(None).has_log().unwrap());
    }
}
