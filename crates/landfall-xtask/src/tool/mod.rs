//! The only folder that starts processes: one file per outside tool.

pub mod atlas;
pub mod cargo;
pub mod child;
pub mod docker;
pub mod fly;
pub(crate) mod git;
pub(crate) mod landfall;
#[cfg(test)]
mod outside;
mod programs;
pub mod run;
