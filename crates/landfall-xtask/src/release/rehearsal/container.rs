//! In the image that is going to be shipped, booted as production boots it, with that machine's memory.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};
use landfall_engine::Plan;

use super::data::Data;
use super::recorded::{LastChange, Recorded};
use super::{Stage, Tried, with_untouched};
use crate::error::{Error, Kind};
use crate::release::approval;
use crate::release::boot::{self, Ready};
use crate::release::downtime::Measured;
use crate::release::image::{self, Built};
use crate::tool::docker::Container;

impl Stage<'_> {
    /// Boots it twice: once with the change, and once without anything left to do.
    pub(super) fn in_the_image(&self, data: &Data, recorded: &Recorded) -> Result<Tried> {
        // What it takes is known beforehand, and to which plan the approvals belong.
        let prepared =
            landfall_engine::prepare(&data.file, self.declared, self.settings, &mut self.ui.progress());
        let prepared = match prepared {
            Err(error) if error.kind.exit_code() == 3 => return self.here(data, recorded),
            prepared => prepared?,
        };
        if prepared.guard().is_err() {
            return self.here(data, recorded);
        }
        let built =
            image::build(self.project, self.fly_toml, &self.wanted.bases, None, self.interrupt, self.ui)?;
        let container = self.container(&built, data, prepared.report().plan.as_ref())?;
        self.ui.status("Booting", format!("{} on {}", built.tag, data.what));
        let ready = self.boot(&container)?;
        let before = landfall_engine::rows(&data.file, self.settings)?.tables;
        let stopping = Instant::now();
        container.stop(self.fly_toml.kill_timeout.as_secs())?;
        let stopped = stopping.elapsed().as_secs_f64();
        let fetched = data.file.with_file_name("fetched");
        container.take(&self.fly_toml.db_path, &fetched)?;
        let last = self.record(&container, data)?;
        let idle = self.boot(&container)?;
        let mut report = last.as_ref().map_or_else(|| prepared.into_report(), |last| last.report.clone());
        with_untouched(
            &mut report.evidence,
            &before,
            &landfall_engine::rows(&fetched, self.settings)?.tables,
        );
        // All that a boot without a change does not take is the change's.
        let change = last.as_ref().map_or(0.0, |last| last.seconds.max(ready - idle));
        Ok(Tried {
            data: data.what.clone(),
            place: format!("the image {}, with {} of memory", built.tag, self.fly_toml.memory),
            sqlite: last
                .as_ref()
                .map_or(landfall_engine::sqlite_version().to_owned(), |last| last.sqlite.clone()),
            copy: last.as_ref().and_then(|last| last.copy),
            change: self.as_there(change, data, "in the image on this machine", recorded),
            stopped: Some(in_the_image(stopped)),
            replaced: None,
            started: Some(in_the_image(idle)),
            report,
            refused: None,
        })
    }

    fn container(&self, built: &Built, data: &Data, plan: Option<&Plan>) -> Result<Container> {
        let approvals = approval::env(&self.wanted.allow, plan);
        boot::container(built, self.fly_toml, Some(&data.file), &approvals, self.interrupt)
    }

    /// Until it is well: after how many seconds.
    fn boot(&self, container: &Container) -> Result<f64> {
        container.start()?;
        // Docker's own part of a start is not Fly's.
        let begun = Instant::now();
        let limit = self.wanted.wait_timeout;
        match boot::wait(container, limit, self.interrupt)? {
            Ready::Well => Ok(begun.elapsed().as_secs_f64()),
            Ready::Ended(code) => Err(ended(container, &format!("it ended with exit code {code}"))),
            Ready::Late => {
                Err(ended(container, &format!("/healthz was not well within {} s", limit.as_secs())))
            }
            Ready::Interrupted => Err(Error::new(Kind::Interrupted, "", "interrupted").unchanged().into()),
        }
    }

    /// What the boot wrote down of the change; nothing where there was none.
    fn record(&self, container: &Container, data: &Data) -> Result<Option<LastChange>> {
        let file = data.file.with_file_name("last-change");
        if !container.take(&self.fly_toml.db_path.beside(".last-change"), &file)? {
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
