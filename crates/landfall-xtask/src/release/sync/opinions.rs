//! What others say: Atlas of the result, and which SQLite made and makes it.

use std::fs;

use anyhow::Result;
use landfall_engine::{Declared, ErrorKind, Opinion};

use super::{Fresh, Sync, fine, not_read};
use crate::name::CommitId;
use crate::release::check::{Check, Verdict};
use crate::release::deployed::{self, Answer};
use crate::text;

const ATLAS: &str = "atlas";
const SQLITE: &str = "sqlite";
/// As many names as a line holds.
const NAMED: usize = 8;

impl Sync<'_> {
    /// Of the fresh database, once today's schema was applied to it.
    pub(super) fn atlas(&self, fresh: Option<&Fresh>, today: &Declared, before: &[Check]) -> Check {
        let Some(fresh) = fresh.filter(|_| before.last().is_some_and(|again| again.verdict == Verdict::Fine))
        else {
            return not_read(ATLAS, "not asked: today's schema was not applied");
        };
        match landfall_engine::opinion(&fresh.database, today, &self.settings) {
            Ok(opinion) => told(&opinion),
            Err(error) if error.kind == ErrorKind::Planner && self.settings.atlas.is_none() => {
                not_read(ATLAS, "it is not on this machine")
            }
            Err(error) => not_read(ATLAS, format!("it has no opinion: {}", error.message)),
        }
    }

    /// The version of the crate that has SQLite in it, then and now; and what the service says.
    pub(super) fn sqlite(&self, commit: Option<&CommitId>, answer: &Answer) -> Result<Check> {
        let here = landfall_engine::sqlite_version();
        let lock = fs::read_to_string(self.project.root.join("Cargo.lock")).unwrap_or_default();
        let now = deployed::sqlite_in(&lock);
        let then = match commit {
            Some(commit) => deployed::sqlite_crate(self.project, commit, self.interrupt)?,
            None => None,
        };
        let there =
            answer.version.as_ref().ok().map(|version| version.sqlite.as_str()).filter(|v| !v.is_empty());
        let evidence = match (there, &then, &now) {
            (Some(there), ..) if there == here => format!("{here} here and in production"),
            (Some(there), ..) => format!("{here} here, {there} in production: a deploy changes it"),
            (None, Some(then), Some(now)) if then == now => {
                format!("{here}, as in the deployed commit (libsqlite3-sys {now})")
            }
            (None, Some(then), Some(now)) => {
                format!("{here} (libsqlite3-sys {now}; {then} in the deployed commit: a deploy changes it)")
            }
            _ => format!("{here} here"),
        };
        Ok(fine(SQLITE, evidence))
    }
}

fn told(opinion: &Opinion) -> Check {
    let Opinion { pending, consequences, unseen } = opinion;
    let mut details = Vec::new();
    if !unseen.is_empty() {
        let named: Vec<_> = unseen.iter().take(NAMED).map(String::as_str).collect();
        let more = unseen.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        details.push(format!("it does not compare: {}{more}", named.join(", ")));
    }
    if pending.is_empty() {
        return Check { details, ..fine(ATLAS, "it sees nothing left to change either") };
    }
    let comes_of_it = match consequences.as_slice() {
        [] => "which would change nothing that means anything".to_owned(),
        [only] => format!("which would be wrong: {only}"),
        [first, rest @ ..] => format!("which would be wrong: {first} (and {} more)", rest.len()),
    };
    details.extend(
        pending.iter().map(|sql| text::cut(&sql.split_whitespace().collect::<Vec<_>>().join(" "), 160)),
    );
    let statements = text::count(pending.len() as u64, "statement");
    Check { details, ..fine(ATLAS, format!("it would run {statements}, {comes_of_it}")) }
}
