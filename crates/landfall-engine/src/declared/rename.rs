//! The lines of `schema.sql` with the `@renamed` that is missing: to be pasted in the place of what is there.

use std::ops::Range;

use crate::ddl::{self, split};
use crate::object::in_directive;
use crate::token::{Token, position, tokenize};

/// Lines, from 1, both included, and what they become.
pub(super) struct Replaced {
    pub(super) lines: (usize, usize),
    pub(super) text: String,
}

/// `None` where there is no such table or column in `text`.
pub(super) fn replaced(text: &str, table: &str, column: Option<&str>, from: &str) -> Option<Replaced> {
    let tokens = tokenize(text).ok()?;
    let statements = split(&tokens);
    let statement =
        statements.iter().find(|s| ddl::head(s).is_some_and(|h| h.name.eq_ignore_ascii_case(table)))?;
    let directive = format!("-- @renamed from={}", in_directive(from));
    match column {
        Some(column) => Some(on_the_line(text, statement, column_in(statement, column)?, &directive)),
        None => Some(before(text, statement[0].start, &directive)),
    }
}

fn column_in(statement: &[Token<'_>], column: &str) -> Option<Range<usize>> {
    let ordinary =
        || ddl::table(statement).map(|t| t.columns.into_iter().map(|c| (c.name, c.tokens)).collect());
    let columns: Vec<_> = ordinary().or_else(|| ddl::virtual_columns(statement))?;
    columns.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(column)).map(|(_, range)| range)
}

/// A line holds one comment, and a directive belongs to the one column on its line: whatever else is there gets lines of its own.
fn on_the_line(text: &str, statement: &[Token<'_>], range: Range<usize>, directive: &str) -> Replaced {
    let (start, end) = (statement[range.start].start, statement[range.end - 1].end());
    let comma = statement.get(range.end).filter(|token| {
        token.is_symbol(",") && text[end..token.start].chars().all(|c| c == ' ' || c == '\t')
    });
    let end = comma.map_or(end, Token::end);
    let whole = lines(text, start..end);
    let (before, after) = (&text[whole.start..start], text[end..whole.end].trim());
    let indent = &before[..before.len() - before.trim_start().len()];
    let own = if before.trim().is_empty() { before.to_owned() } else { format!("{indent}  ") };
    let mut replaced = Vec::new();
    if !before.trim().is_empty() {
        replaced.push(before.trim_end().to_owned());
    }
    if after.starts_with("--") {
        replaced.push(format!("{own}{after}"));
    }
    replaced.push(format!("{own}{} {directive}", &text[start..end]));
    if !after.is_empty() && !after.starts_with("--") {
        replaced.push(format!("{}{after}", if after.starts_with(')') { indent } else { &own }));
    }
    of(text, whole, &replaced)
}

fn before(text: &str, start: usize, directive: &str) -> Replaced {
    let whole = lines(text, start..start);
    let before = &text[whole.start..start];
    let rest = text[start..whole.end].trim_end();
    match before.trim().is_empty() {
        true => of(text, whole, &[format!("{before}{directive}"), format!("{before}{rest}")]),
        false => of(text, whole, &[before.trim_end().to_owned(), directive.to_owned(), rest.to_owned()]),
    }
}

fn of(text: &str, whole: Range<usize>, replaced: &[String]) -> Replaced {
    let lines = (position(text, whole.start).0, position(text, whole.end).0);
    Replaced { lines, text: replaced.join("\n").replace('\r', "") }
}

/// The whole lines that have this range in them, without the end of the last.
fn lines(text: &str, range: Range<usize>) -> Range<usize> {
    let start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[range.end..].find('\n').map_or(text.len(), |at| range.end + at);
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(text: &str) -> (usize, usize, String) {
        let Some(Replaced { lines, text }) = replaced(text, "t", Some("email"), "mail") else {
            return (0, 0, "nothing".to_owned());
        };
        (lines.0, lines.1, text)
    }

    #[test]
    fn a_column_keeps_its_line_its_indentation_and_its_comma() {
        let text =
            "CREATE TABLE t (\n    id INTEGER PRIMARY KEY,\n    email TEXT NOT NULL,\n    born TEXT\n);";
        assert_eq!(column(text), (3, 3, "    email TEXT NOT NULL, -- @renamed from=mail".to_owned()));
        let last = "CREATE TABLE t (\n\tid INTEGER PRIMARY KEY,\n\t\"email\" TEXT\n);";
        assert_eq!(column(last), (3, 3, "\t\"email\" TEXT -- @renamed from=mail".to_owned()));
    }

    #[test]
    fn what_else_is_on_the_line_gets_a_line_of_its_own() {
        let cases = [
            (
                "CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT NOT NULL);",
                "CREATE TABLE t (id INTEGER PRIMARY KEY,\n  email TEXT NOT NULL -- @renamed from=mail\n);",
            ),
            (
                "CREATE TABLE t (email TEXT, b, c);",
                "CREATE TABLE t (\n  email TEXT, -- @renamed from=mail\n  b, c);",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(column(text), (1, 1, expected.to_owned()));
        }
        let comment = "CREATE TABLE t (\n  email TEXT, -- where it goes\n  b);";
        let expected = "  -- where it goes\n  email TEXT, -- @renamed from=mail";
        assert_eq!(column(comment), (2, 2, expected.to_owned()));
    }

    #[test]
    fn a_column_of_several_lines_is_replaced_whole() {
        let text = "CREATE TABLE t (\n  email TEXT\n    NOT NULL\n    CHECK (email <> ','),\r\n  b\n);";
        let expected = "  email TEXT\n    NOT NULL\n    CHECK (email <> ','), -- @renamed from=mail";
        assert_eq!(column(text), (2, 4, expected.to_owned()));
    }

    #[test]
    fn a_table_gets_the_line_before_it() {
        let of = |text: &str, from: &str| {
            let found = replaced(text, "t", None, from);
            found.map_or_else(String::new, |found| format!("{:?} {}", found.lines, found.text))
        };
        assert_eq!(
            of("CREATE TABLE a (x);\n\nCREATE TABLE t (\n  b\n);", "old"),
            "(3, 3) -- @renamed from=old\nCREATE TABLE t ("
        );
        assert_eq!(
            of("CREATE TABLE a (x); CREATE TABLE t (b);", "o t"),
            "(1, 1) CREATE TABLE a (x);\n-- @renamed from=\"o t\"\nCREATE TABLE t (b);"
        );
        assert_eq!(
            of("CREATE TABLE t (b);", "two\nlines"),
            "(1, 1) -- @renamed from=\"two\\nlines\"\nCREATE TABLE t (b);"
        );
    }
}
