//! Whether a release can serve a database whose schema is another one than it declares.

use serde::Serialize;

use crate::difference::compare;
use crate::object;
use crate::report::{Difference, DifferenceKind};
use crate::schema::{Column, Schema};
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
///
/// A declared row that is missing may be what others refer to; one with other values is there, and whoever changed it meant that.
pub(crate) fn fit(live: &Schema, declared: &Schema, order: ColumnOrder, rows: Vec<Difference>) -> Fit {
    let differences = compare(live, declared, order).differences;
    let (mut extra, mut misfits): (Vec<_>, Vec<_>) =
        differences.into_iter().partition(|d| is_harmless(d, live, declared));
    let (missing, changed): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|difference| difference.kind == DifferenceKind::Missing);
    misfits.extend(missing);
    extra.extend(changed);
    Fit { extra, misfits }
}

fn is_harmless(difference: &Difference, live: &Schema, declared: &Schema) -> bool {
    if difference.kind != DifferenceKind::Extra {
        return false;
    }
    match object::names(&difference.object).as_slice() {
        // A constraint that a declared table has too much goes by the name of its table.
        [name] if declared.has_table(name) => false,
        [name] => {
            let index = live.index(name).is_some_and(|index| !index.unique);
            live.has_table(name) || index || live.view(name).is_some()
        }
        [table, column] => {
            live.table(table).and_then(|table| table.column(column)).is_some_and(may_be_left_out)
        }
        _ => false,
    }
}

/// Whether an INSERT that does not know the column goes through.
fn may_be_left_out(column: &Column) -> bool {
    let has_default = column.default.as_deref().is_some_and(|text| !text.eq_ignore_ascii_case("null"));
    column.not_null.is_none() || has_default
}
