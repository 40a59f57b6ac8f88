//! `cargo xtask doctor` with the real client: which one it is, and whose token it has.

use insta::assert_snapshot;
use landfall_testkit::requires;
use landfall_testkit::sim::Sim;
use serde_json::json;

use crate::shop::{connected, line, shop};

#[test]
fn whose_token_it_is_is_asked_of_fly() {
    let Some(home) = requires::fly("whose_token_it_is_is_asked_of_fly") else { return };
    let sim = Sim::start(&home, &json!({"base": "fast"}));
    let world = connected(shop(), &sim);
    let token = || line(&world.run(&["doctor"]), "token");
    assert!(line(&world.run(&["doctor"]), "fly").contains("/shim/fly"));
    assert_snapshot!(token(), @"ok        token            of dev@example.com, from fly's own login");
    assert_eq!(sim.writes(), [] as [&str; 0]);
    let rejecting = Sim::start(&home, &json!({"base": "token_rejected"}));
    assert_snapshot!(line(&connected(shop(), &rejecting).run(&["doctor"]), "token"), @"
    needed    token            Fly does not accept the token: `fly auth whoami --json` was refused; it is from fly's own login
    mend it: take a new token: fly tokens create deploy; and set FLY_API_TOKEN to it
    ");
    sim.stop();
    assert_snapshot!(token(), @"not read  token            not asked: there is no way to Fly from here");
}
