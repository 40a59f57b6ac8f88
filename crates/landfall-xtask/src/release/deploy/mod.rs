//! A deploy, phase by phase: everything that can be known beforehand is, then the image goes onto the machine, is proved there, or
//! the one before comes back.

mod first;
mod gate;
mod ledger;
pub(crate) mod machine;
mod preflight;
mod report;

use std::time::Instant;

use anyhow::Result;
use landfall_engine::{Changed, Declared, Interrupt, Settings, TableRows};

use self::gate::Gate;
pub(crate) use self::report::Deploy;
use super::audit::{self, Audit};
use super::deployed;
use super::image::{self, Built, short};
use super::lock::{Lock, Work};
use super::probe::Probe;
use super::pull;
use super::shipping::back::{Attempt, Returned};
use super::shipping::earlier::{self, Earlier};
use super::shipping::fit::Change;
use super::shipping::inventory::Inventory;
use super::shipping::place::Place;
use super::shipping::prove::{Expected, Proved, Sick, Unproved};
use super::shipping::ship::{Candidate, Shipped};
use super::shipping::snapshot::{self, Asked};
use super::shipping::standing::Standing;
use super::shipping::{Problem, Shipping, Sight, permit};
use super::smoke::Smoke;
use super::unique::unique;
use crate::cli;
use crate::environment;
use crate::error::{Error, Kind};
use crate::fly_toml::{self, FlyToml};
use crate::name::{Image, Revision, Tag, Variable, VolumeId};
use crate::project::Project;
use crate::text;
use crate::tool::atlas;
use crate::tool::fly::release::Pushed;
use crate::tool::fly::{Fly, Machine, Volume};
use crate::tool::git;
use crate::ui::Ui;

/// Deploys; `report` has what was done, also where it fails.
pub(crate) fn run(
    project: &Project,
    wanted: &cli::Deploy,
    interrupt: &Interrupt,
    report: &mut Deploy,
    ui: &Ui,
) -> Result<()> {
    refuse_silence(wanted, ui)?;
    let begun = Instant::now();
    let settings = Settings { atlas: atlas::find()?, allow: wanted.hazards(), ..project.settings(interrupt) };
    // Before anything slow: a schema.sql that cannot be read ends it at once.
    let declared = Declared::read(&project.schema, &settings)?;
    let config = fly_toml::text(&project.root)?;
    report.to = image::commit(project, interrupt)?;
    let problems = preflight::here(project, &config, wanted, interrupt, ui)?;
    let fly_toml = match FlyToml::parse(&config) {
        Ok(fly_toml) => fly_toml,
        // The lint has told of it, with all else.
        Err(error) => return Err(Problem::refuse(&problems).err().unwrap_or(error).into()),
    };
    report.app = fly_toml.app.to_string();
    let fly = match Fly::of(&fly_toml.app, interrupt) {
        Ok(fly) => fly,
        Err(failure) => {
            let problems = [problems, vec![Problem::from(&failure)]].concat();
            return Err(Problem::error(&problems).into());
        }
    };
    let problems = [problems, preflight::client(&fly)].concat();
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
    let run = Run { shipping, wanted, declared: &declared, config: &config };
    run.preflight(begun, problems, report)
}

/// A question without anybody to answer it stops before anything is done.
fn refuse_silence(wanted: &cli::Deploy, ui: &Ui) -> Result<(), Error> {
    if wanted.backup && environment::is_ci() {
        let message = "under CI no copy of production is pulled: customers' rows would lie about on a machine that many use";
        return Err(Error::usage("CI", message)
            .remedy("leave --backup out: a snapshot of the volume is taken in any case"));
    }
    permit::refuse_silence(Work::Deploy, wanted.auto_approve || wanted.dry_run, ui)
}

/// What has to be made.
struct Missing {
    /// Whether Fly knows the app already.
    has_app: bool,
    /// The id of a volume that somebody made for it, and nobody used.
    volume: Option<VolumeId>,
}

/// What lets a boot make a database where there is none.
fn may_create() -> Variable {
    Variable::of("LANDFALL_CREATE", "1")
}
/// What every phase has in common.
struct Run<'a> {
    shipping: Shipping<'a>,
    wanted: &'a cli::Deploy,
    declared: &'a Declared,
    config: &'a str,
}

/// Production before, and how to go back to it.
struct Before {
    standing: Standing,
    /// Why there is no way, where there is none.
    earlier: Result<Earlier, String>,
    /// The machine's configuration, as Fly has it.
    config: String,
    /// All that is at Fly.
    inventory: Inventory,
}

impl Run<'_> {
    fn preflight(mut self, begun: Instant, mut problems: Vec<Problem>, report: &mut Deploy) -> Result<()> {
        let ui = self.shipping.ui;
        let audit = self.audit()?;
        let there = match self.shipping.there(&audit) {
            Ok(there) => there,
            Err(more) => {
                problems.extend(more);
                return Err(Problem::error(&problems).into());
            }
        };
        Problem::refuse(&problems)?;
        let commit = short(&report.to);
        match there.place {
            Place::Nowhere { volume } => {
                let found = format!("{commit}, fly.toml; nothing is at Fly yet");
                report.phases.done(ui, "Preflight", begun, found);
                self.first(&Missing { has_app: there.has_app, volume }, report)
            }
            Place::There { machine, volume } => {
                self.shipping.sight = self.sight_of(&machine)?;
                let found = format!(
                    "{commit}, fly.toml, machine {} with volume {} in {}",
                    machine.id, volume.id, machine.region
                );
                report.phases.done(ui, "Preflight", begun, found);
                report.machine = Some(machine.id.clone());
                if self.wanted.dry_run {
                    return self.gated(
                        None,
                        &self.shipping.standing(*machine, volume, &audit),
                        &audit,
                        report,
                    );
                }
                let lock = self.lock(report)?;
                let ended = self.locked(&lock, report);
                self.shipping.give_back(lock, ended)
            }
        }
    }

    /// From where production is looked at.
    fn sight_of(&self, machine: &Machine) -> Result<Sight, Error> {
        match self.shipping.sight_of(machine) {
            Ok(sight) => Ok(sight),
            Err(trouble) if self.wanted.unverified => {
                self.shipping.ui.note(format!("{}; it is looked at on its machine", trouble.message));
                Ok(Sight::Machine)
            }
            Err(trouble) => Err(Problem::error(&[Problem::new(trouble.message, trouble.remedy)])),
        }
    }

    fn audit(&self) -> Result<Audit> {
        let Shipping { project, fly_toml, interrupt, .. } = self.shipping;
        audit::read(&project.root, &fly_toml.app, interrupt)
    }

    fn lock(&self, report: &mut Deploy) -> Result<Lock> {
        self.shipping.lock(Work::Deploy, &report.to, self.wanted.lock_wait, &mut report.phases)
    }

    /// What the lock's last holder did has to be seen, and what was written down of it.
    fn locked(&self, lock: &Lock, report: &mut Deploy) -> Result<()> {
        let audit = self.audit()?;
        let (machine, volume) = self.again(&audit)?;
        self.gated(Some(lock), &self.shipping.standing(machine, volume, &audit), &audit, report)
    }

    fn again(&self, audit: &Audit) -> Result<(Machine, Volume), Error> {
        match self.shipping.there(audit).map(|there| there.place) {
            Ok(Place::There { machine, volume }) => Ok((*machine, volume)),
            Ok(Place::Nowhere { .. }) => {
                let message = "the machine went away just now";
                Err(Error::new(Kind::Failed, "production", message)
                    .unchanged()
                    .remedy("see what is there: cargo xtask status"))
            }
            Err(problems) => Err(Problem::error(&problems)),
        }
    }

    /// From the gate on; without a lock nothing is changed.
    fn gated(
        &self,
        lock: Option<&Lock>,
        standing: &Standing,
        audit: &Audit,
        report: &mut Deploy,
    ) -> Result<()> {
        let Shipping { ui, .. } = self.shipping;
        let begun = Instant::now();
        report.from.clone_from(&standing.commit);
        let is_served = standing.machine.state == "started";
        report.serves = standing.commit.as_ref().filter(|_| is_served).map(Revision::to_string);
        self.refuse_older(standing, audit)?;
        machine::pass(&self.shipping, &standing.machine, self.wanted)?;
        self.tell_secrets();
        let running = earlier::running(&self.shipping, standing, audit)?;
        let running = running.as_ref().and_then(|running| running.declared.as_ref());
        let mut gate = gate::pass(&self.shipping, standing, self.declared, running, self.wanted, report)?;
        if standing.machine.pinned_image().is_none() && !self.wanted.unverified {
            return Err(no_digest(&standing.machine).into());
        }
        report.phases.done(ui, "Gate", begun, gate.found.clone());
        if self.never_served(standing, audit) {
            gate.env.push(may_create());
        }
        let earlier = earlier::proved(&self.shipping, standing, audit)?;
        let Some(lock) = lock else {
            ui.result(&self.told_steps(standing, &gate, &earlier));
            ui.status("Planned", Changed::Nothing.told(&format!("the deploy of {}", short(&report.to))));
            return Ok(());
        };
        self.agree(standing, report)?;
        let (pushed, before) = self.prepared(lock, (standing, earlier), audit, report).map_err(unchanged)?;
        self.ship(&before, &gate, &pushed, report)
    }

    /// What production runs has to be in what is shipped: who deploys from a clone that is behind takes back what others shipped.
    fn refuse_older(&self, standing: &Standing, audit: &Audit) -> Result<()> {
        let Shipping { project, fly_toml, interrupt, .. } = self.shipping;
        let told = standing.commit.as_ref().and_then(Revision::commit).cloned();
        // An image without a label, whose service says nothing, was still written down when it was shipped.
        let told = told.or_else(|| earlier::commit(standing, audit));
        let commit = match told {
            Some(commit) => Some(commit),
            None => deployed::recorded_commit(&project.root, &fly_toml.app, interrupt)?,
        };
        let Some(commit) = &commit else { return Ok(()) };
        if self.wanted.allow_older || git::commits_since(&project.root, commit, interrupt)?.is_some() {
            return Ok(());
        }
        let name = commit.clean().short();
        let (message, remedy) = match deployed::make_available(&project.root, commit, interrupt)? {
            Err(reason) => (
                format!("production runs commit {name}, which cannot be had here: {reason}"),
                "bring it here: git fetch origin".to_owned(),
            ),
            Ok(()) if git::is_shallow(&project.root, interrupt)? => (
                format!(
                    "production runs commit {name}, and this clone is too shallow to tell whether HEAD has it"
                ),
                "bring its history: git fetch --unshallow origin".to_owned(),
            ),
            Ok(()) => (
                format!(
                    "production runs commit {name}, which HEAD does not have: this deploy would take it back"
                ),
                format!("bring it into HEAD: git merge {name}"),
            ),
        };
        Err(Error::usage("--allow-older", message)
            .unchanged()
            .remedy(format!("{remedy}; or deploy without it: --allow-older"))
            .into())
    }

    /// They reach the machine with this release, whoever set them.
    fn tell_secrets(&self) {
        let Shipping { fly_toml, ui, .. } = self.shipping;
        match self.shipping.asked(|fly| fly.secrets()) {
            Ok(secrets) => {
                let waiting: Vec<_> = secrets
                    .iter()
                    .filter(|secret| secret.waits())
                    .map(|secret| secret.name.as_str())
                    .collect();
                if !waiting.is_empty() {
                    ui.note(format!(
                        "this deploy brings secrets to the machine that were set and not deployed: {}",
                        waiting.join(", ")
                    ));
                }
            }
            Err(failure) => ui.note(format!(
                "whether secrets wait for this deploy is not known ({failure}): fly secrets list -a {}",
                fly_toml.app
            )),
        }
    }

    /// All that comes before anything is changed.
    fn prepared(
        &self,
        lock: &Lock,
        (standing, earlier): (&Standing, Result<Earlier, String>),
        audit: &Audit,
        report: &mut Deploy,
    ) -> Result<(Pushed, Before)> {
        let built = self.built(report)?;
        // Fly makes it while the image is on its way.
        let asked = snapshot::ask(&self.shipping, &standing.volume.id)?;
        let pushed = self.pushed(&built, report)?;
        let before = self.backup(&asked, standing.clone(), earlier, report)?;
        lock.confirm()?;
        self.refuse_updated(&before.standing, audit)?;
        Ok((pushed, before))
    }

    /// A machine that a first deploy left behind, with a volume that no release has ever made a database on.
    fn never_served(&self, standing: &Standing, audit: &Audit) -> bool {
        let served = audit.entries.iter().any(|recorded| recorded.entry.outcome == audit::Outcome::Served);
        // What could not be read of the audit may have served.
        self.wanted.create && !served && audit.reason.is_none() && standing.live.is_err()
    }

    fn agree(&self, standing: &Standing, report: &Deploy) -> Result<()> {
        let (app, to) = (&self.shipping.fly_toml.app, short(&report.to));
        let from = standing.commit.as_deref().map_or_else(|| "what it has now".to_owned(), short);
        self.agree_to(&format!("Deploy {to} to {app}, in the place of {from}?"))
    }

    fn agree_to(&self, question: &str) -> Result<()> {
        self.shipping.agree(Work::Deploy, self.wanted.auto_approve, question)
    }

    /// Built, and proved here.
    fn built(&self, report: &mut Deploy) -> Result<Built> {
        let Shipping { project, fly_toml, interrupt, ui, .. } = self.shipping;
        let begun = Instant::now();
        let built = image::build(project, fly_toml, &self.wanted.bases, None, interrupt, ui)?;
        self.refuse_moved(&built, report)?;
        if !self.wanted.no_smoke {
            Smoke { built: &built, project, fly: fly_toml, interrupt }.run(ui)?;
        }
        report.phases.done(ui, "Image", begun, format!("{}, {}", built.tag, text::size(built.size)));
        Ok(built)
    }

    /// In the registry, under a name that nothing else ever has.
    fn pushed(&self, built: &Built, report: &mut Deploy) -> Result<Pushed> {
        let Shipping { project, fly, ui, .. } = self.shipping;
        let begun = Instant::now();
        let label = Tag::made("", &built.commit, &unique());
        let activity = ui.activity();
        activity.goes_on("pushing the image");
        let pushed = fly.push(&project.root, &built.tag, &label)?;
        drop(activity);
        (report.image, report.tag) = (Some(pushed.pinned.clone()), Some(pushed.tag.clone()));
        report.phases.done(ui, "Push", begun, pushed.tag.to_string());
        Ok(pushed)
    }

    /// What was looked at has to be what is shipped: somebody may have committed meanwhile.
    fn refuse_moved(&self, built: &Built, report: &Deploy) -> Result<(), Error> {
        if built.commit == report.to && built.schema == self.declared.fingerprint() {
            return Ok(());
        }
        let message = format!(
            "the work tree changed while it was deployed: {} was checked, and {} was built",
            short(&report.to),
            short(&built.commit)
        );
        Err(Error::new(Kind::Failed, "git", message).unchanged().remedy("run it again"))
    }

    /// A snapshot, always; a pulled copy where it is asked for; and how to go back.
    fn backup(
        &self,
        asked: &Asked<'_>,
        standing: Standing,
        earlier: Result<Earlier, String>,
        report: &mut Deploy,
    ) -> Result<Before> {
        let Shipping { project, interrupt, ui, .. } = self.shipping;
        let begun = Instant::now();
        let config = self.shipping.machine_config(&standing.machine.id)?;
        let activity = ui.activity();
        activity.goes_on("waiting for the snapshot");
        let taken = asked.wait(&self.shipping, self.wanted.snapshot_timeout)?;
        drop(activity);
        report.snapshot = Some(taken.id.clone());
        taken.note.iter().for_each(|note| ui.note(note));
        let mut found = format!("snapshot {} of volume {}", taken.id, standing.volume.id);
        if self.wanted.backup {
            let wanted = pull::Wanted { scrub: false, keep: cli::KEEP };
            let pulled = pull::run(project, &wanted, interrupt, ui)?;
            let file = pulled.file.display().to_string();
            found = format!("{found}, copy {file}");
            report.copy = Some(file);
        }
        report.phases.done(ui, "Backup", begun, found);
        let inventory = self.shipping.inventory()?;
        Ok(Before { standing, earlier, config, inventory })
    }

    /// No lock keeps out whoever uses fly itself: what was looked at has to be what is replaced.
    fn refuse_updated(&self, standing: &Standing, audit: &Audit) -> Result<()> {
        let (machine, volume) = self.again(audit)?;
        if machine.instance_id == standing.machine.instance_id && volume.id == standing.volume.id {
            return Ok(());
        }
        let image = machine.pinned_image().map_or_else(|| "another image".to_owned(), String::from);
        let message = format!(
            "somebody else updated machine {} since the deploy began; it has {image} now",
            machine.id
        );
        Err(Error::new(Kind::Failed, "production", message)
            .unchanged()
            .remedy("ask who it was, then run it again")
            .into())
    }

    fn ship(&self, before: &Before, gate: &Gate, pushed: &Pushed, report: &mut Deploy) -> Result<()> {
        let Shipping { interrupt, ui, .. } = self.shipping;
        let begun = Instant::now();
        let counted =
            self.shipping.counted_again(&before.standing).map_err(Error::from).map_err(unchanged)?;
        let rows = counted.as_deref();
        let fewer = fewer(before.standing.rows(), rows, &gate.dropped);
        let wait = text::seconds(self.shipping.wait_timeout.as_secs_f64());
        ui.status(
            "Shipping",
            format!(
                "{} to machine {}, for {wait} at most a phase",
                short(&report.to),
                before.standing.machine.id
            ),
        );
        let (to, volume) = (report.to.clone(), &before.standing.volume.id);
        let candidate = Candidate { image: &pushed.tag, fly_toml: self.config, env: &gate.env };
        // Whoever comes after a death has to know that nobody proved what is there.
        self.written(Some(volume), &before.config, report, audit::Outcome::Shipping, "");
        let shipped = self.shipping.ship(&candidate, interrupt).map_err(|error| {
            let error = unchanged(error);
            self.written(Some(volume), &before.config, report, audit::Outcome::WentBack, &error.to_string());
            error
        })?;
        let expected = Expected {
            commit: Some(&to),
            image: Some(&pushed.pinned),
            volume: Some(&before.standing.volume.id),
            schema: Some(self.declared.fingerprint()),
            rows,
            fewer: &fewer,
        };
        let said = if shipped.said.is_ok() { "updated" } else { "flyctl failed" };
        report.phases.done(ui, "Ship", begun, format!("machine {}: {said}", before.standing.machine.id));
        match self.verify(before, &shipped, &expected, report) {
            Ok(proved) => {
                self.finish(&before.standing.volume.id, &before.config, proved, report);
                Ok(())
            }
            Err(unproved) => {
                let change = if gate.is_in_sync { Change::Nothing } else { Change::To(self.declared) };
                self.not_proved(before, &pushed.pinned, &unproved, change, &fewer, report)
            }
        }
    }

    /// The release, or why it is not there.
    fn verify(
        &self,
        before: &Before,
        shipped: &Shipped,
        expected: &Expected<'_>,
        report: &mut Deploy,
    ) -> Result<Proved, Unproved> {
        let begun = Instant::now();
        let proved = self.shipping.verify(&before.standing.machine, shipped, expected)?;
        report.phases.done(self.shipping.ui, "Verify", begun, verified(&proved));
        Ok(proved)
    }

    /// Back, where it is known to have failed; else as it is.
    fn not_proved(
        &self,
        before: &Before,
        image: &Image,
        unproved: &Unproved,
        change: Change<'_>,
        fewer: &[String],
        report: &mut Deploy,
    ) -> Result<()> {
        let begun = Instant::now();
        let (ui, volume) = (self.shipping.ui, &before.standing.volume.id);
        let what = format!("the deploy of {}", short(&report.to));
        let exit_code = if let Unproved::Sick(Sick { exit_code, .. }) = unproved { *exit_code } else { None };
        let why = unproved.message();
        let Before { standing, earlier, inventory, .. } = before;
        let attempt = Attempt { what: &what, image, why, exit_code, change, fewer, inventory };
        let earlier = earlier.as_ref().map_err(String::as_str);
        let returned = match unproved {
            Unproved::Unknown(unknown) => {
                self.shipping.left_as_it_is(unknown, standing, &attempt, AS_SOON_AS)
            }
            _ => self.back(standing, earlier, &attempt)?,
        };
        let outcome = match returned.kind {
            Kind::WentBack => audit::Outcome::WentBack,
            _ => audit::Outcome::Stranded,
        };
        report.serves = returned.serves.clone();
        report.phases.done(ui, "Back", begun, returned.state.lines().next().unwrap_or_default());
        let error = returned.error(&attempt);
        self.written(Some(volume), &before.config, report, outcome, &error.to_string());
        Err(error.into())
    }

    fn back(
        &self,
        standing: &Standing,
        earlier: Result<&Earlier, &str>,
        attempt: &Attempt<'_>,
    ) -> Result<Returned> {
        let returned = self.shipping.go_back(standing, earlier, attempt)?;
        match earlier {
            Ok(earlier) if returned.does_not_fit && self.wanted.restore_data => {
                self.shipping.put_copy_back(standing, earlier)
            }
            _ => Ok(returned),
        }
    }

    /// It serves: written down, and told.
    fn finish(&self, volume: &VolumeId, config: &str, proved: Proved, report: &mut Deploy) {
        let begun = Instant::now();
        report.serves = Some(report.to.to_string());
        report.machine = Some(proved.machine.id);
        report.rows = proved.status.map(|status| status.tables).unwrap_or_default();
        let found = self.written(Some(volume), config, report, audit::Outcome::Served, "");
        let Shipping { fly_toml, probe, ui, .. } = &self.shipping;
        report.phases.done(ui, "Record", begun, found);
        ui.status("Deployed", format!("{} to {}: {}", short(&report.to), fly_toml.app, probe.address()));
    }
}

/// What to do where nobody knows whether it serves.
const AS_SOON_AS: &str = "as soon as Fly answers (https://status.flyio.net), see what serves: cargo xtask status; where it is well, have it \
                          proved: cargo xtask deploy; where it is not: cargo xtask rollback";

/// Without it there is nothing to go back to.
fn no_digest(machine: &Machine) -> Error {
    let message = format!(
        "Fly does not tell the digest of the image that machine {} runs, and there would be no way back",
        machine.id
    );
    Error::new(Kind::Failed, "production", message)
        .unchanged()
        .remedy("run it again in a minute; to deploy without a way back: --unverified")
}

/// What failed before the machine was updated says so.
fn unchanged(error: impl Into<anyhow::Error>) -> anyhow::Error {
    error.into().downcast::<Error>().map_or_else(|other| other, |error| error.unchanged_else().into())
}

/// Tables that may have fewer rows than they had: those that the change drops, and those that the service itself made smaller
/// while the deploy was prepared.
fn fewer(earlier: Option<&[TableRows]>, later: Option<&[TableRows]>, dropped: &[String]) -> Vec<String> {
    let (earlier, later) = (earlier.unwrap_or_default(), later.unwrap_or_default());
    let rows = |table: &str| later.iter().find(|t| t.table == table).map_or(0, |t| t.rows);
    let shrunk = earlier.iter().filter(|t| rows(&t.table) < t.rows).map(|t| t.table.clone());
    dropped.iter().cloned().chain(shrunk).collect()
}

fn verified(proved: &Proved) -> String {
    let rows = proved.rows().map_or_else(String::new, |rows| format!(", {rows}: none is missing"));
    format!("{}, schema as declared{rows}", proved.serves())
}
