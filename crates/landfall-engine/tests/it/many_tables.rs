//! The cost of a plan follows the change, and not the schema that it is made in.

use rustix::time::{ClockId, clock_gettime};

use crate::support::Bench;

/// What a table of those that change becomes.
#[derive(Clone, Copy, Debug)]
enum Change {
    Added,
    Dropped,
    WrittenAnew,
}

/// `tables` tables, of which the first `altered` are changed.
fn schema(tables: usize, altered: usize, change: Change) -> String {
    let table = |n: usize| {
        let parent = if n % 5 == 1 { format!(" REFERENCES t{} (id)", n - 1) } else { String::new() };
        let (code, last) = match change {
            _ if n >= altered => ("TEXT", ", last TEXT"),
            Change::Added => ("TEXT", ", last TEXT, added TEXT"),
            Change::Dropped => ("TEXT", "\n-- @dropped last\n"),
            Change::WrittenAnew => ("INTEGER", ", last TEXT"),
        };
        format!(
            "CREATE TABLE t{n} (id INTEGER PRIMARY KEY, name TEXT NOT NULL, code {code} UNIQUE, parent INTEGER{parent}{last});
             CREATE INDEX t{n}_name ON t{n} (name);
             "
        )
    };
    (0..tables).map(table).collect()
}

/// Three rows of each of so many tables.
fn rows(tables: usize) -> String {
    let row = |n: usize, id: usize| {
        format!("INSERT INTO t{n} (id, name, code, last) VALUES ({id}, 'name {id}', 'code {id}', 'last');")
    };
    (0..tables).flat_map(|n| (1..=3).map(move |id| row(n, id))).collect()
}

/// Seconds of this thread's own processor time: what others do on the machine is not in it.
fn seconds_of<T>(run: impl FnOnce() -> T) -> (f64, T) {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let begun = now();
    let done = run();
    (now() - begun, done)
}

/// Seconds to plan, and to apply what was planned.
fn to_plan_and_apply(tables: usize, altered: usize, change: Change) -> (f64, f64) {
    let bench = Bench::new(&format!("BEGIN; {} {} COMMIT", schema(tables, 0, change), rows(tables)));
    let declared = bench.declared(&schema(tables, altered, change)).unwrap();
    let prepare = || landfall_engine::prepare(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
    let (to_plan, prepared) = seconds_of(prepare);
    let steps = prepared.report().plan.as_ref().unwrap().steps.len();
    assert!(steps >= altered, "{steps} steps");
    let (to_apply, _) = seconds_of(|| prepared.apply(&mut ()).unwrap());
    (to_plan, to_apply)
}

fn to_plan(tables: usize, altered: usize, change: Change) -> f64 {
    to_plan_and_apply(tables, altered, change).0
}

#[test]
fn an_altered_table_costs_as_much_among_500_tables_as_among_50() {
    for change in [Change::Added, Change::Dropped, Change::WrittenAnew] {
        let each = |tables: usize| (to_plan(tables, 50, change) - to_plan(tables, 1, change)) / 49.0;
        let (few, many) = (each(50) * 1e3, each(500) * 1e3);
        println!("{change:?}: {few:.2} ms a table of 50, {many:.2} ms of 500");
        assert!(many < few * 4.0, "{change:?}: a table took {few:.2} ms among 50 and {many:.2} ms among 500");
    }
}

/// `cargo test -p landfall-engine --release --test it -- --ignored --nocapture many_tables`
#[test]
#[ignore = "a measurement"]
fn measured() {
    println!("{:<11} {:>3} of {:>3}  to plan  to apply", "tables are", "n", "all");
    for change in [Change::Added, Change::Dropped, Change::WrittenAnew] {
        for (tables, altered) in [(50, 20), (500, 1), (500, 20), (500, 100), (500, 200)] {
            let (plan, apply) = to_plan_and_apply(tables, altered, change);
            println!("{:<11} {altered:>3} of {tables:>3}  {plan:.3}    {apply:.3}", format!("{change:?}"));
        }
    }
}
