//! A folder with a `schema.sql` and a database, the binary run in it, and the server it starts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use insta::Settings;
use insta::internals::SettingsBindDropGuard;
use landfall_testkit::server::{self, Ran, Server, ran};
use rusqlite::Connection;
use tempfile::TempDir;

pub(crate) const CUSTOMERS: &str =
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL);\n";

pub(crate) const LANDFALL: &str = env!("CARGO_BIN_EXE_landfall");

pub(crate) const START: [&str; 4] = ["start", "--", LANDFALL, "idle"];

pub(crate) struct Project {
    folder: TempDir,
}

impl Project {
    /// A project that declares customers, without a database.
    pub(crate) fn new() -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap() };
        project.declare(CUSTOMERS);
        project
    }

    /// The same, migrated, with one customer in it.
    pub(crate) fn with_ada() -> Self {
        let project = Self::new();
        assert_eq!(project.run(&["migrate"]).exit, 0);
        project.sql("INSERT INTO customers VALUES (7, 'Ada', 'Lovelace')");
        project
    }

    pub(crate) fn declare(&self, schema: &str) {
        fs::write(self.path("schema.sql"), schema).unwrap();
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
    pub(crate) fn landfall(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(LANDFALL);
        command.args(arguments).current_dir(self.folder.path());
        command.env_clear().env("PORT", "0").stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.landfall(arguments))
    }

    /// `start`, with a service that does nothing until it is asked to stop.
    pub(crate) fn start(&self) -> Command {
        self.landfall(&START)
    }

    /// A service at work: it writes into the log, which stays as long as it is open.
    pub(crate) fn service(&self) -> Connection {
        let service = Connection::open(self.database()).unwrap();
        service.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).unwrap();
        service
    }

    pub(crate) fn started(&self) -> Server {
        spawned(&mut self.start())
    }
}

pub(crate) fn customers(database: &Path) -> Vec<String> {
    let database = Connection::open(database).unwrap();
    let mut select =
        database.prepare("SELECT concat_ws(' ', id, first_name, last_name) FROM customers").unwrap();
    let rows = select.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// Starts it, and waits until it has become the service.
pub(crate) fn spawned(command: &mut Command) -> Server {
    Server::spawn(command, &["listening on http://", "INFO idle"])
}

/// While it lives, snapshots hide what differs from run to run.
pub(crate) fn stable() -> SettingsBindDropGuard {
    let mut settings = Settings::clone_current();
    settings.add_filter(r"(v1-)?[0-9a-f]{64}", "[fingerprint]");
    settings.add_filter(r"predicted (below )?[\d.]+ \w+( \([^)]*\))?", "predicted [time]");
    settings.add_filter(r"\d+\.\d{3} s", "[time]");
    settings.add_filter(r"in \d+ ms", "in [time]");
    settings.add_filter(r"127\.0\.0\.1:\d+", "127.0.0.1:[port]");
    settings.add_filter(r"running /\S+/landfall\b", "running [landfall]");
    settings.bind_to_scope()
}

/// A command that has to end without ever becoming the service.
pub(crate) fn refused(command: &mut Command) -> Ran {
    server::refused(command, "running ")
}
