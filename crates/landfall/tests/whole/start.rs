//! `start` is migrate, and then the service.

use std::fs;
use std::net::TcpListener;

use insta::assert_snapshot;

use crate::project::{Project, refused, stable};
use landfall_testkit::server::{Server, ran};

#[test]
fn the_log_says_what_was_migrated_and_where_it_is_served() {
    let project = Project::new();
    let (exit, log) = project.started().stop();
    assert_eq!(exit, 0);
    let _stable = stable();
    assert_snapshot!(log, @"
    INFO listening on http://127.0.0.1:[port]
    INFO proving the plan of builtin on a replica
    INFO plan of builtin: constant time, predicted [time]
    INFO step 1 of 1: CREATE TABLE customers (id INTEGER PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL)
    INFO Atlas was not found: planned with the built-in planner
    INFO .data/db is now what schema.sql says: 1 step in [time]
    INFO running [landfall]
    INFO idle
    ");
}

#[test]
fn a_schema_that_cannot_be_read_never_serves_and_changes_nothing() {
    let project = Project::with_ada();
    let before = fs::read(project.database()).unwrap();
    project.declare("CREATE TABLE customers (id INTEGER PRIMARY KEY,,);\n");
    let start = refused(&mut project.start());
    assert_eq!(start.exit, 1);
    assert_eq!(fs::read(project.database()).unwrap(), before);
    assert_snapshot!(start.error(), @r#"
    error: schema.sql:1:48: near ",": syntax error; nothing was changed
      CREATE TABLE customers (id INTEGER PRIMARY KEY,,);
    correct the statement
    "#);
}

#[test]
fn a_missing_schema_never_serves_and_makes_no_database() {
    let project = Project::new();
    fs::remove_file(project.path("schema.sql")).unwrap();
    let start = refused(&mut project.start());
    assert_eq!(start.exit, 1);
    assert!(!project.path(".data").exists());
    assert_snapshot!(start.error(), @r#"
    error: the schema schema.sql cannot be read: it does not exist
    write the CREATE statements of the database there, or name the file with SCHEMA_PATH
    "#);
}

#[test]
fn a_schema_may_be_a_folder_or_a_list_and_its_errors_name_the_file() {
    let project = Project::new();
    fs::create_dir(project.path("db")).unwrap();
    fs::rename(project.path("schema.sql"), project.path("db/customers.sql")).unwrap();
    fs::write(project.path("db/by_name.sql"), "CREATE INDEX by_name ON customers (last_name);\n").unwrap();
    let migrate = |schema: &str| ran(project.landfall(&["migrate"]).env("SCHEMA_PATH", schema));
    assert_eq!(migrate("db").exit, 0);
    let again = migrate("db/customers.sql:db/by_name.sql");
    assert_eq!(again.exit, 0);
    assert!((again.stdout + &again.stderr).contains("nothing to do"));
    fs::write(project.path("db/by_name.sql"), "\nCREATE INDEX by_name ON customers (nope);\n").unwrap();
    let wrong = migrate("db");
    assert_eq!(wrong.exit, 1);
    assert!(
        wrong.error().starts_with("error: db/by_name.sql:2:36: no such column: nope"),
        "{}",
        wrong.error()
    );
}

#[test]
fn a_dropped_column_exits_3_keeps_the_values_and_never_serves() {
    let project = Project::with_ada();
    project.declare("CREATE TABLE customers (id INTEGER PRIMARY KEY, first_name TEXT NOT NULL);");
    let start = refused(&mut project.start());
    assert_eq!(start.exit, 3);
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
    assert_snapshot!(start.error(), @"
    error: the change of .data/db was refused; nothing was changed
      DROPS_COLUMN: column customers.last_name would be dropped with its values
        write `-- @dropped last_name` inside CREATE TABLE customers, or approve DROPS_COLUMN:customers.last_name
    do what is said below each hazard, then run the command again
    ");
}

#[test]
fn a_port_that_is_taken_is_found_out_before_the_migration() {
    let project = Project::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let start = refused(project.start().env("PORT", port.to_string()));
    assert_eq!(start.exit, 1);
    assert!(start.error().starts_with(&format!("error: 127.0.0.1:{port} is in use by another process\n")));
    assert!(!project.database().exists());
}

#[test]
fn a_named_database_in_a_missing_folder_is_refused() {
    let project = Project::new();
    let start = refused(project.start().env("DB_PATH", "volume/db"));
    assert_eq!(start.exit, 1);
    assert!(!project.path("volume").exists());
    assert_snapshot!(start.error(), @r#"
    error: the database volume/db cannot be opened: its folder does not exist; nothing was changed
    make the folder first, or name another file
    "#);
}

/// What a service sees of `start -- sh -c SCRIPT`, in a folder with a database.
fn seen(script: &str) -> (i32, String) {
    let project = Project::with_ada();
    let mut start = project.landfall(&["start", "--", "/bin/sh", "-c", script]);
    start.env("LANDFALL_COMMIT", "0123abc").env("ITS_OWN", "kept");
    let ran = ran(&mut start);
    (ran.exit, ran.stdout)
}

#[test]
fn the_service_is_this_process_with_its_own_environment_arguments_and_exit_code() {
    let (exit, seen) = seen(
        r#"echo "$DB_PATH $LISTEN $LANDFALL_COMMIT $ITS_OWN"; test "$PORT" -gt 0 || exit 1; exec /bin/sh -c 'exit 7'"#,
    );
    assert_eq!((exit, seen.as_str()), (7, ".data/db 127.0.0.1 0123abc kept\n"));
    let project = Project::with_ada();
    let mut server = Server::spawn_without_waiting(&mut project.landfall(&[
        "start",
        "--",
        "/bin/sh",
        "-c",
        "echo I am $$ >&2; exec /bin/sleep 600",
    ]));
    let line = server.wait_for_line("I am ");
    assert_eq!(line, format!("I am {}", server.id()));
}

#[test]
fn the_service_is_given_what_was_made_ready() {
    let (exit, version) = seen("echo \"$LANDFALL_VERSION\"");
    assert_eq!(exit, 0);
    let version: serde_json::Value = serde_json::from_str(&version).unwrap();
    assert_eq!(version["commit"], "0123abc");
    assert!(version["schema"]["declared"].as_str().unwrap().starts_with("v1-"), "{version}");
    assert_eq!(version["schema"]["declared"], version["schema"]["live"]);
    assert!(version["ready_seconds"].as_f64().unwrap() > 0.0, "{version}");
}

#[test]
fn the_service_holds_the_lock_and_listens_where_start_did() {
    let (exit, _) = seen(&format!(
        "/bin/sh -c 'exec {} restore .data/copy' 2>/dev/null && exit 1; \
         test \"$(readlink /proc/self/fd/* | grep -c 'data/db.lock$')\" = 1",
        crate::project::LANDFALL
    ));
    assert_eq!(exit, 0);
    let project = Project::with_ada();
    let ran =
        ran(&mut project.landfall(&["start", "--", crate::project::LANDFALL, "start", "--", "/bin/true"]));
    // The outer one freed the address, and holds the lock.
    assert!(ran.error().contains("another process has served .data/db"), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("listening on").count(), 2, "{}", ran.stderr);
}

#[test]
fn a_service_that_is_not_there_is_found_out_before_the_migration() {
    let project = Project::new();
    let refusal = |command: &str, path: &str| {
        let refused = refused(project.landfall(&["start", "--", command]).env("PATH", path));
        assert_eq!(refused.exit, 1);
        assert!(!project.database().exists());
        refused.error().to_owned()
    };
    assert_snapshot!(refusal("nonsense", "/usr/bin:/bin"), @"
    error: there is no program nonsense to run
    name a program on PATH, or by its path: landfall start -- COMMAND
    ");
    assert_snapshot!(refusal("./schema.sql", ""), @"
    error: there is no program ./schema.sql to run
    name a program on PATH, or by its path: landfall start -- COMMAND
    ");
    assert_eq!(ran(project.landfall(&["start", "--", "true"]).env("PATH", "/usr/bin:/bin")).exit, 0);
}

#[test]
fn a_service_that_cannot_be_run_is_told_once_the_database_is_ready() {
    let project = Project::with_ada();
    let program = project.path("service");
    fs::write(&program, "#!/nowhere/interpreter\n").unwrap();
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let ran = ran(&mut project.landfall(&["start", "--", "./service"]));
    assert_eq!(ran.exit, 1);
    assert_snapshot!(ran.error(), @"
    error: ./service cannot be run: No such file or directory (os error 2)
    name a program that runs on this machine: landfall start -- COMMAND
    ");
}

#[test]
fn without_a_service_it_migrates_and_listens_nowhere() {
    let project = Project::new();
    let ran = ran(&mut project.landfall(&["start"]));
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert!(!ran.stderr.contains("listening"), "{}", ran.stderr);
    assert_eq!(project.run(&["migrate", "--check"]).exit, 0);
}
