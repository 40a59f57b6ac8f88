//! How a command ends: one text or one JSON document on stdout, an error on stderr, an exit code.

use std::fmt::Display;
use std::io::{self, Write};
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

/// Of the document's form: another one once a field means something else, or is gone.
const VERSION: u32 = 1;

/// What a command found, and whether it failed; a refused migration has both.
#[derive(Debug)]
pub(crate) struct Ending<T> {
    exit: u8,
    report: Option<T>,
    failure: Option<Failure>,
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
        Self { exit: 0, report: Some(report), failure: None }
    }

    pub(crate) fn failed(failure: Failure) -> Self {
        Self { exit: failure.exit, report: None, failure: Some(failure) }
    }

    /// The same ending, together with the report of what was found before it.
    pub(crate) fn with(self, report: T) -> Self {
        Self { report: Some(report), ..self }
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
        let written = match format {
            Format::Text => self.report.as_ref().map_or(Ok(()), |report| write_line(&report.to_string())),
            Format::Json => self.document(command).and_then(|document| write_line(&document)),
        };
        if let Some(failure) = &self.failure {
            eprintln!("{failure}");
        }
        match written {
            Ok(()) => ExitCode::from(self.exit),
            Err(error) => {
                eprintln!("error: cannot write to stdout: {error}");
                ExitCode::from(self.exit.max(1))
            }
        }
    }

    fn document(&self, command: &str) -> io::Result<String> {
        let Self { exit, report, failure } = self;
        Ok(serde_json::to_string_pretty(&Document {
            version: VERSION,
            command,
            exit: *exit,
            report,
            error: failure,
        })?)
    }
}

fn write_line(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", text.trim_end())?;
    stdout.flush()
}
