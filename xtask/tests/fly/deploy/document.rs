//! `--format json`: one document, however it ends.

use serde_json::{Value, json};

use super::front::Says;
use super::{Begin, Ship, home, side_by_side};

#[test]
fn there_is_one_document_with_the_phases_however_it_ends() {
    let Some(home) = home("there_is_one_document_with_the_phases_however_it_ends") else { return };
    let other =
        || Says { commit: Some("0123456789abcdef0123456789abcdef01234567".to_owned()), ..Says::default() };
    let all = "Preflight Lock Gate Image Push Backup Ship Verify Record";
    let back = "Preflight Lock Gate Image Push Backup Ship Back";
    let cases = [
        ("served", "fast", Says::default(), 0, all, "new", ""),
        ("back", "fast", other(), 5, back, "old", "went-back"),
        ("untouched", "update_500", Says::default(), 5, back, "old", "went-back"),
        ("stranded", "crash_loop", Says::default(), 6, back, "", "stranded"),
        ("unread", "exec_fail", Says::default(), 1, "Preflight Lock", "old", "failed"),
        ("refused", "two_machines", Says::default(), 1, "", "", "failed"),
    ];
    side_by_side(
        &cases,
        |case| case.0,
        |(_, base, says, exit, phases, serves, kind)| {
            let ship = Ship::begin(
                &home,
                Begin { scenario: json!({"base": base}), says: says.clone(), ..Begin::default() },
            );
            let said = ship.deploy(&["--format", "json"], &[]);
            assert_eq!(said.exit, *exit, "{said}");
            let document: Value = serde_json::from_str(&said.stdout).unwrap();
            assert_eq!((&document["command"], &document["exit"]), (&json!("deploy"), &json!(exit)), "{said}");
            let report = &document["report"];
            let told: Vec<_> = report["phases"]
                .as_array()
                .unwrap()
                .iter()
                .map(|phase| phase["phase"].as_str().unwrap())
                .collect();
            assert_eq!(told.join(" "), *phases, "{said}");
            let commit = match *serves {
                "new" => json!(ship.new),
                "old" => json!(ship.old),
                _ => Value::Null,
            };
            assert_eq!(report["serves"], commit, "{said}");
            assert_eq!(document["error"]["kind"].as_str().unwrap_or_default(), *kind, "{said}");
            assert!(*exit == 0 || !document["error"]["remedy"].as_str().unwrap().is_empty(), "{said}");
        },
    );
}
