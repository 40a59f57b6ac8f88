//! A time as fly.toml writes it.

use std::time::Duration;

/// What a number without a unit counts in `kill_timeout`.
pub(super) const SECOND: Duration = Duration::from_secs(1);
/// What a number without a unit counts in a check.
pub(super) const MILLISECOND: Duration = Duration::from_millis(1);

/// Fly takes text such as "30s" and "1m30s", or a number of `unit`s. `None` where it is neither.
pub(super) fn read(text: Option<&str>, number: Option<i64>, unit: Duration) -> Option<Duration> {
    match text {
        Some(text) => humantime::parse_duration(text).ok(),
        None => number.and_then(|number| unit.checked_mul(number.try_into().ok()?)),
    }
}
