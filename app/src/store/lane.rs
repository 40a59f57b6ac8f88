//! Connections of one kind, each lent to one query at a time; further queries wait in order.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;

#[derive(Debug)]
pub(super) struct Lane {
    /// One for each idle connection.
    turns: Arc<Semaphore>,
    idle: Arc<Idle>,
    size: u32,
}

#[derive(Debug)]
struct Idle(Mutex<Vec<Connection>>);

/// Virtual machine steps between two looks at the time: a few microseconds.
const STEPS: i32 = 1000;

/// A connection that goes back to its lane when this is dropped, also by a panic.
#[derive(Debug)]
pub(super) struct Lease {
    connection: Option<Connection>,
    idle: Arc<Idle>,
    /// Dropped after the connection is back.
    _turn: OwnedSemaphorePermit,
}

impl Lane {
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        let size = u32::try_from(connections.len()).expect("a lane has a few connections");
        let turns = Semaphore::new(connections.len()).into();
        Self { turns, idle: Idle(connections.into()).into(), size }
    }

    /// Waits for a connection until then; `None` when none got free, or the lane is closed.
    pub(super) async fn lease(&self, until: Instant) -> Option<Lease> {
        let turn = timeout_at(until.into(), Arc::clone(&self.turns).acquire_owned()).await.ok()?.ok()?;
        let connection = self.idle.all().pop();
        Some(Lease { connection, idle: Arc::clone(&self.idle), _turn: turn })
    }

    /// Waits until every connection came back, and takes them out for good.
    pub(super) async fn close(&self) -> Vec<Connection> {
        // An error means that it is closed already, and empty.
        let _all = self.turns.acquire_many(self.size).await;
        self.turns.close();
        mem::take(&mut *self.idle.all())
    }
}

impl Idle {
    fn all(&self) -> MutexGuard<'_, Vec<Connection>> {
        // It is whole after every call.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// The connection, on which nothing lasts longer than until then: neither a wait for a lock nor a query.
    pub(super) fn until(&mut self, deadline: Instant) -> rusqlite::Result<&Connection> {
        let connection = self.connection.as_mut().expect("a lease has its connection until it is dropped");
        connection.busy_timeout(deadline.saturating_duration_since(Instant::now()))?;
        connection.progress_handler(STEPS, Some(move || Instant::now() >= deadline))?;
        Ok(connection)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.idle.all().extend(self.connection.take());
    }
}
