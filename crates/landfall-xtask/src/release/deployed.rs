//! Which commit production runs: read in three places, in the order in which they are trusted.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Result;
use landfall_engine::{Files, Interrupt};
use serde::Serialize;

use super::probe::{Probe, Version};
use super::production::{Production, Trouble};
use crate::error::{Error, Kind};
use crate::name::{AppName, CommitId, RefName};
use crate::project::{self, Project};
use crate::tool::fly::Machine;
use crate::tool::git::{self, Origin, Pushed};

/// The label that an image tells its commit by (<https://github.com/opencontainers/image-spec/blob/main/annotations.md>).
pub(crate) const REVISION: &str = "org.opencontainers.image.revision";

/// A place where the deployed commit was looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Source {
    /// Where: `the image label of machine 148e…`.
    pub(crate) place: String,
    /// The commit that was found there.
    pub(crate) commit: Option<CommitId>,
    /// Why none was; empty where one was.
    pub(crate) reason: String,
    /// What mends it, where it is a failure.
    pub(crate) remedy: String,
}

impl Source {
    fn found(place: impl Into<String>, commit: CommitId) -> Self {
        Self { commit: Some(commit), ..Self::none(place, "") }
    }

    fn none(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { place: place.into(), commit: None, reason: reason.into(), remedy: String::new() }
    }

    fn failed(place: impl Into<String>, trouble: &Trouble) -> Self {
        Self { remedy: trouble.remedy.clone(), ..Self::none(place, trouble.message.as_str()) }
    }

    /// Whether it was asked, and its answer tells nothing.
    pub(crate) fn is_trouble(&self) -> bool {
        !self.remedy.is_empty()
    }
}

/// The commit that is written on a machine's image; none where nothing is, or what is no commit.
pub(crate) fn revision(machine: &Machine) -> Option<CommitId> {
    machine.label(REVISION).and_then(CommitId::parse)
}

/// With what all refs begin that record what is deployed.
pub(crate) const REFS: &str = "refs/landfall/deployed/";

/// The git ref that records what is deployed of an app.
pub(crate) fn ref_name(app: &AppName) -> RefName {
    RefName::of("deployed", app)
}

/// Records a commit as deployed: in this repository, and at `origin` where that answers. The mark of a work tree that held something
/// else is not part of it.
///
/// # Errors
/// When this repository does not have the commit and cannot get it.
pub(crate) fn record(root: &Path, app: &AppName, commit: &CommitId, interrupt: &Interrupt) -> Result<Pushed> {
    if git::common_folder(root, interrupt)?.is_none() {
        return Ok(Pushed::Nowhere);
    }
    let (name, commit) = (ref_name(app), commit.clean());
    if let Err(reason) = make_available(root, &commit, interrupt)? {
        let message =
            format!("commit {commit} is not in this repository, so that {name} was not set: {reason}");
        let remedy = format!("bring it here, then set it: git update-ref {name} {commit}");
        return Err(Error::new(Kind::Failed, name, message).remedy(remedy).into());
    }
    git::set_ref(root, &name, git::named(root, &name, interrupt)?.as_ref(), &commit)?;
    if !git::has_origin(root, interrupt)? {
        return Ok(Pushed::NoOrigin);
    }
    Ok(git::put(root, &name, &commit)?.map_or_else(Pushed::OnlyHere, |()| Pushed::Everywhere))
}

/// All places, the most trusted first: what really runs, what was recorded, what the service says.
pub(crate) fn sources(
    project: &Project,
    app: &AppName,
    production: &Production,
    answer: &Answer,
    interrupt: &Interrupt,
) -> Result<Vec<Source>> {
    Ok(vec![label(production), recorded(&project.root, app, interrupt)?, answered(answer)])
}

/// What the service says of itself.
pub(crate) struct Answer {
    place: String,
    /// Why there is none, where there is none.
    pub(crate) version: Result<Version, String>,
}

/// Asks the service, where a machine runs: a request would wake a stopped one.
pub(crate) fn ask(production: &Production, probe: &Probe) -> Answer {
    let version = match production {
        Production::Machine(machine) if machine.state == "started" => {
            probe.version().map_err(|error| first_line(&format!("{error:#}")))
        }
        Production::Machine(machine) => Err(format!("not asked: the machine is {}", machine.state)),
        _ => Err("not asked: no machine is known".to_owned()),
    };
    Answer { place: format!("{}/version", probe.address()), version }
}

fn label(production: &Production) -> Source {
    const PLACE: &str = "the machine's image";
    match production {
        Production::Machine(machine) => {
            let place = format!("the image of machine {}", machine.id);
            match (revision(machine), machine.label(REVISION)) {
                (Some(commit), _) => Source::found(place, commit),
                (None, Some(_)) => Source {
                    remedy: "ship a commit: cargo xtask deploy".to_owned(),
                    ..Source::none(place, format!("its label {REVISION} is no commit"))
                },
                (None, None) => Source::none(place, format!("it has no label {REVISION}")),
            }
        }
        Production::Absent(reason) | Production::NotAsked(reason) => Source::none(PLACE, reason),
        Production::Unknown(trouble) => Source::failed(PLACE, trouble),
    }
}

/// The ref at `origin`, where every deploy pushes it; this repository's own where `origin` does not answer, or there is none.
fn recorded(root: &Path, app: &AppName, interrupt: &Interrupt) -> Result<Source> {
    let name = ref_name(app);
    let own = git::named(root, &name, interrupt)?;
    let from_own = |place: String| match own {
        Some(commit) => Source::found(place, commit),
        None => Source::none(place, "there is no such ref"),
    };
    Ok(match git::origin_ref(root, &name, interrupt)? {
        Origin::Answered(Some(commit)) => Source::found(format!("{name} of origin"), commit),
        Origin::Answered(None) => from_own(format!("{name} (origin has none)")),
        Origin::Silent(reason) => from_own(format!("{name} (origin was not reached: {reason})")),
        Origin::Nowhere => from_own(name.into()),
    })
}

/// The commit that was written down last, at `origin` or here.
pub(crate) fn recorded_commit(root: &Path, app: &AppName, interrupt: &Interrupt) -> Result<Option<CommitId>> {
    Ok(recorded(root, app, interrupt)?.commit)
}

fn answered(Answer { place, version }: &Answer) -> Source {
    match version {
        Ok(version) => match version.commit.commit() {
            Some(commit) => Source::found(place, commit.clone()),
            None => Source::none(place, "it was built of no commit"),
        },
        Err(reason) => Source::none(place, reason),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// Sees to it that a commit is in this repository; from `origin` where it is not. Why it cannot be had.
pub(crate) fn make_available(
    root: &Path,
    commit: &CommitId,
    interrupt: &Interrupt,
) -> Result<Result<(), String>> {
    if git::has(root, commit, interrupt)? {
        return Ok(Ok(()));
    }
    git::fetch(root, commit, interrupt)
}

/// The schema of a commit, from the files that it had there.
pub(crate) fn schema(project: &Project, commit: &CommitId, interrupt: &Interrupt) -> Result<Option<Files>> {
    let there = schema_path(project, commit, interrupt)?;
    for path in there.into_iter().chain([project.schema_in_root.clone()]) {
        if let Some(files) = files(&project.root, commit, &path, interrupt)? {
            return Ok(Some(files));
        }
    }
    Ok(None)
}

/// A file of a commit, those of a folder, or several; `None` where one is not there.
fn files(root: &Path, commit: &CommitId, path: &Path, interrupt: &Interrupt) -> Result<Option<Files>> {
    let mut texts = Vec::new();
    for named in env::split_paths(path) {
        let mut children = git::children(root, commit, &named, interrupt)?;
        children.retain(|child| landfall_engine::is_sql(child));
        children.sort();
        for file in if children.is_empty() { vec![named] } else { children } {
            let Some(text) = git::show(root, commit, &file, interrupt)? else { return Ok(None) };
            texts.push((file, text));
        }
    }
    Ok(Some(Files::of(path, texts)))
}

/// Where that commit's own configuration says that its schema is.
fn schema_path(project: &Project, commit: &CommitId, interrupt: &Interrupt) -> Result<Option<PathBuf>> {
    let manifest = git::show(&project.root, commit, Path::new("Cargo.toml"), interrupt)?;
    let manifest = manifest.and_then(|text| text.parse::<toml::Table>().ok());
    let configured = manifest
        .as_ref()
        .and_then(|table| table.get("workspace")?.get("metadata")?.get("landfall")?.get("schema"))
        .and_then(|value| serde_json::to_value(value).ok());
    let configured = configured.and_then(|value| project::paths(&value));
    // Without a word of its own it is the default, which need not be today's.
    Ok(manifest.map(|_| configured.unwrap_or_else(|| PathBuf::from("schema.sql"))))
}

/// The version of the crate that compiles SQLite in, as a commit's Cargo.lock has it.
pub(crate) fn sqlite_crate(
    project: &Project,
    commit: &CommitId,
    interrupt: &Interrupt,
) -> Result<Option<String>> {
    let lock = git::show(&project.root, commit, Path::new("Cargo.lock"), interrupt)?;
    Ok(lock.and_then(|text| sqlite_in(&text)))
}

/// The version of the crate that compiles SQLite in, of the text of a Cargo.lock.
pub(crate) fn sqlite_in(lock: &str) -> Option<String> {
    let lock: toml::Table = lock.parse().ok()?;
    let packages = lock.get("package")?.as_array()?;
    let package = packages
        .iter()
        .find(|package| package.get("name").and_then(|name| name.as_str()) == Some("libsqlite3-sys"))?;
    package.get("version")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::git::sandbox::{self, Sandbox};

    fn app() -> AppName {
        AppName::parse("shop").unwrap()
    }

    #[test]
    fn the_schema_of_a_commit_is_a_file_a_folder_or_a_list_of_both() {
        let sandbox = Sandbox::new();
        let ada = sandbox.clone("ada");
        std::fs::create_dir(ada.join("db")).unwrap();
        for (name, text) in [
            ("schema.sql", "CREATE TABLE s (a);"),
            ("db/b.sql", "CREATE TABLE b (a);"),
            ("db/a é.sql", "CREATE TABLE a (a);"),
            ("db/x.txt", "no"),
        ] {
            std::fs::write(ada.join(name), text).unwrap();
        }
        sandbox::git(&ada, &["add", "."]);
        sandbox::git(&ada, &["commit", "--quiet", "--message", "schemas"]);
        let tables = |path: &str| {
            let files = files(
                &ada,
                &git::head(&ada, &Interrupt::default()).unwrap().unwrap(),
                Path::new(path),
                &Interrupt::default(),
            )
            .unwrap()?;
            assert_eq!(files.path(), Path::new(path));
            Some(files.text().matches("CREATE TABLE").count())
        };
        assert_eq!(tables("schema.sql"), Some(1));
        assert_eq!(tables("db"), Some(2));
        assert_eq!(tables("schema.sql:db"), Some(3));
        assert_eq!(tables("schema.sql:db/none.sql"), None);
        assert_eq!(tables("none"), None);
        let folder = files(
            &ada,
            &git::head(&ada, &Interrupt::default()).unwrap().unwrap(),
            Path::new("db"),
            &Interrupt::default(),
        )
        .unwrap()
        .unwrap();
        assert_eq!(folder.place(1).0, Path::new("db/a é.sql"));
    }

    #[test]
    fn the_crate_of_sqlite_is_found_in_a_lock_file() {
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n[[package]]\nname = \"libsqlite3-sys\"\nversion = \"0.35.0\"\n";
        assert_eq!(sqlite_in(lock).as_deref(), Some("0.35.0"));
        assert_eq!(sqlite_in("[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n"), None);
        assert_eq!(sqlite_in("<<<<<<<"), None);
    }

    #[test]
    fn what_is_deployed_is_recorded_here_and_at_origin_without_its_mark() {
        let sandbox = Sandbox::new();
        let (ada, name) = (sandbox.clone("ada"), ref_name(&app()));
        let head = git::head(&ada, &Interrupt::default()).unwrap().unwrap();
        let record = |commit: &CommitId| record(&ada, &app(), commit, &Interrupt::default());
        assert_eq!(record(&head.clone().dirty()).unwrap(), Pushed::Everywhere);
        assert_eq!(
            (git::named(&ada, &name, &Interrupt::default()).unwrap(), sandbox.named(&name)),
            (Some(head.clone()), Some(head.to_string()))
        );
        // Backwards, or to another branch, too; and what was made here goes along.
        sandbox::git(&ada, &["commit", "--quiet", "--amend", "--allow-empty", "--message", "another"]);
        let other = git::head(&ada, &Interrupt::default()).unwrap().unwrap();
        assert_eq!(record(&other).unwrap(), Pushed::Everywhere);
        assert_eq!(sandbox.named(&name), Some(other.to_string()));
        sandbox.origin_goes();
        assert!(matches!(record(&other).unwrap(), Pushed::OnlyHere(_)));
        let unknown = record(&CommitId::parse("0123456789abcdef0123456789abcdef01234567").unwrap())
            .unwrap_err()
            .to_string();
        assert!(
            unknown.starts_with("commit 0123456789abcdef0123456789abcdef01234567 is not in this repository")
        );
        let alone = sandbox.alone("alone");
        sandbox::git(&alone, &["fetch", "--quiet", ada.to_str().unwrap(), "HEAD"]);
        let recorded = super::record(&alone, &app(), &other, &Interrupt::default()).unwrap();
        assert_eq!(recorded, Pushed::NoOrigin);
        let folder = tempfile::tempdir().unwrap();
        let recorded = super::record(folder.path(), &app(), &other, &Interrupt::default()).unwrap();
        assert_eq!(recorded, Pushed::Nowhere);
    }
}
