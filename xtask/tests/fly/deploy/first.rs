//! The first deploy: nothing is made unasked, and its password is seen by nobody else.

use std::fs;

use landfall_testkit::world::Said;
use serde_json::{Value, json};

use super::{Begin, Ship, home};
use crate::front::{Says, machines};
use crate::shop::git;

pub(super) const PASSWORD: &str = "correct-horse-battery";
/// Writes down how it was called.
const TELLING: &str = "echo \"$*\" >> \"$(dirname \"$0\")/calls\"; exec \"$FLY\" \"$@\"";

pub(super) fn begin(env: &'static [(&'static str, &'static str)], says: Says) -> Begin {
    let scenario =
        json!({"base": "first_deploy_no_volume", "behavior": {"backdate_start": 11}, "secrets": []});
    Begin { scenario, says, fly: TELLING, env, ..Begin::default() }
}

/// What fly was given to read is in the simulator's log, and nowhere else.
#[track_caller]
fn is_kept(ship: &Ship, said: &Said, password: &str) {
    assert!(!said.to_string().contains(password), "{said}");
    let calls = fs::read_to_string(ship.world.path("target/bin/calls")).unwrap();
    assert!(!calls.contains(password) && calls.contains("secrets import --stage"), "{calls}");
    let log = git(ship.origin.path(), &["log", "-p", super::AUDIT]);
    assert!(!log.contains(password), "{log}");
    let sent = ship.sim.control("log");
    let sent =
        sent.as_array().unwrap().iter().find(|entry| entry["body"]["values"]["APP_PASSWORD"] == password);
    assert!(sent.is_some(), "it was never set");
}

fn machine(ship: &Ship) -> Value {
    machines(&ship.sim.control("state"))[0].clone()
}

#[test]
fn nothing_is_made_unasked_and_all_of_it_is_told() {
    let Some(home) = home("nothing_is_made_unasked_and_all_of_it_is_told") else { return };
    let ship = Ship::begin(&home, begin(&[("CI", "1")], Says::default()));
    let said = ship.deploy(&["--dry-run"], &[]);
    assert_eq!((said.exit, ship.changes()), (0, Vec::new()), "{said}");
    assert_told!("first-dry-run", ship.told(&said.to_string()));
    let said = ship.deploy(&[], &[]);
    ship.ended(&said, 2, "nobody");
    let said = ship.deploy(&["--create"], &[]);
    ship.ended(&said, 2, "nobody");
    insta::assert_snapshot!(ship.error(&said), @"
    error: APP_PASSWORD is not set; under CI none is made, since its log would show it; nothing was made
    set APP_PASSWORD in the environment of this step
    ");
}

#[test]
fn the_first_deploy_makes_one_machine_with_one_volume() {
    let Some(home) = home("the_first_deploy_makes_one_machine_with_one_volume") else { return };
    let ship = Ship::begin(&home, begin(&[("APP_PASSWORD", PASSWORD), ("CI", "1")], Says::default()));
    let said = ship.deploy(&["--create", "--format", "json"], &[]);
    ship.ended(&said, 0, "new");
    is_kept(&ship, &said, PASSWORD);
    let volumes = ship.volumes_now();
    assert_eq!((volumes.len(), ship.machines_now()), (1, vec![volumes[0].1.clone()]), "{said}");
    assert_eq!(machine(&ship)["config"]["env"]["LANDFALL_CREATE"], "1");
    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    let phases: Vec<_> =
        document["report"]["phases"].as_array().unwrap().iter().map(|phase| &phase["phase"]).collect();
    assert_eq!(phases, ["Preflight", "Lock", "Image", "Create", "Push", "Ship", "Verify", "Record"]);
    // A later one may not make a database.
    let said = ship.deploy(&[], &[]);
    assert_eq!(said.exit, 0, "{said}");
    assert!(machine(&ship)["config"]["env"]["LANDFALL_CREATE"].is_null(), "{said}");
}

#[test]
fn the_volume_is_made_as_fly_toml_says() {
    let Some(home) = home("the_volume_is_made_as_fly_toml_says") else { return };
    let ship = Ship::begin(&home, begin(&[("APP_PASSWORD", PASSWORD)], Says::default()));
    let fly_toml = fs::read_to_string(ship.world.path("fly.toml")).unwrap();
    let mounts = "[[mounts]]\n  initial_size = \"3GB\"\n  snapshot_retention = 14";
    let fly_toml = fly_toml.replace("[[mounts]]", mounts).replace("shared-cpu-1x", "shared-cpu-2x");
    ship.world.write("fly.toml", fly_toml.replace("256mb", "1gb"));
    let said = ship.deploy(&["--create", "--allow-dirty"], &[]);
    assert_eq!(said.exit, 0, "{said}");
    assert!(said.stdout.contains("data, 3 GB in iad"), "{said}");
    let app = ship.sim.app();
    let volume = app["volumes"].as_object().unwrap().values().next().unwrap();
    assert_eq!((&volume["size_gb"], &volume["snapshot_retention"]), (&json!(3), &json!(14)));
    // Where the machine has room, too.
    let log = ship.sim.control("log");
    let asked = log.as_array().unwrap().iter().find(|entry| {
        entry["method"] == "POST" && entry["path"].as_str().is_some_and(|path| path.ends_with("/volumes"))
    });
    let compute = &asked.unwrap()["body"]["compute"];
    assert_eq!(
        (&compute["cpu_kind"], &compute["cpus"], &compute["memory_mb"]),
        (&json!("shared"), &json!(2), &json!(1024))
    );
}

#[test]
fn a_password_that_is_made_here_is_told_once() {
    let Some(home) = home("a_password_that_is_made_here_is_told_once") else { return };
    let ship = Ship::begin(&home, begin(&[], Says::default()));
    let mut said = ship.deploy(&["--create"], &[]);
    ship.ended(&said, 0, "new");
    let told = said.stderr.lines().find_map(|line| line.strip_prefix("note: APP_PASSWORD is ")).unwrap();
    let password = told.split(' ').next().unwrap().to_owned();
    assert_eq!(password.len(), 32, "{said}");
    said.stderr = said.stderr.replacen(&password, "", 1);
    is_kept(&ship, &said, &password);
}

#[test]
fn what_was_made_before_a_failure_is_read_back_and_the_password_told() {
    let Some(home) = home("what_was_made_before_a_failure_is_read_back_and_the_password_told") else {
        return;
    };
    let mut begin = begin(&[], Says::default());
    begin.scenario["rules"] = json!([{"method": "POST", "path": "/volumes$", "status": 500}]);
    let ship = Ship::begin(&home, begin);
    let said = ship.deploy(&["--create"], &[]);
    assert_eq!((said.exit, ship.machines_now().len(), ship.volumes_now().len()), (1, 0, 0), "{said}");
    assert!(said.stderr.contains("APP_PASSWORD is "), "{said}");
    let error = ship.error(&said);
    assert!(error.contains("at Fly there is app simapp, without a volume and without a machine"), "{error}");
    assert!(error.contains("cargo xtask deploy --create"), "{error}");
}

#[test]
fn a_first_deploy_that_fails_is_gone_on_with() {
    let Some(home) = home("a_first_deploy_that_fails_is_gone_on_with") else { return };
    let other = Some("0123456789abcdef0123456789abcdef01234567".to_owned());
    let says = Says { commit: other, ..Says::default() };
    let ship = Ship::begin(&home, begin(&[("APP_PASSWORD", PASSWORD)], says));
    let said = ship.deploy(&["--create"], &[]);
    ship.ended(&said, 6, "0123456789abcdef0123456789abcdef01234567");
    assert_told!("first-failed", ship.error(&said));
    // Its machine has no database yet, and is asked for none.
    ship.front.says(Says::default());
    ship.sim.configure(
        &json!({"exec": [{"match": "landfall", "exit_code": 1, "stdout": "", "stderr": "no database"}]}),
    );
    let said = ship.deploy(&["--create", "--unverified"], &[]);
    assert_eq!(
        (said.exit, ship.serves().as_str(), ship.machines_now().len(), ship.volumes_now().len()),
        (0, "new", 1, 1),
        "{said}"
    );
    assert_eq!(machine(&ship)["config"]["env"]["LANDFALL_CREATE"], "1");
    assert_eq!(ship.audit(), ["served", "is shipped", "needs a person", "is shipped"]);
}
