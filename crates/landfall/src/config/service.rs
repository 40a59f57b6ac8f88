//! The service that a machine runs.

use std::env;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// What `start` becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    command: OsString,
    pub(crate) arguments: Vec<OsString>,
    /// The folders in which a program is looked for.
    path: OsString,
}

impl Service {
    /// `None` without a command.
    pub(super) fn new(command: Vec<OsString>, path: OsString) -> Option<Self> {
        let mut words = command.into_iter();
        words.next().map(|command| Self { command, arguments: words.collect(), path })
    }

    /// Where its program is, found as a shell finds it.
    pub(crate) fn program(&self) -> Result<PathBuf, Failure> {
        let command = Path::new(&self.command);
        let found = if command.components().count() > 1 {
            Some(command.to_owned()).filter(|file| is_program(file))
        } else {
            on_path(command, &self.path)
        };
        found.ok_or_else(|| {
            let shown = command.display().to_string();
            Failure::serving(&shown, format!("there is no program {shown} to run"))
                .remedy("name a program on PATH, or by its path: landfall start -- COMMAND")
        })
    }
}

/// The first program of this name in these folders.
pub(super) fn on_path(name: &Path, folders: &OsString) -> Option<PathBuf> {
    env::split_paths(folders).map(|folder| folder.join(name)).find(|file| is_program(file))
}

pub(super) fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}
