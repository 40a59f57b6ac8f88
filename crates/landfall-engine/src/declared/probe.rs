//! What CREATE accepts and the first use refuses: unknown functions and collations.

use std::collections::BTreeSet;

use rusqlite::Connection;

use crate::answer::or_refusal;
use crate::schema::Schema;
use crate::token::{fold, quote};
use crate::words::Unknown;

/// SQLite's message about the first unknown function or collation. Views and triggers that cannot be used for another reason,
/// such as a missing table, are SQLite's own affair: it allows them.
pub(super) fn unknown(conn: &Connection, schema: &Schema) -> rusqlite::Result<Option<String>> {
    let collations: BTreeSet<_> =
        schema.tables.iter().flat_map(|t| &t.columns).map(|c| &c.collation).collect();
    for collation in collations {
        let known = "SELECT EXISTS (SELECT 1 FROM pragma_collation_list WHERE lower(name) = ?1)";
        if !conn.prepare_cached(known)?.query_row([collation], |row| row.get::<_, bool>(0))? {
            return Ok(Some(Unknown::Collation(collation).to_string()));
        }
    }
    let views = schema.views.iter().map(|v| format!("SELECT 1 FROM {}", quote(&v.name)));
    let mut uses: Vec<String> = views.collect();
    for trigger in &schema.triggers {
        uses.extend(firing(conn, &trigger.table)?);
    }
    for sql in &uses {
        if let Err(message) = or_refusal(conn.prepare(sql))?
            && matches!(Unknown::in_message(&message), Some(Unknown::Function(_) | Unknown::Collation(_)))
        {
            return Ok(Some(message));
        }
    }
    Ok(None)
}

/// Statements that together compile every trigger of a table or view.
pub(crate) fn firing(conn: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    statements(conn, table, &[Verb::Delete, Verb::Insert, Verb::Update])
}

/// A kind of statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Select,
    Insert,
    Update,
    Delete,
}

impl Verb {
    pub(crate) const ALL: [Self; 4] = [Self::Select, Self::Insert, Self::Update, Self::Delete];
}

/// A statement of each of these kinds on a table or view, which concerns every column of it.
pub(crate) fn statements(conn: &Connection, table: &str, verbs: &[Verb]) -> rusqlite::Result<Vec<String>> {
    let mut statement = conn.prepare_cached("SELECT name FROM pragma_table_info(?1, 'main')")?;
    let columns = statement.query_map([table], |row| row.get::<_, String>(0))?;
    // A view that cannot be read has no columns.
    let columns = or_refusal(columns.collect::<rusqlite::Result<Vec<_>>>())?.unwrap_or_default();
    let name = quote(&fold(table));
    let sql = |verb: &Verb| match verb {
        Verb::Select => Some(format!("SELECT * FROM {name}")),
        Verb::Insert => Some(format!("INSERT INTO {name} DEFAULT VALUES")),
        Verb::Delete => Some(format!("DELETE FROM {name}")),
        Verb::Update => {
            let set: Vec<_> = columns.iter().map(|c| format!("{0} = {0}", quote(c))).collect();
            (!set.is_empty()).then(|| format!("UPDATE {name} SET {}", set.join(", ")))
        }
    };
    Ok(verbs.iter().filter_map(sql).collect())
}
