//! A schema, read from a database.
//!
//! Structure comes from the CREATE text ([`crate::ddl`]); SQLite's own PRAGMAs check it. Where the two disagree, or the text
//! cannot be cut, the object is *opaque*: compared token by token, never dropped silently.

mod beside;
mod body;
mod facts;
pub(crate) mod model;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::iter;

use rusqlite::{Connection, Transaction, params_from_iter};

use self::beside::{same_beyond_text, same_rows};
use self::body::Columns;
use self::facts::{ColumnFacts, ListFacts, TableFacts};
pub(crate) use self::model::{
    Affinity, Column, ForeignKey, Generated, Index, Key, KeyColumn, ROWID_NAMES, Row, Schema, Table, Trigger,
    UniqueColumns, View, VirtualTable, is_rowid_name,
};
use crate::answer::or_refusal;
use crate::ddl::{self, Constraint, KeyColumnText};
use crate::error::{Error, ErrorKind};
use crate::expansion::{self, Views};
use crate::token::{self, Scope, Token, canonical, canonical_name, fold, verbatim, without_parentheses};
use crate::unregistered;
use crate::virtual_table::Content;

/// Reads `main` of a connection. Tables that match `ignore`, with their indexes and triggers, are not seen.
pub(crate) fn read(conn: &Connection, ignore: &[String]) -> rusqlite::Result<Schema> {
    let _snapshot = snapshot(conn)?;
    let list = list(conn)?;
    let rows = rows(conn, ignore, &list)?;
    Reading::of(conn, &list).read(rows)
}

/// As [`read`], without what belongs to virtual tables whose modules are not here, as far as `declared` has nothing of it.
pub(crate) fn read_for(conn: &Connection, ignore: &[String], declared: &Schema) -> rusqlite::Result<Schema> {
    let _snapshot = snapshot(conn)?;
    let list = list(conn)?;
    let mut rows = rows(conn, ignore, &list)?;
    leave_parts(conn, &mut rows, &list, declared)?;
    Reading::of(conn, &list).read(rows)
}

/// As [`read`], of a database that most likely is as `known`: where all texts are the same, nothing is asked twice.
///
/// One text means one thing: SQLite keeps nothing of a table, index, view or trigger but its text, and makes all that PRAGMAs tell out of
/// it whenever the database is opened. What else they depend on is looked at: [`same_beyond_text`]. Tables that are ignored are in
/// neither; a view over one may have no columns in what is known, and is what it is declared to be nevertheless.
pub(crate) fn read_beside(conn: &Connection, ignore: &[String], known: &Schema) -> rusqlite::Result<Schema> {
    let _snapshot = snapshot(conn)?;
    let list = list(conn)?;
    let mut rows = rows(conn, ignore, &list)?;
    leave_parts(conn, &mut rows, &list, known)?;
    if same_rows(&rows, &known.rows) && same_beyond_text(conn, known)? {
        return Ok(Schema { rows, ..known.clone() });
    }
    Reading::of(conn, &list).read(rows)
}

/// Takes out the tables `v_…` that nobody declares beside a virtual table `v` whose module is not here: it may keep its content there,
/// and only the module knows.
fn leave_parts(
    conn: &Connection,
    rows: &mut Vec<Row>,
    list: &HashMap<String, ListFacts>,
    declared: &Schema,
) -> rusqlite::Result<()> {
    let mut beginnings = Vec::new();
    for name in list.iter().filter(|(_, fact)| fact.kind == "virtual").map(|(name, _)| name) {
        match facts::columns_if_here(conn, name)? {
            // Of another one SQLite knows which tables are parts of it.
            Err(words) if unregistered::tokenizer_of(&words).is_none() => beginnings.push(format!("{name}_")),
            _ => {}
        }
    }
    rows.retain(|row| {
        let table = fold(&row.table);
        let is_ordinary = list.get(&table).is_some_and(|fact| fact.kind == "table");
        let is_part = is_ordinary && beginnings.iter().any(|beginning| table.starts_with(beginning));
        !is_part || declared.table(&table).is_some()
    });
    Ok(())
}

/// What SQLite tells of all tables, for which it looks at every view.
fn list(conn: &Connection) -> rusqlite::Result<HashMap<String, ListFacts>> {
    stoppable(&all_rows(conn)?)?;
    facts::list(conn)
}

/// Fails where SQLite cannot compute a table or an index in any time. Whoever copies or checks all of a database has it compute them,
/// and neither views nor triggers.
pub(crate) fn computable(conn: &Connection) -> rusqlite::Result<()> {
    let mut rows = all_rows(conn)?;
    rows.retain(|row| matches!(row.kind.as_str(), "table" | "index"));
    stoppable(&rows)
}

fn stoppable(rows: &[Row]) -> rusqlite::Result<()> {
    endless(rows).map_or(Ok(()), |error| Err(rusqlite::Error::UserFunctionError(error.into())))
}

/// The first object that SQLite cannot use in any time, and cannot be stopped from using.
fn endless(rows: &[Row]) -> Option<Error> {
    let views = Views::of_rows(rows);
    let mut uses = rows.iter().filter(|row| views.concern(&row.kind));
    uses.find_map(|row| {
        let tokens = token::tokenize(&row.sql).unwrap_or_default();
        let message = expansion::message(&row.kind, &row.name, views.excess(&tokens)?);
        Some(
            Error::new(ErrorKind::Database, &row.name, message)
                .unchanged()
                .remedy(format!("take it out first: {}", taken_out(row, &tokens))),
        )
    })
}

/// The statements without which SQLite can use the rest: no table goes, which has rows, and generated columns have none.
fn taken_out(row: &Row, tokens: &[Token<'_>]) -> String {
    let name = token::quote(&row.name);
    if row.kind != "table" {
        return format!("DROP {} {name}", row.kind.to_uppercase());
    }
    let columns = expansion::too_many_columns(tokens).into_iter();
    let drops = columns.map(|column| format!("ALTER TABLE {name} DROP COLUMN {}", token::quote(&column)));
    drops.collect::<Vec<_>>().join("; ")
}

/// One look for all statements: another connection's change in between would be a schema that never was, and each would lock anew.
pub(crate) fn snapshot(conn: &Connection) -> rusqlite::Result<Option<Transaction<'_>>> {
    conn.is_autocommit().then(|| conn.unchecked_transaction()).transpose()
}

/// What `sqlite_schema` has, without what is not seen.
fn rows(
    conn: &Connection,
    ignore: &[String],
    list: &HashMap<String, ListFacts>,
) -> rusqlite::Result<Vec<Row>> {
    let mut rows = visible_rows(conn, ignore)?;
    rows.retain(|row| list.get(&fold(&row.table)).is_none_or(|fact| fact.kind != "shadow"));
    Ok(rows)
}

/// What `sqlite_schema` has, without ignored tables, but with the shadow tables of virtual ones.
pub(crate) fn visible_rows(conn: &Connection, ignore: &[String]) -> rusqlite::Result<Vec<Row>> {
    let mut rows = all_rows(conn)?;
    let ignored = ignored_tables(conn, ignore, &rows)?;
    // By the table alone: a trigger may be called like a table that is not seen.
    rows.retain(|row| {
        let table = fold(&row.table);
        !table.starts_with("sqlite_") && !ignored.contains(&table)
    });
    Ok(rows)
}

fn all_rows(conn: &Connection) -> rusqlite::Result<Vec<Row>> {
    let mut statement = conn.prepare(
        "SELECT type, name, tbl_name, sql FROM main.sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Row { kind: row.get(0)?, name: row.get(1)?, table: row.get(2)?, sql: row.get(3)? })
    })?;
    rows.collect()
}

/// SQLite is asked only for patterns that begin as a table does: to match all against all takes longer than to read the rows.
fn ignored_tables(conn: &Connection, ignore: &[String], rows: &[Row]) -> rusqlite::Result<HashSet<String>> {
    let tables = || rows.iter().filter(|row| row.kind == "table");
    let begins = |pattern: &str| tables().any(|row| begins_as(&row.name, pattern));
    let patterns: Vec<_> = ignore.iter().filter(|pattern| begins(pattern)).collect();
    if patterns.is_empty() {
        return Ok(HashSet::new());
    }
    Ok(matching_tables(conn, &patterns)?.iter().map(|name| fold(name)).collect())
}

/// Whether a name has what a GLOB pattern has before its first wildcard, letter case aside: without that it cannot match.
fn begins_as(name: &str, pattern: &str) -> bool {
    let literal = pattern.split(['*', '?', '[']).next().unwrap_or_default();
    name.as_bytes().get(..literal.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(literal.as_bytes()))
}

/// The tables whose names match one of the GLOB patterns, letter case aside.
pub(crate) fn matching_tables(conn: &Connection, patterns: &[&String]) -> rusqlite::Result<Vec<String>> {
    let matches = iter::once("FALSE").chain(patterns.iter().map(|_| "lower(name) GLOB lower(?)"));
    let matches = matches.collect::<Vec<_>>().join(" OR ");
    let mut statement = conn.prepare_cached(&format!(
        "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND ({matches})"
    ))?;
    let names = statement.query_map(params_from_iter(patterns), |row| row.get(0))?;
    names.collect()
}

/// A schema on its way from `sqlite_schema`.
struct Reading<'c> {
    conn: &'c Connection,
    list: &'c HashMap<String, ListFacts>,
    /// What SQLite says of ordinary tables, by folded name.
    tables: HashMap<String, TableFacts>,
    columns: Columns,
    schema: Schema,
}

impl<'c> Reading<'c> {
    fn of(conn: &'c Connection, list: &'c HashMap<String, ListFacts>) -> Self {
        Self { conn, list, tables: HashMap::new(), columns: Columns::new(), schema: Schema::default() }
    }

    fn read(mut self, rows: Vec<Row>) -> rusqlite::Result<Schema> {
        for row in &rows {
            self.look_at(row)?;
        }
        // Only now: a view or trigger may read a table that comes later.
        for row in &rows {
            self.object(row)?;
        }
        self.schema.rows = rows;
        resolve_parents(&mut self.schema);
        Ok(self.schema)
    }

    fn look_at(&mut self, row: &Row) -> rusqlite::Result<()> {
        let key = fold(&row.name);
        let folded = |columns: &[ColumnFacts]| columns.iter().map(|c| fold(&c.name)).collect();
        let columns = match (row.kind.as_str(), self.list.get(&key)) {
            ("table", Some(fact)) if fact.kind == "table" => {
                let facts = TableFacts::read(self.conn, &row.name, fact)?;
                let names = folded(&facts.columns);
                self.tables.insert(key.clone(), facts);
                names
            }
            ("table", _) => match facts::columns_if_here(self.conn, &row.name)? {
                Ok(columns) => folded(&columns),
                Err(_) => HashSet::new(),
            },
            // A view may be there that cannot be read: then nothing is known of its columns.
            ("view", _) => match or_refusal(facts::columns(self.conn, &row.name))? {
                Ok(columns) => folded(&columns),
                Err(_) => HashSet::new(),
            },
            _ => return Ok(()),
        };
        self.columns.insert(key, columns);
        Ok(())
    }

    fn object(&mut self, row: &Row) -> rusqlite::Result<()> {
        let (name, table, sql) = (row.name.clone(), row.table.clone(), row.sql.clone());
        let tokens = token::tokenize(&row.sql).unwrap_or_default();
        match row.kind.as_str() {
            "index" => {
                let index = self.index(row, &tokens)?;
                self.schema.indexes.push(index);
            }
            "view" => {
                let body = body_of(row, &tokens, |tokens| body::view(tokens, &self.columns));
                self.schema.views.push(View { name, sql, body });
            }
            "trigger" => {
                let body = body_of(row, &tokens, |tokens| body::trigger(tokens, &self.columns));
                self.schema.triggers.push(Trigger { name, table, sql, body });
            }
            _ => match self.tables.get(&fold(&row.name)) {
                Some(facts) => self.schema.tables.push(read_table(row, &tokens, facts)),
                None => {
                    let table = self.virtual_table(row, &tokens)?;
                    self.schema.virtual_tables.push(table);
                }
            },
        }
        Ok(())
    }

    fn virtual_table(&self, row: &Row, tokens: &[Token<'_>]) -> rusqlite::Result<VirtualTable> {
        let (lacks, is_foreign) = match facts::columns_if_here(self.conn, &row.name)? {
            Ok(_) => (facts::tokenizer_lacking(self.conn, row)?, false),
            Err(words) => (Some(words), true),
        };
        let mut table = VirtualTable {
            name: row.name.clone(),
            sql: row.sql.clone(),
            body: body_of(row, tokens, |tokens| body::virtual_table(&row.sql, tokens)),
            columns: Vec::new(),
            rows: None,
            lacks,
            is_foreign,
        };
        if table.is_foreign {
            return Ok(table);
        }
        let facts = facts::writable_columns(self.conn, &table)?;
        table.columns = facts.iter().map(|fact| fact.name.clone()).collect();
        table.rows = rows_of(&table, row, &facts);
        Ok(table)
    }

    fn index(&self, row: &Row, tokens: &[Token<'_>]) -> rusqlite::Result<Index> {
        let mut index = Index {
            name: row.name.clone(),
            table: row.table.clone(),
            sql: row.sql.clone(),
            unique: ddl::head(tokens).is_some_and(|h| h.unique),
            columns: Vec::new(),
            condition: None,
            opaque: None,
        };
        let none = HashSet::new();
        let names = self.columns.get(&fold(&row.table)).unwrap_or(&none);
        let facts = facts::index_columns(self.conn, &row.name)?;
        let cut = ddl::index(tokens).map(|cut| {
            let mut columns: Vec<_> = cut.columns.iter().map(|c| key_column(c, tokens, names)).collect();
            for (key, fact) in columns.iter_mut().zip(&facts).filter(|(key, _)| key.collation.is_empty()) {
                key.collation.clone_from(&fact.collation);
            }
            let condition = |range| canonical(without_parentheses(&tokens[range]), Scope::Exactly(names));
            (columns, cut.condition.map(condition))
        });
        match cut.filter(|(columns, _)| facts::agree_on_index(&facts, columns)) {
            Some((columns, condition)) => (index.columns, index.condition) = (columns, condition),
            None => index.opaque = Some(body_of(row, tokens, verbatim)),
        }
        Ok(index)
    }
}

/// The tokens behind the object's name, in a canonical spelling; the whole text where even that cannot be found.
fn body_of(row: &Row, tokens: &[Token<'_>], spelling: impl FnOnce(&[Token<'_>]) -> String) -> String {
    match ddl::head(tokens) {
        Some(head) => spelling(without_semicolon(&tokens[head.body..])),
        None => row.sql.clone(),
    }
}

fn without_semicolon<'t, 'a>(tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    match tokens.split_last() {
        Some((last, rest)) if last.is_symbol(";") => rest,
        _ => tokens,
    }
}

fn read_table(row: &Row, tokens: &[Token<'_>], facts: &TableFacts) -> Table {
    let cut = ddl::table(tokens).filter(|text| text.columns.len() == facts.columns.len());
    let table = cut.map(|text| {
        let names = facts.columns.iter().map(|c| fold(&c.name)).collect();
        let mut reader = Reader { tokens, sql: &row.sql, names, table: empty_table(row) };
        reader.read(&text, facts);
        reader.table
    });
    table.filter(|table| facts.agree(table)).unwrap_or_else(|| opaque_table(row, tokens, facts))
}

fn empty_table(row: &Row) -> Table {
    Table {
        name: row.name.clone(),
        sql: row.sql.clone(),
        columns: Vec::new(),
        primary_key: None,
        rowid_alias: None,
        autoincrement: false,
        uniques: BTreeSet::new(),
        checks: BTreeSet::new(),
        foreign_keys: BTreeSet::new(),
        strict: false,
        without_rowid: false,
        opaque: None,
    }
}

/// A virtual table with rows of its own as the table that they would be.
fn rows_of(table: &VirtualTable, row: &Row, columns: &[ColumnFacts]) -> Option<Table> {
    let key = match table.content() {
        Content::Own => None,
        Content::Boxes(_) => Some(fold(&columns.first()?.name)),
        Content::In(_) | Content::Nowhere | Content::Unknown => return None,
    };
    let columns = columns.iter().map(|fact| Column { not_null: None, default: None, ..opaque_column(fact) });
    Some(Table { columns: columns.collect(), rowid_alias: key, ..empty_table(row) })
}

fn opaque_table(row: &Row, tokens: &[Token<'_>], facts: &TableFacts) -> Table {
    Table {
        columns: facts.columns.iter().map(opaque_column).collect(),
        primary_key: facts.primary_key(),
        rowid_alias: facts.rowid_alias(),
        autoincrement: tokens.iter().any(|t| t.is("AUTOINCREMENT")),
        uniques: facts.uniques(),
        strict: facts.strict,
        without_rowid: facts.without_rowid,
        opaque: Some(body_of(row, tokens, verbatim)),
        ..empty_table(row)
    }
}

fn opaque_column(fact: &ColumnFacts) -> Column {
    Column {
        name: fact.name.clone(),
        type_: token::canonical_type(&fact.type_),
        not_null: fact.not_null.then(String::new),
        default: fact.default.clone(),
        collation: "binary".to_owned(),
        generated: (fact.hidden >= 2)
            .then(|| Generated { expression: String::new(), stored: fact.hidden == 3 }),
        text: String::new(),
        has_check: false,
    }
}

struct Reader<'r, 'a> {
    tokens: &'r [Token<'a>],
    sql: &'r str,
    /// The folded names of the table's columns.
    names: HashSet<String>,
    table: Table,
}

impl Reader<'_, '_> {
    fn read(&mut self, text: &ddl::TableText, facts: &TableFacts) {
        self.table.strict = text.strict;
        self.table.without_rowid = text.without_rowid;
        for (column, fact) in text.columns.iter().zip(&facts.columns) {
            self.column(column, fact);
        }
        for column in &text.columns {
            for constraint in &column.constraints {
                self.constraint(constraint, Some(column));
            }
        }
        for constraint in &text.constraints {
            self.constraint(constraint, None);
        }
        self.imply_not_null();
        resolve_collations(&mut self.table);
    }

    fn canonical(&self, range: std::ops::Range<usize>) -> String {
        canonical(without_parentheses(&self.tokens[range]), Scope::Exactly(&self.names))
    }

    fn check(&self, range: std::ops::Range<usize>) -> String {
        canonical(without_parentheses(&self.tokens[range]), Scope::Exactly(&with_rowid(self.names.clone())))
    }

    fn column(&mut self, text: &ddl::ColumnText, fact: &ColumnFacts) {
        let span = self.tokens[text.tokens.start].start..self.tokens[text.tokens.end - 1].end();
        let mut column = Column {
            name: text.name.clone(),
            type_: token::canonical_type(&fact.type_),
            not_null: None,
            default: None,
            collation: "binary".to_owned(),
            generated: None,
            text: self.sql[span].to_owned(),
            has_check: false,
        };
        for constraint in &text.constraints {
            match constraint {
                Constraint::NotNull { conflict } => {
                    column.not_null = Some(conflict.clone().unwrap_or_default());
                }
                Constraint::Default { value } => {
                    column.default = Some(token::canonical_default(&self.tokens[value.clone()]));
                }
                Constraint::Collate { name } => column.collation = fold(name),
                Constraint::Generated { expression, stored } => {
                    let expression = self.canonical(expression.clone());
                    column.generated = Some(Generated { expression, stored: *stored });
                }
                Constraint::Check { .. } => column.has_check = true,
                _ => {}
            }
        }
        self.table.columns.push(column);
    }

    /// Constraints that mean the same inline and at table level.
    fn constraint(&mut self, constraint: &Constraint, column: Option<&ddl::ColumnText>) {
        match constraint {
            Constraint::PrimaryKey { columns, descending, conflict, autoincrement } => {
                let mut key = self.key(columns, column, *descending, conflict.as_ref());
                self.table.autoincrement |= *autoincrement;
                self.table.rowid_alias = self.rowid_alias(&key, column.is_some());
                if let Some(alias) = &self.table.rowid_alias {
                    key.columns = vec![facts::rowid_column(alias)];
                }
                self.table.primary_key = Some(key);
            }
            Constraint::Unique { columns, conflict } => {
                let key = self.key(columns, column, false, conflict.as_ref());
                self.table.uniques.insert(key);
            }
            Constraint::Check { expression } => {
                let expression = self.check(expression.clone());
                self.table.checks.insert(expression);
            }
            Constraint::ForeignKey(text) => {
                let columns = match column {
                    Some(column) => vec![fold(&column.name)],
                    None => text.columns.iter().map(|c| fold(c)).collect(),
                };
                self.table.foreign_keys.insert(ForeignKey {
                    columns,
                    parent: fold(&text.parent),
                    parent_columns: text.parent_columns.iter().map(|c| fold(c)).collect(),
                    on_delete: text.on_delete.clone().unwrap_or_else(|| "NO ACTION".to_owned()),
                    on_update: text.on_update.clone().unwrap_or_else(|| "NO ACTION".to_owned()),
                    // SQLite parses MATCH and enforces MATCH SIMPLE whatever it says.
                    match_: text.match_.as_ref().map_or_else(String::new, |m| fold(m)),
                    deferred: text.deferred,
                });
            }
            _ => {}
        }
    }

    fn key(
        &self,
        columns: &[KeyColumnText],
        column: Option<&ddl::ColumnText>,
        descending: bool,
        conflict: Option<&String>,
    ) -> Key {
        let columns = match column {
            Some(column) => vec![KeyColumn {
                expression: canonical_name(&column.name),
                collation: String::new(),
                descending,
            }],
            None => columns.iter().map(|c| key_column(c, self.tokens, &self.names)).collect(),
        };
        Key { columns, conflict: conflict.cloned().unwrap_or_default() }
    }

    /// `INTEGER PRIMARY KEY DESC` on the column is no alias, `PRIMARY KEY (c DESC)` is: a documented quirk
    /// (<https://www.sqlite.org/lang_createtable.html#rowids_and_the_integer_primary_key>).
    fn rowid_alias(&self, key: &Key, inline: bool) -> Option<String> {
        let [only] = key.columns.as_slice() else { return None };
        let column = self.table.columns.iter().find(|c| canonical_name(&c.name) == only.expression)?;
        let alias = column.type_ == "integer" && !self.table.without_rowid && !(inline && only.descending);
        alias.then(|| fold(&column.name))
    }

    /// Primary key columns of WITHOUT ROWID and STRICT tables are NOT NULL whether that is written or not, but for the rowid.
    fn imply_not_null(&mut self) {
        let implied = (self.table.without_rowid || self.table.strict) && self.table.rowid_alias.is_none();
        let Some(key) = self.table.primary_key.as_ref().filter(|_| implied) else { return };
        for column in &mut self.table.columns {
            let in_key = key.columns.iter().any(|k| k.expression == canonical_name(&column.name));
            if in_key && column.not_null.is_none() {
                column.not_null = Some(String::new());
            }
        }
    }
}

/// The canonical spelling of an expression over the rows of a table.
pub(crate) fn canonical_in(text: &str, table: &Table) -> String {
    let tokens = token::tokenize(text).unwrap_or_default();
    let names = table.columns.iter().map(|c| fold(&c.name)).collect();
    canonical(without_parentheses(&tokens), Scope::Exactly(&with_rowid(names)))
}

/// Other than everywhere else in a table, in a CHECK the rowid is in scope.
fn with_rowid(mut names: HashSet<String>) -> HashSet<String> {
    names.extend(ROWID_NAMES.map(str::to_owned));
    names
}

/// The columns and expressions of a key as a list, without collations and order.
pub(crate) fn as_columns(columns: &[KeyColumn]) -> String {
    columns.iter().map(|c| c.expression.as_str()).collect::<Vec<_>>().join(", ")
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// `names` are the folded names of the table's columns.
fn key_column(text: &KeyColumnText, tokens: &[Token<'_>], names: &HashSet<String>) -> KeyColumn {
    let expression = without_parentheses(&tokens[text.expression.clone()]);
    let expression = match expression {
        // In a key, a name in single quotes is a name too.
        [only] if only.kind != token::Kind::Blob && names.contains(&fold(&only.name())) => {
            canonical_name(&only.name())
        }
        _ => canonical(expression, Scope::Exactly(names)),
    };
    KeyColumn {
        expression,
        collation: text.collation.as_ref().map_or_else(String::new, |c| fold(c)),
        descending: text.descending,
    }
}

/// A key column without COLLATE compares by the collation of its column.
fn resolve_collations(table: &mut Table) {
    let columns = &table.columns;
    let resolved = |mut key: Key| {
        for part in key.columns.iter_mut().filter(|part| part.collation.is_empty()) {
            let column = columns.iter().find(|c| canonical_name(&c.name) == part.expression);
            part.collation = column.map_or_else(|| "binary".to_owned(), |c| c.collation.clone());
        }
        key
    };
    table.primary_key = table.primary_key.take().map(resolved);
    table.uniques = std::mem::take(&mut table.uniques).into_iter().map(resolved).collect();
}

/// `REFERENCES p` means p's primary key.
fn resolve_parents(schema: &mut Schema) {
    let keys: HashMap<String, Vec<String>> = schema
        .tables
        .iter()
        .filter_map(|t| {
            let key = t.primary_key.as_ref()?.columns.iter();
            let column =
                |part: &KeyColumn| t.columns.iter().find(|c| canonical_name(&c.name) == part.expression);
            let columns = key.map(|part| column(part).map(|c| fold(&c.name)));
            Some((fold(&t.name), columns.collect::<Option<_>>()?))
        })
        .collect();
    for table in &mut schema.tables {
        table.foreign_keys = std::mem::take(&mut table.foreign_keys)
            .into_iter()
            .map(|mut key| {
                if key.parent_columns.is_empty() {
                    key.parent_columns = keys.get(&key.parent).cloned().unwrap_or_default();
                }
                key
            })
            .collect();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod oracle;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn whatever_matches_a_pattern_begins_as_it_does() {
        const NAMES: [&str; 9] =
            ["", "t", "Temp_a", "temp*", "[t]", "ätemp_a", "TEMP_ä", "_litestream_seq", "a?b"];
        const PATTERNS: [&str; 12] = [
            "",
            "*",
            "?",
            "t*",
            "TEMP_?",
            "temp[_*]*",
            "[[]t]",
            "*a",
            "ä*",
            "temp_[^a]",
            "_Litestream_*",
            "a?b",
        ];
        let conn = Connection::open_in_memory().unwrap();
        let mut matches = 0;
        for (name, pattern) in NAMES.iter().flat_map(|name| PATTERNS.map(|pattern| (*name, pattern))) {
            let sql = "SELECT lower(?1) GLOB lower(?2)";
            let is_match: bool = conn.query_row(sql, [name, pattern], |row| row.get(0)).unwrap();
            assert!(!is_match || begins_as(name, pattern), "{name} {pattern}");
            matches += u32::from(is_match);
        }
        assert_eq!(matches, 27);
        assert!(!begins_as("users", "_litestream_*") && !begins_as("t", "temp_a"));
    }
}
