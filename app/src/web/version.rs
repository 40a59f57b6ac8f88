//! `/version`: what Landfall said of this release and its database when it started the service.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::site::Site;

pub(super) async fn answer(State(site): State<Site>) -> Response {
    let mut release = site.0.release.clone();
    // Whoever changed the schema since then did not ask Landfall, so that nobody here knows its fingerprint.
    if !site.store().has_its_schema().await.unwrap_or(false) {
        release.schema.live = None;
    }
    Json(release).into_response()
}
