//! What a volume holds: nobody can say whether it may go who has not seen that. It is read on a fork, so that it does not matter
//! whose it is.

use std::fmt;

use anyhow::Result;
use landfall_engine::Interrupt;
use serde::Serialize;

use crate::error::{Error, Kind};
use crate::fly_toml::FlyToml;
use crate::name::{MachineId, Region, VolumeId};
use crate::project::Project;
use crate::release::audit;
use crate::release::production::Trouble;
use crate::release::reading::{self, Reading};
use crate::release::shipping::snapshot;
use crate::release::shipping::standing::{self, File, Status};
use crate::text;
use crate::tool::fly::{Fly, Volume};
use crate::ui::Ui;

/// A volume and what is on it: the report of `status --volume`.
#[derive(Debug, Serialize)]
pub(crate) struct Held {
    #[serde(skip)]
    app: String,
    /// Its id.
    volume: VolumeId,
    /// Where it is.
    region: Region,
    /// In gigabytes.
    size_gb: u32,
    /// The machine that has it.
    machine: Option<MachineId>,
    /// Whether a rollback set it aside.
    set_aside: bool,
    /// When its latest snapshot was made, as in RFC 3339.
    snapshot: Option<String>,
    /// The database on it, as `landfall status` tells of it.
    database: Status,
}

/// Looks; what it made for that is gone afterwards.
pub(crate) fn look(project: &Project, id: &VolumeId, interrupt: &Interrupt, ui: &Ui) -> Result<Held> {
    let fly_toml = FlyToml::read(&project.root)?;
    let fly = Fly::of(&fly_toml.app, interrupt)?;
    let audit = audit::read(&project.root, &fly_toml.app, interrupt)?;
    let volume =
        fly.volumes()?.into_iter().find(|known| known.id == *id).ok_or_else(|| none(id, &fly_toml.app))?;
    let machines = fly.machines()?;
    let ours = machines.iter().find(|machine| machine.is_in_group(&fly_toml.group));
    let unread = |Trouble { message, remedy, .. }| {
        let message = format!("what volume {id} holds is not known: {message}");
        Error::new(Kind::Failed, id, message).unchanged().remedy(remedy)
    };
    let image = reading::image(&audit, ours).map_err(unread)?;
    let reading = Reading { fly: &fly, fly_toml: &fly_toml, image: &image, interrupt, ui };
    let read = reading.of(id, &volume.region, |machine| standing::status(&fly, machine));
    let database = read.and_then(|status| status).map_err(unread)?;
    let snapshot = snapshot::last(&fly.snapshots(id)?).map(|(_, time)| time.to_owned());
    let Volume { region, size_gb, attached_machine_id, .. } = &volume;
    Ok(Held {
        app: fly_toml.app.to_string(),
        volume: id.clone(),
        region: region.clone(),
        size_gb: *size_gb,
        machine: attached_machine_id.clone(),
        set_aside: audit.has_set_aside(&volume),
        snapshot,
        database,
    })
}

fn none(id: &VolumeId, app: &str) -> Error {
    let message = format!("the app {app} has no volume {id}");
    Error::usage("--volume", message)
        .unchanged()
        .remedy(format!("see which there are: fly volumes list -a {app}"))
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app, volume, region, size_gb, machine, set_aside, snapshot, database } = self;
        let holder =
            machine.as_ref().map_or("no machine has it".to_owned(), |id| format!("machine {id} has it"));
        let aside = if *set_aside { ", set aside by a rollback" } else { "" };
        writeln!(f, "{} {volume}, {size_gb} GB in {region}: {holder}{aside}", text::title("Volume"))?;
        let rows = database.rows();
        writeln!(
            f,
            "  database  {}, {}, {}",
            database.file,
            text::size(database.bytes),
            text::count(rows, "row")
        )?;
        for table in &database.tables {
            writeln!(
                f,
                "  rows      {} {}",
                landfall_engine::written(&table.table),
                text::grouped(table.rows)
            )?;
        }
        for table in &database.uncounted {
            writeln!(f, "  rows      {table} is not counted: its module is not there")?;
        }
        for (what, files) in [("copy", &database.copies), ("set aside", &database.set_aside)] {
            for File { file, bytes, time } in files {
                writeln!(f, "  {what:8}  {file} of {time}, {}", text::size(*bytes))?;
            }
        }
        writeln!(f, "  snapshot  {}", snapshot.as_deref().unwrap_or("none"))?;
        match machine {
            Some(_) => Ok(()),
            None => writeln!(f, "where nobody needs any of it: fly volumes destroy {volume} -a {app}"),
        }
    }
}
