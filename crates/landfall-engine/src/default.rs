//! What a DEFAULT gives, by SQLite's own word: to a row that is inserted, and to one that is older than its ADD COLUMN.
//!
//! The two differ where SQLite reads the text of a literal as the column stores texts: `1e2` in a TEXT column is '100.0' in a row that is
//! inserted, and '1e2' in one that is older.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::raw::c_int;

use rusqlite::{Connection, ffi};

use crate::answer::{or_one_of, or_refusal};
use crate::schema::Column;
use crate::token::{Kind, default_beside_columns, tokenize};
use crate::value::Value;

/// What SQLite says of a value that is of another type than a STRICT table takes.
pub(crate) const UNFIT: [c_int; 2] = [ffi::SQLITE_CONSTRAINT, ffi::SQLITE_CONSTRAINT_DATATYPE];

/// Answers, each asked for once.
pub(crate) struct Defaults {
    /// Without a table but while it is asked.
    scratch: Connection,
    /// By type, DEFAULT, and whether the table is STRICT.
    known: RefCell<BTreeMap<(String, String, bool), Given>>,
}

#[derive(Debug, Clone)]
struct Given {
    /// `None` where no row can be inserted with it, or each gets another.
    inserted: Option<Value>,
    /// `None` where ADD COLUMN refuses it.
    older: Option<Value>,
}

impl Defaults {
    /// `scratch` has no table, and whatever a schema may call.
    pub(crate) fn new(scratch: Connection) -> Self {
        Self { scratch, known: RefCell::default() }
    }

    /// The value that a row gets in which the column is not named; `None` where each gets another, or none can be inserted.
    pub(crate) fn of_inserted(&self, column: &Column, strict: bool) -> rusqlite::Result<Option<Value>> {
        Ok(self.given(column, strict)?.inserted)
    }

    /// Whether a row that is older than the column reads what one gets that is inserted.
    pub(crate) fn agree(&self, column: &Column, strict: bool) -> rusqlite::Result<bool> {
        let Given { inserted, older } = self.given(column, strict)?;
        Ok(inserted.zip(older).is_some_and(|(inserted, older)| inserted.is_identical(&older)))
    }

    fn given(&self, column: &Column, strict: bool) -> rusqlite::Result<Given> {
        let Some(default) = &column.default else {
            return Ok(Given { inserted: Some(Value::Null), older: Some(Value::Null) });
        };
        let key = (column.type_.clone(), default.clone(), strict);
        if let Some(given) = self.known.borrow().get(&key) {
            return Ok(given.clone());
        }
        let definition = format!("value {} DEFAULT ({default})", column.type_);
        let older = self.older_row(&definition, strict, |trial| {
            trial.query_row("SELECT value FROM trial", [], |row| row.get(0))
        });
        let older = or_one_of(older, &UNFIT)?.ok();
        let given = Given { inserted: self.inserted(&definition, default, strict)?, older };
        self.known.borrow_mut().insert(key, given.clone());
        Ok(given)
    }

    /// What is found about a row that is older than a column of this definition, in a table `trial`.
    pub(crate) fn older_row<T>(
        &self,
        definition: &str,
        strict: bool,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.tried(|trial| {
            trial.execute_batch(&format!(
                "CREATE TABLE trial (landfall_key INTEGER PRIMARY KEY){}; INSERT INTO trial VALUES (1);
                 ALTER TABLE trial ADD COLUMN {definition}",
                if strict { " STRICT" } else { "" }
            ))?;
            ask(trial)
        })
    }

    fn inserted(&self, definition: &str, default: &str, strict: bool) -> rusqlite::Result<Option<Value>> {
        let inserted = self.tried(|trial| {
            trial.execute_batch(&format!(
                "CREATE TABLE trial (landfall_key INTEGER PRIMARY KEY, {definition}){}; INSERT INTO trial DEFAULT VALUES",
                if strict { " STRICT" } else { "" }
            ))?;
            if !is_literal(default) && !is_always_the_same(trial, default)? {
                return Ok(None);
            }
            trial.query_row("SELECT value FROM trial", [], |row| row.get(0)).map(Some)
        });
        Ok(or_one_of(inserted, &UNFIT)?.unwrap_or_default())
    }

    /// Whatever it does is undone.
    fn tried<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        self.scratch.execute_batch("SAVEPOINT trial")?;
        let found = ask(&self.scratch);
        self.scratch.execute_batch("ROLLBACK TO trial; RELEASE trial")?;
        found
    }
}

/// SQLite makes an index only over what is; what only the clock tells it finds with the first row.
fn is_always_the_same(trial: &Connection, default: &str) -> rusqlite::Result<bool> {
    let sql = format!("CREATE INDEX trial_index ON trial ((({})) IS NULL)", default_beside_columns(default));
    Ok(or_refusal(trial.execute_batch(&sql))?.is_ok())
}

/// A literal, with or without a sign; everything else SQLite may take for non-constant.
pub(crate) fn is_literal(default: &str) -> bool {
    let Ok(tokens) = tokenize(default) else { return false };
    let literal = match tokens.as_slice() {
        [only] => only,
        [sign, only] if sign.is_symbol("-") || sign.is_symbol("+") => only,
        _ => return false,
    };
    match literal.kind {
        Kind::Number | Kind::Text | Kind::Blob => true,
        Kind::Word => !literal.text.starts_with("current_"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::*;
    use crate::schema;

    const LITERALS: [&str; 38] = [
        "1",
        "-1",
        "+5",
        "0",
        "-0",
        "1.0",
        "-1.0",
        "0.0",
        "-0.0",
        "+0.0",
        "1.",
        ".5",
        "1e2",
        "1E2",
        "-1e2",
        "1e999",
        "-1e999",
        "1e-400",
        "0x10",
        "0X1f",
        "-0x10",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "123456789012345678901234567890",
        "0.1",
        "1.10",
        "'1e2'",
        "' 5 '",
        "'0x10'",
        "'abc'",
        "''",
        "x'31'",
        "X'00ff'",
        "true",
        "false",
        "null",
        "abc",
    ];
    const EXPRESSIONS: [&str; 9] = [
        "(1e2)",
        "(-1e2)",
        "(-(5))",
        "('1' || '0')",
        "(1 + 1)",
        "(true)",
        "(cast(1e2 AS TEXT))",
        "(lower('X'))",
        "(x'31')",
    ];
    const TYPES: [&str; 12] = [
        "",
        "TEXT",
        "VARCHAR(20)",
        "INTEGER",
        "INT",
        "REAL",
        "DOUBLE PRECISION",
        "NUMERIC",
        "DECIMAL(10, 2)",
        "BLOB",
        "ANY",
        "DATE",
    ];
    const STRICT: [&str; 6] = ["INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY"];

    fn memory() -> Connection {
        Connection::open_in_memory().unwrap()
    }

    /// Value and type that SQLite reads, as one.
    fn read(conn: &Connection, sql: &str) -> Option<String> {
        conn.execute_batch(sql).ok()?;
        conn.query_row("SELECT typeof(c) || ' ' || quote(c) FROM t", [], |row| row.get(0)).ok()
    }

    #[test]
    fn they_agree_where_a_table_that_is_altered_reads_what_one_reads_that_is_filled() {
        let defaults = Defaults::new(memory());
        let every = |types: &'static [&'static str], strict| types.iter().map(move |type_| (*type_, strict));
        let mut seen = [0, 0];
        for (type_, strict) in every(&TYPES, false).chain(every(&STRICT, true)) {
            for default in LITERALS.iter().chain(&EXPRESSIONS) {
                let options = if strict { " STRICT" } else { "" };
                let create =
                    format!("CREATE TABLE t (id INTEGER PRIMARY KEY, c {type_} DEFAULT {default}){options}");
                let added = format!(
                    "CREATE TABLE t (id INTEGER PRIMARY KEY){options}; INSERT INTO t VALUES (1); ALTER TABLE t ADD COLUMN c {type_} DEFAULT {default}"
                );
                let inserted = read(&memory(), &format!("{create}; INSERT INTO t (id) VALUES (1)"));
                let older = read(&memory(), &added);
                let declared = memory();
                declared.execute_batch(&create).unwrap();
                let schema = schema::read(&declared, &[]).unwrap();
                let column = schema.table("t").unwrap().column("c").unwrap();
                let agree = defaults.agree(column, strict).unwrap();
                assert_eq!(
                    agree,
                    inserted.is_some() && inserted == older,
                    "{create}: {inserted:?}, older rows {older:?}"
                );
                let value = defaults.of_inserted(column, strict).unwrap();
                assert_eq!(value.is_some(), inserted.is_some(), "{create}");
                seen[usize::from(agree)] += 1;
            }
        }
        assert!(seen[0] > 100 && seen[1] > 300, "{seen:?}");
    }

    #[test]
    fn what_each_row_gets_anew_has_no_value() {
        let defaults = Defaults::new(memory());
        for default in [
            "current_timestamp",
            "CURRENT_DATE",
            "(current_time)",
            "(random())",
            "(datetime('now'))",
            "(strftime('%s'))",
            "(hex(randomblob(4)))",
            "(changes())",
            "(nothing_of_the_sort(1))",
        ] {
            let declared = memory();
            declared.execute_batch(&format!("CREATE TABLE t (c TEXT DEFAULT {default})")).unwrap();
            let schema = schema::read(&declared, &[]).unwrap();
            let column = schema.table("t").unwrap().column("c").unwrap();
            assert_eq!(defaults.of_inserted(column, false).unwrap(), None, "{default}");
            assert!(!defaults.agree(column, false).unwrap(), "{default}");
        }
    }
}
