//! What stands in front of the site: "back in a moment" until the database is ready.

use std::sync::{Arc, OnceLock};

use askama::Template;
use axum::extract::Request;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::pages::Pages;
use super::problem::{Problem, is_api};
use super::request_log::Line;
use super::{headers, page};

/// One listener from the first request to the last, so that none is turned away in between.
#[derive(Debug, Clone, Default)]
pub(crate) struct Door(Arc<OnceLock<Pages>>);

/// Whole in itself, unlike the other pages: neither their style nor their icon is served yet.
#[derive(Template)]
#[template(path = "moment.html")]
struct Moment;

impl Door {
    /// From here on these answer.
    pub(crate) fn open(&self, pages: Pages) {
        // Opened once; others would be dropped.
        let _ = self.0.set(pages);
    }

    pub(crate) async fn answer(&self, request: Request) -> Response {
        match self.0.get() {
            Some(pages) => pages.answer(request).await,
            None => closed(&request),
        }
    }
}

fn closed(request: &Request) -> Response {
    let line = Line::of(request);
    let mut response = moment(request.uri());
    headers::add(&mut response, false);
    line.write(response.status());
    response
}

/// 503 for everything: in a line for whatever watches over the service, as JSON for a program, and as a page for a visitor.
fn moment(address: &Uri) -> Response {
    const STATUS: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
    match address.path() {
        "/healthz" => (STATUS, "not ready: the database is being migrated\n").into_response(),
        path if is_api(path) => {
            let text = "The data is being made ready for a new version. Please try again in a moment.";
            Problem::new(STATUS, "Back in a moment", text).json()
        }
        _ => page::html(STATUS, &Moment),
    }
}
