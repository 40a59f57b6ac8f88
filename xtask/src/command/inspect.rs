//! `cargo xtask inspect`: an existing database to `schema.sql`.

use std::time::Duration;

use anyhow::Result;
use migrate::{Interrupt, Settings};

use crate::cli;
use crate::project::Project;
use crate::ui::Ui;

/// Returns the exit code.
pub(crate) fn run(project: &Project, args: cli::Inspect, interrupt: &Interrupt, ui: &mut Ui) -> Result<u8> {
    let lock_wait = Duration::from_secs(args.lock_wait.into());
    let settings = Settings { lock_wait, ..project.settings(interrupt) };
    let db = args.db.unwrap_or_else(|| project.local_db.clone());
    let live = migrate::inspect(&db, &settings)?;
    ui.keep(&live);
    if args.format == cli::Format::Text {
        ui.result(&live.sql);
    }
    Ok(0)
}
