//! Being asked to stop.

use std::fs;
use std::io::{Read, Write};

use rusqlite::Connection;
use rustix::process::Signal;

use crate::project::Project;
use landfall_testkit::server::Response;

#[test]
fn sigterm_finishes_the_request_under_way_and_leaves_no_wal() {
    let project = Project::new();
    let mut server = project.serve();
    let mut slow = server.connect();
    let form = "first_name=Ada&last_name=Lovelace";
    write!(
        slow,
        "POST /customers HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        form.len()
    )
    .unwrap();
    // The server asks for the body: the request is under way.
    const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut asked = [0; CONTINUE.len()];
    slow.read_exact(&mut asked).unwrap();
    assert_eq!(asked, CONTINUE);

    server.signal(Signal::TERM);
    server.wait_for_line("stopping");
    slow.write_all(form.as_bytes()).unwrap();
    assert_eq!(Response::read(&mut slow).status, 303);
    let (exit, log) = server.end();
    assert_eq!((exit, log.contains("cut off")), (0, false), "{log}");
    assert!(!project.path(".data/db-wal").exists());
    assert_eq!(project.customers(), ["1 Ada Lovelace"]);
}

#[test]
fn sigint_stops_although_a_connection_is_kept_open() {
    let project = Project::new();
    let server = project.serve();
    let mut idle = server.connect();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut first = [0; 15];
    idle.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    server.signal(Signal::INT);
    let (exit, log) = server.end();
    assert_eq!((exit, log.contains("cut off")), (0, false), "{log}");
}

#[test]
fn the_wal_is_emptied_although_another_program_has_the_database_open() {
    let project = Project::new();
    let server = project.serve();
    server.post("/customers", "first_name=Ada&last_name=Lovelace");
    let other = Connection::open(project.database()).unwrap();
    let rows: i64 = other.query_row("SELECT count(*) FROM customers", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 1);
    let wal = project.path(".data/db-wal");
    assert!(fs::metadata(&wal).unwrap().len() > 0);
    assert_eq!(server.stop().0, 0);
    assert_eq!(fs::metadata(&wal).unwrap().len(), 0);
}
