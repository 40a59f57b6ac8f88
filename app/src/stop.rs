//! A request to stop: SIGTERM or SIGINT.

use std::thread;

use migrate::Interrupt;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tokio::sync::watch;

use crate::failure::Failure;

/// Becomes true once somebody asked this process to stop.
pub(crate) type Stop = watch::Receiver<bool>;

/// From now on a signal rolls a migration back and stops the server, instead of killing the process.
pub(crate) fn on_signal(interrupt: Interrupt) -> Result<Stop, Failure> {
    let mut signals = Signals::new([SIGTERM, SIGINT])
        .map_err(|error| Failure::serving("", format!("cannot listen for signals: {error}")))?;
    let (sender, stop) = watch::channel(false);
    thread::spawn(move || {
        for _ in signals.forever() {
            interrupt.raise();
            sender.send_replace(true);
        }
    });
    Ok(stop)
}
