//! Values that a column would store differently from now on: every row is read once, whatever the number of such columns.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::affinity::Store;
use crate::schema::{Affinity, Column, hex};
use crate::token::{quote, quote_text, shown};
use crate::value::Value;

/// Rowids and values named in a hazard, at most.
pub(crate) const NAMED: usize = 5;

/// A column of the declared table that is fed by one of the live table.
pub(crate) struct Conversion<'c> {
    pub(crate) column: &'c Column,
    pub(crate) was: &'c Column,
    pub(crate) target: Target,
    /// Values that the new column does not accept.
    pub(crate) refused: Finding,
    /// Values that cannot be had back from what the new column stores.
    pub(crate) changed: Finding,
}

/// What a value becomes a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// The rowid: only integers can be that, and a NULL would become a new one.
    Rowid,
    /// A column of another affinity, or of a table that is STRICT from now on.
    Column { from: Affinity, to: Affinity, strict: bool },
}

/// Rows that were found, and the first of them.
#[derive(Default)]
pub(crate) struct Finding {
    pub(crate) rows: u64,
    pub(crate) rowids: Vec<i64>,
    pub(crate) values: Vec<String>,
}

impl Finding {
    fn add(&mut self, rowid: Option<i64>, value: ValueRef<'_>) {
        self.rows += 1;
        if self.values.len() < NAMED {
            self.rowids.extend(rowid);
            self.values.push(literal(&value.into()));
        }
    }
}

/// Fills in what is found in the live table `table`; `rowid` is the name of its rowid, if it has one.
pub(crate) fn search(
    conn: &Connection,
    table: &str,
    rowid: Option<&str>,
    conversions: &mut [Conversion<'_>],
) -> rusqlite::Result<()> {
    if conversions.is_empty() {
        return Ok(());
    }
    let columns: Vec<_> = conversions.iter().map(|c| quote(&c.was.name)).collect();
    // NULL where there is no rowid.
    let sql = format!("SELECT {}, {} FROM {}", rowid.unwrap_or("NULL"), columns.join(", "), quote(table));
    let mut statement = conn.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut stores = (Store::default(), Store::default());
    while let Some(row) = rows.next()? {
        for (at, conversion) in conversions.iter_mut().enumerate() {
            let value = row.get_ref(at + 1)?;
            conversion.look(value, || row.get(0), &mut stores)?;
        }
    }
    Ok(())
}

impl Conversion<'_> {
    /// The condition on the live column that those values meet which the new one does not accept.
    ///
    /// Compared with a number, text is taken for one where it is one (<https://www.sqlite.org/datatype3.html#type_conversions_prior_to_comparison>).
    pub(crate) fn refused_where(&self) -> String {
        let value = shown(&self.was.name);
        let no_integer = format!("{value} <> CAST(CAST({value} AS NUMERIC) AS INTEGER)");
        match self.target {
            Target::Rowid => format!("{value} IS NULL OR {no_integer}"),
            Target::Column { to: Affinity::Integer, .. } => no_integer,
            Target::Column { to: Affinity::Text, .. } => format!("typeof({value}) = 'blob'"),
            Target::Column { to: Affinity::Blob, .. } => format!("typeof({value}) NOT IN ('blob', 'null')"),
            Target::Column { .. } => {
                format!(
                    "typeof({value}) = 'blob' OR (typeof({value}) = 'text' AND {value} <> CAST({value} AS NUMERIC))"
                )
            }
        }
    }

    fn look(
        &mut self,
        value: ValueRef<'_>,
        rowid: impl FnOnce() -> rusqlite::Result<Option<i64>>,
        (there, back): &mut (Store, Store),
    ) -> rusqlite::Result<()> {
        let Target::Column { from, to, strict } = self.target else {
            return there.as_stored(value, Affinity::Integer, |stored| {
                if !matches!(stored, ValueRef::Integer(_)) {
                    self.refused.add(rowid()?, stored);
                }
                Ok(())
            })?;
        };
        there.as_stored(value, to, |stored| {
            if strict && !fits_strict(stored, to, self.column) {
                self.refused.add(rowid()?, stored);
            } else if !back.as_stored(stored, from, |returned| returned == value)? {
                self.changed.add(rowid()?, value);
            }
            Ok(())
        })?
    }
}

/// What a STRICT column accepts after its conversion (<https://www.sqlite.org/stricttables.html>).
fn fits_strict(stored: ValueRef<'_>, affinity: Affinity, column: &Column) -> bool {
    if column.type_ == "any" {
        return true;
    }
    match stored {
        ValueRef::Null => true,
        ValueRef::Integer(_) => matches!(affinity, Affinity::Integer | Affinity::Real),
        ValueRef::Real(_) => affinity == Affinity::Real,
        ValueRef::Text(_) => affinity == Affinity::Text,
        ValueRef::Blob(_) => affinity == Affinity::Blob,
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(i) => i.to_string(),
        Value::Real(r) => format!("{r:?}"),
        Value::Text(t) => quote_text(&String::from_utf8_lossy(t)),
        Value::Blob(b) => format!("x'{}'", hex(b)),
    }
}
