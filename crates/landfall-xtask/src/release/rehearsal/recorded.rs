//! What production has recorded of its last start, and of the last change of its data.

use landfall_engine::Report;
use serde::Deserialize;

use crate::release::downtime::{Basis, Measured, Work};

/// How long a release of this kind takes to its first answer, in seconds, where nobody has seen it.
const START: f64 = 0.3;

/// What `landfall last-change` tells of the change that a boot made.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct LastChange {
    pub(super) sqlite: String,
    pub(super) copy: Option<Work>,
    pub(super) seconds: f64,
    pub(super) report: Report,
}

/// What production tells of its last start, and of the last change of its data.
#[derive(Default)]
pub(super) struct Recorded {
    pub(super) ready: Option<f64>,
    pub(super) last_change: Option<LastChange>,
}

impl Recorded {
    pub(super) fn copy(&self) -> Option<Work> {
        self.last_change.as_ref().and_then(|last| last.copy)
    }

    /// Of the release that runs, without the change that it may have begun with.
    pub(super) fn start(&self) -> Measured {
        let Some(ready) = self.ready else { return Measured::here(START, "assumed") };
        // A change that took longer than this start belongs to an earlier one.
        let change = self.last_change.as_ref().map_or(0.0, |last| last.seconds);
        let seconds = if change <= ready { ready - change } else { ready };
        Measured { seconds, basis: Basis::Production, source: "as its last start".to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(ready: Option<f64>, change: Option<f64>) -> Recorded {
        let report = serde_json::json!({
            "outcome": "applied", "database": "", "schema": "", "live": "", "declared": "", "differences": [], "notes": [],
            "plan": null, "proposals": [], "evidence": [], "seconds": 1.0, "timings": [], "disk": null,
        });
        let record =
            |seconds| serde_json::json!({"sqlite": "3", "copy": null, "seconds": seconds, "report": report});
        Recorded {
            ready,
            last_change: change.map(|seconds| serde_json::from_value(record(seconds)).unwrap()),
        }
    }

    #[test]
    fn a_start_is_told_without_the_change_that_was_part_of_it() {
        assert_eq!(recorded(Some(5.0), Some(4.5)).start().seconds, 0.5);
        assert_eq!(recorded(Some(0.25), Some(4.5)).start().seconds, 0.25);
        assert_eq!(recorded(Some(0.25), None).start().seconds, 0.25);
        assert_eq!(recorded(None, Some(4.5)).start(), Measured::here(START, "assumed"));
    }
}
