//! `start` is migrate && serve, and nothing else.

use std::fs;
use std::net::TcpListener;

use insta::assert_snapshot;

use crate::project::{Project, ran, refused, stable};

#[test]
fn the_log_says_what_was_migrated_and_where_it_is_served() {
    let project = Project::new();
    let (exit, log) = project.serve("start").stop();
    assert_eq!(exit, 0);
    let _stable = stable();
    assert_snapshot!(log, @r#"
    INFO listening on http://127.0.0.1:[port]
    INFO proving the plan of builtin on a replica
    INFO plan of builtin: constant time, predicted [time]
    INFO step 1 of 1: CREATE TABLE customers (id INTEGER PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL)
    INFO Atlas was not found: planned with the built-in planner
    INFO .data/db is now what schema.sql says: 1 step in [time]
    INFO serving on http://127.0.0.1:[port]
    INFO stopping: requests under way may end
    INFO stopped
    "#);
}

#[test]
fn a_schema_that_cannot_be_read_never_serves_and_changes_nothing() {
    let project = Project::with_ada();
    let before = fs::read(project.database()).unwrap();
    project.declare("CREATE TABLE customers (id INTEGER PRIMARY KEY,,);\n");
    let start = refused(&mut project.app(&["start"]));
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
    let start = refused(&mut project.app(&["start"]));
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
    let migrate = |schema: &str| ran(project.app(&["migrate"]).env("SCHEMA_PATH", schema));
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
    let start = refused(&mut project.app(&["start"]));
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
    let start = refused(project.app(&["start"]).env("PORT", port.to_string()));
    assert_eq!(start.exit, 1);
    assert!(start.error().starts_with(&format!("error: 127.0.0.1:{port} is in use by another process\n")));
    assert!(!project.database().exists());
}

#[test]
fn a_named_database_in_a_missing_folder_is_refused() {
    let project = Project::new();
    let start = refused(project.app(&["start"]).env("DB_PATH", "volume/db"));
    assert_eq!(start.exit, 1);
    assert!(!project.path("volume").exists());
    assert_snapshot!(start.error(), @r#"
    error: the database volume/db cannot be opened: its folder does not exist; nothing was changed
    make the folder first, or name another file
    "#);
}

#[test]
fn serve_refuses_a_missing_database() {
    let project = Project::new();
    let serve = refused(&mut project.app(&["serve"]));
    assert_eq!(serve.exit, 1);
    assert!(!project.path(".data").exists());
    assert_snapshot!(serve.error(), @r#"
    error: there is no database at .data/db
    create it with: app migrate, or name another one with DB_PATH
    "#);
}

#[test]
fn serve_refuses_what_is_not_a_database() {
    let project = Project::new();
    fs::write(project.path("letter"), "Dear Ada, this is a letter and no database at all.").unwrap();
    fs::create_dir(project.path("folder")).unwrap();
    let error = |path: &str| {
        let serve = refused(project.app(&["serve"]).env("DB_PATH", path));
        assert_eq!(serve.exit, 1);
        serve.error().to_owned()
    };
    assert_snapshot!(error("letter"), @"
    error: the database letter cannot be opened: it is not an SQLite database, or it is encrypted; nothing was changed
    name another file
    ");
    assert_snapshot!(error("folder"), @r#"
    error: the database folder cannot be opened: it is a directory
    name the database file
    "#);
}

#[test]
fn serve_leaves_the_schema_as_it_is() {
    let project = Project::with_ada();
    project.declare("CREATE TABLE customers (id INTEGER PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL, email TEXT);");
    let server = project.serve("serve");
    assert!(server.get("/").body.contains("Ada Lovelace"));
    let (exit, log) = server.stop();
    assert_eq!(exit, 0);
    assert!(log.contains("the database is out of sync with schema.sql"), "{log}");
    assert_eq!(project.run(&["migrate", "--check"]).exit, 4);
}
