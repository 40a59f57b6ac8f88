//! The declared rows that a database lacks, or holds with other values; and the statements that bring them.
//!
//! A row is found by its key, in the live table that feeds the declared one. Rows that nobody declared are never looked at but
//! where a UNIQUE constraint would not let both be.

use std::collections::BTreeSet;

use rusqlite::{Connection, params_from_iter};

use crate::affinity::Store;
use crate::carry::{Carry, Rowid, Source, TableCarry};
use crate::declared::Declared;
use crate::declared::row::DeclaredRow;
use crate::hazard::{Hazard, HazardName};
use crate::object::written;
use crate::operation::Operation;
use crate::plan::{Cost, CostClass, Step, plural};
use crate::report::{Difference, DifferenceKind};
use crate::schema::{Schema, Table};
use crate::token::{fold, quote};
use crate::value::Value;
use crate::virtual_table::Content;

/// As many lines are named.
const NAMED: usize = 5;

/// A statement has an end: SQLite takes a million bytes by default (<https://www.sqlite.org/limits.html>).
const ROWS_A_STATEMENT: usize = 500;

/// What is still to be done for the declared rows.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Due<'d> {
    missing: Vec<&'d DeclaredRow>,
    changed: Vec<Changed<'d>>,
}

/// A declared row that is there with other values.
#[derive(Debug, PartialEq)]
struct Changed<'d> {
    row: &'d DeclaredRow,
    /// Columns that hold something else.
    columns: Vec<&'d str>,
    /// Whether one of those was there before this change: a column that is new holds nothing yet.
    loses: bool,
}

/// A declared table, and how its rows are read of the live one.
struct Reading<'r> {
    conn: &'r Connection,
    carry: &'r TableCarry,
    old: &'r Table,
    new: &'r Table,
}

impl<'d> Due<'d> {
    /// Compares the declared rows with those of a database; `None` is one that is not there yet.
    pub(crate) fn find(
        conn: Option<&Connection>,
        live: &Schema,
        declared: &'d Declared,
        carry: &Carry,
    ) -> rusqlite::Result<Self> {
        let mut due = Self::default();
        for row in &declared.rows {
            let table = conn.and_then(|conn| {
                let carry = carry.table_to(&row.table)?;
                let (old, new) = (live.base_table(&carry.from)?, declared.schema.table(&row.table)?);
                Some(Reading { conn, carry, old, new })
            });
            match table {
                None => due.missing.push(row),
                Some(table) => table.compare(row, &mut due)?,
            }
        }
        Ok(due)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.changed.is_empty()
    }

    /// Whether rows of this declared table are due.
    pub(crate) fn concerns(&self, table: &str) -> bool {
        self.rows().any(|row| row.table.eq_ignore_ascii_case(table))
    }

    fn rows(&self) -> impl Iterator<Item = &'d DeclaredRow> {
        self.missing.iter().copied().chain(self.changed.iter().map(|changed| changed.row))
    }

    /// The declared tables that rows are due of.
    pub(crate) fn tables(&self) -> BTreeSet<&'d str> {
        self.rows().map(|row| row.table.as_str()).collect()
    }

    /// How many rows of a table are to be inserted.
    pub(crate) fn inserted(&self, table: &str) -> u64 {
        self.missing.iter().filter(|row| row.table == table).count() as u64
    }

    /// Two a table at most: what is missing, and what differs.
    pub(crate) fn differences(&self) -> Vec<Difference> {
        let mut found = Vec::new();
        for table in self.tables() {
            let missing = lines(self.missing.iter().copied().filter(|row| row.table == table));
            if let Some((rows, lines)) = missing {
                let are = if rows == 1 { "is" } else { "are" };
                let message = format!("{} of {table} {are} missing: declared on {lines}", plural(rows));
                found.push(Difference { kind: DifferenceKind::Missing, object: written(table), message });
            }
            if let Some((what, _)) = self.differing(table, |_| true) {
                found.push(Difference {
                    kind: DifferenceKind::Changed,
                    object: written(table),
                    message: what,
                });
            }
        }
        found
    }

    /// A sentence about the rows of a table that hold other values, and how many these are.
    fn differing(&self, table: &str, which: impl Fn(&Changed<'_>) -> bool) -> Option<(String, u64)> {
        let of_table = |changed: &&Changed<'_>| changed.row.table == table && which(changed);
        let changed: Vec<_> = self.changed.iter().filter(of_table).collect();
        let (rows, lines) = lines(changed.iter().map(|changed| changed.row))?;
        let columns: BTreeSet<_> =
            changed.iter().flat_map(|changed| changed.columns.iter().copied()).collect();
        let columns: Vec<_> = columns.into_iter().collect();
        let differ = if rows == 1 { "differs" } else { "differ" };
        let what =
            format!("{} of {table} {differ} in {}: declared on {lines}", plural(rows), columns.join(", "));
        Some((what, rows))
    }

    /// What it would cost in data, and what cannot be.
    pub(crate) fn hazards(
        &self,
        conn: Option<&Connection>,
        live: &Schema,
        declared: &Declared,
        carry: &Carry,
    ) -> rusqlite::Result<Vec<Hazard>> {
        let mut found = Vec::new();
        for table in self.tables() {
            if let Some((what, rows)) = self.differing(table, |changed| changed.loses) {
                let object = written(table);
                let message = format!("{what}; the values that are there would go");
                let remedy = format!(
                    "declare the values that are there, or take the rows out of schema.sql, or approve CHANGES_VALUES:{object}"
                );
                let hazard = Hazard::new(HazardName::ChangesValues, &object, message, remedy);
                found.push(Hazard { rows: Some(rows), ..hazard });
            }
        }
        let Some(conn) = conn else { return Ok(found) };
        for row in self.rows() {
            let Some(carry) = carry.table_to(&row.table) else { continue };
            let tables = (live.base_table(&carry.from), declared.schema.table(&row.table));
            let (Some(old), Some(new)) = tables else { continue };
            let reading = Reading { conn, carry, old, new };
            for unique in declared.schema.unique_columns(new) {
                found.extend(reading.in_the_way(row, &unique.names)?);
            }
        }
        Ok(found)
    }

    /// The statements, in the order of `schema.sql`: an INSERT for rows that name the same columns, an UPDATE a row, and indexes over
    /// the table, which no trigger tells.
    pub(crate) fn steps(&self, declared: &Declared) -> Vec<Step> {
        let mut steps = Vec::new();
        let same = |one: &&DeclaredRow, other: &&DeclaredRow| {
            one.table == other.table && names(one).eq(names(other))
        };
        let groups = self.missing.chunk_by(same).flat_map(|rows| rows.chunks(ROWS_A_STATEMENT));
        steps.extend(groups.filter_map(insert));
        steps.extend(self.changed.iter().filter_map(update));
        for index in &declared.schema.virtual_tables {
            if let Content::In(content) = index.content()
                && self.concerns(&content)
            {
                let name = quote(&index.name);
                let sql = format!("INSERT INTO {name} ({name}) VALUES ('rebuild')");
                let cost = Cost { class: CostClass::Rewrite, rows: 0 };
                steps.push(Step::new(Operation::FillIndex { table: index.name.clone() }, sql, cost));
            }
        }
        steps
    }

    /// What finds the declared rows of a live table: for each, conditions with a place for each value, and the values.
    pub(crate) fn keys<'r>(
        declared: &'r Declared,
        carry: &'r TableCarry,
        new: &'r Table,
    ) -> impl Iterator<Item = (String, Vec<Value>)> + use<'r> {
        let rows = declared.rows.iter().filter(|row| row.table == new.name);
        rows.map(move |row| (condition(&key(carry, new, row), 1), row.key_values().cloned().collect()))
    }
}

fn names(row: &DeclaredRow) -> impl Iterator<Item = &str> {
    row.columns.iter().map(|declaration| declaration.column.as_str())
}

/// `line 3`, `lines 3, 4 and 2 more`; and how many.
fn lines<'r>(rows: impl Iterator<Item = &'r DeclaredRow>) -> Option<(u64, String)> {
    let lines: Vec<_> = rows.map(|row| row.line.to_string()).collect();
    let count = lines.len();
    let shown = match count {
        0 => return None,
        1 => format!("line {}", lines[0]),
        _ if count <= NAMED => format!("lines {} and {}", lines[..count - 1].join(", "), lines[count - 1]),
        _ => format!("lines {} and {} more", lines[..NAMED].join(", "), count - NAMED),
    };
    Some((count as u64, shown))
}

fn insert(rows: &[&DeclaredRow]) -> Option<Step> {
    let first = rows.first()?;
    let columns: Vec<_> = names(first).map(quote).collect();
    let values = rows.iter().map(|row| {
        let literals: Vec<_> = row.columns.iter().map(|c| c.literal.as_str()).collect();
        format!("({})", literals.join(", "))
    });
    let sql = format!(
        "INSERT OR ABORT INTO {} ({}) VALUES {}",
        quote(&first.table),
        columns.join(", "),
        values.collect::<Vec<_>>().join(", ")
    );
    Some(row_step(Operation::InsertRows { table: first.table.clone() }, sql, rows.len() as u64))
}

fn update(changed: &Changed<'_>) -> Option<Step> {
    let row = changed.row;
    let literal = |column: &str| row.columns.iter().find(|c| c.column.eq_ignore_ascii_case(column));
    let equal = |column: &str| Some(format!("{} = {}", quote(column), literal(column)?.literal));
    let set: Option<Vec<_>> = changed.columns.iter().map(|column| equal(column)).collect();
    let found: Option<Vec<_>> = row.key.iter().map(|column| equal(column)).collect();
    let sql = format!(
        "UPDATE OR ABORT {} SET {} WHERE {}",
        quote(&row.table),
        set?.join(", "),
        found?.join(" AND ")
    );
    Some(row_step(Operation::UpdateRows { table: row.table.clone() }, sql, 1))
}

fn row_step(operation: Operation, sql: String, rows: u64) -> Step {
    Step::new(operation, sql, Cost { class: CostClass::Constant, rows })
}

impl Reading<'_> {
    fn compare<'d>(&self, row: &'d DeclaredRow, due: &mut Due<'d>) -> rusqlite::Result<()> {
        let Some(live) = self.row(row)? else {
            due.missing.push(row);
            return Ok(());
        };
        let mut store = Store::default();
        let (mut columns, mut loses) = (Vec::new(), false);
        for (declaration, value) in row.columns.iter().zip(&live) {
            let Some(column) = self.new.column(&declaration.column) else { continue };
            // A key that compares alike is the same row, however it is spelt.
            if row.key.contains(&column.name) {
                continue;
            }
            let affinity = column.affinity(self.new.strict);
            let same = store
                .as_stored(value.as_ref(), affinity, |stored| Value::from(stored) == declaration.value)?;
            if !same {
                columns.push(declaration.column.as_str());
                loses |= self.carry.source_of(&column.name) != Some(&Source::Default);
            }
        }
        if !columns.is_empty() {
            due.changed.push(Changed { row, columns, loses });
        }
        Ok(())
    }

    /// The live row with the key of a declared one: a value for each of its columns.
    fn row(&self, row: &DeclaredRow) -> rusqlite::Result<Option<Vec<Value>>> {
        let sources: Vec<_> = names(row).map(|column| source(self.carry, self.new, column)).collect();
        let key = key(self.carry, self.new, row);
        let sql = format!(
            "SELECT {} FROM {} WHERE {}",
            sources.join(", "),
            quote(&self.old.name),
            condition(&key, 1)
        );
        let mut statement = self.conn.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(row.key_values()))?;
        let Some(found) = rows.next()? else { return Ok(None) };
        (0..sources.len()).map(|at| found.get(at)).collect::<rusqlite::Result<_>>().map(Some)
    }

    /// Another row with the values of a declared one in columns that are UNIQUE.
    fn in_the_way(&self, row: &DeclaredRow, columns: &[String]) -> rusqlite::Result<Option<Hazard>> {
        let values: Option<Vec<_>> =
            columns.iter().map(|column| row.value(column).filter(|value| **value != Value::Null)).collect();
        let stays = columns.iter().all(|column| self.carry.keeps(self.old, self.new, column));
        let Some(values) = values.filter(|_| stays) else { return Ok(None) };
        let key = key(self.carry, self.new, row);
        let sources: Vec<_> = columns.iter().map(|column| source(self.carry, self.new, column)).collect();
        let sql = format!(
            "SELECT count(*) FROM {} WHERE {} AND NOT ({})",
            quote(&self.old.name),
            condition(&sources, 1),
            condition(&key, sources.len() + 1)
        );
        let parameters = values.into_iter().chain(row.key_values());
        let rows: u64 =
            self.conn.prepare_cached(&sql)?.query_row(params_from_iter(parameters), |row| row.get(0))?;
        if rows == 0 {
            return Ok(None);
        }
        let (table, columns) = (&row.table, columns.join(", "));
        let message = format!(
            "the row of {table} that is declared on line {} cannot be there beside {} with the same {columns}, which is UNIQUE",
            row.line,
            plural(rows)
        );
        let remedy = format!(
            "declare the row that is there, by its own key, or change its {columns} first: {}",
            self.select(row, &columns)
        );
        let hazard = Hazard::new(HazardName::ViolatedConstraint, &written(table), message, remedy);
        Ok(Some(Hazard { rows: Some(rows), ..hazard }))
    }

    /// The SELECT that finds what is in the way; it has declared values in it alone.
    fn select(&self, row: &DeclaredRow, columns: &str) -> String {
        let conditions = columns.split(", ").filter_map(|column| {
            let declaration = row.columns.iter().find(|c| c.column.eq_ignore_ascii_case(column))?;
            Some(format!("{} = {}", source(self.carry, self.new, column), declaration.literal))
        });
        let conditions: Vec<_> = conditions.collect();
        format!("`SELECT * FROM {} WHERE {}`", quote(&self.old.name), conditions.join(" AND "))
    }
}

/// The value of a declared column over the live row, as SQL.
fn source(carry: &TableCarry, new: &Table, column: &str) -> String {
    let is_rowid = new.rowid_alias.as_deref() == Some(&fold(column));
    match (carry.source_of(column), &carry.rowid) {
        // An INTEGER PRIMARY KEY that is new is the rowid that was there.
        (Some(Source::Default) | None, Rowid::Kept { read, .. }) if is_rowid => read.clone(),
        (Some(source), _) if source.sql().is_some() => source.sql().unwrap_or_default(),
        _ => new
            .column(column)
            .and_then(|column| column.default.as_ref())
            .map_or_else(|| "NULL".to_owned(), |default| format!("({default})")),
    }
}

/// The key of a declared row over the live row.
fn key(carry: &TableCarry, new: &Table, row: &DeclaredRow) -> Vec<String> {
    row.key.iter().map(|column| source(carry, new, column)).collect()
}

/// Each is equal to a parameter, numbered from `first`.
fn condition(expressions: &[String], first: usize) -> String {
    let conditions =
        (first..).zip(expressions).map(|(number, expression)| format!("{expression} = ?{number}"));
    conditions.collect::<Vec<_>>().join(" AND ")
}
