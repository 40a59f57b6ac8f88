//! Clients that hold what they were given, and send what nobody asked for: they keep nobody else waiting.

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

use crate::project::{Project, spawned};
use landfall_testkit::server::{Response, Server};

const POST: &str = "POST /api/customers HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
/// Far more than any deadline of the service: a test that waits so long has found that there is none.
const NEVER: Duration = Duration::from_secs(60);

/// This process, too, needs a descriptor for each connection.
fn allow_many_connections() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
}

/// A server that may open no more files than most systems allow.
fn narrow(project: &Project, files: u32) -> Server {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -n {files}; exec {}", env!("CARGO_BIN_EXE_app"))]);
    shell.current_dir(project.path(".")).env_clear().env("PORT", "0").stdin(Stdio::null());
    spawned(&mut shell)
}

/// Sends the beginning of something.
fn begins(server: &Server, text: &str) -> TcpStream {
    let mut connection = server.connect();
    connection.set_read_timeout(Some(NEVER)).unwrap();
    connection.write_all(text.as_bytes()).unwrap();
    connection
}

/// Everything that is sent until the server ends the connection.
fn until_it_ends(mut connection: TcpStream) -> String {
    let mut answer = Vec::new();
    match connection.read_to_end(&mut answer) {
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
        {
            panic!("it was held for {} s", NEVER.as_secs())
        }
        _ => String::from_utf8(answer).unwrap(),
    }
}

fn half_requests(server: &Server) -> [TcpStream; 4] {
    let idle = begins(server, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut first = [0; 15];
    (&idle).read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    // Once its body is asked for, the request has begun.
    let mut half = begins(server, &format!("{POST}Expect: 100-continue\r\nContent-Length: 50\r\n\r\n"));
    const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut asked = [0; CONTINUE.len()];
    half.read_exact(&mut asked).unwrap();
    assert_eq!(asked, CONTINUE);
    half.write_all(b"{\"first_name\":").unwrap();
    [begins(server, ""), begins(server, "GET / HTTP/1.1\r\nHost: local"), half, idle]
}

/// In KiB.
fn memory(server: &Server, line: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|found| found.strip_prefix(line)).unwrap();
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
}

#[test]
fn whoever_does_not_go_on_is_let_go() {
    let project = Project::with_ada();
    let server = project.serve();
    let begun = Instant::now();
    let mut slow = begins(&server, "GET / HTTP/1.1\r\nHost: localhost\r\nX: ");
    let slowly = slow.try_clone().unwrap();
    // A byte a second is no request either.
    let drip = thread::spawn(move || {
        while begun.elapsed() < NEVER && slow.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_secs(1));
        }
    });
    let mut body = begins(&server, &format!("{POST}Content-Length: 50\r\n\r\n"));
    let dripping = body.try_clone().unwrap();
    let drip_body = thread::spawn(move || {
        while begun.elapsed() < NEVER && body.write_all(b" ").is_ok() {
            thread::sleep(Duration::from_secs(1));
        }
    });
    let [silent, head, half, idle] = half_requests(&server);
    let mut answers = Vec::new();
    for held in [silent, head, half, idle, slowly, dripping] {
        answers.push(until_it_ends(held));
    }
    eprintln!("half requests were held for {:.1} s at most", begun.elapsed().as_secs_f64());
    for late in [&answers[2], &answers[5]] {
        assert!(late.starts_with("HTTP/1.1 408 "), "{late}");
        assert!(late.contains("What was sent did not arrive in time. Nothing was saved."), "{late}");
    }
    drip.join().unwrap();
    drip_body.join().unwrap();
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
}

#[test]
fn silent_connections_beyond_every_descriptor_keep_nobody_out() {
    allow_many_connections();
    let project = Project::with_ada();
    let server = narrow(&project, 1024);
    let silent: Vec<_> = (0..1100).map(|_| server.connect()).collect();
    let mut longest = Duration::ZERO;
    for _ in 0..200 {
        for path in ["/healthz", "/api/customers/7", "/", "/version"] {
            let asked = Instant::now();
            assert_eq!(server.get(path).status, 200, "{path}");
            longest = longest.max(asked.elapsed());
        }
    }
    let (_, log) = server.stop();
    eprintln!("beside {} silent connections the slowest of 800 answers took {longest:?}", silent.len());
    assert!(!log.contains("cannot be accepted"), "{log}");
}

#[test]
fn half_bodies_beyond_every_place_keep_nobody_out() {
    allow_many_connections();
    let project = Project::with_ada();
    let server = narrow(&project, 256);
    let half = format!("{POST}Content-Length: 100\r\n\r\nfirst");
    let held: Vec<_> = (0..300).map(|_| begins(&server, &half)).collect();
    let mut longest = Duration::ZERO;
    for _ in 0..20 {
        for path in ["/healthz", "/api/customers/7", "/"] {
            let asked = Instant::now();
            assert_eq!(server.get(path).status, 200, "{path}");
            longest = longest.max(asked.elapsed());
        }
    }
    eprintln!("beside {} half bodies the slowest of 60 answers took {longest:?}", held.len());
    // They are given up after 10 s: nobody waited for that.
    assert!(longest < Duration::from_secs(8), "{longest:?}");
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
}

#[test]
fn heads_without_end_take_no_memory() {
    allow_many_connections();
    let project = Project::with_ada();
    let server = project.serve();
    let before = memory(&server, "VmRSS:");
    let line = format!("X-Filler: {}\r\n", "x".repeat(1000));
    let held: Vec<_> = (0..500)
        .map(|_| {
            let mut connection = begins(&server, "GET / HTTP/1.1\r\nHost: localhost\r\n");
            // It is refused long before the end.
            let _ = (0..390).try_for_each(|_| connection.write_all(line.as_bytes()));
            connection
        })
        .collect();
    let most = memory(&server, "VmHWM:");
    eprintln!("{} half heads of 390 KB: {} MiB, {} MiB before", held.len(), most >> 10, before >> 10);
    assert!(most < 64 << 10, "{most} KiB");
    assert_eq!(server.get("/").status, 200);
    let refused = begins(&server, &format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", line.repeat(20)));
    let refused = until_it_ends(refused);
    assert!(refused.starts_with("HTTP/1.1 431 "), "{refused}");
}

#[test]
fn a_body_that_its_head_calls_too_large_is_refused_without_being_asked_for() {
    let project = Project::with_ada();
    let server = project.serve();
    for expect in ["", "Expect: 100-continue\r\n"] {
        let head = format!("{POST}{expect}Content-Length: 1000000000\r\n\r\n");
        let answer = until_it_ends(begins(&server, &head));
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("What was sent is too large. Nothing was saved."), "{answer}");
    }
    // One whose head says nothing of its size is read only so far.
    let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
    let answer = until_it_ends(begins(
        &server,
        &format!("{POST}Transfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(17)),
    ));
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[test]
fn half_requests_hold_up_no_stop() {
    let project = Project::with_ada();
    let server = project.serve();
    let held = half_requests(&server);
    let asked = Instant::now();
    server.signal(Signal::TERM);
    let (exit, log) = server.end();
    let took = asked.elapsed();
    eprintln!("stopped within {took:?} beside {} half requests", held.len());
    assert_eq!((exit, log.contains("cut off")), (0, false), "{log}");
    // 1 s is what is promised; a head and a body have 10 s elsewhere.
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(!project.path(".data/db-wal").exists());
    let [_, _, half, _] = held;
    assert!(until_it_ends(half).starts_with("HTTP/1.1 503 "));
}

#[test]
fn any_number_may_ask_for_the_version_at_once() {
    let project = Project::with_ada();
    // Nothing is left for a hundred that would open the database for it.
    let server = narrow(&project, 160);
    let ask = "GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let asking: Vec<_> = (0..90).map(|_| begins(&server, ask)).collect();
    for mut asked in asking {
        let answer = Response::read(&mut asked);
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.json()["commit"], "unknown", "{}", answer.body);
    }
}

#[test]
fn under_the_lock_of_another_program_nobody_waits_for_those_before() {
    let project = Project::with_ada();
    let server = project.serve();
    let other = Connection::open(project.database()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let body = "{\"first_name\":\"Grace\",\"last_name\":\"Hopper\"}";
    let length = body.len();
    let post = format!("{POST}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    let asked = Instant::now();
    let waiting: Vec<_> = (0..12).map(|_| begins(&server, &post)).collect();
    // Neither those who read nor whoever asks whether all is well waits with them.
    for path in ["/healthz", "/api/customers/7", "/", "/version"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    for mut waited in waiting {
        let answer = Response::read(&mut waited);
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(answer.head.contains("\r\nretry-after: 5\r\n"), "{}", answer.head);
    }
    let took = asked.elapsed();
    eprintln!("12 posts under a foreign lock were answered within {took:?}");
    // One after the other they would wait for a minute.
    assert!(took < Duration::from_secs(30), "{took:?}");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
}

#[test]
fn health_is_not_behind_searches_without_end() {
    let project = Project::with_ada();
    project.sql(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000)
         INSERT INTO customers (first_name, last_name) SELECT 'Number', i FROM n",
    );
    let server = project.serve();
    let search = "GET /api/customers?q=nobody HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let searching: Vec<_> = (0..24).map(|_| begins(&server, search)).collect();
    let mut longest = Duration::ZERO;
    for _ in 0..20 {
        let asked = Instant::now();
        assert_eq!(server.get("/healthz").status, 200);
        longest = longest.max(asked.elapsed());
    }
    let asked = Instant::now();
    let statuses: Vec<_> = searching.into_iter().map(|mut found| Response::read(&mut found).status).collect();
    eprintln!(
        "beside 24 searches of 2,000,000 rows healthz took {longest:?} at most; all were answered within {:?}",
        asked.elapsed()
    );
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    // Five seconds each, from their arrival, and not one after the other.
    assert!(asked.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_database_that_was_moved_away_takes_no_row_and_is_not_well() {
    let project = Project::with_ada();
    let server = project.serve();
    let away = project.path("away");
    fs::rename(project.database(), &away).unwrap();
    for other in [false, true] {
        if other {
            fs::copy(&away, project.database()).unwrap();
        }
        assert_eq!(server.get("/healthz").status, 503);
        for (path, form) in [("/customers", "first_name=A&last_name=B"), ("/customers/7/delete", "")] {
            let refused = server.post(path, form);
            assert_eq!(refused.status, 503);
            assert!(refused.body.contains("Somebody has moved the database away"), "{}", refused.body);
        }
    }
    let health = server.get("/healthz").body;
    assert_eq!(
        health,
        "not ready: .data/db is no longer the file that was opened: put it back, or start the service again\n"
    );
    fs::rename(&away, project.database()).unwrap();
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.post("/customers", "first_name=A&last_name=B").status, 303);
    drop(server);
    assert_eq!(project.customers(), ["7 Ada Lovelace", "8 A B"]);
}

#[test]
fn a_body_byte_by_byte_takes_no_more_room_than_it_has() {
    let project = Project::with_ada();
    let server = project.serve();
    let before = memory(&server, "VmHWM:");
    let mut senders: Vec<_> =
        (0..20).map(|_| begins(&server, &format!("{POST}Content-Length: 3000\r\n\r\n"))).collect();
    for sender in &senders {
        sender.set_nodelay(true).unwrap();
    }
    for _ in 0..2000 {
        for sender in &mut senders {
            sender.write_all(b" ").unwrap();
        }
    }
    assert_eq!(server.get("/healthz").status, 200);
    let more = memory(&server, "VmHWM:") - before;
    eprintln!("40 kB in bytes took {more} KiB");
    assert!(more < 16 * 1024, "{more} KiB");
}

#[test]
fn requests_that_come_at_once_keep_nobody_out() {
    let project = Project::with_ada();
    let server = narrow(&project, 100);
    let many = "GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(60);
    let greedy: Vec<_> = (0..36).map(|_| begins(&server, &many)).collect();
    for _ in 0..4 {
        let begun = Instant::now();
        assert_eq!(server.get("/healthz").status, 200);
        eprintln!("beside requests that came at once health took {:.1} s", begun.elapsed().as_secs_f64());
    }
    drop(greedy);
}

/// The locks that a process has on files, as the system tells them.
fn locks(process: u32) -> Vec<String> {
    let text = fs::read_to_string("/proc/locks").unwrap();
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ours = lines.filter(|words| words.contains(&process.to_string().as_str()));
    let mut locks: Vec<_> = ours.map(|words| words[1..].join(" ")).collect();
    locks.sort();
    locks
}

#[test]
fn no_address_takes_the_locks_of_the_service_on_its_database_away() {
    let project = Project::with_ada();
    let server = project.serve();
    let held = locks(server.id());
    assert!(held.iter().any(|lock| lock.starts_with("POSIX ")), "{held:?}");
    for path in ["/version", "/healthz", "/", "/api/customers", "/api/customers/7", "/?q=ada", "/style.css"] {
        assert_eq!(server.get(path).status, 200, "{path}");
        assert_eq!(locks(server.id()), held, "{path}");
    }
}

#[test]
fn a_log_that_nobody_reads_keeps_nobody_from_stopping() {
    let project = Project::with_ada();
    let mut command = Command::new(env!("CARGO_BIN_EXE_app"));
    command.current_dir(project.path(".")).env_clear().env("PORT", "0");
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let address = loop {
        let mut line = String::new();
        assert!(log.read_line(&mut line).unwrap() > 0, "it ended");
        if let Some((_, address)) = line.trim_end().split_once("serving on http://") {
            break address.to_owned();
        }
    };
    for _ in 0..60 {
        let mut connection = TcpStream::connect(&address).unwrap();
        let path = "x".repeat(4000);
        write!(connection, "GET /{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        until_it_ends(connection);
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < NEVER, "it does not end");
        thread::sleep(Duration::from_millis(20));
    }
    drop(log);
}
