//! What a statement may do that is not ours: a planner's, or one that stands in a schema. It works in `main` alone, and reaches
//! nothing outside of it; it ends when somebody asks to stop, and before it has taken all memory.
//!
//! SQLite's authorizer is asked as a statement is compiled (<https://www.sqlite.org/c3ref/set_authorizer.html>), so that nothing is
//! done by then.

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode};

use crate::interrupt::{STEPS, stop_when_raised};
use crate::settings::Settings;

/// Virtual machine steps that a proof may take, in all: several seconds. One on 600 rows of each of 100 tables takes a hundredth.
const ENDLESS: u64 = 500_000_000;

/// Bytes that a plan may add to a replica, beside some times what is there.
const ROOM: i64 = 64 << 20;

/// How many times its rows a replica may hold: a rewrite has each twice, and an index again.
const TIMES: i64 = 8;

/// Pragmas of a plan's steps, and those that modules of virtual tables and checks read by.
const PRAGMAS: [&str; 10] = [
    "data_version",
    "foreign_key_check",
    "foreign_key_list",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "legacy_alter_table",
    "quick_check",
    "table_info",
    "table_xinfo",
];

/// What a statement would do that none may, as the words behind "would": whoever wrote it, and wherever it runs.
pub(crate) fn refusal(context: &AuthContext<'_>) -> Option<String> {
    let database = match context.action {
        AuthAction::AlterTable { database_name, .. } => Some(database_name),
        _ => context.database_name,
    };
    match context.action {
        AuthAction::Attach { .. } => Some("open another database".to_owned()),
        AuthAction::Detach { .. } => Some("close a database".to_owned()),
        AuthAction::Function { function_name } if function_name.eq_ignore_ascii_case("load_extension") => {
            Some("load an extension".to_owned())
        }
        AuthAction::Pragma { pragma_name, pragma_value: Some(_) }
            if pragma_name.to_ascii_lowercase().ends_with("_directory") =>
        {
            Some(format!("set PRAGMA {pragma_name}"))
        }
        // RENAME looks there for what names the table.
        AuthAction::Read { table_name, .. } | AuthAction::Update { table_name, .. }
            if ["sqlite_temp_master", "sqlite_temp_schema"].contains(&table_name) =>
        {
            None
        }
        _ => database.filter(|name| *name != "main").map(|name| format!("work in the database {name}")),
    }
}

/// As [`refusal`], of a step of a plan: what belongs to the executor is not its own either.
pub(crate) fn refusal_of_step(context: &AuthContext<'_>) -> Option<String> {
    refusal(context).or_else(|| match context.action {
        AuthAction::Transaction { .. } => Some("begin or end a transaction".to_owned()),
        AuthAction::Pragma { pragma_name, pragma_value } => {
            let known = PRAGMAS.iter().any(|known| known.eq_ignore_ascii_case(pragma_name));
            let only_reads = pragma_name.eq_ignore_ascii_case("page_size") && pragma_value.is_none();
            (!known && !only_reads).then(|| format!("use PRAGMA {pragma_name}"))
        }
        _ => None,
    })
}

/// From here on a statement of this connection stays in `main`.
pub(crate) fn confine(conn: &mut Connection) -> rusqlite::Result<()> {
    conn.authorizer(Some(|context: AuthContext<'_>| match refusal(&context) {
        None => Authorization::Allow,
        Some(_) => Authorization::Deny,
    }))
}

/// As [`confine`]; and a statement ends as interrupted once somebody asks to stop.
pub(crate) fn watch_over(conn: &mut Connection, settings: &Settings) -> rusqlite::Result<()> {
    confine(conn)?;
    stop_when_raised(conn, &settings.interrupt)
}

/// From here on a replica, which has its rows by now, takes no more than belongs to them, and no statement is endless: both are
/// told in numbers of SQLite's own, so that a plan is judged alike on every machine.
pub(crate) fn bound(conn: &mut Connection, settings: &Settings) -> rusqlite::Result<()> {
    let number = |pragma: &str| conn.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let (pages, size) = (number("page_count")?, number("page_size")?);
    let bytes = pages * size * TIMES + ROOM;
    conn.pragma_update_and_check(None, "max_page_count", bytes / size, |_| Ok(()))?;
    let length = conn.limit(Limit::SQLITE_LIMIT_LENGTH)?;
    conn.set_limit(Limit::SQLITE_LIMIT_LENGTH, length.min(i32::try_from(bytes).unwrap_or(i32::MAX)))?;
    let (interrupt, mut left) = (settings.interrupt.clone(), ENDLESS / STEPS as u64);
    let ends = move || {
        left = left.saturating_sub(1);
        left == 0 || interrupt.is_raised()
    };
    conn.progress_handler(STEPS, Some(ends))
}

/// What a statement that failed on a replica would have taken too much of, as the words behind "would".
pub(crate) fn excess(error: &rusqlite::Error, settings: &Settings) -> Option<&'static str> {
    match error.sqlite_error_code()? {
        ErrorCode::OperationInterrupted if !settings.interrupt.is_raised() => {
            Some("not end: a sample of the rows took it more than 500 million steps")
        }
        ErrorCode::DiskFull => {
            Some("write without end: a sample of the rows became more than eight times as large, and 64 MiB")
        }
        ErrorCode::TooBig => Some("make a value that is larger than all rows that it could be made of"),
        _ => None,
    }
}
