//! The workspace and its configuration, `[workspace.metadata.landfall]`: read once, typed.

use std::path::{Path, PathBuf};

use anyhow::Result;
use cargo_metadata::{Metadata, Package, TargetKind};
use landfall_engine::{ColumnOrder, FastPath, Interrupt, PlannerChoice, Settings};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::Error;
use crate::name::CrateName;

const SECTION: &str = "[workspace.metadata.landfall]";
const KEYS: &[&str] =
    &["app", "schema", "local-db", "planner", "column-order", "fast-path", "ignore", "scrub", "atlas"];
const SCRUB: &str = "a list of SQL statements, such as [\"UPDATE customers SET last_name = 'L' || id\"]";
/// Where copies of production's database are kept, in the workspace's folder.
const PULLED: &str = ".data/pulled";
const ATLAS_KEYS: &[&str] = &["version", "image"];

/// What Landfall knows of the project it works in.
#[derive(Debug)]
pub struct Project {
    /// The workspace's folder.
    pub root: PathBuf,
    /// The package that is shipped.
    pub app: CrateName,
    /// `schema.sql`, as a path for messages: relative where it is below the working directory.
    pub schema: PathBuf,
    /// The same, relative to the workspace's folder.
    pub(crate) schema_in_root: PathBuf,
    /// The local database, as a path for messages.
    pub local_db: PathBuf,
    /// Who may propose a plan.
    pub(crate) planner: PlannerChoice,
    /// What a different order of columns means.
    pub(crate) column_order: ColumnOrder,
    pub(crate) fast_path: FastPath,
    /// GLOB patterns of tables that no step sees.
    pub(crate) ignore: Vec<String>,
    /// SQL statements that take out of a copy what must not leave production.
    pub(crate) scrub: Vec<String>,
    /// Where copies of production's database are kept, as a path for messages.
    pub(crate) pulled: PathBuf,
    /// The image that Atlas comes from, where the configuration names one.
    pub(crate) atlas_image: Option<String>,
    /// The version of Atlas, where the configuration names one.
    pub(crate) atlas_version: Option<String>,
    metadata: Metadata,
}

/// The value of `schema`, a path or a list of them, as one path list.
pub(crate) fn paths(value: &Value) -> Option<PathBuf> {
    let texts = match value {
        Value::String(path) => vec![path.as_str()],
        Value::Array(paths) => paths.iter().map(Value::as_str).collect::<Option<_>>()?,
        _ => return None,
    };
    let is_list = !texts.is_empty() && texts.iter().all(|text| !text.is_empty());
    let joined = std::env::join_paths(texts.iter().filter(|_| texts.len() > 1));
    match texts.as_slice() {
        [path] if is_list => Some(PathBuf::from(path)),
        _ if is_list => joined.ok().map(PathBuf::from),
        _ => None,
    }
}

/// Each path of a list made another one.
pub(crate) fn each(list: &Path, other: impl Fn(&Path) -> PathBuf) -> PathBuf {
    let paths: Vec<_> = std::env::split_paths(list).collect();
    match paths.as_slice() {
        [_, _, ..] => std::env::join_paths(paths.iter().map(|path| other(path)))
            .map_or_else(|_| other(list), PathBuf::from),
        _ => other(list),
    }
}

impl Project {
    /// Takes what `cargo metadata` said in the folder `here`.
    pub(crate) fn new(metadata: Metadata, here: &Path) -> Result<Self> {
        let root = PathBuf::from(&metadata.workspace_root);
        let manifest = near(root.join("Cargo.toml"), here);
        let table = Table::landfall(&metadata, &manifest)?;
        let schema = table.paths("schema", "schema.sql")?;
        let (atlas_version, atlas_image) = table.atlas()?;
        Ok(Self {
            app: table.name("app", "app", "the name of a package")?,
            schema: each(&schema, |path| near(root.join(path), here)),
            schema_in_root: schema,
            local_db: near(root.join(table.text("local-db", ".data/db", "a path")?), here),
            planner: table.word("planner", "auto", &["auto", "atlas", "builtin"])?,
            fast_path: table.word("fast-path", "proved", &["proved", "full", "off"])?,
            column_order: table.word("column-order", "report", &["report", "exact"])?,
            ignore: table
                .value("ignore", "a list of GLOB patterns, such as [\"cache_*\"]")?
                .unwrap_or_default(),
            scrub: table.value("scrub", SCRUB)?.unwrap_or_default(),
            pulled: near(root.join(PULLED), here),
            atlas_image,
            atlas_version,
            root,
            metadata,
        })
    }

    /// What the engine is told of the configuration.
    pub(crate) fn settings(&self, interrupt: &Interrupt) -> Settings {
        Settings {
            planner: self.planner,
            column_order: self.column_order,
            fast_path: self.fast_path,
            ignore: self.ignore.clone(),
            interrupt: interrupt.clone(),
            ..Settings::default()
        }
    }

    /// Where cargo builds: neither committed nor sent to Docker.
    #[must_use]
    pub fn target(&self) -> &Path {
        self.metadata.target_directory.as_std_path()
    }

    /// A file of the workspace as its root names it.
    pub(crate) fn in_root(&self, file: &Path) -> PathBuf {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let file = real(file);
        file.strip_prefix(real(&self.root)).map(Path::to_owned).unwrap_or(file)
    }

    /// The version of the shipped package.
    pub(crate) fn app_version(&self) -> Result<String> {
        Ok(self.app_package()?.version.to_string())
    }

    /// The name of the binary that the shipped package runs as.
    ///
    /// # Errors
    /// The workspace has no such package, or the package no such binary.
    pub fn app_binary(&self) -> Result<CrateName> {
        let package = self.app_package()?;
        let binaries = package.targets.iter().filter(|target| target.is_kind(TargetKind::Bin));
        let mut binaries: Vec<_> = binaries.filter_map(|target| CrateName::parse(&target.name)).collect();
        let preferred = package.default_run.as_deref().unwrap_or(&self.app);
        if let Some(found) = binaries.iter().position(|name| name == preferred) {
            return Ok(binaries.swap_remove(found));
        }
        match binaries.as_slice() {
            [only] => Ok(only.clone()),
            _ => Err(Error::usage("app", format!("the package \"{}\" has no binary to run", self.app))
                .remedy("give it a src/main.rs, or name one of several with `default-run`")
                .into()),
        }
    }

    /// Whether the workspace has a package of this name.
    pub(crate) fn has_package(&self, name: &CrateName) -> bool {
        self.metadata.workspace_packages().iter().any(|package| *package.name == **name)
    }

    fn app_package(&self) -> Result<&Package> {
        let packages = self.metadata.workspace_packages();
        packages.iter().find(|package| *package.name == *self.app).copied().ok_or_else(|| {
            let names: Vec<_> = packages.iter().map(|package| package.name.as_str()).collect();
            Error::usage("app", format!("the workspace has no package \"{}\"", self.app))
                .remedy(format!("set `app` in {SECTION} to one of: {}", names.join(", ")))
                .into()
        })
    }
}

/// A path for messages: without the working directory in front.
fn near(path: PathBuf, here: &Path) -> PathBuf {
    path.strip_prefix(here).map(Path::to_path_buf).unwrap_or(path)
}

/// A table of the manifest whose keys are all known.
struct Table<'a> {
    map: Map<String, Value>,
    prefix: &'static str,
    manifest: &'a Path,
}

impl<'a> Table<'a> {
    fn landfall(metadata: &Metadata, manifest: &'a Path) -> Result<Self> {
        let value = metadata.workspace_metadata.get("landfall").cloned().unwrap_or(Value::Object(Map::new()));
        Self::new(value, "", manifest, KEYS)
    }

    fn new(value: Value, prefix: &'static str, manifest: &'a Path, known: &[&str]) -> Result<Self> {
        let Value::Object(map) = value else {
            let name =
                format!("[workspace.metadata.landfall{}]", if prefix.is_empty() { "" } else { ".atlas" });
            let message = format!("{}: {name} is not a table", manifest.display());
            return Err(Error::usage(name, message).into());
        };
        let table = Self { map, prefix, manifest };
        match table.map.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(table.unknown(key, known).into()),
            None => Ok(table),
        }
    }

    fn unknown(&self, key: &str, known: &[&str]) -> Error {
        let near = |name: &&&str| (strsim::jaro_winkler(key, name) * 1000.0) as u32;
        let remedy = match known.iter().max_by_key(near) {
            Some(nearest) if near(&nearest) > 700 => {
                format!("did you mean `{}{nearest}`?", self.prefix)
            }
            _ => format!("the keys are: {}", known.join(", ")),
        };
        let message = format!("{}: unknown key `{}{key}` in {SECTION}", self.manifest.display(), self.prefix);
        Error::usage(format!("{}{key}", self.prefix), message).remedy(remedy)
    }

    /// Version and image of the pinned Atlas.
    fn atlas(&self) -> Result<(Option<String>, Option<String>)> {
        let Some(value) = self.map.get("atlas") else {
            return Ok((None, None));
        };
        let atlas = Table::new(value.clone(), "atlas.", self.manifest, ATLAS_KEYS)?;
        let version = atlas.value("version", "a version, such as \"1.2.3\"")?;
        Ok((version, atlas.value("image", "an image, such as \"arigaio/atlas:1.2.3-community\"")?))
    }

    fn value<T: DeserializeOwned>(&self, key: &str, allowed: &str) -> Result<Option<T>> {
        let Some(value) = self.map.get(key) else {
            return Ok(None);
        };
        match serde_json::from_value(value.clone()) {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(self.wrong(key, value, allowed).into()),
        }
    }

    /// A path, or several as PATH has them.
    fn paths(&self, key: &str, default: &str) -> Result<PathBuf> {
        let paths = paths(self.map.get(key).unwrap_or(&Value::String(default.to_owned())));
        paths.ok_or_else(|| {
            let value = self.map.get(key).cloned().unwrap_or_default();
            self.wrong(key, &value, "a path, of a file or of a folder, or a list of paths").into()
        })
    }

    fn text(&self, key: &str, default: &str, allowed: &str) -> Result<String> {
        let text = self.value(key, allowed)?.unwrap_or_else(|| default.to_owned());
        if text.is_empty() {
            return Err(self.wrong(key, &Value::String(text), allowed).into());
        }
        Ok(text)
    }

    fn name(&self, key: &str, default: &str, allowed: &str) -> Result<CrateName> {
        let text = self.text(key, default, allowed)?;
        CrateName::parse(&text).ok_or_else(|| self.wrong(key, &Value::String(text), allowed).into())
    }

    fn word<T: std::str::FromStr>(&self, key: &str, default: &str, words: &[&str]) -> Result<T> {
        let allowed = format!("one of: {}", words.join(", "));
        let word = self.text(key, default, &allowed)?;
        let known = words.contains(&word.as_str()).then(|| word.parse().ok()).flatten();
        known.ok_or_else(|| self.wrong(key, &Value::String(word), &allowed).into())
    }

    fn wrong(&self, key: &str, value: &Value, allowed: &str) -> Error {
        let key = format!("{}{key}", self.prefix);
        let message = format!("{}: `{key} = {value}` in {SECTION} is not accepted", self.manifest.display());
        Error::usage(key.clone(), message).remedy(format!("`{key}` is {allowed}"))
    }
}
