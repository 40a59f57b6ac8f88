//! What ends a deploy before anything is changed, and what a dry run tells.

use std::fs;

use landfall_testkit::sim::inspect;
use serde_json::json;

use super::cases::DROPPED;
use super::{Begin, GROWN, Ship, home, status};
use crate::shop::{SCHEMA, git};

#[test]
fn a_dry_run_tells_every_step_and_writes_nothing() {
    let Some(home) = home("a_dry_run_tells_every_step_and_writes_nothing") else { return };
    let ship = Ship::begin(&home, Begin { declared: GROWN, ..Begin::default() });
    let refs = || (git(&ship.world.path(""), &["for-each-ref"]), git(ship.origin.path(), &["for-each-ref"]));
    let before = refs();
    let said = ship.run(&["deploy", "--dry-run"], &[]);
    assert_eq!((said.exit, ship.serves().as_str(), ship.changes()), (0, "old", Vec::new()), "{said}");
    assert!(refs() == before, "{said}");
    assert!(
        ship.sim
            .writes()
            .iter()
            .all(|write| write.ends_with("/exec") || write.contains(" http") || write.starts_with("CONNECT")),
        "{:?}",
        ship.sim.writes()
    );
    assert_told!("dry-run", ship.told(&said.to_string()));
}

#[test]
fn a_question_before_anything_is_changed_is_asked_again_where_fly_limits_rates_or_fails() {
    let Some(home) =
        home("a_question_before_anything_is_changed_is_asked_again_where_fly_limits_rates_or_fails")
    else {
        return;
    };
    let once = |method: &str, path: &str, status: u16| json!({"method": method, "path": path, "status": status, "times": 1, "body": {"error": "simulated"}});
    let rules = json!([
        once("GET", "^/v1/apps/[^/]+/machines$", 429),
        once("GET", "/volumes$", 500),
        once("POST", "/exec$", 500),
        once("GET", "/snapshots$", 429),
        once("GET", "/machines/[0-9a-f]+$", 500),
    ]);
    let ship =
        Ship::begin(&home, Begin { scenario: json!({"base": "fast", "rules": rules}), ..Begin::default() });
    let said = ship.deploy(&[], &[]);
    ship.ended(&said, 0, "new");
}

#[test]
fn without_a_terminal_it_asks_nobody() {
    let Some(home) = home("without_a_terminal_it_asks_nobody") else { return };
    let ship = Ship::begin(&home, Begin::default());
    let said = ship.run(&["deploy"], &[]);
    ship.ended(&said, 2, "old");
    assert_eq!(ship.sim.writes(), [] as [String; 0]);
    insta::assert_snapshot!(said.stderr, @"
    error: there is no terminal to ask on whether this may be deployed; nothing was changed
    add --auto-approve to deploy without the question, or --dry-run to see what would be done
    ");
}

#[test]
fn what_stands_against_it_is_told_all_at_once() {
    let Some(home) = home("what_stands_against_it_is_told_all_at_once") else { return };
    let ship = Ship::begin(&home, Begin { scenario: json!({"base": "two_volumes"}), ..Begin::default() });
    let fly_toml = fs::read_to_string(ship.world.path("fly.toml")).unwrap();
    ship.world.write("fly.toml", fly_toml.replace("path = \"/healthz\"", "path = \"/\""));
    crate::shop::commit(&ship.world);
    ship.world.write("own", "something else");
    let said = ship.deploy(&[], &[]);
    ship.ended(&said, 1, "old");
    insta::assert_snapshot!(ship.error(&said).replace(&git(&ship.world.path(""), &["rev-parse", "--short=12", "HEAD"]), "[HEAD]"), @r#"
    error: 4 things stand against it; nothing was changed
      the work tree is not what is committed: own
        mend it: commit or stash it; or deploy it as it is: --allow-dirty
      commit [HEAD] is on no branch of origin: nobody else could find it
        mend it: git push origin HEAD; or deploy it as it is: --allow-dirty
      fly.toml:28: no check asks /healthz: a deploy could not see whether the service is well
        mend it: add [checks.health] with type = "http", port = 8080, path = "/healthz"
      there is a second volume named data, [VOLUME] in iad: no machine has it, and machine [MACHINE] has another one
        mend it: see what it holds, and how it is removed: cargo xtask status --volume [VOLUME]; if it has the data, stop here and ask who attached the other one
    mend them all, then run it again
    "#);
}

#[test]
fn what_is_not_committed_is_shipped_only_as_such() {
    let Some(home) = home("what_is_not_committed_is_shipped_only_as_such") else { return };
    let mut ship = Ship::begin(&home, Begin::default());
    ship.world.write("more", "something else");
    let said = ship.deploy(&[], &[]);
    ship.ended(&said, 2, "old");
    insta::assert_snapshot!(ship.error(&said), @"
    error: the work tree is not what is committed: more; nothing was changed
    commit or stash it; or deploy it as it is: --allow-dirty
    ");
    let said = ship.deploy(&["--allow-dirty"], &[]);
    // The ref names the commit without the mark, which the image has.
    let new = ship.new.clone();
    ship.new = format!("{new}-dirty");
    assert_eq!((said.exit, ship.serves().as_str()), (0, "new"), "{said}");
    assert_eq!(ship.named(crate::shop::REF), new);
}

#[test]
fn a_hazard_needs_its_approval_which_goes_along_to_the_boot() {
    let Some(home) = home("a_hazard_needs_its_approval_which_goes_along_to_the_boot") else { return };
    let ship = Ship::begin(&home, Begin { declared: DROPPED, ..Begin::default() });
    let said = ship.deploy(&[], &[]);
    ship.ended(&said, 3, "old");
    insta::assert_snapshot!(ship.error(&said), @"
    error: the change of production was refused; nothing was changed
      DROPS_COLUMN: column customers.email would be dropped with its values
        write `-- @dropped email` inside CREATE TABLE customers, or approve DROPS_COLUMN:customers.email
    to accept it: cargo xtask deploy --allow DROPS_COLUMN:customers.email
    ");
    // On rows the boot might come to another plan than one that was made without any.
    let said = ship.deploy(&["--allow", "DROPS_COLUMN:customers.email"], &[]);
    ship.ended(&said, 2, "old");
    insta::assert_snapshot!(ship.error(&said), @"
    error: --allow approves one plan, which only a rehearsal finds on real rows: production has 3 rows; the machine might come to another plan, and refuse it; nothing was changed
    leave out: --no-rehearsal
    ");
    ship.sim.configure(&json!({"exec": [inspect(SCHEMA), status(0)]}));
    let said = ship.deploy(&["--allow", "DROPS_COLUMN:customers.email"], &[]);
    ship.ended(&said, 0, "new");
    let env = &crate::front::machines(&ship.sim.control("state"))[0]["config"]["env"];
    assert_eq!(env["LANDFALL_ALLOW"], "DROPS_COLUMN:customers.email", "{said}");
    let plan = env["LANDFALL_ALLOW_FOR"].as_str().unwrap();
    assert!(plan.starts_with("v1-") && plan.len() == 67 && env["LANDFALL_CREATE"].is_null(), "{env}");
    let entry = git(ship.origin.path(), &["show", &format!("{}:entry.json", super::AUDIT)]);
    assert!(entry.contains(plan), "{entry}");
}
