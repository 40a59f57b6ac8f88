//! Programs on PATH.

use std::env;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{self, Path, PathBuf};

/// The first program of one of these names, the first name before the next.
pub(crate) fn find(names: &[&'static str]) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    let files = names.iter().flat_map(|name| env::split_paths(&folders).map(move |folder| folder.join(name)));
    files.filter(|file| is_program(file)).find_map(|file| path::absolute(file).ok())
}

/// Whether it is a file that may be run.
pub(crate) fn is_program(file: &Path) -> bool {
    file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
