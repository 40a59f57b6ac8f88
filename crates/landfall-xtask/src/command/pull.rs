//! `cargo xtask pull`: a consistent copy of production's database.

use std::fmt::Write as _;

use anyhow::Result;
use landfall_engine::{Counted, Interrupt, TableRows};
use serde::Serialize;

use crate::cli;
use crate::project::Project;
use crate::release::pull::{self, Pulled, Wanted};
use crate::task::Task;
use crate::text;
use crate::ui::Ui;

/// In JSON as the command reports it.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    pulled: Pulled,
    #[serde(flatten)]
    rows: Counted,
}

impl Task for cli::Pull {
    const NAME: &'static str = "pull";

    fn run(self, project: &Project, interrupt: &Interrupt, ui: &mut Ui) -> Result<u8> {
        let wanted = Wanted { scrub: self.scrub, keep: self.keep };
        let pulled = pull::run(project, &wanted, interrupt, ui)?;
        let rows = landfall_engine::rows(&pulled.file, &project.settings(interrupt))?;
        let report = Report { pulled, rows };
        ui.keep(&report);
        ui.result(&text(&report));
        ui.status("Pulled", report.pulled.file.display());
        Ok(0)
    }
}

/// Of the rows their number alone.
fn text(Report { pulled, rows: Counted { tables, uncounted } }: &Report) -> String {
    let mut text = format!("{pulled}\n{}\n", text::title("Rows"));
    let names: Vec<_> = tables.iter().map(|table| landfall_engine::written(&table.table)).collect();
    let others: Vec<_> = uncounted.iter().map(|name| landfall_engine::written(name)).collect();
    let width = names.iter().chain(&others).map(|name| name.chars().count()).max().unwrap_or_default();
    for (name, TableRows { rows, .. }) in names.iter().zip(tables) {
        let _ = writeln!(text, "  {name:width$}  {:>12}", text::grouped(*rows));
    }
    for table in &others {
        let _ = writeln!(text, "  {table:width$}  not counted: its module is not here");
    }
    text
}
