//! What a virtual table keeps itself, and what it only indexes.

use crate::schema::VirtualTable;
use crate::token::{fold, tokenize};

/// Where the rows of a virtual table are, as far as a migration must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// In shadow tables of its own, readable by rowid.
    Own,
    /// In shadow tables of its own, with the rowid as its first column (rtree).
    OwnWithKey,
    /// In another table or view; it holds an index over that (FTS5 `content=`).
    In(String),
    /// Nowhere: only index entries, which cannot be read back (FTS5 `content=''`).
    Nowhere,
    /// A module that this crate knows nothing of.
    Unknown,
}

impl VirtualTable {
    pub(crate) fn content(&self) -> Content {
        match self.module().as_str() {
            "rtree" | "rtree_i32" => Content::OwnWithKey,
            "fts5" => match self.option("content") {
                None => Content::Own,
                Some(name) if name.is_empty() => Content::Nowhere,
                Some(name) => Content::In(name),
            },
            "fts3" | "fts4" if self.option("content").is_none() => Content::Own,
            _ => Content::Unknown,
        }
    }

    pub(crate) fn is_fts5(&self) -> bool {
        self.module() == "fts5"
    }

    /// Whether it indexes text. Its entries outlive the rows that they were made of.
    pub(crate) fn is_full_text(&self) -> bool {
        matches!(self.module().as_str(), "fts3" | "fts4" | "fts5")
    }

    /// Whether it is an index over text that nobody keeps (`content=''`).
    pub(crate) fn is_contentless(&self) -> bool {
        self.option("content").is_some_and(|name| name.is_empty())
    }

    fn module(&self) -> String {
        let tokens = tokenize(&self.sql).unwrap_or_default();
        let using = tokens.iter().position(|t| t.is("USING"));
        using.and_then(|at| tokens.get(at + 1)).map(|t| fold(&t.name())).unwrap_or_default()
    }

    /// The value of `name = value` among the arguments.
    fn option(&self, name: &str) -> Option<String> {
        let tokens = tokenize(&self.sql).unwrap_or_default();
        let at =
            tokens.windows(2).position(|pair| fold(&pair[0].name()) == name && pair[1].is_symbol("="))?;
        // `content=` without a value means contentless, too.
        let value = tokens.get(at + 2).filter(|t| !t.is_symbol(",") && !t.is_symbol(")"));
        Some(value.map(|t| t.name()).unwrap_or_default())
    }
}
