//! Connections of one kind, each with a thread of its own that works on one query after the other; further queries wait in order.
//! Who is done with a query goes on with the next: to hand a connection over to another thread takes longer than to read a row.

use std::collections::BTreeMap;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::oneshot;
use tokio::task;
use tokio::time::timeout_at;

#[derive(Debug)]
pub(super) struct Lane {
    queue: Arc<Queue>,
    /// Each gives its connection once the lane is closed.
    threads: Mutex<Vec<JoinHandle<Connection>>>,
}

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<State>,
    came: Condvar,
}

#[derive(Default)]
struct State {
    closed: bool,
    /// Threads that wait for a query.
    idle: usize,
    last: u64,
    /// By the order in which they came.
    waiting: BTreeMap<u64, Query>,
}

type Query = Box<dyn FnOnce(&mut Connection) + Send>;

/// Why a query has no answer.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// It was not begun and never will be: no connection got free in time, or the lane is closed.
    Late,
    /// It panicked.
    Panicked,
}

/// A query's place among those that wait, which it leaves when this is dropped.
struct Turn<'q> {
    queue: &'q Queue,
    number: u64,
}

impl Lane {
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        let queue: Arc<Queue> = Arc::default();
        let work = |connection| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.work(connection))
        };
        let threads = connections.into_iter().map(work).collect();
        Self { threads: Mutex::new(threads), queue }
    }

    /// A query that is not begun by then, or when whoever asked goes away, never is. One that is begun is waited for, and goes on to its
    /// end without whoever asked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        until: Instant,
        query: impl FnOnce(&mut Connection) -> T + Send + 'static,
    ) -> Result<T, Unanswered> {
        let (sender, mut answer) = oneshot::channel();
        let query = move |connection: &mut Connection| drop(sender.send(query(connection)));
        let turn = self.queue.enter(Box::new(query)).ok_or(Unanswered::Late)?;
        let answer = match timeout_at(until.into(), &mut answer).await {
            Ok(answer) => answer,
            Err(_) if turn.leave() => return Err(Unanswered::Late),
            Err(_) => answer.await,
        };
        answer.map_err(|_| Unanswered::Panicked)
    }

    /// Waits until every query is done, and takes the connections out for good.
    pub(super) async fn close(&self) -> Vec<Connection> {
        self.queue.close();
        let threads = mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let end = move || threads.into_iter().filter_map(|thread| thread.join().ok()).collect();
        task::spawn_blocking(end).await.unwrap_or_default()
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Queue {
    /// `None` where nobody works any more.
    fn enter(&self, query: Query) -> Option<Turn<'_>> {
        let mut state = self.state();
        if state.closed {
            return None;
        }
        state.last += 1;
        let number = state.last;
        state.waiting.insert(number, query);
        let idle = state.idle > 0;
        drop(state);
        if idle {
            self.came.notify_one();
        }
        Some(Turn { queue: self, number })
    }

    /// Until it is closed and nobody waits.
    fn work(&self, mut connection: Connection) -> Connection {
        while let Some(query) = self.next() {
            // Whoever asked learns of a panic when the sender is dropped, and stderr of its place.
            let _ = catch_unwind(AssertUnwindSafe(|| query(&mut connection)));
        }
        connection
    }

    fn next(&self) -> Option<Query> {
        let mut state = self.state();
        loop {
            if let Some((_, query)) = state.waiting.pop_first() {
                return Some(query);
            }
            if state.closed {
                return None;
            }
            state.idle += 1;
            state = self.came.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    fn close(&self) {
        self.state().closed = true;
        self.came.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // It is whole after every call.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// Whether its query had not begun: then it never will.
    fn leave(&self) -> bool {
        self.queue.state().waiting.remove(&self.number).is_some()
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::mpsc::{Sender, channel};
    use std::time::Duration;

    use super::*;

    fn lane() -> Lane {
        let database = Connection::open_in_memory().unwrap();
        database.execute_batch("CREATE TABLE t (x INTEGER)").unwrap();
        Lane::new(vec![database])
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(20)
    }

    fn long() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    fn insert(database: &mut Connection) {
        database.execute("INSERT INTO t VALUES (1)", []).unwrap();
    }

    async fn count(lane: &Lane) -> i64 {
        let count = |database: &mut Connection| {
            database.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
        };
        lane.run(long(), count).await.unwrap()
    }

    /// A query that holds the only connection until the sender is dropped; it is begun when this returns.
    async fn holding(lane: &Arc<Lane>) -> Sender<()> {
        let (free, freed) = channel::<()>();
        let (begin, begun) = oneshot::channel();
        let lane = Arc::clone(lane);
        tokio::spawn(async move {
            let hold = move |_: &mut Connection| {
                begin.send(()).unwrap();
                freed.recv().unwrap_err()
            };
            lane.run(long(), hold).await.unwrap()
        });
        begun.await.unwrap();
        free
    }

    #[tokio::test]
    async fn what_is_not_begun_in_time_is_never_done() {
        let lane = Arc::new(lane());
        let held = holding(&lane).await;
        assert!(matches!(lane.run(soon(), insert).await, Err(Unanswered::Late)));
        drop(held);
        assert_eq!(count(&lane).await, 0);
    }

    #[tokio::test]
    async fn whoever_goes_away_before_his_turn_takes_his_query_along() {
        let lane = Arc::new(lane());
        let held = holding(&lane).await;
        tokio::select! {
            biased;
            _ = lane.run(long(), insert) => panic!("it was not its turn"),
            () = std::future::ready(()) => {}
        }
        assert!(lane.queue.state().waiting.is_empty());
        drop(held);
        assert_eq!(count(&lane).await, 0);
    }

    #[tokio::test]
    async fn what_is_begun_is_done_and_answered_however_late_it_is() {
        let lane = lane();
        let late = Instant::now() + Duration::from_secs(1);
        let slow = move |database: &mut Connection| {
            thread::sleep(late + Duration::from_millis(20) - Instant::now());
            insert(database);
        };
        lane.run(late, slow).await.unwrap();
        assert_eq!(count(&lane).await, 1);
    }

    #[tokio::test]
    async fn closing_waits_for_those_who_came_before_and_refuses_those_after() {
        let lane = Arc::new(lane());
        let held = holding(&lane).await;
        let (before, closed, after) = tokio::join!(
            biased;
            lane.run(long(), insert),
            async {
                drop(held);
                lane.close().await
            },
            lane.run(long(), insert)
        );
        assert!(before.is_ok() && matches!(after, Err(Unanswered::Late)));
        let rows: i64 = closed[0].query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!((rows, closed.len(), lane.close().await.len()), (1, 1, 0));
    }

    #[tokio::test]
    async fn a_panic_ends_its_query_alone() {
        let lane = lane();
        let panics = |_: &mut Connection| panic!("on purpose");
        assert!(matches!(lane.run(long(), panics).await, Err::<(), _>(Unanswered::Panicked)));
        assert_eq!(count(&lane).await, 0);
    }
}
