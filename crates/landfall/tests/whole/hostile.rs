//! A schema that speaks to terminals and to whoever reads the log: no output lets it.

use crate::project::Project;
use landfall_testkit::hostile::{harm, rows, schema};
use landfall_testkit::server::Ran;

fn project(declared: &str) -> Project {
    let project = Project::new();
    std::fs::create_dir(project.path(".data")).unwrap();
    project.sql(&schema("one"));
    project.sql(&rows());
    project.declare(declared);
    project
}

#[track_caller]
fn run(project: &Project, exit: i32, arguments: &[&str]) -> Ran {
    let ran = project.run(arguments);
    assert_eq!(ran.exit, exit, "{}\n{}", ran.stdout, ran.stderr);
    let harms = [harm(&ran.stdout, ""), harm(&ran.stderr, "")].concat();
    assert_eq!(harms, [] as [String; 0]);
    ran
}

#[test]
fn every_command_shows_a_hostile_schema_as_text() {
    let project = project(&schema("two"));
    run(&project, 0, &["migrate", "--dry-run"]);
    run(&project, 4, &["migrate", "--check"]);
    run(&project, 0, &["status"]);
    run(&project, 0, &["status", "--format", "json"]);
    run(&project, 0, &["migrate"]);
    run(&project, 0, &["last-change"]);
    run(&project, 0, &["last-change", "--format", "json"]);
    run(&project, 0, &["migrate", "--check", "--format", "json"]);
}

#[test]
fn refusals_and_errors_show_a_hostile_schema_as_text() {
    let project = project("CREATE TABLE other (a TEXT);");
    run(&project, 3, &["migrate"]);
    run(&project, 3, &["migrate", "--dry-run", "--format", "json"]);
    run(&project, 1, &["restore", ".data/\u{1b}[2J\n::error::x"]);
    run(&project, 2, &["status", "\u{202e}db"]);
    run(&project, 2, &["backup", "x\n::error::y.pull-1", "--detach"]);
    project.declare(
        "CREATE TABLE t (a TEXT DEFAULT '\u{1b}]0;x\u{7}', FOREIGN KEY (\"\u{202e}\n::b\") REFERENCES t)",
    );
    run(&project, 1, &["migrate", "--dry-run"]);
}

#[test]
fn the_text_of_a_schema_is_exact_in_a_file_and_in_json_and_elsewhere_says_that_it_is_not() {
    let project = project("");
    let refused = run(&project, 1, &["inspect"]);
    insta::assert_snapshot!(refused.stderr, @"
    error: the schema of .data/db has what cannot be seen: it is written out above, which is no schema.sql; nothing was changed
    to have it exactly, write it into a file: landfall inspect > FILE
    or take it as JSON: landfall inspect --format json
    ");
    let json = run(&project, 0, &["inspect", "--format", "json"]).json();
    let exact = json["report"]["sql"].as_str().unwrap();

    let file = std::fs::File::create(project.path("kept.sql")).unwrap();
    assert!(project.landfall(&["inspect"]).stdout(file).status().unwrap().success());
    assert_eq!(std::fs::read_to_string(project.path("kept.sql")).unwrap().trim_end(), exact.trim_end());
    project.declare(exact);
    run(&project, 0, &["migrate", "--check"]);
}
