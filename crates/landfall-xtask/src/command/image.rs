//! `cargo xtask image`: the image that is shipped, built and proved by booting it.

use anyhow::Result;
use landfall_engine::Interrupt;
use serde::Serialize;

use crate::cli;
use crate::fly_toml::FlyToml;
use crate::project::Project;
use crate::release::image::{self, Built};
use crate::release::smoke::{Boot, Smoke};
use crate::task::Task;
use crate::text;
use crate::ui::Ui;

/// In JSON as the command reports it.
#[derive(Serialize)]
struct Report {
    image: Built,
    smoke: Vec<Boot>,
}

impl Task for cli::Image {
    const NAME: &'static str = "image";

    fn run(self, project: &Project, interrupt: &Interrupt, ui: &mut Ui) -> Result<u8> {
        let fly = FlyToml::read(&project.root)?;
        let built = image::build(project, &fly, &self.bases, self.tag, interrupt, ui)?;
        ui.result(&built.to_string());
        let mut report = Report { image: built, smoke: Vec::new() };
        ui.keep(&report);
        if !self.no_smoke {
            let smoke = Smoke { built: &report.image, project, fly: &fly, interrupt };
            report.smoke = smoke.run(ui)?;
            ui.keep(&report);
            ui.result(&format!("\n{}", smoke_text(&report.smoke)));
        }
        ui.status("Built", &report.image.tag);
        Ok(0)
    }
}

fn smoke_text(boots: &[Boot]) -> String {
    let lines: String = boots.iter().map(|boot| format!("  {boot}\n")).collect();
    format!("{}\n{lines}", text::title("Smoke test"))
}
