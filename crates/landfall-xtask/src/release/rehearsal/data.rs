//! The data of a rehearsal: a copy of it is changed, never it itself.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::{On, Stage};
use crate::cli::KEEP;
use crate::error::Error;
use crate::release::downtime::Work;
use crate::release::pull::{self, Pulled};
use crate::text;

/// What a rehearsal pulls: whole, since what is rehearsed is the change of these very rows.
const PULL: pull::Wanted = pull::Wanted { scrub: false, keep: KEEP };

/// A copy of the data, in a folder that goes away again, on the disk of the project.
pub(super) struct Data {
    /// The copy.
    pub(super) file: PathBuf,
    /// What it is a copy of, in words.
    pub(super) what: String,
    /// What making it took here: the same work as on production's machine when a copy is pulled.
    pub(super) copied: Work,
    /// What the same took on production's machine, if it was pulled from there.
    pub(super) copied_there: Option<Work>,
    _folder: TempDir,
}

impl Stage<'_> {
    pub(super) fn data(&self) -> Result<Data> {
        let (source, what, copied_there) = match &self.wanted.on {
            On::File(file) => (file.clone(), format!("a copy of {}", file.display()), None),
            On::Pull => of_production(pull::run(self.project, &PULL, self.interrupt, self.ui)?),
            On::Pulled | On::Fork => {
                let newest = pull::newest(self.project, &self.fly_toml.app)?;
                of_production(newest.ok_or_else(|| self.nothing_pulled())?)
            }
        };
        let folder = self.folder()?;
        let file = folder.path().join("db");
        self.ui.status("Copying", format!("{} into {}", source.display(), folder.path().display()));
        let made =
            landfall_engine::backup(&source, &file, None, landfall_engine::Check::Integrity, self.settings)?;
        let copied = Work { bytes: made.bytes, seconds: made.seconds };
        let what = format!("{what}, {}", text::size(made.bytes));
        Ok(Data { file, what, copied, copied_there, _folder: folder })
    }

    fn nothing_pulled(&self) -> Error {
        let folder = self.project.pulled.display();
        Error::usage("--data", format!("there is no copy of production in {folder}")).remedy(
            "pull one (--pull), name a database (--data FILE), or rehearse where the data is (--fork)",
        )
    }

    /// Where the project is built: a disk like that of other work, and neither committed nor sent to Docker.
    fn folder(&self) -> Result<TempDir> {
        let target = self.project.target();
        std::fs::create_dir_all(target)
            .with_context(|| format!("cannot make the folder {}", target.display()))?;
        let made = tempfile::Builder::new().prefix("rehearsal-").tempdir_in(target);
        made.with_context(|| format!("cannot make a folder in {}", target.display()))
    }
}

fn of_production(Pulled { file, record }: Pulled) -> (PathBuf, String, Option<Work>) {
    let scrubbed = if record.scrubbed { ", scrubbed" } else { "" };
    let what = format!("a copy of production, pulled {}{scrubbed}", record.time);
    // Scrubbing is work of its own, which nobody here does again.
    let work = (!record.scrubbed).then_some(Work { bytes: record.bytes, seconds: record.seconds });
    (file, what, work)
}
