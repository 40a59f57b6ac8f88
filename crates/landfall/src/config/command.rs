//! What the command line asks for.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use super::scrub::Scrub;
use super::service::Service;
use crate::ending::{Ending, Format};
use crate::failure::Failure;

/// What to do.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    /// A service, and where it listens.
    Start(Option<(Service, SocketAddr)>),
    Idle,
    Migrate(Mode, Format),
    Inspect(Format),
    Backup(Backup, Format),
    Restore(PathBuf, Format),
    Discard(PathBuf, Format),
    LastChange(Format),
    /// Of the database, or of a file beside it.
    Status(Option<PathBuf>, Format),
    Version(Format),
}

/// What `backup` does, and with which file.
#[derive(Debug, Clone)]
pub(crate) enum Backup {
    Here(PathBuf, Option<Scrub>),
    /// The same in a process of its own.
    Detach(PathBuf, Option<Scrub>),
    /// That process.
    Detached(PathBuf, Option<Scrub>),
    Status(PathBuf),
    Discard(PathBuf),
    List,
}

/// How far `migrate` goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Apply,
    DryRun,
    Check,
}

impl Command {
    /// Ends with this failure, in the format that the command was to end in.
    pub(crate) fn fail(&self, failure: Failure) -> ExitCode {
        let (name, format) = match self {
            Self::Start(_) => ("start", Format::Text),
            Self::Idle => ("idle", Format::Text),
            Self::Migrate(_, format) => ("migrate", *format),
            Self::Inspect(format) => ("inspect", *format),
            Self::Backup(_, format) => ("backup", *format),
            Self::Restore(_, format) => ("restore", *format),
            Self::Discard(_, format) => ("discard", *format),
            Self::LastChange(format) => ("last-change", *format),
            Self::Status(_, format) => ("status", *format),
            Self::Version(format) => ("version", *format),
        };
        Ending::<&str>::failed(failure).print(name, format)
    }
}
