//! Why a command did not do what it was asked.

use std::borrow::Cow;
use std::fmt;

use landfall_engine::{Changed, ErrorKind, shown, shown_in_line};
use serde::{Deserialize, Serialize};

/// Something went wrong. Printed as its message and, on the next line, the remedy.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    kind: Kind,
    object: String,
    message: String,
    /// What was changed before it.
    #[serde(default)]
    changed: Changed,
    remedy: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Kind {
    Engine(ErrorKind),
    App(Cow<'static, str>),
}

impl Failure {
    /// A failure of the service itself, outside the engine.
    pub(crate) fn serving(object: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind: Kind::App("serving".into()),
            object: shown_in_line(&object.into()).into_owned(),
            message: shown(&message.into()).into_owned(),
            changed: Changed::Unknown,
            remedy: String::new(),
        }
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> u8 {
        match &self.kind {
            Kind::Engine(kind) => kind.exit_code(),
            Kind::App(_) => 1,
        }
    }

    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = shown(&remedy.into()).into_owned();
        self
    }
}

impl From<landfall_engine::Error> for Failure {
    fn from(error: landfall_engine::Error) -> Self {
        let landfall_engine::Error { kind, object, message, changed, remedy, .. } = error;
        Self { kind: Kind::Engine(kind), object, message, changed, remedy }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.changed.told(&self.message))?;
        if !self.remedy.is_empty() {
            write!(f, "\n{}", self.remedy)?;
        }
        Ok(())
    }
}
