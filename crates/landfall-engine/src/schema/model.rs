//! A schema as a value.

use std::collections::BTreeSet;

use crate::token::{self, canonical_name};

/// One row of `sqlite_schema`, in its order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) table: String,
    pub(crate) sql: String,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Schema {
    pub(crate) tables: Vec<Table>,
    pub(crate) virtual_tables: Vec<VirtualTable>,
    pub(crate) indexes: Vec<Index>,
    pub(crate) views: Vec<View>,
    pub(crate) triggers: Vec<Trigger>,
    /// What the model was read from, without ignored and shadow tables and automatic indexes.
    pub(crate) rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) sql: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) primary_key: Option<Key>,
    /// The folded name of the INTEGER PRIMARY KEY column, which is the rowid.
    pub(crate) rowid_alias: Option<String>,
    pub(crate) autoincrement: bool,
    pub(crate) uniques: BTreeSet<Key>,
    pub(crate) checks: BTreeSet<String>,
    pub(crate) foreign_keys: BTreeSet<ForeignKey>,
    pub(crate) strict: bool,
    pub(crate) without_rowid: bool,
    /// The tokens as written, where the text could not be cut: then the rest is what the PRAGMAs tell.
    pub(crate) opaque: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The type in canonical spelling; empty when there is none.
    pub(crate) type_: String,
    /// `Some` with the ON CONFLICT word (empty for ABORT) when NULL is not allowed.
    pub(crate) not_null: Option<String>,
    pub(crate) default: Option<String>,
    /// Folded; `binary` when there is none.
    pub(crate) collation: String,
    pub(crate) generated: Option<Generated>,
    /// The definition as written, for ADD COLUMN.
    pub(crate) text: String,
    pub(crate) has_check: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Generated {
    pub(crate) expression: String,
    pub(crate) stored: bool,
}

/// A PRIMARY KEY or UNIQUE constraint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) columns: Vec<KeyColumn>,
    /// The ON CONFLICT word; empty for ABORT.
    pub(crate) conflict: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyColumn {
    /// A folded column name, or a canonical expression.
    pub(crate) expression: String,
    pub(crate) collation: String,
    pub(crate) descending: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ForeignKey {
    pub(crate) columns: Vec<String>,
    pub(crate) parent: String,
    /// Resolved to the parent's primary key where the text names none and the parent is known.
    pub(crate) parent_columns: Vec<String>,
    pub(crate) on_delete: String,
    pub(crate) on_update: String,
    pub(crate) match_: String,
    pub(crate) deferred: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) name: String,
    pub(crate) table: String,
    pub(crate) sql: String,
    pub(crate) unique: bool,
    pub(crate) columns: Vec<KeyColumn>,
    pub(crate) condition: Option<String>,
    pub(crate) opaque: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) name: String,
    pub(crate) sql: String,
    pub(crate) body: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trigger {
    pub(crate) name: String,
    pub(crate) table: String,
    pub(crate) sql: String,
    pub(crate) body: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VirtualTable {
    pub(crate) name: String,
    pub(crate) sql: String,
    pub(crate) body: String,
    /// The columns that can be read and written by name, hidden ones that hold values included.
    pub(crate) columns: Vec<String>,
    /// The table that its rows would be, were it an ordinary one; `None` where it keeps none that can be read back.
    pub(crate) rows: Option<Table>,
    /// What SQLite says that it lacks for it, such as "no such module: vec0": it can be neither made nor written.
    pub(crate) lacks: Option<String>,
    /// Nor read or dropped.
    pub(crate) is_foreign: bool,
}

/// How SQLite stores values in a column (<https://www.sqlite.org/datatype3.html>, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Affinity {
    Integer,
    Text,
    Blob,
    Real,
    Numeric,
}

impl Column {
    /// Determined by the five rules, or by the exact type in a STRICT table.
    pub(crate) fn affinity(&self, strict: bool) -> Affinity {
        let type_ = self.type_.as_str();
        let has = |part: &str| type_.contains(part);
        if strict && type_ == "any" {
            Affinity::Blob
        } else if has("int") {
            Affinity::Integer
        } else if has("char") || has("clob") || has("text") {
            Affinity::Text
        } else if has("blob") || type_.is_empty() {
            Affinity::Blob
        } else if has("real") || has("floa") || has("doub") {
            Affinity::Real
        } else {
            Affinity::Numeric
        }
    }
}

pub(crate) const ROWID_NAMES: [&str; 3] = ["rowid", "_rowid_", "oid"];

/// Whether a name means the rowid wherever no column is called so.
pub(crate) fn is_rowid_name(name: &str) -> bool {
    ROWID_NAMES.iter().any(|rowid| rowid.eq_ignore_ascii_case(name))
}

impl Column {
    /// The DEFAULT as an expression, wherever other columns are in scope.
    pub(crate) fn default_value(&self) -> Option<String> {
        Some(format!("({})", token::default_beside_columns(self.default.as_ref()?)))
    }
}

impl ForeignKey {
    /// Whether both demand the same parents, whatever they do when one goes.
    pub(crate) fn same_reference(&self, other: &Self) -> bool {
        (&self.columns, &self.parent, &self.parent_columns)
            == (&other.columns, &other.parent, &other.parent_columns)
    }
}

impl Table {
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name.eq_ignore_ascii_case(name))
    }

    fn columns_of(&self, key: &[KeyColumn]) -> Option<UniqueColumns> {
        let mut found = UniqueColumns { names: Vec::new(), compare_alike: true };
        for part in key {
            let column = self.columns.iter().find(|c| canonical_name(&c.name) == part.expression)?;
            found.names.push(column.name.clone());
            found.compare_alike &= column.collation == part.collation;
        }
        Some(found)
    }

    /// The names of the primary key's columns, in its order.
    pub(crate) fn key_columns(&self) -> Vec<String> {
        let parts = self.primary_key.iter().flat_map(|key| &key.columns);
        let column = |part: &KeyColumn| {
            self.columns.iter().find(|column| canonical_name(&column.name) == part.expression)
        };
        parts.filter_map(column).map(|column| column.name.clone()).collect()
    }

    /// A name under which the rowid can be read and written, unless columns hide all three or there is none.
    pub(crate) fn rowid_name(&self) -> Option<&'static str> {
        if self.without_rowid {
            return None;
        }
        ROWID_NAMES.into_iter().find(|name| self.column(name).is_none())
    }
}

impl Schema {
    pub(crate) fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|t| t.name.eq_ignore_ascii_case(name))
    }

    /// A table that keeps rows: an ordinary one, or a virtual one with rows of its own.
    pub(crate) fn base_table(&self, name: &str) -> Option<&Table> {
        self.table(name).or_else(|| self.virtual_table(name)?.rows.as_ref())
    }

    /// As [`Schema::base_table`], all of them.
    pub(crate) fn base_tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.iter().chain(self.virtual_tables.iter().filter_map(|table| table.rows.as_ref()))
    }

    pub(crate) fn virtual_table(&self, name: &str) -> Option<&VirtualTable> {
        self.virtual_tables.iter().find(|t| t.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn index(&self, name: &str) -> Option<&Index> {
        self.indexes.iter().find(|i| i.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn view(&self, name: &str) -> Option<&View> {
        self.views.iter().find(|v| v.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn trigger(&self, name: &str) -> Option<&Trigger> {
        self.triggers.iter().find(|t| t.name.eq_ignore_ascii_case(name))
    }

    /// Whether a table of this name is there, ordinary or virtual.
    pub(crate) fn has_table(&self, name: &str) -> bool {
        self.table(name).is_some() || self.virtual_table(name).is_some()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// What is UNIQUE in a declared table for all of its rows, where that is columns alone.
    pub(crate) fn unique_columns(&self, table: &Table) -> Vec<UniqueColumns> {
        let indexes = self.indexes.iter().filter(|index| {
            index.unique && index.condition.is_none() && index.table.eq_ignore_ascii_case(&table.name)
        });
        let keys = table.uniques.iter().map(|key| &key.columns).chain(indexes.map(|index| &index.columns));
        keys.filter_map(|key| table.columns_of(key)).collect()
    }
}

/// Columns that are UNIQUE together.
pub(crate) struct UniqueColumns {
    pub(crate) names: Vec<String>,
    /// Whether each compares there as it does in the table, where it may have another collation.
    pub(crate) compare_alike: bool,
}
