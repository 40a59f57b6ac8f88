//! Output that cannot be written: a full disk is an error, a reader that went away is none.

use std::fs::File;
use std::io;
use std::process::Stdio;

use landfall_testkit::assert_said;
use landfall_testkit::world::{Said, World};

use crate::XTASK;

const SCHEMA: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);";
const CHANGED: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, phone TEXT);";

/// All that print something and end by themselves, with what they end with where it can be written.
const COMMANDS: &[(&[&str], i32)] = &[
    (&["--help"], 0),
    (&["migrate", "--help"], 0),
    (&["migrate", "--check"], 4),
    (&["migrate", "--check", "--format", "json"], 4),
    (&["migrate", "--dry-run"], 0),
    (&["migrate", "--dry-run", "--format", "json"], 0),
    (&["migrate", "--nonsense", "--format", "json"], 2),
    (&["inspect"], 0),
    (&["inspect", "--format", "json"], 0),
    (&["doctor"], 1),
    (&["doctor", "--format", "json"], 1),
    (&["bench", "--only", "nonsense", "--format", "json"], 2),
    (&["status", "--format", "json"], 2),
    (&["verify-sync", "--format", "json"], 2),
    (&["lock", "status", "--format", "json"], 2),
    (&["rollback", "--list", "--format", "json"], 2),
    (&["pull", "--format", "json"], 2),
    (&["rehearse", "--format", "json"], 2),
    (&["image", "--format", "json"], 2),
    (&["deploy", "--dry-run", "--format", "json"], 2),
];

fn world() -> World {
    let world = World::new(XTASK, CHANGED);
    world.sql(SCHEMA);
    world.sql("INSERT INTO customers VALUES (1, 'Ada')");
    world
}

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

fn gone() -> Stdio {
    io::pipe().unwrap().1.into()
}

fn run(world: &World, args: &[&str], stdout: Stdio, stderr: Stdio) -> Said {
    world.said(args, &world.command(args).stdout(stdout).stderr(stderr).output().unwrap())
}

#[test]
fn a_full_stdout_is_an_error_of_every_command_that_writes_there() {
    let world = world();
    for (args, exit) in COMMANDS {
        let said = run(&world, args, full(), Stdio::piped());
        assert_eq!(said.exit, (*exit).max(1), "{said}");
        let error = "error: cannot write to stdout: No space left on device (os error 28)";
        assert!(said.stderr.contains(error), "{said}");
        assert_eq!(said.stderr.contains("; the command itself went through"), *exit == 0, "{said}");
    }
}

#[test]
fn a_full_stderr_is_an_error_that_only_the_exit_code_can_tell() {
    let world = world();
    for (args, exit) in
        [(&["migrate", "--dry-run"][..], 1), (&["migrate", "--nonsense"], 2), (&["inspect"], 0)]
    {
        let said = run(&world, args, Stdio::piped(), full());
        assert_eq!(said.exit, exit, "{said}");
    }
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let world = world();
    for (args, exit) in COMMANDS {
        let said = run(&world, args, gone(), Stdio::piped());
        assert_eq!(said.exit, *exit, "{said}");
        assert!(!said.stderr.contains("cannot write"), "{said}");
        assert_eq!(run(&world, args, Stdio::null(), gone()).exit, *exit, "{args:?}");
    }
}

#[test]
fn a_change_whose_report_cannot_be_written_is_made_and_told() {
    let world = world();
    let said = run(&world, &["migrate", "--auto-approve"], full(), Stdio::piped());
    assert_eq!(said.exit, 1, "{said}");
    assert_said!("full disk after a change", said);
    assert_eq!(world.run(&["migrate", "--check"]).exit, 0);
    assert_eq!(world.rows("SELECT * FROM customers"), ["1|Ada|NULL"]);
}
