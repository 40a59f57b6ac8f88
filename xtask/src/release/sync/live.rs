//! Production's live schema, where it can be read: is it the deployed commit's?

use std::path::PathBuf;

use anyhow::Result;
use migrate::{Live, Outcome, Report};

use super::{Fresh, Sync, fine, line, not_read};
use crate::release::check::{Check, Verdict};
use crate::release::live;
use crate::release::production::{self, Production, Trouble};
use crate::text;
use crate::tool::fly::{Fly, Machine};

const NAME: &str = "production";

impl Sync<'_> {
    /// Asks the machine that runs; a stopped one only with `--wake`, and then it is stopped again.
    pub(super) fn live_schema(&self, fresh: Option<&Fresh>, production: &Production) -> Result<Check> {
        let machine = match production {
            Production::Machine(machine) => machine,
            Production::Absent(reason) if fresh.is_some_and(|fresh| fresh.commit.is_none()) => {
                return Ok(not_read(NAME, format!("nothing is there yet: {reason}")));
            }
            Production::Absent(reason) => {
                let remedy = format!("check what is there: fly status -a {}", self.fly_toml.app);
                return Ok(line(
                    NAME,
                    Verdict::Unknown,
                    format!("a deploy was recorded, and {reason}"),
                    remedy,
                ));
            }
            Production::NotAsked(reason) => return Ok(not_read(NAME, format!("not asked: {reason}"))),
            Production::Unknown(trouble) => return Ok(unknown(trouble)),
        };
        let Ok(fly) = &self.fly else { return Ok(not_read(NAME, "not asked")) };
        if let Some(trouble) = production::unreachable(machine) {
            return Ok(unknown(&trouble));
        }
        if machine.state == "started" {
            return self.compare_live(fresh, machine, production::live_schema(fly, machine));
        }
        if !self.wanted.wake {
            let evidence =
                format!("machine {} is {}, and was not woken (--wake does)", machine.id, machine.state);
            return Ok(not_read(NAME, evidence));
        }
        self.compare_live(fresh, machine, woken(fly, machine))
    }

    fn compare_live(
        &self,
        fresh: Option<&Fresh>,
        machine: &Machine,
        read: Result<Live, Trouble>,
    ) -> Result<Check> {
        let live = match read {
            Ok(live) => live,
            Err(trouble) => return Ok(unknown(&trouble)),
        };
        let Some(fresh) = fresh else {
            return Ok(not_read(NAME, "its schema was read, and there is none to compare it with"));
        };
        let report = match self.held_against(fresh, &live) {
            Ok(report) => report,
            Err(error) => {
                let message = format!("its schema cannot be made again here: {}", error.message);
                return Ok(unknown(&Trouble::new(message, error.remedy)));
            }
        };
        if report.outcome == Outcome::InSync {
            let evidence = format!("machine {} has the schema of {}", machine.id, fresh.name());
            return Ok(fine(NAME, evidence));
        }
        let count = text::count(report.differences.len() as u64, "difference");
        let evidence =
            format!("machine {} has drifted: {count} from the schema of {}", machine.id, fresh.name());
        let details = report.differences.into_iter().map(|difference| difference.message).collect();
        let remedy = "declare it in schema.sql, or let the next deploy bring it there: cargo xtask deploy";
        Ok(Check { details, ..line(NAME, Verdict::OutOfSync, evidence, remedy) })
    }
}

impl Sync<'_> {
    /// Made again in a database of its own, since only a database can be compared.
    fn held_against(&self, fresh: &Fresh, live: &Live) -> migrate::Result<Report> {
        let database = self.live_database();
        live::make(live, &database, &self.settings)?;
        migrate::check(&database, &fresh.declared, &self.settings, &mut ())
    }

    /// Production's live schema, once it was read.
    pub(super) fn live_database(&self) -> PathBuf {
        self.folder.path().join("live")
    }
}

/// Started, asked, and stopped again, whatever came of it.
fn woken(fly: &Fly<'_>, machine: &Machine) -> Result<Live, Trouble> {
    fly.wake(&machine.id).map_err(|failure| Trouble::from(&failure))?;
    let read = production::live_schema(fly, machine);
    fly.stop(&machine.id).map_err(|failure| {
        Trouble::new(
            format!("machine {} was woken, and could not be stopped again: {failure}", machine.id),
            format!("fly machine stop {}", machine.id),
        )
    })?;
    read
}

fn unknown(trouble: &Trouble) -> Check {
    line(NAME, Verdict::Unknown, trouble.message.as_str(), trouble.remedy.as_str())
}
