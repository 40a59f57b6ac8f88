//! The machine's program `landfall`, here.

use std::env;
use std::net::SocketAddr;
use std::path::{self, Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use landfall_engine::Interrupt;

use super::cargo;
use super::child::{Child, Program};
use super::programs;
use super::run::{self, Answer};
use crate::error::Error;
use crate::local::Local;
use crate::name::CrateName;
use crate::project::{self, Project};

/// Its name, and that of its package.
const NAME: &str = "landfall";

/// Built where it is a package of this workspace; elsewhere what lies beside this program, or on PATH.
pub(crate) fn find(project: &Project, interrupt: &Interrupt) -> Result<PathBuf> {
    if let Some(name) = CrateName::parse(NAME).filter(|name| project.has_package(name)) {
        return cargo::build(&project.root, &name, &name, interrupt);
    }
    let beside = env::current_exe().ok().map(|own| own.with_file_name(NAME));
    let beside = beside.filter(|file| programs::is_program(file));
    beside.or_else(|| programs::find(&[NAME])).ok_or_else(|| {
        Error::usage(NAME, "there is no program `landfall` on PATH")
            .unchanged()
            .remedy("put it into a folder on PATH")
            .into()
    })
}

/// Serves the local database on this address by this service, to its end. `tick` is called several times a second meanwhile.
pub(crate) fn start(
    binary: &Path,
    service: &Path,
    local: &Local,
    address: SocketAddr,
    interrupt: &Interrupt,
    tick: impl FnMut(),
) -> Result<Answer> {
    let command =
        Child::new(Program::Landfall, binary, ["start".as_ref(), "--".as_ref(), service.as_os_str()])
            .env("DB_PATH", path::absolute(&local.db)?)
            .env(
                "SCHEMA_PATH",
                project::each(&local.schema, |path| path::absolute(path).unwrap_or_else(|_| path.to_owned())),
            )
            .env("ATLAS", local.settings.atlas.clone().unwrap_or_default())
            .env("LANDFALL_PLANNER", local.settings.planner.as_str())
            .env("LANDFALL_FAST_PATH", local.settings.fast_path.as_str())
            .env("LANDFALL_IGNORE", local.settings.ignore.join(","))
            .env("LANDFALL_COLUMN_ORDER", local.settings.column_order.as_str())
            .env("LISTEN", address.ip().to_string())
            .env("PORT", address.port().to_string());
    // Nobody but who started it knows for how long it is to serve.
    let limit = Duration::MAX;
    run::to_end(&command, limit, interrupt, tick).with_context(|| format!("cannot run {}", binary.display()))
}
