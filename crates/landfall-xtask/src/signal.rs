//! Ctrl-C, SIGTERM and a terminal that is closed, as a request to stop that everything long-running looks at.

use std::io;

use landfall_engine::Interrupt;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// From here on a signal no longer ends the process; it raises what is returned.
pub(crate) fn listen() -> io::Result<Interrupt> {
    let interrupt = Interrupt::default();
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        flag::register(signal, interrupt.flag())?;
    }
    Ok(interrupt)
}
