//! The lock's file: two deploys of one clone exclude each other without a network, and a process that dies lets go.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use super::holder::Holder;
use crate::error::{Error, Kind};

/// Held until it is dropped. The file stays: one that is removed while another process waits for it would be locked twice.
#[derive(Debug)]
pub(super) struct Local {
    file: File,
    path: PathBuf,
}

/// Who holds a file.
#[derive(Debug)]
pub(super) enum Held {
    Free,
    /// Who, where it can be read.
    By(Option<Holder>),
}

impl Local {
    /// Takes it; `None` where another process holds it.
    pub(super) fn try_take(path: &Path) -> Result<Option<Self>, Error> {
        let take = || -> io::Result<Option<Self>> {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            let file = File::options().create(true).truncate(false).read(true).write(true).open(path)?;
            match file.try_lock() {
                Ok(()) => Ok(Some(Self { file, path: path.to_owned() })),
                Err(TryLockError::WouldBlock) => Ok(None),
                Err(TryLockError::Error(error)) => Err(error),
            }
        };
        take().map_err(|error| cannot("taken", path, &error))
    }

    /// Writes down for others who holds it.
    pub(super) fn tell(&mut self, holder: &Holder) -> Result<(), Error> {
        let tell = |file: &mut File| -> io::Result<()> {
            file.set_len(0)?;
            file.rewind()?;
            serde_json::to_writer(&mut *file, holder)?;
            file.flush()
        };
        tell(&mut self.file).map_err(|error| cannot("written", &self.path, &error))
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // What is left in a file that nobody has locked counts for nothing.
        let _ = self.file.set_len(0);
    }
}

/// Who holds it, without taking it.
pub(super) fn look(path: &Path) -> Result<Held, Error> {
    let look = || -> io::Result<Held> {
        let mut file = File::open(path)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        // Where nothing is in it nobody holds it, but for a moment; one who takes it is not to find us there.
        let is_free = text.is_empty() || file.try_lock_shared().is_ok();
        Ok(if is_free { Held::Free } else { Held::By(Holder::parse(&text)) })
    };
    match look() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Held::Free),
        looked => looked.map_err(|error| cannot("read", path, &error)),
    }
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Error {
    let shown = path.display().to_string();
    let message = format!("the lock {shown} cannot be {what}: {error}");
    Error::new(Kind::Failed, shown, message).unchanged().remedy("check the rights of its folder")
}
