//! What a deploy writes down: in the audit, in the ref that names the deployed commit; and what it would do, for a dry run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::SystemTime;

use anyhow::Result;
use serde_json::Value;

use super::gate::Gate;
use super::{Deploy, Run};
use crate::fly_toml::FlyToml;
use crate::release::audit::{self, Entry, Kind, Outcome};
use crate::release::deployed;
use crate::release::identity::Identity;
use crate::release::image::short;
use crate::release::shipping::standing::Standing;
use crate::text;
use crate::tool::fly::Fly;
use crate::tool::git::Pushed;

impl Run<'_> {
    /// Writes the attempt down, and the commit where it serves. What cannot be written is told, and changes nothing of what was done.
    pub(super) fn written(
        &self,
        volume: &str,
        config: &str,
        report: &Deploy,
        outcome: Outcome,
        message: &str,
    ) -> String {
        match self.write(volume, config, report, outcome, message) {
            Ok(found) => found,
            Err(error) => {
                self.shipping.ui.note(format!("it was not written down: {error:#}"));
                "not written down".to_owned()
            }
        }
    }

    fn write(
        &self,
        volume: &str,
        config: &str,
        report: &Deploy,
        outcome: Outcome,
        message: &str,
    ) -> Result<String> {
        let (root, app) = (&self.shipping.project.root, &self.shipping.fly_toml.app);
        // A Ctrl-C that came too late for the deploy must not come too early for its record.
        let never = migrate::Interrupt::default();
        let entry = self.entry(volume, report, outcome, message)?;
        let files =
            [("fly.toml", self.config), ("schema.sql", self.declared.text()), ("machine.json", config)];
        let audit = audit::append(root, app, &entry, &files, &never)?;
        if outcome != Outcome::Served {
            return Ok(told(&audit));
        }
        let recorded = deployed::record(root, app, &report.to, &never)?;
        Ok(format!("{} is {}, {}", deployed::ref_name(app), short(&report.to), told(&recorded)))
    }

    fn entry(&self, volume: &str, report: &Deploy, outcome: Outcome, message: &str) -> Result<Entry> {
        let Identity { who, host } = Identity::read(&self.shipping.project.root)?;
        let plan = report.change.as_ref().and_then(|change| change.plan.as_ref());
        let steps = plan.iter().flat_map(|plan| &plan.steps);
        let declared = self.declared.fingerprint().to_owned();
        Ok(Entry {
            kind: Kind::Deploy,
            outcome,
            time: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            who,
            host,
            app: report.app.clone(),
            commit: report.to.clone(),
            from: report.from.clone(),
            image: report.image.clone().unwrap_or_default(),
            live: (outcome == Outcome::Served).then(|| declared.clone()),
            declared: Some(declared),
            machine: report.machine.clone(),
            volume: (!volume.is_empty()).then(|| volume.to_owned()),
            snapshot: report.snapshot.clone(),
            copy: report.copy.clone(),
            plan: plan.map(|plan| plan.fingerprint.clone()),
            steps: steps.map(|step| format!("{} {}", text::kind(step), step.table)).collect(),
            rows: report.rows.clone(),
            set_aside: Vec::new(),
            seconds: report.phases.seconds(),
            message: message.to_owned(),
        })
    }

    /// What a deploy would do, with the commands that it would run.
    pub(super) fn told_steps(&self, standing: &Standing, gate: &Gate) -> String {
        let (app, volume) = (&self.shipping.fly_toml.app, &standing.volume.id);
        let wait = self.shipping.wait_timeout.as_secs();
        let env: String = gate.env.iter().map(|(name, value)| format!(" --env {name}={value}")).collect();
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
            format!("fly machine list, {0}/healthz, {0}/version, app status", self.shipping.probe.address()),
        );
        line(
            "Record",
            format!("git push origin COMMIT:refs/landfall/deployed/{app}, and refs/landfall/audit/{app}"),
        );
        line(
            "or Back",
            format!(
                "fly deploy --image {} --env LANDFALL_SCHEMA=keep -a {app}",
                standing.machine.pinned_image().unwrap_or_else(|| "IMAGE BEFORE".to_owned())
            ),
        );
        out
    }
}

/// Where something was written down.
pub(crate) fn told(pushed: &Pushed) -> String {
    match pushed {
        Pushed::Everywhere => "here and at origin".to_owned(),
        Pushed::OnlyHere(reason) => format!("here alone: {reason}"),
        Pushed::Nowhere => "nowhere: there is no repository".to_owned(),
    }
}

/// The machine's configuration as JSON, without what must not be published: files, and variables that fly.toml does not have.
pub(crate) fn machine_config(fly: &Fly<'_>, machine: &str, fly_toml: &FlyToml) -> Result<String> {
    let mut config = fly.machine_config(machine)?;
    publishable(&mut config, &fly_toml.env);
    Ok(serde_json::to_string_pretty(&config)? + "\n")
}

fn publishable(config: &mut Value, known: &BTreeMap<String, String>) {
    let Some(config) = config.as_object_mut() else { return };
    config.remove("files");
    let Some(env) = config.get_mut("env").and_then(Value::as_object_mut) else { return };
    let ours = |name: &str| {
        known.contains_key(name)
            || ["FLY_", "LANDFALL_"].iter().any(|prefix| name.starts_with(prefix))
            || name == "PRIMARY_REGION"
    };
    for (_, value) in env.iter_mut().filter(|(name, _)| !ours(name)) {
        *value = Value::from("(not written down)");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_machines_config_is_written_down_without_what_may_be_a_secret() {
        let mut config = json!({
            "env": {"DB_PATH": "/data/db", "FLY_PROCESS_GROUP": "app", "LANDFALL_SCHEMA": "keep", "KEY": "secret"},
            "files": [{"raw_value": "c2VjcmV0"}], "image": "shop",
        });
        publishable(&mut config, &BTreeMap::from([("DB_PATH".to_owned(), "/data/db".to_owned())]));
        let expected = json!({
            "env": {"DB_PATH": "/data/db", "FLY_PROCESS_GROUP": "app", "LANDFALL_SCHEMA": "keep", "KEY": "(not written down)"},
            "image": "shop",
        });
        assert_eq!(config, expected);
    }
}
