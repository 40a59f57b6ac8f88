//! Commands that run for a while: they end by themselves, or because we are asked to stop.

use std::io;
use std::process::Output;
use std::thread;
use std::time::Duration;

use duct::unix::HandleExt as _;
use duct::{Expression, Handle};
use migrate::Interrupt;
use signal_hook::consts::SIGTERM;

/// How often the request to stop is looked at.
const TICK: Duration = Duration::from_millis(50);
/// How long a command may take to stop by itself before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// How a command ended.
pub(crate) enum Ended {
    /// By itself, well or not.
    Exited(Output),
    /// Because we were asked to stop.
    Stopped,
}

/// Runs it to its end. `tick` is called several times a second meanwhile.
pub(crate) fn to_end(
    command: &Expression,
    interrupt: &Interrupt,
    mut tick: impl FnMut(),
) -> io::Result<Ended> {
    let running = command.unchecked().start()?;
    while !interrupt.is_raised() {
        if let Some(output) = running.wait_timeout(TICK)? {
            // A Ctrl-C goes to both of us, and it may have been the faster one.
            thread::sleep(TICK);
            let stopped = interrupt.is_raised();
            return Ok(if stopped { Ended::Stopped } else { Ended::Exited(output.clone()) });
        }
        tick();
    }
    stop(&running)?;
    Ok(Ended::Stopped)
}

/// SIGTERM, so that it can finish what is under way; killed when that takes too long.
fn stop(running: &Handle) -> io::Result<()> {
    // It may have ended meanwhile, of the same Ctrl-C.
    let _ = running.send_signal(SIGTERM);
    if running.wait_timeout(STOP_LIMIT)?.is_none() {
        running.kill()?;
        running.wait()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn ends_by_itself_with_its_code() {
        let ended = to_end(&duct::cmd!("sh", "-c", "exit 7"), &Interrupt::default(), || ()).unwrap();
        assert!(matches!(ended, Ended::Exited(output) if output.status.code() == Some(7)));
    }

    #[test]
    fn a_request_to_stop_reaches_it() {
        let interrupt = Interrupt::default();
        let begun = Instant::now();
        let ended = to_end(&duct::cmd!("sleep", "60"), &interrupt.clone(), || {
            interrupt.raise();
        })
        .unwrap();
        assert!(matches!(ended, Ended::Stopped));
        assert!(begun.elapsed() < STOP_LIMIT);
    }
}
