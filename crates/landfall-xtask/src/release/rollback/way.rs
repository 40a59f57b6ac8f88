//! From where a rollback goes, where to, and what becomes of the data.

use crate::name::{SnapshotId, VolumeId};
use crate::release::audit::{Kind as Done, Outcome, Recorded};
use crate::release::shipping::back::Attempt;
use crate::release::shipping::data::Copy;
use crate::release::shipping::earlier::Earlier;
use crate::release::shipping::fit::Change;
use crate::release::shipping::inventory::Inventory;
use crate::release::shipping::prove::Expected;
use crate::release::shipping::ship::Candidate;
use crate::release::shipping::standing::Standing;

/// From where, and where to.
pub(super) struct Way<'a> {
    /// Production before.
    pub(super) standing: Standing,
    /// The release that it runs; none where Fly does not tell its digest.
    pub(super) before: Option<Earlier>,
    pub(super) goal: Goal<'a>,
    /// All that is at Fly.
    pub(super) inventory: Inventory,
}

/// Where to.
pub(super) struct Goal<'a> {
    /// The entry of the release that is brought back.
    pub(super) target: &'a Recorded,
    /// What it takes.
    pub(super) release: Earlier,
    /// What becomes of the data.
    pub(super) data: Back,
    /// The configuration of the machine before, as Fly has it.
    pub(super) config: String,
}

/// What becomes of the data.
pub(super) enum Back {
    /// It stays as it is.
    Stays,
    /// A copy beside it is put in its place.
    Copy(Box<Copy>),
    /// A volume of the snapshot, with a machine of its own, takes the place of both.
    Snapshot(Source),
}

/// A snapshot that is there.
#[derive(Debug)]
pub(super) struct Source {
    /// Its id.
    pub(super) id: SnapshotId,
    /// When it was taken, as in RFC 3339.
    pub(super) time: String,
}

impl Way<'_> {
    /// What was tried: it keeps the schema.
    pub(super) fn attempt<'a>(&'a self, what: &'a str, why: &'a str) -> Attempt<'a> {
        Attempt {
            what,
            image: &self.goal.release.image,
            why,
            exit_code: None,
            change: Change::Nothing,
            fewer: &[],
            inventory: &self.inventory,
        }
    }

    /// What has to be found on the volume that is there.
    pub(super) fn expected(&self) -> Expected<'_> {
        self.goal.expected(&self.standing.volume.id)
    }

    /// What is done, with what came of it.
    pub(super) fn entry(&self, outcome: Outcome) -> (Done, Outcome) {
        let done = if matches!(self.goal.data, Back::Stays) { Done::Rollback } else { Done::DataBack };
        (done, outcome)
    }
}

impl Goal<'_> {
    /// What is shipped; the variables are [`kept`](crate::release::shipping::back::kept).
    pub(super) fn candidate(&self) -> Candidate<'_> {
        Candidate { image: &self.release.image, fly_toml: &self.release.fly_toml, env: &[] }
    }

    /// What has to be found, on this volume.
    pub(super) fn expected<'e>(&'e self, volume: &'e VolumeId) -> Expected<'e> {
        Expected {
            commit: self.release.commit.as_deref(),
            image: Some(&self.release.image),
            volume: Some(volume),
            schema: None,
            rows: None,
            fewer: &[],
        }
    }
}
