//! Deaths and stops in the middle of load: what was acknowledged is there afterwards.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use rustix::process::Signal;

use crate::project::{Project, customers};
use landfall_testkit::server::Server;

/// Who posts at the same time.
const VISITORS: u32 = 4;
/// As many were acknowledged, in all, when the signal comes: another number each time.
const BEFORE: usize = 20;

/// Posts names of its own until it gets no answer, and tells each that was acknowledged.
fn post(mut connection: TcpStream, who: &str, acknowledged: &Sender<String>) {
    for number in 0.. {
        let name = format!("{who}-{number}");
        let body = format!("{{\"first_name\":\"{name}\",\"last_name\":\"x\"}}");
        let length = body.len();
        let request = format!(
            "POST /api/customers HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        let mut answer = [0; 4096];
        let mut read = 0;
        if connection.write_all(request.as_bytes()).is_err() {
            return;
        }
        // The whole head, which ends the line of the status in any case.
        while !answer[..read].ends_with(b"}") {
            match connection.read(&mut answer[read..]) {
                Ok(0) | Err(_) => return,
                Ok(more) => read += more,
            }
        }
        if !answer.starts_with(b"HTTP/1.1 201 ") || acknowledged.send(name).is_err() {
            return;
        }
    }
}

/// Serves, is asked for as much as it can do, and gets the signal; gives the names that were acknowledged.
fn round(project: &Project, number: usize, signal: Signal) -> BTreeSet<String> {
    let server: Server = project.serve();
    let (sender, acknowledged) = channel();
    let visitors: Vec<_> = (0..VISITORS)
        .map(|visitor| {
            let (connection, sender) = (server.connect(), sender.clone());
            thread::spawn(move || post(connection, &format!("{number}-{visitor}"), &sender))
        })
        .collect();
    drop(sender);
    let mut names: BTreeSet<_> = acknowledged.iter().take(BEFORE + number).collect();
    server.signal(signal);
    names.extend(acknowledged);
    for visitor in visitors {
        visitor.join().unwrap();
    }
    if signal == Signal::TERM {
        let (exit, log) = server.end();
        assert_eq!((exit, log.contains("cut off")), (0, false), "{log}");
    }
    names
}

fn nothing_is_lost(signal: Signal, rounds: usize) {
    let project = Project::new();
    let mut acknowledged = BTreeSet::new();
    for number in 0..rounds {
        acknowledged.extend(round(&project, number, signal));
    }
    assert!(acknowledged.len() >= rounds * BEFORE);
    let rows = customers(&project.database());
    let there: BTreeSet<_> = rows.iter().map(|row| row.split(' ').nth(1).unwrap().to_owned()).collect();
    let lost: Vec<_> = acknowledged.difference(&there).collect();
    assert!(lost.is_empty(), "{lost:?}");
    eprintln!("{rounds} times {signal:?} under load: {} acknowledged, none lost", acknowledged.len());
    let check: String = rusqlite::Connection::open(project.database())
        .unwrap()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
}

#[test]
fn kill_9_under_load_loses_nothing_that_was_acknowledged() {
    nothing_is_lost(Signal::KILL, 30);
}

#[test]
fn sigterm_under_load_loses_nothing_that_was_acknowledged() {
    nothing_is_lost(Signal::TERM, 8);
}
