//! Tables that change their kind under their name, and virtual tables that lose or rename columns: the rows go along, or the loss
//! is named, for its object, before anything is written. The same of directives. In every mode of `fast-path`, with either planner.

use landfall_engine::PlannerChoice;

use crate::support::{Bench, MODES};

/// What a change must come to.
enum Due {
    /// Applied: what the query finds afterwards.
    Kept(&'static str, &'static str),
    /// Refused until just these are approved.
    Refused(&'static [&'static str]),
    /// Refused for a directive in it: what is said.
    Impossible(&'static str),
}
use Due::{Impossible, Kept, Refused};

struct Case {
    name: &'static str,
    old: &'static str,
    new: &'static str,
    due: Due,
}

const fn case(name: &'static str, old: &'static str, new: &'static str, due: Due) -> Case {
    Case { name, old, new, due }
}

const KINDS: &[Case] = &[
    case(
        "a table becomes a full-text table with the same columns",
        "CREATE TABLE n (title TEXT); INSERT INTO n (rowid, title) VALUES (3, 'one'), (9, NULL)",
        "CREATE VIRTUAL TABLE n USING fts5 (title)",
        Kept("SELECT rowid, title FROM n", "3|one\n9|NULL"),
    ),
    case(
        "a table becomes a full-text table with more columns, by another name",
        "CREATE TABLE n (id INTEGER PRIMARY KEY, title TEXT); INSERT INTO n VALUES (3, 'one')",
        "-- @renamed from=n\nCREATE VIRTUAL TABLE m USING fts5 (body, title, id)",
        Kept("SELECT rowid, title, id, body FROM m", "3|one|3|NULL"),
    ),
    case(
        "a table becomes a full-text table that calls a column otherwise",
        "CREATE TABLE n (title TEXT); INSERT INTO n VALUES ('one')",
        "CREATE VIRTUAL TABLE n USING fts5 (\n  heading -- @renamed from=title\n)",
        Kept("SELECT heading FROM n", "one"),
    ),
    case(
        "a table becomes an old full-text table",
        "CREATE TABLE n (title, x); INSERT INTO n (rowid, title, x) VALUES (4, 5, x'00ff'), (7, 2.5, 'x')",
        "CREATE VIRTUAL TABLE n USING fts4 (x, title)",
        Kept("SELECT rowid, typeof(title), typeof(x) FROM n", "4|integer|blob\n7|real|text"),
    ),
    case(
        "a table without rowids becomes a full-text table",
        "CREATE TABLE n (k TEXT PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO n VALUES ('a', 1), ('b', 2)",
        "CREATE VIRTUAL TABLE n USING fts5 (k, v)",
        Kept("SELECT k, v FROM n ORDER BY k", "a|1\nb|2"),
    ),
    case(
        "a full-text table becomes a table",
        "CREATE VIRTUAL TABLE n USING fts5 (title, body); INSERT INTO n (rowid, title, body) VALUES (3, 'one', 'two')",
        "CREATE TABLE n (id INTEGER PRIMARY KEY, body TEXT, title TEXT NOT NULL); CREATE INDEX i ON n (title)",
        Kept("SELECT id, title, body FROM n WHERE title = 'one'", "3|one|two"),
    ),
    case(
        "an R*Tree becomes a table",
        "CREATE VIRTUAL TABLE r USING rtree (id, low, high, +note); INSERT INTO r VALUES (7, 1.5, 2.5, 'x')",
        "CREATE TABLE r (id INTEGER PRIMARY KEY, low REAL, high REAL, note TEXT)",
        Kept("SELECT * FROM r", "7|1.5|2.5|x"),
    ),
    case(
        "another module with the same columns",
        "CREATE VIRTUAL TABLE n USING fts4 (a, b); INSERT INTO n (docid, a, b) VALUES (3, 'one', 'two')",
        "CREATE VIRTUAL TABLE n USING fts5 (a, b)",
        Kept("SELECT rowid, a, b FROM n WHERE n MATCH 'two'", "3|one|two"),
    ),
    case(
        "a table becomes a full-text table without one of its columns",
        "CREATE TABLE n (title TEXT, body TEXT); INSERT INTO n VALUES ('one', 'only copy')",
        "CREATE VIRTUAL TABLE n USING fts5 (title)",
        Refused(&["DROPS_TABLE:n"]),
    ),
    case(
        "a table becomes a full-text table without any of its columns",
        "CREATE TABLE n (title TEXT); INSERT INTO n VALUES ('one')",
        "CREATE VIRTUAL TABLE n USING fts5 (body)",
        Refused(&["DROPS_TABLE:n"]),
    ),
    case(
        "a table whose key has no counterpart",
        "CREATE TABLE n (id INTEGER PRIMARY KEY, title TEXT); INSERT INTO n VALUES (4, 'one')",
        "CREATE VIRTUAL TABLE n USING fts5 (title)",
        Refused(&["DROPS_TABLE:n"]),
    ),
    case(
        "a table becomes an R*Tree, which rounds",
        "CREATE TABLE r (id INTEGER PRIMARY KEY, low REAL, high REAL); INSERT INTO r VALUES (1, 0.1, 0.2)",
        "CREATE VIRTUAL TABLE r USING rtree (id, low, high)",
        Refused(&["DROPS_TABLE:r"]),
    ),
    case(
        "a table becomes an index over another",
        "CREATE TABLE n (title TEXT); CREATE TABLE d (title TEXT); INSERT INTO n VALUES ('one')",
        "CREATE TABLE d (title TEXT); CREATE VIRTUAL TABLE n USING fts5 (title, content = 'd')",
        Refused(&["DROPS_TABLE:n"]),
    ),
    case(
        "a table becomes a full-text index without content",
        "CREATE TABLE n (title TEXT); INSERT INTO n VALUES ('one')",
        "CREATE VIRTUAL TABLE n USING fts5 (title, content = '')",
        Refused(&["DROPS_TABLE:n"]),
    ),
    case(
        "a table becomes a view",
        "CREATE TABLE n (title TEXT); INSERT INTO n VALUES ('one')",
        "CREATE VIEW n AS SELECT 'x' AS title; CREATE TABLE other (a)",
        Refused(&["DROPS_TABLE:n"]),
    ),
    case(
        "a table becomes an index of another table",
        "CREATE TABLE n (title TEXT); CREATE TABLE d (a); INSERT INTO n VALUES ('one')",
        "CREATE TABLE d (a); CREATE INDEX n ON d (a)",
        Refused(&["DROPS_TABLE:n"]),
    ),
    case(
        "a table becomes a trigger",
        "CREATE TABLE n (title TEXT); CREATE TABLE d (a); INSERT INTO n VALUES ('one')",
        "CREATE TABLE d (a); CREATE TRIGGER n AFTER INSERT ON d BEGIN SELECT 1; END",
        Refused(&["DROPS_TABLE:n"]),
    ),
    case(
        "a full-text table becomes a view",
        "CREATE VIRTUAL TABLE n USING fts5 (title); INSERT INTO n VALUES ('one')",
        "CREATE VIEW n AS SELECT 'x' AS title; CREATE TABLE other (a)",
        Refused(&["DROPS_TABLE:n"]),
    ),
    case(
        "a full-text table becomes a table without one of its columns",
        "CREATE VIRTUAL TABLE n USING fts5 (title, body); INSERT INTO n VALUES ('one', 'only copy')",
        "CREATE TABLE n (title TEXT)",
        Refused(&["DROPS_TABLE:n"]),
    ),
    case(
        "a full-text table becomes an R*Tree",
        "CREATE VIRTUAL TABLE n USING fts5 (id, a, b); INSERT INTO n VALUES (1, 2, 3)",
        "CREATE VIRTUAL TABLE n USING rtree (id, a, b)",
        Refused(&["DROPS_TABLE:n"]),
    ),
    case(
        "an R*Tree becomes one of whole numbers",
        "CREATE VIRTUAL TABLE r USING rtree (id, a, b); INSERT INTO r VALUES (1, 2.5, 3.5)",
        "CREATE VIRTUAL TABLE r USING rtree_i32 (id, a, b)",
        Refused(&["DROPS_TABLE:r"]),
    ),
    case(
        "a table whose name and columns are those of a shadow table",
        "CREATE TABLE n_content (id INTEGER PRIMARY KEY, c0); INSERT INTO n_content VALUES (1, 'mine')",
        "CREATE VIRTUAL TABLE n USING fts5 (title)",
        Refused(&["DROPS_TABLE:n_content"]),
    ),
    case(
        "a view becomes a table, and a table that stays is left alone",
        "CREATE TABLE t (a); CREATE VIEW n AS SELECT a FROM t; INSERT INTO t VALUES (1)",
        "CREATE TABLE t (a); CREATE TABLE n (a)",
        Kept("SELECT (SELECT a FROM t), (SELECT count(*) FROM n)", "1|0"),
    ),
    case(
        "an index becomes a table",
        "CREATE TABLE t (a); CREATE INDEX n ON t (a); INSERT INTO t VALUES (1)",
        "CREATE TABLE t (a); CREATE TABLE n (a)",
        Kept("SELECT a FROM t", "1"),
    ),
    case(
        "a table with rowids becomes one without",
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES (3, 'x')",
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b) WITHOUT ROWID",
        Kept("SELECT a, b FROM t", "3|x"),
    ),
];

const COLUMNS: &[Case] = &[
    case(
        "a column of a full-text table goes",
        "CREATE VIRTUAL TABLE f USING fts5 (a, b); INSERT INTO f VALUES ('x', 'only copy')",
        "CREATE VIRTUAL TABLE f USING fts5 (a)",
        Refused(&["DROPS_COLUMN:f.b"]),
    ),
    case(
        "a column of a full-text table goes and another comes",
        "CREATE VIRTUAL TABLE f USING fts5 (a, b); INSERT INTO f VALUES ('x', 'only copy')",
        "CREATE VIRTUAL TABLE f USING fts5 (a, c)",
        Refused(&["DROPS_COLUMN:f.b"]),
    ),
    case(
        "a column of a full-text table is renamed",
        "CREATE VIRTUAL TABLE f USING fts5 (a, b); INSERT INTO f (rowid, a, b) VALUES (5, 'x', 'only copy')",
        "CREATE VIRTUAL TABLE f USING fts5 (\n  a,\n  c UNINDEXED -- @renamed from=b\n)",
        Kept("SELECT rowid, a, c FROM f", "5|x|only copy"),
    ),
    case(
        "a column of a full-text table is given up",
        "CREATE VIRTUAL TABLE f USING fts5 (a, b); INSERT INTO f (rowid, a, b) VALUES (5, 'x', 'gone')",
        "CREATE VIRTUAL TABLE f USING fts5 (\n  a,\n  -- @dropped b\n  tokenize = 'porter'\n)",
        Kept("SELECT rowid, a FROM f", "5|x"),
    ),
    case(
        "a column of a full-text table is computed",
        "CREATE VIRTUAL TABLE f USING fts5 (a); INSERT INTO f (rowid, a) VALUES (5, 'x')",
        "CREATE VIRTUAL TABLE f USING fts5 (\n  a,\n  b -- @using a || '!'\n)",
        Kept("SELECT rowid, a, b FROM f", "5|x|x!"),
    ),
    case(
        "a full-text table is renamed and loses nothing",
        "CREATE VIRTUAL TABLE f USING fts5 (a); INSERT INTO f (rowid, a) VALUES (5, 'x')",
        "-- @renamed from=f\nCREATE VIRTUAL TABLE g USING fts5 (a, tokenize = 'porter')",
        Kept("SELECT rowid, a FROM g WHERE g MATCH 'x'", "5|x"),
    ),
    case(
        "a column of an old full-text table goes",
        "CREATE VIRTUAL TABLE f USING fts4 (a, b); INSERT INTO f VALUES ('x', 'only copy')",
        "CREATE VIRTUAL TABLE f USING fts4 (a)",
        Refused(&["DROPS_COLUMN:f.b"]),
    ),
    case(
        "the language of the rows of an old full-text table goes",
        "CREATE VIRTUAL TABLE f USING fts4 (a, languageid=\"lid\"); INSERT INTO f (docid, a, lid) VALUES (3, 'x', 7)",
        "CREATE VIRTUAL TABLE f USING fts4 (a)",
        Refused(&["DROPS_COLUMN:f.lid"]),
    ),
    case(
        "the language of the rows of an old full-text table stays",
        "CREATE VIRTUAL TABLE f USING fts4 (a, languageid=\"lid\"); INSERT INTO f (docid, a, lid) VALUES (3, 'x', 7)",
        "CREATE VIRTUAL TABLE f USING fts4 (a, b, languageid=\"lid\")",
        Kept("SELECT docid, a, lid FROM f", "3|x|7"),
    ),
    case(
        "an auxiliary column of an R*Tree goes",
        "CREATE VIRTUAL TABLE r USING rtree (id, low, high, +note); INSERT INTO r VALUES (7, 1, 2, 'only copy')",
        "CREATE VIRTUAL TABLE r USING rtree (id, low, high)",
        Refused(&["DROPS_COLUMN:r.note"]),
    ),
    case(
        "an auxiliary column of an R*Tree is renamed",
        "CREATE VIRTUAL TABLE r USING rtree (id, low, high, +note); INSERT INTO r VALUES (7, 1, 2, 'x')",
        "CREATE VIRTUAL TABLE r USING rtree (\n  id, low, high,\n  +remark -- @renamed from=note\n)",
        Kept("SELECT id, low, high, remark FROM r", "7|1.0|2.0|x"),
    ),
    case(
        "a dimension of an R*Tree goes",
        "CREATE VIRTUAL TABLE r USING rtree (id, a, b, c, d); INSERT INTO r VALUES (7, 1, 2, 3, 4)",
        "CREATE VIRTUAL TABLE r USING rtree (id, a, b)",
        Refused(&["DROPS_COLUMN:r.c", "DROPS_COLUMN:r.d"]),
    ),
    case(
        "the key of an R*Tree is renamed",
        "CREATE VIRTUAL TABLE r USING rtree (id, a, b); INSERT INTO r VALUES (7, 1, 2)",
        "CREATE VIRTUAL TABLE r USING rtree (\n  key, -- @renamed from=id\n  a, b\n)",
        Kept("SELECT key, a, b FROM r", "7|1.0|2.0"),
    ),
    case(
        "a full-text table keeps its own text no longer, and the other table has not the same",
        "CREATE TABLE d (a TEXT); INSERT INTO d (rowid, a) VALUES (1, 'x'), (2, 'other');
         CREATE VIRTUAL TABLE f USING fts5 (a); INSERT INTO f (rowid, a) VALUES (1, 'x'), (2, 'only copy')",
        "CREATE TABLE d (a TEXT); CREATE VIRTUAL TABLE f USING fts5 (a, content = 'd')",
        Refused(&["DROPS_TABLE:f"]),
    ),
    case(
        "a full-text table keeps its own text no longer, and the other table has it",
        "CREATE TABLE d (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO d VALUES (1, 'x'), (2, 'y'), (3, 'more');
         CREATE VIRTUAL TABLE f USING fts5 (a); INSERT INTO f (rowid, a) VALUES (1, 'x'), (2, 'y')",
        "CREATE TABLE d (id INTEGER PRIMARY KEY, a TEXT); CREATE VIRTUAL TABLE f USING fts5 (a, content = 'd', content_rowid = 'id')",
        Kept("SELECT rowid FROM f WHERE f MATCH 'y'", "2"),
    ),
    case(
        "a full-text table keeps its own text no longer, and the other table goes with the change",
        "CREATE TABLE d (a TEXT, b TEXT); INSERT INTO d (rowid, a) VALUES (1, 'x');
         CREATE VIRTUAL TABLE f USING fts5 (a, b); INSERT INTO f (rowid, a, b) VALUES (1, 'x', NULL)",
        "CREATE TABLE d (a TEXT\n  -- @dropped b\n); CREATE VIRTUAL TABLE f USING fts5 (a, content = 'd')",
        Refused(&["DROPS_TABLE:f"]),
    ),
    case(
        "values with a locale read as their text alone",
        "CREATE VIRTUAL TABLE f USING fts5 (a, locale = 1); INSERT INTO f (a) VALUES (fts5_locale('en_US', 'x'))",
        "CREATE VIRTUAL TABLE f USING fts5 (a, b, locale = 1)",
        Refused(&["DROPS_TABLE:f"]),
    ),
    case(
        "a table that only an index knows by a shadow table's name is a table",
        "CREATE TABLE f_content (id INTEGER PRIMARY KEY, a TEXT, b TEXT); INSERT INTO f_content VALUES (1, 'x', 'only copy');
         CREATE VIRTUAL TABLE f USING fts5 (a, content = 'f_content', content_rowid = 'id'); INSERT INTO f (f) VALUES ('rebuild')",
        "CREATE TABLE f_content (id INTEGER PRIMARY KEY, a TEXT);
         CREATE VIRTUAL TABLE f USING fts5 (a, content = 'f_content', content_rowid = 'id')",
        Refused(&["DROPS_COLUMN:f_content.b"]),
    ),
];

const FOUND: &[Case] = &[
    case(
        "a table that FTS3 would take along for one of its own",
        "CREATE VIRTUAL TABLE f USING fts3 (a); INSERT INTO f VALUES ('x'); CREATE TABLE f_stat (id INTEGER PRIMARY KEY, n TEXT); INSERT INTO f_stat VALUES (1, 'mine')",
        "CREATE VIRTUAL TABLE f USING fts3 (a); CREATE TABLE f_stat (id INTEGER PRIMARY KEY, n TEXT, m TEXT);",
        Kept("SELECT n FROM f_stat", "mine"),
    ),
    case(
        "of two languages FTS4 takes the last",
        "CREATE VIRTUAL TABLE f USING fts4 (a, languageid=l1, languageid=l2); INSERT INTO f (docid, a, l2) VALUES (3, 'one', 7)",
        "CREATE VIRTUAL TABLE f USING fts4 (a)",
        Refused(&["DROPS_COLUMN:f.l2"]),
    ),
    case(
        "an old full-text index follows the values of its table",
        "CREATE TABLE d (a TEXT); INSERT INTO d VALUES ('x'), (NULL); CREATE VIRTUAL TABLE f USING fts4 (content='d', a); INSERT INTO f (f) VALUES ('rebuild')",
        "CREATE TABLE d (\n a TEXT NOT NULL -- @using coalesce(a, 'qq') for=NOT NULL\n); CREATE VIRTUAL TABLE f USING fts4 (content='d', a)",
        Kept("SELECT docid FROM f WHERE f MATCH 'qq'", "2"),
    ),
    case(
        "an old full-text index without content can be given up",
        "CREATE VIRTUAL TABLE f USING fts4 (content='', a); INSERT INTO f (docid, a) VALUES (1, 'x'); CREATE TABLE t (a)",
        "CREATE TABLE t (a)",
        Refused(&["DROPS_TABLE:f"]),
    ),
    case(
        "the directive behind two statements is the last one's",
        "CREATE TABLE t (a INT); INSERT INTO t VALUES (1); CREATE TABLE u (x INT); INSERT INTO u VALUES (3)",
        "CREATE TABLE t (a TEXT); CREATE TABLE u (x TEXT); -- @using 'q' from=INT",
        Kept("SELECT t.a, u.x FROM t, u", "1|q"),
    ),
    case(
        "a rule that was acted for is the same under the new name of its column",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, price INTEGER CHECK (price > 0)); INSERT INTO t VALUES (1, 11), (2, 6)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY,\n cost INTEGER -- @renamed from=price\n CHECK (cost > 0) -- @using abs(price) + 1 for=CHECK (cost > 0)\n)",
        Kept("SELECT cost FROM t", "11\n6"),
    ),
    case(
        "a rule that was acted for, of two columns, one of which gets a new name",
        "CREATE TABLE t (a INTEGER, b INTEGER, CHECK (a > b)); INSERT INTO t VALUES (2, 1)",
        "CREATE TABLE t (\n a INTEGER, -- @using a + 1 for=CHECK (a > c)\n c INTEGER, -- @renamed from=b\n CHECK (a > c)\n)",
        Kept("SELECT a, c FROM t", "2|1"),
    ),
    case(
        "a rule in another shape than the one that was acted for",
        "CREATE TABLE t (a INTEGER CHECK (a > 1) CHECK (a < 9)); INSERT INTO t VALUES (2)",
        "CREATE TABLE t (\n a INTEGER CHECK (a > 1 AND a < 9) -- @using a + 1 for=CHECK (a > 1 AND a < 9)\n)",
        Impossible("may have acted already"),
    ),
    case(
        "a key that is unique in another way already",
        "CREATE TABLE t (a TEXT UNIQUE); INSERT INTO t VALUES ('a'), ('A')",
        "CREATE TABLE t (\n a TEXT COLLATE NOCASE UNIQUE -- @using a || rowid for=UNIQUE\n)",
        Impossible("may have acted already"),
    ),
    case(
        "a value out of a column that is computed of one that changes",
        "CREATE TABLE t (a INTEGER, g AS (a * 2)); INSERT INTO t VALUES (1)",
        "CREATE TABLE t (\n a INTEGER NOT NULL, -- @using a + 100 for=NOT NULL\n g AS (a * 2),\n c INTEGER -- @using g + 1\n)",
        Impossible("it reads t.g, whose values the same change replaces"),
    ),
    case(
        "a value out of a column whose type changes",
        "CREATE TABLE t (a REAL); INSERT INTO t VALUES (1)",
        "CREATE TABLE t (\n a INTEGER,\n c TEXT -- @using a || 'x'\n)",
        Impossible("it reads t.a, whose values the same change replaces"),
    ),
    case(
        "a value out of another table that changes",
        "CREATE TABLE t (a INTEGER); CREATE TABLE o (k INTEGER, x INTEGER); INSERT INTO t VALUES (1); INSERT INTO o VALUES (1, 7)",
        "CREATE TABLE t (\n a INTEGER,\n c INTEGER -- @using (SELECT x FROM o WHERE k = a)\n); CREATE TABLE o (\n k INTEGER,\n x INTEGER NOT NULL -- @using x + 100 for=NOT NULL\n)",
        Impossible("it reads o, which the same change touches"),
    ),
    case(
        "a value out of another table that stays",
        "CREATE TABLE t (a INTEGER); CREATE TABLE o (k INTEGER, x INTEGER); INSERT INTO t VALUES (1); INSERT INTO o VALUES (1, 7)",
        "CREATE TABLE t (\n a INTEGER,\n c INTEGER -- @using (SELECT x FROM o WHERE k = a)\n); CREATE TABLE o (k INTEGER, x INTEGER)",
        Kept("SELECT c FROM t", "7"),
    ),
    case(
        "a value out of all rows of its own table",
        "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1), (2)",
        "CREATE TABLE t (\n a INTEGER,\n c INTEGER -- @using (SELECT max(a) FROM t)\n)",
        Impossible("it names its table, t"),
    ),
    case(
        "a column that is computed as another type than it held",
        "CREATE TABLE t (a TEXT, g BLOB); INSERT INTO t VALUES ('007', '007')",
        "CREATE TABLE t (a TEXT, g INTEGER AS (a))",
        Refused(&["CHANGES_VALUES:t.g"]),
    ),
    case(
        "a full-text table becomes a table, with a value for its NOT NULL",
        "CREATE VIRTUAL TABLE t USING fts5 (a); INSERT INTO t VALUES ('x'), (NULL)",
        "CREATE TABLE t (\n a TEXT NOT NULL -- @using coalesce(a, '') for=NOT NULL\n)",
        Kept("SELECT quote(a) FROM t", "'x'\n''"),
    ),
    case(
        "a full-text index over what is computed otherwise",
        "CREATE TABLE t (a TEXT, g AS (a || ' old')); INSERT INTO t VALUES ('x'); CREATE VIRTUAL TABLE f USING fts5 (g, content = t); INSERT INTO f (f) VALUES ('rebuild')",
        "CREATE TABLE t (a TEXT, g AS (a || ' new')); CREATE VIRTUAL TABLE f USING fts5 (g, content = t)",
        Kept("SELECT rowid FROM f WHERE f MATCH 'new'", "1"),
    ),
    case(
        "pages that are freed are filled at once",
        "PRAGMA auto_vacuum = FULL; CREATE TABLE a (x, y, UNIQUE (x)); INSERT INTO a VALUES (1, '2'); CREATE INDEX ia ON a (y); CREATE TABLE d (x); INSERT INTO d VALUES (1); CREATE TABLE e (x); INSERT INTO e VALUES (2)",
        "CREATE TABLE a (x, y TEXT); CREATE TABLE d (x, z); CREATE TABLE e (x)",
        Kept("SELECT a.x, a.y, d.x, e.x FROM a, d, e", "1|2|1|2"),
    ),
];

const ROWIDS: &[Case] = &[
    case(
        "a new INTEGER PRIMARY KEY is the rowid",
        "CREATE TABLE t (a); INSERT INTO t (rowid, a) VALUES (3, 'x'), (8, 'y')",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a)",
        Kept("SELECT id, rowid, a FROM t", "3|3|x\n8|8|y"),
    ),
    case(
        "a new INTEGER PRIMARY KEY under an index over its rowids",
        "CREATE TABLE t (a); CREATE VIRTUAL TABLE f USING fts5 (a, content = 't'); INSERT INTO t (rowid, a) VALUES (3, 'x'), (8, 'y'); INSERT INTO f (f) VALUES ('rebuild')",
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a CHECK (id > 2)); CREATE VIRTUAL TABLE f USING fts5 (a, content = 't')",
        Kept("SELECT t.id, t.a FROM f JOIN t ON t.id = f.rowid WHERE f MATCH 'y'", "8|y"),
    ),
    case(
        "another INTEGER PRIMARY KEY in the place of one that is given up",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (3, 'x'), (8, 'y')",
        "CREATE TABLE t (\n  -- @dropped id\n  key INTEGER PRIMARY KEY,\n  a\n)",
        Kept("SELECT key, a FROM t", "3|x\n8|y"),
    ),
    case(
        "an INTEGER PRIMARY KEY out of a column that was there",
        "CREATE TABLE t (id INTEGER, a); INSERT INTO t (rowid, id, a) VALUES (3, 30, 'x'), (8, 80, 'y')",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a)",
        Refused(&["RENUMBERS_ROWIDS:t"]),
    ),
    case(
        "a key that no row may have",
        "CREATE TABLE t (a); INSERT INTO t (rowid, a) VALUES (3, 'x'), (8, 'y')",
        "CREATE TABLE t (id INTEGER PRIMARY KEY CHECK (id < 5), a)",
        Refused(&["VIOLATED_CONSTRAINT"]),
    ),
];

const PRICE: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, price REAL); INSERT INTO t VALUES (1, 5.25)";
const CENTS: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, price INTEGER); INSERT INTO t VALUES (1, 525)";

const DIRECTIVES: &[Case] = &[
    case(
        "a value is computed of the type that is named",
        PRICE,
        "CREATE TABLE t (\n id INTEGER PRIMARY KEY,\n price INTEGER NOT NULL -- @using cast(round(price * 100) AS INTEGER) from=REAL\n)",
        Kept("SELECT price, typeof(price) FROM t", "525|integer"),
    ),
    case(
        "a value that was computed is not computed again",
        CENTS,
        "CREATE TABLE t (\n id INTEGER PRIMARY KEY,\n price INTEGER NOT NULL -- @using cast(round(price * 100) AS INTEGER) from=REAL\n)",
        Kept("SELECT price FROM t", "525"),
    ),
    case(
        "it is not certain whether a value was computed",
        CENTS,
        "CREATE TABLE t (\n id INTEGER PRIMARY KEY,\n price INTEGER NOT NULL -- @using cast(round(price * 100) AS INTEGER)\n)",
        Impossible("may have acted already"),
    ),
    case(
        "two columns swap their names",
        "CREATE TABLE t (a TEXT, b TEXT); INSERT INTO t VALUES ('a', 'b')",
        "CREATE TABLE t (\n a TEXT, -- @renamed from=b\n b TEXT -- @renamed from=a\n)",
        Impossible("renames column t.b, which is still declared"),
    ),
    case(
        "two tables swap their names",
        "CREATE TABLE t (a TEXT); CREATE TABLE u (a TEXT); INSERT INTO t VALUES ('t'); INSERT INTO u VALUES ('u')",
        "-- @renamed from=u\nCREATE TABLE t (a TEXT);\n-- @renamed from=t\nCREATE TABLE u (a TEXT, b);",
        Impossible("renames table u, which is still declared"),
    ),
    case(
        "a column is renamed from one that is still declared",
        "CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('a')",
        "CREATE TABLE t (\n a TEXT,\n b TEXT -- @renamed from=a\n)",
        Impossible("renames column t.a, which is still declared"),
    ),
    case(
        "two columns are renamed from one",
        "CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('a')",
        "CREATE TABLE t (\n c TEXT, -- @renamed from=a\n b TEXT -- @renamed from=a\n)",
        Impossible("renames a, as the one on line 3 does"),
    ),
    case(
        "a value for a table that is new, out of one that is given up",
        "CREATE TABLE p (id INTEGER PRIMARY KEY, street TEXT); INSERT INTO p VALUES (1, 'Main St')",
        "CREATE TABLE p (\n id INTEGER PRIMARY KEY\n -- @dropped street\n);\nCREATE TABLE address (\n id INTEGER PRIMARY KEY,\n street TEXT -- @using p.street\n);",
        Impossible("table address is new and has no rows"),
    ),
    case(
        "values for a CHECK",
        CENTS,
        "CREATE TABLE t (\n id INTEGER PRIMARY KEY,\n price INTEGER CHECK (price < 100) -- @using price % 100 for=CHECK (price < 100)\n)",
        Kept("SELECT price FROM t", "25"),
    ),
    case(
        "values for UNIQUE",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'x')",
        "CREATE TABLE t (\n id INTEGER PRIMARY KEY,\n a TEXT UNIQUE -- @using a || id for=UNIQUE\n)",
        Kept("SELECT a FROM t", "x1\nx2"),
    ),
    case(
        "values for STRICT",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER); INSERT INTO t VALUES (1, 'x'), (2, 7)",
        "CREATE TABLE t (\n id INTEGER PRIMARY KEY,\n n INTEGER -- @using cast(n AS INTEGER) for=STRICT\n) STRICT",
        Kept("SELECT n FROM t", "0\n7"),
    ),
    case(
        "values for COLLATE",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'X')",
        "CREATE TABLE t (\n id INTEGER PRIMARY KEY,\n a TEXT COLLATE NOCASE -- @using lower(a) for=COLLATE NOCASE\n)",
        Kept("SELECT a FROM t", "x"),
    ),
    case(
        "values for a foreign key",
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (id INTEGER PRIMARY KEY, p INTEGER); INSERT INTO p VALUES (1); INSERT INTO t VALUES (1, 1), (2, 0)",
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (\n id INTEGER PRIMARY KEY,\n p INTEGER REFERENCES p (id) -- @using nullif(p, 0) for=REFERENCES p\n)",
        Kept("SELECT p FROM t", "1\nNULL"),
    ),
    case(
        "a column looks renamed, whatever else its line says",
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, skus text not null); INSERT INTO orders VALUES (1, 'a,b')",
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, sku_list text)",
        Refused(&["DROPS_COLUMN:orders.skus"]),
    ),
];

#[test]
fn what_others_found() {
    everywhere("what_others_found", FOUND);
}

#[test]
fn directives_and_what_they_act_on() {
    everywhere("directives_and_what_they_act_on", DIRECTIVES);
}

#[test]
fn tables_that_change_their_kind() {
    everywhere("tables_that_change_their_kind", KINDS);
}

#[test]
fn columns_of_virtual_tables() {
    everywhere("columns_of_virtual_tables", COLUMNS);
}

#[test]
fn keys_that_take_the_rowid() {
    everywhere("keys_that_take_the_rowid", ROWIDS);
}

fn everywhere(test: &str, cases: &[Case]) {
    let atlas = landfall_testkit::requires::atlas(test);
    for case in cases {
        let bench = Bench::new(case.old);
        for mode in MODES {
            let with = |planner, atlas| {
                bench.twin().with(|s| (s.fast_path, s.planner, s.atlas) = (mode, planner, atlas))
            };
            println!("{}: {mode:?}", case.name);
            looks_right(case, with(PlannerChoice::Builtin, None));
            if let Some(atlas) = &atlas {
                looks_right(case, with(PlannerChoice::Auto, Some(atlas.clone())));
                atlas_alone(case, &with(PlannerChoice::Atlas, Some(atlas.clone())));
            }
        }
    }
}

fn looks_right(case: &Case, bench: Bench) {
    match case.due {
        Impossible(said) => {
            let error = bench.refuses(case.new);
            assert!(error.message.contains(said), "{}: {error}", case.name);
        }
        Kept(query, rows) => {
            bench.reaches(case.new);
            assert_eq!(bench.query(query), rows, "{}", case.name);
        }
        Refused(hazards) => {
            let error = bench.refuses(case.new);
            let names = |hazard: &str| error.to_string().contains(hazard.split(':').next().unwrap());
            assert!(hazards.iter().all(|hazard| names(hazard)), "{}: {error}", case.name);
            let named = ["DROPS_", "LOOKS_LIKE", "CHANGES_", "RENUMBERS_", "VIOLATED_", "NEEDS_"];
            let lines = error
                .message
                .lines()
                .filter(|line| named.iter().any(|name| line.trim_start().starts_with(name)));
            assert_eq!(lines.count(), hazards.len(), "{}: {error}", case.name);
            if hazards.iter().all(|hazard| hazard.contains(':')) {
                bench
                    .with(|s| s.allow = hazards.iter().map(|h| h.parse().unwrap()).collect())
                    .reaches(case.new);
            }
        }
    }
}

/// Right, or refused and nothing changed.
fn atlas_alone(case: &Case, bench: &Bench) {
    let before = bench.dump();
    match (bench.migrate(case.new), &case.due) {
        (Err(_), _) => assert_eq!(bench.dump(), before, "{}", case.name),
        (Ok(_), Kept(query, rows)) => assert_eq!(bench.query(query), *rows, "{}", case.name),
        (Ok(_), Refused(_) | Impossible(_)) => panic!("{}: applied", case.name),
    }
}

#[test]
fn what_becomes_of_the_rows_is_said_in_a_sentence() {
    let refusal = |case: &Case| {
        let bench = Bench::new(case.old);
        bench.refuses(case.new).to_string().replace(&bench.db().display().to_string(), "[DB]")
    };
    let refused: Vec<_> = KINDS.iter().chain(COLUMNS).filter(|case| matches!(case.due, Refused(_))).collect();
    let told = refused.iter().map(|case| format!("{}\n{}\n", case.name, refusal(case)));
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"));
}
