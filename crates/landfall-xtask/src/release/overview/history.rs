//! What was done last.

use super::Seen;
use crate::release::audit::{Entry, Outcome};
use crate::release::check::{Check, Verdict, fine, line, not_read};
use crate::text;

const LAST: &str = "last deploy";

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
