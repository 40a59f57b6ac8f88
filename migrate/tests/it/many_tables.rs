//! The cost of a plan follows the change, and not the schema that it is made in.

use rustix::time::{ClockId, clock_gettime};

use crate::support::Bench;

/// `tables` tables, of which the first `altered` have a column more.
fn schema(tables: usize, altered: usize) -> String {
    let table = |n: usize| {
        let parent = if n % 5 == 1 { format!(" REFERENCES t{} (id)", n - 1) } else { String::new() };
        let added = if n < altered { ", added TEXT" } else { "" };
        format!(
            "CREATE TABLE t{n} (id INTEGER PRIMARY KEY, name TEXT NOT NULL, code TEXT UNIQUE, parent INTEGER{parent}{added});
             CREATE INDEX t{n}_name ON t{n} (name);
             "
        )
    };
    (0..tables).map(table).collect()
}

/// Seconds of this thread's own processor time: what others do on the machine is not in it.
fn to_plan(tables: usize, altered: usize) -> f64 {
    let bench = Bench::new(&format!("BEGIN; {} COMMIT", schema(tables, 0)));
    let declared = bench.declared(&schema(tables, altered)).unwrap();
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let begun = now();
    let prepared = migrate::prepare(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
    let seconds = now() - begun;
    assert_eq!(prepared.report().plan.as_ref().unwrap().steps.len(), altered);
    seconds
}

#[test]
fn an_altered_table_costs_as_much_among_500_tables_as_among_50() {
    let each = |tables: usize| (to_plan(tables, 50) - to_plan(tables, 1)) / 49.0;
    let (few, many) = (each(50), each(500));
    println!("a table: {:.2} ms of 50, {:.2} ms of 500", few * 1e3, many * 1e3);
    assert!(many < few * 4.0, "a table took {:.2} ms among 50 and {:.2} ms among 500", few * 1e3, many * 1e3);
}

/// `cargo test -p migrate --release --test it -- --ignored --nocapture many_tables`
#[test]
#[ignore = "a measurement"]
fn measured() {
    for (tables, altered) in [(50, 20), (500, 1), (500, 20), (500, 100), (500, 200)] {
        println!("{altered:>3} altered of {tables:>3}: {:.3} s", to_plan(tables, altered));
    }
}
