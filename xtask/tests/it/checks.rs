//! `cargo xtask ci`: every stage, what failed, and what was skipped.

use landfall_testkit::assert_said;
use landfall_testkit::world::{Said, World};

use crate::XTASK;

/// Three tests: one that passes, one that needs a tool, and says so twice, and one that takes too long.
const TESTED: &str = r#"//! Sells.

fn main() {}

#[cfg(test)]
#[allow(dead_code, reason = "one of its tools is enough here")]
mod requires;

#[cfg(test)]
mod tests {
    #[test]
    fn goes_well() {}

    #[test]
    fn needs_a_tool() {
        for _ in 0..2 {
            if std::env::var_os("ATLAS").is_none() {
                crate::requires::skip("needs_a_tool", "atlas");
            }
        }
    }

    #[test]
    #[ignore = "takes an hour"]
    fn takes_too_long() {}
}
"#;

fn world(source: &str) -> World {
    let world = World::new(XTASK, "");
    world.write("shop/src/main.rs", source);
    world.write("shop/src/requires.rs", include_str!("../../../crates/landfall-testkit/src/requires.rs"));
    // As that file is formatted.
    world.write("rustfmt.toml", include_str!("../../../rustfmt.toml"));
    world
}

fn order(said: &Said, words: &[&str]) {
    let mut rest = said.stderr.as_str();
    for word in words {
        let at = rest.find(word).unwrap_or_else(|| panic!("\"{word}\" is missing or too early: {said}"));
        rest = &rest[at..];
    }
}

/// Without what differs from run to run.
fn stable(said: &Said) -> String {
    let seconds = |word: &str| word.contains('.') && word.parse::<f64>().is_ok();
    let line = |line: &str| {
        line.split(' ').map(|word| if seconds(word) { "[TIME]" } else { word }).collect::<Vec<_>>().join(" ")
    };
    said.to_string().lines().map(|text| line(text) + "\n").collect()
}

#[test]
fn skipped_tests_are_one_line_a_tool_and_count_as_none_that_passed() {
    let said = world(TESTED).run(&["ci"]);
    assert_eq!(said.exit, 0, "{said}");
    assert_said!("ci", stable(&said));
}

#[test]
fn verbose_has_every_line_and_every_name() {
    let said = world(TESTED).run(&["ci", "--verbose"]);
    assert_eq!(said.exit, 0, "{said}");
    for line in ["test tests::goes_well ... ok", "test result: ok. 2 passed", "\n  tests::needs_a_tool\n"] {
        assert!(said.stdout.contains(line), "{line}: {said}");
    }
    order(&said, &["Skipped 1 test, whole or in part, without atlas", "Finished"]);
}

#[test]
fn a_workspace_without_a_test_has_passed_none() {
    let said = world("//! Sells.\n\nfn main() {}\n").run(&["ci"]);
    assert_eq!(said.exit, 0, "{said}");
    assert!(!said.stderr.contains("Passed tests"), "{said}");
    order(&said, &["Skipped tests: there is none", "Finished formatting", "tests: none ran"]);
}

#[test]
fn the_output_of_a_thousand_tests_is_a_few_lines() {
    let one = |n: usize| format!("    #[test]\n    fn number_{n}() {{}}\n");
    let many: String = (0..1_484).map(|n| format!("\n{}", one(n))).collect();
    let source = format!(
        "//! Sells.\n\nfn main() {{}}\n\n#[cfg(test)]\nmod tests {{\n{}}}\n",
        many.trim_start_matches('\n')
    );
    let said = world(&source).run(&["ci"]);
    assert_eq!(said.exit, 0, "{said}");
    assert!(said.to_string().lines().count() < 100, "{said}");
    order(&said, &["Ran unit tests of shop: 1,484 passed", "Finished"]);
}

#[test]
fn keep_going_runs_what_comes_after_a_failure() {
    let ill = TESTED
        .replace("fn main() {}", "fn main( ) {}")
        .replace("fn goes_well() {}", "fn goes_well() {\n        panic!(\"it broke\");\n    }");
    let said = world(&ill).run(&["ci", "--keep-going"]);
    assert_eq!(said.exit, 1, "{said}");
    order(
        &said,
        &["Failed formatting", "Passed lints", "Failed tests", "Passed documentation", "Skipped 1 test"],
    );
    assert!(said.stderr.contains("error: 2 of 4 checks failed: formatting, tests\n"), "{said}");
    assert!(said.stdout.contains("test tests::goes_well ... FAILED"), "{said}");
    assert!(said.stdout.contains("it broke"), "{said}");
    assert!(!said.stderr.contains("Finished"), "{said}");
}

#[test]
fn the_first_failure_ends_it_and_is_named() {
    for (source, passed, failed) in [
        ("//! Sells.\n\nfn main( ) {}\n", "Checking formatting", "error: `cargo fmt --all --check` failed"),
        ("//! Sells.\n\nfn main() {\n    return;\n}\n", "Passed formatting", "error: `cargo clippy"),
        (
            &TESTED.replace("fn goes_well() {}", "fn goes_well() {\n        assert_eq!(1 + 1, 3);\n    }"),
            "Passed lints",
            "error: `cargo test",
        ),
        ("//! Sells to [`nobody`].\n\nfn main() {}\n", "Skipped tests: there is none", "error: `cargo doc"),
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
