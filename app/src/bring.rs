//! Brings the database to `schema.sql`, without a question: what `start` and `migrate` do.

use migrate::{Declared, Error, ErrorKind, PlannerChoice, Prepared, Report, Settings, Watch};
use tracing::info;

use crate::command::Findings;
use crate::config::Config;
use crate::copy::{self, Copy};
use crate::log::Narrator;

/// The report of what was done; an error is told after everything was rolled back.
pub(crate) fn bring(config: &Config, declared: &Declared) -> Result<Findings, Error> {
    let Config { database, settings, .. } = config;
    copy::sweep(database);
    let mut narrator = Narrator::default();
    let by = |prepared: &Prepared<'_>, watch: &mut dyn Watch| apply(config, prepared, watch);
    let report = migrate::migrate_by(&database.path, declared, settings, &mut narrator, by)?;
    tell_missing_atlas(&report, settings);
    Ok(Findings(report))
}

/// A risky plan runs only beside a copy of what was before it. A copy before a change that was rolled back is of no use, but
/// stays where the disk failed: then nobody knows what is on it.
fn apply(config: &Config, prepared: &Prepared<'_>, watch: &mut dyn Watch) -> Result<Report, Error> {
    prepared.guard()?;
    let risky = prepared.report().plan.as_ref().filter(|plan| plan.wants_copy());
    let copy = risky.map(|plan| Copy::make(&config.database, plan, &config.settings)).transpose()?;
    let result = prepared.apply(watch);
    match (copy, &result) {
        (Some(copy), Ok(_)) => copy.keep(),
        (Some(copy), Err(error)) if error.kind != ErrorKind::Database => copy.remove(),
        _ => {}
    }
    result
}

/// Says that Atlas did not take part, where it could have.
pub(crate) fn tell_missing_atlas(report: &Report, settings: &Settings) {
    if report.plan.is_some() && settings.planner == PlannerChoice::Auto && settings.atlas.is_none() {
        info!("Atlas was not found: planned with the built-in planner");
    }
}
