//! A folder with a `schema.sql` and a database, the binary run in it, and the server it starts.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::mem;
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use rusqlite::Connection;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const CUSTOMERS: &str =
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL);\n";

pub(crate) struct Project {
    folder: TempDir,
}

/// How a command ended.
pub(crate) struct Ran {
    pub(crate) exit: i32,
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
        Server::spawn(&mut self.app())
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
    Ran { exit: output.status.code().unwrap(), stderr: String::from_utf8(output.stderr).unwrap() }
}

impl Server {
    /// Starts it, and waits until it says where it serves.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut server = Self::spawn_without_waiting(command);
        let line = server.wait_for_line("serving on http://");
        server.address = line.split("http://").nth(1).unwrap().to_owned();
        server
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

    /// From another address of this machine.
    pub(crate) fn connect_from(&self, address: Ipv4Addr) -> TcpStream {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        bind(&socket, &SocketAddrV4::new(address, 0)).unwrap();
        connect(&socket, &self.address.parse::<SocketAddrV4>().unwrap()).unwrap();
        socket.into()
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
    /// The body, which must be exactly one JSON document.
    pub(crate) fn json(&self) -> Value {
        assert!(self.head.contains("content-type: application/json"), "{}", self.head);
        serde_json::from_str(&self.body).unwrap()
    }

    /// Reads up to the end of the connection.
    pub(crate) fn read(connection: &mut TcpStream) -> Self {
        let mut text = String::new();
        connection.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_lowercase(), body: body.to_owned() }
    }
}
