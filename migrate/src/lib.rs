//! Brings any SQLite database to a declared schema (`schema.sql`), and proves that nothing was lost.
//!
//! The way through, a file a step:
//!
//! 1. [`Declared::read`] executes `schema.sql` in an empty in-memory database: its `sqlite_schema` is the truth.
//! 2. [`prepare`] reads the live schema, compares by meaning, lets every planner propose, proves each proposal on a replica
//!    with sample rows, and picks the cheapest that holds. It never writes to the database.
//! 3. [`Prepared::guard`] refuses what may lose data and was not approved for that very object.
//! 4. [`Prepared::apply`] runs the plan in one transaction, with evidence before and after; or nothing is committed.
//!
//! [`migrate`] is all of it without a question in between. This crate knows no command line, no git, no Docker and no Fly.
//!
//! ```
//! use std::path::Path;
//! # fn main() -> migrate::Result<()> {
//! # let folder = std::env::temp_dir().join(format!("landfall-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder).unwrap();
//! # let db = folder.join("db");
//! let settings = migrate::Settings::default();
//! let declared = migrate::Declared::parse(Path::new("schema.sql"), "CREATE TABLE t (a TEXT)", &settings)?;
//! let report = migrate::migrate(&db, &declared, &settings, &mut ())?;
//! assert_eq!(report.outcome, migrate::Outcome::Applied);
//! let again = migrate::migrate(&db, &declared, &settings, &mut ())?;
//! assert_eq!(again.outcome, migrate::Outcome::InSync);
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # Ok(())
//! # }
//! ```

mod affinity;
mod alone;
mod answer;
mod apply;
mod approval;
mod as_stored;
mod backup;
mod calibration;
mod carry;
mod catalogue;
mod changed;
mod checksum;
mod count;
mod ddl;
mod declared;
mod default;
mod difference;
mod directive;
mod disk;
mod due;
mod error;
mod evidence;
mod execute;
mod expansion;
mod failure;
#[cfg(test)]
mod faulty;
mod fill;
pub mod fingerprint;
mod fit;
mod glance;
mod guard;
mod hazard;
mod hazards;
mod inspect;
mod interrupt;
mod inventory;
mod matching;
mod memory;
mod near;
mod object;
mod observer;
mod open;
mod opinion;
mod orphans;
mod plan;
mod planner;
mod prediction;
mod prepare;
mod proof;
mod reader;
mod replica;
mod report;
mod sample;
mod schema;
mod scrub;
mod settings;
mod shown;
mod sqlite_error;
mod stand_in;
mod stopwatch;
mod token;
mod tuning;
mod unregistered;
mod unusable;
mod using;
mod value;
mod verify;
mod virtual_table;
mod watch;
mod words;

use std::path::Path;

pub use alone::{Alone, logs};
pub use backup::{Backup, Check, backup, partial_of, partials};
pub use changed::Changed;
pub use count::{Counted, TableRows, rows};
pub use declared::{Counts, Declared, Files, is_sql};
pub use error::{Error, ErrorKind, Result};
pub use fit::Fit;
pub use glance::glance;
pub use hazard::{Approval, ApprovedBy, Edit, Hazard, HazardName};
pub use inspect::{Live, inspect};
pub use interrupt::Interrupt;
pub use object::{names, written};
pub use open::{Room, make_sure_of_room, room};
pub use opinion::{Opinion, opinion};
pub use plan::{Cost, CostClass, Plan, Planner, Prediction, Proposal, Step, StepKind, Verdict};
pub use prepare::{Prepared, check, fit, prepare};
pub use report::{Difference, DifferenceKind, Disk, Evidence, IdleDirective, Outcome, Part, Report, Timing};
pub use settings::{BUILTIN_IGNORE, ColumnOrder, FastPath, Hook, PlannerChoice, ProofLevel, Settings};
pub use shown::{json, shown, shown_in_line};
pub use verify::{intact, verify};
pub use watch::{Event, Watch};

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
/// As [`migrate`].
pub fn make(db: &Path, declared: &Declared, settings: &Settings) -> Result<()> {
    let allow = vec![Approval::any(HazardName::Unusable)];
    migrate(db, declared, &Settings { allow, ..settings.clone() }, &mut ()).map(drop)
}

/// As [`migrate`]; `apply` is what a plan is run by, for a caller who has something to do before or after [`Prepared::apply`].
///
/// # Errors
/// Any of theirs, and those of `apply`.
pub fn migrate_by(
    db: &Path,
    declared: &Declared,
    settings: &Settings,
    watch: &mut dyn Watch,
    mut apply: impl FnMut(&Prepared<'_>, &mut dyn Watch) -> Result<Report>,
) -> Result<Report> {
    let mut tries = 1;
    loop {
        let prepared = prepare(db, declared, settings, watch)?;
        if prepared.report().outcome == Outcome::InSync {
            return Ok(prepared.report().clone());
        }
        match apply(&prepared, watch) {
            Err(error) if error.kind == ErrorKind::Moved && tries < TRIES => {
                tries += 1;
                watch.event(&Event::Replanning);
            }
            result => return result,
        }
    }
}

/// The version of the SQLite that is compiled in, the only one that counts.
#[must_use]
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}
