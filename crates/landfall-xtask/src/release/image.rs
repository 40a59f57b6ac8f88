//! The image: what it is built from, what is written on it, what came out.

use std::fmt;
use std::time::SystemTime;

use anyhow::Result;
use landfall_engine::{Declared, Interrupt};
use serde::Serialize;

use super::build_log::{BuildLog, Stage, Step, Told};
use crate::cli::Bases;
use crate::error::{Error, Kind};
use crate::fly_toml::FlyToml;
use crate::name::{Image, Revision, Tag, Variable};
use crate::project::Project;
use crate::text;
use crate::tool::run::{self, Answer};
use crate::tool::{docker, git};
use crate::ui::{Activity, Ui};

/// As many characters of a commit as a tag has.
const SHORT: usize = 12;

/// An image that was built.
#[derive(Debug, Serialize)]
pub(crate) struct Built {
    /// The name that it can be run by.
    pub(crate) tag: Image,
    /// Its id: a digest over its configuration and its layers. A registry adds a digest of its own when it is pushed.
    pub(crate) digest: String,
    /// What `/version` is to say: the commit, with `-dirty` where the work tree held something else.
    pub(crate) commit: Revision,
    /// The declared schema's fingerprint.
    pub(crate) schema: String,
    /// The user and the group that it runs as; root's where `USER` is not in numbers.
    #[serde(skip)]
    pub(crate) user: (u64, u64),
    /// In bytes.
    pub(crate) size: u64,
    /// Its layers, the lowest first.
    pub(crate) layers: Vec<Layer>,
    /// Its stages, and how long each took.
    pub(crate) stages: Vec<Stage>,
}

/// A layer with something in it.
#[derive(Debug, Serialize)]
pub(crate) struct Layer {
    /// In bytes.
    pub(crate) size: u64,
    /// The instruction that made it.
    pub(crate) instruction: String,
}

/// Builds the image of this workspace; `tag` is made from app and commit where none is given.
pub(crate) fn build(
    project: &Project,
    fly: &FlyToml,
    bases: &Bases,
    tag: Option<Image>,
    interrupt: &Interrupt,
    ui: &Ui,
) -> Result<Built> {
    refuse_missing_dockerfile(project)?;
    docker::refuse_unfit(interrupt)?;
    let commit = commit(project, interrupt)?;
    let schema = Declared::read(&project.schema, &project.settings(interrupt))?.fingerprint().to_owned();
    let tag = tag.unwrap_or_else(|| Image::tagged(&fly.app, &Tag::of(&commit)));
    let args = arguments(project, fly, bases, &commit, &schema, interrupt)?;
    ui.status("Building", format!("{tag} from {}", project.root.display()));
    let (mut log, activity) = (BuildLog::default(), ui.activity());
    let ended = docker::build(&project.root, &tag, &args, interrupt, |line| {
        tell(log.line(line).as_ref(), &activity);
    })?;
    match ended {
        Answer::Stopped => Err(Error::new(Kind::Interrupted, &tag, "interrupted").unchanged().into()),
        Answer::Late => {
            let message = format!("`docker build`: {}", run::late(run::BUILD_LIMIT));
            Err(failed(message).unchanged().remedy("see what it waits for: cargo xtask image").into())
        }
        Answer::Exited(output) if output.status.success() => described(tag, commit, schema, &log, interrupt),
        Answer::Exited(_) => Err(explain(&log).into()),
    }
}

fn refuse_missing_dockerfile(project: &Project) -> Result<()> {
    if project.root.join("Dockerfile").is_file() {
        return Ok(());
    }
    let message = format!("there is no Dockerfile in {}", project.root.display());
    Err(Error::usage("Dockerfile", message).unchanged().remedy("take Landfall's own as a beginning").into())
}

/// The commit of the work tree, with `-dirty` where it holds something else.
pub(crate) fn commit(project: &Project, interrupt: &Interrupt) -> Result<Revision> {
    Ok(git::head(&project.root, interrupt)?.into())
}

/// A commit as a tag has it.
pub(crate) fn short(commit: &str) -> String {
    let (id, dirty) = commit.split_once('-').map_or((commit, ""), |(id, _)| (id, "-dirty"));
    format!("{}{dirty}", id.chars().take(SHORT).collect::<String>())
}

/// What the Dockerfile has no default for; and the bases that somebody chose.
fn arguments(
    project: &Project,
    fly: &FlyToml,
    bases: &Bases,
    commit: &str,
    schema: &str,
    interrupt: &Interrupt,
) -> Result<Vec<Variable>> {
    let mut args = vec![
        ("PACKAGE", project.app.to_string()),
        ("BINARY", project.app_binary()?.to_string()),
        ("SCHEMA", project.schema_in_root.display().to_string()),
        ("DB_PATH", fly.db_path.to_string()),
        ("VOLUME", fly.volume.to_string()),
        ("PORT", fly.port.to_string()),
        ("PLANNER", project.planner.as_str().to_owned()),
        ("COLUMN_ORDER", project.column_order.as_str().to_owned()),
        ("FAST_PATH", project.fast_path.as_str().to_owned()),
        ("IGNORE", project.ignore.join(",")),
        ("COMMIT", commit.to_owned()),
        ("CREATED", humantime::format_rfc3339_seconds(SystemTime::now()).to_string()),
        ("VERSION", project.app_version()?),
        ("SOURCE", git::source(&project.root, interrupt)?.unwrap_or_default()),
        ("SCHEMA_FINGERPRINT", schema.to_owned()),
    ];
    let atlas = bases.atlas_image.as_ref().or(project.atlas_image.as_ref());
    let chosen = [
        ("BUILDER_IMAGE", bases.builder_image.as_ref()),
        ("ATLAS_IMAGE", atlas),
        ("BASE_IMAGE", bases.base_image.as_ref()),
    ];
    let named = |image: Option<&String>| image.filter(|image| !image.is_empty()).cloned();
    args.extend(chosen.into_iter().filter_map(|(name, image)| Some((name, named(image)?))));
    Ok(args.into_iter().map(|(name, value)| Variable::of(name, value)).collect())
}

fn tell(told: Option<&Told<'_>>, activity: &Activity<'_>) {
    match told {
        Some(Told::Prints(step, true)) => activity.status("Running", line(step)),
        Some(Told::Prints(step, false)) => activity.goes_on(&format!("{}: {}", step.place, step.last_line())),
        Some(Told::Done(step, seconds)) if *seconds >= 0.1 => {
            activity.status("Done", format!("{} in {seconds:.1} s", step.place));
        }
        Some(Told::Cached(step)) => activity.status("Cached", step.place.as_str()),
        _ => {}
    }
}

/// A step in a line that fits a terminal.
fn line(step: &Step) -> String {
    let words =
        step.instruction.split_whitespace().filter(|word| *word != "\\" && !word.starts_with("--mount"));
    let words = words.collect::<Vec<_>>().join(" ");
    format!("{}: {}", step.place, text::cut(&words, 80))
}

fn described(
    tag: Image,
    commit: Revision,
    schema: String,
    log: &BuildLog,
    interrupt: &Interrupt,
) -> Result<Built> {
    let image = docker::inspect(&tag, interrupt)?;
    if image.platform() != docker::PLATFORM {
        let message = format!(
            "the image {tag} is for {}, and Fly's machines are {}",
            image.platform(),
            docker::PLATFORM
        );
        return Err(failed(message)
            .remedy("take images of that platform: --builder-image, --atlas-image and --base-image")
            .into());
    }
    let history = docker::history(&tag, interrupt)?;
    let layers = history.iter().rev().filter(|entry| entry.bytes() > 0);
    let layer =
        |entry: &docker::History| Layer { size: entry.bytes(), instruction: instruction(&entry.created_by) };
    Ok(Built {
        tag,
        digest: image.id,
        commit,
        schema,
        user: owner(&image.config.user),
        size: image.size,
        layers: layers.map(layer).collect(),
        stages: log.stages(),
    })
}

fn owner(user: &str) -> (u64, u64) {
    let (user, group) = user.split_once(':').unwrap_or((user, user));
    (user.parse().unwrap_or(0), group.parse().unwrap_or(0))
}

/// As the Dockerfile has it: without what the builder wraps around it.
fn instruction(created_by: &str) -> String {
    let text = created_by.trim_start_matches("/bin/sh -c #(nop) ").trim_end_matches(" # buildkit").trim();
    text::cut(if text.is_empty() { "(the base image)" } else { text }, 70)
}

/// Why the build failed, and what to do; the whole log is never the answer.
fn explain(log: &BuildLog) -> Error {
    if log.mentions("buildx component is missing") {
        return failed("docker cannot build with BuildKit: its buildx component is missing")
            .unchanged()
            .remedy("install it: apt-get install docker-buildx-plugin (https://docs.docker.com/go/buildx/)");
    }
    if log.mentions("exec format error") {
        return failed(format!(
            "docker here cannot run programs of {}, which Fly's machines are",
            docker::PLATFORM
        ))
        .unchanged()
        .remedy(docker::EMULATION);
    }
    if log.mentions("no space left on device") {
        return failed("the disk is full where Docker keeps its data")
            .unchanged()
            .remedy("see what takes the room with: docker system df; and free some: docker builder prune");
    }
    let Some(step) = log.failed() else {
        return failed(format!("docker build failed: {}", log.last_words()))
            .unchanged()
            .remedy("see whether the daemon is well: docker info");
    };
    if let Some(image) = step.missing_image() {
        let error = step.error();
        return failed(format!("the image {image} cannot be had\n  {error}")).unchanged().remedy(
            "check the name and the network, or name another one: --builder-image, --atlas-image or --base-image",
        );
    }
    let Step { place, instruction, .. } = step;
    let reason = reason(step.error());
    let lines = step.last_lines();
    failed(format!("step {place} of the Dockerfile failed ({reason})\n  {instruction}\n{lines}"))
        .unchanged()
        .remedy("mend what these last lines tell of, then build again: finished steps are not repeated")
}

/// The end of BuildKit's sentence: before it, it repeats the whole instruction.
fn reason(error: &str) -> &str {
    error.rfind("exit code").map_or(error, |at| &error[at..])
}

fn failed(message: impl Into<String>) -> Error {
    Error::new(Kind::Failed, "Dockerfile", message)
}

impl fmt::Display for Built {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", text::title("Image"))?;
        for (name, value) in [
            ("tag", self.tag.as_str()),
            ("digest", &self.digest),
            ("commit", &self.commit),
            ("schema", &self.schema),
        ] {
            writeln!(f, "  {name:8} {value}")?;
        }
        writeln!(f, "  {:8} {}", "size", text::size(self.size))?;
        writeln!(f, "\n{}", text::title("Layers"))?;
        for layer in &self.layers {
            writeln!(f, "  {:>9}  {}", text::size(layer.size), layer.instruction)?;
        }
        writeln!(f, "\n{}", text::title("Stages"))?;
        for Stage { stage, seconds, steps, cached } in &self.stages {
            let steps = text::count(*steps as u64, "step");
            writeln!(f, "  {stage:10} {seconds:>6.1} s  {steps}, {cached} cached")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_the_beginning_of_the_commit_and_tells_a_work_tree_that_is_not_it() {
        assert_eq!(short("0123456789abcdef0123"), "0123456789ab");
        assert_eq!(short("0123456789abcdef0123-dirty"), "0123456789ab-dirty");
        assert_eq!(short("unknown"), "unknown");
    }

    #[test]
    fn an_instruction_is_told_without_its_wrapping() {
        assert_eq!(instruction("COPY /a /b # buildkit"), "COPY /a /b");
        assert_eq!(instruction("/bin/sh -c #(nop) ADD file:0 in /"), "ADD file:0 in /");
        assert_eq!(instruction(""), "(the base image)");
    }
}
