//! An earlier release in the place of what runs: its image by digest, with its own fly.toml, on the schema as it is, or with its
//! data. What runs is stopped only when all of that is known and approved; and comes back where it fails.

mod anew;
mod copy;
mod elsewhere;
mod ledger;
mod releases;
mod snapshot;
mod told;
mod way;

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use landfall_engine::{Changed, Interrupt, PlannerChoice, Settings, TableRows};
use serde::Serialize;

use self::releases::SetAside;
pub(crate) use self::releases::{Release, Releases};
use self::way::{Back, Goal, Way};
use super::audit::{self, Audit, Kind as Done, Outcome, Recorded};
use super::image::short;
use super::live::Replica;
use super::lock::{Lock, Work};
use super::phase::Phases;
use super::probe::Probe;
use super::production::{Production, Trouble};
use super::shipping::back::{Attempt, Returned, kept};
use super::shipping::earlier::{self};
use super::shipping::place::Place;
use super::shipping::prove::{Expected, Proved, Sick, Unproved};
use super::shipping::ship::Candidate;
use super::shipping::standing::Standing;
use super::shipping::{Problem, Shipping, Sight, permit};
use crate::cli::{self, Data};
use crate::error::{Error, Kind};
use crate::fly_toml::FlyToml;
use crate::name::{AppName, MachineId, Revision, VolumeId};
use crate::project::Project;
use crate::tool::fly::{Fly, Machine, Volume};
use crate::ui::Ui;

/// Between two looks.
const TICK: Duration = Duration::from_millis(500);
/// How long a machine may take to be at rest that dies again and again.
const SETTLING: Duration = Duration::from_secs(10);

/// What to do where nobody knows whether it serves.
const AS_SOON_AS: &str = "as soon as Fly answers (https://status.flyio.net), see what serves: cargo xtask status; where that is not well, \
                          take another release: cargo xtask rollback --list";

/// A rollback as far as it went: the report of its JSON document.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Rollback {
    /// The app on Fly.
    pub(crate) app: String,
    /// The commit that ran before, where it is known.
    pub(crate) from: Option<Revision>,
    /// The release that is brought back.
    pub(crate) to: Option<Release>,
    /// In their order.
    pub(crate) phases: Phases,
    /// Where its data comes from: a file on the volume, or the id of a snapshot; none where the data stays.
    pub(crate) data: Option<String>,
    /// The machine that has it.
    pub(crate) machine: Option<MachineId>,
    /// Its volume.
    pub(crate) volume: Option<VolumeId>,
    /// Volumes that were set aside, and wait for a person.
    pub(crate) set_aside: Vec<VolumeId>,
    /// The commit that production serves now, as far as it is known.
    pub(crate) serves: Option<String>,
    /// The rows of every table afterwards.
    pub(crate) rows: Vec<TableRows>,
}

/// What has served, and which of it production runs now, where Fly tells.
pub(crate) fn list(project: &Project, interrupt: &Interrupt, ui: &Ui) -> Result<Releases> {
    let fly_toml = FlyToml::read(&project.root)?;
    let audit = read(project, &fly_toml.app, interrupt, ui)?;
    let fly = Fly::of(&fly_toml.app, interrupt);
    let production = Production::find(&fly_toml, &fly);
    let told = match &production {
        Production::Machine(_) => None,
        Production::Absent(reason) | Production::NotAsked(reason) => Some(reason),
        Production::Unknown(trouble) => Some(&trouble.message),
    };
    if let Some(reason) = told {
        ui.note(format!("which of them production runs is not known: {reason}"));
    }
    let image = production.machine().and_then(Machine::pinned_image);
    let mut releases = Releases::of(&audit, &fly_toml.app, image.as_deref());
    if let Some(image) = image.filter(|_| releases.releases.iter().all(|known| known.runs == Some(false))) {
        let (app, chain) = (&fly_toml.app, audit::ref_name(&fly_toml.app));
        ui.note(format!(
            "what {app} runs now, {image}, is none of these: no record of it is here or at origin\nin the clone that shipped it: git \
             push origin {chain}"
        ));
    }
    if let (Ok(fly), true) = (&fly, told.is_none()) {
        match fly.volumes() {
            Ok(volumes) => releases.set_aside = set_aside(&volumes, &audit),
            Err(failure) => ui.note(format!("which volumes are set aside is not known: {failure}")),
        }
    }
    Ok(releases)
}

fn set_aside(volumes: &[Volume], audit: &Audit) -> Vec<SetAside> {
    let aside = volumes.iter().filter(|volume| audit.has_set_aside(volume));
    aside
        .map(|Volume { id, region, size_gb, .. }| SetAside {
            volume: id.clone(),
            region: region.clone(),
            size_gb: *size_gb,
        })
        .collect()
}

/// Rolls back; `report` has what was done, also where it fails.
pub(crate) fn run(
    project: &Project,
    wanted: &cli::Rollback,
    interrupt: &Interrupt,
    report: &mut Rollback,
    ui: &Ui,
) -> Result<()> {
    permit::refuse_silence(Work::Rollback, wanted.auto_approve || wanted.dry_run, ui)?;
    let begun = Instant::now();
    // Nothing is planned but a schema in an empty database: no Atlas is needed for it, nor may one that is missing stop it.
    let settings = Settings { planner: PlannerChoice::Builtin, ..project.settings(interrupt) };
    let fly_toml = FlyToml::read(&project.root)?;
    report.app = fly_toml.app.to_string();
    let fly = Fly::of(&fly_toml.app, interrupt)?;
    let shipping = Shipping {
        project,
        fly_toml: &fly_toml,
        fly: &fly,
        probe: Probe::public(&fly_toml.app),
        sight: Sight::Either,
        settings: &settings,
        wait_timeout: wanted.wait_timeout,
        interrupt,
        ui,
    };
    let audit = read(project, &fly_toml.app, interrupt, ui)?;
    Run { shipping, wanted, audit: &audit }.preflight(begun, report)
}

fn read(project: &Project, app: &AppName, interrupt: &Interrupt, ui: &Ui) -> Result<Audit> {
    let audit = audit::read(&project.root, app, interrupt)?;
    if let Some(reason) = &audit.reason {
        ui.note(format!("there may be more releases: {reason}"));
    }
    Ok(audit)
}

/// What every phase has in common.
struct Run<'a> {
    shipping: Shipping<'a>,
    wanted: &'a cli::Rollback,
    audit: &'a Audit,
}

impl Run<'_> {
    fn preflight(mut self, begun: Instant, report: &mut Rollback) -> Result<()> {
        let ui = self.shipping.ui;
        if self.wanted.data == Some(Data::Newest) {
            return self.elsewhere(begun, report);
        }
        if let Some(volume) = self.orphan()? {
            return self.anew(begun, &volume, report);
        }
        let (machine, volume) = self.there()?;
        // Where what runs shows nothing, that may be why it is rolled back.
        self.shipping.sight = self.shipping.sight_of(&machine).unwrap_or(Sight::Machine);
        let target = self.target(&machine)?;
        report.to = Some(Release::of(target, None));
        report.machine = Some(machine.id.clone());
        report.volume = Some(volume.id.clone());
        let found = format!(
            "release {}, {}, machine {} with volume {}",
            target.number,
            short(&target.entry.commit),
            machine.id,
            volume.id
        );
        report.phases.done(ui, "Preflight", begun, found);
        if self.wanted.dry_run {
            return self.go(None, &self.way(machine, volume, target)?, report);
        }
        let lock = self.lock(target, report)?;
        let ended = self.locked(&lock, &machine, target, report);
        self.shipping.give_back(lock, ended)
    }

    fn lock(&self, target: &Recorded, report: &mut Rollback) -> Result<Lock> {
        let commit = &target.entry.commit;
        self.shipping.lock(Work::Rollback, commit, self.wanted.lock_wait, &mut report.phases)
    }

    /// What the lock's last holder did has to be seen.
    fn locked(&self, lock: &Lock, seen: &Machine, target: &Recorded, report: &mut Rollback) -> Result<()> {
        let (machine, volume) = self.there()?;
        if (&machine.id, &machine.instance_id) != (&seen.id, &seen.instance_id) {
            let message = "somebody updated production just now";
            return Err(Error::new(Kind::Failed, "production", message)
                .unchanged()
                .remedy("see what it runs now: cargo xtask rollback --list")
                .into());
        }
        self.go(Some(lock), &self.way(machine, volume, target)?, report)
    }

    /// The machine and its volume, at rest.
    fn there(&self) -> Result<(Machine, Volume)> {
        let Shipping { fly, fly_toml, .. } = self.shipping;
        let begun = Instant::now();
        while begun.elapsed() < SETTLING && fly.machines()?.iter().any(is_moving) {
            thread::sleep(TICK);
        }
        match self.shipping.there(self.audit).map(|there| there.place) {
            Ok(Place::There { machine, volume }) => Ok((*machine, volume)),
            Ok(Place::Nowhere { .. }) => Err(Problem::error(&[Problem::new(
                format!("{} was never deployed: there is nothing to go back from", fly_toml.app),
                "deploy it: cargo xtask deploy --create",
            )])
            .into()),
            Err(problems) => Err(Problem::error(&problems).into()),
        }
    }

    fn target(&self, machine: &Machine) -> Result<&Recorded, Error> {
        let (app, image) = (&self.shipping.fly_toml.app, machine.pinned_image());
        let target = releases::choose(self.audit, app, self.wanted.release.as_deref(), image.as_deref())?;
        let runs = machine.state == "started" && image.is_some_and(|image| earlier::is_of(target, &image));
        if runs && self.wanted.data.is_none() {
            let message = format!("release {} is what production runs now", target.number);
            return Err(Error::new(Kind::Failed, app, message).unchanged().remedy(
                "take another one: cargo xtask rollback --list; or bring its data back: --data copy",
            ));
        }
        Ok(target)
    }

    fn way<'t>(&self, machine: Machine, volume: Volume, target: &'t Recorded) -> Result<Way<'t>> {
        let standing = self.shipping.standing(machine, volume, self.audit);
        let release = earlier::recorded(&self.shipping, target)?;
        let before = earlier::running(&self.shipping, &standing, self.audit)?;
        let data = match self.wanted.data {
            None => Back::Stays,
            Some(Data::Copy) => Back::Copy(Box::new(self.copy(&standing, target, &release)?)),
            Some(Data::Snapshot | Data::Newest) => Back::Snapshot(self.source(target)?),
        };
        let config = self.shipping.machine_config(&standing.machine.id)?;
        let inventory = self.shipping.inventory()?;
        Ok(Way { standing, before, goal: Goal { target, release, data, config }, inventory })
    }

    /// Without a lock nothing is changed.
    fn go(&self, lock: Option<&Lock>, way: &Way<'_>, report: &mut Rollback) -> Result<()> {
        let Shipping { ui, .. } = self.shipping;
        report.from.clone_from(&way.standing.commit);
        report.serves = way.standing.commit.as_ref().map(Revision::to_string);
        report.data = match &way.goal.data {
            Back::Stays => None,
            Back::Copy(copy) => Some(copy.file.to_string()),
            Back::Snapshot(source) => Some(source.id.to_string()),
        };
        let begun = Instant::now();
        let found = self.check(way)?;
        report.phases.done(ui, "Check", begun, found);
        ui.result(&told::steps(&self.shipping, way));
        let Some(lock) = lock else {
            ui.status(
                "Planned",
                Changed::Nothing.told(&format!("the rollback to {}", way.goal.release.name())),
            );
            return Ok(());
        };
        self.agree(way)?;
        self.confirm(lock)?;
        match &way.goal.data {
            Back::Stays => self.image_back(way, report),
            Back::Copy(copy) => self.copy_back(way, copy, report),
            Back::Snapshot(source) => self.snapshot_back(way, source, report),
        }
    }

    /// The last moment at which nothing has been changed.
    fn confirm(&self, lock: &Lock) -> Result<()> {
        lock.confirm()?;
        if self.shipping.interrupt.is_raised() {
            return Err(Error::new(Kind::Interrupted, "", "interrupted").unchanged().into());
        }
        Ok(())
    }

    /// Whether the image fits what it is going to find.
    fn check(&self, way: &Way<'_>) -> Result<String> {
        let (ui, name) = (self.shipping.ui, way.goal.release.name());
        if !matches!(way.goal.data, Back::Stays) {
            return Ok(format!("{name} gets the data that it had"));
        }
        let untold = |reason: &str| {
            ui.note(format!("whether {name} fits the data is seen when it starts: {reason}"));
            format!("{name} starts only where it fits")
        };
        let Some(declared) = &way.goal.release.declared else {
            return Ok(untold("its schema.sql is not known"));
        };
        let live = match &way.standing.live {
            Ok(live) => live,
            Err(Trouble { message, .. }) => return Ok(untold(message)),
        };
        let misfits = Replica::of(live, self.shipping.settings)?.misfits(declared, self.shipping.settings)?;
        if misfits.is_empty() {
            return Ok(format!("{name} fits the schema that production has"));
        }
        let reasons: String = misfits.iter().map(|misfit| format!("\n  {}", misfit.message)).collect();
        let message = format!("{name} does not fit the schema that production has{reasons}");
        let number = way.goal.target.number;
        Err(Error::new(Kind::Refused, "production", message).unchanged()
            .remedy(format!(
                "bring its data back with it: cargo xtask rollback {number} --data copy, or: cargo xtask rollback {number} --data snapshot; \
                 what is lost is told first"
            ))
            .into())
    }

    fn agree(&self, way: &Way<'_>) -> Result<()> {
        let fly_toml = self.shipping.fly_toml;
        let from = way.standing.commit.as_deref().map_or_else(|| "what it has now".to_owned(), short);
        let data = match &way.goal.data {
            Back::Stays => String::new(),
            Back::Copy(copy) => format!(" with its data of {}", copy.time),
            Back::Snapshot(source) => format!(" with its data of {}", source.time),
        };
        let question = format!(
            "Bring {}{data} back to {}, in the place of {from}?",
            way.goal.release.name(),
            fly_toml.app
        );
        self.agree_to(&question)
    }

    fn agree_to(&self, question: &str) -> Result<()> {
        self.shipping.agree(Work::Rollback, self.wanted.auto_approve, question)
    }

    fn image_back(&self, way: &Way<'_>, report: &mut Rollback) -> Result<()> {
        let Shipping { interrupt, ui, .. } = self.shipping;
        let (begun, id) = (Instant::now(), &way.standing.machine.id);
        let counted = self.counted(&way.standing);
        ui.status("Shipping", format!("{} to machine {id}", way.goal.release.name()));
        let candidate = way.goal.candidate();
        let env = [kept()];
        self.begins(&way.goal, Done::Rollback, report);
        let shipped = match self.shipping.ship(&Candidate { env: &env, ..candidate }, interrupt) {
            Ok(shipped) => shipped,
            Err(error) => {
                return self.not_proved(way, &Unproved::Sick(Sick::new(format!("{error:#}"))), report);
            }
        };
        let said = if shipped.said.is_ok() { "updated" } else { "flyctl failed" };
        report.phases.done(ui, "Ship", begun, format!("machine {id}: {said}"));
        let begun = Instant::now();
        let expected = Expected { rows: counted.as_deref(), ..way.expected() };
        match self.shipping.verify(&way.standing.machine, &shipped, &expected) {
            Ok(proved) => {
                report.phases.done(ui, "Verify", begun, verified(&proved));
                self.finish(&way.goal, Done::Rollback, &proved, report);
                Ok(())
            }
            Err(unproved) => self.not_proved(way, &unproved, report),
        }
    }

    /// Its rows. None where they are not known: no release is kept from coming back for that.
    fn counted(&self, standing: &Standing) -> Option<Vec<TableRows>> {
        self.shipping.counted_again(standing).unwrap_or_else(|trouble| {
            self.shipping.ui.note(format!("its rows are not compared: {}", trouble.message));
            None
        })
    }

    /// What ran before comes back, where the rollback is known to have failed.
    fn not_proved(&self, way: &Way<'_>, unproved: &Unproved, report: &mut Rollback) -> Result<()> {
        let begun = Instant::now();
        let what = format!("the rollback to {}", way.goal.release.name());
        let exit_code = if let Unproved::Sick(Sick { exit_code, .. }) = unproved { *exit_code } else { None };
        let attempt = Attempt { exit_code, ..way.attempt(&what, unproved.message()) };
        let before = way.before.as_ref().ok_or("which image ran before is not known");
        let mut returned = match unproved {
            Unproved::Unknown(unknown) => {
                self.shipping.left_as_it_is(unknown, &way.standing, &attempt, AS_SOON_AS)
            }
            _ => self.shipping.go_back(&way.standing, before, &attempt)?,
        };
        if returned.kind == Kind::WentBack {
            "take another release: cargo xtask rollback --list; or mend what runs, and deploy it"
                .clone_into(&mut returned.remedy);
        }
        report.phases.done(
            self.shipping.ui,
            "Back",
            begun,
            returned.state.lines().next().unwrap_or_default(),
        );
        self.failed(way, &returned, &attempt, report)
    }

    /// Written down, and told.
    fn failed(
        &self,
        way: &Way<'_>,
        returned: &Returned,
        attempt: &Attempt<'_>,
        report: &mut Rollback,
    ) -> Result<()> {
        let outcome = if returned.kind == Kind::WentBack { Outcome::WentBack } else { Outcome::Stranded };
        report.serves.clone_from(&returned.serves);
        let error = returned.error(attempt);
        self.written(&way.goal, way.entry(outcome), None, &error.to_string(), report);
        Err(error.into())
    }

    /// Written down before it is done: whoever comes after a death has to know that nobody proved what is there.
    fn begins(&self, goal: &Goal<'_>, done: Done, report: &Rollback) {
        self.written(goal, (done, Outcome::Shipping), None, "", report);
    }

    /// It serves: written down, and told.
    fn finish(&self, goal: &Goal<'_>, done: Done, proved: &Proved, report: &mut Rollback) {
        let begun = Instant::now();
        let Shipping { fly_toml, probe, ui, .. } = &self.shipping;
        report.served(goal, proved);
        let found = self.written(goal, (done, Outcome::Served), Some(proved), "", report);
        report.phases.done(ui, "Record", begun, found);
        ui.status("Rolled back", format!("{} to {}: {}", fly_toml.app, goal.release.name(), probe.address()));
    }
}

impl Rollback {
    /// What production is now.
    fn served(&mut self, goal: &Goal<'_>, proved: &Proved) {
        self.serves = Some(goal.target.entry.commit.to_string());
        self.machine = Some(proved.machine.id.clone());
        self.rows = proved.status.as_ref().map(|status| status.tables.clone()).unwrap_or_default();
    }
}

fn verified(proved: &Proved) -> String {
    let rows = proved.rows().map_or_else(String::new, |rows| format!(", {rows}"));
    format!("{}{rows}", proved.serves())
}

/// Whether it is about to be in another state: also one that dies, and is started again.
fn is_moving(machine: &Machine) -> bool {
    machine.is_changing() || machine.state == "starting"
}
