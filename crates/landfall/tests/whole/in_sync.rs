//! A database that is what `schema.sql` says is read, and nothing tells of it afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::SystemTime;

use crate::project::{CUSTOMERS, Project, spawned};
use landfall_testkit::server::ran;

/// With an Atlas on the PATH that leaves a file when it is started.
fn under(project: &Project, mut command: Command) -> Command {
    let bin = project.path("bin");
    fs::create_dir_all(&bin).unwrap();
    let atlas = bin.join("atlas");
    fs::write(&atlas, format!("#!/bin/sh\n: > '{}'\nexit 1\n", project.path("started").display())).unwrap();
    fs::set_permissions(&atlas, fs::Permissions::from_mode(0o755)).unwrap();
    command.env("PATH", bin);
    command
}

/// Every file beside the database with its content and the time of its last change.
fn files(project: &Project) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
    let entries = fs::read_dir(project.path(".data")).unwrap().map(|entry| entry.unwrap());
    let file = |entry: fs::DirEntry| {
        let changed = entry.metadata().unwrap().modified().unwrap();
        (entry.file_name().into_string().unwrap(), (fs::read(entry.path()).unwrap(), changed))
    };
    entries.map(file).collect()
}

fn in_mode(mode: &str) -> Project {
    let project = Project::with_ada();
    project.sql(&format!("PRAGMA journal_mode = {mode}"));
    assert_eq!(files(&project).keys().collect::<Vec<_>>(), ["db", "db.last-change", "db.lock"]);
    project
}

#[test]
fn migrate_leaves_no_trace_and_starts_no_process() {
    let same = CUSTOMERS.to_owned();
    let other_text = CUSTOMERS.replace("TEXT NOT NULL", "text  NOT NULL");
    for (mode, schema) in [("WAL", &same), ("DELETE", &same), ("WAL", &other_text), ("DELETE", &other_text)] {
        let project = in_mode(mode);
        project.declare(schema);
        let before = files(&project);
        for arguments in [
            &["migrate"][..],
            &["migrate", "--check"],
            &["migrate", "--dry-run"],
            &["migrate", "--format", "json"],
        ] {
            let ran = ran(&mut under(&project, project.landfall(arguments)));
            assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""), "{arguments:?}");
            assert!(before == files(&project), "{mode} {arguments:?}: a file was written");
        }
        assert!(!project.path("started").exists());
    }
}

#[test]
fn json_tells_the_fingerprints() {
    let report = &in_mode("WAL").run(&["migrate", "--format", "json"]).json()["report"];
    assert!(report["live"].as_str().unwrap().starts_with("v1-"), "{report}");
    assert_eq!(report["live"], report["declared"]);
}

#[test]
fn start_leaves_the_database_and_starts_no_process() {
    for schema in [CUSTOMERS.to_owned(), CUSTOMERS.replace("TEXT NOT NULL", "text  NOT NULL")] {
        let project = in_mode("WAL");
        project.declare(&schema);
        let before = files(&project);
        let server = spawned(&mut under(&project, project.start()));
        let while_serving = files(&project);
        assert!(
            before.iter().all(|(name, file)| while_serving.get(name) == Some(file)),
            "a file was written"
        );
        assert_eq!(server.stop().0, 0);
        assert!(before == files(&project), "a file was written");
        assert!(!project.path("started").exists());
    }
}

#[test]
fn a_change_starts_that_atlas() {
    let project = in_mode("WAL");
    project.declare(&format!("{CUSTOMERS}CREATE TABLE more (a);"));
    assert_eq!(ran(&mut under(&project, project.landfall(&["migrate"]))).exit, 0);
    assert!(project.path("started").exists());
}
