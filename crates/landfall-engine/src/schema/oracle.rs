//! What is read from CREATE text agrees with what SQLite's PRAGMAs tell, for every schema that trips others.

use std::collections::BTreeSet;

use landfall_testkit::{nasty, requires};
use rusqlite::Connection;

use super::{Key, Schema, Table};
use crate::token::canonical_type;

fn read(name: &str, sql: &str) -> (Connection, Schema) {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(sql).unwrap_or_else(|error| panic!("{name}: {error}"));
    let schema = super::read(&conn, &[]).unwrap_or_else(|error| panic!("{name}: {error}"));
    (conn, schema)
}

/// The rows of a query on `table`, cells by `|`, in order.
fn rows(conn: &Connection, sql: &str, table: &str) -> Vec<String> {
    let mut statement = conn.prepare(sql).unwrap();
    let cells = statement.column_count();
    let rows = statement.query_map([table], |row| {
        let cell = |at| row.get::<_, Option<String>>(at).map(Option::unwrap_or_default);
        (0..cells).map(cell).collect::<rusqlite::Result<Vec<_>>>().map(|cells| cells.join("|"))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

fn agrees(name: &str, sql: &str) {
    let (conn, schema) = read(name, sql);
    let tables = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND ?1 = '' ORDER BY name";
    let mut names: Vec<_> = schema.tables.iter().map(|t| t.name.clone()).collect();
    names.sort();
    assert_eq!(names, rows(&conn, tables, ""), "{name}");
    for table in &schema.tables {
        let place = format!("{name}: {}", table.sql);
        assert_eq!(table.opaque, None, "{place}");
        table_agrees(&conn, table, &place);
        columns_agree(&conn, table, &place);
        keys_agree(&conn, table, &place);
        foreign_keys_agree(&conn, table, &place);
    }
    indexes_agree(&conn, &schema, name);
    // Nothing that is SQLite's own gets a stand-in, or each look would read the schema twice.
    let texts = schema.rows.iter().map(|row| row.sql.as_str());
    assert_eq!(crate::stand_in::lacking(&conn, texts).unwrap(), crate::stand_in::Names::default(), "{name}");
    let kinds = "SELECT count(*) || '' FROM sqlite_schema WHERE type = ?1";
    assert_eq!(rows(&conn, kinds, "view"), [schema.views.len().to_string()], "{name}");
    assert_eq!(rows(&conn, kinds, "trigger"), [schema.triggers.len().to_string()], "{name}");
}

fn table_agrees(conn: &Connection, table: &Table, place: &str) {
    let facts = rows(
        conn,
        "SELECT wr || '', strict || '' FROM pragma_table_list WHERE schema = 'main' AND name = ?1",
        &table.name,
    );
    assert_eq!(facts, [format!("{}|{}", u8::from(table.without_rowid), u8::from(table.strict))], "{place}");
    let mark = rows(
        conn,
        "SELECT name FROM pragma_table_info('sqlite_sequence') WHERE ?1 <> '' AND name = 'seq'",
        &table.name,
    );
    assert!(!table.autoincrement || !mark.is_empty(), "{place}");
}

fn columns_agree(conn: &Connection, table: &Table, place: &str) {
    let sql = "SELECT name, type, \"notnull\" || '', (dflt_value IS NOT NULL) || '', pk || '', hidden || '' FROM pragma_table_xinfo(?1)";
    let facts: Vec<_> = rows(conn, sql, &table.name)
        .into_iter()
        .map(|row| {
            let cells: Vec<_> = row.rsplitn(6, '|').collect();
            format!(
                "{}|{}|{}|{}|{}|{}",
                cells[5],
                canonical_type(cells[4]),
                cells[3],
                cells[2],
                cells[1],
                cells[0]
            )
        })
        .collect();
    let cut: Vec<_> = table
        .columns
        .iter()
        .map(|c| {
            let key = table.primary_key.as_ref().map(|k| &k.columns);
            let place =
                key.and_then(|k| k.iter().position(|k| k.expression == super::canonical_name(&c.name)));
            let hidden = c.generated.as_ref().map_or(0, |g| if g.stored { 3 } else { 2 });
            let (not_null, default) = (u8::from(c.not_null.is_some()), u8::from(c.default.is_some()));
            format!("{}|{}|{not_null}|{default}|{}|{hidden}", c.name, c.type_, place.map_or(0, |p| p + 1))
        })
        .collect();
    assert_eq!(cut, facts, "{place}");
}

fn keys_agree(conn: &Connection, table: &Table, place: &str) {
    let indexes = |origin: &str| {
        let sql = format!(
            "SELECT (SELECT group_concat(x.name || ' ' || lower(x.coll) || ' ' || x.desc, ', ')
                     FROM pragma_index_xinfo(l.name) AS x WHERE x.key)
             FROM pragma_index_list(?1) AS l WHERE l.origin = '{origin}'"
        );
        rows(conn, &sql, &table.name).into_iter().collect::<BTreeSet<_>>()
    };
    let name = |expression: &str| {
        let column = table.columns.iter().find(|c| super::canonical_name(&c.name) == expression);
        column.unwrap_or_else(|| panic!("{place}: {expression}")).name.clone()
    };
    let text = |key: &Key| {
        let parts = key.columns.iter();
        let parts =
            parts.map(|c| format!("{} {} {}", name(&c.expression), c.collation, u8::from(c.descending)));
        parts.collect::<Vec<_>>().join(", ")
    };
    let primary: BTreeSet<_> =
        table.primary_key.iter().filter(|_| table.rowid_alias.is_none()).map(text).collect();
    assert_eq!(primary, indexes("pk"), "{place}");
    // SQLite makes no second index for a key that it has, in whatever direction.
    let undirected = |key: &String| key.replace(" 1", " 0");
    let known: BTreeSet<_> = indexes("pk").union(&indexes("u")).map(undirected).collect();
    let cut: BTreeSet<_> = table.uniques.iter().map(text).collect();
    assert!(indexes("u").is_subset(&cut), "{place}: {cut:?}");
    assert!(cut.iter().map(undirected).all(|key| known.contains(&key)), "{place}: {cut:?}");
}

fn foreign_keys_agree(conn: &Connection, table: &Table, place: &str) {
    let sql = "SELECT group_concat(lower(\"from\"), ',') || ' ' || lower(\"table\") || ' ' || coalesce(group_concat(lower(\"to\"), ','), '') || ' ' || on_delete || ' ' || on_update
               FROM (SELECT * FROM pragma_foreign_key_list(?1) ORDER BY id, seq) GROUP BY id";
    let facts: BTreeSet<_> = rows(conn, sql, &table.name).into_iter().collect();
    let cut = table.foreign_keys.iter().map(|k| {
        let explicit = format!(
            "{} {} {} {} {}",
            k.columns.join(","),
            k.parent,
            k.parent_columns.join(","),
            k.on_delete,
            k.on_update
        );
        let implicit = format!("{} {}  {} {}", k.columns.join(","), k.parent, k.on_delete, k.on_update);
        if facts.contains(&implicit) { implicit } else { explicit }
    });
    assert_eq!(cut.collect::<BTreeSet<_>>(), facts, "{place}");
}

fn indexes_agree(conn: &Connection, schema: &Schema, name: &str) {
    for index in &schema.indexes {
        let place = format!("{name}: {}", index.sql);
        assert_eq!(index.opaque, None, "{place}");
        let list = "SELECT l.\"unique\" || '', l.partial || '' FROM sqlite_schema AS s, pragma_index_list(s.tbl_name) AS l WHERE l.name = s.name AND s.name = ?1";
        let flags = format!("{}|{}", u8::from(index.unique), u8::from(index.condition.is_some()));
        assert_eq!(rows(conn, list, &index.name), [flags], "{place}");
        let facts = rows(
            conn,
            "SELECT coalesce(name, '-'), lower(coll), desc || '' FROM pragma_index_xinfo(?1) WHERE key",
            &index.name,
        );
        let columns = &schema.table(&index.table).unwrap().columns;
        let cut: Vec<_> = index
            .columns
            .iter()
            .map(|c| {
                let column =
                    columns.iter().find(|column| super::canonical_name(&column.name) == c.expression);
                let name = column.map_or("-", |column| column.name.as_str());
                format!("{name}|{}|{}", c.collation, u8::from(c.descending))
            })
            .collect();
        assert_eq!(cut, facts, "{place}");
    }
}

#[test]
fn nasty_schemas_are_read_as_sqlite_reads_them() {
    assert!(nasty::SCHEMAS.len() >= 40);
    for (at, sql) in nasty::SCHEMAS.iter().enumerate() {
        agrees(&format!("nasty schema {at}"), sql);
    }
}

#[test]
fn real_schemas_are_read_as_sqlite_reads_them() {
    let Some(corpus) = nasty::corpus() else {
        return requires::skip("real_schemas_are_read_as_sqlite_reads_them", "corpus");
    };
    for (name, sql) in corpus {
        agrees(&name, &sql);
    }
}

#[test]
fn a_table_that_cannot_be_cut_is_read_from_the_pragmas() {
    let (_, schema) = read(
        "opaque",
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a REFERENCES t, b TEXT UNIQUE DEFERRABLE)",
    );
    let table = schema.table("t").unwrap();
    assert!(table.opaque.is_some());
    assert_eq!(table.rowid_alias.as_deref(), Some("id"));
    assert!(table.autoincrement);
    assert_eq!(table.uniques.len(), 1);
    assert_eq!(table.columns[2].type_, "text");
}
