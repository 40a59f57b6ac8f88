//! Atlas alone, as `bench` times it.

use std::path::Path;

use anyhow::{Context as _, Result};
use landfall_xtask::Interrupt;
use landfall_xtask::tool::atlas;

use super::timed::{self, Timed};

/// Brings a database to a schema by Atlas alone, with foreign keys checked as here, and times that.
pub(crate) fn apply(file: &Path, db: &Path, schema: &Path, interrupt: &Interrupt) -> Result<Timed> {
    let (url, to) = (format!("sqlite://{}?_fk=1", db.display()), format!("file://{}", schema.display()));
    let dev = "sqlite://dev?mode=memory";
    let args = ["schema", "apply", "--url", &url, "--to", &to, "--dev-url", dev, "--auto-approve"];
    timed::timed(&atlas::child(file, args), interrupt)
        .with_context(|| format!("cannot run {}", file.display()))
}
