//! What was done to production, one entry an attempt: a chain of commits that no branch has, `refs/landfall/audit/APP`, here and at
//! `origin`. Each has the files that belong to it.
//!
//! What could not be pushed stays here, and a later entry takes it along: on top of what others have added meanwhile.

use std::fmt;
use std::path::Path;

use anyhow::Result;
use migrate::{Interrupt, TableRows};
use serde::{Deserialize, Serialize};

use super::identity::Identity;
use super::image::short;
use crate::error::{Error, Kind as ErrorKind};
use crate::text;
use crate::tool::git::{self, Origin, Pushed, Swapped};

/// How often others may be faster.
const TRIES: usize = 5;
/// The entry, among its files.
const ENTRY: &str = "entry.json";

/// What was done. Its name in JSON is the kebab-case of the variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// A commit was shipped.
    Deploy,
    /// An earlier image was brought back.
    Rollback,
    /// Earlier data was brought back.
    DataBack,
}

/// What production does now. Its name in JSON is the kebab-case of the variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// It serves the new one.
    Served,
    /// It serves the previous one.
    WentBack,
    /// It needs a person.
    Stranded,
}

/// What is written down of an attempt. It is read by later versions, too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// What was done.
    pub(crate) kind: Kind,
    /// What production does now.
    pub(crate) outcome: Outcome,
    /// When it ended, as in RFC 3339.
    pub(crate) time: String,
    /// Who did it.
    pub(crate) who: String,
    /// On which machine.
    pub(crate) host: String,
    /// The app on Fly.
    pub(crate) app: String,
    /// Of the image that production serves now, or that was tried; ends with `-dirty` where its work tree held something else.
    pub(crate) commit: String,
    /// The commit before.
    pub(crate) from: Option<String>,
    /// The image: `REPOSITORY@sha256:…`.
    pub(crate) image: String,
    /// The fingerprint of the image's own schema.
    pub(crate) declared: Option<String>,
    /// The fingerprint of the schema of the database.
    pub(crate) live: Option<String>,
    /// The machine.
    pub(crate) machine: Option<String>,
    /// Its volume.
    pub(crate) volume: Option<String>,
    /// The snapshot of the volume that was taken before.
    pub(crate) snapshot: Option<String>,
    /// The copy of the database that was pulled before.
    pub(crate) copy: Option<String>,
    /// The fingerprint of the plan.
    pub(crate) plan: Option<String>,
    /// Its steps, in short.
    pub(crate) steps: Vec<String>,
    /// The rows of every table afterwards.
    pub(crate) rows: Vec<TableRows>,
    /// Volumes that were set aside.
    pub(crate) set_aside: Vec<String>,
    /// How long it took.
    pub(crate) seconds: f64,
    /// Why it did not go as it should; empty where it did.
    pub(crate) message: String,
}

/// An entry in its chain.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recorded {
    /// Its commit; another one where it was pushed after others.
    pub(crate) id: String,
    /// From 1, the first ever.
    pub(crate) number: usize,
    /// What it says.
    pub(crate) entry: Entry,
}

/// All entries of an app.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Audit {
    /// The newest first.
    pub(crate) entries: Vec<Recorded>,
    /// Why it may not be all there is; `None` where it is.
    pub(crate) reason: Option<String>,
}

/// The chain as it is now, here and at `origin` together.
struct Chain {
    tip: Option<String>,
    /// What `origin` has, or why that is not known; `None` where there is no `origin`.
    origin: Option<Result<Option<String>, String>>,
}

/// Reads the entries of `app`, with those that `origin` has and this repository has not.
pub(crate) fn read(root: &Path, app: &str, interrupt: &Interrupt) -> Result<Audit> {
    let chain = joined(root, app, interrupt)?;
    let commits = match &chain.tip {
        Some(tip) => git::history(root, tip)?,
        None => Vec::new(),
    };
    let count = commits.len();
    let parsed = (0..count).rev().zip(commits).filter_map(|(before, (id, message))| {
        Some(Recorded { id, number: before + 1, entry: Entry::parse(&message)? })
    });
    let entries: Vec<_> = parsed.collect();
    let unread = count - entries.len();
    let unread = (unread > 0).then(|| {
        format!("{} cannot be read by this version", text::count(unread as u64, "entry of the audit"))
    });
    let silent = chain.origin.and_then(Result::err);
    let reasons: Vec<_> = silent.into_iter().chain(unread).collect();
    Ok(Audit { entries, reason: (!reasons.is_empty()).then(|| reasons.join("; ")) })
}

/// The text of a file that belongs to an entry; `None` where it has none of that name.
pub(crate) fn file(root: &Path, recorded: &Recorded, name: &str) -> Result<Option<String>> {
    git::blob(root, &recorded.id, name)
}

/// Writes an entry down, with its files: always in this repository, and at `origin` where that answers.
///
/// # Errors
/// When not even this repository can be written to.
pub(crate) fn append(
    root: &Path,
    app: &str,
    entry: &Entry,
    files: &[(&str, &str)],
    interrupt: &Interrupt,
) -> Result<Pushed> {
    if git::common_folder(root)?.is_none() {
        return Ok(Pushed::Nowhere);
    }
    let text = serde_json::to_string_pretty(entry)? + "\n";
    let tree = git::tree(root, &[&[(ENTRY, text.as_str())], files].concat())?;
    for _ in 0..TRIES {
        if let Some(pushed) = try_append(root, app, entry, &tree, interrupt)? {
            return Ok(pushed);
        }
    }
    let message = format!("the audit of {app} was not written: others were faster {TRIES} times");
    Err(Error::new(ErrorKind::Failed, ref_name(app), message).into())
}

/// `None` where others were faster.
fn try_append(
    root: &Path,
    app: &str,
    entry: &Entry,
    tree: &str,
    interrupt: &Interrupt,
) -> Result<Option<Pushed>> {
    let Chain { tip, origin } = joined(root, app, interrupt)?;
    let identity = Identity { who: entry.who.clone(), host: entry.host.clone() };
    let (name, address) = identity.author();
    let commit = git::commit(root, tree, tip.as_deref(), (name, &address), &entry.to_message()?)?;
    let pushed = match origin {
        None => Pushed::OnlyHere("there is no origin".to_owned()),
        Some(Err(reason)) => Pushed::OnlyHere(reason),
        Some(Ok(there)) => match git::swap(root, &ref_name(app), there.as_deref(), Some(&commit))? {
            Swapped::Done => Pushed::Everywhere,
            Swapped::Moved(_) => return Ok(None),
            Swapped::Refused(reason) | Swapped::Silent(reason) => Pushed::OnlyHere(reason),
        },
    };
    let is_set = git::set_ref(root, &ref_name(app), tip.as_deref(), &commit)?;
    // What is at origin is found there the next time, whatever another process has set here.
    Ok((is_set || pushed == Pushed::Everywhere).then_some(pushed))
}

/// Brings what `origin` has into this repository, and puts what it has not on top.
fn joined(root: &Path, app: &str, interrupt: &Interrupt) -> Result<Chain> {
    let name = ref_name(app);
    let own = git::rev_parse(root, &name)?;
    let there = match git::origin_ref(root, &name, interrupt)? {
        Origin::Nowhere => return Ok(Chain { tip: own, origin: None }),
        Origin::Silent(reason) => return Ok(Chain { tip: own, origin: Some(Err(not_reached(&reason))) }),
        Origin::Answered(None) => return Ok(Chain { tip: own, origin: Some(Ok(None)) }),
        Origin::Answered(Some(there)) => there,
    };
    if git::rev_parse(root, &there)?.is_none()
        && let Err(reason) = git::fetch_history(root, &name, interrupt)?
    {
        return Ok(Chain { tip: own, origin: Some(Err(not_reached(&reason))) });
    }
    let mut tip = there.clone();
    if let Some(own) = &own {
        for commit in git::commits_only_in(root, own, &there)? {
            tip = git::reparent(root, &commit, &tip)?;
        }
    }
    if own.as_ref() != Some(&tip) {
        // Where another process was faster it has done the same.
        git::set_ref(root, &name, own.as_deref(), &tip)?;
    }
    Ok(Chain { tip: Some(tip), origin: Some(Ok(Some(there))) })
}

fn not_reached(reason: &str) -> String {
    format!("origin was not reached: {reason}")
}

fn ref_name(app: &str) -> String {
    format!("refs/landfall/audit/{app}")
}

impl Entry {
    /// One line for people, and the entry in another.
    fn to_message(&self) -> Result<String> {
        Ok(format!("{self}\n\n{}\n", serde_json::to_string(self)?))
    }

    fn parse(message: &str) -> Option<Self> {
        message.lines().find(|line| line.starts_with('{')).and_then(|line| serde_json::from_str(line).ok())
    }
}

/// `deploy of 0123456789ab to shop by ada@example.com: served`.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            Kind::Deploy => "deploy of",
            Kind::Rollback => "rollback to",
            Kind::DataBack => "data back with",
        };
        let came = match self.outcome {
            Outcome::Served => "served",
            Outcome::WentBack => "went back",
            Outcome::Stranded => "needs a person",
        };
        write!(f, "{what} {} to {} by {}: {came}", short(&self.commit), self.app, self.who)
    }
}
