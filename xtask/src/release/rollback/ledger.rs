//! What a rollback writes down: in the audit, and in the ref that names the deployed commit.

use std::time::SystemTime;

use anyhow::Result;
use migrate::{Declared, Interrupt};

use super::{Back, Goal, Rollback, Run};
use crate::release::audit::{self, Entry, Kind, Outcome};
use crate::release::deploy::ledger::told;
use crate::release::deployed;
use crate::release::identity::Identity;
use crate::release::image::short;
use crate::release::shipping::Shipping;
use crate::release::shipping::prove::Proved;

impl Run<'_> {
    /// Writes the attempt down, and the commit where it serves. What cannot be written is told, and changes nothing of what was done.
    pub(super) fn written(
        &self,
        goal: &Goal<'_>,
        done: &(Kind, Outcome),
        proved: Option<&Proved>,
        message: &str,
        report: &Rollback,
    ) -> String {
        match self.write(goal, done, proved, message, report) {
            Ok(found) => found,
            Err(error) => {
                self.shipping.ui.note(format!("it was not written down: {error:#}"));
                "not written down".to_owned()
            }
        }
    }

    fn write(
        &self,
        goal: &Goal<'_>,
        done: &(Kind, Outcome),
        proved: Option<&Proved>,
        message: &str,
        report: &Rollback,
    ) -> Result<String> {
        let Shipping { project, fly_toml, .. } = self.shipping;
        let (root, app) = (&project.root, &fly_toml.app);
        // A Ctrl-C that came too late for the rollback must not come too early for its record.
        let never = Interrupt::default();
        let entry = self.entry(goal, *done, proved, message, report)?;
        let schema = goal.release.declared.as_ref().map(Declared::text);
        let files =
            [Some(("fly.toml", goal.release.fly_toml.as_str())), Some(("machine.json", &goal.config))];
        let schema = schema.map(|text| ("schema.sql", text));
        let files: Vec<_> = files.into_iter().chain([schema]).flatten().collect();
        let audit = audit::append(root, app, &entry, &files, &never)?;
        if done.1 != Outcome::Served {
            return Ok(told(&audit));
        }
        let commit = &goal.target.entry.commit;
        let recorded = deployed::record(root, app, commit, &never)?;
        let name = deployed::ref_name(app);
        Ok(format!("{name} is {}, {}", short(commit), told(&recorded)))
    }

    fn entry(
        &self,
        goal: &Goal<'_>,
        (kind, outcome): (Kind, Outcome),
        proved: Option<&Proved>,
        message: &str,
        report: &Rollback,
    ) -> Result<Entry> {
        let Identity { who, host } = Identity::read(&self.shipping.project.root)?;
        let version = proved.and_then(|proved| proved.version.as_ref());
        Ok(Entry {
            kind,
            outcome,
            time: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            who,
            host,
            app: report.app.clone(),
            commit: goal.target.entry.commit.clone(),
            from: report.from.clone(),
            image: goal.release.image.clone(),
            declared: goal.target.entry.declared.clone(),
            live: version.and_then(|version| version.schema.live.clone()),
            machine: report.machine.clone(),
            volume: report.volume.clone(),
            snapshot: None,
            copy: None,
            plan: None,
            steps: steps(goal),
            rows: report.rows.clone(),
            set_aside: report.set_aside.clone(),
            seconds: report.phases.seconds(),
            message: message.to_owned(),
        })
    }
}

fn steps(goal: &Goal<'_>) -> Vec<String> {
    match &goal.data {
        Back::Stays => Vec::new(),
        Back::Copy(copy) => vec![format!("app restore {}", copy.file)],
        Back::Snapshot(source) => vec![format!("a volume of snapshot {}", source.id)],
    }
}
