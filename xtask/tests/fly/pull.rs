//! A copy of production's database, fetched from a folder that stands for the machine's file system.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use landfall_engine::{Backup, Settings};
use landfall_testkit::sim::{Sim, running};
use landfall_testkit::world::{Said, World};
use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::shop::{SCHEMA, connected, git, shop};

/// Copies are made and removed on the machine as `landfall backup` does it; `$FLYSIM_DIR/get`, where there is one, fetches them.
const FLY: &str = r#"#!/bin/sh
file=$FLYSIM_DIR/rootfs$(echo "$4" | cut -d' ' -f3)
case "$4" in
  "landfall backup "*" --detach"*) cp "$FLYSIM_DIR/rootfs/data/db" "$file" ;;
  "landfall backup "*" --discard"*) rm -f "$file" ;;
esac
if [ "$1 $2" = "ssh sftp" ] && [ -x "$FLYSIM_DIR/get" ]; then exec "$FLYSIM_DIR/get" "$FLYSIM_DIR/rootfs$7" "$8"; fi
exec "$FLY" "$@"
"#;

/// A machine with a database of three customers, and a workspace that may pull from it.
struct Production {
    world: World,
    sim: Sim,
    made: Backup,
}

impl Production {
    /// In this scenario, as far as it differs from one in which all goes well.
    fn new(home: &Path, change: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = database(folder.path());
        let mut scenario = running("0123456789abcdef0123456789abcdef01234567", SCHEMA);
        scenario["exec"] = json!([
            app("--list", &json!({"files": []})),
            app("--detach", &state("running")),
            app("--discard", &state("absent")),
            app("--status", &json!({"state": "done", "backup": made, "error": null})),
        ]);
        for (key, value) in change.as_object().unwrap() {
            scenario[key] = value.clone();
        }
        let sim = Sim::start(home, &scenario);
        fs::create_dir_all(sim.folder().join("rootfs/data")).unwrap();
        fs::rename(folder.path().join("db"), sim.folder().join("rootfs/data/db")).unwrap();
        let world = connected(shop(), &sim);
        let production = Self { world, sim, made };
        let (folder, fly) = (production.sim.folder().display(), production.sim.fly());
        let known = format!("#!/bin/sh\nexport FLYSIM_DIR='{folder}' FLY='{}'\n", fly.display());
        production.program("bin/fly", &FLY.replace("#!/bin/sh\n", &known));
        let path = production.sim.environment()[0].1.clone();
        let folders = [production.sim.folder().join("bin")].into_iter().chain(std::env::split_paths(&path));
        let path = std::env::join_paths(folders).unwrap();
        Self { world: production.world.with_env("PATH", path), ..production }
    }

    /// An executable file beside the simulator's own.
    fn program(&self, name: &str, text: &str) {
        let file = self.sim.folder().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
    }

    fn pull(&self, args: &[&str]) -> Said {
        self.world.run(&[&["pull"], args].concat())
    }

    /// What is in the folder of pulled copies, but for what keeps them out of git.
    fn pulled(&self) -> Vec<String> {
        let mut names = names(&self.world.path(".data/pulled"));
        names.retain(|name| name != ".gitignore");
        names
    }

    fn copy(&self) -> PathBuf {
        let names = self.pulled();
        let is_copy = |name: &&String| name.starts_with("simapp-2") && name.ends_with(".db");
        let copy = names.iter().rfind(is_copy).unwrap_or_else(|| panic!("{names:?}"));
        self.world.path(".data/pulled").join(copy)
    }

    /// It must fail, and leave nothing, neither here nor there; the error.
    #[track_caller]
    fn fails(&self, exit: i32, args: &[&str]) -> String {
        let said = self.pull(args);
        assert_eq!(said.exit, exit, "{said}");
        assert_eq!(said.stdout, "");
        self.left_nothing(&said);
        self.error(&said)
    }

    #[track_caller]
    fn left_nothing(&self, said: &Said) {
        assert_eq!(self.pulled(), [] as [String; 0], "{said}");
        assert_eq!(names(&self.sim.folder().join("rootfs/data")), ["db"], "{said}");
        let commands = self.sim.commands();
        let discard = commands.last().unwrap();
        assert!(discard.starts_with("landfall backup /data/db.pull-simapp-"), "{commands:?}");
        assert!(discard.ends_with(" --discard --format json"), "{commands:?}");
    }

    /// The error, without this run's machine, copy and sums.
    fn error(&self, said: &Said) -> String {
        let at = said.stderr.find("error: ").unwrap_or_else(|| panic!("no error: {said}"));
        self.plain(&said.stderr[at..])
    }

    fn plain(&self, text: &str) -> String {
        let words = text.split_inclusive([' ', '\n', '/', '-', '.', '"']);
        let plain = words.map(|word| {
            let end = word.trim_end_matches([' ', '\n', '/', '-', '.', '"', ',', ';', ':', ')']).len();
            let (bare, rest) = word.split_at(end);
            let is_time = bare.len() == 16 && bare.ends_with('Z') && bare.starts_with("20");
            let is_random = bare.len() == 6 && text.contains(&format!("Z-{bare}"));
            let is_sum = bare.len() == 64;
            let name = if is_time {
                "[TIME]"
            } else if is_random {
                "[RANDOM]"
            } else if is_sum {
                "[SUM]"
            } else {
                bare
            };
            format!("{name}{rest}")
        });
        let plain: String = plain.collect();
        self.sim.machines().iter().fold(plain, |text, (id, _)| text.replace(id.as_str(), "[MACHINE]"))
    }
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The database of the machine, made as `landfall backup` makes a copy of it, and what that tells.
fn database(folder: &Path) -> Backup {
    let live = folder.join("live");
    let conn = Connection::open(&live).unwrap();
    conn.execute_batch(SCHEMA).unwrap();
    conn.execute_batch("INSERT INTO customers (name) VALUES ('Ada'), ('Grace'), ('Annie')").unwrap();
    let made = landfall_engine::backup(
        &live,
        &folder.join("db"),
        None,
        landfall_engine::Check::Integrity,
        &Settings::default(),
    )
    .unwrap();
    Backup { seconds: 0.25, ..made }
}

/// What an `landfall backup` command answers on the machine.
fn app(flag: &str, report: &Value) -> Value {
    let document = json!({"command": "backup", "exit": 0, "report": report, "error": null});
    json!({"match": format!("^landfall backup .*{flag}"), "exit_code": 0, "stdout": document.to_string()})
}

fn state(state: &str) -> Value {
    json!({"state": state, "backup": null, "error": null})
}

/// What `--status` answers of a copy that failed.
fn failed(message: &str, remedy: &str) -> Value {
    let error = json!({"kind": "database", "object": "", "message": message, "remedy": remedy});
    json!({"state": "failed", "backup": null, "error": error})
}

/// The first so many looks at a copy get this answer, whatever the scenario says.
fn looks(times: u32, answer: &Value) -> Value {
    let mut rule = json!({"method": "POST", "path": "/exec$", "body_match": "--status", "times": times});
    for (key, value) in answer.as_object().unwrap() {
        rule[key] = value.clone();
    }
    json!({"rules": [rule]})
}

#[test]
fn a_copy_is_fetched_checked_and_kept_for_its_owner_alone() {
    let Some(home) =
        landfall_testkit::requires::fly("a_copy_is_fetched_checked_and_kept_for_its_owner_alone")
    else {
        return;
    };
    let running = json!({"exit_code": 0, "stdout": app("", &state("running"))["stdout"]});
    let production = Production::new(&home, &looks(2, &json!({"status": 200, "body": running})));
    let said = production.pull(&[]);
    assert_eq!(said.exit, 0, "{said}");
    let copy = production.copy();
    assert_eq!(fs::read(&copy).unwrap(), fs::read(production.sim.folder().join("rootfs/data/db")).unwrap());
    let record = copy.with_extension("json");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode(copy.parent().unwrap()), mode(&copy), mode(&record)], [0o700, 0o600, 0o600]);
    let record: Value = serde_json::from_slice(&fs::read(record).unwrap()).unwrap();
    assert_eq!(record["sha256"], production.made.sha256);
    let told = production.plain(&said.to_string()).replace(record["time"].as_str().unwrap(), "[RFC 3339]");
    insta::assert_snapshot!(told, @"
    $ cargo xtask pull
    --- exit code 0
    --- stdout
    .data/pulled/simapp-[TIME].db
      machine  [MACHINE] of simapp, commit 0123456789abcdef0123456789abcdef01234567
      made     [RFC 3339], in 0.25 s there
      size     8.2 kB, SHA-256 [SUM]
      values   as in production

    Rows
      customers             3
    --- stderr
         Copying the database on machine [MACHINE]
        Fetching 8.2 kB from machine [MACHINE]
        Checking that it is what was made, and sound
          Pulled .data/pulled/simapp-[TIME].db
    ");
    assert_eq!((&record["seconds"], &record["scrubbed"]), (&json!(0.25), &json!(false)));
    assert_eq!(git(&production.world.path(""), &["status", "--porcelain"]), "", "never committed");

    let commands: Vec<_> = production.sim.commands().iter().map(|line| production.plain(line)).collect();
    insta::assert_snapshot!(commands.join("\n"), @"
    landfall backup --list --format json
    landfall backup /data/db.pull-simapp-[TIME]-[RANDOM] --detach --format json
    landfall backup /data/db.pull-simapp-[TIME]-[RANDOM] --status --format json
    landfall backup /data/db.pull-simapp-[TIME]-[RANDOM] --status --format json
    landfall backup /data/db.pull-simapp-[TIME]-[RANDOM] --status --format json
    landfall backup /data/db.pull-simapp-[TIME]-[RANDOM] --discard --format json
    ");
    assert_eq!(names(&production.sim.folder().join("rootfs/data")), ["db"], "{said}");
}

#[test]
fn programs_get_the_record_and_the_rows_by_table() {
    let Some(home) = landfall_testkit::requires::fly("programs_get_the_record_and_the_rows_by_table") else {
        return;
    };
    let production = Production::new(&home, &json!({}));
    let said = production.pull(&["--format", "json"]);
    assert_eq!(said.exit, 0, "{said}");
    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    let report = &document["report"];
    let copy = production.copy();
    assert_eq!(report["file"], format!(".data/pulled/{}", copy.file_name().unwrap().display()));
    assert_eq!(report["tables"], json!([{"table": "customers", "rows": 3}]));
    let record: Value = serde_json::from_slice(&fs::read(copy.with_extension("json")).unwrap()).unwrap();
    assert_eq!(report["record"], record);
    assert_eq!(record["commit"], "0123456789abcdef0123456789abcdef01234567");
}

#[test]
fn a_look_that_fails_is_repeated_and_three_in_a_row_end_it() {
    let Some(home) =
        landfall_testkit::requires::fly("a_look_that_fails_is_repeated_and_three_in_a_row_end_it")
    else {
        return;
    };
    let trouble = json!({"status": 500, "body": {"error": "internal: simulated"}});
    let production = Production::new(&home, &looks(2, &trouble));
    let said = production.pull(&[]);
    assert_eq!(said.exit, 0, "{said}");
    let production = Production::new(&home, &looks(9, &trouble));
    insta::assert_snapshot!(production.fails(1, &[]), @"
    error: `fly machine exec` failed: could not exec command on machine [MACHINE]: failed to exec on VM [MACHINE]: internal: simulated
    see what it says itself: fly status
    ");
}

#[test]
fn what_arrives_otherwise_is_found_out() {
    let Some(home) = landfall_testkit::requires::fly("what_arrives_otherwise_is_found_out") else { return };
    let production = Production::new(&home, &json!({}));
    let told = |get: &str| {
        production.program("get", &format!("#!/bin/sh\n{get}\n"));
        production.fails(1, &[])
    };
    insta::assert_snapshot!(
        told(r#"cp "$1" "$2"; printf X | dd of="$2" bs=1 seek=5000 conv=notrunc 2>/dev/null"#), @"
    error: the copy .data/pulled/simapp-[TIME]-[RANDOM].partial/simapp-[TIME].db is not what was made: it has 8192 bytes with SHA-256 [SUM], and should have 8192 with [SUM]; nothing was pulled
    fetch it again
    ");
    insta::assert_snapshot!(told(r#"head -c 5000 "$1" > "$2""#), @"
    error: the copy .data/pulled/simapp-[TIME]-[RANDOM].partial/simapp-[TIME].db is not what was made: it has 5000 bytes with SHA-256 [SUM], and should have 8192 with [SUM]; nothing was pulled
    fetch it again
    ");
    insta::assert_snapshot!(told(r#"head -c 5000 "$1" > "$2"; echo "Error: get: connection lost" >&2; exit 1"#), @"
    error: `fly ssh sftp get` failed: get: connection lost; nothing was pulled
    run the command again; where that fails too, see whether ssh works: fly ssh console -a simapp
    ");
    insta::assert_snapshot!(told(r#"echo "Error: get: file does not exist" >&2; exit 1"#), @"
    error: `fly ssh sftp get` failed: get: file does not exist; nothing was pulled
    run the command again; where that fails too, see whether ssh works: fly ssh console -a simapp
    ");
}

#[test]
fn a_copy_that_does_not_come_about_is_told_in_the_machines_words() {
    let Some(home) =
        landfall_testkit::requires::fly("a_copy_that_does_not_come_about_is_told_in_the_machines_words")
    else {
        return;
    };
    let told = |status: &Value| {
        let answer = json!({"status": 200, "body": {"stdout": app("", status)["stdout"]}});
        Production::new(&home, &looks(9, &answer)).fails(1, &[])
    };
    insta::assert_snapshot!(told(&failed("a copy of /data/db needs up to 9 MiB in /data and only 3 MiB are free; nothing was changed", "free some space there, or enlarge the volume")), @r#"
    error: the copy on machine [MACHINE] failed; it says: "a copy of /data/db needs up to 9 MiB in /data and only 3 MiB are free; nothing was changed (free some space there, or enlarge the volume)"; nothing was pulled
    mend what it says, where it is more than an interruption, and pull again: cargo xtask pull
    "#);
    insta::assert_snapshot!(told(&failed("/data/db.pull-x cannot be used: the process that made it died before it was complete", "remove what is left with: landfall backup /data/db.pull-x --discard")), @r#"
    error: the copy on machine [MACHINE] failed; it says: "/data/db.pull-x cannot be used: the process that made it died before it was complete (remove what is left with: landfall backup /data/db.pull-x --discard)"; nothing was pulled
    mend what it says, where it is more than an interruption, and pull again: cargo xtask pull
    "#);
    insta::assert_snapshot!(told(&state("absent")), @"
    error: the copy on machine [MACHINE] is gone before it was fetched: the machine was started anew, or somebody removed it; nothing was pulled
    run the command again
    ");
}

#[test]
fn there_has_to_be_room_here_before_anything_is_fetched() {
    let Some(home) = landfall_testkit::requires::fly("there_has_to_be_room_here_before_anything_is_fetched")
    else {
        return;
    };
    let huge = Backup { file: String::new(), bytes: 1 << 60, sha256: String::new(), seconds: 1.0 };
    let answer = json!({"state": "done", "backup": huge, "error": null});
    let answer = json!({"status": 200, "body": {"stdout": app("", &answer)["stdout"]}});
    let production = Production::new(&home, &looks(9, &answer));
    let error = production.fails(1, &[]);
    assert!(error.contains("needs up to 1099511627776 MiB in .data/pulled/simapp-"), "{error}");
}

#[test]
fn without_a_machine_that_runs_and_can_be_asked_it_is_told_what_to_do() {
    let Some(home) =
        landfall_testkit::requires::fly("without_a_machine_that_runs_and_can_be_asked_it_is_told_what_to_do")
    else {
        return;
    };
    let told = |change: Value| {
        let production = Production::new(&home, &change);
        let said = production.pull(&[]);
        assert_eq!((said.exit, production.pulled().len()), (1, 0), "{said}");
        assert!(production.sim.writes().iter().all(|write| write.ends_with("/exec")), "{said}");
        production.error(&said)
    };
    insta::assert_snapshot!(told(json!({"machine_state": "suspended"})), @"
    error: machine [MACHINE] is suspended, and is not woken unasked
    start it, and run the command again: fly machine start [MACHINE] -a simapp
    ");
    // To start it again would end the same way.
    insta::assert_snapshot!(told(json!({"machine_state": "stopped"})), @"
    error: machine [MACHINE] is stopped: its release ended by itself with exit code 1
    bring a release back that serves: cargo xtask rollback
    ");
    insta::assert_snapshot!(told(json!({"base": "host_unreachable"})), @"
    error: the host of machine [MACHINE] is unreachable
    wait for Fly: https://status.flyio.net; or bring its newest snapshot to another host: cargo xtask rollback --data newest
    ");
    insta::assert_snapshot!(told(json!({"base": "token_rejected"})), @"
    error: Fly does not accept the token: `fly machine list` was refused
    take a new token: fly tokens create deploy; and set FLY_API_TOKEN to it
    ");
    insta::assert_snapshot!(told(json!({"base": "app_not_found"})), @"
    error: Fly knows no app of this name, or the token is not for it
    check the app's name in fly.toml, and whose token this is: fly apps list
    ");
    insta::assert_snapshot!(told(json!({"base": "first_deploy"})), @"
    error: the app simapp has no machine
    check what is there: fly status -a simapp
    ");
    insta::assert_snapshot!(told(json!({"base": "two_machines"})), @"
    error: the app simapp has 2 machines ([MACHINE], [MACHINE]), each with data of its own
    find out which one has the data, before anything else: fly machine list -a simapp
    ");
    insta::assert_snapshot!(told(json!({"base": "exec_timeout"})), @"
    error: `fly machine exec`: the machine had no answer in time
    see https://status.flyio.net, then run the command again
    ");
    let old = json!({"command": "backup", "exit": 2, "report": null, "error":
        {"kind": "usage", "object": "", "message": "unexpected argument '--list' found", "remedy": "every command and flag: app --help"}});
    insta::assert_snapshot!(told(json!({"exec": [{"match": "landfall", "exit_code": 2, "stdout": old.to_string()}]})), @"
    error: the app on machine [MACHINE] is too old to be pulled from
    deploy this one first: cargo xtask deploy
    ");
}

#[test]
fn under_ci_nothing_is_pulled_whatever_is_asked_for() {
    let world = shop().with_env("CI", "true");
    let said = world.run(&["pull"]);
    assert_eq!((said.exit, world.path(".data").exists()), (2, false), "{said}");
    insta::assert_snapshot!(said.stderr, @"
    error: pull is refused under CI: your customers' data would lie on its disk; nothing was pulled
    rehearse where the data is: cargo xtask rehearse --fork
    ");
}

#[test]
fn the_configured_statements_reach_the_machine_as_they_are() {
    let Some(home) =
        landfall_testkit::requires::fly("the_configured_statements_reach_the_machine_as_they_are")
    else {
        return;
    };
    let production = Production::new(&home, &json!({}));
    let said = production.pull(&["--scrub"]);
    assert_eq!((said.exit, production.sim.commands().len()), (2, 0), "{said}");
    insta::assert_snapshot!(production.error(&said), @r#"
    error: --scrub has nothing to run: `scrub` is not configured; nothing was pulled
    add it to [workspace.metadata.landfall] in Cargo.toml, as in: scrub = ["UPDATE customers SET last_name = 'L' || id"]
    "#);

    let manifest = fs::read_to_string(production.world.path("Cargo.toml")).unwrap();
    let scrub = r#"scrub = ["UPDATE customers SET name = 'It''s \"N\" ' || id", "DELETE FROM customers WHERE id > 2"]"#;
    production.world.write("Cargo.toml", format!("{manifest}{scrub}\n"));
    let said = production.pull(&["--scrub"]);
    assert_eq!(said.exit, 0, "{said}");
    assert!(said.stdout.contains("  values   scrubbed\n"), "{said}");
    let record: Value =
        serde_json::from_slice(&fs::read(production.copy().with_extension("json")).unwrap()).unwrap();
    assert_eq!(record["scrubbed"], true);
    let commands = production.sim.commands();
    let detach = commands.iter().find(|command| command.contains("--detach")).unwrap();
    let base64 = detach.split(' ').skip_while(|word| *word != "--scrub").nth(1).unwrap();
    assert_eq!(
        String::from_utf8(BASE64_STANDARD.decode(base64).unwrap()).unwrap(),
        "UPDATE customers SET name = 'It''s \"N\" ' || id;\nDELETE FROM customers WHERE id > 2"
    );
}

#[test]
fn the_newest_copies_stay_and_nothing_else_is_touched() {
    let Some(home) = landfall_testkit::requires::fly("the_newest_copies_stay_and_nothing_else_is_touched")
    else {
        return;
    };
    let production = Production::new(&home, &json!({}));
    let folder = ".data/pulled";
    for name in [
        "simapp-20260101T000000Z",
        "simapp-20260102T000000Z",
        "simapp-20250102T000000Z",
        "other-20250102T000000Z",
    ] {
        production.world.write(&format!("{folder}/{name}.db"), "old");
        production.world.write(&format!("{folder}/{name}.json"), "{}");
    }
    production.world.write(&format!("{folder}/simapp-20250102T000000Z.db-wal"), "old");
    production.world.write(&format!("{folder}/simapp-mine.db"), "mine");
    let said = production.pull(&["--keep", "2"]);
    assert_eq!(said.exit, 0, "{said}");
    let new = production.copy();
    let mut pulled = production.pulled();
    pulled.retain(|name| !name.starts_with(new.file_stem().unwrap().to_str().unwrap()));
    assert_eq!(
        pulled,
        [
            "other-20250102T000000Z.db",
            "other-20250102T000000Z.json",
            "simapp-20260102T000000Z.db",
            "simapp-20260102T000000Z.json",
            "simapp-mine.db"
        ],
        "{said}"
    );
    assert!(new.exists(), "{said}");
}

#[test]
fn what_earlier_pulls_left_is_removed_and_what_others_work_on_stays() {
    let Some(home) =
        landfall_testkit::requires::fly("what_earlier_pulls_left_is_removed_and_what_others_work_on_stays")
    else {
        return;
    };
    let listed = |token: &str, state: &str| json!({"file": format!("/data/db.pull-{token}"), "state": state, "bytes": 4096});
    let now = humantime::format_rfc3339_seconds(std::time::SystemTime::now());
    let now = now.to_string().replace(['-', ':'], "");
    let (dead, others) = (format!("simapp-{now}-killed"), format!("simapp-{now}-others"));
    let list = json!({"files": [
        listed("simapp-20260101T000000Z-abcdef", "done"),
        listed("it's odd", "failed"),
        listed("simapp-20260101T000000Z-slow12", "running"),
        listed(&others, "done"),
        listed(&dead, "running"),
    ]});
    let exec = json!([
        app("--list", &list),
        app("--discard", &state("absent")),
        app("--(detach|status)", &failed("no", "no")),
    ]);
    let production = Production::new(&home, &json!({"exec": exec}));
    production.world.write(&format!(".data/pulled/{dead}.partial/db"), "half");
    let said = production.pull(&[]);
    assert_eq!((said.exit, production.pulled().len()), (1, 0), "{said}");
    let discarded = production.sim.commands();
    let discarded: Vec<_> = discarded
        .iter()
        .filter(|command| command.contains("--discard"))
        .map(|command| production.plain(command.trim_end_matches(" --discard --format json")))
        .collect();
    insta::assert_snapshot!(discarded.join("\n"), @r"
    landfall backup /data/db.pull-simapp-[TIME]-[RANDOM]
    landfall backup '/data/db.pull-it'\''s odd'
    landfall backup /data/db.pull-simapp-[TIME]-[RANDOM]
    landfall backup /data/db.pull-simapp-[TIME]-[RANDOM]
    ");
    insta::assert_snapshot!(production.plain(&said.stderr), @r#"
         Removed /data/db.pull-simapp-[TIME]-[RANDOM] (4.1 kB), which an earlier pull had left
         Removed /data/db.pull-it's odd (4.1 kB), which an earlier pull had left
    note: /data/db.pull-simapp-[TIME]-[RANDOM] on machine [MACHINE] stays: another pull is making it
    note: /data/db.pull-simapp-[TIME]-[RANDOM] on machine [MACHINE] stays: another pull, begun less than 6 hours ago, may be fetching it
         Removed /data/db.pull-simapp-[TIME]-[RANDOM] (4.1 kB), which an earlier pull had left
         Copying the database on machine [MACHINE]
    error: the copy on machine [MACHINE] failed; it says: "no (no)"; nothing was pulled
    mend what it says, where it is more than an interruption, and pull again: cargo xtask pull
    "#);
}

/// Starts a pull, asks it to stop once `begun` says so; what it said.
fn interrupted(production: &Production, begun: impl Fn() -> bool) -> Said {
    let mut command = production.world.command(&["pull"]);
    let pull = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !begun() {
        thread::sleep(Duration::from_millis(20));
    }
    kill_process(Pid::from_child(&pull), Signal::INT).unwrap();
    production.world.said(&["pull"], &pull.wait_with_output().unwrap())
}

#[test]
fn asked_to_stop_while_the_machine_copies_it_leaves_nothing() {
    let Some(home) =
        landfall_testkit::requires::fly("asked_to_stop_while_the_machine_copies_it_leaves_nothing")
    else {
        return;
    };
    let exec = json!([
        app("--list", &json!({"files": []})),
        app("--discard", &state("absent")),
        app("--(detach|status)", &state("running")),
    ]);
    let production = Production::new(&home, &json!({"exec": exec}));
    let looked = || production.sim.commands().iter().any(|command| command.contains("--status"));
    let said = interrupted(&production, looked);
    assert_eq!(said.exit, 1, "{said}");
    production.left_nothing(&said);
    insta::assert_snapshot!(production.plain(&said.stderr), @"
         Copying the database on machine [MACHINE]
    error: interrupted; nothing was pulled
    run the command again
    ");
}

#[test]
fn asked_to_stop_while_the_copy_arrives_it_leaves_nothing() {
    let Some(home) =
        landfall_testkit::requires::fly("asked_to_stop_while_the_copy_arrives_it_leaves_nothing")
    else {
        return;
    };
    let production = Production::new(&home, &json!({}));
    production.program(
        "get",
        "#!/bin/sh\nhead -c 5000 \"$1\" > \"$2\"; touch \"$FLYSIM_DIR/begun\"; exec sleep 600\n",
    );
    let said = interrupted(&production, || production.sim.folder().join("begun").exists());
    assert_eq!(said.exit, 1, "{said}");
    production.left_nothing(&said);
    insta::assert_snapshot!(production.plain(&said.stderr), @"
         Copying the database on machine [MACHINE]
        Fetching 8.2 kB from machine [MACHINE]
    error: interrupted; nothing was pulled
    run the command again
    ");
}

#[test]
fn what_cannot_be_removed_there_is_told() {
    let Some(home) = landfall_testkit::requires::fly("what_cannot_be_removed_there_is_told") else { return };
    let rule = json!({"method": "POST", "path": "/exec$", "body_match": "--discard", "status": 500,
        "body": {"error": "internal: simulated"}});
    let production = Production::new(&home, &json!({"rules": [rule]}));
    let said = production.pull(&[]);
    assert_eq!(said.exit, 0, "{said}");
    let note = said.stderr.lines().find(|line| line.starts_with("note: ")).unwrap();
    insta::assert_snapshot!(production.plain(note), @"note: /data/db.pull-simapp-[TIME]-[RANDOM] is left on machine [MACHINE]: `fly machine exec` failed: could not exec command on machine [MACHINE]: failed to exec on VM [MACHINE]: internal: simulated; it is removed when the machine starts, and by a later pull");
}
