//! What a statement names, query by query and column by column, from its tokens and without recursion: it may be nested deeper than
//! any stack.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::ops::Range;

use super::height::Heights;
use super::size::Size;
use crate::ddl::{self, ObjectKind};
use crate::token::{Kind, Token, closing, fold, is_reserved};

#[derive(Default)]
pub(super) struct Statement {
    /// The first is the whole, those of common table expressions follow.
    pub(super) queries: Vec<Query>,
    pub(super) arms: Vec<Arm>,
    /// The queries that a folded name of a common table expression means. In which part of the statement a name counts makes no
    /// difference but for those that are given twice.
    pub(super) expressions: BTreeMap<String, Vec<usize>>,
    /// Whether the items are generated columns of CREATE TABLE, which name one another.
    pub(super) is_table: bool,
}

/// A SELECT with all that UNION and its like join to it, or whatever else a statement is.
#[derive(Default)]
pub(super) struct Query {
    pub(super) arms: Vec<usize>,
    /// The names in front of it, folded: `v (a, b) AS`.
    pub(super) columns: Vec<String>,
    /// The arm in which it is an expression: it may name the columns there.
    pub(super) outer: Option<usize>,
    /// Whether it is copied as a whole where its name is.
    pub(super) has_name: bool,
}

#[derive(Default)]
pub(super) struct Arm {
    pub(super) query: usize,
    pub(super) sources: Vec<Source>,
    /// Tables that are named without their columns, folded: `IN t`.
    pub(super) tables: Vec<String>,
    pub(super) items: Vec<Item>,
    /// What is in no item: ON, WHERE, ORDER BY.
    pub(super) rest: Said,
    has_select: bool,
}

pub(super) struct Source {
    /// Its alias or name, folded.
    pub(super) name: String,
    pub(super) of: Of,
}

pub(super) enum Of {
    /// A table, a view or a common table expression, folded.
    Name(String),
    Query(usize),
}

/// One of the columns that SELECT lists.
#[derive(Default)]
pub(super) struct Item {
    /// Folded; `None` where SQLite makes one up.
    pub(super) name: Option<String>,
    pub(super) star: Option<Star>,
    pub(super) said: Said,
}

/// `*`, or `source.*`, folded.
pub(super) struct Star(pub(super) Option<String>);

/// What an expression says.
#[derive(Default)]
pub(super) struct Said {
    pub(super) mentions: Vec<Mention>,
    pub(super) queries: Vec<usize>,
    /// Literals, operators and functions, and the generated columns that it names.
    pub(super) size: Size,
}

impl Said {
    /// One more literal, operator or function.
    fn one(&mut self) {
        self.size = self.size.and(Size { parts: 1, work: 1, ..Size::default() });
    }
}

/// A column that is named, folded.
pub(super) struct Mention {
    pub(super) source: Option<String>,
    pub(super) name: String,
}

impl Statement {
    /// `computed` are generated columns, of whatever table.
    pub(super) fn of(tokens: &[Token<'_>], computed: &BTreeMap<String, Size>) -> Self {
        Self::of_table(tokens).unwrap_or_else(|| {
            let (columns, body) = view(tokens).unwrap_or_default();
            let mut walk = Walk::new(&tokens[body..], computed);
            walk.statement.queries[0].columns = columns;
            walk.walk(0..tokens.len() - body);
            walk.end_item(tokens.len() - body);
            walk.statement
        })
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
        let computed = BTreeMap::new();
        let mut walk = Walk::new(tokens, &computed);
        walk.statement.is_table = true;
        // What is in no expression is the table's: constraints, and each column itself, as `SELECT *` has it.
        let mut rest = body.start;
        for (name, expression) in generated {
            walk.walk(rest..expression.start);
            rest = expression.end;
            walk.begin(Mode::Items, expression.start);
            walk.walk(expression.clone());
            walk.end_item(expression.end);
            if let Some(item) = walk.statement.arms[0].items.last_mut() {
                item.name = Some(name);
            }
            walk.begin(Mode::Rest, rest);
        }
        walk.walk(rest..body.end);
        walk.end_item(body.end);
        Some(walk.statement)
    }
}

/// The columns that CREATE VIEW names, and where its SELECT begins.
fn view(tokens: &[Token<'_>]) -> Option<(Vec<String>, usize)> {
    let head = ddl::head(tokens).filter(|head| head.kind == ObjectKind::View)?;
    let end = tokens.get(head.body)?.is_symbol("(").then(|| closing(tokens, head.body)).flatten();
    let columns = end.map(|end| names(&tokens[head.body..end])).unwrap_or_default();
    Some((columns, end.map_or(head.body, |end| end + 1)))
}

fn names(tokens: &[Token<'_>]) -> Vec<String> {
    tokens.iter().filter(|token| is_name(token)).map(|token| fold(&token.name())).collect()
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

/// What may be the name of a column.
fn is_column(token: &Token<'_>) -> bool {
    match token.kind {
        Kind::Word => !is_reserved(token.text),
        kind => matches!(kind, Kind::Quoted | Kind::DoubleQuoted),
    }
}

/// SQLite takes a string where it expects a name.
fn is_name(token: &Token<'_>) -> bool {
    token.kind == Kind::Text || is_column(token)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Items,
    Tables,
    Rest,
}

/// A query that is not at its end.
struct Open {
    query: usize,
    arm: usize,
    mode: Mode,
    /// The item that is not at its end, and where it begins.
    item: Item,
    start: usize,
    /// How many parentheses are open around it.
    parens: usize,
    is_source: bool,
}

#[derive(Clone, Copy)]
struct Paren {
    is_query: bool,
    is_tables: bool,
}

struct Walk<'t> {
    tokens: &'t [Token<'t>],
    computed: &'t BTreeMap<String, Size>,
    /// The queries of common table expressions, by where they open.
    bodies: BTreeMap<usize, usize>,
    statement: Statement,
    open: Vec<Open>,
    parens: Vec<Paren>,
    heights: Heights,
}

impl<'t> Walk<'t> {
    fn new(tokens: &'t [Token<'t>], computed: &'t BTreeMap<String, Size>) -> Self {
        let mut statement = Statement::default();
        let mut bodies = BTreeMap::new();
        statement.queries.push(Query { has_name: true, ..Query::default() });
        for (name, open) in expressions(tokens) {
            let query = statement.queries.len();
            bodies.insert(open, query);
            statement.expressions.entry(fold(&tokens[name].name())).or_default().push(query);
            let columns =
                if tokens[name + 1].is_symbol("(") { names(&tokens[name + 1..open]) } else { vec![] };
            statement.queries.push(Query { columns, has_name: true, ..Query::default() });
        }
        let mut walk = Self {
            tokens,
            computed,
            bodies,
            statement,
            open: Vec::new(),
            parens: Vec::new(),
            heights: Heights::new(),
        };
        walk.begin_query(0, false, 0);
        walk
    }

    fn walk(&mut self, range: Range<usize>) {
        let mut at = range.start;
        while at < range.end {
            at = self.step(at);
        }
    }

    /// Reads what is there; where the next begins.
    fn step(&mut self, at: usize) -> usize {
        let token = &self.tokens[at];
        if token.is_symbol("(") {
            self.begin_paren(at);
            at + 1
        } else if token.is_symbol(")") {
            self.end_paren(at)
        } else if self.parens.len() == self.now().parens && self.is_clause(at) {
            self.clause(at)
        } else {
            self.heights.read(token);
            self.part(at)
        }
    }

    fn now(&self) -> &Open {
        self.open.last().unwrap_or_else(|| unreachable!("the whole ends last"))
    }

    fn now_mut(&mut self) -> &mut Open {
        self.open.last_mut().unwrap_or_else(|| unreachable!("the whole ends last"))
    }

    fn before(&self, at: usize, back: usize) -> Option<&'t Token<'t>> {
        at.checked_sub(back).map(|at| &self.tokens[at])
    }

    fn follows(&self, at: usize, word: &str) -> bool {
        self.before(at, 1).is_some_and(|token| token.is(word))
    }

    fn is_symbol(&self, at: usize, symbol: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_symbol(symbol))
    }

    fn begin(&mut self, mode: Mode, start: usize) {
        let now = self.now_mut();
        (now.mode, now.start) = (mode, start);
    }

    fn begin_query(&mut self, query: usize, is_source: bool, start: usize) {
        let arm = self.begin_arm(query);
        let parens = self.parens.len();
        let item = Item::default();
        self.open.push(Open { query, arm, mode: Mode::Rest, item, start, parens, is_source });
    }

    fn begin_arm(&mut self, query: usize) -> usize {
        let arm = self.statement.arms.len();
        self.statement.arms.push(Arm { query, ..Arm::default() });
        self.statement.queries[query].arms.push(arm);
        arm
    }

    fn begin_paren(&mut self, at: usize) {
        let is_query = ["SELECT", "WITH", "VALUES"]
            .iter()
            .any(|word| self.tokens.get(at + 1).is_some_and(|next| next.is(word)));
        let is_tables = self.is_among_tables(at);
        if let Some(query) = self.bodies.get(&at).copied() {
            self.parens.push(Paren { is_query: true, is_tables: true });
            self.begin_query(query, false, at + 1);
        } else if is_query {
            let (query, arm) = (self.statement.queries.len(), self.now().arm);
            self.statement.queries.push(Query { outer: Some(arm), ..Query::default() });
            if is_tables {
                let source = Source { name: String::new(), of: Of::Query(query) };
                self.statement.arms[arm].sources.push(source);
            } else {
                self.said().queries.push(query);
            }
            self.parens.push(Paren { is_query: true, is_tables: true });
            self.begin_query(query, is_tables, at + 1);
        } else {
            self.parens.push(Paren { is_query: false, is_tables });
        }
        self.heights.begin();
    }

    fn end_paren(&mut self, at: usize) -> usize {
        let Some(paren) = self.parens.last().copied() else { return at + 1 };
        let mut next = at + 1;
        if paren.is_query {
            self.end_item(at);
            if let Some(ended) = self.open.pop_if(|open| open.is_source) {
                let arm = self.now().arm;
                let (alias, after) = self.alias(at + 1);
                next = after;
                let sources = self.statement.arms[arm].sources.iter_mut();
                let is_it = |source: &&mut Source| matches!(source.of, Of::Query(of) if of == ended.query);
                if let (Some(source), Some(alias)) = (sources.rev().find(is_it), alias) {
                    source.name = alias;
                }
            } else {
                self.open.pop();
            }
        }
        self.parens.pop();
        self.heights.end();
        next
    }

    /// What the expression that is being read says.
    fn said(&mut self) -> &mut Said {
        let (mode, arm) = (self.now().mode, self.now().arm);
        if mode == Mode::Items { &mut self.now_mut().item.said } else { &mut self.statement.arms[arm].rest }
    }

    fn is_clause(&self, at: usize) -> bool {
        let token = &self.tokens[at];
        // `IS DISTINCT FROM`
        let is_tables = token.is("FROM") && !self.follows(at, "DISTINCT");
        is_tables
            || token.is_symbol(";")
            || token.is("SELECT")
            || ends_tables(token)
            || (token.is_symbol(",") && self.now().mode == Mode::Items)
    }

    /// Between the parts of a query, outside all parentheses in it.
    fn clause(&mut self, at: usize) -> usize {
        let token = &self.tokens[at];
        self.end_item(at);
        let mut next = at + 1;
        if token.is("SELECT") {
            let now = self.now();
            let (query, arm) = (now.query, now.arm);
            if mem::replace(&mut self.statement.arms[arm].has_select, true) {
                self.now_mut().arm = self.begin_arm(query);
                let arm = self.now().arm;
                self.statement.arms[arm].has_select = true;
            }
            next += usize::from(
                self.tokens.get(next).is_some_and(|token| token.is("DISTINCT") || token.is("ALL")),
            );
            self.begin(Mode::Items, next);
        } else if token.is_symbol(",") {
            self.begin(Mode::Items, next);
        } else if token.is("FROM") {
            self.begin(Mode::Tables, next);
        } else {
            if token.is_symbol(";") {
                let query = self.now().query;
                self.now_mut().arm = self.begin_arm(query);
            }
            self.begin(Mode::Rest, next);
        }
        next
    }

    fn part(&mut self, at: usize) -> usize {
        let token = &self.tokens[at];
        if is_name(token) && self.is_table(at) {
            self.table(at)
        } else if is_column(token) {
            self.column(at)
        } else {
            let is_star = token.is_symbol("*") && self.begins_item(at);
            if is_star {
                self.now_mut().item.star = Some(Star(None));
            } else if ![",", "."].iter().any(|symbol| token.is_symbol(symbol)) {
                self.said().one();
            }
            at + 1
        }
    }

    fn begins_item(&self, at: usize) -> bool {
        let now = self.now();
        now.mode == Mode::Items && now.start == at
    }

    /// Behind FROM, JOIN, or a comma between tables, in parentheses or not.
    fn is_among_tables(&self, at: usize) -> bool {
        let in_list =
            self.parens.len() == self.now().parens || self.parens.last().is_some_and(|p| p.is_tables);
        let begins = self.before(at, 1).is_some_and(|token| {
            token.is("FROM") || token.is("JOIN") || token.is_symbol(",") || token.is_symbol("(")
        });
        self.now().mode == Mode::Tables && in_list && begins
    }

    fn is_table(&self, at: usize) -> bool {
        const OTHERWISE: [&str; 5] = ["ROLLBACK", "ABORT", "REPLACE", "FAIL", "IGNORE"];
        let is_other = OTHERWISE.iter().any(|word| self.follows(at, word));
        let update = if is_other && self.before(at, 2).is_some_and(|token| token.is("OR")) { 3 } else { 1 };
        self.is_among_tables(at)
            || ["IN", "INTO"].iter().any(|word| self.follows(at, word))
            || self.before(at, update).is_some_and(|token| token.is("UPDATE"))
    }

    /// `[schema.]name [[AS] alias]`
    fn table(&mut self, at: usize) -> usize {
        let name = if self.is_symbol(at + 1, ".") { at + 2 } else { at };
        let Some(token) = self.tokens.get(name) else { return name };
        let (table, arm) = (fold(&token.name()), self.now().arm);
        if self.follows(at, "IN") {
            self.statement.arms[arm].tables.push(table);
            return name + 1;
        }
        let (alias, next) =
            if self.is_symbol(name + 1, "(") { (None, name + 1) } else { self.alias(name + 1) };
        let name = alias.unwrap_or_else(|| table.clone());
        self.statement.arms[arm].sources.push(Source { name, of: Of::Name(table) });
        next
    }

    /// The alias that may be there, and what is behind it.
    fn alias(&self, at: usize) -> (Option<String>, usize) {
        const NONE: [&str; 10] =
            ["LEFT", "RIGHT", "FULL", "INNER", "OUTER", "CROSS", "NATURAL", "INDEXED", "WINDOW", "RETURNING"];
        let is_as = self.tokens.get(at).is_some_and(|token| token.is("AS"));
        let name = at + usize::from(is_as);
        let is_alias =
            |token: &&Token<'_>| is_name(token) && (is_as || !NONE.iter().any(|word| token.is(word)));
        match self.tokens.get(name).filter(is_alias) {
            Some(token) => (Some(fold(&token.name())), name + 1),
            None => (None, name),
        }
    }

    /// `[[schema.]source.]name`, a function, or the name that follows AS.
    fn column(&mut self, at: usize) -> usize {
        let mut last = at;
        while self.is_symbol(last + 1, ".") && self.tokens.get(last + 2).is_some_and(is_name) {
            last += 2;
        }
        if self.is_symbol(last + 1, ".") && self.is_symbol(last + 2, "*") && self.begins_item(at) {
            let star = Star(Some(fold(&self.tokens[last].name())));
            self.now_mut().item.star = Some(star);
            return last + 3;
        }
        if self.is_symbol(last + 1, "(") {
            self.said().one();
        } else if !self.follows(at, "AS") {
            let source = (last > at).then(|| fold(&self.tokens[last - 2].name()));
            let name = fold(&self.tokens[last].name());
            let computed = self.computed.get(&name).copied();
            let said = self.said();
            said.size = said.size.and(computed.unwrap_or_default());
            said.mentions.push(Mention { source, name });
        }
        last + 1
    }

    fn end_item(&mut self, end: usize) {
        let height = self.heights.ended();
        let said = self.said();
        said.size.height = said.size.height.max(height);
        let now = self.now_mut();
        if now.mode != Mode::Items {
            return;
        }
        let (start, arm) = (now.start, now.arm);
        let mut item = mem::take(&mut now.item);
        let tokens = &self.tokens[start.min(end)..end];
        let (name, is_alias) = name_of(tokens);
        if is_alias && item.said.mentions.last().is_some_and(|last| Some(&last.name) == name.as_ref()) {
            item.said.mentions.pop();
        }
        item.name = name;
        self.statement.arms[arm].items.push(item);
    }
}

/// The name of an item, folded, and whether it is an alias without AS.
fn name_of(item: &[Token<'_>]) -> (Option<String>, bool) {
    let Some((last, before)) = item.split_last().filter(|(last, _)| is_name(last)) else {
        return (None, false);
    };
    let name = Some(fold(&last.name()));
    let Some(previous) = before.last() else {
        return (name.filter(|_| is_column(last)), false);
    };
    if previous.is("AS") {
        return (name, false);
    }
    if previous.is_symbol(".") {
        let is_path = item.iter().enumerate().all(|(at, token)| at % 2 == 0 || token.is_symbol("."));
        return (name.filter(|_| is_path), false);
    }
    let is_operand = matches!(previous.kind, Kind::Number | Kind::Text | Kind::Blob)
        || previous.is_symbol(")")
        || previous.is("END")
        || previous.is("NULL")
        || is_column(previous);
    (name.filter(|_| is_operand), is_operand)
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

fn ends_tables(token: &Token<'_>) -> bool {
    const OTHERS: [&str; 11] = [
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
