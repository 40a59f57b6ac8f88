//! Brings the database to `schema.sql`, without a question: what `start` and `migrate` do.

use std::time::Instant;

use landfall_engine::{
    Backup, Declared, Error, ErrorKind, Files, Outcome, PlannerChoice, Prepared, Report, Settings, Watch,
};
use tracing::info;

use crate::command::Findings;
use crate::config::Config;
use crate::copy::{self, Copy};
use crate::log::Narrator;
use crate::record;

/// The report on a database that has the very texts of `schema.sql`, found without executing them; what else there is, [`bring`] tells.
pub(crate) fn glance(config: &Config) -> Result<Option<Findings>, Error> {
    let Ok(files) = Files::read(&config.schema) else { return Ok(None) };
    let Config { database, schema, settings, .. } = config;
    match landfall_engine::glance(&database.path, schema, files.text(), settings, &mut Narrator::default()) {
        Ok(found) => Ok(found.map(Findings)),
        Err(error) if error.kind == ErrorKind::Locked => Err(error),
        // Whose it is and where it lies was not looked at yet, and says more.
        Err(_) => Ok(None),
    }
}

/// The report of what was done; an error is told after everything was rolled back.
pub(crate) fn bring(config: &Config, declared: &Declared) -> Result<Findings, Error> {
    let Config { database, settings, .. } = config;
    let started = Instant::now();
    copy::sweep(database);
    let (mut narrator, mut copied) = (Narrator::default(), None);
    let by = |prepared: Prepared<'_>, watch: &mut dyn Watch| {
        let (report, copy) = apply(config, prepared, watch)?;
        copied = copy;
        Ok(report)
    };
    let report = landfall_engine::migrate_by(&database.path, declared, settings, &mut narrator, by)?;
    if report.outcome == Outcome::Applied {
        record::write(config, &report, copied.as_ref(), started.elapsed());
    }
    tell_missing_atlas(&report, settings);
    Ok(Findings(report))
}

/// A risky plan runs only beside a copy of what was before it. A copy before a change that was rolled back is of no use, but
/// stays where the disk failed: then nobody knows what is on it.
fn apply(
    config: &Config,
    prepared: Prepared<'_>,
    watch: &mut dyn Watch,
) -> Result<(Report, Option<Backup>), Error> {
    prepared.guard()?;
    if let Some(plan) = &prepared.report().plan {
        info!("plan of {}: {}, {}", plan.planner, plan.cost, plan.prediction);
    }
    let risky = prepared.report().plan.as_ref().filter(|plan| plan.wants_copy());
    let copy = risky.map(|plan| Copy::make(&config.database, plan, &config.settings)).transpose()?;
    match prepared.apply(watch) {
        Ok(report) => Ok((report, copy.map(Copy::keep))),
        Err(error) => {
            copy.filter(|_| error.kind != ErrorKind::Database).into_iter().for_each(Copy::remove);
            Err(error)
        }
    }
}

/// Says that Atlas did not take part, where it could have.
pub(crate) fn tell_missing_atlas(report: &Report, settings: &Settings) {
    if report.plan.is_some() && settings.planner == PlannerChoice::Auto && settings.atlas.is_none() {
        info!("Atlas was not found: planned with the built-in planner");
    }
}
