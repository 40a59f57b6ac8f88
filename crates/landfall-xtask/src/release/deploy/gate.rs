//! Today's schema against what production really has: what the next boot is going to change, whether that is approved, and how it
//! went on a fork of production's own data.

use anyhow::Result;
use landfall_engine::{ApprovedBy, CostClass, Declared, HazardName, Outcome, Report};

use super::report::Deploy;
use crate::cli;
use crate::error::{Error, Kind};
use crate::name::Variable;
use crate::release::approval;
use crate::release::downtime::{self, Downtime};
use crate::release::live::Replica;
use crate::release::rehearsal::{self, On};
use crate::release::shipping::Shipping;
use crate::release::shipping::standing::Standing;
use crate::text;

/// A change that takes longer than this must not be stopped in the middle by Fly's proxy.
const MAY_BE_STOPPED: f64 = 60.0;

/// What the gate let through.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// Approvals, for the one plan that they were given for.
    pub(super) env: Vec<Variable>,
    /// Tables of which rows may be missing afterwards: they are dropped, or called otherwise.
    pub(super) dropped: Vec<String>,
    /// Whether production is known to have today's schema.
    pub(super) is_in_sync: bool,
    /// What it found, in a sentence.
    pub(super) found: String,
}

/// Looks; refuses what is not approved, what rows stand against, and what would take too long. `running` is what the release declares
/// that production runs, where that is known.
pub(super) fn pass(
    shipping: &Shipping<'_>,
    standing: &Standing,
    declared: &Declared,
    running: Option<&Declared>,
    wanted: &cli::Deploy,
    report: &mut Deploy,
) -> Result<Gate> {
    warn_of_local(shipping, declared);
    let live = match &standing.live {
        Ok(live) => live,
        Err(trouble) if wanted.unverified => {
            shipping.ui.note(format!("production's schema was not read: {}", trouble.message));
            return Ok(Gate {
                found: "unverified: production's schema was not read".to_owned(),
                ..Gate::default()
            });
        }
        Err(trouble) => {
            let message = format!("production's schema cannot be read: {}", trouble.message);
            let remedy = format!("{}\nto deploy without knowing what it has: --unverified", trouble.remedy);
            return Err(Error::new(Kind::Failed, "production", message).unchanged().remedy(remedy).into());
        }
    };
    let replica = Replica::of(live, shipping.settings)?;
    if let Ok(status) = &standing.status {
        let releases: Vec<_> = running.into_iter().chain([declared]).collect();
        replica.fill(&status.schema, &releases, shipping.settings)?;
    }
    let database = replica.database();
    let settings = replica.settings(shipping.settings);
    let prepared = landfall_engine::prepare(&database, declared, &settings, &mut ())
        .inspect_err(|error| report.change = error.report.as_deref().cloned())?;
    let planned = prepared.report().clone();
    report.change = Some(planned.clone());
    if planned.outcome == Outcome::InSync {
        return Ok(Gate {
            is_in_sync: true,
            found: "production has today's schema: nothing to change".to_owned(),
            ..Gate::default()
        });
    }
    shipping.ui.result(&text::plan(&planned, false, None));
    approval::guard(&prepared, "cargo xtask deploy")?;
    let planned = match needs_rehearsal(&planned) && !wanted.no_rehearsal {
        // A fork is something that is made.
        true if wanted.dry_run => {
            shipping.ui.note("a deploy rehearses this change on a fork of production's volume first");
            planned
        }
        true => rehearse(shipping, wanted, report)?,
        false => {
            refuse_unbound(standing, wanted, &planned)?;
            planned
        }
    };
    refuse_without_room(standing, &planned)?;
    Ok(Gate {
        env: approval::env(&wanted.hazards(), planned.plan.as_ref()),
        dropped: dropped(standing, declared, &planned),
        is_in_sync: false,
        found: found(&planned, report.downtime.as_ref()),
    })
}

/// An approval counts for one plan. This one was made without rows: on a database that has any, the boot may come to another, and
/// refuse it.
fn refuse_unbound(standing: &Standing, wanted: &cli::Deploy, planned: &Report) -> Result<(), Error> {
    let hazards = planned.plan.iter().flat_map(|plan| &plan.hazards);
    if hazards.filter(|hazard| hazard.approved == Some(ApprovedBy::Caller)).count() == 0
        || !wanted.no_rehearsal
    {
        return Ok(());
    }
    let found = match &standing.status {
        Ok(status) if status.tables.iter().all(|table| table.rows == 0) => return Ok(()),
        Ok(status) => {
            format!("production has {}", text::count(status.rows(), "row"))
        }
        Err(trouble) => format!("its rows were not counted: {}", trouble.message),
    };
    let message = format!(
        "--allow approves one plan, which only a rehearsal finds on real rows: {found}; the machine might come to another plan, and \
         refuse it"
    );
    Err(Error::usage("--no-rehearsal", message).unchanged().remedy("leave out: --no-rehearsal"))
}

/// The local database is nobody's measure; only it is good to know.
fn warn_of_local(shipping: &Shipping<'_>, declared: &Declared) {
    let db = &shipping.project.local_db;
    let has_rows = db.metadata().is_ok_and(|facts| facts.len() > 0);
    if has_rows
        && landfall_engine::check(db, declared, shipping.settings, &mut ())
            .is_ok_and(|report| report.outcome != Outcome::InSync)
    {
        shipping.ui.note(format!(
            "{} is not what {} says: cargo xtask migrate",
            db.display(),
            shipping.project.schema.display()
        ));
    }
}

/// Whether real rows could make a difference.
fn needs_rehearsal(report: &Report) -> bool {
    let Some(plan) = &report.plan else { return false };
    plan.cost.class != CostClass::Constant
        || plan.hazards.iter().any(|hazard| hazard.name != HazardName::RewritesTable)
}

fn rehearse(shipping: &Shipping<'_>, wanted: &cli::Deploy, report: &mut Deploy) -> Result<Report> {
    let rehearsal = rehearsal::Wanted {
        on: On::Fork,
        image: true,
        bases: wanted.bases.clone(),
        allow: wanted.hazards(),
        wait_timeout: shipping.wait_timeout,
    };
    let (rehearsed, ended) = rehearsal::run(shipping.project, &rehearsal, shipping.interrupt, shipping.ui)?;
    report.change = Some(rehearsed.change.clone());
    report.downtime = rehearsed.downtime;
    ended?;
    if let Some(downtime) = &report.downtime {
        shipping.ui.result(&downtime::told(downtime));
        refuse_too_long(shipping, downtime)?;
    }
    Ok(rehearsed.change)
}

fn refuse_too_long(shipping: &Shipping<'_>, downtime: &Downtime) -> Result<(), Error> {
    let wait = shipping.wait_timeout;
    if downtime.high > wait.as_secs_f64() {
        let needed = downtime.high.ceil() as u64;
        let message = format!(
            "the change may take {}, and a deploy waits {}",
            text::seconds(downtime.high),
            text::seconds(wait.as_secs_f64())
        );
        return Err(Error::usage("--wait-timeout", message)
            .unchanged()
            .remedy(format!("let it wait longer: --wait-timeout {needed}")));
    }
    if shipping.fly_toml.auto_stop && downtime.high > MAY_BE_STOPPED {
        let message = format!(
            "the change may take {}, and Fly's proxy may stop the machine meanwhile, which would roll it back",
            text::seconds(downtime.high)
        );
        return Err(Error::usage("fly.toml", message)
            .unchanged()
            .remedy("write into fly.toml: auto_stop_machines = \"off\""));
    }
    Ok(())
}

/// A rewrite needs the room of what it writes anew; a copy is made beside it first.
fn refuse_without_room(standing: &Standing, planned: &Report) -> Result<(), Error> {
    let Ok(status) = &standing.status else { return Ok(()) };
    let writes = planned.plan.as_ref().is_some_and(|plan| plan.cost.class == CostClass::Rewrite);
    if !writes {
        return Ok(());
    }
    let grown = planned.disk.map_or(status.bytes, |disk| disk.peak.saturating_sub(disk.before));
    let needed = status.bytes.saturating_add(grown);
    if status.disk.free >= needed {
        return Ok(());
    }
    let volume = &standing.volume.id;
    let message = format!(
        "the change needs {} on volume {volume}, and {} are free",
        text::size(needed),
        text::size(status.disk.free)
    );
    let size = u64::from(standing.volume.size_gb) + 1 + needed / 1_000_000_000;
    Err(Error::new(Kind::Failed, volume, message)
        .unchanged()
        .remedy(format!("make it larger: fly volumes extend {volume} --size {size}")))
}

/// By the two schemas and what was approved, and by no step: a step that drops a trigger, or the old half of a table that is written
/// anew, loses no row.
fn dropped(standing: &Standing, declared: &Declared, report: &Report) -> Vec<String> {
    let there = standing.rows().unwrap_or_default().iter().map(|rows| &rows.table);
    let hazards = report.plan.iter().flat_map(|plan| &plan.hazards);
    let given_up =
        hazards.filter(|hazard| hazard.name == HazardName::DropsTable).map(|hazard| &hazard.object);
    there.filter(|table| !declared.has_table(table)).chain(given_up).cloned().collect()
}

fn found(report: &Report, downtime: Option<&Downtime>) -> String {
    let differences = text::count(report.differences.len() as u64, "difference");
    let Some(plan) = &report.plan else { return differences };
    let steps = text::count(plan.steps.len() as u64, "step");
    let down = downtime.map_or_else(String::new, |d| {
        format!(
            ", rehearsed on a fork: {} to {} without an answer",
            text::seconds(d.low),
            text::seconds(d.high)
        )
    });
    format!("{differences} from production: {steps} by {}{down}", plan.planner)
}
