//! `fly.toml`, the only place for what Fly needs (<https://fly.io/docs/reference/configuration/>): what an image depends on.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde::Deserialize;

use crate::error::{Error, Kind};

/// After how long Fly kills a machine that it asked to stop, where fly.toml says nothing.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// The process group of a fly.toml that names none.
const GROUP: &str = "app";

/// What fly.toml says of the machine that the image runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FlyToml {
    /// The app's name on Fly.
    pub(crate) app: String,
    /// The variables of `[env]`.
    pub(crate) env: BTreeMap<String, String>,
    /// `DB_PATH` of `[env]`.
    pub(crate) db_path: String,
    /// The process group that the volume belongs to.
    pub(crate) group: String,
    /// Where the volume is mounted.
    pub(crate) volume: String,
    /// The port that the service listens on.
    pub(crate) port: u16,
    /// How long the service has to stop by itself.
    pub(crate) kill_timeout: Duration,
    /// The machine's memory, as Docker takes it.
    pub(crate) memory: String,
    /// How long each health check overlooks that it fails after a start, by the check's name.
    pub(crate) grace_periods: BTreeMap<String, Duration>,
}

#[derive(Deserialize)]
struct File {
    app: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, toml::Value>,
    kill_timeout: Option<toml::Value>,
    #[serde(default)]
    mounts: OneOrMany<Mount>,
    #[serde(alias = "http-service")]
    http_service: Option<HttpService>,
    #[serde(default)]
    checks: BTreeMap<String, Check>,
    #[serde(default)]
    vm: OneOrMany<Vm>,
}

/// Fly takes a table for a list of one.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

#[derive(Deserialize)]
struct Mount {
    destination: String,
    #[serde(default)]
    processes: Vec<String>,
}

#[derive(Deserialize)]
struct Check {
    grace_period: Option<toml::Value>,
}

#[derive(Deserialize)]
struct HttpService {
    internal_port: Option<u16>,
}

#[derive(Deserialize)]
struct Vm {
    memory: Option<toml::Value>,
    memory_mb: Option<u32>,
}

impl FlyToml {
    /// Reads the `fly.toml` of the workspace whose folder is `root`.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let text = fs::read_to_string(root.join("fly.toml")).map_err(|error| match error.kind() {
            ErrorKind::NotFound => wrong(format!("there is no fly.toml in {}", root.display()))
                .remedy("write one, or make it with: fly launch --no-deploy"),
            _ => Error::new(Kind::Failed, "fly.toml", format!("fly.toml cannot be read: {error}")),
        })?;
        Ok(Self::parse(&text)?)
    }

    fn parse(text: &str) -> Result<Self, Error> {
        let file: File = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            wrong(format!("fly.toml:{line}: {}", error.message().trim())).remedy("see: fly config validate")
        })?;
        let env: BTreeMap<_, _> = file.env.into_iter().map(|(name, value)| (name, plain(&value))).collect();
        let mount = one(file.mounts).ok_or_else(|| {
            wrong("fly.toml has no [[mounts]]: data would be gone with the machine")
                .remedy("add one with source = \"data\" and destination = \"/data\"")
        })?;
        let volume = mount.destination;
        let db_path = env.get("DB_PATH").cloned().ok_or_else(|| {
            wrong("fly.toml sets no DB_PATH").remedy(format!("add to it: [env] DB_PATH = \"{volume}/db\""))
        })?;
        if Path::new(&db_path).parent() != Some(Path::new(&volume)) {
            return Err(wrong(format!(
                "fly.toml: DB_PATH is {db_path}, and the volume is mounted at {volume}"
            ))
            .remedy(format!("let the database lie on the volume: DB_PATH = \"{volume}/db\"")));
        }
        let port = file.http_service.and_then(|service| service.internal_port).ok_or_else(|| {
            wrong("fly.toml has no [http_service] with an internal_port")
                .remedy("add it, with the port that the service listens on: internal_port = 8080")
        })?;
        Ok(Self {
            app: file
                .app
                .filter(|app| !app.is_empty())
                .ok_or_else(|| wrong("fly.toml names no app").remedy("add to it: app = \"NAME\""))?,
            env,
            db_path,
            group: mount.processes.into_iter().next().unwrap_or_else(|| GROUP.to_owned()),
            volume,
            port,
            kill_timeout: file
                .kill_timeout
                .map_or(Ok(KILL_TIMEOUT), |value| duration("kill_timeout", &value))?,
            grace_periods: grace_periods(file.checks)?,
            memory: one(file.vm).and_then(memory).unwrap_or_else(|| "256mb".to_owned()),
        })
    }
}

fn wrong(message: impl Into<String>) -> Error {
    Error::usage("fly.toml", message)
}

fn one<T>(list: OneOrMany<T>) -> Option<T> {
    match list {
        OneOrMany::One(one) => Some(one),
        OneOrMany::Many(many) => many.into_iter().next(),
    }
}

fn memory(vm: Vm) -> Option<String> {
    let given = vm.memory.map(|value| match value {
        toml::Value::Integer(megabytes) => format!("{megabytes}mb"),
        other => plain(&other),
    });
    given.or_else(|| vm.memory_mb.map(|megabytes| format!("{megabytes}mb")))
}

fn grace_periods(checks: BTreeMap<String, Check>) -> Result<BTreeMap<String, Duration>, Error> {
    let given = checks.into_iter().filter_map(|(name, check)| Some((name, check.grace_period?)));
    given.map(|(name, value)| Ok((name, duration("grace_period", &value)?))).collect()
}

/// Fly takes seconds, or text such as "30s" and "5m".
fn duration(key: &str, value: &toml::Value) -> Result<Duration, Error> {
    let text = plain(value);
    let seconds = text.parse().map(Duration::from_secs).ok();
    seconds.or_else(|| humantime::parse_duration(&text).ok()).ok_or_else(|| {
        wrong(format!("fly.toml: {key} = {value} is no time")).remedy("write it as in \"30s\"")
    })
}

fn plain(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
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
        assert_eq!((read.port, read.kill_timeout.as_secs(), read.memory.as_str()), (80, 20, "1gb"));
        assert_eq!(read.env["LEVEL"], "3");
        assert_eq!((read.group.as_str(), read.grace_periods.len()), ("app", 0));
        let more = GOOD.replace("[mounts]", "[[mounts]]").replace("= 20", "= '2m'").replace("'1gb'", "512");
        let read = FlyToml::parse(&more).unwrap();
        assert_eq!((read.kill_timeout.as_secs(), read.memory.as_str()), (120, "512mb"));
        let checked = GOOD.replace(
            "[mounts]",
            "[checks.a]\ngrace_period = '1m'\n[checks.b]\nport = 80\n[mounts]\nprocesses = ['web']",
        );
        let read = FlyToml::parse(&checked).unwrap();
        assert_eq!(read.group, "web");
        assert_eq!(read.grace_periods, BTreeMap::from([("a".to_owned(), Duration::from_secs(60))]));
        let less = GOOD.replace("kill_timeout = 20\n", "").replace("[[vm]]\nmemory = '1gb'\n", "");
        let read = FlyToml::parse(&less).unwrap();
        assert_eq!((read.kill_timeout, read.memory.as_str()), (KILL_TIMEOUT, "256mb"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_told_with_what_to_write() {
        let error = |old: &str, new: &str| {
            let error = FlyToml::parse(&GOOD.replace(old, new)).unwrap_err();
            let told = crate::error::Told::of(&error.into());
            format!("{}\n{}", told.message, told.remedy)
        };
        assert_snapshot!(error("app = 'shop'", ""), @r#"
        fly.toml names no app
        add to it: app = "NAME"
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
        assert_snapshot!(error("= 20", "= 'long'"), @r#"
        fly.toml: kill_timeout = "long" is no time
        write it as in "30s"
        "#);
    }
}
