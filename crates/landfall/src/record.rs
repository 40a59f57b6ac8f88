//! The record of the last change: `DATABASE.last-change`, for whoever asks later what it did and how long it took.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use landfall_engine::{Backup, Error, ErrorKind, Evidence, Report};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::warn;

use crate::config::{Config, Database};
use crate::own_file;

/// What its name adds to the database's.
const SUFFIX: &str = ".last-change";
/// What the name ends with until it is whole.
const PARTIAL: &str = ".last-change.partial";

/// A change that was committed. Nothing in it is a value of a row.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// When it was committed, in RFC 3339.
    time: String,
    /// The commit of the release that made it.
    commit: String,
    /// The version of SQLite.
    sqlite: String,
    /// The copy that was made before it.
    copy: Option<Copied>,
    /// From the beginning of planning to the commit, with the copy.
    seconds: f64,
    /// The engine's own, whole: what a later release adds to it is kept.
    report: Value,
}

#[derive(Debug, Serialize, Deserialize)]
struct Copied {
    bytes: u64,
    seconds: f64,
}

/// Writes it down. The change is committed: failing to tell of it is no reason to fail.
pub(crate) fn write(config: &Config, report: &Report, copy: Option<&Backup>, took: Duration) {
    let file = config.database.beside(SUFFIX);
    if let Err(error) = Record::new(config, report, copy, took).and_then(|record| record.save(config, &file))
    {
        warn!("the record of this change, {}, cannot be written: {error}", file.display());
    }
}

/// Removes the one of a database that goes as well.
pub(crate) fn forget(database: &Database) -> io::Result<()> {
    remove(&database.beside(SUFFIX))
}

/// The last one; `None` when there was no change yet.
pub(crate) fn read(database: &Database) -> Result<Option<Record>, Error> {
    let file = database.beside(SUFFIX);
    match own_file::read(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(&file, &error)),
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| unreadable(&file, &error)),
    }
}

/// It goes with its database, when that gets another name: of another database it would not be true.
pub(crate) fn follow(from: &Database, to: &Database) -> io::Result<()> {
    match fs::rename(from.beside(SUFFIX), to.beside(SUFFIX)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Record {
    fn new(config: &Config, report: &Report, copy: Option<&Backup>, took: Duration) -> io::Result<Self> {
        let mut report = report.clone();
        if config.settings.show_values {
            // Then what hazards say may carry values, which were for the eyes of whoever asked.
            let hazards = report.plan.iter_mut().flat_map(|plan| &mut plan.hazards);
            hazards.for_each(|hazard| hazard.message.clear());
        }
        Ok(Self {
            time: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            commit: config.commit.clone(),
            sqlite: landfall_engine::sqlite_version().to_owned(),
            copy: copy.map(|made| Copied { bytes: made.bytes, seconds: made.seconds }),
            seconds: took.as_secs_f64(),
            report: serde_json::to_value(report)?,
        })
    }

    /// Under another name first: whoever reads it sees this record or the one before.
    fn save(&self, config: &Config, file: &Path) -> io::Result<()> {
        let partial = config.database.beside(PARTIAL);
        let text = serde_json::to_vec_pretty(self)?;
        // What a death left there, or somebody else put there.
        remove(&partial)?;
        own_file::create(&partial)?.write_all(&text)?;
        fs::rename(&partial, file)
    }

    fn evidence(&self) -> Vec<Evidence> {
        Vec::deserialize(&self.report["evidence"]).unwrap_or_default()
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { time, commit, sqlite, copy, seconds, report } = self;
        let database = report["database"].as_str().unwrap_or_default();
        let steps = report["plan"]["steps"].as_array().map_or(0, Vec::len);
        writeln!(f, "{database} was changed at {time} by commit {commit} with SQLite {sqlite}")?;
        writeln!(f, "steps: {steps}, in {seconds:.3} s")?;
        if let Some(Copied { bytes, seconds }) = copy {
            writeln!(f, "copied before: {bytes} bytes, in {seconds:.3} s of them")?;
        }
        for Evidence { table, rows_before, rows_after, sampled, .. } in self.evidence() {
            let table = landfall_engine::written(&table);
            match sampled {
                true => writeln!(f, "rows of {table}: a sample of {rows_before} by key, equal")?,
                false => writeln!(f, "rows of {table}: {rows_before} before, {rows_after} after")?,
            }
        }
        Ok(())
    }
}

fn unreadable(file: &Path, error: &dyn fmt::Display) -> Error {
    let file = file.display().to_string();
    let message = format!("the record of the last change, {file}, cannot be read: {error}");
    Error::new(ErrorKind::Database, file, message)
        .unchanged()
        .remedy("remove it: the next change writes a new one")
}
