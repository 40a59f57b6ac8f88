//! Output that cannot be written: a full disk is an error, a reader that went away is none.

use std::fs::{self, File};
use std::io;
use std::process::Stdio;

use insta::assert_snapshot;

use crate::project::{Project, stable};
use landfall_testkit::server::{Ran, ran};

const WITH_EMAIL: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL, email TEXT);\n";

/// All that end by themselves, with what they end with where their output can be written.
const COMMANDS: &[(&[&str], i32)] = &[
    (&["--help"], 0),
    (&["--version"], 0),
    (&["help", "migrate"], 0),
    (&["migrate"], 0),
    (&["migrate", "--check"], 4),
    (&["migrate", "--dry-run"], 0),
    (&["migrate", "--format", "json"], 0),
    (&["migrate", "--nonsense", "--format", "json"], 2),
    (&["inspect"], 0),
    (&["inspect", "--format", "json"], 0),
    (&["backup", ".data/copy"], 0),
    (&["backup", "--list"], 0),
    (&["restore", ".data/made"], 0),
    (&["restore", ".data/none", "--format", "json"], 1),
    (&["discard", ".data/none", "--format", "json"], 2),
    (&["last-change"], 0),
    (&["status"], 0),
    (&["version"], 0),
];

/// Out of sync, and with a copy beside the database.
fn project() -> Project {
    let project = Project::with_ada();
    assert_eq!(project.run(&["backup", ".data/made"]).exit, 0);
    project.declare(WITH_EMAIL);
    project
}

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

fn gone() -> Stdio {
    io::pipe().unwrap().1.into()
}

fn run(project: &Project, args: &[&str], stdout: Stdio, stderr: Stdio) -> Ran {
    ran(project.landfall(args).stdout(stdout).stderr(stderr))
}

#[test]
fn a_full_stdout_is_an_error_of_every_command() {
    for (args, exit) in COMMANDS {
        let ran = run(&project(), args, full(), Stdio::piped());
        assert_eq!(ran.exit, (*exit).max(1), "{args:?}: {}", ran.stderr);
        let error = "error: cannot write the output: No space left on device (os error 28)";
        assert!(ran.stderr.contains(error), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn a_full_stderr_is_an_error_that_only_the_exit_code_can_tell() {
    let project = project();
    for (args, exit) in
        [(&["migrate", "--nonsense"][..], 2), (&["restore", ".data/none"], 1), (&["inspect"], 0)]
    {
        assert_eq!(run(&project, args, Stdio::piped(), full()).exit, exit, "{args:?}");
    }
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    for (args, exit) in COMMANDS {
        let ran = run(&project(), args, gone(), Stdio::piped());
        assert_eq!(ran.exit, *exit, "{args:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains("cannot write"), "{args:?}: {}", ran.stderr);
        assert_eq!(run(&project(), args, Stdio::null(), gone()).exit, *exit, "{args:?}");
    }
}

#[test]
fn a_change_whose_report_cannot_be_written_is_made_and_told() {
    let project = project();
    let migrate = run(&project, &["migrate"], full(), Stdio::piped());
    assert_eq!(migrate.exit, 1);
    let _stable = stable();
    assert_snapshot!(migrate.error(), @"
    error: cannot write the output: No space left on device (os error 28); it was to say: .data/db is now what schema.sql says: 1 step in [time]
    make room there, or send it elsewhere
    ");
    assert_eq!(project.run(&["migrate", "--check"]).exit, 0);
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
}

#[test]
fn a_copy_that_was_put_back_is_told_where_the_report_cannot_be_written() {
    let project = project();
    let json = run(&project, &["restore", ".data/made", "--format", "json"], full(), Stdio::piped());
    assert_eq!(json.exit, 1);
    let _stable = stable();
    assert_snapshot!(json.error(), @"
    error: cannot write the output: No space left on device (os error 28); it was to say: .data/db is now a copy of .data/made: 8192 bytes in [time], integrity checked
    make room there, or send it elsewhere
    ");
    let names = fs::read_dir(project.path(".data")).unwrap().map(|file| file.unwrap().file_name());
    assert!(names.into_iter().any(|name| name.to_string_lossy().contains("set-aside")));
}
