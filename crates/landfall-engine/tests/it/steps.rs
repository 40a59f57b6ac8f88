//! A step is called by what it makes or drops: its kind and its name.

use landfall_engine::{HazardName, Operation, Plan, Step, StepKind};
use serde_json::json;

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

fn labels(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(Step::label).collect()
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
    assert_eq!(labels.last().unwrap(), "create trigger notes_added");
    assert!(labels.iter().any(|label| label == "rebuild notes"), "{labels:?}");
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
        assert!(labels(&plan).iter().any(|label| label == first), "{new}: {:?}", labels(&plan));
    }
}

#[test]
fn a_step_in_json_is_what_a_person_sees_of_it() {
    let old = format!("{TABLE} INSERT INTO notes VALUES (1, '7')");
    let plan = plan(&old, &format!("{TABLE} CREATE INDEX i ON notes (text);"));
    assert_eq!(
        serde_json::to_value(&plan.steps).unwrap(),
        json!([{
            "sql": "CREATE INDEX i ON notes (text)", "kind": "create", "table": "notes", "label": "create index i",
            "cost": { "class": "scan", "rows": 1 },
        }])
    );
}

/// Of releases that wrote no label, too; and what nobody here would write is not explained.
#[test]
fn a_step_of_another_release_is_read_by_what_it_says() {
    let read = |kind: &str, table: &str, sql: &str| -> Step {
        let cost = json!({ "class": "constant", "rows": 0 });
        serde_json::from_value(json!({ "sql": sql, "kind": kind, "table": table, "cost": cost })).unwrap()
    };
    let table = || "t".to_owned();
    let drop = read("drop", "t", "DROP TRIGGER g");
    assert_eq!(drop.operation, Operation::DropTrigger { trigger: "g".to_owned(), table: table() });
    assert_eq!((drop.kind(), drop.table(), drop.label()), (StepKind::Drop, "t", "drop trigger g".to_owned()));
    let alter = read("alter", "t", "ALTER TABLE t ADD COLUMN \"a b\" TEXT");
    assert_eq!(alter.operation, Operation::AddColumn { table: table(), column: "a b".to_owned() });
    let renamed = read("alter", "t", "ALTER TABLE old RENAME TO t");
    assert_eq!(renamed.operation, Operation::RenameTable { from: "old".to_owned(), to: table() });
    for (kind, table, sql) in [
        ("create", "t", "VACUUM"),
        ("rebuild", "t", "ANALYZE"),
        ("drop", "t", ""),
        ("metadata", "", "VACUUM"),
    ] {
        assert_eq!(read(kind, table, sql).operation, Operation::Foreign, "{sql}");
    }
}
