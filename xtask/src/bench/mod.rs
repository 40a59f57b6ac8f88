//! What `bench` is made of: which works there are, their databases, the races, and how they are told.
//!
//! | file | one idea |
//! | --- | --- |
//! | `work.rs` | the works: from which schema to which, and what has to be true of every row afterwards |
//! | `data.rs` | the databases they are done on |
//! | `binaries.rs` | what is timed, and where |
//! | `limit.rs` | what neither can go below |
//! | `race.rs` | one work, in turns, each on a copy of its own, looked at afterwards |
//! | `line.rs` | what came of it, as values |
//! | `format.rs` | numbers as they are read |
//! | `table.rs`, `svg.rs` | the same as text and as a picture |

mod binaries;
mod data;
mod format;
mod limit;
mod line;
mod race;
mod svg;
mod table;
pub(crate) mod work;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use landfall_xtask::{Error, Interrupt, Project, Task, Ui};

use self::binaries::{Binaries, version};
use self::line::{Line, Measured};
use self::race::Track;
use self::work::{On, Work};
use crate::cli;

/// How many tables, where nothing is to be done.
const TABLES: [u64; 3] = [1, 60, 500];

impl Task for cli::Bench {
    const NAME: &'static str = "bench";

    fn run(self, project: &Project, interrupt: &Interrupt, ui: &mut Ui) -> Result<u8> {
        if let Some(file) = &self.svg {
            refuse_missing_folder(file)?;
        }
        let measured = measured(project, &self, interrupt, ui)?;
        ui.keep(&measured);
        ui.result(&table::told(&measured));
        if let Some(file) = &self.svg {
            fs::write(file, svg::picture(&svg::panels(&measured.lines)))
                .with_context(|| format!("cannot write {}", file.display()))?;
            ui.status("Drawn", file.display());
        }
        Ok(0)
    }
}

/// Builds, makes the databases, races.
fn measured(project: &Project, wanted: &cli::Bench, interrupt: &Interrupt, ui: &Ui) -> Result<Measured> {
    let binaries = Binaries::find(project, !wanted.no_build, interrupt, ui)?;
    let atlas = binaries.atlas.as_deref().map(|file| version(file, interrupt)).transpose()?;
    let track = Track { project, binaries, runs: wanted.runs.get(), interrupt, ui };
    let mut lines = Vec::new();
    for (on, sizes) in [(On::Tables, TABLES.as_slice()), (On::Rows, wanted.rows.as_slice())] {
        let chosen = |work: &&Work| {
            work.on == on && (wanted.only.is_empty() || wanted.only.iter().any(|name| name == work.name))
        };
        let works: Vec<_> = work::WORKS.iter().filter(chosen).collect();
        for size in sizes.iter().filter(|_| !works.is_empty()) {
            lines.extend(track.all(&works, on, *size)?);
        }
    }
    // A work stands together, whatever its sizes.
    lines.sort_by_key(|line: &Line| work::WORKS.iter().position(|work| work.name == line.work));
    Ok(Measured { runs: wanted.runs.get(), sqlite: landfall_engine::sqlite_version(), atlas, lines })
}

/// Before minutes are spent on what cannot be written.
fn refuse_missing_folder(file: &Path) -> Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if folder.is_dir() {
        return Ok(());
    }
    let message = format!("there is no folder {} for the picture", folder.display());
    Err(Error::usage(file.display().to_string(), message)
        .remedy("make it first, or name another --svg")
        .into())
}
