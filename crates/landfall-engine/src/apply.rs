//! The only writer: a proved plan, run in the database in one transaction.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};

use crate::disk;
use crate::due::Due;
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Execution;
use crate::failure::Failure;
use crate::hazard::{Hazard, HazardName};
use crate::hazards::{self, Context};
use crate::memory;
use crate::open::{self, explain, fails_on_a_row, locked, patiently};
use crate::operation::StepKind;
use crate::plan::{CostClass, Plan, Step};
use crate::reader::Reader;
use crate::report::{Disk, Evidence, Timing};
use crate::schema;
use crate::shown::shown_in_line;
use crate::sqlite_error::{breaks_constraint, is_busy, sqlite_message};
use crate::stand_in;
use crate::stopwatch::Stopwatch;
use crate::tuning;
use crate::unregistered;
use crate::watch::{Event, Watch};

/// How often a table that is written has to fit: the copy, the log of the transaction, the sorter's runs.
const TIMES: u64 = 3;

/// Bytes of the whole database.
const DATABASE_SIZE: &str = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";

/// Bytes of a table with its indexes (<https://www.sqlite.org/dbstat.html>).
const TABLE_SIZE: &str = "SELECT coalesce(sum(pgsize), 0) FROM dbstat
    WHERE aggregate = TRUE AND name IN (SELECT name FROM sqlite_schema WHERE tbl_name = ?1 COLLATE NOCASE)";

/// What was committed.
pub(crate) struct Applied {
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) seconds: f64,
    pub(crate) timings: Vec<Timing>,
    pub(crate) disk: Disk,
}

/// What was committed, before the disk was looked at.
struct Committed {
    evidence: Vec<Evidence>,
    seconds: f64,
    timings: Vec<Timing>,
}

/// Runs the plan in the database. What `reader` read is not read again where nobody has committed since.
///
/// # Errors
/// Any; then the transaction was rolled back, and a database file that was made for it is gone again.
pub(crate) fn apply(
    path: &Path,
    plan: &Plan,
    execution: &Execution<'_>,
    reader: Option<Reader>,
    watch: &mut dyn Watch,
) -> Result<Applied> {
    let new_file = NewFile::expected_at(path);
    let (result, disk) = disk::watched(path, || {
        // Before this one is opened and again inside the transaction, or it could be another file that is written.
        let reader = reader.filter(|reader| reader.is_of(path));
        let mut conn = open::writing(path, execution.settings)?;
        // The connection ends in here: the log goes back into the database then, which takes room too.
        Apply { path, plan, execution }.run(&mut conn, reader, watch)
    });
    if result.is_err() {
        new_file.remove();
    }
    let Committed { evidence, seconds, timings } = result?;
    Ok(Applied { evidence, seconds, timings, disk })
}

/// A database file that is there only if the migration succeeds.
struct NewFile(Option<PathBuf>);

impl NewFile {
    fn expected_at(path: &Path) -> Self {
        Self((!path.exists()).then(|| path.to_owned()))
    }

    fn remove(self) {
        let Some(path) = self.0 else { return };
        // Only what holds nothing: somebody else may have filled it meanwhile.
        if std::fs::metadata(&path).is_ok_and(|facts| facts.len() == 0) {
            drop(std::fs::remove_file(&path));
        }
    }
}

struct Apply<'a, 'e> {
    path: &'a Path,
    plan: &'a Plan,
    execution: &'a Execution<'e>,
}

impl Apply<'_, '_> {
    fn run(&self, conn: &mut Connection, reader: Option<Reader>, watch: &mut dyn Watch) -> Result<Committed> {
        let settings = self.execution.settings;
        // Some of these pragmas read the schema.
        patiently(self.path, settings, watch, || self.configure(conn))?;
        self.make_room(conn, watch)?;
        patiently(self.path, settings, watch, || conn.execute_batch("BEGIN IMMEDIATE"))?;
        let mut watch = Stopwatch::start(watch);
        // From here to the commit a lock can only stand in the way of a spill: waited for by SQLite itself.
        conn.busy_timeout(settings.lock_wait).map_err(|e| self.explain(&e))?;
        let result = self.inside(conn, reader, &mut watch).and_then(|evidence| {
            self.commit(conn, &mut watch)?;
            let (seconds, timings) = watch.stop();
            Ok(Committed { evidence, seconds, timings })
        });
        if result.is_err() && !conn.is_autocommit() {
            drop(conn.progress_handler(0, None::<fn() -> bool>));
            conn.execute_batch("ROLLBACK").map_err(|e| self.explain(&e))?;
        }
        result
    }

    fn inside(
        &self,
        conn: &mut Connection,
        reader: Option<Reader>,
        watch: &mut dyn Watch,
    ) -> Result<Vec<Evidence>> {
        watch.event(&Event::Looking);
        // Nobody else can write by now, so whatever it says stays true. It ends here: a connection that may only read
        // must not be the last one, since it could not fold the log back into the file.
        let stands = reader.is_some_and(|reader| reader.is_of(self.path) && reader.is_current());
        if !stands {
            self.look_again(conn)?;
        }
        self.execution.run(conn, watch).map_err(|failure| self.failed(failure))
    }

    /// Everything that must be set before BEGIN; what cannot be trusted to have worked is read back.
    fn configure(&self, conn: &Connection) -> rusqlite::Result<()> {
        stand_in::register_for_its_own(conn)?;
        stand_in::register_for(conn, &self.execution.declared.schema)?;
        // Off, or a rebuild deletes child rows: DROP TABLE does an implicit DELETE. Inside a transaction this is a silent no-op.
        conn.pragma_update(None, "foreign_keys", false)?;
        let foreign_keys: bool = conn.pragma_query_value(None, "foreign_keys", |row| row.get(0))?;
        // Off, or our own statements fire the user's triggers.
        let triggers = conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        if foreign_keys || triggers {
            return Err(rusqlite::Error::InvalidQuery);
        }
        conn.pragma_update(None, "synchronous", "FULL")?;
        tuning::configure(conn)
    }

    /// Sorting and the new tables need room; the sorter's files go beside the database, where the room was looked for.
    fn make_room(&self, conn: &Connection, watch: &mut dyn Watch) -> Result<()> {
        if !self.plan.steps.iter().any(takes_room) {
            return Ok(());
        }
        let folder = open::folder_of(self.path);
        let folder = folder.canonicalize().unwrap_or(folder);
        let free = open::free_bytes(self.path).map_err(|e| {
            let message = format!("free space cannot be read: {e}");
            Error::new(ErrorKind::Space, folder.display().to_string(), message).unchanged()
        })?;
        let needed = patiently(self.path, self.execution.settings, watch, || self.bytes_needed(conn, free))?;
        if free < needed {
            let place = format!("beside {}", self.path.display());
            return Err(open::short_of_room(&folder, "the plan", &place, needed, free));
        }
        // The call returns no row; an error would only mean the default folder.
        let pragma =
            format!("PRAGMA temp_store_directory = {}", crate::token::quote_text(&folder.to_string_lossy()));
        conn.execute_batch(&pragma).map_err(|e| self.explain(&e))
    }

    /// The tables that are written or sorted, with their indexes, so many times over.
    ///
    /// To tell their size reads all of their pages: where even the whole database would have room, it is taken for theirs.
    fn bytes_needed(&self, conn: &Connection, free: u64) -> rusqlite::Result<u64> {
        let all: u64 = conn.query_row(DATABASE_SIZE, [], |row| row.get(0))?;
        if all * TIMES <= free {
            return Ok(all * TIMES);
        }
        let mut names: Vec<_> = self.plan.steps.iter().filter(|s| takes_room(s)).map(|s| s.table()).collect();
        names.extend(self.execution.fills.iter().flat_map(|(fill, _)| &fill.reads).map(String::as_str));
        names.sort_unstable();
        names.dedup();
        let mut statement = conn.prepare(TABLE_SIZE)?;
        let mut bytes: u64 = 0;
        for name in names {
            let live = self.execution.carry.table_to(name).map_or(name, |c| c.from.as_str());
            let size: u64 = statement.query_row([live], |row| row.get(0))?;
            bytes += size;
        }
        Ok(bytes * TIMES)
    }

    /// What was planned must be what is there, now that nobody else can write.
    fn look_again(&self, conn: &Connection) -> Result<()> {
        let execution = self.execution;
        let now = schema::read_for(conn, execution.ignore, &execution.declared.schema)
            .map_err(|e| self.explain(&e))?;
        if now.rows != execution.origin.rows {
            return Err(self.moved("the schema"));
        }
        let found = || {
            let acted = memory::read(conn)?;
            let Execution { origin: live, declared, origin_carry: carry, settings, .. } = *execution;
            let due = match settings.schema_alone {
                true => Due::default(),
                false => Due::find(Some(conn), live, declared, carry)?,
            };
            let hazards = hazards::find(&Context {
                conn: Some(conn),
                live,
                declared,
                carry,
                settings,
                acted,
                due: &due,
            })?;
            Ok(hazards.iter().any(Hazard::stops) || due != *execution.due)
        };
        let moved = found().map_err(|e| self.explain(&e))?;
        if moved { Err(self.moved("rows")) } else { Ok(()) }
    }

    fn moved(&self, what: &str) -> Error {
        let file = self.path.display().to_string();
        let message = format!("another connection changed {what} of {file} after the plan was made");
        Error::new(ErrorKind::Moved, file, message).unchanged().remedy("run the command again")
    }

    /// A reader's snapshot can stand in the way of COMMIT, which may be tried again.
    fn commit(&self, conn: &mut Connection, watch: &mut dyn Watch) -> Result<()> {
        let settings = self.execution.settings;
        let mut waits_here = || {
            conn.progress_handler(0, None::<fn() -> bool>)?;
            conn.busy_timeout(Duration::ZERO)
        };
        waits_here().map_err(|e| self.explain(&e))?;
        if settings.interrupt.is_raised() {
            return Err(self.interrupted());
        }
        watch.event(&Event::Committing);
        patiently(self.path, settings, watch, || conn.execute_batch("COMMIT"))
    }

    fn interrupted(&self) -> Error {
        let file = self.path.display().to_string();
        let message = format!("the migration of {file} was interrupted and rolled back");
        Error::new(ErrorKind::Interrupted, file, message).unchanged().remedy("run the command again")
    }

    fn explain(&self, error: &rusqlite::Error) -> Error {
        match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => self.interrupted(),
            Some(ErrorCode::DiskFull) => {
                let file = self.path.display().to_string();
                let message = format!("the disk of {file} is full; the migration was rolled back");
                Error::new(ErrorKind::Space, file, message)
                    .unchanged()
                    .remedy("free some space there and run the command again")
            }
            _ => explain(self.path, error, self.execution.settings),
        }
    }

    /// Whether it is a step that comes near a row; on a replica each succeeded.
    fn meets_rows(&self, sql: &str) -> bool {
        self.plan.steps.iter().any(|step| step.sql == sql && step.cost.rows > 0)
    }

    fn failed(&self, failure: Failure) -> Error {
        let file = self.path.display();
        match failure {
            // Inside the transaction SQLite itself has waited.
            Failure::Statement { error, .. } | Failure::Reading(error) if is_busy(&error) => {
                locked(self.path, self.execution.settings.lock_wait)
            }
            Failure::Reading(error) | Failure::Live(error) => self.explain(&error),
            Failure::Statement { error, .. } if unregistered::is_called(&error) => self.explain(&error),
            Failure::Statement { error, .. } if is_read_only(&error) => self.explain(&error),
            Failure::Statement { object, sql, error } => match error.sqlite_error_code() {
                Some(ErrorCode::OperationInterrupted | ErrorCode::DiskFull) => self.explain(&error),
                _ if breaks_constraint(&error) => Error::new(
                    ErrorKind::Hazard,
                    file.to_string(),
                    format!(
                        "VIOLATED_CONSTRAINT: rows of {file} break a constraint of schema.sql: {}; it was rolled back\n  {}",
                        shown_in_line(&sqlite_message(&error)),
                        first_line(&sql)
                    ),
                )
                .unchanged()
                .remedy("correct those rows first, or declare what they are"),
                _ if fails_on_a_row(&error) && self.meets_rows(&sql) => {
                    let message = format!("{}; it was rolled back\n  {}", row_fails(&object, &error), first_line(&sql));
                    Error::new(ErrorKind::Hazard, object, message).unchanged().remedy(MEND_THE_ROW)
                }
                _ => Error::new(
                    ErrorKind::Apply,
                    file.to_string(),
                    format!("a statement failed in {file}: {}; it was rolled back\n  {}", shown_in_line(&sqlite_message(&error)), first_line(&sql)),
                )
                .unchanged(),
            },
            Failure::Found { object, .. } => self.moved(&shown_in_line(&format!("rows of {object}"))),
            Failure::ForeignKey { object, clause } => Error::new(
                ErrorKind::Hazard,
                object,
                format!("VIOLATED_CONSTRAINT: the change {}; it was rolled back", shown_in_line(&clause)),
            )
            .unchanged()
            .remedy("correct those rows first, or declare what they are"),
            Failure::Evidence { object, clause } => Error::new(
                ErrorKind::Apply,
                object,
                format!("the {} plan {}; it was rolled back", self.plan.planner, shown_in_line(&clause)),
            )
            .unchanged()
            .remedy("please report this: the proof on sample rows did not see it"),
        }
    }
}

/// Whether a step writes or sorts rows: an edit, a check and most of ALTER TABLE only read them.
fn takes_room(step: &Step) -> bool {
    let only_reads = matches!(step.kind(), StepKind::Alter | StepKind::Check | StepKind::Edit);
    let sorts = step.cost.class > CostClass::Constant && !only_reads;
    step.cost.rows > 0 && (step.cost.class == CostClass::Rewrite || sorts)
}

fn is_read_only(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::ReadOnly))
}

/// What is told where a statement fails on a row, as it would not without rows.
pub(crate) fn row_fails(object: &str, error: &rusqlite::Error) -> String {
    let (name, why) = (HazardName::ViolatedConstraint, sqlite_message(error));
    shown_in_line(&format!("{name}: an expression of {object} fails on a row that is there: {why}"))
        .into_owned()
}

/// What to do then.
pub(crate) const MEND_THE_ROW: &str =
    "correct that row first, or declare an expression that has a value for every row";

fn first_line(sql: &str) -> String {
    let line: String = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > 160 { line.chars().take(159).chain(['…']).collect() } else { line }
}
