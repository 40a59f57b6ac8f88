//! A copy that takes longer than whoever asked for it may wait: made by a process of its own.
//!
//! The only file here that starts a process, and the only one that asks one to stop.

use std::env;
use std::fs::File;
use std::io::{self, stdin};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use landfall_engine::{Error, ErrorKind};
use nix::unistd::setsid;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::config::Scrub;
use crate::pull::state::State;

/// Starts the process that makes the copy, and hands it the state, held: so there is no moment in which nobody holds it.
/// Nobody waits for it: this process ends at once.
pub(crate) fn start(
    file: &Path,
    state: State,
    scrub: Option<&Scrub>,
    variables: &[(&'static str, PathBuf)],
) -> Result<(), Error> {
    let spawn = || -> io::Result<()> {
        let mut copier = Command::new(env::current_exe()?);
        copier.args(["backup", "--detached"]);
        if let Some(scrub) = scrub {
            copier.args(["--scrub", &scrub.base64()]);
        }
        copier.arg("--").arg(file);
        copier.env_clear().envs(variables.iter().map(|(name, value)| (name, value)));
        copier.stdin(state.into_file()).stdout(Stdio::null()).stderr(Stdio::null());
        copier.spawn().map(drop)
    };
    spawn().map_err(|error| {
        let file = file.display().to_string();
        let message = format!("the process that was to make {file} cannot be started: {error}");
        Error::new(ErrorKind::Database, &file, message)
            .unchanged()
            .remedy(format!("make it without a process of its own: landfall backup {file}"))
    })
}

/// In that process: leaves the session of whoever asked, so that it lives on when that ends; and the state, held.
pub(crate) fn settle(file: &Path, state: &Path) -> Result<State, Error> {
    let inherited = || -> io::Result<Option<State>> {
        let state = State::inherited(state, File::from(stdin().as_fd().try_clone_to_owned()?))?;
        if state.is_some() {
            setsid()?;
        }
        Ok(state)
    };
    let by_hand = || {
        let file = file.display().to_string();
        Error::new(ErrorKind::Usage, "--detached", "--detached is for the process that --detach starts")
            .unchanged()
            .remedy(format!("write: landfall backup {file} --detach"))
    };
    inherited().ok().flatten().ok_or_else(by_hand)
}

/// Asks the process that makes a copy to stop, if that of this number has the state open; else nobody, and false.
pub(crate) fn stop(state: &State, pid: u32) -> bool {
    // Zero and below would be groups of processes, and 1 is no copy.
    let pid = i32::try_from(pid).ok().filter(|pid| *pid > 1).and_then(Pid::from_raw);
    // Held before it is looked at: its number may be another's by the time of the signal.
    let process = pid.and_then(|pid| Some((pid, pidfd_open(pid, PidfdFlags::empty()).ok()?)));
    process.is_some_and(|(pid, process)| {
        state.is_open_in(pid.as_raw_nonzero().get()) && pidfd_send_signal(&process, Signal::TERM).is_ok()
    })
}
