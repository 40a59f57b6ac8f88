//! This program itself, as another process: what `bench` times.

use std::path::Path;

use anyhow::{Context as _, Result};
use migrate::Interrupt;

use super::run::{self, Timed};

/// Brings a database to a schema as a person does, in the workspace `root`, and times that; stdout is its JSON document.
pub(crate) fn migrate(
    binary: &Path,
    root: &Path,
    db: &Path,
    schema: &Path,
    interrupt: &Interrupt,
) -> Result<Timed> {
    let command =
        duct::cmd!(binary, "migrate", "--db", db, "--schema", schema, "--auto-approve", "--format", "json");
    let timed = run::timed(&command.dir(root), interrupt);
    timed.with_context(|| format!("cannot run {}", binary.display()))
}
