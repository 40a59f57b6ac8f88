//! What this is: `landfall version`, and what a service is given to say of itself.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use landfall_engine::{Declared, Settings};
use serde::Serialize;

use crate::config::Config;

/// In JSON as `LANDFALL_VERSION` has it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct About {
    pub(crate) commit: String,
    version: &'static str,
    pub(crate) schema: Fingerprints,
    sqlite: &'static str,
    /// From the start of the process until the database was ready; `None` where it was not made so.
    pub(crate) ready_seconds: Option<f64>,
}

/// Fingerprints of schemas; `None` is one that could not be read.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Fingerprints {
    /// What this release's `schema.sql` says.
    pub(crate) declared: Option<String>,
    /// What the database has.
    pub(crate) live: Option<String>,
}

impl About {
    pub(crate) fn new(config: &Config, declared: Option<&Declared>) -> Self {
        Self {
            commit: config.commit.clone(),
            version: env!("CARGO_PKG_VERSION"),
            schema: Fingerprints { declared: declared.map(|d| d.fingerprint().to_owned()), live: None },
            sqlite: landfall_engine::sqlite_version(),
            ready_seconds: None,
        }
    }

    pub(crate) fn with_live(mut self, live: String) -> Self {
        self.schema.live = Some(live);
        self
    }

    pub(crate) fn ready_after(mut self, time: Duration) -> Self {
        self.ready_seconds = Some(time.as_secs_f64());
        self
    }

    /// One line.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers are JSON")
    }
}

/// The fingerprint of a live schema: the declared one where both mean the same, however they are spelt.
pub(crate) fn live(
    database: &Path,
    declared: Option<&Declared>,
    settings: &Settings,
) -> Result<String, landfall_engine::Error> {
    match declared {
        Some(declared) => Ok(landfall_engine::check(database, declared, settings, &mut ())?.live),
        None => Ok(landfall_engine::inspect(database, settings)?.fingerprint),
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "landfall {}", self.version)?;
        writeln!(f, "commit {}", self.commit)?;
        writeln!(f, "declared schema {}", self.schema.declared.as_deref().unwrap_or("unknown"))?;
        write!(f, "SQLite {}", self.sqlite)
    }
}
