//! Values taken out of a copy before it leaves the machine: statements of the user's, and then what SQLite remembers beside the rows.
//!
//! It works on a copy that is thrown away whatever happens: `backup.rs` makes the file that is kept out of its rows anew, so that no
//! freed page and no end of a page of it ever held an old value.

use std::sync::{Arc, Mutex};

use rusqlite::config::DbConfig;
use rusqlite::ffi::{self, ErrorCode};
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::{Connection, OptionalExtension as _};

use crate::error::{Error, ErrorKind, Result};
use crate::schema::{self, VirtualTable};
use crate::sqlite_error::{breaks_constraint, is_interrupted, sqlite_message};
use crate::token::{Kind, Token, fold, quote, tokenize};
use crate::unregistered;

/// Where ANALYZE keeps samples of values. `sqlite_stat1` has names and numbers only.
const SAMPLES: &[&str] = &["sqlite_stat3", "sqlite_stat4"];

/// What the authorizer is not asked about: it would run outside the transaction, or not at all and nobody would notice.
const UNSEEN: &[&str] = &["VACUUM", "EXPLAIN"];

/// The statements of a scrub, cut apart.
#[derive(Debug)]
pub(crate) struct Scrub<'s> {
    statements: Vec<Statement<'s>>,
}

#[derive(Debug)]
struct Statement<'s> {
    /// From 1.
    number: usize,
    sql: &'s str,
    /// The same on one line, without comments and with `?` for every literal: those may be values.
    shown: String,
}

/// Why a copy could not be scrubbed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// A statement or an index that cannot be scrubbed; told as it is.
    Told(Error),
    /// SQLite failed for a reason beside that: no room, or asked to stop.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl<'s> Scrub<'s> {
    /// Cuts the text into statements.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when it cannot be cut, holds no statement, or one that the authorizer would not see.
    pub(crate) fn parse(sql: &'s str) -> Result<Self> {
        let tokens = tokenize(sql).map_err(|bad| {
            wrong("the scrub", format!("the scrub cannot be read: {} at byte {}", bad.reason, bad.offset))
        })?;
        let parts = tokens.split(|token| token.is_symbol(";")).filter(|part| !part.is_empty());
        let statements: Vec<_> =
            parts.enumerate().map(|(at, part)| Statement::new(at + 1, sql, part)).collect::<Result<_>>()?;
        if statements.is_empty() {
            return Err(wrong("the scrub", "the scrub has no statement".to_owned()));
        }
        Ok(Self { statements })
    }

    /// Runs the statements on the connection of a copy, in one transaction, and takes away what SQLite remembers of old values.
    ///
    /// # Errors
    /// Any; then the copy is of no use.
    pub(crate) fn run(&self, copy: &mut Connection) -> Result<(), Fault> {
        configure(copy)?;
        let virtual_tables = schema::read(copy, &[])?.virtual_tables;
        copy.execute_batch("BEGIN")?;
        self.run_statements(copy, &virtual_tables)?;
        for index in virtual_tables.iter().filter(|table| table.is_full_text()) {
            forget_terms(copy, index)?;
        }
        forget_samples(copy)?;
        copy.execute_batch("COMMIT")?;
        Ok(())
    }

    fn run_statements(&self, copy: &mut Connection, virtual_tables: &[VirtualTable]) -> Result<(), Fault> {
        let unknown = virtual_tables.iter().filter(|table| !table.is_full_text());
        let denied = authorize(copy, unknown.map(|table| fold(&table.name)).collect())?;
        for statement in &self.statements {
            statement.run(copy, &denied)?;
        }
        copy.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)?;
        Ok(())
    }
}

impl<'s> Statement<'s> {
    fn new(number: usize, sql: &'s str, tokens: &[Token<'_>]) -> Result<Self> {
        let mut shown = String::new();
        let mut end = tokens[0].start;
        for token in tokens {
            if token.start > end {
                shown.push(' ');
            }
            let is_value = matches!(token.kind, Kind::Text | Kind::Blob | Kind::Number);
            shown.push_str(if is_value { "?" } else { token.text });
            end = token.end();
        }
        let statement = Self { number, sql: &sql[tokens[0].start..end], shown };
        match UNSEEN.iter().find(|word| tokens[0].is(word)) {
            Some(word) => Err(statement.refused(word)),
            None => Ok(statement),
        }
    }

    fn run(&self, copy: &Connection, denied: &Denied) -> Result<(), Fault> {
        let fault = |error, reason: fn(&rusqlite::Error) -> String| match denied.take() {
            Some(what) => Fault::Told(self.refused(&what)),
            None if is_of_the_machine(&error) => Fault::Sqlite(error),
            None => Fault::Told(self.failed(&reason(&error))),
        };
        // About the text of the statement alone: no row was read yet.
        let mut statement = copy.prepare(self.sql).map_err(|error| fault(error, sqlite_message))?;
        let mut rows = statement.raw_query();
        while rows.next().map_err(|error| fault(error, without_values))?.is_some() {}
        Ok(())
    }

    fn refused(&self, what: &str) -> Error {
        let Self { number, shown, .. } = self;
        let object = format!("statement {number} of the scrub");
        wrong(&object, format!("{object} is refused for {what}\n  {shown}"))
    }

    fn failed(&self, reason: &str) -> Error {
        let Self { number, shown, .. } = self;
        let object = format!("statement {number} of the scrub");
        let message = format!("{object} failed: {reason}\n  {shown}");
        Error::new(ErrorKind::Apply, object, message)
            .unchanged()
            .remedy("correct it: it runs on a copy, in one transaction with the others")
    }
}

/// Whether it says nothing about a statement.
fn is_of_the_machine(error: &rusqlite::Error) -> bool {
    is_interrupted(error) || error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

/// SQLite's words where they cannot carry a value of a row.
fn without_values(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(code, _) if !breaks_constraint(error) => {
            ffi::code_to_str(code.extended_code).to_owned()
        }
        _ => sqlite_message(error),
    }
}

fn wrong(object: &str, message: String) -> Error {
    Error::new(ErrorKind::Usage, object, message).unchanged().remedy(
        "write UPDATE, DELETE or INSERT statements, with ; between them, that change rows of the copy",
    )
}

/// Everything that must be set before BEGIN; what cannot be trusted to have worked is read back.
fn configure(copy: &Connection) -> rusqlite::Result<()> {
    // Off, or a trigger could write the old values elsewhere, and a foreign key could take rows away.
    let triggers = copy.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    copy.pragma_update(None, "foreign_keys", false)?;
    let foreign_keys: bool = copy.pragma_query_value(None, "foreign_keys", |row| row.get(0))?;
    if triggers || foreign_keys {
        return Err(rusqlite::Error::InvalidQuery);
    }
    // What fails is thrown away: nothing to roll back, nothing to wait for the disk for.
    copy.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(()))?;
    copy.pragma_update(None, "synchronous", "OFF")
}

/// What the authorizer denied first.
struct Denied(Arc<Mutex<Option<String>>>);

impl Denied {
    fn take(&self) -> Option<String> {
        self.0.lock().ok()?.take()
    }
}

/// From here on a statement may only change rows (<https://www.sqlite.org/c3ref/set_authorizer.html>); and not those of `unknown`
/// tables, in lower case.
fn authorize(copy: &mut Connection, unknown: Vec<String>) -> rusqlite::Result<Denied> {
    let denied = Denied(Arc::default());
    let note = Arc::clone(&denied.0);
    copy.authorizer(Some(move |context: AuthContext<'_>| match refusal(&context.action, &unknown) {
        None => Authorization::Allow,
        Some(what) => {
            if let Ok(mut note) = note.lock() {
                note.get_or_insert(what);
            }
            Authorization::Deny
        }
    }))?;
    Ok(denied)
}

fn refusal(action: &AuthAction<'_>, unknown: &[String]) -> Option<String> {
    match action {
        AuthAction::Insert { table_name }
        | AuthAction::Delete { table_name }
        | AuthAction::Update { table_name, .. } => {
            let refused = || format!("virtual table {table_name}, whose module may keep old values");
            unknown.contains(&fold(table_name)).then(refused)
        }
        AuthAction::Function { function_name } if function_name.eq_ignore_ascii_case("load_extension") => {
            Some("load_extension".to_owned())
        }
        AuthAction::Select
        | AuthAction::Read { .. }
        | AuthAction::Recursive
        | AuthAction::Function { .. } => None,
        // FTS5 asks for it, to see whether its index moved.
        AuthAction::Pragma { pragma_name: "data_version", pragma_value: None } => None,
        AuthAction::Pragma { .. } => Some("PRAGMA".to_owned()),
        AuthAction::Attach { .. } | AuthAction::Detach { .. } => Some("ATTACH or DETACH".to_owned()),
        AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => Some("a transaction".to_owned()),
        _ => Some("changing more than rows".to_owned()),
    }
}

/// Makes a full-text index anew from its content: its segments keep terms of rows that are gone.
fn forget_terms(copy: &Connection, index: &VirtualTable) -> Result<(), Fault> {
    let name = &index.name;
    if index.is_contentless() {
        return refuse_terms(copy, index);
    }
    let rebuild = format!("INSERT INTO {index}({index}) VALUES ('rebuild')", index = quote(name));
    match copy.execute_batch(&rebuild) {
        Ok(()) => Ok(()),
        Err(error) if is_of_the_machine(&error) => Err(error.into()),
        Err(error) => {
            let reason = sqlite_message(&error);
            let message =
                format!("the full-text index {name} would keep old terms, and cannot be rebuilt: {reason}");
            let remedy = match unregistered::tokenizer_of(&reason) {
                Some(_) => "make the copy without a scrub, and scrub it where the service registers that",
                _ => {
                    "mend the index: its content table has to be there, with every column that the index names"
                }
            };
            Err(Fault::Told(Error::new(ErrorKind::Apply, name, message).unchanged().remedy(remedy)))
        }
    }
}

/// An index without content cannot be made anew, so that it must be empty.
fn refuse_terms(copy: &Connection, index: &VirtualTable) -> Result<(), Fault> {
    let name = &index.name;
    let shadow = |suffix: &str| quote(&format!("{name}{suffix}"));
    let (terms, remedy) = if index.is_fts5() {
        // Rows 1 and 10 are its totals and its structure (<https://www.sqlite.org/fts5.html#fts5_data_structures>).
        let terms = format!("{} WHERE id NOT IN (1, 10)", shadow("_data"));
        (terms, format!("INSERT INTO {index}({index}) VALUES ('delete-all')", index = quote(name)))
    } else {
        let (segments, blocks) = (shadow("_segdir"), shadow("_segments"));
        let remedy = format!("DELETE FROM {segments}; DELETE FROM {blocks}");
        (segments, remedy)
    };
    let any = copy.query_row(&format!("SELECT 1 FROM {terms} LIMIT 1"), [], |_| Ok(())).optional()?;
    if any.is_none() {
        return Ok(());
    }
    let message =
        format!("the full-text index {name} would keep old terms, and has no content to be rebuilt from");
    Err(Fault::Told(
        Error::new(ErrorKind::Usage, name, message)
            .unchanged()
            .remedy(format!("empty it in the scrub: {remedy}")),
    ))
}

fn forget_samples(copy: &Connection) -> rusqlite::Result<()> {
    for table in SAMPLES {
        let there: bool =
            copy.query_row("SELECT count(*) FROM main.sqlite_schema WHERE name = ?1", [table], |row| {
                row.get(0)
            })?;
        if there {
            copy.execute_batch(&format!("DELETE FROM main.{table}"))?;
        }
    }
    Ok(())
}
