//! A plan as a value: steps, cost, hazards, fingerprint; and the choice among proposals.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ddl::{self, ObjectKind};
use crate::hazard::{Hazard, HazardName};
use crate::object::written;
use crate::token::{Token, tokenize};

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
    /// For a person: `create trigger orders_logged`, `rebuild customers`.
    #[serde(default)]
    pub label: String,
    /// What it costs.
    pub cost: Cost,
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
        let mut found: Vec<(&str, BTreeSet<&str>)> = Vec::new();
        for (step, (what, object)) in self.steps.iter().filter_map(|step| Some((step, step.change()?))) {
            // Of a table that is rebuilt or edited in several steps there is one change.
            let object = if object == Counted::Table { step.table.as_str() } else { step.sql.as_str() };
            match found.iter_mut().find(|(known, _)| *known == what) {
                Some((_, objects)) => drop(objects.insert(object)),
                None => found.push((what, BTreeSet::from([object]))),
            }
        }
        let parts: Vec<_> = found.iter().map(|(what, objects)| counted(objects.len(), what)).collect();
        let changes = found.iter().map(|(_, objects)| objects.len()).sum();
        format!("{}: {}", counted(changes, "changes"), parts.join(", "))
    }

    /// Whether Atlas's plan must be dearer: this one writes no table anew, and changes one as Atlas can only by doing so.
    pub(crate) fn outruns_atlas(&self) -> bool {
        self.planner == Planner::Builtin
            && self.cost.class < CostClass::Rewrite
            && self.steps.iter().any(Step::is_beyond_atlas)
    }
}

impl Step {
    /// A step whose label says what its statement does.
    #[must_use]
    pub fn new(kind: StepKind, table: &str, sql: String, cost: Cost) -> Self {
        let label = label(kind, table, &sql);
        Self { sql, kind, table: table.to_owned(), label, cost }
    }

    /// In words of which the first is a plural, and by what they are counted; `None` for bookkeeping.
    fn change(&self) -> Option<(&'static str, Counted)> {
        let tokens = tokenize(&self.sql).unwrap_or_default();
        let words = |at: usize, words: &[&str]| {
            words.iter().enumerate().all(|(i, word)| tokens.get(at + i).is_some_and(|t| t.is(word)))
        };
        let is_created = self.kind == StepKind::Create;
        let statement = match self.kind {
            StepKind::Metadata | StepKind::Check => return None,
            StepKind::Rebuild => return Some(("tables rebuilt", Counted::Table)),
            StepKind::Edit => return Some(("tables changed in place", Counted::Table)),
            StepKind::Insert => return Some(("tables given rows", Counted::Table)),
            StepKind::Update => return Some(("tables updated", Counted::Table)),
            StepKind::Alter if words(3, &["ADD", "COLUMN"]) => "columns added",
            StepKind::Alter if words(3, &["DROP", "COLUMN"]) => "columns dropped",
            StepKind::Alter if words(3, &["RENAME", "COLUMN"]) => "columns renamed",
            StepKind::Alter if words(3, &["RENAME", "TO"]) => "tables renamed",
            StepKind::Alter => return Some(("tables altered", Counted::Table)),
            StepKind::Create | StepKind::Drop if self.label.contains(" index ") => {
                if is_created {
                    "indexes created"
                } else {
                    "indexes dropped"
                }
            }
            StepKind::Create | StepKind::Drop if self.label.contains(" view ") => {
                if is_created {
                    "views created"
                } else {
                    "views dropped"
                }
            }
            StepKind::Create | StepKind::Drop if self.label.contains(" trigger ") => {
                if is_created {
                    "triggers created"
                } else {
                    "triggers dropped"
                }
            }
            StepKind::Create => "tables created",
            StepKind::Drop => "tables dropped",
        };
        Some((statement, Counted::Statement))
    }

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

/// What makes two steps one change.
#[derive(PartialEq, Eq)]
enum Counted {
    Table,
    Statement,
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

/// An object by its kind and name, where the statement makes or drops one; else what is done, and the table.
fn label(kind: StepKind, table: &str, sql: &str) -> String {
    let tokens = tokenize(sql).unwrap_or_default();
    let object = match kind {
        StepKind::Create | StepKind::Drop => created(&tokens).or_else(|| dropped(&tokens)),
        StepKind::Rebuild if is_index_command(&tokens) => Some(("fill", "full-text index", table.to_owned())),
        _ => None,
    };
    if let Some((verb, what, name)) = object {
        return format!("{verb} {what} {}", written(&name));
    }
    if table.is_empty() { kind.to_string() } else { format!("{kind} {}", written(table)) }
}

type Labelled = (&'static str, &'static str, String);

fn created(tokens: &[Token<'_>]) -> Option<Labelled> {
    let head = ddl::head(tokens)?;
    let what = match head.kind {
        ObjectKind::Table => "table",
        ObjectKind::Index => "index",
        ObjectKind::View => "view",
        ObjectKind::Trigger => "trigger",
        ObjectKind::VirtualTable => {
            let module = tokens.iter().skip_while(|token| !token.is("USING")).nth(1).map(Token::name);
            let is_full_text = module.is_some_and(|module| module.to_ascii_lowercase().starts_with("fts"));
            if is_full_text { "full-text table" } else { "virtual table" }
        }
    };
    Some(("create", what, head.name))
}

/// `DROP INDEX i`, with or without the schema's name.
fn dropped(tokens: &[Token<'_>]) -> Option<Labelled> {
    let words = ["TABLE", "INDEX", "VIEW", "TRIGGER"];
    let what = ["table", "index", "view", "trigger"];
    let at = words.iter().position(|word| tokens.get(1).is_some_and(|token| token.is(word)))?;
    let name = tokens.last().filter(|_| tokens[0].is("DROP"))?.name();
    Some(("drop", what[at], name))
}

/// `INSERT INTO f (f) VALUES ('rebuild')`
fn is_index_command(tokens: &[Token<'_>]) -> bool {
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.is(word));
    let name = |at: usize| tokens.get(at).map(Token::name);
    is(0, "INSERT") && is(1, "INTO") && name(2).is_some() && name(2) == name(4)
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
