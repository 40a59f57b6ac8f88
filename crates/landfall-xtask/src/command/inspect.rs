//! `cargo xtask inspect`: an existing database to `schema.sql`.

use anyhow::Result;
use landfall_engine::{Interrupt, Settings};

use crate::cli;
use crate::error::{Error, Kind};
use crate::project::Project;
use crate::task::Task;
use crate::ui::{Format, Ui};

impl Task for cli::Inspect {
    const NAME: &'static str = "inspect";

    fn run(self, project: &Project, interrupt: &Interrupt, ui: &mut Ui) -> Result<u8> {
        let settings = Settings { lock_wait: self.lock_wait, ..project.settings(interrupt) };
        let db = self.db.unwrap_or_else(|| project.local_db.clone());
        let live = landfall_engine::inspect(&db, &settings)?;
        ui.keep(&live);
        if self.format == Format::Text {
            let is_exact = ui.exact(&live.sql);
            if !is_exact {
                return Err(inexact(&db.display().to_string()).into());
            }
        }
        Ok(0)
    }
}

fn inexact(db: &str) -> Error {
    let message = format!(
        "the schema of {db} has what cannot be seen: it is written out above, which is no schema.sql"
    );
    Error::new(Kind::Failed, db, message).unchanged().remedy(
        "to have it exactly, write it into a file: cargo xtask inspect > FILE\nor take it as JSON: cargo xtask inspect --format json",
    )
}
