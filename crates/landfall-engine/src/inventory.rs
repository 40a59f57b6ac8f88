//! What was there before a plan, accounted for afterwards: by SQLite's own counts and lists, and by what somebody approved.
//!
//! Neither the plan nor its planner is asked, nor what this crate knows of tables and columns: only the directives, which are a
//! person's word, the hazards that were found, and which tables SQLite wrote to ([`crate::observer`]).

use std::collections::{BTreeMap, BTreeSet, HashSet};

use rusqlite::Connection;

use crate::answer::or_refusal;
use crate::checksum::{Checksum, Seen};
use crate::declared::Declared;
use crate::failure::Failure;
use crate::hazard::{Hazard, HazardName};
use crate::object;
use crate::plan::plural;
use crate::schema::{ROWID_NAMES, matching_tables};
use crate::token::{fold, quote};
use crate::virtual_table::{self, Content};

/// What may go.
pub(crate) struct Terms<'t> {
    pub(crate) declared: &'t Declared,
    /// Of the plan: each was approved, or nothing is committed.
    pub(crate) hazards: &'t [Hazard],
}

/// The tables that may not be as they were.
#[derive(Debug)]
pub(crate) struct Inventory {
    /// With rows.
    held: Vec<Held>,
    /// Without any of their own, by folded name.
    empty: BTreeSet<String>,
}

#[derive(Debug)]
struct Held {
    name: String,
    columns: Vec<Field>,
    /// Where only an index over another table is declared: whether that table has every row of it, too.
    is_elsewhere: Option<bool>,
    /// `None` where no step was expected to write a row of it.
    counted: Option<Counted>,
}

/// A column, and the sum of its values where it is computed from now on.
#[derive(Debug)]
struct Field {
    name: String,
    sum: Option<u128>,
}

/// Rows, and the first and last rowid of a table that has any.
#[derive(Debug, PartialEq, Eq)]
struct Counted {
    rows: u64,
    rowids: Option<(i64, i64)>,
}

impl Inventory {
    /// Before the plan: every table with rows whose text `schema.sql` does not have, and those in `written`, which steps are expected
    /// to write. Names are folded.
    pub(crate) fn of(
        conn: &Connection,
        terms: &Terms<'_>,
        ignore: &[String],
        written: &BTreeSet<String>,
    ) -> rusqlite::Result<Self> {
        let mut inventory = Self { held: Vec::new(), empty: BTreeSet::new() };
        let declared = terms.declared.schema.rows.iter().filter(|row| row.kind == "table");
        let declared: HashSet<_> = declared.map(|row| (row.name.as_str(), row.sql.as_str())).collect();
        for (name, sql) in tables(conn, ignore)? {
            let expected = written.contains(&fold(&name));
            let may_change = expected || !declared.contains(&(name.as_str(), sql.as_str()));
            let is_index = virtual_table::shows_no_rows_of_its_own(&sql);
            if may_change && !is_index && has_rows(conn, &name)? {
                let counted = if expected { Some(Counted::of(conn, &name)?) } else { None };
                let columns = fields(conn, terms, &name)?;
                let is_elsewhere = is_elsewhere(conn, terms, &name, &columns)?;
                inventory.held.push(Held { name, columns, is_elsewhere, counted });
            } else if may_change || is_index {
                inventory.empty.insert(fold(&name));
            }
        }
        Ok(inventory)
    }

    /// After it, with the tables that SQLite wrote to.
    pub(crate) fn account(
        &self,
        conn: &Connection,
        terms: &Terms<'_>,
        written: &BTreeSet<String>,
    ) -> Result<(), Failure> {
        for held in &self.held {
            held.account(conn, terms, written.contains(&fold(&held.name)))?;
        }
        let is_known = |name: &String| {
            self.empty.contains(name) || self.held.iter().any(|held| fold(&held.name) == *name)
        };
        match written.iter().find(|name| !is_known(name) && !name.starts_with("sqlite_")) {
            None => Ok(()),
            Some(name) => Err(uncounted(name)),
        }
    }
}

fn uncounted(name: &str) -> Failure {
    lost(name, format!("would write rows of {name}, which nobody counted"))
}

impl Held {
    fn account(&self, conn: &Connection, terms: &Terms<'_>, written: bool) -> Result<(), Failure> {
        if terms.approve(HazardName::DropsTable, &object::written(&self.name)) {
            return Ok(());
        }
        let to = terms.table_after(conn, &self.name)?;
        let Some(to) = to else {
            return Err(lost(
                &self.name,
                format!("would drop table {} with its rows, which nobody approved", self.name),
            ));
        };
        match self.is_elsewhere {
            Some(true) => return Ok(()),
            Some(false) => {
                let clause = format!(
                    "would keep an index over another table and not the rows of {to}, which nobody approved"
                );
                return Err(lost(&to, clause));
            }
            None => {}
        }
        for field in &self.columns {
            field.account(conn, terms, &to)?;
        }
        match &self.counted {
            _ if !written => Ok(()),
            Some(before) => rows(conn, terms, &to, before),
            None => Err(uncounted(&self.name)),
        }
    }
}

fn rows(conn: &Connection, terms: &Terms<'_>, table: &str, before: &Counted) -> Result<(), Failure> {
    let after = Counted::of(conn, table)?;
    if after.rows < before.rows {
        let gone = before.rows - after.rows;
        return Err(lost(table, format!("would lose {gone} of the {} of {table}", plural(before.rows))));
    }
    let renumbered = matches!((before.rowids, after.rowids), (Some(was), Some(is)) if was != is);
    if renumbered
        && after.rows == before.rows
        && !terms.approve(HazardName::RenumbersRowids, &object::written(table))
    {
        return Err(lost(table, format!("would renumber the rowids of {table}, which nobody approved")));
    }
    Ok(())
}

impl Field {
    fn account(&self, conn: &Connection, terms: &Terms<'_>, table: &str) -> Result<(), Failure> {
        let name = terms.column_after(table, &self.name);
        let object = object::of_column(table, &name);
        let is_computed = match columns(conn, table)?.get(&fold(&name)) {
            None if terms.approve(HazardName::DropsColumn, &object) => return Ok(()),
            None => {
                let clause = format!("would drop column {object} with its values, which nobody approved");
                return Err(lost(&object, clause));
            }
            Some(is_computed) => *is_computed,
        };
        if !is_computed
            || terms.approve(HazardName::ChangesValues, &object)
            || self.sum == Some(sum(conn, table, &name)?)
        {
            return Ok(());
        }
        let clause = format!("would compute other values of {object} than it held, which nobody approved");
        Err(lost(&object, clause))
    }
}

impl Counted {
    fn of(conn: &Connection, table: &str) -> rusqlite::Result<Self> {
        let rows = conn.query_row(&format!("SELECT count(*) FROM {}", quote(table)), [], |row| row.get(0))?;
        let rowids = match rowid_name(conn, table)? {
            Some(rowid) => conn.query_row(
                &format!("SELECT min({rowid}), max({rowid}) FROM {}", quote(table)),
                [],
                |row| Ok(row.get::<_, Option<i64>>(0)?.zip(row.get::<_, Option<i64>>(1)?)),
            )?,
            None => None,
        };
        Ok(Self { rows, rowids })
    }
}

/// A name of the rowid that no column hides. A virtual table has none whose ends it finds without a look at every row.
fn rowid_name(conn: &Connection, table: &str) -> rusqlite::Result<Option<&'static str>> {
    let ordinary = "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND name = ?1 COLLATE NOCASE AND type <> 'virtual' AND NOT wr";
    let has_rowids: bool = conn.query_row(ordinary, [table], |row| row.get(0))?;
    let columns = columns(conn, table)?;
    let free = ROWID_NAMES.into_iter().find(|name| !columns.contains_key(*name));
    Ok(free.filter(|_| has_rowids))
}

impl Terms<'_> {
    /// By a hazard of that name, or by one whose approval is that of such a hazard.
    fn approve(&self, name: HazardName, object: &str) -> bool {
        let is_it = |hazard: &Hazard| hazard.name == name && object::same(&hazard.object, object);
        let stands_for_it = |hazard: &Hazard| hazard.approval.as_ref().is_some_and(|a| a.names(name, object));
        self.hazards.iter().any(|hazard| is_it(hazard) || stands_for_it(hazard))
    }

    /// The name that a table has afterwards; `None` where it is gone.
    fn table_after(&self, conn: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
        let there = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type <> 'view' AND name = ?1 COLLATE NOCASE";
        let mut statement = conn.prepare_cached(there)?;
        let mut found = None;
        for name in [name, self.declared_table(name)] {
            let mut rows = statement.query([name])?;
            found = rows.next()?.map(|row| row.get(0)).transpose()?.or(found);
        }
        Ok(found)
    }

    /// The name under which a table that was there is declared.
    fn declared_table<'n>(&'n self, name: &'n str) -> &'n str {
        let renamed = self.declared.directives.iter().find(|directive| directive.renames_table(name));
        renamed.map_or(name, |directive| &directive.table)
    }

    fn column_after(&self, table: &str, column: &str) -> String {
        let renamed = self.declared.directives.iter().find_map(|d| d.new_name_of(table, column));
        renamed.cloned().unwrap_or_else(|| column.to_owned())
    }
}

fn lost(object: &str, clause: String) -> Failure {
    Failure::Evidence { object: object.to_owned(), clause }
}

/// Name and text of every table, shadow tables left to theirs.
fn tables(conn: &Connection, ignore: &[String]) -> rusqlite::Result<Vec<(String, String)>> {
    let ignored = matching_tables(conn, &ignore.iter().collect::<Vec<_>>())?;
    let mut statement = conn.prepare(
        "SELECT s.name, s.sql FROM main.sqlite_schema AS s JOIN pragma_table_list AS l ON l.schema = 'main' AND l.name = s.name
         WHERE s.type = 'table' AND l.type IN ('table', 'virtual') AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )?;
    let found = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
    let mut found = found.collect::<rusqlite::Result<Vec<_>>>()?;
    found.retain(|(name, _)| !ignored.contains(name));
    Ok(found)
}

fn has_rows(conn: &Connection, name: &str) -> rusqlite::Result<bool> {
    conn.query_row(&format!("SELECT EXISTS (SELECT 1 FROM {})", quote(name)), [], |row| row.get(0))
}

/// Columns that hold values, each summed where the declared one is computed.
fn fields(conn: &Connection, terms: &Terms<'_>, table: &str) -> rusqlite::Result<Vec<Field>> {
    let to = terms.declared_table(table);
    let declared = terms.declared.schema.table(to);
    let is_computed = |name: &str| {
        let name = terms.column_after(to, name);
        declared.and_then(|table| table.column(&name)).is_some_and(|column| column.generated.is_some())
    };
    let held = columns(conn, table)?.into_iter().filter(|(_, is_computed)| !is_computed);
    let fields = held.map(|(name, _)| {
        let sum = is_computed(&name).then(|| sum(conn, table, &name)).transpose()?;
        Ok(Field { name, sum })
    });
    fields.collect()
}

/// Whether the table that a declared index is over has every row of the table that it replaces, under the same key.
fn is_elsewhere(
    conn: &Connection,
    terms: &Terms<'_>,
    table: &str,
    columns: &[Field],
) -> rusqlite::Result<Option<bool>> {
    let Some(index) = terms.declared.schema.virtual_table(table) else { return Ok(None) };
    let Content::In(content) = index.content() else { return Ok(None) };
    let columns: Vec<_> = columns.iter().map(|field| quote(&field.name)).collect();
    let columns = columns.join(", ");
    let sql = format!(
        "SELECT NOT EXISTS (SELECT rowid, {columns} FROM {} EXCEPT SELECT {}, {columns} FROM {})",
        quote(table),
        quote(&index.content_rowid()),
        quote(&content)
    );
    // A table that has no such columns has no such rows.
    match or_refusal(conn.prepare(&sql))? {
        Ok(mut statement) => statement.query_row([], |row| row.get(0)).map(Some),
        Err(_) => Ok(Some(false)),
    }
}

/// Columns with values by folded name, and whether they are computed. Hidden ones have none, but for the language of an FTS4 row.
fn columns(conn: &Connection, table: &str) -> rusqlite::Result<BTreeMap<String, bool>> {
    let text = "SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE";
    let sql: String = conn.query_row(text, [table], |row| row.get(0))?;
    let language = virtual_table::language(&sql);
    let mut statement = conn.prepare_cached("SELECT name, hidden FROM pragma_table_xinfo(?1, 'main')")?;
    let found =
        statement.query_map([table], |row| Ok((fold(&row.get::<_, String>(0)?), row.get::<_, i64>(1)?)))?;
    let found = found.collect::<rusqlite::Result<Vec<_>>>()?.into_iter();
    let holds = |(name, hidden): &(String, i64)| *hidden != 1 || language.as_ref() == Some(name);
    Ok(found.filter(holds).map(|(name, hidden)| (name, hidden > 1)).collect())
}

/// Of the values of a column, whole numbers alike whether they are INTEGER or REAL.
fn sum(conn: &Connection, table: &str, column: &str) -> rusqlite::Result<u128> {
    let name = quote(column);
    let whole = format!(
        "iif(typeof({name}) = 'real' AND {name} = CAST({name} AS INTEGER), CAST({name} AS INTEGER), {name})"
    );
    Ok(Checksum::of(conn, &quote(table), &[(whole, Seen::AsItIs)])?.sum)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod stripped;
