//! Whether the places that tell the deployed commit agree: the line about it in `verify-sync` and `status`.

use std::path::Path;

use anyhow::Result;
use landfall_engine::Interrupt;

use super::check::{Check, Verdict, fine, line};
use super::deployed::{self, Source};
use crate::name::{AppName, CommitId};
use crate::text;
use crate::tool::git;

/// How the line is called.
pub(crate) const COMMIT: &str = "deployed commit";

/// The line; none where nothing is deployed yet, or nobody could be asked.
pub(crate) fn check(
    root: &Path,
    app: &AppName,
    sources: &[Source],
    interrupt: &Interrupt,
) -> Result<Option<Check>> {
    let details = told(sources.iter());
    let Some((chosen, commit)) = sources.iter().find_map(|s| Some((s, s.commit.as_ref()?))) else {
        return Ok(nothing_found(sources).map(|check| Check { details, ..check }));
    };
    let id = commit.clean();
    let others: Vec<_> = sources.iter().filter(|s| s.commit.is_some() && s.place != chosen.place).collect();
    if let Some(other) = others.iter().find(|source| source.commit.as_ref() != Some(commit)) {
        let evidence = format!("{} runs, by {}, and others say otherwise", commit.short(), chosen.place);
        let remedy = remedy_of_disagreement(root, app, other, &id, interrupt)?;
        return Ok(Some(Check { details, ..line(COMMIT, Verdict::OutOfSync, evidence, remedy) }));
    }
    let agreed: String = others.iter().map(|source| format!(", and {}", source.place)).collect();
    let evidence =
        format!("{} by {}{agreed}{}", commit.short(), chosen.place, before_head(root, &id, interrupt)?);
    if commit.is_dirty() {
        let evidence = format!("{evidence}; its image holds changes that were never committed");
        let remedy = "commit them, then ship the commit: cargo xtask deploy";
        return Ok(Some(Check { details, ..line(COMMIT, Verdict::OutOfSync, evidence, remedy) }));
    }
    // What could not be asked is shown; what did not answer as it should is a line of its own below.
    let silent = told(sources.iter().filter(|source| source.commit.is_none()));
    Ok(Some(Check { details: silent, ..fine(COMMIT, evidence) }))
}

/// `, which is HEAD`, `, 3 commits before HEAD`; empty where that cannot be told.
pub(crate) fn before_head(root: &Path, id: &CommitId, interrupt: &Interrupt) -> Result<String> {
    let between = git::commits_since(root, id, interrupt)?;
    Ok(match between {
        None => String::new(),
        Some(0) => ", which is HEAD".to_owned(),
        Some(count) => format!(", {} before HEAD", text::count(count.into(), "commit")),
    })
}

fn remedy_of_disagreement(
    root: &Path,
    app: &AppName,
    other: &Source,
    id: &CommitId,
    interrupt: &Interrupt,
) -> Result<String> {
    let name = deployed::ref_name(app);
    if !other.place.starts_with(name.as_str()) {
        return Ok(format!(
            "see whether a deploy is under way, and whose address that is: fly status -a {app}"
        ));
    }
    let publish = match git::source(root, interrupt)? {
        Some(_) => format!(" && git push --force origin {name}"),
        None => String::new(),
    };
    Ok(format!("git update-ref {name} {id}{publish}"))
}

fn nothing_found(sources: &[Source]) -> Option<Check> {
    if sources[0].is_trouble() {
        return Some(line(COMMIT, Verdict::Unknown, "it was found nowhere", sources[0].remedy.as_str()));
    }
    sources[0].place.starts_with("the image of").then(|| {
        let remedy = "name it, once, to take the app over: cargo xtask verify-sync --commit REV";
        line(COMMIT, Verdict::Unknown, "something is deployed, and nothing says which commit it is", remedy)
    })
}

/// What each of them told, a line each.
pub(crate) fn told<'s>(sources: impl Iterator<Item = &'s Source>) -> Vec<String> {
    let line = |Source { place, commit, reason, .. }: &Source| match commit {
        Some(commit) => format!("{place}: {}", commit.short()),
        None => format!("{place}: {reason}"),
    };
    sources.map(line).collect()
}
