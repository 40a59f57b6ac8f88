//! Every command line of every tool, for whatever others may say: what is not ours is neither an option in it nor a refspec.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Command};
use landfall_engine::{Approval, Interrupt, Settings};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::child::Program;
use super::child::recorded;
use super::docker::{self, Container};
use super::fly::release::{NewVolume, Shipment};
use super::fly::{CommandThere, Fly, Guest, Machine, NewMachine, Snapshot, Volume};
use super::{atlas, cargo, git, landfall};
use crate::cli;
use crate::fly_toml::FlyToml;
use crate::local::Local;
use crate::name::{
    AppName, CommitId, CrateName, HOSTILE, Image, MachineId, MachineName, Memory, Organization, PathThere,
    RefName, Region, SnapshotId, Tag, TypedCommit, Variable, VolumeId, VolumeName,
};
use crate::release::audit::Entry;
use crate::release::probe::Version;
use crate::release::shipping::standing::File;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// What has a good form in every place.
const MARK: &str = "mark1";

/// All that tools take of others.
struct Outside {
    app: AppName,
    organization: Organization,
    machine: MachineId,
    machine_name: MachineName,
    volume: VolumeId,
    volume_name: VolumeName,
    snapshot: SnapshotId,
    region: Region,
    images: Vec<Image>,
    tag: Tag,
    guest: Guest,
    memory: Memory,
    mounted_at: PathThere,
    file: PathThere,
    variables: Vec<Variable>,
    package: CrateName,
    commit: CommitId,
    name: RefName,
    typed: TypedCommit,
    allow: Vec<Approval>,
}

/// Of a document with this text at this place, what is read there.
fn read<T: DeserializeOwned>(document: Value, place: &str, text: &str) -> Option<T> {
    let mut document = document;
    *document.pointer_mut(place).expect(place) = Value::from(text);
    serde_json::from_value(document).ok()
}

fn machine(place: &str, text: &str) -> Option<Machine> {
    let document = json!({
        "id": "148e", "name": "blue", "state": "started", "region": "fra", "instance_id": "01",
        "image_ref": {"registry": "registry.fly.io", "repository": "shop", "tag": "first", "digest": "sha256:0123", "labels": {
            "org.opencontainers.image.revision": COMMIT}},
        "config": {"mounts": [{"volume": "vol_1", "path": "/data"}], "guest": {"cpu_kind": "shared", "cpus": 1, "memory_mb": 256},
            "metadata": {"fly_process_group": "app"}},
    });
    read(document, place, text)
}

fn volume(place: &str, text: &str) -> Option<Volume> {
    let document = json!({"id": "vol_1", "name": "data", "region": "fra", "attached_machine_id": "148e"});
    read(document, place, text)
}

fn entry(place: &str, text: &str) -> Option<Entry> {
    let document = json!({
        "kind": "deploy", "outcome": "served", "time": "2026-08-01T10:00:00Z", "who": "ada", "host": "laptop", "app": "shop",
        "commit": COMMIT, "from": null, "image": "r/shop@sha256:0123", "tag": "r/shop:first", "declared": null, "live": null,
        "machine": "148e", "volume": "vol_1", "snapshot": "vs_1", "copy": null, "plan": null, "steps": [], "rows": [],
        "set_aside": ["vol_0"], "seconds": 1.0, "message": "",
    });
    read(document, place, text)
}

fn fly_toml(key: &str, text: &str) -> Option<FlyToml> {
    let mut document: toml::Table = toml::from_str(
        "app = 'shop'\nprimary_region = 'fra'\n[env]\nDB_PATH = '/data/db'\nLEVEL = '3'\n[mounts]\nsource = 'data'\n\
         destination = '/data'\n[http_service]\ninternal_port = 80\n[vm]\nmemory = '1gb'\ncpu_kind = 'shared'\n",
    )
    .unwrap();
    let mut table = &mut document;
    let (path, key) = key.rsplit_once('.').unwrap_or(("", key));
    for part in path.split('.').filter(|part| !part.is_empty()) {
        table = table.get_mut(part).unwrap().as_table_mut().unwrap();
    }
    match key {
        "NAME" => table.insert(text.to_owned(), "x".into()),
        key => table.insert(key.to_owned(), text.into()),
    };
    FlyToml::parse(&document.to_string()).ok()
}

fn typed<T: Args>(flags: &[&str]) -> Option<T> {
    let command = T::augment_args(Command::new("xtask"));
    let matches = command.try_get_matches_from([&["xtask"], flags].concat()).ok()?;
    T::from_arg_matches(&matches).ok()
}

fn org(text: &str) -> Option<Organization> {
    typed::<cli::Deploy>(&[&format!("--org={text}")]).map(|flags| flags.org)
}

fn region(text: &str) -> Option<Region> {
    typed::<cli::Rollback>(&["--data=newest", &format!("--region={text}")])?.region
}

fn tag(text: &str) -> Option<Image> {
    typed::<cli::Image>(&[&format!("--tag={text}")])?.tag
}

/// `text` wherever it can be read; elsewhere what has a good form.
fn outside(text: &str, place: usize) -> Outside {
    // Of what several say, one a round.
    fn one<T>(found: Vec<Option<T>>, place: usize) -> Option<T> {
        let mut found: Vec<_> = found.into_iter().flatten().collect();
        (!found.is_empty()).then(|| found.swap_remove(place % found.len()))
    }
    let good = |text: &str| text.to_owned();
    let status = |file: &str| {
        let document = json!({"file": file, "bytes": 1, "time": "2026-08-01T10:00:00Z"});
        serde_json::from_value::<File>(document).ok().map(|file| file.file)
    };
    let machine = |place: &str| machine(place, text);
    let volume = |place: &str| volume(place, text);
    let entry = |place: &str| entry(place, text);
    let fly_toml = |key: &str| fly_toml(key, text);
    let version = || {
        let document = json!({"commit": text, "schema": {}, "ready_seconds": null});
        serde_json::from_value::<Version>(document).ok()?.commit.commit().cloned()
    };
    let label = || {
        CommitId::parse(
            machine("/image_ref/labels/org.opencontainers.image.revision")?
                .label("org.opencontainers.image.revision")?,
        )
    };
    let images = [
        machine("/image_ref/registry").and_then(|machine| machine.pinned_image()),
        machine("/image_ref/repository").and_then(|machine| machine.pinned_image()),
        machine("/image_ref/digest").and_then(|machine| machine.pinned_image()),
        machine("/image_ref/repository").and_then(|machine| machine.tagged_image()),
        machine("/image_ref/tag").and_then(|machine| machine.tagged_image()),
        entry("/image").and_then(|entry| entry.image),
        entry("/tag").and_then(|entry| entry.tag),
        tag(text),
        Image::parse("shop:first"),
    ];
    let path = |parent: &str| PathThere::parse(&format!("{parent}{text}"));
    let variables =
        [fly_toml("env.LEVEL"), fly_toml("env.NAME"), super::outside::fly_toml("env.LEVEL", MARK)];
    let variables = variables
        .into_iter()
        .flatten()
        .flat_map(|toml| toml.env)
        .map(|(name, value)| Variable::new(&name, &value));
    Outside {
        app: one(vec![fly_toml("app").map(|toml| toml.app)], place).unwrap_or_else(|| MARK.parse().unwrap()),
        organization: org(text).unwrap_or_else(|| MARK.parse().unwrap()),
        machine: one(
            vec![
                machine("/id").map(|machine| machine.id),
                volume("/attached_machine_id").and_then(|volume| volume.attached_machine_id),
                entry("/machine").and_then(|entry| entry.machine),
            ],
            place,
        )
        .unwrap_or_else(|| MARK.parse().unwrap()),
        machine_name: MachineName::parse(text).unwrap_or_else(|| MARK.parse().unwrap()),
        volume: one(
            vec![
                machine("/config/mounts/0/volume")
                    .and_then(|machine| machine.volume_at(&"/data".parse().unwrap())),
                volume("/id").map(|volume| volume.id),
                entry("/volume").and_then(|entry| entry.volume),
                entry("/set_aside/0").and_then(|entry| entry.set_aside.into_iter().next()),
            ],
            place,
        )
        .unwrap_or_else(|| MARK.parse().unwrap()),
        volume_name: one(vec![fly_toml("mounts.source").map(|toml| toml.source)], place)
            .unwrap_or_else(|| MARK.parse().unwrap()),
        snapshot: one(
            vec![
                read::<Snapshot>(json!({"id": "", "status": "created"}), "/id", text)
                    .and_then(|snapshot| snapshot.id),
                entry("/snapshot").and_then(|entry| entry.snapshot),
            ],
            place,
        )
        .unwrap_or_else(|| MARK.parse().unwrap()),
        region: one(
            vec![
                machine("/region").map(|machine| machine.region),
                volume("/region").map(|volume| volume.region),
                fly_toml("primary_region").and_then(|toml| toml.primary_region),
                region(text),
            ],
            place,
        )
        .unwrap_or_else(|| MARK.parse().unwrap()),
        images: images.into_iter().flatten().collect(),
        tag: Tag::parse(text).unwrap_or_else(|| MARK.parse().unwrap()),
        guest: one(
            vec![
                machine("/config/guest/cpu_kind").map(|machine| machine.guest()),
                fly_toml("vm.cpu_kind").and_then(|toml| toml.guest),
            ],
            place,
        )
        .unwrap_or_else(Guest::small),
        memory: one(vec![fly_toml("vm.memory").map(|toml| toml.memory)], place)
            .unwrap_or_else(|| "1gb".parse().unwrap()),
        mounted_at: one(vec![fly_toml("mounts.destination").map(|toml| toml.volume), path("/")], place)
            .unwrap_or_else(|| "/mark1".parse().unwrap()),
        file: one(vec![status(text), status(&format!("/data/{text}")), path("/data/")], place)
            .unwrap_or_else(|| "/data/mark1".parse().unwrap()),
        variables: variables.collect(),
        package: CrateName::parse(text).unwrap_or_else(|| MARK.parse().unwrap()),
        commit: one(
            vec![
                label(),
                version(),
                entry("/commit").and_then(|entry| entry.commit.commit().cloned()),
                CommitId::parse(text),
            ],
            place,
        )
        .unwrap_or_else(|| COMMIT.parse().unwrap()),
        name: one(
            vec![RefName::parse(text), RefName::parse(&format!("refs/landfall/deployed/{text}"))],
            place,
        )
        .unwrap_or_else(|| "refs/landfall/deployed/mark1".parse().unwrap()),
        typed: TypedCommit::parse(text).unwrap_or_else(|| MARK.parse().unwrap()),
        allow: [format!("DROPS_TABLE:{text}"), good(text), good("DROPS_TABLE:mark1")]
            .iter()
            .filter_map(|text| text.parse().ok())
            .collect(),
    }
}

/// Calls each function that starts a program, by its file and its name.
fn drive(given: &Outside, mut call: impl FnMut(&'static str, &dyn Fn())) {
    let never = Interrupt::default();
    let fly = Fly::nowhere(&given.app, &never);
    let here = Path::new("/nowhere");
    let Outside { machine, volume, region, .. } = given;
    let config = json!({"env": {"A": "b"}});
    call("fly machines", &|| drop(fly.machines()));
    let command =
        CommandThere::new("landfall status").file(&given.file).allowing(&given.allow).scrubbing(b"-x");
    call("fly exec", &|| drop(fly.exec(machine, &command, 1)));
    call("fly run_once", &|| drop(fly.run_once(machine, &command)));
    call("fly wake", &|| drop(fly.wake(machine)));
    call("fly start", &|| drop(fly.start(machine)));
    call("fly stop", &|| drop(fly.stop(machine)));
    call("fly volumes", &|| drop(fly.volumes()));
    call("fly fork_volume", &|| drop(fly.fork_volume(volume, &given.volume_name, region)));
    call("fly destroy_volume", &|| drop(fly.destroy_volume(volume)));
    for image in &given.images {
        let new = NewMachine {
            name: &given.machine_name,
            image,
            region,
            volume,
            mounted_at: &given.mounted_at,
            guest: &given.guest,
        };
        call("fly run_machine", &|| drop(fly.run_machine(&new, &given.variables, &["landfall", "idle"])));
        call("fly push", &|| drop(fly.push(here, image, &given.tag)));
        let shipment = Shipment {
            image,
            fly_toml: Path::new("/nowhere/fly.toml"),
            env: &given.variables,
            wait_timeout: Duration::from_secs(1),
        };
        call("fly deploy", &|| drop(fly.deploy(Path::new("/"), &shipment, |_| ())));
        call("fly run_machine_as", &|| drop(fly.run_machine_as(&given.machine_name, image, region, &config)));
        call("docker build", &|| {
            drop(docker::build(Path::new("/"), image, &given.variables, &never, |_| ()));
        });
        call("docker inspect", &|| drop(docker::inspect(image, &Interrupt::default())));
        call("docker history", &|| drop(docker::history(image, &Interrupt::default())));
        call("docker run", &|| drop(docker::run(image, &["atlas", "version"], &Interrupt::default())));
        call("docker create", &|| {
            drop(Container::create(
                image,
                &given.mounted_at,
                80,
                &given.memory,
                &given.variables,
                &Interrupt::default(),
            ));
        });
    }
    call("fly destroy_machine", &|| drop(fly.destroy_machine(machine)));
    call("fly logs", &|| drop(fly.logs(machine)));
    call("fly sftp_get", &|| drop(fly.sftp_get(machine, &given.file, Path::new("/nowhere/file"), 1, |_| ())));
    call("fly client", &|| drop(fly.client()));
    call("fly whoami", &|| drop(fly.whoami()));
    call("fly machine_config", &|| drop(fly.machine_config(machine)));
    call("fly apps", &|| drop(fly.apps()));
    call("fly was_released", &|| drop(fly.was_released()));
    call("fly create_app", &|| drop(fly.create_app(&given.organization)));
    call("fly secrets", &|| drop(fly.secrets()));
    call("fly stage_secret", &|| drop(fly.stage_secret(&Variable::of("APP_PASSWORD", "-x"))));
    let new = NewVolume {
        name: &given.volume_name,
        region,
        size_gb: 1,
        snapshot_retention: Some(5),
        snapshot: Some(&given.snapshot),
        guest: &given.guest,
    };
    call("fly create_volume", &|| drop(fly.create_volume(&new)));
    call("fly mark_set_aside", &|| drop(fly.mark_set_aside(volume)));
    call("fly wait_for_volume", &|| drop(fly.wait_for_volume(volume)));
    call("fly create_snapshot", &|| drop(fly.create_snapshot(volume)));
    call("fly snapshots", &|| drop(fly.snapshots(volume)));
    let (name, path) = (&given.machine_name, &given.mounted_at);
    call("fly clone_machine", &|| drop(fly.clone_machine(machine, name, volume, path, region)));

    call("docker refuse_unfit", &|| drop(docker::refuse_unfit(&never)));
    call("docker builds", &|| drop(docker::builds("linux/arm64", &never)));
    call("docker client", &|| drop(docker::client(&never)));
    call("docker daemon", &|| drop(docker::daemon(&never)));
    call("docker context", &|| drop(docker::context(&never)));
    call("docker buildkit", &|| drop(docker::buildkit(&never)));
    call("docker buildx", &|| drop(docker::buildx(&never)));
    let file = tempfile::NamedTempFile::new().unwrap();
    let in_a_container = |work: &dyn Fn(&Container)| {
        let image = Image::parse("shop:first").unwrap();
        if let Ok(container) =
            Container::create(&image, &given.mounted_at, 80, &given.memory, &[], &Interrupt::default())
        {
            work(&container);
        }
    };
    call("docker put", &|| in_a_container(&|made| drop(made.put(file.path(), &given.file, (1, 1)))));
    call("docker take", &|| in_a_container(&|made| drop(made.take(&given.file, Path::new("/nowhere/file")))));
    call("docker start", &|| in_a_container(&|made| drop(Container::start(made))));
    call("docker address", &|| in_a_container(&|made| drop(made.address())));
    call("docker state", &|| in_a_container(&|made| drop(made.state())));
    call("docker stop", &|| in_a_container(&|made| drop(made.stop(1))));
    call("docker log", &|| in_a_container(&|made| drop(made.log(50))));

    let package = &given.package;
    call("cargo metadata", &|| drop(cargo::metadata(Path::new("/"), &Interrupt::default())));
    call("cargo has", &|| drop(cargo::has("clippy", &Interrupt::default())));
    call("cargo check", &|| drop(cargo::check(Path::new("/"), &["fmt"], &[], &never, |_| ())));
    call("cargo build", &|| drop(cargo::build(Path::new("/"), package, package, &never)));
    call("cargo build_release", &|| drop(cargo::build_release(Path::new("/"), [package, package], &never)));
    call("atlas version", &|| drop(atlas::version(here, &never)));
    let local = Local {
        db: PathBuf::from("/nowhere/db"),
        schema: PathBuf::from("/nowhere/schema.sql"),
        make_folder: false,
        verbose: false,
        settings: Settings::default(),
        command: String::new(),
    };
    let address: SocketAddr = ([127, 0, 0, 1], 1).into();
    call("landfall start", &|| drop(landfall::start(here, here, &local, address, &never, || ())));

    let Outside { commit, name, .. } = given;
    call("git head", &|| drop(git::head(here, &Interrupt::default())));
    call("git source", &|| drop(git::source(here, &Interrupt::default())));
    call("git prefix", &|| drop(git::prefix(here, &Interrupt::default())));
    call("git named", &|| drop(git::named(here, name, &Interrupt::default())));
    call("git typed", &|| drop(git::typed(here, &given.typed, &Interrupt::default())));
    call("git has", &|| drop(git::has(here, commit, &Interrupt::default())));
    call("git show", &|| drop(git::show(here, commit, Path::new("fly.toml"), &Interrupt::default())));
    call("git children", &|| drop(git::children(here, commit, Path::new("db"), &Interrupt::default())));
    call("git commits_since", &|| drop(git::commits_since(here, commit, &Interrupt::default())));
    call("git config", &|| drop(git::config(here, "user.email", &Interrupt::default())));
    call("git common_folder", &|| drop(git::common_folder(here, &Interrupt::default())));
    call("git changed_files", &|| drop(git::changed_files(here, &Interrupt::default())));
    call("git version", &|| drop(git::version(&never)));
    call("git repository", &|| drop(git::repository(here, &never)));
    call("git checked_out", &|| drop(git::checked_out(here, &never)));
    call("git origin_address", &|| drop(git::origin_address(here, &never)));
    call("git has_origin", &|| drop(git::has_origin(here, &Interrupt::default())));
    call("git origin_ref", &|| drop(git::origin_ref(here, name, &never)));
    call("git refs", &|| drop(git::refs(here, &never)));
    call("git fetch", &|| drop(git::fetch(here, commit, &never)));
    call("git is_shallow", &|| drop(git::is_shallow(here, &Interrupt::default())));
    call("git fetch_history", &|| drop(git::fetch_history(here, name, &never)));
    call("git swap", &|| drop(git::swap(here, name, Some(commit), Some(commit))));
    call("git put", &|| drop(git::put(here, name, commit)));
    call("git is_pushed", &|| drop(git::is_pushed(here, commit, &never)));
    call("git tree", &|| drop(git::tree(here, &[("entry.json", "-x")])));
    call("git commit", &|| {
        if let Ok(tree) = git::tree(here, &[]) {
            drop(git::commit(here, &tree, Some(commit), ("-x", "-y"), "-z"));
        }
    });
    call("git reparent", &|| drop(git::reparent(here, commit, commit)));
    call("git set_ref", &|| drop(git::set_ref(here, name, Some(commit), commit)));
    call("git message", &|| drop(git::message(here, commit, &Interrupt::default())));
    call("git history", &|| drop(git::history(here, commit, &Interrupt::default())));
    call("git commits_only_in", &|| drop(git::commits_only_in(here, commit, commit, &Interrupt::default())));
    call("git blob", &|| drop(git::blob(here, commit, "entry.json", &Interrupt::default())));
}

/// Short texts of what means something in a command line.
fn made(count: usize) -> Vec<String> {
    const SIGNS: &[u8] = b"-:+/@=^~. a1\n;*'\"";
    let mut state = 19_u64;
    let mut next = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    (0..count).map(|_| (0..1 + next(6)).map(|_| char::from(SIGNS[next(SIGNS.len())])).collect()).collect()
}

/// What programs take for more than a word: options, and in what is asked of `origin` how many colons each word has.
fn meaning(program: Program, args: &[String]) -> BTreeSet<String> {
    // What is not ours goes on from these: behind them nothing is an option.
    let option =
        |arg: &String| match ["--env=", "--force-with-lease="].iter().find(|own| arg.starts_with(**own)) {
            Some(own) => (*own).to_owned(),
            None => arg.clone(),
        };
    let mut meaning: BTreeSet<_> = args.iter().filter(|arg| arg.starts_with('-')).map(option).collect();
    if program == Program::Git
        && args.iter().any(|arg| ["fetch", "push", "ls-remote"].contains(&arg.as_str()))
    {
        meaning.extend(
            args.iter().enumerate().map(|(at, arg)| format!("{at}: {} colons", arg.matches(':').count())),
        );
    }
    meaning
}

/// What every function's command lines mean, by its name.
fn meanings(given: &Outside, instead: &'static str) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut all = BTreeMap::<_, BTreeSet<_>>::new();
    drive(given, |name, work| {
        let calls = recorded::of(instead, work);
        all.entry(name).or_default().extend(calls.iter().flat_map(|(program, args)| meaning(*program, args)));
    });
    all
}

#[test]
fn no_command_line_means_something_else_for_what_others_say() {
    // How a call ends decides which calls come after it, and never their words.
    let good = ["true", "false"].map(|instead| (instead, meanings(&outside(MARK, 0), instead)));
    let hostile: Vec<_> = HOSTILE.iter().map(|text| (*text).to_owned()).chain(made(12)).collect();
    for (round, text) in hostile.iter().chain([&"a".repeat(200_000)]).enumerate() {
        let (instead, good) = &good[round % 2];
        for (name, found) in meanings(&outside(text, round), instead) {
            let more: Vec<_> = found.difference(&good[name]).collect();
            assert_eq!(more, [] as [&String; 0], "{name} of {}", text.escape_debug());
        }
    }
}

#[test]
fn what_others_say_well_is_in_the_command_lines_that_are_looked_at() {
    let (mut all, mut with) = (BTreeSet::new(), BTreeSet::new());
    drive(&outside(MARK, 0), |name, work| {
        all.insert(name);
        let calls = recorded::of("true", work);
        if calls.iter().flat_map(|(_, args)| args).any(|arg| arg.contains(MARK) || arg.contains(COMMIT)) {
            with.insert(name);
        }
    });
    // They are given nothing of others, or nothing in their command line.
    insta::assert_snapshot!(all.difference(&with).copied().collect::<Vec<_>>().join("\n"));
}

/// A function that is not looked at above would be a hole.
#[test]
fn every_function_that_starts_a_program_is_looked_at() {
    let mut driven = BTreeSet::new();
    drive(&outside(MARK, 0), |name, _| {
        driven.insert(name.to_owned());
    });
    // What decides, reads or names, and starts nothing.
    let quiet = [
        "fly app",
        "fly of",
        "fly of_none",
        "fly with",
        "fly within",
        "fly may_pass",
        "fly remedy",
        "fly is_there",
        "fly is_too_old",
        "fly is_release",
        "fly binary",
        "docker platform",
        "docker bytes",
        "docker remedy",
        "docker read",
        "atlas child",
        "atlas find",
        "landfall find",
        "atlas download",
        "git ambiguous",
    ];
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tool");
    let files = ["fly.rs", "fly/release.rs", "docker.rs", "cargo.rs", "atlas.rs", "landfall.rs"];
    let git = ["git/ask.rs", "git/object.rs", "git/origin.rs", "git/repository.rs"];
    let mut found = BTreeSet::new();
    for file in files.iter().chain(&git) {
        let text = fs::read_to_string(tool.join(file)).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap().replace("pub fn ", "pub(crate) fn ");
        let tool = file.split(['/', '.']).next().unwrap();
        for rest in code.split("pub(crate) fn ").skip(1) {
            found.insert(format!("{tool} {}", rest.split(['(', '<']).next().unwrap()));
        }
    }
    found.retain(|name| !quiet.contains(&name.as_str()));
    assert_eq!(found, driven);
    // And there is no other file that could start any.
    let known = ["child.rs", "run.rs", "mod.rs", "outside.rs", "programs.rs"];
    for entry in fs::read_dir(&tool).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_known = files.contains(&name.as_str())
            || known.contains(&name.as_str())
            || ["fly", "git", "snapshots"].contains(&name.as_str());
        assert!(is_known, "{name}");
    }
}
