//! A statement that never ends, while planning and while applying: whoever asks the command to stop is heard.

use std::fs;
use std::process::Stdio;

use landfall_testkit::world::World;
use rustix::process::{Pid, Signal, kill_process};

use crate::XTASK;

const LIVE: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);";

/// Counted before there is a plan.
const PLANNING: &str = "
-- @from SELECT i AS id FROM (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n)
CREATE TABLE numbers (id INTEGER PRIMARY KEY);
";

/// Without end for one row, which no proof samples.
const APPLYING: &str = "CREATE TABLE customers (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  number INTEGER -- @using (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < iif(id = 1789, 9e18, 2)) SELECT max(i) FROM n)
);
";

/// The names of the files beside the database.
fn files(world: &World) -> Vec<String> {
    let names = fs::read_dir(world.path("var")).unwrap();
    let mut names: Vec<_> = names.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_signal_ends_an_endless_statement_and_leaves_the_database_byte_for_byte() {
    let args = ["migrate", "--auto-approve"];
    for (schema, during) in [(format!("{LIVE}{PLANNING}"), "planning"), (APPLYING.to_owned(), "applying")] {
        for signal in [Signal::TERM, Signal::INT] {
            let world = World::new(XTASK, &schema);
            world.sql(LIVE);
            world.sql(
                "INSERT INTO customers WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
                 SELECT i, 'name ' || i FROM n",
            );
            let before = (world.bytes(), files(&world));
            let mut command = world.command(&args);
            let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            landfall_testkit::busy::wait_until_busy(child.id());
            kill_process(Pid::from_child(&child), signal).unwrap();
            let said = world.said(&args, &child.wait_with_output().unwrap());
            assert_eq!(said.exit, 1, "{signal:?} while {during}: {said}");
            assert!(
                said.stderr.contains("interrupted") && said.stderr.contains("nothing was changed"),
                "{said}"
            );
            assert!(world.bytes() == before.0, "the database changed: {said}");
            assert_eq!(files(&world), before.1, "{said}");
        }
    }
}
