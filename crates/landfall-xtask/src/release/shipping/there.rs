//! What is at Fly: token, app, machine, volume.

use super::place::{self, Place};
use super::{Problem, Shipping};
use crate::release::audit::Audit;
use crate::tool::fly::{Failure, Reason};

/// What is at Fly.
pub(crate) struct There {
    /// Where a release goes.
    pub(crate) place: Place,
    /// Whether Fly knows the app.
    pub(crate) has_app: bool,
}

impl Shipping<'_> {
    /// Looks, or tells everything that stands against it.
    pub(crate) fn there(&self, audit: &Audit) -> Result<There, Vec<Problem>> {
        let fly_toml = self.fly_toml;
        let machines = match self.asked(|fly| fly.machines()) {
            Ok(machines) => machines,
            Err(failure) if failure.reason == Reason::NoApp => {
                // An app that exists, and that this token is not for, looks the same to most questions.
                return match self.asked(|fly| fly.apps()) {
                    Ok(apps) if apps.iter().any(|app| app.name == fly_toml.app) => Err(problem(&failure)),
                    Ok(_) => Ok(There { place: Place::Nowhere { volume: None }, has_app: false }),
                    Err(failure) => Err(problem(&failure)),
                };
            }
            Err(failure) => return Err(problem(&failure)),
        };
        let volumes = self.asked(|fly| fly.volumes()).map_err(|failure| problem(&failure))?;
        let was_deployed = !machines.is_empty()
            || self.asked(|fly| fly.was_released()).map_err(|failure| problem(&failure))?;
        let place =
            place::find(machines, volumes, fly_toml, was_deployed, |volume| audit.has_set_aside(volume))?;
        Ok(There { place, has_app: true })
    }
}

fn problem(failure: &Failure) -> Vec<Problem> {
    vec![Problem::from(failure)]
}
