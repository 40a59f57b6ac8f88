//! Which tables SQLite wrote to while a plan ran, by its own word: no plan says so of itself.
//!
//! Statements are seen by the authorizer, which SQLite asks as it compiles them, those of virtual tables' modules included. A table
//! is followed through a rename, and noticed when another b-tree gets its name, by its root page. A connection has one authorizer,
//! so this one also refuses what no step may do ([`crate::guard`]).

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use crate::guard;
use crate::token::fold;

/// What SQLite was about to do, by folded name.
#[derive(Default)]
struct Seen {
    /// Rows written, or a table made or dropped.
    written: BTreeSet<String>,
    altered: bool,
    dropped: bool,
    edited: bool,
    /// A step runs, and nothing of ours.
    guarded: bool,
    /// What a step would have done that none may.
    refused: Option<String>,
}

/// A table that was there at the beginning.
struct Tree {
    /// Then, folded.
    name: String,
    /// By now, folded.
    now: String,
    /// 0 for a virtual table.
    root: i64,
    /// The virtual table that it is a part of.
    owner: Option<String>,
    written: bool,
}

pub(crate) struct Observer {
    seen: Arc<Mutex<Seen>>,
    trees: Vec<Tree>,
}

impl Observer {
    /// From here on every statement of the connection is seen.
    pub(crate) fn start(conn: &mut Connection) -> rusqlite::Result<Self> {
        let trees = trees(conn)?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let sink = Arc::clone(&seen);
        conn.authorizer(Some(move |context: AuthContext<'_>| {
            let database = match context.action {
                AuthAction::AlterTable { database_name, .. } => Some(database_name),
                _ => context.database_name,
            };
            let Ok(mut seen) = sink.lock() else { return Authorization::Deny };
            let refusal = if seen.guarded { guard::refusal_of_step(&context) } else { None };
            if let Some(refusal) = refusal {
                seen.refused.get_or_insert(refusal);
                return Authorization::Deny;
            }
            if database == Some("main") {
                seen.add(&context.action);
            }
            Authorization::Allow
        }))?;
        Ok(Self { seen, trees })
    }

    /// Runs a step, and nothing but what a step may do.
    pub(crate) fn guarded<T>(&self, run: impl FnOnce() -> T) -> T {
        self.guard(true);
        let result = run();
        self.guard(false);
        result
    }

    fn guard(&self, guarded: bool) {
        if let Ok(mut seen) = self.seen.lock() {
            seen.guarded = guarded;
        }
    }

    /// What a step would have done that none may, as the words behind "would".
    pub(crate) fn refused(&self) -> Option<String> {
        self.seen.lock().ok()?.refused.take()
    }

    /// After each statement: names and root pages are those of this moment.
    pub(crate) fn after_statement(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let seen = self.seen.lock().map(|mut seen| mem::take(&mut *seen)).unwrap_or_default();
        for tree in self.trees.iter_mut().filter(|tree| seen.written.contains(&tree.now)) {
            tree.written = true;
        }
        if !(seen.altered || seen.dropped || seen.edited) {
            return Ok(());
        }
        let roots = roots(conn)?;
        for tree in self.trees.iter_mut().filter(|tree| !tree.written) {
            tree.follow(&roots, &seen);
        }
        Ok(())
    }

    /// The tables of the beginning that were written to, by their folded names then; a virtual table with its parts.
    pub(crate) fn end(self, conn: &mut Connection) -> rusqlite::Result<BTreeSet<String>> {
        conn.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)?;
        let written = self.trees.into_iter().filter(|tree| tree.written);
        Ok(written.map(|tree| tree.owner.unwrap_or(tree.name)).collect())
    }
}

impl Tree {
    fn follow(&mut self, roots: &BTreeMap<String, i64>, seen: &Seen) {
        let root = roots.get(&self.now).copied();
        if root == Some(self.root) {
            return;
        }
        let renamed = roots.iter().find(|(_, root)| **root == self.root && self.root != 0);
        match (renamed, root) {
            (Some((name, _)), _) if seen.altered => self.now.clone_from(name),
            // Where freed pages are filled at once (`auto_vacuum`), a DROP moves the roots of other tables into the gaps.
            (_, Some(root)) if seen.dropped => self.root = root,
            _ => self.written = true,
        }
    }
}

impl Seen {
    fn add(&mut self, action: &AuthAction<'_>) {
        match action {
            AuthAction::Insert { table_name }
            | AuthAction::Delete { table_name }
            | AuthAction::Update { table_name, .. } => match fold(table_name).as_str() {
                // ALTER and DROP write there, too.
                "sqlite_schema" | "sqlite_master" => {
                    self.edited |= matches!(action, AuthAction::Update { .. });
                }
                name => {
                    self.written.insert(name.to_owned());
                }
            },
            AuthAction::CreateTable { table_name } | AuthAction::CreateVtable { table_name, .. } => {
                self.written.insert(fold(table_name));
            }
            AuthAction::DropTable { table_name } | AuthAction::DropVtable { table_name, .. } => {
                self.dropped = true;
                self.written.insert(fold(table_name));
            }
            AuthAction::DropIndex { .. } => self.dropped = true,
            AuthAction::AlterTable { .. } => self.altered = true,
            _ => {}
        }
    }
}

fn trees(conn: &Connection) -> rusqlite::Result<Vec<Tree>> {
    let parts = parts(conn)?;
    let trees = roots(conn)?.into_iter().map(|(name, root)| {
        let owner = parts.get(&name).cloned();
        Tree { now: name.clone(), name, root, owner, written: false }
    });
    Ok(trees.collect())
}

/// Root pages by folded table name.
fn roots(conn: &Connection) -> rusqlite::Result<BTreeMap<String, i64>> {
    let mut statement =
        conn.prepare_cached("SELECT name, rootpage FROM main.sqlite_schema WHERE type = 'table'")?;
    let rows = statement.query_map([], |row| Ok((fold(&row.get::<_, String>(0)?), row.get(1)?)))?;
    rows.collect()
}

/// Shadow tables by folded name, each with the virtual table that it is a part of: the longest name that it begins with.
fn parts(conn: &Connection) -> rusqlite::Result<BTreeMap<String, String>> {
    let mut statement = conn.prepare(
        "SELECT s.name, v.name FROM pragma_table_list AS s, pragma_table_list AS v
         WHERE s.schema = 'main' AND s.type = 'shadow' AND v.schema = 'main' AND v.type = 'virtual'
           AND lower(substr(s.name, 1, length(v.name) + 1)) = lower(v.name || '_') ORDER BY length(v.name)",
    )?;
    let pair =
        |row: &rusqlite::Row<'_>| Ok((fold(&row.get::<_, String>(0)?), fold(&row.get::<_, String>(1)?)));
    let parts = statement.query_map([], pair)?;
    parts.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::*;

    fn written(schema: &str, statements: &[&str]) -> Vec<String> {
        let mut conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(schema).unwrap();
        conn.execute_batch("PRAGMA legacy_alter_table = ON").unwrap();
        let mut observer = Observer::start(&mut conn).unwrap();
        for sql in statements {
            conn.execute_batch(sql).unwrap();
            observer.after_statement(&conn).unwrap();
        }
        observer.end(&mut conn).unwrap().into_iter().collect()
    }

    const TWO: &str =
        "CREATE TABLE t (a, b); CREATE TABLE u (x); INSERT INTO t VALUES (1, 2); INSERT INTO u VALUES (3)";

    #[test]
    fn what_writes_no_row_is_not_taken_for_it() {
        for sql in [
            "ALTER TABLE t ADD COLUMN c",
            "ALTER TABLE t RENAME TO v",
            "CREATE INDEX i ON t (a)",
            "CREATE TABLE w (a)",
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE t (a NOT NULL, b)' WHERE name = 't'",
        ] {
            assert_eq!(written(TWO, &[sql]), [""; 0], "{sql}");
        }
    }

    #[test]
    fn every_way_to_write_a_row_is_seen_under_the_name_of_the_beginning() {
        for sql in [
            "DELETE FROM t",
            "DELETE FROM t WHERE a = 9",
            "UPDATE T SET a = 1",
            "REPLACE INTO t VALUES (1, 2)",
            "DROP TABLE t",
            "WITH one AS (SELECT 1) INSERT INTO t SELECT *, 1 FROM one",
        ] {
            assert_eq!(written(TWO, &[sql]), ["t"], "{sql}");
        }
        let aside = ["ALTER TABLE t RENAME TO aside", "DELETE FROM aside", "ALTER TABLE aside RENAME TO t"];
        assert_eq!(written(TWO, &aside), ["t"]);
        let rebuilt = [
            "ALTER TABLE t RENAME TO aside",
            "CREATE TABLE t (a)",
            "INSERT INTO t SELECT a FROM aside",
            "DROP TABLE aside",
        ];
        assert_eq!(written(TWO, &rebuilt), ["t"]);
        let replaced = [
            "CREATE TABLE new_t (a)",
            "INSERT INTO new_t SELECT a FROM t",
            "DROP TABLE t",
            "ALTER TABLE new_t RENAME TO t",
        ];
        assert_eq!(written(TWO, &replaced), ["t"]);
        let swapped = ["ALTER TABLE t RENAME TO v", "ALTER TABLE u RENAME TO t", "DELETE FROM t"];
        assert_eq!(written(TWO, &swapped), ["u"]);
    }

    #[test]
    fn another_b_tree_under_the_name_is_seen() {
        let exchanged = [
            "CREATE TABLE aside (a, b)",
            "PRAGMA writable_schema = ON",
            "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'aside') WHERE name = 't'",
        ];
        assert_eq!(written(TWO, &exchanged), ["t"]);
    }

    #[test]
    fn a_drop_that_moves_another_root_is_not_taken_for_a_write() {
        let first = "CREATE TABLE first (a, b, UNIQUE (a), UNIQUE (b)); CREATE INDEX i ON first (a, b)";
        let sql =
            format!("PRAGMA auto_vacuum = FULL; {first}; {TWO}; CREATE TABLE w (a); CREATE TABLE x (a)");
        assert_eq!(
            written(&sql, &["DROP INDEX i", "DROP TABLE first", "ALTER TABLE u ADD COLUMN y"]),
            ["first"]
        );
        assert_eq!(written(&sql, &["DROP INDEX i", "DROP TABLE first", "DELETE FROM x"]), ["first", "x"]);
    }

    #[test]
    fn a_virtual_table_is_written_with_its_parts() {
        let sql = "CREATE VIRTUAL TABLE f USING fts5 (a); CREATE VIRTUAL TABLE f_x USING fts5 (a); INSERT INTO f VALUES ('x')";
        assert_eq!(written(sql, &["INSERT INTO f VALUES ('y')"]), ["f"]);
        assert_eq!(written(sql, &["DELETE FROM f_x_content"]), ["f_x"]);
        assert_eq!(written(sql, &["DROP TABLE f"]), ["f"]);
        assert_eq!(written(sql, &["ALTER TABLE f RENAME TO g"]), ["f"]);
        assert_eq!(written(sql, &["CREATE TABLE t (a)"]), [""; 0]);
    }
}
