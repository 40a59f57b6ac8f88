//! Every scenario that the simulator has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use landfall_testkit::world::Said;
use serde_json::{Value, json};

use super::{Act, Begin, Ship, heal, home, side_by_side};
use crate::front::Says;

/// The exit code, and who serves afterwards; the slow ones first.
const EXPECTED: [(&str, i32, &str); 41] = [
    ("lease_held", 5, "old"),
    ("hang_update", 5, "old"),
    ("late_crash", 5, "old"),
    ("health_fail", 5, "old"),
    ("crash_to_stopped", 6, "nobody"),
    ("crash_exit0", 6, "nobody"),
    ("hang_start", 6, "nobody"),
    ("crash_loop", 6, "nobody"),
    ("oom", 6, "nobody"),
    ("default", 0, "new"),
    ("snapshot_coalesce", 0, "new"),
    ("health_none", 0, "new"),
    ("lease_held_short", 0, "new"),
    ("release_patch_500", 0, "new"),
    ("update_503_once", 0, "new"),
    ("fast", 0, "new"),
    ("update_503", 5, "old"),
    ("update_503_instant", 5, "old"),
    ("update_500", 5, "old"),
    ("update_drop", 5, "old"),
    ("update_412_capacity", 5, "old"),
    ("image_unresolvable", 5, "old"),
    ("release_500", 5, "old"),
    ("start_412", 6, "nobody"),
    ("start_412_twice", 0, "new"),
    ("stopped_before", 0, "new"),
    ("suspended_before", 0, "new"),
    ("exec_fail", 1, "old"),
    ("exec_timeout", 1, "old"),
    ("first_deploy", 2, "nobody"),
    ("first_deploy_no_volume", 2, "nobody"),
    ("app_not_found", 2, "nobody"),
    ("two_machines", 1, "nobody"),
    ("volume_missing", 1, "old"),
    ("two_volumes", 1, "old"),
    ("two_volumes_first_deploy", 1, "nobody"),
    ("wrong_region", 1, "nobody"),
    ("wrong_region_machine", 1, "old"),
    ("token_rejected", 1, "old"),
    ("host_unreachable", 1, "old"),
    ("graphql_500", 1, "old"),
];

#[test]
fn every_scenario_ends_as_its_exit_code_says() {
    let Some(home) = home("every_scenario_ends_as_its_exit_code_says") else { return };
    let told = Mutex::new(BTreeMap::new());
    side_by_side(
        &EXPECTED,
        |(name, ..)| name,
        |(name, exit, serves)| {
            // What Fly's checks see, the public sees as well; and what dies late is the new image, not the one before.
            let says = Says { good: (*name == "health_fail").then_some(0), ..Says::default() };
            let acts: &[Act<'_>] = if *name == "late_crash" { &[("Going back", &heal)] } else { &[] };
            let ship =
                Ship::begin(&home, Begin { scenario: json!({"base": name}), says, ..Begin::default() });
            let said = ship.deploy(&["--format", "json"], acts);
            ship.ended(&said, *exit, serves);
            let phases = document(&ship, &said, serves);
            let message = if *exit == 0 { String::new() } else { ship.error(&said) };
            told.lock().unwrap().insert(*name, format!("exit {exit}, {serves} serves\n{phases}\n{message}"));
        },
    );
    let told = told.into_inner().unwrap();
    let text: String = told.iter().map(|(name, message)| format!("{name}: {message}\n")).collect();
    assert_told!("scenarios", text);
}

/// The phases of the one document that there is, however it ends.
#[track_caller]
fn document(ship: &Ship, said: &Said, serves: &str) -> String {
    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    let Value::Object(report) = &document["report"] else { panic!("{said}") };
    assert_eq!((&document["command"], &document["exit"]), (&json!("deploy"), &json!(said.exit)), "{said}");
    // Where it ends early nobody has been asked.
    if report["from"].is_string() && said.exit != 6 {
        let commit = match serves {
            "new" => json!(ship.new),
            "old" => json!(ship.old),
            _ => Value::Null,
        };
        assert_eq!(report["serves"], commit, "{said}");
    }
    let kind = match said.exit {
        0 => Value::Null,
        2 => json!("usage"),
        5 => json!("went-back"),
        6 => json!("stranded"),
        _ => json!("failed"),
    };
    assert_eq!(document["error"]["kind"], kind, "{said}");
    assert!(said.exit == 0 || !document["error"]["remedy"].as_str().unwrap().is_empty(), "{said}");
    let phases = report["phases"].as_array().unwrap().iter();
    phases.map(|phase| phase["phase"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

#[test]
fn no_scenario_is_left_out() {
    let Some(home) = home("no_scenario_is_left_out") else { return };
    let sim = landfall_testkit::sim::Sim::start(&home, &json!({"base": "fast"}));
    let all = sim.control("scenarios");
    let all: BTreeSet<_> = all.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(EXPECTED.map(|(name, ..)| name).into_iter().collect::<BTreeSet<_>>(), all);
}
