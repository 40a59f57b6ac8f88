//! The log, on stderr.

mod lines;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Error;

use lines::Lines;
pub(crate) use lines::behind;

/// Prints without times: whoever keeps the log (Fly, Docker, journald) adds them.
pub(crate) fn init() {
    let log = tracing_subscriber::fmt().with_writer(|| Lines).with_target(false).without_time();
    // A line that cannot be written is lost: told on stderr, as by default, that would be a panic in the middle of whatever logs.
    log.log_internal_errors(false).init();
}

/// Says why there is no service; the remedy is on the next line.
pub(crate) fn fail(error: &Error) -> ExitCode {
    for line in format!("error: {error:#}\n").split_inclusive('\n') {
        // Where stderr is what cannot be written, the exit code alone tells.
        let _ = Lines.write_all(line.as_bytes());
    }
    ExitCode::FAILURE
}
