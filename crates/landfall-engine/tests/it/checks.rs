//! A new CHECK is asked of the values that the declared columns would hold, not of those that the old ones hold.

use landfall_engine::{ErrorKind, HazardName};

use crate::support::everywhere;

/// The type and values of the old column, the declared one, and how many rows break it.
const CONVERTED: [(&str, &str, &str, u64); 11] = [
    ("TEXT", "'10', '9'", "a INTEGER CHECK (a >= 9)", 0),
    ("TEXT", "'5', '10'", "a INTEGER CHECK (a >= 10)", 1),
    ("TEXT", "'5'", "a INTEGER CHECK (typeof(a) = 'integer')", 0),
    ("TEXT", "'5', '7'", "a INTEGER CHECK (typeof(a) = 'text')", 2),
    ("INTEGER", "5, 10", "a TEXT CHECK (a < '6')", 0),
    ("INTEGER", "5, 10", "a TEXT CHECK (a < 6)", 0),
    ("INTEGER", "5, 70", "a TEXT CHECK (a < '6')", 1),
    ("INTEGER", "5", "a REAL CHECK (typeof(a) = 'real')", 0),
    ("TEXT", "'5', '12'", "a INTEGER CHECK (a IN (5, 6))", 1),
    ("TEXT", "'5', '10'", "a INTEGER, b TEXT DEFAULT 7, CHECK (a < b)", 1),
    ("TEXT", "'5', '10'", "a INTEGER, b AS (a + 1), CHECK (b > 9)", 1),
];

#[test]
fn a_check_is_asked_of_converted_values() {
    for (type_, values, declared, broken) in CONVERTED {
        let rows: String =
            values.split(", ").enumerate().map(|(id, value)| format!(", ({id}, {value})")).collect();
        let old = format!(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a {type_}); INSERT INTO t VALUES {}",
            &rows[1..]
        );
        for bench in everywhere(&old) {
            let new = format!("CREATE TABLE t (id INTEGER PRIMARY KEY, {declared})");
            if broken == 0 {
                bench.reaches(&new);
                continue;
            }
            let error = bench.refuses(&new);
            assert_eq!(error.kind, ErrorKind::Hazard, "{declared}: {error}");
            let hazards: Vec<_> = error.report.as_ref().unwrap().hazards().collect();
            let [hazard] = hazards.as_slice() else { panic!("{declared}: {error}") };
            assert_eq!(
                (hazard.name, hazard.rows),
                (HazardName::ViolatedConstraint, Some(broken)),
                "{declared}: {error}"
            );
        }
    }
}

/// A new column, and whether its DEFAULT breaks it.
const NEW: [(&str, bool); 8] = [
    ("n TEXT DEFAULT 5 CHECK (typeof(n) = 'text')", false),
    ("n INTEGER DEFAULT '5' CHECK (typeof(n) = 'integer')", false),
    ("n INTEGER DEFAULT '5' CHECK (n < 6)", false),
    ("n TEXT DEFAULT 50 CHECK (n > 6)", true),
    ("n REAL DEFAULT 5 CHECK (typeof(n) = 'integer')", true),
    ("n TEXT DEFAULT 5 CHECK (n <> '5')", true),
    ("n TEXT COLLATE NOCASE DEFAULT 'A' CHECK (n = 'a')", false),
    ("n TEXT DEFAULT 'A' CHECK (n = 'a')", true),
];

#[test]
fn a_check_is_asked_of_the_value_that_a_default_becomes() {
    for (declared, broken) in NEW {
        for bench in everywhere("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)") {
            let new = format!("CREATE TABLE t (id INTEGER PRIMARY KEY, {declared})");
            if broken {
                let error = bench.refuses(&new);
                let hazards: Vec<_> = error.report.as_ref().unwrap().hazards().collect();
                let [hazard] = hazards.as_slice() else { panic!("{declared}: {error}") };
                assert_eq!(
                    (hazard.name, hazard.rows),
                    (HazardName::ViolatedConstraint, Some(2)),
                    "{declared}: {error}"
                );
            } else {
                bench.reaches(&new);
            }
        }
    }
}
