//! What happens before the first request: the database is brought to `schema.sql`, or nothing is served.

mod keep;

use std::net::SocketAddr;
use std::time::Instant;

use landfall_engine::{Declared, Error};
use tracing::{info, warn};

use crate::about;
use crate::bring;
use crate::config::{self, Config};
use crate::failure::Failure;
use crate::lock::Lock;
use crate::pull;
use crate::restore;
use crate::server::{self, Ready};
use crate::stop;
use crate::store::Store;
use crate::volume;
use crate::web::Site;

/// Migrates, then serves; `started` is when this process was.
pub(crate) fn start(config: Config, address: SocketAddr, started: Instant) -> Result<(), Failure> {
    let stop = stop::stops(config.settings.interrupt.clone())?;
    // Before the migration: a port that is taken must not be found out after it.
    let listener = server::bind(address)?;
    server::run(listener, stop, move || ready(&config, started))
}

/// Serves a database that exists, whatever its schema.
pub(crate) fn serve(config: Config, address: SocketAddr, started: Instant) -> Result<(), Failure> {
    let database = config.database.existing()?;
    let declared = config.declared_if_readable();
    let live = about::live(database, declared.as_ref(), &config.settings)?;
    let stop = stop::stops(config.settings.interrupt.clone())?;
    let listener = server::bind(address)?;
    if declared.as_ref().is_some_and(|declared| declared.fingerprint() != live) {
        warn!("the database is out of sync with schema.sql; for the differences: app migrate --check");
    }
    server::run(listener, stop, move || Ok(Ready { site: site(&config, declared, started)?, lock: None }))
}

/// The order matters: nothing is written before it is known where, and by whom.
fn ready(config: &Config, started: Instant) -> Result<Ready, Failure> {
    let declared = config.declared()?;
    volume::make_default_folder(&config.database)?;
    volume::check(config)?;
    let lock = Lock::take(&config.database, &config.settings)?;
    pull::sweep(&config.database, &config.settings);
    restore::sweep(&config.database);
    match config.boot {
        config::Boot::Migrate { .. } => info!("{}", bring::bring(config, &declared)?.summary()),
        config::Boot::Keep => keep::check(config, &declared)?,
    }
    Ok(Ready { site: site(config, Some(declared), started)?, lock: Some(lock) })
}

fn site(config: &Config, declared: Option<Declared>, started: Instant) -> Result<Site, Error> {
    let store = Store::open(&config.database.path)?;
    Ok(Site::new(store, declared, config, started.elapsed()))
}
