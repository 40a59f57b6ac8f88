//! `cargo xtask verify-sync`: is everything in sync with the last deployed commit, and does the change apply?

use std::env;

use anyhow::Result;
use landfall_engine::{Changed, Declared, Interrupt};

use crate::cli;
use crate::project::Project;
use crate::release::annotation;
use crate::release::check::Verdict;
use crate::release::document;
use crate::release::sync::{self, Found};
use crate::task::Task;
use crate::text;
use crate::tool::git;
use crate::ui::Ui;

impl Task for cli::VerifySync {
    const NAME: &'static str = "verify-sync";

    fn run(self, project: &Project, interrupt: &Interrupt, ui: &mut Ui) -> Result<u8> {
        self.report.as_deref().map(document::file::refuse_unknown).transpose()?;
        let found = sync::run(project, &self, interrupt, ui)?;
        ui.keep(&found);
        ui.result(&text::checks(&found.checks));
        if let Some(file) = &self.report {
            document::file::write(file, &found.document(project))?;
            ui.status("Reported", file.display());
        }
        annotate(project, &found, interrupt, ui)?;
        Ok(end(&found, ui))
    }
}

/// On the lines of `schema.sql`, for GitHub to show beside them.
fn annotate(project: &Project, found: &Found, interrupt: &Interrupt, ui: &Ui) -> Result<()> {
    if env::var_os("GITHUB_ACTIONS").is_none_or(|value| value != "true") {
        return Ok(());
    }
    let declared = Declared::read(&project.schema, &project.settings(interrupt))?;
    let prefix = git::prefix(&project.root, interrupt)?;
    annotation::of(found.change.as_ref(), &declared, |file| prefix.join(project.in_root(file)))
        .iter()
        .for_each(|line| ui.annotation(line));
    Ok(())
}

fn end(found: &Found, ui: &Ui) -> u8 {
    let not_read = found.checks.iter().filter(|check| check.verdict == Verdict::NotRead).count();
    let (verb, text, exit) = match found.verdict() {
        Verdict::Fine | Verdict::Optional | Verdict::NotRead if not_read == 0 => {
            ("In sync", "everything that was looked at".to_owned(), 0)
        }
        Verdict::Fine | Verdict::Optional | Verdict::NotRead => {
            let lines = text::count(not_read as u64, "line");
            ("In sync", format!("as far as could be looked: {lines} above could not be read"), 0)
        }
        Verdict::OutOfSync => {
            ("Out of sync", "each line above that differs says what mends it".to_owned(), 4)
        }
        Verdict::Refused => ("Refused", Changed::Nothing.told("the change needs an approval"), 3),
        Verdict::Unknown | Verdict::Needed => {
            ("Unknown", Changed::Nothing.told("not everything could be told"), 1)
        }
    };
    ui.status(verb, text);
    exit
}
