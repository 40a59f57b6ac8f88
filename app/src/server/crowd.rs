//! How many connections there are, and which one goes when there is no place for another: the one that has been waiting for its
//! visitor the longest. So whoever only holds connections keeps nobody out.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The most that there are: with what each may have sent, a tenth of the smallest machine's memory.
const MOST: u64 = 1024;
/// Descriptors that are no connections: the log, the runtime, each database with its log and index, `/version`.
const RESERVE: u64 = 64;
/// The turn of a connection that waits for nobody.
const NONE: u64 = 0;
/// Before another one is sent away.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Crowd {
    most: u32,
    places: Arc<Semaphore>,
    waiting: Arc<Waiting>,
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    waiting: Arc<Waiting>,
    /// Its key among the waiting.
    turn: AtomicU64,
    leave: Arc<Notify>,
    _place: OwnedSemaphorePermit,
}

/// Those of whom no whole request is here, in the order in which they began to wait.
#[derive(Debug, Default)]
struct Waiting {
    last: AtomicU64,
    /// Who waits for a place.
    knocking: AtomicU64,
    by_turn: Mutex<BTreeMap<u64, Arc<Notify>>>,
}

/// How many connections the descriptors of this process allow: as many are asked for as it may have.
///
/// # Errors
/// Where too few are allowed to serve anybody.
pub(super) fn most() -> io::Result<u32> {
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(MOST + RESERVE, |maximum| maximum.min(MOST + RESERVE));
    if limit.current.is_some_and(|current| current < wanted) {
        limit = Rlimit { current: Some(wanted), ..limit };
        setrlimit(Resource::Nofile, limit)?;
    }
    let allowed = limit.current.unwrap_or(u64::MAX);
    match u32::try_from(allowed.saturating_sub(RESERVE).min(MOST)) {
        Ok(most) if most > 0 => Ok(most),
        _ => Err(io::Error::other(format!(
            "this process may open {allowed} files, and needs more than {RESERVE}"
        ))),
    }
}

impl Crowd {
    pub(super) fn new(most: u32) -> Self {
        let places = Semaphore::new(usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS));
        Self { most, places: Arc::new(places), waiting: Arc::default() }
    }

    /// A place, at the cost of the connection that has been waiting the longest where there is none.
    pub(super) async fn place(&self) -> Place {
        let places = Arc::clone(&self.places);
        let place = match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => place,
            Err(_) => self.taken_over(places).await,
        };
        let waiting = Arc::clone(&self.waiting);
        let place = Place { waiting, turn: NONE.into(), leave: Arc::default(), _place: place };
        place.waits();
        place
    }

    /// Whoever is sent away may have got a request in this very moment, and stays then.
    async fn taken_over(&self, places: Arc<Semaphore>) -> OwnedSemaphorePermit {
        let _knocks = Knocks::at(&self.waiting);
        loop {
            self.waiting.send_one_away();
            if let Ok(place) = timeout(PAUSE, Arc::clone(&places).acquire_owned()).await {
                return place.expect("nobody closes it");
            }
        }
    }

    /// Until all have left.
    pub(super) async fn left(&self) {
        drop(self.places.acquire_many(self.most).await);
    }
}

impl Place {
    /// A request is here.
    pub(super) fn works(&self) {
        let turn = self.turn.swap(NONE, Ordering::Relaxed);
        if turn != NONE {
            self.waiting.queue(|queue| queue.remove(&turn));
        }
    }

    /// It was answered: the next one is waited for.
    pub(super) fn waits(&self) {
        // One whose body never came was waited for all the time.
        self.works();
        let turn = self.waiting.last.fetch_add(1, Ordering::Relaxed) + 1;
        self.turn.store(turn, Ordering::Relaxed);
        self.waiting.queue(|queue| queue.insert(turn, Arc::clone(&self.leave)));
    }

    /// Whether somebody waits for a place. Then no connection gets a second answer: one whose next request is here already works again
    /// before it is seen to wait (`siege::requests_that_come_at_once_keep_nobody_out`).
    pub(super) fn is_wanted(&self) -> bool {
        self.waiting.knocking.load(Ordering::Relaxed) > 0
    }

    /// Which wait it is, so that two can be told apart; `None` while a request is being worked on.
    pub(super) fn wait(&self) -> Option<u64> {
        Some(self.turn.load(Ordering::Relaxed)).filter(|turn| *turn != NONE)
    }

    /// Until it has to leave for somebody else.
    pub(super) async fn is_needed(&self) {
        loop {
            self.leave.notified().await;
            if self.wait().is_some() {
                return;
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.works();
    }
}

/// Somebody who waits for a place, as long as it lives.
struct Knocks<'w>(&'w Waiting);

impl<'w> Knocks<'w> {
    fn at(waiting: &'w Waiting) -> Self {
        waiting.knocking.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Knocks<'_> {
    fn drop(&mut self) {
        self.0.knocking.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Waiting {
    fn send_one_away(&self) {
        if let Some((_, leave)) = self.queue(BTreeMap::pop_first) {
            leave.notify_one();
        }
    }

    fn queue<T>(&self, act: impl FnOnce(&mut BTreeMap<u64, Arc<Notify>>) -> T) -> T {
        // It is whole after every call.
        act(&mut self.by_turn.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it has to leave by now.
    async fn leaves(place: &Place) -> bool {
        timeout(Duration::ZERO, place.is_needed()).await.is_ok()
    }

    /// Somebody else, who gets no place yet.
    async fn knocks(crowd: &Crowd) {
        assert!(timeout(Duration::ZERO, crowd.place()).await.is_err());
    }

    #[tokio::test]
    async fn who_waits_the_longest_goes_first_and_who_works_stays() {
        let crowd = Crowd::new(3);
        let (first, second, third) = (crowd.place().await, crowd.place().await, crowd.place().await);
        first.works();
        knocks(&crowd).await;
        assert_eq!((leaves(&first).await, leaves(&second).await, leaves(&third).await), (false, true, false));
        // Answered meanwhile: it waits for a shorter time than the third.
        first.waits();
        knocks(&crowd).await;
        assert_eq!((leaves(&first).await, leaves(&third).await), (false, true));
    }

    #[tokio::test]
    async fn who_gets_a_request_while_he_is_sent_away_stays() {
        let crowd = Crowd::new(1);
        let place = crowd.place().await;
        crowd.waiting.send_one_away();
        place.works();
        assert!(!leaves(&place).await);
    }

    #[tokio::test]
    async fn where_all_work_nobody_goes_and_the_next_one_waits() {
        let crowd = Crowd::new(1);
        let place = crowd.place().await;
        place.works();
        knocks(&crowd).await;
        assert!(!leaves(&place).await);
        drop(place);
        drop(crowd.place().await);
        crowd.left().await;
    }

    #[test]
    fn some_descriptors_are_never_a_connections() {
        let most = u64::from(most().unwrap_or_default());
        let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        assert!((1..=MOST).contains(&most) && most + RESERVE <= allowed, "{most} of {allowed}");
    }
}
