//! What a step does and to what, as its planner says.

pub(crate) mod read;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::object::written;

/// What a step does, by its verb.
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

/// What a step does, and to which objects.
///
/// A planner claims it: what is shown, tuned and predicted goes by it. Nobody believes it about what a step touches: the proof,
/// SQLite's authorizer, and the counts and checksums before and after judge the statement itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are names of what the variant says")]
pub enum Operation {
    /// CREATE TABLE of a table that is new.
    CreateTable { table: String },
    /// CREATE VIRTUAL TABLE, and whether its module is one for text (FTS).
    CreateVirtualTable { table: String, full_text: bool },
    /// CREATE INDEX.
    CreateIndex { index: String, table: String },
    /// CREATE VIEW.
    CreateView { view: String },
    /// CREATE TRIGGER.
    CreateTrigger { trigger: String, table: String },
    /// DROP TABLE.
    DropTable { table: String },
    /// DROP INDEX.
    DropIndex { index: String, table: String },
    /// DROP VIEW.
    DropView { view: String },
    /// DROP TRIGGER.
    DropTrigger { trigger: String, table: String },
    /// ALTER TABLE … RENAME TO its declared name.
    RenameTable { from: String, to: String },
    /// ALTER TABLE … RENAME TO, by which a table that was filled takes the place of one that was dropped.
    TakePlace { table: String, of: String },
    /// ALTER TABLE … RENAME COLUMN.
    RenameColumn { table: String, from: String, to: String },
    /// ALTER TABLE … ADD COLUMN.
    AddColumn { table: String, column: String },
    /// ALTER TABLE … DROP COLUMN.
    DropColumn { table: String, column: String },
    /// ALTER TABLE of a constraint.
    AlterConstraint { table: String },
    /// A query that must find no row.
    Check { table: String },
    /// UPDATE of a row of `sqlite_schema`.
    EditCatalogue { table: String },
    /// INSERT of rows that `schema.sql` declares, or whose SELECT it declares.
    InsertRows { table: String },
    /// UPDATE of rows.
    UpdateRows { table: String },
    /// The table is renamed, so that another one can have its name and its rows.
    SetAside { table: String, aside: String },
    /// CREATE TABLE of the one that takes the rows of `table`.
    CreateTarget { table: String, target: String },
    /// INSERT of the rows of `table`.
    CopyRows { table: String, into: String },
    /// DROP TABLE of what is left once rows of `table` were copied.
    DropLeftover { table: String, leftover: String },
    /// CREATE INDEX of one that becomes a constraint's of `table`.
    CreateKeyIndex { index: String, table: String },
    /// DROP INDEX of one that was a constraint's of `table`.
    DropKeyIndex { index: String, table: String },
    /// REINDEX.
    Reindex { table: String },
    /// A full-text index over another table's rows is filled.
    FillIndex { table: String },
    /// Rows of `sqlite_sequence`, or the table itself.
    EditSequence { table: String },
    /// PRAGMA.
    Pragma,
    /// A statement that its planner does not explain.
    Foreign,
}

impl Operation {
    /// What it does, by its verb.
    #[must_use]
    pub fn kind(&self) -> StepKind {
        match self {
            Self::CreateTable { .. }
            | Self::CreateVirtualTable { .. }
            | Self::CreateIndex { .. }
            | Self::CreateView { .. }
            | Self::CreateTrigger { .. } => StepKind::Create,
            Self::DropTable { .. }
            | Self::DropIndex { .. }
            | Self::DropView { .. }
            | Self::DropTrigger { .. } => StepKind::Drop,
            Self::RenameTable { .. }
            | Self::TakePlace { .. }
            | Self::RenameColumn { .. }
            | Self::AddColumn { .. }
            | Self::DropColumn { .. }
            | Self::AlterConstraint { .. } => StepKind::Alter,
            Self::Check { .. } => StepKind::Check,
            Self::EditCatalogue { .. } => StepKind::Edit,
            Self::InsertRows { .. } => StepKind::Insert,
            Self::UpdateRows { .. } => StepKind::Update,
            Self::SetAside { .. }
            | Self::CreateTarget { .. }
            | Self::CopyRows { .. }
            | Self::DropLeftover { .. }
            | Self::CreateKeyIndex { .. }
            | Self::DropKeyIndex { .. }
            | Self::Reindex { .. }
            | Self::FillIndex { .. } => StepKind::Rebuild,
            Self::EditSequence { .. } | Self::Pragma | Self::Foreign => StepKind::Metadata,
        }
    }

    /// The table (or view) that it is about; empty where there is none.
    #[must_use]
    pub fn table(&self) -> &str {
        match self {
            Self::CreateTable { table }
            | Self::CreateVirtualTable { table, .. }
            | Self::CreateIndex { table, .. }
            | Self::CreateTrigger { table, .. }
            | Self::DropTable { table }
            | Self::DropIndex { table, .. }
            | Self::DropTrigger { table, .. }
            | Self::TakePlace { table, .. }
            | Self::RenameColumn { table, .. }
            | Self::AddColumn { table, .. }
            | Self::DropColumn { table, .. }
            | Self::AlterConstraint { table }
            | Self::Check { table }
            | Self::EditCatalogue { table }
            | Self::InsertRows { table }
            | Self::UpdateRows { table }
            | Self::SetAside { table, .. }
            | Self::CreateTarget { table, .. }
            | Self::CopyRows { table, .. }
            | Self::DropLeftover { table, .. }
            | Self::CreateKeyIndex { table, .. }
            | Self::DropKeyIndex { table, .. }
            | Self::Reindex { table }
            | Self::FillIndex { table }
            | Self::EditSequence { table } => table,
            Self::CreateView { view } | Self::DropView { view } => view,
            Self::RenameTable { to, .. } => to,
            Self::Pragma | Self::Foreign => "",
        }
    }

    /// For a person: `create trigger orders_logged`, `rebuild customers`.
    #[must_use]
    pub fn label(&self) -> String {
        let (what, name) = match self {
            Self::CreateTable { table } => ("create table", table),
            Self::CreateVirtualTable { table, full_text: true } => ("create full-text table", table),
            Self::CreateVirtualTable { table, full_text: false } => ("create virtual table", table),
            Self::CreateIndex { index, .. } => ("create index", index),
            Self::CreateView { view } => ("create view", view),
            Self::CreateTrigger { trigger, .. } => ("create trigger", trigger),
            Self::DropTable { table } => ("drop table", table),
            Self::DropIndex { index, .. } => ("drop index", index),
            Self::DropView { view } => ("drop view", view),
            Self::DropTrigger { trigger, .. } => ("drop trigger", trigger),
            Self::FillIndex { table } => ("fill full-text index", table),
            _ => return self.verb_and_table(),
        };
        format!("{what} {}", written(name))
    }

    fn verb_and_table(&self) -> String {
        let kind = self.kind();
        if self.table().is_empty() { kind.to_string() } else { format!("{kind} {}", written(self.table())) }
    }

    /// What it makes; else the table that it is about.
    pub(crate) fn object(&self) -> &str {
        match self {
            Self::CreateIndex { index, .. } | Self::CreateKeyIndex { index, .. } => index,
            Self::CreateTrigger { trigger, .. } => trigger,
            Self::CreateTarget { target, .. } => target,
            _ => self.table(),
        }
    }

    /// Whether it makes entries of an index for rows that are there: SQLite sorts them.
    pub(crate) fn sorts(&self) -> bool {
        matches!(self, Self::CreateIndex { .. } | Self::CreateKeyIndex { .. } | Self::Reindex { .. })
    }

    /// The table that it inserts rows into.
    pub(crate) fn inserts_into(&self) -> Option<&str> {
        match self {
            Self::CopyRows { into, .. } => Some(into),
            Self::InsertRows { table } => Some(table),
            _ => None,
        }
    }
}
