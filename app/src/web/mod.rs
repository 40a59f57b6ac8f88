//! What is answered to whom.

mod api;
mod asset;
mod customers;
mod edit;
mod form;
mod health;
mod page;
mod place;
mod problem;
mod sent;
mod version;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Uri};
use axum::middleware::map_response;
use axum::response::{Redirect, Response};
use axum::routing::{get, post};
use migrate::{Declared, Settings};

use crate::about::About;
use crate::config::Config;
use crate::store::Store;
use problem::Problem;

/// Far more than a form with two names needs.
const BODY_LIMIT: usize = 16 * 1024;

/// Every answer carries these. Scripts, frames and foreign sources are forbidden: the pages need none.
const HEADERS: [(HeaderName, &str); 4] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-cache"),
];

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
        Router::new()
            .route("/", get(customers::list))
            .route("/customers", post(customers::add).get(|| async { Redirect::to("/") }))
            .route("/customers/{id}", get(edit::form).post(edit::save))
            .route("/customers/{id}/delete", post(edit::delete).get(edit::back))
            .merge(api::router())
            .route("/healthz", get(health::answer))
            .route("/version", get(version::answer))
            .route("/style.css", get(asset::style))
            .route("/icon.svg", get(asset::icon))
            .fallback(async |address: Uri| Problem::not_found().at(address.path()))
            .method_not_allowed_fallback(async |address: Uri| {
                Problem::method_not_allowed().at(address.path())
            })
            .layer(DefaultBodyLimit::max(BODY_LIMIT))
            .layer(map_response(with_headers))
            .with_state(self.clone())
    }
}

async fn with_headers(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
