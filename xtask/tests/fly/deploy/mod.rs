//! `cargo xtask deploy` against the simulator: whatever Fly does, production serves the new commit, or the one before, or a person is
//! told what to type; and the exit code says which.

/// Compares what was told with its snapshot, without times and names of the moment.
macro_rules! assert_told {
    ($name:literal, $text:expr) => {
        insta::with_settings!({ filters => vec![
            (r"(?m)^  \| \d{4}-\d\d-\d\dT[^ ]+ ", "  | [TIME] "),
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[TIME]"),
            (r"\b(under 1 ms|\d[\d.]* (ms|s|min)( \d+ s)?\b)", "[TIME]"),
            (r"sha256:[0-9a-f]{64}", "[DIGEST]"),
            (r"vs_\w+", "[SNAPSHOT]"),
            (r"\[(NEW|OLD)\]-[0-9a-f]+", "[$1]-[LABEL]"),
            // What flyctl waited for when it gave up is a matter of moments.
            (r"\(`fly deploy` failed: .*\)", "(`fly deploy` failed: [WHY])"),
            (r"`fly [\w -]+` was interrupted", "`fly [CALL]` was interrupted"),
            // Whether it is up at the moment when the time is over.
            (r", and since then \[URL\]/healthz gives no good answer", ""),
            (r"Post .* with Body length 0", "unavailable: deploys to this host are temporarily disabled"),
            (r"(Trace|Request) ID: [\w-]+", "$1 ID: [ID]"),
        ], omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!($name, $text);
        });
    };
}

mod cases;
mod certainty;
mod endings;
mod faults;
mod first;
mod flyctl;
mod lock;
mod machine;
mod preflight;
mod rows;
mod scenarios;
mod signals;
mod tables;

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;
use std::{env, fs, thread};

use landfall_testkit::sim::{IMAGE, Sim, inspect};
use landfall_testkit::world::{Said, World};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::XTASK;
use crate::front::{Front, Says, machines};
use crate::shop::{REF, SCHEMA, connected, git};

/// The image of the simulator's machine, by digest.
const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const LOCK: &str = "refs/landfall/lock/simapp";
const AUDIT: &str = "refs/landfall/audit/simapp";
/// As many at once.
const AT_ONCE: usize = 10;
/// What fly is told, and nobody else ever.
const TOKEN: &str = "FlyV1-very-secret";
/// What each machine logs, and what no record has.
const LOGGED: &str = "simulated log line";
/// So many good answers in a row: what restarts all the time serves nobody.
const STEADY: usize = 5;
/// A change that nothing stands against.
const GROWN: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);
CREATE TRIGGER touched AFTER INSERT ON customers BEGIN SELECT 1; END;
CREATE TABLE orders (id INTEGER PRIMARY KEY);
";
/// What takes no more time and no more checks than a test needs.
const QUICK: [&str; 5] = ["--auto-approve", "--no-smoke", "--no-rehearsal", "--wait-timeout", "6"];

const DOCKERFILE: &str = "FROM scratch
ARG COMMIT SCHEMA_FINGERPRINT
LABEL org.opencontainers.image.revision=$COMMIT landfall.schema=$SCHEMA_FINGERPRINT
COPY own /
";

/// Where a test begins.
struct Begin {
    scenario: Value,
    says: Says,
    /// The schema of the commit that production runs.
    before: &'static str,
    /// The schema of the new commit.
    declared: &'static str,
    /// A script that is `fly`; the real one is `$FLY`.
    fly: &'static str,
    env: &'static [(&'static str, &'static str)],
}

impl Default for Begin {
    fn default() -> Self {
        Self {
            scenario: json!({"base": "fast"}),
            says: Says::default(),
            before: SCHEMA,
            declared: SCHEMA,
            fly: "",
            env: &[],
        }
    }
}

/// A workspace whose HEAD is to be shipped, its origin, and production with the commit before.
struct Ship {
    world: World,
    origin: TempDir,
    sim: Sim,
    front: Front,
    old: String,
    new: String,
    /// Volumes at the beginning: id and machine.
    volumes: Vec<(String, String)>,
    machines: Vec<String>,
}

/// What is done once a line of stderr begins like this.
type Act<'a> = (&'static str, &'a (dyn Fn(&Ship, Pid) + Sync));

impl Ship {
    fn begin(home: &Path, begin: Begin) -> Self {
        let world = World::new(XTASK, begin.before);
        world.write("fly.toml", crate::shop::fly_toml());
        world.write(".gitignore", "/target/\n/var/\nCargo.lock\n");
        world.write("Dockerfile", DOCKERFILE);
        // An image of its own: what one test removes is not another's.
        world.write("own", world.path("").to_str().unwrap());
        let root = world.path("");
        git(&root, &["init", "--quiet"]);
        let origin = crate::shop::with_origin(&world);
        let old = crate::shop::commit(&world);
        world.declare(begin.declared);
        let new = crate::shop::commit(&world);
        git(&root, &["push", "--quiet", "origin", "HEAD:main"]);
        let sim = Sim::start(home, &scenario(begin.scenario, &old));
        let file = sim.folder().join("env");
        let env = fs::read_to_string(&file)
            .unwrap()
            .replace("FLY_API_TOKEN=fake", &format!("FLY_API_TOKEN={TOKEN}"));
        fs::write(file, env).unwrap();
        let front = Front::start(&sim, begin.says);
        let mut world = connected(world, &sim).with_env("LANDFALL_URL", front.url.as_str());
        for (name, value) in
            ["DOCKER_HOST", "CARGO"].into_iter().filter_map(|name| Some((name, env::var_os(name)?)))
        {
            world = world.with_env(name, value);
        }
        for (name, value) in begin.env {
            world = world.with_env(name, *value);
        }
        if !begin.fly.is_empty() {
            world = with_fly(world, &sim, begin.fly);
        }
        let mut ship =
            Self { world, origin, sim, front, old, new, volumes: Vec::new(), machines: Vec::new() };
        (ship.volumes, ship.machines) = (ship.volumes_now(), ship.machines_now());
        if !ship.machines.is_empty() {
            let root = ship.world.path("");
            git(&root, &["push", "--quiet", "origin", &format!("{}:{REF}", ship.old)]);
            git(&root, &["update-ref", REF, &ship.old]);
        }
        ship
    }

    fn volumes_now(&self) -> Vec<(String, String)> {
        let state = self.sim.control("state");
        let volumes = state["apps"]["simapp"]["volumes"].as_object().into_iter().flatten();
        let holder = |volume: &Value| volume["attached_machine_id"].as_str().unwrap_or("nobody").to_owned();
        volumes.map(|(id, volume)| (id.clone(), holder(volume))).collect()
    }

    fn machines_now(&self) -> Vec<String> {
        let machines = machines(&self.sim.control("state"));
        machines.iter().map(|machine| machine["id"].as_str().unwrap().to_owned()).collect()
    }

    /// `deploy`, quickly, with these flags; and what is done meanwhile.
    fn deploy(&self, args: &[&str], acts: &[Act<'_>]) -> Said {
        self.run(&[&["deploy"], QUICK.as_slice(), args].concat(), acts)
    }

    fn run(&self, args: &[&str], acts: &[Act<'_>]) -> Said {
        let mut child =
            self.world.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let pid = Pid::from_child(&child);
        let mut stdout = child.stdout.take().unwrap();
        let stdout = thread::spawn(move || {
            let mut bytes = Vec::new();
            stdout.read_to_end(&mut bytes).map(|_| bytes).unwrap()
        });
        let (mut stderr, mut acts) = (Vec::new(), acts.to_vec());
        for line in BufReader::new(child.stderr.take().unwrap()).lines() {
            let line = line.unwrap();
            acts.retain(|(begin, act)| {
                let is_now = line.trim_start().starts_with(begin);
                if is_now {
                    act(self, pid);
                }
                !is_now
            });
            stderr.extend(format!("{line}\n").bytes());
        }
        let (status, stdout) = (child.wait().unwrap(), stdout.join().unwrap());
        let said = self.world.said(args, &std::process::Output { status, stdout, stderr });
        assert!(
            acts.is_empty(),
            "never said: {:?}; {said}",
            acts.iter().map(|(begin, _)| begin).collect::<Vec<_>>()
        );
        assert!(!said.to_string().contains(TOKEN), "{said}");
        said
    }

    /// Which commit production serves, if any does for a while.
    fn serves(&self) -> String {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build();
        let agent: ureq::Agent = agent.into();
        let ask = |path: &str| agent.get(format!("{}{path}", self.front.url)).call().unwrap();
        for _ in 0..STEADY {
            if ask("/healthz").status() != 200 {
                return "nobody".to_owned();
            }
            thread::sleep(Duration::from_millis(200));
        }
        let version: Value =
            serde_json::from_str(&ask("/version").body_mut().read_to_string().unwrap()).unwrap();
        match version["commit"].as_str().unwrap() {
            commit if commit == self.old => "old".to_owned(),
            commit if commit == self.new => "new".to_owned(),
            other => other.to_owned(),
        }
    }

    /// What a ref names at origin; it has to be the same here.
    #[track_caller]
    fn named(&self, name: &str) -> String {
        let commit = |folder: &Path| {
            let told = git(folder, &["for-each-ref", "--format=%(objectname)", name]);
            match told {
                told if told == self.old => "old".to_owned(),
                told if told == self.new => "new".to_owned(),
                told => told,
            }
        };
        let (here, there) = (commit(&self.world.path("")), commit(self.origin.path()));
        assert_eq!(here, there, "{name}");
        there
    }

    /// What the audit says of each attempt, the newest first.
    fn audit(&self) -> Vec<String> {
        if self.named(AUDIT).is_empty() {
            return Vec::new();
        }
        let log = git(self.origin.path(), &["log", "--format=%s", AUDIT]);
        log.lines().map(|line| line.rsplit(": ").next().unwrap().to_owned()).collect()
    }

    /// What has to hold after every deploy that ended with this code; `serves` is `old`, `new` or `nobody`.
    #[track_caller]
    fn ended(&self, said: &Said, exit: i32, serves: &str) {
        self.ended_beside_others(said, exit, serves);
        if !self.machines.is_empty() {
            assert_eq!(self.volumes_now(), self.volumes, "{said}");
            assert_eq!(self.machines_now(), self.machines, "{said}");
        }
        if exit == 1 || exit == 2 || exit == 3 {
            assert_eq!(self.changes(), [] as [String; 0], "{said}");
        }
    }

    /// The same where somebody else changed machines meanwhile.
    #[track_caller]
    fn ended_beside_others(&self, said: &Said, exit: i32, serves: &str) {
        assert_eq!((said.exit, self.serves().as_str()), (exit, serves), "{said}");
        assert!(exit != 0 || serves == "new", "{said}");
        assert!(exit != 5 || serves == "old", "{said}");
        assert_eq!(git(self.origin.path(), &["for-each-ref", LOCK]), "", "the lock: {said}");
        assert_eq!(git(&self.world.path(""), &["for-each-ref", LOCK]), "", "the lock: {said}");
        let before = if self.machines.is_empty() { "" } else { "old" };
        assert_eq!(self.named(REF), if exit == 0 { "new" } else { before }, "{said}");
        let outcome = match exit {
            0 => vec!["served", "is shipped"],
            5 => vec!["went back", "is shipped"],
            6 => vec!["needs a person", "is shipped"],
            _ => Vec::new(),
        };
        assert_eq!(self.audit(), outcome, "{said}");
        if !outcome.is_empty() {
            let published = git(self.origin.path(), &["log", "-p", AUDIT]);
            let found: Vec<_> = [TOKEN, LOGGED].into_iter().filter(|word| published.contains(word)).collect();
            assert_eq!(found, [""; 0], "{said}");
        }
        if exit != 0 {
            assert!(said.stderr.contains("error: "), "{said}");
        }
    }

    /// Types a command of fly.
    #[track_caller]
    fn fly(&self, args: &[&str]) {
        let environment = self.sim.environment();
        let path = &environment[0].1;
        let fly =
            env::split_paths(path).map(|folder| folder.join("fly")).find(|file| file.is_file()).unwrap();
        let typed = Command::new(fly).args(args).envs(environment).output().unwrap();
        assert!(typed.status.success(), "{args:?}: {typed:?}");
    }

    /// Writes that change production: no reading, no build, no image in the registry, no snapshot.
    fn changes(&self) -> Vec<String> {
        let mut writes = self.sim.writes();
        let harmless = ["/exec", "/snapshots", "/api/v1/builds", "/api/v1/builds/finish"];
        writes.retain(|write| !harmless.iter().any(|end| write.ends_with(end)) && !write.contains(" /v2/"));
        // What flyctl phones without being asked.
        writes.retain(|write| !write.starts_with("CONNECT ") && !write.contains(" http://"));
        writes
    }

    /// A message without ids, times and addresses.
    fn told(&self, text: &str) -> String {
        let text = text
            .replace(&self.sim.url, "[SIM]")
            .replace(self.sim.url.trim_start_matches("http://"), "[REGISTRY]");
        let text = text.replace(&self.front.url, "[URL]").replace(&DIGEST[7..], "[OLD DIGEST]");
        let text = text.replace(&self.new[..12], "[NEW]").replace(&self.old[..12], "[OLD]");
        let state = self.sim.control("state");
        let apps = || state["apps"].as_object().unwrap().values();
        let machines = apps().flat_map(|app| app["machines"].as_object().unwrap().keys());
        let machines = machines.chain(&self.machines);
        let text = machines.fold(text, |text, id| text.replace(id.as_str(), "[MACHINE]"));
        let volumes = apps().flat_map(|app| app["volumes"].as_object().unwrap().keys());
        volumes.fold(text, |text, id| text.replace(id.as_str(), "[VOLUME]"))
    }

    /// The error, with what it says to type.
    #[track_caller]
    fn error(&self, said: &Said) -> String {
        let at = said.stderr.find("error: ").unwrap_or_else(|| panic!("no error: {said}"));
        self.told(&said.stderr[at..])
    }
}

impl Drop for Ship {
    fn drop(&mut self) {
        for commit in [&self.old, &self.new] {
            let label = format!("label=org.opencontainers.image.revision={commit}");
            let listed = Command::new("docker").args(["image", "ls", "--quiet", "--filter", &label]).output();
            let listed =
                listed.map_or_else(|_| String::new(), |output| String::from_utf8(output.stdout).unwrap());
            for id in listed.lines().collect::<std::collections::BTreeSet<_>>() {
                let _ = Command::new("docker").args(["image", "rm", "--force", id]).output();
            }
        }
    }
}

/// With a `fly` of its own first on PATH.
fn with_fly(world: World, sim: &Sim, script: &str) -> World {
    let real = sim.fly();
    world.write("target/bin/fly", format!("#!/bin/sh\nFLY={}\nURL={}\n{script}", real.display(), sim.url));
    fs::set_permissions(world.path("target/bin/fly"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = sim.environment()[0].1.clone();
    let folders: Vec<_> = [world.path("target/bin")].into_iter().chain(env::split_paths(&path)).collect();
    world.with_env("PATH", env::join_paths(folders).unwrap())
}

/// With an image of this commit on its machine, and a database of [`SCHEMA`] with three customers.
fn scenario(mut scenario: Value, commit: &str) -> Value {
    let image = json!({"digest": DIGEST, "labels": {"org.opencontainers.image.revision": commit, "landfall.schema": "0"}});
    let pinned = format!("registry.example/simapp@{DIGEST}");
    scenario["images"] = json!({IMAGE: image, pinned: image});
    // A machine that reads a volume is there for as long as that takes.
    scenario["behavior"]["oneshot"] = json!({"after": 60});
    if scenario["base"] != "exec_fail" && scenario["exec"].is_null() {
        scenario["exec"] = json!([inspect(SCHEMA), status(3)]);
    }
    scenario
}

/// What `landfall status` answers on a machine with so many customers.
fn status(customers: u64) -> Value {
    let report = json!({"file": "/data/db", "bytes": 8192, "tables": [{"table": "customers", "rows": customers}],
        "schema": "0", "disk": {"free": 900_000_000_u64, "total": 1_000_000_000_u64}});
    let document = json!({"command": "status", "exit": 0, "report": report, "error": null});
    json!({"match": "landfall status", "exit_code": 0, "stdout": document.to_string()})
}

/// What is needed, or the test `test` is skipped.
fn home(test: &str) -> Option<PathBuf> {
    landfall_testkit::requires::fly(test).filter(|_| landfall_testkit::requires::docker(test))
}

fn interrupt(_: &Ship, pid: Pid) {
    kill_process(pid, Signal::INT).unwrap();
}

fn terminate(_: &Ship, pid: Pid) {
    kill_process(pid, Signal::TERM).unwrap();
}

/// What made the new image fail is over for the one before.
fn heal(ship: &Ship, _: Pid) {
    ship.sim.configure(&json!({"behavior": {"crash": null, "health": "pass", "never_start": false}}));
    ship.sim.faults(&json!([]));
}

/// Tries all of them, several at once: most of the time flyctl waits. Those that failed are named at the end.
fn side_by_side<T: Sync>(cases: &[T], name: impl Fn(&T) -> &str + Sync, run: impl Fn(&T) + Sync) {
    let (next, failed) = (Mutex::new(cases.iter()), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let Some(case) = next.lock().unwrap().next() else { return };
            if catch_unwind(AssertUnwindSafe(|| run(case))).is_err() {
                failed.lock().unwrap().push(name(case).to_owned());
            }
        }
    };
    thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    assert_eq!(failed.into_inner().unwrap(), [] as [String; 0]);
}
