//! What nobody needs any more, perhaps: only a person can tell, so each is told with the command that removes it.

use super::Seen;
use crate::name::PathThere;
use crate::release::check::{Check, fine};
use crate::release::temporary::look;
use crate::release::{reading, rehearsal};
use crate::text::{self, shell_word};
use crate::tool::fly::{CommandThere, Volume};

impl Seen<'_> {
    /// Volumes and databases that were set aside when data was brought back; none where there are none.
    pub(super) fn set_aside(&self) -> Option<Check> {
        let app = &self.fly_toml.app;
        let volumes: Vec<_> = self.volumes().filter(|volume| self.audit.has_set_aside(volume)).collect();
        let databases = self.status().map_or(&[][..], |status| &status.set_aside);
        let count = volumes.len() + databases.len();
        let volumes = volumes.into_iter().map(|volume| {
            format!("volume {}, {} GB; see what it holds: {}", volume.id, volume.size_gb, look(&volume.id))
        });
        let machine = self.production.machine().map_or("", |machine| &machine.id);
        let databases = databases.iter().map(|file| {
            let told = format!("database {} of {}, {}", file.file, file.time, text::size(file.bytes));
            // What the machine tells is pasted into a shell here, which hands it to one there.
            match PathThere::parse(&file.file) {
                Some(path) => {
                    let command = CommandThere::new("landfall discard").file(&path).to_string();
                    format!("{told}: fly machine exec {machine} {} -a {app}", shell_word(&command))
                }
                None => told,
            }
        });
        let details = volumes.chain(databases).collect();
        let evidence = format!(
            "{}, from data that was brought back; a person decides what may go",
            text::count(count as u64, "thing")
        );
        (count > 0).then(|| Check { details, ..fine("set aside", evidence) })
    }

    /// Machines and forks that a rehearsal, or a look into a volume, made; none where there are none.
    pub(super) fn leftovers(&self) -> Option<Check> {
        let app = &self.fly_toml.app;
        let machines = self.machines.as_deref().unwrap_or_default().iter();
        let is_ours = |name: &str, made: [&str; 2]| made.iter().any(|begin| name.starts_with(begin));
        let machines =
            machines.filter(|machine| is_ours(&machine.name, [rehearsal::MACHINE, reading::MACHINE]));
        let machines = machines
            .map(|machine| format!("machine {0}: fly machine destroy {0} --force -a {app}", machine.id));
        let volumes =
            self.volumes().filter(|volume| is_ours(&volume.name, [rehearsal::VOLUME, reading::VOLUME]));
        let volumes = volumes.map(|volume| {
            format!("volume {}, a fork of production's; see what it holds: {}", volume.id, look(&volume.id))
        });
        let details: Vec<_> = machines.chain(volumes).collect();
        let evidence = format!(
            "{} of rehearsals and looks; where none is under way, remove them",
            text::count(details.len() as u64, "thing")
        );
        (!details.is_empty()).then(|| Check { details, ..fine("leftovers", evidence) })
    }

    fn volumes(&self) -> impl Iterator<Item = &Volume> {
        self.volumes.iter().flatten().flatten()
    }
}
