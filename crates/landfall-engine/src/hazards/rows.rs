//! The rows of a table, asked whether the declared table could hold them and would read the same.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::context::{Context, Found, Suspect};
use super::conversion::{self, Conversion, Finding, NAMED, Target};
use crate::answer::{count, or_refusal};
use crate::as_stored::{self, AsStored};
use crate::carry::{self, ColumnCarry, Rowid, Source, TableCarry};
use crate::difference::same_index;
use crate::hazard::{Hazard, HazardName};
use crate::object::{of_column, written};
use crate::plan::plural;
use crate::replica;
use crate::schema::{Affinity, Column, ForeignKey, KeyColumn, Table, as_columns};
use crate::token::{canonical_name, fold, is_truth, quote, renamed, shown};
use crate::using::{ActsOn, ColumnOf, Rule, Turn, Using, mentions};

/// Rows by the condition that they meet.
type Counts = BTreeMap<String, u64>;

/// How the old values are given to an expression over the declared columns.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    AsTheyAre,
    /// To the type of their column.
    Cast,
}

/// The rows that break a rule.
struct Broken {
    rows: u64,
    /// Of the first.
    rowids: Vec<i64>,
    /// A statement for a person that finds them.
    query: String,
}

/// The rows of one table, seen as the declared table would hold them.
pub(crate) struct Rows<'r, 's> {
    pub(crate) context: &'r Context<'s>,
    pub(crate) conn: &'r Connection,
    pub(crate) table: &'r TableCarry,
    pub(crate) old: &'r Table,
    pub(crate) new: &'r Table,
}

impl Rows<'_, '_> {
    pub(crate) fn hazards(&self, found: &mut Found) -> rusqlite::Result<()> {
        let counts = self.count_together()?;
        let mut conversions: Vec<_> = self.new.columns.iter().filter_map(|c| self.conversion(c)).collect();
        conversion::search(self.conn, &self.table.from, self.old.rowid_name(), &mut conversions)?;
        for column in &self.new.columns {
            match self.table.source_of(&column.name) {
                Some(Source::Default) => self.needs_backfill(column, found)?,
                Some(source) if self.could_be_null(column, source) => {
                    self.nulls(column, source, &counts, found)?;
                }
                Some(_) => {}
                None => self.becomes_generated(column, found)?,
            }
            if let Some(conversion) = conversions.iter().find(|c| c.column.name == column.name) {
                self.converted(conversion, found);
            }
        }
        self.checks(&counts, found)?;
        self.keys(found)?;
        self.foreign_keys(found)
    }

    /// The live column that feeds a declared one as it is.
    fn was(&self, source: &Source) -> Option<&Column> {
        match source {
            Source::Column(name) => self.old.column(name),
            Source::Default | Source::Using { .. } => None,
        }
    }

    /// Whether NOT NULL is new, where a NULL would not get a rowid of its own.
    fn could_be_null(&self, column: &Column, source: &Source) -> bool {
        column.not_null.is_some()
            && !is_rowid(self.new, column)
            && self.was(source).is_none_or(|w| w.not_null.is_none())
    }

    fn conversion<'c>(&'c self, column: &'c Column) -> Option<Conversion<'c>> {
        let was = self.was(self.table.source_of(&column.name)?)?;
        let (from, to) = (was.affinity(self.old.strict), column.affinity(self.new.strict));
        let target = if is_rowid(self.new, column) && !is_rowid(self.old, was) {
            Target::Rowid
        } else if from != to || (self.new.strict && !self.old.strict) {
            Target::Column { from, to, strict: self.new.strict }
        } else {
            return None;
        };
        Some(Conversion { column, was, target, refused: Finding::default(), changed: Finding::default() })
    }

    /// The conditions that no row may meet, one pass over the table for all of them.
    ///
    /// Empty where there is but one, which an index may answer, and where they cannot be asked together.
    fn count_together(&self) -> rusqlite::Result<Counts> {
        let conditions = self.conditions();
        let Some(sql) = self.together_sql(&conditions) else { return Ok(Counts::new()) };
        let Ok(mut statement) = or_refusal(self.conn.prepare(&sql))? else { return Ok(Counts::new()) };
        statement.query_row([], |row| {
            let counts = conditions.iter().enumerate();
            counts.map(|(at, condition)| Ok((condition.clone(), row.get(at)?))).collect()
        })
    }

    fn conditions(&self) -> Vec<String> {
        let nulls = self.new.columns.iter().filter(|column| {
            self.table
                .source_of(&column.name)
                .is_some_and(|source| *source != Source::Default && self.could_be_null(column, source))
        });
        let checks = self.new_checks().filter(|check| !self.is_stored_otherwise(check));
        nulls.map(|column| self.is_null(column)).chain(checks.map(|check| self.is_broken(check))).collect()
    }

    fn together_sql(&self, conditions: &[String]) -> Option<String> {
        let counts: Vec<_> = conditions.iter().map(|c| format!("count(*) FILTER (WHERE {c})")).collect();
        (counts.len() > 1).then(|| format!("SELECT {} FROM {}", counts.join(", "), self.fed()))
    }

    fn needs_backfill(&self, column: &Column, found: &mut Found) -> rusqlite::Result<()> {
        let null = column.default.as_deref().is_none_or(|d| d == "null");
        if column.not_null.is_none() || !null || is_rowid(self.new, column) {
            return Ok(());
        }
        let rows = self.context.count(&self.table.from)?.unwrap_or(0);
        if rows > 0 {
            let object = of_column(&self.new.name, &column.name);
            let message = format!(
                "column {object} is NOT NULL without a default, and {} would have no value",
                plural(rows)
            );
            let remedy = format!(
                "on the line of {}, write `-- @using EXPRESSION` (over the old row{}), or give the column a DEFAULT",
                written(&column.name),
                self.may_read()
            );
            let hazard = Hazard::new(HazardName::NeedsBackfill, &object, message, remedy);
            let hazard = Hazard { rows: Some(rows), ..hazard }.found_by(self.live_rows(None));
            found.push_unless(hazard, |suspect| self.is_about(suspect, &column.name));
        }
        Ok(())
    }

    /// A column that goes, perhaps into those that come.
    fn may_read(&self) -> String {
        let feeds = |column: &&Column| {
            column.generated.is_none()
                && self.new.column(&column.name).is_none()
                && !self.table.feeds(&column.name)
        };
        let gone: Vec<_> = self.old.columns.iter().filter(feeds).map(|column| shown(&column.name)).collect();
        if gone.is_empty() { String::new() } else { format!(", which still has {}", gone.join(", ")) }
    }

    fn nulls(
        &self,
        column: &Column,
        source: &Source,
        counts: &Counts,
        found: &mut Found,
    ) -> rusqlite::Result<()> {
        let Some(value) = source.sql() else { return Ok(()) };
        let (from, condition) = (quote(&self.table.from), format!("{value} IS NULL"));
        let rows = match counts.get(&self.is_null(column)) {
            Some(rows) => *rows,
            None => {
                let sql = format!("SELECT count(*) FROM {from} WHERE {condition}");
                self.conn.query_row(&sql, [], |row| row.get(0))?
            }
        };
        if rows == 0 {
            return Ok(());
        }
        let rowids = match self.old.rowid_name() {
            Some(rowid) => self
                .rowids_from(&format!("(SELECT {rowid} AS landfall_rowid FROM {from} WHERE {condition})"))?,
            None => Vec::new(),
        };
        let object = of_column(&self.new.name, &column.name);
        let remedy = format!(
            "on the line of {}, write `-- @using coalesce({}, …){}`, or give those rows a value first",
            written(&column.name),
            shown(&column.name),
            ActsOn::Rule(Rule::NotNull)
        );
        let violated = self.violated(&object, "NULL where NOT NULL is declared", rows, rowids);
        let value = source.shown().unwrap_or_default();
        let query = self.live_rows(Some(&format!("{value} IS NULL")));
        found.push(Hazard { remedy, ..violated }.found_by(query));
        Ok(())
    }

    fn new_checks(&self) -> impl Iterator<Item = &String> {
        self.new.checks.difference(&self.old.checks)
    }

    fn checks(&self, counts: &Counts, found: &mut Found) -> rusqlite::Result<()> {
        for check in self.new_checks() {
            let asked = match self.is_stored_otherwise(check) {
                true => self.broken_as_stored(check)?,
                false => self.broken(check, counts)?,
            };
            // SQLite may refuse to ask it beside the table: the transaction's own check then decides.
            let Some(Broken { rows, rowids, query }) = asked.filter(|broken| broken.rows > 0) else {
                continue;
            };
            let what = format!("CHECK ({check}) does not hold");
            let violated = self.violated(&written(&self.new.name), &what, rows, rowids);
            let about = self.new.columns.iter().find(|column| mentions(check, &column.name));
            let hazard = self.mended(about, Rule::Check(check.clone()), violated).found_by(query);
            found.push_unless(hazard, |suspect| self.is_about(suspect, check));
        }
        Ok(())
    }

    /// The rows that break a CHECK whose columns hold the same from now on.
    fn broken(&self, check: &str, counts: &Counts) -> rusqlite::Result<Option<Broken>> {
        let (fed, condition) = (self.fed(), self.is_broken(check));
        let rows = match counts.get(&condition) {
            Some(rows) => Ok(*rows),
            None => count(self.conn, &format!("SELECT count(*) FROM {fed} WHERE {condition}"))?,
        };
        let Ok(rows) = rows else { return Ok(None) };
        let rowids = match self.old.rowid_name().filter(|_| self.has_all()) {
            _ if rows == 0 => Vec::new(),
            Some(rowid) => {
                let found = format!("SELECT {rowid} AS landfall_rowid FROM {fed} WHERE {condition}");
                self.rowids_from(&format!("({found})"))?
            }
            None => self.rowids_from(&format!("{fed} WHERE {condition}"))?,
        };
        Ok(Some(Broken { rows, rowids, query: self.rows_where(&condition) }))
    }

    /// The rows that break a CHECK, each asked as the declared table would store it.
    fn broken_as_stored(&self, check: &str) -> rusqlite::Result<Option<Broken>> {
        let has_value = |column: &Column| {
            let fed = self.table.columns.iter().find(|fed| fed.to.eq_ignore_ascii_case(&column.name));
            fed.is_some_and(|fed| fed.source != Source::Default || self.becomes_rowid(fed).is_some())
        };
        let scratch = replica::memory(self.context.settings)?;
        let Some(stored) = AsStored::new(scratch, self.new, check, has_value)? else { return Ok(None) };
        let rowid = if self.old.rowid_name().is_some() { "landfall_rowid" } else { "NULL" };
        let values: String =
            stored.given.iter().map(|column| format!(", {}", self.asked(&quote(&column.name)))).collect();
        let sql = format!("SELECT {rowid}{values} FROM {}", self.as_declared(Values::AsTheyAre));
        let Ok(mut statement) = or_refusal(self.conn.prepare(&sql))? else { return Ok(None) };
        let mut asked = statement.query([])?;
        let (mut rows, mut rowids, mut known) = (0, Vec::new(), None);
        while let Some(row) = asked.next()? {
            let holds = match known {
                Some(holds) => holds,
                None => stored.of(row, 1)?,
            };
            // Every row gets the same where none gives a value.
            known = stored.given.is_empty().then_some(holds);
            if holds == Some(false) {
                rows += 1;
                rowids.extend(row.get::<_, Option<i64>>(0)?.filter(|_| rowids.len() < NAMED));
            }
        }
        let query = self.rows_as_stored(check, rows, &rowids)?;
        Ok(Some(Broken { rows, rowids, query }))
    }

    /// A statement for a person. CAST makes of most values what a column of the type does: where it finds as many rows, it is that one.
    fn rows_as_stored(&self, check: &str, rows: u64, rowids: &[i64]) -> rusqlite::Result<String> {
        let found = format!("{} WHERE {}", self.as_declared(Values::Cast), self.is_broken(check));
        if count(self.conn, &format!("SELECT count(*) FROM {found}"))? == Ok(rows) {
            return Ok(format!("SELECT * FROM {found}"));
        }
        let named: Vec<_> = rowids.iter().map(i64::to_string).collect();
        let named = format!("{} IN ({})", self.old.rowid_name().unwrap_or("rowid"), named.join(", "));
        Ok(self.live_rows(Some(named.as_str()).filter(|_| !rowids.is_empty())))
    }

    /// Whether a CHECK reads another value from now on than the live columns give, or compares it otherwise.
    fn is_stored_otherwise(&self, check: &str) -> bool {
        as_stored::needed(self.new, check).into_iter().any(|column| !self.gives_the_same(column))
    }

    /// Whether a column holds what [`Self::as_declared`] gives, and SQLite compares both alike.
    fn gives_the_same(&self, column: &Column) -> bool {
        let has_no_type = |column: &Column| column.type_.is_empty() && column.collation == "binary";
        match (self.table.source_of(&column.name), &column.generated) {
            (Some(Source::Column(from)), _) => self.old.column(from).is_some_and(|was| {
                was.affinity(self.old.strict) == column.affinity(self.new.strict)
                    && was.collation == column.collation
            }),
            (Some(Source::Default), _) => {
                column.default.as_deref().is_none_or(|default| default == "null" || has_no_type(column))
            }
            (Some(Source::Using { .. }), _) => has_no_type(column),
            (None, Some(generated)) => {
                let is_column =
                    self.new.columns.iter().any(|c| generated.expression == canonical_name(&c.name));
                self.has_all() || (has_no_type(column) && !is_column)
            }
            (None, None) => true,
        }
    }

    fn has_all(&self) -> bool {
        self.table.has_all(self.old, self.new) && self.aliases().is_empty()
    }

    /// The declared columns called true or false, and what they are called in a subquery: SQLite gives no column there such a name.
    fn aliases(&self) -> Vec<(String, String)> {
        let names = self.new.columns.iter().map(|column| &column.name).filter(|name| is_truth(name));
        names.map(|name| (name.clone(), format!("landfall_{name}"))).collect()
    }

    /// An expression over the declared columns, as it is asked of [`Self::fed`].
    fn asked(&self, expression: &str) -> String {
        renamed(expression, &self.aliases())
    }

    fn is_null(&self, column: &Column) -> String {
        format!("{} IS NULL", self.asked(&quote(&column.name)))
    }

    fn is_broken(&self, check: &str) -> String {
        format!("NOT ({})", self.asked(check))
    }

    /// What constraints are asked of: the table itself where it has every column, so that whatever is true of its rows can be
    /// said, the rowid included.
    fn fed(&self) -> String {
        if self.has_all() { quote(&self.table.from) } else { self.as_declared(Values::AsTheyAre) }
    }

    /// The old rows under the declared names, as a subquery.
    fn as_declared(&self, values: Values) -> String {
        let mut columns: Vec<_> = self
            .table
            .columns
            .iter()
            .map(|c| {
                let name = self.asked(&quote(&c.to));
                if let Some(rowid) = self.becomes_rowid(c) {
                    return format!("{rowid} AS {name}");
                }
                let default = || self.new.column(&c.to).and_then(Column::default_value);
                let value = c.source.sql().or_else(default).unwrap_or_else(|| "NULL".to_owned());
                format!("{} AS {name}", self.value(&c.to, value, values))
            })
            .collect();
        if let Some(rowid) = self.old.rowid_name() {
            columns.push(format!("{rowid} AS landfall_rowid"));
        }
        let fed = format!("(SELECT {} FROM {})", columns.join(", "), quote(&self.table.from));
        let generated = self.new.columns.iter().filter_map(|c| {
            let generated = c.generated.as_ref()?;
            let value = self.value(&c.name, format!("({})", self.asked(&generated.expression)), values);
            Some(format!(", {value} AS {}", self.asked(&quote(&c.name))))
        });
        format!("(SELECT *{} FROM {fed})", generated.collect::<String>())
    }

    fn value(&self, column: &str, value: String, values: Values) -> String {
        let Some(column) = self.new.column(column).filter(|_| values == Values::Cast) else { return value };
        let to = match column.affinity(self.new.strict) {
            Affinity::Blob => return value,
            Affinity::Text => "TEXT",
            Affinity::Real => "REAL",
            // As INTEGER it would cut off fractions.
            Affinity::Integer | Affinity::Numeric => "NUMERIC",
        };
        let collate = match column.collation.as_str() {
            "binary" => String::new(),
            other => format!(" COLLATE {}", shown(other)),
        };
        format!("CAST({value} AS {to}){collate}")
    }

    /// A statement for a person: the rows of the live table that meet a condition on its own columns.
    fn live_rows(&self, condition: Option<&str>) -> String {
        let where_ = condition.map_or_else(String::new, |condition| format!(" WHERE {condition}"));
        format!("SELECT {} FROM {}{where_}", self.all_columns(), shown(&self.table.from))
    }

    /// A statement for a person: the rows that meet a condition on declared columns.
    fn rows_where(&self, condition: &str) -> String {
        match self.has_all() {
            true => self.live_rows(Some(condition)),
            false => format!("SELECT * FROM {} WHERE {condition}", self.as_declared(Values::AsTheyAre)),
        }
    }

    /// Of the live table, with the rowid where no column shows it.
    fn all_columns(&self) -> &'static str {
        if self.old.rowid_name() == Some("rowid") && self.old.rowid_alias.is_none() {
            "rowid, *"
        } else {
            "*"
        }
    }

    /// Whether an expression over declared columns reads the one that looks renamed.
    fn is_about(&self, suspect: &Suspect, expression: &str) -> bool {
        suspect.table == self.new.name
            && suspect.column.as_ref().is_some_and(|column| mentions(expression, column))
    }

    /// The live rowid, where a declared INTEGER PRIMARY KEY is new and takes it.
    fn becomes_rowid(&self, column: &ColumnCarry) -> Option<&String> {
        let is_new = column.source == Source::Default;
        let is_key = self.new.column(&column.to).is_some_and(|column| is_rowid(self.new, column));
        match &self.table.rowid {
            Rowid::Kept { read, .. } if is_new && is_key => Some(read),
            _ => None,
        }
    }

    /// Some of the rows by their rowids; none where they have none.
    fn rowids_from(&self, from: &str) -> rusqlite::Result<Vec<i64>> {
        let sql = format!("SELECT landfall_rowid FROM {from} LIMIT {NAMED}");
        let Ok(mut statement) = or_refusal(self.conn.prepare(&sql))? else { return Ok(Vec::new()) };
        statement.query_map([], |row| row.get(0))?.collect()
    }

    fn violated(&self, object: &str, what: &str, rows: u64, rowids: Vec<i64>) -> Hazard {
        let which = if rowids.is_empty() {
            String::new()
        } else {
            let ids: Vec<_> = rowids.iter().map(ToString::to_string).collect();
            let more = if rows as usize > rowids.len() { ", …" } else { "" };
            format!(" (rowid {}{more})", ids.join(", "))
        };
        let message = format!("{what}, in {} of {}{which}", plural(rows), self.table.from);
        let remedy = "correct those rows first, or declare what they are".to_owned();
        Hazard {
            rowids,
            rows: Some(rows),
            ..Hazard::new(HazardName::ViolatedConstraint, object, message, remedy)
        }
    }

    /// With the directive that gives the rows other values, where one would act.
    fn mended(&self, column: Option<&Column>, rule: Rule, violated: Hazard) -> Hazard {
        let Some(column) = column else { return violated };
        let was = self.table.source_of(&column.name).and_then(|source| self.was(source));
        let (live, declared) = (self.context.live, &self.context.declared.schema);
        let was = was.map(|column| ColumnOf { schema: live, table: self.old, column, renamed: &[] });
        let is = ColumnOf { schema: declared, table: self.new, column, renamed: &[] };
        let using = Using { expression: String::new(), acts_on: ActsOn::Rule(rule.clone()) };
        match using.turn(was, is) {
            Turn::Acts => mended_by(&column.name, rule, violated),
            Turn::HasActed | Turn::Unclear => violated,
        }
    }

    /// New UNIQUE and PRIMARY KEY constraints and unique indexes, asked of the old rows.
    fn keys(&self, found: &mut Found) -> rusqlite::Result<()> {
        let primary = self.new.primary_key.iter().filter(|k| self.old.primary_key.as_ref() != Some(*k));
        for key in primary {
            self.duplicates(&written(&self.new.name), &key.columns, None, Rule::PrimaryKey, found)?;
        }
        for key in self.new.uniques.difference(&self.old.uniques) {
            self.duplicates(&written(&self.new.name), &key.columns, None, Rule::Unique, found)?;
        }
        let indexes = self.context.declared.schema.indexes.iter();
        for index in indexes.filter(|i| i.unique && i.table.eq_ignore_ascii_case(&self.new.name)) {
            if self.context.live.index(&index.name).is_none_or(|old| !same_index(old, index)) {
                let condition = index.condition.as_ref();
                self.duplicates(&written(&index.name), &index.columns, condition, Rule::Unique, found)?;
            }
        }
        Ok(())
    }

    fn duplicates(
        &self,
        object: &str,
        key: &[KeyColumn],
        condition: Option<&String>,
        rule: fn(String) -> Rule,
        found: &mut Found,
    ) -> rusqlite::Result<()> {
        let fed = self.as_declared(Values::AsTheyAre);
        let collated =
            |c: &KeyColumn| format!("{} COLLATE {}", self.asked(&c.expression), shown(&c.collation));
        let columns: Vec<_> = key.iter().map(collated).collect();
        let no_null: Vec<_> =
            key.iter().map(|c| format!("({}) IS NOT NULL", self.asked(&c.expression))).collect();
        let condition = condition.map_or_else(String::new, |c| format!(" AND ({})", self.asked(c)));
        let list = columns.join(", ");
        let where_ = format!("{}{condition}", no_null.join(" AND "));
        let sql = format!(
            "SELECT coalesce(sum(landfall_rows), 0) FROM (SELECT count(*) AS landfall_rows FROM {fed} WHERE {where_} GROUP BY {list} HAVING count(*) > 1)"
        );
        // A key over a generated column cannot be asked of the old rows: the transaction's own check then decides.
        let Ok(rows) = count(self.conn, &sql)? else { return Ok(()) };
        if rows > 0 {
            let repeated = |columns: &str, from: &str| {
                let counted = format!("count(*) OVER (PARTITION BY {list}) AS landfall_rows");
                format!("(SELECT {columns}, {counted} FROM {from} WHERE {where_}) WHERE landfall_rows > 1")
            };
            let rowids = match self.old.rowid_name() {
                Some(_) => self.rowids_from(&repeated("landfall_rowid", &fed))?,
                None => Vec::new(),
            };
            let query = match self.has_all() {
                true => format!("SELECT * FROM {}", repeated(self.all_columns(), &shown(&self.table.from))),
                false => format!("SELECT * FROM {}", repeated("*", &fed)),
            };
            let names = as_columns(key);
            let what = format!("a repeated value where UNIQUE ({names}) is declared");
            let violated = self.violated(object, &what, rows, rowids);
            let about = self.new.columns.iter().find(|column| mentions(&names, &column.name));
            let named = match key {
                [_] if about.is_some_and(|c| names == canonical_name(&c.name)) => String::new(),
                _ => names.clone(),
            };
            let hazard = self.mended(about, rule(named), violated).found_by(query);
            found.push_unless(hazard, |suspect| self.is_about(suspect, &names));
        }
        Ok(())
    }

    fn foreign_keys(&self, found: &mut Found) -> rusqlite::Result<()> {
        let fed = self.as_declared(Values::AsTheyAre);
        let Context { carry, live, .. } = *self.context;
        let is_new =
            |key: &&ForeignKey| carry::live_foreign_key(carry, live, self.table, self.old, key).is_none();
        for key in self.new.foreign_keys.iter().filter(is_new) {
            let Some(has_parent) = self.has_parent(key) else { continue };
            let no_null: Vec<_> =
                key.columns.iter().map(|c| format!("c.{} IS NOT NULL", self.asked(&shown(c)))).collect();
            let orphans =
                |from: &str| format!("{from} AS c WHERE {} AND NOT {has_parent}", no_null.join(" AND "));
            let from = orphans(&fed);
            let of_parent = |suspect: &Suspect| {
                suspect.column.is_none() && suspect.table.eq_ignore_ascii_case(&key.parent)
            };
            let sql = format!("SELECT count(*) FROM {from}");
            let Ok(rows) = count(self.conn, &sql)? else { continue };
            if rows > 0 {
                let rowids = self.rowids_from(&from)?;
                let what = format!("no row of {} for FOREIGN KEY ({})", key.parent, key.columns.join(", "));
                let violated = self.violated(&written(&self.new.name), &what, rows, rowids);
                let about = self.new.column(&key.columns[0]);
                let mended = self.mended(about, Rule::References(key.parent.clone()), violated);
                let query = match self.has_all() {
                    true => {
                        format!("SELECT {} FROM {}", self.all_columns(), orphans(&shown(&self.table.from)))
                    }
                    false => format!("SELECT * FROM {from}"),
                };
                found.push_unless(mended.found_by(query), |suspect| {
                    of_parent(suspect) || key.columns.iter().any(|column| self.is_about(suspect, column))
                });
            }
        }
        Ok(())
    }

    /// Whether a row `c` has its parent, as SQL over the live tables; `None` where nothing is declared that it could be in, which is
    /// a hazard of its own, and where that cannot be asked yet.
    fn has_parent(&self, key: &ForeignKey) -> Option<String> {
        let parent = self.context.declared.schema.table(&key.parent)?;
        let known = key.parent_columns.iter().all(|column| parent.column(column).is_some());
        if !known || key.parent_columns.len() != key.columns.len() {
            return None;
        }
        if self.context.carry.table_to(&key.parent).is_none() {
            // The parent is new, so it is empty.
            return Some("0".to_owned());
        }
        let (parent, columns) = carry::parent(self.context.carry, key)?;
        let pair = |(child, column): (&String, &String)| {
            format!("p.{} = +c.{}", shown(column), self.asked(&shown(child)))
        };
        let pairs: Vec<_> = key.columns.iter().zip(&columns).map(pair).collect();
        Some(format!("EXISTS (SELECT 1 FROM {} AS p WHERE {})", shown(&parent), pairs.join(" AND ")))
    }

    /// A plain column that becomes generated shows the expression's value from then on.
    fn becomes_generated(&self, column: &Column, found: &mut Found) -> rusqlite::Result<()> {
        let Some(generated) = &column.generated else { return Ok(()) };
        if self.old.column(&column.name).is_none_or(|c| c.generated.is_some()) {
            return Ok(());
        }
        let name = quote(&column.name);
        let sql = format!(
            "SELECT count(*) FROM {} WHERE {name} IS NOT ({}) COLLATE BINARY",
            quote(&self.table.from),
            generated.expression
        );
        let was = self.old.column(&column.name).map(|was| was.affinity(self.old.strict));
        let stays = was == Some(column.affinity(self.new.strict));
        let asked = if stays { count(self.conn, &sql)? } else { Err(String::new()) };
        // Where the expression cannot be asked of the old rows, or its values are stored otherwise, all of them count.
        let rows = match asked {
            Ok(rows) => rows,
            Err(_) => self.context.count(&self.table.from)?.unwrap_or(0),
        };
        if rows > 0 {
            let object = of_column(&self.new.name, &column.name);
            found.push(changes(
                &object,
                rows,
                Vec::new(),
                "would show its expression instead of what they hold",
                &[],
                None,
            ));
        }
        Ok(())
    }

    fn converted(&self, conversion: &Conversion<'_>, found: &mut Found) {
        let Conversion { column, target, refused, changed, .. } = conversion;
        let object = of_column(&self.new.name, &column.name);
        if refused.rows > 0 {
            let what = match target {
                Target::Rowid => "no integer where INTEGER PRIMARY KEY is declared".to_owned(),
                Target::Column { .. } => {
                    let type_ = column.type_.to_uppercase();
                    format!("a value of {} that a STRICT {type_} refuses", column.name)
                }
            };
            let violated = self.violated(&object, &what, refused.rows, refused.rowids.clone());
            let acts_on = match target {
                Target::Rowid => ActsOn::Rule(Rule::PrimaryKey(String::new())),
                Target::Column { .. } if conversion.was.type_ != column.type_ => {
                    ActsOn::Type(conversion.was.type_.clone())
                }
                Target::Column { .. } => ActsOn::Rule(Rule::Strict),
            };
            let query = self.live_rows(Some(&conversion.refused_where()));
            found.push(mended_by(&column.name, acts_on, violated).found_by(query));
        }
        if changed.rows > 0 {
            let values: &[_] = if self.context.settings.show_values { &changed.values } else { &[] };
            let what = format!("would be stored differently as {}", column.type_.to_uppercase());
            let acts_on = ActsOn::Type(conversion.was.type_.clone());
            found.push(changes(&object, changed.rows, changed.rowids.clone(), &what, values, Some(acts_on)));
        }
    }
}

fn is_rowid(table: &Table, column: &Column) -> bool {
    table.rowid_alias.as_deref() == Some(fold(&column.name).as_str())
}

/// With the directive that gives the rows other values.
fn mended_by(place: &str, acts_on: impl Into<ActsOn>, violated: Hazard) -> Hazard {
    let acts_on = acts_on.into();
    let remedy = format!(
        "correct those rows first, or write `-- @using EXPRESSION{acts_on}` on the line of {}",
        written(place)
    );
    Hazard { remedy, ..violated }
}

fn changes(
    object: &str,
    rows: u64,
    rowids: Vec<i64>,
    what: &str,
    values: &[String],
    acts_on: Option<ActsOn>,
) -> Hazard {
    let ids: Vec<_> = rowids.iter().map(ToString::to_string).collect();
    let more = if rows as usize > rowids.len() { ", …" } else { "" };
    let which = if ids.is_empty() { String::new() } else { format!(" (rowid {}{more})", ids.join(", ")) };
    let shown = if values.is_empty() { String::new() } else { format!(": {}", values.join(", ")) };
    let message = format!("{} of {object} {what}{which}{shown}", plural_values(rows));
    let write = acts_on.map_or_else(String::new, |acts_on| {
        format!("write `-- @using EXPRESSION{acts_on}` on the column's line to say what they become, or ")
    });
    let remedy = format!("{write}approve CHANGES_VALUES:{object}");
    Hazard { rowids, rows: Some(rows), ..Hazard::new(HazardName::ChangesValues, object, message, remedy) }
}

fn plural_values(rows: u64) -> String {
    if rows == 1 { "1 value".to_owned() } else { format!("{rows} values") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use std::path::Path;

    use super::*;
    use crate::declared::Declared;
    use crate::due::Due;
    use crate::matching::carry;
    use crate::schema;
    use crate::settings::Settings;

    /// Calls `then` with the rows of the table `t`, and with what is found in them.
    fn rows_of(old: &str, new: &str, then: impl FnOnce(&Rows<'_, '_>, &[Hazard])) {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(old).unwrap();
        let settings = Settings::default();
        let declared = Declared::parse(Path::new("schema.sql"), new, &settings).unwrap();
        let live = schema::read(&conn, &[]).unwrap();
        let carry = carry(&live, &declared).unwrap();
        let context = Context {
            conn: Some(&conn),
            live: &live,
            declared: &declared,
            carry: &carry,
            settings: &settings,
            acted: std::collections::BTreeSet::new(),
            due: &Due::default(),
        };
        let (table, old) = (carry.table_to("t").unwrap(), live.table("t").unwrap());
        let rows =
            Rows { context: &context, conn: &conn, table, old, new: declared.schema.table("t").unwrap() };
        let mut found = Found::default();
        rows.hazards(&mut found).unwrap();
        then(&rows, &found.hazards);
    }

    const OLD: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT, n INTEGER, x BLOB);
        INSERT INTO t VALUES (1, 'x', NULL, 5, 0), (2, NULL, NULL, -5, 1), (3, 'y', 'z', 99, 2), (4, 'q', 'q', NULL, 3)";

    #[test]
    fn new_constraints_are_counted_in_one_scan_without_a_copy_of_the_rows() {
        let new = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b TEXT NOT NULL,
            n INTEGER CHECK (n > 0) CHECK (n < 50), x BLOB, double AS (n * 2), CHECK (double <> 10))";
        rows_of(OLD, new, |rows, found| {
            // By condition, in the order of their texts.
            assert_eq!(rows.count_together().unwrap().into_values().collect::<Vec<_>>(), [1, 2, 1, 1, 1]);
            assert_eq!(found.len(), 5, "{found:#?}");

            let sql = rows.together_sql(&rows.conditions()).unwrap();
            let mut plan = rows.conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let plan: Vec<String> =
                plan.query_map([], |row| row.get(3)).unwrap().map(|l| l.unwrap()).collect();
            assert_eq!(plan, ["SCAN t"]);
        });
    }

    #[test]
    fn a_check_that_cannot_be_asked_of_the_old_rows_hides_no_other() {
        // What is generated from something generated is not there yet.
        let new =
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b TEXT NOT NULL, n INTEGER, x BLOB,
            g AS (n + 1), h AS (g + 1), CHECK (h > 0))";
        rows_of(OLD, new, |rows, found| {
            assert!(rows.count_together().unwrap().is_empty());
            let found: Vec<_> = found.iter().map(|h| (h.object.as_str(), h.rows)).collect();
            assert_eq!(found, [("t.a", Some(1)), ("t.b", Some(2))]);
        });
    }

    #[test]
    fn one_condition_alone_is_left_to_an_index() {
        let new = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b TEXT, n INTEGER, x BLOB)";
        rows_of(OLD, new, |rows, found| {
            assert!(rows.count_together().unwrap().is_empty());
            assert_eq!((found.len(), found[0].rowids.as_slice()), (1, [2].as_slice()));
        });
    }

    #[test]
    fn columns_of_other_affinities_are_told_each_in_its_place() {
        let old = "CREATE TABLE t (a TEXT, b INTEGER, c TEXT);
            INSERT INTO t VALUES ('007', 9007199254740993, '1'), ('8', 2, NULL), ('+9', 3, '2')";
        let new = "CREATE TABLE t (a INTEGER, b REAL, c INTEGER NOT NULL)";
        rows_of(old, new, |_, found| {
            let found: Vec<_> =
                found.iter().map(|h| (h.name, h.object.as_str(), h.rowids.as_slice())).collect();
            let expected = [
                (HazardName::ChangesValues, "t.a", [1, 3].as_slice()),
                (HazardName::ChangesValues, "t.b", [1].as_slice()),
                (HazardName::ViolatedConstraint, "t.c", [2].as_slice()),
            ];
            assert_eq!(found, expected);
        });
    }
}
