//! How often SQLite copies views, common table expressions and generated columns into a statement that names them: once for each
//! mention, and for each mention in those again. Views that name the one before twice are twice as many with each.
//!
//! It does so before it compiles anything, and listens to nobody meanwhile (no progress handler, no authorizer, no interrupt; 16 such
//! views took 6 s, 40 minutes), so that it has to be known beforehand.

mod statement;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use self::statement::Statement;
use crate::ddl::{self, ObjectKind};
use crate::object::written;
use crate::schema::Row;
use crate::token::{Token, fold, tokenize};

/// What is told of an object that takes too many.
pub(crate) fn told(kind: &str, name: &str, excess: Excess) -> String {
    let name = written(name);
    format!("{kind} {name} cannot be used: SQLite would copy what it names {excess}, which nobody can stop")
}

/// Copies that a statement may take: some tenths of a second.
const LIMIT: u64 = 10_000;

/// Copies one into the other: 13 ms. SQLite itself takes up to 1,000, or ends the process by its stack (1,999 generated columns, on a
/// thread of 2 MB).
const DEPTH: u64 = 200;

/// What of a statement is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excess {
    Copies(u64),
    Depth(u64),
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Copies(copies) => write!(f, "{copies} times over"),
            Self::Depth(depth) => write!(f, "one into the other, {depth} deep"),
        }
    }
}

/// What something becomes: itself, and all that is copied into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Size {
    copies: u64,
    depth: u64,
}

impl Size {
    const ONE: Self = Self { copies: 1, depth: 1 };

    /// With a copy of another in it.
    fn add(&mut self, other: Self) {
        self.copies = self.copies.saturating_add(other.copies);
        self.depth = self.depth.max(other.depth + 1);
    }

    fn excess(self) -> Option<Excess> {
        match self {
            Self { copies, .. } if copies > LIMIT => Some(Excess::Copies(copies)),
            Self { depth, .. } if depth > DEPTH => Some(Excess::Depth(depth)),
            _ => None,
        }
    }
}

/// The views and generated columns of a schema.
#[derive(Default)]
pub(crate) struct Views {
    /// What each view, and each table with generated columns, is in a statement that names it, by folded name.
    sizes: BTreeMap<String, Size>,
    /// The same of generated columns; the largest of those of one name.
    columns: BTreeMap<String, Size>,
}

impl Views {
    /// Of statements as tokens, in whatever order.
    pub(crate) fn of(statements: &[&[Token<'_>]]) -> Self {
        let mut found = Self::default();
        for tokens in statements {
            if let (Some(head), Some(table)) = (ddl::head(tokens), Statement::of_table(tokens)) {
                let sizes = generated(&table);
                for (name, size) in &sizes {
                    let largest = found.columns.entry(name.clone()).or_insert(*size);
                    *largest = (*largest).max(*size);
                }
                found.sizes.insert(fold(&head.name), size(&table, &BTreeMap::new()));
            }
        }
        let (mut views, mut bodies) = (BTreeMap::new(), Vec::new());
        for tokens in statements {
            if let Some(head) = ddl::head(tokens).filter(|head| head.kind == ObjectKind::View) {
                views.insert(fold(&head.name), bodies.len());
                bodies.push(Statement::of(&tokens[head.body..], &found.columns));
            }
        }
        let mut count = Count { views: views.clone(), ..Count::of(&bodies, &found.sizes) };
        let sizes: Vec<_> = views.into_iter().map(|(name, view)| (name, count.size((view, 0)))).collect();
        found.sizes.extend(sizes);
        found
    }

    /// Of the statements of a live schema.
    pub(crate) fn of_rows<'r>(rows: impl IntoIterator<Item = &'r Row>) -> Self {
        let rows = rows.into_iter().filter(|row| match row.kind.as_str() {
            "view" => true,
            // Most tables have no such word, and are read at every look.
            "table" => {
                let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                row.sql.as_bytes().split(|byte| !is_part(byte)).any(|word| word.eq_ignore_ascii_case(b"AS"))
            }
            _ => false,
        });
        let tokens: Vec<_> = rows.map(|row| tokenize(&row.sql).unwrap_or_default()).collect();
        Self::of(&tokens.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    /// Whether objects of a kind (as `sqlite_schema` calls it) can name anything that is copied: tables and indexes name columns alone.
    pub(crate) fn concern(&self, kind: &str) -> bool {
        matches!(kind, "view" | "trigger") || (matches!(kind, "table" | "index") && !self.columns.is_empty())
    }

    /// Whether SQLite would copy so much for this statement that nobody could stop it.
    pub(crate) fn excess(&self, statement: &[Token<'_>]) -> Option<Excess> {
        self.size(statement).excess()
    }

    fn size(&self, statement: &[Token<'_>]) -> Size {
        let statement =
            Statement::of_table(statement).unwrap_or_else(|| Statement::of(statement, &self.columns));
        size(&statement, &self.sizes)
    }
}

/// The generated columns without which a table is no excess, in an order in which they can be dropped: none is named by a later one.
pub(crate) fn too_many_columns(table: &[Token<'_>]) -> Vec<String> {
    let Some(statement) = Statement::of_table(table) else { return Vec::new() };
    let mut columns = generated(&statement);
    columns.sort_by_key(|(_, size)| *size);
    let mut kept = Size::ONE;
    let fits = |(_, size): &&(String, Size)| {
        kept.add(*size);
        kept.excess().is_none()
    };
    let fitting = columns.iter().take_while(fits).count();
    columns.drain(fitting..).rev().map(|(name, _)| name).collect()
}

/// The generated columns of a table.
fn generated(table: &Statement) -> Vec<(String, Size)> {
    let known = BTreeMap::new();
    let mut count = Count::of(std::slice::from_ref(table), &known);
    let columns = table.own.iter().flat_map(|(name, parts)| parts.iter().map(move |part| (name, *part)));
    columns.map(|(name, part)| (name.clone(), count.size((0, part)))).collect()
}

fn size(statement: &Statement, known: &BTreeMap<String, Size>) -> Size {
    Count::of(std::slice::from_ref(statement), known).size((0, 0))
}

/// A part of one of the statements.
type Place = (usize, usize);

/// Goes through what names what without calling itself: a chain may be longer than the stack of a thread is.
struct Count<'s> {
    statements: &'s [Statement],
    /// Which of the statements are views, by folded name.
    views: BTreeMap<String, usize>,
    /// What is known of other names.
    known: &'s BTreeMap<String, Size>,
    /// What is known of the parts.
    sizes: BTreeMap<Place, Size>,
}

/// A part on the way.
struct Way {
    place: Place,
    size: Size,
    /// The parts that it names and that are not added yet.
    left: Vec<Place>,
}

impl<'s> Count<'s> {
    fn of(statements: &'s [Statement], known: &'s BTreeMap<String, Size>) -> Self {
        Self { statements, views: BTreeMap::new(), known, sizes: BTreeMap::new() }
    }

    fn size(&mut self, whole: Place) -> Size {
        let mut ways = vec![self.way(whole)];
        // A view that names itself is refused by SQLite, and an expression that does is taken once.
        let mut under_way = BTreeSet::from([whole]);
        let mut result = Size::ONE;
        while let Some(way) = ways.last_mut() {
            let Some(place) = way.left.pop() else {
                result = way.size;
                under_way.remove(&way.place);
                self.sizes.insert(way.place, result);
                ways.pop();
                if let Some(outer) = ways.last_mut() {
                    outer.size.add(result);
                }
                continue;
            };
            if let Some(size) = self.sizes.get(&place) {
                way.size.add(*size);
            } else if under_way.insert(place) {
                ways.push(self.way(place));
            }
        }
        result
    }

    fn way(&self, place: Place) -> Way {
        let statement = &self.statements[place.0];
        let part = &statement.parts[place.1];
        let mut way = Way { place, size: part.size, left: Vec::new() };
        for name in &part.names {
            if let Some(parts) = statement.own.get(name) {
                way.left.extend(parts.iter().map(|part| (place.0, *part)));
            } else if let Some(view) = self.views.get(name) {
                way.left.push((*view, 0));
            } else if let Some(size) = self.known.get(name) {
                way.size.add(*size);
            }
        }
        way
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use std::iter;

    use super::*;

    fn copies(schema: &[String], statement: &str) -> u64 {
        let tokens: Vec<_> = schema.iter().map(|sql| tokenize(sql).unwrap()).collect();
        let views = Views::of(&tokens.iter().map(Vec::as_slice).collect::<Vec<_>>());
        views.size(&tokenize(statement).unwrap()).copies
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

    /// A table whose columns name the one before twice.
    fn doubling(columns: usize, kind: &str) -> String {
        let columns: String =
            (1..columns).map(|n| format!(", c{n} INTEGER AS (c{0} + \"c{0}\") {kind}", n - 1)).collect();
        format!("CREATE TABLE g (c0 INTEGER{columns})")
    }

    #[test]
    fn generated_columns_double_wherever_they_are_named() {
        let table = [doubling(12, "")];
        let whole = copies(&table, &table[0]);
        assert!((2048..5000).contains(&whole), "{whole}");
        let more = [
            "SELECT * FROM g",
            "SELECT c11 FROM t",
            "CREATE INDEX i ON g (C11)",
            "CREATE INDEX i ON g (c0) WHERE [c11] > 1",
            "CREATE TRIGGER r AFTER DELETE ON g BEGIN SELECT old.c11; END",
            "CREATE VIEW v AS SELECT `c11` AS x FROM g",
        ];
        for statement in more {
            assert!(copies(&table, statement) > 2000, "{statement}");
        }
        assert!(copies(&table, "SELECT c1 FROM t") < 10);
        assert!(
            copies(&[], &format!("{}, CHECK (c11 + c11 > 0))", &table[0][..table[0].len() - 1]))
                > 2 * whole - 100
        );
    }

    #[test]
    fn stored_columns_are_read_and_not_computed_anew() {
        let table = [doubling(60, "STORED")];
        assert_eq!(copies(&table, &table[0]), 1);
        assert_eq!(copies(&table, "SELECT c59 FROM g"), 1);
    }

    #[test]
    fn the_columns_that_are_too_many_are_told_the_last_first() {
        let table = doubling(60, "");
        let columns = too_many_columns(&tokenize(&table).unwrap());
        assert_eq!(columns.first().unwrap(), "c59");
        assert_eq!(columns.last().unwrap(), "c13");
        assert_eq!(copies(&[], &doubling(13, "")), 8179);
        assert!(too_many_columns(&tokenize(&doubling(13, "")).unwrap()).is_empty());
    }

    #[test]
    fn a_chain_is_as_deep_as_it_is_long_in_whatever_order() {
        let views = |levels| chain(levels, |v| format!("SELECT x FROM {v}"));
        let expressions = |levels: usize| {
            let parts: String =
                (1..levels).map(|n| format!(", e{n} AS (SELECT x FROM e{})", n - 1)).collect();
            format!("WITH e0 AS (SELECT 1 AS x){parts} SELECT x FROM e{}", levels - 1)
        };
        let depth = |schema: &[String], statement: &str| {
            let tokens: Vec<_> = schema.iter().map(|sql| tokenize(sql).unwrap()).collect();
            let views = Views::of(&tokens.iter().map(Vec::as_slice).collect::<Vec<_>>());
            views.size(&tokenize(statement).unwrap()).depth
        };
        let mut chain = views(9000);
        assert_eq!(depth(&chain, "SELECT * FROM v9000"), 9002);
        chain.reverse();
        assert_eq!(depth(&chain, "SELECT * FROM v9000"), 9002);
        assert_eq!(depth(&chain, "SELECT * FROM v5"), 7);
        assert_eq!(depth(&[], &expressions(30_000)), 30_001);
    }

    /// Each search from each parenthesis would take hours.
    #[test]
    fn parentheses_are_matched_once() {
        let forms = [("(", ")", 1_000_000), ("WITH (", ")", 300_000), ("(WITH a AS (", "))", 100_000)];
        for (opening, closing, levels) in forms {
            let view =
                format!("CREATE VIEW v AS SELECT {}1{}", opening.repeat(levels), closing.repeat(levels));
            assert_eq!(copies(&[], &view), 1, "{opening}");
        }
    }
}
