//! Rows that schema.sql declares: what the gate says of them, before anything is built.

use std::path::Path;

use landfall_engine::{Declared, Settings};
use landfall_testkit::sim::inspect;
use landfall_testkit::world::Said;
use serde_json::{Value, json};

use super::{Begin, Ship, home, status};

const FREE: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);
CREATE TABLE plans (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO plans (id, name) VALUES (1, 'free');
";
const FREE_AND_PRO: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);
CREATE TABLE plans (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO plans (id, name) VALUES (1, 'free'), (2, 'pro');
";
const GRATIS: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);
CREATE TABLE plans (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO plans (id, name) VALUES (1, 'gratis');
";
const WITHOUT: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);
CREATE TABLE plans (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
";

/// Production with the schema and the rows of `FREE`, as its machine tells of them; the new commit has other rows.
fn begin(home: &Path, declared: &'static str) -> Ship {
    let exec = json!([inspect(WITHOUT), told(&fingerprint(), 3)]);
    let scenario = json!({"base": "fast", "exec": exec});
    Ship::begin(home, Begin { before: FREE, declared, scenario, ..Begin::default() })
}

fn fingerprint() -> String {
    let declared = Declared::parse(Path::new("schema.sql"), FREE, &Settings::default()).unwrap();
    declared.fingerprint().to_owned()
}

/// What `landfall status` answers on a machine with so many customers, whose schema and declared rows have this fingerprint.
fn told(fingerprint: &str, customers: u64) -> Value {
    let mut status = status(customers);
    let text = status["stdout"]
        .as_str()
        .unwrap()
        .replace("\"schema\":\"0\"", &format!("\"schema\":\"{fingerprint}\""));
    assert!(text.contains(fingerprint));
    status["stdout"] = text.into();
    status
}

/// From the plan on, without what differs from run to run.
fn plan(ship: &Ship, said: &Said) -> String {
    let at = said.stdout.find("Differences").unwrap_or_else(|| panic!("{said}"));
    let end = said.stdout.find("What a deploy does").unwrap_or(said.stdout.len());
    ship.told(said.stdout[at..end].trim_end())
}

#[test]
fn a_row_that_is_new_is_in_the_plan_and_nothing_stands_against_it() {
    let Some(home) = home("a_row_that_is_new_is_in_the_plan_and_nothing_stands_against_it") else { return };
    let ship = begin(&home, FREE_AND_PRO);
    let said = ship.deploy(&["--dry-run"], &[]);
    assert_eq!((said.exit, ship.changes()), (0, Vec::new()), "{said}");
    insta::assert_snapshot!(plan(&ship, &said), @r#"
    Differences
      1 row of plans is missing: declared on line 3

    Plan by builtin: constant time, predicted below 0.1 s
    -- 1/1 insert plans: constant time
    INSERT OR ABORT INTO "plans" ("id", "name") VALUES (2, 'pro');

    Planners
      builtin: chosen: the only plan that was proved
    "#);
    let said = ship.deploy(&[], &[]);
    ship.ended(&said, 0, "new");
}

#[test]
fn a_row_with_another_value_is_refused_until_that_is_approved() {
    let Some(home) = home("a_row_with_another_value_is_refused_until_that_is_approved") else { return };
    let ship = begin(&home, GRATIS);
    let said = ship.deploy(&[], &[]);
    ship.ended(&said, 3, "old");
    insta::assert_snapshot!(ship.error(&said), @r"
    error: the change of production was refused; nothing was changed
      CHANGES_VALUES: 1 row of plans differs in name: declared on line 3; the values that are there would go
        declare the values that are there, or take the rows out of schema.sql, or approve CHANGES_VALUES:plans
    to accept it: cargo xtask deploy --allow CHANGES_VALUES:plans
    ");
    // On rows it would be rehearsed first.
    ship.sim.configure(&json!({"exec": [inspect(WITHOUT), told(&fingerprint(), 0)]}));
    let said = ship.deploy(&["--allow", "CHANGES_VALUES:plans"], &[]);
    ship.ended(&said, 0, "new");
    let env = &crate::front::machines(&ship.sim.control("state"))[0]["config"]["env"];
    assert_eq!(env["LANDFALL_ALLOW"], "CHANGES_VALUES:plans", "{said}");
}

#[test]
fn a_row_that_is_declared_no_more_stays() {
    let Some(home) = home("a_row_that_is_declared_no_more_stays") else { return };
    let ship = begin(&home, WITHOUT);
    let said = ship.deploy(&["--dry-run"], &[]);
    assert_eq!(said.exit, 0, "{said}");
    assert!(said.stderr.contains("production has today's schema: nothing to change"), "{said}");
}

#[test]
fn rows_that_the_machine_does_not_tell_of_are_taken_for_missing() {
    let Some(home) = home("rows_that_the_machine_does_not_tell_of_are_taken_for_missing") else { return };
    let ship = begin(&home, FREE);
    let said = ship.deploy(&["--dry-run"], &[]);
    assert!(said.stderr.contains("production has today's schema: nothing to change"), "{said}");
    ship.sim.configure(&json!({"exec": [inspect(WITHOUT), status(3)]}));
    let said = ship.deploy(&["--dry-run"], &[]);
    assert_eq!(said.exit, 0, "{said}");
    insta::assert_snapshot!(plan(&ship, &said), @r#"
    Differences
      1 row of plans is missing: declared on line 3

    Plan by builtin: constant time, predicted below 0.1 s
    -- 1/1 insert plans: constant time
    INSERT OR ABORT INTO "plans" ("id", "name") VALUES (1, 'free');

    Planners
      builtin: chosen: the only plan that was proved
    "#);
}
