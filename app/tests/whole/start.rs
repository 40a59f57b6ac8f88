//! What keeps the service from serving, and how it is served behind Landfall.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use landfall_testkit::requires;

use crate::project::{Project, spawned};
use landfall_testkit::server::{self, Ran};

#[track_caller]
fn refused(command: &mut Command) -> String {
    let Ran { exit, stderr, .. } = server::refused(command, "serving on");
    assert_eq!(exit, 1, "{stderr}");
    stderr
}

#[test]
fn a_port_that_is_taken_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = refused(Project::new().app().env("PORT", port.to_string()));
    assert!(error.starts_with(&format!("error: 127.0.0.1:{port} is in use by another process\n")), "{error}");
}

#[test]
fn what_is_no_database_is_refused_and_left_alone() {
    let project = Project::new();
    fs::write(project.path("letter"), "Dear Ada, this is a letter and no database at all.").unwrap();
    let error = |path: &str| refused(project.app().env("DB_PATH", path));
    assert_snapshot!(error("none"), @"
    error: cannot open none: unable to open database file: none
    name an SQLite database that this user may write, with DB_PATH
    ");
    assert_snapshot!(error("letter"), @"
    error: cannot open letter: file is not a database
    name an SQLite database that this user may write, with DB_PATH
    ");
    assert_snapshot!(error(".data"), @"
    error: cannot open .data: unable to open database file: .data
    name an SQLite database that this user may write, with DB_PATH
    ");
    assert!(!project.path("none").exists());
}

#[test]
fn help_tells_every_variable_and_exit_code() {
    let project = Project::new();
    let output = project.app().arg("--help").output().unwrap();
    assert!(output.status.success());
    assert_snapshot!(String::from_utf8(output.stdout).unwrap(), @"
    A small web service on one SQLite file

    Usage: app

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Environment:
      DB_PATH                the database, which must be there [default: .data/db]
      PORT, LISTEN           where to serve [default: 8080, 127.0.0.1]
      APP_PASSWORD           the page and the API ask for it [default: open; closed on Fly.io]
      APP_CLIENT_IP_HEADER   the header with the client's address, of a proxy that nobody gets around
                             [default: none; Fly-Client-IP on Fly.io]
      LANDFALL_VERSION       what /version answers; `landfall start -- app` sets it

    Exit codes: 0 asked to stop, 1 failed, 2 wrong usage
    ");
}

#[test]
fn behind_landfall_it_is_migrated_then_served_and_stopped_as_one_process() {
    const NAME: &str = "behind_landfall_it_is_migrated_then_served_and_stopped_as_one_process";
    let app = PathBuf::from(env!("CARGO_BIN_EXE_app"));
    let Some(landfall) = requires::landfall(NAME, &app) else { return };
    let project = Project::new();
    fs::write(
        project.path("schema.sql"),
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL, email TEXT);\n",
    )
    .unwrap();
    let mut start = Command::new(landfall);
    start.args(["start", "--"]).arg(&app).current_dir(project.path("."));
    start.env_clear().env("PORT", "0").env("LANDFALL_COMMIT", "0123abc").stdin(Stdio::null());
    let server = spawned(&mut start);
    assert_eq!(server.post("/customers", "first_name=Ada&last_name=Lovelace").status, 303);
    let version = server.get("/version").json();
    assert_eq!(version["schema"]["live"], version["schema"]["declared"]);
    assert_eq!(version["commit"], "0123abc");
    assert!(project.path(".data/db.lock").exists());
    let (exit, log) = server.stop();
    assert_eq!(exit, 0, "{log}");
    assert!(log.contains("ADD COLUMN") && log.ends_with("INFO stopped\n"), "{log}");
    assert!(!project.path(".data/db-wal").exists());
    assert_eq!(project.customers(), ["1 Ada Lovelace"]);
}
