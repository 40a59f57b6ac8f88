//! The real image on a machine of the simulator's: its volume is a folder here, its address an address here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use landfall_testkit::sim::Sim;
use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::container::{asked, docker};
use crate::workspace::{Said, Workspace, said};

/// The service on a machine, and the workspace that it was built from.
pub(crate) struct Production {
    pub(crate) workspace: Workspace,
    pub(crate) sim: Sim,
    pub(crate) commit: String,
    home: PathBuf,
    tag: &'static str,
}

impl Production {
    /// Built from this workspace, in which something was changed first, and deployed.
    pub(crate) fn deployed(home: &Path, tag: &'static str, edit: impl FnOnce(&Workspace)) -> Self {
        let production = Self::nothing(home, "first_deploy", tag, edit);
        production.workspace.builds(&["--tag", tag, "--no-smoke"]);
        let mut fly = production.with_fly(Command::new(home.join("shim/fly")));
        fly.args(["deploy", "--local-only", "--image", tag, "--image-label", "first", "--ha=false"]);
        fly.args(["-e", "LANDFALL_CREATE=1", "-a", "simapp", "-c", "fly.toml"]);
        let deployed = fly.current_dir(production.workspace.path("")).output().unwrap();
        assert!(deployed.status.success(), "{}", String::from_utf8_lossy(&deployed.stderr));
        production
    }

    /// The workspace alone, and a simulator in which nothing runs yet.
    pub(crate) fn nothing(
        home: &Path,
        scenario: &str,
        tag: &'static str,
        edit: impl FnOnce(&Workspace),
    ) -> Self {
        let workspace = Workspace::copied();
        workspace.edit("fly.toml", |text| text.replace("landfall-customers", "simapp").replace("fra", "iad"));
        edit(&workspace);
        let commit = workspace.commit();
        let scenario = json!({"base": scenario, "behavior": {"backdate_start": 11}});
        let folder = workspace.path(".data/docker");
        let options = ["--run-with-docker", "--docker-dir", folder.to_str().unwrap()];
        let sim = Sim::start_with(home, &scenario, &options);
        Self { workspace, sim, commit, home: home.to_owned(), tag }
    }

    fn with_fly(&self, mut command: Command) -> Command {
        command.envs(self.sim.environment()).env_remove("CI").stdin(Stdio::null());
        command
    }

    /// `cargo xtask …` in its workspace, with a way to it.
    pub(crate) fn xtask(&self, args: &[&str]) -> Command {
        self.with_fly(self.workspace.xtask(args))
    }

    /// It must end with this code; the document on stdout, and what was said.
    #[track_caller]
    pub(crate) fn ends(&self, exit: i32, args: &[&str]) -> (Value, Said) {
        let said = said(&self.xtask(&[args, &["--format", "json"]].concat()).output().unwrap());
        assert_eq!(said.exit, exit, "{}", said.stderr);
        (serde_json::from_str(&said.stdout).unwrap(), said)
    }

    /// What `fly` is given by hand, whatever comes of it.
    pub(crate) fn fly(&self, args: &[&str]) {
        let mut fly = self.with_fly(Command::new(self.home.join("shim/fly")));
        fly.args(args).args(["-a", "simapp", "-c", "fly.toml"]);
        fly.current_dir(self.workspace.path("")).output().unwrap();
    }

    /// Asks a command to stop as soon as `begun` says so.
    pub(crate) fn interrupted(&self, args: &[&str], begun: impl Fn() -> bool) -> Said {
        let mut command = self.xtask(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        while !begun() {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it could be interrupted");
            thread::sleep(Duration::from_millis(2));
        }
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let output: Output = child.wait_with_output().unwrap();
        said(&output)
    }

    /// The folder that is the machine's volume.
    pub(crate) fn volume(&self) -> PathBuf {
        let volumes = self.sim.volumes();
        let (id, _) = volumes.iter().find(|(_, name)| name == "data").unwrap();
        self.workspace.path(".data/docker/volumes").join(id)
    }

    pub(crate) fn database(&self) -> Connection {
        let conn = Connection::open(self.volume().join("db")).unwrap();
        conn.busy_timeout(Duration::from_secs(30)).unwrap();
        conn
    }
}

impl Drop for Production {
    fn drop(&mut self) {
        for (machine, _) in self.sim.machines() {
            docker(&["rm", "--force", &format!("flysim-{machine}")]);
        }
        // A deploy gives it the name of its registry; a rehearsal that of the app and of a commit of this workspace.
        let registry = self.sim.url.trim_start_matches("http://");
        let commits = self.workspace.git(&["rev-list", "--all", "--abbrev-commit", "--abbrev=12"]);
        let rehearsed: Vec<_> = commits.lines().map(|commit| format!("simapp:{commit}")).collect();
        let images = asked(&["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]);
        let ours = |image: &&str| {
            *image == self.tag || image.starts_with(registry) || rehearsed.iter().any(|own| own == image)
        };
        for image in images.lines().filter(ours) {
            docker(&["image", "rm", "--force", image]);
        }
    }
}

/// What a folder holds; nothing where there is none.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
