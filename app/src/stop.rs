//! A request to stop: SIGTERM or SIGINT.

use std::thread;

use anyhow::{Context as _, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tokio::sync::watch;

/// Becomes true once somebody asked this process to stop.
pub(crate) type Stop = watch::Receiver<bool>;

/// From now on a signal stops the server, instead of killing the process.
pub(crate) fn stops() -> Result<Stop> {
    let mut signals = Signals::new([SIGTERM, SIGINT]).context("cannot listen for signals")?;
    let (sender, stop) = watch::channel(false);
    thread::spawn(move || {
        for _ in signals.forever() {
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
