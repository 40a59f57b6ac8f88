//! What is in an image, what is written on it, and what a build repeats.

use serde_json::Value;

use crate::container::asked;
use crate::workspace::{Workspace, images};
use landfall_testkit::requires;

fn inspect(image: &str) -> Value {
    serde_json::from_str(&asked(&["image", "inspect", "--format", "{{json .}}", image])).unwrap()
}

/// Every file of an image.
fn files(image: &str) -> Vec<String> {
    let list = asked(&["run", "--rm", "--user", "0", image, "find", "/", "-xdev", "-type", "f"]);
    // Docker's own, made for the container.
    let own = ["/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/.dockerenv"];
    let mut files: Vec<_> = list.lines().filter(|file| !own.contains(file)).map(str::to_owned).collect();
    files.sort();
    files
}

#[test]
fn the_image_has_the_base_landfall_the_app_atlas_the_schema_and_nothing_else() {
    if !requires::docker("the_image_has_the_base_landfall_the_app_atlas_the_schema_and_nothing_else") {
        return;
    }
    let image = &images().old;
    let base = files("debian:bookworm-slim");
    let added: Vec<_> = files(image).into_iter().filter(|file| base.binary_search(file).is_err()).collect();
    assert_eq!(
        added,
        ["/srv/schema.sql", "/usr/local/bin/app", "/usr/local/bin/atlas", "/usr/local/bin/landfall"]
    );
    for compiler in ["cc", "gcc", "rustc", "cargo"] {
        assert!(
            !added.iter().chain(&base).any(|file| file.ends_with(&format!("/bin/{compiler}"))),
            "{compiler}"
        );
    }
    let config = &inspect(image)["Config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["Cmd"], serde_json::json!(["landfall", "start", "--", "app"]));
    assert_eq!(asked(&["run", "--rm", image, "stat", "--format=%u:%g", "/data"]), "65532:65532");
}

#[test]
fn a_change_of_the_app_a_new_commit_and_a_change_of_the_schema_repeat_what_they_must() {
    if !requires::docker("a_change_of_the_app_a_new_commit_and_a_change_of_the_schema_repeat_what_they_must")
    {
        return;
    }
    let _dependencies_are_built = images();
    let workspace = Workspace::copied();
    workspace.edit("app/src/main.rs", |text| text + &format!("// {}\n", std::process::id()));
    let commit = workspace.commit();
    workspace.git(&["remote", "add", "origin", "https://ada:secret-token@example.com/shop.git"]);
    let mut command = workspace.command(&["--no-smoke", "--format", "json"]);
    let built = crate::workspace::said(&command.env("FLY_API_TOKEN", "secret-token").output().unwrap());
    assert_eq!(built.exit, 0, "{}", built.stderr);
    // The dependency layer is the fourth step of the builder, the source layer the sixth.
    assert!(built.stderr.contains("Cached builder 4/6\n"), "{}", built.stderr);
    assert!(built.stderr.contains("Running builder 6/6"), "{}", built.stderr);
    let first: Value = serde_json::from_str(&built.stdout).unwrap();
    let first = &first["report"]["image"];

    let tag = first["tag"].as_str().unwrap();
    assert_eq!(tag, format!("landfall-customers:{}", &commit[..12]));
    let image = inspect(tag);
    let labels = &image["Config"]["Labels"];
    assert_eq!(labels["org.opencontainers.image.revision"], commit);
    assert_eq!(labels["org.opencontainers.image.version"], "0.1.0");
    assert_eq!(labels["org.opencontainers.image.source"], "https://example.com/shop.git");
    assert!(labels["org.opencontainers.image.created"].as_str().unwrap().ends_with('Z'));
    assert_eq!(labels["landfall.schema"], first["schema"]);
    assert_eq!(image["Id"], first["digest"]);
    let history = asked(&["history", "--no-trunc", tag]);
    assert!(!format!("{image}{history}").contains("secret-token"));

    workspace.commit();
    let (second, narration) = workspace.builds(&["--no-smoke"]);
    assert!(!narration.contains("Running"), "{narration}");
    assert_ne!(second["image"]["commit"], first["commit"]);
    assert_eq!(second["image"]["layers"], first["layers"]);
    let layers = |tag: &Value| inspect(tag.as_str().unwrap())["RootFS"]["Layers"].clone();
    assert_eq!(layers(&second["image"]["tag"]), layers(&first["tag"]));

    workspace.edit("schema.sql", |text| text + "CREATE TABLE more (x);\n");
    let (third, narration) = workspace.builds(&["--no-smoke"]);
    assert!(!narration.contains("Running builder"), "{narration}");
    assert_ne!(third["image"]["schema"], first["schema"]);
    let dirty = format!("{}-dirty", second["image"]["commit"].as_str().unwrap());
    assert_eq!(third["image"]["commit"], dirty, "the work tree is not the commit");
    for report in [first, &second["image"], &third["image"]] {
        asked(&["image", "rm", report["tag"].as_str().unwrap()]);
    }
}

/// Other names for package, binary, schema, database, volume, port and app; and everything of the smoke test there is.
#[test]
fn a_workspace_with_other_names_is_built_and_proved() {
    if !requires::docker("a_workspace_with_other_names_is_built_and_proved") {
        return;
    }
    let workspace = Workspace::copied();
    std::fs::rename(workspace.path("app"), workspace.path("shop")).unwrap();
    std::fs::create_dir(workspace.path("db")).unwrap();
    std::fs::rename(workspace.path("schema.sql"), workspace.path("db/declared.sql")).unwrap();
    workspace.edit("Cargo.toml", |text| {
        let text = text.replace("members = [\"app\"", "members = [\"shop\"");
        let text = text.replace("app = \"app\" ", "app = \"shop\"");
        text.replace("schema = \"schema.sql\"", "schema = \"db/declared.sql\"")
            .replace(".data/db", "var/shop.sqlite")
    });
    workspace.edit("shop/Cargo.toml", |text| {
        text.replace("name = \"app\"", "name = \"shop\"")
            + "\n[[bin]]\nname = \"shopd\"\npath = \"src/main.rs\"\n"
    });
    workspace.edit("Cargo.lock", |text| text.replace("name = \"app\"", "name = \"shop\""));
    workspace.edit("fly.toml", |text| {
        let text = text
            .replace("landfall-customers", "shop")
            .replace("\"/data", "\"/var/lib/shop")
            .replace("8080", "9000");
        text.replace("shop/db\"", "shop/shop.sqlite\"")
    });
    let deployed = workspace.commit();
    workspace.git(&["update-ref", "refs/landfall/deployed/shop", &deployed]);
    let local = workspace.path("var/shop.sqlite");
    std::fs::create_dir(workspace.path("var")).unwrap();
    crate::container::fill(&local, crate::container::SCHEMA, 7);
    workspace.edit("db/declared.sql", |text| text.replace("\n);", ",\n  phone TEXT\n);"));
    let commit = workspace.commit();

    let (report, _) = workspace.builds(&[]);
    assert_eq!(report["image"]["tag"], format!("shop:{}", &commit[..12]));
    let boots = report["smoke"].as_array().unwrap();
    let outcomes: Vec<_> =
        boots.iter().map(|boot| (boot["on"].as_str().unwrap(), boot["outcome"].as_str().unwrap())).collect();
    let served = "served";
    assert_eq!(
        outcomes,
        [
            ("an empty volume", served),
            ("a copy of the local database", served),
            ("the last deployed schema", served)
        ]
    );
    assert_eq!(boots[1]["tables"], serde_json::json!([{ "table": "customers", "rows": 7 }]));

    // A change that needs an approval is refused by the image, too; the local database is as it was.
    let drifted = rusqlite::Connection::open(&local).unwrap();
    drifted
        .execute_batch("ALTER TABLE customers ADD COLUMN note TEXT; UPDATE customers SET note = 'kept'")
        .unwrap();
    let (report, narration) = workspace.builds(&["--tag", "shop:refused"]);
    assert!(!narration.contains("Running"), "{narration}");
    let refused = &report["smoke"][1];
    assert_eq!(refused["outcome"], "refused", "{refused}");
    assert!(refused["reason"].as_str().unwrap().contains("column customers.note"), "{refused}");
    assert_eq!(drifted.query_row("SELECT count(note) FROM customers", [], |row| row.get(0)), Ok(7));
    asked(&["image", "rm", "shop:refused", &format!("shop:{}", &commit[..12])]);
}
