//! A snapshot of production's volume, taken before anything changes there.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use migrate::Interrupt;

use crate::error::{Error, Kind};
use crate::text;
use crate::tool::fly::{Fly, Snapshot};

/// Between two looks at first: most are made within seconds.
const SOON: Duration = Duration::from_millis(250);
/// Between two looks later.
const TICK: Duration = Duration::from_secs(1);
/// How long Fly may take to make one.
const LIMIT: Duration = Duration::from_secs(300);
/// How long it may take until a new one is in the list, before it is taken that Fly has joined it to an earlier one.
const LISTED: Duration = Duration::from_secs(20);
/// How old an earlier one may be that stands for it.
const FRESH: Duration = Duration::from_secs(300);

/// A snapshot that can be put back.
#[derive(Debug)]
pub(crate) struct Taken {
    /// Its id.
    pub(crate) id: String,
    /// What there is to say, where Fly joined it to an earlier one.
    pub(crate) note: Option<String>,
}

/// A snapshot that was asked for.
pub(crate) struct Asked<'a> {
    volume: &'a str,
    before: Vec<Snapshot>,
    since: Instant,
}

/// Asks for one. `fly` tells no id, and Fly may join it to a recent one: [`Asked::wait`] finds out.
pub(crate) fn ask<'a>(fly: &Fly<'_>, volume: &'a str) -> Result<Asked<'a>> {
    let before = fly.snapshots(volume)?;
    fly.create_snapshot(volume)?;
    Ok(Asked { volume, before, since: Instant::now() })
}

impl Asked<'_> {
    /// Until it has an id and is made.
    pub(crate) fn wait(&self, fly: &Fly<'_>, interrupt: &Interrupt) -> Result<Taken> {
        loop {
            let now = fly.snapshots(self.volume)?;
            match (newest(&self.before, &now), self.since.elapsed()) {
                (Some(made), _) if is_made(made) => return Ok(Taken { id: made.id.clone(), note: None }),
                (None, waited) if waited > LISTED => return joined(self.volume, &now),
                (_, waited) if waited > LIMIT => return Err(late(self.volume).into()),
                _ if interrupt.is_raised() => {
                    let text = "interrupted; nothing was changed";
                    return Err(Error::new(Kind::Interrupted, self.volume, text).into());
                }
                (_, waited) => thread::sleep(if waited < TICK * 5 { SOON } else { TICK }),
            }
        }
    }
}

/// The one that was not there before. While it is made it has no id; so all that were made before are left out, and the latest stays.
fn newest<'s>(before: &[Snapshot], now: &'s [Snapshot]) -> Option<&'s Snapshot> {
    let known: BTreeSet<_> = before.iter().map(|snapshot| snapshot.created_at.as_str()).collect();
    let new = now.iter().filter(|snapshot| !known.contains(snapshot.created_at.as_str()));
    new.max_by(|a, b| a.created_at.cmp(&b.created_at))
}

fn is_made(snapshot: &Snapshot) -> bool {
    !snapshot.id.is_empty() && snapshot.status == "created"
}

fn joined(volume: &str, now: &[Snapshot]) -> Result<Taken> {
    let last = last(now);
    let age = last.and_then(|snapshot| age(&snapshot.created_at));
    match (last, age) {
        (Some(last), Some(age)) if age <= FRESH => Ok(Taken {
            id: last.id.clone(),
            note: Some(format!(
                "Fly made no new snapshot: {} of {} ago stands for it; what was written since is not in it",
                last.id,
                text::seconds(age.as_secs_f64().round())
            )),
        }),
        _ => Err(late(volume).into()),
    }
}

/// The latest that is made.
pub(crate) fn last(snapshots: &[Snapshot]) -> Option<&Snapshot> {
    let made = snapshots.iter().filter(|snapshot| is_made(snapshot));
    made.max_by(|a, b| a.created_at.cmp(&b.created_at))
}

/// How long ago a time as in RFC 3339 is; `None` where it is none, or is to come.
pub(crate) fn age(time: &str) -> Option<Duration> {
    SystemTime::now().duration_since(humantime::parse_rfc3339(time).ok()?).ok()
}

fn late(volume: &str) -> Error {
    let message = format!("Fly made no snapshot of volume {volume}; nothing was changed");
    Error::new(Kind::Failed, volume, message).remedy(format!(
        "see https://status.flyio.net and: fly volumes snapshots list {volume}; then run the command again"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(id: &str, created_at: &str) -> Snapshot {
        let status = if id.is_empty() { "waiting" } else { "created" };
        Snapshot { id: id.to_owned(), status: status.to_owned(), created_at: created_at.to_owned() }
    }

    #[test]
    fn the_new_one_is_known_by_its_time_since_it_has_no_id_at_first() {
        let before = [snapshot("a", "2026-11-24T10:00:00Z"), snapshot("", "2026-11-24T11:00:00Z")];
        assert_eq!(newest(&before, &before), None);
        let finished = [before[0].clone(), snapshot("b", "2026-11-24T11:00:00Z")];
        assert_eq!(newest(&before, &finished), None);
        let now = [finished[0].clone(), finished[1].clone(), snapshot("", "2026-11-24T12:00:00Z")];
        assert!(newest(&before, &now).is_some_and(|made| !is_made(made)));
        let now = [now[0].clone(), now[1].clone(), snapshot("c", "2026-11-24T12:00:00Z")];
        assert!(newest(&before, &now).is_some_and(|made| is_made(made) && made.id == "c"));
    }

    #[test]
    fn an_earlier_one_stands_for_it_only_while_it_is_fresh() {
        let ago = |seconds| {
            humantime::format_rfc3339_seconds(SystemTime::now() - Duration::from_secs(seconds)).to_string()
        };
        let taken = joined("v", &[snapshot("a", &ago(900)), snapshot("b", &ago(60))]).unwrap();
        assert_eq!(taken.id, "b");
        assert!(taken.note.unwrap().contains("b of 1 min"));
        assert!(joined("v", &[snapshot("a", &ago(900)), snapshot("", &ago(1))]).is_err());
    }
}
