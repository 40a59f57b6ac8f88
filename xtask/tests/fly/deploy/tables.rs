//! Tables that a change drops, renames or leaves as they are: whose rows may be fewer afterwards, and whose may not.

use landfall_testkit::sim::inspect;
use rustix::process::Pid;
use serde_json::{Value, json};

use super::{Begin, Ship, home};

const WITHOUT_TRIGGER: &str =
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);\n";
const RENAMED: &str = "-- @renamed from=customers
CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);
";

/// What `landfall status` answers on a machine with so many rows of a table.
fn has(table: &str, rows: u64) -> Value {
    let mut status = super::status(rows);
    let text = status["stdout"].as_str().unwrap().replace("\"customers\"", &format!("\"{table}\""));
    status["stdout"] = text.into();
    status
}

fn one_row_fewer(ship: &Ship, _: Pid) {
    ship.sim.configure(&json!({"exec": [inspect(WITHOUT_TRIGGER), has("customers", 2)]}));
}

fn renamed(ship: &Ship, _: Pid) {
    ship.sim.configure(&json!({"exec": [inspect(RENAMED), has("clients", 3)]}));
}

#[test]
fn rows_of_a_table_whose_trigger_is_dropped_may_not_be_fewer() {
    let Some(home) = home("rows_of_a_table_whose_trigger_is_dropped_may_not_be_fewer") else { return };
    let ship = Ship::begin(&home, Begin { declared: WITHOUT_TRIGGER, ..Begin::default() });
    let said = ship.deploy(&[], &[("Ship ", &one_row_fewer)]);
    ship.ended(&said, 6, "new");
    assert!(said.stderr.contains("table customers had 3 rows before, and has 2 rows now"), "{said}");
}

#[test]
fn a_table_that_is_called_otherwise_afterwards_is_no_loss() {
    let Some(home) = home("a_table_that_is_called_otherwise_afterwards_is_no_loss") else { return };
    let ship = Ship::begin(&home, Begin { declared: RENAMED, ..Begin::default() });
    let said = ship.deploy(&[], &[("Ship ", &renamed)]);
    ship.ended(&said, 0, "new");
}
