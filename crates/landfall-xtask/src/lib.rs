//! What is behind `cargo xtask` in a workspace whose service keeps its data in one SQLite file.
//!
//! A workspace has a package `xtask` whose program is this:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use landfall_xtask::Xtask;
//!
//! fn main() -> ExitCode {
//!     Xtask::new().main()
//! }
//! ```
//!
//! and in `.cargo/config.toml` the alias that calls it:
//!
//! ```toml
//! [alias]
//! xtask = "run --package xtask --"
//! ```
//!
//! # A command of your own
//!
//! A command is a type with flags, as `clap` reads them, that is a [`Task`]. `cargo xtask seed` fills the local database:
//!
//! ```no_run
//! use std::path::PathBuf;
//! use std::process::ExitCode;
//! use std::time::Duration;
//!
//! use anyhow::Result;
//! use clap::Args;
//! use landfall_xtask::tool::child::{Child, Program};
//! use landfall_xtask::tool::run;
//! use landfall_xtask::{Error, Interrupt, Kind, Project, Task, Ui, Xtask};
//!
//! /// Fill the local database with rows to look at
//! #[derive(Args)]
//! struct Seed {
//!     /// The statements that insert them
//!     #[arg(long, value_name = "FILE", default_value = "seed.sql")]
//!     from: PathBuf,
//! }
//!
//! impl Task for Seed {
//!     const NAME: &'static str = "seed";
//!
//!     fn run(self, project: &Project, interrupt: &Interrupt, ui: &mut Ui) -> Result<u8> {
//!         let sqlite = Child::new(Program::Other, "sqlite3", [&project.local_db]).input_file(&self.from);
//!         let limit = Duration::from_secs(60);
//!         let output = run::exited(run::within(&sqlite, limit, interrupt)?, limit)?;
//!         if !output.status.success() {
//!             let said = String::from_utf8_lossy(&output.stderr);
//!             return Err(Error::new(Kind::Failed, self.from.display().to_string(), said.trim())
//!                 .remedy("mend it: the statements before that one were executed")
//!                 .into());
//!         }
//!         ui.status("Seeded", project.local_db.display());
//!         Ok(0)
//!     }
//! }
//!
//! fn main() -> ExitCode {
//!     Xtask::new().task::<Seed>().main()
//! }
//! ```
//!
//! A task prints by [`Ui`] alone, fails with an [`Error`] that says what to do next, and starts other programs by [`tool`], which
//! ends them where they are late or somebody asks to stop.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cli;
mod command;
mod environment;
mod error;
mod fly_toml;
mod highlight;
mod local;
mod name;
pub mod plain;
mod project;
mod release;
mod signal;
mod task;
pub mod text;
pub mod tool;
mod ui;
mod wrap;
mod xtask;

pub use landfall_engine::Interrupt;

pub use self::error::{Error, Kind};
pub use self::name::CrateName;
pub use self::project::Project;
pub use self::task::Task;
pub use self::ui::{Activity, Format, Ui};
pub use self::xtask::Xtask;
