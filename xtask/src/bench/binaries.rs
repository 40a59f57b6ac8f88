//! What is timed, and where.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use landfall_xtask::tool::run::Reply;
use landfall_xtask::tool::{atlas, cargo};
use landfall_xtask::{CrateName, Interrupt, Project, Ui};
use tempfile::TempDir;

/// The binaries that are timed.
pub(super) struct Binaries {
    pub(super) landfall: PathBuf,
    pub(super) xtask: PathBuf,
    pub(super) atlas: Option<PathBuf>,
    /// Where a copy of `landfall` is.
    _folder: TempDir,
}

impl Binaries {
    /// Release builds, or what lies beside this binary.
    pub(super) fn find(project: &Project, builds: bool, interrupt: &Interrupt, ui: &Ui) -> Result<Self> {
        let own = env::current_exe().context("cannot tell where this binary is")?;
        let names = ["landfall", env!("CARGO_BIN_NAME")].map(CrateName::parse);
        let [Some(landfall), Some(xtask)] = names else { bail!("this binary has no name of cargo's") };
        let (landfall, xtask) = if builds {
            ui.status("Building", format!("{landfall} and {xtask} as they are shipped"));
            cargo::build_release(&project.root, [&landfall, &xtask], interrupt)?.into()
        } else {
            (own.with_file_name(landfall.as_str()), own)
        };
        let atlas = atlas::find()?;
        if atlas.is_none() {
            ui.note("Atlas was not found: its column stays empty");
        }
        let folder = folder(project)?;
        let shipped = copied(&landfall, folder.path())?;
        Ok(Self { landfall: shipped, xtask, atlas, _folder: folder })
    }
}

/// What is shipped is a copy, in an image. What the linker wrote lies in memory page by page until it is read from the disk, and takes
/// up to a fifth longer to start.
fn copied(landfall: &Path, folder: &Path) -> Result<PathBuf> {
    let copy = folder.join(landfall.file_name().unwrap_or_default());
    fs::copy(landfall, &copy).with_context(|| format!("cannot copy {}", landfall.display()))?;
    Ok(copy)
}

/// Where the project is built: a disk like that of other work, and neither committed nor sent to Docker.
pub(super) fn folder(project: &Project) -> Result<TempDir> {
    let target = project.target();
    fs::create_dir_all(target).with_context(|| format!("cannot make the folder {}", target.display()))?;
    let made = tempfile::Builder::new().prefix("bench-").tempdir_in(target);
    made.with_context(|| format!("cannot make a folder in {}", target.display()))
}

/// What Atlas says of its version.
pub(super) fn version(file: &Path, interrupt: &Interrupt) -> Result<String> {
    Ok(match atlas::version(file, interrupt)? {
        Reply::Said(text) | Reply::Failed(text) | Reply::Late(text) => text,
        Reply::Absent => "unknown".to_owned(),
    })
}
