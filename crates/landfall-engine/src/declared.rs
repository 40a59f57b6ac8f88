//! What `schema.sql` declares, as a value.

mod contradiction;
mod dump;
pub(crate) mod files;
mod place;
pub(crate) mod probe;
mod read;
mod rename;
pub(crate) mod row;
mod rows;
mod source;

use std::path::{Path, PathBuf};

pub use self::files::{Files, is_sql};
pub(crate) use self::row::DeclaredRow;
use crate::directive::Directive;
use crate::fingerprint;
use crate::hazard::Edit;
use crate::object::written;
use crate::schema::Schema;
use crate::stand_in::Names;
use crate::unusable::Fault;

/// What `schema.sql` declares: read, executed in an empty in-memory database (the *pristine* database), and kept as a value.
#[derive(Debug, Clone)]
pub struct Declared {
    pub(crate) path: PathBuf,
    /// The file without directives and rows, in an order in which it can be executed: what Atlas reads.
    pub(crate) sql: String,
    files: Files,
    /// The text without what declares nothing; every place is as in the files.
    plain: String,
    pub(crate) schema: Schema,
    pub(crate) directives: Vec<Directive>,
    /// In the order of the file.
    pub(crate) rows: Vec<DeclaredRow>,
    /// What of it no statement can use.
    pub(crate) faults: Vec<Fault>,
    /// What it calls that only the service registers.
    pub(crate) stand_ins: Names,
    fingerprint: String,
}

/// How many objects of each kind a schema has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Tables, virtual ones included.
    pub tables: usize,
    /// Indexes that were created by name.
    pub indexes: usize,
    /// Views.
    pub views: usize,
    /// Triggers.
    pub triggers: usize,
}

impl Declared {
    /// The same files with a part of their schema.
    pub(crate) fn with_schema(&self, schema: Schema) -> Self {
        Self { schema, ..self.clone() }
    }

    /// Of the meaning of the schema and of the rows that it declares; cosmetic changes keep it. [`crate::fingerprint::likeness`] compares it with others.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Of the schema alone, as [`crate::inspect`] tells it of a database: that reads no row.
    #[must_use]
    pub fn fingerprint_without_rows(&self) -> String {
        fingerprint::of_schema(&self.schema)
    }

    /// Whether it declares rows.
    #[must_use]
    pub fn has_rows(&self) -> bool {
        !self.rows.is_empty()
    }

    /// Whether it has a table of this name, an ordinary or a virtual one.
    #[must_use]
    pub fn has_table(&self, name: &str) -> bool {
        self.schema.has_table(name)
    }

    /// The text of `schema.sql`, as it was written; of several files one behind the other.
    #[must_use]
    pub fn text(&self) -> &str {
        self.files.text()
    }

    /// The file and its line, from 1, on which an object of a difference or a hazard is declared; `None` where it is not.
    #[must_use]
    pub fn line_of(&self, object: &str) -> Option<(&Path, usize)> {
        Some(self.files.place(place::line_of(&self.plain, object)?))
    }

    /// The first file and its first line.
    #[must_use]
    pub fn beginning(&self) -> (&Path, usize) {
        self.files.place(1)
    }

    /// `schema.sql:3: view v cannot be used: no such table: nowhere`
    pub(crate) fn tell(&self, fault: &Fault) -> String {
        let Fault { object, part, reason, is_quiet, .. } = fault;
        let place = match place::line_of_fault(&self.plain, fault).map(|line| self.files.place(line)) {
            Some((file, line)) => format!("{}:{line}", file.display()),
            None => self.path.display().to_string(),
        };
        let wrong = if *is_quiet { "means something else" } else { "cannot be used" };
        format!("{place}: {} {} {wrong}: {reason}", part.kind(), written(object))
    }

    /// Whether rows of a table can be read and written.
    pub(crate) fn can_use_table(&self, name: &str) -> bool {
        let is_its = |fault: &Fault| fault.part.kind() == "table" && fault.object.eq_ignore_ascii_case(name);
        !self.faults.iter().any(is_its)
    }

    /// How many tables, virtual ones included, indexes, views and triggers it declares.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let Schema { tables, virtual_tables, indexes, views, triggers, .. } = &self.schema;
        Counts {
            tables: tables.len() + virtual_tables.len(),
            indexes: indexes.len(),
            views: views.len(),
            triggers: triggers.len(),
        }
    }

    /// The place of a line of the whole text: `schema.sql:3`
    pub(crate) fn place_of_line(&self, line: usize) -> String {
        self.files.place_text(line)
    }

    /// How a sentence calls a line: `line 3`, or its place where it may be of another file.
    pub(crate) fn called(&self, line: usize) -> String {
        self.files.called(line)
    }

    /// The lines that say that a declared table, or a column of it, was called `from`.
    pub(crate) fn renamed(&self, table: &str, column: Option<&str>, from: &str) -> Option<Edit> {
        let rename::Replaced { lines: (first, last), text } =
            rename::replaced(self.text(), table, column, from)?;
        let (file, begin) = self.files.place(first);
        Some(Edit { file: file.display().to_string(), first: begin, last: begin + last - first, text })
    }

    /// `schema.sql:3`
    pub(crate) fn place_of(&self, directive: &Directive) -> String {
        self.files.place_text(directive.line)
    }
}
