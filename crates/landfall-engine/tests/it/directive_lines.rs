//! Which column a `-- @` comment at the end of a line belongs to: the last that begins before it on that line.

use crate::support::Bench;
use landfall_engine::ErrorKind;

/// Where the old column `name` is the directive's, its value goes along under the new name.
const OLD: &str = "CREATE TABLE p (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO p VALUES (1, 'kept')";

#[test]
fn renamed_on_a_line_with_two_columns_belongs_to_the_last_of_them() {
    let bench = Bench::new(OLD);
    bench.reaches("CREATE TABLE p(id INTEGER PRIMARY KEY, title TEXT -- @renamed from=name\n);");
    assert_eq!(bench.query("SELECT title FROM p"), "kept");
}

#[test]
fn a_directive_belongs_to_the_last_column_that_begins_before_it() {
    for lines in [
        "id INTEGER PRIMARY KEY,\n  title TEXT -- @renamed from=name\n);",
        "id INTEGER PRIMARY KEY, title TEXT, -- @renamed from=name\n  more TEXT\n);",
        "id INTEGER PRIMARY KEY, title TEXT); -- @renamed from=name",
        "id INTEGER PRIMARY KEY, title TEXT) -- @renamed from=name\n;",
        "id INTEGER PRIMARY KEY,\n  title TEXT) STRICT; -- @renamed from=name",
        "id INTEGER PRIMARY KEY, title TEXT, UNIQUE (title) -- @renamed from=name\n);",
        "id INTEGER PRIMARY KEY\n  , title TEXT -- @renamed from=name\n  , more TEXT\n);",
        "id INTEGER PRIMARY KEY, title -- @renamed from=name\n  TEXT NOT NULL, more TEXT\n);",
        "id INTEGER PRIMARY KEY,\n  title TEXT\n    CHECK (title <> '') -- @renamed from=name\n);",
        "id INTEGER PRIMARY KEY,\n  title TEXT\n    -- @renamed from=name\n    CHECK (title <> '')\n);",
        "id INTEGER PRIMARY KEY,\n  title TEXT DEFAULT 'two\n  lines' -- @renamed from=name\n);",
        "id INTEGER PRIMARY KEY /* \n */, title TEXT -- @renamed from=name\n);",
    ] {
        let bench = Bench::new(OLD);
        let new = format!("CREATE TABLE p ({lines}");
        bench.reaches(&new);
        assert_eq!(bench.query("SELECT title FROM p"), "kept", "{new}");
    }
    let bench = Bench::new(
        "CREATE VIRTUAL TABLE f USING fts5 (id, name); INSERT INTO f (rowid, id, name) VALUES (1, 'a', 'kept')",
    );
    bench.reaches("CREATE VIRTUAL TABLE f USING fts5 (id, title, prefix = '2 3'); -- @renamed from=name");
    assert_eq!(bench.query("SELECT id, title FROM f"), "a|kept");
}

#[test]
fn a_directive_on_a_line_of_no_column_is_refused_with_its_line() {
    for (line, lines) in [
        // Alone on a line: the column before it, or the one behind.
        (3, "id INTEGER PRIMARY KEY,\n  title TEXT,\n  -- @renamed from=name\n  more TEXT\n);"),
        (3, "id INTEGER PRIMARY KEY,\n  title TEXT\n  -- @renamed from=name\n);"),
        // Behind punctuation alone.
        (3, "id INTEGER PRIMARY KEY,\n  title TEXT\n  , -- @renamed from=name\n  more TEXT\n);"),
        (
            2,
            "id INTEGER PRIMARY KEY, title TEXT /* what it is, \n it is */ , -- @renamed from=name\n  more TEXT\n);",
        ),
        (3, "id INTEGER PRIMARY KEY,\n  title TEXT\n); -- @renamed from=name"),
        (3, "id INTEGER PRIMARY KEY,\n  title TEXT\n) STRICT; -- @renamed from=name"),
        // Behind a constraint of the table, or what comes before its columns.
        (3, "id INTEGER PRIMARY KEY,\n  title TEXT,\n  UNIQUE (title) -- @renamed from=name\n);"),
        (1, " -- @renamed from=name\n  id INTEGER PRIMARY KEY,\n  title TEXT\n);"),
        // Behind another statement on the same line.
        (1, "id INTEGER PRIMARY KEY, title TEXT); CREATE INDEX i ON p (title); -- @renamed from=name"),
        // Between a table and its semicolon is on no line before a table.
        (3, "id INTEGER PRIMARY KEY, title TEXT\n)\n-- @renamed from=name\n; CREATE TABLE q (a);"),
    ] {
        let error = Bench::new(OLD).refuses(&format!("CREATE TABLE p ({lines}"));
        assert_eq!(error.kind, ErrorKind::Schema, "{error}");
        let place = format!("schema.sql:{line}:");
        assert!(error.message.starts_with(&place), "{lines}\n{error}");
        assert!(error.message.contains("stands neither on the line of a column nor"), "{lines}\n{error}");
        assert!(error.remedy.starts_with("move it to the end of the line of the column"), "{lines}\n{error}");
    }
}

#[test]
fn using_and_dropped_follow_the_same_rule() {
    let bench = Bench::new(
        "CREATE TABLE p (id INTEGER PRIMARY KEY, name TEXT, fax TEXT); INSERT INTO p VALUES (1, 'kept', '5')",
    );
    bench.reaches("CREATE TABLE p (id INTEGER PRIMARY KEY, name TEXT, upper_name TEXT -- @using upper(name)\n  -- @dropped fax\n);");
    assert_eq!(bench.query("SELECT * FROM p"), "1|kept|KEPT");
    let bench = Bench::new(OLD);
    bench.reaches("CREATE TABLE p (id INTEGER PRIMARY KEY); -- @dropped name");
    assert_eq!(bench.query("SELECT * FROM p"), "1");
}
