//! What is made at Fly and may have to go again: a machine and a volume, found by their names, since an answer that was lost tells
//! no id.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use landfall_engine::Interrupt;

use crate::name::{MachineId, MachineName, VolumeId, VolumeName};
use crate::tool::fly::{Failure, Fly, Machine, Reason, Volume};
use crate::ui::Ui;

/// Between two tries.
const TICK: Duration = Duration::from_secs(1);
/// How often it is tried to take something away.
const TRIES: u32 = 3;

/// A machine with a volume.
#[derive(Debug)]
pub(crate) struct Temporary {
    /// The name of the machine, of which there is no other.
    pub(crate) machine: MachineName,
    /// The name of the volume, which others may have.
    pub(crate) volume: VolumeName,
    /// The volumes that were there before.
    pub(crate) known: BTreeSet<VolumeId>,
}

impl Temporary {
    /// The machines of that name.
    pub(crate) fn machines(&self, fly: &Fly<'_>) -> Result<Vec<Machine>, Failure> {
        Ok(fly.machines()?.into_iter().filter(|machine| machine.name == self.machine).collect())
    }

    fn volumes(&self, fly: &Fly<'_>) -> Result<Vec<Volume>, Failure> {
        let is_ours = |volume: &Volume| volume.name == self.volume && !self.known.contains(&volume.id);
        Ok(fly.volumes()?.into_iter().filter(is_ours).collect())
    }

    /// Takes both away, whatever asks us to stop; what Fly does not let go of is told, with its command. `cost` is why a person
    /// should see to it.
    pub(crate) fn take_away(&self, fly: &Fly<'_>, app: &str, cost: &str, ui: &Ui) {
        let never = Interrupt::default();
        let fly = fly.with(&never);
        for attempt in 0..TRIES {
            // A request whose answer we did not wait for may still be under way.
            if attempt > 0 {
                thread::sleep(TICK);
            }
            // What is still there afterwards is told.
            let _ = self.destroy(&fly);
        }
        match self.left(&fly, app) {
            Ok(left) if left.is_empty() => {}
            Ok(left) => ui.note(format!("left at Fly, with nothing but a copy of production's data, and {cost}: {}", left.join("; "))),
            Err(failure) => ui.note(format!(
                "whether anything was left at Fly is not known ({failure}): fly machine list -a {app}; fly volumes list -a {app}"
            )),
        }
    }

    fn destroy(&self, fly: &Fly<'_>) -> Result<(), Failure> {
        self.machines(fly)?.iter().try_for_each(|machine| fly.destroy_machine(&machine.id))?;
        self.volumes(fly)?.iter().try_for_each(|volume| fly.destroy_volume(&volume.id))
    }

    /// The commands that take away what is still there, or show first what it holds.
    fn left(&self, fly: &Fly<'_>, app: &str) -> Result<Vec<String>, Failure> {
        let destroy = |machine: Machine| format!("fly machine destroy {} --force -a {app}", machine.id);
        let machines = self.machines(fly)?.into_iter().map(destroy);
        let volumes = self.volumes(fly)?.into_iter().map(|volume| look(&volume.id));
        Ok(machines.chain(volumes).collect())
    }
}

/// What shows what a volume holds, and only then how it is removed.
pub(crate) fn look(volume: &VolumeId) -> String {
    format!("cargo xtask status --volume {volume}")
}

/// Destroys a machine, and sees to it that it is gone: an answer may be lost.
pub(crate) fn destroyed(fly: &Fly<'_>, machine: &MachineId) -> Result<(), Failure> {
    let mut last = None;
    for attempt in 0..TRIES {
        if attempt > 0 {
            thread::sleep(TICK);
        }
        let asked = fly.destroy_machine(machine).err();
        last = match fly.machines() {
            Ok(machines) if machines.iter().all(|known| known.id != *machine) => return Ok(()),
            Ok(_) => asked,
            // Where that is all that is known, it is not known to be gone.
            Err(failure) => Some(failure),
        };
    }
    let there = || Failure { reason: Reason::Failed, message: format!("machine {machine} is still there") };
    Err(last.unwrap_or_else(there))
}
