//! `@from SELECT …`: the first rows of a table that is new, out of the tables as they are before the change.
//!
//! Such a table is made and filled before the first step of a plan; the planners find it there. So the SELECT sees old names and old
//! values, whatever the same change renames, computes or drops.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use crate::declared::Declared;
use crate::directive::{Action, Directive};
use crate::error::{Error, ErrorKind, Result};
use crate::expansion::Views;
use crate::object::written;
use crate::operation::Operation;
use crate::plan::{Cost, CostClass, Step};
use crate::replica;
use crate::schema::{self, Schema, Table};
use crate::settings::Settings;
use crate::shown::shown_in_line;
use crate::sqlite_error::sqlite_message;
use crate::token::{Kind, fold, quote, tokenize};

/// Functions of time, which tell another one each time they are asked for now: without an argument, or with `'now'`.
const CLOCKS: [&str; 7] = ["date", "datetime", "julianday", "strftime", "time", "timediff", "unixepoch"];

/// A table that is new, and the rows that it gets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fill {
    /// Its declared name.
    pub(crate) table: String,
    /// Its declared text.
    create: String,
    select: String,
    /// Declared columns, in the order of the SELECT.
    columns: Vec<String>,
    /// The live tables that the SELECT reads, by folded name.
    pub(crate) reads: BTreeSet<String>,
}

impl Fill {
    /// How many rows it gives, as SQL.
    pub(crate) fn count(&self) -> String {
        format!("SELECT count(*) FROM (\n{}\n)", self.select)
    }

    /// These declared columns of its rows, as SQL; none where it does not give one.
    pub(crate) fn values(&self, columns: &[String]) -> Option<String> {
        let given = |column: &String| self.columns.iter().find(|name| name.eq_ignore_ascii_case(column));
        let columns: Option<Vec<_>> = columns.iter().map(|column| Some(quote(given(column)?))).collect();
        Some(format!("SELECT {} FROM (\n{}\n)", columns?.join(", "), self.select))
    }

    /// Makes the table, and fills it with so many rows.
    pub(crate) fn steps(&self, rows: u64) -> [Step; 2] {
        let table = self.table.clone();
        let columns: Vec<_> = self.columns.iter().map(|column| quote(column)).collect();
        let insert =
            format!("INSERT OR ABORT INTO {} ({}) {}", quote(&self.table), columns.join(", "), self.select);
        [
            Step::new(Operation::CreateTable { table: table.clone() }, self.create.clone(), Cost::default()),
            Step::new(Operation::InsertRows { table }, insert, Cost { class: CostClass::Rewrite, rows }),
        ]
    }
}

/// Every `@from` that acts on this live schema.
///
/// # Errors
/// [`ErrorKind::Schema`], with its line, for one that cannot be read on it, or would not give the same rows again.
pub(crate) fn fills(live: &Schema, declared: &Declared, settings: &Settings) -> Result<Vec<Fill>> {
    let acting = declared.directives.iter().filter_map(|directive| match &directive.action {
        Action::From { select } if acts(live, directive) => Some((directive, select.as_str())),
        _ => None,
    });
    let acting: Vec<_> = acting.collect();
    if acting.is_empty() {
        return Ok(Vec::new());
    }
    let mut scratch =
        scratch(live, &declared.schema, settings).map_err(|error| internal(declared, &error))?;
    acting
        .into_iter()
        .map(|(directive, select)| Filling { live, declared, directive, select }.read(&mut scratch))
        .collect()
}

/// Whether its table is new in a database that has others: one without any is made as declared.
pub(crate) fn acts(live: &Schema, directive: &Directive) -> bool {
    live.base_tables().next().is_some() && live.base_table(&directive.table).is_none()
}

/// The live schema with the tables that were made.
pub(crate) fn filled(
    live: &Schema,
    fills: &[Fill],
    declared: &Declared,
    settings: &Settings,
) -> Result<Schema> {
    let read = || -> rusqlite::Result<Schema> {
        let scratch = scratch(live, &declared.schema, settings)?;
        fills.iter().try_for_each(|fill| scratch.execute_batch(&fill.create))?;
        schema::read(&scratch, &[])
    };
    read().map_err(|error| internal(declared, &error))
}

fn scratch(live: &Schema, declared: &Schema, settings: &Settings) -> rusqlite::Result<Connection> {
    let scratch = replica::beside(declared, settings)?;
    replica::create_all(&scratch, live)?;
    Ok(scratch)
}

fn internal(declared: &Declared, error: &rusqlite::Error) -> Error {
    let file = declared.path.display().to_string();
    Error::new(ErrorKind::Schema, &file, format!("{file}: @from: {error}")).unchanged()
}

/// A directive on its way to a fill.
struct Filling<'f> {
    live: &'f Schema,
    declared: &'f Declared,
    directive: &'f Directive,
    select: &'f str,
}

/// What SQLite was about to do for a statement, by folded name.
#[derive(Default)]
struct Seen {
    tables: BTreeSet<String>,
    functions: BTreeSet<String>,
    writes: bool,
}

impl Filling<'_> {
    fn read(&self, scratch: &mut Connection) -> Result<Fill> {
        let name = &self.directive.table;
        let Some(table) = self.declared.schema.table(name) else {
            return Err(self.wrong("is for a table that is no ordinary one", "take it out"));
        };
        if self.live.rows.iter().any(|row| row.name.eq_ignore_ascii_case(name)) {
            return Err(self.wrong(
                &format!("cannot act: {name} is something else in the database"),
                "make two changes, one after the other: the first drops what has the name",
            ));
        }
        let views = Views::of_rows(&self.live.rows);
        if let Some(excess) = views.excess(&tokenize(self.select).unwrap_or_default()) {
            return Err(self.wrong(
                &format!("cannot be read: {excess}"),
                "name the tables in the SELECT, in place of views that are made of views",
            ));
        }
        let (columns, seen) = self.prepared(scratch)?;
        if seen.writes {
            return Err(self.wrong("does more than read", "write a SELECT"));
        }
        self.refuse_functions(scratch, &seen.functions)?;
        Ok(Fill {
            table: table.name.clone(),
            create: table.sql.clone(),
            select: self.select.to_owned(),
            columns: self.columns(table, columns)?,
            reads: seen.tables,
        })
    }

    /// The names of its columns, and what it reads and calls.
    fn prepared(&self, scratch: &mut Connection) -> Result<(Vec<String>, Seen)> {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let sink = Arc::clone(&seen);
        let watch = move |context: AuthContext<'_>| {
            if let Ok(mut seen) = sink.lock() {
                seen.add(&context.action);
            }
            Authorization::Allow
        };
        scratch.authorizer(Some(watch)).map_err(|error| internal(self.declared, &error))?;
        let prepared = scratch
            .prepare(self.select)
            .map(|statement| (statement.column_names().map(str::to_owned).collect(), statement.readonly()));
        let off = scratch.authorizer(None::<fn(AuthContext<'_>) -> Authorization>);
        off.map_err(|error| internal(self.declared, &error))?;
        let (columns, readonly): (Vec<String>, bool) = prepared.map_err(|error| {
            self.wrong(
                &format!("cannot be read on this database: {}", sqlite_message(&error)),
                "the SELECT sees the tables as they are before the change, by their old names; comments that are no part of it stand above it",
            )
        })?;
        let mut seen = seen.lock().map(|mut seen| std::mem::take(&mut *seen)).unwrap_or_default();
        seen.writes |= !readonly;
        Ok((columns, seen))
    }

    /// Each has the name of a declared column, in whatever order.
    fn columns(&self, table: &Table, names: Vec<String>) -> Result<Vec<String>> {
        let mut found: Vec<String> = Vec::new();
        for name in names {
            let Some(column) = table.column(&name).filter(|column| column.generated.is_none()) else {
                return Err(self.wrong(
                    &format!("gives a column {name}, which {} has not", written(&table.name)),
                    &format!(
                        "name each column of the SELECT as the column that it fills, such as `{name} AS {}`",
                        table.columns.first().map_or("name", |column| column.name.as_str())
                    ),
                ));
            };
            if found.contains(&column.name) {
                return Err(
                    self.wrong(&format!("gives {} twice", written(&column.name)), "keep one of the two")
                );
            }
            found.push(column.name.clone());
        }
        Ok(found)
    }

    /// What is counted before has to come again.
    fn refuse_functions(&self, scratch: &Connection, called: &BTreeSet<String>) -> Result<()> {
        let known = functions(scratch).map_err(|error| internal(self.declared, &error))?;
        let differs = called.iter().find(|name| known.get(*name) == Some(&false));
        let now = || reads_the_clock(self.select).then_some("now");
        match differs.map(String::as_str).or_else(now) {
            None => Ok(()),
            Some(name) => Err(self.wrong(
                &format!("uses {name}, which may give something else each time"),
                "write the value itself",
            )),
        }
    }

    fn wrong(&self, what: &str, remedy: &str) -> Error {
        let place = self.declared.place_of(self.directive);
        let message = format!("{place}: {} {}", self.directive.action, shown_in_line(what));
        Error::new(ErrorKind::Schema, self.directive.object(), message).unchanged().remedy(remedy)
    }
}

impl Seen {
    fn add(&mut self, action: &AuthAction<'_>) {
        match action {
            AuthAction::Read { table_name, .. } => drop(self.tables.insert(fold(table_name))),
            AuthAction::Function { function_name } => drop(self.functions.insert(fold(function_name))),
            AuthAction::Select | AuthAction::Recursive => {}
            _ => self.writes = true,
        }
    }
}

/// Whether each function gives the same for the same, by folded name; an aggregate does.
fn functions(conn: &Connection) -> rusqlite::Result<BTreeMap<String, bool>> {
    // <https://www.sqlite.org/c3ref/c_deterministic.html>
    let sql = "SELECT lower(name), max(type <> 's' OR flags & 2048) FROM pragma_function_list GROUP BY 1";
    let mut statement = conn.prepare(sql)?;
    let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    found.collect()
}

fn reads_the_clock(select: &str) -> bool {
    let tokens = tokenize(select).unwrap_or_default();
    let clocks: HashSet<_> = CLOCKS.into_iter().collect();
    let calls = |at: usize| {
        clocks.contains(fold(&tokens[at].name()).as_str())
            && tokens.get(at + 1).is_some_and(|token| token.is_symbol("("))
    };
    let called: Vec<_> = (0..tokens.len()).filter(|at| calls(*at)).collect();
    let ends = |at: usize| tokens.get(at).is_some_and(|token| token.is_symbol(")"));
    let is_bare = |at: &usize| ends(at + 2) || (tokens[*at].is("strftime") && ends(at + 3));
    let says_now = || {
        tokens.iter().any(|token| {
            matches!(token.kind, Kind::Text | Kind::DoubleQuoted) && token.name().eq_ignore_ascii_case("now")
        })
    };
    called.iter().any(is_bare) || (!called.is_empty() && says_now())
}
