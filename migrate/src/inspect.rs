//! An existing database to the text of a `schema.sql`.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::declared::{blank, ignore_patterns};
use crate::directive;
use crate::error::{Error, ErrorKind, Result};
use crate::open::{self, explain};
use crate::schema::{self, Schema};
use crate::settings::Settings;
use crate::token::{Token, tokenize};

/// A database's live schema.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    Ok(Live { fingerprint: schema.fingerprint(), sql: text(&schema) })
}

/// Kind by kind: within a kind SQLite demands no order, but for virtual tables that read others when they are created.
fn text(schema: &Schema) -> String {
    let tables = schema.tables.iter().map(|t| &t.sql).chain(schema.virtual_tables.iter().map(|t| &t.sql));
    let on_tables = schema.indexes.iter().map(|i| &i.sql).chain(schema.views.iter().map(|v| &v.sql));
    let triggers = schema.triggers.iter().map(|t| &t.sql);
    tables.chain(on_tables).chain(triggers).map(|sql| statement(sql)).collect()
}

/// Without directives: they are instructions for a change that happened long ago.
fn statement(sql: &str) -> String {
    let tokens = tokenize(sql).unwrap_or_default();
    let sql = blank(sql, &directive::comments(sql, &tokens), 0..sql.len());
    let end = tokenize(&sql).ok().and_then(|tokens| tokens.last().map(Token::end));
    // Before a comment that may stand behind the last word, else the comment would hold it.
    let (words, rest) = sql.split_at(end.unwrap_or(sql.len()));
    format!("{words};{}\n", rest.trim_end())
}
