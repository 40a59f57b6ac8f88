//! How long a plan is going to take: its steps and what proves them, each so much a row, held against how fast this machine reads
//! the tables concerned (`calibration.rs`). Values in, values out.

#[cfg(test)]
mod measured;

use crate::evidence::Look;
use crate::execute::Execution;
use crate::operation::Operation;
use crate::plan::{BELOW, CostClass, Prediction, Step};
use crate::schema::{Table, VirtualTable};
use crate::virtual_table::Content;

/// By how much it may be more, or less: every run of 10,000 and 100,000 rows that the rates below were fitted to lay within it (four
/// widths of rows, with and without indexes and keys, with and without a log). A disk that others keep busy is not foreseen.
const MARGIN: f64 = 3.0;

/// What a plan takes that reads and writes no row but samples, in seconds: waiting for the disk, mostly.
const BEGIN_TO_COMMIT: f64 = 0.02;

/// Seconds of a step, whatever it does.
const STEP: f64 = 0.0002;

/// Seconds that work takes: for each row, for each of its values, and for each of its bytes.
#[derive(Debug, Clone, Copy)]
struct Rate {
    row: f64,
    value: f64,
    byte: f64,
}

const fn nanoseconds(row: f64, value: f64, byte: f64) -> Rate {
    Rate { row: row * 1e-9, value: value * 1e-9, byte: byte * 1e-9 }
}

// Measured on one machine, and only their proportions count: each table is held against READ on the machine that plans.
// `cargo test -p landfall-engine --lib measured -- --ignored --nocapture` measures again, and shows what each would have to be.

/// A row read with all of its values, and hashed: what the calibration does.
const READ: Rate = nanoseconds(100.0, 100.0, 1.9);
/// The checksum of a row, before and after.
const SUM: Rate = nanoseconds(100.0, 130.0, 5.0);
/// A condition asked of a row.
const SCAN: Rate = nanoseconds(60.0, 10.0, 0.3);
/// A row written to a new place, and gone from its old one.
const WRITE: Rate = nanoseconds(400.0, 50.0, 10.5);
/// What is written goes to the disk at COMMIT; with a log twice, since that goes back into the file at once.
const COMMIT: Rate = nanoseconds(100.0, 0.0, 8.5);
const COMMIT_LOG: Rate = nanoseconds(150.0, 0.0, 17.0);
/// An entry of an index that is made of rows that are there: sorted and written. So much of 100,000 rows.
const SORT: Rate = nanoseconds(1_800.0, 0.0, 3.5);
/// An entry of an index that belongs to a constraint: put where it belongs as its row is written. So much of 100,000 rows.
const KEY: Rate = nanoseconds(2_000.0, 0.0, 0.0);
/// A row's parent looked for, before and after.
const PARENT: Rate = nanoseconds(800.0, 0.0, 0.0);
/// A row's words written into a full-text index, and held against the row afterwards.
const WORDS: Rate = nanoseconds(3_000.0, 0.0, 12.0);

/// How fast the rows of a table are read, and how wide they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    /// Seconds to read a row with all of its values, and to hash them.
    pub(crate) seconds: f64,
    /// Values of a row.
    pub(crate) values: f64,
    /// Bytes of a row.
    pub(crate) bytes: f64,
}

impl Pace {
    /// Of rows that cannot be read.
    pub(crate) const ASSUMED: Self = Self { seconds: 1.2e-6, values: 8.0, bytes: 150.0 };

    /// So many rows, on this machine.
    fn seconds(&self, rate: Rate, rows: u64) -> f64 {
        let a_row = |rate: Rate| rate.row + rate.value * self.values + rate.byte * self.bytes;
        rows as f64 * a_row(rate) * self.seconds / a_row(READ)
    }
}

/// What a prediction stands on.
pub(crate) struct Prospect<'p> {
    /// What is going to be executed.
    pub(crate) execution: &'p Execution<'p>,
    /// Whether the database is in WAL mode.
    pub(crate) has_log: bool,
    /// Rows of a live table, counted.
    pub(crate) rows: &'p dyn Fn(&str) -> u64,
    /// How fast the rows of a live table are read. Not asked where no rows are read.
    pub(crate) pace: &'p dyn Fn(&str) -> Pace,
}

impl Prospect<'_> {
    pub(crate) fn predict(&self) -> Prediction {
        let fills = self.execution.fills.iter().flat_map(|(fill, rows)| fill.steps(*rows));
        let steps: Vec<_> = fills.chain(self.execution.steps.iter().cloned()).collect();
        let constant = BEGIN_TO_COMMIT + STEP * steps.len() as f64;
        let steps: f64 = steps.iter().map(|step| self.step(step)).sum();
        Prediction::of(constant + steps + self.proof())
    }

    fn step(&self, step: &Step) -> f64 {
        let rates = self.rates(step);
        if step.cost.rows == 0 || rates.is_empty() {
            return 0.0;
        }
        let pace = (self.pace)(&self.live(step.table()));
        rates.into_iter().map(|rate| pace.seconds(rate, step.cost.rows)).sum()
    }

    fn rates(&self, step: &Step) -> Vec<Rate> {
        let commit = if self.has_log { COMMIT_LOG } else { COMMIT };
        let narrow = Rate { value: 0.0, byte: commit.byte / 10.0, ..commit };
        let live = self.execution.live;
        match (step.cost.class, &step.operation) {
            // The rows that an edit rests on were asked when the plan was made; they are asked again where somebody has written since.
            (CostClass::Constant, _) | (CostClass::Scan, Operation::EditCatalogue { .. }) => Vec::new(),
            (CostClass::Scan, operation) if operation.sorts() => {
                vec![sorted(step.cost.rows), narrow]
            }
            (CostClass::Scan, _) => vec![SCAN],
            (CostClass::Rewrite, _)
                if live.virtual_table(step.table()).is_some() || self.makes_words(step) =>
            {
                vec![WORDS, narrow]
            }
            (CostClass::Rewrite, _) => {
                let keys = vec![put_in_order(step.cost.rows); self.keys_filled(step)];
                [vec![WRITE, commit], keys].concat()
            }
        }
    }

    fn makes_words(&self, step: &Step) -> bool {
        self.execution.declared.schema.virtual_table(step.table()).is_some()
    }

    /// How many indexes of constraints are filled while a statement writes rows: those of the table that it inserts into.
    fn keys_filled(&self, step: &Step) -> usize {
        let into = step.operation.inserts_into();
        into.and_then(|name| self.execution.declared.schema.table(name)).map_or(0, keys)
    }

    /// Rows looked at before and after.
    fn proof(&self) -> f64 {
        let summed = self.execution.watched.iter().filter(|watched| watched.look == Look::Checksum);
        let summed = summed.map(|watched| (&watched.table.from, SUM));
        let asked = self.execution.carry.tables.iter().filter(|table| self.looks_for_parents(&table.to));
        let asked = asked.filter(|table| self.execution.may_lose_parents(table));
        let looks = summed.chain(asked.map(|table| (&table.from, PARENT)));
        looks.map(|(table, rate)| self.of_all(table, rate)).sum()
    }

    fn looks_for_parents(&self, table: &str) -> bool {
        self.execution.declared.schema.table(table).is_some_and(|table| !table.foreign_keys.is_empty())
    }

    fn of_all(&self, table: &str, rate: Rate) -> f64 {
        match (self.rows)(table) {
            0 => 0.0,
            rows => (self.pace)(table).seconds(rate, rows),
        }
    }

    /// The live table whose rows a step on this one is about.
    fn live(&self, table: &str) -> String {
        let content = self.execution.declared.schema.virtual_table(table).map(VirtualTable::content);
        let table = if let Some(Content::In(content)) = content { content } else { table.to_owned() };
        self.execution.carry.table_to(&table).map_or(table, |carry| carry.from.clone())
    }
}

/// Sorting takes longer the more there is to sort: 1.6 times as long an entry where there are ten times as many.
fn sorted(rows: u64) -> Rate {
    Rate { row: SORT.row * (rows as f64 / 100_000.0).powf(0.2), ..SORT }
}

/// The more entries there are, the fewer of their pages are in the cache: 3 times as long an entry where there are ten times as many.
fn put_in_order(rows: u64) -> Rate {
    Rate { row: KEY.row * (rows as f64 / 100_000.0).powf(0.5), ..KEY }
}

/// Indexes that SQLite makes for the constraints of a table.
fn keys(table: &Table) -> usize {
    let of_key = table.primary_key.is_some() && table.rowid_alias.is_none() && !table.without_rowid;
    table.uniques.len() + usize::from(of_key)
}

impl Prediction {
    /// With the margin.
    fn of(seconds: f64) -> Self {
        let (low, high) = (seconds / MARGIN, seconds * MARGIN);
        if high > BELOW { Self { seconds, low, high } } else { Self { seconds, low: 0.0, high: BELOW } }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use std::path::Path;

    use rusqlite::Connection;

    use super::*;
    use crate::declared::Declared;
    use crate::due::Due;
    use crate::evidence;
    use crate::matching::carry;
    use crate::planner::builtin::Builtin;
    use crate::planner::{Planner as _, Task};
    use crate::schema;
    use crate::settings::{ProofLevel, Settings};

    const T: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT);";

    /// Of what the built-in planner does where each table has so many rows.
    struct Change<'c> {
        live: &'c str,
        declared: &'c str,
        proof: ProofLevel,
        has_log: bool,
    }

    impl Change<'_> {
        fn new<'c>(live: &'c str, declared: &'c str) -> Change<'c> {
            Change { live, declared, proof: ProofLevel::default(), has_log: true }
        }

        fn predicted(&self, rows: u64, pace: &dyn Fn(&str) -> Pace) -> f64 {
            let settings = Settings { proof: self.proof, ..Settings::default() };
            let conn = Connection::open_in_memory().unwrap();
            conn.execute_batch(self.live).unwrap();
            let live = &schema::read(&conn, &[]).unwrap();
            let declared = &Declared::parse(Path::new("schema.sql"), self.declared, &settings).unwrap();
            let (carry, settings) = (&carry(live, declared).unwrap(), &settings);
            let rows: &dyn Fn(&str) -> u64 = &|_| rows;
            let task = Task { live, declared, carry, settings, rows, matching: &|_, _| Some(1) };
            let steps = &Builtin.plan(&task).unwrap();
            let watched = evidence::watched(steps, carry, live, &declared.schema, self.proof);
            let execution = &Execution {
                steps,
                origin: live,
                origin_carry: carry,
                fills: &[],
                row_steps: Vec::new(),
                live,
                declared,
                carry,
                settings,
                ignore: &[],
                watched,
                hazards: &[],
                due: &Due::default(),
            };
            Prospect { execution, has_log: self.has_log, rows, pace }.predict().seconds
        }

        /// Seconds of so many rows, above what takes as long with none.
        fn of(&self, rows: u64) -> f64 {
            let pace = |_: &str| Pace::ASSUMED;
            self.predicted(rows, &pace) - self.predicted(0, &pace)
        }
    }

    fn of(live: &str, declared: &str, rows: u64) -> f64 {
        Change::new(live, declared).of(rows)
    }

    #[test]
    fn what_reads_no_rows_takes_as_long_with_any_number_of_them_and_none_is_read() {
        for declared in [
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT, c TEXT);",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT,\n c TEXT -- @renamed from=b\n);",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT); CREATE TABLE u (a UNIQUE);",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT CHECK (a <> 'q'), b TEXT);",
        ] {
            let nobody = |table: &str| -> Pace { panic!("rows of {table} were read for {declared}") };
            let change = Change::new(T, declared);
            let (few, many) = (change.predicted(3, &nobody), change.predicted(1_000_000_000, &nobody));
            assert_eq!(few, many, "{declared}");
            assert_eq!(Prediction::of(few).to_string(), "predicted below 0.1 s", "{declared}");
        }
    }

    #[test]
    fn what_reads_or_writes_rows_takes_longer_the_more_there_are() {
        let index = format!("{T} CREATE INDEX i ON t (a);");
        let (unique, typed) = (T.replace("a TEXT", "a TEXT UNIQUE"), T.replace("a TEXT", "a INTEGER"));
        for declared in [index, unique, typed] {
            let times = [1, 1_000, 100_000, 1_000_000, 100_000_000].map(|rows| of(T, &declared, rows));
            assert!(times[0] > 0.0 && times.is_sorted_by(|less, more| less < more), "{declared}: {times:?}");
        }
    }

    #[test]
    fn each_index_adds_to_a_rewrite() {
        let with = |indexes: &str| format!("{}{indexes}", T.replace("a TEXT", "a INTEGER"));
        let rewrite = of(T, &with(""), 100_000);
        let sorted = of(T, &with("CREATE INDEX i ON t (b);"), 100_000);
        let key = of(T, &with("").replace("b TEXT", "b TEXT UNIQUE"), 100_000);
        assert!(rewrite < sorted && rewrite < key, "{rewrite} {sorted} {key}");
        let two = of(T, &with("CREATE INDEX i ON t (b); CREATE INDEX j ON t (b, a);"), 100_000);
        assert!((two - sorted - (sorted - rewrite)).abs() < 1e-9);
    }

    #[test]
    fn a_log_and_a_closer_proof_take_their_time() {
        let declared = T.replace("a TEXT", "a INTEGER");
        let change = Change::new(T, &declared);
        assert!(Change { has_log: false, ..change }.of(1_000) < change.of(1_000));
        let added = T.replace("b TEXT", "b TEXT, c TEXT");
        let added = Change::new(T, &added);
        assert_eq!(added.of(1_000), 0.0);
        assert!(Change { proof: ProofLevel::Content, ..added }.of(1_000) > 0.0);
    }

    #[test]
    fn rows_whose_parents_are_looked_for_take_longer() {
        let live = format!("{T} CREATE TABLE c (t INTEGER, x INTEGER);");
        let child = live.replace("t INTEGER", "t INTEGER REFERENCES t (id)");
        let check = live.replace("x INTEGER", "x INTEGER CHECK (x <> 7)");
        assert!(of(&live, &child, 1_000) > of(&live, &check, 1_000));
    }

    #[test]
    fn words_take_longer_than_the_entries_of_an_index() {
        let words = format!("{T} CREATE VIRTUAL TABLE w USING fts5 (a, content = t);");
        assert!(of(T, &words, 1_000) > of(T, &format!("{T} CREATE INDEX i ON t (a);"), 1_000));
    }

    #[test]
    fn the_margin_lies_around_the_prediction_and_nobody_promises_less_than_a_disk_takes() {
        for seconds in [0.0, 0.03, 0.04, 1.0, 4_000.0] {
            let Prediction { seconds, low, high } = Prediction::of(seconds);
            assert!(low <= seconds && seconds <= high && high >= BELOW, "{seconds}");
        }
        assert_eq!(Prediction::of(9.0), Prediction { seconds: 9.0, low: 3.0, high: 27.0 });
    }

    #[test]
    fn a_prediction_has_no_more_digits_than_it_knows() {
        let told = |seconds| Prediction::of(seconds).to_string();
        let expected = [
            (0.0, "predicted below 0.1 s"),
            (0.03, "predicted below 0.1 s"),
            (0.05, "predicted 0.05 s (0.02 to 0.2 s)"),
            (0.2, "predicted 0.2 s (0.07 to 0.6 s)"),
            (1.4, "predicted 1.4 s (0.5 to 4.2 s)"),
            (42.0, "predicted 42 s (14 to 126 s)"),
            (100.0, "predicted 1.7 min (0.6 to 5 min)"),
            (7_200.0, "predicted 2 h (0.7 to 6 h)"),
        ];
        for (seconds, text) in expected {
            assert_eq!(told(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn a_machine_that_reads_more_slowly_takes_as_much_longer_for_everything() {
        let pace = |factor| Pace { seconds: 1.2e-6 * factor, ..Pace::ASSUMED };
        for rate in [READ, SUM, SCAN, WRITE, COMMIT, COMMIT_LOG, SORT, KEY, PARENT, WORDS] {
            let (one, three) = (pace(1.0).seconds(rate, 1_000), pace(3.0).seconds(rate, 1_000));
            assert!(one > 0.0 && (three / one - 3.0).abs() < 1e-9, "{rate:?}");
        }
        assert!((pace(1.0).seconds(READ, 1_000) - 1.2e-3).abs() < 1e-9, "reading is what was measured");
    }

    #[test]
    fn more_and_wider_rows_never_take_less() {
        let wide = Pace { seconds: 3e-6, bytes: 1_000.0, ..Pace::ASSUMED };
        for rate in [SUM, WRITE, COMMIT, COMMIT_LOG, WORDS] {
            let of = |pace: Pace, rows| pace.seconds(rate, rows);
            assert!(of(wide, 1_000) > of(Pace::ASSUMED, 1_000), "{rate:?}");
            assert!(of(wide, 1_001) > of(wide, 1_000), "{rate:?}");
        }
    }
}
