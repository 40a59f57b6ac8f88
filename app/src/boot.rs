//! What happens before the first request: the database is brought to `schema.sql`, or nothing is served.

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;

use migrate::Declared;
use tracing::{info, warn};

use crate::about;
use crate::command;
use crate::config::Config;
use crate::failure::Failure;
use crate::server;
use crate::stop::{self, Stop};
use crate::store::Store;
use crate::web::Site;

/// Migrates, then serves.
pub(crate) fn start(config: &Config, address: SocketAddr) -> Result<(), Failure> {
    let stop = stop::on_signal(config.settings.interrupt.clone())?;
    // Before the migration: a port that is taken must not be found out after it.
    let listener = server::bind(address)?;
    let declared = config.declared()?;
    let done = command::migrate::bring(config, &declared)?;
    info!("{}", done.summary());
    open(config, listener, stop, Some(declared))
}

/// Serves a database that exists, whatever its schema.
pub(crate) fn serve(config: &Config, address: SocketAddr) -> Result<(), Failure> {
    let database = config.database.existing()?;
    let declared = config.declared_if_readable();
    let live = about::live(database, declared.as_ref(), &config.settings)?;
    let stop = stop::on_signal(config.settings.interrupt.clone())?;
    let listener = server::bind(address)?;
    if declared.as_ref().is_some_and(|declared| declared.fingerprint() != live) {
        warn!("the database is out of sync with schema.sql; for the differences: app migrate --check");
    }
    open(config, listener, stop, declared)
}

fn open(
    config: &Config,
    listener: TcpListener,
    stop: Stop,
    declared: Option<Declared>,
) -> Result<(), Failure> {
    let store = Store::open(&config.database.path)?;
    server::run(listener, &Site::new(store, declared, config), stop)
}

/// Tells an error, and gives the exit code.
pub(crate) fn exit(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(failure.exit)
        }
    }
}
