//! What a virtual table keeps itself, and what it only indexes.

use crate::schema::model::VirtualTable;
use crate::token::{Token, fold, tokenize};

/// Where the rows of a virtual table are, as far as a migration must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// In shadow tables of its own, as they were written (FTS).
    Own,
    /// In shadow tables of its own, with the rowid as its first column and coordinates as this module rounds them (R*Tree).
    Boxes(String),
    /// In another table or view; it holds an index over that (FTS `content=`).
    In(String),
    /// Nowhere: only index entries, which cannot be read back (FTS `content=''`).
    Nowhere,
    /// A module that this crate knows nothing of.
    Unknown,
}

impl VirtualTable {
    pub(crate) fn content(&self) -> Content {
        content(&self.sql)
    }

    /// The folded name of the hidden column that holds the language of a row (FTS4 `languageid=`).
    pub(crate) fn language(&self) -> Option<String> {
        language(&self.sql)
    }

    /// The column of the content table that is the rowid of an FTS5 index over it.
    pub(crate) fn content_rowid(&self) -> String {
        option(&self.sql, "content_rowid").unwrap_or_else(|| "rowid".to_owned())
    }

    pub(crate) fn is_fts5(&self) -> bool {
        module(&self.sql) == "fts5"
    }

    /// Whether it indexes text. Its entries outlive the rows that they were made of.
    pub(crate) fn is_full_text(&self) -> bool {
        matches!(module(&self.sql).as_str(), "fts3" | "fts4" | "fts5")
    }

    /// Whether its module is one of those for text, whatever it keeps.
    pub(crate) fn is_about_text(&self) -> bool {
        module(&self.sql).starts_with("fts")
    }

    /// Whether it is an index over text that nobody keeps (`content=''`).
    pub(crate) fn is_contentless(&self) -> bool {
        option(&self.sql, "content").is_some_and(|name| name.is_empty())
    }
}

/// Where the rows of the virtual table that `sql` creates are.
pub(crate) fn content(sql: &str) -> Content {
    match module(sql).as_str() {
        module @ ("rtree" | "rtree_i32") => Content::Boxes(module.to_owned()),
        // A value with a locale reads as its text alone (<https://www.sqlite.org/fts5.html#the_locale_option>).
        "fts5" if option(sql, "locale").is_some_and(|on| on != "0") => Content::Unknown,
        "fts3" | "fts4" | "fts5" => match option(sql, "content") {
            None => Content::Own,
            Some(name) if name.is_empty() => Content::Nowhere,
            Some(name) => Content::In(name),
        },
        _ => Content::Unknown,
    }
}

/// Whether a SELECT tells of no row that it keeps: an index over another table shows that table's, and FTS4 without content fails.
pub(crate) fn shows_no_rows_of_its_own(sql: &str) -> bool {
    match content(sql) {
        Content::In(_) => true,
        Content::Nowhere => module(sql) != "fts5",
        Content::Own | Content::Boxes(_) | Content::Unknown => false,
    }
}

pub(crate) fn language(sql: &str) -> Option<String> {
    (module(sql) == "fts4").then(|| option(sql, "languageid")).flatten().map(|name| fold(&name))
}

fn module(sql: &str) -> String {
    let tokens = tokenize(sql).unwrap_or_default();
    let using = tokens.iter().position(|t| t.is("USING"));
    using.and_then(|at| tokens.get(at + 1)).map(|t| fold(&t.name())).unwrap_or_default()
}

/// The options of FTS5, in the order in which it looks: it takes the beginning of a name for all of it (`fts5_config.c`).
const OPTIONS: [&str; 10] = [
    "prefix",
    "tokenize",
    "content",
    "contentless_delete",
    "contentless_unindexed",
    "content_rowid",
    "columnsize",
    "locale",
    "detail",
    "tokendata",
];

/// The text of an FTS5 table with this tokenizer in place of the one that it names; `None` where it names none, or is none.
pub(crate) fn with_tokenizer(sql: &str, tokenizer: &str) -> Option<String> {
    let tokens = tokenize(sql).unwrap_or_default();
    let at = place_of_option(&tokens, "tokenize").filter(|_| module(sql) == "fts5")?;
    let value = tokens.get(at + 2)?;
    Some(format!("{}'{tokenizer}'{}", &sql[..value.start], &sql[value.end()..]))
}

/// The value of `name = value` among the arguments.
fn option(sql: &str, name: &str) -> Option<String> {
    let tokens = tokenize(sql).unwrap_or_default();
    let at = place_of_option(&tokens, name)?;
    // `content=` without a value means contentless, too.
    let value = tokens.get(at + 2).filter(|t| !t.is_symbol(",") && !t.is_symbol(")"));
    Some(value.map(|t| t.name()).unwrap_or_default())
}

fn place_of_option(tokens: &[Token<'_>], name: &str) -> Option<usize> {
    let is_it = |key: &Token<'_>| {
        let key = fold(&key.name());
        key == name || OPTIONS.iter().find(|option| option.starts_with(&key)) == Some(&name)
    };
    // Of several, FTS4 takes the last; FTS5 allows but one.
    tokens.windows(2).rposition(|pair| pair[1].is_symbol("=") && is_it(&pair[0]))
}
