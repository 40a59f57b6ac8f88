//! The machine that runs against the one that fly.toml makes: how large it is, what it is told, how it is reached and looked at. Values
//! in, values out, but for what is told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::cli::{self, CHANGES_MACHINE};
use crate::error::{Error, Kind};
use crate::fly_toml::FlyToml;
use crate::name::VariableName;
use crate::release::shipping::Shipping;
use crate::text;
use crate::text::shell_word;
use crate::tool::fly::{Concurrency, Guest, Machine, MachineCheck, MachineConfig, MachineService, Port};

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
pub(super) fn pass(shipping: &Shipping<'_>, machine: &Machine, wanted: &cli::Deploy) -> Result<(), Error> {
    let changes = changes(&machine.config(), shipping.fly_toml);
    if changes.is_empty() {
        return Ok(());
    }
    shipping.ui.result(&told(&machine.id, &changes));
    let refused: Vec<_> =
        changes.iter().filter(|change| change.is_less && !wanted.allows_less_of(&change.what)).collect();
    if refused.is_empty() {
        return Ok(());
    }
    let named: Vec<_> = refused.iter().map(|change| format!("{} ({})", change.what, change.how)).collect();
    let flags: String = refused
        .iter()
        .map(|change| format!(" --allow {}", shell_word(&format!("{CHANGES_MACHINE}:{}", change.what))))
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
    let unknown = then.guest_is_unknown.then(|| Change {
        what: "guest".to_owned(),
        how: format!(
            "{} MB, {} CPUs -> what [[vm]] says, which is not known here",
            now.guest.memory_mb, now.guest.cpus
        ),
        is_less: true,
    });
    let services = |services: &[MachineService]| -> BTreeMap<_, _> {
        services.iter().map(|service| (named(service), reached(service))).collect()
    };
    let checks = |checks: &BTreeMap<String, MachineCheck>| -> BTreeMap<_, _> {
        checks.iter().map(|(name, check)| (name.clone(), looked_at(check))).collect()
    };
    guest
        .into_iter()
        .flatten()
        .chain(unknown)
        .chain(env(now, then))
        .chain(listed("services", &services(&now.services), &services(&then.services)))
        .chain(listed("checks", &checks(&now.checks), &checks(&then.checks)))
        .collect()
}

/// What is said of a service or a check, by the key of fly.toml.
type Facts = BTreeMap<&'static str, String>;

/// `8080`, `53/udp`.
fn named(MachineService { internal_port, protocol, .. }: &MachineService) -> String {
    match protocol.as_str() {
        "tcp" | "" => internal_port.to_string(),
        other => format!("{internal_port}/{other}"),
    }
}

fn reached(service: &MachineService) -> Facts {
    let port = |Port { port, handlers, force_https }: &Port| {
        let mut words: Vec<_> = handlers.iter().map(String::as_str).collect();
        words.sort_unstable();
        words.extend(force_https.then_some("force_https"));
        format!(
            "{} ({})",
            port.map_or_else(|| "a range".to_owned(), |port| port.to_string()),
            words.join(", ")
        )
    };
    let check = |check: &MachineCheck| {
        let facts: Vec<_> =
            looked_at(check).into_iter().map(|(key, value)| format!("{key} {value}")).collect();
        facts.join(", ")
    };
    let list = |mut texts: Vec<String>| {
        texts.sort();
        (!texts.is_empty()).then(|| texts.join("; "))
    };
    let concurrency = service.concurrency.as_ref().map(|Concurrency { kind, soft_limit, hard_limit }| {
        format!("{kind}, soft_limit {soft_limit}, hard_limit {hard_limit}")
    });
    facts([
        ("ports", list(service.ports.iter().map(port).collect())),
        ("auto_stop_machines", service.autostop.clone()),
        ("auto_start_machines", service.autostart.map(|starts| starts.to_string())),
        (
            "min_machines_running",
            service.min_machines_running.filter(|most| *most > 0).map(|most| most.to_string()),
        ),
        ("concurrency", concurrency),
        ("checks", list(service.checks.iter().map(check).collect())),
    ])
}

fn looked_at(check: &MachineCheck) -> Facts {
    // flyctl writes `1m0s` for `60s`.
    let time = |text: &Option<String>| {
        let time = |text: &str| {
            humantime::parse_duration(text).ok().map(|time| humantime::format_duration(time).to_string())
        };
        text.as_ref().map(|text| time(text).unwrap_or_else(|| text.clone()))
    };
    facts([
        ("type", Some(check.kind.clone()).filter(|kind| !kind.is_empty())),
        ("port", check.port.map(|port| port.to_string())),
        ("path", check.path.clone()),
        (
            "method",
            check.method.as_ref().map(|method| method.to_uppercase()).filter(|method| method != "GET"),
        ),
        ("interval", time(&check.interval)),
        ("timeout", time(&check.timeout)),
        ("grace_period", time(&check.grace_period)),
    ])
}

fn facts<const N: usize>(all: [(&'static str, Option<String>); N]) -> Facts {
    all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
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

/// Which there are, and how those differ that are there before and afterwards.
fn listed(what: &str, now: &BTreeMap<String, Facts>, then: &BTreeMap<String, Facts>) -> Vec<Change> {
    let list = |all: &BTreeMap<String, Facts>| match all.len() {
        0 => "none".to_owned(),
        _ => all.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
    };
    let change = |what: String, how| Change { what, how, is_less: false };
    let named = (!now.keys().eq(then.keys()))
        .then(|| change(what.to_owned(), format!("{} -> {}", list(now), list(then))));
    let both = now.iter().filter_map(|(name, now)| Some((name, now, then.get(name)?)));
    let facts = both.flat_map(|(name, now, then)| {
        let keys: BTreeSet<_> = now.keys().chain(then.keys()).collect();
        let differing = keys.into_iter().filter(|key| now.get(*key) != then.get(*key));
        differing.map(move |key| {
            let told = |facts: &Facts| facts.get(key).cloned().unwrap_or_else(|| "not set".to_owned());
            change(format!("{what}.{name}.{key}"), format!("{} -> {}", told(now), told(then)))
        })
    });
    named.into_iter().chain(facts).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FLY_TOML: &str = include_str!("../../../../../fly.toml");

    fn changed(config: serde_json::Value, edit: (&str, &str)) -> Vec<String> {
        let config: MachineConfig = serde_json::from_value(config).unwrap();
        assert!(FLY_TOML.contains(edit.0));
        let fly_toml = FlyToml::parse(&FLY_TOML.replace(edit.0, edit.1)).unwrap();
        let changes = changes(&config, &fly_toml).into_iter();
        changes.map(|c| format!("{}{}: {}", if c.is_less { "- " } else { "" }, c.what, c.how)).collect()
    }

    /// What flyctl 0.4.80 makes of `FLY_TOML` (seen with the real client).
    fn as_made() -> serde_json::Value {
        json!({
            "guest": {"cpu_kind": "shared", "cpus": 1, "memory_mb": 256},
            "env": {"DB_PATH": "/data/db", "FLY_PROCESS_GROUP": "app", "PRIMARY_REGION": "fra"},
            "services": [{
                "protocol": "tcp", "internal_port": 8080, "autostop": false, "autostart": false, "min_machines_running": 1,
                "ports": [{"port": 80, "handlers": ["http"], "force_https": true}, {"port": 443, "handlers": ["http", "tls"]}],
                "concurrency": {"type": "requests", "hard_limit": 500, "soft_limit": 200}, "force_instance_key": null,
            }],
            "checks": {"health": {"port": 8080, "type": "http", "interval": "15s", "timeout": "5s", "grace_period": "1m0s", "path": "/healthz"}},
        })
    }

    #[test]
    fn what_the_machine_has_and_fly_toml_has_not_is_less() {
        let mut config = as_made();
        config["guest"] = json!({"cpu_kind": "performance", "cpus": 2, "memory_mb": 4096});
        config["env"]["LANDFALL_SCHEMA"] = json!("keep");
        config["env"]["BY_HAND"] = json!("secret");
        config["services"].as_array_mut().unwrap().push(json!({"internal_port": 9090, "protocol": "udp"}));
        config["checks"]["other"] = json!({});
        assert_eq!(
            changed(config.clone(), ("DB_PATH", "DB_PATH")),
            [
                "- memory: 4096 MB -> 256 MB",
                "- cpus: 2 -> 1",
                "- cpu_kind: performance -> shared",
                "- env.BY_HAND: is lost",
                "services: 8080, 9090/udp -> 8080",
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
    fn a_machine_that_becomes_smaller_is_seen_however_fly_toml_says_it() {
        let mut config = as_made();
        config["guest"] = json!({"cpu_kind": "shared", "cpus": 2, "memory_mb": 4096});
        let whole = "[[vm]]\n  processes = [\"app\"]\n  size = \"shared-cpu-1x\"\n  memory = \"256mb\"\n";
        for vm in [
            "[[vm]]\n  cpus = 2\n  memory = '256m'\n",
            "[[vm]]\n  cpus = 2\n  memory = '0.25gb'\n",
            "[[vm]]\n  cpus = 2\n  memory = '4gb'\n  memory_mb = 256\n",
            "[[vm]]\n  cpus = 2\n  memory = '4gb'\n[[vm]]\n  processes = ['app']\n  cpus = 2\n  memory = '256mb'\n",
        ] {
            assert_eq!(changed(config.clone(), (whole, vm)), ["- memory: 4096 MB -> 256 MB"], "{vm}");
        }
        assert_eq!(
            changed(config, (whole, "[[vm]]\n  size = 'a10'\n")),
            ["- guest: 4096 MB, 2 CPUs -> what [[vm]] says, which is not known here"]
        );
    }

    #[test]
    fn a_machine_that_is_as_fly_toml_says_has_no_change() {
        assert_eq!(changed(as_made(), ("DB_PATH", "DB_PATH")), [""; 0]);
        assert_eq!(
            changed(as_made(), ("DB_PATH = \"/data/db\"", "DB_PATH = \"/data/other\"\n  NEW = \"1\"")),
            ["env.DB_PATH: has another value", "env.NEW: is new"]
        );
    }

    #[test]
    fn each_field_of_a_service_or_a_check_is_told_where_it_differs() {
        for (edit, expected) in [
            (
                ("force_https = true", ""),
                "services.8080.ports: 443 (http, tls); 80 (http, force_https) -> 443 (http, tls); 80 (http)",
            ),
            (
                ("auto_stop_machines = \"off\"", "auto_stop_machines = true"),
                "services.8080.auto_stop_machines: off -> stop",
            ),
            (("auto_start_machines = false", ""), "services.8080.auto_start_machines: false -> not set"),
            (
                ("min_machines_running = 1", "min_machines_running = 0"),
                "services.8080.min_machines_running: 1 -> not set",
            ),
            (
                ("hard_limit = 500", "hard_limit = 50"),
                "services.8080.concurrency: requests, soft_limit 200, hard_limit 500 -> requests, soft_limit 200, hard_limit 50",
            ),
            (("internal_port = 8080", "internal_port = 8081"), "services: 8080 -> 8081"),
            (("path = \"/healthz\"", "path = \"/\""), "checks.health.path: /healthz -> /"),
            (("interval = \"15s\"", "interval = 1500"), "checks.health.interval: 15s -> 1s 500ms"),
            (("timeout = \"5s\"", ""), "checks.health.timeout: 5s -> not set"),
            (("grace_period = \"60s\"", "grace_period = \"2m\""), "checks.health.grace_period: 1m -> 2m"),
            (
                ("type = \"http\"\n    processes", "type = \"tcp\"\n    processes"),
                "checks.health.type: http -> tcp",
            ),
        ] {
            assert_eq!(changed(as_made(), edit), [expected]);
        }
    }

    /// What flyctl 0.4.80 makes of these (seen with the real client).
    #[test]
    fn services_and_their_checks_are_those_that_flyctl_makes() {
        let text = FLY_TOML.replace(
            "[http_service]",
            "[[services]]\ninternal_port = 9090\nprotocol = \"tcp\"\nauto_stop_machines = \"suspend\"\nauto_start_machines = true\n\
             processes = [\"app\"]\n[[services.ports]]\nport = 5000\nhandlers = [\"tls\"]\n[[services.tcp_checks]]\ninterval = 5000\n\
             timeout = 1000\n[[services.http_checks]]\npath = \"/b\"\nmethod = \"POST\"\ngrace_period = \"1m\"\n\
             [[http_service.checks]]\npath = \"/a\"\ninterval = \"10s\"\n[http_service]",
        );
        let mut config = as_made();
        config["services"][0]["checks"] = json!([{"type": "http", "interval": "10s", "path": "/a"}]);
        config["services"].as_array_mut().unwrap().push(json!({
            "protocol": "tcp", "internal_port": 9090, "autostop": "suspend", "autostart": true, "ports": [{"port": 5000, "handlers": ["tls"]}],
            "checks": [{"type": "tcp", "interval": "5s", "timeout": "1s"}, {"type": "http", "grace_period": "1m0s", "method": "POST", "path": "/b"}],
        }));
        let config: MachineConfig = serde_json::from_value(config).unwrap();
        assert_eq!(changes(&config, &FlyToml::parse(&text).unwrap()), []);
    }
}
