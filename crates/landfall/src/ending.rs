//! How a command ends: one text or one JSON document on stdout, an error on stderr, an exit code.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::process::ExitCode;

use serde::Serialize;

use crate::failure::Failure;

/// What stdout carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// Text for a person
    #[default]
    Text,
    /// Exactly one JSON document, also on failure
    Json,
}

/// Of the protocol: another one once a field means something else or is gone, or there is a command or a flag more.
const VERSION: u32 = 2;

/// What a command found, and whether it failed; a refused migration has both.
#[derive(Debug)]
pub(crate) struct Ending<T> {
    exit: u8,
    report: Option<T>,
    failure: Option<Failure>,
    /// Whether the text is to be kept: into a file it is written as it is.
    is_exact: bool,
}

#[derive(Serialize)]
struct Document<'a, T> {
    version: u32,
    command: &'a str,
    exit: u8,
    report: &'a Option<T>,
    error: &'a Option<Failure>,
}

impl<T> Ending<T> {
    pub(crate) fn done(report: T) -> Self {
        Self { exit: 0, report: Some(report), failure: None, is_exact: false }
    }

    pub(crate) fn failed(failure: Failure) -> Self {
        Self { exit: failure.exit(), report: None, failure: Some(failure), is_exact: false }
    }

    /// The same ending, together with the report of what was found before it.
    pub(crate) fn with(self, report: T) -> Self {
        Self { report: Some(report), ..self }
    }

    /// The same ending, of a text that is to be kept.
    pub(crate) fn exactly(self) -> Self {
        Self { is_exact: true, ..self }
    }

    /// The same ending under another exit code.
    pub(crate) fn exit(self, exit: u8) -> Self {
        Self { exit, ..self }
    }
}

impl<T, E: Into<Failure>> From<Result<T, E>> for Ending<T> {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(report) => Self::done(report),
            Err(error) => Self::failed(error.into()),
        }
    }
}

impl<T: Serialize + Display> Ending<T> {
    /// Prints it, and gives the exit code.
    pub(crate) fn print(&self, command: &str, format: Format) -> ExitCode {
        let report = self.report.as_ref().map(ToString::to_string);
        let written = match format {
            Format::Text => report.as_ref().map_or(Ok(()), |report| self.write(report)),
            Format::Json => self.document(command).and_then(|document| write_line(io::stdout(), &document)),
        };
        let failure = self.failure.as_ref().map(ToString::to_string);
        let told = failure.map_or(Ok(()), |failure| write_line(io::stderr(), &failure));
        let first_line = report.as_deref().and_then(|report| report.lines().next());
        exit(self.exit, first_line, written.and(told))
    }

    fn write(&self, report: &str) -> io::Result<()> {
        if self.is_exact && stdout_is_a_file() {
            return write_exactly(io::stdout(), report);
        }
        write_line(io::stdout(), report)
    }

    fn document(&self, command: &str) -> io::Result<String> {
        let Self { exit, report, failure, .. } = self;
        Ok(landfall_engine::json(&Document {
            version: VERSION,
            command,
            exit: *exit,
            report,
            error: failure,
        })?)
    }
}

/// The exit code of what ends with `code`, where all could be written; else that is a failure, which says what was done by its first line.
/// A reader that went away (`| head`) is none.
pub(crate) fn exit(code: u8, first_line: Option<&str>, written: io::Result<()>) -> ExitCode {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let done = first_line.map(|line| format!("; it was to say: {line}")).unwrap_or_default();
            let message = format!("error: cannot write the output: {error}{done}");
            // Where stderr is what cannot be written, the exit code alone tells.
            drop(write_line(io::stderr(), &format!("{message}\nmake room there, or send it elsewhere")));
            ExitCode::from(code.max(1))
        }
        _ => ExitCode::from(code),
    }
}

/// Whether stdout is a file on a disk: no terminal, and no log.
pub(crate) fn stdout_is_a_file() -> bool {
    let file = io::stdout().as_fd().try_clone_to_owned().map(File::from);
    file.and_then(|file| file.metadata()).is_ok_and(|facts| facts.is_file())
}

/// As it may be shown.
fn write_line(stream: impl Write, text: &str) -> io::Result<()> {
    write_exactly(stream, &landfall_engine::shown(text))
}

fn write_exactly(mut stream: impl Write, text: &str) -> io::Result<()> {
    writeln!(stream, "{}", text.trim_end())?;
    stream.flush()
}
