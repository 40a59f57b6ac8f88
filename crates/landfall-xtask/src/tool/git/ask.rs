//! What is asked of git, and why it failed.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use anyhow::Result;
use landfall_engine::Interrupt;

use crate::error::{Error, Kind};
use crate::tool::child::{Child, Program};
use crate::tool::run::{self, Answer, Reply};

/// How long git may take for what is all in this repository.
const LIMIT: Duration = Duration::from_secs(120);
/// In the repository around `root`.
pub(super) fn git(root: &Path, args: &[&str]) -> Child {
    let words = ["-C".as_ref(), root.as_os_str()].into_iter().chain(args.iter().map(AsRef::<OsStr>::as_ref));
    Child::new(Program::Git, "git", words)
}

/// What git answers; `None` where it has no answer, or there is no git.
pub(super) fn ask(root: &Path, interrupt: &Interrupt, args: &[&str]) -> Result<Option<String>> {
    let output = match run::within(&git(root, args).apart(), LIMIT, interrupt) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        ended => checked(ended, args)?,
    };
    let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    Ok(output.status.success().then_some(text))
}

/// How git ended by itself, well or not; that it was ended is no answer. A Ctrl-C reaches it by us alone: what is written down must get through.
pub(super) fn answered(command: &Child, args: &[&str], interrupt: &Interrupt) -> Result<Output> {
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

pub(super) fn question(root: &Path, args: &[&str], interrupt: &Interrupt) -> Result<Reply> {
    Ok(run::question(&git(root, args), interrupt)?)
}

/// Why git failed, in a line: its last complaint, or what ssh or the other side said where it only says that it could not read.
pub(super) fn last_line(stderr: &[u8]) -> String {
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
pub(super) fn told_without_credentials(line: &str) -> String {
    let Some((before, rest)) = line.split_once("://") else { return line.to_owned() };
    let address = rest.find(|c: char| c == '/' || c == '\'' || c.is_whitespace()).unwrap_or(rest.len());
    let host = rest[..address].rfind('@').map_or(0, |at| at + 1);
    format!("{before}://{}", &rest[host..])
}

pub(super) fn without_credentials(address: &str) -> String {
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
    fn an_address_is_told_without_credentials() {
        let told = without_credentials;
        assert_eq!(told("https://me:secret@example.com/a/b.git"), "https://example.com/a/b.git");
        assert_eq!(told("https://secret@example.com/a@b"), "https://example.com/a@b");
        assert_eq!(told("https://example.com/a/b.git"), "https://example.com/a/b.git");
        assert_eq!(told("git@example.com:a/b.git"), "git@example.com:a/b.git");
    }
}
