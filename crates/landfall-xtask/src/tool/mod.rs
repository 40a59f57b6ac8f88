//! The only folder that starts processes: one file per outside tool.

pub(crate) mod app;
pub(crate) mod atlas;
pub(crate) mod cargo;
mod child;
pub(crate) mod docker;
pub(crate) mod fly;
pub(crate) mod git;
#[cfg(test)]
mod outside;
pub(crate) mod run;
pub(crate) mod xtask;
