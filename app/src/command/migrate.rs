//! `app migrate`: brings the database to `schema.sql`, without a question.

use std::fs;

use migrate::{Declared, Error, ErrorKind, Outcome, PlannerChoice, Report, Settings};
use tracing::info;

use super::report::Findings;
use crate::config::{Config, Database, Mode};
use crate::ending::Ending;
use crate::log::Narrator;
use crate::stop;

const OUT_OF_SYNC: u8 = 4;

pub(crate) fn run(config: &Config, mode: Mode) -> Ending<Findings> {
    if let Err(failure) = stop::on_signal(config.settings.interrupt.clone()) {
        return Ending::failed(failure);
    }
    let declared = match config.declared() {
        Ok(declared) => declared,
        Err(error) => return Ending::failed(error.into()),
    };
    match mode {
        Mode::Apply => apply(config, &declared),
        Mode::DryRun => plan(config, &declared),
        Mode::Check => check(config, &declared),
    }
}

/// Brings the database to the declared schema; `start` does it in the same way.
pub(crate) fn bring(config: &Config, declared: &Declared) -> Result<Findings, Error> {
    let Config { database, settings, .. } = config;
    make_default_folder(database)?;
    let report = migrate::migrate(&database.path, declared, settings, &mut Narrator::default())?;
    tell_missing_atlas(&report, settings);
    Ok(Findings(report))
}

fn apply(config: &Config, declared: &Declared) -> Ending<Findings> {
    let Config { database, settings, .. } = config;
    match bring(config, declared) {
        Err(refused) if refused.kind == ErrorKind::Hazard => {
            // The error does not carry the plan that was refused: it is made again, to be shown.
            let again = migrate::prepare(&database.path, declared, settings, &mut ());
            let ending = Ending::failed(refused.into());
            match again {
                Ok(prepared) => ending.with(Findings(prepared.report().clone())),
                Err(_) => ending,
            }
        }
        result => result.into(),
    }
}

fn plan(config: &Config, declared: &Declared) -> Ending<Findings> {
    let Config { database, settings, .. } = config;
    match migrate::prepare(&database.path, declared, settings, &mut Narrator::default()) {
        Ok(prepared) => {
            let report = prepared.report();
            tell_missing_atlas(report, settings);
            let findings = Findings(report.clone());
            match prepared.guard() {
                Ok(()) => Ending::done(findings),
                Err(refused) => Ending::failed(refused.into()).with(findings),
            }
        }
        Err(error) => Ending::failed(error.into()),
    }
}

fn tell_missing_atlas(report: &Report, settings: &Settings) {
    if report.plan.is_some() && settings.planner == PlannerChoice::Auto && settings.atlas.is_none() {
        info!("Atlas was not found: planned with the built-in planner");
    }
}

fn check(config: &Config, declared: &Declared) -> Ending<Findings> {
    let Config { database, settings, .. } = config;
    match migrate::check(&database.path, declared, settings, &mut Narrator::default()) {
        Ok(report) if report.outcome == Outcome::InSync => Ending::done(Findings(report)),
        Ok(report) => Ending::done(Findings(report)).exit(OUT_OF_SYNC),
        Err(error) => Ending::failed(error.into()),
    }
}

fn make_default_folder(database: &Database) -> Result<(), Error> {
    let Some(folder) = database.path.parent().filter(|_| database.by_default) else {
        return Ok(());
    };
    fs::create_dir_all(folder).map_err(|error| {
        let shown = folder.display();
        Error::new(ErrorKind::Database, shown.to_string(), format!("cannot make the folder {shown}: {error}"))
            .remedy("name a database in a folder that can be written, with DB_PATH")
    })
}
