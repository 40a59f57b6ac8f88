//! The hazards of a plan are taken away, one name after the other: where that hides a loss, the inventory refuses the change.

use std::path::Path;

use rusqlite::Connection;

use crate::declared::Declared;
use crate::error::Error;
use crate::error::ErrorKind;
use crate::hazard::HazardName;
use crate::prepare::prepare;
use crate::settings::{FastPath, PlannerChoice, Settings};

/// What hides a loss, and what the inventory says of it; nothing where no row and no column goes unnoticed without that hazard.
struct Change {
    old: &'static str,
    new: &'static str,
    stripped: &'static [(HazardName, &'static str)],
}

use HazardName::{ChangesValues, DropsColumn, DropsTable, LooksLikeRename, RenumbersRowids};

const CHANGES: &[Change] = &[
    Change {
        old: "CREATE TABLE t (a); CREATE TABLE u (a); INSERT INTO t VALUES (1), (2)",
        new: "CREATE TABLE u (a)",
        stripped: &[(DropsTable, "would drop table t with its rows")],
    },
    Change {
        old: "CREATE TABLE clients (a, b); INSERT INTO clients VALUES (1, 2)",
        new: "CREATE TABLE customers (a, b)",
        stripped: &[(DropsTable, "would drop table clients with its rows"), (LooksLikeRename, "")],
    },
    Change {
        old: "CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 2)",
        new: "CREATE TABLE t (a)",
        stripped: &[(DropsColumn, "would drop column t.b with its values")],
    },
    Change {
        old: "CREATE TABLE t (a TEXT, b TEXT); INSERT INTO t VALUES ('x', 'y')",
        new: "CREATE TABLE t (a TEXT, c TEXT)",
        stripped: &[(DropsColumn, "would drop column t.b with its values"), (LooksLikeRename, "")],
    },
    Change {
        old: "CREATE TABLE n (title TEXT, body TEXT); INSERT INTO n VALUES ('x', 'y')",
        new: "CREATE VIRTUAL TABLE n USING fts5 (title)",
        stripped: &[(DropsTable, "would drop column n.body with its values")],
    },
    Change {
        old: "CREATE TABLE n (title TEXT); INSERT INTO n VALUES ('x'), ('y')",
        new: "CREATE VIRTUAL TABLE n USING fts5 (title, content = '')",
        stripped: &[(DropsTable, "would lose 2 of the 2 rows of n")],
    },
    Change {
        old: "CREATE TABLE r (id INTEGER PRIMARY KEY, a, b); INSERT INTO r VALUES (1, 2, 3)",
        new: "CREATE VIRTUAL TABLE r USING rtree (id, a, b)",
        stripped: &[(DropsTable, "would lose 1 of the 1 row of r")],
    },
    Change {
        old: "CREATE VIRTUAL TABLE f USING fts5 (a, b); INSERT INTO f VALUES ('x', 'y')",
        new: "CREATE VIRTUAL TABLE f USING fts5 (a)",
        stripped: &[(DropsColumn, "would drop column f.b with its values")],
    },
    Change {
        old: "CREATE VIRTUAL TABLE f USING fts4 (a, languageid=lid); INSERT INTO f (a, lid) VALUES ('x', 4)",
        new: "CREATE VIRTUAL TABLE f USING fts4 (a)",
        stripped: &[(DropsColumn, "would drop column f.lid with its values")],
    },
    Change {
        old: "CREATE VIRTUAL TABLE r USING rtree (id, a, b, +c); INSERT INTO r VALUES (1, 2, 3, 'x')",
        new: "CREATE VIRTUAL TABLE r USING rtree (id, a, b)",
        stripped: &[(DropsColumn, "would drop column r.c with its values")],
    },
    Change {
        old: "CREATE TABLE d (a); CREATE VIRTUAL TABLE f USING fts5 (a); INSERT INTO f VALUES ('x')",
        new: "CREATE TABLE d (a); CREATE VIRTUAL TABLE f USING fts5 (a, content = d)",
        stripped: &[(DropsTable, "would keep an index over another table and not the rows of f")],
    },
    Change {
        old: "CREATE TABLE d (a); INSERT INTO d VALUES ('other'); CREATE VIRTUAL TABLE f USING fts5 (a); INSERT INTO f VALUES ('x')",
        new: "CREATE TABLE d (a); CREATE VIRTUAL TABLE f USING fts5 (a, content = d)",
        stripped: &[(DropsTable, "would keep an index over another table and not the rows of f")],
    },
    Change {
        old: "CREATE VIRTUAL TABLE f USING fts5 (a, content = ''); INSERT INTO f (rowid, a) VALUES (1, 'x')",
        new: "CREATE VIRTUAL TABLE f USING fts5 (a, b, content = '')",
        stripped: &[(DropsTable, "would lose 1 of the 1 row of f")],
    },
    Change {
        old: "CREATE TABLE t (a INTEGER, b INTEGER); INSERT INTO t VALUES (1, 7)",
        new: "CREATE TABLE t (a INTEGER, b INTEGER AS (a * 2))",
        stripped: &[(ChangesValues, "would compute other values of t.b than it held")],
    },
    Change {
        old: "CREATE TABLE t (a INTEGER, b TEXT); INSERT INTO t (rowid, a, b) VALUES (40, 1, 'x')",
        new: "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)",
        stripped: &[(RenumbersRowids, "would renumber the rowids of t")],
    },
];

#[test]
fn a_loss_that_no_hazard_names_is_refused_by_sqlites_own_counts() {
    let mut seen = String::new();
    for change in CHANGES {
        for mode in [FastPath::Off, FastPath::Proved, FastPath::Full] {
            for (name, expected) in change.stripped {
                let said = without(change, mode, *name);
                let said = said.err().map(|error| error.message).unwrap_or_default();
                assert_eq!(said.is_empty(), expected.is_empty(), "{} without {name}: {said}", change.new);
                assert!(said.contains(expected), "{} without {name}: {said}", change.new);
            }
        }
        for (name, expected) in change.stripped {
            seen.push_str(&format!("{} => {} without {name}: {expected}\n", change.old, change.new));
        }
    }
    println!("{seen}");
    let names =
        |name| CHANGES.iter().flat_map(|change| change.stripped).any(|(stripped, _)| *stripped == name);
    // What cannot be used loses no row.
    let approvable =
        HazardName::ALL.into_iter().filter(|name| name.is_approvable() && *name != HazardName::Unusable);
    assert!(approvable.into_iter().all(names), "a hazard that no change here is without");
}

/// Applies a plan whose hazards are all approved but for those of one name, which it never had.
fn without(change: &Change, fast_path: FastPath, stripped: HazardName) -> Result<(), Error> {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("db");
    Connection::open(&db).unwrap().execute_batch(change.old).unwrap();
    let allow =
        ["DROPS_TABLE:*", "DROPS_COLUMN:*", "LOOKS_LIKE_RENAME:*", "CHANGES_VALUES:*", "RENUMBERS_ROWIDS:*"];
    let allow = allow.iter().map(|approval| approval.parse().unwrap()).collect();
    let settings = Settings { planner: PlannerChoice::Builtin, fast_path, allow, ..Settings::default() };
    let declared = Declared::parse(Path::new("schema.sql"), change.new, &settings)?;
    let mut prepared = prepare(&db, &declared, &settings, &mut ())?;
    let before = dump(&db);
    let removed = prepared.strip(stripped);
    assert!(removed > 0, "{} has no {stripped}", change.new);
    let result = prepared.apply(&mut ()).map(|_| ());
    if let Err(error) = &result {
        assert_eq!(error.kind, ErrorKind::Apply, "{error}");
        assert_eq!(dump(&db), before, "{error}");
    }
    result
}

fn dump(db: &Path) -> Vec<u8> {
    std::fs::read(db).unwrap()
}
