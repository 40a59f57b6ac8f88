//! Changes that write no row anew, each held against the same change by a rewrite.
//!
//! A case is a value: a table before and after, and how each mode of `fast-path` is to do it. [`Case::check`] is what is seen of all.

mod between;
mod constant;
mod killed;
mod list;
mod reader;
mod short_rows;
mod texts;
mod unsound;

use std::process::Command;

use landfall_engine::{CostClass, FastPath, Plan, StepKind};
use rusqlite::Connection;

use crate::support::{Bench, query};
use How::{Edit, Native, Refused, Rewrite, Same};

/// How a change was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// There was nothing to do.
    Same,
    /// By ALTER TABLE alone.
    Native(CostClass),
    /// By an edit of the catalogue, and what it takes.
    Edit(CostClass),
    /// Into a new table.
    Rewrite,
    /// Not at all.
    Refused,
}

const NATIVE: How = Native(CostClass::Constant);
const EDIT: How = Edit(CostClass::Constant);
/// By an edit, and rows were read for it.
const SCAN: How = Edit(CostClass::Scan);
/// By an edit, and some rows were written for it.
const WIDEN: How = Edit(CostClass::Rewrite);

impl How {
    fn of(plan: Option<&Plan>) -> Self {
        let Some(plan) = plan else { return Same };
        let copies = |sql: &str| sql.starts_with("INSERT OR ABORT INTO");
        if plan.steps.iter().any(|step| step.kind() == StepKind::Rebuild && copies(&step.sql)) {
            return Rewrite;
        }
        let edits = plan.steps.iter().any(|step| step.kind() == StepKind::Edit);
        if edits { Edit(plan.cost.class) } else { Native(plan.cost.class) }
    }
}

/// A change of the table `t`.
struct Case {
    name: &'static str,
    old: String,
    /// Rows, and what happened to the table since.
    rows: &'static str,
    /// What is there before and after.
    rest: &'static str,
    new: String,
    /// In the modes `proved` and `full`.
    how: [How; 2],
    /// In mode `off`; nearly always a rewrite.
    off: How,
    /// A statement that must fail afterwards.
    denied: &'static str,
    /// A statement that must succeed afterwards.
    allowed: String,
}

const BASE: [&str; 5] = ["k INTEGER PRIMARY KEY", "a INTEGER", "b TEXT", "c REAL", "p INTEGER"];

const ROWS: &str = "WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
    INSERT INTO t (k, a, b, c, p) SELECT i * 3, i % 7, 'B' || i, iif(i % 5, i / 2, i * 1.25), 1 + i % 3 FROM n";

/// With a trigger that tells whether a statement of ours fired it.
const REST: &str = "CREATE INDEX t_b ON t (b); CREATE INDEX t_c ON t (c, a); CREATE TABLE log (what);
    CREATE TRIGGER t_log AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (new.k); END;
    CREATE VIEW v AS SELECT a, b FROM t;";

const PARENT: &str = "CREATE TABLE p (id INTEGER PRIMARY KEY, x TEXT UNIQUE);";

/// The table with some of its columns declared otherwise, and with more columns or constraints.
fn t(items: &[&str]) -> String {
    let name = |item: &str| item.split(' ').next().unwrap_or_default().to_owned();
    let mut all: Vec<_> = BASE.map(str::to_owned).to_vec();
    for item in items {
        let is_column = name(item).chars().all(|c| c.is_ascii_lowercase());
        match all.iter_mut().find(|there| is_column && name(there) == name(item)) {
            Some(there) => *there = (*item).to_owned(),
            None => all.push((*item).to_owned()),
        }
    }
    format!("CREATE TABLE t ({})", all.join(", "))
}

fn case(name: &'static str, old: String, new: String, how: [How; 2]) -> Case {
    Case { name, old, rows: ROWS, rest: REST, new, how, off: Rewrite, denied: "", allowed: String::new() }
}

impl Case {
    fn rows(self, rows: &'static str) -> Self {
        Self { rows, ..self }
    }

    fn rest(self, rest: &'static str) -> Self {
        Self { rest, ..self }
    }

    fn off(self, off: How) -> Self {
        Self { off, ..self }
    }

    fn denies(self, denied: &'static str) -> Self {
        Self { denied, ..self }
    }

    fn allows(self, allowed: &str) -> Self {
        Self { allowed: allowed.to_owned(), ..self }
    }

    fn database(&self, journal_mode: &str) -> Bench {
        let Self { old, rows, rest, .. } = self;
        let sql = format!(
            "PRAGMA journal_mode = {journal_mode}; PRAGMA user_version = 41; PRAGMA application_id = 42;
             {PARENT} INSERT INTO p VALUES (1, 'x'), (2, 'y'), (3, 'z'); {old}; {rest}; {rows}; DELETE FROM log;"
        );
        let sql = if rest.contains("t_log") { sql } else { sql.replace("DELETE FROM log;", "") };
        let allow = ["CHANGES_VALUES:*", "DROPS_COLUMN:*", "RENUMBERS_ROWIDS:*", "LOOKS_LIKE_RENAME:*"];
        Bench::new(&sql).with(|s| s.allow = allow.iter().map(|name| name.parse().unwrap()).collect())
    }

    fn schema(&self) -> String {
        format!("{PARENT}\n{};\n{}", self.new, self.rest)
    }

    /// Runs the change in every mode, and looks at what came of it in every way that there is.
    fn check(&self) {
        for journal_mode in ["wal", "delete"] {
            let bench = self.database(journal_mode);
            let rewritten = bench.twin().with(|s| s.fast_path = FastPath::Off);
            self.change(&rewritten, self.off, "off");
            for (mode, how) in [FastPath::Proved, FastPath::Full].into_iter().zip(self.how) {
                let changed = bench.twin().with(|s| s.fast_path = mode);
                self.change(&changed, how, mode.as_str());
                let what = format!("{} in mode {} is otherwise than rewritten", self.name, mode.as_str());
                assert_eq!(contents(&changed.open()), contents(&rewritten.open()), "{what}");
                assert_eq!(marks(&changed.open()), marks(&rewritten.open()), "{what}");
            }
        }
    }

    fn change(&self, bench: &Bench, how: How, mode: &str) {
        let what = format!("{} in mode {mode}", self.name);
        if how == Refused {
            let error = bench.refuses(&self.schema());
            assert!(error.message.contains("VIOLATED_CONSTRAINT"), "{what}: {error}");
            return;
        }
        let before = contents(&bench.open());
        // It has read the old schema, and keeps a statement that was compiled for it.
        let cached = bench.open();
        let mut statement = cached.prepare("SELECT * FROM t ORDER BY 1, 2").unwrap();
        typed(&mut statement);
        let report = bench.reaches(&self.schema());
        let steps =
            report.plan.iter().flat_map(|plan| plan.steps.iter().map(|step| &step.sql)).collect::<Vec<_>>();
        assert_eq!(How::of(report.plan.as_ref()), how, "{what}: {steps:#?}");
        let fresh = bench.open();
        assert_eq!(
            typed(&mut statement),
            typed(&mut fresh.prepare("SELECT * FROM t ORDER BY 1, 2").unwrap()),
            "{what}: the cached statement reads something else"
        );
        drop(statement);
        is_sound(&fresh, &what);
        is_read_by_an_older_sqlite(bench, &what);
        if bench.query("SELECT count(*) FROM sqlite_schema WHERE name = 'log'") == "1" {
            assert_eq!(bench.query("SELECT count(*) FROM log"), "0", "{what}: a trigger was fired");
        }
        assert_eq!(bench.query("PRAGMA user_version") + &bench.query("PRAGMA application_id"), "4142");
        for conn in [&cached, &fresh] {
            self.enforces(conn, &what);
        }
        drop((cached, fresh));
        assert_eq!(contents(&bench.open()).len(), before.len(), "{what}: rows came or went");
        assert_eq!(meaning(&bench.open()), meaning(&pristine(&self.schema())), "{what}");
    }

    fn enforces(&self, conn: &Connection, what: &str) {
        conn.pragma_update(None, "foreign_keys", true).unwrap();
        for (sql, succeeds) in [(self.denied, false), (self.allowed.as_str(), true)] {
            if sql.is_empty() {
                continue;
            }
            let done = conn.execute_batch(&format!("BEGIN; {sql}"));
            let done = done.and_then(|()| conn.execute_batch("SAVEPOINT all_of_it; RELEASE all_of_it"));
            // A deferred key is looked at by COMMIT.
            let kept = query(conn, "SELECT count(*) FROM pragma_foreign_key_check") == "0";
            assert_eq!(done.is_ok() && kept, succeeds, "{what}: {sql}: {done:?}");
            conn.execute_batch("ROLLBACK").unwrap();
        }
    }
}

fn all(cases: impl IntoIterator<Item = Case>) {
    cases.into_iter().for_each(|case| case.check());
}

/// A statement that fails where the condition does not hold.
fn holds(condition: &str) -> String {
    format!("SELECT iif({condition}, 1, abs(-9223372036854775808))")
}

fn pristine(schema: &str) -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(schema).unwrap();
    conn
}

fn typed(statement: &mut rusqlite::Statement<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let columns = row.as_ref().column_count();
        found.push((0..columns).map(|at| format!("{:?} ", row.get_ref(at).unwrap())).collect());
    }
    found
}

/// Every value with its type and rowid, table by table, columns by name: a rewrite lays them in another order.
fn contents(conn: &Connection) -> Vec<String> {
    let sql = contents_sql(conn);
    sql.iter().flat_map(|sql| query(conn, sql).lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn contents_sql(conn: &Connection) -> Vec<String> {
    let tables = query(
        conn,
        "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    );
    let select = |line: &str| {
        let (name, without_rowid) = line.split_once('|').unwrap();
        let columns = query(
            conn,
            &format!("SELECT name FROM pragma_table_xinfo('{name}') WHERE hidden <> 1 ORDER BY lower(name)"),
        );
        let rowid = if without_rowid == "1" { None } else { Some("quote(_rowid_)".to_owned()) };
        let values = columns.lines().map(|c| format!("typeof(\"{c}\") || quote(\"{c}\")"));
        let all: Vec<_> = rowid.into_iter().chain(values).collect();
        format!("SELECT '{name} ' || {} FROM \"{name}\" NOT INDEXED ORDER BY 1", all.join(" || ' ' || "))
    };
    tables.lines().map(select).collect()
}

/// A mark of 0 is none: the next row gets the same key.
fn marks(conn: &Connection) -> String {
    let is_there = "SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_sequence'";
    if query(conn, is_there) == "0" {
        return String::new();
    }
    query(conn, "SELECT name, seq FROM sqlite_sequence WHERE seq <> 0 ORDER BY name")
}

/// What SQLite itself has to say, and that every index finds what the table holds, before and after it is made again.
fn is_sound(conn: &Connection, what: &str) {
    for (pragma, expected) in [("integrity_check", "ok"), ("quick_check", "ok"), ("foreign_key_check", "")] {
        assert_eq!(query(conn, &format!("PRAGMA {pragma}")), expected, "{what}: {pragma}");
    }
    through_indexes(conn, what);
    let before = contents(conn);
    conn.execute_batch("SAVEPOINT again; REINDEX").unwrap();
    through_indexes(conn, what);
    assert_eq!(contents(conn), before, "{what}: REINDEX changes what is read");
    conn.execute_batch("ROLLBACK TO again; RELEASE again").unwrap();
}

/// What is read and found by way of each index is what the table itself says: integrity_check does not see all of that.
fn through_indexes(conn: &Connection, what: &str) {
    let keys = query(
        conn,
        "SELECT DISTINCT list.name, info.name FROM pragma_index_list('t') AS list, pragma_index_xinfo(list.name) AS info
         WHERE NOT list.partial AND info.key AND info.name IS NOT NULL AND list.name NOT IN (
             SELECT 'sqlite_autoindex_t_1' FROM pragma_table_list('t') WHERE wr)",
    );
    for (index, column) in keys.lines().filter_map(|line| line.split_once('|')) {
        let both = |sql: &str| {
            let sql = sql.replace("COLUMN", &format!("\"{column}\""));
            let [by, without] = [format!("INDEXED BY \"{index}\""), "NOT INDEXED".to_owned()]
                .map(|way| query(conn, &sql.replace("WAY", &way)));
            assert_eq!(by, without, "{what}: {column} by {index}");
        };
        both("SELECT typeof(COLUMN) || quote(COLUMN) FROM t WAY ORDER BY 1");
        both(
            "SELECT count(*) FROM (SELECT DISTINCT quote(COLUMN), COLUMN AS value FROM t NOT INDEXED) JOIN t WAY ON COLUMN = value",
        );
        both("SELECT quote(COLUMN) FROM t WAY WHERE COLUMN > 3 ORDER BY 1");
        both("SELECT quote(COLUMN) FROM t WAY WHERE COLUMN < 'B2' ORDER BY 1");
    }
}

/// Debian's `sqlite3`, where there is one: it must read the schema and the same values.
fn is_read_by_an_older_sqlite(bench: &Bench, what: &str) {
    let conn = bench.open();
    let sql = contents_sql(&conn);
    let output = Command::new("sqlite3")
        .arg(bench.db())
        .arg(format!("PRAGMA integrity_check; {};", sql.join("; ")))
        .output();
    let Ok(output) = output else { return };
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let mut expected = vec!["ok".to_owned()];
    expected.extend(contents(&conn));
    let [said, expected] = [said, expected.join("\n")].map(|text| with_numbers(&text));
    assert_eq!(said, expected, "{what}: as sqlite3 reads it");
}

/// Versions of SQLite write the same REAL with more or fewer digits.
fn with_numbers(text: &str) -> Vec<Vec<String>> {
    let number = |word: &str| word.strip_prefix("real").and_then(|digits| digits.parse::<f64>().ok());
    let word = |word: &str| number(word).map_or_else(|| word.to_owned(), |number| number.to_string());
    text.lines().map(|line| line.split(' ').map(word).collect()).collect()
}

/// What the PRAGMAs tell, independent of the engine's own reading of the text; columns in whatever order.
fn meaning(conn: &Connection) -> String {
    crate::random::meaning(conn)
}
