//! The machine, its image and its place: what Fly tells of them, and whether the service answers.

use std::time::{Duration, UNIX_EPOCH};

use humantime::{Rfc3339Timestamp, format_rfc3339_seconds};

use super::Seen;
use crate::release::audit;
use crate::release::check::{Check, Verdict, fine, line, not_read};
use crate::release::image::short;
use crate::release::production::Production;
use crate::release::shipping::place::{self, Place};
use crate::tool::fly::{Guest, Machine, Volume};

const IMAGE: &str = "image";
const MACHINE: &str = "machine";
const PLACE: &str = "place";
const HEALTH: &str = "health";

impl Seen<'_> {
    /// Which image runs, held against what was written down last.
    pub(super) fn image(&self, machine: &Machine) -> Check {
        if machine.pinned_image().is_none() {
            return not_read(IMAGE, "Fly does not tell its digest");
        }
        let digest = short_digest(&machine.image_ref.digest);
        match (self.release(), self.served()) {
            (Some(release), Some(served)) if release.number == served.number => {
                fine(IMAGE, format!("{digest}, release {}", release.number))
            }
            (Some(release), Some(served)) => line(
                IMAGE,
                Verdict::OutOfSync,
                format!("{digest} is release {}, and release {} served last", release.number, served.number),
                "see who brought it there, then ship what is wanted: cargo xtask deploy",
            ),
            (None, Some(served)) if self.audit.reason.is_none() => line(
                IMAGE,
                Verdict::OutOfSync,
                format!("{digest} is in no entry of the audit; release {} served last", served.number),
                format!(
                    "in the clone that shipped it, if one did: git push origin {}; else ship what is wanted: cargo xtask deploy",
                    audit::ref_name(&self.fly_toml.app)
                ),
            ),
            _ => fine(IMAGE, format!("{digest}, not written down")),
        }
    }

    /// How the machine is; none where there is not exactly one, which is told of its place.
    pub(super) fn machine(&self) -> Option<Check> {
        match (&self.production, &self.machines) {
            (Production::Machine(machine), _) => Some(self.how(machine)),
            (Production::NotAsked(reason), _) => Some(not_read(MACHINE, format!("not asked: {reason}"))),
            (_, Err(failure)) => {
                Some(line(MACHINE, Verdict::Unknown, failure.message.as_str(), failure.remedy()))
            }
            (_, Ok(_)) => None,
        }
    }

    fn how(&self, machine: &Machine) -> Check {
        let (Machine { id, state, region, .. }, app) = (machine, &self.fly_toml.app);
        let since = since(machine).map_or_else(String::new, |time| format!(" since {time}"));
        let evidence = format!("{id} is {state}{since}, in {region}, {}", size(&machine.config().guest));
        match state.as_str() {
            _ if !machine.is_reachable() => not_read(MACHINE, format!("{evidence}, as Fly knew it last")),
            "started" => fine(MACHINE, evidence),
            "stopped" if let Some(exit) = machine.failed() => line(
                MACHINE,
                Verdict::OutOfSync,
                format!("{evidence}: the release ended by itself with exit code {}", exit.exit_code),
                format!(
                    "see why: fly logs --no-tail -a {app}; bring the release before back: cargo xtask rollback; or mend it, and: cargo xtask deploy"
                ),
            ),
            "stopped" | "suspended" if self.fly_toml.auto_stop => {
                fine(MACHINE, format!("{evidence}; the next visit starts it"))
            }
            "stopped" | "suspended" => {
                line(MACHINE, Verdict::OutOfSync, evidence, format!("fly machine start {id} -a {app}"))
            }
            _ => {
                let remedy = format!("look again in a minute: fly machine status {id} -a {app}");
                line(MACHINE, Verdict::OutOfSync, evidence, remedy)
            }
        }
    }

    /// Whether there is one machine with one volume, where fly.toml says; each thing that is not so.
    pub(super) fn place(&self) -> Vec<Check> {
        let (Ok(machines), Some(volumes)) = (&self.machines, &self.volumes) else { return Vec::new() };
        let volumes = match volumes {
            Ok(volumes) => volumes.clone(),
            Err(failure) => {
                return vec![line(PLACE, Verdict::Unknown, failure.message.as_str(), failure.remedy())];
            }
        };
        let is_aside = |volume: &Volume| self.audit.has_set_aside(volume);
        match place::find(machines.clone(), volumes, self.fly_toml, self.deployed, is_aside) {
            Ok(Place::There { .. }) => vec![fine(PLACE, "one machine with one volume, as fly.toml says")],
            Ok(Place::Nowhere { .. }) => Vec::new(),
            Err(problems) => problems
                .into_iter()
                .map(|problem| line(PLACE, Verdict::OutOfSync, problem.message, problem.remedy))
                .collect(),
        }
    }

    /// Whether the service says that it is well.
    pub(super) fn health(&self, machine: &Machine) -> Check {
        let address = format!("{}/healthz", self.probe.address());
        match self.is_well {
            None => not_read(HEALTH, Self::why_not_asked(machine)),
            Some(true) => fine(HEALTH, format!("{address} answers 200")),
            Some(false) => line(
                HEALTH,
                Verdict::OutOfSync,
                format!("{address} does not answer 200"),
                format!("see what it says: fly logs --no-tail -a {}", self.fly_toml.app),
            ),
        }
    }
}

/// `sha256:0123456789ab`.
fn short_digest(digest: &str) -> String {
    format!("sha256:{}", short(digest.trim_start_matches("sha256:")))
}

/// When it came into the state that it is in.
fn since(machine: &Machine) -> Option<Rfc3339Timestamp> {
    let event = machine.events.iter().find(|event| event.status == machine.state)?;
    time(event.timestamp)
}

/// In milliseconds since 1970. Beyond the year 9999 RFC 3339 has no times.
fn time(timestamp: i64) -> Option<Rfc3339Timestamp> {
    let milliseconds = u64::try_from(timestamp).ok().filter(|time| *time < 253_402_300_800_000)?;
    Some(format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(milliseconds / 1000)))
}

/// `shared-cpu-1x with 256 MB`, as Fly's own lists call it.
fn size(guest: &Guest) -> String {
    format!("{}-cpu-{}x with {} MB", guest.cpu_kind, guest.cpus, guest.memory_mb)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_nobody_can_write_is_none() {
        let told = |timestamp| time(timestamp).map(|time| time.to_string());
        assert_eq!(told(253_402_300_799_999).unwrap(), "9999-12-31T23:59:59Z");
        assert_eq!([told(253_402_300_800_000), told(i64::MAX), told(-1)], [None, None, None]);
    }
}
