//! A request to stop: SIGTERM or SIGINT.

use std::io;
use std::thread;

use landfall_engine::Interrupt;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use tokio::sync::watch;
use tracing::info;

use crate::failure::Failure;

/// Becomes true once somebody asked this process to stop.
pub(crate) type Stop = watch::Receiver<bool>;

const SIGNALS: [i32; 2] = [SIGTERM, SIGINT];

/// From now on a signal rolls a migration back and ends a copy, instead of killing the process.
pub(crate) fn interrupts(interrupt: &Interrupt) -> Result<(), Failure> {
    // No thread: to start and to end one takes longer than to find that there is nothing to do.
    SIGNALS.iter().try_for_each(|signal| flag::register(*signal, interrupt.flag()).map(drop)).map_err(deaf)
}

/// From now on a signal rolls a migration back and stops the server, instead of killing the process.
pub(crate) fn stops(interrupt: Interrupt) -> Result<Stop, Failure> {
    let mut signals = Signals::new(SIGNALS).map_err(deaf)?;
    let (sender, stop) = watch::channel(false);
    thread::spawn(move || {
        for _ in signals.forever() {
            interrupt.raise();
            sender.send_replace(true);
        }
    });
    Ok(stop)
}

/// Waits until somebody asks to stop.
pub(crate) async fn asked(mut stop: Stop) {
    // An error means that nobody can ask any more, which is a reason to stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
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
