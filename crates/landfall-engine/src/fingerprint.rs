//! The fingerprint of a schema and of a plan: SHA-256 over a text of their meaning.
//!
//! It stands in labels, refs, audits and approvals, and releases compare theirs with those of others. So the text is written out here,
//! word for word, and no name inside this crate is in it. Whatever changes it needs another `VERSION`; pinned values are in the tests.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use crate::declared::row::{Declaration, DeclaredRow};
use crate::plan::Step;
use crate::schema::{Column, ForeignKey, Index, Key, KeyColumn, Schema, Table, hex};
use crate::token::{fold, quote, quote_text};
use crate::value::Value;

/// Of the canonical text: in front of each fingerprint, with a hyphen behind it. Letters, digits and `-` are safe in labels, refs, names of
/// files and the environment.
const VERSION: &str = "v1";

/// As many hexadecimal digits as a person compares.
const SHORT: usize = 12;

/// What two fingerprints tell of what they are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// It is the same.
    Same,
    /// It differs.
    Other,
    /// One was made by another version of Landfall: nobody can tell.
    Incomparable,
}

/// Compares two fingerprints, which may come from other releases.
#[must_use]
pub fn likeness(one: &str, other: &str) -> Likeness {
    if one == other {
        Likeness::Same
    } else if version(one) == version(other) {
        Likeness::Other
    } else {
        Likeness::Incomparable
    }
}

/// The beginning of a fingerprint, with its version, for a person who compares it.
#[must_use]
pub fn short(fingerprint: &str) -> &str {
    let end = fingerprint.len() - digits(fingerprint).len() + SHORT;
    fingerprint.get(..end).unwrap_or(fingerprint)
}

/// The first digits of a fingerprint, without its version, for the name of a file.
#[must_use]
pub fn short_digits(fingerprint: &str) -> &str {
    let digits = digits(fingerprint);
    digits.get(..SHORT).unwrap_or(digits)
}

/// `v1` of `v1-…`; empty for one that was made before there were versions.
fn version(fingerprint: &str) -> &str {
    fingerprint.split_once('-').map_or("", |(version, _)| version)
}

fn digits(fingerprint: &str) -> &str {
    fingerprint.split_once('-').map_or(fingerprint, |(_, digits)| digits)
}

pub(crate) fn of_schema(schema: &Schema) -> String {
    of(&schema_text(schema))
}

pub(crate) fn of_declared(schema: &Schema, rows: &[DeclaredRow]) -> String {
    let rows: BTreeSet<_> = rows.iter().map(row).collect();
    of(&(schema_text(schema) + &rows.into_iter().collect::<String>()))
}

/// Covers both schemas, by their fingerprints, and all statements, so that an approval counts for this very plan.
pub(crate) fn of_plan(live: &str, declared: &str, steps: &[Step]) -> String {
    let mut text = format!("plan\nlive {live}\ndeclared {declared}\n");
    for step in steps {
        line(&mut text, &format!("step {}", quote_text(&step.sql)));
    }
    of(&text)
}

fn of(text: &str) -> String {
    format!("{VERSION}-{}", hex(&Sha256::digest(text)))
}

/// An object a paragraph, in the order of their texts: the order of declaration and whatever is cosmetic are not in it. Names are in
/// double quotes, expressions and words in single ones, each as SQL escapes it, so that no text can pass for another.
fn schema_text(schema: &Schema) -> String {
    let tables = schema.tables.iter().map(table);
    let virtual_tables = schema
        .virtual_tables
        .iter()
        .map(|table| format!("virtual-table {} {}\n", name(&table.name), quote_text(&table.body)));
    let indexes = schema.indexes.iter().map(index);
    let views =
        schema.views.iter().map(|view| format!("view {} {}\n", name(&view.name), quote_text(&view.body)));
    let triggers = schema
        .triggers
        .iter()
        .map(|trigger| format!("trigger {} {}\n", name(&trigger.name), quote_text(&trigger.body)));
    let objects: BTreeSet<_> =
        tables.chain(virtual_tables).chain(indexes).chain(views).chain(triggers).collect();
    objects.into_iter().fold("schema\n".to_owned(), |text, object| text + &object)
}

fn table(table: &Table) -> String {
    let mut text = format!("table {}", name(&table.name));
    for (is_so, word) in [
        (table.strict, " strict"),
        (table.without_rowid, " without-rowid"),
        (table.autoincrement, " autoincrement"),
    ] {
        text.push_str(if is_so { word } else { "" });
    }
    text.push('\n');
    let columns: BTreeSet<_> = table.columns.iter().map(column).collect();
    columns.iter().for_each(|column| line(&mut text, column));
    if let Some(alias) = &table.rowid_alias {
        line(&mut text, &format!("rowid {}", name(alias)));
    }
    if let Some(primary) = &table.primary_key {
        line(&mut text, &key("primary-key", primary));
    }
    table.uniques.iter().for_each(|unique| line(&mut text, &key("unique", unique)));
    table.checks.iter().for_each(|check| line(&mut text, &format!("check {}", quote_text(check))));
    table.foreign_keys.iter().for_each(|key| line(&mut text, &foreign_key(key)));
    if let Some(opaque) = &table.opaque {
        line(&mut text, &format!("as-written {}", quote_text(opaque)));
    }
    text
}

fn column(column: &Column) -> String {
    let mut text = format!(
        "column {} type {} collate {}",
        name(&column.name),
        quote_text(&column.type_),
        name(&column.collation)
    );
    add(&mut text, "not-null", column.not_null.as_deref());
    add(&mut text, "default", column.default.as_deref());
    if let Some(generated) = &column.generated {
        add(&mut text, if generated.stored { "stored" } else { "virtual" }, Some(&generated.expression));
    }
    text
}

fn key(kind: &str, key: &Key) -> String {
    format!("{kind}{} conflict {}", key_columns(&key.columns), quote_text(&key.conflict))
}

fn key_columns(columns: &[KeyColumn]) -> String {
    let mut text = String::new();
    for KeyColumn { expression, collation, descending } in columns {
        let order = if *descending { "desc" } else { "asc" };
        text.push_str(&format!(" {} collate {} {order}", quote_text(expression), name(collation)));
    }
    text
}

fn foreign_key(key: &ForeignKey) -> String {
    let ForeignKey { columns, parent, parent_columns, on_delete, on_update, match_, deferred } = key;
    let list = |columns: &[String]| columns.iter().map(|column| name(column)).collect::<Vec<_>>().join(" ");
    format!(
        "foreign-key {} references {} {} on-delete {} on-update {} match {}{}",
        list(columns),
        name(parent),
        list(parent_columns),
        quote_text(on_delete),
        quote_text(on_update),
        quote_text(match_),
        if *deferred { " deferred" } else { "" }
    )
}

fn index(index: &Index) -> String {
    let kind = if index.unique { "unique-index" } else { "index" };
    let mut text = format!("{kind} {} on {}", name(&index.name), name(&index.table));
    text.push_str(&key_columns(&index.columns));
    add(&mut text, "where", index.condition.as_deref());
    add(&mut text, "as-written", index.opaque.as_deref());
    text.push('\n');
    text
}

fn row(row: &DeclaredRow) -> String {
    let value = |declaration: &Declaration| {
        let value = match &declaration.value {
            Value::Null => "null".to_owned(),
            Value::Integer(integer) => format!("integer {integer}"),
            Value::Real(real) => format!("real {:016x}", real.to_bits()),
            Value::Text(bytes) => format!("text {}", hex(bytes)),
            Value::Blob(bytes) => format!("blob {}", hex(bytes)),
        };
        format!(" {} {value}", name(&declaration.column))
    };
    let values: BTreeSet<_> = row.columns.iter().map(value).collect();
    format!("row {}{}\n", name(&row.table), values.into_iter().collect::<String>())
}

fn add(text: &mut String, word: &str, value: Option<&str>) {
    if let Some(value) = value {
        text.push_str(&format!(" {word} {}", quote_text(value)));
    }
}

fn line(text: &mut String, line: &str) {
    text.push_str(&format!(" {line}\n"));
}

fn name(name: &str) -> String {
    quote(&fold(name))
}
