//! A host that is gone: the newest snapshot of its volume on a new volume, which Fly makes on another host, with a machine as the one
//! that cannot be reached any more. What was written since that snapshot stays on the old volume, which is set aside.

use std::time::Instant;

use anyhow::Result;
use landfall_engine::Changed;

use super::releases::choose;
use super::snapshot::{Both, said, sick};
use super::way::{Back, Goal, Source, Way};
use super::{Release, Rollback, Run, told};
use crate::error::{Error, Kind};
use crate::name::{Image, MachineName, Region, VolumeId};
use crate::release::audit::Kind as Done;
use crate::release::image::short;
use crate::release::lock::Lock;
use crate::release::production::{self, Trouble};
use crate::release::shipping::back::Returned;
use crate::release::shipping::prove::{Proved, Unproved};
use crate::release::shipping::standing::Standing;
use crate::release::shipping::{Shipping, earlier, snapshot};
use crate::release::temporary::Temporary;
use crate::release::unique::unique;
use crate::tool::fly::release::NewVolume;
use crate::tool::fly::{Machine, Volume};

/// What a new machine must not do again.
const ONCE: &str = "LANDFALL_CREATE";

impl Run<'_> {
    pub(super) fn elsewhere(&self, begun: Instant, report: &mut Rollback) -> Result<()> {
        let Shipping { fly_toml, ui, .. } = self.shipping;
        let (machine, volume, trouble) = self.unreachable()?;
        let image = machine.pinned_image();
        let target = match (&self.wanted.release, &image) {
            // What ran there, and not the one before.
            (None, Some(image)) => self.audit.entries.iter().find(|recorded| earlier::is_of(recorded, image)),
            _ => None,
        };
        let target = match target {
            Some(target) => target,
            None => choose(self.audit, &fly_toml.app, self.wanted.release.as_deref(), None)?,
        };
        let source = self.newest(&volume)?;
        report.to = Some(Release::of(target, None));
        (report.machine, report.volume) = (Some(machine.id.clone()), Some(volume.id.clone()));
        report.data = Some(source.id.to_string());
        let found = format!(
            "release {}, {}, snapshot {} of volume {}; {}",
            target.number,
            short(&target.entry.commit),
            source.id,
            volume.id,
            trouble.message
        );
        report.phases.done(ui, "Preflight", begun, found);
        let release = earlier::recorded(&self.shipping, target)?;
        let config = self.shipping.machine_config(&machine.id)?;
        let standing =
            Standing { commit: None, machine, volume, live: Err(trouble.clone()), status: Err(trouble) };
        let goal = Goal { target, release, data: Back::Snapshot(source), config };
        let inventory = self.shipping.inventory()?;
        let way = Way { standing, before: None, goal, inventory };
        ui.result(&told::elsewhere(&self.shipping, &way, &self.region(&way.standing.volume)));
        if self.wanted.dry_run {
            let name = way.goal.release.name();
            ui.status("Planned", Changed::Nothing.told(&format!("{name} on another host")));
            return Ok(());
        }
        let image = target.entry.tag.clone().or_else(|| way.standing.machine.tagged_image());
        let image = image.ok_or_else(|| untagged(target.number))?;
        let lock = self.lock(target, report)?;
        let ended = self.moved_elsewhere(&lock, &way, &image, report);
        self.shipping.give_back(lock, ended)
    }

    /// The machine, its volume, and why it cannot be reached.
    fn unreachable(&self) -> Result<(Machine, Volume, Trouble), Error> {
        let Shipping { fly_toml, .. } = self.shipping;
        let app = &fly_toml.app;
        let mut ours = self.shipping.asked(|fly| fly.machines())?;
        ours.retain(|machine| machine.is_in_group(&fly_toml.group));
        let refused = |message: String, remedy: String| {
            Err(Error::new(Kind::Failed, "production", message).unchanged().remedy(remedy))
        };
        let [machine] = ours.as_slice() else {
            let message = format!("the app {app} has not one machine, but {}", ours.len());
            return refused(message, "see what there is: cargo xtask status".to_owned());
        };
        let Some(trouble) = production::unreachable(machine) else {
            let message = format!("the host of machine {} answers", machine.id);
            return refused(
                message,
                "bring a snapshot back there: cargo xtask rollback --data snapshot".to_owned(),
            );
        };
        let has_it = |volume: &Volume| volume.attached_machine_id.as_ref() == Some(&machine.id);
        match self.shipping.asked(|fly| fly.volumes())?.into_iter().find(has_it) {
            Some(volume) => Ok((machine.clone(), volume, trouble)),
            None => refused(
                format!("machine {} has no volume that Fly tells of", machine.id),
                format!("see which there are: fly volumes list -a {app}"),
            ),
        }
    }

    fn newest(&self, volume: &Volume) -> Result<Source, Error> {
        let snapshots = self.shipping.asked(|fly| fly.snapshots(&volume.id))?;
        let last = snapshot::last(&snapshots).ok_or_else(|| {
            let message = format!("volume {} has no snapshot", volume.id);
            Error::new(Kind::Failed, &volume.id, message)
                .unchanged()
                .remedy("its data is on its host alone, which Fly is at: https://status.flyio.net")
        })?;
        Ok(Source { id: last.0.clone(), time: last.1.to_owned() })
    }

    fn region(&self, volume: &Volume) -> Region {
        self.wanted.region.clone().unwrap_or_else(|| volume.region.clone())
    }

    fn moved_elsewhere(
        &self,
        lock: &Lock,
        way: &Way<'_>,
        image: &Image,
        report: &mut Rollback,
    ) -> Result<()> {
        let Shipping { fly, fly_toml, ui, .. } = self.shipping;
        self.agree(way)?;
        self.confirm(lock)?;
        let known = self.shipping.asked(|fly| fly.volumes())?.into_iter().map(|volume| volume.id).collect();
        let new = Temporary {
            machine: MachineName::made("landfall-", &unique()),
            volume: fly_toml.source.clone(),
            known,
        };
        self.begins(&way.goal, Done::DataBack, report);
        let what = format!("the move of {}", way.goal.release.name());
        match self.made_elsewhere(way, image, &new, report) {
            Ok((volume, proved)) => {
                self.moved(way, &volume, &proved, report)?;
                let region = &proved.machine.region;
                if fly_toml.primary_region.as_ref().is_some_and(|primary| primary != region) {
                    ui.note(format!(
                        "its data is in {region} now; write into fly.toml: primary_region = \"{region}\""
                    ));
                }
                Ok(())
            }
            // The new machine may be what serves.
            Err(Unproved::Unknown(unknown)) => {
                let again = "cargo xtask rollback --data newest";
                let both = Both { what: &what, old: "cannot be reached", again };
                self.both_left(way, &unknown, both, report)
            }
            Err(unproved) => {
                new.take_away(fly, &fly_toml.app, "in the way", ui);
                let attempt = way.attempt(&what, unproved.message());
                let returned = Returned::stranded(
                    format!(
                        "production is as it was: the host of machine {} is {}",
                        way.standing.machine.id, way.standing.machine.host_status
                    ),
                    "run it again: cargo xtask rollback --data newest; another place: --region REGION",
                );
                self.failed(way, &returned, &attempt, report)
            }
        }
    }

    /// The release on the snapshot, proved, with its volume.
    fn made_elsewhere(
        &self,
        way: &Way<'_>,
        image: &Image,
        new: &Temporary,
        report: &mut Rollback,
    ) -> Result<(VolumeId, Proved), Unproved> {
        let Shipping { fly, fly_toml, ui, .. } = self.shipping;
        let Back::Snapshot(source) = &way.goal.data else { return Err(sick("no snapshot was chosen")) };
        let (begun, old, region) = (Instant::now(), &way.standing, self.region(&way.standing.volume));
        let guest = old.machine.guest();
        let wanted = NewVolume {
            name: &new.volume,
            region: &region,
            size_gb: old.volume.size_gb,
            snapshot_retention: fly_toml.snapshot_retention,
            snapshot: Some(&source.id),
            guest: &guest,
        };
        let made = fly.create_volume(&wanted).map_err(said)?;
        fly.wait_for_volume(&made.id).map_err(said)?;
        report.phases.done(
            ui,
            "Volume",
            begun,
            format!("{} of snapshot {}, in {region}", made.id, source.id),
        );
        let begun = Instant::now();
        let mut config = fly.machine_config(&old.machine.id).map_err(said)?;
        config["mounts"] = serde_json::json!([{"volume": made.id, "path": fly_toml.volume}]);
        if let Some(env) = config["env"].as_object_mut() {
            env.remove(ONCE);
        }
        let asked = fly.run_machine_as(&new.machine, image, &region, &config);
        let proved = self.proved_there(way, new, &made.id, (begun, asked), report)?;
        Ok((made.id, proved))
    }
}

fn untagged(number: usize) -> Error {
    let message = format!(
        "the tag that the image of release {number} was pushed under is not known, and Fly runs none by digest on a new machine"
    );
    Error::new(Kind::Failed, "production", message)
        .unchanged()
        .remedy("take another release: cargo xtask rollback --list")
}
