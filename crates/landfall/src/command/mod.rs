//! The commands that do one thing and end; `start` is in `boot`.

pub(crate) mod backup;
pub(crate) mod discard;
pub(crate) mod inspect;
pub(crate) mod last_change;
pub(crate) mod migrate;
mod report;
pub(crate) mod restore;
pub(crate) mod status;
pub(crate) mod version;

pub(crate) use report::Findings;
