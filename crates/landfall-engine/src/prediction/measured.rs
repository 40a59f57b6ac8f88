//! Predictions beside real runs: what the rates of `prediction.rs` come from.
//!
//! `cargo test -p landfall-engine --lib measured -- --ignored --nocapture` takes an hour with a million rows; `ROWS=10000,100000` before it
//! chooses. A line is a run; behind it what each part took, in microseconds a row. The last lines are what a margin stands on.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs::File;
use std::path::Path;

use rusqlite::Connection;

use crate::calibration::Calibration;
use crate::declared::Declared;
use crate::plan::Step;
use crate::report::{Part, Report, Timing};
use crate::settings::{FastPath, PlannerChoice, Settings};

const SIZES: &str = "10000,100000,1000000";

/// Columns beside the key, and their values in row `i`: `a` is a number, or text that is one.
struct Shape {
    name: &'static str,
    columns: String,
    values: String,
}

fn shapes() -> [Shape; 4] {
    let text = "CAST(1000000 + i AS TEXT), printf('%08x@example.com', i * 2654435761 % 4294967296)";
    let usual = "'Customer ' || (i * 7919 % 1000003), 'City ' || (i * 6007 % 5003), i * 31 % 100, (i * 97 % 100003) / 7.0,
        'asked for an invoice by post and for a copy of the one before, last spoken to on day ' || (i % 3650)";
    let many = |of: fn(u32) -> String| (0..40).map(of).collect::<Vec<_>>().join(", ");
    let shape = |name, columns: &str, values: &str| Shape {
        name,
        columns: format!("a {columns}"),
        values: values.to_owned(),
    };
    [
        shape("narrow", "INTEGER NOT NULL, b INTEGER", "i * 7919 % 1000003, i * 31 % 100"),
        shape(
            "usual",
            "TEXT NOT NULL, b TEXT, c TEXT, d TEXT, e INTEGER, f REAL, g TEXT",
            &format!("{text}, {usual}"),
        ),
        shape("wide", "TEXT NOT NULL, b TEXT, c TEXT", &format!("{text}, hex(zeroblob(500))")),
        shape(
            "many",
            &format!("TEXT NOT NULL, b TEXT, {}", many(|n| format!("c{n} INTEGER"))),
            &format!("{text}, {}", many(|n| format!("i * {} % 1009", n * 2 + 7))),
        ),
    ]
}

/// A change of the declared text; `full` where indexes may stay.
struct Change {
    name: &'static str,
    indexes: usize,
    fast_path: FastPath,
    of: fn(&str) -> String,
}

fn changes() -> Vec<Change> {
    let change = |name, indexes, of| Change { name, indexes, fast_path: FastPath::Proved, of };
    let retyped: fn(&str) -> String = |sql| {
        let to_text = sql.contains("a INTEGER");
        if to_text { sql.replacen("a INTEGER", "a TEXT", 1) } else { sql.replacen("a TEXT", "a INTEGER", 1) }
    };
    vec![
        change("rewrite", 0, retyped),
        change("rewrite, 3 indexes", 3, retyped),
        Change { fast_path: FastPath::Full, ..change("rewrite, full", 3, retyped) },
        change("unique", 1, |sql| sql.replacen(" NOT NULL", " NOT NULL UNIQUE", 1)),
        change("drop column", 0, |sql| {
            let (before, after) = sql.split_once(", b ").unwrap();
            format!("{before}\n-- @dropped b\n{}", &after[after.find([',', ')']).unwrap()..])
        }),
        change("check", 1, |sql| sql.replacen(" NOT NULL", " NOT NULL CHECK (a <> 7)", 1)),
        change("index", 0, |sql| format!("{sql}CREATE INDEX fresh ON t (a, b);\n")),
        change("foreign key", 0, |sql| sql.replacen("t INTEGER", "t INTEGER REFERENCES t (id)", 1)),
        change("words", 0, |sql| format!("{sql}CREATE VIRTUAL TABLE w USING fts5 (b, content = t);\n")),
        change("add column", 1, |sql| sql.replacen(" NOT NULL", " NOT NULL, fresh TEXT", 1)),
    ]
}

fn schema(shape: &Shape, indexes: usize) -> [String; 2] {
    let index = |n: usize| format!("CREATE INDEX i{n} ON t ({});\n", ["b", "a, b", "b, a"][n]);
    let tables = format!(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, {});\nCREATE TABLE child (id INTEGER PRIMARY KEY, t INTEGER);\n",
        shape.columns
    );
    [tables, (0..indexes).map(index).collect()]
}

fn make(file: &Path, shape: &Shape, indexes: usize, rows: u64, mode: &str) {
    let conn = Connection::open(file).unwrap();
    let [tables, indexes] = schema(shape, indexes);
    conn.execute_batch(&format!("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN; {tables}"))
        .unwrap();
    let numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?1)";
    conn.execute(&format!("{numbers} INSERT INTO t SELECT i, {} FROM n", shape.values), [rows]).unwrap();
    conn.execute(&format!("{numbers} INSERT INTO child SELECT i, 1 + i * 7919 % 100 FROM n"), [rows])
        .unwrap();
    conn.execute_batch(&format!("{indexes} COMMIT; PRAGMA journal_mode = {mode}")).unwrap();
    drop(conn);
    File::open(file).unwrap().sync_all().unwrap();
}

/// Real against predicted, and whether that is within the margin.
fn run(shape: &Shape, change: &Change, rows: u64, mode: &str) -> (f64, bool) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("db");
    make(&file, shape, change.indexes, rows, mode);
    let settings =
        Settings { planner: PlannerChoice::Builtin, fast_path: change.fast_path, ..Settings::default() };
    let pace = Calibration::new(Some(&Connection::open(&file).unwrap())).pace("t").unwrap();
    let declared = (change.of)(&schema(shape, change.indexes).concat());
    let declared = Declared::parse(Path::new("schema.sql"), &declared, &settings).unwrap();
    let report = crate::migrate::migrate(&file, &declared, &settings, &mut ()).unwrap();
    let (plan, real) = (report.plan.as_ref().unwrap(), report.seconds.unwrap());
    let ratio = real / plan.prediction.seconds;
    println!(
        "{:6} {rows:>8} {mode:6} {:18} {:8.3} {real:8.3} {ratio:5.2}  read {:.2} µs, {:.0} B;{}",
        shape.name,
        change.name,
        plan.prediction.seconds,
        pace.seconds * 1e6,
        pace.bytes,
        parts(&report, &plan.steps, rows)
    );
    (ratio, (plan.prediction.low..=plan.prediction.high).contains(&real))
}

/// What took at least a fiftieth of a microsecond a row.
fn parts(report: &Report, steps: &[Step], rows: u64) -> String {
    let mut steps = steps.iter();
    let mut told = |timing: &Timing| {
        let step = if timing.part == Part::Step { steps.next() } else { None };
        let what = step
            .map_or(format!("{:?}", timing.part), |step| format!("{:?} {:?}", step.kind(), step.cost.class));
        (what.to_lowercase(), timing.seconds * 1e6 / rows as f64)
    };
    let parts: Vec<_> = report.timings.iter().map(&mut told).collect();
    parts.iter().filter(|(_, each)| *each >= 0.02).map(|(what, each)| format!(" {what} {each:.2}")).collect()
}

#[test]
#[ignore = "takes an hour, and decides nothing: it prints what the rates are made of"]
fn predictions_beside_real_runs() {
    let sizes = std::env::var("ROWS").unwrap_or(SIZES.to_owned());
    println!("table      rows mode   change             predicted   real ratio");
    for rows in sizes.split(',').map(|size| size.parse().unwrap()) {
        let mut runs = Vec::new();
        for shape in &shapes() {
            for mode in ["wal", "delete"] {
                runs.extend(changes().iter().map(|change| run(shape, change, rows, mode)));
            }
        }
        let within = runs.iter().filter(|(_, within)| *within).count();
        let mut ratios: Vec<_> = runs.iter().map(|(ratio, _)| *ratio).collect();
        ratios.sort_by(f64::total_cmp);
        let at = |part: usize| ratios[(ratios.len() - 1) * part / 20];
        println!(
            "{rows} rows: {within} of {} within the margin; real / predicted: 5 % below {:.2}, half below {:.2}, 95 % below {:.2}",
            runs.len(),
            at(1),
            at(10),
            at(19)
        );
    }
}
