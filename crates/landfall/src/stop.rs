//! A request to stop: SIGTERM or SIGINT.

use std::io;

use landfall_engine::Interrupt;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use tracing::info;

use crate::failure::Failure;

const SIGNALS: [i32; 2] = [SIGTERM, SIGINT];

/// From now on a signal rolls a migration back and ends a copy, instead of killing the process.
pub(crate) fn interrupts(interrupt: &Interrupt) -> Result<(), Failure> {
    // No thread: to start and to end one takes longer than to find that there is nothing to do.
    SIGNALS.iter().try_for_each(|signal| flag::register(*signal, interrupt.flag()).map(drop)).map_err(deaf)
}

/// Until somebody asks this process to stop.
pub(crate) fn idle() -> Result<(), Failure> {
    let mut signals = Signals::new(SIGNALS).map_err(deaf)?;
    info!("idle");
    signals.forever().next();
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn deaf(error: io::Error) -> Failure {
    Failure::serving("", format!("cannot listen for signals: {error}"))
}
