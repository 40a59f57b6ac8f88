//! Rows of lookup tables that `schema.sql` declares: matched by primary key, inserted where they are missing, changed where that is
//! approved; no other row is touched. In every mode of `fast-path`, with either planner.

use std::path::Path;

use insta::assert_snapshot;
use landfall_engine::{ErrorKind, HazardName, Outcome, StepKind};

use crate::support::{self, Bench};

const PLANS: &str = "CREATE TABLE plans (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, price REAL);";

fn allowing(bench: Bench, approval: &str) -> Bench {
    bench.with(|settings| settings.allow = vec![approval.parse().unwrap()])
}

#[test]
fn rows_that_are_missing_are_inserted_and_those_that_nobody_declared_are_left_alone() {
    let old = format!("{PLANS} INSERT INTO plans VALUES (1, 'free', 0), (7, 'ours', 3.5)");
    let new =
        format!("{PLANS}\nINSERT INTO plans (id, name, price) VALUES (1, 'free', 0), (2, 'it''s', -1.5);");
    for bench in support::everywhere(&old).into_iter().chain(support::by_atlas(&old)) {
        let report = bench.reaches(&new);
        assert_eq!(bench.query("SELECT * FROM plans"), "1|free|0.0\n2|it's|-1.5\n7|ours|3.5");
        let messages: Vec<_> = report.differences.iter().map(|d| d.message.as_str()).collect();
        assert_eq!(messages, ["1 row of plans is missing: declared on line 2"]);
        let plan = report.plan.unwrap();
        assert_eq!(plan.steps.len(), 1);
        assert_eq!(plan.steps[0].kind(), StepKind::Insert);
        assert!(plan.hazards.is_empty());
        let evidence = &report.evidence[0];
        assert_eq!((evidence.table.as_str(), evidence.rows_before, evidence.rows_after), ("plans", 2, 3));
    }
}

#[test]
fn a_fresh_database_gets_them_with_their_table() {
    let new = format!(
        "{PLANS}\nINSERT INTO plans (id, name) VALUES (1, 'free');\nINSERT INTO plans (id, name, price) VALUES (2, 'pro', 9);"
    );
    for bench in support::everywhere("").into_iter().chain(support::by_atlas("")) {
        bench.reaches(&new);
        assert_eq!(bench.query("SELECT * FROM plans"), "1|free|NULL\n2|pro|9.0");
    }
    let bench = Bench::new("");
    std::fs::remove_file(bench.db()).unwrap();
    bench.reaches(&new);
    assert_eq!(bench.query("SELECT count(*) FROM plans"), "2");
}

#[test]
fn another_value_is_a_hazard_and_is_changed_once_that_is_approved() {
    let old = format!("{PLANS} INSERT INTO plans VALUES (1, 'free', 0), (2, 'pro', 9), (3, 'pro2', 9)");
    let new = format!("{PLANS}\nINSERT INTO plans (id, name, price) VALUES (1, 'free', 1), (2, 'PRO', 9);");
    for bench in support::everywhere(&old) {
        let error = bench.refuses(&new);
        assert_eq!((error.kind, error.object.as_str()), (ErrorKind::Hazard, "plans"));
        assert!(
            error
                .message
                .contains("CHANGES_VALUES: 2 rows of plans differ in name, price: declared on lines 2 and 2"),
            "{error}"
        );
        let report = allowing(bench.twin(), "CHANGES_VALUES:plans");
        report.reaches(&new);
        assert_eq!(report.query("SELECT * FROM plans"), "1|free|1.0\n2|PRO|9.0\n3|pro2|9.0");
    }
}

#[test]
fn columns_that_the_insert_does_not_name_keep_what_they_hold() {
    let old = format!("{PLANS} INSERT INTO plans VALUES (1, 'free', 12)");
    let bench = Bench::new(&old);
    let report = bench.reaches(&format!("{PLANS} INSERT INTO plans (name, id) VALUES ('free', 1)"));
    assert_eq!(report.outcome, Outcome::InSync);
    assert_eq!(bench.query("SELECT * FROM plans"), "1|free|12.0");
}

#[test]
fn a_database_that_has_the_very_texts_of_the_schema_is_still_asked_for_its_rows() {
    let schema = format!("{PLANS}\nINSERT INTO plans (id, name) VALUES (1, 'free');");
    for mode in ["delete", "wal"] {
        let bench = Bench::new(&format!("PRAGMA journal_mode = {mode}; {PLANS}"));
        let path = Path::new("schema.sql");
        let glance =
            || landfall_engine::glance(&bench.db(), path, &schema, &bench.settings, &mut ()).unwrap();
        assert!(glance().is_none(), "{mode}");
        let declared = bench.declared(&schema).unwrap();
        let check = || landfall_engine::check(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
        assert_eq!(check().outcome, Outcome::Planned, "{mode}");
        assert_ne!(check().live, check().declared, "{mode}");
        bench.reaches(&schema);
        assert_eq!(check().outcome, Outcome::InSync, "{mode}");
        assert_eq!(check().live, declared.fingerprint(), "{mode}");
        bench.open().execute_batch("DELETE FROM plans").unwrap();
        assert_eq!(check().differences[0].message, "1 row of plans is missing: declared on line 2");
    }
}

#[test]
fn keys_are_found_as_their_columns_compare_and_values_as_they_are_stored() {
    let schema = "
        CREATE TABLE a (k TEXT COLLATE NOCASE PRIMARY KEY, v INTEGER) WITHOUT ROWID;
        CREATE TABLE b (x INTEGER, y TEXT, v BLOB, PRIMARY KEY (y, x)) STRICT;
        CREATE TABLE c (id INTEGER PRIMARY KEY AUTOINCREMENT, n NUMERIC, r REAL, t TEXT, o);
        INSERT INTO a (k, v) VALUES ('Abc', '12');
        INSERT INTO b (x, y, v) VALUES (-3, 'it''s', x'00FF'), (4, '', NULL);
        INSERT INTO c (id, n, r, t, o) VALUES (5, '1e3', 1, 12, TRUE);";
    let rows = "INSERT INTO a VALUES ('aBC', 12); INSERT INTO b VALUES (-3, 'it''s', x'00ff'), (4, '', NULL);
        INSERT INTO c VALUES (5, 1000, 1.0, '12', 1)";
    let tables: String = schema.lines().filter(|line| line.contains("CREATE")).collect();
    for bench in support::everywhere(&format!("{tables} {rows}")) {
        assert_eq!(bench.migrate(schema).unwrap().outcome, Outcome::InSync);
        assert_eq!(bench.query("SELECT k FROM a"), "aBC");
    }
    for bench in support::everywhere(&tables) {
        bench.reaches(schema);
        assert_eq!(bench.query("SELECT * FROM a"), "Abc|12");
        assert_eq!(bench.query("SELECT * FROM b ORDER BY x"), "-3|it's|[00, ff]\n4||NULL");
        assert_eq!(
            bench.query("SELECT *, typeof(n), typeof(r), typeof(t), typeof(o) FROM c"),
            "5|1000|1.0|12|1|integer|real|text|integer"
        );
        assert_eq!(bench.query("SELECT seq FROM sqlite_sequence"), "5");
    }
}

#[test]
fn a_table_that_is_renamed_rebuilt_or_gets_a_column_keeps_its_rows_and_gets_those_that_it_lacks() {
    let old = format!("{PLANS} INSERT INTO plans VALUES (1, 'free', 0), (9, 'ours', 1)");
    let renamed = "-- @renamed from=plans\nCREATE TABLE tiers (id INTEGER PRIMARY KEY,
 title TEXT NOT NULL UNIQUE, -- @renamed from=name\n price REAL);
        INSERT INTO tiers (id, title) VALUES (1, 'free'), (2, 'pro');";
    let rebuilt = "CREATE TABLE plans (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE CHECK (name <> ''), price REAL, level INTEGER NOT NULL DEFAULT 0);
        INSERT INTO plans (id, name, level) VALUES (1, 'free', 3), (2, 'pro', 4);";
    for bench in support::everywhere(&old) {
        let twin = bench.twin();
        bench.reaches(renamed);
        assert_eq!(bench.query("SELECT * FROM tiers"), "1|free|0.0\n2|pro|NULL\n9|ours|1.0");
        // A column that is new held nothing that could be lost.
        twin.reaches(rebuilt);
        assert_eq!(twin.query("SELECT * FROM plans"), "1|free|0.0|3\n2|pro|NULL|4\n9|ours|1.0|0");
    }
}

#[test]
fn a_row_that_is_taken_out_of_the_schema_stays_in_the_database() {
    let bench = Bench::new("");
    bench.reaches(&format!("{PLANS} INSERT INTO plans (id, name) VALUES (1, 'free'), (2, 'pro')"));
    bench.reaches(&format!("{PLANS} INSERT INTO plans (id, name) VALUES (2, 'pro')"));
    bench.reaches(PLANS);
    assert_eq!(bench.query("SELECT name FROM plans"), "free\npro");
}

#[test]
fn a_row_beside_another_with_the_same_unique_value_is_refused_with_the_select_that_finds_that() {
    let bench = Bench::new(&format!("{PLANS} INSERT INTO plans VALUES (7, 'free', 0)"));
    let error = bench.refuses(&format!("{PLANS}\nINSERT INTO plans (id, name) VALUES (1, 'free');"));
    assert_snapshot!(error.to_string().replace(&*bench.db().to_string_lossy(), "db"), @r#"
    the change of db was refused; nothing was changed
      VIOLATED_CONSTRAINT: the row of plans that is declared on line 2 cannot be there beside 1 row with the same name, which is UNIQUE
        declare the row that is there, by its own key, or change its name first: `SELECT * FROM "plans" WHERE "name" = 'free'`
    do what is said below each hazard, then run the command again
    "#);
    let index = "CREATE TABLE t (k TEXT PRIMARY KEY, a, b); CREATE UNIQUE INDEX i ON t (a, b);";
    let bench = Bench::new(&format!("{index} INSERT INTO t VALUES ('x', 1, 2)"));
    let error = bench.refuses(&format!("{index} INSERT INTO t (k, a, b) VALUES ('y', 1, 2)"));
    assert!(error.message.contains("VIOLATED_CONSTRAINT"), "{error}");
    // What no SELECT was asked about, the change itself finds.
    let partial = "CREATE TABLE t (k TEXT PRIMARY KEY, a); CREATE UNIQUE INDEX i ON t (a) WHERE a > 0;";
    let bench = Bench::new(&format!("{partial} INSERT INTO t VALUES ('x', 1)"));
    let error = bench.refuses(&format!("{partial} INSERT INTO t (k, a) VALUES ('y', 1)"));
    assert!(error.message.contains("VIOLATED_CONSTRAINT"), "{error}");
}

#[test]
fn declared_rows_find_their_parents_in_whichever_order_they_are_declared() {
    let tables = "CREATE TABLE p (id INTEGER PRIMARY KEY, code TEXT UNIQUE); CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p (id), code TEXT REFERENCES p (code));";
    let new = format!(
        "{tables} INSERT INTO c (id, p, code) VALUES (1, 5, 'a'), (2, NULL, NULL); INSERT INTO p (id, code) VALUES (5, 'a')"
    );
    for bench in support::everywhere("").into_iter().chain(support::everywhere(tables)) {
        bench.reaches(&new);
        assert_eq!(bench.query("SELECT count(*) FROM pragma_foreign_key_check"), "0");
    }
    // A change of a value that others refer to would leave those alone.
    let bench = Bench::new(&format!(
        "{tables} INSERT INTO p VALUES (5, 'old'); INSERT INTO c VALUES (7, NULL, 'old')"
    ));
    let bench = allowing(bench, "CHANGES_VALUES:p");
    let error = bench.refuses(&format!("{tables} INSERT INTO p (id, code) VALUES (5, 'new')"));
    assert!(error.message.contains("VIOLATED_CONSTRAINT") && error.message.contains("1 row of c"), "{error}");
}

/// As real lookup tables are: numbered by SQLite, or without a key, and UNIQUE in what they are looked up by.
#[test]
fn rows_without_a_primary_key_in_the_insert_are_found_by_columns_that_are_unique() {
    let tables =
        "CREATE TABLE languages (id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT NOT NULL UNIQUE, name TEXT);
        CREATE TABLE countries (name TEXT, alpha2 TEXT);
        CREATE UNIQUE INDEX alpha2 ON countries (alpha2);";
    let old = format!(
        "{tables} INSERT INTO languages VALUES (7, 'de', 'German'), (9, 'xx', 'ours');
        INSERT INTO countries VALUES ('Andorra', 'AD')"
    );
    let new = format!(
        "{tables}\nINSERT INTO languages (code, name) VALUES ('', 'unknown'), ('de', 'Deutsch');
        INSERT INTO countries (name, alpha2) VALUES ('unknown', ''), ('Andorra', 'AD');"
    );
    for bench in support::everywhere(&old).into_iter().chain(support::by_atlas(&old)) {
        let error = bench.refuses(&new);
        assert!(error.message.contains("approve CHANGES_VALUES:languages"), "{error}");
        let bench = allowing(bench, "CHANGES_VALUES:languages");
        bench.reaches(&new);
        assert_eq!(
            bench.query("SELECT * FROM languages ORDER BY id"),
            "7|de|Deutsch\n9|xx|ours\n10||unknown"
        );
        assert_eq!(bench.query("SELECT * FROM countries ORDER BY alpha2"), "unknown|\nAndorra|AD");
    }
    for bench in support::everywhere("").into_iter().chain(support::by_atlas("")) {
        bench.reaches(&new);
        assert_eq!(bench.query("SELECT * FROM languages ORDER BY id"), "1||unknown\n2|de|Deutsch");
    }
}

#[test]
fn what_is_unique_from_this_change_on_finds_its_rows_or_stops_the_change() {
    let old = "CREATE TABLE t (code TEXT, name TEXT); INSERT INTO t VALUES ('a', 'A')";
    let new = "CREATE TABLE t (code TEXT, name TEXT);\nCREATE UNIQUE INDEX t_code ON t (code);
        INSERT INTO t (code, name) VALUES ('a', 'A'), ('b', 'B');";
    for bench in support::everywhere(old).into_iter().chain(support::by_atlas(old)) {
        bench.reaches(new);
        assert_eq!(bench.query("SELECT * FROM t ORDER BY code"), "a|A\nb|B");
    }
    let twice = format!("{old}, ('a', 'other')");
    for bench in support::everywhere(&twice) {
        assert_eq!(bench.refuses(new).kind, ErrorKind::Hazard);
    }
}

#[test]
fn no_trigger_fires_and_an_index_over_the_table_knows_the_new_rows() {
    let schema = format!(
        "{PLANS} CREATE TABLE log (a);
         CREATE TRIGGER tr AFTER INSERT ON plans BEGIN INSERT INTO log VALUES (new.name); END;
         CREATE VIRTUAL TABLE found USING fts5 (name, content = plans, content_rowid = id);"
    );
    let bench = Bench::new(&schema);
    bench.reaches(&format!("{schema} INSERT INTO plans (id, name) VALUES (4, 'word')"));
    assert_eq!(bench.query("SELECT count(*) FROM log"), "0");
    assert_eq!(bench.query("SELECT rowid FROM found WHERE found MATCH 'word'"), "4");
}

#[test]
fn generated_columns_and_indexes_over_them_take_declared_rows() {
    let schema = "
        CREATE TABLE sizes (id INTEGER PRIMARY KEY, width INTEGER NOT NULL, scale DOUBLE NOT NULL,
            size TEXT GENERATED ALWAYS AS (width || ',' || scale) STORED);
        CREATE TABLE places (id INTEGER PRIMARY KEY AUTOINCREMENT, country TEXT NOT NULL, region TEXT NOT NULL,
            code TEXT GENERATED ALWAYS AS (country || (CASE region WHEN '' THEN '' ELSE '-' || region END)) STORED);
        CREATE UNIQUE INDEX by_code ON places (code);
        CREATE UNIQUE INDEX by_country ON places (lower(country), region);
        INSERT INTO sizes (id, width, scale) VALUES (1, 0, 0);
        INSERT INTO places (id, country, region) VALUES (1, '', ''), (2, 'NL', 'NH');";
    for bench in support::everywhere("") {
        bench.reaches(schema);
        assert_eq!(bench.query("SELECT size FROM sizes"), "0,0.0");
        assert_eq!(bench.query("SELECT code FROM places ORDER BY id"), "\nNL-NH");
        bench.open().execute_batch("DELETE FROM places WHERE id = 1").unwrap();
        bench.reaches(schema);
        assert_eq!(bench.query("SELECT id, code FROM places ORDER BY id"), "1|\n2|NL-NH");
    }
}

#[test]
fn a_row_that_came_meanwhile_is_seen_before_anything_is_written() {
    let bench = Bench::new(PLANS);
    let declared =
        bench.declared(&format!("{PLANS} INSERT INTO plans (id, name) VALUES (1, 'free')")).unwrap();
    let prepared = landfall_engine::prepare(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
    bench.open().execute_batch("INSERT INTO plans VALUES (1, 'other', 5)").unwrap();
    let error = prepared.apply(&mut ()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Moved);
    assert_eq!(bench.query("SELECT * FROM plans"), "1|other|5.0");
}

#[test]
fn rows_of_a_database_make_no_other_plan_and_rows_of_the_schema_do() {
    let plan = |bench: &Bench, schema: &str| {
        let declared = bench.declared(schema).unwrap();
        let prepared = landfall_engine::prepare(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
        prepared.report().plan.clone().unwrap().fingerprint
    };
    let new = format!("{PLANS} CREATE TABLE more (x); INSERT INTO plans (id, name) VALUES (1, 'free')");
    let (empty, full) =
        (Bench::new(PLANS), Bench::new(&format!("{PLANS} INSERT INTO plans VALUES (1, 'free', 0)")));
    assert_eq!(plan(&empty, &new), plan(&full, &new));
    assert_ne!(plan(&empty, &new), plan(&empty, &new.replace("'free'", "'FREE'")));
}

#[test]
fn a_copy_of_a_schema_alone_is_not_asked_for_rows() {
    let bench = Bench::new(PLANS).with(|settings| settings.schema_alone = true);
    let schema = format!("{PLANS} INSERT INTO plans (id, name) VALUES (1, 'free')");
    assert_eq!(bench.migrate(&schema).unwrap().outcome, Outcome::InSync);
    assert_eq!(bench.query("SELECT count(*) FROM plans"), "0");
}

#[test]
fn an_image_whose_rows_are_missing_does_not_fit_and_other_values_are_told() {
    let schema = format!("{PLANS}\nINSERT INTO plans (id, name) VALUES (1, 'free'), (2, 'pro');");
    let bench = Bench::new(&format!("{PLANS} INSERT INTO plans VALUES (1, 'FREE', 0)"));
    let declared = bench.declared(&schema).unwrap();
    let fit = landfall_engine::fit(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
    let told = |differences: &[landfall_engine::Difference]| {
        differences.iter().map(|d| d.message.clone()).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(told(&fit.misfits), "1 row of plans is missing: declared on line 2");
    assert_eq!(told(&fit.extra), "1 row of plans differs in name: declared on line 2");
}

#[test]
fn inspect_writes_no_rows_and_its_fingerprint_is_that_of_the_schema_alone() {
    let schema = format!("{PLANS} INSERT INTO plans (id, name) VALUES (1, 'free')");
    let bench = Bench::new("");
    bench.reaches(&schema);
    let live = landfall_engine::inspect(&bench.db(), &bench.settings).unwrap();
    assert!(!live.sql.contains("INSERT"), "{}", live.sql);
    let declared = bench.declared(&schema).unwrap();
    assert_eq!(live.fingerprint, declared.fingerprint_without_rows());
    assert_ne!(live.fingerprint, declared.fingerprint());
}

#[test]
fn a_fingerprint_is_of_the_values_as_they_are_stored_in_whatever_order() {
    let fingerprint = |rows: &str| {
        let declared = Bench::new("").declared(&format!("{PLANS} {rows}")).unwrap();
        landfall_engine::fingerprint::short(declared.fingerprint()).to_owned()
    };
    let one = fingerprint("INSERT INTO plans (id, name, price) VALUES (1, 'a', 2), (2, 'b', NULL)");
    let other = fingerprint(
        "INSERT INTO Plans (NAME, price, id) VALUES ('b', null, 2); INSERT INTO plans (id, name, price) VALUES (+1, 'a', 2.0);",
    );
    assert_eq!(one, other);
    assert_ne!(one, fingerprint("INSERT INTO plans (id, name) VALUES (1, 'a'), (2, 'b')"));
    assert_eq!(one, "v1-77579e9ecd1b");
}

#[test]
fn the_hazard_and_the_steps_are_named_in_the_plan() {
    let bench = Bench::new(&format!("{PLANS} INSERT INTO plans VALUES (1, 'free', 0)"));
    let bench = allowing(bench, "CHANGES_VALUES:plans");
    let declared = bench.declared(&format!("{PLANS} INSERT INTO plans (id, name, price) VALUES (1, 'free', 2); INSERT INTO plans (id, name) VALUES (2, 'b'), (3, 'c')")).unwrap();
    let prepared = landfall_engine::prepare(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
    let plan = prepared.report().plan.as_ref().unwrap();
    let steps: Vec<_> = plan.steps.iter().map(|step| format!("{}: {}", step.kind(), step.sql)).collect();
    assert_snapshot!(steps.join("\n"), @r#"
    insert: INSERT OR ABORT INTO "plans" ("id", "name") VALUES (2, 'b'), (3, 'c')
    update: UPDATE OR ABORT "plans" SET "price" = 2 WHERE "id" = 1
    "#);
    assert_eq!(plan.hazards.len(), 1);
    assert_eq!(plan.hazards[0].name, HazardName::ChangesValues);
    assert!(plan.wants_copy());
}

/// What is refused, with its line.
const REFUSED: &[(&str, &str)] = &[
    ("`.dump` writes no columns", "INSERT INTO plans VALUES (1, 'free', 0)"),
    ("OR IGNORE", "INSERT OR IGNORE INTO plans (id, name) VALUES (1, 'free')"),
    ("OR REPLACE", "INSERT OR REPLACE INTO plans (id, name) VALUES (1, 'free')"),
    ("REPLACE", "REPLACE INTO plans (id, name) VALUES (1, 'free')"),
    ("DEFAULT VALUES", "INSERT INTO plans DEFAULT VALUES"),
    ("SELECT", "INSERT INTO plans (id, name) SELECT 1, 'free'"),
    ("an expression", "INSERT INTO plans (id, name) VALUES (1, lower('FREE'))"),
    ("a word that is another value each time", "INSERT INTO plans (id, name) VALUES (1, current_timestamp)"),
    ("UPDATE", "UPDATE plans SET name = 'free'"),
    ("DELETE", "DELETE FROM plans"),
    ("RETURNING", "INSERT INTO plans (id, name) VALUES (1, 'free') RETURNING id"),
    ("a key that is not named", "INSERT INTO plans (price) VALUES (1)"),
    (
        "columns that are UNIQUE under another collation alone",
        "CREATE TABLE k (code TEXT); CREATE UNIQUE INDEX u ON k (code COLLATE NOCASE); INSERT INTO k (code) VALUES ('a')",
    ),
    ("NULL in a UNIQUE column", "INSERT INTO plans (name) VALUES (NULL)"),
    (
        "a parent that SQLite numbers",
        "CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES plans); INSERT INTO plans (name) VALUES ('free'); INSERT INTO c (id, p) VALUES (1, 1)",
    ),
    ("a key that is NULL", "INSERT INTO plans (id, name) VALUES (NULL, 'free')"),
    ("a key twice", "INSERT INTO plans (id, name) VALUES (1, 'free'),\n  (1, 'pro')"),
    ("a UNIQUE value twice", "INSERT INTO plans (id, name) VALUES (1, 'free'),\n  (2, 'free')"),
    ("NULL where it is not allowed", "INSERT INTO plans (id, name) VALUES (1, NULL)"),
    ("a column that is not there", "INSERT INTO plans (id, nme) VALUES (1, 'free')"),
    ("a column twice", "INSERT INTO plans (id, name, NAME) VALUES (1, 'free', 'x')"),
    ("too few values", "INSERT INTO plans (id, name) VALUES (1)"),
    ("a table without a key", "CREATE TABLE k (a); INSERT INTO k (a) VALUES (1)"),
    ("a table that is not there", "INSERT INTO plan (id, name) VALUES (1, 'free')"),
    ("a virtual table", "CREATE VIRTUAL TABLE f USING fts5 (a); INSERT INTO f (a) VALUES ('x')"),
    (
        "a parent that is not declared",
        "CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES plans); INSERT INTO c (id, p) VALUES (1, 9)",
    ),
];

#[test]
fn what_is_no_declared_row_is_refused_with_its_line_and_what_to_write() {
    let mut told = String::new();
    for (what, statement) in REFUSED {
        let error = Bench::new("").declared(&format!("{PLANS}\n{statement};")).expect_err(what);
        assert_eq!(error.kind, ErrorKind::Schema, "{what}");
        told.push_str(&format!("{what}\n  {}\n  {}\n", error.told(), error.remedy));
    }
    assert_snapshot!(told, @"
    `.dump` writes no columns
      schema.sql:2:13: the INSERT into plans names no columns; a declared row says which value is whose; nothing was changed
      INSERT INTO plans VALUES (1, 'free', 0);
      rows that belong to the service do not belong here: take them out (`sqlite3 FILE .schema` writes none); for rows of a lookup table write `INSERT INTO plans (id, name, price) VALUES …`
    OR IGNORE
      schema.sql:2:8: an INSERT with OR may leave rows out or replace others; nothing was changed
      INSERT OR IGNORE INTO plans (id, name) VALUES (1, 'free');
      write `INSERT INTO table (columns) VALUES …`: a row that is there is found by its key
    OR REPLACE
      schema.sql:2:8: an INSERT with OR may leave rows out or replace others; nothing was changed
      INSERT OR REPLACE INTO plans (id, name) VALUES (1, 'free');
      write `INSERT INTO table (columns) VALUES …`: a row that is there is found by its key
    REPLACE
      schema.sql:2:1: REPLACE changes rows, and schema.sql only declares what there is; nothing was changed
      REPLACE INTO plans (id, name) VALUES (1, 'free');
      take out the statement, or declare rows of a lookup table: `INSERT INTO table (columns) VALUES …`
    DEFAULT VALUES
      schema.sql:2:13: the INSERT into plans names no columns; a declared row says which value is whose; nothing was changed
      INSERT INTO plans DEFAULT VALUES;
      rows that belong to the service do not belong here: take them out (`sqlite3 FILE .schema` writes none); for rows of a lookup table write `INSERT INTO plans (id, name, price) VALUES …`
    SELECT
      schema.sql:2:30: rows can be declared by literals alone; nothing was changed
      INSERT INTO plans (id, name) SELECT 1, 'free';
      write `INSERT INTO table (columns) VALUES (literals), …`; other rows are written by the service
    an expression
      schema.sql:2:41: a declared value is a literal: a number, a string, a blob, NULL, TRUE or FALSE; nothing was changed
      INSERT INTO plans (id, name) VALUES (1, lower('FREE'));
      write the value itself: what an expression gives may differ from one time to the next
    a word that is another value each time
      schema.sql:2:41: a declared value is a literal: a number, a string, a blob, NULL, TRUE or FALSE; nothing was changed
      INSERT INTO plans (id, name) VALUES (1, current_timestamp);
      write the value itself: what an expression gives may differ from one time to the next
    UPDATE
      schema.sql:2:1: UPDATE changes rows, and schema.sql only declares what there is; nothing was changed
      UPDATE plans SET name = 'free';
      take out the statement, or declare rows of a lookup table: `INSERT INTO table (columns) VALUES …`
    DELETE
      schema.sql:2:1: DELETE changes rows, and schema.sql only declares what there is; nothing was changed
      DELETE FROM plans;
      take out the statement, or declare rows of a lookup table: `INSERT INTO table (columns) VALUES …`
    RETURNING
      schema.sql:2:49: a declared row has nothing behind its values; nothing was changed
      INSERT INTO plans (id, name) VALUES (1, 'free') RETURNING id;
      take it out
    a key that is not named
      schema.sql:2:20: the INSERT into plans does not name id of its primary key, by which a row is found again; nothing was changed
      INSERT INTO plans (price) VALUES (1);
      name id, and give it a value in each row
    columns that are UNIQUE under another collation alone
      schema.sql:2:91: table k has no primary key, and the INSERT names no columns that are UNIQUE together: its rows could not be found again; nothing was changed
      CREATE TABLE k (code TEXT); CREATE UNIQUE INDEX u ON k (code COLLATE NOCASE); INSERT INTO k (code) VALUES ('a');
      declare a PRIMARY KEY or UNIQUE columns, or take out the statement
    NULL in a UNIQUE column
      schema.sql:2:33: plans.name is of the key, and NULL finds no row again; nothing was changed
      INSERT INTO plans (name) VALUES (NULL);
      write its value
    a parent that SQLite numbers
      schema.sql:2:133: the row of c refers to plans.id, a number that line 2 leaves to SQLite and that may be another one in each database; nothing was changed
      CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES plans); INSERT INTO plans (name) VALUES ('free'); INSERT INTO c (id, p) VALUES (1, 1);
      name id on line 2, with the value that is meant
    a key that is NULL
      schema.sql:2:37: plans.id is of the key, and NULL finds no row again; nothing was changed
      INSERT INTO plans (id, name) VALUES (NULL, 'free');
      write its value
    a key twice
      schema.sql:3:3: the row of plans with this key is declared on line 2 already; nothing was changed
      (1, 'pro');
      keep one of the two
    a UNIQUE value twice
      schema.sql:3:3: SQLite refuses the row: UNIQUE constraint failed: plans.name; nothing was changed
      (2, 'free');
      correct the row, or the constraint
    NULL where it is not allowed
      schema.sql:2:37: SQLite refuses the row: NOT NULL constraint failed: plans.name; nothing was changed
      INSERT INTO plans (id, name) VALUES (1, NULL);
      correct the row, or the constraint
    a column that is not there
      schema.sql:2:24: table plans has no column nme; nothing was changed
      INSERT INTO plans (id, nme) VALUES (1, 'free');
      name a column that is declared
    a column twice
      schema.sql:2:30: column plans.name is named twice; nothing was changed
      INSERT INTO plans (id, name, NAME) VALUES (1, 'free', 'x');
      keep one of the two, and its values
    too few values
      schema.sql:2:37: the row has 1 of 2 values; nothing was changed
      INSERT INTO plans (id, name) VALUES (1);
      give each column one value
    a table without a key
      schema.sql:2:33: table k has no primary key, and the INSERT names no columns that are UNIQUE together: its rows could not be found again; nothing was changed
      CREATE TABLE k (a); INSERT INTO k (a) VALUES (1);
      declare a PRIMARY KEY or UNIQUE columns, or take out the statement
    a table that is not there
      schema.sql:2:13: plan is no table that can have declared rows; nothing was changed
      INSERT INTO plan (id, name) VALUES (1, 'free');
      name an ordinary table that is declared in this schema
    a virtual table
      schema.sql:2:52: f is no table that can have declared rows; nothing was changed
      CREATE VIRTUAL TABLE f USING fts5 (a); INSERT INTO f (a) VALUES ('x');
      name an ordinary table that is declared in this schema
    a parent that is not declared
      schema.sql:2:91: the row of c refers to a row of plans that is not declared; nothing was changed
      CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES plans); INSERT INTO c (id, p) VALUES (1, 9);
      declare that row of plans, too
    ");
}

#[test]
fn a_key_that_the_same_change_makes_compare_otherwise_takes_two_changes() {
    let bench = Bench::new("CREATE TABLE t (k TEXT PRIMARY KEY, v); INSERT INTO t VALUES ('a', 1)");
    let error = bench.refuses(
        "CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY, v);\nINSERT INTO t (k, v) VALUES ('A', 1);",
    );
    assert_snapshot!(error.to_string(), @"
    schema.sql:2: the row of t is found by t.k, whose values or comparison the same change replaces; nothing was changed
    make two changes, one after the other: first without the INSERT, then with it
    ");
    bench.reaches("CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY, v)");
    bench.reaches(
        "CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY, v); INSERT INTO t (k, v) VALUES ('A', 1)",
    );
    assert_eq!(bench.query("SELECT * FROM t"), "a|1");
}

#[test]
fn thousands_of_declared_rows_are_more_than_one_statement() {
    let name = "n".repeat(400);
    let rows: Vec<_> = (1..=3000).map(|id| format!("({id}, '{name}{id}')")).collect();
    let schema = format!("{PLANS} INSERT INTO plans (id, name) VALUES {};", rows.join(",\n"));
    assert!(schema.len() > 1_000_000);
    let bench = Bench::new(PLANS);
    let report = bench.reaches(&schema);
    assert_eq!(report.plan.unwrap().steps.len(), 6);
    assert_eq!(
        report.differences[0].message,
        "3000 rows of plans are missing: declared on lines 1, 2, 3, 4, 5 and 2995 more"
    );
    assert_eq!(bench.query("SELECT count(*), max(id) FROM plans"), "3000|3000");
}

#[test]
fn a_table_of_many_rows_is_asked_by_key_and_the_proof_finds_them() {
    let rows = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
        INSERT INTO plans SELECT i, 'p' || i, i FROM n;";
    let bench = Bench::new(&format!("{PLANS} {rows}"));
    let schema =
        format!("{PLANS} INSERT INTO plans (id, name) VALUES (2345, 'p2345'), (2346, 'q'), (6000, 'p6000')");
    let bench = allowing(bench, "CHANGES_VALUES:plans");
    bench.reaches(&schema);
    assert_eq!(bench.query("SELECT count(*), max(id) FROM plans"), "5001|6000");
    assert_eq!(bench.query("SELECT name FROM plans WHERE id IN (2345, 2346)"), "p2345\nq");
}
