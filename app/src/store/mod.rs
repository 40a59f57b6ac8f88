//! The database while it is served: one connection that writes, a few that read.

mod lane;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use migrate::{Error, ErrorKind};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::task;

use crate::customer;
use lane::Lane;

const READERS: usize = 4;
const BUSY: Duration = Duration::from_secs(5);

/// An open database. Every query runs on a thread where it may block.
#[derive(Debug)]
pub(crate) struct Store {
    writer: Lane,
    readers: Lane,
}

/// Why a query has no answer.
#[derive(Debug)]
pub(crate) enum StoreError {
    /// The database lacks a table or column that this release needs.
    NotMigrated(String),
    /// Another process held the database too long.
    Busy,
    /// Anything else; for the log, not for a visitor.
    Failed(String),
}

impl Store {
    /// Opens an existing database, in WAL mode from then on.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let refused = |error: rusqlite::Error| {
            let shown = path.display();
            Error::new(ErrorKind::Database, shown.to_string(), format!("cannot open {shown}: {error}"))
                .remedy("name an SQLite database that this user may write, with DB_PATH")
        };
        // The writer is first: it makes the -wal and -shm that readers only open.
        let writer = open_writer(path).map_err(refused)?;
        let readers = (0..READERS).map(|_| open_reader(path)).collect::<Result<_, _>>().map_err(refused)?;
        Ok(Self { writer: Lane::new(vec![writer]), readers: Lane::new(readers) })
    }

    /// Runs a query that only reads.
    pub(crate) async fn read<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        run(&self.readers, query).await
    }

    /// Runs a query that may write; one at a time.
    pub(crate) async fn write<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        run(&self.writer, query).await
    }

    /// Waits for the queries under way, moves the WAL into the database and closes it. Nothing can be asked afterwards.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        drop(self.readers.close().await);
        let mut writers = self.writer.close().await;
        task::spawn_blocking(move || writers.drain(..).try_for_each(checkpoint))
            .await
            .map_err(|error| StoreError::Failed(error.to_string()))?
    }
}

async fn run<T, F>(lane: &Lane, query: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
{
    let lease = lane.lease().await.ok_or_else(|| StoreError::Failed("the store is closed".to_owned()))?;
    // The closure owns the lease: a visitor who goes away does not free a connection that still works.
    let answer = task::spawn_blocking(move || query(lease.connection())).await;
    answer.map_err(|panic| StoreError::Failed(panic.to_string()))?.map_err(StoreError::from)
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
    connection.busy_timeout(BUSY)?;
    customer::register(&connection)?;
    touch(&connection)?;
    Ok(connection)
}

fn checkpoint(writer: Connection) -> Result<(), StoreError> {
    let blocked: bool = writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    writer.close().map_err(|(_, error)| error)?;
    if blocked { Err(StoreError::Busy) } else { Ok(()) }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
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
