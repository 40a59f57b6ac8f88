//! `/healthz`: whether this release can do its work on this database.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::site::Site;
use crate::customer;

pub(super) async fn answer(State(site): State<Site>) -> Response {
    match site.store().check(customer::probe).await {
        Ok(()) => "ok\n".into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {error}\n")).into_response(),
    }
}
