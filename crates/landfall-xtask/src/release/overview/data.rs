//! The data: its room, its schema, its rows.

use landfall_engine::fingerprint::{self, Likeness};

use super::Seen;
use crate::release::check::{Check, Verdict, fine, line, not_read};
use crate::release::probe::Schemas;
use crate::release::production::Trouble;
use crate::release::shipping::back::KEEP;
use crate::release::shipping::standing::{Disk, Status};
use crate::text;
use crate::tool::fly::{Machine, Volume};

const VOLUME: &str = "volume";
const SCHEMA: &str = "schema";
const ROWS: &str = "rows";
/// As many tables are named.
const NAMED: usize = 5;

impl Seen<'_> {
    /// The volume, and whether it has room for the next change.
    pub(super) fn room(&self, volume: &Volume) -> Check {
        let Volume { id, size_gb, region, .. } = volume;
        let Some(Status { bytes, disk, .. }) = self.status() else {
            return fine(VOLUME, format!("{id}, {size_gb} GB in {region}; how full it is was not read"));
        };
        let (free, total) = (text::size(disk.free), text::size(disk.total));
        let evidence = format!(
            "{id}, {size_gb} GB in {region}: {free} of {total} free, the database has {}",
            text::size(*bytes)
        );
        match wanting(*bytes, *disk) {
            None => fine(VOLUME, evidence),
            Some(more_gb) => line(
                VOLUME,
                Verdict::OutOfSync,
                format!("{evidence}; a change may need twice that, and a tenth of a volume stays free"),
                format!(
                    "fly volumes extend {id} --size {} -a {}",
                    u64::from(*size_gb) + more_gb,
                    self.fly_toml.app
                ),
            ),
        }
    }

    /// What the image declares, and what the database has.
    pub(super) fn fingerprints(&self) -> Schemas {
        let said = self.answer.version.as_ref().map(|version| version.schema.clone()).unwrap_or_default();
        let written = || self.release().and_then(|recorded| recorded.entry.declared.clone());
        Schemas {
            declared: said.declared.or_else(written),
            live: said.live.or_else(|| self.status().map(|status| status.schema.clone())),
        }
    }

    /// Whether the database has the schema that its image declares.
    pub(super) fn schemas(&self, machine: &Machine) -> Check {
        let keeps = machine.config().env.get(KEEP.0).is_some_and(|value| value == KEEP.1);
        match self.fingerprints() {
            Schemas { declared: Some(declared), live: Some(live) } if declared == live => {
                let kept = if keeps { "; it is kept until the next deploy" } else { "" };
                fine(SCHEMA, format!("{}, declared and live{kept}", fingerprint::short(&live)))
            }
            Schemas { declared: Some(declared), live: Some(live) }
                if fingerprint::likeness(&declared, &live) == Likeness::Incomparable =>
            {
                not_read(
                    SCHEMA,
                    format!(
                        "{} is live, and the image declares {}, by another version of Landfall: they cannot be compared",
                        fingerprint::short(&live),
                        fingerprint::short(&declared)
                    ),
                )
            }
            Schemas { declared: Some(declared), live: Some(live) } if keeps => line(
                SCHEMA,
                Verdict::OutOfSync,
                format!(
                    "{} is kept since a rollback, and the image declares {}",
                    fingerprint::short(&live),
                    fingerprint::short(&declared)
                ),
                "ship a release that declares it: cargo xtask deploy",
            ),
            Schemas { declared: Some(declared), live: Some(live) } => line(
                SCHEMA,
                Verdict::OutOfSync,
                format!(
                    "{} is live, and the image declares {}",
                    fingerprint::short(&live),
                    fingerprint::short(&declared)
                ),
                "see what differs: cargo xtask verify-sync; then: cargo xtask deploy",
            ),
            Schemas { declared: None, live: Some(live) } => not_read(
                SCHEMA,
                format!("{} is live; what the image declares is not known", fingerprint::short(&live)),
            ),
            _ if self.running().is_none() => not_read(SCHEMA, Self::why_not_asked(machine)),
            Schemas { live: None, .. } => not_read(SCHEMA, "neither the service nor the machine told it"),
        }
    }

    /// The rows, in short.
    pub(super) fn rows(&self, machine: &Machine) -> Check {
        match &self.status {
            None => not_read(ROWS, Self::why_not_asked(machine)),
            Some(Ok(status)) => fine(ROWS, counted(status)),
            Some(Err(trouble)) if trouble.is_older() => {
                not_read(ROWS, "the image is older than `landfall status`: the next deploy brings it")
            }
            Some(Err(Trouble { message, remedy, .. })) => {
                line(ROWS, Verdict::Unknown, message.as_str(), remedy.as_str())
            }
        }
    }
}

/// By how many gigabytes the volume is too small; `None` where it is not.
fn wanting(bytes: u64, disk: Disk) -> Option<u64> {
    let Disk { free, total } = disk;
    let wanted = (total / 10).max(bytes * 2);
    // Twice the tenth: it is not to be nearly full again tomorrow.
    let comfortable = (total / 5).max(bytes * 2);
    (free < wanted).then(|| (comfortable - free).div_ceil(1_000_000_000))
}

/// `1,246 rows in 2 tables: customers 1,234, orders 12`.
fn counted(status: &Status) -> String {
    let tables = &status.tables;
    let rows = status.rows();
    let told = format!("{} in {}", text::count(rows, "row"), text::count(tables.len() as u64, "table"));
    let named: Vec<_> = tables
        .iter()
        .take(NAMED)
        .map(|t| format!("{} {}", landfall_engine::written(&t.table), text::grouped(t.rows)))
        .collect();
    let more = tables.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let told = if named.is_empty() { told } else { format!("{told}: {}{more}", named.join(", ")) };
    match status.uncounted.as_slice() {
        [] => told,
        uncounted => format!("{told}; not counted: {}", uncounted.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_too_small_below_a_tenth_and_below_twice_the_database() {
        const GB: u64 = 1_000_000_000;
        let wanting = |bytes, free, total| wanting(bytes, Disk { free, total });
        assert_eq!(wanting(0, GB, 10 * GB), None);
        assert_eq!(wanting(0, GB - 1, 10 * GB), Some(2));
        assert_eq!(wanting(GB, 2 * GB, 3 * GB), None);
        assert_eq!(wanting(2 * GB, GB, 3 * GB), Some(3));
    }

    #[test]
    fn no_number_that_a_machine_tells_is_more_than_can_be_reckoned_with() {
        let told = |bytes: u64, free: u64, rows: u64| {
            let table = |name: &str| serde_json::json!({ "table": name, "rows": rows });
            let disk = serde_json::json!({ "free": free, "total": free });
            serde_json::json!({
                "file": "/data/db", "bytes": bytes, "tables": [table("a"), table("b")], "schema": "v1-0", "disk": disk
            })
        };
        let read = |document| serde_json::from_value::<Status>(document);
        let most = read(told(1 << 53, 1 << 53, u64::MAX)).unwrap();
        assert_eq!(most.rows(), u64::MAX);
        assert!(counted(&most).starts_with("18,446,744,073,709,551,615 rows in 2 tables"));
        assert!(wanting(most.bytes, most.disk).is_some());
        assert!(read(told(u64::MAX, 1, 1)).unwrap_err().to_string().contains("are on no disk"));
        read(told(1, u64::MAX, 1)).unwrap_err();
    }
}
