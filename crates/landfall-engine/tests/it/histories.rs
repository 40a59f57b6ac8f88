//! Real histories of schemas: every version to the next one, with rows in every table.
//!
//! The histories lie in `../shared/corpus` beside the project, a folder each; without them the test names itself as skipped.

use std::path::{Path, PathBuf};

use crate::support::{Bench, approvals, query};
use landfall_engine::{ErrorKind, Outcome};
use rusqlite::Connection;

#[test]
fn every_version_of_real_histories_reaches_the_next_one() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    if !corpus.is_dir() {
        landfall_testkit::requires::skip("every_version_of_real_histories_reaches_the_next_one", "corpus");
        return;
    }
    for history in children(&corpus).into_iter().filter(|path| path.is_dir()) {
        let versions = children(&history);
        let (mut changed, mut refused) = (0, Vec::new());
        for pair in versions.windows(2) {
            let old = std::fs::read_to_string(&pair[0]).unwrap();
            let new = std::fs::read_to_string(&pair[1]).unwrap();
            let name = pair[1].file_name().unwrap().to_string_lossy().into_owned();
            match step(&old, &new, &name) {
                Step::Same => {}
                Step::Reached => changed += 1,
                Step::Refused(why) => {
                    changed += 1;
                    refused.push(format!("{name}: {why}"));
                }
            }
        }
        let history = history.file_name().unwrap().to_string_lossy().into_owned();
        println!(
            "{history}: {changed} of {} steps change the schema, {} with rows that do not fit",
            versions.len() - 1,
            refused.len()
        );
        refused.iter().for_each(|line| println!("  {line}"));
        assert!(changed > 0);
    }
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

enum Step {
    Same,
    Reached,
    Refused(String),
}

fn step(old: &str, new: &str, name: &str) -> Step {
    // Some are declared in two files: what one of them lacks is in the other.
    let allow = approvals();
    let empty = Bench::new(old).with(|s| s.allow = allow.clone());
    let without_rows = empty.reaches(new);
    if without_rows.outcome == Outcome::InSync {
        return Step::Same;
    }
    let bench = Bench::new(old).with(|s| s.allow = allow);
    let tables = fill(&bench.open());
    assert!(tables > 5, "{name}: hardly a table has rows");
    let before = bench.dump();
    match bench.migrate(new) {
        Ok(_) => {
            assert_eq!(bench.reaches(new).outcome, Outcome::InSync, "{name}");
            Step::Reached
        }
        Err(error) => {
            assert_eq!(error.kind, ErrorKind::Hazard, "{name}: {error}");
            let expected = ["VIOLATED_CONSTRAINT", "NEEDS_BACKFILL"];
            let why = error.message.lines().find(|l| expected.iter().any(|e| l.contains(e)));
            assert!(why.is_some() && !error.message.contains("rolled back"), "{name}: {error}");
            assert_eq!(bench.dump(), before, "{name}");
            Step::Refused(why.unwrap().trim().to_owned())
        }
    }
}

/// Eight rows a table that refer to each other by number; the number of tables that took some.
fn fill(conn: &Connection) -> usize {
    conn.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).unwrap();
    let tables = query(
        conn,
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'",
    );
    for table in tables.lines() {
        let columns =
            query(conn, &format!("SELECT name, type FROM pragma_table_xinfo('{table}') WHERE hidden = 0"));
        for row in 1..=8 {
            let value = |line: &str| {
                let text = line.to_lowercase().contains("text") || line.to_lowercase().contains("char");
                if text { format!("'text {row}'") } else { row.to_string() }
            };
            let names: Vec<_> =
                columns.lines().map(|l| format!("\"{}\"", l.split('|').next().unwrap())).collect();
            let values: Vec<_> = columns.lines().map(value).collect();
            let sql = format!(
                "INSERT OR IGNORE INTO \"{table}\" ({}) VALUES ({})",
                names.join(", "),
                values.join(", ")
            );
            // A value that the column's type refuses leaves the table with fewer rows.
            drop(conn.execute_batch(&sql));
        }
    }
    // What refers to nothing goes, so that a new foreign key is broken by the schema and not by this function.
    while query(conn, "SELECT count(*) FROM pragma_foreign_key_check WHERE rowid IS NOT NULL") != "0" {
        let broken = query(
            conn,
            "SELECT \"table\", rowid FROM pragma_foreign_key_check WHERE rowid IS NOT NULL LIMIT 1",
        );
        let (table, rowid) = broken.split_once('|').unwrap();
        conn.execute_batch(&format!("DELETE FROM \"{table}\" WHERE rowid = {rowid}")).unwrap();
    }
    tables.lines().filter(|t| query(conn, &format!("SELECT count(*) FROM \"{t}\"")) != "0").count()
}
