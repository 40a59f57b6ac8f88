//! Consistent copies of a live database.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::declared::io_reason;
use crate::error::{Error, ErrorKind, Result};
use crate::open::{self, explain, free_bytes, is_interrupted, short_of_room, stop_when_raised};
use crate::settings::Settings;

/// A consistent copy that was made and checked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Backup {
    /// Where it is.
    pub file: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Makes a consistent copy of a live database into the new file `to` (mode 0600), and checks it with `integrity_check`.
///
/// The copy is made by VACUUM INTO (<https://www.sqlite.org/lang_vacuum.html#vacuuminto>): one read transaction, so that a
/// service may go on writing. `cp` of a live WAL database loses commits. On return the copy is on the disk, not only in the
/// system's cache: SQLite does not see to that here.
///
/// # Errors
/// [`ErrorKind::Database`] when `db` is missing or cannot be read, when `to` exists or cannot be made, or when the copy is
/// damaged; [`ErrorKind::Space`] when there is too little room; [`ErrorKind::Interrupted`]. Then nothing is left behind.
pub fn backup(db: &Path, to: &Path, settings: &Settings) -> Result<Backup> {
    let Some(mut conn) = open::reading(db, settings, &mut ())? else {
        let file = db.display().to_string();
        return Err(Error::new(
            ErrorKind::Database,
            &file,
            format!("there is no database {file}; nothing was copied"),
        )
        .remedy("name a database file that exists"));
    };
    make_sure_of_room(&conn, db, to, settings)?;
    // Made by us first: then it is ours alone from its first byte, and an existing file is never written over.
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(|error| cannot_make(to, &error))?;
    let result = copy(&mut conn, to, settings).map_err(|error| failed(db, to, settings, error));
    if result.is_err() {
        drop(std::fs::remove_file(to));
    }
    let bytes = result?;
    Ok(Backup { file: to.display().to_string(), bytes })
}

enum CopyError {
    Sqlite(rusqlite::Error),
    Damaged(String),
}

impl From<rusqlite::Error> for CopyError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn failed(db: &Path, to: &Path, settings: &Settings, error: CopyError) -> Error {
    match error {
        CopyError::Sqlite(error) if is_interrupted(&error) => {
            let message = format!("the copy of {} was interrupted; nothing was changed", db.display());
            Error::new(ErrorKind::Interrupted, db.display().to_string(), message)
                .remedy("run the command again")
        }
        CopyError::Sqlite(error) => explain(db, &error, settings),
        CopyError::Damaged(what) => Error::new(
            ErrorKind::Database,
            to.display().to_string(),
            format!("the copy of {} is damaged: {what}", db.display()),
        )
        .remedy("check the database itself: `PRAGMA integrity_check`"),
    }
}

/// The copy has no free pages, so that it needs at most what the pages in use do.
fn make_sure_of_room(conn: &Connection, db: &Path, to: &Path, settings: &Settings) -> Result<()> {
    let number = |pragma: &str| conn.pragma_query_value(None, pragma, |row| row.get::<_, u64>(0));
    let used = || Ok((number("page_count")? - number("freelist_count")?) * number("page_size")?);
    let needed = used().map_err(|error| explain(db, &error, settings))?;
    // A folder that cannot be asked is told by the making of the file.
    let Ok(free) = free_bytes(to) else { return Ok(()) };
    if free >= needed {
        return Ok(());
    }
    let (what, folder) = (format!("a copy of {}", db.display()), open::folder_of(to));
    Err(short_of_room(&folder, &what, &format!("in {}", folder.display()), needed, free))
}

fn copy(conn: &mut Connection, to: &Path, settings: &Settings) -> Result<u64, CopyError> {
    conn.busy_timeout(settings.lock_wait)?;
    stop_when_raised(conn, &settings.interrupt)?;
    conn.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
    check(to, settings)?;
    on_the_disk(to).map_err(|error| CopyError::Damaged(io_reason(&error)))
}

fn check(to: &Path, settings: &Settings) -> Result<(), CopyError> {
    let mut copy = Connection::open(to)?;
    if let Some(hook) = settings.hook {
        hook(&copy)?;
    }
    stop_when_raised(&mut copy, &settings.interrupt)?;
    let verdict: String = copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(CopyError::Damaged(verdict)) }
}

/// Its size in bytes, once the file and its entry in the folder are written.
fn on_the_disk(file: &Path) -> io::Result<u64> {
    let copy = File::open(file)?;
    copy.sync_all()?;
    File::open(open::folder_of(file))?.sync_all()?;
    Ok(copy.metadata()?.len())
}

fn cannot_make(to: &Path, error: &io::Error) -> Error {
    let file = to.display().to_string();
    if error.kind() == io::ErrorKind::AlreadyExists {
        return Error::new(
            ErrorKind::Database,
            &file,
            format!("the file {file} exists already; nothing was copied"),
        )
        .remedy("name a new file");
    }
    Error::new(
        ErrorKind::Database,
        &file,
        format!("the copy {file} cannot be made: {}; nothing was copied", io_reason(error)),
    )
    .remedy("name a file in a folder that exists and can be written")
}
