//! A folder with a `schema.sql` and a database, the binary run in it, and the server it starts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use landfall_testkit::server::Server;
use rusqlite::Connection;
use tempfile::TempDir;

pub(crate) const CUSTOMERS: &str =
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL);\n";

pub(crate) struct Project {
    folder: TempDir,
}

impl Project {
    /// A project with a database of customers, and none in it.
    pub(crate) fn new() -> Self {
        Self::with(CUSTOMERS)
    }

    /// The same with another schema.
    pub(crate) fn with(schema: &str) -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(project.path(".data")).unwrap();
        project.sql(schema);
        project
    }

    /// The same with one customer in it.
    pub(crate) fn with_ada() -> Self {
        let project = Self::new();
        project.sql("INSERT INTO customers VALUES (7, 'Ada', 'Lovelace')");
        project
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path(".data/db")
    }

    pub(crate) fn sql(&self, sql: &str) {
        Connection::open(self.database()).unwrap().execute_batch(sql).unwrap();
    }

    /// Every customer as `id first last`.
    pub(crate) fn customers(&self) -> Vec<String> {
        customers(&self.database())
    }

    /// The binary in this folder, with nothing of the environment of the tests.
    pub(crate) fn app(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_app"));
        command.current_dir(self.folder.path());
        command.env_clear().env("PORT", "0").stdin(Stdio::null());
        command
    }

    pub(crate) fn serve(&self) -> Server {
        spawned(&mut self.app())
    }
}

pub(crate) fn customers(database: &Path) -> Vec<String> {
    let database = Connection::open(database).unwrap();
    let mut select =
        database.prepare("SELECT concat_ws(' ', id, first_name, last_name) FROM customers").unwrap();
    let rows = select.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// Starts it, and waits until it says where it serves.
pub(crate) fn spawned(command: &mut Command) -> Server {
    Server::spawn(command, &["serving on http://"])
}
