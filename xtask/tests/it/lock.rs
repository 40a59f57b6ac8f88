//! `cargo xtask lock`: who deploys, and a lock that somebody has left. Holders are made here by hand: what they write is a format
//! that other versions read.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use insta::assert_snapshot;
use landfall_testkit::git::git;
use landfall_testkit::world::{Said, World};
use serde_json::{Value, json};

use crate::XTASK;
use crate::terminal::terminal;

const REF: &str = "refs/landfall/lock/simapp";

/// A workspace in a repository that is published in a bare one.
struct Shop {
    world: World,
}

impl Shop {
    fn alone() -> Self {
        let world = World::new(XTASK, "CREATE TABLE customers (id INTEGER PRIMARY KEY);");
        world.write("fly.toml", include_str!("../../../fly.toml").replace("landfall-customers", "simapp"));
        git(&world.path(""), &["init", "--quiet"]);
        Self { world }
    }

    fn new() -> Self {
        let shop = Self::alone();
        git(&shop.root(), &["init", "--quiet", "--bare", "origin.git"]);
        git(&shop.root(), &["remote", "add", "origin", shop.origin().to_str().unwrap()]);
        shop
    }

    fn root(&self) -> PathBuf {
        self.world.path("")
    }

    fn origin(&self) -> PathBuf {
        self.world.path("origin.git")
    }

    /// Makes the ref at `origin` say this.
    fn says(&self, message: &str) {
        let origin = self.origin();
        let tree = git(&origin, &["hash-object", "-w", "-t", "tree", "/dev/null"]);
        let commit = git(&origin, &["commit-tree", &tree, "-m", message]);
        git(&origin, &["update-ref", REF, &commit]);
    }

    /// Makes Ada the holder until so many seconds from now.
    fn held(&self, seconds: i64) {
        self.says(&format!("Ada deploys.\n\n{}\n", holder(Some(&from_now(seconds)))));
    }

    fn is_held(&self) -> bool {
        !git(&self.origin(), &["for-each-ref", REF]).is_empty()
    }

    #[track_caller]
    fn run(&self, exit: i32, args: &[&str]) -> Said {
        let said = self.world.run(args);
        assert_eq!(said.exit, exit, "{said}");
        said
    }

    /// The report of a command, which has to go well.
    fn report(&self, args: &[&str]) -> Value {
        let said = self.run(0, &[args, &["--format", "json"]].concat());
        let mut document: Value = serde_json::from_str(&said.stdout).unwrap();
        assert_eq!((&document["command"], &document["error"]), (&json!(args[..2].join(" ")), &Value::Null));
        document["report"].take()
    }
}

fn from_now(seconds: i64) -> String {
    let (now, away) = (SystemTime::now(), Duration::from_secs(seconds.unsigned_abs()));
    let time = if seconds < 0 { now - away } else { now + away };
    humantime::format_rfc3339_seconds(time).to_string()
}

fn holder(expires: Option<&str>) -> Value {
    json!({
        "app": "simapp",
        "holder": "ada@example.com",
        "host": "laptop",
        "pid": 4711,
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "command": "deploy",
        "since": "2026-08-01T12:00:00.123456789Z",
        "expires": expires,
    })
}

/// What was said, without times of this run.
fn told(said: &Said) -> String {
    let lines = said.to_string();
    let words = lines.split_inclusive([' ', '\n']).map(|word| {
        let time = word.trim_end_matches([' ', '\n', ';', ':']);
        let is_now = time.starts_with("20") && time.ends_with('Z') && !time.starts_with("2026-08-01");
        if is_now { word.replace(time, "[TIME]") } else { word.to_owned() }
    });
    words.collect()
}

#[test]
fn a_free_lock() {
    let shop = Shop::new();
    assert_snapshot!(told(&shop.run(0, &["lock", "status"])), @"
    $ cargo xtask lock status
    --- exit code 0
    --- stdout
    simapp is free: nobody holds its lock at origin
    --- stderr
    ");
    assert_snapshot!(told(&shop.run(0, &["lock", "break"])), @"
    $ cargo xtask lock break
    --- exit code 0
    --- stdout
    simapp is free: nobody holds its lock at origin
    --- stderr
       Unchanged there is nothing to break
    ");
    let free = json!({"app": "simapp", "state": "free", "holder": null, "place": "origin"});
    assert_eq!(shop.report(&["lock", "status"]), free);
    assert_eq!(shop.report(&["lock", "break"])["broken"], json!(false));
    let alone = Shop::alone();
    assert_snapshot!(told(&alone.run(0, &["lock", "status"])), @"
    $ cargo xtask lock status
    --- exit code 0
    --- stdout
    simapp is free: nobody holds its lock on this machine
    --- stderr
    ");
    let free = json!({"app": "simapp", "state": "free", "holder": null, "place": "this machine"});
    assert_eq!(alone.report(&["lock", "status"]), free);
}

#[test]
fn a_lock_that_is_held() {
    let shop = Shop::new();
    shop.held(100);
    assert_snapshot!(told(&shop.run(0, &["lock", "status"])), @"
    $ cargo xtask lock status
    --- exit code 0
    --- stdout
    simapp is locked at origin by ada@example.com on laptop (process 4711)
      deploys 0123456789ab since 2026-08-01T12:00:00Z
      the lock expires at [TIME] unless it is renewed
    --- stderr
    ");
    let report = shop.report(&["lock", "status"]);
    assert_eq!(report["state"], "held");
    assert_eq!(report["holder"], holder(report["holder"]["expires"].as_str()));
    assert_snapshot!(told(&shop.run(2, &["lock", "break"])), @"
    $ cargo xtask lock break
    --- exit code 2
    --- stdout
    simapp is locked at origin by ada@example.com on laptop (process 4711)
      deploys 0123456789ab since 2026-08-01T12:00:00Z
      the lock expires at [TIME] unless it is renewed
    --- stderr
    error: there is no terminal to ask on whether this lock may be broken; nothing was changed
    add --auto-approve to break it without the question
    ");
    assert_snapshot!(told(&shop.run(0, &["lock", "break", "--dry-run"])), @"
    $ cargo xtask lock break --dry-run
    --- exit code 0
    --- stdout
    simapp is locked at origin by ada@example.com on laptop (process 4711)
      deploys 0123456789ab since 2026-08-01T12:00:00Z
      the lock expires at [TIME] unless it is renewed
    --- stderr
         Planned the lock would be broken; nothing was changed
    ");
    assert!(shop.is_held());
    assert_snapshot!(told(&shop.run(0, &["lock", "break", "--auto-approve"])), @"
    $ cargo xtask lock break --auto-approve
    --- exit code 0
    --- stdout
    simapp is locked at origin by ada@example.com on laptop (process 4711)
      deploys 0123456789ab since 2026-08-01T12:00:00Z
      the lock expires at [TIME] unless it is renewed
    --- stderr
          Broken the lock of simapp: the next deploy can take it
    ");
    assert!(!shop.is_held());
    shop.held(100);
    assert_eq!(shop.report(&["lock", "break", "--auto-approve"])["broken"], json!(true));
}

#[test]
fn a_lock_that_expired() {
    let shop = Shop::new();
    shop.held(-20);
    assert_eq!(shop.report(&["lock", "status"])["state"], "held", "its holder's clock may be another");
    shop.held(-40);
    assert_snapshot!(told(&shop.run(0, &["lock", "status"])), @"
    $ cargo xtask lock status
    --- exit code 0
    --- stdout
    simapp looks free: the lock of ada@example.com on laptop (process 4711) at origin should have been renewed by [TIME]
      it was taken at 2026-08-01T12:00:00Z; the next deploy watches it for 150 s, and takes it over where it is not renewed
    --- stderr
    ");
    assert_eq!(shop.report(&["lock", "status"])["state"], "expired");
    shop.run(0, &["lock", "break", "--auto-approve"]);
    assert!(!shop.is_held());
}

#[test]
fn a_lock_that_is_not_understood() {
    let shop = Shop::new();
    shop.says("a later version wrote this {}");
    assert_snapshot!(told(&shop.run(0, &["lock", "status"])), @"
    $ cargo xtask lock status
    --- exit code 0
    --- stdout
    simapp is locked at origin: what is written there is not understood
    --- stderr
    ");
    let held = json!({"app": "simapp", "state": "held", "holder": null, "place": "origin"});
    assert_eq!(shop.report(&["lock", "status"]), held);
    shop.run(0, &["lock", "break", "--auto-approve"]);
    assert!(!shop.is_held());
}

#[test]
fn a_lock_of_a_process_on_this_machine() {
    for shop in [Shop::alone(), Shop::new()] {
        let path = shop.world.path(".git/landfall/lock-simapp");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, holder(None).to_string()).unwrap();
        assert_eq!(shop.report(&["lock", "status"])["state"], "free", "whoever wrote it is gone");
        let file = File::open(&path).unwrap();
        file.lock().unwrap();
        insta::allow_duplicates! {
            assert_snapshot!(told(&shop.run(0, &["lock", "status"])), @"
            $ cargo xtask lock status
            --- exit code 0
            --- stdout
            simapp is locked on this machine by ada@example.com on laptop (process 4711)
              deploys 0123456789ab since 2026-08-01T12:00:00Z
              the lock ends with that process
            --- stderr
            ");
            assert_snapshot!(told(&shop.run(1, &["lock", "break", "--auto-approve"])), @"
            $ cargo xtask lock break --auto-approve
            --- exit code 1
            --- stdout
            simapp is locked on this machine by ada@example.com on laptop (process 4711)
              deploys 0123456789ab since 2026-08-01T12:00:00Z
              the lock ends with that process
            --- stderr
            error: simapp is locked by ada@example.com on laptop (process 4711), who deploys 0123456789ab since 2026-08-01T12:00:00Z; the lock of this clone ends with that process alone; nothing was changed
            ask it to stop: kill 4711
            ");
        }
        assert_eq!(shop.report(&["lock", "status"])["place"], "this machine");
    }
}

#[test]
fn an_origin_that_does_not_answer_or_refuses() {
    let shop = Shop::new();
    shop.held(100);
    shop.world.write("origin.git/hooks/pre-receive", "#!/bin/sh\necho >&2 'Ask the admins.'\nexit 1\n");
    let hook = shop.world.path("origin.git/hooks/pre-receive");
    assert!(Command::new("chmod").arg("+x").arg(hook).status().unwrap().success());
    assert_snapshot!(told(&shop.run(1, &["lock", "break", "--auto-approve"])), @"
    $ cargo xtask lock break --auto-approve
    --- exit code 1
    --- stdout
    simapp is locked at origin by ada@example.com on laptop (process 4711)
      deploys 0123456789ab since 2026-08-01T12:00:00Z
      the lock expires at [TIME] unless it is renewed
    --- stderr
    error: origin does not let you remove refs/landfall/lock/simapp: pre-receive hook declined: Ask the admins; nothing was changed
    allow whoever deploys to push refs/landfall/*, in the rules of the repository and in their rights
    ");
    assert!(shop.is_held());
    fs::rename(shop.origin(), shop.world.path("gone.git")).unwrap();
    assert_snapshot!(told(&shop.run(1, &["lock", "status"])), @"
    $ cargo xtask lock status
    --- exit code 1
    --- stdout
    --- stderr
    error: the lock of simapp cannot be read at origin: '[DIR]/origin.git' does not appear to be a git repository; nothing was changed
    see whether origin answers: git ls-remote origin
    ");
}

#[test]
fn at_a_terminal_it_asks_and_breaks_what_was_shown_alone() {
    let shop = Shop::new();
    let ask = |meanwhile: &dyn Fn(), answer: &str| {
        let (mut ours, line) = terminal();
        let mut command = shop.world.command(&["lock", "break"]);
        command.stdin(line.try_clone().unwrap()).stderr(line).stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        // It holds the other end of the line, which ends with its last holder.
        drop(command);
        let (mut shown, mut buffer) = (String::new(), [0; 4096]);
        while !shown.contains("[y/N] ") {
            let length = ours.read(&mut buffer).unwrap();
            shown.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
        meanwhile();
        ours.write_all(answer.as_bytes()).unwrap();
        let exit = child.wait().unwrap().code().unwrap();
        while let Ok(length @ 1..) = ours.read(&mut buffer) {
            shown.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
        // It is as wide as the terminal.
        (exit, shown.replace("\r\n", " "))
    };
    shop.held(100);
    let (exit, shown) = ask(&|| (), "n\n");
    assert!(exit == 1 && shown.contains("error: the lock was left; nothing was changed"), "{shown}");
    assert!(shown.contains("Break the lock of simapp? A deploy that still runs stops. [y/N] "), "{shown}");
    let (exit, shown) = ask(&|| shop.held(110), "y\n");
    assert!(exit == 1 && shown.contains("was renewed meanwhile, so that process is alive"), "{shown}");
    let another = holder(Some(&from_now(100))).to_string().replace("ada@", "bob@").replace("4711", "12");
    let (exit, shown) = ask(&|| shop.says(&another), "y\n");
    assert!(exit == 1 && shown.contains("is not the one that was shown: it is held by bob@"), "{shown}");
    assert!(shop.is_held());
    let (exit, shown) = ask(&|| (), "y\n");
    assert!(exit == 0 && !shop.is_held(), "{shown}");
}
