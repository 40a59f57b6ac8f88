//! The Atlas binary as a planner: the only file of this crate that starts a process.
//!
//! Atlas never sees the database: it plans against an empty copy of the live schema in a folder of its own, dry
//! (<https://atlasgo.io/declarative/apply>).

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::time::Instant;

use rusqlite::Connection;
use serde::Deserialize;

use crate::carry::{ColumnCarry, Source};
use crate::declared::Declared;
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt;
use crate::operation::{Operation, read};
use crate::plan::{self, Cost, CostClass, Plan, Step};
use crate::planner::{Planner, Task};
use crate::replica;
use crate::schema::Schema;
use crate::settings::Settings;
use crate::token::tokenize;

/// As Atlas sees the two schemas.
pub(crate) struct Atlas;

impl Planner for Atlas {
    fn name(&self) -> plan::Planner {
        plan::Planner::Atlas
    }

    fn plan(&self, task: &Task<'_>) -> Result<Vec<Step>> {
        // Rows of the table that it reads may be in no sample, so that a plan without the value would look right.
        if task.carry.tables.iter().flat_map(|table| &table.columns).any(reads_a_table) {
            return Err(failed("does not know @using"));
        }
        let statements = pending(task.live, task.declared, task.settings)?;
        Ok(statements.iter().filter_map(|sql| step(task, sql)).collect())
    }

    fn is_there(&self, settings: &Settings) -> bool {
        settings.atlas.is_some()
    }

    fn cannot_win(&self, proved: &[Plan]) -> Option<&'static str> {
        let why = "it would write tables anew that the built-in planner need not write";
        proved.iter().any(outruns_atlas).then_some(why)
    }
}

/// Whether a plan writes no table anew, and changes one as Atlas can only by doing so.
fn outruns_atlas(plan: &Plan) -> bool {
    // An edit of the schema, and what ALTER TABLE does besides adding and renaming.
    let beyond = |step: &Step| {
        matches!(step.operation, Operation::EditCatalogue { .. } | Operation::AlterConstraint { .. })
    };
    plan.cost.class < CostClass::Rewrite && plan.steps.iter().any(beyond)
}

fn reads_a_table(column: &ColumnCarry) -> bool {
    let Source::Using { expression, .. } = &column.source else { return false };
    tokenize(expression).unwrap_or_default().iter().any(|token| token.is("SELECT"))
}

/// The statements that Atlas would run.
///
/// # Errors
/// [`ErrorKind::Planner`] when there is no Atlas, it cannot be started, takes too long, fails, or prints something else than a plan;
/// [`ErrorKind::Interrupted`].
pub(crate) fn pending(live: &Schema, declared: &Declared, settings: &Settings) -> Result<Vec<String>> {
    let Some(binary) = &settings.atlas else {
        return Err(failed("was not found")
            .remedy("put `atlas` on PATH or its path in ATLAS, or choose the planner \"builtin\""));
    };
    let folder = tempfile::tempdir().map_err(|e| failed(format!("has no folder to plan in: {e}")))?;
    copy_schema(live, settings, &folder.path().join("live.db"))
        .map_err(|e| failed(format!("cannot be given the live schema: {e}")))?;
    std::fs::write(folder.path().join("schema.sql"), &declared.sql)
        .map_err(|e| failed(format!("cannot be given schema.sql: {e}")))?;
    parse(&run(settings, binary, folder.path())?)
}

fn failed(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Planner, "atlas", what.to_string())
}

fn copy_schema(live: &Schema, settings: &Settings, path: &Path) -> rusqlite::Result<()> {
    let conn = replica::prepared(Connection::open(path)?, settings)?;
    replica::create_all(&conn, live)
}

fn run(settings: &Settings, binary: &Path, folder: &Path) -> Result<String> {
    let arguments = [
        "schema",
        "apply",
        "--dry-run",
        "--url",
        "sqlite://live.db?_fk=1",
        "--to",
        "file://schema.sql",
        "--dev-url",
        "sqlite://dev?mode=memory&_fk=1",
        "--format",
        "{{ json . }}",
    ];
    let limit = settings.atlas_limit;
    let handle = duct::cmd(binary, arguments)
        .dir(folder)
        .full_env(environment(env::vars_os()))
        .stdin_null()
        .stdout_capture()
        .stderr_capture()
        .unchecked()
        .start()
        .map_err(|e| failed(format!("cannot be started ({}): {e}", binary.display())))?;
    let deadline = Instant::now() + limit;
    loop {
        let left =
            deadline.saturating_duration_since(Instant::now()).min(std::time::Duration::from_millis(100));
        match handle.wait_timeout(left).map_err(|e| failed(format!("cannot be waited for: {e}")))? {
            Some(output) if output.status.success() => {
                return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
            }
            Some(output) => return Err(failed(first_line(&output.stderr, &output.stdout, output.status))),
            None if Instant::now() >= deadline || settings.interrupt.is_raised() => break,
            None => {}
        }
    }
    // It may have children that ignore the signal: killed and not waited for longer than the kill itself.
    handle.kill().map_err(|e| failed(format!("cannot be ended: {e}")))?;
    if settings.interrupt.is_raised() {
        return Err(interrupt::while_planning());
    }
    Err(failed(format!("had no plan within {} seconds", limit.as_secs())))
}

/// Atlas sees where programs and files are, and no secret of whoever starts it: it asks nobody, and is asked for a plan alone.
fn environment(all: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
    const SEEN: [&str; 7] = ["PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"];
    let seen = all.filter(|(name, _)| SEEN.iter().any(|known| name == known));
    // Without these it asks its maker for news.
    let quiet = ["ATLAS_NO_UPDATE_NOTIFIER", "ATLAS_NO_UPGRADE_SUGGESTIONS"];
    seen.chain(quiet.map(|name| (name.into(), "1".into()))).collect()
}

fn first_line(stderr: &[u8], stdout: &[u8], status: std::process::ExitStatus) -> String {
    let text = if stderr.is_empty() { stdout } else { stderr };
    let text = String::from_utf8_lossy(text);
    let line = text.lines().find(|l| !l.trim().is_empty()).unwrap_or_default().trim();
    let line = line.strip_prefix("Error: ").unwrap_or(line);
    if line.is_empty() { format!("failed ({status})") } else { format!("failed: {line}") }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    changes: Changes,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Changes {
    pending: Vec<String>,
    error: Option<Failure>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failure {
    text: String,
}

fn parse(output: &str) -> Result<Vec<String>> {
    let answer: Answer =
        serde_json::from_str(output.trim()).map_err(|_| failed("printed something that is not a plan"))?;
    match answer.changes.error {
        Some(error) => Err(failed(format!("failed: {}", error.text))),
        None => Ok(answer.changes.pending),
    }
}

/// A statement of a plan that is not ours. Pragmas and transactions belong to the executor.
fn step(task: &Task<'_>, sql: &str) -> Option<Step> {
    let sql = sql.trim().trim_end_matches(';').to_owned();
    let owner = |name: &str| {
        let index = task.live.index(name).map(|index| index.table.clone());
        index.or_else(|| task.live.trigger(name).map(|trigger| trigger.table.clone()))
    };
    let operation = read::statement(&sql, owner)?;
    let cost = |class, table: &str| Cost { class, rows: (task.rows)(table) };
    let cost = match &operation {
        Operation::Pragma => return None,
        Operation::CreateIndex { table, .. } => {
            cost(CostClass::Scan, task.carry.table_to(table).map_or(table, |carry| &carry.from))
        }
        Operation::CopyRows { table, .. }
        | Operation::UpdateRows { table }
        | Operation::FillIndex { table } => cost(CostClass::Rewrite, table),
        _ => Cost::default(),
    };
    Some(Step::new(operation, sql, cost))
}
