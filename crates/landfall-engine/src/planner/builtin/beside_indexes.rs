//! Rows written anew while the indexes of their table stay: where no entry of an index can change, its b-tree is as good as one
//! that is sorted again, and sorting is what a rewrite mostly does.
//!
//! The rows are copied into a table of another name, and the two change their root pages
//! (<https://www.sqlite.org/fileformat2.html#storage_of_the_sql_database_schema>). Triggers, views, marks and statistics stay, too.

use super::Builder;
use super::shortcut::{Trial, auto_indexes};
use crate::carry::{Rowid, TableCarry};
use crate::operation::Operation;
use crate::plan::{Cost, Step};
use crate::schema::{Column, Index, Table};
use crate::settings::FastPath;
use crate::token::{canonical_name, quote, quote_text};

impl Builder<'_> {
    /// The steps, where rows have to be written and indexes have not; the scratch copy is as before.
    pub(super) fn beside_indexes(&self, old: &Table, table: &Table) -> rusqlite::Result<Option<Vec<Step>>> {
        let full = self.task.settings.fast_path == FastPath::Full;
        let carry = self.task.carry.table_to(&table.name);
        let Some(carry) =
            carry.filter(|carry| full && may_stay(old, table, carry) && !self.calls_stand_ins(&old.name))
        else {
            return Ok(None);
        };
        self.tried(table, carry, |trial| trial.copy_beside(old))
    }
}

/// Whether rowids stay, and SQLite finds the table and its constraints as it did.
fn may_stay(old: &Table, table: &Table, carry: &TableCarry) -> bool {
    let readable = old.opaque.is_none() && table.opaque.is_none();
    readable
        && carry.rowid != Rowid::Renumbered
        && !old.without_rowid
        && !table.without_rowid
        && old.autoincrement == table.autoincrement
        && old.name == table.name
}

impl Trial<'_, '_> {
    fn copy_beside(&mut self, old: &Table) -> rusqlite::Result<bool> {
        let (name, none) = (self.name(), Cost::default());
        if !self.constraints_keep_theirs()? {
            return Ok(false);
        }
        let (stay, go): (Vec<_>, Vec<_>) =
            self.indexes()?.into_iter().partition(|index| self.keeps_entries(index));
        let held = old.primary_key.is_some() && old.rowid_alias.is_none() || !old.uniques.is_empty();
        if stay.is_empty() && !held {
            return Ok(false);
        }
        for index in go {
            let sql = format!("DROP INDEX {}", quote(&index.name));
            self.step(Operation::DropIndex { index: index.name, table: self.name() }, sql, none)?;
        }
        let aside = self.builder.free_name(&format!("landfall_new_{name}"));
        let target = Operation::CreateTarget { table: self.name(), target: aside.clone() };
        self.step(target, rows_only(self.table, &aside), none)?;
        let Some(copy) = self.builder.copy_sql(old, self.table, &aside, &name) else { return Ok(false) };
        let rows = Operation::CopyRows { table: self.name(), into: aside.clone() };
        self.step(rows, copy, self.rewrite())?;
        self.exchange_roots(&name, &aside)?;
        self.edit_text(&self.table.sql.clone(), none)?;
        let sql = format!("DROP TABLE {}", quote(&aside));
        self.step(Operation::DropLeftover { table: self.name(), leftover: aside }, sql, none)?;
        Ok(true)
    }

    /// As two numbers change places without a third: a plan cannot know them, and every edit is of one row.
    fn exchange_roots(&mut self, one: &str, other: &str) -> rusqlite::Result<()> {
        let root = |name: &str| format!("(SELECT rootpage FROM sqlite_schema WHERE {})", row_of(name));
        for (name, value) in [
            (one, format!("rootpage + {}", root(other))),
            (other, format!("{} - rootpage", root(one))),
            (one, format!("rootpage - {}", root(other))),
        ] {
            let sql = format!("UPDATE sqlite_schema SET rootpage = {value} WHERE {}", row_of(name));
            self.edit_catalogue(sql, Cost::default())?;
        }
        Ok(())
    }

    /// Whether the indexes that SQLite made for constraints are the ones that the declared text asks for, and hold the same.
    fn constraints_keep_theirs(&self) -> rusqlite::Result<bool> {
        let pristine = self.builder.beside()?;
        pristine.execute_batch(&self.table.sql)?;
        let declared = auto_indexes(&pristine, &self.table.name)?;
        let keys = declared.values().flatten();
        let kept = keys.into_iter().all(|(column, _, _)| self.keeps(column));
        Ok(kept && auto_indexes(self.scratch(), &self.table.name)? == declared)
    }

    fn indexes(&self) -> rusqlite::Result<Vec<Index>> {
        let indexes = self.now()?.indexes.into_iter();
        Ok(indexes.filter(|index| index.table.eq_ignore_ascii_case(&self.table.name)).collect())
    }

    /// An index over columns alone that hold and compare what they did.
    fn keeps_entries(&self, index: &Index) -> bool {
        let column = |part: &str| self.table.columns.iter().find(|c| canonical_name(&c.name) == part);
        index.opaque.is_none()
            && index.condition.is_none()
            && index
                .columns
                .iter()
                .all(|part| column(&part.expression).is_some_and(|column| self.keeps(&column.name)))
    }

    fn keeps(&self, column: &str) -> bool {
        let live = self.builder.task.live.table(&self.carry.from);
        live.is_some_and(|live| self.carry.keeps(live, self.table, column))
    }
}

fn row_of(table: &str) -> String {
    format!("type = 'table' AND name = {}", quote_text(table))
}

/// A table that holds the same rows in the same way and refuses the same ones, but for keys: those are in the indexes.
fn rows_only(table: &Table, name: &str) -> String {
    let columns = table.columns.iter().map(|column| definition(table, column));
    let checks = table.checks.iter().map(|check| format!("CHECK ({check})"));
    let items: Vec<_> = columns.chain(checks).collect();
    let strict = if table.strict { " STRICT" } else { "" };
    format!("CREATE TABLE {} ({}){strict}", quote(name), items.join(", "))
}

fn definition(table: &Table, column: &Column) -> String {
    let mut text = format!("{} {}", quote(&column.name), column.type_);
    if table.rowid_alias.as_deref().is_some_and(|alias| alias.eq_ignore_ascii_case(&column.name)) {
        text.push_str(" PRIMARY KEY");
    }
    if column.not_null.is_some() {
        text.push_str(" NOT NULL");
    }
    if let Some(default) = &column.default {
        text.push_str(&format!(" DEFAULT ({default})"));
    }
    text.push_str(&format!(" COLLATE {}", quote(&column.collation)));
    if let Some(generated) = &column.generated {
        let kept = if generated.stored { "STORED" } else { "VIRTUAL" };
        text.push_str(&format!(" AS ({}) {kept}", generated.expression));
    }
    text
}
