//! A change beside a service that writes, and faults while a plan is made: read, proved and applied over one state of the database,
//! with every lock waited for; and each fault told as what it is.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use landfall_engine::{Declared, Error, ErrorKind, Event, Interrupt, PlannerChoice, Settings, Watch};
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, ErrorCode};

use crate::faults::SmallDisk;
use crate::support::{Bench, MODES, query};

/// On a disk: in memory a commit is over before anybody sees its lock.
struct Shop {
    folder: tempfile::TempDir,
}

/// Enough tables for a plan to ask many times.
const TABLES: usize = 6;

impl Shop {
    fn new(mode: &str) -> Self {
        let shop = Self { folder: tempfile::tempdir().unwrap() };
        let conn = connect(&shop.db(), mode);
        for table in 0..TABLES {
            conn.execute_batch(&format!(
                "CREATE TABLE t{table} (id INTEGER PRIMARY KEY, a TEXT, n INTEGER);
                 WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) INSERT INTO t{table} SELECT i, 'x' || i, i FROM n"
            ))
            .unwrap();
        }
        conn.execute_batch("CREATE TABLE log (id INTEGER PRIMARY KEY, at TEXT)").unwrap();
        shop
    }

    fn db(&self) -> PathBuf {
        self.folder.path().join("db")
    }

    /// Every table changes, and back again.
    fn migrate(&self, there: bool) -> Result<(), Error> {
        let not_null = if there { " NOT NULL" } else { "" };
        let tables = (0..TABLES).map(|table| {
            format!("CREATE TABLE t{table} (id INTEGER PRIMARY KEY, a TEXT{not_null}, n INTEGER{not_null} CHECK (n > 0));")
        });
        let schema =
            format!("{}CREATE TABLE log (id INTEGER PRIMARY KEY, at TEXT);", tables.collect::<String>());
        let settings = settings();
        let declared = Declared::parse(Path::new("schema.sql"), &schema, &settings)?;
        landfall_engine::migrate(&self.db(), &declared, &settings, &mut ()).map(drop)
    }
}

fn settings() -> Settings {
    Settings { planner: PlannerChoice::Builtin, ..Settings::default() }
}

fn connect(db: &Path, mode: &str) -> Connection {
    let conn = Connection::open(db).unwrap();
    conn.busy_timeout(Duration::from_secs(30)).unwrap();
    let set: String = conn.pragma_update_and_check(None, "journal_mode", mode, |row| row.get(0)).unwrap();
    assert_eq!(set, mode);
    conn.pragma_update(None, "synchronous", "FULL").unwrap();
    conn
}

/// Does nothing but in a process that another test starts: then it commits so many times a second until its input ends, and
/// tells how often. In a process of its own, as a service is: locks belong to processes.
#[test]
fn writing_child() {
    let Ok(work) = std::env::var("LANDFALL_WRITES") else { return };
    let [mode, rate, db] = work.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
    let (conn, rate) = (connect(Path::new(db), mode), rate.parse::<u32>().unwrap());
    let input = std::thread::spawn(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let mut written = 0;
    while !input.is_finished() {
        let begun = Instant::now();
        written += conn.execute("INSERT INTO log (at) VALUES ('now')", []).unwrap();
        std::thread::sleep((Duration::from_secs(1) / rate).saturating_sub(begun.elapsed()));
    }
    println!("written {written} times");
}

struct Writer(Child);

impl Writer {
    fn start(db: &Path, mode: &str, rate: u32) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "locks::writing_child", "--nocapture"])
            .env("LANDFALL_WRITES", format!("{mode} {rate} {}", db.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It has begun once a row is there.
        let conn = connect(db, mode);
        while query(&conn, "SELECT count(*) FROM log") == "0" {
            std::thread::yield_now();
        }
        Self(child)
    }

    fn written(mut self) -> String {
        drop(self.0.stdin.take());
        let output = self.0.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let number = text.split_once("written ").and_then(|(_, rest)| rest.split_once(" times"));
        number.unwrap_or_else(|| panic!("{text}")).0.to_owned()
    }
}

#[test]
fn a_change_beside_a_service_that_writes_waits_its_turn_in_every_journal_mode() {
    println!("failures of 12 by writes a second:      5     20    200");
    let mut failures = Vec::new();
    for mode in ["wal", "delete", "truncate", "persist"] {
        let mut cells = String::new();
        for rate in [5, 20, 200] {
            let shop = Shop::new(mode);
            let writer = Writer::start(&shop.db(), mode, rate);
            let runs = (0..12).filter_map(|run| shop.migrate(run % 2 == 0).err());
            let failed: Vec<_> = runs.map(|error| format!("{mode} {rate}/s: {error}")).collect();
            let written = writer.written();
            let conn = Connection::open(shop.db()).unwrap();
            assert_eq!(query(&conn, "SELECT count(*) FROM log"), written, "{mode} {rate}/s");
            assert_eq!(query(&conn, "PRAGMA integrity_check"), "ok");
            cells.push_str(&format!("{:>7}", failed.len()));
            failures.extend(failed);
        }
        println!("{mode:>34}{cells}");
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

/// Commits a row of another connection the moment a plan is about to be proved.
struct Between {
    db: PathBuf,
    committed: Option<Result<usize, ErrorCode>>,
}

impl Watch for Between {
    fn event(&mut self, event: &Event<'_>) {
        if matches!(event, Event::Proving { .. }) {
            let conn = Connection::open(&self.db).unwrap();
            conn.busy_timeout(Duration::ZERO).unwrap();
            let row = conn.execute("INSERT INTO t VALUES (2, NULL)", []);
            self.committed = Some(row.map_err(|error| error.sqlite_error_code().unwrap()));
        }
    }
}

#[test]
fn one_state_is_read_from_the_first_look_to_the_proof() {
    for (mode, commits) in [("wal", true), ("delete", false), ("truncate", false), ("persist", false)] {
        for fast_path in MODES {
            let sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'x')";
            let bench = Bench::new(&format!("PRAGMA journal_mode = {mode}; {sql}"))
                .with(|settings| settings.fast_path = fast_path);
            let declared =
                bench.declared("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL)").unwrap();
            let mut between = Between { db: bench.db(), committed: None };
            let prepared =
                landfall_engine::prepare(&bench.db(), &declared, &bench.settings, &mut between).unwrap();
            // Without a log, nobody commits while somebody reads; with one, what comes later is not seen.
            let committed = between.committed.unwrap();
            assert_eq!(committed, if commits { Ok(1) } else { Err(ErrorCode::DatabaseBusy) }, "{mode}");
            let applied = prepared.apply(&mut ()).map(|report| report.evidence.len());
            match applied {
                Ok(_) => assert!(!commits, "{mode}: a row that came later was overlooked"),
                Err(error) => assert_eq!((error.kind, commits), (ErrorKind::Moved, true), "{mode}: {error}"),
            }
            assert_eq!(bench.query("SELECT count(*) FROM t"), if commits { "2" } else { "1" });
        }
    }
}

#[test]
fn after_the_plan_nobody_is_kept_from_writing() {
    for mode in ["wal", "delete"] {
        let bench = Bench::new(&format!("PRAGMA journal_mode = {mode}; CREATE TABLE t (a TEXT NOT NULL)"));
        let declared = bench.declared("CREATE TABLE t (a TEXT)").unwrap();
        let prepared = landfall_engine::prepare(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
        let other = bench.open();
        other.busy_timeout(Duration::ZERO).unwrap();
        other.execute_batch("BEGIN EXCLUSIVE; INSERT INTO t VALUES ('x'); COMMIT").unwrap();
        assert_eq!(prepared.apply(&mut ()).unwrap().outcome, landfall_engine::Outcome::Applied);
    }
}

fn told(bench: &Bench, error: &Error) -> String {
    let folder = bench.db().parent().unwrap().display().to_string();
    let error = format!("[{:?}, exit {}, {}]\n{error}", error.kind, error.kind.exit_code(), error.object);
    error.replace(&folder, "[DIR]")
}

#[test]
fn every_reader_waits_for_a_lock_and_tells_for_how_long() {
    let bench = Bench::new("CREATE TABLE t (a TEXT)").with(|s| s.lock_wait = Duration::from_secs(1));
    let writer = bench.open();
    writer.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let to = bench.db().with_file_name("copy");
    let declared = bench.declared("CREATE TABLE t (a)").unwrap();
    let (db, settings) = (bench.db(), &bench.settings);
    let begun = Instant::now();
    let errors = [
        landfall_engine::inspect(&db, settings).unwrap_err(),
        landfall_engine::rows(&db, settings).unwrap_err(),
        landfall_engine::check(&db, &declared, settings, &mut ()).unwrap_err(),
        landfall_engine::fit(&db, &declared, settings, &mut ()).unwrap_err(),
        landfall_engine::glance(&db, Path::new("schema.sql"), "CREATE TABLE t (a TEXT)", settings, &mut ())
            .unwrap_err(),
        landfall_engine::backup(&db, &to, None, landfall_engine::Check::Quick, settings).unwrap_err(),
    ];
    assert!(begun.elapsed() >= settings.lock_wait * errors.len() as u32);
    let texts: Vec<_> = errors.iter().map(|error| told(&bench, error)).collect();
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:#?}");
    insta::assert_snapshot!(texts[0], @"
    [Locked, exit 1, [DIR]/db]
    another connection held a lock on [DIR]/db for more than 1 second; nothing was changed
    stop the process that holds it, or allow a longer wait
    ");
}

/// A table whose leaf pages are not the ones that the schema is on.
fn filled(sql: &str) -> Bench {
    Bench::new(&format!(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, n INTEGER); CREATE TABLE u (a TEXT);
         WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO t SELECT i, 'x' || i, i FROM n; {sql}"
    ))
}

#[test]
fn a_damaged_page_is_told_as_damage() {
    // Found by the search for hazards, and where rows are not asked at all, by the sample.
    let asks = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL, n INTEGER); CREATE TABLE u (a TEXT)";
    let samples =
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, n INTEGER DEFAULT 5); CREATE TABLE u (a TEXT)";
    for schema in [asks, samples] {
        for fast_path in MODES {
            let bench = filled("").with(|settings| settings.fast_path = fast_path);
            let page: usize = bench
                .query("SELECT min(pageno) FROM dbstat WHERE name = 't' AND pagetype = 'leaf'")
                .parse()
                .unwrap();
            let mut bytes = std::fs::read(bench.db()).unwrap();
            bytes[(page - 1) * 4096] = 0xff;
            std::fs::write(bench.db(), &bytes).unwrap();
            let error = bench.migrate(schema).unwrap_err();
            insta::allow_duplicates! { insta::assert_snapshot!(told(&bench, &error), @"
            [Database, exit 1, [DIR]/db]
            the database [DIR]/db cannot be read: it is damaged (the database disk image is malformed); nothing was changed
            put a backup back, or try `sqlite3 FILE .recover`
            ") };
            assert!(bytes == std::fs::read(bench.db()).unwrap());
        }
    }
}

/// The smallest integer has no absolute value.
const NONE: &str = "UPDATE t SET n = -9223372036854775808 WHERE id = ";

#[test]
fn an_expression_that_fails_on_a_row_is_a_matter_of_that_row() {
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, n INTEGER); CREATE TABLE u (a TEXT)";
    // In the sample, found by the proof; outside, in the transaction.
    for (row, fast_path) in [1, 1517].into_iter().flat_map(|row| MODES.map(|fast_path| (row, fast_path))) {
        let bench = filled(&format!("{NONE}{row}")).with(|settings| settings.fast_path = fast_path);
        let error = bench.refuses(&format!("{table}; CREATE INDEX size ON t (abs(n))"));
        assert_eq!((error.kind, error.object.as_str()), (ErrorKind::Hazard, "size"), "{error}");
        match row {
            1 => insta::allow_duplicates! { insta::assert_snapshot!(told(&bench, &error), @"
            [Hazard, exit 3, size]
            the change of [DIR]/db was refused; nothing was changed
              VIOLATED_CONSTRAINT: an expression of size fails on a row that is there: integer overflow
            correct that row first, or declare an expression that has a value for every row
            ") },
            _ => insta::allow_duplicates! { insta::assert_snapshot!(told(&bench, &error), @"
            [Hazard, exit 3, size]
            VIOLATED_CONSTRAINT: an expression of size fails on a row that is there: integer overflow; it was rolled back; nothing was changed
              CREATE INDEX size ON t (abs(n))
            correct that row first, or declare an expression that has a value for every row
            ") },
        }
        // What it says to do helps.
        bench.open().execute_batch("UPDATE t SET n = 0 WHERE n < 0").unwrap();
        bench.reaches(&format!("{table}; CREATE INDEX size ON t (abs(n))"));
    }
}

#[test]
fn a_generated_column_that_fails_on_a_row_is_a_matter_of_that_row() {
    for fast_path in MODES {
        let bench = filled(&format!("{NONE}1")).with(|settings| settings.fast_path = fast_path);
        let new = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, n INTEGER, size AS (abs(n)) STORED); CREATE TABLE u (a TEXT)";
        let error = bench.refuses(new);
        assert_eq!((error.kind, error.object.as_str()), (ErrorKind::Hazard, "t"), "{error}");
        assert!(!error.remedy.contains("smaller steps"), "{error}");
    }
}

/// Does nothing but in a process that another test starts with a small folder to sort in.
#[test]
fn sorting_child() {
    let Some(db) = std::env::var_os("LANDFALL_SORTS") else { return };
    let settings = settings();
    let new = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE, n INTEGER); CREATE TABLE u (a TEXT)";
    let declared = Declared::parse(Path::new("schema.sql"), new, &settings).unwrap();
    println!("{}", landfall_engine::migrate(Path::new(&db), &declared, &settings, &mut ()).unwrap_err());
}

#[test]
fn a_full_disk_while_rows_are_asked_is_told_as_one() {
    let Some(disk) = SmallDisk::new(64) else {
        return landfall_testkit::requires::skip("a_full_disk_while_rows_are_asked_is_told_as_one", "mount");
    };
    let bench = filled("UPDATE t SET a = a || hex(zeroblob(2000))");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "locks::sorting_child", "--nocapture"])
        .env("LANDFALL_SORTS", bench.db())
        .env("SQLITE_TMPDIR", disk.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let file = bench.db().display().to_string();
    assert!(text.contains(&format!("the disk is full on which SQLite sorts rows of {file}; nothing was changed\nfree some space there, or name a folder with more in SQLITE_TMPDIR")), "{text}");
}

/// Raised by a function in the schema, in the middle of a statement.
static STOP: std::sync::LazyLock<Interrupt> = std::sync::LazyLock::new(Interrupt::default);

fn with_stop(conn: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    conn.create_scalar_function("stop", 1, flags, |_| {
        STOP.raise();
        Ok(true)
    })
}

#[test]
fn an_interruption_while_rows_are_asked_is_told_as_one() {
    let bench = filled("").with(|settings| {
        settings.hook = Some(with_stop);
        settings.interrupt = STOP.clone();
    });
    let before = bench.dump();
    let new = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, n INTEGER, CHECK (stop(n))); CREATE TABLE u (a TEXT)";
    let error = bench.migrate(new).unwrap_err();
    insta::assert_snapshot!(told(&bench, &error), @"
    [Interrupted, exit 1, ]
    interrupted while planning; nothing was changed
    run the command again
    ");
    assert_eq!(bench.dump(), before);
}
