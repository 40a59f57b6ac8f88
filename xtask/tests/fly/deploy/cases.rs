//! Faults in the middle, built from the simulator's rules, or by a `fly` that does a little more.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use landfall_testkit::sim::inspect;
use rustix::process::Pid;
use serde_json::{Value, json};

use super::{Act, Begin, GROWN, Ship, heal, home, side_by_side, status};
use crate::front::Says;
use crate::shop::SCHEMA;

/// One that fails, and what has to come of it.
struct Case {
    name: &'static str,
    scenario: Value,
    says: Says,
    declared: &'static str,
    fly: &'static str,
    args: &'static [&'static str],
    acts: &'static [Act<'static>],
    exit: i32,
    serves: &'static str,
}

fn case(name: &'static str, exit: i32, serves: &'static str) -> Case {
    let Begin { scenario, says, declared, fly, .. } = Begin::default();
    Case { name, scenario, says, declared, fly, args: &[], acts: &[], exit, serves }
}

/// Begins where `fly deploy` has updated the machine; `$STATE` changes the simulator's state, a python program about `m`, the machine.
macro_rules! after_deploy {
    ($script:literal) => {
        concat!(
            "STATE() { python3 -c \"import json, sys, urllib.request as r; u = '$URL/_sim/state'; s = json.load(r.urlopen(u));\n",
            "a = s['apps']['simapp']; i, m = list(a['machines'].items())[0]\n$1\n",
            "r.urlopen(r.Request(u, json.dumps(s).encode(), method='PUT'))\"; }\n",
            "case \"$*\" in *--build-only*) exec \"$FLY\" \"$@\" ;; deploy*) ;; *) exec \"$FLY\" \"$@\" ;; esac\n",
            "\"$FLY\" \"$@\" || exit\n",
            // Once: what brings the release before back is left alone.
            "[ -e \"$0.done\" ] && exit; touch \"$0.done\"\n",
            $script
        )
    };
}

const LOST: &str =
    after_deploy!("echo 'Error: failed to update VM: Post \"https://api.machines.dev\": EOF' >&2; exit 1");
const REPLACED: &str = after_deploy!(
    "STATE \"n = 'deadbeef000000'; del a['machines'][i]; a['machines'][n] = dict(m, id=n)
for v in a['volumes'].values(): v['attached_machine_id'] = n\""
);
const OTHER: &str = after_deploy!(
    "exec \"$FLY\" deploy --image registry.example/simapp:other --ha=false -a simapp -c fly.toml"
);
const OTHER_BEFORE: &str = "case \"$*\" in *'snapshots create'*)
    $FLY deploy --image registry.example/simapp:other --ha=false -a simapp -c fly.toml >&2 || exit ;;
esac
exec \"$FLY\" \"$@\"";
const SILENT: &str = after_deploy!(
    "STATE \"s['rules'] = [{'method': 'GET', 'path': '/machines', 'status': 500, 'body': {'error': 'simulated'}}]\""
);
const OTHER_VOLUME: &str = after_deploy!("STATE \"m['config']['mounts'][0]['volume'] = 'vol_other'\"");
const TWO: &str = after_deploy!(
    "STATE \"n = 'deadbeef000000'; a['machines'][n] = dict(m, id=n, config=dict(m['config'], mounts=[]))\""
);

pub(super) const DROPPED: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TRIGGER touched AFTER INSERT ON customers BEGIN SELECT 1; END;
";

fn migrated(ship: &Ship, _: Pid) {
    ship.sim.configure(&json!({"exec": [inspect(DROPPED), status(0)]}));
}

fn rows_lost(ship: &Ship, _: Pid) {
    ship.sim.configure(&json!({"exec": [status(2)]}));
}

fn no_answers(ship: &Ship, _: Pid) {
    ship.sim.configure(
        &json!({"exec": [{"match": ".*", "exit_code": 1, "stdout": "", "stderr": "no such file"}]}),
    );
}

/// As where the clock of this machine is an hour ahead of Fly's.
const AHEAD: Duration = Duration::from_secs(3600);

fn fresh_snapshot(ship: &Ship, _: Pid) {
    ship.front.is_behind(AHEAD);
    let time = SystemTime::now() - AHEAD - Duration::from_secs(100);
    let time = humantime::format_rfc3339_seconds(time).to_string();
    let mut state = ship.sim.control("state");
    let volume = state["apps"]["simapp"]["volumes"].as_object_mut().unwrap().values_mut().next().unwrap();
    volume["_snapshots"] = json!([{"id": "vs_earlier", "status": "created", "created_at": time}]);
    ship.sim.put_state(&state);
}

/// An hour old, and by the clock of this machine as fresh as can be.
fn stale_snapshot(ship: &Ship, pid: Pid) {
    fresh_snapshot(ship, pid);
    ship.front.is_behind(Duration::ZERO);
}

fn refused_once(ship: &Ship, _: Pid) {
    ship.sim.configure(&json!({"behavior": {"crash": null}}));
    ship.sim.faults(&json!([update(
        json!({"status": 500, "times": 1, "body": {"error": "internal: simulated"}})
    )]));
}

fn refused_by_fly(ship: &Ship, _: Pid) {
    ship.sim.faults(&json!([update(json!({"status": 500, "body": {"error": "internal: simulated"}}))]));
}

/// A rule about updates of a machine.
fn update(mut rule: Value) -> Value {
    rule["method"] = "POST".into();
    rule["path"] = "^/v1/apps/[^/]+/machines/[0-9a-f]+$".into();
    rule
}

fn crash(exit_code: i32, restarts: u32) -> Value {
    json!({"base": "fast", "behavior": {"crash": {"after": 0.3, "exit_code": exit_code, "restarts": restarts, "backoff": 0.2}}})
}

fn with(mut scenario: Value, key: &str, value: Value) -> Value {
    scenario[key] = value;
    scenario
}

fn cases() -> Vec<Case> {
    let fast = || json!({"base": "fast"});
    let wait = "^/v1/apps/[^/]+/machines/[0-9a-f]+/wait";
    let says = |commit: Option<&str>, live: Option<&str>, good| Says {
        good,
        commit: commit.map(str::to_owned),
        live: live.map(str::to_owned),
    };
    vec![
        Case {
            scenario: json!({"base": "fast", "rules": [json!({"method": "GET", "path": wait, "delay": 60})]}),
            ..case("a hang between update and start", 0, "new")
        },
        Case { fly: SILENT, ..case("Fly does not answer after the update", 6, "new") },
        Case {
            scenario: json!({"base": "fast", "rules": [update(json!({"delay": 50}))]}),
            ..case("an update that comes after the deadline", 0, "new")
        },
        Case {
            scenario: json!({"base": "fast", "rules": [{"method": "POST", "path": "/snapshots$", "status": 200, "body": {}}]}),
            args: &["--snapshot-timeout", "25"],
            ..case("a snapshot that never comes", 1, "old")
        },
        Case {
            scenario: json!({"base": "fast", "behavior": {"snapshot_delay": 6}}),
            args: &["--snapshot-timeout", "5"],
            ..case("a snapshot that takes longer than it may", 1, "old")
        },
        Case {
            scenario: json!({"base": "snapshot_coalesce"}),
            acts: &[("Lock ", &fresh_snapshot)],
            ..case("a snapshot that Fly joins to an earlier one", 0, "new")
        },
        Case {
            scenario: json!({"base": "snapshot_coalesce"}),
            args: &["--snapshot-timeout", "22"],
            acts: &[("Lock ", &stale_snapshot)],
            ..case("a snapshot that Fly joins to one that is an hour old", 1, "old")
        },
        Case { acts: &[("Ship ", &no_answers)], ..case("rows that cannot be counted", 6, "new") },
        Case {
            scenario: json!({"base": "crash_loop"}),
            acts: &[("Going back", &heal)],
            ..case("a release that crashes all the time", 5, "old")
        },
        Case {
            scenario: json!({"base": "crash_exit0"}),
            acts: &[("Going back", &heal)],
            ..case("a release that ends well by itself", 5, "old")
        },
        Case {
            scenario: json!({"base": "hang_start"}),
            acts: &[("Going back", &heal)],
            ..case("a release that never starts", 5, "old")
        },
        Case {
            scenario: crash(3, 10),
            acts: &[("Going back", &heal)],
            ..case("a boot that refuses", 5, "old")
        },
        Case {
            scenario: crash(3, 10),
            ..case("a boot that refuses, and the one before as well", 6, "nobody")
        },
        Case {
            scenario: crash(1, 0),
            acts: &[("Going back", &refused_by_fly)],
            ..case("an update that fails on the way back", 6, "nobody")
        },
        Case {
            scenario: crash(1, 0),
            acts: &[("Going back", &refused_once)],
            ..case("an update that fails once on the way back", 5, "old")
        },
        Case {
            says: says(None, None, Some(3)),
            ..case("a health check that turns bad after the deploy said it was good", 5, "old")
        },
        Case {
            says: says(Some("0123456789abcdef0123456789abcdef01234567"), None, None),
            ..case("another commit than was shipped", 5, "old")
        },
        Case {
            says: says(None, Some("v1-fedcba9876543210"), None),
            ..case("another live schema than was shipped", 5, "old")
        },
        Case { acts: &[("Ship ", &rows_lost)], ..case("rows that are missing afterwards", 6, "old") },
        Case {
            scenario: with(
                fast(),
                "rules",
                json!([update(json!({"status": 500, "times": 1, "body": {"error": "internal: simulated"}}))]),
            ),
            ..case("a 500 on the update", 5, "old")
        },
        Case { fly: LOST, ..case("a lost answer to a request that succeeded", 0, "new") },
        Case { fly: REPLACED, ..case("a machine replaced by somebody else in the middle", 6, "new") },
        Case { fly: OTHER, ..case("another image by somebody else in the middle", 6, "") },
        Case { fly: OTHER_VOLUME, ..case("another volume on the machine", 6, "old") },
        Case { fly: TWO, ..case("a second machine by somebody else in the middle", 6, "nobody") },
        Case { fly: OTHER_BEFORE, ..case("another image by somebody else before the update", 1, "") },
        Case {
            scenario: with(fast(), "exec", json!([inspect(SCHEMA), status(0)])),
            declared: DROPPED,
            args: &["--allow", "DROPS_COLUMN:customers.email"],
            says: says(Some("0123456789abcdef0123456789abcdef01234567"), None, None),
            acts: &[("Ship ", &migrated)],
            ..case(
                "an old image that does not fit the new schema",
                6,
                "0123456789abcdef0123456789abcdef01234567",
            )
        },
        Case { declared: GROWN, ..case("a change that nothing stands against", 0, "new") },
        Case {
            scenario: json!({"base": "stopped_before", "rules": [update(json!({"status": 500, "body": {"error": "internal: simulated"}}))]}),
            args: &["--unverified"],
            ..case("a machine that is stopped, and takes no update", 6, "nobody")
        },
        Case {
            scenario: json!({"base": "stopped_before"}),
            args: &["--unverified"],
            ..case("a machine that is stopped, unverified", 0, "new")
        },
        Case {
            scenario: json!({"base": "suspended_before"}),
            args: &["--unverified"],
            ..case("a machine that is suspended, unverified", 0, "new")
        },
        Case {
            scenario: json!({"base": "start_412_twice"}),
            args: &["--unverified"],
            ..case("a machine that starts at the third time", 0, "new")
        },
        Case {
            scenario: json!({"base": "start_412"}),
            args: &["--unverified"],
            ..case("a machine that cannot be started", 6, "nobody")
        },
        Case {
            scenario: json!({"base": "exec_timeout"}),
            args: &["--unverified"],
            ..case("no answers from the machine, unverified", 0, "new")
        },
    ]
}

#[test]
fn whatever_fails_in_the_middle_ends_as_its_exit_code_says() {
    let Some(home) = home("whatever_fails_in_the_middle_ends_as_its_exit_code_says") else { return };
    let told = Mutex::new(BTreeMap::new());
    let cases = cases();
    side_by_side(
        &cases,
        |case| case.name,
        |case| {
            let Case { scenario, says, declared, fly, .. } = case;
            let begin =
                Begin { scenario: scenario.clone(), says: says.clone(), declared, fly, ..Begin::default() };
            let ship = Ship::begin(&home, begin);
            let said = ship.deploy(case.args, case.acts);
            let message = if case.exit == 0 { String::new() } else { ship.error(&said) };
            let notes: String = said
                .stderr
                .lines()
                .filter(|line| line.starts_with("note: "))
                .map(|line| format!("{}\n", ship.told(line)))
                .collect();
            told.lock()
                .unwrap()
                .insert(case.name, format!("exit {}, {} serves\n{notes}{message}", said.exit, ship.serves()));
            if case.name.contains("somebody else") {
                ship.ended_beside_others(&said, case.exit, case.serves);
            } else {
                ship.ended(&said, case.exit, case.serves);
            }
        },
    );
    let told = told.into_inner().unwrap();
    let text: String = told.iter().map(|(name, message)| format!("{name}: {message}\n")).collect();
    assert_told!("cases", text);
}
