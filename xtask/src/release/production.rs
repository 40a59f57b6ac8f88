//! Production's machine: found at Fly, asked what it has, and never woken unasked.

use migrate::Live;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::fly_toml::FlyToml;
use crate::tool::fly::{Failure, Fly, Machine, Reason};

/// How long a command may take that only reads, in seconds.
const READING: u64 = 30;

/// What is known of production's machine.
#[derive(Debug)]
pub(crate) enum Production {
    /// The one machine of the group.
    Machine(Box<Machine>),
    /// Fly answered: there is none. What it said, and whether the app is there.
    Absent(String),
    /// There was nobody to ask; why.
    NotAsked(String),
    /// Fly was asked, and what it answered tells nothing: why, and what mends it.
    Unknown(Trouble),
}

/// Why something is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// What happened.
    pub(crate) message: String,
    /// What mends it.
    pub(crate) remedy: String,
}

impl Trouble {
    /// This happened, and this mends it.
    pub(crate) fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { message: message.into(), remedy: remedy.into() }
    }
}

impl From<&Failure> for Trouble {
    fn from(failure: &Failure) -> Self {
        Self::new(failure.message.as_str(), failure.remedy())
    }
}

impl Production {
    /// Looks for it.
    pub(crate) fn find(fly_toml: &FlyToml, fly: &Result<Fly<'_>, Failure>) -> Self {
        let machines = match fly {
            Ok(fly) => fly.machines(),
            Err(failure) => Err(failure.clone()),
        };
        let FlyToml { app, group, .. } = fly_toml;
        match machines {
            Ok(machines) => {
                only(machines.into_iter().filter(|machine| machine.is_in_group(group)).collect(), app)
            }
            Err(failure) => match failure.reason {
                Reason::Missing | Reason::NoToken | Reason::Offline => Self::NotAsked(failure.message),
                Reason::NoApp => Self::Absent(failure.message),
                _ => Self::Unknown(Trouble::from(&failure)),
            },
        }
    }

    /// The machine, where there is one.
    pub(crate) fn machine(&self) -> Option<&Machine> {
        match self {
            Self::Machine(machine) => Some(machine),
            _ => None,
        }
    }
}

fn only(mut machines: Vec<Machine>, app: &str) -> Production {
    match machines.len() {
        0 => Production::Absent(format!("the app {app} has no machine")),
        1 => Production::Machine(Box::new(machines.remove(0))),
        more => {
            let ids: Vec<_> = machines.iter().map(|machine| machine.id.as_str()).collect();
            Production::Unknown(Trouble::new(
                format!("the app {app} has {more} machines ({}), each with data of its own", ids.join(", ")),
                format!("find out which one has the data, before anything else: fly machine list -a {app}"),
            ))
        }
    }
}

/// What an `app` command prints with `--format json`; a refusal has both.
#[derive(Deserialize)]
pub(crate) struct Answered<T> {
    /// What it found.
    pub(crate) report: Option<T>,
    /// Why it failed.
    pub(crate) error: Option<migrate::Error>,
}

/// What an `app` command on the machine answers within so many seconds.
pub(crate) fn answer<T: DeserializeOwned>(
    fly: &Fly<'_>,
    machine: &str,
    command: &str,
    seconds: u64,
) -> Result<Answered<T>, Trouble> {
    let done = fly.exec(machine, command, seconds).map_err(|failure| Trouble::from(&failure))?;
    serde_json::from_str(&done.stdout).map_err(|_| not_ours(machine, command, &done.stderr))
}

/// The report of an `app` command on the machine that only reads.
pub(crate) fn ask<T: DeserializeOwned>(fly: &Fly<'_>, machine: &str, command: &str) -> Result<T, Trouble> {
    match answer(fly, machine, command, READING)? {
        Answered { error: Some(error), .. } => {
            Err(Trouble::new(format!("`{command}` failed on {machine}: {}", error.message), error.remedy))
        }
        Answered { report: Some(report), .. } => Ok(report),
        Answered { .. } => Err(not_ours(machine, command, "")),
    }
}

fn not_ours(machine: &str, command: &str, stderr: &str) -> Trouble {
    let said = stderr.lines().find(|line| !line.trim().is_empty()).unwrap_or("it printed something else");
    Trouble::new(
        format!("`{command}` does not work on {machine}: {said}"),
        "the image there was not made by Landfall: it can be told apart again after the next deploy",
    )
}

/// The live schema, read on the machine.
pub(crate) fn live_schema(fly: &Fly<'_>, machine: &Machine) -> Result<Live, Trouble> {
    ask(fly, &machine.id, "app inspect --format json")
}
