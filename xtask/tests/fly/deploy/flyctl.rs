//! What flyctl is, and what it says beside its answers.

use serde_json::json;

use super::{Begin, Ship, home};

/// It warns on stdout, in colour, before each document.
const WARNING: &str = "case \"$*\" in *--json*) printf '\\033[33mWARN\\033[0m [mounts] is old\\nINFO {\\n' ;; esac; exec \"$FLY\" \"$@\"";
const OLD: &str = "case \"$*\" in
\"version --json\") echo '{\"Name\":\"fly\",\"Version\":\"0.4.60\",\"Environment\":\"production\"}' ;;
*) exec \"$FLY\" \"$@\" ;;
esac";

#[test]
fn what_it_warns_of_before_its_json_ends_nothing() {
    let Some(home) = home("what_it_warns_of_before_its_json_ends_nothing") else { return };
    let ship = Ship::begin(&home, Begin { fly: WARNING, ..Begin::default() });
    let said = ship.deploy(&[], &[]);
    ship.ended(&said, 0, "new");
    let status = ship.world.run(&["status"]);
    assert!(status.stdout.contains("ok        machine"), "{status}");
}

#[test]
fn one_that_is_older_than_what_is_known_ships_nothing() {
    let Some(home) = home("one_that_is_older_than_what_is_known_ships_nothing") else { return };
    let ship = Ship::begin(&home, Begin { fly: OLD, ..Begin::default() });
    let said = ship.deploy(&[], &[]);
    ship.ended(&said, 1, "old");
    insta::assert_snapshot!(ship.error(&said), @"
    error: fly is 0.4.60, and older than 0.4.80, whose words and flags are known here; nothing was changed
    fly version upgrade
    ");
}

#[test]
fn a_digest_that_fly_does_not_tell_is_said_before_anything_is_shipped() {
    let Some(home) = home("a_digest_that_fly_does_not_tell_is_said_before_anything_is_shipped") else {
        return;
    };
    let ship = Ship::begin(&home, Begin::default());
    ship.sim.merge(&format!("machine/{}", ship.machines[0]), &json!({"image_ref": {"digest": ""}}));
    let said = ship.deploy(&[], &[]);
    assert_eq!((said.exit, ship.serves().as_str(), ship.changes()), (1, "old", Vec::new()), "{said}");
    insta::assert_snapshot!(ship.error(&said), @"
    error: Fly does not tell the digest of the image that machine [MACHINE] runs, and there would be no way back; nothing was changed
    run it again in a minute; to deploy without a way back: --unverified
    ");
}

#[test]
fn what_the_token_may_not_do_is_named() {
    let Some(home) = home("what_the_token_may_not_do_is_named") else { return };
    let refusal = |method: &str, path: &str| {
        let rule = json!({"method": method, "path": path, "status": 403, "body": {"error": "unauthorized"}});
        let ship = Ship::begin(
            &home,
            Begin { scenario: json!({"base": "fast", "rules": [rule]}), ..Begin::default() },
        );
        let said = ship.deploy(&[], &[]);
        ship.ended(&said, 1, "old");
        ship.error(&said)
    };
    insta::assert_snapshot!(refusal("GET", "/volumes$"), @"
    error: Fly refuses `fly volumes list`: the token has no right to read what the app has; nothing was changed
    take a token that may do it: fly tokens create deploy; to make an app: fly tokens create org; and set FLY_API_TOKEN to it
    ");
    insta::assert_snapshot!(refusal("POST", "/snapshots$"), @"
    error: Fly refuses `fly volumes snapshots`: the token has no right to change the app's volumes; nothing was changed
    take a token that may do it: fly tokens create deploy; to make an app: fly tokens create org; and set FLY_API_TOKEN to it
    ");
    insta::assert_snapshot!(refusal("POST", "/exec$"), @"
    error: production's schema cannot be read: Fly refuses `fly machine exec`: the token has no right to run commands on the app's machines; nothing was changed
    take a token that may do it: fly tokens create deploy; to make an app: fly tokens create org; and set FLY_API_TOKEN to it
    to deploy without knowing what it has: --unverified
    ");
}
