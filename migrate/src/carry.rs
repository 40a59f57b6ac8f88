//! What has to persist: which live table and column feeds which declared one.

use crate::report::IdleDirective;
use crate::schema::{Column, ForeignKey, Table};
use crate::token::{fold, quote};

/// Every declared table that a live one feeds.
#[derive(Debug, Default)]
pub(crate) struct Carry {
    pub(crate) tables: Vec<TableCarry>,
    /// Directives that have acted, or have nothing to act on.
    pub(crate) idle: Vec<IdleDirective>,
}

#[derive(Debug)]
pub(crate) struct TableCarry {
    /// The live name.
    pub(crate) from: String,
    /// The declared name.
    pub(crate) to: String,
    /// One for each declared column that is not generated, in declared order.
    pub(crate) columns: Vec<ColumnCarry>,
    pub(crate) rowid: Rowid,
}

#[derive(Debug)]
pub(crate) struct ColumnCarry {
    /// The declared name.
    pub(crate) to: String,
    pub(crate) source: Source,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The value of this live column.
    Column(String),
    /// The value of this expression over the live row (`@using`), from this line of `schema.sql`.
    Using { expression: String, line: usize },
    /// The declared default.
    Default,
}

impl Source {
    /// As SQL over the live row.
    pub(crate) fn sql(&self) -> Option<String> {
        match self {
            Self::Column(name) => Some(quote(name)),
            Self::Using { expression, .. } => Some(format!("({expression})")),
            Self::Default => None,
        }
    }
}

/// What becomes of a table's rowids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rowid {
    /// Kept, as a column or implicitly: read and written under these names, as SQL.
    Kept { read: String, written: String },
    /// There is none before or after, or the INTEGER PRIMARY KEY column carries it.
    Elsewhere,
    /// There is one, and it cannot be kept.
    Renumbered,
}

impl Carry {
    pub(crate) fn table_to(&self, declared: &str) -> Option<&TableCarry> {
        self.tables.iter().find(|t| t.to.eq_ignore_ascii_case(declared))
    }

    pub(crate) fn table_from(&self, live: &str) -> Option<&TableCarry> {
        self.tables.iter().find(|t| t.from.eq_ignore_ascii_case(live))
    }
}

impl TableCarry {
    pub(crate) fn source_of(&self, declared: &str) -> Option<&Source> {
        self.columns.iter().find(|c| c.to.eq_ignore_ascii_case(declared)).map(|c| &c.source)
    }

    /// Whether the live table has every declared column already, under its name and computed as is declared: then its rows can
    /// be asked for whatever is declared of them.
    pub(crate) fn has_all(&self, old: &Table, new: &Table) -> bool {
        let computed =
            |column: &Column| old.column(&column.name).is_some_and(|was| was.generated == column.generated);
        self.keeps_names() && new.columns.iter().all(computed)
    }

    /// Whether whatever the live table has of the declared one has its name already, and the value that it is to have.
    pub(crate) fn keeps_names(&self) -> bool {
        let same = |column: &ColumnCarry| match &column.source {
            Source::Column(from) => from.eq_ignore_ascii_case(&column.to),
            Source::Default => true,
            Source::Using { .. } => false,
        };
        self.from.eq_ignore_ascii_case(&self.to) && self.columns.iter().all(same)
    }

    /// Whether a declared column has the values that it had, and compares as it did.
    pub(crate) fn keeps(&self, old: &Table, new: &Table, column: &str) -> bool {
        let Some(Source::Column(from)) = self.source_of(column) else { return false };
        let (Some(was), Some(is)) = (old.column(from), new.column(column)) else { return false };
        was.affinity(old.strict) == is.affinity(new.strict) && was.collation == is.collation
    }

    /// Whether the values of a live column go into a declared one as they are.
    pub(crate) fn feeds(&self, live: &str) -> bool {
        let is_it =
            |source: &Source| matches!(source, Source::Column(from) if from.eq_ignore_ascii_case(live));
        self.columns.iter().any(|column| is_it(&column.source))
    }

    /// Whether some value is computed by `@using`.
    pub(crate) fn computes(&self) -> bool {
        self.columns.iter().any(|c| matches!(c.source, Source::Using { .. }))
    }
}

/// Whether a live table already enforces a declared foreign key, whatever its actions and under whatever names its columns had.
pub(crate) fn has_foreign_key(carry: &Carry, table: &TableCarry, old: &Table, key: &ForeignKey) -> bool {
    let live_columns: Option<Vec<_>> = key
        .columns
        .iter()
        .map(|c| match table.source_of(c) {
            Some(Source::Column(name)) => Some(fold(name)),
            _ => None,
        })
        .collect();
    let Some((parent, parent_columns)) = parent(carry, key) else { return false };
    let parent_columns: Vec<_> = parent_columns.iter().map(|c| fold(c)).collect();
    live_columns.is_some_and(|columns| {
        old.foreign_keys.iter().any(|old| {
            old.columns == columns
                && old.parent.eq_ignore_ascii_case(&parent)
                && old.parent_columns == parent_columns
        })
    })
}

/// The live parent of a declared foreign key, and its live columns.
pub(crate) fn parent(carry: &Carry, key: &ForeignKey) -> Option<(String, Vec<String>)> {
    let parent = carry.table_to(&key.parent)?;
    let columns: Option<Vec<_>> = key
        .parent_columns
        .iter()
        .map(|c| match parent.source_of(c) {
            Some(Source::Column(name)) => Some(name.clone()),
            _ => None,
        })
        .collect();
    Some((parent.from.clone(), columns?)).filter(|(_, c)| c.len() == key.columns.len())
}
