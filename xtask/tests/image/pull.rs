//! Copies of a real service's database, pulled while it is written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::container::{docker, fill};
use crate::requires;
use crate::sim::Sim;
use crate::workspace::{Said, Workspace, said};

const TAG: &str = "landfall-test:pull";
/// What is in the database before anybody writes.
const ROWS: u32 = 300_000;
/// A name that must not leave production.
const SECRET: &str = "Featherstonehaugh";

/// The service on a machine, its volume a folder here, and the workspace that it was built from.
struct Production {
    workspace: Workspace,
    sim: Sim,
    commit: String,
}

impl Production {
    fn deployed(home: &Path) -> Self {
        let workspace = Workspace::copied();
        workspace.edit("fly.toml", |text| text.replace("landfall-customers", "simapp").replace("fra", "iad"));
        let scrub =
            format!("scrub = [\"UPDATE customers SET last_name = 'L' || id WHERE last_name = '{SECRET}'\"]");
        workspace.edit("Cargo.toml", |text| text.replace("scrub = []", &scrub));
        let commit = workspace.commit();
        workspace.builds(&["--tag", TAG, "--no-smoke"]);
        let scenario = json!({"base": "first_deploy", "behavior": {"backdate_start": 11}});
        let folder = workspace.path(".data/docker");
        let sim = Sim::start_with(
            home,
            &scenario,
            &["--run-with-docker", "--docker-dir", folder.to_str().unwrap()],
        );
        let production = Self { workspace, sim, commit };
        let mut fly = production.with_fly(Command::new(home.join("shim/fly")));
        fly.args(["deploy", "--local-only", "--image", TAG, "--image-label", "first", "--ha=false"]);
        fly.args(["-e", "LANDFALL_CREATE=1", "-a", "simapp", "-c", "fly.toml"]);
        let deployed = fly.current_dir(production.workspace.path("")).output().unwrap();
        assert!(deployed.status.success(), "{}", String::from_utf8_lossy(&deployed.stderr));
        production
    }

    fn with_fly(&self, mut command: Command) -> Command {
        command.envs(self.sim.environment()).env_remove("CI").stdin(Stdio::null());
        command
    }

    fn pull(&self, args: &[&str]) -> Command {
        self.with_fly(self.workspace.xtask(&[&["pull"], args].concat()))
    }

    /// It must succeed; the report.
    #[track_caller]
    fn pulls(&self, args: &[&str]) -> Value {
        let said = said(&self.pull(&[args, &["--format", "json"]].concat()).output().unwrap());
        assert_eq!(said.exit, 0, "{}", said.stderr);
        let document: Value = serde_json::from_str(&said.stdout).unwrap();
        document["report"].clone()
    }

    /// The folder that is the machine's volume.
    fn volume(&self) -> PathBuf {
        let volumes = self.workspace.path(".data/docker/volumes");
        let mut folders = fs::read_dir(volumes).unwrap().map(|entry| entry.unwrap().path());
        folders.find(|folder| folder.join("db").exists()).unwrap()
    }

    fn database(&self) -> Connection {
        let conn = Connection::open(self.volume().join("db")).unwrap();
        conn.busy_timeout(Duration::from_secs(30)).unwrap();
        conn
    }

    /// Neither here nor on the machine.
    #[track_caller]
    fn left_nothing(&self, said: &Said) {
        let there = names(&self.volume());
        assert!(!there.iter().any(|name| name.contains(".pull-")), "{there:?}\n{}", said.stderr);
        assert_eq!(names(&self.workspace.path(".data/pulled")), [".gitignore"], "{}", said.stderr);
    }
}

impl Drop for Production {
    fn drop(&mut self) {
        for (machine, _) in self.sim.machines() {
            docker(&["rm", "--force", &format!("flysim-{machine}")]);
        }
        // The deploy gave it the name of its registry.
        let registry = self.sim.url.trim_start_matches("http://");
        docker(&["image", "rm", "--force", TAG, &format!("{registry}/simapp:first")]);
    }
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Adds about 200 rows a second, each in a transaction of its own, until `stop`.
fn write(conn: &Connection, written: &AtomicU64, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let number = written.load(Ordering::Relaxed) + 1;
        conn.execute("INSERT INTO customers (first_name, last_name) VALUES (?1, 'Written')", [number])
            .unwrap();
        written.store(number, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(5));
    }
}

/// Integrity, rows, and what distance the ids span.
fn measured(copy: &Path) -> (String, u64, u64) {
    let conn = Connection::open(copy).unwrap();
    let sound = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    let sql = "SELECT count(*), max(id) - min(id) + 1 FROM customers";
    let (rows, span) = conn.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    (sound, rows, span)
}

fn holds(file: &Path, text: &str) -> bool {
    fs::read(file).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
}

/// Starts a pull and asks it to stop as soon as `begun` says so.
fn interrupted(production: &Production, begun: impl Fn() -> bool) -> Said {
    let mut pull = production.pull(&[]);
    let pull = pull.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !begun() {
        thread::sleep(Duration::from_millis(2));
    }
    kill_process(Pid::from_child(&pull), Signal::INT).unwrap();
    let output: Output = pull.wait_with_output().unwrap();
    said(&output)
}

#[test]
fn a_database_that_is_written_is_pulled_consistently_interrupted_cleanly_and_scrubbed() {
    const TEST: &str = "a_database_that_is_written_is_pulled_consistently_interrupted_cleanly_and_scrubbed";
    let Some(home) = requires::fly(TEST).filter(|_| requires::docker(TEST)) else { return };
    let production = Production::deployed(&home);
    fill(&production.volume().join("db"), "", ROWS);
    production
        .database()
        .execute("UPDATE customers SET last_name = ?1 WHERE id % 1000 = 0", [SECRET])
        .unwrap();

    let (written, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let rows = || u64::from(ROWS) + written.load(Ordering::Relaxed);
    thread::scope(|scope| {
        let conn = production.database();
        let (written, stop) = (&written, &stop);
        scope.spawn(move || write(&conn, written, stop));
        consistent(&production, rows);
        clean(&production);
        scrubbed(&production, rows);
        stop.store(true, Ordering::Relaxed);
    });
}

fn consistent(production: &Production, rows: impl Fn() -> u64) {
    while rows() < u64::from(ROWS) + 100 {
        thread::sleep(Duration::from_millis(5));
    }
    let before = rows();
    let report = production.pulls(&[]);
    let after = rows();
    let copy = production.workspace.path(report["file"].as_str().unwrap());
    let (sound, copied, span) = measured(&copy);
    assert_eq!((sound.as_str(), copied), ("ok", span), "no id is missing: {report}");
    assert!(before <= copied && copied <= after, "{before} <= {copied} <= {after}");
    assert!(before < after, "it was written meanwhile");
    assert_eq!(report["tables"], json!([{"table": "customers", "rows": copied}]));
    assert_eq!(report["record"]["commit"], production.commit);
    assert_eq!(report["record"]["bytes"], fs::metadata(&copy).unwrap().len());
    assert!(holds(&copy, SECRET), "it is as in production");
    fs::remove_dir_all(copy.parent().unwrap()).unwrap();
}

fn clean(production: &Production) {
    let asked = production.sim.commands().len();
    let copies = || {
        let commands = production.sim.commands();
        commands[asked..].iter().any(|command| command.contains("--detach"))
    };
    let arrives = || {
        let pulled = production.workspace.path(".data/pulled");
        let partial = names(&pulled).into_iter().find(|name| name.ends_with(".partial"));
        partial.is_some_and(|partial| !names(&pulled.join(partial)).is_empty())
    };
    for said in [interrupted(production, copies), interrupted(production, arrives)] {
        assert_eq!((said.exit, said.stdout.as_str()), (1, ""), "{}", said.stderr);
        assert!(
            said.stderr.ends_with("error: interrupted; nothing was pulled\nrun the command again\n"),
            "{}",
            said.stderr
        );
        production.left_nothing(&said);
    }
}

fn scrubbed(production: &Production, rows: impl Fn() -> u64) {
    let before = rows();
    let report = production.pulls(&["--scrub"]);
    let copy = production.workspace.path(report["file"].as_str().unwrap());
    let (sound, copied, span) = measured(&copy);
    assert_eq!((sound.as_str(), copied), ("ok", span), "{report}");
    assert!(before <= copied && copied <= rows());
    assert_eq!(report["record"]["scrubbed"], true);
    assert!(!holds(&copy, SECRET));
    let sql = "SELECT count(*) FROM customers WHERE last_name = ?1";
    let kept: u32 = production.database().query_row(sql, [SECRET], |row| row.get(0)).unwrap();
    assert_eq!(kept, ROWS / 1000, "production is as it was");
}
