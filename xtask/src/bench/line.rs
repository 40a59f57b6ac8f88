//! What came of a work at one size, as values.

use std::collections::BTreeSet;

use landfall_engine::{Planner, Prediction};
use serde::Serialize;

use super::work::Work;

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    /// How often each was timed.
    pub(crate) runs: usize,
    /// The version of SQLite in ours.
    pub(crate) sqlite: &'static str,
    /// What Atlas says of its version; null when it was not found.
    pub(crate) atlas: Option<String>,
    /// One for each work and size.
    pub(crate) lines: Vec<Line>,
}

/// Ours, once.
#[derive(Debug, Clone)]
pub(crate) struct Lap {
    /// Of the whole process.
    pub(crate) seconds: f64,
    /// Of the copy that a boot makes first, which Atlas does not; 0 where it made none.
    pub(crate) copy: f64,
    /// From BEGIN to COMMIT.
    pub(crate) transaction: f64,
    /// Of look, step, evidence, keys and commit.
    pub(crate) parts: [f64; 5],
    /// The most memory, in bytes.
    pub(crate) peak: Option<u64>,
    /// Whose plan it was.
    pub(crate) planner: Option<Planner>,
    /// How long the plan was to take, from BEGIN to COMMIT.
    pub(crate) prediction: Option<Prediction>,
}

/// All that was measured of a work at one size.
#[derive(Debug, Default)]
pub(crate) struct Laps {
    /// Ours.
    pub(crate) ours: Vec<Lap>,
    /// Seconds of Atlas, where it came to its end.
    pub(crate) atlas: Vec<f64>,
    /// Seconds of the limit.
    pub(crate) limit: Vec<f64>,
    /// What is to be told of Atlas's result.
    pub(crate) notes: BTreeSet<String>,
}

/// Seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Times {
    /// The middle one; of an even number the mean of two.
    pub(crate) median: f64,
    /// The least.
    pub(crate) min: f64,
    /// The most.
    pub(crate) max: f64,
}

/// What ours went to: medians of seconds, each part for itself, so that they need not add up to the whole.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Parts {
    /// Start and end of the process, and planning.
    pub(crate) process: f64,
    /// The copy before a risky plan.
    pub(crate) copy: f64,
    /// Schema and hazards, read again.
    pub(crate) look: f64,
    /// The steps of the plan.
    pub(crate) step: f64,
    /// Rows, counted and summed: the proof.
    pub(crate) evidence: f64,
    /// Foreign keys and the schema, compared.
    pub(crate) keys: f64,
    /// COMMIT.
    pub(crate) commit: f64,
    /// From BEGIN to COMMIT.
    pub(crate) transaction: f64,
}

/// A work at one size.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    /// As `--only` names it.
    pub(crate) work: &'static str,
    /// How many.
    pub(crate) size: u64,
    /// Of what: rows or tables.
    pub(crate) unit: &'static str,
    /// The whole process; null where only a limit is measured.
    pub(crate) ours: Option<Times>,
    /// The same without the copy that a boot makes before a risky plan; null where it makes none.
    pub(crate) without_copy: Option<Times>,
    /// Null where Atlas is missing, or failed.
    pub(crate) atlas: Option<Times>,
    /// What neither can go below.
    pub(crate) limit: Option<Times>,
    /// What that is.
    pub(crate) limit_is: &'static str,
    /// Whose plan ours was, the last time.
    pub(crate) planner: Option<Planner>,
    /// Null where there was no change.
    pub(crate) parts: Option<Parts>,
    /// How long the last plan was to take, from BEGIN to COMMIT.
    pub(crate) prediction: Option<Prediction>,
    /// The most memory that ours held in any run, in bytes; null where it was too fast to be seen.
    pub(crate) peak: Option<u64>,
    /// What is to be told of Atlas's result.
    pub(crate) notes: BTreeSet<String>,
}

impl Line {
    /// Of what was measured.
    pub(crate) fn new(work: &Work, size: u64, laps: &Laps) -> Self {
        let of = |value: fn(&Lap) -> f64| Times::of(&laps.ours.iter().map(value).collect::<Vec<_>>());
        let copies = laps.ours.iter().any(|lap| lap.copy > 0.0);
        Self {
            work: work.name,
            size,
            unit: work.on.unit(),
            ours: of(|lap| lap.seconds),
            without_copy: copies.then(|| of(|lap| lap.seconds - lap.copy)).flatten(),
            atlas: Times::of(&laps.atlas),
            limit: Times::of(&laps.limit),
            limit_is: work.limit.told(),
            planner: laps.ours.last().and_then(|lap| lap.planner),
            parts: work.is_change().then(|| Parts::of(&laps.ours)),
            prediction: laps.ours.last().and_then(|lap| lap.prediction),
            peak: laps.ours.iter().filter_map(|lap| lap.peak).max(),
            notes: laps.notes.clone(),
        }
    }
}

impl Times {
    /// Of none there is none.
    fn of(seconds: &[f64]) -> Option<Self> {
        let mut sorted = seconds.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let median = (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0;
        Some(Self { median, min, max })
    }
}

impl Parts {
    fn of(laps: &[Lap]) -> Self {
        let median = |value: &dyn Fn(&Lap) -> f64| {
            let all: Vec<_> = laps.iter().map(value).collect();
            Times::of(&all).map_or(0.0, |times| times.median)
        };
        let part = |number: usize| median(&|lap| lap.parts[number]);
        Self {
            process: median(&|lap| lap.seconds - lap.copy - lap.transaction),
            copy: median(&|lap| lap.copy),
            look: part(0),
            step: part(1),
            evidence: part(2),
            keys: part(3),
            commit: part(4),
            transaction: median(&|lap| lap.transaction),
        }
    }

    /// Of all but the copy, the proof's share.
    pub(crate) fn proof(&self) -> f64 {
        let whole = self.process + self.look + self.step + self.evidence + self.keys + self.commit;
        self.evidence / whole.max(f64::MIN_POSITIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::work::WORKS;

    #[test]
    fn the_median_is_the_middle_one_and_of_an_even_number_the_mean_of_two() {
        assert_eq!(Times::of(&[]), None);
        assert_eq!(Times::of(&[3.0, 1.0, 2.0]), Some(Times { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(Times::of(&[4.0, 1.0, 2.0, 3.0]), Some(Times { median: 2.5, min: 1.0, max: 4.0 }));
    }

    fn laps(copy: f64) -> Laps {
        let lap = Lap {
            seconds: 4.0,
            copy,
            transaction: 2.0,
            parts: [0.1, 1.0, 0.5, 0.3, 0.1],
            peak: None,
            planner: Some(Planner::Builtin),
            prediction: Some(Prediction { seconds: 1.4, low: 0.5, high: 4.2 }),
        };
        let slow = Lap { seconds: 5.0, peak: Some(7), ..lap };
        let laps = Laps { ours: vec![lap, slow], atlas: Vec::new(), limit: vec![1.0], ..Laps::default() };
        Laps { notes: ["Atlas failed: no such thing".to_owned()].into(), ..laps }
    }

    fn work(name: &str) -> &'static Work {
        WORKS.iter().find(|work| work.name == name).unwrap()
    }

    #[test]
    fn the_copy_is_no_part_of_what_is_compared_without_it() {
        let line = Line::new(work("rewrite"), 10, &laps(0.5));
        assert_eq!(line.without_copy, Some(Times { median: 4.0, min: 3.5, max: 4.5 }));
        let parts = line.parts.unwrap();
        assert_eq!((parts.process, parts.copy, parts.evidence), (2.0, 0.5, 0.5));
        assert_eq!((parts.proof(), line.peak), (0.125, Some(7)));
        assert_eq!((parts.transaction, line.prediction), (2.0, laps(0.5).ours[0].prediction));
        assert_eq!(Line::new(work("add-check"), 10, &laps(0.0)).without_copy, None);
        assert!(Line::new(work("no-drift"), 10, &laps(0.0)).parts.is_none());
    }
}
