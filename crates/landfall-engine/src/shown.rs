//! Text from outside as it may be shown: nothing in it moves a cursor, hides, turns the direction of writing, or speaks to whoever
//! reads a workflow's log. Values in, values out; whatever is shown or written down for people goes through here.

use std::borrow::Cow;
use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter};
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// Text of many lines: ends of lines and tabs stay, what cannot be seen is written like `\u{1b}`.
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    escaped(text, true)
}

/// Text on one line: ends of lines are written `\n`, `\r`.
#[must_use]
pub fn shown_in_line(text: &str) -> Cow<'_, str> {
    escaped(text, false)
}

/// The same for text that is one's own.
pub(crate) fn in_line(text: String) -> String {
    match shown_in_line(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(written) => written,
    }
}

/// A document in JSON, of which nothing has to be escaped again: what cannot be seen is written `\u001b`, which means the same.
///
/// # Errors
/// When the value cannot be serialized.
pub fn json(value: &impl Serialize) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    value
        .serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, Plain(PrettyFormatter::new())))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether nobody sees it, or it makes others look other than they are.
fn is_hidden(c: char) -> bool {
    use GeneralCategory::{Control, Format, LineSeparator, ParagraphSeparator, Unassigned};
    // As below, without a search of tables: every line of a service's log comes by.
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    // Letters and marks by their category, and nothing to see: the rest of Unicode's Default_Ignorable_Code_Point.
    let is_filler = matches!(c,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0100}'..='\u{e01ef}');
    let category = c.general_category();
    is_filler || matches!(category, Control | Format | LineSeparator | ParagraphSeparator | Unassigned)
}

/// GitHub's runner takes what begins a line with `::`, and `##[` anywhere, for a command to itself
/// (<https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs>).
fn escaped(text: &str, has_lines: bool) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b':' | b'[')) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut begins_line = true;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        match c {
            '\n' | '\t' if has_lines => out.push(c),
            '\r' if has_lines && next == Some('\n') => out.push(c),
            '\n' => out.push_str(r"\n"),
            '\r' => out.push_str(r"\r"),
            '\t' => out.push_str(r"\t"),
            ':' if begins_line && next == Some(':') => out.extend(c.escape_unicode()),
            '[' if out.ends_with("##") => out.extend(c.escape_unicode()),
            c if is_hidden(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
        begins_line = out.ends_with(c) && (c == '\n' || begins_line && c.is_whitespace());
    }
    if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) }
}

/// Pretty JSON with more of its strings escaped.
struct Plain(PrettyFormatter<'static>);

impl Formatter for Plain {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut before = ['\0'; 2];
        for c in fragment.chars() {
            if is_hidden(c) || c == '[' && before == ['#', '#'] {
                for unit in c.encode_utf16(&mut [0; 2]).iter() {
                    write!(writer, "\\u{unit:04x}")?;
                }
            } else {
                writer.write_all(c.encode_utf8(&mut [0; 4]).as_bytes())?;
            }
            before = [before[1], c];
        }
        Ok(())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::*;

    #[test]
    fn text_that_can_be_seen_stays_as_it_is() {
        for text in ["a b: c [d] ## e", "naïve-name", "日本 हिन्दी e\u{301} 🦀", "a\n\tb\n", "a::b", "x[#]"]
        {
            assert!(matches!(shown(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        assert_eq!(shown("\u{1b}]0;t\u{7}\u{9b}1m\u{7f}\0"), r"\u{1b}]0;t\u{7}\u{9b}1m\u{7f}\u{0}");
        assert_eq!(
            shown("a\u{202e}b\u{2066}c\u{200b}d\u{feff}e\u{ad}f\u{fe00}g\u{fe0f}h\u{e0100}i\u{180b}"),
            r"a\u{202e}b\u{2066}c\u{200b}d\u{feff}e\u{ad}f\u{fe00}g\u{fe0f}h\u{e0100}i\u{180b}"
        );
        assert_eq!(
            shown("a\u{85}b\u{2028}c\u{2029}d\u{e0041}\u{3164}"),
            r"a\u{85}b\u{2028}c\u{2029}d\u{e0041}\u{3164}"
        );
        assert_eq!(shown("a\r\nb\rc"), "a\r\nb\\rc");
        assert_eq!(shown_in_line("a\r\nb\tc"), r"a\r\nb\tc");
    }

    #[test]
    fn nothing_speaks_to_the_runner_of_a_workflow() {
        assert_eq!(shown("::error::a\n \t::b\n a ::c"), "\\u{3a}:error::a\n \t\\u{3a}:b\n a ::c");
        assert_eq!(shown_in_line("x\n::b"), r"x\n::b");
        assert_eq!(shown("a ##[group]b\r##[c"), r"a ##\u{5b}group]b\r##\u{5b}c");
    }

    #[test]
    fn what_is_shown_is_shown_as_it_is_the_second_time() {
        for text in ["::a", "##[a]", "\u{1b}\r\n\u{85}", "\u{2028}::a"] {
            let once = shown(text).into_owned();
            assert_eq!(shown(&once), once);
        }
    }

    #[test]
    fn json_means_the_same_and_hides_nothing() {
        let value = serde_json::json!({"a\u{202e}": ["\u{1b}\u{7f}\u{9b}\n\"\\", "\u{2028}\u{e0041}", "##[x]", [], {}, 1.5, null]});
        let text = json(&value).unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        assert_eq!(shown(&text), text);
        let plain = serde_json::json!({"a": [1, {"b": "é"}]});
        assert_eq!(json(&plain).unwrap(), serde_json::to_string_pretty(&plain).unwrap());
    }
}
