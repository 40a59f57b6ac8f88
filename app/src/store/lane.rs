//! Connections of one kind, each lent to one query at a time; further queries wait in order.

use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout_at;

#[derive(Debug)]
pub(super) struct Lane {
    size: usize,
    idle: Mutex<mpsc::Receiver<Connection>>,
    back: mpsc::Sender<Connection>,
}

/// Virtual machine steps between two looks at the time: a few microseconds.
const STEPS: i32 = 1000;

/// A connection that goes back to its lane when this is dropped, also by a panic.
#[derive(Debug)]
pub(super) struct Lease {
    connection: Option<Connection>,
    back: mpsc::Sender<Connection>,
}

impl Lane {
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        let size = connections.len();
        let (back, idle) = mpsc::channel(size);
        for connection in connections {
            back.try_send(connection).expect("the channel has room for every connection");
        }
        Self { size, idle: Mutex::new(idle), back }
    }

    /// Waits for a connection until then; `None` when none got free, or the lane is closed.
    pub(super) async fn lease(&self, until: Instant) -> Option<Lease> {
        let idle = async { self.idle.lock().await.recv().await };
        let connection = timeout_at(until.into(), idle).await.ok()??;
        Some(Lease { connection: Some(connection), back: self.back.clone() })
    }

    /// Waits until every connection came back, and takes them out for good.
    pub(super) async fn close(&self) -> Vec<Connection> {
        let mut idle = self.idle.lock().await;
        let mut connections = Vec::with_capacity(self.size);
        while connections.len() < self.size {
            connections.extend(idle.recv().await);
        }
        idle.close();
        connections
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
        if let Some(connection) = self.connection.take() {
            // An error means that the lane is gone; then the connection is closed here.
            let _ = self.back.try_send(connection);
        }
    }
}
