//! How long the service will not answer while a change is shipped: predicted, with what the prediction stands on. Values in,
//! values out.

use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::text;
use crate::tool::fly::{Event, Machine};

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

/// A time that was measured, and on what.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    /// In seconds.
    pub(crate) seconds: f64,
    /// On what.
    pub(crate) basis: Basis,
    /// The same in words.
    pub(crate) source: String,
}

impl Measured {
    /// On this machine, which need not be like production's.
    pub(crate) fn here(seconds: f64, source: impl Into<String>) -> Self {
        Self { seconds, basis: Basis::Local, source: source.into() }
    }
}

/// What a prediction is made of.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    /// From the request to stop to the end of the old release.
    pub(crate) stopped: Measured,
    /// From the end of the old release to the start of the new one.
    pub(crate) replaced: Measured,
    /// From the start of the release to its first answer, where nothing is to be changed.
    pub(crate) started: Measured,
    /// The change: planned, copied where it wants a copy, applied.
    pub(crate) change: Measured,
}

/// Adds up what is expected, and holds it against the times after which somebody gives up.
pub(crate) fn predict(expected: &Expected, limits: &[(String, Duration)]) -> Downtime {
    let Expected { stopped, replaced, started, change } = expected;
    let parts = [
        ("the old release stops", stopped),
        ("the machine is replaced", replaced),
        ("the release starts", started),
        ("the change", change),
    ];
    let seconds: f64 = parts.iter().map(|(_, measured)| measured.seconds).sum();
    // Seconds that do not count need not be known well.
    let counts = |measured: &&Measured| measured.seconds >= seconds / 4.0;
    let basis = parts.iter().map(|(_, m)| *m).filter(counts).map(|m| m.basis).max().unwrap_or(Basis::Local);
    let margin = margin(basis);
    let high = seconds * margin;
    let limit = |(what, limit): &(String, Duration)| {
        let seconds = limit.as_secs_f64();
        Limit { what: what.clone(), seconds, fits: high <= seconds }
    };
    Downtime {
        basis,
        parts: parts.map(|(what, m)| Part { what, seconds: m.seconds, source: m.source.clone() }).into(),
        seconds,
        low: seconds / margin,
        high,
        limits: limits.iter().map(limit).collect(),
    }
}

/// By how much it may be more, or less. Two machines of one kind differ by the half, one disk from the next by much more.
fn margin(basis: Basis) -> f64 {
    match basis {
        Basis::Fork => 1.5,
        Basis::Production => 2.0,
        Basis::Local => 3.0,
    }
}

/// How long the last update of a machine took, from the end of the old release to the start of the new one, in seconds; of a
/// machine that had none, how long it took from its making to its start. `None` where its events do not tell.
pub(crate) fn last_update(machine: &Machine) -> Option<f64> {
    let is_start = |event: &Event| event.kind == "start" && event.status == "started";
    // The latest first: what lies between a start and the start before it made this one. Others were restarts, or mornings.
    let starts = (0..machine.events.len()).filter(|at| is_start(&machine.events[*at]));
    starts.filter_map(|at| start_by_update(&machine.events[at..])).next()
}

fn start_by_update(events: &[Event]) -> Option<f64> {
    let (start, before) = events.split_first()?;
    let chain: Vec<&Event> = before.iter().take_while(|event| event.kind != "start").collect();
    let update = chain.iter().rposition(|event| event.kind == "update" || event.kind == "launch")?;
    let stopped = chain.get(update + 1).filter(|event| event.kind == "exit");
    let begun = stopped.unwrap_or(&chain[update]).timestamp;
    let seconds = (start.timestamp as f64 - begun as f64) / 1e3;
    (0.0..=600.0).contains(&seconds).then_some(seconds)
}

/// What was measured here, as it would be there: in proportion to one piece of work that both did.
///
/// Each is in seconds a byte. `None` where one of the two is too short to tell anything.
pub(crate) fn factor(there: Work, here: Work) -> Option<f64> {
    /// Below this a clock tells more of the moment than of the machine.
    const SHORT: f64 = 0.05;
    let known = |work: &Work| work.bytes > 0 && work.seconds >= SHORT;
    (known(&there) && known(&here)).then(|| there.rate() / here.rate())
}

/// A copy of a database, made and checked.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Work {
    /// How large it is.
    pub(crate) bytes: u64,
    /// How long it took.
    pub(crate) seconds: f64,
}

impl Work {
    fn rate(&self) -> f64 {
        self.seconds / self.bytes as f64
    }
}

/// For a person: the whole, its parts, and what it is compared with.
pub(crate) fn told(downtime: &Downtime) -> String {
    let Downtime { basis, parts, seconds, low, high, limits } = downtime;
    let basis = match basis {
        Basis::Fork => "measured on a fork",
        Basis::Production => "calibrated on production",
        Basis::Local => "local estimate",
    };
    let mut out = format!(
        "{}: {} ({} to {}), {basis}\n",
        text::title("Predicted downtime"),
        text::seconds(*seconds),
        text::seconds(*low),
        text::seconds(*high)
    );
    for Part { what, seconds, source } in parts {
        let _ = writeln!(out, "  {what:24} {:>10}  {source}", text::seconds(*seconds));
    }
    for Limit { what, seconds, fits } in limits {
        let fits = if *fits { "enough" } else { "may be too short" };
        let _ = writeln!(out, "  {what:24} {:>10}  {fits}", text::seconds(*seconds));
    }
    out
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn event(kind: &str, status: &str, timestamp: i64) -> Event {
        Event { kind: kind.to_owned(), status: status.to_owned(), timestamp, request: None }
    }

    fn machine(events: Vec<Event>) -> Machine {
        let mut machine: Machine =
            serde_json::from_str(r#"{"id": "1", "state": "started", "region": "iad"}"#).unwrap();
        machine.events = events;
        machine
    }

    #[test]
    fn the_last_update_is_from_the_end_of_the_old_release_to_the_start_of_the_new_one() {
        let update = vec![
            event("start", "started", 9_000),
            event("launch", "created", 8_000),
            event("update", "replaced", 8_000),
            event("update", "replacing", 7_000),
            event("exit", "stopped", 6_500),
            event("start", "started", 1_000),
            event("launch", "created", 0),
        ];
        assert_eq!(last_update(&machine(update.clone())), Some(2.5));
        assert_eq!(last_update(&machine(update[5..].to_vec())), Some(1.0));
        let restarted =
            [vec![event("start", "started", 20_000), event("restart", "starting", 19_000)], update].concat();
        assert_eq!(last_update(&machine(restarted)), Some(2.5));
        let night = vec![
            event("start", "started", 9_000),
            event("start", "starting", 8_900),
            event("exit", "stopped", 0),
        ];
        assert_eq!(last_update(&machine(night)), None);
        assert_eq!(
            last_update(&machine(vec![event("start", "started", 0), event("launch", "created", 5_000)])),
            None
        );
        assert_eq!(last_update(&machine(Vec::new())), None);
    }

    #[test]
    fn one_machine_is_held_against_another_by_work_that_both_did() {
        let work = |bytes, seconds| Work { bytes, seconds };
        assert_eq!(factor(work(1_000, 4.0), work(2_000, 2.0)), Some(4.0));
        assert_eq!(factor(work(1_000, 0.01), work(1_000, 1.0)), None);
        assert_eq!(factor(work(0, 1.0), work(1_000, 1.0)), None);
    }

    #[test]
    fn a_prediction_is_as_good_as_the_worst_of_the_parts_that_count() {
        let measured = |seconds, basis| Measured { seconds, basis, source: "a reason".to_owned() };
        let expected = |change: Measured| Expected {
            stopped: measured(0.0, Basis::Local),
            replaced: measured(2.0, Basis::Production),
            started: measured(0.1, Basis::Local),
            change,
        };
        let limits = [
            ("--wait-timeout".to_owned(), Duration::from_secs(5)),
            ("grace_period".to_owned(), Duration::from_secs(600)),
        ];
        let predicted = predict(&expected(measured(3.9, Basis::Fork)), &limits);
        assert_eq!(
            (predicted.basis, predicted.seconds, predicted.low, predicted.high),
            (Basis::Production, 6.0, 3.0, 12.0)
        );
        assert_eq!(predict(&expected(measured(100.0, Basis::Fork)), &[]).basis, Basis::Fork);
        assert_snapshot!(anstream::adapter::strip_str(&told(&predicted)).to_string(), @"
        Predicted downtime: 6 s (3 s to 12 s), calibrated on production
          the old release stops    under 1 ms  a reason
          the machine is replaced         2 s  a reason
          the release starts           0.10 s  a reason
          the change                   3.90 s  a reason
          --wait-timeout                  5 s  may be too short
          grace_period                 10 min  enough
        ");
    }
}
