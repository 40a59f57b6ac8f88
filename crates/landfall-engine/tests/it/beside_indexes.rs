//! Rewrites that leave indexes where they are (`fast-path = "full"`).

use landfall_engine::{FastPath, Report, StepKind};

use crate::support::Bench;

const ROWS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
    INSERT INTO t (id, a, b, c, n) SELECT i * 3, 'a' || (i * 7919 % 500), i % 7, i / 3.0, '' || i FROM n;";

fn full(sql: &str) -> Bench {
    Bench::new(sql).with(|s| s.fast_path = FastPath::Full)
}

/// What the same change leaves where everything is written anew.
fn rewritten(bench: &Bench, new: &str) -> String {
    let twin = bench.twin().with(|s| s.fast_path = FastPath::Off);
    twin.reaches(new);
    twin.query("SELECT rowid, *, typeof(n) FROM t ORDER BY rowid")
}

fn creates_index(report: &Report) -> bool {
    let steps = &report.plan.as_ref().unwrap().steps;
    steps.iter().any(|step| step.kind() == StepKind::Create && step.sql.contains("INDEX"))
}

/// Reaches the schema with the indexes that it had, and with the rows of a rewrite.
fn stays(old: &str, new: &str) -> Bench {
    let bench = full(&format!("{old}; {ROWS}"));
    let wanted = rewritten(&bench, new);
    let report = bench.reaches(new);
    assert!(!creates_index(&report), "{:#?}", report.plan.unwrap().steps);
    assert!(report.plan.unwrap().steps.iter().any(|step| step.kind() == StepKind::Edit));
    assert_eq!(bench.query("SELECT rowid, *, typeof(n) FROM t ORDER BY rowid"), wanted);
    assert_eq!(bench.query("PRAGMA integrity_check"), "ok");
    assert_eq!(bench.query("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'landfall%'"), "0");
    bench
}

#[test]
fn indexes_stay_while_another_column_is_converted() {
    let rest = "CREATE INDEX t_a ON t (a); CREATE UNIQUE INDEX t_ba ON t (b, a COLLATE NOCASE DESC); CREATE INDEX t_c ON t (c)";
    let bench = stays(
        &format!("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b INTEGER, c REAL, n TEXT); {rest}"),
        &format!("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b INTEGER, c REAL, n INTEGER); {rest}"),
    );
    assert_eq!(
        bench.query("SELECT id FROM t INDEXED BY t_a WHERE a = 'a42'"),
        bench.query("SELECT id FROM t NOT INDEXED WHERE a = 'a42'")
    );
    bench.open().execute_batch("INSERT INTO t (id, a, b, n) VALUES (5000, 'new', 9, 7)").unwrap();
    assert_eq!(bench.query("SELECT id FROM t INDEXED BY t_a WHERE a = 'new'"), "5000");
    assert_eq!(bench.query("PRAGMA integrity_check"), "ok");
}

#[test]
fn indexes_of_constraints_stay_and_still_hold() {
    let bench = stays(
        "CREATE TABLE t (id TEXT PRIMARY KEY, a TEXT UNIQUE, b INTEGER, c REAL, n TEXT, UNIQUE (b, a))",
        "CREATE TABLE t (id TEXT PRIMARY KEY, a TEXT UNIQUE, b INTEGER, c REAL, n INTEGER NOT NULL, UNIQUE (b, a))",
    );
    let twice = bench.open().execute_batch("INSERT INTO t (id, a, n) VALUES ('x', 'a42', 1)");
    assert!(twice.unwrap_err().to_string().contains("UNIQUE constraint failed: t.a"));
}

#[test]
fn triggers_marks_generated_columns_and_children_stay() {
    let rest = "CREATE INDEX t_a ON t (a); CREATE TABLE log (m);
        CREATE TABLE child (t INTEGER REFERENCES t (id) ON DELETE CASCADE);
        CREATE TRIGGER t_tr AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (new.id); END; CREATE VIEW v AS SELECT a FROM t";
    let table = |n: &str| {
        format!(
            "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT COLLATE NOCASE, b INTEGER DEFAULT 4, c REAL, n {n},
                g INTEGER AS (b + 1), s TEXT AS (a || b) STORED, CHECK (b < 100)) STRICT; {rest}"
        )
    };
    let bench = full(&format!(
        "{}; {ROWS} INSERT INTO child SELECT id FROM t; DELETE FROM t WHERE id > 1400",
        table("TEXT")
    ));
    let wanted = rewritten(&bench, &table("INTEGER"));
    let report = bench.reaches(&table("INTEGER"));
    assert!(!creates_index(&report));
    assert_eq!(bench.query("SELECT rowid, *, typeof(n) FROM t ORDER BY rowid"), wanted);
    assert_eq!(bench.query("SELECT seq FROM sqlite_sequence"), "1500");
    assert_eq!(bench.query("SELECT count(*) FROM child"), "500");
    assert_eq!(bench.query("SELECT count(*) FROM log"), "0");
    bench.open().execute_batch("UPDATE t SET b = 5 WHERE id = 3").unwrap();
    assert_eq!(bench.query("SELECT * FROM log"), "3");
}

#[test]
fn an_index_whose_entries_change_is_made_again_and_the_others_stay() {
    let rest =
        "CREATE INDEX t_a ON t (a); CREATE INDEX t_n ON t (n); CREATE INDEX t_part ON t (b) WHERE n > 5";
    let table = |n: &str| {
        format!("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b INTEGER, c REAL, n {n}); {rest}")
    };
    let bench = full(&format!("{}; {ROWS}", table("TEXT")));
    let wanted = rewritten(&bench, &table("INTEGER"));
    let report = bench.reaches(&table("INTEGER"));
    let made: Vec<_> =
        report.plan.unwrap().steps.into_iter().filter(|s| s.kind() == StepKind::Create).collect();
    assert_eq!(made.len(), 2, "{made:#?}");
    assert_eq!(bench.query("SELECT rowid, *, typeof(n) FROM t ORDER BY rowid"), wanted);
    assert_eq!(bench.query("SELECT count(*) FROM t INDEXED BY t_n WHERE n = 42"), "1");
}

#[test]
fn every_root_page_is_found_with_auto_vacuum() {
    for mode in ["FULL", "INCREMENTAL"] {
        let rest = "CREATE INDEX t_a ON t (a); CREATE TABLE z (x); INSERT INTO z VALUES (1)";
        let table =
            |n: &str| format!("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b INTEGER, c REAL, n {n})");
        let bench = full(&format!("PRAGMA auto_vacuum = {mode}; {}; {rest}; {ROWS}", table("TEXT")));
        let new = format!("{}; CREATE INDEX t_a ON t (a); CREATE TABLE z (x)", table("INTEGER"));
        let wanted = rewritten(&bench, &new);
        bench.reaches(&new);
        assert_eq!(bench.query("SELECT rowid, *, typeof(n) FROM t ORDER BY rowid"), wanted);
        assert_eq!(bench.query("SELECT * FROM z"), "1");
    }
}

#[test]
fn columns_that_come_go_and_are_computed_leave_the_other_indexes() {
    let rest = "CREATE INDEX t_a ON t (a)";
    stays(
        &format!("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b INTEGER, c REAL, n TEXT); {rest}"),
        &format!(
            "CREATE TABLE t (
                id INTEGER PRIMARY KEY,
                made TEXT NOT NULL DEFAULT (upper('x')),
                n INTEGER, -- @using n * 2 from=TEXT
                a TEXT
                -- @dropped b
                -- @dropped c
            ); {rest}"
        ),
    );
}
