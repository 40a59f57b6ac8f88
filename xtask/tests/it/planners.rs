//! Which planner is asked, which one wins, and that Atlas is really run.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use landfall_testkit::assert_said;
use landfall_testkit::requires;
use landfall_testkit::world::World;

use crate::XTASK;

const BEFORE: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);";
const AFTER: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, phone TEXT);
CREATE INDEX customers_by_name ON customers (name);";

fn world() -> World {
    let world = World::new(XTASK, AFTER);
    world.sql(BEFORE);
    world.sql("INSERT INTO customers VALUES (1, 'Ada'), (5, 'Grace')");
    world
}

/// A program that writes down its arguments and then is the real Atlas.
fn recording(world: &World, atlas: &Path) -> std::path::PathBuf {
    let (program, record) = (world.path("atlas"), world.path("arguments"));
    let script =
        format!("#!/bin/sh\necho \"$@\" >>'{}'\nexec '{}' \"$@\"\n", record.display(), atlas.display());
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

#[test]
fn without_atlas_the_builtin_planner_does_it_and_says_so() {
    let world = world();
    let said = world.run(&["migrate", "--auto-approve"]);
    assert_eq!(said.exit, 0, "{said}");
    assert_eq!(
        said.stderr.matches("Atlas was not found: planned with the built-in planner").count(),
        1,
        "{said}"
    );
}

#[test]
fn planner_atlas_runs_the_binary_and_ends_in_the_same_schema() {
    let Some(atlas) = requires::atlas("planner_atlas_runs_the_binary_and_ends_in_the_same_schema") else {
        return;
    };
    let world = world();
    let program = recording(&world, &atlas);
    let world = world.with_atlas(program);
    let said = world.run(&["migrate", "--auto-approve", "--planner", "atlas"]);
    assert_eq!(said.exit, 0, "{said}");
    assert!(said.stderr.contains("planned by atlas"), "{said}");
    let arguments = fs::read_to_string(world.path("arguments")).unwrap();
    assert!(arguments.contains("schema apply") && arguments.contains("--dry-run"), "{arguments}");
    assert!(!arguments.contains("shop.sqlite"), "Atlas saw the real database: {arguments}");
    let builtin = self::world();
    assert_eq!(builtin.run(&["migrate", "--auto-approve", "--planner", "builtin"]).exit, 0);
    for world in [&world, &builtin] {
        assert_eq!(world.run(&["migrate", "--check"]).exit, 0);
        assert_eq!(world.rows("SELECT * FROM customers"), ["1|Ada|NULL", "5|Grace|NULL"]);
    }
    let columns = "SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_xinfo('customers')";
    assert_eq!(world.rows(columns), builtin.rows(columns));
    let indexes = "SELECT name, tbl_name FROM sqlite_schema WHERE type = 'index'";
    assert_eq!(world.rows(indexes), builtin.rows(indexes));
}

#[test]
fn with_atlas_it_says_who_won_and_why() {
    let Some(atlas) = requires::atlas("with_atlas_it_says_who_won_and_why") else {
        return;
    };
    let said = world().with_atlas(atlas).run(&["migrate", "--auto-approve"]);
    assert_eq!(said.exit, 0, "{said}");
    assert_said!("planners with atlas", said);
}

#[test]
fn where_atlas_is_wrong_it_says_what_atlas_would_have_done() {
    let Some(atlas) = requires::atlas("where_atlas_is_wrong_it_says_what_atlas_would_have_done") else {
        return;
    };
    let world = World::new(XTASK, &AFTER.replace("phone TEXT", "phone TEXT COLLATE NOCASE"));
    world.sql(BEFORE);
    let said = world.with_atlas(atlas).run(&["migrate", "--auto-approve"]);
    assert_eq!(said.exit, 0, "{said}");
    assert_said!("planners where atlas is wrong", said);
}
