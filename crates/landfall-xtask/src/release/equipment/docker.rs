//! Docker: it builds the image that is shipped, with BuildKit.

use std::env;

use anyhow::Result;
use landfall_engine::Interrupt;

use super::lacking::{NOT_FOUND, install};
use crate::release::check::{Check, Verdict, fine, line, not_read};
use crate::tool::docker::{self, Daemon, PLATFORM};
use crate::tool::run::Reply;

const CLIENT: &str = "docker";
const DAEMON: &str = "docker daemon";
const BUILDKIT: &str = "BuildKit";

pub(super) fn checks(interrupt: &Interrupt) -> Result<Vec<Check>> {
    let client = match docker::client(interrupt)? {
        Reply::Said(version) => fine(CLIENT, version),
        Reply::Absent => {
            let remedy =
                install("docker.io", "--cask docker-desktop", "https://docs.docker.com/engine/install/");
            return Ok(alone(line(CLIENT, Verdict::Needed, NOT_FOUND, remedy), "there is no docker"));
        }
        Reply::Failed(why) | Reply::Late(why) => {
            let remedy = "see what it says itself: docker --version";
            return Ok(alone(line(CLIENT, Verdict::Unknown, why, remedy), "docker did not answer"));
        }
    };
    let (daemon, is_late) = daemon(interrupt)?;
    let buildkit = if is_late {
        not_read(BUILDKIT, "not asked: the daemon did not answer in time")
    } else {
        buildkit(interrupt)?
    };
    Ok(vec![client, daemon, buildkit])
}

fn alone(client: Check, why: &str) -> Vec<Check> {
    let not_asked = |name| not_read(name, format!("not asked: {why}"));
    vec![client, not_asked(DAEMON), not_asked(BUILDKIT)]
}

/// The line, and whether there was no answer in time.
fn daemon(interrupt: &Interrupt) -> Result<(Check, bool)> {
    let said = docker::daemon(interrupt)?;
    let is_late = matches!(said, Reply::Late(_));
    let check = match said {
        Reply::Said(text) => match Daemon::read(&text) {
            Some(daemon) => answering(&daemon, interrupt)?,
            None => silent("it told nothing of itself"),
        },
        Reply::Absent => silent("docker is gone"),
        Reply::Failed(why) | Reply::Late(why) => silent(&why),
    };
    Ok((check, is_late))
}

fn answering(daemon: &Daemon, interrupt: &Interrupt) -> Result<Check> {
    let evidence = format!("{}{}", daemon.version, place(interrupt)?);
    let platform = daemon.platform();
    if platform == PLATFORM {
        return Ok(fine(DAEMON, evidence));
    }
    if docker::builds(&platform, interrupt)? {
        return Ok(fine(DAEMON, format!("{evidence}, {platform}: it builds for {PLATFORM} by emulation")));
    }
    Ok(line(
        DAEMON,
        Verdict::Needed,
        format!("{evidence} runs programs of {platform} alone, and Fly's machines are {PLATFORM}"),
        docker::EMULATION,
    ))
}

/// Where it is, and who says so.
fn place(interrupt: &Interrupt) -> Result<String> {
    let Reply::Said(text) = docker::context(interrupt)? else { return Ok(String::new()) };
    let Some((context, address)) = text.split_once(' ') else { return Ok(String::new()) };
    let by = match env::var_os("DOCKER_HOST") {
        Some(host) if !host.is_empty() => "DOCKER_HOST".to_owned(),
        _ => format!("context {context}"),
    };
    Ok(format!(" at {address} ({by})"))
}

fn silent(why: &str) -> Check {
    line(DAEMON, Verdict::Needed, format!("it does not answer: {why}"), docker::remedy(why))
}

fn buildkit(interrupt: &Interrupt) -> Result<Check> {
    Ok(match docker::buildkit(interrupt)? {
        Reply::Said(_) => match docker::buildx(interrupt)? {
            Reply::Said(version) => fine(BUILDKIT, format!("buildx {version}")),
            _ => fine(BUILDKIT, "the client's own: it needs no buildx"),
        },
        Reply::Absent => line(BUILDKIT, Verdict::Unknown, "docker is gone", ""),
        Reply::Failed(why) if why.contains("buildx") => {
            let remedy =
                install("docker-buildx-plugin", "docker-buildx", "https://docs.docker.com/go/buildx/");
            line(BUILDKIT, Verdict::Needed, why.trim_start_matches("ERROR: "), remedy)
        }
        Reply::Failed(why) | Reply::Late(why) => line(
            BUILDKIT,
            Verdict::Unknown,
            why,
            "see what it says itself: DOCKER_BUILDKIT=1 docker build --help",
        ),
    })
}
