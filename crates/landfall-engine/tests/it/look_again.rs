//! What was read before the plan is read again inside the transaction only where somebody has committed in between.

use std::cell::Cell;
use std::fs;

use landfall_engine::{Declared, ErrorKind, Prepared};
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use crate::support::{Bench, query};

const ROWS: u64 = 2_000;
const NEW: &str =
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, CHECK (counted(a) > 0)); CREATE TABLE u (b)";

thread_local! {
    /// How often a row was held against the CHECK, on the thread of one test.
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

fn counted(conn: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    conn.create_scalar_function("counted", 1, flags, |context| {
        CALLS.set(CALLS.get() + 1);
        context.get::<i64>(0)
    })
}

fn bench(mode: &str) -> Bench {
    let bench = Bench::new(&format!(
        "PRAGMA journal_mode = {mode}; CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER); CREATE TABLE u (b);
         WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) INSERT INTO t SELECT i, i FROM n"
    ));
    bench.with(|s| s.hook = Some(counted))
}

fn prepare<'d>(bench: &Bench, declared: &'d Declared) -> Prepared<'d> {
    landfall_engine::prepare(&bench.db(), declared, &bench.settings, &mut ()).unwrap()
}

/// Prepares, does what somebody else does meanwhile, applies, and tells how often the apply held a row against the CHECK.
fn calls(bench: &Bench, meanwhile: impl FnOnce()) -> u64 {
    let declared = bench.declared(NEW).unwrap();
    CALLS.set(0);
    let prepared = prepare(bench, &declared);
    assert!(CALLS.get() >= ROWS, "the rows were not asked before the plan: {}", CALLS.get());
    meanwhile();
    CALLS.set(0);
    prepared.apply(&mut ()).unwrap();
    CALLS.get()
}

#[test]
fn rows_are_asked_again_only_where_somebody_has_committed_in_between() {
    for mode in ["wal", "delete"] {
        let (quiet, disturbed) = (bench(mode), bench(mode));
        let other = quiet.open();
        let undisturbed = calls(&quiet, || {
            other.execute_batch("BEGIN IMMEDIATE; INSERT INTO u VALUES (1); ROLLBACK").unwrap();
            assert_eq!(query(&other, "SELECT count(*) FROM t"), ROWS.to_string());
        });
        let other = disturbed.open();
        let again = calls(&disturbed, || other.execute_batch("INSERT INTO u VALUES (1)").unwrap());
        assert_eq!(again - undisturbed, ROWS, "{mode}: {undisturbed} undisturbed");
    }
}

#[test]
fn a_plan_that_another_one_was_faster_than_is_looked_at_again() {
    let bench = bench("delete");
    let declared = bench.declared(NEW).unwrap();
    let (first, second) = (prepare(&bench, &declared), prepare(&bench, &declared));
    first.apply(&mut ()).unwrap();
    let after = fs::read(bench.db()).unwrap();
    assert_eq!(second.apply(&mut ()).unwrap_err().kind, ErrorKind::Moved);
    assert!(fs::read(bench.db()).unwrap() == after);
}

#[test]
fn a_file_that_was_put_in_the_place_of_the_planned_one_is_looked_at() {
    for (mode, in_place) in [("wal", false), ("delete", false), ("delete", true)] {
        let (bench, twin) = (bench(mode), bench(mode));
        twin.open().execute_batch("UPDATE t SET a = -1 WHERE id = 7").unwrap();
        let declared = bench.declared(NEW).unwrap();
        let prepared = prepare(&bench, &declared);
        if in_place {
            fs::write(bench.db(), fs::read(twin.db()).unwrap()).unwrap();
        } else {
            fs::rename(twin.db(), bench.db()).unwrap();
            for end in ["-wal", "-shm"] {
                drop(fs::remove_file(format!("{}{end}", bench.db().display())));
            }
        }
        let error = prepared.apply(&mut ()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Moved, "{mode}: {error}");
        assert_eq!(query(&bench.open(), "SELECT a FROM t WHERE id = 7"), "-1", "{mode}");
    }
}

#[test]
fn a_plan_that_waits_keeps_nobody_from_writing_or_from_folding_the_log_back() {
    let bench = bench("wal");
    let declared = bench.declared(NEW).unwrap();
    let prepared = prepare(&bench, &declared);
    let other = bench.open();
    other.execute_batch("INSERT INTO u VALUES (1)").unwrap();
    assert_eq!(query(&other, "PRAGMA wal_checkpoint(TRUNCATE)"), "0|0|0");
    let log = bench.db().with_file_name("db-wal");
    assert_eq!(fs::metadata(&log).unwrap().len(), 0);
    drop(other);
    prepared.apply(&mut ()).unwrap();
    assert!(!log.exists(), "the log was not folded back into the file by the last connection");
}
