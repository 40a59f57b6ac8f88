//! Rows that come between the plan and its transaction.

use landfall_engine::ErrorKind;

use super::*;

/// Plans, writes `row`, applies: must be found and leave everything; afterwards the change ends as `then`.
fn comes_between(case: &Case, mode: FastPath, row: &str, then: How) {
    let what = format!("{}: {row}", case.name);
    let bench = case.database("wal").with(|s| s.fast_path = mode);
    let declared = bench.declared(&case.schema()).unwrap();
    let prepared = landfall_engine::prepare(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
    assert!(matches!(How::of(prepared.report().plan.as_ref()), Edit(_) | Native(_)), "{what}");
    bench.open().execute_batch(row).unwrap();
    let before = bench.dump();
    let error = prepared.apply(&mut ()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Moved, "{what}: {error}");
    assert_eq!(bench.dump(), before, "{what}");
    case.change(&bench, then, mode.as_str());
}

#[test]
fn a_row_that_breaks_what_was_planned_is_found_and_nothing_is_changed() {
    let by = |new: &[&str]| case("between", t(&[]), t(new), [SCAN; 2]).rest("");
    let (proved, full) = (FastPath::Proved, FastPath::Full);
    let strict = case("STRICT", t(&[]), t(&[]) + " STRICT", [SCAN; 2]).rest("");
    comes_between(&by(&["a INTEGER NOT NULL"]), proved, "INSERT INTO t (k) VALUES (901)", Refused);
    comes_between(&by(&["CHECK (a >= 0)"]), proved, "INSERT INTO t (k, a) VALUES (901, -1)", Refused);
    comes_between(&by(&["p INTEGER REFERENCES p"]), proved, "INSERT INTO t (k, p) VALUES (901, 99)", Refused);
    comes_between(&by(&["p INTEGER REFERENCES p"]), proved, "DELETE FROM p WHERE id = 2", Refused);
    comes_between(&strict, proved, "INSERT INTO t (k, a) VALUES (901, 'x')", Refused);
    comes_between(&by(&["b TEXT UNIQUE"]), full, "INSERT INTO t (k, b) VALUES (901, 'B1')", Refused);
    // These fit a rewritten table.
    comes_between(
        &by(&["a REAL"]),
        proved,
        "INSERT INTO t (k, a) VALUES (901, 1152921504606846977)",
        Rewrite,
    );
    let halves = by(&["c NUMERIC"]).rows("INSERT INTO t (k, c) VALUES (1, 0.5)");
    comes_between(&halves, proved, "INSERT INTO t (k, c) VALUES (901, 2)", Rewrite);
    let words = by(&["b INTEGER"]).rows("INSERT INTO t (k, b) VALUES (1, 'x')");
    comes_between(&words, proved, "INSERT INTO t (k, b) VALUES (901, '007')", Rewrite);
    let stored = case("STORED", t(&["g INTEGER"]), t(&["g INTEGER AS (a * 2) STORED"]), [SCAN; 2]);
    let stored = stored.rows("INSERT INTO t (k, a, g) VALUES (1, 1, 2)").rest("");
    comes_between(&stored, proved, "INSERT INTO t (k, a, g) VALUES (901, 1, 3)", Rewrite);
}

#[test]
fn a_row_that_holds_the_old_default_is_written_out_though_the_plan_saw_none() {
    let case = case("widen", t(&["a INTEGER DEFAULT 70"]), t(&["a INTEGER DEFAULT 71"]), [SCAN; 2]);
    let bench = case.database("wal");
    let declared = bench.declared(&case.schema()).unwrap();
    let prepared = landfall_engine::prepare(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
    bench.open().execute_batch("INSERT INTO t (k) VALUES (901)").unwrap();
    prepared.apply(&mut ()).unwrap();
    assert_eq!(bench.query("SELECT a FROM t WHERE k = 901"), "70");
}

#[test]
fn violations_that_were_there_before_stay_and_no_new_key_hides_behind_them() {
    let rows = "INSERT INTO t (k, a, p) VALUES (1, 99, 99), (2, 1, 1)";
    let key = |rest: &str| t(&[&format!("FOREIGN KEY (p) REFERENCES p (id){rest}")]);
    let case = |new: String, how| case("violated", key(""), new, how).rows(rows).rest("");
    for (new, how) in [
        (key(" ON DELETE CASCADE"), EDIT),
        (t(&["a BIGINT", "FOREIGN KEY (p) REFERENCES p (id)"]), EDIT),
        (t(&[]), EDIT),
    ] {
        let case = case(new, [how; 2]);
        let bench = case.database("wal");
        let before = contents(&bench.open());
        assert_eq!(How::of(bench.reaches(&case.schema()).plan.as_ref()), how, "{}", case.new);
        assert_eq!(contents(&bench.open()), before);
    }
    // The same row, and the same parent.
    let new = t(&["FOREIGN KEY (p) REFERENCES p (id)", "FOREIGN KEY (a) REFERENCES p (id)"]);
    let case = case(new, [Refused; 2]);
    let error = case.database("wal").refuses(&case.schema());
    assert!(error.message.contains("VIOLATED_CONSTRAINT"), "{error}");
}
