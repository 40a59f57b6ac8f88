//! Stand-ins for what only the service registers, so that a schema with its functions and collations can be read here.
//!
//! None ever gives an answer. A function fails when it is called, with its name. A collation cannot fail. Both note that they were
//! called, and whoever used the connection asks [`none_called`] before anything counts. Modules and tokenizers have none: SQLite keeps the text of
//! a virtual table whose module it lacks, and refuses every statement that comes near it; one whose tokenizer it lacks can be written by none.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::Value;

use crate::answer::or_refusal;
use crate::ddl::{self, ObjectKind};
use crate::schema::{Index, Row, Schema, Table};
use crate::token::{Kind, Token, fold, is_reserved, quote, quote_text, tokenize};
use crate::unregistered::failure;
use crate::virtual_table;
use crate::words::Unknown;

/// Begins the names of the functions that tell whether a stand-in was called.
const CALLED: &str = "landfall_called_";

/// Bytes of the longest name that has a stand-in: SQLite allows 255, with what the teller's has in front of it.
const LONGEST: usize = 200;

/// Functions and collations by their folded names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) functions: BTreeSet<String>,
    pub(crate) collations: BTreeSet<String>,
}

/// Registers what these CREATE texts may call and the connection lacks. One too many does nothing: no statement calls it.
pub(crate) fn register<'t>(
    conn: &Connection,
    texts: impl IntoIterator<Item = &'t str>,
) -> rusqlite::Result<()> {
    lacking(conn, texts)?.register(conn)
}

/// What these CREATE texts may call and the connection lacks.
pub(crate) fn lacking<'t>(
    conn: &Connection,
    texts: impl IntoIterator<Item = &'t str>,
) -> rusqlite::Result<Names> {
    let mut names = Names::default();
    texts.into_iter().for_each(|text| names.add_all_of(text));
    names.functions.retain(|name| name.len() <= LONGEST);
    if !names.functions.is_empty() {
        let known = functions(conn)?;
        names.functions.retain(|name| !known.contains(name));
    }
    let mut lacking = Names { functions: names.functions, collations: BTreeSet::new() };
    for name in names.collations.into_iter().filter(|name| name.len() <= LONGEST) {
        if !has_collation(conn, &name)? {
            lacking.collations.insert(name);
        }
    }
    Ok(lacking)
}

/// As [`register`], for the schema that the connection finds.
pub(crate) fn register_for_its_own(conn: &Connection) -> rusqlite::Result<()> {
    let mut statement = conn.prepare("SELECT sql FROM main.sqlite_schema WHERE sql IS NOT NULL")?;
    let texts = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    drop(statement);
    register(conn, texts.iter().map(String::as_str))
}

pub(crate) fn register_for(conn: &Connection, schema: &Schema) -> rusqlite::Result<()> {
    register(conn, schema.rows.iter().map(|row| row.sql.as_str()))
}

/// A function that fails when it is called, on whatever row.
fn function(conn: &Connection, name: &str) -> rusqlite::Result<()> {
    let missing = Unknown::Function(name).to_string();
    let called = teller(conn, &missing, &format!("{CALLED}function_{name}"))?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    conn.create_scalar_function(name, -1, flags, move |_| {
        note(&called);
        Err::<i64, _>(failure(&missing))
    })
}

/// A collation that notes that it was called; in the order of bytes, so that an index of a replica is one.
fn collation(conn: &Connection, name: &str) -> rusqlite::Result<()> {
    let called = teller(conn, &no_collation(name), &format!("{CALLED}collation_{name}"))?;
    conn.create_collation(name, move |a: &str, b: &str| {
        note(&called);
        a.cmp(b)
    })
}

/// Whether a stand-in was called since anybody asked.
type Called = Arc<Mutex<bool>>;

fn note(called: &Called) {
    if let Ok(mut called) = called.lock() {
        *called = true;
    }
}

/// Registers the function by which the connection tells.
fn teller(conn: &Connection, missing: &str, name: &str) -> rusqlite::Result<Called> {
    let called = Called::default();
    let (told, missing) = (Arc::clone(&called), missing.to_owned());
    conn.create_scalar_function(name, 0, FunctionFlags::SQLITE_UTF8, move |_| {
        // After a panic nobody knows: then it was.
        let called = told.lock().map_or(true, |mut called| std::mem::take(&mut *called));
        Ok(called.then(|| missing.clone()))
    })?;
    Ok(called)
}

/// Fails where a statement of this connection has called a stand-in since the last time.
pub(crate) fn none_called(conn: &Connection) -> rusqlite::Result<()> {
    called(conn)?.first().map_or(Ok(()), |missing| Err(failure(missing)))
}

/// SQLite's words about what was called since the last time.
pub(crate) fn called(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut called = Vec::new();
    for teller in functions(conn)?.iter().filter(|name| name.starts_with(CALLED)) {
        let sql = format!("SELECT {}()", quote(teller));
        called.extend(conn.query_row(&sql, [], |row| row.get::<_, Option<String>>(0))?);
    }
    Ok(called)
}

/// What `quick_check` or `integrity_check` says, up to so many lines. Where that calls a stand-in it is asked table by table, then
/// without CHECKs, and no more of a table where that is too much, too: an index on what only the service can compute or compare. So it is
/// where a full-text table refuses its check, for it has a tokenizer that is not here; that one is left out.
pub(crate) fn check(conn: &Connection, pragma: &str, most: u32) -> rusqlite::Result<Vec<String>> {
    if let Ok(Some(lines)) = or_refusal(checked(conn, &format!("PRAGMA {pragma}({most})")))? {
        return Ok(lines);
    }
    let mut statement = conn.prepare("SELECT name, rootpage FROM main.sqlite_schema WHERE type = 'table'")?;
    let names = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let names = names.collect::<rusqlite::Result<Vec<(String, i64)>>>()?;
    let mut found = Vec::new();
    for (name, root) in names {
        let sql = format!("PRAGMA {pragma}({})", quote_text(&name));
        if root == 0 {
            let lines = or_refusal(checked(conn, &sql))?.unwrap_or_default().unwrap_or_default();
            found.extend(lines.into_iter().filter(|line| line != "ok"));
            continue;
        }
        for ignores_checks in [false, true] {
            conn.pragma_update(None, "ignore_check_constraints", ignores_checks)?;
            let lines = checked(conn, &sql);
            conn.pragma_update(None, "ignore_check_constraints", false)?;
            if let Some(lines) = lines? {
                found.extend(lines.into_iter().filter(|line| line != "ok"));
                break;
            }
        }
    }
    Ok(if found.is_empty() { vec!["ok".to_owned()] } else { found })
}

/// `None` where it called a stand-in.
fn checked(conn: &Connection, sql: &str) -> rusqlite::Result<Option<Vec<String>>> {
    let mut statement = conn.prepare(sql)?;
    let lines = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>();
    if called(conn)?.is_empty() { lines.map(Some) } else { Ok(None) }
}

fn functions(conn: &Connection) -> rusqlite::Result<BTreeSet<String>> {
    let mut statement = conn.prepare_cached("SELECT lower(name) FROM pragma_function_list")?;
    let names = statement.query_map([], |row| row.get(0))?;
    names.collect()
}

/// Not asked of pragma_collation_list: it has those that a schema names, too.
fn has_collation(conn: &Connection, name: &str) -> rusqlite::Result<bool> {
    let sql = format!("SELECT ?1 = ?2 COLLATE {}", quote(name));
    or_refusal(conn.prepare(&sql)).map(|prepared| prepared.is_ok())
}

/// A virtual table whose module or tokenizer is not here, as SQLite would find it in a file: its text, and nothing made. FTS5 finds its
/// tables beside it, which it makes with a tokenizer of its own.
pub(crate) fn write_virtual_table(conn: &Connection, row: &Row) -> rusqlite::Result<()> {
    let write = match virtual_table::with_tokenizer(&row.sql, "unicode61") {
        Some(sql) => {
            conn.execute(&sql, [])?;
            "UPDATE main.sqlite_schema SET sql = ?2 WHERE type = 'table' AND name = ?1"
        }
        None => {
            "INSERT INTO main.sqlite_schema (type, name, tbl_name, rootpage, sql) VALUES ('table', ?1, ?1, 0, ?2)"
        }
    };
    conn.execute_batch("PRAGMA writable_schema = ON")?;
    let written = conn.execute(write, [&row.name, &row.sql]);
    conn.execute_batch("PRAGMA writable_schema = RESET")?;
    written.map(drop)
}

impl Names {
    pub(crate) fn register(&self, conn: &Connection) -> rusqlite::Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        self.functions.iter().try_for_each(|name| function(conn, name))?;
        self.collations.iter().try_for_each(|name| collation(conn, name))?;
        // Without them SQLite has read the schema already, and left out what it did not know.
        conn.execute_batch("PRAGMA writable_schema = RESET")
    }

    /// As [`Names::register`], while rows are put into a database of our own, where whatever an index or a column holds is as good as
    /// anything: a function gives what it is given first.
    pub(crate) fn answer(&self, conn: &Connection) -> rusqlite::Result<()> {
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        self.collations.iter().try_for_each(|name| collation(conn, name))?;
        self.functions.iter().try_for_each(|name| {
            conn.create_scalar_function(name.as_str(), -1, flags, |context| match context.len() {
                0 => Ok(Value::Null),
                _ => context.get::<Value>(0),
            })
        })
    }

    /// Registers what SQLite says that it lacks, and keeps its name.
    pub(crate) fn stand_in(&mut self, conn: &Connection, message: &str) -> rusqlite::Result<()> {
        match Unknown::in_message(message) {
            Some(Unknown::Function(name)) if name.len() <= LONGEST && self.functions.insert(fold(name)) => {
                function(conn, &fold(name))
            }
            Some(Unknown::Collation(name)) if name.len() <= LONGEST && self.collations.insert(fold(name)) => {
                collation(conn, &fold(name))
            }
            _ => Ok(()),
        }
    }

    /// Whatever may be a call: what stands in front of a parenthesis, unless its place says that it is something else.
    fn add_all_of(&mut self, text: &str) {
        let tokens = tokenize(text).unwrap_or_default();
        let kind = ddl::head(&tokens).map(|head| head.kind);
        // What the arguments of a module mean is its own affair.
        if kind == Some(ObjectKind::VirtualTable) {
            return;
        }
        let has_types = kind == Some(ObjectKind::Table);
        for (at, token) in tokens.iter().enumerate() {
            let before = at.checked_sub(1).map(|at| &tokens[at]);
            let next = tokens.get(at + 1);
            if token.is("REGEXP") {
                self.functions.insert("regexp".to_owned());
            } else if token.is("COLLATE") {
                self.collations.extend(next.map(|name| fold(&name.name())));
            } else if next.is_some_and(|next| next.is_symbol("("))
                && is_name(token)
                && before.is_none_or(|before| may_call(before, token, has_types, kind))
            {
                self.functions.insert(fold(&token.name()));
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.functions.is_empty() && self.collations.is_empty()
    }

    /// The first of these names that a text calls.
    pub(crate) fn first_in(&self, text: &str) -> Option<String> {
        let tokens = tokenize(text).unwrap_or_default();
        tokens.iter().enumerate().find_map(|(at, token)| {
            let name = fold(&token.name());
            let next = tokens.get(at + 1);
            let calls = next.is_some_and(|next| next.is_symbol("(")) || token.is("REGEXP");
            if calls && self.functions.contains(&name) {
                return Some(Unknown::Function(&name).to_string());
            }
            let collation = next.filter(|_| token.is("COLLATE")).map(|next| fold(&next.name()))?;
            self.collations.contains(&collation).then(|| no_collation(&collation))
        })
    }

    /// Whether a table or an index on it calls any of them.
    pub(crate) fn are_on(&self, schema: &Schema, name: &str) -> bool {
        if self.is_empty() {
            return false;
        }
        let is_its = |index: &&Index| index.table.eq_ignore_ascii_case(name);
        let in_index = |index: &Index| {
            let compares = index.columns.iter().any(|column| self.collations.contains(&column.collation));
            compares || self.first_in(&index.sql).is_some()
        };
        schema.table(name).is_some_and(|table| !self.parts_of(table).is_empty())
            || schema.indexes.iter().filter(is_its).any(in_index)
    }

    /// What SQLite lacks for each part of a table, and the part.
    pub(crate) fn parts_of(&self, table: &Table) -> Vec<(String, String)> {
        let mut parts = Vec::new();
        let mut text = |text: String| parts.extend(self.first_in(&text).map(|missing| (missing, text)));
        table.checks.iter().cloned().for_each(&mut text);
        table.opaque.iter().cloned().for_each(&mut text);
        for column in &table.columns {
            column.default.iter().cloned().for_each(&mut text);
            column.generated.iter().map(|generated| generated.expression.clone()).for_each(&mut text);
        }
        for column in table.columns.iter().filter(|c| self.collations.contains(&c.collation)) {
            parts.push((no_collation(&column.collation), format!("column {}", fold(&column.name))));
        }
        for key in table.uniques.iter().chain(&table.primary_key).flat_map(|key| &key.columns) {
            if self.collations.contains(&key.collation) {
                parts.push((no_collation(&key.collation), format!("key {}", key.expression)));
            }
        }
        parts
    }
}

fn no_collation(name: &str) -> String {
    Unknown::Collation(name).to_string()
}

fn is_name(token: &Token<'_>) -> bool {
    match token.kind {
        Kind::Word => !is_reserved(token.text),
        kind => matches!(kind, Kind::Quoted | Kind::DoubleQuoted),
    }
}

fn may_call(before: &Token<'_>, token: &Token<'_>, has_types: bool, kind: Option<ObjectKind>) -> bool {
    let introduces = |words: &[&str]| words.iter().any(|word| before.is(word));
    let is_type = has_types && is_name(before) && !introduces(&["LIKE", "GLOB", "REGEXP", "MATCH", "BY"]);
    let is_key = (token.is("KEY") && introduces(&["PRIMARY", "FOREIGN"])) || token.is("RAISE");
    let is_table = introduces(&[
        "TABLE",
        "VIEW",
        "INDEX",
        "REFERENCES",
        "INTO",
        "FROM",
        "JOIN",
        "WITH",
        "RECURSIVE",
        "AS",
        "EXISTS",
    ]);
    let is_indexed = kind == Some(ObjectKind::Index) && before.is("ON");
    let is_clause = before.is_symbol(")") && (token.is("FILTER") || token.is("OVER"));
    !(is_type || is_key || is_table || is_indexed || is_clause)
}
