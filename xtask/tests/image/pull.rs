//! Copies of a real service's database, pulled while it is written.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::container::fill;
use crate::production::{Production, names};
use crate::workspace::{Said, Workspace};
use landfall_testkit::requires;

const TAG: &str = "landfall-test:pull";
/// What is in the database before anybody writes.
const ROWS: u32 = 300_000;
/// A name that must not leave production.
const SECRET: &str = "Featherstonehaugh";

/// Adds about 200 rows a second, each in a transaction of its own, until `stop`.
fn write(conn: &Connection, written: &AtomicU64, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let number = written.load(Ordering::Relaxed) + 1;
        conn.execute("INSERT INTO customers (first_name, last_name) VALUES (?1, 'Written')", [number])
            .unwrap();
        written.store(number, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(5));
    }
}

/// Integrity, rows, and what distance the ids span.
fn measured(copy: &Path) -> (String, u64, u64) {
    let conn = Connection::open(copy).unwrap();
    let sound = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    let sql = "SELECT count(*), max(id) - min(id) + 1 FROM customers";
    let (rows, span) = conn.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    (sound, rows, span)
}

fn holds(file: &Path, text: &str) -> bool {
    fs::read(file).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
}

/// The sample, with a statement that replaces the name.
fn with_scrub(workspace: &Workspace) {
    let scrub =
        format!("scrub = [\"UPDATE customers SET last_name = 'L' || id WHERE last_name = '{SECRET}'\"]");
    workspace.edit("Cargo.toml", |text| text.replace("scrub = []", &scrub));
}

/// It must succeed; the report.
#[track_caller]
fn pulls(production: &Production, args: &[&str]) -> Value {
    production.ends(0, &[&["pull"], args].concat()).0["report"].clone()
}

/// Neither here nor on the machine.
#[track_caller]
fn left_nothing(production: &Production, said: &Said) {
    let there = names(&production.volume());
    assert!(!there.iter().any(|name| name.contains(".pull-")), "{there:?}\n{}", said.stderr);
    assert_eq!(names(&production.workspace.path(".data/pulled")), [".gitignore"], "{}", said.stderr);
}

#[test]
fn a_database_that_is_written_is_pulled_consistently_interrupted_cleanly_and_scrubbed() {
    const TEST: &str = "a_database_that_is_written_is_pulled_consistently_interrupted_cleanly_and_scrubbed";
    let Some(home) = requires::fly(TEST).filter(|_| requires::docker(TEST)) else { return };
    let production = Production::deployed(&home, TAG, with_scrub);
    fill(&production.volume().join("db"), "", ROWS);
    production
        .database()
        .execute("UPDATE customers SET last_name = ?1 WHERE id % 1000 = 0", [SECRET])
        .unwrap();

    let (written, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let rows = || u64::from(ROWS) + written.load(Ordering::Relaxed);
    thread::scope(|scope| {
        let conn = production.database();
        let (written, stop) = (&written, &stop);
        scope.spawn(move || write(&conn, written, stop));
        consistent(&production, rows);
        clean(&production);
        scrubbed(&production, rows);
        stop.store(true, Ordering::Relaxed);
    });
}

fn consistent(production: &Production, rows: impl Fn() -> u64) {
    while rows() < u64::from(ROWS) + 100 {
        thread::sleep(Duration::from_millis(5));
    }
    let before = rows();
    let report = pulls(production, &[]);
    let after = rows();
    let copy = production.workspace.path(report["file"].as_str().unwrap());
    let (sound, copied, span) = measured(&copy);
    assert_eq!((sound.as_str(), copied), ("ok", span), "no id is missing: {report}");
    assert!(before <= copied && copied <= after, "{before} <= {copied} <= {after}");
    assert!(before < after, "it was written meanwhile");
    assert_eq!(report["tables"], json!([{"table": "customers", "rows": copied}]));
    assert_eq!(report["record"]["commit"], production.commit);
    assert_eq!(report["record"]["bytes"], fs::metadata(&copy).unwrap().len());
    assert!(holds(&copy, SECRET), "it is as in production");
    fs::remove_dir_all(copy.parent().unwrap()).unwrap();
}

fn clean(production: &Production) {
    let asked = production.sim.commands().len();
    let copies = || {
        let commands = production.sim.commands();
        commands[asked..].iter().any(|command| command.contains("--detach"))
    };
    let arrives = || {
        let pulled = production.workspace.path(".data/pulled");
        let partial = names(&pulled).into_iter().find(|name| name.ends_with(".partial"));
        partial.is_some_and(|partial| !names(&pulled.join(partial)).is_empty())
    };
    for said in [production.interrupted(&["pull"], copies), production.interrupted(&["pull"], arrives)] {
        assert_eq!((said.exit, said.stdout.as_str()), (1, ""), "{}", said.stderr);
        assert!(
            said.stderr.ends_with("error: interrupted; nothing was pulled\nrun the command again\n"),
            "{}",
            said.stderr
        );
        left_nothing(production, &said);
    }
}

fn scrubbed(production: &Production, rows: impl Fn() -> u64) {
    let before = rows();
    let report = pulls(production, &["--scrub"]);
    let copy = production.workspace.path(report["file"].as_str().unwrap());
    let (sound, copied, span) = measured(&copy);
    assert_eq!((sound.as_str(), copied), ("ok", span), "{report}");
    assert!(before <= copied && copied <= rows());
    assert_eq!(report["record"]["scrubbed"], true);
    assert!(!holds(&copy, SECRET));
    let sql = "SELECT count(*) FROM customers WHERE last_name = ?1";
    let kept: u32 = production.database().query_row(sql, [SECRET], |row| row.get(0)).unwrap();
    assert_eq!(kept, ROWS / 1000, "production is as it was");
}
