//! The part of a change's two schemas that its steps can come near: a proof makes no more than that again, so that its cost follows
//! the change. What is left out has one meaning in both schemas, no step names it, and nothing that is left in refers to it.

use std::collections::BTreeSet;

use crate::carry::{Source, TableCarry};
use crate::declared::Declared;
use crate::difference::{same_index, same_table};
use crate::evidence::tied;
use crate::execute::Execution;
use crate::plan::Step;
use crate::schema::{Index, Schema, VirtualTable};
use crate::settings::ColumnOrder;
use crate::token::{fold, tokenize};
use crate::virtual_table::Content;

/// Both schemas of an execution, without what is left out.
pub(crate) fn part(execution: &Execution<'_>) -> (Schema, Declared) {
    let Execution { live, declared, carry, steps, row_steps, settings, .. } = execution;
    let rows = row_steps.iter().map(Step::table).chain(declared.rows.iter().map(|row| row.table.as_str()));
    let mut near: BTreeSet<String> = steps.iter().map(Step::table).chain(rows).map(fold).collect();
    near.extend(names(carry.tables.iter().flat_map(computed)));
    for schema in [*live, &declared.schema] {
        near.extend(changed(schema, live, &declared.schema, settings.column_order));
        near.extend(names(texts(schema)));
        near.extend(schema.virtual_tables.iter().filter_map(content));
        // One of them: `sqlite_sequence` is there for all.
        near.extend(schema.tables.iter().find(|table| table.autoincrement).map(|table| fold(&table.name)));
    }
    let near = tied(&near, carry, live, &declared.schema);
    (only(live, &near), declared.with_schema(only(&declared.schema, &near)))
}

/// Tables that are not the same in both, or have an index that is not.
fn changed<'s>(
    schema: &'s Schema,
    live: &'s Schema,
    declared: &'s Schema,
    order: ColumnOrder,
) -> impl Iterator<Item = String> + 's {
    let same = |index: &Index| match (live.index(&index.name), declared.index(&index.name)) {
        (Some(old), Some(new)) => same_index(old, new),
        _ => false,
    };
    let tables = schema.tables.iter().map(|table| &table.name);
    let tables = tables.filter(move |name| !same_table(live, declared, name, order));
    let indexes = schema.indexes.iter().filter(move |index| !same(index)).map(|index| &index.table);
    tables.chain(indexes).map(|name| fold(name))
}

/// Of views and triggers: some statements make SQLite read all of those.
fn texts(schema: &Schema) -> impl Iterator<Item = &String> {
    schema.views.iter().map(|view| &view.sql).chain(schema.triggers.iter().map(|trigger| &trigger.sql))
}

/// The expressions of `@using`, which may read other tables.
fn computed(table: &TableCarry) -> impl Iterator<Item = &String> {
    table.columns.iter().filter_map(|column| match &column.source {
        Source::Using { expression, .. } => Some(expression),
        Source::Column(_) | Source::Default => None,
    })
}

/// Every name in these texts, of whatever it is one.
fn names<'s>(texts: impl Iterator<Item = &'s String>) -> impl Iterator<Item = String> {
    texts.flat_map(|sql| tokenize(sql).unwrap_or_default()).map(|token| fold(&token.name()))
}

fn content(table: &VirtualTable) -> Option<String> {
    match table.content() {
        Content::In(content) => Some(fold(&content)),
        _ => None,
    }
}

fn only(schema: &Schema, near: &BTreeSet<String>) -> Schema {
    let is_near = |table: &str| near.contains(&fold(table));
    let stays = |kind: &str, table: &str| match kind {
        "table" | "index" => is_near(table) || schema.virtual_table(table).is_some(),
        _ => true,
    };
    Schema {
        tables: schema.tables.iter().filter(|table| is_near(&table.name)).cloned().collect(),
        indexes: schema.indexes.iter().filter(|index| is_near(&index.table)).cloned().collect(),
        rows: schema.rows.iter().filter(|row| stays(&row.kind, &row.table)).cloned().collect(),
        virtual_tables: schema.virtual_tables.clone(),
        views: schema.views.clone(),
        triggers: schema.triggers.clone(),
    }
}
