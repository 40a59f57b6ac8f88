//! Random schemas with random rows to random schemas: nothing is lost, or nothing is changed.
//!
//! Each pair is migrated in every mode of `fast-path`, and all have to end with the same rows.
//! `LANDFALL_PAIRS` is how many, 1,000 if unset; `LANDFALL_SEED=7` runs and shows one pair.

use std::collections::BTreeMap;

use crate::support::generate::{self, Random};
use crate::support::{Bench, MODES, approvals, query};
use landfall_engine::{ErrorKind, HazardName, Report};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

#[test]
fn random_schemas_reach_random_schemas_and_lose_nothing() {
    if let Ok(seed) = std::env::var("LANDFALL_SEED") {
        pair(seed.parse().unwrap(), true);
        return;
    }
    let pairs = std::env::var("LANDFALL_PAIRS").map_or(1_000, |n| n.parse().unwrap());
    let mut outcomes = BTreeMap::new();
    let mut edited = [0, 0];
    for seed in 0..pairs {
        let outcome = std::panic::catch_unwind(|| pair(seed, false));
        match outcome {
            Ok((outcome, edits)) => {
                *outcomes.entry(outcome).or_insert(0u32) += 1;
                edited = [0, 1].map(|mode| edited[mode] + u64::from(edits[mode]));
            }
            Err(_) => panic!("seed {seed} failed: LANDFALL_SEED={seed} shows it"),
        }
    }
    println!("{pairs} pairs: {outcomes:?}; with an edit: {} proved, {} full", edited[0], edited[1]);
    assert!(edited[0] > pairs / 20 && edited[1] > edited[0], "too few edits: {edited:?}");
    assert!(
        outcomes["applied"] > u32::try_from(pairs / 3).unwrap(),
        "too few pairs reach the engine: {outcomes:?}"
    );
}

/// One pair of schemas; the outcome in a word, and whether modes `proved` and `full` edited the catalogue.
fn pair(seed: u64, show: bool) -> (String, [bool; 2]) {
    let mut random = Random::new(seed);
    let old = generate::schema(&mut random);
    let new = if random.percent(65) { old.edited(&mut random) } else { generate::schema(&mut random) };
    let (old_sql, new_sql) = (old.sql(), new.sql());
    if new_sql.is_empty() {
        return ("nothing declared".to_owned(), [false; 2]);
    }
    if show {
        println!("-- old\n{old_sql}\n-- new\n{new_sql}");
    }
    let with_rows = random.percent(80);
    let bench = database(&old, with_rows, &mut random);
    let bench = bench.with(|s| s.allow = approvals());
    let modes = MODES;
    let [off, proved, full] = modes.map(|mode| {
        let twin = bench.twin().with(|s| s.fast_path = mode);
        let (outcome, edits) = migrated(&twin, &new_sql, with_rows, show);
        (outcome, edits, without_time(Snapshot::of(&twin.open()).rows))
    });
    for (mode, other) in [("proved", &proved), ("full", &full)] {
        let done = |outcome: &str| outcome == "applied";
        assert_eq!(done(&other.0), done(&off.0), "{mode}: {} where all is rewritten: {}", other.0, off.0);
        assert_eq!(other.2, off.2, "{mode} leaves other rows than a rewrite");
    }
    (off.0, [proved.1, full.1])
}

/// The old schema as it came to be: columns were added to rows.
fn database(old: &generate::Schema, with_rows: bool, random: &mut Random) -> Bench {
    let bench = Bench::new(&old.before_additions().sql());
    let conn = bench.open();
    let mut fill = || {
        if with_rows {
            generate::fill(&conn, random);
        }
    };
    fill();
    for sql in old.additions() {
        // What cannot be added is not in the old schema, then.
        drop(conn.execute_batch(&sql));
    }
    fill();
    drop(conn);
    bench
}

/// CURRENT_TIMESTAMP goes on from one migration to the next.
fn without_time(rows: Rows) -> Rows {
    let table = |rows: BTreeMap<String, BTreeMap<String, String>>| {
        let mut timeless = BTreeMap::new();
        for (key, cells) in rows {
            let mut key = of_no_time(&key);
            // Two rows stay two.
            while timeless.contains_key(&key) {
                key.push('+');
            }
            let cells = cells.into_iter().map(|(name, cell)| (name, of_no_time(&cell))).collect();
            timeless.insert(key, cells);
        }
        timeless
    };
    rows.into_iter().map(|(name, rows)| (name, table(rows))).collect()
}

/// Digits become zeros where they tell a time of day.
fn of_no_time(text: &str) -> String {
    let is_of_time = |c: char| c.is_ascii_digit() || matches!(c, ':' | '-' | ' ');
    let mut parts = Vec::new();
    for c in text.chars() {
        match parts.last_mut() {
            Some((of_time, part)) if *of_time == is_of_time(c) => String::push(part, c),
            _ => parts.push((is_of_time(c), c.to_string())),
        }
    }
    let zeros = |part: &str| part.replace(|c: char| c.is_ascii_digit(), "0");
    parts.iter().map(|(_, part)| if part.contains(':') { zeros(part) } else { part.clone() }).collect()
}

#[test]
fn times_are_left_out_of_keys_and_cells_and_nothing_else_is() {
    assert_eq!(of_no_time("1,'2026-11-30 19:50:39'"), "1,'0000-00-00 00:00:00'");
    assert_eq!(of_no_time("X'00FF',-2.5,'19:50'"), "X'00FF',-2.5,'00:00'");
    let row = |key: &str| (key.to_owned(), BTreeMap::from([("a".to_owned(), "'12:00:01'".to_owned())]));
    let rows =
        BTreeMap::from([("t".to_owned(), BTreeMap::from([row("'12:00:01'"), row("'12:00:02'"), row("7")]))]);
    let keys: Vec<_> = without_time(rows)["t"].keys().cloned().collect();
    assert_eq!(keys, ["'00:00:00'", "'00:00:00'+", "7"]);
}

/// The outcome of a migration in a word, and whether it edited the catalogue.
fn migrated(bench: &Bench, new_sql: &str, with_rows: bool, show: bool) -> (String, bool) {
    let before = Snapshot::of(&bench.open());
    let dump = bench.dump();
    match bench.migrate(new_sql) {
        Ok(report) => {
            let again = bench.migrate(new_sql).unwrap();
            assert_eq!(again.outcome, landfall_engine::Outcome::InSync);
            check_result(bench, new_sql, &before, &report);
            let mut steps = report.plan.iter().flat_map(|plan| &plan.steps);
            ("applied".to_owned(), steps.any(|step| step.kind() == landfall_engine::StepKind::Edit))
        }
        Err(error) => {
            if show {
                println!("{error}");
            }
            assert_eq!(bench.dump(), dump, "a refused migration changed something: {error}");
            assert_eq!(error.kind, ErrorKind::Hazard, "{error}");
            assert!(with_rows, "refused without a row: {error}");
            let hazards = ["VIOLATED_CONSTRAINT", "NEEDS_BACKFILL"];
            let hazard =
                hazards.iter().find(|h| error.message.contains(**h)).unwrap_or_else(|| panic!("{error}"));
            let late = if error.message.contains("rolled back") { " (only in the transaction)" } else { "" };
            (format!("{hazard}{late}"), false)
        }
    }
}

/// Values by table, key and column.
type Rows = BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>;

/// What SQLite itself says of a database, table by table.
struct Snapshot {
    rows: Rows,
    types: BTreeMap<String, BTreeMap<String, String>>,
    violations: String,
}

impl Snapshot {
    fn of(conn: &Connection) -> Self {
        let mut rows = BTreeMap::new();
        let mut types = BTreeMap::new();
        for table in tables_of(conn, "'table', 'virtual'") {
            rows.insert(table.clone(), rows_of(conn, &table));
            let columns =
                query(conn, &format!("SELECT lower(name), type FROM pragma_table_xinfo('{table}')"));
            let columns = columns.lines().filter_map(|l| l.split_once('|'));
            types.insert(table, columns.map(|(n, t)| (n.to_owned(), t.to_lowercase())).collect());
        }
        Self { rows, types, violations: violations(conn) }
    }
}

fn violations(conn: &Connection) -> String {
    query(conn, "SELECT count(*) FROM pragma_foreign_key_check")
}

fn tables(conn: &Connection) -> Vec<String> {
    tables_of(conn, "'table'")
}

fn tables_of(conn: &Connection, types: &str) -> Vec<String> {
    let sql = format!(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ({types}) AND name NOT LIKE 'sqlite_%' ORDER BY name"
    );
    query(conn, &sql).lines().map(str::to_owned).collect()
}

/// Rows by key (the rowid, or the primary key), each value by its column.
fn rows_of(conn: &Connection, table: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let names = query(conn, &format!("SELECT name FROM pragma_table_xinfo('{table}') WHERE hidden = 0"));
    let names: Vec<_> = names.lines().collect();
    let quoted: Vec<_> = names.iter().map(|n| format!("\"{n}\"")).collect();
    let without =
        query(conn, &format!("SELECT wr FROM pragma_table_list WHERE name = '{table}' AND schema = 'main'"))
            == "1";
    let hidden = query(
        conn,
        &format!("SELECT count(*) FROM pragma_table_xinfo('{table}') WHERE lower(name) = 'rowid'"),
    ) == "1";
    let key = match (without, hidden) {
        (true, _) => {
            let keys = query(
                conn,
                &format!("SELECT name FROM pragma_table_xinfo('{table}') WHERE pk > 0 ORDER BY pk"),
            );
            keys.lines().map(|k| format!("quote(\"{k}\")")).collect::<Vec<_>>().join(" || ',' || ")
        }
        (false, true) => "_rowid_".to_owned(),
        (false, false) => "rowid".to_owned(),
    };
    let values: Vec<_> = quoted.iter().map(|n| format!("quote({n})")).collect();
    let mut statement =
        conn.prepare(&format!("SELECT {key}, {} FROM \"{table}\"", values.join(", "))).unwrap();
    let mut rows = statement.query([]).unwrap();
    let mut found = BTreeMap::new();
    while let Some(row) = rows.next().unwrap() {
        let key = match row.get_ref(0).unwrap() {
            ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
            other => format!("{other:?}"),
        };
        let values =
            names.iter().enumerate().map(|(i, n)| (n.to_lowercase(), row.get::<_, String>(i + 1).unwrap()));
        found.insert(key, values.collect());
    }
    found
}

/// The objects of hazards of a name.
fn with_hazard(report: &Report, name: HazardName) -> Vec<String> {
    let hazards = report.plan.iter().flat_map(|p| &p.hazards);
    hazards.filter(|h| h.name == name).map(|h| h.object.clone()).collect()
}

fn check_result(bench: &Bench, new_sql: &str, before: &Snapshot, report: &Report) {
    // Whose rowids could not be kept, so that rows cannot be matched by key; and those that were approved to go.
    let renumbered = with_hazard(report, HazardName::RenumbersRowids);
    let dropped = with_hazard(report, HazardName::DropsTable);
    let conn = bench.open();
    let pristine = Connection::open_in_memory().unwrap();
    pristine.execute_batch(new_sql).unwrap();
    assert_eq!(meaning(&conn), meaning(&pristine));
    assert_eq!(query(&conn, "PRAGMA integrity_check"), "ok");
    let after = Snapshot::of(&conn);
    for (table, old) in &before.rows {
        let new = after.rows.get(table).filter(|_| !dropped.contains(table));
        assert!(new.is_some() || dropped.contains(table), "{table} is gone, and no hazard says so");
        let Some(new) = new else { continue };
        assert_eq!(old.len(), new.len(), "rows of {table}");
        if !renumbered.contains(table) {
            check_values(table, before, &after, report);
        }
    }
    assert!(after.violations.parse::<u64>().unwrap() <= before.violations.parse::<u64>().unwrap());
}

/// Values of columns that both have, row by row where the key persisted, of the same type where it did not change.
fn check_values(table: &str, before: &Snapshot, after: &Snapshot, report: &Report) {
    let gone = with_hazard(report, HazardName::DropsColumn);
    let (old, new) = (&before.rows[table], &after.rows[table]);
    if old.keys().ne(new.keys()) {
        return;
    }
    for (key, values) in old {
        for (column, value) in values {
            let same_type = before.types[table].get(column) == after.types[table].get(column);
            match new[key].get(column) {
                Some(now) if same_type => assert_eq!(now, value, "{table}.{column} of row {key}"),
                Some(_) => {}
                None => {
                    let is_computed = after.types[table].contains_key(column);
                    let object = format!("{table}.{column}");
                    let is_told = gone.iter().any(|gone| gone.eq_ignore_ascii_case(&object));
                    assert!(is_computed || is_told, "{object} is gone, and no hazard says so");
                }
            }
        }
    }
}

/// What the PRAGMAs tell, independent of our own reading of the text.
pub(crate) fn meaning(conn: &Connection) -> String {
    let mut text = query(
        conn,
        "SELECT lower(name), type, wr, strict FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%' ORDER BY 1",
    );
    for table in tables(conn) {
        let of = |sql: &str| query(conn, &sql.replace("TABLE", &table));
        text.push_str(&of("\nSELECT lower(name), upper(type), \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo('TABLE') ORDER BY 1"));
        text.push_str(&of("\nSELECT \"from\", \"table\", coalesce(\"to\", '-'), on_update, on_delete FROM pragma_foreign_key_list('TABLE') ORDER BY 1, 2, 3"));
        let indexes = of(
            "SELECT CASE origin WHEN 'c' THEN name ELSE '-' END, \"unique\", origin, partial, (SELECT group_concat(coalesce(name, 'expr') || \"desc\" || lower(coll) || key, ',') FROM pragma_index_xinfo(l.name) WHERE key) FROM pragma_index_list('TABLE') AS l ORDER BY 1, 2, 3, 4, 5",
        );
        text.push_str(&indexes);
    }
    text.push_str(&query(
        conn,
        "SELECT type, name, sql FROM sqlite_schema WHERE type IN ('view', 'trigger') ORDER BY name",
    ));
    text
}
