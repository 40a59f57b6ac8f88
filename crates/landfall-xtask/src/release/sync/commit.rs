//! The deployed commit, and the fresh database that is made from it.

use std::path::Path;

use anyhow::Result;
use landfall_engine::{Declared, Files};

use super::{Fresh, Sync, fine, line, not_read};
use crate::name::{CommitId, TypedCommit};
use crate::release::agreement::{self, COMMIT};
use crate::release::check::{Check, Verdict};
use crate::release::deployed::{self, Answer, Source};
use crate::release::doubt;
use crate::release::image::short;
use crate::release::production::Production;
use crate::text;
use crate::tool::git;

const FRESH: &str = "fresh database";

impl Sync<'_> {
    /// The commit that everything is compared with, where it was looked for, and the line about it.
    pub(super) fn deployed_commit(
        &self,
        production: &Production,
        answer: &Answer,
    ) -> Result<(Option<CommitId>, Vec<Source>, Check)> {
        if let Some(given) = &self.wanted.commit {
            let typed = TypedCommit::parse(given);
            let id =
                typed.map_or(Ok(None), |typed| git::typed(&self.project.root, &typed, self.interrupt))?;
            let check = match &id {
                Some(id) => fine(
                    COMMIT,
                    format!(
                        "{} by --commit {given}{}",
                        short(id),
                        agreement::before_head(&self.project.root, id, self.interrupt)?
                    ),
                ),
                None => line(
                    COMMIT,
                    Verdict::Unknown,
                    format!("git knows no commit {given}"),
                    "see: git log --oneline",
                ),
            };
            return Ok((id, Vec::new(), check));
        }
        let app = &self.fly_toml.app;
        let sources = deployed::sources(self.project, app, production, answer, self.interrupt)?;
        let check = agreement::check(&self.project.root, app, &sources, self.interrupt)?;
        let check = match check {
            Some(check) => check,
            None => {
                let doubt = doubt::of(&self.project.root, app, &self.fly, production, self.interrupt)?;
                let none_yet = || fine(COMMIT, "there is none yet: compared with an empty database");
                Check { details: agreement::told(sources.iter()), ..doubt.unwrap_or_else(none_yet) }
            }
        };
        let commit = sources.iter().find_map(|source| source.commit.clone());
        Ok((commit, sources, check))
    }

    /// A database from that commit's `schema.sql`; the line about it, and the text.
    pub(super) fn fresh_database(
        &self,
        commit: Option<&CommitId>,
        found: &Check,
    ) -> Result<(Option<Fresh>, Check, Option<String>)> {
        let Some(commit) = commit else {
            if found.verdict != Verdict::Fine {
                return Ok((None, not_read(FRESH, "not made: the commit is not known"), None));
            }
            let declared = Declared::parse(Path::new("schema.sql"), "", &self.settings)?;
            let fresh = Fresh { commit: None, declared, database: self.folder.path().join("fresh") };
            return Ok((Some(fresh), fine(FRESH, "empty"), None));
        };
        let id = &commit.clean();
        if let Err(reason) = deployed::make_available(&self.project.root, id, self.interrupt)? {
            let evidence = format!("commit {} is not in this repository: {reason}", short(id));
            let remedy = format!("git fetch origin {id}");
            return Ok((None, line(FRESH, Verdict::Unknown, evidence, remedy), None));
        }
        let Some(files) = deployed::schema(self.project, id, self.interrupt)? else {
            let evidence = format!("commit {} has no {}", short(id), self.project.schema_in_root.display());
            let remedy = "name a commit that has one: cargo xtask verify-sync --commit REV";
            return Ok((None, line(FRESH, Verdict::Unknown, evidence, remedy), None));
        };
        let (path, text) = (files.path().display().to_string(), files.text().to_owned());
        let made = self.make(id, files);
        Ok(match made {
            Ok((fresh, check)) => (Some(fresh), check, Some(text)),
            Err(error) => {
                let evidence = format!("{path} of commit {}: {}", short(id), error.message);
                (None, line(FRESH, Verdict::Unknown, evidence, error.remedy), Some(text))
            }
        })
    }

    fn make(&self, id: &CommitId, files: Files) -> landfall_engine::Result<(Fresh, Check)> {
        let path = files.path().display().to_string();
        let declared = Declared::of(files, &self.settings)?;
        let database = self.folder.path().join("fresh");
        // No row is lost in an empty database: what the directives approve is of no account.
        landfall_engine::make(&database, &declared, &self.settings)?;
        let check =
            fine(FRESH, format!("{path} of commit {}: {}", short(id), text::counted(declared.counts())));
        Ok((Fresh { commit: Some(short(id)), declared, database }, check))
    }
}
