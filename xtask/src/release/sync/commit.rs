//! The deployed commit, and the fresh database that is made from it.

use std::path::Path;

use anyhow::Result;
use migrate::Declared;

use super::{Fresh, Sync, fine, line, not_read};
use crate::release::check::{Check, Verdict};
use crate::release::deployed::{self, Answer, Source};
use crate::release::image::short;
use crate::release::production::Production;
use crate::text;
use crate::tool::git;

const COMMIT: &str = "deployed commit";
const FRESH: &str = "fresh database";

impl Sync<'_> {
    /// The commit that everything is compared with, where it was looked for, and the line about it.
    pub(super) fn deployed_commit(
        &self,
        production: &Production,
        answer: &Answer,
    ) -> Result<(Option<String>, Vec<Source>, Check)> {
        if let Some(given) = &self.wanted.commit {
            let id = git::rev_parse(&self.project.root, given)?;
            let check = match &id {
                Some(id) => {
                    fine(COMMIT, format!("{} by --commit {given}{}", short(id), self.before_head(id)?))
                }
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
        let check = self.judge(&sources)?;
        let commit = sources.iter().find_map(|source| source.commit.clone());
        Ok((commit, sources, check))
    }

    fn judge(&self, sources: &[Source]) -> Result<Check> {
        let details = sources.iter().map(told).collect();
        let Some((chosen, commit)) = sources.iter().find_map(|s| Some((s, s.commit.as_deref()?))) else {
            return Ok(Check { details, ..self.nothing_found(sources) });
        };
        let (id, dirty) = deployed::clean(commit);
        let others: Vec<_> =
            sources.iter().filter(|s| s.commit.is_some() && s.place != chosen.place).collect();
        if let Some(other) = others.iter().find(|source| source.commit.as_deref() != Some(commit)) {
            let evidence = format!("{} runs, by {}, and others say otherwise", short(commit), chosen.place);
            let remedy = self.remedy_of_disagreement(other, id)?;
            return Ok(Check { details, ..line(COMMIT, Verdict::OutOfSync, evidence, remedy) });
        }
        let agreed: String = others.iter().map(|source| format!(", and {}", source.place)).collect();
        let evidence = format!("{} by {}{agreed}{}", short(commit), chosen.place, self.before_head(id)?);
        if dirty {
            let evidence = format!("{evidence}; its image holds changes that were never committed");
            let remedy = "commit them, then ship the commit: cargo xtask deploy";
            return Ok(Check { details, ..line(COMMIT, Verdict::OutOfSync, evidence, remedy) });
        }
        // What could not be asked is shown; what did not answer as it should is a line of its own below.
        let silent = sources.iter().filter(|source| source.commit.is_none()).map(told).collect();
        Ok(Check { details: silent, ..fine(COMMIT, evidence) })
    }

    fn remedy_of_disagreement(&self, other: &Source, id: &str) -> Result<String> {
        let app = &self.fly_toml.app;
        let name = deployed::ref_name(app);
        if !other.place.starts_with(&name) {
            return Ok(format!(
                "see whether a deploy is under way, and whose address that is: fly status -a {app}"
            ));
        }
        let publish = match git::source(&self.project.root)? {
            Some(_) => format!(" && git push --force origin {name}"),
            None => String::new(),
        };
        Ok(format!("git update-ref {name} {id}{publish}"))
    }

    fn nothing_found(&self, sources: &[Source]) -> Check {
        if sources[0].is_trouble() {
            return line(COMMIT, Verdict::Unknown, "it was found nowhere", sources[0].remedy.as_str());
        }
        if sources[0].place.starts_with("the image of") {
            let remedy = "name it, once, to take the app over: cargo xtask verify-sync --commit REV";
            return line(
                COMMIT,
                Verdict::Unknown,
                "something is deployed, and nothing says which commit it is",
                remedy,
            );
        }
        fine(COMMIT, "there is none yet: compared with an empty database")
    }

    fn before_head(&self, id: &str) -> Result<String> {
        let between = git::commits_between(&self.project.root, id, "HEAD")?;
        Ok(match between {
            None => String::new(),
            Some(0) => ", which is HEAD".to_owned(),
            Some(count) => format!(", {} before HEAD", text::count(count.into(), "commit")),
        })
    }

    /// A database from that commit's `schema.sql`; the line about it, and the text.
    pub(super) fn fresh_database(
        &self,
        commit: Option<&str>,
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
        let (id, _) = deployed::clean(commit);
        if let Err(reason) = deployed::make_available(&self.project.root, id, self.interrupt)? {
            let evidence = format!("commit {} is not in this repository: {reason}", short(id));
            let remedy = format!("git fetch origin {id}");
            return Ok((None, line(FRESH, Verdict::Unknown, evidence, remedy), None));
        }
        let Some((path, text)) = deployed::schema(self.project, id)? else {
            let evidence = format!("commit {} has no {}", short(id), self.project.schema_in_root.display());
            let remedy = "name a commit that has one: cargo xtask verify-sync --commit REV";
            return Ok((None, line(FRESH, Verdict::Unknown, evidence, remedy), None));
        };
        let made = self.make(id, &path, &text);
        Ok(match made {
            Ok((fresh, check)) => (Some(fresh), check, Some(text)),
            Err(error) => {
                let evidence = format!("{} of commit {}: {}", path.display(), short(id), error.message);
                (None, line(FRESH, Verdict::Unknown, evidence, error.remedy), Some(text))
            }
        })
    }

    fn make(&self, id: &str, path: &Path, text: &str) -> migrate::Result<(Fresh, Check)> {
        let declared = Declared::parse(path, text, &self.settings)?;
        let database = self.folder.path().join("fresh");
        // No row is lost in an empty database: what the directives approve is of no account.
        migrate::migrate(&database, &declared, &self.settings, &mut ())?;
        let check = fine(
            FRESH,
            format!("{} of commit {}: {}", path.display(), short(id), text::counted(declared.counts())),
        );
        Ok((Fresh { commit: Some(short(id)), declared, database }, check))
    }
}

fn told(source: &Source) -> String {
    match &source.commit {
        Some(commit) => format!("{}: {}", source.place, short(commit)),
        None => format!("{}: {}", source.place, source.reason),
    }
}
