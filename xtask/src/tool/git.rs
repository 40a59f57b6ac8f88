//! git: which commit this is, where it comes from, what another one holds.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use migrate::Interrupt;
use xshell::{Shell, cmd};

use super::run::{self, Answer};

/// How long `origin` may take to answer.
const ORIGIN_LIMIT: Duration = Duration::from_secs(20);

/// The commit that is checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    /// All of its name.
    pub(crate) id: String,
    /// Whether the work tree holds something else.
    pub(crate) dirty: bool,
}

/// The commit of a work tree; `None` where there is no git, no repository, or no commit yet.
pub(crate) fn head(root: &Path) -> Result<Option<Commit>> {
    let Some(id) = rev_parse(root, "HEAD")? else { return Ok(None) };
    let sh = Shell::new()?;
    let changed = cmd!(sh, "git -C {root} status --porcelain").quiet().read()?;
    Ok(Some(Commit { id, dirty: !changed.is_empty() }))
}

/// Where the repository is published, without the credentials that an address may carry; `None` where it is not.
pub(crate) fn source(root: &Path) -> Result<Option<String>> {
    let address = ask(root, &["remote", "get-url", "origin"])?;
    Ok(address.map(|address| without_credentials(&address)))
}

/// Where this folder is in its repository; empty at its top, or outside of any.
pub(crate) fn prefix(root: &Path) -> Result<PathBuf> {
    Ok(ask(root, &["rev-parse", "--show-prefix"])?.map(PathBuf::from).unwrap_or_default())
}

/// The commit that a ref names; `None` where there is no such ref.
pub(crate) fn rev_parse(root: &Path, name: &str) -> Result<Option<String>> {
    ask(root, &["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")])
}

/// A file of the workspace as it is in a commit; `None` where it is not.
pub(crate) fn show(root: &Path, commit: &str, file: &Path) -> Result<Option<String>> {
    ask(root, &["show", &format!("{commit}:./{}", file.display())])
}

/// How many commits lie between two of which the second holds the first; `None` where it does not, or nobody knows.
pub(crate) fn commits_between(root: &Path, older: &str, newer: &str) -> Result<Option<u32>> {
    if ask(root, &["merge-base", "--is-ancestor", older, newer])?.is_none() {
        return Ok(None);
    }
    let count = ask(root, &["rev-list", "--count", &format!("{older}..{newer}")])?;
    Ok(count.and_then(|count| count.parse().ok()))
}

/// What `origin` answers.
pub(crate) enum Origin {
    /// There is none.
    Nowhere,
    /// It answered, with the commit that the ref names there, if any.
    Answered(Option<String>),
    /// It did not answer; why.
    Silent(String),
}

/// The commit that a ref names at `origin`.
pub(crate) fn origin_ref(root: &Path, name: &str, interrupt: &Interrupt) -> Result<Origin> {
    if ask(root, &["remote", "get-url", "origin"])?.is_none() {
        return Ok(Origin::Nowhere);
    }
    Ok(match ask_origin(root, &["ls-remote", "origin", name], interrupt)? {
        Ok(text) => Origin::Answered(text.split_whitespace().next().map(str::to_owned)),
        Err(reason) => Origin::Silent(reason),
    })
}

/// Brings a commit of `origin` into this repository, and nothing else: neither a branch nor a file of the work tree changes. Why
/// not, where it cannot be had.
pub(crate) fn fetch(root: &Path, commit: &str, interrupt: &Interrupt) -> Result<Result<(), String>> {
    // Only in a clone that is shallow already: elsewhere it would cut history off.
    let shallow = ask(root, &["rev-parse", "--is-shallow-repository"])?.as_deref() == Some("true");
    let depth: &[&str] = if shallow { &["--depth=1"] } else { &[] };
    let args =
        [&["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"], depth, &["origin", commit]].concat();
    Ok(ask_origin(root, &args, interrupt)?.map(drop))
}

/// Git itself never asks for a password: there may be nobody to answer. What ssh asks for has the same deadline.
fn ask_origin(root: &Path, args: &[&str], interrupt: &Interrupt) -> Result<Result<String, String>> {
    let words =
        [&["-C".as_ref(), root.as_os_str()], args.iter().map(AsRef::as_ref).collect::<Vec<_>>().as_slice()]
            .concat();
    let command = duct::cmd("git", words).env("GIT_TERMINAL_PROMPT", "0");
    Ok(match run::within(&command, ORIGIN_LIMIT, interrupt)? {
        Answer::Exited(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Answer::Exited(output) => Err(last_line(&output.stderr)),
        Answer::Late => Err(format!("no answer within {} s", ORIGIN_LIMIT.as_secs())),
        Answer::Stopped => Err("interrupted".to_owned()),
    })
}

fn last_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().rfind(|line| line.starts_with("fatal: ")).or_else(|| text.lines().last());
    told_without_credentials(line.unwrap_or("it said nothing").trim_start_matches("fatal: "))
}

/// git repeats an address as it was given, with what stands before its host.
fn told_without_credentials(line: &str) -> String {
    let Some((before, rest)) = line.split_once("://") else { return line.to_owned() };
    let address = rest.find(|c: char| c == '/' || c == '\'' || c.is_whitespace()).unwrap_or(rest.len());
    let host = rest[..address].rfind('@').map_or(0, |at| at + 1);
    format!("{before}://{}", &rest[host..])
}

/// What git answers; `None` where it has no answer, or there is no git.
fn ask(root: &Path, args: &[&str]) -> Result<Option<String>> {
    let sh = Shell::new()?;
    let asked = cmd!(sh, "git -C {root} {args...}").quiet().ignore_status().ignore_stderr();
    let Ok(output) = asked.output() else { return Ok(None) };
    let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    Ok(output.status.success().then_some(text))
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
        assert_eq!(told(""), "it said nothing");
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
