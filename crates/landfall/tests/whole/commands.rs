//! The commands that do one thing and end.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::project::{CUSTOMERS, Project, customers, stable};
use landfall_testkit::server::ran;

const WITH_EMAIL: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL, email TEXT);\n";
const WITHOUT_LAST_NAME: &str =
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, first_name TEXT NOT NULL);\n";

#[test]
fn migrate_makes_the_default_folder_and_a_second_one_has_nothing_to_do() {
    let project = Project::new();
    let first = project.run(&["migrate"]);
    assert_eq!(first.exit, 0, "{}", first.stderr);
    let _stable = stable();
    assert_snapshot!(first.stdout, @r#"
    .data/db is now what schema.sql says: 1 step in [time]
      table customers is missing

    plan of builtin, constant time, predicted [time]:
      CREATE TABLE customers (id INTEGER PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL);
    planner builtin: chosen, the only plan that was proved
    "#);
    let bytes = fs::read(project.database()).unwrap();
    let second = project.run(&["migrate"]);
    assert_eq!(second.exit, 0);
    assert_snapshot!(second.stdout, @".data/db is what schema.sql says: nothing to do");
    assert_eq!(fs::read(project.database()).unwrap(), bytes);
}

#[test]
fn migrate_adds_a_column_and_keeps_the_rows() {
    let project = Project::with_ada();
    project.declare(WITH_EMAIL);
    let migrate = project.run(&["migrate"]);
    assert_eq!(migrate.exit, 0, "{}", migrate.stderr);
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
    assert_eq!(project.run(&["migrate", "--check"]).exit, 0);
    let _stable = stable();
    assert_snapshot!(migrate.stdout, @r#"
    .data/db is now what schema.sql says: 1 step in [time]
      column customers.email is missing

    plan of builtin, constant time, predicted [time]:
      ALTER TABLE "customers" ADD COLUMN email TEXT;
    planner builtin: chosen, the only plan that was proved
    customers: a sample of 1 row by key, values equal
    "#);
}

#[test]
fn a_dry_run_shows_the_plan_and_makes_no_file() {
    let project = Project::new();
    let rehearsed = project.run(&["migrate", "--dry-run"]);
    assert_eq!(rehearsed.exit, 0, "{}", rehearsed.stderr);
    assert!(rehearsed.stdout.contains("CREATE TABLE customers"));
    assert!(!project.path(".data").exists());
}

#[test]
fn check_exits_4_and_names_the_differences() {
    let project = Project::with_ada();
    project.declare(WITH_EMAIL);
    let check = project.run(&["migrate", "--check"]);
    assert_eq!(check.exit, 4, "{}", check.stderr);
    assert_snapshot!(check.stdout, @r#"
    .data/db is out of sync with schema.sql: 1 difference
      column customers.email is missing
    "#);
}

#[test]
fn a_refused_hazard_is_shown_with_its_plan_and_changes_nothing() {
    let project = Project::with_ada();
    project.declare(WITHOUT_LAST_NAME);
    let refused = project.run(&["migrate"]);
    assert_eq!(refused.exit, 3);
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
    assert_eq!(project.run(&["migrate", "--dry-run"]).exit, 3);
    assert!(!refused.stdout.contains("DROPS_COLUMN"), "once is enough: {}", refused.stdout);
    assert!(refused.stdout.contains("\nplan of builtin, "), "{}", refused.stdout);
    assert_snapshot!(refused.error(), @"
    error: the change of .data/db was refused; nothing was changed
      DROPS_COLUMN: column customers.last_name would be dropped with its values
        write `-- @dropped last_name` inside CREATE TABLE customers, or approve DROPS_COLUMN:customers.last_name
    do what is said below each hazard, then run the command again
    ");
}

#[test]
fn a_planner_that_is_forced_and_missing_changes_nothing() {
    let project = Project::with_ada();
    project.declare(WITH_EMAIL);
    let forced = project.run(&["migrate", "--planner", "atlas"]);
    assert_eq!(forced.exit, 1);
    assert_eq!(project.run(&["migrate", "--check"]).exit, 4);
    assert_snapshot!(forced.error(), @r#"
    error: no plan brings .data/db to the schema without loss; nothing was changed
      atlas: was not found
    put `atlas` on PATH or its path in ATLAS, or choose the planner "builtin"
    "#);
}

#[test]
fn an_approved_hazard_runs() {
    let project = Project::with_ada();
    project.declare(WITHOUT_LAST_NAME);
    let allowed = project.run(&["migrate", "--allow", "DROPS_COLUMN:customers.last_name"]);
    assert_eq!(allowed.exit, 0, "{}", allowed.stderr);
    assert_eq!(project.run(&["migrate", "--check"]).exit, 0);
}

#[test]
fn json_is_one_document_when_it_succeeds() {
    let project = Project::with_ada();
    project.declare(WITH_EMAIL);
    let document = project.run(&["migrate", "--format", "json"]).json();
    assert_eq!(keys(&document), ["version", "command", "exit", "report", "error"]);
    assert_eq!(document["version"], 2);
    assert_eq!(document["command"], "migrate");
    assert_eq!(document["exit"], 0);
    assert_eq!(document["report"]["outcome"], "applied");
    assert_eq!(document["error"], Value::Null);
}

#[test]
fn json_is_one_document_when_it_is_refused_and_has_the_report_too() {
    let project = Project::with_ada();
    project.declare(WITHOUT_LAST_NAME);
    let refused = project.run(&["migrate", "--format=json"]);
    assert_eq!(refused.exit, 3);
    let document = refused.json();
    assert_eq!(document["exit"], 3);
    assert_eq!(document["report"]["outcome"], "planned");
    assert_eq!(document["report"]["plan"]["hazards"][0]["name"], "DROPS_COLUMN");
    assert_eq!(keys(&document["error"]), ["kind", "object", "message", "changed", "remedy"]);
    assert_eq!(document["error"]["kind"], "hazard");
}

#[test]
fn json_of_a_refusal_without_a_plan_has_differences_and_hazards() {
    let project = Project::with_ada();
    project.declare(&WITH_EMAIL.replace("email TEXT", "email TEXT NOT NULL"));
    for args in [&["migrate", "--format", "json"][..], &["migrate", "--format", "json", "--dry-run"]] {
        let refused = project.run(args);
        assert_eq!(refused.exit, 3);
        let report = &refused.json()["report"];
        assert_eq!(report["plan"], Value::Null);
        assert_eq!(report["differences"][0]["object"], "customers.email");
        assert_eq!(report["hazards"][0]["name"], "NEEDS_BACKFILL");
    }
    project.declare("");
    for mode in [&[][..], &["--dry-run"], &["--check"]] {
        let refused = project.run(&[&["migrate", "--format", "json"], mode].concat());
        assert_eq!(refused.exit, 3);
        assert_eq!(refused.json()["report"]["differences"][0]["object"], "customers");
    }
}

#[test]
fn json_is_one_document_when_the_schema_or_the_command_line_is_wrong() {
    let project = Project::new();
    project.declare("nonsense");
    let wrong = project.run(&["migrate", "--format", "json"]);
    assert_eq!(wrong.exit, 1);
    assert_eq!(wrong.json()["report"], Value::Null);
    assert_eq!(wrong.json()["error"]["kind"], "schema");

    let flag = project.run(&["migrate", "--format", "json", "--chek"]);
    assert_eq!(flag.exit, 2);
    assert_eq!(
        flag.json(),
        json!({
            "version": 2,
            "command": "migrate",
            "exit": 2,
            "report": null,
            "error": {
                "kind": "usage",
                "object": "",
                "message": "unexpected argument '--chek' found",
                "changed": "unknown",
                "remedy": "every command and flag: landfall --help",
            },
        })
    );
    let variable = ran(project.landfall(&["inspect", "--format=json"]).env("LANDFALL_PLANNER", "magic"));
    assert_eq!(variable.exit, 2);
    assert_eq!(variable.json()["error"]["object"], "LANDFALL_PLANNER");
}

#[test]
fn values_are_never_shown_under_ci() {
    let project = Project::new();
    let refused = ran(project.landfall(&["migrate", "--show-values"]).env("CI", "true"));
    assert_eq!(refused.exit, 2);
    assert!(!project.database().exists());
    assert_snapshot!(refused.error(), @r#"
    error: --show-values is refused under CI: values of your rows would end up in its log
    leave it out, or run it where CI is not set
    "#);
    assert_eq!(project.run(&["migrate", "--show-values"]).exit, 0);
}

#[test]
fn wrong_usage_exits_2_and_says_what_is_known() {
    let project = Project::new();
    let error = |arguments: &[&str]| {
        let wrong = project.run(arguments);
        assert_eq!((wrong.exit, wrong.stdout.as_str()), (2, ""));
        wrong.stderr
    };
    assert_snapshot!(error(&["migrate", "--planner", "magic"]), @r#"
    error: invalid value 'magic' for '--planner <PLANNER>': planner "magic" is not known
    use one of: auto atlas builtin

    For more information, try '--help'.
    "#);
    assert_snapshot!(error(&["migrate", "--allow", "DROPS_COLUMN"]), @r#"
    error: invalid value 'DROPS_COLUMN' for '--allow <HAZARD:OBJECT>': approval "DROPS_COLUMN" names no object
    write HAZARD:OBJECT, where HAZARD is one of DROPS_TABLE, DROPS_COLUMN, CHANGES_VALUES, LOOKS_LIKE_RENAME, RENUMBERS_ROWIDS, UNUSABLE

    For more information, try '--help'.
    "#);
    assert_snapshot!(error(&["migrate", "--allow", "REWRITES_TABLE:*"]), @r#"
    error: invalid value 'REWRITES_TABLE:*' for '--allow <HAZARD:OBJECT>': REWRITES_TABLE cannot be approved
    write HAZARD:OBJECT, where HAZARD is one of DROPS_TABLE, DROPS_COLUMN, CHANGES_VALUES, LOOKS_LIKE_RENAME, RENUMBERS_ROWIDS, UNUSABLE

    For more information, try '--help'.
    "#);
    assert_snapshot!(error(&["migrate", "--dry-run", "--check"]), @r#"
    error: the argument '--dry-run' cannot be used with '--check'

    Usage: landfall migrate --dry-run

    For more information, try '--help'.
    "#);
    assert_snapshot!(error(&["backup"]), @r#"
    error: the following required arguments were not provided:
      <FILE>

    Usage: landfall backup <FILE>

    For more information, try '--help'.
    "#);
    assert!(!project.path(".data").exists());
}

#[test]
fn help_tells_every_variable_and_exit_code() {
    let help = Project::new().run(&["--help"]);
    assert_eq!(help.exit, 0);
    assert_snapshot!(help.stdout, @"
    What a machine does with its SQLite database

    Usage: landfall <COMMAND>

    Commands:
      start        Bring the database to schema.sql, then become COMMAND; meanwhile every request is
                   answered with 503
      migrate      Bring the database to schema.sql
      idle         Touch nothing until asked to stop: for a machine on whose volume other commands look
                   at what there is
      inspect      Print the live schema as the text of a schema.sql
      backup       Make a consistent copy of the database while it is in use
      restore      Put a copy back in the place of the database, which is set aside
      discard      Remove a database that was set aside
      last-change  Print what the last change of the database did, and how long it took
      status       Print what is in the database, how much room is left, and what lies beside it
      version      Print what this is: commit, version, declared schema, SQLite
      help         Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Environment:
      DB_PATH                the database [default: .data/db]
      SCHEMA_PATH            the declared schema: a file, a folder or a list [default: schema.sql]
      PORT, LISTEN           where start answers, and the service after it [default: 8080, 127.0.0.1]
      LANDFALL_PLANNER       auto, atlas or builtin [default: auto]
      ATLAS                  the Atlas binary [default: atlas on PATH]
      LANDFALL_IGNORE        tables that no step sees, as GLOB patterns with commas between
      LANDFALL_COLUMN_ORDER  report or exact [default: report]
      LANDFALL_FAST_PATH     proved, full or off: changes that write no row anew [default: proved]
      LANDFALL_COMMIT        the commit of this release
      LANDFALL_SCHEMA        keep: start migrates nothing, and runs COMMAND only where this release fits
      LANDFALL_CREATE        1: a database that is missing on Fly's volume may be made
      LANDFALL_ALLOW         hazards that are approved, as HAZARD:OBJECT with commas between …
      LANDFALL_ALLOW_FOR     … for the plan with this fingerprint, and no other

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused for a hazard, 4 out of sync (migrate --check)
    ");
}

#[test]
fn inspect_prints_a_schema_that_declares_the_same() {
    let project = Project::with_ada();
    let inspected = project.run(&["inspect"]);
    assert_eq!(inspected.exit, 0);
    assert!(inspected.stdout.contains(CUSTOMERS.trim_end()));
    project.declare(&inspected.stdout);
    assert_eq!(project.run(&["migrate", "--check"]).exit, 0);
    let document = project.run(&["inspect", "--format", "json"]).json();
    assert_eq!(keys(&document["report"]), ["fingerprint", "sql"]);
    assert_eq!(document["report"]["sql"].as_str().unwrap().trim_end(), inspected.stdout.trim_end());
}

#[test]
fn inspect_and_backup_refuse_a_missing_database_and_make_none() {
    let project = Project::new();
    for arguments in [&["inspect"][..], &["backup", "copy"]] {
        let refused = project.run(arguments);
        assert_eq!((refused.exit, refused.stdout.as_str()), (1, ""));
        assert_eq!(
            refused.stderr,
            "error: there is no database at .data/db\n\
             create it with: landfall migrate, or name another one with DB_PATH\n"
        );
    }
    assert!(!project.path(".data").exists());
    assert!(!project.path("copy").exists());
}

#[test]
fn backup_copies_the_rows_of_a_database_in_use_for_its_owner_only() {
    let project = Project::with_ada();
    let service = project.service();
    service.execute_batch("INSERT INTO customers VALUES (8, 'Grace', 'Hopper')").unwrap();
    let backup = project.run(&["backup", "copy"]);
    assert_eq!(backup.exit, 0, "{}", backup.stderr);
    let copy = project.path("copy");
    assert_eq!(customers(&copy), ["7 Ada Lovelace", "8 Grace Hopper"]);
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let bytes = fs::metadata(&copy).unwrap().len();
    let _stable = stable();
    assert_snapshot!(backup.stdout.replace(&bytes.to_string(), "[bytes]"), @"
    copied to copy: [bytes] bytes in [time], integrity checked
    sha256 [fingerprint]
    ");
}

#[test]
fn backup_refuses_a_file_that_exists() {
    let project = Project::with_ada();
    fs::write(project.path("copy"), "precious").unwrap();
    let refused = project.run(&["backup", "copy", "--format", "json"]);
    assert_eq!(refused.exit, 1);
    assert_eq!(refused.json()["report"], Value::Null);
    assert_eq!(fs::read_to_string(project.path("copy")).unwrap(), "precious");
    assert_snapshot!(refused.error(), @r#"
    error: the file copy exists already; nothing was changed
    name a new file
    "#);
}

#[test]
fn version_needs_no_database() {
    let project = Project::new();
    let mut version = project.landfall(&["version"]);
    let text = ran(version.env("LANDFALL_COMMIT", "0123abc"));
    assert_eq!((text.exit, text.stderr.as_str()), (0, ""));
    let document = project.run(&["version", "--format", "json"]).json();
    assert_eq!(keys(&document["report"]), ["commit", "version", "schema", "sqlite", "ready_seconds"]);
    assert_eq!(document["report"]["schema"]["live"], Value::Null);
    assert_eq!(document["report"]["ready_seconds"], Value::Null);
    let declared = document["report"]["schema"]["declared"].as_str().unwrap();
    assert!(declared.len() == 67 && declared.starts_with("v1-"), "{declared}");
    let commit = option_env!("LANDFALL_COMMIT").filter(|commit| !commit.is_empty()).unwrap_or("0123abc");
    let (version, sqlite) = (env!("CARGO_PKG_VERSION"), rusqlite::version());
    let expected =
        format!("landfall {version}\ncommit {commit}\ndeclared schema {declared}\nSQLite {sqlite}\n");
    assert_eq!(text.stdout, expected);
    assert!(!project.path(".data").exists());
}

#[test]
fn version_tells_a_commit_even_when_the_schema_cannot_be_read() {
    let project = Project::new();
    project.declare("nonsense");
    let version = project.run(&["version"]);
    assert_eq!(version.exit, 0);
    assert!(version.stdout.contains("declared schema unknown\n"));
    assert!(version.stderr.contains("the declared schema is unknown: "));
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}
