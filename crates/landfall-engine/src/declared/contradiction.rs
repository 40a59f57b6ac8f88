//! Directives that can act on no database: they contradict the schema, or each other.

use super::Declared;
use crate::directive::{Action, Directive};
use crate::error::{Error, ErrorKind, Result};
use crate::object::of_column;
use crate::schema::Table;
use crate::using::ColumnOf;

/// # Errors
/// [`ErrorKind::Schema`] with the line of the first one.
pub(super) fn check(declared: &Declared) -> Result<()> {
    declared.directives.iter().try_for_each(|directive| match &directive.action {
        Action::Renamed { from } if directive.column.is_none() => table_renamed(declared, directive, from),
        Action::Renamed { from } => column_renamed(declared, directive, from),
        Action::Using(_) => using(declared, directive),
        Action::From { .. } => from(declared, directive),
        Action::DroppedTable { name } => match declared.schema.has_table(name) {
            true => Err(dropped_and_declared(declared, directive, "table", name)),
            false => Ok(()),
        },
        Action::DroppedColumn { name } => {
            let table = declared.schema.base_table(&directive.table);
            match table.is_some_and(|table| table.column(name).is_some()) {
                true => {
                    let object = of_column(&directive.table, name);
                    Err(dropped_and_declared(declared, directive, "column", &object))
                }
                false => Ok(()),
            }
        }
    })
}

fn dropped_and_declared(declared: &Declared, directive: &Directive, what: &str, object: &str) -> Error {
    wrong(declared, directive, &format!("gives up {what} {object}, which is declared"))
        .remedy(format!("take out the directive, or the declaration of the {what}"))
}

fn table_renamed(declared: &Declared, directive: &Directive, from: &str) -> Result<()> {
    if declared.schema.has_table(from) {
        return Err(still_declared(declared, directive, "table", from));
    }
    let is_of_table = |other: &&Directive| other.column.is_none();
    renamed_once(declared, directive, from, declared.directives.iter().filter(is_of_table))
}

fn column_renamed(declared: &Declared, directive: &Directive, from: &str) -> Result<()> {
    let table = base_table(declared, directive)?;
    if table.column(from).is_some() {
        return Err(still_declared(declared, directive, "column", &of_column(&directive.table, from)));
    }
    if generated(table, directive) {
        return Err(wrong(declared, directive, "is for a generated column, which holds no values")
            .remedy("take it out: a generated column is computed from the others"));
    }
    let is_of_column =
        |other: &&Directive| other.column.is_some() && other.table.eq_ignore_ascii_case(&directive.table);
    renamed_once(declared, directive, from, declared.directives.iter().filter(is_of_column))
}

/// Two that swap their names would swap them again with every change that follows.
fn still_declared(declared: &Declared, directive: &Directive, what: &str, from: &str) -> Error {
    wrong(declared, directive, &format!("renames {what} {from}, which is still declared")).remedy(format!(
        "name the {what} that goes; two that swap their names take two changes, the first to a name that is free"
    ))
}

fn renamed_once<'d>(
    declared: &Declared,
    directive: &Directive,
    from: &str,
    others: impl Iterator<Item = &'d Directive>,
) -> Result<()> {
    let same = |other: &&Directive| {
        let again =
            matches!(&other.action, Action::Renamed { from: other } if other.eq_ignore_ascii_case(from));
        again && other.line != directive.line
    };
    match others.into_iter().find(same) {
        None => Ok(()),
        Some(other) => {
            let what = format!("renames {from}, as the one on {} does", declared.called(other.line));
            Err(wrong(declared, directive, &what)
                .remedy("keep one of the two; the other can copy it with @using"))
        }
    }
}

/// A table is new, or it is another one; and its first rows come from one place.
fn from(declared: &Declared, directive: &Directive) -> Result<()> {
    let table = &directive.table;
    if declared.schema.table(table).is_none() {
        return Err(wrong(declared, directive, &format!("is for {table}, which is no ordinary table"))
            .remedy("fill an ordinary table, or take it out"));
    }
    let is_renamed = |other: &&Directive| {
        other.column.is_none()
            && other.table.eq_ignore_ascii_case(table)
            && matches!(other.action, Action::Renamed { .. })
    };
    if let Some(renamed) = declared.directives.iter().find(is_renamed) {
        let what = format!("fills table {table}, which by line {} is another one renamed", renamed.line);
        return Err(wrong(declared, directive, &what).remedy("keep one of the two"));
    }
    match declared.rows.iter().find(|row| row.table.eq_ignore_ascii_case(table)) {
        None => Ok(()),
        Some(row) => {
            let what = format!("fills table {table}, of which line {} declares a row", row.line);
            Err(wrong(declared, directive, &what)
                .remedy("make two changes, one after the other: first the @from, then the INSERT without it"))
        }
    }
}

fn using(declared: &Declared, directive: &Directive) -> Result<()> {
    let table = base_table(declared, directive)?;
    let Action::Using(using) = &directive.action else { return Ok(()) };
    let Some(column) = directive.column.as_ref().and_then(|name| table.column(name)) else { return Ok(()) };
    if column.generated.is_some() {
        return Err(wrong(declared, directive, "is for a generated column, which holds no values")
            .remedy("take it out: a generated column is computed from the others"));
    }
    let place = ColumnOf { schema: &declared.schema, table, column, renamed: &[] };
    match using.contradiction(place) {
        None => Ok(()),
        Some(what) => Err(wrong(declared, directive, &what).remedy(
            "name what the column was before this change: `from=` its old type, `from=new`, or `for=` a rule that is new, such as `for=NOT NULL`",
        )),
    }
}

/// The table that a directive in it is about.
fn base_table<'d>(declared: &'d Declared, directive: &Directive) -> Result<&'d Table> {
    declared.schema.base_table(&directive.table).ok_or_else(|| {
        wrong(
            declared,
            directive,
            &format!("is for a column of {}, which keeps no values of its own", directive.table),
        )
        .remedy("take it out, or move it to the table that keeps the values")
    })
}

fn generated(table: &Table, directive: &Directive) -> bool {
    let column = directive.column.as_ref().and_then(|name| table.column(name));
    column.is_some_and(|column| column.generated.is_some())
}

fn wrong(declared: &Declared, directive: &Directive, what: &str) -> Error {
    let place = declared.place_of(directive);
    Error::new(ErrorKind::Schema, directive.object(), format!("{place}: {} {what}", directive.action))
}
