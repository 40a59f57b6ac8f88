//! A plan on a replica with sample rows, so that a plan that loses something is found there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::carry::{Rowid, TableCarry};
use crate::execute::{Execution, Failure};
use crate::replica;
use crate::schema::{Schema, Table};
use crate::token::quote;
use crate::value::Value;
use crate::virtual_table::Content;

/// Rows taken from the beginning, the end, and spread over each table.
const SAMPLE: u64 = 200;

/// Runs an execution on a replica.
///
/// `database` is where the sample comes from; `None` when there is none yet.
pub(crate) fn prove(execution: &Execution<'_>, database: Option<&Connection>) -> Result<(), Failure> {
    let mut conn = replica::memory(execution.settings)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    replica::create_tables(&conn, execution.live)?;
    if let Some(database) = database {
        // Rows of the user's that break a CHECK are rows all the same.
        conn.pragma_update(None, "ignore_check_constraints", true)?;
        sample(execution, database, &conn)?;
        conn.pragma_update(None, "ignore_check_constraints", false)?;
    }
    replica::create_rest(&conn, execution.live)?;
    conn.execute_batch("BEGIN IMMEDIATE")?;
    execution.run(&mut conn, &mut ())?;
    Ok(())
}

fn sample(execution: &Execution<'_>, database: &Connection, replica: &Connection) -> rusqlite::Result<()> {
    let mut sampler =
        Sampler { live: execution.live, database, replica, taken: BTreeMap::new(), queue: VecDeque::new() };
    for watched in &execution.watched {
        match execution.live.table(&watched.table.from) {
            Some(table) => sampler.table(table)?,
            None => sample_virtual_table(watched.table, database, replica)?,
        }
    }
    sampler.parents()?;
    for table in execution.live.virtual_tables.iter().filter(|t| matches!(t.content(), Content::In(_))) {
        // An index over nothing, where its table is not in the sample.
        let name = quote(&table.name);
        drop(replica.execute_batch(&format!("INSERT INTO {name} ({name}) VALUES ('rebuild')")));
    }
    copy_marks(database, replica)
}

fn sample_virtual_table(
    table: &TableCarry,
    database: &Connection,
    replica: &Connection,
) -> rusqlite::Result<()> {
    let rowid = (table.rowid != Rowid::Elsewhere).then(|| "rowid".to_owned());
    let columns = table.columns.iter().filter_map(|c| c.source.sql());
    let columns: Vec<_> = rowid.into_iter().chain(columns).collect();
    let (name, list) = (quote(&table.from), columns.join(", "));
    let places = vec!["?"; columns.len()].join(", ");
    let mut insert = replica.prepare(&format!("INSERT INTO {name} ({list}) VALUES ({places})"))?;
    let mut select = database.prepare(&format!("SELECT {list} FROM {name} LIMIT {SAMPLE}"))?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let values = (0..columns.len()).map(|i| row.get(i)).collect::<rusqlite::Result<Vec<Value>>>()?;
        insert.execute(rusqlite::params_from_iter(&values))?;
    }
    Ok(())
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
    fn table(&mut self, table: &'s Table) -> rusqlite::Result<()> {
        let order = order(table);
        let descending = order.split(", ").map(|c| format!("{c} DESC")).collect::<Vec<_>>().join(", ");
        self.copy(table, &format!("ORDER BY {order} LIMIT {SAMPLE}"), &[])?;
        self.copy(table, &format!("ORDER BY {descending} LIMIT {SAMPLE}"), &[])?;
        let Some(rowid) = table.rowid_name() else { return Ok(()) };
        let bounds = format!("SELECT min({rowid}), max({rowid}) FROM {}", quote(&table.name));
        let (first, last): (Option<i64>, Option<i64>) =
            self.database.query_row(&bounds, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (Some(first), Some(last)) = (first, last) else { return Ok(()) };
        let step = (i128::from(last) - i128::from(first)) / i128::from(SAMPLE);
        for number in 1..i128::from(SAMPLE) {
            let Ok(from) = i64::try_from(i128::from(first) + step * number) else { continue };
            self.copy(
                table,
                &format!("WHERE {rowid} >= ?1 ORDER BY {rowid} LIMIT 1"),
                &[Value::Integer(from)],
            )?;
        }
        Ok(())
    }

    fn copy(&mut self, table: &'s Table, clause: &str, parameters: &[Value]) -> rusqlite::Result<()> {
        let names: Vec<_> =
            table.columns.iter().filter(|c| c.generated.is_none()).map(|c| quote(&c.name)).collect();
        let rowid = table.rowid_name().filter(|_| table.rowid_alias.is_none());
        let listed = rowid.map(str::to_owned).into_iter().chain(names).collect::<Vec<_>>();
        let columns = listed.join(", ");
        let sql = format!("SELECT {columns} FROM {} {clause}", quote(&table.name));
        let places = vec!["?"; listed.len()].join(", ");
        let insert = format!("INSERT OR ABORT INTO {} ({columns}) VALUES ({places})", quote(&table.name));
        let mut select = self.database.prepare_cached(&sql)?;
        let mut insert = self.replica.prepare_cached(&insert)?;
        let mut rows = select.query(rusqlite::params_from_iter(parameters))?;
        while let Some(row) = rows.next()? {
            let values = (0..listed.len()).map(|i| row.get(i)).collect::<rusqlite::Result<Vec<Value>>>()?;
            if self.taken.entry(table.name.clone()).or_default().insert(format!("{values:?}")) {
                insert.execute(rusqlite::params_from_iter(&values))?;
                let skipped = usize::from(rowid.is_some());
                self.queue.push_back((table, values[skipped..].to_vec()));
            }
        }
        Ok(())
    }

    /// Closes the sample over foreign-key parents: a row without its parent would look like a loss.
    fn parents(&mut self) -> rusqlite::Result<()> {
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

/// The key of a table, as a list for ORDER BY.
fn order(table: &Table) -> String {
    match (table.rowid_name(), &table.primary_key) {
        (Some(rowid), _) => rowid.to_owned(),
        (None, Some(key)) => {
            let columns: Vec<_> = key.columns.iter().map(|c| c.expression.clone()).collect();
            columns.join(", ")
        }
        (None, None) => "1".to_owned(),
    }
}

fn copy_marks(database: &Connection, replica: &Connection) -> rusqlite::Result<()> {
    let there = crate::evidence::has_table(database, "sqlite_sequence")?
        && crate::evidence::has_table(replica, "sqlite_sequence")?;
    if !there {
        return Ok(());
    }
    replica.execute("DELETE FROM sqlite_sequence", [])?;
    let mut select = database.prepare("SELECT name, seq FROM sqlite_sequence")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (name, mark): (Value, Value) = (row.get(0)?, row.get(1)?);
        replica.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)", [name, mark])?;
    }
    Ok(())
}
