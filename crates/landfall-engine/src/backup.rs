//! Consistent copies of a live database.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::raw::c_int;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rusqlite::{Connection, ErrorCode, backup as online, ffi};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::io_reason;
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::Interrupt;
use crate::interrupt::stop_when_raised;
use crate::open::{self, explain, patiently};
use crate::schema::{self, hex};
use crate::scrub::{Fault, Scrub};
use crate::settings::Settings;
use crate::sqlite_error::{is_busy, is_interrupted};
use crate::stand_in;
use crate::words;

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
/// How many pages are copied between two looks at whether we were asked to stop.
const PAGES: c_int = 1_000;
/// What is read at once.
const CHUNK: usize = 1 << 16;

/// Makes a consistent copy of a live database into the new file `to` (mode 0600), and checks it.
///
/// The copy is made by VACUUM INTO (<https://www.sqlite.org/lang_vacuum.html#vacuuminto>): one read transaction, so that a
/// service may go on writing. Where that would have to sort or compute what only the service can, every page is copied as it is
/// (<https://www.sqlite.org/backup.html>), in one read transaction, too. `cp` of a live WAL database loses commits. It gets the name `to` when it is complete, checked and on
/// the disk; until then the names of [`partials`] are used.
///
/// `scrub` are SQL statements that run on the copy alone. Old values of the rows that they change are nowhere in `to`: triggers do
/// not fire, full-text indexes are rebuilt, samples of ANALYZE are deleted, and the file is made anew out of the scrubbed rows,
/// which needs the room of a second copy. An FTS index without content has to be emptied by them.
///
/// # Errors
/// [`ErrorKind::Database`] when `db` is missing or cannot be read, when `to` exists or cannot be made, or when the copy is
/// damaged; [`ErrorKind::Usage`] when `scrub` does more than change rows, [`ErrorKind::Apply`] when it fails;
/// [`ErrorKind::Hazard`] when a copy that is scrubbed would take what only the service can sort or compute;
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
    let registered = || schema::computable(&live).and_then(|()| stand_in::register_for_its_own(&live));
    patiently(db, settings, &mut (), registered)?;
    copying.refuse_existing()?;
    copying.make_sure_of_room(&live, if scrub.is_some() { 2 } else { 1 })?;
    let copy = match scrub {
        None => copying.copied(&live)?,
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

/// What came of VACUUM INTO.
enum Vacuumed {
    Copy(Unfinished),
    /// SQLite's words about what it would have to call, and only the service has.
    Calls(String),
}

struct Copying<'a> {
    db: &'a Path,
    to: &'a Path,
    settings: &'a Settings,
}

impl Copying<'_> {
    fn copied(&self, live: &Connection) -> Result<Unfinished> {
        match self.vacuum_into(live, PARTIAL)? {
            Vacuumed::Copy(copy) => Ok(copy),
            Vacuumed::Calls(_) => self.pages_of(live),
        }
    }

    fn vacuum_into(&self, from: &Connection, suffix: &str) -> Result<Vacuumed> {
        let file = self.create(suffix)?;
        // A lock can only be in the way of its beginning.
        let vacuum = || match from.execute("VACUUM INTO ?1", [file.path.to_string_lossy()]) {
            Err(error) if is_busy(&error) => Err(error),
            vacuumed => Ok(vacuumed),
        };
        let vacuumed = patiently(self.db, self.settings, &mut (), vacuum)?;
        // It sorts indexes: in whatever order is not the service's, the copy would be damaged.
        let called = patiently(self.db, self.settings, &mut (), || stand_in::called(from))?;
        match (called.into_iter().next(), vacuumed) {
            (Some(called), _) => Ok(Vacuumed::Calls(called)),
            (None, Ok(_)) => Ok(Vacuumed::Copy(file)),
            (None, Err(error)) => Err(self.failed(&error)),
        }
    }

    /// Every page as it is, free ones too: nothing is sorted or computed. One read transaction keeps all commits out of it meanwhile.
    fn pages_of(&self, live: &Connection) -> Result<Unfinished> {
        open::begin(live, self.db, self.settings, &mut ())?;
        let number = |pragma: &str| live.pragma_query_value(None, pragma, |row| row.get::<_, u64>(0));
        let needed = number("page_count").and_then(|pages| Ok(pages * number("page_size")?));
        self.make_sure_of(needed.map_err(|error| self.failed(&error))?)?;
        let file = self.create(PARTIAL)?;
        let copied = self.copy_pages(live, &file.path);
        let ended = live.execute_batch("ROLLBACK");
        copied.and(ended).map_err(|error| self.failed(&error))?;
        Ok(file)
    }

    fn copy_pages(&self, live: &Connection, to: &Path) -> rusqlite::Result<()> {
        let mut copy = Connection::open(to)?;
        let pages = online::Backup::new(live, &mut copy)?;
        while pages.step(PAGES)? != online::StepResult::Done {
            if self.settings.interrupt.is_raised() {
                let interrupted = ffi::Error::new(ffi::SQLITE_INTERRUPT);
                return Err(rusqlite::Error::SqliteFailure(interrupted, None));
            }
        }
        drop(pages);
        // Of a database in WAL mode it would be one, too: a copy is all in its one file.
        copy.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))
    }

    fn create(&self, suffix: &str) -> Result<Unfinished> {
        let path = longer(self.to, suffix);
        Unfinished::create(&path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => self
                .exists(&path, "wait for the copy that is being made there, or remove what is left of one"),
            _ => self.cannot_make(&error),
        })
    }

    /// The rows of a copy that was scrubbed, in a file that never held another value.
    fn scrubbed(&self, live: &Connection, scrub: &Scrub<'_>) -> Result<Unfinished> {
        // Not page by page: no page of what is scrubbed may ever have held an old value.
        let vacuumed = |from: &Connection, suffix| match self.vacuum_into(from, suffix)? {
            Vacuumed::Copy(copy) => Ok(copy),
            Vacuumed::Calls(missing) => Err(self.cannot_scrub(&missing)),
        };
        let unscrubbed = vacuumed(live, UNSCRUBBED)?;
        let mut copy = self.open(&unscrubbed.path)?;
        scrub.run(&mut copy).map_err(|fault| match fault {
            Fault::Told(error) => error,
            Fault::Sqlite(error) => self.failed(&error),
        })?;
        // The statements may have made it larger.
        self.make_sure_of_room(&copy, 1)?;
        vacuumed(&copy, PARTIAL)
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
        self.make_sure_of(copies * patiently(self.db, self.settings, &mut (), used)?)
    }

    fn make_sure_of(&self, needed: u64) -> Result<()> {
        open::make_sure_of_room(self.to, &format!("a copy of {}", self.db.display()), needed)
    }

    fn failed(&self, error: &rusqlite::Error) -> Error {
        if is_interrupted(error) {
            return self.interrupted();
        }
        if error.sqlite_error_code() == Some(ErrorCode::DiskFull) {
            let to = self.to.display().to_string();
            let message = format!("the disk of {to} is full");
            return Error::new(ErrorKind::Space, to, message)
                .unchanged()
                .remedy("free some space there and run the command again");
        }
        explain(self.db, error, self.settings)
    }

    fn cannot_scrub(&self, why: &str) -> Error {
        let db = self.db.display().to_string();
        let message = format!("a scrubbed copy of {db} cannot be made here: {}", words::of_a_stand_in(why));
        Error::new(ErrorKind::Hazard, db, message)
            .unchanged()
            .remedy("make the copy without a scrub, and scrub it where the service registers that")
    }

    fn interrupted(&self) -> Error {
        let db = self.db.display().to_string();
        let message = format!("the copy of {db} was interrupted");
        Error::new(ErrorKind::Interrupted, db, message).unchanged().remedy("run the command again")
    }

    fn damaged(&self, what: &str) -> Error {
        let message = format!("the copy of {} is damaged: {what}", self.db.display());
        Error::new(ErrorKind::Database, self.to.display().to_string(), message)
            .remedy("check the database itself: `PRAGMA integrity_check`")
    }

    fn missing(&self) -> Error {
        let db = self.db.display().to_string();
        let message = format!("there is no database {db}");
        Error::new(ErrorKind::Database, db, message).unchanged().remedy("name a database file that exists")
    }

    fn exists(&self, file: &Path, remedy: &str) -> Error {
        let file = file.display().to_string();
        let message = format!("the file {file} exists already");
        Error::new(ErrorKind::Database, file, message).unchanged().remedy(remedy)
    }

    fn cannot_make(&self, error: &io::Error) -> Error {
        let to = self.to.display().to_string();
        let message = format!("the copy {to} cannot be made: {}", io_reason(error));
        Error::new(ErrorKind::Database, to, message)
            .unchanged()
            .remedy("name a file in a folder that exists and can be written")
    }
}
