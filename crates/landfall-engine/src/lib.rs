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
//! [`migrate()`] is all of it without a question in between. This crate knows no command line, no git, no Docker and no Fly.
//!
//! ```
//! use std::path::Path;
//! # fn main() -> landfall_engine::Result<()> {
//! # let folder = std::env::temp_dir().join(format!("landfall-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder).unwrap();
//! # let db = folder.join("db");
//! let settings = landfall_engine::Settings::default();
//! let declared = landfall_engine::Declared::parse(Path::new("schema.sql"), "CREATE TABLE t (a TEXT)", &settings)?;
//! let report = landfall_engine::migrate(&db, &declared, &settings, &mut ())?;
//! assert_eq!(report.outcome, landfall_engine::Outcome::Applied);
//! let again = landfall_engine::migrate(&db, &declared, &settings, &mut ())?;
//! assert_eq!(again.outcome, landfall_engine::Outcome::InSync);
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
mod migrate;
mod near;
mod object;
mod observer;
mod open;
mod operation;
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
pub use migrate::{make, migrate, migrate_by};
pub use object::{names, written};
pub use open::{Room, make_sure_of_room, room};
pub use operation::{Operation, StepKind};
pub use opinion::{Opinion, opinion};
pub use plan::{Cost, CostClass, Plan, Planner, Prediction, Proposal, Step, Verdict};
pub use prepare::{Prepared, check, fit, prepare};
pub use report::{Difference, DifferenceKind, Disk, Evidence, IdleDirective, Outcome, Part, Report, Timing};
/// The version of the SQLite that is compiled in, the only one that counts.
pub use rusqlite::version as sqlite_version;
pub use settings::{BUILTIN_IGNORE, ColumnOrder, FastPath, Hook, PlannerChoice, ProofLevel, Settings};
pub use shown::{json, shown, shown_in_line};
pub use verify::{intact, verify};
pub use watch::{Event, Watch};
