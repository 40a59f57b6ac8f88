//! `cargo xtask ci`: every stage, what failed, and what was skipped by name.

use crate::world::{Said, World};

const TESTED: &str = r#"//! Sells.

fn main() {}

#[cfg(test)]
mod tests {
    use std::env::var;

    #[test]
    fn needs_a_tool() {
        let list = var("LANDFALL_SKIPPED").unwrap();
        if var("LANDFALL_REQUIRE").unwrap().is_empty() {
            std::fs::write(list, "needs_a_tool: needs atlas\n").unwrap();
        }
    }
}
"#;

fn world(source: &str) -> World {
    let world = World::new("");
    world.write("shop/src/main.rs", source);
    world
}

fn order(said: &Said, words: &[&str]) {
    let mut rest = said.stderr.as_str();
    for word in words {
        let at = rest.find(word).unwrap_or_else(|| panic!("\"{word}\" is missing or too early: {said}"));
        rest = &rest[at..];
    }
}

#[test]
fn all_stages_pass_and_skipped_tests_are_named_at_the_end() {
    let said = world(TESTED).run(&["ci"]);
    assert_eq!(said.exit, 0, "{said}");
    order(&said, &["Passed formatting", "Passed lints", "Passed tests", "Passed documentation"]);
    order(&said, &["Passed documentation", "Skipped needs_a_tool: needs atlas", "Finished"]);
    assert!(said.stdout.contains("test result: ok. 1 passed"), "{said}");
}

#[test]
fn the_first_failure_ends_it_and_is_named() {
    for (source, passed, failed) in [
        ("//! Sells.\n\nfn main( ) {}\n", "Checking formatting", "error: `cargo fmt --all --check` failed"),
        ("//! Sells.\n\nfn main() {\n    return;\n}\n", "Passed formatting", "error: `cargo clippy"),
        (
            &TESTED.replace("let list", "assert_eq!(var(\"NO\").as_deref(), Ok(\"1\"));\n        let list"),
            "Passed lints",
            "error: `cargo test",
        ),
        ("//! Sells to [`nobody`].\n\nfn main() {}\n", "Passed tests", "error: `cargo doc"),
    ] {
        let said = world(source).run(&["ci"]);
        assert_eq!(said.exit, 1, "{said}");
        order(&said, &[passed, failed]);
        assert!(!said.stderr.contains("Finished formatting"), "{said}");
    }
}

#[test]
fn a_required_tool_that_is_missing_is_told_at_once() {
    let said = world(TESTED).run(&["ci", "--require", "atlas"]);
    assert_eq!(said.exit, 1, "{said}");
    assert!(said.stderr.contains("error: --require atlas: Atlas was not found"), "{said}");
    assert!(!said.stderr.contains("Checking"), "{said}");
}

#[test]
fn a_required_tool_is_told_to_the_tests() {
    let world = world(TESTED).with_atlas("/bin/sh".into());
    let said = world.run(&["ci", "--require", "atlas"]);
    assert_eq!(said.exit, 0, "{said}");
    assert!(!said.stderr.contains("Skipped"), "{said}");
}
