//! Copies without values that must not leave the machine.

use std::path::{Path, PathBuf};
use std::thread;

use landfall_engine::{Backup, Check, Error, ErrorKind, Interrupt, backup, partials};
use rusqlite::Connection;

use crate::support::{Bench, query};

/// Part of every value that is to be scrubbed, and of nothing else.
const SECRET: &str = "zanzibar";

/// A database that has the secret wherever SQLite keeps values: in rows, indexes, overflow pages, freed pages, full-text indexes,
/// samples of ANALYZE.
fn secretive() -> Bench {
    let bench = Bench::new(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT NOT NULL, note TEXT);
         CREATE INDEX by_email ON people (email);
         CREATE INDEX by_length ON people (length(note), note) WHERE note IS NOT NULL;
         CREATE TABLE keyed (email TEXT PRIMARY KEY, n) WITHOUT ROWID;
         CREATE TABLE audit (old TEXT);
         CREATE TABLE gone (email TEXT);
         CREATE VIRTUAL TABLE words USING fts5 (email, content='people', content_rowid='id');
         CREATE VIRTUAL TABLE notes USING fts5 (note, prefix='3');
         CREATE VIRTUAL TABLE older USING fts4 (note);
         WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
         INSERT INTO people SELECT i, 'zanzibar' || i || '@example.org', replace(hex(zeroblob(i * 7)), '00', 'zanzibar ') FROM n;
         INSERT INTO keyed SELECT email, id FROM people;
         INSERT INTO gone SELECT email || note FROM people;
         INSERT INTO words (rowid, email) SELECT id, email FROM people;
         INSERT INTO notes SELECT note FROM people;
         INSERT INTO older SELECT note || email FROM people;
         DROP TABLE gone;
         CREATE TRIGGER remember AFTER UPDATE ON people BEGIN INSERT INTO audit VALUES (old.email); END;
         ANALYZE;",
    );
    assert_ne!(bench.query("SELECT count(*) FROM sqlite_stat4 WHERE tbl IN ('people', 'keyed')"), "0");
    assert_ne!(bench.query("PRAGMA freelist_count"), "0");
    bench
}

const EVERYWHERE: &str = "
    UPDATE people SET email = 'person' || id, note = CASE WHEN id % 2 THEN 'a note; of sorts' END;
    DELETE FROM keyed; -- 'all; of them
    UPDATE notes SET note = 'nothing';
    UPDATE older SET note = 'nothing'";

fn copy_of(bench: &Bench) -> PathBuf {
    bench.db().with_file_name("copy")
}

fn scrubbed(bench: &Bench, sql: &str) -> Result<Backup, Error> {
    backup(&bench.db(), &copy_of(bench), Some(sql), Check::Integrity, &bench.settings)
}

/// Scrubs, must fail, and must leave neither a file nor a trace in the database.
fn refused(bench: &Bench, sql: &str) -> Error {
    let before = bench.dump();
    let error = scrubbed(bench, sql).expect_err(sql);
    assert_eq!(bench.dump(), before);
    assert_eq!(files(bench.db().parent().unwrap()), ["db"], "{error}");
    error
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// How often a file has the secret, in whatever letter case.
fn secrets(file: &Path) -> usize {
    let bytes = std::fs::read(file).unwrap().to_ascii_lowercase();
    bytes.windows(SECRET.len()).filter(|part| *part == SECRET.as_bytes()).count()
}

#[test]
fn a_scrubbed_value_is_nowhere_in_the_bytes_of_the_copy() {
    let bench = secretive();
    let before = bench.dump();
    let whole = bench.db().with_file_name("whole");
    backup(&bench.db(), &whole, None, Check::Integrity, &bench.settings).unwrap();
    assert!(secrets(&whole) > 1000);
    scrubbed(&bench, EVERYWHERE).unwrap();
    assert_eq!(secrets(&copy_of(&bench)), 0);
    assert_eq!(files(bench.db().parent().unwrap()), ["copy", "db", "whole"]);
    assert_eq!(bench.dump(), before);

    let copy = Connection::open(copy_of(&bench)).unwrap();
    assert_eq!(
        query(&copy, "SELECT count(*), min(email), min(note) FROM people"),
        "500|person1|a note; of sorts"
    );
    assert_eq!(query(&copy, "SELECT count(*) FROM audit"), "0", "a trigger fired");
    assert_eq!(query(&copy, "SELECT rowid FROM words ('person70')"), "70");
    assert_eq!(query(&copy, "SELECT count(*) FROM notes ('nothing')"), "500");
    assert_eq!(query(&copy, "SELECT count(*) FROM older WHERE older MATCH 'nothing'"), "500");
}

#[test]
fn samples_of_an_older_sqlite_are_forgotten_too() {
    let bench = Bench::new(
        "CREATE TABLE t (a); INSERT INTO t VALUES ('zanzibar'); CREATE TABLE old_stat3 (tbl, idx, nEq, nLt, nDLt, sample);
         INSERT INTO old_stat3 VALUES ('t', 'i', 1, 0, 0, 'zanzibar');
         PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET name = 'sqlite_stat3', tbl_name = 'sqlite_stat3', sql = replace(sql, 'old', 'sqlite')
         WHERE name = 'old_stat3'",
    );
    assert_eq!(bench.query("SELECT sample FROM sqlite_stat3"), SECRET);
    scrubbed(&bench, "DELETE FROM t").unwrap();
    assert_eq!(secrets(&copy_of(&bench)), 0);
}

#[test]
fn a_value_that_no_statement_names_stays() {
    let bench = secretive();
    scrubbed(&bench, "UPDATE people SET note = ''; DELETE FROM notes; DELETE FROM older; DELETE FROM keyed")
        .unwrap();
    assert!(secrets(&copy_of(&bench)) >= 2 * 500, "in each row and in the index");
}

#[test]
fn an_index_without_content_has_to_be_emptied() {
    for (module, empty) in [
        ("fts5 (a, content='')", "INSERT INTO words (words) VALUES ('delete-all')"),
        ("fts5 (a, content='', contentless_delete=1)", "INSERT INTO words (words) VALUES ('delete-all')"),
        ("fts4 (a, content=\"\")", "DELETE FROM words_segdir; DELETE FROM words_segments"),
    ] {
        let bench = Bench::new(&format!(
            "CREATE VIRTUAL TABLE words USING {module}; INSERT INTO words (rowid, a) VALUES (1, 'zanzibar'); CREATE TABLE t (a)"
        ));
        let error = refused(&bench, "DELETE FROM t");
        assert_eq!(error.kind, ErrorKind::Usage);
        assert_eq!(error.object, "words");
        assert_eq!(
            error.told(),
            "the full-text index words would keep old terms, and has no content to be rebuilt from; nothing was changed"
        );
        assert!(
            error.remedy.replace('"', "").replace("words(words)", "words (words)").ends_with(empty),
            "{error}"
        );
        scrubbed(&bench, empty).unwrap();
        assert_eq!(secrets(&copy_of(&bench)), 0, "{module}");
    }
}

#[test]
fn an_index_without_content_and_without_terms_is_no_hindrance() {
    let bench = Bench::new(
        "CREATE VIRTUAL TABLE five USING fts5 (a, content='');
         CREATE VIRTUAL TABLE four USING fts4 (a, content=\"\"); CREATE TABLE t (a)",
    );
    scrubbed(&bench, "DELETE FROM t").unwrap();
}

#[test]
fn an_index_that_cannot_be_rebuilt_is_named() {
    let bench =
        Bench::new("CREATE TABLE t (a); CREATE VIRTUAL TABLE words USING fts5 (a, content='missing')");
    let error = refused(&bench, "DELETE FROM t");
    assert_eq!(error.kind, ErrorKind::Apply);
    insta::assert_snapshot!(error, @"
    the full-text index words would keep old terms, and cannot be rebuilt: no such table: main.missing; nothing was changed
    mend the index: its content table has to be there, with every column that the index names
    ");
}

#[test]
fn a_statement_may_change_rows_and_nothing_else() {
    let bench = Bench::new(
        "CREATE TABLE t (a UNIQUE); INSERT INTO t VALUES ('zanzibar');
         CREATE VIRTUAL TABLE boxes USING rtree (id, low, high); INSERT INTO boxes VALUES (1, 2, 3)",
    );
    let statements = [
        "ATTACH '/tmp/elsewhere' AS other",
        "DETACH main",
        "PRAGMA journal_mode = wal",
        "SELECT * FROM pragma_journal_mode",
        "CREATE TABLE elsewhere AS SELECT a FROM t",
        "CREATE TEMP TABLE elsewhere AS SELECT a FROM t",
        "DROP TABLE t",
        "ALTER TABLE t RENAME TO u",
        "ANALYZE",
        "REINDEX",
        "COMMIT",
        "SAVEPOINT here",
        "SELECT load_extension('/tmp/other.so')",
        "EXPLAIN DELETE FROM t",
        "VACUUM INTO '/tmp/zanzibar'",
        "DELETE FROM boxes",
    ];
    let mut texts = Vec::new();
    for statement in statements {
        let error = refused(&bench, &format!("DELETE FROM t; {statement}"));
        assert_eq!((error.kind, error.object.as_str()), (ErrorKind::Usage, "statement 2 of the scrub"));
        assert!(error.remedy.starts_with("write UPDATE, DELETE or INSERT statements, "), "{error}");
        texts.push(error.told());
    }
    insta::assert_snapshot!(texts.join("\n"), @"
    statement 2 of the scrub is refused for ATTACH or DETACH; nothing was changed
      ATTACH ? AS other
    statement 2 of the scrub is refused for ATTACH or DETACH; nothing was changed
      DETACH main
    statement 2 of the scrub is refused for PRAGMA; nothing was changed
      PRAGMA journal_mode = wal
    statement 2 of the scrub is refused for PRAGMA; nothing was changed
      SELECT * FROM pragma_journal_mode
    statement 2 of the scrub is refused for changing more than rows; nothing was changed
      CREATE TABLE elsewhere AS SELECT a FROM t
    statement 2 of the scrub is refused for changing more than rows; nothing was changed
      CREATE TEMP TABLE elsewhere AS SELECT a FROM t
    statement 2 of the scrub is refused for changing more than rows; nothing was changed
      DROP TABLE t
    statement 2 of the scrub is refused for changing more than rows; nothing was changed
      ALTER TABLE t RENAME TO u
    statement 2 of the scrub is refused for changing more than rows; nothing was changed
      ANALYZE
    statement 2 of the scrub is refused for changing more than rows; nothing was changed
      REINDEX
    statement 2 of the scrub is refused for a transaction; nothing was changed
      COMMIT
    statement 2 of the scrub is refused for a transaction; nothing was changed
      SAVEPOINT here
    statement 2 of the scrub is refused for load_extension; nothing was changed
      SELECT load_extension(?)
    statement 2 of the scrub is refused for EXPLAIN; nothing was changed
      EXPLAIN DELETE FROM t
    statement 2 of the scrub is refused for VACUUM; nothing was changed
      VACUUM INTO ?
    statement 2 of the scrub is refused for virtual table boxes, whose module may keep old values; nothing was changed
      DELETE FROM boxes
    ");
}

#[test]
fn a_statement_that_fails_is_told_without_a_value() {
    let bench = Bench::new(
        "CREATE TABLE t (a TEXT UNIQUE); INSERT INTO t VALUES ('zanzibar'), ('b'); CREATE VIRTUAL TABLE f USING fts5 (a)",
    );
    let statements = [
        "UPDATE t SET a = 'zanzibar' -- twice",
        "UPDATE t\n  SET a = x'7a', b = 7",
        "UPDATE t SET a = json(a)",
        "DELETE FROM f WHERE f MATCH (SELECT '\"' || a FROM t)",
        "UPDATE sqlite_schema SET sql = NULL",
        "DELETE FROM",
    ];
    let mut texts = Vec::new();
    for statement in statements {
        let error = refused(&bench, statement);
        assert_eq!((error.kind, error.object.as_str()), (ErrorKind::Apply, "statement 1 of the scrub"));
        texts.push(error.to_string());
    }
    let texts = texts.join("\n\n");
    assert!(!texts.contains(SECRET), "{texts}");
    insta::assert_snapshot!(texts, @"
    statement 1 of the scrub failed: UNIQUE constraint failed: t.a; nothing was changed
      UPDATE t SET a = ?
    correct it: it runs on a copy, in one transaction with the others

    statement 1 of the scrub failed: no such column: b; nothing was changed
      UPDATE t SET a = ?, b = ?
    correct it: it runs on a copy, in one transaction with the others

    statement 1 of the scrub failed: SQL logic error; nothing was changed
      UPDATE t SET a = json(a)
    correct it: it runs on a copy, in one transaction with the others

    statement 1 of the scrub failed: SQL logic error; nothing was changed
      DELETE FROM f WHERE f MATCH (SELECT ? || a FROM t)
    correct it: it runs on a copy, in one transaction with the others

    statement 1 of the scrub failed: table sqlite_master may not be modified; nothing was changed
      UPDATE sqlite_schema SET sql = NULL
    correct it: it runs on a copy, in one transaction with the others

    statement 1 of the scrub failed: incomplete input; nothing was changed
      DELETE FROM
    correct it: it runs on a copy, in one transaction with the others
    ");
}

#[test]
fn a_scrub_without_a_statement_is_refused_before_anything_is_copied() {
    let bench = Bench::new("CREATE TABLE t (a)");
    let errors = ["", " ; -- nothing", "UPDATE t SET a = 'x"].map(|sql| {
        let error = refused(&bench, sql);
        assert_eq!(error.kind, ErrorKind::Usage);
        error.to_string()
    });
    insta::assert_snapshot!(errors.join("\n\n"), @"
    the scrub has no statement; nothing was changed
    write UPDATE, DELETE or INSERT statements, with ; between them, that change rows of the copy

    the scrub has no statement; nothing was changed
    write UPDATE, DELETE or INSERT statements, with ; between them, that change rows of the copy

    the scrub cannot be read: this quote is never closed at byte 17; nothing was changed
    write UPDATE, DELETE or INSERT statements, with ; between them, that change rows of the copy
    ");
}

#[test]
fn foreign_keys_take_no_row_away() {
    let bench = Bench::new(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY); CREATE TABLE child (p REFERENCES parent ON DELETE CASCADE);
         INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1)",
    );
    scrubbed(&bench, "DELETE FROM parent").unwrap();
    let copy = Connection::open(copy_of(&bench)).unwrap();
    assert_eq!(query(&copy, "SELECT (SELECT count(*) FROM parent), (SELECT count(*) FROM child)"), "0|1");
}

#[test]
fn a_stop_in_the_middle_of_a_scrub_leaves_nothing_behind() {
    let bench = secretive().with(|settings| settings.interrupt = Interrupt::default());
    let (interrupt, unscrubbed) = (bench.settings.interrupt.clone(), partials(&copy_of(&bench)));
    thread::spawn(move || {
        while !unscrubbed.iter().any(|file| file.exists()) {
            thread::yield_now();
        }
        interrupt.raise();
    });
    let long = "WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000)
        DELETE FROM keyed WHERE (SELECT count(*) FROM n) < 0";
    let error = refused(&bench, long);
    assert_eq!(error.kind, ErrorKind::Interrupted, "{error}");
}

#[test]
fn a_scrub_needs_room_for_two_copies_and_leaves_nothing_on_a_disk_that_fills_up() {
    let Some(disk) = crate::faults::SmallDisk::new(1500) else {
        return landfall_testkit::requires::skip(
            "a_scrub_needs_room_for_two_copies_and_leaves_nothing_on_a_disk_that_fills_up",
            "mount",
        );
    };
    let bench = Bench::new("CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(1000000))");
    let to = disk.path().join("copy");
    let error =
        backup(&bench.db(), &to, Some("DELETE FROM t"), Check::Integrity, &bench.settings).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Space, "{error}");
    assert!(error.message.contains("needs up to 2 MiB"), "{error}");
    let small = Bench::new("CREATE TABLE t (a); INSERT INTO t VALUES (1)");
    let error = backup(
        &small.db(),
        &to,
        Some("UPDATE t SET a = zeroblob(5000000)"),
        Check::Integrity,
        &small.settings,
    )
    .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Space, "{error}");
    assert_eq!(
        error.to_string().replace(&to.display().to_string(), "[COPY]"),
        "the disk of [COPY] is full; nothing was changed\nfree some space there and run the command again"
    );
    assert_eq!(files(disk.path()), [] as [&str; 0]);
    // With room for two, it is made.
    backup(&small.db(), &to, Some("UPDATE t SET a = zeroblob(500000)"), Check::Integrity, &small.settings)
        .unwrap();
}
