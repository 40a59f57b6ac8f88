//! How long the service will not answer while a change is shipped: predicted, with what the prediction stands on.

use serde::Serialize;

/// What a part of the prediction was measured on, from the best to the least. Its name in JSON is the kebab-case of the variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Basis {
    /// The very change, on a machine like production's, on its data.
    Fork,
    /// What production itself took for work that was measured here too.
    Production,
    /// This machine alone.
    Local,
}

/// A part of the downtime.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Part {
    /// What happens: `the machine is replaced`.
    pub(crate) what: &'static str,
    /// How long it is expected to take, in seconds.
    pub(crate) seconds: f64,
    /// What that stands on, in words: `as in its last update`.
    pub(crate) source: String,
}

/// A time after which somebody gives up.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Limit {
    /// Whose: `--wait-timeout`, `grace_period of check health`.
    pub(crate) what: String,
    /// In seconds.
    pub(crate) seconds: f64,
    /// Whether the prediction with its margin is below it.
    pub(crate) fits: bool,
}

/// A predicted downtime.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Downtime {
    /// The least trusted of what its parts stand on.
    pub(crate) basis: Basis,
    /// In the order in which they happen.
    pub(crate) parts: Vec<Part>,
    /// All of them, in seconds.
    pub(crate) seconds: f64,
    /// With the margin, in seconds: what it may take at best.
    pub(crate) low: f64,
    /// With the margin, in seconds: what it may take at worst.
    pub(crate) high: f64,
    /// What it is compared with.
    pub(crate) limits: Vec<Limit>,
}
