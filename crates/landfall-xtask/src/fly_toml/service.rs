//! How the service is reached, and how Fly looks at it: what flyctl 0.4.80 makes of fly.toml on a machine (seen with the real client).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::value::{OneOrMany, all, plain};
use crate::tool::fly::{Concurrency, MachineCheck, MachineService, Port};

/// `[http_service]`, or one of `[[services]]`.
#[derive(Deserialize)]
pub(super) struct Service {
    pub(super) internal_port: Option<u16>,
    protocol: Option<String>,
    force_https: Option<bool>,
    auto_stop_machines: Option<toml::Value>,
    auto_start_machines: Option<bool>,
    min_machines_running: Option<u32>,
    concurrency: Option<Concurrency>,
    #[serde(default)]
    ports: OneOrMany<Port>,
    #[serde(default)]
    checks: OneOrMany<Check>,
    #[serde(default)]
    tcp_checks: OneOrMany<Check>,
    #[serde(default)]
    http_checks: OneOrMany<Check>,
    #[serde(default)]
    processes: Vec<String>,
}

/// A health check.
#[derive(Deserialize)]
pub(super) struct Check {
    #[serde(rename = "type")]
    kind: Option<String>,
    port: Option<u16>,
    path: Option<String>,
    method: Option<String>,
    interval: Option<toml::Value>,
    timeout: Option<toml::Value>,
    pub(super) grace_period: Option<toml::Value>,
    #[serde(default)]
    processes: Vec<String>,
}

/// Whether something with these `processes` is for the machines of a group.
fn is_of(processes: &[String], group: &str, default: &str) -> bool {
    match processes {
        [] => group == default,
        named => named.iter().any(|name| name == group),
    }
}

impl Service {
    /// Whether Fly's proxy stops machines for it.
    pub(super) fn stops(&self) -> bool {
        self.auto_stop_machines
            .as_ref()
            .is_some_and(|value| !["off", "false"].contains(&plain(value).as_str()))
    }

    pub(super) fn is_of(&self, group: &str, default: &str) -> bool {
        is_of(&self.processes, group, default)
    }

    /// `[http_service]` has two ports of the public, which its file does not name.
    pub(super) fn with_ports(mut self) -> Self {
        let port = |port, handlers: &[&str], force_https| Port {
            port: Some(port),
            handlers: handlers.iter().map(|name| (*name).to_owned()).collect(),
            force_https,
        };
        let forced = self.force_https.unwrap_or_default();
        self.ports = OneOrMany::Many(vec![port(80, &["http"], forced), port(443, &["http", "tls"], false)]);
        self
    }

    /// As a machine has it.
    pub(super) fn on_a_machine(self) -> MachineService {
        let http = all(self.checks).into_iter().chain(all(self.http_checks)).map(|check| check.of("http"));
        let tcp = all(self.tcp_checks).into_iter().map(|check| check.of("tcp"));
        MachineService {
            internal_port: self.internal_port.unwrap_or_default(),
            protocol: self.protocol.unwrap_or_else(|| "tcp".to_owned()),
            autostop: self.auto_stop_machines.as_ref().map(|value| match plain(value).as_str() {
                "false" => "off".to_owned(),
                "true" => "stop".to_owned(),
                word => word.to_owned(),
            }),
            autostart: self.auto_start_machines,
            min_machines_running: self.min_machines_running,
            ports: all(self.ports),
            concurrency: self.concurrency,
            checks: http.chain(tcp).collect(),
        }
    }
}

impl Check {
    fn of(self, kind: &str) -> MachineCheck {
        let time = |value: Option<toml::Value>| {
            value
                .map(|value| value.as_integer().map_or_else(|| plain(&value), |number| format!("{number}ms")))
        };
        MachineCheck {
            kind: self.kind.unwrap_or_else(|| kind.to_owned()),
            port: self.port,
            path: self.path,
            method: self.method,
            interval: time(self.interval),
            timeout: time(self.timeout),
            grace_period: time(self.grace_period),
        }
    }
}

/// The checks of the machines of this group.
pub(super) fn of_group(
    mut checks: BTreeMap<String, Check>,
    group: &str,
    default: &str,
) -> BTreeMap<String, Check> {
    checks.retain(|_, check| is_of(&check.processes, group, default));
    checks
}

/// As a machine has them.
pub(super) fn on_a_machine(checks: BTreeMap<String, Check>) -> BTreeMap<String, MachineCheck> {
    checks.into_iter().map(|(name, check)| (name, check.of(""))).collect()
}
