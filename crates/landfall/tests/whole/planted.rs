//! What a service that somebody else controls may leave beside its database for the commands that run there later, also as root.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, lchown, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use insta::assert_snapshot;

use crate::project::{CUSTOMERS, Project};
use landfall_testkit::requires;
use landfall_testkit::server::ran;

/// Who owns the folder of the database.
const SERVICE: u32 = 65532;

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o777
}

fn owner(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().uid()
}

/// A folder of the service's, with a file of root's that it would like to see changed.
fn of_the_service() -> Project {
    let project = Project::new();
    // Whoever serves has to reach it.
    fs::set_permissions(project.path("."), Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(project.path(".data")).unwrap();
    chown(project.path(".data"), Some(SERVICE), Some(SERVICE)).unwrap();
    fs::write(project.path("root"), "root's").unwrap();
    fs::set_permissions(project.path("root"), Permissions::from_mode(0o600)).unwrap();
    project
}

fn is_untouched(project: &Project) -> bool {
    let path = project.path("root");
    fs::read(&path).unwrap() == b"root's" && mode(&path) == 0o600 && owner(&path) == 0
}

#[test]
fn root_becomes_the_owner_of_the_folder_and_writes_through_no_link_in_it() {
    if !requires::root("root_becomes_the_owner_of_the_folder_and_writes_through_no_link_in_it") {
        return;
    }
    for name in
        ["db.lock", "db.last-change.partial", "db.last-change", "db-wal", "db-shm", "db-journal", "copy"]
    {
        let project = of_the_service();
        symlink(project.path("root"), project.path(".data").join(name)).unwrap();
        project.run(&["migrate"]);
        project.run(&["backup", ".data/copy"]);
        assert!(is_untouched(&project), "{name}");
        for entry in fs::read_dir(project.path(".data")).unwrap() {
            let path = entry.unwrap().path();
            let is_ours = owner(&path) == SERVICE || path.is_symlink();
            assert!(is_ours, "{name}: {}", path.display());
        }
    }
}

#[test]
fn root_takes_no_link_for_the_database_nor_follows_somebody_elses_to_it() {
    if !requires::root("root_takes_no_link_for_the_database_nor_follows_somebody_elses_to_it") {
        return;
    }
    let project = of_the_service();
    symlink("/nowhere/db", project.path(".data/db")).unwrap();
    for command in [&["migrate"][..], &["status"], &["backup", ".data/copy"], &["start"]] {
        let refused = project.run(command);
        assert_eq!(refused.exit, 1, "{command:?}");
        let error = "error: .data/db is a link in the place of the database, and root follows none there; nothing was changed\n\
                     name the file itself with DB_PATH";
        assert_eq!(refused.error().trim_end(), error);
    }
    fs::remove_file(project.path(".data/db")).unwrap();
    assert!(is_untouched(&project));
}

/// A link whose owner is this one.
fn link(project: &Project, target: &str, name: &str, owner: u32) {
    symlink(target, project.path(name)).unwrap();
    lchown(project.path(name), Some(owner), Some(owner)).unwrap();
}

/// What `landfall migrate` says, run as root, of a database of this name.
fn migrated(project: &Project, database: &str) -> String {
    let ran = ran(project.landfall(&["migrate"]).env("DB_PATH", database));
    let folder = project.path(".").canonicalize().unwrap();
    ran.error().replace(folder.to_str().unwrap(), "[DIR]")
}

#[test]
fn root_follows_only_links_that_nobody_else_can_have_put_there() {
    if !requires::root("root_follows_only_links_that_nobody_else_can_have_put_there") {
        return;
    }
    let project = of_the_service();
    fs::create_dir(project.path("real")).unwrap();
    chown(project.path("real"), Some(SERVICE), Some(SERVICE)).unwrap();
    // Of the service's, at once and behind those of root's, by whatever way.
    fs::create_dir(project.path(".data/deep")).unwrap();
    link(&project, "../real", ".data/inside", SERVICE);
    link(&project, ".data/inside", "first", 0);
    link(&project, "first", "second", 0);
    link(&project, ".data/deep/../inside/..", "around", 0);
    for database in [".data/inside/db", "first/db", "second/db", "around/real/db", "second/./new/db"] {
        let error = migrated(&project, database);
        let link = "/inside is a link of user 65532, and root follows none such to a database; nothing was changed\n";
        assert!(error.starts_with("error: .data/") && error.contains(link), "{database}: {error}");
    }
    assert_snapshot!(migrated(&project, "second/db"), @"
    error: .data/inside is a link of user 65532, and root follows none such to a database; nothing was changed
    if it is yours, name the file itself with DB_PATH: [DIR]/real/db
    ");
    // Of root's, where others can give it another name.
    link(&project, "../real", ".data/roots", 0);
    link(&project, ".data/roots", "to-roots", 0);
    assert_snapshot!(migrated(&project, "to-roots/db"), @"
    error: .data/roots is a link in a folder that others than root can write, and root follows none such to a database; nothing was changed
    if it is yours, name the file itself with DB_PATH: [DIR]/real/db
    ");
    for mode in [0o775, 0o1777] {
        let name = format!("open-{mode:o}");
        fs::create_dir(project.path(&name)).unwrap();
        fs::set_permissions(project.path(&name), Permissions::from_mode(mode)).unwrap();
        link(&project, "../real", &format!("{name}/roots"), 0);
        let error = migrated(&project, &format!("{name}/roots/db"));
        assert!(error.contains("is a link in a folder that others than root can write"), "{error}");
    }
    // Without an end.
    link(&project, "circle", "circle", 0);
    assert_snapshot!(migrated(&project, "circle/db"), @"
    error: circle is a link behind 40 others, and root follows none such to a database; nothing was changed
    name the file itself with DB_PATH
    ");
    assert_eq!(fs::read_dir(project.path("real")).unwrap().count(), 0);
    assert!(is_untouched(&project));
    // Of root's alone: as many as the kernel follows, relative and absolute.
    link(&project, project.path("real").to_str().unwrap(), "link-0", 0);
    for number in 1..=40 {
        link(&project, &format!("./link-{}", number - 1), &format!("link-{number}"), 0);
    }
    let error = migrated(&project, "link-40/db");
    assert!(error.starts_with("error: link-0 is a link behind 40 others"), "{error}");
    assert_eq!(ran(project.landfall(&["migrate"]).env("DB_PATH", "link-39/db")).exit, 0);
    assert_eq!(owner(&project.path("real/db")), SERVICE);
}

#[test]
fn a_lock_that_is_a_link_is_refused_and_what_it_points_to_stays() {
    let project = Project::with_ada();
    let target = project.path("target");
    for there in [false, true] {
        if there {
            fs::write(&target, "kept").unwrap();
        }
        let lock = project.path(".data/db.lock");
        let _ = fs::remove_file(&lock);
        symlink(&target, &lock).unwrap();
        let refused = crate::project::refused(&mut project.start());
        assert_eq!(refused.exit, 1);
        let error = "error: the lock .data/db.lock cannot be taken: it is a link; nothing was changed\n\
                     check the rights of its folder; what is no lock of ours goes away with: rm .data/db.lock";
        assert_eq!(refused.error().trim_end(), error);
        assert_eq!(fs::read(&target).ok(), there.then(|| b"kept".to_vec()));
    }
}

#[test]
fn new_files_are_for_their_owner_alone_whatever_the_umask_and_an_old_one_stays_as_it_is() {
    for umask in ["000", "022", "077", "277"] {
        let project = Project::new();
        fs::create_dir(project.path(".data")).unwrap();
        let app = crate::project::LANDFALL;
        let under = |arguments: &str| {
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("umask {umask}; exec {app} {arguments}")]);
            shell.current_dir(project.path(".")).env_clear().env("PORT", "0").stdin(Stdio::null());
            shell
        };
        drop(crate::project::spawned(&mut under(&crate::project::START.join(" "))));
        for name in ["db", "db.lock", "db.last-change"] {
            assert_eq!(mode(&project.path(".data").join(name)), 0o600, "{name} under {umask}");
        }
        let old = project.database();
        fs::set_permissions(&old, Permissions::from_mode(0o640)).unwrap();
        project.declare(&CUSTOMERS.replace("last_name TEXT NOT NULL", "last_name TEXT NOT NULL, email TEXT"));
        assert_eq!(ran(&mut under("migrate")).exit, 0);
        assert_eq!(mode(&old), 0o640, "{umask}");
    }
}

#[test]
fn a_lock_that_an_earlier_release_made_is_closed_to_others() {
    let project = Project::with_ada();
    let lock = project.path(".data/db.lock");
    fs::write(&lock, "").unwrap();
    fs::set_permissions(&lock, Permissions::from_mode(0o644)).unwrap();
    let _server = project.started();
    assert_eq!(mode(&lock), 0o600);
}

/// A process of somebody else's, which ends when this is dropped.
struct Bystander(Child);

impl Bystander {
    fn new() -> Self {
        Self(Command::new("sleep").arg("600").spawn().unwrap())
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_forged_state_makes_discard_signal_nobody() {
    let project = Project::with_ada();
    let mut bystander = Bystander::new();
    let (copy, state) = (project.path(".data/db.pull-1"), project.path(".data/db.pull-1.state"));
    fs::write(&copy, "a copy").unwrap();
    fs::write(&state, format!("{{\"running\":{{\"pid\":{}}}}}", bystander.0.id())).unwrap();
    let held = File::open(&state).unwrap();
    held.lock().unwrap();
    let refused = project.run(&["backup", ".data/db.pull-1", "--discard"]);
    assert_eq!(refused.exit, 1);
    assert_snapshot!(refused.error(), @"
    error: a process holds .data/db.pull-1.state for more than 10 s, and this file names none that has it open, so that nobody was asked to stop; nothing was changed
    end the process that this shows, and run the command again: lsof .data/db.pull-1.state
    ");
    assert!(bystander.lives());
    assert!(copy.exists() && state.exists());
    drop(held);
    assert_eq!(project.run(&["backup", ".data/db.pull-1", "--discard"]).exit, 0);
    assert!(bystander.lives() && !copy.exists() && !state.exists());
}
