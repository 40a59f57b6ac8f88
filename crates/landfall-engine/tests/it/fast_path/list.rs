//! Every entry of the closed list, in every mode.

use super::*;
use crate::support::MODES;

/// A row without values, but for what is named.
const NULL_A: &str = "INSERT INTO t (k, a) VALUES (901, NULL)";
const MINUS_A: &str = "INSERT INTO t (k, a) VALUES (901, -1)";
const NO_PARENT: &str = "INSERT INTO t (k, p) VALUES (901, 99)";

#[test]
fn not_null_comes_with_a_scan_and_goes_by_itself() {
    let plain = || t(&[]);
    let not_null = || t(&["a INTEGER NOT NULL"]);
    all([
        case("NOT NULL comes", plain(), not_null(), [SCAN; 2]).denies(NULL_A),
        case("NOT NULL goes", not_null(), plain(), [NATIVE; 2]).allows(NULL_A),
        case(
            "NOT NULL gets a conflict clause",
            not_null(),
            t(&["a INTEGER NOT NULL ON CONFLICT IGNORE"]),
            [EDIT; 2],
        )
        .allows(NULL_A),
        case("NOT NULL of a column in no row", plain(), not_null(), [SCAN; 2])
            .rows("SELECT 1")
            .denies(NULL_A),
    ]);
}

#[test]
fn checks_come_with_a_scan_and_go_by_name_or_by_an_edit() {
    let named = || t(&["CONSTRAINT positive CHECK (a >= 0)"]);
    all([
        case("CHECK comes", t(&[]), t(&["CHECK (a >= 0)"]), [SCAN; 2]).denies(MINUS_A),
        case("CHECK comes on a column", t(&[]), t(&["a INTEGER CHECK (a >= 0)"]), [SCAN; 2]).denies(MINUS_A),
        case("named CHECK comes", t(&[]), named(), [SCAN; 2]).denies(MINUS_A),
        case("named CHECK goes", named(), t(&[]), [NATIVE; 2]).allows(MINUS_A),
        case("CHECK without a name goes", t(&["CHECK (a >= 0)"]), t(&[]), [EDIT; 2]).allows(MINUS_A),
        case("CHECK changes", named(), t(&["CONSTRAINT positive CHECK (a >= -1)"]), [SCAN; 2])
            .allows(MINUS_A)
            .denies("INSERT INTO t (k, a) VALUES (901, -2)"),
        case("CHECK names the rowid", t(&[]), t(&["CHECK (rowid < 900)"]), [SCAN; 2]).denies(NULL_A),
        case("two at once", t(&["CHECK (a >= 0)"]), t(&["b TEXT NOT NULL", "CHECK (a < 7)"]), [SCAN; 2])
            .allows("INSERT INTO t (k, a, b) VALUES (901, -1, '')")
            .denies("INSERT INTO t (k, a, b) VALUES (901, 7, '')"),
    ]);
}

#[test]
fn foreign_keys_come_with_a_check_and_go_or_change_by_themselves() {
    let key = |rest: &str| t(&[&format!("CONSTRAINT f FOREIGN KEY (p) REFERENCES p (id){rest}")]);
    let without_name = || t(&["p INTEGER REFERENCES p"]);
    all([
        case("FOREIGN KEY comes", t(&[]), without_name(), [SCAN; 2]).denies(NO_PARENT),
        case("named FOREIGN KEY comes", t(&[]), key(""), [SCAN; 2]).denies(NO_PARENT),
        case("named FOREIGN KEY goes", key(""), t(&[]), [NATIVE; 2]).allows(NO_PARENT),
        case("FOREIGN KEY without a name goes", without_name(), t(&[]), [EDIT; 2]).allows(NO_PARENT),
        case("ON DELETE CASCADE", key(""), key(" ON DELETE CASCADE"), [EDIT; 2])
            .allows("DELETE FROM p WHERE id = 2"),
        case("no ON DELETE CASCADE", key(" ON DELETE CASCADE"), key(""), [EDIT; 2])
            .denies("DELETE FROM p WHERE id = 2"),
        case("ON UPDATE SET NULL", key(""), key(" ON UPDATE SET NULL"), [EDIT; 2])
            .allows("UPDATE p SET id = 9 WHERE id = 2"),
        case("DEFERRABLE", key(""), key(" DEFERRABLE INITIALLY DEFERRED"), [EDIT; 2])
            .allows("INSERT INTO t (k, p) VALUES (901, 99); INSERT INTO p VALUES (99, 'q')"),
    ]);
}

/// A sample of each would hold children without their parents.
#[test]
fn a_key_to_a_parent_with_more_rows_than_a_sample_is_no_violation() {
    let many = |name: &str| {
        format!(
            "WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO {name} SELECT"
        )
    };
    let rows =
        format!("{} i, i, i * 7919 % 5000 + 1 FROM n; {} i, 'x' || i, 0 FROM n", many("t"), many("parents"));
    let parents = "CREATE TABLE parents (id INTEGER PRIMARY KEY, x TEXT UNIQUE, n INTEGER);";
    let old = "CREATE TABLE t (k INTEGER PRIMARY KEY, a INTEGER, p INTEGER);";
    for new in [
        "CREATE TABLE t (k INTEGER PRIMARY KEY, a INTEGER, p INTEGER REFERENCES parents)",
        "CREATE TABLE t (k INTEGER PRIMARY KEY, a INTEGER, p INTEGER, x TEXT NOT NULL REFERENCES parents (x) DEFAULT 'x77')",
        "CREATE TABLE t (k INTEGER PRIMARY KEY, a INTEGER, p INTEGER,\n x TEXT REFERENCES parents (x) -- @using 'x' || p\n)",
    ] {
        for mode in MODES {
            let bench = Bench::new(&format!("{parents} {old} {rows}")).with(|s| s.fast_path = mode);
            bench.reaches(&format!("{parents} {new};"));
            assert_eq!(bench.query("SELECT count(*) FROM pragma_foreign_key_check"), "0");
        }
    }
}

#[test]
fn what_is_only_a_word_is_an_edit() {
    let unique = |conflict: &str| t(&[&format!("b TEXT UNIQUE{conflict}")]);
    all([
        case(
            "type names",
            t(&[]),
            t(&["a BIGINT", "b VARCHAR(20)", "c DOUBLE PRECISION", "p INT8"]),
            [EDIT; 2],
        ),
        case("UNIQUE ON CONFLICT", unique(""), unique(" ON CONFLICT REPLACE"), [EDIT; 2])
            .allows("INSERT INTO t (k, b) VALUES (901, 'B1')"),
        case("PRIMARY KEY ON CONFLICT", t(&[]), t(&["k INTEGER PRIMARY KEY ON CONFLICT IGNORE"]), [EDIT; 2])
            .allows("INSERT INTO t (k) VALUES (3)"),
        case(
            "comments and layout",
            t(&[]),
            t(&["a INTEGER -- not null, check (\n", "p INTEGER /* , ) */"]),
            [Same; 2],
        )
        .off(Same),
    ]);
}

#[test]
fn a_default_changes_by_an_edit_and_rows_that_hold_the_old_one_are_written_out() {
    let default = |value: &str| t(&[&format!("a INTEGER DEFAULT {value}")]);
    let rows = "INSERT INTO t (k) VALUES (3); UPDATE t SET a = 8";
    all([
        case("no row holds it", default("70"), default("71"), [SCAN; 2]).allows(
            &("INSERT INTO t (k) VALUES (901); ".to_owned() + &holds("(SELECT a FROM t WHERE k = 901) = 71")),
        ),
        case("rows hold it", default("5"), default("71"), [WIDEN; 2]),
        case("comes", t(&[]), default("71"), [SCAN; 2]),
        case("comes where there are NULLs", t(&[]), t(&["b TEXT DEFAULT 'x'"]), [WIDEN; 2]).rows(rows),
        case("goes", default("5"), t(&[]), [WIDEN; 2]),
        case("of the rowid", t(&["k INTEGER DEFAULT 5 PRIMARY KEY"]), t(&[]), [EDIT; 2]),
        case("to what is not constant", default("70"), default("(abs(-5))"), [SCAN; 2]),
        case("from what is not constant", default("(abs(-5))"), default("70"), [Rewrite; 2]),
    ]);
}

#[test]
fn columns_are_added_natively_where_old_rows_read_what_is_declared() {
    let adds = |column: &str| t(&[column]);
    all([
        case("constant", t(&[]), adds("s TEXT NOT NULL DEFAULT 'x'"), [NATIVE; 2]).off(NATIVE),
        case("without a default", t(&[]), adds("s TEXT"), [NATIVE; 2]).off(NATIVE),
        case("VIRTUAL", t(&[]), adds("g INTEGER AS (a * 2)"), [NATIVE; 2]).off(NATIVE),
        case("STORED", t(&[]), adds("g INTEGER AS (a * 2) STORED"), [Rewrite; 2]),
        case(
            "and a CHECK elsewhere",
            t(&[]),
            t(&["s TEXT DEFAULT 'x'", "CHECK (a >= 0)"]),
            [Native(CostClass::Scan); 2],
        )
        .denies(MINUS_A),
        case("and a type name elsewhere", t(&[]), t(&["a BIGINT", "s TEXT DEFAULT 'x'"]), [EDIT; 2]),
    ]);
}

#[test]
fn a_virtual_expression_needs_its_indexes_again() {
    let virtual_ = |n: u8| t(&[&format!("g INTEGER AS (a * {n})")]);
    all([
        case("not in an index", virtual_(2), virtual_(3), [EDIT; 2]),
        case("in an index", virtual_(2), virtual_(3), [Rewrite, SCAN]).rest("CREATE INDEX t_g ON t (g);"),
        case("in the condition of an index", virtual_(2), virtual_(3), [Rewrite, SCAN])
            .rest("CREATE INDEX t_a ON t (a) WHERE g > 4;"),
        case("in an expression of an index", virtual_(2), virtual_(3), [Rewrite, SCAN])
            .rest("CREATE INDEX t_a ON t (g + 1);"),
        case(
            "in a CHECK",
            t(&["g AS (a * 2)", "CHECK (g < 99)"]),
            t(&["g AS (a * 3)", "CHECK (g < 99)"]),
            [Rewrite; 2],
        ),
        case(
            "in another column",
            t(&["g AS (a * 2)", "h AS (g) STORED"]),
            t(&["g AS (a * 3)", "h AS (g) STORED"]),
            [Rewrite; 2],
        ),
    ]);
}

#[test]
fn stored_columns_become_plain_and_plain_ones_stored_where_they_hold_the_expression() {
    let stored = || t(&["g INTEGER AS (a * 2) STORED"]);
    let plain = || t(&["g INTEGER"]);
    let equal = "INSERT INTO t (k, a, g) VALUES (3, 1, 2), (6, 5, 10), (9, NULL, NULL)";
    all([
        case("STORED to plain", stored(), plain(), [EDIT; 2]).allows("UPDATE t SET g = 5"),
        case("plain to STORED", plain(), stored(), [SCAN; 2]).rows(equal).denies("UPDATE t SET g = 5"),
        case("STORED expression", stored(), t(&["g INTEGER AS (a * 3) STORED"]), [Rewrite; 2]),
        case("STORED to VIRTUAL", stored(), t(&["g INTEGER AS (a * 2)"]), [Rewrite; 2]),
        case("VIRTUAL to STORED", t(&["g INTEGER AS (a * 2)"]), stored(), [Rewrite; 2]),
    ]);
}

#[test]
fn a_collation_changes_with_the_indexes_over_it() {
    let rows = "WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
        INSERT INTO t (k, b) SELECT i, iif(i % 2, 'B', 'b') || (i / 3) || iif(i % 5, '', ' ') FROM n";
    let nocase = || t(&["b TEXT COLLATE NOCASE"]);
    all([
        case("an index that is declared anew", t(&[]), nocase(), [SCAN; 2]).rows(rows),
        case("no index", t(&[]), nocase(), [EDIT; 2]).rows(rows).rest(""),
        case("an index with another collation", t(&[]), nocase(), [Rewrite, SCAN])
            .rows(rows)
            .rest("CREATE INDEX t_b ON t (b COLLATE RTRIM);"),
        case("an expression", t(&[]), nocase(), [Rewrite, SCAN])
            .rows(rows)
            .rest("CREATE INDEX t_e ON t (b = 'B1');"),
        case("a condition", t(&[]), nocase(), [Rewrite, SCAN])
            .rows(rows)
            .rest("CREATE INDEX t_e ON t (a) WHERE b < 'B2';"),
        case("a key", t(&["b TEXT UNIQUE"]), t(&["b TEXT COLLATE RTRIM UNIQUE"]), [Rewrite, SCAN])
            .denies("INSERT INTO t (b) VALUES ('B1 ')"),
        case(
            "a key that would repeat",
            t(&["b TEXT UNIQUE"]),
            t(&["b TEXT COLLATE NOCASE UNIQUE"]),
            [Refused; 2],
        )
        .rows("INSERT INTO t (b) VALUES ('x'), ('X')")
        .off(Refused),
        case(
            "a CHECK",
            t(&["b TEXT CHECK (b > '')"]),
            t(&["b TEXT COLLATE NOCASE CHECK (b > '')"]),
            [Rewrite; 2],
        ),
    ]);
}

#[test]
fn strict_comes_with_a_check_and_goes_by_itself() {
    let strict = |items: &[&str]| t(items) + " STRICT";
    let typed = "INSERT INTO t (k, a) VALUES (901, 'x')";
    all([
        case("STRICT comes", t(&[]), strict(&[]), [SCAN; 2]).denies(typed),
        case("STRICT goes", strict(&[]), t(&[]), [EDIT; 2]).allows(typed),
        case("STRICT goes from ANY", strict(&["a ANY"]), t(&["a ANY"]), [Rewrite; 2]),
        case("STRICT comes to ANY", t(&["a ANY"]), strict(&["a ANY"]), [Rewrite; 2]),
        case("BLOB to ANY", strict(&["a BLOB"]), strict(&["a ANY"]), [Rewrite; 2])
            .rows("INSERT INTO t (k, a) VALUES (1, x'00')"),
        case("ANY to BLOB", strict(&["a ANY"]), strict(&["a BLOB"]), [Rewrite; 2])
            .rows("INSERT INTO t (k, a) VALUES (1, x'00')"),
    ]);
}

#[test]
fn autoincrement_comes_and_goes_with_its_mark() {
    let auto = || t(&["k INTEGER PRIMARY KEY AUTOINCREMENT"]);
    let none = "SELECT 1";
    let negative = "INSERT INTO t (k) VALUES (-5), (-9)";
    let twice = "INSERT INTO t (a) VALUES (1); DELETE FROM t WHERE k > 120; INSERT INTO t (a) VALUES (1);";
    let after = &format!("{twice} {}", holds("(SELECT max(k) FROM t) = 122"));
    let others = "CREATE TABLE log (what); CREATE TABLE other (id INTEGER PRIMARY KEY AUTOINCREMENT);";
    all([
        case("comes", t(&[]), auto(), [Rewrite, EDIT]).allows(after),
        case("comes where others have one", t(&[]), auto(), [Rewrite, EDIT]).rest(others).allows(after),
        case("comes to no rows", t(&[]), auto(), [Rewrite, EDIT]).rows(none),
        case("comes to rows below zero", t(&[]), auto(), [Rewrite, EDIT]).rows(negative),
        case("goes", auto(), t(&[]), [Rewrite, EDIT]),
        case("goes from no rows", auto(), t(&[]), [Rewrite, EDIT]).rows(none),
        case("goes from an emptied table", auto(), t(&[]), [Rewrite, EDIT])
            .rows("INSERT INTO t (k) VALUES (70); DELETE FROM t"),
    ]);
}

#[test]
fn unique_comes_and_goes_with_its_index() {
    let unique = || t(&["b TEXT UNIQUE"]);
    let repeated = "INSERT INTO t (k, b) VALUES (901, 'B1')";
    let two = || t(&["b TEXT UNIQUE", "UNIQUE (a, k)"]);
    all([
        case("comes", t(&[]), unique(), [Rewrite, SCAN]).denies(repeated),
        case("goes", unique(), t(&[]), [Rewrite, EDIT]).allows(repeated),
        case("a second comes", unique(), two(), [Rewrite, SCAN]).denies(repeated),
        case("the second goes", two(), unique(), [Rewrite, EDIT]).denies(repeated),
        case("the first goes", two(), t(&["UNIQUE (a, k)"]), [Rewrite; 2]).allows(repeated),
        case("the first comes", t(&["UNIQUE (a, k)"]), two(), [Rewrite; 2]).denies(repeated),
        case("another", unique(), t(&["UNIQUE (b COLLATE NOCASE, a DESC)"]), [Rewrite, SCAN])
            .allows(repeated),
        case(
            "over a generated column",
            t(&["g AS (k + 1)"]),
            t(&["g AS (k + 1)", "UNIQUE (g)"]),
            [Rewrite, SCAN],
        )
        .denies("UPDATE t SET k = -k WHERE k > 900; INSERT INTO t (k, b) VALUES (901, 1), (901, 1)"),
        case("comes where values repeat", t(&[]), t(&["a INTEGER UNIQUE"]), [Refused; 2]).off(Refused),
    ]);
}

#[test]
fn an_affinity_changes_where_no_value_would() {
    let to_integer = || t(&["b INTEGER"]);
    let words = "INSERT INTO t (k, b) VALUES (1, 'a7'), (2, 'x'), (3, NULL), (4, x'31')";
    let no_numbers = "INSERT INTO t (k, a) VALUES (1, 'x'), (2, NULL), (3, x'00')";
    let plain = "CREATE INDEX t_c ON t (c, a);";
    all([
        case("TEXT to INTEGER", t(&[]), to_integer(), [Rewrite, SCAN]).rows(words),
        case("TEXT to INTEGER, no index", t(&[]), to_integer(), [SCAN; 2]).rows(words).rest(""),
        case("INTEGER to TEXT", t(&[]), t(&["a TEXT"]), [Rewrite, SCAN]).rows(no_numbers),
        case("INTEGER to TEXT, no index", t(&[]), t(&["a TEXT"]), [SCAN; 2]).rows(no_numbers).rest(""),
        case("REAL to NUMERIC", t(&[]), t(&["c NUMERIC"]), [SCAN; 2])
            .rows("INSERT INTO t (k, c) VALUES (1, 0.5), (2, -2.5), (3, NULL), (4, 'x'), (5, 140737488355328.5), (6, 1e19)"),
        case("INTEGER to REAL", t(&[]), t(&["a REAL"]), [SCAN; 2]),
        case("INTEGER to REAL, up to 2^53", t(&[]), t(&["a REAL"]), [SCAN; 2])
            .rest(plain)
            .rows("INSERT INTO t (k, a) VALUES (1, 9007199254740992), (2, -9007199254740992), (3, 140737488355328), (4, 'x'), (5, 1.5)"),
    ]);
}

#[test]
fn columns_are_dropped_natively_and_no_later_column_reads_what_they_held() {
    let later = &format!(
        "ALTER TABLE t ADD COLUMN later TEXT DEFAULT 'clean'; {}",
        holds("(SELECT count(*) FROM t WHERE later IS NOT 'clean') = 0")
    );
    let without = |name: &str| {
        let columns: Vec<_> = BASE.into_iter().filter(|column| !column.starts_with(name)).collect();
        format!("CREATE TABLE t ({})", columns.join(", "))
    };
    all([
        case("the last", t(&[]), without("p "), [Native(CostClass::Rewrite); 2]).allows(later),
        case(
            "one in the middle, and a type name",
            t(&[]),
            without("p ").replace("a INTEGER", "a INT"),
            [WIDEN; 2],
        )
        .allows(later),
        case("a VIRTUAL one", t(&["g AS (a * 2)"]), t(&[]), [NATIVE; 2]).allows(later),
    ]);
}
