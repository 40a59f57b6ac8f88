//! What a rehearsal says of the downtime, with what production itself has recorded.

use std::time::Duration;

use super::data::Data;
use super::recorded::Recorded;
use super::{Stage, Tried};
use crate::release::downtime::{self, Basis, Downtime, Expected, Measured};
use crate::release::probe::{Probe, Version};
use crate::release::production;
use crate::text;
use crate::tool::fly::{CommandThere, Machine};

/// How long a release of this kind takes to stop, in seconds, where nobody has seen it and nothing is under way.
const STOP: f64 = 0.3;
/// How long Fly takes to replace a machine, in seconds, where nobody has seen it: the image is on its host already.
const REPLACE: f64 = 5.0;

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
                &CommandThere::new("landfall last-change --format json"),
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
