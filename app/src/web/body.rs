//! The body of a request: here as a whole, in bounded time and memory, before a handler is asked.

use std::future;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::Request;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use super::problem::Problem;
use super::visit::Visit;

/// In bytes: far more than a form with two names needs.
const LIMIT: usize = 16 * 1024;
/// For the whole body, however it is cut.
const TIME: Duration = Duration::from_secs(10);

/// The error is the answer to who sends none that can be taken.
pub(super) async fn received(request: Request) -> Result<Request, Response> {
    if request.body().is_end_stream() {
        return Ok(request);
    }
    let visit = Visit::of(&request).cloned();
    let (head, body) = request.into_parts();
    match receive(body, visit).await {
        Ok(body) => Ok(Request::from_parts(head, body.into())),
        Err(problem) => {
            let mut response = problem.at(head.uri.path());
            // What is still to come of it is nobody's request.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            Err(response)
        }
    }
}

async fn receive(body: Body, visit: Option<Visit>) -> Result<Bytes, Problem> {
    // As the head tells it: then not a byte of it is asked for.
    if body.size_hint().lower() > LIMIT as u64 {
        return Err(too_large());
    }
    let over = async {
        match visit {
            Some(visit) => visit.over().await,
            None => future::pending().await,
        }
    };
    tokio::select! {
        collected = timeout(TIME, collect(body)) => collected.unwrap_or_else(|_| Err(too_slow())),
        () = over => Err(stopping()),
    }
}

/// In one piece: each part of it that is kept keeps the whole buffer that it was read into, were it a byte of eight kilobytes
/// (`siege::a_body_byte_by_byte_takes_no_more_room_than_it_has`).
async fn collect(mut body: Body) -> Result<Bytes, Problem> {
    let mut collected = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| cut_off())?.into_data() else { continue };
        if collected.len() + data.len() > LIMIT {
            return Err(too_large());
        }
        collected.extend_from_slice(&data);
    }
    Ok(collected.into())
}

fn too_large() -> Problem {
    let text = "What was sent is too large. Nothing was saved.";
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "Too large", text)
}

fn too_slow() -> Problem {
    let text = "What was sent did not arrive in time. Nothing was saved.";
    Problem::new(StatusCode::REQUEST_TIMEOUT, "Too slow", text)
}

fn cut_off() -> Problem {
    let text = "What was sent did not arrive as a whole. Nothing was saved.";
    Problem::new(StatusCode::BAD_REQUEST, "Not understood", text)
}

fn stopping() -> Problem {
    let text = "The service is about to stop. Nothing was saved; please try again in a moment.";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Back in a moment", text)
}
