//! `landfall migrate`: brings the database to `schema.sql`, without a question.

use landfall_engine::{Declared, Outcome};

use super::report::Findings;
use crate::bring::{self, bring, tell_missing_atlas};
use crate::config::{Config, Mode};
use crate::copy;
use crate::ending::{Ending, Format};
use crate::lock::Lock;
use crate::log::Narrator;
use crate::restore;
use crate::stop;
use crate::volume;

const OUT_OF_SYNC: u8 = 4;

pub(crate) fn run(config: &Config, mode: Mode, format: Format) -> Ending<Findings> {
    if let Err(failure) = stop::interrupts(&config.settings.interrupt) {
        return Ending::failed(failure);
    }
    // In JSON the fingerprints are told.
    if format == Format::Text {
        match glanced(config, mode) {
            Ok(Some(findings)) => return Ending::done(findings),
            Ok(None) => {}
            Err(error) => return Ending::failed(error.into()),
        }
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

fn apply(config: &Config, declared: &Declared) -> Ending<Findings> {
    locked(config, declared).map_or_else(failed, Ending::done)
}

/// With what was found before it failed.
fn failed(mut error: landfall_engine::Error) -> Ending<Findings> {
    let report = error.report.take();
    let ending = Ending::failed(error.into());
    match report {
        Some(report) => ending.with(Findings(*report)),
        None => ending,
    }
}

/// What there is to tell where nothing is to be done, which is most of the time.
fn glanced(config: &Config, mode: Mode) -> Result<Option<Findings>, landfall_engine::Error> {
    let Some(findings) = bring::glance(config)? else { return Ok(None) };
    if mode == Mode::Apply {
        drop(prepared(config)?);
        copy::sweep(&config.database);
    }
    Ok(Some(findings))
}

fn locked(config: &Config, declared: &Declared) -> Result<Findings, landfall_engine::Error> {
    let _lock = prepared(config)?;
    bring(config, declared)
}

/// Not beside a service, which migrates when it starts.
fn prepared(config: &Config) -> Result<Lock, landfall_engine::Error> {
    volume::make_default_folder(&config.database)?;
    volume::check(config)?;
    let lock = Lock::take(&config.database, &config.settings)?;
    restore::sweep(&config.database);
    Ok(lock)
}

fn plan(config: &Config, declared: &Declared) -> Ending<Findings> {
    let Config { database, settings, .. } = config;
    match landfall_engine::prepare(&database.path, declared, settings, &mut Narrator::default()) {
        Ok(prepared) => {
            tell_missing_atlas(prepared.report(), settings);
            match prepared.guard() {
                Ok(()) => Ending::done(Findings(prepared.into_report())),
                Err(refused) => failed(refused),
            }
        }
        Err(error) => failed(error),
    }
}

fn check(config: &Config, declared: &Declared) -> Ending<Findings> {
    let Config { database, settings, .. } = config;
    match landfall_engine::check(&database.path, declared, settings, &mut Narrator::default()) {
        Ok(report) if report.outcome == Outcome::InSync => Ending::done(Findings(report)),
        Ok(report) => Ending::done(Findings(report)).exit(OUT_OF_SYNC),
        Err(error) => failed(error),
    }
}
