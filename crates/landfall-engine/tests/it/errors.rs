//! Every error text of the engine that a person meets outside `schema.sql`, as they read it.
use std::time::Duration;

use crate::support::Bench;
use landfall_engine::{Check, Error, PlannerChoice, backup, inspect};

fn told(bench: &Bench, error: &Error) -> String {
    let folder = bench.db().parent().unwrap().display().to_string();
    format!("[{:?}, exit {}]\n{error}", error.kind, error.kind.exit_code()).replace(&folder, "[DIR]")
}

const OLD: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL); INSERT INTO t VALUES (1, 'x')";
const NEW: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)";

#[test]
fn the_database_moved() {
    let bench = Bench::new(OLD);
    let declared = bench.declared(NEW).unwrap();
    let prepared = landfall_engine::prepare(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
    bench.open().execute_batch("CREATE TABLE u (a)").unwrap();
    insta::assert_snapshot!(told(&bench, &prepared.apply(&mut ()).unwrap_err()), @"
    [Moved, exit 1]
    another connection changed the schema of [DIR]/db after the plan was made; nothing was changed
    run the command again
    ");
    bench.open().execute_batch("DROP TABLE u").unwrap();
    let declared = bench.declared("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL UNIQUE)").unwrap();
    let prepared = landfall_engine::prepare(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
    bench.open().execute_batch("INSERT INTO t VALUES (2, 'x')").unwrap();
    insta::assert_snapshot!(told(&bench, &prepared.apply(&mut ()).unwrap_err()), @"
    [Moved, exit 1]
    another connection changed rows of [DIR]/db after the plan was made; nothing was changed
    run the command again
    ");
}

#[test]
fn it_was_interrupted() {
    let bench = Bench::new(OLD);
    bench.settings.interrupt.raise();
    insta::assert_snapshot!(told(&bench, &bench.refuses(NEW)), @"
    [Interrupted, exit 1]
    interrupted while planning; nothing was changed
    run the command again
    ");
}

#[test]
fn the_wait_for_a_lock_ended() {
    let bench = Bench::new(OLD).with(|s| s.lock_wait = Duration::from_secs(1));
    let writer = bench.open();
    writer.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let declared = bench.declared(NEW).unwrap();
    let error = landfall_engine::migrate(&bench.db(), &declared, &bench.settings, &mut ()).unwrap_err();
    insta::assert_snapshot!(told(&bench, &error), @"
    [Locked, exit 1]
    another connection held a lock on [DIR]/db for more than 1 second; nothing was changed
    stop the process that holds it, or allow a longer wait
    ");
    bench.settings.interrupt.raise();
    let error = landfall_engine::migrate(&bench.db(), &declared, &bench.settings, &mut ()).unwrap_err();
    insta::assert_snapshot!(told(&bench, &error), @"
    [Interrupted, exit 1]
    the wait for a lock on [DIR]/db was interrupted; nothing was changed
    run the command again
    ");
}

#[test]
fn it_is_no_database() {
    let bench = Bench::new("");
    std::fs::write(bench.db(), "this is a text of more than a hundred bytes, and no database at all, however long one looks at it; it is a text").unwrap();
    let declared = bench.declared(NEW).unwrap();
    let error = landfall_engine::migrate(&bench.db(), &declared, &bench.settings, &mut ()).unwrap_err();
    insta::assert_snapshot!(told(&bench, &error), @"
    [Database, exit 1]
    the database [DIR]/db cannot be opened: it is not an SQLite database, or it is encrypted; nothing was changed
    name another file
    ");
    let folder = bench.db().parent().unwrap().to_owned();
    let error = landfall_engine::migrate(&folder, &declared, &bench.settings, &mut ()).unwrap_err();
    insta::assert_snapshot!(told(&bench, &error), @"
    [Database, exit 1]
    the database [DIR] cannot be opened: it is a directory
    name the database file
    ");
    // To open it would wait for whoever writes into it, for ever.
    let pipe = folder.join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    for tried in [
        landfall_engine::migrate(&pipe, &declared, &bench.settings, &mut ()).map(drop),
        landfall_engine::check(&pipe, &declared, &bench.settings, &mut ()).map(drop),
        inspect(&pipe, &bench.settings).map(drop),
    ] {
        assert_eq!(
            tried.unwrap_err().message,
            format!("the database {} cannot be opened: it is no file", pipe.display())
        );
    }
    let error =
        landfall_engine::migrate(&folder.join("no/db"), &declared, &bench.settings, &mut ()).unwrap_err();
    insta::assert_snapshot!(told(&bench, &error), @"
    [Database, exit 1]
    the database [DIR]/no/db cannot be opened: its folder does not exist
    make the folder first, or name another file
    ");
}

#[test]
fn it_is_damaged() {
    let bench = Bench::new(OLD);
    let mut bytes = std::fs::read(bench.db()).unwrap();
    // The root page of sqlite_schema is no b-tree any more.
    bytes[100] = 0xff;
    std::fs::write(bench.db(), bytes).unwrap();
    let declared = bench.declared(NEW).unwrap();
    let error = landfall_engine::migrate(&bench.db(), &declared, &bench.settings, &mut ()).unwrap_err();
    insta::assert_snapshot!(told(&bench, &error), @"
    [Database, exit 1]
    the database [DIR]/db cannot be opened: it is damaged (the database disk image is malformed); nothing was changed
    put a backup back, or try `sqlite3 FILE .recover`
    ");
}

#[test]
fn rows_break_what_only_a_statement_can_find() {
    // The CHECK is over a generated column that is made of another generated one.
    let bench = Bench::new("CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER); INSERT INTO t VALUES (1, 5)");
    let new = "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b AS (a + 1), c AS (b + 1), CHECK (c < 7))";
    insta::assert_snapshot!(told(&bench, &bench.refuses(new)), @r#"
    [Hazard, exit 3]
    the change of [DIR]/db was refused; nothing was changed
      VIOLATED_CONSTRAINT: rows break a constraint of schema.sql
      builtin: would fail: constraint failed in `ALTER TABLE "t" ADD CHECK (c < 7)`
    correct those rows first, or declare what they are
    "#);
}

#[test]
fn a_row_outside_the_sample_breaks_it_in_the_transaction() {
    let bench = Bench::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER);
         WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO t SELECT i, 1 FROM n;
         UPDATE t SET a = 9 WHERE id = 2513",
    );
    let new = "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b AS (a + 1), c AS (b + 1), CHECK (c < 7))";
    insta::assert_snapshot!(told(&bench, &bench.refuses(new)), @r#"
    [Hazard, exit 3]
    VIOLATED_CONSTRAINT: rows of [DIR]/db break a constraint of schema.sql: constraint failed; it was rolled back; nothing was changed
      ALTER TABLE "t" ADD CHECK (c < 7)
    correct those rows first, or declare what they are
    "#);
}

#[test]
fn the_directives_contradict_the_database() {
    let bench = Bench::new("CREATE TABLE t (a TEXT, b TEXT); CREATE TABLE u (a)");
    let cases = [
        "CREATE TABLE t (\n b TEXT -- @renamed from=a\n); CREATE TABLE u (a)",
        "-- @renamed from=t\nCREATE TABLE u (a)",
        "CREATE TABLE t (\n a TEXT,\n b TEXT NOT NULL -- @using nowhere || 'x' for=NOT NULL\n); CREATE TABLE u (a)",
    ];
    let texts: Vec<_> = cases.iter().map(|new| told(&bench, &bench.refuses(new))).collect();
    insta::assert_snapshot!(texts.join("\n\n"), @"
    [Schema, exit 1]
    schema.sql:2: @renamed from=a cannot act: column t.a and column t.b both exist; nothing was changed
    keep one: rename t.a away, or take out the directive and declare what is to happen to t.a

    [Schema, exit 1]
    schema.sql:1: @renamed from=t cannot act: table t and table u both exist; nothing was changed
    keep one: rename t away, or take out the directive and declare what is to happen to t

    [Schema, exit 1]
    schema.sql:3: @using of t.b cannot be evaluated: no such column: nowhere
      nowhere || 'x'
    the expression sees the columns of the row as it is before the change
    ");
}

#[test]
fn a_copy_cannot_be_made() {
    let bench = Bench::new(OLD);
    let to = bench.db().with_file_name("copy");
    let made = backup(&bench.db(), &to, None, Check::Integrity, &bench.settings).unwrap();
    assert_eq!(made.bytes, std::fs::metadata(&to).unwrap().len());
    assert_eq!(crate::support::query(&rusqlite::Connection::open(&to).unwrap(), "SELECT * FROM t"), "1|x");
    let missing = bench.db().with_file_name("missing");
    let nowhere = bench.db().with_file_name("no").join("copy");
    let errors = [
        backup(&bench.db(), &to, None, Check::Integrity, &bench.settings).unwrap_err(),
        backup(&missing, &missing.with_file_name("copy2"), None, Check::Integrity, &bench.settings)
            .unwrap_err(),
        backup(&bench.db(), &nowhere, None, Check::Integrity, &bench.settings).unwrap_err(),
        inspect(&missing, &bench.settings).unwrap_err(),
    ];
    let texts: Vec<_> = errors.iter().map(|error| told(&bench, error)).collect();
    insta::assert_snapshot!(texts.join("\n\n"), @"
    [Database, exit 1]
    the file [DIR]/copy exists already; nothing was changed
    name a new file

    [Database, exit 1]
    there is no database [DIR]/missing; nothing was changed
    name a database file that exists

    [Database, exit 1]
    the copy [DIR]/no/copy cannot be made: it does not exist; nothing was changed
    name a file in a folder that exists and can be written

    [Database, exit 1]
    there is no database [DIR]/missing
    name a database file that exists
    ");
    assert_eq!(std::fs::read_dir(to.parent().unwrap()).unwrap().count(), 2, "something was left behind");
}

#[test]
fn words_of_the_command_line_are_wrong() {
    let mut texts = Vec::new();
    for word in ["DROPS_TABLE", "DROPS_TABLE:", "DROPS:t", "NEEDS_BACKFILL:t"] {
        texts.push(word.parse::<landfall_engine::Approval>().unwrap_err().to_string());
    }
    texts.push("auto2".parse::<PlannerChoice>().unwrap_err().to_string());
    texts.push("some".parse::<landfall_engine::ProofLevel>().unwrap_err().to_string());
    texts.push("any".parse::<landfall_engine::ColumnOrder>().unwrap_err().to_string());
    insta::assert_snapshot!(texts.join("\n\n"), @r#"
    approval "DROPS_TABLE" names no object
    write HAZARD:OBJECT, where HAZARD is one of DROPS_TABLE, DROPS_COLUMN, CHANGES_VALUES, LOOKS_LIKE_RENAME, RENUMBERS_ROWIDS, UNUSABLE

    approval "DROPS_TABLE:" names no object
    write HAZARD:OBJECT, where HAZARD is one of DROPS_TABLE, DROPS_COLUMN, CHANGES_VALUES, LOOKS_LIKE_RENAME, RENUMBERS_ROWIDS, UNUSABLE

    hazard "DROPS" is not known
    write HAZARD:OBJECT, where HAZARD is one of DROPS_TABLE, DROPS_COLUMN, CHANGES_VALUES, LOOKS_LIKE_RENAME, RENUMBERS_ROWIDS, UNUSABLE

    NEEDS_BACKFILL cannot be approved
    write HAZARD:OBJECT, where HAZARD is one of DROPS_TABLE, DROPS_COLUMN, CHANGES_VALUES, LOOKS_LIKE_RENAME, RENUMBERS_ROWIDS, UNUSABLE

    planner "auto2" is not known
    use one of: auto atlas builtin

    proof "some" is not known
    use one of: counts content

    column-order "any" is not known
    use one of: report exact
    "#);
}
