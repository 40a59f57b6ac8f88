//! Another program, and how long it takes.

use std::fs;
use std::process::Output;
use std::time::{Duration, Instant};

use anyhow::Result;
use landfall_xtask::Interrupt;
use landfall_xtask::tool::child::Child;
use landfall_xtask::tool::run;

/// How long a change may take that is timed.
const LIMIT: Duration = Duration::from_secs(3600);

/// A command that ended by itself, well or not.
pub(crate) struct Timed {
    /// How it ended, and what it printed.
    pub(crate) output: Output,
    /// From its start to its end.
    pub(crate) seconds: f64,
    /// The most memory that it held (`VmHWM`), in bytes; `None` where it was too fast to be seen, or /proc is not there.
    pub(crate) peak: Option<u64>,
}

/// Runs it to its end, and times that. A request to stop is an error, and so is an hour.
pub(crate) fn timed(command: &Child, interrupt: &Interrupt) -> Result<Timed> {
    const LOOK: Duration = Duration::from_millis(10);
    let (begun, mut peak) = (Instant::now(), None);
    let ended = run::observed(command, LOOK, interrupt, |process| {
        // It only ever grows: the last look before the end tells all but what the last moment added.
        peak = process.and_then(high_water).or(peak);
        Ok(begun.elapsed() >= LIMIT)
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    Ok(Timed { output: run::exited(ended, LIMIT)?, seconds, peak })
}

/// The most memory that a living process held, in bytes (<https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>).
fn high_water(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use landfall_xtask::tool::child::Program;

    fn sh(script: &str) -> Child {
        Child::new(Program::Atlas, "sh", ["-c", script])
    }

    #[test]
    fn what_is_timed_tells_its_time_its_memory_and_what_it_printed() {
        let script = "x=$(head -c 30000000 /dev/zero | tr '\\0' x); sleep 0.1; echo ${#x}; exit 3";
        let timed = timed(&sh(script), &Interrupt::default()).unwrap();
        assert_eq!(
            (timed.output.stdout.as_slice(), timed.output.status.code()),
            (&b"30000000\n"[..], Some(3))
        );
        assert!((0.1..30.0).contains(&timed.seconds), "{}", timed.seconds);
        assert!(timed.peak.unwrap() > 30_000_000, "{:?}", timed.peak);
    }

    #[test]
    fn what_is_timed_is_stopped_on_request() {
        let interrupt = Interrupt::default();
        interrupt.raise();
        let ended = timed(&sh("exec sleep 60"), &interrupt);
        assert_eq!(ended.err().map(|error| error.to_string()).as_deref(), Some("interrupted"));
    }
}
