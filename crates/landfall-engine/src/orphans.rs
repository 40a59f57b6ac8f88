//! Rows whose foreign key finds no parent, before and after a plan: those that had none before are the user's.
//!
//! Asked by key and by row: counted, a new orphan would hide behind one that the change repairs. `PRAGMA foreign_key_check` tells
//! neither key nor row of a table without rowids, and fails for a table one of whose keys has no parent key.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::answer::or_refusal;
use crate::carry::{self, Carry, TableCarry};
use crate::checksum::{Checksum, Column, Seen};
use crate::declared::Declared;
use crate::evidence;
use crate::schema::{ForeignKey, Schema};
use crate::token::quote;

/// Rows without a parent: how many there are of each, by what persists of them.
pub(crate) type Orphans = BTreeMap<u128, u64>;

/// A declared foreign key, and the live one that it was.
pub(crate) struct Reference<'e> {
    pub(crate) child: &'e str,
    pub(crate) key: &'e ForeignKey,
    /// `None` where the table is new.
    carry: Option<&'e TableCarry>,
    was: Option<&'e ForeignKey>,
}

/// Every declared foreign key of a new table, and of those carried tables that `may_lose_parents` picks.
pub(crate) fn references<'e>(
    live: &'e Schema,
    declared: &'e Declared,
    carry: &'e Carry,
    may_lose_parents: impl Fn(&TableCarry) -> bool,
) -> Vec<Reference<'e>> {
    let mut found = Vec::new();
    for table in &declared.schema.tables {
        let carried = carry.table_to(&table.name);
        if carried.is_some_and(|carried| !may_lose_parents(carried)) {
            continue;
        }
        let old = carried.and_then(|carried| Some((carried, live.table(&carried.from)?)));
        found.extend(table.foreign_keys.iter().map(|key| Reference {
            child: &table.name,
            key,
            carry: carried,
            was: old.and_then(|(carried, old)| carry::live_foreign_key(carry, live, carried, old, key)),
        }));
    }
    found
}

impl Reference<'_> {
    /// Before the plan. A key that finds no table or column to look into leaves all rows without a parent.
    pub(crate) fn before(
        &self,
        conn: &Connection,
        live: &Schema,
        declared: &Declared,
    ) -> rusqlite::Result<Orphans> {
        let (Some(carry), Some(key)) = (self.carry, self.was) else { return Ok(Orphans::new()) };
        let columns = evidence::columns_before(carry, live, declared);
        let condition = match has_parent(conn, &carry.from, key)? {
            Some(has_parent) => format!("NOT {has_parent}"),
            None => "TRUE".to_owned(),
        };
        orphans(conn, &carry.from, key, &condition, &columns)
    }

    /// After the plan. A key that finds no table or column to look into leaves all rows without a parent, too; where it is new, it is
    /// not asked: no row ever had one, and that nobody can use it is a hazard of its own.
    pub(crate) fn after(
        &self,
        conn: &Connection,
        live: &Schema,
        declared: &Declared,
    ) -> rusqlite::Result<Orphans> {
        let condition = match has_parent(conn, self.child, self.key)? {
            Some(has_parent) => format!("NOT {has_parent}"),
            None if self.was.is_some() => "TRUE".to_owned(),
            None => return Ok(Orphans::new()),
        };
        let columns = match self.carry {
            Some(carry) => evidence::columns_after(carry, live, declared),
            None => vec![("0".to_owned(), Seen::AsItIs)],
        };
        orphans(conn, self.child, self.key, &condition, &columns)
    }
}

/// How many of these were none before.
pub(crate) fn new_ones(before: &Orphans, after: &Orphans) -> u64 {
    let known = |row: &u128| before.get(row).copied().unwrap_or(0);
    after.iter().map(|(row, rows)| rows.saturating_sub(known(row))).sum()
}

fn orphans(
    conn: &Connection,
    child: &str,
    key: &ForeignKey,
    condition: &str,
    columns: &[Column],
) -> rusqlite::Result<Orphans> {
    let list: Vec<_> = columns.iter().map(|(expression, _)| expression.as_str()).collect();
    let no_null: Vec<_> = key.columns.iter().map(|c| format!("{} IS NOT NULL", quote(c))).collect();
    let sql = format!(
        "SELECT {} FROM {} WHERE {} AND {condition}",
        list.join(", "),
        quote(child),
        no_null.join(" AND ")
    );
    let mut statement = conn.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut found = Orphans::new();
    while let Some(row) = rows.next()? {
        let mut one = Checksum::default();
        one.add(row, columns)?;
        *found.entry(one.sum).or_default() += 1;
    }
    Ok(found)
}

/// Whether a row of `child` has its parent, as SQL; `None` where there is no such table, or not with these columns.
///
/// SQLite compares as the parent's column does, by its collation and after its affinity: so that comes first, and the value of the
/// child has none of its own (<https://www.sqlite.org/foreignkeys.html#fk_indexes>).
fn has_parent(conn: &Connection, child: &str, key: &ForeignKey) -> rusqlite::Result<Option<String>> {
    let mut statement = conn.prepare_cached("SELECT name FROM pragma_table_xinfo(?1, 'main')")?;
    let columns = statement.query_map([&key.parent], |row| row.get::<_, String>(0))?;
    // A view that cannot be read has none.
    let columns = or_refusal(columns.collect::<rusqlite::Result<Vec<_>>>())?.unwrap_or_default();
    let is_there = |name: &String| columns.iter().any(|column| column.eq_ignore_ascii_case(name));
    if key.parent_columns.len() != key.columns.len() || !key.parent_columns.iter().all(is_there) {
        return Ok(None);
    }
    let pair = |(parent, column): (&String, &String)| {
        format!("landfall_parent.{} = +{}.{}", quote(parent), quote(child), quote(column))
    };
    let pairs: Vec<_> = key.parent_columns.iter().zip(&key.columns).map(pair).collect();
    let parent = quote(&key.parent);
    Ok(Some(format!("EXISTS (SELECT 1 FROM {parent} AS landfall_parent WHERE {})", pairs.join(" AND "))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::*;
    use crate::schema;

    #[test]
    fn it_finds_as_many_as_sqlite_does_whatever_the_types_and_collations() {
        let types =
            ["TEXT", "INTEGER", "NUMERIC", "REAL", "BLOB", "TEXT COLLATE NOCASE", "TEXT COLLATE RTRIM"];
        let values = "(1), ('1'), ('1.0'), (1.5), ('a'), ('A'), ('a '), (x'31'), (NULL), ('0x1'), (''), ('2e0'), (2.0)";
        let mut found = 0;
        for parent in types.iter().flat_map(|t| [format!("{t} PRIMARY KEY"), format!("{t} UNIQUE, z")]) {
            for child in types {
                for rows in ["(1), ('a')", "('A'), (2)", "('1.0'), ('a ')", "(x'31'), (1.5)", "('2'), ('')"] {
                    let conn = Connection::open_in_memory().unwrap();
                    conn.execute_batch(&format!(
                        "PRAGMA foreign_keys = OFF; CREATE TABLE p (k {parent}); CREATE TABLE c (a {child} REFERENCES p(k));
                         INSERT OR IGNORE INTO p (k) VALUES {rows}; INSERT INTO c VALUES {values}"
                    ))
                    .or_else(|error| if error.to_string().contains("datatype mismatch") { conn.execute_batch("DELETE FROM p; INSERT INTO p (k) VALUES (1)") } else { Err(error) })
                    .unwrap();
                    let sqlite: u64 = conn
                        .query_row("SELECT count(*) FROM pragma_foreign_key_check('c')", [], |row| row.get(0))
                        .unwrap();
                    let schema = schema::read(&conn, &[]).unwrap();
                    let key = schema.table("c").unwrap().foreign_keys.first().unwrap();
                    let condition = format!("NOT {}", has_parent(&conn, "c", key).unwrap().unwrap());
                    let columns = [("rowid".to_owned(), Seen::AsItIs)];
                    let ours = orphans(&conn, "c", key, &condition, &columns).unwrap();
                    assert_eq!(ours.len() as u64, sqlite, "{parent}, {child}, {rows}");
                    found += sqlite;
                }
            }
        }
        assert!(found > 100);
    }

    #[test]
    fn a_row_counts_as_often_as_it_is_there() {
        let orphans = |rows: &[(u128, u64)]| rows.iter().copied().collect::<Orphans>();
        let before = orphans(&[(1, 2), (2, 1)]);
        assert_eq!(new_ones(&before, &orphans(&[(1, 2)])), 0);
        assert_eq!(new_ones(&before, &orphans(&[(1, 3), (2, 1)])), 1);
        assert_eq!(new_ones(&before, &orphans(&[(3, 1)])), 1);
    }
}
