//! TOML as tables whose keys know the lines that they are on.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A table of the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'a> {
    /// The line that it begins on.
    pub(super) line: usize,
    text: &'a str,
    entries: &'a DeTable<'a>,
}

/// A key of a table, with its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    /// The key.
    pub(super) name: &'a str,
    /// The line that the key is on.
    pub(super) line: usize,
    text: &'a str,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Table<'a> {
    /// The whole file: `entries` is what `text` was parsed to.
    pub(super) fn file(text: &'a str, entries: &'a DeTable<'a>) -> Self {
        Self { line: 1, text, entries }
    }

    /// All that it holds.
    pub(super) fn entries(self) -> impl Iterator<Item = Entry<'a>> {
        self.entries.iter().map(move |(key, value)| Entry {
            name: key.get_ref().as_ref(),
            line: line(self.text, key.span().start),
            text: self.text,
            value,
        })
    }

    /// The entry with this name.
    pub(super) fn get(self, name: &str) -> Option<Entry<'a>> {
        self.entries().find(|entry| entry.name == name)
    }

    /// The tables below this name: Fly takes a table for a list of one.
    pub(super) fn tables(self, name: &str) -> Vec<Self> {
        self.get(name).map(Entry::tables).unwrap_or_default()
    }

    /// The strings of the list with this name.
    pub(super) fn words(self, name: &str) -> Vec<&'a str> {
        self.get(name).map(Entry::words).unwrap_or_default()
    }
}

impl<'a> Entry<'a> {
    /// The value as a person wrote it, without the quotes of a string.
    pub(super) fn plain(self) -> &'a str {
        self.string().unwrap_or_else(|| self.written())
    }

    /// The value as it is written.
    pub(super) fn written(self) -> &'a str {
        &self.text[self.value.span()]
    }

    /// The value, where it is a string.
    pub(super) fn string(self) -> Option<&'a str> {
        self.value.get_ref().as_str()
    }

    /// The value, where it is a whole number.
    pub(super) fn integer(self) -> Option<i64> {
        let number = self.value.get_ref().as_integer()?;
        i64::from_str_radix(number.as_str(), number.radix()).ok()
    }

    /// The value, where it is a table.
    pub(super) fn table(self) -> Option<Table<'a>> {
        let entries = self.value.get_ref().as_table()?;
        Some(Table { line: self.line, text: self.text, entries })
    }

    /// Whether it is a list or a table with nothing in it, or a string without a character.
    pub(super) fn is_empty(self) -> bool {
        match self.value.get_ref() {
            DeValue::Array(list) => list.is_empty(),
            DeValue::Table(table) => table.is_empty(),
            DeValue::String(text) => text.is_empty(),
            _ => false,
        }
    }

    fn tables(self) -> Vec<Table<'a>> {
        let listed = self.value.get_ref().as_array().into_iter().flat_map(|list| list.iter());
        let listed = listed.filter_map(|item| {
            let entries = item.get_ref().as_table()?;
            Some(Table { line: line(self.text, item.span().start), text: self.text, entries })
        });
        self.table().into_iter().chain(listed).collect()
    }

    fn words(self) -> Vec<&'a str> {
        let list = self.value.get_ref().as_array().into_iter().flat_map(|list| list.iter());
        list.filter_map(|item| item.get_ref().as_str()).collect()
    }
}

/// The line that an error is about; 1 where it says none.
pub(super) fn line_of(text: &str, error: &toml::de::Error) -> usize {
    error.span().map_or(1, |span| line(text, span.start))
}

/// The line of a place in a text, counted from 1.
fn line(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}
