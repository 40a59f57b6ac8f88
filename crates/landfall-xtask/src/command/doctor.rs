//! `cargo xtask doctor`: what this machine lacks, each with the command that gets it.

use anyhow::Result;
use landfall_engine::{Changed, Interrupt};

use crate::cli;
use crate::project::Project;
use crate::release::check::Verdict;
use crate::release::equipment::{self, Equipment};
use crate::task::Task;
use crate::text;
use crate::ui::Ui;

impl Task for cli::Doctor {
    const NAME: &'static str = "doctor";

    fn run(self, project: &Project, interrupt: &Interrupt, ui: &mut Ui) -> Result<u8> {
        let equipment = equipment::look(project, interrupt, ui)?;
        ui.keep(&equipment);
        ui.result(&text::checks(&equipment.checks));
        Ok(end(&equipment, ui))
    }
}

fn end(equipment: &Equipment, ui: &Ui) -> u8 {
    let count = [Verdict::Needed, Verdict::Unknown, Verdict::NotRead].map(|verdict| equipment.count(verdict));
    let (verb, text, exit) = match count {
        [0, 0, 0] => ("Ready", "everything that a deploy needs is here".to_owned(), 0),
        [0, 0, not_read] => {
            let lines = text::count(not_read as u64, "line");
            ("Ready", format!("as far as could be looked: {lines} above could not be read"), 0)
        }
        [0, _, _] => ("Unknown", Changed::Nothing.told("not everything could be told"), 1),
        [needed, _, _] => {
            let things = text::count(needed as u64, "thing");
            ("Not ready", format!("a deploy lacks {things}: each line above says what mends it"), 1)
        }
    };
    ui.status(verb, text);
    exit
}
