//! How much room a migration takes while it runs: looked at from beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::open;
use crate::report::Disk;

/// Between two looks. A sort that fills a disk takes longer.
const PAUSE: Duration = Duration::from_millis(10);

/// Does `work`, and tells what the database at `path` took on its disk before, at most meanwhile, and afterwards.
pub(crate) fn watched<T>(path: &Path, work: impl FnOnce() -> T) -> (T, Disk) {
    let files = Files::of(path);
    let before = files.bytes();
    let done = AtomicBool::new(false);
    let (result, peak) = thread::scope(|scope| {
        let looker = scope.spawn(|| {
            let mut peak = 0;
            while !done.load(Ordering::Acquire) {
                peak = peak.max(files.bytes());
                thread::park_timeout(PAUSE);
            }
            peak
        });
        let result = work();
        done.store(true, Ordering::Release);
        looker.thread().unpark();
        (result, looker.join().unwrap_or_default())
    });
    let after = files.bytes();
    (result, Disk { before, peak: peak.max(before).max(after), after })
}

struct Files {
    named: Vec<PathBuf>,
    folder: PathBuf,
}

impl Files {
    fn of(path: &Path) -> Self {
        let named = ["", "-wal", "-journal"].map(|suffix| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        });
        let folder = open::folder_of(path);
        Self { named: named.into(), folder: folder.canonicalize().unwrap_or(folder) }
    }

    fn bytes(&self) -> u64 {
        let named = self.named.iter().filter_map(|file| fs::metadata(file).ok());
        named.map(|facts| facts.len()).sum::<u64>() + self.unnamed()
    }

    /// What this process sorts into: SQLite takes the names of such files away at once
    /// (<https://www.sqlite.org/tempfiles.html>). Linux alone shows them.
    fn unnamed(&self) -> u64 {
        let open = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten().map(|entry| entry.path());
        let ours = open.filter(|file| fs::read_link(file).is_ok_and(|link| self.is_unnamed(&link)));
        ours.filter_map(|file| fs::metadata(file).ok()).map(|facts| facts.len()).sum()
    }

    fn is_unnamed(&self, link: &Path) -> bool {
        link.parent() == Some(&self.folder) && link.to_string_lossy().ends_with(" (deleted)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_peak_counts_files_that_are_gone_afterwards_and_files_without_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let (db, wal) = (folder.path().join("db"), folder.path().join("db-wal"));
        fs::write(&db, [0; 1_000]).unwrap();
        let (_, disk) = watched(&db, || {
            fs::write(&wal, [0; 10_000]).unwrap();
            let mut sorted = tempfile::tempfile_in(folder.path()).unwrap();
            sorted.write_all(&[0; 100_000]).unwrap();
            thread::sleep(PAUSE * 10);
            fs::remove_file(&wal).unwrap();
        });
        let unnamed = if cfg!(target_os = "linux") { 100_000 } else { 0 };
        assert_eq!(disk, Disk { before: 1_000, peak: 11_000 + unnamed, after: 1_000 });
    }
}
