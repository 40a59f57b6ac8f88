//! Somebody asks to stop: who asked, and SQLite looking whether anybody did.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

use crate::error::{Error, ErrorKind};

/// Virtual machine steps between two looks at the request to stop.
pub(crate) const STEPS: i32 = 10_000;

/// A request to stop, shared with whoever handles signals. The migration is rolled back.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Ask the running migration to roll back and return [`ErrorKind::Interrupted`].
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// What is true once somebody asked, for a signal handler to set, which may do no more than that.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// From here on a statement of this connection ends as interrupted once somebody asks to stop.
pub(crate) fn stop_when_raised(conn: &mut Connection, interrupt: &Interrupt) -> rusqlite::Result<()> {
    let interrupt = interrupt.clone();
    conn.progress_handler(STEPS, Some(move || interrupt.is_raised()))
}

/// The error of a stop that was asked for before there was a plan.
pub(crate) fn while_planning() -> Error {
    Error::new(ErrorKind::Interrupted, "", "interrupted while planning")
        .unchanged()
        .remedy("run the command again")
}
