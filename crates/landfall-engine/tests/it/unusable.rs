//! What CREATE lets pass and no statement can use is refused with its line, for its object, in every mode of `fast-path`. What the
//! database has already is a note.

use landfall_engine::{ErrorKind, FastPath, HazardName, Outcome};

use crate::support::{Bench, MODES};

struct Case {
    name: &'static str,
    old: &'static str,
    new: &'static str,
    /// What is refused, by object, with what is said behind it.
    refused: &'static [(&'static str, &'static str)],
    /// Statements of a service that fail afterwards.
    fails: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        name: "the parent key is not unique any more",
        old: "CREATE TABLE parent (id INTEGER PRIMARY KEY, code TEXT UNIQUE);
            CREATE TABLE child (id INTEGER PRIMARY KEY, code TEXT REFERENCES parent(code));
            INSERT INTO parent VALUES (1, 'a'); INSERT INTO child VALUES (1, 'a')",
        new: "CREATE TABLE parent (id INTEGER PRIMARY KEY, code TEXT);
            CREATE TABLE child (id INTEGER PRIMARY KEY,
              code TEXT REFERENCES parent(code))",
        refused: &[(
            "child",
            "schema.sql:3: table child cannot be used: FOREIGN KEY (code) refers to parent (code), which is neither PRIMARY KEY nor UNIQUE",
        )],
        fails: &["INSERT INTO child VALUES (2, 'a')", "DELETE FROM parent", "DELETE FROM child"],
    },
    Case {
        name: "a parent table that is not there",
        old: "CREATE TABLE customers (id INTEGER PRIMARY KEY)",
        new: "CREATE TABLE customers (id INTEGER PRIMARY KEY);
            CREATE TABLE o (c INTEGER REFERENCES custmers(id))",
        refused: &[(
            "o",
            "schema.sql:2: table o cannot be used: FOREIGN KEY (c) refers to table custmers, which is not declared",
        )],
        fails: &["INSERT INTO o VALUES (1)"],
    },
    Case {
        name: "a parent column that is not there",
        old: "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT UNIQUE)",
        new: "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
            CREATE TABLE o (c TEXT, d INTEGER REFERENCES customers,
              FOREIGN KEY (c) REFERENCES customers(nme))",
        refused: &[(
            "o",
            "schema.sql:3: table o cannot be used: FOREIGN KEY (c) refers to customers.nme, which is not declared",
        )],
        fails: &["INSERT INTO o VALUES ('x', NULL)"],
    },
    Case {
        name: "a primary key of another number of columns, two keys of one table",
        old: "CREATE TABLE other (a)",
        new: "CREATE TABLE other (a); CREATE TABLE p (a, b, PRIMARY KEY (a, b));
            CREATE TABLE c (
              a REFERENCES p,
              b REFERENCES p(b) DEFERRABLE INITIALLY DEFERRED,
              x, y, FOREIGN KEY (x, y) REFERENCES p)",
        refused: &[
            (
                "c",
                "schema.sql:3: table c cannot be used: FOREIGN KEY (a) refers to the PRIMARY KEY of p, which has none of as many columns",
            ),
            (
                "c",
                "schema.sql:4: table c cannot be used: FOREIGN KEY (b) refers to p (b), which is neither PRIMARY KEY nor UNIQUE",
            ),
        ],
        fails: &["INSERT INTO c (x) VALUES (1)"],
    },
    Case {
        name: "a parent key that is unique in part, and one under another collation",
        old: "CREATE TABLE other (a)",
        new: "CREATE TABLE other (a); CREATE TABLE p (a TEXT, b TEXT COLLATE NOCASE);
            CREATE UNIQUE INDEX i ON p (a) WHERE a > 0; CREATE UNIQUE INDEX j ON p (b COLLATE BINARY);
            CREATE TABLE c (a REFERENCES p(a));
            CREATE TABLE d (b REFERENCES p(b))",
        refused: &[("c", "schema.sql:3: table c"), ("d", "schema.sql:4: table d")],
        fails: &["INSERT INTO c VALUES (1)", "INSERT INTO d VALUES (1)"],
    },
    Case {
        name: "a view as a parent",
        old: "CREATE TABLE other (a)",
        new: "CREATE TABLE other (a); CREATE VIEW v AS SELECT a FROM other; CREATE TABLE c (a REFERENCES v(a))",
        refused: &[("c", "schema.sql:1: table c cannot be used: FOREIGN KEY (a) refers to v, which is no ordinary table")],
        fails: &["INSERT INTO c VALUES (1)"],
    },
    Case {
        name: "a view of what is nowhere, and a view over it",
        old: "CREATE TABLE other (a)",
        new: "CREATE TABLE other (a);
            CREATE VIEW v AS
              SELECT nope FROM nowhere;
            CREATE VIEW above AS SELECT * FROM v",
        refused: &[("v", "schema.sql:3: view v cannot be used: no such table: nowhere")],
        fails: &["SELECT * FROM v", "SELECT * FROM above"],
    },
    Case {
        name: "views that read each other",
        old: "CREATE TABLE other (a)",
        new: "CREATE TABLE other (a); CREATE VIEW v AS SELECT * FROM w; CREATE VIEW w AS SELECT * FROM v",
        refused: &[("v", "view v cannot be used: view v is circularly defined"), ("w", "view w")],
        fails: &["SELECT * FROM v"],
    },
    Case {
        name: "a view over a column that a directive renames",
        old: "CREATE TABLE t (id INTEGER PRIMARY KEY, old TEXT); INSERT INTO t VALUES (1, 'x');
            CREATE VIEW v AS SELECT old FROM t",
        new: "CREATE TABLE t (id INTEGER PRIMARY KEY,
              new TEXT -- @renamed from=old
            );
            CREATE VIEW v AS SELECT old FROM t",
        refused: &[("v", "schema.sql:4: view v cannot be used: no such column: old")],
        fails: &["SELECT * FROM v"],
    },
    Case {
        name: "a trigger that writes into a table that is not there, which another trigger fires",
        old: "CREATE TABLE t (a); CREATE TABLE u (a)",
        new: "CREATE TABLE t (a); CREATE TABLE u (a);
            CREATE TRIGGER log AFTER INSERT ON t BEGIN
              INSERT INTO missing VALUES (NEW.a);
            END;
            CREATE TRIGGER far AFTER DELETE ON u BEGIN INSERT INTO t VALUES (OLD.a); END",
        refused: &[("log", "schema.sql:3: trigger log cannot be used: no such table: missing")],
        fails: &["INSERT INTO t VALUES (1)", "DELETE FROM u"],
    },
    Case {
        name: "two triggers of one table, and one that writes to its own table",
        old: "CREATE TABLE t (a)",
        new: "CREATE TABLE t (a);
            CREATE TRIGGER one AFTER INSERT ON t BEGIN DELETE FROM t WHERE a = 0; INSERT INTO missing VALUES (1); END;
            CREATE TRIGGER two AFTER INSERT ON t BEGIN SELECT nope(NEW.b); END;
            CREATE TRIGGER fine AFTER INSERT ON t BEGIN SELECT NEW.a; END",
        refused: &[("one", "schema.sql:2: trigger one"), ("two", "schema.sql:3: trigger two cannot be used: no such column: NEW.b")],
        fails: &["INSERT INTO t VALUES (1)"],
    },
    Case {
        name: "triggers of a view",
        old: "CREATE TABLE t (a)",
        new: "CREATE TABLE t (a); CREATE VIEW v AS SELECT a FROM t;
            CREATE TRIGGER good INSTEAD OF DELETE ON v BEGIN DELETE FROM t WHERE a = OLD.a; END;
            CREATE TRIGGER bad INSTEAD OF UPDATE ON v BEGIN UPDATE t SET b = NEW.a; END",
        refused: &[("bad", "schema.sql:3: trigger bad cannot be used: no such column: b")],
        fails: &["UPDATE v SET a = 1"],
    },
    Case {
        name: "a trigger of a column that is not there never fires",
        old: "CREATE TABLE t (a)",
        new: "CREATE TABLE t (a); CREATE TRIGGER r AFTER UPDATE OF a, gone ON t BEGIN SELECT 1; END",
        refused: &[("r", "schema.sql:1: trigger r cannot be used: no such column: t.gone")],
        fails: &[],
    },
    Case {
        name: "a trigger that writes to a view",
        old: "CREATE TABLE t (a)",
        new: "CREATE TABLE t (a); CREATE VIEW v AS SELECT a FROM t;
            CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO v VALUES (1); END",
        refused: &[("r", "schema.sql:2: trigger r cannot be used: cannot modify v because it is a view")],
        fails: &["INSERT INTO t VALUES (1)"],
    },
    Case {
        name: "full-text indexes over a table, or a column, that is not there",
        old: "CREATE TABLE d (title TEXT)",
        new: "CREATE TABLE d (title TEXT);
            CREATE VIRTUAL TABLE f USING fts5 (title, content = 'e');
            CREATE VIRTUAL TABLE g USING fts5 (body, content = 'd');
            CREATE VIRTUAL TABLE h USING fts4 (body, content=\"d\")",
        refused: &[("f", "schema.sql:2: table f cannot be used: no such table: e"), ("g", "schema.sql:3: table g cannot be used: no such column: T.body"), ("h", "schema.sql:4: table h")],
        fails: &["SELECT * FROM f", "SELECT * FROM g"],
    },
    Case {
        name: "a key that makes deletes of a sound table fail in an old trigger",
        old: "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p INTEGER);
            CREATE TRIGGER r AFTER DELETE ON c BEGIN INSERT INTO missing VALUES (1); END",
        new: "CREATE TABLE p (id INTEGER PRIMARY KEY);
            CREATE TABLE c (p INTEGER REFERENCES p(id) ON DELETE CASCADE);
            CREATE TRIGGER r AFTER DELETE ON c BEGIN INSERT INTO missing VALUES (1); END",
        refused: &[("p", "schema.sql:1: table p cannot be used: no such table: missing")],
        fails: &["DELETE FROM p"],
    },
    Case {
        name: "a second fault behind an old one",
        old: "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (a REFERENCES gone(id), b)",
        new: "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (a REFERENCES gone(id),
              b REFERENCES gone(id))",
        refused: &[("c", "schema.sql:2: table c cannot be used: FOREIGN KEY (b) refers to table gone")],
        fails: &["INSERT INTO c VALUES (1, 1)"],
    },
];

fn bench(case: &Case, mode: FastPath) -> Bench {
    Bench::new(case.old).with(|s| s.fast_path = mode)
}

#[test]
fn what_nothing_can_use_is_refused_with_its_line_until_it_is_approved() {
    for case in CASES {
        for mode in MODES {
            let place = format!("{}, {mode:?}", case.name);
            let bench = bench(case, mode);
            let error = bench.refuses(case.new);
            assert_eq!((error.kind, error.kind.exit_code()), (ErrorKind::Hazard, 3), "{place}: {error}");
            let told: Vec<_> =
                error.message.lines().filter(|line| line.starts_with("  UNUSABLE: ")).collect();
            assert_eq!(told.len(), case.refused.len(), "{place}: {error}");
            for (line, (object, said)) in told.iter().zip(case.refused) {
                assert!(line.contains(said), "{place}: {line}");
                assert!(error.message.contains(&format!("approve UNUSABLE:{object} ")), "{place}: {error}");
            }
            // Each approval is for its object alone.
            let objects: std::collections::BTreeSet<_> =
                case.refused.iter().map(|(object, _)| *object).collect();
            for object in &objects {
                let rest = objects.iter().filter(|other| *other != object);
                let allow = rest.map(|object| format!("UNUSABLE:{object}").parse().unwrap()).collect();
                let less = self::bench(case, mode).with(|s| s.allow = allow);
                assert_eq!(less.refuses(case.new).kind, ErrorKind::Hazard, "{place}: {object}");
            }
            let allow = objects.iter().map(|object| format!("UNUSABLE:{object}").parse().unwrap()).collect();
            let bench = bench.with(|s| s.allow = allow);
            let report = bench.migrate(case.new).unwrap_or_else(|error| panic!("{place}: {error}"));
            assert_eq!(bench.migrate(case.new).unwrap().outcome, Outcome::InSync, "{place}");
            let hazards = report.plan.unwrap().hazards;
            let approved = hazards.iter().filter(|h| h.name == HazardName::Unusable && !h.stops()).count();
            assert_eq!(approved, case.refused.len(), "{place}");
            // What was said is so.
            let service = bench.open();
            service.pragma_update(None, "foreign_keys", true).unwrap();
            for sql in case.fails {
                assert!(service.execute_batch(sql).is_err(), "{place}: {sql} works");
            }
        }
    }
}

#[test]
fn an_unusable_schema_is_refused_for_a_new_database_too() {
    for case in CASES.iter().filter(|case| !case.new.contains("@renamed")) {
        for mode in MODES {
            let bench = Bench::new("").with(|s| s.fast_path = mode);
            std::fs::remove_file(bench.db()).unwrap();
            let error = bench.migrate(case.new).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Hazard, "{}: {error}", case.name);
            assert!(error.message.contains("UNUSABLE: schema.sql:"), "{}: {error}", case.name);
            assert!(!bench.db().exists(), "{}", case.name);
        }
    }
}

#[test]
fn a_fault_that_the_database_has_already_is_a_note_and_stops_nothing() {
    for case in CASES.iter().filter(|case| !case.new.contains("@renamed")) {
        for mode in MODES {
            let bench = Bench::new(case.new).with(|s| s.fast_path = mode);
            let same = bench.migrate(case.new).unwrap();
            assert_eq!(same.outcome, Outcome::InSync, "{}", case.name);
            assert!(same.notes.iter().all(|note| note.contains("as it is in the database already")));
            assert!(!same.notes.is_empty(), "{}", case.name);
            let more = format!("{}; CREATE TABLE one_more (a)", case.new);
            let report = bench.migrate(&more).unwrap_or_else(|error| panic!("{}: {error}", case.name));
            assert_eq!(report.notes, same.notes, "{}", case.name);
            assert!(report.plan.unwrap().hazards.is_empty(), "{}", case.name);
        }
    }
}

#[test]
fn a_check_names_what_the_plan_would_refuse() {
    for case in CASES {
        let bench = bench(case, FastPath::Full);
        let declared = bench.declared(case.new).unwrap();
        let checked = landfall_engine::check(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
        for (object, said) in case.refused {
            let names =
                |note: &&String| note.contains(said) && note.ends_with(&format!("(UNUSABLE:{object})"));
            assert!(checked.notes.iter().any(|note| names(&note)), "{}: {:?}", case.name, checked.notes);
        }
    }
}

/// SQLite says nothing of such a view: it shows the name itself, row by row.
#[test]
fn a_quoted_name_whose_column_goes_would_be_a_text_and_is_refused() {
    let old = "CREATE TABLE customers (id INTEGER PRIMARY KEY, nme TEXT, kind TEXT); INSERT INTO customers VALUES (1, 'Ada', 'a');
        CREATE TABLE log (what TEXT)";
    let view = "CREATE VIEW names AS SELECT \"nme\" AS name FROM customers WHERE kind <> \"none\"";
    let trigger = "CREATE TRIGGER logged AFTER UPDATE ON customers BEGIN INSERT INTO log SELECT \"nme\" FROM customers; END";
    let new = |column: &str, use_: &str| {
        format!(
            "CREATE TABLE customers (id INTEGER PRIMARY KEY, {column}, kind TEXT);\nCREATE TABLE log (what TEXT);\n{use_}"
        )
    };
    for (object, kind, use_) in [("names", "view", view), ("logged", "trigger", trigger)] {
        for mode in MODES {
            let bench = Bench::new(&format!("{old}; {use_}")).with(|s| s.fast_path = mode);
            let renamed = new("name TEXT -- @renamed from=nme\n", use_);
            let error = bench.refuses(&renamed);
            assert_eq!(error.kind, ErrorKind::Hazard, "{error}");
            let said = format!(
                "{kind} {object} means something else: no column is called nme, so that SQLite reads \"nme\" as a text"
            );
            assert!(error.message.contains(&said), "{error}");
            // A text in double quotes that never was a column is a text as before.
            bench.reaches(&new("nme TEXT, more TEXT", use_));
            let allow = vec![format!("UNUSABLE:{object}").parse().unwrap()];
            let bench =
                Bench::new(&format!("{old}; {use_}")).with(|s| (s.fast_path, s.allow) = (mode, allow));
            bench.reaches(&renamed);
            bench.with(|s| s.allow.clear()).reaches(&renamed.replace("kind TEXT)", "kind TEXT, more TEXT)"));
        }
    }
}

#[test]
fn a_sound_schema_has_no_faults_whatever_is_in_it() {
    let sound = "CREATE TABLE p (id INTEGER PRIMARY KEY, a TEXT UNIQUE, b, c AS (a || b), UNIQUE (b, a));
        CREATE TABLE w (k TEXT PRIMARY KEY COLLATE NOCASE) WITHOUT ROWID;
        CREATE TABLE c (p REFERENCES p, a REFERENCES p(a), b, k REFERENCES w, self REFERENCES c(p), UNIQUE (p),
          FOREIGN KEY (a, b) REFERENCES p(a, b) ON DELETE CASCADE) STRICT".replace(") STRICT", ")")
        + "; CREATE VIEW v AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n;
        CREATE TRIGGER r AFTER UPDATE OF p, self ON c WHEN NEW.p > OLD.p BEGIN INSERT INTO p (a) VALUES (NEW.a); DELETE FROM c; END;
        CREATE TRIGGER i INSTEAD OF INSERT ON v BEGIN INSERT INTO p (id) VALUES (NEW.i); END;
        CREATE VIRTUAL TABLE f USING fts5 (a, content = 'p', content_rowid = 'id');
        CREATE VIRTUAL TABLE words USING fts5vocab (f, row);
        CREATE VIRTUAL TABLE box USING rtree (id, low, high);
        CREATE TABLE every_rowid_name_is_taken (rowid, oid, _rowid_)";
    let report = Bench::new("").reaches(&sound);
    let hazards = report.plan.unwrap().hazards;
    assert!(report.notes.is_empty() && hazards.iter().all(|h| h.name != HazardName::Unusable), "{hazards:?}");
}
