//! Every bad input: a clear error with the remedy, its exit code, and nothing changed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use landfall_testkit::assert_said;
use landfall_testkit::requires;
use landfall_testkit::world::{Said, World};

use crate::XTASK;

const SCHEMA: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);\n";
const CHANGED: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, phone TEXT);\n";
const MIGRATE: [&str; 2] = ["migrate", "--auto-approve"];

/// A workspace that declares `schema`, with a database that has a table and a row.
fn world(schema: &str) -> World {
    let world = World::new(XTASK, schema);
    world.sql(SCHEMA);
    world.sql("INSERT INTO customers VALUES (1, 'Ada')");
    world
}

#[track_caller]
fn refused(world: &World, exit: i32) -> Said {
    let said = world.run_unchanged(exit, &MIGRATE);
    assert!(said.stdout.is_empty(), "{said}");
    said
}

#[test]
fn schema_missing() {
    let world = world(SCHEMA);
    fs::remove_file(world.path("db/declared.sql")).unwrap();
    assert_said!("schema missing", refused(&world, 1));
}

#[test]
fn schema_empty() {
    assert_said!("schema empty", world("").run_unchanged(3, &MIGRATE));
}

#[test]
fn schema_only_comments() {
    assert_said!("schema only comments", world("-- nothing yet\n/* or ever */\n").run_unchanged(3, &MIGRATE));
}

#[test]
fn schema_syntax_error() {
    let world = world("CREATE TABLE customers (\n  id INTEGER PRIMARY KEY,\n  name TEXT NOT NUL\n);\n");
    assert_said!("schema syntax error", refused(&world, 1));
}

#[test]
fn schema_unfinished_statement() {
    let world = world("CREATE TABLE customers (id INTEGER PRIMARY KEY,\n");
    assert_said!("schema unfinished statement", refused(&world, 1));
}

#[test]
fn schema_that_is_not_utf8() {
    let world = world(SCHEMA);
    world.write("db/declared.sql", b"CREATE TABLE customers (\n  id INTEGER, -- caf\xe9\n  name TEXT);");
    assert_said!("schema not utf8", refused(&world, 1));
}

#[test]
fn schema_is_a_folder() {
    let world = world(SCHEMA);
    fs::remove_file(world.path("db/declared.sql")).unwrap();
    fs::create_dir(world.path("db/declared.sql")).unwrap();
    assert_said!("schema is a folder", refused(&world, 1));
}

#[test]
fn schema_with_rows() {
    let world = world(&format!("{SCHEMA}INSERT INTO customers VALUES (1, 'Ada');\n"));
    assert_said!("schema with rows", refused(&world, 1));
}

#[test]
fn database_that_is_not_one() {
    let world = World::new(XTASK, SCHEMA);
    world.write(
        "var/shop.sqlite",
        "These are my notes, and they are long enough to be taken for a header.\n".repeat(20),
    );
    assert_said!("database is not one", refused(&world, 1));
}

#[test]
fn database_is_a_folder() {
    let world = World::new(XTASK, SCHEMA);
    fs::create_dir_all(world.path("var/shop.sqlite")).unwrap();
    let said = world.run(&MIGRATE);
    assert_said!("database is a folder", said);
    assert_ne!(said.exit, 0);
    assert!(fs::read_dir(world.path("var/shop.sqlite")).unwrap().next().is_none());
}

#[test]
fn database_in_a_missing_folder() {
    let world = World::new(XTASK, SCHEMA);
    let said = world.run(&["migrate", "--auto-approve", "--db", "no/such/folder/db"]);
    assert_said!("database in a missing folder", said);
    assert_eq!(said.exit, 2);
    assert!(!world.path("no").exists());
}

#[test]
fn database_that_cannot_be_written() {
    let world = world(CHANGED);
    let Some(front) = bound_by_permissions("database_that_cannot_be_written") else {
        return;
    };
    let mode = |name: &str, mode: u32| {
        fs::set_permissions(world.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("var/shop.sqlite", 0o444);
    mode("var", 0o555);
    let before = world.bytes();
    let output = world.command_under(front, &MIGRATE).output().unwrap();
    mode("var", 0o755);
    let said = world.said(&MIGRATE, &output);
    assert_said!("database cannot be written", said);
    assert_eq!(said.exit, 1);
    assert!(world.bytes() == before);
}

/// What makes a process heed permissions: nothing for most, for root a program that takes its privilege away.
fn bound_by_permissions(test: &str) -> Option<&'static [&'static str]> {
    const SETPRIV: &[&str] = &["setpriv", "--bounding-set", "-dac_override,-dac_read_search"];
    if !rustix::process::geteuid().is_root() {
        return Some(&[]);
    }
    let works = Command::new(SETPRIV[0]).args(&SETPRIV[1..]).arg("true").status().is_ok_and(|s| s.success());
    if !works {
        requires::skip(test, "setpriv");
    }
    works.then_some(SETPRIV)
}

#[test]
fn database_that_is_locked() {
    let world = world(CHANGED);
    let other = world.database();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let args = ["migrate", "--auto-approve", "--lock-wait", "1"];
    let said = world.run(&args);
    assert_said!("database is locked", said);
    assert_eq!(said.exit, 1);
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(world.rows("SELECT * FROM customers"), ["1|Ada"]);
}

#[test]
fn database_that_is_written_by_another_for_a_moment() {
    let world = world(CHANGED);
    let other = world.database();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let running = world.command(&MIGRATE).stderr(std::process::Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(1));
    other.execute_batch("INSERT INTO customers VALUES (2, 'Grace'); COMMIT").unwrap();
    let said = world.said(&MIGRATE, &running.wait_with_output().unwrap());
    assert_eq!(said.exit, 0, "{said}");
    assert!(said.stderr.contains("Waiting for the lock"), "{said}");
    assert_eq!(world.rows("SELECT * FROM customers"), ["1|Ada|NULL", "2|Grace|NULL"]);
}

#[test]
fn no_terminal_to_ask_on() {
    assert_said!("no terminal", world(CHANGED).run_unchanged(2, &["migrate"]));
}

#[test]
fn values_of_rows_under_ci() {
    let world = world(CHANGED);
    let args = ["migrate", "--auto-approve", "--show-values"];
    let said = world.said(&args, &world.command(&args).env("CI", "true").output().unwrap());
    assert_said!("show values under ci", said);
    assert_eq!(said.exit, 2);
}

#[test]
fn an_atlas_that_is_not_there() {
    let world = world(CHANGED).with_atlas("/no/such/atlas".into());
    assert_said!("atlas names no file", world.run_unchanged(2, &MIGRATE));
}

#[test]
fn a_planner_that_is_not_there() {
    let args = ["migrate", "--auto-approve", "--planner", "atlas"];
    assert_said!("atlas forced and missing", world(CHANGED).run_unchanged(1, &args));
}
