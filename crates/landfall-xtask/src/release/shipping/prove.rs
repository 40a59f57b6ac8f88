//! Whether a release is there and well: the machine, its image, its volume, what the service says of itself, its rows. Each was
//! seen to be wrong while flyctl said that all was well.
//!
//! A proof has three outcomes: well, sick, unknown. What was not answered is asked again; an error is never an answer.

use std::time::{Duration, Instant};

use landfall_engine::fingerprint::{self, Likeness};
use landfall_engine::{Interrupt, TableRows};

use super::patience::Backoff;
use super::seen::Seen;
use super::sight::Look;
use super::standing::Status;
use super::{Shipping, Sight, is_same_image};
use crate::name::{MachineId, PathThere};
use crate::release::image;
use crate::release::probe::{Health, Version};
use crate::text;
use crate::tool::fly::{Exit, Failure, Machine};
use crate::ui::Activity;

/// Between two looks at the service.
const TICK: Duration = Duration::from_millis(250);
/// Between two looks at a machine that is not well yet: Fly is asked less often than the service.
const LATER: Duration = Duration::from_secs(1);
/// So many good answers in a row, a tick apart each: a service that dies after its first answer is not well. And so many bad ones: one
/// that was lost on its way is no sick service.
const STEADY: u32 = 3;
/// How long a question about the machine may hang before it is asked again.
const HANGS: Duration = Duration::from_secs(15);
/// The exit codes of an app that would end the same way each time it starts: wrong usage, refused.
const FINAL: [i32; 2] = [2, 3];

/// What has to be found.
#[derive(Debug, Clone)]
pub(crate) struct Expected<'a> {
    /// What `/version` has to say; none of an image whose commit nobody knows.
    pub(crate) commit: Option<&'a str>,
    /// The image, by digest; none where it was not told.
    pub(crate) image: Option<&'a str>,
    /// The id of the volume; none where it was made just now.
    pub(crate) volume: Option<&'a str>,
    /// The fingerprint that live and declared schema have to have; none where the schema is kept as it is.
    pub(crate) schema: Option<&'a str>,
    /// The rows that were there before; none where they are not known.
    pub(crate) rows: Option<&'a [TableRows]>,
    /// Tables of which the change itself, or the service, takes rows away.
    pub(crate) fewer: &'a [String],
}

/// How long a release may take to be well.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// While it runs: a boot that migrates takes its time.
    pub(crate) running: Duration,
    /// Where it has ended by itself.
    pub(crate) ended: Duration,
}

impl From<Duration> for Limit {
    fn from(limit: Duration) -> Self {
        Self { running: limit, ended: limit }
    }
}

/// A release that is there and well.
#[derive(Debug)]
pub(crate) struct Proved {
    /// The machine.
    pub(crate) machine: Machine,
    /// What the service says of itself, where it had to say something.
    pub(crate) version: Option<Version>,
    /// Its rows and its room; none where they were not known before either, and are not answered now.
    pub(crate) status: Option<Status>,
}

impl Proved {
    /// `machine 148e21 serves 0123456789ab`.
    pub(crate) fn serves(&self) -> String {
        let commit = self.version.as_ref().map_or("", |version| &version.commit);
        format!("machine {} serves {}", self.machine.id, image::short(commit))
    }

    /// `12 rows`, of all tables; none where they were not counted.
    pub(crate) fn rows(&self) -> Option<String> {
        Some(text::count(self.status.as_ref()?.rows(), "row"))
    }
}

/// Why a release is not proved.
#[derive(Debug)]
pub(crate) enum Unproved {
    /// It is known not to be well.
    Sick(Sick),
    /// What would tell was not answered. It may be well.
    Unknown(Unknown),
    /// We were asked to stop.
    Interrupted,
}

/// A release that is known not to be well.
#[derive(Debug)]
pub(crate) struct Sick {
    /// What was seen.
    pub(crate) message: String,
    /// The exit code of the release, where it ended by itself.
    pub(crate) exit_code: Option<i32>,
}

/// A release of which nobody knows whether it is well.
#[derive(Debug, Clone)]
pub(crate) struct Unknown {
    /// What was asked last, without an answer.
    pub(crate) message: String,
    /// What was read before that.
    pub(crate) seen: Seen,
}

impl Sick {
    /// This was seen, and it has not ended by itself.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit_code: None }
    }
}

impl Unproved {
    /// In a sentence.
    pub(crate) fn message(&self) -> &str {
        match self {
            Self::Sick(sick) => &sick.message,
            Self::Unknown(unknown) => &unknown.message,
            Self::Interrupted => "it was interrupted",
        }
    }
}

/// What stands between a release and its proof at this moment.
#[derive(Debug)]
enum Obstacle {
    /// It is sick, and time does not mend it.
    Final(Sick),
    /// It is not well yet.
    NotYet(Sick),
    /// A question was not answered.
    Unread(String),
}

impl From<Failure> for Obstacle {
    fn from(failure: Failure) -> Self {
        Self::Unread(failure.message)
    }
}

/// How a proof goes on: what came of the looks so far.
#[derive(Debug)]
struct Watch {
    limit: Limit,
    /// How long answers are waited for.
    patience: Duration,
    /// Bad looks in a row.
    bad: u32,
    backoff: Backoff,
    /// Of which update the machine was at first.
    instance: Option<String>,
    /// Whether it was told that the public address does not show it.
    hidden: bool,
    seen: Seen,
}

impl Watch {
    fn new(limit: Limit, patience: Duration) -> Self {
        let (backoff, seen) = (Backoff::new(), Seen::default());
        Self { limit, patience, bad: 0, backoff, instance: None, hidden: false, seen }
    }

    /// How long until the next look; or the end, where there is nothing more to wait for after `elapsed`.
    fn after(&mut self, obstacle: Obstacle, elapsed: Duration) -> Result<Duration, Unproved> {
        match obstacle {
            Obstacle::Final(sick) => Err(Unproved::Sick(sick)),
            Obstacle::NotYet(sick) => {
                self.bad += 1;
                self.backoff = Backoff::new();
                let limit = if sick.exit_code.is_some() { self.limit.ended } else { self.limit.running };
                let is_over = elapsed > limit && self.bad >= STEADY;
                if is_over || elapsed > limit + self.patience {
                    return Err(Unproved::Sick(sick));
                }
                Ok(LATER)
            }
            Obstacle::Unread(message) => {
                self.bad = 0;
                if elapsed > self.patience {
                    let asked = text::seconds(elapsed.as_secs_f64().round());
                    let message = format!("{message}, asked again and again for {asked}");
                    return Err(Unproved::Unknown(Unknown { message, seen: self.seen.clone() }));
                }
                Ok(self.backoff.pause().min(self.patience.saturating_sub(elapsed)))
            }
        }
    }
}

impl Shipping<'_> {
    /// Looks until all of it holds, or until the release has not been well for `limit`. Answers that do not come are waited for as long
    /// as a phase may take.
    pub(crate) fn prove(
        &self,
        machine: &MachineId,
        expected: &Expected<'_>,
        limit: impl Into<Limit>,
        interrupt: &Interrupt,
    ) -> Result<Proved, Unproved> {
        let (begun, activity) = (Instant::now(), self.ui.activity());
        let mut watch = Watch::new(limit.into(), self.wait_timeout);
        while !interrupt.is_raised() {
            let obstacle = match self.look(machine, expected, &mut watch, &activity) {
                Ok(proved) => return Ok(proved),
                Err(_) if interrupt.is_raised() => break,
                Err(obstacle) => obstacle,
            };
            if let Obstacle::Unread(message) = &obstacle {
                activity.goes_on(&format!("asking again: {message}"));
            }
            let pause = watch.after(obstacle, begun.elapsed())?;
            self.sleep(pause);
        }
        Err(Unproved::Interrupted)
    }

    /// All of it once, from the beginning.
    fn look(
        &self,
        id: &MachineId,
        expected: &Expected<'_>,
        watch: &mut Watch,
        activity: &Activity<'_>,
    ) -> Result<Proved, Obstacle> {
        activity.goes_on("waiting for good answers");
        let machine = self.read(id, expected, watch)?;
        if machine.state != "started" {
            return Err(self.not_started(&machine));
        }
        let (seeing, hidden) = self.seeing(&machine);
        if let Some(unseen) = hidden.filter(|_| !watch.hidden) {
            watch.hidden = true;
            activity.note(format!("{unseen}; so the service is looked at on its machine"));
        }
        let steady = seeing.steady(&machine, expected, watch)?;
        activity.goes_on("asking what it is");
        let version =
            expected.commit.map(|commit| seeing.version(id, commit, expected.schema)).transpose()?;
        activity.goes_on("counting rows");
        let status = seeing.counted(id, expected)?;
        if let (Some(status), Some(before)) = (&status, expected.rows) {
            refuse_fewer(before, expected.fewer, &status.tables)?;
        }
        // Once more: what was well may have died while it was asked.
        let machine = seeing.read(id, expected, watch)?;
        seeing.goes_on(&machine, &steady)?;
        Ok(Proved { machine, version, status })
    }

    /// The machine, which has given good answers for a while, and of which nothing ended meanwhile.
    fn steady(
        &self,
        first: &Machine,
        expected: &Expected<'_>,
        watch: &mut Watch,
    ) -> Result<Machine, Obstacle> {
        let mut now = first.clone();
        for answers in 0..STEADY {
            if answers > 0 {
                self.sleep(TICK);
            }
            // What the public sees is asked of the service alone.
            if answers > 0 && self.sight == Sight::Machine {
                now = self.read(&first.id, expected, watch)?;
            }
            let look = self.look_at_service(&now);
            watch.seen.service(match &look {
                Look::Good => "the service was well".to_owned(),
                Look::Bad(why) | Look::Unseen(why) => why.clone(),
            });
            match look {
                Look::Good => {}
                Look::Bad(why) => return Err(not_well(first, why)),
                Look::Unseen(why) => return Err(Obstacle::Unread(why)),
            }
        }
        let machine = self.read(&first.id, expected, watch)?;
        self.goes_on(&machine, first)?;
        Ok(machine)
    }

    /// Whether the machine still runs what it ran, and is well.
    fn goes_on(&self, machine: &Machine, earlier: &Machine) -> Result<(), Obstacle> {
        if machine.state != "started" {
            return Err(self.not_started(machine));
        }
        let again = format!("{}/healthz gives no good answer again", self.probe.address());
        if last_end(machine) > last_end(earlier) {
            return Err(not_well(machine, again));
        }
        match self.look_at_service(machine) {
            Look::Good => Ok(()),
            Look::Bad(why) => Err(not_well(machine, why)),
            Look::Unseen(why) => Err(Obstacle::Unread(why)),
        }
    }

    /// What Fly says of the machine now, which has to be the one that is expected.
    fn read(&self, id: &MachineId, expected: &Expected<'_>, watch: &mut Watch) -> Result<Machine, Obstacle> {
        let machines = match self.fly.within(HANGS).machines() {
            Ok(machines) => machines,
            Err(failure) => {
                self.look_meanwhile(&mut watch.seen);
                return Err(failure.into());
            }
        };
        let found = machines.into_iter().find(|machine| machine.id == *id);
        let machine =
            found.ok_or_else(|| Obstacle::Final(Sick::new(format!("machine {id} is not there any more"))))?;
        watch.seen.machine(&machine);
        refuse_other(&machine, expected, &self.fly_toml.volume)?;
        let first = watch.instance.get_or_insert_with(|| machine.instance_id.clone());
        if *first == machine.instance_id {
            return Ok(machine);
        }
        Err(Obstacle::Final(Sick::new(format!(
            "machine {id} was updated by somebody else in the middle: it runs {} now",
            machine.pinned_image().map_or_else(|| "another image".to_owned(), String::from)
        ))))
    }

    /// What the public sees while Fly does not answer.
    pub(super) fn look_meanwhile(&self, seen: &mut Seen) {
        seen.service(match self.probe.health() {
            Health::Good => format!("{}/healthz gave a good answer", self.probe.address()),
            Health::Bad(status) => format!("{}/healthz answered {status}", self.probe.address()),
            Health::Silent(why) => why,
        });
    }

    /// Fly leaves a machine stopped that was stopped before its update: then it is started.
    fn not_started(&self, machine: &Machine) -> Obstacle {
        if let Some(over) = over(machine) {
            return over;
        }
        let asleep = matches!(machine.state.as_str(), "stopped" | "suspended");
        let woken = if asleep { self.fly.wake(&machine.id) } else { Ok(()) };
        let Err(failure) = woken else { return Obstacle::NotYet(Sick::new(is_in_state(machine))) };
        // It may have started and ended before anybody waited for that (`scenarios`, crash_exit0).
        let now = self.fly.machines().ok().and_then(|all| all.into_iter().find(|now| now.id == machine.id));
        now.as_ref().and_then(over).unwrap_or_else(|| Obstacle::NotYet(Sick::new(failure.message)))
    }

    fn version(&self, machine: &MachineId, commit: &str, schema: Option<&str>) -> Result<Version, Obstacle> {
        let version = self.says(machine).map_err(Obstacle::Unread)?;
        let other = |message| Err(Obstacle::Final(Sick::new(message)));
        if version.commit != *commit {
            return other(format!(
                "/version tells of commit {}, and {} was shipped",
                image::short(&version.commit),
                image::short(commit)
            ));
        }
        let Some(schema) = schema else { return Ok(version) };
        for (which, found) in [("declared", &version.schema.declared), ("live", &version.schema.live)] {
            let told = found.as_deref().map_or("unknown", fingerprint::short);
            let shipped = fingerprint::short(schema);
            match found.as_deref().map(|found| fingerprint::likeness(found, schema)) {
                Some(Likeness::Same) => {}
                Some(Likeness::Incomparable) => {
                    return Err(Obstacle::Unread(format!(
                        "/version tells of the {which} schema {told}, by another version of Landfall than {shipped}, which was shipped: they cannot be compared"
                    )));
                }
                Some(Likeness::Other) | None => {
                    return other(format!(
                        "/version tells of the {which} schema {told}, and {shipped} was shipped"
                    ));
                }
            }
        }
        Ok(version)
    }

    /// Its rows. Where there are none to compare them with, they need not be known.
    fn counted(&self, machine: &MachineId, expected: &Expected<'_>) -> Result<Option<Status>, Obstacle> {
        match self.status(machine) {
            Ok(status) => Ok(Some(status)),
            Err(trouble) if expected.rows.is_some() => {
                Err(Obstacle::Unread(format!("its rows were not counted: {}", trouble.message)))
            }
            Err(trouble) => {
                self.ui.note(format!("its rows were not counted: {}", trouble.message));
                Ok(None)
            }
        }
    }
}

fn refuse_other(machine: &Machine, expected: &Expected<'_>, mounted_at: &PathThere) -> Result<(), Obstacle> {
    let other = |message| Err(Obstacle::Final(Sick::new(message)));
    let (id, image) = (&machine.id, machine.pinned_image());
    if let (Some(wanted), Some(found)) = (expected.image, &image)
        && !is_same_image(wanted, found)
    {
        return other(format!("machine {id} runs {found}, and {wanted} was shipped"));
    }
    let volume = machine.volume_at(mounted_at);
    if let Some(wanted) = expected.volume
        && volume.as_deref() != Some(wanted)
    {
        let found = volume.map_or_else(|| "no volume".to_owned(), |volume| format!("volume {volume}"));
        return other(format!("machine {id} has {found} at {mounted_at}, and the data is on {wanted}"));
    }
    Ok(())
}

/// Fewer rows than before are a loss unless it is known why.
fn refuse_fewer(earlier: &[TableRows], fewer: &[String], now: &[TableRows]) -> Result<(), Obstacle> {
    let rows = |table: &str| now.iter().find(|t| t.table.eq_ignore_ascii_case(table)).map(|t| t.rows);
    for TableRows { table, rows: before } in earlier {
        if fewer.iter().any(|known| known.eq_ignore_ascii_case(table)) {
            continue;
        }
        let now = rows(table);
        if now.unwrap_or(0) < *before {
            let now = now
                .map_or_else(|| "is not there".to_owned(), |now| format!("has {}", text::count(now, "row")));
            let table = landfall_engine::written(table);
            let message = format!("table {table} had {} before, and {now} now", text::count(*before, "row"));
            return Err(Obstacle::Final(Sick::new(message)));
        }
    }
    Ok(())
}

/// Why a machine is not well that runs: `why` is what the service showed.
fn not_well(machine: &Machine, why: String) -> Obstacle {
    // One that ends each time it starts is found running now and then: why it ended is why it gives no answer.
    let Some(exit) = machine.ended() else { return Obstacle::NotYet(Sick::new(why)) };
    let ended = ended(machine, &exit);
    Obstacle::NotYet(Sick { message: format!("{}, and since then {why}", ended.message), ..ended })
}

/// What ended on a machine.
fn over(machine: &Machine) -> Option<Obstacle> {
    let exit = machine.ended()?;
    let sick = ended(machine, &exit);
    Some(if is_final(&exit) { Obstacle::Final(sick) } else { Obstacle::NotYet(sick) })
}

fn is_in_state(machine: &Machine) -> String {
    format!("machine {} is {}", machine.id, machine.state)
}

fn is_final(exit: &Exit) -> bool {
    FINAL.contains(&exit.exit_code)
}

/// When its release ended last. Fly tells of the last events alone: of a release that dies again and again their number stays the same.
fn last_end(machine: &Machine) -> Option<i64> {
    machine.events.iter().filter(|event| event.kind == "exit").map(|event| event.timestamp).max()
}

fn ended(machine: &Machine, exit: &Exit) -> Sick {
    let Exit { exit_code, oom_killed, .. } = exit;
    let memory = if *oom_killed { ": its memory ran out" } else { "" };
    let message =
        format!("on machine {} the release ended by itself with exit code {exit_code}{memory}", machine.id);
    Sick { message, exit_code: Some(*exit_code) }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    fn told(obstacle: Obstacle) -> String {
        match obstacle {
            Obstacle::Final(Sick { message, .. }) => format!("final: {message}"),
            Obstacle::NotYet(Sick { message, .. }) => format!("not yet: {message}"),
            Obstacle::Unread(message) => format!("unread: {message}"),
        }
    }

    fn rows(list: &[(&str, u64)]) -> Vec<TableRows> {
        list.iter().map(|(table, rows)| TableRows { table: (*table).to_owned(), rows: *rows }).collect()
    }

    const LIMIT: Limit = Limit { running: Duration::from_secs(60), ended: Duration::from_secs(15) };
    const PATIENCE: Duration = Duration::from_secs(300);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// What comes of these obstacles, each so many seconds after the beginning.
    fn ends(obstacles: Vec<(u64, Obstacle)>) -> String {
        let mut watch = Watch::new(LIMIT, PATIENCE);
        for (at, obstacle) in obstacles {
            match watch.after(obstacle, seconds(at)) {
                Ok(_) => {}
                Err(Unproved::Sick(sick)) => return format!("sick after {at} s: {}", sick.message),
                Err(Unproved::Unknown(unknown)) => {
                    return format!("unknown after {at} s: {}", unknown.message);
                }
                Err(Unproved::Interrupted) => return "interrupted".to_owned(),
            }
        }
        "goes on".to_owned()
    }

    fn bad() -> Obstacle {
        Obstacle::NotYet(Sick::new("no good answer"))
    }

    fn unread() -> Obstacle {
        Obstacle::Unread("500".to_owned())
    }

    #[test]
    fn what_is_not_answered_is_asked_again_and_is_never_sick() {
        assert_eq!(ends(vec![(0, unread()), (59, unread()), (61, unread()), (299, unread())]), "goes on");
        assert_eq!(
            ends(vec![(0, unread()), (301, unread())]),
            "unknown after 301 s: 500, asked again and again for 5 min 1 s"
        );
    }

    #[test]
    fn it_is_sick_where_it_was_found_so_several_times_in_a_row_after_its_time() {
        assert_eq!(ends(vec![(0, bad()), (1, bad()), (59, bad())]), "goes on");
        assert_eq!(ends(vec![(0, bad()), (1, bad()), (61, bad())]), "sick after 61 s: no good answer");
        assert_eq!(ends(vec![(58, bad()), (61, unread()), (62, bad()), (63, bad())]), "goes on");
        assert_eq!(
            ends(vec![(61, unread()), (62, bad()), (63, bad()), (64, bad())]),
            "sick after 64 s: no good answer"
        );
        let ended = || Obstacle::NotYet(Sick { exit_code: Some(1), ..Sick::new("it ended") });
        assert_eq!(ends(vec![(0, ended()), (1, ended()), (16, ended())]), "sick after 16 s: it ended");
        assert_eq!(ends(vec![(0, Obstacle::Final(Sick::new("other image")))]), "sick after 0 s: other image");
    }

    #[test]
    fn fewer_rows_are_a_loss_unless_it_is_known_why() {
        let before = rows(&[("a", 2), ("b", 5), ("c", 0)]);
        let told = |now: &[(&str, u64)], fewer: &[&str]| {
            let fewer: Vec<_> = fewer.iter().map(|table| (*table).to_owned()).collect();
            refuse_fewer(&before, &fewer, &rows(now)).map_or_else(told, |()| String::new())
        };
        assert_eq!(told(&[("A", 3), ("b", 5)], &[]), "");
        assert_snapshot!(told(&[("a", 1), ("b", 5)], &[]), @"final: table a had 2 rows before, and has 1 row now");
        assert_snapshot!(told(&[("b", 5)], &[]), @"final: table a had 2 rows before, and is not there now");
        assert_eq!(told(&[("b", 5)], &["a"]), "");
    }

    #[test]
    fn a_release_that_refused_is_told_so_where_fly_has_just_started_it_again() {
        let machine: Machine = serde_json::from_value(json!({
            "id": "m", "state": "started", "region": "iad",
            "events": [
                {"type": "exit", "request": {"exit_event": {"exit_code": 3}}},
                {"type": "update"},
            ],
        }))
        .unwrap();
        let Obstacle::NotYet(sick) =
            not_well(&machine, "http://shop/healthz gives no good answer".to_owned())
        else {
            panic!("it may come up")
        };
        assert_eq!(sick.exit_code, Some(3));
        assert_snapshot!(sick.message, @"on machine m the release ended by itself with exit code 3, and since then http://shop/healthz gives no good answer");
    }

    #[test]
    fn another_end_is_seen_where_fly_tells_of_as_many_events_as_before() {
        let machine = |ends: [i64; 2]| -> Machine {
            let events = ends.map(|time| json!({"type": "exit", "timestamp": time}));
            serde_json::from_value(json!({"id": "m", "state": "started", "region": "iad", "events": events}))
                .unwrap()
        };
        assert!(last_end(&machine([3, 2])) > last_end(&machine([2, 1])));
        let none: Machine =
            serde_json::from_value(json!({"id": "m", "state": "started", "region": "iad"})).unwrap();
        assert!(last_end(&machine([2, 1])) > last_end(&none));
        assert!(last_end(&none) <= last_end(&machine([2, 1])), "it is not told any more");
    }

    #[test]
    fn another_image_or_another_volume_is_found_out() {
        let machine: Machine = serde_json::from_value(json!({
            "id": "m", "state": "started", "region": "iad",
            "image_ref": {"registry": "r", "repository": "shop", "digest": "sha256:1"},
            "config": {"mounts": [{"volume": "v", "path": "/data"}]},
        }))
        .unwrap();
        let found = |image, volume| {
            let expected =
                Expected { commit: None, image: Some(image), volume, schema: None, rows: None, fewer: &[] };
            refuse_other(&machine, &expected, &"/data".parse().unwrap()).map_or_else(told, |()| String::new())
        };
        assert_eq!(found("elsewhere/shop@sha256:1", Some("v")), "");
        assert_snapshot!(found("r/shop@sha256:2", None), @"final: machine m runs r/shop@sha256:1, and r/shop@sha256:2 was shipped");
        assert_snapshot!(found("r/shop@sha256:1", Some("w")), @"final: machine m has volume v at /data, and the data is on w");
    }
}
