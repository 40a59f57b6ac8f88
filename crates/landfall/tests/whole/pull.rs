//! Copies that are to be fetched: made by a process of their own, looked at, stopped, removed.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::project::{LANDFALL, Project, customers, stable};
use landfall_testkit::requires;
use landfall_testkit::server::{Ran, Server, ran};

const FILE: &str = ".data/db.pull-1";

/// A scrub that takes minutes, and grows nothing.
const LONG: &str = "WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000)
    DELETE FROM customers WHERE (SELECT count(*) FROM n) < 0";

fn base64(sql: &str) -> String {
    BASE64_STANDARD.encode(sql)
}

fn backup(project: &Project, arguments: &[&str]) -> Ran {
    project.run(&[&["backup", "--format", "json"], arguments].concat())
}

/// The report of one that must succeed.
fn report(project: &Project, arguments: &[&str]) -> Value {
    let ran = backup(project, arguments);
    assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""), "{arguments:?}");
    let document = ran.json();
    assert_eq!((&document["command"], &document["error"]), (&json!("backup"), &Value::Null));
    document["report"].clone()
}

fn state(project: &Project, file: &str) -> String {
    report(project, &[file, "--status"])["state"].as_str().unwrap().to_owned()
}

/// The status once it runs no more.
fn ended(project: &Project, file: &str) -> Value {
    loop {
        let status = report(project, &[file, "--status"]);
        if status["state"] != "running" {
            return status;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Starts a copy that takes minutes, and waits until it is at work: the process that makes it.
fn long(project: &Project) -> Pid {
    assert_eq!(report(project, &[FILE, "--detach", "--scrub", &base64(LONG)])["state"], "running");
    loop {
        let written = fs::read(project.path(&format!("{FILE}.state"))).unwrap();
        let pid =
            serde_json::from_slice::<Value>(&written).ok().and_then(|word| word["running"]["pid"].as_i64());
        if let Some(pid) = pid.filter(|_| project.path(&format!("{FILE}.unscrubbed")).exists()) {
            return Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// What lies beside the database.
fn beside(project: &Project) -> Vec<String> {
    let entries = fs::read_dir(project.path(".data")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| name.contains(".pull-"));
    names.sort();
    names
}

const NOTHING: [&str; 0] = [];

#[test]
fn a_detached_copy_is_running_then_done_and_gone_once_it_is_discarded() {
    let project = Project::with_ada();
    let service = project.service();
    service.execute_batch("INSERT INTO customers VALUES (8, 'Grace', 'Hopper')").unwrap();
    assert_eq!(
        report(&project, &[FILE, "--detach"]),
        json!({ "state": "running", "backup": null, "error": null })
    );
    let done = ended(&project, FILE);
    assert_eq!((&done["state"], &done["error"]), (&json!("done"), &Value::Null));
    let bytes = fs::metadata(project.path(FILE)).unwrap().len();
    assert_eq!((&done["backup"]["file"], &done["backup"]["bytes"]), (&json!(FILE), &json!(bytes)));
    assert_eq!(done["backup"]["sha256"].as_str().unwrap().len(), 64);
    assert!(done["backup"]["seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(customers(&project.path(FILE)), ["7 Ada Lovelace", "8 Grace Hopper"]);
    for file in beside(&project) {
        let mode = fs::metadata(project.path(&format!(".data/{file}"))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    assert_eq!(
        report(&project, &["--list"]),
        json!({ "files": [{ "file": FILE, "state": "done", "bytes": bytes }] })
    );
    let absent = json!({ "state": "absent", "backup": null, "error": null });
    for _ in 0..2 {
        assert_eq!(report(&project, &[FILE, "--discard"]), absent);
        assert_eq!(report(&project, &[FILE, "--status"]), absent);
    }
    assert_eq!(beside(&project), NOTHING);
    assert_eq!(report(&project, &["--list"]), json!({ "files": [] }));
    drop(service);
    assert_eq!(project.customers(), ["7 Ada Lovelace", "8 Grace Hopper"]);
}

#[test]
fn what_is_told_of_a_copy_as_text() {
    let project = Project::with_ada();
    let _stable = stable();
    let text = |arguments: &[&str]| project.run(&[&["backup"], arguments].concat()).stdout;
    let mut told = vec![text(&["--list"]), text(&[FILE, "--status"]), text(&[FILE, "--detach"])];
    ended(&project, FILE);
    told.extend([text(&[FILE, "--status"]), text(&["--list"]), text(&[FILE, "--discard"])]);
    assert_snapshot!(told.join("\n"), @"
    no copy lies beside the database

    .data/db.pull-1: absent

    .data/db.pull-1: running

    copied to .data/db.pull-1: 8192 bytes in [time], integrity checked
    sha256 [fingerprint]

    .data/db.pull-1: done, 8192 bytes

    .data/db.pull-1: absent
    ");
}

#[test]
fn a_copy_under_way_lives_in_a_session_of_its_own_has_no_final_name_and_is_made_once() {
    let project = Project::with_ada();
    let pid = long(&project);
    let facts = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap();
    let session = facts.rsplit(')').next().unwrap().split_whitespace().nth(3).unwrap();
    assert_eq!(session, pid.as_raw_nonzero().to_string());
    assert!(!project.path(FILE).exists());
    let again = backup(&project, &[FILE, "--detach"]);
    assert_eq!(again.exit, 1);
    assert_snapshot!(again.error(), @"
    error: the file .data/db.pull-1.state exists already; nothing was changed
    see what it is with: landfall backup .data/db.pull-1 --status; remove it with: landfall backup .data/db.pull-1 --discard
    ");
    // Another one does not mind.
    report(&project, &[".data/db.pull-2", "--detach"]);
    assert_eq!(ended(&project, ".data/db.pull-2")["state"], "done");
    let listed = report(&project, &["--list"]);
    let states: Vec<_> = listed["files"].as_array().unwrap().iter().map(|file| &file["state"]).collect();
    assert_eq!(states, ["running", "done"]);

    assert_eq!(report(&project, &[FILE, "--discard"])["state"], "absent");
    assert_eq!(beside(&project), ["db.pull-2", "db.pull-2.state"]);
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
}

#[test]
fn a_copy_whose_process_was_killed_has_failed() {
    let project = Project::with_ada();
    kill_process(long(&project), Signal::KILL).unwrap();
    let status = ended(&project, FILE);
    assert_eq!((&status["state"], &status["backup"]), (&json!("failed"), &Value::Null));
    assert_eq!(status["error"]["kind"], "database");
    assert_snapshot!(status["error"]["message"].as_str().unwrap(), @".data/db.pull-1 cannot be used: the process that made it died before it was complete");
    assert_snapshot!(status["error"]["remedy"].as_str().unwrap(), @"remove what is left with: landfall backup .data/db.pull-1 --discard");
    assert_eq!(report(&project, &["--list"])["files"][0]["state"], "failed");
    assert_eq!(backup(&project, &[FILE, "--detach"]).exit, 1, "what is left has to be seen first");
    report(&project, &[FILE, "--discard"]);
    assert_eq!(beside(&project), NOTHING);
}

#[test]
fn a_copy_that_is_asked_to_stop_leaves_nothing_but_why() {
    let project = Project::with_ada();
    kill_process(long(&project), Signal::TERM).unwrap();
    let status = ended(&project, FILE);
    assert_eq!((&status["state"], &status["error"]["kind"]), (&json!("failed"), &json!("interrupted")));
    assert_eq!(beside(&project), ["db.pull-1.state"]);
}

#[test]
fn a_detached_copy_that_fails_says_why() {
    let project = Project::with_ada();
    report(&project, &[FILE, "--detach", "--scrub", &base64("UPDATE customers SET last_name = NULL")]);
    let status = ended(&project, FILE);
    assert_eq!(
        status["error"],
        json!({
            "kind": "apply",
            "object": "statement 1 of the scrub",
            "message": "statement 1 of the scrub failed: NOT NULL constraint failed: customers.last_name\n  UPDATE customers SET last_name = NULL",
            "changed": "nothing",
            "remedy": "correct it: it runs on a copy, in one transaction with the others",
        })
    );
    assert_eq!(beside(&project), ["db.pull-1.state"]);
    let text = project.run(&["backup", FILE, "--status"]);
    assert_snapshot!(text.stdout, @"
    .data/db.pull-1: failed
    error: statement 1 of the scrub failed: NOT NULL constraint failed: customers.last_name; nothing was changed
      UPDATE customers SET last_name = NULL
    correct it: it runs on a copy, in one transaction with the others
    ");
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
}

#[test]
fn a_scrub_is_run_on_the_copy_alone() {
    let project = Project::with_ada();
    let service = project.service();
    let scrub = base64("UPDATE customers SET last_name = 'é' || id");
    let copied = report(&project, &["copy", "--scrub", &scrub]);
    assert_eq!(copied["file"], "copy");
    assert_eq!(customers(&project.path("copy")), ["7 Ada é7"]);
    report(&project, &[FILE, "--detach", "--scrub", &scrub]);
    assert_eq!(ended(&project, FILE)["state"], "done");
    assert_eq!(customers(&project.path(FILE)), ["7 Ada é7"]);
    assert!(!String::from_utf8_lossy(&fs::read(project.path(FILE)).unwrap()).contains("Lovelace"));
    drop(service);
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
    let wrong = project.run(&["backup", "other", "--scrub", "UPDATE"]);
    assert_eq!(wrong.exit, 2);
    assert!(wrong.stderr.contains("the scrub is no base64"), "{}", wrong.stderr);
}

#[test]
fn sigterm_in_the_middle_of_a_copy_leaves_nothing() {
    let project = Project::with_ada();
    let copying =
        Server::spawn_without_waiting(&mut project.landfall(&["backup", FILE, "--scrub", &base64(LONG)]));
    while !project.path(&format!("{FILE}.unscrubbed")).exists() {
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(state(&project, FILE), "running");
    let (exit, log) = copying.stop();
    assert_eq!(exit, 1);
    assert_eq!(beside(&project), NOTHING);
    assert_snapshot!(log, @"
    error: the copy of .data/db was interrupted; nothing was changed
    run the command again
    ");
}

#[test]
fn a_copy_of_that_name_is_looked_at_and_stopped_whoever_makes_it() {
    let project = Project::with_ada();
    let made = report(&project, &[FILE]);
    assert_eq!(
        report(&project, &[FILE, "--status"]),
        json!({ "state": "done", "backup": made, "error": null })
    );
    report(&project, &[FILE, "--discard"]);
    let copying =
        Server::spawn_without_waiting(&mut project.landfall(&["backup", FILE, "--scrub", &base64(LONG)]));
    while !project.path(&format!("{FILE}.unscrubbed")).exists() {
        thread::sleep(Duration::from_millis(10));
    }
    report(&project, &[FILE, "--discard"]);
    assert_eq!(copying.end().0, 1);
    assert_eq!(beside(&project), NOTHING);
}

#[test]
fn only_files_of_that_name_beside_the_database_are_touched() {
    let project = Project::with_ada();
    fs::create_dir(project.path("other")).unwrap();
    fs::write(project.path("other/db.pull-1"), "precious").unwrap();
    let names = [
        ".data/db",
        ".data/db-wal",
        ".data/db.pull-",
        ".data/db.pull-1.state",
        ".data/db.pull-1.partial",
        ".data/db.pull-1.unscrubbed-journal",
        ".data/db.pull-1/..",
        ".data/db.pull-1/../db",
        "other/db.pull-1",
        "db.pull-1",
        "",
    ];
    for name in names {
        for verb in ["--detach", "--status", "--discard"] {
            let refused = backup(&project, &[name, verb]);
            assert_eq!(refused.exit, 2, "{name} {verb}: {}", refused.stdout);
            assert_eq!(refused.json()["error"]["kind"], "usage");
        }
    }
    assert_snapshot!(project.run(&["backup", ".data/db", "--discard"]).error(), @"
    error: .data/db is no copy beside the database that can be fetched; nothing was changed
    name it .data/db.pull-NAME
    ");
    assert_eq!(fs::read(project.path("other/db.pull-1")).unwrap(), b"precious");
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
    // The same folder under another name is the same folder.
    let whole = project.path(FILE);
    assert_eq!(state(&project, whole.to_str().unwrap()), "absent");
    assert_eq!(state(&project, "other/../.data/db.pull-1"), "absent");
}

#[test]
fn flags_that_mean_nothing_together_are_refused() {
    let project = Project::new();
    for arguments in [
        &["--status"][..],
        &[FILE, "--status", "--discard"],
        &[FILE, "--detach", "--status"],
        &[FILE, "--list"],
        &["--list", "--scrub", "eA=="],
        &[FILE, "--status", "--scrub", "eA=="],
    ] {
        assert_eq!(backup(&project, arguments).exit, 2, "{arguments:?}");
    }
}

#[test]
fn the_process_of_a_detached_copy_is_not_started_by_hand() {
    let project = Project::with_ada();
    fs::write(project.path(&format!("{FILE}.state")), "").unwrap();
    let refused = project.run(&["backup", FILE, "--detached"]);
    assert_eq!(refused.exit, 2);
    assert_eq!(beside(&project), ["db.pull-1.state"]);
    assert_snapshot!(refused.error(), @"
    error: --detached is for the process that --detach starts; nothing was changed
    write: landfall backup .data/db.pull-1 --detach
    ");
}

#[test]
fn nothing_is_begun_where_there_is_no_database_or_something_is_in_the_way() {
    let project = Project::new();
    let missing = backup(&project, &[FILE, "--detach"]);
    assert_eq!(missing.exit, 1);
    assert!(!project.path(".data").exists());
    assert_eq!(report(&project, &["--list"]), json!({ "files": [] }));
    assert_eq!(state(&project, FILE), "absent");
    report(&project, &[FILE, "--discard"]);

    let project = Project::with_ada();
    fs::write(project.path(FILE), "precious").unwrap();
    let taken = backup(&project, &[FILE, "--detach"]);
    assert_eq!(taken.exit, 1);
    assert_eq!(
        (beside(&project), fs::read(project.path(FILE)).unwrap()),
        (vec!["db.pull-1".to_owned()], b"precious".to_vec())
    );
    assert_snapshot!(taken.error(), @"
    error: the file .data/db.pull-1 exists already; nothing was changed
    see what it is with: landfall backup .data/db.pull-1 --status; remove it with: landfall backup .data/db.pull-1 --discard
    ");
    let status = report(&project, &[FILE, "--status"]);
    assert_eq!(status["state"], "failed");
    assert_snapshot!(status["error"]["message"].as_str().unwrap(), @".data/db.pull-1 cannot be used: nothing tells how it was made, or whether it is complete");
}

#[test]
fn a_state_that_is_no_state_is_a_copy_that_failed() {
    let project = Project::with_ada();
    let file = project.path(&format!("{FILE}.state"));
    // The last would be every process of this user.
    for text in
        ["", "{", "null", "{\"done\":{}}", "{\"running\":{\"pid\":1}}", "{\"running\":{\"pid\":4294967295}}"]
    {
        fs::write(&file, text).unwrap();
        assert_eq!(state(&project, FILE), "failed", "{text}");
        report(&project, &[FILE, "--discard"]);
        assert_eq!(beside(&project), NOTHING);
    }
    report(&project, &[FILE, "--detach"]);
    ended(&project, FILE);
    fs::remove_file(project.path(FILE)).unwrap();
    let status = report(&project, &[FILE, "--status"]);
    assert_snapshot!(status["error"]["message"].as_str().unwrap(), @".data/db.pull-1 cannot be used: it was complete, and somebody has removed it");
    report(&project, &[FILE, "--discard"]);
    // A folder is neither read nor removed.
    fs::create_dir(&file).unwrap();
    let refused = project.run(&["backup", FILE, "--discard"]);
    assert_eq!(refused.exit, 1);
    assert_snapshot!(refused.error(), @"
    error: cannot read .data/db.pull-1.state: Is a directory (os error 21); the database was not changed
    check the rights of it and of its folder
    ");
}

#[test]
fn a_process_that_does_not_stop_is_told_and_its_files_are_left() {
    let project = Project::with_ada();
    let state = project.path(&format!("{FILE}.state"));
    let file = fs::File::create_new(&state).unwrap();
    file.lock().unwrap();
    // It has the state open, as one that makes a copy has, and is deaf.
    let mut deaf = Command::new("sh");
    deaf.args(["-c", "trap '' TERM; echo deaf; exec sleep 600"]).stdin(file).stdout(Stdio::piped());
    let mut deaf = deaf.spawn().unwrap();
    deaf.stdout.as_mut().unwrap().read_exact(&mut [0; 4]).unwrap();
    fs::write(&state, json!({ "running": { "pid": deaf.id() } }).to_string()).unwrap();
    let refused = project.run(&["backup", FILE, "--discard"]);
    assert_eq!((refused.exit, beside(&project)), (1, vec!["db.pull-1.state".to_owned()]));
    assert_snapshot!(refused.error(), @"
    error: the process that makes .data/db.pull-1 was asked to stop and did not within 10 s; nothing was changed
    run the command again
    ");
    deaf.kill().unwrap();
    deaf.wait().unwrap();
}

#[test]
fn start_removes_what_nobody_fetched_and_leaves_what_is_being_made() {
    let project = Project::with_ada();
    long(&project);
    for name in ["2", "2.state", "3.partial", "3.partial-journal", "4.unscrubbed", "5.state"] {
        fs::write(project.path(&format!(".data/db.pull-{name}")), "left").unwrap();
    }
    fs::write(project.path(".data/db.pull"), "precious").unwrap();
    let (exit, log) = project.started().stop();
    assert_eq!(exit, 0);
    let left: Vec<_> = beside(&project).into_iter().filter(|name| !name.ends_with("-journal")).collect();
    assert_eq!(left, ["db.pull-1.state", "db.pull-1.unscrubbed"]);
    assert!(project.path(".data/db.pull").exists());
    let told: Vec<_> = log.lines().filter(|line| line.contains(".pull-")).collect();
    assert_snapshot!(told.join("\n"), @"
    INFO .data/db.pull-1 is being made, and stays
    INFO .data/db.pull-2 is removed: nobody has fetched it
    INFO .data/db.pull-3 is removed: nobody has fetched it
    INFO .data/db.pull-4 is removed: nobody has fetched it
    INFO .data/db.pull-5 is removed: nobody has fetched it
    ");
    assert_eq!(state(&project, FILE), "running");
    report(&project, &[FILE, "--discard"]);
}

#[test]
fn of_a_state_file_that_somebody_planted_no_more_is_read_than_one_has() {
    let project = Project::with_ada();
    let planted = project.path(".data/db.pull-1.state");
    fs::File::create_new(&planted).unwrap().set_len(1 << 40).unwrap();
    // With room for itself, and not for that.
    let mut start = Command::new("sh");
    start.args(["-c", "ulimit -v 1048576; exec \"$0\" start", LANDFALL]).current_dir(project.path("."));
    let ran = ran(start.env_clear());
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
}

const STRANGER: u32 = 65_532;

/// A database that belongs to somebody else, in a folder that belongs to `folder`; and a command on it, run as root.
fn of_a_stranger(folder: u32) -> (Project, tempfile::TempDir, PathBuf) {
    let (project, volume) = (Project::with_ada(), tempfile::tempdir_in("/dev/shm").unwrap());
    fs::set_permissions(volume.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let database = volume.path().join("db");
    fs::copy(project.database(), &database).unwrap();
    chown(&database, Some(STRANGER), Some(STRANGER)).unwrap();
    chown(volume.path(), Some(folder), Some(folder)).unwrap();
    let file = volume.path().join("db.pull-1");
    (project, volume, file)
}

#[test]
fn run_as_root_a_detached_copy_belongs_to_the_owner_of_the_database() {
    if !requires::root("run_as_root_a_detached_copy_belongs_to_the_owner_of_the_database") {
        return;
    }
    let (project, volume, file) = of_a_stranger(STRANGER);
    let run = |verb: &str| {
        let mut backup = project.landfall(&["backup", file.to_str().unwrap(), verb, "--format", "json"]);
        ran(backup.env("DB_PATH", volume.path().join("db"))).json()["report"]["state"].clone()
    };
    assert_eq!(run("--detach"), "running");
    while run("--status") == "running" {
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(run("--status"), "done");
    for entry in fs::read_dir(volume.path()).unwrap() {
        let facts = entry.unwrap().metadata().unwrap();
        assert_eq!((facts.uid(), facts.gid()), (STRANGER, STRANGER));
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_told() {
    if !requires::root("a_folder_that_cannot_be_written_is_told") {
        return;
    }
    let (project, volume, file) = of_a_stranger(0);
    let mut backup = project.landfall(&["backup", file.to_str().unwrap(), "--detach"]);
    let refused = ran(backup.env("DB_PATH", volume.path().join("db")));
    assert_eq!(refused.exit, 1);
    assert_snapshot!(refused.error().replace(volume.path().to_str().unwrap(), "[DIR]"), @"
    error: cannot make [DIR]/db.pull-1.state: Permission denied (os error 13); the database was not changed
    check the rights of it and of its folder
    ");
}

#[test]
fn a_process_that_cannot_be_started_leaves_nothing() {
    let project = Project::with_ada();
    let mut shell = Command::new("sh");
    // Enough for the state and no more.
    shell.args(["-c", "ulimit -n 4; exec \"$0\" backup \"$1\" --detach", LANDFALL, FILE]);
    let refused = ran(shell.current_dir(project.path("")).stdin(Stdio::null()));
    assert_eq!(refused.exit, 1);
    assert_eq!(beside(&project), NOTHING);
    assert_snapshot!(refused.error(), @"
    error: the process that was to make .data/db.pull-1 cannot be started: Too many open files (os error 24); nothing was changed
    make it without a process of its own: landfall backup .data/db.pull-1
    ");
}
