//! What SQLite copies into a statement that names it is counted first, however deep: views, common table expressions, generated columns.

use std::path::Path;

use landfall_engine::{Backup, Check, Declared, Error, ErrorKind, Settings};

use crate::support::Bench;

const REMEDY: &str =
    "name each view, and each column of it, once in the next, or keep what comes in between in a table";

const TABLE: &str = "CREATE TABLE t (a INTEGER);\n";

/// Views that each name the next, the last one the table.
fn views(count: usize) -> String {
    let views = (0..count).map(|n| match n + 1 {
        next if next == count => format!("CREATE VIEW w{n} AS SELECT a FROM t;\n"),
        next => format!("CREATE VIEW w{n} AS SELECT a FROM w{next};\n"),
    });
    format!("{TABLE}{}", views.collect::<String>())
}

/// One view of so many expressions, each over the one before.
fn expressions(count: usize) -> String {
    let parts = (1..count).map(|n| format!(", e{n} AS (SELECT a FROM e{})", n - 1));
    let parts: String = parts.collect();
    format!("{TABLE}CREATE VIEW v AS WITH e0 AS (SELECT a FROM t){parts} SELECT a FROM e{};\n", count - 1)
}

/// A table whose columns name the one before twice.
fn generated(count: usize, kind: &str) -> String {
    let columns = (1..count).map(|n| format!(", c{n} INTEGER AS (c{0} + c{0}){kind}", n - 1));
    format!("CREATE TABLE g (c0 INTEGER{})", columns.collect::<String>())
}

fn parsed(schema: &str) -> Result<Declared, Error> {
    Declared::parse(Path::new("schema.sql"), schema, &Settings::default())
}

/// What is wrong, without the text.
fn first_line(error: &Error) -> &str {
    error.message.lines().next().unwrap_or_default()
}

/// A database with a text that SQLite would not have taken, in place of the one of `object`.
fn with_text(schema: &str, object: &str, sql: &str) -> Bench {
    Bench::new(&format!(
        "{schema}; PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = '{}' WHERE name = '{object}'",
        sql.replace('\'', "''")
    ))
}

/// The table is made, and each view only written: CREATE VIEW takes SQLite the longer, the more there are.
fn written(schema: &str) -> String {
    let (table, views) = schema.split_once('\n').unwrap();
    let rows = views.lines().map(|view| {
        let sql = view.trim_end_matches(';');
        let name = sql.split(' ').nth(2).unwrap();
        format!("INSERT INTO sqlite_schema VALUES ('view', '{name}', '{name}', 0, '{sql}');")
    });
    format!("{table} PRAGMA writable_schema = ON; BEGIN; {} COMMIT", rows.collect::<String>())
}

/// The answer to all that is asked of a database.
fn answer(bench: &Bench) -> Error {
    let declared = bench.declared("CREATE TABLE other (a)").unwrap();
    let before = std::fs::read(bench.db()).unwrap();
    let errors = [
        landfall_engine::inspect(&bench.db(), &bench.settings).unwrap_err(),
        landfall_engine::check(&bench.db(), &declared, &bench.settings, &mut ()).unwrap_err(),
        landfall_engine::rows(&bench.db(), &bench.settings).unwrap_err(),
        landfall_engine::migrate(&bench.db(), &declared, &bench.settings, &mut ()).unwrap_err(),
    ];
    let [first, others @ ..] = errors;
    for other in others {
        assert_eq!((&other.message, &other.remedy), (&first.message, &first.remedy));
    }
    assert_eq!(std::fs::read(bench.db()).unwrap(), before);
    first
}

fn copied(bench: &Bench) -> Result<Backup, Error> {
    let to = bench.db().with_extension("copy");
    let backup = landfall_engine::backup(&bench.db(), &to, None, Check::Integrity, &bench.settings);
    assert_eq!(to.exists(), backup.is_ok());
    backup
}

/// Types what each answer says, until there is none: what was typed.
fn typed(bench: &Bench) -> Vec<String> {
    let mut typed = Vec::new();
    while let Err(error) = landfall_engine::inspect(&bench.db(), &bench.settings) {
        let sql = error.remedy.strip_prefix("take it out first: ").unwrap_or_else(|| panic!("{error}"));
        bench.open().execute_batch(sql).unwrap();
        typed.push(sql.to_owned());
    }
    typed
}

#[test]
fn views_and_expressions_in_a_long_chain_are_refused_by_name_and_line() {
    let schemas = [
        (views(3_000), "2:1: view w0 ", "one into the other, 3000 deep"),
        (views(30_000), "2:1: view w0 ", "30000 times over"),
        (expressions(9_000), "2:1: view v ", "one into the other, 9001 deep"),
    ];
    for (schema, place, excess) in schemas {
        let reason = format!(
            "cannot be used: SQLite would copy what it names {excess}, and nobody can stop it meanwhile"
        );
        let error = parsed(&schema).unwrap_err();
        assert_eq!(first_line(&error), format!("schema.sql:{place}{reason}"));
        assert_eq!(error.remedy, REMEDY);
        let bench = Bench::new(&written(&schema));
        let error = answer(&bench);
        let object = place.rsplit(": ").next().unwrap();
        assert_eq!(error.message, format!("{object}{reason}"));
        let settings = Settings::default();
        let glanced =
            landfall_engine::glance(&bench.db(), Path::new("schema.sql"), &schema, &settings, &mut ());
        assert!(glanced.unwrap().is_none());
    }
}

/// SQLite takes 1.5 s and 200 MB for the first, and twice as much with each view more. The second is 9,000 operators deep: it ends the
/// process by its stack.
#[test]
fn columns_that_double_and_operators_that_add_up_from_view_to_view_are_refused_by_name_and_line() {
    let chain = |count: usize, column: &str| {
        let views = (0..count).map(|n| match n {
            0 => "CREATE VIEW w0 AS SELECT a AS x FROM t;\n".to_owned(),
            n => format!("CREATE VIEW w{n} AS SELECT {column} AS x FROM w{};\n", n - 1),
        });
        format!("{TABLE}{}", views.collect::<String>())
    };
    let sum = format!("x{}", " + 1".repeat(900));
    let schemas =
        [(chain(21, "x + x"), "19:1: view w17", "times over"), (chain(11, &sum), "5:1: view w3", "deep")];
    for (schema, place, excess) in schemas {
        let error = parsed(&schema).unwrap_err();
        let reason = format!("schema.sql:{place} cannot be used: SQLite would copy what it names ");
        assert!(first_line(&error).starts_with(&reason) && error.message.contains(excess), "{error}");
        assert_eq!(error.remedy, REMEDY);
        let bench = Bench::new(&written(&schema));
        assert!(answer(&bench).message.contains("cannot be used: SQLite would copy what it names "));
        assert_eq!(
            typed(&bench).first().unwrap(),
            &format!("DROP VIEW \"{}\"", place.rsplit(' ').next().unwrap())
        );
    }
}

#[test]
fn views_that_name_columns_often_and_stay_below_are_used() {
    let often = |n: usize| {
        format!(
            "CREATE VIEW o{n} AS SELECT a, CASE WHEN x > a THEN x ELSE a END AS x, max(x, a) - min(x, a) AS y FROM o{}
             WHERE x > 5 AND a IN (SELECT a FROM t) ORDER BY x;\n",
            n - 1
        )
    };
    let views: String = (1..8).map(often).collect();
    let schema = format!("{TABLE}CREATE VIEW o0 AS SELECT a, a + 1 AS x FROM t;\n{views}");
    Bench::new("").reaches(&schema);
    Bench::new(&schema).reaches(&format!("{schema}CREATE TABLE u (a);"));
}

#[test]
fn what_is_above_a_chain_goes_and_the_rest_is_used() {
    let bench = Bench::new(&views(203));
    assert_eq!(typed(&bench), ["DROP VIEW \"w0\"", "DROP VIEW \"w1\"", "DROP VIEW \"w2\""]);
}

/// On the stack of a test, which is that of any thread.
#[test]
fn chains_that_stay_below_are_used() {
    for schema in [views(200), expressions(199)] {
        Bench::new("").reaches(&schema);
        Bench::new(&schema).reaches(&format!("{schema}CREATE TABLE u (a);"));
    }
}

#[test]
fn generated_columns_that_double_are_refused_by_name_and_line() {
    let excess = (1_u64 << 60) - 60;
    let reason = format!(
        "table g cannot be used: SQLite would copy what it names {excess} times over, and nobody can stop it meanwhile"
    );
    let error = parsed(&format!("{TABLE}{};", generated(60, ""))).unwrap_err();
    assert_eq!(first_line(&error), format!("schema.sql:2:1: {reason}"));
    assert_eq!(
        error.remedy,
        "name each generated column once in the next, or declare those that others name as STORED"
    );
    let start = "CREATE TABLE g (c0 INTEGER); INSERT INTO g VALUES (7)";
    let bench = with_text(start, "g", &generated(60, ""));
    let error = answer(&bench);
    assert_eq!(error.message, reason);
    assert_eq!(copied(&bench).unwrap_err().to_string(), error.to_string());
    assert_eq!(
        landfall_engine::intact(&bench.db(), &bench.settings).unwrap_err().to_string(),
        error.to_string()
    );
    let drops: Vec<_> = (13..60).rev().map(|n| format!("ALTER TABLE \"g\" DROP COLUMN \"c{n}\"")).collect();
    assert_eq!(typed(&bench), [drops.join("; ")]);
    copied(&bench).unwrap();
    assert_eq!(bench.query("SELECT c0, c12 FROM g"), format!("7|{}", 7 << 12));
}

#[test]
fn generated_columns_in_a_long_chain_are_refused() {
    let columns: String = (1..1_999).map(|n| format!(", c{n} INTEGER AS (c{} + 1)", n - 1)).collect();
    let table = format!("CREATE TABLE g (c0 INTEGER{columns})");
    assert!(parsed(&table).unwrap_err().message.contains("table g cannot be used"));
    let bench = with_text("CREATE TABLE g (c0 INTEGER); INSERT INTO g VALUES (7)", "g", &table);
    assert!(answer(&bench).message.starts_with("table g cannot be used"));
    assert!(copied(&bench).unwrap_err().message.starts_with("table g cannot be used"));
}

/// The table can be used, and what names a column of it so often cannot.
#[test]
fn whatever_names_generated_columns_too_often_is_refused() {
    let table = generated(12, "");
    let sum = ["c11"; 5].join(" + ");
    let old = sum.replace("c11", "old.c11");
    let uses = [
        ("index", "x", format!("CREATE INDEX x ON g ({sum})")),
        ("index", "x", format!("CREATE INDEX x ON g (c0) WHERE {sum} > 0")),
        ("trigger", "x", format!("CREATE TRIGGER x AFTER DELETE ON g BEGIN SELECT {old}; END")),
        ("view", "x", format!("CREATE VIEW x AS SELECT {sum} AS s FROM g")),
        ("view", "x", "CREATE VIEW x AS SELECT a.c0 FROM g a, g b, g c".to_owned()),
    ];
    for (kind, name, text) in uses {
        let told = format!("{kind} {name} cannot be used: SQLite would copy what it names ");
        let error = parsed(&format!("{table};\n{text};")).unwrap_err();
        assert!(error.message.starts_with(&format!("schema.sql:2:1: {told}")), "{error}");
        let bench = Bench::new(&format!("{table}; {text}"));
        assert!(answer(&bench).message.starts_with(&told), "{text}");
        // A copy computes indexes, and neither views nor triggers.
        assert_eq!(copied(&bench).is_err(), kind == "index", "{text}");
        assert_eq!(typed(&bench), [format!("DROP {} \"{name}\"", kind.to_uppercase())]);
    }
    let check = format!("{}, CHECK ({} > 0))", &table[..table.len() - 1], sum);
    let error = parsed(&check).unwrap_err();
    assert!(error.message.starts_with("schema.sql:1:1: table g cannot be used"), "{error}");
}

#[test]
fn generated_columns_that_stay_below_are_used_and_so_are_stored_ones() {
    let more = "; CREATE INDEX i ON g (c8); CREATE VIEW v AS SELECT c8 FROM g";
    for schema in [generated(12, "") + more, generated(60, " STORED") + more] {
        Bench::new("").reaches(&schema);
        Bench::new(&schema).reaches(&format!("{schema}; CREATE TABLE u (a)"));
    }
}

#[test]
fn nested_parentheses_are_answered_at_any_depth() {
    let view =
        |levels: usize| format!("CREATE VIEW v AS SELECT {}1{} AS a", "(".repeat(levels), ")".repeat(levels));
    for levels in [20_000, 200_000] {
        let error = parsed(&view(levels)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Schema, "{error}");
        assert!(error.message.starts_with("schema.sql:1:"), "{error}");
        let bench = with_text("CREATE VIEW v AS SELECT 1 AS a", "v", &view(levels));
        answer(&bench);
    }
    Bench::new("").reaches(&view(1_000));
}
