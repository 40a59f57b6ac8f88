//! cargo: what the workspace is, the app's build, the checks.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use anyhow::{Context as _, Result};
use cargo_metadata::{Message, Metadata, MetadataCommand};
use landfall_engine::Interrupt;

use super::child::{Child, Program};
use super::run::{self, Answer, BUILD_LIMIT};
use crate::error::{Error, Kind};
use crate::name::CrateName;

/// How long a question may take: rustup may have to fetch the toolchain that rust-toolchain.toml names before cargo answers.
const LIMIT: Duration = Duration::from_secs(900);

/// What cargo knows of the workspace around the folder `here`. Reads no registry.
pub(crate) fn metadata(here: &Path, interrupt: &Interrupt) -> Result<Metadata> {
    let args = ["metadata", "--format-version", "1", "--no-deps", "--offline"];
    let output = answered(&command(here, &args), &args, interrupt)?;
    if !output.status.success() {
        return Err(not_read(&String::from_utf8_lossy(&output.stderr)));
    }
    MetadataCommand::parse(String::from_utf8_lossy(&output.stdout))
        .map_err(|error| not_read(&error.to_string()))
}

fn not_started(error: &io::Error) -> anyhow::Error {
    let cargo = cargo();
    let message = format!("cannot start {}: {error}", cargo.display());
    let remedy = match env::var_os("CARGO") {
        Some(_) => "the variable CARGO names it: set it to the path of cargo, or unset it",
        None => "install Rust (https://rustup.rs), or put the folder of cargo on PATH",
    };
    Error::usage("cargo", message).unchanged().remedy(remedy).into()
}

fn not_read(reason: &str) -> anyhow::Error {
    let reason = reason.trim().trim_start_matches("error: ");
    // rustup in cargo's name, without the toolchain that rust-toolchain.toml asks for.
    let remedy = if reason.starts_with("toolchain ") {
        "rustup toolchain install"
    } else {
        "run it inside the workspace, or mend its Cargo.toml"
    };
    Error::usage("Cargo.toml", format!("cargo cannot read the workspace: {reason}")).remedy(remedy).into()
}

/// Whether a component such as `clippy` is installed.
///
/// # Errors
/// There is no cargo, or no answer.
pub fn has(component: &'static str, interrupt: &Interrupt) -> Result<bool> {
    let args = [component, "--version"];
    Ok(answered(&Child::new(Program::Cargo, cargo(), args), &args, interrupt)?.status.success())
}

fn answered(asked: &Child, args: &[&str], interrupt: &Interrupt) -> Result<Output> {
    let ended = run::within(asked, LIMIT, interrupt).map_err(|error| not_started(&error))?;
    Ok(exited(args, ended, LIMIT)?)
}

/// Runs `cargo` with these arguments and hands on each line of its output.
///
/// # Errors
/// There is no cargo; or it failed, and its code is told.
pub fn check(
    root: &Path,
    args: &[&'static str],
    env: &[(&'static str, OsString)],
    interrupt: &Interrupt,
    line: impl FnMut(&str),
) -> Result<()> {
    let command = env.iter().fold(command(root, args), |command, (name, value)| command.env(name, value));
    let ended = run::lines(&command, BUILD_LIMIT, interrupt, line).map_err(|error| not_started(&error))?;
    finished(args, ended).map(drop)
}

/// Builds the binary `name` of the package `package`; where it is now.
pub(crate) fn build(
    root: &Path,
    package: &CrateName,
    name: &CrateName,
    interrupt: &Interrupt,
) -> Result<PathBuf> {
    let args = ["build", "--package", package, "--bin", name, "--message-format", "json-render-diagnostics"];
    let stdout = finished(&args, to_end(&command(root, &args).kept(), interrupt)?)?;
    executable(&stdout, name).with_context(|| format!("cargo built {package} and named no binary {name}"))
}

/// Builds these two binaries of the workspace as they are shipped; where they are now.
///
/// # Errors
/// There is no cargo; or they cannot be built.
pub fn build_release(root: &Path, names: [&CrateName; 2], interrupt: &Interrupt) -> Result<[PathBuf; 2]> {
    let [first, second] = names;
    let mut args = vec!["build", "--workspace", "--bin", first, "--bin", second];
    args.extend(["--release", "--message-format", "json-render-diagnostics"]);
    let stdout = finished(&args, to_end(&command(root, &args).kept(), interrupt)?)?;
    let binary = |name: &CrateName| {
        executable(&stdout, name)
            .with_context(|| format!("cargo built the workspace and named no binary {name}"))
    };
    Ok([binary(first)?, binary(second)?])
}

/// Where cargo says that the binary `name` is.
fn executable(stdout: &[u8], name: &str) -> Option<PathBuf> {
    let messages = Message::parse_stream(stdout).filter_map(Result::ok);
    let binaries = messages.filter_map(|message| match message {
        Message::CompilerArtifact(artifact) if artifact.target.name == name => artifact.executable,
        _ => None,
    });
    binaries.last().map(PathBuf::from)
}

fn finished(args: &[&str], ended: Answer) -> Result<Vec<u8>> {
    let output = exited(args, ended, BUILD_LIMIT)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let line = line(args);
    let message = format!("`{line}` failed: {}", output.status);
    Err(Error::new(Kind::Failed, line, message).remedy("its output above says why").into())
}

fn exited(args: &[&str], ended: Answer, limit: Duration) -> Result<Output, Error> {
    let line = line(args);
    match ended {
        Answer::Exited(output) => Ok(output),
        Answer::Stopped => Err(Error::new(Kind::Interrupted, line, "interrupted")),
        Answer::Late => {
            let message = format!("`{line}`: {}", run::late(limit));
            Err(Error::new(Kind::Failed, &line, message).remedy(format!("see what it waits for: {line}")))
        }
    }
}

fn line(args: &[&str]) -> String {
    format!("cargo {}", args.join(" "))
}

fn to_end(command: &Child, interrupt: &Interrupt) -> Result<Answer> {
    run::to_end(command, BUILD_LIMIT, interrupt, || ()).map_err(|error| not_started(&error))
}

fn command(root: &Path, args: &[&str]) -> Child {
    Child::new(Program::Cargo, cargo(), args).dir(root)
}

/// The cargo that runs us, so that the same toolchain is used.
fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
