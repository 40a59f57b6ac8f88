//! The copy of the database that is made beside it before a risky plan runs: `DATABASE.before-TIME-PLAN`.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use migrate::{Error, ErrorKind, Plan, Settings};
use tracing::{info, warn};

use crate::config::Database;

/// What stands between the database's name and the time.
const INFIX: &str = ".before-";
/// How many copies are kept, of as many plans.
const KEPT: usize = 2;
/// Of a plan's fingerprint, in characters.
const PLAN: usize = 12;
/// What the name of a copy that is not complete ends with.
const PARTIAL: &str = ".partial";

/// A complete, checked copy.
#[derive(Debug)]
pub(crate) struct Copy {
    file: PathBuf,
    database: Database,
    plan: String,
}

impl Copy {
    /// Makes it, and checks it. Leftovers of copies that a death cut short are swept first: they take room.
    pub(crate) fn make(database: &Database, plan: &Plan, settings: &Settings) -> Result<Self, Error> {
        sweep(database);
        let plan = plan.fingerprint.chars().take(PLAN).collect::<String>();
        let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string().replace(['-', ':'], "");
        let file = database.beside(&format!("{INFIX}{time}-{plan}"));
        let partial = database.beside(&format!("{INFIX}{time}-{plan}{PARTIAL}"));
        info!("copying {} before its change", database.path.display());
        let made = migrate::backup(&database.path, &partial, settings)?;
        finish(&partial, &file, database.folder()).map_err(|error| not_finished(&file, &error))?;
        info!("copied to {}: {} bytes, integrity checked", file.display(), made.bytes);
        Ok(Self { file, database: database.clone(), plan })
    }

    /// The change happened: the copy stays, and all but the newest few go. Of one plan that was begun several times the last
    /// copy is the one that counts.
    pub(crate) fn keep(self) {
        let mut others = copies(&self.database);
        others.retain(|file| file.file_name() != self.file.file_name());
        others.sort();
        let (same, mut older): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|file| self.is_of_same_plan(file));
        older.truncate((older.len() + 1).saturating_sub(KEPT));
        same.iter().chain(&older).for_each(|file| remove(file));
    }

    /// The change was rolled back: the database is what the copy is.
    pub(crate) fn remove(self) {
        remove(&self.file);
    }

    fn is_of_same_plan(&self, file: &Path) -> bool {
        file.to_string_lossy().ends_with(&format!("-{}", self.plan))
    }
}

/// All complete copies of a database.
pub(crate) fn copies(database: &Database) -> Vec<PathBuf> {
    named_like_a_copy(database).into_iter().filter(|file| !is_partial(file)).collect()
}

fn sweep(database: &Database) {
    named_like_a_copy(database).iter().filter(|file| is_partial(file)).for_each(|file| remove(file));
}

fn named_like_a_copy(database: &Database) -> Vec<PathBuf> {
    let prefix = database.beside(INFIX);
    let prefix = prefix.file_name().unwrap_or_default().as_encoded_bytes();
    let entries = fs::read_dir(database.folder()).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(prefix));
    ours.map(|entry| entry.path()).collect()
}

fn is_partial(file: &Path) -> bool {
    // SQLite may have left a journal beside it.
    file.to_string_lossy().contains(PARTIAL)
}

/// The name says that it is complete, so it is given last.
fn finish(partial: &Path, file: &Path, folder: &Path) -> io::Result<()> {
    fs::rename(partial, file)?;
    File::open(folder)?.sync_all()
}

fn not_finished(file: &Path, error: &io::Error) -> Error {
    let shown = file.display().to_string();
    let message = format!("the copy {shown} cannot be made: {error}; the database was not changed");
    Error::new(ErrorKind::Database, shown, message).remedy("check the rights of its folder")
}

/// A copy too many costs room and nothing else: told, and no reason to stop.
fn remove(file: &Path) {
    if let Err(error) = fs::remove_file(file) {
        warn!("the copy {} cannot be removed: {error}", file.display());
    }
}
