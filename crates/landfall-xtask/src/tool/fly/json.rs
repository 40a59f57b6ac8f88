//! What `fly` prints as JSON, as far as it is read. In all of it what is absent is zero, false or empty.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::name::{self, CpuKind, Image, MachineId, MachineName, PathThere, Region, SnapshotId, VolumeId};

/// A machine, as `fly machine list --json` tells of it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Machine {
    /// Its id.
    pub(crate) id: MachineId,
    /// What somebody called it.
    #[serde(default)]
    pub(crate) name: String,
    /// `started`, `stopped`, `suspended`, `replacing` and others.
    pub(crate) state: String,
    /// Of which update it is: a new one each time.
    #[serde(default)]
    pub(crate) instance_id: String,
    /// Where it runs.
    pub(crate) region: Region,
    /// The image that it runs.
    #[serde(default)]
    pub(crate) image_ref: ImageRef,
    /// How it is run; absent where its host does not answer.
    pub(super) config: Option<MachineConfig>,
    /// The same, from before its host stopped to answer.
    incomplete_config: Option<MachineConfig>,
    /// `ok`, or `unreachable`.
    #[serde(default)]
    pub(crate) host_status: String,
    /// What happened to it, the latest first.
    #[serde(default)]
    pub(crate) events: Vec<Event>,
    /// What Fly's own health checks found.
    #[serde(default)]
    pub(crate) checks: Vec<HealthCheck>,
}

/// A health check of Fly's.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct HealthCheck {
    /// Its name.
    #[serde(default)]
    pub(crate) name: String,
    /// `passing`, `warning` or `critical`.
    #[serde(default)]
    pub(crate) status: String,
}

/// An image that a machine runs.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct ImageRef {
    /// The registry's host.
    #[serde(default)]
    pub(crate) registry: String,
    /// The name there.
    #[serde(default)]
    pub(crate) repository: String,
    /// The tag that it was deployed by; empty where that was a digest.
    #[serde(default)]
    pub(crate) tag: String,
    /// `sha256:…`, over its manifest.
    #[serde(default)]
    pub(crate) digest: String,
    /// What was written on it when it was built.
    #[serde(default)]
    pub(crate) labels: Option<BTreeMap<String, String>>,
}

/// How a machine is run.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct MachineConfig {
    /// What Fly's client wrote on it.
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
    /// Its volumes.
    #[serde(default)]
    pub(crate) mounts: Vec<Mount>,
    /// Its size.
    #[serde(default)]
    pub(crate) guest: Guest,
    /// Its variables; secrets are not among them.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    /// What of it is reached from outside.
    #[serde(default)]
    pub(crate) services: Vec<MachineService>,
    /// Its health checks, by name.
    #[serde(default)]
    pub(crate) checks: BTreeMap<String, MachineCheck>,
}

/// A service of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct MachineService {
    /// The port in the machine.
    #[serde(default)]
    pub(crate) internal_port: u16,
    /// `tcp`, `udp`.
    #[serde(default)]
    pub(crate) protocol: String,
    /// `off`, `stop`, `suspend`: what Fly's proxy does to a machine that nobody visits.
    #[serde(default, deserialize_with = "stops")]
    pub(crate) autostop: Option<String>,
    /// Whether it starts one that somebody visits.
    #[serde(default)]
    pub(crate) autostart: Option<bool>,
    /// How many it leaves.
    #[serde(default)]
    pub(crate) min_machines_running: Option<u32>,
    /// The ports of the public.
    #[serde(default)]
    pub(crate) ports: Vec<Port>,
    /// How many visitors it gets at once.
    #[serde(default)]
    pub(crate) concurrency: Option<Concurrency>,
    /// Its own health checks.
    #[serde(default)]
    pub(crate) checks: Vec<MachineCheck>,
}

/// A port of the public.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Port {
    /// Its number; none of a range.
    pub(crate) port: Option<u16>,
    /// `http`, `tls` and others.
    #[serde(default)]
    pub(crate) handlers: Vec<String>,
    /// Whether HTTP is sent to HTTPS.
    #[serde(default)]
    pub(crate) force_https: bool,
}

/// How many visitors a machine gets at once.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Concurrency {
    /// What is counted: `requests`, `connections`.
    #[serde(rename = "type", default)]
    pub(crate) kind: String,
    /// From how many on others are preferred.
    #[serde(default)]
    pub(crate) soft_limit: u32,
    /// How many there can be.
    #[serde(default)]
    pub(crate) hard_limit: u32,
}

/// A health check, of the machine or of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct MachineCheck {
    /// `http`, `tcp`.
    #[serde(rename = "type", default)]
    pub(crate) kind: String,
    /// The port in the machine.
    #[serde(default)]
    pub(crate) port: Option<u16>,
    /// What is asked for.
    #[serde(default)]
    pub(crate) path: Option<String>,
    /// By which method.
    #[serde(default)]
    pub(crate) method: Option<String>,
    /// How often, as in `15s`.
    #[serde(default)]
    pub(crate) interval: Option<String>,
    /// How long an answer may take.
    #[serde(default)]
    pub(crate) timeout: Option<String>,
    /// How long it is overlooked after a start that it fails.
    #[serde(default)]
    pub(crate) grace_period: Option<String>,
}

/// Fly takes and gives a word, or what there was before there were words.
fn stops<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stops {
        Old(bool),
        Word(String),
    }
    Ok(Option::<Stops>::deserialize(from)?.map(|stops| match stops {
        Stops::Old(false) => "off".to_owned(),
        Stops::Old(true) => "stop".to_owned(),
        Stops::Word(word) => word,
    }))
}

/// A secret of an app, as `fly secrets list --json` tells of it: never its value.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Secret {
    /// Its name.
    pub(crate) name: String,
    /// `Deployed`, `Staged`, `Partial` or `Unknown`.
    #[serde(default)]
    pub(crate) status: String,
}

impl Secret {
    /// Whether it was set, and not all machines have it.
    pub(crate) fn waits(&self) -> bool {
        matches!(self.status.as_str(), "Staged" | "Partial")
    }
}

/// A volume of a machine.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Mount {
    /// The volume's id.
    pub(crate) volume: VolumeId,
    /// Where it is mounted.
    #[serde(default)]
    pub(crate) path: String,
}

/// The size of a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Guest {
    /// `shared` or `performance`.
    #[serde(default)]
    pub(crate) cpu_kind: CpuKind,
    /// How many.
    #[serde(default)]
    pub(crate) cpus: u32,
    /// In MiB.
    #[serde(default)]
    pub(crate) memory_mb: u32,
}

impl Guest {
    /// Fly's smallest.
    pub(crate) fn small() -> Self {
        Self { cpu_kind: CpuKind::default(), cpus: 1, memory_mb: 256 }
    }
}

/// Something that happened to a machine.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Event {
    /// `start`, `update`, `exit`, `launch` and others.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The state that it led to.
    #[serde(default)]
    pub(crate) status: String,
    /// When, in milliseconds since 1970.
    #[serde(default)]
    pub(crate) timestamp: i64,
    /// What belongs to it.
    #[serde(default)]
    pub(crate) request: Option<Request>,
}

/// What belongs to an event.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Request {
    /// Of an `exit`.
    pub(crate) exit_event: Option<Exit>,
}

/// How the processes of a machine ended.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Exit {
    /// Its exit code.
    #[serde(default)]
    pub(crate) exit_code: i32,
    /// Whether somebody asked for it.
    #[serde(default)]
    pub(crate) requested_stop: bool,
    /// Whether memory ran out.
    #[serde(default)]
    pub(crate) oom_killed: bool,
}

impl Machine {
    /// How it is run, as far as it is known.
    pub(crate) fn config(&self) -> MachineConfig {
        self.config.clone().or_else(|| self.incomplete_config.clone()).unwrap_or_default()
    }

    /// How large it is; Fly's smallest where that is not told.
    pub(crate) fn guest(&self) -> Guest {
        let guest = self.config().guest;
        if guest.cpus == 0 { Guest::small() } else { guest }
    }

    /// Whether its host answers.
    pub(crate) fn is_reachable(&self) -> bool {
        matches!(self.host_status.as_str(), "" | "ok")
    }

    /// Whether a deploy made it, for these processes. Others (a console, a rehearsal) belong to whoever made them.
    pub(crate) fn is_in_group(&self, group: &str) -> bool {
        self.config().metadata.get("fly_process_group").is_some_and(|name| name == group)
    }

    /// Whether an update, or a stop, is on its way: it is about to be in another state.
    pub(crate) fn is_changing(&self) -> bool {
        matches!(self.state.as_str(), "created" | "replacing" | "replaced" | "stopping" | "restarting")
    }

    /// Whether there are health checks, and all of them pass.
    pub(crate) fn passes_its_checks(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(|check| check.status == "passing")
    }

    /// The volume that is mounted there.
    pub(crate) fn volume_at(&self, path: &PathThere) -> Option<VolumeId> {
        self.config().mounts.into_iter().find(|mount| mount.path == **path).map(|mount| mount.volume)
    }

    /// Its image by digest, which no later push changes; `None` where Fly does not tell.
    pub(crate) fn pinned_image(&self) -> Option<Image> {
        let ImageRef { registry, repository, digest, .. } = &self.image_ref;
        let known = !repository.is_empty() && digest.starts_with("sha256:");
        known.then(|| Image::parse(&format!("{registry}/{repository}@{digest}")))?
    }

    /// Its image by the tag that it was deployed by; `None` where that was a digest.
    pub(crate) fn tagged_image(&self) -> Option<Image> {
        let ImageRef { registry, repository, tag, .. } = &self.image_ref;
        let known = !repository.is_empty() && !tag.is_empty();
        known.then(|| Image::parse(&format!("{registry}/{repository}:{tag}")))?
    }

    /// How it ended by itself since its last update, if it did: the latest end that nobody asked for.
    pub(crate) fn ended(&self) -> Option<Exit> {
        let since = self.events.iter().take_while(|event| event.kind != "update" && event.kind != "launch");
        since.filter_map(|event| event.request.clone()?.exit_event).find(|exit| !exit.requested_stop)
    }

    /// The same where that was a failure: to start it again is going to end so, too.
    pub(crate) fn failed(&self) -> Option<Exit> {
        self.ended().filter(|exit| exit.exit_code != 0)
    }

    /// What is written on its image under this name.
    pub(crate) fn label(&self, name: &'static str) -> Option<&str> {
        self.image_ref.labels.as_ref()?.get(name).map(String::as_str)
    }
}

/// A volume, as `fly volumes list --json` tells of it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Volume {
    /// Its id.
    pub(crate) id: VolumeId,
    /// Its name, which several may have.
    #[serde(default)]
    pub(crate) name: String,
    /// `created` once it can be mounted; `hydrating` while a fork's blocks come over.
    #[serde(default)]
    pub(crate) state: String,
    /// Where it is.
    pub(crate) region: Region,
    /// In gigabytes.
    #[serde(default)]
    pub(crate) size_gb: u32,
    /// The machine that has it.
    #[serde(default, deserialize_with = "name::maybe")]
    pub(crate) attached_machine_id: Option<MachineId>,
    /// For how many days its snapshots are kept.
    #[serde(default)]
    pub(crate) snapshot_retention: u32,
    /// Whether Fly makes a snapshot a day.
    #[serde(default)]
    pub(crate) auto_backup_enabled: bool,
}

/// The mark of a volume that was set aside. Volumes have neither labels nor metadata, and no command of flyctl's renames one: so it is
/// how long its snapshots are kept, nearly as long as Fly allows (60 days), while no more are made. Nobody comes to both by chance.
pub(super) const SET_ASIDE_RETENTION: u32 = 59;

impl Volume {
    /// Whether it has the mark of one that was set aside.
    pub(crate) fn is_marked(&self) -> bool {
        self.snapshot_retention == SET_ASIDE_RETENTION && !self.auto_backup_enabled
    }
}

/// A volume's snapshot, as `fly volumes snapshots list --json` tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Snapshot {
    /// Its id; none until it is made.
    #[serde(default, deserialize_with = "name::maybe")]
    pub(crate) id: Option<SnapshotId>,
    /// `waiting`, `running`, `created`.
    #[serde(default)]
    pub(crate) status: String,
    /// When it was asked for, as in RFC 3339.
    #[serde(default)]
    pub(crate) created_at: String,
}

impl Snapshot {
    /// Its id, where it can be put back.
    pub(crate) fn made(&self) -> Option<&SnapshotId> {
        self.id.as_ref().filter(|_| self.status == "created")
    }
}

/// An app, as `fly apps list --json` tells of it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct App {
    /// Its name.
    #[serde(rename = "Name")]
    pub(crate) name: String,
}

/// A machine that is to be run, once, by whoever rehearses: no deploy knows of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewMachine<'a> {
    /// Its name, of which there is no other.
    pub(crate) name: &'a MachineName,
    /// The image, by a tag that only this rehearsal has.
    pub(crate) image: &'a Image,
    /// Where.
    pub(crate) region: &'a Region,
    /// The id of its volume.
    pub(crate) volume: &'a VolumeId,
    /// Where that is mounted.
    pub(crate) mounted_at: &'a PathThere,
    /// How large it is.
    pub(crate) guest: &'a Guest,
}

/// What a command on a machine came to. `fly`'s own exit code says nothing of it: what it printed tells.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Execution {
    /// What it printed.
    #[serde(default)]
    pub(crate) stdout: String,
    /// Its exit code.
    #[serde(default)]
    pub(crate) exit_code: i32,
}
