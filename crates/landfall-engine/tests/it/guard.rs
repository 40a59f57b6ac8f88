//! What no plan and no schema may do, whoever wrote it: reach outside of the database, take all memory, go on for ever.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use landfall_engine::{Declared, Error, ErrorKind, FastPath, Interrupt, Planner, PlannerChoice, Settings};
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use crate::support::{Bench, proposal};

/// A planner that is not ours: what it proposes is in a file, in the form of Atlas.
fn planner(folder: &Path, statements: &[&str]) -> PathBuf {
    let (path, plan) = (folder.join("planner"), folder.join("plan"));
    std::fs::write(&plan, serde_json::json!({ "Changes": { "Pending": statements } }).to_string()).unwrap();
    std::fs::write(&path, format!("#!/bin/sh\ncat '{}'\n", plan.display())).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

const OLD: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'x')";
const NEW: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT)";
const ADD: &str = "ALTER TABLE t ADD COLUMN b TEXT";

/// Proposes these statements, with what brings `OLD` to `NEW` behind them.
fn proposed(folder: &Path, statements: &[&str]) -> Error {
    let planner = planner(folder, &[statements, &[ADD]].concat());
    let bench = Bench::new(OLD).with(|settings| {
        settings.planner = PlannerChoice::Atlas;
        settings.atlas = Some(planner.clone());
    });
    let error = bench.refuses(NEW);
    // Beside another planner it stands in nobody's way.
    let bench = Bench::new(OLD).with(|settings| {
        settings.planner = PlannerChoice::Auto;
        settings.atlas = Some(planner);
    });
    let report = bench.reaches(NEW);
    assert!(proposal(&report, Planner::Atlas).starts_with("disproved: would "), "{:?}", report.proposals);
    error
}

#[test]
fn a_plan_reaches_nothing_outside_of_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = folder.path().join("elsewhere");
    let attach = format!("ATTACH '{}' AS p", elsewhere.display());
    let vacuum = format!("VACUUM INTO '{}'", elsewhere.display());
    let statements = [
        attach.as_str(),
        "SELECT 1; ATTACH 'other' AS p; CREATE TABLE p.x (a)",
        &vacuum,
        &format!("SELECT 1; COMMIT; {vacuum}"),
        "DETACH main",
        "CREATE TEMP TABLE x (a)",
        "CREATE TEMP VIEW x AS SELECT 1",
        "CREATE TABLE temp.x (a)",
        "SELECT load_extension('x')",
        "SELECT 1; PRAGMA temp_store_directory = '/'",
        "SELECT 1; PRAGMA foreign_keys = ON",
        "SELECT 1; PRAGMA synchronous = OFF",
        "SELECT 1; PRAGMA journal_mode = OFF",
        "SELECT 1; PRAGMA writable_schema = ON",
        "SELECT 1; PRAGMA user_version = 7",
        "SELECT 1; COMMIT",
        "SELECT 1; ROLLBACK",
    ];
    let told: Vec<_> = statements
        .iter()
        .map(|statement| {
            let error = proposed(folder.path(), &[statement]);
            assert_eq!(error.kind, ErrorKind::Proof, "{error}");
            let reason = error.message.lines().nth(1).unwrap_or_default().trim().to_owned();
            reason.replace(&folder.path().display().to_string(), "[DIR]")
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    atlas: would open another database, which no plan may, in `ATTACH '[DIR]/elsewhere' AS p`
    atlas: would open another database, which no plan may, in `SELECT 1; ATTACH 'other' AS p; CREATE TABLE p.x (a)`
    atlas: would fail: cannot VACUUM from within a transaction in `VACUUM INTO '[DIR]/elsewhere'`
    atlas: would begin or end a transaction, which no plan may, in `SELECT 1; COMMIT; VACUUM INTO '[DIR]/elsewhere'`
    atlas: would close a database, which no plan may, in `DETACH main`
    atlas: would work in the database temp, which no plan may, in `CREATE TEMP TABLE x (a)`
    atlas: would work in the database temp, which no plan may, in `CREATE TEMP VIEW x AS SELECT 1`
    atlas: would work in the database temp, which no plan may, in `CREATE TABLE temp.x (a)`
    atlas: would load an extension, which no plan may, in `SELECT load_extension('x')`
    atlas: would set PRAGMA temp_store_directory, which no plan may, in `SELECT 1; PRAGMA temp_store_directory = '/'`
    atlas: would use PRAGMA foreign_keys, which no plan may, in `SELECT 1; PRAGMA foreign_keys = ON`
    atlas: would use PRAGMA synchronous, which no plan may, in `SELECT 1; PRAGMA synchronous = OFF`
    atlas: would use PRAGMA journal_mode, which no plan may, in `SELECT 1; PRAGMA journal_mode = OFF`
    atlas: would use PRAGMA writable_schema, which no plan may, in `SELECT 1; PRAGMA writable_schema = ON`
    atlas: would use PRAGMA user_version, which no plan may, in `SELECT 1; PRAGMA user_version = 7`
    atlas: would begin or end a transaction, which no plan may, in `SELECT 1; COMMIT`
    atlas: would begin or end a transaction, which no plan may, in `SELECT 1; ROLLBACK`
    ");
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "something was made elsewhere: {left:?}");
    assert!(!Path::new("other").exists());
}

#[test]
fn what_somebody_wrote_behind_a_statement_in_the_catalogue_is_not_executed() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = folder.path().join("elsewhere");
    let attack = format!("; ATTACH ''{}'' AS p; CREATE TABLE p.x (a)", elsewhere.display());
    for victim in ["t", "i", "v", "g", "f"] {
        let bench = Bench::new(&format!(
            "{OLD}; CREATE INDEX i ON t (a); CREATE VIEW v AS SELECT a FROM t; CREATE VIRTUAL TABLE f USING fts5 (x);
             CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END; PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET sql = sql || '{attack}' WHERE name = '{victim}'"
        ));
        let schema = format!("{NEW}; CREATE INDEX i ON t (a); CREATE VIEW v AS SELECT a FROM t; CREATE VIRTUAL TABLE f USING fts5 (x);
             CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END");
        drop(landfall_engine::inspect(&bench.db(), &bench.settings));
        drop(bench.migrate(&schema));
        assert!(!elsewhere.exists(), "{victim}");
    }
}

/// Rows without end.
const ENDLESS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)";

/// Does nothing but in a process that another test starts: then it tries an endless plan, and tells how much memory it took.
#[test]
fn endless_child() {
    let Some(statement) = std::env::var_os("LANDFALL_ENDLESS") else { return };
    let folder = tempfile::tempdir().unwrap();
    let error = proposed(folder.path(), &[&statement.to_string_lossy()]);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    println!("reason: {}\npeak: {}", error.message.lines().nth(1).unwrap().trim(), peak.trim());
}

#[test]
fn an_endless_statement_ends_within_bounds_of_memory_and_steps() {
    let statements = [
        (format!("{ENDLESS} INSERT INTO t (a) SELECT 'a row of some width ' || i FROM n"), "would write without end"),
        (format!("{ENDLESS} SELECT count(*) FROM n"), "would not end"),
        (format!("{ENDLESS} UPDATE t SET a = (SELECT max(i) FROM n)"), "would not end"),
        (
            "WITH RECURSIVE n (i) AS (SELECT 'x' UNION ALL SELECT i || i FROM n) INSERT INTO t (a) SELECT i FROM n".to_owned(),
            "would ",
        ),
        (doubling(40), "would not end: SQLite would copy what it names"),
    ];
    for (statement, expected) in statements {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "guard::endless_child", "--nocapture"])
            .env("LANDFALL_ENDLESS", &statement)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let told = |what: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(what));
            found
                .unwrap_or_else(|| panic!("{statement}: {text}{}", String::from_utf8_lossy(&output.stderr)))
                .trim()
                .to_owned()
        };
        let (reason, peak) = (told("reason:"), told("peak:"));
        println!("{peak}: {}", reason.chars().take(100).collect::<String>());
        assert!(reason.contains(expected), "{reason}");
        let kilobytes: u64 = peak.split(' ').next().unwrap().parse().unwrap();
        assert!(kilobytes < 400_000, "{statement} took {peak}");
    }
}

/// A statement that names the expression before twice, so many times.
fn doubling(levels: usize) -> String {
    let parts = (1..=levels).map(|n| format!(", e{n} AS (SELECT a.x FROM e{0} a, e{0} b)", n - 1));
    let parts: String = parts.collect();
    format!("WITH e0 AS (SELECT 1 AS x){parts} INSERT INTO t (a) SELECT x FROM e{levels}")
}

/// Raised by a function, in the middle of a statement.
static STOP: std::sync::LazyLock<Interrupt> = std::sync::LazyLock::new(Interrupt::default);

fn with_stop(conn: &Connection) -> rusqlite::Result<()> {
    conn.create_scalar_function("stop_at", 2, FunctionFlags::SQLITE_UTF8, |context| {
        if context.get::<i64>(0)? == context.get::<i64>(1)? {
            STOP.raise();
        }
        Ok(true)
    })
}

#[test]
fn an_endless_statement_ends_when_it_is_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let endless = format!("{ENDLESS} INSERT INTO t (a) SELECT 'x' FROM n WHERE stop_at(i, 1000)");
    let planner = planner(folder.path(), &[&endless, ADD]);
    let bench = Bench::new(OLD).with(|settings| {
        settings.planner = PlannerChoice::Atlas;
        settings.atlas = Some(planner);
        settings.hook = Some(with_stop);
        settings.interrupt = STOP.clone();
    });
    let before = bench.dump();
    let error = bench.migrate(NEW).unwrap_err();
    assert_eq!(error.to_string(), "interrupted while planning; nothing was changed\nrun the command again");
    assert_eq!(bench.dump(), before);
}

/// Views that name the one before twice.
fn views(levels: usize, view: fn(String) -> String) -> String {
    let views = (1..=levels).map(|n| format!("CREATE VIEW v{n} AS {};\n", view(format!("v{}", n - 1))));
    format!("CREATE TABLE t (x INTEGER);\nCREATE VIEW v0 AS SELECT x FROM t;\n{}", views.collect::<String>())
}

const FORMS: [fn(String) -> String; 3] = [
    |v| format!("SELECT a.x FROM {v} a, {v} b"),
    |v| format!("SELECT x FROM {v} UNION ALL SELECT x FROM {v}"),
    |v| format!("SELECT (SELECT x FROM {v}) + (SELECT x FROM {v}) AS x"),
];

#[test]
fn views_that_double_with_each_are_refused_by_name_and_line() {
    for form in FORMS {
        let settings = Settings::default();
        let error = Declared::parse(Path::new("schema.sql"), &views(40, form), &settings).unwrap_err();
        assert!(
            error.message.starts_with("schema.sql:15:1: view v13 cannot be used: SQLite would copy"),
            "{error}"
        );
        // As the answer of a database that has them, whatever is asked of it.
        let bench = Bench::new(&views(40, form)).with(|settings| settings.fast_path = FastPath::Full);
        let declared = bench.declared("CREATE TABLE t (x INTEGER, y)").unwrap();
        let texts = [
            landfall_engine::inspect(&bench.db(), &bench.settings).unwrap_err(),
            landfall_engine::check(&bench.db(), &declared, &bench.settings, &mut ()).unwrap_err(),
            landfall_engine::rows(&bench.db(), &bench.settings).unwrap_err(),
            landfall_engine::migrate(&bench.db(), &declared, &bench.settings, &mut ()).unwrap_err(),
        ]
        .map(|error| error.to_string());
        assert!(texts.iter().all(|text| text.contains("view v13 cannot be used")), "{texts:#?}");
        // What it says to type works; views over one that is gone begin anew.
        let mut typed = 0;
        while let Err(error) = landfall_engine::inspect(&bench.db(), &bench.settings) {
            bench.open().execute_batch(error.remedy.strip_prefix("take it out first: ").unwrap()).unwrap();
            typed += 1;
        }
        assert!((1..=4).contains(&typed), "{typed}");
        let glanced = landfall_engine::glance(
            &bench.db(),
            Path::new("schema.sql"),
            &views(40, form),
            &settings,
            &mut (),
        );
        assert!(glanced.unwrap().is_none());
    }
}

#[test]
fn views_that_stay_below_are_used() {
    for form in FORMS {
        let bench = Bench::new(&views(6, form));
        bench.reaches(&format!("{}; CREATE TABLE u (a)", views(6, form)));
    }
}
