//! SQL with its keywords, strings and comments in colour. Never changes a character of it.

use anstyle::{AnsiColor, Style};

const KEYWORD: Style = AnsiColor::Cyan.on_default().bold();
const STRING: Style = AnsiColor::Green.on_default();
const COMMENT: Style = Style::new().dimmed();

/// What SQLite's DDL and the planners' statements are made of.
const KEYWORDS: &str = "
ABORT ADD AFTER ALTER ALWAYS AND AS ASC AUTOINCREMENT BEFORE BEGIN BETWEEN BY CASCADE CASE
CAST CHECK COLLATE COLUMN CONFLICT CONSTRAINT CREATE DEFAULT DEFERRABLE DEFERRED DELETE DESC
DROP EACH ELSE END EXISTS FAIL FOR FOREIGN FROM GENERATED GLOB IF IGNORE IMMEDIATE IN INDEX
INITIALLY INSERT INSTEAD INTO IS KEY LIKE NOT NULL OF ON OR ORDER PRAGMA PRIMARY REFERENCES
RENAME REPLACE RESTRICT ROLLBACK ROW ROWID SELECT SET STORED STRICT TABLE THEN TO TRIGGER
UNION UNIQUE UPDATE USING VALUES VIEW VIRTUAL WHEN WHERE WITHOUT";

/// The same text with colours in it.
pub(crate) fn sql(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (token, tail) = rest.split_at(token_length(rest, first));
        rest = tail;
        match style(token, first) {
            Some(style) => out.push_str(&format!("{style}{token}{style:#}")),
            None => out.push_str(token),
        }
    }
    out
}

fn style(token: &str, first: char) -> Option<Style> {
    match first {
        '\'' => Some(STRING),
        '-' | '/' if token.len() > 1 => Some(COMMENT),
        _ if is_keyword(token) => Some(KEYWORD),
        _ => None,
    }
}

fn is_keyword(token: &str) -> bool {
    KEYWORDS.split_ascii_whitespace().any(|keyword| keyword.eq_ignore_ascii_case(token))
}

fn token_length(text: &str, first: char) -> usize {
    let until =
        |end: &str, from: usize| text[from..].find(end).map_or(text.len(), |at| from + at + end.len());
    match first {
        '\'' | '"' | '`' => until(&first.to_string(), 1),
        '[' => until("]", 1),
        '-' if text.starts_with("--") => text.find('\n').unwrap_or(text.len()),
        '/' if text.starts_with("/*") => until("*/", 2),
        c if is_word(c) => text.find(|c| !is_word(c)).unwrap_or(text.len()),
        c => c.len_utf8(),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(text: &str) -> String {
        let plain = [(KEYWORD, "<k>"), (STRING, "<s>"), (COMMENT, "<c>")];
        let marked = plain.iter().fold(sql(text), |all, (style, mark)| all.replace(&style.to_string(), mark));
        marked.replace(&anstyle::Reset.to_string(), "</>")
    }

    #[test]
    fn keywords_strings_and_comments_are_marked() {
        assert_eq!(
            marked("create TABLE \"table\" (a DEFAULT 'drop''s', [order] INT) -- add\n/* set */ x-y"),
            "<k>create</> <k>TABLE</> \"table\" (a <k>DEFAULT</> <s>'drop'</><s>'s'</>, [order] INT) \
             <c>-- add</>\n<c>/* set */</> x-y"
        );
    }

    #[test]
    fn text_that_never_ends_its_token_is_kept() {
        for text in ["'open", "/* open", "[open", "\"open", "-", "größe 'ß"] {
            assert_eq!(anstream::adapter::strip_str(&sql(text)).to_string(), text);
        }
    }
}
