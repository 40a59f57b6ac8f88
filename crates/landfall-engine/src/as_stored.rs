//! An expression over the columns of a declared table, asked of values as that table would store them: SQLite converts them by the
//! type of their column, and compares them by its type and collation.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use crate::answer::{or_one_of, or_refusal};
use crate::default::UNFIT;
use crate::schema::{Column, Table};
use crate::token::{fold, quote};
use crate::using::mentions;

/// A table of one row.
pub(crate) struct AsStored<'t> {
    conn: Connection,
    insert: String,
    ask: String,
    /// The columns that the expression needs; others get their DEFAULT.
    pub(crate) given: Vec<&'t Column>,
}

impl<'t> AsStored<'t> {
    /// `None` where SQLite refuses to ask this. `conn` has no table, and whatever a schema may call; `has_value` tells which columns get
    /// no DEFAULT.
    pub(crate) fn new(
        conn: Connection,
        table: &'t Table,
        expression: &str,
        has_value: impl Fn(&Column) -> bool,
    ) -> rusqlite::Result<Option<Self>> {
        let needed = needed(table, expression);
        let definitions: String = needed.iter().map(|column| format!(", {}", definition(column))).collect();
        let strict = if table.strict { " STRICT" } else { "" };
        let create = format!("CREATE TABLE trial (landfall_key INTEGER PRIMARY KEY{definitions}){strict}");
        let given: Vec<_> =
            needed.into_iter().filter(|column| column.generated.is_none() && has_value(column)).collect();
        let names: String = given.iter().map(|column| format!(", {}", quote(&column.name))).collect();
        let places: String = (1..=given.len()).map(|at| format!(", ?{at}")).collect();
        let insert = format!("INSERT OR REPLACE INTO trial (landfall_key{names}) VALUES (1{places})");
        let ask = format!("SELECT ({expression}) FROM trial");
        let refused =
            or_refusal(conn.execute_batch(&create))?.is_err() || or_refusal(conn.prepare(&ask))?.is_err();
        Ok((!refused).then_some(Self { conn, insert, ask, given }))
    }

    /// What the expression says of the values that begin at `first`; `None` where the table takes no such row.
    pub(crate) fn of(&self, row: &Row<'_>, first: usize) -> rusqlite::Result<Option<bool>> {
        let values = (first..first + self.given.len()).map(|at| row.get::<_, Value>(at));
        let values = values.collect::<rusqlite::Result<Vec<_>>>()?;
        let inserted = self.conn.prepare_cached(&self.insert)?.execute(params_from_iter(values));
        match or_one_of(inserted, &UNFIT)? {
            Ok(_) => self.conn.prepare_cached(&self.ask)?.query_row([], |row| row.get(0)),
            Err(_) => Ok(None),
        }
    }
}

/// The columns that an expression names, and those that they are computed from.
pub(crate) fn needed<'t>(table: &'t Table, expression: &str) -> Vec<&'t Column> {
    let mut needed: Vec<&Column> = Vec::new();
    let mut left = vec![expression];
    while let Some(expression) = left.pop() {
        for column in &table.columns {
            let is_new = !needed.iter().any(|known| fold(&known.name) == fold(&column.name));
            if is_new && mentions(expression, &column.name) {
                needed.push(column);
                left.extend(column.generated.as_ref().map(|generated| generated.expression.as_str()));
            }
        }
    }
    needed
}

fn definition(column: &Column) -> String {
    let value = match (&column.generated, &column.default) {
        (Some(generated), _) => format!(" AS ({})", generated.expression),
        (None, Some(default)) => format!(" DEFAULT ({default})"),
        (None, None) => String::new(),
    };
    format!("{} {} COLLATE {}{value}", quote(&column.name), column.type_, quote(&column.collation))
}
