//! SQLite's words where it has no code and no API for it: the name of what a statement lacks is in the text of the error alone (a collation has an
//! extended code, without its name). All that is read of such a text is read here, and the tests hold it against the SQLite that is compiled in.

use std::fmt;

/// Ends what a stand-in says. These words are ours: a function gives SQLite a text or a code, and each takes the other's place
/// (<https://www.sqlite.org/c3ref/result_blob.html>); the text has the name.
const ONLY_THE_SERVICE: &str = ", which only the service registers";

/// What SQLite says that it lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown<'m> {
    Function(&'m str),
    Collation(&'m str),
    Module(&'m str),
    /// Of a full-text table.
    Tokenizer(&'m str),
    Table(&'m str),
}

impl<'m> Unknown<'m> {
    pub(crate) fn in_message(message: &'m str) -> Option<Self> {
        let after = |prefix: &str| message.strip_prefix(prefix);
        after("no such function: ")
            .map(Self::Function)
            .or_else(|| after("no such collation sequence: ").map(Self::Collation))
            .or_else(|| after("no such module: ").map(Self::Module))
            // FTS5, and FTS3 with FTS4.
            .or_else(|| after("no such tokenizer: ").or(after("unknown tokenizer: ")).map(Self::Tokenizer))
            .or_else(|| after("no such table: ").map(Self::Table))
    }

    /// What was called that only a stand-in is here for.
    pub(crate) fn called_in(message: &'m str) -> Option<Self> {
        let (missing, _) = message.split_once(ONLY_THE_SERVICE)?;
        Self::in_message(missing.get(missing.find("no such ")?..)?)
    }
}

impl fmt::Display for Unknown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, name) = match self {
            Self::Function(name) => ("function", name),
            Self::Collation(name) => ("collation sequence", name),
            Self::Module(name) => ("module", name),
            Self::Tokenizer(name) => ("tokenizer", name),
            Self::Table(name) => ("table", name),
        };
        write!(f, "no such {what}: {name}")
    }
}

/// What a stand-in says where it was called, of what SQLite says that it lacks.
pub(crate) fn of_a_stand_in(missing: &str) -> String {
    format!("{missing}{ONLY_THE_SERVICE}")
}

/// The name that SQLite could not find, if it names one: `b` of "no such column: t.b".
pub(crate) fn missing_name(message: &str) -> Option<&str> {
    let named = message.strip_prefix("no such ")?.split_once(": ")?.1;
    if let Some((name, _)) = named.strip_prefix('"').and_then(|named| named.split_once("\" - should")) {
        return Some(name);
    }
    Some(named.rsplit_once('.').map_or(named, |(_, name)| name))
}

/// Whether a statement ends before it is one.
pub(crate) fn is_incomplete(message: &str) -> bool {
    message == "incomplete input"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use rusqlite::{Connection, ffi};

    use super::*;
    use crate::sqlite_error::sqlite_message;
    use crate::stand_in;
    use crate::unregistered;

    fn refused(conn: &Connection, sql: &str) -> (String, i32) {
        let error = conn.execute_batch(sql).unwrap_err();
        let code = match &error {
            rusqlite::Error::SqlInputError { error, .. } | rusqlite::Error::SqliteFailure(error, _) => {
                error.extended_code
            }
            _ => 0,
        };
        (sqlite_message(&error), code)
    }

    #[test]
    fn the_sqlite_that_is_compiled_in_says_what_it_lacks_in_these_words() {
        let conn = Connection::open_in_memory().unwrap();
        for (sql, expected, code) in [
            ("SELECT slug('a')", Unknown::Function("slug"), ffi::SQLITE_ERROR),
            (
                "SELECT 'a' = 'b' COLLATE german",
                Unknown::Collation("german"),
                ffi::SQLITE_ERROR_MISSING_COLLSEQ,
            ),
            ("CREATE VIRTUAL TABLE a USING geo(a)", Unknown::Module("geo"), ffi::SQLITE_ERROR),
            (
                "CREATE VIRTUAL TABLE b USING fts4(a, tokenize=word)",
                Unknown::Tokenizer("word"),
                ffi::SQLITE_ERROR,
            ),
            (
                "CREATE VIRTUAL TABLE c USING fts5(a, tokenize='word')",
                Unknown::Tokenizer("word"),
                ffi::SQLITE_ERROR,
            ),
            ("SELECT 1 FROM t", Unknown::Table("t"), ffi::SQLITE_ERROR),
        ] {
            let (message, found) = refused(&conn, sql);
            assert_eq!((Unknown::in_message(&message), found), (Some(expected), code), "{sql}: {message}");
        }
        conn.execute_batch("CREATE TABLE u (a)").unwrap();
        assert_eq!(missing_name(&refused(&conn, "SELECT u.b FROM u").0), Some("b"));
        assert_eq!(missing_name(&refused(&conn, "SELECT 1 FROM main.d").0), Some("d"));
        assert!(is_incomplete(&refused(&conn, "SELECT (").0));
    }

    #[test]
    fn what_a_stand_in_says_comes_through_sqlite_with_its_name() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1)").unwrap();
        let texts = ["CREATE VIEW v AS SELECT slug(a), a COLLATE german FROM t"];
        stand_in::register(&conn, texts).unwrap();
        let (message, _) = refused(&conn, "INSERT INTO t SELECT slug(a) FROM t");
        assert_eq!(Unknown::called_in(&message), Some(Unknown::Function("slug")), "{message}");
        conn.execute_batch(
            "INSERT INTO t VALUES ('x'), ('y'); INSERT INTO t SELECT a FROM t ORDER BY a COLLATE german",
        )
        .unwrap();
        let error = stand_in::none_called(&conn).unwrap_err();
        assert_eq!(Unknown::called_in(&sqlite_message(&error)), Some(Unknown::Collation("german")));
        assert!(unregistered::is_called(&error) && !unregistered::remedy(&error).is_empty());
        assert_eq!(Unknown::called_in("no such function: slug"), None);
    }
}
