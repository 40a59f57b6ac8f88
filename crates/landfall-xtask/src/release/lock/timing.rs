//! How often things are done, and how long a lock counts.

use std::time::Duration;

/// How often things are done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    /// Between two renewals.
    pub(super) beat: Duration,
    /// Between two that failed.
    pub(super) retry: Duration,
    /// How long the lock counts from a renewal on.
    pub(super) expiry: Duration,
    /// How much longer than it counts it is watched before it is taken over: a renewal may be under way.
    pub(super) skew: Duration,
    /// Between two looks at somebody else's lock.
    pub(super) poll: Duration,
}

impl Timing {
    /// For how long a lock must not have been renewed before it is taken over.
    pub(super) fn silence(&self) -> Duration {
        self.expiry + self.skew
    }
}

pub(super) const TIMING: Timing = Timing {
    beat: Duration::from_secs(30),
    retry: Duration::from_secs(5),
    expiry: Duration::from_secs(120),
    skew: Duration::from_secs(30),
    poll: Duration::from_secs(2),
};
