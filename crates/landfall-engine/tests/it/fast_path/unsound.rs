//! Edits that would leave another database than a rewrite: each is made otherwise, or refused.
//!
//! In every one of these, editing the text alone was seen to lose, change or hide something.

use super::*;
use crate::support::MODES;

#[test]
fn what_an_edit_alone_would_break_gets_what_it_lacks_or_a_rewrite() {
    let strict = |items: &[&str]| t(items) + " STRICT";
    let cased = "WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
        INSERT INTO t (k, b) SELECT i, iif(i % 2, 'B', 'b') || hex(i * 7919 % 1000) FROM n";
    let big = "INSERT INTO t (k, a) VALUES (1, 5), (3, 1152921504606846977), (4, 1152921504606846976)";
    let by_a = "CREATE INDEX t_a ON t (a); CREATE TABLE log (what);";
    let short = "INSERT INTO t (k, a) VALUES (1, 1), (2, 2); ALTER TABLE t ADD COLUMN s TEXT DEFAULT 'one'; INSERT INTO t (k, s) VALUES (3, 'two')";
    let now = || t(&["s TEXT NOT NULL DEFAULT CURRENT_DATE"]);
    all([
        case("a DEFAULT that old rows read", t(&[]), t(&["s TEXT DEFAULT 'other'"]), [WIDEN; 2]).rows(short),
        case("a column that CURRENT_DATE fills", t(&[]), now(), [Rewrite; 2]),
        case("a STORED column", t(&[]), t(&["g INTEGER AS (a * 2) STORED"]), [Rewrite; 2]),
        case(
            "a VIRTUAL expression, not indexed again",
            t(&["g AS (a * 2)"]),
            t(&["g AS (a * 3)"]),
            [Rewrite, SCAN],
        )
        .rest("CREATE INDEX t_g ON t (g);"),
        case("a STORED expression", t(&["g AS (a * 2) STORED"]), t(&["g AS (a * 3) STORED"]), [Rewrite; 2]),
        case("the rowid becomes a column", t(&[]), t(&["k INT PRIMARY KEY"]), [Rewrite; 2]),
        case("the rowid becomes a plain column", t(&[]), t(&["k INTEGER"]), [Rewrite; 2]),
        case("numbers as text become INTEGER", t(&[]), t(&["b INTEGER"]), [Rewrite; 2])
            .rows("INSERT INTO t (k, b) VALUES (1, '007'), (2, 'x'), (3, '8')"),
        case("whole numbers of a REAL column", t(&[]), t(&["c"]), [Rewrite; 2]),
        case("integers that are no REAL", t(&[]), t(&["a REAL"]), [Rewrite; 2]).rows(big).rest(by_a),
        case("integers that are no REAL, no index", t(&[]), t(&["a REAL"]), [Rewrite; 2]).rows(big).rest(""),
        case("a collation, not indexed again", t(&[]), t(&["b TEXT COLLATE NOCASE"]), [SCAN; 2]).rows(cased),
        case(
            "without its last column",
            t(&[]),
            t(&[]).replace(", p INTEGER", ""),
            [Native(CostClass::Rewrite); 2],
        ),
        case("STRICT over a value of another type", t(&[]), strict(&[]), [Refused; 2])
            .rows("INSERT INTO t (k, a) VALUES (3, 'bad')")
            .off(Refused),
        case("WITHOUT ROWID", t(&[]), t(&[]) + " WITHOUT ROWID", [Rewrite; 2]),
        case(
            "AUTOINCREMENT without a mark",
            t(&[]),
            t(&["k INTEGER PRIMARY KEY AUTOINCREMENT"]),
            [Rewrite, EDIT],
        )
        .allows("INSERT INTO t (a) VALUES (1)"),
        case("UNIQUE without an index", t(&[]), t(&["b TEXT UNIQUE"]), [Rewrite, SCAN])
            .denies("INSERT INTO t (k, b) VALUES (901, 'B1')"),
        case("no UNIQUE, with its index", t(&["b TEXT UNIQUE"]), t(&[]), [Rewrite, EDIT])
            .allows("INSERT INTO t (k, b) VALUES (901, 'B1')"),
        case("NOT NULL over a NULL", t(&[]), t(&["a INTEGER NOT NULL"]), [Refused; 2])
            .rows("INSERT INTO t (k, a) VALUES (3, NULL)")
            .off(Refused),
        case("CHECK over a row that breaks it", t(&[]), t(&["CHECK (a >= 0)"]), [Refused; 2])
            .rows("INSERT INTO t (k, a) VALUES (3, -1)")
            .off(Refused),
        case("a key over a row without its parent", t(&[]), t(&["p INTEGER REFERENCES p"]), [Refused; 2])
            .rows("INSERT INTO t (k, p) VALUES (3, 99)")
            .off(Refused),
    ]);
}

#[test]
fn columns_in_another_order_are_moved_by_a_rewrite_alone() {
    let case = case(
        "order",
        t(&[]),
        "CREATE TABLE t (k INTEGER PRIMARY KEY, b TEXT, a INTEGER, c REAL, p INTEGER)".to_owned(),
        [Rewrite; 2],
    );
    for mode in [FastPath::Proved, FastPath::Full] {
        let bench = case.database("wal").with(|s| {
            s.fast_path = mode;
            s.column_order = landfall_engine::ColumnOrder::Exact;
        });
        let before = contents(&bench.open());
        let report = bench.reaches(&case.schema());
        assert_eq!(How::of(report.plan.as_ref()), Rewrite);
        assert_eq!(contents(&bench.open()), before);
    }
}

/// Each UNIQUE constraint finds its index by the number that its place in the text gives it.
#[test]
fn constraints_in_another_order_do_not_take_each_others_index() {
    let in_order = |more: &str, first: &str, second: &str| t(&[more, first, second]);
    let (a, b) = ("UNIQUE (a, k)", "UNIQUE (b)");
    let repeated = "INSERT INTO t (k, b) VALUES (901, 'B1')";
    all([
        case("order alone", in_order("a INTEGER", a, b), in_order("a INTEGER", b, a), [Same; 2])
            .off(Same)
            .denies(repeated),
        case("and a type name", in_order("a INTEGER", a, b), in_order("a INT", b, a), [Rewrite; 2])
            .denies(repeated),
        case("and NOT NULL", in_order("a INTEGER", a, b), in_order("a INTEGER NOT NULL", b, a), [Rewrite; 2])
            .denies(repeated),
        case(
            "and less NOT NULL",
            in_order("a INTEGER NOT NULL", a, b),
            in_order("a INTEGER", b, a),
            [NATIVE; 2],
        )
        .denies(repeated),
        case(
            "and AUTOINCREMENT",
            in_order("k INTEGER PRIMARY KEY", a, b),
            in_order("k INTEGER PRIMARY KEY AUTOINCREMENT", b, a),
            [Rewrite; 2],
        )
        .denies(repeated),
        case(
            "and a conflict clause",
            in_order("a INTEGER", a, b),
            in_order("a INTEGER", "UNIQUE (b) ON CONFLICT IGNORE", a),
            [Rewrite; 2],
        )
        .allows(repeated),
        case(
            "columns in the other order",
            t(&["a INTEGER UNIQUE", "b TEXT UNIQUE"]),
            "CREATE TABLE t (k INTEGER PRIMARY KEY, b TEXT UNIQUE, a INT UNIQUE, c REAL, p INTEGER)"
                .to_owned(),
            [EDIT; 2],
        )
        .rows("INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'B1')")
        .denies(repeated),
    ]);
}

/// Atlas writes a UNIQUE constraint as an index.
#[test]
fn a_table_whose_constraint_is_held_by_an_index_is_not_edited() {
    let bench = case("held", t(&[]), t(&["a BIGINT", "b TEXT UNIQUE"]), [Rewrite; 2]);
    for mode in [FastPath::Proved, FastPath::Full] {
        let held = bench.database("wal").with(|s| s.fast_path = mode);
        held.open().execute_batch("CREATE UNIQUE INDEX atlas ON t (b)").unwrap();
        let before = contents(&held.open());
        let report = held.reaches(&bench.schema());
        assert_eq!(How::of(report.plan.as_ref()), Rewrite);
        assert_eq!(contents(&held.open()), before);
        assert!(held.open().execute_batch("INSERT INTO t (k, b) VALUES (901, 'B1')").is_err());
    }
}

#[test]
fn what_depends_on_how_a_column_compares_is_not_left_to_an_edit() {
    let fts = "CREATE VIRTUAL TABLE f USING fts5 (b, content = 't', content_rowid = 'k');";
    let nocase = || t(&["b TEXT COLLATE NOCASE"]);
    let child = "CREATE TABLE child (b TEXT REFERENCES t (b));";
    all([
        case("full-text index over the table", t(&[]), nocase(), [Rewrite; 2]).rest(fts),
        case("full-text index, and another affinity", t(&[]), t(&["a REAL"]), [Rewrite; 2]).rest(fts),
        case("full-text index, and NOT NULL", t(&[]), t(&["a INTEGER NOT NULL"]), [SCAN; 2]).rest(fts),
        case("referred to", t(&["b TEXT UNIQUE"]), t(&["b TEXT COLLATE NOCASE UNIQUE"]), [Rewrite; 2])
            .rest(child),
        case("refers", t(&["p INTEGER REFERENCES p"]), t(&["p REAL REFERENCES p"]), [Rewrite; 2]),
        case(
            "STORED beside it",
            t(&["g AS (b = 'b1') STORED"]),
            t(&["b TEXT COLLATE NOCASE", "g AS (b = 'b1') STORED"]),
            [Rewrite; 2],
        ),
        case(
            "part of the key of a table without rowids",
            "CREATE TABLE t (k TEXT, a, b, c, PRIMARY KEY (k)) WITHOUT ROWID".to_owned(),
            "CREATE TABLE t (k TEXT COLLATE NOCASE, a, b, c, PRIMARY KEY (k)) WITHOUT ROWID".to_owned(),
            [Rewrite; 2],
        )
        .rows("INSERT INTO t VALUES ('x', 1, 2, 3), ('Y', 2, 3, 4)")
        .rest(""),
    ]);
}

/// Whether a whole number lies in a row as INTEGER or as REAL depends on what else the table has when the row is written. As NUMERIC
/// both would be read as they lie, and a rewrite makes all of them INTEGER.
#[test]
fn whole_numbers_of_a_real_column_become_numeric_by_a_rewrite_alone() {
    let index = "CREATE INDEX t_c ON t (c);";
    let numeric = |name, old: &[&str], new: &[&str], rest| {
        let rows = "INSERT INTO t (k, c) VALUES (1, 2), (2, 3.0), (3, 0.5), (4, 0.0)";
        case(name, t(old), t(new), [Rewrite; 2]).rows(rows).rest(rest)
    };
    all([
        numeric("nothing else", &[], &["c NUMERIC"], ""),
        numeric("an index on it", &[], &["c NUMERIC"], index),
        numeric("an index on another", &[], &["c NUMERIC"], "CREATE INDEX t_a ON t (a);"),
        numeric("a CHECK", &["CHECK (a > 0)"], &["c NUMERIC", "CHECK (a > 0)"], ""),
        numeric("great numbers", &[], &["c NUMERIC"], index)
            .rows("INSERT INTO t (k, c) VALUES (1, 140737488355328), (2, 9007199254740993), (3, 1e18)"),
        numeric("written again without it", &[], &["c NUMERIC"], index)
            .rows("INSERT INTO t (k, c) VALUES (1, 2), (2, 3.0); UPDATE t SET a = 1"),
    ]);
}

/// `IS` finds 'ABC' and 'abc' equal where the column's collation does, and 1 and 1.0 always.
#[test]
fn a_plain_column_becomes_stored_only_where_it_holds_the_very_values() {
    let plain = |rest: &str| t(&[&format!("g {rest}")]);
    let stored = |rest: &str, expression: &str| t(&[&format!("g {rest} AS ({expression}) STORED")]);
    all([
        case(
            "other letter case",
            plain("TEXT COLLATE NOCASE"),
            stored("TEXT COLLATE NOCASE", "lower(b)"),
            [Rewrite; 2],
        )
        .rows("INSERT INTO t (k, b, g) VALUES (1, 'ABC', 'ABC')"),
        case(
            "blanks at the end",
            plain("TEXT COLLATE RTRIM"),
            stored("TEXT COLLATE RTRIM", "trim(b)"),
            [Rewrite; 2],
        )
        .rows("INSERT INTO t (k, b, g) VALUES (1, 'x ', 'x ')"),
        case("another type", plain(""), stored("", "a * 1.0"), [Rewrite; 2])
            .rows("INSERT INTO t (k, a, g) VALUES (1, 2, 2)"),
        case("another value", plain("INTEGER"), stored("INTEGER", "a * 2"), [Rewrite; 2])
            .rows("INSERT INTO t (k, a, g) VALUES (1, 2, 5)"),
        case(
            "a DEFAULT that short rows read",
            plain("INTEGER DEFAULT 4"),
            stored("INTEGER", "a * 2"),
            [Rewrite; 2],
        )
        .rows("INSERT INTO t (k, a) VALUES (1, 2)"),
    ]);
}

/// The rows of a generated column cannot be asked beforehand: the proof finds them, and they are the rows' matter in every mode.
#[test]
fn strict_over_a_generated_column_that_breaks_it_is_refused_for_its_rows() {
    let table = |kind: &str| {
        format!(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, g INTEGER AS (coalesce(a, 'none') || '!') STORED){kind}"
        )
    };
    for mode in MODES {
        let bench = Bench::new(&format!("{}; INSERT INTO t (a) VALUES ('x'), (NULL)", table("")))
            .with(|s| s.fast_path = mode);
        let before = contents(&bench.open());
        let error = bench.refuses(&table(" STRICT"));
        assert_eq!(
            (error.kind, error.object.as_str()),
            (landfall_engine::ErrorKind::Hazard, "t"),
            "{mode:?}: {error}"
        );
        assert!(error.message.contains("VIOLATED_CONSTRAINT: rows break a constraint"), "{mode:?}: {error}");
        assert_eq!(contents(&bench.open()), before, "{mode:?}");
    }
}
