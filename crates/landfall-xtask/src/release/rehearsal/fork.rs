//! On a fork of production's volume, at Fly, where the data already is: the image boots on it as it is going to boot on the volume
//! itself, with nobody but us to ask it. Machine and volume are destroyed on every way out.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use landfall_engine::{Outcome, Report};

use super::recorded::LastChange;
use super::{MACHINE, Stage, Tried, VOLUME};
use crate::error::{Error, Kind};
use crate::name::{MachineId, MachineName, Tag, Variable, VolumeId, VolumeName};
use crate::plain;
use crate::release::approval;
use crate::release::downtime::{self, Basis, Measured};
use crate::release::image;
use crate::release::machine_log;
use crate::release::production::{self, Production, Trouble};
use crate::release::temporary::Temporary;
use crate::release::unique;
use crate::tool::fly::{CommandThere, Fly, Machine, MachineConfig, NewMachine};
use crate::ui::Ui;

/// What stopping on a fork leaves.
const UNTOUCHED: &str = "production was not touched";
/// Between two looks.
const TICK: Duration = Duration::from_secs(1);
/// How long the plan may take, in seconds: it reads what constraints say of every row.
const PLANNING: u64 = 300;
/// How long a machine may take to answer at all.
const START_LIMIT: Duration = Duration::from_secs(120);

/// What is at Fly because of this rehearsal, by name: an answer that was lost tells no id.
struct Leftovers<'a> {
    fly: &'a Fly<'a>,
    app: &'a str,
    made: Temporary,
    ui: &'a Ui,
}

impl Stage<'_> {
    /// Forks, boots, reads what the boot wrote down, and takes everything away again.
    pub(super) fn on_a_fork(&self) -> Result<Tried> {
        let (fly, machine) = self.running()?;
        let (config, source) = (machine.config(), self.volume_of(machine)?);
        let built =
            image::build(self.project, self.fly_toml, &self.wanted.bases, None, self.interrupt, self.ui)?;
        let unique = unique::brief();
        let label = Tag::made("rehearsal-", &built.commit, &unique);
        self.ui.status("Pushing", format!("{} as {label}", built.tag));
        // `machine run` adds the digest itself, and would add it a second time.
        let image = fly.push(&self.project.root, &built.tag, &label)?.tag;
        let leftovers = Leftovers {
            fly,
            app: &self.fly_toml.app,
            made: Temporary {
                machine: MachineName::made(MACHINE, &unique),
                volume: VolumeName::made(VOLUME, &unique),
                known: BTreeSet::new(),
            },
            ui: self.ui,
        };
        let made = &leftovers.made;
        self.ui.status("Forking", format!("volume {source} as {}", made.volume));
        let volume = fly.fork_volume(&source, &made.volume, &machine.region)?;
        fly.wait_for_volume(&volume.id).map_err(|failure| failed(Trouble::from(&failure)))?;
        let new = NewMachine {
            name: &made.machine,
            image: &image,
            region: &machine.region,
            volume: &volume.id,
            mounted_at: &self.fly_toml.volume,
            guest: &machine.guest(),
        };
        let (report, refused) = self.plan_there(fly, &new)?;
        if refused.is_some() || report.outcome == Outcome::InSync {
            return Ok(self.tried(&config, report, 0.0, refused));
        }
        self.boot_there(fly, &new, &config, &report)
    }

    /// The machine whose data is forked. It goes on serving.
    fn running(&self) -> Result<(&Fly<'_>, &Machine)> {
        let fly = self.fly.as_ref().map_err(|failure| Error::from(failure.clone()))?;
        match self.production {
            Production::Machine(machine) => match production::unreachable(machine) {
                Some(trouble) => Err(failed(trouble).into()),
                None => Ok((fly, machine)),
            },
            Production::Absent(reason) => Err(failed(Trouble::new(
                format!("there is nothing to fork: {reason}"),
                "rehearse on a database: --data FILE",
            ))
            .into()),
            Production::NotAsked(reason) => {
                let remedy = "log in: fly auth login; or set FLY_API_TOKEN";
                Err(failed(Trouble::new(format!("Fly was not asked: {reason}"), remedy)).into())
            }
            Production::Unknown(trouble) => Err(failed(trouble.clone()).into()),
        }
    }

    fn volume_of(&self, machine: &Machine) -> Result<VolumeId> {
        let mounts = machine.config().mounts;
        let mount =
            mounts.into_iter().find(|mount| mount.path == *self.fly_toml.volume).ok_or_else(|| {
                let message = format!("machine {} has no volume at {}", machine.id, self.fly_toml.volume);
                Error::new(Kind::Failed, "fly", message)
                    .changed("nothing was forked")
                    .remedy("see what it has: fly volumes list")
            })?;
        Ok(mount.volume)
    }

    fn pause(&self) -> Result<()> {
        if self.interrupt.is_raised() {
            return Err(Error::new(Kind::Interrupted, "", "interrupted").changed(UNTOUCHED).into());
        }
        thread::sleep(TICK);
        Ok(())
    }

    /// The plan, on the fork's own rows and by the image's own engine; or why it is refused. Until then
    /// nothing touches them.
    fn plan_there(&self, fly: &Fly<'_>, new: &NewMachine<'_>) -> Result<(Report, Option<anyhow::Error>)> {
        self.ui.status("Planning", format!("on {}", new.name));
        let id = self.launch(fly, new, &["landfall", "idle"], &[])?.id;
        let command =
            CommandThere::new("landfall migrate --dry-run --format json").allowing(&self.wanted.allow);
        let answered = production::answer::<Report>(fly, &id, &command, PLANNING).map_err(failed)?;
        fly.destroy_machine(&id)?;
        match (answered.report.map(in_its_words), answered.error) {
            (Some(report), None) => Ok((report, None)),
            (report, Some(error)) => {
                let stopping: Vec<_> =
                    report.iter().flat_map(Report::hazards).filter(|hazard| hazard.stops()).collect();
                let remedy = approval::told(&stopping, "cargo xtask rehearse --fork")
                    .unwrap_or_else(|| MEND.to_owned());
                match (report, error.refusal(remedy)) {
                    (Some(report), Some(refused)) => Ok((report, Some(refused.into()))),
                    _ => {
                        let message =
                            format!("`{command}` failed on the fork's machine, which says: {}", error.said());
                        Err(failed(Trouble::new(
                            message,
                            "run the command again: cargo xtask rehearse --fork",
                        ))
                        .into())
                    }
                }
            }
            (None, None) => {
                Err(failed(Trouble::new("the fork's machine told no plan", "please report this")).into())
            }
        }
    }

    /// As in production: the boot plans, copies, applies, and serves.
    fn boot_there(
        &self,
        fly: &Fly<'_>,
        new: &NewMachine<'_>,
        config: &MachineConfig,
        planned: &Report,
    ) -> Result<Tried> {
        self.ui.status("Booting", format!("on {}", new.name));
        let machine =
            self.launch(fly, new, &START, &approval::env(&self.wanted.allow, planned.plan.as_ref()))?;
        let id = &machine.id;
        self.wait_for_change(fly, id)?;
        let last =
            production::ask::<LastChange>(fly, id, &CommandThere::new("landfall last-change --format json"));
        let last = last.map_err(failed)?;
        let made = downtime::last_update(&machine);
        let source = "as the fork's own machine".to_owned();
        Ok(Tried {
            replaced: made.map(|seconds| Measured { seconds, basis: Basis::Fork, source }),
            copy: last.copy,
            sqlite: last.sqlite,
            ..self.tried(config, in_its_words(last.report), last.seconds, None)
        })
    }

    /// A machine of the rehearsal's name, once it has started.
    fn launch(
        &self,
        fly: &Fly<'_>,
        new: &NewMachine<'_>,
        command: &[&'static str],
        env: &[Variable],
    ) -> Result<Machine> {
        let own = self.fly_toml.env.iter().map(|(name, value)| Variable::new(name, value));
        let env: Vec<_> = own.chain(env.iter().cloned()).collect();
        let id = fly.run_machine(new, &env, command)?;
        let begun = Instant::now();
        loop {
            let ours = fly.machines()?.into_iter().find(|machine| machine.id == id);
            match ours {
                Some(machine) if machine.state == "started" => return Ok(machine),
                // A machine that ended has destroyed itself.
                None => return Err(ended(fly, &id, command)),
                Some(Machine { state, .. }) if begun.elapsed() > START_LIMIT => {
                    let message = format!("{} was still {state} after {} s", new.name, START_LIMIT.as_secs());
                    return Err(failed(Trouble::new(message, "see https://status.flyio.net")).into());
                }
                Some(_) => self.pause()?,
            }
        }
    }

    /// Until the boot is through, or has ended.
    fn wait_for_change(&self, fly: &Fly<'_>, id: &MachineId) -> Result<()> {
        let (begun, check) = (Instant::now(), CommandThere::new("landfall migrate --check --format json"));
        loop {
            let in_sync = production::ask::<Report>(fly, id, &check);
            if in_sync.is_ok_and(|report| report.outcome == Outcome::InSync) {
                return Ok(());
            }
            if !fly.machines()?.iter().any(|machine| machine.id == *id && machine.state == "started") {
                return Err(ended(fly, id, &START));
            }
            if begun.elapsed() > self.wanted.wait_timeout {
                let limit = self.wanted.wait_timeout.as_secs();
                let message =
                    format!("the change was not through after {limit} s, the time that a deploy would wait");
                return Err(Error::new(Kind::Failed, "--wait-timeout", message)
                    .remedy("rehearse with a longer --wait-timeout, and deploy with it")
                    .into());
            }
            self.pause()?;
        }
    }

    fn tried(
        &self,
        config: &MachineConfig,
        report: Report,
        seconds: f64,
        refused: Option<anyhow::Error>,
    ) -> Tried {
        let guest = &config.guest;
        let size = format!("{}-cpu-{}x with {} MB", guest.cpu_kind, guest.cpus, guest.memory_mb);
        Tried {
            data: "a fork of production's volume".to_owned(),
            place: format!("a machine of production's size at Fly, {size}"),
            sqlite: landfall_engine::sqlite_version().to_owned(),
            report,
            copy: None,
            change: Measured { seconds, basis: Basis::Fork, source: "measured on the fork".to_owned() },
            stopped: None,
            replaced: None,
            started: None,
            refused,
        }
    }
}

/// What serves in the image.
const START: [&str; 4] = ["landfall", "start", "--", "app"];

/// What mends a refusal that no approval lifts; the machine's own words say more.
const MEND: &str = "mend the schema, or give the directive that is missing, and rehearse again";

/// The report with what it advises as the machine's own words, and without lines to paste or statements to run: nobody is to type what a
/// machine says as if we said it. Approvals are by a grammar.
fn in_its_words(mut report: Report) -> Report {
    let planned = report.plan.iter_mut().flat_map(|plan| &mut plan.hazards);
    for hazard in planned.chain(&mut report.hazards) {
        if !hazard.remedy.is_empty() {
            hazard.remedy = format!("the machine says: {}", plain::quoted(&hazard.remedy));
        }
        (hazard.edit, hazard.query) = (None, None);
    }
    report
}

/// It is gone once it has ended: its log is what is left.
fn ended(fly: &Fly<'_>, machine: &MachineId, command: &[&str]) -> anyhow::Error {
    let last = machine_log::told(&fly.logs(machine));
    let message = format!("on the fork `{}` ended by itself{last}", command.join(" "));
    Error::new(Kind::Failed, machine, message).changed(UNTOUCHED).remedy("its last lines say why").into()
}

fn failed(trouble: Trouble) -> Error {
    Error::new(Kind::Failed, "fly", trouble.message).changed(UNTOUCHED).remedy(trouble.remedy)
}

impl Drop for Leftovers<'_> {
    fn drop(&mut self) {
        self.made.take_away(self.fly, self.app, "paid for", self.ui);
    }
}

#[cfg(test)]
mod tests {
    use landfall_engine::{Declared, Settings};

    use super::*;

    #[test]
    fn what_a_fork_advises_stays_its_own_words_and_its_approvals_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (settings, db) = (Settings::default(), folder.path().join("db"));
        let schema = |text: &str| {
            let file = folder.path().join("schema.sql");
            std::fs::write(&file, text).unwrap();
            Declared::read(&file, &settings).unwrap()
        };
        let old = schema(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);\nINSERT INTO t (id, a) VALUES (1, 'x');\n",
        );
        landfall_engine::make(&db, &old, &settings).unwrap();
        let declared = schema("CREATE TABLE t (id INTEGER PRIMARY KEY, b TEXT NOT NULL);\n");
        let prepared = landfall_engine::prepare(&db, &declared, &settings, &mut ());
        let report = match prepared {
            Ok(prepared) => prepared.into_report(),
            Err(error) => *error.report.unwrap(),
        };
        let advice: Vec<_> = report.hazards().map(|hazard| hazard.remedy.clone()).collect();
        assert!(!advice.is_empty() && advice.iter().all(|text| !text.is_empty()), "{advice:?}");
        let told = in_its_words(report.clone());
        for (before, after) in report.hazards().zip(told.hazards()) {
            assert_eq!(after.remedy, format!("the machine says: {}", plain::quoted(&before.remedy)));
            assert_eq!((&after.edit, &after.query), (&None, &None));
            assert_eq!((&after.approval, &after.message), (&before.approval, &before.message));
        }
    }
}
