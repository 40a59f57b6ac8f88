//! What was read of production last, and when: nothing else is said of it.

use std::fmt;
use std::time::SystemTime;

use crate::tool::fly::Machine;

/// What was read last, each with its time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    machine: Option<(SystemTime, String)>,
    service: Option<(SystemTime, String)>,
}

impl Seen {
    /// Of this machine, just now.
    pub(crate) fn of(machine: &Machine) -> Self {
        let mut seen = Self::default();
        seen.machine(machine);
        seen
    }

    /// With what was read earlier of what was not read since.
    pub(crate) fn or(self, earlier: &Self) -> Self {
        Self {
            machine: self.machine.or_else(|| earlier.machine.clone()),
            service: self.service.or_else(|| earlier.service.clone()),
        }
    }

    /// Fly told this of the machine just now.
    pub(super) fn machine(&mut self, machine: &Machine) {
        let image =
            machine.pinned_image().map_or_else(|| "an image that Fly does not name".to_owned(), String::from);
        let told = format!("machine {} was {} with {image}", machine.id, machine.state);
        self.machine = Some((SystemTime::now(), told));
    }

    /// The service was asked just now, and this came of it.
    pub(super) fn service(&mut self, told: impl Into<String>) {
        self.service = Some((SystemTime::now(), told.into()));
    }
}

/// `read last: at 2026-08-01T12:00:00Z machine 148e was started with …; at …`.
impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told: Vec<_> = [&self.machine, &self.service]
            .into_iter()
            .flatten()
            .map(|(time, told)| format!("at {} {told}", humantime::format_rfc3339_seconds(*time)))
            .collect();
        if told.is_empty() {
            return f.write_str("nothing was read of it since");
        }
        write!(f, "read last: {}", told.join("; "))
    }
}
