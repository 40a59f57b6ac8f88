//! What has to persist: which live table and column feeds which declared one.
//!
//! Decided from the two schemas and the directives alone, so that planners are judged by it and not by themselves.

use crate::declared::Declared;
use crate::directive::Action;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Column, ForeignKey, Schema, Table, VirtualTable};
use crate::token::{fold, quote};
use crate::virtual_table::Content;

/// Every declared table that a live one feeds.
#[derive(Debug, Default)]
pub(crate) struct Carry {
    pub(crate) tables: Vec<TableCarry>,
    /// Directives with nothing left to do, each a sentence.
    pub(crate) removable: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct TableCarry {
    /// The live name.
    pub(crate) from: String,
    /// The declared name.
    pub(crate) to: String,
    /// One for each declared column that is not generated, in declared order.
    pub(crate) columns: Vec<ColumnCarry>,
    pub(crate) rowid: Rowid,
}

#[derive(Debug)]
pub(crate) struct ColumnCarry {
    /// The declared name.
    pub(crate) to: String,
    pub(crate) source: Source,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The value of this live column.
    Column(String),
    /// The value of this expression over the live row (`@using`), from this line of `schema.sql`.
    Using { expression: String, line: usize },
    /// The declared default.
    Default,
}

impl Source {
    /// As SQL over the live row.
    pub(crate) fn sql(&self) -> Option<String> {
        match self {
            Self::Column(name) => Some(quote(name)),
            Self::Using { expression, .. } => Some(format!("({expression})")),
            Self::Default => None,
        }
    }
}

/// What becomes of a table's rowids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rowid {
    /// Kept, as a column or implicitly.
    Kept { read: &'static str, written: &'static str },
    /// There is none before or after, or the INTEGER PRIMARY KEY column carries it.
    Elsewhere,
    /// There is one, and it cannot be kept.
    Renumbered,
}

impl Carry {
    pub(crate) fn table_to(&self, declared: &str) -> Option<&TableCarry> {
        self.tables.iter().find(|t| t.to.eq_ignore_ascii_case(declared))
    }

    pub(crate) fn table_from(&self, live: &str) -> Option<&TableCarry> {
        self.tables.iter().find(|t| t.from.eq_ignore_ascii_case(live))
    }
}

impl TableCarry {
    pub(crate) fn source_of(&self, declared: &str) -> Option<&Source> {
        self.columns.iter().find(|c| c.to.eq_ignore_ascii_case(declared)).map(|c| &c.source)
    }

    /// Whether the live table has every declared column already, under its name and computed as is declared: then its rows can
    /// be asked for whatever is declared of them.
    pub(crate) fn has_all(&self, old: &Table, new: &Table) -> bool {
        let computed =
            |column: &Column| old.column(&column.name).is_some_and(|was| was.generated == column.generated);
        self.keeps_names() && new.columns.iter().all(computed)
    }

    /// Whether whatever the live table has of the declared one has its name already, and the value that it is to have.
    pub(crate) fn keeps_names(&self) -> bool {
        let same = |column: &ColumnCarry| match &column.source {
            Source::Column(from) => from.eq_ignore_ascii_case(&column.to),
            Source::Default => true,
            Source::Using { .. } => false,
        };
        self.from.eq_ignore_ascii_case(&self.to) && self.columns.iter().all(same)
    }

    /// Whether a declared column has the values that it had, and compares as it did.
    pub(crate) fn keeps(&self, old: &Table, new: &Table, column: &str) -> bool {
        let Some(Source::Column(from)) = self.source_of(column) else { return false };
        let (Some(was), Some(is)) = (old.column(from), new.column(column)) else { return false };
        was.affinity(old.strict) == is.affinity(new.strict) && was.collation == is.collation
    }

    /// Whether some value is computed by `@using`.
    pub(crate) fn computes(&self) -> bool {
        self.columns.iter().any(|c| matches!(c.source, Source::Using { .. }))
    }
}

/// Matches the two schemas by name and by `@renamed`.
///
/// # Errors
/// [`ErrorKind::Schema`] when `@renamed from=old` is ambiguous: both names are there, or old is declared too.
pub(crate) fn carry(live: &Schema, declared: &Declared) -> Result<Carry> {
    let mut carry = Carry::default();
    for new in &declared.schema.tables {
        let renamed = renamed_table(live, declared, &new.name, &mut carry.removable)?;
        let Some(old) = renamed.or_else(|| live.table(&new.name)) else {
            let idle = declared.directives.iter().filter(|d| d.table.eq_ignore_ascii_case(&new.name));
            for directive in
                idle.filter(|d| d.column.is_some() || matches!(d.action, Action::DroppedColumn { .. }))
            {
                note_removable(directive.line, &new.name, &mut carry.removable);
            }
            continue;
        };
        let table = carry_table(old, new, declared, &mut carry.removable)?;
        carry.tables.push(table);
    }
    for new in &declared.schema.virtual_tables {
        carry.tables.extend(live.virtual_table(&new.name).and_then(|old| carry_virtual_table(old, new)));
    }
    for directive in &declared.directives {
        if let Action::DroppedTable { name } = &directive.action
            && live.table(name).is_none()
            && live.virtual_table(name).is_none()
        {
            note_removable(directive.line, name, &mut carry.removable);
        }
    }
    Ok(carry)
}

/// The rows of a virtual table that keeps them itself; an index over another table is that table's matter.
fn carry_virtual_table(old: &VirtualTable, new: &VirtualTable) -> Option<TableCarry> {
    let rowid = match (old.content(), new.content()) {
        (Content::Own, Content::Own) => Rowid::Kept { read: "rowid", written: "rowid" },
        (Content::OwnWithKey, Content::OwnWithKey) => Rowid::Elsewhere,
        _ => return None,
    };
    let shared = new.columns.iter().filter_map(|to| {
        let from = old.columns.iter().find(|from| from.eq_ignore_ascii_case(to))?;
        Some(ColumnCarry { to: to.clone(), source: Source::Column(from.clone()) })
    });
    Some(TableCarry { from: old.name.clone(), to: new.name.clone(), columns: shared.collect(), rowid })
}

fn note_removable(line: usize, object: &str, removable: &mut Vec<String>) {
    removable
        .push(format!("the directive on line {line} ({object}) has nothing left to do and can be removed"));
}

fn renamed_table<'s>(
    live: &'s Schema,
    declared: &Declared,
    new: &str,
    removable: &mut Vec<String>,
) -> Result<Option<&'s Table>> {
    let directive = declared.directives.iter().find_map(|d| match &d.action {
        Action::Renamed { from } if d.column.is_none() && d.table.eq_ignore_ascii_case(new) => {
            Some((d.line, from))
        }
        _ => None,
    });
    let Some((line, from)) = directive else { return Ok(None) };
    let Some(old) = live.table(from) else {
        note_removable(line, new, removable);
        return Ok(None);
    };
    if live.table(new).is_some() || declared.schema.table(from).is_some() {
        return Err(ambiguous(declared, line, "table", from, new));
    }
    Ok(Some(old))
}

/// `from` and `new` are objects: `table`, or `table.column`.
fn ambiguous(declared: &Declared, line: usize, what: &str, from: &str, new: &str) -> Error {
    let file = declared.path.display();
    Error::new(
        ErrorKind::Schema,
        new,
        format!(
            "{file}:{line}: the directive @renamed cannot act: {what} {from} and {what} {new} both exist"
        ),
    )
    .remedy(format!(
        "keep one: rename {from} away, or take out the directive and declare what is to happen to {from}"
    ))
}

fn carry_table(
    old: &Table,
    new: &Table,
    declared: &Declared,
    removable: &mut Vec<String>,
) -> Result<TableCarry> {
    let mut columns = Vec::new();
    for column in new.columns.iter().filter(|c| c.generated.is_none()) {
        let source = column_source(old, new, column, declared, removable)?;
        columns.push(ColumnCarry { to: column.name.clone(), source });
    }
    for directive in declared.directives.iter().filter(|d| d.table.eq_ignore_ascii_case(&new.name)) {
        if let Action::DroppedColumn { name } = &directive.action
            && old.column(name).is_none()
        {
            note_removable(directive.line, &format!("{}.{name}", new.name), removable);
        }
    }
    let mut table =
        TableCarry { from: old.name.clone(), to: new.name.clone(), columns, rowid: Rowid::Elsewhere };
    table.rowid = rowid(old, new, &table);
    Ok(table)
}

fn column_source(
    old: &Table,
    new: &Table,
    column: &Column,
    declared: &Declared,
    removable: &mut Vec<String>,
) -> Result<Source> {
    let object = format!("{}.{}", new.name, column.name);
    let on_column = || {
        declared.directives.iter().filter(|d| {
            d.table.eq_ignore_ascii_case(&new.name)
                && d.column.as_ref().is_some_and(|c| c.eq_ignore_ascii_case(&column.name))
        })
    };
    // A column that was generated and is not any more keeps the values that it showed.
    let mut source =
        old.column(&column.name).map_or(Source::Default, |same| Source::Column(same.name.clone()));
    for directive in on_column() {
        let Action::Renamed { from } = &directive.action else { continue };
        let Some(was) = old.column(from) else {
            note_removable(directive.line, &object, removable);
            continue;
        };
        if old.column(&column.name).is_some() || new.column(from).is_some() {
            let from = format!("{}.{from}", new.name);
            return Err(ambiguous(declared, directive.line, "column", &from, &object));
        }
        source = Source::Column(was.name.clone());
    }
    for directive in on_column() {
        let Action::Using { expression } = &directive.action else { continue };
        if using_applies(old, new, column, &source) {
            source = Source::Using { expression: expression.clone(), line: directive.line };
        } else {
            note_removable(directive.line, &object, removable);
        }
    }
    Ok(source)
}

/// A column that is added, changes its affinity, or stops allowing NULL.
fn using_applies(old: &Table, new: &Table, column: &Column, source: &Source) -> bool {
    let Source::Column(was) = source else { return true };
    old.column(was).is_none_or(|was| {
        was.affinity(old.strict) != column.affinity(new.strict)
            || (was.not_null.is_none() && column.not_null.is_some())
    })
}

fn rowid(old: &Table, new: &Table, carry: &TableCarry) -> Rowid {
    if old.without_rowid || new.without_rowid {
        return if old.without_rowid { Rowid::Elsewhere } else { lost_rowid(old) };
    }
    if let Some(alias) = &new.rowid_alias {
        let fed_by_alias = match (carry.source_of(alias), &old.rowid_alias) {
            (Some(Source::Column(from)), Some(was)) => from.eq_ignore_ascii_case(was),
            _ => false,
        };
        return if fed_by_alias { Rowid::Elsewhere } else { Rowid::Renumbered };
    }
    match (old.rowid_name(), new.rowid_name()) {
        (Some(read), Some(written)) => Rowid::Kept { read, written },
        _ => Rowid::Renumbered,
    }
}

/// A rowid that is an INTEGER PRIMARY KEY column persists as that column.
fn lost_rowid(old: &Table) -> Rowid {
    if old.rowid_alias.is_some() { Rowid::Elsewhere } else { Rowid::Renumbered }
}

/// Whether a live table already enforces a declared foreign key, whatever its actions and under whatever names its columns had.
pub(crate) fn has_foreign_key(carry: &Carry, table: &TableCarry, old: &Table, key: &ForeignKey) -> bool {
    let live_columns: Option<Vec<_>> = key
        .columns
        .iter()
        .map(|c| match table.source_of(c) {
            Some(Source::Column(name)) => Some(fold(name)),
            _ => None,
        })
        .collect();
    let Some((parent, parent_columns)) = parent(carry, key) else { return false };
    let parent_columns: Vec<_> = parent_columns.iter().map(|c| fold(c)).collect();
    live_columns.is_some_and(|columns| {
        old.foreign_keys.iter().any(|old| {
            old.columns == columns
                && old.parent.eq_ignore_ascii_case(&parent)
                && old.parent_columns == parent_columns
        })
    })
}

/// The live parent of a declared foreign key, and its live columns.
pub(crate) fn parent(carry: &Carry, key: &ForeignKey) -> Option<(String, Vec<String>)> {
    let parent = carry.table_to(&key.parent)?;
    let columns: Option<Vec<_>> = key
        .parent_columns
        .iter()
        .map(|c| match parent.source_of(c) {
            Some(Source::Column(name)) => Some(name.clone()),
            _ => None,
        })
        .collect();
    Some((parent.from.clone(), columns?)).filter(|(_, c)| c.len() == key.columns.len())
}
