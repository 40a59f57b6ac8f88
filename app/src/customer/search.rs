//! Who is looked for. Decided here and not by SQLite, whose LIKE knows the letter case of ASCII alone.

use std::collections::BTreeSet;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, Error};

/// The longest text that is looked for, in characters: two names as long as they may be.
const SEARCH_LIMIT: usize = 200;

/// Words that all have to occur in "first last", whatever their letter case; none of them finds everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Search(String);

impl Search {
    /// What somebody typed; the error is for the person who typed it.
    pub(crate) fn new(typed: &str) -> Result<Self, String> {
        let length = typed.chars().count();
        if length > SEARCH_LIMIT {
            return Err(format!("The search has {length} characters; {SEARCH_LIMIT} is the most"));
        }
        // Each word once: what is asked a hundred times is not looked for as often.
        let words: BTreeSet<_> = typed.split_whitespace().map(folded).collect();
        Ok(Self(Vec::from_iter(words).join(" ")))
    }

    /// Whether somebody is looked for.
    pub(crate) fn has_words(&self) -> bool {
        !self.0.is_empty()
    }

    /// As `finds` in SQL takes it.
    pub(super) fn words(&self) -> &str {
        &self.0
    }
}

/// Gives a connection the SQL function `finds(words, first_name, last_name)`.
pub(crate) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("finds", 3, flags, |call| {
        Ok(finds(text(call, 0)?, text(call, 1)?, text(call, 2)?))
    })
}

fn text<'a>(call: &'a Context<'_>, argument: usize) -> rusqlite::Result<&'a str> {
    let refused = |error: FromSqlError| Error::UserFunctionError(error.into());
    call.get_raw(argument).as_str().map_err(refused)
}

fn finds(words: &str, first: &str, last: &str) -> bool {
    let name = folded(&[first, last].join(" "));
    words.split(' ').all(|word| name.contains(word))
}

/// Without its letter case. Letter by letter: a whole text would make Σ at its end another letter than inside.
fn folded(text: &str) -> String {
    // Most names are ASCII, and a search does little else than this: letter by letter it takes three times as long in all.
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn found(typed: &str, first: &str, last: &str) -> bool {
        finds(Search::new(typed).unwrap().words(), first, last)
    }

    #[test]
    fn every_word_must_occur_in_any_order_and_anywhere() {
        assert!(found("love ADA", "Ada", "Lovelace"));
        assert!(found("  lace\u{3000}da ", "Ada", "Lovelace"));
        assert!(!found("ada grace", "Ada", "Lovelace"));
        assert!(!found("adalovelace", "Ada", "Lovelace"));
    }

    #[test]
    fn letter_case_does_not_count_in_any_alphabet() {
        assert!(found("ÉVA", "éva", "x") && found("éva", "ÉVA", "x"));
        assert!(found("straße", "STRASSE", "x") && found("STRASSE", "Straße", "x"));
        assert!(found("σίσυφος", "ΣΊΣΥΦΟΣ", "x") && found("ΣΊΣ", "Σίσυφος", "x"));
        assert!(!found("eva", "Éva", "x"));
    }

    #[test]
    fn ascii_is_folded_as_every_other_letter_is() {
        let ascii = String::from_iter('\0'..='\x7f');
        assert_eq!(format!("{}é", folded(&ascii)), folded(&format!("{ascii}É")));
    }

    #[test]
    fn what_like_and_glob_take_for_wildcards_are_letters_here() {
        assert!(found("100%", "100%", "x") && !found("1%0", "100", "x"));
        assert!(found("a_b", "A_B", "x") && !found("a_b", "axb", "x"));
        assert!(!found("*", "Ada", "Lovelace"));
    }

    #[test]
    fn a_word_that_is_typed_again_is_looked_for_once() {
        assert_eq!(Search::new("É ada é ADA É"), Search::new("ada é"));
    }

    #[test]
    fn no_word_finds_everybody() {
        assert_eq!(Search::new(" \t "), Search::new(""));
        assert_eq!(Search::new(" \t ").unwrap().words(), "");
        assert!(found("", "Ada", "Lovelace"));
    }

    #[test]
    fn what_no_name_is_long_enough_for_is_not_looked_for() {
        assert!(Search::new(&"é".repeat(200)).is_ok());
        assert_eq!(
            Search::new(&"é".repeat(201)).unwrap_err(),
            "The search has 201 characters; 200 is the most"
        );
    }
}
