//! Errors that carry an exit code, and what a person and the JSON document are told of any error.

use std::fmt;

use landfall_engine::{Changed, shown, shown_in_line};
use serde::Serialize;

/// In which way the command line itself stops. Its name in JSON is the kebab-case of the variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A flag, the configuration or the environment is wrong.
    Usage,
    /// The question was answered with no.
    Declined,
    /// Ctrl-C or SIGTERM.
    Interrupted,
    /// Something that was started failed.
    Failed,
    /// It could cost data, and nobody approved it.
    Refused,
    /// A deploy failed; production serves the previous release.
    WentBack,
    /// A deploy failed; production needs a person.
    Stranded,
}

impl Kind {
    /// As the README tells them.
    fn exit_code(self) -> u8 {
        match self {
            Self::Declined | Self::Interrupted | Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::WentBack => 5,
            Self::Stranded => 6,
        }
    }
}

/// An error of the command line; the engine's are [`landfall_engine::Error`].
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    object: String,
    message: String,
    changed: Changed,
    remedy: String,
}

impl Error {
    /// An error of this kind about this file, flag or package.
    pub fn new(kind: Kind, object: impl Into<String>, message: impl Into<String>) -> Self {
        let object = shown_in_line(&object.into()).into_owned();
        let message = shown(&message.into()).into_owned();
        Self { kind, object, message, changed: Changed::Unknown, remedy: String::new() }
    }

    /// Wrong usage or configuration: exit code 2.
    pub fn usage(object: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, object, message)
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

    /// The same error, of something that left all as it was unless it says what it changed.
    pub(crate) fn unchanged_else(self) -> Self {
        if self.changed == Changed::Unknown { self.unchanged() } else { self }
    }

    /// The same error with the line that says what to do next.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = shown(&remedy.into()).into_owned();
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.changed.told(&self.message))
    }
}

impl std::error::Error for Error {}

/// What is told of an error: the `error` of the JSON document.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    kind: serde_json::Value,
    object: String,
    /// What happened.
    pub(crate) message: String,
    changed: Changed,
    /// What to do next; empty when there is nothing.
    pub(crate) remedy: String,
    /// The exit code.
    #[serde(skip)]
    pub(crate) exit: u8,
}

impl Told {
    /// Of the engine's errors and ours by their kind; anything else failed, exit code 1.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        if let Some(e) = error.downcast_ref::<landfall_engine::Error>() {
            return Self::new(e.kind, &e.object, &e.message, &e.changed, &e.remedy, e.kind.exit_code());
        }
        if let Some(e) = error.downcast_ref::<Error>() {
            return Self::new(e.kind, &e.object, &e.message, &e.changed, &e.remedy, e.kind.exit_code());
        }
        Self::new(Kind::Failed, "", &shown(&format!("{error:#}")), &Changed::Unknown, "", 1)
    }

    /// What happened, and what was changed.
    pub(crate) fn told(&self) -> String {
        self.changed.told(&self.message)
    }

    fn new(
        kind: impl Serialize,
        object: &str,
        message: &str,
        changed: &Changed,
        remedy: &str,
        exit: u8,
    ) -> Self {
        let kind = serde_json::to_value(kind).unwrap_or_default();
        let (object, message) = (object.to_owned(), message.to_owned());
        Self { kind, object, message, changed: changed.clone(), remedy: remedy.to_owned(), exit }
    }
}
