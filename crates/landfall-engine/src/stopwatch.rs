//! Where the time of a migration goes: a watch that also looks at the clock.

use std::time::Instant;

use crate::report::{Part, Timing};
use crate::shown::shown_in_line;
use crate::watch::{Event, Watch};

/// Hands every event on, and measures the time from one to the next.
pub(crate) struct Stopwatch<'w> {
    watch: &'w mut dyn Watch,
    begun: Instant,
    since: Instant,
    timings: Vec<Timing>,
}

impl<'w> Stopwatch<'w> {
    /// Starts with nothing to measure yet.
    pub(crate) fn start(watch: &'w mut dyn Watch) -> Self {
        let now = Instant::now();
        Self { watch, begun: now, since: now, timings: Vec::new() }
    }

    /// Seconds in all, and what they went to.
    pub(crate) fn stop(&mut self) -> (f64, Vec<Timing>) {
        self.lap();
        (self.begun.elapsed().as_secs_f64(), std::mem::take(&mut self.timings))
    }

    fn lap(&mut self) {
        let now = Instant::now();
        if let Some(last) = self.timings.last_mut() {
            last.seconds += (now - self.since).as_secs_f64();
        }
        self.since = now;
    }

    fn begin(&mut self, part: Part, label: &str) {
        self.lap();
        let label = shown_in_line(label).into_owned();
        self.timings.push(Timing { part, label, seconds: 0.0 });
    }
}

impl Watch for Stopwatch<'_> {
    fn event(&mut self, event: &Event<'_>) {
        match *event {
            Event::Looking => self.begin(Part::Look, "schema and hazards"),
            Event::Checking { table } => self.begin(Part::Evidence, &format!("rows of {table}")),
            Event::Comparing => self.begin(Part::Keys, "foreign keys and schema"),
            Event::Committing => self.begin(Part::Commit, "commit"),
            Event::Step { number, total, step } => {
                self.begin(Part::Step, &format!("{number}/{total} {}", step.label()));
            }
            _ => {}
        }
        self.watch.event(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_gets_the_time_until_the_next_and_all_of_them_the_whole() {
        let mut nobody = ();
        let mut watch = Stopwatch::start(&mut nobody);
        for event in [Event::Looking, Event::Checking { table: "t" }, Event::Comparing, Event::Committing] {
            watch.event(&event);
            std::thread::sleep(std::time::Duration::from_millis(2));
            // Neither begins a part nor ends one.
            watch.event(&Event::Rows { table: "t", done: 1, total: 2 });
        }
        let (seconds, timings) = watch.stop();
        let labels: Vec<_> = timings.iter().map(|timing| timing.label.as_str()).collect();
        assert_eq!(labels, ["schema and hazards", "rows of t", "foreign keys and schema", "commit"]);
        let sum: f64 = timings.iter().map(|timing| timing.seconds).sum();
        assert!(timings.iter().all(|timing| timing.seconds >= 0.002));
        assert!(sum <= seconds && seconds - sum < 0.001 + seconds / 2.0, "{sum} of {seconds}");
    }
}
