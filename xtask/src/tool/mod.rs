//! The only folder here that starts processes: one file per outside tool.

pub(crate) mod app;
pub(crate) mod atlas;
pub(crate) mod timed;
pub(crate) mod xtask;
