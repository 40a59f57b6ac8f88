//! What a deploy is asked for.

use std::time::Duration;

use landfall_engine::Approval;

use crate::name::Organization;
use crate::release::image::Bases;

/// What is asked for on the command line.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Hazards that are approved.
    pub(crate) allow: Vec<Approval>,
    /// What the machine may have less of: `memory`, `cpus`, `env.NAME`.
    pub(crate) allow_machine: Vec<String>,
    /// A commit that lacks what production runs.
    pub(crate) allow_older: bool,
    /// Without the question.
    pub(crate) auto_approve: bool,
    /// Nothing is changed; what would be done is told.
    pub(crate) dry_run: bool,
    /// With a work tree that is not committed, or a commit that is not pushed.
    pub(crate) allow_dirty: bool,
    /// App, volume, machine and password may be made.
    pub(crate) create: bool,
    /// In which organization the app is made.
    pub(crate) org: Organization,
    /// Without knowing what production has.
    pub(crate) unverified: bool,
    /// Without a rehearsal on a fork.
    pub(crate) no_rehearsal: bool,
    /// Without booting the image here first.
    pub(crate) no_smoke: bool,
    /// With a pulled copy beside the snapshot.
    pub(crate) backup: bool,
    /// Where the release before does not fit any more, its data comes back with it.
    pub(crate) restore_data: bool,
    /// Other images to build from.
    pub(crate) bases: Bases,
    /// How long each phase of flyctl may wait.
    pub(crate) wait_timeout: Duration,
    /// How long Fly may take to make the snapshot.
    pub(crate) snapshot_timeout: Duration,
    /// How long somebody else's lock is waited for.
    pub(crate) lock_wait: Duration,
}
