//! Rows before and after: counts, and order-free checksums of the values that had to persist.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use crate::carry::{Carry, Rowid, Source, TableCarry};
use crate::checksum::{Checksum, Column, Seen};
use crate::declared::Declared;
use crate::default::Defaults;
use crate::operation::{Operation, StepKind};
use crate::plan::{CostClass, Step};
use crate::replica;
use crate::sample::Sample;
use crate::schema::{Schema, Table};
use crate::settings::{ProofLevel, Settings};
use crate::token::{fold, quote, tokenize};
use crate::value::Value;
use crate::virtual_table::Content;

/// Rows of a sample.
const SAMPLE: u64 = 1_000;

/// How closely the rows of a table are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Look {
    /// Up to 1,000 rows by key: no statement of the plan comes near a row.
    Sample,
    /// Their number: a table beside those that are written.
    Count,
    /// All values that had to persist.
    Checksum,
}

/// A table whose rows are compared.
#[derive(Debug)]
pub(crate) struct Watched<'c> {
    pub(crate) table: &'c TableCarry,
    pub(crate) look: Look,
}

/// Every carried table that the steps touch; and where rows are written, every table tied to those: by foreign keys in either
/// direction, by triggers, or as the content of a full-text index.
pub(crate) fn watched<'c>(
    steps: &[Step],
    carry: &'c Carry,
    live: &Schema,
    declared: &Schema,
    level: ProofLevel,
) -> Vec<Watched<'c>> {
    let touched: BTreeSet<String> = steps.iter().map(|s| fold(s.table())).collect();
    let is_virtual = |name: &str| live.virtual_table(name).or(declared.virtual_table(name)).is_some();
    let writes = |step: &&Step| writes_rows(step) || is_virtual(step.table());
    let written: BTreeSet<String> = steps.iter().filter(writes).map(|s| fold(s.table())).collect();
    let everything = level == ProofLevel::Content;
    let beside = tied(if everything { &touched } else { &written }, carry, live, declared);
    let look = |table: &TableCarry| {
        let is_in =
            |set: &BTreeSet<String>| set.contains(&fold(&table.from)) || set.contains(&fold(&table.to));
        match level {
            ProofLevel::Content if is_in(&beside) => Some(Look::Checksum),
            ProofLevel::Rewritten if is_in(&written) => Some(Look::Checksum),
            _ if is_in(&beside) => Some(Look::Count),
            _ if is_in(&touched) => Some(Look::Sample),
            _ => None,
        }
    };
    carry.tables.iter().filter_map(|table| Some(Watched { table, look: look(table)? })).collect()
}

/// The live tables that steps say they write rows of, by folded name. What a module does with a virtual table nobody knows.
pub(crate) fn written(steps: &[Step], carry: &Carry, live: &Schema) -> BTreeSet<String> {
    let live_name =
        |step: &Step| carry.table_to(step.table()).map_or(fold(step.table()), |table| fold(&table.from));
    let names = steps.iter().map(|step| (step, live_name(step)));
    let writes = |(step, name): &(&Step, String)| writes_rows(step) || live.virtual_table(name).is_some();
    names.filter(writes).flat_map(|(step, name)| [fold(step.table()), name]).collect()
}

/// Whether a step writes rows of its table, or could by mistake: ALTER TABLE, an edit and CREATE leave them where they are.
pub(crate) fn writes_rows(step: &Step) -> bool {
    match step.kind() {
        StepKind::Rebuild | StepKind::Insert | StepKind::Update | StepKind::Metadata => true,
        StepKind::Create | StepKind::Alter | StepKind::Edit | StepKind::Check => {
            step.cost.class == CostClass::Rewrite
        }
        // Atlas drops a table that it has copied; of ours only what hangs on a table is dropped while it stays.
        StepKind::Drop => matches!(step.operation, Operation::DropTable { .. }),
    }
}

/// The names reachable over the ties of either schema; both names of a renamed table are one.
pub(crate) fn tied(
    touched: &BTreeSet<String>,
    carry: &Carry,
    live: &Schema,
    declared: &Schema,
) -> BTreeSet<String> {
    let mut edges: Vec<(String, String)> =
        carry.tables.iter().map(|t| (fold(&t.from), fold(&t.to))).collect();
    for schema in [live, declared] {
        for table in &schema.tables {
            edges.extend(table.foreign_keys.iter().map(|key| (fold(&table.name), key.parent.clone())));
        }
        for table in &schema.virtual_tables {
            if let Content::In(content) = table.content() {
                edges.push((fold(&table.name), fold(&content)));
            }
        }
        for trigger in &schema.triggers {
            let tokens = tokenize(&trigger.sql).unwrap_or_default();
            let mentioned =
                tokens.iter().map(|token| fold(&token.name())).filter(|name| schema.table(name).is_some());
            edges.extend(mentioned.map(|name| (fold(&trigger.table), name)));
        }
    }
    let mut reached = touched.clone();
    loop {
        let before = reached.len();
        for (a, b) in &edges {
            if reached.contains(a) || reached.contains(b) {
                reached.insert(a.clone());
                reached.insert(b.clone());
            }
        }
        if reached.len() == before {
            return reached;
        }
    }
}

/// What rows that are there have to hold in columns that are new: what a row gets that is inserted. By table and column, folded.
pub(crate) type Given = BTreeMap<(String, String), Value>;

/// Of every column whose DEFAULT gives each row the same.
pub(crate) fn given(
    watched: &[Watched<'_>],
    declared: &Declared,
    settings: &Settings,
) -> rusqlite::Result<Given> {
    let mut given = Given::new();
    let mut defaults = None;
    for carry in watched.iter().filter(|watched| watched.look != Look::Count).map(|watched| watched.table) {
        let Some(table) = declared.schema.table(&carry.to) else { continue };
        let is_rowid =
            |name: &str| table.rowid_alias.as_deref().is_some_and(|a| a.eq_ignore_ascii_case(name));
        let new = carry.columns.iter().filter(|c| c.source == Source::Default && !is_rowid(&c.to));
        for column in new.filter_map(|column| table.column(&column.to)) {
            let value = match &column.default {
                None => Some(Value::Null),
                Some(_) => {
                    let defaults = match &mut defaults {
                        Some(defaults) => defaults,
                        none => none.insert(Defaults::new(replica::memory(settings)?)),
                    };
                    defaults.of_inserted(column, table.strict)?
                }
            };
            given.extend(value.map(|value| ((fold(&table.name), fold(&column.name)), value)));
        }
    }
    Ok(given)
}

/// A column in which some row does not hold what was to be given.
pub(crate) fn unlike_given(
    conn: &Connection,
    table: &TableCarry,
    given: &Given,
) -> rusqlite::Result<Option<String>> {
    for column in &table.columns {
        let Some(value) = given.get(&(fold(&table.to), fold(&column.to))) else { continue };
        let name = quote(&column.to);
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM {} WHERE typeof({name}) <> typeof(?1) OR {name} IS NOT ?1 COLLATE BINARY)",
            quote(&table.to)
        );
        if conn.query_row(&sql, [value], |row| row.get(0))? {
            return Ok(Some(column.to.clone()));
        }
    }
    Ok(None)
}

/// Rows, the sum of their hashes, and which they were where not all.
#[derive(Debug, Default)]
pub(crate) struct Measure {
    pub(crate) rows: u64,
    pub(crate) checksum: Option<u128>,
    pub(crate) sample: Option<Sample>,
}

/// On which side of the plan a table is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

/// Looks at a table before the steps, or after them at the same rows: `before` is what was seen then.
pub(crate) fn measure(
    conn: &Connection,
    watched: &Watched<'_>,
    before: Option<&Measure>,
    live: &Schema,
    declared: &Declared,
    given: &Given,
) -> rusqlite::Result<Measure> {
    let table = watched.table;
    let side = if before.is_none() { Side::Before } else { Side::After };
    let name = if side == Side::Before { &table.from } else { &table.to };
    if watched.look == Look::Count {
        let rows = conn.query_row(&format!("SELECT count(*) FROM {}", quote(name)), [], |r| r.get(0))?;
        return Ok(Measure { rows, ..Measure::default() });
    }
    let columns = columns(table, side, live, declared, given);
    let schema = if side == Side::Before { live } else { &declared.schema };
    let Some(shape) = schema.table(name).filter(|_| watched.look == Look::Sample) else {
        let Checksum { rows, sum, .. } = Checksum::of(conn, &quote(name), &columns)?;
        return Ok(Measure { rows, checksum: Some(sum), sample: None });
    };
    let taken = match before {
        None => Some(Sample::of(conn, shape, SAMPLE)?),
        Some(_) => None,
    };
    let sample = taken.as_ref().or(before.and_then(|before| before.sample.as_ref()));
    let Checksum { rows, sum, .. } =
        sample.map_or_else(|| Ok(Checksum::default()), |sample| of_sample(conn, shape, sample, &columns))?;
    Ok(Measure { rows, checksum: Some(sum), sample: taken })
}

fn of_sample(
    conn: &Connection,
    table: &Table,
    sample: &Sample,
    columns: &[Column],
) -> rusqlite::Result<Checksum> {
    let list: Vec<_> = columns.iter().map(|(expression, _)| expression.as_str()).collect();
    let select = format!("SELECT {} FROM {}", list.join(", "), quote(&table.name));
    let mut checksum = Checksum::default();
    sample.look(table, |clause, parameters| {
        let mut statement = conn.prepare_cached(&format!("{select} {clause}"))?;
        let mut rows = statement.query(rusqlite::params_from_iter(parameters))?;
        while let Some(row) = rows.next()? {
            checksum.add(row, columns)?;
        }
        Ok::<_, rusqlite::Error>(())
    })?;
    Ok(checksum)
}

/// What persists of a table's rows, read before the steps.
pub(crate) fn columns_before(table: &TableCarry, live: &Schema, declared: &Declared) -> Vec<Column> {
    columns(table, Side::Before, live, declared, &Given::new())
}

/// What [`columns_before`] reads, after the steps.
pub(crate) fn columns_after(table: &TableCarry, live: &Schema, declared: &Declared) -> Vec<Column> {
    columns(table, Side::After, live, declared, &Given::new())
}

/// What to select, and what each value must be seen as.
fn columns(table: &TableCarry, side: Side, live: &Schema, declared: &Declared, given: &Given) -> Vec<Column> {
    // A constant first: there may be nothing else that persists.
    let mut columns = vec![("0".to_owned(), Seen::AsItIs)];
    if let Rowid::Kept { read, written } = &table.rowid {
        columns.push((if side == Side::Before { read } else { written }.clone(), Seen::AsItIs));
    }
    let old = live.base_table(&table.from);
    let new = declared.schema.base_table(&table.to);
    for column in &table.columns {
        let Some(source) = column.source.sql() else {
            let given = given.get(&(fold(&table.to), fold(&column.to)));
            columns.extend(given.map(|value| match side {
                Side::Before => ("0".to_owned(), Seen::As(value.clone())),
                Side::After => (quote(&column.to), Seen::AsItIs),
            }));
            continue;
        };
        let target = new.and_then(|t| t.column(&column.to).map(|c| c.affinity(t.strict)));
        let was = match &column.source {
            Source::Column(name) => old.and_then(|t| t.column(name).map(|c| c.affinity(t.strict))),
            _ => None,
        };
        let converts = side == Side::Before && was != target;
        let expression = if side == Side::Before { source } else { quote(&column.to) };
        let seen = target.filter(|_| converts).map_or(Seen::AsItIs, Seen::Stored);
        columns.push((expression, seen));
    }
    columns
}

/// AUTOINCREMENT marks by folded table name.
pub(crate) fn marks(conn: &Connection) -> rusqlite::Result<BTreeMap<String, Option<i64>>> {
    if !has_table(conn, "sqlite_sequence")? {
        return Ok(BTreeMap::new());
    }
    let mut statement = conn.prepare("SELECT name, seq FROM main.sqlite_sequence WHERE name IS NOT NULL")?;
    let marks = statement.query_map([], |row| Ok((fold(&row.get::<_, String>(0)?), row.get(1)?)))?;
    marks.collect()
}

pub(crate) fn has_table(conn: &Connection, name: &str) -> rusqlite::Result<bool> {
    conn.query_row(
        "SELECT count(*) FROM main.sqlite_schema WHERE type = 'table' AND name = ?1",
        [name],
        |row| row.get(0),
    )
}
