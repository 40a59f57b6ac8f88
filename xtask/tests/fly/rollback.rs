//! An earlier release in the place of what runs: on the data as it is, and with its data; what is left where it fails.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use landfall_testkit::sim::{Sim, inspect, version};
use landfall_testkit::world::{Said, World};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::front::{Front, Says};
use crate::shop::{REF, SCHEMA, commit, connected, git, record, shop, with_origin};

const LOCK: &str = "refs/landfall/lock/simapp";
const AUDIT: &str = "refs/landfall/audit/simapp";
/// The digest of the release before, and of what runs.
const BEFORE: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const NOW: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const REPOSITORY: &str = "registry.example/simapp";
const SEEDED: &str = "registry.example/simapp:deployment-00000000000000000000000001";
pub(crate) const COPY: &str = "/data/db.before-20260803T100000Z-0123456789ab";
/// A schema that the release before does not fit.
pub(crate) const OTHER: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);";

/// Two releases of the simulator's app, of which the second runs.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) sim: Sim,
    pub(crate) front: Front,
    pub(crate) origin: TempDir,
    pub(crate) commits: [String; 2],
    pub(crate) machine: String,
    pub(crate) volume: String,
}

pub(crate) fn scene(test: &str) -> Option<Scene> {
    let home = landfall_testkit::requires::fly(test)?;
    let world = shop();
    let origin = with_origin(&world);
    let a = commit(&world);
    let changed = format!("{SCHEMA}CREATE VIEW names AS SELECT name FROM customers;\n");
    world.declare(&changed);
    let b = commit(&world);
    record(&world, &b);
    git(&world.path(""), &["push", "--quiet", "origin", "HEAD:refs/heads/main", REF]);
    let labels = |commit: &str| json!({"org.opencontainers.image.revision": commit});
    let sim = Sim::start(
        &home,
        &json!({
            "base": "fast",
            "images": {
                SEEDED: {"digest": NOW, "labels": labels(&b)},
                format!("{REPOSITORY}@{NOW}"): {"digest": NOW, "labels": labels(&b)},
                format!("{SEEDED}@{NOW}"): {"digest": NOW, "labels": labels(&b)},
                format!("{REPOSITORY}@{BEFORE}"): {"digest": BEFORE, "labels": labels(&a)},
            },
            "exec": [status(COPY, 10), status("--format", 12), inspect(&changed)],
        }),
    );
    let front = Front::start(&sim, Says::default());
    let world = connected(world, &sim).with_env("LANDFALL_URL", &front.url);
    let (machine, volume) = (sim.machines()[0].0.clone(), sim.volumes()[0].0.clone());
    Some(Scene { world, sim, front, origin, commits: [a, b], machine, volume })
}

/// What `landfall status` answers about a file.
pub(crate) fn status(file: &str, rows: u32) -> Value {
    let report = json!({
        "file": file, "bytes": 8192, "tables": [{"table": "customers", "rows": rows}], "schema": "0",
        "disk": {"free": 500_000_000, "total": 1_000_000_000},
        "copies": [{"file": COPY, "bytes": 8192, "time": "2026-08-03T10:00:00Z"}],
        "set_aside": [],
    });
    let document = json!({"command": "status", "exit": 0, "report": report, "error": null});
    json!({"match": format!("landfall status {file}"), "exit_code": 0, "stdout": document.to_string()})
}

impl Scene {
    /// The same with both releases written down, as deploys do.
    pub(crate) fn released(self) -> Self {
        let [a, b] = self.commits.clone();
        self.entry(&a, "served", BEFORE, "2026-08-01T10:00:00Z", &Value::Null);
        self.entry(&b, "served", NOW, "2026-08-03T10:05:00Z", &json!("vs_0123456789abcdef"));
        self.sim.merge(
            &format!("volume/{}", self.volume),
            &json!({"_snapshots": [{"id": "vs_0123456789abcdef", "status": "created", "created_at": "2026-08-03T10:00:00Z",
                "size": 1, "digest": "0", "volume_size": 1 << 30, "retention_days": 5}]}),
        );
        self
    }

    /// The same where nobody proved the second: its deploy has died.
    pub(crate) fn unproved(self) -> Self {
        let [a, b] = self.commits.clone();
        self.entry(&a, "served", BEFORE, "2026-08-01T10:00:00Z", &Value::Null);
        self.entry(&b, "shipping", NOW, "2026-08-03T10:05:00Z", &json!("vs_0123456789abcdef"));
        self
    }

    fn entry(&self, commit: &str, outcome: &str, digest: &str, time: &str, snapshot: &Value) {
        let entry = json!({
            "kind": "deploy", "outcome": outcome, "time": time, "who": "ada@example.com", "host": "laptop", "app": "simapp",
            "commit": commit, "from": null, "image": format!("{REPOSITORY}@{digest}"), "tag": SEEDED, "declared": "0123456789abcdef",
            "live": "0123456789abcdef", "machine": self.machine, "volume": self.volume, "snapshot": snapshot, "copy": null,
            "plan": null, "steps": [], "rows": [], "set_aside": [], "seconds": 1.0, "message": "",
        });
        let (root, tree) = (self.world.path(""), format!("{commit}^{{tree}}"));
        let message = format!("deploy\n\n{entry}");
        let mut args = vec!["commit-tree", &tree, "-m", &message];
        let parent = git(&root, &["for-each-ref", "--format=%(objectname)", AUDIT]);
        if !parent.is_empty() {
            args.extend(["-p", &parent]);
        }
        let made = git(&root, &args);
        git(&root, &["update-ref", AUDIT, &made]);
        git(&root, &["push", "--quiet", "origin", AUDIT]);
    }

    /// It must end with this code, and give the lock back.
    #[track_caller]
    fn rollback(&self, exit: i32, args: &[&str]) -> Said {
        let said = self.world.run(&[&["rollback"], args].concat());
        assert_eq!(said.exit, exit, "{said}");
        self.assert_free(&said);
        said
    }

    #[track_caller]
    fn assert_free(&self, said: &Said) {
        assert_eq!(git(self.origin.path(), &["for-each-ref", LOCK]), "", "{said}");
    }

    /// It starts and is interrupted as soon as Fly was asked for something like this.
    #[track_caller]
    fn interrupted(&self, exit: i32, args: &[&str], asked: &str) -> Said {
        self.interrupted_after(0, exit, args, asked)
    }

    /// The same, after so many earlier requests.
    #[track_caller]
    fn interrupted_after(&self, earlier: usize, exit: i32, args: &[&str], asked: &str) -> Said {
        let args = [&["rollback", "--auto-approve"], args].concat();
        let mut command = self.world.command(&args);
        let child = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        while !self.sim.writes()[earlier..].iter().any(|write| write.ends_with(asked)) {
            thread::sleep(Duration::from_millis(20));
        }
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let said = self.world.said(&args, &child.wait_with_output().unwrap());
        assert_eq!(said.exit, exit, "{said}");
        self.assert_free(&said);
        said
    }

    /// It starts, and Fly lists no machines any more once a line of stderr begins like this.
    #[track_caller]
    fn silent_from(&self, begin: &str, exit: i32, args: &[&str]) -> Said {
        let args = [&["rollback", "--auto-approve", "--wait-timeout", "6"], args].concat();
        let mut command = self.world.command(&args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = Vec::new();
        for line in BufReader::new(child.stderr.take().unwrap()).lines() {
            let line = line.unwrap();
            if line.trim_start().starts_with(begin) {
                let rule = json!({"method": "GET", "path": "/machines$", "status": 500, "body": {"error": "simulated"}});
                self.sim.faults(&json!([rule]));
            }
            stderr.extend(format!("{line}\n").bytes());
        }
        let output = child.wait_with_output().unwrap();
        let said = self.world.said(&args, &std::process::Output { stderr, ..output });
        assert_eq!(said.exit, exit, "{said}");
        self.assert_free(&said);
        said
    }

    /// The machines that are there: id, state, digest, what they are told about the schema, the volume.
    fn machines(&self) -> Vec<String> {
        let app = self.sim.app();
        let there =
            app["machines"].as_object().unwrap().values().filter(|machine| machine["state"] != "destroyed");
        let told = there.map(|machine| {
            let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
            let config = &machine["config"];
            let command = &config["init"]["cmd"];
            assert!(!command.to_string().contains("restore"), "it does not serve: {config}");
            assert_ne!(config["restart"]["policy"], "no", "it does not serve: {config}");
            let digest = text(&machine["image_ref"]["digest"]);
            let digest = if digest == BEFORE {
                "before"
            } else if digest == NOW {
                "now"
            } else {
                "another"
            };
            format!(
                "{} {} {digest} {} {}",
                text(&machine["id"]),
                text(&machine["state"]),
                text(&config["env"]["LANDFALL_SCHEMA"]),
                text(&config["mounts"][0]["volume"])
            )
        });
        told.map(|line| self.named(&line)).collect()
    }

    /// What was asked of Fly that changes a machine or a volume, in its order.
    fn writes(&self) -> String {
        let writes = self.sim.writes().into_iter().filter(|line| {
            line.contains("/v1/apps/") && !line.ends_with("/exec") && !line.ends_with("/lease")
        });
        self.named(&writes.collect::<Vec<_>>().join("\n"))
    }

    fn volumes(&self) -> Vec<String> {
        self.sim.volumes().into_iter().map(|(id, name)| self.named(&format!("{id} {name}"))).collect()
    }

    /// The commit that is recorded as deployed, here and at origin.
    fn deployed(&self) -> [String; 2] {
        [self.world.path(""), self.origin.path().to_owned()]
            .map(|root| self.named(&git(&root, &["rev-parse", REF])))
    }

    /// The newest entry of the audit at origin.
    fn newest(&self) -> Value {
        let message = git(self.origin.path(), &["log", "-1", "--format=%B", AUDIT]);
        serde_json::from_str(message.lines().find(|line| line.starts_with('{')).unwrap()).unwrap()
    }

    /// The same with names in the place of what differs from run to run.
    fn named(&self, text: &str) -> String {
        let [a, b] = &self.commits;
        let mut text = text.replace(&self.machine, "[OLD]").replace(&self.volume, "[VOLUME]");
        for (commit, name) in [(a, "[A]"), (b, "[B]")] {
            text = text.replace(commit, name).replace(&commit[..12], name);
        }
        text.replace(&self.front.url, "[URL]").replace(BEFORE, "[BEFORE]").replace(NOW, "[NOW]")
    }

    /// Nothing was changed, neither at Fly nor in what is written down.
    #[track_caller]
    fn assert_untouched(&self, said: &Said) {
        let writes: Vec<_> = self.sim.writes().into_iter().filter(|line| !line.ends_with("/exec")).collect();
        assert_eq!(writes, [] as [String; 0], "{said}");
        assert_eq!(self.deployed(), ["[B]", "[B]"], "{said}");
    }

    /// What ran before runs, on its own volume, and nothing else is there.
    #[track_caller]
    fn assert_back(&self, said: &Said) {
        let machines = self.machines();
        assert!(
            machines == ["[OLD] started now keep [VOLUME]"] || machines == ["[OLD] started now - [VOLUME]"],
            "{machines:?}: {said}"
        );
        assert_eq!(self.volumes(), ["[VOLUME] data"], "{said}");
        assert_eq!(self.deployed(), ["[B]", "[B]"], "{said}");
        assert_eq!(self.newest()["outcome"], "went-back", "{said}");
    }
}

/// The last words of what was said.
fn error(said: &Said) -> String {
    said.stderr[said.stderr.find("error: ").unwrap()..].to_owned()
}

macro_rules! assert_told {
    ($scene:expr, $said:expr, @$snapshot:literal) => {
        insta::with_settings!({ filters => vec![
            (r"\(?\b(under 1 ms|\d[\d.]* (ms|s|min)( \d+ s)?)\)", "([TIME])"),
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ(  ada)", "[DATE]$1"),
            (r"\b[0-9a-f]{14}\b", "[NEW]"),
            (r"\bvol_\w{16}\b", "[NEW VOLUME]"),
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z? .*simulated log line", "[LOG]"),
            (r"\n *Working .*", ""),
        ]}, { insta::assert_snapshot!($scene.named(&$said.to_string()).replace(&$scene.commits[1][..8], "[B]"), @$snapshot) });
    };
}

#[test]
fn releases_are_listed_with_what_tells_them_apart() {
    let Some(scene) = scene("releases_are_listed_with_what_tells_them_apart") else { return };
    let scene = scene.released();
    let said = scene.rollback(0, &["--list"]);
    assert_told!(scene, said, @"
    $ cargo xtask rollback --list
    --- exit code 0
    --- stdout
    Releases of simapp
      no  time                  who              commit        declared      live          what
       2  [DATE]  ada@example.com  [B]  0123456789ab  0123456789ab  deploy, runs now
       1  [DATE]  ada@example.com  [A]  0123456789ab  0123456789ab  deploy
    --- stderr
    ");
    scene.assert_untouched(&said);
    let said = scene.rollback(0, &["--list", "--format", "json"]);
    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    let releases = document["report"]["releases"].as_array().unwrap();
    let told: Vec<_> =
        releases.iter().map(|release| (&release["number"], &release["kind"], &release["runs"])).collect();
    assert_eq!(
        told,
        [(&json!(2), &json!("deploy"), &json!(true)), (&json!(1), &json!("deploy"), &json!(false))]
    );
}

#[test]
fn without_a_release_there_is_nothing_to_go_back_to() {
    let Some(scene) = scene("without_a_release_there_is_nothing_to_go_back_to") else { return };
    let said = scene.rollback(0, &["--list"]);
    assert_told!(scene, said, @"
    $ cargo xtask rollback --list
    --- exit code 0
    --- stdout
    no release of simapp is written down yet
    --- stderr
    note: what simapp runs now, registry.example/simapp@[NOW], is none of these: no record of it is here or at origin
    in the clone that shipped it: git push origin refs/landfall/audit/simapp
    ");
    let said = scene.rollback(1, &["--auto-approve"]);
    assert_told!(scene, said, @"
    $ cargo xtask rollback --auto-approve
    --- exit code 1
    --- stdout
    --- stderr
    error: there is no release of simapp to go back to; nothing was changed
    see which there are: cargo xtask rollback --list; or mend what runs, and deploy it
    ");
    scene.assert_untouched(&said);
}

#[test]
fn a_release_that_is_none_or_that_runs_already_is_told() {
    let Some(scene) = scene("a_release_that_is_none_or_that_runs_already_is_told") else { return };
    let scene = scene.released();
    let said = scene.rollback(2, &["77777777", "--auto-approve"]);
    assert_told!(scene, said, @"
    $ cargo xtask rollback 77777777 --auto-approve
    --- exit code 2
    --- stdout
    --- stderr
    error: simapp has no release 77777777; nothing was changed
    Releases of simapp
      no  time                  who              commit        declared      live          what
       2  [DATE]  ada@example.com  [B]  0123456789ab  0123456789ab  deploy, runs now
       1  [DATE]  ada@example.com  [A]  0123456789ab  0123456789ab  deploy
    take one of these, by its number or the beginning of its commit
    ");
    let said = scene.rollback(1, &["2", "--auto-approve"]);
    assert_told!(scene, said, @"
    $ cargo xtask rollback 2 --auto-approve
    --- exit code 1
    --- stdout
    --- stderr
    error: release 2 is what production runs now; nothing was changed
    take another one: cargo xtask rollback --list; or bring its data back: --data copy
    ");
    scene.assert_untouched(&said);
}

#[test]
fn nobody_to_ask_is_told_before_anything_else() {
    let Some(scene) = scene("nobody_to_ask_is_told_before_anything_else") else { return };
    let said = scene.rollback(2, &[]);
    assert_told!(scene, said, @"
    $ cargo xtask rollback
    --- exit code 2
    --- stdout
    --- stderr
    error: there is no terminal to ask on whether this may be rolled back; nothing was changed
    add --auto-approve to roll back without the question, or --dry-run to see what would be done
    ");
    scene.assert_untouched(&said);
}

#[test]
fn a_dry_run_tells_every_step_and_changes_nothing() {
    let Some(scene) = scene("a_dry_run_tells_every_step_and_changes_nothing") else { return };
    let scene = scene.released();
    let said = scene.rollback(0, &["--dry-run", "--data", "copy"]);
    assert_told!(scene, said, @"
    $ cargo xtask rollback --dry-run --data copy
    --- exit code 0
    --- stdout
    What is lost
      Everything that was written after 2026-08-03T10:00:00Z, when /data/db.before-20260803T100000Z-0123456789ab was made.
      The database as it is now is set aside beside it, and never removed.
      table          rows now   in the copy
      customers            12            10  2 fewer

    What a rollback does
      Release    1: [A], by ada@example.com on 2026-08-01T10:00:00Z
      Stop       fly machine stop [OLD] -a simapp
      Restore    fly machine update [OLD] --command 'landfall restore /data/db.before-20260803T100000Z-0123456789ab' -a simapp, and start it
      Ship       fly deploy --image registry.example/simapp@[BEFORE] --ha=false --strategy rolling --wait-timeout 300s --env LANDFALL_SCHEMA=keep -a simapp
      Verify     fly machine list, [URL]/healthz, [URL]/version, landfall status
      Record     git push origin COMMIT:refs/landfall/deployed/simapp, and refs/landfall/audit/simapp
      or Back    fly deploy --image registry.example/simapp@[NOW] --ha=false --strategy rolling --wait-timeout 300s --env LANDFALL_SCHEMA=keep -a simapp
    --- stderr
       Preflight release 1, [A], machine [OLD] with volume [VOLUME] ([TIME])
           Check [A] gets the data that it had ([TIME])
         Planned the rollback to [A]; nothing was changed
    ");
    let said = scene.rollback(0, &["1", "--dry-run", "--data", "snapshot"]);
    assert_told!(scene, said, @"
    $ cargo xtask rollback 1 --dry-run --data snapshot
    --- exit code 0
    --- stdout
    What is lost
      Everything that was written after 2026-08-03T10:00:00Z, when snapshot vs_0123456789abcdef was taken; how many rows it has is seen when it serves.
      Volume [VOLUME] with the database as it is now is set aside, and never removed.
      customers has 12 rows now

    What a rollback does
      Release    1: [A], by ada@example.com on 2026-08-01T10:00:00Z
      Stop       fly machine stop [OLD] -a simapp
      Ship       fly deploy --image registry.example/simapp@[BEFORE] --ha=false --strategy rolling --wait-timeout 300s --env LANDFALL_SCHEMA=keep -a simapp
      Volume     fly volumes create data --snapshot-id vs_0123456789abcdef -a simapp
      Machine    fly machine clone [OLD] --attach-volume VOLUME:/data -a simapp
      Verify     fly machine list, [URL]/healthz, [URL]/version, landfall status
      Set aside  fly machine destroy [OLD] --force -a simapp; volume [VOLUME] stays
      Record     git push origin COMMIT:refs/landfall/deployed/simapp, and refs/landfall/audit/simapp
      or Back    fly deploy --image registry.example/simapp@[NOW] --ha=false --strategy rolling --wait-timeout 300s --env LANDFALL_SCHEMA=keep -a simapp
    --- stderr
       Preflight release 1, [A], machine [OLD] with volume [VOLUME] ([TIME])
           Check [A] gets the data that it had ([TIME])
         Planned the rollback to [A]; nothing was changed
    ");
    scene.assert_untouched(&said);
}

#[test]
fn a_release_that_fits_serves_again() {
    let Some(scene) = scene("a_release_that_fits_serves_again") else { return };
    let scene = scene.released();
    let said = scene.rollback(0, &["--auto-approve"]);
    assert_told!(scene, said, @"
    $ cargo xtask rollback --auto-approve
    --- exit code 0
    --- stdout
    What a rollback does
      Release    1: [A], by ada@example.com on 2026-08-01T10:00:00Z
      Data       stays as it is, with its schema
      Ship       fly deploy --image registry.example/simapp@[BEFORE] --ha=false --strategy rolling --wait-timeout 300s --env LANDFALL_SCHEMA=keep -a simapp
      Verify     fly machine list, [URL]/healthz, [URL]/version, landfall status
      Record     git push origin COMMIT:refs/landfall/deployed/simapp, and refs/landfall/audit/simapp
      or Back    fly deploy --image registry.example/simapp@[NOW] --ha=false --strategy rolling --wait-timeout 300s --env LANDFALL_SCHEMA=keep -a simapp
    --- stderr
       Preflight release 1, [A], machine [OLD] with volume [VOLUME] ([TIME])
            Lock of simapp is held ([TIME])
           Check [A] fits the schema that production has ([TIME])
        Shipping [A] to machine [OLD]
            Ship machine [OLD]: updated ([TIME])
          Verify machine [OLD] serves [A], 12 rows ([TIME])
          Record refs/landfall/deployed/simapp is [A], here and at origin ([TIME])
     Rolled back simapp to [A]: [URL]
    ");
    assert_eq!(scene.machines(), ["[OLD] started before keep [VOLUME]"]);
    assert_eq!(scene.deployed(), ["[A]", "[A]"]);
    let entry = scene.newest();
    assert_eq!((&entry["kind"], &entry["outcome"]), (&json!("rollback"), &json!("served")));
    // And forward again, by its commit.
    let said = scene.rollback(0, &[&scene.commits[1][..8], "--auto-approve", "--format", "json"]);
    assert_eq!(scene.machines(), ["[OLD] started now keep [VOLUME]"], "{said}");
    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    let report = &document["report"];
    assert_eq!((&report["from"], &report["serves"]), (&json!(scene.commits[0]), &json!(scene.commits[1])));
    let phases: Vec<_> =
        report["phases"].as_array().unwrap().iter().map(|phase| phase["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["Preflight", "Lock", "Check", "Ship", "Verify", "Record"]);
    let said = scene.rollback(0, &["--list"]);
    assert_told!(scene, said, @"
    $ cargo xtask rollback --list
    --- exit code 0
    --- stdout
    Releases of simapp
      no  time                  who              commit        declared      live          what
       6  [DATE]  ada@example.com  [B]  0123456789ab  -             rollback, runs now
       4  [DATE]  ada@example.com  [A]  0123456789ab  -             rollback
       2  [DATE]  ada@example.com  [B]  0123456789ab  0123456789ab  deploy
       1  [DATE]  ada@example.com  [A]  0123456789ab  0123456789ab  deploy
    --- stderr
    ");
}

#[test]
fn a_release_that_does_not_fit_the_live_schema_is_refused() {
    let Some(scene) = scene("a_release_that_does_not_fit_the_live_schema_is_refused") else { return };
    let scene = scene.released();
    scene.sim.configure(&json!({"exec": [status("--format", 12), inspect(OTHER)]}));
    let said = scene.rollback(3, &["--auto-approve"]);
    assert_told!(scene, said, @"
    $ cargo xtask rollback --auto-approve
    --- exit code 3
    --- stdout
    --- stderr
       Preflight release 1, [A], machine [OLD] with volume [VOLUME] ([TIME])
            Lock of simapp is held ([TIME])
    error: [A] does not fit the schema that production has; nothing was changed
      column customers.email is missing
      trigger touched is missing
    bring its data back with it: cargo xtask rollback 1 --data copy, or: cargo xtask rollback 1 --data snapshot; what is lost is told first
    ");
    scene.assert_untouched(&said);
}

#[test]
fn a_machine_that_has_stopped_is_woken_by_the_release_that_comes_back() {
    let Some(scene) = scene("a_machine_that_has_stopped_is_woken_by_the_release_that_comes_back") else {
        return;
    };
    let scene = scene.released();
    scene.sim.merge(&format!("machine/{}", scene.machine), &json!({"state": "stopped"}));
    scene.sim.configure(&json!({"behavior": {"oneshot": {"after": 5}}}));
    let said = scene.rollback(0, &["--auto-approve"]);
    assert!(said.stderr.contains(" fits the schema that production has"), "{said}");
    assert_eq!(scene.machines(), ["[OLD] started before keep [VOLUME]"]);
    assert_eq!(scene.deployed(), ["[A]", "[A]"]);
}

#[test]
fn a_release_that_is_not_well_gives_way_to_what_ran_before() {
    let Some(scene) = scene("a_release_that_is_not_well_gives_way_to_what_ran_before") else { return };
    let scene = scene.released();
    scene.front.says(Says { commit: Some(scene.commits[1].clone()), ..Says::default() });
    let said = scene.rollback(5, &["--auto-approve"]);
    assert_told!(scene, said, @"
    $ cargo xtask rollback --auto-approve
    --- exit code 5
    --- stdout
    What a rollback does
      Release    1: [A], by ada@example.com on 2026-08-01T10:00:00Z
      Data       stays as it is, with its schema
      Ship       fly deploy --image registry.example/simapp@[BEFORE] --ha=false --strategy rolling --wait-timeout 300s --env LANDFALL_SCHEMA=keep -a simapp
      Verify     fly machine list, [URL]/healthz, [URL]/version, landfall status
      Record     git push origin COMMIT:refs/landfall/deployed/simapp, and refs/landfall/audit/simapp
      or Back    fly deploy --image registry.example/simapp@[NOW] --ha=false --strategy rolling --wait-timeout 300s --env LANDFALL_SCHEMA=keep -a simapp
    --- stderr
       Preflight release 1, [A], machine [OLD] with volume [VOLUME] ([TIME])
            Lock of simapp is held ([TIME])
           Check [A] fits the schema that production has ([TIME])
        Shipping [A] to machine [OLD]
            Ship machine [OLD]: updated ([TIME])
      Going back to [B] on machine [OLD]; this is not interrupted
            Back production serves [B] again, on the data as it is now ([TIME])
    error: the rollback to [A] failed: /version tells of commit [B], and [A] was shipped
      | [LOG]
    production serves [B] again, on the data as it is now
    take another release: cargo xtask rollback --list; or mend what runs, and deploy it
    ");
    scene.assert_back(&said);
}

#[test]
fn an_interrupt_in_the_middle_brings_back_what_ran_before() {
    let Some(scene) = scene("an_interrupt_in_the_middle_brings_back_what_ran_before") else { return };
    let scene = scene.released();
    scene.sim.configure(&json!({"behavior": {"start_delay": 2}}));
    let said = scene.interrupted(5, &[], &format!("machines/{}", scene.machine));
    assert_told!(scene, error(&said), @"
    error: the rollback to [A] failed: it was interrupted
    production serves [B] again, on the data as it is now
    take another release: cargo xtask rollback --list; or mend what runs, and deploy it
    ");
    scene.assert_back(&said);
}

#[test]
fn an_interrupt_before_changes_nothing() {
    let Some(scene) = scene("an_interrupt_before_changes_nothing") else { return };
    let scene = scene.released();
    scene.sim.faults(&json!([{"method": "POST", "path": "/exec$", "delay": 2}]));
    let said = scene.interrupted(1, &["--data", "copy"], "/exec");
    scene.assert_untouched(&said);
}

#[test]
fn the_copy_of_before_comes_back_with_its_release() {
    let Some(scene) = scene("the_copy_of_before_comes_back_with_its_release") else { return };
    let scene = scene.released();
    let said = scene.rollback(0, &["--data", "copy", "--auto-approve"]);
    assert_told!(scene, said, @"
    $ cargo xtask rollback --data copy --auto-approve
    --- exit code 0
    --- stdout
    What is lost
      Everything that was written after 2026-08-03T10:00:00Z, when /data/db.before-20260803T100000Z-0123456789ab was made.
      The database as it is now is set aside beside it, and never removed.
      table          rows now   in the copy
      customers            12            10  2 fewer

    What a rollback does
      Release    1: [A], by ada@example.com on 2026-08-01T10:00:00Z
      Stop       fly machine stop [OLD] -a simapp
      Restore    fly machine update [OLD] --command 'landfall restore /data/db.before-20260803T100000Z-0123456789ab' -a simapp, and start it
      Ship       fly deploy --image registry.example/simapp@[BEFORE] --ha=false --strategy rolling --wait-timeout 300s --env LANDFALL_SCHEMA=keep -a simapp
      Verify     fly machine list, [URL]/healthz, [URL]/version, landfall status
      Record     git push origin COMMIT:refs/landfall/deployed/simapp, and refs/landfall/audit/simapp
      or Back    fly deploy --image registry.example/simapp@[NOW] --ha=false --strategy rolling --wait-timeout 300s --env LANDFALL_SCHEMA=keep -a simapp
    --- stderr
       Preflight release 1, [A], machine [OLD] with volume [VOLUME] ([TIME])
            Lock of simapp is held ([TIME])
           Check [A] gets the data that it had ([TIME])
       Restoring /data/db.before-20260803T100000Z-0123456789ab of 2026-08-03T10:00:00Z on machine [OLD], which stops for it
         Restore /data/db.before-20260803T100000Z-0123456789ab is the database; what it was is set aside ([TIME])
        Shipping [A] to machine [OLD]; this is not interrupted
          Verify machine [OLD] serves [A], 12 rows ([TIME])
          Record refs/landfall/deployed/simapp is [A], here and at origin ([TIME])
     Rolled back simapp to [A]: [URL]
    ");
    assert_eq!(scene.machines(), ["[OLD] started before keep [VOLUME]"]);
    assert_eq!(scene.volumes(), ["[VOLUME] data"]);
    assert_eq!(scene.deployed(), ["[A]", "[A]"]);
    assert_eq!(scene.newest()["kind"], "data-back");
    insta::assert_snapshot!(scene.writes(), @"
    POST /v1/apps/simapp/machines/[OLD]/stop
    POST /v1/apps/simapp/machines/[OLD]
    POST /v1/apps/simapp/machines/[OLD]/start
    POST /v1/apps/simapp/machines/[OLD]
    POST /v1/apps/simapp/machines/[OLD]/start
    ");
}

/// A fault of Fly at one step, once.
fn fault(method: &str, path: &str) -> Value {
    json!([{"method": method, "path": path, "times": 1, "status": 500, "body": {"error": "simulated"}}])
}

#[test]
fn a_copy_that_cannot_be_put_back_leaves_what_ran_before() {
    let Some(scene) = scene("a_copy_that_cannot_be_put_back_leaves_what_ran_before") else { return };
    let scene = scene.released();
    let copy = ["--data", "copy", "--auto-approve"];

    scene.sim.faults(&fault("POST", "/stop$"));
    let said = scene.rollback(5, &copy);
    assert_told!(scene, error(&said), @"
    error: the rollback to [A] failed: /data/db.before-20260803T100000Z-0123456789ab was not put back: `fly machine stop` failed: could not stop machine [OLD]: failed to stop VM [OLD]: simulated
    machine [OLD] was not changed: production goes on with [B]
    take another release: cargo xtask rollback --list; or mend what runs, and deploy it
    ");
    scene.assert_back(&said);

    scene.sim.faults(&fault("POST", "/machines/[0-9a-f]+$"));
    let said = scene.rollback(5, &copy);
    assert_told!(scene, error(&said), @"
    error: the rollback to [A] failed: /data/db.before-20260803T100000Z-0123456789ab was not put back: `fly machine update` failed: could not update machine [OLD]: failed to update VM [OLD]: simulated
    machine [OLD] was not changed: production goes on with [B]
    take another release: cargo xtask rollback --list; or mend what runs, and deploy it
    ");
    scene.assert_back(&said);

    scene.sim.faults(&fault("POST", "/start$"));
    let said = scene.rollback(5, &copy);
    assert_told!(scene, error(&said), @"
    error: the rollback to [A] failed: /data/db.before-20260803T100000Z-0123456789ab was not put back: `fly machine start` failed: could not start machine [OLD]: failed to start VM [OLD]: simulated
    production serves [B] again, on the data as it is now
    take another release: cargo xtask rollback --list; or mend what runs, and deploy it
    ");
    scene.assert_back(&said);

    scene.sim.faults(&json!([]));
    scene.sim.configure(&json!({"behavior": {"oneshot": {"exit_code": 1}}}));
    let said = scene.rollback(5, &copy);
    assert_told!(scene, error(&said), @"
    error: the rollback to [A] failed: /data/db.before-20260803T100000Z-0123456789ab was not put back: `landfall restore` ended with exit code 1
      | [LOG]
    production serves [B] again, on the data as it is now
    take another release: cargo xtask rollback --list; or mend what runs, and deploy it
    ");
    scene.assert_back(&said);
}

#[test]
fn an_interrupt_counts_until_the_copy_is_under_way() {
    let Some(scene) = scene("an_interrupt_counts_until_the_copy_is_under_way") else { return };
    let scene = scene.released();
    let said = scene.interrupted(5, &["--data", "copy"], "/stop");
    scene.assert_back(&said);
    scene.sim.configure(&json!({"behavior": {"oneshot": {"after": 3}}}));
    let (count, all) = (scene.sim.writes().len(), &["--data", "copy"]);
    let said = scene.interrupted_after(count, 0, all, "/start");
    assert_eq!(scene.machines(), ["[OLD] started before keep [VOLUME]"], "{said}");
    assert_eq!(scene.deployed(), ["[A]", "[A]"], "{said}");
}

#[test]
fn a_release_that_is_not_well_on_its_copy_needs_a_person() {
    let Some(scene) = scene("a_release_that_is_not_well_on_its_copy_needs_a_person") else { return };
    let scene = scene.released();
    scene.front.says(Says { good: Some(0), ..Says::default() });
    let said = scene.rollback(6, &["--data", "copy", "--auto-approve", "--wait-timeout", "5"]);
    assert_told!(scene, error(&said), @"
    error: the rollback to [A] failed: [URL]/healthz gives no good answer
      | [LOG]
    production does not serve: its database is now what /data/db.before-20260803T100000Z-0123456789ab is, what it was is set aside beside it, and [A] is not well on it
    see what there is: cargo xtask status; then bring a release onto this data: cargo xtask rollback; what was set aside is listed by `landfall status` on the machine, and put back by `landfall restore`
    ");
    assert_eq!(scene.machines(), ["[OLD] started before keep [VOLUME]"]);
    assert_eq!(scene.deployed(), ["[B]", "[B]"]);
    assert_eq!(scene.newest()["outcome"], "stranded");
}

#[test]
fn a_copy_comes_back_on_a_machine_that_does_not_run_and_is_never_started_before() {
    let Some(scene) = scene("a_copy_comes_back_on_a_machine_that_does_not_run_and_is_never_started_before")
    else {
        return;
    };
    let scene = scene.released();
    scene.sim.merge(&format!("machine/{}", scene.machine), &json!({"state": "stopped"}));
    scene.sim.configure(&json!({"behavior": {"oneshot": {"after": 5}}}));
    let said = scene.rollback(0, &["--data", "copy", "--auto-approve"]);
    assert!(said.stderr.contains("Reading a fork of volume "), "{said}");
    assert!(said.stdout.contains("customers            12            10  2 fewer"), "{said}");
    assert_eq!(scene.machines(), ["[OLD] started before keep [VOLUME]"], "{said}");
    assert_eq!(scene.volumes(), ["[VOLUME] data"], "{said}");
    let update = format!("POST /v1/apps/simapp/machines/{}", scene.machine);
    let writes = scene.sim.writes();
    let first = |write: &str| writes.iter().position(|known| *known == write);
    assert!(first(&format!("{update}/start")) > first(&update), "it starts only to restore: {writes:?}");
}

#[test]
fn without_a_copy_or_a_snapshot_nothing_is_changed() {
    let Some(scene) = scene("without_a_copy_or_a_snapshot_nothing_is_changed") else {
        return;
    };
    let scene = scene.released();
    let said = scene.rollback(1, &["2", "--data", "copy", "--auto-approve"]);
    assert_told!(scene, error(&said), @"
    error: beside the database is no copy that was made after release 2; nothing was changed
    bring the snapshot back: cargo xtask rollback 2 --data snapshot
    ");
    let said = scene.rollback(1, &["2", "--data", "snapshot", "--auto-approve"]);
    assert_told!(scene, error(&said), @"
    error: no deploy after release 2 took a snapshot; nothing was changed
    bring its copy back: cargo xtask rollback 2 --data copy
    ");
    scene.sim.merge(&format!("volume/{}", scene.volume), &json!({"_snapshots": []}));
    let said = scene.rollback(1, &["--data", "snapshot", "--auto-approve"]);
    assert_told!(scene, error(&said), @"
    error: snapshot vs_0123456789abcdef of volume [VOLUME] is not there any more; nothing was changed
    see which there are: fly volumes snapshots list [VOLUME]
    ");
    scene.assert_untouched(&said);
}

#[test]
fn the_snapshot_of_before_comes_back_on_a_volume_and_a_machine_of_its_own() {
    let Some(scene) = scene("the_snapshot_of_before_comes_back_on_a_volume_and_a_machine_of_its_own") else {
        return;
    };
    let scene = scene.released();
    let said = scene.rollback(0, &["--data", "snapshot", "--auto-approve"]);
    assert_told!(scene, said, @"
    $ cargo xtask rollback --data snapshot --auto-approve
    --- exit code 0
    --- stdout
    What is lost
      Everything that was written after 2026-08-03T10:00:00Z, when snapshot vs_0123456789abcdef was taken; how many rows it has is seen when it serves.
      Volume [VOLUME] with the database as it is now is set aside, and never removed.
      customers has 12 rows now

    What a rollback does
      Release    1: [A], by ada@example.com on 2026-08-01T10:00:00Z
      Stop       fly machine stop [OLD] -a simapp
      Ship       fly deploy --image registry.example/simapp@[BEFORE] --ha=false --strategy rolling --wait-timeout 300s --env LANDFALL_SCHEMA=keep -a simapp
      Volume     fly volumes create data --snapshot-id vs_0123456789abcdef -a simapp
      Machine    fly machine clone [OLD] --attach-volume VOLUME:/data -a simapp
      Verify     fly machine list, [URL]/healthz, [URL]/version, landfall status
      Set aside  fly machine destroy [OLD] --force -a simapp; volume [VOLUME] stays
      Record     git push origin COMMIT:refs/landfall/deployed/simapp, and refs/landfall/audit/simapp
      or Back    fly deploy --image registry.example/simapp@[NOW] --ha=false --strategy rolling --wait-timeout 300s --env LANDFALL_SCHEMA=keep -a simapp
    --- stderr
       Preflight release 1, [A], machine [OLD] with volume [VOLUME] ([TIME])
            Lock of simapp is held ([TIME])
           Check [A] gets the data that it had ([TIME])
        Stopping machine [OLD]
            Ship machine [OLD] is stopped, and has [A] ([TIME])
          Volume [NEW VOLUME] of snapshot vs_0123456789abcdef ([TIME])
         Machine [NEW] with volume [NEW VOLUME] ([TIME])
          Verify machine [NEW] serves [A], 12 rows ([TIME])
       Set aside machine [OLD] is gone; volume [VOLUME] stays, with its data ([TIME])
          Record refs/landfall/deployed/simapp is [A], here and at origin ([TIME])
     Rolled back simapp to [A]: [URL]
    note: volume [VOLUME] has what was written since; to see what it holds: cargo xtask status --volume [VOLUME]
    ");
    assert_told!(scene, scene.machines().join("\n"), @"[NEW] started before keep [NEW VOLUME]");
    assert_told!(scene, scene.volumes().join("\n"), @"
    [VOLUME] data
    [NEW VOLUME] data
    ");
    assert_told!(scene, scene.writes(), @"
    POST /v1/apps/simapp/machines/[OLD]/stop
    POST /v1/apps/simapp/machines/[OLD]
    POST /v1/apps/simapp/volumes
    POST /v1/apps/simapp/machines
    PUT /v1/apps/simapp/volumes/[VOLUME]
    DELETE /v1/apps/simapp/machines/[OLD]
    ");
    assert_eq!(scene.deployed(), ["[A]", "[A]"]);
    let entry = scene.newest();
    assert_eq!((&entry["kind"], &entry["set_aside"]), (&json!("data-back"), &json!([scene.volume])));
    let marked = &scene.sim.app()["volumes"][&scene.volume];
    assert_eq!((&marked["snapshot_retention"], &marked["auto_backup_enabled"]), (&json!(59), &json!(false)));
    // The volume that was set aside is in nobody's way.
    let said = scene.rollback(0, &["--auto-approve"]);
    assert_told!(scene, scene.machines().join("\n"), @"[NEW] started now keep [NEW VOLUME]");
    assert!(said.stderr.contains("Rolled back"), "{said}");
}

#[test]
fn what_origin_refuses_is_told_ref_by_ref_and_what_is_set_aside_is_known_in_every_clone() {
    let Some(scene) =
        scene("what_origin_refuses_is_told_ref_by_ref_and_what_is_set_aside_is_known_in_every_clone")
    else {
        return;
    };
    let scene = scene.released();
    refuse(&scene, "refs/landfall/audit/");
    let said = scene.rollback(0, &["--data", "snapshot", "--auto-approve"]);
    let told = &said.stderr[said.stderr.find("note: refs/").unwrap()..];
    assert_told!(scene, told, @"
    note: refs/landfall/audit/simapp was written down here, and origin has not got it: hook declined: Only robots write here
    no other clone sees it until: git push origin refs/landfall/audit/simapp
          Record refs/landfall/deployed/simapp is [A], here and at origin; refs/landfall/audit/simapp, here alone ([TIME])
     Rolled back simapp to [A]: [URL]
    note: volume [VOLUME] has what was written since; to see what it holds: cargo xtask status --volume [VOLUME]
    ");
    assert_eq!(scene.deployed(), ["[A]", "[A]"]);

    // Another clone, which origin tells of neither the release nor what it set aside.
    let root = scene.world.path("");
    git(&root, &["update-ref", "refs/landfall/hidden", AUDIT]);
    git(&root, &["update-ref", AUDIT, &git(scene.origin.path(), &["rev-parse", AUDIT])]);
    let said = scene.rollback(0, &["--list"]);
    assert_told!(scene, said, @"
    $ cargo xtask rollback --list
    --- exit code 0
    --- stdout
    Releases of simapp
      no  time                  who              commit        declared      live          what
       2  [DATE]  ada@example.com  [B]  0123456789ab  0123456789ab  deploy
       1  [DATE]  ada@example.com  [A]  0123456789ab  0123456789ab  deploy, runs now

    Set aside, with the data that was replaced
      volume [VOLUME], 1 GB in iad; see what it holds: cargo xtask status --volume [VOLUME]
    --- stderr
    ");
    let status = scene.world.run(&["status"]);
    assert_told!(scene, crate::shop::line(&status, "set aside"), @"
    ok        set aside        1 thing, from data that was brought back; a person decides what may go
    volume [VOLUME], 1 GB; see what it holds: cargo xtask status --volume [VOLUME]
    ");
    assert_told!(scene, crate::shop::line(&status, "place"), @"ok        place            one machine with one volume, as fly.toml says");
    assert!(!status.to_string().contains("volumes destroy"), "{status}");
    scene.sim.configure(&json!({"behavior": {"oneshot": {"after": 5}}}));
    let said = scene.world.run(&["status", "--volume", &scene.volume]);
    assert_told!(scene, said, @"
    $ cargo xtask status --volume [VOLUME]
    --- exit code 0
    --- stdout
    Volume [VOLUME], 1 GB in iad: no machine has it, set aside by a rollback
      database  --format, 8.2 kB, 12 rows
      rows      customers 12
      copy      /data/db.before-20260803T100000Z-0123456789ab of 2026-08-03T10:00:00Z, 8.2 kB
      snapshot  2026-08-03T10:00:00Z
    where nobody needs any of it: fly volumes destroy [VOLUME] -a simapp
    --- stderr
         Reading a fork of volume [VOLUME], on a machine without the service
    ");
    assert_eq!((scene.machines().len(), scene.volumes().len()), (1, 2), "the look leaves nothing");

    // What it says to type.
    git(&root, &["update-ref", AUDIT, "refs/landfall/hidden"]);
    refuse(&scene, "refs/nothing/");
    git(&root, &["push", "--quiet", "origin", AUDIT]);
    assert_eq!(scene.newest()["set_aside"], json!([scene.volume]));
}

/// From now on origin takes nothing below this.
fn refuse(scene: &Scene, refs: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let hook = scene.origin.path().join("hooks/update");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    let script =
        format!("#!/bin/sh\ncase $1 in {refs}*) echo 'Only robots write here.' >&2; exit 1 ;; esac\n");
    std::fs::write(&hook, script).unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_snapshot_comes_back_in_the_place_of_a_machine_that_has_stopped() {
    let Some(scene) = scene("the_snapshot_comes_back_in_the_place_of_a_machine_that_has_stopped") else {
        return;
    };
    let scene = scene.released();
    scene.sim.merge(&format!("machine/{}", scene.machine), &json!({"state": "stopped"}));
    scene.sim.configure(&json!({"behavior": {"oneshot": {"after": 5}}}));
    let said = scene.rollback(0, &["--data", "snapshot", "--auto-approve"]);
    assert!(said.stdout.contains("customers has 12 rows now"), "{said}");
    assert_told!(scene, scene.machines().join("\n"), @"[NEW] started before keep [NEW VOLUME]");
    assert_eq!(scene.newest()["set_aside"], json!([scene.volume]));
}

#[test]
fn a_snapshot_that_cannot_be_put_back_leaves_what_ran_before() {
    let Some(scene) = scene("a_snapshot_that_cannot_be_put_back_leaves_what_ran_before") else { return };
    let scene = scene.released();
    let snapshot = ["--data", "snapshot", "--auto-approve", "--wait-timeout", "5"];

    scene.sim.faults(&fault("POST", "/stop$"));
    let said = scene.rollback(5, &snapshot);
    assert_told!(scene, error(&said), @"
    error: the rollback to [A] failed: `fly machine stop` failed: could not stop machine [OLD]: failed to stop VM [OLD]: simulated
    machine [OLD] was not changed: production goes on with [B]
    take another release: cargo xtask rollback --list; or mend what runs, and deploy it
    ");
    scene.assert_back(&said);

    scene.sim.faults(&fault("POST", "/machines/[0-9a-f]+$"));
    let said = scene.rollback(5, &snapshot);
    assert_told!(scene, error(&said), @"
    error: the rollback to [A] failed: `fly deploy` failed: failed to update VM [OLD]: simulated
    machine [OLD] was not changed: production goes on with [B]
    take another release: cargo xtask rollback --list; or mend what runs, and deploy it
    ");
    scene.assert_back(&said);

    scene.sim.faults(&fault("POST", "/volumes$"));
    let said = scene.rollback(5, &snapshot);
    assert_told!(scene, error(&said), @"
    error: the rollback to [A] failed: `fly volumes create` failed: failed to create volume: simulated
    production serves [B] again, on the data as it is now
    take another release: cargo xtask rollback --list; or mend what runs, and deploy it
    ");
    scene.assert_back(&said);

    scene.sim.faults(&fault("POST", "/machines$"));
    let said = scene.rollback(5, &snapshot);
    assert_told!(scene, error(&said), @"
    error: the rollback to [A] failed: `fly machine clone` failed: failed to launch VM: simulated
    production serves [B] again, on the data as it is now
    take another release: cargo xtask rollback --list; or mend what runs, and deploy it
    ");
    scene.assert_back(&said);

    scene.sim.faults(&json!([]));
    scene.front.says(Says { good: Some(0), ..Says::default() });
    let said = scene.rollback(5, &snapshot);
    assert_told!(scene, error(&said), @"
    error: the rollback to [A] failed: [URL]/healthz gives no good answer
      | [LOG]
    production serves [B] again, on the data as it is now
    take another release: cargo xtask rollback --list; or mend what runs, and deploy it
    ");
    scene.assert_back(&said);
}

/// From now on its machine cannot be reached; its configuration.
pub(crate) fn host_gone(scene: &Scene) -> Value {
    let config = scene.sim.app()["machines"][&scene.machine]["config"].clone();
    let gone = json!({"host_status": "unreachable", "config": null, "incomplete_config": config});
    scene.sim.merge(&format!("machine/{}", scene.machine), &gone);
    config
}

#[test]
fn a_machine_whose_host_is_gone_comes_back_elsewhere_from_the_newest_snapshot() {
    let Some(scene) = scene("a_machine_whose_host_is_gone_comes_back_elsewhere_from_the_newest_snapshot")
    else {
        return;
    };
    let scene = scene.released();
    let said = scene.rollback(1, &["--data", "newest", "--auto-approve"]);
    assert_told!(scene, error(&said), @"
    error: the host of machine [OLD] answers; nothing was changed
    bring a snapshot back there: cargo xtask rollback --data snapshot
    ");
    // Values that are written otherwise where they are shown.
    let mut odd = scene.sim.app()["machines"][&scene.machine]["config"].clone();
    odd["env"]["LISTEN"] = json!("::");
    odd["env"]["BANNER"] = json!("a\u{200b}b \u{1b}[1m##[x");
    scene.sim.merge(&format!("machine/{}", scene.machine), &json!({ "config": odd }));
    let config = host_gone(&scene);
    for args in [vec!["status"], vec!["deploy", "--auto-approve", "--allow-dirty"]] {
        let said = scene.world.run(&args);
        assert!(said.to_string().contains("cargo xtask rollback --data newest"), "{said}");
    }
    let said = scene.rollback(0, &["--data", "newest", "--dry-run"]);
    scene.assert_untouched(&said);
    // What fails leaves nothing.
    scene.sim.faults(&fault("POST", "/machines$"));
    let said = scene.rollback(6, &["--data", "newest", "--auto-approve"]);
    assert_told!(scene, error(&said), @"
    error: the move of [B] failed: `fly machine run` failed: could not launch machine: failed to launch VM: simulated
    production is as it was: the host of machine [OLD] is unreachable
    run it again: cargo xtask rollback --data newest; another place: --region REGION
    ");
    assert_eq!(scene.volumes(), ["[VOLUME] data"], "{said}");
    scene.sim.faults(&json!([]));
    let said = scene.rollback(0, &["--data", "newest", "--region", "ams", "--auto-approve"]);
    assert_told!(scene, said, @r#"
    $ cargo xtask rollback --data newest --region ams --auto-approve
    --- exit code 0
    --- stdout
    What is lost
      Everything that was written after 2026-08-03T10:00:00Z, when snapshot vs_0123456789abcdef was taken; how many rows it has is seen when it serves.
      Volume [VOLUME] with the database as it is now is set aside, and never removed.
      What is in it now is not known: the host of machine [OLD] is unreachable

    What a move to another host does
      Release    2: [B], by ada@example.com on 2026-08-03T10:05:00Z
      Volume     fly volumes create data --snapshot-id vs_0123456789abcdef --region ams -a simapp
      Machine    fly machine run IMAGE --machine-config CONFIG --region ams -a simapp
      Verify     fly machine list, [URL]/healthz, [URL]/version, landfall status
      Set aside  fly machine destroy [OLD] --force -a simapp; volume [VOLUME] stays
      Record     git push origin COMMIT:refs/landfall/deployed/simapp, and refs/landfall/audit/simapp
    --- stderr
       Preflight release 2, [B], snapshot vs_0123456789abcdef of volume [VOLUME]; the host of machine [OLD] is unreachable ([TIME])
            Lock of simapp is held ([TIME])
          Volume [NEW VOLUME] of snapshot vs_0123456789abcdef, in ams ([TIME])
         Machine [NEW] with volume [NEW VOLUME] ([TIME])
          Verify machine [NEW] serves [B], 12 rows ([TIME])
       Set aside machine [OLD] is gone; volume [VOLUME] stays, with its data ([TIME])
          Record refs/landfall/deployed/simapp is [B], here and at origin ([TIME])
     Rolled back simapp to [B]: [URL]
    note: volume [VOLUME] has what was written since; to see what it holds: cargo xtask status --volume [VOLUME]
    note: its data is in ams now; write into fly.toml: primary_region = "ams"
    "#);
    assert_told!(scene, scene.machines().join("\n"), @"[NEW] started now - [NEW VOLUME]");
    let app = scene.sim.app();
    let volumes = app["volumes"].as_object().unwrap();
    let new = volumes.iter().find(|(id, _)| **id != scene.volume).unwrap().1;
    assert_eq!((&new["region"], &new["_restored_from"]), (&json!("ams"), &json!("vs_0123456789abcdef")));
    assert_eq!(volumes[&scene.volume]["snapshot_retention"], 59, "it is marked");
    let machine = app["machines"].as_object().unwrap().values().find(|machine| machine["state"] == "started");
    let now = &machine.unwrap()["config"];
    let told = |config: &Value| {
        let group = config["metadata"]["fly_process_group"].clone();
        let env = ["LISTEN", "BANNER"].map(|name| config["env"][name].clone());
        (config["services"][0]["ports"].clone(), group, env)
    };
    assert_eq!(told(now), told(&config), "it serves as the one before did");
    assert_eq!(config["env"]["LISTEN"], "::");
    assert_eq!(scene.newest()["set_aside"], json!([scene.volume]));
    // From here on all is as ever.
    assert_eq!(crate::shop::line(&scene.world.run(&["status"]), "set aside").lines().count(), 2);
}

#[test]
fn an_interrupt_before_the_old_machine_goes_brings_it_back() {
    let Some(scene) = scene("an_interrupt_before_the_old_machine_goes_brings_it_back") else { return };
    let scene = scene.released();
    let said = scene.interrupted(5, &["--data", "snapshot"], "/volumes");
    scene.assert_back(&said);
    let count = scene.sim.writes().len();
    let said = scene.interrupted_after(count, 5, &["--data", "snapshot"], "/machines");
    scene.assert_back(&said);
}

#[test]
fn an_old_machine_that_stays_needs_a_person() {
    let Some(scene) = scene("an_old_machine_that_stays_needs_a_person") else { return };
    let scene = scene.released();
    scene.sim.faults(&json!([{"method": "DELETE", "path": "/machines/[0-9a-f]+$", "status": 500, "body": {"error": "simulated"}}]));
    let said = scene.rollback(6, &["--data", "snapshot", "--auto-approve"]);
    assert_told!(scene, error(&said), @"
    error: production serves [A] on the data of before, and the old machine [OLD] is still there: `fly machine destroy` failed: could not destroy machine [OLD]: failed to destroy VM [OLD]: simulated
    it must not be started: it has other data, on volume [VOLUME]
    take it away, never its volume: fly machine destroy [OLD] --force -a simapp
    ");
    assert_told!(scene, scene.machines().join("\n"), @"
    [OLD] stopped before keep [VOLUME]
    [NEW] started before keep [NEW VOLUME]
    ");
    assert_eq!(scene.deployed(), ["[A]", "[A]"]);
    assert_eq!(scene.newest()["set_aside"], json!([scene.volume]));
}

#[test]
fn a_machine_that_is_gone_is_made_anew_on_the_volume_that_it_had() {
    let Some(scene) = scene("a_machine_that_is_gone_is_made_anew_on_the_volume_that_it_had") else { return };
    let scene = scene.released();
    let gone = format!("{}/v1/apps/simapp/machines/{}?kill=true", scene.sim.url, scene.machine);
    ureq::delete(gone).call().unwrap();
    let said = scene.rollback(0, &["--auto-approve"]);
    assert_told!(scene, said, @"
    $ cargo xtask rollback --auto-approve
    --- exit code 0
    --- stdout
    What a rollback does
      Release    2: [B], by ada@example.com on 2026-08-03T10:05:00Z
      Data       stays as it is, on volume [VOLUME]
      Ship       fly deploy --image registry.example/simapp@[NOW] --ha=false --strategy rolling --wait-timeout 300s --env LANDFALL_SCHEMA=keep -a simapp, which makes a machine
      Verify     fly machine list, [URL]/healthz, [URL]/version, landfall status
      Record     git push origin COMMIT:refs/landfall/deployed/simapp, and refs/landfall/audit/simapp
    --- stderr
       Preflight release 2, [B], volume [VOLUME]; there is no machine ([TIME])
            Lock of simapp is held ([TIME])
        Shipping [B] to a new machine
            Ship machine [NEW]: made ([TIME])
          Verify machine [NEW] serves [B], 12 rows ([TIME])
          Record refs/landfall/deployed/simapp is [B], here and at origin ([TIME])
     Rolled back simapp to [B]: [URL]
    ");
    assert_told!(scene, scene.machines().join("\n"), @"[NEW] started now keep [VOLUME]");
    assert_eq!(scene.volumes(), ["[VOLUME] data"]);
    assert_eq!(scene.newest()["outcome"], "served");
}

#[test]
fn a_release_that_nobody_can_ask_about_is_left_as_it_is() {
    let Some(scene) = scene("a_release_that_nobody_can_ask_about_is_left_as_it_is") else { return };
    let scene = scene.released();
    let said = scene.silent_from("Ship ", 6, &["1"]);
    assert_told!(scene, untimed(&error(&said)), @"
    error: the rollback to [A] is not proved: `fly machine list` failed: failed to list VMs: simulated, asked again and again for [TIME]
    it may serve, so it was left as it is; read last: at [TIME] machine [OLD] was started with registry.example/simapp@[BEFORE]; at [TIME] [URL]/healthz gave a good answer
    whether anything else was made or changed is not known (`fly machine list` failed: failed to list VMs: simulated): fly machine list -a simapp; fly volumes list -a simapp
    as soon as Fly answers (https://status.flyio.net), see what serves: cargo xtask status; where that is not well, take another release: cargo xtask rollback --list
    ");
    assert_eq!(scene.machines(), ["[OLD] started before keep [VOLUME]"], "{said}");
    assert_eq!(scene.newest()["outcome"], "stranded", "{said}");
}

#[test]
fn a_machine_on_a_snapshot_that_nobody_can_ask_about_is_left_as_it_is() {
    let Some(scene) = scene("a_machine_on_a_snapshot_that_nobody_can_ask_about_is_left_as_it_is") else {
        return;
    };
    let scene = scene.released();
    let said = scene.silent_from("Machine ", 6, &["1", "--data", "snapshot"]);
    assert_told!(scene, untimed(&error(&said)), @"
    error: the rollback to [A] is not proved: `fly machine list` failed: failed to list VMs: simulated, asked again and again for [TIME]
    it may serve, so it was left as it is; read last: at [TIME] machine [NEW] was started with registry.example/simapp@[BEFORE]; at [TIME] [URL]/healthz gave a good answer
    whether anything else was made or changed is not known (`fly machine list` failed: failed to list VMs: simulated): fly machine list -a simapp; fly volumes list -a simapp
    as soon as Fly answers (https://status.flyio.net), see what there is: fly machine list -a simapp; where machine [NEW] is well, take away the other one, which is stopped, and never its volume: fly machine destroy [OLD] --force -a simapp; where it is not, take it away: fly machine destroy [NEW] --force -a simapp; and its volume, which holds the snapshot: cargo xtask status --volume [NEW VOLUME]; and then: cargo xtask rollback
    ");
    let machines = scene.machines();
    assert_eq!(machines.len(), 2, "{machines:?}: {said}");
    assert!(
        machines.iter().any(|machine| machine.contains(" started before keep vol_")),
        "{machines:?}: {said}"
    );
    assert!(machines.contains(&"[OLD] stopped before keep [VOLUME]".to_owned()), "{machines:?}: {said}");
    assert_eq!(scene.newest()["outcome"], "stranded", "{said}");
    // What it says to type, where the new machine is not well.
    take_new_away(&scene);
    let said = scene.rollback(0, &["--auto-approve"]);
    assert_told!(scene, scene.machines().join("\n"), @"[OLD] started now keep [VOLUME]");
    assert!(said.stderr.contains("Rolled back"), "{said}");
}

#[test]
fn a_machine_on_another_host_that_nobody_can_ask_about_is_left_as_it_is() {
    let Some(scene) = scene("a_machine_on_another_host_that_nobody_can_ask_about_is_left_as_it_is") else {
        return;
    };
    let scene = scene.released();
    host_gone(&scene);
    let said = scene.silent_from("Machine ", 6, &["--data", "newest"]);
    assert_told!(scene, untimed(&error(&said)), @"
    error: the move of [B] is not proved: `fly machine list` failed: failed to list VMs: simulated, asked again and again for [TIME]
    it may serve, so it was left as it is; read last: at [TIME] machine [NEW] was started with registry.example/simapp@[NOW]; at [TIME] [URL]/healthz gave a good answer
    whether anything else was made or changed is not known (`fly machine list` failed: failed to list VMs: simulated): fly machine list -a simapp; fly volumes list -a simapp
    as soon as Fly answers (https://status.flyio.net), see what there is: fly machine list -a simapp; where machine [NEW] is well, take away the other one, which cannot be reached, and never its volume: fly machine destroy [OLD] --force -a simapp; where it is not, take it away: fly machine destroy [NEW] --force -a simapp; and its volume, which holds the snapshot: cargo xtask status --volume [NEW VOLUME]; and then: cargo xtask rollback --data newest
    ");
    let machines = scene.machines();
    assert_eq!(machines.len(), 2, "{machines:?}: {said}");
    assert_eq!(scene.newest()["outcome"], "stranded", "{said}");
    // What it says to type, where the new machine is not well.
    take_new_away(&scene);
    let said = scene.rollback(0, &["--data", "newest", "--auto-approve"]);
    assert_told!(scene, scene.machines().join("\n"), @"[NEW] started now - [NEW VOLUME]");
    assert!(said.stderr.contains("Rolled back"), "{said}");
}

#[test]
fn where_the_new_machine_is_well_the_other_one_is_taken_away_as_it_says() {
    let Some(home) = landfall_testkit::requires::fly(
        "where_the_new_machine_is_well_the_other_one_is_taken_away_as_it_says",
    ) else {
        return;
    };
    for (args, serves) in
        [(&["--data", "newest"][..], "now -"), (&["1", "--data", "snapshot"], "before keep")]
    {
        let scene =
            scene("where_the_new_machine_is_well_the_other_one_is_taken_away_as_it_says").unwrap().released();
        if args.contains(&"newest") {
            host_gone(&scene);
        }
        let said = scene.silent_from("Machine ", 6, args);
        scene.sim.faults(&json!([]));
        let (_, typed) = said.stderr.split_once("and never its volume: fly ").unwrap();
        let typed: Vec<_> = typed.split(';').next().unwrap().split(' ').collect();
        assert_eq!(typed, ["machine", "destroy", &scene.machine, "--force", "-a", "simapp"], "{said}");
        let mut fly = std::process::Command::new(home.join("shim/fly"));
        let output = fly.args(&typed).envs(scene.sim.environment()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        // One machine is left, on its new volume, and the other volume is there with what it holds.
        let machines = scene.machines();
        let [machine] = machines.as_slice() else { panic!("{machines:?}: {said}") };
        assert!(machine.contains(&format!(" started {serves} vol_")), "{machine}: {said}");
        assert!(scene.volumes().contains(&"[VOLUME] data".to_owned()), "{said}");
        let status = scene.world.run(&["status"]);
        assert!(status.stdout.contains("ok        machine"), "{status}");
    }
}

#[test]
fn a_private_app_whose_host_is_gone_is_looked_at_on_its_new_machine() {
    let Some(mut scene) = scene("a_private_app_whose_host_is_gone_is_looked_at_on_its_new_machine") else {
        return;
    };
    scene.world = scene.world.with_env("LANDFALL_URL", "http://127.0.0.1:9");
    let scene = scene.released();
    host_gone(&scene);
    let version =
        json!({"command": "version", "exit": 0, "report": version(&scene.commits[1]), "error": null});
    let version = json!({"match": "landfall version", "exit_code": 0, "stdout": version.to_string()});
    scene.sim.configure(&json!({"exec": [version, status(COPY, 10), status("--format", 12)]}));
    let said = scene.rollback(0, &["--data", "newest", "--auto-approve", "--wait-timeout", "20"]);
    assert!(said.stderr.contains("so the service is looked at on its machine"), "{said}");
    assert_eq!(scene.machines().len(), 1, "{said}");
}

/// As a message says where it is not well: the machine, then its volume, once it has shown what it holds.
fn take_new_away(scene: &Scene) {
    scene.sim.faults(&json!([]));
    scene.sim.configure(&json!({"behavior": {"oneshot": {"after": 5}}}));
    let home = landfall_testkit::requires::fly("take_new_away").unwrap();
    let fly = |args: &[&str]| {
        let mut fly = std::process::Command::new(home.join("shim/fly"));
        let output = fly.args(args).args(["-a", "simapp"]).envs(scene.sim.environment()).output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
    };
    let machines = scene.sim.machines();
    let there = machines.iter().filter(|(_, state)| state != "destroyed");
    let new: Vec<_> = there.filter(|(id, _)| *id != scene.machine).collect();
    let [(machine, _)] = new.as_slice() else { panic!("{machines:?}") };
    fly(&["machine", "destroy", machine, "--force"]);
    let volumes = scene.sim.volumes();
    let (volume, _) = volumes.iter().find(|(id, _)| *id != scene.volume).unwrap();
    let held = scene.world.run(&["status", "--volume", volume]);
    assert!(held.stdout.contains(&format!("fly volumes destroy {volume} -a simapp")), "{held}");
    fly(&["volumes", "destroy", volume, "--yes"]);
}

/// Without times of this run.
fn untimed(text: &str) -> String {
    let (text, asked) = text.split_once("again and again for ").unwrap();
    let (_, rest) = asked.split_once('\n').unwrap();
    let text = format!("{text}again and again for [TIME]\n{rest}");
    let words = text.split_inclusive([' ', '\n']).map(|word| {
        let time = word.trim_end_matches([' ', '\n', ';']);
        if humantime::parse_rfc3339(time).is_ok() { word.replace(time, "[TIME]") } else { word.to_owned() }
    });
    words.collect()
}
