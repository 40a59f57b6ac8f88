//! What the built-in planner does for a change, and what it says that costs.

use landfall_engine::{CostClass, FastPath, Report, StepKind};

use crate::support::Bench;

const TABLE: &str =
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, 'z')";

fn cost(report: &Report) -> (CostClass, u64) {
    let cost = report.plan.as_ref().unwrap().cost;
    (cost.class, cost.rows)
}

fn reached(old: &str, new: &str) -> (Bench, Report) {
    let bench = Bench::new(old);
    let report = bench.reaches(new);
    (bench, report)
}

#[test]
fn costs_carry_the_rows_that_are_read_or_written() {
    let (_, report) =
        reached(TABLE, "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); CREATE INDEX i ON t (a)");
    assert_eq!(cost(&report), (CostClass::Scan, 3));
    let (_, report) = reached(TABLE, "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT CHECK (a <> 'q'))");
    assert_eq!(cost(&report), (CostClass::Scan, 3));
    let (_, report) = reached(TABLE, "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE)");
    assert_eq!(cost(&report), (CostClass::Rewrite, 3));
    let (_, report) = reached(TABLE, "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT)");
    assert_eq!(cost(&report), (CostClass::Constant, 0));
    let (_, report) =
        reached(TABLE, "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT CHECK (b <> 'q'))");
    assert_eq!(cost(&report), (CostClass::Scan, 3));
    let (_, report) =
        reached(TABLE, "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b AS (a || a) NOT NULL)");
    assert_eq!(cost(&report), (CostClass::Scan, 3));
    let (_, report) = reached(TABLE, "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b AS (a || a))");
    assert_eq!(cost(&report), (CostClass::Constant, 0));
    let (_, report) =
        reached(TABLE, "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b INTEGER NOT NULL DEFAULT 7)");
    assert_eq!(cost(&report), (CostClass::Constant, 0));
}

#[test]
fn a_rename_alone_is_constant_and_touches_no_row() {
    let (bench, report) =
        reached(TABLE, "CREATE TABLE t (id INTEGER PRIMARY KEY,\n b TEXT -- @renamed from=a\n)");
    assert_eq!(cost(&report), (CostClass::Constant, 0));
    assert_eq!(bench.query("SELECT b FROM t WHERE id = 2"), "y");
    let (bench, report) =
        reached(TABLE, "-- @renamed from=t\nCREATE TABLE u (id INTEGER PRIMARY KEY, a TEXT)");
    assert_eq!(cost(&report), (CostClass::Constant, 0));
    assert_eq!(bench.query("SELECT a FROM u WHERE id = 2"), "y");
}

#[test]
fn a_change_of_letter_case_alone_is_no_change() {
    let bench = Bench::new(TABLE);
    let report = bench.migrate("create table T (ID integer primary key, A text)").unwrap();
    assert_eq!(report.outcome, landfall_engine::Outcome::InSync);
}

#[test]
fn a_unique_index_that_holds_a_declared_constraint_stays() {
    let old = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); CREATE UNIQUE INDEX t_a ON t (a); INSERT INTO t VALUES (1, 'x')";
    let (bench, report) = reached(old, "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE, b TEXT)");
    assert_eq!(report.plan.unwrap().steps.len(), 1);
    assert!(bench.dump().contains("t_a"));
    // A rebuild writes the constraint itself, and the index has nothing left to hold.
    let (bench, _) = reached(old, "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL UNIQUE)");
    assert!(!bench.dump().contains("t_a"));
    // Of two, one is too many.
    let old = format!("{old}; CREATE UNIQUE INDEX t_b ON t (a)");
    let (_, report) = reached(&old, "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE)");
    let steps: Vec<_> = report.plan.unwrap().steps.into_iter().map(|s| (s.kind(), s.sql)).collect();
    assert_eq!(steps, [(StepKind::Drop, "DROP INDEX \"t_b\"".to_owned())]);
}

#[test]
fn columns_that_add_column_cannot_add_to_a_table_with_rows_are_added_all_the_same() {
    let table = |column: &str| format!("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, {column})");
    let (bench, _) = reached(TABLE, &table("b TEXT DEFAULT CURRENT_TIMESTAMP"));
    assert_eq!(bench.query("SELECT count(*) FROM t WHERE b LIKE '2%'"), "3");
    let (bench, _) = reached(TABLE, &table("b TEXT DEFAULT (upper('q'))"));
    assert_eq!(bench.query("SELECT b FROM t WHERE id = 1"), "Q");
    let (bench, _) = reached(TABLE, &table("b AS (a || '!') STORED"));
    assert_eq!(bench.query("SELECT b FROM t WHERE id = 1"), "x!");
    let (bench, _) = reached(TABLE, &table("b TEXT UNIQUE"));
    assert_eq!(bench.query("SELECT count(*) FROM t"), "3");
    let (bench, _) = reached(TABLE, &table("\nb TEXT NOT NULL -- @using a || '?'\n"));
    assert_eq!(bench.query("SELECT b FROM t WHERE id = 1"), "x?");
    let (bench, _) = reached(TABLE, &table("\nb TEXT -- @using a || '?'\n"));
    assert_eq!(bench.query("SELECT b FROM t WHERE id = 1"), "x?");
    let (bench, _) = reached("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)", &table("b TEXT NOT NULL"));
    assert_eq!(bench.query("SELECT count(*) FROM t"), "0");
}

#[test]
fn an_autoincrement_that_is_new_begins_after_the_highest_row() {
    let (bench, _) = reached(TABLE, "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT)");
    assert_eq!(bench.query("SELECT seq FROM sqlite_sequence WHERE name = 't'"), "3");
    let (bench, _) = reached(
        &bench.query("SELECT sql || ';' FROM sqlite_schema WHERE name = 't'"),
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)",
    );
    assert_eq!(bench.query("SELECT count(*) FROM sqlite_sequence"), "0");
}

#[test]
fn every_column_may_be_new_and_every_row_stays() {
    let old = "CREATE TABLE t (a TEXT) ; INSERT INTO t VALUES ('x'), ('y')";
    let bench = Bench::new(old).with(|s| {
        s.allow = vec!["DROPS_COLUMN:t.a".parse().unwrap(), "LOOKS_LIKE_RENAME:t.a".parse().unwrap()];
    });
    bench.reaches("CREATE TABLE t (b INTEGER NOT NULL DEFAULT 5)");
    assert_eq!(bench.query("SELECT rowid, b FROM t"), "1|5\n2|5");
    let old = "CREATE TABLE t (a TEXT PRIMARY KEY) WITHOUT ROWID; INSERT INTO t VALUES ('x')";
    let bench = Bench::new(old).with(|s| {
        s.allow = vec!["DROPS_COLUMN:t.a".parse().unwrap(), "LOOKS_LIKE_RENAME:t.a".parse().unwrap()];
    });
    bench.reaches("CREATE TABLE t (b INTEGER DEFAULT 5)");
    assert_eq!(bench.query("SELECT b FROM t"), "5");
}

#[test]
fn views_and_triggers_that_change_go_and_come_in_an_order_that_works() {
    let old = "CREATE TABLE t (a TEXT); CREATE VIEW v AS SELECT a FROM t; CREATE VIEW w AS SELECT a FROM v;
         CREATE TRIGGER tr INSTEAD OF INSERT ON v BEGIN INSERT INTO t VALUES (new.a); END; INSERT INTO t VALUES ('x')";
    let (bench, _) = reached(
        old,
        "CREATE TABLE t (a TEXT); CREATE VIEW v AS SELECT upper(a) AS a FROM t; CREATE VIEW w AS SELECT a FROM v;
         CREATE TRIGGER tr INSTEAD OF INSERT ON v BEGIN INSERT INTO t VALUES (new.a); END;",
    );
    bench.open().execute_batch("INSERT INTO v VALUES ('y')").unwrap();
    assert_eq!(bench.query("SELECT a FROM w"), "X\nY");
    // A table becomes a view of the same name, and a view a table.
    let bench = Bench::new(old)
        .with(|s| s.allow = vec!["DROPS_TABLE:t".parse().unwrap(), "LOOKS_LIKE_RENAME:t".parse().unwrap()]);
    bench.reaches("CREATE TABLE v (a TEXT); CREATE VIEW t AS SELECT a FROM v");
}

#[test]
fn column_order_is_a_note_or_a_difference_as_one_likes() {
    let new = "CREATE TABLE t (a TEXT, id INTEGER PRIMARY KEY)";
    let (_, report) = {
        let bench = Bench::new(TABLE);
        let report = bench.migrate(new).unwrap();
        (bench, report)
    };
    assert_eq!(report.notes, ["table t: the order of columns is (id, a), declared is (a, id)"]);
    let bench = Bench::new(TABLE).with(|s| s.column_order = landfall_engine::ColumnOrder::Exact);
    let report = bench.reaches(new);
    assert_eq!(cost(&report), (CostClass::Rewrite, 3));
    assert_eq!(bench.query("SELECT * FROM t WHERE id = 2"), "y|2");
    // A column in the middle, in that order.
    let bench = Bench::new(TABLE).with(|s| s.column_order = landfall_engine::ColumnOrder::Exact);
    bench.reaches("CREATE TABLE t (id INTEGER PRIMARY KEY, b TEXT, a TEXT)");
    assert_eq!(bench.query("SELECT * FROM t WHERE id = 2"), "2|NULL|y");
}

#[test]
fn a_default_that_is_a_literal_is_added_in_constant_time() {
    for (default, class, value) in [
        ("-1", CostClass::Constant, "-1"),
        ("+1.5", CostClass::Constant, "1.5"),
        ("'x'", CostClass::Constant, "x"),
        ("x'0a'", CostClass::Constant, "[0a]"),
        ("true", CostClass::Constant, "1"),
        ("NULL", CostClass::Constant, "NULL"),
        ("(7)", CostClass::Constant, "7"),
        ("(~ 1)", CostClass::Rewrite, "-2"),
        ("(NOT 1)", CostClass::Rewrite, "0"),
        ("(1 + 1)", CostClass::Rewrite, "2"),
    ] {
        let (bench, report) = reached(
            TABLE,
            &format!("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b BLOB DEFAULT {default})"),
        );
        assert_eq!(cost(&report).0, class, "{default}");
        assert_eq!(bench.query("SELECT b FROM t WHERE id = 1"), value, "{default}");
    }
}

#[test]
fn a_renamed_table_is_proved_under_its_new_name() {
    let (_, report) = reached(TABLE, "-- @renamed from=t\nCREATE TABLE u (id INTEGER PRIMARY KEY, a TEXT)");
    let evidence: Vec<_> =
        report.evidence.iter().map(|e| (e.table.as_str(), e.rows_after, e.checksum.is_some())).collect();
    assert_eq!(evidence, [("u", 3, true)]);
}

#[test]
fn an_index_that_is_declared_itself_holds_no_constraint() {
    let index = "CREATE UNIQUE INDEX i ON t (a);";
    let (bench, report) = reached(
        &format!("CREATE TABLE t (a TEXT); {index} INSERT INTO t VALUES ('x')"),
        &format!("CREATE TABLE t (a TEXT UNIQUE); {index}"),
    );
    assert_eq!(report.differences[0].message, "table t: UNIQUE (a) is missing");
    assert_eq!(bench.query("SELECT count(*) FROM pragma_index_list('t')"), "2");
    // Nor does one of another table.
    let (_, report) = reached(
        "CREATE TABLE t (a TEXT); CREATE TABLE u (a TEXT); CREATE UNIQUE INDEX u_a ON u (a)",
        "CREATE TABLE t (a TEXT UNIQUE); CREATE TABLE u (a TEXT)",
    );
    assert_eq!(report.differences.len(), 2);
}

#[test]
fn a_fingerprint_is_of_both_schemas_and_of_every_statement() {
    let new = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT)";
    let fingerprint = |old: &str, new: &str| {
        let bench = Bench::new(old);
        let declared = bench.declared(new).unwrap();
        let prepared = landfall_engine::prepare(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
        prepared.report().plan.as_ref().unwrap().fingerprint.clone()
    };
    let first = fingerprint(TABLE, new);
    let digits = first.strip_prefix("v1-").unwrap();
    assert!(digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{first}");
    // Rows and what is cosmetic do not count, everything else does.
    assert_eq!(first, fingerprint("create table T (id integer primary key, a text)", new));
    assert_ne!(first, fingerprint(TABLE, "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b BLOB)"));
    let more = format!("{TABLE}; CREATE TABLE more (x)");
    assert_ne!(first, fingerprint(&more, &format!("{new}; CREATE TABLE more (x)")));
}

#[test]
fn a_trigger_that_changes_is_made_anew_and_the_others_are_left_alone() {
    let same = "CREATE TRIGGER same AFTER DELETE ON t BEGIN INSERT INTO log VALUES ('gone'); END;";
    let trigger = |word: &str| {
        format!(
            "CREATE TABLE t (a TEXT); CREATE TABLE log (a TEXT); {same}
             CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO log VALUES ('{word}'); END;"
        )
    };
    let (bench, report) = reached(&trigger("old"), &trigger("new"));
    let steps: Vec<_> = report.plan.unwrap().steps.into_iter().map(|s| s.kind()).collect();
    assert_eq!(steps, [StepKind::Drop, StepKind::Create]);
    bench.open().execute_batch("INSERT INTO t VALUES ('x'); DELETE FROM t").unwrap();
    assert_eq!(bench.query("SELECT a FROM log"), "new\ngone");
}

#[test]
fn the_time_of_a_change_is_told_part_by_part_and_so_is_the_room_that_it_took() {
    let bench = Bench::new(TABLE).with(|s| s.fast_path = FastPath::Off);
    let report = bench.reaches("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT CHECK (a <> 'q'))");
    let labels: Vec<_> = report.timings.iter().map(|timing| timing.label.as_str()).collect();
    assert_eq!(
        labels,
        [
            "schema and hazards",
            "rows of t",
            "foreign keys and schema",
            "1/6 metadata",
            "2/6 rebuild t",
            "3/6 rebuild t",
            "4/6 rebuild t",
            "5/6 rebuild t",
            "6/6 metadata",
            "rows of t",
            "foreign keys and schema",
            "commit"
        ]
    );
    let (sum, whole) = (report.timings.iter().map(|t| t.seconds).sum::<f64>(), report.seconds.unwrap());
    assert!(sum > 0.0 && sum <= whole, "{sum} of {whole}");
    let disk = report.disk.unwrap();
    let now = std::fs::metadata(bench.db()).unwrap().len();
    assert!(disk.before > 0 && disk.peak >= disk.after && disk.after == now, "{disk:?}, now {now}");
}
