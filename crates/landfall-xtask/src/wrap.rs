//! Lines as wide as the terminal, broken between words: values in, text out. What is there to be typed stays in one piece, so that it can be copied.

use textwrap::core::Word;
use textwrap::{Options, WordSeparator, WordSplitter};

/// What a command begins with.
const PROGRAMS: [&str; 6] = ["cargo ", "docker ", "fly ", "git ", "landfall ", "rustup "];
/// What stands in front of one.
const BEFORE: [&str; 4] = [": ", "; ", "&& ", "`"];
/// What stands behind one.
const BEHIND: [&str; 5] = ["`", "; ", " (", ", ", " && "];

/// The text with no line wider than `width`, but for what is one word; a line goes on `indent` columns further in than it begins.
pub(crate) fn wrap(text: &str, width: usize, indent: usize) -> String {
    let lines = text.split('\n').map(|line| {
        let own = line.len() - line.trim_start().len();
        let indent = " ".repeat(own + indent);
        let options = Options::new(width)
            .subsequent_indent(&indent)
            .break_words(false)
            .word_splitter(WordSplitter::NoHyphenation)
            .word_separator(WordSeparator::Custom(|line| Box::new(words(line).into_iter().map(Word::from))));
        textwrap::wrap(line, options).join("\n")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The words of a line, each with the white space behind it; a command is one.
fn words(line: &str) -> Vec<&str> {
    let (mut words, mut from) = (Vec::new(), 0);
    while from < line.len() {
        let end = from + word(&line[..from], &line[from..]);
        words.push(&line[from..end]);
        from = end;
    }
    words
}

/// How long the word is that `rest` begins with.
fn word(before: &str, rest: &str) -> usize {
    let letters = match command(before, rest) {
        Some(length) => length,
        None => rest.find(' ').unwrap_or(rest.len()),
    };
    let rest = &rest[letters..];
    letters + rest.len() - rest.trim_start_matches(' ').len()
}

/// How long the command is that `rest` begins with, with what is quoted with it.
fn command(before: &str, rest: &str) -> Option<usize> {
    let text = rest.trim_start_matches('`');
    let quote = rest.len() - text.len();
    let is_first = before.trim().is_empty() || quote > 0 || BEFORE.iter().any(|end| before.ends_with(end));
    if !is_first || !PROGRAMS.iter().any(|program| text.starts_with(program)) {
        return None;
    }
    let end = BEHIND.iter().filter_map(|end| text.find(end)).min().unwrap_or(text.len());
    // A comma or a closing quote belongs to it.
    let end = end + text[end..].find(' ').unwrap_or(text.len() - end);
    Some(quote + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_go_on_where_they_began() {
        let text = "error: the change of var/shop.sqlite was refused; nothing was changed\n  DROPS_COLUMN: column customers.name would be dropped with its values\n";
        assert_eq!(
            wrap(text, 40, 0),
            "error: the change of var/shop.sqlite was\nrefused; nothing was changed\n  DROPS_COLUMN: column customers.name\n  would be dropped with its values\n"
        );
        assert_eq!(
            wrap("     Applied 1 step to the database", 25, 8),
            "     Applied 1 step to\n             the database"
        );
    }

    #[test]
    fn what_is_typed_stays_in_one_piece() {
        let command = "cargo xtask migrate --allow DROPS_COLUMN:customers.name";
        assert_eq!(wrap(&format!("to accept it: {command}"), 40, 0), format!("to accept it:\n{command}"));
        assert_eq!(wrap(command, 40, 0), command);
        assert_eq!(
            wrap(
                "read it with `landfall status --format json`, or push: git push origin HEAD; then go on",
                30,
                0
            ),
            "read it with\n`landfall status --format json`,\nor push: git push origin HEAD;\nthen go on"
        );
        assert_eq!(
            wrap("an app of cargo and git in a crate", 12, 0),
            "an app of\ncargo and\ngit in a\ncrate"
        );
    }

    #[test]
    fn colours_have_no_width() {
        let red = "\u{1b}[1;31merror\u{1b}[0m: two words";
        assert_eq!(wrap(red, 16, 0), red);
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        for text in ["", "\n", "  a  b\n\n  c\n"] {
            assert_eq!(wrap(text, 40, 0), text);
        }
    }
}
