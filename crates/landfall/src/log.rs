//! The log, on stderr: stdout belongs to what a command was asked for.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use landfall_engine::{Event, Watch, written};
use tracing::info;

/// Prints without times: whoever keeps the log (Fly, Docker, journald) adds them.
pub(crate) fn init() {
    let log = tracing_subscriber::fmt().with_writer(|| Lines).with_target(false).without_time();
    // A line that cannot be written is lost: told on stderr, as by default, that would be a panic in the middle of whatever logs.
    log.log_internal_errors(false).init();
}

/// Where the log writes a line, as it may be shown. Each comes in one piece.
struct Lines;

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(landfall_engine::shown(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Tells a migration's events to the log.
#[derive(Debug, Default)]
pub(crate) struct Narrator {
    rows_told: Option<Instant>,
}

const BETWEEN_ROWS: Duration = Duration::from_secs(5);

impl Watch for Narrator {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::WaitingForLock { database, limit } => waiting(database, *limit),
            Event::Proving { planner } => info!("proving the plan of {planner} on a replica"),
            Event::Replanning => {
                info!("the database changed since the plan was made: planning again");
            }
            Event::Step { number, total, step } => {
                let sql = first_line(&step.sql);
                info!("step {number} of {total}: {sql}");
            }
            Event::Rows { table, done, total } => self.rows(&written(table), *done, *total),
            Event::Checking { table } => info!("checking {}", written(table)),
            _ => {}
        }
    }
}

impl Narrator {
    fn rows(&mut self, table: &str, done: u64, total: u64) {
        if self.rows_told.is_none_or(|told| told.elapsed() >= BETWEEN_ROWS) {
            self.rows_told = Some(Instant::now());
            info!("{table}: {done} of {total} rows");
        }
    }
}

fn waiting(database: &Path, limit: Duration) {
    info!("{} is locked by another connection: waiting up to {} s", database.display(), limit.as_secs());
}

fn first_line(sql: &str) -> &str {
    sql.lines().next().unwrap_or_default()
}
