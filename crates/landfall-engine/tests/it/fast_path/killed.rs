//! `kill -9` in the middle: the old schema or the new one, whole, and every row.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use landfall_engine::{Declared, Event, Outcome, PlannerChoice, Settings, Watch};

use super::*;
use crate::support::dump;
use crate::support::generate::Random;

fn cases() -> [Case; 6] {
    [
        case("NOT NULL", t(&[]), t(&["a INTEGER NOT NULL", "CHECK (a < 99)"]), [SCAN; 2]),
        case("DEFAULT", t(&["a INTEGER DEFAULT 5"]), t(&["a INTEGER DEFAULT 6"]), [WIDEN; 2]),
        case("UNIQUE", t(&["UNIQUE (a, k)"]), t(&["b TEXT UNIQUE"]), [SCAN; 2]),
        case("AUTOINCREMENT", t(&[]), t(&["k INTEGER PRIMARY KEY AUTOINCREMENT"]), [EDIT; 2]),
        case("STRICT", t(&[]), t(&[]) + " STRICT", [SCAN; 2]),
        case("COLLATE", t(&[]), t(&["b TEXT COLLATE NOCASE"]), [SCAN; 2])
            .rest("CREATE INDEX t_e ON t (b = 'B1'); CREATE TABLE log (what);"),
    ]
}

fn settings() -> Settings {
    Settings { planner: PlannerChoice::Builtin, fast_path: FastPath::Full, ..Settings::default() }
}

/// Stops for ever when so many things have happened, and says so by a file.
struct StandStill {
    after: usize,
    sign: PathBuf,
}

impl Watch for StandStill {
    fn event(&mut self, event: &Event<'_>) {
        if !comes_each_time(event) {
            return;
        }
        if self.after == 0 {
            std::fs::write(&self.sign, "").unwrap();
            std::thread::sleep(Duration::from_secs(600));
        }
        self.after -= 1;
    }
}

/// Does nothing but in a process that another test starts to kill.
#[test]
fn dying_process() {
    let Some(db) = std::env::var_os("LANDFALL_DIES").map(PathBuf::from) else { return };
    let after = std::env::var("LANDFALL_DIES_AFTER").unwrap().parse().unwrap();
    let sql = std::fs::read_to_string(db.with_file_name("schema.sql")).unwrap();
    let declared = Declared::parse(Path::new("schema.sql"), &sql, &settings()).unwrap();
    let mut watch = StandStill { after, sign: db.with_file_name("sign") };
    landfall_engine::migrate(&db, &declared, &settings(), &mut watch).unwrap();
}

fn spawn(bench: &Bench, after: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "fast_path::killed::dying_process", "--test-threads=1"])
        .env("LANDFALL_DIES", bench.db())
        .env("LANDFALL_DIES_AFTER", after.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What must be found afterwards, by outcome of a look at it.
struct Either {
    old: String,
    new: String,
}

impl Either {
    fn check(&self, bench: &Bench, schema: &str, what: &str) -> Outcome {
        let declared = bench.declared(schema).unwrap();
        let found = landfall_engine::check(&bench.db(), &declared, &bench.settings, &mut ()).unwrap().outcome;
        let expected = if found == Outcome::InSync { &self.new } else { &self.old };
        assert_eq!(dump(&bench.open()), *expected, "{what}");
        assert_eq!(bench.query("PRAGMA integrity_check"), "ok", "{what}");
        through_indexes(&bench.open(), what);
        found
    }
}

fn killed(random: &mut Random, case: &Case, journal_mode: &str) -> (u32, u32) {
    let template = case.database(journal_mode).with(|s| s.fast_path = FastPath::Full);
    let done = template.twin();
    let begun = Instant::now();
    std::fs::write(done.db().with_file_name("schema.sql"), case.schema()).unwrap();
    assert!(spawn(&done, usize::MAX).wait().unwrap().success());
    let time = begun.elapsed();
    let either = Either { old: template.dump(), new: done.dump() };
    assert_ne!(either.old, either.new);
    let mut events = Counting(0);
    let twin = template.twin();
    landfall_engine::migrate(
        &twin.db(),
        &twin.declared(&case.schema()).unwrap(),
        &twin.settings,
        &mut events,
    )
    .unwrap();

    let (mut old, mut new) = (0, 0);
    // At each of the things that are told, COMMIT the last of them; then at times that fall anywhere.
    let points = (0..events.0).map(Some).chain([None; 3]);
    for point in points {
        let victim = template.twin();
        std::fs::write(victim.db().with_file_name("schema.sql"), case.schema()).unwrap();
        let mut child = spawn(&victim, point.unwrap_or(usize::MAX));
        match point {
            Some(_) => wait_for(&victim.db().with_file_name("sign"), &mut child),
            None => {
                let last = time.as_micros() as usize / 2;
                std::thread::sleep(Duration::from_micros((last + random.below(last)) as u64));
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let what = format!("{} in {journal_mode} mode, killed at {point:?} of {}", case.name, events.0);
        match either.check(&victim, &case.schema(), &what) {
            Outcome::InSync => new += 1,
            _ => old += 1,
        }
        victim.reaches(&case.schema());
        assert_eq!(victim.dump(), either.new, "{what}, and run again");
    }
    assert!(old as usize >= events.0, "what was not committed is there");
    (old, new)
}

struct Counting(usize);

impl Watch for Counting {
    fn event(&mut self, event: &Event<'_>) {
        self.0 += usize::from(comes_each_time(event));
    }
}

/// Some are told only where the machine is slow.
fn comes_each_time(event: &Event<'_>) -> bool {
    !matches!(event, Event::Rows { .. } | Event::WaitingForLock { .. })
}

fn wait_for(sign: &Path, child: &mut Child) {
    let begun = Instant::now();
    while !sign.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was killed");
        assert!(begun.elapsed() < Duration::from_secs(60), "it never came so far");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn kill_9_at_every_point_leaves_the_old_schema_or_the_new_one_and_every_row() {
    let mut random = Random::new(60);
    let (mut old, mut new) = (0, 0);
    for case in cases() {
        for journal_mode in ["wal", "delete"] {
            let found = killed(&mut random, &case, journal_mode);
            (old, new) = (old + found.0, new + found.1);
        }
    }
    println!("killed {} times: {old} left the old schema, {new} the new one", old + new);
    assert!(old + new >= 60);
}
