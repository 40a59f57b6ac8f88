//! Text from outside, as it may be shown and written down: no escape sequence, no control character, nothing that hides or that turns
//! the direction of writing. Values in, values out.

use anstream::adapter::strip_str;
use serde_json::Value;

/// What is executed, compared or read as a document of its own, and has to stay what it is.
const EXACT: [&str; 2] = ["sql", "stdout"];

/// Only what can be seen; lines stay lines.
pub(crate) fn text(raw: &str) -> String {
    strip_str(raw).to_string().chars().filter(|c| matches!(c, '\n' | '\t') || !is_hidden(*c)).collect()
}

/// All strings of a document but those that are not for showing.
pub(crate) fn json(document: &mut Value) {
    match document {
        Value::String(raw) => *raw = text(raw),
        Value::Array(values) => values.iter_mut().for_each(json),
        Value::Object(entries) => {
            entries
                .iter_mut()
                .filter(|(name, _)| !EXACT.contains(&name.as_str()))
                .for_each(|(_, value)| json(value));
        }
        _ => {}
    }
}

/// What goes to a terminal: of all escape sequences only those that give a colour.
pub(crate) fn styled(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(c) = rest.chars().next() {
        let colour = colour(rest);
        let length = colour.unwrap_or(c.len_utf8());
        if colour.is_some() || matches!(c, '\n' | '\t') || !c.is_control() {
            out.push_str(&rest[..length]);
        }
        rest = &rest[length..];
    }
    out
}

/// How long the sequence is that begins here, where it gives a colour: `ESC [ 1 ; 32 m`.
fn colour(text: &str) -> Option<usize> {
    let numbers = text.strip_prefix("\u{1b}[")?;
    let end = numbers.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    numbers[end..].starts_with('m').then_some(end + 3)
}

fn is_hidden(c: char) -> bool {
    let is_invisible = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}');
    let turns = matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || is_invisible || turns
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const EVIL: &str =
        "\u{1b}[31mred\u{1b}[0m\u{1b}]0;title\u{7}\u{1b}[2J\r\u{8}\u{9b}1m\u{202e}é\n\tend\u{0}";

    #[test]
    fn only_what_can_be_seen_stays() {
        assert_eq!(text(EVIL), "red1mé\n\tend");
        assert_eq!(text("12 Kunden, 日本"), "12 Kunden, 日本");
    }

    #[test]
    fn a_terminal_gets_colours_and_no_other_sequence() {
        assert_eq!(styled("\u{1b}[1;32mok\u{1b}[0m\n"), "\u{1b}[1;32mok\u{1b}[0m\n");
        assert_eq!(styled("\u{1b}[2Ja\u{1b}]0;b\u{7}\rc\u{9b}2J\u{1b}"), "[2Ja]0;bc2J");
    }

    #[test]
    fn a_document_is_cleaned_but_for_what_is_executed_or_parsed() {
        let mut document = json!({"a": ["\u{1b}[2Jb", 1], "c": {"sql": "'\u{1b}'", "stdout": "\u{1b}"}});
        json(&mut document);
        assert_eq!(document, json!({"a": ["b", 1], "c": {"sql": "'\u{1b}'", "stdout": "\u{1b}"}}));
    }
}
