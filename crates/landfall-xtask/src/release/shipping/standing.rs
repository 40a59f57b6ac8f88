//! What production is right now, as far as it can be asked: the machine, its image, its schema and its rows.

use landfall_engine::{Live, TableRows};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::Shipping;
use super::patience::ASKING;
use crate::name::{MachineId, PathThere, Revision};
use crate::release::audit::Audit;
use crate::release::deployed;
use crate::release::image::short;
use crate::release::production::{self, Trouble};
use crate::release::reading::{self, Reading};
use crate::tool::fly::{CommandThere, Fly, Machine, Volume};

/// What `landfall status` tells.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Status {
    /// The database.
    pub(crate) file: String,
    /// How large it is.
    #[serde(deserialize_with = "bytes")]
    pub(crate) bytes: u64,
    /// The rows of every table.
    pub(crate) tables: Vec<TableRows>,
    /// The virtual tables whose module only the service has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) uncounted: Vec<String>,
    /// The fingerprint of its schema.
    pub(crate) schema: String,
    /// The volume's room.
    pub(crate) disk: Disk,
    /// The copies that boots made before their changes, the newest first.
    #[serde(default)]
    pub(crate) copies: Vec<File>,
    /// The databases that were set aside, the newest first.
    #[serde(default)]
    pub(crate) set_aside: Vec<File>,
}

/// Room, in bytes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Disk {
    /// What is left of it.
    #[serde(deserialize_with = "bytes")]
    pub(crate) free: u64,
    /// All of it.
    #[serde(deserialize_with = "bytes")]
    pub(crate) total: u64,
}

impl Status {
    /// The rows of all tables together.
    pub(crate) fn rows(&self) -> u64 {
        self.tables.iter().fold(0, |rows: u64, table| rows.saturating_add(table.rows))
    }
}

/// No disk has more, and what is computed from it stays a number.
fn bytes<'de, D: Deserializer<'de>>(told: D) -> Result<u64, D::Error> {
    const MOST: u64 = 1 << 53;
    let bytes = u64::deserialize(told)?;
    if bytes > MOST { Err(D::Error::custom(format!("{bytes} bytes are on no disk"))) } else { Ok(bytes) }
}

/// A file beside the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct File {
    /// Its path there.
    pub(crate) file: PathThere,
    /// How large it is.
    #[serde(deserialize_with = "bytes")]
    pub(crate) bytes: u64,
    /// When it was made, as in RFC 3339.
    pub(crate) time: String,
}

/// Production before anything changes.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    /// The machine.
    pub(crate) machine: Machine,
    /// Its volume.
    pub(crate) volume: Volume,
    /// The commit of its image: by its label, else by what the service says.
    pub(crate) commit: Option<Revision>,
    /// Its live schema, or why it was not read.
    pub(crate) live: Result<Live, Trouble>,
    /// Its rows and its room, or why they were not read.
    pub(crate) status: Result<Status, Trouble>,
}

impl Standing {
    /// The rows of every table; none where they are not known.
    pub(crate) fn rows(&self) -> Option<&[TableRows]> {
        self.status.as_ref().ok().map(|status| status.tables.as_slice())
    }

    /// How what runs is called in sentences.
    pub(crate) fn name(&self) -> String {
        let image = || self.machine.pinned_image().map_or_else(|| "what it had".to_owned(), String::from);
        self.commit.as_deref().map_or_else(image, short)
    }
}

impl Shipping<'_> {
    /// Asks the machine. One that does not run is not woken, since the service may not start: its volume is read on a fork.
    pub(crate) fn standing(&self, machine: Machine, volume: Volume, audit: &Audit) -> Standing {
        let ask = |id: &MachineId| {
            let live = self.patiently(ASKING, Trouble::may_pass, |fly| production::live_schema(fly, id));
            (live, self.patiently(ASKING, Trouble::may_pass, |fly| status(fly, id)))
        };
        let runs = machine.state == "started";
        let (live, status) = if runs {
            ask(&machine.id)
        } else {
            self.on_a_fork(&machine, &volume, audit, ask)
                .unwrap_or_else(|trouble| (Err(trouble.clone()), Err(trouble)))
        };
        let label = deployed::revision(&machine).map(|commit| Revision::from(Some(commit)));
        // A name for sentences: none is none.
        let said = || runs.then(|| self.probe.version().ok()).flatten().map(|version| version.commit);
        let said = || said().filter(|revision| revision.commit().is_some());
        Standing { commit: label.or_else(said), machine, volume, live, status }
    }

    /// Does this with a machine of ours, whose id it gets, that has a fork of the volume of this one.
    pub(crate) fn on_a_fork<T>(
        &self,
        machine: &Machine,
        volume: &Volume,
        audit: &Audit,
        work: impl FnOnce(&MachineId) -> T,
    ) -> Result<T, Trouble> {
        let Self { fly, fly_toml, interrupt, ui, .. } = *self;
        let image = reading::image(audit, Some(machine))?;
        let read =
            Reading { fly, fly_toml, image: &image, interrupt, ui }.of(&volume.id, &volume.region, work);
        read.map_err(|Trouble { message, remedy, .. }| {
            Trouble::new(
                format!("machine {} is {}, and its volume: {message}", machine.id, machine.state),
                remedy,
            )
        })
    }

    /// Rows and room of the database.
    pub(crate) fn status(&self, machine: &MachineId) -> Result<Status, Trouble> {
        status(self.fly, machine)
    }

    /// Its rows, last before it is changed: what the service took away by itself until now is no loss. None where they were not known
    /// before either; of a machine that does not run, what its volume had then.
    pub(crate) fn counted_again(&self, before: &Standing) -> Result<Option<Vec<TableRows>>, Trouble> {
        let Some(rows) = before.rows() else { return Ok(None) };
        if before.machine.state != "started" {
            return Ok(Some(rows.to_vec()));
        }
        let machine = &before.machine.id;
        let status = self.patiently(self.wait_timeout, Trouble::may_pass, |fly| status(fly, machine))?;
        Ok(Some(status.tables))
    }

    /// Rows and room of a copy beside it.
    pub(crate) fn status_of(&self, machine: &MachineId, copy: &PathThere) -> Result<Status, Trouble> {
        production::ask(
            self.fly,
            machine,
            &CommandThere::new("landfall status").file(copy).and("--format json"),
        )
    }
}

/// Rows and room of the database on a machine.
pub(crate) fn status(fly: &Fly<'_>, machine: &MachineId) -> Result<Status, Trouble> {
    production::ask(fly, machine, &CommandThere::new("landfall status --format json"))
}
