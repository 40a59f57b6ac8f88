//! An existing database to the text of a `schema.sql`.

use std::path::Path;

use serde::Serialize;

use crate::declared::ignore_patterns;
use crate::error::{Error, ErrorKind, Result};
use crate::open::{self, explain};
use crate::schema;
use crate::settings::Settings;

/// A database's live schema.
#[derive(Debug, Clone, Serialize)]
pub struct Live {
    /// SHA-256 of its meaning, in hexadecimal. Equal to [`crate::Declared::fingerprint`] when both spell every constraint
    /// alike; ask [`crate::check`] whether they mean the same.
    pub fingerprint: String,
    /// It as the text of a `schema.sql`: verbatim, in dependency order.
    pub sql: String,
}

/// Reads the live schema of an existing database, read-only.
///
/// # Errors
/// [`ErrorKind::Database`] when it is missing or cannot be read, [`ErrorKind::Locked`] when it stays locked.
pub fn inspect(db: &Path, settings: &Settings) -> Result<Live> {
    let Some(conn) = open::reading(db, settings, &mut ())? else {
        let file = db.display().to_string();
        return Err(Error::new(ErrorKind::Database, &file, format!("there is no database {file}"))
            .remedy("name a database file that exists"));
    };
    let schema = schema::read(&conn, &ignore_patterns(settings)).map_err(|e| explain(db, &e, settings))?;
    // Rows of sqlite_schema stand in the order of creation, but for tables that were rebuilt: kind by kind is safe.
    let of = |kind: &str| schema.rows.iter().filter(|r| r.kind == kind).map(|r| format!("{};\n", r.sql)).collect::<String>();
    let sql = ["table", "index", "view", "trigger"].map(of).concat();
    Ok(Live { fingerprint: schema.fingerprint(), sql })
}
