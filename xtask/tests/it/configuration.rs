//! `[workspace.metadata.landfall]`: what is wrong in it is named, with the file.

use std::fmt::Write as _;

use landfall_testkit::assert_said;
use landfall_testkit::world::{MANIFEST, World};

use crate::XTASK;

const SCHEMA: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY);";

#[test]
fn wrong_keys_and_values() {
    let world = World::new(XTASK, SCHEMA);
    let mut all = String::new();
    for line in [
        "colum-order = \"exact\"",
        "secrets = true",
        "planner = \"atlsa\"",
        "planner = 3",
        "column-order = \"exactly\"",
        "fast-path = \"always\"",
        "ignore = \"cache_*\"",
        "ignore = [1]",
        "scrub = \"UPDATE customers SET last_name = ''\"",
        "atlas = \"1.2.3\"",
        "atlas = { verison = \"1.2.3\" }",
        "atlas = { version = 1.2 }",
    ] {
        world.write("Cargo.toml", format!("{MANIFEST}{line}\n"));
        let said = world.run(&["migrate", "--check"]);
        assert_eq!(said.exit, 2, "{said}");
        let _ = write!(all, "{line}\n{}\n", said.stderr);
    }
    assert_said!("wrong keys and values", all);
}

#[test]
fn an_empty_path() {
    let world = World::new(XTASK, SCHEMA);
    world.write("Cargo.toml", MANIFEST.replace("db/declared.sql", ""));
    assert_said!("empty path", world.run(&["migrate", "--check"]));
}

#[test]
fn a_schema_in_a_folder_or_in_a_list_of_files() {
    let world = World::new(XTASK, SCHEMA);
    world.write(
        "db/more.sql",
        "CREATE INDEX by_id ON orders (customer);\nCREATE TABLE orders (customer REFERENCES customers (id));",
    );
    world.write("Cargo.toml", MANIFEST.replace("db/declared.sql", "db"));
    assert_eq!(world.run(&["migrate", "--auto-approve"]).exit, 0);
    world.write(
        "Cargo.toml",
        MANIFEST.replace("\"db/declared.sql\"", "[\"db/more.sql\", \"db/declared.sql\"]"),
    );
    assert_eq!(world.run(&["migrate", "--check"]).exit, 0);
    world.write("db/more.sql", "CREATE TABLE more (a);\nCREATE TABLE (b);");
    let said = world.run(&["migrate", "--check"]);
    assert_eq!(said.exit, 1, "{said}");
    assert!(said.stderr.contains("error: db/more.sql:2:14: near \"(\": syntax error"), "{said}");
    for list in ["[]", "[\"\"]", "[1]", "3"] {
        world.write("Cargo.toml", MANIFEST.replace("\"db/declared.sql\"", list));
        let said = world.run(&["migrate", "--check"]);
        assert_eq!(said.exit, 2, "{said}");
        assert!(
            said.stderr.contains("`schema` is a path, of a file or of a folder, or a list of paths"),
            "{said}"
        );
    }
}

#[test]
fn every_known_key_is_accepted() {
    let world = World::new(XTASK, SCHEMA);
    let rest = "planner = \"builtin\"\ncolumn-order = \"exact\"\nfast-path = \"proved\"\nignore = [\"cache_*\"]\n\
                atlas = { version = \"1.2.3\", image = \"arigaio/atlas:1.2.3-community-alpine\" }\n";
    world.write("Cargo.toml", format!("{MANIFEST}{rest}"));
    world.sql(SCHEMA);
    world.sql("CREATE TABLE cache_1 (a)");
    assert_eq!(world.run(&["migrate", "--check"]).exit, 0);
}

#[test]
fn without_configuration_the_defaults_count() {
    let world = World::new(XTASK, SCHEMA);
    world.write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"shop\"]\n");
    world.write("schema.sql", SCHEMA);
    assert_eq!(world.run(&["migrate", "--auto-approve"]).exit, 0);
    assert!(world.path(".data/db").exists());
}

#[test]
fn the_project_is_found_from_a_folder_in_it() {
    let world = World::new(XTASK, SCHEMA);
    let args = ["migrate", "--auto-approve"];
    let output = world.command(&args).current_dir(world.path("shop")).output().unwrap();
    assert!(output.status.success(), "{}", world.said(&args, &output));
    assert!(world.path("var/shop.sqlite").exists());
}

#[test]
fn a_package_that_does_not_exist() {
    let world = World::new(XTASK, SCHEMA);
    world.write("Cargo.toml", MANIFEST.replace("app = \"shop\"", "app = \"store\""));
    let said = world.run(&["dev"]);
    assert_eq!(said.exit, 2);
    assert_said!("no such package", said);
}

#[test]
fn no_workspace() {
    let world = World::new(XTASK, SCHEMA);
    std::fs::remove_file(world.path("Cargo.toml")).unwrap();
    let said = world.run(&["migrate"]);
    assert_said!("no workspace", said);
    assert_eq!(said.exit, 2);
}
