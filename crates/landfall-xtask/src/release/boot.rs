//! An image on this machine, booted as Fly boots it: with its variables and its memory, and as little trusted as can be.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use landfall_engine::Interrupt;

use super::image::Built;
use super::probe::Probe;
use crate::fly_toml::FlyToml;
use crate::name::Variable;
use crate::tool::docker::{Container, State};

/// Between two looks.
const TICK: Duration = Duration::from_millis(20);

/// What came of a boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ready {
    /// `/healthz` is well.
    Well,
    /// It ended, with this exit code.
    Ended(i32),
    /// It was neither in time.
    Late,
    /// We were asked to stop.
    Interrupted,
}

/// A container that is not started yet, on a volume of its own with this database on it (empty without one).
pub(crate) fn container(
    built: &Built,
    fly: &FlyToml,
    database: Option<&Path>,
    more: &[Variable],
    interrupt: &Interrupt,
) -> Result<Container> {
    let mut env: Vec<_> = fly.env.iter().map(|(name, value)| Variable::new(name, value)).collect();
    env.extend([Variable::of("FLY_MACHINE_ID", "landfall"), Variable::of("FLY_APP_NAME", fly.app.as_str())]);
    env.extend_from_slice(more);
    let container = Container::create(&built.tag, &fly.volume, fly.port, &fly.memory, &env, interrupt)?;
    if let Some(database) = database {
        container.put(database, &fly.db_path, built.user)?;
    }
    Ok(container)
}

/// Waits for a container that was started.
pub(crate) fn wait(container: &Container, limit: Duration, interrupt: &Interrupt) -> Result<Ready> {
    let (begun, mut probe) = (Instant::now(), None);
    loop {
        if interrupt.is_raised() {
            return Ok(Ready::Interrupted);
        }
        if let State::Exited(code) = container.state()? {
            return Ok(Ready::Ended(code));
        }
        if probe.is_none() {
            probe = container.address().ok().map(|address| Probe::new(format!("http://{address}")));
        }
        if probe.as_ref().is_some_and(Probe::is_well) {
            return Ok(Ready::Well);
        }
        if begun.elapsed() > limit {
            return Ok(Ready::Late);
        }
        thread::sleep(TICK);
    }
}
