//! The machine that runs against the one that fly.toml makes: how large it is, what it is told, how it is reached and looked at. Values
//! in, values out, but for what is told.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::Wanted;
use crate::error::{Error, Kind};
use crate::fly_toml::FlyToml;
use crate::name::VariableName;
use crate::release::shipping::Shipping;
use crate::text;
use crate::text::shell_word;
use crate::tool::fly::{Guest, Machine, MachineConfig};

/// What begins an approval of a machine that is made less than it was.
pub(crate) const APPROVAL: &str = "CHANGES_MACHINE";

/// A way in which they differ.
#[derive(Debug, PartialEq, Eq)]
struct Change {
    /// `memory`, `env.NAME`.
    what: String,
    /// `512 MB -> 256 MB`.
    how: String,
    /// Whether the machine has less afterwards than the service had to live on: that needs an approval.
    is_less: bool,
}

/// Shows how they differ; refuses to take away what nobody gave up. Who deploys from a clone that is behind takes back what another
/// one gave the machine.
pub(super) fn pass(shipping: &Shipping<'_>, machine: &Machine, wanted: &Wanted) -> Result<(), Error> {
    let changes = changes(&machine.config(), shipping.fly_toml);
    if changes.is_empty() {
        return Ok(());
    }
    shipping.ui.result(&told(&machine.id, &changes));
    let refused: Vec<_> = changes
        .iter()
        .filter(|change| change.is_less && !wanted.allow_machine.contains(&change.what))
        .collect();
    if refused.is_empty() {
        return Ok(());
    }
    let named: Vec<_> = refused.iter().map(|change| format!("{} ({})", change.what, change.how)).collect();
    let flags: String = refused
        .iter()
        .map(|change| format!(" --allow {}", shell_word(&format!("{APPROVAL}:{}", change.what))))
        .collect();
    let message = format!("fly.toml takes from machine {} what it has: {}", machine.id, named.join(", "));
    let remedy = format!(
        "write it into fly.toml (is this clone behind? git pull); or to accept it: cargo xtask deploy{flags}"
    );
    Err(Error::new(Kind::Refused, &machine.id, message).unchanged().remedy(remedy))
}

fn told(machine: &str, changes: &[Change]) -> String {
    let mut out = format!("{}\n", text::title(&format!("Machine {machine}, as fly.toml makes it")));
    for Change { what, how, .. } in changes {
        let _ = writeln!(out, "  {what:8}  {how}");
    }
    out
}

fn changes(now: &MachineConfig, then: &FlyToml) -> Vec<Change> {
    let guest = then.guest.as_ref().map(|then| guest(&now.guest, then));
    let ports: BTreeSet<_> = now.services.iter().map(|service| service.internal_port.to_string()).collect();
    let checks: BTreeSet<_> = now.checks.keys().cloned().collect();
    let (wanted_ports, wanted_checks) =
        (then.ports.iter().map(u16::to_string).collect(), then.checks.iter().cloned().collect());
    guest
        .into_iter()
        .flatten()
        .chain(env(now, then))
        .chain(listed("services", &ports, &wanted_ports))
        .chain(listed("checks", &checks, &wanted_checks))
        .collect()
}

fn guest(now: &Guest, then: &Guest) -> Vec<Change> {
    let number = |what: &str, now: u32, then: u32, unit: &str| {
        let how = format!("{now}{unit} -> {then}{unit}");
        (now != then).then(|| Change { what: what.to_owned(), how, is_less: then < now })
    };
    let kind = (now.cpu_kind != then.cpu_kind).then(|| Change {
        what: "cpu_kind".to_owned(),
        how: format!("{} -> {}", now.cpu_kind, then.cpu_kind),
        // Shared ones are throttled.
        is_less: then.cpu_kind == "shared",
    });
    let sizes =
        [number("memory", now.memory_mb, then.memory_mb, " MB"), number("cpus", now.cpus, then.cpus, "")];
    sizes.into_iter().chain([kind]).flatten().collect()
}

/// Their values may be anybody's secrets: only names are told.
fn env(now: &MachineConfig, then: &FlyToml) -> Vec<Change> {
    let is_somebodys = |name: &&str| {
        !name.starts_with("LANDFALL_") && !["FLY_PROCESS_GROUP", "PRIMARY_REGION"].contains(name)
    };
    let names: BTreeSet<_> = now
        .env
        .keys()
        .map(String::as_str)
        .chain(then.env.keys().map(VariableName::as_str))
        .filter(is_somebodys)
        .collect();
    let change = |name: &str| {
        let (how, is_less) = match (now.env.get(name), then.env.get(name)) {
            (Some(now), Some(then)) if now == then => return None,
            (Some(_), Some(_)) => ("has another value", false),
            (Some(_), None) => ("is lost", true),
            _ => ("is new", false),
        };
        Some(Change { what: format!("env.{name}"), how: how.to_owned(), is_less })
    };
    names.into_iter().filter_map(change).collect()
}

fn listed(what: &str, now: &BTreeSet<String>, then: &BTreeSet<String>) -> Option<Change> {
    let list = |names: &BTreeSet<String>| match names.len() {
        0 => "none".to_owned(),
        _ => names.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
    };
    let how = format!("{} -> {}", list(now), list(then));
    (now != then).then(|| Change { what: what.to_owned(), how, is_less: false })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FLY_TOML: &str = include_str!("../../../../fly.toml");

    fn changed(config: serde_json::Value, edit: (&str, &str)) -> Vec<String> {
        let config: MachineConfig = serde_json::from_value(config).unwrap();
        assert!(FLY_TOML.contains(edit.0));
        let fly_toml = FlyToml::parse(&FLY_TOML.replace(edit.0, edit.1)).unwrap();
        let changes = changes(&config, &fly_toml).into_iter();
        changes.map(|c| format!("{}{}: {}", if c.is_less { "- " } else { "" }, c.what, c.how)).collect()
    }

    #[test]
    fn what_the_machine_has_and_fly_toml_has_not_is_less() {
        let config = json!({
            "guest": {"cpu_kind": "performance", "cpus": 2, "memory_mb": 4096},
            "env": {"DB_PATH": "/data/db", "FLY_PROCESS_GROUP": "app", "PRIMARY_REGION": "fra", "LANDFALL_SCHEMA": "keep", "BY_HAND": "secret"},
            "services": [{"internal_port": 8080}, {"internal_port": 9090}],
            "checks": {"health": {}, "other": {}},
        });
        assert_eq!(
            changed(config.clone(), ("DB_PATH", "DB_PATH")),
            [
                "- memory: 4096 MB -> 256 MB",
                "- cpus: 2 -> 1",
                "- cpu_kind: performance -> shared",
                "- env.BY_HAND: is lost",
                "services: 8080, 9090 -> 8080",
                "checks: health, other -> health",
            ]
        );
        let larger = ("size = \"shared-cpu-1x\"\n  memory = \"256mb\"", "size = \"performance-4x\"");
        let more = changed(config.clone(), larger);
        assert_eq!(more[..2], ["memory: 4096 MB -> 8192 MB", "cpus: 2 -> 4"]);
        let kept =
            ("[[vm]]\n  processes = [\"app\"]\n  size = \"shared-cpu-1x\"\n  memory = \"256mb\"\n", "");
        assert_eq!(changed(config, kept)[0], "- env.BY_HAND: is lost", "the machine keeps its size");
    }

    #[test]
    fn a_machine_that_is_as_fly_toml_says_has_no_change() {
        let config = json!({
            "guest": {"cpu_kind": "shared", "cpus": 1, "memory_mb": 256}, "env": {"DB_PATH": "/data/db"},
            "services": [{"internal_port": 8080}], "checks": {"health": {}},
        });
        assert_eq!(changed(config.clone(), ("DB_PATH", "DB_PATH")), [""; 0]);
        assert_eq!(
            changed(config, ("DB_PATH = \"/data/db\"", "DB_PATH = \"/data/other\"\n  NEW = \"1\"")),
            ["env.DB_PATH: has another value", "env.NEW: is new"]
        );
    }
}
