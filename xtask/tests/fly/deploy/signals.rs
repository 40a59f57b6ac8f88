//! Ctrl-C in every phase.

use serde_json::json;

use super::{Act, Begin, Ship, home, interrupt, side_by_side, terminate};

#[test]
fn a_request_to_stop_changes_nothing_before_shipping_and_nothing_for_good_afterwards() {
    let Some(home) =
        home("a_request_to_stop_changes_nothing_before_shipping_and_nothing_for_good_afterwards")
    else {
        return;
    };
    // Once a line begins like this, the phase after it is under way.
    let cases: [(&str, Act<'_>, i32, &str); 8] = [
        ("the lock", ("Preflight ", &interrupt), 1, "old"),
        ("the gate", ("Lock ", &interrupt), 1, "old"),
        ("the build", ("Building ", &interrupt), 1, "old"),
        ("the push", ("Image ", &interrupt), 1, "old"),
        ("the snapshot", ("Push ", &interrupt), 1, "old"),
        ("the update", ("Shipping ", &interrupt), 5, "old"),
        ("the proof", ("Ship ", &terminate), 5, "old"),
        ("the record", ("Verify ", &interrupt), 0, "new"),
    ];
    let told = std::sync::Mutex::new(std::collections::BTreeMap::new());
    side_by_side(
        &cases,
        |(name, ..)| name,
        |(name, act, exit, serves)| {
            let ship = Ship::begin(&home, Begin::default());
            let said = ship.deploy(&[], &[*act]);
            ship.ended(&said, *exit, serves);
            let message = if *exit == 0 { String::new() } else { ship.error(&said) };
            told.lock().unwrap().insert(*name, format!("exit {exit}, {serves} serves\n{message}"));
        },
    );
    let told = told.into_inner().unwrap();
    let text: String = told.iter().map(|(name, message)| format!("{name}: {message}\n")).collect();
    assert_told!("signals", text);
}

#[test]
fn an_update_that_comes_after_ctrl_c_is_taken_back() {
    let Some(home) = home("an_update_that_comes_after_ctrl_c_is_taken_back") else { return };
    let late = json!({"method": "POST", "path": "/machines/[0-9a-f]+$", "delay": 6, "times": 1});
    let ship =
        Ship::begin(&home, Begin { scenario: json!({"base": "fast", "rules": [late]}), ..Begin::default() });
    let asked = |ship: &Ship, pid| {
        // Only once the request is on its way.
        while ship.changes().iter().all(|write| !write.contains("/lease")) {
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        std::thread::sleep(std::time::Duration::from_millis(500));
        interrupt(ship, pid);
    };
    let said = ship.deploy(&[], &[("Shipping ", &asked)]);
    ship.ended(&said, 5, "old");
    assert!(said.stderr.contains("Going back"), "it was seen to come: {said}");
}
