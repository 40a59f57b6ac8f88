//! How objects are written in hazards, differences, approvals and directives: `table`, or `table.column`, on one line and never
//! to be taken for another.

use crate::shown::shown_in_line;
use crate::token::quote;

/// A table, an index, a view or a trigger: its name, in double quotes where it would read as something else.
#[must_use]
pub fn written(name: &str) -> String {
    let special = |c: char| matches!(c, '.' | ',' | '"' | '\\');
    let is_plain = !name.is_empty() && name != "*" && name.trim() == name && !name.contains(special);
    let is_plain = is_plain && shown_in_line(name) == name;
    if is_plain { name.to_owned() } else { quote_in_line(name) }
}

/// A name as a directive takes it.
pub(crate) fn in_directive(name: &str) -> String {
    if is_name(name) && !is_quoted(name) && shown_in_line(name) == name {
        name.to_owned()
    } else {
        quote_in_line(name)
    }
}

/// Whether a directive takes it for a name.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && (is_quoted(text) || text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$'))
}

pub(crate) fn is_quoted(text: &str) -> bool {
    text.len() >= 2 && text.starts_with('"') && text.ends_with('"')
}

/// A column of a table.
pub(crate) fn of_column(table: &str, column: &str) -> String {
    format!("{}.{}", written(table), written(column))
}

/// The names of which an object consists, as they are in a database: `"a.b".c` is the column `c` of the table `a.b`.
#[must_use]
pub fn names(object: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = object;
    loop {
        let length = length_of_name(rest);
        let (name, more) = rest.split_at(length);
        names.push(match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
            Some(inner) => unquote_in_line(inner),
            None => name.to_owned(),
        });
        match more.strip_prefix('.') {
            Some(more) => rest = more,
            None => return names,
        }
    }
}

/// Whether two texts name the same object; letter case aside, as SQLite compares.
pub(crate) fn same(one: &str, other: &str) -> bool {
    let (one, other) = (names(one), names(other));
    one.len() == other.len() && one.iter().zip(&other).all(|(a, b)| a.eq_ignore_ascii_case(b))
}

/// The parts of a list between its commas, of which a name in double quotes may hold some.
pub(crate) fn list(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let parts = text.split(move |c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}

/// Up to the dot behind it: a name in double quotes has its end where a quote is not doubled and a dot or nothing follows.
fn length_of_name(text: &str) -> usize {
    let dot = || text.find('.').unwrap_or(text.len());
    if !text.starts_with('"') {
        return dot();
    }
    let mut at = 1;
    while let Some(quote) = text[at..].find('"').map(|offset| at + offset) {
        if text[quote + 1..].starts_with('"') {
            at = quote + 2;
        } else if matches!(text.as_bytes().get(quote + 1), None | Some(b'.')) {
            return quote + 1;
        } else {
            break;
        }
    }
    dot()
}

/// In double quotes on one line, of which all can be seen: `\n` ends a line, `\\` is a backslash, `\u{1b}` is that character.
pub(crate) fn quote_in_line(name: &str) -> String {
    quote(&shown_in_line(&name.replace('\\', r"\\")))
}

/// What stands between such quotes.
pub(crate) fn unquote_in_line(text: &str) -> String {
    let mut name = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (c, length) = escaped(rest).unwrap_or((c, c.len_utf8()));
        name.push(c);
        rest = &rest[length..];
    }
    name
}

/// The character that is written here in another way, and how long that is.
fn escaped(text: &str) -> Option<(char, usize)> {
    if text.starts_with("\"\"") {
        return Some(('"', 2));
    }
    let written = text.strip_prefix('\\')?;
    match written.chars().next()? {
        'n' => Some(('\n', 2)),
        'r' => Some(('\r', 2)),
        't' => Some(('\t', 2)),
        '\\' => Some(('\\', 2)),
        'u' => {
            let digits = written.strip_prefix("u{")?.split_once('}')?.0;
            let number =
                digits.chars().try_fold(0, |n: u32, c| n.checked_mul(16)?.checked_add(c.to_digit(16)?))?;
            Some((char::from_u32(number)?, digits.len() + "\\u{}".len()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 24] = [
        "t",
        "T",
        "a b",
        "a.b",
        ".",
        "*",
        "",
        " ",
        "a,b",
        "\"",
        "\"\"",
        "a\".\"b",
        "a\nb\r",
        "\\n",
        "\\",
        "é$",
        "\u{1b}]0;x\u{7}",
        "a\u{202e}b",
        "\u{200b}",
        "\u{2028}::x",
        "::x",
        "##[x]",
        "\\u{1b}",
        "\ta",
    ];

    #[test]
    fn an_object_is_on_one_line_and_names_nothing_else() {
        for table in NAMES {
            assert_eq!(names(&written(table)), [table]);
            for column in NAMES {
                let object = of_column(table, column);
                assert_eq!(names(&object), [table, column], "{object}");
                assert_eq!(shown_in_line(&object), object);
                assert_eq!(list(&format!("{object}, {object}")).collect::<Vec<_>>(), [&object, &object]);
                for (other_table, other_column) in NAMES.iter().flat_map(|t| NAMES.map(|c| (*t, c))) {
                    let is_it =
                        table.eq_ignore_ascii_case(other_table) && column.eq_ignore_ascii_case(other_column);
                    assert_eq!(same(&object, &of_column(other_table, other_column)), is_it, "{object}");
                }
            }
        }
    }

    #[test]
    fn plain_names_are_written_as_they_are() {
        assert_eq!(of_column("my table", "naïve-name"), "my table.naïve-name");
        assert_eq!(of_column("a.b", "c"), "\"a.b\".c");
        assert_eq!(of_column("", "two\nlines"), "\"\".\"two\\nlines\"");
        assert_eq!(names("t.b c"), ["t", "b c"]);
    }
}
