//! Commands that look at production: the real binary and the real `fly`, against a simulator of Fly's API.

#![allow(clippy::unwrap_used)]

mod deploy;
mod deployed;
mod doctor;
mod drift;
mod front;
mod hostile;
mod production;
mod pull;
mod rehearse;
mod remedies;
mod rollback;
mod shop;
mod status;

/// The binary under test.
const XTASK: &str = env!("CARGO_BIN_EXE_xtask");
