//! Why the transaction of a plan must be rolled back.

/// Each with the object that it is about, where there is one.
#[derive(Debug)]
pub(crate) enum Failure {
    /// SQLite refused a statement, which makes or changes an object.
    Statement { object: String, sql: String, error: rusqlite::Error },
    /// Reading the evidence failed.
    Reading(rusqlite::Error),
    /// Reading the live database failed, of which a sample was to be taken.
    Live(rusqlite::Error),
    /// A query found rows that were not there when the plan was made.
    Found { object: String, sql: String },
    /// All statements ran, and rows refer to a parent that is not there. A clause.
    ForeignKey { object: String, clause: String },
    /// All statements ran, and something is not as it must be. A clause: "would lose 3 rows of customers".
    Evidence { object: String, clause: String },
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Reading(error)
    }
}
