//! Everything that `schema.sql` must not say, each with its place and what to do about it.

use std::path::Path;

use crate::support::Bench;
use insta::assert_snapshot;
use landfall_engine::{Declared, ErrorKind, Settings};

/// The refusal of this text as `db/schema.sql`: its object, then what a person reads.
#[track_caller]
fn refused(sql: &str) -> String {
    refused_with(sql, &Settings::default())
}

#[track_caller]
fn refused_with(sql: &str, settings: &Settings) -> String {
    let error = Declared::parse(Path::new("db/schema.sql"), sql, settings).expect_err("must be refused");
    assert_eq!(error.kind, ErrorKind::Schema);
    format!("[{}] {error}", error.object)
}

/// The refusal of a file with these bytes, under the name that it would have in a workspace.
fn refused_file(make: impl FnOnce(&Path)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("schema.sql");
    make(&file);
    let error = Declared::read(&file, &Settings::default()).expect_err("must be refused");
    assert_eq!(error.kind, ErrorKind::Schema);
    format!("[{}] {error}", error.object).replace(folder.path().to_str().unwrap(), "db")
}

/// The refusal of a change that only the database shows to be wrong.
#[track_caller]
fn refused_change(live: &str, schema: &str) -> String {
    let error = Bench::new(live).refuses(schema);
    assert_eq!(error.kind, ErrorKind::Schema);
    format!("[{}] {error}", error.object)
}

mod files {
    use super::*;

    #[test]
    fn missing() {
        assert_snapshot!(refused_file(|_| ()), @"
        [db/schema.sql] the schema db/schema.sql cannot be read: it does not exist
        write the CREATE statements of the database there, or name another file
        ");
    }

    #[test]
    fn directory() {
        assert_snapshot!(refused_file(|file| std::fs::create_dir(file).unwrap()), @"
        [db/schema.sql] the schema db/schema.sql is a folder without a file whose name ends in .sql
        write the CREATE statements of the database into files there, or name another folder or file
        ");
    }

    #[test]
    fn not_utf8() {
        let bytes = b"CREATE TABLE t (\n  a TEXT -- caf\xe9\n)";
        assert_snapshot!(refused_file(|file| std::fs::write(file, bytes).unwrap()), @"
        [db/schema.sql:2] db/schema.sql:2: this is not valid UTF-8; nothing was changed
        save the file as UTF-8
        ");
    }

    #[test]
    fn in_utf16_no_byte_of_it_is_shown() {
        let text = "CREATE TABLE t (\n  a TEXT -- caf\u{e9}\n)";
        let bytes = |to: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to).collect::<Vec<_>>();
        let (little, big) = (bytes(u16::to_le_bytes), bytes(u16::to_be_bytes));
        let marked = [&[0xff, 0xfe][..], &little].concat();
        for bytes in [little, big, marked] {
            let said = refused_file(|file| std::fs::write(file, bytes).unwrap());
            assert_eq!(
                said,
                "[db/schema.sql:1] db/schema.sql:1: this is UTF-16; nothing was changed\nsave the file as UTF-8"
            );
        }
    }

    #[test]
    fn a_byte_order_mark_changes_no_place() {
        let (plain, marked) = ("CREATE TABLE t (a,)", "\u{feff}CREATE TABLE t (a,)");
        assert_eq!(refused(plain), refused(marked));
    }
}

mod syntax {
    use super::*;

    #[test]
    fn a_word_that_is_wrong() {
        assert_snapshot!(refused("CREATE TABLE ok (a);\n\nCREATE TABLE t (\n  id INTEGER PRIMARY KEY,\n  name TEXT NOT NUL\n);\n"), @r#"
        [db/schema.sql:5] db/schema.sql:5:17: near "NUL": syntax error; nothing was changed
          name TEXT NOT NUL
        correct the statement
        "#);
    }

    #[test]
    fn a_word_behind_letters_of_several_bytes() {
        assert_snapshot!(refused("CREATE TABLE t (\n  élan TEXT NOT NUL\n);\n"), @r#"
        [db/schema.sql:2] db/schema.sql:2:17: near "NUL": syntax error; nothing was changed
          élan TEXT NOT NUL
        correct the statement
        "#);
    }

    #[test]
    fn a_word_behind_directives() {
        assert_snapshot!(refused("CREATE TABLE t (\n  a TEXT, -- @renamed from=b\n  c TEXT NOT NUL\n);\n"), @r#"
        [db/schema.sql:3] db/schema.sql:3:14: near "NUL": syntax error; nothing was changed
          c TEXT NOT NUL
        correct the statement
        "#);
    }

    #[test]
    fn a_word_without_meaning() {
        assert_snapshot!(refused("CREATE TABEL t (a)"), @r#"
        [db/schema.sql:1] db/schema.sql:1:8: near "TABEL": syntax error; nothing was changed
          CREATE TABEL t (a)
        correct the statement
        "#);
    }

    #[test]
    fn a_statement_that_does_not_end() {
        assert_snapshot!(refused("CREATE TABLE ok (a);\nCREATE TABLE t (\n  a TEXT,\n"), @"
        [db/schema.sql:2] db/schema.sql:2:1: the statement that begins here does not end; nothing was changed
          CREATE TABLE t (
        close its parentheses, and write END at the end of a trigger
        ");
    }

    #[test]
    fn a_quote_that_does_not_end() {
        assert_snapshot!(refused("CREATE TABLE t (\n  a TEXT DEFAULT 'x,\n  b TEXT\n);"), @"
        [db/schema.sql:2] db/schema.sql:2:18: this quote is never closed; nothing was changed
          a TEXT DEFAULT 'x,
        correct the statement
        ");
    }

    #[test]
    fn a_comment_that_does_not_end() {
        assert_snapshot!(refused("CREATE TABLE t (a);\n/* and so on\nCREATE TABLE u (a);"), @"
        [db/schema.sql:2] db/schema.sql:2:1: this comment is never closed; nothing was changed
          /* and so on
        correct the statement
        ");
    }

    #[test]
    fn a_bracket_that_does_not_end() {
        assert_snapshot!(refused("CREATE TABLE t ([a);"), @"
        [db/schema.sql:1] db/schema.sql:1:17: this bracket is never closed; nothing was changed
          CREATE TABLE t ([a);
        correct the statement
        ");
    }

    #[test]
    fn numbers_blobs_and_letters_that_are_none() {
        assert_snapshot!(refused("CREATE TABLE t (a DEFAULT 1x)"), @"
        [db/schema.sql:1] db/schema.sql:1:27: this is not a number; nothing was changed
          CREATE TABLE t (a DEFAULT 1x)
        correct the statement
        ");
        assert_snapshot!(refused("CREATE TABLE t (a DEFAULT x'0')"), @"
        [db/schema.sql:1] db/schema.sql:1:27: this blob is not made of pairs of hexadecimal digits; nothing was changed
          CREATE TABLE t (a DEFAULT x'0')
        correct the statement
        ");
        assert_snapshot!(refused("CREATE TABLE t (a DEFAULT \\ )"), @r"
        [db/schema.sql:1] db/schema.sql:1:27: this cannot be read as SQL; nothing was changed
          CREATE TABLE t (a DEFAULT \ )
        correct the statement
        ");
    }

    #[test]
    fn a_long_line() {
        let said = refused(&format!("CREATE TABLE t (a TEXT NOT NUL, {})", "b TEXT, ".repeat(50)));
        assert!(said.chars().count() < 400, "{said}");
    }

    #[test]
    fn a_column_that_is_not_there() {
        assert_snapshot!(refused("CREATE TABLE t (a);\nCREATE INDEX i ON t (b);"), @"
        [db/schema.sql:2] db/schema.sql:2:22: no such column: b; nothing was changed
          CREATE INDEX i ON t (b);
        correct the statement
        ");
    }

    #[test]
    fn a_table_that_is_not_there() {
        assert_snapshot!(refused("CREATE INDEX i ON t (b);"), @"
        [db/schema.sql:1] db/schema.sql:1:1: no such table: main.t; nothing was changed
          CREATE INDEX i ON t (b);
        declare the table, or correct its name
        ");
    }

    #[test]
    fn a_name_that_is_declared_twice() {
        assert_snapshot!(refused("CREATE TABLE t (a);\nCREATE TABLE T (b);"), @"
        [db/schema.sql:2] db/schema.sql:2:1: the name T is declared on line 1 already; nothing was changed
          CREATE TABLE T (b);
        keep one of the two statements, or rename one
        ");
        assert_snapshot!(refused("CREATE TABLE t (a);\nCREATE VIEW IF NOT EXISTS T AS SELECT 1;"), @"
        [db/schema.sql:2] db/schema.sql:2:1: the name T is declared on line 1 already; nothing was changed
          CREATE VIEW IF NOT EXISTS T AS SELECT 1;
        keep one of the two statements, or rename one
        ");
    }
}

mod statements {
    use super::*;

    #[test]
    fn insert() {
        assert_snapshot!(refused("CREATE TABLE t (a);\nINSERT INTO t VALUES (1);"), @"
        [db/schema.sql:2] db/schema.sql:2:13: the INSERT into t names no columns; a declared row says which value is whose; nothing was changed
          INSERT INTO t VALUES (1);
        rows that belong to the service do not belong here: take them out (`sqlite3 FILE .schema` writes none); for rows of a lookup table write `INSERT INTO t (a) VALUES …`
        ");
    }

    #[test]
    fn alter() {
        assert_snapshot!(refused("CREATE TABLE t (a);\nALTER TABLE t ADD COLUMN b;"), @"
        [db/schema.sql:2] db/schema.sql:2:1: ALTER is a change, and schema.sql only declares what the schema should be; nothing was changed
          ALTER TABLE t ADD COLUMN b;
        change the CREATE statement instead; the migration works out the change
        ");
    }

    #[test]
    fn drop() {
        assert_snapshot!(refused("DROP TABLE t;"), @"
        [db/schema.sql:1] db/schema.sql:1:1: DROP is a change, and schema.sql only declares what the schema should be; nothing was changed
          DROP TABLE t;
        change the CREATE statement instead; the migration works out the change
        ");
    }

    #[test]
    fn attach() {
        assert_snapshot!(refused("ATTACH 'other' AS other;"), @"
        [db/schema.sql:1] db/schema.sql:1:1: ATTACH has no place in a schema; nothing was changed
          ATTACH 'other' AS other;
        take out the statement; only CREATE TABLE, INDEX, VIEW, TRIGGER and VIRTUAL TABLE can be declared
        ");
    }

    #[test]
    fn temporary() {
        assert_snapshot!(refused("CREATE TEMP TABLE t (a);"), @"
        [db/schema.sql:1] db/schema.sql:1:1: TEMP objects do not belong to a schema; nothing was changed
          CREATE TEMP TABLE t (a);
        take out the statement, or the word TEMP
        ");
        assert_snapshot!(refused("CREATE TABLE temp.t (a);"), @"
        [db/schema.sql:1] db/schema.sql:1:1: a TEMP object has no place in a schema; nothing was changed
          CREATE TABLE temp.t (a);
        take out the statement; only objects of the main database can be declared
        ");
    }

    #[test]
    fn create_table_as() {
        assert_snapshot!(refused("CREATE TABLE t AS SELECT 1 AS a;"), @"
        [db/schema.sql:1] db/schema.sql:1:1: CREATE TABLE AS copies rows, and schema.sql only declares a schema; nothing was changed
          CREATE TABLE t AS SELECT 1 AS a;
        write the table's columns out
        ");
    }

    #[test]
    fn vacuum() {
        assert_snapshot!(refused("VACUUM;"), @"
        [db/schema.sql:1] db/schema.sql:1:1: VACUUM has no place in a schema; nothing was changed
          VACUUM;
        take out the statement; only CREATE TABLE, INDEX, VIEW, TRIGGER and VIRTUAL TABLE can be declared
        ");
    }

    #[test]
    fn select() {
        assert_snapshot!(refused("SELECT 1;"), @"
        [db/schema.sql:1] db/schema.sql:1:1: SELECT has no place in a schema; nothing was changed
          SELECT 1;
        take out the statement; only CREATE TABLE, INDEX, VIEW, TRIGGER and VIRTUAL TABLE can be declared
        ");
    }

    #[test]
    fn other_pragmas() {
        assert_snapshot!(refused("PRAGMA mmap_size = ON;"), @"
        [db/schema.sql:1] db/schema.sql:1:1: PRAGMA mmap_size has no place in a schema; nothing was changed
          PRAGMA mmap_size = ON;
        take out the statement
        ");
        assert_snapshot!(refused("PRAGMA main.mmap_size = ON;"), @"
        [db/schema.sql:1] db/schema.sql:1:1: PRAGMA mmap_size has no place in a schema; nothing was changed
          PRAGMA main.mmap_size = ON;
        take out the statement
        ");
    }

    #[test]
    fn rows_behind_the_allow_list() {
        assert_snapshot!(refused("CREATE TABLE t (a);\nWITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x;"), @"
        [db/schema.sql:2] db/schema.sql:2:1: WITH has no place in a schema; nothing was changed
          WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x;
        take out the statement; only CREATE TABLE, INDEX, VIEW, TRIGGER and VIRTUAL TABLE can be declared
        ");
        assert_snapshot!(refused("EXPLAIN CREATE TABLE t (a);"), @"
        [db/schema.sql:1] db/schema.sql:1:1: EXPLAIN has no place in a schema; nothing was changed
          EXPLAIN CREATE TABLE t (a);
        take out the statement; only CREATE TABLE, INDEX, VIEW, TRIGGER and VIRTUAL TABLE can be declared
        ");
    }

    #[test]
    fn what_dumps_begin_and_end_with_is_tolerated() {
        let sql = "PRAGMA foreign_keys=OFF; PRAGMA main.user_version = 3; BEGIN TRANSACTION; CREATE TABLE t (a); COMMIT;";
        Declared::parse(Path::new("schema.sql"), sql, &Settings::default()).unwrap();
    }
}

mod unknown {
    use super::*;

    /// The service may have it: the database tells whether it is new.
    #[test]
    fn what_only_the_service_may_have_is_no_error_of_the_text() {
        for sql in [
            "CREATE TABLE t (a TEXT CHECK (slug(a) = a))",
            "CREATE TABLE t (a TEXT, b AS (slug(a)), c DEFAULT (other(1))); CREATE INDEX i ON t (lower(slug(a)))",
            "CREATE TABLE t (a TEXT CHECK (a REGEXP 'b'))",
            "CREATE TABLE t (a); CREATE VIEW v AS SELECT slug(a), \"other\"(a) FROM t",
            "CREATE TABLE t (a, b AS (a)); CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT slug(1); END",
            "CREATE VIEW v AS SELECT 1 AS a; CREATE TRIGGER r INSTEAD OF UPDATE ON v BEGIN SELECT slug(1); END",
            "CREATE TABLE t (a TEXT COLLATE german UNIQUE)",
            "CREATE TABLE t (a); CREATE INDEX i ON t (a COLLATE german)",
            "CREATE INDEX i ON t (slug(a) COLLATE german); CREATE TABLE t (a)",
            "CREATE TABLE t (a); CREATE VIEW v AS SELECT a FROM t ORDER BY a COLLATE german",
            "CREATE VIRTUAL TABLE IF NOT EXISTS main.t USING vec0 (a float[4])",
            "CREATE VIEW v AS SELECT rowid FROM t; CREATE VIRTUAL TABLE t USING vec0 (a float[4])",
        ] {
            let declared = Declared::parse(Path::new("schema.sql"), sql, &Settings::default());
            declared.unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
    }

    #[test]
    fn a_trigger_may_be_called_like_a_table() {
        let sql = "CREATE TABLE t (a); CREATE TRIGGER t AFTER INSERT ON t BEGIN DELETE FROM t; END;";
        Declared::parse(Path::new("schema.sql"), sql, &Settings::default()).unwrap();
    }

    #[test]
    fn a_view_or_trigger_that_sqlite_allows_is_allowed() {
        let sql = "CREATE VIEW v AS SELECT * FROM nowhere; CREATE TABLE t (a);
            CREATE TRIGGER r AFTER INSERT ON t BEGIN DELETE FROM nowhere; END;
            CREATE TRIGGER s INSTEAD OF INSERT ON v BEGIN DELETE FROM nowhere; END;";
        Declared::parse(Path::new("schema.sql"), sql, &Settings::default()).unwrap();
    }

    #[test]
    fn what_the_hook_registers_is_known() {
        let hook = |conn: &rusqlite::Connection| {
            conn.create_scalar_function(
                "slug",
                1,
                rusqlite::functions::FunctionFlags::SQLITE_DETERMINISTIC,
                |_| Ok(1),
            )
        };
        let settings = Settings { hook: Some(hook), ..Settings::default() };
        let sql = "CREATE TABLE t (a CHECK (slug(a))); CREATE VIEW v AS SELECT slug(a) FROM t";
        Declared::parse(Path::new("schema.sql"), sql, &settings).unwrap();
    }
}

mod directives {
    use super::*;

    #[test]
    fn unknown_word() {
        assert_snapshot!(refused("CREATE TABLE t (\n  a TEXT -- @rename from=b\n);"), @"
        [db/schema.sql:2] db/schema.sql:2:10: the directive @rename is not known; nothing was changed
          a TEXT -- @rename from=b
        write `-- @renamed`, or take the @ out of the comment
        ");
        assert_snapshot!(refused("-- @drop table u\nCREATE TABLE t (a TEXT);"), @"
        [db/schema.sql:1] db/schema.sql:1:1: the directive @drop is not known; nothing was changed
          -- @drop table u
        write `-- @dropped`, or take the @ out of the comment
        ");
    }

    #[test]
    fn renamed_without_the_old_name() {
        assert_snapshot!(refused("CREATE TABLE t (\n  a TEXT -- @renamed b\n);"), @"
        [db/schema.sql:2] db/schema.sql:2:10: the directive @renamed has no old name; nothing was changed
          a TEXT -- @renamed b
        write `-- @renamed from=old_name`, the old name in double quotes if it needs any
        ");
        assert_snapshot!(refused("CREATE TABLE t (\n  a TEXT -- @renamed from=b c\n);"), @"
        [db/schema.sql:2] db/schema.sql:2:10: the directive @renamed has no old name; nothing was changed
          a TEXT -- @renamed from=b c
        write `-- @renamed from=old_name`, the old name in double quotes if it needs any
        ");
    }

    #[test]
    fn renamed_outside_its_place() {
        let between = refused("CREATE TABLE t (\n  a TEXT,\n  -- @renamed from=b\n  c TEXT\n);");
        assert_snapshot!(between, @"
        [db/schema.sql:3] db/schema.sql:3:3: the directive @renamed stands neither on the line of a column nor on the line before a CREATE TABLE; nothing was changed
          -- @renamed from=b
        move it to the end of the line of the column that was renamed, or to the line before the table that was
        ");
        let place = "stands neither on the line of a column nor on the line before a CREATE TABLE";
        for elsewhere in [
            "CREATE TABLE t ( -- @renamed from=b\n  a TEXT\n);",
            "CREATE TABLE t (a TEXT);\n-- @renamed from=b\nCREATE INDEX i ON t (a);",
            "CREATE TABLE t (a TEXT);\n-- @renamed from=b\nCREATE VIEW v AS SELECT 1;",
            "CREATE VIEW v AS\n  SELECT 1; -- @renamed from=b",
            "CREATE TABLE t (a TEXT);\n-- @renamed from=b\n",
        ] {
            let said = refused(elsewhere);
            assert!(said.contains(place), "{elsewhere}\n{said}");
        }
    }

    #[test]
    fn using_outside_its_place() {
        assert_snapshot!(refused("-- @using 1\nCREATE TABLE t (a TEXT);"), @"
        [db/schema.sql:1] db/schema.sql:1:1: the directive @using does not stand on the line of a column; nothing was changed
          -- @using 1
        move it to the end of the line of the column whose value it gives
        ");
    }

    #[test]
    fn using_without_an_expression() {
        for open in ["lower(a", "a) + (b", "a; DROP TABLE t", "'a", "-- a comment"] {
            let said = refused(&format!("CREATE TABLE t (\n  a TEXT -- @using {open}\n);"));
            assert!(said.contains("has no expression that ends on its line"), "{open}\n{said}");
        }
        assert_snapshot!(refused("CREATE TABLE t (\n  a TEXT -- @using\n);"), @"
        [db/schema.sql:2] db/schema.sql:2:10: the directive @using has no expression that ends on its line; nothing was changed
          a TEXT -- @using
        write `-- @using EXPRESSION` on one line; the expression sees the columns of the old row
        ");
    }

    #[test]
    fn dropped_outside_its_place() {
        assert_snapshot!(refused("-- @dropped b\nCREATE TABLE t (a TEXT);"), @"
        [db/schema.sql:1] db/schema.sql:1:1: the directive @dropped names neither a column inside its CREATE TABLE nor a table between statements; nothing was changed
          -- @dropped b
        write `-- @dropped column_name` inside CREATE TABLE, or `-- @dropped table table_name` between statements
        ");
        assert_snapshot!(refused("CREATE TABLE t (\n  a TEXT\n  -- @dropped table u\n);"), @"
        [db/schema.sql:3] db/schema.sql:3:3: the directive @dropped names neither a column inside its CREATE TABLE nor a table between statements; nothing was changed
          -- @dropped table u
        write `-- @dropped column_name` inside CREATE TABLE, or `-- @dropped table table_name` between statements
        ");
        assert_snapshot!(refused("CREATE TABLE t (\n  a TEXT\n  -- @dropped\n);"), @"
        [db/schema.sql:3] db/schema.sql:3:3: the directive @dropped names neither a column inside its CREATE TABLE nor a table between statements; nothing was changed
          -- @dropped
        write `-- @dropped column_name` inside CREATE TABLE, or `-- @dropped table table_name` between statements
        ");
    }

    #[test]
    fn dropped_of_something_declared() {
        assert_snapshot!(refused("CREATE TABLE t (\n  a TEXT\n  -- @dropped A\n);"), @"
        [t.A] db/schema.sql:3: @dropped A gives up column t.A, which is declared
        take out the directive, or the declaration of the column
        ");
        assert_snapshot!(refused("-- @dropped table T\nCREATE TABLE t (a TEXT);"), @"
        [T] db/schema.sql:1: @dropped table T gives up table T, which is declared
        take out the directive, or the declaration of the table
        ");
    }

    #[test]
    fn two_of_the_same() {
        assert_snapshot!(refused("-- @renamed from=x\n-- @renamed from=y\nCREATE TABLE t (a TEXT);"), @"
        [db/schema.sql:2] db/schema.sql:2:1: the directive @renamed says again what line 1 says; nothing was changed
          -- @renamed from=y
        keep one of the two lines
        ");
        assert_snapshot!(refused("CREATE TABLE t (\n  a TEXT\n  -- @dropped b\n  -- @dropped \"B\"\n);"), @r#"
        [db/schema.sql:4] db/schema.sql:4:3: the directive @dropped says again what line 3 says; nothing was changed
          -- @dropped "B"
        keep one of the two lines
        "#);
    }

    #[test]
    fn names_in_double_quotes() {
        let sql = "-- @renamed from=\"old \"\"t\"\"\"\n-- @dropped table \"other table\"\nCREATE TABLE t (\n  a TEXT -- @renamed from=\"old a\"\n  -- @dropped \"old b\"\n);";
        let bench = Bench::new(
            "CREATE TABLE \"old \"\"t\"\"\" (\"old a\" TEXT, \"old b\" TEXT); CREATE TABLE \"other table\" (a); INSERT INTO \"old \"\"t\"\"\" VALUES (1, 2)",
        );
        bench.reaches(sql);
        assert_eq!(bench.query("SELECT * FROM t"), "1");
    }

    #[test]
    fn directives_in_strings_and_block_comments_are_none() {
        let sql = "CREATE TABLE t (\n  a TEXT DEFAULT '-- @nonsense', /* -- @nonsense */\n  b TEXT -- see @nonsense\n);";
        Declared::parse(Path::new("schema.sql"), sql, &Settings::default()).unwrap();
    }

    #[test]
    fn renamed_where_both_names_exist() {
        let two = "CREATE TABLE t (a TEXT); CREATE TABLE u (a TEXT)";
        assert_snapshot!(refused_change(two, "-- @renamed from=t\nCREATE TABLE u (a TEXT, b TEXT);"), @"
        [u] schema.sql:1: @renamed from=t cannot act: table t and table u both exist; nothing was changed
        keep one: rename t away, or take out the directive and declare what is to happen to t
        ");
        let live = "CREATE TABLE t (a TEXT, b TEXT)";
        assert_snapshot!(refused_change(live, "CREATE TABLE t (\n  b TEXT NOT NULL -- @renamed from=a\n);"), @"
        [t.b] schema.sql:2: @renamed from=a cannot act: column t.a and column t.b both exist; nothing was changed
        keep one: rename t.a away, or take out the directive and declare what is to happen to t.a
        ");
    }

    #[test]
    fn using_that_cannot_be_evaluated() {
        let schema = "CREATE TABLE t (\n  a TEXT,\n  b TEXT -- @using lower(c)\n);";
        assert_snapshot!(refused_change("CREATE TABLE t (a TEXT); INSERT INTO t VALUES (1)", schema), @"
        [t.b] schema.sql:3: @using of t.b cannot be evaluated: no such column: c
          lower(c)
        the expression sees the columns of the row as it is before the change
        ");
    }

    #[test]
    fn a_comment_behind_an_expression_is_no_part_of_it() {
        let bench = Bench::new("CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('X')");
        bench.reaches("CREATE TABLE t (\n  a TEXT,\n  b TEXT -- @using lower(a) -- as ever\n);");
        assert_eq!(bench.query("SELECT * FROM t"), "X|x");
    }
}

#[test]
fn a_declared_table_that_an_ignore_pattern_hides() {
    assert_snapshot!(refused("CREATE TABLE t (a);\nCREATE TABLE _Litestream_seq (a);"), @"
    [db/schema.sql:2] db/schema.sql:2:1: table _Litestream_seq is declared, but the ignore pattern _litestream_* hides it; nothing was changed
      CREATE TABLE _Litestream_seq (a);
    rename the table: the pattern is built in
    ");
    let settings = Settings { ignore: vec!["audit_*".to_owned()], ..Settings::default() };
    assert_snapshot!(refused_with("CREATE TABLE audit_log (a);", &settings), @"
    [db/schema.sql:1] db/schema.sql:1:1: table audit_log is declared, but the ignore pattern audit_* hides it; nothing was changed
      CREATE TABLE audit_log (a);
    rename the table, or take the pattern out of `ignore`
    ");
}
