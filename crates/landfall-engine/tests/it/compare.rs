//! The comparer notices each kind of change, and stays silent on every rewrite that means the same.

use crate::support::{Bench, notes_but_old_faults};
use landfall_engine::{ColumnOrder, Outcome, Report};

fn check(live: &str, declared: &str) -> Report {
    check_with(live, declared, ColumnOrder::Report)
}

fn check_with(live: &str, declared: &str, order: ColumnOrder) -> Report {
    let bench = Bench::new(live).with(|s| s.column_order = order);
    let declared = bench.declared(declared).unwrap_or_else(|error| panic!("{error}"));
    landfall_engine::check(&bench.db(), &declared, &bench.settings, &mut ()).unwrap()
}

fn messages(report: &Report) -> Vec<&str> {
    report.differences.iter().map(|d| d.message.as_str()).collect()
}

/// Exactly these differences, some difference the other way round, and two fingerprints.
#[track_caller]
fn notices(live: &str, declared: &str, expected: &[&str]) {
    let report = check(live, declared);
    assert_eq!(messages(&report), expected);
    assert_eq!(report.outcome, Outcome::Planned);
    assert_ne!(report.live, report.declared);
    let reverse = check(declared, live);
    assert_ne!(messages(&reverse), [""; 0], "noticed in one direction only");
}

/// As [`notices`], for a table of this one column.
#[track_caller]
fn notices_column(live: &str, declared: &str, expected: &[&str]) {
    notices(&format!("CREATE TABLE t ({live})"), &format!("CREATE TABLE t ({declared})"), expected);
}

#[track_caller]
fn stays_silent(live: &str, declared: &str) {
    for (live, declared) in [(live, declared), (declared, live)] {
        let report = check(live, declared);
        assert_eq!(messages(&report), [""; 0], "live:\n{live}\ndeclared:\n{declared}");
        assert_eq!(notes_but_old_faults(&report), [""; 0]);
        assert_eq!(report.outcome, Outcome::InSync);
        let fingerprint = |sql: &str| Bench::new("").declared(sql).unwrap().fingerprint().to_owned();
        assert_eq!(fingerprint(live), fingerprint(declared), "live:\n{live}\ndeclared:\n{declared}");
    }
}

#[track_caller]
fn silent_on_columns(live: &str, declared: &str) {
    stays_silent(&format!("CREATE TABLE t ({live})"), &format!("CREATE TABLE t ({declared})"));
}

const T: &str = "CREATE TABLE t (a TEXT, b TEXT);";

/// Declared as `T` with one more object.
fn with(object: &str) -> String {
    format!("{T} {object}")
}

mod objects {
    use super::*;

    #[test]
    fn a_missing_table() {
        notices(T, &with("CREATE TABLE u (a)"), &["table u is missing"]);
    }

    #[test]
    fn an_extra_table() {
        notices(&with("CREATE TABLE u (a)"), T, &["table u is not declared"]);
    }

    #[test]
    fn a_table_that_should_be_a_view() {
        let expected = ["table u is not declared", "view u is missing"];
        notices(&with("CREATE TABLE u (a)"), &with("CREATE VIEW u AS SELECT a FROM t"), &expected);
    }

    #[test]
    fn a_table_that_should_be_virtual() {
        let expected = ["table f is not declared", "virtual table f is missing"];
        notices(&with("CREATE TABLE f (a)"), &with("CREATE VIRTUAL TABLE f USING fts5 (a)"), &expected);
    }

    #[test]
    fn a_missing_column() {
        notices_column("a TEXT", "a TEXT, b TEXT", &["column t.b is missing"]);
    }

    #[test]
    fn an_extra_column() {
        notices_column("a TEXT, b TEXT", "a TEXT", &["column t.b is not declared"]);
    }

    #[test]
    fn a_missing_index() {
        notices(T, &with("CREATE INDEX i ON t (a)"), &["index i is missing"]);
    }

    #[test]
    fn an_extra_index() {
        notices(&with("CREATE INDEX i ON t (a)"), T, &["index i is not declared"]);
    }

    #[test]
    fn an_index_on_another_table() {
        let u = with("CREATE TABLE u (a);");
        notices(
            &format!("{u} CREATE INDEX i ON t (a)"),
            &format!("{u} CREATE INDEX i ON u (a)"),
            &["index i is ON t (a), declared is ON u (a)"],
        );
    }

    #[test]
    fn a_declared_index_that_a_unique_constraint_covers() {
        notices(
            "CREATE TABLE t (a TEXT UNIQUE)",
            "CREATE TABLE t (a TEXT UNIQUE); CREATE UNIQUE INDEX i ON t (a)",
            &["index i is missing"],
        );
    }

    #[test]
    fn a_second_index_that_holds_the_same_unique_constraint() {
        let live = "CREATE TABLE t (a TEXT); CREATE UNIQUE INDEX i ON t (a); CREATE UNIQUE INDEX j ON t (a)";
        notices(live, "CREATE TABLE t (a TEXT UNIQUE)", &["index j is not declared"]);
    }

    #[test]
    fn a_missing_view() {
        notices(T, &with("CREATE VIEW v AS SELECT a FROM t"), &["view v is missing"]);
    }

    #[test]
    fn an_extra_view() {
        notices(&with("CREATE VIEW v AS SELECT a FROM t"), T, &["view v is not declared"]);
    }

    #[test]
    fn another_view() {
        let changed = ["view v differs in its definition"];
        notices(
            &with("CREATE VIEW v AS SELECT a FROM t"),
            &with("CREATE VIEW v AS SELECT b FROM t"),
            &changed,
        );
    }

    #[test]
    fn other_columns_of_a_view() {
        let changed = ["view v differs in its definition"];
        notices(
            &with("CREATE VIEW v (x) AS SELECT a FROM t"),
            &with("CREATE VIEW v (y) AS SELECT a FROM t"),
            &changed,
        );
        notices(
            &with("CREATE VIEW v AS SELECT a FROM t"),
            &with("CREATE VIEW v (y) AS SELECT a FROM t"),
            &changed,
        );
    }

    #[test]
    fn a_missing_trigger() {
        let trigger = "CREATE TRIGGER r AFTER INSERT ON t BEGIN DELETE FROM t; END";
        notices(T, &with(trigger), &["trigger r is missing"]);
    }

    #[test]
    fn an_extra_trigger() {
        let trigger = "CREATE TRIGGER r AFTER INSERT ON t BEGIN DELETE FROM t; END";
        notices(&with(trigger), T, &["trigger r is not declared"]);
    }

    #[test]
    fn a_trigger_that_is_called_like_an_ignored_table() {
        let live = "CREATE TABLE _litestream_seq (a); CREATE TABLE t (a TEXT, b TEXT);
            CREATE TRIGGER _litestream_seq AFTER INSERT ON t BEGIN DELETE FROM t; END";
        assert_eq!(messages(&check(live, T)), ["trigger _litestream_seq is not declared"]);
    }

    #[test]
    fn another_body_time_event_or_condition_of_a_trigger() {
        let base = "CREATE TRIGGER r AFTER UPDATE ON t BEGIN DELETE FROM t WHERE a = 'x'; END";
        for other in [
            "CREATE TRIGGER r AFTER UPDATE ON t BEGIN DELETE FROM t WHERE a = 'X'; END",
            "CREATE TRIGGER r AFTER UPDATE ON t BEGIN DELETE FROM t WHERE a = 'x'; SELECT 1; END",
            "CREATE TRIGGER r BEFORE UPDATE ON t BEGIN DELETE FROM t WHERE a = 'x'; END",
            "CREATE TRIGGER r AFTER INSERT ON t BEGIN DELETE FROM t WHERE a = 'x'; END",
            "CREATE TRIGGER r AFTER UPDATE OF a ON t BEGIN DELETE FROM t WHERE a = 'x'; END",
            "CREATE TRIGGER r AFTER UPDATE ON t WHEN new.a > 1 BEGIN DELETE FROM t WHERE a = 'x'; END",
        ] {
            notices(&with(base), &with(other), &["trigger r differs in its definition"]);
        }
    }

    #[test]
    fn a_missing_virtual_table() {
        notices(T, &with("CREATE VIRTUAL TABLE f USING fts5 (a)"), &["virtual table f is missing"]);
    }

    #[test]
    fn an_extra_virtual_table() {
        notices(&with("CREATE VIRTUAL TABLE f USING fts5 (a)"), T, &["virtual table f is not declared"]);
    }

    #[test]
    fn another_option_of_a_virtual_table() {
        let base = "CREATE VIRTUAL TABLE f USING fts5 (a, b UNINDEXED, tokenize = 'porter')";
        for other in [
            "CREATE VIRTUAL TABLE f USING fts5 (a, b, tokenize = 'porter')",
            "CREATE VIRTUAL TABLE f USING fts5 (a, c UNINDEXED, tokenize = 'porter')",
            "CREATE VIRTUAL TABLE f USING fts5 (a, b UNINDEXED)",
            "CREATE VIRTUAL TABLE f USING fts5 (a, b UNINDEXED, tokenize = 'unicode61')",
            "CREATE VIRTUAL TABLE f USING fts5 (a, b UNINDEXED, tokenize = 'porter', prefix = '2')",
            "CREATE VIRTUAL TABLE f USING rtree (a, b, c)",
        ] {
            notices(base, other, &["virtual table f differs in its definition"]);
        }
    }

    #[test]
    fn letter_case_in_an_option_of_a_virtual_table() {
        notices(
            "CREATE VIRTUAL TABLE f USING fts5 (a, tokenize = \"unicode61 tokenchars 'x'\")",
            "CREATE VIRTUAL TABLE f USING fts5 (a, tokenize = \"unicode61 tokenchars 'X'\")",
            &["virtual table f differs in its definition"],
        );
    }
}

mod columns {
    use super::*;

    #[test]
    fn another_type() {
        notices_column("a TEXT", "a INTEGER", &["column t.a: type is TEXT, declared is INTEGER"]);
    }

    #[test]
    fn a_type_of_the_same_affinity() {
        notices_column("a INT", "a INTEGER", &["column t.a: type is INT, declared is INTEGER"]);
    }

    #[test]
    fn a_type_that_is_missing() {
        notices_column("a", "a BLOB", &["column t.a: type is none, declared is BLOB"]);
    }

    #[test]
    fn the_size_of_a_type() {
        notices_column(
            "a DECIMAL",
            "a DECIMAL(10,2)",
            &["column t.a: type is DECIMAL, declared is DECIMAL(10, 2)"],
        );
        notices_column(
            "a VARCHAR(9)",
            "a VARCHAR(10)",
            &["column t.a: type is VARCHAR(9), declared is VARCHAR(10)"],
        );
    }

    #[test]
    fn not_null() {
        notices_column("a TEXT", "a TEXT NOT NULL", &["column t.a: NOT NULL is off, declared is on"]);
    }

    #[test]
    fn the_conflict_clause_of_not_null() {
        notices_column(
            "a TEXT NOT NULL",
            "a TEXT NOT NULL ON CONFLICT REPLACE",
            &["column t.a: NOT NULL is on, declared is on (ON CONFLICT REPLACE)"],
        );
    }

    #[test]
    fn a_default() {
        notices_column("a", "a DEFAULT 1", &["column t.a: DEFAULT is none, declared is 1"]);
        notices_column("a DEFAULT 1", "a DEFAULT 1.0", &["column t.a: DEFAULT is 1, declared is 1.0"]);
        notices_column("a DEFAULT 1", "a DEFAULT '1'", &["column t.a: DEFAULT is 1, declared is '1'"]);
        notices_column("a DEFAULT 1", "a DEFAULT -1", &["column t.a: DEFAULT is 1, declared is -1"]);
    }

    #[test]
    fn a_default_that_is_a_blob() {
        notices_column(
            "a DEFAULT x'00ff'",
            "a DEFAULT x'00fe'",
            &["column t.a: DEFAULT is x'00ff', declared is x'00fe'"],
        );
        notices_column(
            "a DEFAULT 'x''00ff'''",
            "a DEFAULT x'00ff'",
            &["column t.a: DEFAULT is 'x''00ff''', declared is x'00ff'"],
        );
    }

    #[test]
    fn letter_case_in_a_default_in_every_quoting() {
        let expected = ["column t.a: DEFAULT is 'x', declared is 'X'"];
        notices_column("a DEFAULT 'x'", "a DEFAULT 'X'", &expected);
        notices_column("a DEFAULT \"x\"", "a DEFAULT \"X\"", &expected);
        notices_column("a DEFAULT x", "a DEFAULT X", &expected);
        notices_column("a DEFAULT [x]", "a DEFAULT [X]", &expected);
        notices_column(
            "a DEFAULT \"a\"",
            "a DEFAULT \"A\"",
            &["column t.a: DEFAULT is 'a', declared is 'A'"],
        );
    }

    #[test]
    fn a_default_that_is_a_word_against_a_string() {
        let clock = ["column t.a: DEFAULT is current_timestamp, declared is 'current_timestamp'"];
        notices_column("a DEFAULT current_timestamp", "a DEFAULT 'current_timestamp'", &clock);
        notices_column("a DEFAULT current_timestamp", "a DEFAULT \"current_timestamp\"", &clock);
        notices_column(
            "a DEFAULT true",
            "a DEFAULT \"true\"",
            &["column t.a: DEFAULT is true, declared is 'true'"],
        );
        notices_column(
            "a DEFAULT NULL",
            "a DEFAULT \"null\"",
            &["column t.a: DEFAULT is null, declared is 'null'"],
        );
    }

    #[test]
    fn the_collation_of_a_column() {
        notices_column(
            "a TEXT",
            "a TEXT COLLATE NOCASE",
            &["column t.a: COLLATE is BINARY, declared is NOCASE"],
        );
    }

    #[test]
    fn a_generated_column() {
        notices_column(
            "a, b AS (a)",
            "a, b AS (a) STORED",
            &["column t.b: GENERATED is (a) VIRTUAL, declared is (a) STORED"],
        );
        notices_column(
            "a, b AS (a || 'x')",
            "a, b AS (a || 'X')",
            &["column t.b: GENERATED is (a || 'x') VIRTUAL, declared is (a || 'X') VIRTUAL"],
        );
        notices_column("a, b", "a, b AS (a)", &["column t.b: GENERATED is none, declared is (a) VIRTUAL"]);
    }
}

mod keys {
    use super::*;

    #[test]
    fn a_primary_key() {
        notices_column("a TEXT", "a TEXT PRIMARY KEY", &["table t: PRIMARY KEY is none, declared is (a)"]);
    }

    #[test]
    fn the_columns_of_a_primary_key() {
        notices_column(
            "a, b, PRIMARY KEY (a)",
            "a, b, PRIMARY KEY (a, b)",
            &["table t: PRIMARY KEY is (a), declared is (a, b)"],
        );
    }

    #[test]
    fn the_order_of_a_primary_key() {
        let expected = ["table t: PRIMARY KEY is (a, b), declared is (b, a)"];
        notices_column("a, b, PRIMARY KEY (a, b)", "a, b, PRIMARY KEY (b, a)", &expected);
    }

    #[test]
    fn the_direction_of_a_primary_key() {
        let expected = ["table t: PRIMARY KEY is (a, b), declared is (a, b DESC)"];
        notices_column("a, b, PRIMARY KEY (a, b)", "a, b, PRIMARY KEY (a, b DESC)", &expected);
    }

    #[test]
    fn the_collation_of_a_primary_key() {
        notices_column(
            "a, PRIMARY KEY (a)",
            "a, PRIMARY KEY (a COLLATE NOCASE)",
            &["table t: PRIMARY KEY is (a), declared is (a COLLATE NOCASE)"],
        );
    }

    #[test]
    fn the_conflict_clause_of_a_primary_key() {
        notices_column(
            "a TEXT PRIMARY KEY",
            "a TEXT PRIMARY KEY ON CONFLICT REPLACE",
            &["table t: PRIMARY KEY is (a), declared is (a) ON CONFLICT REPLACE"],
        );
        notices_column(
            "a INTEGER PRIMARY KEY",
            "a INTEGER PRIMARY KEY ON CONFLICT IGNORE",
            &["table t: PRIMARY KEY is (a), the rowid, declared is (a) ON CONFLICT IGNORE, the rowid"],
        );
    }

    #[test]
    fn int_against_integer_primary_key() {
        notices_column(
            "a INT PRIMARY KEY",
            "a INTEGER PRIMARY KEY",
            &[
                "column t.a: type is INT, declared is INTEGER",
                "table t: PRIMARY KEY is (a), declared is (a), the rowid",
            ],
        );
    }

    #[test]
    fn integer_primary_key_desc_on_the_column_is_not_the_rowid() {
        let expected = ["table t: PRIMARY KEY is (a), the rowid, declared is (a DESC)"];
        notices_column("a INTEGER PRIMARY KEY", "a INTEGER PRIMARY KEY DESC", &expected);
        notices_column("a INTEGER, PRIMARY KEY (a DESC)", "a INTEGER PRIMARY KEY DESC", &expected);
    }

    #[test]
    fn autoincrement_in_every_spelling() {
        for spelling in [
            "a INTEGER PRIMARY KEY AUTOINCREMENT",
            "a INTEGER PRIMARY KEY ASC AUTOINCREMENT",
            "a INTEGER CONSTRAINT k PRIMARY KEY ON CONFLICT ABORT autoincrement",
            "a INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT",
            "a INTEGER, PRIMARY KEY (a AUTOINCREMENT)",
            "a INTEGER, PRIMARY KEY ('a' ASC AUTOINCREMENT)",
            "a INTEGER, CONSTRAINT k PRIMARY KEY (\"a\" /* ! */ AutoIncrement)",
        ] {
            let without = if spelling.contains("NOT NULL") {
                "a INTEGER NOT NULL PRIMARY KEY"
            } else {
                "a INTEGER PRIMARY KEY"
            };
            notices_column(without, spelling, &["table t: AUTOINCREMENT is missing"]);
            notices_column(spelling, without, &["table t: AUTOINCREMENT is not declared"]);
        }
    }

    #[test]
    fn a_unique_constraint() {
        notices_column("a", "a UNIQUE", &["table t: UNIQUE (a) is missing"]);
        notices_column("a UNIQUE", "a", &["table t: UNIQUE (a) is not declared"]);
        notices_column(
            "a, b, UNIQUE (a, b)",
            "a, b, UNIQUE (b, a)",
            &["table t: UNIQUE (b, a) is missing", "table t: UNIQUE (a, b) is not declared"],
        );
    }

    #[test]
    fn the_collation_of_a_unique_constraint() {
        notices_column(
            "a, UNIQUE (a)",
            "a, UNIQUE (a COLLATE NOCASE)",
            &["table t: UNIQUE (a COLLATE NOCASE) is missing", "table t: UNIQUE (a) is not declared"],
        );
    }

    #[test]
    fn the_conflict_clause_of_a_unique_constraint() {
        notices_column(
            "a UNIQUE",
            "a UNIQUE ON CONFLICT IGNORE",
            &["table t: UNIQUE (a) ON CONFLICT IGNORE is missing", "table t: UNIQUE (a) is not declared"],
        );
    }

    #[test]
    fn a_unique_index_that_does_not_hold_the_constraint() {
        for (index, expected) in [
            ("CREATE UNIQUE INDEX i ON t (a) WHERE a > 1", "UNIQUE (a)"),
            ("CREATE UNIQUE INDEX i ON t (a COLLATE NOCASE)", "UNIQUE (a)"),
            ("CREATE UNIQUE INDEX i ON t (a, b)", "UNIQUE (a)"),
            ("CREATE UNIQUE INDEX i ON t (lower(a))", "UNIQUE (a)"),
            ("CREATE INDEX i ON t (a)", "UNIQUE (a)"),
        ] {
            let missing = format!("table t: {expected} is missing");
            let live = format!("CREATE TABLE t (a, b); {index}");
            notices(&live, "CREATE TABLE t (a UNIQUE, b)", &[missing.as_str(), "index i is not declared"]);
        }
        notices(
            "CREATE TABLE t (a, b); CREATE UNIQUE INDEX i ON t (a)",
            "CREATE TABLE t (a UNIQUE ON CONFLICT REPLACE, b)",
            &["table t: UNIQUE (a) ON CONFLICT REPLACE is missing", "index i is not declared"],
        );
    }

    #[test]
    fn a_check() {
        notices_column("a", "a CHECK (a > 1)", &["table t: CHECK (a > 1) is missing"]);
        notices_column("a CHECK (a > 1)", "a", &["table t: CHECK (a > 1) is not declared"]);
        notices_column(
            "a CHECK (a > 1)",
            "a CHECK (a > 2)",
            &["table t: CHECK (a > 2) is missing", "table t: CHECK (a > 1) is not declared"],
        );
    }

    #[test]
    fn letter_case_in_strings() {
        notices_column(
            "a CHECK (a <> 'x')",
            "a CHECK (a <> 'X')",
            &["table t: CHECK (a <> 'X') is missing", "table t: CHECK (a <> 'x') is not declared"],
        );
        notices_column(
            "a CHECK (a <> \"x\")",
            "a CHECK (a <> \"X\")",
            &["table t: CHECK (a <> 'X') is missing", "table t: CHECK (a <> 'x') is not declared"],
        );
    }

    #[test]
    fn a_string_in_double_quotes_that_is_a_column_of_another_table() {
        let other = "CREATE TABLE u (x TEXT);";
        notices(
            &format!("{other} CREATE TABLE t (a CHECK (a <> \"x\"))"),
            &format!("{other} CREATE TABLE t (a CHECK (a <> \"X\"))"),
            &["table t: CHECK (a <> 'X') is missing", "table t: CHECK (a <> 'x') is not declared"],
        );
    }

    #[test]
    fn a_string_against_a_name_in_double_quotes() {
        notices_column(
            "a, b, CHECK (a <> 'b')",
            "a, b, CHECK (a <> \"b\")",
            &["table t: CHECK (a <> b) is missing", "table t: CHECK (a <> 'b') is not declared"],
        );
    }

    #[test]
    fn a_word_against_a_name_that_is_spelled_like_it() {
        notices_column(
            "a, \"null\", CHECK (a IS NOT NULL)",
            "a, \"null\", CHECK (a IS NOT [NULL])",
            &[
                "table t: CHECK (a is not \"null\") is missing",
                "table t: CHECK (a is not null) is not declared",
            ],
        );
        notices(
            &with("CREATE VIEW v AS SELECT 1 FROM t LEFT JOIN t AS u"),
            &with("CREATE VIEW v AS SELECT 1 FROM t [LEFT] JOIN t AS u"),
            &["view v differs in its definition"],
        );
    }

    #[test]
    fn strict() {
        notices("CREATE TABLE t (a TEXT)", "CREATE TABLE t (a TEXT) STRICT", &["table t: STRICT is missing"]);
    }

    #[test]
    fn without_rowid() {
        notices(
            "CREATE TABLE t (a TEXT NOT NULL PRIMARY KEY)",
            "CREATE TABLE t (a TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID",
            &["table t: WITHOUT ROWID is missing"],
        );
    }
}

mod foreign_keys {
    use super::*;

    const P: &str = "CREATE TABLE p (id INTEGER PRIMARY KEY, code TEXT UNIQUE, name TEXT UNIQUE);";

    #[track_caller]
    fn notices_key(live: &str, declared: &str, expected: &[&str]) {
        notices(
            &format!("{P} CREATE TABLE t ({live})"),
            &format!("{P} CREATE TABLE t ({declared})"),
            expected,
        );
    }

    #[test]
    fn one_more_and_one_less() {
        notices_key("a", "a REFERENCES p", &["table t: FOREIGN KEY (a) REFERENCES p (id) is missing"]);
        notices_key("a REFERENCES p", "a", &["table t: FOREIGN KEY (a) REFERENCES p (id) is not declared"]);
    }

    #[test]
    fn actions() {
        for action in [
            "ON DELETE CASCADE",
            "ON DELETE SET NULL",
            "ON DELETE SET DEFAULT",
            "ON DELETE RESTRICT",
            "ON UPDATE CASCADE",
        ] {
            let missing = format!("table t: FOREIGN KEY (a) REFERENCES p (id) {action} is missing");
            notices_key(
                "a REFERENCES p",
                &format!("a REFERENCES p {action}"),
                &[missing.as_str(), "table t: FOREIGN KEY (a) REFERENCES p (id) is not declared"],
            );
        }
    }

    #[test]
    fn deferral() {
        let key = "FOREIGN KEY (a) REFERENCES p (id)";
        notices_key(
            "a REFERENCES p",
            "a REFERENCES p DEFERRABLE INITIALLY DEFERRED",
            &[
                &format!("table t: {key} DEFERRABLE INITIALLY DEFERRED is missing"),
                &format!("table t: {key} is not declared"),
            ],
        );
    }

    #[test]
    fn columns_and_parents() {
        let from_a = "table t: FOREIGN KEY (a) REFERENCES p (id) is not declared";
        notices_key(
            "a REFERENCES p, b",
            "a, b REFERENCES p",
            &["table t: FOREIGN KEY (b) REFERENCES p (id) is missing", from_a],
        );
        notices_key(
            "a REFERENCES p",
            "a REFERENCES p (code)",
            &["table t: FOREIGN KEY (a) REFERENCES p (code) is missing", from_a],
        );
        notices_key(
            "a REFERENCES p",
            "a REFERENCES t",
            &["table t: FOREIGN KEY (a) REFERENCES t is missing", from_a],
        );
        notices_key(
            "a, b, FOREIGN KEY (a, b) REFERENCES p (code, name)",
            "a, b, FOREIGN KEY (a, b) REFERENCES p (name, code)",
            &[
                "table t: FOREIGN KEY (a, b) REFERENCES p (name, code) is missing",
                "table t: FOREIGN KEY (a, b) REFERENCES p (code, name) is not declared",
            ],
        );
    }
}

mod indexes {
    use super::*;

    #[track_caller]
    fn notices_index(live: &str, declared: &str, expected: &str) {
        notices(&with(&format!("CREATE {live}")), &with(&format!("CREATE {declared}")), &[expected]);
    }

    #[test]
    fn unique() {
        notices_index(
            "INDEX i ON t (a)",
            "UNIQUE INDEX i ON t (a)",
            "index i is ON t (a), declared is UNIQUE ON t (a)",
        );
    }

    #[test]
    fn columns_and_their_order() {
        notices_index("INDEX i ON t (a)", "INDEX i ON t (b)", "index i is ON t (a), declared is ON t (b)");
        notices_index(
            "INDEX i ON t (a, b)",
            "INDEX i ON t (b, a)",
            "index i is ON t (a, b), declared is ON t (b, a)",
        );
    }

    #[test]
    fn direction() {
        notices_index(
            "INDEX i ON t (a)",
            "INDEX i ON t (a DESC)",
            "index i is ON t (a), declared is ON t (a DESC)",
        );
    }

    #[test]
    fn collation() {
        let expected = "index i is ON t (a), declared is ON t (a COLLATE NOCASE)";
        notices_index("INDEX i ON t (a)", "INDEX i ON t (a COLLATE NOCASE)", expected);
    }

    #[test]
    fn condition() {
        notices_index(
            "INDEX i ON t (a)",
            "INDEX i ON t (a) WHERE b > 1",
            "index i is ON t (a), declared is ON t (a) WHERE b > 1",
        );
        notices_index(
            "INDEX i ON t (a) WHERE b > 1",
            "INDEX i ON t (a) WHERE b > 2",
            "index i is ON t (a) WHERE b > 1, declared is ON t (a) WHERE b > 2",
        );
    }

    #[test]
    fn expression() {
        notices_index(
            "INDEX i ON t (a)",
            "INDEX i ON t (lower(a))",
            "index i is ON t (a), declared is ON t (lower(a))",
        );
        notices_index(
            "INDEX i ON t (a || 'x')",
            "INDEX i ON t (a || 'X')",
            "index i is ON t (a || 'x'), declared is ON t (a || 'X')",
        );
    }

    #[test]
    fn what_a_collation_belongs_to() {
        notices_index(
            "INDEX i ON t (a || b COLLATE NOCASE)",
            "INDEX i ON t ((a || b) COLLATE NOCASE)",
            "index i is ON t (a || b collate nocase), declared is ON t (a || b COLLATE NOCASE)",
        );
    }

    #[test]
    fn a_string_instead_of_a_column() {
        notices_index(
            "INDEX i ON t (\"a\")",
            "INDEX i ON t (\"c\")",
            "index i is ON t (a), declared is ON t ('c')",
        );
        notices_index(
            "INDEX i ON t (\"c\")",
            "INDEX i ON t (\"C\")",
            "index i is ON t ('c'), declared is ON t ('C')",
        );
    }
}

mod double_quotes_in_views_and_triggers {
    use super::*;

    #[track_caller]
    fn notices_view(live: &str, declared: &str) {
        let schema = |select: &str| with(&format!("CREATE TABLE u (b, x); CREATE VIEW v AS {select}"));
        notices(&schema(live), &schema(declared), &["view v differs in its definition"]);
    }

    #[test]
    fn a_string_is_no_name() {
        notices_view("SELECT \"x\" FROM t", "SELECT \"X\" FROM t");
        notices_view("SELECT 'a' FROM t", "SELECT \"a\" FROM t");
        notices_view("SELECT a IS DISTINCT FROM \"x\" FROM t", "SELECT a IS DISTINCT FROM \"X\" FROM t");
    }

    #[test]
    fn a_column_of_another_statement_is_not_in_scope() {
        notices_view(
            "SELECT \"x\" FROM t UNION SELECT x FROM u",
            "SELECT \"X\" FROM t UNION SELECT x FROM u",
        );
        notices_view("SELECT a AS x, \"x\" FROM t", "SELECT a AS x, \"X\" FROM t");
    }

    #[test]
    fn values_see_no_column() {
        let schema = |values: &str| {
            with(&format!(
                "CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO t (a) VALUES ({values}); END"
            ))
        };
        notices(&schema("\"b\""), &schema("\"B\""), &["trigger r differs in its definition"]);
    }
}

mod cosmetic {
    use super::*;

    #[test]
    fn comments_and_white_space() {
        silent_on_columns(
            "a TEXT NOT NULL, b INT DEFAULT 1",
            "a/**/TEXT -- a, b (\n NOT\tNULL\n,\r\n/* ' */ b INT DEFAULT/**/1 -- ''\n",
        );
        stays_silent(
            &with("CREATE INDEX i ON t (a) WHERE a > 1; CREATE VIEW v AS SELECT a FROM t"),
            "CREATE TABLE t(a TEXT,b TEXT); CREATE INDEX i ON t(a)WHERE/* really */a>1 -- end\n; CREATE VIEW v AS SELECT a -- x\n FROM t -- y\n;",
        );
    }

    #[test]
    fn four_kinds_of_quotes() {
        for quoted in ["\"a\"", "`a`", "[a]", "'a'"] {
            silent_on_columns("a TEXT PRIMARY KEY", &format!("{quoted} TEXT PRIMARY KEY"));
            silent_on_columns(
                "a TEXT, PRIMARY KEY (a), UNIQUE (a)",
                &format!("a TEXT, PRIMARY KEY ({quoted}), UNIQUE ({quoted})"),
            );
            stays_silent("CREATE TABLE a (b)", &format!("CREATE TABLE {quoted} (b)"));
            silent_on_columns("a REFERENCES t (a)", &format!("a REFERENCES t ({quoted})"));
            stays_silent(
                "CREATE TABLE a (a UNIQUE, b REFERENCES a (a))",
                &format!("CREATE TABLE a (a UNIQUE, b REFERENCES {quoted} ({quoted}))"),
            );
            stays_silent(
                &with("CREATE INDEX a ON t (a)"),
                &with(&format!("CREATE INDEX {quoted} ON t ({quoted})")),
            );
            stays_silent(
                "CREATE TABLE a (b); CREATE INDEX i ON a (b)",
                &format!("CREATE TABLE a (b); CREATE INDEX i ON {quoted} (b)"),
            );
            stays_silent(
                &with("CREATE VIEW a (a) AS SELECT 1"),
                &with(&format!("CREATE VIEW {quoted} ({quoted}) AS SELECT 1")),
            );
            silent_on_columns("a COLLATE NOCASE", &format!("{quoted} COLLATE 'nocase'"));
        }
        for quoted in ["\"a\"", "`a`", "[a]"] {
            silent_on_columns(
                "a CHECK (a > 1), b AS (a)",
                &format!("a CHECK ({quoted} > 1), b AS ({quoted})"),
            );
            stays_silent(
                &with("CREATE INDEX i ON t (lower(a)) WHERE a > 1"),
                &with(&format!("CREATE INDEX i ON t (lower({quoted})) WHERE {quoted} > 1")),
            );
            stays_silent(
                &with("CREATE VIEW v AS SELECT a AS a FROM t WHERE t.a > 1"),
                &with(&format!("CREATE VIEW v AS SELECT {quoted} AS {quoted} FROM t WHERE t.{quoted} > 1")),
            );
            stays_silent(
                &with("CREATE TRIGGER r AFTER UPDATE OF a ON t WHEN new.a > 1 BEGIN UPDATE t SET a = old.a WHERE b = a; INSERT INTO t (a) VALUES (new.a); DELETE FROM t WHERE a = 1; END"),
                &with("CREATE TRIGGER r AFTER UPDATE OF Q ON \"t\" WHEN new.Q > 1 BEGIN UPDATE \"t\" SET Q = old.Q WHERE b = Q; INSERT INTO [t] (Q) VALUES (new.Q); DELETE FROM `t` WHERE Q = 1; END".replace('Q', quoted).as_str()),
            );
            stays_silent(
                "CREATE VIRTUAL TABLE f USING fts5 (a)",
                &format!("CREATE VIRTUAL TABLE f USING fts5({quoted})"),
            );
        }
    }

    #[test]
    fn names_that_need_quotes() {
        let list = "a, b, CHECK (a > \"order by\")";
        silent_on_columns(
            &format!("\"order by\", {list}"),
            &format!("[Order By], {}", list.replace('"', "`")),
        );
    }

    #[test]
    fn letter_case_of_names_types_and_keywords() {
        stays_silent(
            "CREATE TABLE t (Id INTEGER PRIMARY KEY AUTOINCREMENT, Name VARCHAR(9) NOT NULL COLLATE NOCASE CHECK (Length(Name) > 1)) STRICT"
                .replace("VARCHAR(9)", "TEXT").as_str(),
            "create table T (iD integer primary key autoincrement, NAME text not null collate nocase check (LENGTH(nAME) > 1)) strict",
        );
        stays_silent(
            &with("CREATE UNIQUE INDEX I ON T (A) WHERE B IS NOT NULL; CREATE VIEW V AS SELECT A FROM T"),
            &with("create unique index i on t (a) where b is not null; create view v as select a from t"),
        );
    }

    #[test]
    fn inline_against_table_level() {
        silent_on_columns("a INTEGER PRIMARY KEY", "a INTEGER, PRIMARY KEY (a)");
        silent_on_columns("a INTEGER PRIMARY KEY", "a INTEGER, PRIMARY KEY (a DESC)");
        silent_on_columns("a INTEGER PRIMARY KEY AUTOINCREMENT", "a INTEGER, PRIMARY KEY (a AUTOINCREMENT)");
        silent_on_columns(
            "a TEXT PRIMARY KEY DESC ON CONFLICT FAIL",
            "a TEXT, PRIMARY KEY (a DESC) ON CONFLICT FAIL",
        );
        silent_on_columns("a UNIQUE ON CONFLICT IGNORE", "a, UNIQUE (a) ON CONFLICT IGNORE");
        silent_on_columns("a COLLATE NOCASE UNIQUE", "a COLLATE NOCASE, UNIQUE (a COLLATE nocase)");
        silent_on_columns("a CHECK (a > 1)", "a, CHECK (a > 1)");
        silent_on_columns(
            "a REFERENCES t (a) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED",
            "a, FOREIGN KEY (a) REFERENCES t (a) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED",
        );
    }

    #[test]
    fn names_of_constraints() {
        silent_on_columns(
            "a NOT NULL DEFAULT 1 UNIQUE CHECK (a > 1) REFERENCES t (a)",
            "a CONSTRAINT n NOT NULL CONSTRAINT d DEFAULT 1 CONSTRAINT u UNIQUE CONSTRAINT c CHECK (a > 1) CONSTRAINT f REFERENCES t (a)",
        );
        silent_on_columns(
            "a, PRIMARY KEY (a), CHECK (a > 1)",
            "a, CONSTRAINT \"p k\" PRIMARY KEY (a), CONSTRAINT 'c' CHECK (a > 1)",
        );
        silent_on_columns("a, CHECK (a > 1)", "a CONSTRAINT dangling, CHECK (a > 1) CONSTRAINT also");
    }

    #[test]
    fn table_constraints_without_commas() {
        silent_on_columns(
            "a, b, UNIQUE (a), UNIQUE (b), CHECK (a > 1)",
            "a, b, UNIQUE (a) UNIQUE (b) CONSTRAINT c CHECK (a > 1)",
        );
    }

    #[test]
    fn parentheses_that_change_nothing() {
        silent_on_columns("a DEFAULT 1", "a DEFAULT (1)");
        silent_on_columns("a DEFAULT 'x'", "a DEFAULT (('x'))");
        silent_on_columns("a DEFAULT -1", "a DEFAULT (-1)");
        silent_on_columns("a DEFAULT CURRENT_TIMESTAMP", "a DEFAULT (current_timestamp)");
        silent_on_columns("a CHECK (a > 1), b AS (a)", "a CHECK (((a > 1))), b AS ((a))");
        stays_silent(
            &with("CREATE INDEX i ON t (a COLLATE NOCASE DESC)"),
            &with("CREATE INDEX i ON t ((a COLLATE NOCASE) DESC)"),
        );
        stays_silent(
            &with("CREATE INDEX i ON t (lower(a)) WHERE a > 1"),
            &with("CREATE INDEX i ON t ((lower(a))) WHERE (a > 1)"),
        );
    }

    #[test]
    fn a_default_in_every_quoting() {
        for spelling in ["Abc", "\"Abc\"", "[Abc]", "`Abc`", "('Abc')"] {
            silent_on_columns("a DEFAULT 'Abc'", &format!("a DEFAULT {spelling}"));
        }
    }

    #[test]
    fn asc() {
        silent_on_columns("a TEXT PRIMARY KEY, b, UNIQUE (b)", "a TEXT PRIMARY KEY ASC, b, UNIQUE (b ASC)");
        stays_silent(&with("CREATE INDEX i ON t (a)"), &with("CREATE INDEX i ON t (a ASC)"));
    }

    #[test]
    fn collations_that_are_the_columns_own() {
        stays_silent(
            "CREATE TABLE t (a COLLATE NOCASE, b, UNIQUE (a)); CREATE INDEX i ON t (a, b)",
            "CREATE TABLE t (a COLLATE NOCASE, b COLLATE BINARY, UNIQUE (a COLLATE NOCASE)); CREATE INDEX i ON t (a COLLATE nocase, b COLLATE binary)",
        );
    }

    #[test]
    fn the_parent_columns_when_they_are_its_primary_key() {
        let p = "CREATE TABLE p (\"the \"\"id\"\"\" INTEGER PRIMARY KEY);";
        stays_silent(
            &format!("{p} CREATE TABLE t (a REFERENCES p)"),
            &format!("{p} CREATE TABLE t (a REFERENCES p (\"the \"\"id\"\"\"))"),
        );
        let p = "CREATE TABLE p (x, y, PRIMARY KEY (y, x));";
        stays_silent(
            &format!("{p} CREATE TABLE t (a, b, FOREIGN KEY (a, b) REFERENCES p)"),
            &format!("{p} CREATE TABLE t (a, b, FOREIGN KEY (a, b) REFERENCES p (y, x))"),
        );
    }

    #[test]
    fn what_sqlite_does_without_the_words() {
        silent_on_columns("a NOT NULL UNIQUE", "a NOT NULL ON CONFLICT ABORT UNIQUE ON CONFLICT ABORT");
        silent_on_columns("a, b AS (a)", "a, b GENERATED ALWAYS AS (a) VIRTUAL");
        silent_on_columns(
            "a REFERENCES t (a)",
            "a REFERENCES t (a) ON DELETE NO ACTION ON UPDATE NO ACTION NOT DEFERRABLE",
        );
        silent_on_columns("a REFERENCES t (a)", "a REFERENCES t (a) DEFERRABLE INITIALLY IMMEDIATE");
        silent_on_columns("a REFERENCES t (a)", "a REFERENCES t (a) NOT DEFERRABLE INITIALLY DEFERRED");
        silent_on_columns("a", "a NULL");
        stays_silent(
            "CREATE TABLE t (a TEXT PRIMARY KEY) WITHOUT ROWID",
            "CREATE TABLE t (a TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID",
        );
        stays_silent(
            "CREATE TABLE t (a TEXT PRIMARY KEY) STRICT",
            "CREATE TABLE t (a TEXT NOT NULL PRIMARY KEY) STRICT",
        );
        stays_silent(
            "CREATE TABLE t (a INT, PRIMARY KEY (a)) STRICT, WITHOUT ROWID",
            "CREATE TABLE t (a INT, PRIMARY KEY (a)) WITHOUT ROWID, STRICT",
        );
    }

    #[test]
    fn hexadecimal_digits() {
        silent_on_columns("a DEFAULT x'ab'", "a DEFAULT X'AB'");
    }

    #[test]
    fn if_not_exists_and_a_byte_order_mark() {
        let plain = with("CREATE INDEX i ON t (a); CREATE VIEW v AS SELECT a FROM t");
        let report = check(
            &plain,
            &format!(
                "\u{feff}{}",
                plain
                    .replace("TABLE t", "TABLE IF NOT EXISTS t")
                    .replace("INDEX i", "INDEX IF NOT EXISTS main.i")
                    .replace("VIEW v", "VIEW IF NOT EXISTS v")
            ),
        );
        assert_eq!(messages(&report), [""; 0]);
    }

    #[test]
    fn order_of_objects() {
        let (u, i, v) =
            ("CREATE TABLE u (a);", "CREATE INDEX i ON t (a);", "CREATE VIEW v AS SELECT a FROM u;");
        stays_silent(&format!("{T} {u} {i} {v}"), &format!("{u} {v} {T} {i}"));
    }

    #[test]
    fn a_unique_index_that_holds_the_declared_constraint() {
        for (index, declared) in [
            ("CREATE UNIQUE INDEX t_a ON t (a)", "CREATE TABLE t (a TEXT UNIQUE, b TEXT)"),
            (
                "CREATE UNIQUE INDEX t_ab ON t (a, b DESC)",
                "CREATE TABLE t (a TEXT, b TEXT, UNIQUE (a, b DESC))",
            ),
            (
                "CREATE UNIQUE INDEX t_a ON t (a COLLATE NOCASE)",
                "CREATE TABLE t (a TEXT, b TEXT, UNIQUE (a COLLATE NOCASE))",
            ),
        ] {
            let report = check(&with(index), declared);
            assert_eq!(messages(&report), [""; 0]);
            assert_eq!(report.live, report.declared);
        }
    }

    #[test]
    fn a_constraint_does_not_hold_the_declared_unique_index() {
        let expected = ["table t: UNIQUE (a) is not declared", "index t_a is missing"];
        let declared = with("CREATE UNIQUE INDEX t_a ON t (a)");
        assert_eq!(messages(&check("CREATE TABLE t (a TEXT UNIQUE, b TEXT)", &declared)), expected);
    }
}

#[test]
fn the_order_of_columns_is_a_note_or_a_difference() {
    let (live, declared) = ("CREATE TABLE t (a, b, c)", "CREATE TABLE t (c, a, b)");
    let sentence = "table t: the order of columns is (a, b, c), declared is (c, a, b)";
    let report = check(live, declared);
    assert_eq!((report.outcome, messages(&report)), (Outcome::InSync, vec![]));
    assert_eq!(report.notes, [sentence]);
    let report = check_with(live, declared, ColumnOrder::Exact);
    assert_eq!((report.outcome, messages(&report)), (Outcome::Planned, vec![sentence]));
    assert_eq!(report.notes, [""; 0]);
}

#[test]
fn a_column_more_or_less_is_no_other_order() {
    for order in [ColumnOrder::Report, ColumnOrder::Exact] {
        let report = check_with("CREATE TABLE t (a, b)", "CREATE TABLE t (a, x, b)", order);
        assert_eq!((messages(&report), report.notes.len()), (vec!["column t.x is missing"], 0));
        let report = check_with("CREATE TABLE t (a, x, b)", "CREATE TABLE t (a, b)", order);
        assert_eq!((messages(&report), report.notes.len()), (vec!["column t.x is not declared"], 0));
    }
}

#[test]
fn text_that_cannot_be_cut_is_compared_as_it_is_written() {
    // DEFERRABLE on one column belongs to the key of another.
    let odd = "a REFERENCES t (a), b TEXT DEFERRABLE INITIALLY DEFERRED";
    silent_on_columns(odd, &odd.replace(' ', "  /* */ "));
    notices_column(odd, &odd.replace("TEXT", "BLOB"), &["table t differs in its text"]);
    notices_column(odd, &odd.replace("DEFERRED", "IMMEDIATE"), &["table t differs in its text"]);
}
