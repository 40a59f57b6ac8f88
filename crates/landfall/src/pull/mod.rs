//! Copies that lie beside the database until somebody has fetched them: `DATABASE.pull-NAME`.
//!
//! Whatever has such a name may be removed: it is told apart from the database by nothing else.

pub(crate) mod state;

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use landfall_engine::{Backup, Error, ErrorKind, Settings};
use serde::Serialize;
use tracing::{info, warn};

use crate::config::Database;
use crate::detach;
use crate::failure::Failure;

pub(crate) use state::{State, Word};

/// What stands between the database's name and that of the copy.
const INFIX: &str = ".pull-";
/// What the name of its state file adds to a copy's.
const STATE: &str = ".state";
/// Between two looks whether a process has let go.
const PAUSE: Duration = Duration::from_millis(50);

/// One of them, whether or not it is there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pull {
    file: PathBuf,
}

/// How far it is.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    #[serde(skip)]
    pub(crate) file: PathBuf,
    pub(crate) state: Progress,
    /// What was made; only when it is done.
    pub(crate) backup: Option<Backup>,
    /// Why it failed; only when it did.
    pub(crate) error: Option<Failure>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Progress {
    Running,
    Done,
    Failed,
    Absent,
}

impl Pull {
    /// The copy of this name.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for any other file: what is done to a copy must never be done to the database.
    pub(crate) fn named(database: &Database, file: &Path) -> Result<Self, Error> {
        if is_named_so(database, file) && database.is_beside(file) && whole(file) == file {
            return Ok(Self { file: file.to_owned() });
        }
        let (shown, prefix) = (file.display(), database.beside(INFIX));
        let message = format!("{shown} is no copy beside the database that can be fetched");
        Err(Error::new(ErrorKind::Usage, shown.to_string(), message)
            .unchanged()
            .remedy(format!("name it {}NAME", prefix.display())))
    }

    /// All of which something is there.
    pub(crate) fn all(database: &Database) -> Result<BTreeSet<Self>, Error> {
        let folder = database.folder();
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            entries => entries.map_err(|error| cannot("list", folder, &error))?,
        };
        let files = entries.flatten().map(|entry| whole(&entry.path()));
        Ok(files.filter(|file| is_named_so(database, file)).map(|file| Self { file }).collect())
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    pub(crate) fn state_file(&self) -> PathBuf {
        let mut path = self.file.clone().into_os_string();
        path.push(STATE);
        path.into()
    }

    /// Begins it: from now on it is running, as long as the state is held.
    pub(crate) fn claim(&self) -> Result<State, Error> {
        if self.file.symlink_metadata().is_ok() {
            return Err(self.in_the_way(&self.file));
        }
        State::create(&self.state_file()).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => self.in_the_way(&self.state_file()),
            _ => cannot("make", &self.state_file(), &error),
        })
    }

    pub(crate) fn status(&self) -> Result<Status, Error> {
        let Some(state) = self.state()? else {
            let any = self.files().iter().any(|file| file.symlink_metadata().is_ok());
            return Ok(if any { Status::failed(self, self.unknown()) } else { Status::absent(self) });
        };
        if state.is_held().map_err(|error| cannot("read", &self.state_file(), &error))? {
            return Ok(Status::running(self));
        }
        Ok(match state.word() {
            Some(Word::Done(backup)) if self.file.exists() => Status::done(self, backup),
            Some(Word::Done(_)) => Status::failed(self, self.gone()),
            Some(Word::Failed(failure)) => Status::failed(self, failure),
            Some(Word::Running { .. }) | None => Status::failed(self, self.died()),
        })
    }

    /// Writes down how far it is.
    pub(crate) fn tell(&self, state: &State, word: &Word) -> Result<(), Error> {
        state.write(word).map_err(|error| cannot("write", &self.state_file(), &error))
    }

    /// How much room all that is there of it takes.
    pub(crate) fn bytes(&self) -> u64 {
        self.files().iter().filter_map(|file| file.symlink_metadata().ok()).map(|facts| facts.len()).sum()
    }

    /// Stops what makes it, and removes all of it. What is not there needs no removing.
    pub(crate) fn discard(&self, settings: &Settings) -> Result<(), Error> {
        // Held until the last file is gone: nobody begins it again meanwhile.
        let _stopped = self.stop(settings)?;
        // The state last: after a death in between there is still something that is listed.
        for file in self.files().into_iter().chain([self.state_file()]) {
            match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(cannot("remove", &file, &error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn sweep(&self, settings: &Settings) {
        let swept = self.status().and_then(|status| match status.state {
            Progress::Running => Ok("is being made, and stays"),
            _ => self.discard(settings).map(|()| "is removed: nobody has fetched it"),
        });
        match swept {
            Ok(what) => info!("{} {what}", self.file.display()),
            Err(error) => warn!("{}", error.message),
        }
    }

    /// Waits, as long as for a lock of the database, until nobody makes it. `None` when nobody did.
    fn stop(&self, settings: &Settings) -> Result<Option<State>, Error> {
        let deadline = Instant::now() + settings.lock_wait;
        let (mut named, mut asked) = (None, false);
        loop {
            let Some(state) = self.state()? else { return Ok(None) };
            if state.take().map_err(|error| cannot("lock", &self.state_file(), &error))? {
                return Ok(Some(state));
            }
            if let Some(Word::Running { pid }) = state.word()
                && named != Some(pid)
            {
                asked = detach::stop(&state, pid);
                named = Some(pid);
            }
            if Instant::now() >= deadline {
                let limit = settings.lock_wait;
                return Err(if asked { self.not_stopped(limit) } else { self.not_found(limit) });
            }
            thread::sleep(PAUSE);
        }
    }

    /// The copy, and what is there of it while it is made.
    fn files(&self) -> Vec<PathBuf> {
        [self.file.clone()].into_iter().chain(landfall_engine::partials(&self.file)).collect()
    }

    fn state(&self) -> Result<Option<State>, Error> {
        State::open(&self.state_file()).map_err(|error| cannot("read", &self.state_file(), &error))
    }

    fn in_the_way(&self, other: &Path) -> Error {
        let (file, other) = (self.file.display(), other.display());
        let message = format!("the file {other} exists already");
        Error::new(ErrorKind::Database, file.to_string(), message).unchanged().remedy(format!(
            "see what it is with: landfall backup {file} --status; remove it with: landfall backup {file} --discard"
        ))
    }

    fn not_stopped(&self, limit: Duration) -> Error {
        let file = self.file.display().to_string();
        let limit = limit.as_secs();
        let message = format!("the process that makes {file} was asked to stop and did not within {limit} s");
        Error::new(ErrorKind::Locked, &file, message).unchanged().remedy("run the command again")
    }

    fn not_found(&self, limit: Duration) -> Error {
        let (file, state) = (self.file.display().to_string(), self.state_file());
        let state = state.display();
        let limit = limit.as_secs();
        let message = format!(
            "a process holds {state} for more than {limit} s, and this file names none that has it open, so that nobody was asked to stop"
        );
        Error::new(ErrorKind::Locked, &file, message)
            .unchanged()
            .remedy(format!("end the process that this shows, and run the command again: lsof {state}"))
    }

    fn died(&self) -> Failure {
        self.useless("the process that made it died before it was complete")
    }

    fn gone(&self) -> Failure {
        self.useless("it was complete, and somebody has removed it")
    }

    fn unknown(&self) -> Failure {
        self.useless("nothing tells how it was made, or whether it is complete")
    }

    fn useless(&self, why: &str) -> Failure {
        let file = self.file.display().to_string();
        let message = format!("{file} cannot be used: {why}");
        Error::new(ErrorKind::Database, &file, message)
            .remedy(format!("remove what is left with: landfall backup {file} --discard"))
            .into()
    }
}

impl Status {
    fn new(pull: &Pull, state: Progress) -> Self {
        Self { file: pull.file.clone(), state, backup: None, error: None }
    }

    pub(crate) fn running(pull: &Pull) -> Self {
        Self::new(pull, Progress::Running)
    }

    pub(crate) fn absent(pull: &Pull) -> Self {
        Self::new(pull, Progress::Absent)
    }

    fn done(pull: &Pull, backup: Backup) -> Self {
        Self { backup: Some(backup), ..Self::new(pull, Progress::Done) }
    }

    fn failed(pull: &Pull, failure: Failure) -> Self {
        Self { error: Some(failure), ..Self::new(pull, Progress::Failed) }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Absent => "absent",
        })
    }
}

/// Removes every copy that nobody makes: whoever was about to fetch it asked a machine that was restarted since.
pub(crate) fn sweep(database: &Database, settings: &Settings) {
    match Pull::all(database) {
        Ok(pulls) => pulls.iter().for_each(|pull| pull.sweep(settings)),
        Err(error) => warn!("{}", error.message),
    }
}

fn is_named_so(database: &Database, file: &Path) -> bool {
    let prefix = database.beside(INFIX);
    let prefix = prefix.file_name().unwrap_or_default().as_bytes();
    let name = file.file_name().unwrap_or_default().as_bytes();
    name.len() > prefix.len() && name.starts_with(prefix)
}

/// The copy that a file is, or is a part of.
fn whole(file: &Path) -> PathBuf {
    let copy = landfall_engine::partial_of(file).unwrap_or_else(|| file.to_owned());
    if copy.extension().is_some_and(|extension| extension == &STATE[1..]) {
        copy.with_extension("")
    } else {
        copy
    }
}

fn cannot(what: &str, file: &Path, error: &io::Error) -> Error {
    let shown = file.display().to_string();
    let message = format!("cannot {what} {shown}: {error}");
    Error::new(ErrorKind::Database, shown, message)
        .changed("the database was not changed")
        .remedy("check the rights of it and of its folder")
}
