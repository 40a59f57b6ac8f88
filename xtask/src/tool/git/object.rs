//! Commits and refs of this repository that no work tree has: written by nobody's configuration, and read back.

use std::collections::HashSet;
use std::path::Path;

use anyhow::Result;

use super::{apart, ask, last_line, rev_parse};
use crate::error::{Error, Kind};

/// A tree of these files, each with its text.
pub(crate) fn tree(root: &Path, files: &[(&str, &str)]) -> Result<String> {
    let mut entries = String::new();
    for (name, text) in files {
        let blob = write(root, &["hash-object", "-w", "--stdin"], text)?;
        entries += &format!("100644 blob {blob}\t{name}\n");
    }
    write(root, &["mktree"], &entries)
}

/// A commit of a tree, on top of `parent` if there is one, by `name` with this address.
pub(crate) fn commit(
    root: &Path,
    tree: &str,
    parent: Option<&str>,
    (name, address): (&str, &str),
    message: &str,
) -> Result<String> {
    let mut args =
        vec!["-c", "commit.gpgSign=false", "-c", "i18n.commitEncoding=UTF-8", "commit-tree", "--no-gpg-sign"];
    args.extend(parent.into_iter().flat_map(|parent| ["-p", parent]));
    args.extend(["-F", "-", tree]);
    let command = ["AUTHOR", "COMMITTER"].iter().fold(apart(root, &args), |command, role| {
        command.env(format!("GIT_{role}_NAME"), name).env(format!("GIT_{role}_EMAIL"), address)
    });
    run(&command, "commit-tree", message)
}

/// The same commit on top of another one.
pub(crate) fn reparent(root: &Path, commit: &str, parent: &str) -> Result<String> {
    let text = run(&apart(root, &["cat-file", "commit", commit]), "cat-file", "")?;
    write(root, &["hash-object", "-t", "commit", "-w", "--stdin"], &with_parent(&text, parent))
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
pub(crate) fn set_ref(root: &Path, name: &str, old: Option<&str>, new: &str) -> Result<bool> {
    let set = write(root, &["update-ref", name, new, old.unwrap_or_default()], "");
    match set {
        Err(error) if rev_parse(root, name)?.as_deref() == old => Err(error),
        set => Ok(set.is_ok()),
    }
}

/// What a commit says; `None` where it is not in this repository.
pub(crate) fn message(root: &Path, commit: &str) -> Result<Option<String>> {
    Ok(log(root, &["-1", commit, "--"])?.and_then(|commits| Some(commits.into_iter().next()?.1)))
}

/// All commits that a commit stands on, itself first, each with what it says.
pub(crate) fn history(root: &Path, tip: &str) -> Result<Vec<(String, String)>> {
    Ok(log(root, &[tip, "--"])?.unwrap_or_default())
}

/// The commits that `tip` stands on and `base` does not, the oldest first; those of the same files are the same.
pub(crate) fn commits_only_in(root: &Path, tip: &str, base: &str) -> Result<Vec<String>> {
    let trees = |commit: &str| -> Result<Vec<(String, String)>> {
        let text = ask(root, &["log", "--no-color", "--no-show-signature", "--format=%T %H", commit, "--"])?;
        let lines = text.iter().flat_map(|text| text.lines()).filter_map(|line| line.split_once(' '));
        Ok(lines.map(|(tree, commit)| (tree.to_owned(), commit.to_owned())).collect())
    };
    let known: HashSet<_> = trees(base)?.into_iter().map(|(tree, _)| tree).collect();
    let own = trees(tip)?.into_iter().rev().filter(|(tree, _)| !known.contains(tree));
    Ok(own.map(|(_, commit)| commit).collect())
}

/// Whatever the configuration says of colours, signatures and encodings.
fn log(root: &Path, args: &[&str]) -> Result<Option<Vec<(String, String)>>> {
    let how = ["log", "-z", "--no-color", "--no-show-signature", "--encoding=UTF-8", "--format=%H%n%B"];
    let text = ask(root, &[&how, args].concat())?;
    let commit = |text: &str| {
        let (id, message) = text.split_once('\n').unwrap_or((text, ""));
        (id.to_owned(), message.trim_end().to_owned())
    };
    Ok(text.map(|text| text.split('\0').filter(|text| !text.is_empty()).map(commit).collect()))
}

/// The text of a file of a commit, as it was written; `None` where it has none of that name.
pub(crate) fn blob(root: &Path, commit: &str, name: &str) -> Result<Option<String>> {
    let output = apart(root, &["cat-file", "blob", &format!("{commit}:{name}")])
        .stdin_null()
        .stdout_capture()
        .stderr_capture()
        .unchecked()
        .run()?;
    Ok(output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
}

fn write(root: &Path, args: &[&str], input: &str) -> Result<String> {
    run(&apart(root, args), args[0], input)
}

fn run(command: &duct::Expression, name: &str, input: &str) -> Result<String> {
    let output = command.stdin_bytes(input).stdout_capture().stderr_capture().unchecked().run()?;
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
