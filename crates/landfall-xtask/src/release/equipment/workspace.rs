//! What the workspace itself has to hold: `fly.toml` and `schema.sql`.

use landfall_engine::{Declared, Interrupt};

use crate::error::Told;
use crate::fly_toml::FlyToml;
use crate::project::Project;
use crate::release::check::{Check, Verdict, fine, line};
use crate::text;

const FLY_TOML: &str = "fly.toml";
const SCHEMA: &str = "schema.sql";

pub(super) fn fly_toml(project: &Project) -> Check {
    match FlyToml::read(&project.root) {
        Ok(FlyToml { app, db_path, volume, .. }) => {
            fine(FLY_TOML, format!("app {app}, with its database {db_path} on the volume at {volume}"))
        }
        Err(error) => told(FLY_TOML, &error),
    }
}

pub(super) fn schema(project: &Project, interrupt: &Interrupt) -> Check {
    match Declared::read(&project.schema, &project.settings(interrupt)) {
        Ok(declared) => {
            fine(SCHEMA, format!("{}: {}", project.schema.display(), text::counted(declared.counts())))
        }
        Err(error) => told(SCHEMA, &error.into()),
    }
}

/// What would end another command is a line here.
pub(super) fn told(name: &'static str, error: &anyhow::Error) -> Check {
    let Told { message, remedy, .. } = Told::of(error);
    let mut lines = message.lines().map(str::to_owned);
    let first = lines.next().unwrap_or_default();
    Check { details: lines.collect(), ..line(name, Verdict::Needed, first, remedy) }
}
