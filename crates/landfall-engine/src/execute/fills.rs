//! Tables that `@from` fills, made before the first step of the plan; as many rows as the SELECT has, and nothing else is written.

use rusqlite::Connection;

use super::{Execution, failed, interrupted};
use crate::failure::Failure;
use crate::observer::Observer;
use crate::operation::StepKind;
use crate::plan::plural;
use crate::report::Evidence;
use crate::token::{fold, quote};
use crate::tuning;
use crate::watch::{Event, Watch};

impl Execution<'_> {
    /// Whether it is one of these.
    pub(super) fn fills_table(&self, table: &str) -> bool {
        self.fills.iter().any(|(fill, _)| fill.table.eq_ignore_ascii_case(table))
    }

    pub(super) fn fill(
        &self,
        conn: &mut Connection,
        watch: &mut dyn Watch,
    ) -> Result<Vec<Evidence>, Failure> {
        if self.fills.is_empty() {
            return Ok(Vec::new());
        }
        // Of all of them before the first is made: none may read what another one fills.
        let count = |sql: &str| conn.query_row(sql, [], |row| row.get(0));
        let due = self.fills.iter().map(|(fill, _)| count(&fill.count()));
        let due = due.collect::<rusqlite::Result<Vec<u64>>>()?;
        let mut observer = Observer::start(conn)?;
        let done = self.fill_statements(conn, &due, &mut observer, watch);
        let written = observer.end(conn)?;
        done?;
        if let Some(other) = written.iter().find(|name| !name.starts_with("sqlite_")) {
            let clause = format!("would write rows of {other} where it only reads them");
            return Err(Failure::Evidence { object: other.clone(), clause });
        }
        self.fills.iter().zip(due).map(|((fill, _), due)| filled(conn, &fill.table, due)).collect()
    }

    fn fill_statements(
        &self,
        conn: &mut Connection,
        due: &[u64],
        observer: &mut Observer,
        watch: &mut dyn Watch,
    ) -> Result<(), Failure> {
        let steps = self.fills.iter().zip(due).flat_map(|((fill, _), due)| fill.steps(*due));
        for (number, step) in (1..).zip(steps) {
            watch.event(&Event::Step { number, total: self.total(), step: &step });
            if self.settings.interrupt.is_raised() {
                return Err(Failure::Reading(interrupted()));
            }
            let changes = conn.total_changes();
            tuning::around(conn, &step, |conn| conn.execute_batch(&step.sql))
                .map_err(|error| failed(&step, error))?;
            observer.after_statement(conn)?;
            let changed = conn.total_changes() - changes;
            if step.kind() == StepKind::Insert && changed != step.cost.rows {
                return Err(miscounted(step.table(), changed, step.cost.rows));
            }
        }
        Ok(())
    }
}

fn filled(conn: &Connection, table: &str, due: u64) -> Result<Evidence, Failure> {
    let count = format!("SELECT count(*) FROM {}", quote(table));
    let rows_after = conn.query_row(&count, [], |row| row.get(0))?;
    if rows_after != due {
        return Err(miscounted(table, rows_after, due));
    }
    Ok(Evidence { table: table.to_owned(), rows_before: 0, rows_after, sampled: false, checksum: None })
}

fn miscounted(table: &str, rows: u64, due: u64) -> Failure {
    let clause = format!("would fill {} with {}, of which the SELECT has {due}", fold(table), plural(rows));
    Failure::Evidence { object: table.to_owned(), clause }
}
