//! A statement that never ends, while planning and while applying: whoever asks the command to stop is heard.

use std::fs;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::world::World;

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

/// Waits until it has worked for two seconds of processor time: all else that these schemas need is done by then.
fn wait_until_busy(child: &Child) {
    let ticks = 2 * rustix::param::clock_ticks_per_second();
    loop {
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        // Behind the name, which may have spaces: the time is 12th and 13th there (proc_pid_stat(5)).
        let fields: Vec<_> = stat[stat.rfind(')').unwrap()..].split(' ').collect();
        assert_ne!(fields[1], "Z", "it ended before it was asked to");
        if fields[12].parse::<u64>().unwrap() + fields[13].parse::<u64>().unwrap() > ticks {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_signal_ends_an_endless_statement_and_leaves_the_database_byte_for_byte() {
    let args = ["migrate", "--auto-approve"];
    for (schema, during) in [(format!("{LIVE}{PLANNING}"), "planning"), (APPLYING.to_owned(), "applying")] {
        for signal in [Signal::TERM, Signal::INT] {
            let world = World::new(&schema);
            world.sql(LIVE);
            world.sql(
                "INSERT INTO customers WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
                 SELECT i, 'name ' || i FROM n",
            );
            let before = (world.bytes(), files(&world));
            let mut command = world.command(&args);
            let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            wait_until_busy(&child);
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
