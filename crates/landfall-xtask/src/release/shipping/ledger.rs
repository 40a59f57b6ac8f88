//! What is written down of an attempt: an entry in the audit, and the ref that names the deployed commit.

use std::collections::BTreeMap;

use anyhow::Result;
use landfall_engine::Interrupt;
use serde_json::Value;

use super::Shipping;
use crate::name::{MachineId, VariableName};
use crate::release::audit::{self, Entry, Outcome};
use crate::release::deployed;
use crate::release::image::short;
use crate::tool::git::Pushed;

impl Shipping<'_> {
    /// Writes the attempt down with its files, and the commit where it serves; where to, in a sentence. What cannot be written is
    /// told, and changes nothing of what was done.
    pub(crate) fn written(&self, entry: Result<Entry>, files: &[(&'static str, &str)]) -> String {
        entry.and_then(|entry| self.write(&entry, files)).unwrap_or_else(|error| {
            self.ui.note(format!("it was not written down: {error:#}"));
            "not written down".to_owned()
        })
    }

    /// The machine's configuration as JSON, without what must not be published: files, and variables that fly.toml does not have.
    pub(crate) fn machine_config(&self, machine: &MachineId) -> Result<String> {
        let mut config = self.asked(|fly| fly.machine_config(machine))?;
        publishable(&mut config, &self.fly_toml.env);
        Ok(serde_json::to_string_pretty(&config)? + "\n")
    }

    fn write(&self, entry: &Entry, files: &[(&'static str, &str)]) -> Result<String> {
        let (root, app) = (&self.project.root, &self.fly_toml.app);
        // A Ctrl-C that came too late for the attempt must not come too early for its record.
        let never = Interrupt::default();
        let audit = audit::append(root, app, entry, files, &never)?;
        let chain = audit::ref_name(app);
        // What is shipped now has another entry at its end, which takes this one along, or tells.
        if entry.outcome != Outcome::Shipping {
            self.tell(&chain, &audit, &format!("git push origin {chain}"));
        }
        if entry.outcome != Outcome::Served {
            return Ok(format!("{chain}, {}", told(&audit)));
        }
        let Some(commit) = entry.commit.commit() else {
            return Ok(format!("{chain}, {}; it was built of no commit", told(&audit)));
        };
        let recorded = deployed::record(root, app, commit, &never)?;
        let name = deployed::ref_name(app);
        self.tell(&name, &recorded, &format!("git push --force origin {name}"));
        let commit = format!("{name} is {}, {}", short(&entry.commit), told(&recorded));
        Ok(if audit == recorded { commit } else { format!("{commit}; {chain}, {}", told(&audit)) })
    }

    /// What `origin` has not taken nobody else sees.
    fn tell(&self, name: &str, pushed: &Pushed, command: &str) {
        if let Pushed::OnlyHere(reason) = pushed {
            self.ui.note(format!(
                "{name} was written down here, and origin has not got it: {reason}\nno other clone sees it until: {command}"
            ));
        }
    }
}

fn told(pushed: &Pushed) -> &'static str {
    match pushed {
        Pushed::Everywhere => "here and at origin",
        Pushed::OnlyHere(_) => "here alone",
        Pushed::NoOrigin => "here alone: there is no origin",
        Pushed::Nowhere => "nowhere: there is no repository",
    }
}

fn publishable(config: &mut Value, known: &BTreeMap<VariableName, String>) {
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
        publishable(&mut config, &BTreeMap::from([("DB_PATH".parse().unwrap(), "/data/db".to_owned())]));
        let expected = json!({
            "env": {"DB_PATH": "/data/db", "FLY_PROCESS_GROUP": "app", "LANDFALL_SCHEMA": "keep", "KEY": "(not written down)"},
            "image": "shop",
        });
        assert_eq!(config, expected);
    }
}
