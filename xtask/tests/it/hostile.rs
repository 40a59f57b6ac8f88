//! A schema that speaks to terminals and to the runner of a workflow: no output lets it.

use landfall_testkit::hostile::{EVIL, harm, rows, schema};
use landfall_testkit::world::{Said, World};

use crate::XTASK;

fn world(declared: &str) -> World {
    let world = World::new(XTASK, declared);
    world.sql(&schema("one"));
    world.sql(&rows());
    world
}

#[track_caller]
fn harmless(said: &Said) {
    let harms = [harm(&said.stdout, ""), harm(&said.stderr, "")].concat();
    assert_eq!(harms, [] as [String; 0], "{}", said.to_string().escape_debug());
}

/// Runs it plain and in colours.
#[track_caller]
fn run(world: World, exit: i32, args: &[&str]) -> (World, Said) {
    let plain = world.run(args);
    assert_eq!(plain.exit, exit, "{plain}");
    harmless(&plain);
    let world = world.with_env("CLICOLOR_FORCE", "1").with_env("NO_COLOR", "");
    harmless(&world.run(args));
    (world, plain)
}

#[test]
fn plans_and_what_came_of_them_show_every_name_as_text() {
    let (world, said) = run(world(&schema("two")), 0, &["migrate", "--dry-run", "--verbose"]);
    assert!(said.stdout.contains(r"\u{1b}]0;title\u{7}"), "{said}");
    let (world, _) = run(world, 4, &["migrate", "--check"]);
    let (world, _) = run(world, 0, &["migrate", "--dry-run", "--format", "json"]);
    let applied = world.run(&["migrate", "--auto-approve"]);
    assert_eq!(applied.exit, 0, "{applied}");
    harmless(&applied);
    harmless(&world.run(&["migrate", "--check", "--format", "json"]));
}

#[test]
fn no_line_of_a_refusal_is_a_name() {
    let (world, said) = run(world("CREATE TABLE other (a TEXT);"), 3, &["migrate", "--auto-approve"]);
    for line in said.stderr.lines() {
        let is_name = EVIL.iter().any(|evil| evil.lines().skip(1).any(|rest| line.starts_with(rest)));
        assert!(!is_name, "{line}");
    }
    let (world, said) = run(world, 3, &["migrate", "--auto-approve", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    let dropped = document["report"]["plan"]["hazards"].as_array().unwrap();
    assert!(dropped.len() >= EVIL.len(), "{said}");
    // What is offered for a name is one word of a shell, and accepted as it is.
    let mut args = vec!["migrate", "--auto-approve"];
    let remedy = document["error"]["remedy"].as_str().unwrap();
    let words: Vec<_> = remedy.split(" --allow ").skip(1).map(unquoted).collect();
    words.iter().for_each(|word| args.extend(["--allow", word]));
    let applied = world.run(&args);
    assert_eq!(applied.exit, 0, "{applied}");
    harmless(&applied);
}

/// A word in single quotes, as a shell reads it.
fn unquoted(word: &str) -> String {
    word.trim_matches('\'').replace(r"'\''", "'")
}

#[test]
fn what_is_wrong_with_a_schema_is_told_with_its_names_as_text() {
    for evil in EVIL {
        let quoted = evil.replace('"', "\"\"");
        let declared = format!(
            "CREATE TABLE \"{quoted}\" (a TEXT, FOREIGN KEY (\"{quoted}\") REFERENCES \"{quoted}\" (b));\n\
             CREATE TABLE \"{quoted}\" (a TEXT)"
        );
        for declared in [
            declared,
            format!("CREATE VIEW \"{quoted}\" AS SELECT \"{quoted}\".b FROM c"),
            format!("{quoted} '"),
        ] {
            let said = World::new(XTASK, &declared).run(&["migrate", "--dry-run"]);
            assert!(matches!(said.exit, 1 | 3), "{said}");
            harmless(&said);
        }
    }
}

#[test]
fn the_text_of_a_schema_is_exact_in_a_file_and_in_json_and_elsewhere_says_that_it_is_not() {
    let (world, said) = run(world(""), 1, &["inspect"]);
    insta::assert_snapshot!(said.stderr, @"
    error: the schema of var/shop.sqlite has what cannot be seen: it is written out above, which is no schema.sql; nothing was changed
    to have it exactly, write it into a file: cargo xtask inspect > FILE
    or take it as JSON: cargo xtask inspect --format json
    ");
    let (world, said) = run(world, 0, &["inspect", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    let exact = document["report"]["sql"].as_str().unwrap();

    let file = std::fs::File::create(world.path("schema.sql")).unwrap();
    assert!(world.command(&["inspect"]).stdout(file).status().unwrap().success());
    assert_eq!(std::fs::read_to_string(world.path("schema.sql")).unwrap(), exact);
    world.declare(exact);
    let same = world.run(&["migrate", "--check"]);
    assert_eq!(same.exit, 0, "{same}");
    harmless(&same);
}
