//! `cargo xtask doctor`: on machines that have nothing, everything, or something that does not work. PATH is a folder of programs that
//! the test made.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use landfall_testkit::world::{MANIFEST, Said, World};
use rustix::process::{Pid, Signal};

use crate::XTASK;

const SCHEMA: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY);\nCREATE INDEX i ON customers (id);\n";
const FLY_TOML: &str = include_str!("../../../fly.toml");
/// What nobody is to read, wherever it comes from.
const SECRET: &str = "FlyV1 fm2_secret";

const GIT: &str = r#"case "$*" in
--version) echo "git version 2.47.3" ;;
*--show-toplevel) echo /somewhere ;;
*--verify*) echo 0123456789abcdef0123456789abcdef01234567 ;;
*get-url*) echo "https://me:pass@example.com/shop.git" ;;
*) exit 1 ;;
esac"#;
const DOCKER: &str = r#"case "$*" in
--version) echo "Docker version 28.2.2, build e6534b4" ;;
version*) echo '{"Version":"27.3.1","Os":"linux","Arch":"amd64"}' ;;
"context inspect"*) echo "default unix:///var/run/docker.sock" ;;
"build --help") [ "$DOCKER_BUILDKIT" = 1 ] && echo "Usage:  docker buildx build" ;;
"buildx version") echo "github.com/docker/buildx v0.24.0 d0e5e86" ;;
*) exit 1 ;;
esac"#;
const FLY: &str = r#"case "$*" in
"version --json") echo '{"Name":"fly","Version":"0.4.80","OS":"linux","Environment":"production"}' ;;
"auth whoami --json") echo '{"email":"ada@example.com"}' ;;
*) exit 1 ;;
esac"#;
const ATLAS: &str =
    "echo 'atlas community version v1.2.3'\necho https://github.com/ariga/atlas/releases/tag/v1.2.3";

/// A machine with these programs, and nothing else but what cargo needs.
fn machine(programs: &[(&str, &str)]) -> World {
    let world = World::new(XTASK, SCHEMA);
    world.write("fly.toml", FLY_TOML);
    world.write("home/.fly/config.yml", format!("access_token: {SECRET}\n"));
    fs::create_dir(world.path("bin")).unwrap();
    for (name, script) in programs {
        program(&world, name, script);
    }
    // Of the same toolchain, which is asked for nothing but the workspace.
    symlink(Path::new(env!("CARGO")).with_file_name("rustc"), world.path("bin/rustc")).unwrap();
    let (path, home) = (world.path("bin"), world.path("home"));
    world.with_env("PATH", path).with_env("HOME", home).with_env("CARGO", env!("CARGO"))
}

fn program(world: &World, name: &str, script: &str) {
    let file = format!("bin/{name}");
    world.write(&file, format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(world.path(&file), fs::Permissions::from_mode(0o755)).unwrap();
}

fn complete() -> World {
    machine(&[("git", GIT), ("docker", DOCKER), ("fly", FLY), ("atlas", ATLAS)])
}

/// `doctor`, which must end with this code, change no file, and tell no secret.
#[track_caller]
fn doctor(world: &World, exit: i32) -> Said {
    doctor_with(world, exit, &["doctor"])
}

#[track_caller]
fn doctor_with(world: &World, exit: i32, args: &[&str]) -> Said {
    let before = files(&world.path(""));
    let said = world.run(args);
    assert_eq!(said.exit, exit, "{said}");
    assert!(files(&world.path("")) == before, "a file was changed: {said}");
    assert!(!said.to_string().contains(SECRET) && !said.to_string().contains("pass@"), "{said}");
    said
}

/// Every file below a folder, with what is in it.
fn files(folder: &Path) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let nested = entries.flat_map(|path| match path.is_dir() {
        true => files(&path),
        false => BTreeMap::from([(path.clone(), fs::read(&path).unwrap())]),
    });
    nested.collect()
}

/// What the lines about this say, with what is told below them.
#[track_caller]
fn lines(said: &Said, names: &[&str]) -> String {
    let mut wanted = false;
    let about = |line: &&str| {
        if !line.starts_with("     ") {
            wanted = names.iter().any(|name| line.get(10..25).is_some_and(|cell| cell.trim_end() == *name));
        }
        wanted
    };
    said.stdout.lines().filter(about).map(|line| format!("{line}\n")).collect()
}

/// Snapshots where remedies are for this kind of machine.
macro_rules! assert_told {
    ($said:expr, @$snapshot:literal) => {
        insta::with_settings!({ filters => vec![
            (r"sudo apt install [^,]+ \(Debian, Ubuntu\), or see", "[INSTALL], or see"),
            (r"brew install [^,]+, or see", "[INSTALL], or see"),
            (r"curl -L https://fly.io/install.sh \| sh, then .*", "[INSTALL], or see https://fly.io/docs/flyctl/install/"),
            (r"-(linux|darwin)-(amd64|arm64)-", "-[OS]-[ARCH]-"),
        ] }, {
            assert_snapshot!($said, @$snapshot);
        });
    };
}

#[test]
fn where_everything_is_there_it_says_which() {
    assert_told!(doctor(&complete(), 0), @"
    $ cargo xtask doctor
    --- exit code 0
    --- stdout
    ok        git              2.47.3
    ok        repository       commit 0123456789ab is checked out
    ok        origin           https://example.com/shop.git
    ok        docker           28.2.2
    ok        docker daemon    27.3.1 at unix:///var/run/docker.sock (context default)
    ok        BuildKit         buildx v0.24.0
    ok        fly              0.4.80 at [DIR]/bin/fly
    ok        token            of ada@example.com, from fly's own login
    ok        atlas            1.2.3 at [DIR]/bin/atlas
    ok        fly.toml         app landfall-customers, with its database /data/db on the volume at /data
    ok        schema.sql       db/declared.sql: 1 table, 1 index
    --- stderr
           Ready everything that a deploy needs is here
    ");
}

#[test]
fn where_nothing_is_there_each_line_says_what_gets_it() {
    let world = machine(&[]);
    fs::remove_file(world.path("fly.toml")).unwrap();
    fs::remove_file(world.path("db/declared.sql")).unwrap();
    assert_told!(doctor(&world, 1), @"
    $ cargo xtask doctor
    --- exit code 1
    --- stdout
    needed    git              it was not found on PATH
                               mend it: [INSTALL], or see https://git-scm.com/downloads
    not read  repository       not asked: there is no git
    not read  origin           not asked: there is no git
    needed    docker           it was not found on PATH
                               mend it: [INSTALL], or see https://docs.docker.com/engine/install/
    not read  docker daemon    not asked: there is no docker
    not read  BuildKit         not asked: there is no docker
    needed    fly              it was not found on PATH
                               mend it: [INSTALL], or see https://fly.io/docs/flyctl/install/
    not read  token            not asked: there is no fly
    optional  atlas            it was not found: the built-in planner plans alone
                               mend it: curl -fLo /tmp/atlas https://release.ariga.io/atlas/atlas-community-[OS]-[ARCH]-v1.2.3 && sudo install /tmp/atlas /usr/local/bin/atlas
    needed    fly.toml         there is no fly.toml in [DIR]
                               mend it: write one, or make it with: fly launch --no-deploy
    needed    schema.sql       the schema db/declared.sql cannot be read: it does not exist
                               mend it: write the CREATE statements of the database there, or name another file
    --- stderr
       Not ready a deploy lacks 5 things: each line above says what mends it
    ");
}

#[test]
fn the_json_document_has_every_line() {
    let world = complete();
    program(&world, "fly", "exit 1");
    let said = doctor_with(&world, 1, &["doctor", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&document["command"], &document["exit"]), (&"doctor".into(), &1.into()));
    let checks = document["report"]["checks"].as_array().unwrap();
    let verdicts: Vec<_> =
        checks.iter().map(|check| format!("{} {}", check["name"], check["verdict"])).collect();
    assert_snapshot!(verdicts.join("\n"), @r#"
    "git" "fine"
    "repository" "fine"
    "origin" "fine"
    "docker" "fine"
    "docker daemon" "fine"
    "BuildKit" "fine"
    "fly" "unknown"
    "token" "not-read"
    "atlas" "fine"
    "fly.toml" "fine"
    "schema.sql" "fine"
    "#);
    assert_eq!(document["error"], serde_json::Value::Null);
}

#[test]
fn what_a_deploy_does_without_is_no_failure() {
    let world = complete();
    program(
        &world,
        "git",
        &GIT.replace("echo \"https", "echo \"error: No such remote 'origin'\" >&2; exit 2; echo \"https"),
    );
    fs::remove_file(world.path("bin/atlas")).unwrap();
    assert_told!(lines(&doctor(&world, 0), &["origin", "atlas"]), @"
    optional  origin           there is none: what is deployed is recorded in this repository alone
                               mend it: git remote add origin ADDRESS
    optional  atlas            it was not found: the built-in planner plans alone
                               mend it: curl -fLo /tmp/atlas https://release.ariga.io/atlas/atlas-community-[OS]-[ARCH]-v1.2.3 && sudo install /tmp/atlas /usr/local/bin/atlas
    ");
}

#[test]
fn a_folder_that_is_no_repository_or_has_no_commit() {
    let world = complete();
    let not_one = "echo 'fatal: not a git repository (or any of the parent directories): .git' >&2; exit 128";
    let somebody_elses =
        "echo \"fatal: detected dubious ownership in repository at '/somewhere'\" >&2; exit 128";
    let empty = "echo 'fatal: Needed a single revision' >&2; exit 128";
    let mut all = String::new();
    for script in [
        GIT.replace("echo /somewhere", not_one),
        GIT.replace("echo /somewhere", somebody_elses),
        GIT.replace("echo 0123456789abcdef0123456789abcdef01234567", empty),
    ] {
        program(&world, "git", &script);
        all.push_str(&lines(&doctor(&world, 1), &["repository", "origin"]));
    }
    assert_snapshot!(world.normal(&all), @r#"
    needed    repository       not a git repository (or any of the parent directories): .git
                               mend it: git init && git add --all && git commit --message "The first state"
    not read  origin           not asked: there is no commit
    needed    repository       detected dubious ownership in repository at '/somewhere'
                               mend it: git config --global --add safe.directory /somewhere
    not read  origin           not asked: there is no commit
    needed    repository       it has no commit yet, and a deploy is of one
                               mend it: git add --all && git commit --message "The first state"
    not read  origin           not asked: there is no commit
    "#);
}

#[test]
fn a_docker_client_without_a_daemon_or_without_buildkit() {
    let world = complete();
    let told = |script: &str| {
        program(&world, "docker", script);
        lines(&doctor(&world, 1), &["docker", "docker daemon", "BuildKit"])
    };
    let daemon = "echo '{\"Version\":\"27.3.1\",\"Os\":\"linux\",\"Arch\":\"amd64\"}'";
    let absent = DOCKER.replace(daemon, "echo null; echo 'Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?' >&2; exit 1");
    assert_told!(told(&absent), @"
    ok        docker           28.2.2
    needed    docker daemon    it does not answer: Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?
                               mend it: start it (systemctl start docker, or Docker Desktop), or set DOCKER_HOST to one that runs
    ok        BuildKit         buildx v0.24.0
    ");
    let forbidden = DOCKER.replace(
        daemon,
        "echo 'permission denied while trying to connect to the Docker daemon socket' >&2; exit 1",
    );
    assert_told!(told(&forbidden), @"
    ok        docker           28.2.2
    needed    docker daemon    it does not answer: permission denied while trying to connect to the Docker daemon socket
                               mend it: let this user ask the daemon: sudo usermod -aG docker $USER, then log in again
    ok        BuildKit         buildx v0.24.0
    ");
    let no_buildx = DOCKER.replace(
        "[ \"$DOCKER_BUILDKIT\" = 1 ] &&",
        "echo 'ERROR: BuildKit is enabled but the buildx component is missing or broken.' >&2; exit 1;",
    );
    assert_told!(told(&no_buildx), @"
    ok        docker           28.2.2
    ok        docker daemon    27.3.1 at unix:///var/run/docker.sock (context default)
    needed    BuildKit         BuildKit is enabled but the buildx component is missing or broken.
                               mend it: [INSTALL], or see https://docs.docker.com/go/buildx/
    ");
}

#[test]
fn an_old_docker_client_builds_without_buildx() {
    let world = complete();
    program(&world, "docker", &DOCKER.replace("echo \"github.com", "exit 1; echo \"github.com"));
    assert_snapshot!(lines(&doctor(&world, 0), &["BuildKit"]), @"ok        BuildKit         the client's own: it needs no buildx");
}

#[test]
fn a_daemon_that_builds_for_other_machines_than_flys() {
    let world = complete();
    program(&world, "docker", &DOCKER.replace("amd64", "arm64"));
    assert_snapshot!(lines(&doctor(&world, 1), &["docker daemon"]), @"
    needed    docker daemon    27.3.1 at unix:///var/run/docker.sock (context default) runs programs of linux/arm64 alone, and Fly's machines are linux/amd64
                               mend it: let it run programs of linux/amd64: docker run --privileged --rm tonistiigi/binfmt --install amd64; or set DOCKER_HOST to a daemon on such a machine
    ");
    world.write("Dockerfile", "FROM scratch\n");
    let image = world.run(&["image", "--no-smoke"]);
    assert_eq!(image.exit, 1, "{image}");
    assert_snapshot!(image.stderr, @"
    error: the Docker here runs programs of linux/arm64 alone, and Fly's machines are linux/amd64; nothing was changed
    let it run programs of linux/amd64: docker run --privileged --rm tonistiigi/binfmt --install amd64; or set DOCKER_HOST to a daemon on such a machine
    ");
    // One that lists it as what its emulation can do.
    let emulating =
        "\"buildx inspect\") echo 'Platforms: linux/arm64*, linux/amd64, linux/arm/v7' ;;\n*) exit 1 ;;";
    program(&world, "docker", &DOCKER.replace("amd64", "arm64").replace("*) exit 1 ;;", emulating));
    let world = world.with_env("DOCKER_HOST", "unix:///var/run/docker.sock");
    assert_snapshot!(lines(&doctor(&world, 0), &["docker daemon"]), @"ok        docker daemon    27.3.1 at unix:///var/run/docker.sock (DOCKER_HOST), linux/arm64: it builds for linux/amd64 by emulation");
}

#[test]
fn an_image_is_always_built_for_flys_machines() {
    let world = complete();
    program(&world, "git", &GIT.replace("*) exit 1", "*\" status \"*) ;;\n*) exit 1"));
    world.write("Dockerfile", "FROM scratch\n");
    let docker = |architecture: &str| {
        let inspected = format!(
            "image*) echo '{{\"Id\":\"sha256:0\",\"Size\":1,\"Config\":{{\"User\":\"\"}},\"Os\":\"linux\",\"Architecture\":\"{architecture}\"}}' ;;"
        );
        let build =
            format!("\"build --platform linux/amd64 \"*) ;;\nhistory*) ;;\n{inspected}\n*) exit 1 ;;");
        program(&world, "docker", &DOCKER.replace("*) exit 1 ;;", &build));
        world.run(&["image", "--no-smoke", "--tag", "shop:1"])
    };
    let said = docker("amd64");
    assert_eq!(said.exit, 0, "{said}");
    let said = docker("arm64");
    assert_eq!(said.exit, 1, "{said}");
    assert_snapshot!(&said.stderr[said.stderr.find("error: ").unwrap()..], @"
    error: the image shop:1 is for linux/arm64, and Fly's machines are linux/amd64
    take images of that platform: --builder-image, --atlas-image and --base-image
    ");
}

#[test]
fn a_daemon_that_hangs_is_not_waited_for() {
    let world = complete();
    // Not with `exec`: what it started itself is left behind, and keeps nobody waiting either.
    program(&world, "docker", &DOCKER.replace("version*)", "version*) /bin/sleep 60; true ;;\nx)"));
    let begun = Instant::now();
    assert_told!(lines(&doctor(&world, 1), &["docker", "docker daemon", "BuildKit"]), @"
    ok        docker           28.2.2
    needed    docker daemon    it does not answer: no answer within 10 s
                               mend it: start it (systemctl start docker, or Docker Desktop), or set DOCKER_HOST to one that runs
    not read  BuildKit         not asked: the daemon did not answer in time
    ");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[test]
fn a_client_that_hangs_is_not_waited_for() {
    let world = complete();
    program(&world, "docker", "/bin/sleep 60; true");
    let begun = Instant::now();
    assert_snapshot!(lines(&doctor(&world, 1), &["docker", "docker daemon", "BuildKit"]), @"
    unknown   docker           no answer within 10 s
                               mend it: see what it says itself: docker --version
    not read  docker daemon    not asked: docker did not answer
    not read  BuildKit         not asked: docker did not answer
    ");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[test]
fn a_request_to_stop_ends_it_at_once() {
    let world = complete();
    program(&world, "docker", "echo >\"$HOME/asked\"; /bin/sleep 60; true");
    let (args, begun) = (["doctor"], Instant::now());
    let mut command = world.command(&args);
    let running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !world.path("home/asked").exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "docker is never asked");
        thread::sleep(Duration::from_millis(20));
    }
    let asked = Instant::now();
    rustix::process::kill_process(Pid::from_child(&running), Signal::INT).unwrap();
    let said = world.said(&args, &running.wait_with_output().unwrap());
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert_snapshot!(said, @"
    $ cargo xtask doctor
    --- exit code 1
    --- stdout
    --- stderr
    error: interrupted; nothing was changed
    ");
}

#[test]
fn an_old_fly_is_not_enough_and_one_that_somebody_built_is_told() {
    let world = complete();
    program(&world, "fly", &FLY.replace("0.4.80", "0.3.231"));
    assert_snapshot!(lines(&doctor(&world, 1), &["fly"]), @"
    needed    fly              0.3.231 at [DIR]/bin/fly, older than 0.4.80, whose words are known here
                               mend it: fly version upgrade
    ");
    program(
        &world,
        "fly",
        &FLY.replace("0.4.80", "2026.11.24-dev.1795555555").replace("production", "development"),
    );
    assert_snapshot!(lines(&doctor(&world, 0), &["fly"]), @"
    ok        fly              2026.11.24-dev.1795555555 at [DIR]/bin/fly
                               somebody's own build: whether it is as new as 0.4.80 is not known
    ");
    program(&world, "fly", &FLY.replace("0.4.80", "0.5.3"));
    assert_snapshot!(lines(&doctor(&world, 0), &["fly"]), @"ok        fly              0.5.3 at [DIR]/bin/fly");
}

/// The words of flyctl 0.4.80.
#[test]
fn a_token_that_is_missing_not_accepted_or_cannot_be_asked_about() {
    let world = complete().with_env("FLY_API_TOKEN", SECRET);
    let told = |exit: i32, script: &str| {
        program(&world, "fly", &FLY.replace("echo '{\"email\":\"ada@example.com\"}'", script));
        lines(&doctor(&world, exit), &["token"])
    };
    let failed = |line: &str| format!("echo \"{line}\" >&2; exit 1");
    let asked = "Error: failed retrieving current user: failed to run query { viewer { ... on User { id email } } }: ";
    assert_snapshot!(told(0, "echo '{\"email\":\"ada@example.com\"}'"), @"ok        token            of ada@example.com, from FLY_API_TOKEN");
    assert_snapshot!(told(1, &failed("Error: no access token available. Please login with 'flyctl auth login'")), @"
    needed    token            fly has no token
                               mend it: log in: fly auth login; or set FLY_API_TOKEN
    ");
    assert_snapshot!(told(1, &failed(&format!("{asked}You must be authenticated to view this."))), @"
    needed    token            Fly does not accept the token: `fly auth whoami --json` was refused; it is from FLY_API_TOKEN
                               mend it: take a new token: fly tokens create deploy; and set FLY_API_TOKEN to it
    ");
    let offline =
        format!("{asked}Post https://api.fly.io/graphql: dial tcp: lookup api.fly.io: no such host");
    assert_snapshot!(told(0, &failed(&offline)), @"not read  token            not asked: there is no way to Fly from here");
    assert_snapshot!(told(1, &failed(&format!("{asked}internal (Request ID: 01M8-sim)"))), @"
    unknown   token            `fly auth whoami --json` failed: failed retrieving current user: failed to run query { viewer { ... on User { id email } } }: internal
                               mend it: see what it says itself: fly auth whoami
    ");
    assert_snapshot!(told(1, "echo WARN"), @"
    unknown   token            `fly auth whoami --json` printed something else than was expected: WARN
                               mend it: see what it says itself: fly auth whoami
    ");
}

#[test]
fn another_atlas_than_the_configured_one_and_one_that_is_needed() {
    let world = complete();
    let told = |exit: i32, configured: &str| {
        world.write("Cargo.toml", format!("{MANIFEST}{configured}\n"));
        world.normal(&lines(&doctor(&world, exit), &["atlas"]))
    };
    assert_told!(told(0, "atlas = { version = \"1.2.3\" }"), @"ok        atlas            1.2.3 at [DIR]/bin/atlas");
    assert_told!(told(0, "atlas = { version = \"1.3.0\" }"), @r#"
    ok        atlas            1.2.3 at [DIR]/bin/atlas
                               the configuration has atlas.version = "1.3.0"
                               mend it: curl -fLo /tmp/atlas https://release.ariga.io/atlas/atlas-community-[OS]-[ARCH]-v1.3.0 && sudo install /tmp/atlas /usr/local/bin/atlas
    "#);
    program(&world, "atlas", "echo 'what?' >&2; exit 2");
    assert_told!(told(0, ""), @"
    optional  atlas            [DIR]/bin/atlas does not tell its version (what?): the built-in planner plans alone
                               mend it: curl -fLo /tmp/atlas https://release.ariga.io/atlas/atlas-community-[OS]-[ARCH]-v1.2.3 && sudo install /tmp/atlas /usr/local/bin/atlas
    ");
    fs::remove_file(world.path("bin/atlas")).unwrap();
    assert_told!(told(1, "planner = \"atlas\""), @r#"
    needed    atlas            it was not found, and the configuration has planner = "atlas"
                               mend it: curl -fLo /tmp/atlas https://release.ariga.io/atlas/atlas-community-[OS]-[ARCH]-v1.2.3 && sudo install /tmp/atlas /usr/local/bin/atlas
    "#);
}

#[test]
fn what_ends_other_commands_is_a_line() {
    let world = complete().with_atlas("/no/such/atlas".into());
    world.write("fly.toml", "app\n");
    world.declare("CREATE TABLE customers (\n");
    assert_snapshot!(lines(&doctor(&world, 1), &["atlas", "fly.toml", "schema.sql"]), @"
    needed    atlas            ATLAS is /no/such/atlas, which is not a program
                               mend it: set ATLAS to the Atlas binary, or unset it to use the one on PATH
    needed    fly.toml         fly.toml:1: key with no value, expected `=`
                               mend it: see: fly config validate
    needed    schema.sql       db/declared.sql:1:1: the statement that begins here does not end
                                 CREATE TABLE customers (
                               mend it: close its parentheses, and write END at the end of a trigger
    ");
}
