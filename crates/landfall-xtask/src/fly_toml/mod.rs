//! `fly.toml`, the only place for what Fly needs (<https://fly.io/docs/reference/configuration/>): what an image and a deploy
//! depend on, and what is wrong with it.

mod group;
mod guest;
pub(crate) mod lint;
mod service;
mod size;
mod table;
mod time;
mod value;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Result;
use serde::Deserialize;

use crate::error::{Error, Kind};
use crate::name::{AppName, Memory, PathThere, Region, VariableName, VolumeName};
use crate::tool::fly::{Guest, MachineCheck, MachineService};

use self::service::{Check, Service};
use self::value::{OneOrMany, all, one, plain};

/// After how long Fly kills a machine that it asked to stop, where fly.toml says nothing.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// How large Fly makes a volume where fly.toml says nothing, in gigabytes.
const VOLUME_SIZE: u32 = 1;

/// What a name of an app is made of.
const APP: &str = "it with letters, digits and -, the first a letter or a digit: app = \"NAME\"";

/// What mends a text that cannot be read.
const REMEDY: &str = "see: fly config validate";

/// What fly.toml says of the machine that the image runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FlyToml {
    /// The app's name on Fly.
    pub(crate) app: AppName,
    /// The variables of `[env]`.
    pub(crate) env: BTreeMap<VariableName, String>,
    /// `DB_PATH` of `[env]`.
    pub(crate) db_path: PathThere,
    /// Where Fly makes a machine and its volume; `None` where it says nothing of it.
    pub(crate) primary_region: Option<Region>,
    /// The process group that the volume belongs to.
    pub(crate) group: String,
    /// The name of the volume.
    pub(crate) source: VolumeName,
    /// Where the volume is mounted.
    pub(crate) volume: PathThere,
    /// How large the volume is made, in gigabytes.
    pub(crate) volume_size: u32,
    /// For how many days its snapshots are kept; `None` is Fly's own number.
    pub(crate) snapshot_retention: Option<u32>,
    /// The port that the service listens on.
    pub(crate) port: u16,
    /// How long the service has to stop by itself.
    pub(crate) kill_timeout: Duration,
    /// The machine's memory, as Docker takes it.
    pub(crate) memory: Memory,
    /// Whether Fly's proxy stops a machine that nobody visits.
    pub(crate) auto_stop: bool,
    /// How large the machine is made; none where it keeps what it has, or that is not known here.
    pub(crate) guest: Option<Guest>,
    /// Whether that is said in words that are not known here.
    pub(crate) guest_is_unknown: bool,
    /// How the machine is reached.
    pub(crate) services: Vec<MachineService>,
    /// The health checks that the machine has of its own, by name.
    pub(crate) checks: BTreeMap<String, MachineCheck>,
    /// How long each health check overlooks that it fails after a start, by the check's name.
    pub(crate) grace_periods: BTreeMap<String, Duration>,
}

#[derive(Deserialize)]
struct File {
    app: Option<String>,
    primary_region: Option<String>,
    /// A table; an old file may have an empty list.
    processes: Option<toml::Value>,
    #[serde(default)]
    env: BTreeMap<String, toml::Value>,
    kill_timeout: Option<toml::Value>,
    #[serde(default)]
    mounts: OneOrMany<Mount>,
    http_service: Option<Service>,
    #[serde(default)]
    services: OneOrMany<Service>,
    #[serde(default)]
    checks: BTreeMap<String, Check>,
    #[serde(default)]
    vm: OneOrMany<guest::Vm>,
}

#[derive(Deserialize)]
struct Mount {
    source: String,
    destination: String,
    initial_size: Option<toml::Value>,
    snapshot_retention: Option<u32>,
    #[serde(default)]
    processes: Vec<String>,
}

impl FlyToml {
    /// Reads the `fly.toml` of the workspace whose folder is `root`.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        Ok(Self::parse(&text(root)?)?)
    }

    /// Takes the text of a `fly.toml`; the first thing that is missing or wrong is an error.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let file = File::read(text).map_err(|error| {
            let line = table::line_of(text, &error);
            wrong(format!("fly.toml:{line}: {}", error.message().trim())).remedy(REMEDY)
        })?;
        let variable = |(name, value): (&String, &toml::Value)| Ok((named("[env]", name)?, plain(value)));
        let env: BTreeMap<VariableName, _> = file.env.iter().map(variable).collect::<Result<_, Error>>()?;
        let default_group = file.default_group();
        let mount = one(file.mounts).ok_or_else(|| {
            wrong("fly.toml has no [[mounts]]: data would be gone with the machine")
                .remedy("add one with source = \"data\" and destination = \"/data\"")
        })?;
        let volume_size = mount.initial_size.as_ref().map_or(Ok(VOLUME_SIZE), |value| {
            size::gigabytes(&plain(value)).ok_or_else(|| {
                wrong(format!("fly.toml: initial_size = {value} is no size")).remedy(size::REMEDY)
            })
        })?;
        let volume: PathThere = named("destination", &mount.destination)?;
        let db_path = env.get("DB_PATH").ok_or_else(|| {
            wrong("fly.toml sets no DB_PATH").remedy(format!("add to it: [env] DB_PATH = \"{volume}/db\""))
        })?;
        if Path::new(db_path).parent() != Some(Path::new(volume.as_str())) {
            return Err(wrong(format!(
                "fly.toml: DB_PATH is {db_path}, and the volume is mounted at {volume}"
            ))
            .remedy(format!("let the database lie on the volume: DB_PATH = \"{volume}/db\"")));
        }
        let http = file.http_service.map(Service::with_ports);
        let services: Vec<_> = http.into_iter().chain(all(file.services)).collect();
        let port = services.first().and_then(|service| service.internal_port).ok_or_else(|| {
            wrong("fly.toml has no [http_service] with an internal_port")
                .remedy("add it, with the port that the service listens on: internal_port = 8080")
        })?;
        let group = mount.processes.into_iter().next().unwrap_or_else(|| default_group.clone());
        let auto_stop = services.iter().any(Service::stops);
        let services = services.into_iter().filter(|service| service.is_of(&group, &default_group));
        let services = services.map(Service::on_a_machine).collect();
        let checks = service::of_group(file.checks, &group, &default_group);
        let vm = guest::Vm::of_group(all(file.vm), &group);
        Ok(Self {
            app: app(file.app.as_deref().unwrap_or_default())?,
            db_path: named("DB_PATH", db_path)?,
            env,
            primary_region: file
                .primary_region
                .filter(|region| !region.is_empty())
                .map(|region| named("primary_region", &region))
                .transpose()?,
            group,
            source: named("source", &mount.source)?,
            volume,
            volume_size,
            snapshot_retention: mount.snapshot_retention,
            port,
            kill_timeout: file
                .kill_timeout
                .map_or(Ok(KILL_TIMEOUT), |value| duration("kill_timeout", &value, time::SECOND))?,
            memory: named(
                "memory",
                &vm.as_ref().and_then(guest::Vm::memory).unwrap_or_else(|| "256mb".to_owned()),
            )?,
            guest_is_unknown: vm.as_ref().is_some_and(|vm| vm.guest().is_none()),
            guest: vm.as_ref().and_then(guest::Vm::guest),
            auto_stop,
            services,
            grace_periods: grace_periods(&checks)?,
            checks: service::on_a_machine(checks),
        })
    }
}

/// What this key says, which is a name.
fn named<T: FromStr<Err = &'static str>>(key: &str, text: &str) -> Result<T, Error> {
    text.parse().map_err(|why| wrong(format!("fly.toml: {key} = \"{text}\": {why}")).remedy(REMEDY))
}

fn app(name: &str) -> Result<AppName, Error> {
    if name.is_empty() {
        return Err(wrong("fly.toml names no app").remedy("add to it: app = \"NAME\""));
    }
    AppName::parse(name)
        .ok_or_else(|| wrong("fly.toml: app is no name that Fly gives").remedy(format!("write {APP}")))
}

impl File {
    fn read(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    fn default_group(&self) -> String {
        let table = self.processes.as_ref().and_then(toml::Value::as_table);
        group::default(table.into_iter().flat_map(|table| table.keys()).map(String::as_str)).to_owned()
    }
}

/// The text of the `fly.toml` of the workspace whose folder is `root`.
pub(crate) fn text(root: &Path) -> Result<String> {
    Ok(fs::read_to_string(root.join("fly.toml")).map_err(|error| match error.kind() {
        ErrorKind::NotFound => wrong(format!("there is no fly.toml in {}", root.display()))
            .remedy("write one, or make it with: fly launch --no-deploy"),
        _ => Error::new(Kind::Failed, "fly.toml", format!("fly.toml cannot be read: {error}")),
    })?)
}

fn wrong(message: impl Into<String>) -> Error {
    Error::usage("fly.toml", message)
}

fn grace_periods(checks: &BTreeMap<String, Check>) -> Result<BTreeMap<String, Duration>, Error> {
    let given = checks.iter().filter_map(|(name, check)| Some((name, check.grace_period.as_ref()?)));
    let read = |value: &toml::Value| duration("grace_period", value, time::MILLISECOND);
    given.map(|(name, value)| Ok((name.clone(), read(value)?))).collect()
}

fn duration(key: &str, value: &toml::Value, unit: Duration) -> Result<Duration, Error> {
    time::read(value.as_str(), value.as_integer(), unit).ok_or_else(|| {
        wrong(format!("fly.toml: {key} = {value} is no time")).remedy("write it as in \"30s\"")
    })
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    const GOOD: &str = "app = 'shop'\nkill_timeout = 20\n[env]\nDB_PATH = '/data/db'\nLEVEL = 3\n\
        [mounts]\nsource = 'data'\ndestination = '/data'\n[http_service]\ninternal_port = 80\n[[vm]]\nmemory = '1gb'\n";

    #[test]
    fn what_the_image_depends_on_is_read() {
        let read = FlyToml::parse(GOOD).unwrap();
        assert_eq!(
            (read.app.as_str(), read.db_path.as_str(), read.volume.as_str()),
            ("shop", "/data/db", "/data")
        );
        assert_eq!((read.port, read.kill_timeout.as_secs(), read.memory.as_str()), (80, 20, "1024mb"));
        assert_eq!(read.env["LEVEL"], "3");
        assert_eq!((read.group.as_str(), read.grace_periods.len()), ("app", 0));
        assert_eq!((read.volume_size, read.snapshot_retention), (1, None));
        let sized = GOOD.replace("[mounts]", "[mounts]\ninitial_size = '10GB'\nsnapshot_retention = 14");
        let read = FlyToml::parse(&sized).unwrap();
        assert_eq!((read.volume_size, read.snapshot_retention), (10, Some(14)));
        let more = GOOD.replace("[mounts]", "[[mounts]]").replace("= 20", "= '2m'").replace("'1gb'", "512");
        let read = FlyToml::parse(&more).unwrap();
        assert_eq!((read.kill_timeout.as_secs(), read.memory.as_str()), (120, "512mb"));
        let checked = GOOD.replace(
            "[mounts]",
            "[checks.a]\ngrace_period = '1m'\n[checks.b]\nport = 80\n[checks.c]\nprocesses = ['other']\n\
             [processes]\nweb = ''\n[mounts]\nprocesses = ['web']",
        );
        let read = FlyToml::parse(&checked).unwrap();
        assert_eq!(
            (read.group.as_str(), read.checks.into_keys().collect()),
            ("web", vec!["a".to_owned(), "b".to_owned()])
        );
        assert_eq!(read.grace_periods, BTreeMap::from([("a".to_owned(), Duration::from_secs(60))]));
        let times = GOOD.replace("[mounts]", "[checks.a]\ngrace_period = 1500\n[mounts]");
        assert_eq!(FlyToml::parse(&times).unwrap().grace_periods["a"], Duration::from_millis(1500));
        let less = GOOD.replace("kill_timeout = 20\n", "").replace("[[vm]]\nmemory = '1gb'\n", "");
        let read = FlyToml::parse(&less).unwrap();
        assert_eq!((read.kill_timeout, read.memory.as_str()), (KILL_TIMEOUT, "256mb"));
    }

    #[test]
    fn what_a_deploy_depends_on_is_read() {
        let read = FlyToml::parse(GOOD).unwrap();
        assert_eq!(
            (read.source.as_str(), read.primary_region, read.auto_stop, read.checks.len()),
            ("data", None, false, 0)
        );
        let more =
            format!("primary_region = 'fra'\n{GOOD}").replace("= 80", "= 80\nauto_stop_machines = 'suspend'");
        let read = FlyToml::parse(&more).unwrap();
        assert_eq!((read.primary_region.as_deref(), read.auto_stop), (Some("fra"), true));
        let service = GOOD.replace("[http_service]", "[[services]]\nauto_stop_machines = false");
        let read = FlyToml::parse(&service).unwrap();
        assert_eq!((read.port, read.auto_stop), (80, false));
    }

    #[test]
    fn what_is_missing_or_wrong_is_told_with_what_to_write() {
        let error = |old: &str, new: &str| {
            let error = FlyToml::parse(&GOOD.replace(old, new)).unwrap_err();
            let told = crate::error::Told::of(&error.into());
            format!("{}\n{}", told.told(), told.remedy)
        };
        assert_snapshot!(error("app = 'shop'", ""), @r#"
        fly.toml names no app
        add to it: app = "NAME"
        "#);
        assert_snapshot!(error("'shop'", "'--org'"), @r#"
        fly.toml: app is no name that Fly gives
        write it with letters, digits and -, the first a letter or a digit: app = "NAME"
        "#);
        assert_snapshot!(error("app =", "app"), @"
        fly.toml:1: key with no value, expected `=`
        see: fly config validate
        ");
        assert_snapshot!(error("DB_PATH", "DATABASE"), @r#"
        fly.toml sets no DB_PATH
        add to it: [env] DB_PATH = "/data/db"
        "#);
        assert_snapshot!(error("'/data/db'", "'/var/db'"), @r#"
        fly.toml: DB_PATH is /var/db, and the volume is mounted at /data
        let the database lie on the volume: DB_PATH = "/data/db"
        "#);
        assert_snapshot!(error("[mounts]", "[mount]"), @r#"
        fly.toml has no [[mounts]]: data would be gone with the machine
        add one with source = "data" and destination = "/data"
        "#);
        assert_snapshot!(error("internal_port", "port"), @"
        fly.toml has no [http_service] with an internal_port
        add it, with the port that the service listens on: internal_port = 8080
        ");
        assert_snapshot!(error("[mounts]", "[mounts]\ninitial_size = 'large'"), @r#"
        fly.toml: initial_size = "large" is no size
        write it as in: initial_size = "10gb"
        "#);
        assert_snapshot!(error("= 20", "= 'long'"), @r#"
        fly.toml: kill_timeout = "long" is no time
        write it as in "30s"
        "#);
    }
}
