//! The machine's program `landfall`, as `bench` times it.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context as _, Result};
use landfall_xtask::Interrupt;
use landfall_xtask::tool::child::{Child, Program};

use super::timed::{self, Timed};

/// Which data a change is timed on, and how it is made.
pub(crate) struct Change<'a> {
    /// The database.
    pub(crate) db: &'a Path,
    /// The schema that it is brought to.
    pub(crate) schema: &'a Path,
    /// The Atlas that may propose a plan.
    pub(crate) atlas: Option<&'a Path>,
    /// The word for `LANDFALL_FAST_PATH`.
    pub(crate) fast_path: &'static str,
}

/// Brings a database to a schema as a boot does, and times that; stdout is its JSON document.
pub(crate) fn migrate(binary: &Path, change: &Change<'_>, interrupt: &Interrupt) -> Result<Timed> {
    timed(&on(change, own(binary, &["migrate", "--format", "json"])), binary, interrupt)
}

/// As [`migrate()`], and stdout is for people: without a document nobody needs the fingerprints that are in it.
pub(crate) fn migrate_in_words(binary: &Path, change: &Change<'_>, interrupt: &Interrupt) -> Result<Timed> {
    timed(&on(change, own(binary, &["migrate"])), binary, interrupt)
}

/// What the last change of a database did; stdout is its JSON document.
pub(crate) fn last_change(binary: &Path, change: &Change<'_>, interrupt: &Interrupt) -> Result<Timed> {
    timed(&on(change, own(binary, &["last-change", "--format", "json"])), binary, interrupt)
}

/// Starts, says its help, and ends.
pub(crate) fn help(binary: &Path, interrupt: &Interrupt) -> Result<Timed> {
    timed(&own(binary, &["--help"]), binary, interrupt)
}

fn own(binary: &Path, args: &[&'static str]) -> Child {
    Child::new(Program::Landfall, binary, args)
}

fn timed(command: &Child, binary: &Path, interrupt: &Interrupt) -> Result<Timed> {
    timed::timed(command, interrupt).with_context(|| format!("cannot run {}", binary.display()))
}

/// In an environment that says nothing else of it: what is empty counts as unset.
fn on(change: &Change<'_>, command: Child) -> Child {
    let unset = ["LANDFALL_ALLOW", "LANDFALL_ALLOW_FOR", "LANDFALL_IGNORE", "LANDFALL_SCHEMA"];
    let command = unset.into_iter().fold(command, |command, name| command.env(name, ""));
    command
        .env("DB_PATH", change.db)
        .env("SCHEMA_PATH", change.schema)
        .env("ATLAS", change.atlas.map_or(OsString::new(), |file| file.into()))
        .env("LANDFALL_FAST_PATH", change.fast_path)
}
