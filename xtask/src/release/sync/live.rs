//! Production's live schema, where it can be read: is it the deployed commit's?

use std::path::PathBuf;

use anyhow::Result;
use migrate::{Live, Outcome, Report};

use super::{Fresh, Sync, fine, line, not_read};
use crate::release::audit;
use crate::release::check::{Check, Verdict};
use crate::release::live;
use crate::release::production::{self, Production, Trouble};
use crate::release::reading::{self, Reading};
use crate::text;
use crate::tool::fly::{Fly, Machine};
use crate::ui::Ui;

const NAME: &str = "production";

impl Sync<'_> {
    /// Asks the machine that runs. Another one is never started, since it may not start: with `--fork` its volume is read.
    pub(super) fn live_schema(
        &self,
        fresh: Option<&Fresh>,
        production: &Production,
        ui: &Ui,
    ) -> Result<Check> {
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
            return self.compare_live(fresh, machine, production::live_schema(fly, &machine.id));
        }
        if !self.wanted.fork {
            let evidence = format!(
                "machine {} is {}, and its volume was not read: cargo xtask verify-sync --fork",
                machine.id, machine.state
            );
            return Ok(not_read(NAME, evidence));
        }
        self.compare_live(fresh, machine, self.read_on_a_fork(fly, machine, ui))
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
    fn read_on_a_fork(&self, fly: &Fly<'_>, machine: &Machine, ui: &Ui) -> Result<Live, Trouble> {
        let Self { fly_toml, interrupt, .. } = self;
        let audit = audit::read(&self.project.root, &fly_toml.app, interrupt)
            .map_err(|error| Trouble::new(format!("{error:#}"), "see the repository: git fsck"))?;
        let image = reading::image(&audit, Some(machine))?;
        let volume = machine.volume_at(&fly_toml.volume).ok_or_else(|| {
            let message = format!("machine {} has no volume at {}", machine.id, fly_toml.volume);
            Trouble::new(message, format!("see what it has: fly volumes list -a {}", fly_toml.app))
        })?;
        let reading = Reading { fly, fly_toml, image: &image, interrupt, ui };
        reading.of(&volume, &machine.region, |id| production::live_schema(fly, id))?
    }

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

fn unknown(trouble: &Trouble) -> Check {
    line(NAME, Verdict::Unknown, trouble.message.as_str(), trouble.remedy.as_str())
}
