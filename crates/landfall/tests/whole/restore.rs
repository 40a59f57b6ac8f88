//! A copy that is put back in the place of the database.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use insta::assert_snapshot;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::project::{CUSTOMERS, Project, START, customers, spawned, stable};
use landfall_testkit::requires;
use landfall_testkit::server::{Ran, Server, ran};

const COPY: &str = ".data/db.before-20250101T000000Z-aaaaaaaaaaaa";

/// A copy that has Ada, beside a database that has Grace, too.
fn project() -> Project {
    let project = Project::with_ada();
    assert_eq!(project.run(&["backup", COPY]).exit, 0);
    project.sql("INSERT INTO customers VALUES (8, 'Grace', 'Hopper')");
    project
}

/// The same with many rows in both, so that a copy takes its time.
fn large() -> Project {
    let project = Project::with_ada();
    project.sql(
        "INSERT INTO customers (first_name, last_name)
         WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
         SELECT 'Ada ' || i, hex(randomblob(40)) FROM n",
    );
    assert_eq!(project.run(&["backup", COPY]).exit, 0);
    project
        .sql("INSERT INTO customers VALUES (80000, 'Grace', 'Hopper'); DELETE FROM customers WHERE id = 100");
    project
}

fn restore(project: &Project, copy: &str) -> Ran {
    project.run(&["restore", copy, "--format", "json"])
}

/// The report of one that must succeed.
fn report(project: &Project, copy: &str) -> Value {
    let ran = restore(project, copy);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    let document = ran.json();
    assert_eq!((&document["command"], &document["error"]), (&json!("restore"), &Value::Null));
    document["report"].clone()
}

/// How many customers a sound database has, and a checksum of all that they are.
fn content(database: &Path) -> (usize, String) {
    // Not for reading only: what a kill cut short is for SQLite to roll back.
    let conn = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    let check: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let rows = customers(database);
    (rows.len(), sum(rows.join("\n")))
}

fn sum(bytes: impl AsRef<[u8]>) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What lies in the folder of the database, without the lock: names, and checksums of the bytes.
fn folder(project: &Project) -> BTreeMap<String, String> {
    let entries = fs::read_dir(project.path(".data")).unwrap().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    let mut files: BTreeMap<_, _> = files
        .map(|entry| (entry.file_name().into_string().unwrap(), sum(fs::read(entry.path()).unwrap())))
        .collect();
    // What SQLite has beside a database that was only read holds nothing of it.
    files.retain(|name, bytes| !(name.ends_with("-shm") || name.ends_with("-wal") && *bytes == sum("")));
    files.remove("db.lock");
    files
}

/// Those that were set aside, oldest first.
fn set_aside(project: &Project) -> Vec<PathBuf> {
    let names = folder(project).into_keys().filter(|name| name.starts_with("db.set-aside-"));
    names
        .filter(|name| !name.ends_with(".last-change"))
        .map(|name| project.path(".data").join(name))
        .collect()
}

fn without_time(project: &Project, text: &str) -> String {
    set_aside(project).iter().fold(text.to_owned(), |text, file| {
        let name = file.file_name().unwrap().to_str().unwrap();
        text.replace(name, "db.set-aside-[TIME]")
    })
}

#[test]
fn the_copy_takes_the_place_of_the_database_which_is_set_aside_and_nothing_else_is_left() {
    let project = large();
    fs::set_permissions(project.database(), PermissionsExt::from_mode(0o640)).unwrap();
    let (old, copy) = (content(&project.database()), content(&project.path(COPY)));
    let (copied, record) = (fs::read(project.path(COPY)).unwrap(), project.run(&["last-change"]).stdout);
    assert_ne!(old, copy);
    let report = report(&project, COPY);
    let keys: Vec<_> = report.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["database", "from", "set_aside", "bytes", "seconds", "tables"]);
    assert_eq!((&report["database"], &report["from"]), (&json!(".data/db"), &json!(COPY)));
    assert_eq!(report["bytes"], fs::metadata(project.database()).unwrap().len());
    assert_eq!(report["tables"], json!([{ "table": "customers", "rows": copy.0 }]));
    let aside = report["set_aside"].as_str().unwrap();
    assert_eq!(set_aside(&project), [project.path(aside)]);
    assert_eq!((content(&project.database()), content(&project.path(aside))), (copy, old));
    assert_eq!(fs::read(project.path(COPY)).unwrap(), copied);
    let mode = |file: &Path| fs::metadata(file).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&project.database()), mode(&project.path(aside))), (0o640, 0o640));
    // The record tells of the database that it was written for, and of no other.
    assert_eq!(project.run(&["last-change", "--format", "json"]).json()["report"], Value::Null);
    assert_eq!(ran(project.landfall(&["last-change"]).env("DB_PATH", aside)).stdout, record);
    let aside = aside.strip_prefix(".data/").unwrap().to_owned();
    let names: Vec<_> = folder(&project).into_keys().collect();
    assert_eq!(names, ["db", COPY.strip_prefix(".data/").unwrap(), &aside, &format!("{aside}.last-change")]);
    assert_eq!(project.started().stop().0, 0);
}

#[test]
fn what_a_person_is_told() {
    let project = project();
    let restored = project.run(&["restore", COPY]);
    assert_eq!(restored.exit, 0, "{}", restored.stderr);
    let _stable = stable();
    assert_snapshot!(without_time(&project, &restored.stdout), @"
    .data/db is now a copy of .data/db.before-20250101T000000Z-aaaaaaaaaaaa: 8192 bytes in [time], integrity checked
    what it was is set aside: .data/db.set-aside-[TIME]
    rows of customers: 1
    ");
    assert_snapshot!(restored.stderr, @"
    INFO checking .data/db.before-20250101T000000Z-aaaaaaaaaaaa
    INFO copying .data/db.before-20250101T000000Z-aaaaaaaaaaaa to put it back
    ");
}

#[test]
fn what_was_set_aside_can_be_put_back_and_one_copy_again_and_again() {
    let project = project();
    let (old, copy) = (content(&project.database()), content(&project.path(COPY)));
    let aside = report(&project, COPY)["set_aside"].as_str().unwrap().to_owned();
    report(&project, &aside);
    assert_eq!(content(&project.database()), old);
    // Most likely in one second.
    for _ in 0..2 {
        report(&project, COPY);
        assert_eq!(content(&project.database()), copy);
    }
    let aside: Vec<_> = set_aside(&project).iter().map(|file| content(file)).collect();
    assert_eq!(aside, [old.clone(), copy.clone(), old, copy]);
}

#[test]
fn rows_that_are_in_the_log_of_a_service_that_was_killed_are_set_aside_too() {
    let project = project();
    let service = project.service();
    service.execute_batch("INSERT INTO customers VALUES (9, 'Mary', 'Somerville')").unwrap();
    // As it is at the moment of a death.
    let files = ["db", "db-wal"].map(|file| (file, fs::read(project.path(".data").join(file)).unwrap()));
    drop(service);
    for (file, bytes) in files {
        fs::write(project.path(".data").join(file), bytes).unwrap();
    }
    assert!(fs::metadata(project.path(".data/db-wal")).unwrap().len() > 0);
    report(&project, COPY);
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
    let aside = set_aside(&project).remove(0);
    assert!(["-wal", "-journal"].iter().all(|log| !project.path(&format!(".data/db{log}")).exists()));
    assert_eq!(customers(&aside), ["7 Ada Lovelace", "8 Grace Hopper", "9 Mary Somerville"]);
}

#[test]
fn rows_that_are_in_the_log_of_a_copy_are_put_back_too() {
    let project = project();
    let made = Connection::open(project.path(COPY)).unwrap();
    made.execute_batch("PRAGMA journal_mode = wal; INSERT INTO customers VALUES (9, 'Mary', 'Somerville')")
        .unwrap();
    assert!(fs::metadata(project.path(&format!("{COPY}-wal"))).unwrap().len() > 0);
    report(&project, COPY);
    assert_eq!(project.customers(), ["7 Ada Lovelace", "9 Mary Somerville"]);
    assert_eq!(customers(&project.path(COPY)), ["7 Ada Lovelace", "9 Mary Somerville"]);
}

#[test]
fn while_a_service_holds_the_database_nothing_is_put_back() {
    let project = project();
    let server = project.started();
    let refused = restore(&project, COPY);
    assert_eq!((refused.exit, &refused.json()["error"]["kind"]), (1, &json!("locked")));
    assert_snapshot!(refused.error(), @"
    error: another process has served .data/db for more than 10 s; nothing was changed
    stop the service, and whatever else uses the database, first
    ");
    assert!(set_aside(&project).is_empty());
    project.sql("INSERT INTO customers VALUES (9, 'Mary', 'Somerville')");
    assert_eq!(server.stop().0, 0);
    assert_eq!(project.customers().len(), 3);
}

#[test]
fn a_service_without_the_lock_or_another_program_is_waited_for_too() {
    let project = project();
    let service = project.service();
    service.execute_batch("BEGIN; SELECT * FROM customers").unwrap();
    // Not their content: whoever closes a file lets go of the locks that its process has on it.
    let names = || fs::read_dir(project.path(".data")).unwrap().map(|entry| entry.unwrap().file_name());
    let before: BTreeSet<_> = names().collect();
    let refused = restore(&project, COPY);
    assert_eq!((refused.exit, &refused.json()["error"]["kind"]), (1, &json!("locked")));
    assert_snapshot!(refused.error(), @"
    error: another connection held a lock on .data/db for more than 10 seconds; nothing was changed
    stop the service, and whatever else uses the database, first
    ");
    assert_eq!(names().collect::<BTreeSet<_>>(), before);
    drop(service);
}

#[test]
fn what_must_not_be_put_back_is_named_and_nothing_is_changed() {
    let project = project();
    let make = |name: &str, bytes: &[u8]| fs::write(project.path(&format!(".data/{name}")), bytes).unwrap();
    let whole = fs::read(project.path(COPY)).unwrap();
    make("db.pull-1.partial", &whole);
    make("letter", b"Dear Ada, this is a letter and no database at all.");
    make("empty", b"");
    make("short", &whole[..4096]);
    let mut damaged = whole;
    damaged[4096..].fill(0xff);
    make("damaged", &damaged);
    fs::create_dir(project.path(".data/folder")).unwrap();
    symlink("db", project.path(".data/link")).unwrap();
    fs::hard_link(project.database(), project.path(".data/same")).unwrap();
    fs::copy(project.path(COPY), project.path("elsewhere")).unwrap();
    let before = folder(&project);
    let refused = |exit: i32, copy: &str| {
        let refused = restore(&project, copy);
        assert_eq!((refused.exit, &refused.json()["report"]), (exit, &Value::Null), "{copy}");
        assert_eq!(folder(&project), before, "{copy}");
        refused.error().to_owned()
    };
    assert_snapshot!(refused(2, ".data/db"), @"
    error: .data/db is the database itself; nothing was changed
    name a complete copy: landfall status lists them
    ");
    assert_snapshot!(refused(2, ".data/same"), @"
    error: .data/same is the database itself; nothing was changed
    name a complete copy: landfall status lists them
    ");
    assert_snapshot!(refused(2, "elsewhere"), @"
    error: elsewhere does not lie beside .data/db; nothing was changed
    name a file in .data: landfall status lists them
    ");
    assert_snapshot!(refused(2, ".data/db.pull-1.partial"), @"
    error: .data/db.pull-1.partial is a part of a copy that was never complete; nothing was changed
    name a complete copy: landfall status lists them
    ");
    assert_snapshot!(refused(1, ".data/missing"), @"
    error: .data/missing does not exist; nothing was changed
    name a complete copy: landfall status lists them
    ");
    assert_snapshot!(refused(1, ".data/folder"), @"
    error: .data/folder is not a file of its own; nothing was changed
    name a complete copy: landfall status lists them
    ");
    assert_snapshot!(refused(1, ".data/link"), @"
    error: .data/link is not a file of its own; nothing was changed
    name a complete copy: landfall status lists them
    ");
    assert_snapshot!(refused(1, ".data/letter"), @"
    error: the database .data/letter cannot be opened: it is not an SQLite database, or it is encrypted; nothing was changed
    name another copy: landfall status lists them
    ");
    assert_snapshot!(refused(1, ".data/empty"), @"
    error: the copy .data/empty is damaged: it is empty; nothing was changed
    name another copy: landfall status lists them
    ");
    assert_snapshot!(refused(1, ".data/short"), @"
    error: the database .data/short cannot be opened: it is damaged (the database disk image is malformed); nothing was changed
    name another copy: landfall status lists them
    ");
    assert_snapshot!(refused(1, ".data/damaged"), @"
    error: the copy .data/damaged is damaged: *** in database main ***; nothing was changed
    Tree 2 page 2: btreeInitPage() returns error code 11
    name another copy: landfall status lists them
    ");
    assert_snapshot!(project.run(&["restore"]).stderr, @"
    error: the following required arguments were not provided:
      <COPY>

    Usage: landfall restore <COPY>

    For more information, try '--help'.
    ");
}

#[test]
fn a_copy_whose_indexes_do_not_have_its_rows_is_refused_although_a_copy_of_it_would_be_sound() {
    let project = Project::new();
    project.declare("CREATE TABLE codes (code TEXT);\nCREATE INDEX by_code ON codes (code);\n");
    assert_eq!(project.run(&["migrate"]).exit, 0);
    project.sql("INSERT INTO codes VALUES ('x')");
    let mut bytes = fs::read(project.database()).unwrap();
    // The value in the index alone.
    let at = bytes.iter().rposition(|byte| *byte == b'x').unwrap();
    bytes[at] = b'y';
    fs::write(project.path(COPY), bytes).unwrap();
    let before = folder(&project);
    let refused = restore(&project, COPY);
    assert_eq!(refused.exit, 1);
    assert_eq!(folder(&project), before);
    assert_snapshot!(refused.error(), @"
    error: the copy .data/db.before-20250101T000000Z-aaaaaaaaaaaa is damaged: row 1 missing from index by_code; nothing was changed
    name another copy: landfall status lists them
    ");
}

#[test]
fn a_database_that_nobody_can_read_is_set_aside_as_it_is_and_with_a_log_it_is_refused() {
    let project = project();
    let letter = "Dear Ada, this is a letter and no database at all.";
    fs::write(project.database(), letter).unwrap();
    fs::write(project.path(".data/db-wal"), "a log").unwrap();
    let before = folder(&project);
    let refused = restore(&project, COPY);
    assert_eq!(refused.exit, 1);
    assert_eq!(folder(&project), before);
    assert_snapshot!(refused.error(), @"
    error: .data/db cannot be set aside: what is in .data/db-wal cannot be moved into it; nothing was changed
      the database .data/db cannot be opened: it is not an SQLite database, or it is encrypted
    move both away together, and run the command again
    ");
    fs::remove_file(project.path(".data/db-wal")).unwrap();
    report(&project, COPY);
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
    assert_eq!(fs::read_to_string(&set_aside(&project)[0]).unwrap(), letter);
}

#[test]
fn where_there_is_no_database_there_is_one_afterwards_and_nothing_is_set_aside() {
    let project = project();
    fs::remove_file(project.database()).unwrap();
    fs::write(project.path(".data/db-wal"), "of a database that is gone").unwrap();
    let before = folder(&project);
    let refused = restore(&project, COPY);
    assert_eq!(refused.exit, 1);
    assert_eq!(folder(&project), before);
    assert_snapshot!(refused.error(), @"
    error: .data/db-wal is a part of a database that is gone; nothing was changed
    move it away, and run the command again
    ");
    fs::remove_file(project.path(".data/db-wal")).unwrap();
    assert_eq!(report(&project, COPY)["set_aside"], Value::Null);
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
    assert!(set_aside(&project).is_empty());
    // An empty file is no database either.
    fs::write(project.database(), "").unwrap();
    let restored = project.run(&["restore", COPY]);
    assert_eq!(restored.exit, 0, "{}", restored.stderr);
    assert!(restored.stdout.contains("\nthere was no database before\n"), "{}", restored.stdout);
}

#[test]
fn a_database_behind_a_link_is_refused() {
    let project = project();
    fs::rename(project.database(), project.path("db")).unwrap();
    symlink("../db", project.database()).unwrap();
    let refused = restore(&project, COPY);
    assert_eq!(refused.exit, 1);
    let error = if rustix::process::geteuid().is_root() {
        let database = project.path("db").canonicalize().unwrap();
        format!(
            "error: .data/db is a link in the place of the database, and root follows none there; nothing was changed\n\
             if it is yours, name the file itself with DB_PATH: {}\n",
            database.display()
        )
    } else {
        "error: .data/db is not a file of its own, and cannot be set aside; nothing was changed\n\
         name the file itself with DB_PATH\n"
            .to_owned()
    };
    assert_eq!(refused.error(), error);
    assert_eq!(customers(&project.path("db")).len(), 2);
}

#[test]
fn a_disk_without_room_for_a_second_copy_is_told_and_nothing_is_changed() {
    let (project, disk) = (large(), tempfile::tempdir().unwrap());
    let files = [project.database(), project.path(COPY)];
    let size = files.iter().map(|file| fs::metadata(file).unwrap().len()).sum::<u64>() + (1 << 20);
    let mount = |arguments: &[&str]| {
        let done = Command::new("mount").args(arguments).arg(disk.path()).status();
        done.is_ok_and(|status| status.success())
    };
    if !mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]) {
        requires::skip("a_disk_without_room_for_a_second_copy_is_told_and_nothing_is_changed", "mount");
        return;
    }
    let database = disk.path().join("db");
    let copy = disk.path().join(project.path(COPY).file_name().unwrap());
    fs::copy(&files[0], &database).unwrap();
    fs::copy(&files[1], &copy).unwrap();
    let before = content(&database);
    let mut restore = project.landfall(&["restore", copy.to_str().unwrap()]);
    let refused = ran(restore.env("DB_PATH", &database));
    let names = fs::read_dir(disk.path()).unwrap().count();
    let after = content(&database);
    assert!(Command::new("umount").arg(disk.path()).status().unwrap().success());
    // The two and the lock.
    assert_eq!((refused.exit, names), (1, 3));
    assert_eq!(after, before);
    assert_snapshot!(refused.error().replace(disk.path().to_str().unwrap(), "[DIR]"), @"
    error: a copy of [DIR]/db.before-20250101T000000Z-aaaaaaaaaaaa needs up to 2 MiB in [DIR] and only 1 MiB are free; nothing was changed
    free some space there, or enlarge the volume
    ");
}

#[test]
fn asked_to_stop_while_it_waits_it_leaves_everything_as_it_was() {
    let project = project();
    let holder = Connection::open(project.database()).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut waiting = Server::spawn_without_waiting(&mut project.landfall(&["restore", COPY]));
    waiting.wait_for_line(".data/db is locked by another connection: waiting");
    let (exit, log) = waiting.stop();
    assert_eq!(exit, 1);
    assert_snapshot!(&log[log.find("error: ").unwrap()..], @"
    error: the wait for a lock on .data/db was interrupted; nothing was changed
    run the command again
    ");
    drop(holder);
    assert_eq!(folder(&project).len(), 3);
    assert_eq!(project.customers().len(), 2);
}

#[test]
fn killed_before_the_names_change_it_leaves_the_database_and_the_next_command_tidies_up() {
    let project = project();
    let die = || {
        let holder = Connection::open(project.database()).unwrap();
        holder.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut waiting = Server::spawn_without_waiting(&mut project.landfall(&["restore", COPY]));
        waiting.wait_for_line(".data/db is locked by another connection: waiting");
        drop(waiting);
        assert!(project.path(".data/db.restoring").exists());
        assert_eq!(project.customers().len(), 2);
    };
    die();
    assert_eq!(project.started().stop().0, 0);
    assert!(!project.path(".data/db.restoring").exists());
    die();
    report(&project, COPY);
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
    assert_eq!(folder(&project).len(), 4);
}

#[test]
fn killed_between_the_two_names_the_database_has_one_of_them_again() {
    let project = project();
    let record = project.run(&["last-change"]).stdout;
    let before = folder(&project);
    let aside = ".data/db.set-aside-20250101T000000Z";
    for tidy in ["start", "migrate", "restore"] {
        fs::hard_link(project.database(), project.path(aside)).unwrap();
        fs::rename(project.path(".data/db.last-change"), project.path(&format!("{aside}.last-change")))
            .unwrap();
        fs::copy(project.path(COPY), project.path(".data/db.restoring")).unwrap();
        // Whoever looks sees that nothing is set aside yet.
        let status = project.run(&["status", "--format", "json"]).json();
        assert_eq!(status["report"]["set_aside"], json!([]));
        match tidy {
            "start" => assert_eq!(project.started().stop().0, 0),
            "migrate" => assert_eq!(project.run(&["migrate"]).exit, 0),
            _ => break,
        }
        assert_eq!(project.run(&["last-change"]).stdout, record);
        assert_eq!(folder(&project).keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
        assert_eq!(project.customers().len(), 2);
    }
    report(&project, COPY);
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
    assert_eq!(set_aside(&project).len(), 1);
    assert_eq!(customers(&set_aside(&project)[0]).len(), 2);
}

#[test]
fn killed_at_any_time_it_leaves_the_old_database_or_the_new_one() {
    let project = large();
    let (old, copy) = (content(&project.database()), content(&project.path(COPY)));
    let mut done = 0;
    for number in 0..60 {
        project.sql("PRAGMA journal_mode = wal");
        let child = Server::spawn_without_waiting(&mut project.landfall(&["restore", COPY]));
        thread::sleep(Duration::from_millis(number * 3));
        drop(child);
        let now = content(&project.database());
        let aside: Vec<_> = set_aside(&project).iter().map(|file| content(file)).collect();
        if now == copy {
            done += 1;
            assert_eq!(aside, std::slice::from_ref(&old));
            // Back to the beginning, by the command itself.
            let name = set_aside(&project)[0].file_name().unwrap().to_str().unwrap().to_owned();
            report(&project, &format!(".data/{name}"));
            for file in set_aside(&project) {
                fs::remove_file(file).unwrap();
            }
        }
        assert_eq!(content(&project.database()), old, "after kill {number}");
    }
    report(&project, COPY);
    assert_eq!(content(&project.database()), copy);
    assert!(!project.path(".data/db.restoring").exists());
    println!("killed 60 times: {done} left the new database");
}

const STRANGER: u32 = 65_532;

#[test]
fn run_as_root_all_of_it_belongs_to_the_owner_of_the_database() {
    if !requires::root("run_as_root_all_of_it_belongs_to_the_owner_of_the_database") {
        return;
    }
    let (project, volume) = (project(), tempfile::tempdir_in("/dev/shm").unwrap());
    fs::set_permissions(volume.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let (database, copy) = (volume.path().join("db"), volume.path().join("copy"));
    fs::copy(project.database(), &database).unwrap();
    fs::copy(project.path(COPY), &copy).unwrap();
    for file in [volume.path(), &database, &copy] {
        chown(file, Some(STRANGER), Some(STRANGER)).unwrap();
    }
    let restored = ran(project.landfall(&["restore", copy.to_str().unwrap()]).env("DB_PATH", &database));
    assert_eq!(restored.exit, 0, "{}", restored.stderr);
    assert_eq!(customers(&database), ["7 Ada Lovelace"]);
    let files: Vec<_> = fs::read_dir(volume.path()).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(files.len(), 4);
    for file in files {
        let facts = file.metadata().unwrap();
        assert_eq!((facts.uid(), facts.gid()), (STRANGER, STRANGER), "{:?}", file.file_name());
    }
}

#[test]
fn what_was_set_aside_is_removed_by_its_name_and_nothing_else_is() {
    let project = project();
    let aside = report(&project, COPY)["set_aside"].as_str().unwrap().to_owned();
    for other in [COPY, ".data/db", ".data/db.set-aside-20010101T000000Z", "schema.sql"] {
        let ran = project.run(&["discard", other]);
        assert_eq!(ran.exit, 2, "{}", ran.stderr);
    }
    assert_snapshot!(project.run(&["discard", COPY]).error(), @"
    error: .data/db.before-20250101T000000Z-aaaaaaaaaaaa is no database that was set aside; nothing was changed
    name one of those that landfall status lists
    ");
    assert!([COPY, ".data/db", &aside].iter().all(|file| project.path(file).exists()));
    let ran = project.run(&["discard", &aside, "--format", "json"]);
    assert_eq!((ran.exit, &ran.json()["report"]["file"]), (0, &json!(aside)), "{}", ran.stderr);
    assert!(!project.path(&aside).exists() && !project.path(&format!("{aside}.last-change")).exists());
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
}

#[test]
fn on_fly_a_volume_without_its_database_says_how_one_is_put_back_and_that_works() {
    let (project, volume) = (project(), tempfile::tempdir_in("/dev/shm").unwrap());
    let (database, aside) = (volume.path().join("db"), volume.path().join("db.set-aside-20250102T000000Z"));
    fs::copy(project.path(COPY), &aside).unwrap();
    fs::copy(project.path(COPY), volume.path().join("db.before-20250103T000000Z-aaaaaaaaaaaa")).unwrap();
    let app = |arguments: &[&str]| {
        let mut app = project.landfall(arguments);
        app.env("FLY_MACHINE_ID", "148e").env("FLY_APP_NAME", "shop").env("DB_PATH", &database);
        app
    };
    let start = ran(&mut app(&START));
    assert_eq!(start.exit, 1);
    assert_snapshot!(start.error().replace(volume.path().to_str().unwrap(), "[DIR]"), @"
    error: there is no database at [DIR]/db on this volume; nothing was changed
      one was set aside: [DIR]/db.set-aside-20250102T000000Z
      there is a copy: [DIR]/db.before-20250103T000000Z-aaaaaaaaaaaa
    put one back with: landfall restore [DIR]/db.set-aside-20250102T000000Z; if none is wanted, start once with LANDFALL_CREATE=1; else find the volume that has it: fly volumes list -a shop
    ");
    assert!(!database.exists());
    let restored = ran(&mut app(&["restore", aside.to_str().unwrap()]));
    assert_eq!(restored.exit, 0, "{}", restored.stderr);
    assert_eq!(customers(&database), ["7 Ada Lovelace"]);
    fs::write(project.path("schema.sql"), CUSTOMERS).unwrap();
    assert_eq!(spawned(&mut app(&START)).stop().0, 0);
}
