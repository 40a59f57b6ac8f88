//! What a deploy writes down, and what it would do, for a dry run.

use std::fmt::Write as _;

use anyhow::Result;

use super::gate::Gate;
use super::{Deploy, Run};
use crate::name::VolumeId;
use crate::release::audit::{Entry, Kind, Outcome};
use crate::release::shipping::earlier::Earlier;
use crate::release::shipping::standing::Standing;
use crate::text;

impl Run<'_> {
    /// Written down, with what it was made of.
    pub(super) fn written(
        &self,
        volume: Option<&VolumeId>,
        config: &str,
        report: &Deploy,
        outcome: Outcome,
        message: &str,
    ) -> String {
        let files =
            [("fly.toml", self.config), ("schema.sql", self.declared.text()), ("machine.json", config)];
        self.shipping.written(self.entry(volume, report, outcome, message), &files)
    }

    fn entry(
        &self,
        volume: Option<&VolumeId>,
        report: &Deploy,
        outcome: Outcome,
        message: &str,
    ) -> Result<Entry> {
        let plan = report.change.as_ref().and_then(|change| change.plan.as_ref());
        let steps = plan.iter().flat_map(|plan| &plan.steps);
        let declared = self.declared.fingerprint().to_owned();
        Ok(Entry {
            commit: report.to.clone(),
            from: report.from.clone(),
            image: report.image.clone(),
            tag: report.tag.clone(),
            live: (outcome == Outcome::Served).then(|| declared.clone()),
            declared: Some(declared),
            machine: report.machine.clone(),
            volume: volume.cloned(),
            snapshot: report.snapshot.clone(),
            copy: report.copy.clone(),
            plan: plan.map(|plan| plan.fingerprint.clone()),
            steps: steps.map(|step| step.label()).collect(),
            rows: report.rows.clone(),
            seconds: report.phases.seconds(),
            message: message.to_owned(),
            ..Entry::new(&self.shipping.project.root, &self.shipping.fly_toml.app, Kind::Deploy, outcome)?
        })
    }

    /// What a deploy would do, with the commands that it would run.
    pub(super) fn told_steps(
        &self,
        standing: &Standing,
        gate: &Gate,
        earlier: &Result<Earlier, String>,
    ) -> String {
        let (app, volume) = (&self.shipping.fly_toml.app, &standing.volume.id);
        let wait = self.shipping.wait_timeout.as_secs();
        let env: String = gate.env.iter().map(|variable| format!(" --env {}", variable.pair())).collect();
        let mut out = format!("\n{}\n", text::title("What a deploy does"));
        let mut line = |phase: &str, text: String| {
            let _ = writeln!(out, "  {phase:8}  {text}");
        };
        line("Lock", format!("git push origin COMMIT:refs/landfall/lock/{app}"));
        line(
            "Image",
            format!(
                "docker build, the smoke test, and: fly deploy --build-only --push --local-only --image {app}:COMMIT -a {app}"
            ),
        );
        line("Backup", format!("fly volumes snapshots create {volume}"));
        line(
            "Ship",
            format!(
                "fly deploy --image IMAGE --ha=false --strategy rolling --wait-timeout {wait}s{env} -a {app}"
            ),
        );
        line(
            "Verify",
            format!(
                "fly machine list, {0}/healthz, {0}/version, landfall status",
                self.shipping.probe.address()
            ),
        );
        line(
            "Record",
            format!("git push origin COMMIT:refs/landfall/deployed/{app}, and refs/landfall/audit/{app}"),
        );
        line(
            "or Back",
            match earlier {
                Ok(earlier) => {
                    format!("fly deploy --image {} --env LANDFALL_SCHEMA=keep -a {app}", earlier.image)
                }
                Err(why) => format!("there is none: {why}"),
            },
        );
        out
    }
}
