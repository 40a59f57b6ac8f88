//! What neither can go below, whatever it does: measured in this process, so that nothing but the work itself is in it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};
use rusqlite::Connection;

/// A bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// The same program starts, says its help and ends: a process that does nothing costs as much.
    Start,
    /// One durable commit of one page, with the connection it needs: no change of a schema does without.
    Commit,
    /// Every row is read once, and the violation of the new constraint evaluated: no proof of it does without.
    Scan(&'static str),
    /// `SELECT count(*)`: SQLite's fastest way through a whole table, by its smallest index.
    Count,
    /// The bytes of the file are read, written and on the disk (`cp` and fsync): no rewriting of a table with its indexes does
    /// with much less.
    Copy,
}

impl Limit {
    /// What it is, in a word or two.
    pub(crate) fn told(self) -> &'static str {
        match self {
            Self::Start => "an idle process",
            Self::Commit => "a durable commit",
            Self::Scan(_) => "a bare scan",
            Self::Count => "SELECT count(*)",
            Self::Copy => "cp + fsync",
        }
    }

    /// Seconds of this on the database `file`, which may be changed by it. [`Limit::Start`] is a process: `None`.
    pub(crate) fn measure(self, file: &Path) -> Result<Option<f64>> {
        let begun = Instant::now();
        match self {
            Self::Start => return Ok(None),
            Self::Commit => commit(file).context("cannot commit")?,
            Self::Scan(violation) => {
                let found = count(file, &format!("SELECT count(*) FROM accounts WHERE {violation}"))?;
                anyhow::ensure!(found == 0, "{found} rows of a benchmark are where {violation}");
            }
            Self::Count => drop(count(file, "SELECT count(*) FROM accounts")?),
            Self::Copy => copy(file, &file.with_extension("copied"))?,
        }
        Ok(Some(begun.elapsed().as_secs_f64()))
    }
}

fn commit(file: &Path) -> rusqlite::Result<()> {
    let database = Connection::open(file)?;
    // SQLite's own defaults: the file's journal mode, synchronous=FULL; with the close the log is folded, as it is by a process.
    database.execute_batch("BEGIN IMMEDIATE; PRAGMA user_version = 1; COMMIT")?;
    database.close().map_err(|(_, error)| error)
}

fn count(file: &Path, query: &str) -> Result<u64> {
    let database = Connection::open(file)?;
    database.query_row(query, [], |row| row.get(0)).context("cannot read the database of a benchmark")
}

/// Copies a file, byte by byte, onto the disk.
///
/// `fs::copy` may only share the blocks where the file system can: that would be the limit of nothing.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    let copy = || -> std::io::Result<()> {
        let (mut source, mut target) = (File::open(from)?, File::create_new(to)?);
        let mut buffer = vec![0; 1 << 20];
        loop {
            match source.read(&mut buffer)? {
                0 => return target.sync_all(),
                bytes => target.write_all(&buffer[..bytes])?,
            }
        }
    };
    copy().with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

#[cfg(test)]
mod tests {
    use landfall_xtask::Interrupt;

    use super::*;
    use crate::bench::data;

    #[test]
    fn every_limit_is_measured_and_does_what_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("db");
        data::of_rows(&file, 100, &Interrupt::default()).unwrap();
        assert_eq!(Limit::Start.measure(&file).unwrap(), None);
        for limit in [Limit::Count, Limit::Scan("balance < 0"), Limit::Copy, Limit::Commit] {
            assert!(limit.measure(&file).unwrap().unwrap() > 0.0, "{limit:?}");
        }
        let version = |file: &Path| count(file, "SELECT user_version FROM pragma_user_version").unwrap();
        assert_eq!((version(&file), version(&file.with_extension("copied"))), (1, 0));
    }

    #[test]
    fn a_scan_that_finds_a_violation_is_no_limit() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("db");
        data::of_rows(&file, 100, &Interrupt::default()).unwrap();
        assert!(Limit::Scan("balance >= 0").measure(&file).is_err());
    }
}
