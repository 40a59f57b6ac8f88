//! Which links root follows on its way to a folder: those that nobody but root can have put there. Each part of the way is looked at, and of
//! what a link points to, too: behind a link of root's own, somebody else's may lie.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

/// As many as Linux follows (<https://man7.org/linux/man-pages/man7/path_resolution.7.html>).
const MOST: usize = 40;

/// A link that root does not follow.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It belongs to this user.
    Theirs(PathBuf, u32),
    /// It is root's, in a folder in which others can give it another name, or another link its name.
    Movable(PathBuf),
    /// More than anybody follows lie before it.
    Endless(PathBuf),
}

/// Walks to a folder as the kernel does, up to where nothing is any more; the first link that root does not follow.
pub(crate) fn refused(folder: &Path) -> io::Result<Option<Refused>> {
    let (mut way, mut rest, mut followed) = (PathBuf::new(), parts(folder), 0);
    while let Some(part) = rest.pop_front() {
        // `..` too: there is no link in the way so far, and of `/` this leaves nothing else.
        let path = way.join(part);
        let facts = match path.symlink_metadata() {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            facts => facts?,
        };
        if !facts.is_symlink() {
            way = path;
            continue;
        }
        followed += 1;
        if facts.uid() != 0 {
            return Ok(Some(Refused::Theirs(path, facts.uid())));
        }
        let beside = if way.as_os_str().is_empty() { Path::new(".") } else { &way };
        if !is_roots_alone(&beside.metadata()?) {
            return Ok(Some(Refused::Movable(path)));
        }
        if followed > MOST {
            return Ok(Some(Refused::Endless(path)));
        }
        let mut target = parts(&path.read_link()?);
        target.append(&mut rest);
        rest = target;
    }
    Ok(None)
}

fn parts(path: &Path) -> VecDeque<OsString> {
    path.components().filter(|part| *part != Component::CurDir).map(|part| part.as_os_str().into()).collect()
}

fn is_roots_alone(folder: &Metadata) -> bool {
    folder.uid() == 0 && folder.mode() & 0o022 == 0
}
