//! What nobody needs any more, perhaps: only a person can tell, so each is told with the command that removes it.

use super::Seen;
use crate::release::check::{Check, fine};
use crate::release::rehearsal;
use crate::text;
use crate::tool::fly::Volume;

impl Seen<'_> {
    /// Volumes and databases that were set aside when data was brought back; none where there are none.
    pub(super) fn set_aside(&self) -> Option<Check> {
        let app = &self.fly_toml.app;
        let known = self.audit.set_aside();
        let is_idle = |volume: &&Volume| known.contains(&volume.id) && volume.attached_machine_id.is_none();
        let volumes: Vec<_> = self.volumes().filter(is_idle).collect();
        let databases = self.status().map_or(&[][..], |status| &status.set_aside);
        let count = volumes.len() + databases.len();
        let volumes = volumes.into_iter().map(|volume| {
            format!("volume {0}, {1} GB: fly volumes destroy {0} -a {app}", volume.id, volume.size_gb)
        });
        let machine = self.production.machine().map_or("", |machine| &machine.id);
        let databases = databases.iter().map(|file| {
            format!(
                "database {0} of {1}, {2}: fly machine exec {machine} 'rm {0}' -a {app}",
                file.file,
                file.time,
                text::size(file.bytes)
            )
        });
        let details = volumes.chain(databases).collect();
        let evidence = format!(
            "{}, from data that was brought back; remove what is not needed",
            text::count(count as u64, "thing")
        );
        (count > 0).then(|| Check { details, ..fine("set aside", evidence) })
    }

    /// Machines and volumes that a rehearsal made; none where there are none.
    pub(super) fn leftovers(&self) -> Option<Check> {
        let app = &self.fly_toml.app;
        let machines = self.machines.as_deref().unwrap_or_default().iter();
        let machines = machines.filter(|machine| machine.name.starts_with(rehearsal::MACHINE));
        let machines = machines
            .map(|machine| format!("machine {0}: fly machine destroy {0} --force -a {app}", machine.id));
        let volumes = self.volumes().filter(|volume| volume.name.starts_with(rehearsal::VOLUME));
        let volumes =
            volumes.map(|volume| format!("volume {0}: fly volumes destroy {0} -a {app}", volume.id));
        let details: Vec<_> = machines.chain(volumes).collect();
        let evidence = format!(
            "{} of rehearsals; where none is under way, remove them",
            text::count(details.len() as u64, "thing")
        );
        (!details.is_empty()).then(|| Check { details, ..fine("leftovers", evidence) })
    }

    fn volumes(&self) -> impl Iterator<Item = &Volume> {
        self.volumes.iter().flatten().flatten()
    }
}
