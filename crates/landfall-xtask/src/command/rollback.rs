//! `cargo xtask rollback`: an earlier release, and its data if asked, in the place of what runs.

use anyhow::Result;
use landfall_engine::Interrupt;

use crate::cli;
use crate::project::Project;
use crate::release::rollback::{self, Rollback};
use crate::task::Task;
use crate::ui::Ui;

impl Task for cli::Rollback {
    const NAME: &'static str = "rollback";

    fn run(self, project: &Project, interrupt: &Interrupt, ui: &mut Ui) -> Result<u8> {
        if self.list {
            let releases = rollback::list(project, interrupt, ui)?;
            ui.keep(&releases);
            ui.result(&releases.to_string());
            return Ok(0);
        }
        let mut report = Rollback::default();
        let ended = rollback::run(project, &self, interrupt, &mut report, ui);
        // Also of one that failed: how far it went, and what production serves now.
        ui.keep(&report);
        ended.map(|()| 0)
    }
}
