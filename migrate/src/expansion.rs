//! How often SQLite copies views and common table expressions into a statement that names them: once for each mention, and for each
//! mention in those again. Views that name the one before twice are twice as many with each.
//!
//! It does so before it compiles anything, and listens to nobody meanwhile (no progress handler, no authorizer, no interrupt; 16 such
//! views took 6 s, 40 minutes), so that it has to be known beforehand.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::ops::Range;

use crate::ddl::{self, ObjectKind};
use crate::object::written;
use crate::schema::Row;
use crate::token::{Kind, Token, closing, fold, is_reserved, tokenize};

/// What is told of a view or trigger that takes too many.
pub(crate) fn told(kind: &str, name: &str, copies: u64) -> String {
    let name = written(name);
    format!(
        "{kind} {name} cannot be used: SQLite would copy what it names {copies} times over, which nobody can stop"
    )
}

/// Copies that a statement may take: some tenths of a second.
const LIMIT: u64 = 10_000;

/// The views of a schema.
#[derive(Default)]
pub(crate) struct Views {
    /// What each copies into a statement that names it, by folded name.
    copies: BTreeMap<String, u64>,
}

impl Views {
    /// Of statements as tokens, in whatever order.
    pub(crate) fn of(statements: &[&[Token<'_>]]) -> Self {
        let views = statements.iter().filter_map(|statement| {
            let head = ddl::head(statement).filter(|head| head.kind == ObjectKind::View)?;
            Some((fold(&head.name), &statement[head.body..]))
        });
        let mut count = Count { views: views.collect(), ..Count::default() };
        let names: Vec<_> = count.views.keys().cloned().collect();
        Self { copies: names.into_iter().map(|name| (name.clone(), count.of_view(&name))).collect() }
    }

    /// Of the statements of a live schema.
    pub(crate) fn of_rows<'r>(rows: impl IntoIterator<Item = &'r Row>) -> Self {
        let views = rows.into_iter().filter(|row| row.kind == "view");
        let tokens: Vec<_> = views.map(|row| tokenize(&row.sql).unwrap_or_default()).collect();
        Self::of(&tokens.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    /// Whether SQLite would copy so often for this statement that nobody could stop it: how often.
    pub(crate) fn excess(&self, statement: &[Token<'_>]) -> Option<u64> {
        Some(self.copies(statement)).filter(|copies| *copies > LIMIT)
    }

    fn copies(&self, statement: &[Token<'_>]) -> u64 {
        Count { known: self.copies.clone(), ..Count::default() }.of_statement(statement)
    }
}

#[derive(Default)]
struct Count<'t, 'a> {
    views: BTreeMap<String, &'t [Token<'a>]>,
    known: BTreeMap<String, u64>,
    /// Views that name themselves, which SQLite refuses.
    under_way: BTreeSet<String>,
}

/// The common table expressions of one statement, by folded name. In which part of it a name counts makes no difference but for
/// those that are given twice.
struct Expressions {
    bodies: BTreeMap<String, Vec<Range<usize>>>,
    known: BTreeMap<String, u64>,
    /// One that names itself is taken once.
    under_way: BTreeSet<String>,
}

impl<'t, 'a> Count<'t, 'a> {
    fn of_view(&mut self, name: &str) -> u64 {
        if let Some(known) = self.known.get(name) {
            return *known;
        }
        let Some(body) = self.views.get(name).copied() else { return 0 };
        if !self.under_way.insert(name.to_owned()) {
            return 0;
        }
        let copies = self.of_statement(body);
        self.under_way.remove(name);
        self.known.insert(name.to_owned(), copies);
        copies
    }

    /// Itself counted once.
    fn of_statement(&mut self, tokens: &[Token<'_>]) -> u64 {
        let mut found = Expressions::of(tokens);
        self.of_part(tokens, 0..tokens.len(), &mut found)
    }

    fn of_part(&mut self, tokens: &[Token<'_>], part: Range<usize>, found: &mut Expressions) -> u64 {
        let own = expressions(tokens, part.clone());
        let inside = |at: &usize| own.iter().any(|(_, body)| body.contains(at));
        let named = mentions(tokens, part).into_iter().filter(|at| !inside(at));
        named.fold(1, |sum: u64, at| {
            sum.saturating_add(self.of_name(tokens, &fold(&tokens[at].name()), found))
        })
    }

    fn of_name(&mut self, tokens: &[Token<'_>], name: &str, found: &mut Expressions) -> u64 {
        let Some(bodies) = found.bodies.get(name).cloned() else { return self.of_view(name) };
        if let Some(known) = found.known.get(name) {
            return *known;
        }
        if !found.under_way.insert(name.to_owned()) {
            return 0;
        }
        let each = bodies.into_iter();
        let copies = each.fold(0, |sum: u64, body| sum.saturating_add(self.of_part(tokens, body, found)));
        found.under_way.remove(name);
        found.known.insert(name.to_owned(), copies);
        copies
    }
}

impl Expressions {
    fn of(tokens: &[Token<'_>]) -> Self {
        let mut bodies: BTreeMap<String, Vec<Range<usize>>> = BTreeMap::new();
        let mut parts: Vec<_> = iter::once(0..tokens.len()).collect();
        while let Some(part) = parts.pop() {
            for (name, body) in expressions(tokens, part) {
                bodies.entry(fold(&tokens[name].name())).or_default().push(body.clone());
                parts.push(body);
            }
        }
        Self { bodies, known: BTreeMap::new(), under_way: BTreeSet::new() }
    }
}

/// `name [(columns)] AS [[NOT] MATERIALIZED] ( body )` in a part of a statement, outside all others: where the name is, and the body.
fn expressions(tokens: &[Token<'_>], part: Range<usize>) -> Vec<(usize, Range<usize>)> {
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.is(word));
    let opens = |at: usize| tokens.get(at).is_some_and(|token| token.is_symbol("("));
    let (mut found, mut at) = (Vec::new(), part.start);
    let mut begins = false;
    while at < part.end {
        // Behind WITH, and behind the comma that follows another.
        begins |= is(at, "WITH");
        let name = at + 1 + usize::from(is(at + 1, "RECURSIVE"));
        let columns =
            if opens(name + 1) { closing(tokens, name + 1).map(|end| end + 1) } else { Some(name + 1) };
        let body = columns.filter(|at| begins && is(*at, "AS")).map(|at| {
            let not = usize::from(is(at + 1, "NOT"));
            at + 1 + not + usize::from(is(at + 1 + not, "MATERIALIZED"))
        });
        match body.filter(|at| opens(*at)).and_then(|open| Some((open, closing(tokens, open)?))) {
            Some((open, close)) => {
                found.push((name, open + 1..close));
                at = close + 1;
                begins = tokens.get(at).is_some_and(|token| token.is_symbol(","));
            }
            None => {
                begins = false;
                at += 1;
            }
        }
    }
    found
}

/// Where a table or view may be named in a part of a statement: behind FROM, JOIN, IN, or a comma between tables.
fn mentions(tokens: &[Token<'_>], part: Range<usize>) -> Vec<usize> {
    const TABLES: [&str; 4] = ["FROM", "JOIN", "INTO", "UPDATE"];
    const OTHERS: [&str; 11] = [
        "SELECT",
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
    let is_one = |token: &Token<'_>, words: &[&str]| words.iter().any(|word| token.is(word));
    // By depth of parentheses: whether tables are named there, one behind the other.
    let (mut tables, mut found) = (vec![false], Vec::new());
    for at in part.clone() {
        let token = &tokens[at];
        let among = tables.last().copied().unwrap_or_default();
        if token.is_symbol("(") {
            tables.push(among);
        } else if token.is_symbol(")") {
            tables.pop();
        } else if let Some(last) = tables.last_mut() {
            *last = is_one(token, &TABLES) || (*last && !is_one(token, &OTHERS));
        }
        let before = |back: usize| at.checked_sub(back).filter(|at| *at >= part.start).map(|at| &tokens[at]);
        let begins = before(1).is_some_and(|token| is_one(token, &TABLES) || token.is("IN"));
        let follows = among && before(1).is_some_and(|token| token.is_symbol(",") || token.is_symbol("("));
        let in_main = before(1).is_some_and(|token| token.is_symbol("."))
            && before(2).is_some_and(|token| token.name().eq_ignore_ascii_case("main"));
        let is_name = match token.kind {
            Kind::Word => !is_reserved(token.text),
            kind => matches!(kind, Kind::Quoted | Kind::DoubleQuoted | Kind::Text),
        };
        if is_name && (begins || follows || in_main) {
            found.push(at);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::*;

    fn copies(schema: &[String], statement: &str) -> u64 {
        let tokens: Vec<_> = schema.iter().map(|sql| tokenize(sql).unwrap()).collect();
        let views = Views::of(&tokens.iter().map(Vec::as_slice).collect::<Vec<_>>());
        views.copies(&tokenize(statement).unwrap())
    }

    /// `first`, and so many views that are made of the one before.
    fn chain(levels: usize, view: impl Fn(String) -> String) -> Vec<String> {
        let views = (1..=levels).map(|n| format!("CREATE VIEW v{n} AS {}", view(format!("v{}", n - 1))));
        iter::once("CREATE VIEW v0 AS SELECT 1 AS x".to_owned()).chain(views).collect()
    }

    #[test]
    fn whatever_names_the_view_before_twice_doubles_with_each() {
        let forms: [fn(String) -> String; 8] = [
            |v| format!("SELECT a.x FROM {v} a, {v} b"),
            |v| format!("SELECT a.x FROM {v} AS a JOIN main.{v} AS b ON a.x = b.x"),
            |v| format!("SELECT (SELECT x FROM {v}) + (SELECT x FROM {v}) AS x"),
            |v| format!("SELECT x FROM {v} UNION ALL SELECT x FROM \"{v}\""),
            |v| format!("SELECT x FROM {v} WHERE x IN (SELECT x FROM [{v}])"),
            |v| format!("SELECT x FROM {v} WHERE x IN {v}"),
            |v| format!("SELECT a.x FROM ({v} a), (SELECT 1), {} b", v.to_uppercase()),
            |v| {
                format!(
                    "WITH a AS (SELECT x FROM {v}), b (x) AS MATERIALIZED (SELECT x FROM {v}) SELECT a.x FROM a, b"
                )
            },
        ];
        for form in forms {
            let views = chain(8, form);
            let found = copies(&views, "SELECT * FROM v8");
            assert!((256..2048).contains(&found), "{}: {found}", views[1]);
            assert_eq!(copies(&views, "SELECT * FROM v0"), 2);
            let reversed: Vec<_> = views.iter().rev().cloned().collect();
            assert_eq!(copies(&reversed, "SELECT * FROM v8"), found, "in another order");
        }
    }

    #[test]
    fn what_is_named_once_or_is_no_table_counts_once() {
        let once: [fn(String) -> String; 4] = [
            |v| format!("SELECT x FROM {v} WHERE x > 5 ORDER BY x"),
            |v| format!("SELECT {v}.x, {v}.x + 1 AS y FROM {v} GROUP BY {v}.x, {v}.x"),
            |v| format!("WITH {v} AS (SELECT 1 AS x) SELECT x FROM {v}"),
            |v| format!("SELECT x FROM t AS {v} JOIN {v} USING (x)"),
        ];
        for form in once {
            assert!(copies(&chain(20, form), "SELECT * FROM v20") < 100, "{}", form("v".to_owned()));
        }
    }

    #[test]
    fn expressions_of_one_statement_double_too_in_whatever_order() {
        let parts: Vec<_> =
            (1..=20).map(|n| format!("e{n} AS (SELECT a.x FROM e{0} a, e{0} b)", n - 1)).collect();
        let first = "WITH e0 (x) AS (SELECT 1)".to_owned();
        for parts in [parts.clone(), parts.into_iter().rev().collect()] {
            let statement = format!("{first}, {} SELECT * FROM e20", parts.join(", "));
            assert!(copies(&[], &statement) > 1 << 20, "{statement}");
        }
        let recursive =
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n, n AS m) SELECT * FROM n";
        assert!(copies(&[], recursive) < 10);
        let views =
            ["CREATE VIEW a AS SELECT * FROM b".to_owned(), "CREATE VIEW b AS SELECT * FROM a".to_owned()];
        assert!(copies(&views, "SELECT * FROM a, b") < 10, "views that name each other");
    }
}
