//! The fingerprint is compared across releases: a value for each feature of a schema, pinned. One that differs here needs another
//! version in front of all of them (`crates/landfall-engine/src/fingerprint.rs`).

use landfall_engine::fingerprint::{Likeness, likeness, short, short_digits};

use crate::support::Bench;

fn fingerprint(schema: &str) -> String {
    Bench::new("")
        .declared(schema)
        .unwrap_or_else(|error| panic!("{error}\n{schema}"))
        .fingerprint()
        .to_owned()
}

/// What it is of, a schema, and the first digits of its fingerprint.
const PINNED: &[(&str, &str, &str)] = &[
    ("a table", "CREATE TABLE t (a)", "0057fb82b197"),
    ("a type", "CREATE TABLE t (a VARCHAR(10))", "d6e6d626cfcd"),
    ("NOT NULL", "CREATE TABLE t (a TEXT NOT NULL)", "aa862d61335d"),
    ("NOT NULL ON CONFLICT", "CREATE TABLE t (a TEXT NOT NULL ON CONFLICT IGNORE)", "118dd7835c74"),
    ("DEFAULT", "CREATE TABLE t (a TEXT DEFAULT 'it''s')", "d5cc7b0b3a39"),
    ("DEFAULT, an expression", "CREATE TABLE t (a TEXT DEFAULT (1 + 2))", "498fa91a5135"),
    ("COLLATE", "CREATE TABLE t (a TEXT COLLATE nocase)", "efae41c6a049"),
    ("a generated column", "CREATE TABLE t (a, b AS (a + 1))", "36f16f9653b2"),
    ("a stored generated column", "CREATE TABLE t (a, b AS (a + 1) STORED)", "77578c5bfa81"),
    ("CHECK", "CREATE TABLE t (a CHECK (a > 0))", "9bd017a0d0b8"),
    ("PRIMARY KEY", "CREATE TABLE t (a TEXT PRIMARY KEY)", "4709663fcc3a"),
    ("PRIMARY KEY, composite and descending", "CREATE TABLE t (a, b, PRIMARY KEY (b DESC, a))", "2df4574c4212"),
    ("INTEGER PRIMARY KEY", "CREATE TABLE t (a INTEGER PRIMARY KEY)", "4437fdc406da"),
    ("AUTOINCREMENT", "CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT)", "ed5b5803e53b"),
    ("UNIQUE", "CREATE TABLE t (a UNIQUE)", "8ea906b36664"),
    ("UNIQUE ON CONFLICT", "CREATE TABLE t (a, b, UNIQUE (a, b) ON CONFLICT REPLACE)", "94a7c254e382"),
    ("WITHOUT ROWID", "CREATE TABLE t (a TEXT PRIMARY KEY) WITHOUT ROWID", "f0aa8f16f7da"),
    ("STRICT", "CREATE TABLE t (a TEXT) STRICT", "4f5d8ad06b8a"),
    ("a foreign key", "CREATE TABLE p (a INTEGER PRIMARY KEY); CREATE TABLE t (a REFERENCES p)", "feceab951b73"),
    (
        "a foreign key with all its words",
        "CREATE TABLE p (a INTEGER PRIMARY KEY);
         CREATE TABLE t (a REFERENCES p (a) ON DELETE CASCADE ON UPDATE SET NULL MATCH FULL DEFERRABLE INITIALLY DEFERRED)",
        "f2c8555dcbb3",
    ),
    ("an index", "CREATE TABLE t (a, b); CREATE INDEX i ON t (a, b DESC)", "fbba279cb0dc"),
    ("a unique index", "CREATE TABLE t (a); CREATE UNIQUE INDEX i ON t (a COLLATE nocase)", "17443073b589"),
    ("a partial index", "CREATE TABLE t (a); CREATE INDEX i ON t (a) WHERE a > 0", "96f1afc3df44"),
    ("an index on an expression", "CREATE TABLE t (a); CREATE INDEX i ON t (lower(a))", "c8fe91cdce69"),
    ("a view", "CREATE TABLE t (a); CREATE VIEW v AS SELECT a FROM t", "e0c2a895bdfa"),
    (
        "a trigger",
        "CREATE TABLE t (a); CREATE TRIGGER tr AFTER INSERT ON t BEGIN UPDATE t SET a = 1; END",
        "cf2095e9433b",
    ),
    ("a virtual table", "CREATE VIRTUAL TABLE f USING fts5 (a)", "56af9fbd15e6"),
    ("a name that needs quotes", "CREATE TABLE \"a \"\"b' c\" (\"x y\" TEXT)", "771853b7c21d"),
];

#[test]
fn each_feature_has_the_fingerprint_that_it_always_had() {
    let found = PINNED.iter().map(|(what, schema, _)| format!("{} {what}", short(&fingerprint(schema))));
    let pinned = PINNED.iter().map(|(what, _, digits)| format!("v1-{digits} {what}"));
    assert_eq!(found.collect::<Vec<_>>(), pinned.collect::<Vec<_>>());
}

#[test]
fn what_is_cosmetic_is_in_no_fingerprint_and_every_feature_is_in_its_own() {
    let one = "CREATE TABLE t (a integer primary key, b Text not null unique); CREATE INDEX i ON t (b)";
    let other = "create table T(/* x */ \"A\" INTEGER, b TEXT NOT NULL, PRIMARY KEY (a), CONSTRAINT u UNIQUE (B));\n\n create index I on T(b)";
    assert_eq!(fingerprint(one), fingerprint(other));
    let mut all: Vec<_> = PINNED.iter().map(|(_, schema, _)| fingerprint(schema)).collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), PINNED.len());
}

#[test]
fn a_plan_has_the_fingerprint_that_it_always_had() {
    let bench = Bench::new("CREATE TABLE t (a TEXT)");
    let declared = bench.declared("CREATE TABLE t (a TEXT, b TEXT)").unwrap();
    let prepared = landfall_engine::prepare(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
    assert_eq!(short(&prepared.report().plan.as_ref().unwrap().fingerprint), "v1-7f0a73927115");
}

#[test]
fn a_fingerprint_of_an_earlier_release_is_incomparable_and_does_not_differ() {
    let now = fingerprint("CREATE TABLE t (a)");
    let before = "5".repeat(64);
    assert_eq!(likeness(&now, &before), Likeness::Incomparable);
    assert_eq!(likeness(&before, &now), Likeness::Incomparable);
    assert_eq!(likeness(&now, &now.replace("v1-", "v2-")), Likeness::Incomparable);
    assert_eq!(likeness(&before, &before), Likeness::Same);
    assert_eq!(likeness(&before, &"6".repeat(64)), Likeness::Other);
    assert_eq!(likeness(&now, &fingerprint("CREATE TABLE t (b)")), Likeness::Other);
    assert_eq!((short(&before), short_digits(&before)), ("555555555555", "555555555555"));
    assert_eq!(short_digits(&now), &short(&now)[3..]);
    assert_eq!((short(""), short("v1-ä"), short_digits("v1-0")), ("", "v1-ä", "0"));
}

#[test]
fn a_fingerprint_has_no_character_that_means_something_in_a_label_a_ref_or_the_name_of_a_file() {
    let found = fingerprint("CREATE TABLE t (a)");
    assert_eq!(found.len(), 67);
    assert!(found.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{found}");
}
