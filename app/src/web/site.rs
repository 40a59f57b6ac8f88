//! What the handlers share.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use landfall_engine::{Declared, Settings};
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::gate::Gate;
use crate::about::About;
use crate::config::Config;
use crate::customer::{self, Page, Place, Search};
use crate::store::{Store, StoreError};

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
    pub(super) version: Arc<Semaphore>,
}

impl Site {
    /// `ready` is how long the process took until it could be served.
    pub(crate) fn new(store: Store, declared: Option<Declared>, config: &Config, ready: Duration) -> Self {
        let mut about = About::new(config, declared.as_ref());
        about.ready_seconds = Some(ready.as_secs_f64());
        let database = config.database.path.clone();
        let settings = Settings { open_here: true, ..config.settings.clone() };
        let gate = Gate::new(config);
        let version = Arc::new(Semaphore::new(1));
        Self(Arc::new(Shared { store, about, declared, database, settings, gate, version }))
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    /// A page of customers. A search reads all of them, and keeps nobody waiting who does not search.
    pub(super) async fn page(&self, search: Search, at: Place) -> Result<Page, StoreError> {
        let searches = search.has_words();
        let page = move |database: &Connection| customer::page(database, &search, at);
        if searches { self.store().search(page).await } else { self.store().read(page).await }
    }
}
