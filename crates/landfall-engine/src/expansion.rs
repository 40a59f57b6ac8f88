//! How often SQLite copies views, common table expressions, their columns and generated columns into a statement that names them: once
//! for each mention, and for each mention in those again. Views that name the one before twice are twice as many with each.
//!
//! It does so before it compiles anything, and listens to nobody meanwhile (no progress handler, no authorizer, no interrupt; 16 such
//! views took 6 s, 40 minutes), so that it has to be known beforehand.

mod count;
mod height;
mod size;
mod statement;

use std::collections::BTreeMap;

use self::count::{Count, Node, Sizes};
use self::size::{Excess, Size};
use self::statement::Statement;
use crate::ddl::{self, ObjectKind};
use crate::object::written;
use crate::schema::model::Row;
use crate::token::{Token, fold, tokenize};

/// Says of an object that it takes too many.
pub(crate) fn message(kind: &str, name: &str, excess: Excess) -> String {
    format!("{kind} {} cannot be used: {excess}", written(name))
}

/// The views and generated columns of a schema.
#[derive(Default)]
pub(crate) struct Views {
    /// What views are, and which by folded name.
    bodies: Vec<Statement>,
    views: BTreeMap<String, usize>,
    /// What each table with generated columns is in a statement that names it, by folded name.
    tables: BTreeMap<String, Size>,
    /// The same of generated columns; the largest of those of one name.
    columns: BTreeMap<String, Size>,
    /// What is known of the views.
    sizes: Sizes,
}

impl Views {
    /// Of statements as tokens, in whatever order.
    pub(crate) fn of(statements: &[&[Token<'_>]]) -> Self {
        let mut found = Self::default();
        for tokens in statements {
            if let (Some(head), Some(table)) = (ddl::head(tokens), Statement::of_table(tokens)) {
                for (name, size) in generated(&table) {
                    let largest = found.columns.entry(name).or_insert(size);
                    *largest = (*largest).or(size);
                }
                let size = found.count(Some(&table)).size(Node::Query(0, 0));
                found.tables.insert(fold(&head.name), size);
            }
        }
        for tokens in statements {
            if let Some(head) = ddl::head(tokens).filter(|head| head.kind == ObjectKind::View) {
                found.views.insert(fold(&head.name), found.bodies.len());
                found.bodies.push(Statement::of(tokens, &found.columns));
            }
        }
        let mut count = found.count(None);
        for view in 0..found.bodies.len() {
            count.size(Node::Query(view, 0));
        }
        found.sizes = count.found;
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
        let statement = Statement::of(statement, &self.columns);
        self.count(Some(&statement)).size(Node::Query(self.bodies.len(), 0))
    }

    fn count<'s>(&'s self, asked: Option<&'s Statement>) -> Count<'s> {
        Count {
            statements: &self.bodies,
            asked,
            views: &self.views,
            tables: &self.tables,
            known: &self.sizes,
            found: Sizes::new(),
        }
    }
}

/// The generated columns without which a table is no excess, in an order in which they can be dropped: none is named by a later one.
pub(crate) fn too_many_columns(table: &[Token<'_>]) -> Vec<String> {
    let Some(statement) = Statement::of_table(table) else { return Vec::new() };
    let mut columns = generated(&statement);
    columns.sort_by_key(|(_, size)| *size);
    let mut kept = Size { copies: 1, depth: 1, ..Size::default() };
    let fits = |(_, size): &&(String, Size)| {
        kept = kept.and(Size { depth: size.depth + 1, ..*size });
        kept.excess().is_none()
    };
    let fitting = columns.iter().take_while(fits).count();
    columns.drain(fitting..).rev().map(|(name, _)| name).collect()
}

/// The generated columns of a table.
fn generated(table: &Statement) -> Vec<(String, Size)> {
    let views = Views::default();
    let mut count = views.count(Some(table));
    let items = table.arms[0].items.iter().enumerate();
    items.filter_map(|(at, item)| Some((item.name.clone()?, count.size(Node::Item(0, 0, at))))).collect()
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

    fn parts(schema: &[String], statement: &str) -> u64 {
        let tokens: Vec<_> = schema.iter().map(|sql| tokenize(sql).unwrap()).collect();
        let views = Views::of(&tokens.iter().map(Vec::as_slice).collect::<Vec<_>>());
        views.size(&tokenize(statement).unwrap()).work
    }

    #[test]
    fn columns_that_name_one_of_the_view_before_twice_double_with_each() {
        let forms: [fn(String) -> String; 22] = [
            |v| format!("SELECT x + x AS x FROM {v}"),
            |v| format!("SELECT x + x x FROM {v}"),
            |v| format!("SELECT 1, \"x\" || [X] AS `x`, 2 FROM {v}"),
            |v| format!("SELECT a.x + a.x AS x FROM {v} a"),
            |v| format!("SELECT {v}.x + main.{v}.x AS x FROM main.{v}"),
            |v| format!("SELECT max(x, x) AS x FROM t, {v} AS b WHERE x > 1"),
            |v| format!("SELECT CASE WHEN x > 1 THEN x ELSE 0 END AS x FROM t JOIN {v} ON t.a = 1"),
            |v| format!("SELECT DISTINCT x IS DISTINCT FROM x AS x FROM {v}"),
            |v| format!("SELECT x + x AS x FROM (SELECT * FROM {v})"),
            |v| format!("SELECT x FROM (SELECT b.x + b.x AS x FROM (SELECT x FROM {v}) b)"),
            |v| format!("SELECT c.x FROM (SELECT a.* FROM t, (SELECT 1 AS y, x + x AS x FROM {v}) AS a) c"),
            |v| format!("WITH a AS (SELECT x FROM {v}), b (y) AS (SELECT x + x FROM a) SELECT y AS x FROM b"),
            |v| format!("WITH a (x, y) AS (SELECT 1, * FROM {v}) SELECT y + y AS x FROM a"),
            |v| format!("SELECT \"x + 1\" + \"x + 1\" AS x FROM (SELECT x + 1 FROM {v})"),
            |v| format!("SELECT \"x:1\" + \"x:1\" AS x FROM (SELECT 1 AS x, x FROM {v})"),
            |v| format!("SELECT y + y AS x FROM (SELECT 1 AS y UNION ALL SELECT * FROM {v})"),
            |v| format!("SELECT y + y AS x FROM (SELECT 1 AS y UNION ALL SELECT x FROM {v})"),
            |v| format!("SELECT (SELECT x + x) AS x FROM {v}"),
            |v| format!("SELECT (SELECT x + {v}.x FROM t WHERE a > 5) AS x FROM {v}"),
            |v| format!("SELECT x + x AS x FROM t LEFT JOIN ({v} AS a JOIN u) USING (a)"),
            |v| format!("SELECT sum(x) OVER (PARTITION BY y ORDER BY x) AS x, 1 FROM {v}"),
            |v| format!("SELECT x + x AS x FROM {v} ORDER BY x LIMIT 5"),
        ];
        for form in forms {
            let views = chain(16, form);
            let found = parts(&views, "SELECT x FROM v16");
            assert!((1 << 16..1 << 23).contains(&found), "{}: {found}", views[1]);
        }
        let named = |n: usize| format!("CREATE VIEW v{n} (a, x) AS SELECT 1, x + x FROM v{}", n - 1);
        let views: Vec<_> = iter::once("CREATE VIEW v0 AS SELECT a AS x FROM t".to_owned())
            .chain((1..=16).map(named))
            .collect();
        for whole in ["SELECT x FROM v16", "SELECT * FROM v16", "INSERT INTO t SELECT v.x FROM v16 AS v"] {
            assert!(parts(&views, whole) > 1 << 16, "{whole}");
        }
    }

    #[test]
    fn columns_that_are_passed_on_or_are_others_do_not_double() {
        let forms: [fn(String) -> String; 9] = [
            |v| format!("SELECT * FROM {v}"),
            |v| format!("SELECT x, 1 AS a, 2 AS b FROM {v} WHERE x > 5 ORDER BY x"),
            |v| format!("SELECT x, b.y + b.y AS y FROM {v}, (SELECT 1 AS y) b"),
            |v| format!("SELECT t.a + t.a AS a, x FROM t JOIN {v} ON t.a = x"),
            |v| format!("SELECT v.x FROM {v} AS v WHERE v.x > 1 AND v.x < 7 AND v.x <> 5"),
            |v| format!("SELECT x, (SELECT t.y + t.y FROM t WHERE t.a = b.x) AS y FROM {v} b"),
            |v| format!("SELECT x, count(*) AS n FROM {v} GROUP BY x HAVING count(*) > 1"),
            |v| format!("SELECT x + 1 AS x FROM {v}"),
            |v| format!("WITH w AS (SELECT x FROM {v}) SELECT w.* FROM w WHERE x IN (SELECT 1 AS x)"),
        ];
        for form in forms {
            let views = chain(20, form);
            let found = parts(&views, "SELECT * FROM v20");
            assert!(found < 2_000, "{}: {found}", views[1]);
        }
    }

    #[test]
    fn operators_add_up_from_view_to_view() {
        let height = |views: usize, operators: usize| {
            let views = chain(views, |v| format!("SELECT x{} AS x FROM {v}", " + 1".repeat(operators)));
            let tokens: Vec<_> = views.iter().map(|sql| tokenize(sql).unwrap()).collect();
            let all = Views::of(&tokens.iter().map(Vec::as_slice).collect::<Vec<_>>());
            all.size(&tokenize(&format!("SELECT x FROM v{}", views.len() - 1)).unwrap()).height
        };
        assert_eq!(height(10, 90), 900);
        assert_eq!(height(1, 900), 900);
        let wide = |expression: &str| {
            let sql = format!("CREATE VIEW v AS SELECT {expression} AS x FROM t");
            Views::default().size(&tokenize(&sql).unwrap()).height
        };
        assert_eq!(wide(&format!("CASE {} END", "WHEN a = 1 THEN a + 1 ".repeat(300))), 2);
        assert_eq!(wide(&format!("max({}1)", "a + 1, ".repeat(300))), 2);
        assert_eq!(wide("a + (b * (c - f(d / 1)))"), 7);
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
