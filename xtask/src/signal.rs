//! Ctrl-C, SIGTERM and a terminal that is closed, as a request to stop that everything long-running looks at.

use std::io;
use std::thread;

use migrate::Interrupt;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// From here on a signal no longer ends the process; it raises what is returned.
pub(crate) fn listen() -> io::Result<Interrupt> {
    let interrupt = Interrupt::default();
    let raised = interrupt.clone();
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    thread::spawn(move || signals.forever().for_each(|_| raised.raise()));
    Ok(interrupt)
}
