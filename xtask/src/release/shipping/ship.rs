//! The update itself: an image onto the machine, and what Fly has afterwards. flyctl's own word is never the last one.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use migrate::Interrupt;
use tempfile::TempDir;

use super::Shipping;
use crate::release::production::Trouble;
use crate::tool::fly::{Failure, Machine, Reason, Shipment};

/// Between two looks.
const TICK: Duration = Duration::from_secs(1);
/// For how long an update may still come that was cut off: flyctl's lease of the machine lasts as long, and is never given back.
const CUT_OFF: Duration = Duration::from_secs(15);
/// For how long it is tried to read the machine back.
const READ_BACK: Duration = Duration::from_secs(60);

/// What is shipped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'a> {
    /// The image, in the app's registry.
    pub(crate) image: &'a str,
    /// The text of the fly.toml that goes with it.
    pub(crate) fly_toml: &'a str,
    /// Variables for this release alone.
    pub(crate) env: &'a [(&'a str, String)],
}

/// What came of it.
pub(crate) struct Shipped {
    /// What flyctl said of it.
    pub(crate) said: Result<(), Failure>,
    /// The machine as Fly has it now; or why that is not known.
    pub(crate) machine: Result<Option<Machine>, Trouble>,
}

impl Shipping<'_> {
    /// Ships, and reads the machine back, whatever flyctl says. `interrupt` may end the update, never the reading.
    pub(crate) fn ship(&self, candidate: &Candidate<'_>, interrupt: &Interrupt) -> Result<Shipped> {
        let folder = tempfile::tempdir().context("cannot make a folder for fly.toml")?;
        let config = written(&folder, candidate.fly_toml)?;
        let shipment = Shipment {
            image: candidate.image,
            fly_toml: &config,
            env: candidate.env,
            wait_timeout: self.wait_timeout,
        };
        let before = self.instance();
        let activity = self.ui.activity();
        let said = self
            .fly
            .with(interrupt)
            .deploy(&self.project.root, &shipment, |line| activity.goes_on(line.trim_start_matches("> ")));
        drop(activity);
        if let Err(Failure { reason: Reason::Late | Reason::Interrupted, .. }) = &said {
            self.watch(before.as_deref());
        }
        Ok(Shipped { said, machine: self.read_back() })
    }

    /// Until the update has come that was cut off, or is not to be expected any more.
    fn watch(&self, before: Option<&str>) {
        let (begun, seconds) = (Instant::now(), CUT_OFF.as_secs());
        self.ui.status("Waiting", format!("for {seconds} s: an update that was cut off may go on by itself"));
        while begun.elapsed() < CUT_OFF && self.instance().as_deref() == before {
            thread::sleep(TICK);
        }
    }

    /// Of which update the machine is; none where there is no machine, or no answer.
    fn instance(&self) -> Option<String> {
        let machine = self.undisturbed(|shipping| shipping.machine());
        machine.ok().flatten().map(|machine| machine.instance_id)
    }

    /// The machine once it has settled: an update that was cut off goes on by itself.
    pub(crate) fn read_back(&self) -> Result<Option<Machine>, Trouble> {
        self.undisturbed(|shipping| shipping.settled())
    }

    fn settled(&self) -> Result<Option<Machine>, Trouble> {
        let begun = Instant::now();
        loop {
            let is_late = begun.elapsed() > READ_BACK;
            match self.machine() {
                Ok(Some(machine)) if machine.is_changing() && !is_late => {}
                Ok(machine) => return Ok(machine),
                Err(failure) if is_late => return Err(Trouble::from(&failure)),
                Err(_) => {}
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
