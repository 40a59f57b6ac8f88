//! Two schemas in, differences in meaning out, each a sentence.

use std::collections::BTreeSet;
use std::fmt::Display;

use crate::object::{of_column, written};
use crate::report::{Difference, DifferenceKind};
use crate::schema::{Column, ForeignKey, Index, Key, Schema, Table};
use crate::settings::ColumnOrder;
use crate::shown::in_line;
use crate::token::{canonical_name, fold};

/// What a comparison found.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    pub(crate) differences: Vec<Difference>,
    /// Column order, where that is only a note.
    pub(crate) notes: Vec<String>,
}

pub(crate) fn compare(live: &Schema, declared: &Schema, order: ColumnOrder) -> Comparison {
    let mut comparison = Comparison::default();
    for table in &declared.tables {
        match live.table(&table.name) {
            Some(old) => {
                let stand_ins = stand_ins(live, declared, &table.name);
                compare_tables(old, table, &stand_ins, &mut comparison.differences);
                compare_order(old, table, order, &mut comparison);
            }
            None => missing("table", written(&table.name), &mut comparison.differences),
        }
    }
    let found = &mut comparison.differences;
    for table in live.tables.iter().filter(|t| declared.table(&t.name).is_none()) {
        extra("table", written(&table.name), found);
    }
    compare_virtual_tables(live, declared, found);
    compare_indexes(live, declared, found);
    compare_views(live, declared, found);
    compare_triggers(live, declared, found);
    comparison
}

/// Whether the table itself (not its indexes and triggers) already means what is declared.
pub(crate) fn same_table(live: &Schema, declared: &Schema, name: &str, order: ColumnOrder) -> bool {
    let (Some(old), Some(new)) = (live.table(name), declared.table(name)) else { return false };
    let mut comparison = Comparison::default();
    compare_tables(old, new, &stand_ins(live, declared, name), &mut comparison.differences);
    compare_order(old, new, order, &mut comparison);
    comparison.differences.is_empty()
}

/// Live unique indexes that nobody declared and that hold a declared UNIQUE constraint: Atlas writes constraints that way.
pub(crate) fn stand_ins<'s>(live: &'s Schema, declared: &Schema, table: &str) -> Vec<&'s Index> {
    let (Some(old), Some(new)) = (live.table(table), declared.table(table)) else { return Vec::new() };
    let mut wanted: BTreeSet<_> = new.uniques.difference(&old.uniques).cloned().collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    live.indexes
        .iter()
        .filter(|i| i.table.eq_ignore_ascii_case(table) && declared.index(&i.name).is_none())
        .filter(|i| as_unique(i).is_some_and(|key| wanted.remove(&key)))
        .collect()
}

/// The UNIQUE constraint that means the same as an index.
fn as_unique(index: &Index) -> Option<Key> {
    (index.unique && index.condition.is_none() && index.opaque.is_none())
        .then(|| Key { columns: index.columns.clone(), conflict: String::new() })
}

fn missing(what: &str, object: String, found: &mut Vec<Difference>) {
    let message = format!("{what} {object} is missing");
    push(found, DifferenceKind::Missing, object, message);
}

fn extra(what: &str, object: String, found: &mut Vec<Difference>) {
    let message = format!("{what} {object} is not declared");
    push(found, DifferenceKind::Extra, object, message);
}

fn changed(object: String, message: String, found: &mut Vec<Difference>) {
    push(found, DifferenceKind::Changed, object, message);
}

fn push(found: &mut Vec<Difference>, kind: DifferenceKind, object: String, message: String) {
    found.push(Difference { kind, object, message: in_line(message) });
}

fn compare_tables(old: &Table, new: &Table, stand_ins: &[&Index], found: &mut Vec<Difference>) {
    if old.opaque.is_some() || new.opaque.is_some() {
        if old.opaque != new.opaque {
            changed(written(&new.name), format!("table {} differs in its text", new.name), found);
        }
        return;
    }
    for column in &new.columns {
        match old.column(&column.name) {
            Some(was) => compare_columns(&new.name, was, column, found),
            None => missing("column", of_column(&new.name, &column.name), found),
        }
    }
    for column in old.columns.iter().filter(|c| new.column(&c.name).is_none()) {
        extra("column", of_column(&new.name, &column.name), found);
    }
    compare_keys(old, new, stand_ins, found);
    let table = &new.name;
    compare_sets(&old.checks, &new.checks, table, |c| format!("CHECK ({c})"), found);
    compare_sets(&old.foreign_keys, &new.foreign_keys, table, foreign_key_text, found);
    compare_flag(old.strict, new.strict, "STRICT", table, found);
    compare_flag(old.without_rowid, new.without_rowid, "WITHOUT ROWID", table, found);
    compare_flag(old.autoincrement, new.autoincrement, "AUTOINCREMENT", table, found);
}

fn compare_columns(table: &str, old: &Column, new: &Column, found: &mut Vec<Difference>) {
    let object = of_column(table, &new.name);
    let mut differ = |what: &str, was: &dyn Display, is: &dyn Display| {
        changed(object.clone(), format!("column {object}: {what} is {was}, declared is {is}"), found);
    };
    if old.type_ != new.type_ {
        differ("type", &or_none(&old.type_.to_uppercase()), &or_none(&new.type_.to_uppercase()));
    }
    if old.not_null != new.not_null {
        differ("NOT NULL", &not_null_text(old), &not_null_text(new));
    }
    if old.default != new.default {
        differ(
            "DEFAULT",
            &or_none(old.default.as_deref().unwrap_or("")),
            &or_none(new.default.as_deref().unwrap_or("")),
        );
    }
    if old.collation != new.collation {
        differ("COLLATE", &old.collation.to_uppercase(), &new.collation.to_uppercase());
    }
    if old.generated != new.generated {
        differ("GENERATED", &generated_text(old), &generated_text(new));
    }
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

fn not_null_text(column: &Column) -> String {
    match column.not_null.as_deref() {
        None => "off".to_owned(),
        Some("") => "on".to_owned(),
        Some(conflict) => format!("on (ON CONFLICT {conflict})"),
    }
}

fn generated_text(column: &Column) -> String {
    match &column.generated {
        None => "none".to_owned(),
        Some(g) => format!("({}) {}", g.expression, if g.stored { "STORED" } else { "VIRTUAL" }),
    }
}

fn compare_keys(old: &Table, new: &Table, stand_ins: &[&Index], found: &mut Vec<Difference>) {
    let table = &new.name;
    let primary = |t: &Table| {
        let alias = if t.rowid_alias.is_some() { ", the rowid" } else { "" };
        t.primary_key.as_ref().map_or_else(|| "none".to_owned(), |k| format!("{}{alias}", key_text("", k)))
    };
    if old.rowid_alias != new.rowid_alias || old.primary_key != new.primary_key {
        let message = format!("table {table}: PRIMARY KEY is {}, declared is {}", primary(old), primary(new));
        changed(written(table), message, found);
    }
    let held: BTreeSet<_> = stand_ins.iter().filter_map(|i| as_unique(i)).collect();
    let uniques: BTreeSet<_> = old.uniques.union(&held).cloned().collect();
    compare_sets(&uniques, &new.uniques, table, |k| key_text("UNIQUE ", k), found);
}

fn key_text(word: &str, key: &Key) -> String {
    let columns: Vec<_> = key
        .columns
        .iter()
        .map(|c| {
            let collation = if c.collation == "binary" || c.collation.is_empty() {
                String::new()
            } else {
                format!(" COLLATE {}", c.collation.to_uppercase())
            };
            format!("{}{collation}{}", c.expression, if c.descending { " DESC" } else { "" })
        })
        .collect();
    let conflict =
        if key.conflict.is_empty() { String::new() } else { format!(" ON CONFLICT {}", key.conflict) };
    format!("{word}({}){conflict}", columns.join(", "))
}

fn foreign_key_text(key: &ForeignKey) -> String {
    let mut text = format!("FOREIGN KEY ({}) REFERENCES {}", key.columns.join(", "), key.parent);
    if !key.parent_columns.is_empty() {
        text.push_str(&format!(" ({})", key.parent_columns.join(", ")));
    }
    for (event, action) in [("DELETE", &key.on_delete), ("UPDATE", &key.on_update)] {
        if action != "NO ACTION" {
            text.push_str(&format!(" ON {event} {action}"));
        }
    }
    if !key.match_.is_empty() {
        text.push_str(&format!(" MATCH {}", key.match_.to_uppercase()));
    }
    if key.deferred {
        text.push_str(" DEFERRABLE INITIALLY DEFERRED");
    }
    text
}

fn compare_sets<T: Ord>(
    old: &BTreeSet<T>,
    new: &BTreeSet<T>,
    table: &str,
    text: impl Fn(&T) -> String,
    found: &mut Vec<Difference>,
) {
    for item in new.difference(old) {
        let message = format!("table {table}: {} is missing", text(item));
        push(found, DifferenceKind::Missing, written(table), message);
    }
    for item in old.difference(new) {
        let message = format!("table {table}: {} is not declared", text(item));
        push(found, DifferenceKind::Extra, written(table), message);
    }
}

fn compare_flag(old: bool, new: bool, word: &str, table: &str, found: &mut Vec<Difference>) {
    if new && !old {
        push(found, DifferenceKind::Missing, written(table), format!("table {table}: {word} is missing"));
    } else if old && !new {
        push(found, DifferenceKind::Extra, written(table), format!("table {table}: {word} is not declared"));
    }
}

/// Compares the order of the columns that both have, which is what SQL can see of it.
fn compare_order(old: &Table, new: &Table, order: ColumnOrder, comparison: &mut Comparison) {
    let names = |a: &Table, b: &Table| -> Vec<String> {
        a.columns.iter().filter(|c| b.column(&c.name).is_some()).map(|c| fold(&c.name)).collect()
    };
    let (was, is) = (names(old, new), names(new, old));
    if was == is {
        return;
    }
    let message = format!(
        "table {}: the order of columns is ({}), declared is ({})",
        new.name,
        was.join(", "),
        is.join(", ")
    );
    match order {
        ColumnOrder::Report => comparison.notes.push(in_line(message)),
        ColumnOrder::Exact => changed(written(&new.name), message, &mut comparison.differences),
    }
}

fn compare_virtual_tables(live: &Schema, declared: &Schema, found: &mut Vec<Difference>) {
    for table in &declared.virtual_tables {
        match live.virtual_table(&table.name) {
            Some(old) if old.body == table.body => {}
            Some(_) => changed(
                written(&table.name),
                format!("virtual table {} differs in its definition", table.name),
                found,
            ),
            None => missing("virtual table", written(&table.name), found),
        }
    }
    for table in live.virtual_tables.iter().filter(|t| declared.virtual_table(&t.name).is_none()) {
        extra("virtual table", written(&table.name), found);
    }
}

/// Whether two indexes of one name mean the same.
pub(crate) fn same_index(old: &Index, new: &Index) -> bool {
    old.unique == new.unique
        && old.columns == new.columns
        && old.condition == new.condition
        && old.opaque == new.opaque
        && canonical_name(&old.table) == canonical_name(&new.table)
}

fn compare_indexes(live: &Schema, declared: &Schema, found: &mut Vec<Difference>) {
    for index in &declared.indexes {
        match live.index(&index.name) {
            Some(old) if same_index(old, index) => {}
            Some(old) => changed(
                written(&index.name),
                format!("index {} is {}, declared is {}", index.name, index_text(old), index_text(index)),
                found,
            ),
            None => missing("index", written(&index.name), found),
        }
    }
    for index in live.indexes.iter().filter(|i| declared.index(&i.name).is_none()) {
        let stands_in = stand_ins(live, declared, &index.table).iter().any(|i| i.name == index.name);
        // The indexes of a table that goes are gone with it.
        if !stands_in && declared.table(&index.table).is_some() {
            extra("index", written(&index.name), found);
        }
    }
}

fn index_text(index: &Index) -> String {
    let unique = if index.unique { "UNIQUE " } else { "" };
    let key = key_text("", &Key { columns: index.columns.clone(), conflict: String::new() });
    let condition = index.condition.as_ref().map_or_else(String::new, |c| format!(" WHERE {c}"));
    format!("{unique}ON {} {key}{condition}", fold(&index.table))
}

fn compare_views(live: &Schema, declared: &Schema, found: &mut Vec<Difference>) {
    for view in &declared.views {
        match live.view(&view.name) {
            Some(old) if old.body == view.body => {}
            Some(_) => {
                changed(written(&view.name), format!("view {} differs in its definition", view.name), found);
            }
            None => missing("view", written(&view.name), found),
        }
    }
    for view in live.views.iter().filter(|v| declared.view(&v.name).is_none()) {
        extra("view", written(&view.name), found);
    }
}

fn compare_triggers(live: &Schema, declared: &Schema, found: &mut Vec<Difference>) {
    for trigger in &declared.triggers {
        match live.trigger(&trigger.name) {
            Some(old) if old.body == trigger.body => {}
            Some(_) => changed(
                written(&trigger.name),
                format!("trigger {} differs in its definition", trigger.name),
                found,
            ),
            None => missing("trigger", written(&trigger.name), found),
        }
    }
    for trigger in live.triggers.iter().filter(|t| declared.trigger(&t.name).is_none()) {
        // The triggers of a table or view that goes are gone with it.
        let on_declared = declared.table(&trigger.table).is_some() || declared.view(&trigger.table).is_some();
        if on_declared {
            extra("trigger", written(&trigger.name), found);
        }
    }
}
