//! The binary of the package that is shipped.

use std::net::SocketAddr;
use std::path::{self, Path};
use std::time::Duration;

use anyhow::{Context as _, Result};
use landfall_engine::Interrupt;

use super::child::{Child, Program};
use super::run::{self, Answer};
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
