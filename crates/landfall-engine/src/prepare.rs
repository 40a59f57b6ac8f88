//! Read, compare, plan, prove, choose: everything before the database is opened for writing.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};

use crate::answer::{Unanswered, or_refusal};
use crate::apply::{self, Applied, MEND_THE_ROW, row_fails};
use crate::calibration::Calibration;
use crate::carry::{Carry, Source};
use crate::declared::Declared;
use crate::difference::{Comparison, compare};
use crate::due::Due;
use crate::error::{Error, ErrorKind, Result};
use crate::evidence::{self, Look, Watched};
use crate::execute::Execution;
use crate::expansion::Views;
use crate::failure::Failure;
use crate::fill::{self, Fill};
use crate::fingerprint;
use crate::fit::{self, Fit};
use crate::guard;
use crate::hazard::{Hazard, HazardName};
use crate::hazards::{self, Context};
use crate::interrupt;
use crate::matching::carry;
use crate::memory;
use crate::near;
use crate::object::{of_column, written};
use crate::open::{self, explain, fails_on_a_row};
use crate::operation::StepKind;
use crate::plan::Prediction;
use crate::plan::{self, CostClass, Plan, Proposal, Step, Verdict};
use crate::planner::{self, Planner, Task};
use crate::prediction::{Pace, Prospect};
use crate::proof;
use crate::reader::Reader;
use crate::report::{Outcome, Report};
use crate::schema::{self, Schema, VirtualTable};
use crate::settings::ignore_patterns;
use crate::settings::{PlannerChoice, ProofLevel, Settings};
use crate::shown::shown_in_line;
use crate::sqlite_error::{breaks_constraint, is_interrupted, sqlite_message};
use crate::stand_in;
use crate::token::{fold, quote, tokenize};
use crate::unregistered;
use crate::unusable::{self, Fault, Faults};
use crate::watch::{Event, Watch};

/// A plan that is proved and not yet run, or the finding that none is needed.
#[derive(Debug)]
pub struct Prepared<'d> {
    database: PathBuf,
    declared: &'d Declared,
    settings: Settings,
    live: Schema,
    carry: Carry,
    start: Start,
    due: Due<'d>,
    report: Report,
    /// What schema and hazards were read from.
    reader: Option<Reader>,
}

/// Reads, compares, plans and proves; never writes to `db`, does not even create it. A missing `db` is an empty one.
///
/// # Errors
/// [`ErrorKind::Database`] and [`ErrorKind::Locked`] when it cannot be read, [`ErrorKind::Planner`] and [`ErrorKind::Proof`]
/// when no plan holds, [`ErrorKind::Hazard`] when an empty `schema.sql` meets a database with tables.
pub fn prepare<'d>(
    db: &Path,
    declared: &'d Declared,
    settings: &Settings,
    watch: &mut dyn Watch,
) -> Result<Prepared<'d>> {
    let mut ground = Ground::look(db, declared, settings, watch)?;
    if ground.is_at_rest && !ground.is_in_sync() {
        // From here on rows count, too.
        ground = Ground::read(db, declared, settings, &ground.live, watch)?;
    }
    let mut report = ground.report();
    let (carry, start) = match ground.plan(&mut report, watch) {
        Ok(planned) => planned,
        Err(error) => return Err(error.after(&report)),
    };
    ground.prepared(carry, start, report)
}

/// Only reads and compares; no planner runs. Never writes to `db`. The report's outcome is `InSync` or `Planned` (without a plan).
///
/// # Errors
/// As [`prepare`], without the planners'.
pub fn check(db: &Path, declared: &Declared, settings: &Settings, watch: &mut dyn Watch) -> Result<Report> {
    let ground = Ground::look(db, declared, settings, watch)?;
    let mut report = ground.report();
    // A directive that cannot act is a matter of the change, not of the comparison.
    let carry = carry(&ground.live, declared).unwrap_or_default();
    let faults = ground.faults(&carry)?;
    report.notes.extend(faults.old.iter().map(|fault| already_unusable(fault, declared)));
    report.notes.extend(faults.new.iter().map(|fault| {
        let hazard = unusable(fault, declared, settings);
        let approved = if hazard.approved.is_some() { ", which is approved" } else { "" };
        format!("{} (UNUSABLE:{}{approved})", hazard.message, hazard.object)
    }));
    report.idle_directives = carry.idle;
    Ok(report)
}

/// Only reads and compares: whether a release that declares this schema can serve `db` as it is. Never writes to `db`.
///
/// # Errors
/// As [`check`].
pub fn fit(db: &Path, declared: &Declared, settings: &Settings, watch: &mut dyn Watch) -> Result<Fit> {
    let ground = Ground::look(db, declared, settings, watch)?;
    Ok(fit::fit(&ground.live, &declared.schema, settings.column_order, ground.due.differences()))
}

impl Prepared<'_> {
    /// Outcome `InSync` or `Planned`, differences, plan, hazards, proposals.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The report, where nothing else is wanted.
    #[must_use]
    pub fn into_report(self) -> Report {
        self.report
    }

    /// Refuses a plan with a hazard that nobody approved.
    ///
    /// # Errors
    /// [`ErrorKind::Hazard`] (exit 3), naming each such hazard, its object and what approves it.
    pub fn guard(&self) -> Result<()> {
        let Some(plan) = &self.report.plan else { return Ok(()) };
        if plan.hazards.iter().any(Hazard::stops) {
            Err(refused(&self.report.database, &plan.hazards).after(&self.report))
        } else {
            Ok(())
        }
    }

    /// Takes the hazards of one name out of the plan, as if nobody had looked for them. Returned: how many.
    #[cfg(test)]
    pub(crate) fn strip(&mut self, name: HazardName) -> usize {
        let Some(plan) = &mut self.report.plan else { return 0 };
        let before = plan.hazards.len();
        plan.hazards.retain(|hazard| hazard.name != name);
        before - plan.hazards.len()
    }

    /// Guards, then runs the plan in one transaction.
    ///
    /// # Errors
    /// Any; then nothing of ours is committed. [`ErrorKind::Moved`] when the database changed since [`prepare`]: prepare again.
    pub fn apply(mut self, watch: &mut dyn Watch) -> Result<Report> {
        self.guard()?;
        let reader = self.reader.take();
        let Some(plan) = &self.report.plan else { return Ok(self.report) };
        let applied = self.run(plan, reader, watch).map_err(|error| error.after(&self.report))?;
        Ok(Report {
            outcome: Outcome::Applied,
            evidence: applied.evidence,
            seconds: Some(applied.seconds),
            timings: applied.timings,
            disk: Some(applied.disk),
            ..self.report
        })
    }

    fn run(&self, plan: &Plan, reader: Option<Reader>, watch: &mut dyn Watch) -> Result<Applied> {
        let ignore = ignore_patterns(&self.settings);
        let (first, last) = (self.start.steps().count(), self.due.steps(self.declared).len());
        let basis = Basis {
            live: &self.live,
            carry: &self.carry,
            start: &self.start,
            declared: self.declared,
            settings: &self.settings,
            ignore: &ignore,
            due: &self.due,
        };
        let steps = &plan.steps[first..plan.steps.len() - last];
        let execution = Execution { hazards: &plan.hazards, ..basis.execution(steps) };
        apply::apply(&self.database, plan, &execution, reader, watch)
    }
}

/// Where a planner begins: the tables that `@from` fills are there already.
#[derive(Debug, Default)]
struct Start {
    /// Each with the number of its rows.
    fills: Vec<(Fill, u64)>,
    /// The live schema with them, and what it feeds; none where nothing is filled.
    filled: Option<(Schema, Carry)>,
}

impl Start {
    fn steps(&self) -> impl Iterator<Item = Step> {
        self.fills.iter().flat_map(|(fill, rows)| fill.steps(*rows))
    }
}

/// What an execution stands on, whatever its steps.
struct Basis<'e> {
    live: &'e Schema,
    carry: &'e Carry,
    start: &'e Start,
    declared: &'e Declared,
    settings: &'e Settings,
    ignore: &'e [String],
    due: &'e Due<'e>,
}

impl<'e> Basis<'e> {
    fn execution(&self, steps: &'e [Step]) -> Execution<'e> {
        let Self { live: origin, carry: origin_carry, start, declared, settings, ignore, due } = *self;
        let (live, carry) =
            start.filled.as_ref().map_or((origin, origin_carry), |(live, carry)| (live, carry));
        let watched = evidence::watched(steps, carry, live, &declared.schema, settings.proof);
        Execution {
            origin,
            origin_carry,
            fills: &start.fills,
            steps,
            row_steps: due.steps(declared),
            live,
            declared,
            carry,
            settings,
            ignore,
            watched,
            hazards: &[],
            due,
        }
    }
}

fn unusable(fault: &Fault, declared: &Declared, settings: &Settings) -> Hazard {
    let object = &written(&fault.object);
    let remedy =
        format!("correct that line, or approve UNUSABLE:{object} if what it lacks comes from elsewhere");
    let mut hazard = Hazard::new(HazardName::Unusable, object, declared.tell(fault), remedy);
    hazard.approve(&settings.allow);
    hazard
}

const MAKE: &str = "let the service make it where it {has}, then run the command again: it stays as it is";
const MAKE_ANEW: &str = "declare it as it is in the database, or let the service drop it and make it anew, then run the command again";
const DROP: &str = "declare it as it is in the database, or let the service drop it where it {has}, then run the command again";

/// Nothing approves it: no statement of this SQLite can do it.
fn foreign(table: &VirtualTable, what: &str, remedy: &str) -> Hazard {
    let (name, lacks) = (&table.name, table.lacks.as_deref().unwrap_or_default());
    let has = match unregistered::tokenizer_of(lacks) {
        Some(_) => "registers the tokenizer",
        None => "loads the module",
    };
    let message = format!("virtual table {name} cannot be {what} here: {lacks}");
    let remedy = remedy.replace("{has}", has);
    let hazard = Hazard::new(HazardName::Unusable, &written(name), message, remedy);
    Hazard { approval: None, ..hazard }
}

fn already_unusable(fault: &Fault, declared: &Declared) -> String {
    format!("{}, as it is in the database already", declared.tell(fault))
}

/// The refusal of a plan: every hazard that stops it, and below each what to do about it.
fn refused(db: &str, hazards: &[Hazard]) -> Error {
    let mut message = format!("the change of {db} was refused");
    for hazard in hazards.iter().filter(|hazard| hazard.stops()) {
        message.push_str(&format!("\n  {}: {}", hazard.name, hazard.message));
        for line in hazard.remedy.lines() {
            message.push_str(&format!("\n    {line}"));
        }
    }
    let object = hazards.iter().find(|h| h.stops()).map_or_else(String::new, |h| h.object.clone());
    Error::new(ErrorKind::Hazard, object, message).unchanged().remedy(AGAIN)
}

const AGAIN: &str = "do what is said below each hazard, then run the command again";

/// What planning stands on.
struct Ground<'g, 'd> {
    database: &'g Path,
    declared: &'d Declared,
    settings: &'g Settings,
    ignore: Vec<String>,
    /// `None` when there is no database yet, or it was only looked at.
    reader: Option<Reader>,
    /// Only looked at, while nobody wrote: nothing more can be read.
    is_at_rest: bool,
    live: Schema,
    comparison: Comparison,
    due: Due<'d>,
}

impl<'g, 'd> Ground<'g, 'd> {
    /// A database that most likely is as `known`, and is not read twice then.
    fn read(
        db: &'g Path,
        declared: &'d Declared,
        settings: &'g Settings,
        known: &Schema,
        watch: &mut dyn Watch,
    ) -> Result<Self> {
        let ignore = ignore_patterns(settings);
        let reader = Reader::open(db, settings, watch)?;
        let found = match &reader {
            Some(reader) => found(reader.conn(), &ignore, known, declared, settings),
            None => {
                let live = Schema::default();
                due(None, &live, declared, settings).map(|due| (live, due))
            }
        };
        let found = found.map_err(|error| cannot_plan(db, &error, settings))?;
        Self { reader, ..Self::of(db, declared, settings, ignore, found) }.checked()
    }

    /// As [`Ground::read`], without a trace even beside a database in WAL mode, as long as the schema is all that counts.
    fn look(
        db: &'g Path,
        declared: &'d Declared,
        settings: &'g Settings,
        watch: &mut dyn Watch,
    ) -> Result<Self> {
        let (ignore, known) = (ignore_patterns(settings), &declared.schema);
        let look = |conn: &Connection| {
            stand_in::register_for_its_own(conn)?;
            found(conn, &ignore, known, declared, settings)
        };
        match open::at_rest(db, settings, look) {
            Some(found) => {
                Self { is_at_rest: true, ..Self::of(db, declared, settings, ignore, found) }.checked()
            }
            None => Self::read(db, declared, settings, known, watch),
        }
    }

    fn of(
        database: &'g Path,
        declared: &'d Declared,
        settings: &'g Settings,
        ignore: Vec<String>,
        (live, due): (Schema, Due<'d>),
    ) -> Self {
        let comparison = compare(&live, &declared.schema, settings.column_order);
        Self { database, declared, settings, ignore, reader: None, is_at_rest: false, live, comparison, due }
    }

    fn checked(self) -> Result<Self> {
        if self.declared.schema.is_empty() && !self.live.is_empty() {
            let error = nothing_declared(&self.settings.name_of(self.database), self.declared, &self.live);
            return Err(error.after(&self.report()));
        }
        Ok(self)
    }

    fn conn(&self) -> Option<&Connection> {
        self.reader.as_ref().map(Reader::conn)
    }

    fn is_in_sync(&self) -> bool {
        self.comparison.differences.is_empty() && self.due.is_empty()
    }

    fn report(&self) -> Report {
        let in_sync = self.is_in_sync();
        let declared = self.declared.fingerprint().to_owned();
        let outcome = if in_sync { Outcome::InSync } else { Outcome::Planned };
        Report {
            // Two spellings of one constraint have two fingerprints: what means the same is called the same.
            live: if in_sync { declared.clone() } else { fingerprint::of_schema(&self.live) },
            declared,
            differences: [self.comparison.differences.clone(), self.due.differences()].concat(),
            notes: self.comparison.notes.clone(),
            ..Report::of(outcome, self.settings.name_of(self.database), &self.declared.path)
        }
    }

    /// Fills in what the differences lead to: directives, hazards, proposals and the plan.
    fn plan(&self, report: &mut Report, watch: &mut dyn Watch) -> Result<(Carry, Start)> {
        let carry = carry(&self.live, self.declared)?;
        report.idle_directives.clone_from(&carry.idle);
        let faults = self.faults(&carry)?;
        report.notes.extend(faults.old.iter().map(|fault| already_unusable(fault, self.declared)));
        if report.outcome == Outcome::InSync {
            return Ok((Carry::default(), Start::default()));
        }
        let foreign = self.foreign_tables();
        if !foreign.is_empty() {
            report.hazards.clone_from(&foreign);
            return Err(refused(&self.settings.name_of(self.database), &foreign));
        }
        let mut hazards = self.hazards(&carry)?;
        hazards.extend(faults.new.iter().map(|fault| unusable(fault, self.declared, self.settings)));
        let start = self.start()?;
        report.hazards.clone_from(&hazards);
        // What cannot be approved cannot be planned for either: rows that do not fit make every proof fail.
        if hazards.iter().any(|hazard| hazard.stops() && hazard.approval.is_none()) {
            return Err(refused(&report.database, &hazards));
        }
        let proposals = Proposals { ground: self, carry: &carry, start: &start, hazards: &hazards };
        report.plan = Some(proposals.choose(report, watch)?);
        report.hazards.clear();
        Ok((carry, start))
    }

    fn hazards(&self, carry: &Carry) -> Result<Vec<Hazard>> {
        self.check_expressions(carry)?;
        let found = || {
            let acted = self.conn().map_or_else(|| Ok(BTreeSet::new()), memory::read)?;
            let (conn, live, declared) = (self.conn(), &self.live, self.declared);
            let due = &self.due;
            let hazards =
                hazards::find(&Context { conn, live, declared, carry, settings: self.settings, acted, due })?;
            self.conn().map_or(Ok(()), stand_in::none_called)?;
            Ok(hazards)
        };
        found().map_err(|error| self.cannot_plan(&error))
    }

    /// Virtual tables that would have to be made, changed or dropped without their modules or tokenizers.
    fn foreign_tables(&self) -> Vec<Hazard> {
        let (live, declared) = (&self.live, &self.declared.schema);
        let come =
            declared.virtual_tables.iter().filter(|table| table.lacks.is_some()).filter_map(
                |table| match live.virtual_table(&table.name) {
                    None => Some((table, "made", MAKE)),
                    Some(old) if old.body != table.body => {
                        Some((table, "made anew with another definition", MAKE_ANEW))
                    }
                    Some(_) => None,
                },
            );
        let replaced = |table: &&VirtualTable| declared.virtual_table(&table.name).is_none();
        let gone = live.virtual_tables.iter().filter(|table| table.is_foreign).filter(replaced);
        let found = come.chain(gone.map(|table| (table, "dropped", DROP)));
        found.map(|(table, what, remedy)| foreign(table, what, remedy)).collect()
    }

    fn cannot_plan(&self, error: &rusqlite::Error) -> Error {
        cannot_plan(self.database, error, self.settings)
    }

    /// What `@from` fills, counted.
    fn start(&self) -> Result<Start> {
        let (live, declared, settings) = (&self.live, self.declared, self.settings);
        let fills = fill::fills(live, declared, settings)?;
        let Some(conn) = self.conn().filter(|_| !fills.is_empty()) else { return Ok(Start::default()) };
        let with = fill::filled(live, &fills, declared, settings)?;
        let with_carry = carry(&with, declared)?;
        let counted = fills.into_iter().map(|fill| {
            let rows = conn.query_row(&fill.count(), [], |row| row.get(0));
            Ok((fill, rows.map_err(|error| self.cannot_plan(&error))?))
        });
        Ok(Start { fills: counted.collect::<Result<_>>()?, filled: Some((with, with_carry)) })
    }

    /// What of the declared schema no statement can use.
    fn faults(&self, carry: &Carry) -> Result<Faults<'d>> {
        let live_name = |table: &str| carry.table_to(table).map_or(table.to_owned(), |c| c.from.clone());
        let Declared { faults, stand_ins, .. } = self.declared;
        let schemas = (&self.live, &self.declared.schema);
        unusable::told_apart(faults, stand_ins, schemas, self.settings, live_name)
            .map_err(|error| self.cannot_plan(&error))
    }

    /// An `@using` expression that SQLite cannot read, told with its line.
    fn check_expressions(&self, carry: &Carry) -> Result<()> {
        let Some(conn) = self.conn() else { return Ok(()) };
        // Else a name in double quotes that is no column's is a string, for every row (<https://www.sqlite.org/quirks.html#dblquote>).
        let quirk = DbConfig::SQLITE_DBCONFIG_DQS_DML;
        let strict = |on: bool| conn.set_db_config(quirk, !on).map_err(|error| self.cannot_plan(&error));
        strict(true)?;
        let checked = self.expressions_can_be_read(conn, carry);
        strict(false)?;
        checked
    }

    fn expressions_can_be_read(&self, conn: &Connection, carry: &Carry) -> Result<()> {
        let views = Views::of_rows(&self.live.rows);
        for table in &carry.tables {
            for column in &table.columns {
                let Source::Using { expression, line } = &column.source else { continue };
                let sql = format!("SELECT ({expression}) FROM {}", quote(&table.from));
                let why = match views.excess(&tokenize(&sql).unwrap_or_default()) {
                    Some(excess) => Some(excess.to_string()),
                    None => match or_refusal(conn.prepare(&sql)) {
                        Ok(Ok(_)) => None,
                        Ok(Err(words)) => Some(words),
                        Err(error) => return Err(self.cannot_plan(&error)),
                    },
                };
                if let Some(why) = why {
                    let place = self.declared.place_of_line(*line);
                    let object = of_column(&table.to, &column.to);
                    let message =
                        format!("{place}: @using of {object} cannot be evaluated: {why}\n  {expression}");
                    return Err(Error::new(ErrorKind::Schema, object, message)
                        .remedy("the expression sees the columns of the row as it is before the change"));
                }
            }
        }
        Ok(())
    }

    fn prepared(self, carry: Carry, start: Start, report: Report) -> Result<Prepared<'d>> {
        if let Some(reader) = &self.reader {
            reader.let_go().map_err(|error| self.cannot_plan(&error))?;
        }
        let reader = self.reader.filter(|_| report.plan.is_some());
        Ok(Prepared {
            database: self.database.to_owned(),
            declared: self.declared,
            settings: self.settings.clone(),
            live: self.live,
            carry,
            start,
            due: self.due,
            report,
            reader,
        })
    }
}

/// The error of a database that cannot be read while a plan is made.
fn cannot_plan(db: &Path, error: &rusqlite::Error, settings: &Settings) -> Error {
    if is_interrupted(error) {
        return interrupt::while_planning();
    }
    if fails_on_a_row(error) {
        return Error::new(ErrorKind::Hazard, settings.name_of(db), row_fails("schema.sql", error))
            .unchanged()
            .remedy(MEND_THE_ROW);
    }
    explain(db, error, settings)
}

/// The schema of a database, and the declared rows that it lacks.
fn found<'d>(
    conn: &Connection,
    ignore: &[String],
    known: &Schema,
    declared: &'d Declared,
    settings: &Settings,
) -> rusqlite::Result<(Schema, Due<'d>)> {
    let _snapshot = schema::snapshot(conn)?;
    let live = schema::read_beside(conn, ignore, known)?;
    stand_in::register_for(conn, &declared.schema)?;
    let due = due(Some(conn), &live, declared, settings)?;
    stand_in::none_called(conn)?;
    Ok((live, due))
}

fn due<'d>(
    conn: Option<&Connection>,
    live: &Schema,
    declared: &'d Declared,
    settings: &Settings,
) -> rusqlite::Result<Due<'d>> {
    if settings.schema_alone || declared.rows.is_empty() {
        return Ok(Due::default());
    }
    // A directive that cannot act is refused before there is a plan, and as long as it has not acted the schema differs.
    match carry(live, declared) {
        Ok(carry) => Due::find(conn, live, declared, &carry),
        Err(_) => Ok(Due::default()),
    }
}

/// An empty schema never means "drop everything".
fn nothing_declared(file: &str, declared: &Declared, live: &Schema) -> Error {
    let schema = declared.path.display();
    let holds = match (live.tables.len() + live.virtual_tables.len(), live.rows.len()) {
        (1, _) => "1 table".to_owned(),
        (0, views) => format!("{views} views"),
        (tables, _) => format!("{tables} tables"),
    };
    Error::new(
        ErrorKind::Hazard,
        schema.to_string(),
        format!("{schema} declares nothing, and {file} has {holds}"),
    )
    .unchanged()
    .remedy(format!("write the CREATE statements into {schema}; `inspect` shows those of a database"))
}

const CORRECT_ROWS: &str = "correct those rows first, or declare what they are";

/// All planners' proposals for one change.
struct Proposals<'p, 'd> {
    ground: &'p Ground<'p, 'd>,
    carry: &'p Carry,
    start: &'p Start,
    hazards: &'p [Hazard],
}

impl Proposals<'_, '_> {
    /// The plan; what became of every proposal goes into the report.
    fn choose(&self, report: &mut Report, watch: &mut dyn Watch) -> Result<Plan> {
        let rows_alone = self.ground.comparison.differences.is_empty();
        let mut proved: Vec<Plan> = Vec::new();
        let mut proposals = Vec::new();
        let mut errors = Vec::new();
        for planner in planner::all::asked(self.ground.settings, rows_alone) {
            let name = planner.name();
            if let Some(why) = planner.cannot_win(&proved) {
                let (verdict, reason) = (Verdict::NotAsked, why.to_owned());
                proposals.push(Proposal { planner: name, verdict, reason });
                continue;
            }
            match self.propose(planner, watch) {
                Ok(plan) => proved.push(plan),
                // Anything else is no matter of the plan, and stands in the way of every other.
                Err(error) if !is_about_the_plan(error.kind) => return Err(error),
                Err(error) => {
                    let verdict = if error.kind == ErrorKind::Planner {
                        Verdict::Unavailable
                    } else {
                        Verdict::Disproved
                    };
                    proposals.push(Proposal { planner: name, verdict, reason: error.message.clone() });
                    errors.push(error);
                }
            }
        }
        match plan::choose(proved) {
            Some((chosen, others)) => {
                report.proposals = others;
                report.proposals.extend(proposals);
                Ok(chosen)
            }
            None => {
                report.proposals = proposals;
                Err(self.no_plan(report, errors))
            }
        }
    }

    fn no_plan(&self, report: &mut Report, errors: Vec<Error>) -> Error {
        let file = &report.database;
        let reasons = report.proposals.iter().map(|p| format!("\n  {}: {}", p.planner, p.reason));
        let reasons = reasons.collect::<Vec<_>>().concat();
        // Where a plan only fails on the rows, the rows are what has to change.
        if let Some(broken) = errors.iter().find(|e| e.kind == ErrorKind::Hazard) {
            let name = HazardName::ViolatedConstraint;
            let (what, remedy) = match broken.remedy.as_str() {
                "" => (format!("{name}: rows break a constraint of schema.sql{reasons}"), CORRECT_ROWS),
                remedy => (broken.message.clone(), remedy),
            };
            let message = format!("the change of {file} was refused\n  {what}");
            report.hazards.push(Hazard::new(name, &broken.object, broken.message.clone(), remedy.to_owned()));
            return Error::new(ErrorKind::Hazard, &broken.object, message).unchanged().remedy(remedy);
        }
        let kind = if errors.iter().any(|e| e.kind == ErrorKind::Proof) {
            ErrorKind::Proof
        } else {
            ErrorKind::Planner
        };
        let remedy = errors.into_iter().map(|e| e.remedy).find(|r| !r.is_empty());
        let remedy = remedy.unwrap_or_else(|| match self.ground.settings.planner {
            PlannerChoice::Atlas => {
                "choose the planner \"auto\", which falls back to the built-in one".to_owned()
            }
            _ => "make the change in two smaller steps".to_owned(),
        });
        let message = format!("no plan brings {file} to the schema without loss{reasons}");
        Error::new(kind, file.to_string(), message).unchanged().remedy(remedy)
    }

    fn propose(&self, planner: &dyn Planner, watch: &mut dyn Watch) -> Result<Plan> {
        let ground = self.ground;
        let (counts, unanswered) = (RefCell::new(BTreeMap::new()), Unanswered::default());
        let counted = |table: &str| {
            let filled = self.start.fills.iter().find(|(fill, _)| fill.table.eq_ignore_ascii_case(table));
            filled.map_or_else(|| unanswered.answer(ground.count(table)).unwrap_or(0), |(_, rows)| *rows)
        };
        let rows = |table: &str| *counts.borrow_mut().entry(fold(table)).or_insert_with(|| counted(table));
        let filled = self.start.filled.as_ref();
        let (live, carry) = filled.map_or((&ground.live, self.carry), |(live, carry)| (live, carry));
        let task = Task {
            live,
            declared: ground.declared,
            carry,
            settings: ground.settings,
            rows: &rows,
            matching: &|table, condition| unanswered.answer(ground.matching(table, condition)).flatten(),
        };
        let name = planner.name();
        watch.event(&Event::Planning { planner: name });
        let planned = planner.plan(&task);
        let explained = |error| ground.cannot_plan(&error);
        unanswered.none().map_err(explained)?;
        let steps = planned?;
        watch.event(&Event::Proving { planner: name });
        self.prove(&steps)?;
        let prediction = self.predict(&steps, &rows).map_err(explained)?;
        unanswered.none().map_err(explained)?;
        Ok(self.plan(name, prediction, steps))
    }

    fn execution<'e>(&'e self, steps: &'e [Step]) -> Execution<'e> {
        let Ground { live, declared, settings, ignore, due, .. } = self.ground;
        let (carry, start) = (self.carry, self.start);
        Basis { live, carry, start, declared, settings, ignore, due }.execution(steps)
    }

    fn prove(&self, steps: &[Step]) -> Result<()> {
        let ground = self.ground;
        // On a sample checksums cost nothing.
        let execution = self.execution(steps);
        // What fills a new table reads whatever it likes.
        let part = execution.fills.is_empty().then(|| near::part(&execution));
        let (live, declared) = part.as_ref().map_or((execution.live, ground.declared), |(l, d)| (l, d));
        let origin = if part.is_some() { live } else { execution.origin };
        let watched =
            evidence::watched(steps, execution.carry, live, &declared.schema, ProofLevel::Rewritten);
        let watched =
            watched.into_iter().map(|watched| Watched { look: Look::Checksum, ..watched }).collect();
        let execution = Execution { watched, hazards: self.hazards, origin, live, declared, ..execution };
        match proof::prove(&execution, ground.conn()) {
            Err(Failure::Live(error)) => Err(ground.cannot_plan(&error)),
            Err(Failure::Statement { object, error, .. })
                if fails_on_a_row(&error) && runs_without_rows(&execution) =>
            {
                let message = row_fails(&object, &error);
                Err(Error::new(ErrorKind::Hazard, object, message).remedy(MEND_THE_ROW))
            }
            proved => proved.map_err(|failure| disproved(failure, ground.settings)),
        }
    }

    fn predict(&self, steps: &[Step], rows: &dyn Fn(&str) -> u64) -> rusqlite::Result<Prediction> {
        let (calibration, unanswered) = (Calibration::new(self.ground.conn()), Unanswered::default());
        let execution = self.execution(steps);
        let pace = |table: &str| unanswered.answer(calibration.pace(table)).unwrap_or(Pace::ASSUMED);
        let has_log = calibration.has_log()?;
        let prediction = Prospect { execution: &execution, has_log, rows, pace: &pace }.predict();
        unanswered.none().map(|()| prediction)
    }

    fn plan(&self, planner: plan::Planner, prediction: Prediction, steps: Vec<Step>) -> Plan {
        let mut steps: Vec<_> = self.start.steps().chain(steps).collect();
        // Before the rows: which of the declared ones a database lacks makes no other plan, as no other row does.
        let fingerprint = self.fingerprint(&steps);
        steps.extend(self.ground.due.steps(self.ground.declared));
        let mut hazards = self.hazards.to_vec();
        if self.ground.settings.allow_for.as_ref().is_some_and(|plan| *plan != fingerprint) {
            hazards.iter_mut().for_each(Hazard::forget_caller);
        }
        hazards.extend(self.rewrites(&steps));
        Plan { planner, fingerprint, cost: plan::cost(&steps), prediction, steps, hazards }
    }

    /// Told, never asked: how long it takes depends on the rows.
    fn rewrites(&self, steps: &[Step]) -> Vec<Hazard> {
        // What is new has no rows to be written anew.
        let is_there = |name: &str| {
            let from = self.carry.table_to(name).map_or(name, |table| table.from.as_str());
            self.ground.live.has_table(from)
        };
        let rewritten: BTreeSet<_> = steps
            .iter()
            .filter(|step| is_there(step.table()))
            .filter(|s| {
                s.cost.class == CostClass::Rewrite && matches!(s.kind(), StepKind::Alter | StepKind::Rebuild)
            })
            .map(|s| (s.table().to_owned(), s.cost.rows))
            .collect();
        let hazard = |(table, rows): (String, u64)| Hazard {
            rows: Some(rows),
            ..Hazard::new(
                HazardName::RewritesTable,
                &written(&table),
                format!("table {table} is written anew ({})", plan::plural(rows)),
                String::new(),
            )
        };
        rewritten.into_iter().map(hazard).collect()
    }

    fn fingerprint(&self, steps: &[Step]) -> String {
        let live = fingerprint::of_schema(&self.ground.live);
        fingerprint::of_plan(&live, self.ground.declared.fingerprint(), steps)
    }
}

impl Ground<'_, '_> {
    /// `None` where the condition cannot be asked of the rows as they are.
    fn matching(&self, table: &str, condition: &str) -> rusqlite::Result<Option<u64>> {
        let Some(conn) = self.conn() else { return Ok(Some(0)) };
        let sql = format!("SELECT count(*) FROM {} WHERE {condition}", quote(table));
        or_refusal(conn.query_row(&sql, [], |row| row.get(0))).map(Result::ok)
    }

    /// None of a table that SQLite refuses to read, such as an index over nothing.
    fn count(&self, table: &str) -> rusqlite::Result<u64> {
        let Some(conn) = self.conn().filter(|_| self.live.has_table(table)) else { return Ok(0) };
        let sql = format!("SELECT count(*) FROM {}", quote(table));
        or_refusal(conn.query_row(&sql, [], |row| row.get(0))).map(Result::unwrap_or_default)
    }
}

fn is_about_the_plan(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Planner | ErrorKind::Proof | ErrorKind::Hazard)
}

/// Whether no statement fails where there are no rows.
fn runs_without_rows(execution: &Execution<'_>) -> bool {
    !matches!(proof::prove(execution, None), Err(Failure::Statement { .. }))
}

/// Whether it is no matter of any statement.
fn hinders(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::OutOfMemory | ErrorCode::SystemIoFailure | ErrorCode::DiskFull))
}

/// A plan that takes more than belongs to a sample.
fn exceeded(failure: &Failure, settings: &Settings) -> Option<Error> {
    let (object, place, error) = match failure {
        Failure::Statement { object, sql, error } => (object.as_str(), format!(", in `{sql}`"), error),
        Failure::Reading(error) => ("", String::new(), error),
        _ => return None,
    };
    let excess = guard::excess(error, settings)?;
    Some(Error::new(ErrorKind::Proof, object, format!("would {excess}{place}")))
}

/// A constraint that sample rows break is the rows' matter, and so is a row that a check finds; anything else is the plan's.
fn disproved(failure: Failure, settings: &Settings) -> Error {
    if let Some(error) = exceeded(&failure, settings) {
        return error;
    }
    match failure {
        Failure::Statement { error, .. } | Failure::Reading(error) | Failure::Live(error)
            if is_interrupted(&error) =>
        {
            interrupt::while_planning()
        }
        Failure::Statement { error, .. } | Failure::Reading(error) | Failure::Live(error)
            if hinders(&error) =>
        {
            planner::failed(&error)
        }
        Failure::Statement { object, sql, error } => {
            let line: String =
                sql.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(120).collect();
            let kind = if breaks_constraint(&error) { ErrorKind::Hazard } else { ErrorKind::Proof };
            let message = format!("would fail: {} in `{line}`", sqlite_message(&error));
            Error::new(kind, object, shown_in_line(&message)).remedy(unregistered::remedy(&error))
        }
        Failure::Reading(error) | Failure::Live(error) => {
            let message = format!("could not be proved: {}", sqlite_message(&error));
            Error::new(ErrorKind::Proof, "", shown_in_line(&message)).remedy(unregistered::remedy(&error))
        }
        Failure::Found { object, sql } => {
            Error::new(ErrorKind::Hazard, object, format!("would find rows that it must not: `{sql}`"))
        }
        Failure::ForeignKey { object, clause } => {
            Error::new(ErrorKind::Hazard, object, shown_in_line(&clause))
        }
        Failure::Evidence { object, clause } => Error::new(ErrorKind::Proof, object, shown_in_line(&clause)),
    }
}
