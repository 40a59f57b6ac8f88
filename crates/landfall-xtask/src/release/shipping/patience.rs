//! A question that is asked again until it is answered: an error of Fly's is no answer.

use std::thread;
use std::time::{Duration, Instant};

use super::Shipping;
use crate::tool::fly::{Failure, Fly};

/// Before the second question.
const FIRST: Duration = Duration::from_millis(500);
/// Between two questions later: who limits rates is not asked more often.
const LONGEST: Duration = Duration::from_secs(10);
/// How long one question may hang before it is asked again.
const HANGS: Duration = Duration::from_secs(15);
/// For how long it is asked before anything is changed.
pub(super) const ASKING: Duration = Duration::from_secs(15);
/// Between two looks at the request to stop.
const TICK: Duration = Duration::from_millis(100);

/// Pauses between questions that were not answered: each is twice the one before.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Backoff {
    pub(super) fn new() -> Self {
        Self(FIRST)
    }

    /// How long to wait before the next question.
    pub(super) fn pause(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(LONGEST);
        pause
    }
}

impl Shipping<'_> {
    /// Asks Fly before anything is changed, and again for a moment: a limit of rates or a bad gateway is no answer.
    pub(crate) fn asked<T>(&self, question: impl Fn(&Fly<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        self.patiently(ASKING, Failure::may_pass, question)
    }

    /// Asks Fly, and again with growing pauses where that `may_pass`, for as long as `limit`; why not, where it was never answered.
    pub(crate) fn patiently<T, E>(
        &self,
        limit: Duration,
        may_pass: impl Fn(&E) -> bool,
        question: impl Fn(&Fly<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let (begun, mut backoff) = (Instant::now(), Backoff::new());
        let fly = self.fly.within(HANGS);
        loop {
            match question(&fly) {
                Err(why) if may_pass(&why) && begun.elapsed() < limit => {}
                answered => return answered,
            }
            self.sleep(backoff.pause().min(limit.saturating_sub(begun.elapsed())));
        }
    }

    /// Until that is over, or we are asked to stop.
    pub(super) fn sleep(&self, pause: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < pause && !self.interrupt.is_raised() {
            thread::sleep(TICK.min(pause.saturating_sub(begun.elapsed())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_no_further() {
        let mut backoff = Backoff::new();
        let pauses: Vec<_> = (0..7).map(|_| backoff.pause().as_millis()).collect();
        assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    }
}
