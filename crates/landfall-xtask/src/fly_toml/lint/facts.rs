//! What several rules have to know of a file.

use crate::fly_toml::table::{Entry, Table};

/// The names of the process groups.
pub(super) fn groups<'a>(file: Table<'a>) -> Vec<&'a str> {
    let table = file.get("processes").and_then(Entry::table);
    table.into_iter().flat_map(|table| table.entries()).map(|entry| entry.name).collect()
}

/// The group that the volume belongs to, where the file says so.
pub(super) fn group<'a>(file: Table<'a>) -> Option<&'a str> {
    file.tables("mounts").first()?.words("processes").first().copied()
}

/// Where the volume is mounted, where the file names a folder that one can be mounted on.
pub(super) fn folder<'a>(file: Table<'a>) -> Option<&'a str> {
    file.tables("mounts").first()?.get("destination")?.string().filter(|folder| is_folder(folder))
}

pub(super) fn is_folder(text: &str) -> bool {
    text.starts_with('/') && text != "/"
}

/// The services by what a person wrote, the one first whose port counts.
pub(super) fn services<'a>(file: Table<'a>) -> Vec<(&'static str, Table<'a>)> {
    let http = file.tables("http_service").into_iter().map(|table| ("[http_service]", table));
    http.chain(file.tables("services").into_iter().map(|table| ("[[services]]", table))).collect()
}

/// The port that the service listens on, where it is a port.
pub(super) fn port(file: Table<'_>) -> Option<u16> {
    let (_, first) = services(file).first().copied()?;
    port_of(first.get("internal_port")?)
}

pub(super) fn port_of(entry: Entry<'_>) -> Option<u16> {
    u16::try_from(entry.integer()?).ok().filter(|port| *port > 0)
}
