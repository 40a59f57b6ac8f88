//! What was found and done, as one value for text and JSON.

use serde::Serialize;

use crate::difference::Difference;
use crate::plan::{Plan, Proposal};

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The database already was what `schema.sql` says.
    InSync,
    /// A plan is ready, and was not run.
    Planned,
    /// The plan ran and was committed.
    Applied,
}

/// The rows of one table, before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The table, under its declared name.
    pub table: String,
    /// Rows before.
    pub rows_before: u64,
    /// Rows after.
    pub rows_after: u64,
    /// Order-free XXH3-128 sum over the values that had to persist, in hexadecimal: equal before and after.
    pub checksum: Option<String>,
}

/// What was found and done.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// The database's path.
    pub database: String,
    /// The path of `schema.sql`.
    pub schema: String,
    /// Fingerprint of the live schema, before.
    pub live: String,
    /// Fingerprint of the declared schema.
    pub declared: String,
    /// Each way in which they differed in meaning.
    pub differences: Vec<Difference>,
    /// What is worth knowing and is no difference: column order, directives that can be removed.
    pub notes: Vec<String>,
    /// The plan that was chosen; `None` when in sync.
    pub plan: Option<Plan>,
    /// What became of each planner's proposal.
    pub proposals: Vec<Proposal>,
    /// The rows of every table that could have been touched; empty unless applied.
    pub evidence: Vec<Evidence>,
    /// Seconds from BEGIN to COMMIT; `None` unless applied.
    pub seconds: Option<f64>,
}
