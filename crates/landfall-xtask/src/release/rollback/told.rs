//! What a rollback is going to do, with its commands, and what is lost by it: values in, text out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use landfall_engine::TableRows;

use super::way::{Back, Goal, Source, Way};
use crate::release::image::short;
use crate::release::shipping::Shipping;
use crate::release::shipping::back::kept;
use crate::release::shipping::data::Copy;
use crate::release::shipping::standing::{Standing, Status};
use crate::text;
use crate::tool::fly::Volume;

/// All of it.
pub(super) fn steps(shipping: &Shipping<'_>, way: &Way<'_>) -> String {
    let (fly_toml, machine) = (shipping.fly_toml, &way.standing.machine.id);
    let app = &fly_toml.app;
    let before = way.standing.machine.pinned_image();
    let before = before.map_or_else(|| "nothing".to_owned(), |image| ship(shipping, &image));
    let mut out = lost(way);
    let _ = writeln!(out, "{}", text::title("What a rollback does"));
    let mut line = |phase: &str, text: String| {
        let _ = writeln!(out, "  {phase:9}  {text}");
    };
    line("Release", release(&way.goal));
    match &way.goal.data {
        Back::Stays => {
            line("Data", "stays as it is, with its schema".to_owned());
            line("Ship", ship(shipping, &way.goal.release.image));
        }
        Back::Copy(copy) => {
            line("Stop", format!("fly machine stop {machine} -a {app}"));
            line(
                "Restore",
                format!(
                    "fly machine update {machine} --command 'landfall restore {}' -a {app}, and start it",
                    copy.file
                ),
            );
            line("Ship", ship(shipping, &way.goal.release.image));
        }
        Back::Snapshot(source) => {
            let (name, volume) = (&fly_toml.source, &fly_toml.volume);
            line("Stop", format!("fly machine stop {machine} -a {app}"));
            line("Ship", ship(shipping, &way.goal.release.image));
            line("Volume", format!("fly volumes create {name} --snapshot-id {} -a {app}", source.id));
            line("Machine", format!("fly machine clone {machine} --attach-volume VOLUME:{volume} -a {app}"));
        }
    }
    line("Verify", verify(shipping));
    if matches!(way.goal.data, Back::Snapshot(_)) {
        line(
            "Set aside",
            format!(
                "fly machine destroy {machine} --force -a {app}; volume {} stays",
                way.standing.volume.id
            ),
        );
    }
    line("Record", record(app));
    line("or Back", before);
    out
}

/// The same where there is no machine any more.
pub(super) fn anew(shipping: &Shipping<'_>, goal: &Goal<'_>, volume: &Volume) -> String {
    let app = &shipping.fly_toml.app;
    let mut out = format!("{}\n", text::title("What a rollback does"));
    let mut line = |phase: &str, text: String| {
        let _ = writeln!(out, "  {phase:9}  {text}");
    };
    line("Release", release(goal));
    line("Data", format!("stays as it is, on volume {}", volume.id));
    line("Ship", format!("{}, which makes a machine", ship(shipping, &goal.release.image)));
    line("Verify", verify(shipping));
    line("Record", record(app));
    out
}

/// The same where the host of the machine is gone.
pub(super) fn elsewhere(shipping: &Shipping<'_>, way: &Way<'_>, region: &str) -> String {
    let (fly_toml, app) = (shipping.fly_toml, &shipping.fly_toml.app);
    let mut out = lost(way);
    let _ = writeln!(out, "{}", text::title("What a move to another host does"));
    let mut line = |phase: &str, text: String| {
        let _ = writeln!(out, "  {phase:9}  {text}");
    };
    line("Release", release(&way.goal));
    if let Back::Snapshot(source) = &way.goal.data {
        let (name, id) = (&fly_toml.source, &source.id);
        line("Volume", format!("fly volumes create {name} --snapshot-id {id} --region {region} -a {app}"));
    }
    line("Machine", format!("fly machine run IMAGE --machine-config CONFIG --region {region} -a {app}"));
    line("Verify", verify(shipping));
    let Standing { machine, volume, .. } = &way.standing;
    line(
        "Set aside",
        format!("fly machine destroy {} --force -a {app}; volume {} stays", machine.id, volume.id),
    );
    line("Record", record(app));
    out
}

fn release(goal: &Goal<'_>) -> String {
    let entry = &goal.target.entry;
    format!("{}: {}, by {} on {}", goal.target.number, short(&entry.commit), entry.who, entry.time)
}

fn ship(shipping: &Shipping<'_>, image: &str) -> String {
    let (app, wait) = (&shipping.fly_toml.app, shipping.wait_timeout.as_secs());
    format!(
        "fly deploy --image {image} --ha=false --strategy rolling --wait-timeout {wait}s --env {} -a {app}",
        kept().pair()
    )
}

fn verify(shipping: &Shipping<'_>) -> String {
    format!("fly machine list, {0}/healthz, {0}/version, landfall status", shipping.probe.address())
}

fn record(app: &str) -> String {
    format!("git push origin COMMIT:refs/landfall/deployed/{app}, and refs/landfall/audit/{app}")
}

/// What the data that comes back has not.
fn lost(way: &Way<'_>) -> String {
    match &way.goal.data {
        Back::Stays => String::new(),
        Back::Copy(copy) => lost_by_copy(&way.standing, copy),
        Back::Snapshot(source) => lost_by_snapshot(&way.standing, source),
    }
}

fn lost_by_copy(standing: &Standing, copy: &Copy) -> String {
    let mut out = format!("{}\n", text::title("What is lost"));
    let _ = writeln!(
        out,
        "  Everything that was written after {}, when {} was made.\n  \
         The database as it is now is set aside beside it, and never removed.",
        copy.time, copy.file
    );
    match &standing.status {
        Ok(status) => {
            out.push_str(&compared(&status.tables, &copy.status.tables));
            out.push_str(&uncounted(status));
        }
        Err(trouble) => {
            let _ = writeln!(out, "  What is in it now is not known: {}", trouble.message);
        }
    }
    out.push('\n');
    out
}

fn uncounted(status: &Status) -> String {
    let line = |table: &String| format!("  {table} is not counted: its module is not there\n");
    status.uncounted.iter().map(line).collect()
}

fn lost_by_snapshot(standing: &Standing, source: &Source) -> String {
    let mut out = format!("{}\n", text::title("What is lost"));
    let _ = writeln!(
        out,
        "  Everything that was written after {}, when snapshot {} was taken; how many rows it has is seen when it serves.\n  \
         Volume {} with the database as it is now is set aside, and never removed.",
        source.time, source.id, standing.volume.id
    );
    match &standing.status {
        Ok(status) => {
            for TableRows { table, rows } in &status.tables {
                let _ = writeln!(out, "  {table} has {} now", text::count(*rows, "row"));
            }
            out.push_str(&uncounted(status));
        }
        Err(trouble) => {
            let _ = writeln!(out, "  What is in it now is not known: {}", trouble.message);
        }
    }
    out.push('\n');
    out
}

/// Rows now and in the copy, a line a table.
fn compared(now: &[TableRows], then: &[TableRows]) -> String {
    let mut tables: BTreeMap<&str, [Option<u64>; 2]> = BTreeMap::new();
    for (which, rows) in [now, then].into_iter().enumerate() {
        for TableRows { table, rows } in rows {
            tables.entry(table).or_default()[which] = Some(*rows);
        }
    }
    let width = tables.keys().map(|table| table.chars().count()).max().unwrap_or(0).max("table".len());
    let mut out = format!("  {:width$}  {:>12}  {:>12}\n", "table", "rows now", "in the copy");
    for (table, [now, then]) in &tables {
        let number = |rows: &Option<u64>| rows.map_or("-".to_owned(), text::grouped);
        let change = match (now.unwrap_or(0), then.unwrap_or(0)) {
            (now, then) if now > then => format!("{} fewer", text::grouped(now - then)),
            (now, then) if now < then => format!("{} more", text::grouped(then - now)),
            _ => String::new(),
        };
        let line = format!("  {table:width$}  {:>12}  {:>12}  {change}", number(now), number(then));
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_compared_table_by_table() {
        let rows = |list: &[(&str, u64)]| -> Vec<TableRows> {
            list.iter().map(|(table, rows)| TableRows { table: (*table).to_owned(), rows: *rows }).collect()
        };
        let (now, then) = (
            rows(&[("customers", 1_200), ("notes", 3), ("new", 5)]),
            rows(&[("customers", 1_000), ("notes", 4), ("old", 0)]),
        );
        insta::assert_snapshot!(compared(&now, &then), @"
        table          rows now   in the copy
        customers         1,200         1,000  200 fewer
        new                   5             -  5 fewer
        notes                 3             4  1 more
        old                   -             0
        ");
    }
}
