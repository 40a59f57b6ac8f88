//! The copy of the database that is made beside it before a risky plan runs: `DATABASE.before-TIME-PLAN`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use migrate::{Backup, Error, ErrorKind, Plan, Settings};
use tracing::{info, warn};

use crate::config::Database;

/// What stands between the database's name and the time.
const INFIX: &str = ".before-";
/// How many copies are kept, of as many plans.
const KEPT: usize = 2;
/// Of a plan's fingerprint, in characters.
const PLAN: usize = 12;

/// A complete, checked copy.
#[derive(Debug)]
pub(crate) struct Copy {
    file: PathBuf,
    made: Backup,
    database: Database,
}

impl Copy {
    /// Makes it, and checks it.
    ///
    /// A copy of the same plan was made for a change that did not happen, or this one would not be made: once there is a new one
    /// it goes, so that a machine which dies and starts again and again does not fill its disk; and before, where there is no
    /// room for both.
    pub(crate) fn make(database: &Database, plan: &Plan, settings: &Settings) -> Result<Self, Error> {
        let plan = plan.fingerprint.chars().take(PLAN).collect::<String>();
        let file = unused_name(database, &plan);
        info!("copying {} before its change", database.path.display());
        let made = match migrate::backup(&database.path, &file, None, settings) {
            Err(full) if full.kind == ErrorKind::Space && !of_plan(database, &plan).is_empty() => {
                remove(&of_plan(database, &plan));
                migrate::backup(&database.path, &file, None, settings)
            }
            result => result,
        }?;
        info!("copied to {}: {} bytes, integrity checked", file.display(), made.bytes);
        let copy = Self { file, made, database: database.clone() };
        remove(&of_plan(database, &plan).into_iter().filter(|file| copy.is_other(file)).collect::<Vec<_>>());
        Ok(copy)
    }

    /// The change happened: the copy stays, and all but the newest few go. Tells what was made.
    pub(crate) fn keep(self) -> Backup {
        let mut others = copies(&self.database);
        others.retain(|file| self.is_other(file));
        others.sort();
        others.truncate((others.len() + 1).saturating_sub(KEPT));
        remove(&others);
        self.made
    }

    /// The change was rolled back: the database is what the copy is.
    pub(crate) fn remove(self) {
        remove(&[self.file]);
    }

    fn is_other(&self, file: &Path) -> bool {
        file.file_name() != self.file.file_name()
    }
}

/// A machine that died within this second may have left a copy of this plan under this second's name.
fn unused_name(database: &Database, plan: &str) -> PathBuf {
    let mut time = SystemTime::now();
    loop {
        let second = humantime::format_rfc3339_seconds(time).to_string().replace(['-', ':'], "");
        let file = database.beside(&format!("{INFIX}{second}-{plan}"));
        if !file.exists() {
            return file;
        }
        time += Duration::from_secs(1);
    }
}

/// Removes what a death left of a copy that was not complete.
pub(crate) fn sweep(database: &Database) {
    remove(&named_like_a_copy(database).into_iter().filter(|file| is_partial(file)).collect::<Vec<_>>());
}

/// All complete copies of a database.
pub(crate) fn copies(database: &Database) -> Vec<PathBuf> {
    named_like_a_copy(database).into_iter().filter(|file| !is_partial(file)).collect()
}

fn of_plan(database: &Database, plan: &str) -> Vec<PathBuf> {
    let ending = format!("-{plan}");
    copies(database).into_iter().filter(|file| file.to_string_lossy().ends_with(&ending)).collect()
}

fn named_like_a_copy(database: &Database) -> Vec<PathBuf> {
    let prefix = database.beside(INFIX);
    let prefix = prefix.file_name().unwrap_or_default().as_encoded_bytes();
    let entries = fs::read_dir(database.folder()).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(prefix));
    ours.map(|entry| entry.path()).collect()
}

fn is_partial(file: &Path) -> bool {
    migrate::partial_of(file).is_some()
}

/// A copy too many costs room and nothing else: told, and no reason to stop.
fn remove(files: &[PathBuf]) {
    for file in files {
        if let Err(error) = fs::remove_file(file) {
            warn!("the copy {} cannot be removed: {error}", file.display());
        }
    }
}
