//! Which of SQLite's errors are answers: a statement that it refuses for what it says. Every other error only tells that nobody
//! could be asked.

use std::cell::RefCell;
use std::os::raw::c_int;

use rusqlite::{Connection, Error, Result, ffi};

use crate::sqlite_error::sqlite_message;
use crate::unregistered;

/// What SQLite answers to a statement that it refuses for what it says (<https://www.sqlite.org/rescode.html#error>).
const REFUSALS: [c_int; 2] = [ffi::SQLITE_ERROR, ffi::SQLITE_ERROR_MISSING_COLLSEQ];

/// SQLite's words where it refuses a statement for what it says, such as "no such table: t".
///
/// # Errors
/// Any other, unchanged: a failure of the disk, no memory, a lock, a damaged page, an interruption.
pub(crate) fn or_refusal<T>(asked: Result<T>) -> Result<Result<T, String>> {
    or_one_of(asked, &[])
}

/// As [`or_refusal`]; these extended codes are answers, too.
pub(crate) fn or_one_of<T>(asked: Result<T>, codes: &[c_int]) -> Result<Result<T, String>> {
    match asked {
        Ok(found) => Ok(Ok(found)),
        Err(error) if is_answer(&error, codes) => Ok(Err(sqlite_message(&error))),
        Err(error) => Err(error),
    }
}

/// The number that a query finds, or SQLite's words where it refuses the query before it looks at a row.
///
/// # Errors
/// As [`or_refusal`], and whatever happens among the rows.
pub(crate) fn count(conn: &Connection, sql: &str) -> Result<Result<u64, String>> {
    match or_refusal(conn.prepare(sql))? {
        Ok(mut statement) => statement.query_row([], |row| row.get(0)).map(Ok),
        Err(words) => Ok(Err(words)),
    }
}

/// Whether it says something of the statement: a refusal, or one of these extended codes.
pub(crate) fn is_answer(error: &Error, codes: &[c_int]) -> bool {
    match error {
        // What a stand-in says is about this SQLite alone.
        error if unregistered::is_called(error) => false,
        Error::SqlInputError { error, .. } | Error::SqliteFailure(error, _) => {
            REFUSALS.contains(&error.extended_code) || codes.contains(&error.extended_code)
        }
        _ => false,
    }
}

/// The first error that somebody's questions met who goes on without an answer: whatever comes of that counts for nothing.
#[derive(Debug, Default)]
pub(crate) struct Unanswered(RefCell<Option<Error>>);

impl Unanswered {
    /// The answer, or nothing and the error is kept.
    pub(crate) fn answer<T>(&self, asked: Result<T>) -> Option<T> {
        match asked {
            Ok(answer) => Some(answer),
            Err(error) => {
                self.0.borrow_mut().get_or_insert(error);
                None
            }
        }
    }

    /// # Errors
    /// The one that was kept.
    pub(crate) fn none(&self) -> Result<()> {
        self.0.take().map_or(Ok(()), Err)
    }
}
