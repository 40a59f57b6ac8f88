//! Where the Atlas binary is, which one, and how to get it.

use std::env::{self, consts};
use std::path::{self, Path, PathBuf};

use anyhow::Result;
use landfall_engine::Interrupt;

use super::child::{Child, Program};
use super::programs;
use super::run::{self, Reply};
use crate::error::Error;

/// The version that is in the image, and got where the configuration names none.
pub(crate) const VERSION: &str = "1.2.3";

/// `$ATLAS`, then PATH; `None` when there is none on this machine.
///
/// # Errors
/// `$ATLAS` is set, and is no program.
pub fn find() -> Result<Option<PathBuf>> {
    match env::var_os("ATLAS").filter(|value| !value.is_empty()) {
        Some(named) => named_binary(PathBuf::from(named)).map(Some),
        None => Ok(programs::find(&["atlas"])),
    }
}

fn named_binary(file: PathBuf) -> Result<PathBuf> {
    if programs::is_program(&file) {
        return Ok(path::absolute(file)?);
    }
    let message = format!("ATLAS is {}, which is not a program", file.display());
    Err(Error::usage("ATLAS", message)
        .remedy("set ATLAS to the Atlas binary, or unset it to use the one on PATH")
        .into())
}

/// The version of this binary, such as `1.2.3`; what it says where that holds none.
///
/// # Errors
/// A request to stop.
pub fn version(file: &Path, interrupt: &Interrupt) -> Result<Reply> {
    Ok(run::question(&child(file, ["version"]), interrupt)?.map(|text| number(&text).to_owned()))
}

/// This binary with these arguments. Without the two variables it asks its maker for news.
pub fn child<'a>(file: &Path, args: impl IntoIterator<Item = &'a str>) -> Child {
    Child::new(Program::Atlas, file, args)
        .env("ATLAS_NO_UPDATE_NOTIFIER", "1")
        .env("ATLAS_NO_UPGRADE_SUGGESTIONS", "1")
}

/// Of `atlas version v1.2.3`, `atlas community version v1.2.3` and the like.
fn number(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default();
    line.split_once("version v").map_or(line, |(_, version)| version.trim())
}

/// The command that puts the community release of this version on this machine.
pub(crate) fn download(version: &str) -> String {
    let arch = match consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        _ => return "see https://atlasgo.io/community-edition".to_owned(),
    };
    let os = if consts::OS == "macos" { "darwin" } else { consts::OS };
    let address = format!("https://release.ariga.io/atlas/atlas-community-{os}-{arch}-v{version}");
    format!("curl -fLo /tmp/atlas {address} && sudo install /tmp/atlas /usr/local/bin/atlas")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_each_build_says() {
        let self_built =
            "atlas community community version v1.2.3\nhttps://github.com/ariga/atlas/releases\n";
        assert_eq!(number(self_built), "1.2.3");
        assert_eq!(number("atlas version v1.2.4-0ff1ce-canary"), "1.2.4-0ff1ce-canary");
        assert_eq!(number("sh: what?"), "sh: what?");
    }

    #[test]
    fn the_version_that_is_got_is_the_one_in_the_image() {
        let dockerfile = include_str!("../../../../Dockerfile");
        assert!(dockerfile.contains(&format!("ATLAS_IMAGE=arigaio/atlas:{VERSION}-community@")));
    }
}
