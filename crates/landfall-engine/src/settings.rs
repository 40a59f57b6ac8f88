//! Everything that a caller can decide.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use rusqlite::Connection;
use serde::Serialize;

use crate::error::{Error, ErrorKind};
use crate::hazard::Approval;
use crate::interrupt::Interrupt;

/// Who may propose a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlannerChoice {
    /// Every available planner; the cheapest proved plan wins, ties go to Atlas.
    #[default]
    Auto,
    /// Atlas or nothing.
    Atlas,
    /// The planner in this crate or nothing.
    Builtin,
}

impl PlannerChoice {
    /// The word for it, as configuration and environment write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Atlas => "atlas",
            Self::Builtin => "builtin",
        }
    }
}

/// How much of the rows is proved after the plan ran in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProofLevel {
    /// Checksums for tables that were rewritten, row counts for their relatives.
    #[default]
    Rewritten,
    /// Row counts for all of them.
    Counts,
    /// Checksums for all of them.
    Content,
}

/// What a different order of columns means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnOrder {
    /// A note: `SELECT *` and positional INSERT see it, nothing is migrated for it.
    #[default]
    Report,
    /// A difference: the table is rewritten in the declared order.
    Exact,
}

impl ColumnOrder {
    /// The word for it, as configuration and environment write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Exact => "exact",
        }
    }
}

/// Which changes may be made without writing the rows of their table anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FastPath {
    /// ALTER TABLE where SQLite has it, and edits of the CREATE text that leave every b-tree and the reading of every value as
    /// they are.
    #[default]
    Proved,
    /// Also edits that need more than the catalogue: indexes made again, kept or renamed, marks, exchanged root pages.
    Full,
    /// None but ADD COLUMN and RENAME: whatever else changes a table writes it anew.
    Off,
}

impl FastPath {
    /// The word for it, as configuration and environment write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Full => "full",
            Self::Off => "off",
        }
    }
}

/// Registers functions, collations and modules that the schema uses, on every connection made here.
pub type Hook = fn(&Connection) -> rusqlite::Result<()>;

/// Everything that a caller can decide. `Settings::default()` is what the command line does without flags.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who may propose a plan.
    pub planner: PlannerChoice,
    /// The Atlas binary; `None` when there is none on this machine.
    pub atlas: Option<PathBuf>,
    /// How long Atlas may take.
    pub atlas_limit: Duration,
    /// GLOB patterns of tables that no step sees; extends [`BUILTIN_IGNORE`].
    pub ignore: Vec<String>,
    /// What a different order of columns means.
    pub column_order: ColumnOrder,
    /// Which changes may be made without writing the rows of their table anew.
    pub fast_path: FastPath,
    /// How much of the rows is proved.
    pub proof: ProofLevel,
    /// Hazards that somebody approved on the command line or in the environment.
    pub allow: Vec<Approval>,
    /// The fingerprint of the one plan that [`Settings::allow`] counts for; `None` is any plan.
    pub allow_for: Option<String>,
    /// Whether databases are copies of a schema alone: rows that `schema.sql` declares are not looked for in them, and not inserted.
    pub schema_alone: bool,
    /// What messages and reports call the database, where that is not its path.
    pub called: Option<String>,
    /// How long to wait for another connection's lock.
    pub lock_wait: Duration,
    /// Whether messages may carry values of the user's rows, not only rowids and counts.
    pub show_values: bool,
    /// Raised to stop and roll back.
    pub interrupt: Interrupt,
    /// Called on every connection that this crate opens.
    pub hook: Option<Hook>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            planner: PlannerChoice::default(),
            atlas: None,
            atlas_limit: Duration::from_secs(60),
            ignore: Vec::new(),
            column_order: ColumnOrder::default(),
            fast_path: FastPath::default(),
            proof: ProofLevel::default(),
            allow: Vec::new(),
            allow_for: None,
            schema_alone: false,
            called: None,
            lock_wait: Duration::from_secs(10),
            show_values: false,
            interrupt: Interrupt::default(),
            hook: None,
        }
    }
}

impl Settings {
    /// What messages and reports call this database.
    pub(crate) fn name_of(&self, database: &Path) -> String {
        self.called.clone().unwrap_or_else(|| database.display().to_string())
    }
}

/// Tables that belong to SQLite, Landfall itself, Litestream, Atlas and libSQL: never compared, and no plan touches them.
pub const BUILTIN_IGNORE: &[&str] =
    &["sqlite_*", "_landfall_*", "_litestream_*", "atlas_schema_revisions", "libsql_*", "_libsql_*"];

/// The built-in ignore patterns and the configured ones.
pub(crate) fn ignore_patterns(settings: &Settings) -> Vec<String> {
    BUILTIN_IGNORE.iter().map(|p| (*p).to_owned()).chain(settings.ignore.iter().cloned()).collect()
}

macro_rules! words {
    ($type:ty, $what:literal, $($word:literal => $value:expr),+) => {
        impl FromStr for $type {
            type Err = Error;

            fn from_str(word: &str) -> Result<Self, Error> {
                match word {
                    $($word => Ok($value),)+
                    _ => Err(Error::new(
                        ErrorKind::Usage,
                        $what,
                        format!(concat!($what, " \"{}\" is not known"), word),
                    )
                    .remedy(concat!("use one of:" $(, " ", $word)+))),
                }
            }
        }
    };
}
words!(PlannerChoice, "planner", "auto" => Self::Auto, "atlas" => Self::Atlas, "builtin" => Self::Builtin);
words!(ProofLevel, "proof", "counts" => Self::Counts, "content" => Self::Content);
words!(ColumnOrder, "column-order", "report" => Self::Report, "exact" => Self::Exact);
words!(FastPath, "fast-path", "proved" => Self::Proved, "full" => Self::Full, "off" => Self::Off);
