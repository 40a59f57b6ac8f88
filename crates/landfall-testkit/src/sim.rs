//! The simulator of Fly's API, started for one test.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The image that the simulator's machine runs.
pub const IMAGE: &str = "registry.example/simapp:deployment-00000000000000000000000001";

/// A simulator of Fly's API, which ends with it.
pub struct Sim {
    home: PathBuf,
    folder: TempDir,
    /// Where it answers.
    pub url: String,
}

impl Sim {
    /// Starts it in this scenario: a name, or an object with `base` and what differs.
    pub fn start(home: &Path, scenario: &Value) -> Self {
        Self::start_with(home, scenario, &[])
    }

    /// The same with these options of its own.
    pub fn start_with(home: &Path, scenario: &Value, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("scenario.json");
        fs::write(&file, scenario.to_string()).unwrap();
        let mut run = Command::new(home.join("run.sh"));
        run.arg("--scenario").arg(&file).args(options).env("FLYSIM_DIR", folder.path());
        // It leaves the simulator behind, which must not hold a pipe of ours open.
        let started = run.stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
        assert!(started.success());
        let port = fs::read_to_string(folder.path().join("port")).unwrap();
        let sim = Self { home: home.to_owned(), folder, url: format!("http://127.0.0.1:{}", port.trim()) };
        sim.write_fly();
        sim
    }

    /// A `fly` that knows this simulator by itself: xtask hands on no variable that it does not know.
    fn write_fly(&self) {
        let (file, folder) = (self.fly(), self.folder().display());
        let text = format!(
            "#!/bin/sh\nexport FLYSIM_DIR='{folder}'\nexec '{}/shim/fly' \"$@\"\n",
            self.home.display()
        );
        fs::create_dir(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The `fly` that talks to it.
    pub fn fly(&self) -> PathBuf {
        self.folder().join("shim/fly")
    }

    /// What a command needs in its environment to talk to it, and to nothing else.
    pub fn environment(&self) -> [(&'static str, std::ffi::OsString); 3] {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = [self.folder().join("shim")].into_iter().chain(env::split_paths(&path));
        [
            ("PATH", env::join_paths(folders.filter(|folder| !folder.join("atlas").exists())).unwrap()),
            ("FLYSIM_DIR", self.folder.path().into()),
            ("LANDFALL_URL", format!("{}/_sim/www", self.url).into()),
        ]
    }

    /// Where it keeps what it has.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What its control tells: `state`, `log`, `scenarios`.
    pub fn control(&self, path: &str) -> Value {
        control(&self.url, path)
    }

    /// All that it has of its app: `machines`, `volumes`.
    pub fn app(&self) -> Value {
        let mut state = self.control("state");
        state["apps"].as_object_mut().unwrap().values_mut().next().unwrap().take()
    }

    /// Merges this into a machine or a volume: `machine/ID`.
    pub fn merge(&self, path: &str, change: &Value) {
        ureq::post(format!("{}/_sim/{path}", self.url)).send(change.to_string()).unwrap();
    }

    /// Its machines: id and state.
    pub fn machines(&self) -> Vec<(String, String)> {
        let state = self.control("state");
        let machines =
            state["apps"].as_object().unwrap().values().flat_map(|app| app["machines"].as_object().unwrap());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        machines.map(|(id, machine)| (id.clone(), text(&machine["state"]))).collect()
    }

    /// The volumes: id and name.
    pub fn volumes(&self) -> Vec<(String, String)> {
        let state = self.control("state");
        let volumes =
            state["apps"].as_object().unwrap().values().flat_map(|app| app["volumes"].as_object().unwrap());
        volumes.map(|(id, volume)| (id.clone(), volume["name"].as_str().unwrap().to_owned())).collect()
    }

    /// The id of the volume that a machine has.
    pub fn volume_of(&self, machine: &str) -> String {
        let state = self.control("state");
        let machines = state["apps"].as_object().unwrap().values().map(|app| &app["machines"][machine]);
        let found = machines.into_iter().find(|machine| !machine.is_null()).unwrap();
        found["config"]["mounts"][0]["volume"].as_str().unwrap().to_owned()
    }

    /// What was asked of it that changes something: `METHOD path`.
    pub fn writes(&self) -> Vec<String> {
        let log = self.control("log");
        let entries = log.as_array().unwrap().iter();
        let writes =
            entries.filter(|e| e["method"].is_string() && e["method"] != "GET" && e["path"] != "/graphql");
        writes.map(|e| format!("{} {}", e["method"].as_str().unwrap(), e["path"].as_str().unwrap())).collect()
    }

    /// What was run on its machines.
    pub fn commands(&self) -> Vec<String> {
        let log = self.control("log");
        let run = log.as_array().unwrap().iter().filter_map(|entry| entry["body"]["cmd"].as_str());
        run.map(str::to_owned).collect()
    }

    /// From now on these faults, and no others.
    pub fn faults(&self, rules: &Value) {
        ureq::put(format!("{}/_sim/rules", self.url)).send(rules.to_string()).unwrap();
    }

    /// Gives each volume this snapshot, made at this time.
    pub fn snapshot(&self, id: &str, time: &str) {
        let snapshots = json!({"_snapshots": [{"id": id, "status": "created", "created_at": time}]});
        for (volume, _) in self.volumes() {
            let address = format!("{}/_sim/volume/{volume}", self.url);
            ureq::post(address).send(snapshots.to_string()).unwrap();
        }
    }

    /// Its machines run as after a rollback onto newer data.
    pub fn keep_schema(&self) {
        let kept = json!({"config": {"env": {"LANDFALL_SCHEMA": "keep"}}});
        for (machine, _) in self.machines() {
            ureq::post(format!("{}/_sim/machine/{machine}", self.url)).send(kept.to_string()).unwrap();
        }
    }

    /// Merges this into the live scenario.
    pub fn configure(&self, change: &Value) {
        ureq::post(format!("{}/_sim/config", self.url)).send(change.to_string()).unwrap();
    }

    /// Puts this in the place of all that it has: apps, machines, volumes.
    pub fn put_state(&self, state: &Value) {
        ureq::put(format!("{}/_sim/state", self.url)).send(state.to_string()).unwrap();
    }

    /// From now on nobody answers at its address.
    pub fn stop(&self) {
        let mut stop = Command::new(self.home.join("run.sh"));
        let _ = stop.arg("stop").env("FLYSIM_DIR", self.folder.path()).status();
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What the control of the simulator at this address tells.
pub fn control(url: &str, path: &str) -> Value {
    let text = ureq::get(format!("{url}/_sim/{path}")).call().unwrap().body_mut().read_to_string();
    serde_json::from_str(&text.unwrap()).unwrap()
}

/// A machine whose image has this commit on it, whose database has this schema, and which answers `/version` with it.
pub fn running(commit: &str, schema: &str) -> Value {
    json!({
        "base": "fast",
        "images": {IMAGE: {"labels": {"org.opencontainers.image.revision": commit}}},
        "exec": [inspect(schema)],
        "www": {"/version": version(commit)},
    })
}

/// What `landfall inspect` answers on the machine.
pub fn inspect(schema: &str) -> Value {
    let document = json!({"command": "inspect", "exit": 0, "report": {"fingerprint": "0", "sql": schema}, "error": null});
    json!({"match": "landfall inspect", "exit_code": 0, "stdout": document.to_string()})
}

/// What `/version` answers.
pub fn version(commit: &str) -> Value {
    json!({"commit": commit, "version": "0.1.0", "schema": {"declared": null, "live": null}, "sqlite": "3.54.1"})
}
