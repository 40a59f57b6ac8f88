//! The rows of a table, asked whether the declared table could hold them and would read the same.

use rusqlite::Connection;

use crate::affinity::Store;
use crate::carry::{self, Source, TableCarry};
use crate::difference::same_index;
use crate::hazard::{Hazard, HazardName};
use crate::loss::Search;
use crate::plan::plural;
use crate::schema::{Affinity, Column, KeyColumn, Table, hex};
use crate::token::{fold, quote, quote_text};
use crate::value::Value;

/// Rowids named in a hazard, at most.
const NAMED: usize = 5;

/// The rows of one table, seen as the declared table would hold them.
pub(crate) struct Rows<'r, 's> {
    pub(crate) search: &'r Search<'s>,
    pub(crate) conn: &'r Connection,
    pub(crate) table: &'r TableCarry,
    pub(crate) old: &'r Table,
    pub(crate) new: &'r Table,
}

impl Rows<'_, '_> {
    pub(crate) fn hazards(&self, found: &mut Vec<Hazard>) -> rusqlite::Result<()> {
        for column in &self.new.columns {
            match self.table.source_of(&column.name) {
                Some(source) => self.column(column, source, found)?,
                None => self.becomes_generated(column, found)?,
            }
        }
        self.checks(found)?;
        self.keys(found)?;
        self.foreign_keys(found)
    }

    fn column(&self, column: &Column, source: &Source, found: &mut Vec<Hazard>) -> rusqlite::Result<()> {
        let was = match source {
            Source::Default => return self.needs_backfill(column, found),
            Source::Column(name) => self.old.column(name),
            Source::Using { .. } => None,
        };
        let new_not_null = column.not_null.is_some() && was.is_none_or(|w| w.not_null.is_none());
        let is_rowid = self.new.rowid_alias.as_deref() == Some(fold(&column.name).as_str());
        if new_not_null && !is_rowid {
            self.nulls(column, source, found)?;
        }
        let was_rowid = was.is_some_and(|w| self.old.rowid_alias.as_deref() == Some(&fold(&w.name)));
        if let Some(was) = was.filter(|_| is_rowid && !was_rowid) {
            return self.not_integers(column, was, found);
        }
        if let Some(was) = was {
            let changes = was.affinity(self.old.strict) != column.affinity(self.new.strict);
            if changes || (self.new.strict && !self.old.strict) {
                self.conversions(column, was, found)?;
            }
        }
        Ok(())
    }

    fn needs_backfill(&self, column: &Column, found: &mut Vec<Hazard>) -> rusqlite::Result<()> {
        let null = column.default.as_deref().is_none_or(|d| d == "null");
        let alias = self.new.rowid_alias.as_deref() == Some(fold(&column.name).as_str());
        if column.not_null.is_none() || !null || alias {
            return Ok(());
        }
        let rows = self.search.count(&self.table.from)?.unwrap_or(0);
        if rows > 0 {
            let object = format!("{}.{}", self.new.name, column.name);
            let message = format!(
                "column {object} is NOT NULL without a default, and {} would have no value",
                plural(rows)
            );
            let remedy = format!(
                "on the line of {}, write `-- @using EXPRESSION` (over the old row), or give the column a DEFAULT",
                column.name
            );
            let hazard = Hazard::new(HazardName::NeedsBackfill, &object, message, remedy);
            found.push(Hazard { rows: Some(rows), ..hazard });
        }
        Ok(())
    }

    fn nulls(&self, column: &Column, source: &Source, found: &mut Vec<Hazard>) -> rusqlite::Result<()> {
        let Some(value) = source.sql() else { return Ok(()) };
        let object = format!("{}.{}", self.new.name, column.name);
        let remedy = format!(
            "on the line of {}, write `-- @using coalesce({}, …)`, or give those rows a value first",
            column.name,
            quote(&column.name)
        );
        self.violations(
            &object,
            &format!("{value} IS NULL"),
            "NULL where NOT NULL is declared",
            &remedy,
            found,
        )
    }

    fn checks(&self, found: &mut Vec<Hazard>) -> rusqlite::Result<()> {
        let fed = self.as_declared();
        for check in self.new.checks.difference(&self.old.checks) {
            let sql = format!("SELECT count(*) FROM {fed} WHERE NOT ({check})");
            // A CHECK over a generated column cannot be asked of the old rows: the transaction's own check then decides.
            let Ok(rows) = self.conn.query_row(&sql, [], |row| row.get::<_, u64>(0)) else { continue };
            if rows > 0 {
                let rowids = self.rowids_from(&format!("{fed} WHERE NOT ({check})"));
                found.push(self.violated(
                    &self.new.name,
                    &format!("CHECK ({check}) does not hold"),
                    rows,
                    rowids,
                ));
            }
        }
        Ok(())
    }

    /// The old rows under the declared names, as a subquery.
    fn as_declared(&self) -> String {
        let mut columns: Vec<_> = self
            .table
            .columns
            .iter()
            .map(|c| {
                let default = self.new.column(&c.to).and_then(|n| n.default.clone());
                let value =
                    c.source.sql().unwrap_or_else(|| default.map_or("NULL".to_owned(), |d| format!("({d})")));
                format!("{value} AS {}", quote(&c.to))
            })
            .collect();
        if let Some(rowid) = self.old.rowid_name() {
            columns.push(format!("{rowid} AS landfall_rowid"));
        }
        let fed = format!("(SELECT {} FROM {})", columns.join(", "), quote(&self.table.from));
        let generated = self.new.columns.iter().filter_map(|c| {
            let generated = c.generated.as_ref()?;
            Some(format!(", ({}) AS {}", generated.expression, quote(&c.name)))
        });
        format!("(SELECT *{} FROM {fed})", generated.collect::<String>())
    }

    fn rowids_from(&self, from: &str) -> Vec<i64> {
        let sql = format!("SELECT landfall_rowid FROM {from} LIMIT {NAMED}");
        let Ok(mut statement) = self.conn.prepare(&sql) else { return Vec::new() };
        statement
            .query_map([], |row| row.get(0))
            .map(|rows| rows.filter_map(rusqlite::Result::ok).collect())
            .unwrap_or_default()
    }

    fn violations(
        &self,
        object: &str,
        condition: &str,
        what: &str,
        remedy: &str,
        found: &mut Vec<Hazard>,
    ) -> rusqlite::Result<()> {
        let from = quote(&self.table.from);
        let sql = format!("SELECT count(*) FROM {from} WHERE {condition}");
        let rows: u64 = self.conn.query_row(&sql, [], |row| row.get(0))?;
        if rows == 0 {
            return Ok(());
        }
        let rowids = match self.old.rowid_name() {
            Some(rowid) => {
                self.rowids_from(&format!("(SELECT {rowid} AS landfall_rowid FROM {from} WHERE {condition})"))
            }
            None => Vec::new(),
        };
        let mut hazard = self.violated(object, what, rows, rowids);
        hazard.remedy = remedy.to_owned();
        found.push(hazard);
        Ok(())
    }

    fn violated(&self, object: &str, what: &str, rows: u64, rowids: Vec<i64>) -> Hazard {
        let which = if rowids.is_empty() {
            String::new()
        } else {
            let ids: Vec<_> = rowids.iter().map(ToString::to_string).collect();
            let more = if rows as usize > rowids.len() { ", …" } else { "" };
            format!(" (rowid {}{more})", ids.join(", "))
        };
        let message = format!("{what}, in {} of {}{which}", plural(rows), self.table.from);
        let remedy = "correct those rows first, or declare what they are".to_owned();
        Hazard {
            rowids,
            rows: Some(rows),
            ..Hazard::new(HazardName::ViolatedConstraint, object, message, remedy)
        }
    }

    /// New UNIQUE and PRIMARY KEY constraints and unique indexes, asked of the old rows.
    fn keys(&self, found: &mut Vec<Hazard>) -> rusqlite::Result<()> {
        let mut keys: Vec<(String, Vec<String>, Option<String>)> = Vec::new();
        let collated = |columns: &[KeyColumn]| -> Vec<String> {
            columns.iter().map(|c| format!("{} COLLATE {}", c.expression, quote(&c.collation))).collect()
        };
        let primary = self.new.primary_key.iter().filter(|k| self.old.primary_key.as_ref() != Some(*k));
        for key in primary.chain(self.new.uniques.difference(&self.old.uniques)) {
            keys.push((self.new.name.clone(), collated(&key.columns), None));
        }
        let indexes = self.search.declared.schema.indexes.iter();
        for index in indexes.filter(|i| i.unique && i.table.eq_ignore_ascii_case(&self.new.name)) {
            if self.search.live.index(&index.name).is_none_or(|old| !same_index(old, index)) {
                keys.push((index.name.clone(), collated(&index.columns), index.condition.clone()));
            }
        }
        keys.iter()
            .try_for_each(|(object, columns, condition)| self.duplicates(object, columns, condition, found))
    }

    fn duplicates(
        &self,
        object: &str,
        columns: &[String],
        condition: &Option<String>,
        found: &mut Vec<Hazard>,
    ) -> rusqlite::Result<()> {
        let fed = self.as_declared();
        let no_null: Vec<_> = columns.iter().map(|c| format!("({c}) IS NOT NULL")).collect();
        let condition = condition.as_ref().map_or_else(String::new, |c| format!(" AND ({c})"));
        let list = columns.join(", ");
        let where_ = format!("{}{condition}", no_null.join(" AND "));
        let sql = format!(
            "SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM {fed} WHERE {where_} GROUP BY {list} HAVING n > 1)"
        );
        // A key over a generated column cannot be asked of the old rows: the transaction's own check then decides.
        let Ok(rows) = self.conn.query_row(&sql, [], |row| row.get::<_, u64>(0)) else { return Ok(()) };
        if rows > 0 {
            let rowids = if self.old.rowid_name().is_some() {
                self.rowids_from(&format!(
                    "(SELECT max(landfall_rowid) AS landfall_rowid FROM {fed} WHERE {where_} GROUP BY {list} HAVING count(*) > 1)"
                ))
            } else {
                Vec::new()
            };
            let names: Vec<_> = columns.iter().map(|c| c.split(" COLLATE ").next().unwrap_or(c)).collect();
            found.push(self.violated(
                object,
                &format!("a repeated value where UNIQUE ({}) is declared", names.join(", ")),
                rows,
                rowids,
            ));
        }
        Ok(())
    }

    fn foreign_keys(&self, found: &mut Vec<Hazard>) -> rusqlite::Result<()> {
        let fed = self.as_declared();
        for key in self
            .new
            .foreign_keys
            .iter()
            .filter(|k| !carry::has_foreign_key(self.search.carry, self.table, self.old, k))
        {
            let no_null: Vec<_> = key.columns.iter().map(|c| format!("c.{} IS NOT NULL", quote(c))).collect();
            let has_parent = if self.search.carry.table_to(&key.parent).is_some() {
                let Some((parent, columns)) = carry::parent(self.search.carry, key) else { continue };
                let pairs = key.columns.iter().zip(&columns);
                let on: Vec<_> = pairs
                    .map(|(child, column)| format!("p.{} = c.{}", quote(column), quote(child)))
                    .collect();
                format!("EXISTS (SELECT 1 FROM {} AS p WHERE {})", quote(&parent), on.join(" AND "))
            } else {
                // The parent is new, so it is empty.
                "0".to_owned()
            };
            let from = format!("{fed} AS c WHERE {} AND NOT {has_parent}", no_null.join(" AND "));
            let sql = format!("SELECT count(*) FROM {from}");
            let Ok(rows) = self.conn.query_row(&sql, [], |row| row.get::<_, u64>(0)) else { continue };
            if rows > 0 {
                let rowids = self.rowids_from(&from);
                let what = format!("no row of {} for FOREIGN KEY ({})", key.parent, key.columns.join(", "));
                found.push(self.violated(&self.new.name, &what, rows, rowids));
            }
        }
        Ok(())
    }

    /// A plain column that becomes generated shows the expression's value from then on.
    fn becomes_generated(&self, column: &Column, found: &mut Vec<Hazard>) -> rusqlite::Result<()> {
        let Some(generated) = &column.generated else { return Ok(()) };
        if self.old.column(&column.name).is_none_or(|c| c.generated.is_some()) {
            return Ok(());
        }
        let name = quote(&column.name);
        let sql = format!(
            "SELECT count(*) FROM {} WHERE {name} IS NOT ({})",
            quote(&self.table.from),
            generated.expression
        );
        let rows = self.conn.query_row(&sql, [], |row| row.get::<_, u64>(0));
        // Where the expression cannot be asked of the old rows, all of them count.
        let rows = match rows {
            Ok(rows) => rows,
            Err(_) => self.search.count(&self.table.from)?.unwrap_or(0),
        };
        if rows > 0 {
            let object = format!("{}.{}", self.new.name, column.name);
            found.push(changes(
                &object,
                rows,
                Vec::new(),
                "would show its expression instead of what they hold",
                &[],
            ));
        }
        Ok(())
    }

    /// Rowid (NULL where there is none) and value of a live column, of every row.
    fn values_sql(&self, column: &Column) -> String {
        let rowid = self.old.rowid_name().unwrap_or("NULL");
        format!("SELECT {rowid}, {} FROM {}", quote(&column.name), quote(&self.table.from))
    }

    /// Only integers can be rowids, and a NULL would become a new one.
    fn not_integers(&self, column: &Column, was: &Column, found: &mut Vec<Hazard>) -> rusqlite::Result<()> {
        let mut statement = self.conn.prepare(&self.values_sql(was))?;
        let mut rows = statement.query([])?;
        let mut store = Store::default();
        let mut refused = Finding::default();
        while let Some(row) = rows.next()? {
            let stored = store.as_stored(row.get_ref(1)?, Affinity::Integer, |v| Value::from(v))?;
            if !matches!(stored, Value::Integer(_)) {
                refused.add(row.get(0)?, &stored);
            }
        }
        if refused.rows > 0 {
            let object = format!("{}.{}", self.new.name, column.name);
            let what = "no integer where INTEGER PRIMARY KEY is declared";
            found.push(self.violated(&object, what, refused.rows, refused.rowids));
        }
        Ok(())
    }

    /// Values that the declared affinity stores differently and that cannot be had back from what it stores.
    fn conversions(&self, column: &Column, was: &Column, found: &mut Vec<Hazard>) -> rusqlite::Result<()> {
        let mut statement = self.conn.prepare(&self.values_sql(was))?;
        let mut rows = statement.query([])?;
        let (mut there, mut back) = (Store::default(), Store::default());
        let (to, from) = (column.affinity(self.new.strict), was.affinity(self.old.strict));
        let mut changed = Finding::default();
        let mut refused = Finding::default();
        while let Some(row) = rows.next()? {
            let value = row.get_ref(1)?;
            let stored = there.as_stored(value, to, |v| Value::from(v))?;
            let returned = back.as_stored(stored.as_ref(), from, |v| Value::from(v))?;
            let rowid = row.get::<_, Option<i64>>(0)?;
            if self.new.strict && !fits_strict(&stored, to, column) {
                refused.add(rowid, &stored);
            } else if returned != Value::from(value) {
                changed.add(rowid, &Value::from(value));
            }
        }
        let object = format!("{}.{}", self.new.name, column.name);
        if refused.rows > 0 {
            let what =
                format!("a value of {} that a STRICT {} refuses", column.name, column.type_.to_uppercase());
            found.push(self.violated(&object, &what, refused.rows, refused.rowids));
        }
        if changed.rows > 0 {
            let values = if self.search.settings.show_values { changed.values } else { Vec::new() };
            let what = format!("would be stored differently as {}", column.type_.to_uppercase());
            found.push(changes(&object, changed.rows, changed.rowids, &what, &values));
        }
        Ok(())
    }
}

#[derive(Default)]
struct Finding {
    rows: u64,
    rowids: Vec<i64>,
    values: Vec<String>,
}

impl Finding {
    fn add(&mut self, rowid: Option<i64>, value: &Value) {
        self.rows += 1;
        if self.values.len() < NAMED {
            self.rowids.extend(rowid);
            self.values.push(literal(value));
        }
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

fn changes(object: &str, rows: u64, rowids: Vec<i64>, what: &str, values: &[String]) -> Hazard {
    let ids: Vec<_> = rowids.iter().map(ToString::to_string).collect();
    let more = if rows as usize > rowids.len() { ", …" } else { "" };
    let which = if ids.is_empty() { String::new() } else { format!(" (rowid {}{more})", ids.join(", ")) };
    let shown = if values.is_empty() { String::new() } else { format!(": {}", values.join(", ")) };
    let message = format!("{} of {object} {what}{which}{shown}", plural_values(rows));
    let remedy = format!(
        "write `-- @using EXPRESSION` on the column's line to say what they become, or approve CHANGES_VALUES:{object}"
    );
    Hazard { rowids, rows: Some(rows), ..Hazard::new(HazardName::ChangesValues, object, message, remedy) }
}

fn plural_values(rows: u64) -> String {
    if rows == 1 { "1 value".to_owned() } else { format!("{rows} values") }
}

/// What a STRICT column accepts after its conversion (<https://www.sqlite.org/stricttables.html>).
fn fits_strict(stored: &Value, affinity: Affinity, column: &Column) -> bool {
    if column.type_ == "any" {
        return true;
    }
    match stored {
        Value::Null => true,
        Value::Integer(_) => matches!(affinity, Affinity::Integer | Affinity::Real),
        Value::Real(_) => affinity == Affinity::Real,
        Value::Text(_) => affinity == Affinity::Text,
        Value::Blob(_) => affinity == Affinity::Blob,
    }
}
