//! Both planners on one change: who wins, and what the report says the other would have lost.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::{Bench, proposal};
use landfall_engine::{Error, ErrorKind, FastPath, Planner, PlannerChoice, Report};

/// The change by every planner, where none has a fast path: (what became of Atlas's proposal, what became of the built-in one).
fn both(atlas: PathBuf, old: &str, new: &str) -> (String, String) {
    let bench = Bench::new(old).with(|s| {
        s.fast_path = FastPath::Off;
        s.planner = PlannerChoice::Auto;
        s.atlas = Some(atlas);
    });
    let report = bench.reaches(new);
    (proposal(&report, Planner::Atlas), proposal(&report, Planner::Builtin))
}

/// The change by Atlas alone: applied with everything kept, or refused with the loss named and nothing changed.
fn atlas_alone(atlas: PathBuf, old: &str, new: &str) -> Result<Report, Error> {
    let bench = Bench::new(old).with(|s| {
        s.planner = PlannerChoice::Atlas;
        s.atlas = Some(atlas);
    });
    let before = bench.dump();
    let result = bench.migrate(new);
    if result.is_err() {
        assert_eq!(bench.dump(), before);
    }
    result
}

#[test]
fn equal_costs_go_to_atlas() {
    let Some(atlas) = landfall_testkit::requires::atlas("equal_costs_go_to_atlas") else { return };
    let (atlas, builtin) = both(
        atlas,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'x')",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT)",
    );
    assert_eq!(atlas, "chosen: as cheap as builtin, and ties go to Atlas");
    assert_eq!(builtin, "proved: constant time");
}

#[test]
fn what_atlas_would_lose_is_named_and_the_builtin_plan_wins() {
    let Some(atlas) =
        landfall_testkit::requires::atlas("what_atlas_would_lose_is_named_and_the_builtin_plan_wins")
    else {
        return;
    };
    let cases = [
        (
            "a UNIQUE constraint that Atlas did not make",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE)",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE, b TEXT)",
            "disproved: would fail: no such index: t_a in `DROP INDEX `t_a``",
        ),
        (
            "COLLATE",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE)",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE NOT NULL)",
            "disproved: would not reach schema.sql: column t.a: COLLATE is BINARY, declared is NOCASE",
        ),
        (
            "implicit rowids",
            "CREATE TABLE t (a TEXT NOT NULL); INSERT INTO t (rowid, a) VALUES (9, 'x')",
            "CREATE TABLE t (a TEXT)",
            "disproved: would change values or rowids of t",
        ),
        (
            "the AUTOINCREMENT mark",
            "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT NOT NULL);
             INSERT INTO t VALUES (9, 'x'); DELETE FROM t",
            "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT)",
            "disproved: would lose the AUTOINCREMENT mark of t: 9 becomes 0",
        ),
        (
            "a renamed column's values",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'x'), (2, NULL)",
            "CREATE TABLE t (id INTEGER PRIMARY KEY,\n b TEXT -- @renamed from=a\n)",
            "disproved: would change values or rowids of t",
        ),
        (
            "triggers of a rebuilt table",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL); CREATE TABLE l (a TEXT);
             CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO l VALUES (new.a); END",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); CREATE TABLE l (a TEXT);
             CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO l VALUES (new.a); END",
            "disproved: would not reach schema.sql: trigger tr is missing",
        ),
        (
            "a view over a rebuilt table",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL); CREATE VIEW v AS SELECT a FROM t",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); CREATE VIEW v AS SELECT a FROM t",
            "disproved: would fail: error in view v: no such table: main.t in `ALTER TABLE `new_t` RENAME TO `t``",
        ),
        (
            "a view that is new",
            "CREATE TABLE t (a TEXT)",
            "CREATE TABLE t (a TEXT); CREATE VIEW v AS SELECT a FROM t",
            "disproved: would not reach schema.sql: view v is missing",
        ),
    ];
    for (name, old, new, loss) in cases {
        let (by_atlas, builtin) = both(atlas.clone(), old, new);
        assert_eq!(by_atlas, loss, "{name}");
        assert_eq!(builtin, "chosen: the only plan that was proved", "{name}");
        let error = atlas_alone(atlas.clone(), old, new).unwrap_err();
        let reason = loss.trim_start_matches("disproved: ");
        assert!(error.message.contains(reason), "{name}: {error}");
    }
}

#[test]
fn atlas_alone_ends_in_the_same_schema_with_all_rows() {
    let Some(atlas) = landfall_testkit::requires::atlas("atlas_alone_ends_in_the_same_schema_with_all_rows")
    else {
        return;
    };
    let old = "CREATE TABLE p (id INTEGER PRIMARY KEY, a TEXT NOT NULL);
         CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p (id) ON DELETE CASCADE);
         INSERT INTO p VALUES (1, 'x'), (2, 'y'); INSERT INTO c VALUES (1, 1), (2, 2)";
    let new = "CREATE TABLE p (id INTEGER PRIMARY KEY, a TEXT);
         CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p (id) ON DELETE CASCADE)";
    let report = atlas_alone(atlas, old, new).unwrap();
    assert_eq!(report.plan.unwrap().planner, Planner::Atlas);
    let rows: Vec<_> = report.evidence.iter().map(|e| (e.table.as_str(), e.rows_after)).collect();
    assert_eq!(rows, [("p", 2), ("c", 2)]);
}

#[test]
fn statistics_survive_atlas() {
    let Some(atlas) = landfall_testkit::requires::atlas("statistics_survive_atlas") else { return };
    let old = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b TEXT); CREATE INDEX t_b ON t (b);
         INSERT INTO t VALUES (1, 'x', 'y'); ANALYZE";
    let new = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT); CREATE INDEX t_b ON t (b);";
    let bench = Bench::new(old).with(|s| {
        s.planner = PlannerChoice::Atlas;
        s.atlas = Some(atlas);
    });
    let before = bench.query("SELECT * FROM sqlite_stat1");
    bench.reaches(new);
    assert_eq!(bench.query("SELECT * FROM sqlite_stat1"), before);
}

/// A stand-in for Atlas that does what the script says.
fn script(folder: &tempfile::TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("atlas");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A script that prints this plan as Atlas does.
fn answering(statements: &[&str]) -> String {
    let answer = serde_json::json!({ "Changes": { "Pending": statements } });
    format!("cat <<'EOF'\n{answer}\nEOF")
}

const OLD: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'x')";
const NEW: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT)";

#[test]
fn an_atlas_that_fails_hangs_or_prints_garbage_never_stands_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = r#"echo '{"Changes":{"Pending":["ALTER TABLE t ADD COLUMN c TEXT"]}}'"#;
    let broken = r#"echo '{"Changes":{"Pending":["ALTER TABLE nowhere ADD COLUMN c TEXT"]}}'"#;
    let cases = [
        ("exit 1", "unavailable: failed (exit status: 1)"),
        ("echo 'Error: no luck' >&2; exit 1", "unavailable: failed: no luck"),
        ("echo garbage", "unavailable: printed something that is not a plan"),
        (
            r#"echo '{"Changes":{"Error":{"Stmt":"x","Text":"no such thing"}}}'"#,
            "unavailable: failed: no such thing",
        ),
        ("sleep 600", "unavailable: had no plan within 1 seconds"),
        (wrong, "disproved: would not reach schema.sql: column t.b is missing (and 1 more)"),
        (broken, "disproved: would fail: no such table: nowhere in `ALTER TABLE nowhere ADD COLUMN c TEXT`"),
    ];
    for (text, expected) in cases {
        let atlas = script(&folder, text);
        let bench = Bench::new(OLD).with(|s| {
            s.planner = PlannerChoice::Auto;
            s.atlas = Some(atlas.clone());
            s.atlas_limit = Duration::from_secs(1);
        });
        let report = bench.reaches(NEW);
        assert_eq!(proposal(&report, Planner::Atlas), expected);
        let bench = Bench::new(OLD).with(|s| {
            s.planner = PlannerChoice::Atlas;
            s.atlas = Some(atlas);
            s.atlas_limit = Duration::from_secs(1);
        });
        let error = bench.refuses(NEW);
        assert!(matches!(error.kind, ErrorKind::Planner | ErrorKind::Proof), "{error}");
    }
}

#[test]
fn asked_to_stop_while_atlas_plans_it_says_so_and_no_other_planner_begins() {
    let folder = tempfile::tempdir().unwrap();
    for choice in [PlannerChoice::Auto, PlannerChoice::Atlas] {
        let bench = Bench::new(OLD).with(|s| {
            s.planner = choice;
            s.atlas = Some(script(&folder, "sleep 600"));
            s.interrupt = landfall_engine::Interrupt::default();
        });
        bench.settings.interrupt.raise();
        let error = bench.refuses(NEW);
        assert_eq!(error.kind, ErrorKind::Interrupted, "{error}");
        assert_eq!(
            error.to_string(),
            "interrupted while planning; nothing was changed\nrun the command again"
        );
    }
}

#[test]
fn a_missing_atlas_is_named_only_when_it_is_forced() {
    let bench = Bench::new(OLD).with(|s| s.planner = PlannerChoice::Atlas);
    let error = bench.refuses(NEW);
    insta::assert_snapshot!(error.to_string().replace(&bench.db().display().to_string(), "[DB]"), @r#"
    no plan brings [DB] to the schema without loss; nothing was changed
      atlas: was not found
    put `atlas` on PATH or its path in ATLAS, or choose the planner "builtin"
    "#);
    let bench = Bench::new(OLD).with(|s| {
        s.planner = PlannerChoice::Auto;
        s.atlas = Some(PathBuf::from("/nowhere/atlas"));
    });
    let report = bench.reaches(NEW);
    let reason = proposal(&report, Planner::Atlas);
    assert!(reason.starts_with("unavailable: cannot be started"), "{reason}");
}

/// Plans that lose something, each refused on the replica before the database is opened for writing.
#[test]
fn the_proof_catches_a_planner_that_loses_something() {
    let folder = tempfile::tempdir().unwrap();
    let old = "CREATE TABLE p (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT NOT NULL);
         CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p (id) ON DELETE CASCADE);
         CREATE TABLE r (a TEXT NOT NULL);
         INSERT INTO p VALUES (1, 'x'), (2, 'y'), (50, 'z'); DELETE FROM p WHERE id = 50;
         INSERT INTO c VALUES (1, 1), (2, 2); INSERT INTO r (rowid, a) VALUES (5, 'five'), (9, 'nine')";
    let rebuild_p = |copy: &str, more: &str| {
        format!(
            "CREATE TABLE n (id INTEGER PRIMARY KEY AUTOINCREMENT, b TEXT);{copy};DROP TABLE p;ALTER TABLE n RENAME TO p{more}"
        )
    };
    let keep_mark = ";UPDATE sqlite_sequence SET seq = 50 WHERE name = 'p'";
    let copy = "INSERT INTO n (id, b) SELECT id, a FROM p";
    let cases = [
        (
            "values",
            rebuild_p("INSERT INTO n (id) SELECT id FROM p", keep_mark),
            "would change values or rowids of p",
        ),
        (
            "a child row",
            rebuild_p(copy, &format!("{keep_mark};DELETE FROM c WHERE id = 2")),
            "would lose 1 of the 2 rows of c",
        ),
        (
            "a row",
            rebuild_p("INSERT INTO n (id, b) SELECT id, a FROM p WHERE id = 1", keep_mark),
            "would lose 1 of the 2 rows of p",
        ),
        ("the mark", rebuild_p(copy, ""), "would lose the AUTOINCREMENT mark of p: 50 becomes 2"),
        (
            "nothing, and adds a row",
            rebuild_p(copy, &format!("{keep_mark};INSERT INTO c VALUES (3, 1)")),
            "would add 1 row to c",
        ),
        ("nothing", rebuild_p(copy, keep_mark), ""),
    ];
    let new = "CREATE TABLE p (id INTEGER PRIMARY KEY AUTOINCREMENT,\n b TEXT -- @renamed from=a\n);
         CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p (id) ON DELETE CASCADE);
         CREATE TABLE r (a TEXT NOT NULL)";
    for (name, plan, loss) in cases {
        check_loss(&folder, old, new, &plan, name, loss);
    }
    let new = "CREATE TABLE p (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT NOT NULL);
         CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p (id) ON DELETE CASCADE);
         CREATE TABLE r (a TEXT)";
    let plan =
        "CREATE TABLE n (a TEXT);INSERT INTO n (a) SELECT a FROM r;DROP TABLE r;ALTER TABLE n RENAME TO r";
    check_loss(&folder, old, new, plan, "a rowid", "would change values or rowids of r");
}

/// Every storage class, every kind of neighbour: a checksum that overlooks one of them proves nothing.
#[test]
fn the_proof_sees_a_change_of_any_value() {
    let folder = tempfile::tempdir().unwrap();
    let old = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b);
         INSERT INTO t VALUES (1, 'ab', 'c'), (2, 'x', 1.5), (3, 'x', 7), (4, 'x', x'00ff'), (5, 'x', NULL), (6, 'x', -0.0)";
    let new = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b)";
    let changes = [
        "",
        "UPDATE n SET b = 2.5 WHERE id = 2",
        "UPDATE n SET b = 1 WHERE id = 2",
        "UPDATE n SET b = 8 WHERE id = 3",
        "UPDATE n SET b = 7.0 WHERE id = 3",
        "UPDATE n SET b = '7' WHERE id = 3",
        "UPDATE n SET b = x'00fe' WHERE id = 4",
        "UPDATE n SET b = '' WHERE id = 5",
        "UPDATE n SET b = x'' WHERE id = 5",
        "UPDATE n SET b = 0 WHERE id = 5",
        "UPDATE n SET a = 'a', b = 'bc' WHERE id = 1",
        "UPDATE n SET a = 'ab ' WHERE id = 1",
        "UPDATE n SET id = 60 WHERE id = 6",
        "UPDATE n SET b = (SELECT b FROM t WHERE id = 5 - n.id) WHERE id IN (2, 3)",
    ];
    for change in changes {
        let plan = format!(
            "CREATE TABLE n (id INTEGER PRIMARY KEY, a TEXT, b);INSERT INTO n SELECT * FROM t;{change};DROP TABLE t;ALTER TABLE n RENAME TO t"
        );
        let loss = if change.is_empty() { "" } else { "would change values or rowids of t" };
        check_loss(&folder, old, new, &plan.replace(";;", ";"), change, loss);
    }
}

fn check_loss(folder: &tempfile::TempDir, old: &str, new: &str, plan: &str, name: &str, loss: &str) {
    let statements: Vec<_> = plan.split(';').collect();
    let atlas = script(folder, &answering(&statements));
    let bench = Bench::new(old).with(|s| {
        s.planner = PlannerChoice::Atlas;
        s.atlas = Some(atlas);
    });
    if loss.is_empty() {
        bench.reaches(new);
        return;
    }
    let error = bench.refuses(new);
    assert_eq!(error.kind, ErrorKind::Proof, "{name}: {error}");
    assert!(error.message.contains(loss), "{name}: {error}");
}

#[test]
fn an_update_of_the_plans_own_fires_no_trigger() {
    let folder = tempfile::tempdir().unwrap();
    let objects = "CREATE TABLE log (a TEXT); CREATE TRIGGER tr AFTER UPDATE ON t BEGIN INSERT INTO log VALUES ('fired'); END";
    let statements = ["ALTER TABLE t ADD COLUMN b TEXT NOT NULL DEFAULT 'x'", "UPDATE t SET b = 'x'"];
    let atlas = script(&folder, &answering(&statements));
    let bench =
        Bench::new(&format!("CREATE TABLE t (a TEXT); {objects}; INSERT INTO t VALUES ('x')")).with(|s| {
            s.planner = PlannerChoice::Atlas;
            s.atlas = Some(atlas);
        });
    bench.reaches(&format!("CREATE TABLE t (a TEXT, b TEXT NOT NULL DEFAULT 'x'); {objects}"));
    assert_eq!(bench.query("SELECT count(*) FROM log"), "0");
    bench.open().execute_batch("UPDATE t SET a = 'y'").unwrap();
    assert_eq!(bench.query("SELECT a FROM log"), "fired");
}

#[test]
fn the_cheaper_plan_wins_whoever_made_it() {
    let folder = tempfile::tempdir().unwrap();
    let statements = [
        "CREATE TABLE n (id INTEGER PRIMARY KEY, a TEXT, b TEXT)",
        "INSERT INTO n (id, a) SELECT id, a FROM t",
        "DROP TABLE t",
        "ALTER TABLE n RENAME TO t",
    ];
    let atlas = script(&folder, &answering(&statements));
    let bench = Bench::new(OLD).with(|s| {
        s.planner = PlannerChoice::Auto;
        s.atlas = Some(atlas);
    });
    let report = bench.reaches(NEW);
    assert_eq!(
        proposal(&report, Planner::Builtin),
        "chosen: constant time, where atlas needs a rewrite of 1 row"
    );
    assert_eq!(proposal(&report, Planner::Atlas), "proved: a rewrite of 1 row");
}

#[test]
fn of_two_that_write_as_much_the_one_that_leaves_indexes_alone_wins() {
    let folder = tempfile::tempdir().unwrap();
    let statements = [
        "CREATE TABLE n (id INTEGER PRIMARY KEY, a INTEGER, b TEXT)",
        "INSERT INTO n (id, a, b) SELECT id, a, b FROM t",
        "DROP TABLE t",
        "ALTER TABLE n RENAME TO t",
        "CREATE INDEX i ON t (b)",
    ];
    let atlas = script(&folder, &answering(&statements));
    let old = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT); CREATE INDEX i ON t (b)";
    let rows = "INSERT INTO t VALUES (1, '1', 'x'), (2, '2', 'y')";
    let bench = Bench::new(&format!("{old}; {rows}")).with(|s| {
        s.planner = PlannerChoice::Auto;
        s.atlas = Some(atlas);
        s.fast_path = FastPath::Full;
    });
    let report = bench.reaches(&old.replace("a TEXT", "a INTEGER"));
    assert_eq!(
        proposal(&report, Planner::Builtin),
        "chosen: as much written as by atlas, which reads 2 rows more"
    );
    assert_eq!(proposal(&report, Planner::Atlas), "proved: a rewrite of 2 rows");
}

#[test]
fn an_index_that_the_plan_leaves_out_of_step_disproves_it() {
    let folder = tempfile::tempdir().unwrap();
    let index = "CREATE VIRTUAL TABLE f USING fts5 (a, content = 't')";
    let loss = "would leave the index f out of step with the rows it is over";
    let old = "CREATE TABLE t (a TEXT); INSERT INTO t (rowid, a) VALUES (4, 'four')";
    let with_index = format!("{old}; {index}; INSERT INTO f (f) VALUES ('rebuild')");
    let new = format!("CREATE TABLE t (\n a TEXT NOT NULL -- @using a || ' more' for=NOT NULL\n); {index}");
    let rebuild = "CREATE TABLE n (a TEXT NOT NULL);INSERT INTO n (rowid, a) SELECT rowid, a || ' more' FROM t;DROP TABLE t;ALTER TABLE n RENAME TO t";
    check_loss(&folder, &with_index, &new, rebuild, "values that the index does not know", loss);
    let again = format!("{rebuild};INSERT INTO f (f) VALUES ('rebuild')");
    check_loss(&folder, &with_index, &new, &again, "made again", "");
    let new = format!("CREATE TABLE t (a TEXT); {index}");
    check_loss(&folder, old, &new, index, "a new index over rows that are there", loss);
}

#[test]
fn a_new_column_that_reads_otherwise_than_its_default_in_a_row_that_is_inserted_disproves_a_plan() {
    let folder = tempfile::tempdir().unwrap();
    let loss = "would give rows of t another value of b, which is new, than its DEFAULT gives";
    for (column, more, loss) in [
        ("b VARCHAR(20) DEFAULT 1e2", "", loss),
        ("b TEXT DEFAULT -0.0", "", loss),
        ("b TEXT DEFAULT (1.10)", "", loss),
        ("b TEXT DEFAULT true", "", ""),
        ("b BLOB DEFAULT 1.0", "", ""),
        ("b TEXT DEFAULT 'x'", ";UPDATE t SET b = 'y'", loss),
        ("b TEXT", ";UPDATE t SET b = 'y'", loss),
        ("b VARCHAR(20) DEFAULT 1e2", ";UPDATE t SET b = '100.0'", ""),
        ("b TEXT DEFAULT '1e2'", "", ""),
        ("b INTEGER DEFAULT 1e2", "", ""),
        ("b BLOB DEFAULT x'31'", "", ""),
    ] {
        let (old, new) =
            ("CREATE TABLE t (a); INSERT INTO t VALUES (1)", format!("CREATE TABLE t (a, {column})"));
        let plan = format!("ALTER TABLE t ADD COLUMN {column}{more}");
        check_loss(&folder, old, &new, &plan, &plan, loss);
    }
    let column = "b TEXT DEFAULT (lower('X'))";
    let (old, new) =
        ("CREATE TABLE t (a); INSERT INTO t VALUES (1)", format!("CREATE TABLE t (a, {column})"));
    for (value, loss) in [("'X'", loss), ("'x'", "")] {
        let plan = format!(
            "CREATE TABLE n (a, {column});INSERT INTO n (rowid, a, b) SELECT rowid, a, {value} FROM t;DROP TABLE t;ALTER TABLE n RENAME TO t"
        );
        check_loss(&folder, old, &new, &plan, &plan, loss);
    }
}

#[test]
fn without_atlas_only_the_builtin_planner_is_told_of() {
    let bench = Bench::new(OLD).with(|s| s.planner = PlannerChoice::Auto);
    let planners: Vec<_> = bench.reaches(NEW).proposals.into_iter().map(|p| p.planner).collect();
    assert_eq!(planners, [Planner::Builtin]);
}

#[test]
fn a_wrong_plan_that_is_forced_ends_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let atlas = script(&folder, r#"echo '{"Changes":{"Pending":["ALTER TABLE t ADD COLUMN c TEXT"]}}'"#);
    let bench = Bench::new(OLD).with(|s| {
        s.planner = PlannerChoice::Atlas;
        s.atlas = Some(atlas);
    });
    insta::assert_snapshot!(bench.refuses(NEW).to_string().replace(&bench.db().display().to_string(), "[DB]"), @r#"
    no plan brings [DB] to the schema without loss; nothing was changed
      atlas: would not reach schema.sql: column t.b is missing (and 1 more)
    choose the planner "auto", which falls back to the built-in one
    "#);
}

#[test]
fn the_proof_compares_values_also_where_the_migration_only_counts() {
    let folder = tempfile::tempdir().unwrap();
    let plan = [
        "CREATE TABLE n (a TEXT)",
        "INSERT INTO n (rowid, a) SELECT rowid, 'lost' FROM t",
        "DROP TABLE t",
        "ALTER TABLE n RENAME TO t",
    ];
    let atlas = script(&folder, &answering(&plan));
    let bench = Bench::new("CREATE TABLE t (a TEXT NOT NULL); INSERT INTO t VALUES ('x')").with(|s| {
        s.planner = PlannerChoice::Atlas;
        s.atlas = Some(atlas);
        s.proof = landfall_engine::ProofLevel::Counts;
    });
    assert_eq!(bench.refuses("CREATE TABLE t (a TEXT)").kind, ErrorKind::Proof);
}

#[test]
fn a_plan_from_outside_is_classified_statement_by_statement() {
    use landfall_engine::CostClass::{Constant, Rewrite, Scan};
    use landfall_engine::StepKind::{Alter, Create, Drop, Rebuild, Update};
    let folder = tempfile::tempdir().unwrap();
    let plan = [
        ("PRAGMA foreign_keys = off", None),
        ("DROP INDEX `i`", Some((Drop, "t", Constant, 0))),
        (
            "CREATE TABLE `new_t` (`id` integer NULL, `a` text NULL, PRIMARY KEY (`id`))",
            Some((Create, "new_t", Constant, 0)),
        ),
        ("INSERT INTO `new_t` (`id`, `a`) SELECT `id`, `a` FROM `t`", Some((Rebuild, "t", Rewrite, 2))),
        ("DROP TABLE `t`", Some((Drop, "t", Constant, 0))),
        ("ALTER TABLE `new_t` RENAME TO `t`", Some((Alter, "new_t", Constant, 0))),
        ("CREATE INDEX `j` ON `t` (`a`)", Some((Create, "t", Scan, 2))),
        ("ALTER TABLE `u` ADD COLUMN `b` text NULL", Some((Alter, "u", Constant, 0))),
        ("UPDATE `u` SET `b` = NULL", Some((Update, "u", Rewrite, 1))),
        ("PRAGMA foreign_keys = on", None),
    ];
    let statements: Vec<_> = plan.iter().map(|(sql, _)| *sql).collect();
    // Slow, and still within its time.
    let atlas = script(&folder, &format!("sleep 0.4\n{}", answering(&statements)));
    let bench = Bench::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL); CREATE INDEX i ON t (a); CREATE TABLE u (x);
         INSERT INTO t VALUES (1, 'x'), (2, 'y'); INSERT INTO u VALUES (1)",
    )
    .with(|s| {
        s.planner = PlannerChoice::Atlas;
        s.atlas = Some(atlas);
    });
    let report = bench.reaches(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); CREATE INDEX j ON t (a); CREATE TABLE u (x, b TEXT);",
    );
    let steps = report.plan.unwrap().steps;
    let found: Vec<_> = steps.iter().map(|s| (s.kind(), s.table(), s.cost.class, s.cost.rows)).collect();
    let expected: Vec<_> = plan.iter().filter_map(|(_, step)| *step).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_opinion_of_atlas_is_what_it_would_run_and_what_it_cannot_see() {
    let Some(atlas) = landfall_testkit::requires::atlas("the_opinion_of_atlas_is_what_it_would_run") else {
        return;
    };
    let bench = Bench::new("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)").with(|s| s.atlas = Some(atlas));
    let opinion = |schema: &str| {
        let declared = bench.declared(schema).unwrap();
        landfall_engine::opinion(&bench.db(), &declared, &bench.settings).unwrap()
    };
    let same = opinion(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);
         CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END",
    );
    assert_eq!(same.pending, [] as [&str; 0]);
    assert_eq!(same.unseen, ["trigger g"]);
    let more = opinion("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT)");
    assert_eq!(more.pending, ["ALTER TABLE `t` ADD COLUMN `b` text NULL"]);
    assert_eq!(more.unseen, [] as [&str; 0]);
    assert_eq!(more.consequences, [] as [&str; 0]);
}

#[test]
fn without_atlas_there_is_no_opinion() {
    let bench = Bench::new("CREATE TABLE t (a)");
    let declared = bench.declared("CREATE TABLE t (a)").unwrap();
    let error = landfall_engine::opinion(&bench.db(), &declared, &bench.settings).unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Planner, "was not found"));
}
