//! Everything that a message says to type, typed where it is said, and seen to work. What is printed is collected from the snapshots of
//! the tests beside this one: a remedy that nobody has typed here fails the first test.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, SystemTime};

use landfall_testkit::sim::inspect;
use serde_json::json;

use crate::rollback::{COPY, OTHER, Scene, host_gone, scene, status};
use crate::shop::git;

const LOCK: &str = "refs/landfall/lock/simapp";

/// The state in which something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Two releases are written down, and the second one runs.
    Well,
    /// The deploy of what runs has died before its proof.
    Unproved,
    /// Nobody visits it, and Fly has stopped it.
    Asleep,
    /// Its release refused to start, and the one before fits.
    Refuses,
    /// Its release refused to start, and the one before does not fit.
    RefusesAndMisfits,
    /// Its host is gone.
    HostGone,
    /// Its machine is gone.
    MachineGone,
    /// Data was brought back from a snapshot, and a volume set aside.
    SetAside,
    /// Somebody's deploy has died with the lock.
    Locked,
    /// There is a second machine.
    Two,
    /// The local database lacks what is declared.
    Drifted,
}

/// What is said, in which state it is typed, with which exit code it ends, and what has to be seen then.
struct Typed(&'static str, State, i32, &'static str);

const TYPED: &[Typed] = &[
    Typed("cargo xtask rollback --list", State::Well, 0, "runs now"),
    Typed("cargo xtask status", State::Well, 4, "ok        machine"),
    Typed("cargo xtask status", State::Unproved, 4, "nobody wrote down what came of it"),
    Typed("cargo xtask status", State::Refuses, 4, "mend it: see why: fly logs --no-tail -a simapp"),
    Typed("cargo xtask status", State::HostGone, 4, "cargo xtask rollback --data newest"),
    Typed("cargo xtask status --volume VOLUME", State::Well, 0, "customers 12"),
    Typed("cargo xtask status --volume VOLUME", State::Refuses, 0, "customers 12"),
    Typed("cargo xtask status --volume VOLUME", State::SetAside, 0, "fly volumes destroy VOLUME -a simapp"),
    Typed("cargo xtask lock status", State::Well, 0, "is free"),
    Typed("cargo xtask lock status", State::Locked, 0, "grace@example.com"),
    Typed("cargo xtask lock break", State::Locked, 0, "Broken"),
    Typed("cargo xtask verify-sync", State::Well, 0, "In sync"),
    Typed("cargo xtask verify-sync --commit REV", State::Well, 0, "by --commit HEAD"),
    Typed("cargo xtask verify-sync --fork", State::Refuses, 0, "ok        production"),
    Typed("cargo xtask migrate", State::Drifted, 0, "Applied 3 steps"),
    Typed("cargo xtask rollback", State::Well, 0, "Rolled back"),
    Typed("cargo xtask rollback", State::Unproved, 0, "Rolled back"),
    Typed("cargo xtask rollback", State::Asleep, 0, "Rolled back"),
    Typed("cargo xtask rollback", State::Refuses, 0, "Rolled back"),
    Typed("cargo xtask rollback", State::RefusesAndMisfits, 3, "cargo xtask rollback 1 --data copy"),
    Typed("cargo xtask rollback", State::MachineGone, 0, "Rolled back"),
    Typed("cargo xtask rollback --data copy", State::Well, 0, "Rolled back"),
    Typed("cargo xtask rollback --data copy", State::Refuses, 0, "Rolled back"),
    Typed("cargo xtask rollback --data copy", State::RefusesAndMisfits, 0, "Rolled back"),
    Typed("cargo xtask rollback N --data copy", State::RefusesAndMisfits, 0, "Rolled back"),
    Typed("cargo xtask rollback --data snapshot", State::RefusesAndMisfits, 0, "Rolled back"),
    Typed("cargo xtask rollback N --data snapshot", State::RefusesAndMisfits, 0, "Rolled back"),
    Typed("cargo xtask rollback --data newest", State::HostGone, 0, "Rolled back"),
    Typed("fly machine start MACHINE -a simapp", State::Asleep, 0, "started"),
    Typed("fly machine destroy MACHINE --force -a simapp", State::Two, 0, "has been destroyed"),
    Typed("fly machine exec MACHINE 'landfall status' -a simapp", State::Two, 0, ""),
    Typed(
        "fly machine exec MACHINE 'landfall discard /data/customers.set-aside' -a simapp",
        State::Well,
        0,
        "",
    ),
    Typed("fly machine list -a simapp", State::Well, 0, "MACHINE"),
    Typed("fly machine status MACHINE -a simapp", State::Well, 0, "MACHINE"),
    Typed("fly status -a simapp", State::Well, 0, "MACHINE"),
    Typed("fly status", State::Well, 0, "MACHINE"),
    Typed("fly logs --no-tail -a simapp", State::Refuses, 0, "simulated log line"),
    Typed("fly releases -a simapp", State::Well, 0, ""),
    Typed("fly apps list", State::Well, 0, "simapp"),
    Typed("fly volumes list -a simapp", State::Well, 0, "VOLUME"),
    Typed("fly volumes list --all -a simapp", State::Well, 0, "VOLUME"),
    Typed("fly volumes extend VOLUME --size N -a simapp", State::Well, 0, ""),
    Typed("fly volumes snapshots create VOLUME", State::Well, 0, ""),
    Typed("fly volumes snapshots list VOLUME", State::HostGone, 0, "vs_0123456789abcdef"),
    Typed("fly volumes destroy VOLUME -a simapp", State::SetAside, 0, ""),
    Typed("git push origin refs/landfall/audit/simapp", State::Well, 0, ""),
    Typed("git push origin HEAD", State::Well, 0, ""),
    Typed("git fetch origin COMMIT", State::Well, 0, ""),
    Typed("git update-ref refs/landfall/deployed/simapp COMMIT", State::Well, 0, ""),
    Typed("git log --oneline", State::Well, 0, "a state"),
    Typed("git ls-remote origin", State::Well, 0, "refs/heads/main"),
];

/// What another test types, which has what it takes.
const TYPED_ELSEWHERE: &[(&str, &str)] = &[
    ("cargo xtask deploy", "deploy/flyctl.rs: what_it_warns_of_before_its_json_ends_nothing"),
    ("cargo xtask deploy --create", "deploy/first.rs: the_first_deploy_makes_one_machine_with_one_volume"),
    (
        "cargo xtask deploy --allow DROPS_COLUMN:customers.email",
        "deploy/preflight.rs: a_hazard_needs_its_approval_which_goes_along_to_the_boot",
    ),
    (
        "cargo xtask deploy --allow CHANGES_MACHINE:memory --allow CHANGES_MACHINE:cpus --allow CHANGES_MACHINE:env.BY_HAND",
        "deploy/machine.rs: a_machine_loses_nothing_that_nobody_gave_up",
    ),
    (
        "cargo xtask deploy --allow CHANGES_VALUES:plans",
        "deploy/rows.rs: a_row_with_another_value_is_refused_until_that_is_approved",
    ),
    ("cargo xtask pull", "pull.rs: a_copy_is_fetched_checked_and_kept_for_its_owner_alone"),
    (
        "cargo xtask rehearse --fork",
        "../image/rehearse.rs: a_change_is_rehearsed_on_a_fork_which_is_destroyed_on_every_way_out",
    ),
];

/// What makes a token, fetches another client or takes all away: the simulator knows none of these calls. All that is seen is that the
/// real client has such a command, and takes these words for it.
const ONLY_PARSED: &[(&str, &str)] = &[
    ("fly tokens create deploy", "fly tokens create deploy [flags]"),
    ("fly tokens create org", "fly tokens create org [flags]"),
    ("fly version upgrade", "fly version upgrade [flags]"),
    ("fly apps destroy simapp", "fly apps destroy <app name(s)> [flags]"),
];

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let nested = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] });
    nested.filter(|path| path.extension().is_some_and(|ending| ending == "rs" || ending == "snap")).collect()
}

/// All commands that a snapshot says to type: at the beginning of a line, behind a colon, a semicolon or `&&`.
fn printed() -> BTreeSet<String> {
    let own = tests().join("fly/remedies.rs");
    let all = files(&tests().join("fly")).into_iter().chain([tests().join("it/lock.rs")]);
    let texts = all.filter(|file| *file != own).map(|file| fs::read_to_string(file).unwrap());
    texts.flat_map(|text| text.lines().flat_map(said).collect::<Vec<_>>()).collect()
}

fn said(line: &str) -> Vec<String> {
    let line = line.trim();
    let begins = |at: usize| {
        let before = &line[..at];
        before.is_empty() || [": ", "; ", "&& "].iter().any(|end| before.ends_with(end))
    };
    let places = ["cargo xtask ", "fly ", "git "].into_iter().flat_map(|program| line.match_indices(program));
    places.filter(|(at, _)| begins(*at)).filter_map(|(at, _)| command(&line[at..])).collect()
}

/// The command that a text begins with, with words for what differs from run to run.
fn command(text: &str) -> Option<String> {
    const VERBS: [&str; 15] = [
        "xtask",
        "machine",
        "volumes",
        "logs",
        "status",
        "releases",
        "apps",
        "tokens",
        "version",
        "push",
        "fetch",
        "update-ref",
        "log",
        "ls-remote",
        "auth",
    ];
    let ends = ["; ", " (", ", or", ", and", " && ", "\"", "\\n", ", since", "{"];
    let end = ends.iter().filter_map(|end| text.find(end)).min().unwrap_or(text.len());
    let mut words = Vec::new();
    let text = text[..end]
        .replace("[NEW VOLUME]", "[VOLUME]")
        .replace("[MACHINE ", "[MACHINE")
        .replace("[VOLUME ", "[VOLUME");
    for word in text.trim_end_matches([',', '.', ';']).split_whitespace() {
        words.push(match word {
            _ if word.starts_with("[MACHINE") || ["[OLD]", "[NEW]"].contains(&word) => "MACHINE",
            _ if word.starts_with("[VOLUME") => "VOLUME",
            "[COMMIT]" | "[A]" | "[B]" => "COMMIT",
            _ if word.len() == 40 && word.chars().all(|c| c.is_ascii_hexdigit()) => "COMMIT",
            _ if word.chars().all(|c| c.is_ascii_digit()) => "N",
            _ => word,
        });
    }
    let is_one = words.len() > 2 || matches!(words.as_slice(), ["fly", "status"] | ["git", "push"]);
    (is_one && VERBS.contains(&words[1])).then(|| words.join(" "))
}

#[test]
fn every_remedy_that_is_printed_is_typed() {
    let typed = TYPED.iter().map(|typed| typed.0).chain(TYPED_ELSEWHERE.iter().map(|(command, _)| *command));
    let known: BTreeSet<_> =
        typed.chain(ONLY_PARSED.iter().map(|(command, _)| *command)).map(str::to_owned).collect();
    let printed = printed();
    assert!(printed.len() > 30, "{printed:?}");
    assert_eq!(printed.difference(&known).collect::<Vec<_>>(), [""; 0], "printed, and never typed");
    assert_eq!(known.difference(&printed).collect::<Vec<_>>(), [""; 0], "typed, and never printed");
    for (command, test) in TYPED_ELSEWHERE {
        let (file, name) = test.split_once(": ").unwrap();
        let text = fs::read_to_string(tests().join("fly").join(file)).unwrap();
        assert!(text.contains(&format!("fn {name}")), "{command}: {test}");
    }
}

#[test]
fn what_cannot_be_done_here_is_a_command_that_the_real_client_has() {
    let Some(home) =
        landfall_testkit::requires::fly("what_cannot_be_done_here_is_a_command_that_the_real_client_has")
    else {
        return;
    };
    let Some(scene) = scene("what_cannot_be_done_here_is_a_command_that_the_real_client_has") else { return };
    let help = |line: &str| {
        let mut fly = Command::new(home.join("shim/fly"));
        fly.args(words(line).iter().skip(1)).arg("--help").envs(scene.sim.environment());
        let output = fly.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    for (command, usage) in ONLY_PARSED {
        let (exit, said) = help(command);
        assert_eq!(exit, Some(0), "{command}: {said}");
        assert!(said.lines().any(|line| line.trim() == *usage), "{command}: {said}");
    }
    // Words that it does not know are not taken for any command.
    assert!(!help("fly tokens create nonsense").1.contains("create nonsense ["));
}

impl State {
    fn scene(self) -> Option<Scene> {
        let scene = scene("whatever_is_typed_works")?;
        let scene = if self == Self::Unproved { scene.unproved() } else { scene.released() };
        let machine = format!("machine/{}", scene.machine);
        // Long enough to be read from, and short enough to wait for where a copy is put back.
        scene.sim.configure(&json!({"behavior": {"oneshot": {"after": 5}}}));
        let refused = json!({"state": "stopped", "events": [{"type": "exit", "status": "stopped", "timestamp": 0,
            "request": {"exit_event": {"exit_code": 3, "requested_stop": false}}}]});
        match self {
            Self::Well | Self::Unproved => {}
            Self::Asleep => scene.sim.merge(
                &machine,
                &json!({"state": "stopped", "events": [{"type": "exit", "status": "stopped", "timestamp": 0,
                    "request": {"exit_event": {"exit_code": 0, "requested_stop": true}}}]}),
            ),
            Self::Refuses => scene.sim.merge(&machine, &refused),
            Self::RefusesAndMisfits => {
                scene.sim.merge(&machine, &refused);
                let exec = json!([status(COPY, 10), status("--format", 12), inspect(OTHER)]);
                scene.sim.configure(&json!({"exec": exec}));
            }
            Self::HostGone => drop(host_gone(&scene)),
            Self::MachineGone => {
                let gone = format!("{}/v1/apps/simapp/machines/{}?kill=true", scene.sim.url, scene.machine);
                ureq::delete(gone).call().unwrap();
            }
            Self::SetAside => {
                let said = scene.world.run(&["rollback", "--data", "snapshot", "--auto-approve"]);
                assert_eq!(said.exit, 0, "{said}");
            }
            Self::Locked => lock(&scene),
            Self::Two => {
                let mut state = scene.sim.control("state");
                let machines = state["apps"]["simapp"]["machines"].as_object_mut().unwrap();
                let mut second = machines[&scene.machine].clone();
                second["id"] = json!("deadbeef000000");
                second["config"]["mounts"] = json!([]);
                machines.insert("deadbeef000000".to_owned(), second);
                scene.sim.put_state(&state);
            }
            Self::Drifted => {
                scene.world.sql("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL)");
            }
        }
        Some(scene)
    }
}

fn lock(scene: &Scene) {
    let root = scene.world.path("");
    let since = humantime::format_rfc3339_seconds(SystemTime::now() - Duration::from_secs(600)).to_string();
    let holder = json!({
        "app": "simapp", "holder": "grace@example.com", "host": "desk", "pid": 4711, "commit": "0123456789abcdef0123456789abcdef01234567",
        "command": "deploy", "since": since, "expires": since,
    });
    let tree = git(&root, &["write-tree"]);
    let commit = git(&root, &["commit-tree", &tree, "-m", &format!("a lock\n\n{holder}\n")]);
    git(&root, &["push", "--quiet", "origin", &format!("{commit}:{LOCK}")]);
}

/// As a shell splits it; quotes are for one word.
fn words(command: &str) -> Vec<String> {
    let parts = command.split('\'').enumerate();
    let split = |(at, part): (usize, &str)| match at % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    };
    parts.flat_map(split).collect()
}

/// What it ends with, and what it says.
fn typed(scene: &Scene, home: &Path, state: State, line: &str) -> (i32, String) {
    let machine = if state == State::Two { "deadbeef000000" } else { &scene.machine };
    let line = line.replace("MACHINE", machine).replace("VOLUME", &scene.volume).replace("REV", "HEAD");
    let number = if line.contains("--size") { "2" } else { "1" };
    let line = line.replace(" N", &format!(" {number}")).replace("COMMIT", &scene.commits[1]);
    let words = words(&line);
    let mut args: Vec<_> = words.iter().skip(1).map(String::as_str).collect();
    let mut command = match words[0].as_str() {
        "cargo" => {
            args.remove(0);
            // Nobody is there to answer.
            if args[0] == "rollback" && !args.contains(&"--list")
                || args.starts_with(&["lock", "break"])
                || args[0] == "migrate"
            {
                args.push("--auto-approve");
            }
            scene.world.command(&args)
        }
        "fly" => {
            if args.contains(&"destroy") && args[0] == "volumes" {
                args.push("--yes");
            }
            let mut fly = Command::new(home.join("shim/fly"));
            fly.args(&args).envs(scene.sim.environment()).current_dir(scene.world.path(""));
            fly
        }
        _ => {
            let mut git = Command::new("git");
            git.args(&args).current_dir(scene.world.path(""));
            git
        }
    };
    let output = command.output().unwrap();
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.code().unwrap(), text.replace(&scene.machine, "MACHINE").replace(&scene.volume, "VOLUME"))
}

#[test]
fn whatever_is_typed_works() {
    let Some(home) = landfall_testkit::requires::fly("whatever_is_typed_works") else { return };
    let (next, failed) = (Mutex::new(TYPED.iter()), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let Some(Typed(line, state, exit, sees)) = next.lock().unwrap().next() else { return };
            let scene = state.scene().unwrap();
            let (ended, said) = typed(&scene, &home, *state, line);
            if ended != *exit || !said.contains(sees) {
                failed.lock().unwrap().push(format!("{line} ({state:?}) ended with {ended}:\n{said}"));
            }
        }
    };
    thread::scope(|scope| (0..6).for_each(|_| drop(scope.spawn(work))));
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}
