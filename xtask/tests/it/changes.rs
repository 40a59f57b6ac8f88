//! A change of the declared schema reaches a database with rows in it, and every row is kept.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use landfall_testkit::assert_said;
use landfall_testkit::world::World;

use crate::XTASK;

const ORDERS: &str = "
CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT NOT NULL COLLATE NOCASE);
CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, customer INTEGER NOT NULL REFERENCES customers ON DELETE CASCADE, total INTEGER NOT NULL);
CREATE INDEX orders_by_customer ON orders (customer);
";
const ROWS: &str = "
INSERT INTO customers VALUES (1, 'ada@example.org'), (7, 'Grace@example.org');
INSERT INTO orders VALUES (3, 1, 100), (4, 7, 250), (9, 7, 75);
DELETE FROM orders WHERE id = 9;
";

/// A database that is in sync with `before`, has rows, and is to become `after`.
fn world(before: &str, rows: &str, after: &str) -> World {
    let world = World::new(XTASK, after);
    world.sql(before);
    world.sql(rows);
    world
}

fn orders(change: impl Fn(&str) -> String) -> World {
    world(ORDERS, ROWS, &change(ORDERS))
}

/// Migrates, and asserts that nothing is left to do.
#[track_caller]
fn migrated(world: &World) -> landfall_testkit::world::Said {
    let said = world.run(&["migrate", "--auto-approve"]);
    assert_eq!(said.exit, 0, "{said}");
    let again = world.run_unchanged(0, &["migrate", "--check"]);
    assert!(again.stderr.contains("Up to date"), "{again}");
    assert!(world.rows("PRAGMA foreign_key_check").is_empty());
    assert_eq!(world.rows("PRAGMA integrity_check"), ["ok"]);
    said
}

#[track_caller]
fn assert_orders_kept(world: &World) {
    assert_eq!(world.rows("SELECT id, email FROM customers"), ["1|ada@example.org", "7|Grace@example.org"]);
    assert_eq!(world.rows("SELECT id, customer, total FROM orders"), ["3|1|100", "4|7|250"]);
    assert_eq!(world.rows("SELECT seq FROM sqlite_sequence WHERE name = 'orders'"), ["9"]);
}

#[test]
fn a_missing_database_is_made_with_its_folder() {
    let world = World::new(XTASK, ORDERS);
    assert_said!("missing database", migrated(&world));
    assert_eq!(world.rows("SELECT count(*) FROM orders"), ["0"]);
}

#[test]
fn an_in_sync_database_needs_neither_plan_nor_terminal() {
    let world = orders(str::to_owned);
    assert_said!("in sync", world.run_unchanged(0, &["migrate"]));
}

#[test]
fn an_in_sync_database_is_left_without_a_trace_and_starts_no_atlas() {
    let world = orders(str::to_owned);
    world.sql("PRAGMA journal_mode = WAL");
    let (atlas, started) = (world.path("atlas"), world.path("started"));
    world.write("atlas", format!("#!/bin/sh\n: > '{}'\nexit 1\n", started.display()));
    fs::set_permissions(&atlas, fs::Permissions::from_mode(0o755)).unwrap();
    let world = world.with_atlas(atlas);
    let beside = || {
        let entries = fs::read_dir(world.path("var")).unwrap().map(|entry| entry.unwrap());
        let facts = |entry: fs::DirEntry| (entry.file_name(), entry.metadata().unwrap().modified().unwrap());
        entries.map(facts).collect::<BTreeMap<_, _>>()
    };
    let before = beside();
    assert_eq!(before.len(), 1);
    for args in [&["migrate"][..], &["migrate", "--check"], &["migrate", "--dry-run"]] {
        world.run_unchanged(0, args);
        assert_eq!(beside(), before, "{args:?}");
    }
    assert!(!started.exists());
    world.declare(&format!("{ORDERS}CREATE TABLE more (a);"));
    world.run(&["migrate", "--dry-run"]);
    assert!(started.exists());
}

#[test]
fn a_new_column() {
    let world = orders(|sql| sql.replace("COLLATE NOCASE", "COLLATE NOCASE, phone TEXT"));
    assert_said!("new column", migrated(&world));
    assert_orders_kept(&world);
    assert_eq!(world.rows("SELECT phone FROM customers"), ["NULL", "NULL"]);
}

#[test]
fn a_new_table() {
    let world =
        orders(|sql| format!("{sql}CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL);"));
    migrated(&world);
    assert_orders_kept(&world);
    assert!(world.rows("SELECT * FROM notes").is_empty());
}

#[test]
fn a_dropped_index() {
    let world = orders(|sql| sql.replace("CREATE INDEX orders_by_customer ON orders (customer);", ""));
    assert_said!("dropped index", migrated(&world));
    assert_orders_kept(&world);
    assert!(world.rows("SELECT name FROM sqlite_schema WHERE type = 'index'").is_empty());
}

#[test]
fn a_dropped_not_null_on_a_parent_with_cascading_children() {
    let world = orders(|sql| sql.replace("email TEXT NOT NULL", "email TEXT"));
    assert_said!("dropped not null", migrated(&world));
    assert_orders_kept(&world);
    world.sql("INSERT INTO customers VALUES (8, NULL)");
}

#[test]
fn a_table_with_a_trigger_and_a_view_is_rebuilt() {
    let more = "
CREATE TABLE log (line TEXT);
CREATE TRIGGER orders_logged AFTER INSERT ON orders BEGIN INSERT INTO log VALUES ('order ' || new.id); END;
CREATE VIEW totals AS SELECT customer, sum(total) AS total FROM orders GROUP BY customer;
";
    let before = format!("{ORDERS}{more}");
    let world = world(&before, ROWS, &before.replace("total INTEGER NOT NULL", "total INTEGER"));
    world.sql("DELETE FROM log");
    migrated(&world);
    assert_orders_kept(&world);
    assert!(world.rows("SELECT * FROM log").is_empty(), "the trigger fired while the table was rebuilt");
    assert_eq!(world.rows("SELECT * FROM totals"), ["1|100", "7|250"]);
    world.sql("INSERT INTO orders (customer, total) VALUES (1, NULL)");
    assert_eq!(world.rows("SELECT * FROM log"), ["order 10"]);
}

#[test]
fn a_dropped_column_is_refused_and_its_values_are_kept() {
    let world = orders(|sql| sql.replace(", total INTEGER NOT NULL", ""));
    assert_said!("dropped column refused", world.run_unchanged(3, &["migrate", "--auto-approve"]));
    assert_orders_kept(&world);
    let dry_run = world.run_unchanged(3, &["migrate", "--dry-run", "--db", "var/shop.sqlite"]);
    assert!(
        dry_run.stderr.contains("cargo xtask migrate --db var/shop.sqlite --allow DROPS_COLUMN:orders.total")
    );
}

#[test]
fn a_dropped_column_that_was_approved_goes() {
    let world = orders(|sql| sql.replace(", total INTEGER NOT NULL", ""));
    let said = world.run(&["migrate", "--auto-approve", "--allow", "DROPS_COLUMN:orders.total"]);
    assert_eq!(said.exit, 0, "{said}");
    assert_said!("dropped column approved", said);
    assert_eq!(world.rows("SELECT * FROM orders"), ["3|1", "4|7"]);
}

#[test]
fn a_column_that_rows_have_no_value_for_is_refused() {
    let world = orders(|sql| sql.replace("COLLATE NOCASE", "COLLATE NOCASE, phone TEXT NOT NULL"));
    assert_said!("needs backfill", world.run_unchanged(3, &["migrate", "--auto-approve"]));
}

#[test]
fn a_column_that_looks_renamed_is_refused_until_the_schema_says_so() {
    let before = "CREATE TABLE orders (id INTEGER PRIMARY KEY, total INTEGER);";
    let world =
        world(before, "INSERT INTO orders VALUES (3, 100), (4, 250)", &before.replace("total", "amount"));
    assert_said!("looks like rename", world.run_unchanged(3, &["migrate", "--auto-approve"]));
    world.declare(&before.replace("total INTEGER", "\n  amount INTEGER -- @renamed from=total\n"));
    migrated(&world);
    assert_eq!(world.rows("SELECT id, amount FROM orders"), ["3|100", "4|250"]);
}

#[test]
fn check_tells_the_differences_and_exits_4() {
    let world = orders(|sql| sql.replace("COLLATE NOCASE", "COLLATE NOCASE, phone TEXT"));
    assert_said!("check", world.run_unchanged(4, &["migrate", "--check"]));
}

#[test]
fn dry_run_shows_the_plan_and_changes_nothing() {
    let world = orders(|sql| sql.replace("email TEXT NOT NULL", "email TEXT"));
    assert_said!("dry run", world.run_unchanged(0, &["migrate", "--dry-run"]));
}

#[test]
fn neither_check_nor_dry_run_makes_a_database_or_its_folder() {
    let world = World::new(XTASK, ORDERS);
    assert_eq!(world.run(&["migrate", "--check"]).exit, 4);
    assert_eq!(world.run(&["migrate", "--dry-run"]).exit, 0);
    assert_eq!(world.run(&["migrate"]).exit, 2, "there is no terminal to ask on");
    assert!(!world.path("var").exists());
    assert_eq!(world.run(&["migrate", "--dry-run", "--db", "other.sqlite"]).exit, 0);
    assert!(!world.path("other.sqlite").exists());
}

#[test]
fn verbose_tells_what_is_no_difference() {
    let swapped = "email TEXT NOT NULL COLLATE NOCASE, id INTEGER PRIMARY KEY";
    let world =
        orders(|sql| sql.replace("id INTEGER PRIMARY KEY, email TEXT NOT NULL COLLATE NOCASE", swapped));
    assert_said!("verbose", world.run_unchanged(0, &["migrate", "--verbose"]));
}

#[test]
fn paths_of_flags_are_those_of_the_working_directory() {
    let world = World::new(XTASK, ORDERS);
    world.write("shop/other.sql", "CREATE TABLE t (a);");
    let args = ["migrate", "--auto-approve", "--schema", "other.sql", "--db", "other.sqlite"];
    let output = world.command(&args).current_dir(world.path("shop")).output().unwrap();
    assert!(output.status.success(), "{}", world.said(&args, &output));
    assert!(world.path("shop/other.sqlite").exists());
}
