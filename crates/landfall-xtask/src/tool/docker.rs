//! docker: building images, and running containers on volumes that go away again.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{self, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use landfall_engine::Interrupt;
use serde::Deserialize;
use tempfile::NamedTempFile;

use super::child::{Child, Program};
use super::run::{self, Answer, Pace, Reply};
use crate::error::{Error, Kind};
use crate::name::{self, Memory, PathThere, Variable};
use crate::plain;

/// What the daemon knows of an image.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Image {
    /// Its id: the digest of its configuration, which names every layer by digest.
    pub(crate) id: String,
    /// In bytes.
    pub(crate) size: u64,
    /// How it is run.
    pub(crate) config: Config,
    os: String,
    architecture: String,
}

impl Image {
    /// What it runs on, as in `linux/amd64`.
    pub(crate) fn platform(&self) -> String {
        format!("{}/{}", self.os, self.architecture)
    }
}

/// How an image is run.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Config {
    /// `USER`.
    #[serde(default)]
    pub(crate) user: String,
}

/// An instruction that made a layer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct History {
    /// The instruction, as the Dockerfile has it.
    pub(crate) created_by: String,
    size: String,
}

impl History {
    /// In bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.size.parse().unwrap_or_default()
    }
}

/// How a container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It runs.
    Running,
    /// It ended, with this exit code.
    Exited(i32),
}

/// What Fly's machines are, whatever this one is (<https://fly.io/docs/machines/guides-examples/>).
pub(crate) const PLATFORM: &str = "linux/amd64";
/// What lets a Docker of another kind build for them.
pub(crate) const EMULATION: &str = "let it run programs of linux/amd64: docker run --privileged --rm tonistiigi/binfmt --install amd64; or set \
                                    DOCKER_HOST to a daemon on such a machine";

/// How long the daemon may take for anything but a build.
const LIMIT: Duration = Duration::from_secs(120);
/// How fast a file has to get into a container or out of it, in bytes a second: a slow disk does ten times as much.
const SLOWEST: u64 = 1_000_000;

/// Refuses a machine without a client, without a daemon that answers, or with one that cannot build for Fly's machines.
///
/// # Errors
/// What such a machine lacks, and how to get it.
pub fn refuse_unfit(interrupt: &Interrupt) -> Result<()> {
    let text = match daemon(interrupt)? {
        Reply::Said(text) => text,
        Reply::Absent => {
            return Err(failed("docker was not found")
                .unchanged()
                .remedy("install Docker (https://docs.docker.com/engine/install/), and put it on PATH")
                .into());
        }
        Reply::Failed(reason) | Reply::Late(reason) => {
            return Err(failed(format!("the Docker daemon does not answer ({reason})"))
                .unchanged()
                .remedy(remedy(&reason))
                .into());
        }
    };
    match Daemon::read(&text).map(|daemon| daemon.platform()) {
        Some(platform) if !builds(&platform, interrupt)? => {
            let message = format!(
                "the Docker here runs programs of {platform} alone, and Fly's machines are {PLATFORM}"
            );
            Err(failed(message).unchanged().remedy(EMULATION).into())
        }
        _ => Ok(()),
    }
}

/// Whether a daemon of this platform can build for Fly's machines: itself, or by emulation, of which only buildx tells.
pub(crate) fn builds(platform: &str, interrupt: &Interrupt) -> Result<bool> {
    if platform == PLATFORM {
        return Ok(true);
    }
    let asked = run::question(&docker(&["buildx", "inspect"]), interrupt)?;
    let Reply::Said(text) = asked else { return Ok(false) };
    let listed = text.lines().find_map(|line| line.strip_prefix("Platforms:"));
    let mut platforms = listed.into_iter().flat_map(|list| list.split(','));
    Ok(platforms.any(|known| known.trim().trim_end_matches('*') == PLATFORM))
}

/// What mends a daemon that does not answer, for this reason.
pub(crate) fn remedy(reason: &str) -> &'static str {
    if reason.contains("permission denied") {
        "let this user ask the daemon: sudo usermod -aG docker $USER, then log in again"
    } else {
        "start it (systemctl start docker, or Docker Desktop), or set DOCKER_HOST to one that runs"
    }
}

/// `docker build` in this folder, for Fly's machines; each line of BuildKit's plain progress is handed on as it comes.
pub(crate) fn build(
    context: &Path,
    tag: &name::Image,
    args: &[Variable],
    interrupt: &Interrupt,
    line: impl FnMut(&str),
) -> Result<Answer> {
    let args = args.iter().flat_map(|arg| ["--build-arg".to_owned(), arg.pair()]);
    let fixed = ["build", "--platform", PLATFORM, "--progress=plain", "--tag", tag].map(str::to_owned);
    let words = fixed.into_iter().chain(args).chain([".".to_owned()]);
    let command = Child::new(Program::Docker, "docker", words).dir(context).env("DOCKER_BUILDKIT", "1");
    run::lines(&command, run::BUILD_LIMIT, interrupt, line).context("cannot run docker build")
}

/// What the daemon knows of an image.
pub(crate) fn inspect(image: &name::Image, interrupt: &Interrupt) -> Result<Image> {
    let text = ask(interrupt, &["image", "inspect", "--format", "{{json .}}", image])?;
    serde_json::from_str(&text).context("docker image inspect printed something else than JSON")
}

/// The instructions that made an image, the last one first.
pub(crate) fn history(image: &name::Image, interrupt: &Interrupt) -> Result<Vec<History>> {
    let text = ask(interrupt, &["history", "--no-trunc", "--human=false", "--format", "{{json .}}", image])?;
    let lines = text.lines().map(serde_json::from_str).collect::<Result<_, _>>();
    lines.context("docker history printed something else than JSON")
}

/// Runs a command in a container of its own, to its end; what it printed on stdout.
pub(crate) fn run(image: &name::Image, command: &[&'static str], interrupt: &Interrupt) -> Result<String> {
    ask(interrupt, &[&["run", "--rm", "--network", "none", image.as_str()], command].concat())
}

/// A container on a volume of its own; both are gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Container {
    name: String,
    port: u16,
    interrupt: Interrupt,
}

impl Container {
    /// Made, and not started, with a new volume at `volume` and its `port` on 127.0.0.1.
    ///
    /// Everything that a service should not need is taken from it: a root file system that can be written, capabilities,
    /// memory beyond that of the machine that it is going to run on.
    pub(crate) fn create(
        image: &name::Image,
        volume: &PathThere,
        port: u16,
        memory: &Memory,
        env: &[Variable],
        interrupt: &Interrupt,
    ) -> Result<Self> {
        // From here on there may be something to clean up.
        let container = Self { name: unique_name(), port, interrupt: interrupt.clone() };
        let name = container.name.as_str();
        let (mount, publish) = (format!("{name}:{volume}"), format!("127.0.0.1::{port}"));
        let env: Vec<_> = env.iter().map(|variable| format!("--env={}", variable.pair())).collect();
        let mut args = vec!["create", "--name", name, "--volume", &mount, "--publish", &publish];
        args.extend(["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"]);
        args.extend(["--security-opt", "no-new-privileges", "--memory", memory]);
        args.extend(env.iter().map(String::as_str));
        args.push(image);
        container.ask(&args)?;
        Ok(container)
    }

    /// Puts a file into it, as this user's own: in an archive, since `docker cp` makes any other file root's.
    pub(crate) fn put(&self, file: &Path, to: &PathThere, user: (u64, u64)) -> Result<()> {
        let (folder, name) = to.rsplit_once('/').unwrap_or(("", to.as_str()));
        let archive = archive(file, name, user).with_context(|| format!("cannot read {}", file.display()))?;
        let target = format!("{}:{folder}/", self.name);
        let words = ["cp", "-", &target];
        let put = docker(&words).input_file(archive.path());
        let limit = LIMIT + Duration::from_secs(file.metadata()?.len() / SLOWEST);
        checked(&ended(&words, run::within(&put, limit, &self.interrupt), limit)?).map(drop)
    }

    /// Takes a file out of it; false where there is none.
    pub(crate) fn take(&self, from: &PathThere, to: &Path) -> Result<bool> {
        let args = ["cp".into(), format!("{}:{from}", self.name).into(), to.as_os_str().to_owned()];
        let command = Child::new(Program::Docker, "docker", args);
        let brought = || Ok(to.metadata().map_or(0, |facts| facts.len()));
        let pace = Pace { least: LIMIT.as_secs() * SLOWEST, time: LIMIT };
        let taken = run::while_it_moves(&command, pace, &self.interrupt, brought);
        let output = ended(&["cp"], taken, LIMIT)?;
        let said = said(&output);
        if said.contains("No such container:path") || said.contains("Could not find the file") {
            return Ok(false);
        }
        checked(&output).map(|_| true)
    }

    /// Starts it.
    pub(crate) fn start(&self) -> Result<()> {
        self.ask(&["start", &self.name]).map(drop)
    }

    /// The address that its port has on this machine; only while it runs.
    pub(crate) fn address(&self) -> Result<String> {
        let published = self.ask(&["port", &self.name, &self.port.to_string()])?;
        Ok(published.lines().next().unwrap_or_default().to_owned())
    }

    /// Whether it runs.
    pub(crate) fn state(&self) -> Result<State> {
        let text =
            self.ask(&["inspect", "--format", "{{.State.Running}} {{.State.ExitCode}}", &self.name])?;
        Ok(match text.split_once(' ') {
            Some(("false", code)) => State::Exited(code.parse().unwrap_or(-1)),
            _ => State::Running,
        })
    }

    /// SIGTERM; killed after so many seconds. Its exit code is 137 then.
    pub(crate) fn stop(&self, seconds: u64) -> Result<State> {
        let (words, limit) =
            (["stop", "--time", &seconds.to_string(), &self.name], LIMIT + Duration::from_secs(seconds));
        checked(&ended(&words, run::within(&docker(&words), limit, &self.interrupt), limit)?)?;
        self.state()
    }

    /// The last lines of its log.
    pub(crate) fn log(&self, lines: usize) -> Result<String> {
        let output = answered(&self.interrupt, &["logs", "--tail", &lines.to_string(), &self.name])?;
        Ok(plain::text(&String::from_utf8_lossy(&[output.stdout, output.stderr].concat()))
            .trim_end()
            .to_owned())
    }

    fn ask(&self, args: &[&str]) -> Result<String> {
        ask(&self.interrupt, args)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // What cannot be removed is left to `docker system prune`: there is nobody to tell.
        let patient = Interrupt::default();
        let _ = ask(&patient, &["rm", "--force", &self.name]);
        let _ = ask(&patient, &["volume", "rm", "--force", &self.name]);
    }
}

/// What the daemon tells of itself.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Daemon {
    /// Its version.
    pub(crate) version: String,
    os: String,
    arch: String,
}

impl Daemon {
    /// From what [`daemon`] said; none where it told nothing.
    pub(crate) fn read(said: &str) -> Option<Self> {
        serde_json::from_str(said).ok()
    }

    /// What it is itself, as in `linux/arm64`.
    pub(crate) fn platform(&self) -> String {
        format!("{}/{}", self.os, self.arch)
    }
}

/// The client's version, such as `28.2.2`. The daemon is not asked.
pub(crate) fn client(interrupt: &Interrupt) -> Result<Reply> {
    let told = run::question(&docker(&["--version"]), interrupt)?;
    Ok(told.map(|text| {
        let version = text.trim_start_matches("Docker version ");
        version.split(',').next().unwrap_or(version).to_owned()
    }))
}

/// What the daemon says of itself: [`Daemon::read`] reads it.
pub(crate) fn daemon(interrupt: &Interrupt) -> Result<Reply> {
    Ok(run::question(&docker(&["version", "--format", "{{json .Server}}"]), interrupt)?)
}

/// The context in use and the address of its daemon, as in `default unix:///var/run/docker.sock`. The daemon is not asked.
pub(crate) fn context(interrupt: &Interrupt) -> Result<Reply> {
    let format = "{{.Name}} {{.Endpoints.docker.Host}}";
    Ok(run::question(&docker(&["context", "inspect", "--format", format]), interrupt)?)
}

/// Whether it can build with BuildKit. Clients before 23 have it in themselves, and later ones refuse even this question without
/// buildx (seen with 20.10.24 and 28.2.2).
pub(crate) fn buildkit(interrupt: &Interrupt) -> Result<Reply> {
    let build = docker(&["build", "--help"]).env("DOCKER_BUILDKIT", "1");
    Ok(run::question(&build, interrupt)?)
}

/// The version of buildx, such as `v0.12.1`; where there is none it fails.
pub(crate) fn buildx(interrupt: &Interrupt) -> Result<Reply> {
    let told = run::question(&docker(&["buildx", "version"]), interrupt)?;
    Ok(told.map(|text| text.split_whitespace().nth(1).unwrap_or(&text).to_owned()))
}

/// Of this process, and of no other that runs at the same time.
fn unique_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("landfall-smoke-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn archive(file: &Path, name: &str, user: (u64, u64)) -> io::Result<NamedTempFile> {
    let source = File::open(file)?;
    let mut header = tar::Header::new_gnu();
    header.set_size(source.metadata()?.len());
    header.set_mode(0o600);
    header.set_uid(user.0);
    header.set_gid(user.1);
    let mut archive = tar::Builder::new(NamedTempFile::new()?);
    archive.append_data(&mut header, name, source)?;
    archive.into_inner()
}

/// What docker prints; an error is in its own words.
fn ask(interrupt: &Interrupt, args: &[&str]) -> Result<String> {
    checked(&answered(interrupt, args)?)
}

fn answered(interrupt: &Interrupt, args: &[&str]) -> Result<Output> {
    Ok(ended(args, run::within(&docker(args), LIMIT, interrupt), LIMIT)?)
}

fn ended(args: &[&str], ended: io::Result<Answer>, limit: Duration) -> Result<Output, Error> {
    let why = match ended {
        Ok(Answer::Exited(output)) => return Ok(output),
        Ok(Answer::Stopped) => return Err(Error::new(Kind::Interrupted, "docker", "interrupted")),
        Ok(Answer::Late) => run::late(limit),
        Err(error) => error.to_string(),
    };
    let message = format!("`docker {}`: {why}", args.join(" "));
    Err(failed(message).remedy("see whether the daemon is well: docker info"))
}

fn docker(args: &[&str]) -> Child {
    Child::new(Program::Docker, "docker", args)
}

fn checked(output: &Output) -> Result<String> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    Err(failed(format!("docker failed: {}", said(output))).into())
}

fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    line.trim_start_matches("Error response from daemon: ").to_owned()
}

fn failed(message: impl Into<String>) -> Error {
    Error::new(Kind::Failed, "docker", message)
}
