//! A container of an image, on a volume with a database in it.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;

pub(crate) const SCHEMA: &str = include_str!("../../../schema.sql");

/// The user of the image.
pub(crate) const USER: u64 = 65_532;

pub(crate) fn docker(args: &[&str]) -> Output {
    Command::new("docker").args(args).stdin(Stdio::null()).output().unwrap()
}

/// What it prints; it must succeed.
#[track_caller]
pub(crate) fn asked(args: &[&str]) -> String {
    let output = docker(args);
    assert!(output.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// A volume that goes away again.
pub(crate) struct Volume {
    name: String,
    /// A disk in memory lives as long as a container that runs on it.
    holder: Option<String>,
}

impl Volume {
    pub(crate) fn new() -> Self {
        let volume = Self { name: unique(), holder: None };
        asked(&["volume", "create", &volume.name]);
        volume
    }

    /// On a disk of so many kilobytes.
    pub(crate) fn small(image: &str, kilobytes: u64) -> Self {
        let volume = Self { name: unique(), holder: Some(unique()) };
        let options = format!("o=size={kilobytes}k,uid={USER},gid={USER}");
        asked(&[
            "volume",
            "create",
            "--opt",
            "type=tmpfs",
            "--opt",
            "device=tmpfs",
            "--opt",
            &options,
            &volume.name,
        ]);
        let (holder, mount) = (volume.holder.as_deref().unwrap(), format!("{}:/data", volume.name));
        asked(&["run", "--detach", "--name", holder, "--volume", &mount, image, "sleep", "600"]);
        volume
    }

    /// One that starts the service, as little trusted as can be: not started yet.
    pub(crate) fn container(&self, image: &str, env: &[(&str, &str)]) -> Container<'_> {
        self.make(image, &["--tmpfs", "/tmp"], env)
    }

    /// One that can write nowhere but on the volume.
    pub(crate) fn sealed(&self, image: &str, env: &[(&str, &str)]) -> Container<'_> {
        self.make(image, &[], env)
    }

    fn make(&self, image: &str, options: &[&str], env: &[(&str, &str)]) -> Container<'_> {
        let name = unique();
        let mount = format!("{}:/data", self.name);
        let env: Vec<_> = env.iter().map(|(name, value)| format!("--env={name}={value}")).collect();
        let mut args = vec!["create", "--name", &name, "--volume", &mount, "--publish", "127.0.0.1::8080"];
        args.extend(["--read-only", "--cap-drop", "ALL", "--memory", "256m"]);
        args.extend(options);
        args.extend(env.iter().map(String::as_str));
        args.push(image);
        asked(&args);
        Container { name, _volume: self }
    }

    /// A command in a container of its own, to its end.
    pub(crate) fn run(&self, image: &str, options: &[&str], command: &[&str]) -> Output {
        let mount = format!("{}:/data", self.name);
        docker(&[&["run", "--rm", "--volume", &mount], options, &[image], command].concat())
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        if let Some(holder) = &self.holder {
            docker(&["rm", "--force", holder]);
        }
        docker(&["volume", "rm", "--force", &self.name]);
    }
}

/// It goes away before its volume does.
pub(crate) struct Container<'v> {
    pub(crate) name: String,
    _volume: &'v Volume,
}

fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("landfall-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Container<'_> {
    pub(crate) fn start(&self) -> &Self {
        asked(&["start", &self.name]);
        self
    }

    /// Until it is well; how long that took.
    #[track_caller]
    pub(crate) fn serves(&self) -> Duration {
        let begun = Instant::now();
        while self.get("/healthz").is_none_or(|(status, _)| status != 200) {
            assert!(self.runs(), "it ended:\n{}", self.log());
            assert!(begun.elapsed() < Duration::from_secs(120), "it is never well:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
        begun.elapsed()
    }

    pub(crate) fn runs(&self) -> bool {
        asked(&["inspect", "--format", "{{.State.Running}}", &self.name]) == "true"
    }

    /// Waits for its end: the exit code.
    pub(crate) fn exit(&self) -> i32 {
        asked(&["wait", &self.name]).parse().unwrap()
    }

    pub(crate) fn signal(&self, signal: &str) {
        docker(&["kill", "--signal", signal, &self.name]);
    }

    /// SIGTERM, and time enough; the exit code.
    pub(crate) fn stop(&self) -> i32 {
        asked(&["stop", "--time", "30", &self.name]);
        self.exit()
    }

    pub(crate) fn log(&self) -> String {
        let output = docker(&["logs", &self.name]);
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    }

    /// The log from its first error on.
    #[track_caller]
    pub(crate) fn error(&self) -> String {
        let log = self.log();
        log[log.find("error: ").unwrap_or_else(|| panic!("no error in:\n{log}"))..].trim_end().to_owned()
    }

    pub(crate) fn wait_for(&self, text: &str) {
        while !self.log().contains(text) {
            assert!(self.runs(), "it ended without \"{text}\":\n{}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Status and body; `None` where nobody answers.
    pub(crate) fn get(&self, path: &str) -> Option<(u16, String)> {
        self.request("GET", path, "")
    }

    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        let output = docker(&["port", &self.name, "8080"]);
        let address = String::from_utf8(output.stdout).unwrap();
        let mut connection = TcpStream::connect(address.lines().next()?).ok()?;
        let length = body.len();
        write!(
            connection,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .ok()?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    /// Puts a database onto its volume, as this user's.
    pub(crate) fn put(&self, database: &Path, user: u64) {
        let mut header = tar::Header::new_gnu();
        header.set_size(database.metadata().unwrap().len());
        header.set_mode(0o600);
        header.set_uid(user);
        header.set_gid(user);
        let folder = tempfile::tempdir().unwrap();
        let mut archive = tar::Builder::new(File::create(folder.path().join("tar")).unwrap());
        archive.append_data(&mut header, "db", File::open(database).unwrap()).unwrap();
        archive.finish().unwrap();
        let target = format!("{}:/data", self.name);
        let stdin = File::open(folder.path().join("tar")).unwrap();
        assert!(Command::new("docker").args(["cp", "-", &target]).stdin(stdin).status().unwrap().success());
    }

    /// The database on its volume (with what a death left beside it), opened here.
    pub(crate) fn fetch(&self, folder: &Path) -> Connection {
        for file in ["db", "db-wal", "db-journal"] {
            let (from, to) = (format!("{}:/data/{file}", self.name), folder.join(file));
            let _ = fs::remove_file(&to);
            docker(&["cp", &from, to.to_str().unwrap()]);
        }
        Connection::open(folder.join("db")).unwrap()
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        docker(&["rm", "--force", &self.name]);
    }
}

pub(crate) fn fill(database: &Path, schema: &str, rows: u32) {
    let conn = Connection::open(database).unwrap();
    conn.execute_batch(schema).unwrap();
    conn.execute_batch(&format!(
        "INSERT INTO customers (first_name, last_name)
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) SELECT 'First ' || i, 'Last ' || i FROM n"
    ))
    .unwrap();
}

/// How many customers there are, and a sum over all that they hold.
pub(crate) fn measured(conn: &Connection) -> (u32, u64) {
    let sound: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    let mut select = conn.prepare("SELECT id, first_name, last_name FROM customers ORDER BY id").unwrap();
    let mut rows = select.query([]).unwrap();
    let (mut count, mut sum) = (0, 0_u64);
    while let Some(row) = rows.next().unwrap() {
        let (id, first, last): (u64, String, String) =
            (row.get(0).unwrap(), row.get(1).unwrap(), row.get(2).unwrap());
        let bytes = first.bytes().chain(last.bytes());
        sum = bytes.fold(sum.wrapping_mul(31).wrapping_add(id), |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(byte.into())
        });
        count += 1;
    }
    (count, sum)
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
