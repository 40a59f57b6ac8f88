//! What there is to go back to: snapshots at Fly, copies on the volume, copies here.

use std::time::Duration;

use super::Seen;
use crate::release::check::{Check, Verdict, fine, line};
use crate::release::shipping::snapshot;
use crate::text;

const NAME: &str = "last backup";
/// Fly makes a snapshot a day: after two it has missed one.
const OLD: Duration = Duration::from_secs(48 * 3600);

impl Seen<'_> {
    /// The latest snapshot of the volume; below it the latest copies elsewhere. None where there is no volume to ask about.
    pub(super) fn backup(&self) -> Option<Check> {
        let volume = &self.volume()?.id;
        let check = match (self.snapshots.as_ref()?, self.snapshot()) {
            (Err(failure), _) => line(NAME, Verdict::Unknown, failure.message.as_str(), failure.remedy()),
            (Ok(_), None) if self.is_new() => fine(NAME, "there is no snapshot yet: Fly makes one a day"),
            (Ok(_), None) => line(
                NAME,
                Verdict::OutOfSync,
                format!("there is no snapshot of volume {volume}"),
                format!("fly volumes snapshots create {volume}"),
            ),
            (Ok(_), Some((id, time))) => {
                let age = snapshot::age(time).unwrap_or_default();
                let evidence = format!("snapshot {id}, {}", ago(time));
                if age <= OLD {
                    fine(NAME, evidence)
                } else {
                    let evidence = format!("{evidence}: Fly makes one a day, and did not");
                    line(NAME, Verdict::OutOfSync, evidence, format!("fly volumes snapshots create {volume}"))
                }
            }
        };
        Some(Check { details: self.copies(), ..check })
    }

    /// Whether it was first deployed so lately that Fly need not have made one.
    fn is_new(&self) -> bool {
        let first = self.audit.entries.last().map(|recorded| recorded.entry.time.as_str());
        first.and_then(snapshot::age).is_some_and(|age| age <= OLD)
    }

    fn copies(&self) -> Vec<String> {
        let there = self.status().and_then(|status| status.copies.first());
        let there = there.map(|copy| {
            format!(
                "on the machine, before a change: {}, {}, {}",
                copy.file,
                text::size(copy.bytes),
                ago(&copy.time)
            )
        });
        let here = self.pulled.as_ref().map(|pulled| {
            let (file, record) = (pulled.file.display(), &pulled.record);
            format!("here: {file}, {}, {}", text::size(record.bytes), ago(&record.time))
        });
        there.into_iter().chain(here).collect()
    }
}

/// `5 min ago`, to the second; the time itself where it cannot be read.
fn ago(time: &str) -> String {
    let age = snapshot::age(time).map(|age| text::seconds(age.as_secs() as f64));
    age.map_or_else(|| format!("of {time}"), |age| format!("{age} ago"))
}
