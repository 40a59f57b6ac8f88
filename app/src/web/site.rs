//! What the handlers share.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use migrate::{Declared, Settings};
use tokio::sync::Semaphore;

use super::gate::Gate;
use crate::about::About;
use crate::config::Config;
use crate::store::Store;

#[derive(Debug, Clone)]
pub(crate) struct Site(pub(super) Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) about: About,
    pub(super) declared: Option<Declared>,
    pub(super) database: PathBuf,
    pub(super) settings: Settings,
    pub(super) gate: Gate,
    /// Whose turn it is to ask for the version.
    pub(super) version: Semaphore,
}

impl Site {
    /// `ready` is how long the process took until it could be served.
    pub(crate) fn new(store: Store, declared: Option<Declared>, config: &Config, ready: Duration) -> Self {
        let mut about = About::new(config, declared.as_ref());
        about.ready_seconds = Some(ready.as_secs_f64());
        let (database, settings) = (config.database.path.clone(), config.settings.clone());
        let gate = Gate::new(config);
        let version = Semaphore::new(1);
        Self(Arc::new(Shared { store, about, declared, database, settings, gate, version }))
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }
}
