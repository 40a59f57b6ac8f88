//! The database while it is served: one connection that writes, a few that read, and one for whoever asks whether all is well.

mod lane;
mod names;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Error, Result, anyhow};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::task;

use crate::customer;
use lane::{Lane, Unanswered};
use names::Names;

const READERS: usize = 4;
/// For searches, each of which may read all rows: they wait for each other, and nobody for them. On two cores four of them found a sixth
/// more a second, and whoever read a row meanwhile waited twice as long.
const SEARCHERS: usize = 2;
/// From the arrival of a request to the end of its query: for a connection, for a lock and for the query together.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same for whoever asks whether all is well, and takes no answer for a bad one.
const HEALTH: Duration = Duration::from_secs(2);

/// An open database. Every query runs on a thread where it may block.
#[derive(Debug)]
pub(crate) struct Store {
    writer: Lane,
    readers: Lane,
    searchers: Lane,
    /// Never behind others' work.
    health: Lane,
    names: Arc<Names>,
    /// Its number when it was opened: SQLite counts every change of the schema.
    schema: i64,
}

/// Why a query has no answer.
#[derive(Debug)]
pub(crate) enum StoreError {
    /// The database lacks a table or column that this release needs.
    NotMigrated(String),
    /// Others wrote to the database for too long.
    Busy,
    /// It took too long, or others' queries before it did.
    Slow,
    /// This file is no longer the one that was opened.
    Moved(PathBuf),
    /// Anything else; for the log, not for a visitor.
    Failed(String),
}

impl Store {
    /// Opens an existing database, in WAL mode from then on.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let refused = |error: rusqlite::Error| {
            anyhow!(
                "cannot open {}: {error}\nname an SQLite database that this user may write, with DB_PATH",
                path.display()
            )
        };
        // The writer is first: it makes the -wal and -shm that readers only open.
        let writer = open_writer(path).map_err(refused)?;
        let open = |number: usize| (0..number).map(|_| open_reader(path)).collect::<Result<_, _>>();
        let (readers, searchers) = (open(READERS).map_err(refused)?, open(SEARCHERS).map_err(refused)?);
        let health = open_reader(path).map_err(refused)?;
        let schema = schema(&writer).map_err(refused)?;
        let names = Names::of(path).map_err(|error| unreadable(path, &error))?;
        Ok(Self {
            writer: Lane::new(vec![writer]),
            readers: Lane::new(readers),
            searchers: Lane::new(searchers),
            health: Lane::new(vec![health]),
            names: names.into(),
            schema,
        })
    }

    /// Runs a query that only reads.
    pub(crate) async fn read<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        run(&self.readers, PATIENCE, StoreError::Slow, move |database| Ok(query(database)?)).await
    }

    /// The same for one that may read all rows there are.
    pub(crate) async fn search<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        run(&self.searchers, PATIENCE, StoreError::Slow, move |database| Ok(query(database)?)).await
    }

    /// Whether this query can be answered, and what is written will be found again.
    pub(crate) async fn check<F>(&self, query: F) -> Result<(), StoreError>
    where
        F: FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
    {
        let names = Arc::clone(&self.names);
        let check = move |database: &Connection| {
            query(database)?;
            names.refuse_lost()
        };
        run(&self.health, HEALTH, StoreError::Slow, check).await
    }

    /// Runs a query that may write; one at a time. It is answered only if the database still has its name once it is written.
    pub(crate) async fn write<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let names = Arc::clone(&self.names);
        let write = move |database: &Connection| {
            names.refuse_lost()?;
            let written = query(database)?;
            names.refuse_lost()?;
            Ok(written)
        };
        run(&self.writer, PATIENCE, StoreError::Busy, write).await
    }

    /// Whether nobody changed the schema since it was opened.
    pub(crate) async fn has_its_schema(&self) -> Result<bool, StoreError> {
        Ok(self.read(schema).await? == self.schema)
    }

    /// Waits for the queries under way, moves the WAL into the database and closes it. Nothing can be asked afterwards.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        drop((self.health.close().await, self.readers.close().await, self.searchers.close().await));
        let mut writers = self.writer.close().await;
        task::spawn_blocking(move || writers.drain(..).try_for_each(checkpoint))
            .await
            .map_err(|error| StoreError::Failed(error.to_string()))?
    }
}

/// Virtual machine steps between two looks at the time: a few microseconds.
const STEPS: i32 = 1000;

/// `late` is the answer where no connection gets free in time.
async fn run<T, F>(lane: &Lane, patience: Duration, late: StoreError, query: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
{
    // From now on, and not from when it is its turn: the tenth who waits for a lock waits as long as the first.
    let deadline = Instant::now() + patience;
    let answer = lane.run(deadline, move |connection| {
        limit(connection, deadline)?;
        query(connection)
    });
    answer.await.unwrap_or_else(|unanswered| {
        Err(match unanswered {
            Unanswered::Late => late,
            Unanswered::Panicked => StoreError::Failed("it panicked".to_owned()),
        })
    })
}

/// Nothing lasts longer than until then: neither a wait for a lock nor a query.
fn limit(connection: &mut Connection, deadline: Instant) -> rusqlite::Result<()> {
    connection.busy_timeout(deadline.saturating_duration_since(Instant::now()))?;
    connection.progress_handler(STEPS, Some(move || Instant::now() >= deadline))
}

impl Names {
    fn refuse_lost(&self) -> Result<(), StoreError> {
        self.lost().map_or(Ok(()), |file| Err(StoreError::Moved(file.to_owned())))
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    let shown = path.display();
    anyhow!("{shown} and its log cannot be looked at: {error}\ncheck the rights of its folder")
}

fn schema(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "schema_version", |row| row.get(0))
}

fn open_writer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// SQLite opens the log and its index at the first read: now, and not when there may be no descriptor left for them.
fn touch(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
}

fn open(path: &Path, mode: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(PATIENCE)?;
    customer::register(&connection)?;
    touch(&connection)?;
    Ok(connection)
}

fn checkpoint(mut writer: Connection) -> Result<(), StoreError> {
    // The last query's deadline is not this one's.
    writer.progress_handler(0, None::<fn() -> bool>)?;
    let blocked: bool = writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    writer.close().map_err(|(_, error)| error)?;
    if blocked { Err(StoreError::Busy) } else { Ok(()) }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            // Nobody but its deadline ends a query.
            Some(ErrorCode::OperationInterrupted) => Self::Slow,
            _ if text.starts_with("no such table") || text.starts_with("no such column") => {
                Self::NotMigrated(text.split(" in ").next().unwrap_or(&text).to_owned())
            }
            _ => Self::Failed(text),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotMigrated(missing) => f.write_str(missing),
            Self::Busy => f.write_str("another process holds the database"),
            Self::Slow => f.write_str("the database does not answer in time"),
            Self::Moved(file) => {
                write!(
                    f,
                    "{} is no longer the file that was opened: put it back, or start the service again",
                    file.display()
                )
            }
            Self::Failed(message) => f.write_str(message),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use tempfile::TempDir;

    use super::*;

    fn store() -> (TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (x INTEGER)").unwrap();
        let store = Store::open(&path).unwrap();
        (folder, store)
    }

    async fn insert(store: &Store, x: i64) -> Result<usize, StoreError> {
        store.write(move |database| database.execute("INSERT INTO t VALUES (?1)", [x])).await
    }

    async fn count(store: &Store) -> i64 {
        let count =
            |database: &Connection| database.query_row("SELECT count(*) FROM t", [], |row| row.get(0));
        store.read(count).await.unwrap()
    }

    #[test]
    fn a_database_that_cannot_be_opened_is_explained() {
        let error = Store::open(Path::new("no/such/folder/db")).unwrap_err();
        insta::assert_snapshot!(error, @r#"
        cannot open no/such/folder/db: unable to open database file: no/such/folder/db
        name an SQLite database that this user may write, with DB_PATH
        "#);
    }

    #[tokio::test]
    async fn the_writer_keeps_its_promises() {
        let (_folder, store) = store();
        let pragmas = |database: &Connection| {
            let journal: String = database.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
            let synchronous: i64 = database.pragma_query_value(None, "synchronous", |row| row.get(0))?;
            let foreign_keys: bool = database.pragma_query_value(None, "foreign_keys", |row| row.get(0))?;
            Ok((journal, synchronous, foreign_keys))
        };
        const FULL: i64 = 2;
        assert_eq!(store.write(pragmas).await.unwrap(), ("wal".to_owned(), FULL, true));
    }

    #[tokio::test]
    async fn a_reader_sees_what_was_written_and_cannot_write() {
        let (_folder, store) = store();
        insert(&store, 1).await.unwrap();
        assert_eq!(count(&store).await, 1);
        let refused = store.read(|database| database.execute("DELETE FROM t", [])).await;
        assert!(matches!(refused, Err(StoreError::Failed(message)) if message.contains("readonly")));
    }

    #[tokio::test]
    async fn more_queries_than_connections_all_get_their_turn() {
        let (_folder, store) = store();
        let (a, b, c) = tokio::join!(insert(&store, 1), insert(&store, 2), insert(&store, 3));
        assert!(a.is_ok() && b.is_ok() && c.is_ok());
        let counts = tokio::join!(
            count(&store),
            count(&store),
            count(&store),
            count(&store),
            count(&store),
            count(&store)
        );
        assert_eq!(counts, (3, 3, 3, 3, 3, 3));
    }

    #[tokio::test]
    async fn a_query_that_panics_gives_its_connection_back() {
        let (_folder, store) = store();
        let lost = store.write(|_| -> rusqlite::Result<()> { panic!("on purpose") }).await;
        assert!(matches!(lost, Err(StoreError::Failed(_))));
        insert(&store, 1).await.unwrap();
    }

    #[tokio::test]
    async fn a_query_without_end_is_ended_and_its_connection_is_as_before() {
        let (_folder, store) = store();
        const ENDLESS: &str =
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n";
        let endless =
            |database: &Connection| Ok(database.query_row(ENDLESS, [], |row| row.get::<_, i64>(0))?);
        for _ in 0..2 * READERS {
            let slow = run(&store.readers, Duration::from_millis(20), StoreError::Slow, endless).await;
            assert!(matches!(slow, Err(StoreError::Slow)));
        }
        assert_eq!(count(&store).await, 0);
    }

    #[tokio::test]
    async fn whoever_waits_for_a_lock_waits_from_his_arrival_and_not_from_his_turn() {
        let (folder, store) = store();
        let other = Connection::open(folder.path().join("db")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let insert = || {
            let insert = |database: &Connection| Ok(database.execute("INSERT INTO t VALUES (1)", [])?);
            run(&store.writer, Duration::from_millis(200), StoreError::Busy, insert)
        };
        let asked = Instant::now();
        let (a, b, c) = tokio::join!(insert(), insert(), insert());
        assert!([a, b, c].into_iter().all(|waited| matches!(waited, Err(StoreError::Busy))));
        let (d, e, f) = tokio::join!(insert(), insert(), insert());
        assert!([d, e, f].into_iter().all(|waited| matches!(waited, Err(StoreError::Busy))));
        // One after the other they would take six times as long as one.
        assert!(asked.elapsed() < Duration::from_millis(1000), "{:?}", asked.elapsed());
        other.execute_batch("ROLLBACK").unwrap();
        assert_eq!(count(&store).await, 0);
    }

    #[tokio::test]
    async fn health_has_its_own_connection() {
        let (_folder, store) = store();
        let readers = store.readers.close().await;
        let writers = store.writer.close().await;
        store.check(|database| database.query_row("SELECT count(*) FROM t", [], |_| Ok(()))).await.unwrap();
        drop((readers, writers));
    }

    #[tokio::test]
    async fn who_searches_keeps_nobody_waiting_who_does_not() {
        let (_folder, store) = store();
        let searchers = store.searchers.close().await;
        assert_eq!(count(&store).await, 0);
        drop(searchers);
    }

    #[tokio::test]
    async fn what_has_lost_its_name_is_neither_written_to_nor_well() {
        let files = ["db", "db-wal", "db-shm"];
        for (name, other) in files.into_iter().flat_map(|name| [(name, true), (name, false)]) {
            let (folder, store) = store();
            insert(&store, 1).await.unwrap();
            let (path, away) = (folder.path().join(name), folder.path().join("away"));
            fs::rename(&path, &away).unwrap();
            if other {
                fs::write(&path, "").unwrap();
            }
            let well = store.check(|_| Ok(())).await;
            assert!(matches!(&well, Err(StoreError::Moved(file)) if file.ends_with(name)), "{name} {other}");
            assert!(matches!(insert(&store, 2).await, Err(StoreError::Moved(_))), "{name} {other}");
            fs::rename(&away, &path).unwrap();
            store.check(|_| Ok(())).await.unwrap();
            insert(&store, 3).await.unwrap();
            let rows = |database: &Connection| {
                database.query_row("SELECT group_concat(x) FROM t", [], |row| row.get::<_, String>(0))
            };
            assert_eq!(store.read(rows).await.unwrap(), "1,3", "{name} {other}");
        }
    }

    #[tokio::test]
    async fn what_loses_its_name_while_it_is_written_to_is_not_acknowledged() {
        let (folder, store) = store();
        let path = folder.path().join("db");
        let away = path.with_extension("away");
        let moved = store.write(move |database| {
            database.execute("INSERT INTO t VALUES (1)", [])?;
            fs::rename(&path, &away).unwrap();
            Ok(())
        });
        assert!(matches!(moved.await, Err(StoreError::Moved(_))));
    }

    #[tokio::test]
    async fn a_missing_table_or_column_is_told_from_other_errors() {
        let (_folder, store) = store();
        let error = async |sql: &'static str| {
            store.read(move |database| database.prepare(sql).map(drop)).await.unwrap_err()
        };
        assert!(
            matches!(error("SELECT 1 FROM u").await, StoreError::NotMigrated(m) if m == "no such table: u")
        );
        assert!(
            matches!(error("SELECT y FROM t").await, StoreError::NotMigrated(m) if m == "no such column: y")
        );
        assert!(matches!(error("SELEC").await, StoreError::Failed(_)));
    }

    #[tokio::test]
    async fn closing_keeps_the_rows_and_leaves_no_wal() {
        let (folder, store) = store();
        insert(&store, 1).await.unwrap();
        let wal = folder.path().join("db-wal");
        assert!(fs::metadata(&wal).unwrap().len() > 0);
        store.close().await.unwrap();
        assert!(!wal.exists());
        assert_eq!(count(&Store::open(&folder.path().join("db")).unwrap()).await, 1);
        assert!(insert(&store, 2).await.is_err());
    }
}
