//! `/version`: which release this is, and which schema its database has at this moment.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use tokio::sync::OwnedSemaphorePermit;
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
    let turn = timeout(PATIENCE, Arc::clone(&site.0.version).acquire_owned());
    let Ok(Ok(turn)) = turn.await else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many ask for it\n").into_response();
    };
    let mut about = site.0.about.clone();
    about.schema.live = live(site.clone(), turn).await;
    json(&about)
}

/// `None`, and a line in the log, when it cannot be read.
async fn live(site: Site, turn: OwnedSemaphorePermit) -> Option<String> {
    let read = move || {
        // Here and not with who asked: a visitor who goes away does not end what still reads.
        let _turn = turn;
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
