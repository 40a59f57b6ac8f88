//! Errors about the text of a schema, each with its place.

use super::files::Files;
use crate::error::{Error, ErrorKind};
use crate::interrupt;
use crate::shown::shown_in_line;
use crate::sqlite_error::is_interrupted;
use crate::token::{line_at, position};

/// The text of a schema that is read, with the files that it is from.
pub(super) struct Source<'s> {
    pub(super) files: &'s Files,
    pub(super) text: &'s str,
}

impl Source<'_> {
    fn file(&self) -> String {
        self.files.path().display().to_string()
    }

    /// An error of SQLite that says nothing of the text.
    pub(super) fn internal(&self, error: &rusqlite::Error) -> Error {
        if is_interrupted(error) {
            return interrupt::while_planning();
        }
        Error::new(ErrorKind::Schema, self.file(), format!("{}: {error}", self.file()))
    }

    /// An error at a place: file, line, column and the line itself.
    pub(super) fn error(&self, offset: usize, what: &str) -> Error {
        let (line, column) = position(self.text, offset);
        let (place, what) = (self.files.place_text(line), shown_in_line(what));
        let shown = line_at(self.text, offset);
        let shown: String = if shown.chars().count() > 200 {
            shown.chars().take(200).chain(['…']).collect()
        } else {
            shown.to_owned()
        };
        Error::new(ErrorKind::Schema, &place, format!("{place}:{column}: {what}\n  {}", shown.trim()))
            .unchanged()
    }
}
