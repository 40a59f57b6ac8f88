//! This process becomes the service: no supervisor is left, so that signals and the exit code are the service's own.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use tracing::info;

use crate::about::About;
use crate::config::{Config, Service};
use crate::failure::Failure;
use crate::lock::Lock;

/// What the service gets.
pub(super) struct Given<'a> {
    pub(super) config: &'a Config,
    /// Where it is to listen.
    pub(super) address: SocketAddr,
    pub(super) about: &'a About,
    /// Held as long as it lives.
    pub(super) lock: Lock,
}

/// Returns only where it cannot be run.
pub(super) fn service(program: &Path, service: &Service, given: &Given<'_>) -> Failure {
    let Given { config, address, about, lock } = given;
    let mut command = Command::new(program);
    command.args(&service.arguments);
    command.env("DB_PATH", &config.database.path);
    command.env("LISTEN", address.ip().to_string()).env("PORT", address.port().to_string());
    command.env("LANDFALL_COMMIT", &config.commit).env("LANDFALL_VERSION", about.json());
    info!("running {}", program.display());
    let error = lock.inherited().map_or_else(|error| error, |()| command.exec());
    let shown = program.display().to_string();
    Failure::serving(&shown, format!("{shown} cannot be run: {error}"))
        .remedy("name a program that runs on this machine: landfall start -- COMMAND")
}
