//! Full-text and spatial tables: what they keep themselves survives, what they index over others stays in step.
use crate::support::Bench;

fn is_sound(bench: &Bench, index: &str) {
    bench
        .open()
        .execute_batch(&format!("INSERT INTO {index} ({index}, rank) VALUES ('integrity-check', 1)"))
        .unwrap();
}

#[test]
fn a_full_text_table_with_its_own_rows_keeps_them_through_a_change_of_options() {
    let bench = Bench::new(
        "CREATE VIRTUAL TABLE f USING fts5 (title, body);
         INSERT INTO f (rowid, title, body) VALUES (3, 'running', 'dogs run'), (90, 'cats', 'sleep');",
    );
    let report = bench.reaches("CREATE VIRTUAL TABLE f USING fts5 (title, body, tokenize = 'porter')");
    assert_eq!(bench.query("SELECT rowid, title, body FROM f"), "3|running|dogs run\n90|cats|sleep");
    assert_eq!(bench.query("SELECT rowid FROM f WHERE f MATCH 'run' ORDER BY rowid"), "3");
    is_sound(&bench, "f");
    assert_eq!((report.evidence[0].table.as_str(), report.evidence[0].rows_after), ("f", 2));
}

#[test]
fn a_spatial_table_keeps_its_boxes_through_a_change_of_columns() {
    let bench = Bench::new(
        "CREATE VIRTUAL TABLE r USING rtree (id, low, high); INSERT INTO r VALUES (7, 1.5, 2.5), (8, -1, 9);",
    );
    bench.reaches("CREATE VIRTUAL TABLE r USING rtree (id, low, high, +note)");
    assert_eq!(bench.query("SELECT id, low, high FROM r"), "7|1.5|2.5\n8|-1.0|9.0");
}

#[test]
fn a_new_index_over_a_table_with_rows_knows_them() {
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);";
    let bench = Bench::new(&format!("{table} INSERT INTO t VALUES (4, 'four'), (9, 'nine');"));
    bench.reaches(&format!(
        "{table} CREATE VIRTUAL TABLE f USING fts5 (a, content = 't', content_rowid = 'id');"
    ));
    assert_eq!(bench.query("SELECT rowid FROM f WHERE f MATCH 'nine'"), "9");
    is_sound(&bench, "f");
}

#[test]
fn an_index_follows_a_change_of_its_tables_values() {
    let index = "CREATE VIRTUAL TABLE f USING fts5 (a, content = 't');";
    let bench = Bench::new(&format!(
        "CREATE TABLE t (a TEXT); {index} INSERT INTO t (rowid, a) VALUES (4, 'four'), (9, 'nine');
         INSERT INTO f (rowid, a) SELECT rowid, a FROM t;"
    ));
    bench.reaches(&format!(
        "CREATE TABLE t (\n a TEXT NOT NULL -- @using a || ' more' for=NOT NULL\n); {index}"
    ));
    assert_eq!(bench.query("SELECT rowid FROM f WHERE f MATCH 'more' ORDER BY rowid"), "4\n9");
    is_sound(&bench, "f");
}

#[test]
fn an_index_over_a_renamed_column_is_made_again() {
    let bench = Bench::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (4, 'four');
         CREATE VIRTUAL TABLE f USING fts5 (a, content = 't', content_rowid = 'id');
         INSERT INTO f (f) VALUES ('rebuild');",
    );
    bench.reaches(
        "CREATE TABLE t (id INTEGER PRIMARY KEY,\n b TEXT -- @renamed from=a\n);
         CREATE VIRTUAL TABLE f USING fts5 (b, content = 't', content_rowid = 'id');",
    );
    assert_eq!(bench.query("SELECT rowid FROM f WHERE f MATCH 'four'"), "4");
    is_sound(&bench, "f");
}

#[test]
fn a_contentless_index_that_would_be_made_anew_is_refused_until_approved() {
    let sql =
        "CREATE VIRTUAL TABLE f USING fts5 (a, content = ''); INSERT INTO f (rowid, a) VALUES (1, 'one');";
    let new = "CREATE VIRTUAL TABLE f USING fts5 (a, b, content = '')";
    let error = Bench::new(sql).refuses(new);
    assert!(error.message.contains("DROPS_TABLE: virtual table f would be made anew"), "{error}");
    Bench::new(sql).with(|s| s.allow = vec!["DROPS_TABLE:f".parse().unwrap()]).reaches(new);
}

#[test]
fn an_index_that_was_out_of_step_before_stands_in_nobodys_way() {
    let index = "CREATE VIRTUAL TABLE f USING fts5 (a, content = 't');";
    let bench = Bench::new(&format!(
        "CREATE TABLE t (a TEXT NOT NULL); {index} INSERT INTO t VALUES ('never indexed');"
    ));
    bench.reaches(&format!("CREATE TABLE t (a TEXT); {index}"));
    assert_eq!(bench.query("SELECT a FROM t"), "never indexed");
}

#[test]
fn a_database_in_utf16_is_migrated_as_any_other() {
    let bench = Bench::new(
        "PRAGMA encoding = 'UTF-16be'; CREATE TABLE \"tä\" (\"é\" TEXT, n TEXT); INSERT INTO \"tä\" VALUES ('ü\u{1f600}', '007');
         CREATE VIRTUAL TABLE f USING fts5 (a); INSERT INTO f VALUES ('ü')",
    );
    let with_values = bench.twin().with(|s| s.show_values = true);
    let error = with_values
        .refuses("CREATE TABLE \"tä\" (\"é\" TEXT, n INTEGER); CREATE VIRTUAL TABLE f USING fts5 (a)");
    assert!(
        error.message.contains("of tä.n would be stored differently as INTEGER (rowid 1): '007'"),
        "{error}"
    );
    bench.reaches("CREATE TABLE \"tä\" (\n \"e\" TEXT NOT NULL, -- @renamed from=\"é\"\n n TEXT\n); CREATE VIRTUAL TABLE f USING fts5 (a, b)");
    assert_eq!(bench.query("SELECT e, n, a FROM \"tä\", f"), "ü\u{1f600}|007|ü");
}

fn steps_on(report: &landfall_engine::Report, table: &str) -> usize {
    report.plan.as_ref().unwrap().steps.iter().filter(|s| s.table() == table).count()
}

#[test]
fn an_index_is_left_alone_where_nothing_changes_for_it() {
    let virtual_tables =
        "CREATE VIRTUAL TABLE f USING fts5 (a, content = 't'); CREATE VIRTUAL TABLE own USING fts5 (a);";
    let bench = Bench::new(&format!(
        "CREATE TABLE t (a TEXT NOT NULL, n INTEGER); CREATE TABLE u (x); {virtual_tables}
         INSERT INTO t (rowid, a, n) VALUES (4, 'four', 4); INSERT INTO f (f) VALUES ('rebuild'); INSERT INTO own VALUES ('x');"
    ));
    // Another table, then the table itself with the same values.
    let report = bench.reaches(&format!(
        "CREATE TABLE t (a TEXT NOT NULL, n INTEGER); CREATE TABLE u (x, y); {virtual_tables}"
    ));
    assert_eq!((steps_on(&report, "f"), steps_on(&report, "own")), (0, 0));
    let report = bench
        .reaches(&format!("CREATE TABLE t (a TEXT, n INTEGER); CREATE TABLE u (x, y); {virtual_tables}"));
    assert_eq!((steps_on(&report, "f"), steps_on(&report, "own")), (0, 0));
    // The table with values that are stored differently, in a column that the index does not name.
    let report =
        bench.reaches(&format!("CREATE TABLE t (a TEXT, n TEXT); CREATE TABLE u (x, y); {virtual_tables}"));
    assert_eq!((steps_on(&report, "f"), steps_on(&report, "own")), (0, 0));
    is_sound(&bench, "f");
    // And in one that it names.
    let report =
        bench.reaches(&format!("CREATE TABLE t (a BLOB, n TEXT); CREATE TABLE u (x, y); {virtual_tables}"));
    assert_eq!((steps_on(&report, "f"), steps_on(&report, "own")), (1, 0));
    is_sound(&bench, "f");
}

#[test]
fn an_index_follows_rowids_that_cannot_be_kept() {
    let index = "CREATE VIRTUAL TABLE f USING fts5 (b, content = 't');";
    let bench = Bench::new(&format!(
        "CREATE TABLE t (a INTEGER, b TEXT); {index} INSERT INTO t (rowid, a, b) VALUES (40, 1, 'one'), (50, 2, 'two');
         INSERT INTO f (f) VALUES ('rebuild');"
    ))
    .with(|s| s.allow = vec!["RENUMBERS_ROWIDS:t".parse().unwrap()]);
    bench.reaches(&format!("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT); {index}"));
    assert_eq!(bench.query("SELECT rowid FROM f WHERE f MATCH 'two'"), "2");
    is_sound(&bench, "f");
}
