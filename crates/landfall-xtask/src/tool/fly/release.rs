//! What a release is made of at Fly: images, volumes and their snapshots, the machine's update.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::json::SET_ASIDE_RETENTION;
use super::{
    App, CommandThere, Failure, Fly, Guest, LIMIT, RUN_LIMIT, Reason, Secret, Snapshot, Volume, outcome,
    printed,
};
use crate::name::{
    Image, MachineId, MachineName, Organization, PathThere, Region, SnapshotId, Tag, Variable, VolumeId,
    VolumeName,
};
use crate::tool::run;

/// How long an image may take to its registry.
const PUSH_LIMIT: Duration = Duration::from_secs(900);
/// What a deploy may take beyond its waiting: the config is checked, the image is looked for, a lease is waited for.
const DEPLOY_SLACK: Duration = Duration::from_secs(30);

/// How long a volume may take until it can be mounted.
const VOLUME_LIMIT: Duration = Duration::from_secs(600);
/// Between two looks at what Fly makes.
const TICK: Duration = Duration::from_secs(1);

/// An image in the app's registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pushed {
    /// By the tag that it was pushed under.
    pub(crate) tag: Image,
    /// By digest, which no later push changes.
    pub(crate) pinned: Image,
}

/// A volume that is to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewVolume<'a> {
    /// Its name, which others may have.
    pub(crate) name: &'a VolumeName,
    /// Where.
    pub(crate) region: &'a Region,
    /// In gigabytes.
    pub(crate) size_gb: u32,
    /// For how many days its snapshots are kept; `None` is Fly's own number.
    pub(crate) snapshot_retention: Option<u32>,
    /// The id of the snapshot that it is made of.
    pub(crate) snapshot: Option<&'a SnapshotId>,
    /// The machine that is to have it: a volume stays on the host where it was made, and that has to have room for both.
    pub(crate) guest: &'a Guest,
}

/// An image that the machine is to run, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shipment<'a> {
    /// The image, in a registry.
    pub(crate) image: &'a Image,
    /// The `fly.toml` that goes with it.
    pub(crate) fly_toml: &'a Path,
    /// Variables beyond those of `fly.toml`, for this release alone.
    pub(crate) env: &'a [Variable],
    /// How long each of flyctl's phases may wait: for the state, for health.
    pub(crate) wait_timeout: Duration,
}

impl Fly<'_> {
    /// Pushes a local image to the app's registry, under this tag, which must be new.
    pub(crate) fn push(&self, root: &Path, image: &Image, label: &Tag) -> Result<Pushed, Failure> {
        const LINE: &str = "fly deploy --build-only --push";
        let words =
            ["deploy", "--build-only", "--push", "--local-only", "--image", image, "--image-label", label];
        let command = self.command(words.iter().map(OsStr::new)).dir(root);
        let said = self.run(&command, LINE, PUSH_LIMIT)?.concat();
        let untold = || Failure::new(Reason::Failed, format!("`{LINE}` did not tell what it pushed"));
        pushed(&said, label).ok_or_else(untold)
    }

    /// Updates the app's machine, or makes the first one, and waits for it; each line that it says is handed on. Its exit code tells
    /// little: a failure may leave the new release running, and a success a machine that has stopped.
    pub(crate) fn deploy(
        &self,
        root: &Path,
        shipment: &Shipment<'_>,
        line: impl FnMut(&str),
    ) -> Result<(), Failure> {
        let Shipment { image, fly_toml, env, wait_timeout } = shipment;
        let wait = format!("{}s", wait_timeout.as_secs());
        let env: Vec<_> = env.iter().map(Variable::pair).collect();
        let mut words: Vec<&OsStr> =
            ["deploy", "--image", image, "--ha=false", "--strategy", "rolling"].map(OsStr::new).to_vec();
        words.extend(["--wait-timeout", &wait, "--config"].map(OsStr::new));
        words.push(fly_toml.as_os_str());
        words.extend(env.iter().flat_map(|pair| ["--env", pair]).map(OsStr::new));
        let command = self.command(words.into_iter()).dir(root);
        // Each phase has a clock of its own, and the request itself has none: flyctl would wait for ever.
        let limit = *wait_timeout * 2 + DEPLOY_SLACK;
        let mut said = String::new();
        let mut line = line;
        let ended = run::lines(&command, limit, self.interrupt, |text| {
            line(text);
            said.push_str(text);
            said.push('\n');
        });
        let mut output = outcome("fly deploy", ended, &format!("did not end within {} s", limit.as_secs()))?;
        output.stderr = said.into_bytes();
        printed("fly deploy", output).map(drop)
    }

    /// A machine's configuration, as Fly has it.
    pub(crate) fn machine_config(&self, machine: &MachineId) -> Result<Value, Failure> {
        let machines: Vec<Value> = self.json(&["machine", "list", "--json"], LIMIT)?;
        let found = machines.into_iter().find(|known| known["id"] == **machine);
        // Of a machine whose host does not answer Fly tells what it knew last.
        let config = |mut machine: Value| match machine["config"].take() {
            Value::Null => machine["incomplete_config"].take(),
            config => config,
        };
        Ok(found.map_or(Value::Null, config))
    }

    /// All apps that the token may see.
    pub(crate) fn apps(&self) -> Result<Vec<App>, Failure> {
        let command = self.bare_command(["apps", "list", "--json"].iter().map(OsStr::new));
        let [stdout, _] = self.run(&command, "fly apps list", LIMIT)?;
        super::parsed("fly apps list --json", &stdout)
    }

    /// Whether the app has ever had a release.
    pub(crate) fn was_released(&self) -> Result<bool, Failure> {
        let releases: Vec<Value> = self.json(&["releases", "--json"], LIMIT)?;
        Ok(!releases.is_empty())
    }

    /// Makes the app, which costs nothing yet.
    pub(crate) fn create_app(&self, organization: &Organization) -> Result<(), Failure> {
        let words = ["apps", "create", self.app, "--org", organization, "--json"];
        self.run(&self.bare_command(words.iter().map(OsStr::new)), "fly apps create", LIMIT).map(drop)
    }

    /// The app's secrets; their values Fly never tells.
    pub(crate) fn secrets(&self) -> Result<Vec<Secret>, Failure> {
        self.json(&["secrets", "list", "--json"], LIMIT)
    }

    /// Sets a secret, from the next release on. Its value goes by standard input: what is in a command line others can read.
    pub(crate) fn stage_secret(&self, secret: &Variable) -> Result<(), Failure> {
        let words = ["secrets", "import", "--stage"];
        let command = self.command(words.iter().map(OsStr::new)).input(secret.pair() + "\n");
        let ended = run::within(&command, LIMIT, self.interrupt);
        let late = format!("had no answer within {} s", LIMIT.as_secs());
        printed("fly secrets import", outcome("fly secrets import", ended, &late)?).map(drop)
    }

    /// Makes a volume, empty or as a snapshot has it.
    pub(crate) fn create_volume(&self, new: &NewVolume<'_>) -> Result<Volume, Failure> {
        let NewVolume { name, region, size_gb, snapshot_retention, snapshot, guest } = new;
        let (size, days) = ((*size_gb).max(1).to_string(), snapshot_retention.map(|days| days.to_string()));
        let mut words =
            vec!["volumes", "create", name, "--region", region, "--size", &size, "--yes", "--json"];
        let (cpus, memory) = (guest.cpus.to_string(), guest.memory_mb.to_string());
        words.extend(["--vm-cpu-kind", &guest.cpu_kind, "--vm-cpus", &cpus, "--vm-memory", &memory]);
        words.extend(days.iter().flat_map(|days| ["--snapshot-retention", days]));
        words.extend(snapshot.iter().flat_map(|snapshot| ["--snapshot-id", snapshot.as_str()]));
        self.json(&words, LIMIT)
    }

    /// Marks a volume as set aside, for every clone and every person: see [`Volume::is_marked`].
    pub(crate) fn mark_set_aside(&self, volume: &VolumeId) -> Result<(), Failure> {
        let retention = SET_ASIDE_RETENTION.to_string();
        let words = ["volumes", "update", volume, "--snapshot-retention", &retention];
        self.ask(&[words.as_slice(), &["--scheduled-snapshots=false", "--json"]].concat(), LIMIT).map(drop)
    }

    /// Waits until a volume can be mounted: the blocks of a fork come over in the background.
    pub(crate) fn wait_for_volume(&self, volume: &VolumeId) -> Result<(), Failure> {
        let begun = Instant::now();
        loop {
            let volumes = self.volumes()?;
            let now = volumes.iter().find(|known| known.id == *volume).map(|known| known.state.as_str());
            match now {
                Some("created") => return Ok(()),
                state if begun.elapsed() > VOLUME_LIMIT => {
                    let (state, limit) = (state.unwrap_or("missing"), VOLUME_LIMIT.as_secs());
                    let message = format!("volume {volume} was still {state} after {limit} s");
                    return Err(Failure::new(Reason::Late, message));
                }
                _ => thread::sleep(TICK),
            }
        }
    }

    /// Asks for a snapshot of a volume. Fly tells no id: see [`Fly::snapshots`].
    pub(crate) fn create_snapshot(&self, volume: &VolumeId) -> Result<(), Failure> {
        self.ask(&["volumes", "snapshots", "create", volume], LIMIT).map(drop)
    }

    /// The snapshots of a volume. One that is being made has no id yet.
    pub(crate) fn snapshots(&self, volume: &VolumeId) -> Result<Vec<Snapshot>, Failure> {
        let words = ["volumes", "snapshots", "list", volume, "--json"];
        // Of a volume, and not of an app: it knows no `-a`.
        let [stdout, _] =
            self.run(&self.bare_command(words.iter().map(OsStr::new)), "fly volumes snapshots list", LIMIT)?;
        super::parsed("fly volumes snapshots list --json", &stdout)
    }

    /// A machine like another one, with its image and its variables, on another volume; it is started, and waited for.
    pub(crate) fn clone_machine(
        &self,
        machine: &MachineId,
        name: &MachineName,
        volume: &VolumeId,
        mounted_at: &PathThere,
        region: &Region,
    ) -> Result<(), Failure> {
        let mount = format!("{volume}:{mounted_at}");
        let words =
            ["machine", "clone", machine, "--name", name, "--attach-volume", &mount, "--region", region];
        self.ask(&words, RUN_LIMIT).map(drop)
    }

    /// Makes a machine with this configuration, and waits for it. The image, by its tag, counts more than that of the configuration.
    pub(crate) fn run_machine_as(
        &self,
        name: &MachineName,
        image: &Image,
        region: &Region,
        config: &Value,
    ) -> Result<(), Failure> {
        const LINE: &str = "fly machine run";
        let unwritten =
            |error: io::Error| Failure::new(Reason::Failed, format!("`{LINE}` cannot be run: {error}"));
        // Its variables may be anybody's secrets: what is in a command line others can read.
        let mut file = tempfile::Builder::new().suffix(".json").tempfile().map_err(unwritten)?;
        file.write_all(config.to_string().as_bytes()).map_err(unwritten)?;
        let words =
            ["machine", "run", image, "--name", name, "--region", region, "--detach", "--machine-config"];
        let words = words.into_iter().map(OsStr::new).chain([file.path().as_os_str()]);
        self.run(&self.command(words), LINE, RUN_LIMIT).map(drop)
    }

    /// Lets a stopped machine run this command once, instead of the service, when it is started next. The next deploy takes it back.
    pub(crate) fn run_once(&self, machine: &MachineId, command: &CommandThere) -> Result<(), Failure> {
        let words = ["machine", "update", machine, "--command", command.as_str(), "--restart", "no"];
        let more = ["--skip-start", "--skip-health-checks", "--yes"];
        self.ask(&[words.as_slice(), more.as_slice()].concat(), LIMIT).map(drop)
    }
}

/// What Docker's own lines tell of a push: repository and digest.
fn pushed(said: &str, label: &Tag) -> Option<Pushed> {
    let repository =
        said.lines().find_map(|line| line.split_once("refers to repository [")?.1.split(']').next())?;
    let digest = said.lines().find_map(|line| {
        let rest = line.trim().strip_prefix(label.as_str())?.strip_prefix(": digest: ")?;
        rest.split(' ').next().filter(|digest| digest.starts_with("sha256:"))
    })?;
    Some(Pushed {
        tag: Image::parse(&format!("{repository}:{label}"))?,
        pinned: Image::parse(&format!("{repository}@{digest}"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_pushed_is_read_from_dockers_own_lines() {
        let said = "The push refers to repository [registry.fly.io/shop]\n8edaad145a3b: Layer already exists\n\
            first: digest: sha256:0123 size: 524\n";
        let expected = Pushed {
            tag: "registry.fly.io/shop:first".parse().unwrap(),
            pinned: "registry.fly.io/shop@sha256:0123".parse().unwrap(),
        };
        let [first, second] = ["first", "second"].map(|tag| tag.parse().unwrap());
        assert_eq!(pushed(said, &first), Some(expected));
        assert_eq!(pushed(said, &second), None);
        assert_eq!(pushed("denied: no access", &first), None);
    }
}
