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
mod work;

use anyhow::Result;
use landfall_engine::Interrupt;

pub(crate) use self::line::Measured;

use self::binaries::{Binaries, version};
use self::line::Line;
use self::race::Track;
use self::work::{On, Work};
use crate::project::Project;
use crate::ui::Ui;

/// How many rows, where nobody says.
pub(crate) const ROWS: [u64; 2] = [10_000, 1_000_000];
/// How often each is timed, where nobody says.
pub(crate) const RUNS: std::num::NonZeroUsize = std::num::NonZeroUsize::MIN.saturating_add(4);
/// How many tables, where nothing is to be done.
const TABLES: [u64; 3] = [1, 60, 500];
/// What is to be measured.
pub(crate) struct Wanted<'a> {
    /// Rows of the changed table, each a database.
    pub(crate) rows: &'a [u64],
    /// Names of works; all of them when it is empty.
    pub(crate) only: &'a [String],
    /// How often each is timed.
    pub(crate) runs: usize,
    /// Whether release builds are made; else what lies beside this binary is timed.
    pub(crate) builds: bool,
}

/// The names of all works.
pub(crate) fn works() -> Vec<&'static str> {
    work::WORKS.iter().map(|work| work.name).collect()
}

/// Builds, makes the databases, races.
pub(crate) fn run(
    project: &Project,
    wanted: &Wanted<'_>,
    interrupt: &Interrupt,
    ui: &Ui,
) -> Result<Measured> {
    let binaries = Binaries::find(project, wanted.builds, interrupt, ui)?;
    let atlas = binaries.atlas.as_deref().map(|file| version(file, interrupt)).transpose()?;
    let track = Track { project, binaries, runs: wanted.runs, interrupt, ui };
    let mut lines = Vec::new();
    for (on, sizes) in [(On::Tables, TABLES.as_slice()), (On::Rows, wanted.rows)] {
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
    Ok(Measured { runs: wanted.runs, sqlite: landfall_engine::sqlite_version(), atlas, lines })
}

/// For a person.
pub(crate) fn table(measured: &Measured) -> String {
    table::told(measured)
}

/// The times against the rows, as an SVG.
pub(crate) fn picture(measured: &Measured) -> String {
    svg::picture(&svg::panels(&measured.lines))
}
