//! The binary of the package that is shipped.

use std::net::SocketAddr;
use std::path::{self, Path};

use anyhow::{Context as _, Result};
use migrate::Interrupt;

use super::run::{self, Ended};
use crate::local::Local;

/// Serves the local database on this address to its end. `tick` is called several times a second meanwhile.
pub(crate) fn serve(
    binary: &Path,
    local: &Local,
    address: SocketAddr,
    interrupt: &Interrupt,
    tick: impl FnMut(),
) -> Result<Ended> {
    let command = duct::cmd!(binary, "serve")
        .stdin_null()
        .env("DB_PATH", path::absolute(&local.db)?)
        .env("SCHEMA_PATH", path::absolute(&local.schema)?)
        .env("LANDFALL_IGNORE", local.settings.ignore.join(","))
        .env("LANDFALL_COLUMN_ORDER", local.settings.column_order.as_str())
        .env("LISTEN", address.ip().to_string())
        .env("PORT", address.port().to_string());
    run::to_end(&command, interrupt, tick).with_context(|| format!("cannot run {}", binary.display()))
}
