//! fly: the only way to Fly.io, and whose token it has. The token itself is never read here.

use std::env::{self, consts};

use anyhow::Result;
use landfall_engine::Interrupt;

use super::lacking::NOT_FOUND;
use crate::release::check::{Check, Verdict, fine, line, not_read};
use crate::tool::fly::{Client, Failure, Fly, KNOWN, Reason, UPGRADE};

const FLY: &str = "fly";
const TOKEN: &str = "token";

pub(super) fn checks(interrupt: &Interrupt) -> Result<[Check; 2]> {
    let fly = match Fly::of_none(interrupt) {
        Ok(fly) => fly,
        Err(_) => {
            let needed = line(FLY, Verdict::Needed, NOT_FOUND, install());
            return Ok([needed, not_read(TOKEN, "not asked: there is no fly")]);
        }
    };
    match fly.client() {
        Ok(client) => Ok([program(&fly, &client), token(fly.whoami())?]),
        Err(failure) => {
            let unknown = unknown(FLY, failure, "see what it says itself: fly version")?;
            Ok([unknown, not_read(TOKEN, "not asked: fly did not answer")])
        }
    }
}

/// Its makers' own installer: no distribution has it.
fn install() -> &'static str {
    match consts::OS {
        "macos" => "brew install flyctl, or see https://fly.io/docs/flyctl/install/",
        "linux" => "curl -L https://fly.io/install.sh | sh, then put ~/.fly/bin on PATH",
        _ => "see https://fly.io/docs/flyctl/install/",
    }
}

fn program(fly: &Fly<'_>, client: &Client) -> Check {
    let found = fine(FLY, format!("{} at {}", client.version, fly.binary().display()));
    if !client.is_release() {
        let detail = format!("somebody's own build: whether it is as new as {KNOWN} is not known");
        return Check { details: vec![detail], ..found };
    }
    if client.is_too_old() {
        let evidence = format!("{}, older than {KNOWN}, whose words are known here", found.evidence);
        return line(FLY, Verdict::Needed, evidence, UPGRADE);
    }
    found
}

fn token(asked: Result<String, Failure>) -> Result<Check> {
    let failure = match asked {
        Ok(who) => return Ok(fine(TOKEN, format!("of {who}, from {}", source()))),
        Err(failure) => failure,
    };
    Ok(match failure.reason {
        Reason::NoToken => line(TOKEN, Verdict::Needed, &failure.message, failure.remedy()),
        Reason::Rejected | Reason::Forbidden => {
            line(TOKEN, Verdict::Needed, format!("{failure}; it is from {}", source()), failure.remedy())
        }
        Reason::Offline | Reason::Late => not_read(TOKEN, format!("not asked: {failure}")),
        _ => unknown(TOKEN, failure, "see what it says itself: fly auth whoami")?,
    })
}

fn unknown(name: &'static str, failure: Failure, remedy: &str) -> Result<Check> {
    match failure.reason {
        Reason::Interrupted => Err(failure.into()),
        _ => Ok(line(name, Verdict::Unknown, failure.message, remedy)),
    }
}

/// Where the client takes its token from, in its own order.
fn source() -> &'static str {
    let is_set = |name: &&str| env::var_os(name).is_some_and(|value| !value.is_empty());
    ["FLY_ACCESS_TOKEN", "FLY_API_TOKEN"].into_iter().find(is_set).unwrap_or("fly's own login")
}
