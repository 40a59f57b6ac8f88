//! What a change would cost in data: from the two schemas what goes, and of every table what its rows say.
//!
//! Reads only. Called before planning, and again inside the transaction that applies where somebody has committed in between.

use rusqlite::Connection;

use crate::carry::{Carry, Rowid, Source, TableCarry};
use crate::declared::Declared;
use crate::directive::Action;
use crate::hazard::{ApprovedBy, Hazard, HazardName};
use crate::plan::plural;
use crate::rows::Rows;
use crate::schema::{Column, Schema, Table};
use crate::settings::Settings;
use crate::token::quote;
use crate::virtual_table::Content;

/// Everything a search for hazards looks at.
pub(crate) struct Search<'s> {
    /// `None` when there is no database yet, so no rows.
    pub(crate) conn: Option<&'s Connection>,
    pub(crate) live: &'s Schema,
    pub(crate) declared: &'s Declared,
    pub(crate) carry: &'s Carry,
    pub(crate) settings: &'s Settings,
}

impl Search<'_> {
    /// Every hazard that follows from live and declared schema, whoever plans.
    pub(crate) fn hazards(&self) -> rusqlite::Result<Vec<Hazard>> {
        let mut found = Vec::new();
        self.dropped_tables(&mut found)?;
        self.lost_entries(&mut found)?;
        for table in &self.carry.tables {
            let old = self.live.table(&table.from);
            let new = self.declared.schema.table(&table.to);
            let (Some(old), Some(new)) = (old, new) else { continue };
            self.dropped_columns(table, old, new, &mut found);
            self.lost_rowids(table, &mut found);
            if let Some(conn) = self.conn {
                Rows { search: self, conn, table, old, new }.hazards(&mut found)?;
            }
        }
        for hazard in &mut found {
            self.approve(hazard);
        }
        Ok(found)
    }

    fn approve(&self, hazard: &mut Hazard) {
        let by_caller = self.settings.allow.iter().any(|a| a.covers(hazard.name, &hazard.object));
        if hazard.approved.is_none() && hazard.name.is_approvable() && by_caller {
            hazard.approved = Some(ApprovedBy::Caller);
        }
    }

    fn dropped_tables(&self, found: &mut Vec<Hazard>) -> rusqlite::Result<()> {
        let tables = self.live.tables.iter().map(|t| &t.name);
        let virtual_tables = self.live.virtual_tables.iter().map(|t| &t.name);
        for name in tables.chain(virtual_tables) {
            let kept =
                self.carry.table_from(name).is_some() || self.declared.schema.virtual_table(name).is_some();
            if kept {
                continue;
            }
            let rows = self.count(name)?;
            let approved = self.declared.directives.iter().any(
                |d| matches!(&d.action, Action::DroppedTable { name: n } if n.eq_ignore_ascii_case(name)),
            );
            let approved = approved.then_some(ApprovedBy::Schema);
            found.push(Hazard {
                rows,
                approved,
                ..Hazard::new(
                    HazardName::DropsTable,
                    name,
                    format!("table {name} would be dropped{}", with_rows(rows)),
                    format!("write `-- @dropped table {name}` in schema.sql, or approve DROPS_TABLE:{name}"),
                )
            });
            if approved.is_none() {
                self.table_like(name, found);
            }
        }
        Ok(())
    }

    pub(crate) fn count(&self, table: &str) -> rusqlite::Result<Option<u64>> {
        let Some(conn) = self.conn else { return Ok(None) };
        conn.query_row(&format!("SELECT count(*) FROM {}", quote(table)), [], |row| row.get(0)).map(Some)
    }

    /// A virtual table that is made anew, and whose entries cannot be read back.
    fn lost_entries(&self, found: &mut Vec<Hazard>) -> rusqlite::Result<()> {
        for new in &self.declared.schema.virtual_tables {
            let Some(old) = self.live.virtual_table(&new.name).filter(|old| old.body != new.body) else {
                continue;
            };
            let carried = self.carry.table_to(&new.name).is_some() || matches!(new.content(), Content::In(_));
            if carried && !matches!(old.content(), Content::Nowhere | Content::Unknown) {
                continue;
            }
            let (name, rows) = (&new.name, self.count(&new.name)?);
            found.push(Hazard {
                rows,
                ..Hazard::new(
                    HazardName::DropsTable,
                    name,
                    format!("virtual table {name} would be made anew without its entries{}", with_rows(rows)),
                    format!("if they can be put in again afterwards, approve DROPS_TABLE:{name}"),
                )
            });
        }
        Ok(())
    }

    /// A dropped table and a new one with the same columns, or nearly the same name.
    fn table_like(&self, dropped: &str, found: &mut Vec<Hazard>) {
        let Some(old) = self.live.table(dropped) else { return };
        let new = self.declared.schema.tables.iter().filter(|t| self.carry.table_to(&t.name).is_none());
        let names = |t: &Table| t.columns.iter().map(|c| crate::token::fold(&c.name)).collect::<Vec<_>>();
        let like = new.into_iter().find(|t| names(t) == names(old) || near(&t.name, &old.name));
        if let Some(like) = like {
            let like = &like.name;
            let message = format!(
                "table {dropped} goes and table {like} comes: its rows would be lost if that is a rename"
            );
            let remedy = format!(
                "on the line before CREATE TABLE {like}, write `-- @renamed from={dropped}`; \
                 if it is no rename, write `-- @dropped table {dropped}`"
            );
            found.push(Hazard::new(HazardName::LooksLikeRename, dropped, message, remedy));
        }
    }

    fn dropped_columns(&self, table: &TableCarry, old: &Table, new: &Table, found: &mut Vec<Hazard>) {
        for column in &old.columns {
            let generated = column.generated.is_some();
            if generated || self.is_renamed_away(new, &column.name) {
                continue;
            }
            let name = format!("{}.{}", new.name, column.name);
            if new.column(&column.name).is_some() {
                // Where it is computed from now on, that is a matter of values, not of the column.
                continue;
            }
            let approved = self.is_dropped_by_directive(new, &column.name).then_some(ApprovedBy::Schema);
            found.push(Hazard {
                approved,
                ..Hazard::new(
                    HazardName::DropsColumn,
                    &name,
                    format!("column {name} would be dropped with its values"),
                    format!(
                        "write `-- @dropped {}` inside CREATE TABLE {}, or approve DROPS_COLUMN:{name}",
                        column.name, new.name
                    ),
                )
            });
            if approved.is_none() {
                column_like(table, old, new, column, found);
            }
        }
    }

    fn is_dropped_by_directive(&self, table: &Table, column: &str) -> bool {
        self.declared.directives.iter().any(|d| {
            d.table.eq_ignore_ascii_case(&table.name)
                && matches!(&d.action, Action::DroppedColumn { name } if name.eq_ignore_ascii_case(column))
        })
    }

    /// Named by `@renamed`.
    fn is_renamed_away(&self, table: &Table, column: &str) -> bool {
        self.declared.directives.iter().any(|d| {
            d.column.is_some()
                && d.table.eq_ignore_ascii_case(&table.name)
                && matches!(&d.action, Action::Renamed { from } if from.eq_ignore_ascii_case(column))
        })
    }

    fn lost_rowids(&self, table: &TableCarry, found: &mut Vec<Hazard>) {
        if table.rowid != Rowid::Renumbered {
            return;
        }
        let name = &table.to;
        found.push(Hazard::new(
            HazardName::RenumbersRowids,
            name,
            format!("the rowids of table {name} cannot be kept"),
            format!("if nothing refers to them, approve RENUMBERS_ROWIDS:{name}"),
        ));
    }
}

fn with_rows(rows: Option<u64>) -> String {
    rows.map_or_else(String::new, |n| format!(" with its {}", plural(n)))
}

/// A dropped column and an added one of the same type and constraints, or with nearly the same name.
fn column_like(table: &TableCarry, old: &Table, new: &Table, dropped: &Column, found: &mut Vec<Hazard>) {
    let added = table.columns.iter().filter(|c| c.source == Source::Default && old.column(&c.to).is_none());
    let like = added.filter_map(|c| new.column(&c.to)).find(|c| {
        let same = c.type_ == dropped.type_
            && c.not_null == dropped.not_null
            && c.default == dropped.default
            && c.collation == dropped.collation;
        same || near(&c.name, &dropped.name)
    });
    let Some(like) = like else { return };
    let (name, dropped) = (format!("{}.{}", new.name, dropped.name), &dropped.name);
    let (like, table) = (&like.name, &new.name);
    let message =
        format!("column {name} goes and {like} comes: its values would be lost if that is a rename");
    let remedy = format!(
        "on the line of {like}, write `-- @renamed from={dropped}`; \
         if it is no rename, write `-- @dropped {dropped}` inside CREATE TABLE {table}"
    );
    found.push(Hazard::new(HazardName::LooksLikeRename, &name, message, remedy));
}

/// A third of the longer name may differ.
fn near(a: &str, b: &str) -> bool {
    let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
    strsim::osa_distance(&a, &b) * 3 <= a.chars().count().max(b.chars().count())
}
