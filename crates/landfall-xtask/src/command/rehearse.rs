//! `cargo xtask rehearse`: today's change on a copy of real data.

use std::path::PathBuf;

use anyhow::Result;
use landfall_engine::{Interrupt, Outcome};

use crate::cli;
use crate::environment;
use crate::error::Error;
use crate::project::Project;
use crate::release::rehearsal::{self, On, Rehearsal, Wanted};
use crate::release::{document, downtime};
use crate::task::Task;
use crate::text;
use crate::ui::Ui;

impl Task for cli::Rehearse {
    const NAME: &'static str = "rehearse";

    fn run(self, project: &Project, interrupt: &Interrupt, ui: &mut Ui) -> Result<u8> {
        let (wanted, report) = wanted(self)?;
        let (rehearsal, ended) = rehearsal::run(project, &wanted, interrupt, ui)?;
        ui.keep(&rehearsal);
        ui.result(&told(&rehearsal));
        if let Some(file) = report {
            document::file::write(&file, &rehearsal.document(project))?;
            ui.status("Reported", file.display());
        }
        ended?;
        end(&rehearsal, ui);
        Ok(0)
    }
}

fn wanted(args: cli::Rehearse) -> Result<(Wanted, Option<PathBuf>)> {
    let on = match (args.data, args.pull, args.fork) {
        (Some(file), ..) => On::File(file),
        (_, true, _) => On::Pull,
        (.., true) => On::Fork,
        _ => On::Pulled,
    };
    if !matches!(on, On::Fork) && environment::is_ci() {
        let message =
            "under CI nothing is rehearsed on a copy: rows would lie about on a machine that many use";
        return Err(Error::usage("CI", message).remedy("rehearse where the data is: --fork").into());
    }
    if let Some(file) = &args.report {
        document::file::refuse_unknown(file)?;
    }
    Ok((
        Wanted {
            on,
            image: args.image,
            bases: args.bases,
            allow: args.allow,
            wait_timeout: args.wait_timeout,
        },
        args.report,
    ))
}

fn told(rehearsal: &Rehearsal) -> String {
    let report = &rehearsal.change;
    let plan = text::plan(report, false, None);
    if report.outcome != Outcome::Applied {
        let downtime = rehearsal.downtime.as_ref().map(downtime::told);
        return [Some(plan), downtime]
            .into_iter()
            .flatten()
            .filter(|s| !s.is_empty())
            .collect::<Vec<_>>()
            .join("\n");
    }
    let downtime = rehearsal.downtime.as_ref().map(downtime::told).unwrap_or_default();
    [plan, text::evidence(&report.evidence), text::time(report), downtime].join("\n")
}

fn end(rehearsal: &Rehearsal, ui: &Ui) {
    let Rehearsal { data, place, change, seconds, downtime, .. } = rehearsal;
    if change.outcome == Outcome::InSync {
        ui.status("Rehearsed", format!("nothing to change on {data}"));
        return;
    }
    let took = text::seconds(seconds.unwrap_or_default());
    let split = rehearsal.split().map_or_else(String::new, |split| format!(" ({split})"));
    ui.status("Rehearsed", format!("the change of {data} on {place} in {took}{split}: every row is there"));
    let short = downtime.iter().flat_map(|downtime| &downtime.limits).filter(|limit| !limit.fits);
    for limit in short {
        ui.note(format!("{} ({}) may be too short", limit.what, text::seconds(limit.seconds)));
    }
}
