//! Where the database is to be: a folder that is there, is ours, and on Fly is the volume.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use landfall_engine::{Error, ErrorKind};

use crate::config::{Boot, Config, Database, Fly};
use crate::copy;
use crate::owner;
use crate::set_aside;

/// Refuses a place that would take the data and lose it, and an empty one that passes for success.
pub(crate) fn check(config: &Config) -> Result<(), Error> {
    check_place(config)?;
    match &config.fly {
        Some(fly) if config.boot != (Boot::Migrate { create: true }) => {
            refuse_missing_database(&config.database, fly)
        }
        _ => Ok(()),
    }
}

/// Refuses a place that would take the data and lose it, whether or not there is a database.
pub(crate) fn check_place(config: &Config) -> Result<(), Error> {
    refuse_missing_folder(&config.database)?;
    if let Some(fly) = &config.fly {
        refuse_missing_mount(&config.database, fly)?;
    }
    owner::check(config)
}

/// Nobody named the default database: its folder may be made. A named folder that is missing is more likely a missing mount.
pub(crate) fn make_default_folder(database: &Database) -> Result<(), Error> {
    if !database.by_default {
        return Ok(());
    }
    let folder = database.folder();
    fs::create_dir_all(folder).map_err(|error| {
        let shown = folder.display();
        Error::new(ErrorKind::Database, shown.to_string(), format!("cannot make the folder {shown}: {error}"))
            .remedy("name a database in a folder that can be written, with DB_PATH")
    })
}

fn refuse_missing_folder(database: &Database) -> Result<(), Error> {
    if database.folder().is_dir() {
        return Ok(());
    }
    let shown = database.path.display().to_string();
    let message = format!("the database {shown} cannot be opened: its folder does not exist");
    Err(Error::new(ErrorKind::Database, shown, message)
        .unchanged()
        .remedy("make the folder first, or name another file"))
}

/// What lies on the root's own file system is gone with the machine.
fn refuse_missing_mount(database: &Database, fly: &Fly) -> Result<(), Error> {
    let folder = database.folder();
    let device = |path: &Path| path.metadata().map(|facts| facts.dev());
    if let (Ok(here), Ok(root)) = (device(folder), device(Path::new("/")))
        && here != root
    {
        return Ok(());
    }
    let shown = folder.display().to_string();
    let message = format!("no volume is mounted at {shown}: what is written there goes with the machine");
    Err(Error::new(ErrorKind::Database, &shown, message).unchanged().remedy(format!(
        "give fly.toml a [[mounts]] with destination = \"{shown}\", and look at: fly volumes list -a {}",
        fly.app
    )))
}

/// An empty volume beside a service that had data is the wrong volume.
fn refuse_missing_database(database: &Database, fly: &Fly) -> Result<(), Error> {
    if database.path.metadata().is_ok_and(|facts| facts.len() > 0) {
        return Ok(());
    }
    let shown = database.path.display().to_string();
    let aside = set_aside::all(database).into_iter().map(|aside| ("one was set aside", aside.file));
    let copies = copy::copies(database).into_iter().map(|copy| ("there is a copy", copy.file));
    let files: Vec<_> = aside.chain(copies).collect();
    let told: String = files.iter().map(|(what, file)| format!("\n  {what}: {}", file.display())).collect();
    let message = format!("there is no database at {shown} on this volume{told}");
    let remedy = match files.first() {
        Some((_, file)) => format!(
            "put one back with: landfall restore {}; if none is wanted, start once with LANDFALL_CREATE=1; else",
            file.display()
        ),
        None => "if there never was one, start once with LANDFALL_CREATE=1; else".to_owned(),
    };
    Err(Error::new(ErrorKind::Database, &shown, message)
        .unchanged()
        .remedy(format!("{remedy} find the volume that has it: fly volumes list -a {}", fly.app)))
}
