//! `cargo xtask bench`: how fast a change is, beside Atlas and what the disk allows.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use landfall_engine::Interrupt;

use crate::bench::{self, Wanted};
use crate::cli;
use crate::error::Error;
use crate::project::Project;
use crate::task::Task;
use crate::ui::Ui;

impl Task for cli::Bench {
    const NAME: &'static str = "bench";

    fn run(self, project: &Project, interrupt: &Interrupt, ui: &mut Ui) -> Result<u8> {
        if let Some(file) = &self.svg {
            refuse_missing_folder(file)?;
        }
        let cli::Bench { rows, only, no_build, .. } = &self;
        let wanted = Wanted { rows, only, runs: self.runs.get(), builds: !no_build };
        let measured = bench::run(project, &wanted, interrupt, ui)?;
        ui.keep(&measured);
        ui.result(&bench::table(&measured));
        if let Some(file) = &self.svg {
            fs::write(file, bench::picture(&measured))
                .with_context(|| format!("cannot write {}", file.display()))?;
            ui.status("Drawn", file.display());
        }
        Ok(0)
    }
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
