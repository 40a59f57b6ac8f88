//! What Atlas says of a database and a schema, by itself: a second pair of eyes, never a judge.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::answer::or_refusal;
use crate::declared::Declared;
use crate::difference::compare;
use crate::error::Result;
use crate::guard;
use crate::open::{self, explain};
use crate::planner::atlas;
use crate::replica;
use crate::schema::{self, KeyColumn, Schema};
use crate::settings::Settings;
use crate::settings::ignore_patterns;
use crate::shown::in_line;

/// Atlas's opinion.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Opinion {
    /// The statements that it would run; none where it sees no difference.
    pub pending: Vec<String>,
    /// What would come of them, held against the declared schema: differences that were not there before, or why they fail. Empty
    /// where they change nothing that means anything.
    pub consequences: Vec<String>,
    /// What the declared schema has that Atlas 1.2.3 does not compare: its silence on these says nothing.
    pub unseen: Vec<String>,
}

/// Asks Atlas for the difference between `db` and the declared schema. Atlas gets an empty copy of the live schema; `db` is only read.
///
/// # Errors
/// [`crate::ErrorKind::Planner`] when there is no Atlas, or it fails; those of reading the database.
pub fn opinion(db: &Path, declared: &Declared, settings: &Settings) -> Result<Opinion> {
    let ignore = ignore_patterns(settings);
    let live = match open::snapshot(db, settings, &mut ())? {
        Some(conn) => schema::read_for(&conn, &ignore, &declared.schema)
            .map_err(|error| explain(db, &error, settings))?,
        None => Schema::default(),
    };
    let pending = atlas::pending(&live, declared, settings)?;
    let is_pragma = |sql: &String| sql.trim_start().to_ascii_uppercase().starts_with("PRAGMA");
    let pending: Vec<_> = pending.into_iter().filter(|sql| !is_pragma(sql)).collect();
    let consequences = or_refusal(consequences(&pending, &live, declared, settings))
        .map_err(|error| explain(db, &error, settings))?
        .unwrap_or_else(|words| vec![format!("they would fail: {words}")]);
    Ok(Opinion { pending, consequences, unseen: unseen(&declared.schema) })
}

/// Runs them where nothing can be lost.
fn consequences(
    pending: &[String],
    live: &Schema,
    declared: &Declared,
    settings: &Settings,
) -> rusqlite::Result<Vec<String>> {
    let mut conn = replica::beside(&declared.schema, settings)?;
    replica::create_all(&conn, live)?;
    guard::bound(&mut conn, settings)?;
    pending.iter().try_for_each(|sql| conn.execute_batch(sql))?;
    let messages = |schema: &Schema| -> Vec<String> {
        let differences = compare(schema, &declared.schema, settings.column_order).differences;
        differences.into_iter().map(|difference| difference.message).collect()
    };
    let before = messages(live);
    let mut after = messages(&schema::read(&conn, &ignore_patterns(settings))?);
    after.retain(|message| !before.contains(message));
    Ok(after)
}

/// Measured on Atlas community 1.2.3: each of these can differ, and it reports nothing.
fn unseen(schema: &Schema) -> Vec<String> {
    let views = schema.views.iter().map(|view| format!("view {}", view.name));
    let triggers = schema.triggers.iter().map(|trigger| format!("trigger {}", trigger.name));
    let virtual_tables = schema.virtual_tables.iter().map(|table| format!("virtual table {}", table.name));
    let in_tables = schema.tables.iter().flat_map(|table| {
        let collations = table.columns.iter().filter(|column| column.collation != "binary");
        let collations = collations.map(|column| format!("COLLATE of {}.{}", table.name, column.name));
        let not_null = table.columns.iter().filter_map(|column| column.not_null.as_deref());
        let keys = table.uniques.iter().chain(&table.primary_key).map(|key| key.conflict.as_str());
        let conflicts = not_null.chain(keys).any(|word| !word.is_empty());
        let conflicts = conflicts.then(|| format!("ON CONFLICT in {}", table.name));
        let deferred = table.foreign_keys.iter().any(|key| key.deferred);
        let deferred = deferred.then(|| format!("DEFERRABLE in {}", table.name));
        let autoincrement = table.autoincrement.then(|| format!("AUTOINCREMENT of {}", table.name));
        collations.chain(conflicts).chain(deferred).chain(autoincrement)
    });
    let collates = |column: &KeyColumn| !matches!(column.collation.as_str(), "" | "binary");
    let indexes = schema.indexes.iter().filter(|index| index.columns.iter().any(collates));
    let indexes = indexes.map(|index| format!("COLLATE of index {}", index.name));
    let all = views.chain(triggers).chain(virtual_tables).chain(in_tables).chain(indexes);
    all.map(in_line).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::*;

    #[test]
    fn statements_that_would_lose_something_are_told_by_what_they_would_lose() {
        let settings = Settings::default();
        let text = "CREATE TABLE t (a TEXT COLLATE NOCASE); CREATE INDEX i ON t (a);";
        let declared = Declared::parse(Path::new("schema.sql"), text, &settings).unwrap();
        let come_of = |sql: &str| {
            let pending = [sql.to_owned()];
            consequences(&pending, &declared.schema, &declared, &settings)
                .map_err(|e| crate::sqlite_error::sqlite_message(&e))
        };
        assert_eq!(come_of("DROP INDEX i"), Ok(vec!["index i is missing".to_owned()]));
        assert_eq!(come_of("REINDEX i"), Ok(Vec::new()));
        assert_eq!(come_of("DROP INDEX j"), Err("no such index: j".to_owned()));
    }

    #[test]
    fn what_atlas_does_not_compare_is_named() {
        let text = "
            CREATE TABLE p (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT COLLATE NOCASE);
            CREATE TABLE c (p INTEGER REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED, n TEXT NOT NULL ON CONFLICT IGNORE);
            CREATE INDEX by_n ON c (n COLLATE NOCASE);
            CREATE INDEX plain ON c (p);
            CREATE VIEW v AS SELECT 1;
            CREATE TRIGGER t AFTER INSERT ON p BEGIN SELECT 1; END;
            CREATE VIRTUAL TABLE f USING fts5 (text);";
        let declared = Declared::parse(Path::new("schema.sql"), text, &Settings::default()).unwrap();
        assert_eq!(
            unseen(&declared.schema),
            [
                "view v",
                "trigger t",
                "virtual table f",
                "COLLATE of p.name",
                "AUTOINCREMENT of p",
                "ON CONFLICT in c",
                "DEFERRABLE in c",
                "COLLATE of index by_n"
            ]
        );
    }
}
