//! How large a machine is made, as flyctl 0.4.80 reads `[[vm]]` (seen with the real client): a size, and what is written beside it counts more.

use serde::Deserialize;

use crate::name::CpuKind;
use crate::tool::fly::Guest;

/// What a machine has whose `[[vm]]` names no size.
const DEFAULT: &str = "shared-cpu-1x";

#[derive(Deserialize)]
pub(super) struct Vm {
    size: Option<String>,
    memory: Option<toml::Value>,
    memory_mb: Option<u32>,
    cpus: Option<u32>,
    cpu_kind: Option<CpuKind>,
    #[serde(default)]
    processes: Vec<String>,
}

impl Vm {
    /// Whether it is for the machines of this group.
    pub(super) fn is_for(&self, group: &str) -> bool {
        self.processes.is_empty() || self.processes.iter().any(|name| name == group)
    }

    /// The machine's memory as Docker takes it.
    pub(super) fn memory(&self) -> Option<String> {
        let given = self.memory.as_ref().map(|value| match value {
            toml::Value::Integer(megabytes) => format!("{megabytes}mb"),
            other => super::plain(other),
        });
        given
            .or_else(|| self.memory_mb.map(|megabytes| format!("{megabytes}mb")))
            .or_else(|| Some(format!("{}mb", self.guest()?.memory_mb)))
    }

    /// None where the size, or the memory, is not one that is known here.
    pub(super) fn guest(&self) -> Option<Guest> {
        let size = sized(self.size.as_deref().unwrap_or(DEFAULT))?;
        let memory_mb = match &self.memory {
            Some(given) => Some(megabytes(&super::plain(given))?),
            None => self.memory_mb,
        };
        Some(Guest {
            cpu_kind: self.cpu_kind.clone().unwrap_or(size.cpu_kind),
            cpus: self.cpus.unwrap_or(size.cpus),
            memory_mb: memory_mb.unwrap_or(size.memory_mb),
        })
    }
}

/// `shared-cpu-2x`: 256 MB a CPU; `performance-2x`: 2 GB a CPU (<https://fly.io/docs/about/pricing/>).
fn sized(size: &str) -> Option<Guest> {
    let (cpu_kind, count, memory) = match size.strip_prefix("shared-cpu-") {
        Some(count) => ("shared", count, 256),
        None => ("performance", size.strip_prefix("performance-")?, 2048),
    };
    let cpus: u32 = count.strip_suffix('x')?.parse().ok().filter(|cpus| (1..=64).contains(cpus))?;
    Some(Guest { cpu_kind: CpuKind::parse(cpu_kind)?, cpus, memory_mb: cpus * memory })
}

/// `512`, `512mb`, `4gb`.
fn megabytes(text: &str) -> Option<u32> {
    let lower = text.trim().to_ascii_lowercase();
    let (number, factor) = match lower.strip_suffix("gb") {
        Some(number) => (number, 1024),
        None => (lower.strip_suffix("mb").unwrap_or(&lower), 1),
    };
    number.trim_end().parse::<u32>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What flyctl 0.4.80 made of each of these on a machine.
    #[test]
    fn a_machine_is_made_as_large_as_flyctl_makes_it() {
        for (text, expected) in [
            ("", Some(("shared", 1, 256))),
            ("size = 'shared-cpu-2x'", Some(("shared", 2, 512))),
            ("memory = '512mb'", Some(("shared", 1, 512))),
            ("memory = 512", Some(("shared", 1, 512))),
            ("cpus = 2", Some(("shared", 2, 256))),
            ("cpu_kind = 'performance'\ncpus = 2", Some(("performance", 2, 256))),
            ("cpu_kind = 'performance'\ncpus = 2\nmemory = '4gb'", Some(("performance", 2, 4096))),
            ("size = 'performance-2x'\nmemory = 8192", Some(("performance", 2, 8192))),
            ("size = 'performance-4x'", Some(("performance", 4, 8192))),
            ("memory_mb = 1024\ncpus = 1", Some(("shared", 1, 1024))),
            ("size = 'a10'", None),
            ("size = 'shared-cpu-999x'", None),
            ("memory = 'much'", None),
        ] {
            let guest = toml::from_str::<Vm>(text).unwrap().guest();
            let read = guest.as_ref().map(|guest| (guest.cpu_kind.as_str(), guest.cpus, guest.memory_mb));
            assert_eq!(read, expected, "{text}");
        }
    }
}
