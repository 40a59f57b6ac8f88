//! Which live table and column feeds which declared one: by name and by directives.
//!
//! Decided from the two schemas and the directives alone, so that planners are judged by it and not by themselves.

use crate::carry::{Carry, ColumnCarry, Rowid, Source, TableCarry};
use crate::declared::Declared;
use crate::directive::{Action, Directive};
use crate::error::{Error, ErrorKind, Result};
use crate::fill;
use crate::object::{of_column, written};
use crate::report::IdleDirective;
use crate::schema::{Column, ROWID_NAMES, Schema, Table, VirtualTable};
use crate::shown::shown_in_line;
use crate::token::{fold, quote, tokenize};
use crate::using::{self, ColumnOf, Turn};
use crate::virtual_table::Content;

/// Matches the two schemas by name and by `@renamed`.
///
/// # Errors
/// [`ErrorKind::Schema`] when a directive neither can act nor has acted, with its line.
pub(crate) fn carry(live: &Schema, declared: &Declared) -> Result<Carry> {
    let mut matching = Matching { live, declared, renamed: Vec::new() };
    matching.renamed = matching.renames()?;
    let mut carry = Carry::default();
    for new in declared.schema.base_tables() {
        match matching.source_of(new)? {
            Some(old) if matching.can_hold(new, old)? => carry.tables.push(matching.table(old, new)?),
            Some(_) | None => matching.new_table(new)?,
        }
    }
    matching.reads_its_own_row(&carry)?;
    matching.finds_declared_rows(&carry)?;
    for directive in &declared.directives {
        if !matching.acts(directive)? {
            carry.idle.push(idle(declared, directive));
        }
    }
    Ok(carry)
}

fn idle(declared: &Declared, directive: &Directive) -> IdleDirective {
    let message = format!(
        "{}: {} ({}) has nothing left to do in this database; take it out once no other database needs it",
        declared.place_of(directive),
        directive.action,
        directive.object()
    );
    IdleDirective { line: directive.line, object: directive.object(), message }
}

/// The names that directives rename now, as a declared table sees them: its columns' and those of tables, declared and live.
struct Renames {
    table: String,
    names: Vec<(String, String)>,
}

/// A live and a declared schema, on the way to a carry.
struct Matching<'m> {
    live: &'m Schema,
    declared: &'m Declared,
    renamed: Vec<Renames>,
}

impl<'m> Matching<'m> {
    fn renames(&self) -> Result<Vec<Renames>> {
        let mut acting = Vec::new();
        for directive in &self.declared.directives {
            if matches!(directive.action, Action::Renamed { .. }) && self.acts(directive)? {
                acting.push(directive);
            }
        }
        let of = |table: &Table| {
            let names = acting.iter().filter_map(|directive| match (&directive.action, &directive.column) {
                (Action::Renamed { from }, None) => Some((directive.table.clone(), from.clone())),
                (Action::Renamed { from }, Some(column))
                    if directive.table.eq_ignore_ascii_case(&table.name) =>
                {
                    Some((column.clone(), from.clone()))
                }
                _ => None,
            });
            Renames { table: table.name.clone(), names: names.collect() }
        };
        Ok(self.declared.schema.base_tables().map(of).collect())
    }

    /// The live table that feeds a declared one.
    fn source_of(&self, new: &Table) -> Result<Option<&'m Table>> {
        let live = self.live;
        let Some((directive, from)) = self.renamed(&new.name, None) else {
            return Ok(live.base_table(&new.name));
        };
        match (live.base_table(from), live.has_table(&new.name)) {
            (Some(old), false) => Ok(Some(old)),
            (Some(_), true) => Err(self.both_exist(directive, "table", &written(from), &written(&new.name))),
            (None, true) => Ok(live.base_table(&new.name)),
            // Whatever is made in an empty database is made as declared.
            (None, false) if live.base_tables().next().is_none() => Ok(None),
            (None, false) => {
                let why =
                    format!("there is neither a table {} nor a table {}", written(from), written(&new.name));
                let left = live.base_tables().map(|table| table.name.as_str());
                let left = left.filter(|name| !self.declared.schema.has_table(name));
                Err(self.misnamed(directive, &why, from, "tables", &left.collect::<Vec<_>>()))
            }
        }
    }

    /// The `@renamed` of a table, or of a column of it.
    fn renamed(&self, table: &str, column: Option<&str>) -> Option<(&'m Directive, &'m str)> {
        self.on(table, column).find_map(|directive| match &directive.action {
            Action::Renamed { from } => Some((directive, from.as_str())),
            _ => None,
        })
    }

    /// The directives of a table, or of a column of it.
    fn on<'a>(
        &self,
        table: &'a str,
        column: Option<&'a str>,
    ) -> impl Iterator<Item = &'m Directive> + use<'a, 'm> {
        self.declared.directives.iter().filter(move |d| {
            let same_column = match (&d.column, column) {
                (Some(is), Some(wanted)) => is.eq_ignore_ascii_case(wanted),
                (is, wanted) => is.is_none() && wanted.is_none(),
            };
            d.table.eq_ignore_ascii_case(table) && same_column
        })
    }

    /// Whether the rows of `old` can become rows of `new`. Where the kind of table changes, only if no column goes with it that no
    /// `@dropped` gives up; and an R*Tree rounds its coordinates, so that only one of the same module holds what another held.
    fn can_hold(&self, new: &Table, old: &Table) -> Result<bool> {
        let content =
            |schema: &Schema, table: &Table| schema.virtual_table(&table.name).map(VirtualTable::content);
        let (was, is) = (content(self.live, old), content(&self.declared.schema, new));
        match (&was, &is) {
            (None, None) | (Some(Content::Own), Some(Content::Own)) => Ok(true),
            (_, Some(Content::Boxes(_))) => Ok(was == is),
            _ => {
                let carry = self.table(old, new)?;
                let mut plain = old.columns.iter().filter(|column| column.generated.is_none());
                let directives = &self.declared.directives;
                let given_up =
                    |column: &Column| directives.iter().any(|d| d.drops_column(&new.name, &column.name));
                let mut computed = Vec::new();
                for column in new
                    .columns
                    .iter()
                    .filter(|c| matches!(carry.source_of(&c.name), Some(Source::Using { .. })))
                {
                    computed.extend(self.column_before(old, new, column)?.map(|was| was.name.clone()));
                }
                Ok(plain.all(|column| {
                    carry.feeds(&column.name) || computed.contains(&column.name) || given_up(column)
                }))
            }
        }
    }

    fn table(&self, old: &Table, new: &Table) -> Result<TableCarry> {
        let mut columns = Vec::new();
        for column in new.columns.iter().filter(|c| c.generated.is_none()) {
            columns.push(ColumnCarry { to: column.name.clone(), source: self.column(old, new, column)? });
        }
        let mut table =
            TableCarry { from: old.name.clone(), to: new.name.clone(), columns, rowid: Rowid::Elsewhere };
        table.rowid = rowid(old, new, &table);
        self.reads_what_stays(&table, old, new)?;
        Ok(table)
    }

    /// An `@using` must not read what the same change makes read otherwise: whether it was written for the old values or for the new
    /// ones depends on how many steps a database is behind.
    fn reads_what_stays(&self, table: &TableCarry, old: &Table, new: &Table) -> Result<()> {
        // Most tables have none.
        let changing = if table.computes() { self.changing(table, old, new)? } else { Vec::new() };
        for column in &table.columns {
            let Source::Using { expression, line } = &column.source else { continue };
            let own = new
                .column(&column.to)
                .map(|column| self.column_before(old, new, column))
                .transpose()?
                .flatten();
            let is_own = |name: &String| own.is_some_and(|own| own.name.eq_ignore_ascii_case(name));
            let reads = |name: &&String| !is_own(name) && using::mentions(expression, name);
            let Some(read) = changing.iter().find(reads) else { continue };
            let directive = self.on(&new.name, Some(&column.to)).find(|d| d.line == *line);
            let why = format!("it reads {}.{read}, whose values the same change replaces", new.name);
            if let Some(directive) = directive {
                return Err(self.cannot_act(directive, &why).remedy(
                    "make two changes, one after the other: it is not certain which of its values are meant",
                ));
            }
        }
        Ok(())
    }

    /// Names under which a row reads otherwise after the change: columns that are computed or converted, and what is derived of those.
    fn changing(&self, table: &TableCarry, old: &Table, new: &Table) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for is in &new.columns {
            let Some(was) = self.column_before(old, new, is)? else { continue };
            let computed = matches!(table.source_of(&is.name), Some(Source::Using { .. }));
            let same = was.affinity(old.strict) == is.affinity(new.strict)
                && was.collation == is.collation
                && was.generated == is.generated;
            if computed || !same {
                found.push(was.name.clone());
            }
        }
        let alias = old.rowid_alias.as_ref();
        if alias.is_some_and(|alias| found.iter().any(|name| name.eq_ignore_ascii_case(alias))) {
            found.extend(ROWID_NAMES.map(str::to_owned));
        }
        if !found.is_empty() {
            found.extend(old.columns.iter().filter(|c| c.generated.is_some()).map(|c| c.name.clone()));
        }
        Ok(found)
    }

    fn column(&self, old: &Table, new: &Table, column: &Column) -> Result<Source> {
        let was = self.column_before(old, new, column)?;
        for directive in self.on(&new.name, Some(&column.name)) {
            let Action::Using(using) = &directive.action else { continue };
            let (live, declared) = self.places(old, new, was, column);
            match using.turn(live, declared) {
                Turn::Acts => {
                    return Ok(Source::Using { expression: using.expression.clone(), line: directive.line });
                }
                Turn::HasActed => {}
                Turn::Unclear => return Err(self.unclear(directive, &using.expression, live, declared)),
            }
        }
        // A column that was generated and is not any more keeps the values that it showed.
        Ok(was.map_or(Source::Default, |was| Source::Column(was.name.clone())))
    }

    /// An `@using` sees its row, by bare names: while it is computed the table has another name, and other tables may have changed
    /// already, or not yet.
    fn reads_its_own_row(&self, carry: &Carry) -> Result<()> {
        for table in &carry.tables {
            for column in &table.columns {
                let Source::Using { expression, line } = &column.source else { continue };
                let Some(read) = self.table_read(carry, table, expression) else { continue };
                let Some(directive) = self.on(&table.to, Some(&column.to)).find(|d| d.line == *line) else {
                    continue;
                };
                let own = [&table.from, &table.to].iter().any(|name| name.eq_ignore_ascii_case(&read));
                let (why, remedy) = if own {
                    (
                        format!("it names its table, {read}"),
                        "write the columns of the row alone, without their table",
                    )
                } else {
                    (
                        format!("it reads {read}, which the same change touches"),
                        "make two changes, one after the other",
                    )
                };
                return Err(self.cannot_act(directive, &why).remedy(remedy));
            }
        }
        Ok(())
    }

    /// A declared row is found by its key in the live table, which therefore has to compare as the declared one does.
    fn finds_declared_rows(&self, carry: &Carry) -> Result<()> {
        for row in &self.declared.rows {
            let Some(table) = carry.table_to(&row.table) else { continue };
            let tables = (self.live.base_table(&table.from), self.declared.schema.table(&row.table));
            let (Some(old), Some(new)) = tables else { continue };
            let is_rowid = |column: &str| {
                let is_new = table.source_of(column) == Some(&Source::Default);
                is_new && matches!(table.rowid, Rowid::Kept { .. }) && new.rowid_alias == Some(fold(column))
            };
            let stays = |column: &&String| table.keeps(old, new, column) || is_rowid(column);
            if let Some(column) = row.key.iter().find(|column| !stays(column)) {
                let place = self.declared.place_of_line(row.line);
                let object = of_column(&row.table, column);
                let message = format!(
                    "{place}: the row of {} is found by {object}, whose values or comparison the same change replaces",
                    written(&row.table)
                );
                return Err(Error::new(ErrorKind::Schema, object, message).unchanged().remedy(
                    "make two changes, one after the other: first without the INSERT, then with it",
                ));
            }
        }
        Ok(())
    }

    /// A table or view in an expression that is not there just as it is before and after the change, or is the expression's own.
    fn table_read(&self, carry: &Carry, own: &TableCarry, expression: &str) -> Option<String> {
        let tokens = tokenize(expression).unwrap_or_default();
        let follows = |at: usize, word: &str| at > 0 && tokens[at - 1].is(word);
        let names_table = |at: &usize| {
            follows(*at, "FROM")
                || follows(*at, "JOIN")
                || tokens.get(at + 1).is_some_and(|t| t.is_symbol("."))
        };
        let stays = |name: &str| {
            let is_own = [&own.from, &own.to].iter().any(|own| own.eq_ignore_ascii_case(name));
            let (old, new) = (self.live.table(name), self.declared.schema.table(name));
            let same = match (old, new) {
                (Some(old), Some(new)) => {
                    old.columns == new.columns && carry.table_to(name).is_some_and(|c| !c.computes())
                }
                _ => {
                    self.live.view(name).is_none()
                        && !self.live.has_table(name)
                        && !self.declared.schema.has_table(name)
                }
            };
            same && !is_own
        };
        let names = (0..tokens.len()).filter(names_table).map(|at| tokens[at].name());
        names.into_iter().find(|name| !stays(name))
    }

    fn places<'s>(
        &'s self,
        old: &'s Table,
        new: &'s Table,
        was: Option<&'s Column>,
        column: &'s Column,
    ) -> (Option<ColumnOf<'s>>, ColumnOf<'s>) {
        let names = self.renamed.iter().find(|renames| renames.table == new.name);
        let renamed = names.map_or(&[][..], |renames| &renames.names);
        let live = was.map(|column| ColumnOf { schema: self.live, table: old, column, renamed });
        (live, ColumnOf { schema: &self.declared.schema, table: new, column, renamed: &[] })
    }

    /// The live column that a declared one is, by `@renamed` or by name.
    fn column_before<'t>(&self, old: &'t Table, new: &Table, column: &Column) -> Result<Option<&'t Column>> {
        let same = old.column(&column.name);
        let Some((directive, from)) = self.renamed(&new.name, Some(&column.name)) else { return Ok(same) };
        let object = |name: &str| of_column(&new.name, name);
        match (old.column(from), same) {
            (Some(was), None) => Ok(Some(was)),
            (Some(_), Some(_)) => {
                Err(self.both_exist(directive, "column", &object(from), &object(&column.name)))
            }
            (None, Some(_)) => Ok(same),
            (None, None) => {
                let why = format!(
                    "there is neither a column {} nor a column {}",
                    object(from),
                    object(&column.name)
                );
                let left = old.columns.iter().map(|column| column.name.as_str());
                let left = left.filter(|name| new.column(name).is_none());
                Err(self.misnamed(directive, &why, from, "columns", &left.collect::<Vec<_>>()))
            }
        }
    }

    /// In a table that is new no row is there to compute a value of: where the values were to come from elsewhere, they would be lost.
    fn new_table(&self, new: &Table) -> Result<()> {
        if self.live.base_tables().next().is_none() {
            return Ok(());
        }
        let of_table = |d: &&Directive| d.table.eq_ignore_ascii_case(&new.name);
        let using =
            self.declared.directives.iter().filter(of_table).find(|d| matches!(d.action, Action::Using(_)));
        match using {
            None => Ok(()),
            Some(directive) => {
                Err(self
                    .cannot_act(directive, &format!("table {} is new and has no rows", written(&new.name))))
            }
        }
    }

    /// Whether a directive has something to do in the live schema.
    fn acts(&self, directive: &Directive) -> Result<bool> {
        let (live, declared) = (self.live, &self.declared.schema);
        let tables = || {
            let new = declared.base_table(&directive.table)?;
            let (_, from) = self.renamed(&new.name, None).unwrap_or((directive, &new.name));
            Some((live.base_table(&new.name).or_else(|| live.base_table(from))?, new))
        };
        match (&directive.action, &directive.column) {
            (Action::DroppedTable { name }, _) => Ok(live.has_table(name)),
            (Action::DroppedColumn { name }, _) => {
                Ok(tables().is_some_and(|(old, _)| old.column(name).is_some()))
            }
            (Action::Renamed { from }, None) => Ok(live.base_table(from).is_some()),
            (Action::Renamed { from }, Some(_)) => {
                Ok(tables().is_some_and(|(old, _)| old.column(from).is_some()))
            }
            (Action::Using(using), Some(name)) => {
                let Some((old, new)) = tables() else { return Ok(false) };
                let Some(column) = new.column(name) else { return Ok(false) };
                let was = self.column_before(old, new, column)?;
                let (live, declared) = self.places(old, new, was, column);
                Ok(using.turn(live, declared) == Turn::Acts)
            }
            (Action::From { .. }, _) => Ok(fill::acts(live, directive)),
            (Action::Using(_), None) => Ok(false),
        }
    }

    /// `from` and `to` are objects: `table`, or `table.column`.
    fn both_exist(&self, directive: &Directive, what: &str, from: &str, to: &str) -> Error {
        self.cannot_act(directive, &format!("{what} {from} and {what} {to} both exist")).remedy(format!(
            "keep one: rename {from} away, or take out the directive and declare what is to happen to {from}"
        ))
    }

    fn cannot_act(&self, directive: &Directive, why: &str) -> Error {
        let place = self.declared.place_of(directive);
        let message = format!("{place}: {} cannot act: {}", directive.action, shown_in_line(why));
        Error::new(ErrorKind::Schema, directive.object(), message)
            .unchanged()
            .remedy("correct the name, or take out the directive")
    }

    /// A `@renamed` from what is nowhere; `left` is what has no counterpart yet, and may be what was meant.
    fn misnamed(&self, directive: &Directive, why: &str, from: &str, what: &str, left: &[&str]) -> Error {
        let error = self.cannot_act(directive, why);
        match left.iter().min_by_key(|name| distance(name, from)) {
            Some(nearest) => {
                let action = Action::Renamed { from: (*nearest).to_owned() };
                let left: Vec<_> = left.iter().map(|name| written(name)).collect();
                let others = if left.len() == 1 {
                    String::new()
                } else {
                    format!(" ({what} left: {})", left.join(", "))
                };
                error.remedy(format!("write `-- {action}` there{others}, or take out the directive"))
            }
            None => {
                error.remedy(format!("take out the directive: no {what} are left that it could be about"))
            }
        }
    }

    /// An `@using` of which nobody can say whether it has acted.
    fn unclear(
        &self,
        directive: &Directive,
        expression: &str,
        was: Option<ColumnOf<'_>>,
        declared: ColumnOf<'_>,
    ) -> Error {
        let Some(was) = was else {
            let why = format!("there is no column {} yet", directive.object());
            return self.cannot_act(directive, &why).remedy(format!(
                "if it gives the new column its first values, write `-- @using {expression} from=new`"
            ));
        };
        let place = self.declared.place_of(directive);
        let names = using::needs(was, declared);
        let lines: Vec<_> = names.iter().map(|name| format!("`-- @using {expression}{name}`")).collect();
        let type_ = using::shown(&was.column.type_);
        let message = format!(
            "{place}: {} may have acted already: {} is there, of type {type_}, and values must not change twice",
            directive.action,
            directive.object(),
        );
        let remedy = match lines.as_slice() {
            [] => format!("if it has, take it out; if not, write `-- @using {expression} from={type_}`"),
            lines => format!("if it has, take it out; if not, name what it acts on: {}", lines.join(" or ")),
        };
        Error::new(ErrorKind::Schema, directive.object(), message).unchanged().remedy(remedy)
    }
}

fn rowid(old: &Table, new: &Table, carry: &TableCarry) -> Rowid {
    if old.without_rowid || new.without_rowid {
        return if old.without_rowid { Rowid::Elsewhere } else { lost_rowid(old) };
    }
    let fed = match &new.rowid_alias {
        Some(alias) => carry.source_of(alias),
        None => Some(&Source::Default),
    };
    let alias = |table: &Table| table.rowid_alias.as_deref().map(quote);
    let name = |table: &Table| table.rowid_name().map(str::to_owned);
    match (fed, name(old).or_else(|| alias(old)), alias(new).or_else(|| name(new))) {
        (Some(Source::Column(from)), _, _) if old.rowid_alias.as_deref() == Some(&fold(from)) => {
            Rowid::Elsewhere
        }
        // An INTEGER PRIMARY KEY that is new is the rowid that was there.
        (Some(Source::Default), Some(read), Some(written)) => Rowid::Kept { read, written },
        _ => Rowid::Renumbered,
    }
}

/// A rowid that is an INTEGER PRIMARY KEY column persists as that column.
fn lost_rowid(old: &Table) -> Rowid {
    if old.rowid_alias.is_some() { Rowid::Elsewhere } else { Rowid::Renumbered }
}

/// How many letters two names differ in.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    strsim::osa_distance(&a.to_ascii_lowercase(), &b.to_ascii_lowercase())
}
