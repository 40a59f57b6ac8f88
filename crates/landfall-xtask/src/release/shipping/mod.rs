//! How a release comes onto production's machine, how it is proved there, and how the one before comes back.

pub(crate) mod back;
pub(crate) mod data;
pub(crate) mod earlier;
pub(crate) mod fit;
pub(crate) mod inventory;
pub(crate) mod ledger;
mod patience;
pub(crate) mod permit;
pub(crate) mod place;
pub(crate) mod prove;
pub(crate) mod seen;
pub(crate) mod ship;
pub(crate) mod sight;
pub(crate) mod snapshot;
pub(crate) mod standing;
pub(crate) mod there;
pub(crate) mod verify;

use std::time::Duration;

use anyhow::Result;
use landfall_engine::{Interrupt, Settings};

use crate::error::{Error, Kind};
use crate::fly_toml::FlyToml;
use crate::name::MachineId;
use crate::project::Project;
use crate::release::machine_log;
use crate::release::probe::Probe;
use crate::tool::fly::{Failure, Fly, Machine};
use crate::ui::Ui;

/// Something that stands against a deploy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// What was found.
    pub(crate) message: String,
    /// What mends it.
    pub(crate) remedy: String,
    /// Whether a flag or the configuration is wrong, and nothing else.
    pub(crate) is_usage: bool,
}

impl Problem {
    /// Of the world.
    pub(crate) fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { message: message.into(), remedy: remedy.into(), is_usage: false }
    }

    /// Of the configuration, or of a flag.
    pub(crate) fn usage(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { is_usage: true, ..Self::new(message, remedy) }
    }

    /// Nothing, where there is none.
    pub(crate) fn refuse(problems: &[Self]) -> Result<(), Error> {
        if problems.is_empty() { Ok(()) } else { Err(Self::error(problems)) }
    }

    /// All at once, in one error.
    pub(crate) fn error(problems: &[Self]) -> Error {
        let kind = if problems.iter().all(|problem| problem.is_usage) { Kind::Usage } else { Kind::Failed };
        if let [only] = problems {
            return Error::new(kind, "deploy", only.message.as_str())
                .unchanged()
                .remedy(only.remedy.as_str());
        }
        let lines: String =
            problems.iter().map(|p| format!("\n  {}\n    mend it: {}", p.message, p.remedy)).collect();
        let message = format!("{} things stand against it{lines}", problems.len());
        Error::new(kind, "deploy", message).unchanged().remedy("mend them all, then run it again")
    }
}

impl From<&Failure> for Problem {
    fn from(failure: &Failure) -> Self {
        Self::new(failure.message.as_str(), failure.remedy())
    }
}

/// Whether two names are of one image: by digest, which no tag changes.
pub(crate) fn is_same_image(one: &str, other: &str) -> bool {
    let digest = |image: &str| image.split_once('@').map(|(_, digest)| digest.to_owned());
    digest(one) == digest(other)
}

/// From where the service is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// At its public address.
    Public,
    /// By Fly's own health checks, and by commands on the machine.
    Machine,
    /// Nothing ran that could have shown it: whichever of the two does, once it runs.
    Either,
}

/// What shipping has in common, whether it goes forward or back.
pub(crate) struct Shipping<'a> {
    /// The workspace.
    pub(crate) project: &'a Project,
    /// Its fly.toml.
    pub(crate) fly_toml: &'a FlyToml,
    /// Fly.
    pub(crate) fly: &'a Fly<'a>,
    /// The service, as the public reaches it.
    pub(crate) probe: Probe,
    /// From where it is looked at.
    pub(crate) sight: Sight,
    /// What the engine is told.
    pub(crate) settings: &'a Settings,
    /// How long each phase of a deploy may wait: for flyctl, and for answers of Fly.
    pub(crate) wait_timeout: Duration,
    /// The request to stop.
    pub(crate) interrupt: &'a Interrupt,
    /// Who is told.
    pub(crate) ui: &'a Ui,
}

impl Shipping<'_> {
    /// The machine that serves, if there is exactly one.
    fn machine(&self, fly: &Fly<'_>) -> Result<Option<Machine>, Failure> {
        let mut machines = fly.machines()?;
        machines.retain(|machine| machine.is_in_group(&self.fly_toml.group));
        Ok(if machines.len() == 1 { machines.pop() } else { None })
    }

    /// Does something that nobody may stop: half way back is no place to be.
    fn undisturbed<T>(&self, work: impl FnOnce(&Shipping<'_>) -> T) -> T {
        let never = Interrupt::default();
        let (fly, settings) =
            (self.fly.with(&never), Settings { interrupt: never.clone(), ..self.settings.clone() });
        work(&Shipping {
            fly: &fly,
            probe: self.probe.clone(),
            settings: &settings,
            interrupt: &never,
            ..*self
        })
    }

    /// The last lines that a machine logged, for messages.
    pub(crate) fn log(&self, machine: &MachineId) -> String {
        machine_log::told(&self.fly.logs(machine))
    }
}
