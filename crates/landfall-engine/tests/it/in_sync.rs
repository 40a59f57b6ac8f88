//! A database that is what is declared already is read, and that is all that happens to it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use tempfile::TempDir;

use landfall_testkit::nasty;

use crate::support::Bench;
use landfall_engine::{Declared, Outcome, PlannerChoice, Report};

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
    in_sync(landfall_engine::prepare(&db, declared, settings, &mut ()).unwrap().report());
    in_sync(&landfall_engine::check(&db, declared, settings, &mut ()).unwrap());
    in_sync(&landfall_engine::migrate(&db, declared, settings, &mut ()).unwrap());
    assert!(landfall_engine::fit(&db, declared, settings, &mut ()).unwrap().misfits.is_empty());
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
    let report = landfall_engine::check(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
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
        let settings = landfall_engine::Settings::default();
        let declared = Declared::parse(Path::new("schema.sql"), &declared(), &settings).unwrap();
        let report = landfall_engine::check(&db, &declared, &settings, &mut ()).unwrap();
        assert_eq!(report.outcome, Outcome::InSync);
        assert_eq!(files(folder.path()).keys().collect::<Vec<_>>(), [name]);
    }
}

/// Where the format of the file knows no DESC, its index is another one, whatever its text says.
#[test]
fn one_text_in_a_file_of_the_old_format_is_not_the_same() {
    let bench = Bench::new("");
    let conn = bench.open();
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_LEGACY_FILE_FORMAT, true).unwrap();
    conn.execute_batch(SHOP).unwrap();
    drop(conn);
    assert_eq!(fs::read(bench.db()).unwrap()[44..48], [0, 0, 0, 1]);
    let declared = bench.declared(&declared()).unwrap();
    let report = landfall_engine::check(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
    assert_eq!(report.differences.len(), 1, "{:?}", report.differences);
    assert_eq!(report.differences[0].object, "by_total");
}

mod a_glance {
    use super::*;
    use landfall_engine::glance;

    const SHOP: &str = "
        CREATE TABLE shops (id INTEGER PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE UNIQUE /* a name */);
        CREATE TABLE \"all orders\" (id INTEGER PRIMARY KEY, shop INTEGER REFERENCES shops, total REAL CHECK (abs(total) >= 0));
        CREATE UNIQUE INDEX by_total ON \"all orders\" (shop, total DESC);
        CREATE INDEX by_name ON shops (lower(name)) WHERE name <> '';
        CREATE VIEW rich AS SELECT id FROM \"all orders\" WHERE total > 100 ORDER BY total DESC;
        CREATE TRIGGER t AFTER DELETE ON shops BEGIN DELETE FROM \"all orders\" WHERE shop = old.id; END;
    ";

    /// Whether one is enough, for a database made by the one text and a schema that is the other.
    fn suffices(bench: &Bench, schema: &str) -> bool {
        let before = files(&folder(bench));
        let found = glance(&bench.db(), Path::new("schema.sql"), schema, &bench.settings, &mut ()).unwrap();
        assert!(before == files(&folder(bench)), "a file was written");
        if let Some(report) = &found {
            assert_eq!(report.outcome, Outcome::InSync);
            // Whenever it does, the full look has to say the same.
            looks(bench, &bench.declared(schema).unwrap());
        }
        found.is_some()
    }

    #[test]
    fn suffices_where_all_texts_are_the_same() {
        for mode in ["DELETE", "WAL"] {
            let (bench, _atlas) = with_a_tell_tale(SHOP);
            bench.open().pragma_update(None, "journal_mode", mode).unwrap();
            assert!(suffices(&bench, SHOP));
            assert!(suffices(&bench, &format!("\u{feff}-- A shop.\n{SHOP}")));
        }
    }

    /// [`suffices`] asserts that the full look agrees.
    #[test]
    fn suffices_for_most_schemas_that_trip_others_and_is_never_wrong() {
        let of_all = nasty::SCHEMAS.iter().filter(|schema| suffices(&Bench::new(schema), schema)).count();
        assert!(of_all > nasty::SCHEMAS.len() / 2, "{of_all} of {}", nasty::SCHEMAS.len());
    }

    #[test]
    fn takes_no_type_no_key_and_no_table_for_a_function() {
        let schema = "
            CREATE TABLE t (a VARCHAR(20), [b c] decimal (10, 2), \"d\" \"my type\"(3) NOT NULL, UNIQUE (a), PRIMARY KEY (a, d));
            CREATE TABLE u(a REFERENCES t(a), b DEFAULT (1), c AS (a + (1)) STORED, FOREIGN KEY (b) REFERENCES \"t\"(d) ON DELETE CASCADE);
            CREATE INDEX i ON u(a) WHERE a IN (1, 2) AND (b) AND NOT (c) OR coalesce (a, b) BETWEEN (1) AND (2);
        ";
        assert!(suffices(&Bench::new(schema), schema));
    }

    #[test]
    fn suffices_after_the_engine_itself_made_it() {
        let bench = Bench::new("CREATE TABLE shops (id INTEGER PRIMARY KEY, name TEXT)");
        bench.reaches(SHOP);
        assert!(suffices(&bench, SHOP));
    }

    #[test]
    fn does_not_see_what_is_ignored() {
        let bench = Bench::new(SHOP);
        bench.open().execute_batch("CREATE TABLE cache (a); CREATE INDEX i ON cache (a)").unwrap();
        assert!(!suffices(&bench, SHOP));
        assert!(suffices(&bench.with(|settings| settings.ignore = vec!["cach?".to_owned()]), SHOP));
    }

    #[test]
    fn says_nothing_where_one_object_is_missing_another_or_too_many() {
        let bench = Bench::new(SHOP);
        for (was, is) in [
            ("CHECK (abs(total) >= 0)", "CHECK (abs(total) > 0)"),
            ("/* a name */", ""),
            ("shop, total DESC", "shop, total"),
            ("CREATE UNIQUE INDEX", "CREATE INDEX"),
            ("CREATE TABLE shops", "CREATE TABLE IF NOT EXISTS shops"),
            ("CREATE TABLE shops", "CREATE TABLE main.shops"),
            ("CREATE TABLE shops", "PRAGMA foreign_keys = ON; CREATE TABLE shops"),
            ("CREATE TABLE shops", "CREATE TABLE shop"),
            ("CREATE TABLE shops", "-- @dropped table old\nCREATE TABLE shops"),
            ("CREATE TABLE shops", "CREATE TABLE more (a); CREATE TABLE shops"),
            ("DELETE FROM", "DELETE  FROM"),
            ("CREATE VIEW rich", "CREATE VIEW poor"),
            ("END;", "END; INSERT INTO shops VALUES (1, 'x');"),
            ("END;", "END; CREATE TABLE"),
            ("END;", "END; 'never closed"),
        ] {
            assert!(SHOP.contains(was), "{was}");
            assert!(!suffices(&bench, &SHOP.replace(was, is)), "{was} -> {is}");
        }
        bench.open().execute_batch("CREATE TABLE more (a)").unwrap();
        assert!(!suffices(&bench, SHOP));
    }

    #[test]
    fn says_nothing_of_virtual_tables_an_empty_schema_and_a_missing_database() {
        let fts = "CREATE VIRTUAL TABLE words USING fts5 (word)";
        assert!(!suffices(&Bench::new(fts), fts));
        assert!(!suffices(&Bench::new(""), ""));
        assert!(!suffices(&Bench::new(""), "CREATE TABLE t (a)"));
    }

    /// The service made it, with functions of its own: what has not changed needs nothing of them, as the whole look finds, too.
    #[test]
    fn suffices_where_only_the_service_has_a_function_or_collation() {
        for object in [
            "CREATE VIEW v AS SELECT nobody(a) FROM t;",
            "CREATE TRIGGER tr AFTER UPDATE ON t BEGIN SELECT nobody(old.a); END;",
            "CREATE TRIGGER tr AFTER DELETE ON t BEGIN SELECT nobody(old.a); END;",
            "CREATE TABLE u (a CHECK (nobody(a)));",
            "CREATE TABLE u (a, b AS (a + \"NOBODY\" (a)));",
            "CREATE TABLE u (a, CONSTRAINT c CHECK (a IN (1, 2) AND NOT nobody(a)));",
            "CREATE INDEX i ON t (nobody(a));",
            "CREATE INDEX i ON t (a) WHERE nobody(a);",
            "CREATE TABLE u (a COLLATE nowhere);",
        ] {
            let bench = Bench::new("");
            let conn = bench.open();
            conn.create_scalar_function("nobody", 1, FunctionFlags::SQLITE_DETERMINISTIC, |_| Ok(1)).unwrap();
            let schema = format!("CREATE TABLE t (a); {object}");
            // A collation can be registered in SQLite's C alone: written in afterwards.
            conn.execute_batch(&schema.replace("nowhere", "nocase")).unwrap();
            conn.execute_batch(
                "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'nocase', 'nowhere')",
            )
            .unwrap();
            drop(conn);
            assert!(suffices(&bench, &schema), "{object}");
            assert_eq!(bench.migrate(&schema).unwrap().outcome, Outcome::InSync, "{object}");
            assert!(!suffices(
                &bench,
                &schema.replace("nobody", "anybody").replace("nowhere", "anywhere").replace("NOBODY", "x")
            ));
        }
    }

    #[test]
    fn one_text_in_a_file_of_the_old_format_does_not_suffice() {
        let bench = Bench::new("");
        let conn = bench.open();
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_LEGACY_FILE_FORMAT, true).unwrap();
        conn.execute_batch(SHOP).unwrap();
        drop(conn);
        assert!(!suffices(&bench, SHOP));
    }
}
