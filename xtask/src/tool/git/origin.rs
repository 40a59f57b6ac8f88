//! `origin`: asked, fetched from and pushed to, each with a deadline and without a question to anybody.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use duct::Expression;
use migrate::Interrupt;

use super::{apart, ask, last_line, told_without_credentials, words};
use crate::tool::run::{self, Answer};

/// How long `origin` may take to answer.
const LIMIT: Duration = Duration::from_secs(20);
/// How often a ref is tried that somebody else is writing this very moment.
const TRIES: usize = 3;
/// Between two tries; also until a Ctrl-C that has ended a child has reached us.
const MOMENT: Duration = Duration::from_millis(100);

/// What `origin` answers.
#[derive(Debug)]
pub(crate) enum Origin {
    /// There is none.
    Nowhere,
    /// It answered, with the commit that the ref names there, if any.
    Answered(Option<String>),
    /// It did not answer; why.
    Silent(String),
}

/// What came of a push that only counts where the ref is what it was taken for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Swapped {
    /// The ref is what it was to become.
    Done,
    /// It was something else; what it is now.
    Moved(Option<String>),
    /// `origin` does not take it; why.
    Refused(String),
    /// No answer, so that nobody knows whether it was done; why.
    Silent(String),
}

/// Where a record has gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// Into this repository and to `origin`.
    Everywhere,
    /// Into this repository alone, though there is an `origin`; why.
    OnlyHere(String),
    /// Into this repository, which has no `origin`.
    NoOrigin,
    /// Nowhere: there is no repository.
    Nowhere,
}

/// Whether a commit is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pushedness {
    /// A branch or a tag of `origin` has it.
    Yes,
    /// None has, as far as is known here.
    No,
    /// There is no `origin`.
    NoOrigin,
    /// It did not answer; why.
    Unknown(String),
}

/// Whether there is an `origin`.
pub(crate) fn has_origin(root: &Path) -> Result<bool> {
    Ok(ask(root, &["remote", "get-url", "origin"])?.is_some())
}

/// The commit that a ref names at `origin`.
pub(crate) fn origin_ref(root: &Path, name: &str, interrupt: &Interrupt) -> Result<Origin> {
    if !has_origin(root)? {
        return Ok(Origin::Nowhere);
    }
    named(&duct::cmd("git", words(root, &["ls-remote", "origin", name])), interrupt)
}

/// The names of all refs that begin so, here and at `origin` where that answers.
pub(crate) fn ref_names(root: &Path, begin: &str, interrupt: &Interrupt) -> Result<BTreeSet<String>> {
    let own = ask(root, &["for-each-ref", "--format=%(refname)", begin])?.unwrap_or_default();
    let pattern = format!("{begin}*");
    let there = if has_origin(root)? {
        ask_origin(&duct::cmd("git", words(root, &["ls-remote", "origin", &pattern])), interrupt)?
    } else {
        Ok(String::new())
    };
    let there = there.unwrap_or_default();
    let there = there.lines().filter_map(|line| Some(line.split_once('\t')?.1));
    Ok(own.lines().chain(there).filter(|name| name.starts_with(begin)).map(str::to_owned).collect())
}

fn named(command: &Expression, interrupt: &Interrupt) -> Result<Origin> {
    Ok(match ask_origin(command, interrupt)? {
        Ok(text) => Origin::Answered(text.split_whitespace().next().map(str::to_owned)),
        Err(reason) => Origin::Silent(reason),
    })
}

/// Brings a commit of `origin` into this repository, and nothing else: neither a branch nor a file of the work tree changes. Why
/// not, where it cannot be had.
pub(crate) fn fetch(root: &Path, commit: &str, interrupt: &Interrupt) -> Result<Result<(), String>> {
    // Only in a clone that is shallow already: elsewhere it would cut history off.
    let shallow = ask(root, &["rev-parse", "--is-shallow-repository"])?.as_deref() == Some("true");
    fetch_with(root, if shallow { &["--depth=1"] } else { &[] }, commit, interrupt)
}

/// The same of a ref, with all that it stands on.
pub(crate) fn fetch_history(root: &Path, name: &str, interrupt: &Interrupt) -> Result<Result<(), String>> {
    fetch_with(root, &[], name, interrupt)
}

fn fetch_with(root: &Path, depth: &[&str], what: &str, interrupt: &Interrupt) -> Result<Result<(), String>> {
    let args =
        [&["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"], depth, &["origin", what]].concat();
    Ok(ask_origin(&duct::cmd("git", words(root, &args)), interrupt)?.map(drop))
}

/// Makes a ref of `origin` name `new` where it names `expected`; none is a ref that is not there. It cannot be interrupted: who
/// asks has to know what came of it.
pub(crate) fn swap(root: &Path, name: &str, expected: Option<&str>, new: Option<&str>) -> Result<Swapped> {
    for _ in 1..TRIES {
        match swap_once(root, name, expected, new)? {
            Swapped::Refused(reason) if is_being_written(&reason) => thread::sleep(MOMENT),
            ended => return Ok(ended),
        }
    }
    swap_once(root, name, expected, new)
}

fn swap_once(root: &Path, name: &str, expected: Option<&str>, new: Option<&str>) -> Result<Swapped> {
    let lease = format!("--force-with-lease={name}:{}", expected.unwrap_or_default());
    let refspec = format!("{}:{name}", new.unwrap_or_default());
    let reason = match push(root, &[&lease, "origin", &refspec])? {
        Ok(()) => return Ok(Swapped::Done),
        Err(NotPushed::Late) => return Ok(Swapped::Silent(late())),
        Err(NotPushed::Failed(reason)) => reason,
    };
    // Neither a rejection nor a connection that broke says what the ref is now.
    let asked = named(&apart(root, &["ls-remote", "origin", name]), &Interrupt::default())?;
    Ok(match asked {
        Origin::Answered(now) if now.as_deref() == new => Swapped::Done,
        Origin::Answered(now) if now.as_deref() == expected => Swapped::Refused(reason),
        Origin::Answered(now) => Swapped::Moved(now),
        Origin::Silent(_) | Origin::Nowhere => Swapped::Silent(reason),
    })
}

/// A push of somebody else holds the ref, and has not changed it.
fn is_being_written(reason: &str) -> bool {
    ["failed to update ref", "cannot lock ref", "reference already exists"]
        .iter()
        .any(|words| reason.contains(words))
}

/// Makes a ref of `origin` name this commit, whatever it was. Why not, where it does not.
pub(crate) fn put(root: &Path, name: &str, commit: &str) -> Result<Result<(), String>> {
    Ok(push(root, &["--force", "origin", &format!("{commit}:{name}")])?.map_err(|failed| match failed {
        NotPushed::Late => late(),
        NotPushed::Failed(reason) => reason,
    }))
}

/// Whether a commit is published: where this repository saw `origin` last, else where a ref there names it (a tag is checked out
/// without its branch).
pub(crate) fn is_pushed(root: &Path, commit: &str, interrupt: &Interrupt) -> Result<Pushedness> {
    if !has_origin(root)? {
        return Ok(Pushedness::NoOrigin);
    }
    let containing = ["for-each-ref", "--count=1", "--contains", commit, "refs/remotes/origin"];
    if ask(root, &containing)?.is_some_and(|refs| !refs.is_empty()) {
        return Ok(Pushedness::Yes);
    }
    let names = |line: &str| {
        line.split_once('\t').is_some_and(|(id, name)| id == commit && !name.starts_with("refs/landfall/"))
    };
    Ok(match ask_origin(&duct::cmd("git", words(root, &["ls-remote", "origin"])), interrupt)? {
        Ok(text) if text.lines().any(names) => Pushedness::Yes,
        Ok(_) => Pushedness::No,
        Err(reason) => Pushedness::Unknown(reason),
    })
}

enum NotPushed {
    Late,
    Failed(String),
}

/// No hook of this machine, no signature and no other ref takes part.
fn push(root: &Path, args: &[&str]) -> Result<Result<(), NotPushed>> {
    let how = ["--porcelain", "--no-verify", "--no-follow-tags", "--recurse-submodules=no"];
    let command = [&["-c", "push.gpgSign=false", "push"], how.as_slice(), args].concat();
    let command = unattended(&apart(root, &command));
    Ok(match run::within(&command, LIMIT, &Interrupt::default())? {
        Answer::Exited(output) if output.status.success() => Ok(()),
        Answer::Exited(output) => Err(NotPushed::Failed(refusal(&output))),
        Answer::Late | Answer::Stopped => Err(NotPushed::Late),
    })
}

/// Why `origin` did not take it: `!<TAB>FROM:TO<TAB>[remote rejected] (why)` with what its hooks say, or why there was no answer.
fn refusal(Output { stdout, stderr, .. }: &Output) -> String {
    let (stdout, stderr) = (String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr));
    let rejected = stdout.lines().find(|line| line.starts_with("!\t"));
    let why = rejected.and_then(|line| Some(line.rsplit_once('(')?.1.trim_end_matches(')')));
    let Some(why) = why else { return last_line(stderr.as_bytes()) };
    let said = stderr.lines().filter_map(|line| line.strip_prefix("remote:")).map(str::trim);
    let said = said
        .filter(|line| !line.is_empty())
        .map(|line| line.trim_end_matches('.').replace(char::is_control, ""))
        .next();
    told_without_credentials(&said.map_or_else(|| why.to_owned(), |said| format!("{why}: {said}")))
}

/// Git itself never asks for a password: there may be nobody to answer. What ssh asks for has the same deadline.
fn ask_origin(command: &Expression, interrupt: &Interrupt) -> Result<Result<String, String>> {
    Ok(match run::within(&unattended(command), LIMIT, interrupt)? {
        Answer::Exited(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Answer::Exited(output) if output.status.code().is_none() => {
            // A Ctrl-C goes to both of us, and it was the faster one.
            thread::sleep(MOMENT);
            Err("interrupted".to_owned())
        }
        Answer::Exited(output) => Err(last_line(&output.stderr)),
        Answer::Late => Err(late()),
        Answer::Stopped => Err("interrupted".to_owned()),
    })
}

/// In git's own words, which are looked at.
fn unattended(command: &Expression) -> Expression {
    command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C")
}

fn late() -> String {
    format!("no answer within {} s", LIMIT.as_secs())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::tool::git::rev_parse;
    use crate::tool::git::sandbox::{Sandbox, git};

    const NAME: &str = "refs/landfall/test/a";

    fn pushedness(root: &Path) -> Pushedness {
        let head = rev_parse(root, "HEAD").unwrap().unwrap();
        is_pushed(root, &head, &Interrupt::default()).unwrap()
    }

    fn commit(root: &Path) {
        git(root, &["commit", "--quiet", "--allow-empty", "--message", "more"]);
    }

    #[test]
    fn a_commit_is_published_when_a_branch_or_a_tag_of_origin_has_it() {
        let sandbox = Sandbox::new();
        let ada = sandbox.clone("ada");
        assert_eq!(pushedness(&ada), Pushedness::Yes);
        commit(&ada);
        assert_eq!(pushedness(&ada), Pushedness::No);
        git(&ada, &["push", "--quiet", "origin", "HEAD:refs/landfall/deployed/shop"]);
        assert_eq!(pushedness(&ada), Pushedness::No, "what a deploy wrote down is no publication");
        commit(&ada);
        git(&ada, &["push", "--quiet", "origin", "HEAD:refs/tags/v1"]);
        assert_eq!(pushedness(&ada), Pushedness::Yes);
        git(&ada, &["tag", "--annotate", "--message", "two", "v2"]);
        git(&ada, &["push", "--quiet", "--force", "origin", "v2", ":refs/tags/v1"]);
        assert_eq!(pushedness(&ada), Pushedness::Yes, "an annotated tag names its commit, too");
        git(&ada, &["push", "--quiet", "origin", ":refs/tags/v2"]);
        assert_eq!(pushedness(&ada), Pushedness::No);
        commit(&ada);
        git(&ada, &["push", "--quiet", "origin", "HEAD:refs/heads/main"]);
        sandbox.origin_goes();
        assert_eq!(pushedness(&ada), Pushedness::Yes, "this repository knows");
        commit(&ada);
        assert!(matches!(pushedness(&ada), Pushedness::Unknown(_)));
        git(&ada, &["remote", "remove", "origin"]);
        assert_eq!(pushedness(&ada), Pushedness::NoOrigin);
    }

    #[test]
    fn a_ref_is_swapped_only_where_it_is_what_it_was_taken_for() {
        let sandbox = Sandbox::new();
        let ada = sandbox.clone("ada");
        let a = rev_parse(&ada, "HEAD").unwrap().unwrap();
        commit(&ada);
        let b = rev_parse(&ada, "HEAD").unwrap().unwrap();
        let swap = |expected: Option<&str>, new: Option<&str>| swap(&ada, NAME, expected, new).unwrap();
        let (a, b) = (Some(a.as_str()), Some(b.as_str()));
        assert_eq!(swap(None, a), Swapped::Done);
        assert_eq!(swap(None, b), Swapped::Moved(a.map(str::to_owned)));
        assert_eq!(swap(a, b), Swapped::Done);
        assert_eq!(swap(a, None), Swapped::Moved(b.map(str::to_owned)));
        assert_eq!(swap(b, a), Swapped::Done, "backwards, too");
        assert_eq!(swap(a, None), Swapped::Done);
        assert_eq!(swap(a, b), Swapped::Moved(None));
        assert_eq!(swap(a, None), Swapped::Done, "it is what it was to become");
        assert_eq!(sandbox.named(NAME), None);
        // Only for a moment, as while another push writes it.
        let held = sandbox.origin().join(format!("{NAME}.lock"));
        fs::create_dir_all(held.parent().unwrap()).unwrap();
        fs::write(&held, "").unwrap();
        assert!(matches!(swap(None, a), Swapped::Refused(_)));
        fs::remove_file(held).unwrap();
        sandbox.origin_goes();
        assert!(matches!(swap(None, a), Swapped::Silent(_)));
    }

    #[test]
    fn a_push_runs_no_hook_of_this_machine() {
        let sandbox = Sandbox::new();
        let ada = sandbox.clone("ada");
        let hook = ada.join("hooks/pre-push");
        fs::create_dir(ada.join("hooks")).unwrap();
        fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
        fs::set_permissions(&hook, Permissions::from_mode(0o755)).unwrap();
        git(&ada, &["config", "core.hooksPath", "hooks"]);
        for (key, value) in
            [("push.gpgSign", "true"), ("commit.gpgSign", "true"), ("push.followTags", "true")]
        {
            git(&ada, &["config", key, value]);
        }
        let head = rev_parse(&ada, "HEAD").unwrap().unwrap();
        assert_eq!(swap(&ada, NAME, None, Some(&head)).unwrap(), Swapped::Done);
        put(&ada, NAME, &head).unwrap().unwrap();
    }
}
