//! From where production's service is looked at: as the public reaches it; where that cannot be seen from here, by its machine.

use super::patience::ASKING;
use super::{Shipping, Sight, standing};
use crate::name::MachineId;
use crate::release::deployed;
use crate::release::probe::{Health, Version};
use crate::release::production::{self, Trouble};
use crate::tool::fly::{CommandThere, Fly, Machine};

/// What a look at the service showed.
#[derive(Debug)]
pub(super) enum Look {
    /// It is well.
    Good,
    /// It is not; what was seen.
    Bad(String),
    /// Nobody knows; why.
    Unseen(String),
}

impl Shipping<'_> {
    /// Whether the service is well; `machine` is as Fly told of it just now.
    pub(super) fn look_at_service(&self, machine: &Machine) -> Look {
        let address = format!("{}/healthz", self.probe.address());
        if self.sight == Sight::Machine {
            return if machine.passes_its_checks() { Look::Good } else { Look::Bad(checks(machine)) };
        }
        match self.probe.health() {
            Health::Good => Look::Good,
            Health::Bad(_) => Look::Bad(format!("{address} gives no good answer")),
            // Who cannot reach it from here does not know more than Fly, which can.
            Health::Silent(why) if machine.passes_its_checks() => {
                Look::Unseen(format!("Fly's health checks pass, and {why}"))
            }
            Health::Silent(_) => Look::Bad(format!("{address} gives no answer")),
        }
    }

    /// What the service says of itself.
    pub(super) fn says(&self, machine: &MachineId) -> Result<Version, String> {
        match self.sight {
            Sight::Public | Sight::Either => self.probe.version().map_err(|error| format!("{error:#}")),
            Sight::Machine => says_by_machine(self.fly, machine).map_err(|trouble| trouble.message),
        }
    }

    /// From where the release that runs can be seen. What cannot be seen before it is changed could not be proved afterwards.
    pub(crate) fn sight_of(&self, machine: &Machine) -> Result<Sight, Trouble> {
        // What does not run shows nothing, from wherever.
        if machine.state != "started" {
            return Ok(Sight::Either);
        }
        let Err(unseen) = self.seen_in_public(machine) else { return Ok(Sight::Public) };
        let asked = self.patiently(ASKING, Trouble::may_pass, |fly| says_by_machine(fly, &machine.id));
        match asked {
            Ok(_) => {
                self.ui.note(format!("{unseen}; so the service is looked at on its machine"));
                Ok(Sight::Machine)
            }
            Err(Trouble { message, .. }) => Err(Trouble::new(
                format!("production cannot be seen from here: {unseen}; and on its machine: {message}"),
                "set LANDFALL_URL to its public address, or unset it; to deploy where production is down: --unverified",
            )),
        }
    }

    /// The same, which looks at a machine that runs by now from where it can be seen; and why not at the public address.
    pub(super) fn seeing(&self, machine: &Machine) -> (Shipping<'_>, Option<String>) {
        let hidden = if self.sight == Sight::Either { self.hidden(machine) } else { None };
        let sight = match self.sight {
            Sight::Either if hidden.is_some() => Sight::Machine,
            Sight::Either => Sight::Public,
            known => known,
        };
        (Shipping { sight, probe: self.probe.clone(), ..*self }, hidden)
    }

    /// Why the public address does not show the machine, where its own commands do. What answers badly there is no secret.
    fn hidden(&self, machine: &Machine) -> Option<String> {
        if matches!(self.probe.health(), Health::Bad(_)) {
            return None;
        }
        let unseen = self.seen_in_public(machine).err()?;
        says_by_machine(self.fly, &machine.id).is_ok().then_some(unseen)
    }

    /// Whether what answers at the public address is what the machine runs.
    fn seen_in_public(&self, machine: &Machine) -> Result<(), String> {
        let version = self.probe.version().map_err(|error| format!("{error:#}"))?;
        match deployed::revision(machine) {
            Some(label) if version.commit != *label.as_str() => Err(format!(
                "{}/version tells of commit {}, and machine {} runs {}",
                self.probe.address(),
                version.commit.short(),
                machine.id,
                label.short()
            )),
            _ => Ok(()),
        }
    }
}

fn says_by_machine(fly: &Fly<'_>, machine: &MachineId) -> Result<Version, Trouble> {
    let mut version: Version =
        production::ask(fly, machine, &CommandThere::new("landfall version --format json"))?;
    version.schema.live = Some(standing::status(fly, machine)?.schema);
    Ok(version)
}

fn checks(machine: &Machine) -> String {
    let failing = machine.checks.iter().filter(|check| check.status != "passing");
    let failing: Vec<_> = failing.map(|check| format!("{} is {}", check.name, check.status)).collect();
    if failing.is_empty() {
        return format!("machine {} has no health check", machine.id);
    }
    format!("on machine {} not all health checks pass: {}", machine.id, failing.join(", "))
}
