//! Errors of what only the service registers: whether one is, how a stand-in makes one, and what to do about it.

use rusqlite::ffi;

use crate::sqlite_error::sqlite_message;
use crate::words::{self, Unknown};

/// Whether a statement failed because a stand-in was called.
pub(crate) fn is_called(error: &rusqlite::Error) -> bool {
    Unknown::called_in(&sqlite_message(error)).is_some()
}

/// The error of a stand-in that was called; `missing` are SQLite's words for what it stands for.
pub(crate) fn failure(missing: &str) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_ERROR), Some(words::of_a_stand_in(missing)))
}

/// The tokenizer that SQLite says is not here.
pub(crate) fn tokenizer_of(message: &str) -> Option<&str> {
    match Unknown::in_message(message) {
        Some(Unknown::Tokenizer(name)) => Some(name),
        _ => None,
    }
}

/// What to do about a change that would have to call one, or to tokenize; nothing of any other error.
pub(crate) fn remedy(error: &rusqlite::Error) -> String {
    let message = sqlite_message(error);
    if let Some(name) = tokenizer_of(&message) {
        return format!(
            "keep the values that full-text tables with the tokenizer {name} index as they are, and run the command again; or let the service, which registers {name}, make this change, and declare what it made"
        );
    }
    match Unknown::called_in(&message) {
        Some(Unknown::Function(name) | Unknown::Collation(name)) => format!(
            "keep every definition that calls {name} as the database has it, and run the command again; or let the service, which registers {name}, make this change, and declare what it made"
        ),
        _ => String::new(),
    }
}
