//! Names that SQLite reads as something else, or that no plain text can hold: the commonest changes beside each of them, in every
//! mode of `fast-path`. What a refusal offers works as it is printed.

use landfall_engine::{Approval, Error, FastPath, Outcome};

use crate::support::Bench;
use landfall_testkit::hostile::quoted;

const NAMES: [&str; 23] = [
    "true",
    "FALSE",
    "null",
    "rowid",
    "oid",
    "_ROWID_",
    "current_date",
    "Current_Time",
    "CURRENT_TIMESTAMP",
    "select",
    "column1",
    "random",
    "a.b",
    ".",
    "*",
    "a,b",
    "",
    "two\nlines",
    "quo\"te's",
    "back\\slash\\n",
    "\u{1b}]0;title\u{7}",
    "::\u{202e}error",
    "##[\u{2028}",
];

/// A change: the old schema with its rows, the new one, and what a query finds afterwards. `N` is the name, quoted.
type Change = (&'static str, &'static str, &'static str, &'static str, &'static str);

/// With a gap among the rowids.
const ROWS: &str = "INSERT INTO t (N) VALUES ('a'), ('gone'), ('b'); DELETE FROM t WHERE N = 'gone'";
const X: &str = "INSERT INTO t (x) VALUES ('a'), ('gone'), ('b'); DELETE FROM t WHERE x = 'gone'";

const CHANGES: &[Change] = &[
    ("unique", "CREATE TABLE t (N TEXT)", ROWS, "CREATE TABLE t (N TEXT UNIQUE)", "SELECT N FROM t"),
    (
        "a unique index",
        "CREATE TABLE t (N TEXT)",
        ROWS,
        "CREATE TABLE t (N TEXT); CREATE UNIQUE INDEX i ON t (N)",
        "SELECT N FROM t",
    ),
    (
        "an index on an expression",
        "CREATE TABLE t (N TEXT)",
        ROWS,
        "CREATE TABLE t (N TEXT); CREATE UNIQUE INDEX i ON t (lower(N)) WHERE N <> 'z'",
        "SELECT N FROM t",
    ),
    ("not null", "CREATE TABLE t (N TEXT)", ROWS, "CREATE TABLE t (N TEXT NOT NULL)", "SELECT N FROM t"),
    (
        "a check",
        "CREATE TABLE t (N TEXT)",
        ROWS,
        "CREATE TABLE t (N TEXT CHECK (N <> 'z'))",
        "SELECT N FROM t",
    ),
    (
        "a collation",
        "CREATE TABLE t (N TEXT)",
        ROWS,
        "CREATE TABLE t (N TEXT COLLATE NOCASE UNIQUE)",
        "SELECT N FROM t",
    ),
    (
        "a default and a column more",
        "CREATE TABLE t (N TEXT)",
        ROWS,
        "CREATE TABLE t (N TEXT DEFAULT 'x', more TEXT)",
        "SELECT N FROM t",
    ),
    (
        "a key without rowids",
        "CREATE TABLE t (N TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID",
        "INSERT INTO t VALUES ('a'), ('b')",
        "CREATE TABLE t (N TEXT NOT NULL PRIMARY KEY, more TEXT UNIQUE) WITHOUT ROWID",
        "SELECT N FROM t",
    ),
    (
        "a foreign key",
        "CREATE TABLE p (N TEXT UNIQUE); CREATE TABLE t (N TEXT)",
        "INSERT INTO p VALUES ('a'), ('gone'), ('b'); INSERT INTO t (N) VALUES ('a'), ('gone'), ('b'); DELETE FROM t WHERE N = 'gone'",
        "CREATE TABLE p (N TEXT UNIQUE); CREATE TABLE t (N TEXT REFERENCES p (N))",
        "SELECT N FROM t",
    ),
    (
        "a generated column",
        "CREATE TABLE t (N TEXT)",
        ROWS,
        "CREATE TABLE t (N TEXT, loud TEXT AS (upper(N)) STORED UNIQUE CHECK (loud = upper(N)))",
        "SELECT lower(loud) FROM t",
    ),
    (
        "another type",
        "CREATE TABLE t (N INTEGER)",
        ROWS,
        "CREATE TABLE t (N TEXT NOT NULL)",
        "SELECT N FROM t",
    ),
    (
        "DEFAULT true beside it",
        "CREATE TABLE t (N TEXT)",
        ROWS,
        "CREATE TABLE t (N TEXT, flag INTEGER NOT NULL DEFAULT true, off INTEGER DEFAULT false CHECK (off = 0))",
        "SELECT N FROM t WHERE flag = 1 AND off = 0",
    ),
    (
        "DEFAULT true beside it, where all is written anew",
        "CREATE TABLE t (N TEXT)",
        ROWS,
        "CREATE TABLE t (N TEXT UNIQUE, flag INTEGER NOT NULL DEFAULT (true) CHECK (flag = 1), off INTEGER DEFAULT (NOT true) CHECK (off = 0))",
        "SELECT N FROM t WHERE flag = 1 AND off = 0",
    ),
    (
        "DEFAULT true that goes",
        "CREATE TABLE t (N TEXT, flag INTEGER NOT NULL DEFAULT true)",
        ROWS,
        "CREATE TABLE t (N TEXT, flag INTEGER NOT NULL)",
        "SELECT N FROM t WHERE flag = 1",
    ),
    (
        "another DEFAULT over rows that are older than it",
        "CREATE TABLE t (N TEXT)",
        "INSERT INTO t (N) VALUES ('a'), ('gone'), ('b'); DELETE FROM t WHERE N = 'gone'; ALTER TABLE t ADD COLUMN flag INTEGER NOT NULL DEFAULT true",
        "CREATE TABLE t (N TEXT, flag INTEGER NOT NULL DEFAULT false)",
        "SELECT N FROM t WHERE flag = 1",
    ),
    (
        "renamed away",
        "CREATE TABLE t (N TEXT)",
        ROWS,
        "CREATE TABLE t (x TEXT -- @renamed from=D\n)",
        "SELECT x FROM t",
    ),
    (
        "renamed to it",
        "CREATE TABLE t (x TEXT)",
        X,
        "CREATE TABLE t (N TEXT -- @renamed from=x\n)",
        "SELECT N FROM t",
    ),
    (
        "renamed away, with a rule",
        "CREATE TABLE t (N TEXT)",
        ROWS,
        "CREATE TABLE t (x TEXT UNIQUE NOT NULL CHECK (x <> 'z') -- @renamed from=D\n)",
        "SELECT x FROM t",
    ),
    (
        "renamed to it, with a rule",
        "CREATE TABLE t (x TEXT)",
        X,
        "CREATE TABLE t (N TEXT UNIQUE NOT NULL CHECK (N <> 'z') -- @renamed from=x\n)",
        "SELECT N FROM t",
    ),
    (
        "renamed to it beside a key",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)",
        "INSERT INTO t VALUES (1, 'a'), (3, 'b')",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, N TEXT UNIQUE -- @renamed from=x\n)",
        "SELECT N FROM t",
    ),
    (
        "computed from it",
        "CREATE TABLE t (N TEXT)",
        ROWS,
        "CREATE TABLE t (N TEXT, loud TEXT UNIQUE -- @using upper(N)\n)",
        "SELECT lower(loud) FROM t",
    ),
    (
        "added, and computed",
        "CREATE TABLE t (x TEXT)",
        X,
        "CREATE TABLE t (x TEXT, N TEXT NOT NULL -- @using x\n)",
        "SELECT N FROM t",
    ),
    (
        "given up by directive",
        "CREATE TABLE t (x TEXT, N TEXT)",
        X,
        "CREATE TABLE t (x TEXT\n  -- @dropped D\n)",
        "SELECT x FROM t",
    ),
    (
        "a table of that name, written anew",
        "CREATE TABLE N (x TEXT)",
        "INSERT INTO N (x) VALUES ('a'), ('gone'), ('b'); DELETE FROM N WHERE x = 'gone'",
        "CREATE TABLE N (x TEXT UNIQUE, y INTEGER NOT NULL DEFAULT true, CHECK (x <> 'z'))",
        "SELECT x FROM N WHERE y = 1",
    ),
    (
        "a table of that name, renamed away",
        "CREATE TABLE N (x TEXT)",
        "INSERT INTO N (x) VALUES ('a'), ('gone'), ('b'); DELETE FROM N WHERE x = 'gone'",
        "-- @renamed from=D\nCREATE TABLE u (x TEXT)",
        "SELECT x FROM u",
    ),
    (
        "a table of that name, renamed to it",
        "CREATE TABLE u (x TEXT)",
        "INSERT INTO u (x) VALUES ('a'), ('gone'), ('b'); DELETE FROM u WHERE x = 'gone'",
        "-- @renamed from=u\nCREATE TABLE N (x TEXT NOT NULL)",
        "SELECT x FROM N",
    ),
];

/// A name as a directive takes it.
fn in_a_directive(name: &str) -> String {
    quoted(&name.replace('\\', "\\\\").replace('\n', "\\n"))
}

fn bench(old: &str, mode: FastPath) -> Bench {
    Bench::new(old).with(|settings| settings.fast_path = mode)
}

/// Whether a change comes to what it must come to, and to nothing the second time.
fn comes_true(bench: &Bench, change: &Change, name: &str) -> Result<(), String> {
    let (_, _, _, new, query) = change;
    let (new, query) = (fill(new, name), fill(query, name));
    bench.migrate(&new).map_err(|error| error.to_string())?;
    let again = bench.migrate(&new).map_err(|error| error.to_string())?;
    let (found, sound) = (bench.query(&query), bench.query("PRAGMA integrity_check"));
    let rowids = if new.contains("WITHOUT") { "1\n3".to_owned() } else { rowids(bench, &query, name) };
    match (again.outcome, found.as_str(), rowids.as_str(), sound.as_str()) {
        (Outcome::InSync, "a\nb", "1\n3", "ok") => Ok(()),
        told => Err(format!("{told:?}")),
    }
}

fn all_come_true(mode: FastPath) {
    let mut wrong = Vec::new();
    for name in NAMES {
        for change @ (what, old, rows, new, _) in CHANGES {
            // A directive ends with its line, and no name in an expression can say that it has two.
            if name.contains('\n') && new.contains("@using upper(N)") {
                continue;
            }
            let bench = bench(&format!("{};{}", fill(old, name), fill(rows, name)), mode);
            if let Err(told) = comes_true(&bench, change, name) {
                wrong.push(format!("{what}, {name:?}: {told}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_change_beside_every_name_keeps_what_is_there() {
    all_come_true(FastPath::Off);
}

#[test]
fn every_change_beside_every_name_keeps_what_is_there_with_proved_edits() {
    all_come_true(FastPath::Proved);
}

#[test]
fn every_change_beside_every_name_keeps_what_is_there_with_all_edits() {
    all_come_true(FastPath::Full);
}

/// The approval that a refusal offers, and the directive if it does.
fn offered(error: &Error, hazard: &str) -> (Approval, Option<String>) {
    let text = error.to_string();
    let (_, rest) = text.split_once(&format!("approve {hazard}:")).unwrap_or_else(|| panic!("{text}"));
    let approval = format!("{hazard}:{}", rest.lines().next().unwrap());
    let directive = text.split('`').find(|part| part.starts_with("-- @dropped")).map(str::to_owned);
    (approval.parse().unwrap_or_else(|error| panic!("{approval}: {error}")), directive)
}

#[test]
fn what_a_refusal_offers_for_a_name_works_as_it_is_printed() {
    for name in NAMES {
        let old =
            fill("CREATE TABLE t (id INTEGER PRIMARY KEY, N TEXT); INSERT INTO t VALUES (1, 'a')", name);
        let new = "CREATE TABLE t (\n  id INTEGER PRIMARY KEY\n);";
        let (approval, directive) = offered(&Bench::new(&old).refuses(new), "DROPS_COLUMN");
        Bench::new(&old).with(|settings| settings.allow = vec![approval]).reaches(new);
        let directive = directive.unwrap();
        Bench::new(&old).reaches(&new.replace("KEY\n", &format!("KEY\n  {directive}\n")));

        let old = fill("CREATE TABLE N (a TEXT); INSERT INTO N VALUES ('a')", name);
        let new = "CREATE TABLE other (b);";
        let (approval, directive) = offered(&Bench::new(&old).refuses(new), "DROPS_TABLE");
        Bench::new(&old).with(|settings| settings.allow = vec![approval]).reaches(new);
        Bench::new(&old).reaches(&format!("{}\n{new}", directive.unwrap()));

        let old = fill("CREATE TABLE N (N TEXT); INSERT INTO N VALUES ('007')", name);
        let new = fill("CREATE TABLE N (N INTEGER);", name);
        let (approval, _) = offered(&Bench::new(&old).refuses(&new), "CHANGES_VALUES");
        // As the environment of a boot holds it, beside another.
        let list = format!("DROPS_TABLE:x,{approval}");
        Bench::new(&old).with(|settings| settings.allow = Approval::list(&list).unwrap()).reaches(&new);

        // What looks like a rename offers the lines to paste.
        let old =
            fill("CREATE TABLE t (id INTEGER PRIMARY KEY, N TEXT); INSERT INTO t VALUES (1, 'a')", name);
        let new = "CREATE TABLE t (\n  id INTEGER PRIMARY KEY,\n  zzz TEXT\n);";
        let error = Bench::new(&old).refuses(new);
        let edit = error.report.as_ref().unwrap().hazards().find_map(|hazard| hazard.edit.clone());
        let edit = edit.unwrap_or_else(|| panic!("{error}"));
        assert_eq!((edit.first, edit.last), (3, 3), "{error}");
        let bench = Bench::new(&old);
        bench.reaches(&new.replace("  zzz TEXT", &edit.text));
        assert_eq!(bench.query("SELECT zzz FROM t"), "a", "{name:?}");
    }
}

#[test]
fn an_approval_of_a_column_is_none_of_a_table_with_a_dot_in_its_name() {
    let old = "CREATE TABLE t (id INTEGER PRIMARY KEY, \"a.b\" TEXT); CREATE TABLE \"t.a\" (id INTEGER PRIMARY KEY, b TEXT);
        INSERT INTO t VALUES (1, 'x'); INSERT INTO \"t.a\" VALUES (1, 'x')";
    let one =
        "CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE TABLE \"t.a\" (id INTEGER PRIMARY KEY, b TEXT);";
    let other = "CREATE TABLE t (id INTEGER PRIMARY KEY, \"a.b\" TEXT); CREATE TABLE \"t.a\" (id INTEGER PRIMARY KEY);";
    let allow = |text: &str| Bench::new(old).with(|settings| settings.allow = vec![text.parse().unwrap()]);
    for text in ["DROPS_COLUMN:t.a.b", "DROPS_COLUMN:\"t.a.b\""] {
        allow(text).refuses(one);
        allow(text).refuses(other);
    }
    allow("DROPS_COLUMN:t.\"a.b\"").reaches(one);
    allow("DROPS_COLUMN:t.\"a.b\"").refuses(other);
    allow("DROPS_COLUMN:\"t.a\".b").reaches(other);
    allow("DROPS_COLUMN:\"t.a\".b").refuses(one);
    // Quotes that nobody needs are none.
    allow("DROPS_COLUMN:\"T\".\"a.b\"").reaches(one);
    // A release that knows neither fits only where the very column may be left out.
    let strict = old.replace("b TEXT)", "b TEXT NOT NULL)");
    let bench = Bench::new(&format!("{strict}; CREATE TABLE \"t.a.b\" (c)"));
    let fit =
        landfall_engine::fit(&bench.db(), &bench.declared(other).unwrap(), &bench.settings, &mut ()).unwrap();
    assert_eq!(fit.misfits.iter().map(|d| d.object.as_str()).collect::<Vec<_>>(), ["\"t.a\".b"]);
}

#[test]
fn a_unique_column_called_true_and_a_default_beside_it() {
    let old = "CREATE TABLE t (id INTEGER PRIMARY KEY, true TEXT); INSERT INTO t VALUES (1, 'a'), (2, 'b')";
    Bench::new(old).reaches("CREATE TABLE t (id INTEGER PRIMARY KEY, true TEXT UNIQUE);");
    let bench = Bench::new(old);
    bench.reaches("CREATE TABLE t (id INTEGER PRIMARY KEY, true TEXT, flag INTEGER NOT NULL DEFAULT true);");
    assert_eq!(bench.query("SELECT flag FROM t"), "1\n1");
    // A value that is there twice is seen all the same.
    let twice = old.replace("'b'", "'a'");
    let error = Bench::new(&twice).refuses("CREATE TABLE t (id INTEGER PRIMARY KEY, true TEXT UNIQUE);");
    assert!(
        error.message.contains("a repeated value where UNIQUE (\"true\") is declared, in 2 rows"),
        "{error}"
    );
}

/// The rowids of the table that a query reads, under a name that no column hides.
fn rowids(bench: &Bench, query: &str, name: &str) -> String {
    let free = ["rowid", "oid"].into_iter().find(|free| !free.eq_ignore_ascii_case(name)).unwrap();
    let (_, from) = query.split_once(" FROM ").unwrap();
    bench.query(&format!("SELECT {free} FROM {from}"))
}

/// `N` alone is the name, quoted, and `D` it as a directive takes it.
fn fill(text: &str, name: &str) -> String {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut filled = String::new();
    for part in text.split_inclusive(|c: char| !word(c)) {
        let end = part.trim_end_matches(|c: char| !word(c)).len();
        match &part[..end] {
            "N" => filled.push_str(&quoted(name)),
            "D" => filled.push_str(&in_a_directive(name)),
            other => filled.push_str(other),
        }
        filled.push_str(&part[end..]);
    }
    filled
}
