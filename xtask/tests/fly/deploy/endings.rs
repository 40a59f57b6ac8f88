//! The endings of the way back that no case beside this has: each on its own, with what it says to type.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{Begin, Ship, home};
use crate::front::Says;
use crate::shop::{commit, git};

const OTHER: &str = "0123456789abcdef0123456789abcdef01234567";

/// Python that lets Fly list no machines any more; `$URL` is the simulator's.
macro_rules! silence {
    () => {
        "SILENCE() { python3 -c \"import json, urllib.request as r
rules = [{'method': 'GET', 'path': '/machines$', 'status': 500, 'body': {'error': 'simulated'}}]
r.urlopen(r.Request('$URL/_sim/rules', json.dumps(rules).encode(), method='PUT'))\"; }\n"
    };
}

/// Where it was seen that the new release is not well, its log is read.
const SILENT_ONCE_SICK: &str = concat!(silence!(), "case $1 in logs) SILENCE ;; esac\nexec \"$FLY\" \"$@\"");
/// The second update is the way back.
const SILENT_ONCE_BACK: &str = concat!(
    silence!(),
    "case \"$*\" in *--build-only*) exec \"$FLY\" \"$@\" ;; deploy*) ;; *) exec \"$FLY\" \"$@\" ;; esac
\"$FLY\" \"$@\" || exit
[ -e \"$0.done\" ] && SILENCE; touch \"$0.done\""
);

/// A release that says that it is another one: it is known not to be well at once.
fn sick() -> Says {
    Says { commit: Some(OTHER.to_owned()), ..Says::default() }
}

fn refused() -> Value {
    json!({"method": "POST", "path": "^/v1/apps/[^/]+/machines/[0-9a-f]+$", "status": 500, "body": {"error": "internal: simulated"}})
}

fn no_commands() -> Value {
    json!({"method": "POST", "path": "/exec$", "status": 500, "body": {"error": "simulated"}})
}

#[test]
fn what_runs_is_not_known_where_fly_falls_silent_before_the_way_back() {
    let Some(home) = home("what_runs_is_not_known_where_fly_falls_silent_before_the_way_back") else {
        return;
    };
    let ship = Ship::begin(&home, Begin { says: sick(), fly: SILENT_ONCE_SICK, ..Begin::default() });
    let said = ship.deploy(&[], &[]);
    ship.ended(&said, 6, OTHER);
    assert!(!said.stderr.contains("Going back"), "{said}");
    assert_told!("ending-unread", ship.error(&said));
}

#[test]
fn whether_it_was_brought_back_is_not_known_where_fly_falls_silent_in_the_middle_of_it() {
    let Some(home) =
        home("whether_it_was_brought_back_is_not_known_where_fly_falls_silent_in_the_middle_of_it")
    else {
        return;
    };
    let ship = Ship::begin(&home, Begin { says: sick(), fly: SILENT_ONCE_BACK, ..Begin::default() });
    let said = ship.deploy(&[], &[]);
    ship.ended(&said, 6, "old");
    assert_told!("ending-maybe-back", ship.error(&said));
}

#[test]
fn what_was_brought_back_and_cannot_be_asked_is_not_known_to_serve() {
    let Some(home) = home("what_was_brought_back_and_cannot_be_asked_is_not_known_to_serve") else { return };
    let ship = Ship::begin(&home, Begin { says: sick(), ..Begin::default() });
    let silent = |ship: &Ship, _| ship.sim.faults(&json!([no_commands()]));
    let said = ship.deploy(&[], &[("Going back", &silent)]);
    ship.ended(&said, 6, "old");
    assert_told!("ending-back-unknown", ship.error(&said));
}

#[test]
fn a_machine_that_took_no_update_and_cannot_be_asked_is_not_known_to_serve() {
    let Some(home) = home("a_machine_that_took_no_update_and_cannot_be_asked_is_not_known_to_serve") else {
        return;
    };
    let ship = Ship::begin(&home, Begin::default());
    let faults = |ship: &Ship, _| ship.sim.faults(&json!([refused(), no_commands()]));
    let said = ship.deploy(&[], &[("Shipping ", &faults)]);
    ship.ended(&said, 6, "old");
    assert_told!("ending-untouched-unknown", ship.error(&said));
}

#[test]
fn a_machine_that_took_no_update_and_is_not_well_needs_a_person() {
    let Some(home) = home("a_machine_that_took_no_update_and_is_not_well_needs_a_person") else { return };
    let ship = Ship::begin(&home, Begin::default());
    let faults = |ship: &Ship, _| {
        ship.sim.faults(&json!([refused()]));
        ship.front.says_always(OTHER);
    };
    let said = ship.deploy(&[], &[("Shipping ", &faults)]);
    ship.ended(&said, 6, OTHER);
    assert_told!("ending-untouched-sick", ship.error(&said));
}

#[test]
fn where_nothing_was_ever_proved_there_is_nothing_to_go_back_to() {
    let Some(home) = home("where_nothing_was_ever_proved_there_is_nothing_to_go_back_to") else { return };
    let mut ship = Ship::begin(&home, Begin::default());
    let kill = |_: &Ship, pid: Pid| kill_process(pid, Signal::KILL).unwrap();
    let killed = ship.deploy(&[], &[("Ship ", &kill)]);
    assert_eq!(ship.audit(), ["is shipped"], "{killed}");
    ship.new = commit(&ship.world);
    git(&ship.world.path(""), &["push", "--quiet", "origin", "HEAD:main"]);
    // From now on no new image has the schema that it should have.
    ship.front.says(Says { live: Some("v1-fedcba9876543210".to_owned()), ..Says::default() });
    let said = ship.deploy(&[], &[]);
    assert_eq!((said.exit, ship.serves().as_str()), (6, "new"), "{said}");
    assert_eq!(ship.audit(), ["needs a person", "is shipped", "is shipped"], "{said}");
    assert_told!("ending-nothing-to-go-back-to", ship.error(&said));
}
