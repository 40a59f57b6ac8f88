//! The phases of a command that changes production: each is told when it is over, and written down.

use std::time::Instant;

use serde::Serialize;

use crate::text;
use crate::ui::Ui;

/// A phase that is over.
#[derive(Debug, Serialize)]
struct Phase {
    /// Its name.
    phase: &'static str,
    /// What it found or did.
    found: String,
    /// How long it took.
    seconds: f64,
}

/// Those that are over, in their order.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Phases(Vec<Phase>);

impl Phases {
    /// One more is over, which began then.
    pub(crate) fn done(&mut self, ui: &Ui, phase: &'static str, begun: Instant, found: impl Into<String>) {
        let (found, seconds) = (found.into(), begun.elapsed().as_secs_f64());
        ui.status(phase, format!("{found} ({})", text::seconds(seconds)));
        self.0.push(Phase { phase, found, seconds });
    }

    /// How long all of them took.
    pub(crate) fn seconds(&self) -> f64 {
        self.0.iter().map(|phase| phase.seconds).sum()
    }
}
