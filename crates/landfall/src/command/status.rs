//! `landfall status`: what is in the database, how much room is left, what lies beside it. Nothing is written.

use std::fmt;
use std::path::Path;

use landfall_engine::{Counted, Error, ErrorKind, Room, TableRows, written};
use serde::Serialize;

use crate::about;
use crate::config::Config;
use crate::copy;
use crate::ending::Ending;
use crate::set_aside;
use crate::stamped::Stamped;

const MIB: u64 = 1 << 20;

#[derive(Debug, Serialize)]
pub(crate) struct Status {
    file: String,
    bytes: u64,
    #[serde(flatten)]
    rows: Counted,
    /// The fingerprint of its schema.
    schema: String,
    disk: Room,
    /// What boots made before they changed it, newest first; only of the database itself.
    copies: Vec<Beside>,
    /// What was the database before a copy was put back, newest first; only of the database itself.
    set_aside: Vec<Beside>,
}

/// A file beside the database.
#[derive(Debug, Serialize)]
struct Beside {
    file: String,
    bytes: u64,
    time: String,
}

/// Of the database, or of another one beside it.
pub(crate) fn run(config: &Config, file: Option<&Path>) -> Ending<Status> {
    match file {
        Some(file) if file != config.database.path => of_another(config, file),
        _ => of_the_database(config),
    }
    .into()
}

fn of_the_database(config: &Config) -> Result<Status, Error> {
    let mut status = read(config, config.database.existing()?)?;
    status.copies = beside(copy::copies(&config.database));
    status.set_aside = beside(set_aside::all(&config.database));
    Ok(status)
}

fn of_another(config: &Config, file: &Path) -> Result<Status, Error> {
    config.database.refuse_elsewhere(file)?;
    if !file.exists() {
        let shown = file.display().to_string();
        let message = format!("there is no database at {shown}");
        return Err(Error::new(ErrorKind::Database, shown, message)
            .remedy("name one that is there: landfall status lists them"));
    }
    read(config, file)
}

fn read(config: &Config, file: &Path) -> Result<Status, Error> {
    let settings = &config.settings;
    let schema = about::live(file, config.declared_if_readable().as_ref(), settings)?;
    let rows = landfall_engine::rows(file, settings)?;
    let asked = file.metadata().and_then(|facts| Ok((facts.len(), landfall_engine::room(file)?)));
    let (bytes, disk) = asked.map_err(|error| {
        let shown = file.display().to_string();
        let message = format!("{shown} and the room beside it cannot be measured: {error}");
        Error::new(ErrorKind::Database, shown, message).remedy("check the rights of its folder")
    })?;
    let file = file.display().to_string();
    Ok(Status { file, bytes, rows, schema, disk, copies: Vec::new(), set_aside: Vec::new() })
}

/// One that was removed meanwhile is left out.
fn beside(files: Vec<Stamped>) -> Vec<Beside> {
    let measured = files.into_iter().filter_map(|Stamped { file, time }| {
        Some(Beside { bytes: file.metadata().ok()?.len(), file: file.display().to_string(), time })
    });
    measured.collect()
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, bytes, rows, schema, disk, copies, set_aside } = self;
        writeln!(f, "database  {file}")?;
        writeln!(f, "size      {bytes} bytes")?;
        writeln!(f, "disk      {} of {} MiB free", disk.free / MIB, disk.total / MIB)?;
        writeln!(f, "schema    {schema}")?;
        write_tables(f, rows)?;
        write_beside(f, "copies, made before a change", copies)?;
        write_beside(f, "set aside, when a copy was put back", set_aside)
    }
}

fn write_tables(f: &mut fmt::Formatter<'_>, Counted { tables, uncounted }: &Counted) -> fmt::Result {
    if tables.is_empty() && uncounted.is_empty() {
        return writeln!(f, "\nno tables");
    }
    let names: Vec<_> = tables.iter().map(|table| written(&table.table)).collect();
    let others: Vec<_> = uncounted.iter().map(|name| written(name)).collect();
    let name = names.iter().chain(&others).map(|name| name.chars().count()).max().unwrap_or_default();
    let number = tables.iter().map(|table| table.rows.to_string().len()).max().unwrap_or_default();
    writeln!(f, "\nrows")?;
    let mut lines = names.iter().zip(tables);
    lines.try_for_each(|(table, TableRows { rows, .. })| writeln!(f, "  {table:name$}  {rows:>number$}"))?;
    others.iter().try_for_each(|table| writeln!(f, "  {table:name$}  not counted: its module is not here"))
}

fn write_beside(f: &mut fmt::Formatter<'_>, title: &str, files: &[Beside]) -> fmt::Result {
    if files.is_empty() {
        return Ok(());
    }
    let number = files.iter().map(|file| file.bytes.to_string().len()).max().unwrap_or_default();
    writeln!(f, "\n{title}")?;
    files
        .iter()
        .try_for_each(|Beside { file, bytes, time }| writeln!(f, "  {time}  {bytes:>number$} bytes  {file}"))
}
