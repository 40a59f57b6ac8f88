//! What it takes before production is changed: somebody who agrees, and the lock of the app.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::Shipping;
use crate::error::{Error, Kind};
use crate::name::Revision;
use crate::release::lock::{Lock, What, Work};
use crate::release::phase::Phases;
use crate::ui::Ui;

/// A question without anybody to answer it stops before anything is done; `unasked` where none is going to be asked.
pub(crate) fn refuse_silence(work: Work, unasked: bool, ui: &Ui) -> Result<(), Error> {
    if unasked || ui.can_ask() {
        return Ok(());
    }
    let (done, to_do) = match work {
        Work::Deploy => ("deployed", "deploy"),
        Work::Rollback => ("rolled back", "roll back"),
    };
    let message = format!("there is no terminal to ask on whether this may be {done}");
    Err(Error::usage("--auto-approve", message).unchanged().remedy(format!(
        "add --auto-approve to {to_do} without the question, or --dry-run to see what would be done"
    )))
}

impl Shipping<'_> {
    /// Asks, unless it was agreed to beforehand.
    pub(crate) fn agree(&self, work: Work, beforehand: bool, question: &str) -> Result<()> {
        if beforehand || self.ui.ask(question, self.interrupt)? {
            return Ok(());
        }
        let what = match work {
            Work::Deploy => "deploy",
            Work::Rollback => "rollback",
        };
        let message = format!("the {what} was declined");
        Err(Error::new(Kind::Declined, &self.fly_toml.app, message).unchanged().into())
    }

    /// Takes the lock of the app; `commit` is what production is to serve afterwards.
    pub(crate) fn lock(
        &self,
        work: Work,
        commit: &Revision,
        wait: Duration,
        phases: &mut Phases,
    ) -> Result<Lock> {
        let Self { project, fly_toml, interrupt, ui, .. } = self;
        let begun = Instant::now();
        let what = What { command: work, commit: commit.clone() };
        let lock = Lock::take(project, &fly_toml.app, &what, wait, interrupt, |told| told.show(ui))?;
        phases.done(ui, "Lock", begun, format!("of {} is held", fly_toml.app));
        Ok(lock)
    }

    /// Gives it back, whatever came of the work; what went wrong with the lock is told beside that.
    pub(crate) fn give_back<T>(&self, lock: Lock, ended: Result<T>) -> Result<T> {
        if let Err(error) = lock.release() {
            self.ui.note(format!("{error}\nto give it back now: cargo xtask lock break"));
        }
        ended
    }
}
