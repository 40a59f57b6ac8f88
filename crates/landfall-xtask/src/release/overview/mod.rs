//! `status`: what runs where, with which data, and which way back there is. Nothing here changes or wakes anything.

mod backup;
mod data;
mod history;
mod holder;
mod machine;
pub(crate) mod volume;
mod waste;

use anyhow::Result;
use landfall_engine::{Interrupt, TableRows};
use serde::Serialize;

use super::agreement::{self, COMMIT};
use super::audit::{self, Audit, Entry, Outcome, Recorded};
use super::check::{Check, fine, not_read};
use super::deployed::{self, Answer};
use super::doubt;
use super::lock;
use super::probe::{Probe, Schemas};
use super::production::{self, Production, Trouble};
use super::pull;
use super::shipping::earlier;
use super::shipping::snapshot;
use super::shipping::standing::{self, Status};
use crate::error::{Error, Kind};
use crate::fly_toml::FlyToml;
use crate::name::{CommitId, Image, SnapshotId};
use crate::project::Project;
use crate::tool::fly::{Failure, Fly, Machine, Snapshot, Volume};
use crate::ui::Ui;

/// What `status` found: the report of its JSON document.
#[derive(Debug, Serialize)]
pub(crate) struct Overview {
    /// The app on Fly.
    pub(crate) app: String,
    /// Whether there may have been a deploy; false where it is certain that there was none.
    pub(crate) deployed: bool,
    /// The commit that production runs.
    commit: Option<CommitId>,
    /// Its image, by digest.
    image: Option<Image>,
    /// The number of the entry of the audit that has this image.
    release: Option<usize>,
    machine: Option<TheMachine>,
    volume: Option<TheVolume>,
    schema: Schemas,
    /// The rows of every table; none where they were not read.
    rows: Vec<TableRows>,
    /// The latest snapshot of the volume.
    snapshot: Option<TheSnapshot>,
    /// The latest entry of the audit.
    last: Option<Entry>,
    /// The state of the lock; none where it could not be read.
    lock: Option<lock::State>,
    /// Line by line.
    pub(crate) checks: Vec<Check>,
}

#[derive(Debug, Serialize)]
struct TheMachine {
    id: String,
    state: String,
    region: String,
}

#[derive(Debug, Serialize)]
struct TheVolume {
    id: String,
    size_gb: u32,
    /// In bytes; none where the machine did not tell.
    free: Option<u64>,
    /// In bytes.
    total: Option<u64>,
}

#[derive(Debug, Serialize)]
struct TheSnapshot {
    id: String,
    time: String,
}

/// Everything that was asked, with the answers.
struct Seen<'a> {
    fly_toml: &'a FlyToml,
    /// All machines of the app, those of rehearsals too.
    machines: Result<Vec<Machine>, Failure>,
    production: Production,
    /// All volumes of the app; none where there was no use in asking.
    volumes: Option<Result<Vec<Volume>, Failure>>,
    probe: Probe,
    /// `/version`.
    answer: Answer,
    /// Whether `/healthz` is well; none where no machine runs.
    is_well: Option<bool>,
    /// `landfall status` on the machine; none where it cannot be asked.
    status: Option<Result<Status, Trouble>>,
    /// The snapshots of the volume; none where there is none.
    snapshots: Option<Result<Vec<Snapshot>, Failure>>,
    /// The newest copy that was pulled and is still here.
    pulled: Option<pull::Pulled>,
    audit: Audit,
    /// Whether there may have been a deploy.
    deployed: bool,
    /// Whether somebody changes it now.
    at_work: bool,
}

impl Overview {
    /// Whether Fly was asked for the machine, and knew one.
    pub(crate) fn has_machine(&self) -> bool {
        self.machine.is_some()
    }
}

/// Looks at everything.
pub(crate) fn run(project: &Project, interrupt: &Interrupt, ui: &Ui) -> Result<Overview> {
    let fly_toml = FlyToml::read(&project.root)?;
    let fly = Fly::of(&fly_toml.app, interrupt);
    let activity = ui.activity();
    activity.goes_on("reading what git knows");
    let audit = audit::read(&project.root, &fly_toml.app, interrupt)?;
    let lock = lock::status(project, &fly_toml.app, interrupt);
    activity.goes_on("asking production");
    let machines = fly.as_ref().map_err(Failure::clone).and_then(Fly::machines);
    let production = Production::among(&fly_toml, machines.clone());
    let probe = Probe::public(&fly_toml.app);
    let answer = deployed::ask(&production, &probe);
    let sources = deployed::sources(project, &fly_toml.app, &production, &answer, interrupt)?;
    let commit_check = agreement::check(&project.root, &fly_toml.app, &sources, interrupt)?;
    let commit_check = match commit_check {
        None => doubt::of(&project.root, &fly_toml.app, &fly, &production, interrupt)?,
        check => check,
    };
    let is_asked = matches!(production, Production::Absent(_));
    let deployed = commit_check.is_some() || !audit.entries.is_empty() || !is_asked;
    let mut seen = Seen {
        fly_toml: &fly_toml,
        machines,
        production,
        volumes: None,
        probe,
        answer,
        is_well: None,
        status: None,
        snapshots: None,
        pulled: pull::newest(project, &fly_toml.app)?,
        audit,
        deployed,
        at_work: lock.as_ref().is_ok_and(|lock| lock.state == lock::State::Held),
    };
    if let (Ok(fly), true) = (&fly, deployed) {
        seen.ask(fly);
    }
    let mut checks = vec![commit_check.unwrap_or_else(|| seen.no_commit())];
    if deployed {
        checks.extend(seen.lines());
    }
    let (lock_state, lock_check) = holder::line_about(lock);
    checks.push(lock_check);
    checks.extend(seen.set_aside());
    checks.extend(seen.leftovers());
    if interrupt.is_raised() {
        // What was asked last did not answer for that reason alone.
        return Err(Error::new(Kind::Interrupted, "", "interrupted").unchanged().into());
    }
    let commit = sources.into_iter().find_map(|source| source.commit);
    Ok(seen.overview(commit, lock_state, checks))
}

impl Seen<'_> {
    /// What only the one machine and its volume can tell; one that does not run is not woken.
    fn ask(&mut self, fly: &Fly<'_>) {
        if self.machines.is_err() {
            return;
        }
        self.volumes = Some(fly.volumes());
        self.snapshots = self.volume().map(|volume| fly.snapshots(&volume.id));
        if let Some(machine) = self.running() {
            let status = standing::status(fly, &machine.id);
            self.is_well = Some(self.probe.is_well());
            self.status = Some(status);
        }
    }

    /// In the order in which a person asks.
    fn lines(&self) -> Vec<Check> {
        let mut lines = Vec::new();
        if let Some(machine) = self.production.machine() {
            lines.push(self.image(machine));
        }
        lines.extend(self.machine());
        lines.extend(self.place());
        if let Some(volume) = self.volume() {
            lines.push(self.room(volume));
        }
        if let Some(machine) = self.production.machine() {
            lines.extend([self.health(machine), self.schemas(machine), self.rows(machine)]);
        }
        lines.extend(self.backup());
        lines.push(self.last());
        lines
    }

    fn no_commit(&self) -> Check {
        match &self.production {
            Production::NotAsked(reason) => {
                not_read(COMMIT, format!("git knows of none, and Fly was not asked: {reason}"))
            }
            _ => fine(COMMIT, "there is none yet"),
        }
    }

    /// The machine that can be asked.
    fn running(&self) -> Option<&Machine> {
        self.production.machine().filter(|m| m.state == "started" && m.is_reachable())
    }

    /// Why the machine is not asked.
    fn why_not_asked(machine: &Machine) -> String {
        match production::unreachable(machine) {
            Some(trouble) => format!("not asked: {}", trouble.message),
            None => format!("not asked: the machine is {}, and is not woken", machine.state),
        }
    }

    /// The volume of the one machine.
    fn volume(&self) -> Option<&Volume> {
        let machine = self.production.machine()?;
        let volumes = self.volumes.as_ref()?.as_ref().ok()?;
        volumes.iter().find(|volume| volume.attached_machine_id.as_deref() == Some(machine.id.as_str()))
    }

    /// What `landfall status` told.
    fn status(&self) -> Option<&Status> {
        self.status.as_ref()?.as_ref().ok()
    }

    /// The entry of the audit that is about the running image.
    fn release(&self) -> Option<&Recorded> {
        let image = self.production.machine()?.pinned_image()?;
        self.audit.entries.iter().find(|recorded| earlier::is_of(recorded, &image))
    }

    /// The latest entry of a release that served.
    fn served(&self) -> Option<&Recorded> {
        self.audit.entries.iter().find(|recorded| recorded.entry.outcome == Outcome::Served)
    }

    fn overview(&self, commit: Option<CommitId>, lock: Option<lock::State>, checks: Vec<Check>) -> Overview {
        let machine = self.production.machine();
        let disk = self.status().map(|status| status.disk);
        Overview {
            app: self.fly_toml.app.to_string(),
            deployed: self.deployed,
            commit,
            image: machine.and_then(Machine::pinned_image),
            release: self.release().map(|recorded| recorded.number),
            machine: machine.map(|machine| TheMachine {
                id: machine.id.to_string(),
                state: machine.state.clone(),
                region: machine.region.to_string(),
            }),
            volume: self.volume().map(|volume| TheVolume {
                id: volume.id.to_string(),
                size_gb: volume.size_gb,
                free: disk.map(|disk| disk.free),
                total: disk.map(|disk| disk.total),
            }),
            schema: self.fingerprints(),
            rows: self.status().map(|status| status.tables.clone()).unwrap_or_default(),
            snapshot: self
                .snapshot()
                .map(|(id, time)| TheSnapshot { id: id.to_string(), time: time.to_owned() }),
            last: self.audit.entries.first().map(|recorded| recorded.entry.clone()),
            lock,
            checks,
        }
    }

    fn snapshot(&self) -> Option<(&SnapshotId, &str)> {
        snapshot::last(self.snapshots.as_ref()?.as_ref().ok()?)
    }
}
