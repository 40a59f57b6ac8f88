//! A row that `schema.sql` declares, as a value.

use crate::value::Value;

/// A row that `schema.sql` declares.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DeclaredRow {
    pub(crate) table: String,
    /// Each that the INSERT names.
    pub(crate) columns: Vec<Declaration>,
    /// Those of them by which the row is found again: the primary key, or else columns that are UNIQUE together.
    pub(crate) key: Vec<String>,
    /// From 1.
    pub(crate) line: usize,
}

/// What a column of a declared row is to hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Declaration {
    pub(crate) column: String,
    /// As it is written.
    pub(crate) literal: String,
    /// As the column stores it.
    pub(crate) value: Value,
}

impl DeclaredRow {
    pub(crate) fn value(&self, column: &str) -> Option<&Value> {
        self.columns.iter().find(|c| c.column.eq_ignore_ascii_case(column)).map(|c| &c.value)
    }

    pub(crate) fn key_values(&self) -> impl Iterator<Item = &Value> {
        self.key.iter().filter_map(|column| self.value(column))
    }
}
