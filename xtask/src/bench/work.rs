//! The works: from which schema to which, and what has to be true of every row afterwards.

use landfall_xtask::text;

use super::data;
use super::limit::Limit;

/// What a size counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    /// Rows of the changed table, and as many of its child.
    Rows,
    /// Tables, with a few rows each.
    Tables,
}

impl On {
    /// `1 table`, `10,000 rows`.
    pub(crate) fn counted(self, size: u64) -> String {
        text::count(size, if self == Self::Rows { "row" } else { "table" })
    }

    /// The word for JSON and axes.
    pub(crate) fn unit(self) -> &'static str {
        if self == Self::Rows { "rows" } else { "tables" }
    }
}

/// Whose time is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ours {
    /// `landfall migrate` with this LANDFALL_FAST_PATH.
    Boot(&'static str),
    /// `xtask migrate`, with the configuration of the project.
    Person,
    /// Nobody's: only the limit is measured.
    Nobody,
}

/// A work.
#[derive(Debug)]
pub(crate) struct Work {
    /// As `--only` names it.
    pub(crate) name: &'static str,
    /// What its sizes count.
    pub(crate) on: On,
    /// Who does it.
    pub(crate) ours: Ours,
    /// What is written in the schema instead of what; nothing where nothing is to be done.
    change: Option<(&'static str, &'static str)>,
    /// What is true of every row of `accounts` afterwards, where nothing was lost; of no use where sizes count tables.
    pub(crate) truth: &'static str,
    /// What neither can go below.
    pub(crate) limit: Limit,
}

const UNTOUCHED: &str = "note IS NOT NULL AND balance >= 0";

/// All of them, in the order in which they are told.
pub(crate) const WORKS: &[Work] = &[
    Work { on: On::Tables, ..none("no-drift", Ours::Boot("proved"), Limit::Start) },
    Work { on: On::Tables, ..none("xtask-no-drift", Ours::Person, Limit::Start) },
    changed("drop-not-null", "email TEXT NOT NULL", "email TEXT", "email LIKE '%@%'", Limit::Commit),
    changed("add-not-null", "note TEXT", "note TEXT NOT NULL", UNTOUCHED, Limit::Scan("note IS NULL")),
    changed(
        "add-check",
        "balance REAL NOT NULL",
        "balance REAL NOT NULL CHECK (balance >= 0)",
        UNTOUCHED,
        Limit::Scan("NOT (balance >= 0)"),
    ),
    changed("change-fk-action", "ON DELETE CASCADE", "ON DELETE RESTRICT", UNTOUCHED, Limit::Commit),
    changed(
        "change-default",
        "visits INTEGER NOT NULL DEFAULT 0",
        "visits INTEGER NOT NULL DEFAULT 1",
        "visits = id * 31 % 100",
        Limit::Commit,
    ),
    changed(
        "add-column",
        "note TEXT",
        "note TEXT,\n  phone TEXT",
        "note IS NOT NULL AND phone IS NULL",
        Limit::Commit,
    ),
    changed(
        "rename-column",
        "note TEXT",
        "remark TEXT -- @renamed from=note",
        "remark IS NOT NULL",
        Limit::Commit,
    ),
    changed("drop-column", ",\n  note TEXT", "\n  -- @dropped note", "balance >= 0", Limit::Copy),
    REWRITE,
    Work { name: "rewrite-full", ours: Ours::Boot("full"), ..REWRITE },
    none("cp", Ours::Nobody, Limit::Copy),
    none("count", Ours::Nobody, Limit::Count),
];

/// Every row is written anew, three indexes are of the table, and a child refers to it.
const REWRITE: Work = changed(
    "rewrite",
    "code TEXT NOT NULL",
    "code INTEGER NOT NULL",
    "typeof(code) = 'integer' AND code = 1000000 + id",
    Limit::Copy,
);

const fn none(name: &'static str, ours: Ours, limit: Limit) -> Work {
    Work { name, on: On::Rows, ours, change: None, truth: UNTOUCHED, limit }
}

const fn changed(
    name: &'static str,
    from: &'static str,
    to: &'static str,
    truth: &'static str,
    limit: Limit,
) -> Work {
    Work { name, on: On::Rows, ours: Ours::Boot("proved"), change: Some((from, to)), truth, limit }
}

impl Work {
    /// Whether there is anything to do.
    pub(crate) fn is_change(&self) -> bool {
        self.change.is_some()
    }

    /// The declared schema.
    pub(crate) fn declared(&self, size: u64) -> String {
        let before = match self.on {
            On::Rows => data::ROWS_SCHEMA.to_owned(),
            On::Tables => data::tables_schema(size),
        };
        self.change.map_or(before.clone(), |(from, to)| before.replacen(from, to, 1))
    }

    /// The same without what only this engine reads in it.
    pub(crate) fn declared_to_atlas(&self, size: u64) -> String {
        let declared = self.declared(size);
        let lines = declared.lines().map(|line| line.split("-- @").next().unwrap_or_default().trim_end());
        lines.filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rusqlite::Connection;

    use super::*;

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<_> = WORKS.iter().map(|work| work.name).collect();
        assert_eq!(names.len(), WORKS.len());
    }

    #[test]
    fn every_change_is_in_the_schema_once_and_gives_sql_that_executes() {
        for work in WORKS {
            if let Some((from, _)) = work.change {
                assert_eq!(data::ROWS_SCHEMA.matches(from).count(), 1, "{}", work.name);
            }
            for declared in [work.declared(3), work.declared_to_atlas(3)] {
                Connection::open_in_memory().unwrap().execute_batch(&declared).unwrap();
            }
        }
    }

    #[test]
    fn atlas_reads_no_directive_and_all_of_the_rest() {
        let rename = WORKS.iter().find(|work| work.name == "rename-column").unwrap();
        assert!(rename.declared(3).contains("  remark TEXT -- @renamed from=note\n"));
        assert_eq!(rename.declared_to_atlas(3), data::ROWS_SCHEMA.replace("note TEXT", "remark TEXT"));
    }
}
