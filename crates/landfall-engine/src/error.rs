//! What can go wrong, as a value: kind, object, message, remedy.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::changed::Changed;
use crate::report::Report;
use crate::shown::{shown, shown_in_line};

/// The way in which something failed. Its name in JSON is the kebab-case of the variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// `schema.sql` cannot be read, or says something that it must not say.
    Schema,
    /// The database cannot be opened or read, or is not a database.
    Database,
    /// Another connection held the database longer than the time limit.
    Locked,
    /// A hazard that nobody approved, or that no approval can mend.
    Hazard,
    /// No planner had a plan.
    Planner,
    /// Every plan failed on the replica, before the database was opened for writing.
    Proof,
    /// A statement, or the evidence after it, failed in the database; it was rolled back.
    Apply,
    /// The database changed between the plan and its execution; it was rolled back.
    Moved,
    /// Too little free space for the plan.
    Space,
    /// A signal asked to stop; it was rolled back.
    Interrupted,
    /// A setting is wrong.
    Usage,
}

impl ErrorKind {
    /// The exit code that both binaries document: 1 failed, 2 usage, 3 refused for a hazard.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Hazard => 3,
            Self::Usage => 2,
            _ => 1,
        }
    }
}

/// An error that a person can act on.
///
/// Displayed as the message with what was changed and, where there is one, the remedy on the next line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Error {
    /// In which way it failed.
    pub kind: ErrorKind,
    /// The file, table or `table.column` that it is about; empty when there is none.
    pub object: String,
    /// What happened, and below it why. Begins in lower case.
    pub message: String,
    /// What was changed before it.
    #[serde(default)]
    pub changed: Changed,
    /// What to do or to type next; empty when there is nothing.
    pub remedy: String,
    /// What was found before it failed; `None` where nothing was compared yet.
    #[serde(skip)]
    pub report: Option<Box<Report>>,
}

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of this kind about this object.
    pub fn new(kind: ErrorKind, object: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            object: shown_in_line(&object.into()).into_owned(),
            message: shown(&message.into()).into_owned(),
            changed: Changed::Unknown,
            remedy: String::new(),
            report: None,
        }
    }

    /// The same error with the line that says what to do next.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = shown(&remedy.into()).into_owned();
        self
    }

    /// The same error of something that left all as it was.
    #[must_use]
    pub fn unchanged(mut self) -> Self {
        self.changed = Changed::Nothing;
        self
    }

    /// The same error of something that changed this, as a clause.
    #[must_use]
    pub fn changed(mut self, what: impl Into<String>) -> Self {
        self.changed = Changed::What(what.into());
        self
    }

    /// What happened, and what was changed.
    #[must_use]
    pub fn told(&self) -> String {
        self.changed.told(&self.message)
    }

    /// The same error with what was found before it; the first report stays.
    #[must_use]
    pub(crate) fn after(mut self, report: &Report) -> Self {
        self.report.get_or_insert_with(|| Box::new(report.clone()));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told())?;
        if !self.remedy.is_empty() {
            write!(f, "\n{}", self.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Why a file could not be read or made.
pub(crate) fn io_reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "it does not exist".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => error.to_string(),
    }
}
