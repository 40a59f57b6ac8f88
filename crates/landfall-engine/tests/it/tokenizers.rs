//! Full-text tables whose tokenizer only the service registers: they stay as they are, and whatever would have to tokenize is refused by
//! name.

use landfall_engine::{Approval, Check, Error, Outcome};

use crate::support::{Bench, everywhere, query};

const OTHER: &str = "CREATE TABLE other (id INTEGER PRIMARY KEY, x TEXT)";

struct Kind {
    name: &'static str,
    /// Of a tokenizer called `german`.
    schema: &'static str,
    rows: &'static str,
    /// What SQLite says.
    lacks: &'static str,
}

const KINDS: [Kind; 4] = [
    Kind {
        name: "FTS5",
        schema: "CREATE VIRTUAL TABLE f USING fts5(a, b UNINDEXED, tokenize = 'german ''x'' 1')",
        rows: "INSERT INTO f (rowid, a, b) VALUES (3, 'one two', 'x'), (9, 'three', NULL)",
        lacks: "no such tokenizer: german",
    },
    Kind {
        name: "FTS5 over another table, with triggers",
        schema: "CREATE TABLE d (id INTEGER PRIMARY KEY, a TEXT, b TEXT);
             CREATE VIRTUAL TABLE f USING fts5(a, content=d, content_rowid=id, tokenize=german);
             CREATE TRIGGER d_insert AFTER INSERT ON d BEGIN INSERT INTO f (rowid, a) VALUES (new.id, new.a); END;
             CREATE TRIGGER d_delete AFTER DELETE ON d BEGIN INSERT INTO f (f, rowid, a) VALUES ('delete', old.id, old.a); END;
             CREATE VIEW found AS SELECT d.b FROM f JOIN d ON d.id = f.rowid",
        rows: "INSERT INTO d VALUES (3, 'one two', '7'), (9, 'three', NULL)",
        lacks: "no such tokenizer: german",
    },
    Kind {
        name: "FTS5 without content",
        schema: "CREATE VIRTUAL TABLE f USING fts5(a, content='', tok = \"german\")",
        rows: "INSERT INTO f (rowid, a) VALUES (3, 'one two')",
        lacks: "no such tokenizer: german",
    },
    Kind {
        name: "FTS4",
        schema: "CREATE VIRTUAL TABLE f USING fts4(a, b, tokenize=german)",
        rows: "INSERT INTO f (docid, a, b) VALUES (3, 'one two', 'x')",
        lacks: "unknown tokenizer: german",
    },
];

impl Kind {
    /// A database that the service made.
    fn bench(&self) -> Bench {
        let known = match self.name {
            "FTS4" => "simple",
            _ => "unicode61",
        };
        let arguments = [("'german ''x'' 1'", known), ("german", known)];
        let replaced =
            |sql: &str| arguments.iter().fold(sql.to_owned(), |sql, (from, to)| sql.replace(from, to));
        let bench = Bench::new(&format!(
            "{}; {}; {OTHER}; INSERT INTO other VALUES (1, 'one'), (2, 'two'); CREATE TABLE f_more (x)",
            replaced(self.schema),
            self.rows
        ));
        let text =
            self.schema.split(";\n").map(str::trim).find(|text| text.starts_with("CREATE VIRTUAL")).unwrap();
        let conn = bench.open();
        conn.execute_batch("PRAGMA writable_schema = ON").unwrap();
        conn.execute("UPDATE sqlite_schema SET sql = ?1 WHERE name = 'f'", [text]).unwrap();
        conn.execute_batch("PRAGMA writable_schema = RESET").unwrap();
        bench
    }

    fn with(&self, more: &str) -> String {
        format!("{};\n{more};\nCREATE TABLE f_more (x)", self.schema)
    }
}

/// The table with its own tables: rows of the schema with their root pages, and all that is in them.
fn kept(bench: &Bench) -> String {
    let conn = bench.open();
    let of = "name = 'f' OR (name GLOB 'f_*' AND name <> 'f_more')";
    let mut text = query(
        &conn,
        &format!("SELECT type, name, rootpage, sql FROM sqlite_schema WHERE {of} ORDER BY name"),
    );
    let tables = format!("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND ({of})");
    for name in query(&conn, &tables).lines() {
        text.push_str(&query(&conn, &format!("SELECT * FROM {name}")));
    }
    text
}

fn reached(bench: &Bench, schema: &str) {
    bench.migrate(schema).unwrap_or_else(|error| panic!("{error}\n{schema}"));
    let again = bench.migrate(schema).unwrap();
    assert_eq!(again.outcome, Outcome::InSync, "{:?}", again.differences);
    landfall_engine::intact(&bench.db(), &bench.settings).unwrap();
}

/// Refused, with what SQLite lacks.
fn refused(bench: &Bench, kind: &Kind, schema: &str) -> Error {
    let (before, shadow) = (std::fs::read(bench.db()).unwrap(), kept(bench));
    let error = bench.migrate(schema).expect_err("must be refused");
    assert!(error.to_string().contains(kind.lacks), "{}: {error}\n{schema}", kind.name);
    assert!(error.told().contains("nothing was changed"), "{}: {}", kind.name, error.told());
    assert!(std::fs::read(bench.db()).unwrap() == before && kept(bench) == shadow, "{}", kind.name);
    error
}

#[test]
fn where_the_text_is_the_same_there_is_nothing_to_do_and_nothing_to_say() {
    for kind in KINDS {
        let bench = kind.bench();
        let before = std::fs::read(bench.db()).unwrap();
        let schema = kind.with(OTHER);
        let report = bench.migrate(&schema).unwrap_or_else(|error| panic!("{}: {error}", kind.name));
        assert_eq!((report.outcome, report.notes), (Outcome::InSync, vec![]), "{}", kind.name);
        let declared = bench.declared(&schema).unwrap();
        let checked = landfall_engine::check(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
        assert_eq!(
            (checked.outcome, &checked.live, &checked.notes),
            (Outcome::InSync, &checked.declared, &vec![])
        );
        let fit = landfall_engine::fit(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
        assert!(fit.misfits.is_empty() && fit.extra.is_empty(), "{}: {fit:?}", kind.name);
        let path = std::path::Path::new("schema.sql");
        landfall_engine::glance(&bench.db(), path, &schema, &bench.settings, &mut ()).unwrap();
        assert!(std::fs::read(bench.db()).unwrap() == before);
    }
}

#[test]
fn a_change_elsewhere_leaves_it_bit_for_bit() {
    let changes = [
        "CREATE TABLE other (id INTEGER PRIMARY KEY, x TEXT NOT NULL DEFAULT '', y INTEGER); CREATE INDEX j ON other (x); CREATE TABLE w (a)",
        "CREATE TABLE other (id INTEGER PRIMARY KEY, x TEXT CHECK (x <> 'three') UNIQUE, CHECK (id > 0))",
        "CREATE TABLE other (id INTEGER PRIMARY KEY,\n  y TEXT -- @renamed from=x\n)",
        "CREATE TABLE other (id INTEGER PRIMARY KEY, x TEXT); CREATE VIEW w AS SELECT rowid FROM f",
    ];
    for kind in KINDS {
        let bench = kind.bench();
        let before = kept(&bench);
        for mut twin in everywhere("") {
            for change in changes {
                let of = bench.twin();
                (twin.settings.allow, twin.settings.ignore) =
                    (of.settings.allow.clone(), of.settings.ignore.clone());
                let of = of.with(|s| *s = twin.settings.clone());
                reached(&of, &kind.with(change));
                assert_eq!(kept(&of), before, "{}: {change}", kind.name);
                assert_eq!(of.query("SELECT count(*), min(id), max(id) FROM other"), "2|1|2");
            }
        }
    }
}

#[test]
fn the_table_that_it_is_over_is_changed_and_the_index_stays() {
    let kind = &KINDS[1];
    let changes = [
        ("b TEXT", "b TEXT, c TEXT DEFAULT 1e2"),
        ("b TEXT", "b TEXT, c INTEGER DEFAULT 3"),
        ("b TEXT", "b INTEGER"),
        ("b TEXT", "b TEXT CHECK (b <> 'q')"),
        ("a TEXT, b TEXT", "b TEXT, a TEXT"),
    ];
    for (from, to) in changes {
        let bench = kind.bench();
        let before = kept(&bench);
        for mode in everywhere("") {
            let of = bench.twin().with(|s| *s = mode.settings.clone());
            reached(&of, &kind.with(OTHER).replacen(from, to, 1));
            assert_eq!(kept(&of), before, "{to}");
            assert_eq!(of.query("SELECT id, a, b FROM d"), "3|one two|7\n9|three|NULL");
        }
    }
}

#[test]
fn what_would_have_to_tokenize_is_refused_by_name() {
    let allow = Approval::list("UNUSABLE:*,DROPS_TABLE:*,DROPS_COLUMN:*,CHANGES_VALUES:*").unwrap();
    for kind in &KINDS {
        let bench = kind.bench().with(|s| s.allow = allow.clone());
        refused(
            &bench,
            kind,
            &kind
                .with(OTHER)
                .replacen("german", "german2", 1)
                .replace("german2", "german 2")
                .replace("=german 2", "='german 2'"),
        );
        refused(&bench, kind, &kind.with(OTHER).replacen("(a,", "(c, a,", 1));
        let nothing = Bench::new(&format!("{OTHER}; CREATE TABLE f_more (x)"));
        let error = nothing.refuses(&kind.with(OTHER));
        assert!(error.message.contains(kind.lacks), "{error}");
        let empty = Bench::new("");
        assert!(empty.migrate(&kind.with(OTHER)).unwrap_err().message.contains(kind.lacks));
    }
    let over = &KINDS[1];
    let bench = over.bench().with(|s| s.allow = allow.clone());
    let computed =
        over.with(OTHER).replacen("a TEXT, b", "\na TEXT NOT NULL, -- @using a || '!' for=NOT NULL\nb", 1);
    refused(&bench, over, &computed);
    refused(&bench, over, &format!("{}; INSERT INTO d (id, a) VALUES (20, 'new')", over.with(OTHER)));
}

#[test]
fn the_refusals_say_what_to_do() {
    let told = |bench: &Bench, schema: &str| {
        bench.refuses(schema).to_string().replace(&bench.db().display().to_string(), "[DB]")
    };
    let (fts5, fts4) = (&KINDS[0], &KINDS[3]);
    insta::assert_snapshot!(
        [
            told(&Bench::new(&format!("{OTHER}; CREATE TABLE f_more (x)")), &fts5.with(OTHER)),
            told(&fts5.bench(), &fts5.with(OTHER).replace("b UNINDEXED", "b")),
            told(&fts4.bench(), &format!("{OTHER}; CREATE TABLE f_more (x)")),
        ]
        .join("\n\n")
    );
}

#[test]
fn one_of_fts5_is_dropped_once_that_is_approved() {
    for kind in &KINDS[..1] {
        for mode in everywhere("") {
            let bench = kind.bench().with(|s| *s = mode.settings.clone());
            let without = format!("{OTHER}; CREATE TABLE f_more (x)");
            assert!(bench.refuses(&without).message.contains("DROPS_TABLE"));
            let bench = bench.with(|s| s.allow = Approval::list("DROPS_TABLE:f").unwrap());
            reached(&bench, &without);
            assert_eq!(
                bench.query("SELECT count(*) FROM sqlite_schema WHERE name GLOB 'f_*' AND name <> 'f_more'"),
                "0"
            );
        }
    }
}

/// Its own tables are nobody's; one that is only called so is the user's.
#[test]
fn its_own_tables_are_not_the_users_and_others_by_such_a_name_are() {
    for kind in KINDS {
        let bench = kind.bench();
        let error = bench.refuses(&format!("{};\n{OTHER}", kind.schema));
        assert!(error.message.contains("DROPS_TABLE"), "{error}");
        assert!(error.message.contains("f_more") && !error.message.contains("f_data"), "{error}");
        let live = landfall_engine::inspect(&bench.db(), &bench.settings).unwrap();
        assert!(live.sql.contains("german") && live.sql.contains("f_more"), "{}", live.sql);
        assert!(!live.sql.contains("f_data") && !live.sql.contains("f_segments"), "{}", live.sql);
        assert_eq!(bench.migrate(&live.sql).unwrap().outcome, Outcome::InSync);
        let counted = landfall_engine::rows(&bench.db(), &bench.settings).unwrap();
        assert_eq!(counted.uncounted, if kind.name == "FTS4" { vec!["f"] } else { vec![] });
        assert!(counted.tables.iter().any(|table| table.table == "other" && table.rows == 2));
    }
}

#[test]
fn a_copy_has_it_and_is_checked_and_a_scrub_is_refused_by_name() {
    for kind in KINDS {
        let bench = kind.bench();
        let shadow = kept(&bench.twin());
        for check in [Check::Quick, Check::Integrity] {
            let to = bench.db().with_extension("copy");
            landfall_engine::backup(&bench.db(), &to, None, check, &bench.settings)
                .unwrap_or_else(|error| panic!("{}: {error}", kind.name));
            landfall_engine::intact(&to, &bench.settings).unwrap();
            let copy = bench.twin();
            std::fs::copy(&to, copy.db()).unwrap();
            let without_roots = |text: &str| {
                text.lines().filter(|line| !line.contains("|f")).map(str::to_owned).collect::<Vec<_>>()
            };
            assert_eq!(without_roots(&kept(&copy)), without_roots(&shadow), "{}", kind.name);
            assert_eq!(bench.migrate(&kind.with(OTHER)).unwrap().outcome, Outcome::InSync);
            std::fs::remove_file(&to).unwrap();
        }
        let to = bench.db().with_extension("scrubbed");
        let scrub = Some("UPDATE other SET x = ''");
        let error =
            landfall_engine::backup(&bench.db(), &to, scrub, Check::Quick, &bench.settings).unwrap_err();
        let told = error.to_string();
        let why = if kind.name == "FTS5 without content" {
            "has no content to be rebuilt from"
        } else {
            kind.lacks
        };
        assert!(told.contains(why), "{}: {told}", kind.name);
        assert!(!to.exists() && landfall_engine::partials(&to).iter().all(|file| !file.exists()));
    }
}

/// Where the tables are checked one by one, what is wrong with one of them is found.
#[test]
fn damage_beside_it_is_found() {
    let bench = KINDS[0].bench();
    bench.open().execute_batch("CREATE TABLE n (a); INSERT INTO n VALUES (NULL); PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE n (a NOT NULL)' WHERE name = 'n'").unwrap();
    let error = landfall_engine::intact(&bench.db(), &bench.settings).unwrap_err();
    assert!(error.to_string().contains("NULL value in n.a"), "{error}");
}
