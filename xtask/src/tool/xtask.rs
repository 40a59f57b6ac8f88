//! This program itself, as another process: what `bench` times.

use std::path::Path;

use anyhow::{Context as _, Result};
use landfall_xtask::Interrupt;
use landfall_xtask::tool::child::{Child, Program};

use super::timed::{self, Timed};

/// Brings a database to a schema as a person does, in the workspace `root`, and times that; stdout is its JSON document.
pub(crate) fn migrate(
    binary: &Path,
    root: &Path,
    db: &Path,
    schema: &Path,
    interrupt: &Interrupt,
) -> Result<Timed> {
    let args = [
        "migrate".as_ref(),
        "--db".as_ref(),
        db.as_os_str(),
        "--schema".as_ref(),
        schema.as_os_str(),
        "--auto-approve".as_ref(),
        "--format".as_ref(),
        "json".as_ref(),
    ];
    let timed = timed::timed(&Child::new(Program::Xtask, binary, args).dir(root), interrupt);
    timed.with_context(|| format!("cannot run {}", binary.display()))
}
