//! What a deploy has to tell.

use landfall_engine::{Report, TableRows};
use serde::Serialize;

use crate::name::{Image, MachineId, Revision, SnapshotId};
use crate::release::downtime::Downtime;
use crate::release::phase::Phases;

/// A deploy as far as it went: the report of its JSON document.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Deploy {
    /// The app on Fly.
    pub(crate) app: String,
    /// The commit that ran before, where it is known.
    pub(crate) from: Option<Revision>,
    /// The commit that is shipped.
    pub(crate) to: Revision,
    /// In their order.
    pub(crate) phases: Phases,
    /// What the boot changes, as the engine tells it.
    pub(crate) change: Option<Report>,
    /// How long the service was expected not to answer.
    pub(crate) downtime: Option<Downtime>,
    /// The image, by digest.
    pub(crate) image: Option<Image>,
    /// The same by the tag that it was pushed under.
    #[serde(skip)]
    pub(crate) tag: Option<Image>,
    /// The snapshot of the volume that was taken first.
    pub(crate) snapshot: Option<SnapshotId>,
    /// The copy of the database that was pulled first.
    pub(crate) copy: Option<String>,
    /// The machine that has it.
    pub(crate) machine: Option<MachineId>,
    /// The commit that production serves now, as far as it is known.
    pub(crate) serves: Option<String>,
    /// The rows of every table afterwards.
    pub(crate) rows: Vec<TableRows>,
}
