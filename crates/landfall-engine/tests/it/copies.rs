//! What boot does before a plan runs: counts, copies, approvals that are bound to one plan.

use landfall_engine::{Check, ErrorKind, Interrupt, backup, make_sure_of_room, partial_of, partials, verify};
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use crate::support::{Bench, dump, query};

const OLD: &str = "CREATE TABLE t (a TEXT, b TEXT); INSERT INTO t VALUES ('x', 'y'), ('z', 'w');";
const NEW: &str = "CREATE TABLE t (a TEXT)";

#[test]
fn a_copy_keeps_rowids_marks_and_header_pragmas() {
    let bench = Bench::new(
        "PRAGMA user_version = 7; PRAGMA application_id = 8; PRAGMA auto_vacuum = 2; VACUUM;
         CREATE TABLE implicit (a); INSERT INTO implicit (rowid, a) VALUES (3, 'c'), (70000, 'd');
         CREATE TABLE marked (id INTEGER PRIMARY KEY AUTOINCREMENT);
         INSERT INTO marked VALUES (9); DELETE FROM marked;",
    );
    let to = bench.db().with_file_name("copy");
    backup(&bench.db(), &to, None, Check::Integrity, &bench.settings).unwrap();
    assert_eq!(dump(&Connection::open(&to).unwrap()), bench.dump());
}

#[test]
fn a_copy_that_is_interrupted_leaves_no_file() {
    let bench = Bench::new(
        "CREATE TABLE t (a); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
         INSERT INTO t SELECT i FROM n",
    )
    .with(|settings| settings.interrupt = Interrupt::default());
    bench.settings.interrupt.raise();
    let to = bench.db().with_file_name("copy");
    let error = backup(&bench.db(), &to, None, Check::Integrity, &bench.settings).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Interrupted, "{error}");
    assert!(!to.exists());
}

#[test]
fn a_copy_is_told_with_its_size_its_sum_and_its_time() {
    let bench = Bench::new(OLD);
    let to = bench.db().with_file_name("copy");
    let made = backup(&bench.db(), &to, None, Check::Integrity, &bench.settings).unwrap();
    let bytes = std::fs::read(&to).unwrap();
    assert_eq!((made.bytes, made.sha256), (bytes.len() as u64, sum(&bytes)));
    assert_eq!(made.file, to.display().to_string());
    assert!(made.seconds > 0.0);
}

fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A copy of the database, and what was told of it.
fn made(bench: &Bench) -> (std::path::PathBuf, landfall_engine::Backup) {
    let to = bench.db().with_file_name("copy");
    let made = backup(&bench.db(), &to, None, Check::Integrity, &bench.settings).unwrap();
    (to, made)
}

#[test]
fn a_copy_that_was_brought_elsewhere_is_held_against_what_was_made() {
    let bench = Bench::new(OLD);
    let (copy, made) = made(&bench);
    verify(&copy, &made, &bench.settings).unwrap();
    let told = |bytes: &[u8]| {
        std::fs::write(&copy, bytes).unwrap();
        let error = verify(&copy, &made, &bench.settings).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Database);
        let told = error.to_string().replace(&copy.display().to_string(), "[COPY]");
        told.replace(&made.sha256, "[SUM]").replace(&sum(bytes), "[OTHER SUM]")
    };
    let whole = std::fs::read(&copy).unwrap();
    insta::assert_snapshot!(told(&whole[..512]), @"
    the copy [COPY] is not what was made: it has 512 bytes with SHA-256 [OTHER SUM], and should have 8192 with [SUM]
    fetch it again
    ");
    let mut other = whole;
    other[8000] ^= 1;
    insta::assert_snapshot!(told(&other), @"
    the copy [COPY] is not what was made: it has 8192 bytes with SHA-256 [OTHER SUM], and should have 8192 with [SUM]
    fetch it again
    ");
}

#[test]
fn a_copy_that_is_what_was_made_and_is_damaged_is_told() {
    let bench = Bench::new("CREATE TABLE t (a TEXT); CREATE INDEX i ON t (a); INSERT INTO t VALUES ('x');");
    let (copy, mut made) = made(&bench);
    let mut bytes = std::fs::read(&copy).unwrap();
    // The value in the index alone.
    let at = bytes.iter().rposition(|byte| *byte == b'x').unwrap();
    bytes[at] = b'y';
    std::fs::write(&copy, &bytes).unwrap();
    made.sha256 = sum(&bytes);
    let error = verify(&copy, &made, &bench.settings).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Database);
    let told = error.to_string().replace(&copy.display().to_string(), "[COPY]");
    insta::assert_snapshot!(told, @"
    the copy [COPY] is damaged: row 1 missing from index i
    check the database it was made of: `PRAGMA integrity_check`
    ");
    bench.settings.interrupt.raise();
    assert_eq!(verify(&copy, &made, &bench.settings).unwrap_err().kind, ErrorKind::Interrupted);
}

#[test]
fn a_copy_is_looked_at_as_closely_as_was_asked_for() {
    let bench = Bench::new("CREATE TABLE t (a TEXT); CREATE INDEX i ON t (a); INSERT INTO t VALUES ('x');");
    let mut bytes = std::fs::read(bench.db()).unwrap();
    // The value in the index alone.
    let at = bytes.iter().rposition(|byte| *byte == b'x').unwrap();
    bytes[at] = b'y';
    std::fs::write(bench.db(), &bytes).unwrap();
    let to = bench.db().with_file_name("copy");
    let error = backup(&bench.db(), &to, None, Check::Integrity, &bench.settings).unwrap_err();
    let folder = to.parent().unwrap().display().to_string();
    insta::assert_snapshot!(error.to_string().replace(&folder, "[DIR]"), @"
    the copy of [DIR]/db is damaged: row 1 missing from index i
    check the database itself: `PRAGMA integrity_check`
    ");
    assert!(!to.exists());
    backup(&bench.db(), &to, None, Check::Quick, &bench.settings).unwrap();
    assert_eq!(query(&Connection::open(&to).unwrap(), "SELECT a FROM t NOT INDEXED"), "x");
    // A page that is none.
    let table = 4096;
    bytes[table] = 0xff;
    std::fs::write(bench.db(), &bytes).unwrap();
    let other = bench.db().with_file_name("other");
    assert!(backup(&bench.db(), &other, None, Check::Quick, &bench.settings).is_err());
    assert!(!other.exists());
}

#[test]
fn what_has_no_room_is_told_with_what_it_needs() {
    let bench = Bench::new(OLD);
    make_sure_of_room(&bench.db(), "a copy", 1).unwrap();
    let error = make_sure_of_room(&bench.db(), "a copy", 1 << 60).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Space);
    assert!(error.message.starts_with("a copy needs up to 1099511627776 MiB in "), "{error}");
}

#[test]
fn two_copies_into_one_file_are_never_mixed_up() {
    let bench = Bench::new(OLD);
    let to = bench.db().with_file_name("copy");
    let under_way = &partials(&to)[0];
    assert!(partials(&to).iter().all(|file| partial_of(file).as_ref() == Some(&to)));
    assert_eq!(partial_of(&to), None);
    std::fs::write(under_way, "somebody else's").unwrap();
    let error = backup(&bench.db(), &to, None, Check::Integrity, &bench.settings).unwrap_err();
    assert_eq!(std::fs::read_to_string(under_way).unwrap(), "somebody else's");
    assert!(!to.exists());
    let folder = to.parent().unwrap().display().to_string();
    insta::assert_snapshot!(error.to_string().replace(&folder, "[DIR]"), @"
    the file [DIR]/copy.partial exists already; nothing was changed
    wait for the copy that is being made there, or remove what is left of one
    ");
}

#[test]
fn rows_are_counted_by_table_and_a_missing_database_has_none() {
    let bench =
        Bench::new(&format!("{OLD} CREATE TABLE \"empty one\" (a); CREATE VIRTUAL TABLE f USING fts5 (a);"));
    let rows = landfall_engine::rows(&bench.db(), &bench.settings).unwrap();
    let rows: Vec<_> = rows.tables.iter().map(|t| (t.table.as_str(), t.rows)).collect();
    assert_eq!(rows, [("t", 2), ("empty one", 0), ("f", 0)]);
    assert!(
        landfall_engine::rows(&bench.db().with_file_name("missing"), &bench.settings)
            .unwrap()
            .tables
            .is_empty()
    );
}

#[test]
fn an_approval_for_one_plan_counts_for_no_other() {
    let allowed = |plan: &str| {
        Bench::new(OLD).with(|settings| {
            settings.allow = vec!["DROPS_COLUMN:t.b".parse().unwrap()];
            settings.allow_for = Some(plan.to_owned());
        })
    };
    let other = allowed("another plan");
    let refused = other.refuses(NEW);
    assert_eq!(refused.kind, ErrorKind::Hazard);
    let declared = other.declared(NEW).unwrap();
    let prepared = landfall_engine::prepare(&other.db(), &declared, &other.settings, &mut ()).unwrap();
    let plan = prepared.report().plan.clone().unwrap();

    let this = allowed(&plan.fingerprint);
    this.reaches(NEW);
    assert_eq!(this.query("SELECT * FROM t"), "x\nz");
}

#[test]
fn a_plan_wants_a_copy_where_it_costs_values_or_writes_rows_anew() {
    let wants = |old: &str, new: &str| {
        let bench = Bench::new(old);
        let declared = bench.declared(new).unwrap();
        let prepared = landfall_engine::prepare(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
        prepared.report().plan.as_ref().unwrap().wants_copy()
    };
    assert!(wants(OLD, "CREATE TABLE t (a TEXT -- @dropped b\n)"), "approved, and still lost");
    assert!(!wants(OLD, "CREATE TABLE t (a TEXT, b TEXT); CREATE TABLE u (a)"), "nothing is lost");
    assert!(wants(OLD, "CREATE TABLE t (a TEXT PRIMARY KEY, b TEXT)"), "written anew");
    assert!(
        !wants("CREATE TABLE t (a TEXT, b TEXT)", "CREATE TABLE t (a TEXT PRIMARY KEY, b TEXT)"),
        "no rows"
    );
    assert!(wants("CREATE TABLE u (a); CREATE TABLE t (a)", "CREATE TABLE t (a);\n-- @dropped table u\n"));
}

#[test]
fn a_copy_is_refused_where_there_is_no_room() {
    let Some(disk) = crate::faults::SmallDisk::new(256) else {
        return landfall_testkit::requires::skip("a_copy_is_refused_where_there_is_no_room", "mount");
    };
    let bench = Bench::new("CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(1000000))");
    let to = disk.path().join("copy");
    let error = backup(&bench.db(), &to, None, Check::Integrity, &bench.settings).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Space, "{error}");
    assert!(error.told().ends_with("only 0 MiB are free; nothing was changed"), "{error}");
    assert!(!to.exists());
    assert_eq!(query(&bench.open(), "SELECT count(*) FROM t"), "1");
}
