//! A change that is rehearsed in the real image: on this machine, and on a fork of production's volume.

use std::fs;

use serde_json::{Value, json};

use crate::container::{SCHEMA, fill};
use crate::production::Production;
use crate::workspace::Said;
use landfall_testkit::requires;

const TAG: &str = "landfall-test:rehearse";
const ROWS: u32 = 20_000;
const REWRITTEN: &str = "last_name TEXT NOT NULL, sorted TEXT AS (lower(last_name)) STORED";

/// Commits another schema.
fn declare(production: &Production, schema: &str) {
    production.workspace.write("schema.sql", schema);
    production.workspace.commit();
}

/// What production has and is.
#[derive(Debug, PartialEq)]
struct State {
    machines: Vec<(String, String)>,
    volumes: Vec<(String, String)>,
    rows: u32,
    schema: String,
}

fn state(production: &Production) -> State {
    let machines = production.sim.machines().into_iter().filter(|(_, state)| state != "destroyed").collect();
    let conn = production.database();
    let rows = conn.query_row("SELECT count(*) FROM customers", [], |row| row.get(0)).unwrap();
    let schema = conn
        .query_row("SELECT group_concat(sql) FROM sqlite_schema WHERE sql IS NOT NULL", [], |row| row.get(0))
        .unwrap();
    State { machines, volumes: production.sim.volumes(), rows, schema }
}

/// On a fork; it must end with this code, and nothing be left of it: production goes on as it was.
#[track_caller]
fn on_a_fork(production: &Production, exit: i32, args: &[&str]) -> (Value, Said) {
    let before = state(production);
    let (document, said) = production.ends(exit, &[&["rehearse", "--fork"], args].concat());
    assert_eq!(state(production), before, "{}", said.stderr);
    assert_eq!(production.sim.volumes().len(), 1, "{}", said.stderr);
    (document, said)
}

#[test]
fn a_change_is_rehearsed_on_a_fork_which_is_destroyed_on_every_way_out() {
    const TEST: &str = "a_change_is_rehearsed_on_a_fork_which_is_destroyed_on_every_way_out";
    let Some(home) = requires::fly(TEST).filter(|_| requires::docker(TEST)) else { return };
    let production = Production::deployed(&home, TAG, |_| ());
    fill(&production.volume().join("db"), "", ROWS);

    goes_through(&production);
    is_refused(&production);
    is_interrupted(&production);
    fails(&production);
    is_left(&production);
}

fn goes_through(production: &Production) {
    declare(production, &SCHEMA.replace("last_name TEXT NOT NULL", REWRITTEN));
    let report = production.workspace.path(".data/report.md");
    let (document, said) = on_a_fork(production, 0, &["--report", report.to_str().unwrap()]);
    let evidence = &document["report"]["change"]["evidence"][0];
    assert_eq!((&evidence["rows_before"], &evidence["rows_after"]), (&ROWS.into(), &ROWS.into()));
    assert_eq!(document["report"]["from"], production.commit);
    let change = &document["report"]["downtime"]["parts"][3];
    assert_eq!((&change["what"], &change["source"]), (&"the change".into(), &"measured on the fork".into()));
    assert_eq!(change["seconds"], document["report"]["seconds"]);
    assert!(
        document["report"]["copy"]["bytes"].as_u64().unwrap() > 0,
        "a boot copies before it writes rows anew"
    );
    let report = fs::read_to_string(report).unwrap();
    assert!(report.contains("20,000") && !report.contains("First 1"), "{report}");
    for phase in ["Pushing", "Forking volume", "Planning on", "Booting on", "Rehearsed the change"] {
        assert!(said.stderr.contains(phase), "{phase}: {}", said.stderr);
    }
    // Nothing is left to do once it is there: told so, without a boot.
    declare(production, SCHEMA);
    let (_, said) = on_a_fork(production, 0, &[]);
    assert!(said.stderr.contains("nothing to change on a fork of production's volume"), "{}", said.stderr);
}

fn is_refused(production: &Production) {
    declare(production, &SCHEMA.replace(",\n  last_name TEXT NOT NULL", ""));
    let (document, said) = on_a_fork(production, 3, &[]);
    assert_eq!(document["report"]["change"]["plan"]["hazards"][0]["name"], "DROPS_COLUMN");
    assert!(
        said.stderr.contains("DROPS_COLUMN: column customers.last_name would be dropped"),
        "{}",
        said.stderr
    );
    let (document, _) = on_a_fork(production, 0, &["--allow", "DROPS_COLUMN:customers.last_name"]);
    assert_eq!(document["report"]["change"]["outcome"], "applied");
    // Rows that no approval mends: there is no plan, and it is told what differs all the same.
    declare(
        production,
        &SCHEMA.replace("last_name TEXT NOT NULL", "last_name TEXT NOT NULL, since TEXT NOT NULL"),
    );
    let (document, said) = on_a_fork(production, 3, &[]);
    assert!(said.stderr.contains("NEEDS_BACKFILL"), "{}", said.stderr);
    assert_eq!(document["report"]["change"]["differences"][0]["object"], "customers.since");
}

fn is_interrupted(production: &Production) {
    declare(production, &SCHEMA.replace("last_name TEXT NOT NULL", REWRITTEN));
    let sim = &production.sim;
    let machines = || sim.machines().into_iter().filter(|(_, state)| state != "destroyed").count();
    let begun: [(&str, &dyn Fn() -> bool); 3] = [
        ("the fork is made", &|| sim.volumes().len() > 1),
        ("its machine is made", &|| machines() > 1),
        ("the plan is asked for", &|| {
            sim.commands().last().is_some_and(|command| command.contains("--dry-run"))
        }),
    ];
    for (phase, begun) in begun {
        let before = state(production);
        let said = production.interrupted(&["rehearse", "--fork"], begun);
        assert_eq!((said.exit, said.stdout.as_str()), (1, ""), "{phase}: {}", said.stderr);
        assert!(said.stderr.contains("interrupted"), "{phase}: {}", said.stderr);
        assert_eq!(state(production), before, "{phase}: {}", said.stderr);
        // Another one has to begin with another command than the one that was waited for.
        let _ = production.ends(0, &["verify-sync"]);
    }
}

fn fails(production: &Production) {
    for (method, path, phase) in
        [("POST", "/volumes$", "Forking"), ("POST", "/machines$", "Planning"), ("POST", "/exec$", "Planning")]
    {
        production.sim.faults(
            &json!([{"method": method, "path": path, "status": 500, "body": {"error": "simulated"}}]),
        );
        let (document, said) = on_a_fork(production, 1, &[]);
        assert_eq!(document["report"], Value::Null);
        assert!(said.stderr.contains(phase) && said.stderr.contains("simulated"), "{}", said.stderr);
    }
    production.sim.faults(&json!([]));
}

/// What cannot be destroyed is told with the command that shows what it holds, and then how it is.
fn is_left(production: &Production) {
    production.sim.faults(
        &json!([{"method": "DELETE", "path": "/volumes/", "status": 500, "body": {"error": "simulated"}}]),
    );
    let (_, said) = production.ends(0, &["rehearse", "--fork"]);
    let volumes = production.sim.volumes();
    let (id, _) = volumes.iter().find(|(_, name)| name.starts_with("landfall_rehearsal_")).unwrap();
    let told = format!(
        "note: left at Fly, with nothing but a copy of production's data, and paid for: cargo xtask status --volume {id}"
    );
    assert!(said.stderr.contains(&told), "{}", said.stderr);
    production.sim.faults(&json!([]));
}

#[test]
fn a_change_is_rehearsed_in_the_image_on_a_copy_of_this_machine() {
    const TEST: &str = "a_change_is_rehearsed_in_the_image_on_a_copy_of_this_machine";
    if !requires::docker(TEST) {
        return;
    }
    let workspace = crate::workspace::Workspace::copied();
    let data = workspace.path(".data/copy.db");
    fs::create_dir_all(data.parent().unwrap()).unwrap();
    fill(
        &data,
        &format!("{SCHEMA} CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('kept');"),
        ROWS,
    );
    let before = fs::read(&data).unwrap();
    let with_notes =
        |schema: &str| workspace.write("schema.sql", format!("{schema}\nCREATE TABLE notes (text TEXT);\n"));
    with_notes(&SCHEMA.replace("last_name TEXT NOT NULL", REWRITTEN));
    let run = |exit: i32, args: &[&str]| {
        let args = [&["rehearse", "--image", "--data", ".data/copy.db", "--format", "json"], args].concat();
        let said = crate::workspace::said(&workspace.xtask(&args).env_remove("CI").output().unwrap());
        assert_eq!(said.exit, exit, "{}", said.stderr);
        assert!(fs::read(&data).unwrap() == before, "{}", said.stderr);
        (serde_json::from_str::<Value>(&said.stdout).unwrap()["report"].clone(), said)
    };
    let (report, _) = run(0, &[]);
    assert!(report["place"].as_str().unwrap().starts_with("the image landfall-customers:"), "{report}");
    assert_eq!(report["change"]["evidence"][0]["rows_after"], ROWS);
    let parts: Vec<_> =
        report["downtime"]["parts"].as_array().unwrap().iter().map(|part| &part["source"]).collect();
    assert_eq!(parts[0], "measured in the image on this machine");
    assert_eq!(parts[2], "measured in the image on this machine");
    // An approval goes with the plan that it is for.
    workspace.write("schema.sql", SCHEMA);
    run(3, &[]);
    let (report, _) = run(0, &["--allow", "DROPS_TABLE:notes"]);
    assert_eq!(report["change"]["outcome"], "applied");
    with_notes(SCHEMA);
    let (report, _) = run(0, &[]);
    assert_eq!(report["change"]["outcome"], "in-sync");
    // The change goes through, and the release cannot live with it.
    with_notes(&SCHEMA.replace(",\n  last_name TEXT NOT NULL", ""));
    let (_, said) = run(1, &["--allow", "DROPS_COLUMN:customers.last_name", "--wait-timeout", "3"]);
    assert!(
        said.stderr.contains("/healthz was not well within 3 s; nothing but a copy was changed\n"),
        "{}",
        said.stderr
    );
}
