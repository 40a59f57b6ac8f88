//! What a search for hazards looks at, and what it has found so far.

use std::collections::BTreeSet;

use rusqlite::Connection;

use crate::carry::Carry;
use crate::declared::Declared;
use crate::due::Due;
use crate::hazard::Hazard;
use crate::schema::Schema;
use crate::settings::Settings;
use crate::token::quote;

/// Everything that a search looks at.
pub(crate) struct Context<'s> {
    /// `None` when there is no database yet, so no rows.
    pub(crate) conn: Option<&'s Connection>,
    pub(crate) live: &'s Schema,
    pub(crate) declared: &'s Declared,
    pub(crate) carry: &'s Carry,
    pub(crate) settings: &'s Settings,
    /// What `@dropped` gave up in earlier changes of this database.
    pub(crate) acted: BTreeSet<String>,
    /// Declared rows that it lacks, or holds with other values.
    pub(crate) due: &'s Due<'s>,
}

impl Context<'_> {
    /// Rows of a live table; `None` where there is no database.
    pub(crate) fn count(&self, table: &str) -> rusqlite::Result<Option<u64>> {
        let Some(conn) = self.conn else { return Ok(None) };
        conn.query_row(&format!("SELECT count(*) FROM {}", quote(table)), [], |row| row.get(0)).map(Some)
    }
}

/// A declared table, or a column of one, that is new and looks like something that goes.
pub(crate) struct Suspect {
    pub(crate) table: String,
    pub(crate) column: Option<String>,
    /// What goes: the old name, if it is one.
    pub(super) from: String,
    /// Where its hazard is.
    pub(super) hazard: usize,
}

/// What was found so far.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) hazards: Vec<Hazard>,
    pub(super) suspects: Vec<Suspect>,
}

impl Found {
    pub(crate) fn push(&mut self, hazard: Hazard) {
        self.hazards.push(hazard);
    }

    /// A hazard that is not there if the suspect was renamed: then that is all there is to say, and no approval of the loss alone
    /// would let the plan run.
    pub(crate) fn push_unless(&mut self, hazard: Hazard, is_of: impl Fn(&Suspect) -> bool) {
        match self.suspects.iter().find(|suspect| is_of(suspect)) {
            Some(suspect) => self.hazards[suspect.hazard].approval = None,
            None => self.hazards.push(hazard),
        }
    }

    /// Says once that it looks renamed, until somebody says that it is not.
    pub(super) fn push_suspect(&mut self, hazard: Hazard, from: &str, table: &str, column: Option<&str>) {
        if hazard.approved.is_none() {
            let (table, column, from) = (table.to_owned(), column.map(str::to_owned), from.to_owned());
            self.suspects.push(Suspect { table, column, from, hazard: self.hazards.len() });
        }
        self.hazards.push(hazard);
    }

    pub(super) fn is_suspect(&self, table: &str, column: Option<&str>) -> bool {
        self.suspects.iter().any(|suspect| suspect.table == table && suspect.column.as_deref() == column)
    }
}
