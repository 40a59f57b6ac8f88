//! What people have as schema.sql: what `sqlite3 db .schema` and `.dump` write, and statements in any order.

use std::process::Command;

use landfall_testkit::nasty;

use crate::support::Bench;
use landfall_engine::{ErrorKind, Outcome};
use landfall_testkit::requires;

/// All that the shell writes something special for.
const EVERYTHING: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT, b);
    CREATE TABLE \"x y\" (z REFERENCES t (id));
    CREATE INDEX i ON t (a);
    CREATE VIEW v AS SELECT a, b FROM t;
    CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO fe (rowid, a) VALUES (new.id, new.a); END;
    CREATE TRIGGER on_v INSTEAD OF DELETE ON v BEGIN SELECT 'END;'; END;
    CREATE VIRTUAL TABLE f USING fts5 (x, y, tokenize = 'porter');
    CREATE VIRTUAL TABLE g USING fts4 (x);
    CREATE VIRTUAL TABLE r USING rtree (id, low, high, +note);
    CREATE VIRTUAL TABLE fe USING fts5 (a, content = 't', content_rowid = 'id');
    CREATE VIRTUAL TABLE \"f f\" USING fts4 (content='t');
    CREATE TABLE f_own (a);
    INSERT INTO t (a) VALUES ('x'), ('y');
    ANALYZE;
    DELETE FROM t;";

/// `.schema` of a part of that, by SQLite 3.40.1.
const SCHEMA: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT, b);
CREATE TABLE sqlite_sequence(name,seq);
CREATE TABLE IF NOT EXISTS \"x y\" (z REFERENCES t (id));
CREATE INDEX i ON t (a);
CREATE VIEW v AS SELECT a, b FROM t
/* v(a,b) */;
CREATE VIRTUAL TABLE g USING fts4 (x)
/* g(x) */;
CREATE TABLE IF NOT EXISTS 'g_content'(docid INTEGER PRIMARY KEY, 'c0x');
CREATE TABLE IF NOT EXISTS 'g_segments'(blockid INTEGER PRIMARY KEY, block BLOB);
CREATE TABLE IF NOT EXISTS 'g_segdir'(level INTEGER,idx INTEGER,start_block INTEGER,leaves_end_block INTEGER,end_block INTEGER,root BLOB,PRIMARY KEY(level, idx));
CREATE TABLE IF NOT EXISTS 'g_docsize'(docid INTEGER PRIMARY KEY, size BLOB);
CREATE TABLE IF NOT EXISTS 'g_stat'(id INTEGER PRIMARY KEY, value BLOB);
CREATE VIRTUAL TABLE r USING rtree (id, low, high, +note)
/* r(id,low,high,note) */;
CREATE TABLE IF NOT EXISTS \"r_rowid\"(rowid INTEGER PRIMARY KEY,nodeno,a0);
CREATE TABLE IF NOT EXISTS \"r_node\"(nodeno INTEGER PRIMARY KEY,data);
CREATE TABLE IF NOT EXISTS \"r_parent\"(nodeno INTEGER PRIMARY KEY,parentnode);
CREATE TABLE sqlite_stat1(tbl,idx,stat);
CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample);
";

/// `.dump` of a part of it, by the same.
const DUMP: &str = "PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT, b);
CREATE TABLE IF NOT EXISTS \"x y\" (z REFERENCES t (id));
PRAGMA writable_schema=ON;
INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql)VALUES('table','fe','fe',0,'CREATE VIRTUAL TABLE fe USING fts5 (a, content = ''t'',
  content_rowid = ''id'')');
CREATE TABLE IF NOT EXISTS 'fe_data'(id INTEGER PRIMARY KEY, block BLOB);
INSERT INTO fe_data VALUES(1,X'');
INSERT INTO fe_data VALUES(10,X'00000000000000');
CREATE TABLE IF NOT EXISTS 'fe_idx'(segid, term, pgno, PRIMARY KEY(segid, term)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS 'fe_docsize'(id INTEGER PRIMARY KEY, sz BLOB);
CREATE TABLE IF NOT EXISTS 'fe_config'(k PRIMARY KEY, v) WITHOUT ROWID;
INSERT INTO fe_config VALUES('version',4);
ANALYZE sqlite_schema;
INSERT INTO sqlite_stat1 VALUES('fe_data',NULL,'2');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('t',1);
CREATE INDEX i ON t (a);
CREATE VIEW v AS SELECT a, b FROM t;
CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT 1; END;
PRAGMA writable_schema=OFF;
COMMIT;
";

/// A database is what the text says, and an empty one becomes so.
#[track_caller]
fn says(name: &str, text: &str, bench: &Bench) {
    let declared = bench.declared(text).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
    let report = landfall_engine::check(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
    assert_eq!(report.outcome, Outcome::InSync, "{name}: {:?}\n{text}", report.differences);
    // Some of them declare what nobody could use.
    Bench::new("").with(|settings| settings.allow = vec!["UNUSABLE:*".parse().unwrap()]).reaches(text);
}

#[test]
fn what_schema_writes_is_a_schema() {
    let bench = Bench::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT, b); CREATE TABLE \"x y\" (z REFERENCES t (id));
         CREATE INDEX i ON t (a); CREATE VIEW v AS SELECT a, b FROM t; CREATE VIRTUAL TABLE g USING fts4 (x);
         CREATE VIRTUAL TABLE r USING rtree (id, low, high, +note); INSERT INTO t (a) VALUES (1); ANALYZE",
    );
    says("pinned", SCHEMA, &bench);
    // As it comes where names are sorted, or statements were moved about.
    let mut backwards: Vec<_> = SCHEMA.split_inclusive(";\n").collect();
    backwards.reverse();
    says("backwards", &backwards.concat(), &bench);
}

#[test]
fn what_dump_writes_of_a_database_without_rows_is_a_schema() {
    let bench = Bench::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT, b); CREATE TABLE \"x y\" (z REFERENCES t (id));
         CREATE INDEX i ON t (a); CREATE VIEW v AS SELECT a, b FROM t; CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT 1; END;
         CREATE VIRTUAL TABLE fe USING fts5 (a, content = 't', content_rowid = 'id'); INSERT INTO t (a) VALUES (1); ANALYZE; DELETE FROM t",
    );
    says("pinned", DUMP, &bench);
    says("of another version", &DUMP.replace("sqlite_schema", "sqlite_master"), &bench);
    // Each place is where it was.
    let wrong = DUMP.replace("AFTER INSERT ON t", "AFTER INSERT ON nowhere");
    let error = bench.declared(&wrong).unwrap_err();
    assert!(error.message.starts_with("schema.sql:21:1: no such table: main.nowhere"), "{error}");
    assert_eq!(bench.declared(DUMP).unwrap().line_of("tr").map(|(_, line)| line), Some(21));
    assert_eq!(bench.declared(DUMP).unwrap().line_of("fe").map(|(_, line)| line), Some(6));
}

#[test]
fn what_the_shell_writes_of_any_database_is_its_schema() {
    if Command::new("sqlite3").arg("--version").output().is_err() {
        return requires::skip("what_the_shell_writes_of_any_database_is_its_schema", "sqlite3");
    }
    // Directives in live text are instructions as soon as it is a schema.sql.
    let schemas = nasty::SCHEMAS.iter().filter(|sql| !sql.contains("-- @"));
    let mut schemas: Vec<_> = schemas.map(|sql| (*sql).to_owned()).collect();
    schemas.push(EVERYTHING.to_owned());
    schemas.extend(nasty::corpus().unwrap_or_default().into_iter().step_by(13).map(|(_, sql)| sql));
    let mut read = 0;
    for sql in schemas {
        let bench = Bench::new(&sql);
        for command in [".schema", ".schema --nosys", ".dump", ".dump --nosys"] {
            let shell = Command::new("sqlite3").arg(bench.db()).arg(command).output().unwrap();
            let text = String::from_utf8(shell.stdout).unwrap();
            // An older shell cannot read every schema of today.
            if shell.status.success()
                && !text.contains("ROLLBACK; -- due to errors")
                && !text.trim().is_empty()
            {
                says(&format!("{command} of {sql}"), &text, &bench);
                read += 1;
            }
        }
    }
    assert!(read > 150, "the shell wrote only {read} schemas");
}

#[test]
fn a_table_that_only_is_called_like_a_part_of_a_virtual_one_stays() {
    // FTS5 over another table makes no f_content; FTS3 makes no f_stat.
    let schema = "CREATE TABLE t (a); CREATE VIRTUAL TABLE f USING fts5 (a, content = 't'); CREATE TABLE f_content (a, b);
        CREATE VIRTUAL TABLE g USING fts3 (a); CREATE TABLE IF NOT EXISTS g_stat (x);";
    let bench = Bench::new(schema);
    says("own", schema, &bench);
    assert!(bench.query("SELECT group_concat(name) FROM sqlite_schema").contains("f_content"));
    // One that the module makes otherwise is no copy of what it makes: it cannot be there beside it.
    for table in ["CREATE TABLE f_data (mine)", "CREATE TABLE IF NOT EXISTS f_data (mine)"] {
        let error = bench.declared(&format!("CREATE VIRTUAL TABLE f USING fts5 (a);\n{table};")).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Schema, "{table}");
        assert!(error.message.contains("f_data"), "{error}");
    }
    // Without its virtual table it is the user's.
    let alone = "CREATE TABLE f_data(id INTEGER PRIMARY KEY, block BLOB);";
    says("alone", alone, &Bench::new(alone));
}

#[test]
fn drop_if_exists_in_front_of_create_is_passed_over() {
    let text = "DROP TABLE IF EXISTS t;\nDROP VIEW IF EXISTS main.v;\nDROP INDEX IF EXISTS i;\nDROP TRIGGER IF EXISTS \"tr\";
DROP TABLE IF EXISTS gone;\n-- @renamed from=s\nCREATE TABLE t (a TEXT);\nCREATE INDEX i ON t (a);\nCREATE VIEW v AS SELECT a FROM t;
CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT 1; END;";
    let bench = Bench::new("CREATE TABLE s (a TEXT); INSERT INTO s VALUES ('kept')");
    bench.reaches(text);
    assert_eq!(bench.query("SELECT a FROM t"), "kept");
    // Behind it, or without IF EXISTS, it says something else.
    for wrong in [
        "CREATE TABLE t (a);\nDROP TABLE IF EXISTS t;\nCREATE TABLE u (b);",
        "CREATE TABLE u (b);\nDROP TABLE t;",
    ] {
        let error = bench.declared(wrong).unwrap_err();
        assert!(error.message.starts_with("schema.sql:2:1: DROP is a change"), "{error}");
    }
}

#[test]
fn statements_come_in_any_order() {
    let text = "CREATE TRIGGER on_v INSTEAD OF INSERT ON v BEGIN INSERT INTO t (a) VALUES (new.a); END;
CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT 1; END;
CREATE VIRTUAL TABLE words USING fts5vocab (f, row);
CREATE INDEX i ON t (a);
CREATE VIRTUAL TABLE g USING fts4 (content='t');
CREATE VIEW v AS SELECT a FROM t;
CREATE VIRTUAL TABLE f USING fts5 (a);
CREATE TABLE t (
  a TEXT -- @renamed from=b
);";
    let bench = Bench::new("CREATE TABLE t (b TEXT); INSERT INTO t VALUES ('kept')");
    bench.reaches(text);
    assert_eq!(bench.query("SELECT a FROM t"), "kept");
    let error = bench.declared(&text.replace("INDEX i ON t (a)", "INDEX i ON t (nope)")).unwrap_err();
    assert!(error.message.starts_with("schema.sql:4:22: no such column: nope"), "{error}");
    let error = bench.declared(&text.replace("INDEX i ON t (a)", "INDEX i ON nowhere (a)")).unwrap_err();
    assert!(error.message.starts_with("schema.sql:4:1: no such table: main.nowhere"), "{error}");
    assert_eq!(error.remedy, "declare the table, or correct its name");
}
