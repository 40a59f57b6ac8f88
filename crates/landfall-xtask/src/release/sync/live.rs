//! Production's live schema, where it can be read: is it the deployed commit's?

use std::path::PathBuf;

use anyhow::Result;
use landfall_engine::fingerprint::{Likeness, likeness};
use landfall_engine::{Live, Outcome, Report, Settings};

use super::{Fresh, Sync, fine, line, not_read};
use crate::release::audit;
use crate::release::check::{Check, Verdict};
use crate::release::live;
use crate::release::production::{self, Production, Trouble};
use crate::release::reading::{self, Reading};
use crate::release::shipping::standing;
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
            let asks = fresh.is_some_and(|fresh| fresh.declared.has_rows());
            let told = asks.then(|| standing::status(fly, &machine.id).ok()).flatten();
            let told = told.map(|status| status.schema);
            return self.compare_live(
                fresh,
                machine,
                production::live_schema(fly, &machine.id),
                told.as_deref(),
            );
        }
        if !self.wanted.fork {
            let evidence = format!(
                "machine {} is {}, and its volume was not read: cargo xtask verify-sync --fork",
                machine.id, machine.state
            );
            return Ok(not_read(NAME, evidence));
        }
        self.compare_live(fresh, machine, self.read_on_a_fork(fly, machine, ui), None)
    }

    fn compare_live(
        &self,
        fresh: Option<&Fresh>,
        machine: &Machine,
        read: Result<Live, Trouble>,
        told: Option<&str>,
    ) -> Result<Check> {
        let live = match read {
            Ok(live) => live,
            Err(trouble) => return Ok(unknown(&trouble)),
        };
        let Some(fresh) = fresh else {
            return Ok(not_read(NAME, "its schema was read, and there is none to compare it with"));
        };
        let report = match self.held_against(fresh, &live, told) {
            Ok(report) => report,
            Err(error) => {
                let message = format!("its schema cannot be made again here: {}", error.message);
                return Ok(unknown(&Trouble::new(message, error.remedy)));
            }
        };
        if report.outcome == Outcome::InSync {
            let evidence = format!("machine {} has the schema of {}", machine.id, fresh.name());
            return Ok(rows(fresh, evidence, told));
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
    /// What it tells of its rows is all that is known of them here.
    fn held_against(
        &self,
        fresh: &Fresh,
        live: &Live,
        told: Option<&str>,
    ) -> landfall_engine::Result<Report> {
        let database = self.live_database();
        live::make(live, &database, &self.settings)?;
        if told == Some(fresh.declared.fingerprint()) {
            landfall_engine::migrate(&database, &fresh.declared, &self.settings, &mut ())?;
        }
        let settings = Settings { schema_alone: true, ..self.settings.clone() };
        landfall_engine::check(&database, &fresh.declared, &settings, &mut ())
    }

    /// Production's live schema, once it was read.
    pub(super) fn live_database(&self) -> PathBuf {
        self.folder.path().join("live")
    }
}

/// Whether production has the rows that the release declares, by the fingerprint that it tells: where the schema is the same, only
/// they can make another.
fn rows(fresh: &Fresh, evidence: String, told: Option<&str>) -> Check {
    let declared = fresh.declared.fingerprint();
    match told.map(|told| likeness(told, declared)) {
        _ if !fresh.declared.has_rows() => fine(NAME, evidence),
        Some(Likeness::Same) => fine(NAME, format!("{evidence}, with the rows that it declares")),
        Some(Likeness::Other) => line(
            NAME,
            Verdict::OutOfSync,
            format!("{evidence}, and not the rows that it declares"),
            "declare the rows that production has, or let the next deploy bring them: cargo xtask deploy",
        ),
        Some(Likeness::Incomparable) | None => {
            fine(NAME, format!("{evidence}; whether it has the rows that it declares was not told"))
        }
    }
}

fn unknown(trouble: &Trouble) -> Check {
    line(NAME, Verdict::Unknown, trouble.message.as_str(), trouble.remedy.as_str())
}
