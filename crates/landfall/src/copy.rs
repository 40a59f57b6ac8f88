//! The copy of the database that is made beside it before a risky plan runs: `DATABASE.before-TIME-PLAN`.

use std::fs;
use std::path::{Path, PathBuf};

use landfall_engine::{Backup, Check, Error, ErrorKind, Plan, Settings};
use tracing::{info, warn};

use crate::config::Database;
use crate::stamped::{self, Stamped};

/// What stands between the database's name and the time.
const INFIX: &str = ".before-";
/// How many copies are kept, of as many plans.
const KEPT: usize = 2;

/// A complete, checked copy.
#[derive(Debug)]
pub(crate) struct Copy {
    file: PathBuf,
    made: Backup,
    database: Database,
}

impl Copy {
    /// Makes it, and checks it: nobody is served meanwhile, and to look into every index takes longer than most changes.
    ///
    /// A copy of the same plan was made for a change that did not happen, or this one would not be made: once there is a new one
    /// it goes, so that a machine which dies and starts again and again does not fill its disk; and before, where there is no
    /// room for both.
    pub(crate) fn make(database: &Database, plan: &Plan, settings: &Settings) -> Result<Self, Error> {
        let plan = landfall_engine::fingerprint::short_digits(&plan.fingerprint);
        // A machine that died within this second may have left a copy of this plan.
        let file = stamped::unused(database, INFIX, &format!("-{plan}"));
        info!("copying {} before its change", database.path.display());
        let made = match landfall_engine::backup(&database.path, &file, None, Check::Quick, settings) {
            Err(full) if full.kind == ErrorKind::Space && !of_plan(database, plan).is_empty() => {
                remove(&of_plan(database, plan));
                landfall_engine::backup(&database.path, &file, None, Check::Quick, settings)
            }
            result => result,
        }?;
        info!("copied to {}: {} bytes, checked", file.display(), made.bytes);
        let copy = Self { file, made, database: database.clone() };
        remove(&of_plan(database, plan).into_iter().filter(|file| copy.is_other(file)).collect::<Vec<_>>());
        Ok(copy)
    }

    /// The change happened: the copy stays, and all but the newest few go. Tells what was made.
    pub(crate) fn keep(self) -> Backup {
        let others: Vec<_> = files(&self.database).into_iter().filter(|file| self.is_other(file)).collect();
        remove(others.get(KEPT - 1..).unwrap_or_default());
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

/// Removes what a death left of a copy that was not complete.
pub(crate) fn sweep(database: &Database) {
    let prefix = database.beside(INFIX);
    let prefix = prefix.file_name().unwrap_or_default().as_encoded_bytes();
    let entries = fs::read_dir(database.folder()).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(prefix));
    let partial = ours.map(|entry| entry.path()).filter(|file| landfall_engine::partial_of(file).is_some());
    remove(&partial.collect::<Vec<_>>());
}

/// All complete copies of a database, newest first.
pub(crate) fn copies(database: &Database) -> Vec<Stamped> {
    stamped::all(database, INFIX)
}

fn files(database: &Database) -> Vec<PathBuf> {
    copies(database).into_iter().map(|copy| copy.file).collect()
}

fn of_plan(database: &Database, plan: &str) -> Vec<PathBuf> {
    let ending = format!("-{plan}");
    files(database).into_iter().filter(|file| file.to_string_lossy().ends_with(&ending)).collect()
}

/// A copy too many costs room and nothing else: told, and no reason to stop.
fn remove(files: &[PathBuf]) {
    for file in files {
        if let Err(error) = fs::remove_file(file) {
            warn!("the copy {} cannot be removed: {error}", file.display());
        }
    }
}
