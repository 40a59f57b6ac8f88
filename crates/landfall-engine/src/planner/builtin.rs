//! The planner in this crate.
//!
//! Every step runs on an empty scratch copy of the live schema the moment it is planned, and what is still to do is read back
//! from that copy: SQLite says what a step did, not a model of it. A table that needs no other is changed on a copy of its own,
//! since after each ALTER TABLE SQLite reads all of a schema again.

mod alone;
mod beside_indexes;
mod fast_path;
mod shortcut;

use std::cell::OnceCell;

use rusqlite::Connection;

use crate::carry::{ColumnCarry, Rowid, Source, TableCarry};
use crate::catalogue::Catalogue;
use crate::default::{Defaults, is_literal};
use crate::difference::{same_index, same_table, stand_ins};
use crate::error::{Error, ErrorKind, Result};
use crate::object::written;
use crate::operation::{Operation, StepKind};
use crate::plan::{self, Cost, CostClass, Step};
use crate::planner::{Planner, Task, failed};
use crate::replica;
use crate::schema::{self, Column, Schema, Table, Trigger, VirtualTable, is_rowid_name};
use crate::stand_in::{self, Names};
use crate::token::{quote, quote_text};
use crate::virtual_table::Content;

/// The planner of this crate: it has no plan where a step fails on the scratch copy.
pub(crate) struct Builtin;

impl Planner for Builtin {
    fn name(&self) -> plan::Planner {
        plan::Planner::Builtin
    }

    fn plan(&self, task: &Task<'_>) -> Result<Vec<Step>> {
        let mut builder = Builder::new(task);
        builder.rename()?;
        builder.drop_what_is_in_the_way()?;
        builder.change_tables()?;
        builder.create_what_is_missing()?;
        Ok(builder.steps)
    }
}

struct Builder<'t> {
    task: &'t Task<'t>,
    /// Made of `now` once a step has to run on it.
    scratch: OnceCell<Connection>,
    /// What both schemas call that nobody has registered here: looked for once, since it takes all their texts.
    stand_ins: OnceCell<Names>,
    defaults: OnceCell<Defaults>,
    steps: Vec<Step>,
    /// What there is after the steps so far, but for those that ran on the scratch copy since it was read.
    now: Schema,
    is_stale: bool,
}

impl<'t> Builder<'t> {
    fn new(task: &'t Task<'t>) -> Self {
        let (scratch, stand_ins, defaults) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self {
            task,
            scratch,
            stand_ins,
            defaults,
            steps: Vec::new(),
            now: task.live.clone(),
            is_stale: false,
        }
    }

    fn scratch(&self) -> rusqlite::Result<&Connection> {
        if let Some(scratch) = self.scratch.get() {
            return Ok(scratch);
        }
        let scratch = self.beside()?;
        replica::create_all(&scratch, &self.now)?;
        Ok(self.scratch.get_or_init(|| scratch))
    }

    /// Whether the table, as it is or as it is declared, has what only the service registers.
    fn calls_stand_ins(&self, table: &str) -> bool {
        let declared = self.task.declared;
        [&self.now, &declared.schema].iter().any(|schema| declared.stand_ins.are_on(schema, table))
    }

    /// Another empty database, for a question.
    fn beside(&self) -> rusqlite::Result<Connection> {
        let conn = replica::memory(self.task.settings)?;
        let names = match self.stand_ins.get() {
            Some(names) => names,
            None => {
                let rows = self.task.live.rows.iter().chain(&self.task.declared.schema.rows);
                let names = stand_in::lacking(&conn, rows.map(|row| row.sql.as_str()))?;
                self.stand_ins.get_or_init(|| names)
            }
        };
        names.register(&conn)?;
        Ok(conn)
    }

    fn defaults(&self) -> rusqlite::Result<&Defaults> {
        if let Some(defaults) = self.defaults.get() {
            return Ok(defaults);
        }
        let defaults = Defaults::new(self.beside()?);
        Ok(self.defaults.get_or_init(|| defaults))
    }

    fn push(&mut self, operation: Operation, sql: String, cost: Cost) -> Result<()> {
        self.is_stale = true;
        self.scratch().and_then(|scratch| scratch.execute_batch(&sql)).map_err(|error| {
            match failed(&error) {
                plans if plans.kind == ErrorKind::Planner => {
                    Error::new(ErrorKind::Planner, operation.table(), format!("{error} in: {sql}"))
                }
                other => other,
            }
        })?;
        self.steps.push(Step::new(operation, sql, cost));
        Ok(())
    }

    fn constant(&mut self, operation: Operation, sql: String) -> Result<()> {
        self.push(operation, sql, Cost::default())
    }

    fn look_again(&mut self) -> Result<()> {
        if self.is_stale {
            self.now = self
                .scratch()
                .and_then(|scratch| schema::read(scratch, &[]))
                .map_err(|error| failed(&error))?;
            self.is_stale = false;
        }
        Ok(())
    }

    /// The name that the table of this declared name has in the live schema.
    fn rows_of(&self, declared: &str) -> u64 {
        let live = self.task.carry.table_to(declared).map_or(declared, |c| c.from.as_str());
        (self.task.rows)(live)
    }

    fn rename(&mut self) -> Result<()> {
        let carries = || self.task.carry.tables.iter().filter(|table| !self.changes_kind(table));
        let tables: Vec<_> = carries().filter(|t| !t.from.eq_ignore_ascii_case(&t.to)).collect();
        // A virtual table has no columns that could be renamed.
        let ordinary = carries().filter(|table| self.task.live.table(&table.from).is_some());
        let columns: Vec<_> = ordinary.flat_map(renamed_columns).collect();
        if tables.is_empty() && columns.is_empty() {
            return Ok(());
        }
        // RENAME checks and rewrites every view and trigger of the schema, and fails on one that it cannot read:
        // they step aside and are created again as declared.
        let now = self.now.clone();
        self.drop_triggers(now.triggers.iter())?;
        now.views.iter().try_for_each(|view| self.drop_view(&view.name))?;
        for table in tables {
            let sql = format!("ALTER TABLE {} RENAME TO {}", quote(&table.from), quote(&table.to));
            let (from, to) = (table.from.clone(), table.to.clone());
            self.constant(Operation::RenameTable { from, to }, sql)?;
        }
        for (table, from, to) in columns {
            let sql = format!("ALTER TABLE {} RENAME COLUMN {} TO {}", quote(table), quote(from), quote(to));
            let [table, from, to] = [table, from, to].map(str::to_owned);
            self.constant(Operation::RenameColumn { table, from, to }, sql)?;
        }
        self.look_again()
    }

    fn drop_triggers<'a>(&mut self, triggers: impl Iterator<Item = &'a Trigger>) -> Result<()> {
        for trigger in triggers {
            let operation =
                Operation::DropTrigger { trigger: trigger.name.clone(), table: trigger.table.clone() };
            self.constant(operation, format!("DROP TRIGGER {}", quote(&trigger.name)))?;
        }
        Ok(())
    }

    fn drop_view(&mut self, name: &str) -> Result<()> {
        self.constant(Operation::DropView { view: name.to_owned() }, format!("DROP VIEW {}", quote(name)))
    }

    fn drop_table(&mut self, name: &str) -> Result<()> {
        self.constant(Operation::DropTable { table: name.to_owned() }, format!("DROP TABLE {}", quote(name)))
    }

    fn drop_what_is_in_the_way(&mut self) -> Result<()> {
        let declared = &self.task.declared.schema;
        let now = self.now.clone();
        let stays = |t: &Trigger| declared.trigger(&t.name).is_some_and(|d| d.body == t.body);
        self.drop_triggers(now.triggers.iter().filter(|t| !stays(t)))?;
        for view in &now.views {
            if declared.view(&view.name).is_none_or(|d| d.body != view.body) {
                self.drop_view(&view.name)?;
            }
        }
        for index in now.indexes.iter().filter(|i| declared.table(&i.table).is_some()) {
            let stays = declared.index(&index.name).is_some_and(|d| same_index(index, d))
                || stand_ins(&now, declared, &index.table).iter().any(|i| i.name == index.name);
            if !stays {
                let (index, table) = (index.name.clone(), index.table.clone());
                let sql = format!("DROP INDEX {}", quote(&index));
                self.constant(Operation::DropIndex { index, table }, sql)?;
            }
        }
        let virtual_tables = now.virtual_tables.iter().map(|t| &t.name);
        let gone_virtual = virtual_tables.filter(|n| declared.virtual_table(n).is_none());
        let gone = now.tables.iter().map(|t| &t.name).filter(|n| declared.table(n).is_none());
        // Those that only become a table of another kind feed it first.
        let feeds = |name: &&String| self.task.carry.table_from(name).is_some();
        for name in gone_virtual.chain(gone).filter(|name| !feeds(name)) {
            self.drop_table(name)?;
        }
        self.look_again()?;
        self.change_kinds()
    }

    /// Whether an ordinary table becomes a virtual one, or the other way round.
    fn changes_kind(&self, table: &TableCarry) -> bool {
        self.task.live.table(&table.from).is_some() != self.task.declared.schema.table(&table.to).is_some()
    }

    fn change_kinds(&mut self) -> Result<()> {
        let carry = self.task.carry;
        let changing: Vec<_> = carry.tables.iter().filter(|table| self.changes_kind(table)).collect();
        for table in changing {
            let declared = &self.task.declared.schema;
            let sql = match declared.table(&table.to) {
                Some(new) => new.sql.clone(),
                None => declared.virtual_table(&table.to).map(|new| new.sql.clone()).unwrap_or_default(),
            };
            self.make_anew(table, &table.from, &sql)?;
        }
        self.look_again()
    }

    /// The table called `now` steps aside for the declared one, which takes its rows.
    fn make_anew(&mut self, table: &TableCarry, now: &str, sql: &str) -> Result<()> {
        let name = &table.to;
        let aside = self.free_name(&format!("landfall_old_{name}"));
        let live = self.task.live.base_table(&table.from).cloned();
        let new = self.task.declared.schema.base_table(name).cloned();
        let (Some(live), Some(new)) = (live, new) else {
            return Err(Error::new(ErrorKind::Planner, name, format!("table {} is gone", written(name))));
        };
        let rows = self.rows_of(name);
        self.legacy_alter_table("ON")?;
        self.set_aside(name, now, &aside)?;
        self.legacy_alter_table("OFF")?;
        self.create_target(name, sql.to_owned())?;
        self.copy_rows(&live, &new, &aside, rows)?;
        self.drop_leftover(name, &aside)
    }

    fn legacy_alter_table(&mut self, on: &str) -> Result<()> {
        self.constant(Operation::Pragma, format!("PRAGMA legacy_alter_table = {on}"))
    }

    fn set_aside(&mut self, table: &str, now: &str, aside: &str) -> Result<()> {
        let sql = format!("ALTER TABLE {} RENAME TO {}", quote(now), quote(aside));
        self.constant(Operation::SetAside { table: table.to_owned(), aside: aside.to_owned() }, sql)
    }

    /// Under its own name.
    fn create_target(&mut self, table: &str, sql: String) -> Result<()> {
        self.constant(Operation::CreateTarget { table: table.to_owned(), target: table.to_owned() }, sql)
    }

    fn copy_rows(&mut self, old: &Table, new: &Table, from: &str, rows: u64) -> Result<()> {
        let Some(sql) = self.copy_sql(old, new, &new.name, from) else { return Ok(()) };
        let operation = Operation::CopyRows { table: new.name.clone(), into: new.name.clone() };
        self.push(operation, sql, Cost { class: CostClass::Rewrite, rows })
    }

    fn drop_leftover(&mut self, table: &str, leftover: &str) -> Result<()> {
        let sql = format!("DROP TABLE {}", quote(leftover));
        let (table, leftover) = (table.to_owned(), leftover.to_owned());
        self.constant(Operation::DropLeftover { table, leftover }, sql)
    }

    fn change_tables(&mut self) -> Result<()> {
        let declared = &self.task.declared.schema;
        let now = self.now.clone();
        for table in declared.tables.iter().filter(|t| now.table(&t.name).is_none()) {
            self.constant(Operation::CreateTable { table: table.name.clone() }, table.sql.clone())?;
        }
        self.look_again()?;
        let order = self.task.settings.column_order;
        // A value that is computed is for an index that is new, perhaps, and the table itself is as declared.
        let computes =
            |table: &Table| self.task.carry.table_to(&table.name).is_some_and(TableCarry::computes);
        let is_there =
            |table: &&Table| same_table(&self.now, declared, &table.name, order) && !computes(table);
        let changing: Vec<_> = declared.tables.iter().filter(|table| !is_there(table)).collect();
        let (mut rebuilt, left) = self.change_alone(changing).map_err(|error| failed(&error))?;
        for table in left {
            match self.shortcut(table).map_err(|error| failed(&error))? {
                Some(steps) => self.take(steps)?,
                None => rebuilt.push(table),
            }
        }
        if !rebuilt.is_empty() {
            let (steps, left) = self.rebuild_alone(&rebuilt)?;
            // With it off, RENAME would rewrite the foreign keys of other tables to the old table's new name.
            self.legacy_alter_table("ON")?;
            self.steps.extend(steps);
            left.iter().try_for_each(|table| self.rebuild(table))?;
            self.legacy_alter_table("OFF")?;
        }
        self.change_virtual_tables(&rebuilt)?;
        self.look_again()
    }

    /// Steps that were tried and undone, now for good.
    fn take(&mut self, steps: Vec<Step>) -> Result<()> {
        let mut catalogue = Catalogue::default();
        let scratch = self.scratch().map_err(|error| failed(&error))?;
        for step in &steps {
            catalogue.before(scratch, step).map_err(|error| failed(&error))?;
            if step.kind() != StepKind::Check {
                scratch.execute_batch(&step.sql).map_err(|error| failed(&error))?;
            }
        }
        catalogue.end(scratch).map_err(|error| failed(&error))?;
        self.steps.extend(steps);
        self.is_stale = true;
        self.look_again()
    }

    /// What ALTER TABLE ADD COLUMN accepts on a table with rows (<https://www.sqlite.org/lang_altertable.html>, section 5).
    ///
    /// And where rows that are there read in it what a row gets that is inserted.
    fn can_be_added(&self, table: &Table, column: &Column) -> rusqlite::Result<bool> {
        let computed = self
            .task
            .carry
            .table_to(&table.name)
            .and_then(|c| c.source_of(&column.name))
            .is_some_and(|s| matches!(s, Source::Using { .. }));
        let literal = column.default.as_deref().is_none_or(is_literal);
        let null = column.default.as_deref().is_none_or(|d| d == "null");
        let stored = column.generated.as_ref().is_some_and(|g| g.stored);
        let not_null = column.not_null.is_some() && column.generated.is_none();
        let refused = computed || !literal || stored || (not_null && null);
        Ok(!refused && (null || self.defaults()?.agree(column, table.strict)?))
    }

    /// The old table steps aside, so that the new one is created by the declared text itself and no other object is renamed with it.
    fn rebuild(&mut self, table: &Table) -> Result<()> {
        let old = self.now.table(&table.name).cloned().ok_or_else(|| {
            Error::new(ErrorKind::Planner, &table.name, format!("table {} is gone", written(&table.name)))
        })?;
        let aside = self.free_name(&format!("landfall_old_{}", table.name));
        let name = &table.name;
        let rows = self.rows_of(name);
        if let Some(steps) = self.beside_indexes(&old, table).map_err(|error| failed(&error))? {
            return self.take(steps);
        }
        // They would go with the old table.
        let triggers = self.now.triggers.iter().filter(|t| t.table.eq_ignore_ascii_case(&old.name));
        let triggers: Vec<_> = triggers.cloned().collect();
        self.drop_triggers(triggers.iter())?;
        self.set_aside(name, &old.name, &aside)?;
        self.create_target(name, table.sql.clone())?;
        self.copy_rows(&old, table, &aside, rows)?;
        if table.autoincrement && old.autoincrement {
            self.carry_mark(name, &aside)?;
        }
        self.drop_leftover(name, &aside)
    }

    /// The mark says which rowids were ever used; the highest one that is left is not enough.
    fn carry_mark(&mut self, name: &str, aside: &str) -> Result<()> {
        let delete = format!("DELETE FROM sqlite_sequence WHERE name = {}", quote_text(name));
        let update = format!(
            "UPDATE sqlite_sequence SET name = {} WHERE name = {}",
            quote_text(name),
            quote_text(aside)
        );
        let operation = Operation::EditSequence { table: name.to_owned() };
        self.constant(operation.clone(), delete)?;
        self.constant(operation, update)
    }

    /// Rows of the table called `from`, which is as `old`, into the one called `to`, which is as declared.
    fn copy_sql(&self, old: &Table, table: &Table, to: &str, from: &str) -> Option<String> {
        let carry = self.task.carry.table_to(&table.name)?;
        let mut targets = Vec::new();
        let mut sources = Vec::new();
        if let Rowid::Kept { read, written } = &carry.rowid {
            targets.push(written.clone());
            sources.push(read.clone());
        }
        for column in &carry.columns {
            // Renamed already, where ALTER TABLE did it.
            let now = match &column.source {
                Source::Column(from) => old.column(from).or_else(|| old.column(&column.to)),
                Source::Using { .. } | Source::Default => None,
            };
            if let Some(source) = now.map(|c| quote(&c.name)).or_else(|| column.source.sql()) {
                targets.push(quote(&column.to));
                sources.push(source);
            }
        }
        if targets.is_empty() {
            // Every column is new: one of them, written out, keeps the number of rows.
            let column = table.columns.iter().find(|c| c.generated.is_none())?;
            targets.push(quote(&column.name));
            sources.push(column.default_value().unwrap_or_else(|| "NULL".to_owned()));
        }
        // OR ABORT: a conflict clause of the table would drop rows without an error.
        Some(format!(
            "INSERT OR ABORT INTO {} ({}) SELECT {} FROM {}",
            quote(to),
            targets.join(", "),
            sources.join(", "),
            quote(from)
        ))
    }

    fn free_name(&self, wanted: &str) -> String {
        let taken = |name: &String| self.now.rows.iter().any(|row| row.name.eq_ignore_ascii_case(name));
        let numbered = (2..).map(|number| format!("{wanted}_{number}"));
        let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
        names.find(|name| !taken(name)).unwrap_or_default()
    }

    fn change_virtual_tables(&mut self, rewritten: &[&Table]) -> Result<()> {
        let declared = &self.task.declared.schema;
        for table in &declared.virtual_tables {
            match self.now.virtual_table(&table.name).cloned() {
                None => self.create_virtual_table(table)?,
                Some(old) if old.body != table.body => self.recreate_virtual_table(&old, table)?,
                Some(_) => {
                    let over = |t: &&&Table| table.content() == Content::In(t.name.clone());
                    if rewritten.iter().find(over).is_some_and(|t| self.reads_differently(t, table)) {
                        self.index_again(table)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn create_virtual_table(&mut self, table: &VirtualTable) -> Result<()> {
        let (name, full_text) = (table.name.clone(), table.is_about_text());
        self.constant(Operation::CreateVirtualTable { table: name, full_text }, table.sql.clone())?;
        self.index_again(table)
    }

    /// An index over another table does not know the rows that are there already.
    fn index_again(&mut self, table: &VirtualTable) -> Result<()> {
        let Content::In(content) = table.content() else { return Ok(()) };
        if !self.task.declared.can_use_table(&table.name) {
            return Ok(());
        }
        let rows = self.rows_of(&content);
        let name = quote(&table.name);
        let sql = format!("INSERT INTO {name} ({name}) VALUES ('rebuild')");
        let operation = Operation::FillIndex { table: table.name.clone() };
        self.push(operation, sql, Cost { class: CostClass::Rewrite, rows })
    }

    /// Whether an index over the table's values or rowids is out of date after its rebuild.
    fn reads_differently(&self, table: &Table, index: &VirtualTable) -> bool {
        let key = index.content_rowid();
        // Of one that cannot be read here nobody knows the columns.
        let is_indexed = |name: &str| {
            let mut columns = index.columns.iter().chain([&key]);
            index.is_foreign || columns.any(|column| column.eq_ignore_ascii_case(name))
        };
        let Some(carry) = self.task.carry.table_to(&table.name) else { return true };
        let Some(old) = self.task.live.table(&carry.from) else { return true };
        let changes = |column: &ColumnCarry| match &column.source {
            Source::Column(from) => {
                let was = old.column(from).map(|c| c.affinity(old.strict));
                was != table.column(&column.to).map(|c| c.affinity(table.strict))
            }
            Source::Using { .. } | Source::Default => true,
        };
        let computed =
            |column: &Column| old.column(&column.name).is_none_or(|was| was.generated != column.generated);
        carry.rowid == Rowid::Renumbered
            || carry.columns.iter().filter(|c| is_indexed(&c.to)).any(changes)
            || table.columns.iter().filter(|c| c.generated.is_some() && is_indexed(&c.name)).any(computed)
    }

    fn recreate_virtual_table(&mut self, old: &VirtualTable, table: &VirtualTable) -> Result<()> {
        match self.task.carry.table_to(&table.name) {
            Some(carry) => self.make_anew(carry, &old.name, &table.sql),
            None => {
                self.drop_table(&old.name)?;
                self.create_virtual_table(table)
            }
        }
    }

    /// Whatever the copy still lacks: indexes, views and triggers that are new, were changed, or went with a table.
    fn create_what_is_missing(&mut self) -> Result<()> {
        let declared = &self.task.declared.schema;
        for index in &declared.indexes {
            if self.now.index(&index.name).is_none() {
                let cost = Cost { class: CostClass::Scan, rows: self.rows_of(&index.table) };
                let operation =
                    Operation::CreateIndex { index: index.name.clone(), table: index.table.clone() };
                self.push(operation, index.sql.clone(), cost)?;
            }
        }
        for view in &declared.views {
            if self.now.view(&view.name).is_none() {
                self.constant(Operation::CreateView { view: view.name.clone() }, view.sql.clone())?;
            }
        }
        for trigger in &declared.triggers {
            if self.now.trigger(&trigger.name).is_none() {
                let operation =
                    Operation::CreateTrigger { trigger: trigger.name.clone(), table: trigger.table.clone() };
                self.constant(operation, trigger.sql.clone())?;
            }
        }
        Ok(())
    }
}

fn add_column_sql(table: &Table, column: &Column) -> String {
    format!("ALTER TABLE {} ADD COLUMN {}", quote(&table.name), column.text)
}

/// (table, live column, declared column) of every rename that ALTER TABLE can do.
///
/// Where `@using` computes a value of the same table, its expression needs the old names: the rebuild renames there.
fn renamed_columns(table: &TableCarry) -> Vec<(&str, &str, &str)> {
    if table.computes() {
        return Vec::new();
    }
    let renamed = table.columns.iter().filter_map(|column| match &column.source {
        Source::Column(from) if !from.eq_ignore_ascii_case(&column.to) => {
            Some((table.to.as_str(), from.as_str(), column.to.as_str()))
        }
        _ => None,
    });
    // RENAME COLUMN refuses the names of the rowid, both as the old and as the new one.
    renamed.filter(|(_, from, to)| !is_rowid_name(from) && !is_rowid_name(to)).collect()
}

/// Whether a column still has the name that a `@renamed` takes from it.
fn renames_later(carry: &TableCarry, now: &Table) -> bool {
    let waits = |column: &ColumnCarry| matches!(&column.source, Source::Column(from) if now.column(&column.to).is_none() && now.column(from).is_some());
    carry.columns.iter().any(waits)
}
