//! What runs where: the whole table, and each thing that is off, alone.

use std::path::Path;
use std::time::{Duration, SystemTime};

use landfall_testkit::sim::{Sim, running};
use landfall_testkit::world::{Said, World};
use serde_json::{Value, json};

use crate::shop::{SCHEMA, commit, connected, git, line, record, shop};

/// What the image of the machine is known by.
const DIGEST: &str = "sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd";
const AUDIT: &str = "refs/landfall/audit/simapp";
const LOCK: &str = "refs/landfall/lock/simapp";
const FINGERPRINT: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A workspace whose HEAD is deployed, recorded and written down, beside a simulator where all is well.
struct Shop {
    world: World,
    sim: Sim,
    commit: String,
}

impl Shop {
    fn new(home: &Path) -> Self {
        Self::with(home, &json!({}))
    }

    /// The same, but for these parts of the scenario.
    fn with(home: &Path, change: &Value) -> Self {
        let world = shop();
        let commit = commit(&world);
        record(&world, &commit);
        append(&world, &entry(&commit, "served"));
        let mut scenario = running(&commit, SCHEMA);
        for image in scenario["images"].as_object_mut().unwrap().values_mut() {
            image["digest"] = DIGEST.into();
        }
        scenario["exec"] = json!([answer("landfall status", &database())]);
        scenario["www"] = json!({"/healthz": "ok", "/version": version(&commit, FINGERPRINT)});
        for (key, value) in change.as_object().unwrap() {
            scenario[key] = value.clone();
        }
        let sim = Sim::start(home, &scenario);
        sim.snapshot("vs_1", &ago(Duration::from_secs(7_200)));
        Self { world: connected(world, &sim), sim, commit }
    }

    /// It must end with this code, wake nothing, and change nothing, neither here nor there.
    #[track_caller]
    fn status(&self, exit: i32, args: &[&str]) -> Said {
        let root = self.world.path("");
        let state = || (git(&root, &["status", "--porcelain"]), git(&root, &["for-each-ref"]));
        let (before, machines) = (state(), self.sim.machines());
        let said = self.world.run(&[&["status"], args].concat());
        assert_eq!(said.exit, exit, "{said}");
        assert_eq!(state(), before, "{said}");
        assert_eq!(self.sim.machines(), machines, "{said}");
        let writes: Vec<_> = self.sim.writes().into_iter().filter(|w| !w.ends_with("/exec")).collect();
        assert_eq!(writes, [] as [String; 0], "{said}");
        assert!(
            self.sim.commands().iter().all(|command| command == "landfall status --format json"),
            "{said}"
        );
        said
    }

    /// The lines about this, of a status that ends with this code.
    #[track_caller]
    fn told(&self, exit: i32, name: &str) -> String {
        self.normal(&line(&self.status(exit, &[]), name))
    }

    /// Text without what only this run has.
    fn normal(&self, text: &str) -> String {
        let mut text = text.replace(&self.sim.url, "[URL]");
        text = text.replace(&self.commit, "[COMMIT]").replace(&self.commit[..12], "[COMMIT]");
        for (number, (id, _)) in self.sim.machines().iter().enumerate() {
            text = text.replace(id.as_str(), &format!("[MACHINE {}]", number + 1));
        }
        for (number, (id, _)) in self.sim.volumes().iter().enumerate() {
            text = text.replace(id.as_str(), &format!("[VOLUME {}]", number + 1));
        }
        text
    }
}

/// Asserts a text but for its times.
macro_rules! assert_told {
    ($told:expr, @$snapshot:literal) => {
        insta::with_settings!({ filters => vec![
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[TIME]"),
            (r"\d+ h( \d+ min)? ago", "[AGE] ago"),
        ]}, { insta::assert_snapshot!($told, @$snapshot) });
    };
}

fn ago(time: Duration) -> String {
    humantime::format_rfc3339_seconds(SystemTime::now() - time).to_string()
}

/// What an `app` command answers on the machine.
fn answer(command: &str, report: &Value) -> Value {
    let document = json!({"command": "status", "exit": 0, "report": report, "error": null});
    json!({"match": command, "exit_code": 0, "stdout": document.to_string()})
}

/// What `landfall status` reports.
fn database() -> Value {
    json!({
        "file": "/data/customers.sqlite", "bytes": 40_000_000, "schema": FINGERPRINT,
        "tables": [{"table": "customers", "rows": 1_234}, {"table": "orders", "rows": 12}],
        "disk": {"free": 812_000_000, "total": 1_000_000_000}, "copies": [], "set_aside": [],
    })
}

/// What `/version` answers.
fn version(commit: &str, live: &str) -> Value {
    json!({"commit": commit, "schema": {"declared": FINGERPRINT, "live": live}, "sqlite": "3.54.1"})
}

/// An entry of the audit about the image that the machine runs.
fn entry(commit: &str, outcome: &str) -> Value {
    json!({
        "kind": "deploy", "outcome": outcome, "time": "2026-08-01T12:00:00Z", "who": "ada@example.com", "host": "laptop",
        "app": "simapp", "commit": commit, "from": null, "image": format!("registry.example/simapp@{DIGEST}"),
        "declared": FINGERPRINT, "live": FINGERPRINT, "machine": null, "volume": null, "snapshot": null, "copy": null,
        "plan": null, "steps": [], "rows": [], "set_aside": [], "seconds": 42.0, "message": "",
    })
}

/// Writes it down, in this repository.
fn append(world: &World, entry: &Value) {
    let root = world.path("");
    let before = git(&root, &["for-each-ref", "--format=%(objectname)", AUDIT]);
    let parent = if before.is_empty() { vec![] } else { vec!["-p", before.as_str()] };
    let message = format!("an entry\n\n{entry}\n");
    let tree = git(&root, &["write-tree"]);
    let words = [&["commit-tree", tree.as_str(), "-m", message.as_str()], parent.as_slice()].concat();
    git(&root, &["update-ref", AUDIT, &git(&root, &words)]);
}

/// An origin where somebody holds the lock until then.
fn hold(world: &World, until: SystemTime) {
    let root = world.path("");
    let holder = json!({
        "app": "simapp", "holder": "grace@example.com", "host": "desk", "pid": 4711, "commit": "0123456789abcdef0123456789abcdef01234567",
        "command": "deploy", "since": "2026-08-01T12:00:00Z",
        "expires": humantime::format_rfc3339_seconds(until).to_string(),
    });
    let tree = git(&root, &["write-tree"]);
    let commit = git(&root, &["commit-tree", &tree, "-m", &format!("a lock\n\n{holder}\n")]);
    git(&root, &["init", "--quiet", "--bare", "target/origin"]);
    git(&root, &["remote", "add", "origin", "target/origin"]);
    git(
        &root,
        &[
            "push",
            "--quiet",
            "--force",
            "origin",
            &format!("{commit}:{LOCK}"),
            "refs/landfall/*:refs/landfall/*",
        ],
    );
}

#[test]
fn one_table_tells_all_of_it() {
    let Some(home) = landfall_testkit::requires::fly("one_table_tells_all_of_it") else { return };
    let shop = Shop::new(&home);
    assert_told!(shop.normal(&shop.status(0, &[]).to_string()), @"
    $ cargo xtask status
    --- exit code 0
    --- stdout
    ok        deployed commit  [COMMIT] by the image of machine [MACHINE 1], and refs/landfall/deployed/simapp, and [URL]/_sim/www/version, which is HEAD
    ok        image            sha256:dddddddddddd, release 1
    ok        machine          [MACHINE 1] is started since [TIME], in iad, shared-cpu-1x with 256 MB
    ok        place            one machine with one volume, as fly.toml says
    ok        volume           [VOLUME 1], 1 GB in iad: 812.0 MB of 1.0 GB free, the database has 40.0 MB
    ok        health           [URL]/_sim/www/healthz answers 200
    ok        schema           aaaaaaaaaaaa, declared and live
    ok        rows             1,246 rows in 2 tables: customers 1,234, orders 12
    ok        last backup      snapshot vs_1, [AGE] ago
    ok        last deploy      1: deploy of [COMMIT] to simapp by ada@example.com: served, on laptop at [TIME], in 42 s
    ok        lock             simapp is free: nobody holds its lock on this machine
    --- stderr
            Well simapp
    ");
}

#[test]
fn json_has_what_scripts_want() {
    let Some(home) = landfall_testkit::requires::fly("json_has_what_scripts_want") else { return };
    let shop = Shop::new(&home);
    let said = shop.status(0, &["--format", "json"]);
    let mut document: Value = serde_json::from_str(&said.stdout).unwrap();
    for check in document["report"]["checks"].as_array_mut().unwrap() {
        *check =
            json!(format!("{}: {}", check["name"].as_str().unwrap(), check["verdict"].as_str().unwrap()));
    }
    assert_told!(shop.normal(&serde_json::to_string_pretty(&document).unwrap()), @r#"
    {
      "version": 2,
      "command": "status",
      "exit": 0,
      "report": {
        "app": "simapp",
        "deployed": true,
        "commit": "[COMMIT]",
        "image": "registry.example/simapp@sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
        "release": 1,
        "machine": {
          "id": "[MACHINE 1]",
          "state": "started",
          "region": "iad"
        },
        "volume": {
          "id": "[VOLUME 1]",
          "size_gb": 1,
          "free": 812000000,
          "total": 1000000000
        },
        "schema": {
          "declared": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          "live": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        },
        "rows": [
          {
            "table": "customers",
            "rows": 1234
          },
          {
            "table": "orders",
            "rows": 12
          }
        ],
        "snapshot": {
          "id": "vs_1",
          "time": "[TIME]"
        },
        "last": {
          "kind": "deploy",
          "outcome": "served",
          "time": "[TIME]",
          "who": "ada@example.com",
          "host": "laptop",
          "app": "simapp",
          "commit": "[COMMIT]",
          "from": null,
          "image": "registry.example/simapp@sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
          "tag": null,
          "declared": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          "live": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          "machine": null,
          "volume": null,
          "snapshot": null,
          "copy": null,
          "plan": null,
          "steps": [],
          "rows": [],
          "set_aside": [],
          "seconds": 42.0,
          "message": ""
        },
        "lock": "free",
        "checks": [
          "deployed commit: fine",
          "image: fine",
          "machine: fine",
          "place: fine",
          "volume: fine",
          "health: fine",
          "schema: fine",
          "rows: fine",
          "last backup: fine",
          "last deploy: fine",
          "lock: fine"
        ]
      },
      "error": null
    }
    "#);
}

#[test]
fn a_machine_that_does_not_run_is_off_and_not_woken() {
    let Some(home) = landfall_testkit::requires::fly("a_machine_that_does_not_run_is_off_and_not_woken")
    else {
        return;
    };
    let shop = Shop::with(&home, &json!({"machine_state": "stopped"}));
    assert_told!(shop.normal(&shop.status(4, &[]).stdout), @"
    ok        deployed commit  [COMMIT] by the image of machine [MACHINE 1], and refs/landfall/deployed/simapp, which is HEAD
                               [URL]/_sim/www/version: not asked: the machine is stopped
    ok        image            sha256:dddddddddddd, release 1
    differs   machine          [MACHINE 1] is stopped since [TIME], in iad, shared-cpu-1x with 256 MB: the release ended by itself with exit code 1
                               mend it: see why: fly logs --no-tail -a simapp; bring the release before back: cargo xtask rollback; or mend it, and: cargo xtask deploy
    ok        place            one machine with one volume, as fly.toml says
    ok        volume           [VOLUME 1], 1 GB in iad; how full it is was not read
    not read  health           not asked: the machine is stopped, and is not woken
    not read  schema           not asked: the machine is stopped, and is not woken
    not read  rows             not asked: the machine is stopped, and is not woken
    ok        last backup      snapshot vs_1, [AGE] ago
    ok        last deploy      1: deploy of [COMMIT] to simapp by ada@example.com: served, on laptop at [TIME], in 42 s
    ok        lock             simapp is free: nobody holds its lock on this machine
    ");
    assert_eq!(shop.sim.commands(), [] as [String; 0]);
}

#[test]
fn a_machine_that_the_next_visit_starts_is_well() {
    let Some(home) = landfall_testkit::requires::fly("a_machine_that_the_next_visit_starts_is_well") else {
        return;
    };
    let shop = Shop::with(&home, &json!({"machine_state": "suspended"}));
    let fly_toml = std::fs::read_to_string(shop.world.path("fly.toml")).unwrap();
    shop.world.write(
        "fly.toml",
        fly_toml.replace("auto_stop_machines = \"off\"", "auto_stop_machines = \"suspend\""),
    );
    assert_told!(shop.told(0, "machine"), @"ok        machine          [MACHINE 1] is suspended, in iad, shared-cpu-1x with 256 MB; the next visit starts it");
}

#[test]
fn what_fly_has_otherwise_than_fly_toml_says_is_off() {
    let Some(home) = landfall_testkit::requires::fly("what_fly_has_otherwise_than_fly_toml_says_is_off")
    else {
        return;
    };
    let told = |base: &str| Shop::with(&home, &json!({"base": base})).told(4, "place");
    assert_told!(told("host_unreachable"), @"
    differs   place            the host of machine [MACHINE 1] is unreachable
    mend it: wait for Fly: https://status.flyio.net; or bring its newest snapshot to another host: cargo xtask rollback --data newest
    ");
    assert_told!(told("two_machines"), @"
    differs   place            the app simapp has 2 machines, each with data of its own: [MACHINE 1] (started, iad, [VOLUME 1]); [MACHINE 2] (started, iad, [VOLUME 2])
    mend it: see which one has the data: fly machine exec [MACHINE 1] 'landfall status' -a simapp; fly machine exec [MACHINE 2] 'landfall status' -a simapp; then take away the other one, by its id: fly machine destroy [MACHINE 1] --force -a simapp, or: fly machine destroy [MACHINE 2] --force -a simapp (`fly scale count 1` may take the wrong one)
    ");
    assert_told!(told("two_volumes"), @"
    differs   place            there is a second volume named data, [VOLUME 2] in iad: no machine has it, and machine [MACHINE 1] has another one
    mend it: see what it holds, and how it is removed: cargo xtask status --volume [VOLUME 2]; if it has the data, stop here and ask who attached the other one
    ");
    assert_told!(told("volume_missing"), @"
    differs   place            machine [MACHINE 1] has no volume: what it writes to /data is gone when it is replaced
    mend it: fetch its data first: cargo xtask pull; then: fly machine destroy [MACHINE 1] --force -a simapp; and deploy anew
    ");
    assert_told!(Shop::with(&home, &json!({"machines": 0, "volumes": []})).told(4, "place"), @"
    differs   place            the app simapp had releases, and has neither a machine nor a volume named data now: its data is gone
    mend it: see what is left of it: fly volumes list --all -a simapp; or begin anew under another name
    ");
}

#[test]
fn a_volume_that_was_set_aside_is_no_second_one_and_told_with_what_removes_it() {
    let Some(home) = landfall_testkit::requires::fly(
        "a_volume_that_was_set_aside_is_no_second_one_and_told_with_what_removes_it",
    ) else {
        return;
    };
    let shop = Shop::with(&home, &json!({"base": "two_volumes"}));
    let mut served = entry(&shop.commit, "served");
    served["set_aside"] = json!([shop.sim.volumes()[1].0]);
    append(&shop.world, &served);
    let mut set_aside = database();
    set_aside["set_aside"] =
        json!([{"file": "/data/customers.set-aside", "bytes": 40_000_000, "time": "2026-08-01T12:00:00Z"}]);
    shop.sim.configure(&json!({"exec": [answer("landfall status", &set_aside)]}));
    assert_told!(shop.told(0, "set aside"), @"
    ok        set aside        2 things, from data that was brought back; a person decides what may go
    volume [VOLUME 2], 1 GB; see what it holds: cargo xtask status --volume [VOLUME 2]
    database /data/customers.set-aside of [TIME], 40.0 MB: fly machine exec [MACHINE 1] 'landfall discard /data/customers.set-aside' -a simapp
    ");
    assert!(shop.told(0, "place").starts_with("ok "));
}

#[test]
fn what_a_rehearsal_left_behind_is_told_with_what_removes_it() {
    let Some(home) =
        landfall_testkit::requires::fly("what_a_rehearsal_left_behind_is_told_with_what_removes_it")
    else {
        return;
    };
    let volumes = json!([
        {"name": "data", "region": "iad", "attach": 0}, {"name": "landfall_rehearsal_x1", "region": "iad", "attach": null},
    ]);
    let shop = Shop::with(&home, &json!({"volumes": volumes}));
    assert_told!(shop.told(0, "leftovers"), @"
    ok        leftovers        1 thing of rehearsals and looks; where none is under way, remove them
    volume [VOLUME 2], a fork of production's; see what it holds: cargo xtask status --volume [VOLUME 2]
    ");
}

#[test]
fn a_live_schema_that_is_not_the_declared_one_is_off() {
    let Some(home) = landfall_testkit::requires::fly("a_live_schema_that_is_not_the_declared_one_is_off")
    else {
        return;
    };
    let shop = Shop::new(&home);
    let other = version(&shop.commit, "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    shop.sim.configure(&json!({"www": {"/healthz": "ok", "/version": other}}));
    assert_told!(shop.told(4, "schema"), @"
    differs   schema           bbbbbbbbbbbb is live, and the image declares aaaaaaaaaaaa
    mend it: see what differs: cargo xtask verify-sync; then: cargo xtask deploy
    ");
    shop.sim.keep_schema();
    assert_told!(shop.told(4, "schema"), @"
    differs   schema           bbbbbbbbbbbb is kept since a rollback, and the image declares aaaaaaaaaaaa
    mend it: ship a release that declares it: cargo xtask deploy
    ");
    shop.sim.configure(&json!({"www": {"/healthz": "ok", "/version": version(&shop.commit, FINGERPRINT)}}));
    assert_told!(shop.told(0, "schema"), @"ok        schema           aaaaaaaaaaaa, declared and live; it is kept until the next deploy");
}

#[test]
fn a_fingerprint_of_another_version_of_landfall_is_no_drift() {
    let Some(home) =
        landfall_testkit::requires::fly("a_fingerprint_of_another_version_of_landfall_is_no_drift")
    else {
        return;
    };
    let shop = Shop::new(&home);
    let later = version(&shop.commit, &format!("v1-{}", "b".repeat(64)));
    shop.sim.configure(&json!({"www": {"/healthz": "ok", "/version": later}}));
    assert_told!(shop.told(0, "schema"), @"not read  schema           v1-bbbbbbbbbbbb is live, and the image declares aaaaaaaaaaaa, by another version of Landfall: they cannot be compared");
}

#[test]
fn a_service_that_does_not_answer_is_off_and_its_data_is_told_all_the_same() {
    let Some(home) = landfall_testkit::requires::fly(
        "a_service_that_does_not_answer_is_off_and_its_data_is_told_all_the_same",
    ) else {
        return;
    };
    let shop = Shop::with(&home, &json!({"www": {}}));
    assert_told!(shop.normal(&shop.status(4, &[]).stdout), @r#"
    ok        deployed commit  [COMMIT] by the image of machine [MACHINE 1], and refs/landfall/deployed/simapp, which is HEAD
                               [URL]/_sim/www/version: [URL]/_sim/www/version answered 404 with 41 bytes that are no version of a service
    ok        image            sha256:dddddddddddd, release 1
    ok        machine          [MACHINE 1] is started since [TIME], in iad, shared-cpu-1x with 256 MB
    ok        place            one machine with one volume, as fly.toml says
    ok        volume           [VOLUME 1], 1 GB in iad: 812.0 MB of 1.0 GB free, the database has 40.0 MB
    differs   health           [URL]/_sim/www/healthz does not answer 200
                               mend it: see what it says: fly logs --no-tail -a simapp
    ok        schema           aaaaaaaaaaaa, declared and live
    ok        rows             1,246 rows in 2 tables: customers 1,234, orders 12
    ok        last backup      snapshot vs_1, [AGE] ago
    ok        last deploy      1: deploy of [COMMIT] to simapp by ada@example.com: served, on laptop at [TIME], in 42 s
    ok        lock             simapp is free: nobody holds its lock on this machine
    "#);
}

#[test]
fn refs_that_disagree_with_the_image_are_off() {
    let Some(home) = landfall_testkit::requires::fly("refs_that_disagree_with_the_image_are_off") else {
        return;
    };
    let shop = Shop::new(&home);
    let later = commit(&shop.world);
    record(&shop.world, &later);
    assert_told!(shop.told(4, "deployed").replace(&later[..12], "[LATER]"), @"
    differs   deployed commit  [COMMIT] runs, by the image of machine [MACHINE 1], and others say otherwise
    the image of machine [MACHINE 1]: [COMMIT]
    refs/landfall/deployed/simapp: [LATER]
    [URL]/_sim/www/version: [COMMIT]
    mend it: git update-ref refs/landfall/deployed/simapp [COMMIT]
    ");
}

#[test]
fn an_image_that_nobody_wrote_down_is_off() {
    let Some(home) = landfall_testkit::requires::fly("an_image_that_nobody_wrote_down_is_off") else {
        return;
    };
    let shop = Shop::new(&home);
    let other = DIGEST.replace('d', "e");
    let mut later = entry(&shop.commit, "served");
    later["image"] = format!("registry.example/simapp@{other}").into();
    append(&shop.world, &later);
    assert_told!(shop.told(4, "image"), @"
    differs   image            sha256:dddddddddddd is release 1, and release 2 served last
    mend it: see who brought it there, then ship what is wanted: cargo xtask deploy
    ");
    git(&shop.world.path(""), &["update-ref", "-d", AUDIT]);
    append(&shop.world, &later);
    assert_told!(shop.told(4, "image"), @"
    differs   image            sha256:dddddddddddd is in no entry of the audit; release 1 served last
    mend it: in the clone that shipped it, if one did: git push origin refs/landfall/audit/simapp; else ship what is wanted: cargo xtask deploy
    ");
}

#[test]
fn a_volume_without_room_for_a_change_is_off() {
    let Some(home) = landfall_testkit::requires::fly("a_volume_without_room_for_a_change_is_off") else {
        return;
    };
    let mut full = database();
    full["disk"]["free"] = 60_000_000.into();
    let shop = Shop::with(&home, &json!({"exec": [answer("landfall status", &full)]}));
    assert_told!(shop.told(4, "volume"), @"
    differs   volume           [VOLUME 1], 1 GB in iad: 60.0 MB of 1.0 GB free, the database has 40.0 MB; a change may need twice that, and a tenth of a volume stays free
    mend it: fly volumes extend [VOLUME 1] --size 2 -a simapp
    ");
}

#[test]
fn data_without_a_recent_snapshot_is_off() {
    let Some(home) = landfall_testkit::requires::fly("data_without_a_recent_snapshot_is_off") else { return };
    let shop = Shop::new(&home);
    shop.sim.snapshot("", &ago(Duration::ZERO));
    assert_told!(shop.told(4, "last backup"), @"
    differs   last backup      there is no snapshot of volume [VOLUME 1]
    mend it: fly volumes snapshots create [VOLUME 1]
    ");
    shop.sim.snapshot("vs_1", &ago(Duration::from_secs(50 * 3600)));
    let mut copied = database();
    copied["copies"] = json!([{"file": "/data/customers.before", "bytes": 39_000_000, "time": ago(Duration::from_secs(3 * 3600))}]);
    shop.sim.configure(&json!({"exec": [answer("landfall status", &copied)]}));
    assert_told!(shop.told(4, "last backup"), @"
    differs   last backup      snapshot vs_1, [AGE] ago: Fly makes one a day, and did not
    on the machine, before a change: /data/customers.before, 39.0 MB, [AGE] ago
    mend it: fly volumes snapshots create [VOLUME 1]
    ");
}

#[test]
fn a_last_deploy_that_did_not_serve_is_off() {
    let Some(home) = landfall_testkit::requires::fly("a_last_deploy_that_did_not_serve_is_off") else {
        return;
    };
    let shop = Shop::new(&home);
    let mut failed = entry(&shop.commit, "went-back");
    failed["message"] =
        "the deploy of 0123456789ab failed: /healthz answered 500\n  a line of its log\nproduction serves ba9876543210".into();
    append(&shop.world, &failed);
    assert_told!(shop.told(4, "last deploy"), @"
    differs   last deploy      2: deploy of [COMMIT] to simapp by ada@example.com: went back, on laptop at [TIME], in 42 s
    the deploy of 0123456789ab failed: /healthz answered 500
    production serves ba9876543210
    mend it: see why, then ship it again: cargo xtask deploy
    ");
    failed["outcome"] = "stranded".into();
    append(&shop.world, &failed);
    assert_told!(shop.told(4, "last deploy"), @"
    differs   last deploy      3: deploy of [COMMIT] to simapp by ada@example.com: needs a person, on laptop at [TIME], in 42 s
    the deploy of 0123456789ab failed: /healthz answered 500
    production serves ba9876543210
    mend it: do what it says; or bring the release before back: cargo xtask rollback
    ");
    failed["outcome"] = "shipping".into();
    failed["message"] = "".into();
    append(&shop.world, &failed);
    assert_told!(shop.told(4, "last deploy"), @"
    differs   last deploy      4: deploy of [COMMIT] to simapp by ada@example.com: is shipped, on laptop at [TIME], in 42 s; nobody wrote down what came of it
    mend it: have it proved: cargo xtask deploy; or bring the release before back: cargo xtask rollback
    ");
    hold(&shop.world, SystemTime::now() + Duration::from_secs(60));
    assert!(line(&shop.status(0, &[]), "last deploy").starts_with("ok "), "somebody is at it");
}

#[test]
fn a_lock_is_told_and_nothing_that_is_off() {
    let Some(home) = landfall_testkit::requires::fly("a_lock_is_told_and_nothing_that_is_off") else {
        return;
    };
    let shop = Shop::new(&home);
    hold(&shop.world, SystemTime::now() + Duration::from_secs(60));
    assert_told!(shop.told(0, "lock"), @"
    ok        lock             simapp is locked at origin by grace@example.com on desk (process 4711)
    deploys 0123456789ab since [TIME]
    the lock expires at [TIME] unless it is renewed
    ");
    git(&shop.world.path(""), &["remote", "remove", "origin"]);
    hold(&shop.world, SystemTime::now() - Duration::from_secs(600));
    assert_told!(shop.told(0, "lock"), @"
    ok        lock             simapp looks free: the lock of grace@example.com on desk (process 4711) at origin should have been renewed by [TIME]
    it was taken at [TIME]; the next deploy watches it for 150 s, and takes it over where it is not renewed
    ");
    git(&shop.world.path(""), &["remote", "set-url", "origin", "target/nowhere"]);
    let said = shop.status(0, &[]);
    assert!(
        line(&said, "lock")
            .starts_with("not read  lock             the lock of simapp cannot be read at origin: "),
        "{said}"
    );
    assert!(
        line(&said, "last deploy").contains("it may not be the last: origin was not reached: "),
        "{said}"
    );
}

#[test]
fn what_was_asked_and_did_not_answer_is_unknown() {
    let Some(home) = landfall_testkit::requires::fly("what_was_asked_and_did_not_answer_is_unknown") else {
        return;
    };
    let told = |base: &str, name: &str| Shop::with(&home, &json!({"base": base})).told(1, name);
    assert_told!(told("token_rejected", "machine"), @"
    unknown   machine          Fly does not accept the token: `fly machine list` was refused
    mend it: take a new token: fly tokens create deploy; and set FLY_API_TOKEN to it
    ");
    assert_told!(told("app_not_found", "machine"), @"
    unknown   machine          Fly knows no app of this name, or the token is not for it
    mend it: check the app's name in fly.toml, and whose token this is: fly apps list
    ");
    assert_told!(told("exec_timeout", "rows"), @"
    unknown   rows             `fly machine exec`: the machine had no answer in time
    mend it: see https://status.flyio.net, then run the command again
    ");
}

#[test]
fn an_image_that_is_older_than_app_status_is_told_and_no_failure() {
    let Some(home) =
        landfall_testkit::requires::fly("an_image_that_is_older_than_app_status_is_told_and_no_failure")
    else {
        return;
    };
    let older = json!({"match": "landfall status", "exit_code": 2, "stderr": "error: unrecognized subcommand 'status'\n"});
    let shop = Shop::with(&home, &json!({"exec": [older]}));
    assert_told!(shop.normal(&shop.status(0, &[]).to_string()), @"
    $ cargo xtask status
    --- exit code 0
    --- stdout
    ok        deployed commit  [COMMIT] by the image of machine [MACHINE 1], and refs/landfall/deployed/simapp, and [URL]/_sim/www/version, which is HEAD
    ok        image            sha256:dddddddddddd, release 1
    ok        machine          [MACHINE 1] is started since [TIME], in iad, shared-cpu-1x with 256 MB
    ok        place            one machine with one volume, as fly.toml says
    ok        volume           [VOLUME 1], 1 GB in iad; how full it is was not read
    ok        health           [URL]/_sim/www/healthz answers 200
    ok        schema           aaaaaaaaaaaa, declared and live
    not read  rows             the image is older than `landfall status`: the next deploy brings it
    ok        last backup      snapshot vs_1, [AGE] ago
    ok        last deploy      1: deploy of [COMMIT] to simapp by ada@example.com: served, on laptop at [TIME], in 42 s
    ok        lock             simapp is free: nobody holds its lock on this machine
    --- stderr
            Well simapp, as far as could be looked: 1 line above could not be read
    ");
}

#[test]
fn without_a_way_to_fly_what_git_knows_is_told() {
    let Some(home) = landfall_testkit::requires::fly("without_a_way_to_fly_what_git_knows_is_told") else {
        return;
    };
    let shop = Shop::new(&home);
    shop.sim.stop();
    let said = shop.world.run(&["status"]);
    assert_told!(said.to_string().replace(&shop.commit[..12], "[COMMIT]").replace(&shop.sim.url, "[URL]"), @"
    $ cargo xtask status
    --- exit code 0
    --- stdout
    ok        deployed commit  [COMMIT] by refs/landfall/deployed/simapp, which is HEAD
                               the machine's image: there is no way to Fly from here
                               [URL]/_sim/www/version: not asked: no machine is known
    not read  machine          not asked: there is no way to Fly from here
    ok        last deploy      1: deploy of [COMMIT] to simapp by ada@example.com: served, on laptop at [TIME], in 42 s
    ok        lock             simapp is free: nobody holds its lock on this machine
    --- stderr
       Not asked production of simapp: above is what git knows
    ");
    let world = crate::shop::shop().with_env("PATH", "/usr/bin:/bin").with_env("CARGO", env!("CARGO"));
    let said = world.run(&["status"]);
    assert_told!(said, @"
    $ cargo xtask status
    --- exit code 0
    --- stdout
    not read  deployed commit  git knows of none, and Fly was not asked: fly was not found on PATH
    not read  machine          not asked: fly was not found on PATH
    not read  last deploy      none was written down
    ok        lock             simapp is free: nobody holds its lock on this machine
    --- stderr
       Not asked production of simapp: above is what git knows
    ");
}

#[test]
fn before_the_first_deploy_it_says_so() {
    let Some(home) = landfall_testkit::requires::fly("before_the_first_deploy_it_says_so") else { return };
    let said = |scenario: &str| {
        let sim = Sim::start(&home, &json!({"base": scenario}));
        let said = connected(shop(), &sim).run(&["status"]);
        assert_eq!(sim.writes(), [] as [String; 0]);
        said.to_string()
    };
    assert_told!(said("app_not_found"), @"
    $ cargo xtask status
    --- exit code 0
    --- stdout
    ok        deployed commit  there is none yet
    ok        lock             simapp is free: nobody holds its lock on this machine
    --- stderr
         Nothing is deployed of simapp yet: cargo xtask deploy --create
    ");
    assert_eq!(said("first_deploy"), said("app_not_found"));
}

#[test]
fn an_interrupt_ends_it_and_tells_nothing_half_known() {
    let said = crate::production::interrupted("status");
    assert_eq!((said.exit, said.stdout.as_str()), (1, ""), "{said}");
    assert_eq!(said.stderr, "error: interrupted; nothing was changed\n");
}
