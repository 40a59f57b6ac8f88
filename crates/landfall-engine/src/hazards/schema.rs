//! What goes: tables, columns and rowids, decided from the two schemas.

use super::context::{Context, Found, Suspect};
use crate::carry::{Rowid, Source, TableCarry};
use crate::declared::Declared;
use crate::directive::Directive;
use crate::hazard::{Approval, ApprovedBy, Edit, Hazard, HazardName};
use crate::matching::distance;
use crate::memory;
use crate::object::{self, in_directive, of_column};
use crate::plan::plural;
use crate::schema::{Column, Table, VirtualTable};
use crate::shown::shown;
use crate::token::{fold, quote};
use crate::virtual_table::Content;

impl Context<'_> {
    fn allows(&self, name: HazardName, object: &str) -> bool {
        self.settings.allow.iter().any(|approval| approval.covers(name, object))
    }

    /// Whether the caller gave up that very object: then it is no rename.
    fn gives_up(&self, name: HazardName, object: &str) -> bool {
        self.settings.allow.iter().any(|approval| approval.names(name, object))
    }

    /// The lines to paste if it is a rename, and what to do if not.
    pub(super) fn say_what_to_write(&self, suspect: &Suspect, hazard: &mut Hazard) {
        let Suspect { table, column, from, .. } = suspect;
        let edit = self.declared.renamed(table, column.as_deref(), from);
        let dropped = match column {
            Some(_) => {
                format!("`-- @dropped {}` inside CREATE TABLE {}", in_directive(from), object::written(table))
            }
            None => format!("`-- @dropped table {}` in schema.sql", in_directive(from)),
        };
        let not = match (&hazard.approval, column) {
            (Some(approval), _) => format!("if not, write {dropped}, or approve {approval}"),
            (None, Some(column)) => {
                format!(
                    "if not, write {dropped}; then the rows need a value for {}, which the next run asks for",
                    object::written(column)
                )
            }
            (None, None) => {
                format!("if not, write {dropped}; the next run says which rows are left without a parent")
            }
        };
        let is = edit
            .as_ref()
            .map(|edit| format!("if it was renamed, {}\n", advice(edit, column.is_some(), from)));
        hazard.remedy = shown(&(is.unwrap_or_default() + &not)).into_owned();
        hazard.edit = edit;
    }

    /// Tables whose rows go.
    pub(super) fn dropped_tables(&self, found: &mut Found) -> rusqlite::Result<()> {
        for old in self.live.base_tables() {
            let name = &old.name;
            if self.carry.table_from(name).is_some() {
                continue;
            }
            let (rows, why) = match self.declared.schema.virtual_table(name) {
                Some(new) => match self.rows_not_in_content(old, new)? {
                    Some(0) => continue,
                    Some(rows) => {
                        (Some(rows), format!(": only an index over {} is declared", content_of(new)))
                    }
                    None => (self.count(name)?, becomes("a virtual table", old, self.declared)),
                },
                None if self.declared.schema.table(name).is_some() => {
                    (self.count(name)?, becomes("an ordinary table", old, self.declared))
                }
                None => (self.count(name)?, String::new()),
            };
            self.dropped_table(name, rows, &why, found);
        }
        Ok(())
    }

    fn dropped_table(&self, name: &str, rows: Option<u64>, why: &str, found: &mut Found) {
        let is_it = |d: &Directive| d.drops_table(name);
        let approved = self.approved(is_it);
        if approved == Approved::No && self.looks_renamed(name, rows, found) {
            return;
        }
        // A directive that gives up what is declared contradicts the schema.
        let write = match why {
            "" => format!("write `-- @dropped table {}` in schema.sql, or ", in_directive(name)),
            _ => String::new(),
        };
        let object = object::written(name);
        let message = format!("table {object} would be dropped{}{why}", with_rows(rows));
        found.push(Hazard { rows, ..approved.hazard(HazardName::DropsTable, &object, message, &write) });
    }

    /// How many rows of a full-text table with its own text are not in the table that it is to be an index over, under the same
    /// rowid and with the same values. `None` where it is to be no such index, or where that table does not stay as it is.
    fn rows_not_in_content(&self, old: &Table, new: &VirtualTable) -> rusqlite::Result<Option<u64>> {
        let (Content::In(content), Some(conn)) = (new.content(), self.conn) else { return Ok(None) };
        let Some(kept) = self.carry.table_from(&content).filter(|c| c.to.eq_ignore_ascii_case(&content))
        else {
            return Ok(None);
        };
        let key = new.content_rowid();
        let is_key =
            |table: &Table| table.rowid_alias.as_deref() == Some(&fold(&key)) || table.column(&key).is_none();
        let live = self.live.table(&content).filter(|table| is_key(table) && !table.without_rowid);
        let stays = |column: &Column| {
            kept.source_of(&column.name) == Some(&Source::Column(column.name.clone()))
                && new.columns.iter().any(|name| name.eq_ignore_ascii_case(&column.name))
        };
        let Some(_) = live.filter(|_| kept.rowid != Rowid::Renumbered && old.columns.iter().all(stays))
        else {
            return Ok(None);
        };
        let name = |column: &Column| quote(&column.name);
        let same = old.columns.iter().map(|c| format!("d.{0} IS f.{0} COLLATE BINARY", name(c)));
        let same: Vec<_> = std::iter::once(format!("d.{} = f.rowid", quote(&key))).chain(same).collect();
        let sql = format!(
            "SELECT count(*) FROM {} AS f WHERE NOT EXISTS (SELECT 1 FROM {} AS d WHERE {})",
            quote(&old.name),
            quote(&content),
            same.join(" AND ")
        );
        conn.query_row(&sql, [], |row| row.get(0)).map(Some)
    }

    /// A virtual table without rows of its own that goes, or is made anew while its entries cannot be read back.
    pub(super) fn lost_entries(&self, found: &mut Found) -> rusqlite::Result<()> {
        for old in self.live.virtual_tables.iter().filter(|old| old.rows.is_none()) {
            let (name, is_index) = (&old.name, matches!(old.content(), Content::In(_)));
            // Nobody needs the number of entries of an index over a table, which may even be missing; without content, FTS4 tells none.
            let is_silent = is_index || (old.content() == Content::Nowhere && !old.is_fts5());
            let rows = || if is_silent { Ok(None) } else { self.count(name) };
            let Some(new) = self.declared.schema.virtual_table(name) else {
                self.dropped_table(name, rows()?, "", found);
                continue;
            };
            if old.body == new.body || (is_index && matches!(new.content(), Content::In(_))) {
                continue;
            }
            let (rows, name) = (rows()?, object::written(name));
            found.push(Hazard {
                rows,
                ..Hazard::new(
                    HazardName::DropsTable,
                    &name,
                    format!("virtual table {name} would be made anew without its entries{}", with_rows(rows)),
                    format!("if they can be put in again afterwards, approve DROPS_TABLE:{name}"),
                )
            });
        }
        Ok(())
    }

    /// A dropped table and a new one with the same columns, or nearly the same name. Whether that is all there is to say.
    fn looks_renamed(&self, dropped: &str, rows: Option<u64>, found: &mut Found) -> bool {
        let object = object::written(dropped);
        let (Some(old), false) =
            (self.live.base_table(dropped), self.gives_up(HazardName::DropsTable, &object))
        else {
            return false;
        };
        let taken = |t: &&Table| {
            self.carry.table_to(&t.name).is_some()
                || self.live.has_table(&t.name)
                || found.is_suspect(&t.name, None)
        };
        let mut new = self.declared.schema.base_tables().filter(|t| !taken(t));
        let names = |t: &Table| t.columns.iter().map(|c| fold(&c.name)).collect::<Vec<_>>();
        let Some(like) = new.find(|t| names(t) == names(old) || near(&t.name, &old.name)) else {
            return false;
        };
        let message = format!(
            "table {object} is not declared any more and looks renamed to {}: its {} would be lost",
            self.placed(&like.name, &object::written(&like.name)),
            rows.map_or_else(|| "rows".to_owned(), plural),
        );
        let hazard = self.suspected(HazardName::DropsTable, &object, message);
        let is_all = hazard.approved.is_none();
        found.push_suspect(Hazard { rows, ..hazard }, dropped, &like.name, None);
        is_all
    }

    /// A name, with the line of its declaration.
    fn placed(&self, name: &str, object: &str) -> String {
        let name = object::written(name);
        match self.declared.line_of(object) {
            Some((file, line)) => format!("{name} ({}:{line})", file.display()),
            None => name,
        }
    }

    /// `loss` is the hazard whose approval says that it was not renamed.
    fn suspected(&self, loss: HazardName, object: &str, message: String) -> Hazard {
        let hazard = Hazard::new(HazardName::LooksLikeRename, object, message, String::new());
        match self.allows(hazard.name, object) {
            // Then the loss is a hazard of its own.
            true => Hazard { approved: Some(ApprovedBy::Caller), ..hazard },
            false => Hazard { approval: Some(Approval::of(loss, object)), ..hazard },
        }
    }

    pub(super) fn dropped_columns(&self, table: &TableCarry, old: &Table, new: &Table, found: &mut Found) {
        // Where it is computed from now on, that is a matter of values, not of the column.
        let goes = |column: &&Column| {
            column.generated.is_none()
                && new.column(&column.name).is_none()
                && !self.is_renamed_away(new, &column.name)
        };
        let dropped: Vec<_> = old.columns.iter().filter(goes).collect();
        let likes = likes(table, old, new, &dropped);
        for column in dropped {
            let like = likes.iter().find(|(of, _)| of.name == column.name).map(|(_, like)| *like);
            self.dropped_column(new, column, like, found);
        }
    }

    fn dropped_column(&self, new: &Table, column: &Column, like: Option<&Column>, found: &mut Found) {
        let object = of_column(&new.name, &column.name);
        let is_it = |d: &Directive| d.drops_column(&new.name, &column.name);
        let approved = self.approved(is_it);
        if approved == Approved::No
            && !self.gives_up(HazardName::DropsColumn, &object)
            && let Some(like) = like
        {
            let message = format!(
                "column {object} is not declared any more and looks renamed to {}: its values would be lost",
                self.placed(&like.name, &of_column(&new.name, &like.name)),
            );
            let hazard = self.suspected(HazardName::DropsColumn, &object, message);
            let is_all = hazard.approved.is_none();
            found.push_suspect(hazard, &column.name, &new.name, Some(&like.name));
            if is_all {
                return;
            }
        }
        let write = format!(
            "write `-- @dropped {}` inside CREATE TABLE {}, or ",
            in_directive(&column.name),
            object::written(&new.name)
        );
        let message = format!("column {object} would be dropped with its values");
        found.push(approved.hazard(HazardName::DropsColumn, &object, message, &write));
    }

    /// Whether a directive gives it up, and for the first time.
    fn approved(&self, is_it: impl Fn(&Directive) -> bool) -> Approved {
        match self.declared.directives.iter().find(|d| is_it(d)) {
            None => Approved::No,
            Some(directive) if self.acted.contains(&memory::key(directive)) => {
                Approved::Before(format!("{}: {}", self.declared.place_of(directive), directive.action))
            }
            Some(_) => Approved::Now,
        }
    }

    /// Named by `@renamed`.
    fn is_renamed_away(&self, table: &Table, column: &str) -> bool {
        self.declared.directives.iter().any(|d| d.new_name_of(&table.name, column).is_some())
    }

    pub(super) fn lost_rowids(&self, table: &TableCarry, found: &mut Found) {
        if table.rowid != Rowid::Renumbered {
            return;
        }
        let name = object::written(&table.to);
        found.push(Hazard::new(
            HazardName::RenumbersRowids,
            &name,
            format!("the rowids of table {name} cannot be kept"),
            format!("if nothing refers to them, approve RENUMBERS_ROWIDS:{name}"),
        ));
    }
}

/// Lines with what nobody can type are not offered to be pasted: the directive alone is.
fn advice(edit: &Edit, is_column: bool, from: &str) -> String {
    if shown(&edit.text) == edit.text {
        return edit.as_advice();
    }
    let place = if is_column { "behind the column on" } else { "above" };
    format!("write `-- @renamed from={}` {place} line {} of {}", in_directive(from), edit.first, edit.file)
}

/// What a `@dropped` says of a loss.
#[derive(Debug, PartialEq, Eq)]
enum Approved {
    No,
    Now,
    /// This one did, of something of that name that went with an earlier change: one that came back since is another.
    Before(String),
}

impl Approved {
    /// `write` is the directive that would approve it: the beginning of a remedy.
    fn hazard(&self, name: HazardName, object: &str, message: String, write: &str) -> Hazard {
        let approve = format!("approve {name}:{object}");
        let remedy = match self {
            Self::Before(directive) => {
                format!("{directive} has acted already and approves nothing more: take it out, and {approve}")
            }
            Self::No | Self::Now => format!("{write}{approve}"),
        };
        let approved = (*self == Self::Now).then_some(ApprovedBy::Schema);
        Hazard { approved, ..Hazard::new(name, object, message, remedy) }
    }
}

/// What a table becomes that cannot take its rows along, as the end of a sentence.
fn becomes(what: &str, old: &Table, declared: &Declared) -> String {
    let new = declared.schema.base_table(&old.name);
    let plain = old.columns.iter().filter(|column| column.generated.is_none());
    let gone: Vec<_> = plain
        .filter(|column| new.is_some_and(|new| new.column(&column.name).is_none()))
        .map(|column| column.name.as_str())
        .collect();
    match gone.as_slice() {
        [] => format!(": it becomes {what} that cannot hold them"),
        gone => format!(": it becomes {what} without the column {}", gone.join(", ")),
    }
}

fn content_of(table: &VirtualTable) -> String {
    match table.content() {
        Content::In(name) => name,
        _ => String::new(),
    }
}

fn with_rows(rows: Option<u64>) -> String {
    rows.map_or_else(String::new, |n| format!(" with its {}", plural(n)))
}

/// Of dropped columns each with an added one that stores values alike, or has nearly the same name. The nearest names first, and no
/// added column twice: two were not renamed to one.
fn likes<'c>(
    table: &TableCarry,
    old: &Table,
    new: &'c Table,
    dropped: &[&'c Column],
) -> Vec<(&'c Column, &'c Column)> {
    let added = table.columns.iter().filter(|c| c.source == Source::Default && old.column(&c.to).is_none());
    let added: Vec<_> = added.filter_map(|c| new.column(&c.to)).collect();
    let alike = |gone: &Column, comes: &Column| {
        comes.affinity(new.strict) == gone.affinity(old.strict) || near(&comes.name, &gone.name)
    };
    let mut pairs: Vec<_> = dropped
        .iter()
        .flat_map(|gone| added.iter().map(|comes| (*gone, *comes)))
        .filter(|(gone, comes)| alike(gone, comes))
        .collect();
    pairs.sort_by_key(|(gone, comes)| distance(&comes.name, &gone.name));
    let mut found: Vec<(&Column, &Column)> = Vec::new();
    for (gone, comes) in pairs {
        if !found.iter().any(|(is, to)| is.name == gone.name || to.name == comes.name) {
            found.push((gone, comes));
        }
    }
    found
}

/// A third of the longer name may differ.
fn near(a: &str, b: &str) -> bool {
    distance(a, b) * 3 <= a.chars().count().max(b.chars().count())
}
