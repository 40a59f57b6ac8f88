//! What a volume holds, read on a fork of it by a machine of ours that runs no service: neither the volume nor a machine that has it
//! is touched, and it does not matter whether the service would start. Machine and fork are destroyed on every way out.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use landfall_engine::Interrupt;

use super::audit::Audit;
use super::machine_log;
use super::production::Trouble;
use super::temporary::Temporary;
use super::unique;
use crate::fly_toml::FlyToml;
use crate::name::{Image, MachineId, MachineName, Region, Variable, VolumeId, VolumeName};
use crate::tool::fly::{Failure, Fly, Guest, Machine, NewMachine};
use crate::ui::Ui;

/// Between two looks.
const TICK: Duration = Duration::from_millis(500);
/// How long the machine may take to start: its host may have to pull the image.
const START_LIMIT: Duration = Duration::from_secs(120);
/// What it runs.
const COMMAND: [&str; 2] = ["landfall", "idle"];

/// What the name of such a machine begins with.
pub(crate) const MACHINE: &str = "landfall-reading-";
/// The same of its volume.
pub(crate) const VOLUME: &str = "landfall_reading_";

/// What it takes to read.
pub(crate) struct Reading<'a> {
    /// Fly.
    pub(crate) fly: &'a Fly<'a>,
    /// The workspace's fly.toml.
    pub(crate) fly_toml: &'a FlyToml,
    /// An image of the app, by its tag: `machine run` would add the digest to one that has it.
    pub(crate) image: &'a Image,
    /// The request to stop.
    pub(crate) interrupt: &'a Interrupt,
    /// Who is told.
    pub(crate) ui: &'a Ui,
}

/// The image that a volume is read with: the last one that served, by its tag, else what the machine has.
pub(crate) fn image(audit: &Audit, machine: Option<&Machine>) -> Result<Image, Trouble> {
    let known = audit.newest_tag().cloned().or_else(|| machine?.tagged_image());
    known.ok_or_else(|| {
        Trouble::new(
            "no tag of an image is known that the volume could be read with",
            "deploy once: cargo xtask deploy --unverified (what it replaces is in the snapshot that it takes)",
        )
    })
}

impl Reading<'_> {
    /// Does this with the machine, whose id it gets, while it has a fork of the volume.
    pub(crate) fn of<T>(
        &self,
        volume: &VolumeId,
        region: &Region,
        work: impl FnOnce(&MachineId) -> T,
    ) -> Result<T, Trouble> {
        let unique = unique::brief();
        let made = Made {
            fly: self.fly,
            app: &self.fly_toml.app,
            names: Temporary {
                machine: MachineName::made(MACHINE, &unique),
                volume: VolumeName::made(VOLUME, &unique),
                known: BTreeSet::new(),
            },
            ui: self.ui,
        };
        self.ui.status("Reading", format!("a fork of volume {volume}, on a machine without the service"));
        let machine = self.started(&made.names, volume, region)?;
        Ok(work(&machine))
    }

    fn started(&self, names: &Temporary, volume: &VolumeId, region: &Region) -> Result<MachineId, Trouble> {
        let trouble = |failure: Failure| Trouble::from(&failure);
        let fork = self.fly.fork_volume(volume, &names.volume, region).map_err(trouble)?;
        self.fly.wait_for_volume(&fork.id).map_err(trouble)?;
        let new = NewMachine {
            name: &names.machine,
            image: self.image,
            region,
            volume: &fork.id,
            mounted_at: &self.fly_toml.volume,
            guest: &Guest::small(),
        };
        let env: Vec<_> = self.fly_toml.env.iter().map(|(name, value)| Variable::new(name, value)).collect();
        let id = self.fly.run_machine(&new, &env, &COMMAND).map_err(trouble)?;
        let begun = Instant::now();
        loop {
            let state = self.fly.machines().map_err(trouble)?.into_iter().find(|machine| machine.id == id);
            match state.map(|machine| machine.state) {
                Some(state) if state == "started" => return Ok(id),
                // One that ended has destroyed itself.
                None => return Err(self.ended(&id)),
                Some(state) if begun.elapsed() > START_LIMIT => {
                    let message =
                        format!("{} was still {state} after {} s", names.machine, START_LIMIT.as_secs());
                    return Err(Trouble::new(
                        message,
                        "see https://status.flyio.net, then run the command again",
                    ));
                }
                Some(_) if self.interrupt.is_raised() => {
                    return Err(Trouble::new("interrupted", "run the command again"));
                }
                Some(_) => thread::sleep(TICK),
            }
        }
    }

    fn ended(&self, machine: &MachineId) -> Trouble {
        let log = machine_log::told(&self.fly.logs(machine));
        Trouble::new(
            format!(
                "`{}` of {} ended by itself: the image may be older than it{log}",
                COMMAND.join(" "),
                self.image
            ),
            "deploy once: cargo xtask deploy --unverified (what it replaces is in the snapshot that it takes)",
        )
    }
}

/// What is at Fly because of it, by name: an answer that was lost tells no id.
struct Made<'a> {
    fly: &'a Fly<'a>,
    app: &'a str,
    names: Temporary,
    ui: &'a Ui,
}

impl Drop for Made<'_> {
    fn drop(&mut self) {
        self.names.take_away(self.fly, self.app, "paid for", self.ui);
    }
}
