//! What a change would cost in data: from the schemas what goes, from the rows what would not fit or would read differently.
//!
//! Reads only. Called before planning, and again inside the transaction that applies.

use rusqlite::Connection;

use crate::carry::{Carry, Rowid, Source, TableCarry};
use crate::declared::Declared;
use crate::directive::Action;
use crate::evidence::Store;
use crate::hazard::{ApprovedBy, Hazard, HazardName};
use crate::plan::plural;
use crate::schema::{Affinity, Column, Schema, Table};
use crate::settings::Settings;
use crate::token::quote;
use crate::value::Value;
use crate::virtual_table::Content;

/// Rowids named in a hazard, at most.
const NAMED: usize = 5;

/// Everything a search for hazards looks at.
pub(crate) struct Search<'s> {
    /// `None` when there is no database yet, so no rows.
    pub(crate) conn: Option<&'s Connection>,
    pub(crate) live: &'s Schema,
    pub(crate) declared: &'s Declared,
    pub(crate) carry: &'s Carry,
    pub(crate) settings: &'s Settings,
}

impl Search<'_> {
    /// Every hazard that follows from live and declared schema, whoever plans.
    pub(crate) fn hazards(&self) -> rusqlite::Result<Vec<Hazard>> {
        let mut found = Vec::new();
        self.dropped_tables(&mut found)?;
        self.lost_entries(&mut found)?;
        for table in &self.carry.tables {
            let old = self.live.table(&table.from);
            let new = self.declared.schema.table(&table.to);
            let (Some(old), Some(new)) = (old, new) else { continue };
            self.dropped_columns(table, old, new, &mut found);
            self.lost_rowids(table, &mut found);
            if let Some(conn) = self.conn {
                Rows { search: self, conn, table, old, new }.hazards(&mut found)?;
            }
        }
        for hazard in &mut found {
            self.approve(hazard);
        }
        Ok(found)
    }

    fn approve(&self, hazard: &mut Hazard) {
        let by_caller = self.settings.allow.iter().any(|a| a.covers(hazard.name, &hazard.object));
        if hazard.approved.is_none() && hazard.name.is_approvable() && by_caller {
            hazard.approved = Some(ApprovedBy::Caller);
        }
    }

    fn dropped_tables(&self, found: &mut Vec<Hazard>) -> rusqlite::Result<()> {
        let tables = self.live.tables.iter().map(|t| &t.name);
        let virtual_tables = self.live.virtual_tables.iter().map(|t| &t.name);
        for name in tables.chain(virtual_tables) {
            let kept =
                self.carry.table_from(name).is_some() || self.declared.schema.virtual_table(name).is_some();
            if kept {
                continue;
            }
            let rows = self.count(name)?;
            let approved = self.declared.directives.iter().any(
                |d| matches!(&d.action, Action::DroppedTable { name: n } if n.eq_ignore_ascii_case(name)),
            );
            let approved = approved.then_some(ApprovedBy::Schema);
            found.push(hazard(
                HazardName::DropsTable,
                name,
                format!("table {name} would be dropped{}", with_rows(rows)),
                format!("write `-- @dropped table {name}` in schema.sql, or approve DROPS_TABLE:{name}"),
                rows,
                approved,
            ));
            if approved.is_none() {
                self.table_like(name, found);
            }
        }
        Ok(())
    }

    fn count(&self, table: &str) -> rusqlite::Result<Option<u64>> {
        let Some(conn) = self.conn else { return Ok(None) };
        conn.query_row(&format!("SELECT count(*) FROM {}", quote(table)), [], |row| row.get(0)).map(Some)
    }

    /// A virtual table that is made anew, and whose entries cannot be read back.
    fn lost_entries(&self, found: &mut Vec<Hazard>) -> rusqlite::Result<()> {
        for new in &self.declared.schema.virtual_tables {
            let Some(old) = self.live.virtual_table(&new.name).filter(|old| old.body != new.body) else {
                continue;
            };
            let carried = self.carry.table_to(&new.name).is_some() || matches!(new.content(), Content::In(_));
            if carried && !matches!(old.content(), Content::Nowhere | Content::Unknown) {
                continue;
            }
            let (name, rows) = (&new.name, self.count(&new.name)?);
            found.push(hazard(
                HazardName::DropsTable,
                name,
                format!("virtual table {name} would be made anew without its entries{}", with_rows(rows)),
                format!("if they can be put in again afterwards, approve DROPS_TABLE:{name}"),
                rows,
                None,
            ));
        }
        Ok(())
    }

    /// A dropped table and a new one with the same columns, or nearly the same name.
    fn table_like(&self, dropped: &str, found: &mut Vec<Hazard>) {
        let Some(old) = self.live.table(dropped) else { return };
        let new = self.declared.schema.tables.iter().filter(|t| self.carry.table_to(&t.name).is_none());
        let names = |t: &Table| t.columns.iter().map(|c| crate::token::fold(&c.name)).collect::<Vec<_>>();
        let like = new.into_iter().find(|t| names(t) == names(old) || near(&t.name, &old.name));
        if let Some(like) = like {
            found.push(hazard(
                HazardName::LooksLikeRename,
                dropped,
                format!("table {dropped} goes and table {} comes: its rows would be lost if that is a rename", like.name),
                format!(
                    "on the line before CREATE TABLE {}, write `-- @renamed from={dropped}`; if it is no rename, write `-- @dropped table {dropped}`",
                    like.name
                ),
                None,
                None,
            ));
        }
    }

    fn dropped_columns(&self, table: &TableCarry, old: &Table, new: &Table, found: &mut Vec<Hazard>) {
        for column in &old.columns {
            let generated = column.generated.is_some();
            if generated || table.keeps(&column.name) || self.is_renamed_away(new, &column.name) {
                continue;
            }
            let name = format!("{}.{}", new.name, column.name);
            if new.column(&column.name).is_some() {
                // Computed from now on, by `@using` or as a generated column: a matter of values, not of the column.
                continue;
            }
            let approved = self.is_dropped_by_directive(new, &column.name).then_some(ApprovedBy::Schema);
            found.push(hazard(
                HazardName::DropsColumn,
                &name,
                format!("column {name} would be dropped with its values"),
                format!(
                    "write `-- @dropped {}` inside CREATE TABLE {}, or approve DROPS_COLUMN:{name}",
                    column.name, new.name
                ),
                None,
                approved,
            ));
            if approved.is_none() {
                column_like(table, old, new, column, found);
            }
        }
    }

    fn is_dropped_by_directive(&self, table: &Table, column: &str) -> bool {
        self.declared.directives.iter().any(|d| {
            d.table.eq_ignore_ascii_case(&table.name)
                && matches!(&d.action, Action::DroppedColumn { name } if name.eq_ignore_ascii_case(column))
        })
    }

    /// Named by `@renamed`, and its value then computed by `@using`.
    fn is_renamed_away(&self, table: &Table, column: &str) -> bool {
        self.declared.directives.iter().any(|d| {
            d.column.is_some()
                && d.table.eq_ignore_ascii_case(&table.name)
                && matches!(&d.action, Action::Renamed { from } if from.eq_ignore_ascii_case(column))
        })
    }

    fn lost_rowids(&self, table: &TableCarry, found: &mut Vec<Hazard>) {
        if table.rowid != Rowid::Renumbered {
            return;
        }
        let name = &table.to;
        found.push(hazard(
            HazardName::RenumbersRowids,
            name,
            format!("the rowids of table {name} cannot be kept"),
            format!("if nothing refers to them, approve RENUMBERS_ROWIDS:{name}"),
            None,
            None,
        ));
    }
}

fn hazard(
    name: HazardName,
    object: &str,
    message: String,
    remedy: String,
    rows: Option<u64>,
    approved: Option<ApprovedBy>,
) -> Hazard {
    Hazard { name, object: object.to_owned(), message, remedy, rows, rowids: Vec::new(), approved }
}

fn with_rows(rows: Option<u64>) -> String {
    rows.map_or_else(String::new, |n| format!(" with its {}", plural(n)))
}

/// A dropped column and an added one of the same type and constraints, or with nearly the same name.
fn column_like(table: &TableCarry, old: &Table, new: &Table, dropped: &Column, found: &mut Vec<Hazard>) {
    let added = table.columns.iter().filter(|c| c.source == Source::Default && old.column(&c.to).is_none());
    let like = added.filter_map(|c| new.column(&c.to)).find(|c| {
        let same = c.type_ == dropped.type_
            && c.not_null == dropped.not_null
            && c.default == dropped.default
            && c.collation == dropped.collation;
        same || near(&c.name, &dropped.name)
    });
    let Some(like) = like else { return };
    let (name, dropped) = (format!("{}.{}", new.name, dropped.name), &dropped.name);
    found.push(hazard(
        HazardName::LooksLikeRename,
        &name,
        format!("column {name} goes and {} comes: its values would be lost if that is a rename", like.name),
        format!(
            "on the line of {}, write `-- @renamed from={dropped}`; if it is no rename, write `-- @dropped {dropped}` inside CREATE TABLE {}",
            like.name, new.name
        ),
        None,
        None,
    ));
}

/// A third of the longer name may differ.
fn near(a: &str, b: &str) -> bool {
    let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
    strsim::osa_distance(&a, &b) * 3 <= a.chars().count().max(b.chars().count())
}

/// The rows of one table, seen as the declared table would hold them.
struct Rows<'r, 's> {
    search: &'r Search<'s>,
    conn: &'r Connection,
    table: &'r TableCarry,
    old: &'r Table,
    new: &'r Table,
}

impl Rows<'_, '_> {
    fn hazards(&self, found: &mut Vec<Hazard>) -> rusqlite::Result<()> {
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
        let is_rowid = self.new.rowid_alias.as_deref() == Some(crate::token::fold(&column.name).as_str());
        if new_not_null && !is_rowid {
            self.nulls(column, source, found)?;
        }
        let was_rowid =
            was.is_some_and(|w| self.old.rowid_alias.as_deref() == Some(&crate::token::fold(&w.name)));
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
        let alias = self.new.rowid_alias.as_deref() == Some(crate::token::fold(&column.name).as_str());
        if column.not_null.is_none() || !null || alias {
            return Ok(());
        }
        let rows = self.search.count(&self.table.from)?.unwrap_or(0);
        if rows > 0 {
            let object = format!("{}.{}", self.new.name, column.name);
            found.push(hazard(
                HazardName::NeedsBackfill,
                &object,
                format!("column {object} is NOT NULL without a default, and {} would have no value", plural(rows)),
                format!("on the line of {}, write `-- @using EXPRESSION` (over the old row), or give the column a DEFAULT", column.name),
                Some(rows),
                None,
            ));
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
        Hazard { rowids, ..hazard(HazardName::ViolatedConstraint, object, message, remedy, Some(rows), None) }
    }

    /// New UNIQUE and PRIMARY KEY constraints and unique indexes, asked of the old rows.
    fn keys(&self, found: &mut Vec<Hazard>) -> rusqlite::Result<()> {
        let mut keys: Vec<(String, Vec<String>, Option<String>)> = Vec::new();
        let collated = |columns: &[crate::schema::KeyColumn]| -> Vec<String> {
            columns.iter().map(|c| format!("{} COLLATE {}", c.expression, quote(&c.collation))).collect()
        };
        let primary = self.new.primary_key.iter().filter(|k| self.old.primary_key.as_ref() != Some(*k));
        for key in primary.chain(self.new.uniques.difference(&self.old.uniques)) {
            keys.push((self.new.name.clone(), collated(&key.columns), None));
        }
        let indexes = self.search.declared.schema.indexes.iter();
        for index in indexes.filter(|i| i.unique && i.table.eq_ignore_ascii_case(&self.new.name)) {
            if self
                .search
                .live
                .index(&index.name)
                .is_none_or(|old| !crate::difference::same_index(old, index))
            {
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
        for key in self.new.foreign_keys.iter().filter(|k| !self.has_foreign_key(k)) {
            let no_null: Vec<_> = key.columns.iter().map(|c| format!("c.{} IS NOT NULL", quote(c))).collect();
            let has_parent = if self.search.carry.table_to(&key.parent).is_some() {
                let Some((parent, columns)) = self.parent(key) else { continue };
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

    /// Whether the live table already enforces it, under whatever names its columns had.
    fn has_foreign_key(&self, key: &crate::schema::ForeignKey) -> bool {
        let live_columns: Option<Vec<_>> = key
            .columns
            .iter()
            .map(|c| match self.table.source_of(c) {
                Some(Source::Column(name)) => Some(crate::token::fold(name)),
                _ => None,
            })
            .collect();
        let Some((parent, parent_columns)) = self.parent(key) else { return false };
        let parent_columns: Vec<_> = parent_columns.iter().map(|c| crate::token::fold(c)).collect();
        live_columns.is_some_and(|columns| {
            self.old.foreign_keys.iter().any(|old| {
                old.columns == columns
                    && old.parent.eq_ignore_ascii_case(&parent)
                    && old.parent_columns == parent_columns
            })
        })
    }

    /// The live parent and its live columns.
    fn parent(&self, key: &crate::schema::ForeignKey) -> Option<(String, Vec<String>)> {
        let carry = self.search.carry.table_to(&key.parent)?;
        let columns: Option<Vec<_>> = key
            .parent_columns
            .iter()
            .map(|c| match carry.source_of(c) {
                Some(Source::Column(name)) => Some(name.clone()),
                _ => None,
            })
            .collect();
        Some((carry.from.clone(), columns?)).filter(|(_, c)| c.len() == key.columns.len())
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

    /// Only integers can be rowids, and a NULL would become a new one.
    fn not_integers(&self, column: &Column, was: &Column, found: &mut Vec<Hazard>) -> rusqlite::Result<()> {
        let rowid = self.old.rowid_name().unwrap_or("NULL");
        let sql = format!("SELECT {rowid}, {} FROM {}", quote(&was.name), quote(&self.table.from));
        let mut statement = self.conn.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let mut store = Store::new()?;
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
        let rowid = self.old.rowid_name().unwrap_or("NULL");
        let sql = format!("SELECT {rowid}, {} FROM {}", quote(&was.name), quote(&self.table.from));
        let mut statement = self.conn.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let (mut there, mut back) = (Store::new()?, Store::new()?);
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
        Value::Text(t) => crate::token::quote_text(&String::from_utf8_lossy(t)),
        Value::Blob(b) => format!("x'{}'", crate::schema::hex(b)),
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
    Hazard { rowids, ..hazard(HazardName::ChangesValues, object, message, remedy, Some(rows), None) }
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
