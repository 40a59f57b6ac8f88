//! What a running migration tells whoever watches it.

use std::path::Path;
use std::time::Duration;

use crate::plan::{Planner, Step};

/// Something that happened. Nothing here is an error.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Another connection holds the database; told once, when the waiting begins.
    WaitingForLock {
        /// The database.
        database: &'a Path,
        /// After how long it gives up.
        limit: Duration,
    },
    /// A planner is about to work out its steps.
    Planning {
        /// Which.
        planner: Planner,
    },
    /// A planner's proposal is about to be proved on a replica.
    Proving {
        /// Whose.
        planner: Planner,
    },
    /// The database changed since the plan was made: it is planned again.
    Replanning,
    /// A step begins.
    Step {
        /// From 1.
        number: usize,
        /// How many there are.
        total: usize,
        /// Which.
        step: &'a Step,
    },
    /// A long step goes on; told a few times a second at most.
    Rows {
        /// The table that is written or read.
        table: &'a str,
        /// Rows so far.
        done: u64,
        /// Rows in all, as counted before the plan.
        total: u64,
    },
    /// Schema and hazards are read again where somebody committed since the plan was made, now that nobody else can write.
    Looking,
    /// A table's rows are being counted, and their checksum taken, before or after the steps.
    Checking {
        /// The table.
        table: &'a str,
    },
    /// Foreign keys, marks and the schema are being compared.
    Comparing,
    /// All is proved; what is left is COMMIT.
    Committing,
}

/// Watches a migration. `()` watches nothing.
pub trait Watch: Send {
    /// Called as things happen, from one thread at a time.
    fn event(&mut self, event: &Event<'_>);
}

impl Watch for () {
    fn event(&mut self, _: &Event<'_>) {}
}
