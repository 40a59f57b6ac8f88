//! The declared rows, brought once the schema is the declared one; counted, and nothing else is written.

use rusqlite::Connection;

use super::{Execution, failed, interrupted};
use crate::due::Due;
use crate::failure::Failure;
use crate::matching::carry;
use crate::observer::Observer;
use crate::operation::StepKind;
use crate::plan::plural;
use crate::report::Evidence;
use crate::schema::Schema;
use crate::token::{fold, quote};
use crate::watch::{Event, Watch};

impl Execution<'_> {
    pub(super) fn bring_rows(
        &self,
        conn: &mut Connection,
        evidence: &mut Vec<Evidence>,
        watch: &mut dyn Watch,
    ) -> Result<(), Failure> {
        if self.row_steps.is_empty() {
            return Ok(());
        }
        let tables = self.due.tables();
        let count = |conn: &Connection, table: &str| -> rusqlite::Result<u64> {
            conn.query_row(&format!("SELECT count(*) FROM {}", quote(table)), [], |row| row.get(0))
        };
        let before = tables.iter().map(|table| count(conn, table)).collect::<rusqlite::Result<Vec<_>>>()?;
        let mut observer = Observer::start(conn)?;
        let done = self.row_statements(conn, &mut observer, watch);
        let written = observer.end(conn)?;
        done?;
        let is_meant = |name: &String| {
            name.starts_with("sqlite_") || self.row_steps.iter().any(|step| fold(step.table()) == *name)
        };
        if let Some(other) = written.iter().find(|name| !is_meant(name)) {
            let clause = format!("would write rows of {other} for rows that schema.sql declares");
            return Err(Failure::Evidence { object: other.clone(), clause });
        }
        for (table, was) in tables.into_iter().zip(before) {
            let (is, inserted) = (count(conn, table)?, self.due.inserted(table));
            if is != was + inserted {
                let clause =
                    format!("would leave {} in {table} where {} had to be", plural(is), was + inserted);
                return Err(Failure::Evidence { object: table.to_owned(), clause });
            }
            tell(evidence, table, (was, is));
        }
        Ok(())
    }

    fn row_statements(
        &self,
        conn: &Connection,
        observer: &mut Observer,
        watch: &mut dyn Watch,
    ) -> Result<(), Failure> {
        for (number, step) in (2 * self.fills.len() + self.steps.len() + 1..).zip(&self.row_steps) {
            watch.event(&Event::Step { number, total: self.total(), step });
            if self.settings.interrupt.is_raised() {
                return Err(Failure::Reading(interrupted()));
            }
            let changes = conn.total_changes();
            conn.execute_batch(&step.sql).map_err(|error| failed(step, error))?;
            observer.after_statement(conn)?;
            let changed = conn.total_changes() - changes;
            if step.kind() != StepKind::Rebuild && changed != step.cost.rows {
                let clause = format!(
                    "would write {} where {} had to be, in `{}`",
                    plural(changed),
                    step.cost.rows,
                    step.sql
                );
                return Err(Failure::Evidence { object: step.table().to_owned(), clause });
            }
        }
        Ok(())
    }

    /// Whether every declared row is there now.
    pub(super) fn compare_declared_rows(&self, conn: &Connection, reached: &Schema) -> Result<(), Failure> {
        if self.declared.rows.is_empty() || self.settings.schema_alone {
            return Ok(());
        }
        let unreached = |object: &str, why: &str| Failure::Evidence {
            object: object.to_owned(),
            clause: format!("would not reach schema.sql: {why}"),
        };
        let carry =
            carry(reached, self.declared).map_err(|error| unreached(&error.object, &error.message))?;
        let due = Due::find(Some(conn), reached, self.declared, &carry)?;
        match due.differences().first() {
            None => Ok(()),
            Some(first) => Err(unreached(&first.object, &first.message)),
        }
    }
}

fn tell(evidence: &mut Vec<Evidence>, table: &str, (rows_before, rows_after): (u64, u64)) {
    match evidence.iter_mut().find(|evidence| evidence.table == table && !evidence.sampled) {
        Some(evidence) => evidence.rows_after = rows_after,
        None => {
            evidence.retain(|evidence| evidence.table != table);
            let table = table.to_owned();
            evidence.push(Evidence { table, rows_before, rows_after, sampled: false, checksum: None });
        }
    }
}
