//! What is answered to whom.

mod api;
mod asset;
mod attempts;
mod body;
mod client;
mod cross_site;
mod customers;
mod door;
mod edit;
mod form;
mod gate;
mod headers;
mod health;
mod host;
mod notice;
mod page;
mod panic;
mod place;
mod problem;
mod request_log;
mod sent;
mod version;
mod visit;

pub(crate) use door::Door;
pub(crate) use visit::{GRACE, Visit};

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use migrate::{Declared, Settings};
use tokio::sync::Semaphore;

use crate::about::About;
use crate::config::Config;
use crate::store::Store;
use gate::Gate;
use problem::Problem;
use request_log::Line;

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
    gate: Gate,
    /// Whose turn it is to ask for the version.
    version: Semaphore,
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

    pub(crate) fn router(&self) -> Router {
        self.around(self.guarded(data()).merge(open())).with_state(self.clone())
    }

    fn guarded(&self, router: Router<Self>) -> Router<Self> {
        router.layer(from_fn_with_state(self.clone(), guarded))
    }

    fn around(&self, router: Router<Self>) -> Router<Self> {
        router.layer(from_fn_with_state(self.clone(), around))
    }
}

/// What every request goes through, and its answer afterwards. One layer: each costs as much as a query of one row.
async fn around(State(site): State<Site>, request: Request, next: Next) -> Response {
    let line = Line::of(&request);
    let encrypted = site.0.gate.is_on_fly() && headers::came_over_https(&request);
    let mut response = match host::unnamed(&request) {
        Some(refusal) => refusal,
        None => panic::answered(request, next).await,
    };
    headers::add(&mut response, encrypted);
    line.write(response.status());
    response
}

/// What a request has to pass before it reaches data.
async fn guarded(State(site): State<Site>, request: Request, next: Next) -> Response {
    match refusal(&site.0.gate, &request) {
        Some(refusal) => refusal,
        None => body::received(request, next).await,
    }
}

fn refusal(gate: &Gate, request: &Request) -> Option<Response> {
    let elsewhere = if gate.is_open() { host::elsewhere(request) } else { None };
    elsewhere.or_else(|| cross_site::refusal(request)).or_else(|| gate.refusal(request))
}

/// Where rows are shown and changed, and every address that is none.
fn data() -> Router<Site> {
    Router::new()
        .route("/", get(customers::list))
        .route("/customers", post(customers::add).get(customers::back))
        .route("/customers/{id}", get(edit::form).post(edit::save))
        .route("/customers/{id}/delete", post(edit::delete).get(edit::back))
        .merge(api::router())
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::ffi::OsString;

    use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
    use axum::http::{Method, StatusCode};
    use tempfile::TempDir;
    use tower::ServiceExt;

    use super::*;

    fn site(password: Option<&str>) -> (TempDir, Site) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        rusqlite::Connection::open(&path)
            .unwrap()
            .execute_batch(include_str!("../../../schema.sql"))
            .unwrap();
        let lookup = |name: &str| password.filter(|_| name == "APP_PASSWORD").map(OsString::from);
        let config = Config::read(&["app", "serve"].map(OsString::from), &lookup).unwrap();
        let site = Site::new(Store::open(&path).unwrap(), None, &config, Duration::ZERO);
        (folder, site)
    }

    async fn answer(router: Router, method: Method, path: &str) -> Response {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .body(String::new())
            .unwrap();
        router.oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn a_handler_that_panics_is_answered_like_every_other() {
        let (_folder, site) = site(None);
        let panics = get(async || -> Response { panic!("on purpose") });
        let router = Router::new().route("/", panics.clone()).route("/api/x", panics);
        let router = site.around(router).with_state(site.clone());
        for (path, kind) in [("/", "text/html; charset=utf-8"), ("/api/x", "application/json")] {
            let answer = answer(router.clone(), Method::GET, path).await;
            assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(answer.headers()[CONTENT_TYPE], kind);
            assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
        }
    }

    #[tokio::test]
    async fn a_router_that_knows_no_address_of_its_visitors_works() {
        let (_folder, open) = site(None);
        assert_eq!(answer(open.router(), Method::GET, "/").await.status(), StatusCode::OK);
        let (_folder, locked) = site(Some("secret"));
        assert_eq!(answer(locked.router(), Method::GET, "/").await.status(), StatusCode::UNAUTHORIZED);
    }
}
