//! Copies beside production's database, on its machine: made, asked about, removed.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use landfall_engine::{Backup, Interrupt};
use serde::Deserialize;

use super::folder::{self, NOTHING};
use crate::error::{Error, Kind};
use crate::name::{MachineId, PathThere};
use crate::release::production::{self, AppError, Trouble};
use crate::text;
use crate::tool::fly::{CommandThere, Fly};
use crate::ui::{Activity, Ui};

/// What stands between the database's name and that of a copy.
const INFIX: &str = ".pull-";
/// Between two looks at how far a copy is. Fly takes a request a second for a machine.
const PAUSE: Duration = Duration::from_secs(2);
/// How often the request to stop is looked at meanwhile.
const TICK: Duration = Duration::from_millis(50);
/// How many looks in a row may fail: a copy of a large database takes longer than a network is well.
const PATIENCE: u32 = 3;
/// How long somebody else may need for a copy that is complete, from its beginning until it is fetched.
const FETCHED_WITHIN: Duration = Duration::from_secs(6 * 3600);

/// Production's machine, as far as copies are concerned.
pub(super) struct Remote<'a> {
    fly: &'a Fly<'a>,
    machine: &'a MachineId,
    db_path: &'a PathThere,
}

/// One of them.
pub(super) struct Copy<'a> {
    fly: &'a Fly<'a>,
    machine: &'a MachineId,
    file: PathThere,
}

/// `landfall backup --list`.
#[derive(Deserialize)]
struct List {
    files: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    file: PathThere,
    state: State,
    bytes: u64,
}

/// `landfall backup FILE --status`, and what `--detach` and `--discard` answer.
#[derive(Deserialize)]
struct Status {
    state: State,
    backup: Option<Backup>,
    error: Option<AppError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Running,
    Done,
    Failed,
    Absent,
}

/// What is done with a copy that a pull finds on the machine.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Removed,
    Stays(&'static str),
}

impl<'a> Remote<'a> {
    pub(super) fn new(fly: &'a Fly<'a>, machine: &'a MachineId, db_path: &'a PathThere) -> Self {
        Self { fly, machine, db_path }
    }

    /// The copy of the pull with this token.
    pub(super) fn copy(&self, token: &str) -> Copy<'a> {
        self.named(self.db_path.beside(&format!("{INFIX}{token}")))
    }

    fn named(&self, file: PathThere) -> Copy<'a> {
        Copy { fly: self.fly, machine: self.machine, file }
    }

    /// Removes what earlier pulls have left. `dead` are the tokens of those that died on this machine.
    ///
    /// # Errors
    /// When it cannot be asked. One that cannot be removed takes room and nothing else, and is told.
    pub(super) fn sweep(&self, dead: &[String], ui: &Ui) -> Result<(), Error> {
        let command = CommandThere::new("landfall backup --list --format json");
        let list: List = production::ask(self.fly, self.machine, &command).map_err(|trouble| {
            if trouble.is_older() {
                let message = format!("the app on machine {} is too old to be pulled from", self.machine);
                return Trouble::new(message, "deploy this one first: cargo xtask deploy");
            }
            trouble
        })?;
        for Listed { file, state, bytes } in list.files {
            match fate(&file, state, dead, SystemTime::now()) {
                Fate::Stays(why) => ui.note(format!("{file} on machine {} stays: {why}", self.machine)),
                Fate::Removed => match self.named(file.clone()).discard() {
                    Ok(()) => {
                        let size = text::size(bytes);
                        ui.status("Removed", format!("{file} ({size}), which an earlier pull had left"));
                    }
                    Err(left) => ui.note(left),
                },
            }
        }
        Ok(())
    }
}

/// Somebody else may be making it, or fetching it.
fn fate(file: &str, state: State, dead: &[String], now: SystemTime) -> Fate {
    let token = file.rsplit_once(INFIX).map_or("", |(_, token)| token);
    let begun = folder::begun(token);
    let is_recent = begun.is_some_and(|begun| now.duration_since(begun).unwrap_or_default() < FETCHED_WITHIN);
    if dead.iter().any(|dead| dead == token) {
        Fate::Removed
    } else if state == State::Running {
        Fate::Stays("another pull is making it")
    } else if is_recent {
        Fate::Stays("another pull, begun less than 6 hours ago, may be fetching it")
    } else {
        Fate::Removed
    }
}

impl Copy<'_> {
    /// Its name there.
    pub(super) fn file(&self) -> &PathThere {
        &self.file
    }

    /// Makes it, in a process of its own there, and waits until it is done.
    pub(super) fn make(
        &self,
        scrub: Option<&str>,
        interrupt: &Interrupt,
        activity: &Activity<'_>,
    ) -> Result<Backup> {
        activity.status("Copying", format!("the database on machine {}", self.machine));
        let command = self.command().and("--detach");
        let command = scrub.iter().fold(command, |command, sql| command.scrubbing(sql.as_bytes()));
        self.ask(command).map_err(Error::from)?;
        let begun = Instant::now();
        let mut failures = 0;
        loop {
            match self.ask(self.command().and("--status")) {
                Ok(Status { state: State::Running, .. }) if begun.elapsed() < FETCHED_WITHIN => failures = 0,
                Ok(status) => return Ok(self.ended(status)?),
                Err(trouble) if failures + 1 == PATIENCE || interrupt.is_raised() => {
                    return Err(Error::from(trouble).into());
                }
                Err(_) => failures += 1,
            }
            let seconds = begun.elapsed().as_secs();
            activity.goes_on(&format!("machine {} has been copying for {seconds} s", self.machine));
            pause(interrupt);
        }
    }

    fn ended(&self, status: Status) -> Result<Backup, Error> {
        let machine = self.machine;
        match status {
            Status { state: State::Done, backup: Some(backup), .. } => Ok(backup),
            Status { error: Some(error), .. } => {
                let message = format!("the copy on machine {machine} failed; it says: {}", error.said());
                // What it left there is removed by us.
                let remedy = "mend what it says, where it is more than an interruption, and pull again: cargo xtask pull";
                Err(Error::new(Kind::Failed, &self.file, message).changed(NOTHING).remedy(remedy))
            }
            Status { state: State::Running, .. } => {
                let hours = FETCHED_WITHIN.as_secs() / 3600;
                let message =
                    format!("machine {machine} has been copying for {hours} hours, and was asked to stop");
                let remedy = format!("see what it does: fly logs --no-tail -a {}", self.fly.app());
                Err(Error::new(Kind::Failed, &self.file, message).changed(NOTHING).remedy(remedy))
            }
            Status { .. } => {
                let message = format!(
                    "the copy on machine {machine} is gone before it was fetched: the machine was started anew, or somebody removed it"
                );
                Err(Error::new(Kind::Failed, &self.file, message)
                    .changed(NOTHING)
                    .remedy("run the command again"))
            }
        }
    }

    /// Removes all of it, also when we were asked to stop. What is told when that fails.
    pub(super) fn discard(&self) -> Result<(), String> {
        // A request of its own, which no signal has stopped before it begins.
        let patient = Interrupt::default();
        let fly = self.fly.with(&patient);
        let asked =
            production::ask::<Status>(&fly, self.machine, &self.command().and("--discard --format json"));
        asked.map(drop).map_err(|trouble| {
            let Self { machine, file, .. } = self;
            format!(
                "{file} is left on machine {machine}: {}; it is removed when the machine starts, and by a later pull",
                trouble.message
            )
        })
    }

    fn ask(&self, command: CommandThere) -> Result<Status, Trouble> {
        production::ask(self.fly, self.machine, &command.and("--format json"))
    }

    fn command(&self) -> CommandThere {
        CommandThere::new("landfall backup").file(&self.file)
    }
}

fn pause(interrupt: &Interrupt) {
    let begun = Instant::now();
    while begun.elapsed() < PAUSE && !interrupt.is_raised() {
        thread::sleep(TICK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_pull_makes_or_may_be_fetching_stays() {
        let now = humantime::parse_rfc3339("2026-08-01T12:00:00Z").unwrap();
        let dead = ["shop-20260801T110000Z-dead".to_owned()];
        let fate = |name: &str, state| fate(&format!("/data/db.pull-{name}"), state, &dead, now);
        let stays = |name: &str, state| fate(name, state) != Fate::Removed;
        assert!(stays("shop-20260701T000000Z-abc", State::Running), "it may take a month");
        assert!(stays("shop-20260801T060001Z-abc", State::Done));
        assert!(stays("shop-20260801T060001Z-abc", State::Failed), "who waits for it wants to know why");
        assert!(stays("shop-20260801T130000Z-abc", State::Done), "the clock there is another");
        assert!(!stays("shop-20260801T060000Z-abc", State::Done));
        assert!(!stays("by-hand", State::Done));
        assert!(!stays("shop-20260801T110000Z-dead", State::Running), "nobody waits for it any more");
    }
}
