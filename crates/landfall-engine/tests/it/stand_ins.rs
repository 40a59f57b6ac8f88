//! What the service has and this SQLite lacks: functions, collations, modules. It stays as it is, or the change is refused by name.

use std::path::{Path, PathBuf};

use landfall_engine::{Error, FastPath, Outcome, PlannerChoice, Report};
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use crate::support::{Bench, query};

const OTHER: &str = "CREATE TABLE other (id INTEGER PRIMARY KEY, x TEXT)";
const OTHER_ROWS: &str = "INSERT INTO other VALUES (1, 'one'), (2, 'two')";

const FUNCTION: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT CHECK (slug(a) = a), b TEXT)";
const FUNCTION_ROWS: &str = "INSERT INTO t VALUES (1, 'x', '7'), (2, 'y', NULL)";

const COLLATION: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT COLLATE german, b TEXT); CREATE UNIQUE INDEX i ON t (a, b)";
const COLLATION_ROWS: &str = "INSERT INTO t VALUES (1, 'x', '7'), (2, 'y', NULL), (3, 'Y', 'z')";

const MODULE: &str = "CREATE VIRTUAL TABLE v USING vec0(embedding float[4], +note TEXT)";

/// The tables of sqlite-vec beside its virtual one, with some content.
const PARTS: &str = r#"
    CREATE TABLE "v_info" (key text primary key, value any);
    CREATE TABLE "v_chunks"(chunk_id INTEGER PRIMARY KEY AUTOINCREMENT, size INTEGER NOT NULL, validity BLOB NOT NULL, rowids BLOB NOT NULL);
    CREATE TABLE "v_rowids"(rowid INTEGER PRIMARY KEY AUTOINCREMENT, id, chunk_id INTEGER, chunk_offset INTEGER);
    CREATE TABLE "v_vector_chunks00"(rowid PRIMARY KEY, vectors BLOB NOT NULL);
    INSERT INTO "v_info" VALUES ('CREATE_VERSION', 'v0.1.6');
    INSERT INTO "v_chunks" VALUES (1, 1024, zeroblob(128), zeroblob(8192));
    INSERT INTO "v_rowids" VALUES (1, NULL, 1, 0), (2, NULL, 1, 1);
    INSERT INTO "v_vector_chunks00" VALUES (1, randomblob(16384));"#;

/// A connection of the service.
fn service(conn: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    conn.create_scalar_function("slug", 1, flags, |context| context.get::<Option<String>>(0))?;
    conn.create_collation("german", |a: &str, b: &str| b.to_lowercase().cmp(&a.to_lowercase()).then(b.cmp(a)))
}

struct Kind {
    name: &'static str,
    schema: &'static str,
    rows: &'static str,
}

const KINDS: [Kind; 3] = [
    Kind { name: "function", schema: FUNCTION, rows: FUNCTION_ROWS },
    Kind { name: "collation", schema: COLLATION, rows: COLLATION_ROWS },
    Kind { name: "module", schema: MODULE, rows: PARTS },
];

/// A database that the service made: this, and a table `other`.
fn made(schema: &str, rows: &str) -> Bench {
    let bench = Bench::new("");
    let conn = bench.open();
    service(&conn).unwrap();
    for statement in schema.split("; ") {
        if statement.starts_with("CREATE VIRTUAL TABLE") {
            conn.execute_batch("PRAGMA writable_schema = ON").unwrap();
            let sql = "INSERT INTO sqlite_schema VALUES ('table', 'v', 'v', 0, ?1)";
            conn.execute(sql, [statement]).unwrap();
            conn.execute_batch("PRAGMA writable_schema = RESET").unwrap();
        } else {
            conn.execute_batch(statement).unwrap();
        }
    }
    conn.execute_batch(&format!("{OTHER}; {rows}; {OTHER_ROWS}")).unwrap();
    drop(conn);
    bench
}

impl Kind {
    fn bench(&self) -> Bench {
        made(self.schema, self.rows)
    }
}

fn bytes(bench: &Bench) -> Vec<u8> {
    std::fs::read(bench.db()).unwrap()
}

/// Refused, and the file is byte for byte as it was.
fn refused(bench: &Bench, schema: &str) -> Error {
    let before = bytes(bench);
    let error = bench.migrate(schema).expect_err("must be refused");
    assert!(bytes(bench) == before, "the file was changed: {error}");
    error
}

fn reached(bench: &Bench, schema: &str) -> Report {
    let report = bench.migrate(schema).unwrap_or_else(|error| panic!("{error}\n{schema}"));
    let again = bench.migrate(schema).unwrap();
    assert_eq!(again.outcome, Outcome::InSync, "{:?}", again.differences);
    let conn = bench.open();
    service(&conn).unwrap();
    assert_eq!(query(&conn, "PRAGMA integrity_check"), "ok");
    report
}

/// Everything about the objects of a kind: their rows of the schema with their root pages, and the rows in them.
fn kept(bench: &Bench) -> String {
    let conn = bench.open();
    service(&conn).unwrap();
    let of = "tbl_name = 't' OR tbl_name = 'v' OR tbl_name GLOB 'v_*'";
    let mut text = query(
        &conn,
        &format!("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema WHERE {of} ORDER BY name"),
    );
    let names = query(
        &conn,
        &format!("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND ({of})"),
    );
    for name in names.lines() {
        text.push_str(&query(&conn, &format!("SELECT * FROM {name}")));
    }
    text
}

/// In every mode of `fast-path`, by the built-in planner, and by Atlas beside it.
fn everywhere(test: &str, bench: impl Fn() -> Bench, look: impl Fn(Bench)) {
    let atlas = landfall_testkit::requires::atlas(test);
    for mode in [FastPath::Off, FastPath::Proved, FastPath::Full] {
        let with = |planner, atlas: Option<PathBuf>| {
            bench().with(|s| (s.fast_path, s.planner, s.atlas) = (mode, planner, atlas))
        };
        look(with(PlannerChoice::Builtin, None));
        if atlas.is_some() {
            look(with(PlannerChoice::Auto, atlas.clone()));
        }
    }
}

#[test]
fn where_the_text_is_the_same_there_is_nothing_to_do_and_nothing_to_say() {
    for kind in KINDS {
        let bench = kind.bench();
        let before = bytes(&bench);
        let schema = format!("{}; {OTHER}", kind.schema);
        let report = bench.migrate(&schema).unwrap_or_else(|error| panic!("{}: {error}", kind.name));
        assert_eq!(
            (report.outcome, &report.differences, &report.notes),
            (Outcome::InSync, &vec![], &vec![]),
            "{}",
            kind.name
        );
        let declared = bench.declared(&schema).unwrap();
        let checked = landfall_engine::check(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
        assert_eq!(checked.outcome, Outcome::InSync);
        assert_eq!(checked.live, checked.declared);
        let fit = landfall_engine::fit(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
        assert!(fit.misfits.is_empty() && fit.extra.is_empty(), "{}: {fit:?}", kind.name);
        assert!(bytes(&bench) == before);
    }
}

#[test]
fn a_glance_knows_a_function_and_a_collation_by_their_texts() {
    for kind in &KINDS[..2] {
        let bench = kind.bench();
        let text = format!("{};\n{OTHER};\n", kind.schema.replace("; ", ";\n"));
        let path = Path::new("schema.sql");
        let found = landfall_engine::glance(&bench.db(), path, &text, &bench.settings, &mut ()).unwrap();
        assert!(found.is_some(), "{}", kind.name);
    }
}

#[test]
fn a_change_elsewhere_leaves_it_bit_for_bit() {
    let new = "CREATE TABLE other (id INTEGER PRIMARY KEY, x TEXT NOT NULL DEFAULT '', y INTEGER); CREATE INDEX j ON other (x); CREATE TABLE w (a)";
    for kind in KINDS {
        everywhere(
            "a_change_elsewhere_leaves_it_bit_for_bit",
            || kind.bench(),
            |bench| {
                let before = kept(&bench);
                reached(&bench, &format!("{}; {new}", kind.schema));
                assert_eq!(kept(&bench), before, "{}", kind.name);
                assert_eq!(bench.query("SELECT id, x, y FROM other"), "1|one|NULL\n2|two|NULL");
            },
        );
    }
}

#[test]
fn a_table_that_is_written_anew_beside_it_leaves_it_bit_for_bit() {
    for kind in KINDS {
        let other =
            "CREATE TABLE other (id INTEGER PRIMARY KEY, x TEXT CHECK (x <> 'three') UNIQUE, CHECK (id > 0))";
        everywhere(
            "a_table_that_is_written_anew_beside_it_leaves_it_bit_for_bit",
            || kind.bench(),
            |bench| {
                let before = kept(&bench);
                reached(&bench, &format!("{}; {other}", kind.schema));
                assert_eq!(kept(&bench), before, "{}", kind.name);
            },
        );
    }
}

#[test]
fn a_child_of_the_table_is_changed_beside_it() {
    for kind in &KINDS[..2] {
        let child = |rest: &str| {
            format!("CREATE TABLE child (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t (id){rest})")
        };
        let schema = format!("{}; {}", kind.schema, child(""));
        let rows = format!("{}; INSERT INTO child VALUES (5, 1), (6, 2)", kind.rows);
        everywhere(
            "a_child_of_the_table_is_changed_beside_it",
            || made(&schema, &rows),
            |bench| {
                let before = kept(&bench);
                reached(&bench, &format!("{}; {OTHER}; {}", kind.schema, child(", CHECK (id > 4)")));
                assert_eq!(kept(&bench), before, "{}", kind.name);
            },
        );
    }
}

#[test]
fn a_column_is_added_to_the_very_table() {
    for kind in &KINDS[..2] {
        everywhere(
            "a_column_is_added_to_the_very_table",
            || kind.bench(),
            |bench| {
                let new = kind.schema.replacen("b TEXT)", "b TEXT, c INTEGER DEFAULT 3)", 1);
                let rows = bench.query("SELECT id, a, b FROM t NOT INDEXED");
                reached(&bench, &format!("{new}; {OTHER}"));
                assert_eq!(bench.query("SELECT id, a, b FROM t NOT INDEXED"), rows);
                assert_eq!(bench.query("SELECT min(c), max(c) FROM t"), "3|3");
            },
        );
    }
}

#[test]
fn a_change_that_has_to_call_it_is_refused_by_name() {
    let cases = [
        ("slug", made(FUNCTION, FUNCTION_ROWS), FUNCTION.replace("b TEXT", "b INTEGER")),
        ("slug", made(FUNCTION, FUNCTION_ROWS), FUNCTION.replace("b TEXT", "b TEXT, c TEXT CHECK (c <> '')")),
        ("german", made(COLLATION, COLLATION_ROWS), COLLATION.replace("b TEXT", "b INTEGER")),
        ("german", made(COLLATION, COLLATION_ROWS), format!("{COLLATION}; CREATE INDEX k ON t (a, id)")),
        ("german", made(COLLATION, COLLATION_ROWS), COLLATION.replace("german", "german UNIQUE")),
    ];
    for (name, bench, new) in cases {
        for mode in [FastPath::Off, FastPath::Proved, FastPath::Full] {
            let bench = bench.twin().with(|s| {
                s.fast_path = mode;
                s.allow = vec!["UNUSABLE:*".parse().unwrap()];
            });
            let error = refused(&bench, &format!("{new}; {OTHER}"));
            let said = error.to_string();
            assert!(
                said.contains(name) && said.contains("which only the service registers"),
                "{mode:?} {new}\n{said}"
            );
            let remedy = format!("keep every definition that calls {name} as the database has it");
            assert!(said.contains(&remedy), "{said}");
        }
    }
}

#[test]
fn a_row_that_no_sample_has_rolls_the_change_back() {
    let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT CHECK (a IS NULL OR slug(a) = a), b TEXT)";
    let rows = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
         INSERT INTO t SELECT i, iif(i = 1789, 'x', NULL), i FROM n";
    for mode in [FastPath::Off, FastPath::Proved, FastPath::Full] {
        let bench = made(schema, rows).with(|s| s.fast_path = mode);
        let new = format!("{}; {OTHER}", schema.replace("b TEXT", "b INTEGER"));
        let declared = bench.declared(&new).unwrap();
        let prepared = landfall_engine::prepare(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
        let before = bytes(&bench);
        let error = prepared.apply(&mut ()).unwrap_err();
        assert!(
            error.message.contains("no such function: slug, which only the service registers"),
            "{error}"
        );
        assert!(error.told().contains("nothing was changed"), "{error}");
        assert!(bytes(&bench) == before);
    }
}

#[test]
fn what_goes_needs_no_answer_of_it() {
    for mode in [FastPath::Off, FastPath::Proved, FastPath::Full] {
        let bench = made(FUNCTION, FUNCTION_ROWS).with(|s| s.fast_path = mode);
        let rows = bench.query("SELECT * FROM t");
        reached(&bench, &format!("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT); {OTHER}"));
        assert_eq!(bench.query("SELECT * FROM t"), rows);

        let bench = made(COLLATION, COLLATION_ROWS).with(|s| s.fast_path = mode);
        reached(
            &bench,
            &format!("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT COLLATE german, b TEXT); {OTHER}"),
        );
        reached(&bench, &format!("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT); {OTHER}"));
        assert_eq!(bench.query("SELECT * FROM t"), "1|x|7\n2|y|NULL\n3|Y|z");

        for kind in &KINDS[..2] {
            let bench = kind.bench().with(|s| s.fast_path = mode);
            assert!(refused(&bench, OTHER).message.contains("DROPS_TABLE"));
            reached(&bench.with(|s| s.allow = vec!["DROPS_TABLE:t".parse().unwrap()]), OTHER);
        }
    }
}

#[test]
fn a_virtual_table_is_neither_made_nor_changed_nor_dropped_without_its_module() {
    let everything = |bench: Bench| {
        bench.with(|s| s.allow = ["UNUSABLE:*", "DROPS_TABLE:*"].map(|a| a.parse().unwrap()).to_vec())
    };
    let told = |bench: &Bench, schema: &str| {
        refused(bench, schema).to_string().replace(&bench.db().display().to_string(), "[DB]")
    };
    let changed = format!("{}; {OTHER}", MODULE.replace("float[4]", "float[8]"));
    let declared = format!("{MODULE}; {OTHER}");
    let with = everything(KINDS[2].bench());
    let without = everything(made(OTHER.replace("other", "more").as_str(), ""));
    insta::assert_snapshot!([
        told(&with, OTHER),
        told(&with, &changed),
        told(&without, &format!("{declared}; CREATE TABLE more (id INTEGER PRIMARY KEY, x TEXT)")),
    ].join("\n\n"), @"
    the change of [DB] was refused; nothing was changed
      UNUSABLE: virtual table v cannot be dropped here: no such module: vec0
        declare it as it is in the database, or let the service drop it where it loads the module, then run the command again
    do what is said below each hazard, then run the command again

    the change of [DB] was refused; nothing was changed
      UNUSABLE: virtual table v cannot be made anew with another definition here: no such module: vec0
        declare it as it is in the database, or let the service drop it and make it anew, then run the command again
    do what is said below each hazard, then run the command again

    the change of [DB] was refused; nothing was changed
      UNUSABLE: virtual table v cannot be made here: no such module: vec0
        let the service make it where it loads the module, then run the command again: it stays as it is
    do what is said below each hazard, then run the command again
    ");
    let nothing = everything(Bench::new(""));
    assert!(nothing.migrate(&declared).unwrap_err().message.contains("no such module: vec0"));
}

#[test]
fn what_is_new_to_a_database_is_approved_for_its_object() {
    for (kind, hazard) in KINDS.iter().zip(["UNUSABLE:t", "UNUSABLE:t,UNUSABLE:i"]) {
        let bench = Bench::new("");
        let declared = format!("{}; {OTHER}", kind.schema);
        let error = bench.migrate(&declared).unwrap_err();
        assert!(error.message.contains("UNUSABLE: schema.sql:1: table t cannot be used: no such"), "{error}");
        assert!(error.message.contains("approve UNUSABLE:t"), "{error}");
        let allow = landfall_engine::Approval::list(hazard).unwrap();
        let bench = bench.with(|s| s.allow = allow);
        reached(&bench, &declared);
        let conn = bench.open();
        service(&conn).unwrap();
        conn.execute_batch(kind.rows).unwrap();
    }
    let bench = made(FUNCTION, FUNCTION_ROWS);
    let error = refused(&bench, &format!("{}; {OTHER}", FUNCTION.replace("slug(a) = a", "lenght(a) > 0")));
    assert!(error.message.contains("no such function: lenght"), "{error}");
}

#[test]
fn views_and_triggers_that_come_near_a_virtual_table_are_no_faults_of_the_schema() {
    let uses = "CREATE VIEW near AS SELECT v.rowid, v.distance FROM v WHERE v.embedding MATCH '[]';
         CREATE TRIGGER keep AFTER INSERT ON other BEGIN INSERT INTO v (rowid, embedding) VALUES (new.id, new.x); END";
    let bench = KINDS[2].bench();
    bench.open().execute_batch(uses).unwrap();
    let before = kept(&bench);
    let report =
        reached(&bench, &format!("{MODULE}; {OTHER}; {uses}; CREATE VIEW far AS SELECT rowid FROM near"));
    assert_eq!(report.notes, Vec::<String>::new());
    let other = OTHER.replace("x TEXT", "x TEXT, y INTEGER");
    reached(&bench, &format!("{MODULE}; {other}; {uses}"));
    assert_eq!(kept(&bench), before);
}

#[test]
fn tables_that_schema_sql_declares_are_ordinary_ones_whatever_they_are_called() {
    let bench = KINDS[2].bench();
    bench
        .open()
        .execute_batch("CREATE TABLE v_tags (id INTEGER PRIMARY KEY); INSERT INTO v_tags VALUES (1)")
        .unwrap();
    let tags = "CREATE TABLE v_tags (id INTEGER PRIMARY KEY, tag TEXT)";
    reached(&bench, &format!("{MODULE}; {OTHER}; {tags}"));
    assert_eq!(bench.query("SELECT * FROM v_tags"), "1|NULL");
    // Nobody here knows whether it belongs to v: it is left.
    reached(&bench, &format!("{MODULE}; {OTHER}"));
    assert_eq!(bench.query("SELECT * FROM v_tags"), "1|NULL");
}

#[test]
fn inspect_writes_it_as_it_is_and_what_it_writes_is_in_sync() {
    for kind in KINDS {
        let bench = kind.bench();
        let live = landfall_engine::inspect(&bench.db(), &bench.settings).unwrap();
        assert!(kind.schema.split("; ").all(|text| live.sql.contains(text)), "{}", live.sql);
        assert!(!live.sql.contains("v_chunks"), "{}", live.sql);
        assert_eq!(bench.migrate(&live.sql).unwrap().outcome, Outcome::InSync);
        let counted = landfall_engine::rows(&bench.db(), &bench.settings).unwrap();
        assert!(counted.tables.iter().any(|table| table.table == "other" && table.rows == 2));
        assert!(counted.tables.iter().all(|table| table.table != "v"), "nobody can count its rows here");
        assert_eq!(counted.uncounted, if kind.name == "module" { vec!["v"] } else { vec![] });
    }
}

#[test]
fn a_copy_is_whole_or_is_not_made() {
    for kind in [&KINDS[0], &KINDS[2]] {
        let bench = kind.bench();
        let to = bench.db().with_extension("copy");
        let scrubbed = bench.db().with_extension("scrubbed");
        for (to, scrub, check) in [
            (&to, None, landfall_engine::Check::Quick),
            (&scrubbed, Some("UPDATE other SET x = ''"), landfall_engine::Check::Integrity),
        ] {
            landfall_engine::backup(&bench.db(), to, scrub, check, &bench.settings)
                .unwrap_or_else(|error| panic!("{}: {error}", kind.name));
            landfall_engine::intact(to, &bench.settings).unwrap();
        }
        let copy = bench.twin();
        std::fs::copy(&to, copy.db()).unwrap();
        let without_roots =
            |bench: &Bench| query(&bench.open(), "SELECT type, name, sql FROM sqlite_schema ORDER BY name");
        assert_eq!(without_roots(&copy), without_roots(&bench), "{}", kind.name);
        let conn = copy.open();
        service(&conn).unwrap();
        assert_eq!(query(&conn, "PRAGMA integrity_check"), "ok");
    }
}

/// The pages of a file, without what counts changes and says how it is written in the first (<https://www.sqlite.org/fileformat2.html#the_database_header>).
fn pages(file: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(file).unwrap();
    for place in [18..20, 24..28, 40..44, 92..100] {
        bytes[place].fill(0);
    }
    bytes
}

#[test]
fn where_only_the_service_could_sort_a_copy_has_the_very_pages() {
    for journal_mode in ["DELETE", "WAL"] {
        let bench = KINDS[1].bench();
        let free = "CREATE TABLE gone (a); INSERT INTO gone VALUES (zeroblob(100000)); DROP TABLE gone";
        bench.open().execute_batch(&format!("PRAGMA journal_mode = {journal_mode}; {free}")).unwrap();
        let to = bench.db().with_extension("copy");
        landfall_engine::backup(&bench.db(), &to, None, landfall_engine::Check::Integrity, &bench.settings)
            .unwrap();
        assert!(pages(&to) == pages(&bench.db()), "{journal_mode}");
        landfall_engine::intact(&to, &bench.settings).unwrap();
        let conn = Connection::open(&to).unwrap();
        service(&conn).unwrap();
        assert_eq!(query(&conn, "PRAGMA integrity_check"), "ok");
        assert_eq!(query(&conn, "PRAGMA journal_mode"), "delete", "all is in one file");
        drop(conn);
        assert!(landfall_engine::partials(&to).iter().all(|file| !file.exists()));
        let names = std::fs::read_dir(to.parent().unwrap()).unwrap().map(|file| file.unwrap().file_name());
        let beside = names.filter(|name| name.to_string_lossy().starts_with("db.copy")).count();
        assert_eq!(beside, 1, "{journal_mode}");
    }
}

#[test]
fn a_copy_page_by_page_tears_no_transaction_of_a_service_that_writes() {
    for journal_mode in ["DELETE", "WAL"] {
        let bench = KINDS[1].bench();
        let conn = bench.open();
        service(&conn).unwrap();
        conn.execute_batch(&format!(
            "PRAGMA journal_mode = {journal_mode}; CREATE TABLE twin (id INTEGER PRIMARY KEY, x BLOB); DELETE FROM t;
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
             INSERT INTO twin SELECT i, zeroblob(3000) FROM n; DELETE FROM twin"
        ))
        .unwrap();
        conn.busy_timeout(std::time::Duration::from_secs(20)).unwrap();
        let (stop, ends) = std::sync::mpsc::channel::<()>();
        let (wrote, written) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            // Until the other end is dropped.
            scope.spawn(move || {
                for n in 1.. {
                    let rows = format!("INSERT INTO t VALUES ({n}, 'x{n}', 'b'); INSERT INTO twin VALUES ({n}, zeroblob(2000))");
                    conn.execute_batch(&format!("BEGIN IMMEDIATE; {rows}; COMMIT")).unwrap();
                    let _ = wrote.send(());
                    if ends.recv_timeout(std::time::Duration::from_millis(2)) != Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                        break;
                    }
                }
            });
            let _stop = stop;
            let mut most = 0;
            for number in 0..4 {
                written.recv().unwrap();
                let to = bench.db().with_extension(format!("copy{number}"));
                landfall_engine::backup(
                    &bench.db(),
                    &to,
                    None,
                    landfall_engine::Check::Integrity,
                    &bench.settings,
                )
                .unwrap();
                let copy = Connection::open(&to).unwrap();
                service(&copy).unwrap();
                assert_eq!(query(&copy, "PRAGMA integrity_check"), "ok");
                let rows = query(&copy, "SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM twin)");
                let (t, twin) = rows.split_once('|').unwrap();
                assert_eq!(t, twin, "{journal_mode}: torn");
                most = most.max(t.parse::<u64>().unwrap());
            }
            assert!(most > 0, "nothing was written meanwhile");
        });
    }
}

#[test]
fn a_copy_that_is_scrubbed_is_refused_where_only_the_service_could_sort_it() {
    let bench = KINDS[1].bench();
    let to = bench.db().with_extension("copy");
    let scrub = Some("UPDATE other SET x = ''");
    let error =
        landfall_engine::backup(&bench.db(), &to, scrub, landfall_engine::Check::Quick, &bench.settings)
            .unwrap_err();
    insta::assert_snapshot!(error.to_string().replace(&bench.db().display().to_string(), "[DB]"), @"
    a scrubbed copy of [DB] cannot be made here: no such collation sequence: german, which only the service registers; nothing was changed
    make the copy without a scrub, and scrub it where the service registers that
    ");
    assert!(!to.exists() && landfall_engine::partials(&to).iter().all(|file| !file.exists()));
}

/// What an index or a stored column holds is the service's: to add a column computes none of it.
#[test]
fn a_column_is_added_beside_what_is_computed_and_neither_rows_nor_indexes_are_touched() {
    let index = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); CREATE INDEX i ON t (slug(a))";
    let unique =
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); CREATE UNIQUE INDEX i ON t (slug(a)) WHERE a <> ''";
    let stored = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, g TEXT NOT NULL AS (slug(a)) STORED); CREATE INDEX i ON t (g)";
    let shown = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, g TEXT AS (slug(a)))";
    for schema in [index, unique, stored, shown] {
        let rows = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO t (id, a) SELECT i, 'x' || i FROM n";
        everywhere(
            "a_column_is_added_beside_what_is_computed_and_neither_rows_nor_indexes_are_touched",
            || made(schema, rows),
            |bench| {
                // The text ends with the column: all that is written is its row of the schema.
                let end = if schema == shown { ")" } else { "); " };
                let at = schema.find(end).filter(|_| schema != shown).unwrap_or(schema.len() - 1);
                let at =
                    if schema == stored { schema.find(" STORED)").unwrap() + " STORED".len() } else { at };
                let new = format!("{}, c INTEGER DEFAULT 3{}; {OTHER}", &schema[..at], &schema[at..]);
                let old = std::fs::read(bench.db()).unwrap();
                reached(&bench, &new);
                let now = std::fs::read(bench.db()).unwrap();
                let size = usize::from(u16::from_be_bytes([old[16], old[17]]));
                let written: Vec<_> = (0..old.len() / size)
                    .filter(|at| old[at * size..][..size] != now[at * size..][..size])
                    .collect();
                assert_eq!(written, [0], "{schema}: pages");
                assert_eq!(now.len(), old.len());
                assert_eq!(bench.query("SELECT count(*), min(c), max(c) FROM t NOT INDEXED"), "2000|3|3");
            },
        );
    }
}

#[test]
fn a_view_over_a_table_valued_function_of_the_service_is_no_fault_while_it_says_the_same() {
    let view = "CREATE VIEW v AS SELECT value FROM series_of(1, 3); CREATE VIEW w AS SELECT * FROM v";
    let bench = Bench::new(&format!("{OTHER}; {OTHER_ROWS}; {view}"));
    let more = OTHER.replace("x TEXT", "x TEXT, y INTEGER");
    for mode in [FastPath::Off, FastPath::Proved, FastPath::Full] {
        let bench = bench.twin().with(|s| s.fast_path = mode);
        assert_eq!(reached(&bench, &format!("{more}; {view}")).notes, Vec::<String>::new());
        let error = refused(&bench, &format!("{more}; {}", view.replace("(1, 3)", "(1, 4)")));
        let said = "UNUSABLE: schema.sql:1: view v cannot be used: no such table-valued function: series_of";
        assert!(error.message.contains(said), "{error}");
        assert!(!error.message.contains("view w"), "{error}");
    }
}
