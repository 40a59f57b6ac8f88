//! Whose the database's files are. Run as root, a command becomes their owner, so that it leaves no file which the service cannot
//! use; run as anybody else it is told which file is not its own.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use landfall_engine::{Error, ErrorKind};
use nix::errno::Errno;
use nix::unistd::{AccessFlags, Gid, Uid, User, access, geteuid, setgid, setgroups, setuid};

use crate::config::{Config, Database};
use crate::links::{self, Refused};
use crate::lock;

/// Run as root, becomes the owner of the database's folder, or of the database where the folder is root's; for good.
///
/// The folder decides, for its owner may put anything into it: what a name there points to says whom *it* would like root to be.
/// Only while this process has one thread: user and group belong to threads, and must change for all of them.
///
/// # Errors
/// [`ErrorKind::Database`] where root would follow a link that others can have put there, or one in the place of the database.
pub(crate) fn become_owner(database: &Database) -> Result<(), Error> {
    if !geteuid().is_root() {
        return Ok(());
    }
    refuse_links(database)?;
    let facts = [database.folder(), &database.path].map(|path| path.metadata().ok());
    let Some(owner) = facts.into_iter().flatten().find(|facts| facts.uid() != 0) else { return Ok(()) };
    let (user, group) = (Uid::from_raw(owner.uid()), Gid::from_raw(owner.gid()));
    // The user last: afterwards nothing else may be changed.
    let become_user = || setgroups(&[group]).and_then(|()| setgid(group)).and_then(|()| setuid(user));
    become_user().map_err(|error| cannot_become(&database.path, user, error))
}

/// A link on the way to the database is followed if only root can have put it there; one in the place of the database is not.
fn refuse_links(database: &Database) -> Result<(), Error> {
    if database.path.is_symlink() {
        return Err(is_a_link(
            database,
            &database.path,
            "in the place of the database, and root follows none there",
        ));
    }
    let (link, why) =
        match links::refused(database.folder()).map_err(|error| not_looked_at(database, &error))? {
            None => return Ok(()),
            Some(Refused::Theirs(link, owner)) => (link, format!("of {}", named(Uid::from_raw(owner)))),
            Some(Refused::Movable(link)) => (link, "in a folder that others than root can write".to_owned()),
            Some(Refused::Endless(link)) => (link, "behind 40 others".to_owned()),
        };
    Err(is_a_link(database, &link, &format!("{why}, and root follows none such to a database")))
}

fn is_a_link(database: &Database, link: &Path, why: &str) -> Error {
    let shown = link.display().to_string();
    let message = format!("{shown} is a link {why}");
    let remedy = match behind(database) {
        Some(file) => format!("if it is yours, name the file itself with DB_PATH: {}", file.display()),
        None => "name the file itself with DB_PATH".to_owned(),
    };
    Error::new(ErrorKind::Database, shown, message).unchanged().remedy(remedy)
}

/// The database where all links are followed.
fn behind(database: &Database) -> Option<PathBuf> {
    let path = &database.path;
    let there = || Some(database.folder().canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(|| there().filter(|_| !path.is_symlink()))
}

fn not_looked_at(database: &Database, error: &io::Error) -> Error {
    let folder = database.folder().display().to_string();
    let message = format!("the way to {folder} cannot be looked at: {error}");
    Error::new(ErrorKind::Database, folder, message)
        .unchanged()
        .remedy("check how its file system is mounted")
}

/// Refuses a database of which a file, or the folder, cannot be written by this user.
pub(crate) fn check(config: &Config) -> Result<(), Error> {
    for file in files(&config.database) {
        let Ok(facts) = file.metadata() else { continue };
        match access(&file, AccessFlags::W_OK) {
            Err(Errno::EACCES | Errno::EPERM) => return Err(not_ours(config, &file, &facts)),
            Err(error) => return Err(cannot_write(&file, error)),
            Ok(()) => {}
        }
    }
    Ok(())
}

/// Everything that a migration or the service writes.
fn files(database: &Database) -> Vec<PathBuf> {
    let beside = [lock::SUFFIX, "-wal", "-shm", "-journal"].map(|suffix| database.beside(suffix));
    [database.folder().to_owned(), database.path.clone()].into_iter().chain(beside).collect()
}

fn not_ours(config: &Config, file: &Path, facts: &Metadata) -> Error {
    let (file, folder) = (file.display().to_string(), config.database.folder().display());
    let (ours, group) = (geteuid(), nix::unistd::getegid());
    let message = format!(
        "{file} belongs to {}, and this process, {}, cannot write it",
        named(Uid::from_raw(facts.uid())),
        named(ours)
    );
    let command = format!("chown -R {ours}:{group} {folder}");
    let remedy = match &config.fly {
        Some(fly) => format!(
            "while a release that starts is on the machine: fly ssh console -a {} -C \"{command}\"",
            fly.app
        ),
        None => format!("as root, where the volume is: {command}"),
    };
    Error::new(ErrorKind::Database, file, message).unchanged().remedy(remedy)
}

fn cannot_write(file: &Path, error: Errno) -> Error {
    let file = file.display().to_string();
    let message = format!("{file} cannot be written: {}", error.desc());
    Error::new(ErrorKind::Database, file, message).unchanged().remedy("check how its file system is mounted")
}

fn cannot_become(database: &Path, user: Uid, error: Errno) -> Error {
    let file = database.display().to_string();
    let message =
        format!("run as root, and cannot become {}, the owner of {file}: {}", named(user), error.desc());
    Error::new(ErrorKind::Database, file, message)
        .unchanged()
        .remedy("run it as that user, or with the capabilities SETUID and SETGID")
}

fn named(user: Uid) -> String {
    match User::from_uid(user) {
        Ok(Some(known)) => format!("{} (user {user})", known.name),
        _ => format!("user {user}"),
    }
}
