//! The folder of pulled copies: `APP-TIME.db` with its record `APP-TIME.json`, for their owner alone.
//!
//! A copy under way is in a folder of its own, `APP-TIME-RANDOM.partial`, which its pull has locked. So what a dead pull left is told
//! from what a living one works on, whose lock dies with it.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use tempfile::TempDir;

use crate::error::{Error, Kind};
use crate::ui::Ui;

/// What a pull that stopped leaves.
pub(super) const NOTHING: &str = "nothing was pulled";

/// What the name of a copy under way ends with.
const PARTIAL: &str = ".partial";
/// What the name of a copy ends with.
const COPY: &str = ".db";
/// What the name of its record ends with.
const RECORD: &str = ".json";
/// What goes with a copy: its record, and what SQLite makes beside it when somebody works with it.
const COMPANIONS: [&str; 5] = [COPY, RECORD, ".db-wal", ".db-shm", ".db-journal"];
/// Until the next second of the clock.
const MOMENT: Duration = Duration::from_millis(50);

/// Where the copies of an app are.
pub(super) struct Folder<'a> {
    path: &'a Path,
    app: &'a str,
}

/// A copy that is not there yet. All of it goes away unless it is finished.
pub(super) struct Unfinished {
    /// `APP-TIME`, in the folder.
    named: PathBuf,
    time: SystemTime,
    token: String,
    file: PathBuf,
    partial: TempDir,
    /// Held as long as this process lives.
    _lock: File,
}

impl<'a> Folder<'a> {
    /// Makes it where it is missing, and sees to it that nobody else reads it and that no commit takes it along.
    pub(super) fn open(path: &'a Path, app: &'a str) -> Result<Self, Error> {
        let make = || -> io::Result<()> {
            if let Some(above) = path.parent() {
                fs::create_dir_all(above)?;
            }
            if !path.is_dir() {
                DirBuilder::new().mode(0o700).create(path)?;
            }
            fs::set_permissions(path, Permissions::from_mode(0o700))?;
            fs::write(path.join(".gitignore"), "*\n")
        };
        make().map_err(|error| cannot("make the folder", path, &error))?;
        Ok(Self { path, app })
    }

    /// Begins a copy, with a time that no other has. Removes what dead pulls have left here: also their tokens.
    pub(super) fn begin(&self) -> Result<(Unfinished, Vec<String>), Error> {
        let begin = || -> io::Result<(Unfinished, Vec<String>)> {
            // For a moment only: between the making of a copy's folder and its lock it looks dead.
            let lock = File::open(self.path)?;
            lock.lock()?;
            Ok((self.make()?, self.sweep()?))
        };
        begin().map_err(|error| cannot("begin a copy in", self.path, &error))
    }

    fn make(&self) -> io::Result<Unfinished> {
        let (stem, time) = self.stem()?;
        let partial =
            tempfile::Builder::new().prefix(&format!("{stem}-")).suffix(PARTIAL).tempdir_in(self.path)?;
        let lock = File::open(partial.path())?;
        lock.lock()?;
        let name = partial.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let token = name.trim_end_matches(PARTIAL).to_owned();
        let file = self.path.join(&name).join(format!("{stem}{COPY}"));
        Ok(Unfinished { named: self.path.join(&stem), time, token, file, partial, _lock: lock })
    }

    /// `APP-TIME` of no other copy, finished or under way.
    fn stem(&self) -> io::Result<(String, SystemTime)> {
        loop {
            let time = SystemTime::now();
            let stem = format!("{}-{}", self.app, compact(time));
            let taken = self.names()?.iter().any(|name| name.starts_with(&stem));
            if !taken {
                return Ok((stem, time));
            }
            thread::sleep(MOMENT);
        }
    }

    fn sweep(&self) -> io::Result<Vec<String>> {
        let mut dead = Vec::new();
        for name in self.names()? {
            let Some(token) = name.strip_suffix(PARTIAL) else { continue };
            let path = self.path.join(&name);
            if File::open(&path)?.try_lock().is_ok() {
                if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }?;
                dead.push(token.to_owned());
            }
        }
        Ok(dead)
    }

    /// Removes all copies of this app but the newest `keep`. One too many is told, and no reason to fail.
    pub(super) fn keep(&self, keep: NonZeroUsize, ui: &Ui) {
        let removed = self.names().and_then(|names| {
            for stem in surplus(&names, self.app, keep.get()) {
                let named = self.path.join(stem);
                COMPANIONS.iter().try_for_each(|suffix| remove(&with(&named, suffix)))?;
                ui.status("Removed", with(&named, COPY).display());
            }
            Ok(())
        });
        if let Err(error) = removed {
            ui.note(format!("older copies in {} cannot be removed: {error}", self.path.display()));
        }
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(self.path)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(io::Result::transpose).collect()
    }
}

impl Unfinished {
    /// What no other pull has, on whatever machine.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Where the copy is to be put.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// When it began, as in RFC 3339.
    pub(super) fn time(&self) -> String {
        humantime::format_rfc3339_seconds(self.time).to_string()
    }

    /// Gives the copy and its record their names. Where the copy is.
    pub(super) fn finish(self, record: &[u8]) -> Result<PathBuf, Error> {
        let (copy, told) = (with(&self.named, COPY), with(&self.named, RECORD));
        let finish = || -> io::Result<()> {
            fs::set_permissions(&self.file, Permissions::from_mode(0o600))?;
            let unnamed = self.partial.path().join(RECORD);
            let mut file = File::options().write(true).create_new(true).mode(0o600).open(&unnamed)?;
            file.write_all(record)?;
            file.sync_all()?;
            // The copy last: where it is, all of it is.
            fs::rename(&unnamed, &told)?;
            fs::rename(&self.file, &copy)?;
            copy.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
        };
        finish().map_err(|error| {
            drop(fs::remove_file(&told));
            cannot("finish", &copy, &error)
        })?;
        Ok(copy)
    }
}

/// The newest copy of an app in this folder, and its record.
pub(super) fn newest(path: &Path, app: &str) -> Result<Option<(PathBuf, Vec<u8>)>, Error> {
    if !path.is_dir() {
        return Ok(None);
    }
    let read = || -> io::Result<_> {
        let names = Folder { path, app }.names()?;
        let Some(stem) = copies(&names, app).into_iter().next() else { return Ok(None) };
        let named = path.join(stem);
        Ok(Some((with(&named, COPY), fs::read(with(&named, RECORD))?)))
    };
    read().map_err(|error| cannot("read the newest copy in", path, &error))
}

/// The stems of copies that are too many.
fn surplus(names: &[String], app: &str, keep: usize) -> Vec<String> {
    let mut stems = copies(names, app);
    stems.split_off(keep.min(stems.len()))
}

/// The stems of an app's copies, the newest first.
fn copies(names: &[String], app: &str) -> Vec<String> {
    let is_ours = |stem: &str| {
        let time = stem.strip_prefix(app).and_then(|rest| rest.strip_prefix('-'));
        time.and_then(expanded).is_some()
    };
    let stems = names.iter().filter_map(|name| name.strip_suffix(COPY)).filter(|stem| is_ours(stem));
    let mut stems: Vec<_> = stems.map(str::to_owned).collect();
    stems.sort_unstable_by(|a, b| b.cmp(a));
    stems
}

/// When the pull with this token began: `APP-TIME-RANDOM`.
pub(super) fn begun(token: &str) -> Option<SystemTime> {
    expanded(token.rsplit('-').nth(1)?)
}

/// `20260801T120000Z`: sorts by time, and is a name everywhere.
fn compact(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string().replace(['-', ':'], "")
}

fn expanded(compact: &str) -> Option<SystemTime> {
    let part = |range| compact.get(range);
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..11)?);
    let text = format!("{year}-{month}-{day}:{}:{}", part(11..13)?, compact.get(13..)?);
    humantime::parse_rfc3339(&text).ok().filter(|time| self::compact(*time) == compact)
}

fn with(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Error {
    let shown = path.display().to_string();
    let message = format!("cannot {what} {shown}: {error}");
    Error::new(Kind::Failed, shown, message)
        .changed(NOTHING)
        .remedy("check the rights of it and of its folder")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_so_that_it_can_be_read_back() {
        let time = humantime::parse_rfc3339("2026-08-01T12:34:56Z").unwrap();
        assert_eq!(compact(time), "20260801T123456Z");
        assert_eq!(begun("a-shop-20260801T123456Z-x1Y2"), Some(time));
        for other in
            ["", "-", "by-hand", "shop-20260801-x", "shop-20260801T123456-x", "shop-2026080éT1234Z-x"]
        {
            assert_eq!(begun(other), None, "{other}");
        }
    }

    #[test]
    fn only_the_oldest_of_what_is_named_like_a_copy_of_this_app_is_too_many() {
        let names = [
            "shop-20260801T000000Z.db",
            "shop-20260801T000000Z.json",
            "shop-20260803T000000Z.db",
            "shop-20260802T000000Z.db",
            "shop-eu-20260101T000000Z.db",
            "shop-20260101T000000Z-copy.db",
            "shop-20269901T000000Z.db",
            "shop-mine.db",
            "20260101T000000Z.db",
        ];
        let surplus = |keep| surplus(&names.map(str::to_owned), "shop", keep);
        assert_eq!(surplus(2), ["shop-20260801T000000Z"]);
        assert_eq!(surplus(1), ["shop-20260802T000000Z", "shop-20260801T000000Z"]);
        assert!(surplus(3).is_empty() && surplus(9).is_empty());
    }

    #[test]
    fn what_a_dead_pull_left_is_removed_and_what_a_living_one_works_on_stays() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("pulled");
        let folder = Folder::open(&path, "shop").unwrap();
        let (living, dead) = folder.begin().unwrap();
        assert!(dead.is_empty());
        fs::write(living.file(), "half").unwrap();
        fs::create_dir(path.join("shop-20260801T000000Z-abc.partial")).unwrap();
        fs::write(path.join("shop-20260801T000000Z-abc.partial/db"), "half").unwrap();
        fs::write(path.join("other.partial"), "half").unwrap();
        let (second, mut dead) = folder.begin().unwrap();
        dead.sort();
        assert_eq!(dead, ["other", "shop-20260801T000000Z-abc"]);
        assert_ne!(living.named, second.named);
        assert_eq!(fs::read_to_string(living.file()).unwrap(), "half");
        drop((living, second));
        assert_eq!(folder.names().unwrap(), [".gitignore"]);
    }

    #[test]
    fn a_finished_copy_and_its_record_are_their_owners_alone() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("made/pulled");
        let folder = Folder::open(&path, "shop").unwrap();
        let (begun, _) = folder.begin().unwrap();
        fs::write(begun.file(), "all of it").unwrap();
        let copy = begun.finish(b"{}").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!([mode(&path), mode(&copy), mode(&copy.with_extension("json"))], [0o700, 0o600, 0o600]);
        assert_eq!(fs::read_to_string(&copy).unwrap(), "all of it");
        assert_eq!(folder.names().unwrap().len(), 3);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_told() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("file"), "").unwrap();
        let path = root.path().join("file/pulled");
        let error = Folder::open(&path, "shop").err().unwrap();
        let told = error.to_string().replace(root.path().to_str().unwrap(), "[DIR]");
        insta::assert_snapshot!(told, @"cannot make the folder [DIR]/file/pulled: File exists (os error 17); nothing was pulled");
    }
}
