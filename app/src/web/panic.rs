//! A panic in a handler: whoever asked still gets an answer.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// `None` when it panicked, which is told on stderr with its place; it is not polled again then.
pub(super) async fn caught<T>(answer: impl Future<Output = T>) -> Option<T> {
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
