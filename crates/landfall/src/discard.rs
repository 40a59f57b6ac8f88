//! A database that was set aside, and that nobody needs any more: a person names it, and no image has another way to remove a file.

use std::fs;
use std::path::Path;

use landfall_engine::{Error, ErrorKind};
use serde::Serialize;

use crate::config::Database;
use crate::{record, set_aside};

/// What was removed.
#[derive(Debug, Serialize)]
pub(crate) struct Discarded {
    pub(crate) file: String,
    pub(crate) bytes: u64,
}

/// Removes it, with the record of its last change.
///
/// # Errors
/// [`ErrorKind::Usage`] for any other file, [`ErrorKind::Database`] for one that cannot be removed.
pub(crate) fn discard(database: &Database, file: &Path) -> Result<Discarded, Error> {
    database.refuse_elsewhere(file)?;
    let shown = file.display().to_string();
    let name = file.file_name();
    let known = set_aside::all(database).into_iter().find(|aside| aside.file.file_name() == name);
    let Some(aside) = known else {
        let message = format!("{shown} is no database that was set aside");
        return Err(Error::new(ErrorKind::Usage, shown, message)
            .unchanged()
            .remedy("name one of those that landfall status lists"));
    };
    let removed = aside.file.symlink_metadata().and_then(|facts| {
        record::forget(&Database { path: aside.file.clone(), by_default: false })?;
        fs::remove_file(&aside.file).map(|()| facts.len())
    });
    match removed {
        Ok(bytes) => Ok(Discarded { file: shown, bytes }),
        Err(error) => {
            let message = format!("{shown} cannot be removed: {error}");
            Err(Error::new(ErrorKind::Database, shown, message).remedy("check the rights of its folder"))
        }
    }
}
