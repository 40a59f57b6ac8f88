//! Where in `schema.sql` an object is declared.

use crate::ddl::{self, ObjectKind, split};
use crate::object;
use crate::token::{Token, position, tokenize};
use crate::unusable::{Fault, Part};

/// The line, from 1, on which `object` is declared: a table, index, view or trigger by its name, a column as `table.column`.
/// `None` where it is not. `text` is one that could be read before.
pub(super) fn line_of(text: &str, object: &str) -> Option<usize> {
    let tokens = tokenize(text).ok()?;
    let statements = split(&tokens);
    let named = |name: &str| {
        statements.iter().copied().find(|s| ddl::head(s).is_some_and(|h| h.name.eq_ignore_ascii_case(name)))
    };
    let found = match object::names(object).as_slice() {
        [name] => named(name)?.first()?,
        [table, column] => column_in(named(table)?, column)?,
        _ => return None,
    };
    Some(position(text, found.start).0)
}

/// The line, from 1, of what cannot be used: of the foreign key, or of the first mention of what is missing, or of its statement.
pub(super) fn line_of_fault(text: &str, fault: &Fault) -> Option<usize> {
    let tokens = tokenize(text).ok()?;
    let is_trigger = fault.part == Part::Trigger;
    let declares = |head: ddl::Head| {
        let is_of_kind = (head.kind == ObjectKind::Trigger) == is_trigger
            && (head.kind == ObjectKind::Index) == (fault.part == Part::Index);
        is_of_kind && head.name.eq_ignore_ascii_case(&fault.object)
    };
    let statement = split(&tokens).into_iter().find(|s| ddl::head(s).is_some_and(declares))?;
    let named = |name: &str| statement.iter().find(|token| token.name().eq_ignore_ascii_case(name));
    let found = match fault.part {
        Part::ForeignKey(at) => statement.iter().filter(|token| token.is("REFERENCES")).nth(at),
        Part::Table | Part::Index | Part::View | Part::Trigger => fault.missing_name().and_then(named),
    };
    Some(position(text, found.or(statement.first())?.start).0)
}

/// The first token of a column's definition: a name after the opening parenthesis, or after a comma outside all inner ones.
fn column_in<'t, 'a>(statement: &'t [Token<'a>], column: &str) -> Option<&'t Token<'a>> {
    let head = ddl::head(statement).filter(|head| head.kind == ObjectKind::Table)?;
    let (mut depth, mut begins) = (0, false);
    for token in &statement[head.body..] {
        if begins && depth == 1 && token.name().eq_ignore_ascii_case(column) {
            return Some(token);
        }
        depth += i32::from(token.is_symbol("(")) - i32::from(token.is_symbol(")"));
        begins = depth == 1 && (token.is_symbol("(") || token.is_symbol(","));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_an_index_and_a_column_are_found_on_their_lines() {
        let text = "-- @renamed from=old\nCREATE TABLE \"t\" (\n  a INTEGER,\n  \"b c\" TEXT CHECK (a IN (1, b)),\n  b\n);\n\
                    CREATE INDEX i\n  ON t (a);\nCREATE VIEW v AS SELECT 1";
        let lines = ["t", "T.a", "t.b c", "t.b", "i", "v", "t.none", "none", "v.a"];
        assert_eq!(
            lines.map(|object| line_of(text, object)),
            [Some(2), Some(3), Some(4), Some(5), Some(7), Some(9), None, None, None]
        );
    }
}
