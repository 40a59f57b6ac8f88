//! Where the lock of an app is, and what is read there.

use std::path::{Path, PathBuf};

use anyhow::Result;
use landfall_engine::{Interrupt, shown_in_line};

use super::holder::Holder;
use crate::error::{Error, Kind};
use crate::name::{AppName, CommitId, RefName};
use crate::project::Project;
use crate::text::shell_word;
use crate::tool::git::{self, Origin};

/// How often a commit is looked for that its holder may replace meanwhile.
const LOOKS: usize = 3;

/// What the ref names at `origin`.
pub(super) struct Seen {
    pub(super) commit: CommitId,
    /// `None` where what it says is not understood.
    pub(super) holder: Option<Holder>,
}

/// Where the lock of an app is.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) root: PathBuf,
    pub(super) file: PathBuf,
    pub(super) has_origin: bool,
}

impl Place {
    pub(super) fn of(project: &Project, app: &AppName, interrupt: &Interrupt) -> Result<Self> {
        Self::at(&project.root, project.target(), app, interrupt)
    }

    /// The file is where no work tree shows it, and all of them share it.
    pub(super) fn at(root: &Path, target: &Path, app: &AppName, interrupt: &Interrupt) -> Result<Self> {
        let folder = git::common_folder(root, interrupt)?.unwrap_or_else(|| target.to_owned());
        let file = folder.join("landfall").join(format!("lock-{app}"));
        Ok(Self { root: root.to_owned(), file, has_origin: git::has_origin(root, interrupt)? })
    }
}

/// The git ref that is the lock of an app.
pub(super) fn ref_name(app: &AppName) -> RefName {
    RefName::of("lock", app)
}

/// Who holds the lock at `origin`; `None` where there is no such ref. Why it cannot be read, where it cannot.
pub(super) fn look(
    root: &Path,
    app: &AppName,
    interrupt: &Interrupt,
) -> Result<Result<Option<Seen>, String>> {
    let mut trouble = String::new();
    for _ in 0..LOOKS {
        let commit = match git::origin_ref(root, &ref_name(app), interrupt)? {
            Origin::Answered(Some(commit)) => commit,
            Origin::Answered(None) | Origin::Nowhere => return Ok(Ok(None)),
            Origin::Silent(reason) => return Ok(Err(reason)),
        };
        if git::message(root, &commit, interrupt)?.is_none()
            && let Err(reason) = git::fetch(root, &commit, interrupt)?
        {
            // It may have been renewed in between.
            trouble = reason;
            continue;
        }
        let holder = git::message(root, &commit, interrupt)?.and_then(|message| Holder::parse(&message));
        return Ok(Ok(Some(Seen { commit, holder })));
    }
    Ok(Err(trouble))
}

/// Who holds the lock with this commit, as far as that can be told at once.
pub(super) fn whose(root: &Path, commit: &CommitId) -> String {
    let holder = fetched(root, commit).ok().flatten();
    holder.map_or_else(|| "somebody else".to_owned(), |holder| holder.to_string())
}

/// Who holds the lock with this commit of `origin`; `None` where it cannot be had any more, or says something else.
pub(super) fn fetched(root: &Path, commit: &CommitId) -> Result<Option<Holder>> {
    let never = Interrupt::default();
    if git::message(root, commit, &never)?.is_none() && git::fetch(root, commit, &never)?.is_err() {
        return Ok(None);
    }
    Ok(git::message(root, commit, &never)?.and_then(|message| Holder::parse(&message)))
}

/// `ada@example.com on laptop (process 4711), who deploys 0123456789ab since 2026-08-01T12:00:00Z`.
pub(super) fn told(holder: Option<&Holder>) -> String {
    match holder {
        Some(holder) => shown_in_line(&format!("{holder}, who {}", holder.does())).into_owned(),
        None => "somebody whose entry is not understood".to_owned(),
    }
}

pub(super) fn interrupted() -> Error {
    Error::new(Kind::Interrupted, "", "interrupted").unchanged()
}

pub(super) fn not_read(app: &AppName, reason: &str) -> Error {
    let message = format!("the lock of {app} cannot be read at origin: {reason}");
    Error::new(Kind::Failed, app, message)
        .unchanged()
        .remedy("see whether origin answers: git ls-remote origin")
}

pub(super) fn refused(app: &AppName, what: &str, reason: &str) -> Error {
    let name = ref_name(app);
    let message = format!("origin does not let you {what} {name}: {reason}");
    Error::new(Kind::Failed, app, message).unchanged().remedy(
        "allow whoever deploys to push refs/landfall/*, in the rules of the repository and in their rights",
    )
}

pub(super) fn ambiguous(app: &AppName, what: &str, other: &str) -> Error {
    let name = ref_name(app);
    let message = format!("{name} cannot be {what}: {}", git::ambiguous(other));
    Error::new(Kind::Failed, app, message)
        .unchanged()
        .remedy(format!("delete that one: git push origin --delete {}", shell_word(other)))
}
