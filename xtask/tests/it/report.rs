//! `--format json`: exactly one document on stdout, whatever happens.

use landfall_testkit::assert_said;
use landfall_testkit::world::{Said, World};
use serde_json::Value;

use crate::XTASK;

const BEFORE: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);";
const AFTER: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT);";

fn world(schema: &str) -> World {
    let world = World::new(XTASK, schema);
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
    assert_eq!(document["version"], 2);
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

/// Refused before there is a plan: what was found is in the report all the same.
#[track_caller]
fn refused_without_a_plan(schema: &str, hazards: &[&str]) -> Value {
    let world = world(schema);
    for args in [&["--auto-approve"][..], &["--dry-run"]] {
        let document = run(&world, 3, args);
        let report = &document["report"];
        assert_eq!(report["outcome"], "planned", "{document}");
        assert_eq!(report["plan"], Value::Null);
        assert!(!report["differences"].as_array().unwrap().is_empty(), "{document}");
        let found = report["hazards"].as_array().unwrap();
        assert_eq!(found.iter().map(|hazard| hazard["name"].as_str().unwrap()).collect::<Vec<_>>(), hazards);
        assert_eq!(document["error"]["kind"], "hazard");
    }
    run(&world, 3, &["--dry-run"])
}

#[test]
fn rows_that_would_have_no_value_are_refused_with_the_report() {
    let needs = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, born TEXT NOT NULL);";
    let document = refused_without_a_plan(needs, &["NEEDS_BACKFILL"]);
    assert_eq!(document["report"]["hazards"][0]["rows"], 2);
}

#[test]
fn rows_that_break_a_constraint_are_refused_with_the_report() {
    let check = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL CHECK (name <> 'Ada'));";
    let document = refused_without_a_plan(check, &["VIOLATED_CONSTRAINT"]);
    assert_eq!(document["report"]["hazards"][0]["rowids"], serde_json::json!([1]));
}

#[test]
fn rows_that_only_a_proof_finds_to_break_a_constraint_are_refused_with_the_report_and_the_proposals() {
    let computed = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, g AS (length(name)), h AS (g + 1), CHECK (h > 4));";
    let document = refused_without_a_plan(computed, &["VIOLATED_CONSTRAINT"]);
    assert_eq!(document["report"]["proposals"][0]["verdict"], "disproved");
}

#[test]
fn an_empty_schema_is_refused_with_what_it_would_drop() {
    for args in [&["--auto-approve"][..], &["--dry-run"], &["--check"]] {
        let document = run(&world("-- nothing"), 3, args);
        assert_eq!(document["report"]["differences"][0]["object"], "customers", "{document}");
    }
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
    world.write("Cargo.toml", format!("{}plannner = \"auto\"\n", landfall_testkit::world::MANIFEST));
    let document = run(&world, 2, &[]);
    assert_said!("json wrong configuration", serde_json::to_string_pretty(&document).unwrap());
}
