//! A machine that is gone, whose volume is there: the last release, or the one that is named, on a new machine that Fly gives that
//! volume. There is nothing to go back to where it fails; the volume stays as it is.

use std::time::Instant;

use anyhow::Result;
use landfall_engine::Changed;

use super::way::{Back, Goal};
use super::{Rollback, Run, releases, told, verified};
use crate::error::{Error, Kind};
use crate::release::audit::{Kind as Done, Outcome};
use crate::release::image::short;
use crate::release::lock::Lock;
use crate::release::shipping::back::kept;
use crate::release::shipping::prove::Unproved;
use crate::release::shipping::ship::{Candidate, Shipped};
use crate::release::shipping::{Problem, Shipping, earlier};
use crate::release::temporary::look;
use crate::tool::fly::Volume;

impl Run<'_> {
    /// The one volume of an app that has served, and has no machine any more.
    pub(super) fn orphan(&self) -> Result<Option<Volume>> {
        let Shipping { fly_toml, .. } = self.shipping;
        let has_served = self.audit.entries.iter().any(|recorded| recorded.entry.outcome == Outcome::Served);
        if !has_served
            || self
                .shipping
                .asked(|fly| fly.machines())?
                .iter()
                .any(|machine| machine.is_in_group(&fly_toml.group))
        {
            return Ok(None);
        }
        let volumes = self
            .shipping
            .asked(|fly| fly.volumes())?
            .into_iter()
            .filter(|volume| volume.name == fly_toml.source);
        let (aside, mut own): (Vec<_>, Vec<_>) = volumes.partition(|volume| self.audit.has_set_aside(volume));
        if own.len() != 1 || own[0].attached_machine_id.is_some() {
            return Ok(None);
        }
        if let Some(Volume { id, .. }) = aside.first() {
            Problem::refuse(&[Problem::new(
                format!(
                    "{} has no machine, and Fly might give a new one volume {id}, which was set aside",
                    fly_toml.app
                ),
                format!("see what that holds, and how it is removed: {}", look(id)),
            )])?;
        }
        Ok(own.pop())
    }

    pub(super) fn anew(&self, begun: Instant, volume: &Volume, report: &mut Rollback) -> Result<()> {
        let (app, ui) = (&self.shipping.fly_toml.app, self.shipping.ui);
        if self.wanted.data.is_some() {
            let message = format!("{app} has no machine, and the data is on volume {}", volume.id);
            return Err(Error::usage("--data", message)
                .unchanged()
                .remedy("bring a release back onto it first: cargo xtask rollback")
                .into());
        }
        let target = releases::choose(self.audit, app, self.wanted.release.as_deref(), None)?;
        report.to = Some(super::Release::of(target, None));
        report.volume = Some(volume.id.clone());
        let found = format!(
            "release {}, {}, volume {}; there is no machine",
            target.number,
            short(&target.entry.commit),
            volume.id
        );
        report.phases.done(ui, "Preflight", begun, found);
        let release = earlier::recorded(&self.shipping, target)?;
        let goal = Goal { target, release, data: Back::Stays, config: "null\n".to_owned() };
        ui.result(&told::anew(&self.shipping, &goal, volume));
        if self.wanted.dry_run {
            ui.status("Planned", Changed::Nothing.told(&format!("the rollback to {}", goal.release.name())));
            return Ok(());
        }
        let lock = self.lock(target, report)?;
        let ended = self.made(&lock, &goal, volume, report);
        self.shipping.give_back(lock, ended)
    }

    fn made(&self, lock: &Lock, goal: &Goal<'_>, volume: &Volume, report: &mut Rollback) -> Result<()> {
        let (app, ui, name) = (&self.shipping.fly_toml.app, self.shipping.ui, goal.release.name());
        if self.orphan()?.is_none_or(|now| now.id != volume.id) {
            let message = "somebody made a machine just now";
            return Err(Error::new(Kind::Failed, "production", message)
                .unchanged()
                .remedy("see what it runs now: cargo xtask rollback --list")
                .into());
        }
        self.agree_to(&format!("Bring {name} back to {app}, on a new machine with volume {}?", volume.id))?;
        self.confirm(lock)?;
        let begun = Instant::now();
        let inventory = self.shipping.inventory()?;
        self.begins(goal, Done::Rollback, report);
        ui.status("Shipping", format!("{name} to a new machine"));
        let env = [kept()];
        let candidate = Candidate { env: &env, ..goal.candidate() };
        let shipped = match self.shipping.ship(&candidate, self.shipping.interrupt) {
            Ok(shipped) => shipped,
            Err(error) => {
                return self.unmade(goal, &format!("{error:#}"), "there is no machine, as before", report);
            }
        };
        let limit = shipped.limit(self.shipping.wait_timeout);
        let Shipped { said, machine, .. } = shipped;
        let said = said.err().map_or_else(String::new, |failure| format!(" ({failure})"));
        let machine = match machine {
            Ok(Some(machine)) => machine,
            Ok(None) => {
                return self.unmade(
                    goal,
                    &format!("Fly has made none{said}"),
                    "there is no machine, as before",
                    report,
                );
            }
            Err(trouble) => {
                let left = "whether there is a machine now is not known";
                return self.unmade(goal, &format!("{}{said}", trouble.message), left, report);
            }
        };
        report.machine = Some(machine.id.clone());
        report.phases.done(ui, "Ship", begun, format!("machine {}: made", machine.id));
        let begun = Instant::now();
        let expected = goal.expected(&volume.id);
        match self.shipping.prove(&machine.id, &expected, limit, self.shipping.interrupt) {
            Ok(proved) => {
                report.phases.done(ui, "Verify", begun, verified(&proved));
                self.finish(goal, Done::Rollback, &proved, report);
                Ok(())
            }
            Err(unproved) => {
                let (message, log) = (unproved.message(), self.shipping.log(&machine.id));
                let left = match &unproved {
                    Unproved::Unknown(unknown) => format!(
                        "machine {} is there, and whether it is well is not known; {}",
                        machine.id, unknown.seen
                    ),
                    _ => format!("machine {} is there, and is not well", machine.id),
                };
                let beside = self.shipping.left(&inventory, &machine.id);
                let beside: String = beside.iter().map(|line| format!("\n{line}")).collect();
                self.unmade(goal, &format!("{message}{said}{log}"), &format!("{left}{beside}"), report)
            }
        }
    }

    fn unmade(&self, goal: &Goal<'_>, why: &str, left: &str, report: &mut Rollback) -> Result<()> {
        let message = format!("the rollback to {} is not proved: {why}\n{left}", goal.release.name());
        let error = Error::new(Kind::Stranded, "production", message).remedy(
            "see what there is: cargo xtask status; then take another release: cargo xtask rollback --list",
        );
        self.written(goal, (Done::Rollback, Outcome::Stranded), None, &error.to_string(), report);
        Err(error.into())
    }
}
