//! Pages, and what a visitor sees when there is none.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use tracing::error;

use crate::store::StoreError;

#[derive(Template)]
#[template(path = "problem.html")]
struct Problem<'a> {
    title: &'a str,
    text: &'a str,
}

pub(super) fn html(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(message) => {
            error!("a page cannot be rendered: {message}");
            (StatusCode::INTERNAL_SERVER_ERROR, "something went wrong\n").into_response()
        }
    }
}

pub(super) fn problem(status: StatusCode, title: &str, text: &str) -> Response {
    html(status, &Problem { title, text })
}

pub(super) async fn not_found() -> Response {
    problem(StatusCode::NOT_FOUND, "Page not found", "There is nothing at this address.")
}

pub(super) async fn method_not_allowed() -> Response {
    problem(StatusCode::METHOD_NOT_ALLOWED, "Not possible", "This address does not take such a request.")
}

impl IntoResponse for StoreError {
    fn into_response(self) -> Response {
        match self {
            Self::NotMigrated(missing) => problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "The database is not ready",
                &format!(
                    "This page cannot be shown: {missing}. \
                     Bring the database to schema.sql with “app migrate”, then reload this page."
                ),
            ),
            Self::Busy => problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "The database is busy",
                "Another program is writing to it. Nothing was saved; please try again in a moment.",
            ),
            Self::Failed(message) => {
                error!("a query failed: {message}");
                problem(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "Something went wrong",
                    "It is not your fault, and the reason is in the log. Please try again later.",
                )
            }
        }
    }
}
