//! An earlier release with the snapshot of the volume that was taken before the next one: on a volume and a machine of its own,
//! since a machine cannot change its volume. The old machine goes when the new one has proved itself; the old volume stays.

use std::time::Instant;

use anyhow::Result;
use landfall_engine::Interrupt;

use super::way::{Source, Way};
use super::{Rollback, Run, verified};
use crate::error::{Error, Kind};
use crate::name::{MachineName, VolumeId};
use crate::release::audit::{Kind as Done, Outcome, Recorded};
use crate::release::shipping::Shipping;
use crate::release::shipping::back::kept;
use crate::release::shipping::prove::{Expected, Proved, Sick, Unknown, Unproved};
use crate::release::shipping::seen::Seen;
use crate::release::shipping::ship::Candidate;
use crate::release::temporary::look;
use crate::release::temporary::{Temporary, destroyed};
use crate::release::unique::unique;
use crate::tool::fly::release::NewVolume;
use crate::tool::fly::{Failure, Fly};

/// How often it is tried to mark a volume.
const MARKING: usize = 3;

/// What is said where a new machine is there beside the old one, and nobody knows whether it is well.
#[derive(Debug, Clone, Copy)]
pub(super) struct Both<'a> {
    /// What was tried: `the rollback to 0123456789ab`.
    pub(super) what: &'a str,
    /// What the old one does: `is stopped`.
    pub(super) old: &'a str,
    /// What to type where the new one is not well, and gone.
    pub(super) again: &'a str,
}

impl Run<'_> {
    /// The snapshot that the first deploy after the release took before it changed anything.
    pub(super) fn source(&self, target: &Recorded) -> Result<Source> {
        let number = target.number;
        let later = self.audit.entries.iter().rev().filter(|recorded| recorded.number > number);
        let taken = later
            .filter_map(|recorded| Some((recorded.entry.snapshot.clone()?, recorded.entry.volume.clone()?)));
        let Some((id, volume)) = taken.into_iter().next() else {
            let message = format!("no deploy after release {number} took a snapshot");
            return Err(Error::new(Kind::Failed, "production", message)
                .unchanged()
                .remedy(format!("bring its copy back: cargo xtask rollback {number} --data copy"))
                .into());
        };
        let there = self.shipping.asked(|fly| fly.snapshots(&volume))?;
        let found = there.into_iter().find(|snapshot| snapshot.made() == Some(&id));
        found.map(|snapshot| Source { id: id.clone(), time: snapshot.created_at }).ok_or_else(|| {
            let message = format!("snapshot {id} of volume {volume} is not there any more");
            Error::new(Kind::Failed, "production", message)
                .unchanged()
                .remedy(format!("see which there are: fly volumes snapshots list {volume}"))
                .into()
        })
    }

    pub(super) fn snapshot_back(&self, way: &Way<'_>, source: &Source, report: &mut Rollback) -> Result<()> {
        let known = self.shipping.asked(|fly| fly.volumes())?.into_iter().map(|volume| volume.id).collect();
        let volume = self.shipping.fly_toml.source.clone();
        self.begins(&way.goal, Done::DataBack, report);
        let new = Temporary { machine: MachineName::made("landfall-", &unique()), volume, known };
        match self.cloned(way, source, &new, report) {
            Ok((volume, proved)) => self.moved(way, &volume, &proved, report),
            // The clone may be what serves.
            Err(Unproved::Unknown(unknown)) => {
                let what = format!("the rollback to {}", way.goal.release.name());
                let both = Both { what: &what, old: "is stopped", again: "cargo xtask rollback" };
                self.both_left(way, &unknown, both, report)
            }
            Err(unproved) => {
                let Shipping { fly, fly_toml, ui, .. } = self.shipping;
                new.take_away(fly, &fly_toml.app, "in the way", ui);
                self.not_proved(way, &unproved, report)
            }
        }
    }

    /// Both machines are left as they are.
    pub(super) fn both_left(
        &self,
        way: &Way<'_>,
        unknown: &Unknown,
        Both { what, old, again }: Both<'_>,
        report: &mut Rollback,
    ) -> Result<()> {
        let (app, other) = (&self.shipping.fly_toml.app, &way.standing.machine.id);
        let attempt = way.attempt(what, &unknown.message);
        let new = report.machine.as_deref().unwrap_or_default();
        let look = report.volume.as_ref().map_or_else(|| "cargo xtask status".to_owned(), look);
        let remedy = format!(
            "as soon as Fly answers (https://status.flyio.net), see what there is: fly machine list -a {app}; where machine {new} is well, take \
             away the other one, which {old}, and never its volume: fly machine destroy {other} --force -a {app}; where it is not, take it away: \
             fly machine destroy {new} --force -a {app}; and its volume, which holds the snapshot: {look}; and then: {again}"
        );
        let returned = self.shipping.left_as_it_is(unknown, &way.standing, &attempt, &remedy);
        self.failed(way, &returned, &attempt, report)
    }

    /// The release on the snapshot, proved, with its volume; the old machine is stopped, and has the release as well.
    fn cloned(
        &self,
        way: &Way<'_>,
        source: &Source,
        new: &Temporary,
        report: &mut Rollback,
    ) -> Result<(VolumeId, Proved), Unproved> {
        let Shipping { fly, fly_toml, ui, .. } = self.shipping;
        let (begun, old) = (Instant::now(), &way.standing);
        let id = &old.machine.id;
        ui.status("Stopping", format!("machine {id}"));
        fly.stop(id).map_err(said)?;
        self.ship_onto_stopped(way)?;
        report.phases.done(
            ui,
            "Ship",
            begun,
            format!("machine {id} is stopped, and has {}", way.goal.release.name()),
        );
        let begun = Instant::now();
        let (region, size) = (&old.volume.region, old.volume.size_gb);
        let made = fly
            .create_volume(&NewVolume {
                name: &new.volume,
                region,
                size_gb: size,
                snapshot_retention: fly_toml.snapshot_retention,
                snapshot: Some(&source.id),
                guest: &old.machine.guest(),
            })
            .map_err(said)?;
        fly.wait_for_volume(&made.id).map_err(said)?;
        report.phases.done(ui, "Volume", begun, format!("{} of snapshot {}", made.id, source.id));
        let begun = Instant::now();
        let asked = fly.clone_machine(id, &new.machine, &made.id, &fly_toml.volume, &old.machine.region);
        let proved = self.proved_there(way, new, &made.id, (begun, asked), report)?;
        Ok((made.id, proved))
    }

    /// The new machine, which was `asked` for, proved with its volume.
    pub(super) fn proved_there(
        &self,
        way: &Way<'_>,
        new: &Temporary,
        volume: &VolumeId,
        (begun, asked): (Instant, Result<(), Failure>),
        report: &mut Rollback,
    ) -> Result<Proved, Unproved> {
        let Shipping { interrupt, ui, wait_timeout, .. } = self.shipping;
        let machines = self
            .shipping
            .patiently(wait_timeout, Failure::may_pass, |fly| new.machines(fly))
            .map_err(said)?;
        if interrupt.is_raised() {
            return Err(Unproved::Interrupted);
        }
        // Of a failure that left one the answer alone was lost.
        let Some(machine) = machines.first() else {
            return Err(asked.err().map_or_else(|| sick("there is no new machine"), said));
        };
        let seen = Seen::of(machine);
        report.phases.done(ui, "Machine", begun, format!("{} with volume {volume}", machine.id));
        let begun = Instant::now();
        let expected = Expected { volume: Some(volume), ..way.expected() };
        let proved = match self.shipping.prove(&machine.id, &expected, wait_timeout, interrupt) {
            Ok(proved) => proved,
            Err(Unproved::Sick(Sick { message, exit_code })) => {
                let message = format!("{message}{}", self.shipping.log(&machine.id));
                return Err(Unproved::Sick(Sick { message, exit_code }));
            }
            Err(Unproved::Unknown(unknown)) => {
                report.machine = Some(machine.id.clone());
                report.volume = Some(volume.clone());
                return Err(Unproved::Unknown(Unknown { seen: unknown.seen.or(&seen), ..unknown }));
            }
            Err(interrupted) => return Err(interrupted),
        };
        report.phases.done(ui, "Verify", begun, verified(&proved));
        Ok(proved)
    }

    /// What the clone is made of: image, variables and fly.toml come with it.
    fn ship_onto_stopped(&self, way: &Way<'_>) -> Result<(), Unproved> {
        let env = [kept()];
        let candidate = Candidate { env: &env, ..way.goal.candidate() };
        let shipped = self
            .shipping
            .ship(&candidate, self.shipping.interrupt)
            .map_err(|error| sick(format!("{error:#}")))?;
        shipped.said.map_err(said)?;
        match shipped.machine {
            Ok(Some(machine)) if machine.instance_id != way.standing.machine.instance_id => Ok(()),
            Ok(_) => Err(sick("`fly deploy` ended well, and updated nothing")),
            Err(trouble) => Err(sick(trouble.message)),
        }
    }

    /// It serves; what it served before is taken out of its way, and the old data is set aside. Nothing interrupts it.
    pub(super) fn moved(
        &self,
        way: &Way<'_>,
        volume: &VolumeId,
        proved: &Proved,
        report: &mut Rollback,
    ) -> Result<()> {
        let (begun, never, app) = (Instant::now(), Interrupt::default(), &self.shipping.fly_toml.app);
        let (ui, old, aside) = (self.shipping.ui, &way.standing.machine.id, way.standing.volume.id.clone());
        report.volume = Some(volume.clone());
        report.set_aside = vec![aside.clone()];
        let fly = self.shipping.fly.with(&never);
        if let Err(failure) = marked(&fly, &aside) {
            ui.note(format!(
                "volume {aside} is not marked at Fly as set aside, and only this record knows of it: {failure}\nmark it: \
                 fly volumes update {aside} --snapshot-retention 59 --scheduled-snapshots=false -a {app}"
            ));
        }
        let gone = destroyed(&fly, old);
        if let Err(why) = gone {
            report.served(&way.goal, proved);
            let message = format!(
                "production serves {} on the data of before, and the old machine {old} is still there: {why}\nit must not be started: \
                 it has other data, on volume {aside}",
                way.goal.release.name()
            );
            let remedy =
                format!("take it away, never its volume: fly machine destroy {old} --force -a {app}");
            let error = Error::new(Kind::Stranded, "production", message).remedy(remedy);
            self.written(
                &way.goal,
                (Done::DataBack, Outcome::Served),
                Some(proved),
                &error.to_string(),
                report,
            );
            return Err(error.into());
        }
        report.phases.done(
            ui,
            "Set aside",
            begun,
            format!("machine {old} is gone; volume {aside} stays, with its data"),
        );
        self.finish(&way.goal, Done::DataBack, proved, report);
        ui.note(format!("volume {aside} has what was written since; to see what it holds: {}", look(&aside)));
        Ok(())
    }
}

/// At Fly itself: the record may not reach everybody.
fn marked(fly: &Fly<'_>, volume: &VolumeId) -> Result<(), Failure> {
    (1..MARKING).find_map(|_| fly.mark_set_aside(volume).ok()).map_or_else(|| fly.mark_set_aside(volume), Ok)
}

pub(super) fn said(failure: Failure) -> Unproved {
    sick(failure.message)
}

/// The old machine does not run all the while: what did not go well there is no release that may serve.
pub(super) fn sick(why: impl Into<String>) -> Unproved {
    Unproved::Sick(Sick::new(why))
}
