//! An earlier release with the snapshot of the volume that was taken before the next one: on a volume and a machine of its own,
//! since a machine cannot change its volume. The old machine goes when the new one has proved itself; the old volume stays.

use std::collections::BTreeSet;
use std::process;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use migrate::Interrupt;

use super::{Rollback, Run, Way, kept, verified};
use crate::error::{Error, Kind};
use crate::release::audit::{Kind as Done, Outcome, Recorded};
use crate::release::shipping::Shipping;
use crate::release::shipping::prove::{Expected, Proved};
use crate::release::shipping::ship::Candidate;
use crate::tool::fly::{Failure, Fly, Machine, Volume};

/// Between two looks.
const TICK: Duration = Duration::from_secs(1);
/// How long a volume may take until it can be mounted.
const VOLUME_LIMIT: Duration = Duration::from_secs(600);
/// How often it is tried to take something away.
const TRIES: u32 = 3;

/// A snapshot that is there.
#[derive(Debug)]
pub(super) struct Source {
    /// Its id.
    pub(super) id: String,
    /// When it was taken, as in RFC 3339.
    pub(super) time: String,
}

/// What is made at Fly, found again by what it is: an answer that was lost tells no id.
struct New {
    /// The name of the machine, of which there is no other.
    machine: String,
    /// The volumes that were there before.
    known: BTreeSet<String>,
    /// The name that its volume shares with the old one.
    volume: String,
}

impl New {
    fn machines(&self, fly: &Fly<'_>) -> Result<Vec<Machine>, Failure> {
        Ok(fly.machines()?.into_iter().filter(|machine| machine.name == self.machine).collect())
    }

    fn volumes(&self, fly: &Fly<'_>) -> Result<Vec<Volume>, Failure> {
        let is_new = |volume: &Volume| volume.name == self.volume && !self.known.contains(&volume.id);
        Ok(fly.volumes()?.into_iter().filter(is_new).collect())
    }

    fn destroy(&self, fly: &Fly<'_>) -> Result<(), Failure> {
        self.machines(fly)?.iter().try_for_each(|machine| fly.destroy_machine(&machine.id))?;
        self.volumes(fly)?.iter().try_for_each(|volume| fly.destroy_volume(&volume.id))
    }

    /// The commands that take away what is still there.
    fn left(&self, fly: &Fly<'_>, app: &str) -> Result<Vec<String>, Failure> {
        let machines =
            self.machines(fly)?.into_iter().map(|m| format!("fly machine destroy {} --force", m.id));
        let volumes = self.volumes(fly)?.into_iter().map(|v| format!("fly volumes destroy {} --yes", v.id));
        Ok(machines.chain(volumes).map(|command| format!("{command} -a {app}")).collect())
    }
}

impl Run<'_> {
    /// The snapshot that the first deploy after the release took before it changed anything.
    pub(super) fn source(&self, target: &Recorded) -> Result<Source> {
        let number = target.number;
        let later = self.audit.entries.iter().rev().filter(|recorded| recorded.number > number);
        let taken = later
            .filter_map(|recorded| Some((recorded.entry.snapshot.clone()?, recorded.entry.volume.clone()?)));
        let Some((id, volume)) = taken.into_iter().next() else {
            let message = format!("no deploy after release {number} took a snapshot; nothing was changed");
            return Err(Error::new(Kind::Failed, "production", message)
                .remedy(format!("bring its copy back: cargo xtask rollback {number} --data copy"))
                .into());
        };
        let there = self.shipping.fly.snapshots(&volume)?;
        let found = there.into_iter().find(|snapshot| snapshot.id == id && snapshot.status == "created");
        found.map(|snapshot| Source { id: id.clone(), time: snapshot.created_at }).ok_or_else(|| {
            let message =
                format!("snapshot {id} of volume {volume} is not there any more; nothing was changed");
            Error::new(Kind::Failed, "production", message)
                .remedy(format!("see which there are: fly volumes snapshots list {volume}"))
                .into()
        })
    }

    pub(super) fn snapshot_back(&self, way: &Way<'_>, source: &Source, report: &mut Rollback) -> Result<()> {
        let known = self.shipping.fly.volumes()?.into_iter().map(|volume| volume.id).collect();
        let new = New {
            machine: format!("landfall-{}", unique()),
            known,
            volume: self.shipping.fly_toml.source.clone(),
        };
        match self.cloned(way, source, &new, report) {
            Ok((volume, proved)) => self.moved(way, &volume, &proved, report),
            Err(why) => {
                self.take_away(&new);
                self.back(way, &self.shipping.read_back(), &why, report)
            }
        }
    }

    /// The release on the snapshot, proved, with its volume; the old machine is stopped, and has the release as well.
    fn cloned(
        &self,
        way: &Way<'_>,
        source: &Source,
        new: &New,
        report: &mut Rollback,
    ) -> Result<(String, Proved), String> {
        let Shipping { fly, fly_toml, interrupt, ui, .. } = self.shipping;
        let (begun, old) = (Instant::now(), &way.standing);
        let id = old.machine.id.as_str();
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
        let (region, size) = (old.volume.region.as_str(), old.volume.size_gb);
        let made = fly.create_volume(&new.volume, region, size, Some(&source.id)).map_err(said)?;
        self.wait_for(&made)?;
        report.phases.done(ui, "Volume", begun, format!("{} of snapshot {}", made.id, source.id));
        let begun = Instant::now();
        let asked = fly.clone_machine(id, &new.machine, &made.id, &fly_toml.volume, &old.machine.region);
        let clones = new.machines(fly).map_err(said)?;
        if interrupt.is_raised() {
            return Err("it was interrupted".to_owned());
        }
        // Of a failure that left one the answer alone was lost.
        let Some(clone) = clones.first() else {
            return Err(asked.err().map_or_else(|| "there is no clone of the machine".to_owned(), said));
        };
        report.phases.done(ui, "Machine", begun, format!("{} with volume {}", clone.id, made.id));
        let begun = Instant::now();
        let expected = Expected { volume: Some(&made.id), ..way.expected() };
        let proved = self.shipping.prove(&clone.id, &expected, self.shipping.wait_timeout, interrupt);
        let proved =
            proved.map_err(|unproved| format!("{}{}", unproved.message, self.shipping.log(&clone.id)))?;
        report.phases.done(ui, "Verify", begun, verified(&proved));
        Ok((made.id, proved))
    }

    /// What the clone is made of: image, variables and fly.toml come with it.
    fn ship_onto_stopped(&self, way: &Way<'_>) -> Result<(), String> {
        let env = [kept()];
        let candidate = Candidate { env: &env, ..way.goal.candidate() };
        let shipped =
            self.shipping.ship(&candidate, self.shipping.interrupt).map_err(|error| format!("{error:#}"))?;
        shipped.said.map_err(said)?;
        match shipped.machine {
            Ok(Some(machine)) if machine.instance_id != way.standing.machine.instance_id => Ok(()),
            Ok(_) => Err("`fly deploy` ended well, and updated nothing".to_owned()),
            Err(trouble) => Err(trouble.message),
        }
    }

    fn wait_for(&self, volume: &Volume) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            let volumes = self.shipping.fly.volumes().map_err(said)?;
            let state = volumes.iter().find(|known| known.id == volume.id).map(|known| known.state.as_str());
            match state {
                Some("created") => return Ok(()),
                state if begun.elapsed() > VOLUME_LIMIT => {
                    return Err(format!("volume {} is still {}", volume.id, state.unwrap_or("missing")));
                }
                _ if self.shipping.interrupt.is_raised() => return Err("it was interrupted".to_owned()),
                _ => thread::sleep(TICK),
            }
        }
    }

    /// It serves; what it served before is taken out of its way, and the old data is set aside. Nothing interrupts it.
    fn moved(&self, way: &Way<'_>, volume: &str, proved: &Proved, report: &mut Rollback) -> Result<()> {
        let (begun, never, app) = (Instant::now(), Interrupt::default(), &self.shipping.fly_toml.app);
        let (ui, old, aside) =
            (self.shipping.ui, way.standing.machine.id.as_str(), way.standing.volume.id.clone());
        report.volume = Some(volume.to_owned());
        report.set_aside = vec![aside.clone()];
        let gone = destroyed(&self.shipping.fly.with(&never), old);
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
        ui.note(format!(
            "volume {aside} has what was written since; when nobody needs it any more: fly volumes destroy {aside} -a {app}"
        ));
        Ok(())
    }

    /// What was made for nothing goes again, whatever asks us to stop.
    fn take_away(&self, new: &New) {
        let (never, app) = (Interrupt::default(), &self.shipping.fly_toml.app);
        let fly = self.shipping.fly.with(&never);
        for attempt in 0..TRIES {
            // A request whose answer we did not wait for may still be under way.
            if attempt > 0 {
                thread::sleep(TICK);
            }
            let _ = new.destroy(&fly);
        }
        match new.left(&fly, app) {
            Ok(left) if left.is_empty() => {}
            Ok(left) => {
                self.shipping.ui.note(format!("left at Fly, and in the way: {}", left.join("; ")));
            }
            Err(failure) => self.shipping.ui.note(format!(
                "whether anything was left at Fly is not known ({failure}): fly machine list -a {app}; fly volumes list -a {app}"
            )),
        }
    }
}

/// Destroys a machine, and sees to it that it is gone: an answer may be lost.
fn destroyed(fly: &Fly<'_>, machine: &str) -> Result<(), Failure> {
    let mut last = Ok(());
    for attempt in 0..TRIES {
        if attempt > 0 {
            thread::sleep(TICK);
        }
        last = fly.destroy_machine(machine);
        if fly.machines().is_ok_and(|machines| machines.iter().all(|known| known.id != machine)) {
            return Ok(());
        }
    }
    last
}

fn said(failure: Failure) -> String {
    failure.message
}

/// Of this rollback, and of no other.
fn unique() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:x}{:04x}", now.as_millis(), process::id() & 0xffff)
}
