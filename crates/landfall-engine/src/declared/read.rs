//! `schema.sql`, read: an allow-list of statements, executed in an empty in-memory database.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use super::files::Files;
use super::source::Source;
use super::{Declared, contradiction, dump, probe, rows};
use crate::ddl::{self, ObjectKind, split};
use crate::directive::{self, blank};
use crate::error::{Error, Result};
use crate::expansion::{self, Views};
use crate::fingerprint;
use crate::interrupt::stop_when_raised;
use crate::schema::{self, Row};
use crate::settings::{BUILTIN_IGNORE, Settings, ignore_patterns};
use crate::sqlite_error::sqlite_message;
use crate::stand_in::{self, Names};
use crate::token::{self, BadToken, Token, position, tokenize};
use crate::unusable;
use crate::words::{self, Unknown};

/// PRAGMAs that SQL dumps begin with. They matter to the pristine database alone.
const PRAGMAS: &[&str] = &[
    "application_id",
    "auto_vacuum",
    "busy_timeout",
    "cache_size",
    "defer_foreign_keys",
    "encoding",
    "foreign_keys",
    "journal_mode",
    "legacy_alter_table",
    "locking_mode",
    "page_size",
    "recursive_triggers",
    "synchronous",
    "user_version",
];

impl Declared {
    /// Reads and checks `schema.sql`: a file, the files of a folder, or several; see [`Files::read`].
    ///
    /// # Errors
    /// [`crate::ErrorKind::Schema`], with file, line and column, when a file is missing, is not UTF-8, holds a statement that is
    /// not on the allow-list, does not execute, or has a directive outside its place.
    pub fn read(path: &Path, settings: &Settings) -> Result<Self> {
        Self::of(Files::read(path)?, settings)
    }

    /// Checks text that was already read; `path` is only used in messages.
    ///
    /// # Errors
    /// As [`Declared::read`].
    pub fn parse(path: &Path, text: &str, settings: &Settings) -> Result<Self> {
        Self::of(Files::of(path, vec![(path.to_owned(), text.to_owned())]), settings)
    }

    /// Checks files that were already read.
    ///
    /// # Errors
    /// As [`Declared::read`].
    pub fn of(files: Files, settings: &Settings) -> Result<Self> {
        let written = files.text();
        let unreadable = |bad: BadToken| {
            Source { files: &files, text: written }.error(bad.offset, bad.reason).remedy(CORRECT)
        };
        files.ends().map_err(unreadable)?;
        let plain = dump::without(written, settings).map_err(unreadable)?;
        let text = plain.as_ref();
        let tokens = tokenize(text).map_err(unreadable)?;
        let source = Source { files: &files, text };
        let statements = split(&tokens);
        let comments = directive::comments(text, &tokens);
        let (pristine, order, mut stand_ins) = execute(&source, &statements, &comments, settings)?;
        // After the statements: where one of them is wrong, the places of directives in it mean nothing.
        let directives = directive::attach(&files, text, &statements, &comments)?;
        let schema = schema::read(&pristine, &[]).map_err(|error| source.internal(&error))?;
        let lacks = || probe::unknown(&pristine, &schema).map_err(|error| source.internal(&error));
        while let Some(message) = lacks()? {
            let known = stand_ins.clone();
            stand_ins.stand_in(&pristine, &message).map_err(|error| source.internal(&error))?;
            if stand_ins == known {
                return Err(source.error(0, &message).remedy(CORRECT));
            }
        }
        for pattern in ignore_patterns(settings) {
            check_hidden(&source, &statements, &pristine, &pattern)?;
        }
        let rows = rows::read(&source, &statements, &schema, &pristine)?;
        let mut faults = unusable::faults(&pristine, &schema).map_err(|error| source.internal(&error))?;
        faults.extend(stand_ins.faults(&schema));
        let sql = order.unwrap_or_else(|| without_rows(text, &comments, &tokens, &statements));
        let plain = plain.into_owned();
        let declared = Self {
            path: files.path().to_owned(),
            sql,
            plain,
            files,
            fingerprint: fingerprint::of_declared(&schema, &rows),
            schema,
            directives,
            rows,
            faults,
            stand_ins,
        };
        contradiction::check(&declared)?;
        Ok(declared)
    }
}

/// Refuses a declared table that no step would see.
fn check_hidden(
    source: &Source<'_>,
    statements: &[&[Token<'_>]],
    pristine: &Connection,
    pattern: &String,
) -> Result<()> {
    let ignored = schema::matching_tables(pristine, &[pattern]).map_err(|error| source.internal(&error))?;
    let Some(name) = ignored.iter().find(|n| !token::fold(n).starts_with("sqlite_")) else { return Ok(()) };
    let declares = |s: &&&[Token<'_>]| ddl::head(s).is_some_and(|h| h.name.eq_ignore_ascii_case(name));
    let offset = statements.iter().find(declares).map_or(0, |s| s[0].start);
    let remedy = if BUILTIN_IGNORE.contains(&pattern.as_str()) {
        "rename the table: the pattern is built in"
    } else {
        "rename the table, or take the pattern out of `ignore`"
    };
    let what = format!("table {name} is declared, but the ignore pattern {pattern} hides it");
    Err(source.error(offset, &what).remedy(remedy))
}

/// What to do about text that SQLite cannot read.
const CORRECT: &str = "correct the statement";

/// The text without directives and without the statements that declare rows.
fn without_rows(
    text: &str,
    comments: &[directive::Comment],
    tokens: &[Token<'_>],
    statements: &[&[Token<'_>]],
) -> String {
    let (mut result, mut at) = (String::new(), 0);
    for statement in statements.iter().filter(|statement| rows::is_insert(statement)) {
        let (start, end) = (statement[0].start, statement[statement.len() - 1].end());
        result.push_str(&blank(text, comments, at..start));
        let next = tokens.iter().find(|token| token.start >= end);
        at = next.filter(|next| next.is_symbol(";")).map_or(end, Token::end);
    }
    result + &blank(text, comments, at..text.len())
}

/// What a statement of `schema.sql` may be.
fn allowed(source: &Source<'_>, statement: &[Token<'_>]) -> Result<()> {
    let first = statement[0];
    let refuse = |what: &str, remedy: &str| Err(source.error(first.start, what).remedy(remedy));
    let word = first.text.to_ascii_uppercase();
    match word.as_str() {
        "CREATE" => {
            let Some(head) = ddl::head(statement) else { return Ok(()) };
            if head.temporary {
                return refuse(
                    "TEMP objects do not belong to a schema",
                    "take out the statement, or the word TEMP",
                );
            }
            if head.kind == ObjectKind::Table && statement.get(head.body).is_some_and(|t| t.is("AS")) {
                return refuse(
                    "CREATE TABLE AS copies rows, and schema.sql only declares a schema",
                    "write the table's columns out",
                );
            }
            Ok(())
        }
        "BEGIN" | "COMMIT" | "END" => Ok(()),
        "PRAGMA" => {
            let qualified = statement.get(2).is_some_and(|t| t.is_symbol("."));
            let name = statement
                .get(if qualified { 3 } else { 1 })
                .map(|t| token::fold(&t.name()))
                .unwrap_or_default();
            if PRAGMAS.contains(&name.as_str()) {
                return Ok(());
            }
            refuse(&format!("PRAGMA {name} has no place in a schema"), "take out the statement")
        }
        "INSERT" => Ok(()),
        "REPLACE" | "UPDATE" | "DELETE" => refuse(
            &format!("{word} changes rows, and schema.sql only declares what there is"),
            "take out the statement, or declare rows of a lookup table: `INSERT INTO table (columns) VALUES …`",
        ),
        "ALTER" | "DROP" => refuse(
            &format!("{word} is a change, and schema.sql only declares what the schema should be"),
            "change the CREATE statement instead; the migration works out the change",
        ),
        _ => refuse(
            &format!("{word} has no place in a schema"),
            "take out the statement; only CREATE TABLE, INDEX, VIEW, TRIGGER and VIRTUAL TABLE can be declared",
        ),
    }
}

/// Executes the statements in the order of the text; what cannot be executed yet, such as an index in front of its table, once more
/// when the others are. The statements in that order, if it is another one.
fn execute(
    source: &Source<'_>,
    statements: &[&[Token<'_>]],
    comments: &[directive::Comment],
    settings: &Settings,
) -> Result<(Connection, Option<String>, Names)> {
    let mut declared = HashMap::new();
    for statement in statements {
        allowed(source, statement)?;
        declared_once(source, &mut declared, statement)?;
    }
    let internal = |error: rusqlite::Error| source.internal(&error);
    let mut pristine = Connection::open_in_memory().map_err(internal)?;
    if let Some(hook) = settings.hook {
        hook(&pristine).map_err(internal)?;
    }
    stop_when_raised(&mut pristine, &settings.interrupt).map_err(internal)?;
    let denied = authorize(&mut pristine).map_err(internal)?;
    stoppable(source, statements)?;
    let (mut executed, mut stand_ins) = (Vec::new(), Names::default());
    let mut waiting: Vec<_> =
        statements.iter().filter(|statement| !rows::is_insert(statement)).copied().collect();
    let mut is_in_order = true;
    while !waiting.is_empty() {
        let mut failed = Vec::new();
        for statement in &waiting {
            match execute_one(source, &pristine, &denied, statement, comments, &mut stand_ins) {
                Ok(sql) => executed.push(sql),
                Err((error, true)) => failed.push((*statement, error)),
                Err((error, false)) => return Err(error),
            }
        }
        let is_stuck = failed.len() == waiting.len();
        is_in_order &= failed.is_empty();
        waiting = failed.iter().map(|(statement, _)| *statement).collect();
        if let Some((_, error)) = failed.into_iter().next().filter(|_| is_stuck) {
            return Err(error);
        }
    }
    pristine.authorizer(None::<fn(AuthContext<'_>) -> Authorization>).map_err(internal)?;
    Ok((pristine, (!is_in_order).then(|| executed.join(";\n")), stand_ins))
}

/// The statement as it was executed; or what is wrong, and whether it may be right once other statements are executed.
fn execute_one(
    source: &Source<'_>,
    pristine: &Connection,
    denied: &Denied,
    statement: &[Token<'_>],
    comments: &[directive::Comment],
    stand_ins: &mut Names,
) -> Result<String, (Error, bool)> {
    let (start, end) = (statement[0].start, statement[statement.len() - 1].end());
    let sql = blank(source.text, comments, start..end);
    denied.allow_rows(ddl::head(statement).is_some_and(|h| h.kind == ObjectKind::VirtualTable));
    if let Some(error) = taken(source, pristine, statement) {
        return Err((error, false));
    }
    let Err(error) = run_with(pristine, statement, &sql, stand_ins) else { return Ok(sql) };
    let refused = denied.take();
    let may_wait = refused.is_none();
    // Again with the directives in place: then SQLite's offset is the file's.
    let as_written = &source.text[start..end];
    let error = pristine.prepare(as_written).err().unwrap_or(error);
    Err((explain(source, statement, as_written, &error, refused), may_wait))
}

/// Where a virtual table has made a table of this name for itself, `IF NOT EXISTS` would pass over the one that is declared.
fn taken(source: &Source<'_>, pristine: &Connection, statement: &[Token<'_>]) -> Option<Error> {
    let head = ddl::head(statement).filter(|head| head.kind == ObjectKind::Table)?;
    let there = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE lower(name) = lower(?1))";
    match pristine.query_row(there, [&head.name], |row| row.get(0)) {
        Ok(false) => None,
        Ok(true) => {
            let what = format!("a virtual table makes a table {} for itself", head.name);
            let error = source.error(statement[0].start, &what);
            Some(error.remedy("rename one of the two"))
        }
        Err(error) => Some(source.internal(&error)),
    }
}

/// Refuses what SQLite could not use in any time.
fn stoppable(source: &Source<'_>, statements: &[&[Token<'_>]]) -> Result<()> {
    let views = Views::of(statements);
    for statement in statements {
        let Some(head) = ddl::head(statement) else { continue };
        let (kind, remedy) = match head.kind {
            ObjectKind::View => ("view", LESS_OF_VIEWS),
            ObjectKind::Trigger => ("trigger", LESS_OF_VIEWS),
            ObjectKind::Table => ("table", LESS_OF_COLUMNS),
            ObjectKind::Index => ("index", LESS_OF_COLUMNS),
            ObjectKind::VirtualTable => continue,
        };
        if !views.concern(kind) {
            continue;
        }
        if let Some(excess) = views.excess(statement) {
            return Err(source
                .error(statement[0].start, &expansion::message(kind, &head.name, excess))
                .remedy(remedy));
        }
    }
    Ok(())
}

const LESS_OF_VIEWS: &str =
    "name each view, and each column of it, once in the next, or keep what comes in between in a table";
const LESS_OF_COLUMNS: &str =
    "name each generated column once in the next, or declare those that others name as STORED";

/// With `IF NOT EXISTS`, SQLite would skip a second declaration without a word. `declared` has the places of those before this one;
/// triggers have names of their own.
fn declared_once(
    source: &Source<'_>,
    declared: &mut HashMap<(bool, String), usize>,
    statement: &[Token<'_>],
) -> Result<()> {
    let Some(head) = ddl::head(statement) else { return Ok(()) };
    let start = statement[0].start;
    match declared.entry((head.kind == ObjectKind::Trigger, token::fold(&head.name))) {
        Entry::Vacant(free) => {
            free.insert(start);
            Ok(())
        }
        Entry::Occupied(first) => {
            let line = source.files.called(position(source.text, *first.get()).0);
            let what = format!("the name {} is declared on {line} already", head.name);
            Err(source.error(start, &what).remedy("keep one of the two statements, or rename one"))
        }
    }
}

/// Runs a CREATE, with stand-ins for whatever SQLite lacks for it.
fn run_with(
    conn: &Connection,
    statement: &[Token<'_>],
    sql: &str,
    stand_ins: &mut Names,
) -> rusqlite::Result<()> {
    loop {
        let Err(error) = run(conn, sql) else { return Ok(()) };
        let message = sqlite_message(&error);
        match (Unknown::in_message(&message), ddl::head(statement)) {
            (Some(Unknown::Module(_) | Unknown::Tokenizer(_)), Some(head)) => {
                // As SQLite writes it, from the name on.
                let name = statement[head.body - 1].start - statement[0].start;
                let sql = format!("CREATE VIRTUAL TABLE {}", &sql[name..]);
                let row = Row { kind: "table".to_owned(), table: head.name.clone(), name: head.name, sql };
                return stand_in::write_virtual_table(conn, &row);
            }
            (Some(_), _) => {
                let known = stand_ins.clone();
                stand_ins.stand_in(conn, &message)?;
                if *stand_ins == known {
                    return Err(error);
                }
            }
            (None, _) => return Err(error),
        }
    }
}

/// Runs one statement, rows or none.
fn run(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    let mut statement = conn.prepare(sql)?;
    let mut rows = statement.raw_query();
    while rows.next()?.is_some() {}
    Ok(())
}

fn explain(
    source: &Source<'_>,
    statement: &[Token<'_>],
    sql: &str,
    error: &rusqlite::Error,
    denied: Option<String>,
) -> Error {
    let start = statement[0].start;
    let (offset, message) = match error {
        rusqlite::Error::SqlInputError { msg, offset, .. } => {
            (usize::try_from(*offset).unwrap_or(0), msg.clone())
        }
        rusqlite::Error::SqliteFailure(_, Some(msg)) => (0, msg.clone()),
        other => (0, other.to_string()),
    };
    if let Some(what) = denied {
        return source
            .error(start, &format!("{what} has no place in a schema"))
            .remedy("take out the statement; only objects of the main database can be declared");
    }
    let at = if offset <= sql.len() && sql.is_char_boundary(offset) { start + offset } else { start };
    match message.as_str() {
        short if words::is_incomplete(short) => source
            .error(at, "the statement that begins here does not end")
            .remedy("close its parentheses, and write END at the end of a trigger"),
        missing if matches!(Unknown::in_message(missing), Some(Unknown::Table(_))) => {
            source.error(at, missing).remedy("declare the table, or correct its name")
        }
        _ => source.error(at, &message).remedy(CORRECT),
    }
}

/// What the authorizer denied last, and whether rows may be written (by a virtual table's own creation).
struct Denied {
    what: Arc<Mutex<Option<String>>>,
    rows: Arc<Mutex<bool>>,
}

impl Denied {
    fn take(&self) -> Option<String> {
        self.what.lock().ok()?.take()
    }

    fn allow_rows(&self, allow: bool) {
        if let Ok(mut rows) = self.rows.lock() {
            *rows = allow;
        }
    }
}

/// SQLite's own gate behind the allow-list above (<https://www.sqlite.org/c3ref/set_authorizer.html>).
fn authorize(conn: &mut Connection) -> rusqlite::Result<Denied> {
    let denied = Denied { what: Arc::default(), rows: Arc::default() };
    let (what, rows) = (Arc::clone(&denied.what), Arc::clone(&denied.rows));
    conn.authorizer(Some(move |context: AuthContext<'_>| {
        let rows = rows.lock().is_ok_and(|r| *r);
        match refusal(&context.action, rows) {
            None => Authorization::Allow,
            Some(refused) => {
                if let Ok(mut what) = what.lock() {
                    what.get_or_insert(refused);
                }
                Authorization::Deny
            }
        }
    }))?;
    Ok(denied)
}

const TEMPORARY: &str = "a TEMP object";

fn refusal(action: &AuthAction<'_>, rows: bool) -> Option<String> {
    let is_catalogue = |table: &str| matches!(table, "sqlite_master" | "sqlite_schema" | "sqlite_sequence");
    match action {
        AuthAction::Insert { table_name }
        | AuthAction::Delete { table_name }
        | AuthAction::Update { table_name, .. }
            if !rows && !is_catalogue(table_name) =>
        {
            let temporary = matches!(*table_name, "sqlite_temp_master" | "sqlite_temp_schema");
            Some(if temporary { TEMPORARY.to_owned() } else { format!("writing rows of {table_name}") })
        }
        AuthAction::Attach { .. } => Some("ATTACH".to_owned()),
        AuthAction::Detach { .. } => Some("DETACH".to_owned()),
        AuthAction::CreateTempTable { .. }
        | AuthAction::CreateTempIndex { .. }
        | AuthAction::CreateTempTrigger { .. }
        | AuthAction::CreateTempView { .. } => Some(TEMPORARY.to_owned()),
        _ => None,
    }
}
