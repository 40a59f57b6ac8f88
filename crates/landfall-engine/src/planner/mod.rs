//! Planners turn (live, declared) into steps. They read schemas, and never a row: what they ask of rows are numbers.

pub(crate) mod all;
pub(crate) mod atlas;
pub(crate) mod builtin;

use std::os::raw::c_int;

use rusqlite::ffi;

use crate::answer::is_answer;
use crate::carry::Carry;
use crate::declared::Declared;
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt;
use crate::plan::{self, Plan, Step};
use crate::schema::Schema;
use crate::settings::Settings;
use crate::shown::shown_in_line;
use crate::sqlite_error::{is_interrupted, sqlite_message};

/// What SQLite says of an edit that makes no schema, or of a constraint that ALTER TABLE finds broken.
pub(crate) const IMPOSSIBLE: [c_int; 2] = [ffi::SQLITE_CORRUPT, ffi::SQLITE_CONSTRAINT];

/// What SQLite says of a statement is a matter of the plan; whatever else goes wrong stands in the way of every plan.
pub(crate) fn failed(error: &rusqlite::Error) -> Error {
    if is_answer(error, &IMPOSSIBLE) {
        return Error::new(ErrorKind::Planner, "", error.to_string());
    }
    if is_interrupted(error) {
        return interrupt::while_planning();
    }
    let message = format!("no plan could be made: {}", shown_in_line(&sqlite_message(error)));
    Error::new(ErrorKind::Database, "", message).unchanged().remedy("run the command again")
}

/// Whoever proposes the steps of a change. No proposal is believed: each is proved, and the cheapest that holds is run.
pub(crate) trait Planner {
    /// Its name in reports.
    fn name(&self) -> plan::Planner;

    /// The steps from the live schema to the declared one.
    ///
    /// # Errors
    /// [`ErrorKind::Planner`] when it has no plan; any other kind where none could have one.
    fn plan(&self, task: &Task<'_>) -> Result<Vec<Step>>;

    /// Whether it is on this machine.
    fn is_there(&self, _: &Settings) -> bool {
        true
    }

    /// Why it need not be asked, where others have `proved` these plans.
    fn cannot_win(&self, _proved: &[Plan]) -> Option<&'static str> {
        None
    }
}

/// What a planner may look at.
pub(crate) struct Task<'t> {
    pub(crate) live: &'t Schema,
    pub(crate) declared: &'t Declared,
    pub(crate) carry: &'t Carry,
    pub(crate) settings: &'t Settings,
    /// Rows of a live table, counted.
    pub(crate) rows: &'t dyn Fn(&str) -> u64,
    /// Rows of a live table that meet a condition, counted; `None` where it cannot be asked.
    pub(crate) matching: &'t dyn Fn(&str, &str) -> Option<u64>,
}
