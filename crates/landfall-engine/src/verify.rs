//! Whether a copy that was brought here is the one that was made.

use std::path::Path;

use crate::backup::{self, Backup};
use crate::error::io_reason;
use crate::error::{Error, ErrorKind, Result};
use crate::open::{self, explain};
use crate::schema;
use crate::settings::Settings;
use crate::sqlite_error::is_interrupted;
use crate::stand_in;

/// Holds the file `copy` against what was told of it where it was made, and checks it with `integrity_check`. On return it is
/// on the disk, not only in the system's cache.
///
/// # Errors
/// [`ErrorKind::Database`] when it is another file or damaged, [`ErrorKind::Interrupted`].
pub fn verify(copy: &Path, made: &Backup, settings: &Settings) -> Result<()> {
    let file = copy.display();
    let wrong = |what: String| Error::new(ErrorKind::Database, file.to_string(), what);
    let summed = backup::sum(copy, &settings.interrupt)
        .map_err(|error| wrong(format!("the copy {file} cannot be read: {}", io_reason(&error))))?;
    let Some((bytes, sha256)) = summed else { return Err(interrupted(copy)) };
    if (bytes, &sha256) != (made.bytes, &made.sha256) {
        let message = format!(
            "the copy {file} is not what was made: it has {bytes} bytes with SHA-256 {sha256}, and should have {} with {}",
            made.bytes, made.sha256
        );
        return Err(wrong(message).remedy("fetch it again"));
    }
    intact(copy, settings)
}

/// Checks the file `copy` with `integrity_check`; it is opened for reading only.
///
/// # Errors
/// [`ErrorKind::Database`] when it is damaged, empty or no database, [`ErrorKind::Locked`], [`ErrorKind::Interrupted`].
pub fn intact(copy: &Path, settings: &Settings) -> Result<()> {
    match integrity(copy, settings)?.as_str() {
        "ok" => Ok(()),
        what => {
            let file = copy.display().to_string();
            let message = format!("the copy {file} is damaged: {what}");
            Err(Error::new(ErrorKind::Database, file, message)
                .remedy("check the database it was made of: `PRAGMA integrity_check`"))
        }
    }
}

fn integrity(copy: &Path, settings: &Settings) -> Result<String> {
    let Some(conn) = open::reading(copy, settings, &mut ())? else {
        return Ok("it is empty".to_owned());
    };
    let verdict = || -> rusqlite::Result<String> {
        schema::computable(&conn)?;
        stand_in::register_for_its_own(&conn)?;
        Ok(stand_in::check(&conn, "integrity_check", 1)?.into_iter().next().unwrap_or_default())
    };
    verdict().map_err(|error| match is_interrupted(&error) {
        true => interrupted(copy),
        false => explain(copy, &error, settings),
    })
}

fn interrupted(copy: &Path) -> Error {
    let file = copy.display().to_string();
    let message = format!("the check of {file} was interrupted");
    Error::new(ErrorKind::Interrupted, file, message).unchanged().remedy("run the command again")
}
