//! The automation of this workspace: `cargo xtask`, with two commands of our own.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bench;
mod ci;
mod cli;
mod tested;
mod tool;

use std::process::ExitCode;

use landfall_xtask::Xtask;

fn main() -> ExitCode {
    Xtask::new().task::<cli::Ci>().task::<cli::Bench>().main()
}
