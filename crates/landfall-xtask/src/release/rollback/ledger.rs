//! What a rollback writes down.

use anyhow::Result;

use super::{Back, Goal, Rollback, Run};
use crate::release::audit::{Entry, Kind, Outcome};
use crate::release::shipping::prove::Proved;

impl Run<'_> {
    /// Written down, with what it was made of.
    pub(super) fn written(
        &self,
        goal: &Goal<'_>,
        done: (Kind, Outcome),
        proved: Option<&Proved>,
        message: &str,
        report: &Rollback,
    ) -> String {
        let schema = goal.release.declared.as_ref().map(|declared| ("schema.sql", declared.text()));
        let files = [("fly.toml", goal.release.fly_toml.as_str()), ("machine.json", &goal.config)];
        let files: Vec<_> = files.into_iter().chain(schema).collect();
        self.shipping.written(self.entry(goal, done, proved, message, report), &files)
    }

    fn entry(
        &self,
        goal: &Goal<'_>,
        (kind, outcome): (Kind, Outcome),
        proved: Option<&Proved>,
        message: &str,
        report: &Rollback,
    ) -> Result<Entry> {
        let version = proved.and_then(|proved| proved.version.as_ref());
        Ok(Entry {
            commit: goal.target.entry.commit.clone(),
            from: report.from.clone(),
            image: Some(goal.release.image.clone()),
            declared: goal.target.entry.declared.clone(),
            live: version.and_then(|version| version.schema.live.clone()),
            machine: report.machine.clone(),
            volume: report.volume.clone(),
            steps: steps(goal),
            rows: report.rows.clone(),
            set_aside: report.set_aside.clone(),
            seconds: report.phases.seconds(),
            message: message.to_owned(),
            ..Entry::new(&self.shipping.project.root, &self.shipping.fly_toml.app, kind, outcome)?
        })
    }
}

fn steps(goal: &Goal<'_>) -> Vec<String> {
    match &goal.data {
        Back::Stays => Vec::new(),
        Back::Copy(copy) => vec![format!("landfall restore {}", copy.file)],
        Back::Snapshot(source) => vec![format!("a volume of snapshot {}", source.id)],
    }
}
