//! What the `-- @` comments do, once; when they have nothing left to do; and where they are refused.

use crate::support::Bench;
use landfall_engine::ErrorKind;

fn idle(old: &str, new: &str) -> Vec<String> {
    let bench = Bench::new(old);
    let found = told(&bench, new);
    // Again when all is done: then every directive is idle.
    assert_eq!(told(&bench, new).len(), new.matches("-- @").count());
    found
}

fn told(bench: &Bench, new: &str) -> Vec<String> {
    let report = bench.migrate(new).unwrap_or_else(|error| panic!("{error}\n{new}"));
    report.idle_directives.into_iter().map(|d| d.message).collect()
}

/// The refusal of a schema for what a directive in it says of the database; nothing is changed.
fn refused(old: &str, new: &str) -> String {
    let error = Bench::new(old).refuses(new);
    assert_eq!(error.kind, ErrorKind::Schema, "{error}");
    error.to_string()
}

#[test]
fn a_directive_with_nothing_left_to_do_is_told_with_its_line() {
    let old = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)";
    let new = "-- @dropped table gone
-- @renamed from=older
CREATE TABLE t (
  id INTEGER PRIMARY KEY,
  -- @dropped lost
  a TEXT, -- @renamed from=b
  c TEXT
);";
    insta::assert_snapshot!(idle(old, new).join("\n"), @"
    schema.sql:1: @dropped table gone (gone) has nothing left to do in this database; take it out once no other database needs it
    schema.sql:2: @renamed from=older (t) has nothing left to do in this database; take it out once no other database needs it
    schema.sql:5: @dropped lost (t.lost) has nothing left to do in this database; take it out once no other database needs it
    schema.sql:6: @renamed from=b (t.a) has nothing left to do in this database; take it out once no other database needs it
    ");
    // One that acts is not idle yet.
    assert_eq!(idle(old, "CREATE TABLE t (id INTEGER PRIMARY KEY,\n b TEXT -- @renamed from=a\n)"), [""; 0]);
}

#[test]
fn in_an_empty_database_every_directive_is_idle() {
    let new = "-- @renamed from=s
        CREATE TABLE t (
            -- @dropped lost
            a TEXT, -- @renamed from=b
            c TEXT, -- @using 'x'
            d TEXT NOT NULL, -- @using coalesce(d, '') for=NOT NULL
            e INTEGER -- @using cast(e AS INTEGER) from=TEXT
        );";
    assert_eq!(idle("", new).len(), 6);
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
              CHECK (b > 0), -- @using CAST(a AS INTEGER) * 2 from=TEXT
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

mod using {
    use super::*;

    const PRICE: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, price REAL); INSERT INTO t VALUES (1, 5.25)";

    fn price(column: &str) -> String {
        format!("CREATE TABLE t (\n  id INTEGER PRIMARY KEY,\n  {column}\n);")
    }

    #[test]
    fn acts_once_on_the_type_that_it_names() {
        let using = "-- @using cast(round(price * 100) AS INTEGER) from=REAL";
        let bench = Bench::new(PRICE);
        assert_eq!(told(&bench, &price(&format!("price INTEGER {using}"))), [""; 0]);
        assert_eq!(bench.query("SELECT price FROM t"), "525");
        // Every later change of the line leaves it alone, and says so.
        for column in ["price INTEGER NOT NULL", "price INTEGER NOT NULL CHECK (price > 0)"] {
            let told = told(&bench, &price(&format!("{column} {using}")));
            assert!(told[0].starts_with("schema.sql:3: @using cast(round(price * 100) AS INTEGER) from=REAL (t.price) has nothing left"), "{told:?}");
            assert_eq!(bench.query("SELECT price FROM t"), "525");
        }
        // A database that is a step behind comes to the same.
        let behind = Bench::new(PRICE);
        behind.reaches(&price(&format!("price INTEGER NOT NULL CHECK (price > 0) {using}")));
        assert_eq!(behind.query("SELECT price FROM t"), "525");
    }

    #[test]
    fn that_does_not_say_what_it_acts_on_is_refused_where_the_column_is_there() {
        let new = price("price INTEGER -- @using cast(round(price * 100) AS INTEGER)");
        insta::assert_snapshot!(refused(PRICE, &new), @"
        schema.sql:3: @using cast(round(price * 100) AS INTEGER) may have acted already: t.price is there, of type REAL, and values must not change twice; nothing was changed
        if it has, take it out; if not, name what it acts on: `-- @using cast(round(price * 100) AS INTEGER) from=REAL`
        ");
        // What is offered works when it is pasted.
        let bench = Bench::new(PRICE);
        bench.reaches(&price("price INTEGER -- @using cast(round(price * 100) AS INTEGER) from=REAL"));
        assert_eq!(bench.query("SELECT price FROM t"), "525");
        // The same of a column that was added by it, when its line changes.
        let bench =
            Bench::new("CREATE TABLE t (id INTEGER PRIMARY KEY, price REAL); INSERT INTO t VALUES (1, 5.25)");
        let added = "price REAL,\n  cents INTEGER -- @using cast(price * 100 AS INTEGER)";
        bench.reaches(&price(added));
        assert_eq!(bench.query("SELECT cents FROM t"), "525");
        let error = bench.refuses(&price(&added.replace("cents INTEGER", "cents INTEGER NOT NULL")));
        assert!(error.message.contains("may have acted already"), "{error}");
        let told = told(
            &bench,
            &price(
                &added
                    .replace("cents INTEGER", "cents INTEGER NOT NULL")
                    .replace("INTEGER)", "INTEGER) from=new"),
            ),
        );
        assert!(told[0].contains("from=new (t.cents) has nothing left to do"), "{told:?}");
        assert_eq!(bench.query("SELECT cents FROM t"), "525");
    }

    #[test]
    fn on_another_type_than_it_names_is_refused() {
        let old = PRICE.replace("REAL", "TEXT");
        insta::assert_snapshot!(refused(&old, &price("price INTEGER -- @using price * 100 from=REAL")), @"
        schema.sql:3: @using price * 100 from=REAL may have acted already: t.price is there, of type TEXT, and values must not change twice; nothing was changed
        if it has, take it out; if not, name what it acts on: `-- @using price * 100 from=TEXT`
        ");
    }

    /// Old table, new column's line, and what the row holds afterwards.
    const RULES: [(&str, &str, &str); 12] = [
        ("a TEXT", "a TEXT NOT NULL -- @using coalesce(a, 'none') for=NOT NULL", "none"),
        ("a INTEGER", "a INTEGER CHECK (a > 0) -- @using coalesce(a, 1) * 2 for=CHECK (a > 0)", "2"),
        ("a INTEGER", "a INTEGER CHECK (\"A\">0) -- @using coalesce(a, 1) * 2 for=check ( A > 0 )", "2"),
        ("a TEXT", "a TEXT UNIQUE -- @using id || '-' for=UNIQUE", "1-"),
        ("a TEXT", "a TEXT, UNIQUE (a, id) -- @using id || '-' for=UNIQUE (a, id)", "1-"),
        ("a TEXT", "a TEXT COLLATE NOCASE -- @using 'x' for=COLLATE nocase", "x"),
        ("a INTEGER", "a INTEGER REFERENCES t (id) -- @using 1 for=REFERENCES t", "1"),
        ("a", "a TEXT -- @using 'x' from=\"\"", "x"),
        ("a DECIMAL(10,2)", "a INTEGER -- @using 7 from=decimal (10, 2)", "7"),
        ("a double precision", "a TEXT -- @using 7 from=DOUBLE PRECISION", "7"),
        ("a TEXT", "a TEXT NOT NULL UNIQUE -- @using id || 'x' for=UNIQUE", "1x"),
        ("a TEXT", "a INTEGER NOT NULL -- @using 3 from=TEXT", "3"),
    ];

    #[test]
    fn acts_for_every_rule_that_the_new_schema_has_and_only_once() {
        for (column, line, value) in RULES {
            let table = |column: &str| format!("CREATE TABLE t (\n  id INTEGER PRIMARY KEY,\n  {column}\n);");
            let bench = Bench::new(&format!("{} INSERT INTO t VALUES (1, NULL)", table(column)));
            bench.reaches(&table(line));
            assert_eq!(bench.query("SELECT a FROM t"), value, "{line}");
            // Another change of the same line: it has acted.
            let (definition, directive) = line.split_once(" -- ").unwrap();
            let (first, rest) = definition.split_once(',').unwrap_or((definition, ""));
            let comma = if rest.is_empty() { "" } else { "," };
            let later = format!("{first} DEFAULT 99 CHECK (a <> 98){comma}{rest} -- {directive}");
            let told = told(&bench, &table(&later));
            assert_eq!((told.len(), bench.query("SELECT a FROM t").as_str()), (1, value), "{later}");
        }
    }

    #[test]
    fn acts_for_strict_and_for_a_unique_index() {
        let bench =
            Bench::new("CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER); INSERT INTO t VALUES (1, 'one')");
        let new =
            "CREATE TABLE t (\n  id INTEGER PRIMARY KEY,\n  a INTEGER -- @using 1 for=STRICT\n) STRICT;";
        bench.reaches(new);
        assert_eq!(bench.query("SELECT a FROM t"), "1");
        let bench = Bench::new(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'x')",
        );
        let new = "CREATE TABLE t (\n  id INTEGER PRIMARY KEY,\n  a TEXT -- @using a || id for=UNIQUE\n); CREATE UNIQUE INDEX i ON t (a);";
        bench.reaches(new);
        assert_eq!(bench.query("SELECT group_concat(a) FROM t"), "x1,x2");
    }

    #[test]
    fn for_what_is_not_declared_or_from_the_declared_type_contradicts_the_schema() {
        let parse = |column: &str| Bench::new("").declared(&price(column)).unwrap_err().to_string();
        insta::assert_snapshot!(parse("price INTEGER -- @using 1 from=integer"), @"
        schema.sql:3: @using 1 from=INTEGER acts on type INTEGER, which is the declared type
        name what the column was before this change: `from=` its old type, `from=new`, or `for=` a rule that is new, such as `for=NOT NULL`
        ");
        insta::assert_snapshot!(parse("price INTEGER -- @using 1 for=NOT NULL"), @"
        schema.sql:3: @using 1 for=NOT NULL is for NOT NULL, which is not declared of this column
        name what the column was before this change: `from=` its old type, `from=new`, or `for=` a rule that is new, such as `for=NOT NULL`
        ");
        insta::assert_snapshot!(parse("price INTEGER AS (id * 2) -- @using 1"), @"
        schema.sql:3: @using 1 is for a generated column, which holds no values
        take it out: a generated column is computed from the others
        ");
        for rule in ["UNIQUE", "CHECK (price > 0)", "STRICT", "COLLATE NOCASE", "REFERENCES t", "PRIMARY KEY"]
        {
            let said = parse(&format!("price INTEGER -- @using 1 for={rule}"));
            assert!(said.contains("which is not declared of this column"), "{said}");
        }
    }

    #[test]
    fn that_names_no_column_in_double_quotes_is_no_text() {
        let new = price("price REAL,\n  label TEXT -- @using \"naem\" || '!'");
        insta::assert_snapshot!(refused(PRICE, &new), @r#"
        schema.sql:4: @using of t.label cannot be evaluated: no such column: "naem" - should this be a string literal in single-quotes?
          "naem" || '!'
        the expression sees the columns of the row as it is before the change
        "#);
    }

    #[test]
    fn that_reads_what_another_one_changes_is_refused() {
        let new = price(
            "price INTEGER, -- @using cast(price * 100 AS INTEGER) from=REAL\n  label TEXT -- @using price || ' EUR'",
        );
        insta::assert_snapshot!(refused(PRICE, &new), @"
        schema.sql:4: @using price || ' EUR' cannot act: it reads t.price, whose values the same change replaces; nothing was changed
        make two changes, one after the other: it is not certain which of its values are meant
        ");
    }

    #[test]
    fn in_a_table_that_is_new_beside_others_is_refused() {
        let old = "CREATE TABLE p (id INTEGER PRIMARY KEY, street TEXT); INSERT INTO p VALUES (1, 'Main St')";
        let new = "CREATE TABLE p (\n  id INTEGER PRIMARY KEY\n  -- @dropped street\n);
CREATE TABLE address (\n  id INTEGER PRIMARY KEY,\n  street TEXT -- @using p.street\n);";
        insta::assert_snapshot!(refused(old, new), @"
        schema.sql:7: @using p.street cannot act: table address is new and has no rows; nothing was changed
        correct the name, or take out the directive
        ");
    }

    #[test]
    fn a_violation_names_the_directive_that_mends_it_and_it_does() {
        let old = "CREATE TABLE p (id INTEGER PRIMARY KEY); INSERT INTO p VALUES (1);
            CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, n INTEGER); INSERT INTO t VALUES (1, 'x', -5), (2, 'x', NULL)";
        let p = "CREATE TABLE p (id INTEGER PRIMARY KEY);";
        let cases = [
            ("a TEXT UNIQUE", "n INTEGER", "", "a || id"),
            ("a TEXT", "n INTEGER CHECK (n > 0)", "", "abs(n)"),
            ("a TEXT", "n INTEGER NOT NULL", "", "coalesce(n, 0)"),
            ("a TEXT", "n INTEGER REFERENCES p (id)", "", "1"),
            ("a INTEGER", "n INTEGER", " STRICT", "7"),
            ("a INTEGER", "n INTEGER", "", "7"),
        ];
        for (a, n, options, value) in cases {
            let old = if options.is_empty() && a == "a INTEGER" {
                old.replace("'x'", "'007'")
            } else {
                old.to_owned()
            };
            let table = |a: &str, n: &str| {
                format!(
                    "{p}\nCREATE TABLE t (\n  id INTEGER PRIMARY KEY,\n  {}{n}\n){options};",
                    a.to_owned() + if a.contains("--") { "\n  , " } else { ",\n  " }
                )
            };
            let error = Bench::new(&old).refuses(&table(a, n));
            let offered = error
                .message
                .split('`')
                .find(|part| part.starts_with("-- @using"))
                .unwrap_or_else(|| panic!("{error}"));
            let line = offered.replace("EXPRESSION", value).replace("coalesce(n, …)", value);
            let (a, n) = if error.message.contains("on the line of a")
                || a.ends_with("INTEGER")
                || a.ends_with("UNIQUE")
            {
                (format!("{a} {line}"), n.to_owned())
            } else {
                (a.to_owned(), format!("{n} {line}"))
            };
            Bench::new(&old).reaches(&table(&a, &n));
        }
    }
}

mod renamed {
    use super::*;

    #[test]
    fn contradictions_are_refused_with_their_line() {
        let parse = |schema: &str| Bench::new("").declared(schema).unwrap_err().to_string();
        insta::assert_snapshot!(parse("CREATE TABLE t (\n  a TEXT, -- @renamed from=b\n  b TEXT -- @renamed from=a\n);"), @"
        schema.sql:2: @renamed from=b renames column t.b, which is still declared
        name the column that goes; two that swap their names take two changes, the first to a name that is free
        ");
        insta::assert_snapshot!(parse("CREATE TABLE t (\n  a TEXT,\n  b TEXT -- @renamed from=A\n);"), @"
        schema.sql:3: @renamed from=A renames column t.A, which is still declared
        name the column that goes; two that swap their names take two changes, the first to a name that is free
        ");
        insta::assert_snapshot!(parse("CREATE TABLE t (\n  a TEXT, -- @renamed from=x\n  b TEXT -- @renamed from=X\n);"), @"
        schema.sql:2: @renamed from=x renames x, as the one on line 3 does
        keep one of the two; the other can copy it with @using
        ");
        insta::assert_snapshot!(parse("-- @renamed from=u\nCREATE TABLE t (a);\n-- @renamed from=t\nCREATE TABLE u (a);"), @"
        schema.sql:1: @renamed from=u renames table u, which is still declared
        name the table that goes; two that swap their names take two changes, the first to a name that is free
        ");
        insta::assert_snapshot!(parse("-- @renamed from=x\nCREATE TABLE t (a);\n-- @renamed from=x\nCREATE TABLE u (a);"), @"
        schema.sql:1: @renamed from=x renames x, as the one on line 3 does
        keep one of the two; the other can copy it with @using
        ");
        insta::assert_snapshot!(parse("CREATE TABLE t (\n  a TEXT,\n  b TEXT AS (a || '!') -- @renamed from=c\n);"), @"
        schema.sql:3: @renamed from=c is for a generated column, which holds no values
        take it out: a generated column is computed from the others
        ");
    }

    #[test]
    fn two_from_one_is_a_rename_and_a_copy() {
        let bench =
            Bench::new("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT); INSERT INTO t VALUES (1, 'one')");
        bench.reaches("CREATE TABLE t (\n  id INTEGER PRIMARY KEY,\n  a TEXT, -- @renamed from=x\n  b TEXT -- @using x\n);");
        assert_eq!(bench.query("SELECT a, b FROM t"), "one|one");
    }

    #[test]
    fn from_what_is_nowhere_is_refused() {
        let old = "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO t VALUES (1, 'x')";
        insta::assert_snapshot!(refused(old, "CREATE TABLE t (\n  id INTEGER PRIMARY KEY,\n  title TEXT -- @renamed from=nmae\n);"), @"
        schema.sql:3: @renamed from=nmae cannot act: there is neither a column t.nmae nor a column t.title; nothing was changed
        write `-- @renamed from=name` there, or take out the directive
        ");
        insta::assert_snapshot!(refused(old, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);\n-- @renamed from=s\nCREATE TABLE u (a);"), @"
        schema.sql:2: @renamed from=s cannot act: there is neither a table s nor a table u; nothing was changed
        take out the directive: no tables are left that it could be about
        ");
    }
}

mod dropped {
    use super::*;

    const WITH: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, fax TEXT); CREATE TABLE log (a); INSERT INTO t VALUES (1, '555'); INSERT INTO log VALUES (1)";
    const WITHOUT: &str =
        "CREATE TABLE t (\n  id INTEGER PRIMARY KEY\n  -- @dropped fax\n);\n-- @dropped table log\n";

    #[test]
    fn approves_the_loss_once_and_not_that_of_what_comes_back() {
        let bench = Bench::new(WITH);
        assert_eq!(told(&bench, WITHOUT), [""; 0]);
        assert_eq!(told(&bench, WITHOUT).len(), 2);
        bench.open().execute_batch("ALTER TABLE t ADD COLUMN fax TEXT; UPDATE t SET fax = 'new'; CREATE TABLE log (a); INSERT INTO log VALUES (2)").unwrap();
        let error = bench.refuses(WITHOUT);
        insta::assert_snapshot!(error.to_string().replace(&bench.db().display().to_string(), "[DB]"), @"
        the change of [DB] was refused; nothing was changed
          DROPS_TABLE: table log would be dropped with its 1 row
            schema.sql:5: @dropped table log has acted already and approves nothing more: take it out, and approve DROPS_TABLE:log
          DROPS_COLUMN: column t.fax would be dropped with its values
            schema.sql:3: @dropped fax has acted already and approves nothing more: take it out, and approve DROPS_COLUMN:t.fax
        do what is said below each hazard, then run the command again
        ");
        let approved = bench.twin().with(|s| {
            s.allow = vec!["DROPS_TABLE:log".parse().unwrap(), "DROPS_COLUMN:t.fax".parse().unwrap()];
        });
        approved.reaches(WITHOUT);
    }

    #[test]
    fn in_a_database_that_was_made_without_it_the_same_holds() {
        let bench = Bench::new("");
        bench.reaches(WITHOUT);
        bench.open().execute_batch("ALTER TABLE t ADD COLUMN fax TEXT").unwrap();
        assert!(bench.refuses(WITHOUT).message.contains("DROPS_COLUMN"));
    }

    #[test]
    fn written_again_for_another_loss_approves_it() {
        let bench = Bench::new(WITH);
        bench.reaches(WITHOUT);
        // The column comes back by the schema, which no longer gives it up; then it goes again.
        bench.reaches("CREATE TABLE t (id INTEGER PRIMARY KEY, fax TEXT); CREATE TABLE log (a);");
        bench.reaches(WITHOUT);
    }

    #[test]
    fn what_acted_travels_with_a_copy_and_is_in_nobodys_way() {
        let bench = Bench::new(WITH);
        bench.reaches(WITHOUT);
        let copy = bench.twin();
        copy.open().execute_batch("ALTER TABLE t ADD COLUMN fax TEXT").unwrap();
        assert!(
            copy.refuses(WITHOUT).message.contains("DROPS_COLUMN:t.fax")
                || copy.refuses(WITHOUT).message.contains("DROPS_COLUMN:t.fax")
        );
        let live = landfall_engine::inspect(&bench.db(), &bench.settings).unwrap();
        assert_eq!(live.sql, "CREATE TABLE t (id INTEGER PRIMARY KEY);\n");
        let rows = landfall_engine::rows(&bench.db(), &bench.settings).unwrap();
        assert_eq!(rows.tables.iter().map(|t| t.table.as_str()).collect::<Vec<_>>(), ["t"]);
        // Without the directives nothing is left to keep.
        bench.reaches("CREATE TABLE t (id INTEGER PRIMARY KEY, b TEXT);");
        assert_eq!(bench.query("SELECT count(*) FROM _landfall_dropped"), "0");
    }
}
