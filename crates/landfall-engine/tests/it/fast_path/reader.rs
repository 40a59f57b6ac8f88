//! Others who have the database open.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::*;

#[test]
fn a_long_reader_keeps_its_rows_and_its_schema_until_it_ends() {
    let changes = [
        case("NOT NULL", t(&[]), t(&["a INTEGER NOT NULL"]), [SCAN; 2])
            .denies("INSERT INTO t (k) VALUES (901)"),
        case("DEFAULT", t(&["a INTEGER DEFAULT 5"]), t(&["a INTEGER DEFAULT 6"]), [WIDEN; 2]),
        case("UNIQUE", t(&[]), t(&["b TEXT UNIQUE"]), [SCAN; 2])
            .denies("INSERT INTO t (k, b) VALUES (901, 'B1')"),
        case("STRICT", t(&[]), t(&[]) + " STRICT", [SCAN; 2])
            .denies("INSERT INTO t (k, a) VALUES (901, 'x')"),
    ];
    for case in changes {
        let bench = case.database("wal").with(|s| s.fast_path = FastPath::Full);
        let reader = bench.open();
        let mut statement = reader.prepare("SELECT * FROM t ORDER BY k").unwrap();
        reader.execute_batch("BEGIN").unwrap();
        let (rows, schema) = (typed(&mut statement), query(&reader, "SELECT sql FROM sqlite_schema"));
        let report = bench.reaches(&case.schema());
        assert_eq!(How::of(report.plan.as_ref()), case.how[1], "{}", case.name);
        assert_eq!(typed(&mut statement), rows, "{}", case.name);
        assert_eq!(query(&reader, "SELECT sql FROM sqlite_schema"), schema, "{}", case.name);
        reader.execute_batch("COMMIT").unwrap();
        assert_eq!(typed(&mut statement), rows, "{}", case.name);
        assert_ne!(query(&reader, "SELECT sql FROM sqlite_schema"), schema, "{}", case.name);
        drop(statement);
        case.enforces(&reader, case.name);
    }
}

/// Debian's `sqlite3`, which has the old schema in its memory.
struct Shell {
    child: std::process::Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Shell {
    fn start(bench: &Bench) -> Option<Self> {
        let mut command = Command::new("sqlite3");
        command.arg(bench.db()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().ok()?;
        let output = BufReader::new(child.stdout.take().unwrap());
        Some(Self { child, output })
    }

    /// The one line that a query answers.
    fn ask(&mut self, sql: &str) -> String {
        writeln!(self.child.stdin.as_ref().unwrap(), "{sql};").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn end(mut self) -> String {
        drop(self.child.stdin.take());
        let output = self.child.wait_with_output().unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

#[test]
fn an_older_sqlite_that_knew_the_old_schema_keeps_to_the_new_one() {
    let test = "an_older_sqlite_that_knew_the_old_schema_keeps_to_the_new_one";
    for (case, error) in [
        (case("NOT NULL", t(&[]), t(&["a INTEGER NOT NULL"]), [SCAN; 2]), "NOT NULL constraint failed: t.a"),
        (
            case("CHECK", t(&[]), t(&["CHECK (b <> 'B1')"]).replace("B1", "new"), [SCAN; 2]),
            "CHECK constraint failed",
        ),
        (case("UNIQUE", t(&[]), t(&["b TEXT UNIQUE"]), [SCAN; 2]), "UNIQUE constraint failed: t.b"),
    ] {
        for journal_mode in ["wal", "delete"] {
            let bench = case.database(journal_mode).with(|s| s.fast_path = FastPath::Full);
            let Some(mut shell) = Shell::start(&bench) else {
                return landfall_testkit::requires::skip(test, "sqlite3");
            };
            assert_eq!(shell.ask("SELECT count(*), sum(a) FROM t"), "40|120");
            let report = bench.reaches(&case.schema());
            assert_eq!(How::of(report.plan.as_ref()), case.how[1], "{}", case.name);
            let values = if case.name == "UNIQUE" { "(901, 1, 'B1')" } else { "(901, NULL, 'new')" };
            let insert = format!("INSERT INTO t (k, a, b) VALUES {values};\nSELECT count(*), sum(a) FROM t");
            assert_eq!(shell.ask(&insert), "40|120", "{}", case.name);
            assert_eq!(shell.ask("PRAGMA integrity_check"), "ok", "{}", case.name);
            let said = shell.end();
            assert!(said.contains(error), "{}: {said}", case.name);
        }
    }
}
