//! What goes wrong in front of every statement on a database: the migration stops, and the database is as it was. An error that was
//! taken for an answer would let it go on.
//!
//! The faults are real: the log that holds all pages is cut off or overwritten, SQLite's memory is limited (which nothing in the
//! process can undo, so that is another process), its own interrupt is raised.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use rusqlite::trace::{TraceEvent, TraceEventCodes};
use rusqlite::{Connection, InterruptHandle};

use crate::declared::Declared;
use crate::error::{Error, ErrorKind};
use crate::report::Report;
use crate::settings::{FastPath, PlannerChoice, Settings};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Disk,
    Page,
    Memory,
    Interrupt,
}

/// The plan of this thread: what connections are watched, and what goes wrong.
#[derive(Debug)]
struct Plan {
    log: PathBuf,
    /// Every statement that began.
    begun: Vec<String>,
    /// In front of which of them.
    fault: Option<(usize, Fault)>,
    /// The log as it was before the fault.
    whole: Option<Vec<u8>>,
}

thread_local! {
    static PLAN: RefCell<Option<Arc<Mutex<Plan>>>> = const { RefCell::new(None) };
}

/// Called for each connection to a user's database.
pub(crate) fn attach(conn: &mut Connection) {
    let Some(plan) = PLAN.with_borrow(Clone::clone) else { return };
    // What is in its cache is not read again. Where it fails, the fault was there before this connection.
    drop(conn.pragma_update(None, "cache_size", 1));
    let handle = conn.get_interrupt_handle();
    let begins = move |event: TraceEvent<'_>| {
        if let TraceEvent::Stmt(_, sql) = event {
            plan.lock().unwrap().begins(sql, &handle);
        }
    };
    conn.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(begins)).unwrap();
}

impl Plan {
    fn begins(&mut self, sql: &str, handle: &InterruptHandle) {
        // Triggers and modules begin statements inside of others.
        if sql.starts_with("--") {
            return;
        }
        let at = self.begun.len();
        self.begun.push(sql.split_whitespace().collect::<Vec<_>>().join(" "));
        let Some((_, fault)) = self.fault.filter(|(number, _)| *number == at) else { return };
        match fault {
            Fault::Interrupt => handle.interrupt(),
            Fault::Memory => {
                // It fails itself: nothing can be had any more.
                drop(Connection::open_in_memory().unwrap().execute_batch("PRAGMA hard_heap_limit = 1"));
            }
            Fault::Disk => {
                self.whole = Some(fs::read(&self.log).unwrap());
                OpenOptions::new().write(true).open(&self.log).unwrap().set_len(0).unwrap();
            }
            Fault::Page => {
                let whole = fs::read(&self.log).unwrap();
                fs_write(&self.log, &damaged(&whole));
                self.whole = Some(whole);
            }
        }
    }

    fn mend(&mut self) {
        if let Some(whole) = self.whole.take() {
            fs_write(&self.log, &whole);
        }
    }
}

/// What is behind stays: whatever was committed meanwhile.
fn fs_write(log: &Path, bytes: &[u8]) {
    OpenOptions::new().write(true).open(log).unwrap().write_all_at(bytes, 0).unwrap();
}

/// Every page of a log but the first, which has the schema, overwritten (<https://www.sqlite.org/fileformat2.html#walformat>).
fn damaged(log: &[u8]) -> Vec<u8> {
    const HEADER: usize = 32;
    const FRAME: usize = 24;
    const PAGE: usize = 4096;
    let mut damaged = log.to_vec();
    for frame in damaged[HEADER..].chunks_mut(FRAME + PAGE).filter(|frame| frame.len() > FRAME) {
        if frame[..4] != [0, 0, 0, 1] {
            frame[FRAME..].fill(0x5a);
        }
    }
    damaged
}

const OLD: &str = "
    CREATE TABLE p (id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT UNIQUE, pad TEXT);
    CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER, code TEXT REFERENCES p(code), n TEXT, v TEXT, w INTEGER, twice INTEGER, pad TEXT);
    CREATE TABLE k (k TEXT PRIMARY KEY, code TEXT REFERENCES p(code), pad TEXT) WITHOUT ROWID;
    CREATE TABLE gone (a, pad TEXT);
    CREATE TABLE note (body TEXT, pad TEXT);
    CREATE VIRTUAL TABLE f USING fts5 (pad, content = 'c', content_rowid = 'id');
    CREATE INDEX c_pad ON c (pad);
    WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
      INSERT INTO p SELECT i, 'code ' || i, hex(zeroblob(400)) || i FROM n;
    INSERT INTO c SELECT id, id, code, id, 'v' || id, id, id * 2, pad FROM p;
    INSERT INTO k SELECT 'k' || id, code, pad FROM p;
    INSERT INTO gone SELECT id, pad FROM p;
    INSERT INTO note SELECT code, pad FROM p;
    INSERT INTO f (f) VALUES ('rebuild');
    ANALYZE";
const NEW: &str = "
    CREATE TABLE p (id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT UNIQUE COLLATE NOCASE, pad TEXT, CHECK (id > 0));
    CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER NOT NULL REFERENCES p(id), code TEXT NOT NULL REFERENCES p(code), n INTEGER,
      v TEXT UNIQUE, w INTEGER CHECK (w >= 0), twice INTEGER AS (w * 2), pad TEXT, more TEXT DEFAULT 'x');
    CREATE TABLE k (k TEXT PRIMARY KEY, code TEXT REFERENCES p(code), pad TEXT);
    CREATE VIRTUAL TABLE note USING fts5 (body, pad);
    CREATE VIRTUAL TABLE f USING fts5 (pad, content = 'c', content_rowid = 'id');
    CREATE INDEX c_pad ON c (pad);
    CREATE UNIQUE INDEX k_code ON k (code)";

/// A database in a log that another connection keeps open, so that nobody folds it into the file.
struct Bench {
    folder: tempfile::TempDir,
    keeper: Connection,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let keeper = Connection::open(folder.path().join("db")).unwrap();
        let set = "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; PRAGMA foreign_keys = OFF";
        keeper.execute_batch(set).unwrap();
        keeper.execute_batch(&format!("BEGIN; {OLD}; COMMIT")).unwrap();
        Self { folder, keeper }
    }

    fn db(&self) -> PathBuf {
        self.folder.path().join("db")
    }

    /// Migrates with this fault; all statements that began.
    fn migrate(&self, mode: FastPath, fault: Option<(usize, Fault)>) -> (Result<Report, Error>, Vec<String>) {
        migrate(&self.db(), mode, fault)
    }

    /// Schema and rows.
    fn dump(&self) -> BTreeMap<String, Vec<String>> {
        let texts = |sql: &str| -> Vec<String> {
            let mut statement = self.keeper.prepare(sql).unwrap();
            let columns = statement.column_count();
            let row = |row: &rusqlite::Row<'_>| {
                let cells = (0..columns).map(|at| row.get::<_, rusqlite::types::Value>(at));
                cells.collect::<rusqlite::Result<Vec<_>>>().map(|cells| format!("{cells:?}"))
            };
            statement.query_map([], row).unwrap().collect::<rusqlite::Result<_>>().unwrap()
        };
        let schema = texts("SELECT * FROM sqlite_schema ORDER BY name");
        let tables =
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow')";
        let mut statement = self.keeper.prepare(tables).unwrap();
        let names = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let rows = names.map(|name| {
            let name = name.unwrap();
            let rows = texts(&format!("SELECT * FROM \"{name}\""));
            (name, rows)
        });
        rows.chain([("schema".to_owned(), schema)]).collect()
    }
}

fn migrate(db: &Path, mode: FastPath, fault: Option<(usize, Fault)>) -> (Result<Report, Error>, Vec<String>) {
    let log = PathBuf::from(format!("{}-wal", db.display()));
    let plan = Arc::new(Mutex::new(Plan { log, begun: Vec::new(), fault, whole: None }));
    let allow = ["DROPS_TABLE:gone", "CHANGES_VALUES:*", "RENUMBERS_ROWIDS:*"];
    let settings = Settings {
        planner: PlannerChoice::Builtin,
        fast_path: mode,
        allow: allow.iter().map(|approval| approval.parse().unwrap()).collect(),
        ..Settings::default()
    };
    let declared = Declared::parse(Path::new("schema.sql"), NEW, &settings).unwrap();
    PLAN.set(Some(Arc::clone(&plan)));
    let result = crate::migrate::migrate(db, &declared, &settings, &mut ());
    PLAN.set(None);
    let mut plan = plan.lock().unwrap();
    plan.mend();
    (result, std::mem::take(&mut plan.begun))
}

/// Does nothing but in a process of its own: then it migrates with too little memory from a statement on, and says what came of it.
#[test]
fn in_a_process_without_memory() {
    let Some(text) = std::env::var_os("LANDFALL_FAULT") else { return };
    let text = text.into_string().unwrap();
    let mut words = text.splitn(3, ' ');
    let mut word = || words.next().unwrap();
    let (mode, at, db) = (word().parse().unwrap(), word().parse().unwrap(), PathBuf::from(word()));
    let said = match migrate(&db, mode, Some((at, Fault::Memory))).0 {
        Ok(_) => "done".to_owned(),
        Err(error) => format!("{:?} {}", error.kind, error.message.replace('\n', " ")),
    };
    println!("SAID {said}");
}

fn without_memory(db: &Path, mode: FastPath, at: usize) -> String {
    let out = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "faulty::in_a_process_without_memory", "--nocapture", "--test-threads=1"])
        .env("LANDFALL_FAULT", format!("{} {at} {}", mode.as_str(), db.display()))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let said = text.lines().find_map(|line| Some(line.split_once("SAID ")?.1.to_owned()));
    said.unwrap_or_else(|| panic!("{}\n{text}\n{}", out.status, String::from_utf8_lossy(&out.stderr)))
}

#[test]
fn whatever_fails_in_front_of_any_statement_stops_the_migration() {
    let mut table = Vec::new();
    for mode in [FastPath::Proved, FastPath::Full, FastPath::Off] {
        let whole = Bench::new();
        let before = whole.dump();
        let (done, begun) = whole.migrate(mode, None);
        done.unwrap();
        let after = whole.dump();
        assert_ne!(before, after);
        // Each once: the same words ask the same.
        let mut first = BTreeMap::new();
        for (at, sql) in begun.iter().enumerate() {
            first.entry(sql).or_insert(at);
        }
        let mut first: Vec<_> =
            first.into_iter().filter(|(sql, _)| !table.iter().any(|(known, _)| known == *sql)).collect();
        first.sort_by_key(|(_, at)| *at);
        for (sql, at) in first {
            let faults = [Fault::Disk, Fault::Page, Fault::Memory, Fault::Interrupt];
            let results = faults.map(|fault| {
                let bench = Bench::new();
                let said = match fault {
                    Fault::Memory => without_memory(&bench.db(), mode, at),
                    _ => match bench.migrate(mode, Some((at, fault))).0 {
                        Ok(_) => "done".to_owned(),
                        Err(error) => format!("{:?} {}", error.kind, error.message.replace('\n', " ")),
                    },
                };
                let place = format!("{mode:?}, {fault:?} at {at}, {sql}: {said}");
                // No hazard of the rows, and no plan that is at fault.
                let wrong = [ErrorKind::Hazard, ErrorKind::Planner, ErrorKind::Proof]
                    .map(|kind| format!("{kind:?} "));
                assert!(!wrong.iter().any(|kind| said.starts_with(kind)), "{place}");
                assert!(bench.dump() == *if said == "done" { &after } else { &before }, "{place}");
                said.replace(&bench.db().display().to_string(), "db")
            });
            table.push((sql.clone(), results));
        }
    }
    let stopped = |at: usize| table.iter().filter(|(_, results)| results[at] != "done").count();
    for (sql, [disk, page, memory, interrupt]) in &table {
        let sql: String = sql.chars().take(110).collect();
        println!(
            "{sql}\n  disk:      {disk}\n  page:      {page}\n  memory:    {memory}\n  interrupt: {interrupt}"
        );
    }
    println!(
        "{} statements, stopped: {:?} of disk, page, memory, interrupt",
        table.len(),
        [0, 1, 2, 3].map(stopped)
    );
    assert!(table.len() > 60 && (0..4).all(|at| stopped(at) > 30));
}
