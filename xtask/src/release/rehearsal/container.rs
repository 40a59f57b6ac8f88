//! In the image that is going to be shipped, booted as production boots it, with that machine's memory.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::data::Data;
use super::prediction::Recorded;
use super::{LastChange, Stage, Tried, with_untouched};
use crate::error::{Error, Kind};
use crate::release::downtime::Measured;
use crate::release::image::{self, Built};
use crate::release::probe::Probe;
use crate::tool::docker::{Container, State};

/// Between two looks.
const TICK: Duration = Duration::from_millis(20);

impl Stage<'_> {
    /// Boots it twice: once with the change, and once without anything left to do.
    pub(super) fn in_the_image(&self, data: &Data, recorded: &Recorded) -> Result<Tried> {
        // What it takes is known beforehand, and to which plan the approvals belong.
        let prepared = migrate::prepare(&data.file, self.declared, self.settings, &mut self.ui.progress());
        let prepared = match prepared {
            Err(error) if error.kind.exit_code() == 3 => return self.here(data, recorded),
            prepared => prepared?,
        };
        if prepared.guard().is_err() {
            return self.here(data, recorded);
        }
        let built =
            image::build(self.project, self.fly_toml, &self.wanted.bases, None, self.interrupt, self.ui)?;
        let plan = prepared.report().plan.as_ref();
        let container = self.container(&built, data, plan.map(|plan| plan.fingerprint.as_str()))?;
        self.ui.status("Booting", format!("{} on {}", built.tag, data.what));
        let ready = self.boot(&container)?;
        let before = migrate::rows(&data.file, self.settings)?;
        let stopping = Instant::now();
        container.stop(self.fly_toml.kill_timeout.as_secs())?;
        let stopped = stopping.elapsed().as_secs_f64();
        let fetched = data.file.with_file_name("fetched");
        container.take(&self.fly_toml.db_path, &fetched)?;
        let last = self.record(&container, data)?;
        let idle = self.boot(&container)?;
        let mut report = last.as_ref().map_or_else(|| prepared.report().clone(), |last| last.report.clone());
        with_untouched(&mut report.evidence, &before, &migrate::rows(&fetched, self.settings)?);
        // All that a boot without a change does not take is the change's.
        let change = last.as_ref().map_or(0.0, |last| last.seconds.max(ready - idle));
        Ok(Tried {
            data: data.what.clone(),
            place: format!("the image {}, with {} of memory", built.tag, self.fly_toml.memory),
            sqlite: last.as_ref().map_or(migrate::sqlite_version().to_owned(), |last| last.sqlite.clone()),
            copy: last.as_ref().and_then(|last| last.copy),
            change: self.as_there(change, data, "in the image on this machine", recorded),
            stopped: Some(in_the_image(stopped)),
            replaced: None,
            started: Some(in_the_image(idle)),
            report,
            refused: None,
        })
    }

    fn container(&self, built: &Built, data: &Data, plan: Option<&str>) -> Result<Container> {
        let fly = self.fly_toml;
        let allow: Vec<_> = self.wanted.allow.iter().map(ToString::to_string).collect();
        let allow = allow.join(",");
        let mut env: Vec<_> = fly.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        env.extend([("FLY_MACHINE_ID", "rehearsal"), ("FLY_APP_NAME", fly.app.as_str())]);
        if let Some(plan) = plan.filter(|_| !allow.is_empty()) {
            env.extend([("LANDFALL_ALLOW", allow.as_str()), ("LANDFALL_ALLOW_FOR", plan)]);
        }
        let container = Container::create(&built.tag, &fly.volume, fly.port, &fly.memory, &env)?;
        container.put(&data.file, &fly.db_path, built.user)?;
        Ok(container)
    }

    /// Until it is well: after how many seconds.
    fn boot(&self, container: &Container) -> Result<f64> {
        let begun = Instant::now();
        container.start()?;
        let started = begun.elapsed();
        let address = container.address().map_err(|error| ended(container, &format!("{error:#}")))?;
        let probe = Probe::new(format!("http://{address}"));
        while !probe.is_well() {
            if self.interrupt.is_raised() {
                return Err(Error::new(Kind::Interrupted, "", "interrupted; nothing was changed").into());
            }
            if let State::Exited(code) = container.state()? {
                return Err(ended(container, &format!("it ended with exit code {code}")));
            }
            if begun.elapsed() > self.wanted.wait_timeout {
                let limit = self.wanted.wait_timeout.as_secs();
                return Err(ended(container, &format!("/healthz was not well within {limit} s")));
            }
            thread::sleep(TICK);
        }
        // Docker's own part of a start is not Fly's.
        Ok((begun.elapsed() - started).as_secs_f64())
    }

    /// What the boot wrote down of the change; nothing where there was none.
    fn record(&self, container: &Container, data: &Data) -> Result<Option<LastChange>> {
        let file = data.file.with_file_name("last-change");
        if !container.take(&format!("{}.last-change", self.fly_toml.db_path), &file)? {
            return Ok(None);
        }
        read(&file).map(Some)
    }
}

fn read(file: &Path) -> Result<LastChange> {
    let text = fs::read(file).context("the record of the change cannot be read")?;
    serde_json::from_slice(&text).context("the record of the change is not what was expected")
}

fn ended(container: &Container, how: &str) -> anyhow::Error {
    let log = container.log(50).unwrap_or_default();
    let log: String = log.lines().map(|line| format!("\n  {line}")).collect();
    let message =
        format!("in the image the change did not go through: {how}; nothing but a copy was changed{log}");
    Error::new(Kind::Failed, "image", message).remedy("its last lines say why").into()
}

fn in_the_image(seconds: f64) -> Measured {
    Measured::here(seconds, "measured in the image on this machine")
}
