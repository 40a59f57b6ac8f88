//! What has to persist: which live table and column feeds which declared one.

use crate::report::IdleDirective;
use crate::schema::{Column, ForeignKey, Schema, Table};
use crate::token::{fold, quote, shown};

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

    /// As SQL over the live row, for a person.
    pub(crate) fn shown(&self) -> Option<String> {
        match self {
            Self::Column(name) => Some(shown(name)),
            Self::Using { .. } | Self::Default => self.sql(),
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

/// The foreign key of a live table that a declared one was, whatever its actions and under whatever names its columns had.
pub(crate) fn live_foreign_key<'s>(
    carry: &Carry,
    live: &Schema,
    table: &TableCarry,
    old: &'s Table,
    key: &ForeignKey,
) -> Option<&'s ForeignKey> {
    let live_column = |column: &String| match table.source_of(column) {
        Some(Source::Column(name)) => Some(fold(name)),
        _ => None,
    };
    let columns: Vec<_> = key.columns.iter().map(live_column).collect::<Option<_>>()?;
    let of_columns = old.foreign_keys.iter().filter(|old| old.columns == columns);
    let (parent, parent_columns) = match parent(carry, key) {
        Some(parent) => parent,
        // A table that was not there before, or is not any more, has no other name.
        None if carry.table_to(&key.parent).is_none() && carry.table_from(&key.parent).is_none() => {
            (key.parent.clone(), key.parent_columns.clone())
        }
        None => return None,
    };
    let parent_columns: Vec<_> = parent_columns.iter().map(|column| fold(column)).collect();
    let is_it = |old: &&ForeignKey| {
        // Of a parent that is not there, or not any more, nobody knows which columns are meant where none are named.
        let unnamed =
            parent_columns.is_empty() || old.parent_columns.is_empty() && !live.has_table(&old.parent);
        old.parent.eq_ignore_ascii_case(&parent) && (old.parent_columns == parent_columns || unnamed)
    };
    of_columns.into_iter().find(is_it)
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
