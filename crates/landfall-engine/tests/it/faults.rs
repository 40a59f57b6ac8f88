//! Death, a full disk and other connections, at every point of a migration: the old database or the new one, never between.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::generate::Random;
use crate::support::{Bench, dump, query};
use landfall_engine::{Declared, ErrorKind, Event, Outcome, PlannerChoice, Settings, Watch};
use rusqlite::Connection;

const OLD: &str = "CREATE TABLE parent (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, n INTEGER);
    CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL REFERENCES parent (id) ON DELETE CASCADE, note TEXT);
    CREATE TABLE plain (a TEXT, b TEXT NOT NULL);
    CREATE INDEX child_note ON child (note);
    CREATE VIEW names AS SELECT name FROM parent;
    CREATE TRIGGER count_up AFTER UPDATE ON parent BEGIN UPDATE plain SET a = a || '!'; END;";
const NEW: &str = "CREATE TABLE parent (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, n TEXT, extra TEXT DEFAULT 'x');
    CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL REFERENCES parent (id) ON DELETE CASCADE, note TEXT, CHECK (note <> ''));
    CREATE TABLE plain (a TEXT, b TEXT);
    CREATE TABLE more (id INTEGER PRIMARY KEY);
    CREATE INDEX child_note ON child (note, parent);
    CREATE INDEX parent_name ON parent (name COLLATE NOCASE);
    CREATE VIEW names AS SELECT name FROM parent;
    CREATE TRIGGER count_up AFTER UPDATE ON parent BEGIN UPDATE plain SET a = a || '?'; END;";

fn fill(conn: &Connection, rows: u32) {
    conn.execute_batch(&format!(
        "BEGIN;
         WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
         INSERT INTO parent (id, name, n) SELECT i * 3, 'name ' || i, i FROM n;
         INSERT INTO child (parent, note) SELECT id, 'note of ' || name FROM parent;
         INSERT INTO plain (rowid, a, b) SELECT id * 2, name, name FROM parent;
         DELETE FROM parent WHERE id > {rows} * 3 - 9; DELETE FROM child WHERE parent > {rows} * 3 - 9;
         COMMIT;"
    ))
    .unwrap();
}

fn settings() -> Settings {
    Settings { planner: PlannerChoice::Builtin, ..Settings::default() }
}

fn migrate_here(db: &Path) -> Result<landfall_engine::Report, landfall_engine::Error> {
    let declared = Declared::parse(Path::new("schema.sql"), NEW, &settings()).unwrap();
    landfall_engine::migrate(db, &declared, &settings(), &mut ())
}

/// Does nothing but in a process that another test starts to kill: then it migrates the database that is named.
#[test]
fn child_process() {
    if let Some(db) = std::env::var_os("LANDFALL_CHILD") {
        migrate_here(&PathBuf::from(db)).unwrap();
    }
}

fn spawn_child(db: &Path) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "faults::child_process", "--test-threads=1"])
        .env("LANDFALL_CHILD", db)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A closed database file to copy from, with its dump, and the dump of what it becomes.
struct Template {
    bench: Bench,
    old: String,
    new: String,
    /// How long a migration takes from the start of its process.
    time: Duration,
}

impl Template {
    fn new(journal_mode: &str) -> Self {
        let bench = Bench::new(&format!("PRAGMA journal_mode = {journal_mode}; {OLD}"));
        fill(&bench.open(), 1_500);
        let old = bench.dump();
        let copy = bench.db().with_file_name("done");
        std::fs::copy(bench.db(), &copy).unwrap();
        let begun = Instant::now();
        assert!(spawn_child(&copy).wait().unwrap().success());
        let time = begun.elapsed();
        let new = dump(&Connection::open(&copy).unwrap());
        assert_ne!(old, new);
        Self { bench, old, new, time }
    }

    fn copy(&self, name: &str) -> PathBuf {
        let copy = self.bench.db().with_file_name(name);
        for end in ["", "-wal", "-shm", "-journal"] {
            drop(std::fs::remove_file(format!("{}{end}", copy.display())));
        }
        std::fs::copy(self.bench.db(), &copy).unwrap();
        copy
    }
}

#[test]
fn kill_9_at_500_points_leaves_the_old_database_or_the_new_one() {
    let mut random = Random::new(9);
    let (mut old, mut new) = (0, 0);
    for mode in ["wal", "delete"] {
        let template = Template::new(mode);
        // The latest time for a kill. How long a migration takes changes with whatever else runs, so that it follows what the kills find.
        let mut latest = template.time;
        for number in 0..250 {
            let db = template.copy("victim");
            let mut child = spawn_child(&db);
            std::thread::sleep(Duration::from_micros(random.below(latest.as_micros() as usize) as u64));
            child.kill().unwrap();
            child.wait().unwrap();
            // What the next run of ours finds: first by reading only, then by migrating.
            let declared = Declared::parse(Path::new("schema.sql"), NEW, &settings()).unwrap();
            let found = landfall_engine::check(&db, &declared, &settings(), &mut ()).unwrap().outcome;
            let now = dump(&Connection::open(&db).unwrap());
            let expected = if found == Outcome::InSync { &template.new } else { &template.old };
            assert!(now == *expected, "neither old nor new after kill {number} in {mode} mode:\n{now}");
            assert_eq!(query(&Connection::open(&db).unwrap(), "PRAGMA integrity_check"), "ok");
            if found == Outcome::InSync {
                new += 1;
                latest = latest * 7 / 8;
            } else {
                old += 1;
                latest = latest * 17 / 16;
            }
            migrate_here(&db).unwrap();
            assert!(dump(&Connection::open(&db).unwrap()) == template.new);
        }
    }
    println!("killed 500 times: {old} left the old database, {new} the new one");
    assert!(old > 50 && new > 0, "{old} old, {new} new: the kills miss the migration");
}

/// A small file system in memory; gone when dropped.
pub(crate) struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    pub(crate) fn new(kilobytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={kilobytes}k");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(self.0.path()).status());
    }
}

#[test]
fn a_full_disk_changes_nothing_and_says_so() {
    let template = Template::new("wal");
    let size = u32::try_from(std::fs::metadata(template.bench.db()).unwrap().len() / 1024).unwrap();
    // From hardly more than the file itself to enough for everything.
    let mut outcomes = Vec::new();
    let mut foreseen = 0;
    for percent in [105, 150, 200, 300, 450, 900] {
        let Some(disk) = SmallDisk::new(size * percent / 100) else {
            landfall_testkit::requires::skip("a_full_disk_changes_nothing_and_says_so", "mount");
            return;
        };
        let db = disk.path().join("db");
        std::fs::copy(template.bench.db(), &db).unwrap();
        match migrate_here(&db) {
            Err(error) => {
                assert_eq!(error.kind, ErrorKind::Space, "{error}");
                assert!(error.told().contains("nothing was changed"), "{error}");
                outcomes.push("full");
                foreseen += u32::from(error.message.contains("the plan needs up to 1 MiB beside"));
                assert!(dump(&elsewhere(&db)) == template.old);
            }
            Ok(_) => outcomes.push("done"),
        }
        assert_eq!(query(&elsewhere(&db), "PRAGMA integrity_check"), "ok");
    }
    assert_eq!((outcomes[0], outcomes[5]), ("full", "done"), "{outcomes:?}");
    assert!(foreseen > 0, "no shortage was seen before it came");
}

#[test]
fn a_small_table_beside_a_large_one_needs_room_for_itself_alone() {
    let Some(disk) = SmallDisk::new(3_000) else {
        landfall_testkit::requires::skip(
            "a_small_table_beside_a_large_one_needs_room_for_itself_alone",
            "mount",
        );
        return;
    };
    let db = disk.path().join("db");
    let conn = Connection::open(&db).unwrap();
    let large = "CREATE TABLE large (a BLOB NOT NULL)";
    conn.execute_batch(&format!(
        "{large}; INSERT INTO large VALUES (zeroblob(1500000)); CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (7)"
    ))
    .unwrap();
    drop(conn);
    let migrate_to = |schema: &str| {
        let declared = Declared::parse(Path::new("schema.sql"), schema, &settings()).unwrap();
        landfall_engine::migrate(&db, &declared, &settings(), &mut ())
    };
    migrate_to(&format!("{large}; CREATE TABLE t (a TEXT)")).unwrap();
    let error =
        migrate_to(&format!("{}; CREATE TABLE t (a TEXT)", large.replace(")", ", b DEFAULT CURRENT_DATE)")))
            .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Space, "{error}");
    assert!(error.message.contains("the plan needs up to 5 MiB"), "{error}");
}

#[test]
fn a_disk_that_fills_up_in_the_transaction_changes_nothing() {
    let Some(disk) = SmallDisk::new(256) else {
        landfall_testkit::requires::skip("a_disk_that_fills_up_in_the_transaction_changes_nothing", "mount");
        return;
    };
    let db = disk.path().join("db");
    // A change in constant time: no room is looked for beforehand.
    let conn = Connection::open(&db).unwrap();
    conn.execute_batch("CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('x')").unwrap();
    let before = dump(&conn);
    drop(conn);
    drop(std::fs::write(disk.path().join("filler"), vec![0; 1 << 20]));
    let declared =
        Declared::parse(Path::new("schema.sql"), "CREATE TABLE t (a TEXT, b TEXT)", &settings()).unwrap();
    let error = landfall_engine::migrate(&db, &declared, &settings(), &mut ()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Space, "{error}");
    assert!(error.told().contains("nothing was changed"), "{error}");
    assert_eq!(dump(&elsewhere(&db)), before);
}

#[test]
fn a_reader_in_the_way_of_a_spill_is_waited_for_and_given_up() {
    let bench = small("CREATE TABLE t (a BLOB NOT NULL)");
    bench
        .open()
        .execute_batch(
            "WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
             INSERT INTO t SELECT zeroblob(8000) FROM n",
        )
        .unwrap();
    let reader = bench.open();
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(query(&reader, "SELECT count(*) FROM t"), "4000");
    let error = bench.migrate("CREATE TABLE t (a BLOB)").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Locked, "{error}");
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(bench.query("SELECT count(*), min(length(a)) FROM t"), "4000|8000");
    assert_eq!(bench.query("SELECT sql FROM sqlite_schema"), "CREATE TABLE t (a BLOB NOT NULL)");
}

/// The database where there is room to open it.
fn elsewhere(db: &Path) -> Connection {
    let folder = tempfile::tempdir().unwrap().keep();
    for end in ["", "-wal"] {
        let from = format!("{}{end}", db.display());
        if Path::new(&from).exists() {
            std::fs::copy(from, folder.join(format!("db{end}"))).unwrap();
        }
    }
    let conn = Connection::open(folder.join("db")).unwrap();
    // Read once: from then on the open files are enough.
    query(&conn, "SELECT count(*) FROM sqlite_schema");
    std::fs::remove_dir_all(folder).unwrap();
    conn
}

/// Counts what is told.
#[derive(Default)]
struct Told {
    waiting: u32,
    replanning: u32,
}

impl Watch for Told {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::WaitingForLock { .. } => self.waiting += 1,
            Event::Replanning => self.replanning += 1,
            _ => {}
        }
    }
}

fn small(sql: &str) -> Bench {
    Bench::new(sql).with(|s| s.lock_wait = Duration::from_millis(200))
}

#[test]
fn a_writer_that_stays_is_waited_for_told_once_and_given_up() {
    for mode in ["wal", "delete"] {
        let bench = small(&format!(
            "PRAGMA journal_mode = {mode}; CREATE TABLE t (a TEXT NOT NULL); INSERT INTO t VALUES ('x')"
        ));
        let declared = bench.declared("CREATE TABLE t (a TEXT)").unwrap();
        let writer = bench.open();
        writer.execute_batch("BEGIN IMMEDIATE; INSERT INTO t VALUES ('y')").unwrap();
        let mut told = Told::default();
        let error = landfall_engine::migrate(&bench.db(), &declared, &bench.settings, &mut told).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Locked, "{error}");
        assert_eq!(told.waiting, 1, "{mode}");
        writer.execute_batch("COMMIT").unwrap();
        bench.reaches("CREATE TABLE t (a TEXT)");
        assert_eq!(bench.query("SELECT a FROM t"), "x\ny");
    }
}

#[test]
fn a_reader_with_a_snapshot_only_stands_in_the_way_of_a_rollback_journal() {
    for (mode, expected) in [("wal", None), ("delete", Some(ErrorKind::Locked))] {
        let bench = small(&format!(
            "PRAGMA journal_mode = {mode}; CREATE TABLE t (a TEXT NOT NULL); INSERT INTO t VALUES ('x')"
        ));
        let before = bench.dump();
        let reader = bench.open();
        reader.execute_batch("BEGIN").unwrap();
        assert_eq!(query(&reader, "SELECT a FROM t"), "x");
        let result = bench.migrate("CREATE TABLE t (a TEXT)");
        assert_eq!(result.as_ref().err().map(|e| e.kind), expected, "{mode}");
        assert_eq!(query(&reader, "SELECT a FROM t"), "x", "the reader's snapshot moved");
        reader.execute_batch("COMMIT").unwrap();
        if expected.is_some() {
            assert_eq!(bench.dump(), before);
        }
        bench.reaches("CREATE TABLE t (a TEXT)");
    }
}

#[test]
fn a_schema_that_moved_between_plan_and_apply_is_planned_again_or_refused() {
    let bench = small("CREATE TABLE t (a TEXT NOT NULL); INSERT INTO t VALUES ('x')");
    let declared = bench.declared("CREATE TABLE t (a TEXT); CREATE INDEX i ON t (a)").unwrap();
    let prepared = landfall_engine::prepare(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
    bench.open().execute_batch("ALTER TABLE t ADD COLUMN b TEXT; UPDATE t SET b = 'mine'").unwrap();
    let before = bench.dump();
    let error = prepared.apply(&mut ()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Moved);
    assert_eq!(bench.dump(), before);
    let error = bench.refuses("CREATE TABLE t (a TEXT); CREATE INDEX i ON t (a)");
    assert!(error.message.contains("DROPS_COLUMN: column t.b"), "{error}");
}

#[test]
fn rows_that_came_between_plan_and_apply_are_kept_or_refused() {
    let sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'x')";
    let new = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL)";
    for (row, fits) in [("(2, 'y')", true), ("(2, NULL)", false)] {
        let bench = small(sql);
        let declared = bench.declared(new).unwrap();
        let prepared = landfall_engine::prepare(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
        bench.open().execute_batch(&format!("INSERT INTO t VALUES {row}")).unwrap();
        let before = bench.dump();
        let result = prepared.apply(&mut ());
        assert_eq!(result.as_ref().err().map(|e| e.kind), if fits { None } else { Some(ErrorKind::Moved) });
        if fits {
            assert_eq!(result.unwrap().evidence[0].rows_after, 2);
        } else {
            assert_eq!(bench.dump(), before);
        }
    }
}

/// Writes down which steps begin and how many rows are told in them.
#[derive(Default)]
struct Steps {
    begun: Vec<(usize, usize)>,
    rows: Vec<(u64, u64)>,
}

impl Watch for Steps {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Step { number, total, .. } => self.begun.push((*number, *total)),
            Event::Rows { done, total, .. } => self.rows.push((*done, *total)),
            _ => {}
        }
    }
}

/// A table, and a schema that its rows take seconds to reach.
fn slow_copy() -> (Bench, String) {
    let bench = Bench::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);
         WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO t SELECT i, 'x' FROM n",
    );
    // Computed by the copy alone, row by row.
    let slow = "b AS (length(hex(zeroblob(120000 + length(a))))) STORED";
    (bench, format!("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, {slow})"))
}

#[test]
fn a_long_step_tells_how_far_it_is() {
    let (bench, slow) = slow_copy();
    let declared = bench.declared(&slow).unwrap();
    let mut steps = Steps::default();
    let report = landfall_engine::migrate(&bench.db(), &declared, &bench.settings, &mut steps).unwrap();
    let total = report.plan.unwrap().steps.len();
    assert_eq!(steps.begun, (1..=total).map(|number| (number, total)).collect::<Vec<_>>());
    assert!(!steps.rows.is_empty());
    assert!(steps.rows.iter().all(|(done, total)| *total == 20_000 && 0 < *done && done <= total));
    assert!(steps.rows.is_sorted());
}

/// Raises the interrupt when a certain step begins.
struct StopAt(usize, landfall_engine::Interrupt);

impl Watch for StopAt {
    fn event(&mut self, event: &Event<'_>) {
        if matches!(event, Event::Step { number, .. } if *number == self.0) {
            self.1.raise();
        }
    }
}

/// Raises the interrupt when the first rows of a step are told.
struct StopAmongRows(Steps, landfall_engine::Interrupt);

impl Watch for StopAmongRows {
    fn event(&mut self, event: &Event<'_>) {
        self.0.event(event);
        if matches!(event, Event::Rows { .. }) {
            self.1.raise();
        }
    }
}

#[test]
fn an_interrupt_ends_a_long_step_at_once() {
    let (bench, slow) = slow_copy();
    let before = bench.dump();
    let declared = bench.declared(&slow).unwrap();
    let mut watch = StopAmongRows(Steps::default(), bench.settings.interrupt.clone());
    let error = landfall_engine::migrate(&bench.db(), &declared, &bench.settings, &mut watch).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Interrupted, "{error}");
    // Without the interrupt the last line tells of nearly all rows; a busy machine may tell of a few more than the first.
    let (done, total) = *watch.0.rows.last().unwrap();
    assert!(done * 2 < total, "it went on: {:?}", watch.0.rows);
    assert_eq!(bench.dump(), before);
}

#[test]
fn an_interrupt_at_every_step_rolls_back() {
    let steps = {
        let bench = Bench::new(OLD);
        let declared = bench.declared(NEW).unwrap();
        let prepared = landfall_engine::prepare(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
        prepared.report().plan.as_ref().unwrap().steps.len()
    };
    for step in 1..=steps {
        let bench = Bench::new(OLD).with(|s| s.interrupt = landfall_engine::Interrupt::default());
        fill(&bench.open(), 50);
        let before = bench.dump();
        let declared = bench.declared(NEW).unwrap();
        let prepared = landfall_engine::prepare(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
        let error = prepared.apply(&mut StopAt(step, bench.settings.interrupt.clone())).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Interrupted, "step {step}: {error}");
        assert!(error.message.contains("was interrupted and rolled back"), "step {step}: {error}");
        assert_eq!(bench.dump(), before, "step {step}");
    }
}

#[test]
fn a_new_database_that_cannot_be_finished_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("db");
    let settings = settings();
    settings.interrupt.raise();
    let declared = Declared::parse(Path::new("schema.sql"), NEW, &settings).unwrap();
    let error = landfall_engine::migrate(&db, &declared, &settings, &mut ()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Interrupted);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_statement_that_fails_in_the_transaction_alone_is_rolled_back_and_named() {
    // The planner does not see ignored tables, so its own name for the old table clashes with one.
    let bench = Bench::new(
        "CREATE TABLE t (a TEXT NOT NULL); CREATE TABLE landfall_old_t (a TEXT); INSERT INTO t VALUES ('x')",
    )
    .with(|s| (s.ignore, s.fast_path) = (vec!["landfall_*".to_owned()], landfall_engine::FastPath::Off));
    let error = bench.refuses("CREATE TABLE t (a TEXT)");
    assert_eq!(error.kind, ErrorKind::Apply);
    let text = error.to_string().replace(&bench.db().display().to_string(), "[DB]");
    insta::assert_snapshot!(text, @r#"
    a statement failed in [DB]: there is already another table or index with this name: landfall_old_t; it was rolled back; nothing was changed
      ALTER TABLE "t" RENAME TO "landfall_old_t"
    "#);
}
