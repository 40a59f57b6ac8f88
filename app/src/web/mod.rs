//! What is answered to whom.

mod api;
mod asset;
mod cross_site;
mod customers;
mod edit;
mod form;
mod headers;
mod health;
mod page;
mod panic;
mod place;
mod problem;
mod request_log;
mod sent;
mod version;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Uri;
use axum::middleware::{from_fn, map_response};
use axum::response::{Redirect, Response};
use axum::routing::{get, post};
use migrate::{Declared, Settings};

use crate::about::About;
use crate::config::Config;
use crate::store::Store;
use problem::Problem;

/// Far more than a form with two names needs.
const BODY_LIMIT: usize = 16 * 1024;

/// What the handlers share.
#[derive(Debug, Clone)]
pub(crate) struct Site(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Store,
    about: About,
    declared: Option<Declared>,
    database: PathBuf,
    settings: Settings,
}

impl Site {
    pub(crate) fn new(store: Store, declared: Option<Declared>, config: &Config) -> Self {
        let about = About::new(config, declared.as_ref());
        let (database, settings) = (config.database.path.clone(), config.settings.clone());
        Self(Arc::new(Shared { store, about, declared, database, settings }))
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn router(&self) -> Router {
        data()
            .layer(from_fn(cross_site::refused))
            .merge(open())
            .layer(from_fn(panic::answered))
            .layer(map_response(headers::added))
            .layer(from_fn(request_log::told))
            .with_state(self.clone())
    }
}

/// Where rows are shown and changed, and every address that is none.
fn data() -> Router<Site> {
    Router::new()
        .route("/", get(customers::list))
        .route("/customers", post(customers::add).get(|| async { Redirect::to("/") }))
        .route("/customers/{id}", get(edit::form).post(edit::save))
        .route("/customers/{id}/delete", post(edit::delete).get(edit::back))
        .merge(api::router())
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
}

/// What deploys, health checks and every page read.
fn open() -> Router<Site> {
    Router::new()
        .route("/healthz", get(health::answer))
        .route("/version", get(version::answer))
        .route("/style.css", get(asset::style))
        .route("/icon.svg", get(asset::icon))
        .method_not_allowed_fallback(method_not_allowed)
}

async fn not_found(address: Uri) -> Response {
    Problem::not_found().at(address.path())
}

async fn method_not_allowed(address: Uri) -> Response {
    Problem::method_not_allowed().at(address.path())
}
