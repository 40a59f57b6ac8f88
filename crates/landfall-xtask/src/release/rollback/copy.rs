//! An earlier release with the copy that the next one's boot made beside the database, before it changed it.

use std::time::{Instant, SystemTime};

use anyhow::Result;

use super::way::Way;
use super::{Rollback, Run, verified};
use crate::error::{Error, Kind};
use crate::name::MachineId;
use crate::release::audit::{Kind as Done, Recorded};
use crate::release::shipping::back::Returned;
use crate::release::shipping::data::{self, Copy};
use crate::release::shipping::earlier::Earlier;
use crate::release::shipping::prove::{Sick, Unproved};
use crate::release::shipping::standing::{File, Standing};

impl Run<'_> {
    /// The copy with the release's data. Of a machine that does not run, a fork of its volume tells which there are.
    pub(super) fn copy(&self, standing: &Standing, target: &Recorded, release: &Earlier) -> Result<Copy> {
        let (Standing { machine, volume, .. }, number) = (standing, target.number);
        let snapshot = format!("cargo xtask rollback {number} --data snapshot");
        let is_later = |copy: &File| time(&copy.time) > time(&target.entry.time);
        let look = |id: &MachineId| self.shipping.copy_of(id, release, is_later);
        let looked = if machine.state == "started" {
            look(&machine.id)
        } else {
            self.shipping.on_a_fork(machine, volume, self.audit, look).and_then(|looked| looked)
        };
        match looked {
            Ok(Some(copy)) => Ok(copy),
            Ok(None) => {
                let message = format!("beside the database is no copy that was made after release {number}");
                Err(Error::new(Kind::Failed, "production", message)
                    .unchanged()
                    .remedy(format!("bring the snapshot back: {snapshot}"))
                    .into())
            }
            Err(trouble) => Err(Error::new(Kind::Failed, "production", trouble.message)
                .unchanged()
                .remedy(format!("{}\nor bring the snapshot back: {snapshot}", trouble.remedy))
                .into()),
        }
    }

    pub(super) fn copy_back(&self, way: &Way<'_>, copy: &Copy, report: &mut Rollback) -> Result<()> {
        let ui = self.shipping.ui;
        let (begun, id, name) = (Instant::now(), &way.standing.machine.id, way.goal.release.name());
        self.begins(&way.goal, Done::DataBack, report);
        ui.status("Restoring", format!("{} of {} on machine {id}, which stops for it", copy.file, copy.time));
        if let Err(unrestored) = self.shipping.restore(id, &copy.file) {
            let why = unrestored.told(&copy.file);
            if unrestored.is_as_it_was {
                return self.not_proved(way, &Unproved::Sick(Sick::new(why)), report);
            }
            return self.ends(
                way,
                &unknown(id, &self.shipping.fly_toml.app, way.goal.target.number),
                &why,
                report,
            );
        }
        report.phases.done(
            ui,
            "Restore",
            begun,
            format!("{} is the database; what it was is set aside", copy.file),
        );
        let begun = Instant::now();
        ui.status("Shipping", format!("{name} to machine {id}; this is not interrupted"));
        match self.shipping.serve_copy(&way.standing, &way.goal.release, copy)? {
            Ok(proved) => {
                report.phases.done(ui, "Verify", begun, verified(&proved));
                self.finish(&way.goal, Done::DataBack, &proved, report);
                Ok(())
            }
            Err(unproved) => {
                self.ends(way, &data::on_copy(copy, &name, &unproved, ""), unproved.message(), report)
            }
        }
    }

    fn ends(&self, way: &Way<'_>, returned: &Returned, why: &str, report: &mut Rollback) -> Result<()> {
        let what = format!("the rollback to {}", way.goal.release.name());
        self.failed(way, returned, &way.attempt(&what, why), report)
    }
}

/// It may still be copying: to ship anything now would stop it.
fn unknown(machine: &str, app: &str, number: usize) -> Returned {
    Returned::stranded(
        format!("production does not serve: machine {machine} was left with `landfall restore`"),
        format!(
            "wait until it has ended: fly machine status {machine} -a {app}; with exit code 0 the copy is in place, and then: \
             cargo xtask rollback {number}; else bring back what ran: cargo xtask rollback --list"
        ),
    )
}

fn time(text: &str) -> Option<SystemTime> {
    humantime::parse_rfc3339(text).ok()
}
