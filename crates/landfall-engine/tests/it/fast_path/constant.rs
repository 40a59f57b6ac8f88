//! What is called constant is: nothing is read or written that grows with the rows.

use std::collections::BTreeSet;
use std::process::Stdio;

use landfall_engine::ProofLevel;

use super::*;

const MANY: u32 = 200_000;

fn filled(items: &[&str], rows: u32) -> Bench {
    let bench = Bench::new(&format!(
        "{PARENT} INSERT INTO p VALUES (1, 'x'); {}; CREATE INDEX t_b ON t (b);",
        t(items)
    ));
    bench
        .open()
        .execute_batch(&format!(
            "WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
             INSERT INTO t (k, a, b, p) SELECT i, i % 7, printf('%0200d', i), 1 FROM n"
        ))
        .unwrap();
    bench
}

fn schema(items: &[&str]) -> String {
    format!("{PARENT} {}; CREATE INDEX t_b ON t (b);", t(items))
}

const KEY: &str = "FOREIGN KEY (p) REFERENCES p (id)";
const CASCADE: &str = "FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE";

/// Old and new items of changes in constant time.
const CHANGES: [([&str; 2], [&str; 2], How); 3] = [
    (["a INTEGER NOT NULL", KEY], ["a INTEGER", KEY], NATIVE),
    (["a INTEGER", KEY], ["a INTEGER", CASCADE], EDIT),
    (["a INTEGER", KEY], ["a BIGINT", KEY], EDIT),
];

/// Numbers of the pages that are not the same in both.
fn changed_pages(before: &[u8], after: &[u8], size: usize) -> BTreeSet<usize> {
    assert_eq!(before.len(), after.len());
    let pairs = before.chunks(size).zip(after.chunks(size)).enumerate();
    pairs.filter(|(_, (was, is))| was != is).map(|(at, _)| at + 1).collect()
}

#[test]
fn only_pages_of_the_schema_are_written_and_no_row_is_counted() {
    for (old, new, how) in CHANGES {
        let bench = filled(&old, 20_000);
        let before = std::fs::read(bench.db()).unwrap();
        let report = bench.migrate(&schema(&new)).unwrap();
        assert_eq!(How::of(report.plan.as_ref()), how);
        let after = std::fs::read(bench.db()).unwrap();
        let size = bench.query("PRAGMA page_size").parse().unwrap();
        let pages = bench.query("SELECT pageno FROM dbstat WHERE name = 'sqlite_schema'");
        let pages: BTreeSet<usize> = pages.lines().map(|page| page.parse().unwrap()).collect();
        let changed = changed_pages(&before, &after, size);
        assert!(!changed.is_empty() && changed.is_subset(&pages), "{changed:?} of {pages:?}");
        let evidence: Vec<_> =
            report.evidence.iter().map(|e| (e.table.as_str(), e.sampled, e.rows_after)).collect();
        assert_eq!(evidence.len(), 1, "{evidence:?}");
        let (table, sampled, rows) = evidence[0];
        assert!(table == "t" && sampled && (900..=1_000).contains(&rows), "{evidence:?}");
    }
}

#[test]
fn the_whole_of_a_table_is_proved_where_that_is_asked_for() {
    let (old, new, _) = CHANGES[1];
    let bench = filled(&old, 5_000).with(|s| s.proof = ProofLevel::Content);
    let report = bench.reaches(&schema(&new));
    let found = report.evidence.iter().find(|e| e.table == "t").unwrap();
    assert_eq!((found.sampled, found.rows_before, found.rows_after), (false, 5_000, 5_000));
    assert!(found.checksum.is_some());
}

/// Does nothing but in a process that another test starts: then it migrates the database, and tells how much was read from files.
#[test]
fn reading_process() {
    let Some(db) = std::env::var_os("LANDFALL_READS") else { return };
    let new = std::env::var("LANDFALL_READS_SCHEMA").unwrap();
    let settings = landfall_engine::Settings {
        planner: landfall_engine::PlannerChoice::Builtin,
        ..landfall_engine::Settings::default()
    };
    let declared =
        landfall_engine::Declared::parse(std::path::Path::new("schema.sql"), &new, &settings).unwrap();
    let before = bytes_read();
    landfall_engine::migrate(std::path::Path::new(&db), &declared, &settings, &mut ()).unwrap();
    println!("\nread {}", bytes_read() - before);
}

fn bytes_read() -> u64 {
    let io = std::fs::read_to_string("proc").unwrap();
    io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

/// Bytes that a process of its own reads to make the change.
fn read_for(old: &[&str], new: &[&str], rows: u32) -> u64 {
    let bench = filled(old, rows);
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "fast_path::constant::reading_process", "--test-threads=1", "--nocapture"])
        .env("LANDFALL_READS", bench.db())
        .env("LANDFALL_READS_SCHEMA", schema(new))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let read = said.lines().find_map(|line| line.strip_prefix("read "));
    read.unwrap_or_else(|| panic!("{said}\n{}", String::from_utf8_lossy(&output.stderr))).parse().unwrap()
}

#[test]
fn a_table_with_ten_times_the_rows_is_read_no_more() {
    if !std::path::Path::new("proc").exists() {
        return landfall_testkit::requires::skip("a_table_with_ten_times_the_rows_is_read_no_more", "proc");
    }
    // What has to read the rows does: or the measure measures nothing.
    let scan = read_for(&["a INTEGER"], &["a INTEGER NOT NULL"], MANY);
    assert!(scan > 40 << 20, "a scan reads {scan} bytes");
    for (old, new, _) in &CHANGES[..2] {
        let [few, many] = [MANY / 10, MANY].map(|rows| read_for(old, new, rows));
        println!("{new:?}: {few} bytes at {} rows, {many} at {MANY}; a scan {scan}", MANY / 10);
        // A sample reads a page a row at most, and the pages above.
        assert!(many < few * 3 / 2, "{new:?}: {few} bytes at a tenth of the rows, {many} at all");
    }
}
