//! What a deploy knows, and what it does not: it goes back only to what was proved and fits, is seen before it is changed, and tells
//! of all that it leaves.

use std::process::Command;
use std::time::Duration;
use std::{fs, thread};

use landfall_testkit::sim::inspect;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::cases::DROPPED;
use super::first::{self, PASSWORD};
use super::{Begin, LOCK, Ship, home, status};
use crate::front::Says;
use crate::shop::{SCHEMA, commit, git};

const ALLOW: [&str; 2] = ["--allow", "DROPS_COLUMN:customers.email"];
const OTHER: &str = "0123456789abcdef0123456789abcdef01234567";

/// On rows an approval needs a rehearsal.
fn without_rows() -> Value {
    json!({"base": "fast", "exec": [inspect(SCHEMA), status(0)]})
}

fn silent(rule: Value) -> impl Fn(&Ship, Pid) + Sync {
    move |ship: &Ship, _| ship.sim.faults(&json!([rule]))
}

#[test]
fn a_release_that_may_not_fit_is_not_shipped_back_where_the_schema_cannot_be_read() {
    let Some(home) = home("a_release_that_may_not_fit_is_not_shipped_back_where_the_schema_cannot_be_read")
    else {
        return;
    };
    let says = Says { commit: Some(OTHER.to_owned()), ..Says::default() };
    let begin = Begin { declared: DROPPED, says, scenario: without_rows(), ..Begin::default() };
    let ship = Ship::begin(&home, begin);
    let no_commands =
        silent(json!({"method": "POST", "path": "/exec$", "status": 500, "body": {"error": "simulated"}}));
    let said = ship.deploy(&ALLOW, &[("Ship ", &no_commands)]);
    ship.ended(&said, 6, OTHER);
    assert_told!("may-not-fit", ship.error(&said));
}

#[test]
fn three_seconds_of_silence_take_down_no_change_that_the_release_before_does_not_fit() {
    let Some(home) =
        home("three_seconds_of_silence_take_down_no_change_that_the_release_before_does_not_fit")
    else {
        return;
    };
    let ship = Ship::begin(&home, Begin { declared: DROPPED, scenario: without_rows(), ..Begin::default() });
    let for_a_while = |ship: &Ship, _| {
        let rule =
            json!({"method": "GET", "path": "/machines", "status": 500, "body": {"error": "simulated"}});
        ship.sim.faults(&json!([rule]));
        let url = ship.sim.url.clone();
        thread::spawn(move || {
            thread::sleep(Duration::from_secs(8));
            ureq::put(format!("{url}/_sim/rules")).send("[]").unwrap();
        });
    };
    let args = ["deploy", "--auto-approve", "--no-smoke", "--no-rehearsal", "--wait-timeout", "30"];
    let said = ship.run(&[args.as_slice(), &ALLOW].concat(), &[("Ship ", &for_a_while)]);
    ship.ended(&said, 0, "new");
}

#[test]
fn a_release_that_fits_whatever_became_of_the_schema_comes_back_unread() {
    let Some(home) = home("a_release_that_fits_whatever_became_of_the_schema_comes_back_unread") else {
        return;
    };
    let ship = Ship::begin(
        &home,
        Begin {
            declared: super::GROWN,
            says: Says { commit: Some(OTHER.to_owned()), ..Says::default() },
            ..Begin::default()
        },
    );
    let no_schema = |ship: &Ship, _| {
        let none = json!({"match": "landfall inspect", "exit_code": 1, "stdout": "", "stderr": "simulated"});
        ship.sim.configure(&json!({"exec": [none, status(3)]}));
    };
    let said = ship.deploy(&[], &[("Ship ", &no_schema)]);
    ship.ended(&said, 5, "old");
}

#[test]
fn a_deploy_that_was_killed_before_its_proof_is_no_release_to_go_back_to() {
    let Some(home) = home("a_deploy_that_was_killed_before_its_proof_is_no_release_to_go_back_to") else {
        return;
    };
    let mut ship = Ship::begin(&home, Begin::default());
    let said = ship.deploy(&[], &[]);
    ship.ended(&said, 0, "new");
    let (first, root) = (ship.new.clone(), ship.world.path(""));
    // The simulator knows the labels of what was pushed by its tag alone.
    let image = crate::front::machines(&ship.sim.control("state"))[0]["image_ref"].clone();
    let text = |key: &str| image[key].as_str().unwrap().to_owned();
    let pinned = format!("{}/{}@{}", text("registry"), text("repository"), text("digest"));
    ship.sim.configure(&json!({"images": {pinned: {"digest": image["digest"], "labels": image["labels"]}}}));
    let next = |ship: &mut Ship| {
        ship.new = commit(&ship.world);
        git(&root, &["push", "--quiet", "origin", "HEAD:main"]);
    };
    next(&mut ship);
    let kill = |_: &Ship, pid| kill_process(pid, Signal::KILL).unwrap();
    let killed = ship.deploy(&[], &[("Ship ", &kill)]);
    assert_eq!(ship.serves(), "new", "{killed}");
    assert_eq!(ship.audit(), ["is shipped", "served", "is shipped"], "{killed}");
    next(&mut ship);
    ship.old.clone_from(&first);
    // From now on no new image has the schema that it should have.
    ship.front.says(Says { live: Some("v1-fedcba9876543210".to_owned()), ..Says::default() });
    ship.front.knows(&first);
    let said = ship.deploy(&[], &[]);
    assert_eq!((said.exit, ship.serves().as_str()), (5, "old"), "{said}");
    assert_eq!(ship.audit()[..3], ["went back", "is shipped", "is shipped"], "{said}");
    assert_eq!(git(ship.origin.path(), &["for-each-ref", LOCK]), "", "{said}");
    assert!(said.stderr.contains(", which production runs, was never proved"), "{said}");
}

/// What a machine answers that runs this commit.
fn runs(commit: &str) -> Value {
    let version = json!({"commit": commit, "version": "0.1.0", "sqlite": "3.54.1",
        "schema": {"declared": "0", "live": null}, "ready_seconds": null});
    let document = json!({"command": "version", "exit": 0, "report": version, "error": null});
    json!({"match": "landfall version", "exit_code": 0, "stdout": document.to_string()})
}

#[test]
fn what_cannot_be_seen_from_here_is_not_changed() {
    let Some(home) = home("what_cannot_be_seen_from_here_is_not_changed") else { return };
    let ship =
        Ship::begin(&home, Begin { env: &[("LANDFALL_URL", "http://127.0.0.1:9")], ..Begin::default() });
    let said = ship.deploy(&[], &[]);
    ship.ended(&said, 1, "old");
    assert!(!said.stderr.contains("Lock "), "{said}");
    assert_told!("unseen", ship.error(&said));
}

#[test]
fn another_service_at_the_address_is_not_taken_for_production() {
    let Some(home) = home("another_service_at_the_address_is_not_taken_for_production") else { return };
    let ship = Ship::begin(&home, Begin::default());
    ship.front.says_always(OTHER);
    let said = ship.deploy(&[], &[]);
    assert_eq!((said.exit, ship.changes()), (1, Vec::new()), "{said}");
    assert_told!("other-service", ship.error(&said));
}

#[test]
fn a_private_app_is_looked_at_on_its_machine() {
    let Some(home) = home("a_private_app_is_looked_at_on_its_machine") else { return };
    let ship =
        Ship::begin(&home, Begin { env: &[("LANDFALL_URL", "http://127.0.0.1:9")], ..Begin::default() });
    let exec = |version: Value| json!({"exec": [version, inspect(SCHEMA), status(3)]});
    ship.sim.configure(&exec(runs(&ship.old)));
    let updating = |ship: &Ship, _| {
        let declared = json!(fingerprint(&ship.new));
        ship.sim.configure(&json!({"exec": [
            said(runs(&ship.new), "declared", &declared), inspect(SCHEMA), said(status(3), "schema", &declared),
        ]}));
    };
    let said = ship.deploy(&[], &[("Shipping ", &updating)]);
    ship.ended(&said, 0, "new");
    assert!(said.stderr.contains("so the service is looked at on its machine"), "{said}");
}

#[test]
fn a_private_app_whose_machine_was_stopped_is_looked_at_on_its_machine() {
    let Some(home) = home("a_private_app_whose_machine_was_stopped_is_looked_at_on_its_machine") else {
        return;
    };
    let scenario = json!({"base": "stopped_before"});
    let env: &[(&str, &str)] = &[("LANDFALL_URL", "http://127.0.0.1:9")];
    let ship = Ship::begin(&home, Begin { scenario, env, ..Begin::default() });
    let updating = |ship: &Ship, _| {
        let declared = json!(fingerprint(&ship.new));
        ship.sim.configure(&json!({"exec": [
            said(runs(&ship.new), "declared", &declared), inspect(SCHEMA), said(status(3), "schema", &declared),
        ]}));
    };
    let said = ship.deploy(&["--unverified"], &[("Shipping ", &updating)]);
    ship.ended(&said, 0, "new");
    assert_eq!(said.stderr.matches("so the service is looked at on its machine").count(), 1, "{said}");
}

#[test]
fn a_private_app_whose_machine_was_stopped_is_unknown_where_the_machine_tells_nothing_either() {
    let Some(home) =
        home("a_private_app_whose_machine_was_stopped_is_unknown_where_the_machine_tells_nothing_either")
    else {
        return;
    };
    let scenario = json!({"base": "stopped_before"});
    let env: &[(&str, &str)] = &[("LANDFALL_URL", "http://127.0.0.1:9")];
    let ship = Ship::begin(&home, Begin { scenario, env, ..Begin::default() });
    let no_commands =
        silent(json!({"method": "POST", "path": "/exec$", "status": 500, "body": {"error": "simulated"}}));
    let said = ship.deploy(&["--unverified"], &[("Ship ", &no_commands)]);
    ship.ended(&said, 6, "new");
}

/// The answer of a command with another value of a key of its report.
fn said(mut answer: Value, key: &str, value: &Value) -> Value {
    let mut document: Value = serde_json::from_str(answer["stdout"].as_str().unwrap()).unwrap();
    let report = &mut document["report"];
    let place = if report[key].is_null() { &mut report["schema"][key] } else { &mut report[key] };
    *place = value.clone();
    answer["stdout"] = document.to_string().into();
    answer
}

#[test]
fn a_machine_of_another_group_that_was_made_is_told_where_nothing_else_was_changed() {
    let Some(home) = home("a_machine_of_another_group_that_was_made_is_told_where_nothing_else_was_changed")
    else {
        return;
    };
    let update = json!({"method": "POST", "path": "^/v1/apps/[^/]+/machines/[0-9a-f]+$", "status": 500,
        "body": {"error": "internal: simulated"}});
    let mut ship = Ship::begin(
        &home,
        Begin { scenario: json!({"base": "fast", "rules": [update]}), ..Begin::default() },
    );
    let fly_toml = fs::read_to_string(ship.world.path("fly.toml")).unwrap();
    let groups = fly_toml.replace(
        "app = \"landfall start -- app\"\n",
        "app = \"landfall start -- app\"\n  worker = \"app work\"\n",
    );
    assert_ne!(fly_toml, groups);
    ship.world.write("fly.toml", groups);
    ship.new = commit(&ship.world);
    git(&ship.world.path(""), &["push", "--quiet", "origin", "HEAD:main"]);
    let said = ship.deploy(&[], &[]);
    assert_eq!((said.exit, ship.serves().as_str()), (5, "old"), "{said}");
    assert_eq!(
        (ship.volumes_now(), ship.machines_now()),
        (ship.volumes.clone(), ship.machines.clone()),
        "{said}"
    );
    assert_eq!(ship.sim.machines().len(), 2, "{said}");
    assert!(!said.stderr.contains("nothing was changed"), "{said}");
    assert_told!("worker-left", ship.error(&said));
    // What it says is typed.
    let error = ship.error(&said);
    let told = said
        .stderr
        .lines()
        .find_map(|line| line.split_once("fly machine destroy "))
        .unwrap_or_else(|| panic!("{error}"));
    let typed: Vec<_> = told.1.split(' ').collect();
    ship.fly(&[&["machine", "destroy"], typed.as_slice()].concat());
    assert_eq!(ship.sim.machines().iter().filter(|(_, state)| state != "destroyed").count(), 1);
}

#[test]
fn a_boot_that_takes_its_time_is_waited_for_where_flyctl_has_given_up_early() {
    let Some(home) = home("a_boot_that_takes_its_time_is_waited_for_where_flyctl_has_given_up_early") else {
        return;
    };
    let wait = json!({"method": "GET", "path": "/wait$", "status": 429, "body": {"error": "simulated"}});
    let scenario = json!({"base": "fast", "rules": [wait], "behavior": {"start_delay": 25}});
    let ship = Ship::begin(&home, Begin { scenario, ..Begin::default() });
    let said =
        ship.run(&["deploy", "--auto-approve", "--no-smoke", "--no-rehearsal", "--wait-timeout", "60"], &[]);
    ship.ended(&said, 0, "new");
    assert!(said.stderr.contains("; the release serves all the same"), "{said}");
}

#[test]
fn once_fly_answers_again_what_was_not_proved_is_proved_by_another_deploy() {
    let Some(home) = home("once_fly_answers_again_what_was_not_proved_is_proved_by_another_deploy") else {
        return;
    };
    let ship = Ship::begin(&home, Begin::default());
    let no_list =
        silent(json!({"method": "GET", "path": "/machines$", "status": 429, "body": {"error": "simulated"}}));
    let said = ship.deploy(&[], &[("Ship ", &no_list)]);
    ship.ended(&said, 6, "new");
    assert!(said.stderr.contains("have it proved: cargo xtask deploy"), "{said}");
    ship.sim.faults(&json!([]));
    let said = ship.deploy(&[], &[]);
    assert_eq!((said.exit, ship.serves().as_str()), (0, "new"), "{said}");
    assert_eq!(ship.audit()[..2], ["served", "is shipped"], "{said}");
}

#[test]
fn a_first_deploy_of_a_private_app_is_looked_at_on_its_machine() {
    let Some(home) = home("a_first_deploy_of_a_private_app_is_looked_at_on_its_machine") else { return };
    let env: &[(&str, &str)] = &[("APP_PASSWORD", PASSWORD), ("LANDFALL_URL", "http://127.0.0.1:9")];
    let ship = Ship::begin(&home, first::begin(env, Says::default()));
    let pushed = |ship: &Ship, _| {
        let declared = json!(fingerprint(&ship.new));
        ship.sim.configure(&json!({"exec": [
            said(runs(&ship.new), "declared", &declared), said(status(0), "schema", &declared),
        ]}));
    };
    let said = ship.deploy(&["--create"], &[("Push ", &pushed)]);
    ship.ended(&said, 0, "new");
    assert!(said.stderr.contains("so the service is looked at on its machine"), "{said}");
}

/// Of the schema that the image of this commit declares.
fn fingerprint(commit: &str) -> String {
    let docker = |args: &[&str]| {
        let output = Command::new("docker").args(args).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().next().unwrap().to_owned()
    };
    let label = format!("label=org.opencontainers.image.revision={commit}");
    let image = docker(&["image", "ls", "--quiet", "--filter", &label]);
    docker(&["image", "inspect", "--format", "{{index .Config.Labels \"landfall.schema\"}}", &image])
}
