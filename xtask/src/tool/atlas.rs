//! Where the Atlas binary is.

use std::env;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{self, Path, PathBuf};

use anyhow::Result;

use crate::error::Error;

/// `$ATLAS`, then PATH; `None` when there is none on this machine.
pub(crate) fn find() -> Result<Option<PathBuf>> {
    match env::var_os("ATLAS").filter(|value| !value.is_empty()) {
        Some(named) => named_binary(PathBuf::from(named)).map(Some),
        None => Ok(on_path()),
    }
}

fn named_binary(file: PathBuf) -> Result<PathBuf> {
    if is_program(&file) {
        return Ok(path::absolute(file)?);
    }
    let message = format!("ATLAS is {}, which is not a program", file.display());
    Err(Error::usage("ATLAS", message)
        .remedy("set ATLAS to the Atlas binary, or unset it to use the one on PATH")
        .into())
}

fn on_path() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let files = env::split_paths(&path).map(|folder| folder.join("atlas"));
    files.filter_map(|file| path::absolute(file).ok()).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
