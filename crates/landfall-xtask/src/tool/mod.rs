//! The only folder that starts processes: one file per outside tool.

pub(crate) mod app;
pub mod atlas;
pub mod cargo;
pub mod child;
pub mod docker;
pub mod fly;
pub(crate) mod git;
#[cfg(test)]
mod outside;
pub mod run;
