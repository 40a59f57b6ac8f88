//! What was done last, and who does something now.

use anyhow::Result;

use super::Seen;
use crate::error::Told;
use crate::release::audit::{Entry, Outcome};
use crate::release::check::{Check, Verdict, fine, line, not_read};
use crate::release::lock::{State, Status};
use crate::text;

const LAST: &str = "last deploy";
const LOCK: &str = "lock";

impl Seen<'_> {
    /// The latest entry of the audit.
    pub(super) fn last(&self) -> Check {
        let unsure: Vec<_> =
            self.audit.reason.iter().map(|why| format!("it may not be the last: {why}")).collect();
        let Some(recorded) = self.audit.entries.first() else {
            return Check { details: unsure, ..not_read(LAST, "none was written down") };
        };
        let entry = &recorded.entry;
        let Entry { time, host, seconds, .. } = entry;
        let evidence =
            format!("{}: {entry}, on {host} at {time}, in {}", recorded.number, text::seconds(*seconds));
        let check = match entry.outcome {
            Outcome::Served => fine(LAST, evidence),
            Outcome::WentBack => {
                line(LAST, Verdict::OutOfSync, evidence, "see why, then ship it again: cargo xtask deploy")
            }
            Outcome::Stranded => line(
                LAST,
                Verdict::OutOfSync,
                evidence,
                "do what it says; or bring the release before back: cargo xtask rollback",
            ),
            Outcome::Shipping if self.at_work => fine(LAST, evidence),
            Outcome::Shipping => line(
                LAST,
                Verdict::OutOfSync,
                format!("{evidence}; nobody wrote down what came of it"),
                "have it proved: cargo xtask deploy; or bring the release before back: cargo xtask rollback",
            ),
        };
        // Lines of the machine's log are among them, set in.
        let why = entry.message.lines().filter(|line| !line.starts_with(' ')).map(str::to_owned);
        Check { details: why.chain(unsure).collect(), ..check }
    }
}

/// The state of the lock, and the line about it: that somebody holds it is worth knowing, and nothing that is off.
pub(super) fn lock(status: Result<Status>) -> (Option<State>, Check) {
    match status {
        Ok(status) => {
            let told = status.to_string();
            let mut lines = told.lines().map(|line| line.trim().to_owned());
            let evidence = lines.next().unwrap_or_default();
            (Some(status.state), Check { details: lines.collect(), ..fine(LOCK, evidence) })
        }
        // As for the refs: an origin that is silent is not asked.
        Err(error) => {
            let Told { message, remedy, .. } = Told::of(&error);
            (None, line(LOCK, Verdict::NotRead, message, remedy))
        }
    }
}
