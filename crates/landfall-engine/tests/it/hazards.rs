//! Every hazard: named before anything is written, for its object, with its rows, and lifted by its approval alone.
use crate::support::Bench;
use landfall_engine::{ErrorKind, HazardName};

/// The refusal, with the database's path taken out.
fn refusal(bench: &Bench, schema: &str) -> String {
    let error = bench.refuses(schema);
    assert_eq!(error.kind, ErrorKind::Hazard);
    assert_eq!(error.kind.exit_code(), 3);
    error.to_string().replace(&bench.db().display().to_string(), "[DB]")
}

fn allowing(sql: &str, approvals: &[&str]) -> Bench {
    Bench::new(sql).with(|s| s.allow = approvals.iter().map(|a| a.parse().unwrap()).collect())
}

#[test]
fn changes_values_counts_and_names_rows_and_shows_values_only_when_asked() {
    let old = "CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT);
         INSERT INTO t VALUES (1, '007'), (2, '7'), (3, '1e3'), (4, 'abc'), (5, NULL), (6, x'00'), (7, ' 8'), (8, '9.50'),
           (9, '+1'), (10, '0x10'), (11, '01'), (12, '02'), (13, '03')";
    let new = "CREATE TABLE t (id INTEGER PRIMARY KEY, code INTEGER)";
    insta::assert_snapshot!(refusal(&Bench::new(old), new), @"
    the change of [DB] was refused; nothing was changed
      CHANGES_VALUES: 8 values of t.code would be stored differently as INTEGER (rowid 1, 3, 7, 8, 9, …)
        write `-- @using EXPRESSION from=TEXT` on the column's line to say what they become, or approve CHANGES_VALUES:t.code
    do what is said below each hazard, then run the command again
    ");
    let shown = Bench::new(old).with(|s| s.show_values = true);
    insta::assert_snapshot!(refusal(&shown, new), @"
    the change of [DB] was refused; nothing was changed
      CHANGES_VALUES: 8 values of t.code would be stored differently as INTEGER (rowid 1, 3, 7, 8, 9, …): '007', '1e3', ' 8', '9.50', '+1'
        write `-- @using EXPRESSION from=TEXT` on the column's line to say what they become, or approve CHANGES_VALUES:t.code
    do what is said below each hazard, then run the command again
    ");
    let bench = allowing(old, &["CHANGES_VALUES:t.code"]);
    bench.reaches(new);
    let expected = "7|7|1000|abc|NULL|[00]|8|9.5|1|0x10|1|2|3";
    assert_eq!(bench.query("SELECT code FROM t").replace('\n', "|"), expected);
    let bench = Bench::new(old);
    bench.reaches("CREATE TABLE t (id INTEGER PRIMARY KEY,\n code INTEGER -- @using NULL from=TEXT\n)");
    assert_eq!(bench.query("SELECT count(code) FROM t"), "0");
}

#[test]
fn conversions_that_can_be_undone_change_no_value() {
    let cases = [
        ("TEXT", "INTEGER", "'7', NULL, 'abc', '-12'"),
        ("INTEGER", "TEXT", "7, NULL, 9223372036854775807, 'abc'"),
        ("REAL", "NUMERIC", "1.0, 1.5, NULL"),
        ("INTEGER", "REAL", "1, 4503599627370496"),
        ("BLOB", "TEXT", "x'00', 'a'"),
    ];
    for (from, to, values) in cases {
        let rows = values.replace(", ", "), (");
        let bench = Bench::new(&format!("CREATE TABLE t (a {from}); INSERT INTO t VALUES ({rows})"));
        bench.reaches(&format!("CREATE TABLE t (a {to})"));
    }
}

#[test]
fn an_integer_that_no_real_holds_changes_its_value() {
    let bench = Bench::new("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (9007199254740993)");
    let text = refusal(&bench, "CREATE TABLE t (a REAL)");
    assert!(
        text.contains("CHANGES_VALUES: 1 value of t.a would be stored differently as REAL (rowid 1)"),
        "{text}"
    );
}

#[test]
fn a_renamed_column_or_table_is_suspected_and_the_line_to_write_is_told() {
    let old = "CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT ''); INSERT INTO clients VALUES (1, 'x')";
    insta::assert_snapshot!(refusal(
        &Bench::new(old),
        "CREATE TABLE clients (id INTEGER PRIMARY KEY, full_title TEXT NOT NULL DEFAULT '')"
    ), @"
    the change of [DB] was refused; nothing was changed
      LOOKS_LIKE_RENAME: column clients.name is not declared any more and looks renamed to full_title (schema.sql:1): its values would be lost
        if it was renamed, write line 1 of schema.sql like this:
          CREATE TABLE clients (id INTEGER PRIMARY KEY,
            full_title TEXT NOT NULL DEFAULT '' -- @renamed from=name
          )
        if not, write `-- @dropped name` inside CREATE TABLE clients, or approve DROPS_COLUMN:clients.name
    do what is said below each hazard, then run the command again
    ");
    insta::assert_snapshot!(refusal(
        &Bench::new(old),
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT '')"
    ), @"
    the change of [DB] was refused; nothing was changed
      LOOKS_LIKE_RENAME: table clients is not declared any more and looks renamed to customers (schema.sql:1): its 1 row would be lost
        if it was renamed, write line 1 of schema.sql like this:
          -- @renamed from=clients
          CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT '')
        if not, write `-- @dropped table clients` in schema.sql, or approve DROPS_TABLE:clients
    do what is said below each hazard, then run the command again
    ");
    // Whatever else of the line differs: values are stored alike.
    let orders = "CREATE TABLE orders (id INTEGER PRIMARY KEY, skus text not null, note TEXT); INSERT INTO orders VALUES (1, 'a,b', NULL)";
    for line in
        ["sku_list text", "sku_list VARCHAR(20) DEFAULT ''", "sku_list TEXT COLLATE NOCASE", "list CLOB"]
    {
        let text = refusal(
            &Bench::new(orders),
            &format!("CREATE TABLE orders (id INTEGER PRIMARY KEY, {line}, note TEXT)"),
        );
        let name = line.split(' ').next().unwrap();
        let expected = format!(
            "LOOKS_LIKE_RENAME: column orders.skus is not declared any more and looks renamed to {name} (schema.sql:1)"
        );
        assert!(text.contains(&expected), "{text}");
        assert!(text.find("@renamed").unwrap() < text.find("@dropped").unwrap(), "{text}");
    }
    // Of several that come, the one of the nearest name.
    let text = refusal(
        &Bench::new(orders),
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, remark TEXT, skus_list TEXT, note TEXT)",
    );
    assert!(text.contains("orders.skus is not declared any more and looks renamed to skus_list"), "{text}");
    // Neither alike nor near: only the drop.
    let text = refusal(&Bench::new(old), "CREATE TABLE clients (id INTEGER PRIMARY KEY, born INTEGER)");
    assert!(!text.contains("LOOKS_LIKE_RENAME"), "{text}");
    // By an edit distance alone.
    let text = refusal(&Bench::new(old), "CREATE TABLE clients (id INTEGER PRIMARY KEY, names INTEGER)");
    assert!(text.contains("LOOKS_LIKE_RENAME"), "{text}");
}

#[test]
fn needs_backfill_tells_the_line_to_write() {
    let bench = Bench::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'y')",
    );
    let new = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT NOT NULL)";
    insta::assert_snapshot!(refusal(&bench, new), @"
    the change of [DB] was refused; nothing was changed
      NEEDS_BACKFILL: column t.b is NOT NULL without a default, and 2 rows would have no value
        on the line of b, write `-- @using EXPRESSION` (over the old row), or give the column a DEFAULT
        to see them: SELECT * FROM t;
    do what is said below each hazard, then run the command again
    ");
    bench.open().execute_batch("DELETE FROM t").unwrap();
    bench.reaches(new);
}

#[test]
fn violated_constraints_are_counted_before_anything_is_written() {
    let old = "CREATE TABLE p (id INTEGER PRIMARY KEY); INSERT INTO p VALUES (1);
         CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, n INTEGER, p INTEGER);
         INSERT INTO t VALUES (1, 'x', 5, 1), (2, NULL, -5, 2), (3, 'X', -6, NULL), (4, 'x', 7, 9)";
    let p = "CREATE TABLE p (id INTEGER PRIMARY KEY);";
    let cases = [
        ("id INTEGER PRIMARY KEY, a TEXT NOT NULL, n INTEGER, p INTEGER", "t.a: 1 row"),
        ("id INTEGER PRIMARY KEY, a TEXT, n INTEGER CHECK (n > 0), p INTEGER", "CHECK"),
        ("id INTEGER PRIMARY KEY, a TEXT UNIQUE, n INTEGER, p INTEGER", "UNIQUE"),
        ("id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE UNIQUE, n INTEGER, p INTEGER", "UNIQUE nocase"),
        ("id INTEGER PRIMARY KEY, a TEXT, n INTEGER, p INTEGER REFERENCES p (id)", "FK"),
        ("id INTEGER PRIMARY KEY, a TEXT, n INTEGER, p INTEGER REFERENCES fresh (id)", "FK to a new table"),
        ("id INTEGER, a TEXT PRIMARY KEY, n INTEGER, p INTEGER", "PK"),
        ("id INTEGER, a INTEGER PRIMARY KEY, n INTEGER, p INTEGER", "rowid"),
    ];
    let mut told = String::new();
    for (columns, name) in cases {
        let bench = allowing(old, &["RENUMBERS_ROWIDS:*", "CHANGES_VALUES:*"]);
        let fresh =
            if name.contains("new table") { "CREATE TABLE fresh (id INTEGER PRIMARY KEY);" } else { "" };
        let text = refusal(&bench, &format!("{p} {fresh} CREATE TABLE t ({columns})"));
        assert!(!text.contains("rolled back"), "{name}: {text}");
        let line = text.lines().find(|l| l.contains("VIOLATED_CONSTRAINT")).unwrap();
        told.push_str(&format!("{name}\n{line}\n"));
    }
    insta::assert_snapshot!(told, @"
    t.a: 1 row
      VIOLATED_CONSTRAINT: NULL where NOT NULL is declared, in 1 row of t (rowid 2)
    CHECK
      VIOLATED_CONSTRAINT: CHECK (n > 0) does not hold, in 2 rows of t (rowid 2, 3)
    UNIQUE
      VIOLATED_CONSTRAINT: a repeated value where UNIQUE (a) is declared, in 2 rows of t (rowid 1, 4)
    UNIQUE nocase
      VIOLATED_CONSTRAINT: a repeated value where UNIQUE (a) is declared, in 3 rows of t (rowid 1, 3, 4)
    FK
      VIOLATED_CONSTRAINT: no row of p for FOREIGN KEY (p), in 2 rows of t (rowid 2, 4)
    FK to a new table
      VIOLATED_CONSTRAINT: no row of fresh for FOREIGN KEY (p), in 3 rows of t (rowid 1, 2, 4)
    PK
      VIOLATED_CONSTRAINT: a repeated value where UNIQUE (a) is declared, in 2 rows of t (rowid 1, 4)
    rowid
      VIOLATED_CONSTRAINT: no integer where INTEGER PRIMARY KEY is declared, in 4 rows of t (rowid 1, 2, 3, 4)
    ");
}

#[test]
fn a_strict_table_refuses_what_it_cannot_hold() {
    let bench = Bench::new(
        "CREATE TABLE t (a INTEGER, b ANY); INSERT INTO t VALUES (1, 'x'), ('one', 2.5), (NULL, NULL)",
    );
    let text = refusal(&bench, "CREATE TABLE t (a INTEGER, b ANY) STRICT");
    assert!(text.contains("a value of a that a STRICT INTEGER refuses, in 1 row of t (rowid 2)"), "{text}");
}

#[test]
fn a_unique_index_over_repeated_values_is_refused_and_a_partial_one_only_for_its_rows() {
    let old = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'x'), (3, NULL), (4, NULL)";
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);";
    let text = refusal(&Bench::new(old), &format!("{table} CREATE UNIQUE INDEX i ON t (a)"));
    assert!(
        text.contains("VIOLATED_CONSTRAINT: a repeated value where UNIQUE (a) is declared, in 2 rows of t"),
        "{text}"
    );
    Bench::new(old).reaches(&format!("{table} CREATE UNIQUE INDEX i ON t (a) WHERE id > 1"));
}

#[test]
fn rowids_that_cannot_be_kept_are_told() {
    let old =
        "CREATE TABLE t (a INTEGER, b TEXT); INSERT INTO t (rowid, a, b) VALUES (40, 1, 'x'), (50, 2, 'y')";
    let new = "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)";
    insta::assert_snapshot!(refusal(&Bench::new(old), new), @"
    the change of [DB] was refused; nothing was changed
      RENUMBERS_ROWIDS: the rowids of table t cannot be kept
        if nothing refers to them, approve RENUMBERS_ROWIDS:t
    do what is said below each hazard, then run the command again
    ");
    let bench = allowing(old, &["RENUMBERS_ROWIDS:t"]);
    bench.reaches(new);
    assert_eq!(bench.query("SELECT a, b FROM t"), "1|x\n2|y");
}

#[test]
fn a_column_that_becomes_generated_is_told_when_its_values_differ() {
    let old = "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, twice INTEGER); INSERT INTO t VALUES (1, 2, 4), (2, 3, 6)";
    let new = "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, twice INTEGER AS (a * 2))";
    Bench::new(old).reaches(new);
    let bench = Bench::new(&format!("{old}; UPDATE t SET twice = 7 WHERE id = 2"));
    let text = refusal(&bench, new);
    assert!(text.contains("CHANGES_VALUES: 1 value of t.twice would show its expression"), "{text}");
}

#[test]
fn an_approval_counts_for_that_hazard_on_that_object_alone() {
    let old = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT); CREATE TABLE u (x); INSERT INTO t VALUES (1, 'x', 'y')";
    let new = "CREATE TABLE t (id INTEGER PRIMARY KEY)";
    for approvals in [
        vec!["DROPS_COLUMN:t.a", "DROPS_TABLE:u"],
        vec!["DROPS_COLUMN:t", "DROPS_TABLE:*"],
        vec!["DROPS_TABLE:*"],
        vec!["DROPS_COLUMN:*"],
        vec!["DROPS_TABLE:t.a", "DROPS_TABLE:t.b", "DROPS_TABLE:u"],
    ] {
        refusal(&allowing(old, &approvals), new);
    }
    allowing(old, &["DROPS_COLUMN:T.A", "DROPS_COLUMN:t.b", "DROPS_TABLE:u"]).reaches(new);
    allowing(old, &["DROPS_COLUMN:*", "DROPS_TABLE:*"]).reaches(new);
}

#[test]
fn a_rewrite_is_told_and_asks_for_nothing() {
    let report = Bench::new("CREATE TABLE t (a TEXT NOT NULL); INSERT INTO t VALUES ('x')")
        .with(|s| s.fast_path = landfall_engine::FastPath::Off)
        .reaches("CREATE TABLE t (a TEXT)");
    let hazards: Vec<_> =
        report.plan.unwrap().hazards.into_iter().map(|h| (h.name, h.object, h.rows)).collect();
    assert_eq!(hazards, [(HazardName::RewritesTable, "t".to_owned(), Some(1))]);
}

#[test]
fn an_empty_schema_never_drops_everything() {
    for schema in ["", " \n", "-- nothing\n", "/* nothing */", "PRAGMA foreign_keys = ON;"] {
        let bench = allowing("CREATE TABLE t (a); INSERT INTO t VALUES (1)", &["DROPS_TABLE:*"]);
        insta::allow_duplicates! {
            insta::assert_snapshot!(refusal(&bench, schema), @"
            schema.sql declares nothing, and [DB] has 1 table; nothing was changed
            write the CREATE statements into schema.sql; `inspect` shows those of a database
            ");
        }
    }
    let both =
        Bench::new("CREATE TABLE t (a); CREATE VIRTUAL TABLE f USING fts5 (a); CREATE VIEW v AS SELECT 1;");
    assert!(refusal(&both, "").contains("[DB] has 2 tables"));
    let nothing = Bench::new("");
    assert_eq!(nothing.migrate("").unwrap().outcome, landfall_engine::Outcome::InSync);
}

#[test]
fn the_levels_of_proof_are_what_they_say() {
    let old = "CREATE TABLE p (id INTEGER PRIMARY KEY, a TEXT NOT NULL); CREATE TABLE c (p INTEGER REFERENCES p (id));
         CREATE TABLE apart (x); INSERT INTO p VALUES (1, 'x'); INSERT INTO c VALUES (1)";
    let new = "CREATE TABLE p (id INTEGER PRIMARY KEY, a TEXT); CREATE TABLE c (p INTEGER REFERENCES p (id)); CREATE TABLE apart (x)";
    for (level, expected) in [
        (landfall_engine::ProofLevel::Rewritten, [("p", true), ("c", false)]),
        (landfall_engine::ProofLevel::Counts, [("p", false), ("c", false)]),
        (landfall_engine::ProofLevel::Content, [("p", true), ("c", true)]),
    ] {
        let rewritten =
            Bench::new(old).with(|s| (s.proof, s.fast_path) = (level, landfall_engine::FastPath::Off));
        let report = rewritten.reaches(new);
        let found: Vec<_> =
            report.evidence.iter().map(|e| (e.table.as_str(), e.checksum.is_some())).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn rowids_are_lost_only_where_there_were_some() {
    let told = |old: &str, new: &str| {
        let bench = Bench::new(old);
        match bench.migrate(new) {
            Ok(_) => "kept".to_owned(),
            Err(error) if error.message.contains("RENUMBERS_ROWIDS") => "renumbered".to_owned(),
            Err(error) => panic!("{error}"),
        }
    };
    let rows = "; INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y')";
    let implicit = format!("CREATE TABLE t (a INT PRIMARY KEY, b TEXT){rows}");
    let alias = format!("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT){rows}");
    let without = format!("CREATE TABLE t (a INT PRIMARY KEY, b TEXT) WITHOUT ROWID{rows}");
    assert_eq!(told(&implicit, "CREATE TABLE t (a INT PRIMARY KEY, b TEXT) WITHOUT ROWID"), "renumbered");
    assert_eq!(told(&alias, "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT) WITHOUT ROWID"), "kept");
    assert_eq!(told(&without, "CREATE TABLE t (a INT PRIMARY KEY, b TEXT)"), "kept");
    assert_eq!(told(&without, "CREATE TABLE t (a INT PRIMARY KEY, b TEXT NOT NULL) WITHOUT ROWID"), "kept");
    assert_eq!(told(&implicit, "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)"), "renumbered");
    assert_eq!(told(&alias, "CREATE TABLE t (a INT PRIMARY KEY, b TEXT)"), "kept");
    // Columns that hide all three names of the rowid.
    let hidden = "CREATE TABLE t (a INT, rowid INT, _rowid_ INT, oid INT); INSERT INTO t VALUES (1, 2, 3, 4)";
    assert_eq!(
        told(hidden, "CREATE TABLE t (a INT NOT NULL, rowid INT, _rowid_ INT, oid INT)"),
        "renumbered"
    );
}

#[test]
fn rows_that_already_break_a_foreign_key_are_the_users_and_stay() {
    for (options, id) in [("", "INTEGER PRIMARY KEY"), (" WITHOUT ROWID", "INT PRIMARY KEY")] {
        let table = |column: &str| {
            format!(
                "CREATE TABLE p (id INTEGER PRIMARY KEY);
                 CREATE TABLE t (id {id}, p INTEGER REFERENCES p (id), {column}){options};"
            )
        };
        let old = format!(
            "{} INSERT INTO p VALUES (1); INSERT INTO t VALUES (1, 1, 'x'), (2, 7, 'y')",
            table("a TEXT NOT NULL")
        );
        let bench = Bench::new(&old);
        bench.reaches(&table("a TEXT"));
        assert_eq!(bench.query("SELECT id, p FROM t"), "1|1\n2|7");
        // Also where the key changes its action.
        let bench = Bench::new(&old);
        bench.reaches(&table("a TEXT NOT NULL").replace("(id),", "(id) ON DELETE CASCADE,"));
        // And where rowids change, so that rows can only be counted.
        let bench = Bench::new(&old).with(|s| s.allow = vec!["RENUMBERS_ROWIDS:*".parse().unwrap()]);
        let renumbered =
            table("a TEXT").replace("id INTEGER PRIMARY KEY, p", "id INTEGER, n INTEGER PRIMARY KEY, p");
        bench.reaches(&renumbered);
    }
}

#[test]
fn a_foreign_key_to_a_key_that_only_comes_with_the_change_is_checked_all_the_same() {
    let old = "CREATE TABLE t (a INTEGER, b TEXT PRIMARY KEY) WITHOUT ROWID; INSERT INTO t VALUES (1, 'x'), (9, 'y')";
    let text = refusal(
        &Bench::new(old),
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER REFERENCES t (id), b TEXT)",
    );
    insta::assert_snapshot!(text, @"
    the change of [DB] was refused; nothing was changed
      VIOLATED_CONSTRAINT: rows break a constraint of schema.sql
      builtin: would leave 1 row of t without their parent in t
    correct those rows first, or declare what they are
    ");
    Bench::new(&old.replace('9', "2"))
        .reaches("CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER REFERENCES t (id), b TEXT)");
}

#[test]
fn tables_tied_by_a_trigger_are_counted() {
    let rest = "CREATE TABLE log (a TEXT); CREATE TABLE apart (a TEXT);
         CREATE TRIGGER tr AFTER DELETE ON t BEGIN INSERT INTO log VALUES (old.a); END;";
    let bench = Bench::new(&format!("CREATE TABLE t (a TEXT NOT NULL); {rest} INSERT INTO log VALUES ('x')"))
        .with(|s| s.fast_path = landfall_engine::FastPath::Off);
    let report = bench.reaches(&format!("CREATE TABLE t (a TEXT); {rest}"));
    let counted: Vec<_> = report.evidence.iter().map(|e| (e.table.as_str(), e.rows_after)).collect();
    assert_eq!(counted, [("t", 0), ("log", 1)]);
}

#[test]
fn a_plan_that_an_approval_could_let_pass_is_made_and_proved_and_shown() {
    let bench = Bench::new("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'x')");
    let declared = bench.declared("CREATE TABLE t (id INTEGER PRIMARY KEY)").unwrap();
    let prepared = landfall_engine::prepare(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
    let hazards = &prepared.report().plan.as_ref().unwrap().hazards;
    assert!(hazards.iter().any(|h| h.name == HazardName::DropsColumn && h.stops()));
    assert_eq!(prepared.guard().unwrap_err().kind, ErrorKind::Hazard);
    assert_eq!(prepared.apply(&mut ()).unwrap_err().kind, ErrorKind::Hazard);
    assert_eq!(bench.query("SELECT a FROM t"), "x");
}
