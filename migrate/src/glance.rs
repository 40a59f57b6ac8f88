//! A database that is what `schema.sql` creates, text for text: found out without executing a statement of it.
//!
//! To execute them costs more than all the rest of a migration with nothing to do. SQLite keeps the text of each CREATE from the name on;
//! where every one of them is there, and nothing else, it was made by these statements or by some that end in the same.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::Connection;

use crate::ddl::{self, ObjectKind};
use crate::declared::{ignore_patterns, probe, split};
use crate::directive;
use crate::error::Result;
use crate::open;
use crate::report::{Outcome, Report};
use crate::schema;
use crate::settings::Settings;
use crate::token::{Kind, Token, fold, is_reserved, quote, tokenize};
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
    let plain = |tokens: &Vec<Token<'_>>| directive::comments(text, tokens).is_empty();
    let tokens = tokenize(text).ok().filter(plain);
    let Some(created) = tokens.and_then(|tokens| Created::by(text, &tokens)) else { return Ok(None) };
    let ignore = ignore_patterns(settings);
    let is_there = |conn: &Connection| created.is_in(conn, &ignore);
    let found = match open::at_rest(db, settings, is_there) {
        Some(found) => found,
        None => match open::reading(db, settings, watch)? {
            Some(conn) => open::patiently(db, settings, watch, || is_there(&conn))
                .map_err(|error| open::explain(db, &error, settings))?,
            None => false,
        },
    };
    Ok(found.then(|| Report::of(Outcome::InSync, db, path)))
}

/// What the statements of a `schema.sql` leave in `sqlite_schema`.
#[derive(Default)]
struct Created {
    objects: Vec<Object>,
    /// An index that has DESC, if any has.
    descending: Option<String>,
    /// Every collation that is named anywhere, folded.
    collations: BTreeSet<String>,
    /// Every function that is called in a table or index, folded.
    functions: BTreeSet<String>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Object {
    kind: String,
    name: String,
    sql: String,
}

impl Created {
    /// `None` where a statement is none of the plain ones, whose text can be foretold.
    fn by(text: &str, tokens: &[Token<'_>]) -> Option<Self> {
        let mut created = Self { collations: collations(tokens), ..Self::default() };
        for statement in split(tokens) {
            let object = object(text, statement)?;
            if statement.iter().any(|token| token.is("DESC")) {
                match object.kind.as_str() {
                    "index" => created.descending = Some(object.name.clone()),
                    "table" => return None,
                    _ => {}
                }
            }
            if matches!(object.kind.as_str(), "table" | "index") {
                created.functions.extend(functions(statement));
            }
            created.objects.push(object);
        }
        created.objects.sort_unstable();
        (!created.objects.is_empty()).then_some(created)
    }

    fn is_in(&self, conn: &Connection, ignore: &[String]) -> rusqlite::Result<bool> {
        let _snapshot = schema::snapshot(conn)?;
        let live = schema::visible_rows(conn, ignore)?;
        let triggered: BTreeSet<_> =
            live.iter().filter(|row| row.kind == "trigger").map(|row| row.table.clone()).collect();
        let object = |row: schema::Row| Object { kind: row.kind, name: row.name, sql: row.sql };
        let mut live: Vec<_> = live.into_iter().map(object).collect();
        live.sort_unstable();
        Ok(live == self.objects && self.descends(conn)? && self.can_be_used(conn, &triggered)?)
    }

    /// A file of the format before 2006 ignores DESC, whatever its text says (<https://www.sqlite.org/fileformat2.html#schemaformat>).
    fn descends(&self, conn: &Connection) -> rusqlite::Result<bool> {
        let Some(index) = &self.descending else { return Ok(true) };
        let sql = "SELECT EXISTS (SELECT 1 FROM pragma_index_xinfo(?1, 'main') WHERE \"desc\")";
        conn.query_row(sql, [index], |row| row.get(0))
    }

    /// Whether every function and collation that it needs is there: they may have been when it was made, and be no more.
    fn can_be_used(&self, conn: &Connection, triggered: &BTreeSet<String>) -> rusqlite::Result<bool> {
        if !self.functions.is_empty() && !self.functions.is_subset(&known_functions(conn)?) {
            return Ok(false);
        }
        let views = self.objects.iter().filter(|object| object.kind == "view");
        let mut uses: Vec<_> = views.map(|view| format!("SELECT 1 FROM {}", quote(&view.name))).collect();
        // Not asked of pragma_collation_list: it has those that a schema names, too.
        uses.extend(self.collations.iter().map(|name| format!("SELECT ?1 = ?2 COLLATE {}", quote(name))));
        for table in triggered {
            uses.extend(probe::firing(conn, table)?);
        }
        Ok(uses.iter().all(|sql| conn.prepare(sql).is_ok()))
    }
}

fn object(text: &str, statement: &[Token<'_>]) -> Option<Object> {
    let head = ddl::head(statement)?;
    let (kind, words) = match head.kind {
        ObjectKind::Table => ("table", "CREATE TABLE"),
        ObjectKind::Index if head.unique => ("index", "CREATE UNIQUE INDEX"),
        ObjectKind::Index => ("index", "CREATE INDEX"),
        ObjectKind::View => ("view", "CREATE VIEW"),
        ObjectKind::Trigger => ("trigger", "CREATE TRIGGER"),
        // What a virtual table is, its module tells.
        ObjectKind::VirtualTable => return None,
    };
    let name = head.body - 1;
    // Nothing between the words and the name: no TEMP, no IF NOT EXISTS, no schema's name.
    let is_plain = words.split(' ').count() == name;
    let copies_rows = head.kind == ObjectKind::Table && statement.get(head.body)?.is("AS");
    let sql = || [words, " ", &text[statement[name].start..statement[statement.len() - 1].end()]].concat();
    (is_plain && !copies_rows).then(|| Object { kind: kind.to_owned(), sql: sql(), name: head.name })
}

fn collations(tokens: &[Token<'_>]) -> BTreeSet<String> {
    tokens.windows(2).filter(|pair| pair[0].is("COLLATE")).map(|pair| fold(&pair[1].name())).collect()
}

/// What stands before a parenthesis and is no keyword, no table's name and no type: those follow certain words, or another name.
/// A database that is opened has its CHECKs taken away without a word where SQLite does not know a function in them.
fn functions(statement: &[Token<'_>]) -> impl Iterator<Item = String> {
    let calls = statement.windows(3).filter(|at| {
        let is_key = at[1].is("KEY") && (at[0].is("PRIMARY") || at[0].is("FOREIGN"));
        let is_introduced = ["INDEX", "ON", "REFERENCES", "TABLE"].iter().any(|word| at[0].is(word));
        at[2].is_symbol("(") && is_name(&at[1]) && !is_name(&at[0]) && !is_introduced && !is_key
    });
    calls.map(|at| fold(&at[1].name()))
}

fn is_name(token: &Token<'_>) -> bool {
    match token.kind {
        Kind::Word => !is_reserved(&fold(token.text)),
        kind => matches!(kind, Kind::Quoted | Kind::DoubleQuoted),
    }
}

fn known_functions(conn: &Connection) -> rusqlite::Result<BTreeSet<String>> {
    let mut statement = conn.prepare("SELECT lower(name) FROM pragma_function_list")?;
    let names = statement.query_map([], |row| row.get(0))?;
    names.collect()
}
