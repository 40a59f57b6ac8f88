//! A folder with a `schema.sql` and a database, the binary run in it, and the server it starts.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::mem;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use insta::Settings;
use insta::internals::SettingsBindDropGuard;
use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const CUSTOMERS: &str =
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL);\n";

pub(crate) const LANDFALL: &str = env!("CARGO_BIN_EXE_landfall");

pub(crate) const START: [&str; 4] = ["start", "--", LANDFALL, "idle"];

pub(crate) struct Project {
    folder: TempDir,
}

/// How a command ended.
pub(crate) struct Ran {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A server that is killed when the test ends, however it ends.
pub(crate) struct Server {
    child: Child,
    log: BufReader<ChildStderr>,
    address: String,
    /// The log, as far as it was read.
    seen: String,
}

pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
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
        Server::spawn(&mut self.start())
    }
}

pub(crate) fn customers(database: &Path) -> Vec<String> {
    let database = Connection::open(database).unwrap();
    let mut select =
        database.prepare("SELECT concat_ws(' ', id, first_name, last_name) FROM customers").unwrap();
    let rows = select.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

pub(crate) fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        exit: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
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

/// A command that should end without ever becoming the service, which would not end.
pub(crate) fn refused(command: &mut Command) -> Ran {
    let mut server = Server::spawn_without_waiting(command);
    while server.log.read_line(&mut server.seen).unwrap() > 0 {
        assert!(!server.seen.contains("running "), "{}", server.seen);
    }
    let (exit, stderr) = server.end();
    Ran { exit, stdout: String::new(), stderr }
}

impl Ran {
    /// Stdout, which must be exactly one JSON document.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// Stderr from the error on.
    pub(crate) fn error(&self) -> &str {
        &self.stderr[self.stderr.find("error: ").unwrap()..]
    }
}

impl Server {
    /// Starts it, and waits until it has become the service.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut server = Self::spawn_without_waiting(command);
        server.listens();
        server.wait_for_line("INFO idle");
        server
    }

    /// Waits until it can be asked, whatever it answers.
    pub(crate) fn listens(&mut self) {
        let line = self.wait_for_line("listening on http://");
        self.address = line.split("http://").nth(1).unwrap().to_owned();
    }

    pub(crate) fn spawn_without_waiting(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log, address: String::new(), seen: String::new() }
    }

    /// Reads the log up to the line that has this text.
    pub(crate) fn wait_for_line(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            let length = self.log.read_line(&mut line).unwrap();
            assert_ne!(length, 0, "the log ended without \"{text}\":\n{}", self.seen);
            self.seen += &line;
            if line.contains(text) {
                return line.trim_end().to_owned();
            }
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end: the exit code and the whole log.
    pub(crate) fn end(mut self) -> (i32, String) {
        let mut log = mem::take(&mut self.seen);
        self.log.read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code().unwrap(), log)
    }

    pub(crate) fn stop(self) -> (i32, String) {
        self.signal(Signal::TERM);
        self.end()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
    }

    /// Sends a form that is already encoded.
    pub(crate) fn post(&self, path: &str, form: &str) -> Response {
        self.request("POST", path, "Content-Type: application/x-www-form-urlencoded\r\n", form)
    }

    /// Sends anything; each header ends with a line break.
    pub(crate) fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> Response {
        let length = body.len();
        self.ask(&format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Length: {length}\r\n{headers}\r\n{body}"
        ))
    }

    fn ask(&self, request: &str) -> Response {
        let mut connection = self.connect();
        connection.write_all(request.as_bytes()).unwrap();
        Response::read(&mut connection)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Response {
    /// Reads up to the end of the connection.
    pub(crate) fn read(connection: &mut TcpStream) -> Self {
        let mut text = String::new();
        connection.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_lowercase(), body: body.to_owned() }
    }
}
