//! How often a client may guess the password. Values in, values out: the time is told, never read here.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::client::Client;

/// So many wrong passwords within the span, and the client has to wait until the span is over.
const LIMIT: usize = 10;
const SPAN: Duration = Duration::from_secs(60);
/// However many clients come, only so many are remembered; the one that guessed longest ago is forgotten first.
const CLIENTS: usize = 4096;

/// What a request brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    Nothing,
    Wrong,
    Right,
}

/// What follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    Ask,
    /// Not even the right password counts before this is over.
    Wait(Duration),
}

/// When each client was last wrong: at most [`LIMIT`] times, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Attempts(HashMap<Client, Vec<Instant>>);

impl Attempts {
    pub(super) fn judge(&mut self, client: Client, given: Given, now: Instant) -> Verdict {
        if let Some(wait) = self.wait(client, now) {
            return Verdict::Wait(wait);
        }
        match given {
            Given::Right => Verdict::Pass,
            Given::Nothing => Verdict::Ask,
            Given::Wrong => {
                self.remember(client, now);
                Verdict::Ask
            }
        }
    }

    fn wait(&self, client: Client, now: Instant) -> Option<Duration> {
        let wrong = self.0.get(&client).filter(|wrong| wrong.len() >= LIMIT)?;
        let wait = (*wrong.first()? + SPAN).saturating_duration_since(now);
        (!wait.is_zero()).then_some(wait)
    }

    fn remember(&mut self, client: Client, now: Instant) {
        if self.0.len() >= CLIENTS && !self.0.contains_key(&client) {
            self.forget_one();
        }
        let wrong = self.0.entry(client).or_default();
        wrong.retain(|at| now.saturating_duration_since(*at) < SPAN);
        wrong.push(now);
    }

    fn forget_one(&mut self) {
        let oldest = self.0.iter().min_by_key(|(_, wrong)| wrong.last().copied());
        if let Some(client) = oldest.map(|(client, _)| *client) {
            self.0.remove(&client);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn client(number: u32) -> Client {
        Client::new(Ipv4Addr::from_bits(number).into())
    }

    /// Attempts of client 1 that was wrong so often at that moment.
    fn wrong(times: usize, now: Instant) -> Attempts {
        let mut attempts = Attempts::default();
        for _ in 0..times {
            assert_eq!(attempts.judge(client(1), Given::Wrong, now), Verdict::Ask);
        }
        attempts
    }

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[test]
    fn after_ten_wrong_passwords_even_the_right_one_waits_until_the_minute_is_over() {
        let start = Instant::now();
        let mut attempts = wrong(10, start);
        for given in [Given::Wrong, Given::Right, Given::Nothing] {
            let verdict = attempts.judge(client(1), given, start + seconds(1));
            assert_eq!(verdict, Verdict::Wait(seconds(59)));
        }
        let last = start + seconds(60) - Duration::from_nanos(1);
        assert_eq!(attempts.judge(client(1), Given::Right, last), Verdict::Wait(Duration::from_nanos(1)));
        assert_eq!(attempts.judge(client(1), Given::Right, start + seconds(60)), Verdict::Pass);
    }

    #[test]
    fn nine_wrong_passwords_let_the_right_one_through_and_it_resets_nothing() {
        let now = Instant::now();
        let mut attempts = wrong(9, now);
        assert_eq!(attempts.judge(client(1), Given::Right, now), Verdict::Pass);
        assert_eq!(attempts.judge(client(1), Given::Wrong, now), Verdict::Ask);
        assert_eq!(attempts.judge(client(1), Given::Right, now), Verdict::Wait(seconds(60)));
    }

    #[test]
    fn a_request_without_a_password_is_no_attempt() {
        let now = Instant::now();
        let mut attempts = Attempts::default();
        for _ in 0..20 {
            assert_eq!(attempts.judge(client(1), Given::Nothing, now), Verdict::Ask);
        }
        assert_eq!(attempts.judge(client(1), Given::Right, now), Verdict::Pass);
        assert!(attempts.0.is_empty());
    }

    #[test]
    fn attempts_while_waiting_do_not_lengthen_the_wait() {
        let start = Instant::now();
        let mut attempts = wrong(10, start);
        for second in 1..60 {
            let verdict = attempts.judge(client(1), Given::Wrong, start + seconds(second));
            assert_eq!(verdict, Verdict::Wait(seconds(60 - second)));
        }
        assert_eq!(attempts.judge(client(1), Given::Wrong, start + seconds(60)), Verdict::Ask);
        assert_eq!(attempts.0[&client(1)].len(), 1);
    }

    #[test]
    fn no_minute_has_more_than_ten_attempts_wherever_it_begins() {
        let start = Instant::now();
        let mut attempts = wrong(1, start);
        for second in 50..59 {
            let verdict = attempts.judge(client(1), Given::Wrong, start + seconds(second));
            assert_eq!(verdict, Verdict::Ask);
        }
        assert_eq!(attempts.judge(client(1), Given::Wrong, start + seconds(60)), Verdict::Ask);
        assert_eq!(attempts.judge(client(1), Given::Right, start + seconds(61)), Verdict::Wait(seconds(49)));
    }

    #[test]
    fn one_client_does_not_block_another() {
        let now = Instant::now();
        assert_eq!(wrong(10, now).judge(client(2), Given::Right, now), Verdict::Pass);
    }

    #[test]
    fn only_so_many_clients_are_remembered_and_the_oldest_goes_first() {
        let start = Instant::now();
        let mut attempts = Attempts::default();
        for number in 0..5000 {
            let now = start + Duration::from_millis(number.into());
            attempts.judge(client(number), Given::Wrong, now);
            // The first one keeps guessing, so it is never the oldest.
            if number % 1000 == 0 {
                attempts.judge(client(0), Given::Wrong, now);
            }
            assert!(attempts.0.len() <= 4096);
        }
        assert_eq!(attempts.0.len(), 4096);
        assert_eq!(attempts.0[&client(0)].len(), 6);
        assert!(!attempts.0.contains_key(&client(904)));
        assert!(attempts.0.contains_key(&client(905)));
    }
    #[test]
    fn a_client_who_is_remembered_takes_no_place_of_another() {
        let start = Instant::now();
        let mut attempts = Attempts::default();
        for number in 0..4096 {
            attempts.judge(client(number), Given::Wrong, start + Duration::from_millis(number.into()));
        }
        attempts.judge(client(4000), Given::Wrong, start + seconds(5));
        assert_eq!(attempts.0.len(), 4096);
        assert!(attempts.0.contains_key(&client(0)));
    }
}
