//! The local database: at the deployed schema, at today's, absent, or drifted.

use landfall_engine::{Declared, Outcome, Report};

use super::{Fresh, Sync, fine, line};
use crate::release::check::{Check, Verdict};
use crate::text;

const NAME: &str = "local database";

impl Sync<'_> {
    /// Only reads it.
    pub(super) fn local_database(&self, fresh: Option<&Fresh>, today: &Declared) -> Check {
        let local = &self.project.local_db;
        if local.metadata().is_ok_and(|facts| facts.len() > 0) {
            return self.compare_local(fresh, today).unwrap_or_else(|error| {
                let details = error.message.lines().skip(1).map(str::to_owned).collect();
                let first = error.message.lines().next().unwrap_or_default();
                Check { details, ..line(NAME, Verdict::Unknown, first, error.remedy) }
            });
        }
        fine(NAME, format!("there is no {}: nothing to compare", local.display()))
    }

    fn compare_local(&self, fresh: Option<&Fresh>, today: &Declared) -> landfall_engine::Result<Check> {
        let local = &self.project.local_db;
        let shown = local.display();
        let against = |declared: &Declared| landfall_engine::check(local, declared, &self.settings, &mut ());
        let with_today = against(today)?;
        let with_fresh = match fresh {
            Some(fresh) if fresh.commit.is_some() => Some((fresh, against(&fresh.declared)?)),
            _ => None,
        };
        if let Some((fresh, report)) = &with_fresh
            && report.outcome == Outcome::InSync
        {
            let also = if with_today.outcome == Outcome::InSync { ", and at today's" } else { "" };
            return Ok(fine(NAME, format!("{shown} is at the schema of {}{also}", fresh.name())));
        }
        if with_today.outcome == Outcome::InSync {
            return Ok(fine(NAME, format!("{shown} is at today's {}", self.project.schema.display())));
        }
        Ok(drifted(&shown.to_string(), &with_today, with_fresh.as_ref(), self))
    }
}

/// Told against whichever schema is nearer: that is the one it drifted from.
fn drifted(shown: &str, today: &Report, deployed: Option<&(&Fresh, Report)>, sync: &Sync<'_>) -> Check {
    let (nearest, from) = match deployed {
        Some((fresh, report)) if report.differences.len() <= today.differences.len() => {
            (report, format!("the schema of {}", fresh.name()))
        }
        _ => (today, format!("today's {}", sync.project.schema.display())),
    };
    let count = text::count(nearest.differences.len() as u64, "difference");
    let evidence = format!("{shown} has drifted: {count} from {from}");
    let details = nearest.differences.iter().map(|difference| difference.message.clone()).collect();
    Check { details, ..line(NAME, Verdict::OutOfSync, evidence, "cargo xtask migrate") }
}
