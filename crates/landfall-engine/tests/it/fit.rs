//! Whether a release fits a database of another schema.

use crate::support::Bench;

const DECLARED: &str = "
    CREATE TABLE parents (id INTEGER PRIMARY KEY);
    CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL, parent INTEGER REFERENCES parents (id));
    CREATE UNIQUE INDEX t_name ON t (name);
    CREATE VIEW names AS SELECT name FROM t;
    CREATE TRIGGER t_added AFTER INSERT ON t BEGIN DELETE FROM parents WHERE id = -1; END;";

/// The messages of (what is harmless, what is not) after this change of a database that was as declared.
fn after(change: &str) -> (Vec<String>, Vec<String>) {
    let bench = Bench::new(DECLARED);
    bench.open().execute_batch(change).unwrap();
    let before = bench.dump();
    let declared = bench.declared(DECLARED).unwrap();
    let fit = landfall_engine::fit(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
    assert_eq!(bench.dump(), before);
    let texts = |found: Vec<landfall_engine::Difference>| found.into_iter().map(|d| d.message).collect();
    (texts(fit.extra), texts(fit.misfits))
}

#[track_caller]
fn fits(change: &str, extra: &[&str]) {
    let found = after(change);
    assert_eq!(found, (extra.iter().map(|&e| e.to_owned()).collect(), Vec::new()), "{change}");
}

#[track_caller]
fn does_not_fit(change: &str, misfit: &str) {
    let (_, misfits) = after(change);
    assert_eq!(misfits, [misfit], "{change}");
}

#[test]
fn what_is_declared_fits() {
    fits("", &[]);
}

#[test]
fn what_an_older_release_need_not_know_fits() {
    fits("CREATE TABLE more (x NOT NULL)", &["table more is not declared"]);
    fits("CREATE TABLE \"t.id\" (x)", &["table \"t.id\" is not declared"]);
    fits("CREATE VIRTUAL TABLE words USING fts5 (word)", &["virtual table words is not declared"]);
    fits("CREATE INDEX t_parent ON t (parent)", &["index t_parent is not declared"]);
    fits("CREATE VIEW more AS SELECT 1 AS one", &["view more is not declared"]);
    fits("ALTER TABLE t ADD COLUMN phone TEXT", &["column t.phone is not declared"]);
    fits("ALTER TABLE t ADD COLUMN level INTEGER NOT NULL DEFAULT 1", &["column t.level is not declared"]);
}

#[test]
fn what_an_older_release_would_break_on_does_not_fit() {
    does_not_fit("ALTER TABLE t DROP COLUMN parent; ALTER TABLE t ADD COLUMN parent INTEGER", {
        "table t: FOREIGN KEY (parent) REFERENCES parents (id) is missing"
    });
    does_not_fit("DROP VIEW names", "view names is missing");
    does_not_fit("DROP TRIGGER t_added", "trigger t_added is missing");
    does_not_fit("DROP INDEX t_name", "index t_name is missing");
    does_not_fit("CREATE UNIQUE INDEX t_parent ON t (parent)", "index t_parent is not declared");
    does_not_fit(
        "CREATE TRIGGER t_gone AFTER DELETE ON t BEGIN DELETE FROM parents; END",
        "trigger t_gone is not declared",
    );
    does_not_fit(
        "ALTER TABLE t ADD COLUMN level INTEGER CHECK (level > 0)",
        "table t: CHECK (level > 0) is not declared",
    );
    does_not_fit(
        "ALTER TABLE t ADD COLUMN mother INTEGER REFERENCES parents (id)",
        "table t: FOREIGN KEY (mother) REFERENCES parents (id) is not declared",
    );
}

#[test]
fn a_column_that_must_be_given_does_not_fit() {
    for definition in ["x TEXT NOT NULL", "x TEXT NOT NULL DEFAULT NULL"] {
        let bench = Bench::new(&format!("CREATE TABLE t (id INTEGER PRIMARY KEY, {definition})"));
        let declared = bench.declared("CREATE TABLE t (id INTEGER PRIMARY KEY)").unwrap();
        let fit = landfall_engine::fit(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
        assert_eq!(fit.misfits.len(), 1, "{definition}");
        assert_eq!(fit.misfits[0].message, "column t.x is not declared");
    }
}
