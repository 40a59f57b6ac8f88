//! Why a command did not do what it was asked.

use std::borrow::Cow;
use std::fmt;

use migrate::ErrorKind;
use serde::{Deserialize, Serialize};

/// Something went wrong. Printed as its message and, on the next line, the remedy.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    #[serde(skip)]
    pub(crate) exit: u8,
    kind: Kind,
    object: String,
    message: String,
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
            exit: 1,
            kind: Kind::App("serving".into()),
            object: object.into(),
            message: message.into(),
            remedy: String::new(),
        }
    }

    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }
}

impl From<migrate::Error> for Failure {
    fn from(error: migrate::Error) -> Self {
        let migrate::Error { kind, object, message, remedy, .. } = error;
        Self { exit: kind.exit_code(), kind: Kind::Engine(kind), object, message, remedy }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if !self.remedy.is_empty() {
            write!(f, "\n{}", self.remedy)?;
        }
        Ok(())
    }
}
