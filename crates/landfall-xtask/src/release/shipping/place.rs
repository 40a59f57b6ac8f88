//! One machine, one volume: what Fly has of the app, held against fly.toml. Values in, values out.

use super::Problem;
use crate::fly_toml::FlyToml;
use crate::name::VolumeId;
use crate::release::temporary::look;
use crate::tool::fly::{Machine, Volume};

/// Where a release goes.
#[derive(Debug)]
pub(crate) enum Place {
    /// Nothing is there yet but, perhaps, a volume that nobody has used.
    Nowhere {
        /// The id of that volume.
        volume: Option<VolumeId>,
    },
    /// The one machine, and the volume that it has.
    There {
        /// The machine.
        machine: Box<Machine>,
        /// Its volume.
        volume: Volume,
    },
}

/// Finds it, or tells everything that stands against it. `was_deployed`: whether the app has had a release; `is_aside`: whether a
/// rollback took the machine away from a volume, which waits for a person.
pub(crate) fn find(
    machines: Vec<Machine>,
    volumes: Vec<Volume>,
    fly_toml: &FlyToml,
    was_deployed: bool,
    is_aside: impl Fn(&Volume) -> bool,
) -> Result<Place, Vec<Problem>> {
    let app = &fly_toml.app;
    let mut ours: Vec<_> = machines.into_iter().filter(|m| m.is_in_group(&fly_toml.group)).collect();
    let volumes: Vec<_> =
        volumes.into_iter().filter(|volume| volume.name == fly_toml.source && !is_aside(volume)).collect();
    match ours.len() {
        0 => nowhere(&volumes, fly_toml, was_deployed).map_err(|problem| vec![problem]),
        1 => there(ours.remove(0), volumes, fly_toml),
        count => {
            let told: Vec<_> = ours.iter().map(|machine| told(machine, fly_toml)).collect();
            let each = |command: fn(&str, &str) -> String| -> Vec<_> {
                ours.iter().map(|machine| command(&machine.id, app)).collect()
            };
            Err(vec![Problem::new(
                format!("the app {app} has {count} machines, each with data of its own: {}", told.join("; ")),
                format!(
                    "see which one has the data: {}; then take away the other one, by its id: {} \
                     (`fly scale count 1` may take the wrong one)",
                    each(|id, app| format!("fly machine exec {id} 'landfall status' -a {app}")).join("; "),
                    each(|id, app| format!("fly machine destroy {id} --force -a {app}")).join(", or: ")
                ),
            )])
        }
    }
}

fn nowhere(volumes: &[Volume], fly_toml: &FlyToml, was_deployed: bool) -> Result<Place, Problem> {
    let (app, name) = (&fly_toml.app, &fly_toml.source);
    let ids: Vec<_> = volumes.iter().map(|volume| volume.id.as_str()).collect();
    let looks: Vec<_> = volumes.iter().map(|volume| look(&volume.id)).collect();
    match volumes {
        [] if was_deployed => Err(Problem::new(
            format!(
                "the app {app} had releases, and has neither a machine nor a volume named {name} now: its data is gone"
            ),
            format!(
                "see what is left of it: fly volumes list --all -a {app}; or begin anew under another name"
            ),
        )),
        [] => Ok(Place::Nowhere { volume: None }),
        [volume] if was_deployed => Err(Problem::new(
            format!("the app {app} has no machine, and its volume {} may hold its data", volume.id),
            format!(
                "bring the last release back onto it: cargo xtask rollback; or see what is there: fly volumes list -a {app}"
            ),
        )),
        [volume] if is_elsewhere(&volume.region, fly_toml) => Err(Problem::new(
            format!(
                "volume {} is in {}, and fly.toml wants a machine in {}",
                volume.id,
                volume.region,
                region(fly_toml)
            ),
            format!(
                "set primary_region = \"{}\"; or see what the volume holds: {}",
                volume.region,
                look(&volume.id)
            ),
        )),
        [volume] => Ok(Place::Nowhere { volume: Some(volume.id.clone()) }),
        _ => Err(Problem::new(
            format!(
                "the app {app} has {} volumes named {name} ({}), and Fly would take the first",
                ids.len(),
                ids.join(", ")
            ),
            format!("see what each holds, and take away what is empty: {}", looks.join("; ")),
        )),
    }
}

fn there(machine: Machine, volumes: Vec<Volume>, fly_toml: &FlyToml) -> Result<Place, Vec<Problem>> {
    let (app, id) = (&fly_toml.app, machine.id.clone());
    let mut problems = Vec::new();
    if !machine.is_reachable() {
        problems.push(Problem::new(
            format!("the host of machine {id} is {}", machine.host_status),
            "wait for Fly: https://status.flyio.net; or bring its newest snapshot to another host: cargo xtask rollback --data newest",
        ));
    }
    if !matches!(machine.state.as_str(), "started" | "stopped" | "suspended") {
        problems.push(Problem::new(
            format!("machine {id} is {}: somebody may be at it", machine.state),
            format!("look again in a minute: fly machine status {id} -a {app}"),
        ));
    }
    if is_elsewhere(&machine.region, fly_toml) {
        problems.push(Problem::new(
            format!(
                "machine {id} is in {}, and fly.toml says primary_region = \"{}\"",
                machine.region,
                region(fly_toml)
            ),
            format!("its data is where it is: primary_region = \"{}\"", machine.region),
        ));
    }
    let (own, others): (Vec<_>, Vec<_>) =
        volumes.into_iter().partition(|volume| volume.attached_machine_id.as_deref() == Some(id.as_str()));
    problems.extend(others.iter().map(|volume| other(volume, &id)));
    let Some(volume) = own.into_iter().next() else {
        problems.push(without_volume(&machine, fly_toml));
        return Err(problems);
    };
    problems.extend(elsewhere(&machine, &volume, fly_toml));
    if problems.is_empty() { Ok(Place::There { machine: Box::new(machine), volume }) } else { Err(problems) }
}

fn region(fly_toml: &FlyToml) -> &str {
    fly_toml.primary_region.as_deref().unwrap_or_default()
}

fn is_elsewhere(place: &str, fly_toml: &FlyToml) -> bool {
    fly_toml.primary_region.as_ref().is_some_and(|region| region != place)
}

/// A volume of the same name, of which only one can have the data.
fn other(volume: &Volume, machine: &str) -> Problem {
    let Volume { id, name, region, .. } = volume;
    let holder = match &volume.attached_machine_id {
        Some(holder) => format!("machine {holder} has it"),
        None => "no machine has it".to_owned(),
    };
    Problem::new(
        format!(
            "there is a second volume named {name}, {id} in {region}: {holder}, and machine {machine} has another one"
        ),
        format!(
            "see what it holds, and how it is removed: {}; if it has the data, stop here and ask who attached the other one",
            look(id)
        ),
    )
}

fn without_volume(machine: &Machine, fly_toml: &FlyToml) -> Problem {
    let (id, FlyToml { app, source, volume, .. }) = (&machine.id, fly_toml);
    match machine.config().mounts.first() {
        Some(mount) => Problem::new(
            format!("machine {id} has volume {}, which is not named {source}", mount.volume),
            format!("write its name into fly.toml, as source of [[mounts]]: fly volumes list -a {app}"),
        ),
        None => Problem::new(
            format!("machine {id} has no volume: what it writes to {volume} is gone when it is replaced"),
            format!(
                "fetch its data first: cargo xtask pull; then: fly machine destroy {id} --force -a {app}; and deploy anew"
            ),
        ),
    }
}

/// A deploy would mount it somewhere else, and the service would find an empty folder.
fn elsewhere(machine: &Machine, volume: &Volume, fly_toml: &FlyToml) -> Option<Problem> {
    let mounts = machine.config().mounts;
    let path = mounts.into_iter().find(|mount| mount.volume == volume.id).map(|mount| mount.path)?;
    (path != *fly_toml.volume).then(|| {
        Problem::new(
            format!("volume {} is mounted at {path}, and fly.toml says {}", volume.id, fly_toml.volume),
            format!("leave it where it is: destination = \"{path}\" and DB_PATH below it"),
        )
    })
}

fn told(machine: &Machine, fly_toml: &FlyToml) -> String {
    let volume =
        machine.volume_at(&fly_toml.volume).map_or_else(|| "without a volume".to_owned(), String::from);
    format!("{} ({}, {}, {volume})", machine.id, machine.state, machine.region)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::{Value, json};

    use super::*;

    fn fly_toml() -> FlyToml {
        let text = "app = 'shop'\nprimary_region = 'iad'\n[env]\nDB_PATH = '/data/db'\n[mounts]\nsource = 'data'\n\
            destination = '/data'\n[http_service]\ninternal_port = 80\n";
        FlyToml::parse(text).unwrap()
    }

    fn machine(id: &str, volume: Option<&str>) -> Value {
        let mounts: Vec<_> = volume.iter().map(|id| json!({"volume": id, "path": "/data"})).collect();
        json!({"id": id, "state": "started", "region": "iad",
            "config": {"metadata": {"fly_process_group": "app"}, "mounts": mounts}})
    }

    fn volume(id: &str, machine: Option<&str>) -> Value {
        json!({"id": id, "name": "data", "region": "iad", "state": "created", "attached_machine_id": machine})
    }

    fn found(machines: &[Value], volumes: &[Value], was_deployed: bool) -> String {
        let machines = serde_json::from_value(Value::from(machines)).unwrap();
        let volumes = serde_json::from_value(Value::from(volumes)).unwrap();
        match find(machines, volumes, &fly_toml(), was_deployed, |volume| volume.id == "aside") {
            Ok(Place::Nowhere { volume }) => format!("nowhere, {volume:?}"),
            Ok(Place::There { machine, volume }) => format!("{} with {}", machine.id, volume.id),
            Err(problems) => {
                problems.iter().map(|p| format!("{}\n{}", p.message, p.remedy)).collect::<Vec<_>>().join("\n")
            }
        }
    }

    fn with(mut value: Value, key: &str, new: Value) -> Value {
        value[key] = new;
        value
    }

    #[test]
    fn one_machine_with_one_volume_is_where_a_release_goes() {
        let there = [machine("m", Some("v"))];
        assert_eq!(found(&there, &[volume("v", Some("m"))], true), "m with v");
        let aside = [volume("v", Some("m")), volume("aside", None)];
        assert_eq!(found(&there, &aside, true), "m with v");
        let other = with(volume("w", None), "name", json!("fork"));
        assert_eq!(found(&there, &[volume("v", Some("m")), other], true), "m with v");
        let console = json!({"id": "c", "state": "started", "region": "iad", "config": {}});
        assert_eq!(found(&[there[0].clone(), console], &[volume("v", Some("m"))], true), "m with v");
    }

    #[test]
    fn before_the_first_deploy_there_is_nothing_or_a_volume_that_nobody_used() {
        assert_eq!(found(&[], &[], false), "nowhere, None");
        assert_eq!(found(&[], &[volume("v", None)], false), r#"nowhere, Some(VolumeId("v"))"#);
        assert_snapshot!(found(&[], &[with(volume("v", None), "region", json!("ams"))], false), @r#"
        volume v is in ams, and fly.toml wants a machine in iad
        set primary_region = "ams"; or see what the volume holds: cargo xtask status --volume v
        "#);
        assert_snapshot!(found(&[], &[volume("v", None), volume("w", None)], false), @"
        the app shop has 2 volumes named data (v, w), and Fly would take the first
        see what each holds, and take away what is empty: cargo xtask status --volume v; cargo xtask status --volume w
        ");
    }

    #[test]
    fn an_app_whose_machine_is_gone_is_told_apart_from_a_new_one() {
        assert_snapshot!(found(&[], &[], true), @"
        the app shop had releases, and has neither a machine nor a volume named data now: its data is gone
        see what is left of it: fly volumes list --all -a shop; or begin anew under another name
        ");
        assert_snapshot!(found(&[], &[volume("v", None)], true), @"
        the app shop has no machine, and its volume v may hold its data
        bring the last release back onto it: cargo xtask rollback; or see what is there: fly volumes list -a shop
        ");
    }

    #[test]
    fn a_second_machine_or_volume_is_told_with_the_safe_way_out() {
        assert_snapshot!(found(&[machine("m", Some("v")), machine("n", Some("w"))], &[], true), @"
        the app shop has 2 machines, each with data of its own: m (started, iad, v); n (started, iad, w)
        see which one has the data: fly machine exec m 'landfall status' -a shop; fly machine exec n 'landfall status' -a shop; then take away the other one, by its id: fly machine destroy m --force -a shop, or: fly machine destroy n --force -a shop (`fly scale count 1` may take the wrong one)
        ");
        assert_snapshot!(found(
            &[machine("m", Some("v"))],
            &[volume("v", Some("m")), volume("w", None)],
            true
        ), @"
        there is a second volume named data, w in iad: no machine has it, and machine m has another one
        see what it holds, and how it is removed: cargo xtask status --volume w; if it has the data, stop here and ask who attached the other one
        ");
        assert_snapshot!(found(
            &[machine("m", Some("v"))],
            &[volume("v", Some("m")), volume("w", Some("n"))],
            true
        ), @"
        there is a second volume named data, w in iad: machine n has it, and machine m has another one
        see what it holds, and how it is removed: cargo xtask status --volume w; if it has the data, stop here and ask who attached the other one
        ");
    }

    #[test]
    fn a_machine_that_is_not_as_fly_toml_says_is_told() {
        let own = [volume("v", Some("m"))];
        assert_snapshot!(found(&[machine("m", None)], &[], true), @"
        machine m has no volume: what it writes to /data is gone when it is replaced
        fetch its data first: cargo xtask pull; then: fly machine destroy m --force -a shop; and deploy anew
        ");
        assert_snapshot!(found(
            &[machine("m", Some("v"))],
            &[with(own[0].clone(), "name", json!("old"))],
            true
        ), @"
        machine m has volume v, which is not named data
        write its name into fly.toml, as source of [[mounts]]: fly volumes list -a shop
        ");
        assert_snapshot!(found(&[with(machine("m", Some("v")), "state", json!("replacing"))], &own, true), @"
        machine m is replacing: somebody may be at it
        look again in a minute: fly machine status m -a shop
        ");
        assert_snapshot!(found(
            &[with(machine("m", Some("v")), "host_status", json!("unreachable"))],
            &own,
            true
        ), @"
        the host of machine m is unreachable
        wait for Fly: https://status.flyio.net; or bring its newest snapshot to another host: cargo xtask rollback --data newest
        ");
        let elsewhere = with(machine("m", Some("v")), "region", json!("ams"));
        let moved = json!([{"volume": "v", "path": "/old"}]);
        let elsewhere =
            with(elsewhere, "config", json!({"metadata": {"fly_process_group": "app"}, "mounts": moved}));
        assert_snapshot!(found(&[elsewhere], &own, true), @r#"
        machine m is in ams, and fly.toml says primary_region = "iad"
        its data is where it is: primary_region = "ams"
        volume v is mounted at /old, and fly.toml says /data
        leave it where it is: destination = "/old" and DB_PATH below it
        "#);
    }
}
