//! The canonical text of views, triggers and virtual tables.
//!
//! SQLite reads `"x"` as a string where no column `x` is in scope. Here a double-quoted word counts as a name only where its
//! place says so, or where the one SELECT, UPDATE or DELETE of its statement reads a table with such a column. Whatever
//! cannot be told keeps its quotes and letter case: a difference too many creates a view again, one too few is a lie.

use std::collections::{HashMap, HashSet};

use crate::ddl::items;
use crate::token::{
    Kind, Scope, Token, canonical, canonical_name, canonical_names, closing, fold, follows_from, quote,
    verbatim,
};

/// The folded names of columns, by the folded name of their table or view.
pub(super) type Columns = HashMap<String, HashSet<String>>;

/// `[(columns)] AS select`.
pub(super) fn view(tokens: &[Token<'_>], columns: &Columns) -> String {
    let as_ = tokens.iter().position(|t| t.is("AS")).unwrap_or(0);
    format!("{} {}", canonical_names(&tokens[..as_]), statement(&tokens[as_..], columns))
}

/// `timing event ON table [WHEN condition] BEGIN statements END`.
pub(super) fn trigger(tokens: &[Token<'_>], columns: &Columns) -> String {
    let begin = tokens.iter().position(|t| t.is("BEGIN")).unwrap_or(0);
    let when = tokens[..begin].iter().position(|t| t.is("WHEN")).unwrap_or(begin);
    // Only NEW and OLD are in scope in the condition, and their columns stand behind a dot.
    let head = format!(
        "{} {}",
        canonical_names(&tokens[..when]),
        canonical(&tokens[when..begin], Scope::AtLeast(&HashSet::new()))
    );
    let statements = tokens[begin..].split(|t| t.is_symbol(";")).map(|s| statement(s, columns));
    std::iter::once(head).chain(statements).collect::<Vec<_>>().join(" ; ")
}

fn statement(tokens: &[Token<'_>], columns: &Columns) -> String {
    let in_scope = scope(tokens, columns);
    let scope = Scope::AtLeast(&in_scope);
    match inserted_columns(tokens) {
        Some(list) => format!(
            "{} {} {}",
            canonical(&tokens[..list.start], scope),
            canonical_names(&tokens[list.clone()]),
            canonical(&tokens[list.end..], scope)
        ),
        None => canonical(tokens, scope),
    }
}

/// In `INSERT INTO t (a, b)`, the list.
fn inserted_columns(tokens: &[Token<'_>]) -> Option<std::ops::Range<usize>> {
    let into = tokens.iter().position(|t| t.is("INTO"))?;
    let open = into + 2;
    tokens.get(open).filter(|t| t.is_symbol("("))?;
    Some(open..closing(tokens, open)? + 1)
}

/// The columns that are in scope everywhere in a statement; none where it has more than one scope.
fn scope(tokens: &[Token<'_>], columns: &Columns) -> HashSet<String> {
    const WORDS: [&str; 6] = ["SELECT", "INSERT", "UPDATE", "DELETE", "VALUES", "WITH"];
    let scopes = tokens.iter().filter(|t| WORDS.iter().any(|w| t.is(w))).count();
    if scopes != 1 || tokens.iter().any(|t| t.is("INTO")) {
        return HashSet::new();
    }
    let reads = |at: usize| {
        follows_from(tokens, at) || (at > 0 && ["JOIN", "UPDATE"].iter().any(|w| tokens[at - 1].is(w)))
    };
    let tables =
        (0..tokens.len()).filter(|at| reads(*at)).filter_map(|at| columns.get(&fold(&tokens[at].name())));
    tables.flatten().cloned().collect()
}

/// `USING module (arguments)`: what an argument means is the module's affair.
pub(super) fn virtual_table(sql: &str, tokens: &[Token<'_>]) -> String {
    const OF_NAMES: [&str; 6] = ["fts3", "fts4", "fts5", "geopoly", "rtree", "rtree_i32"];
    let Some([using, module, rest @ ..]) = tokens.get(..) else { return verbatim(tokens) };
    let module = fold(&module.name());
    let arguments = match (rest.first(), rest.last()) {
        (Some(open), Some(close)) if open.is_symbol("(") && closing(rest, 0) == Some(rest.len() - 1) => {
            if OF_NAMES.contains(&module.as_str()) {
                items(rest, 1..rest.len() - 1).into_iter().map(|i| argument(&rest[i])).collect()
            } else {
                vec![sql[open.end()..close.start].trim().to_owned()]
            }
        }
        _ => vec![verbatim(rest)],
    };
    format!("{} {} ({})", fold(using.text), canonical_name(&module), arguments.join(" , "))
}

/// A column, whose name SQLite compares without letter case, or an option, whose value may depend on it.
fn argument(tokens: &[Token<'_>]) -> String {
    let is_option =
        tokens.first().is_some_and(|t| t.is("TOKENIZE")) || tokens.iter().any(|t| t.is_symbol("="));
    match tokens.split_first() {
        Some((key, value)) if is_option => format!("{} {}", fold(key.text), verbatim(value)),
        _ => {
            let name = |token: &Token<'_>| match token.kind {
                Kind::Symbol | Kind::Number | Kind::Blob => token.text.to_owned(),
                _ => quote(&fold(&token.name())),
            };
            tokens.iter().map(name).collect::<Vec<_>>().join(" ")
        }
    }
}
