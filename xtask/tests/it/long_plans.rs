//! A plan of many steps: counted in front, cut on a terminal alone, and whole wherever something reads it.

use std::io::Read as _;
use std::process::Stdio;

use landfall_testkit::world::World;

use crate::XTASK;
use crate::terminal::terminal;

const COLUMNS: usize = 45;

/// 45 columns and an index come.
fn world() -> World {
    let columns: String = (0..COLUMNS).map(|number| format!(", c{number} TEXT")).collect();
    let world = World::new(
        XTASK,
        &format!("CREATE TABLE t (id INTEGER PRIMARY KEY{columns}); CREATE INDEX i ON t (c0);"),
    );
    world.sql("CREATE TABLE t (id INTEGER PRIMARY KEY)");
    world
}

const SUMMARY: &str = "46 changes: 45 columns added, 1 index created";

/// What a terminal gets to see.
fn on_screen(world: &World, args: &[&str]) -> String {
    let (mut terminal, line) = terminal();
    let mut command = world.command(args);
    command.stdout(Stdio::from(line.try_clone().unwrap())).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    drop((command, line));
    let mut shown = Vec::new();
    let mut buffer = [0; 4096];
    // The last one who has the other end open is the program.
    while let Ok(length @ 1..) = terminal.read(&mut buffer) {
        shown.extend_from_slice(&buffer[..length]);
    }
    child.wait().unwrap();
    String::from_utf8(shown).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_long_plan_is_counted_and_ends_after_40_steps_on_a_terminal() {
    let world = world();
    let shown = on_screen(&world, &["migrate", "--dry-run"]);
    assert!(shown.contains(SUMMARY), "{shown}");
    assert!(shown.contains("-- 40/46 ") && !shown.contains("-- 41/46 "), "{shown}");
    assert!(shown.contains("6 more steps; to see all: cargo xtask migrate --dry-run --verbose"), "{shown}");
    let all = on_screen(&world, &["migrate", "--dry-run", "--verbose"]);
    assert!(all.contains("-- 46/46 create index i") && !all.contains("more step"), "{all}");
}

#[test]
fn a_long_plan_is_whole_where_it_is_written_into_a_file_or_as_json() {
    let world = world();
    let said = world.run(&["migrate", "--dry-run"]);
    assert!(said.stdout.contains(SUMMARY) && said.stdout.contains("-- 46/46 create index i"), "{said}");
    let said = world.run(&["migrate", "--dry-run", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    let steps = document["report"]["plan"]["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 46);
    assert_eq!(steps[45]["label"], "create index i");
}

#[test]
fn a_short_plan_is_not_counted() {
    let world = World::new(XTASK, "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);");
    world.sql("CREATE TABLE t (id INTEGER PRIMARY KEY)");
    let said = world.run(&["migrate", "--dry-run"]);
    assert!(!said.stdout.contains("1 change"), "{said}");
}
