//! `cargo xtask dev`: migrates, builds, serves, stops.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use landfall_testkit::world::World;
use landfall_testkit::{assert_said, requires};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::XTASK;

const SCHEMA: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);";

/// Answers every connection with where its database is; a connection that says "crash" ends it.
const APP: &str = r#"//! Sells.

use std::env::var;
use std::io::{Read, Write};

fn main() {
    assert_eq!(std::env::args().nth(1), None);
    let address = format!("{}:{}", var("LISTEN").unwrap(), var("PORT").unwrap());
    for stream in std::net::TcpListener::bind(address).unwrap().incoming() {
        let (mut stream, mut said) = (stream.unwrap(), [0; 512]);
        let read = stream.read(&mut said).unwrap_or(0);
        if said[..read] == *b"crash" {
            std::process::exit(42);
        }
        let _ = write!(stream, "{} {}", var("DB_PATH").unwrap(), var("SCHEMA_PATH").unwrap());
    }
}
"#;

/// A running `cargo xtask dev`.
struct Serving {
    world: World,
    child: Child,
    port: u16,
    said: String,
}

impl Serving {
    /// `None` where the test has to be skipped.
    fn new(test: &str) -> Option<Self> {
        has_landfall(test)?;
        let world = World::new(XTASK, SCHEMA);
        world.write("shop/src/main.rs", APP);
        let port = free_port();
        let mut command = world.command(&["dev"]);
        let mut child = command
            .env("PORT", port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut lines = BufReader::new(child.stderr.as_mut().unwrap());
        while !said.contains("Serving") {
            assert_ne!(lines.read_line(&mut said).unwrap(), 0, "it never served: {said}");
        }
        Some(Self { world, child, port, said })
    }

    fn ask(&self, text: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        std::io::Write::write_all(&mut stream, text.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    /// The exit code and everything that was said, without the port and cargo's own lines.
    fn ends(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut rest).unwrap();
        let said =
            self.world.normal(&format!("{}{rest}", self.said)).replace(&self.port.to_string(), "[PORT]");
        let ours = said.lines().filter(|line| !line.contains("Compiling") && !line.contains("target(s)"));
        (self.child.wait().unwrap().code(), ours.map(|line| format!("{line}\n")).collect())
    }
}

/// It lies beside the binary that is tested, where that looks for it.
fn has_landfall(test: &str) -> Option<PathBuf> {
    requires::landfall(test, Path::new(XTASK))
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn serves_on_the_migrated_database_and_stops_on_a_signal() {
    for signal in [Signal::INT, Signal::TERM] {
        let Some(serving) = Serving::new("serves_on_the_migrated_database_and_stops_on_a_signal") else {
            return;
        };
        let paths = format!("{} {}", "[DIR]/var/shop.sqlite", "[DIR]/db/declared.sql");
        assert_eq!(serving.world.normal(&serving.ask("")), paths);
        assert_eq!(serving.world.run(&["migrate", "--check"]).exit, 0);
        let port = serving.port;
        kill_process(Pid::from_child(&serving.child), signal).unwrap();
        let (exit, said) = serving.ends();
        assert_eq!(exit, Some(0), "{said}");
        assert!(TcpListener::bind(("127.0.0.1", port)).is_ok(), "the app goes on");
        assert_said!("dev", said);
    }
}

#[test]
fn ctrl_c_goes_to_the_app_as_well_and_is_no_failure() {
    let Some(serving) = Serving::new("ctrl_c_goes_to_the_app_as_well_and_is_no_failure") else { return };
    kill_process_group(Pid::from_child(&serving.child), Signal::INT).unwrap();
    let (exit, said) = serving.ends();
    assert_eq!(exit, Some(0), "{said}");
    assert!(said.contains("Stopped serving"), "{said}");
}

#[test]
fn an_app_that_crashes_is_a_failure() {
    let Some(serving) = Serving::new("an_app_that_crashes_is_a_failure") else { return };
    serving.ask("crash");
    let (exit, said) = serving.ends();
    assert_eq!(exit, Some(1), "{said}");
    assert!(said.contains("error: the app ended by itself: exit status: 42"), "{said}");
}

/// All that `dev` says of an app with this `main`, up to these words; then it is stopped. Its exit code.
fn told_of(main: &str, words: &str) -> (Option<i32>, String) {
    let world = World::new(XTASK, SCHEMA);
    world.write("shop/src/main.rs", format!("//! Sells.\n\nfn main() {{\n{main}\n}}\n"));
    let port = free_port().to_string();
    let mut command = world.command(&["dev"]);
    let mut child = command.env("PORT", &port).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut said, mut lines) = (String::new(), BufReader::new(child.stderr.take().unwrap()));
    while !said.contains(words) && lines.read_line(&mut said).unwrap() > 0 {}
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    lines.read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code(), said.replace(&port, "[PORT]"))
}

#[test]
fn an_app_that_listens_elsewhere_is_told_where_it_has_to() {
    if has_landfall("an_app_that_listens_elsewhere_is_told_where_it_has_to").is_none() {
        return;
    }
    let main = "    let elsewhere = std::net::TcpListener::bind(\"127.0.0.1:0\").unwrap();\n    elsewhere.accept().unwrap();";
    let (exit, said) = told_of(main, "in PORT");
    assert_eq!(exit, Some(0), "{said}");
    let note = "note: the app runs, and nothing answers at http://127.0.0.1:[PORT] after 4 s\n\
        it has to listen on the address in LISTEN and the port in PORT: 127.0.0.1 and [PORT]\n";
    assert!(said.contains(note), "{said}");
    assert!(!said.contains("Serving"), "{said}");
}

#[test]
fn an_app_that_ends_before_it_serves_is_a_failure() {
    if has_landfall("an_app_that_ends_before_it_serves_is_a_failure").is_none() {
        return;
    }
    let (exit, said) = told_of("", "above says why");
    assert_eq!(exit, Some(1), "{said}");
    let error = "error: the app ended by itself, and never answered at http://127.0.0.1:[PORT]\nits output above says why\n";
    assert!(said.contains(error), "{said}");
}

#[test]
fn cargo_says_what_it_compiles_while_the_automation_itself_is_built() {
    let config = include_str!("../../../.cargo/config.toml");
    let alias = config.lines().find(|line| line.starts_with("xtask = ")).unwrap();
    assert!(!alias.contains("quiet") && !alias.contains("-q"), "{alias}");
}

#[test]
fn an_app_that_does_not_build_is_a_failure() {
    let world = World::new(XTASK, SCHEMA);
    world.write("shop/src/main.rs", "fn main() { nonsense }");
    let output = world.command(&["dev"]).env("PORT", free_port().to_string()).output().unwrap();
    let said = world.said(&["dev"], &output);
    assert_eq!(said.exit, 1, "{said}");
    assert!(said.stderr.contains("cannot find value `nonsense`"), "{said}");
    assert!(said.stderr.contains("error: `cargo build --package shop"), "{said}");
}

#[test]
fn a_port_that_is_taken_is_told_before_anything_happens() {
    let world = World::new(XTASK, SCHEMA);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let output = world.command(&["dev"]).env("PORT", &port).output().unwrap();
    let said = world.said(&["dev"], &output);
    assert_eq!(said.exit, 1, "{said}");
    assert_said!("port taken", said.to_string().replace(&port, "[PORT]"));
    assert!(!world.path("var").exists());
}

#[test]
fn wrong_environment() {
    let world = World::new(XTASK, SCHEMA);
    for (name, value) in [("PORT", "http"), ("LISTEN", "localhost")] {
        let said = world.said(&["dev"], &world.command(&["dev"]).env(name, value).output().unwrap());
        assert_eq!(said.exit, 2, "{said}");
        assert_said!(format!("wrong {name}"), said);
    }
}

#[test]
fn a_hazard_stops_it_and_names_the_command_that_accepts_it() {
    let world = World::new(XTASK, "CREATE TABLE customers (id INTEGER PRIMARY KEY);");
    world.sql(SCHEMA);
    world.sql("INSERT INTO customers VALUES (1, 'Ada')");
    let output = world.command(&["dev"]).env("PORT", free_port().to_string()).output().unwrap();
    let said = world.said(&["dev"], &output);
    assert_eq!(said.exit, 3, "{said}");
    assert!(said.stderr.contains("cargo xtask migrate --allow DROPS_COLUMN:customers.name"), "{said}");
    assert_eq!(world.rows("SELECT * FROM customers"), ["1|Ada"]);
}
