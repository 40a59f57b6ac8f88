//! `landfall backup`: a consistent copy, made here or by a process of its own, and what became of those.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use crate::config::{Backup, Config, Scrub};
use crate::detach;
use crate::ending::Ending;
use crate::failure::Failure;
use crate::pull::{Progress, Pull, Status, Word};
use crate::stop;

/// What is told of copies.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Told {
    Copied(landfall_engine::Backup),
    Status(Status),
    List { files: Vec<Listed> },
}

/// One that lies beside the database.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    file: String,
    state: Progress,
    /// The room that it takes.
    bytes: u64,
}

pub(crate) fn run(config: &Config, backup: &Backup) -> Ending<Told> {
    match backup {
        Backup::Here(file, scrub) => here(config, file, scrub.as_ref()).map(Told::Copied),
        Backup::Detach(file, scrub) => detach(config, file, scrub.as_ref()).map(Told::Status),
        Backup::Detached(file, scrub) => detached(config, file, scrub.as_ref()).map(Told::Status),
        Backup::Status(file) => status(config, file).map(Told::Status),
        Backup::Discard(file) => discard(config, file).map(Told::Status),
        Backup::List => list(config),
    }
    .into()
}

fn copy(config: &Config, file: &Path, scrub: Option<&Scrub>) -> Result<landfall_engine::Backup, Failure> {
    let database = config.database.existing()?;
    stop::interrupts(&config.settings.interrupt)?;
    Ok(landfall_engine::backup(
        database,
        file,
        scrub.map(|scrub| scrub.sql.as_str()),
        landfall_engine::Check::Integrity,
        &config.settings,
    )?)
}

/// One that others may look at and stop, when that is how its name is read; then a failure leaves no state.
fn here(config: &Config, file: &Path, scrub: Option<&Scrub>) -> Result<landfall_engine::Backup, Failure> {
    config.database.existing()?;
    let Ok(pull) = Pull::named(&config.database, file) else { return copy(config, file, scrub) };
    let state = pull.claim()?;
    let copied = pull.tell(&state, &Word::running()).map_err(Failure::from).and_then(|()| {
        let backup = copy(config, file, scrub)?;
        pull.tell(&state, &Word::Done(backup.clone()))?;
        Ok(backup)
    });
    // Let go of before it is removed.
    drop(state);
    copied.inspect_err(|_| drop(pull.discard(&config.settings)))
}

fn detach(config: &Config, file: &Path, scrub: Option<&Scrub>) -> Result<Status, Failure> {
    let pull = Pull::named(&config.database, file)?;
    config.database.existing()?;
    let started = detach::start(pull.file(), pull.claim()?, scrub, &config.for_a_copier);
    started.inspect_err(|_| drop(pull.discard(&config.settings)))?;
    Ok(Status::running(&pull))
}

/// In the process that `detach` starts, which nobody listens to: how it ends is written to the state.
fn detached(config: &Config, file: &Path, scrub: Option<&Scrub>) -> Result<Status, Failure> {
    let pull = Pull::named(&config.database, file)?;
    let state = detach::settle(pull.file(), &pull.state_file())?;
    pull.tell(&state, &Word::running())?;
    let word = match copy(config, file, scrub) {
        Ok(backup) => Word::Done(backup),
        Err(failure) => Word::Failed(failure),
    };
    pull.tell(&state, &word)?;
    drop(state);
    Ok(pull.status()?)
}

fn status(config: &Config, file: &Path) -> Result<Status, Failure> {
    Ok(Pull::named(&config.database, file)?.status()?)
}

fn discard(config: &Config, file: &Path) -> Result<Status, Failure> {
    let pull = Pull::named(&config.database, file)?;
    pull.discard(&config.settings)?;
    Ok(Status::absent(&pull))
}

fn list(config: &Config) -> Result<Told, Failure> {
    let listed = |pull: Pull| -> Result<Listed, Failure> {
        let (file, state) = (pull.file().display().to_string(), pull.status()?.state);
        Ok(Listed { file, state, bytes: pull.bytes() })
    };
    let files = Pull::all(&config.database)?.into_iter().map(listed).collect::<Result<_, _>>()?;
    Ok(Told::List { files })
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Copied(backup) => write_copied(f, backup),
            Self::Status(status) => write_status(f, status),
            Self::List { files } if files.is_empty() => f.write_str("no copy lies beside the database"),
            Self::List { files } => files
                .iter()
                .try_for_each(|Listed { file, state, bytes }| writeln!(f, "{file}: {state}, {bytes} bytes")),
        }
    }
}

fn write_copied(f: &mut fmt::Formatter<'_>, backup: &landfall_engine::Backup) -> fmt::Result {
    let landfall_engine::Backup { file, bytes, sha256, seconds } = backup;
    writeln!(f, "copied to {file}: {bytes} bytes in {seconds:.3} s, integrity checked")?;
    write!(f, "sha256 {sha256}")
}

fn write_status(f: &mut fmt::Formatter<'_>, Status { file, state, backup, error }: &Status) -> fmt::Result {
    match (backup, error) {
        (Some(backup), _) => write_copied(f, backup),
        (_, Some(failure)) => write!(f, "{}: {state}\n{failure}", file.display()),
        _ => write!(f, "{}: {state}", file.display()),
    }
}
