//! A database in a folder of its own, migrated by the crate's public face.

pub(crate) mod generate;

use std::path::PathBuf;

use landfall_engine::{
    Approval, Declared, Error, FastPath, Planner, PlannerChoice, Report, Settings, Step, Verdict,
};
use rusqlite::Connection;

pub(crate) struct Bench {
    folder: tempfile::TempDir,
    pub(crate) settings: Settings,
}

impl Bench {
    /// A database made by this SQL, migrated by the built-in planner.
    pub(crate) fn new(sql: &str) -> Self {
        // In memory where there is such a folder: thousands of commits wait for a disk otherwise.
        let memory = std::path::Path::new("/dev/shm");
        let folder =
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let settings = Settings { planner: PlannerChoice::Builtin, ..Settings::default() };
        let bench = Self { folder, settings };
        bench.open().execute_batch(sql).unwrap();
        bench
    }

    /// Another database with the same bytes, and with the same settings.
    pub(crate) fn twin(&self) -> Self {
        let twin = Self { settings: self.settings.clone(), ..Self::new("") };
        std::fs::copy(self.db(), twin.db()).unwrap();
        twin
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    pub(crate) fn db(&self) -> PathBuf {
        self.folder.path().join("db")
    }

    pub(crate) fn open(&self) -> Connection {
        let conn = Connection::open(self.db()).unwrap();
        conn.pragma_update(None, "foreign_keys", false).unwrap();
        conn
    }

    pub(crate) fn declared(&self, schema: &str) -> Result<Declared, Error> {
        Declared::parse(std::path::Path::new("schema.sql"), schema, &self.settings)
    }

    pub(crate) fn migrate(&self, schema: &str) -> Result<Report, Error> {
        let report = landfall_engine::migrate(&self.db(), &self.declared(schema)?, &self.settings, &mut ())?;
        check_operations(&report);
        Ok(report)
    }

    /// Migrates; a second run must find nothing to do, the database must be sound.
    pub(crate) fn reaches(&self, schema: &str) -> Report {
        let report = self.migrate(schema).unwrap_or_else(|error| panic!("{error}\n{schema}"));
        let again = self.migrate(schema).unwrap();
        assert_eq!(again.outcome, landfall_engine::Outcome::InSync, "{:?}", again.differences);
        assert_eq!(self.query("PRAGMA integrity_check"), "ok");
        report
    }

    /// Migrates, must be refused or fail, and must leave everything as it was.
    pub(crate) fn refuses(&self, schema: &str) -> Error {
        let before = self.dump();
        let error = self.migrate(schema).expect_err("must be refused");
        assert_eq!(self.dump(), before, "something was changed: {error}");
        error
    }

    /// All rows of a query, columns by `|`, rows by newline.
    pub(crate) fn query(&self, sql: &str) -> String {
        query(&self.open(), sql)
    }

    /// Schema, rows, rowids, marks and header pragmas.
    pub(crate) fn dump(&self) -> String {
        dump(&self.open())
    }
}

/// What a planner says of a step is what another release reads in it.
fn check_operations(report: &Report) {
    for step in report.plan.iter().flat_map(|plan| &plan.steps) {
        let read: Step = serde_json::from_value(serde_json::to_value(step).unwrap()).unwrap();
        assert_eq!(read, *step);
    }
}

pub(crate) fn query(conn: &Connection, sql: &str) -> String {
    let mut statement = conn.prepare(sql).unwrap();
    let columns = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let cells: Vec<_> = (0..columns).map(|i| cell(row.get_ref(i).unwrap())).collect();
        lines.push(cells.join("|"));
    }
    lines.join("\n")
}

fn cell(value: rusqlite::types::ValueRef<'_>) -> String {
    use rusqlite::types::ValueRef;
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(i) => i.to_string(),
        ValueRef::Real(r) => format!("{r:?}"),
        ValueRef::Text(t) => String::from_utf8_lossy(t).into_owned(),
        ValueRef::Blob(b) => format!("{b:02x?}"),
    }
}

pub(crate) fn dump(conn: &Connection) -> String {
    let mut text = query(conn, "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid");
    for pragma in ["user_version", "application_id", "page_size", "auto_vacuum", "journal_mode"] {
        text.push_str(&format!("\n{pragma} {}", query(conn, &format!("PRAGMA {pragma}"))));
    }
    let tables = query(
        conn,
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow') AND name NOT LIKE 'sqlite_schema' ORDER BY name",
    );
    for table in tables.lines() {
        let quoted = format!("\"{}\"", table.replace('"', "\"\""));
        let mut rows = String::new();
        for rowid in ["rowid, ", ""] {
            let sql = format!("SELECT {rowid}* FROM {quoted} ORDER BY 1, 2");
            let sql1 = format!("SELECT {rowid}* FROM {quoted} ORDER BY 1");
            if conn.prepare(&sql).is_ok() {
                rows = query(conn, &sql);
                break;
            } else if conn.prepare(&sql1).is_ok() {
                rows = query(conn, &sql1);
                break;
            }
        }
        text.push_str(&format!("\n[{table}]\n{rows}"));
    }
    text
}

/// What became of a planner's proposal, as `verdict: reason`.
pub(crate) fn proposal(report: &Report, planner: Planner) -> String {
    let found = report.proposals.iter().find(|p| p.planner == planner).unwrap();
    let verdict = match found.verdict {
        Verdict::Chosen => "chosen",
        Verdict::Proved => "proved",
        Verdict::Disproved => "disproved",
        Verdict::Unavailable => "unavailable",
        Verdict::NotAsked => "not asked",
    };
    format!("{verdict}: {}", found.reason)
}

pub(crate) const MODES: [FastPath; 3] = [FastPath::Off, FastPath::Proved, FastPath::Full];

/// The same database for each of [`MODES`], planned by the built-in planner alone and, where Atlas is there, beside it.
pub(crate) fn everywhere(old: &str) -> Vec<Bench> {
    // The harness names the thread of a test by it.
    let atlas = landfall_testkit::requires::atlas(std::thread::current().name().unwrap_or_default());
    let beside = MODES.into_iter().flat_map(|mode| {
        let of = |planner, atlas| {
            Bench::new(old).with(|s| (s.fast_path, s.planner, s.atlas) = (mode, planner, atlas))
        };
        let alone = of(PlannerChoice::Builtin, None);
        [alone].into_iter().chain(atlas.clone().map(|atlas| of(PlannerChoice::Auto, Some(atlas))))
    });
    beside.collect()
}

/// As [`everywhere`], each change made by Atlas alone.
pub(crate) fn by_atlas(old: &str) -> Vec<Bench> {
    let beside = everywhere(old).into_iter().filter(|bench| bench.settings.atlas.is_some());
    beside.map(|bench| bench.with(|s| s.planner = PlannerChoice::Atlas)).collect()
}

/// Every approval that may be given for any object.
pub(crate) fn approvals() -> Vec<Approval> {
    let names = [
        "DROPS_TABLE",
        "DROPS_COLUMN",
        "LOOKS_LIKE_RENAME",
        "CHANGES_VALUES",
        "RENUMBERS_ROWIDS",
        "UNUSABLE",
    ];
    names.iter().map(|name| format!("{name}:*").parse().unwrap()).collect()
}

/// The notes, but for what SQLite could use neither before nor after.
pub(crate) fn notes_but_old_faults(report: &Report) -> Vec<&str> {
    let is_old = |note: &&str| {
        note.contains(" cannot be used: ") && note.ends_with(", as it is in the database already")
    };
    report.notes.iter().map(String::as_str).filter(|note| !is_old(note)).collect()
}
