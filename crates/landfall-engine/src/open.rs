//! Opening databases, and saying clearly why one cannot be opened.

use std::fs::{File, Permissions};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};
use serde::{Deserialize, Serialize};

use crate::error::io_reason;
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::stop_when_raised;
use crate::settings::Settings;
use crate::shown::shown_in_line;
use crate::sqlite_error::{is_busy, sqlite_message};
use crate::stand_in;
use crate::unregistered;
use crate::watch::{Event, Watch};

/// Less than this many free bytes make a failure of the disk one of its being full.
const SCARCE: u64 = 1 << 20;

/// Between two tries for a lock. Short, since a busy writer leaves gaps of microseconds between its commits: of 12 changes beside 200
/// writes a second 2 never found one in 10 s when this was 25 ms.
const PAUSE: Duration = Duration::from_millis(2);

/// Opens an existing database for reading; `None` when the file is missing or empty, which SQLite takes for an empty database.
pub(crate) fn reading(path: &Path, settings: &Settings, watch: &mut dyn Watch) -> Result<Option<Connection>> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(path, "opened", &io_reason(&error))),
        Ok(facts) if facts.is_dir() => {
            return Err(unreadable(path, "opened", "it is a directory").remedy("name the database file"));
        }
        Ok(facts) if !facts.is_file() => {
            return Err(unreadable(path, "opened", "it is no file").remedy("name the database file"));
        }
        Ok(facts) if facts.len() == 0 => return Ok(None),
        Ok(_) => {}
    }
    let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, settings)?;
    let needs_writer = || match first_look(&conn) {
        Err(error) if needs_recovery(&error) => Ok(true),
        looked => looked.map(|()| false),
    };
    if opening(path, settings, watch, needs_writer)? {
        // A process died in the middle of a transaction: only a connection that may write can roll it back.
        let writer = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, settings)?;
        opening(path, settings, watch, || first_look(&writer))?;
        drop(writer);
        opening(path, settings, watch, || first_look(&conn))?;
    }
    Ok(Some(conn))
}

fn first_look(conn: &Connection) -> rusqlite::Result<()> {
    conn.query_row("SELECT count(*) FROM main.sqlite_schema", [], |_| Ok(()))
}

/// As [`reading`], with one state of the database for all that is read: nobody's commit is seen in between, and no statement finds a
/// lock any more. Who commits without a log waits meanwhile. Ends with `COMMIT`, or with the connection.
pub(crate) fn snapshot(
    path: &Path,
    settings: &Settings,
    watch: &mut dyn Watch,
) -> Result<Option<Connection>> {
    let Some(conn) = reading(path, settings, watch)? else { return Ok(None) };
    begin(&conn, path, settings, watch)?;
    stand_in::register_for_its_own(&conn).map_err(|error| explain(path, &error, settings))?;
    Ok(Some(conn))
}

/// From here on the connection reads one state of the database.
pub(crate) fn begin(
    conn: &Connection,
    path: &Path,
    settings: &Settings,
    watch: &mut dyn Watch,
) -> Result<()> {
    conn.execute_batch("BEGIN").map_err(|error| explain(path, &error, settings))?;
    patiently(path, settings, watch, || first_look(conn))
}

/// What `read` finds in a database in WAL mode that lies still: nobody left a log beside it, so all of it is in its one file.
///
/// Opened in the ordinary way, such a database gets a log and an index of it, which a connection that may not write leaves behind.
/// As an immutable one (<https://www.sqlite.org/uri.html#uriimmutable>) it gets nothing, and no lock either: if somebody wrote
/// meanwhile, what was read counts for nothing. `None` then, in every other mode, and where anything is wrong: [`reading`] tells.
///
/// Only for the schema: its pages do not change but with the cookie in the header, which is what is looked at before and after.
pub(crate) fn at_rest<T>(
    path: &Path,
    settings: &Settings,
    read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Option<T> {
    let before = Still::of(path)?;
    let conn =
        connect(&immutable(path)?, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI, settings);
    let found = read(&conn.ok()?).ok()?;
    (Still::of(path)? == before).then_some(found)
}

/// What changes when somebody writes into a database that lies still.
#[derive(PartialEq)]
struct Still {
    header: [u8; 100],
    bytes: u64,
    modified: SystemTime,
}

impl Still {
    fn of(path: &Path) -> Option<Self> {
        const WAL: [u8; 2] = [2, 2];
        let mut header = [0; 100];
        // To open what is no file may take for ever.
        let mut file = std::fs::metadata(path).ok()?.is_file().then(|| File::open(path).ok())??;
        file.read_exact(&mut header).ok()?;
        let beside = |suffix: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            match std::fs::metadata(name) {
                Ok(facts) => Some(facts.len()),
                Err(error) => (error.kind() == std::io::ErrorKind::NotFound).then_some(0),
            }
        };
        let logged = beside("-wal")? > 0 || beside("-journal")? > 0;
        let facts = file.metadata().ok()?;
        (header[18..20] == WAL && !logged).then_some(Self {
            header,
            bytes: facts.len(),
            modified: facts.modified().ok()?,
        })
    }
}

/// The URI of a database that nobody writes; `None` where what it begins with would be read as the name of a host.
fn immutable(path: &Path) -> Option<PathBuf> {
    let bytes = path.as_os_str().as_bytes();
    let mut uri = "file:".to_owned();
    for byte in bytes {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(char::from(*byte));
            }
            _ => uri.push_str(&format!("%{byte:02x}")),
        }
    }
    (!bytes.starts_with(b"//")).then(|| format!("{uri}?immutable=1").into())
}

/// Opens a database for writing, made if it is missing: for its owner alone, whatever the umask.
pub(crate) fn writing(path: &Path, settings: &Settings) -> Result<Connection> {
    // What cannot be made cannot be opened either, and that says why. SQLite itself would make what a link points to.
    let _ = make(path);
    connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, settings)
}

fn make(path: &Path) -> std::io::Result<()> {
    const OURS: u32 = 0o600;
    let file = File::options().write(true).create_new(true).mode(OURS).open(path)?;
    // What the umask took away.
    file.set_permissions(Permissions::from_mode(OURS))
}

fn connect(path: &Path, flags: OpenFlags, settings: &Settings) -> Result<Connection> {
    // Without URI but where we wrote one, so that a path is a path; without the mutex, since a connection stays on one thread.
    let mut conn = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|error| cannot_open(path, &error, settings))?;
    #[cfg(test)]
    crate::faulty::attach(&mut conn);
    let mut prepared = || -> rusqlite::Result<()> {
        conn.busy_timeout(Duration::ZERO)?;
        stop_when_raised(&mut conn, &settings.interrupt)?;
        settings.hook.map_or(Ok(()), |hook| hook(&conn))
    };
    prepared().map_err(|error| cannot_open(path, &error, settings))?;
    Ok(conn)
}

fn needs_recovery(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|e| {
        matches!(
            e.extended_code,
            ffi::SQLITE_READONLY_ROLLBACK | ffi::SQLITE_READONLY_RECOVERY | ffi::SQLITE_READONLY_CANTINIT
        )
    })
}

/// Tries again while another connection holds a lock. SQLite's own busy timeout does not cover `SQLITE_LOCKED`.
///
/// # Errors
/// [`ErrorKind::Locked`] with the time that was waited, [`ErrorKind::Interrupted`], and those of [`explain`].
pub(crate) fn patiently<T>(
    path: &Path,
    settings: &Settings,
    watch: &mut dyn Watch,
    act: impl FnMut() -> rusqlite::Result<T>,
) -> Result<T> {
    patiently_by(path, settings, watch, act, explain)
}

/// As [`patiently`], for the first look at a file, which tells whether it can be opened at all.
pub(crate) fn opening<T>(
    path: &Path,
    settings: &Settings,
    watch: &mut dyn Watch,
    look: impl FnMut() -> rusqlite::Result<T>,
) -> Result<T> {
    patiently_by(path, settings, watch, look, cannot_open)
}

fn patiently_by<T>(
    path: &Path,
    settings: &Settings,
    watch: &mut dyn Watch,
    mut act: impl FnMut() -> rusqlite::Result<T>,
    explain: fn(&Path, &rusqlite::Error, &Settings) -> Error,
) -> Result<T> {
    let (begun, mut told) = (Instant::now(), false);
    loop {
        let error = match act() {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let waited = begun.elapsed();
        if !is_busy(&error) || settings.interrupt.is_raised() {
            return Err(explain(path, &error, settings));
        }
        if waited >= settings.lock_wait {
            return Err(locked(path, waited));
        }
        if !told {
            watch.event(&Event::WaitingForLock { database: path, limit: settings.lock_wait });
            told = true;
        }
        std::thread::sleep(PAUSE);
    }
}

/// The error of a lock that was waited for, for so long.
pub(crate) fn locked(path: &Path, waited: Duration) -> Error {
    let file = path.display().to_string();
    let held = match (waited.as_secs(), waited.as_millis()) {
        (0, 0) => format!("another connection holds a lock on {file}"),
        (0, milliseconds) => {
            format!("another connection held a lock on {file} for more than {milliseconds} milliseconds")
        }
        (1, _) => format!("another connection held a lock on {file} for more than 1 second"),
        (seconds, _) => format!("another connection held a lock on {file} for more than {seconds} seconds"),
    };
    Error::new(ErrorKind::Locked, file, held)
        .unchanged()
        .remedy("stop the process that holds it, or allow a longer wait")
}

fn unreadable(path: &Path, cannot: &str, reason: &str) -> Error {
    let file = path.display().to_string();
    Error::new(
        ErrorKind::Database,
        &file,
        format!("the database {file} cannot be {cannot}: {}", shown_in_line(reason)),
    )
}

/// The error of a database that cannot be read; nothing was changed.
pub(crate) fn explain(path: &Path, error: &rusqlite::Error, settings: &Settings) -> Error {
    explain_as("read", path, error, settings)
}

/// The error of a database that cannot be opened; nothing was changed.
fn cannot_open(path: &Path, error: &rusqlite::Error, settings: &Settings) -> Error {
    explain_as("opened", path, error, settings)
}

fn explain_as(cannot: &str, path: &Path, error: &rusqlite::Error, settings: &Settings) -> Error {
    let file = path.display();
    if let Some(error) = told_already(error) {
        return error;
    }
    if unregistered::is_called(error) {
        let why = sqlite_message(error);
        let message = format!("what is asked of {file} cannot be done here: {}", shown_in_line(&why));
        return Error::new(ErrorKind::Hazard, file.to_string(), message)
            .unchanged()
            .remedy(unregistered::remedy(error));
    }
    let unreadable = |reason: &str| unreadable(path, cannot, reason);
    if is_busy(error) && settings.interrupt.is_raised() {
        let message = format!("the wait for a lock on {file} was interrupted");
        return Error::new(ErrorKind::Interrupted, file.to_string(), message)
            .unchanged()
            .remedy("run the command again");
    }
    if is_busy(error) {
        return locked(path, Duration::ZERO);
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => {
            let message = format!("the reading of {file} was interrupted");
            Error::new(ErrorKind::Interrupted, file.to_string(), message)
                .unchanged()
                .remedy("run the command again")
        }
        Some(ErrorCode::OutOfMemory) => {
            let message = format!("there is too little memory to read {file}");
            Error::new(ErrorKind::Space, file.to_string(), message)
                .unchanged()
                .remedy("give the process more memory, and run the command again")
        }
        Some(ErrorCode::NotADatabase) => unreadable("it is not an SQLite database, or it is encrypted")
            .unchanged()
            .remedy("name another file"),
        Some(ErrorCode::DatabaseCorrupt) => {
            unreadable("it is damaged (the database disk image is malformed)")
                .unchanged()
                .remedy("put a backup back, or try `sqlite3 FILE .recover`")
        }
        // Opening a WAL database needs some pages beside it: SQLite tells a full disk there as a failure of the disk.
        Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure)
            if free_bytes(path).is_ok_and(|b| b < SCARCE) =>
        {
            let message = format!("the disk of {file} is full");
            Error::new(ErrorKind::Space, file.to_string(), message)
                .unchanged()
                .remedy("free some space there and run the command again")
        }
        Some(ErrorCode::DiskFull) => {
            let message = format!("the disk is full on which SQLite sorts rows of {file}");
            Error::new(ErrorKind::Space, file.to_string(), message)
                .unchanged()
                .remedy("free some space there, or name a folder with more in SQLITE_TMPDIR")
        }
        Some(ErrorCode::SystemIoFailure) => {
            unreadable(&format!("the disk failed ({})", sqlite_message(error)))
                .remedy("look after the disk, then run the command again")
                .unchanged()
        }
        Some(ErrorCode::CannotOpen) => {
            let folder_is_there = path.parent().is_none_or(|p| p.as_os_str().is_empty() || p.is_dir());
            if folder_is_there {
                unreadable("SQLite may not open it").remedy("check the rights of the file and of its folder")
            } else {
                unreadable("its folder does not exist").remedy("make the folder first, or name another file")
            }
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Error::new(
            ErrorKind::Database,
            file.to_string(),
            format!("the database {file} cannot be written: {}", shown_in_line(&sqlite_message(error))),
        )
        .unchanged()
        .remedy("check who owns the file and its folder, and whether the file system is mounted read-only"),
        _ => unreadable(&sqlite_message(error)),
    }
}

/// The folder that a database is in.
pub(crate) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Bytes that are free on the file system of a database.
pub(crate) fn free_bytes(path: &Path) -> std::io::Result<u64> {
    room(path).map(|room| room.free)
}

/// The room on a file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// What may still be taken of it.
    pub free: u64,
    /// All of it.
    pub total: u64,
}

/// The room on the file system of a database.
///
/// # Errors
/// When its folder cannot be asked (`statvfs`, <https://man7.org/linux/man-pages/man3/statvfs.3.html>).
pub fn room(path: &Path) -> std::io::Result<Room> {
    let facts = rustix::fs::statvfs(folder_of(path))?;
    let bytes = |blocks: u64| blocks.saturating_mul(facts.f_frsize);
    Ok(Room { free: bytes(facts.f_bavail), total: bytes(facts.f_blocks) })
}

/// Makes sure that `what`, which takes so many bytes, has room where the file `to` is to be made.
///
/// # Errors
/// [`ErrorKind::Space`] when it has not. A folder that cannot be asked has room: the making of the file tells of it.
pub fn make_sure_of_room(to: &Path, what: &str, bytes: u64) -> Result<()> {
    match free_bytes(to) {
        Ok(free) if free < bytes => {
            let folder = folder_of(to);
            Err(short_of_room(&folder, what, &format!("in {}", folder.display()), bytes, free))
        }
        _ => Ok(()),
    }
}

/// What is told where there is less room than is needed: of what, and where.
pub(crate) fn short_of_room(folder: &Path, what: &str, place: &str, needed: u64, free: u64) -> Error {
    const MIB: u64 = 1 << 20;
    let (needed, free) = (needed.div_ceil(MIB), free / MIB);
    let message = format!("{what} needs up to {needed} MiB {place} and only {free} MiB are free");
    Error::new(ErrorKind::Space, folder.display().to_string(), message)
        .unchanged()
        .remedy("free some space there, or enlarge the volume")
}

/// An error of ours that came by way of SQLite's.
fn told_already(error: &rusqlite::Error) -> Option<Error> {
    match error {
        rusqlite::Error::UserFunctionError(error) => error.downcast_ref().cloned(),
        _ => None,
    }
}

/// Whether a statement failed while it ran, on a value of a row, and not for what it says: SQLite tells the place in the text then.
pub(crate) fn fails_on_a_row(error: &rusqlite::Error) -> bool {
    let rusqlite::Error::SqliteFailure(code, _) = error else { return false };
    !unregistered::is_called(error)
        && unregistered::tokenizer_of(&sqlite_message(error)).is_none()
        && matches!(code.extended_code, ffi::SQLITE_ERROR | ffi::SQLITE_TOOBIG | ffi::SQLITE_MISMATCH)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::*;

    /// Counts how often the waiting is told.
    #[derive(Default)]
    struct Told(u32);

    impl Watch for Told {
        fn event(&mut self, event: &Event<'_>) {
            self.0 += u32::from(matches!(event, Event::WaitingForLock { .. }));
        }
    }

    fn failure(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn busy_and_locked_are_tried_again_and_told_once() {
        for code in
            [ffi::SQLITE_BUSY, ffi::SQLITE_LOCKED, ffi::SQLITE_LOCKED_SHAREDCACHE, ffi::SQLITE_BUSY_SNAPSHOT]
        {
            let (mut tries, mut told) = (0, Told::default());
            let result = patiently(Path::new("db"), &Settings::default(), &mut told, || {
                tries += 1;
                if tries < 4 { Err(failure(code)) } else { Ok(tries) }
            });
            assert_eq!((result.unwrap(), told.0), (4, 1));
        }
    }

    #[test]
    fn a_lock_is_told_with_the_time_that_was_waited() {
        let waits = [(0, "holds a lock on db;"), (30, "for more than "), (1_000, "for more than 1 second;")];
        for (wait, expected) in waits {
            let settings = Settings { lock_wait: Duration::from_millis(wait), ..Settings::default() };
            let begun = Instant::now();
            let busy = || Err::<(), _>(failure(ffi::SQLITE_BUSY));
            let error = patiently(Path::new("db"), &settings, &mut (), busy).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Locked);
            assert!(error.told().contains(expected), "{error}");
            let number = error.message.split_once("more than ").map(|(_, rest)| rest.split(' ').next());
            let told: u64 = number.flatten().map_or(0, |number| number.parse().unwrap());
            let told = if error.message.contains("milli") { told } else { told * 1_000 };
            assert!(wait <= told && u128::from(told) <= begun.elapsed().as_millis(), "{error}");
        }
    }

    #[test]
    fn anything_else_is_not_tried_again() {
        let (mut tries, mut told) = (0, Told::default());
        let result = patiently(Path::new("db"), &Settings::default(), &mut told, || {
            tries += 1;
            Err::<(), _>(failure(ffi::SQLITE_CORRUPT))
        });
        assert!(result.is_err());
        assert_eq!((tries, told.0), (1, 0));
    }
}
