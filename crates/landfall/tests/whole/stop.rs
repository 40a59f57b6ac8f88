//! Being asked to stop.

use rusqlite::Connection;
use rustix::process::Signal;

use crate::project::Project;
use landfall_testkit::server::Server;

#[test]
fn idle_touches_nothing_whatever_there_is_until_it_is_asked_to_stop() {
    for signal in [Signal::TERM, Signal::INT] {
        let project = Project::new();
        let mut idle = Server::spawn_without_waiting(&mut project.landfall(&["idle"]));
        idle.wait_for_line("idle");
        idle.signal(signal);
        assert_eq!(idle.end().0, 0);
        assert!(!project.path(".data").exists());
    }
}

#[test]
fn a_signal_during_the_migration_rolls_back_and_never_serves() {
    let project = Project::with_ada();
    project.declare("CREATE TABLE customers (id INTEGER PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL, email TEXT);");
    let holder = Connection::open(project.database()).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut start = Server::spawn_without_waiting(&mut project.start());
    start.wait_for_line("waiting");
    let (exit, log) = start.stop();
    assert_eq!(exit, 1, "{log}");
    assert!(!log.contains("running "));
    assert!(log.contains("error: ") && log.contains("interrupted"), "{log}");
    drop(holder);
    let columns = project.run(&["inspect"]).stdout;
    assert!(!columns.contains("email"), "{columns}");
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
}
