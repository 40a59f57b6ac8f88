//! What is known of the last change afterwards.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::project::{CUSTOMERS, Project, stable};
use landfall_testkit::server::ran;

const REWRITTEN: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL UNIQUE);\n";
const RECORD: &str = ".data/db.last-change";

fn last_change(project: &Project) -> Value {
    let ran = project.run(&["last-change", "--format", "json"]);
    assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""));
    let document = ran.json();
    assert_eq!((&document["command"], &document["error"]), (&json!("last-change"), &Value::Null));
    document["report"].clone()
}

#[test]
fn without_a_change_there_is_nothing_to_tell() {
    let project = Project::new();
    assert_eq!(last_change(&project), Value::Null);
    assert_snapshot!(project.run(&["last-change"]).stdout, @"no change of this database is recorded yet");
    assert!(!project.path(".data").exists());
}

#[test]
fn a_change_is_recorded_with_its_copy_its_time_and_the_whole_report() {
    let project = Project::with_ada();
    project.declare(REWRITTEN);
    let migrated = ran(project.landfall(&["migrate", "--format", "json"]).env("LANDFALL_COMMIT", "0123abc"));
    let record = last_change(&project);
    let keys: Vec<_> = record.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["time", "commit", "sqlite", "copy", "seconds", "report"]);
    assert_eq!(record["report"], migrated.json()["report"]);
    assert_eq!(record["report"]["outcome"], "applied");
    assert_eq!(record["sqlite"], rusqlite::version());
    assert!(record["time"].as_str().unwrap().ends_with('Z'));
    let seconds = |value: &Value| value["seconds"].as_f64().unwrap();
    assert!(record["copy"]["bytes"].as_u64().unwrap() > 0);
    assert!(seconds(&record) >= seconds(&record["copy"]) + seconds(&record["report"]));
    assert_eq!(fs::metadata(project.path(RECORD)).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!fs::read_to_string(project.path(RECORD)).unwrap().contains("Lovelace"));
    let _stable = stable();
    let text = project.run(&["last-change"]).stdout;
    let text = text.replace(record["time"].as_str().unwrap(), "[when]");
    let text = text.replace(record["commit"].as_str().unwrap(), "[commit]");
    assert_snapshot!(text.replace(rusqlite::version(), "[version]"), @"
    .data/db was changed at [when] by commit [commit] with SQLite [version]
    steps: 6, in [time]
    copied before: 8192 bytes, in [time] of them
    rows of customers: 1 before, 1 after
    ");
}

#[test]
fn start_records_too_and_where_nothing_changes_the_record_stays() {
    let project = Project::with_ada();
    project.declare(&format!("{CUSTOMERS}CREATE TABLE more (x);\n"));
    assert_eq!(project.started().stop().0, 0);
    let first = fs::read(project.path(RECORD)).unwrap();
    assert_eq!(last_change(&project)["copy"], Value::Null);
    assert_eq!(project.started().stop().0, 0);
    assert_eq!(project.run(&["migrate", "--check"]).exit, 0);
    assert_eq!(fs::read(project.path(RECORD)).unwrap(), first);
}

#[test]
fn a_value_that_was_shown_is_not_recorded() {
    let project = Project::new();
    project.declare("CREATE TABLE codes (code TEXT);\n");
    assert_eq!(project.run(&["migrate"]).exit, 0);
    project.sql("INSERT INTO codes VALUES ('0070070')");
    project.declare("CREATE TABLE codes (code INTEGER);\n");
    let arguments = ["migrate", "--show-values", "--allow", "CHANGES_VALUES:*", "--format", "json"];
    let migrated = project.run(&arguments);
    assert_eq!(migrated.exit, 0, "{}", migrated.stderr);
    assert!(migrated.stdout.contains("0070070"));
    assert!(!fs::read_to_string(project.path(RECORD)).unwrap().contains("0070070"));
    assert_eq!(last_change(&project)["report"]["plan"]["hazards"][0]["name"], "CHANGES_VALUES");
}

#[test]
fn a_record_that_cannot_be_written_is_a_warning() {
    let project = Project::with_ada();
    fs::remove_file(project.path(RECORD)).unwrap();
    fs::create_dir(project.path(RECORD)).unwrap();
    project.declare(&format!("{CUSTOMERS}CREATE TABLE more (x);\n"));
    let migrated = project.run(&["migrate"]);
    assert_eq!(migrated.exit, 0);
    let warnings: Vec<_> = migrated.stderr.lines().filter(|line| line.contains("WARN")).collect();
    assert_snapshot!(warnings.join("\n"), @" WARN the record of this change, .data/db.last-change, cannot be written: Is a directory (os error 21)");
    assert_eq!(project.run(&["migrate", "--check"]).exit, 0);
}

#[test]
fn a_record_that_cannot_be_read_is_told() {
    let project = Project::with_ada();
    fs::write(project.path(RECORD), "{").unwrap();
    let refused = project.run(&["last-change"]);
    assert_eq!(refused.exit, 1);
    assert_snapshot!(refused.error(), @"
    error: the record of the last change, .data/db.last-change, cannot be read: EOF while parsing an object at line 1 column 1; nothing was changed
    remove it: the next change writes a new one
    ");
}
