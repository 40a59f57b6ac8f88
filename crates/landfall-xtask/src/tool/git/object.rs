//! Commits and refs of this repository that no work tree has: written by nobody's configuration, and read back.

use std::collections::HashSet;
use std::path::Path;

use anyhow::Result;
use landfall_engine::Interrupt;

use super::ask::{answered, ask, git, last_line};
use super::repository::named;
use crate::error::{Error, Kind};
use crate::name::{CommitId, RefName};
use crate::tool::child::Child;

/// A tree of files that is in this repository.
#[derive(Debug)]
pub(crate) struct Tree(String);

/// A tree of these files, each with its text.
pub(crate) fn tree(root: &Path, files: &[(&'static str, &str)]) -> Result<Tree> {
    let mut entries = String::new();
    for (name, text) in files {
        let blob = write(root, &["hash-object", "-w", "--stdin"], text)?;
        entries += &format!("100644 blob {blob}\t{name}\n");
    }
    Ok(Tree(write(root, &["mktree"], &entries)?))
}

/// A commit of a tree, on top of `parent` if there is one, by `name` with this address.
pub(crate) fn commit(
    root: &Path,
    tree: &Tree,
    parent: Option<&CommitId>,
    (name, address): (&str, &str),
    message: &str,
) -> Result<CommitId> {
    let mut args =
        vec!["-c", "commit.gpgSign=false", "-c", "i18n.commitEncoding=UTF-8", "commit-tree", "--no-gpg-sign"];
    args.extend(parent.into_iter().flat_map(|parent| ["-p", parent.object()]));
    args.extend(["-F", "-", "--end-of-options", &tree.0]);
    let command = ["AUTHOR", "COMMITTER"].iter().fold(git(root, &args), |command, role| {
        command.env(&format!("GIT_{role}_NAME"), name).env(&format!("GIT_{role}_EMAIL"), address)
    });
    made(&wrote(&command, "commit-tree", message)?)
}

/// The same commit on top of another one.
pub(crate) fn reparent(root: &Path, commit: &CommitId, parent: &CommitId) -> Result<CommitId> {
    let read = git(root, &["cat-file", "--end-of-options", "commit", commit.object()]);
    let text = with_parent(&wrote(&read, "cat-file", "")?, parent.object());
    made(&write(root, &["hash-object", "-t", "commit", "-w", "--stdin"], &text)?)
}

fn made(told: &str) -> Result<CommitId> {
    let untold = || {
        let remedy = "check the repository: git fsck";
        Error::new(Kind::Failed, "git", "git did not tell which commit it made").remedy(remedy)
    };
    Ok(CommitId::parse(told).ok_or_else(untold)?)
}

/// Its header is `tree`, then any `parent`, then the rest; it ends with an empty line.
fn with_parent(text: &str, parent: &str) -> String {
    let (header, message) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines: Vec<_> = header.lines().filter(|line| !line.starts_with("parent ")).collect();
    let parent = format!("parent {parent}");
    lines.insert(1.min(lines.len()), &parent);
    format!("{}\n\n{message}\n", lines.join("\n"))
}

/// Makes a ref of this repository name `new` where it names `old`, or is not there without one. Whether it does now.
pub(crate) fn set_ref(root: &Path, name: &RefName, old: Option<&CommitId>, new: &CommitId) -> Result<bool> {
    let before = old.map(CommitId::object).unwrap_or_default();
    let set = write(root, &["update-ref", "--end-of-options", name, new.object(), before], "");
    match set {
        Err(error) if named(root, name, &Interrupt::default())?.as_ref() == old => Err(error),
        set => Ok(set.is_ok()),
    }
}

/// What a commit says; `None` where it is not in this repository.
pub(crate) fn message(root: &Path, commit: &CommitId, interrupt: &Interrupt) -> Result<Option<String>> {
    Ok(log(root, &["-1"], commit, interrupt)?.and_then(|commits| Some(commits.into_iter().next()?.1)))
}

/// All commits that a commit stands on, itself first, each with what it says.
pub(crate) fn history(root: &Path, tip: &CommitId, interrupt: &Interrupt) -> Result<Vec<(CommitId, String)>> {
    log(root, &[], tip, interrupt)?.ok_or_else(|| unreadable(tip).into())
}

/// The commits that `tip` stands on and `base` does not, the oldest first; those of the same files are the same.
pub(crate) fn commits_only_in(
    root: &Path,
    tip: &CommitId,
    base: &CommitId,
    interrupt: &Interrupt,
) -> Result<Vec<CommitId>> {
    let trees = |commit: &CommitId| -> Result<Vec<(String, CommitId)>> {
        let how = ["log", "--no-color", "--no-show-signature", "--format=%T %H"];
        let text =
            ask(root, interrupt, &[&how, ["--end-of-options", commit.object(), "--"].as_slice()].concat())?;
        // None would be a chain without commits, in whose place another's is put.
        let text = text.ok_or_else(|| unreadable(commit))?;
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        Ok(lines.filter_map(|(tree, commit)| Some((tree.to_owned(), CommitId::parse(commit)?))).collect())
    };
    let known: HashSet<_> = trees(base)?.into_iter().map(|(tree, _)| tree).collect();
    let own = trees(tip)?.into_iter().rev().filter(|(tree, _)| !known.contains(tree));
    Ok(own.map(|(_, commit)| commit).collect())
}

fn unreadable(commit: &CommitId) -> Error {
    let message = format!("the history of commit {} cannot be read", commit.object());
    Error::new(Kind::Failed, "git", message).remedy("check the repository: git fsck")
}

/// Whatever the configuration says of colours, signatures and encodings.
fn log(
    root: &Path,
    args: &[&'static str],
    from: &CommitId,
    interrupt: &Interrupt,
) -> Result<Option<Vec<(CommitId, String)>>> {
    let how = ["log", "-z", "--no-color", "--no-show-signature", "--encoding=UTF-8", "--format=%H%n%B"];
    let text = ask(root, interrupt, &[&how, args, &["--end-of-options", from.object(), "--"]].concat())?;
    let commit = |text: &str| {
        let (id, message) = text.split_once('\n').unwrap_or((text, ""));
        Some((CommitId::parse(id)?, message.trim_end().to_owned()))
    };
    Ok(text.map(|text| text.split('\0').filter_map(commit).collect()))
}

/// The text of a file of a commit, as it was written; `None` where it has none of that name.
pub(crate) fn blob(
    root: &Path,
    commit: &CommitId,
    name: &'static str,
    interrupt: &Interrupt,
) -> Result<Option<String>> {
    let file = format!("{}:{name}", commit.object());
    let args = ["cat-file", "--end-of-options", "blob", &file];
    let output = answered(&git(root, &args), &args, interrupt)?;
    Ok(output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
}

fn write(root: &Path, args: &[&str], input: &str) -> Result<String> {
    wrote(&git(root, args), args[0], input)
}

fn wrote(command: &Child, name: &str, input: &str) -> Result<String> {
    // Whoever asks us to stop finds it written, or not begun.
    let output = answered(&command.input(input), &[name], &Interrupt::default())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    let message = format!("`git {name}` failed: {}", last_line(&output.stderr));
    Err(Error::new(Kind::Failed, "git", message).remedy("check the repository: git fsck").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_gets_another_parent_and_stays_what_it_was() {
        let rest = "author Ada <a@b> 1 +0000\ncommitter Ada <a@b> 1 +0000\n\ndeployed\n\nparent of it\n";
        let expected = format!("tree 1\nparent 3\n{rest}");
        assert_eq!(with_parent(&format!("tree 1\nparent 2\n{}", rest.trim_end()), "3"), expected);
        assert_eq!(with_parent(&format!("tree 1\n{}", rest.trim_end()), "3"), expected);
    }
}
