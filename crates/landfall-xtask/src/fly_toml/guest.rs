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
    /// The one for the machines of this group: that which names the most groups, and of those the first.
    pub(super) fn of_group(all: Vec<Self>, group: &str) -> Option<Self> {
        let is_for = |vm: &Self| vm.processes.is_empty() || vm.processes.iter().any(|name| name == group);
        let more = |most: Self, vm: Self| if vm.processes.len() > most.processes.len() { vm } else { most };
        all.into_iter().filter(is_for).reduce(more)
    }

    /// The machine's memory as Docker takes it.
    pub(super) fn memory(&self) -> Option<String> {
        Some(format!("{}mb", self.guest()?.memory_mb))
    }

    /// None where the size, or the memory, is not one that is known here.
    pub(super) fn guest(&self) -> Option<Guest> {
        let size = sized(self.size.as_deref().unwrap_or(DEFAULT))?;
        let memory_mb = match (self.memory_mb, &self.memory) {
            (None, Some(given)) => Some(megabytes(&super::value::plain(given))?),
            (given, _) => given,
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

/// `512` are megabytes; `512mb`, `512M`, `0.5 GiB` as Docker reads them.
fn megabytes(text: &str) -> Option<u32> {
    if let Ok(megabytes) = text.parse() {
        return Some(megabytes);
    }
    let lower = text.to_ascii_lowercase();
    let number = lower.strip_suffix('b').unwrap_or(&lower);
    let number = number.strip_suffix('i').unwrap_or(number);
    let (number, bytes) = match number.char_indices().next_back()? {
        (at, 'k') => (&number[..at], 1024.0),
        (at, 'm') => (&number[..at], 1024.0 * 1024.0),
        (at, 'g') => (&number[..at], 1024.0 * 1024.0 * 1024.0),
        (at, 't') => (&number[..at], 1024.0 * 1024.0 * 1024.0 * 1024.0),
        _ => (number, 1.0),
    };
    let number = number.strip_suffix(' ').unwrap_or(number);
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let megabytes = number.parse::<f64>().ok().filter(|_| is_number)? * bytes / (1024.0 * 1024.0);
    (megabytes <= f64::from(u32::MAX)).then_some(megabytes as u32)
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
            ("memory = '256m'", Some(("shared", 1, 256))),
            ("memory = '0.25gb'", Some(("shared", 1, 256))),
            ("memory = '1 GiB'", Some(("shared", 1, 1024))),
            ("cpus = 2\nmemory = '4gb'\nmemory_mb = 256", Some(("shared", 2, 256))),
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
