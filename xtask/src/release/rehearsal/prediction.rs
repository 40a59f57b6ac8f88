//! What a rehearsal says of the downtime, with what production itself has recorded.

use std::time::Duration;

use super::data::Data;
use super::{LastChange, Stage, Tried};
use crate::release::downtime::{self, Basis, Downtime, Expected, Measured, Work};
use crate::release::probe::{Probe, Version};
use crate::release::production;
use crate::text;
use crate::tool::fly::{CommandThere, Machine};

/// How long a release of this kind takes to its first answer, in seconds, where nobody has seen it.
const START: f64 = 0.3;
/// How long a release of this kind takes to stop, in seconds, where nobody has seen it and nothing is under way.
const STOP: f64 = 0.3;
/// How long Fly takes to replace a machine, in seconds, where nobody has seen it: the image is on its host already.
const REPLACE: f64 = 5.0;

/// What production tells of its last start, and of the last change of its data.
#[derive(Default)]
pub(super) struct Recorded {
    ready: Option<f64>,
    last_change: Option<LastChange>,
}

impl Stage<'_> {
    /// Asked while it runs; a rehearsal does not need it, and tells what it stands on without it.
    pub(super) fn recorded(&self) -> Recorded {
        let (Ok(fly), Some(machine)) = (self.fly, self.production.machine()) else {
            return Recorded::default();
        };
        if machine.state != "started" || !machine.is_reachable() {
            return Recorded::default();
        }
        let version = Probe::public(&self.fly_toml.app).version().ok();
        Recorded {
            ready: version.and_then(|version: Version| version.ready_seconds),
            last_change: production::ask(
                fly,
                &machine.id,
                &CommandThere::new("app last-change --format json"),
            )
            .ok(),
        }
    }

    pub(super) fn predict(&self, tried: &Tried, recorded: &Recorded) -> Downtime {
        let expected = Expected {
            stopped: tried
                .stopped
                .clone()
                .unwrap_or_else(|| Measured::here(STOP, "assumed: nothing is under way")),
            replaced: replaced(self.production.machine(), tried.replaced.as_ref()),
            started: tried.started.clone().unwrap_or_else(|| recorded.start()),
            change: tried.change.clone(),
        };
        downtime::predict(&expected, &self.limits())
    }

    /// After which Fly, or its client, gives up.
    fn limits(&self) -> Vec<(String, Duration)> {
        let graces = self.fly_toml.grace_periods.iter();
        let graces = graces.map(|(name, period)| (format!("grace_period of {name}"), *period));
        [("--wait-timeout".to_owned(), self.wanted.wait_timeout)].into_iter().chain(graces).collect()
    }

    /// What took so long here, as it would be on production's machine, where that can be told.
    pub(super) fn as_there(&self, seconds: f64, data: &Data, place: &str, recorded: &Recorded) -> Measured {
        let pulled = data.copied_there.map(|work| (work, "when this was pulled"));
        let there = pulled.or_else(|| recorded.copy().map(|work| (work, "at its last change")));
        let factor = there.and_then(|(work, when)| Some((downtime::factor(work, data.copied)?, when)));
        match factor {
            Some((factor, when)) => Measured {
                seconds: seconds * factor,
                basis: Basis::Production,
                source: format!(
                    "{} {place}; production took {factor:.2} times as long as this machine to copy it {when}",
                    text::seconds(seconds)
                ),
            },
            None => Measured::here(seconds, format!("measured {place}")),
        }
    }
}

fn replaced(machine: Option<&Machine>, made: Option<&Measured>) -> Measured {
    match (machine.and_then(downtime::last_update), made) {
        (Some(seconds), _) => {
            Measured { seconds, basis: Basis::Production, source: "as in its last update".to_owned() }
        }
        (None, Some(made)) => made.clone(),
        (None, None) => {
            Measured::here(REPLACE, "assumed: production has had no update yet, or was not asked")
        }
    }
}

impl Recorded {
    fn copy(&self) -> Option<Work> {
        self.last_change.as_ref().and_then(|last| last.copy)
    }

    /// Of the release that runs, without the change that it may have begun with.
    fn start(&self) -> Measured {
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
