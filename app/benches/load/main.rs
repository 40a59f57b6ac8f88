//! The service beside a bare one, in turns: axum and rusqlite with the same SQL, the same connections to the database and the same
//! deadlines, and nothing else. `cargo bench -p app`; what differs between both is what the service costs.

#![allow(clippy::unwrap_used, missing_docs)]

mod bare;
#[path = "../../src/customer/search.rs"]
#[allow(dead_code, unreachable_pub, reason = "the service uses more of it")]
mod search;

use std::env;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long each of both is asked without a break, and how often each has its turn.
const TURN: Duration = Duration::from_millis(1500);
const TURNS: usize = 3;
const CONNECTIONS: [usize; 2] = [10, 1000];
/// A search reads them all: with more, a thousand searches at once take longer than the deadline that both have.
const ROWS: u32 = 1000;

/// What is asked: in turns, each connection from another place on.
const CASES: [(&str, &[Ask]); 5] = [
    ("list", &[Ask::List]),
    ("search", &[Ask::Search]),
    ("get-one", &[Ask::One]),
    ("post", &[Ask::Post]),
    ("mixed", &[Ask::One, Ask::List, Ask::One, Ask::Search, Ask::One, Ask::Post]),
];

#[derive(Debug, Clone, Copy)]
enum Ask {
    List,
    Search,
    One,
    Post,
}

impl Ask {
    fn text(self) -> String {
        const HOST: &str = "Host: localhost\r\n";
        match self {
            Self::List => format!("GET /api/customers HTTP/1.1\r\n{HOST}\r\n"),
            Self::Search => format!("GET /api/customers?q=lovelace+77 HTTP/1.1\r\n{HOST}\r\n"),
            Self::One => format!("GET /api/customers/77 HTTP/1.1\r\n{HOST}\r\n"),
            Self::Post => {
                let body = "{\"first_name\":\"Ada\",\"last_name\":\"King\"}";
                let length = body.len();
                format!(
                    "POST /api/customers HTTP/1.1\r\n{HOST}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
                )
            }
        }
    }
}

/// A service in a process of its own.
struct Served {
    child: Child,
    address: SocketAddr,
}

impl Served {
    fn app(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_app"));
        command.current_dir(folder).env_clear().env("PORT", "0").env("DB_PATH", "app.db");
        // Its log costs what it costs; a reader of it would cost the more.
        let log = folder.join("log");
        let child = command.stderr(File::create(&log).unwrap()).spawn().unwrap();
        let mut served = Self { child, address: SocketAddr::from(([0, 0, 0, 0], 0)) };
        loop {
            let written = fs::read_to_string(&log).unwrap();
            if let Some((_, address)) = written.trim_end().rsplit_once(" serving on http://") {
                served.address = address.parse().unwrap();
                return served;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn bare(folder: &Path) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--bare", "bare.db"]).current_dir(folder).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, address: line.trim().parse().unwrap() }
    }
}

impl Served {
    /// What it has used so far.
    fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // User and system time are the 14th and 15th field; the second is a name in brackets (proc(5)).
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let ticks = fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap());
        Duration::from_secs(1) * u32::try_from(ticks.sum::<u64>()).unwrap()
            / u32::try_from(rustix::param::clock_ticks_per_second()).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

fn fill(path: &Path) {
    let database = Connection::open(path).unwrap();
    database.execute_batch(include_str!("../../../schema.sql")).unwrap();
    let insert = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                  INSERT INTO customers (first_name, last_name) SELECT 'Ada ' || i, 'Lovelace' FROM n";
    database.execute(insert, [ROWS]).unwrap();
}

/// What a turn came to.
#[derive(Debug, Clone, Copy)]
struct Turn {
    /// Answers a second.
    rate: f64,
    /// CPU time of the service for an answer, in microseconds: it hardly depends on what else this machine does.
    cpu: f64,
}

async fn turn(served: &Served, asks: &'static [Ask], connections: usize) -> Turn {
    let address = served.address;
    let (over, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut streams = Vec::with_capacity(connections);
    for _ in 0..connections {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        streams.push(stream);
    }
    let (begun, before) = (Instant::now(), served.cpu());
    let visitors: Vec<_> = streams
        .into_iter()
        .enumerate()
        .map(|(number, stream)| {
            tokio::spawn(visit(stream, asks, number, Arc::clone(&over), Arc::clone(&answers)))
        })
        .collect();
    tokio::time::sleep(TURN).await;
    let answered = answers.load(Ordering::Relaxed) as f64;
    let rate = answered / begun.elapsed().as_secs_f64();
    let cpu = (served.cpu() - before).as_secs_f64() * 1e6 / answered;
    over.store(true, Ordering::Relaxed);
    for visitor in visitors {
        visitor.await.unwrap();
    }
    Turn { rate, cpu }
}

async fn visit(
    mut stream: TcpStream,
    asks: &[Ask],
    first: usize,
    over: Arc<AtomicBool>,
    answers: Arc<AtomicU64>,
) {
    let texts: Vec<_> = asks.iter().map(|ask| ask.text()).collect();
    let (mut received, mut turn) = (Vec::with_capacity(1 << 14), first);
    while !over.load(Ordering::Relaxed) {
        stream.write_all(texts[turn % texts.len()].as_bytes()).await.unwrap();
        turn += 1;
        received.clear();
        loop {
            assert!(stream.read_buf(&mut received).await.unwrap() > 0, "the connection was ended");
            if is_whole(&received) {
                break;
            }
        }
        let status = &received[9..12];
        assert!(status == b"200" || status == b"201", "{}", String::from_utf8_lossy(&received));
        answers.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whether head and body are here.
fn is_whole(received: &[u8]) -> bool {
    let Some(head) = received.windows(4).position(|end| end == b"\r\n\r\n") else { return false };
    let text = str::from_utf8(&received[..head]).unwrap();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    received.len() >= head + 4 + length.unwrap().parse::<usize>().unwrap()
}

fn main() {
    let arguments: Vec<_> = env::args().collect();
    if let [_, flag, database] = &arguments[..]
        && flag == "--bare"
    {
        return bare::serve(Path::new(database));
    }
    // What `cargo test --benches` runs, too: then nothing is measured.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let wanted = |name: &str| arguments.len() < 3 || arguments.iter().any(|argument| argument == name);
    for (name, asks) in CASES.into_iter().filter(|(name, _)| wanted(name)) {
        for connections in CONNECTIONS {
            compare(folder.path(), name, asks, connections);
        }
    }
}

/// A new database each: posts of an earlier case are not to slow a later one down.
fn compare(folder: &Path, name: &str, asks: &'static [Ask], connections: usize) {
    for database in ["app.db", "bare.db"] {
        for suffix in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(folder.join(format!("{database}{suffix}")));
        }
        fill(&folder.join(database));
    }
    let (app, bare) = (Served::app(folder), Served::bare(folder));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (mut turns, mut bare_turns) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        turns.push(runtime.block_on(turn(&app, asks, connections)));
        bare_turns.push(runtime.block_on(turn(&bare, asks, connections)));
    }
    let [(rate, cpu), (bare_rate, bare_cpu)] =
        [turns, bare_turns].map(|turns| (median(&turns, |turn| turn.rate), median(&turns, |turn| turn.cpu)));
    println!(
        "{name:8} {connections:4} connections: {rate:7.0}/s, bare {bare_rate:7.0}/s: {:.2}; CPU {cpu:5.0} us each, bare {bare_cpu:5.0} us: {:.2}",
        rate / bare_rate,
        cpu / bare_cpu
    );
}

fn median(turns: &[Turn], of: impl Fn(&Turn) -> f64) -> f64 {
    let mut all: Vec<_> = turns.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
