//! A plan as a value: steps, cost, hazards, fingerprint; and the choice among proposals.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::hazard::{Hazard, HazardName};
use crate::operation::{Operation, StepKind, read};

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

/// One SQL statement of a plan. In JSON it is what a person sees of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Reported", into = "Reported")]
pub struct Step {
    /// The statement, without its semicolon.
    pub sql: String,
    /// What it does.
    pub operation: Operation,
    /// What it costs.
    pub cost: Cost,
}

/// A step in JSON: a contract between releases.
#[derive(Serialize, Deserialize)]
struct Reported {
    sql: String,
    kind: StepKind,
    table: String,
    #[serde(default)]
    label: String,
    cost: Cost,
}

impl From<Step> for Reported {
    fn from(step: Step) -> Self {
        let (kind, table, label) = (step.kind(), step.table().to_owned(), step.label());
        Self { sql: step.sql, kind, table, label, cost: step.cost }
    }
}

impl From<Reported> for Step {
    fn from(Reported { sql, kind, table, label: _, cost }: Reported) -> Self {
        Self { operation: read::reported(kind, &table, &sql), sql, cost }
    }
}

/// Nobody promises less, in seconds: one disk takes so much longer than the next to say that it has written.
pub(crate) const BELOW: f64 = 0.1;

/// How long a plan is going to take from BEGIN to COMMIT, on the machine that planned it.
///
/// Not in it: what a boot does besides (planning, the copy that is made first, stop and start). A rehearsal measures that, and on
/// the very data; where there was one, it knows better.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Expected, in seconds.
    pub seconds: f64,
    /// With the margin, in seconds: what it may take at best.
    pub low: f64,
    /// With the margin, in seconds: what it may take at worst.
    pub high: f64,
}

impl fmt::Display for Prediction {
    /// `predicted 1.4 s (0.5 to 4.2 s)`, `predicted below 0.1 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seconds, low, high } = *self;
        if high <= BELOW {
            return write!(f, "predicted below {BELOW} s");
        }
        let (unit, name) = match seconds {
            ..99.5 => (1.0, "s"),
            ..5_970.0 => (60.0, "min"),
            _ => (3_600.0, "h"),
        };
        let [seconds, low, high] = [seconds, low, high].map(|time| short(time / unit));
        write!(f, "predicted {seconds} {name} ({low} to {high} {name})")
    }
}

/// No more digits than a prediction has.
fn short(number: f64) -> String {
    let digits = match number {
        ..0.0995 => 2,
        ..9.95 => 1,
        _ => 0,
    };
    let text = format!("{number:.digits$}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
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

    /// What it does, counted: `200 changes: 150 columns added, 50 indexes created`.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut found: Vec<(&str, BTreeSet<[&str; 2]>)> = Vec::new();
        for (what, object) in self.steps.iter().filter_map(|step| change(&step.operation)) {
            match found.iter_mut().find(|(known, _)| *known == what) {
                Some((_, objects)) => drop(objects.insert(object)),
                None => found.push((what, BTreeSet::from([object]))),
            }
        }
        let parts: Vec<_> = found.iter().map(|(what, objects)| counted(objects.len(), what)).collect();
        let changes = found.iter().map(|(_, objects)| objects.len()).sum();
        format!("{}: {}", counted(changes, "changes"), parts.join(", "))
    }
}

impl Step {
    /// A statement that does this.
    #[must_use]
    pub fn new(operation: Operation, sql: String, cost: Cost) -> Self {
        Self { sql, operation, cost }
    }

    /// What it does, by its verb.
    #[must_use]
    pub fn kind(&self) -> StepKind {
        self.operation.kind()
    }

    /// The table (or view) it is about; empty for pragmas.
    #[must_use]
    pub fn table(&self) -> &str {
        self.operation.table()
    }

    /// For a person: `create trigger orders_logged`, `rebuild customers`.
    #[must_use]
    pub fn label(&self) -> String {
        self.operation.label()
    }
}

/// In words of which the first is a plural, and to what; `None` for bookkeeping. Of a table that is rebuilt or edited in several
/// steps there is one change.
fn change(operation: &Operation) -> Option<(&'static str, [&str; 2])> {
    use Operation as O;
    let table = operation.table();
    Some(match operation {
        O::CreateTable { .. } | O::CreateVirtualTable { .. } => ("tables created", [table, ""]),
        O::CreateIndex { index, .. } => ("indexes created", [table, index]),
        O::CreateView { .. } => ("views created", [table, ""]),
        O::CreateTrigger { trigger, .. } => ("triggers created", [table, trigger]),
        O::DropTable { .. } => ("tables dropped", [table, ""]),
        O::DropIndex { index, .. } => ("indexes dropped", [table, index]),
        O::DropView { .. } => ("views dropped", [table, ""]),
        O::DropTrigger { trigger, .. } => ("triggers dropped", [table, trigger]),
        O::RenameTable { from, .. } => ("tables renamed", [table, from]),
        O::TakePlace { of, .. } => ("tables renamed", [table, of]),
        O::RenameColumn { from, .. } => ("columns renamed", [table, from]),
        O::AddColumn { column, .. } => ("columns added", [table, column]),
        O::DropColumn { column, .. } => ("columns dropped", [table, column]),
        O::AlterConstraint { .. } => ("tables altered", [table, ""]),
        O::EditCatalogue { .. } => ("tables changed in place", [table, ""]),
        O::InsertRows { .. } => ("tables given rows", [table, ""]),
        O::UpdateRows { .. } => ("tables updated", [table, ""]),
        O::SetAside { .. }
        | O::CreateTarget { .. }
        | O::CopyRows { .. }
        | O::DropLeftover { .. }
        | O::CreateKeyIndex { .. }
        | O::DropKeyIndex { .. }
        | O::Reindex { .. }
        | O::FillIndex { .. } => ("tables rebuilt", [table, ""]),
        O::Check { .. } | O::EditSequence { .. } | O::Pragma | O::Foreign => return None,
    })
}

/// `1 column added`, of `columns added`.
fn counted(number: usize, what: &str) -> String {
    let (noun, rest) =
        what.split_once(' ').map_or((what, String::new()), |(noun, rest)| (noun, format!(" {rest}")));
    let one = || {
        noun.strip_suffix("indexes")
            .map_or_else(|| noun.trim_end_matches('s').to_owned(), |_| "index".to_owned())
    };
    let noun = if number == 1 { one() } else { noun.to_owned() };
    format!("{number} {noun}{rest}")
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
