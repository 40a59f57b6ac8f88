//! `cargo xtask lock`: who deploys, and what to do with a lock that a dead process has left.

use anyhow::Result;
use landfall_engine::{Changed, Interrupt};
use serde::Serialize;

use crate::cli;
use crate::error::{Error, Kind};
use crate::fly_toml::FlyToml;
use crate::project::Project;
use crate::release::lock::{self, State, Status};
use crate::task::Task;
use crate::ui::Ui;

/// What `lock break` reports.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    status: &'a Status,
    /// Whether it is gone.
    broken: bool,
}

impl Task for cli::Lock {
    const NAME: &'static str = "lock";

    fn run(self, project: &Project, interrupt: &Interrupt, ui: &mut Ui) -> Result<u8> {
        let app = FlyToml::read(&project.root)?.app;
        let status = lock::status(project, &app, interrupt)?;
        match &self.command {
            cli::LockCommand::Status(_) => {
                ui.keep(&status);
                ui.result(&status.to_string());
            }
            cli::LockCommand::Break(args) => break_it(project, args, &status, interrupt, ui)?,
        }
        Ok(0)
    }
}

fn break_it(
    project: &Project,
    args: &cli::LockBreak,
    status: &Status,
    interrupt: &Interrupt,
    ui: &mut Ui,
) -> Result<()> {
    ui.keep(&Report { status, broken: false });
    ui.result(&status.to_string());
    if status.state == State::Free {
        ui.status("Unchanged", "there is nothing to break");
        return Ok(());
    }
    status.refuse_unbreakable()?;
    if args.dry_run {
        ui.status("Planned", Changed::Nothing.told("the lock would be broken"));
        return Ok(());
    }
    agree(args, &status.app, interrupt, ui)?;
    status.break_lock(&project.root)?;
    ui.keep(&Report { status, broken: true });
    ui.status("Broken", format!("the lock of {}: the next deploy can take it", status.app));
    Ok(())
}

fn agree(args: &cli::LockBreak, app: &str, interrupt: &Interrupt, ui: &Ui) -> Result<()> {
    if args.auto_approve {
        return Ok(());
    }
    if !ui.can_ask() {
        let message = "there is no terminal to ask on whether this lock may be broken";
        return Err(Error::usage(app, message)
            .unchanged()
            .remedy("add --auto-approve to break it without the question")
            .into());
    }
    if ui.ask(&format!("Break the lock of {app}? A deploy that still runs stops."), interrupt)? {
        return Ok(());
    }
    Err(Error::new(Kind::Declined, app, "the lock was left").unchanged().into())
}
