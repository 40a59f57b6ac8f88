//! The lock at `origin`, once it is ours: renewed by a thread until it is given back.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;

use super::holder::Holder;
use super::place::{ref_name, whose};
use super::timing::Timing;
use crate::name::{CommitId, RefName};
use crate::release::identity::Identity;
use crate::tool::git::{self, Swapped};

/// What is written to `origin`, and how often.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    pub(super) root: PathBuf,
    pub(super) identity: Identity,
    pub(super) holder: Holder,
    pub(super) timing: Timing,
}

/// Until when a renewal counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Term {
    /// By a clock that nobody sets.
    pub(super) until: Instant,
    /// For people.
    pub(super) told: SystemTime,
}

impl Term {
    fn from_now(length: Duration) -> Self {
        Self { until: Instant::now() + length, told: SystemTime::now() + length }
    }
}

/// What is known of the ref.
#[derive(Debug)]
struct Own {
    /// The commit of ours that it names.
    commit: CommitId,
    /// Those that it may name instead: there was no answer when they were pushed.
    pushed: Vec<CommitId>,
    /// Until when it counts.
    term: Term,
    /// Why it is not ours any more.
    lost: Option<String>,
    /// Why it was not renewed the last time.
    trouble: String,
}

/// Renews until it is dropped, or the lock is lost.
#[derive(Debug)]
pub(super) struct Beat {
    writer: Writer,
    own: Arc<Mutex<Own>>,
    /// Sends where the end of a renewal is to be told.
    now: Option<Sender<Sender<()>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// A commit of ours that counts from now on, and until when.
    pub(super) fn commit(&self) -> Result<(CommitId, Term)> {
        let term = Term::from_now(self.timing.expiry);
        let expiry = Some(humantime::format_rfc3339(term.told).to_string());
        let message = Holder { expires: expiry, ..self.holder.clone() }.message()?;
        let (name, address) = self.identity.author();
        let tree = git::tree(&self.root, &[])?;
        Ok((git::commit(&self.root, &tree, None, (name, &address), &message)?, term))
    }

    pub(super) fn ref_name(&self) -> RefName {
        ref_name(&self.holder.app)
    }

    /// Whether it was renewed. Without an answer it counts as long as it did.
    fn renew(&self, own: &Mutex<Own>) -> bool {
        let renewed = self.commit().and_then(|(commit, term)| {
            let before = look(own).commit.clone();
            let swapped = git::swap(&self.root, &self.ref_name(), Some(&before), Some(&commit))?;
            Ok((commit, term, swapped))
        });
        let (commit, term, swapped) = match renewed {
            Ok(renewed) => renewed,
            Err(error) => {
                look(own).trouble = error.to_string();
                return false;
            }
        };
        if swapped == Swapped::Done {
            let mut own = look(own);
            *own = Own { commit, term, pushed: Vec::new(), lost: None, trouble: String::new() };
            return true;
        }
        self.not_renewed(own, commit, swapped);
        false
    }

    fn not_renewed(&self, own: &Mutex<Own>, commit: CommitId, swapped: Swapped) {
        match swapped {
            Swapped::Refused(reason) => look(own).trouble = reason,
            Swapped::Ambiguous(other) => look(own).trouble = git::ambiguous(&other),
            Swapped::Silent(reason) => {
                let mut own = look(own);
                own.trouble = reason;
                own.pushed.push(commit);
            }
            Swapped::Moved(Some(now)) if look(own).pushed.contains(&now) => look(own).commit = now,
            Swapped::Moved(now) => {
                let lost = lost(&self.root, now.as_ref());
                look(own).lost = Some(lost);
            }
            Swapped::Done => {}
        }
    }

    fn run(&self, own: &Mutex<Own>, asked: &Receiver<Sender<()>>) {
        let mut pause = self.timing.beat;
        loop {
            let told = match asked.recv_timeout(pause) {
                Ok(told) => Some(told),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            pause = if self.renew(own) { self.timing.beat } else { self.timing.retry };
            let is_lost = look(own).lost.is_some();
            if let Some(told) = told {
                let _ = told.send(());
            }
            if is_lost {
                return;
            }
        }
    }
}

impl Beat {
    /// Of this commit, which the ref names now.
    pub(super) fn start(writer: Writer, commit: CommitId, term: Term) -> Self {
        let own = Own { commit, term, pushed: Vec::new(), lost: None, trouble: String::new() };
        let own = Arc::new(Mutex::new(own));
        let (now, asked) = mpsc::channel();
        let (beating, shared) = (writer.clone(), Arc::clone(&own));
        let thread = thread::spawn(move || beating.run(&shared, &asked));
        Self { writer, own, now: Some(now), thread: Some(thread) }
    }

    /// Why it is not held any more; `None` where it is, as far as the last renewal tells.
    pub(super) fn lost(&self) -> Option<String> {
        let own = look(&self.own);
        let expired = || {
            let expiry = humantime::format_rfc3339_seconds(own.term.told);
            format!("it expired at {expiry} and could not be renewed: {}", own.trouble)
        };
        own.lost.clone().or_else(|| (Instant::now() >= own.term.until).then(expired))
    }

    /// Renews it now, and waits for the end of that.
    pub(super) fn renew(&self) {
        let (told, end) = mpsc::channel();
        if self.now.as_ref().is_some_and(|now| now.send(told).is_ok()) {
            let _ = end.recv();
        }
    }

    /// Gives it back, if it is ours still. Why not, where that failed, and until when it counts.
    pub(super) fn give_back(&mut self) -> Result<(), (String, String)> {
        drop(self.now.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let own = look(&self.own);
        if own.lost.is_some() {
            return Ok(());
        }
        let remove = |commit: &CommitId| {
            let swapped = git::swap(&self.writer.root, &self.writer.ref_name(), Some(commit), None);
            swapped.unwrap_or_else(|error| Swapped::Silent(error.to_string()))
        };
        let removed = match remove(&own.commit) {
            Swapped::Moved(Some(now)) if own.pushed.contains(&now) => remove(&now),
            removed => removed,
        };
        let reason = match removed {
            // Broken, or taken by somebody else: nothing of ours is there.
            Swapped::Done | Swapped::Moved(_) => return Ok(()),
            Swapped::Refused(reason) | Swapped::Silent(reason) => reason,
            Swapped::Ambiguous(other) => git::ambiguous(&other),
        };
        // One of those without an answer may have got through.
        let latest = SystemTime::now() + self.writer.timing.expiry;
        let expires = if own.pushed.is_empty() { own.term.told } else { latest };
        Err((reason, humantime::format_rfc3339_seconds(expires).to_string()))
    }
}

fn lost(root: &Path, now: Option<&CommitId>) -> String {
    match now {
        None => "somebody broke it".to_owned(),
        Some(commit) => format!("{} has it now", whose(root, commit)),
    }
}

fn look(own: &Mutex<Own>) -> MutexGuard<'_, Own> {
    own.lock().unwrap_or_else(PoisonError::into_inner)
}
