//! A plan on a replica with sample rows, so that a plan that loses something is found there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, Rows};

use crate::answer::or_refusal;
use crate::carry::{self, TableCarry};
use crate::due::Due;
use crate::execute::Execution;
use crate::expansion::Views;
use crate::failure::Failure;
use crate::guard;
use crate::operation::StepKind;
use crate::replica;
use crate::sample::Sample;
use crate::schema::{ForeignKey, Schema, Table};
use crate::stand_in;
use crate::token::{quote, tokenize};
use crate::value::Value;
use crate::virtual_table::Content;

/// Rows of each table that are taken.
const SAMPLE: u64 = 600;

/// Runs an execution on a replica.
///
/// `database` is where the sample comes from; `None` when there is none yet.
pub(crate) fn prove(execution: &Execution<'_>, database: Option<&Connection>) -> Result<(), Failure> {
    let mut conn = replica::memory(execution.settings)?;
    let rows = execution.origin.rows.iter().chain(&execution.declared.schema.rows);
    let stand_ins = stand_in::lacking(&conn, rows.map(|row| row.sql.as_str()))?;
    stand_ins.answer(&conn)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    replica::create_tables(&conn, execution.origin)?;
    // Rows of the user's that break a CHECK are rows all the same.
    conn.pragma_update(None, "ignore_check_constraints", true)?;
    let mut sampler = database.map(|database| sample(execution, database, &conn)).transpose()?;
    replica::create_rest(&conn, execution.origin)?;
    if let Some(sampler) = &mut sampler {
        sampler.parents_of_fills(execution)?;
    }
    drop(sampler);
    stand_ins.register(&conn)?;
    conn.pragma_update(None, "ignore_check_constraints", false)?;
    guard::bound(&mut conn, execution.settings)?;
    stoppable(execution)?;
    let edits = execution.steps.iter().any(|step| step.kind() == StepKind::Edit);
    let before = if edits { damage(&conn)? } else { BTreeSet::new() };
    conn.execute_batch("BEGIN IMMEDIATE")?;
    execution.run(&mut conn, &mut ())?;
    // An edit is believed by SQLite: what it claims of rows and indexes has to be so.
    let after = if edits { damage(&conn)? } else { BTreeSet::new() };
    match after.difference(&before).next() {
        None => Ok(()),
        Some(found) => Err(Failure::Evidence {
            object: "integrity_check".to_owned(),
            clause: format!("would leave rows or indexes that the schema does not allow: {found}"),
        }),
    }
}

/// While SQLite copies views and expressions into a statement, nobody can stop it.
fn stoppable(execution: &Execution<'_>) -> Result<(), Failure> {
    let views = Views::of_rows(execution.live.rows.iter().chain(&execution.declared.schema.rows));
    for step in execution.steps {
        if let Some(excess) = views.excess(&tokenize(&step.sql).unwrap_or_default()) {
            let clause = format!("would not end: {excess}, in `{}`", step.sql);
            return Err(Failure::Evidence { object: step.table().to_owned(), clause });
        }
    }
    Ok(())
}

fn damage(conn: &Connection) -> rusqlite::Result<BTreeSet<String>> {
    // No edit comes near what only the service can check.
    Ok(stand_in::check(conn, "integrity_check", 100)?.into_iter().collect())
}

fn sample<'s>(
    execution: &Execution<'s>,
    database: &'s Connection,
    replica: &'s Connection,
) -> Result<Sampler<'s>, Failure> {
    let mut sampler =
        Sampler { live: execution.origin, database, replica, taken: BTreeMap::new(), queue: VecDeque::new() };
    for watched in &execution.watched {
        let from = &watched.table.from;
        match (execution.origin.table(from), execution.origin.base_table(from)) {
            (Some(table), _) => sampler.table(table, &new_parents(execution, watched.table, table))?,
            (None, Some(table)) => sample_virtual_table(table, database, replica)?,
            (None, None) => {}
        }
    }
    sampler.declared_rows(execution)?;
    let read = execution.fills.iter().flat_map(|(fill, _)| &fill.reads);
    for table in read.filter_map(|name| execution.origin.table(name)) {
        sampler.table(table, &[])?;
    }
    sampler.parents()?;
    for table in execution.origin.virtual_tables.iter().filter(|t| matches!(t.content(), Content::In(_))) {
        // An index over nothing, where its table is not in the sample.
        let name = quote(&table.name);
        let rebuild = format!("INSERT INTO {name} ({name}) VALUES ('rebuild')");
        let _over_nothing = or_refusal(replica.execute_batch(&rebuild))?;
    }
    copy_marks(database, replica)?;
    Ok(sampler)
}

/// Its first rows: a module finds none by its place in constant time.
fn sample_virtual_table(table: &Table, database: &Connection, replica: &Connection) -> Result<(), Failure> {
    let rowid = table.rowid_alias.is_none().then(|| "rowid".to_owned());
    let columns: Vec<_> = rowid.into_iter().chain(table.columns.iter().map(|c| quote(&c.name))).collect();
    let (name, list) = (quote(&table.name), columns.join(", "));
    let places = vec!["?"; columns.len()].join(", ");
    let mut insert = replica.prepare(&format!("INSERT INTO {name} ({list}) VALUES ({places})"))?;
    let mut select =
        database.prepare(&format!("SELECT {list} FROM {name} LIMIT {SAMPLE}")).map_err(Failure::Live)?;
    let mut rows = select.query([]).map_err(Failure::Live)?;
    while let Some(values) = next(&mut rows, columns.len())? {
        insert.execute(rusqlite::params_from_iter(&values))?;
    }
    Ok(())
}

/// The values of the next row of the live database.
fn next(rows: &mut Rows<'_>, columns: usize) -> Result<Option<Vec<Value>>, Failure> {
    let Some(row) = rows.next().map_err(Failure::Live)? else { return Ok(None) };
    let values = (0..columns).map(|at| row.get(at)).collect::<rusqlite::Result<_>>();
    values.map(Some).map_err(Failure::Live)
}

/// A parent that rows will have by a foreign key that is new.
struct NewParent<'s> {
    table: &'s Table,
    /// Of the parent.
    columns: Vec<String>,
    /// What feeds the child's columns, over its live row.
    values: Vec<String>,
}

fn new_parents<'s>(execution: &Execution<'s>, carry: &TableCarry, old: &Table) -> Vec<NewParent<'s>> {
    let Some(new) = execution.declared.schema.table(&carry.to) else { return Vec::new() };
    let parent = |key: &ForeignKey| {
        let (parent, columns) = carry::parent(execution.carry, key)?;
        let value = |name: &String| {
            let default = || new.column(name)?.default_value();
            carry.source_of(name)?.sql().or_else(default)
        };
        Some(NewParent {
            table: execution.origin.table(&parent)?,
            columns: columns.iter().map(|column| quote(column)).collect(),
            values: key.columns.iter().map(value).collect::<Option<_>>()?,
        })
    };
    let keys = new.foreign_keys.iter();
    let is_new = |key: &&ForeignKey| {
        carry::live_foreign_key(execution.carry, execution.live, carry, old, key).is_none()
    };
    keys.filter(is_new).filter_map(parent).collect()
}

/// Copies rows by key, each once, and afterwards the parents they refer to.
struct Sampler<'s> {
    live: &'s Schema,
    database: &'s Connection,
    replica: &'s Connection,
    /// Keys already copied, by table.
    taken: BTreeMap<String, BTreeSet<String>>,
    /// (table, row by column) whose parents are still to be looked for.
    queue: VecDeque<(&'s Table, Vec<Value>)>,
}

impl<'s> Sampler<'s> {
    fn table(&mut self, table: &'s Table, new_parents: &[NewParent<'s>]) -> Result<(), Failure> {
        let sample = Sample::of(self.database, table, SAMPLE).map_err(Failure::Live)?;
        sample.look(table, |clause, parameters| {
            self.copy(table, clause, parameters)?;
            new_parents.iter().try_for_each(|parent| {
                let children =
                    format!("SELECT {} FROM {} {clause}", parent.values.join(", "), quote(&table.name));
                let clause = format!("WHERE ({}) IN ({children})", parent.columns.join(", "));
                self.copy(parent.table, &clause, parameters)
            })
        })
    }

    fn copy(&mut self, table: &'s Table, clause: &str, parameters: &[Value]) -> Result<(), Failure> {
        let names: Vec<_> =
            table.columns.iter().filter(|c| c.generated.is_none()).map(|c| quote(&c.name)).collect();
        let rowid = table.rowid_name().filter(|_| table.rowid_alias.is_none());
        let listed = rowid.map(str::to_owned).into_iter().chain(names).collect::<Vec<_>>();
        let columns = listed.join(", ");
        let sql = format!("SELECT {columns} FROM {} {clause}", quote(&table.name));
        let places = vec!["?"; listed.len()].join(", ");
        let insert = format!("INSERT OR ABORT INTO {} ({columns}) VALUES ({places})", quote(&table.name));
        let mut select = self.database.prepare_cached(&sql).map_err(Failure::Live)?;
        let mut insert = self.replica.prepare_cached(&insert)?;
        let mut rows = select.query(rusqlite::params_from_iter(parameters)).map_err(Failure::Live)?;
        while let Some(values) = next(&mut rows, listed.len())? {
            if self.taken.entry(table.name.clone()).or_default().insert(format!("{values:?}")) {
                insert.execute(rusqlite::params_from_iter(&values))?;
                let skipped = usize::from(rowid.is_some());
                self.queue.push_back((table, values[skipped..].to_vec()));
            }
        }
        Ok(())
    }

    /// What the rows refer to that `@from` makes of the sample; its SELECT may read views.
    fn parents_of_fills(&mut self, execution: &Execution<'s>) -> Result<(), Failure> {
        for (fill, _) in execution.fills {
            let keys = execution.declared.schema.table(&fill.table).map(|table| &table.foreign_keys);
            for key in keys.into_iter().flatten() {
                let parent = carry::parent(execution.carry, key);
                let Some((parent, columns)) = parent else { continue };
                let (Some(parent), Some(select)) = (self.live.table(&parent), fill.values(&key.columns))
                else {
                    continue;
                };
                let rows = {
                    let mut statement = self.replica.prepare(&select)?;
                    let width = key.columns.len();
                    let read = statement.query_map([], |row| {
                        (0..width).map(|at| row.get(at)).collect::<rusqlite::Result<Vec<Value>>>()
                    })?;
                    read.collect::<rusqlite::Result<Vec<_>>>()?
                };
                let conditions =
                    (1..).zip(&columns).map(|(number, column)| format!("{} = ?{number}", quote(column)));
                let clause = format!("WHERE {} LIMIT 1", conditions.collect::<Vec<_>>().join(" AND "));
                rows.iter().try_for_each(|values| self.copy(parent, &clause, values))?;
            }
        }
        self.parents()
    }

    /// Those that `schema.sql` declares, too, or each would be missing.
    fn declared_rows(&mut self, execution: &Execution<'s>) -> Result<(), Failure> {
        if execution.settings.schema_alone {
            return Ok(());
        }
        for carry in &execution.carry.tables {
            let tables = (execution.origin.table(&carry.from), execution.declared.schema.table(&carry.to));
            let (Some(old), Some(new)) = tables else { continue };
            for (condition, values) in Due::keys(execution.declared, carry, new) {
                self.copy(old, &format!("WHERE {condition}"), &values)?;
            }
        }
        Ok(())
    }

    /// Closes the sample over foreign-key parents: a row without its parent would look like a loss.
    fn parents(&mut self) -> Result<(), Failure> {
        while let Some((table, values)) = self.queue.pop_front() {
            let columns: Vec<_> = table.columns.iter().filter(|c| c.generated.is_none()).collect();
            for key in &table.foreign_keys {
                let Some(parent) = self.live.table(&key.parent) else { continue };
                let wanted: Option<Vec<Value>> = key
                    .columns
                    .iter()
                    .map(|name| {
                        let at = columns.iter().position(|c| c.name.eq_ignore_ascii_case(name))?;
                        values.get(at).cloned().filter(|v| *v != Value::Null)
                    })
                    .collect();
                let known = key.parent_columns.iter().all(|c| parent.column(c).is_some());
                let Some(wanted) = wanted.filter(|w| known && w.len() == key.parent_columns.len()) else {
                    continue;
                };
                let conditions: Vec<_> = key
                    .parent_columns
                    .iter()
                    .enumerate()
                    .map(|(i, c)| format!("{} = ?{}", quote(c), i + 1))
                    .collect();
                self.copy(parent, &format!("WHERE {} LIMIT 1", conditions.join(" AND ")), &wanted)?;
            }
        }
        Ok(())
    }
}

fn copy_marks(database: &Connection, replica: &Connection) -> Result<(), Failure> {
    let there = crate::evidence::has_table(database, "sqlite_sequence").map_err(Failure::Live)?
        && crate::evidence::has_table(replica, "sqlite_sequence")?;
    if !there {
        return Ok(());
    }
    replica.execute("DELETE FROM sqlite_sequence", [])?;
    let mut select = database.prepare("SELECT name, seq FROM sqlite_sequence").map_err(Failure::Live)?;
    let mut rows = select.query([]).map_err(Failure::Live)?;
    while let Some(values) = next(&mut rows, 2)? {
        let sql = "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)";
        replica.execute(sql, rusqlite::params_from_iter(&values))?;
    }
    Ok(())
}
