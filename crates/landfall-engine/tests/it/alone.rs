//! A database that is all in its one file, and in nobody else's hands.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use landfall_engine::{Alone, ErrorKind, logs};
use rusqlite::Connection;

use crate::support::{Bench, dump, query};

const SQL: &str = "PRAGMA journal_mode = wal; CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('in the file');";

fn bench() -> Bench {
    Bench::new(SQL).with(|settings| settings.lock_wait = Duration::from_millis(200))
}

/// What a process that was killed leaves: a row is in the log alone.
fn killed() -> Bench {
    let (living, dead) = (bench(), bench());
    let conn = living.open();
    conn.execute_batch("INSERT INTO t VALUES ('in the log')").unwrap();
    for suffix in ["", "-wal"] {
        fs::copy(beside(&living, suffix), beside(&dead, suffix)).unwrap();
    }
    dead
}

fn beside(bench: &Bench, suffix: &str) -> PathBuf {
    bench.db().with_file_name(format!("db{suffix}"))
}

#[test]
fn what_is_in_the_log_is_moved_into_the_file_and_others_are_kept_away() {
    let bench = killed();
    assert_eq!(logs(&bench.db()), [beside(&bench, "-wal")]);
    let alone = Alone::take(&bench.db(), &bench.settings, &mut ()).unwrap();
    assert!(logs(&bench.db()).is_empty() && !beside(&bench, "-wal").exists());
    let other = Connection::open(bench.db()).unwrap();
    other.busy_timeout(Duration::ZERO).unwrap();
    let refused = other.query_row("SELECT a FROM t", [], |_| Ok(())).unwrap_err();
    assert_eq!(refused.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy));
    alone.release();
    assert_eq!(bench.query("SELECT a FROM t"), "in the file\nin the log");
    assert_eq!(bench.query("PRAGMA journal_mode"), "delete");
}

#[test]
fn what_is_given_up_is_again_as_it_was() {
    let bench = bench();
    let before = bench.dump();
    drop(Alone::take(&bench.db(), &bench.settings, &mut ()).unwrap());
    assert_eq!(bench.dump(), before);
    assert!(before.contains("journal_mode wal"));
}

#[test]
fn a_connection_of_somebody_else_is_waited_for_and_then_told() {
    let bench = bench();
    let other = bench.open();
    let before = dump(&other);
    let error = Alone::take(&bench.db(), &bench.settings, &mut ()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Locked, "{error}");
    assert_eq!(dump(&other), before);
}

#[test]
fn whoever_opened_it_before_it_lost_its_name_can_write_neither_it_nor_the_file_that_has_the_name_now() {
    let bench = bench();
    let (aside, new) = (beside(&bench, ".aside"), beside(&bench, ".new"));
    Connection::open(&new).unwrap().execute_batch("CREATE TABLE t (a TEXT)").unwrap();
    let alone = Alone::take(&bench.db(), &bench.settings, &mut ()).unwrap();
    let early = Connection::open(bench.db()).unwrap();
    fs::hard_link(bench.db(), &aside).unwrap();
    fs::rename(&new, bench.db()).unwrap();
    alone.release();
    assert_eq!(query(&early, "SELECT a FROM t"), "in the file");
    for sql in ["INSERT INTO t VALUES ('lost')", "PRAGMA journal_mode = wal"] {
        let refused = early.execute_batch(sql).unwrap_err();
        let code = refused.sqlite_error().map(|error| error.extended_code);
        assert_eq!(code, Some(rusqlite::ffi::SQLITE_READONLY_DBMOVED), "{sql}: {refused}");
    }
    assert_eq!(query(&Connection::open(bench.db()).unwrap(), "SELECT count(*) FROM t"), "0");
    assert_eq!(query(&Connection::open(&aside).unwrap(), "SELECT a FROM t"), "in the file");
}

#[test]
fn a_file_that_nobody_can_read_has_nothing_to_fold_unless_a_log_lies_beside_it() {
    let bench = killed();
    let log = fs::read(beside(&bench, "-wal")).unwrap();
    fs::write(bench.db(), "Dear Ada, this is a letter and no database at all.").unwrap();
    let error = Alone::take(&bench.db(), &bench.settings, &mut ()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Database, "{error}");
    assert!(fs::read_to_string(bench.db()).unwrap().ends_with("at all."));
    assert_eq!(fs::read(beside(&bench, "-wal")).unwrap(), log);
    fs::remove_file(beside(&bench, "-wal")).unwrap();
    Alone::take(&bench.db(), &bench.settings, &mut ()).unwrap().release();
    assert!(fs::read_to_string(bench.db()).unwrap().ends_with("at all."));
}

#[test]
fn the_room_of_a_disk_is_what_is_free_of_all_of_it() {
    let room = landfall_engine::room(&bench().db()).unwrap();
    assert!(0 < room.free && room.free <= room.total, "{room:?}");
    assert!(landfall_engine::room(std::path::Path::new("/nowhere/db")).is_err());
}
