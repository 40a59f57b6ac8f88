//! Why somebody does not get what was asked for: a page for a person, JSON for a program.

use askama::Template;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use tracing::error;

use super::page;
use crate::store::StoreError;

#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    title: &'static str,
    text: String,
    /// What is wrong with which field; a page shows that beside the field instead.
    fields: Map<String, Value>,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    title: &'a str,
    text: &'a str,
}

impl Problem {
    pub(super) fn new(status: StatusCode, title: &'static str, text: impl Into<String>) -> Self {
        Self { status, title, text: text.into(), fields: Map::new() }
    }

    pub(super) fn fields(mut self, fields: Map<String, Value>) -> Self {
        self.fields = fields;
        self
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Page not found", "There is nothing at this address.")
    }

    pub(super) fn method_not_allowed() -> Self {
        let text = "This address does not take such a request.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "Not possible", text)
    }

    pub(super) fn no_customer() -> Self {
        let text = "There is no customer of this number: it was deleted meanwhile, or it never was.";
        Self::new(StatusCode::NOT_FOUND, "This customer is gone", text)
    }

    pub(super) fn of_ours() -> Self {
        let text = "It is not your fault, and the reason is in the log. Please try again later.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong", text)
    }

    /// In the language of the address: JSON at and below `/api`.
    pub(super) fn at(&self, path: &str) -> Response {
        if is_api(path) { self.json() } else { self.page() }
    }

    pub(super) fn page(&self) -> Response {
        page::html(self.status, &ProblemPage { title: self.title, text: &self.text })
    }

    pub(super) fn json(&self) -> Response {
        let mut body = json!({ "error": { "message": self.text } });
        if !self.fields.is_empty() {
            body["error"]["fields"] = self.fields.clone().into();
        }
        (self.status, Json(body)).into_response()
    }
}

/// Whether programs are answered there.
pub(super) fn is_api(path: &str) -> bool {
    path.strip_prefix("/api").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.page()
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotMigrated(missing) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "The database is not ready",
                format!(
                    "The database lacks what this release needs: {missing}. \
                     Bring it to schema.sql with “landfall migrate”, then try again."
                ),
            ),
            StoreError::Busy => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "The database is busy",
                "Another program is writing to it. Nothing was saved; please try again in a moment.",
            ),
            StoreError::Slow => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "This takes too long",
                "It was not found out in time. Please look for less, or try again in a moment.",
            ),
            StoreError::Moved(_) => {
                error!("nothing is written: {error}");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "The database was moved",
                    "Somebody has moved the database away, so this was not accepted. The log says what to do.",
                )
            }
            StoreError::Failed(message) => {
                error!("a query failed: {message}");
                Self::of_ours()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_answered_below_api_and_nowhere_else() {
        assert!(["/api", "/api/", "/api/customers", "/api/nowhere"].iter().all(|path| is_api(path)));
        assert!(!["/", "/apical", "/customers/api", "/API", ""].iter().any(|path| is_api(path)));
    }
}
