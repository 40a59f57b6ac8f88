//! `--format json`: exactly one document on stdout, whatever happens.

use serde_json::Value;

use crate::world::{Said, World, assert_said};

const BEFORE: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);";
const AFTER: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT);";

fn world(schema: &str) -> World {
    let world = World::new(schema);
    world.sql(BEFORE);
    world.sql("INSERT INTO customers VALUES (1, 'Ada'), (5, 'Grace')");
    world
}

/// The document, which has to be all of stdout and to say the exit code.
#[track_caller]
fn document(said: &Said) -> Value {
    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(document["exit"], said.exit, "{said}");
    let keys: Vec<_> = document.as_object().unwrap().keys().collect();
    assert_eq!(document["version"], 1);
    assert_eq!(keys, ["version", "command", "exit", "report", "error"]);
    document
}

#[track_caller]
fn run(world: &World, exit: i32, args: &[&str]) -> Value {
    let said = world.run(&[&["migrate", "--format", "json"], args].concat());
    assert_eq!(said.exit, exit, "{said}");
    document(&said)
}

#[test]
fn applied() {
    let document = run(&world(AFTER), 0, &["--auto-approve"]);
    assert_said!("json applied", serde_json::to_string_pretty(&document).unwrap());
}

#[test]
fn planned() {
    let document = run(&world(AFTER), 0, &["--dry-run"]);
    assert_eq!(document["report"]["outcome"], "planned");
    assert_eq!(document["error"], Value::Null);
}

#[test]
fn in_sync() {
    let document = run(&world(BEFORE), 0, &[]);
    assert_said!("json in sync", serde_json::to_string_pretty(&document).unwrap());
}

#[test]
fn out_of_sync() {
    let document = run(&world(AFTER), 4, &["--check"]);
    assert_eq!(document["report"]["differences"].as_array().unwrap().len(), 1);
    assert_eq!(document["error"], Value::Null);
}

#[test]
fn refused_for_a_hazard_with_plan_and_error() {
    let document = run(&world("CREATE TABLE customers (id INTEGER PRIMARY KEY);"), 3, &["--auto-approve"]);
    assert_said!("json refused", serde_json::to_string_pretty(&document).unwrap());
}

#[test]
fn failed_before_there_was_a_report() {
    let document = run(&world("CREATE TABLE"), 1, &[]);
    assert_said!("json failed", serde_json::to_string_pretty(&document).unwrap());
}

#[test]
fn no_terminal() {
    let document = run(&world(AFTER), 2, &[]);
    assert_eq!(document["error"]["kind"], "usage");
    assert_eq!(document["report"]["outcome"], "planned");
}

#[test]
fn wrong_usage() {
    let document = run(&world(AFTER), 2, &["--no-such-flag"]);
    assert_said!("json wrong usage", serde_json::to_string_pretty(&document).unwrap());
}

#[test]
fn wrong_configuration() {
    let world = world(AFTER);
    world.write("Cargo.toml", format!("{}plannner = \"auto\"\n", crate::world::MANIFEST));
    let document = run(&world, 2, &[]);
    assert_said!("json wrong configuration", serde_json::to_string_pretty(&document).unwrap());
}
