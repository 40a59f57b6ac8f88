//! How often a client may guess the password. Values in, values out: the time is told, never read here.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::client::Client;

/// So many wrong passwords within the span, and the client has to wait until the span is over.
const LIMIT: usize = 10;
/// So many of all strangers together: whoever has many addresses gets no more than that out of them. It is also what keeps the memory
/// for clients bounded, so that none is forgotten within the span.
const LIMIT_OF_ALL: usize = 100;
const SPAN: Duration = Duration::from_secs(60);
/// As many clients are known, by the right password; the one that had it longest ago is a stranger again.
const KNOWN: usize = 64;
/// As many clients, and those of an earlier span are forgotten.
const CLIENTS: usize = 1024;

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

/// When who was wrong: the oldest first.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// At most [`LIMIT`] times each.
    wrong: HashMap<Client, Vec<Instant>>,
    /// At most [`LIMIT_OF_ALL`] times.
    of_strangers: VecDeque<Instant>,
    /// When each was last right. While strangers guess, who belongs here is not kept out.
    known: HashMap<Client, Instant>,
}

impl Attempts {
    pub(super) fn judge(&mut self, client: Client, given: Given, now: Instant) -> Verdict {
        if let Some(wait) = self.wait(client, now) {
            return Verdict::Wait(wait);
        }
        match given {
            Given::Right => {
                self.know(client, now);
                Verdict::Pass
            }
            Given::Nothing => Verdict::Ask,
            Given::Wrong => {
                self.remember(client, now);
                Verdict::Ask
            }
        }
    }

    fn wait(&self, client: Client, now: Instant) -> Option<Duration> {
        let own =
            self.wrong.get(&client).filter(|wrong| wrong.len() >= LIMIT).and_then(|wrong| wrong.first());
        let all = &self.of_strangers;
        let all = all.front().filter(|_| all.len() >= LIMIT_OF_ALL && !self.known.contains_key(&client));
        let wait = (*own.max(all)? + SPAN).saturating_duration_since(now);
        (!wait.is_zero()).then_some(wait)
    }

    fn know(&mut self, client: Client, now: Instant) {
        if self.known.len() >= KNOWN && !self.known.contains_key(&client) {
            let oldest = self.known.iter().min_by_key(|(_, right)| **right).map(|(client, _)| *client);
            oldest.and_then(|oldest| self.known.remove(&oldest));
        }
        self.known.insert(client, now);
    }

    fn remember(&mut self, client: Client, now: Instant) {
        let recent = |at: &Instant| now.saturating_duration_since(*at) < SPAN;
        if !self.known.contains_key(&client) {
            while self.of_strangers.front().is_some_and(|at| !recent(at)) {
                self.of_strangers.pop_front();
            }
            self.of_strangers.push_back(now);
        }
        if self.wrong.len() >= CLIENTS {
            self.wrong.retain(|_, wrong| wrong.last().is_some_and(recent));
        }
        let wrong = self.wrong.entry(client).or_default();
        wrong.retain(recent);
        wrong.push(now);
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
        assert!(attempts.wrong.is_empty() && attempts.of_strangers.is_empty());
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
        assert_eq!(attempts.wrong[&client(1)].len(), 1);
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
    fn many_addresses_get_no_more_guesses_than_a_few_and_make_nobody_forgotten() {
        let start = Instant::now();
        let mut attempts = wrong(10, start);
        let mut taken = 10;
        for number in 2..5000 {
            let now = start + Duration::from_millis(number.into());
            taken += usize::from(attempts.judge(client(number), Given::Wrong, now) == Verdict::Ask);
        }
        assert_eq!(taken, 100);
        assert!(matches!(attempts.judge(client(1), Given::Right, start + seconds(10)), Verdict::Wait(_)));
        // Not even the right one of another stranger is looked at: it would tell that it is right.
        let stranger = attempts.judge(client(9999), Given::Right, start + seconds(10));
        assert_eq!(stranger, Verdict::Wait(seconds(50)));
        assert_eq!(attempts.judge(client(9999), Given::Right, start + seconds(60)), Verdict::Pass);
    }

    #[test]
    fn who_belongs_here_is_not_kept_out_by_strangers_and_has_no_more_guesses() {
        let start = Instant::now();
        let mut attempts = Attempts::default();
        assert_eq!(attempts.judge(client(1), Given::Right, start), Verdict::Pass);
        for number in 2..200 {
            attempts.judge(client(number), Given::Wrong, start);
        }
        for _ in 0..10 {
            assert_eq!(attempts.judge(client(1), Given::Right, start), Verdict::Pass);
            assert_eq!(attempts.judge(client(1), Given::Wrong, start), Verdict::Ask);
        }
        assert_eq!(attempts.judge(client(1), Given::Right, start), Verdict::Wait(seconds(60)));
    }

    #[test]
    fn memory_is_bounded_however_long_they_guess_and_whoever_is_right() {
        let start = Instant::now();
        let mut attempts = Attempts::default();
        for number in 0..100_000 {
            let now = start + Duration::from_millis(700) * number;
            attempts.judge(client(number), Given::Wrong, now);
            attempts.judge(client(number + 1_000_000), Given::Right, now);
            assert!(attempts.wrong.len() <= CLIENTS && attempts.known.len() <= KNOWN);
            assert!(attempts.of_strangers.len() <= LIMIT_OF_ALL);
        }
        // The one who had it last is known, and the one of long ago is not.
        assert!(
            attempts.known.contains_key(&client(1_099_999))
                && !attempts.known.contains_key(&client(1_000_000))
        );
    }
}
