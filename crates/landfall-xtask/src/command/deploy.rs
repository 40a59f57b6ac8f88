//! `cargo xtask deploy`: shipped and proved, or back where it was.

use std::time::Duration;

use anyhow::Result;
use landfall_engine::Interrupt;

use crate::cli::{self, Allowed};
use crate::project::Project;
use crate::release::deploy::{self, Deploy, Wanted};
use crate::task::Task;
use crate::ui::Ui;

impl Task for cli::Deploy {
    const NAME: &'static str = "deploy";

    fn run(self, project: &Project, interrupt: &Interrupt, ui: &mut Ui) -> Result<u8> {
        let mut report = Deploy::default();
        let ended = deploy::run(project, &wanted(self), interrupt, &mut report, ui);
        // Also of one that failed: how far it went, and what production serves now.
        ui.keep(&report);
        ended.map(|()| 0)
    }
}

fn wanted(args: cli::Deploy) -> Wanted {
    let (mut allow, mut allow_machine) = (Vec::new(), Vec::new());
    for allowed in args.allow {
        match allowed {
            Allowed::Hazard(approval) => allow.push(approval),
            Allowed::Machine(what) => allow_machine.push(what),
        }
    }
    Wanted {
        allow,
        allow_machine,
        allow_older: args.allow_older,
        auto_approve: args.auto_approve,
        dry_run: args.dry_run,
        allow_dirty: args.allow_dirty,
        create: args.create,
        org: args.org,
        unverified: args.unverified,
        no_rehearsal: args.no_rehearsal,
        no_smoke: args.no_smoke,
        backup: args.backup,
        restore_data: args.restore_data,
        bases: args.bases.wanted(),
        wait_timeout: Duration::from_secs(args.wait_timeout.into()),
        snapshot_timeout: Duration::from_secs(args.snapshot_timeout.into()),
        lock_wait: Duration::from_secs(args.lock_wait.into()),
    }
}
