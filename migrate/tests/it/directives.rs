//! What the `-- @` comments do, and when they have nothing left to do.

use crate::support::Bench;

fn notes(old: &str, new: &str) -> Vec<String> {
    let bench = Bench::new(old);
    let notes = bench.migrate(new).unwrap().notes;
    // Again when all is done: then every directive is idle.
    let idle = bench.migrate(new).unwrap().notes;
    assert_eq!(idle.len(), new.matches("-- @").count(), "{idle:?}");
    notes
}

fn removable(line: usize, object: &str) -> String {
    format!("the directive on line {line} ({object}) has nothing left to do and can be removed")
}

#[test]
fn a_directive_with_nothing_left_to_do_is_told_as_removable() {
    let old = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)";
    let idle = "-- @dropped table gone
        -- @renamed from=older
        CREATE TABLE t (
            id INTEGER PRIMARY KEY,
            -- @dropped lost
            a TEXT, -- @renamed from=b
            c TEXT
        );";
    assert_eq!(
        notes(old, idle),
        [removable(2, "t"), removable(6, "t.a"), removable(5, "t.lost"), removable(1, "gone")]
    );
    // One that acts is not removable yet.
    assert_eq!(notes(old, "CREATE TABLE t (id INTEGER PRIMARY KEY,\n b TEXT -- @renamed from=a\n)"), [""; 0]);
    // A type of the same affinity needs no new value.
    let using = "CREATE TABLE t (id INTEGER PRIMARY KEY,\n a VARCHAR(9) -- @using upper(a)\n)";
    assert_eq!(notes(old, using), [removable(2, "t.a")]);
}

#[test]
fn on_a_table_that_is_new_every_directive_is_removable() {
    let new = "CREATE TABLE t (
            -- @dropped lost
            a TEXT, -- @renamed from=b
            c TEXT -- @using 'x'
        );";
    assert_eq!(notes("", new), [removable(2, "t"), removable(3, "t"), removable(4, "t")]);
}

#[test]
fn a_rename_with_a_value_takes_both() {
    let bench = Bench::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, z TEXT); INSERT INTO t VALUES (1, 'x', 'keep')",
    );
    bench.reaches(
        "CREATE TABLE t (
            id INTEGER PRIMARY KEY,
            b INTEGER, -- @renamed from=a
            -- @dropped y
            z TEXT
        );",
    );
    assert_eq!(bench.query("SELECT b, z FROM t"), "x|keep");
    let bench = Bench::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, o TEXT); INSERT INTO t VALUES (1, '12', 'other')",
    );
    bench.reaches(
        "CREATE TABLE t (
            id INTEGER PRIMARY KEY,
            b INTEGER -- @renamed from=a
              CHECK (b > 0), -- @using CAST(a AS INTEGER) * 2
            p TEXT -- @renamed from=o
        );",
    );
    assert_eq!(bench.query("SELECT b, p FROM t"), "24|other");
}

#[test]
fn a_renamed_parent_and_its_renamed_key_take_the_children_along() {
    let bench = Bench::new(
        "CREATE TABLE p (id INTEGER PRIMARY KEY, code TEXT UNIQUE); CREATE TABLE c (p TEXT REFERENCES p (code) ON DELETE CASCADE);
         INSERT INTO p VALUES (1, 'x'); INSERT INTO c VALUES ('x')",
    );
    bench.reaches(
        "-- @renamed from=p
         CREATE TABLE q (id INTEGER PRIMARY KEY,
           name TEXT UNIQUE -- @renamed from=code
         );
         CREATE TABLE c (p TEXT REFERENCES q (name) ON DELETE CASCADE);",
    );
    assert_eq!(bench.query("SELECT * FROM pragma_foreign_key_check"), "");
    let conn = bench.open();
    conn.execute_batch("PRAGMA foreign_keys = ON; DELETE FROM q").unwrap();
    assert_eq!(bench.query("SELECT count(*) FROM c"), "0");
}

#[test]
fn using_acts_only_on_a_new_affinity_or_a_new_not_null() {
    let old = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, '5')";
    for (column, expected) in [
        ("a TEXT", "5"),
        ("a VARCHAR(9)", "5"),
        ("a TEXT COLLATE NOCASE", "5"),
        ("a TEXT NOT NULL", "new"),
        ("a INTEGER", "new"),
    ] {
        let bench = Bench::new(old);
        bench.reaches(&format!(
            "CREATE TABLE t (id INTEGER PRIMARY KEY,\n {column} -- @using 'new'\n); CREATE TABLE more (x);"
        ));
        assert_eq!(bench.query("SELECT a FROM t"), expected, "{column}");
    }
    // NOT NULL that was there already asks for nothing new.
    let bench =
        Bench::new("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL); INSERT INTO t VALUES (1, '5')");
    bench.reaches(
        "CREATE TABLE t (id INTEGER PRIMARY KEY,\n a TEXT NOT NULL COLLATE NOCASE -- @using 'new'\n)",
    );
    assert_eq!(bench.query("SELECT a FROM t"), "5");
}
