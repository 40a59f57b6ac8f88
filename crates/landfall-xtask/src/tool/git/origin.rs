//! `origin`: asked, fetched from and pushed to, each with a deadline and without a question to anybody.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use landfall_engine::{Interrupt, shown_in_line};

use super::ask::{ask, git, last_line, told_without_credentials};
use crate::name::{CommitId, RefName};
use crate::tool::child::Child;
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
    Answered(Option<CommitId>),
    /// It did not answer; why.
    Silent(String),
}

/// What came of a push that only counts where the ref is what it was taken for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Swapped {
    /// The ref is what it was to become.
    Done,
    /// It was something else; what it is now.
    Moved(Option<CommitId>),
    /// `origin` does not take it; why.
    Refused(String),
    /// `origin` has this ref as well, and git cannot tell whose name was meant.
    Ambiguous(String),
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
pub(crate) fn has_origin(root: &Path, interrupt: &Interrupt) -> Result<bool> {
    Ok(ask(root, interrupt, &["remote", "get-url", "origin"])?.is_some())
}

/// The commit that a ref names at `origin`.
pub(crate) fn origin_ref(root: &Path, name: &RefName, interrupt: &Interrupt) -> Result<Origin> {
    if !has_origin(root, interrupt)? {
        return Ok(Origin::Nowhere);
    }
    named(&git(root, &["ls-remote", "--end-of-options", "origin", name]), name, interrupt)
}

/// All refs of Landfall's, here and at `origin` where that answers.
pub(crate) fn refs(root: &Path, interrupt: &Interrupt) -> Result<BTreeSet<RefName>> {
    let own =
        ask(root, interrupt, &["for-each-ref", "--format=%(refname)", "refs/landfall/"])?.unwrap_or_default();
    let there = if has_origin(root, interrupt)? {
        let asked = ["ls-remote", "--end-of-options", "origin", "refs/landfall/*"];
        ask_origin(&git(root, &asked), interrupt)?
    } else {
        Ok(String::new())
    };
    let there = there.unwrap_or_default();
    let there = there.lines().filter_map(|line| Some(line.split_once('\t')?.1));
    Ok(own.lines().chain(there).filter_map(RefName::parse).collect())
}

/// Each ref that `ls-remote` listed, with the object that it names.
fn listed(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| line.split_once('\t')).map(|(object, name)| (name, object))
}

/// By its whole name: `ls-remote` also lists what only ends in it, such as a branch that somebody has called so.
fn named(command: &Child, name: &RefName, interrupt: &Interrupt) -> Result<Origin> {
    Ok(match ask_origin(command, interrupt)? {
        Ok(text) => {
            match listed(&text).find(|(found, _)| *name == **found).map(|(_, id)| CommitId::parse(id)) {
                None => Origin::Answered(None),
                Some(Some(commit)) => Origin::Answered(Some(commit)),
                Some(None) => Origin::Silent("it answered something else than a commit".to_owned()),
            }
        }
        Err(reason) => Origin::Silent(reason),
    })
}

/// Brings a commit of `origin` into this repository, and nothing else: neither a branch nor a file of the work tree changes. Why
/// not, where it cannot be had.
pub(crate) fn fetch(root: &Path, commit: &CommitId, interrupt: &Interrupt) -> Result<Result<(), String>> {
    // Only in a clone that is shallow already: elsewhere it would cut history off.
    fetch_with(
        root,
        if is_shallow(root, interrupt)? { &["--depth=1"] } else { &[] },
        commit.object(),
        interrupt,
    )
}

/// Whether this clone has not all that its commits stand on.
pub(crate) fn is_shallow(root: &Path, interrupt: &Interrupt) -> Result<bool> {
    Ok(ask(root, interrupt, &["rev-parse", "--is-shallow-repository"])?.as_deref() == Some("true"))
}

/// The same of a ref, with all that it stands on.
pub(crate) fn fetch_history(
    root: &Path,
    name: &RefName,
    interrupt: &Interrupt,
) -> Result<Result<(), String>> {
    fetch_with(root, &[], name, interrupt)
}

fn fetch_with(root: &Path, depth: &[&str], what: &str, interrupt: &Interrupt) -> Result<Result<(), String>> {
    let how = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"];
    let args = [&how, depth, &["--end-of-options", "origin", what]].concat();
    Ok(ask_origin(&git(root, &args), interrupt)?.map(drop))
}

/// Makes a ref of `origin` name `new` where it names `expected`; none is a ref that is not there. It cannot be interrupted: who
/// asks has to know what came of it.
pub(crate) fn swap(
    root: &Path,
    name: &RefName,
    expected: Option<&CommitId>,
    new: Option<&CommitId>,
) -> Result<Swapped> {
    for _ in 1..TRIES {
        match swap_once(root, name, expected, new)? {
            Swapped::Refused(reason) if is_being_written(&reason) => thread::sleep(MOMENT),
            ended => return Ok(ended),
        }
    }
    swap_once(root, name, expected, new)
}

fn swap_once(
    root: &Path,
    name: &RefName,
    expected: Option<&CommitId>,
    new: Option<&CommitId>,
) -> Result<Swapped> {
    let object = |commit: Option<&CommitId>| commit.map(|commit| commit.object().to_owned());
    let lease = format!("--force-with-lease={name}:{}", object(expected).unwrap_or_default());
    let refspec = format!("{}:{name}", object(new).unwrap_or_default());
    let reason = match push(root, name, &lease, &refspec)? {
        Ok(()) => return Ok(Swapped::Done),
        Err(NotPushed::Late) => return Ok(Swapped::Silent(late())),
        Err(NotPushed::Ambiguous(other)) => return Ok(Swapped::Ambiguous(other)),
        Err(NotPushed::Failed(reason)) => reason,
    };
    // Neither a rejection nor a connection that broke says what the ref is now.
    let ask = git(root, &["ls-remote", "--end-of-options", "origin", name]).apart();
    Ok(match named(&ask, name, &Interrupt::default())? {
        Origin::Answered(now) if now.as_ref() == new => Swapped::Done,
        Origin::Answered(now) if now.as_ref() == expected => Swapped::Refused(reason),
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
pub(crate) fn put(root: &Path, name: &RefName, commit: &CommitId) -> Result<Result<(), String>> {
    let refspec = format!("{}:{name}", commit.object());
    Ok(push(root, name, "--force", &refspec)?.map_err(|failed| match failed {
        NotPushed::Late => late(),
        NotPushed::Ambiguous(other) => ambiguous(&other),
        NotPushed::Failed(reason) => reason,
    }))
}

/// Whether a commit is published: where this repository saw `origin` last, else where a ref there names it (a tag is checked out
/// without its branch).
pub(crate) fn is_pushed(root: &Path, commit: &CommitId, interrupt: &Interrupt) -> Result<Pushedness> {
    let commit = commit.object();
    if !has_origin(root, interrupt)? {
        return Ok(Pushedness::NoOrigin);
    }
    let containing = ["for-each-ref", "--count=1", "--contains", commit, "refs/remotes/origin"];
    if ask(root, interrupt, &containing)?.is_some_and(|refs| !refs.is_empty()) {
        return Ok(Pushedness::Yes);
    }
    let names = |line: &str| {
        line.split_once('\t').is_some_and(|(id, name)| id == commit && !name.starts_with("refs/landfall/"))
    };
    Ok(match ask_origin(&git(root, &["ls-remote", "origin"]), interrupt)? {
        Ok(text) if text.lines().any(names) => Pushedness::Yes,
        Ok(_) => Pushedness::No,
        Err(reason) => Pushedness::Unknown(reason),
    })
}

enum NotPushed {
    Late,
    Ambiguous(String),
    Failed(String),
}

/// That `origin` has this ref beside the one that was meant.
pub(crate) fn ambiguous(other: &str) -> String {
    format!("origin also has {other}, which git takes for the same")
}

/// A ref of `origin` that git would take for this one in a push, which has no way to write that a name is whole (gitrevisions(7)).
fn namesake(root: &Path, name: &RefName) -> Result<Option<String>> {
    let ask = git(root, &["ls-remote", "--end-of-options", "origin", name]).apart();
    // Where it does not answer the push is not answered either.
    let text = ask_origin(&ask, &Interrupt::default())?.unwrap_or_default();
    let short = |found: &str| {
        let folder = found.strip_suffix(name.as_str());
        folder.is_some_and(|folder| ["refs/", "refs/tags/", "refs/heads/", "refs/remotes/"].contains(&folder))
    };
    let mut others = listed(&text).filter(|(found, _)| short(found));
    Ok(others.next().map(|(found, _)| shown_in_line(found).into_owned()))
}

/// No hook of this machine, no signature and no other ref takes part.
fn push(root: &Path, name: &RefName, force: &str, refspec: &str) -> Result<Result<(), NotPushed>> {
    if let Some(other) = namesake(root, name)? {
        return Ok(Err(NotPushed::Ambiguous(other)));
    }
    let how = ["--porcelain", "--no-verify", "--no-follow-tags", "--recurse-submodules=no"];
    let to = [force, "--end-of-options", "origin", refspec];
    let command = [["-c", "push.gpgSign=false", "push"].as_slice(), &how, &to].concat();
    let command = unattended(&git(root, &command).apart());
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
fn ask_origin(command: &Child, interrupt: &Interrupt) -> Result<Result<String, String>> {
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
fn unattended(command: &Child) -> Child {
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
    use crate::tool::child::Program;
    use crate::tool::git::repository::rev_parse;
    use crate::tool::git::sandbox::{Sandbox, git};

    const NAME: &str = "refs/landfall/test/a";

    fn name() -> RefName {
        RefName::parse(NAME).unwrap()
    }

    fn pushedness(root: &Path) -> Pushedness {
        let head = rev_parse(root, "HEAD", &Interrupt::default()).unwrap().unwrap();
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
        let a = rev_parse(&ada, "HEAD", &Interrupt::default()).unwrap().unwrap();
        commit(&ada);
        let b = rev_parse(&ada, "HEAD", &Interrupt::default()).unwrap().unwrap();
        let swap =
            |expected: Option<&CommitId>, new: Option<&CommitId>| swap(&ada, &name(), expected, new).unwrap();
        let (a, b) = (Some(&a), Some(&b));
        assert_eq!(swap(None, a), Swapped::Done);
        assert_eq!(swap(None, b), Swapped::Moved(a.cloned()));
        assert_eq!(swap(a, b), Swapped::Done);
        assert_eq!(swap(a, None), Swapped::Moved(b.cloned()));
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
    fn what_origin_names_that_is_no_commit_is_no_answer() {
        let told = |said: &str| {
            named(&Child::new(Program::Git, "printf", ["%s", said]), &name(), &Interrupt::default()).unwrap()
        };
        let id = "0123456789abcdef0123456789abcdef01234567";
        assert!(matches!(told(&format!("{id}\t{NAME}\n")), Origin::Answered(Some(commit)) if commit == id));
        assert!(matches!(told(""), Origin::Answered(None)));
        let huge = "a".repeat(200_000);
        for hostile in
            ["--upload-pack=touch", "+refs/heads/evil:refs/landfall/deployed/other", &huge[..65], "HEAD"]
        {
            assert!(matches!(told(&format!("{hostile}\t{NAME}\n")), Origin::Silent(_)), "{hostile}");
        }
    }

    #[test]
    fn a_branch_that_is_called_like_a_ref_of_ours_is_another_one() {
        let sandbox = Sandbox::new();
        let ada = sandbox.clone("ada");
        let head = rev_parse(&ada, "HEAD", &Interrupt::default()).unwrap().unwrap();
        commit(&ada);
        let evil = rev_parse(&ada, "HEAD", &Interrupt::default()).unwrap().unwrap();
        let asked = || origin_ref(&ada, &name(), &Interrupt::default()).unwrap();
        for kind in ["refs/heads", "refs/tags", "refs"] {
            let other = format!("{kind}/{NAME}");
            assert_eq!(swap(&ada, &name(), None, Some(&head)).unwrap(), Swapped::Done);
            git(&ada, &["push", "--quiet", "origin", &format!("{evil}:{other}")]);
            assert!(matches!(asked(), Origin::Answered(Some(commit)) if commit == head), "{kind}");
            assert_eq!(swap(&ada, &name(), Some(&head), None).unwrap(), Swapped::Ambiguous(other.clone()));
            put(&ada, &name(), &evil).unwrap().unwrap_err();
            assert_eq!(sandbox.named(NAME).unwrap(), *head);
            git(&ada, &["push", "--quiet", "origin", "--delete", &other]);
            assert_eq!(swap(&ada, &name(), Some(&head), None).unwrap(), Swapped::Done);
            git(&ada, &["push", "--quiet", "origin", &format!("{evil}:{other}")]);
            assert!(matches!(asked(), Origin::Answered(None)), "{kind}");
            assert_eq!(swap(&ada, &name(), None, Some(&head)).unwrap(), Swapped::Ambiguous(other.clone()));
            assert_eq!(sandbox.named(&other).unwrap(), *evil, "nothing of theirs is touched");
            git(&ada, &["push", "--quiet", "origin", "--delete", &other]);
        }
        git(&ada, &["push", "--quiet", "origin", &format!("{evil}:refs/heads/deep/{NAME}")]);
        assert_eq!(swap(&ada, &name(), None, Some(&head)).unwrap(), Swapped::Done);
        assert!(matches!(asked(), Origin::Answered(Some(commit)) if commit == head));
    }

    #[test]
    fn a_ref_of_origin_whose_name_is_none_of_ours_is_left_out() {
        let sandbox = Sandbox::new();
        let ada = sandbox.clone("ada");
        for name in ["deployed/shop", "deployed/--all", "deployed/a=b", "audit/shop", "odd"] {
            git(&ada, &["push", "--quiet", "origin", &format!("HEAD:refs/landfall/{name}")]);
        }
        let found = refs(&ada, &Interrupt::default()).unwrap();
        let found: Vec<_> = found.iter().map(RefName::as_str).collect();
        assert_eq!(found, ["refs/landfall/audit/shop", "refs/landfall/deployed/shop"]);
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
        let head = rev_parse(&ada, "HEAD", &Interrupt::default()).unwrap().unwrap();
        assert_eq!(swap(&ada, &name(), None, Some(&head)).unwrap(), Swapped::Done);
        put(&ada, &name(), &head).unwrap().unwrap();
    }
}
