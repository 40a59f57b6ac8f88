//! The only folder here that starts processes: one file per outside tool.

pub(crate) mod atlas;
pub(crate) mod landfall;
pub(crate) mod timed;
pub(crate) mod xtask;
