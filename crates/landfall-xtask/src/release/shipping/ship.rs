//! The update itself: an image onto the machine, and what Fly has afterwards. flyctl's own word is never the last one.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use landfall_engine::Interrupt;
use tempfile::TempDir;

use super::Shipping;
use super::prove::Limit;
use super::seen::Seen;
use crate::name::{Image, Variable};
use crate::release::production::Trouble;
use crate::tool::fly::release::Shipment;
use crate::tool::fly::{Failure, Machine, Reason};

/// How long a release may take to give good answers after flyctl has waited for it.
const AFTER_WELL: Duration = Duration::from_secs(60);
/// The same where flyctl gave up, at least.
const AFTER_FAILURE: Duration = Duration::from_secs(15);
/// Between two looks.
const TICK: Duration = Duration::from_secs(1);
/// For how long an update may still come that was cut off: flyctl's lease of the machine lasts as long, and is never given back.
const CUT_OFF: Duration = Duration::from_secs(15);
/// For how long a machine may be on its way to another state.
const SETTLING: Duration = Duration::from_secs(60);

/// What is shipped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'a> {
    /// The image, in the app's registry.
    pub(crate) image: &'a Image,
    /// The text of the fly.toml that goes with it.
    pub(crate) fly_toml: &'a str,
    /// Variables for this release alone.
    pub(crate) env: &'a [Variable],
}

/// What came of it.
pub(crate) struct Shipped {
    /// What flyctl said of it.
    pub(crate) said: Result<(), Failure>,
    /// The machine as Fly has it now; or why that is not known.
    pub(crate) machine: Result<Option<Machine>, Trouble>,
    /// The same, with its time.
    pub(super) seen: Seen,
    /// How long flyctl took.
    took: Duration,
}

impl Shipped {
    /// How long the release may take to be well now, of what a phase may `wait`. Where flyctl gave up early (an answer of Fly's that did
    /// not come, say) it has hardly waited.
    pub(crate) fn limit(&self, wait: Duration) -> Limit {
        if self.said.is_ok() {
            return AFTER_WELL.into();
        }
        Limit { running: wait.saturating_sub(self.took).max(AFTER_FAILURE), ended: AFTER_FAILURE }
    }
}

impl Shipping<'_> {
    /// Ships, and reads the machine back, whatever flyctl says. `interrupt` may end the update, never the reading.
    ///
    /// # Errors
    /// Where nothing was shipped: what is there before has to be known.
    pub(crate) fn ship(&self, candidate: &Candidate<'_>, interrupt: &Interrupt) -> Result<Shipped> {
        let folder = tempfile::tempdir().context("cannot make a folder for fly.toml")?;
        let config = written(&folder, candidate.fly_toml)?;
        let shipment = Shipment {
            image: candidate.image,
            fly_toml: &config,
            env: candidate.env,
            wait_timeout: self.wait_timeout,
        };
        let before = self.undisturbed(|shipping| {
            shipping.patiently(shipping.wait_timeout, Failure::may_pass, |fly| shipping.machine(fly))
        })?;
        let seen = before.as_ref().map(Seen::of);
        let (begun, activity) = (Instant::now(), self.ui.activity());
        let said = self
            .fly
            .with(interrupt)
            .deploy(&self.project.root, &shipment, |line| activity.goes_on(line.trim_start_matches("> ")));
        drop(activity);
        let took = begun.elapsed();
        if let Err(Failure { reason: Reason::Late | Reason::Interrupted, .. }) = &said {
            self.undisturbed(|shipping| shipping.watch(before.as_ref()));
        }
        let machine = self.read_back();
        let seen = machine.as_ref().ok().and_then(Option::as_ref).map(Seen::of).or(seen).unwrap_or_default();
        Ok(Shipped { said, machine, seen, took })
    }

    /// Until the update has come that was cut off, or is not to be expected any more.
    fn watch(&self, before: Option<&Machine>) {
        let (begun, seconds) = (Instant::now(), CUT_OFF.as_secs());
        self.ui.status("Waiting", format!("for {seconds} s: an update that was cut off may go on by itself"));
        let instance = |machine: &Machine| machine.instance_id.clone();
        while begun.elapsed() < CUT_OFF {
            if let Ok(now) = self.machine(self.fly)
                && now.as_ref().map(instance) != before.map(instance)
            {
                return;
            }
            thread::sleep(TICK);
        }
    }

    /// The machine once it has settled: an update that was cut off goes on by itself. It is asked for as long as a phase may take.
    pub(crate) fn read_back(&self) -> Result<Option<Machine>, Trouble> {
        self.undisturbed(|shipping| shipping.settled())
    }

    fn settled(&self) -> Result<Option<Machine>, Trouble> {
        let begun = Instant::now();
        loop {
            let read = self.patiently(self.wait_timeout, Failure::may_pass, |fly| self.machine(fly));
            match read.map_err(|failure| Trouble::from(&failure))? {
                Some(machine) if machine.is_changing() && begun.elapsed() < SETTLING => {}
                machine => return Ok(machine),
            }
            thread::sleep(TICK);
        }
    }
}

fn written(folder: &TempDir, text: &str) -> Result<PathBuf> {
    let file: &Path = &folder.path().join("fly.toml");
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file.to_owned())
}
