//! Rows without a parent: those that had none before stop nothing, and a new one hides behind no old one. In every mode of
//! `fast-path`.

use landfall_engine::ErrorKind;

use crate::support::{Bench, MODES};

struct Case {
    name: &'static str,
    old: &'static str,
    new: &'static str,
    allow: &'static [&'static str],
    /// What is said of rows that lose their parent; `None` where none does.
    refused: Option<&'static str>,
}

const fn case(
    name: &'static str,
    old: &'static str,
    new: &'static str,
    allow: &'static [&'static str],
    refused: Option<&'static str>,
) -> Case {
    Case { name, old, new, allow, refused }
}

const CASES: &[Case] = &[
    case(
        "a table beside a child of no table",
        "CREATE TABLE c(p INT REFERENCES nowhere(id)); INSERT INTO c VALUES (1)",
        "CREATE TABLE c(p INT REFERENCES nowhere(id)); CREATE TABLE beside (a)",
        &[],
        None,
    ),
    case(
        "what an old rename has left behind, and the child itself is written anew",
        "CREATE TABLE ciphers (id TEXT PRIMARY KEY); CREATE TABLE a (c TEXT REFERENCES \"oldciphers\", n INTEGER);
         INSERT INTO a VALUES ('x', 1), (NULL, 2)",
        "CREATE TABLE ciphers (id TEXT PRIMARY KEY); CREATE TABLE a (c TEXT REFERENCES \"oldciphers\", n TEXT DEFAULT CURRENT_TIME, m AS (n) STORED)",
        &[],
        None,
    ),
    case(
        "the parent of a key that names no columns goes",
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p INTEGER REFERENCES p);
         INSERT INTO p VALUES (1); INSERT INTO c VALUES (1), (2), (NULL)",
        "CREATE TABLE c (p INTEGER REFERENCES p)",
        &["DROPS_TABLE:p", "UNUSABLE:c"],
        Some("would leave 1 row of c without their parent in p"),
    ),
    case(
        "the parent of a key that names no columns goes, and no row had it",
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p INTEGER REFERENCES p);
         INSERT INTO c VALUES (2), (NULL)",
        "CREATE TABLE c (p INTEGER REFERENCES p)",
        &["DROPS_TABLE:p", "UNUSABLE:c"],
        None,
    ),
    case(
        "a child of no table gets another name, and so does its column",
        "CREATE TABLE c(p INT REFERENCES nowhere(id)); INSERT INTO c VALUES (1)",
        "-- @renamed from=c\nCREATE TABLE d(\n  q INT REFERENCES nowhere(id) -- @renamed from=p\n)",
        &[],
        None,
    ),
    case(
        "the table that was missing comes",
        "CREATE TABLE c(p INT REFERENCES nowhere(id)); INSERT INTO c VALUES (1)",
        "CREATE TABLE c(p INT REFERENCES nowhere(id)); CREATE TABLE nowhere (id INTEGER PRIMARY KEY)",
        &[],
        None,
    ),
    case(
        "the key that was missing comes, and an orphan is one still",
        "CREATE TABLE p (k TEXT); CREATE TABLE c (k TEXT REFERENCES p(k));
         INSERT INTO p VALUES ('a'); INSERT INTO c VALUES ('a'), ('none')",
        "CREATE TABLE p (k TEXT UNIQUE); CREATE TABLE c (k TEXT REFERENCES p(k))",
        &[],
        None,
    ),
    case(
        "a key that is new beside one of no table",
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c(a INT REFERENCES nowhere(id), b INT);
         INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 2)",
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c(a INT REFERENCES nowhere(id), b INT REFERENCES p(id))",
        &[],
        Some("no row of p for FOREIGN KEY (b)"),
    ),
    case(
        "a key to a table that is new",
        "CREATE TABLE c(a INT); INSERT INTO c VALUES (1)",
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c(a INT REFERENCES p(id))",
        &[],
        Some("no row of p for FOREIGN KEY (a)"),
    ),
    case(
        "a parent goes, and so do its rows",
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c(a INT REFERENCES p(id));
         INSERT INTO p VALUES (1); INSERT INTO c VALUES (1), (2)",
        "CREATE TABLE c(a INT REFERENCES p(id))",
        &["DROPS_TABLE:p", "UNUSABLE:c"],
        Some("would leave 1 row of c without their parent in p"),
    ),
    case(
        "a key to no table is a matter of its own",
        "CREATE TABLE c(a INT); INSERT INTO c VALUES (1)",
        "CREATE TABLE c(a INT REFERENCES p(id))",
        &["UNUSABLE:c"],
        None,
    ),
    case(
        "a new orphan behind one that the change repairs, without rowids",
        "CREATE TABLE q(k TEXT PRIMARY KEY COLLATE NOCASE) WITHOUT ROWID;
         CREATE TABLE c(k TEXT PRIMARY KEY, p TEXT COLLATE NOCASE REFERENCES q(k)) WITHOUT ROWID;
         INSERT INTO q VALUES ('1.0'), ('a'); INSERT INTO c VALUES ('r1', '1'), ('r2', 'A')",
        "CREATE TABLE q(k NUMERIC PRIMARY KEY) WITHOUT ROWID;
         CREATE TABLE c(k TEXT PRIMARY KEY, p TEXT COLLATE NOCASE REFERENCES q(k)) WITHOUT ROWID",
        &["CHANGES_VALUES:q.k"],
        Some("would leave 1 row of c without their parent in q"),
    ),
    case(
        "the same where rowids are renumbered",
        "CREATE TABLE q(k TEXT PRIMARY KEY COLLATE NOCASE);
         CREATE TABLE c(k TEXT, p TEXT COLLATE NOCASE REFERENCES q(k));
         INSERT INTO q VALUES ('1.0'), ('a'); INSERT INTO c VALUES ('r1', '1'), ('r2', 'A')",
        "CREATE TABLE q(k NUMERIC PRIMARY KEY) WITHOUT ROWID;
         CREATE TABLE c(k TEXT PRIMARY KEY, p TEXT COLLATE NOCASE REFERENCES q(k)) WITHOUT ROWID",
        &["CHANGES_VALUES:q.k", "RENUMBERS_ROWIDS:*"],
        Some("would leave 1 row of c without their parent in q"),
    ),
    case(
        "the same with rowids",
        "CREATE TABLE q(k TEXT PRIMARY KEY COLLATE NOCASE);
         CREATE TABLE c(k TEXT, p TEXT COLLATE NOCASE REFERENCES q(k));
         INSERT INTO q VALUES ('1.0'), ('a'); INSERT INTO c VALUES ('r1', '1'), ('r2', 'A')",
        "CREATE TABLE q(k NUMERIC PRIMARY KEY);
         CREATE TABLE c(k TEXT, p TEXT COLLATE NOCASE REFERENCES q(k))",
        &["CHANGES_VALUES:q.k"],
        Some("would leave 1 row of c without their parent in q"),
    ),
    case(
        "a new orphan of one key behind an old one of another, both in one row and to one table",
        "CREATE TABLE q(k TEXT PRIMARY KEY COLLATE NOCASE);
         CREATE TABLE c(a TEXT REFERENCES q(k), b TEXT REFERENCES q(k));
         INSERT INTO q VALUES ('1.0'), ('a'); INSERT INTO c VALUES ('1', 'A')",
        "CREATE TABLE q(k NUMERIC PRIMARY KEY);
         CREATE TABLE c(a TEXT REFERENCES q(k), b TEXT REFERENCES q(k))",
        &["CHANGES_VALUES:q.k"],
        Some("would leave 1 row of c without their parent in q"),
    ),
    case(
        "a child of old orphans gets rowids",
        "CREATE TABLE q(k TEXT PRIMARY KEY); CREATE TABLE c(k TEXT PRIMARY KEY, p TEXT REFERENCES q(k)) WITHOUT ROWID;
         INSERT INTO q VALUES ('a'); INSERT INTO c VALUES ('r1', 'none'), ('r2', 'a'), ('r3', 'none')",
        "CREATE TABLE q(k TEXT PRIMARY KEY, more); CREATE TABLE c(k TEXT PRIMARY KEY, p TEXT REFERENCES q(k))",
        &[],
        None,
    ),
    case(
        "a child of old orphans loses its rowids",
        "CREATE TABLE q(k TEXT PRIMARY KEY); CREATE TABLE c(k TEXT PRIMARY KEY, p TEXT REFERENCES q(k));
         INSERT INTO q VALUES ('a'); INSERT INTO c VALUES ('r1', 'none'), ('r2', 'a'), ('r3', 'none')",
        "CREATE TABLE q(k TEXT PRIMARY KEY, more); CREATE TABLE c(k TEXT PRIMARY KEY, p TEXT REFERENCES q(k)) WITHOUT ROWID",
        &["RENUMBERS_ROWIDS:c"],
        None,
    ),
    case(
        "old orphans whose keys are stored differently",
        "CREATE TABLE q(k INTEGER PRIMARY KEY); CREATE TABLE c(k TEXT PRIMARY KEY, p TEXT REFERENCES q(k)) WITHOUT ROWID;
         INSERT INTO c VALUES ('1', '7'), ('01', '8'), ('x', '9')",
        "CREATE TABLE q(k INTEGER PRIMARY KEY); CREATE TABLE c(k TEXT PRIMARY KEY, p INTEGER REFERENCES q(k)) WITHOUT ROWID",
        &[],
        None,
    ),
];

#[test]
fn only_a_row_that_had_its_parent_stops_a_change() {
    for case in CASES {
        for mode in MODES {
            let place = format!("{}, {mode:?}", case.name);
            let bench = Bench::new(case.old).with(|s| {
                (s.fast_path, s.allow) = (mode, case.allow.iter().map(|a| a.parse().unwrap()).collect());
            });
            match case.refused {
                None => {
                    println!("{place}");
                    bench.reaches(case.new);
                }
                Some(said) => {
                    let error = bench.refuses(case.new);
                    assert_eq!(error.kind, ErrorKind::Hazard, "{place}: {error}");
                    assert!(error.message.contains("VIOLATED_CONSTRAINT"), "{place}: {error}");
                    assert!(error.message.contains(said), "{place}: {error}");
                }
            }
        }
    }
}

#[test]
fn an_orphan_that_no_sample_has_is_found_in_the_transaction() {
    // Neither of the first and last rows, nor of those in between that a proof takes.
    let rows = "WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
        INSERT INTO c SELECT printf('%05d', i), CASE i WHEN 1234 THEN '1' WHEN 1235 THEN 'A' ELSE 'a' END FROM n";
    let bench = Bench::new(&format!(
        "CREATE TABLE q(k TEXT PRIMARY KEY COLLATE NOCASE) WITHOUT ROWID;
         CREATE TABLE c(k TEXT PRIMARY KEY, p TEXT REFERENCES q(k)) WITHOUT ROWID;
         INSERT INTO q VALUES ('1.0'), ('a'); {rows}"
    ))
    .with(|s| s.allow = vec!["CHANGES_VALUES:q.k".parse().unwrap()]);
    let error = bench.refuses(
        "CREATE TABLE q(k NUMERIC PRIMARY KEY) WITHOUT ROWID;
         CREATE TABLE c(k TEXT PRIMARY KEY, p TEXT REFERENCES q(k)) WITHOUT ROWID",
    );
    assert_eq!(error.kind, ErrorKind::Hazard, "{error}");
    assert!(error.told().contains("it was rolled back; nothing was changed"), "{error}");
}
