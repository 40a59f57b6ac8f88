//! What a deploy makes of the machine, beside its image: nothing is taken from it unasked, and nothing that others shipped.

use serde_json::{Value, json};

use super::{Begin, Ship, home};
use crate::front::{Says, machines};
use crate::shop::git;

fn machine(ship: &Ship) -> Value {
    machines(&ship.sim.control("state"))[0].clone()
}

/// A machine that was given more than fly.toml says, by whoever.
fn larger(ship: &Ship) {
    let id = machine(ship)["id"].as_str().unwrap().to_owned();
    let config = json!({"guest": {"memory_mb": 1024, "cpus": 2}, "env": {"BY_HAND": "its-value"}});
    ship.sim.merge(&format!("machine/{id}"), &json!({"config": config}));
}

/// The image that runs says that it was built of this commit.
fn labelled(ship: &Ship, commit: &str) {
    let id = machine(ship)["id"].as_str().unwrap().to_owned();
    let labels = json!({"org.opencontainers.image.revision": commit});
    ship.sim.merge(&format!("machine/{id}"), &json!({"image_ref": {"labels": labels}}));
}

#[test]
fn a_machine_loses_nothing_that_nobody_gave_up() {
    let Some(home) = home("a_machine_loses_nothing_that_nobody_gave_up") else { return };
    let ship = Ship::begin(&home, Begin::default());
    larger(&ship);
    let said = ship.deploy(&[], &[]);
    ship.ended(&said, 3, "old");
    assert!(!said.to_string().contains("its-value"), "{said}");
    let at = said.stdout.find("Machine ").unwrap();
    assert_told!("machine-loses", format!("{}{}", ship.told(&said.stdout[at..]), ship.error(&said)));
    let some = ["--allow", "CHANGES_MACHINE:memory", "--allow", "CHANGES_MACHINE:env.BY_HAND"];
    let said = ship.deploy(&some, &[]);
    assert_eq!(said.exit, 3, "{said}");
    assert!(
        said.stderr.contains("takes from machine") && said.stderr.contains("what it has: cpus (2 -> 1)"),
        "{said}"
    );
    let said = ship.deploy(&[some.as_slice(), &["--allow", "CHANGES_MACHINE:cpus"]].concat(), &[]);
    ship.ended(&said, 0, "new");
    // As it was said.
    let config = machine(&ship)["config"].take();
    assert_eq!(config["guest"], json!({"cpu_kind": "shared", "cpus": 1, "memory_mb": 256}));
    assert_eq!((&config["env"]["BY_HAND"], &config["env"]["DB_PATH"]), (&Value::Null, &json!("/data/db")));
}

#[test]
fn a_clone_that_is_behind_takes_back_nothing_that_others_shipped() {
    let Some(home) = home("a_clone_that_is_behind_takes_back_nothing_that_others_shipped") else { return };
    let ship = Ship::begin(&home, Begin::default());
    labelled(&ship, &ship.new);
    ship.front.knows(&ship.new);
    let root = ship.world.path("");
    git(&root, &["reset", "--quiet", "--hard", &ship.old]);
    let said = ship.deploy(&[], &[]);
    assert_eq!((said.exit, ship.changes()), (2, Vec::new()), "{said}");
    assert_told!("older", ship.error(&said));
    let said = ship.deploy(&["--dry-run", "--allow-older"], &[]);
    assert_eq!(said.exit, 0, "{said}");
}

#[test]
fn where_neither_image_nor_service_tells_its_commit_what_was_written_down_counts() {
    let Some(home) = home("where_neither_image_nor_service_tells_its_commit_what_was_written_down_counts")
    else {
        return;
    };
    let ship = Ship::begin(&home, Begin::default());
    labelled(&ship, "");
    ship.front.says(Says { commit: Some("unknown".to_owned()), ..Says::default() });
    let root = ship.world.path("");
    let written = format!("{}:refs/landfall/deployed/simapp", ship.new);
    git(&root, &["push", "--quiet", "--force", "origin", &written]);
    git(&root, &["reset", "--quiet", "--hard", &ship.old]);
    let said = ship.deploy(&["--dry-run"], &[]);
    assert_eq!((said.exit, ship.changes()), (2, Vec::new()), "{said}");
    assert!(said.stderr.contains("which HEAD does not have: this deploy would take it back"), "{said}");
}

#[test]
fn a_release_whose_commit_cannot_be_had_is_not_replaced_unasked() {
    let Some(home) = home("a_release_whose_commit_cannot_be_had_is_not_replaced_unasked") else { return };
    let ship = Ship::begin(&home, Begin::default());
    let elsewhere = "0123456789abcdef0123456789abcdef01234567";
    labelled(&ship, elsewhere);
    ship.front.knows(elsewhere);
    let said = ship.deploy(&[], &[]);
    assert_eq!((said.exit, ship.changes()), (2, Vec::new()), "{said}");
    assert!(
        said.stderr.contains("production runs commit 0123456789ab, which cannot be had here: "),
        "{said}"
    );
    assert!(said.stderr.contains("git fetch origin; or deploy without it: --allow-older"), "{said}");
}

#[test]
fn secrets_that_wait_for_a_deploy_are_named() {
    let Some(home) = home("secrets_that_wait_for_a_deploy_are_named") else { return };
    let ship = Ship::begin(&home, Begin::default());
    ship.fly(&["secrets", "set", "--stage", "MAIL_KEY=very-secret", "-a", "simapp"]);
    let said = ship.deploy(&["--dry-run"], &[]);
    assert_eq!(said.exit, 0, "{said}");
    let note = "note: this deploy brings secrets to the machine that were set and not deployed: MAIL_KEY\n";
    assert!(said.stderr.contains(note) && !said.to_string().contains("very-secret"), "{said}");
}
