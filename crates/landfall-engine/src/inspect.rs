//! An existing database to the text of a `schema.sql`.

use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::ddl::{self, ObjectKind};
use crate::directive;
use crate::directive::blank;
use crate::error::{Error, ErrorKind, Result};
use crate::fingerprint;
use crate::open::{self, explain};
use crate::schema::{self, Schema};
use crate::settings::Settings;
use crate::settings::ignore_patterns;
use crate::token::{Token, closing, tokenize};

/// A database's live schema.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Live {
    /// Of its meaning. Equal to [`crate::Declared::fingerprint`] when both spell every constraint
    /// alike; ask [`crate::check`] whether they mean the same.
    pub fingerprint: String,
    /// It as the text of a `schema.sql`, in dependency order: verbatim, but for a table that is one long line.
    pub sql: String,
}

/// Reads the live schema of an existing database, read-only.
///
/// # Errors
/// [`ErrorKind::Database`] when it is missing or cannot be read, [`ErrorKind::Locked`] when it stays locked.
pub fn inspect(db: &Path, settings: &Settings) -> Result<Live> {
    let Some(conn) = open::snapshot(db, settings, &mut ())? else {
        let file = db.display().to_string();
        return Err(Error::new(ErrorKind::Database, &file, format!("there is no database {file}"))
            .remedy("name a database file that exists"));
    };
    let schema = schema::read_for(&conn, &ignore_patterns(settings), &Schema::default())
        .map_err(|e| explain(db, &e, settings))?;
    Ok(Live { fingerprint: fingerprint::of_schema(&schema), sql: text(&schema) })
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
    let tokens = tokenize(&sql).unwrap_or_default();
    // Before a comment that may stand behind the last word, else the comment would hold it.
    let end = tokens.last().map_or(sql.len(), Token::end);
    let words = column_a_line(&sql, &tokens).unwrap_or_else(|| sql[..end].to_owned());
    format!("{words};{}\n", sql[end..].trim_end())
}

/// More than this on one line of a table is for no reader; characters.
const LONG: usize = 100;

/// A table that is one long line, with a column or constraint a line; `None` where it is left as it is.
fn column_a_line(sql: &str, tokens: &[Token<'_>]) -> Option<String> {
    let end = tokens.last()?.end();
    if sql.trim_end().contains('\n') || sql[..end].chars().count() <= LONG {
        return None;
    }
    let body = ddl::head(tokens).filter(|head| head.kind == ObjectKind::Table)?.body;
    tokens.get(body).filter(|token| token.is_symbol("("))?;
    let close = closing(tokens, body)?;
    // The text between commas, and with it every comment.
    let item = |item: Range<usize>| sql[tokens[item.start - 1].end()..tokens[item.end].start].trim();
    let lines: Vec<_> = ddl::items(tokens, body + 1..close).into_iter().map(item).collect();
    let (head, options) = (&sql[..tokens[body].end()], &sql[tokens[close].start..end]);
    Some(format!("{head}\n  {}\n{options}", lines.join(",\n  ")))
}
