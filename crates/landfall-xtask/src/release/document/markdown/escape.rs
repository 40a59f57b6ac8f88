//! Text of others inside GitHub's Markdown: shown as it is, whatever is in it.

use landfall_engine::shown;

use crate::release::document::words;
use crate::text;

/// In characters: more of a name or a sentence tells a reader nothing.
const INLINE: usize = 1_000;
/// In characters: the same for a statement and for a line of a file.
const BLOCK: usize = 2_000;

/// Text as text: no emphasis, no tag, nobody who is told of it.
pub(super) fn plain(text: &str) -> String {
    escaped(&shorter(&shown(text), INLINE))
}

/// Text as text, but for what it has between backticks.
pub(super) fn prose(text: &str) -> String {
    let text = shorter(&shown(text), INLINE);
    let spans = words::spans(&text);
    spans.iter().map(|span| if span.is_code { ticked(span.text) } else { escaped(span.text) }).collect()
}

/// Text as code, on one line; nothing where there is none.
pub(super) fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { ticked(&shorter(&shown(text), INLINE)) }
}

/// What stands in a block of code.
pub(super) fn block(text: &str) -> String {
    shorter(&shown(text), BLOCK)
}

/// What has to stand before and after that.
pub(super) fn fence(text: &str) -> String {
    "`".repeat((longest_run(text) + 1).max(3))
}

/// A row of a table, of cells that are Markdown.
pub(super) fn row(cells: &[String]) -> String {
    let cells: String = cells.iter().map(|cell| format!(" {} |", cell.replace('|', "\\|"))).collect();
    format!("|{cells}\n")
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            // Whoever has that name on GitHub would get a message, for `@renamed` too.
            '@' => out.push_str("@&#8203;"),
            '\\' | '`' | '*' | '_' | '~' | '[' | ']' | '#' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

fn ticked(text: &str) -> String {
    let ticks = "`".repeat(longest_run(text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{ticks}{pad}{}{pad}{ticks}", text.replace(['\n', '\r'], " "))
}

/// The beginning of a text that is too long, and how much is left out.
fn shorter(text: &str, longest: usize) -> String {
    match text.chars().count().saturating_sub(longest) {
        0 => text.to_owned(),
        more => format!("{} ({} left out)", text::cut(text, longest), text::count(more as u64, "character")),
    }
}

/// How many backticks follow each other at most.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup_or_calls_anybody() {
        assert_eq!(
            plain("a_b *c* <script> [d](e)\n# @renamed"),
            r"a\_b \*c\* &lt;script> \[d\](e) \# @&#8203;renamed"
        );
    }

    #[test]
    fn code_survives_backticks() {
        assert_eq!(code("a``b"), "```a``b```");
        assert_eq!(code("`a`"), "`` `a` ``");
        assert_eq!(code(""), "");
    }

    #[test]
    fn what_is_code_in_a_sentence_is_code() {
        assert_eq!(prose("write `-- @x y_z` in a_b"), r"write `-- @x y_z` in a\_b");
    }

    #[test]
    fn a_block_with_fences_in_it_gets_a_longer_one() {
        assert_eq!(fence("a"), "```");
        assert_eq!(fence("a ``` b"), "````");
    }

    #[test]
    fn a_cell_holds_the_sign_that_ends_cells() {
        assert_eq!(row(&[code("a|b"), plain("c|d")]), "| `a\\|b` | c\\|d |\n");
    }

    #[test]
    fn what_is_too_long_is_cut_with_a_word_of_how_much() {
        let text = plain(&"a".repeat(13_000));
        assert!(text.ends_with("aaa… (12,000 characters left out)"), "{text}");
    }
}
