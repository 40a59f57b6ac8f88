//! What is in the database, how much room is left, what lies beside it.

use std::fs;

use insta::assert_snapshot;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::project::{CUSTOMERS, Project, stable};

const COPY: &str = ".data/db.before-20250101T000000Z-aaaaaaaaaaaa";

fn report(project: &Project, arguments: &[&str]) -> Value {
    let ran = project.run(&[&["status", "--format", "json"], arguments].concat());
    assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""));
    let document = ran.json();
    assert_eq!((&document["command"], &document["error"]), (&json!("status"), &Value::Null));
    document["report"].clone()
}

/// Beside the database: two copies, one that was set aside, and what must not be taken for either.
fn project() -> Project {
    let project = Project::new();
    project.declare(&format!("{CUSTOMERS}CREATE TABLE \"all orders\" (id INTEGER PRIMARY KEY);\n"));
    assert_eq!(project.run(&["migrate"]).exit, 0);
    project.sql("INSERT INTO customers VALUES (7, 'Ada', 'Lovelace')");
    project.sql(
        "INSERT INTO \"all orders\" WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12) SELECT i FROM n",
    );
    assert_eq!(project.run(&["backup", COPY]).exit, 0);
    for name in [
        "before-20250102T030405Z-bbbbbbbbbbbb",
        "set-aside-20250103T000000Z",
        "before-20250103T000000Z-cccccccccccc.partial",
        "before-20250101T000000Z-aaaaaaaaaaaa-wal",
        "before-lunch",
        "set-aside-20250103T000000Z.last-change",
        "set-aside-20250103T000000Z-wal",
        "pull-1",
    ] {
        fs::write(project.path(&format!(".data/db.{name}")), "short").unwrap();
    }
    project
}

#[test]
fn everything_is_told_and_nothing_is_written() {
    let project = project();
    let names = || {
        let entries = fs::read_dir(project.path(".data")).unwrap().map(|entry| entry.unwrap());
        let mut names: Vec<_> =
            entries.map(|entry| (entry.file_name(), fs::read(entry.path()).unwrap())).collect();
        names.sort();
        names
    };
    let before = names();
    let mut report = report(&project, &[]);
    let bytes = |file: &str| fs::metadata(project.path(file)).unwrap().len();
    let disk = report["disk"].take();
    let keys: Vec<_> = disk.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["free", "total"]);
    assert!(0 < disk["free"].as_u64().unwrap() && disk["free"].as_u64() <= disk["total"].as_u64());
    let schema = report["schema"].take();
    let declared = project.run(&["version", "--format", "json"]).json();
    assert_eq!(schema, declared["report"]["schema"]["declared"]);
    assert_eq!(
        report,
        json!({
            "file": ".data/db",
            "bytes": bytes(".data/db"),
            "tables": [{ "table": "customers", "rows": 1 }, { "table": "all orders", "rows": 12 }],
            "schema": null,
            "disk": null,
            "copies": [
                { "file": ".data/db.before-20250102T030405Z-bbbbbbbbbbbb", "bytes": 5, "time": "2025-01-02T03:04:05Z" },
                { "file": COPY, "bytes": bytes(COPY), "time": "2025-01-01T00:00:00Z" },
            ],
            "set_aside": [
                { "file": ".data/db.set-aside-20250103T000000Z", "bytes": 5, "time": "2025-01-03T00:00:00Z" },
            ],
        })
    );
    assert_eq!(names(), before);
}

#[test]
fn what_a_person_is_told() {
    let project = project();
    let status = project.run(&["status"]);
    assert_eq!((status.exit, status.stderr.as_str()), (0, ""));
    let _stable = stable();
    let disk = status.stdout.lines().find(|line| line.starts_with("disk")).unwrap();
    assert_snapshot!(status.stdout.replace(disk, "disk      [free] of [total] MiB free"), @"
    database  .data/db
    size      12288 bytes
    disk      [free] of [total] MiB free
    schema    [fingerprint]

    rows
      customers    1
      all orders  12

    copies, made before a change
      2025-01-02T03:04:05Z      5 bytes  .data/db.before-20250102T030405Z-bbbbbbbbbbbb
      2025-01-01T00:00:00Z  12288 bytes  .data/db.before-20250101T000000Z-aaaaaaaaaaaa

    set aside, when a copy was put back
      2025-01-03T00:00:00Z  5 bytes  .data/db.set-aside-20250103T000000Z
    ");
    assert!(disk.ends_with(" MiB free"));
}

#[test]
fn another_file_is_told_of_by_itself() {
    let project = project();
    project.sql("DELETE FROM \"all orders\"");
    fs::remove_file(project.path(&format!("{COPY}-wal"))).unwrap();
    let report = report(&project, &[COPY]);
    assert_eq!(report["file"], COPY);
    assert_eq!(report["tables"][1], json!({ "table": "all orders", "rows": 12 }));
    assert_eq!((&report["copies"], &report["set_aside"]), (&json!([]), &json!([])));
    let itself = project.run(&["status", ".data/db", "--format", "json"]).json();
    assert_eq!(itself["report"]["copies"].as_array().unwrap().len(), 2);
}

#[test]
fn while_it_is_served_rows_that_are_not_in_the_file_yet_are_counted() {
    let project = Project::with_ada();
    let service = project.service();
    service.execute_batch("INSERT INTO customers VALUES (8, 'Grace', 'Hopper')").unwrap();
    assert_eq!(report(&project, &[])["tables"], json!([{ "table": "customers", "rows": 2 }]));
}

#[test]
fn what_is_missing_elsewhere_or_no_database_is_refused() {
    let project = Project::new();
    let refused = |exit: i32, arguments: &[&str]| {
        let refused = project.run(&[&["status"], arguments].concat());
        assert_eq!((refused.exit, refused.stdout.as_str()), (exit, ""));
        refused.error().to_owned()
    };
    assert_snapshot!(refused(1, &[]), @"
    error: there is no database at .data/db
    create it with: landfall migrate, or name another one with DB_PATH
    ");
    assert!(!project.path(".data").exists());
    assert_eq!(project.run(&["migrate"]).exit, 0);
    assert_snapshot!(refused(1, &[".data/other"]), @"
    error: there is no database at .data/other
    name one that is there: landfall status lists them
    ");
    assert_snapshot!(refused(2, &["schema.sql"]), @"
    error: schema.sql does not lie beside .data/db; nothing was changed
    name a file in .data: landfall status lists them
    ");
    fs::write(project.path(".data/letter"), "Dear Ada, this is a letter and no database at all.").unwrap();
    assert_snapshot!(refused(1, &[".data/letter"]), @"
    error: the database .data/letter cannot be opened: it is not an SQLite database, or it is encrypted; nothing was changed
    name another file
    ");
}

#[test]
fn a_schema_that_is_not_the_declared_one_has_another_fingerprint() {
    let project = Project::with_ada();
    let declared = report(&project, &[])["schema"].clone();
    Connection::open(project.database()).unwrap().execute_batch("CREATE TABLE more (x)").unwrap();
    let now = report(&project, &[]);
    assert_ne!(now["schema"], declared);
    assert_eq!(now["tables"][1], json!({ "table": "more", "rows": 0 }));
}
