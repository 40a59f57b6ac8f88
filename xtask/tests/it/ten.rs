//! The ten commonest changes of a day, each as a beginner reads it: what was there, what is declared now, and all that is said.

use landfall_testkit::assert_said;
use landfall_testkit::world::World;

use crate::XTASK;

const CUSTOMERS: &str = "CREATE TABLE customers (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  mail TEXT NOT NULL
);
";
const ORDERS: &str = "CREATE TABLE orders (
  id INTEGER PRIMARY KEY,
  customer INTEGER NOT NULL REFERENCES customers (id),
  total INTEGER NOT NULL
);
";
const ROWS: &str = "INSERT INTO customers VALUES (1, 'Ada Lovelace', 'ada@example.org'), (7, 'Grace Hopper', 'grace@example.org');
INSERT INTO orders VALUES (3, 1, 100), (4, 7, -5);
";

fn before() -> String {
    format!("{CUSTOMERS}{ORDERS}")
}

/// The change that `after` declares, made on two customers and two orders.
#[track_caller]
fn read(name: &str, after: &str) -> World {
    let world = World::new(XTASK, after);
    world.sql(&before());
    world.sql(ROWS);
    let said = world.run(&["migrate", "--auto-approve"]);
    assert_said!(
        format!("ten {name}"),
        format!("{}{ROWS}\n-- now schema.sql says:\n{after}\n{said}", before())
    );
    world
}

/// Like [`read`], refused: nothing is changed.
#[track_caller]
fn refused(name: &str, after: &str) -> World {
    let world = read(name, after);
    assert_eq!(world.rows("SELECT id, name, mail FROM customers").len(), 2);
    assert_eq!(world.rows("SELECT id, total FROM orders"), ["3|100", "4|-5"]);
    world
}

#[test]
fn rename_a_column() {
    let after = before().replace("mail TEXT", "email TEXT");
    let world = refused("1 rename a column", &after);
    // What it says to write.
    let said = world.run(&["migrate", "--auto-approve"]).stderr;
    let line = said.lines().find(|line| line.contains("-- @renamed")).unwrap_or_else(|| panic!("{said}"));
    world.declare(&after.replace("  email TEXT NOT NULL", line));
    assert_eq!(world.run(&["migrate", "--auto-approve"]).exit, 0);
    assert_eq!(world.rows("SELECT id, email FROM customers"), ["1|ada@example.org", "7|grace@example.org"]);
}

#[test]
fn add_a_column_that_is_not_null_and_has_no_default() {
    refused(
        "2 add not null",
        &before().replace("mail TEXT NOT NULL", "mail TEXT NOT NULL,\n  born INTEGER NOT NULL"),
    );
}

#[test]
fn drop_a_column() {
    refused("3 drop a column", &before().replace(",\n  total INTEGER NOT NULL", ""));
}

#[test]
fn rename_a_table() {
    let after = before().replace("customers", "clients");
    let world = refused("4 rename a table", &after);
    world.declare(&format!("-- @renamed from=customers\n{after}"));
    assert_eq!(world.run(&["migrate", "--auto-approve"]).exit, 0);
    assert_eq!(world.rows("SELECT count(*) FROM clients"), ["2"]);
}

#[test]
fn split_a_column() {
    refused(
        "5 split a column",
        &before().replace("name TEXT NOT NULL", "first_name TEXT NOT NULL,\n  last_name TEXT NOT NULL"),
    );
}

#[test]
fn a_typing_error() {
    refused("6 a typing error", &before().replace("name TEXT NOT NULL", "name TEXT NOT NUL"));
}

#[test]
fn a_key_to_a_table_that_is_not_there() {
    refused("7 a key to a missing table", &before().replace("REFERENCES customers", "REFERENCES custmers"));
}

#[test]
fn a_full_text_index_with_triggers() {
    let search = "CREATE VIRTUAL TABLE customers_search USING fts5 (name, mail, content='customers', content_rowid='id');
CREATE TRIGGER customers_added AFTER INSERT ON customers BEGIN
  INSERT INTO customers_search (rowid, name, mail) VALUES (new.id, new.name, new.mail);
END;
CREATE TRIGGER customers_gone AFTER DELETE ON customers BEGIN
  INSERT INTO customers_search (customers_search, rowid, name, mail) VALUES ('delete', old.id, old.name, old.mail);
END;
CREATE TRIGGER customers_changed AFTER UPDATE ON customers BEGIN
  INSERT INTO customers_search (customers_search, rowid, name, mail) VALUES ('delete', old.id, old.name, old.mail);
  INSERT INTO customers_search (rowid, name, mail) VALUES (new.id, new.name, new.mail);
END;
";
    let world = refused("8 a full-text index with triggers", &format!("{}{search}", before()));
    assert_eq!(world.rows("SELECT rowid FROM customers_search ('grace')"), ["7"]);
}

#[test]
fn reorder_columns() {
    let swapped = "mail TEXT NOT NULL,\n  name TEXT NOT NULL";
    refused("9 reorder columns", &before().replace("name TEXT NOT NULL,\n  mail TEXT NOT NULL", swapped));
}

#[test]
fn a_check_that_rows_break() {
    let world = refused(
        "10 a check that rows break",
        &before().replace("total INTEGER NOT NULL", "total INTEGER NOT NULL CHECK (total >= 0)"),
    );
    let said = world.run(&["migrate", "--auto-approve"]).stderr;
    let (_, query) = said.split_once("to see them: ").unwrap_or_else(|| panic!("{said}"));
    assert_eq!(world.rows(query.lines().next().unwrap().trim_end_matches(';')), ["4|7|-5"]);
}
