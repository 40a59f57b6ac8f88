//! git: which commit this is, where it comes from, what another one holds.

mod object;
mod origin;
#[cfg(test)]
pub(crate) mod sandbox;

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use anyhow::Result;
use migrate::Interrupt;

pub(crate) use self::object::{
    Tree, blob, commit, commits_only_in, history, message, reparent, set_ref, tree,
};
pub(crate) use self::origin::{
    Origin, Pushed, Swapped, ambiguous, fetch, fetch_history, has_origin, is_shallow, origin_ref, put, refs,
    swap,
};
pub(crate) use self::origin::{Pushedness, is_pushed};
use super::child::{Child, Program};
use super::run::{self, Answer, Reply};
use crate::error::{Error, Kind};
use crate::name::{CommitId, RefName, TypedCommit};

/// How long git may take for what is all in this repository.
const LIMIT: Duration = Duration::from_secs(120);
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

fn rev_parse(root: &Path, name: &str, interrupt: &Interrupt) -> Result<Option<CommitId>> {
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

/// Why git failed, in a line: its last complaint, or what ssh or the other side said where it only says that it could not read.
fn last_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let fatal = lines.iter().rposition(|line| line.starts_with("fatal: "));
    let line = match fatal {
        Some(at) if at > 0 && lines[at].contains("Could not read from remote repository") => lines[at - 1],
        Some(at) => lines[at],
        None => lines.last().copied().unwrap_or("it said nothing"),
    };
    told_without_credentials(line.trim_start_matches("fatal: ").trim_end_matches('.'))
}

/// git repeats an address as it was given, with what stands before its host.
fn told_without_credentials(line: &str) -> String {
    let Some((before, rest)) = line.split_once("://") else { return line.to_owned() };
    let address = rest.find(|c: char| c == '/' || c == '\'' || c.is_whitespace()).unwrap_or(rest.len());
    let host = rest[..address].rfind('@').map_or(0, |at| at + 1);
    format!("{before}://{}", &rest[host..])
}

/// In the repository around `root`.
fn git(root: &Path, args: &[&str]) -> Child {
    let words = ["-C".as_ref(), root.as_os_str()].into_iter().chain(args.iter().map(AsRef::<OsStr>::as_ref));
    Child::new(Program::Git, "git", words)
}

/// What git answers; `None` where it has no answer, or there is no git.
fn ask(root: &Path, interrupt: &Interrupt, args: &[&str]) -> Result<Option<String>> {
    let output = match run::within(&git(root, args).apart(), LIMIT, interrupt) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        ended => checked(ended, args)?,
    };
    let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    Ok(output.status.success().then_some(text))
}

/// How git ended by itself, well or not; that it was ended is no answer. A Ctrl-C reaches it by us alone: what is written down must get through.
fn answered(command: &Child, args: &[&str], interrupt: &Interrupt) -> Result<Output> {
    Ok(checked(run::within(&command.apart(), LIMIT, interrupt), args)?)
}

fn checked(ended: io::Result<Answer>, args: &[&str]) -> Result<Output, Error> {
    let why = match ended {
        Ok(Answer::Exited(output)) if output.status.code().is_some() => return Ok(output),
        Ok(Answer::Exited(output)) => format!("it was ended: {}", output.status),
        Ok(Answer::Stopped) => return Err(Error::new(Kind::Interrupted, "git", "interrupted")),
        Ok(Answer::Late) => run::late(LIMIT),
        Err(error) => error.to_string(),
    };
    let message = format!("`git {}`: {why}", args.join(" "));
    Err(Error::new(Kind::Failed, "git", message).remedy("check the repository: git fsck"))
}

fn without_credentials(address: &str) -> String {
    match address.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = host.rsplit('@').next().unwrap_or(host);
            format!("{scheme}://{host}/{path}")
        }
        None => address.to_owned(),
    }
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

fn question(root: &Path, args: &[&str], interrupt: &Interrupt) -> Result<Reply> {
    Ok(run::question(&git(root, args), interrupt)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_complains_of_is_told_without_credentials() {
        let told = |stderr: &str| last_line(stderr.as_bytes());
        assert_eq!(
            told("fatal: unable to access 'https://me:secret@example.com/a@b.git/': no route\n"),
            "unable to access 'https://example.com/a@b.git/': no route"
        );
        assert_eq!(
            told("fatal: '/a/b.git' does not appear to be a git repository\nmore\n"),
            "'/a/b.git' does not appear to be a git repository"
        );
        assert_eq!(
            told(
                "ssh: connect to host example.com port 22: No route to host\nfatal: Could not read from remote repository.\n\nmore\n"
            ),
            "ssh: connect to host example.com port 22: No route to host"
        );
        assert_eq!(
            told("fatal: Could not read from remote repository.\n"),
            "Could not read from remote repository"
        );
        assert_eq!(told(""), "it said nothing");
    }

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

    #[test]
    fn an_address_is_told_without_credentials() {
        let told = without_credentials;
        assert_eq!(told("https://me:secret@example.com/a/b.git"), "https://example.com/a/b.git");
        assert_eq!(told("https://secret@example.com/a@b"), "https://example.com/a@b");
        assert_eq!(told("https://example.com/a/b.git"), "https://example.com/a/b.git");
        assert_eq!(told("git@example.com:a/b.git"), "git@example.com:a/b.git");
    }
}
