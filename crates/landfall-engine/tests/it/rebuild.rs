//! What a table rebuild loses elsewhere, kept here: each trap with rows.
use landfall_engine::FastPath;

use crate::support::Bench;

/// Whose tables are written anew, whatever changes.
fn rewriting(sql: &str) -> Bench {
    Bench::new(sql).with(|s| s.fast_path = FastPath::Off)
}

#[test]
fn a_new_column_table_and_index_reach_a_database_with_rows() {
    let bench =
        rewriting("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'x'), (5, 'y')");
    let report = bench.reaches(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT NOT NULL DEFAULT 'new');
         CREATE TABLE u (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t);
         CREATE INDEX t_a ON t (a);",
    );
    assert_eq!(bench.query("SELECT * FROM t"), "1|x|new\n5|y|new");
    assert!(report.plan.unwrap().steps.iter().any(|s| s.sql.starts_with("ALTER TABLE \"t\" ADD COLUMN")));
}

#[test]
fn children_of_a_rebuilt_parent_with_cascade_survive() {
    let bench = rewriting(
        "CREATE TABLE p (id INTEGER PRIMARY KEY, a TEXT NOT NULL);
         CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER NOT NULL REFERENCES p (id) ON DELETE CASCADE);
         CREATE TABLE n (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p (id) ON DELETE SET NULL);
         INSERT INTO p VALUES (1, 'x'), (2, 'y'); INSERT INTO c VALUES (1, 1), (2, 2); INSERT INTO n VALUES (1, 2);",
    );
    let report = bench.reaches(
        "CREATE TABLE p (id INTEGER PRIMARY KEY, a TEXT);
         CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER NOT NULL REFERENCES p (id) ON DELETE CASCADE);
         CREATE TABLE n (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p (id) ON DELETE SET NULL);",
    );
    assert_eq!(bench.query("SELECT * FROM p"), "1|x\n2|y");
    assert_eq!(bench.query("SELECT * FROM c"), "1|1\n2|2");
    assert_eq!(bench.query("SELECT * FROM n"), "1|2");
    let tables: Vec<_> =
        report.evidence.iter().map(|e| (e.table.as_str(), e.rows_before, e.checksum.is_some())).collect();
    assert_eq!(tables, [("p", 2, true), ("c", 2, false), ("n", 1, false)]);
}

#[test]
fn a_self_reference_with_cascade_survives() {
    let bench = rewriting(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, up INTEGER REFERENCES t (id) ON DELETE CASCADE, a TEXT NOT NULL);
         INSERT INTO t VALUES (1, NULL, 'x'), (2, 1, 'y'), (3, 2, 'z');",
    );
    bench.reaches(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, up INTEGER REFERENCES t (id) ON DELETE CASCADE, a TEXT);",
    );
    assert_eq!(bench.query("SELECT * FROM t"), "1|NULL|x\n2|1|y\n3|2|z");
    assert_eq!(bench.query("SELECT \"table\" FROM pragma_foreign_key_list('t')"), "t");
}

#[test]
fn triggers_and_views_on_and_about_a_rebuilt_table_survive() {
    let rest = "CREATE TABLE log (a TEXT);
         CREATE VIEW v AS SELECT id, a FROM t WHERE a IS NOT NULL;
         CREATE VIEW w AS SELECT id FROM v;
         CREATE TRIGGER on_t AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (new.a); END;
         CREATE TRIGGER about_t AFTER INSERT ON log WHEN (SELECT count(*) FROM t) > 99 BEGIN DELETE FROM t WHERE a = new.a; END;
         CREATE TRIGGER on_v INSTEAD OF INSERT ON v BEGIN INSERT INTO t (a) VALUES (new.a); END;";
    let bench = rewriting(&format!(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL); {rest} INSERT INTO t VALUES (1, 'x'), (7, 'y');"
    ));
    bench.reaches(&format!("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); {rest}"));
    assert_eq!(bench.query("SELECT * FROM w"), "1\n7");
    assert_eq!(bench.query("SELECT count(*) FROM log"), "0", "our own statements fired a trigger");
    bench.open().execute_batch("UPDATE t SET a = 'z' WHERE id = 1; INSERT INTO v (a) VALUES ('q')").unwrap();
    assert_eq!(bench.query("SELECT * FROM log"), "z");
    assert_eq!(bench.query("SELECT count(*) FROM t"), "3");
}

#[test]
fn the_autoincrement_mark_survives_also_of_an_emptied_table() {
    let bench = rewriting(
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT NOT NULL);
         CREATE TABLE e (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT NOT NULL);
         INSERT INTO t VALUES (1, 'x'), (90, 'y'); DELETE FROM t WHERE id = 90;
         INSERT INTO e VALUES (70, 'x'); DELETE FROM e;",
    );
    bench.reaches(
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT);
         CREATE TABLE e (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT);",
    );
    assert_eq!(bench.query("SELECT name, seq FROM sqlite_sequence ORDER BY name"), "e|70\nt|90");
}

#[test]
fn implicit_rowids_survive_and_an_external_content_index_stays_valid() {
    let fts = "CREATE VIRTUAL TABLE f USING fts5 (a, content='t');";
    let bench = rewriting(&format!(
        "CREATE TABLE t (a TEXT NOT NULL); {fts}
         INSERT INTO t (rowid, a) VALUES (3, 'three'), (40, 'forty');
         INSERT INTO f (rowid, a) SELECT rowid, a FROM t;"
    ));
    bench.reaches(&format!("CREATE TABLE t (a TEXT); {fts}"));
    assert_eq!(bench.query("SELECT rowid, a FROM t"), "3|three\n40|forty");
    assert_eq!(bench.query("SELECT rowid FROM f WHERE f MATCH 'forty'"), "40");
    bench.open().execute_batch("INSERT INTO f (f, rank) VALUES ('integrity-check', 1)").unwrap();
}

#[test]
fn a_conflict_clause_of_the_target_drops_no_row() {
    for clause in ["REPLACE", "IGNORE"] {
        let bench = rewriting(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'x')",
        );
        let error = bench
            .refuses(&format!("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE ON CONFLICT {clause})"));
        assert!(error.message.contains("VIOLATED_CONSTRAINT"), "{error}");
    }
}

#[test]
fn statistics_survive() {
    let bench = rewriting(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL); CREATE INDEX t_a ON t (a);
         INSERT INTO t VALUES (1, 'x'), (2, 'y'); ANALYZE;",
    );
    let before = bench.query("SELECT * FROM sqlite_stat1 ORDER BY idx");
    bench.reaches("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); CREATE INDEX t_a ON t (a);");
    assert_eq!(bench.query("SELECT * FROM sqlite_stat1 ORDER BY idx"), before);
}

#[test]
fn header_pragmas_and_journal_mode_survive() {
    for mode in ["wal", "delete"] {
        let bench = rewriting(&format!(
            "PRAGMA page_size = 8192; PRAGMA auto_vacuum = 1; PRAGMA journal_mode = {mode};
             CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL); INSERT INTO t VALUES (1, 'x');
             PRAGMA user_version = 7; PRAGMA application_id = 99;"
        ));
        bench.reaches("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);");
        let pragmas = ["page_size", "auto_vacuum", "journal_mode", "user_version", "application_id"];
        let found: Vec<_> = pragmas.iter().map(|p| bench.query(&format!("PRAGMA {p}"))).collect();
        assert_eq!(found, ["8192", "1", mode, "7", "99"]);
    }
}

#[test]
fn tables_of_others_are_invisible() {
    let bench = rewriting(
        "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER); INSERT INTO _litestream_seq VALUES (1, 2);
         CREATE TABLE atlas_schema_revisions (v TEXT); CREATE TABLE mine_x (a); CREATE TABLE t (a TEXT);",
    )
    .with(|s| s.ignore = vec!["mine_*".to_owned()]);
    assert_eq!(bench.reaches("CREATE TABLE t (a TEXT, b TEXT)").differences.len(), 1);
    assert_eq!(bench.query("SELECT seq FROM _litestream_seq"), "2");
}

#[test]
fn a_table_named_like_the_planners_own_is_left_alone() {
    let old = "CREATE TABLE landfall_old_t (a TEXT); CREATE TABLE new_t (a TEXT);";
    let bench = rewriting(&format!(
        "{old} CREATE TABLE t (a TEXT NOT NULL); INSERT INTO t VALUES ('x'); INSERT INTO landfall_old_t VALUES ('mine'); INSERT INTO new_t VALUES ('too');"
    ));
    bench.reaches(&format!("{old} CREATE TABLE t (a TEXT);"));
    assert_eq!(
        bench.query("SELECT a FROM landfall_old_t UNION ALL SELECT a FROM new_t UNION ALL SELECT a FROM t"),
        "mine\ntoo\nx"
    );
}

#[test]
fn a_renamed_column_and_table_keep_their_values() {
    let bench = rewriting(
        "CREATE TABLE p (id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p (id));
         CREATE VIEW v AS SELECT name FROM p; CREATE TRIGGER tr AFTER INSERT ON c BEGIN UPDATE p SET name = 'n' WHERE id = -new.p; END;
         CREATE VIEW broken AS SELECT x FROM nowhere;
         INSERT INTO p VALUES (1, 'x'), (2, NULL); INSERT INTO c VALUES (1, 1);",
    );
    let report = bench.reaches(
        "-- @renamed from=p
         CREATE TABLE parents (
           id INTEGER PRIMARY KEY,
           title TEXT -- @renamed from=name
         );
         CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES parents (id));
         CREATE VIEW v AS SELECT title FROM parents;
         CREATE TRIGGER tr AFTER INSERT ON c BEGIN UPDATE parents SET title = 'n' WHERE id = -new.p; END;",
    );
    assert_eq!(bench.query("SELECT * FROM parents"), "1|x\n2|NULL");
    assert_eq!(bench.query("SELECT * FROM c"), "1|1");
    assert_eq!(report.plan.unwrap().cost.class, landfall_engine::CostClass::Constant);
    assert!(!bench.dump().contains('@'), "a directive was written into the database");
}

#[test]
fn using_gives_old_rows_a_value() {
    let bench = rewriting(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, first TEXT, last TEXT, n TEXT, z TEXT);
         INSERT INTO t VALUES (1, 'Ada', 'Lovelace', '007', NULL), (2, 'Alan', 'Turing', '8', 'q');",
    );
    bench.reaches(
        "CREATE TABLE t (
           id INTEGER PRIMARY KEY,
           first TEXT,
           surname TEXT, -- @renamed from=last
           full TEXT NOT NULL, -- @using first || ' ' || last
           n INTEGER, -- @using CAST(n AS INTEGER) + 1 from=TEXT
           z TEXT NOT NULL -- @using coalesce(z, '') for=NOT NULL
         );",
    );
    assert_eq!(
        bench.query("SELECT * FROM t"),
        "1|Ada|Lovelace|Ada Lovelace|8|\n2|Alan|Turing|Alan Turing|9|q"
    );
}

#[test]
fn a_dropped_column_or_table_is_refused_until_it_is_approved() {
    let sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT NOT NULL); CREATE TABLE gone (x);
         INSERT INTO t VALUES (1, 'x', 'y'); INSERT INTO gone VALUES (1);";
    let bench = rewriting(sql);
    let error = bench.refuses("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);");
    insta::assert_snapshot!(error.to_string().replace(&bench.db().display().to_string(), "[DB]"), @"
    the change of [DB] was refused; nothing was changed
      DROPS_TABLE: table gone would be dropped with its 1 row
        write `-- @dropped table gone` in schema.sql, or approve DROPS_TABLE:gone
      DROPS_COLUMN: column t.b would be dropped with its values
        write `-- @dropped b` inside CREATE TABLE t, or approve DROPS_COLUMN:t.b
    do what is said below each hazard, then run the command again
    ");
    bench.reaches(
        "-- @dropped table gone
         CREATE TABLE t (
           id INTEGER PRIMARY KEY,
           -- @dropped b
           a TEXT
         );",
    );
    assert_eq!(bench.query("SELECT * FROM t"), "1|x");
    let allow = ["DROPS_TABLE:gone", "DROPS_COLUMN:t.b"].map(|a| a.parse().unwrap()).to_vec();
    let bench = rewriting(sql).with(|s| s.allow = allow);
    bench.reaches("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);");
}

#[test]
fn statistics_of_an_index_that_changes_go_with_it() {
    let bench = rewriting(
        "CREATE TABLE t (a TEXT, b TEXT); CREATE INDEX i ON t (a); CREATE INDEX j ON t (b); CREATE TABLE gone (a TEXT);
         INSERT INTO t VALUES ('x', 'y'); INSERT INTO gone VALUES ('x'); ANALYZE;",
    )
    .with(|s| s.allow = vec!["DROPS_TABLE:gone".parse().unwrap()]);
    bench.reaches("CREATE TABLE t (a TEXT, b TEXT); CREATE INDEX i ON t (b, a); CREATE INDEX j ON t (b);");
    assert_eq!(bench.query("SELECT tbl, idx FROM sqlite_stat1"), "t|j");
    assert_eq!(bench.query("SELECT DISTINCT tbl, idx FROM sqlite_stat4"), "t|j");
}
