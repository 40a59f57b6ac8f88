//! What `sqlite3 db .schema` and `.dump` write beside the schema itself: SQLite's own tables and those that virtual tables make, with
//! their rows, and `DROP … IF EXISTS` in front of a CREATE. It is taken out of the text, in which every place stays.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rusqlite::Connection;

use crate::ddl::{self, Head, ObjectKind, split};
use crate::replica;
use crate::settings::Settings;
use crate::token::{BadToken, Kind, Token, fold, tokenize};

/// The text with white space in the place of whatever declares nothing; as long as it was, line for line.
pub(super) fn without<'t>(text: &'t str, settings: &Settings) -> Result<Cow<'t, str>, BadToken> {
    let tokens = tokenize(text)?;
    let statements = split(&tokens);
    let mut plain = Cow::Borrowed(text);
    for (at, statement) in statements.iter().enumerate() {
        if let Some((place, sql)) = virtual_table(statement) {
            blank(&mut plain, range(statement));
            // The text of a literal has as many lines as it, and is no longer.
            let width = place.len();
            plain.to_mut().replace_range(place, &format!("{sql:width$}"));
        } else if is_of_sqlite(statement) || drops_nothing(statement, &statements[..at]) {
            blank(&mut plain, range(statement));
        }
    }
    without_shadows(&mut plain, settings)?;
    Ok(plain)
}

fn range(statement: &[Token<'_>]) -> Range<usize> {
    statement[0].start..statement[statement.len() - 1].end()
}

fn blank(text: &mut Cow<'_, str>, range: Range<usize>) {
    let white: String = text[range.clone()].bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }).collect();
    text.to_mut().replace_range(range, &white);
}

/// `word word … [main.]name`: the name, and what follows it.
fn behind<'s, 'a>(statement: &'s [Token<'a>], words: &[&str]) -> Option<(String, &'s [Token<'a>])> {
    let begins = statement.len() > words.len() && statement.iter().zip(words).all(|(t, word)| t.is(word));
    let rest = if begins { &statement[words.len()..] } else { return None };
    match rest {
        [_, dot, name, rest @ ..] if dot.is_symbol(".") => Some((fold(&name.name()), rest)),
        [name, rest @ ..] => Some((fold(&name.name()), rest)),
        [] => None,
    }
}

/// The table whose rows a statement writes.
fn written(statement: &[Token<'_>]) -> Option<String> {
    behind(statement, &["INSERT", "INTO"])
        .or_else(|| behind(statement, &["DELETE", "FROM"]))
        .map(|(name, _)| name)
}

fn is_catalogue(name: &str) -> bool {
    matches!(name, "sqlite_schema" | "sqlite_master")
}

/// Marks of AUTOINCREMENT, statistics of ANALYZE, and what lets a dump write into the catalogue.
fn is_of_sqlite(statement: &[Token<'_>]) -> bool {
    let is_own = |name: &str| name == "sqlite_sequence" || name.starts_with("sqlite_stat");
    let created = ddl::head(statement).filter(|head| head.kind == ObjectKind::Table);
    created.is_some_and(|head| is_own(&fold(&head.name)))
        || written(statement).is_some_and(|name| is_own(&name))
        || behind(statement, &["ANALYZE"]).is_some_and(|(name, _)| is_catalogue(&name))
        || behind(statement, &["PRAGMA"]).is_some_and(|(name, _)| name == "writable_schema")
}

/// `DROP … IF EXISTS` of what no statement before it declares.
fn drops_nothing(statement: &[Token<'_>], before: &[&[Token<'_>]]) -> bool {
    let kinds = ["TABLE", "INDEX", "VIEW", "TRIGGER"];
    let dropped = kinds.iter().find_map(|kind| behind(statement, &["DROP", kind, "IF", "EXISTS"]));
    dropped.is_some_and(|(name, rest)| {
        rest.is_empty() && !before.iter().any(|s| ddl::head(s).is_some_and(|h| fold(&h.name) == name))
    })
}

/// A virtual table as `.dump` writes it, a row of the catalogue: where its statement stands, and the statement.
fn virtual_table(statement: &[Token<'_>]) -> Option<(Range<usize>, String)> {
    let (_, rest) = behind(statement, &["INSERT", "INTO"]).filter(|(name, _)| is_catalogue(name))?;
    let values = rest.iter().position(|token| token.is("VALUES"))?;
    let [open, kind, _, _, _, _, _, _, _, sql, close] = &rest[values + 1..] else { return None };
    let is_row =
        open.is_symbol("(") && kind.name() == "table" && sql.kind == Kind::Text && close.is_symbol(")");
    let text = sql.name();
    let creates =
        |tokens: &Vec<Token<'_>>| ddl::head(tokens).is_some_and(|h| h.kind == ObjectKind::VirtualTable);
    (is_row && tokenize(&text).is_ok_and(|tokens| creates(&tokens))).then_some((sql.start..sql.end(), text))
}

/// Takes out the tables that virtual tables of the same text make for themselves, and their rows. Another table by such a name stays.
fn without_shadows(plain: &mut Cow<'_, str>, settings: &Settings) -> Result<(), BadToken> {
    let text = plain.clone();
    let tokens = tokenize(&text)?;
    let statements = split(&tokens);
    let heads: Vec<_> = statements.iter().map(|statement| ddl::head(statement)).collect();
    let owners: Vec<_> =
        heads.iter().flatten().filter(|h| h.kind == ObjectKind::VirtualTable).map(owner).collect();
    let may_be_made = |head: &Head| {
        head.kind == ObjectKind::Table && owners.iter().any(|owner| fold(&head.name).starts_with(owner))
    };
    let candidates: BTreeSet<_> =
        (0..statements.len()).filter(|at| heads[*at].as_ref().is_some_and(may_be_made)).collect();
    if candidates.is_empty() {
        return Ok(());
    }
    let others = (0..statements.len()).filter(|at| !candidates.contains(at));
    let others: Vec<_> = others.map(|at| &text[range(statements[at])]).collect();
    // Where nothing can be made here, nothing is taken out, and SQLite says what is wrong.
    let made = made(&others, settings).unwrap_or_default();
    let columns =
        |at: &usize| Some(ddl::table(statements[*at])?.columns.iter().map(|c| fold(&c.name)).collect());
    let name = |at: &usize| heads[*at].as_ref().map(|head| fold(&head.name)).unwrap_or_default();
    let is_made =
        |at: &&usize| columns(at).is_some_and(|columns: Vec<_>| made.get(&name(at)) == Some(&columns));
    let shadows: BTreeSet<_> = candidates.iter().filter(is_made).copied().collect();
    let names: BTreeSet<_> = shadows.iter().map(name).collect();
    for (at, statement) in statements.iter().enumerate() {
        if shadows.contains(&at) || written(statement).is_some_and(|name| names.contains(&name)) {
            blank(plain, range(statement));
        }
    }
    Ok(())
}

/// What the names of the tables of a virtual one begin with.
fn owner(head: &Head) -> String {
    format!("{}_", fold(&head.name))
}

/// The tables that are there, by their folded names, when these statements were executed as far as they can be, with their columns.
fn made(statements: &[&str], settings: &Settings) -> rusqlite::Result<BTreeMap<String, Vec<String>>> {
    let conn = replica::memory(settings)?;
    // A second time for those that read a table which comes later.
    for sql in statements.iter().chain(statements).filter(|sql| is_table(sql)) {
        let _exists_or_is_told_later = conn.execute_batch(sql);
    }
    columns(&conn)
}

fn is_table(sql: &str) -> bool {
    let tokens = tokenize(sql).unwrap_or_default();
    let is_table = |head: &Head| {
        let copies_rows = tokens.get(head.body).is_some_and(|token| token.is("AS"));
        matches!(head.kind, ObjectKind::Table | ObjectKind::VirtualTable) && !copies_rows && !head.temporary
    };
    ddl::head(&tokens).is_some_and(|head| is_table(&head))
}

fn columns(conn: &Connection) -> rusqlite::Result<BTreeMap<String, Vec<String>>> {
    let mut statement = conn.prepare(
        "SELECT lower(t.name), lower(c.name) FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
         WHERE t.type = 'table' AND t.rootpage > 0 ORDER BY t.name, c.cid",
    )?;
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        found.entry(row.get(0)?).or_default().push(row.get(1)?);
    }
    Ok(found)
}
