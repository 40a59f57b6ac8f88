//! The body of a request: here as a whole, in bounded time and memory, before a handler is asked.

use std::future;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::Request;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
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
        collected = timeout(TIME, Limited::new(body, LIMIT).collect()) => match collected {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(_)) => Err(cut_off()),
            Err(_) => Err(too_slow()),
        },
        () = over => Err(stopping()),
    }
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
