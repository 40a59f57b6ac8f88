//! `inspect` writes a `schema.sql` that means what the database holds; reading SQL never panics.

use crate::support::generate::{self, Random};
use crate::support::{Bench, notes_but_old_faults};
use landfall_engine::{Live, Outcome, Settings};
use landfall_testkit::nasty;
use rusqlite::Connection;

fn inspect(bench: &Bench) -> Live {
    landfall_engine::inspect(&bench.db(), &bench.settings).unwrap()
}

/// The text of a database is a schema that the database fits, and the text of its own database.
#[track_caller]
fn comes_back(name: &str, sql: &str) {
    let bench = Bench::new(sql);
    let live = inspect(&bench);
    let declared = bench.declared(&live.sql).unwrap_or_else(|error| panic!("{name}: {error}\n{}", live.sql));
    assert_eq!(declared.fingerprint(), live.fingerprint, "{name}:\n{}", live.sql);
    let report = landfall_engine::check(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
    assert_eq!(report.outcome, Outcome::InSync, "{name}: {:?}\n{}", report.differences, live.sql);
    assert_eq!(notes_but_old_faults(&report), [""; 0], "{name}");
    assert_eq!(inspect(&Bench::new(&live.sql)).fingerprint, live.fingerprint, "{name}");
}

#[test]
fn nasty_schemas_come_back() {
    for (at, sql) in nasty::SCHEMAS.iter().enumerate() {
        comes_back(&format!("nasty schema {at}"), sql);
    }
}

#[test]
fn real_schemas_come_back() {
    let Some(corpus) = nasty::corpus() else {
        return landfall_testkit::requires::skip("real_schemas_come_back", "corpus");
    };
    for (name, sql) in corpus {
        comes_back(&name, &sql);
    }
}

#[test]
fn objects_come_in_an_order_that_executes() {
    let live = inspect(&Bench::new(
        "CREATE VIEW w AS SELECT * FROM v;
         CREATE VIEW v AS SELECT a FROM t;
         CREATE TRIGGER on_v INSTEAD OF INSERT ON v BEGIN SELECT 1; END;
         CREATE TABLE stepped_aside (a);
         CREATE VIRTUAL TABLE f USING fts4 (content=\"stepped_aside\");
         CREATE TABLE t (a REFERENCES u);
         CREATE INDEX i ON t (a);
         DROP TABLE stepped_aside;
         CREATE TABLE stepped_aside (a);
         CREATE TABLE u (id INTEGER PRIMARY KEY);
         CREATE TRIGGER on_u AFTER INSERT ON u BEGIN SELECT 1; END;",
    ));
    insta::assert_snapshot!(live.sql, @r#"
    CREATE TABLE t (a REFERENCES u);
    CREATE TABLE stepped_aside (a);
    CREATE TABLE u (id INTEGER PRIMARY KEY);
    CREATE VIRTUAL TABLE f USING fts4 (content="stepped_aside");
    CREATE INDEX i ON t (a);
    CREATE VIEW w AS SELECT * FROM v;
    CREATE VIEW v AS SELECT a FROM t;
    CREATE TRIGGER on_v INSTEAD OF INSERT ON v BEGIN SELECT 1; END;
    CREATE TRIGGER on_u AFTER INSERT ON u BEGIN SELECT 1; END;
    "#);
}

#[test]
fn the_text_is_verbatim_but_for_directives() {
    let live = inspect(&Bench::new(
        "CREATE  TABLE IF NOT EXISTS \"t\" ( -- what it is\n  a TEXT, -- @renamed from=b\n  -- @dropped c\n  d  Int DEFAULT '-- @using 1' /* @using 2 */ -- @using 3\n) STRICT -- the end\n;
         CREATE VIEW v AS SELECT 1 -- one\n  -- @dropped table x\n;",
    ));
    insta::assert_snapshot!(live.sql, @r#"
    CREATE TABLE "t" ( -- what it is
      a TEXT,
      d  Int DEFAULT '-- @using 1' /* @using 2 */
    ) STRICT; -- the end
    CREATE VIEW v AS SELECT 1; -- one
    "#);
}

#[test]
fn a_table_in_one_line_longer_than_100_characters_gets_a_column_a_line() {
    let long = "CREATE TABLE t (id INTEGER PRIMARY KEY /* the key, really */, price DECIMAL(10, 2) CHECK (price IN (1, 2)), \
                note TEXT DEFAULT ',', UNIQUE (price, note) CHECK (note <> '--'), FOREIGN KEY (id) REFERENCES t (id)) STRICT -- end";
    let long = long.replace("DECIMAL(10, 2)", "REAL");
    insta::assert_snapshot!(inspect(&Bench::new(&long)).sql, @"
    CREATE TABLE t (
      id INTEGER PRIMARY KEY /* the key, really */,
      price REAL CHECK (price IN (1, 2)),
      note TEXT DEFAULT ',',
      UNIQUE (price, note) CHECK (note <> '--'),
      FOREIGN KEY (id) REFERENCES t (id)
    ) STRICT; -- end
    ");
    comes_back("long", &long);
    // Up to that, in several lines, and of other kinds: verbatim.
    let of = |length: usize| format!("CREATE TABLE t (a TEXT, {} TEXT)", "b".repeat(length - 30));
    assert_eq!(of(100).len(), 100);
    assert_eq!(inspect(&Bench::new(&of(100))).sql, of(100) + ";\n");
    assert_eq!(inspect(&Bench::new(&of(101))).sql.lines().count(), 4);
    let lines = of(101).replace(", ", ",\n");
    assert_eq!(inspect(&Bench::new(&lines)).sql, lines + ";\n");
    let view = format!("CREATE VIEW v AS SELECT 1 AS {}, 2 AS b", "a".repeat(100));
    assert_eq!(inspect(&Bench::new(&view)).sql, view + ";\n");
}

#[test]
fn random_schemas_come_back() {
    let mut laid_out = 0;
    for seed in 0..400 {
        let sql = generate::schema(&mut Random::new(seed)).sql();
        // As one that writes no line breaks would write them.
        let sql = sql.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        if Connection::open_in_memory().unwrap().execute_batch(&sql).is_err() || sql.is_empty() {
            continue;
        }
        comes_back(&format!("seed {seed}"), &sql);
        laid_out += usize::from(inspect(&Bench::new(&sql)).sql.contains("\n  "));
    }
    assert!(laid_out > 100, "only {laid_out} had a table that is one long line");
}

#[test]
fn ignored_tables_are_not_written() {
    let live = inspect(&Bench::new(
        "CREATE TABLE _litestream_seq (a); CREATE TABLE t (a); CREATE INDEX _litestream_i ON _litestream_seq (a)",
    ));
    assert_eq!(live.sql, "CREATE TABLE t (a);\n");
}

#[test]
fn reading_mutated_text_never_panics() {
    let mut random = Random::new(4);
    let settings = Settings::default();
    let mut read = 0;
    for round in 0..2_000 {
        let sql = mutated(nasty::SCHEMAS[round % nasty::SCHEMAS.len()], &mut random);
        read += usize::from(
            landfall_engine::Declared::parse(std::path::Path::new("schema.sql"), &sql, &settings).is_ok(),
        );
    }
    assert!((100..1_900).contains(&read), "{read} of 2000 were read: the mutations are too mild or too wild");
}

/// One to three pieces of the text taken out, doubled, or replaced by what DDL is made of.
fn mutated(sql: &str, random: &mut Random) -> String {
    const PIECES: [&str; 32] = [
        "(",
        ")",
        ",",
        ";",
        "'",
        "\"",
        "`",
        "[",
        "]",
        "--",
        "/*",
        "*/",
        "\n",
        ".",
        "-- @using 1\n",
        "-- @renamed from=a\n",
        "CHECK",
        "COLLATE",
        "CREATE",
        "DESC",
        "DEFAULT",
        "END",
        "FOREIGN KEY",
        "GENERATED ALWAYS",
        "NOT",
        "NULL",
        "PRIMARY KEY",
        "UNIQUE",
        "é",
        "\u{feff}",
        "x'",
        "1e",
    ];
    let mut chars: Vec<char> = sql.chars().collect();
    for _ in 0..1 + random.below(3) {
        let at = random.below(chars.len());
        let end = (at + 1 + random.below(6)).min(chars.len());
        match random.below(3) {
            0 => drop(chars.drain(at..end)),
            1 => drop(chars.splice(at..at, chars[at..end].to_vec())),
            _ => drop(chars.splice(at..at, random.pick(&PIECES).chars())),
        }
        if chars.is_empty() {
            chars.push(' ');
        }
    }
    chars.into_iter().collect()
}
