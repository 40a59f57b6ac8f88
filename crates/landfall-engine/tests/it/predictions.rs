//! How long a plan is going to take, as a whole: on real databases, where only its order and its form can be asserted.

use landfall_engine::Prediction;

use crate::support::Bench;

const T: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)";
const ROWS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT";

fn predicted(rows: u64, declared: &str) -> Prediction {
    let fill = format!("{ROWS} {rows}) INSERT INTO t SELECT i, CAST(i AS TEXT) FROM n");
    let bench = Bench::new(&format!("{T}; {fill}"));
    let declared = bench.declared(declared).unwrap();
    let prepared = landfall_engine::prepare(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
    prepared.report().plan.as_ref().unwrap().prediction
}

#[test]
fn what_writes_no_row_is_predicted_alike_with_any_number_of_rows() {
    let declared = T.replace("a TEXT", "a TEXT, b TEXT");
    assert_eq!(predicted(1, &declared), predicted(30_000, &declared));
}

#[test]
fn what_writes_rows_is_predicted_with_a_margin_and_above_what_does_not() {
    let declared = T.replace("a TEXT", "a INTEGER NOT NULL");
    let Prediction { seconds, low, high } = predicted(30_000, &declared);
    assert!(0.0 < low && low < seconds && seconds < high, "{low} {seconds} {high}");
    assert!(seconds > predicted(0, &declared).seconds);
}

#[test]
fn a_prediction_is_no_part_of_what_an_approval_counts_for() {
    let declared = T.replace("a TEXT", "a INTEGER NOT NULL");
    let bench = Bench::new(&format!("{T}; {ROWS} 30000) INSERT INTO t SELECT i, CAST(i AS TEXT) FROM n"));
    let declared = bench.declared(&declared).unwrap();
    let plan = || {
        let prepared = landfall_engine::prepare(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
        prepared.report().plan.clone().unwrap()
    };
    let (one, other) = (plan(), plan());
    // Both were measured: whether they differ by a nanosecond is the machine's matter.
    assert_eq!(one.fingerprint, other.fingerprint);
}
