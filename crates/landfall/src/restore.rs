//! A copy in the place of the database, which is set aside beside it: `DATABASE.set-aside-TIME`. Only a person removes that, with `landfall discard`.
//!
//! Made under another name first. The database gets its second name before the copy gets its first one, so that at every instant
//! a whole database, the old one or the new one, is where it is looked for.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::Instant;

use landfall_engine::{Alone, Check, Counted, Error, ErrorKind};
use serde::Serialize;
use tracing::{info, warn};

use crate::config::{Config, Database};
use crate::lock::Lock;
use crate::log::Narrator;
use crate::record;
use crate::set_aside::{INFIX, is_same};
use crate::stamped;
use crate::volume;

/// What the name of a copy adds to the database's until it is in its place.
const RESTORING: &str = ".restoring";

/// What was done.
#[derive(Debug, Serialize)]
pub(crate) struct Restored {
    pub(crate) database: String,
    /// The copy, which is still there.
    pub(crate) from: String,
    /// What was the database before; `None` when there was none.
    pub(crate) set_aside: Option<String>,
    /// The size of the database now.
    pub(crate) bytes: u64,
    pub(crate) seconds: f64,
    /// What is in the database now.
    #[serde(flatten)]
    pub(crate) rows: Counted,
}

/// Puts `copy` in the place of the database, which nobody may use meanwhile. `copy` stays.
///
/// The record of the last change goes with the database that is set aside: of the one that is put back it would not be true.
///
/// # Errors
/// [`ErrorKind::Usage`] for a file that must not be put back, [`ErrorKind::Database`] for one that cannot be, or when the database
/// cannot be set aside; [`ErrorKind::Locked`], [`ErrorKind::Space`], [`ErrorKind::Interrupted`].
pub(crate) fn restore(config: &Config, copy: &Path) -> Result<Restored, Error> {
    let started = Instant::now();
    let Config { database, settings, .. } = config;
    refuse_unfit(database, copy)?;
    volume::check_place(config)?;
    let _lock = Lock::take(database, settings).map_err(in_use)?;
    sweep(database);
    info!("checking {}", copy.display());
    landfall_engine::intact(copy, settings).map_err(unusable)?;
    info!("copying {} to put it back", copy.display());
    let new = database.beside(RESTORING);
    let made = landfall_engine::backup(copy, &new, None, Check::Integrity, settings)?;
    let put = || {
        let rows = landfall_engine::rows(&new, settings)?;
        resemble(&new, &database.path).map_err(|error| cannot_put(database, &error))?;
        Ok((rows, put(config, &new)?))
    };
    let (rows, aside) = put().inspect_err(|_| remove(&new)).map_err(in_use)?;
    Ok(Restored {
        database: database.path.display().to_string(),
        from: copy.display().to_string(),
        set_aside: aside.map(|aside| aside.display().to_string()),
        bytes: made.bytes,
        seconds: started.elapsed().as_secs_f64(),
        rows,
    })
}

/// Removes what a death left of a copy that was about to be put back, and takes back the second name of a database that was about to
/// be set aside.
pub(crate) fn sweep(database: &Database) {
    let new = database.beside(RESTORING);
    landfall_engine::partials(&new).iter().chain([&new]).for_each(|file| remove(file));
    for aside in stamped::all(database, INFIX) {
        take_back(database, &aside.file);
    }
}

/// What its name and its kind tell.
fn refuse_unfit(database: &Database, copy: &Path) -> Result<(), Error> {
    database.refuse_elsewhere(copy)?;
    let shown = copy.display().to_string();
    let refused = |kind: ErrorKind, why: &str| {
        let message = format!("{shown} {why}");
        Err(Error::new(kind, &shown, message)
            .unchanged()
            .remedy("name a complete copy: landfall status lists them"))
    };
    if landfall_engine::partial_of(copy).is_some() {
        return refused(ErrorKind::Usage, "is a part of a copy that was never complete");
    }
    match copy.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            refused(ErrorKind::Database, "does not exist")
        }
        Err(error) => refused(ErrorKind::Database, &format!("cannot be read: {error}")),
        Ok(facts) if !facts.is_file() => refused(ErrorKind::Database, "is not a file of its own"),
        Ok(_) if is_same(copy, &database.path) => refused(ErrorKind::Usage, "is the database itself"),
        Ok(_) => refuse_strange(database),
    }
}

/// Behind a link the other names of a database would be somewhere else.
fn refuse_strange(database: &Database) -> Result<(), Error> {
    if database.path.symlink_metadata().is_ok_and(|facts| !facts.is_file()) {
        let shown = database.path.display().to_string();
        let message = format!("{shown} is not a file of its own, and cannot be set aside");
        return Err(Error::new(ErrorKind::Database, shown, message)
            .unchanged()
            .remedy("name the file itself with DB_PATH"));
    }
    Ok(())
}

/// Gives the new file the name of the database, and tells what the old one is called from now on.
fn put(config: &Config, new: &Path) -> Result<Option<PathBuf>, Error> {
    let Config { database, settings, .. } = config;
    let is_there = database.path.metadata().is_ok_and(|facts| facts.len() > 0);
    let alone = is_there.then(|| Alone::take(&database.path, settings, &mut Narrator::default()));
    let alone = alone.transpose().map_err(|error| not_folded(database, error))?;
    if let Some(log) = landfall_engine::logs(&database.path).first() {
        return Err(stray(log));
    }
    let aside = is_there.then(|| set_aside_now(database)).transpose();
    let aside = aside.map_err(|error| cannot_set_aside(database, &error))?;
    if let Err(error) = fs::rename(new, &database.path) {
        aside.iter().for_each(|aside| take_back(database, aside));
        return Err(cannot_put(database, &error));
    }
    alone.into_iter().for_each(Alone::release);
    sync(database).map_err(|error| not_on_the_disk(database, aside.as_deref(), &error))?;
    Ok(aside)
}

/// A second name for the database: it keeps its first until another file has it.
fn set_aside_now(database: &Database) -> io::Result<PathBuf> {
    let aside = stamped::unused(database, INFIX, "");
    fs::hard_link(&database.path, &aside)?;
    let settled = record::follow(database, &named(&aside)).and_then(|()| sync(database));
    settled.inspect_err(|_| take_back(database, &aside))?;
    Ok(aside)
}

/// Takes the second name of a database away again. Any other database that was set aside stays.
fn take_back(database: &Database, aside: &Path) {
    if !is_same(aside, &database.path) {
        return;
    }
    if let Err(error) = record::follow(&named(aside), database) {
        warn!("the record of the last change cannot be taken back from {}: {error}", aside.display());
    }
    remove(aside);
}

/// The same owner and rights; on the disk.
fn resemble(new: &Path, before: &Path) -> io::Result<()> {
    if let Ok(facts) = before.metadata() {
        let made = new.metadata()?;
        if (made.uid(), made.gid()) != (facts.uid(), facts.gid()) {
            chown(new, Some(facts.uid()), Some(facts.gid()))?;
        }
        fs::set_permissions(new, facts.permissions())?;
    }
    File::open(new)?.sync_all()
}

fn sync(database: &Database) -> io::Result<()> {
    File::open(database.folder())?.sync_all()
}

fn named(file: &Path) -> Database {
    Database { path: file.to_owned(), by_default: false }
}

/// A file too many costs room and nothing else: told, and no reason to stop.
fn remove(file: &Path) {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            warn!("{} cannot be removed: {error}", file.display());
        }
        _ => {}
    }
}

fn in_use(error: Error) -> Error {
    match error.kind {
        ErrorKind::Locked => error.remedy("stop the service, and whatever else uses the database, first"),
        _ => error,
    }
}

fn unusable(error: Error) -> Error {
    match error.kind {
        ErrorKind::Database => error.unchanged().remedy("name another copy: landfall status lists them"),
        _ => error,
    }
}

/// Set aside without its log, it would lack what was written last.
fn not_folded(database: &Database, error: Error) -> Error {
    match landfall_engine::logs(&database.path).first() {
        Some(log) if error.kind == ErrorKind::Database => {
            let (shown, log) = (database.path.display().to_string(), log.display());
            let message = format!(
                "{shown} cannot be set aside: what is in {log} cannot be moved into it\n  {}",
                error.message
            );
            Error::new(ErrorKind::Database, shown, message)
                .unchanged()
                .remedy("move both away together, and run the command again")
        }
        _ => error,
    }
}

/// SQLite would take it for a part of whatever database has the name.
fn stray(log: &Path) -> Error {
    let shown = log.display().to_string();
    let message = format!("{shown} is a part of a database that is gone");
    Error::new(ErrorKind::Database, shown, message)
        .unchanged()
        .remedy("move it away, and run the command again")
}

fn cannot_set_aside(database: &Database, error: &io::Error) -> Error {
    cannot(database, &format!("{} cannot be set aside", database.path.display()), error)
}

fn cannot_put(database: &Database, error: &io::Error) -> Error {
    cannot(database, &format!("the copy cannot be put in the place of {}", database.path.display()), error)
}

fn cannot(database: &Database, what: &str, error: &io::Error) -> Error {
    let shown = database.path.display().to_string();
    Error::new(ErrorKind::Database, shown, format!("{what}: {error}"))
        .unchanged()
        .remedy("check the rights of the files and of their folder, and its file system")
}

fn not_on_the_disk(database: &Database, aside: Option<&Path>, error: &io::Error) -> Error {
    let shown = database.path.display().to_string();
    let aside =
        aside.map_or_else(String::new, |aside| format!(", and what was there is {}", aside.display()));
    let message = format!(
        "the copy is in the place of {shown}{aside}; whether a loss of power would undo that is not known: {error}"
    );
    Error::new(ErrorKind::Database, shown, message).remedy("check the disk before anything is written")
}
