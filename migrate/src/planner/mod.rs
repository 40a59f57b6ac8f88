//! Planners turn (live, declared) into steps. They read schemas, and never a row: what they ask of rows are numbers.

pub(crate) mod atlas;
pub(crate) mod builtin;

use crate::carry::Carry;
use crate::declared::Declared;
use crate::error::{Error, ErrorKind};
use crate::schema::Schema;
use crate::settings::Settings;

/// The error of a stop that was asked for before there was a plan.
pub(crate) fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "", "interrupted while planning; nothing was changed")
        .remedy("run the command again")
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
