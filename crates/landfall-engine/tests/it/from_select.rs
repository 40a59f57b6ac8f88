//! `-- @from SELECT …`: a table that is new gets its first rows from the tables as they were. In every mode of `fast-path`, with either
//! planner.

use insta::assert_snapshot;
use landfall_engine::{ErrorKind, Outcome};

use crate::support::{self, Bench};

const PEOPLE: &str =
    "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, phone TEXT, mail TEXT);
    INSERT INTO people VALUES (1, 'Ada', '12', NULL), (2, 'Bob', NULL, 'b@x'), (7, 'Cyd', '77', 'c@x')";

/// A column moves into a child table.
const PHONES: &str = "CREATE TABLE people (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  -- @dropped phone
  mail TEXT
);
-- @from SELECT id AS person, phone AS number
--   FROM people
--   WHERE phone IS NOT NULL
CREATE TABLE phones (
  id INTEGER PRIMARY KEY,
  person INTEGER NOT NULL REFERENCES people (id),
  number TEXT NOT NULL UNIQUE
);
CREATE INDEX phones_by_person ON phones (person);";

#[test]
fn a_column_moves_into_a_child_table() {
    for bench in support::everywhere(PEOPLE) {
        let report = bench.reaches(PHONES);
        assert_eq!(bench.query("SELECT * FROM phones"), "1|1|12\n2|7|77");
        assert_eq!(bench.query("SELECT * FROM people"), "1|Ada|NULL\n2|Bob|b@x\n7|Cyd|c@x");
        let evidence = report.evidence.iter().find(|evidence| evidence.table == "phones").unwrap();
        assert_eq!((evidence.rows_before, evidence.rows_after), (0, 2));
    }
}

#[test]
fn one_table_becomes_two() {
    let new = "
-- @from SELECT id, name FROM people
CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT);
-- @from SELECT mail AS address, id AS of FROM people WHERE mail IS NOT NULL
CREATE TABLE mails (of INTEGER PRIMARY KEY REFERENCES names (id), address TEXT) WITHOUT ROWID;
-- @dropped table people
";
    for bench in support::everywhere(PEOPLE).into_iter().chain(support::by_atlas(PEOPLE)) {
        bench.reaches(new);
        assert_eq!(bench.query("SELECT * FROM names"), "1|Ada\n2|Bob\n7|Cyd");
        assert_eq!(bench.query("SELECT * FROM mails"), "2|b@x\n7|c@x");
        assert_eq!(bench.query("SELECT count(*) FROM sqlite_schema WHERE name = 'people'"), "0");
    }
}

#[test]
fn what_moves_is_still_lost_where_it_was_unless_that_is_approved() {
    let bench = Bench::new(PEOPLE);
    let error = bench.refuses(&PHONES.replace("  -- @dropped phone\n", ""));
    assert!(error.message.contains("DROPS_COLUMN"), "{error}");
}

#[test]
fn the_select_sees_old_names_and_old_values() {
    let new = "
-- @renamed from=people
CREATE TABLE persons (
  id INTEGER PRIMARY KEY,
  title TEXT NOT NULL, -- @renamed from=name
  phone INTEGER, -- @using phone * 10 from=TEXT
  mail TEXT
);
-- @from SELECT name, phone FROM people
CREATE TABLE book (name TEXT, phone TEXT);";
    for bench in support::everywhere(PEOPLE) {
        bench.reaches(new);
        assert_eq!(bench.query("SELECT * FROM book"), "Ada|12\nBob|NULL\nCyd|77");
        assert_eq!(bench.query("SELECT title, phone FROM persons"), "Ada|120\nBob|NULL\nCyd|770");
    }
}

#[test]
fn it_acts_once_and_is_told_as_removable_afterwards() {
    let bench = Bench::new(PEOPLE);
    bench.reaches(PHONES);
    bench.open().execute_batch("DELETE FROM phones WHERE person = 7").unwrap();
    let report = bench.migrate(PHONES).unwrap();
    assert_eq!(report.outcome, Outcome::InSync);
    assert_eq!(bench.query("SELECT count(*) FROM phones"), "1");
    let idle: Vec<_> = report.idle_directives.iter().map(|idle| idle.message.as_str()).collect();
    assert_snapshot!(idle.join("\n"), @"
    schema.sql:4: @dropped phone (people.phone) has nothing left to do in this database; take it out once no other database needs it
    schema.sql:7: @from SELECT id AS person, phone AS number FROM people WHERE phone IS NOT NULL (phones) has nothing left to do in this database; take it out once no other database needs it
    ");
    // A later change leaves it alone, too.
    bench.reaches(&PHONES.replace("number TEXT NOT NULL UNIQUE", "number TEXT NOT NULL UNIQUE, kind TEXT"));
    assert_eq!(bench.query("SELECT count(*) FROM phones"), "1");
}

#[test]
fn in_a_fresh_database_there_is_nothing_to_read() {
    for bench in support::everywhere("") {
        let report = bench.reaches(PHONES);
        assert_eq!(report.idle_directives.len(), 2);
        assert_eq!(bench.query("SELECT count(*) FROM phones"), "0");
    }
}

#[test]
fn it_reads_views_joins_and_more_rows_than_a_proof_samples() {
    let old = "CREATE TABLE a (id INTEGER PRIMARY KEY, g TEXT);
        CREATE TABLE b (a INTEGER REFERENCES a (id), n INTEGER);
        CREATE VIEW sums AS SELECT g, sum(n) AS total, count(*) AS many FROM a JOIN b ON b.a = a.id GROUP BY g;
        WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 3000)
        INSERT INTO a SELECT n, 'g' || (n % 1000) FROM i;
        INSERT INTO b SELECT id, id FROM a";
    let kept = "CREATE TABLE a (id INTEGER PRIMARY KEY, g TEXT);\nCREATE TABLE b (a INTEGER REFERENCES a (id), n INTEGER);\n";
    let new = format!(
        "{kept}-- @from SELECT g, total FROM sums\nCREATE TABLE groups (g TEXT PRIMARY KEY, total INTEGER NOT NULL);
-- @from WITH w AS (SELECT a, n FROM b) SELECT a AS first, n FROM w
CREATE TABLE c (first INTEGER NOT NULL REFERENCES a (id), n INTEGER);"
    );
    // Atlas fails where there is a view.
    let bench = Bench::new(old);
    bench.reaches(&new);
    assert_eq!(bench.query("SELECT count(*), sum(total) FROM groups"), "1000|4501500");
    assert_eq!(bench.query("SELECT count(*) FROM c"), "3000");
}

#[test]
fn rows_that_the_new_table_cannot_hold_stop_the_change() {
    for (constraint, why) in [
        ("phone TEXT NOT NULL", "NOT NULL"),
        ("phone TEXT CHECK (phone <> '77')", "CHECK"),
        ("phone TEXT REFERENCES people (mail)", "without their parent"),
    ] {
        let old = format!("{PEOPLE}; CREATE UNIQUE INDEX by_mail ON people (mail)");
        let new = format!(
            "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, phone TEXT, mail TEXT);
CREATE UNIQUE INDEX by_mail ON people (mail);
-- @from SELECT phone FROM people
CREATE TABLE phones (id INTEGER PRIMARY KEY, {constraint});"
        );
        for bench in support::everywhere(&old) {
            let error = bench.refuses(&new);
            assert_eq!(error.kind, ErrorKind::Hazard, "{error}");
            assert!(error.message.contains("VIOLATED_CONSTRAINT"), "{error}");
            assert!(error.message.contains(why), "{why}: {error}");
        }
    }
}

/// What stands before CREATE TABLE phones.
const REFUSED: &[(&str, &str)] = &[
    ("no SELECT", "-- @from people"),
    ("a statement that writes", "-- @from DELETE FROM people RETURNING id"),
    ("a semicolon", "-- @from SELECT id AS person FROM people;"),
    ("an open parenthesis", "-- @from SELECT (id AS person FROM people"),
    ("another comment below", "-- @from SELECT id AS person FROM people\n-- The numbers of people."),
    ("a table that is not there", "-- @from SELECT id AS person FROM persons"),
    ("a table that is new, too", "-- @from SELECT person FROM phones"),
    ("a column that is not filled", "-- @from SELECT id AS persn FROM people"),
    ("a column twice", "-- @from SELECT id AS person, id AS PERSON FROM people"),
    ("another value each time", "-- @from SELECT random() AS person FROM people"),
    ("the time", "-- @from SELECT id AS person, datetime('now') AS number FROM people"),
    ("the time by a word", "-- @from SELECT id AS person, current_timestamp AS number FROM people"),
    ("the time by a format", "-- @from SELECT id AS person, strftime('%s') AS number FROM people"),
    ("twice", "-- @from SELECT id AS person FROM people\n-- @from SELECT 1 AS person"),
    ("a table that is renamed", "-- @renamed from=telephones\n-- @from SELECT id AS person FROM people"),
];

#[test]
fn what_cannot_be_read_or_may_differ_is_refused_with_its_line() {
    let mut told = String::new();
    let kept = "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, phone TEXT, mail TEXT);";
    for (what, directive) in REFUSED {
        let new = format!("{kept}\n{directive}\nCREATE TABLE phones (person INTEGER, number TEXT);");
        let error = Bench::new(PEOPLE).refuses(&new);
        assert_eq!(error.kind, ErrorKind::Schema, "{what}: {error}");
        told.push_str(&format!("{what}\n  {}\n  {}\n", error.told(), error.remedy));
    }
    assert_snapshot!(told, @r#"
    no SELECT
      schema.sql:2:1: the directive @from has no SELECT that is complete; nothing was changed
      -- @from people
      write `-- @from SELECT …` without a semicolon; it goes on in the comment lines right below
    a statement that writes
      schema.sql:2:1: the directive @from has no SELECT that is complete; nothing was changed
      -- @from DELETE FROM people RETURNING id
      write `-- @from SELECT …` without a semicolon; it goes on in the comment lines right below
    a semicolon
      schema.sql:2:1: the directive @from has no SELECT that is complete; nothing was changed
      -- @from SELECT id AS person FROM people;
      write `-- @from SELECT …` without a semicolon; it goes on in the comment lines right below
    an open parenthesis
      schema.sql:2:1: the directive @from has no SELECT that is complete; nothing was changed
      -- @from SELECT (id AS person FROM people
      write `-- @from SELECT …` without a semicolon; it goes on in the comment lines right below
    another comment below
      schema.sql:2: @from SELECT id AS person FROM people The numbers of people. cannot be read on this database: near "numbers": syntax error; nothing was changed
      the SELECT sees the tables as they are before the change, by their old names; comments that are no part of it stand above it
    a table that is not there
      schema.sql:2: @from SELECT id AS person FROM persons cannot be read on this database: no such table: persons; nothing was changed
      the SELECT sees the tables as they are before the change, by their old names; comments that are no part of it stand above it
    a table that is new, too
      schema.sql:2: @from SELECT person FROM phones cannot be read on this database: no such table: phones; nothing was changed
      the SELECT sees the tables as they are before the change, by their old names; comments that are no part of it stand above it
    a column that is not filled
      schema.sql:2: @from SELECT id AS persn FROM people gives a column persn, which phones has not; nothing was changed
      name each column of the SELECT as the column that it fills, such as `persn AS person`
    a column twice
      schema.sql:2: @from SELECT id AS person, id AS PERSON FROM people gives person twice; nothing was changed
      keep one of the two
    another value each time
      schema.sql:2: @from SELECT random() AS person FROM people uses random, which may give something else each time; nothing was changed
      write the value itself
    the time
      schema.sql:2: @from SELECT id AS person, datetime('now') AS number FROM people uses now, which may give something else each time; nothing was changed
      write the value itself
    the time by a word
      schema.sql:2: @from SELECT id AS person, current_timestamp AS number FROM people uses current_timestamp, which may give something else each time; nothing was changed
      write the value itself
    the time by a format
      schema.sql:2: @from SELECT id AS person, strftime('%s') AS number FROM people uses now, which may give something else each time; nothing was changed
      write the value itself
    twice
      schema.sql:3:1: the directive @from says again what line 2 says; nothing was changed
      -- @from SELECT 1 AS person
      keep one of the two lines
    a table that is renamed
      schema.sql:3: @from SELECT id AS person FROM people fills table phones, which by line 2 is another one renamed
      keep one of the two
    "#);
}

/// Each of the views can be used, and what names them as often as this cannot: it is known before SQLite is asked.
#[test]
fn views_that_double_are_counted_before_sqlite_reads_the_select() {
    let doubles = |n: u32| format!("CREATE VIEW v{n} AS SELECT a.id FROM v{0} a, v{0} b", n - 1);
    let views: Vec<_> = (1..=9).map(doubles).collect();
    let views = format!("CREATE VIEW v0 AS SELECT id FROM people; {}", views.join("; "));
    let people = PEOPLE.split(';').next().unwrap();
    let new = |select: &str| {
        format!("{people};\n{views};\n-- @from {select}\nCREATE TABLE copies (id INTEGER PRIMARY KEY);")
    };
    let bench = Bench::new(&format!("{PEOPLE}; {views}"));
    let named: Vec<_> = ('a'..='z').map(|alias| format!("v9 {alias}")).collect();
    let error = bench.refuses(&new(&format!("SELECT a.id FROM {}", named.join(", "))));
    assert!(error.message.contains("cannot be read: SQLite would copy what it names"), "{error}");
    assert!(error.message.contains("schema.sql:3: @from"), "{error}");
    bench.reaches(&new("SELECT id FROM v1 GROUP BY id"));
    assert_eq!(bench.query("SELECT * FROM copies"), "1\n2\n7");
}

#[test]
fn another_place_is_refused_with_its_line() {
    for text in [
        "CREATE TABLE t (\n  a, -- @from SELECT 1 AS a\n  b);",
        "-- @from SELECT 1 AS a\nCREATE VIEW v AS SELECT 1;",
        "CREATE TABLE t (a);\n-- @from SELECT 1 AS a",
        "-- @from SELECT 1 AS a\nCREATE VIRTUAL TABLE f USING fts5 (a);",
        "-- @from SELECT 1 AS a\nCREATE TABLE t (a PRIMARY KEY);\nINSERT INTO t (a) VALUES (2);",
    ] {
        let error = Bench::new("").declared(text).expect_err(text);
        assert!(error.message.contains("@from") && error.message.contains("schema.sql:"), "{error}");
        assert!(!error.remedy.is_empty(), "{error}");
    }
}

#[test]
fn dates_of_rows_are_no_clock() {
    let bench = Bench::new("CREATE TABLE t (at TEXT); INSERT INTO t VALUES ('2026-11-30 10:00:00')");
    bench.reaches("CREATE TABLE t (at TEXT);\n-- @from SELECT date(at) AS day, strftime('%Y', at) AS year FROM t\nCREATE TABLE u (day TEXT, year INTEGER);");
    assert_eq!(bench.query("SELECT * FROM u"), "2026-11-30|2026");
}

#[test]
fn its_statements_are_steps_of_the_plan_and_of_its_fingerprint() {
    let bench = Bench::new(PEOPLE);
    let plan = |schema: &str| {
        let declared = bench.declared(schema).unwrap();
        let prepared = landfall_engine::prepare(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
        prepared.report().plan.clone().unwrap()
    };
    let found = plan(PHONES);
    let steps: Vec<_> =
        found.steps.iter().map(|step| format!("{} {}: {}", step.kind(), step.table(), step.cost)).collect();
    assert_snapshot!(steps.join("\n"), @"
    create phones: constant time
    insert phones: a rewrite of 2 rows
    alter people: a rewrite of 3 rows
    create phones: a scan of 2 rows
    ");
    assert_ne!(found.fingerprint, plan(&PHONES.replace("phone IS NOT NULL", "phone > ''")).fingerprint);
}

#[test]
fn rows_that_came_meanwhile_are_counted_again() {
    let bench = Bench::new(PEOPLE);
    let declared = bench.declared(PHONES).unwrap();
    let prepared = landfall_engine::prepare(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
    bench.open().execute_batch("INSERT INTO people VALUES (8, 'Dan', '88', NULL)").unwrap();
    prepared.apply(&mut ()).unwrap();
    assert_eq!(bench.query("SELECT number FROM phones ORDER BY 1"), "12\n77\n88");
}
