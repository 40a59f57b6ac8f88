//! `cargo xtask rollback`: an earlier release, and its data if asked, in the place of what runs.

use std::time::Duration;

use anyhow::Result;
use landfall_engine::Interrupt;

use crate::cli;
use crate::project::Project;
use crate::release::rollback::{self, Rollback, Wanted};
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
        let ended = rollback::run(project, &wanted(self), interrupt, &mut report, ui);
        // Also of one that failed: how far it went, and what production serves now.
        ui.keep(&report);
        ended.map(|()| 0)
    }
}

fn wanted(args: cli::Rollback) -> Wanted {
    Wanted {
        release: args.release,
        data: args.data,
        region: args.region,
        auto_approve: args.auto_approve,
        dry_run: args.dry_run,
        wait_timeout: Duration::from_secs(args.wait_timeout.into()),
        lock_wait: Duration::from_secs(args.lock_wait.into()),
    }
}
