//! Who does something now.

use anyhow::Result;

use crate::error::Told;
use crate::release::check::{Check, Verdict, fine, line};
use crate::release::lock::{State, Status};

const LOCK: &str = "lock";

/// The state of the lock, and the line about it: that somebody holds it is worth knowing, and nothing that is off.
pub(super) fn line_about(status: Result<Status>) -> (Option<State>, Check) {
    match status {
        Ok(status) => {
            let told = status.to_string();
            let mut lines = told.lines().map(|line| line.trim().to_owned());
            let evidence = lines.next().unwrap_or_default();
            (Some(status.state), Check { details: lines.collect(), ..fine(LOCK, evidence) })
        }
        // As for the refs: an origin that is silent is not asked.
        Err(error) => {
            let Told { message, remedy, .. } = Told::of(&error);
            (None, line(LOCK, Verdict::NotRead, message, remedy))
        }
    }
}
