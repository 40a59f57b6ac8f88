//! The public address of the simulator's app, for tests without Docker: it answers as the images would that its machines run.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use crate::sim::Sim;

/// It lives as long as the tests' process: nothing is left to be asked for then.
pub(crate) struct Front {
    pub(crate) url: String,
    knobs: Arc<Mutex<Knobs>>,
}

#[derive(Default)]
struct Knobs {
    commits: BTreeMap<String, String>,
    sick: BTreeSet<String>,
    good_answers: Option<u32>,
    claimed: Option<String>,
}

impl Front {
    /// `commits`: of what an image is built, by its digest or its tag.
    pub(crate) fn start(sim: &Sim, commits: BTreeMap<String, String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let knobs = Arc::new(Mutex::new(Knobs { commits, ..Knobs::default() }));
        let (shared, state) = (Arc::clone(&knobs), format!("{}/_sim/state", sim.url));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // Whoever asked may have gone away.
                let _ = answer(stream, &shared, &state);
            }
        });
        Self { url, knobs }
    }

    /// While this image runs `/healthz` is bad.
    pub(crate) fn make_sick(&self, image: &str) {
        self.knobs.lock().unwrap().sick.insert(image.to_owned());
    }

    /// After so many good answers of `/healthz` all others are bad.
    #[allow(dead_code, reason = "a knob for the tests of deploy")]
    pub(crate) fn turn_bad_after(&self, answers: u32) {
        self.knobs.lock().unwrap().good_answers = Some(answers);
    }

    /// `/version` tells of this commit, whatever runs.
    pub(crate) fn claim(&self, commit: &str) {
        self.knobs.lock().unwrap().claimed = Some(commit.to_owned());
    }
}

fn answer(mut stream: TcpStream, knobs: &Mutex<Knobs>, state: &str) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    let running = running(state);
    let mut knobs = knobs.lock().unwrap();
    let (status, body) = match request.split(' ').nth(1).unwrap_or_default() {
        "/healthz" if knobs.is_well(running.as_ref()) => ("200 OK", String::new()),
        "/version" => match running.and_then(|machine| knobs.commit(&machine)) {
            Some(commit) => ("200 OK", crate::sim::version(&commit).to_string()),
            None => ("503 Service Unavailable", json!({}).to_string()),
        },
        _ => ("503 Service Unavailable", String::new()),
    };
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

/// The one machine of the group that has started.
fn running(state: &str) -> Option<Value> {
    let text = ureq::get(state).call().ok()?.body_mut().read_to_string().ok()?;
    let state: Value = serde_json::from_str(&text).ok()?;
    let machines =
        state["apps"].as_object()?.values().flat_map(|app| app["machines"].as_object().unwrap().values());
    let mut started =
        machines.filter(|m| m["state"] == "started" && m["config"]["metadata"]["fly_process_group"] == "app");
    let machine = started.next()?.clone();
    started.next().is_none().then_some(machine)
}

/// By its digest, and by its tag.
fn names(machine: &Value) -> [String; 2] {
    ["digest", "tag"].map(|name| machine["image_ref"][name].as_str().unwrap_or_default().to_owned())
}

impl Knobs {
    fn is_well(&mut self, machine: Option<&Value>) -> bool {
        let Some(machine) = machine else { return false };
        // What runs something else than the service answers nothing.
        if machine["config"]["restart"]["policy"] == "no"
            || names(machine).iter().any(|name| self.sick.contains(name))
        {
            return false;
        }
        match &mut self.good_answers {
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
            None => true,
        }
    }

    fn commit(&self, machine: &Value) -> Option<String> {
        let known = names(machine).iter().find_map(|name| self.commits.get(name).cloned());
        self.claimed.clone().or(known)
    }
}
