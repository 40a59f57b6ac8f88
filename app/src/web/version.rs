//! `/version`: which release this is, and which schema its database has at this moment.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use tokio::task;
use tokio::time::timeout;
use tracing::error;

use super::problem::Problem;
use super::site::Site;
use crate::about::{self, About};

/// How long somebody waits for those who asked before.
const PATIENCE: Duration = Duration::from_secs(5);

/// One at a time: each opens the database for itself.
pub(super) async fn answer(State(site): State<Site>) -> Response {
    match timeout(PATIENCE, site.0.version.acquire()).await {
        Ok(_turn) => {
            let mut about = site.0.about.clone();
            about.schema.live = live(site.clone()).await;
            json(&about)
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "too many ask for it\n").into_response(),
    }
}

/// `None`, and a line in the log, when it cannot be read.
async fn live(site: Site) -> Option<String> {
    let read = move || {
        let shared = &site.0;
        about::live(&shared.database, shared.declared.as_ref(), &shared.settings).map_err(|e| e.to_string())
    };
    let read = task::spawn_blocking(read).await.unwrap_or_else(|panic| Err(panic.to_string()));
    read.inspect_err(|message| error!("the live schema cannot be read: {message}")).ok()
}

fn json(about: &About) -> Response {
    match serde_json::to_string(about) {
        Ok(text) => ([(CONTENT_TYPE, "application/json")], text + "\n").into_response(),
        Err(message) => {
            error!("/version cannot be written: {message}");
            Problem::of_ours().page()
        }
    }
}
