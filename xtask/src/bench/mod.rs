//! What `bench` is made of: which works there are, their databases, the races, and how they are told.
//!
//! | file | one idea |
//! | --- | --- |
//! | `work.rs` | the works: from which schema to which, and what has to be true of every row afterwards |
//! | `data.rs` | the databases they are done on |
//! | `limit.rs` | what neither can go below |
//! | `race.rs` | one work, in turns, each on a copy of its own, looked at afterwards |
//! | `line.rs` | what came of it, as values |
//! | `table.rs`, `svg.rs` | the same as text and as a picture |

mod data;
mod limit;
mod line;
mod race;
mod svg;
mod table;
mod work;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use migrate::Interrupt;
use serde::Serialize;
use tempfile::TempDir;

use self::line::Line;
use self::work::{On, Work};
use crate::project::Project;
use crate::text;
use crate::tool::{atlas, cargo};
use crate::ui::Ui;

/// How many rows, where nobody says.
pub(crate) const ROWS: [u64; 2] = [10_000, 1_000_000];
/// How often each is timed, where nobody says.
pub(crate) const RUNS: std::num::NonZeroUsize = std::num::NonZeroUsize::MIN.saturating_add(4);
/// How many tables, where nothing is to be done.
const TABLES: [u64; 3] = [1, 60, 500];
/// A copy, its log, the copy that a boot makes, and what is sorted: as many times the database.
const ROOM: u64 = 4;

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

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    /// How often each was timed.
    runs: usize,
    /// The version of SQLite in ours.
    sqlite: &'static str,
    /// What Atlas says of its version; null when it was not found.
    atlas: Option<String>,
    /// One for each work and size.
    lines: Vec<Line>,
}

/// The binaries that are timed.
struct Binaries {
    app: PathBuf,
    xtask: PathBuf,
    atlas: Option<PathBuf>,
    /// Where a copy of `app` is.
    _folder: TempDir,
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
    let binaries = binaries(project, wanted.builds, interrupt, ui)?;
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
    Ok(Measured { runs: wanted.runs, sqlite: migrate::sqlite_version(), atlas, lines })
}

impl Measured {
    /// For a person.
    pub(crate) fn told(&self) -> String {
        table::told(self)
    }

    /// The times against the rows, as an SVG.
    pub(crate) fn drawn(&self) -> String {
        svg::picture(&line::panels(&self.lines))
    }
}

fn binaries(project: &Project, builds: bool, interrupt: &Interrupt, ui: &Ui) -> Result<Binaries> {
    let own = env::current_exe().context("cannot tell where this binary is")?;
    let (app, xtask) = (project.app_binary()?, env!("CARGO_BIN_NAME"));
    let (app, xtask) = if builds {
        ui.status("Building", format!("{app} and {xtask} as they are shipped"));
        cargo::build_release(&project.root, [&app, xtask], interrupt)?.into()
    } else {
        (own.with_file_name(&app), own)
    };
    let atlas = atlas::find()?;
    if atlas.is_none() {
        ui.note("Atlas was not found: its column stays empty");
    }
    let folder = folder(project)?;
    let shipped = copied(&app, folder.path())?;
    Ok(Binaries { app: shipped, xtask, atlas, _folder: folder })
}

/// What is shipped is a copy, in an image. What the linker wrote lies in memory page by page until it is read from the disk, and takes
/// up to a fifth longer to start.
fn copied(app: &Path, folder: &Path) -> Result<PathBuf> {
    let copy = folder.join(app.file_name().unwrap_or_default());
    fs::copy(app, &copy).with_context(|| format!("cannot copy {}", app.display()))?;
    Ok(copy)
}

/// Where the project is built: a disk like that of other work, and neither committed nor sent to Docker.
fn folder(project: &Project) -> Result<TempDir> {
    let target = project.target();
    fs::create_dir_all(target).with_context(|| format!("cannot make the folder {}", target.display()))?;
    let made = tempfile::Builder::new().prefix("bench-").tempdir_in(target);
    made.with_context(|| format!("cannot make a folder in {}", target.display()))
}

fn version(file: &Path, interrupt: &Interrupt) -> Result<String> {
    use crate::tool::run::Reply;
    Ok(match atlas::version(file, interrupt)? {
        Reply::Said(text) | Reply::Failed(text) | Reply::Late(text) => text,
        Reply::Absent => "unknown".to_owned(),
    })
}

/// Where races are held.
struct Track<'a> {
    project: &'a Project,
    binaries: Binaries,
    runs: usize,
    interrupt: &'a Interrupt,
    ui: &'a Ui,
}

impl Track<'_> {
    /// All works on one database.
    fn all(&self, works: &[&Work], on: On, size: u64) -> Result<Vec<Line>> {
        let folder = folder(self.project)?;
        let base = folder.path().join("base");
        self.ui.status("Making", format!("a database of {}", on.counted(size)));
        match on {
            On::Rows => data::of_rows(&base, size, self.interrupt)?,
            On::Tables => data::of_tables(&base, size)?,
        }
        let bytes = fs::metadata(&base)?.len();
        migrate::make_sure_of_room(&base, "a benchmark", bytes * ROOM)?;
        self.ui.status("Made", format!("{}, {}", on.counted(size), text::size(bytes)));
        works.iter().map(|work| self.race(work, size, &base)).collect()
    }
}
