//! Consistent copies of a live database.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rusqlite::{Connection, ErrorCode};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::declared::io_reason;
use crate::error::{Error, ErrorKind, Result};
use crate::open::{self, explain, is_busy, is_interrupted, patiently, stop_when_raised};
use crate::schema::hex;
use crate::scrub::{Fault, Scrub};
use crate::settings::{Interrupt, Settings};
use crate::stand_in;

/// A consistent copy that was made and checked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Backup {
    /// Where it is.
    pub file: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// How long all of it took, in seconds.
    pub seconds: f64,
}

/// How closely a copy is looked at before it gets its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Every page, every row and every constraint on one row: `quick_check`. A copy whose making holds up a service: all that the tables
    /// hold is proved to be readable, in a tenth of the time.
    Quick,
    /// Also every entry of every index against its row: `integrity_check` (<https://www.sqlite.org/pragma.html#pragma_integrity_check>).
    Integrity,
}

/// What the name of a copy ends with until it is complete and checked.
const PARTIAL: &str = ".partial";
/// What the name of a copy ends with that is about to be scrubbed.
const UNSCRUBBED: &str = ".unscrubbed";
/// What SQLite adds to the name of a database for files of its own.
const SQLITES_OWN: [&str; 4] = ["", "-journal", "-wal", "-shm"];
/// What is read at once.
const CHUNK: usize = 1 << 16;

/// Makes a consistent copy of a live database into the new file `to` (mode 0600), and checks it.
///
/// The copy is made by VACUUM INTO (<https://www.sqlite.org/lang_vacuum.html#vacuuminto>): one read transaction, so that a
/// service may go on writing. `cp` of a live WAL database loses commits. It gets the name `to` when it is complete, checked and on
/// the disk; until then the names of [`partials`] are used.
///
/// `scrub` are SQL statements that run on the copy alone. Old values of the rows that they change are nowhere in `to`: triggers do
/// not fire, full-text indexes are rebuilt, samples of ANALYZE are deleted, and the file is made anew out of the scrubbed rows,
/// which needs the room of a second copy. An FTS index without content has to be emptied by them.
///
/// # Errors
/// [`ErrorKind::Database`] when `db` is missing or cannot be read, when `to` exists or cannot be made, or when the copy is
/// damaged; [`ErrorKind::Usage`] when `scrub` does more than change rows, [`ErrorKind::Apply`] when it fails;
/// [`ErrorKind::Space`] when there is too little room; [`ErrorKind::Interrupted`]. Then nothing is left behind.
pub fn backup(
    db: &Path,
    to: &Path,
    scrub: Option<&str>,
    check: Check,
    settings: &Settings,
) -> Result<Backup> {
    let started = Instant::now();
    let scrub = scrub.map(Scrub::parse).transpose()?;
    let copying = Copying { db, to, settings };
    let Some(live) = open::reading(db, settings, &mut ())? else { return Err(copying.missing()) };
    // VACUUM executes the CREATE statements.
    let registered = || stand_in::register_for_its_own(&live);
    patiently(db, settings, &mut (), registered)?;
    copying.refuse_existing()?;
    copying.make_sure_of_room(&live, if scrub.is_some() { 2 } else { 1 })?;
    let copy = match scrub {
        None => copying.vacuum_into(&live, PARTIAL)?,
        Some(scrub) => copying.scrubbed(&live, &scrub)?,
    };
    copying.check(&copy.path, check)?;
    let (bytes, sha256) = copying.sum(&copy.path)?;
    copying.name(copy)?;
    Ok(Backup { file: to.display().to_string(), bytes, sha256, seconds: started.elapsed().as_secs_f64() })
}

/// The files that a copy into `to` may leave behind when its process is killed.
#[must_use]
pub fn partials(to: &Path) -> Vec<PathBuf> {
    [PARTIAL, UNSCRUBBED].iter().flat_map(|suffix| with_sqlites_own(&longer(to, suffix))).collect()
}

/// The copy that this file is a part of, when it is one of [`partials`].
#[must_use]
pub fn partial_of(file: &Path) -> Option<PathBuf> {
    let name = file.file_name()?.as_bytes();
    let endings =
        [PARTIAL, UNSCRUBBED].iter().flat_map(|suffix| SQLITES_OWN.map(|own| format!("{suffix}{own}")));
    let copy = endings.filter_map(|ending| name.strip_suffix(ending.as_bytes())).next()?;
    Some(file.with_file_name(OsStr::from_bytes(copy)))
}

/// Size in bytes, and SHA-256 in hexadecimal, of a file that is on the disk afterwards. `None` when we were asked to stop.
pub(crate) fn sum(file: &Path, interrupt: &Interrupt) -> io::Result<Option<(u64, String)>> {
    let mut file = File::open(file)?;
    file.sync_all()?;
    let (mut bytes, mut sum, mut chunk) = (0, Sha256::new(), vec![0; CHUNK]);
    loop {
        let read = file.read(&mut chunk)?;
        if interrupt.is_raised() {
            return Ok(None);
        }
        if read == 0 {
            return Ok(Some((bytes, hex(&sum.finalize()))));
        }
        sum.update(&chunk[..read]);
        bytes += read as u64;
    }
}

fn with_sqlites_own(path: &Path) -> [PathBuf; 4] {
    SQLITES_OWN.map(|suffix| longer(path, suffix))
}

fn longer(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// A file that is removed, with those that SQLite made beside it, unless it is given its name.
struct Unfinished {
    path: PathBuf,
    named: bool,
}

impl Unfinished {
    /// Made by us: then it is ours alone from its first byte, and an existing file is never written over.
    fn create(path: &Path) -> io::Result<Self> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        Ok(Self { path: path.to_owned(), named: false })
    }

    fn name(mut self, to: &Path) -> io::Result<()> {
        fs::rename(&self.path, to)?;
        self.named = true;
        let on_the_disk = File::open(open::folder_of(to)).and_then(|folder| folder.sync_all());
        on_the_disk.inspect_err(|_| drop(fs::remove_file(to)))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.named {
            with_sqlites_own(&self.path).iter().for_each(|file| drop(fs::remove_file(file)));
        }
    }
}

struct Copying<'a> {
    db: &'a Path,
    to: &'a Path,
    settings: &'a Settings,
}

impl Copying<'_> {
    fn vacuum_into(&self, from: &Connection, suffix: &str) -> Result<Unfinished> {
        let path = longer(self.to, suffix);
        let file = Unfinished::create(&path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => self
                .exists(&path, "wait for the copy that is being made there, or remove what is left of one"),
            _ => self.cannot_make(&error),
        })?;
        // A lock can only be in the way of its beginning.
        let vacuum = || match from.execute("VACUUM INTO ?1", [file.path.to_string_lossy()]) {
            Err(error) if is_busy(&error) => Err(error),
            // It sorts indexes: in whatever order is not the service's, the copy would be damaged.
            Ok(_) => Ok(stand_in::none_called(from)),
            vacuumed => Ok(vacuumed.map(drop)),
        };
        patiently(self.db, self.settings, &mut (), vacuum)?.map_err(|error| self.failed(&error))?;
        Ok(file)
    }

    /// The rows of a copy that was scrubbed, in a file that never held another value.
    fn scrubbed(&self, live: &Connection, scrub: &Scrub<'_>) -> Result<Unfinished> {
        let unscrubbed = self.vacuum_into(live, UNSCRUBBED)?;
        let mut copy = self.open(&unscrubbed.path)?;
        scrub.run(&mut copy).map_err(|fault| match fault {
            Fault::Told(error) => error,
            Fault::Sqlite(error) => self.failed(&error),
        })?;
        // The statements may have made it larger.
        self.make_sure_of_room(&copy, 1)?;
        self.vacuum_into(&copy, PARTIAL)
    }

    fn open(&self, copy: &Path) -> Result<Connection> {
        let opened = || -> rusqlite::Result<Connection> {
            let mut copy = Connection::open(copy)?;
            if let Some(hook) = self.settings.hook {
                hook(&copy)?;
            }
            stop_when_raised(&mut copy, &self.settings.interrupt)?;
            stand_in::register_for_its_own(&copy)?;
            Ok(copy)
        };
        opened().map_err(|error| self.failed(&error))
    }

    fn check(&self, copy: &Path, check: Check) -> Result<()> {
        let pragma = match check {
            Check::Quick => "quick_check",
            Check::Integrity => "integrity_check",
        };
        let verdict = stand_in::check(&self.open(copy)?, pragma, 1);
        match verdict.map_err(|error| self.failed(&error))?.iter().find(|line| *line != "ok") {
            None => Ok(()),
            Some(what) => Err(self.damaged(what)),
        }
    }

    /// Size in bytes, and SHA-256, of what is on the disk: SQLite does not see to that here.
    fn sum(&self, copy: &Path) -> Result<(u64, String)> {
        let summed = sum(copy, &self.settings.interrupt).map_err(|error| self.damaged(&io_reason(&error)));
        summed?.ok_or_else(|| self.interrupted())
    }

    /// The name says that it is complete, so it is given last.
    fn name(&self, copy: Unfinished) -> Result<()> {
        self.refuse_existing()?;
        copy.name(self.to).map_err(|error| self.cannot_make(&error))
    }

    fn refuse_existing(&self) -> Result<()> {
        match self.to.symlink_metadata() {
            Ok(_) => Err(self.exists(self.to, "name a new file")),
            Err(_) => Ok(()),
        }
    }

    /// A copy has no free pages, so that it needs at most what the pages in use do.
    fn make_sure_of_room(&self, conn: &Connection, copies: u64) -> Result<()> {
        let number = |pragma: &str| conn.pragma_query_value(None, pragma, |row| row.get::<_, u64>(0));
        let used = || Ok((number("page_count")? - number("freelist_count")?) * number("page_size")?);
        let needed = copies * patiently(self.db, self.settings, &mut (), used)?;
        open::make_sure_of_room(self.to, &format!("a copy of {}", self.db.display()), needed)
    }

    fn failed(&self, error: &rusqlite::Error) -> Error {
        if is_interrupted(error) {
            return self.interrupted();
        }
        if error.sqlite_error_code() == Some(ErrorCode::DiskFull) {
            let to = self.to.display().to_string();
            let message = format!("the disk of {to} is full; nothing was copied");
            return Error::new(ErrorKind::Space, to, message)
                .remedy("free some space there and run the command again");
        }
        explain(self.db, error, self.settings)
    }

    fn interrupted(&self) -> Error {
        let db = self.db.display().to_string();
        let message = format!("the copy of {db} was interrupted; nothing was changed");
        Error::new(ErrorKind::Interrupted, db, message).remedy("run the command again")
    }

    fn damaged(&self, what: &str) -> Error {
        let message = format!("the copy of {} is damaged: {what}", self.db.display());
        Error::new(ErrorKind::Database, self.to.display().to_string(), message)
            .remedy("check the database itself: `PRAGMA integrity_check`")
    }

    fn missing(&self) -> Error {
        let db = self.db.display().to_string();
        let message = format!("there is no database {db}; nothing was copied");
        Error::new(ErrorKind::Database, db, message).remedy("name a database file that exists")
    }

    fn exists(&self, file: &Path, remedy: &str) -> Error {
        let file = file.display().to_string();
        let message = format!("the file {file} exists already; nothing was copied");
        Error::new(ErrorKind::Database, file, message).remedy(remedy)
    }

    fn cannot_make(&self, error: &io::Error) -> Error {
        let to = self.to.display().to_string();
        let message = format!("the copy {to} cannot be made: {}; nothing was copied", io_reason(error));
        Error::new(ErrorKind::Database, to, message)
            .remedy("name a file in a folder that exists and can be written")
    }
}
