//! Databases that were set aside when a copy was put in their place: `DATABASE.set-aside-TIME`.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::config::Database;
use crate::stamped::{self, Stamped};

/// What is between the database's name and the time when it was set aside.
pub(crate) const INFIX: &str = ".set-aside-";

/// All of them, newest first.
pub(crate) fn all(database: &Database) -> Vec<Stamped> {
    let mut aside = stamped::all(database, INFIX);
    aside.retain(|aside| !is_same(&aside.file, &database.path));
    aside
}

/// Whether both are names of one file.
pub(crate) fn is_same(one: &Path, other: &Path) -> bool {
    let number = |path: &Path| path.symlink_metadata().map(|facts| (facts.dev(), facts.ino()));
    matches!((number(one), number(other)), (Ok(one), Ok(other)) if one == other)
}
