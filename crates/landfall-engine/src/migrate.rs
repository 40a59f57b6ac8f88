//! All of a migration: prepared, guarded and applied without a question in between, and again where the database moved.

use std::path::Path;

use crate::declared::Declared;
use crate::error::{ErrorKind, Result};
use crate::hazard::{Approval, HazardName};
use crate::prepare::{Prepared, prepare};
use crate::report::{Outcome, Report};
use crate::settings::Settings;
use crate::watch::{Event, Watch};

/// How often a plan is made again because the database moved meanwhile.
const TRIES: u32 = 3;

/// [`prepare`], [`Prepared::guard`] and [`Prepared::apply`] without a question in between; plans again when the database moved.
///
/// # Errors
/// Any of theirs. Nothing of ours is committed then.
pub fn migrate(db: &Path, declared: &Declared, settings: &Settings, watch: &mut dyn Watch) -> Result<Report> {
    migrate_by(db, declared, settings, watch, |prepared, watch| prepared.apply(watch))
}

/// Makes the new database `db` of a schema that is in use elsewhere. What no statement can use of it was judged there.
///
/// # Errors
/// As [`migrate()`].
pub fn make(db: &Path, declared: &Declared, settings: &Settings) -> Result<()> {
    let allow = vec![Approval::any(HazardName::Unusable)];
    migrate(db, declared, &Settings { allow, ..settings.clone() }, &mut ()).map(drop)
}

/// As [`migrate()`]; `apply` is what a plan is run by, for a caller who has something to do before or after [`Prepared::apply`].
///
/// # Errors
/// Any of theirs, and those of `apply`.
pub fn migrate_by(
    db: &Path,
    declared: &Declared,
    settings: &Settings,
    watch: &mut dyn Watch,
    mut apply: impl FnMut(Prepared<'_>, &mut dyn Watch) -> Result<Report>,
) -> Result<Report> {
    let mut tries = 1;
    loop {
        let prepared = prepare(db, declared, settings, watch)?;
        if prepared.report().outcome == Outcome::InSync {
            return Ok(prepared.into_report());
        }
        match apply(prepared, watch) {
            Err(error) if error.kind == ErrorKind::Moved && tries < TRIES => {
                tries += 1;
                watch.event(&Event::Replanning);
            }
            result => return result,
        }
    }
}
