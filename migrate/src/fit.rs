//! Whether a release can serve a database whose schema is another one than it declares.

use serde::Serialize;

use crate::difference::{Difference, DifferenceKind, compare};
use crate::schema::{Column, Schema, Table};
use crate::settings::ColumnOrder;

/// How a declared schema stands to a live one that is not going to be migrated.
#[derive(Debug, Clone, Serialize)]
pub struct Fit {
    /// What is there beyond the declared schema and stands in nobody's way.
    pub extra: Vec<Difference>,
    /// Why the release that declares this schema must not serve this database; empty when it fits.
    pub misfits: Vec<Difference>,
}

/// A declared schema *fits* a live one if all that it declares is there with the same meaning, and whatever is extra is
/// tables, views, non-unique indexes, or columns that are nullable or have a default.
pub(crate) fn fit(live: &Schema, declared: &Schema, order: ColumnOrder) -> Fit {
    let differences = compare(live, declared, order).differences;
    let (extra, misfits) = differences.into_iter().partition(|d| is_harmless(d, live, declared));
    Fit { extra, misfits }
}

fn is_harmless(difference: &Difference, live: &Schema, declared: &Schema) -> bool {
    let name = difference.object.as_str();
    // A constraint that a declared table has too much goes by the name of its table.
    let is_declared = declared.table(name).is_some() || declared.virtual_table(name).is_some();
    if difference.kind != DifferenceKind::Extra || is_declared {
        return false;
    }
    let table = live.table(name).is_some() || live.virtual_table(name).is_some();
    let index = live.index(name).is_some_and(|index| !index.unique);
    table || index || live.view(name).is_some() || column(live, name).is_some_and(may_be_left_out)
}

fn column<'s>(schema: &'s Schema, name: &str) -> Option<&'s Column> {
    let columns =
        schema.tables.iter().flat_map(|table| table.columns.iter().map(move |column| (table, column)));
    let named = |(table, column): &(&Table, &Column)| format!("{}.{}", table.name, column.name) == name;
    columns.into_iter().find(named).map(|(_, column)| column)
}

/// Whether an INSERT that does not know the column goes through.
fn may_be_left_out(column: &Column) -> bool {
    let has_default = column.default.as_deref().is_some_and(|text| !text.eq_ignore_ascii_case("null"));
    column.not_null.is_none() || has_default
}
