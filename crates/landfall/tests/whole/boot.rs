//! What stands before the first request: lock, volume, owner, copies, and a schema that is kept.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

use insta::assert_snapshot;
use rusqlite::Connection;

use crate::project::{CUSTOMERS, Project, START, customers, refused, spawned, stable};
use landfall_testkit::requires;
use landfall_testkit::server::{Server, ran};

/// Every row is written anew.
const REWRITTEN: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL UNIQUE);\n";
const DROPPED: &str =
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, first_name TEXT NOT NULL\n-- @dropped last_name\n);\n";

/// Every customer as `id first`, where there is no last name.
fn first_names(project: &Project) -> Vec<String> {
    let database = Connection::open(project.database()).unwrap();
    let mut select = database.prepare("SELECT concat_ws(' ', id, first_name) FROM customers").unwrap();
    select.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

fn copies(project: &Project) -> Vec<PathBuf> {
    let entries = fs::read_dir(project.path(".data")).unwrap().map(|entry| entry.unwrap().path());
    let mut copies: Vec<_> = entries.filter(|path| path.to_string_lossy().contains("db.before-")).collect();
    copies.sort();
    copies
}

#[test]
fn while_the_database_is_made_ready_visitors_are_asked_to_come_back() {
    let project = Project::with_ada();
    project.declare("CREATE TABLE customers (id INTEGER PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL, email TEXT);");
    let holder = Connection::open(project.database()).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut server = Server::spawn_without_waiting(&mut project.start());
    server.wait_for_line("listening on http://");
    server.wait_for_line("waiting");
    let health = server.get("/healthz");
    assert_eq!((health.status, health.body.as_str()), (503, "not ready: the database is being migrated\n"));
    assert!(health.head.contains("retry-after: 5"), "{}", health.head);
    for path in ["/", "/api/customers", "/customers/7"] {
        assert_eq!(server.get(path).body, health.body, "a program");
        let page = server.request("GET", path, "Accept: text/html,*/*;q=0.8\r\n", "");
        assert_eq!(page.status, 503);
        assert!(page.head.contains("retry-after: 5") && page.head.contains("content-security-policy"));
        assert!(page.body.contains("<h1>Back in a moment</h1>"), "{}", page.body);
    }
    assert_eq!(server.post("/customers", "first_name=Eve&last_name=Early").status, 503);
    drop(holder);
    server.wait_for_line("INFO idle");
    assert_eq!(server.stop().0, 0);
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
}

#[test]
fn a_second_service_on_one_database_is_refused_and_the_lock_dies_with_its_holder() {
    let project = Project::new();
    let first = project.started();
    let mut second = Server::spawn_without_waiting(&mut project.start());
    second.wait_for_line(".data/db is served by another process: waiting");
    let (exit, log) = second.stop();
    assert_eq!(exit, 1);
    assert!(log.ends_with(
        "error: the wait for another process that serves .data/db was interrupted; nothing was changed\nrun the command again\n"
    ), "{log}");
    let migrate = refused(&mut project.landfall(&["migrate"]));
    assert_eq!(migrate.exit, 1);
    assert_snapshot!(migrate.error(), @"
    error: another process has served .data/db for more than 10 s; nothing was changed
    stop that one first: a service migrates when it starts
    ");
    // Killed: nothing of its own lets go of the lock.
    drop(first);
    assert_eq!(project.started().stop().0, 0);
}

#[test]
fn a_risky_plan_leaves_a_copy_of_what_was_before() {
    let project = Project::with_ada();
    project.declare(DROPPED);
    assert_eq!(project.started().stop().0, 0);
    assert_eq!(first_names(&project), ["7 Ada"]);
    let copies = copies(&project);
    assert_eq!(copies.len(), 1);
    assert_eq!(customers(&copies[0]), ["7 Ada Lovelace"]);
    assert_eq!(copies[0].metadata().unwrap().mode() & 0o777, 0o600);
}

#[test]
fn the_newest_two_copies_are_kept_and_what_a_death_left_behind_is_swept() {
    let project = Project::with_ada();
    project.declare(REWRITTEN);
    let document = project.run(&["migrate", "--dry-run", "--format", "json"]).json();
    let plan = landfall_engine::fingerprint::short_digits(
        document["report"]["plan"]["fingerprint"].as_str().unwrap(),
    );
    let names = [
        "20250101T000000Z-aaaaaaaaaaaa",
        "20250102T000000Z-bbbbbbbbbbbb",
        "20250103T000000Z-cccccccccccc.partial",
    ];
    // The same plan was begun before, and a death came between the copy and the change.
    for name in names.map(str::to_owned).into_iter().chain([format!("20250104T000000Z-{plan}")]) {
        fs::write(project.path(&format!(".data/db.before-{name}")), "older").unwrap();
    }
    assert_eq!(project.run(&["migrate"]).exit, 0);
    let left = copies(&project);
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left[0].ends_with("db.before-20250102T000000Z-bbbbbbbbbbbb"), "{left:?}");
    assert_eq!(customers(&left[1]), ["7 Ada Lovelace"]);
    // Swept whether or not there is something to do.
    fs::write(project.path(".data/db.before-20250103T000000Z-cccccccccccc.partial"), "half").unwrap();
    assert_eq!(project.run(&["migrate"]).exit, 0);
    assert_eq!(copies(&project), left);
}

#[test]
fn a_start_in_the_very_second_of_one_that_died_makes_a_copy_of_its_own() {
    let project = Project::with_ada();
    project.declare(REWRITTEN);
    let document = project.run(&["migrate", "--dry-run", "--format", "json"]).json();
    let plan = landfall_engine::fingerprint::short_digits(
        document["report"]["plan"]["fingerprint"].as_str().unwrap(),
    );
    let now = SystemTime::now();
    for second in 0..60 {
        let time = humantime::format_rfc3339_seconds(now + Duration::from_secs(second)).to_string();
        let name = format!(".data/db.before-{}-{plan}", time.replace(['-', ':'], ""));
        fs::write(project.path(&name), "of one that died").unwrap();
    }
    assert_eq!(project.run(&["migrate"]).exit, 0);
    let left = copies(&project);
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(customers(&left[0]), ["7 Ada Lovelace"]);
}

#[test]
fn without_risk_or_rows_no_copy_is_made() {
    let project = Project::with_ada();
    project.declare(&format!("{CUSTOMERS}CREATE TABLE more (x);\n"));
    assert_eq!(project.run(&["migrate"]).exit, 0);
    project.sql("DELETE FROM customers");
    project.declare(&format!("{REWRITTEN}CREATE TABLE more (x);\n"));
    assert_eq!(project.run(&["migrate"]).exit, 0);
    assert!(copies(&project).is_empty());
}

#[test]
fn a_change_that_was_rolled_back_keeps_no_copy_and_loses_no_older_one() {
    let project = Project::with_ada();
    fs::write(project.path(".data/db.before-20250101T000000Z-aaaaaaaaaaaa"), "older").unwrap();
    fs::write(project.path(".data/db.before-20250102T000000Z-bbbbbbbbbbbb"), "old").unwrap();
    project.declare(REWRITTEN);
    let holder = Connection::open(project.database()).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut start = Server::spawn_without_waiting(&mut project.start());
    start.wait_for_line(" bytes, checked");
    let (exit, log) = start.stop();
    assert_eq!(exit, 1, "{log}");
    assert_eq!(copies(&project).len(), 2);
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
}

#[test]
fn an_approval_for_another_plan_stops_the_start_and_that_for_this_plan_lets_it_pass() {
    let project = Project::with_ada();
    project.declare("CREATE TABLE customers (id INTEGER PRIMARY KEY, first_name TEXT NOT NULL);");
    let start = |plan: &str| {
        let mut start = project.start();
        start.env("LANDFALL_ALLOW", "DROPS_COLUMN:customers.last_name").env("LANDFALL_ALLOW_FOR", plan);
        start
    };
    let other = refused(&mut start("0123456789abcdef"));
    assert_eq!(other.exit, 3);
    assert!(other.error().contains("DROPS_COLUMN: column customers.last_name"), "{}", other.stderr);
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
    let document = project.run(&["migrate", "--dry-run", "--format", "json"]).json();
    let plan = document["report"]["plan"]["fingerprint"].as_str().unwrap().to_owned();
    assert_eq!(spawned(&mut start(&plan)).stop().0, 0);
    assert_eq!(first_names(&project), ["7 Ada"]);
}

#[test]
fn a_kept_schema_is_served_where_the_release_fits_it() {
    let project = Project::with_ada();
    project.sql("ALTER TABLE customers ADD COLUMN phone TEXT; CREATE INDEX by_name ON customers (last_name); CREATE TABLE orders (id INTEGER PRIMARY KEY)");
    let schema = project.run(&["inspect"]).stdout;
    let server = spawned(project.start().env("LANDFALL_SCHEMA", "keep"));
    let (exit, log) = server.stop();
    assert_eq!(exit, 0);
    let _stable = stable();
    assert_snapshot!(log, @"
    INFO listening on http://127.0.0.1:[port]
    INFO .data/db is kept as it is: this release fits it
    INFO not known to this release: column customers.phone is not declared
    INFO not known to this release: table orders is not declared
    INFO not known to this release: index by_name is not declared
    INFO running [landfall]
    INFO idle
    ");
    assert_eq!(project.run(&["inspect"]).stdout, schema);
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
}

#[test]
fn a_kept_schema_that_lacks_what_the_release_declares_is_refused() {
    let project = Project::with_ada();
    project.sql("ALTER TABLE customers RENAME COLUMN last_name TO family_name");
    let before = fs::read(project.database()).unwrap();
    let start = refused(project.start().env("LANDFALL_SCHEMA", "keep"));
    assert_eq!(start.exit, 3);
    assert_snapshot!(start.error(), @r#"
    error: .data/db does not have what schema.sql of this release declares; nothing was changed
      column customers.last_name is missing
      column customers.family_name is not declared
    start a release that fits the database, put back the data of this release, or migrate: unset LANDFALL_SCHEMA
    "#);
    assert_eq!(fs::read(project.database()).unwrap(), before);
}

#[test]
fn a_schema_is_not_kept_where_there_is_none() {
    let project = Project::new();
    let start = refused(project.start().env("LANDFALL_SCHEMA", "keep"));
    assert_eq!(start.exit, 1);
    assert_snapshot!(start.error(), @r#"
    error: there is no database at .data/db
    create it with: landfall migrate, or name another one with DB_PATH
    "#);
    assert!(!project.database().exists());
}

/// On Fly, as far as a process can tell.
fn on_fly(project: &Project, database: &str) -> Command {
    let mut start = project.start();
    start.env("FLY_MACHINE_ID", "148e").env("FLY_APP_NAME", "shop").env("DB_PATH", database);
    start
}

/// A folder that is not on the file system of the root.
fn volume() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap()
}

#[test]
fn on_fly_a_folder_that_is_no_volume_is_refused() {
    let project = Project::new();
    let database = project.path("db");
    let start = refused(on_fly(&project, &database.to_string_lossy()).env("LANDFALL_CREATE", "1"));
    assert_eq!(start.exit, 1);
    assert!(!database.exists());
    let folder = project.path("");
    let folder = folder.to_string_lossy().trim_end_matches('/').to_owned();
    assert_snapshot!(start.error().replace(&folder, "[DIR]"), @r#"
    error: no volume is mounted at [DIR]: what is written there goes with the machine; nothing was changed
    give fly.toml a [[mounts]] with destination = "[DIR]", and look at: fly volumes list -a shop
    "#);
}

#[test]
fn on_fly_an_empty_volume_is_refused_unless_a_database_may_be_made() {
    let (project, volume) = (Project::new(), volume());
    let database = volume.path().join("db");
    let text = database.to_string_lossy().into_owned();
    fs::write(volume.path().join("db.before-20250101T000000Z-aaaaaaaaaaaa"), "a copy").unwrap();
    File::create(&database).unwrap();
    let start = refused(&mut on_fly(&project, &text));
    assert_eq!(start.exit, 1);
    assert_snapshot!(start.error().replace(&*volume.path().to_string_lossy(), "[DIR]"), @"
    error: there is no database at [DIR]/db on this volume; nothing was changed
      there is a copy: [DIR]/db.before-20250101T000000Z-aaaaaaaaaaaa
    put one back with: landfall restore [DIR]/db.before-20250101T000000Z-aaaaaaaaaaaa; if none is wanted, start once with LANDFALL_CREATE=1; else find the volume that has it: fly volumes list -a shop
    ");
    fs::remove_file(&database).unwrap();
    assert_eq!(refused(&mut on_fly(&project, &text)).exit, 1);
    assert!(!database.exists());
    assert_eq!(spawned(on_fly(&project, &text).env("LANDFALL_CREATE", "1")).stop().0, 0);
    assert_eq!(spawned(&mut on_fly(&project, &text)).stop().0, 0);
}

const STRANGER: u32 = 65_532;

#[test]
fn a_database_of_another_user_is_refused_with_the_command_that_mends_it() {
    if !requires::root("a_database_of_another_user_is_refused_with_the_command_that_mends_it") {
        return;
    }
    let (project, volume) = (Project::with_ada(), volume());
    // As a volume is that an image ran on as root before: the folder is ours, the file is not.
    chown(volume.path(), Some(STRANGER), Some(STRANGER)).unwrap();
    let database = volume.path().join("db");
    fs::copy(project.database(), &database).unwrap();
    let binary = volume.path().join("landfall");
    fs::copy(crate::project::LANDFALL, &binary).unwrap();
    fs::write(volume.path().join("schema.sql"), CUSTOMERS).unwrap();
    let start = |fly: bool| {
        let mut start = Command::new(&binary);
        start.args(START).env_clear().env("PORT", "0").env("DB_PATH", &database).current_dir(volume.path());
        start.uid(STRANGER).gid(STRANGER);
        if fly {
            start.env("FLY_MACHINE_ID", "148e").env("FLY_APP_NAME", "shop");
        }
        let start = refused(&mut start);
        assert_eq!(start.exit, 1);
        start.error().replace(&*volume.path().to_string_lossy(), "[DIR]")
    };
    assert_snapshot!(start(false), @r#"
    error: [DIR]/db belongs to root (user 0), and this process, user 65532, cannot write it; nothing was changed
    as root, where the volume is: chown -R 65532:65532 [DIR]
    "#);
    assert_snapshot!(start(true), @r#"
    error: [DIR]/db belongs to root (user 0), and this process, user 65532, cannot write it; nothing was changed
    while a release that starts is on the machine: fly ssh console -a shop -C "chown -R 65532:65532 [DIR]"
    "#);
    assert_eq!(customers(&database), ["7 Ada Lovelace"]);
}

#[test]
fn run_as_root_a_command_leaves_no_file_that_the_owner_cannot_use() {
    if !requires::root("run_as_root_a_command_leaves_no_file_that_the_owner_cannot_use") {
        return;
    }
    let (project, volume) = (Project::new(), volume());
    chown(volume.path(), Some(STRANGER), Some(STRANGER)).unwrap();
    let database = volume.path().join("db");
    let run = |arguments: &[&str]| ran(project.landfall(arguments).env("DB_PATH", &database));
    // Without a database its folder says who owns it.
    fs::copy(project.path("schema.sql"), volume.path().join("schema.sql")).unwrap();
    fs::set_permissions(project.path(""), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let migrate = run(&["migrate"]);
    assert_eq!(migrate.exit, 0, "{}", migrate.stderr);
    let copy = volume.path().join("copy");
    assert_eq!(run(&["backup", &copy.to_string_lossy()]).exit, 0);
    let server = spawned(project.start().env("DB_PATH", &database));
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let of = |name: &str| status.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert_eq!(
        of("Uid:"),
        format!("Uid:{}", format!("\t{STRANGER}").repeat(4)),
        "the service is its owner, too"
    );
    let owners = || {
        let entries = fs::read_dir(volume.path()).unwrap().map(|entry| entry.unwrap());
        let owner = |entry: fs::DirEntry| {
            let facts = entry.metadata().unwrap();
            (entry.file_name().into_string().unwrap(), facts.uid(), facts.gid())
        };
        let mut owners: Vec<_> = entries.map(owner).filter(|(name, ..)| name != "schema.sql").collect();
        owners.sort();
        owners
    };
    let files = ["copy", "db", "db.last-change", "db.lock"];
    assert_eq!(owners(), files.map(|name| (name.to_owned(), STRANGER, STRANGER)));
    assert_eq!(server.stop().0, 0);
}
