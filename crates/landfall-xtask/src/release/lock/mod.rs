//! One deploy of an app at a time: a ref at `origin` for all, and a file for the deploys of one clone.
//!
//! The ref names a commit that says who holds the lock and until when. It is taken, renewed and given back by pushes that only go
//! through where the ref still is what it was seen to be, so of two that try at once one wins. A holder that dies renews it no
//! more: whoever watches the ref for that long, by one clock, takes it over; on the same machine its process is seen to be gone at once.

mod beat;
mod holder;
mod local;
mod mark;
mod place;
mod status;
mod timing;

use std::process;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use landfall_engine::Interrupt;

use self::beat::{Beat, Writer};
pub(crate) use self::holder::{Holder, Work};
use self::local::{Held, Local};
use self::place::{Place, Seen, ambiguous, interrupted, look, not_read, refused, told};
pub(crate) use self::status::{State, Status, status};
use self::timing::{TIMING, Timing};
use super::identity::Identity;
use crate::error::{Error, Kind};
use crate::name::{AppName, CommitId, Revision};
use crate::project::Project;
use crate::tool::git::{self, Swapped};
use crate::ui::Ui;

/// How often the request to stop is looked at.
const TICK: Duration = Duration::from_millis(50);
/// What the lock is taken for.
#[derive(Debug, Clone)]
pub(crate) struct What {
    /// What is done.
    pub(crate) command: Work,
    /// The commit that production is to serve afterwards.
    pub(crate) commit: Revision,
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
    app: AppName,
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
        app: &AppName,
        what: &What,
        wait: Duration,
        interrupt: &Interrupt,
        tell: impl FnMut(Told),
    ) -> Result<Self> {
        let place = Place::of(project, app, interrupt)?;
        Taking::new(&place, app, what, TIMING, wait, interrupt, tell)?.run()
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
        app: &AppName,
        what: &What,
        timing: Timing,
        wait: Duration,
        interrupt: &'a Interrupt,
        tell: T,
    ) -> Result<Self> {
        let identity = Identity::read(&place.root, interrupt)?;
        let holder = Holder {
            app: app.clone(),
            holder: identity.who.clone(),
            host: identity.host.clone(),
            pid: process::id(),
            commit: what.commit.clone(),
            command: what.command,
            since: humantime::format_rfc3339_nanos(SystemTime::now()).to_string(),
            expires: None,
            process: mark::own(),
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
                self.wait_for(holder, self.wait, where_it_is_local)?;
            }
        }
    }

    fn at_origin(&mut self) -> Result<Beat> {
        let mut watch: Option<Watch> = None;
        loop {
            let Some(Seen { commit, holder }) = self.look()? else {
                if let Some(beat) = self.try_push(None)? {
                    return Ok(beat);
                }
                continue;
            };
            let timing = self.writer.timing;
            let watched = Watch::at(watch.take(), commit);
            let Some(why) = holder.as_ref().and_then(|holder| watched.is_over(holder, timing)) else {
                let unasked =
                    watched.worth(holder.as_ref(), timing).map(|worth| watched.since - self.begun + worth);
                let wait = unasked.unwrap_or_default().max(self.wait);
                self.wait_for(holder, wait, where_it_is_at_origin)?;
                watch = Some(watched);
                continue;
            };
            if let Some(beat) = self.try_push(Some(&watched.commit))? {
                (self.tell)(Told::Note(format!("the lock of {why}: taken over")));
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
    fn try_push(&self, expected: Option<&CommitId>) -> Result<Option<Beat>> {
        let (commit, term) = self.writer.commit()?;
        let (root, name) = (&self.place.root, self.writer.ref_name());
        match git::swap(root, &name, expected, Some(&commit))? {
            Swapped::Done => Ok(Some(Beat::start(self.writer.clone(), commit, term))),
            Swapped::Moved(_) => Ok(None),
            Swapped::Refused(reason) => Err(refused(self.app(), "take", &reason).into()),
            Swapped::Ambiguous(other) => Err(ambiguous(self.app(), "taken", &other).into()),
            Swapped::Silent(reason) => {
                let removed = git::swap(root, &name, Some(&commit), None)?;
                let is_gone = matches!(removed, Swapped::Done | Swapped::Moved(_));
                Err(unanswered(self.app(), &reason, (!is_gone).then_some(term.told)).into())
            }
        }
    }

    /// Until it is worth another look.
    fn wait_for(
        &mut self,
        holder: Option<Holder>,
        wait: Duration,
        remedy: fn() -> &'static str,
    ) -> Result<()> {
        if self.begun.elapsed() >= wait {
            return Err(held(self.app(), holder.as_ref(), self.wait).remedy(remedy()).into());
        }
        let is_same = match (&self.waits_for, &holder) {
            (Some(Some(before)), Some(now)) => before.is_same(now),
            (before, now) => before.as_ref() == Some(now),
        };
        if !is_same {
            let text = format!("for the lock of {}, held by {}", self.app(), told(holder.as_ref()));
            (self.tell)(Told::Waiting(text));
            self.waits_for = Some(holder);
        }
        let begun = Instant::now();
        while begun.elapsed() < self.writer.timing.poll && self.begun.elapsed() < wait {
            if self.interrupt.is_raised() {
                return Err(interrupted().into());
            }
            thread::sleep(TICK);
        }
        Ok(())
    }

    fn app(&self) -> &AppName {
        &self.writer.holder.app
    }
}

/// Somebody else's lock, as it is watched: by this clock alone.
#[derive(Debug)]
struct Watch {
    /// What the ref names.
    commit: CommitId,
    /// Since when it is seen to name that.
    since: Instant,
    /// Whether it was seen to be renewed.
    is_alive: bool,
}

impl Watch {
    /// The next look shows this commit.
    fn at(earlier: Option<Self>, commit: CommitId) -> Self {
        match earlier {
            Some(earlier) if earlier.commit == commit => earlier,
            earlier => Self { commit, since: Instant::now(), is_alive: earlier.is_some() },
        }
    }

    /// Why it is held no more, beginning with its holder; none where it may be.
    fn is_over(&self, holder: &Holder, timing: Timing) -> Option<String> {
        if holder.is_gone() {
            return Some(format!("{holder} is left by a process that is gone"));
        }
        let silence = timing.silence();
        (self.since.elapsed() >= silence)
            .then(|| format!("{holder} was not renewed for {} s", silence.as_secs_f64().round()))
    }

    /// How long it is watched unasked: one that looks expired, until it is seen to be renewed.
    fn worth(&self, holder: Option<&Holder>, timing: Timing) -> Option<Duration> {
        let looks_expired = holder.is_some_and(|holder| holder.looks_expired(timing.skew));
        (looks_expired && !self.is_alive).then(|| timing.silence() + timing.poll * 2)
    }
}

fn held(app: &AppName, holder: Option<&Holder>, waited: Duration) -> Error {
    let ends = holder.map_or_else(String::new, |holder| format!("; {}", holder.ends()));
    let waited = match waited.as_secs() {
        0 => String::new(),
        seconds => format!("; waited {seconds} s for it"),
    };
    let message = format!("{app} is locked by {}{ends}{waited}", told(holder));
    Error::new(Kind::Failed, app, message).unchanged()
}

fn where_it_is_local() -> &'static str {
    "wait for it: --lock-wait SECONDS\nlook again: cargo xtask lock status"
}

fn where_it_is_at_origin() -> &'static str {
    "wait for it: --lock-wait SECONDS\nlook again: cargo xtask lock status\n\
     where that process is gone: cargo xtask lock break"
}

fn unanswered(app: &AppName, reason: &str, left_until: Option<SystemTime>) -> Error {
    let left = left_until.map_or_else(String::new, |time| {
        let time = humantime::format_rfc3339_seconds(time);
        format!("; if it was taken all the same, it expires at {time}")
    });
    let message = format!("origin did not say whether the lock of {app} was taken: {reason}{left}");
    Error::new(Kind::Failed, app, message)
        .unchanged()
        .remedy("see whether origin answers: git ls-remote origin\nthen look again: cargo xtask lock status")
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::os::unix::process::CommandExt as _;
    use std::path::{Path, PathBuf};
    use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
    use std::sync::mpsc;
    use std::{env, fs, io};

    use insta::assert_snapshot;
    use rustix::process::{Pid, Signal, kill_process, kill_process_group};

    use super::*;
    use crate::error;
    use crate::tool::git::sandbox::{self, Sandbox};

    fn app() -> AppName {
        AppName::parse("shop").unwrap()
    }

    const REF: &str = "refs/landfall/lock/shop";
    /// Where a process that is started by a test works.
    const CLONE: &str = "LANDFALL_TEST_CLONE";
    const SHORT: Timing = Timing {
        beat: Duration::from_millis(150),
        retry: Duration::from_millis(50),
        expiry: Duration::from_secs(3),
        skew: Duration::from_millis(500),
        poll: Duration::from_millis(100),
    };
    const NOW: Duration = Duration::ZERO;
    const SOON: Duration = Duration::from_secs(20);

    fn what() -> What {
        What {
            command: Work::Deploy,
            commit: Revision::parse("0123456789abcdef0123456789abcdef01234567-dirty").unwrap(),
        }
    }

    fn place(root: &Path) -> Place {
        Place::at(root, &root.join("target"), &app(), &Interrupt::default()).unwrap()
    }

    fn take_with(
        root: &Path,
        timing: Timing,
        wait: Duration,
        interrupt: &Interrupt,
        tell: impl FnMut(Told),
    ) -> Result<Lock> {
        Taking::new(&place(root), &app(), &what(), timing, wait, interrupt, tell)?.run()
    }

    fn take(root: &Path, wait: Duration) -> Result<Lock> {
        take_with(root, SHORT, wait, &Interrupt::default(), |_| ())
    }

    /// What a person reads of an error, without this machine and this run.
    fn text(error: impl Into<anyhow::Error>) -> String {
        let told = error::Told::of(&error.into());
        normal(&format!("{}\n{}", told.told(), told.remedy))
    }

    fn normal(text: &str) -> String {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let mut text = text.replace(&format!("on {host} "), "on [HOST] ");
        text = text.replace(&format!("(process {})", process::id()), "(process [PID])");
        while let Some(at) = text.match_indices('T').map(|(at, _)| at).find(|at| is_time(&text, *at)) {
            text.replace_range(at - 10..at + 10, "[TIME]");
        }
        text
    }

    /// Whether that is the T of `2026-08-01T12:00:00Z`.
    fn is_time(text: &str, at: usize) -> bool {
        let time = at.checked_sub(10).and_then(|from| text.get(from..at + 10));
        time.is_some_and(|time| humantime::parse_rfc3339(time).is_ok())
    }

    fn until(what: &str, mut is_so: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < SOON, "{what} does not come");
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn writer(root: &Path) -> Writer {
        let (place, interrupt) = (place(root), Interrupt::default());
        Taking::new(&place, &app(), &what(), SHORT, NOW, &interrupt, |_| ()).unwrap().writer
    }

    /// A lock whose holder has died, in the place of whatever was there.
    fn leave_behind(sandbox: &Sandbox, root: &Path) {
        let (commit, _) = writer(root).commit().unwrap();
        sandbox::git(root, &["push", "--quiet", "--force", "origin", &format!("{commit}:{REF}")]);
        assert_eq!(sandbox.named(REF), Some(commit.to_string()));
    }

    #[test]
    fn who_finds_it_held_is_told_by_whom_and_what_to_type() {
        let sandbox = Sandbox::new();
        let (ada, bob) = (sandbox.clone("ada"), sandbox.clone("bob"));
        let lock = take(&ada, NOW).unwrap();
        assert_snapshot!(text(take(&bob, NOW).unwrap_err()), @"
        shop is locked by ada@example.com on [HOST] (process [PID]), who deploys 0123456789ab-dirty since [TIME]; the lock expires at [TIME] unless it is renewed; nothing was changed
        wait for it: --lock-wait SECONDS
        look again: cargo xtask lock status
        where that process is gone: cargo xtask lock break
        ");
        assert_snapshot!(text(take(&bob, Duration::from_secs(1)).unwrap_err()), @"
        shop is locked by ada@example.com on [HOST] (process [PID]), who deploys 0123456789ab-dirty since [TIME]; the lock expires at [TIME] unless it is renewed; waited 1 s for it; nothing was changed
        wait for it: --lock-wait SECONDS
        look again: cargo xtask lock status
        where that process is gone: cargo xtask lock break
        ");
        assert_snapshot!(text(take(&ada, NOW).unwrap_err()), @"
        shop is locked by ada@example.com on [HOST] (process [PID]), who deploys 0123456789ab-dirty since [TIME]; the lock ends with that process; nothing was changed
        wait for it: --lock-wait SECONDS
        look again: cargo xtask lock status
        ");
        let message = sandbox::git(&sandbox.origin(), &["log", "-1", "--format=%B", REF]);
        assert_snapshot!(normal(message.lines().next().unwrap()), @"ada@example.com on [HOST] (process [PID]) deploys 0123456789ab-dirty since [TIME], until [TIME]");
        let holder = Holder::parse(&message).unwrap();
        assert_eq!((holder.app.as_str(), holder.holder.as_str()), ("shop", "ada@example.com"));
        assert_eq!((holder.pid, holder.commit), (process::id(), what().commit));
        lock.release().unwrap();
        assert_eq!(sandbox.named(REF), None);
        take(&bob, NOW).unwrap().release().unwrap();
        take(&ada, NOW).unwrap().release().unwrap();
    }

    #[test]
    fn who_waits_is_told_for_whom_once_and_again_when_that_is_another() {
        let sandbox = Sandbox::new();
        let [ada, bob, eve] = ["ada", "bob", "eve"].map(|name| sandbox.clone(name));
        let first = take(&ada, NOW).unwrap();
        let (send, told) = mpsc::channel();
        let waiting = thread::spawn(move || {
            let tell = |told| send.send(told).unwrap();
            take_with(&bob, SHORT, SOON, &Interrupt::default(), tell)?.release()?;
            Ok::<_, anyhow::Error>(())
        });
        let waits_for = || match told.recv_timeout(SOON).unwrap() {
            Told::Waiting(text) => normal(&text),
            Told::Note(text) => panic!("{text}"),
        };
        assert_snapshot!(waits_for(), @"for the lock of shop, held by ada@example.com on [HOST] (process [PID]), who deploys 0123456789ab-dirty since [TIME]");
        // Meanwhile it is renewed a few times.
        thread::sleep(SHORT.beat * 4);
        leave_behind(&sandbox, &eve);
        assert_snapshot!(waits_for(), @"for the lock of shop, held by eve@example.com on [HOST] (process [PID]), who deploys 0123456789ab-dirty since [TIME]");
        sandbox::git(&eve, &["push", "--quiet", "origin", &format!(":{REF}")]);
        waiting.join().unwrap().unwrap();
        assert!(told.try_recv().is_err(), "nothing else is told");
        assert_eq!(sandbox.named(REF), None);
        drop(first);
    }

    #[test]
    fn waiting_can_be_interrupted() {
        let sandbox = Sandbox::new();
        let (ada, bob) = (sandbox.clone("ada"), sandbox.clone("bob"));
        let _lock = take(&ada, NOW).unwrap();
        for root in [ada, bob] {
            let (interrupt, begun) = (Interrupt::default(), Instant::now());
            let error =
                take_with(&root, SHORT, SOON * 9, &interrupt.clone(), |_| interrupt.raise()).unwrap_err();
            assert_eq!(text(error), "interrupted; nothing was changed\n");
            assert!(begun.elapsed() < SOON);
        }
    }

    #[test]
    fn a_lock_that_expired_is_taken_over_and_told() {
        let sandbox = Sandbox::new();
        let (ada, bob) = (sandbox.clone("ada"), sandbox.clone("bob"));
        leave_behind(&sandbox, &ada);
        assert!(take(&bob, NOW).is_err(), "not yet");
        let mut told = Vec::new();
        let lock = take_with(&bob, SHORT, SOON, &Interrupt::default(), |it| told.push(it)).unwrap();
        let [Told::Waiting(_), Told::Note(note)] = told.as_slice() else { panic!("{told:?}") };
        assert_snapshot!(normal(note), @"the lock of ada@example.com on [HOST] (process [PID]) was not renewed for 4 s: taken over");
        assert!(lock.lost().is_none());
    }

    /// What a holder writes whose clock is that far from ours.
    fn says(sandbox: &Sandbox, root: &Path, expires: SystemTime) {
        let mut writer = writer(root);
        writer.holder.process = None;
        let holder = Holder {
            expires: Some(humantime::format_rfc3339(expires).to_string()),
            // What differs from one renewal to the next.
            since: humantime::format_rfc3339_nanos(SystemTime::now()).to_string(),
            ..writer.holder
        };
        let tree = git::tree(root, &[]).unwrap();
        let commit = git::commit(root, &tree, None, ("ada", "ada@example.com"), &holder.message().unwrap());
        sandbox::git(root, &["push", "--quiet", "--force", "origin", &format!("{}:{REF}", commit.unwrap())]);
        assert!(sandbox.named(REF).is_some());
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_clock_that_is_an_hour_off_keeps_nobody_out_and_lets_nobody_in() {
        let sandbox = Sandbox::new();
        let (ada, bob) = (sandbox.clone("ada"), sandbox.clone("bob"));
        // Dead, and by its clock it counts for an hour still.
        says(&sandbox, &ada, SystemTime::now() + HOUR);
        assert!(take(&bob, NOW).is_err(), "nobody knows yet");
        take(&bob, SOON).unwrap().release().unwrap();
        // Alive, and by our clock it expired an hour ago.
        says(&sandbox, &ada, SystemTime::now() - HOUR);
        let (stop, stopped) = mpsc::channel::<()>();
        let (at, holder) = (&sandbox, &ada);
        thread::scope(|scope| {
            scope.spawn(move || {
                while stopped.recv_timeout(SHORT.beat).is_err() {
                    says(at, holder, SystemTime::now() - HOUR);
                }
            });
            let told = take(&bob, NOW).unwrap_err().to_string();
            stop.send(()).unwrap();
            assert!(told.contains("is locked by ada@example.com"), "{told}");
        });
        // Dead, and it looks so: watched unasked.
        take(&bob, NOW).unwrap().release().unwrap();
    }

    #[test]
    fn it_is_renewed_for_as_long_as_it_is_held() {
        let sandbox = Sandbox::new();
        let (ada, bob) = (sandbox.clone("ada"), sandbox.clone("bob"));
        let lock = take(&ada, NOW).unwrap();
        let first = sandbox.named(REF);
        thread::sleep(SHORT.expiry + SHORT.skew + SHORT.beat);
        assert!(lock.lost().is_none());
        assert_ne!(sandbox.named(REF), first);
        assert!(take(&bob, NOW).is_err());
        lock.confirm().unwrap();
    }

    #[test]
    fn what_is_broken_while_it_is_held_is_not_held_any_more() {
        let sandbox = Sandbox::new();
        let (ada, bob) = (sandbox.clone("ada"), sandbox.clone("bob"));
        let lock = take(&ada, NOW).unwrap();
        sandbox::git(&sandbox.origin(), &["update-ref", "-d", REF]);
        until("the loss", || lock.lost().is_some());
        assert_snapshot!(text(lock.confirm().unwrap_err()), @"
        the lock of shop is not held any more: somebody broke it
        see who deploys: cargo xtask lock status
        ");
        lock.release().unwrap();

        let slow = Timing { beat: SOON, ..SHORT };
        let lock = take_with(&ada, slow, NOW, &Interrupt::default(), |_| ()).unwrap();
        sandbox::git(&sandbox.origin(), &["update-ref", "-d", REF]);
        let other = take(&bob, NOW).unwrap();
        assert_snapshot!(text(lock.confirm().unwrap_err()), @"
        the lock of shop is not held any more: bob@example.com on [HOST] (process [PID]) has it now
        see who deploys: cargo xtask lock status
        ");
        drop(lock);
        assert!(sandbox.named(REF).is_some(), "only one's own is given back");
        other.confirm().unwrap();
        drop(other);
        assert_eq!(sandbox.named(REF), None);
    }

    #[test]
    fn without_an_answer_it_is_held_until_it_expires_and_again_when_origin_is_back() {
        let sandbox = Sandbox::new();
        let ada = sandbox.clone("ada");
        let lock = take(&ada, NOW).unwrap();
        sandbox.origin_goes();
        lock.confirm().unwrap();
        until("its expiry", || lock.lost().is_some());
        let told = text(lock.confirm().unwrap_err()).replace(sandbox.path().to_str().unwrap(), "[DIR]");
        assert_snapshot!(told, @"
        the lock of shop is not held any more: it expired at [TIME] and could not be renewed: '[DIR]/origin.git' does not appear to be a git repository
        see who deploys: cargo xtask lock status
        ");
        sandbox.origin_comes_back();
        lock.confirm().unwrap();
        sandbox.origin_goes();
        let told = text(lock.release().unwrap_err()).replace(sandbox.path().to_str().unwrap(), "[DIR]");
        assert_snapshot!(told, @"
        the lock of shop was not given back: '[DIR]/origin.git' does not appear to be a git repository; it expires at [TIME]
        to give it back now: cargo xtask lock break
        ");
        let told = text(take(&ada, NOW).unwrap_err()).replace(sandbox.path().to_str().unwrap(), "[DIR]");
        assert_snapshot!(told, @"
        the lock of shop cannot be read at origin: '[DIR]/origin.git' does not appear to be a git repository; nothing was changed
        see whether origin answers: git ls-remote origin
        ");
    }

    #[test]
    fn a_refusal_is_told_in_the_words_of_origin() {
        let sandbox = Sandbox::new();
        let ada = sandbox.clone("ada");
        sandbox.on_push("echo >&2 'Only robots push here.'; exit 1");
        assert_snapshot!(text(take(&ada, NOW).unwrap_err()), @"
        origin does not let you take refs/landfall/lock/shop: pre-receive hook declined: Only robots push here; nothing was changed
        allow whoever deploys to push refs/landfall/*, in the rules of the repository and in their rights
        ");
        sandbox.on_push("exit 1");
        assert_snapshot!(text(take(&ada, NOW).unwrap_err()), @"
        origin does not let you take refs/landfall/lock/shop: pre-receive hook declined; nothing was changed
        allow whoever deploys to push refs/landfall/*, in the rules of the repository and in their rights
        ");
    }

    #[test]
    fn credentials_in_the_address_are_not_told() {
        let sandbox = Sandbox::new();
        let ada = sandbox.clone("ada");
        sandbox::git(&ada, &["remote", "set-url", "origin", "http://ada:secret@127.0.0.1:1/shop.git"]);
        let told = text(take(&ada, NOW).unwrap_err());
        assert!(told.contains("127.0.0.1") && !told.contains("secret"), "{told}");
    }

    #[test]
    fn without_an_origin_this_clone_is_locked_and_that_is_told() {
        let sandbox = Sandbox::new();
        let ada = sandbox.alone("ada");
        let mut told = Vec::new();
        let lock = take_with(&ada, SHORT, NOW, &Interrupt::default(), |it| told.push(it)).unwrap();
        let [Told::Note(note)] = told.as_slice() else { panic!("{told:?}") };
        assert_snapshot!(note, @"there is no origin: the lock keeps out other deploys of this clone alone");
        assert!(take(&ada, NOW).is_err());
        lock.confirm().unwrap();
        lock.release().unwrap();
        take(&ada, NOW).unwrap();
    }

    #[test]
    fn without_a_repository_it_is_where_cargo_builds() {
        let folder = tempfile::tempdir().unwrap();
        let lock = take(folder.path(), NOW).unwrap();
        assert!(folder.path().join("target/landfall/lock-shop").exists());
        assert!(take(folder.path(), NOW).is_err());
        drop(lock);
        take(folder.path(), NOW).unwrap();
    }

    #[test]
    fn all_work_trees_of_a_clone_share_it() {
        let sandbox = Sandbox::new();
        let ada = sandbox.alone("ada");
        sandbox::git(&ada, &["commit", "--quiet", "--allow-empty", "--message", "one"]);
        sandbox::git(&ada, &["worktree", "add", "--quiet", "--detach", "../tree"]);
        let tree = sandbox.path().join("tree");
        let _lock = take(&tree, NOW).unwrap();
        assert!(take(&ada, NOW).is_err());
        assert_eq!(sandbox::git(&tree, &["status", "--porcelain"]), "");
    }

    #[test]
    fn a_shallow_clone_takes_it_and_reads_who_has_it() {
        let sandbox = Sandbox::new();
        let (ada, bob) = (sandbox.shallow_clone("ada"), sandbox.shallow_clone("bob"));
        let lock = take(&ada, NOW).unwrap();
        let told = text(take(&bob, NOW).unwrap_err());
        assert!(told.contains("locked by ada@example.com"), "{told}");
        drop(lock);
        take(&bob, NOW).unwrap();
    }

    #[test]
    fn what_another_version_wrote_is_held_by_somebody() {
        let sandbox = Sandbox::new();
        let ada = sandbox.clone("ada");
        sandbox::git(&ada, &["push", "--quiet", "origin", &format!("HEAD:{REF}")]);
        assert_snapshot!(text(take(&ada, NOW).unwrap_err()), @"
        shop is locked by somebody whose entry is not understood; nothing was changed
        wait for it: --lock-wait SECONDS
        look again: cargo xtask lock status
        where that process is gone: cargo xtask lock break
        ");
    }

    /// A process that takes the lock of a clone when it is told to.
    struct Taker {
        child: Child,
        orders: ChildStdin,
        answers: BufReader<ChildStdout>,
    }

    impl Taker {
        fn start(root: &Path) -> Self {
            let mut command = Command::new(env::current_exe().unwrap());
            command.args(["--ignored", "--exact", "--nocapture", "release::lock::tests::takes_when_told"]);
            // A process group of its own: a Ctrl-C reaches all of it.
            command.env(CLONE, root).process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut child = command.stderr(Stdio::null()).spawn().unwrap();
            let orders = child.stdin.take().unwrap();
            let answers = BufReader::new(child.stdout.take().unwrap());
            Self { child, orders, answers }
        }

        fn order(&mut self, order: &str) {
            writeln!(self.orders, "{order}").unwrap();
        }

        /// The rest of the next line that is an answer.
        fn answer(&mut self) -> String {
            let mut line = String::new();
            while !line.starts_with("> ") {
                line.clear();
                assert_ne!(self.answers.read_line(&mut line).unwrap(), 0, "it ended");
            }
            line[2..].trim_end().to_owned()
        }

        fn group(&self) -> Pid {
            Pid::from_child(&self.child)
        }

        fn ends(mut self) {
            until("its end", || self.child.try_wait().unwrap().is_some());
        }
    }

    #[test]
    #[ignore = "other tests start it as a process"]
    fn takes_when_told() {
        let Some(root) = env::var_os(CLONE).map(PathBuf::from) else { return };
        let interrupt = crate::signal::listen().unwrap();
        let (send, orders) = mpsc::channel();
        thread::spawn(move || io::stdin().lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        let mut lock = None;
        while !interrupt.is_raised() {
            let Ok(order) = orders.recv_timeout(TICK) else { continue };
            let answer = match order.as_str() {
                "take" => match take_with(&root, TIMING, NOW, &interrupt, |_| ()) {
                    Ok(taken) => {
                        lock = Some(taken);
                        "taken".to_owned()
                    }
                    Err(error) => error.to_string(),
                },
                _ => lock.take().map_or(Ok(()), Lock::release).map_or_else(|e| e.to_string(), |()| order),
            };
            println!("> {answer}");
        }
    }

    #[test]
    fn of_two_that_take_it_at_once_exactly_one_wins() {
        let sandbox = Sandbox::new();
        let mut takers = ["ada", "bob"].map(|name| Taker::start(&sandbox.clone(name)));
        for round in 0..20 {
            takers.iter_mut().for_each(|taker| taker.order("take"));
            let answers = takers.each_mut().map(Taker::answer);
            let won = answers.iter().filter(|answer| *answer == "taken").count();
            assert_eq!(won, 1, "round {round}: {answers:?}");
            assert!(answers.iter().any(|answer| answer.contains("locked by")), "round {round}: {answers:?}");
            takers.iter_mut().for_each(|taker| taker.order("free"));
            assert_eq!(takers.each_mut().map(Taker::answer), ["free", "free"]);
        }
        assert_eq!(sandbox.named(REF), None);
        for taker in takers {
            kill_process(taker.group(), Signal::TERM).unwrap();
            taker.ends();
        }
    }

    #[test]
    fn a_signal_gives_it_back_whenever_it_comes() {
        let sandbox = Sandbox::new();
        let root = sandbox.clone("ada");
        for signal in [Signal::INT, Signal::TERM] {
            let mut taker = Taker::start(&root);
            taker.order("take");
            assert_eq!(taker.answer(), "taken");
            kill_process_group(taker.group(), signal).unwrap();
            taker.ends();
            assert_eq!(sandbox.named(REF), None, "{signal:?} while it was held");
        }
        let marker = sandbox.path().join("pushing");
        sandbox.on_push(&format!("touch '{}'; sleep 1", marker.display()));
        for signal in [Signal::INT, Signal::TERM] {
            let mut taker = Taker::start(&root);
            taker.order("take");
            until("the push", || marker.exists());
            kill_process_group(taker.group(), signal).unwrap();
            until("the lock", || sandbox.named(REF).is_some());
            until("its removal", || sandbox.named(REF).is_none());
            // Once more, while it is given back.
            let _ = kill_process_group(taker.group(), signal);
            taker.ends();
            assert_eq!(sandbox.named(REF), None, "{signal:?} while it was pushed");
            fs::remove_file(&marker).unwrap();
        }
    }

    #[test]
    #[cfg_attr(not(target_os = "linux"), ignore = "there is no /proc")]
    fn a_process_that_is_killed_is_known_to_be_gone_on_its_machine() {
        let sandbox = Sandbox::new();
        let (ada, bob) = (sandbox.clone("ada"), sandbox.clone("bob"));
        let mut taker = Taker::start(&ada);
        taker.order("take");
        assert_eq!(taker.answer(), "taken");
        assert!(take(&bob, NOW).is_err(), "it lives");
        kill_process(taker.group(), Signal::KILL).unwrap();
        taker.ends();
        let mut told = Vec::new();
        // With the limits of production: it is not waited for.
        let lock = take_with(&bob, TIMING, NOW, &Interrupt::default(), |it| told.push(it)).unwrap();
        let [Told::Note(note)] = told.as_slice() else { panic!("{told:?}") };
        assert!(note.ends_with("is left by a process that is gone: taken over"), "{note}");
        drop(lock);
        take(&ada, NOW).unwrap();
    }

    #[test]
    fn an_error_that_is_handed_on_gives_it_back() {
        let sandbox = Sandbox::new();
        let root = sandbox.clone("ada");
        let fails = || -> Result<()> {
            let _lock = take(&root, NOW)?;
            assert!(sandbox.named(REF).is_some());
            anyhow::bail!("the deploy failed")
        };
        assert!(fails().is_err());
        assert_eq!(sandbox.named(REF), None);
    }
}
