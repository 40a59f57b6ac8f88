//! The question, at a real terminal, and signals.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use landfall_testkit::world::World;
use rustix::fd::{AsFd, OwnedFd};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::XTASK;

const BEFORE: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);";
const AFTER: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT);";

/// `migrate` at a terminal, asking.
struct Asking {
    world: World,
    child: Child,
    terminal: File,
    shown: String,
}

impl Asking {
    fn new() -> Self {
        let world = World::new(XTASK, AFTER);
        world.sql(BEFORE);
        world.sql("INSERT INTO customers VALUES (1, 'Ada')");
        let (terminal, line) = terminal();
        let line = || Stdio::from(line.try_clone().unwrap());
        let child =
            world.command(&["migrate"]).stdin(line()).stderr(line()).stdout(Stdio::null()).spawn().unwrap();
        let mut asking = Self { world, child, terminal, shown: String::new() };
        asking.read_until("Apply this plan to var/shop.sqlite? [y/N] ");
        asking
    }

    fn read_until(&mut self, text: &str) {
        let mut buffer = [0; 4096];
        while !self.shown.contains(text) {
            let length = self.terminal.read(&mut buffer).unwrap_or(0);
            assert_ne!(length, 0, "it never said \"{text}\": {}", self.shown);
            self.shown.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    }

    fn answer(&mut self, line: &str) {
        self.terminal.write_all(line.as_bytes()).unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn ends(&mut self) -> Option<i32> {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.child.kill().unwrap();
        panic!("it did not end: {}", self.shown);
    }

    fn is_changed(&self) -> bool {
        self.world.rows("SELECT \"notnull\" FROM pragma_table_info('customers') WHERE name = 'name'") == ["0"]
    }
}

/// Both ends of a new pseudo-terminal: ours and the program's.
pub(crate) fn terminal() -> (File, OwnedFd) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
    let theirs = File::options().read(true).write(true).open(name).unwrap();
    resize(&theirs, 80);
    (ours.into(), theirs.into())
}

fn resize(terminal: impl AsFd, columns: u16) {
    tcsetwinsize(terminal, Winsize { ws_col: columns, ws_row: 24, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
}

/// What a command says at a terminal of 40 columns.
fn narrow(world: &World, args: &[&str]) -> String {
    let (mut terminal, line) = terminal();
    resize(&line, 40);
    let child = world.command(args).stdout(line.try_clone().unwrap()).stderr(line).spawn();
    // Whoever held our copies of its end is gone by now: what is read ends with the process, by an error.
    let mut shown = Vec::new();
    let _ = terminal.read_to_end(&mut shown);
    child.unwrap().wait().unwrap();
    String::from_utf8(shown).unwrap().replace("\r\n", "\n")
}

#[test]
fn lines_are_as_wide_as_the_terminal_and_end_between_words() {
    let world = World::new(XTASK, "CREATE TABLE customers (id INTEGER PRIMARY KEY);");
    world.sql(BEFORE);
    world.sql("INSERT INTO customers VALUES (1, 'Ada')");
    let command = "cargo xtask migrate --allow DROPS_COLUMN:customers.name";
    for args in [
        &["--help"][..],
        &["help", "deploy"],
        &["migrate", "--check", "--dry-run"],
        &["migrate", "--auto-approve"],
        &["deploy", "--allow", "DROPS:a"],
    ] {
        let shown = narrow(&world, args);
        // A plan is there to be pasted: it stays as it is.
        let told = shown.find("note: ").map_or(shown.as_str(), |at| &shown[at..]);
        let is_one_word = |line: &str| !line.trim().contains(' ');
        for line in told.lines().filter(|line| *line != command && !is_one_word(line)) {
            assert!(line.chars().count() <= 40, "{line}\n---\n{shown}");
        }
        let whole = world.run(args);
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let said = words(&format!("{}{}", whole.stdout, whole.stderr));
        assert!(words(told).iter().all(|word| said.contains(word)), "a word was cut: {shown}");
    }
    let refused = narrow(&world, &["migrate", "--auto-approve"]);
    assert!(refused.contains(&format!("\n{command}\n")), "{refused}");
}

#[test]
fn yes_applies() {
    let mut asking = Asking::new();
    asking.answer("y\n");
    assert_eq!(asking.ends(), Some(0));
    assert!(asking.is_changed());
}

#[test]
fn no_is_the_default() {
    let mut asking = Asking::new();
    asking.answer("\n");
    asking.read_until("error: the plan was declined; nothing was changed");
    assert_eq!(asking.ends(), Some(1));
    assert!(!asking.is_changed());
}

#[test]
fn a_signal_ends_the_question() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut asking = Asking::new();
        asking.signal(signal);
        asking.read_until("error: interrupted; nothing was changed");
        assert_eq!(asking.ends(), Some(1));
        assert!(!asking.is_changed());
    }
}

#[test]
fn a_database_that_changes_under_the_question_is_planned_and_asked_again() {
    let mut asking = Asking::new();
    asking.world.sql("CREATE INDEX by_name ON customers (name)");
    asking.shown.clear();
    asking.answer("y\n");
    asking.read_until("Apply this plan to var/shop.sqlite? [y/N] ");
    asking.answer("n\n");
    assert_eq!(asking.ends(), Some(1));
    assert!(!asking.is_changed());
}

#[test]
fn a_signal_while_rows_are_copied_rolls_back() {
    // Every row is written anew, or it would be over before the signal comes.
    let world = World::new(XTASK, &BEFORE.replace("NOT NULL", "NOT NULL UNIQUE"));
    world.sql(BEFORE);
    world.sql(
        "INSERT INTO customers (name) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000)
         SELECT 'a name that takes some room, number ' || i FROM n",
    );
    let args = ["migrate", "--auto-approve"];
    let before = world.bytes();
    let mut command = world.command(&args);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_child(&child);
    let journal = world.path("var/shop.sqlite-journal");
    while !journal.exists() {
        thread::sleep(Duration::from_millis(5));
    }
    kill_process(pid, Signal::TERM).unwrap();
    let said = world.said(&args, &child.wait_with_output().unwrap());
    assert_eq!(said.exit, 1, "{said}");
    assert!(said.stderr.contains("error: "), "{said}");
    assert_eq!(world.rows("SELECT count(*) FROM customers"), ["1000000"]);
    assert!(world.bytes() == before, "{said}");
}
