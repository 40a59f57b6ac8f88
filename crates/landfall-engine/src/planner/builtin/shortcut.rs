//! A table brought to its declaration without writing its rows anew, where that can be done: tried on the scratch copy, where
//! SQLite says what came of it, and undone there.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::fast_path::{Change, Needs};
use super::{Builder, add_column_sql};
use crate::answer::or_one_of;
use crate::carry::TableCarry;
use crate::catalogue::{self, Catalogue};
use crate::ddl;
use crate::difference::{same_table, stand_ins};
use crate::operation::{Operation, StepKind};
use crate::plan::{Cost, CostClass, Step};
use crate::planner::IMPOSSIBLE;
use crate::schema::{self, Schema, Table};
use crate::settings::FastPath;
use crate::token::{quote, quote_text, tokenize};

/// Key columns by the name of the index that SQLite made for a constraint: which b-tree is read as what.
type AutoIndexes = BTreeMap<String, Vec<(String, String, bool)>>;

impl Builder<'_> {
    /// The steps for a declared table, where they write no row that need not be written; the scratch copy is as before.
    pub(super) fn shortcut(&self, table: &Table) -> rusqlite::Result<Option<Vec<Step>>> {
        let Some(carry) = self.task.carry.table_to(&table.name) else { return Ok(None) };
        self.tried(table, carry, |trial| trial.shortcut())
    }

    /// The steps that `way` takes, undone; `None` where it says so, or SQLite, or where the table is not as declared then.
    pub(super) fn tried(
        &self,
        table: &Table,
        carry: &TableCarry,
        way: impl FnOnce(&mut Trial<'_, '_>) -> rusqlite::Result<bool>,
    ) -> rusqlite::Result<Option<Vec<Step>>> {
        let scratch = self.scratch()?;
        scratch.execute_batch("SAVEPOINT trial")?;
        let steps = Trial::new(self, scratch, table, carry).steps(way);
        scratch.execute_batch("ROLLBACK TO trial; RELEASE trial")?;
        catalogue::give_up(scratch)?;
        steps
    }
}

/// Steps that are tried on the scratch copy.
pub(super) struct Trial<'t, 'b> {
    pub(super) builder: &'t Builder<'b>,
    scratch: &'t Connection,
    /// As declared.
    pub(super) table: &'t Table,
    pub(super) carry: &'t TableCarry,
    steps: Vec<Step>,
    catalogue: Catalogue,
}

impl<'t, 'b> Trial<'t, 'b> {
    pub(super) fn new(
        builder: &'t Builder<'b>,
        scratch: &'t Connection,
        table: &'t Table,
        carry: &'t TableCarry,
    ) -> Self {
        Self { builder, scratch, table, carry, steps: Vec::new(), catalogue: Catalogue::default() }
    }

    /// Those that `way` takes; `None` where it says so, or SQLite, or where the table is not as declared then.
    pub(super) fn steps(
        mut self,
        way: impl FnOnce(&mut Self) -> rusqlite::Result<bool>,
    ) -> rusqlite::Result<Option<Vec<Step>>> {
        let there = way(&mut self).and_then(|there| Ok(there && self.is_there()?));
        let there = or_one_of(there, &IMPOSSIBLE)?;
        Ok(there.unwrap_or(false).then_some(self.steps))
    }
}

impl Trial<'_, '_> {
    pub(super) fn shortcut(&mut self) -> rusqlite::Result<bool> {
        let off = self.builder.task.settings.fast_path == FastPath::Off;
        if !self.add_columns()? {
            return Ok(false);
        }
        if off || self.is_there()? {
            return Ok(true);
        }
        self.drop_columns()?;
        Ok(self.is_there()? || self.alter()? || self.edit()?)
    }

    pub(super) fn scratch(&self) -> &Connection {
        self.scratch
    }

    pub(super) fn now(&self) -> rusqlite::Result<Schema> {
        schema::read(self.scratch(), &[])
    }

    /// Whether the table is as declared, as far as SQLite has read it.
    fn is_there(&self) -> rusqlite::Result<bool> {
        let (declared, order) = (&self.builder.task.declared.schema, self.builder.task.settings.column_order);
        Ok(same_table(&self.now()?, declared, &self.table.name, order))
    }

    pub(super) fn step(&mut self, operation: Operation, sql: String, cost: Cost) -> rusqlite::Result<()> {
        let step = Step::new(operation, sql, cost);
        self.catalogue.before(self.scratch, &step)?;
        match step.kind() {
            StepKind::Check => self.scratch().prepare(&step.sql).map(|_| ())?,
            _ => self.scratch().execute_batch(&step.sql)?,
        }
        self.steps.push(step);
        Ok(())
    }

    pub(super) fn name(&self) -> String {
        self.table.name.clone()
    }

    /// Rows are counted here and below alone: what is done in constant time must not ask how many there are.
    fn scan(&self) -> Cost {
        Cost { class: CostClass::Scan, rows: self.builder.rows_of(&self.table.name) }
    }

    pub(super) fn rewrite(&self) -> Cost {
        Cost { class: CostClass::Rewrite, rows: self.builder.rows_of(&self.table.name) }
    }

    pub(super) fn add_columns(&mut self) -> rusqlite::Result<bool> {
        let (table, now) = (self.table, self.now()?);
        let Some(old) = now.table(&table.name) else { return Ok(false) };
        for column in table.columns.iter().filter(|column| old.column(&column.name).is_none()) {
            if !self.builder.can_be_added(table, column)? {
                return Ok(false);
            }
            let checked = column.has_check || (column.generated.is_some() && column.not_null.is_some());
            let cost = if checked { self.scan() } else { Cost::default() };
            let operation = Operation::AddColumn { table: self.name(), column: column.name.clone() };
            self.step(operation, add_column_sql(table, column), cost)?;
        }
        Ok(true)
    }

    /// SQLite writes every row for each, unless the column is VIRTUAL.
    fn drop_columns(&mut self) -> rusqlite::Result<()> {
        let (table, now) = (self.table, self.now()?);
        for column in now
            .table(&table.name)
            .into_iter()
            .flat_map(|old| &old.columns)
            .filter(|column| table.column(&column.name).is_none())
        {
            let is_virtual = column.generated.as_ref().is_some_and(|generated| !generated.stored);
            let cost = if is_virtual { Cost::default() } else { self.rewrite() };
            let sql = format!("ALTER TABLE {} DROP COLUMN {}", quote(&table.name), quote(&column.name));
            self.step(Operation::DropColumn { table: self.name(), column: column.name.clone() }, sql, cost)?;
        }
        Ok(())
    }

    /// What ALTER TABLE does itself (<https://www.sqlite.org/lang_altertable.html>), where that is all.
    fn alter(&mut self) -> rusqlite::Result<bool> {
        let (before, now) = (self.steps.len(), self.now()?);
        let Some(old) = now.table(&self.table.name) else { return Ok(false) };
        let alterations = self.alterations(old);
        if alterations.is_empty() {
            return Ok(false);
        }
        self.scratch().execute_batch("SAVEPOINT altering")?;
        let altered = || {
            for (what, cost) in alterations {
                let sql = format!("ALTER TABLE {} {what}", quote(&self.table.name));
                self.step(Operation::AlterConstraint { table: self.name() }, sql, cost)?;
            }
            self.is_there()
        };
        let there = or_one_of(altered(), &IMPOSSIBLE)?.unwrap_or(false);
        if !there {
            self.scratch().execute_batch("ROLLBACK TO altering")?;
            self.steps.truncate(before);
        }
        self.scratch().execute_batch("RELEASE altering")?;
        Ok(there)
    }

    /// Constraints that go; and those that come, where the rows were not asked for them under the names that they have: then
    /// ALTER TABLE asks.
    fn alterations(&self, old: &Table) -> Vec<(String, Cost)> {
        let mut found = Vec::new();
        for column in &self.table.columns {
            let Some(was) = old.column(&column.name) else { continue };
            let name = quote(&column.name);
            match (&was.not_null, &column.not_null) {
                (Some(_), None) => {
                    found.push((format!("ALTER COLUMN {name} DROP NOT NULL"), Cost::default()));
                }
                (None, Some(_)) if !self.is_asked() => {
                    found.push((format!("ALTER COLUMN {name} SET NOT NULL"), self.scan()));
                }
                _ => {}
            }
        }
        for name in constraint_names(&old.sql).difference(&constraint_names(&self.table.sql)) {
            found.push((format!("DROP CONSTRAINT {}", quote(name)), Cost::default()));
        }
        if !self.is_asked() {
            let checks = self.table.checks.difference(&old.checks);
            found.extend(checks.map(|check| (format!("ADD CHECK ({check})"), self.scan())));
        }
        found
    }

    /// Whether the search for hazards asked the rows for every constraint that is new.
    fn is_asked(&self) -> bool {
        let live = self.builder.task.live.table(&self.carry.from);
        live.is_some_and(|live| self.carry.has_all(live, self.table))
    }

    /// The CREATE text itself, in the catalogue.
    fn edit(&mut self) -> rusqlite::Result<bool> {
        let now = self.now()?;
        let Some(old) = now.table(&self.table.name) else { return Ok(false) };
        // An index that holds a UNIQUE constraint is not the one that its text would name.
        if !stand_ins(&now, &self.builder.task.declared.schema, &old.name).is_empty() {
            return Ok(false);
        }
        // Nobody here could check what an edit makes of it.
        if self.builder.calls_stand_ins(&old.name) {
            return Ok(false);
        }
        let (carry, all, asked) = (self.carry, &self.builder.now, self.is_asked());
        let change = Change { old, new: self.table, carry, now: &now, all, asked };
        // SQLite looks for the table under the name that its row has.
        let needs = change.needs().filter(|_| old.name == self.table.name);
        let (Some(needs), Some(text)) = (needs, text_in_order_of(old, self.table)) else { return Ok(false) };
        let full = self.builder.task.settings.fast_path == FastPath::Full;
        if (needs.full && !full) || !self.holds(&needs) {
            return Ok(false);
        }
        let before = auto_indexes(self.scratch(), &old.name)?;
        let Some(gone) = self.before_edit(&needs, &text, &before)? else { return Ok(false) };
        let cost = if needs.scan { self.scan() } else { Cost::default() };
        self.edit_text(&text, cost)?;
        self.after_edit(&needs, gone)?;
        self.catalogue.end(self.scratch)?;
        // A b-tree that would be read as another constraint's: nothing but this would see it on a copy without rows.
        let after = auto_indexes(self.scratch(), &old.name)?;
        Ok(needs.full || before == after)
    }

    pub(super) fn edit_text(&mut self, text: &str, cost: Cost) -> rusqlite::Result<()> {
        let (text, name) = (quote_text(text), quote_text(&self.table.name));
        let sql = format!("UPDATE sqlite_schema SET sql = {text} WHERE type = 'table' AND name = {name}");
        self.edit_catalogue(sql, cost)
    }

    pub(super) fn edit_catalogue(&mut self, sql: String, cost: Cost) -> rusqlite::Result<()> {
        self.step(Operation::EditCatalogue { table: self.name() }, sql, cost)
    }

    /// Whether no row is in the way, as far as can be told now; the plan asks again.
    fn holds(&self, needs: &Needs) -> bool {
        needs.no_row.iter().all(|condition| self.count(condition) == Some(0))
    }

    fn count(&self, condition: &str) -> Option<u64> {
        (self.builder.task.matching)(&self.carry.from, condition)
    }

    /// What comes before the edit; `None` where that cannot be. Returned: the indexes that the edit sets free.
    fn before_edit(
        &mut self,
        needs: &Needs,
        text: &str,
        before: &AutoIndexes,
    ) -> rusqlite::Result<Option<Vec<String>>> {
        let table = quote(&self.table.name);
        for condition in &needs.no_row {
            let sql = format!("SELECT 1 FROM {table} WHERE {condition} LIMIT 1");
            self.step(Operation::Check { table: self.name() }, sql, self.scan())?;
        }
        if !needs.widen.is_empty() {
            if !self.finds_defaults(needs)? {
                return Ok(None);
            }
            let set: Vec<_> = needs.widen.iter().map(|(name, _)| format!("{name} = {name}")).collect();
            let conditions: Vec<_> = needs.widen.iter().map(|(_, condition)| condition.as_str()).collect();
            let condition = conditions.join(" OR ");
            let Some(rows) = self.count(&condition) else { return Ok(None) };
            let cost = if rows > 0 { Cost { class: CostClass::Rewrite, rows } } else { self.scan() };
            // OR ABORT: a conflict clause of the table would drop rows without an error.
            let sql = format!("UPDATE OR ABORT {table} SET {} WHERE {condition}", set.join(", "));
            self.step(Operation::UpdateRows { table: self.name() }, sql, cost)?;
        }
        if needs.mark == Some(true) {
            self.begin_marks()?;
        }
        if needs.full { self.exchange_indexes(text, before) } else { Ok(Some(Vec::new())) }
    }

    /// Whether the condition for each column finds what rows without a value read: in a DEFAULT, a word is a text, and `1e2` in a
    /// TEXT column another one than anywhere else.
    fn finds_defaults(&self, needs: &Needs) -> rusqlite::Result<bool> {
        let now = self.now()?;
        let Some(old) = now.table(&self.table.name) else { return Ok(false) };
        let defaults = self.builder.defaults()?;
        for (name, condition) in &needs.widen {
            let columns = old.columns.iter().filter(|column| quote(&column.name) == *name);
            for column in columns {
                let (type_, collation) = (&column.type_, quote(&column.collation));
                let default = column.default.as_deref().unwrap_or("NULL");
                let definition = format!("{name} {type_} COLLATE {collation} DEFAULT {default}");
                let sql = format!("SELECT count(*) FROM trial WHERE {condition}");
                let count = |trial: &Connection| trial.query_row(&sql, [], |row| row.get::<_, u64>(0));
                if defaults.older_row(&definition, old.strict, count)? != 1 {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn after_edit(&mut self, needs: &Needs, gone: Vec<String>) -> rusqlite::Result<()> {
        let name = self.name();
        for index in gone {
            let sql = format!("DROP INDEX {}", quote(&index));
            self.step(Operation::DropKeyIndex { index, table: self.name() }, sql, Cost::default())?;
        }
        if needs.reindex {
            let operation = Operation::Reindex { table: self.name() };
            self.step(operation, format!("REINDEX {}", quote(&name)), self.scan())?;
        }
        if needs.mark == Some(false) {
            let sql = format!("DELETE FROM sqlite_sequence WHERE name = {}", quote_text(&name));
            self.edit_sequence(sql)?;
        }
        if needs.strict {
            let sql = format!(
                "SELECT 1 FROM pragma_quick_check({}) WHERE quick_check <> 'ok' LIMIT 1",
                quote_text(&name)
            );
            self.step(Operation::Check { table: self.name() }, sql, self.scan())?;
        }
        Ok(())
    }

    /// SQLite takes a table with AUTOINCREMENT for malformed where `sqlite_sequence` is missing.
    fn begin_marks(&mut self) -> rusqlite::Result<()> {
        let name = self.name();
        if !crate::evidence::has_table(self.scratch(), "sqlite_sequence")? {
            let aside = self.builder.free_name("landfall_sequence");
            let sql = format!("CREATE TABLE {} (id INTEGER PRIMARY KEY AUTOINCREMENT)", quote(&aside));
            self.edit_sequence(sql)?;
            self.edit_sequence(format!("DROP TABLE {}", quote(&aside)))?;
        }
        let text = quote_text(&name);
        self.edit_sequence(format!("DELETE FROM sqlite_sequence WHERE name = {text}"))?;
        let key = self.table.rowid_alias.as_deref().unwrap_or("rowid");
        let insert = format!(
            "INSERT INTO sqlite_sequence (name, seq) SELECT {text}, max(last, 0) FROM (SELECT max({}) AS last FROM {}) WHERE last IS NOT NULL",
            quote(key),
            quote(&name)
        );
        self.edit_sequence(insert)
    }

    fn edit_sequence(&mut self, sql: String) -> rusqlite::Result<()> {
        self.step(Operation::EditSequence { table: self.name() }, sql, Cost::default())
    }

    /// Constraints that come take an index that was made for them, under the name that SQLite looks for; those that go leave
    /// theirs, which is dropped by a name of its own. `None` where another constraint would find its index under another name.
    fn exchange_indexes(
        &mut self,
        text: &str,
        before: &AutoIndexes,
    ) -> rusqlite::Result<Option<Vec<String>>> {
        let pristine = self.builder.beside()?;
        pristine.execute_batch(text)?;
        let after = auto_indexes(&pristine, &self.table.name)?;
        let stays = |(name, key): &(&String, &Vec<_>)| after.get(*name) == Some(*key);
        let (kept, gone): (Vec<_>, Vec<_>) = before.iter().partition(stays);
        let come: Vec<_> =
            after.iter().filter(|(name, _)| !kept.iter().any(|(kept, _)| kept == name)).collect();
        // One that only changes its number would have to be two rows at a time.
        if gone.iter().any(|(_, key)| come.iter().any(|(_, other)| other == key)) {
            return Ok(None);
        }
        let mut made = Vec::new();
        for (name, key) in come {
            let aside = self.builder.free_name(&format!("landfall_{name}"));
            let sql = unique_index(&aside, &self.table.name, key);
            let operation = Operation::CreateKeyIndex { index: aside.clone(), table: self.name() };
            self.step(operation, sql, self.scan())?;
            made.push((aside, name));
        }
        let mut free = Vec::new();
        for (name, key) in gone {
            let aside = self.builder.free_name(&format!("landfall_old_{name}"));
            let sql = unique_index(&aside, &self.table.name, key);
            self.edit_index(name, &aside, &quote_text(&sql))?;
            free.push(aside);
        }
        for (aside, name) in made {
            self.edit_index(&aside, name, "NULL")?;
        }
        Ok(Some(free))
    }

    fn edit_index(&mut self, from: &str, to: &str, sql: &str) -> rusqlite::Result<()> {
        let sql = format!(
            "UPDATE sqlite_schema SET name = {}, sql = {sql} WHERE type = 'index' AND name = {}",
            quote_text(to),
            quote_text(from)
        );
        self.edit_catalogue(sql, Cost::default())
    }
}

fn unique_index(name: &str, table: &str, key: &[(String, String, bool)]) -> String {
    let columns = key.iter().map(|(column, collation, descending)| {
        format!("{} COLLATE {}{}", quote(column), quote(collation), if *descending { " DESC" } else { "" })
    });
    let columns: Vec<_> = columns.collect();
    format!("CREATE UNIQUE INDEX {} ON {} ({})", quote(name), quote(table), columns.join(", "))
}

pub(super) fn auto_indexes(conn: &Connection, table: &str) -> rusqlite::Result<AutoIndexes> {
    let mut statement = conn.prepare(
        "SELECT list.name, info.name, info.coll, info.\"desc\"
         FROM pragma_index_list(?1) AS list, pragma_index_xinfo(list.name) AS info
         WHERE list.origin <> 'c' AND info.\"key\" ORDER BY list.name, info.seqno",
    )?;
    let mut found = AutoIndexes::new();
    let mut rows = statement.query([table])?;
    while let Some(row) = rows.next()? {
        found.entry(row.get(0)?).or_default().push((row.get(1)?, row.get(2)?, row.get(3)?));
    }
    Ok(found)
}

/// The declared text; where the columns of the table lie in another order, their definitions in that order: an edit moves no
/// value.
fn text_in_order_of(old: &Table, new: &Table) -> Option<String> {
    let in_order = old.columns.iter().zip(&new.columns).all(|(a, b)| a.name.eq_ignore_ascii_case(&b.name));
    if in_order {
        return Some(new.sql.clone());
    }
    let tokens = tokenize(&new.sql).ok()?;
    let cut = ddl::table(&tokens)?;
    let span = |range: &std::ops::Range<usize>| tokens[range.start].start..tokens[range.end - 1].end();
    let definitions = old.columns.iter().map(|column| {
        let text = cut.columns.iter().find(|text| text.name.eq_ignore_ascii_case(&column.name))?;
        new.sql.get(span(&text.tokens))
    });
    let definitions = definitions.collect::<Option<Vec<_>>>()?.join(",\n  ");
    let (first, last) = (span(&cut.columns.first()?.tokens), span(&cut.columns.last()?.tokens));
    Some(format!("{}{definitions}{}", &new.sql[..first.start], &new.sql[last.end..]))
}

/// The names after CONSTRAINT in a CREATE text.
fn constraint_names(sql: &str) -> BTreeSet<String> {
    let tokens = tokenize(sql).unwrap_or_default();
    let names = tokens.windows(2).filter(|pair| pair[0].is("CONSTRAINT")).map(|pair| pair[1].name());
    names.collect()
}
