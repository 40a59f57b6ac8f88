//! Rows that are older than an ADD COLUMN hold no value for it: they read what the DEFAULT says, as the column has it now.

use super::*;

/// A column that was added to a table with rows; one row since holds another value.
fn added(name: &'static str, column: &'static str, new: &str, how: [How; 2]) -> Case {
    let rows = format!(
        "{ROWS}; ALTER TABLE t ADD COLUMN {column}; INSERT INTO t (k, a) VALUES (900, 1);
         ALTER TABLE t ADD COLUMN z TEXT DEFAULT 'z'; INSERT INTO t (k, a, z) VALUES (903, 1, NULL)"
    );
    Case { rows: rows.leak(), ..case(name, t(&[]), t(&[new, "z TEXT DEFAULT 'z'"]), how) }
}

#[test]
fn they_keep_their_value_whatever_the_default_becomes() {
    all([
        added("another", "s TEXT DEFAULT 'one'", "s TEXT DEFAULT 'two'", [WIDEN; 2]),
        added("none", "s TEXT DEFAULT 'one'", "s TEXT", [WIDEN; 2]),
        added("one that is new", "s TEXT", "s TEXT DEFAULT 'two'", [WIDEN; 2]),
        added("and NOT NULL goes", "s TEXT NOT NULL DEFAULT 'one'", "s TEXT DEFAULT 'two'", [WIDEN; 2]),
        added("and NOT NULL comes", "s TEXT DEFAULT 'one'", "s TEXT NOT NULL DEFAULT 'two'", [WIDEN; 2]),
        added("and a type name", "s TEXT DEFAULT 'one'", "s CLOB DEFAULT 'two'", [WIDEN; 2]),
        added("and an affinity", "s INTEGER DEFAULT 7", "s REAL DEFAULT 8", [WIDEN; 2]),
        added("a blob", "s BLOB DEFAULT x'00ff'", "s BLOB DEFAULT x'00'", [WIDEN; 2]),
        added("below zero", "s INTEGER DEFAULT -5", "s INTEGER DEFAULT +5", [WIDEN; 2]),
        added("a truth", "s BOOLEAN DEFAULT TRUE", "s BOOLEAN DEFAULT FALSE", [WIDEN; 2]),
        added("an untruth", "s BOOLEAN DEFAULT FALSE", "s BOOLEAN DEFAULT TRUE", [WIDEN; 2]),
        added("a truth as text", "s TEXT DEFAULT TRUE", "s TEXT DEFAULT FALSE", [WIDEN; 2]),
        added("a number as text", "s TEXT DEFAULT 5", "s TEXT DEFAULT 6", [WIDEN; 2]),
        added("a text as number", "s INTEGER DEFAULT '5'", "s INTEGER DEFAULT 6", [WIDEN; 2]),
        added("a text that is none", "s INTEGER DEFAULT 'five'", "s INTEGER DEFAULT 6", [WIDEN; 2]),
        added("a whole number as REAL", "s REAL DEFAULT 5", "s REAL DEFAULT 6", [WIDEN; 2]),
        added(
            "a collation that finds more",
            "s TEXT COLLATE NOCASE DEFAULT 'one'",
            "s TEXT COLLATE NOCASE DEFAULT 'two'",
            [WIDEN; 2],
        ),
        added("a quote in it", "s TEXT DEFAULT 'it''s'", "s TEXT DEFAULT 'it''s -- not'", [WIDEN; 2]),
        added("both columns", "s TEXT DEFAULT 'one'", "s TEXT DEFAULT 'two'", [WIDEN; 2]),
        added("the greatest", "s INTEGER DEFAULT 9223372036854775807", "s INTEGER", [WIDEN; 2]),
        added("the least", "s INTEGER DEFAULT -9223372036854775808", "s INTEGER", [WIDEN; 2]),
    ]);
}

/// SQLite reads some literals otherwise in a DEFAULT of old rows than anywhere else, `1e2` in a TEXT column among them.
#[test]
fn they_are_written_anew_where_no_condition_would_find_them() {
    let found = |default: &'static str, type_: &'static str| {
        let old = format!("s {type_} DEFAULT {default}").leak();
        let case = added("literal", old, &format!("s {type_} DEFAULT 'q'"), [Rewrite; 2]);
        let bench = case.database("wal");
        let rewritten = bench.twin().with(|s| s.fast_path = FastPath::Off);
        rewritten.reaches(&case.schema());
        let changed = bench.twin();
        let report = changed.reaches(&case.schema());
        assert_eq!(contents(&changed.open()), contents(&rewritten.open()), "{old}");
        How::of(report.plan.as_ref())
    };
    for default in ["1e2", "1.50", "+1e2", "-1e2"] {
        assert_eq!(found(default, "TEXT"), Rewrite, "{default}");
    }
    for (default, type_) in [
        ("0x1FFFFFFFF", "TEXT"),
        ("0x1FFFFFFFF", "BLOB"),
        ("0x10", "INTEGER"),
        ("1e2", "REAL"),
        ("1e2", "INTEGER"),
        ("99999999999999999999", "INTEGER"),
        ("1e999", "REAL"),
        // A word is a text in a DEFAULT, and elsewhere a column.
        ("a", "TEXT"),
        ("b", "TEXT"),
        ("rowid", "TEXT"),
        ("nobody", "TEXT"),
    ] {
        found(default, type_);
    }
}

#[test]
fn they_fit_or_break_a_constraint_as_any_other() {
    let strict = |items: &[&str]| t(items) + " STRICT";
    let rows = |column: &str| {
        format!("INSERT INTO t (k, a) VALUES (1, 1), (2, 2); ALTER TABLE t ADD COLUMN {column}").leak()
    };
    all([
        case("CHECK holds", t(&[]), t(&["s INTEGER DEFAULT 7 CHECK (s = 7)"]), [SCAN; 2])
            .rows(rows("s INTEGER DEFAULT 7")),
        case("CHECK does not", t(&[]), t(&["s INTEGER DEFAULT 7 CHECK (s = 8)"]), [Refused; 2])
            .rows(rows("s INTEGER DEFAULT 7"))
            .off(Refused),
        case("NOT NULL", t(&[]), t(&["s INTEGER NOT NULL"]), [Refused; 2])
            .rows(rows("s INTEGER"))
            .off(Refused),
        case("NOT NULL with a default", t(&[]), t(&["s INTEGER NOT NULL DEFAULT 7"]), [SCAN; 2])
            .rows(rows("s INTEGER DEFAULT 7")),
        case("STRICT", t(&[]), strict(&["s INTEGER DEFAULT 7"]), [SCAN; 2]).rows(rows("s INTEGER DEFAULT 7")),
        case("STRICT, another type", t(&[]), strict(&["s INTEGER DEFAULT 'x'"]), [Refused; 2])
            .rows(rows("s INTEGER DEFAULT 'x'"))
            .off(Refused),
        case("a key", t(&[]), t(&["s INTEGER DEFAULT 2 REFERENCES p"]), [SCAN; 2])
            .rows(rows("s INTEGER DEFAULT 2")),
        case("a key without its row", t(&[]), t(&["s INTEGER DEFAULT 9 REFERENCES p"]), [Refused; 2])
            .rows(rows("s INTEGER DEFAULT 9"))
            .off(Refused),
        case("UNIQUE", t(&[]), t(&["s INTEGER DEFAULT 7 UNIQUE"]), [Refused; 2])
            .rows(rows("s INTEGER DEFAULT 7"))
            .off(Refused),
    ]);
}

#[test]
fn they_read_the_same_through_another_affinity_and_as_generated_columns() {
    let rows = |column: &str| {
        format!("INSERT INTO t (k, a) VALUES (1, 1), (2, 2); ALTER TABLE t ADD COLUMN {column}").leak()
    };
    let plain =
        |column: &'static str, new: &str, how| case(column, t(&[]), t(&[new]), how).rows(rows(column));
    all([
        plain("s INTEGER DEFAULT 7", "s REAL DEFAULT 7", [SCAN; 2]),
        plain("s INTEGER DEFAULT 9007199254740993", "s REAL DEFAULT 9007199254740993", [Rewrite; 2]),
        plain("s REAL DEFAULT 7", "s NUMERIC DEFAULT 7", [Rewrite; 2]),
        plain("s REAL DEFAULT 7.5", "s NUMERIC DEFAULT 7.5", [SCAN; 2]),
        plain("s REAL DEFAULT 1e15", "s NUMERIC DEFAULT 1e15", [Rewrite; 2]),
        plain("s TEXT DEFAULT '7'", "s INTEGER DEFAULT '7'", [Rewrite; 2]),
        plain("s TEXT DEFAULT 'q'", "s INTEGER DEFAULT 'q'", [SCAN; 2]),
        plain("s BLOB DEFAULT 7", "s TEXT DEFAULT 7", [Rewrite; 2]),
        plain("s BLOB DEFAULT 'q'", "s TEXT DEFAULT 'q'", [SCAN; 2]),
        plain("s BLOB DEFAULT 0x1FFFFFFFF", "s TEXT DEFAULT 0x1FFFFFFFF", [Rewrite; 2]),
        plain("s INTEGER", "s INTEGER AS (a * 2) STORED", [Rewrite; 2]),
        plain("s INTEGER", "s INTEGER AS (nullif(a, a)) STORED", [SCAN; 2]),
        plain("s INTEGER DEFAULT 2", "s INTEGER AS (a * 2) STORED", [Rewrite; 2]),
    ]);
}

#[test]
fn a_stored_column_of_short_rows_reads_null_and_no_default_of_later() {
    let bench = Bench::new(
        "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1); ALTER TABLE t ADD COLUMN g INTEGER",
    );
    bench.reaches("CREATE TABLE t (a INTEGER, g INTEGER AS (nullif(a, a)) STORED)");
    for (new, how) in [("g INTEGER", EDIT), ("g INTEGER DEFAULT 5", Rewrite)] {
        let twin = bench.twin();
        let report = twin.reaches(&format!("CREATE TABLE t (a INTEGER, {new})"));
        assert_eq!(How::of(report.plan.as_ref()), how, "{new}");
        assert_eq!(twin.query("SELECT * FROM t"), "1|NULL", "{new}");
    }
}

#[test]
fn in_a_table_without_rowids_and_with_conflict_clauses_none_is_lost() {
    let bench = Bench::new(
        "CREATE TABLE t (k TEXT PRIMARY KEY, u TEXT UNIQUE ON CONFLICT REPLACE, n INTEGER NOT NULL ON CONFLICT IGNORE) WITHOUT ROWID;
         INSERT INTO t VALUES ('a', 'x', 1), ('b', 'y', 2), ('c', NULL, 3); ALTER TABLE t ADD COLUMN s TEXT DEFAULT 'one'",
    );
    let report = bench.reaches(
        "CREATE TABLE t (k TEXT PRIMARY KEY, u TEXT UNIQUE ON CONFLICT REPLACE, n INTEGER NOT NULL ON CONFLICT IGNORE, s TEXT DEFAULT 'two') WITHOUT ROWID",
    );
    assert_eq!(How::of(report.plan.as_ref()), WIDEN);
    assert_eq!(bench.query("SELECT * FROM t"), "a|x|1|one\nb|y|2|one\nc|NULL|3|one");
}
