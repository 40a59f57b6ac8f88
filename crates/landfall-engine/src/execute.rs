//! A plan's statements and all that is proved around them, inside a transaction that the caller ends.
//!
//! The proof runs it on a replica, apply runs it in the database: one path.

mod fills;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::hooks::Action;
use rusqlite::{Connection, ffi};

use crate::answer::or_one_of;
use crate::carry::{self, Carry, TableCarry};
use crate::catalogue::Catalogue;
use crate::declared::Declared;
use crate::difference::{compare, same_index};
use crate::due::Due;
use crate::evidence::{self, Given, Look, Measure, Watched};
use crate::failure::Failure;
use crate::fill::Fill;
use crate::hazard::Hazard;
use crate::inventory::{Inventory, Terms};
use crate::memory;
use crate::observer::Observer;
use crate::operation::StepKind;
use crate::orphans::{self, Orphans, Reference};
use crate::plan::{Step, plural};
use crate::report::Evidence;
use crate::schema::{self, Schema, VirtualTable};
use crate::settings::{ProofLevel, Settings};
use crate::stand_in;
use crate::token::{fold, quote};
use crate::tuning;
use crate::value::Value;
use crate::virtual_table::Content;
use crate::watch::{Event, Watch};

/// Between two `Rows` events.
const TICK: Duration = Duration::from_millis(250);

/// What is executed, and against what it is held.
pub(crate) struct Execution<'e> {
    /// The database's own schema, and what feeds what.
    pub(crate) origin: &'e Schema,
    pub(crate) origin_carry: &'e Carry,
    /// Made and filled before the steps, each with the number of its rows.
    pub(crate) fills: &'e [(Fill, u64)],
    pub(crate) steps: &'e [Step],
    /// Those that come after them, for the declared rows.
    pub(crate) row_steps: Vec<Step>,
    /// What the steps find: the database's own schema, with the tables that were filled.
    pub(crate) live: &'e Schema,
    pub(crate) declared: &'e Declared,
    pub(crate) carry: &'e Carry,
    pub(crate) settings: &'e Settings,
    pub(crate) ignore: &'e [String],
    pub(crate) watched: Vec<Watched<'e>>,
    /// What may go.
    pub(crate) hazards: &'e [Hazard],
    /// The declared rows that the database lacks, or holds with other values.
    pub(crate) due: &'e Due<'e>,
}

impl Execution<'_> {
    /// Nothing of it counts where a stand-in was called, whatever SQLite made of that.
    pub(crate) fn run(&self, conn: &mut Connection, watch: &mut dyn Watch) -> Result<Vec<Evidence>, Failure> {
        let done = self.all(conn, watch);
        match (stand_in::none_called(conn), done) {
            (Ok(()), done) => done,
            (Err(error), Err(Failure::Statement { object, sql, .. })) => {
                Err(Failure::Statement { object, sql, error })
            }
            (Err(error), _) => Err(Failure::Reading(error)),
        }
    }

    fn all(&self, conn: &mut Connection, watch: &mut dyn Watch) -> Result<Vec<Evidence>, Failure> {
        let header = header(conn)?;
        // Before anything is filled: what finds no parent among the new rows is new.
        let references = self.references();
        let before_steps = |reference: &Reference<'_>| reference.before(conn, self.origin, self.declared);
        let orphans = references.iter().map(before_steps).collect::<rusqlite::Result<Vec<_>>>()?;
        let filled = self.fill(conn, watch)?;
        let given = evidence::given(&self.watched, self.declared, self.settings)?;
        let before = self.measure(conn, None, &given, watch)?;
        watch.event(&Event::Comparing);
        let marks = evidence::marks(conn)?;
        let statistics = statistics(conn)?;
        let sound = self.sound_indexes(conn, self.live)?;
        let terms = Terms { declared: self.declared, hazards: self.hazards };
        let expected = evidence::written(self.steps, self.carry, self.live);
        let inventory = Inventory::of(conn, &terms, self.ignore, &expected)?;
        let written = self.statements(conn, watch)?;
        self.keep_statistics(conn, &statistics)?;
        memory::keep(conn, &self.declared.directives)?;
        let after = self.measure(conn, Some(&before), &given, watch)?;
        watch.event(&Event::Comparing);
        let mut evidence = self.compare_rows(conn, &given, &before, &after)?;
        evidence.retain(|evidence| !self.fills_table(&evidence.table));
        evidence.extend(filled);
        inventory.account(conn, &terms, &written)?;
        self.compare_marks(conn, &marks)?;
        compare_header(header, conn)?;
        self.bring_rows(conn, &mut evidence, watch)?;
        self.compare_orphans(conn, &references, &orphans)?;
        self.compare_schema(conn)?;
        self.compare_indexes(conn, &sound)?;
        Ok(evidence)
    }

    /// Looks at every watched table; after the steps at the rows that were seen `before`.
    fn measure(
        &self,
        conn: &Connection,
        before: Option<&[Measure]>,
        given: &Given,
        watch: &mut dyn Watch,
    ) -> rusqlite::Result<Vec<Measure>> {
        let measure = |(index, watched): (usize, &Watched<'_>)| {
            watch.event(&Event::Checking { table: &watched.table.to });
            let before = before.and_then(|before| before.get(index));
            evidence::measure(conn, watched, before, self.live, self.declared, given)
        };
        self.watched.iter().enumerate().map(measure).collect()
    }

    /// Runs the steps. Returned: the tables that SQLite wrote to, by their folded names before.
    fn statements(&self, conn: &mut Connection, watch: &mut dyn Watch) -> Result<BTreeSet<String>, Failure> {
        let mut observer = Observer::start(conn)?;
        let done = self.observed(conn, &mut observer, watch);
        let written = observer.end(conn)?;
        done.map(|()| written)
    }

    fn total(&self) -> usize {
        2 * self.fills.len() + self.steps.len() + self.row_steps.len()
    }

    fn observed(
        &self,
        conn: &mut Connection,
        observer: &mut Observer,
        watch: &mut dyn Watch,
    ) -> Result<(), Failure> {
        let total = self.total();
        let mut catalogue = Catalogue::default();
        for (index, step) in self.steps.iter().enumerate() {
            watch.event(&Event::Step { number: 2 * self.fills.len() + index + 1, total, step });
            // Short steps end before SQLite looks whether it is to stop.
            if self.settings.interrupt.is_raised() {
                return Err(Failure::Reading(interrupted()));
            }
            let failed = |error| failed(step, error);
            catalogue.before(conn, step).map_err(failed)?;
            let changes = conn.total_changes();
            let done = if step.kind() == StepKind::Check {
                observer.guarded(|| find_none(conn, step))
            } else {
                let run = |conn: &mut Connection| observer.guarded(|| execute(conn, step, watch));
                tuning::around(conn, step, run).map_err(failed)
            };
            if let Some(refused) = observer.refused() {
                return Err(not_allowed(step, &refused));
            }
            done?;
            compare_changes(step, conn.total_changes() - changes)?;
            observer.after_statement(conn)?;
        }
        catalogue.end(conn)?;
        self.check_catalogue(conn)
    }

    /// The b-tree that edits wrote to.
    fn check_catalogue(&self, conn: &Connection) -> Result<(), Failure> {
        if self.steps.iter().all(|step| step.kind() != StepKind::Edit) {
            return Ok(());
        }
        let found: String =
            conn.query_row("PRAGMA main.integrity_check('sqlite_schema')", [], |row| row.get(0))?;
        if found == "ok" {
            return Ok(());
        }
        Err(Failure::Evidence {
            object: "sqlite_schema".to_owned(),
            clause: format!("would damage the schema: {found}"),
        })
    }

    fn compare_rows(
        &self,
        conn: &Connection,
        given: &Given,
        before: &[Measure],
        after: &[Measure],
    ) -> Result<Vec<Evidence>, Failure> {
        let mut found = Vec::new();
        for (watched, (was, is)) in self.watched.iter().zip(before.iter().zip(after)) {
            let table = &watched.table.to;
            let fail = |clause: String| Err(Failure::Evidence { object: table.clone(), clause });
            if is.rows < was.rows {
                return fail(format!(
                    "would lose {} of the {} of {table}",
                    was.rows - is.rows,
                    plural(was.rows)
                ));
            }
            if is.rows > was.rows {
                return fail(format!("would add {} to {table}", plural(is.rows - was.rows)));
            }
            if is.checksum != was.checksum {
                let Some(column) = evidence::unlike_given(conn, watched.table, given)? else {
                    return fail(format!("would change values or rowids of {table}"));
                };
                // A column that is missing holds nothing.
                self.reached(conn)?;
                return fail(format!(
                    "would give rows of {table} another value of {column}, which is new, than its DEFAULT gives"
                ));
            }
            found.push(Evidence {
                table: table.clone(),
                rows_before: was.rows,
                rows_after: is.rows,
                sampled: watched.look == Look::Sample,
                checksum: is.checksum.map(|sum| format!("{sum:032x}")),
            });
        }
        Ok(found)
    }

    fn compare_marks(
        &self,
        conn: &Connection,
        before: &BTreeMap<String, Option<i64>>,
    ) -> Result<(), Failure> {
        let after = evidence::marks(conn)?;
        for table in self.carry.tables.iter() {
            let keeps = |schema: &Schema, name: &str| schema.table(name).is_some_and(|t| t.autoincrement);
            if !keeps(self.live, &table.from) || !keeps(&self.declared.schema, &table.to) {
                continue;
            }
            let (was, is) = (before.get(&fold(&table.from)), after.get(&fold(&table.to)));
            if was != is {
                let show = |mark: Option<&Option<i64>>| {
                    mark.copied().flatten().map_or_else(|| "none".to_owned(), |m| m.to_string())
                };
                return Err(Failure::Evidence {
                    object: table.to.clone(),
                    clause: format!(
                        "would lose the AUTOINCREMENT mark of {}: {} becomes {}",
                        table.to,
                        show(was),
                        show(is)
                    ),
                });
            }
        }
        Ok(())
    }

    /// Every foreign key whose rows could be without their parent afterwards.
    fn references(&self) -> Vec<Reference<'_>> {
        let may_lose_parents = |table: &TableCarry| self.may_lose_parents(table);
        orphans::references(self.origin, self.declared, self.origin_carry, may_lose_parents)
    }

    /// Whether rows of this table could refer to nothing afterwards. Where its keys and those they refer to are the same and
    /// hold the same values, which the checksums prove, nobody needs to look.
    pub(crate) fn may_lose_parents(&self, child: &TableCarry) -> bool {
        let tables = (self.live.table(&child.from), self.declared.schema.table(&child.to));
        let (Some(old), Some(new)) = tables else { return true };
        let unproved = self.settings.proof == ProofLevel::Counts;
        let near = |name: &str| (unproved && self.touches(name)) || self.due.concerns(name);
        near(&child.to)
            || self.fills_table(&child.to)
            || new.foreign_keys.iter().any(|key| {
                let parent = self.carry.table_to(&key.parent);
                near(&key.parent)
                    || carry::live_foreign_key(self.carry, self.live, child, old, key).is_none()
                    || !self.keeps(child, &key.columns)
                    || parent.is_none_or(|parent| !self.keeps(parent, &key.parent_columns))
            })
    }

    fn keeps(&self, table: &TableCarry, columns: &[String]) -> bool {
        let tables = (self.live.table(&table.from), self.declared.schema.table(&table.to));
        let (Some(old), Some(new)) = tables else { return false };
        columns.iter().all(|column| table.keeps(old, new, column))
    }

    /// Whether a table of this name, live or declared, is one that the steps come near.
    fn touches(&self, name: &str) -> bool {
        self.watched
            .iter()
            .any(|w| w.table.from.eq_ignore_ascii_case(name) || w.table.to.eq_ignore_ascii_case(name))
            || self.steps.iter().any(|s| s.table().eq_ignore_ascii_case(name))
    }

    /// Whether a step writes rows of the table, or makes it.
    fn writes(&self, name: &str) -> bool {
        let is_its = |step: &&Step| {
            let carry = self.carry.table_to(step.table());
            step.table().eq_ignore_ascii_case(name)
                || carry.is_some_and(|c| c.from.eq_ignore_ascii_case(name))
        };
        self.steps
            .iter()
            .chain(&self.row_steps)
            .filter(is_its)
            .any(|step| evidence::writes_rows(step) || step.kind() == StepKind::Create)
    }

    fn compare_orphans(
        &self,
        conn: &Connection,
        references: &[Reference<'_>],
        before: &[Orphans],
    ) -> Result<(), Failure> {
        for (reference, before) in references.iter().zip(before) {
            let after = reference.after(conn, self.origin, self.declared)?;
            let new = orphans::new_ones(before, &after);
            if new > 0 {
                let (table, parent) = (reference.child, &reference.key.parent);
                let clause =
                    format!("would leave {} of {table} without their parent in {parent}", plural(new));
                return Err(Failure::ForeignKey { object: table.to_owned(), clause });
            }
        }
        Ok(())
    }

    fn compare_schema(&self, conn: &Connection) -> Result<(), Failure> {
        self.compare_declared_rows(conn, &self.reached(conn)?)
    }

    /// The schema after the steps, which has to be the declared one.
    fn reached(&self, conn: &Connection) -> Result<Schema, Failure> {
        let reached = schema::read_for(conn, self.ignore, &self.declared.schema)?;
        let comparison = compare(&reached, &self.declared.schema, self.settings.column_order);
        match comparison.differences.first() {
            None => Ok(reached),
            Some(first) => {
                let more = match comparison.differences.len() - 1 {
                    0 => String::new(),
                    n => format!(" (and {n} more)"),
                };
                Err(Failure::Evidence {
                    object: first.object.clone(),
                    clause: format!("would not reach schema.sql: {}{more}", first.message),
                })
            }
        }
    }

    /// FTS5 indexes over another table's rows that agree with them, of those that steps write to or over.
    fn sound_indexes(&self, conn: &Connection, schema: &Schema) -> rusqlite::Result<Vec<String>> {
        let near = |table: &&VirtualTable| match table.content() {
            Content::In(content) => self.writes(&content) || self.writes(&table.name),
            _ => false,
        };
        let over_others = schema.virtual_tables.iter().filter(|t| t.is_fts5()).filter(near);
        // <https://www.sqlite.org/fts5.html#the_integrity_check_command>: with rank 1 also against the content table.
        let mut sound = Vec::new();
        for table in over_others {
            let name = quote(&table.name);
            let check = format!("INSERT INTO {name} ({name}, rank) VALUES ('integrity-check', 1)");
            if or_one_of(conn.execute_batch(&check), &[ffi::SQLITE_CORRUPT_VTAB])?.is_ok() {
                sound.push(fold(&table.name));
            }
        }
        Ok(sound)
    }

    /// An index that agreed with its table, or was made by the plan, must agree with it afterwards.
    fn compare_indexes(&self, conn: &Connection, before: &[String]) -> Result<(), Failure> {
        let declared = &self.declared.schema;
        let after = self.sound_indexes(conn, declared)?;
        let made =
            |table: &VirtualTable| self.steps.iter().any(|s| s.table().eq_ignore_ascii_case(&table.name));
        let broken = declared.virtual_tables.iter().find(|table| {
            let must = before.contains(&fold(&table.name)) || made(table);
            table.is_fts5()
                && self.declared.can_use_table(&table.name)
                && matches!(table.content(), Content::In(_))
                && must
                && !after.contains(&fold(&table.name))
        });
        match broken {
            None => Ok(()),
            Some(table) => Err(Failure::Evidence {
                object: table.name.clone(),
                clause: format!("would leave the index {} out of step with the rows it is over", table.name),
            }),
        }
    }

    /// ANALYZE's findings for tables and indexes that still are what they were: a planner's DROP takes them away.
    fn keep_statistics(&self, conn: &Connection, before: &[Statistics]) -> rusqlite::Result<()> {
        for table in before {
            let columns = vec!["?"; table.columns].join(", ");
            let there = statistics_of(conn, table.name)?;
            let mut insert = conn.prepare(&format!("INSERT INTO main.{} VALUES ({columns})", table.name))?;
            for row in table.rows.iter().filter(|row| !there.contains(row) && self.still_means_the_same(row))
            {
                insert.execute(rusqlite::params_from_iter(row))?;
            }
        }
        Ok(())
    }

    fn still_means_the_same(&self, row: &[Value]) -> bool {
        let text = |at: usize| match row.get(at) {
            Some(Value::Text(bytes)) => std::str::from_utf8(bytes).ok(),
            _ => None,
        };
        let Some(table) = text(0) else { return false };
        if self.carry.table_from(table).is_none_or(|c| c.to != table) {
            return false;
        }
        match text(1).map(|index| (self.live.index(index), self.declared.schema.index(index))) {
            None => true,
            Some((Some(old), Some(new))) => same_index(old, new),
            Some(_) => false,
        }
    }
}

fn execute(conn: &mut Connection, step: &Step, watch: &mut dyn Watch) -> rusqlite::Result<()> {
    if step.cost.rows > 0 { execute_with_progress(conn, step, watch) } else { conn.execute_batch(&step.sql) }
}

/// A step that does what no plan may, which was not done.
fn not_allowed(step: &Step, what: &str) -> Failure {
    let clause = format!("would {what}, which no plan may, in `{}`", step.sql);
    Failure::Evidence { object: step.table().to_owned(), clause }
}

fn failed(step: &Step, error: rusqlite::Error) -> Failure {
    let object = step.operation.object().to_owned();
    Failure::Statement { object, sql: step.sql.clone(), error }
}

/// A query that was to find nothing, and what it is about.
fn find_none(conn: &Connection, step: &Step) -> Result<(), Failure> {
    let failed = |error| failed(step, error);
    let mut statement = conn.prepare(&step.sql).map_err(failed)?;
    match statement.exists([]).map_err(failed)? {
        true => Err(Failure::Found { object: step.table().to_owned(), sql: step.sql.clone() }),
        false => Ok(()),
    }
}

/// An edit writes one row, of the schema; ALTER TABLE none that SQLite counts.
fn compare_changes(step: &Step, changed: u64) -> Result<(), Failure> {
    let allowed = match step.kind() {
        StepKind::Edit => 1,
        StepKind::Alter | StepKind::Check => 0,
        _ => return Ok(()),
    };
    if changed == allowed {
        return Ok(());
    }
    let clause = format!("would write {} where {allowed} had to be, in `{}`", plural(changed), step.sql);
    Err(Failure::Evidence { object: step.table().to_owned(), clause })
}

fn interrupted() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_INTERRUPT), None)
}

/// Executes a step while a second thread tells how many rows were written so far.
fn execute_with_progress(conn: &mut Connection, step: &Step, watch: &mut dyn Watch) -> rusqlite::Result<()> {
    let rows = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&rows);
    conn.update_hook(Some(move |_: Action, _: &str, _: &str, _: i64| {
        counter.fetch_add(1, Ordering::Relaxed);
    }))?;
    let done = AtomicBool::new(false);
    let result = std::thread::scope(|scope| {
        let ticker = scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                std::thread::park_timeout(TICK);
                let so_far = rows.load(Ordering::Relaxed);
                if so_far > 0 && !done.load(Ordering::Acquire) {
                    watch.event(&Event::Rows { table: step.table(), done: so_far, total: step.cost.rows });
                }
            }
        });
        let result = conn.execute_batch(&step.sql);
        done.store(true, Ordering::Release);
        ticker.thread().unpark();
        result
    });
    conn.update_hook(None::<fn(Action, &str, &str, i64)>)?;
    result
}

/// What a header says that no migration may change.
fn header(conn: &Connection) -> rusqlite::Result<[i64; 4]> {
    let read = |pragma: &str| conn.query_row(&format!("PRAGMA main.{pragma}"), [], |row| row.get(0));
    Ok([read("user_version")?, read("application_id")?, read("page_size")?, read("auto_vacuum")?])
}

fn compare_header(before: [i64; 4], conn: &Connection) -> Result<(), Failure> {
    if header(conn)? == before {
        return Ok(());
    }
    let clause = "would change user_version, application_id, page_size or auto_vacuum".to_owned();
    Err(Failure::Evidence { object: "header".to_owned(), clause })
}

struct Statistics {
    name: &'static str,
    columns: usize,
    rows: Vec<Vec<Value>>,
}

fn statistics(conn: &Connection) -> rusqlite::Result<Vec<Statistics>> {
    let mut found = Vec::new();
    for (name, columns) in [("sqlite_stat1", 3), ("sqlite_stat4", 6)] {
        if evidence::has_table(conn, name)? {
            found.push(Statistics { name, columns, rows: statistics_of(conn, name)? });
        }
    }
    Ok(found)
}

fn statistics_of(conn: &Connection, name: &str) -> rusqlite::Result<Vec<Vec<Value>>> {
    let mut statement = conn.prepare(&format!("SELECT * FROM main.{name}"))?;
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|i| row.get(i)).collect())?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use std::path::Path;

    use super::*;
    use crate::operation::Operation;
    use crate::plan::Cost;

    const TABLE: &str = "CREATE TABLE t (a INTEGER NOT NULL)";
    const EDITED: &str = "UPDATE sqlite_schema SET sql = 'CREATE TABLE t (a INTEGER)' WHERE name = 't'";

    /// What becomes of steps on a table of two rows, which are to bring it to the same without NOT NULL.
    fn done(conn: &mut Connection, steps: &[(Operation, &str)]) -> Result<Vec<Evidence>, Failure> {
        let step = |(operation, sql): &(Operation, &str)| {
            Step::new(operation.clone(), (*sql).to_owned(), Cost::default())
        };
        let steps: Vec<_> = steps.iter().map(step).collect();
        let settings = Settings::default();
        let new = "CREATE TABLE t (a INTEGER)";
        let declared = Declared::parse(Path::new("schema.sql"), new, &settings).unwrap();
        let ignore = ["other*".to_owned()];
        let live = schema::read(conn, &ignore).unwrap();
        let carry = crate::matching::carry(&live, &declared).unwrap();
        let watched = evidence::watched(&steps, &carry, &live, &declared.schema, settings.proof);
        let execution = Execution {
            steps: &steps,
            live: &live,
            declared: &declared,
            carry: &carry,
            settings: &settings,
            ignore: &ignore,
            watched,
            hazards: &[],
            row_steps: Vec::new(),
            origin: &live,
            origin_carry: &carry,
            fills: &[],
            due: &Due::default(),
        };
        conn.execute_batch("BEGIN").unwrap();
        execution.run(conn, &mut ())
    }

    fn edit() -> Operation {
        Operation::EditCatalogue { table: "t".to_owned() }
    }

    fn alter() -> Operation {
        Operation::AlterConstraint { table: "t".to_owned() }
    }

    fn two_rows() -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(&format!("{TABLE}; INSERT INTO t VALUES (1), (2); CREATE TABLE other (a)"))
            .unwrap();
        conn
    }

    fn clause(found: Result<Vec<Evidence>, Failure>) -> String {
        match found.unwrap_err() {
            Failure::Evidence { clause, .. } => clause,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_edit_writes_one_row_of_the_schema_and_none_of_a_table() {
        assert!(done(&mut two_rows(), &[(edit(), EDITED)]).is_ok());
        let both = "UPDATE sqlite_schema SET sql = sql";
        let found = clause(done(&mut two_rows(), &[(edit(), both)]));
        assert_eq!(found, format!("would write 2 rows where 1 had to be, in `{both}`"));
        let none = "UPDATE sqlite_schema SET sql = sql WHERE name = 'T'";
        let found = clause(done(&mut two_rows(), &[(edit(), none)]));
        assert_eq!(found, format!("would write 0 rows where 1 had to be, in `{none}`"));
        let rows = "UPDATE t SET a = a + 1";
        let found = clause(done(&mut two_rows(), &[(alter(), rows), (edit(), EDITED)]));
        assert_eq!(found, format!("would write 2 rows where 0 had to be, in `{rows}`"));
    }

    #[test]
    fn a_check_that_finds_a_row_ends_it() {
        let check = (Operation::Check { table: "t".to_owned() }, "SELECT 1 FROM t WHERE a = 2");
        let found = done(&mut two_rows(), &[check, (edit(), EDITED)]).unwrap_err();
        assert!(matches!(found, Failure::Found { .. }), "{found:?}");
    }

    #[test]
    fn a_damaged_schema_is_told_before_it_is_committed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("db");
        let open = || Connection::open(&file).unwrap();
        open().execute_batch(&format!("{TABLE}; INSERT INTO t VALUES (1), (2)")).unwrap();
        for other in 0..200 {
            open().execute_batch(&format!("CREATE TABLE other_{other} (a, b, c, d, e)")).unwrap();
        }
        let last = "SELECT max(pageno) FROM dbstat WHERE name = 'sqlite_schema'";
        let page: usize = open().query_row(last, [], |row| row.get(0)).unwrap();
        let mut bytes = std::fs::read(&file).unwrap();
        // Bytes of that page which belong to nothing, as its header counts them.
        bytes[(page - 1) * 4096 + 7] += 5;
        std::fs::write(&file, bytes).unwrap();
        let found = clause(done(&mut open(), &[(edit(), EDITED)]));
        assert!(found.starts_with("would damage the schema: "), "{found}");
        // No edit, no look: what was there before is not this plan's.
        let sql = "ALTER TABLE t ALTER COLUMN a DROP NOT NULL";
        assert!(done(&mut open(), &[(alter(), sql)]).is_ok());
    }

    #[test]
    fn a_header_that_changed_is_a_failure() {
        for pragma in ["user_version", "application_id"] {
            let conn = Connection::open_in_memory().unwrap();
            conn.pragma_update(None, pragma, 41).unwrap();
            let before = header(&conn).unwrap();
            assert!(compare_header(before, &conn).is_ok());
            conn.pragma_update(None, pragma, 42).unwrap();
            assert!(matches!(compare_header(before, &conn), Err(Failure::Evidence { .. })));
        }
    }
}
