//! What SQLite's own PRAGMAs tell of a table: the oracle that the cut of its text must agree with.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rusqlite::{Connection, ffi};

use super::model::{ForeignKey, Key, KeyColumn, Row, Table, VirtualTable};
use crate::answer::{or_one_of, or_refusal};
use crate::guard;
use crate::sqlite_error::sqlite_message;
use crate::token::{canonical_name, fold, quote};
use crate::unregistered;
use crate::virtual_table;
use crate::words::Unknown;

/// One row of `PRAGMA table_list`.
#[derive(Debug)]
pub(super) struct ListFacts {
    pub(super) kind: String,
    pub(super) without_rowid: bool,
    pub(super) strict: bool,
}

#[derive(Debug)]
pub(super) struct TableFacts {
    pub(super) without_rowid: bool,
    pub(super) strict: bool,
    pub(super) columns: Vec<ColumnFacts>,
    /// The columns of every index that SQLite made for a constraint.
    unique_keys: BTreeSet<Vec<KeyColumn>>,
    /// The index that holds the primary key; the rowid needs none.
    primary_key: Option<Vec<KeyColumn>>,
    foreign_keys: BTreeSet<ForeignKeyFacts>,
}

#[derive(Debug)]
pub(super) struct ColumnFacts {
    pub(super) name: String,
    /// As SQLite understands it: unquoted, and without GENERATED ALWAYS.
    pub(super) type_: String,
    pub(super) not_null: bool,
    pub(super) default: Option<String>,
    /// The 1-based place in the primary key, or 0.
    pub(super) primary_key: usize,
    /// 0 ordinary, 1 hidden in a virtual table, 2 virtual, 3 stored.
    pub(super) hidden: i64,
}

#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct ForeignKeyFacts {
    columns: Vec<String>,
    parent: String,
    parent_columns: Vec<String>,
    on_delete: String,
    on_update: String,
}

/// Every table of `main` by its folded name.
///
/// SQLite takes a table for a shadow one by its name alone, also where it is the user's own: `f_stat` beside an FTS3 table f, or
/// `f_content` that an FTS5 table f only indexes. Those that the module would not have made are tables.
pub(super) fn list(conn: &Connection) -> rusqlite::Result<HashMap<String, ListFacts>> {
    let mut list = listed(conn)?;
    if list.values().any(|fact| fact.kind == "shadow") {
        let made = made_by_modules(conn)?;
        for (name, fact) in list.iter_mut().filter(|(_, fact)| fact.kind == "shadow") {
            let owner = made.iter().filter(|(owner, _)| name.starts_with(&format!("{owner}_")));
            let is_made =
                owner.max_by_key(|(owner, _)| owner.len()).is_none_or(|(_, made)| made.contains(name));
            if !is_made {
                fact.kind = "table".to_owned();
            }
        }
    }
    Ok(list)
}

/// The tables that each virtual table makes for itself, asked of an empty database; nothing of those that cannot be made there.
fn made_by_modules(conn: &Connection) -> rusqlite::Result<HashMap<String, HashSet<String>>> {
    let mut statement =
        conn.prepare("SELECT name, sql FROM main.sqlite_schema WHERE type = 'table' AND rootpage = 0")?;
    let texts = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let mut made = HashMap::new();
    for text in texts {
        let (name, sql) = text?;
        let mut empty = Connection::open_in_memory()?;
        guard::confine(&mut empty)?;
        if or_refusal(empty.execute(&sql, []))?.is_ok() {
            let mut statement = empty.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
            let names = statement.query_map([], |row| Ok(fold(&row.get::<_, String>(0)?)))?;
            made.insert(fold(&name), names.collect::<rusqlite::Result<_>>()?);
        }
    }
    Ok(made)
}

fn listed(conn: &Connection) -> rusqlite::Result<HashMap<String, ListFacts>> {
    let mut statement = conn.prepare(
        "SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = 'main' AND type <> 'view'",
    )?;
    let rows = statement.query_map([], |row| {
        let name: String = row.get(0)?;
        Ok((fold(&name), ListFacts { kind: row.get(1)?, without_rowid: row.get(2)?, strict: row.get(3)? }))
    })?;
    rows.collect()
}

pub(super) fn columns(conn: &Connection, table: &str) -> rusqlite::Result<Vec<ColumnFacts>> {
    let mut statement = conn.prepare_cached(
        "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1, 'main')",
    )?;
    let rows = statement.query_map([table], |row| {
        Ok(ColumnFacts {
            name: row.get(0)?,
            type_: row.get(1)?,
            not_null: row.get(2)?,
            default: row.get(3)?,
            primary_key: row.get(4)?,
            hidden: row.get(5)?,
        })
    })?;
    rows.collect()
}

/// Or what SQLite lacks for a virtual table: its module, or the tokenizer that FTS3 and FTS4 look for at once.
pub(super) fn columns_if_here(
    conn: &Connection,
    table: &str,
) -> rusqlite::Result<Result<Vec<ColumnFacts>, String>> {
    columns(conn, table).map(Ok).or_else(|error| {
        let words = sqlite_message(&error);
        match Unknown::in_message(&words) {
            Some(Unknown::Module(_) | Unknown::Tokenizer(_)) => Ok(Err(words)),
            _ => Err(error),
        }
    })
}

/// FTS5 looks for its tokenizer only when there is something to tokenize: here a query without a word, which reads no index.
pub(super) fn tokenizer_lacking(conn: &Connection, row: &Row) -> rusqlite::Result<Option<String>> {
    if virtual_table::with_tokenizer(&row.sql, "").is_none() {
        return Ok(None);
    }
    let name = quote(&row.name);
    let sql = format!("SELECT 1 FROM {name} WHERE {name} MATCH '\"\"'");
    let asked = conn.prepare(&sql).and_then(|mut statement| statement.raw_query().next().map(drop));
    // An index that is damaged has one.
    let words = or_one_of(asked, &[ffi::SQLITE_CORRUPT_VTAB])?.err();
    Ok(words.filter(|words| unregistered::tokenizer_of(words).is_some()))
}

/// The columns of a virtual table that hold values: the visible ones, and the language of an FTS4 row.
pub(super) fn writable_columns(
    conn: &Connection,
    table: &VirtualTable,
) -> rusqlite::Result<Vec<ColumnFacts>> {
    let language = table.language();
    let holds =
        |c: &ColumnFacts| c.hidden == 0 || language.as_ref().is_some_and(|name| *name == fold(&c.name));
    Ok(columns(conn, &table.name)?.into_iter().filter(holds).collect())
}

impl TableFacts {
    pub(super) fn read(conn: &Connection, table: &str, list: &ListFacts) -> rusqlite::Result<Self> {
        let mut facts = Self {
            without_rowid: list.without_rowid,
            strict: list.strict,
            columns: columns(conn, table)?,
            unique_keys: BTreeSet::new(),
            primary_key: None,
            foreign_keys: foreign_keys(conn, table)?,
        };
        let mut statement = conn.prepare_cached(
            "SELECT name, origin FROM pragma_index_list(?1, 'main') WHERE origin IN ('u', 'pk')",
        )?;
        let mut rows = statement.query([table])?;
        while let Some(row) = rows.next()? {
            let key = index_columns(conn, &row.get::<_, String>(0)?)?;
            if row.get_ref(1)?.as_str()? == "pk" {
                facts.primary_key = Some(key.clone());
            }
            facts.unique_keys.insert(key);
        }
        Ok(facts)
    }

    /// The folded name of the column that is the rowid.
    pub(super) fn rowid_alias(&self) -> Option<String> {
        let key = self.columns.iter().find(|c| c.primary_key > 0)?;
        (self.primary_key.is_none() && !self.without_rowid).then(|| fold(&key.name))
    }

    pub(super) fn primary_key(&self) -> Option<Key> {
        let of_rowid = || {
            let column = rowid_column(&self.rowid_alias()?);
            Some(vec![column])
        };
        let columns = self.primary_key.clone().or_else(of_rowid)?;
        Some(Key { columns, conflict: String::new() })
    }

    /// The UNIQUE constraints, without the primary key.
    pub(super) fn uniques(&self) -> BTreeSet<Key> {
        let keys = self.unique_keys.iter().filter(|k| Some(*k) != self.primary_key.as_ref());
        keys.map(|k| Key { columns: k.clone(), conflict: String::new() }).collect()
    }

    /// Whether a table that was read from its text is the one that SQLite sees.
    pub(super) fn agree(&self, table: &Table) -> bool {
        self.strict == table.strict
            && self.without_rowid == table.without_rowid
            && self.rowid_alias() == table.rowid_alias
            && self.agree_on_columns(table)
            && self.agree_on_keys(table)
            && self.foreign_keys == table.foreign_keys.iter().map(ForeignKeyFacts::of).collect()
    }

    fn agree_on_columns(&self, table: &Table) -> bool {
        let place = |name: &str| {
            let name = canonical_name(name);
            let key = table.primary_key.as_ref()?;
            key.columns.iter().position(|c| c.expression == name).map(|at| at + 1)
        };
        self.columns.len() == table.columns.len()
            && self.columns.iter().zip(&table.columns).all(|(fact, column)| {
                let hidden = column.generated.as_ref().map_or(0, |g| if g.stored { 3 } else { 2 });
                fact.name == column.name
                    && fact.hidden == hidden
                    && fact.not_null == column.not_null.is_some()
                    && fact.default.is_some() == column.default.is_some()
                    && fact.primary_key == place(&column.name).unwrap_or(0)
            })
    }

    /// SQLite makes one index for keys that differ in direction alone.
    fn agree_on_keys(&self, table: &Table) -> bool {
        let primary = table.primary_key.as_ref().filter(|_| table.rowid_alias.is_none());
        let cut: BTreeSet<_> = table.uniques.iter().chain(primary).map(|k| &k.columns).collect();
        let same_but_for_direction = |key: &[KeyColumn], fact: &[KeyColumn]| {
            key.len() == fact.len()
                && key
                    .iter()
                    .zip(fact)
                    .all(|(a, b)| a.expression == b.expression && a.collation == b.collation)
        };
        self.unique_keys.iter().all(|fact| cut.contains(fact))
            && cut.iter().all(|key| self.unique_keys.iter().any(|fact| same_but_for_direction(key, fact)))
    }
}

/// The one column of a key that is the rowid, where neither direction nor collation means anything.
pub(super) fn rowid_column(name: &str) -> KeyColumn {
    KeyColumn { expression: canonical_name(name), collation: "binary".to_owned(), descending: false }
}

/// The key columns of an index; the expression is empty where it is none of the table's columns.
pub(super) fn index_columns(conn: &Connection, index: &str) -> rusqlite::Result<Vec<KeyColumn>> {
    let mut statement = conn.prepare_cached(
        "SELECT name, coll, \"desc\" FROM pragma_index_xinfo(?1, 'main') WHERE \"key\" ORDER BY seqno",
    )?;
    let rows = statement.query_map([index], |row| {
        let name: Option<String> = row.get(0)?;
        Ok(KeyColumn {
            expression: name.as_deref().map(canonical_name).unwrap_or_default(),
            collation: fold(row.get_ref(1)?.as_str()?),
            descending: row.get(2)?,
        })
    })?;
    rows.collect()
}

/// Whether the key columns of an index that were read from its text are the ones that SQLite sees.
pub(super) fn agree_on_index(facts: &[KeyColumn], columns: &[KeyColumn]) -> bool {
    facts.len() == columns.len()
        && facts.iter().zip(columns).all(|(fact, column)| {
            (fact.expression.is_empty() || fact.expression == column.expression)
                && fact.collation == column.collation
                && fact.descending == column.descending
        })
}

fn foreign_keys(conn: &Connection, table: &str) -> rusqlite::Result<BTreeSet<ForeignKeyFacts>> {
    let mut statement = conn.prepare_cached(
        "SELECT id, \"table\", \"from\", \"to\", on_update, on_delete FROM pragma_foreign_key_list(?1, 'main') ORDER BY id, seq",
    )?;
    let mut keys: BTreeMap<i64, ForeignKeyFacts> = BTreeMap::new();
    let mut rows = statement.query([table])?;
    while let Some(row) = rows.next()? {
        let key = keys.entry(row.get(0)?).or_default();
        key.parent = fold(row.get_ref(1)?.as_str()?);
        key.columns.push(fold(row.get_ref(2)?.as_str()?));
        key.parent_columns.extend(row.get::<_, Option<String>>(3)?.map(|c| fold(&c)));
        key.on_update = row.get(4)?;
        key.on_delete = row.get(5)?;
    }
    Ok(keys.into_values().collect())
}

impl ForeignKeyFacts {
    /// A key as the text has it, parent columns not yet resolved.
    fn of(key: &ForeignKey) -> Self {
        Self {
            columns: key.columns.clone(),
            parent: key.parent.clone(),
            parent_columns: key.parent_columns.clone(),
            on_delete: key.on_delete.clone(),
            on_update: key.on_update.clone(),
        }
    }
}
