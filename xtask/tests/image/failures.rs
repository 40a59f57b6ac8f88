//! Everything that keeps an image from being built, and how it is told.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::{env, fs};

use rustix::process::{Pid, Signal, kill_process};

use crate::container::{asked, docker};
use crate::workspace::{Said, Workspace, said};
use landfall_testkit::requires;

/// Compares with a snapshot what was said, without this machine's folders and times.
macro_rules! assert_error {
    ($said:expr, @$text:literal) => {
        insta::with_settings!({ filters => vec![(r"/tmp/\.tmp\w+", "[DIR]"), (r"unix://\S+", "[DAEMON]")] }, {
            let said: Said = $said;
            assert_eq!(said.stdout, "");
            let error = &said.stderr[said.stderr.find("error: ").unwrap()..];
            insta::assert_snapshot!(format!("{error}[exit code {}]", said.exit), @$text);
        });
    };
}

const WORKS: &str = "FROM scratch\nCOPY schema.sql /\n";

#[test]
fn without_docker_it_says_how_to_get_it() {
    let workspace = Workspace::tiny(WORKS);
    let git =
        env::split_paths(&env::var_os("PATH").unwrap()).find(|folder| folder.join("git").exists()).unwrap();
    workspace.write("bin/x", "");
    std::os::unix::fs::symlink(git.join("git"), workspace.path("bin/git")).unwrap();
    assert_error!(said(&workspace.command(&[]).env("PATH", workspace.path("bin")).output().unwrap()), @"
    error: docker was not found; nothing was changed
    install Docker (https://docs.docker.com/engine/install/), and put it on PATH
    [exit code 1]
    ");
}

#[test]
fn a_daemon_that_is_down_is_told_from_a_client_that_is_missing() {
    if !requires::docker("a_daemon_that_is_down_is_told_from_a_client_that_is_missing") {
        return;
    }
    let workspace = Workspace::tiny(WORKS);
    let down = workspace.command(&[]).env("DOCKER_HOST", "unix:///nowhere/docker.sock").output().unwrap();
    assert_error!(said(&down), @"
    error: the Docker daemon does not answer (Cannot connect to the Docker daemon at [DAEMON] Is the docker daemon running?); nothing was changed
    start it (systemctl start docker, or Docker Desktop), or set DOCKER_HOST to one that runs
    [exit code 1]
    ");
}

/// A client that answers as the real one does: without its buildx component, and with a daemon whose disk is full.
#[test]
fn a_client_without_buildkit_and_a_full_disk_are_told_with_the_remedy() {
    let fails = |stderr: &str| {
        let workspace = Workspace::tiny(WORKS);
        workspace.write(
            "bin/docker",
            format!("#!/bin/sh\n[ \"$1\" = version ] && exit 0\ncat >&2 <<'END'\n{stderr}\nEND\nexit 1\n"),
        );
        fs::set_permissions(workspace.path("bin/docker"), fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", workspace.path("bin").display(), env::var("PATH").unwrap());
        said(&workspace.command(&[]).env("PATH", path).output().unwrap())
    };
    assert_error!(fails(
        "ERROR: BuildKit is enabled but the buildx component is missing or broken.\n       Install the buildx component to build images with BuildKit:\n       https://docs.docker.com/go/buildx/"
    ), @"
    error: docker cannot build with BuildKit: its buildx component is missing; nothing was changed
    install it: apt-get install docker-buildx-plugin (https://docs.docker.com/go/buildx/)
    [exit code 1]
    ");
    assert_error!(fails(
        "#5 [builder 1/2] COPY . .\n#5 ERROR: failed to copy files: copy file range failed: no space left on device\n"
    ), @"
    error: the disk is full where Docker keeps its data; nothing was changed
    see what takes the room with: docker system df; and free some: docker builder prune
    [exit code 1]
    ");
    assert_error!(fails("something that nobody foresaw"), @"
    error: docker build failed: something that nobody foresaw; nothing was changed
    see whether the daemon is well: docker info
    [exit code 1]
    ");
}

#[test]
fn a_step_that_fails_shows_its_last_30_lines_and_not_the_whole_log() {
    if !requires::docker("a_step_that_fails_shows_its_last_30_lines_and_not_the_whole_log") {
        return;
    }
    let workspace =
        Workspace::tiny("FROM debian:bookworm-slim AS broken\nRUN seq --format='line %g' 1 50 && exit 3\n");
    assert_error!(workspace.run(&[]), @"
    error: step 2/2 of the Dockerfile failed (exit code: 3); nothing was changed
      RUN seq --format='line %g' 1 50 && exit 3
      line 21
      line 22
      line 23
      line 24
      line 25
      line 26
      line 27
      line 28
      line 29
      line 30
      line 31
      line 32
      line 33
      line 34
      line 35
      line 36
      line 37
      line 38
      line 39
      line 40
      line 41
      line 42
      line 43
      line 44
      line 45
      line 46
      line 47
      line 48
      line 49
      line 50
    mend what these last lines tell of, then build again: finished steps are not repeated
    [exit code 1]
    ");
    let full = Workspace::tiny("FROM debian:bookworm-slim\nRUN cat /etc/passwd > /dev/full\n");
    assert!(
        full.run(&[])
            .stderr
            .contains("error: the disk is full where Docker keeps its data; nothing was changed\n")
    );
}

#[test]
fn a_base_that_cannot_be_had_is_named_with_the_flags_that_name_another() {
    if !requires::docker("a_base_that_cannot_be_had_is_named_with_the_flags_that_name_another") {
        return;
    }
    let workspace = Workspace::tiny("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY schema.sql /\n");
    let said = workspace.run(&["--base-image", "127.0.0.1:1/nowhere:1"]);
    assert_eq!(said.exit, 1);
    assert!(
        said.stderr.contains("error: the image 127.0.0.1:1/nowhere:1 cannot be had; nothing was changed\n  "),
        "{}",
        said.stderr
    );
    assert!(said.stderr.contains("--builder-image, --atlas-image or --base-image"), "{}", said.stderr);
    let mut by_environment = workspace.command(&["--no-smoke", "--tag", "landfall-test:base"]);
    let by_environment = by_environment.env("LANDFALL_BASE_IMAGE", "debian:bookworm-slim").output().unwrap();
    assert!(by_environment.status.success(), "{}", String::from_utf8_lossy(&by_environment.stderr));
}

#[test]
fn an_image_that_does_not_serve_fails_its_smoke_test_with_its_own_words() {
    if !requires::docker("an_image_that_does_not_serve_fails_its_smoke_test_with_its_own_words") {
        return;
    }
    let boots = |command: &str| {
        let workspace = Workspace::tiny(&format!(
            "FROM debian:bookworm-slim\nRUN ln -s /bin/true /usr/local/bin/atlas\nCMD [\"sh\", \"-c\", \"{command}\"]\n"
        ));
        let said = workspace.run(&["--tag", "landfall-test:broken"]);
        docker(&["image", "rm", "landfall-test:broken"]);
        assert_eq!(said.exit, 1, "{}", said.stderr);
        said.stderr[said.stderr.find("error: ").unwrap()..].to_owned()
    };
    insta::assert_snapshot!(boots("echo the reason >&2; exit 9"), @"
    error: the image landfall-test:broken was built, and failed its smoke test: on an empty volume the image did not serve: it ended with exit code 9
      the reason
    do not ship it; to look into it: docker run --rm -it --tmpfs /data landfall-test:broken landfall start -- app
    ");
}

/// Ctrl-C once it says this; what it says from then on.
fn interrupted(workspace: &Workspace, said: &str) -> (u32, Vec<String>) {
    let mut command = workspace.command(&["--tag", "landfall-test:interrupted"]);
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains(said)));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let rest = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{rest:?}");
    (child.id(), rest)
}

#[test]
fn ctrl_c_leaves_no_container_and_says_what_there_is() {
    if !requires::docker("ctrl_c_leaves_no_container_and_says_what_there_is") {
        return;
    }
    let building = Workspace::tiny("FROM debian:bookworm-slim\nRUN echo begun && sleep 60\n");
    assert_eq!(interrupted(&building, "Running").1, ["error: interrupted; nothing was changed"]);

    let booting = Workspace::tiny(
        "FROM debian:bookworm-slim\nRUN ln -s /bin/true /usr/local/bin/atlas\nCMD [\"sleep\", \"600\"]\n",
    );
    let (process, rest) = interrupted(&booting, "Booting");
    assert_eq!(rest, ["error: interrupted; the image was built, and not proved"]);
    let ours = format!("name=landfall-smoke-{process}-");
    assert_eq!(asked(&["ps", "--all", "--quiet", "--filter", &ours]), "");
    assert_eq!(asked(&["volume", "ls", "--quiet", "--filter", &ours]), "");
    asked(&["image", "rm", "landfall-test:interrupted"]);
}

#[test]
fn what_is_missing_in_the_workspace_is_named() {
    let workspace = Workspace::tiny(WORKS);
    fs::remove_file(workspace.path("Dockerfile")).unwrap();
    assert_error!(workspace.run(&[]), @"
    error: there is no Dockerfile in [DIR]; nothing was changed
    take Landfall's own as a beginning
    [exit code 2]
    ");
    fs::remove_file(workspace.path("fly.toml")).unwrap();
    assert_error!(workspace.run(&[]), @"
    error: there is no fly.toml in [DIR]
    write one, or make it with: fly launch --no-deploy
    [exit code 2]
    ");
}

#[test]
fn the_builder_image_is_the_toolchain_of_the_project() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let read = |file: &str| fs::read_to_string(format!("{root}/{file}")).unwrap();
    let toolchain = read("rust-toolchain.toml");
    let version = toolchain.split("channel = \"").nth(1).unwrap().split('"').next().unwrap();
    let minor = version.rsplit_once('.').unwrap().0;
    assert!(
        read("Dockerfile").contains(&format!("ARG BUILDER_IMAGE=rust:{minor}-slim-bookworm\n")),
        "{version}"
    );
}
