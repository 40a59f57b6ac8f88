//! A table that is changed or written anew on a scratch copy which has no other: the cost of planning a change does not grow with the schema.

use std::cell::OnceCell;

use rusqlite::Connection;

use super::shortcut::Trial;
use super::{Builder, renames_later};
use crate::error::{ErrorKind, Result};
use crate::plan::Step;
use crate::planner::failed;
use crate::schema::{self, Column, Row, Schema, Table};
use crate::token::fold;

/// What came of an attempt to change a table alone.
enum Tried {
    /// The steps, and the table as it is after them.
    Done(Vec<Step>, Schema),
    /// Its rows have to be written.
    Rewrite,
    /// Others have a say.
    Together,
}

impl Builder<'_> {
    /// Plans what can be planned alone. Returned: the tables whose rows have to be written, and those that are still to be tried among
    /// all others.
    pub(super) fn change_alone<'d>(
        &mut self,
        changing: Vec<&'d Table>,
    ) -> rusqlite::Result<(Vec<&'d Table>, Vec<&'d Table>)> {
        let (mut rewritten, mut left) = (Vec::new(), Vec::new());
        for table in changing {
            match self.alone(table)? {
                Tried::Done(steps, own) => {
                    self.steps.extend(steps);
                    self.put(&table.name, own);
                }
                Tried::Rewrite => rewritten.push(table),
                Tried::Together => left.push(table),
            }
        }
        Ok((rewritten, left))
    }

    /// DROP COLUMN reads every view and trigger; whatever else ALTER TABLE or an edit does here is the table's own matter.
    fn alone(&self, table: &Table) -> rusqlite::Result<Tried> {
        let (now, name) = (&self.now, &table.name);
        let (Some(carry), Some(old)) = (self.task.carry.table_to(name), now.table(name)) else {
            return Ok(Tried::Rewrite);
        };
        if carry.computes() || renames_later(carry, old) {
            return Ok(Tried::Rewrite);
        }
        let goes = |column: &Column| table.column(&column.name).is_none();
        let is_read = !now.views.is_empty() || !now.triggers.is_empty();
        if is_read && old.columns.iter().any(goes) {
            return Ok(Tried::Together);
        }
        let scratch = self.copy_of(old, table)?;
        match Trial::new(self, &scratch, table, carry).steps(Trial::shortcut)? {
            Some(steps) => Ok(Tried::Done(steps, schema::read(&scratch, &[])?)),
            None => Ok(Tried::Rewrite),
        }
    }

    /// Plans what can be written anew alone. Returned: its steps, and the tables that are to be written anew among all others.
    pub(super) fn rebuild_alone<'d>(&mut self, rebuilt: &[&'d Table]) -> Result<(Vec<Step>, Vec<&'d Table>)> {
        let (mut steps, mut left) = (Vec::new(), Vec::new());
        for table in rebuilt {
            match self.rebuilt(table)? {
                Some((own_steps, own)) => {
                    steps.extend(own_steps);
                    self.put(&table.name, own);
                }
                None => left.push(*table),
            }
        }
        Ok((steps, left))
    }

    /// The steps that write a table anew, and the table as it is after them; `None` where others have a say: `@using` may read them,
    /// and triggers name them.
    fn rebuilt(&self, table: &Table) -> Result<Option<(Vec<Step>, Schema)>> {
        let (now, name) = (&self.now, &table.name);
        let (Some(carry), Some(old)) = (self.task.carry.table_to(name), now.table(name)) else {
            return Ok(None);
        };
        let has_triggers = now.triggers.iter().any(|trigger| trigger.table.eq_ignore_ascii_case(name));
        // On a copy of its own nobody sees which names are taken.
        let has_such_names = || now.rows.iter().any(|row| fold(&row.name).starts_with("landfall_"));
        if carry.computes() || has_triggers || has_such_names() {
            return Ok(None);
        }
        let alone = || {
            let scratch = self.copy_of(old, table)?;
            scratch.execute_batch("PRAGMA legacy_alter_table = ON")?;
            let own = schema::read(&scratch, &[])?;
            let stand_ins = self.stand_ins.clone();
            let (scratch, defaults) = (OnceCell::from(scratch), OnceCell::new());
            let (task, steps) = (self.task, Vec::new());
            Ok(Builder { task, scratch, stand_ins, defaults, steps, now: own, is_stale: false })
        };
        let mut alone: Builder<'_> = alone().map_err(|error: rusqlite::Error| failed(&error))?;
        match alone.rebuild(table) {
            Ok(()) => {
                alone.look_again()?;
                Ok(Some((alone.steps, alone.now)))
            }
            // What SQLite refuses here it may take among all others.
            Err(error) if error.kind == ErrorKind::Planner => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The table with its indexes, beside the parents that its keys are resolved by.
    fn copy_of(&self, old: &Table, new: &Table) -> rusqlite::Result<Connection> {
        let scratch = self.beside()?;
        if self.now.tables.iter().any(|table| table.autoincrement) {
            // SQLite makes `sqlite_sequence` with the first such table, and keeps it.
            scratch.execute_batch(
                "CREATE TABLE first (id INTEGER PRIMARY KEY AUTOINCREMENT); DROP TABLE first",
            )?;
        }
        let keys = || old.foreign_keys.iter().chain(&new.foreign_keys);
        let is_own = |row: &Row| row.table.eq_ignore_ascii_case(&old.name);
        let names_it = |row: &Row| keys().any(|key| key.parent.eq_ignore_ascii_case(&row.name));
        let is_parent = |row: &Row| names_it(row) && self.now.virtual_table(&row.name).is_none();
        let tables =
            self.now.rows.iter().filter(|row| row.kind == "table" && (is_own(row) || is_parent(row)));
        let indexes = self.now.rows.iter().filter(|row| row.kind == "index" && is_own(row));
        tables.chain(indexes).try_for_each(|row| scratch.execute_batch(&row.sql))?;
        Ok(scratch)
    }

    /// The table of this name is so by now. The scratch copy of all is made again when it is needed.
    fn put(&mut self, name: &str, own: Schema) {
        let is_own = |table: &str| table.eq_ignore_ascii_case(name);
        self.scratch.take();
        let now = &mut self.now;
        let tables = own.tables.into_iter().filter(|table| is_own(&table.name));
        now.tables.iter_mut().filter(|table| is_own(&table.name)).zip(tables).for_each(|(was, is)| *was = is);
        now.indexes.retain(|index| !is_own(&index.table));
        now.indexes.extend(own.indexes.into_iter().filter(|index| is_own(&index.table)));
        now.rows.retain(|row| !is_own(&row.table) || row.kind == "trigger");
        now.rows.extend(own.rows.into_iter().filter(|row| is_own(&row.table)));
    }
}
