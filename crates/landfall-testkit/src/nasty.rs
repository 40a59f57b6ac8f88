//! Schemas that trip those who read DDL, and the histories of real ones.

use std::path::{Path, PathBuf};

/// Each is a whole schema that SQLite accepts and that can be cut without falling back to plain text.
pub const SCHEMAS: &[&str] = &[
    // Types.
    "CREATE TABLE t (a DECIMAL(10,2), b DECIMAL ( 10 , 2 ), c INT (10,2), d DOUBLE PRECISION, e VARCHAR(255) NOT NULL)",
    "CREATE TABLE t (a, b NOT NULL, c PRIMARY KEY, d UNIQUE)",
    "CREATE TABLE t (a UNSIGNED BIG INT, b long varchar (9) , c dec(+1,-2), d NATIVE CHARACTER(70))",
    "CREATE TABLE t (a INT HIDDEN, b HIDDEN TEXT, c GENERATED, d ALWAYS, e INT GENERATED ALWAYS, f STRICT, g VIRTUAL, h STORED)",
    "CREATE TABLE t (a \"INTEGER\" PRIMARY KEY, b [Text Foo], c 'x y', d `int`, e \"\", f VARCHAR /* not 10 */ (20))",
    "CREATE TABLE t (a [INTEGER] PRIMARY KEY AUTOINCREMENT)",
    "CREATE TABLE t (a ROWID, b KEY, c DESC, d ACTION, e NO ACTION, f ROW)",
    // Names.
    "CREATE TABLE `t` (`a` TEXT, `b``c` TEXT, `d \"e` TEXT, PRIMARY KEY (`a`, `b``c`))",
    "CREATE TABLE \"t \"\"u\"\" v\" (\"a \"\"b\" INTEGER PRIMARY KEY, [c d] REFERENCES \"t \"\"u\"\" v\" (\"a \"\"b\"))",
    "CREATE TABLE 'a table' ('a column' TEXT PRIMARY KEY, 'it''s' TEXT UNIQUE, UNIQUE ('a column', 'it''s'))",
    "CREATE TABLE \"order\" (\"select\" TEXT, \"from\" TEXT CHECK (\"from\" > \"select\"), [primary] INT UNIQUE, \"check\" TEXT)",
    "CREATE TABLE élan (naïve TEXT, \"日本 語\" INTEGER PRIMARY KEY, ß TEXT UNIQUE, \"Ä\" TEXT REFERENCES élan (ß))",
    "CREATE TABLE new_t (\"check (\" TEXT, \"a,b\" TEXT, \"c)\" TEXT CHECK (\"c)\" <> ')'), \"--d\" TEXT, \"/*e\" TEXT)",
    "CREATE TABLE t (\"\" TEXT, \" \" TEXT, \"'\" TEXT, \"\"\"\" TEXT, \"]\" TEXT, \"null\" TEXT, \"primary key\" TEXT)",
    "CREATE TABLE t (key TEXT, action TEXT, replace TEXT, \"end\" TEXT, match TEXT, row TEXT, \"values\" TEXT, CHECK (key > action))",
    "CREATE TABLE \u{feff}t (\u{feff}a INT, \u{feff} b TEXT)",
    // Comments.
    "CREATE TABLE t ( -- check (\n  a INT, -- , b INT\n  /* PRIMARY KEY ( */ c INT CHECK (c > 0) -- 'unclosed\n  , d /**/ TEXT /* \" */ DEFAULT /* 1 */ '--' -- ) end\n)",
    "/* before */ CREATE /* a */ TABLE /* b */ t /* c */ ( /* d */ a /* e */ INTEGER /* f */ PRIMARY /* g */ KEY /* h */ ) /* i */ ; -- j",
    "CREATE TABLE t (a INT) STRICT -- the end\n; CREATE INDEX i ON t (a) -- of an index\n; CREATE VIEW v AS SELECT 1 -- of a view\n;",
    "CREATE TABLE t (a, b -- @renamed is no directive in a string: '\n)",
    // Constraints.
    "CREATE TABLE t (a INTEGER CONSTRAINT pk PRIMARY KEY ON CONFLICT REPLACE AUTOINCREMENT CONSTRAINT x, b CONSTRAINT y CONSTRAINT z NOT NULL)",
    "CREATE TABLE t (a, b, c, PRIMARY KEY (c DESC, a COLLATE NOCASE), UNIQUE (b COLLATE RTRIM DESC) UNIQUE (a, b) CHECK (a) CONSTRAINT dangling)",
    "CREATE TABLE t (a TEXT COLLATE NOCASE PRIMARY KEY COLLATE RTRIM, b UNIQUE COLLATE NOCASE, c COLLATE \"binary\", UNIQUE (a, b, c))",
    "CREATE TABLE t (a TEXT PRIMARY KEY UNIQUE, b, UNIQUE (a DESC), UNIQUE (a), UNIQUE (b), UNIQUE (b) ON CONFLICT IGNORE)",
    "CREATE TABLE t (a INTEGER PRIMARY KEY UNIQUE, b INTEGER UNIQUE UNIQUE)",
    "CREATE TABLE t (a INTEGER PRIMARY KEY DESC, b)",
    "CREATE TABLE t (a INTEGER, b, PRIMARY KEY (a DESC))",
    "CREATE TABLE t (a INTEGER, PRIMARY KEY ('a' ASC AUTOINCREMENT))",
    "CREATE TABLE t (a INTEGER, b, PRIMARY KEY ((a)), UNIQUE ((b)), UNIQUE ((b COLLATE NOCASE) DESC))",
    "CREATE TABLE t (a INT PRIMARY KEY, b INTEGER NOT NULL)",
    "CREATE TABLE t (a INT NOT NULL ON CONFLICT REPLACE NULL DEFAULT 1 DEFAULT 2, b NULL ON CONFLICT FAIL, c NOT NULL NOT NULL ON CONFLICT IGNORE)",
    "CREATE TABLE t (a CHECK ((a) > (1) AND ((a IN (1, (2)))) ), b CHECK (b LIKE '%(%'), c CHECK (c) CHECK (c > 1), CHECK (((a))) ON CONFLICT FAIL)",
    // Defaults.
    "CREATE TABLE t (a DEFAULT Abc, b DEFAULT \"Abc\", c DEFAULT 'it''s', d DEFAULT -1, e DEFAULT + 1.5e-3, f DEFAULT x'00FF', g DEFAULT (1 + (2)))",
    "CREATE TABLE t (a DEFAULT CURRENT_TIMESTAMP, b DEFAULT (current_date), c DEFAULT NULL, d DEFAULT true, e DEFAULT ('(' || ')'), f DEFAULT 0x1F)",
    "CREATE TABLE t (a DEFAULT 1 NOT NULL, b DEFAULT 'x' COLLATE NOCASE UNIQUE, c DEFAULT (1)CHECK(c>0), d DEFAULT 1_000)",
    // Foreign keys.
    "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (a REFERENCES p, b REFERENCES p ON DELETE SET NULL ON UPDATE NO ACTION MATCH FULL)",
    "CREATE TABLE t (a REFERENCES later (x), b REFERENCES t, c REFERENCES never (y) NOT DEFERRABLE); CREATE TABLE later (x UNIQUE)",
    "CREATE TABLE t (a REFERENCES t (a) NOT NULL DEFERRABLE INITIALLY DEFERRED, b REFERENCES t (a) ON DELETE RESTRICT DEFERRABLE INITIALLY IMMEDIATE UNIQUE)",
    "CREATE TABLE p (x, y, PRIMARY KEY (y, x)); CREATE TABLE t (a, b, FOREIGN KEY (a, b) REFERENCES p ON DELETE SET DEFAULT, CONSTRAINT f FOREIGN KEY (b, a) REFERENCES p (x, y) ON UPDATE CASCADE DEFERRABLE)",
    "CREATE TABLE t (\"A b\" REFERENCES \"T\" (\"A b\"), c, FOREIGN KEY (C) REFERENCES 't' ('A B'))",
    // Generated columns.
    "CREATE TABLE t (a INT, b INT AS (a * (2)), c TEXT GENERATED ALWAYS AS (a || ')') STORED NOT NULL, d AS (a) VIRTUAL UNIQUE, e DECIMAL(10,2) AS (a) CHECK (e > 0))",
    "CREATE TABLE t (a TEXT, b TEXT COLLATE NOCASE AS (lower(a)) REFERENCES t (a), \"c d\" AS (a) stored)",
    // Table options.
    "CREATE TABLE t (a INT, b ANY, c TEXT PRIMARY KEY, d REAL, e BLOB, f INTEGER) STRICT",
    "CREATE TABLE t (a INTEGER PRIMARY KEY, b ANY) strict",
    "CREATE TABLE t (a INTEGER PRIMARY KEY, b) WITHOUT ROWID",
    "CREATE TABLE t (a TEXT, b INT, c ANY, PRIMARY KEY (b DESC, a COLLATE NOCASE)) STRICT, WITHOUT rowid",
    "CREATE TABLE t (a TEXT NOT NULL ON CONFLICT IGNORE PRIMARY KEY ON CONFLICT REPLACE, b UNIQUE) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS main.t (rowid TEXT, oid INT, _rowid_ BLOB CHECK (rowid > 1))",
    // Indexes.
    "CREATE TABLE t (a TEXT COLLATE NOCASE, b INT); CREATE INDEX i ON t (a, b DESC); CREATE UNIQUE INDEX j ON t (a COLLATE BINARY) where b > 0",
    "CREATE TABLE t (a, b); CREATE INDEX i ON t (lower(a) COLLATE NOCASE DESC, a || b, (b), 'a', ((b COLLATE RTRIM)) ASC); CREATE INDEX j ON t (a || b COLLATE NOCASE)",
    "CREATE TABLE t (a, b); CREATE INDEX IF NOT EXISTS main.\"i \"\"j\" ON t (\"a\", \"nope\", NULL) WHERE \"b\" IS NOT NULL AND b <> \"nope\";",
    // Views and triggers.
    "CREATE VIEW w AS SELECT * FROM v; CREATE VIEW v (\"x y\", z) AS SELECT a, b FROM t; CREATE TABLE t (a, b)",
    "CREATE TABLE t (a, b); CREATE VIEW v AS SELECT a FROM t; CREATE TRIGGER r INSTEAD OF INSERT ON v BEGIN INSERT INTO t (a) VALUES (new.a); END",
    "CREATE TABLE t (a, \"end\"); CREATE TRIGGER \"r ;\" AFTER UPDATE OF a ON t FOR EACH ROW WHEN new.a > CASE WHEN 1 THEN 2 END BEGIN SELECT CASE a WHEN 1 THEN 2 END FROM t; UPDATE t SET \"end\" = 'END;' WHERE a = old.a; END;",
    "CREATE VIEW broken AS SELECT * FROM nowhere; CREATE TABLE t (a)",
    // Virtual tables.
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); CREATE VIRTUAL TABLE f USING fts5 (a, 'b' UNINDEXED, content='t', content_rowid=id, tokenize = \"unicode61 tokenchars '-_'\")",
    "CREATE VIRTUAL TABLE \"r t\" USING rtree(id, x0, x1, +label TEXT); CREATE VIRTUAL TABLE f USING fts5(a, prefix='2 3'); CREATE VIRTUAL TABLE vocabulary USING fts5vocab(f, row)",
];

/// Every version of every real schema in `../shared/corpus`, by its path there; `None` where that is not there.
pub fn corpus() -> Option<Vec<(String, String)>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let histories = children(&corpus)?;
    let versions = histories.iter().filter_map(|history| children(history)).flatten();
    let sql = versions.filter(|file| file.extension().is_some_and(|e| e == "sql"));
    let name = |file: &Path| file.strip_prefix(&corpus).unwrap().display().to_string();
    Some(sql.map(|file| (name(&file), std::fs::read_to_string(&file).unwrap())).collect())
}

fn children(folder: &Path) -> Option<Vec<PathBuf>> {
    let mut children: Vec<_> = std::fs::read_dir(folder).ok()?.map(|entry| entry.unwrap().path()).collect();
    children.sort();
    Some(children)
}
