//! The first deploy: nothing is at Fly yet, and everything that is made there is approved first. Afterwards there is one machine
//! with one volume.

use std::env;
use std::fmt::Write as _;
use std::time::Instant;

use anyhow::{Context as _, Result};
use landfall_engine::Changed;

use super::{Deploy, Missing, Run, may_create, verified};
use crate::environment;
use crate::error::{Error, Kind, Told};
use crate::fly_toml::FlyToml;
use crate::name::{Region, Variable, VolumeId};
use crate::release::audit::Outcome;
use crate::release::image::short;
use crate::release::shipping::place::Place;
use crate::release::shipping::prove::{Expected, Unproved};
use crate::release::shipping::ship::Candidate;
use crate::release::shipping::{Problem, Shipping};
use crate::text;
use crate::tool::fly::Guest;
use crate::tool::fly::release::{NewVolume, Pushed};

/// The secret that the page asks for.
const PASSWORD: &str = "APP_PASSWORD";
/// Of a password that is made here, in bytes of chance.
const CHANCE: usize = 16;

/// Where the password comes from.
enum Password {
    /// It is set already.
    Set,
    /// From the environment.
    Given(String),
    /// Made here, and told once.
    Made(String),
}

impl Run<'_> {
    /// Tells what would be made; makes it where that is approved.
    pub(super) fn first(&self, missing: &Missing, report: &mut Deploy) -> Result<()> {
        let (app, ui) = (&self.shipping.fly_toml.app, self.shipping.ui);
        ui.result(&self.told(missing)?);
        if self.wanted.dry_run {
            ui.status("Planned", Changed::Nothing.told(&format!("the first deploy of {app}")));
            return Ok(());
        }
        if !self.wanted.create {
            let message = format!("{app} is not at Fly yet");
            return Err(Error::usage("--create", message)
                .changed("nothing was made, and nothing costs anything")
                .remedy("to make all of it: cargo xtask deploy --create")
                .into());
        }
        let password = self.password(missing)?;
        let lock = self.lock(report)?;
        let ended = self.made(missing, &password, report);
        self.shipping.give_back(lock, ended)
    }

    fn told(&self, Missing { has_app, volume }: &Missing) -> Result<String, Error> {
        let FlyToml { app, source, volume: mounted_at, volume_size, memory, .. } = self.shipping.fly_toml;
        let region = self.region()?;
        let mut out = format!("{}\n", text::title("The first deploy makes, at Fly"));
        let mut line = |what: &str, text: String| {
            let _ = writeln!(out, "  {what:8}  {text}");
        };
        line(
            "app",
            match has_app {
                true => format!("{app}, which is there"),
                false => format!("{app}, in the organization {}", self.wanted.org),
            },
        );
        line("secret", format!("{PASSWORD}, which the page asks for"));
        line(
            "volume",
            match volume {
                Some(id) => format!("{source}: {id}, which is there, and which nobody has used"),
                None => format!("{source}, {volume_size} GB in {region}, mounted at {mounted_at}"),
            },
        );
        line(
            "machine",
            format!("one, in {region}, with {memory} of memory; it makes the database as schema.sql says"),
        );
        Ok(out)
    }

    fn region(&self) -> Result<&Region, Error> {
        self.shipping.fly_toml.primary_region.as_ref().ok_or_else(|| {
            Error::usage("fly.toml", "fly.toml does not say where the volume and the machine are to be made")
                .unchanged()
                .remedy("add to it, with one of `fly platform regions`: primary_region = \"fra\"")
        })
    }

    fn password(&self, missing: &Missing) -> Result<Password> {
        if let Some(given) = env::var(PASSWORD).ok().filter(|given| !given.is_empty()) {
            if given.contains('\n') {
                return Err(Error::usage(PASSWORD, format!("{PASSWORD} has more than one line"))
                    .remedy("take a shorter one")
                    .into());
            }
            return Ok(Password::Given(given));
        }
        if missing.has_app && self.shipping.fly.secrets()?.iter().any(|secret| secret.name == PASSWORD) {
            return Ok(Password::Set);
        }
        if environment::is_ci() {
            let message =
                format!("{PASSWORD} is not set; under CI none is made, since its log would show it");
            return Err(Error::usage(PASSWORD, message)
                .changed("nothing was made")
                .remedy(format!("set {PASSWORD} in the environment of this step"))
                .into());
        }
        let mut chance = [0; CHANCE];
        getrandom::fill(&mut chance).context("cannot make a password")?;
        Ok(Password::Made(chance.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    fn made(&self, missing: &Missing, password: &Password, report: &mut Deploy) -> Result<()> {
        let app = &self.shipping.fly_toml.app;
        self.refuse_made(missing)?;
        self.agree_to(&format!("Make all of it, and deploy {} to {app}?", short(&report.to)))?;
        let built = self.built(report)?;
        let begun = Instant::now();
        let made = self.volume_for(missing, password).and_then(|volume| {
            let what = format!("app {app}, {PASSWORD}, volume {volume}");
            report.phases.done(self.shipping.ui, "Create", begun, what);
            Ok((self.pushed(&built, report)?, volume))
        });
        let (pushed, volume) = made.map_err(|error| self.partly_made(&error))?;
        self.ship_first(&pushed, &volume, report)
    }

    /// Makes the app, its secret and its volume, whose id is returned.
    fn volume_for(&self, missing: &Missing, password: &Password) -> Result<VolumeId> {
        let (fly, fly_toml, ui) = (self.shipping.fly, self.shipping.fly_toml, self.shipping.ui);
        if !missing.has_app {
            fly.create_app(&self.wanted.org)?;
        }
        if let Password::Given(value) | Password::Made(value) = password {
            fly.stage_secret(&Variable::of(PASSWORD, value))?;
        }
        // At once: whatever fails from here on, the next try finds it set.
        if let Password::Made(value) = password {
            ui.note(format!("{PASSWORD} is {value} (any user name); it is told this once, and never again"));
        }
        match &missing.volume {
            Some(volume) => Ok(volume.clone()),
            None => {
                let new = NewVolume {
                    name: &fly_toml.source,
                    region: self.region()?,
                    size_gb: fly_toml.volume_size,
                    snapshot_retention: fly_toml.snapshot_retention,
                    snapshot: None,
                    guest: &fly_toml.guest.clone().unwrap_or_else(Guest::small),
                };
                Ok(fly.create_volume(&new)?.id)
            }
        }
    }

    /// With what is at Fly now, as it was read back: an answer that was lost says nothing of that.
    fn partly_made(&self, error: &anyhow::Error) -> anyhow::Error {
        let Shipping { fly_toml, .. } = self.shipping;
        let (app, told) = (&fly_toml.app, Told::of(error));
        let there = self.audit().ok().and_then(|audit| self.shipping.there(&audit).ok());
        let now = match there.as_ref().map(|there| (there.has_app, &there.place)) {
            Some((false, _)) => "nothing was made at Fly".to_owned(),
            Some((true, Place::Nowhere { volume: Some(volume) })) => {
                format!("at Fly there are app {app} and volume {volume}, and no machine")
            }
            Some((true, Place::Nowhere { volume: None })) => {
                format!("at Fly there is app {app}, without a volume and without a machine")
            }
            _ => format!("what is at Fly of {app} is not known"),
        };
        Error::new(Kind::Failed, app, format!("{}\n{now}", told.message))
            .remedy(format!(
                "mend it, then: cargo xtask deploy --create; or take all of it away: fly apps destroy {app}"
            ))
            .into()
    }

    /// Somebody who held the lock before may have made what was missing.
    fn refuse_made(&self, missing: &Missing) -> Result<()> {
        let Shipping { fly_toml, .. } = self.shipping;
        let there = self.shipping.there(&self.audit()?).map_err(|problems| Problem::error(&problems))?;
        let is_as_it_was = matches!(&there.place, Place::Nowhere { volume } if *volume == missing.volume);
        if is_as_it_was && there.has_app == missing.has_app {
            return Ok(());
        }
        let message = format!("somebody made something of {} just now", fly_toml.app);
        Err(Error::new(Kind::Failed, &fly_toml.app, message)
            .changed("nothing was made")
            .remedy("run it again: cargo xtask deploy")
            .into())
    }

    fn ship_first(&self, pushed: &Pushed, volume: &VolumeId, report: &mut Deploy) -> Result<()> {
        let (begun, ui) = (Instant::now(), self.shipping.ui);
        ui.status("Shipping", format!("{} to a new machine", short(&report.to)));
        let env = [may_create()];
        let candidate = Candidate { image: &pushed.tag, fly_toml: self.config, env: &env };
        let inventory = self.shipping.inventory()?;
        let left = |own: &str| -> String {
            self.shipping.left(&inventory, own).iter().map(|line| format!("\n{line}")).collect()
        };
        self.written(Some(volume), "null\n", report, Outcome::Shipping, "");
        let shipped = match self.shipping.ship(&candidate, self.shipping.interrupt) {
            Ok(shipped) => shipped,
            Err(error) => {
                return Err(self.unfinished(&format!("{error:#}"), None, "nothing was shipped", report));
            }
        };
        let limit = shipped.limit(self.shipping.wait_timeout);
        let said = shipped.said.as_ref().err().map(ToString::to_string);
        let machine = match shipped.machine {
            Ok(Some(machine)) => machine,
            Ok(None) => {
                let now = format!("it has not exactly one machine{}", left(""));
                return Err(self.unfinished("Fly has not made one machine", said.as_deref(), &now, report));
            }
            Err(trouble) => {
                let now = format!("whether it has a machine is not known{}", left(""));
                return Err(self.unfinished(&trouble.message, said.as_deref(), &now, report));
            }
        };
        report.machine = Some(machine.id.clone());
        report.phases.done(ui, "Ship", begun, format!("machine {}: made", machine.id));
        let begun = Instant::now();
        let to = report.to.clone();
        let expected = Expected {
            commit: Some(&to),
            image: Some(&pushed.pinned),
            volume: Some(volume),
            schema: Some(self.declared.fingerprint()),
            rows: None,
            fewer: &[],
        };
        match self.shipping.prove(&machine.id, &expected, limit, self.shipping.interrupt) {
            Ok(proved) => {
                report.phases.done(ui, "Verify", begun, verified(&proved));
                let config = self.shipping.machine_config(&machine.id).unwrap_or_else(|error| {
                    ui.note(format!("the machine's configuration was not written down: {error:#}"));
                    "null\n".to_owned()
                });
                self.finish(volume, &config, proved, report);
                Ok(())
            }
            Err(unproved) => {
                let (id, log) = (&machine.id, self.shipping.log(&machine.id));
                let seen = match &unproved {
                    Unproved::Unknown(unknown) => format!("; {}", unknown.seen),
                    _ => String::new(),
                };
                let now = format!(
                    "machine {id} and its volume are there, cost something, and may answer{seen}{}",
                    left(id)
                );
                let why = format!("{}{log}", unproved.message());
                Err(self.unfinished(&why, said.as_deref(), &now, report))
            }
        }
    }

    /// Nothing served before, and nothing is proved to serve now; `now` is what is there.
    fn unfinished(&self, why: &str, said: Option<&str>, now: &str, report: &Deploy) -> anyhow::Error {
        let said = said.map_or_else(String::new, |said| format!(" ({said})"));
        let app = &self.shipping.fly_toml.app;
        let message = format!(
            "the first deploy of {} failed: {why}{said}\nnothing is proved to serve yet: {now}",
            short(&report.to)
        );
        let error = Error::new(Kind::Stranded, "production", message).remedy(format!(
            "mend it, then: cargo xtask deploy --create; or take all of it away: fly apps destroy {app}"
        ));
        self.written(None, "{}\n", report, Outcome::Stranded, &error.to_string());
        error.into()
    }
}
