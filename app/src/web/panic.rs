//! A panic in a handler: whoever asked still gets an answer.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

use super::problem::Problem;

pub(super) async fn answered(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    // The panic itself is told on stderr, with its place.
    caught(next.run(request)).await.unwrap_or_else(|| Problem::of_ours().at(&path))
}

/// `None` when it panicked; it is not polled again then.
async fn caught<T>(answer: impl Future<Output = T>) -> Option<T> {
    let mut answer = pin!(answer);
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(context)));
        polled.map_or(Poll::Ready(None), |poll| poll.map(Some))
    })
    .await
}

#[cfg(test)]
mod tests {
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_caught_and_an_answer_passes() {
        assert_eq!(caught(async { yield_now().await }).await, Some(()));
        let late = async {
            yield_now().await;
            panic!("on purpose")
        };
        assert_eq!(caught::<()>(late).await, None);
    }
}
