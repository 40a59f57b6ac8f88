//! `cargo xtask status`: what runs where, with which data and which way back.

use anyhow::Result;
use landfall_engine::Interrupt;

use crate::cli;
use crate::project::Project;
use crate::release::check::{self, Verdict};
use crate::release::overview::{self, Overview, volume};
use crate::task::Task;
use crate::text;
use crate::ui::Ui;

impl Task for cli::Status {
    const NAME: &'static str = "status";

    fn run(self, project: &Project, interrupt: &Interrupt, ui: &mut Ui) -> Result<u8> {
        if let Some(id) = &self.volume {
            let held = volume::look(project, id, interrupt, ui)?;
            ui.keep(&held);
            ui.result(&held.to_string());
            return Ok(0);
        }
        let overview = overview::run(project, interrupt, ui)?;
        ui.keep(&overview);
        ui.result(&text::checks(&overview.checks));
        Ok(end(&overview, ui))
    }
}

fn end(overview: &Overview, ui: &Ui) -> u8 {
    let app = &overview.app;
    if !overview.deployed {
        ui.status("Nothing", format!("is deployed of {app} yet: cargo xtask deploy --create"));
        return 0;
    }
    let not_read = overview.checks.iter().filter(|check| check.verdict == Verdict::NotRead).count();
    let (verb, text, exit) = match check::verdict(&overview.checks) {
        Verdict::OutOfSync | Verdict::Refused => {
            ("Off", format!("{app}: each line above that differs says what mends it"), 4)
        }
        Verdict::Unknown | Verdict::Needed => ("Unknown", format!("{app}: not everything could be told"), 1),
        Verdict::Fine | Verdict::Optional | Verdict::NotRead if !overview.has_machine() => {
            ("Not asked", format!("production of {app}: above is what git knows"), 0)
        }
        Verdict::Fine | Verdict::Optional | Verdict::NotRead if not_read == 0 => ("Well", app.clone(), 0),
        Verdict::Fine | Verdict::Optional | Verdict::NotRead => {
            let lines = text::count(not_read as u64, "line");
            ("Well", format!("{app}, as far as could be looked: {lines} above could not be read"), 0)
        }
    };
    ui.status(verb, text);
    exit
}
