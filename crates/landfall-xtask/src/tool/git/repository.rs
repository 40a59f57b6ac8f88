//! Which commit this is, where it comes from, what another one holds.

use std::path::{Path, PathBuf};

use anyhow::Result;
use landfall_engine::Interrupt;

use super::ask::{answered, ask, git, last_line, question, without_credentials};
use crate::error::{Error, Kind};
use crate::name::{CommitId, RefName, TypedCommit};
use crate::tool::child::{Child, Program};
use crate::tool::run::{self, Reply};

/// How many changed files are told.
const TOLD: usize = 5;

/// The commit of a work tree, with its mark where that holds something else; `None` where there is no git, no repository, or no commit
/// yet.
pub(crate) fn head(root: &Path, interrupt: &Interrupt) -> Result<Option<CommitId>> {
    let Some(id) = rev_parse(root, "HEAD", interrupt)? else { return Ok(None) };
    let changed = status(root, interrupt)?;
    Ok(Some(if changed.is_empty() { id } else { id.dirty() }))
}

/// Where the repository is published, without the credentials that an address may carry; `None` where it is not.
pub(crate) fn source(root: &Path, interrupt: &Interrupt) -> Result<Option<String>> {
    let address = ask(root, interrupt, &["remote", "get-url", "origin"])?;
    Ok(address.map(|address| without_credentials(&address)))
}

/// Where this folder is in its repository; empty at its top, or outside of any.
pub(crate) fn prefix(root: &Path, interrupt: &Interrupt) -> Result<PathBuf> {
    Ok(ask(root, interrupt, &["rev-parse", "--show-prefix"])?.map(PathBuf::from).unwrap_or_default())
}

/// The commit that a ref names; `None` where there is no such ref.
pub(crate) fn named(root: &Path, name: &RefName, interrupt: &Interrupt) -> Result<Option<CommitId>> {
    rev_parse(root, name, interrupt)
}

/// The commit that somebody typed, in whatever way git knows it by; `None` where it knows none.
pub(crate) fn typed(root: &Path, revision: &TypedCommit, interrupt: &Interrupt) -> Result<Option<CommitId>> {
    rev_parse(root, revision, interrupt)
}

/// Whether a commit is in this repository.
pub(crate) fn has(root: &Path, commit: &CommitId, interrupt: &Interrupt) -> Result<bool> {
    Ok(rev_parse(root, commit.object(), interrupt)?.is_some())
}

/// What is not committed, a line each. What git cannot tell is no clean work tree.
fn status(root: &Path, interrupt: &Interrupt) -> Result<String> {
    let args = ["status", "--porcelain"];
    let output = answered(&git(root, &args), &args, interrupt)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let message = format!("`git status` failed: {}", last_line(&output.stderr));
    Err(Error::new(Kind::Failed, "git", message).remedy("see what it says: git status").into())
}

pub(super) fn rev_parse(root: &Path, name: &str, interrupt: &Interrupt) -> Result<Option<CommitId>> {
    let told = ask(
        root,
        interrupt,
        &["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{name}^{{commit}}")],
    )?;
    Ok(told.and_then(|told| CommitId::parse(&told)))
}

/// A file of the workspace as it is in a commit; `None` where it is not.
pub(crate) fn show(
    root: &Path,
    commit: &CommitId,
    file: &Path,
    interrupt: &Interrupt,
) -> Result<Option<String>> {
    let commit = commit.object();
    ask(root, interrupt, &["show", "--end-of-options", &format!("{commit}:./{}", file.display())])
}

/// The files of a folder of the workspace as they are in a commit, in order; none where there is no such folder.
pub(crate) fn children(
    root: &Path,
    commit: &CommitId,
    folder: &Path,
    interrupt: &Interrupt,
) -> Result<Vec<PathBuf>> {
    let folder = format!("{}/", folder.display());
    let names = ask(
        root,
        interrupt,
        &["ls-tree", "-z", "--name-only", "--end-of-options", commit.object(), &folder],
    )?;
    let names = names.unwrap_or_default();
    Ok(names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect())
}

/// How many commits HEAD has on top of this one; `None` where it does not hold it, or nobody knows.
pub(crate) fn commits_since(root: &Path, older: &CommitId, interrupt: &Interrupt) -> Result<Option<u32>> {
    let older = older.object();
    if ask(root, interrupt, &["merge-base", "--is-ancestor", "--end-of-options", older, "HEAD"])?.is_none() {
        return Ok(None);
    }
    let count =
        ask(root, interrupt, &["rev-list", "--count", "--end-of-options", &format!("{older}..HEAD")])?;
    Ok(count.and_then(|count| count.parse().ok()))
}

/// The value of a key of git's configuration; `None` where it has none.
pub(crate) fn config(root: &Path, key: &'static str, interrupt: &Interrupt) -> Result<Option<String>> {
    ask(root, interrupt, &["config", "--get", "--end-of-options", key])
}

/// The folder of the repository that all its work trees share; `None` where there is no repository.
pub(crate) fn common_folder(root: &Path, interrupt: &Interrupt) -> Result<Option<PathBuf>> {
    Ok(ask(root, interrupt, &["rev-parse", "--git-common-dir"])?.map(|folder| root.join(folder)))
}

/// What in the work tree is not committed: five files at most, then how many more there are.
pub(crate) fn changed_files(root: &Path, interrupt: &Interrupt) -> Result<Vec<String>> {
    let status = ask(root, interrupt, &["status", "--porcelain"])?.unwrap_or_default();
    // Two letters and a space stand before each name.
    let mut files: Vec<_> = status.lines().filter_map(|line| Some(line.get(3..)?.to_owned())).collect();
    let more = files.len().saturating_sub(TOLD);
    files.truncate(TOLD);
    files.extend((more > 0).then(|| format!("and {more} more")));
    Ok(files)
}

/// git's version, such as `2.39.5`.
pub(crate) fn version(interrupt: &Interrupt) -> Result<Reply> {
    let told = run::question(&Child::new(Program::Git, "git", ["--version"]), interrupt)?;
    Ok(told.map(|text| text.trim_start_matches("git version ").to_owned()))
}

/// Whether this folder is in a repository: what git says of it.
pub(crate) fn repository(root: &Path, interrupt: &Interrupt) -> Result<Reply> {
    question(root, &["rev-parse", "--show-toplevel"], interrupt)
}

/// The commit that is checked out; where there is none yet it fails.
pub(crate) fn checked_out(root: &Path, interrupt: &Interrupt) -> Result<Reply> {
    question(root, &["rev-parse", "--verify", "HEAD"], interrupt)
}

/// The address of `origin`, without credentials; where there is none it fails. It is not asked itself.
pub(crate) fn origin_address(root: &Path, interrupt: &Interrupt) -> Result<Reply> {
    let told = question(root, &["remote", "get-url", "origin"], interrupt)?;
    Ok(told.map(|address| without_credentials(&address)))
}

#[cfg(test)]
mod tests {
    use super::super::sandbox;
    use super::*;

    #[test]
    fn of_many_changed_files_five_are_told() {
        let sandbox = sandbox::Sandbox::new();
        let root = sandbox.clone("ada");
        assert_eq!(changed_files(&root, &Interrupt::default()).unwrap(), [""; 0]);
        std::fs::write(root.join("a b"), "").unwrap();
        assert_eq!(changed_files(&root, &Interrupt::default()).unwrap(), ["\"a b\""]);
        ["c", "d", "e", "f", "g", "h"].iter().for_each(|name| std::fs::write(root.join(name), "").unwrap());
        assert_eq!(
            changed_files(&root, &Interrupt::default()).unwrap(),
            ["\"a b\"", "c", "d", "e", "f", "and 2 more"]
        );
        assert!(head(&root, &Interrupt::default()).unwrap().unwrap().is_dirty());
    }
}
