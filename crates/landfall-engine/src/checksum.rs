//! An order-free checksum of rows: the sum of their hashes, over typed values as the columns that they go to store them.

use std::panic::AssertUnwindSafe;

use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use twox_hash::XxHash3_128;

use crate::affinity::Store;
use crate::schema::Affinity;
use crate::value::Value;

/// Arguments that a function takes in every SQLite, however it was compiled.
const ARGUMENTS: usize = 100;

const NAME: &str = "landfall_checksum";

/// What is read of each row: an expression, and what its value goes into the sum as.
pub(crate) type Column = (String, Seen);

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Seen {
    AsItIs,
    /// As a column of this affinity stores it.
    Stored(Affinity),
    /// As this value, whatever it is.
    As(Value),
}

/// A sum under way.
#[derive(Default)]
pub(crate) struct Checksum {
    pub(crate) rows: u64,
    pub(crate) sum: u128,
    store: Store,
    buffer: Vec<u8>,
}

impl Checksum {
    /// Of all rows of `table`, a name as SQL. SQLite hands them to a function, which is cheaper than to step from row to row.
    pub(crate) fn of(conn: &Connection, table: &str, columns: &[Column]) -> rusqlite::Result<Self> {
        let list: Vec<_> = columns.iter().map(|(expression, _)| expression.as_str()).collect();
        let list = list.join(", ");
        if columns.len() > ARGUMENTS {
            return Self::step_by_step(conn, &format!("SELECT {list} FROM {table}"), columns);
        }
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
        let seen = columns.iter().map(|(_, seen)| seen.clone()).collect();
        conn.create_aggregate_function(NAME, -1, flags, Function(seen))?;
        let sql = format!("SELECT count(*), {NAME}({list}) FROM {table}");
        let found = conn.query_row(&sql, [], |row| {
            let sum = u128::from_le_bytes(row.get(1)?);
            Ok(Self { rows: row.get(0)?, sum, ..Self::default() })
        });
        conn.remove_function(NAME, -1)?;
        found
    }

    fn step_by_step(conn: &Connection, sql: &str, columns: &[Column]) -> rusqlite::Result<Self> {
        let mut checksum = Self::default();
        let mut statement = conn.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            checksum.add(row, columns)?;
        }
        Ok(checksum)
    }

    /// Adds a row that these columns were read of, in this order.
    pub(crate) fn add(&mut self, row: &Row<'_>, columns: &[Column]) -> rusqlite::Result<()> {
        self.buffer.clear();
        for (at, (_, seen)) in columns.iter().enumerate() {
            self.push(row.get_ref(at)?, seen)?;
        }
        self.end_row();
        Ok(())
    }

    fn push(&mut self, value: ValueRef<'_>, seen: &Seen) -> rusqlite::Result<()> {
        let buffer = &mut self.buffer;
        match seen {
            Seen::AsItIs => push(value, buffer),
            Seen::Stored(affinity) => {
                self.store.as_stored(value, *affinity, |stored| push(stored, buffer))?;
            }
            Seen::As(value) => push(value.as_ref(), buffer),
        }
        Ok(())
    }

    fn end_row(&mut self) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(XxHash3_128::oneshot(&self.buffer));
    }
}

/// Type and bytes, and their number where the type does not tell it, so that no two rows of different values read the same.
fn push(value: ValueRef<'_>, buffer: &mut Vec<u8>) {
    let mut number = |tag: u8, bytes: [u8; 8]| {
        buffer.push(tag);
        buffer.extend_from_slice(&bytes);
    };
    match value {
        ValueRef::Null => buffer.push(0),
        ValueRef::Integer(i) => number(1, i.to_le_bytes()),
        ValueRef::Real(r) => number(2, r.to_bits().to_le_bytes()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            number(
                if matches!(value, ValueRef::Text(_)) { 3 } else { 4 },
                (bytes.len() as u64).to_le_bytes(),
            );
            buffer.extend_from_slice(bytes);
        }
    }
}

/// The checksum as an aggregate function of SQL, by what its arguments are seen as.
struct Function(Vec<Seen>);

/// After a panic nobody looks at it again.
type Sum = AssertUnwindSafe<Checksum>;

impl Aggregate<Sum, Vec<u8>> for Function {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Sum> {
        Ok(AssertUnwindSafe(Checksum::default()))
    }

    fn step(&self, context: &mut Context<'_>, sum: &mut Sum) -> rusqlite::Result<()> {
        sum.buffer.clear();
        for (at, seen) in self.0.iter().enumerate() {
            sum.push(context.get_raw(at), seen)?;
        }
        sum.end_row();
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sum: Option<Sum>) -> rusqlite::Result<Vec<u8>> {
        Ok(sum.map_or(0, |sum| sum.sum).to_le_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::*;

    fn columns(list: &[(&str, Seen)]) -> Vec<Column> {
        list.iter().map(|(expression, seen)| ((*expression).to_owned(), seen.clone())).collect()
    }

    fn of(sql: &str, list: &[Column]) -> (u64, u128) {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(sql).unwrap();
        let checksum = Checksum::of(&conn, "t", list).unwrap();
        let stepped: Vec<_> = list.iter().map(|(expression, _)| expression.as_str()).collect();
        let stepped = format!("SELECT {} FROM t", stepped.join(", "));
        let stepped = Checksum::step_by_step(&conn, &stepped, list).unwrap();
        assert_eq!((checksum.rows, checksum.sum), (stepped.rows, stepped.sum), "{sql}");
        assert!(conn.prepare("SELECT landfall_checksum(1)").is_err(), "the function stays on the connection");
        (checksum.rows, checksum.sum)
    }

    #[test]
    fn the_order_of_rows_does_not_matter_and_every_value_with_its_type_does() {
        let list = columns(&[("a", Seen::AsItIs), ("b", Seen::AsItIs)]);
        let sum = |values: &str| of(&format!("CREATE TABLE t (a, b); INSERT INTO t VALUES {values}"), &list);
        assert_eq!(sum("(1, 2), (3, 4)"), sum("(3, 4), (1, 2)"));
        let all = [
            "(1, 2)",
            "(2, 1)",
            "(1.0, 2)",
            "('1', 2)",
            "(x'31', 2)",
            "(NULL, 2)",
            "(2, NULL)",
            "('', NULL)",
            "(NULL, '')",
            "(x'', NULL)",
            "('ab', 'c')",
            "('a', 'bc')",
            "('a' || char(0), 'bc')",
            "(0.0, 0)",
            "(-0.0, 0)",
            "(1, 2), (1, 2)",
        ];
        let sums: std::collections::BTreeSet<_> = all.iter().map(|values| sum(values)).collect();
        assert_eq!(sums.len(), all.len());
    }

    #[test]
    fn values_are_seen_as_the_column_they_go_to_stores_them() {
        let as_integer = columns(&[("a", Seen::Stored(Affinity::Integer))]);
        let as_it_is = columns(&[("a", Seen::AsItIs)]);
        let text =
            of("CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('1'), ('0x1'), ('1e3'), (NULL)", &as_integer);
        let stored =
            of("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES ('1'), ('0x1'), ('1e3'), (NULL)", &as_it_is);
        assert_eq!(text, stored);
    }

    #[test]
    fn no_rows_and_more_columns_than_a_function_takes_have_checksums_too() {
        assert_eq!(of("CREATE TABLE t (a)", &columns(&[("a", Seen::AsItIs)])), (0, 0));
        let names: Vec<_> = (0..1_500).map(|number| format!("c{number}")).collect();
        let wide: Vec<Column> = names.iter().map(|name| (name.clone(), Seen::AsItIs)).collect();
        let sql = |value: i32| {
            format!("CREATE TABLE t ({}); INSERT INTO t (c1499) VALUES ({value})", names.join(", "))
        };
        assert_ne!(of(&sql(1), &wide), of(&sql(2), &wide));
    }

    #[test]
    fn an_error_among_the_rows_is_told() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1), (-9223372036854775808)").unwrap();
        assert!(Checksum::of(&conn, "t", &columns(&[("abs(a)", Seen::AsItIs)])).is_err());
    }
}
