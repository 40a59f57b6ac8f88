//! What a look at a lock shows, and how one is taken from a holder that is gone.

use std::fmt;
use std::path::Path;

use anyhow::Result;
use landfall_engine::Interrupt;
use serde::Serialize;

use super::holder::{Holder, to_the_second};
use super::local::{self, Held};
use super::place::{Place, Seen, ambiguous, fetched, interrupted, look, not_read, ref_name, refused, told};
use super::timing::TIMING;
use crate::error::{Error, Kind};
use crate::name::{AppName, CommitId};
use crate::project::Project;
use crate::tool::git::{self, Swapped};

/// In which state a lock is. Its name in JSON is the kebab-case of the variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// Nobody holds it.
    Free,
    /// Somebody holds it.
    Held,
    /// Whoever held it is gone, or should have renewed it, as clocks tell: the next one makes sure of that, and takes it over.
    Expired,
}

/// Where a lock was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Where {
    /// At `origin`, for all.
    #[serde(rename = "origin")]
    Origin,
    /// In the file of this clone.
    #[serde(rename = "this machine")]
    ThisMachine,
}

/// What a look at a lock shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Status {
    /// The app on Fly.
    pub(crate) app: AppName,
    /// In which state it is.
    pub(crate) state: State,
    /// Who holds it, or held it; `None` where nobody does, or what is written there is not understood.
    pub(crate) holder: Option<Holder>,
    /// Where.
    pub(crate) place: Where,
    /// The commit that says so at `origin`.
    #[serde(skip)]
    commit: Option<CommitId>,
}

/// Looks at the lock of `app`: at `origin` first, where there is one.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn status(project: &Project, app: &AppName, interrupt: &Interrupt) -> Result<Status> {
    let place = Place::of(project, app, interrupt)?;
    let app = app.clone();
    let found = look(&place.root, &app, interrupt)?
        .map_err(|reason| if interrupt.is_raised() { interrupted() } else { not_read(&app, &reason) })?;
    if let Some(Seen { commit, holder }) = found {
        let is_expired =
            holder.as_ref().is_some_and(|holder| holder.is_gone() || holder.looks_expired(TIMING.skew));
        let state = if is_expired { State::Expired } else { State::Held };
        return Ok(Status { app, state, holder, place: Where::Origin, commit: Some(commit) });
    }
    // Somebody may be about to take it there, or it was broken there while its process goes on.
    Ok(match local::look(&place.file)? {
        Held::By(holder) => {
            Status { app, state: State::Held, holder, place: Where::ThisMachine, commit: None }
        }
        Held::Free => {
            let place = if place.has_origin { Where::Origin } else { Where::ThisMachine };
            Status { app, state: State::Free, holder: None, place, commit: None }
        }
    })
}

impl Status {
    /// A lock that ends with a process of this machine cannot be taken from it.
    pub(crate) fn refuse_unbreakable(&self) -> Result<(), Error> {
        if (self.state, self.place) != (State::Held, Where::ThisMachine) {
            return Ok(());
        }
        let (app, told) = (&self.app, told(self.holder.as_ref()));
        let message =
            format!("{app} is locked by {told}; the lock of this clone ends with that process alone");
        let remedy = match &self.holder {
            Some(holder) => format!("ask it to stop: kill {}", holder.pid),
            None => "stop the other deploy of this clone".to_owned(),
        };
        Err(Error::new(Kind::Failed, &self.app, message).unchanged().remedy(remedy))
    }

    /// Takes the lock from its holder, exactly as it was seen.
    ///
    /// # Errors
    /// When it was renewed or taken since then, and when `origin` does not do it.
    pub(crate) fn break_lock(&self, root: &Path) -> Result<()> {
        let (app, Some(commit)) = (&self.app, &self.commit) else { return Ok(()) };
        match git::swap(root, &ref_name(app), Some(commit), None)? {
            Swapped::Done | Swapped::Moved(None) => Ok(()),
            Swapped::Moved(Some(now)) => Err(self.moved(root, &now)?.into()),
            Swapped::Refused(reason) => Err(refused(app, "remove", &reason).into()),
            Swapped::Ambiguous(other) => Err(ambiguous(app, "removed", &other).into()),
            Swapped::Silent(reason) => {
                let message = format!("origin did not say whether the lock of {app} was broken: {reason}");
                Err(Error::new(Kind::Failed, app, message)
                    .remedy("see whether it was: cargo xtask lock status")
                    .into())
            }
        }
    }

    fn moved(&self, root: &Path, now: &CommitId) -> Result<Error> {
        let holder = fetched(root, now)?;
        let is_same = matches!((&self.holder, &holder), (Some(a), Some(b)) if a.is_same(b));
        let (what, remedy) = if is_same {
            let remedy =
                "stop that process; or break it without the question: cargo xtask lock break --auto-approve";
            ("was renewed meanwhile, so that process is alive", remedy)
        } else {
            ("is not the one that was shown", "look again: cargo xtask lock status")
        };
        let (app, told) = (&self.app, told(holder.as_ref()));
        let message = format!("the lock of {app} {what}: it is held by {told}");
        Ok(Error::new(Kind::Failed, app, message).unchanged().remedy(remedy))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app, state, holder, place, .. } = self;
        let place = match place {
            Where::Origin => "at origin",
            Where::ThisMachine => "on this machine",
        };
        match (state, holder) {
            (State::Free, _) => writeln!(f, "{app} is free: nobody holds its lock {place}"),
            (State::Expired, Some(holder)) if holder.is_gone() => {
                let since = to_the_second(&holder.since);
                writeln!(f, "{app} is free: the lock of {holder} {place} is left by a process that is gone")?;
                writeln!(f, "  it was taken at {since}; the next deploy takes it over")
            }
            (State::Expired, Some(holder)) => {
                let (since, expiry) = (to_the_second(&holder.since), holder.expiry());
                writeln!(
                    f,
                    "{app} looks free: the lock of {holder} {place} should have been renewed by {expiry}"
                )?;
                let watched = TIMING.silence().as_secs();
                writeln!(
                    f,
                    "  it was taken at {since}; the next deploy watches it for {watched} s, and takes it over where it is not renewed"
                )
            }
            (_, Some(holder)) => {
                let (does, ends) = (holder.does(), holder.ends());
                writeln!(f, "{app} is locked {place} by {holder}\n  {does}\n  {ends}")
            }
            (_, None) => writeln!(f, "{app} is locked {place}: what is written there is not understood"),
        }
    }
}
