//! A program that serves: started, asked, and stopped.

use std::io::{BufRead, BufReader, Read, Write};
use std::mem;
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};

use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A server that is killed when the test ends, however it ends.
pub struct Server {
    child: Child,
    log: BufReader<ChildStderr>,
    address: String,
    /// The log, as far as it was read.
    seen: String,
}

/// What it answered.
pub struct Response {
    /// The status of HTTP.
    pub status: u16,
    /// All before the body, in small letters.
    pub head: String,
    /// The body.
    pub body: String,
}

/// How a command ended.
pub struct Ran {
    /// Its exit code.
    pub exit: i32,
    /// All that it printed.
    pub stdout: String,
    /// All that it said beside that.
    pub stderr: String,
}

/// Runs it to its end.
pub fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        exit: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs it to its end, which has to come before its log has this text: one that serves would not end, and is killed.
pub fn refused(command: &mut Command, never: &str) -> Ran {
    let mut server = Server::spawn_without_waiting(command);
    while server.log.read_line(&mut server.seen).unwrap() > 0 {
        assert!(!server.seen.contains(never), "{}", server.seen);
    }
    let (exit, stderr) = server.end();
    Ran { exit, stdout: String::new(), stderr }
}

impl Ran {
    /// Stdout, which must be exactly one JSON document.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// Stderr from the error on.
    pub fn error(&self) -> &str {
        &self.stderr[self.stderr.find("error: ").unwrap()..]
    }
}

impl Server {
    /// Starts it, and waits for lines of its log with these texts, in this order. The first says where it listens.
    pub fn spawn(command: &mut Command, lines: &[&str]) -> Self {
        let mut server = Self::spawn_without_waiting(command);
        for text in lines {
            server.wait_for_line(text);
        }
        server
    }

    /// Starts it.
    pub fn spawn_without_waiting(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log, address: String::new(), seen: String::new() }
    }

    /// Reads the log up to the line that has this text.
    pub fn wait_for_line(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            let length = self.log.read_line(&mut line).unwrap();
            assert_ne!(length, 0, "the log ended without \"{text}\":\n{}", self.seen);
            self.seen += &line;
            if let Some((_, address)) = line.trim_end().rsplit_once(" on http://") {
                address.clone_into(&mut self.address);
            }
            if line.contains(text) {
                return line.trim_end().to_owned();
            }
        }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end: the exit code and the whole log.
    pub fn end(mut self) -> (i32, String) {
        let mut log = mem::take(&mut self.seen);
        self.log.read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code().unwrap(), log)
    }

    /// Asks it to stop: the exit code and the whole log.
    pub fn stop(self) -> (i32, String) {
        self.signal(Signal::TERM);
        self.end()
    }

    /// A connection to it.
    pub fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).unwrap()
    }

    /// From another address of this machine.
    pub fn connect_from(&self, address: Ipv4Addr) -> TcpStream {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        bind(&socket, &SocketAddrV4::new(address, 0)).unwrap();
        connect(&socket, &self.address.parse::<SocketAddrV4>().unwrap()).unwrap();
        socket.into()
    }

    /// What it answers to GET.
    pub fn get(&self, path: &str) -> Response {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
    }

    /// Sends a form that is already encoded.
    pub fn post(&self, path: &str, form: &str) -> Response {
        self.request("POST", path, "Content-Type: application/x-www-form-urlencoded\r\n", form)
    }

    /// Sends anything; each header ends with a line break.
    pub fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> Response {
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
    pub fn json(&self) -> Value {
        assert!(self.head.contains("content-type: application/json"), "{}", self.head);
        serde_json::from_str(&self.body).unwrap()
    }

    /// Reads up to the end of the connection.
    pub fn read(connection: &mut TcpStream) -> Self {
        let mut text = String::new();
        connection.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_lowercase(), body: body.to_owned() }
    }
}
