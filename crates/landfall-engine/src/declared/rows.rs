//! `INSERT INTO t (columns) VALUES …` of literals: the rows that `schema.sql` declares, read.
//!
//! They are put into the pristine database, without triggers, and read back: what a column makes of a literal SQLite tells.

use std::collections::HashSet;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::row::{Declaration, DeclaredRow};
use super::source::Source;
use crate::error::{Error, Result};
use crate::object::in_directive;
use crate::schema::{Schema, Table, UniqueColumns};
use crate::sqlite_error::sqlite_message;
use crate::token::{Kind, Token, fold, position, quote};
use crate::value::Value;

/// An INSERT as it is written.
struct Insert<'t, 'a> {
    table: &'t Token<'a>,
    columns: Vec<&'t Token<'a>>,
    rows: Vec<Tuple<'t, 'a>>,
}

/// Literals in parentheses, each with its sign, if any.
struct Tuple<'t, 'a> {
    open: &'t Token<'a>,
    literals: Vec<&'t [Token<'a>]>,
}

pub(super) fn is_insert(statement: &[Token<'_>]) -> bool {
    statement.first().is_some_and(|first| first.is("INSERT"))
}

/// The rows of every INSERT among the statements.
///
/// # Errors
/// [`crate::ErrorKind::Schema`], with its line, for one that is not of literals, whose table has no key, or that SQLite refuses.
pub(super) fn read(
    source: &Source<'_>,
    statements: &[&[Token<'_>]],
    schema: &Schema,
    pristine: &Connection,
) -> Result<Vec<DeclaredRow>> {
    let inserts: Vec<_> = statements.iter().copied().filter(|statement| is_insert(statement)).collect();
    if inserts.is_empty() {
        return Ok(Vec::new());
    }
    prepare(pristine).map_err(|error| source.internal(&error))?;
    let mut reading = Reading { source, schema, pristine, found: Vec::new(), starts: Vec::new() };
    for statement in inserts {
        let insert = Cursor { source, schema, statement, at: 1 }.insert()?;
        reading.insert(&insert)?;
    }
    reading.parents()?;
    Ok(reading.found)
}

/// No trigger runs, and parents may come after their children.
fn prepare(pristine: &Connection) -> rusqlite::Result<()> {
    if !pristine.is_autocommit() {
        pristine.execute_batch("COMMIT")?;
    }
    pristine.pragma_update(None, "foreign_keys", false)?;
    pristine.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).map(drop)
}

/// The tokens of one INSERT, read from left to right.
struct Cursor<'s, 't, 'a> {
    source: &'s Source<'s>,
    schema: &'s Schema,
    statement: &'t [Token<'a>],
    at: usize,
}

impl<'t, 'a> Cursor<'_, 't, 'a> {
    fn insert(mut self) -> Result<Insert<'t, 'a>> {
        if !self.takes_word("INTO") {
            return Err(self.wrong(
                "an INSERT with OR may leave rows out or replace others",
                "write `INSERT INTO table (columns) VALUES …`: a row that is there is found by its key",
            ));
        }
        let table = self.statement.get(self.at).filter(|token| is_name(token));
        let Some(table) = table else {
            return Err(self.wrong("here the name of a table is missing", EXAMPLE));
        };
        self.at += 1;
        if self.takes(".") {
            return Err(
                self.wrong("a table of this schema has its name alone", "take out the name in front of it")
            );
        }
        if !self.takes("(") {
            return Err(self.no_columns(table));
        }
        let columns = self.list(|cursor| {
            let token = cursor.statement.get(cursor.at).filter(|token| is_name(token))?;
            cursor.at += 1;
            Some(token)
        });
        let Some(columns) = columns else {
            return Err(self.wrong("here the name of a column is missing", EXAMPLE));
        };
        if !self.takes_word("VALUES") {
            return Err(self.wrong("rows can be declared by literals alone", EXAMPLE));
        }
        let mut rows = Vec::new();
        loop {
            rows.push(self.tuple()?);
            if !self.takes(",") {
                break;
            }
        }
        match self.statement.get(self.at) {
            None => Ok(Insert { table, columns, rows }),
            Some(_) => Err(self.wrong("a declared row has nothing behind its values", "take it out")),
        }
    }

    fn tuple(&mut self) -> Result<Tuple<'t, 'a>> {
        let open = self.statement.get(self.at);
        let Some(open) = open.filter(|_| self.takes("(")) else {
            return Err(self.wrong("here the values of a row are missing", EXAMPLE));
        };
        match self.list(Self::literal) {
            Some(literals) => Ok(Tuple { open, literals }),
            None => Err(self.wrong(
                "a declared value is a literal: a number, a string, a blob, NULL, TRUE or FALSE",
                "write the value itself: what an expression gives may differ from one time to the next",
            )),
        }
    }

    /// `item, item)`; `None` where the cursor is at something else.
    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut found = Vec::new();
        loop {
            found.push(item(self)?);
            if self.takes(")") {
                return Some(found);
            }
            if !self.takes(",") {
                return None;
            }
        }
    }

    fn literal(&mut self) -> Option<&'t [Token<'a>]> {
        let start = self.at;
        let signed = self.takes("-") || self.takes("+");
        let token = self.statement.get(self.at)?;
        let is_literal = match token.kind {
            Kind::Number => true,
            Kind::Text | Kind::Blob => !signed,
            Kind::Word => !signed && ["NULL", "TRUE", "FALSE"].iter().any(|word| token.is(word)),
            _ => false,
        };
        if !is_literal {
            return None;
        }
        self.at += 1;
        Some(&self.statement[start..self.at])
    }

    fn takes(&mut self, symbol: &str) -> bool {
        let is_it = self.statement.get(self.at).is_some_and(|token| token.is_symbol(symbol));
        self.at += usize::from(is_it);
        is_it
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_it = self.statement.get(self.at).is_some_and(|token| token.is(word));
        self.at += usize::from(is_it);
        is_it
    }

    /// What `.dump` writes.
    fn no_columns(&self, table: &Token<'_>) -> Error {
        let name = table.name();
        let columns = self.schema.table(&name).map(|table| {
            let plain = table.columns.iter().filter(|column| column.generated.is_none());
            plain.map(|column| in_directive(&column.name)).collect::<Vec<_>>().join(", ")
        });
        let columns = columns.unwrap_or_else(|| "columns".to_owned());
        self.source.error(
            table.start,
            &format!("the INSERT into {name} names no columns; a declared row says which value is whose"),
        )
        .remedy(format!(
            "rows that belong to the service do not belong here: take them out (`sqlite3 FILE .schema` writes none); for rows of a lookup table write `INSERT INTO {} ({columns}) VALUES …`",
            in_directive(&name)
        ))
    }

    /// At the token where the cursor is.
    fn wrong(&self, what: &str, remedy: &str) -> Error {
        let end = self.statement.last().map_or(0, |last| last.start);
        let at = self.statement.get(self.at).map_or(end, |token| token.start);
        self.source.error(at, what).remedy(remedy)
    }
}

const EXAMPLE: &str =
    "write `INSERT INTO table (columns) VALUES (literals), …`; other rows are written by the service";

fn is_name(token: &Token<'_>) -> bool {
    matches!(token.kind, Kind::Word | Kind::Quoted | Kind::DoubleQuoted)
}

struct Reading<'r, 's> {
    source: &'r Source<'s>,
    schema: &'r Schema,
    pristine: &'r Connection,
    found: Vec<DeclaredRow>,
    /// Where each of them begins in the text.
    starts: Vec<usize>,
}

impl<'r> Reading<'r, '_> {
    fn insert(&mut self, insert: &Insert<'_, '_>) -> Result<()> {
        let table = self.table(insert.table)?;
        let columns = self.columns(table, insert)?;
        let key = self.key(table, &columns, insert)?;
        for row in &insert.rows {
            self.row(table, &columns, &key, row)?;
        }
        Ok(())
    }

    fn table(&self, token: &Token<'_>) -> Result<&'r Table> {
        let name = token.name();
        let wrong = |what: String, remedy: &str| Err(self.source.error(token.start, &what).remedy(remedy));
        match self.schema.table(&name) {
            Some(table) => Ok(table),
            None => wrong(
                format!("{name} is no table that can have declared rows"),
                "name an ordinary table that is declared in this schema",
            ),
        }
    }

    /// The declared names of the columns.
    fn columns(&self, table: &Table, insert: &Insert<'_, '_>) -> Result<Vec<String>> {
        let name = &table.name;
        let mut named = HashSet::new();
        let mut columns = Vec::new();
        for token in &insert.columns {
            let wrong =
                |what: String, remedy: &str| Err(self.source.error(token.start, &what).remedy(remedy));
            match table.column(&token.name()) {
                None => {
                    return wrong(
                        format!("table {name} has no column {}", token.name()),
                        "name a column that is declared",
                    );
                }
                Some(column) if column.generated.is_some() => {
                    return wrong(
                        format!("column {name}.{} is computed from the others", column.name),
                        "take it and its values out",
                    );
                }
                Some(column) if !named.insert(fold(&column.name)) => {
                    return wrong(
                        format!("column {name}.{} is named twice", column.name),
                        "keep one of the two, and its values",
                    );
                }
                Some(column) => columns.push(column.name.clone()),
            }
        }
        Ok(columns)
    }

    /// The columns by which its rows are found again.
    fn key(&self, table: &Table, columns: &[String], insert: &Insert<'_, '_>) -> Result<Vec<String>> {
        let primary = table.key_columns();
        let Some(missing) = primary.iter().find(|key| !columns.contains(key)) else {
            if !primary.is_empty() {
                return Ok(primary);
            }
            return self.unique(table, columns).ok_or_else(|| {
                let what = format!(
                    "table {} has no primary key, and the INSERT names no columns that are UNIQUE together: its rows could not be found again",
                    table.name
                );
                let remedy = "declare a PRIMARY KEY or UNIQUE columns, or take out the statement";
                self.source.error(insert.table.start, &what).remedy(remedy)
            });
        };
        // SQLite numbers such a row; of another key it would make NULL or the default.
        let is_numbered = table.rowid_alias.as_deref() == Some(&fold(missing));
        let unique = self.unique(table, columns).filter(|_| is_numbered);
        unique.ok_or_else(|| {
            let what = format!(
                "the INSERT into {} does not name {missing} of its primary key, by which a row is found again",
                table.name
            );
            let start = insert.columns.first().map_or(0, |token| token.start);
            self.source.error(start, &what).remedy(format!("name {missing}, and give it a value in each row"))
        })
    }

    /// Columns that the INSERT names and that are UNIQUE together.
    fn unique(&self, table: &Table, columns: &[String]) -> Option<Vec<String>> {
        let finds = |key: &UniqueColumns| {
            key.compare_alike && key.names.iter().all(|column| columns.contains(column))
        };
        self.schema.unique_columns(table).into_iter().find(finds).map(|key| key.names)
    }

    fn row(&mut self, table: &Table, columns: &[String], key: &[String], row: &Tuple<'_, '_>) -> Result<()> {
        let start = row.open.start;
        if row.literals.len() != columns.len() {
            let what = format!("the row has {} of {} values", row.literals.len(), columns.len());
            return Err(self.source.error(start, &what).remedy("give each column one value"));
        }
        let literals: Vec<String> = row.literals.iter().map(|literal| written(literal)).collect();
        let found = self.condition(table, columns, key, &literals, start)?;
        if let Some(first) = self.first_of(table, key, &found, start)? {
            let what = format!("the row of {} with this key is declared on line {first} already", table.name);
            return Err(self.source.error(start, &what).remedy("keep one of the two"));
        }
        let failed = |error: &rusqlite::Error| {
            self.source
                .error(start, &format!("SQLite refuses the row: {}", sqlite_message(error)))
                .remedy("correct the row, or the constraint")
        };
        let list = columns.iter().map(|column| quote(column)).collect::<Vec<_>>().join(", ");
        let name = quote(&table.name);
        let insert = format!("INSERT OR ABORT INTO {name} ({list}) VALUES ({})", literals.join(", "));
        self.pristine.execute(&insert, []).map_err(|error| failed(&error))?;
        let select = format!("SELECT {list} FROM {name} WHERE {found}");
        let values = self.pristine.query_row(&select, [], |row| {
            (0..columns.len()).map(|at| row.get(at)).collect::<rusqlite::Result<Vec<Value>>>()
        });
        let values = values.map_err(|error| failed(&error))?;
        let declared = columns.iter().zip(literals).zip(values);
        let columns = declared
            .map(|((column, literal), value)| Declaration { column: column.clone(), literal, value })
            .collect();
        let line = position(self.source.text, start).0;
        self.found.push(DeclaredRow { table: table.name.clone(), columns, key: key.to_vec(), line });
        self.starts.push(start);
        Ok(())
    }

    /// A condition that finds the row, as SQL.
    fn condition(
        &self,
        table: &Table,
        columns: &[String],
        key: &[String],
        literals: &[String],
        start: usize,
    ) -> Result<String> {
        let mut conditions = Vec::new();
        for key in key {
            let literal = columns.iter().position(|c| c == key).map_or("NULL", |at| &literals[at]);
            if literal.eq_ignore_ascii_case("NULL") {
                let what = format!("{}.{key} is of the key, and NULL finds no row again", table.name);
                return Err(self.source.error(start, &what).remedy("write its value"));
            }
            conditions.push(format!("{} = {literal}", quote(key)));
        }
        Ok(conditions.join(" AND "))
    }

    /// The line of the row that this condition finds.
    fn first_of(
        &self,
        table: &Table,
        columns: &[String],
        condition: &str,
        start: usize,
    ) -> Result<Option<usize>> {
        let list = columns.iter().map(|column| quote(column)).collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT {list} FROM {} WHERE {condition}", quote(&table.name));
        let found = || -> rusqlite::Result<Option<Vec<Value>>> {
            let mut statement = self.pristine.prepare(&sql)?;
            let mut rows = statement.query([])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            (0..columns.len()).map(|at| row.get(at)).collect::<rusqlite::Result<Vec<Value>>>().map(Some)
        };
        let wrong = |error: rusqlite::Error| {
            self.source.error(start, &sqlite_message(&error)).remedy("correct the row")
        };
        let Some(values) = found().map_err(wrong)? else { return Ok(None) };
        let is_it = |row: &&DeclaredRow| {
            row.table == table.name
                && columns.iter().zip(&values).all(|(column, value)| row.value(column) == Some(value))
        };
        Ok(self.found.iter().find(is_it).map(|row| row.line))
    }

    /// A declared row of this table that SQLite numbers, in one of these columns: its line, and the column.
    fn numbered<'c>(&self, table: &Table, columns: &'c [String]) -> Option<(usize, &'c str)> {
        let column = columns.iter().find(|column| table.rowid_alias.as_ref() == Some(&fold(column)))?;
        let is_numbered = |row: &&DeclaredRow| row.table == table.name && row.value(column).is_none();
        self.found.iter().find(is_numbered).map(|row| (row.line, column.as_str()))
    }

    /// In a database that has nothing but the declared rows, each has to find its parents.
    fn parents(&self) -> Result<()> {
        for (row, start) in self.found.iter().zip(&self.starts) {
            let Some(table) = self.schema.table(&row.table) else { continue };
            for key in &table.foreign_keys {
                let values: Option<Vec<_>> = key
                    .columns
                    .iter()
                    .map(|column| row.value(column).filter(|v| **v != Value::Null))
                    .collect();
                let parent = self.schema.table(&key.parent);
                let (Some(values), Some(parent)) = (values, parent) else { continue };
                let conditions: Vec<_> = (1..)
                    .zip(&key.parent_columns)
                    .map(|(number, column)| format!("{} = ?{number}", quote(column)))
                    .collect();
                let sql = format!(
                    "SELECT EXISTS (SELECT 1 FROM {} WHERE {})",
                    quote(&parent.name),
                    conditions.join(" AND ")
                );
                // A key that refers to no column of the parent is no matter of the row.
                if key.parent_columns.len() != values.len()
                    || key.parent_columns.iter().any(|column| parent.column(column).is_none())
                {
                    continue;
                }
                let there: bool = self
                    .pristine
                    .query_row(&sql, rusqlite::params_from_iter(values), |row| row.get(0))
                    .map_err(|error| self.source.internal(&error))?;
                if let Some((line, column)) = self.numbered(parent, &key.parent_columns) {
                    let what = format!(
                        "the row of {} refers to {}.{column}, a number that line {line} leaves to SQLite and that may be another one in each database",
                        row.table, parent.name
                    );
                    let remedy = format!("name {column} on line {line}, with the value that is meant");
                    return Err(self.source.error(*start, &what).remedy(remedy));
                }
                if !there {
                    let what = format!(
                        "the row of {} refers to a row of {} that is not declared",
                        row.table, parent.name
                    );
                    return Err(self
                        .source
                        .error(*start, &what)
                        .remedy(format!("declare that row of {}, too", parent.name)));
                }
            }
        }
        Ok(())
    }
}

/// A literal as SQL. TRUE and FALSE are what they stand for: in an UPDATE they could be names of columns.
fn written(tokens: &[Token<'_>]) -> String {
    let text = |token: &Token<'_>| match token {
        token if token.is("TRUE") => "1".to_owned(),
        token if token.is("FALSE") => "0".to_owned(),
        token => token.text.to_owned(),
    };
    tokens.iter().map(text).collect()
}
