//! The small files that we keep beside the database. Whoever serves may write in that folder, and a command may run as root: so no name
//! there is believed. A link is never followed, and what is made is made by us and ours alone, whatever the umask.

use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::unistd::geteuid;

/// For its owner alone. Whoever may open a file, if only to read it, may hold the lock on it.
const MODE: u32 = 0o600;
/// In bytes. A record of a change has some thousand.
pub(crate) const MOST: u64 = 16 << 20;

/// Makes a file, which must not be there.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(MODE).open(path)?;
    // What the umask took away.
    file.set_permissions(Permissions::from_mode(MODE))?;
    Ok(file)
}

/// Opens one that is there, and closes it to others.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let (file, facts) = opened(path, OpenOptions::new().read(true).write(true))?;
    if facts.uid() != geteuid().as_raw() {
        return Err(strange(&format!("it belongs to user {}", facts.uid())));
    }
    if facts.mode() & 0o777 != MODE {
        file.set_permissions(Permissions::from_mode(MODE))?;
    }
    Ok(file)
}

/// All that is in one, which is not much: of what somebody else has put there no more is read.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    opened(path, OpenOptions::new().read(true))?.0.take(MOST).read_to_end(&mut text)?;
    Ok(text)
}

fn opened(path: &Path, options: &mut OpenOptions) -> io::Result<(File, Metadata)> {
    // Not to wait for the other end of what is no file.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let opened = options.custom_flags(flags.bits()).open(path);
    let file = opened.map_err(|error| if is_link(path) { strange("it is a link") } else { error })?;
    let facts = file.metadata()?;
    if facts.is_file() && facts.nlink() == 1 {
        Ok((file, facts))
    } else {
        Err(strange("it is not a file of its own"))
    }
}

fn is_link(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|facts| facts.is_symlink())
}

fn strange(why: &str) -> io::Error {
    io::Error::other(why.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;
    use std::os::unix::fs::symlink;

    use nix::sys::stat::Mode;

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_ours_alone_and_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        create(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(create(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_link_is_neither_followed_nor_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        for there in [false, true] {
            if there {
                fs::write(&target, "kept").unwrap();
            }
            let _ = fs::remove_file(&link);
            symlink(&target, &link).unwrap();
            assert_eq!(create(&link).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(open(&link).unwrap_err().to_string(), "it is a link");
            assert_eq!(read(&link).unwrap_err().to_string(), "it is a link");
            assert_eq!(target.exists(), there);
        }
        assert_eq!(fs::read_to_string(&target).unwrap(), "kept");
    }

    #[test]
    fn what_is_no_file_of_its_own_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("file"), folder.path().join("other"));
        nix::unistd::mkfifo(&file, Mode::from_bits_truncate(0o600)).unwrap();
        assert_eq!(open(&file).unwrap_err().to_string(), "it is not a file of its own");
        fs::write(&other, "").unwrap();
        fs::remove_file(&file).unwrap();
        fs::hard_link(&other, &file).unwrap();
        assert_eq!(open(&file).unwrap_err().to_string(), "it is not a file of its own");
    }

    #[test]
    fn one_that_others_could_open_is_closed_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        open(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
    }
}
