//! A step is called by what it makes or drops: its kind and its name.

use landfall_engine::{HazardName, Plan};

use crate::support::Bench;

fn plan(old: &str, new: &str) -> Plan {
    let bench = Bench::new(old);
    let declared = bench.declared(new).unwrap();
    let prepared = landfall_engine::prepare(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
    let report = prepared.report().clone();
    assert_eq!(
        bench.reaches(new).timings.iter().filter(|timing| timing.part == landfall_engine::Part::Step).count(),
        report.plan.as_ref().unwrap().steps.len()
    );
    report.plan.unwrap()
}

fn labels(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.label.as_str()).collect()
}

const TABLE: &str = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT);";
const SEARCH: &str = "CREATE VIRTUAL TABLE notes_search USING fts5 (text, content='notes', content_rowid='id');
    CREATE TRIGGER notes_added AFTER INSERT ON notes BEGIN INSERT INTO notes_search (rowid, text) VALUES (new.id, new.text); END;";

#[test]
fn a_new_full_text_table_is_created_and_filled_and_nothing_is_written_anew() {
    let old = format!("{TABLE} INSERT INTO notes VALUES (1, 'x')");
    let plan = plan(&old, &format!("{TABLE}{SEARCH}"));
    assert_eq!(
        labels(&plan),
        [
            "create full-text table notes_search",
            "fill full-text index notes_search",
            "create trigger notes_added"
        ]
    );
    assert!(plan.hazards.iter().all(|hazard| hazard.name != HazardName::RewritesTable), "{:?}", plan.hazards);
}

#[test]
fn triggers_views_and_indexes_are_called_by_kind_and_name() {
    let old = format!(
        "{TABLE} CREATE VIEW v AS SELECT 1 AS a; CREATE INDEX i ON notes (text);
         CREATE TRIGGER logged AFTER DELETE ON notes BEGIN SELECT 1; END;"
    );
    let new = format!(
        "{TABLE} CREATE VIEW v AS SELECT 2 AS a; CREATE INDEX j ON notes (text);
         CREATE TRIGGER \"logged again\" AFTER DELETE ON notes BEGIN SELECT 1; END; CREATE VIRTUAL TABLE r USING rtree (id, a, b);"
    );
    assert_eq!(
        labels(&plan(&old, &new)),
        [
            "drop trigger logged",
            "drop view v",
            "drop index i",
            "create virtual table r",
            "create index j",
            "create view v",
            "create trigger logged again"
        ]
    );
}

#[test]
fn a_table_that_is_rebuilt_is_called_by_its_name_and_its_triggers_by_theirs() {
    let old = format!("{TABLE}{SEARCH} INSERT INTO notes VALUES (1, '7')");
    let new = format!("{}{SEARCH}", TABLE.replace("text TEXT", "text TEXT, n INTEGER DEFAULT (1 + 1)"));
    let plan = plan(&old, &new);
    let labels = labels(&plan);
    assert_eq!(labels[1], "drop trigger notes_added", "{labels:?}");
    assert_eq!(labels.last(), Some(&"create trigger notes_added"));
    assert!(labels.contains(&"rebuild notes"), "{labels:?}");
}

#[test]
fn only_a_dropped_column_needs_what_views_and_triggers_say() {
    let broken = "CREATE VIEW broken AS SELECT x FROM nowhere;
        CREATE TRIGGER breaks AFTER DELETE ON t BEGIN DELETE FROM nowhere; END;";
    let cases = [
        ("a TEXT NOT NULL, b TEXT", "a TEXT, b TEXT", "alter t"),
        ("a TEXT, b TEXT, CONSTRAINT c CHECK (a <> '')", "a TEXT, b TEXT", "alter t"),
        ("a TEXT, b TEXT", "a TEXT, b TEXT, c TEXT, CHECK (a <> c)", "alter t"),
        ("a TEXT, b TEXT", "a TEXT, b TEXT CHECK (b <> '')", "edit t"),
        ("a TEXT, b TEXT", "a TEXT\n-- @dropped b\n", "drop trigger breaks"),
    ];
    for (old, new, first) in cases {
        let text = |columns: &str| format!("CREATE TABLE t ({columns});{broken}");
        let plan = plan(&text(old), &text(new));
        assert!(labels(&plan).contains(&first), "{new}: {:?}", labels(&plan));
    }
}
