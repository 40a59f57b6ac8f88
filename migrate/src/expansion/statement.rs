//! What a statement names, in each of the parts that SQLite copies as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::Size;
use crate::ddl::{self, ObjectKind};
use crate::token::{Kind, Token, closing, fold, is_reserved};

pub(super) struct Statement {
    /// The first is what belongs to no other.
    pub(super) parts: Vec<Part>,
    /// The parts that a folded name means: common table expressions of a statement, generated columns of a table. In which part of
    /// a statement a name counts makes no difference but for those that are given twice.
    pub(super) own: BTreeMap<String, Vec<usize>>,
}

pub(super) struct Part {
    /// Of itself, and of the generated columns that it names.
    pub(super) size: Size,
    /// What it may name of views, tables and parts, folded.
    pub(super) names: Vec<String>,
}

impl Part {
    fn new() -> Self {
        Self { size: Size::ONE, names: Vec::new() }
    }
}

impl Statement {
    /// Of any but CREATE TABLE. `columns` are generated ones, of whatever table.
    pub(super) fn of(tokens: &[Token<'_>], columns: &BTreeMap<String, Size>) -> Self {
        let expressions = expressions(tokens);
        let mut own: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, (name, _)) in expressions.iter().enumerate() {
            own.entry(fold(&tokens[*name].name())).or_default().push(index + 1);
        }
        let bodies: BTreeMap<usize, usize> =
            expressions.iter().enumerate().map(|(index, (_, open))| (*open, index + 1)).collect();
        let mut parts: Vec<_> = (0..=expressions.len()).map(|_| Part::new()).collect();
        // By depth of parentheses: the part, and whether tables are named there, one behind the other.
        let mut depths = vec![(0, false)];
        for (at, token) in tokens.iter().enumerate() {
            let (part, among) = depths.last().copied().unwrap_or_default();
            if token.is_symbol("(") {
                depths.push(bodies.get(&at).map_or((part, among), |body| (*body, false)));
            } else if token.is_symbol(")") {
                depths.pop();
            } else if let Some((_, last)) = depths.last_mut() {
                *last = begins_tables(token) || (*last && !ends_tables(token));
            }
            if names_table(tokens, at, among) {
                parts[part].names.push(fold(&token.name()));
            }
            if let Some(size) = column(token).and_then(|name| columns.get(&name)) {
                parts[part].size.add(*size);
            }
        }
        Self { parts, own }
    }

    /// Of CREATE TABLE with columns that SQLite computes wherever they are read. A STORED one is read as any other.
    pub(super) fn of_table(tokens: &[Token<'_>]) -> Option<Self> {
        let head = ddl::head(tokens).filter(|head| head.kind == ObjectKind::Table)?;
        if !tokens.get(head.body)?.is_symbol("(") {
            return None;
        }
        let body = head.body + 1..closing(tokens, head.body)?;
        let generated: Vec<_> =
            ddl::items(tokens, body.clone()).into_iter().filter_map(|item| generated(tokens, item)).collect();
        if generated.is_empty() {
            return None;
        }
        let mut own: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, (name, _)) in generated.iter().enumerate() {
            own.entry(name.clone()).or_default().push(index + 1);
        }
        let mut parts: Vec<_> = (0..=generated.len()).map(|_| Part::new()).collect();
        let mut expressions = generated.iter().map(|(_, expression)| expression).enumerate().peekable();
        for at in body {
            // What is in no expression is the table's: constraints, and each column itself, as `SELECT *` has it.
            while expressions.next_if(|(_, expression)| expression.end <= at).is_some() {}
            let inside = expressions.peek().filter(|(_, expression)| expression.contains(&at));
            let part = inside.map_or(0, |(index, _)| index + 1);
            if let Some(name) = column(&tokens[at]).filter(|name| own.contains_key(name)) {
                parts[part].names.push(name);
            }
        }
        Some(Self { parts, own })
    }
}

/// The name and the expression of a column that is generated and not STORED. SQLite takes more than [`ddl::table`] can cut.
fn generated(tokens: &[Token<'_>], item: Range<usize>) -> Option<(String, Range<usize>)> {
    let name = fold(&tokens.get(item.start)?.name());
    let (mut depth, mut expression) = (0_usize, None);
    for at in item.clone().skip(1) {
        let token = &tokens[at];
        if depth == 0 && expression.is_none() && token.is("AS") {
            expression = Some(at + 1..item.end);
        } else if depth == 0 && token.is("STORED") && expression.is_some() {
            return None;
        } else if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth = depth.saturating_sub(1);
        }
    }
    Some((name, expression?))
}

/// What may be the name of a column, folded.
fn column(token: &Token<'_>) -> Option<String> {
    let is_name = match token.kind {
        Kind::Word => !is_reserved(token.text),
        kind => matches!(kind, Kind::Quoted | Kind::DoubleQuoted),
    };
    is_name.then(|| fold(&token.name()))
}

/// `name [(columns)] AS [[NOT] MATERIALIZED] ( body )` behind WITH or behind another with a comma: where the name is, and where the body
/// opens.
fn expressions(tokens: &[Token<'_>]) -> Vec<(usize, usize)> {
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.is(word));
    let closings = closings(tokens);
    let closing = |at: usize| closings.get(at).copied().flatten();
    let (mut found, mut commas) = (Vec::new(), BTreeSet::new());
    for at in 0..tokens.len() {
        if !is(at, "WITH") && !commas.contains(&at) {
            continue;
        }
        let name = at + 1 + usize::from(is(at + 1, "RECURSIVE"));
        let after = closing(name + 1).map_or(name + 1, |end| end + 1);
        if !is(after, "AS") {
            continue;
        }
        let not = usize::from(is(after + 1, "NOT"));
        let open = after + 1 + not + usize::from(is(after + 1 + not, "MATERIALIZED"));
        if let Some(close) = closing(open) {
            found.push((name, open));
            if tokens.get(close + 1).is_some_and(|token| token.is_symbol(",")) {
                commas.insert(close + 1);
            }
        }
    }
    found
}

/// For each opening parenthesis the one that closes it: once for all, since to look from each is quadratic where they are nested.
fn closings(tokens: &[Token<'_>]) -> Vec<Option<usize>> {
    let (mut closings, mut open) = (vec![None; tokens.len()], Vec::new());
    for (at, token) in tokens.iter().enumerate() {
        if token.is_symbol("(") {
            open.push(at);
        } else if token.is_symbol(")")
            && let Some(begin) = open.pop()
        {
            closings[begin] = Some(at);
        }
    }
    closings
}

const TABLES: [&str; 4] = ["FROM", "JOIN", "INTO", "UPDATE"];

fn begins_tables(token: &Token<'_>) -> bool {
    TABLES.iter().any(|word| token.is(word))
}

fn ends_tables(token: &Token<'_>) -> bool {
    const OTHERS: [&str; 12] = [
        "SELECT",
        "WITH",
        "WHERE",
        "GROUP",
        "HAVING",
        "ORDER",
        "LIMIT",
        "UNION",
        "EXCEPT",
        "INTERSECT",
        "SET",
        "VALUES",
    ];
    OTHERS.iter().any(|word| token.is(word))
}

/// Whether a table or view may be named there: behind FROM, JOIN, IN, or a comma between tables.
fn names_table(tokens: &[Token<'_>], at: usize, among: bool) -> bool {
    let before = |back: usize| at.checked_sub(back).map(|at| &tokens[at]);
    let begins = before(1).is_some_and(|token| begins_tables(token) || token.is("IN"));
    let follows = among && before(1).is_some_and(|token| token.is_symbol(",") || token.is_symbol("("));
    let in_main = before(1).is_some_and(|token| token.is_symbol("."))
        && before(2).is_some_and(|token| token.name().eq_ignore_ascii_case("main"));
    let is_name = tokens[at].kind == Kind::Text || column(&tokens[at]).is_some();
    (begins || follows || in_main) && is_name
}
