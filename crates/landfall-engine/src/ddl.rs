//! CREATE text cut at the tokenizer's positions: what no PRAGMA tells.
//!
//! The cut is structure over the original text; nothing is ever printed back from it. `None` means that the text
//! could not be cut, and the caller compares it token by token instead.

use std::ops::Range;

use crate::token::{Kind, Token, closing};

/// The part of a CREATE statement before its body.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) kind: ObjectKind,
    pub(crate) unique: bool,
    pub(crate) temporary: bool,
    pub(crate) name: String,
    /// Index of the token after the name.
    pub(crate) body: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectKind {
    Table,
    VirtualTable,
    Index,
    View,
    Trigger,
}

/// Reads `CREATE [UNIQUE|TEMP|VIRTUAL] KIND [IF NOT EXISTS] [schema.]name`.
pub(crate) fn head(tokens: &[Token<'_>]) -> Option<Head> {
    let mut cursor = Cursor::new(tokens);
    cursor.expect("CREATE")?;
    let unique = cursor.accept("UNIQUE");
    let temporary = cursor.accept("TEMP") || cursor.accept("TEMPORARY");
    let kind = if cursor.accept("VIRTUAL") {
        cursor.expect("TABLE")?;
        ObjectKind::VirtualTable
    } else if cursor.accept("TABLE") {
        ObjectKind::Table
    } else if cursor.accept("INDEX") {
        ObjectKind::Index
    } else if cursor.accept("VIEW") {
        ObjectKind::View
    } else {
        cursor.expect("TRIGGER")?;
        ObjectKind::Trigger
    };
    let guarded = cursor.peek_is("IF") && cursor.peek_at(1).is_some_and(|t| t.is("NOT"));
    if guarded {
        cursor.at += 3;
    }
    let mut name = cursor.next()?.name();
    if cursor.accept_symbol(".") {
        name = cursor.next()?.name();
    }
    Some(Head { kind, unique, temporary, name, body: cursor.at })
}

/// A CREATE TABLE statement with a body in parentheses.
#[derive(Debug, Default)]
pub(crate) struct TableText {
    pub(crate) columns: Vec<ColumnText>,
    pub(crate) constraints: Vec<Constraint>,
    pub(crate) strict: bool,
    pub(crate) without_rowid: bool,
}

#[derive(Debug)]
pub(crate) struct ColumnText {
    pub(crate) name: String,
    pub(crate) constraints: Vec<Constraint>,
    /// Token range of the whole definition.
    pub(crate) tokens: Range<usize>,
}

/// A column or table constraint. In a column constraint `columns` are empty.
#[derive(Debug)]
pub(crate) enum Constraint {
    Null,
    NotNull {
        conflict: Option<String>,
    },
    Default {
        value: Range<usize>,
    },
    PrimaryKey {
        columns: Vec<KeyColumnText>,
        descending: bool,
        conflict: Option<String>,
        autoincrement: bool,
    },
    Unique {
        columns: Vec<KeyColumnText>,
        conflict: Option<String>,
    },
    Check {
        expression: Range<usize>,
    },
    ForeignKey(ForeignKeyText),
    Collate {
        name: String,
    },
    Generated {
        expression: Range<usize>,
        stored: bool,
    },
}

#[derive(Debug)]
pub(crate) struct KeyColumnText {
    /// Token range of the expression, without COLLATE and order.
    pub(crate) expression: Range<usize>,
    pub(crate) collation: Option<String>,
    pub(crate) descending: bool,
}

#[derive(Debug, Default)]
pub(crate) struct ForeignKeyText {
    pub(crate) columns: Vec<String>,
    pub(crate) parent: String,
    pub(crate) parent_columns: Vec<String>,
    pub(crate) on_delete: Option<String>,
    pub(crate) on_update: Option<String>,
    pub(crate) match_: Option<String>,
    /// `DEFERRABLE INITIALLY DEFERRED`: every other spelling means immediate.
    pub(crate) deferred: bool,
}

/// Cuts CREATE TABLE.
pub(crate) fn table(tokens: &[Token<'_>]) -> Option<TableText> {
    let head = head(tokens)?;
    if head.kind != ObjectKind::Table || !tokens.get(head.body)?.is_symbol("(") {
        return None;
    }
    let end = closing(tokens, head.body)?;
    let mut table = TableText::default();
    let mut constraints_begun = false;
    for item in items(tokens, head.body + 1..end) {
        constraints_begun |= tokens[item.clone()].first().is_some_and(begins_table_constraint);
        if constraints_begun {
            table_constraints(tokens, item, &mut table.constraints)?;
        } else {
            table.columns.push(column(tokens, item)?);
        }
    }
    let mut cursor = Cursor { tokens, at: end + 1 };
    while cursor.peek().is_some() {
        if cursor.accept("STRICT") {
            table.strict = true;
        } else if cursor.accept("WITHOUT") {
            cursor.expect("ROWID")?;
            table.without_rowid = true;
        } else if !cursor.accept_symbol(",") && !cursor.accept_symbol(";") {
            return None;
        }
    }
    Some(table)
}

/// The columns among the arguments of CREATE VIRTUAL TABLE, each with its token range: `name = value` is an option.
pub(crate) fn virtual_columns(tokens: &[Token<'_>]) -> Option<Vec<(String, Range<usize>)>> {
    let head = head(tokens).filter(|head| head.kind == ObjectKind::VirtualTable)?;
    let open = head.body + tokens[head.body..].iter().position(|t| t.is_symbol("("))?;
    let column = |item: Range<usize>| {
        let is_option = tokens.get(item.start + 1).is_some_and(|t| t.is_symbol("="));
        // R*Tree marks columns that are no coordinates.
        let name = tokens[item.clone()].iter().find(|t| !t.is_symbol("+"))?;
        (!is_option && !name.is("TOKENIZE")).then(|| (name.name(), item))
    };
    Some(items(tokens, open + 1..closing(tokens, open)?).into_iter().filter_map(column).collect())
}

/// What stands behind the name of CREATE INDEX.
#[derive(Debug)]
pub(crate) struct IndexText {
    pub(crate) columns: Vec<KeyColumnText>,
    /// Token range of the WHERE clause, without the word.
    pub(crate) condition: Option<Range<usize>>,
}

/// Cuts CREATE INDEX.
pub(crate) fn index(tokens: &[Token<'_>]) -> Option<IndexText> {
    let mut cursor = Cursor { tokens, at: head(tokens)?.body };
    cursor.expect("ON")?;
    cursor.next()?;
    let columns = key_columns(&mut cursor)?;
    let end = tokens.len() - usize::from(tokens.last()?.is_symbol(";"));
    let condition = cursor.accept("WHERE").then_some(cursor.at..end);
    (condition.is_some() || cursor.at == end).then_some(IndexText { columns, condition })
}

/// Ranges between the commas at depth 0.
pub(crate) fn items(tokens: &[Token<'_>], range: Range<usize>) -> Vec<Range<usize>> {
    let mut items = Vec::new();
    let (mut depth, mut start) = (0i32, range.start);
    for at in range.clone() {
        if tokens[at].is_symbol("(") {
            depth += 1;
        } else if tokens[at].is_symbol(")") {
            depth -= 1;
        } else if depth == 0 && tokens[at].is_symbol(",") {
            items.push(start..at);
            start = at + 1;
        }
    }
    items.push(start..range.end);
    items
}

fn begins_table_constraint(token: &Token<'_>) -> bool {
    ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"].iter().any(|k| token.is(k))
}

fn begins_column_constraint(cursor: &Cursor<'_, '_>) -> bool {
    const WORDS: [&str; 10] =
        ["CONSTRAINT", "DEFAULT", "NULL", "NOT", "PRIMARY", "UNIQUE", "CHECK", "REFERENCES", "COLLATE", "AS"];
    let ahead = |at: usize, word: &str| cursor.peek_at(at).is_some_and(|t| t.is(word));
    // Without AS, SQLite takes the two words for a part of the type.
    let generated = ahead(0, "GENERATED") && ahead(1, "ALWAYS") && ahead(2, "AS");
    generated || cursor.peek_is("DEFERRABLE") || WORDS.iter().any(|w| cursor.peek_is(w))
}

fn column(tokens: &[Token<'_>], item: Range<usize>) -> Option<ColumnText> {
    let mut cursor = Cursor { tokens: &tokens[..item.end], at: item.start };
    let name = cursor.next()?.name();
    // The type is left to SQLite, which says what it took for one.
    while cursor.peek().is_some() && !begins_column_constraint(&cursor) {
        if cursor.peek_symbol("(") {
            cursor.at = closing(cursor.tokens, cursor.at)? + 1;
        } else {
            cursor.at += 1;
        }
    }
    let mut constraints = Vec::new();
    while cursor.peek().is_some() {
        column_constraint(&mut cursor, &mut constraints)?;
    }
    Some(ColumnText { name, constraints, tokens: item })
}

fn column_constraint(cursor: &mut Cursor<'_, '_>, constraints: &mut Vec<Constraint>) -> Option<()> {
    if cursor.accept("CONSTRAINT") {
        cursor.next()?;
        return Some(());
    }
    if cursor.peek_is("DEFERRABLE") || (cursor.peek_is("NOT") && cursor.peek_at(1)?.is("DEFERRABLE")) {
        let deferred = deferral(cursor)?;
        let last_key = constraints.iter_mut().rev().find_map(|c| match c {
            Constraint::ForeignKey(key) => Some(key),
            _ => None,
        });
        // Without one here, it belongs to a column before: left to be compared as text.
        last_key?.deferred = deferred;
        return Some(());
    }
    let constraint = if cursor.accept("DEFAULT") {
        Constraint::Default { value: default_value(cursor)? }
    } else if cursor.accept("NULL") {
        conflict(cursor)?;
        Constraint::Null
    } else if cursor.accept("NOT") {
        cursor.expect("NULL")?;
        Constraint::NotNull { conflict: conflict(cursor)? }
    } else if cursor.accept("PRIMARY") {
        cursor.expect("KEY")?;
        let descending = order(cursor);
        let conflict = conflict(cursor)?;
        let autoincrement = cursor.accept("AUTOINCREMENT");
        Constraint::PrimaryKey { columns: Vec::new(), descending, conflict, autoincrement }
    } else if cursor.accept("UNIQUE") {
        Constraint::Unique { columns: Vec::new(), conflict: conflict(cursor)? }
    } else if cursor.accept("CHECK") {
        Constraint::Check { expression: parenthesized(cursor)? }
    } else if cursor.peek_is("REFERENCES") {
        Constraint::ForeignKey(references(cursor)?)
    } else if cursor.accept("COLLATE") {
        Constraint::Collate { name: cursor.next()?.name() }
    } else {
        if cursor.accept("GENERATED") {
            cursor.expect("ALWAYS")?;
        }
        cursor.expect("AS")?;
        let expression = parenthesized(cursor)?;
        let stored = cursor.accept("STORED");
        if !stored {
            cursor.accept("VIRTUAL");
        }
        Constraint::Generated { expression, stored }
    };
    constraints.push(constraint);
    Some(())
}

/// SQLite lets table constraints follow each other without a comma.
fn table_constraints(
    tokens: &[Token<'_>],
    item: Range<usize>,
    constraints: &mut Vec<Constraint>,
) -> Option<()> {
    let mut cursor = Cursor { tokens: &tokens[..item.end], at: item.start };
    while cursor.peek().is_some() {
        if cursor.accept("CONSTRAINT") {
            cursor.next()?;
        } else if cursor.accept("PRIMARY") {
            cursor.expect("KEY")?;
            let columns = key_columns_of_primary_key(&mut cursor)?;
            let conflict = conflict(&mut cursor)?;
            constraints.push(Constraint::PrimaryKey {
                columns: columns.0,
                descending: false,
                conflict,
                autoincrement: columns.1,
            });
        } else if cursor.accept("UNIQUE") {
            let columns = key_columns(&mut cursor)?;
            constraints.push(Constraint::Unique { columns, conflict: conflict(&mut cursor)? });
        } else if cursor.accept("CHECK") {
            constraints.push(Constraint::Check { expression: parenthesized(&mut cursor)? });
            // SQLite accepts ON CONFLICT here and gives it no meaning.
            conflict(&mut cursor)?;
        } else {
            cursor.expect("FOREIGN")?;
            cursor.expect("KEY")?;
            let columns = names(&mut cursor)?;
            let mut key = references(&mut cursor)?;
            key.columns = columns;
            if cursor.peek_is("DEFERRABLE") || cursor.peek_is("NOT") {
                key.deferred = deferral(&mut cursor)?;
            }
            constraints.push(Constraint::ForeignKey(key));
        }
    }
    Some(())
}

/// In `PRIMARY KEY (a AUTOINCREMENT)` the word belongs to the constraint.
fn key_columns_of_primary_key(cursor: &mut Cursor<'_, '_>) -> Option<(Vec<KeyColumnText>, bool)> {
    let end = closing(cursor.tokens, cursor.at)?;
    if !cursor.tokens[end - 1].is("AUTOINCREMENT") {
        return Some((key_columns(cursor)?, false));
    }
    let inside = cursor.at + 1..end - 1;
    cursor.at = end + 1;
    let columns = items(cursor.tokens, inside).into_iter().map(|i| key_column(cursor.tokens, i));
    Some((columns.collect::<Option<_>>()?, true))
}

fn key_columns(cursor: &mut Cursor<'_, '_>) -> Option<Vec<KeyColumnText>> {
    let inside = parenthesized(cursor)?;
    items(cursor.tokens, inside).into_iter().map(|i| key_column(cursor.tokens, i)).collect()
}

fn key_column(tokens: &[Token<'_>], mut item: Range<usize>) -> Option<KeyColumnText> {
    let last = tokens[item.clone()].last()?;
    let descending = last.is("DESC");
    if descending || last.is("ASC") {
        item.end -= 1;
    }
    item = inside_parentheses(tokens, item);
    let mut collation = None;
    if item.len() >= 3 && tokens[item.end - 2].is("COLLATE") && is_primary(&tokens[item.start..item.end - 2])
    {
        collation = Some(tokens[item.end - 1].name());
        item = inside_parentheses(tokens, item.start..item.end - 2);
    }
    (!item.is_empty()).then_some(KeyColumnText { expression: item, collation, descending })
}

/// Whether COLLATE after these tokens belongs to all of them: in `a || b COLLATE nocase` it is b's.
fn is_primary(tokens: &[Token<'_>]) -> bool {
    match tokens {
        [_] => true,
        [first, ..] if first.is_symbol("(") => closing(tokens, 0) == Some(tokens.len() - 1),
        [first, second, ..] if first.kind != Kind::Symbol && !first.is("NOT") && second.is_symbol("(") => {
            closing(tokens, 1) == Some(tokens.len() - 1)
        }
        _ => false,
    }
}

fn inside_parentheses(tokens: &[Token<'_>], mut range: Range<usize>) -> Range<usize> {
    while range.len() > 2
        && tokens[range.start].is_symbol("(")
        && closing(tokens, range.start) == Some(range.end - 1)
    {
        range = range.start + 1..range.end - 1;
    }
    range
}

fn names(cursor: &mut Cursor<'_, '_>) -> Option<Vec<String>> {
    let inside = parenthesized(cursor)?;
    items(cursor.tokens, inside).into_iter().map(|i| Some(cursor.tokens[i].first()?.name())).collect()
}

fn references(cursor: &mut Cursor<'_, '_>) -> Option<ForeignKeyText> {
    cursor.expect("REFERENCES")?;
    let mut key = ForeignKeyText { parent: cursor.next()?.name(), ..ForeignKeyText::default() };
    if cursor.peek_symbol("(") {
        key.parent_columns = names(cursor)?;
    }
    loop {
        if cursor.accept("MATCH") {
            key.match_ = Some(cursor.next()?.name());
        } else if cursor.accept("ON") {
            let event = cursor.next()?;
            let mut action = cursor.next()?.text.to_ascii_uppercase();
            if action == "SET" || action == "NO" {
                action = format!("{action} {}", cursor.next()?.text.to_ascii_uppercase());
            }
            if event.is("DELETE") {
                key.on_delete = Some(action);
            } else if event.is("UPDATE") {
                key.on_update = Some(action);
            }
        } else {
            return Some(key);
        }
    }
}

fn deferral(cursor: &mut Cursor<'_, '_>) -> Option<bool> {
    let not = cursor.accept("NOT");
    cursor.expect("DEFERRABLE")?;
    let mut deferred = false;
    if cursor.accept("INITIALLY") {
        deferred = cursor.next()?.is("DEFERRED");
    }
    Some(deferred && !not)
}

fn default_value(cursor: &mut Cursor<'_, '_>) -> Option<Range<usize>> {
    let start = cursor.at;
    if cursor.peek_symbol("(") {
        cursor.at = closing(cursor.tokens, start)? + 1;
    } else {
        if cursor.peek_symbol("+") || cursor.peek_symbol("-") {
            cursor.at += 1;
        }
        cursor.next()?;
    }
    Some(start..cursor.at)
}

/// The range inside the parentheses at the cursor, which moves behind them.
fn parenthesized(cursor: &mut Cursor<'_, '_>) -> Option<Range<usize>> {
    if !cursor.peek_symbol("(") {
        return None;
    }
    let end = closing(cursor.tokens, cursor.at)?;
    let inside = cursor.at + 1..end;
    cursor.at = end + 1;
    Some(inside)
}

fn order(cursor: &mut Cursor<'_, '_>) -> bool {
    if cursor.accept("DESC") {
        return true;
    }
    cursor.accept("ASC");
    false
}

/// `ON CONFLICT word`; ABORT is what SQLite does without it.
#[allow(clippy::option_option, reason = "the outer option is the parse, the inner one the clause")]
fn conflict(cursor: &mut Cursor<'_, '_>) -> Option<Option<String>> {
    if !(cursor.peek_is("ON") && cursor.peek_at(1).is_some_and(|t| t.is("CONFLICT"))) {
        return Some(None);
    }
    cursor.at += 2;
    let word = cursor.next()?.text.to_ascii_uppercase();
    Some((word != "ABORT").then_some(word))
}

struct Cursor<'t, 'a> {
    tokens: &'t [Token<'a>],
    at: usize,
}

impl<'t, 'a> Cursor<'t, 'a> {
    fn new(tokens: &'t [Token<'a>]) -> Self {
        Self { tokens, at: 0 }
    }

    fn peek(&self) -> Option<&'t Token<'a>> {
        self.tokens.get(self.at)
    }

    fn peek_at(&self, ahead: usize) -> Option<&'t Token<'a>> {
        self.tokens.get(self.at + ahead)
    }

    fn peek_is(&self, keyword: &str) -> bool {
        self.peek().is_some_and(|t| t.is(keyword))
    }

    fn peek_symbol(&self, symbol: &str) -> bool {
        self.peek().is_some_and(|t| t.is_symbol(symbol))
    }

    fn next(&mut self) -> Option<&'t Token<'a>> {
        let token = self.peek()?;
        self.at += 1;
        Some(token)
    }

    fn accept(&mut self, keyword: &str) -> bool {
        let found = self.peek_is(keyword);
        self.at += usize::from(found);
        found
    }

    fn accept_symbol(&mut self, symbol: &str) -> bool {
        let found = self.peek_symbol(symbol);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, keyword: &str) -> Option<()> {
        self.accept(keyword).then_some(())
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
        if !ends_here(statement) && tokens[at..].iter().any(|t| t.is("END")) {
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

/// Whether the semicolon after these tokens is the end of a statement, and none inside a trigger.
pub(crate) fn ends_here(statement: &[Token<'_>]) -> bool {
    !is_trigger(statement) || matches!(statement, [.., last, end] if last.is_symbol(";") && end.is("END"))
}

fn is_trigger(statement: &[Token<'_>]) -> bool {
    let at = |i: usize, word: &str| statement.get(i).is_some_and(|t| t.is(word));
    at(0, "CREATE") && (at(1, "TRIGGER") || ((at(1, "TEMP") || at(1, "TEMPORARY")) && at(2, "TRIGGER")))
}
