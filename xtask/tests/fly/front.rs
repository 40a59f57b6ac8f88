//! The service in front of the simulator's machine: what `/healthz` and `/version` answer, as the machine's state and image have it.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

use landfall_testkit::sim::{Sim, control};
use serde_json::{Value, json};

/// What an image says that was not there at the beginning; the others are always well.
#[derive(Clone, Default)]
pub(crate) struct Says {
    /// After so many good answers of `/healthz` it has no more of them.
    pub(crate) good: Option<u32>,
    /// Another commit than its label's.
    pub(crate) commit: Option<String>,
    /// Another live schema than its label's.
    pub(crate) live: Option<String>,
}

/// It answers for as long as the tests run.
pub(crate) struct Front {
    pub(crate) url: String,
    says: Arc<Mutex<Says>>,
    known: Arc<Mutex<BTreeSet<String>>>,
    always: Arc<Mutex<Option<String>>>,
    behind: Arc<Mutex<Duration>>,
}

impl Front {
    pub(crate) fn start(sim: &Sim, says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sim, says) = (sim.url.clone(), Arc::new(Mutex::new(says)));
        let known = machines(&control(&sim, "state")).iter().map(commit).collect();
        let (known, always) = (Arc::new(Mutex::new(known)), Arc::new(Mutex::new(None)));
        let behind = Arc::new(Mutex::new(Duration::ZERO));
        let answering = Answering {
            sim,
            known: Arc::clone(&known),
            says: Arc::clone(&says),
            always: Arc::clone(&always),
            behind: Arc::clone(&behind),
        };
        thread::spawn(move || listener.incoming().flatten().for_each(|stream| answering.answer(stream)));
        Self { url, says, known, always, behind }
    }

    /// The image of this commit is well from now on, as those are that were there at the beginning.
    pub(crate) fn knows(&self, commit: &str) {
        self.known.lock().unwrap().insert(commit.to_owned());
    }

    /// Its clock is so far behind that of this machine from now on.
    pub(crate) fn is_behind(&self, time: Duration) {
        *self.behind.lock().unwrap() = time;
    }

    /// Whatever runs, this is the commit of what answers from now on.
    pub(crate) fn says_always(&self, commit: &str) {
        *self.always.lock().unwrap() = Some(commit.to_owned());
    }

    /// From now on.
    pub(crate) fn says(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }
}

struct Answering {
    sim: String,
    known: Arc<Mutex<BTreeSet<String>>>,
    says: Arc<Mutex<Says>>,
    always: Arc<Mutex<Option<String>>>,
    behind: Arc<Mutex<Duration>>,
}

impl Answering {
    /// One request, one answer; whoever hangs up meanwhile gets none.
    fn answer(&self, mut stream: TcpStream) {
        let mut line = String::new();
        let mut head = BufReader::new(&stream);
        let _ = head.read_line(&mut line);
        let _ = head.lines().map_while(Result::ok).find(String::is_empty);
        let (status, body) = match line.split(' ').nth(1) {
            Some("/healthz") => self.healthz(),
            Some("/version") => self.version(),
            _ => ("404 Not Found", String::new()),
        };
        let length = body.len();
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\nDate: {}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}",
            httpdate::fmt_http_date(SystemTime::now() - *self.behind.lock().unwrap())
        );
    }

    fn healthz(&self) -> (&'static str, String) {
        const SICK: &str = "503 Service Unavailable";
        let Some(machine) = self.serving() else { return (SICK, "nobody".to_owned()) };
        let mut says = self.says.lock().unwrap();
        match &mut says.good {
            Some(good) if self.is_new(&machine) => match good.checked_sub(1) {
                Some(left) => *good = left,
                None => return (SICK, "sick".to_owned()),
            },
            _ => {}
        }
        ("200 OK", "ok".to_owned())
    }

    fn version(&self) -> (&'static str, String) {
        let Some(machine) = self.serving() else { return ("503 Service Unavailable", "nobody".to_owned()) };
        let says = if self.is_new(&machine) { self.says.lock().unwrap().clone() } else { Says::default() };
        let label = |name: &str| machine["image_ref"]["labels"][name].as_str().map(str::to_owned);
        let always = self.always.lock().unwrap().clone();
        let commit = always.or(says.commit).or_else(|| label("org.opencontainers.image.revision"));
        let declared = label("landfall.schema");
        let live = says.live.or_else(|| declared.clone());
        let version = json!({"commit": commit.unwrap_or_default(), "version": "0.1.0", "sqlite": "3.54.1",
            "schema": {"declared": declared, "live": live}});
        ("200 OK", version.to_string())
    }

    /// The machine that the public reaches.
    fn serving(&self) -> Option<Value> {
        let mut started = machines(&control(&self.sim, "state"));
        // One that runs once what a rollback wants runs no service.
        started.retain(|machine| {
            machine["state"] == "started" && machine["config"]["restart"]["policy"] != "no"
        });
        if started.len() > 1 {
            started.retain(|machine| machine["host_status"] != "unreachable");
        }
        if started.len() == 1 { started.pop() } else { None }
    }

    fn is_new(&self, machine: &Value) -> bool {
        !self.known.lock().unwrap().contains(&commit(machine))
    }
}

/// The machines of the service, as the simulator has them.
pub(crate) fn machines(state: &Value) -> Vec<Value> {
    let machines = state["apps"]["simapp"]["machines"].as_object();
    let ours = machines.into_iter().flat_map(|machines| machines.values()).filter(|machine| {
        let config =
            if machine["config"].is_null() { &machine["incomplete_config"] } else { &machine["config"] };
        config["metadata"]["fly_process_group"] == "app" && machine["state"] != "destroyed"
    });
    ours.cloned().collect()
}

/// What its image tells of its commit; its digest where it tells none.
fn commit(machine: &Value) -> String {
    let image = &machine["image_ref"];
    let label = image["labels"]["org.opencontainers.image.revision"].as_str();
    label.or(image["digest"].as_str()).unwrap_or_default().to_owned()
}
