//! Each trap that was measured on Atlas, with rows: the built-in planner gets it right, Atlas alone gets it right or is refused
//! with the loss named, and both together get it right.

use landfall_engine::{Error, ErrorKind, FastPath, Planner, PlannerChoice};

use crate::support::{Bench, proposal};

struct Trap {
    name: &'static str,
    old: &'static str,
    new: &'static str,
}

const fn trap(name: &'static str, old: &'static str, new: &'static str) -> Trap {
    Trap { name, old, new }
}

const TRAPS: &[Trap] = &[
    trap(
        "an inline UNIQUE, another table changes",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE); CREATE TABLE u (a TEXT); INSERT INTO t VALUES (1, 'x')",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE); CREATE TABLE u (a TEXT, b TEXT)",
    ),
    trap(
        "a table-level UNIQUE",
        "CREATE TABLE t (a TEXT, b TEXT, UNIQUE (a, b)); INSERT INTO t VALUES ('x', 'y')",
        "CREATE TABLE t (a TEXT, b TEXT, c TEXT, UNIQUE (a, b))",
    ),
    trap(
        "a lower-case where in a partial index",
        "CREATE TABLE t (a TEXT); CREATE INDEX i ON t (a) where a > 'm'; INSERT INTO t VALUES ('x')",
        "CREATE TABLE t (a TEXT, b TEXT); CREATE INDEX i ON t (a) where a > 'm'",
    ),
    trap(
        "REFERENCES without a column",
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (p INTEGER REFERENCES p); INSERT INTO p VALUES (1); INSERT INTO t VALUES (1)",
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (p INTEGER REFERENCES p, b TEXT)",
    ),
    trap(
        "a generated column of type DECIMAL(10,2)",
        "CREATE TABLE t (a INTEGER, d DECIMAL(10,2) AS (a / 100.0)); INSERT INTO t (a) VALUES (150)",
        "CREATE TABLE t (a INTEGER, d DECIMAL(10,2) AS (a / 100.0), b TEXT)",
    ),
    trap(
        "check ( inside a comment",
        "CREATE TABLE t (a TEXT /* check (this */); INSERT INTO t VALUES ('x')",
        "CREATE TABLE t (a TEXT /* check (this */, b TEXT)",
    ),
    trap(
        "a backtick in a name",
        "CREATE TABLE \"t`s\" (a TEXT); INSERT INTO \"t`s\" VALUES ('x')",
        "CREATE TABLE \"t`s\" (a TEXT, b TEXT)",
    ),
    trap(
        "a table named new_t",
        "CREATE TABLE t (a TEXT NOT NULL); CREATE TABLE new_t (a TEXT); INSERT INTO t VALUES ('x'); INSERT INTO new_t VALUES ('y')",
        "CREATE TABLE t (a TEXT); CREATE TABLE new_t (a TEXT)",
    ),
    trap(
        "a view over a rebuilt table",
        "CREATE TABLE t (a TEXT NOT NULL); CREATE VIEW v AS SELECT a FROM t; INSERT INTO t VALUES ('x')",
        "CREATE TABLE t (a TEXT); CREATE VIEW v AS SELECT a FROM t",
    ),
    trap(
        "a trigger elsewhere that mentions a rebuilt table",
        "CREATE TABLE t (a TEXT NOT NULL); CREATE TABLE u (a TEXT); INSERT INTO t VALUES ('x');
         CREATE TRIGGER tr AFTER INSERT ON u BEGIN DELETE FROM t; END",
        "CREATE TABLE t (a TEXT); CREATE TABLE u (a TEXT); CREATE TRIGGER tr AFTER INSERT ON u BEGIN DELETE FROM t; END",
    ),
    trap(
        "a trigger on a rebuilt table",
        "CREATE TABLE t (a TEXT NOT NULL); CREATE TABLE u (a TEXT); INSERT INTO t VALUES ('x');
         CREATE TRIGGER tr AFTER INSERT ON t BEGIN DELETE FROM u; END",
        "CREATE TABLE t (a TEXT); CREATE TABLE u (a TEXT); CREATE TRIGGER tr AFTER INSERT ON t BEGIN DELETE FROM u; END",
    ),
    trap(
        "FTS5 anywhere",
        "CREATE VIRTUAL TABLE f USING fts5 (a); CREATE TABLE t (a TEXT); INSERT INTO f VALUES ('x'); INSERT INTO t VALUES ('x')",
        "CREATE VIRTUAL TABLE f USING fts5 (a); CREATE TABLE t (a TEXT, b TEXT)",
    ),
    trap(
        "COLLATE of a column",
        "CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('x')",
        "CREATE TABLE t (a TEXT COLLATE NOCASE)",
    ),
    trap(
        "COLLATE of an index",
        "CREATE TABLE t (a TEXT); CREATE INDEX i ON t (a); INSERT INTO t VALUES ('x')",
        "CREATE TABLE t (a TEXT); CREATE INDEX i ON t (a COLLATE NOCASE)",
    ),
    trap(
        "DEFERRABLE",
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (p INTEGER REFERENCES p (id)); INSERT INTO p VALUES (1); INSERT INTO t VALUES (1)",
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (p INTEGER REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)",
    ),
    trap(
        "ON CONFLICT",
        "CREATE TABLE t (a TEXT NOT NULL); INSERT INTO t VALUES ('x')",
        "CREATE TABLE t (a TEXT NOT NULL ON CONFLICT IGNORE)",
    ),
    trap(
        "the order of a composite PRIMARY KEY",
        "CREATE TABLE t (a TEXT, b TEXT, PRIMARY KEY (a, b)); INSERT INTO t VALUES ('x', 'y')",
        "CREATE TABLE t (a TEXT, b TEXT, PRIMARY KEY (b, a))",
    ),
    trap(
        "INTEGER PRIMARY KEY DESC, which is no rowid",
        "CREATE TABLE t (id INTEGER PRIMARY KEY DESC, a TEXT); INSERT INTO t (rowid, id, a) VALUES (7, 1, 'x')",
        "CREATE TABLE t (id INTEGER PRIMARY KEY DESC, a TEXT, b TEXT)",
    ),
    trap(
        "INT PRIMARY KEY, which is no rowid",
        "CREATE TABLE t (id INT PRIMARY KEY, a TEXT NOT NULL); INSERT INTO t (rowid, id, a) VALUES (7, 1, 'x')",
        "CREATE TABLE t (id INT PRIMARY KEY, a TEXT)",
    ),
    trap(
        "AUTOINCREMENT, inline and at table level",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); CREATE TABLE u (id INTEGER, a TEXT, PRIMARY KEY (id)); INSERT INTO t VALUES (1, 'x')",
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT); CREATE TABLE u (id INTEGER, a TEXT, PRIMARY KEY (id AUTOINCREMENT))",
    ),
    trap(
        "the AUTOINCREMENT mark",
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT NOT NULL); INSERT INTO t VALUES (1, 'x'), (9, 'y'); DELETE FROM t WHERE id = 9",
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT)",
    ),
    trap(
        "a blob default",
        "CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('x')",
        "CREATE TABLE t (a TEXT, b BLOB DEFAULT x'00ff')",
    ),
    trap("a view that is new", "CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('x')", "CREATE TABLE t (a TEXT); CREATE VIEW v AS SELECT a FROM t"),
    trap(
        "a view that changes",
        "CREATE TABLE t (a TEXT); CREATE VIEW v AS SELECT a FROM t; INSERT INTO t VALUES ('x')",
        "CREATE TABLE t (a TEXT); CREATE VIEW v AS SELECT upper(a) AS a FROM t",
    ),
    trap(
        "a trigger that goes",
        "CREATE TABLE t (a TEXT); CREATE TRIGGER tr AFTER INSERT ON t BEGIN DELETE FROM t; END",
        "CREATE TABLE t (a TEXT)",
    ),
    trap(
        "the size of a type",
        "CREATE TABLE t (a VARCHAR(10)); INSERT INTO t VALUES ('x')",
        "CREATE TABLE t (a VARCHAR(20))",
    ),
    trap(
        "DECIMAL(10,2)",
        "CREATE TABLE t (a DECIMAL(10,2) NOT NULL); INSERT INTO t VALUES (1.25)",
        "CREATE TABLE t (a DECIMAL(10,2))",
    ),
    trap(
        "a column without a type",
        "CREATE TABLE t (a NOT NULL, b TEXT); INSERT INTO t VALUES ('1', 'x')",
        "CREATE TABLE t (a, b TEXT)",
    ),
    trap(
        "PRAGMA, BEGIN and COMMIT around the schema",
        "CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('x')",
        "PRAGMA foreign_keys = OFF; BEGIN; CREATE TABLE t (a TEXT, b TEXT); COMMIT;",
    ),
    trap(
        "tables of others",
        "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY); CREATE TABLE t (a TEXT); INSERT INTO _litestream_seq VALUES (1)",
        "CREATE TABLE t (a TEXT, b TEXT)",
    ),
    trap(
        "a renamed table",
        "CREATE TABLE old_t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO old_t VALUES (1, 'x')",
        "-- @renamed from=old_t\nCREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)",
    ),
    trap(
        "a renamed nullable column",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'x'), (2, NULL)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY,\n b TEXT -- @renamed from=a\n)",
    ),
    trap(
        "a change of letter case in a column's name, with another change",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, Name TEXT); INSERT INTO t VALUES (1, 'x')",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, b TEXT)",
    ),
    trap(
        "a self-reference with ON DELETE CASCADE",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, up INTEGER REFERENCES t (id) ON DELETE CASCADE, a TEXT NOT NULL);
         INSERT INTO t VALUES (1, NULL, 'x'), (2, 1, 'y'), (3, 2, 'z')",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, up INTEGER REFERENCES t (id) ON DELETE CASCADE, a TEXT)",
    ),
    trap(
        "implicit rowids",
        "CREATE TABLE t (a TEXT NOT NULL); INSERT INTO t (rowid, a) VALUES (5, 'x'), (9, 'y')",
        "CREATE TABLE t (a TEXT)",
    ),
    trap(
        "ON CONFLICT REPLACE on the target of a copy",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b TEXT UNIQUE ON CONFLICT REPLACE); INSERT INTO t VALUES (1, 'x', 'y')",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT UNIQUE ON CONFLICT REPLACE)",
    ),
];

/// Every value of the user's, by table: what no planner may change here.
fn rows(bench: &Bench) -> String {
    bench.dump().split_once("\n[").map(|(_, rows)| rows.to_owned()).unwrap_or_default()
}

fn reason(result: &Result<landfall_engine::Report, Error>) -> String {
    match result {
        Ok(report) => {
            assert_eq!(report.plan.as_ref().unwrap().planner, Planner::Atlas);
            "right".to_owned()
        }
        Err(error) => {
            assert!(matches!(error.kind, ErrorKind::Planner | ErrorKind::Proof), "{error}");
            let line = error.message.lines().find(|l| l.trim_start().starts_with("atlas: ")).unwrap();
            line.trim().trim_start_matches("atlas: ").to_owned()
        }
    }
}

#[test]
fn the_builtin_planner_gets_every_trap_right() {
    for Trap { name, old, new } in TRAPS {
        println!("{name}");
        let bench = Bench::new(old);
        let report = bench.reaches(new);
        assert!(!report.evidence.is_empty() || report.plan.unwrap().cost.rows == 0, "{name}");
    }
}

#[test]
fn atlas_alone_is_right_or_refused_with_its_loss_named_and_together_they_are_right() {
    let test = "atlas_alone_is_right_or_refused_with_its_loss_named_and_together_they_are_right";
    let Some(atlas) = landfall_testkit::requires::atlas(test) else { return };
    let mut told = String::new();
    for Trap { name, old, new } in TRAPS {
        let bench = Bench::new(old).with(|s| {
            s.planner = PlannerChoice::Atlas;
            s.atlas = Some(atlas.clone());
        });
        let before = bench.dump();
        let result = bench.migrate(new);
        if result.is_err() {
            assert_eq!(bench.dump(), before, "{name}");
        } else {
            bench.reaches(new);
            let builtin = Bench::new(old);
            builtin.reaches(new);
            assert_eq!(rows(&bench), rows(&builtin), "{name}");
        }
        let alone = reason(&result);
        // Where there is a fast path, Atlas is not asked.
        let bench = Bench::new(old).with(|s| {
            s.fast_path = FastPath::Off;
            s.planner = PlannerChoice::Auto;
            s.atlas = Some(atlas.clone());
        });
        let report = bench.reaches(new);
        let together = proposal(&report, Planner::Atlas);
        assert_eq!(
            alone == "right",
            together.starts_with("chosen") || together.starts_with("proved"),
            "{name}"
        );
        told.push_str(&format!("{name}: {alone}\n"));
    }
    insta::assert_snapshot!(told);
}

/// A database that the real Atlas makes of a schema.
fn made_by_atlas(atlas: &std::path::Path, schema: &str) -> Bench {
    let bench = Bench::new("");
    let folder = bench.db().parent().unwrap().to_owned();
    std::fs::write(folder.join("made.sql"), schema).unwrap();
    let output = std::process::Command::new(atlas)
        .args(["schema", "apply", "--auto-approve", "--url", "sqlite://db", "--to", "file://made.sql"])
        .args(["--dev-url", "sqlite://dev?mode=memory"])
        .env("ATLAS_NO_UPDATE_NOTIFIER", "1")
        .env("ATLAS_NO_UPGRADE_SUGGESTIONS", "1")
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    bench
}

#[test]
fn a_database_made_by_atlas_is_in_sync_where_atlas_lost_nothing() {
    let Some(atlas) =
        landfall_testkit::requires::atlas("a_database_made_by_atlas_is_in_sync_where_atlas_lost_nothing")
    else {
        return;
    };
    let kept = "CREATE TABLE Parents (ID INTEGER PRIMARY KEY, Code TEXT NOT NULL UNIQUE, n INT DEFAULT 5, CHECK (n > 0));
         CREATE TABLE \"child\" (id INTEGER PRIMARY KEY AUTOINCREMENT, p INTEGER NOT NULL REFERENCES Parents (ID) ON DELETE CASCADE, a TEXT, UNIQUE (p, a));
         CREATE INDEX child_a ON child (a DESC) WHERE a IS NOT NULL;";
    let bench = made_by_atlas(&atlas, kept);
    assert!(bench.dump().contains('`'), "Atlas writes otherwise than it did");
    let report = bench.migrate(kept).unwrap();
    assert_eq!(report.outcome, landfall_engine::Outcome::InSync, "{:?}", report.differences);
    assert_eq!(report.live, report.declared);
    let lost = "CREATE TABLE t (a TEXT COLLATE NOCASE, b DECIMAL(10,2), c)";
    let report = made_by_atlas(&atlas, lost).reaches(lost);
    let told: Vec<_> = report.differences.iter().map(|d| d.message.as_str()).collect();
    assert_eq!(
        told,
        [
            "column t.a: COLLATE is BINARY, declared is NOCASE",
            "column t.b: type is DECIMAL, declared is DECIMAL(10, 2)",
            "column t.c: type is BLOB, declared is none",
        ]
    );
}
