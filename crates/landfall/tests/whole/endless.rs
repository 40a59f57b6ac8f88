//! A statement that never ends, while planning and while applying: whoever asks the command to stop is heard.

use std::fs;

use rustix::process::Signal;

use crate::project::Project;
use landfall_testkit::server::Server;

/// Counted before there is a plan.
const PLANNING: &str = "
-- @from SELECT i AS id FROM (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n)
CREATE TABLE numbers (id INTEGER PRIMARY KEY);
";

/// Without end for one row, which no proof samples.
const APPLYING: &str = "CREATE TABLE customers (
  id INTEGER PRIMARY KEY,
  first_name TEXT NOT NULL,
  last_name TEXT NOT NULL,
  number INTEGER -- @using (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < iif(id = 1789, 9e18, 2)) SELECT max(i) FROM n)
);
";

fn project() -> Project {
    let project = Project::with_ada();
    project.sql(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
         INSERT OR IGNORE INTO customers SELECT i, 'first ' || i, 'last' FROM n; PRAGMA wal_checkpoint(TRUNCATE)",
    );
    project
}

/// The names of the files beside the database.
fn files(project: &Project) -> Vec<String> {
    let names = fs::read_dir(project.path(".data")).unwrap();
    let mut names: Vec<_> = names.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_signal_ends_an_endless_statement_and_leaves_the_database_byte_for_byte() {
    let customers = crate::project::CUSTOMERS;
    for (schema, during) in
        [(format!("{customers}{PLANNING}"), "planning"), (APPLYING.to_owned(), "applying")]
    {
        for signal in [Signal::TERM, Signal::INT] {
            for verb in ["migrate", "start"] {
                let project = project();
                let before = (fs::read(project.database()).unwrap(), files(&project));
                project.declare(&schema);
                let server = Server::spawn_without_waiting(&mut project.landfall(&[verb]));
                landfall_testkit::busy::wait_until_busy(server.id());
                server.signal(signal);
                let (exit, log) = server.end();
                assert_eq!(exit, 1, "{verb}, {signal:?} while {during}: {log}");
                assert!(log.contains("interrupted") && log.contains("nothing was changed"), "{log}");
                assert!(!log.contains("running "), "{log}");
                let after = (fs::read(project.database()).unwrap(), files(&project));
                assert!(after.0 == before.0, "the database changed: {verb}, {signal:?} while {during}");
                let left: Vec<_> = after.1.iter().filter(|name| !before.1.contains(name)).collect();
                assert_eq!(left, Vec::<&String>::new(), "{verb}, {signal:?} while {during}");
            }
        }
    }
}
