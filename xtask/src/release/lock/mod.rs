//! One deploy of an app at a time: a ref at `origin` for all, and a file for the deploys of one clone.
//!
//! The ref names a commit that says who holds the lock and until when. It is taken, renewed and given back by pushes that only go
//! through where the ref still is what it was seen to be, so of two that try at once one wins. A holder that dies renews it no
//! more, and the next one takes it over.

mod beat;
mod holder;
mod local;
mod status;

use std::path::{Path, PathBuf};
use std::process;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use migrate::Interrupt;

use self::beat::{Beat, Writer};
pub(crate) use self::holder::{Holder, Work};
use self::local::{Held, Local};
pub(crate) use self::status::{State, Status, status};
use super::identity::Identity;
use crate::error::{Error, Kind};
use crate::project::Project;
use crate::tool::git::{self, Origin, Swapped};
use crate::ui::Ui;

/// How far the clocks of two machines may be apart.
const SKEW: Duration = Duration::from_secs(30);
/// How often the request to stop is looked at.
const TICK: Duration = Duration::from_millis(50);
/// How often a commit is looked for that its holder may replace meanwhile.
const LOOKS: usize = 3;

/// How often things are done.
#[derive(Debug, Clone, Copy)]
struct Timing {
    /// Between two renewals.
    beat: Duration,
    /// Between two that failed.
    retry: Duration,
    /// How long the lock counts from a renewal on.
    expiry: Duration,
    /// Between two looks at somebody else's lock.
    poll: Duration,
}

const TIMING: Timing = Timing {
    beat: Duration::from_secs(30),
    retry: Duration::from_secs(5),
    expiry: Duration::from_secs(120),
    poll: Duration::from_secs(2),
};

/// What the lock is taken for.
#[derive(Debug, Clone)]
pub(crate) struct What {
    /// What is done.
    pub(crate) command: Work,
    /// The commit that production is to serve afterwards.
    pub(crate) commit: String,
}

/// What there is to tell while it is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// For whom it waits.
    Waiting(String),
    /// Something worth knowing.
    Note(String),
}

impl Told {
    /// Tells it.
    pub(crate) fn show(&self, ui: &Ui) {
        match self {
            Self::Waiting(text) => ui.status("Waiting", text),
            Self::Note(text) => ui.note(text),
        }
    }
}

/// Held until it is given back or dropped; a process that is killed gives it back by its expiry.
#[derive(Debug)]
pub(crate) struct Lock {
    app: String,
    /// What holds it at `origin`, where there is one.
    beat: Option<Beat>,
    _local: Local,
}

impl Lock {
    /// Takes the lock of `app`; waits for it for as long as `wait`.
    ///
    /// # Errors
    /// When somebody else holds it for longer than that, when `origin` does not answer or take it, when we are asked to stop.
    pub(crate) fn take(
        project: &Project,
        app: &str,
        what: &What,
        wait: Duration,
        interrupt: &Interrupt,
        tell: impl FnMut(Told),
    ) -> Result<Self> {
        let place = Place::of(project, app)?;
        Taking::new(&place, app, what, TIMING, wait, interrupt, tell)?.run()
    }

    /// Whether nobody broke it or took it over, as far as its last renewal tells.
    pub(crate) fn is_held(&self) -> bool {
        self.lost().is_none()
    }

    /// Renews it now: what comes next must not be done by two.
    ///
    /// # Errors
    /// When it is not held any more.
    pub(crate) fn confirm(&self) -> Result<(), Error> {
        if let Some(beat) = &self.beat {
            beat.renew();
        }
        match self.lost() {
            None => Ok(()),
            Some(why) => {
                let message = format!("the lock of {} is not held any more: {why}", self.app);
                Err(Error::new(Kind::Failed, &self.app, message)
                    .remedy("see who deploys: cargo xtask lock status"))
            }
        }
    }

    /// Gives it back; where it is lost already there is nothing to do.
    ///
    /// # Errors
    /// When it stays at `origin` until it expires.
    pub(crate) fn release(mut self) -> Result<(), Error> {
        self.give_back()
    }

    fn lost(&self) -> Option<String> {
        self.beat.as_ref().and_then(Beat::lost)
    }

    fn give_back(&mut self) -> Result<(), Error> {
        let Some(mut beat) = self.beat.take() else { return Ok(()) };
        beat.give_back().map_err(|(reason, expiry)| {
            let app = &self.app;
            let message = format!("the lock of {app} was not given back: {reason}; it expires at {expiry}");
            Error::new(Kind::Failed, app, message).remedy("to give it back now: cargo xtask lock break")
        })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // It expires where this fails; nobody is left to be told.
        let _ = self.give_back();
    }
}

/// What the ref names at `origin`.
struct Seen {
    commit: String,
    /// `None` where what it says is not understood.
    holder: Option<Holder>,
}

/// Where the lock of an app is.
#[derive(Debug)]
struct Place {
    root: PathBuf,
    file: PathBuf,
    has_origin: bool,
}

impl Place {
    fn of(project: &Project, app: &str) -> Result<Self> {
        Self::at(&project.root, project.target(), app)
    }

    /// The file is where no work tree shows it, and all of them share it.
    fn at(root: &Path, target: &Path, app: &str) -> Result<Self> {
        let folder = git::common_folder(root)?.unwrap_or_else(|| target.to_owned());
        let file = folder.join("landfall").join(format!("lock-{app}"));
        Ok(Self { root: root.to_owned(), file, has_origin: git::has_origin(root)? })
    }
}

/// The git ref that is the lock of an app.
fn ref_name(app: &str) -> String {
    format!("refs/landfall/lock/{app}")
}

/// A lock that is about to be taken.
struct Taking<'a, T> {
    place: &'a Place,
    writer: Writer,
    begun: Instant,
    wait: Duration,
    interrupt: &'a Interrupt,
    /// For whom it was told to wait last.
    waits_for: Option<Option<Holder>>,
    tell: T,
}

impl<'a, T: FnMut(Told)> Taking<'a, T> {
    fn new(
        place: &'a Place,
        app: &str,
        what: &What,
        timing: Timing,
        wait: Duration,
        interrupt: &'a Interrupt,
        tell: T,
    ) -> Result<Self> {
        let identity = Identity::read(&place.root)?;
        let holder = Holder {
            app: app.to_owned(),
            holder: identity.who.clone(),
            host: identity.host.clone(),
            pid: process::id(),
            commit: what.commit.clone(),
            command: what.command,
            since: humantime::format_rfc3339_nanos(SystemTime::now()).to_string(),
            expires: None,
        };
        let writer = Writer { root: place.root.clone(), identity, holder, timing };
        Ok(Self { place, writer, begun: Instant::now(), wait, interrupt, waits_for: None, tell })
    }

    fn run(mut self) -> Result<Lock> {
        let mut local = self.local()?;
        local.tell(&self.writer.holder)?;
        let beat = if self.place.has_origin { Some(self.at_origin()?) } else { None };
        if beat.is_none() {
            let note = "there is no origin: the lock keeps out other deploys of this clone alone";
            (self.tell)(Told::Note(note.to_owned()));
        }
        let lock = Lock { app: self.writer.holder.app.clone(), beat, _local: local };
        if self.interrupt.is_raised() {
            lock.release()?;
            return Err(interrupted().into());
        }
        Ok(lock)
    }

    fn local(&mut self) -> Result<Local> {
        loop {
            if let Some(local) = Local::try_take(&self.place.file)? {
                return Ok(local);
            }
            if let Held::By(holder) = local::look(&self.place.file)? {
                self.wait_for(holder, where_it_is_local)?;
            }
        }
    }

    fn at_origin(&mut self) -> Result<Beat> {
        loop {
            let expired = match self.look()? {
                None => None,
                Some(Seen { commit, holder: Some(holder) }) if holder.is_expired(SystemTime::now()) => {
                    Some((commit, holder))
                }
                Some(Seen { holder, .. }) => {
                    self.wait_for(holder, where_it_is_at_origin)?;
                    continue;
                }
            };
            if let Some(beat) = self.try_push(expired.as_ref().map(|(commit, _)| commit.as_str()))? {
                if let Some((_, holder)) = expired {
                    let expiry = holder.expiry();
                    (self.tell)(Told::Note(format!("the lock of {holder} expired at {expiry}: taken over")));
                }
                return Ok(beat);
            }
        }
    }

    fn look(&self) -> Result<Option<Seen>> {
        if self.interrupt.is_raised() {
            return Err(interrupted().into());
        }
        let looked = look(&self.place.root, self.app(), self.interrupt)?;
        if self.interrupt.is_raised() {
            return Err(interrupted().into());
        }
        looked.map_err(|reason| not_read(self.app(), &reason).into())
    }

    /// `None` where somebody else was faster.
    fn try_push(&self, expected: Option<&str>) -> Result<Option<Beat>> {
        let (commit, expires) = self.writer.commit()?;
        let (root, name) = (&self.place.root, self.writer.ref_name());
        match git::swap(root, &name, expected, Some(&commit))? {
            Swapped::Done => Ok(Some(Beat::start(self.writer.clone(), commit, expires))),
            Swapped::Moved(_) => Ok(None),
            Swapped::Refused(reason) => Err(refused(self.app(), "take", &reason).into()),
            Swapped::Silent(reason) => {
                let removed = git::swap(root, &name, Some(&commit), None)?;
                let is_gone = matches!(removed, Swapped::Done | Swapped::Moved(_));
                Err(unanswered(self.app(), &reason, (!is_gone).then_some(expires)).into())
            }
        }
    }

    /// Until it is worth another look.
    fn wait_for(&mut self, holder: Option<Holder>, remedy: fn() -> &'static str) -> Result<()> {
        if self.begun.elapsed() >= self.wait {
            return Err(held(self.app(), holder.as_ref(), self.wait).remedy(remedy()).into());
        }
        let is_same = match (&self.waits_for, &holder) {
            (Some(Some(before)), Some(now)) => before.is_same(now),
            (before, now) => before.as_ref() == Some(now),
        };
        if !is_same {
            let text = format!("for the lock of {}", told(self.app(), holder.as_ref()));
            (self.tell)(Told::Waiting(text));
            self.waits_for = Some(holder);
        }
        let begun = Instant::now();
        while begun.elapsed() < self.writer.timing.poll && self.begun.elapsed() < self.wait {
            if self.interrupt.is_raised() {
                return Err(interrupted().into());
            }
            thread::sleep(TICK);
        }
        Ok(())
    }

    fn app(&self) -> &str {
        &self.writer.holder.app
    }
}

/// Who holds the lock at `origin`; `None` where there is no such ref. Why it cannot be read, where it cannot.
fn look(root: &Path, app: &str, interrupt: &Interrupt) -> Result<Result<Option<Seen>, String>> {
    let mut trouble = String::new();
    for _ in 0..LOOKS {
        let commit = match git::origin_ref(root, &ref_name(app), interrupt)? {
            Origin::Answered(Some(commit)) => commit,
            Origin::Answered(None) | Origin::Nowhere => return Ok(Ok(None)),
            Origin::Silent(reason) => return Ok(Err(reason)),
        };
        if git::message(root, &commit)?.is_none()
            && let Err(reason) = git::fetch(root, &commit, interrupt)?
        {
            // It may have been renewed in between.
            trouble = reason;
            continue;
        }
        let holder = git::message(root, &commit)?.and_then(|message| Holder::parse(&message));
        return Ok(Ok(Some(Seen { commit, holder })));
    }
    Ok(Err(trouble))
}

/// Who holds the lock with this commit, as far as that can be told at once.
fn whose(root: &Path, commit: &str) -> String {
    let message = || -> Result<Option<String>> {
        let _ = git::fetch(root, commit, &Interrupt::default())?;
        git::message(root, commit)
    };
    let holder = message().ok().flatten().and_then(|message| Holder::parse(&message));
    holder.map_or_else(|| "somebody else".to_owned(), |holder| holder.to_string())
}

/// `shop, held by ada@example.com on laptop (process 4711), who deploys 0123456789ab since 2026-08-01T12:00:00Z`.
fn told(app: &str, holder: Option<&Holder>) -> String {
    match holder {
        Some(holder) => format!("{app}, held by {holder}, who {}", holder.does()),
        None => format!("{app}, held by somebody who cannot be told"),
    }
}

fn held(app: &str, holder: Option<&Holder>, waited: Duration) -> Error {
    let ends = holder.map_or_else(String::new, |holder| format!("; {}", holder.ends()));
    let waited = match waited.as_secs() {
        0 => String::new(),
        seconds => format!("; waited {seconds} s for it"),
    };
    let message = format!("the lock of {}{ends}{waited}; nothing was changed", told(app, holder));
    Error::new(Kind::Failed, app, message)
}

fn where_it_is_local() -> &'static str {
    "wait for it: --lock-wait SECONDS\nlook again: cargo xtask lock status"
}

fn where_it_is_at_origin() -> &'static str {
    "wait for it: --lock-wait SECONDS\nlook again: cargo xtask lock status\n\
     where that process is gone: cargo xtask lock break"
}

fn interrupted() -> Error {
    Error::new(Kind::Interrupted, "", "interrupted; nothing was changed")
}

fn not_read(app: &str, reason: &str) -> Error {
    let message = format!("the lock of {app} cannot be read at origin: {reason}; nothing was changed");
    Error::new(Kind::Failed, app, message).remedy("see whether origin answers: git ls-remote origin")
}

fn refused(app: &str, what: &str, reason: &str) -> Error {
    let name = ref_name(app);
    let message = format!("origin does not let you {what} {name}: {reason}; nothing was changed");
    Error::new(Kind::Failed, app, message).remedy(
        "allow whoever deploys to push refs/landfall/*, in the rules of the repository and in their rights",
    )
}

fn unanswered(app: &str, reason: &str, left_until: Option<SystemTime>) -> Error {
    let left = left_until.map_or_else(String::new, |time| {
        let time = humantime::format_rfc3339_seconds(time);
        format!("; if it was taken all the same, it expires at {time}")
    });
    let message = format!(
        "origin did not say whether the lock of {app} was taken: {reason}{left}; nothing was changed"
    );
    Error::new(Kind::Failed, app, message)
        .remedy("see whether origin answers: git ls-remote origin\nthen look again: cargo xtask lock status")
}
