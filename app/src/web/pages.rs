//! Every request on its way to a handler, and its answer on the way back.

use axum::Router;
use axum::extract::Request;
use axum::http::Uri;
use axum::response::Response;
use axum::routing::{get, post};
use tower::ServiceExt as _;

use super::gate::Gate;
use super::panic::caught;
use super::problem::Problem;
use super::request_log::Line;
use super::site::Site;
use super::{api, asset, body, cross_site, customers, edit, headers, health, host, version};
use crate::store::Store;

/// What visitors are answered with.
#[derive(Debug, Clone)]
pub(crate) struct Pages {
    site: Site,
    router: Router,
}

impl Pages {
    /// The site's own.
    pub(crate) fn of(site: Site) -> Self {
        Self::new(site, data().merge(open()))
    }

    fn new(site: Site, router: Router<Site>) -> Self {
        Self { router: router.with_state(site.clone()), site }
    }

    pub(crate) fn store(&self) -> &Store {
        self.site.store()
    }

    /// What every request goes through, and its answer afterwards. No layers of the router: each costs as much as a query of one row.
    pub(crate) async fn answer(&self, request: Request) -> Response {
        let line = Line::of(&request);
        let encrypted = self.site.0.gate.is_on_fly() && headers::came_over_https(&request);
        let answered = caught(self.admitted(request)).await;
        let mut response = answered.unwrap_or_else(|| Problem::of_ours().at(line.path()));
        headers::add(&mut response, encrypted);
        line.write(response.status());
        response
    }

    async fn admitted(&self, request: Request) -> Response {
        match self.received(request).await {
            Ok(request) => {
                let Ok(response) = self.router.clone().oneshot(request).await;
                response
            }
            Err(refusal) => refusal,
        }
    }

    async fn received(&self, request: Request) -> Result<Request, Response> {
        host::unnamed(&request).map_or(Ok(()), Err)?;
        // None of these has use for a body.
        if OPEN.contains(&request.uri().path()) {
            return Ok(request);
        }
        refusal(&self.site.0.gate, &request).map_or(Ok(()), Err)?;
        body::received(request).await
    }
}

/// What a request has to pass before it reaches data.
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

/// What deploys, health checks and every page read: no data, so that anybody may. All other addresses are guarded.
const OPEN: [&str; 4] = ["/healthz", "/version", "/style.css", "/icon.svg"];

fn open() -> Router<Site> {
    Router::new()
        .route(OPEN[0], get(health::answer))
        .route(OPEN[1], get(version::answer))
        .route(OPEN[2], get(asset::style))
        .route(OPEN[3], get(asset::icon))
        .method_not_allowed_fallback(method_not_allowed)
}

async fn not_found(address: Uri) -> Response {
    Problem::not_found().at(address.path())
}

async fn method_not_allowed(address: Uri) -> Response {
    Problem::method_not_allowed().at(address.path())
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]

    use std::ffi::OsString;

    use axum::body::Body;
    use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
    use axum::http::{Method, StatusCode};
    use tempfile::TempDir;

    use super::*;
    use crate::config::Config;

    fn site(password: Option<&str>) -> (TempDir, Site) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        rusqlite::Connection::open(&path)
            .unwrap()
            .execute_batch(include_str!("../../../schema.sql"))
            .unwrap();
        let lookup = |name: &str| password.filter(|_| name == "APP_PASSWORD").map(OsString::from);
        let site = Site::new(Store::open(&path).unwrap(), Config::read(&lookup).unwrap());
        (folder, site)
    }

    /// With these handlers instead of the site's own.
    pub(crate) fn pages(router: Router<Site>) -> (TempDir, Pages) {
        let (folder, site) = site(None);
        (folder, Pages::new(site, router))
    }

    async fn answer(pages: &Pages, method: Method, path: &str) -> Response {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .body(String::new())
            .unwrap();
        pages.answer(request.map(Body::from)).await
    }

    #[tokio::test]
    async fn a_handler_that_panics_is_answered_like_every_other() {
        let panics = get(async || -> Response { panic!("on purpose") });
        let router = Router::new().route("/", panics.clone()).route("/api/x", panics);
        let (_folder, pages) = pages(router);
        for (path, kind) in [("/", "text/html; charset=utf-8"), ("/api/x", "application/json")] {
            let answer = answer(&pages, Method::GET, path).await;
            assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(answer.headers()[CONTENT_TYPE], kind);
            assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
        }
    }

    #[tokio::test]
    async fn who_knows_no_address_of_his_visitors_answers_them() {
        let (_folder, open) = site(None);
        assert_eq!(answer(&Pages::of(open), Method::GET, "/").await.status(), StatusCode::OK);
        let (_folder, locked) = site(Some("secret"));
        assert_eq!(answer(&Pages::of(locked), Method::GET, "/").await.status(), StatusCode::UNAUTHORIZED);
    }
}
