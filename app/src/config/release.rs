//! What Landfall says of the release that it started, and of the database as it made it ready.

use serde::{Deserialize, Serialize};

/// In JSON as `/version` answers it. By default nothing is known: nobody stood in front of the service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Release {
    commit: String,
    version: String,
    pub(crate) schema: Fingerprints,
    sqlite: String,
    /// From the start of Landfall until the database was ready.
    ready_seconds: Option<f64>,
}

/// Fingerprints of schemas; `None` is one that is not known.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Fingerprints {
    /// What the release's `schema.sql` says.
    declared: Option<String>,
    /// What the database had.
    pub(crate) live: Option<String>,
}

impl Default for Release {
    fn default() -> Self {
        Self {
            commit: "unknown".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            schema: Fingerprints::default(),
            sqlite: rusqlite::version().to_owned(),
            ready_seconds: None,
        }
    }
}
