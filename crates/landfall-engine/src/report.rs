//! What was found and done, as one value for text and JSON.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::hazard::Hazard;
use crate::plan::{Plan, Proposal};

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The database already was what `schema.sql` says.
    InSync,
    /// A plan is ready, and was not run.
    Planned,
    /// The plan ran and was committed.
    Applied,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InSync => "in sync",
            Self::Planned => "planned",
            Self::Applied => "applied",
        })
    }
}

/// Which kind of difference. Its name in JSON is the kebab-case of the variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DifferenceKind {
    /// Declared, and not there.
    Missing,
    /// There, and not declared.
    Extra,
    /// There with another meaning.
    Changed,
}

/// One way in which live and declared schema differ in meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Which kind.
    pub kind: DifferenceKind,
    /// `table`, `table.column`, or the name of an index, view or trigger.
    pub object: String,
    /// The sentence: "column customers.email is missing".
    pub message: String,
}

/// The rows of one table, before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The table, under its declared name.
    pub table: String,
    /// Rows before: all, or those of the sample where nobody counted.
    pub rows_before: u64,
    /// Rows after, likewise.
    pub rows_after: u64,
    /// Whether a sample of up to 1,000 rows was looked at, found by key, since no statement came near a row: the sum is of those.
    #[serde(default)]
    pub sampled: bool,
    /// Order-free XXH3-128 sum over the values that had to persist, in hexadecimal: equal before and after.
    pub checksum: Option<String>,
}

/// What the time from BEGIN to COMMIT went to. Its name in JSON is the kebab-case of the variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Schema and hazards, read again now that nobody else can write.
    Look,
    /// A step of the plan.
    Step,
    /// Rows, counted and summed, before or after the steps.
    Evidence,
    /// Foreign keys, marks and the schema, compared.
    Keys,
    /// COMMIT.
    Commit,
}

/// A part of the time from BEGIN to COMMIT.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// What it went to.
    pub part: Part,
    /// For a person: `2/5 rebuild customers`, `rows of customers`.
    pub label: String,
    /// How long, in seconds.
    pub seconds: f64,
}

/// Bytes on the disk of the database: its file, its log, and what was sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// Before.
    pub before: u64,
    /// The most that was seen in between.
    pub peak: u64,
    /// Afterwards.
    pub after: u64,
}

/// A `-- @` comment of `schema.sql` that has acted, or has nothing to act on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleDirective {
    /// Its line, from 1.
    pub line: usize,
    /// The table, or `table.column`, that it is about.
    pub object: String,
    /// The sentence, with file and line.
    pub message: String,
}

/// What was found and done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// What the database is called: its path, unless [`crate::Settings::called`] says.
    pub database: String,
    /// The path of `schema.sql`.
    pub schema: String,
    /// Fingerprint of the live schema, before.
    pub live: String,
    /// Fingerprint of the declared schema.
    pub declared: String,
    /// Each way in which they differed in meaning.
    pub differences: Vec<Difference>,
    /// What is worth knowing and is no difference: column order.
    pub notes: Vec<String>,
    /// Directives of `schema.sql` that have nothing left to do in this database.
    #[serde(default)]
    pub idle_directives: Vec<IdleDirective>,
    /// The plan that was chosen; `None` when in sync, and where the change was refused before there was one.
    pub plan: Option<Plan>,
    /// The hazards where there is no plan; else they are the plan's. See [`Report::hazards`].
    #[serde(default)]
    pub hazards: Vec<Hazard>,
    /// What became of each planner's proposal.
    pub proposals: Vec<Proposal>,
    /// The rows of every table that could have been touched; empty unless applied.
    pub evidence: Vec<Evidence>,
    /// Seconds from BEGIN to COMMIT; `None` unless applied.
    pub seconds: Option<f64>,
    /// What they went to, in order; empty unless applied.
    pub timings: Vec<Timing>,
    /// What the change took on the disk; `None` unless applied.
    pub disk: Option<Disk>,
}

impl Report {
    /// Every hazard of the change, whether there is a plan or not.
    pub fn hazards(&self) -> impl Iterator<Item = &Hazard> {
        self.hazards.iter().chain(self.plan.iter().flat_map(|plan| &plan.hazards))
    }

    /// That it ended so, and nothing else yet.
    pub(crate) fn of(outcome: Outcome, database: String, schema: &Path) -> Self {
        Self {
            outcome,
            database,
            schema: schema.display().to_string(),
            live: String::new(),
            declared: String::new(),
            differences: Vec::new(),
            notes: Vec::new(),
            idle_directives: Vec::new(),
            plan: None,
            hazards: Vec::new(),
            proposals: Vec::new(),
            evidence: Vec::new(),
            seconds: None,
            timings: Vec::new(),
            disk: None,
        }
    }
}
