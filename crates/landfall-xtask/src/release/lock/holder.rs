//! Who holds a lock: the one line for people and the line of JSON that its commit and its file carry.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::mark;
use crate::name::{AppName, Revision};
use crate::plain;

/// What is done under a lock. Its name in JSON is the kebab-case of the variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Work {
    /// A commit is shipped.
    Deploy,
    /// An earlier one is brought back.
    Rollback,
}

/// Who holds a lock, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// The app on Fly.
    pub(crate) app: AppName,
    /// Who.
    pub(crate) holder: String,
    /// On which machine.
    pub(crate) host: String,
    /// In which process there.
    pub(crate) pid: u32,
    /// The commit that production is to serve afterwards.
    pub(crate) commit: Revision,
    /// What is done.
    pub(crate) command: Work,
    /// When it began, as in RFC 3339, so exactly that no other holder has the same.
    pub(crate) since: String,
    /// Until when it counts unless it is renewed, by its own clock; `None` where it ends with its process.
    pub(crate) expires: Option<String>,
    /// Which process of that number, where its system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) process: Option<String>,
}

impl Holder {
    /// The message of its commit.
    pub(super) fn message(&self) -> serde_json::Result<String> {
        let until =
            self.expires.as_ref().map_or_else(String::new, |time| format!(", until {}", to_the_second(time)));
        Ok(format!("{self} {}{until}\n\n{}\n", self.does(), serde_json::to_string(self)?))
    }

    /// Of such a message; `None` where it is none.
    pub(super) fn parse(message: &str) -> Option<Self> {
        let line = message.lines().find(|line| line.starts_with('{'))?;
        let mut document = serde_json::from_str(line).ok()?;
        plain::json(&mut document);
        serde_json::from_value(document).ok()
    }

    /// Whether its process ran on this machine, and is gone.
    pub(super) fn is_gone(&self) -> bool {
        self.process.as_deref().is_some_and(|mark| mark::is_gone(self.pid, mark))
    }

    /// Whether it should have been renewed, where its clock and ours differ by this at most. Clocks may differ by more: that it was not
    /// renewed is known only to whoever watches it.
    pub(super) fn looks_expired(&self, skew: Duration) -> bool {
        let expires = self.expires.as_deref().and_then(|time| humantime::parse_rfc3339(time).ok());
        expires.is_some_and(|expires| SystemTime::now() > expires + skew)
    }

    /// Whether it is the same one, who has only renewed it.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.since, &self.host, self.pid) == (&other.since, &other.host, other.pid)
    }

    /// `deploys 0123456789ab since 2026-08-01T12:00:00Z`.
    pub(crate) fn does(&self) -> String {
        let does = match self.command {
            Work::Deploy => "deploys",
            Work::Rollback => "rolls back to",
        };
        format!("{does} {} since {}", self.commit.short(), to_the_second(&self.since))
    }

    /// `the lock expires at 2026-08-01T12:02:00Z unless it is renewed`.
    pub(super) fn ends(&self) -> String {
        match &self.expires {
            Some(time) => format!("the lock expires at {} unless it is renewed", to_the_second(time)),
            None => "the lock ends with that process".to_owned(),
        }
    }

    /// Until when it counted, by its own clock.
    pub(super) fn expiry(&self) -> String {
        self.expires.as_deref().map(to_the_second).unwrap_or_default()
    }
}

/// `ada@example.com on laptop (process 4711)`.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {} (process {})", self.holder, self.host, self.pid)
    }
}

/// A time as people are told it.
pub(super) fn to_the_second(time: &str) -> String {
    let read = humantime::parse_rfc3339(time);
    read.map_or_else(|_| time.to_owned(), |time| humantime::format_rfc3339_seconds(time).to_string())
}
