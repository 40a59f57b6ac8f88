//! The rules of what runs at GitHub, read from the workflows.

use std::fs;
use std::path::PathBuf;

/// Every workflow: its name and its lines, without what is only a comment.
fn workflows() -> Vec<(String, Vec<String>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../.github/workflows");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = files.map(|file| {
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#')).map(str::to_owned);
        (file.file_name().unwrap().to_str().unwrap().to_owned(), lines.collect())
    });
    read.collect()
}

fn lines_of(name: &str) -> Vec<String> {
    workflows().into_iter().find(|(file, _)| file == name).unwrap().1
}

/// All lines with the workflow they are in.
fn lines() -> Vec<(String, String)> {
    let files = workflows().into_iter();
    files.flat_map(|(file, lines)| lines.into_iter().map(move |line| (file.clone(), line))).collect()
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The blocks that begin with this key, each with the lines below it.
fn blocks(lines: &[String], key: &str) -> Vec<Vec<String>> {
    let begins = |line: &str| line.trim_start_matches([' ', '-']).starts_with(key);
    let at = (0..lines.len()).filter(|at| begins(&lines[*at]));
    let block = at.map(|at| {
        let below = lines[at + 1..].iter().take_while(|line| indent(line) > indent(&lines[at]));
        [&lines[at]].into_iter().chain(below).cloned().collect()
    });
    block.collect()
}

#[test]
fn every_action_is_pinned_by_its_commit_and_says_its_version() {
    let used: Vec<_> = lines().into_iter().filter(|(_, line)| line.contains("uses:")).collect();
    assert!(!used.is_empty());
    for (file, line) in used {
        let (action, version) = line.split_once(" # ").unwrap_or_else(|| panic!("{file}: {line}"));
        let commit = action.rsplit_once('@').unwrap().1;
        assert!(commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit()), "{file}: {line}");
        assert!(version.contains('.'), "{file}: {line}");
    }
}

#[test]
fn no_code_of_a_stranger_runs_with_rights() {
    for (file, line) in lines() {
        assert!(!line.contains("pull_request_target"), "{file}");
    }
    for (file, lines) in workflows() {
        let rights = blocks(&lines, "permissions:");
        assert_eq!(indent(&rights[0][0]), 0, "{file} says for all of its jobs what they may do");
        let writes = rights.concat().iter().filter(|line| line.contains("write")).count();
        assert_eq!(writes, usize::from(file == "deploy.yml"), "{file}");
    }
}

#[test]
fn nothing_that_somebody_typed_becomes_a_part_of_a_script() {
    for (file, lines) in workflows() {
        let scripts = blocks(&lines, "run:");
        assert!(!scripts.is_empty(), "{file}");
        assert!(scripts.concat().iter().all(|line| !line.contains("${{")), "{file}: {scripts:?}");
    }
}

#[test]
fn the_token_is_known_to_the_one_step_that_deploys() {
    let secrets = lines().into_iter().filter(|(_, line)| line.contains("secrets."));
    let secrets: Vec<_> = secrets.map(|(file, line)| format!("{file}: {}", line.trim())).collect();
    assert_eq!(secrets, ["deploy.yml: FLY_API_TOKEN: ${{ secrets.FLY_API_TOKEN }}"]);
    let deploy = lines_of("deploy.yml");
    let environments = blocks(&deploy, "env:");
    assert_eq!(environments.len(), 1, "{environments:?}");
    assert!(environments[0].iter().any(|line| line.contains("secrets.FLY_API_TOKEN")));
    let steps = blocks(&deploy, "name: Deploy");
    assert!(steps.concat().iter().any(|line| line.contains("secrets.FLY_API_TOKEN")), "{steps:?}");
    assert!(steps.concat().iter().all(|line| !line.contains("cargo")), "{steps:?}");
}

#[test]
fn a_deploy_is_never_cut_off_by_the_next_one() {
    let groups = blocks(&lines_of("deploy.yml"), "concurrency:").concat();
    assert!(groups.iter().any(|line| line.trim() == "cancel-in-progress: false"), "{groups:?}");
}
