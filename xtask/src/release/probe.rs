//! What a running service says of itself.

use std::env;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use ureq::Agent;

use crate::{plain, text};

/// How long one answer may take.
const LIMIT: Duration = Duration::from_secs(5);
/// As many characters are told of an answer that cannot be read.
const TOLD: usize = 200;

/// `/version` of a service.
#[derive(Debug, Deserialize)]
pub(crate) struct Version {
    /// The commit that it was built from.
    pub(crate) commit: String,
    /// Fingerprints of its schemas.
    pub(crate) schema: Schemas,
    /// The SQLite that it was built with.
    #[serde(default)]
    pub(crate) sqlite: String,
    /// From the start of its process to its first answer, in seconds.
    pub(crate) ready_seconds: Option<f64>,
}

/// Fingerprints of schemas; `None` is one that it could not read.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
pub(crate) struct Schemas {
    /// What its `schema.sql` says.
    pub(crate) declared: Option<String>,
    /// What its database has.
    pub(crate) live: Option<String>,
}

/// What `/healthz` showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Health {
    /// It answered 200.
    Good,
    /// It answered with another status.
    Bad(u16),
    /// It did not answer; why.
    Silent(String),
}

/// A service at an address.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    base: String,
    agent: Agent,
}

impl Probe {
    /// Of the service at this base, such as `http://127.0.0.1:8080`.
    pub(crate) fn new(base: String) -> Self {
        let settings =
            Agent::config_builder().timeout_global(Some(LIMIT)).http_status_as_error(false).proxy(None);
        Self { base, agent: settings.build().into() }
    }

    /// Of the service of this app, as the public reaches it: LANDFALL_URL, or its name at Fly.
    pub(crate) fn public(app: &str) -> Self {
        let given = env::var("LANDFALL_URL").ok().filter(|url| !url.is_empty());
        let base = given.unwrap_or_else(|| format!("https://{app}.fly.dev"));
        Self::new(base.trim_end_matches('/').to_owned())
    }

    /// The address that is asked.
    pub(crate) fn address(&self) -> &str {
        &self.base
    }

    /// `/healthz`.
    pub(crate) fn health(&self) -> Health {
        match self.get("/healthz") {
            Ok((200, _)) => Health::Good,
            Ok((status, _)) => Health::Bad(status),
            Err(error) => Health::Silent(format!("{error:#}")),
        }
    }

    /// Whether `/healthz` answers 200. One that cannot be reached is not well.
    pub(crate) fn is_well(&self) -> bool {
        self.health() == Health::Good
    }

    /// What time it is where it runs, as its answers tell; none where they do not.
    pub(crate) fn time(&self) -> Option<SystemTime> {
        let answer = self.agent.get(format!("{}/healthz", self.base)).call().ok()?;
        httpdate::parse_http_date(answer.headers().get("date")?.to_str().ok()?).ok()
    }

    /// `/version`.
    pub(crate) fn version(&self) -> Result<Version> {
        let (status, answer) = self.get("/version")?;
        let answer = plain::text(&answer);
        serde_json::from_str(&answer)
            .with_context(|| format!("{}/version answered {status}: {}", self.base, text::cut(&answer, TOLD)))
    }

    fn get(&self, path: &str) -> Result<(u16, String)> {
        let address = format!("{}{path}", self.base);
        let mut answer = self.agent.get(&address).call().with_context(|| format!("cannot ask {address}"))?;
        Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
    }
}
