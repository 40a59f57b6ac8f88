//! The real binary, run whole in a workspace of its own that has other names than the sample.

#![allow(clippy::unwrap_used)]

mod arguments;
mod bad_input;
mod bench;
mod changes;
mod checks;
mod children;
mod circles;
mod configuration;
mod doctor;
mod endless;
mod hanging;
mod hostile;
mod lock;
mod long_plans;
mod planners;
mod readme;
mod report;
mod rules;
mod serving;
mod sources;
mod ten;
mod terminal;
mod unwritten;
mod workflows;

/// The binary under test.
const XTASK: &str = env!("CARGO_BIN_EXE_xtask");
