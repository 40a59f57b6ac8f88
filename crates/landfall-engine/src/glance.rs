//! A database that is what `schema.sql` creates, text for text: found out without executing a statement of it.
//!
//! To execute them costs more than all the rest of a migration with nothing to do. SQLite keeps the text of each CREATE from the name on;
//! where every one of them is there, and nothing else, it was made by these statements or by some that end in the same.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::Connection;

use crate::answer::or_refusal;
use crate::ddl::ends_here;
use crate::ddl::{self, ObjectKind};
use crate::declared::probe;
use crate::directive;
use crate::error::Result;
use crate::expansion::Views;
use crate::open;
use crate::report::{Outcome, Report};
use crate::schema::{self, Row};
use crate::settings::Settings;
use crate::settings::ignore_patterns;
use crate::token::{Token, quote, tokenize, tokens};
use crate::watch::Watch;

/// The report on a database that has the very texts of `schema.sql`, whose `text` was read already; `path` is only told.
///
/// `None` says nothing: [`crate::Declared::parse`] and [`crate::prepare`] tell what is wrong or different, and where a directive can go.
/// Never writes to `db`. The report carries no fingerprints: they are of the meaning, which was not asked for.
///
/// # Errors
/// [`crate::ErrorKind::Database`] and [`crate::ErrorKind::Locked`] when `db` cannot be read.
pub fn glance(
    db: &Path,
    path: &Path,
    text: &str,
    settings: &Settings,
    watch: &mut dyn Watch,
) -> Result<Option<Report>> {
    let Some(created) = Created::by(text) else { return Ok(None) };
    let ignore = ignore_patterns(settings);
    let is_there = |conn: &Connection| created.is_in(conn, &ignore);
    let found = match open::at_rest(db, settings, is_there) {
        Some(found) => found,
        None => match open::snapshot(db, settings, watch)? {
            Some(conn) => is_there(&conn).map_err(|error| open::explain(db, &error, settings))?,
            None => false,
        },
    };
    Ok(found.then(|| Report::of(Outcome::InSync, settings.name_of(db), path)))
}

/// What the statements of a `schema.sql` leave in `sqlite_schema`.
#[derive(Default)]
struct Created<'t> {
    /// In order, by kind and name.
    objects: Vec<Object<'t>>,
    /// An index that has DESC, if any has.
    descending: Option<String>,
}

impl<'t> Created<'t> {
    /// `None` where a statement is none of the plain ones, whose text can be foretold, and where there may be a directive.
    fn by(text: &'t str) -> Option<Self> {
        if has_directives(text) {
            return None;
        }
        let (mut created, mut statement) = (Self::default(), Vec::new());
        for token in tokens(text) {
            let token = token.ok()?;
            if token.is_symbol(";") && ends_here(&statement) {
                created.add(text, &statement)?;
                statement.clear();
            } else {
                statement.push(token);
            }
        }
        created.add(text, &statement)?;
        if created.is_endless() {
            return None;
        }
        created.objects.sort_unstable_by(|a, b| a.key().cmp(&b.key()));
        (!created.objects.is_empty()).then_some(created)
    }

    fn add(&mut self, text: &'t str, statement: &[Token<'_>]) -> Option<()> {
        if statement.is_empty() {
            return Some(());
        }
        let object = Object::by(text, statement)?;
        if statement.iter().any(|token| token.is("DESC")) {
            match object.kind {
                "index" => self.descending = Some(object.name.clone()),
                "table" => return None,
                _ => {}
            }
        }
        self.objects.push(object);
        Some(())
    }

    /// Whether SQLite could not use an object in any time: only to ask would take as long.
    fn is_endless(&self) -> bool {
        let row = |object: &Object<'_>| Row {
            kind: object.kind.to_owned(),
            name: object.name.clone(),
            table: String::new(),
            sql: format!("{}{}", object.words, object.rest),
        };
        let rows: Vec<_> = self.objects.iter().map(row).collect();
        let views = Views::of_rows(&rows);
        let mut uses = rows.iter().filter(|row| views.concern(&row.kind));
        uses.any(|row| views.excess(&tokenize(&row.sql).unwrap_or_default()).is_some())
    }

    fn is_in(&self, conn: &Connection, ignore: &[String]) -> rusqlite::Result<bool> {
        let _snapshot = schema::snapshot(conn)?;
        let mut live = schema::visible_rows(conn, ignore)?;
        live.sort_unstable_by(|a, b| (&a.kind, &a.name).cmp(&(&b.kind, &b.name)));
        if !self.objects.iter().eq(&live) {
            return Ok(false);
        }
        let triggers = live.into_iter().filter(|row| row.kind == "trigger");
        let triggered = triggers.map(|row| row.table).collect();
        Ok(self.descends(conn)? && self.can_be_used(conn, &triggered)?)
    }

    /// A file of the format before 2006 ignores DESC, whatever its text says (<https://www.sqlite.org/fileformat2.html#schemaformat>).
    fn descends(&self, conn: &Connection) -> rusqlite::Result<bool> {
        let Some(index) = &self.descending else { return Ok(true) };
        let sql = "SELECT EXISTS (SELECT 1 FROM pragma_index_xinfo(?1, 'main') WHERE \"desc\")";
        conn.query_row(sql, [index], |row| row.get(0))
    }

    /// Whether views and triggers find what they name. What only the service registers has stand-ins ([`crate::stand_in`]).
    fn can_be_used(&self, conn: &Connection, triggered: &BTreeSet<String>) -> rusqlite::Result<bool> {
        let views = self.objects.iter().filter(|object| object.kind == "view");
        let mut uses: Vec<_> = views.map(|view| format!("SELECT 1 FROM {}", quote(&view.name))).collect();
        for table in triggered {
            uses.extend(probe::firing(conn, table)?);
        }
        for sql in &uses {
            if or_refusal(conn.prepare(sql))?.is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Whether a `-- @` comment may be in it, which says what no statement does.
fn has_directives(text: &str) -> bool {
    // Most have no such sign at all.
    text.contains('@') && tokenize(text).is_ok_and(|tokens| !directive::comments(text, &tokens).is_empty())
}

/// What one statement leaves.
struct Object<'t> {
    kind: &'static str,
    name: String,
    /// What SQLite writes in front of the name, whatever stood there.
    words: &'static str,
    /// The statement from the name on, as SQLite keeps it.
    rest: &'t str,
}

impl<'t> Object<'t> {
    fn by(text: &'t str, statement: &[Token<'_>]) -> Option<Self> {
        let head = ddl::head(statement)?;
        let (kind, words) = match head.kind {
            ObjectKind::Table => ("table", "CREATE TABLE "),
            ObjectKind::Index if head.unique => ("index", "CREATE UNIQUE INDEX "),
            ObjectKind::Index => ("index", "CREATE INDEX "),
            ObjectKind::View => ("view", "CREATE VIEW "),
            ObjectKind::Trigger => ("trigger", "CREATE TRIGGER "),
            // What a virtual table is, its module tells.
            ObjectKind::VirtualTable => return None,
        };
        let name = head.body - 1;
        // Nothing between the words and the name: no TEMP, no IF NOT EXISTS, no schema's name.
        let is_plain = words.matches(' ').count() == name;
        let copies_rows = head.kind == ObjectKind::Table && statement.get(head.body)?.is("AS");
        let rest = &text[statement[name].start..statement[statement.len() - 1].end()];
        (is_plain && !copies_rows).then_some(Self { kind, name: head.name, words, rest })
    }

    fn key(&self) -> (&str, &str) {
        (self.kind, &self.name)
    }
}

impl PartialEq<Row> for Object<'_> {
    fn eq(&self, row: &Row) -> bool {
        self.key() == (&*row.kind, &*row.name) && row.sql.strip_prefix(self.words) == Some(self.rest)
    }
}
