//! What the handlers share.

use std::sync::Arc;

use rusqlite::Connection;

use super::gate::Gate;
use crate::config::{Config, Release};
use crate::customer::{self, Page, Place, Search};
use crate::store::{Store, StoreError};

#[derive(Debug, Clone)]
pub(crate) struct Site(pub(super) Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) gate: Gate,
    pub(super) release: Release,
}

impl Site {
    pub(crate) fn new(store: Store, config: Config) -> Self {
        let release = config.release.clone();
        Self(Arc::new(Shared { store, gate: Gate::new(config), release }))
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
