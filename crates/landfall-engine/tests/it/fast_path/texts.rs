//! CREATE texts and names that are hard to read.

use super::*;

#[test]
fn names_with_quotes_blanks_and_other_letter_case_are_found() {
    let old =
        r#"CREATE TABLE "it's ""a"" table" ([a b] INTEGER NOT NULL, "c""d" TEXT DEFAULT 'x', `e``f` REAL)"#;
    let insert = r#"INSERT INTO "it's ""a"" table" VALUES (1, 'x', 2), (2, 'q', 3.5)"#;
    let news = [
        (r#"CREATE TABLE "it's ""a"" table" ([a b] INTEGER, "c""d" TEXT DEFAULT 'x', `e``f` REAL)"#, NATIVE),
        (
            r#"CREATE TABLE "it's ""a"" table" ([a b] BIGINT NOT NULL, "c""d" TEXT DEFAULT 'x', `e``f` REAL)"#,
            EDIT,
        ),
        (
            r#"CREATE TABLE "it's ""a"" table" ([a b] INTEGER NOT NULL, "c""d" TEXT DEFAULT 'y', `e``f` REAL)"#,
            WIDEN,
        ),
        (
            r#"CREATE TABLE "it's ""a"" table" ([a b] INTEGER NOT NULL, "c""d" TEXT DEFAULT 'x', `e``f` REAL, CHECK ("c""d" <> ''))"#,
            SCAN,
        ),
        // SQLite's own row has the other name: a rewrite gives the table its own.
        (
            r#"CREATE TABLE "It's ""a"" Table" ([A b] INT NOT NULL, "c""d" TEXT DEFAULT 'x', `e``f` REAL)"#,
            Rewrite,
        ),
    ];
    for (new, how) in news {
        let bench = Bench::new(&format!("{old}; {insert}"));
        let before = bench.query(r#"SELECT rowid, * FROM "it's ""a"" table""#);
        let report = bench.reaches(new);
        assert_eq!(How::of(report.plan.as_ref()), how, "{new}");
        assert_eq!(bench.query(r#"SELECT rowid, * FROM "it's ""a"" table""#), before, "{new}");
    }
}

#[test]
fn comments_and_strings_in_the_text_hide_nothing() {
    let new = "CREATE TABLE t ( -- ) not this one
        k INTEGER PRIMARY KEY, /* CHECK (a > 5), */
        a BIGINT -- NOT NULL,
          DEFAULT (1 + (2)) /* ; */, b TEXT DEFAULT '-- '' , )', c REAL, -- DEFAULT 5
        p INTEGER -- the end
    )";
    let old = t(&["a INTEGER DEFAULT (1 + (2))", "b TEXT DEFAULT '-- '' , )'"]);
    let edited = case("comments", old, new.to_owned(), [EDIT; 2]);
    edited.check();
    let bench = edited.database("wal");
    bench.reaches(&edited.schema());
    assert_eq!(
        bench.query("SELECT sql FROM sqlite_schema WHERE name = 't'"),
        new,
        "the text is the declared one"
    );
}

#[test]
fn columns_in_another_order_keep_the_one_that_the_rows_have() {
    let new = "CREATE TABLE t (
        p INT, -- the last
        c DOUBLE CHECK (c < 999) /* of c, b TEXT */,
        b TEXT -- of b
          NOT NULL,
        a INTEGER DEFAULT 3, k INTEGER PRIMARY KEY -- the first
        , CHECK (a < 99), UNIQUE (k, a)
    )";
    let old = t(&["a INTEGER DEFAULT 3", "UNIQUE (k, a)"]);
    let case = case("order", old, new.to_owned(), [SCAN; 2]).denies("INSERT INTO t (k) VALUES (901)");
    case.check();
    let bench = case.database("wal");
    let before = bench.query("SELECT * FROM t");
    let report = bench.reaches(&case.schema());
    assert_eq!(report.notes.len(), 1, "{:?}", report.notes);
    assert_eq!(bench.query("SELECT * FROM t"), before);
    assert_eq!(bench.query("SELECT group_concat(name) FROM pragma_table_info('t')"), "k,a,b,c,p");
}

#[test]
fn a_text_of_many_pages_is_edited() {
    let columns =
        |type_: &str| (0..900).map(|at| format!("column_number_{at} {type_}")).collect::<Vec<_>>().join(", ");
    let table = |type_: &str| format!("CREATE TABLE t ({})", columns(type_));
    let bench = Bench::new(&format!("{}; INSERT INTO t (column_number_7) VALUES (5)", table("INTEGER")));
    let report = bench.reaches(&table("BIGINT"));
    assert_eq!(How::of(report.plan.as_ref()), EDIT);
    assert_eq!(bench.query("SELECT column_number_7, column_number_899 FROM t"), "5|NULL");
}

#[test]
fn a_view_or_trigger_that_cannot_be_read_is_in_the_way_of_no_edit() {
    let broken = "CREATE VIEW broken AS SELECT x FROM nowhere; CREATE TABLE log (what);
        CREATE TRIGGER wrong AFTER DELETE ON log BEGIN INSERT INTO nowhere VALUES (1); END;";
    for (old, new, how) in [
        (t(&[]), t(&["a BIGINT"]), EDIT),
        (t(&["a INTEGER NOT NULL"]), t(&[]), NATIVE),
        (t(&[]), t(&["a INTEGER NOT NULL"]), SCAN),
    ] {
        let case = case("broken", old, new, [how; 2]).rest(broken);
        let bench = case.database("wal");
        // Declared texts are executed, and this is none that SQLite refuses.
        let report = bench.reaches(&case.schema());
        assert_eq!(How::of(report.plan.as_ref()), how);
        assert_eq!(bench.query("SELECT count(*) FROM sqlite_schema WHERE name IN ('broken', 'wrong')"), "2");
    }
}

#[test]
fn a_table_without_rowids_is_edited_as_any_other() {
    let table = |items: &str| {
        format!("CREATE TABLE t (k TEXT, n INTEGER, {items}, PRIMARY KEY (n DESC, k)) WITHOUT ROWID")
    };
    let rows = "INSERT INTO t (k, n, a) VALUES ('x', 1, 5), ('y', 1, 6), ('z', 3, NULL)";
    let change = |name, old: &str, new: &str, how| {
        case(name, table(old), table(new), how).rows(rows).rest("CREATE INDEX t_a ON t (a);")
    };
    all([
        change("type name", "a INTEGER", "a BIGINT", [EDIT; 2]),
        change("CHECK", "a INTEGER", "a INTEGER CHECK (a > 0)", [SCAN; 2])
            .denies("INSERT INTO t (k, n, a) VALUES ('q', 9, 0)"),
        change("NOT NULL", "a INTEGER", "a INTEGER NOT NULL", [Refused; 2]).off(Refused),
        change("REAL", "a INTEGER", "a REAL", [SCAN; 2]),
        change("UNIQUE", "a INTEGER", "a INTEGER UNIQUE", [Rewrite; 2])
            .denies("INSERT INTO t (k, n, a) VALUES ('q', 9, 5)"),
        change("no UNIQUE", "a INTEGER UNIQUE", "a INTEGER", [Rewrite; 2])
            .allows("INSERT INTO t (k, n, a) VALUES ('q', 9, 5)"),
    ]);
}
