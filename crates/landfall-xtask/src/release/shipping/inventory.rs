//! All that a deploy could make or change at Fly: machines of every process group, and volumes. What is left over is told.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Shipping;
use crate::name::{MachineId, VolumeId};
use crate::release::temporary::look;
use crate::tool::fly::{Failure, Fly, Machine, Volume};

/// For how long it is asked after an attempt: what matters more was asked before.
const AFTERWARDS: Duration = Duration::from_secs(5);

/// What is there at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Inventory {
    /// Machines that a deploy has made, by their id.
    machines: BTreeMap<MachineId, Known>,
    /// The ids of volumes.
    volumes: Vec<VolumeId>,
}

/// A machine.
#[derive(Debug, Clone)]
struct Known {
    group: String,
    /// Of which update it is.
    instance: String,
    /// Whether it may have data.
    has_volume: bool,
}

impl Inventory {
    /// Of the app, but for machines of rehearsals and consoles, and for volumes that are neither the service's by their `name` nor on
    /// a machine that a deploy has made: no deploy makes those.
    fn of(machines: &[Machine], volumes: &[Volume], name: &str) -> Self {
        let deployed = machines.iter().filter_map(|machine| {
            let config = machine.config();
            let group = config.metadata.get("fly_process_group").cloned()?;
            let (instance, has_volume) = (machine.instance_id.clone(), !config.mounts.is_empty());
            Some((machine.id.clone(), Known { group, instance, has_volume }))
        });
        let machines: BTreeMap<_, _> = deployed.collect();
        let is_on = |volume: &Volume| {
            volume.attached_machine_id.as_ref().is_some_and(|machine| machines.contains_key(machine))
        };
        let volumes = volumes.iter().filter(|volume| volume.name == name || is_on(volume));
        let volumes = volumes.map(|volume| volume.id.clone()).collect();
        Self { machines, volumes }
    }

    fn read(fly: &Fly<'_>, name: &str) -> Result<Self, Failure> {
        Ok(Self::of(&fly.machines()?, &fly.volumes()?, name))
    }

    /// What there is now, and was not, or was another update, beside the machine `own`; each with what to type.
    fn beyond(&self, before: &Self, own: &str, app: &str) -> Vec<String> {
        let others = |known: &Self| {
            let others = known.machines.clone().into_iter();
            others.filter(|(id, _)| id.as_str() != own).collect::<BTreeMap<_, _>>()
        };
        let (now, earlier) = (others(self), others(before));
        let machines = now.iter().filter_map(|(id, known)| known.since(id, earlier.get(id), app));
        let new = self.volumes.iter().filter(|id| !before.volumes.contains(id));
        let volumes = new.map(|id| format!("volume {id} is new; see what it holds: {}", look(id)));
        let gone =
            earlier.iter().filter(|(id, _)| !now.contains_key(*id)).map(|(id, Known { group, .. })| {
                format!("machine {id} of the group {group} is gone: fly machine list -a {app}")
            });
        machines.chain(volumes).chain(gone).collect()
    }
}

impl Known {
    /// What became of it since it was `earlier`.
    fn since(&self, id: &str, earlier: Option<&Self>, app: &str) -> Option<String> {
        let Self { group, instance, has_volume } = self;
        let see = format!("fly machine status {id} -a {app}");
        match earlier {
            None if *has_volume => {
                Some(format!("machine {id} of the group {group} is new, and has a volume: {see}"))
            }
            None => Some(format!(
                "machine {id} of the group {group} is new, without a volume; where nobody needs it: \
                 fly machine destroy {id} --force -a {app}"
            )),
            Some(earlier) if earlier.instance != *instance => {
                Some(format!("machine {id} of the group {group} was updated: {see}"))
            }
            Some(_) => None,
        }
    }
}

impl Shipping<'_> {
    /// What is there now.
    pub(crate) fn inventory(&self) -> Result<Inventory, Failure> {
        self.inventory_within(self.wait_timeout)
    }

    /// What is there beside the machine `own` and was not before, a line each, with what to type; also where that is not known.
    pub(crate) fn left(&self, before: &Inventory, own: &str) -> Vec<String> {
        let app = &self.fly_toml.app;
        match self.undisturbed(|shipping| shipping.inventory_within(AFTERWARDS)) {
            Ok(now) => {
                let left = now.beyond(before, own, app);
                left.into_iter().map(|line| format!("beside that, {line}")).collect()
            }
            Err(failure) => vec![format!(
                "whether anything else was made or changed is not known ({failure}): fly machine list -a {app}; fly volumes list -a {app}"
            )],
        }
    }

    fn inventory_within(&self, limit: Duration) -> Result<Inventory, Failure> {
        let name = &self.fly_toml.source;
        self.patiently(limit, Failure::may_pass, |fly| Inventory::read(fly, name))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn inventory(machines: Value, volumes: Value) -> Inventory {
        let machines: Vec<Machine> = serde_json::from_value(machines).unwrap();
        let volumes: Vec<Volume> = serde_json::from_value(volumes).unwrap();
        Inventory::of(&machines, &volumes, "data")
    }

    fn machine(id: &str, group: &str, instance: &str) -> Value {
        json!({"id": id, "state": "started", "region": "iad", "instance_id": instance, "config": {"metadata": {"fly_process_group": group}}})
    }

    #[test]
    fn all_that_a_deploy_makes_beside_its_machine_is_told() {
        let console = json!({"id": "c", "state": "started", "region": "iad", "config": {}});
        let before = inventory(
            json!([machine("m", "app", "1"), machine("w", "worker", "1"), machine("g", "old", "1")]),
            json!([{"id": "v", "name": "data", "region": "iad"}]),
        );
        let now = inventory(
            json!([
                machine("m", "app", "2"),
                machine("w", "worker", "2"),
                machine("n", "cron", "1"),
                console
            ]),
            json!([{"id": "v", "region": "iad", "name": "data"}, {"id": "u", "region": "iad", "attached_machine_id": "n"}, {"id": "fork", "region": "iad", "name": "fork"}]),
        );
        insta::assert_snapshot!(now.beyond(&before, "m", "shop").join("\n"), @"
        machine n of the group cron is new, without a volume; where nobody needs it: fly machine destroy n --force -a shop
        machine w of the group worker was updated: fly machine status w -a shop
        volume u is new; see what it holds: cargo xtask status --volume u
        machine g of the group old is gone: fly machine list -a shop
        ");
        assert_eq!(before.beyond(&before, "m", "shop"), [] as [String; 0]);
    }
}
