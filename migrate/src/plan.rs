//! A plan as a value: steps, cost, hazards, fingerprint; and the choice among proposals.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::hazard::{Hazard, HazardName};
use crate::prediction::Prediction;
use crate::token::tokenize;

/// Who made a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Planner {
    /// The Atlas binary.
    Atlas,
    /// The planner in this crate.
    Builtin,
}

impl fmt::Display for Planner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Atlas => "atlas",
            Self::Builtin => "builtin",
        })
    }
}

/// How the time of a step grows. Ordered: constant < scan < rewrite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CostClass {
    /// Independent of the number of rows.
    #[default]
    Constant,
    /// Reads every row of a table once.
    Scan,
    /// Writes every row of a table.
    Rewrite,
}

/// Cost class and the number of rows it applies to. Ordered by class, then by rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Cost {
    /// How the time grows.
    pub class: CostClass,
    /// Rows read or written; those that `schema.sql` declares where it is constant.
    pub rows: u64,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.class {
            CostClass::Constant => f.write_str("constant time"),
            CostClass::Scan => write!(f, "a scan of {}", plural(self.rows)),
            CostClass::Rewrite => write!(f, "a rewrite of {}", plural(self.rows)),
        }
    }
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// CREATE of anything.
    Create,
    /// ALTER TABLE.
    Alter,
    /// A query that must find no row, or nothing is changed.
    Check,
    /// An edit of `sqlite_schema`: a CREATE text, and no row of a table.
    Edit,
    /// Bookkeeping: AUTOINCREMENT marks, statistics, pragmas.
    Metadata,
    /// A part of writing a table anew.
    Rebuild,
    /// INSERT of rows that `schema.sql` declares.
    Insert,
    /// UPDATE of rows.
    Update,
    /// DROP of anything.
    Drop,
}

impl fmt::Display for StepKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Alter => "alter",
            Self::Check => "check",
            Self::Edit => "edit",
            Self::Metadata => "metadata",
            Self::Rebuild => "rebuild",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Drop => "drop",
        })
    }
}

/// One SQL statement of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The statement, without its semicolon.
    pub sql: String,
    /// What it does.
    pub kind: StepKind,
    /// The table (or view) it is about; empty for pragmas.
    pub table: String,
    /// What it costs.
    pub cost: Cost,
}

/// Ordered statements that bring a live schema to the declared one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Who made it.
    pub planner: Planner,
    /// Of both schemas and all statements: what an approval is bound to.
    pub fingerprint: String,
    /// The dearest class among the steps, and the sum of the rows in it.
    pub cost: Cost,
    /// How long it is going to take. No part of the fingerprint: it differs between machines, and from one time to the next.
    pub prediction: Prediction,
    /// The statements.
    pub steps: Vec<Step>,
    /// What may be lost, approved or not.
    pub hazards: Vec<Hazard>,
}

impl Plan {
    /// Whether the database should be copied first: the plan drops or changes values on purpose, or writes rows anew.
    #[must_use]
    pub fn wants_copy(&self) -> bool {
        let rewrites = self.cost.class == CostClass::Rewrite && self.cost.rows > 0;
        rewrites || self.hazards.iter().any(|hazard| hazard.name != HazardName::RewritesTable)
    }

    /// Whether Atlas's plan must be dearer: this one writes no table anew, and changes one as Atlas can only by doing so.
    pub(crate) fn outruns_atlas(&self) -> bool {
        self.planner == Planner::Builtin
            && self.cost.class < CostClass::Rewrite
            && self.steps.iter().any(Step::is_beyond_atlas)
    }
}

impl Step {
    /// An edit of the schema, and what ALTER TABLE does besides adding and renaming.
    fn is_beyond_atlas(&self) -> bool {
        let tokens = tokenize(&self.sql).unwrap_or_default();
        let does = |words: &[&str]| {
            words.iter().enumerate().all(|(i, word)| tokens.get(3 + i).is_some_and(|t| t.is(word)))
        };
        match self.kind {
            StepKind::Edit => true,
            StepKind::Alter => {
                does(&["ALTER", "COLUMN"]) || does(&["DROP", "CONSTRAINT"]) || does(&["ADD", "CHECK"])
            }
            _ => false,
        }
    }
}

/// What became of one planner's proposal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// Whose.
    pub planner: Planner,
    /// What became of it.
    pub verdict: Verdict,
    /// Why, as a clause: "would drop COLLATE NOCASE of customers.email".
    pub reason: String,
}

/// What became of a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Proved, and the cheapest.
    Chosen,
    /// Proved, but dearer or second in a tie.
    Proved,
    /// Failed its proof.
    Disproved,
    /// There was no plan: the planner is missing, failed, or cannot express the change.
    Unavailable,
    /// It could not have been cheaper, so nobody waited for it.
    NotAsked,
}

/// The dearest class among the steps, and the sum of the rows in it.
pub(crate) fn cost(steps: &[Step]) -> Cost {
    let class = steps.iter().map(|s| s.cost.class).max().unwrap_or_default();
    let rows = steps.iter().filter(|s| s.cost.class == class).map(|s| s.cost.rows).sum();
    Cost { class, rows }
}

/// Rows that steps of a lower class read besides: for indexes, while a table is written.
fn read_besides(plan: &Plan) -> u64 {
    plan.steps.iter().filter(|s| s.cost.class < plan.cost.class).map(|s| s.cost.rows).sum()
}

/// The proved plan of the lowest cost; ties go to Atlas. Never by measured time, so that it cannot flip between gate and boot.
pub(crate) fn choose(proved: Vec<Plan>) -> Option<(Plan, Vec<Proposal>)> {
    let order = |plan: &Plan| (plan.cost, read_besides(plan), plan.planner == Planner::Builtin);
    let mut plans = proved;
    plans.sort_by_key(order);
    let mut plans = plans.into_iter();
    let chosen = plans.next()?;
    let others: Vec<_> = plans.collect();
    let reason = match others.first() {
        None => "the only plan that was proved".to_owned(),
        Some(other) if other.cost == chosen.cost => match read_besides(other) - read_besides(&chosen) {
            0 => format!("as cheap as {}, and ties go to Atlas", other.planner),
            more => format!("as much written as by {}, which reads {} more", other.planner, plural(more)),
        },
        Some(other) => {
            format!("{}, where {} needs {}", chosen.cost, other.planner, other.cost)
        }
    };
    let mut proposals = vec![Proposal { planner: chosen.planner, verdict: Verdict::Chosen, reason }];
    proposals.extend(others.iter().map(|other| Proposal {
        planner: other.planner,
        verdict: Verdict::Proved,
        reason: other.cost.to_string(),
    }));
    Some((chosen, proposals))
}

/// A number of rows, in words.
pub(crate) fn plural(rows: u64) -> String {
    if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") }
}
