//! `schema.sql`, read: an allow-list of statements, executed in an empty in-memory database whose `sqlite_schema` is the truth.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use crate::ddl::{self, ObjectKind};
use crate::directive::{self, Action, Directive};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{self, Schema};
use crate::settings::{BUILTIN_IGNORE, Settings};
use crate::token::{self, Token, line_at, position, tokenize};

/// What `schema.sql` declares: read, executed in an empty in-memory database (the *pristine* database), and kept as a value.
#[derive(Debug)]
pub struct Declared {
    pub(crate) path: PathBuf,
    /// The file without directives: what is executed, and what Atlas reads.
    pub(crate) text: String,
    pub(crate) schema: Schema,
    pub(crate) directives: Vec<Directive>,
    fingerprint: String,
}

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
    /// Reads and checks `schema.sql`.
    ///
    /// # Errors
    /// [`ErrorKind::Schema`], with file, line and column, when the file is missing, is not UTF-8, holds a statement that is
    /// not on the allow-list, does not execute, or has a directive outside its place.
    pub fn read(path: &Path, settings: &Settings) -> Result<Self> {
        let file = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|error| {
            Error::new(ErrorKind::Schema, &file, format!("the schema {file} cannot be read: {}", io_reason(&error)))
                .remedy("write the CREATE statements of the database there, or name another file")
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..valid].iter().filter(|b| **b == b'\n').count() + 1;
            Error::new(ErrorKind::Schema, &file, format!("{file}:{line}: the schema is not valid UTF-8"))
                .remedy("save the file as UTF-8")
        })?;
        Self::parse(path, &text, settings)
    }

    /// Checks text that was already read; `path` is only used in messages.
    ///
    /// # Errors
    /// As [`Declared::read`].
    pub fn parse(path: &Path, text: &str, settings: &Settings) -> Result<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let source = Source { path, text };
        let tokens = tokenize(text).map_err(|bad| source.error(bad.offset, bad.reason))?;
        let statements = split(&tokens);
        let comments = directive::comments(text, &tokens);
        let directives = directive::attach(path, text, &statements, &comments)?;
        let pristine = execute(&source, &statements, &comments, settings)?;
        let schema = schema::read(&pristine, &[])
            .map_err(|error| Error::new(ErrorKind::Schema, source.file(), error.to_string()))?;
        let declared = Self {
            path: path.to_owned(),
            text: blank(text, &comments, 0..text.len()),
            fingerprint: schema.fingerprint(),
            schema,
            directives,
        };
        declared.check_names(&pristine, settings)?;
        Ok(declared)
    }

    /// SHA-256 of the meaning of the schema, in hexadecimal; cosmetic changes keep it.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn check_names(&self, pristine: &Connection, settings: &Settings) -> Result<()> {
        for pattern in ignore_patterns(settings) {
            let ignored = schema::matching_tables(pristine, &pattern)
                .map_err(|error| Error::new(ErrorKind::Schema, "", error.to_string()))?;
            if let Some(name) = ignored.iter().find(|n| !token::fold(n).starts_with("sqlite_")) {
                return Err(Error::new(
                    ErrorKind::Schema,
                    name,
                    format!("{}: table {name} is declared, but the ignore pattern {pattern} hides it", self.path.display()),
                )
                .remedy("rename the table, or take the pattern out of `ignore`"));
            }
        }
        self.check_dropped()
    }

    /// `@dropped NAME` while NAME is declared contradicts itself.
    fn check_dropped(&self) -> Result<()> {
        for directive in &self.directives {
            let declared = match &directive.action {
                Action::DroppedTable { name } => {
                    (self.schema.table(name).is_some() || self.schema.virtual_table(name).is_some()).then_some(name)
                }
                Action::DroppedColumn { name } => {
                    self.schema.table(&directive.table).is_some_and(|t| t.column(name).is_some()).then_some(name)
                }
                _ => None,
            };
            if let Some(name) = declared {
                let file = self.path.display();
                return Err(Error::new(
                    ErrorKind::Schema,
                    name,
                    format!("{file}:{}: @dropped {name} contradicts the declaration of {name}", directive.line),
                )
                .remedy("take out the directive, or the declaration"));
            }
        }
        Ok(())
    }
}

/// The built-in ignore patterns and the configured ones.
pub(crate) fn ignore_patterns(settings: &Settings) -> Vec<String> {
    BUILTIN_IGNORE.iter().map(|p| (*p).to_owned()).chain(settings.ignore.iter().cloned()).collect()
}

pub(crate) fn io_reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "it does not exist".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => error.to_string(),
    }
}

struct Source<'s> {
    path: &'s Path,
    text: &'s str,
}

impl Source<'_> {
    fn file(&self) -> String {
        self.path.display().to_string()
    }

    /// An error at a place: file, line, column and the line itself.
    fn error(&self, offset: usize, what: &str) -> Error {
        let (line, column) = position(self.text, offset);
        let shown = line_at(self.text, offset);
        let shown: String = if shown.chars().count() > 200 {
            shown.chars().take(200).chain(['…']).collect()
        } else {
            shown.to_owned()
        };
        Error::new(
            ErrorKind::Schema,
            format!("{}:{line}", self.file()),
            format!("{}:{line}:{column}: {what}\n  {}", self.file(), shown.trim()),
        )
    }
}

/// Statements as token slices, without their semicolons. A trigger ends at `END ;`, as in `sqlite3_complete()`.
pub(crate) fn split<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut statements = Vec::new();
    let mut start = 0;
    for at in 0..tokens.len() {
        if !tokens[at].is_symbol(";") {
            continue;
        }
        let statement = &tokens[start..at];
        let in_trigger = is_trigger(statement)
            && !(statement.len() >= 2
                && tokens[at - 1].is("END")
                && tokens[at - 2].is_symbol(";"));
        if in_trigger && tokens[at..].iter().any(|t| t.is("END")) {
            continue;
        }
        if !statement.is_empty() {
            statements.push(statement);
        }
        start = at + 1;
    }
    if start < tokens.len() {
        statements.push(&tokens[start..]);
    }
    statements
}

fn is_trigger(statement: &[Token<'_>]) -> bool {
    let at = |i: usize, word: &str| statement.get(i).is_some_and(|t| t.is(word));
    at(0, "CREATE") && (at(1, "TRIGGER") || ((at(1, "TEMP") || at(1, "TEMPORARY")) && at(2, "TRIGGER")))
}

/// Text with the directives in it blanked out: they are instructions, not part of a schema.
fn blank(text: &str, comments: &[directive::Comment], range: std::ops::Range<usize>) -> String {
    let mut result = String::with_capacity(range.len());
    let mut at = range.start;
    for comment in comments.iter().filter(|c| c.start >= range.start && c.end <= range.end) {
        result.push_str(text[at..comment.start].trim_end_matches([' ', '\t']));
        at = comment.end;
    }
    result.push_str(&text[at..range.end]);
    result
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
                return refuse("TEMP objects do not belong to a schema", "take out the statement, or the word TEMP");
            }
            if head.kind == ObjectKind::Table && statement.get(head.body).is_some_and(|t| t.is("AS")) {
                return refuse(
                    "CREATE TABLE AS holds rows, not a schema",
                    "write the table's columns out",
                );
            }
            Ok(())
        }
        "BEGIN" | "COMMIT" | "END" => Ok(()),
        "PRAGMA" => {
            let name = statement.get(1).map(|t| token::fold(t.text)).unwrap_or_default();
            if PRAGMAS.contains(&name.as_str()) {
                return Ok(());
            }
            refuse(&format!("PRAGMA {name} has no place in a schema"), "take out the statement")
        }
        "INSERT" | "REPLACE" | "UPDATE" | "DELETE" => refuse(
            &format!("{word} changes rows, and schema.sql only declares a schema"),
            "take out the statement; rows are written by the service",
        ),
        "ALTER" | "DROP" => refuse(
            &format!("{word} is a change, and schema.sql only declares what the schema should be"),
            "change the CREATE statement instead; the migration works out the change",
        ),
        _ => refuse(
            &format!("{word} has no place in a schema"),
            "only CREATE TABLE, INDEX, VIEW, TRIGGER and VIRTUAL TABLE can be declared",
        ),
    }
}

fn execute(
    source: &Source<'_>,
    statements: &[&[Token<'_>]],
    comments: &[directive::Comment],
    settings: &Settings,
) -> Result<Connection> {
    let internal = |error: rusqlite::Error| Error::new(ErrorKind::Schema, source.file(), error.to_string());
    let mut pristine = Connection::open_in_memory().map_err(internal)?;
    if let Some(hook) = settings.hook {
        hook(&pristine).map_err(internal)?;
    }
    let denied = authorize(&mut pristine).map_err(internal)?;
    for statement in statements {
        allowed(source, statement)?;
        let (start, end) = (statement[0].start, statement[statement.len() - 1].end());
        let sql = blank(source.text, comments, start..end);
        denied.allow_rows(ddl::head(statement).is_some_and(|h| h.kind == ObjectKind::VirtualTable));
        if let Err(error) = run(&pristine, &sql) {
            let refused = denied.take();
            // Again with the directives in place: then SQLite's offset is the file's.
            let as_written = &source.text[start..end];
            let error = pristine.prepare(as_written).err().unwrap_or(error);
            return Err(explain(source, start, as_written, &error, refused));
        }
    }
    pristine.authorizer(None::<fn(AuthContext<'_>) -> Authorization>).map_err(internal)?;
    Ok(pristine)
}

/// Runs one statement, rows or none.
fn run(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    let mut statement = conn.prepare(sql)?;
    let mut rows = statement.raw_query();
    while rows.next()?.is_some() {}
    Ok(())
}

fn explain(source: &Source<'_>, start: usize, sql: &str, error: &rusqlite::Error, denied: Option<String>) -> Error {
    let (offset, message) = match error {
        rusqlite::Error::SqlInputError { msg, offset, .. } => (usize::try_from(*offset).unwrap_or(0), msg.clone()),
        rusqlite::Error::SqliteFailure(_, Some(msg)) => (0, msg.clone()),
        other => (0, other.to_string()),
    };
    if let Some(what) = denied {
        return source
            .error(start, &format!("{what} has no place in a schema"))
            .remedy("only CREATE TABLE, INDEX, VIEW, TRIGGER and VIRTUAL TABLE in the main database can be declared");
    }
    let at = if offset <= sql.len() && sql.is_char_boundary(offset) { start + offset } else { start };
    let error = source.error(at, &message);
    let unknown =
        ["no such function", "no such collation sequence", "no such module"].iter().any(|u| message.contains(u));
    if unknown {
        error.remedy("register it: `migrate::Settings::hook` is called on every connection before the schema is read")
    } else {
        error.remedy("correct the statement; nothing was changed")
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

fn refusal(action: &AuthAction<'_>, rows: bool) -> Option<String> {
    let is_catalogue = |table: &str| matches!(table, "sqlite_master" | "sqlite_schema" | "sqlite_sequence");
    match action {
        AuthAction::Insert { table_name }
        | AuthAction::Delete { table_name }
        | AuthAction::Update { table_name, .. }
            if !rows && !is_catalogue(table_name) =>
        {
            Some(format!("writing rows of {table_name}"))
        }
        AuthAction::Attach { .. } => Some("ATTACH".to_owned()),
        AuthAction::Detach { .. } => Some("DETACH".to_owned()),
        AuthAction::CreateTempTable { .. }
        | AuthAction::CreateTempIndex { .. }
        | AuthAction::CreateTempTrigger { .. }
        | AuthAction::CreateTempView { .. } => Some("a TEMP object".to_owned()),
        _ => None,
    }
}

