//! The binary of the package that is shipped.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{self, Path};
use std::time::Duration;

use anyhow::{Context as _, Result};
use landfall_engine::Interrupt;

use super::child::{Child, Program};
use super::run::{self, Answer};
use super::timed::{self, Timed};
use crate::local::Local;
use crate::project;

/// Serves the local database on this address to its end. `tick` is called several times a second meanwhile.
pub(crate) fn serve(
    binary: &Path,
    local: &Local,
    address: SocketAddr,
    interrupt: &Interrupt,
    tick: impl FnMut(),
) -> Result<Answer> {
    let command = Child::new(Program::App, binary, ["serve"])
        .env("DB_PATH", path::absolute(&local.db)?)
        .env(
            "SCHEMA_PATH",
            project::each(&local.schema, |path| path::absolute(path).unwrap_or_else(|_| path.to_owned())),
        )
        .env("LANDFALL_IGNORE", local.settings.ignore.join(","))
        .env("LANDFALL_COLUMN_ORDER", local.settings.column_order.as_str())
        .env("LISTEN", address.ip().to_string())
        .env("PORT", address.port().to_string());
    // Nobody but who started it knows for how long it is to serve.
    let limit = Duration::MAX;
    run::to_end(&command, limit, interrupt, tick).with_context(|| format!("cannot run {}", binary.display()))
}

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
    Child::new(Program::App, binary, args)
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
