//! Text of others, as it may be shown and written down: without their colours, and with what cannot be seen written out. Values in,
//! values out.

use std::borrow::Cow;

use anstream::adapter::strip_str;
use landfall_engine::{shown, shown_in_line};
use serde_json::Value;

use crate::text::cut;

/// What is executed, compared, sent back or read as a document of its own, and has to stay what it is: a machine is made from the
/// configuration of another (`rollback::a_machine_whose_host_is_gone_…`), and tables are found by their names.
const EXACT: [&str; 5] = ["config", "incomplete_config", "sql", "stdout", "table"];

/// Without escape sequences; lines stay lines.
#[must_use]
pub fn text(raw: &str) -> String {
    shown(&strip_str(raw).to_string()).into_owned()
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

/// How much is quoted, in characters.
const QUOTED: usize = 2000;

/// What others say, in quotation marks and on one line: nobody is to take it for ours, or to type it as if we had said so.
pub(crate) fn quoted(words: &str) -> String {
    // No mark of theirs ends it.
    let words = cut(&text(words), QUOTED).replace('"', "'");
    format!("\"{}\"", shown_in_line(&words))
}

/// What goes to a terminal or a log: where all of it can be seen, with its colours; else written out, without them.
pub(crate) fn styled(raw: &str) -> Cow<'_, str> {
    match shown(&without_colours(raw)) {
        Cow::Borrowed(_) => Cow::Borrowed(raw),
        Cow::Owned(written) => Cow::Owned(written),
    }
}

fn without_colours(raw: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(raw.len()), raw);
    while let Some(at) = rest.find('\u{1b}') {
        let (before, sequence) = rest.split_at(at);
        out.push_str(before);
        let length = colour(sequence);
        out.push_str(&sequence[..if length.is_some() { 0 } else { 1 }]);
        rest = &sequence[length.unwrap_or(1)..];
    }
    out + rest
}

/// Those that are used here: off, bold, faint, underlined, red, green, yellow, blue, cyan. None hides.
const COLOURS: [&str; 9] = ["0", "1", "2", "4", "31", "32", "33", "34", "36"];

/// How long the sequence is that begins here, where it gives a colour: `ESC [ 1 ; 32 m`.
fn colour(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("\u{1b}[")?;
    let end = rest.find('m')?;
    rest[..end].split(';').all(|number| COLOURS.contains(&number)).then_some(end + 3)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const EVIL: &str =
        "\u{1b}[31mred\u{1b}[0m\u{1b}]0;title\u{7}\u{1b}[2J\r\u{8}\u{9b}1m\u{202e}é\n\tend\u{0}";

    #[test]
    fn what_others_say_is_quoted_on_one_line_and_does_not_end_its_quotation_by_itself() {
        let said = "gone\n::error::x\u{1b}[2J\" (type this: rm -rf /) \\";
        assert_eq!(quoted(said), r#""gone\n\u{3a}:error::x' (type this: rm -rf /) \""#);
        assert_eq!(quoted(&"x".repeat(3_000)).chars().count(), QUOTED + 3);
    }

    #[test]
    fn colours_go_and_what_cannot_be_seen_is_written_out() {
        assert_eq!(text(EVIL), "red\\r\\u{9b}1m\\u{202e}é\n\tend");
        assert_eq!(text("12 Kunden, 日本"), "12 Kunden, 日本");
    }

    #[test]
    fn a_terminal_gets_colours_and_no_other_sequence_and_a_runner_no_command() {
        assert_eq!(styled("\u{1b}[1;32mok\u{1b}[0m\n"), "\u{1b}[1;32mok\u{1b}[0m\n");
        let evil = "\u{1b}[1mo\u{1b}[0m\u{1b}[2J\u{1b}]0;b\u{7}\rc\u{9b}2J";
        assert_eq!(styled(evil), r"o\u{1b}[2J\u{1b}]0;b\u{7}\rc\u{9b}2J");
        assert_eq!(styled("\u{1b}[8mhidden\u{1b}[31;5mred"), r"\u{1b}[8mhidden\u{1b}[31;5mred");
        assert_eq!(styled("\u{1b}[2m::error::x\u{1b}[0m\n"), "\\u{3a}:error::x\n");
    }

    #[test]
    fn a_document_is_cleaned_but_for_what_is_executed_or_parsed() {
        let exact = json!({"sql": "'\u{1b}'", "stdout": "\u{1b}", "config": {"env": {"LISTEN": "::"}}, "table": "a\u{200c}b"});
        let mut document = json!({"a": ["\u{1b}[2Jb", 1], "c": exact});
        json(&mut document);
        assert_eq!(document, json!({"a": ["b", 1], "c": exact}));
    }
}
