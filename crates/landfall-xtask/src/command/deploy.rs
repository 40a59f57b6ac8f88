//! `cargo xtask deploy`: shipped and proved, or back where it was.

use anyhow::Result;
use landfall_engine::Interrupt;

use crate::cli;
use crate::project::Project;
use crate::release::deploy::{self, Deploy};
use crate::task::Task;
use crate::ui::Ui;

impl Task for cli::Deploy {
    const NAME: &'static str = "deploy";

    fn run(self, project: &Project, interrupt: &Interrupt, ui: &mut Ui) -> Result<u8> {
        let mut report = Deploy::default();
        let ended = deploy::run(project, &self, interrupt, &mut report, ui);
        // Also of one that failed: how far it went, and what production serves now.
        ui.keep(&report);
        ended.map(|()| 0)
    }
}
