//! What the programs that are started see of the environment: a secret reaches the one that needs it, and no other.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use landfall_testkit::world::World;

use crate::XTASK;

const SCHEMA: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY);\n";
const FLY_TOML: &str = include_str!("../../../fly.toml");
/// Each holds its own name.
const SECRETS: [&str; 6] =
    ["APP_PASSWORD", "FLY_API_TOKEN", "FLY_ACCESS_TOKEN", "GH_TOKEN", "ATLAS_TOKEN", "SOMEBODYS_SECRET"];

/// A machine whose programs write down what they see, and then fail; but cargo, which goes on.
fn machine() -> World {
    let world = World::new(XTASK, SCHEMA);
    world.write("fly.toml", FLY_TOML);
    fs::create_dir(world.path("seen")).unwrap();
    let cargo = format!("exec '{}' \"$@\"", env!("CARGO"));
    for (name, then) in
        [("git", "exit 1"), ("docker", "exit 1"), ("fly", "exit 1"), ("atlas", "exit 1"), ("cargo", &cargo)]
    {
        let seen = world.path("seen").join(name);
        let file = format!("bin/{name}");
        world.write(&file, format!("#!/bin/sh\n/usr/bin/env >>'{}'\n{then}\n", seen.display()));
        fs::set_permissions(world.path(&file), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = env::var_os("PATH").unwrap();
    let folders: Vec<_> = [world.path("bin")].into_iter().chain(env::split_paths(&path)).collect();
    let cargo = world.path("bin/cargo");
    let world = world.with_env("PATH", env::join_paths(folders).unwrap()).with_env("CARGO", cargo);
    SECRETS.into_iter().fold(world, |world, name| world.with_env(name, format!("value-of-{name}")))
}

/// The secrets that a program saw.
fn saw(world: &World, program: &str) -> Vec<&'static str> {
    let seen = fs::read_to_string(world.path("seen").join(program));
    let seen = seen.unwrap_or_else(|error| panic!("{program} was not started: {error}"));
    assert!(seen.lines().any(|line| line.starts_with("PATH=")), "{program}: {seen}");
    SECRETS.into_iter().filter(|name| seen.contains(&format!("value-of-{name}"))).collect()
}

#[test]
fn a_secret_reaches_the_program_that_needs_it_and_no_other() {
    let world = machine();
    let said = world.run(&["doctor"]);
    for (program, secrets) in [
        ("git", &["GH_TOKEN"][..]),
        ("docker", &[]),
        ("atlas", &[]),
        ("cargo", &[]),
        ("fly", &["FLY_API_TOKEN", "FLY_ACCESS_TOKEN"]),
    ] {
        assert_eq!(saw(&world, program), secrets, "{program}: {said}");
    }
}

#[test]
fn a_planner_of_a_local_change_sees_no_secret() {
    let world = machine();
    world.sql(
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO customers VALUES (1, 'Ada')",
    );
    world.declare("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, born TEXT CHECK (born > ''));\nCREATE TABLE orders (id INTEGER PRIMARY KEY);\nCREATE VIEW v AS SELECT 1;\n");
    let world = world.with_env("ATLAS", "");
    let said = world.run(&["migrate", "--planner", "atlas", "--dry-run"]);
    assert_eq!(saw(&world, "atlas"), [""; 0], "{said}");
    assert_eq!(saw(&world, "cargo"), [""; 0], "{said}");
}

#[test]
fn the_service_sees_its_own_password_and_no_token() {
    let world = machine();
    let seen = world.path("seen/app");
    world.write(
        "shop/src/main.rs",
        format!(
            "//! Tells.\n\nfn main() {{\n    let seen: Vec<_> = std::env::vars().map(|(n, v)| format!(\"{{n}}={{v}}\")).collect();\n    \
             std::fs::write({seen:?}, seen.join(\"\\n\")).unwrap();\n}}\n"
        ),
    );
    let world = world.with_env("PORT", "0");
    let said = world.run(&["dev"]);
    assert_eq!(saw(&world, "app"), ["APP_PASSWORD"], "{said}");
    let text = fs::read_to_string(&seen).unwrap();
    assert!(text.contains("DB_PATH=") && text.contains("SCHEMA_PATH="), "{text}");
}
