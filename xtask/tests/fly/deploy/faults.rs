//! Faults of Fly's API after the update: whatever a call answers, and for however long, a release that is well goes on serving.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Act, Begin, Ship, home, side_by_side};

/// A call that is made after the update.
#[derive(Clone, Copy)]
struct Call {
    name: &'static str,
    method: &'static str,
    path: &'static str,
    /// The simulator's scenario in which it is made.
    scenario: &'static str,
    flags: &'static [&'static str],
    /// The exit code, and who serves, where it fails for ever.
    for_ever: (i32, &'static str),
}

const RUNS: Call =
    Call { name: "", method: "GET", path: "", scenario: "fast", flags: &[], for_ever: (6, "new") };
/// What was stopped before is started after its update.
const STOPPED: Call =
    Call { scenario: "stopped_before", flags: &["--unverified"], for_ever: (6, "nobody"), ..RUNS };

const CALLS: [Call; 5] = [
    Call { name: "list machines", path: "^/v1/apps/[^/]+/machines$", ..RUNS },
    Call { name: "get machine", path: "/machines/[0-9a-f]+$", ..RUNS },
    Call { name: "run a command", method: "POST", path: "/exec$", ..RUNS },
    Call { name: "start machine", method: "POST", path: "/start$", ..STOPPED },
    // It has started, whatever is said of it.
    Call { name: "wait for machine", path: "/wait$", for_ever: (0, "new"), ..STOPPED },
];

const FAULTS: [&str; 4] = ["500", "429", "drop", "hang"];

/// For how many seconds, and what the deploy is given for each phase; none is for as long as it runs.
const DURATIONS: [(&str, Option<u64>, &str); 3] =
    [("3 s", Some(3), "30"), ("30 s", Some(30), "60"), ("for ever", None, "6")];

struct Case {
    name: String,
    call: Call,
    fault: &'static str,
    lasts: Option<u64>,
    wait: &'static str,
}

fn rule(Case { call, fault, lasts, .. }: &Case) -> Value {
    let mut rule = json!({"method": call.method, "path": call.path, "body": {"error": "simulated"}});
    match *fault {
        "drop" => rule["drop"] = true.into(),
        "hang" => rule["delay"] = lasts.unwrap_or(600).into(),
        status => rule["status"] = status.parse::<u16>().unwrap().into(),
    }
    rule
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    // The slow ones first.
    for (duration, lasts, wait) in DURATIONS.into_iter().rev() {
        for call in CALLS {
            for fault in FAULTS {
                let name = format!("{} | {fault} | {duration}", call.name);
                cases.push(Case { name, call, fault, lasts, wait });
            }
        }
    }
    cases
}

#[test]
fn no_fault_of_flys_api_stops_a_release_that_is_well() {
    let Some(home) = home("no_fault_of_flys_api_stops_a_release_that_is_well") else { return };
    let (cases, told) = (cases(), Mutex::new(BTreeMap::new()));
    side_by_side(
        &cases,
        |case| case.name.as_str(),
        |case| {
            let Call { scenario, flags, for_ever, .. } = case.call;
            let ship = Ship::begin(&home, Begin { scenario: json!({"base": scenario}), ..Begin::default() });
            let begin = |ship: &Ship, _| {
                ship.sim.faults(&json!([rule(case)]));
                let Some(seconds) = case.lasts else { return };
                let url = ship.sim.url.clone();
                // It ends by the clock: that is what is tested. Where the deploy was faster nobody listens any more.
                thread::spawn(move || {
                    thread::sleep(Duration::from_secs(seconds));
                    let _ = ureq::put(format!("{url}/_sim/rules")).send("[]");
                });
            };
            // A machine that was stopped is started only after that line.
            let acts: [Act<'_>; 1] = [("Ship ", &begin)];
            let quick = ["deploy", "--auto-approve", "--no-smoke", "--no-rehearsal"];
            let said = ship.run(&[&quick, flags, &["--wait-timeout", case.wait]].concat(), &acts);
            let (exit, serves) = if case.lasts.is_some() { (0, "new") } else { for_ever };
            ship.ended(&said, exit, serves);
            let message = if said.exit == 0 { String::new() } else { ship.error(&said) };
            told.lock()
                .unwrap()
                .insert(case.name.clone(), (format!("{} {}", said.exit, ship.serves()), message));
        },
    );
    let told = told.into_inner().unwrap();
    let mut table = format!("{:18}{:8}", "call", "fault");
    DURATIONS.iter().for_each(|(duration, ..)| write!(table, "{duration:12}").unwrap());
    for call in CALLS {
        for fault in FAULTS {
            write!(table, "\n{:18}{fault:8}", call.name).unwrap();
            for (duration, ..) in DURATIONS {
                let (ending, _) = &told[&format!("{} | {fault} | {duration}", call.name)];
                write!(table, "{ending:12}").unwrap();
            }
        }
    }
    let table: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("faults", table);
    });
    let messages = [
        "list machines | 500 | for ever",
        "run a command | hang | for ever",
        "start machine | drop | for ever",
    ];
    let messages: String = messages.iter().map(|name| format!("{name}: {}\n", told[*name].1)).collect();
    assert_told!("fault-messages", messages);
}
