//! Which changes of a table need not write its rows anew: a closed list. What is not on it is not for an edit.
//!
//! Each entry was held against a table that was written anew, against a connection that had the old schema, and against an older
//! SQLite (`crates/landfall-engine/tests/it/fast_path/`). What SQLite itself says of such edits: <https://www.sqlite.org/lang_altertable.html>,
//! section 7.

use std::collections::BTreeSet;

use crate::carry::TableCarry;
use crate::default::is_literal;
use crate::schema::{Affinity, Column, Key, Schema, Table, VirtualTable};
use crate::token::{canonical_name, default_beside_columns, quote};
use crate::virtual_table::Content;

/// What an edit of a table's CREATE text takes besides the edit.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// More than the catalogue is written, or indexes are trusted to be what they were: `FastPath::Full`.
    pub(super) full: bool,
    /// The rows have to be read, by the search for hazards, by `foreign_key_check`, or by the queries below.
    pub(super) scan: bool,
    /// Conditions that no row of the table may meet.
    pub(super) no_row: Vec<String>,
    /// Columns whose value in rows older than their ADD COLUMN is their DEFAULT, and nowhere written; with the condition for it.
    pub(super) widen: Vec<(String, String)>,
    /// Index entries change, though no row does.
    pub(super) reindex: bool,
    /// Values have to be of the types that STRICT asks for.
    pub(super) strict: bool,
    /// Whether the AUTOINCREMENT mark comes (`true`) or goes.
    pub(super) mark: Option<bool>,
}

impl Needs {
    fn index_again(&mut self, keyed: Keyed) {
        let again = keyed != Keyed::No;
        self.reindex |= again;
        self.full |= again;
    }
}

/// How indexes hold a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Keyed {
    No,
    Plainly,
    /// Perhaps, in an expression or a condition.
    ByExpression,
}

/// What SQLite skips before a number (`sqlite3Isspace`).
const BLANKS: &str = "char(9, 10, 11, 12, 13, 32)";

/// A table as it is and as it is declared, with the same columns.
pub(super) struct Change<'c> {
    pub(super) old: &'c Table,
    pub(super) new: &'c Table,
    pub(super) carry: &'c TableCarry,
    /// The table at this moment, and what hangs on it.
    pub(super) now: &'c Schema,
    /// Every other one.
    pub(super) all: &'c Schema,
    /// Whether the rows were asked for every constraint that is new.
    pub(super) asked: bool,
}

impl Change<'_> {
    /// `None` when something is not on the list.
    pub(super) fn needs(&self) -> Option<Needs> {
        let (old, new) = (self.old, self.new);
        let same_columns = old.columns.len() == new.columns.len();
        let same_key = old.rowid_alias == new.rowid_alias
            && old.primary_key.as_ref().map(|k| &k.columns) == new.primary_key.as_ref().map(|k| &k.columns);
        let readable = old.opaque.is_none() && new.opaque.is_none();
        if !readable || !same_columns || !same_key || old.without_rowid != new.without_rowid {
            return None;
        }
        let mut needs = Needs::default();
        for column in &new.columns {
            self.column(old.column(&column.name)?, column, &mut needs)?;
        }
        self.checks(&mut needs)?;
        self.uniques(&mut needs);
        if new.foreign_keys.iter().any(|key| !old.foreign_keys.iter().any(|was| was.same_reference(key))) {
            needs.scan = true;
        }
        if new.strict && !old.strict {
            (needs.strict, needs.scan) = (true, true);
        }
        if old.autoincrement != new.autoincrement {
            (needs.full, needs.mark) = (true, Some(new.autoincrement));
        }
        Some(needs)
    }

    fn column(&self, was: &Column, is: &Column, needs: &mut Needs) -> Option<()> {
        self.not_null(was, is, needs)?;
        self.generated(was, is, needs)?;
        self.type_(was, is, needs)?;
        self.default(was, is, needs)?;
        if was.collation != is.collation {
            needs.index_again(self.keyed(is)?);
        }
        Some(())
    }

    /// Nobody asks rows of a generated column whether they are NULL.
    fn not_null(&self, was: &Column, is: &Column, needs: &mut Needs) -> Option<()> {
        let added = was.not_null.is_none() && is.not_null.is_some();
        needs.scan |= added;
        (!added || (self.asked && is.generated.is_none())).then_some(())
    }

    fn generated(&self, was: &Column, is: &Column, needs: &mut Needs) -> Option<()> {
        if was.generated == is.generated {
            return Some(());
        }
        let no_default = [was, is].iter().all(|column| column.default.as_deref().is_none_or(|d| d == "null"));
        match (&was.generated, &is.generated) {
            // Its values are in the rows. Rows without one read NULL, and would read the default.
            (Some(stored), None) if stored.stored => no_default.then_some(()),
            (None, Some(stored)) if stored.stored && self.carry.keeps_names() => {
                // Rows without a value read the default, and a STORED column has none.
                let (name, expression) = (quote(&is.name), &stored.expression);
                needs.scan = true;
                needs.no_row.push(format!(
                    "{name} IS NOT ({expression}) COLLATE BINARY OR typeof({name}) <> typeof({expression})"
                ));
                no_default.then_some(())
            }
            (Some(old), Some(new)) if !old.stored && !new.stored && is.not_null.is_none() => {
                needs.index_again(self.keyed(is)?);
                Some(())
            }
            _ => None,
        }
    }

    fn type_(&self, was: &Column, is: &Column, needs: &mut Needs) -> Option<()> {
        let (from, to) = (was.affinity(self.old.strict), is.affinity(self.new.strict));
        if from == to {
            // In a STRICT table ANY holds what BLOB does not, and both have one affinity.
            let any = |column: &Column| column.type_ == "any";
            let strict = self.old.strict || self.new.strict;
            return (!strict || any(was) == any(is)).then_some(());
        }
        if is.generated.is_some() || self.is_rowid(is) || self.is_in_key(is) || !self.carry.keeps_names() {
            return None;
        }
        let keyed = self.keyed(is)?;
        let name = quote(&is.name);
        needs.scan = true;
        needs.no_row.push(match (from, to) {
            // All that could be taken for a number, and some that could not.
            (_, Affinity::Integer) => format!(
                "typeof({name}) = 'real' OR (typeof({name}) = 'text' AND ltrim({name}, {BLANKS}) GLOB '[-+.0-9]*')"
            ),
            (_, Affinity::Text) => format!("typeof({name}) IN ('integer', 'real')"),
            // Whole numbers lie in the rows as INTEGER or as REAL, as it came: other constraints and indexes decide that.
            (Affinity::Real, Affinity::Numeric) => {
                format!("typeof({name}) = 'real' AND {name} = CAST({name} AS INTEGER)")
            }
            // 2^53: beyond, not every integer is a REAL, and neither integrity_check nor REINDEX would see it.
            (Affinity::Integer, Affinity::Real) => format!(
                "typeof({name}) = 'integer' AND {name} NOT BETWEEN -9007199254740992 AND 9007199254740992"
            ),
            _ => return None,
        });
        match to {
            Affinity::Integer | Affinity::Text => needs.index_again(keyed),
            // Entries of an index on the column itself compare as before.
            _ if keyed == Keyed::ByExpression => return None,
            _ => {}
        }
        Some(())
    }

    fn default(&self, was: &Column, is: &Column, needs: &mut Needs) -> Option<()> {
        if was.default == is.default || self.is_rowid(is) || was.generated != is.generated {
            return Some(());
        }
        let value = was.default.as_deref().unwrap_or("null");
        let name = quote(&is.name);
        needs.scan = true;
        needs.widen.push((name.clone(), format!("{name} IS {}", default_beside_columns(value))));
        (is_literal(value) && self.carry.keeps_names()).then_some(())
    }

    /// A CHECK that is new has to have been asked of the rows.
    fn checks(&self, needs: &mut Needs) -> Option<()> {
        let added = self.new.checks.difference(&self.old.checks).next().is_some();
        needs.scan |= added;
        (!added || self.asked).then_some(())
    }

    /// Keys that differ by ON CONFLICT alone have the same index.
    fn uniques(&self, needs: &mut Needs) {
        let columns =
            |keys: &BTreeSet<Key>| keys.iter().map(|key| key.columns.clone()).collect::<BTreeSet<_>>();
        let (old, new) = (columns(&self.old.uniques), columns(&self.new.uniques));
        needs.full |= old != new;
        needs.scan |= new.difference(&old).next().is_some();
    }

    /// A column that compares, converts or computes otherwise from now on: how indexes hold it. `None` where something else was
    /// derived from it, or depends on it.
    fn keyed(&self, column: &Column) -> Option<Keyed> {
        let (old, new) = (self.old, self.new);
        let checked = !old.checks.is_empty() || !new.checks.is_empty();
        let mut others = new.columns.iter().filter(|other| other.name != column.name);
        let computed = others.any(|other| other.generated.is_some());
        let mut keys = old.foreign_keys.iter().chain(&new.foreign_keys);
        let refers = keys.any(|key| key.columns.iter().any(|c| c.eq_ignore_ascii_case(&column.name)));
        let tables = self.now.tables.iter().chain(&self.all.tables);
        let mut references = tables.flat_map(|table| &table.foreign_keys);
        let referred = references.any(|key| key.parent.eq_ignore_ascii_case(&old.name));
        let is_over = |table: &VirtualTable| matches!(table.content(), Content::In(content) if content.eq_ignore_ascii_case(&old.name));
        let indexed = self.all.virtual_tables.iter().any(is_over);
        if checked || computed || refers || referred || indexed {
            return None;
        }
        let (name, names) = (canonical_name(&column.name), self.names());
        let mut keyed = Keyed::No;
        for index in self.now.indexes.iter().filter(|index| index.table.eq_ignore_ascii_case(&old.name)) {
            let plain = index.opaque.is_none()
                && index.condition.is_none()
                && index.columns.iter().all(|part| names.contains(&part.expression));
            keyed = keyed.max(match plain {
                false => Keyed::ByExpression,
                true if index.columns.iter().any(|part| part.expression == name) => Keyed::Plainly,
                true => Keyed::No,
            });
        }
        let in_constraint =
            old.uniques.iter().flat_map(|key| &key.columns).any(|part| part.expression == name);
        Some(if in_constraint { keyed.max(Keyed::Plainly) } else { keyed })
    }

    fn names(&self) -> BTreeSet<String> {
        self.old.columns.iter().map(|column| canonical_name(&column.name)).collect()
    }

    fn is_rowid(&self, column: &Column) -> bool {
        self.new.rowid_alias.as_deref().is_some_and(|alias| alias.eq_ignore_ascii_case(&column.name))
    }

    fn is_in_key(&self, column: &Column) -> bool {
        let name = canonical_name(&column.name);
        self.new.primary_key.iter().flat_map(|key| &key.columns).any(|part| part.expression == name)
    }
}
