//! A change on a copy of data: what is told of it, and that nothing else is touched.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;

use landfall_testkit::sim::{Sim, running};
use landfall_testkit::world::{Said, World};
use serde_json::{Value, json};

use crate::shop::{SCHEMA, commit, connected, git, record, shop};

const DATA: &str = "var/shop.sqlite";

/// A workspace with so many customers in its local database, and a change of `schema.sql`: every row is written anew.
fn changed(rows: u32) -> World {
    let world = shop();
    world.run(&["migrate", "--auto-approve"]);
    world.sql(&format!(
        "INSERT INTO customers (name, email) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
         SELECT 'Secretive ' || i, i || '@example.com' FROM n; PRAGMA wal_checkpoint(TRUNCATE)"
    ));
    world.declare(&SCHEMA.replace("email TEXT", "email TEXT CHECK (email <> '') UNIQUE"));
    world
}

/// It must end with this code and change neither the data nor the workspace.
#[track_caller]
fn rehearse(world: &World, exit: i32, args: &[&str]) -> Said {
    let state = || (fs::read(world.path(DATA)).unwrap(), git(&world.path(""), &["status", "--porcelain"]));
    let before = state();
    let said = world.run(&[&["rehearse"], args].concat());
    assert_eq!(said.exit, exit, "{said}");
    assert!(state() == before, "something was changed: {said}");
    assert_eq!(left(world), [] as [String; 0], "{said}");
    said
}

/// Folders that should have gone away again.
fn left(world: &World) -> Vec<String> {
    let Ok(entries) = fs::read_dir(world.path("target")) else { return Vec::new() };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("rehearsal-")).collect()
}

macro_rules! assert_rehearsed {
    ($said:expr, @$snapshot:literal) => {
        insta::with_settings!({ filters => vec![
            ("predicted below", "predicted"),
            (r" *(under 1 ms|\d[\d.]* (ms|s|min)( \d+ s)?)\b( \([^)]* to [^)]*\))?", " [TIME]"),
            (r" +\d+ %  █*", " [SHARE]"),
            (r"\d+\.\d+ (kB|MB)", "[SIZE]"),
            (r"rehearsal-\w+", "rehearsal-[RANDOM]"),
        ]}, { insta::assert_snapshot!($said.to_string(), @$snapshot) });
    };
}

#[test]
fn a_change_is_made_on_a_copy_and_told_with_its_evidence_its_time_and_its_downtime() {
    let world = changed(1_000);
    let said = rehearse(&world, 0, &["--data", DATA]);
    assert_rehearsed!(said, @r#"
    $ cargo xtask rehearse --data var/shop.sqlite
    --- exit code 0
    --- stdout
    Differences
      table customers: UNIQUE (email) is missing
      table customers: CHECK (email <> '') is missing

    Plan by builtin: a rewrite of 1000 rows, predicted [TIME]
    -- 1/8 metadata: constant time
    PRAGMA legacy_alter_table = ON;
    -- 2/8 drop trigger touched: constant time
    DROP TRIGGER "touched";
    -- 3/8 rebuild customers: constant time
    ALTER TABLE "customers" RENAME TO "landfall_old_customers";
    -- 4/8 rebuild customers: constant time
    CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT CHECK (email <> '') UNIQUE);
    -- 5/8 rebuild customers: a rewrite of 1000 rows
    INSERT OR ABORT INTO "customers" ("id", "name", "email") SELECT "id", "name", "email" FROM "landfall_old_customers";
    -- 6/8 rebuild customers: constant time
    DROP TABLE "landfall_old_customers";
    -- 7/8 metadata: constant time
    PRAGMA legacy_alter_table = OFF;
    -- 8/8 create trigger touched: constant time
    CREATE TRIGGER touched AFTER INSERT ON customers BEGIN SELECT 1; END;

    Hazards
      REWRITES_TABLE customers
        table customers is written anew (1000 rows)

    Planners
      builtin: chosen: the only plan that was proved

    Evidence
      table       rows before    rows after  checksum
      customers         1,000         1,000  ok

    Time from BEGIN to COMMIT: [TIME]
      schema and hazards [TIME] [SHARE]
      rows of customers [TIME] [SHARE]
      foreign keys and schema [TIME] [SHARE]
      1/8 metadata [TIME] [SHARE]
      2/8 drop trigger touched [TIME] [SHARE]
      3/8 rebuild customers [TIME] [SHARE]
      4/8 rebuild customers [TIME] [SHARE]
      5/8 rebuild customers [TIME] [SHARE]
      6/8 rebuild customers [TIME] [SHARE]
      7/8 metadata [TIME] [SHARE]
      8/8 create trigger touched [TIME] [SHARE]
      rows of customers [TIME] [SHARE]
      foreign keys and schema [TIME] [SHARE]
      commit [TIME] [SHARE]
      room on the disk: [SIZE] before, [SIZE] at most, [SIZE] afterwards

    Predicted downtime: [TIME], local estimate
      the old release stops [TIME]  assumed: nothing is under way
      the machine is replaced [TIME]  assumed: production has had no update yet, or was not asked
      the release starts [TIME]  assumed
      the change [TIME]  measured on this machine
      --wait-timeout [TIME]  enough
      grace_period of health [TIME]  enough
    --- stderr
         Copying var/shop.sqlite into [DIR]/target/rehearsal-[RANDOM]
    note: Atlas was not found: planned with the built-in planner
      Rehearsing db/declared.sql on a copy of var/shop.sqlite, [SIZE]
         Proving the plan of builtin on a replica
       Rehearsed the change of a copy of var/shop.sqlite, [SIZE] on this machine in [TIME] (planned in [TIME], copied in [TIME], applied in [TIME]): every row is there
    "#);
}

#[test]
fn a_hazard_stops_it_and_an_approval_lets_it_pass() {
    let world = changed(10);
    world.declare(&SCHEMA.replace(", email TEXT", ""));
    let said = rehearse(&world, 3, &["--data", DATA]);
    assert!(said.stderr.contains("error: the change of "), "{said}");
    assert!(
        said.stderr.contains("DROPS_COLUMN: column customers.email would be dropped with its values"),
        "{said}"
    );
    assert!(!said.stdout.contains("Predicted downtime"), "{said}");
    let said = rehearse(&world, 0, &["--data", DATA, "--allow", "DROPS_COLUMN:customers.email"]);
    assert!(said.stdout.contains("DROPS_COLUMN customers.email (approved by --allow)"), "{said}");
}

#[test]
fn rows_that_stand_against_it_are_found_here_and_not_in_production() {
    let world = changed(10);
    world.sql("UPDATE customers SET email = '' WHERE id IN (3, 7)");
    let said = rehearse(&world, 3, &["--data", DATA]);
    assert!(said.stderr.contains("VIOLATED_CONSTRAINT"), "{said}");
    assert!(said.stderr.contains("3, 7"), "the rows are named by their rowids: {said}");
}

#[test]
fn without_a_change_there_is_nothing_to_rehearse() {
    let world = changed(10);
    world.declare(SCHEMA);
    let said = rehearse(&world, 0, &["--data", DATA]);
    assert!(said.stderr.contains("Rehearsed nothing to change on a copy of var/shop.sqlite"), "{said}");
}

#[test]
fn wrong_usage_is_told_before_anything_is_done() {
    let world = changed(10);
    let said = rehearse(&world, 2, &[]);
    assert!(
        said.stderr.ends_with(
            "error: there is no copy of production in .data/pulled\n\
             pull one (--pull), name a database (--data FILE), or rehearse where the data is (--fork)\n"
        ),
        "{said}"
    );
    let said = rehearse(&world, 2, &["--data", DATA, "--report", "report.pdf"]);
    assert_eq!(
        said.stderr,
        "error: report.pdf is neither Markdown nor a page by its name\nlet its name end in .md or .html\n"
    );
    let said = rehearse(&world, 2, &["--data", DATA, "--fork"]);
    assert!(said.stderr.contains("cannot be used with"), "{said}");
    let said = rehearse(&world, 1, &["--data", "nowhere.db"]);
    assert!(said.stderr.contains("error: there is no database nowhere.db; nothing was changed"), "{said}");
}

#[test]
fn under_ci_nothing_but_a_fork_is_accepted() {
    let world = changed(10).with_env("CI", "1");
    for args in [&[][..], &["--pull"], &["--data", DATA]] {
        let said = rehearse(&world, 2, args);
        assert_eq!(
            said.stderr,
            "error: under CI nothing is rehearsed on a copy: rows would lie about on a machine that many use\n\
             rehearse where the data is: --fork\n"
        );
    }
}

#[test]
fn a_report_tells_all_of_it_and_no_value_of_a_row() {
    let world = changed(1_000);
    record(&world, &git(&world.path(""), &["rev-parse", "HEAD"]));
    let out = tempfile::tempdir().unwrap();
    let (page, text) = (out.path().join("r.html"), out.path().join("r.md"));
    rehearse(&world, 0, &["--data", DATA, "--report", page.to_str().unwrap()]);
    rehearse(&world, 0, &["--data", DATA, "--report", text.to_str().unwrap()]);
    let (page, text) = (fs::read_to_string(page).unwrap(), fs::read_to_string(text).unwrap());
    for told in ["Rehearsal of shop", "1,000", "Predicted downtime", "local estimate"] {
        assert!(page.contains(told), "{told} is not in the page");
        assert!(text.contains(told), "{told} is not in the text:\n{text}");
    }
    assert!(
        text.contains(
            "+CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT CHECK"
        ),
        "{text}"
    );
    for document in [page, text] {
        assert!(!document.contains("Secretive") && !document.contains("@example.com"));
        assert!(!document.contains("http://") && !document.contains("<script"));
    }
}

#[test]
fn json_is_one_document_also_where_it_is_refused() {
    let world = changed(10);
    let document = |said: &Said| serde_json::from_str::<Value>(&said.stdout).unwrap();
    let done = document(&rehearse(&world, 0, &["--data", DATA, "--format", "json"]));
    assert_eq!(done["report"]["change"]["evidence"][0]["rows_after"], 10);
    assert_eq!(done["report"]["downtime"]["basis"], "local");
    assert_eq!(done["report"]["to"].as_str().map(|to| to.ends_with("-dirty")), Some(true));
    world.declare(&SCHEMA.replace(", email TEXT", ""));
    let refused = document(&rehearse(&world, 3, &["--data", DATA, "--format", "json"]));
    assert_eq!((&refused["exit"], &refused["error"]["kind"]), (&3.into(), &"hazard".into()));
    assert_eq!(refused["report"]["change"]["plan"]["hazards"][0]["name"], "DROPS_COLUMN");
    assert_eq!(refused["report"]["downtime"], Value::Null);
}

#[test]
fn a_time_limit_that_may_be_too_short_is_told() {
    let world = changed(10);
    let said = rehearse(&world, 0, &["--data", DATA, "--wait-timeout", "2"]);
    assert!(said.stderr.contains("note: --wait-timeout (2 s) may be too short"), "{said}");
}

/// A pulled copy of the local database, as `cargo xtask pull` leaves it, that took so long to make there.
fn pulled(world: &World, time: &str, seconds: f64) {
    let file = format!(".data/pulled/simapp-{time}");
    world.write(&format!("{file}.db"), fs::read(world.path(DATA)).unwrap());
    let bytes = fs::metadata(world.path(DATA)).unwrap().len();
    let record = json!({"app": "simapp", "machine": "1", "time": "2026-08-01T12:00:00Z", "commit": null, "bytes": bytes,
        "sha256": "0", "seconds": seconds, "scrubbed": false});
    world.write(&format!("{file}.json"), record.to_string());
}

#[test]
fn the_newest_pulled_copy_is_used_and_tells_how_fast_production_is() {
    let world = changed(300_000);
    world.write(".gitignore", "/target/\n/var/\n/.data/\n");
    commit(&world);
    pulled(&world, "20260801T120000Z", 1_000.0);
    pulled(&world, "20250801T120000Z", 0.0);
    let said = rehearse(&world, 0, &["--format", "json"]);
    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    let report = &document["report"];
    assert!(
        report["data"].as_str().unwrap().starts_with("a copy of production, pulled 2026-08-01T12:00:00Z, "),
        "{said}"
    );
    let change = &report["downtime"]["parts"][3];
    let source = change["source"].as_str().unwrap();
    assert!(source.contains("times as long as this machine to copy it when this was pulled"), "{source}");
    // Some seconds here are at least a quarter of an hour on a machine that took a quarter of an hour to copy this.
    assert!(change["seconds"].as_f64().unwrap() > 900.0, "{change}");
    assert!(said.stderr.contains("note: --wait-timeout (5 min) may be too short"), "{said}");
}

#[test]
fn what_production_recorded_is_what_the_prediction_stands_on() {
    let Some(home) =
        landfall_testkit::requires::fly("what_production_recorded_is_what_the_prediction_stands_on")
    else {
        return;
    };
    let world = changed(300_000);
    let a = commit(&world);
    let mut scenario = running(&a, SCHEMA);
    scenario["www"]["/version"]["ready_seconds"] = 4.5.into();
    let report = json!({"outcome": "applied", "database": "", "schema": "", "live": "", "declared": "", "differences": [],
        "notes": [], "plan": null, "proposals": [], "evidence": [], "seconds": 3.0, "timings": [], "disk": null});
    let last = json!({"time": "", "commit": "", "sqlite": "3.54.1", "copy": {"bytes": 1_000_000, "seconds": 10.0}, "seconds": 4.0,
        "report": report});
    let answer = json!({"command": "last-change", "exit": 0, "report": last, "error": null});
    scenario["exec"]
        .as_array_mut()
        .unwrap()
        .push(json!({"match": "last-change", "exit_code": 0, "stdout": answer.to_string()}));
    let sim = Sim::start(&home, &scenario);
    let said = rehearse(&connected(world, &sim), 0, &["--data", DATA, "--format", "json"]);
    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    let downtime = &document["report"]["downtime"];
    assert_eq!(downtime["basis"], "production", "{said}");
    let parts: Vec<_> =
        downtime["parts"].as_array().unwrap().iter().map(|part| part["source"].as_str().unwrap()).collect();
    assert_eq!(parts[1..3], ["as in its last update", "as its last start"]);
    assert_eq!(downtime["parts"][2]["seconds"], 0.5, "a start without the change that it began with");
    assert!(parts[3].contains("to copy it at its last change"), "{parts:?}");
}

#[test]
fn an_interrupt_ends_it_and_leaves_nothing() {
    let world = changed(400_000);
    let before = fs::read(world.path(DATA)).unwrap();
    let mut command = world.command(&["rehearse", "--data", DATA]);
    let child = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while left(&world).is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let said = world.said(&["rehearse"], &child.wait_with_output().unwrap());
    assert_eq!(said.exit, 1, "{said}");
    assert!(said.stderr.contains("interrupted"), "{said}");
    assert_eq!(left(&world), [] as [String; 0]);
    assert!(fs::read(world.path(DATA)).unwrap() == before);
}
