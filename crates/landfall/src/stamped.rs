//! Files beside the database whose names tell when they were made: `DATABASE.WORD-TIME`, with or without an ending.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::config::Database;

/// Of a time in a name, `20261124T120000Z`, in characters.
const TIME: usize = 16;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamped {
    pub(crate) file: PathBuf,
    /// What its name tells, in RFC 3339.
    pub(crate) time: String,
}

/// All that are complete, newest first. `infix` stands between the database's name and the time.
pub(crate) fn all(database: &Database, infix: &str) -> Vec<Stamped> {
    let prefix = database.beside(infix);
    let prefix = prefix.file_name().unwrap_or_default().as_bytes();
    let entries = fs::read_dir(database.folder()).into_iter().flatten().flatten();
    let stamped = entries.filter_map(|entry| {
        let name = entry.file_name();
        let time = time(str::from_utf8(name.as_bytes().strip_prefix(prefix)?).ok()?)?;
        Some(Stamped { file: entry.path(), time })
    });
    let mut stamped: Vec<_> = stamped.collect();
    stamped.sort_by(|one, other| other.file.cmp(&one.file));
    stamped
}

/// A name that no file has: one that was made in this very second has it already.
pub(crate) fn unused(database: &Database, infix: &str, ending: &str) -> PathBuf {
    let mut time = SystemTime::now();
    loop {
        let second = humantime::format_rfc3339_seconds(time).to_string().replace(['-', ':'], "");
        let file = database.beside(&format!("{infix}{second}{ending}"));
        if file.symlink_metadata().is_err() {
            return file;
        }
        time += Duration::from_secs(1);
    }
}

/// The time that a name tells; `None` for that of another file, or of what SQLite or we have beside such a one.
fn time(name: &str) -> Option<String> {
    let (time, ending) = name.split_at_checked(TIME)?;
    if !ending.is_empty() && !ending.strip_prefix('-').is_some_and(is_ours) {
        return None;
    }
    let part = |from: usize, to: usize| time.get(from..to);
    let (date, clock) =
        ([part(0, 4)?, part(4, 6)?, part(6, 8)?].join("-"), [part(9, 11)?, part(11, 13)?, part(13, 15)?]);
    let written = format!("{date}T{}Z", clock.join(":"));
    let is_a_time = written.replace(['-', ':'], "") == time && humantime::parse_rfc3339(&written).is_ok();
    is_a_time.then_some(written)
}

/// Whether an ending is one of our own, and not of a file that SQLite has beside another.
fn is_ours(ending: &str) -> bool {
    let is_plain = !ending.is_empty() && ending.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_plain && !["wal", "shm", "journal"].contains(&ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_back_from_a_name_and_from_no_other() {
        let noon = Some("2026-11-24T12:00:00Z".to_owned());
        assert_eq!(time("20261124T120000Z"), noon);
        assert_eq!(time("20261124T120000Z-0123456789ab"), noon);
        for other in [
            "",
            "lunch",
            "20261124T120000",
            "20261324T120000Z",
            "20261124X120000Z",
            "20261124T120000Zx",
            "20261124T120000Z-",
            "20261124T120000Z-wal",
            "20261124T120000Z-0123456789ab-wal",
            "20261124T120000Z.last-change",
            "20261124T120000Z-0123456789ab.partial",
            "2026112äT120000Z",
        ] {
            assert_eq!(time(other), None, "{other}");
        }
    }
}
