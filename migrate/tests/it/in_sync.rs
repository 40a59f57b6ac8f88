//! A database that is what is declared already is read, and that is all that happens to it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::Bench;
use migrate::{Declared, Outcome, PlannerChoice, Report};

const SHOP: &str = "
    CREATE TABLE shops (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, shop INTEGER REFERENCES shops, total REAL CHECK (total >= 0));
    CREATE INDEX by_total ON orders (shop, total DESC);
    CREATE VIEW rich AS SELECT id FROM orders WHERE total > 100;
    CREATE TRIGGER t AFTER DELETE ON shops BEGIN DELETE FROM orders WHERE shop = old.id; END;
    CREATE VIRTUAL TABLE words USING fts5 (word);
    INSERT INTO orders (total) VALUES (1.5);
";

/// The same meaning in another text, as ADD COLUMN leaves it.
const OTHER_TEXT: &str = "
    CREATE TABLE shops (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    create table orders (id integer primary key, shop integer references shops);
    ALTER TABLE orders ADD COLUMN total REAL CHECK (total >= 0);
    CREATE INDEX by_total ON orders (shop, total DESC);
    CREATE VIEW rich AS SELECT id FROM orders WHERE total>100;
    CREATE TRIGGER t AFTER DELETE ON shops BEGIN DELETE FROM orders WHERE shop = old.id; END;
    CREATE VIRTUAL TABLE words USING fts5 (word);
    INSERT INTO orders (total) VALUES (1.5);
";

/// Every file of a folder with its content and the time of its last change.
fn files(folder: &Path) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let file = |entry: fs::DirEntry| {
        let facts = entry.metadata().unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name, (fs::read(entry.path()).unwrap(), facts.modified().unwrap()))
    };
    entries.map(file).collect()
}

fn folder(bench: &Bench) -> PathBuf {
    bench.db().parent().unwrap().to_owned()
}

/// With an Atlas that leaves a file beside the database when it is started; it lies in the folder.
fn with_a_tell_tale(sql: &str) -> (Bench, TempDir) {
    let (bench, elsewhere) = (Bench::new(sql), tempfile::tempdir().unwrap());
    let atlas = elsewhere.path().join("atlas");
    let trace = folder(&bench).join("started");
    fs::write(&atlas, format!("#!/bin/sh\ntouch '{}'\nexit 1\n", trace.display())).unwrap();
    fs::set_permissions(&atlas, fs::Permissions::from_mode(0o755)).unwrap();
    let bench = bench.with(|settings| {
        settings.planner = PlannerChoice::Auto;
        settings.atlas = Some(atlas);
    });
    (bench, elsewhere)
}

#[test]
fn an_atlas_that_is_started_is_noticed() {
    let (bench, _atlas) = with_a_tell_tale(SHOP);
    bench.migrate(&format!("{} CREATE TABLE more (a);", declared())).unwrap();
    assert!(folder(&bench).join("started").exists());
}

fn declared() -> String {
    SHOP.lines().filter(|line| !line.contains("INSERT")).collect::<Vec<_>>().join("\n")
}

/// Every way in which the engine looks at a database; each has to find it in sync.
#[track_caller]
fn looks(bench: &Bench, declared: &Declared) {
    let (db, settings) = (bench.db(), &bench.settings);
    let in_sync = |report: &Report| assert_eq!(report.outcome, Outcome::InSync, "{:?}", report.differences);
    in_sync(migrate::prepare(&db, declared, settings, &mut ()).unwrap().report());
    in_sync(&migrate::check(&db, declared, settings, &mut ()).unwrap());
    in_sync(&migrate::migrate(&db, declared, settings, &mut ()).unwrap());
    assert!(migrate::fit(&db, declared, settings, &mut ()).unwrap().misfits.is_empty());
}

#[track_caller]
fn leaves_no_trace(bench: &Bench) {
    let declared = bench.declared(&declared()).unwrap();
    let before = files(&folder(bench));
    looks(bench, &declared);
    let after = files(&folder(bench));
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    assert!(before == after, "a file was written");
}

#[test]
fn it_is_read_without_a_trace_in_every_mode_whatever_its_text() {
    for sql in [SHOP, OTHER_TEXT] {
        for mode in ["DELETE", "WAL", "TRUNCATE"] {
            let (bench, _atlas) = with_a_tell_tale(sql);
            bench.open().pragma_update(None, "journal_mode", mode).unwrap();
            assert_eq!(files(&folder(&bench)).keys().collect::<Vec<_>>(), ["db"]);
            leaves_no_trace(&bench);
        }
    }
}

#[test]
fn the_log_of_a_writer_stays_as_it_is() {
    let (bench, _atlas) = with_a_tell_tale(SHOP);
    let writer = bench.open();
    writer.execute_batch("PRAGMA journal_mode = WAL; INSERT INTO orders (total) VALUES (2)").unwrap();
    assert_eq!(files(&folder(&bench)).keys().collect::<Vec<_>>(), ["db", "db-shm", "db-wal"]);
    let content = || {
        let mut files = files(&folder(&bench));
        // Readers leave their marks in the index of the log, which is memory that they share.
        files.remove("db-shm").map(drop).unwrap();
        files
    };
    let before = content();
    looks(&bench, &bench.declared(&declared()).unwrap());
    assert!(before == content(), "a file was written");
    drop(writer);
}

#[test]
fn what_is_only_in_the_log_counts() {
    let bench = Bench::new(SHOP);
    let writer = bench.open();
    writer
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE more (a)")
        .unwrap();
    let declared = bench.declared(&declared()).unwrap();
    let report = migrate::check(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
    assert_eq!(report.differences[0].message, "table more is not declared");
}

#[test]
fn a_file_whose_name_has_a_meaning_in_a_uri_is_that_file() {
    for name in ["a?immutable=0", "b#c", "d%20e", "é f", "vfs=g&h"] {
        let folder = tempfile::tempdir().unwrap();
        let db = folder.path().join(name);
        let conn = Connection::open(&db).unwrap();
        conn.execute_batch(&format!("PRAGMA journal_mode = WAL; {SHOP}")).unwrap();
        drop(conn);
        let settings = migrate::Settings::default();
        let declared = Declared::parse(Path::new("schema.sql"), &declared(), &settings).unwrap();
        let report = migrate::check(&db, &declared, &settings, &mut ()).unwrap();
        assert_eq!(report.outcome, Outcome::InSync);
        assert_eq!(files(folder.path()).keys().collect::<Vec<_>>(), [name]);
    }
}

/// Where the format of the file knows no DESC, its index is another one, whatever its text says.
#[test]
fn one_text_in_a_file_of_the_old_format_is_not_the_same() {
    let bench = Bench::new("");
    let conn = bench.open();
    conn.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_LEGACY_FILE_FORMAT, true).unwrap();
    conn.execute_batch(SHOP).unwrap();
    drop(conn);
    assert_eq!(fs::read(bench.db()).unwrap()[44..48], [0, 0, 0, 1]);
    let declared = bench.declared(&declared()).unwrap();
    let report = migrate::check(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
    assert_eq!(report.differences.len(), 1, "{:?}", report.differences);
    assert_eq!(report.differences[0].object, "by_total");
}
