//! A snapshot of production's volume, taken before anything changes there. Which one it is follows from the lists before and after:
//! no clock of this machine has a say in it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;

use super::Shipping;
use crate::error::{Error, Kind};
use crate::name::{SnapshotId, VolumeId};
use crate::text;
use crate::tool::fly::{Failure, Snapshot};

/// Between two looks at first: most are made within seconds.
const SOON: Duration = Duration::from_millis(250);
/// Between two looks later.
const TICK: Duration = Duration::from_secs(1);
/// How long it may take until a new one is in the list, before it is taken that Fly has joined it to an earlier one.
const LISTED: Duration = Duration::from_secs(20);
/// How old an earlier one may be that stands for it.
const FRESH: Duration = Duration::from_secs(300);

/// A snapshot that can be put back.
#[derive(Debug)]
pub(crate) struct Taken {
    /// Its id.
    pub(crate) id: SnapshotId,
    /// What there is to say, where Fly joined it to an earlier one.
    pub(crate) note: Option<String>,
}

/// A snapshot that was asked for.
pub(crate) struct Asked<'a> {
    volume: &'a VolumeId,
    before: Vec<Snapshot>,
    since: Instant,
}

/// Asks for one. `fly` tells no id, and Fly may join it to a recent one: [`Asked::wait`] finds out.
pub(crate) fn ask<'a>(shipping: &Shipping<'_>, volume: &'a VolumeId) -> Result<Asked<'a>> {
    let before = shipping.asked(|fly| fly.snapshots(volume))?;
    shipping.fly.create_snapshot(volume)?;
    Ok(Asked { volume, before, since: Instant::now() })
}

impl Asked<'_> {
    /// Until it has an id and is made, for as long as `limit`.
    pub(crate) fn wait(&self, shipping: &Shipping<'_>, limit: Duration) -> Result<Taken> {
        loop {
            let left = limit.saturating_sub(self.since.elapsed());
            let now = shipping.patiently(left, Failure::may_pass, |fly| fly.snapshots(self.volume))?;
            if let Some(taken) = self.taken(&now, || shipping.probe.time()) {
                return Ok(taken);
            }
            if shipping.interrupt.is_raised() {
                return Err(Error::new(Kind::Interrupted, self.volume, "interrupted").unchanged().into());
            }
            let waited = self.since.elapsed();
            if waited > limit {
                return Err(late(self.volume, limit, last(&now)).into());
            }
            shipping.sleep(if waited < TICK * 5 { SOON } else { TICK });
        }
    }

    fn taken(&self, now: &[Snapshot], time: impl FnOnce() -> Option<SystemTime>) -> Option<Taken> {
        match newest(&self.before, now) {
            Some(new) => new.made().map(|id| Taken { id: id.clone(), note: None }),
            None if self.since.elapsed() > LISTED => joined(&self.before, now, time),
            None => None,
        }
    }
}

/// The one that was not there before. While it is made it has no id; so all that were made before are left out, and the latest stays.
fn newest<'s>(before: &[Snapshot], now: &'s [Snapshot]) -> Option<&'s Snapshot> {
    let known: BTreeSet<_> = before.iter().map(|snapshot| snapshot.created_at.as_str()).collect();
    let new = now.iter().filter(|snapshot| !known.contains(snapshot.created_at.as_str()));
    new.max_by(|a, b| a.created_at.cmp(&b.created_at))
}

/// The earlier one that stands for it: it was being made when it was asked for, or it is fresh by `time`, which is told where
/// production runs, as the times of snapshots are.
fn joined(before: &[Snapshot], now: &[Snapshot], time: impl FnOnce() -> Option<SystemTime>) -> Option<Taken> {
    let (id, time_of) = last(now)?;
    let was_under_way =
        before.iter().any(|earlier| earlier.created_at == time_of && earlier.made().is_none());
    let age = || time()?.duration_since(humantime::parse_rfc3339(time_of).ok()?).ok();
    let age = if was_under_way { Some(Duration::ZERO) } else { age() };
    age.filter(|age| *age <= FRESH).map(|_| Taken {
        id: id.clone(),
        note: Some(format!(
            "Fly made no new snapshot: {id} of {time_of} stands for it; what was written since is not in it"
        )),
    })
}

/// The latest that is made, and when it was asked for.
pub(crate) fn last(snapshots: &[Snapshot]) -> Option<(&SnapshotId, &str)> {
    let made = snapshots.iter().filter_map(|snapshot| Some((snapshot.made()?, snapshot.created_at.as_str())));
    made.max_by_key(|(_, time)| *time)
}

/// How long ago a time as in RFC 3339 is; `None` where it is none, or is to come.
pub(crate) fn age(time: &str) -> Option<Duration> {
    SystemTime::now().duration_since(humantime::parse_rfc3339(time).ok()?).ok()
}

fn late(volume: &VolumeId, limit: Duration, last: Option<(&SnapshotId, &str)>) -> Error {
    let waited = text::seconds(limit.as_secs_f64());
    let last = last.map_or_else(String::new, |(id, time)| format!(" (the last one is {id} of {time})"));
    let message = format!("Fly has made no new snapshot of volume {volume} within {waited}{last}");
    Error::new(Kind::Failed, volume, message).unchanged().remedy(format!(
        "let it take longer: --snapshot-timeout {}; or see what keeps it: fly volumes snapshots list {volume}, and https://status.flyio.net",
        limit.as_secs() * 2
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(id: &str, created_at: &str) -> Snapshot {
        let status = if id.is_empty() { "waiting" } else { "created" };
        Snapshot { id: SnapshotId::parse(id), status: status.to_owned(), created_at: created_at.to_owned() }
    }

    #[test]
    fn the_new_one_is_known_by_its_time_since_it_has_no_id_at_first() {
        let before = [snapshot("a", "2026-11-24T10:00:00Z"), snapshot("", "2026-11-24T11:00:00Z")];
        assert_eq!(newest(&before, &before), None);
        let finished = [before[0].clone(), snapshot("b", "2026-11-24T11:00:00Z")];
        assert_eq!(newest(&before, &finished), None);
        let now = [finished[0].clone(), finished[1].clone(), snapshot("", "2026-11-24T12:00:00Z")];
        assert!(newest(&before, &now).is_some_and(|new| new.made().is_none()));
        let now = [now[0].clone(), now[1].clone(), snapshot("c", "2026-11-24T12:00:00Z")];
        assert!(newest(&before, &now).and_then(Snapshot::made).is_some_and(|id| id == "c"));
    }

    #[test]
    fn an_earlier_one_stands_for_it_only_while_it_is_fresh_where_production_runs() {
        let at = |minutes: u64| {
            let time = humantime::parse_rfc3339("2026-11-24T10:00:00Z").unwrap();
            Some(time + Duration::from_secs(minutes * 60))
        };
        let before = [snapshot("a", "2026-11-24T09:45:00Z"), snapshot("b", "2026-11-24T09:59:00Z")];
        let taken = joined(&before, &before, || at(0)).unwrap();
        assert_eq!(taken.id, "b");
        assert!(taken.note.unwrap().contains("b of 2026-11-24T09:59:00Z"));
        assert!(joined(&before, &before, || at(10)).is_none());
        assert!(joined(&before, &before, || None).is_none(), "nobody knows how old it is");
        assert!(joined(&[], &[], || at(0)).is_none());
    }

    #[test]
    fn one_that_was_being_made_stands_for_it_whatever_the_time_is() {
        let before = [snapshot("a", "2026-11-24T09:45:00Z"), snapshot("", "2026-11-24T09:59:00Z")];
        let now = [before[0].clone(), snapshot("b", "2026-11-24T09:59:00Z")];
        assert_eq!(joined(&before, &now, || None).unwrap().id, "b");
        assert!(joined(&before, &before, || None).is_none(), "it is not made yet");
    }
}
