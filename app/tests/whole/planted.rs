//! What a service that somebody else controls may leave beside its database for the commands that run there later, also as root.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use insta::assert_snapshot;

use crate::project::{CUSTOMERS, Project, ran};
use crate::requires;

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
        let error = "error: .data/db is a link of root (user 0), and root follows none to a database; nothing was changed\n\
                     name the file itself with DB_PATH";
        assert_eq!(refused.error().trim_end(), error);
    }
    fs::remove_file(project.path(".data/db")).unwrap();
    let inside = project.path(".data/inside");
    symlink("/", &inside).unwrap();
    std::os::unix::fs::lchown(&inside, Some(SERVICE), Some(SERVICE)).unwrap();
    let refused = ran(project.app(&["migrate"]).env("DB_PATH", ".data/inside/db"));
    assert_snapshot!(refused.error(), @"
    error: .data/inside is a link of user 65532, and root follows none to a database; nothing was changed
    if it is yours, name what it points to with DB_PATH: /
    ");
    assert!(is_untouched(&project));
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
        let refused = crate::project::refused(&mut project.app(&["start"]));
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
        let app = env!("CARGO_BIN_EXE_app");
        let under = |arguments: &str| {
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("umask {umask}; exec {app} {arguments}")]);
            shell.current_dir(project.path(".")).env_clear().env("PORT", "0").stdin(Stdio::null());
            shell
        };
        drop(crate::project::Server::spawn(&mut under("start")));
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
    let _server = project.serve("start");
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
    error: a process holds .data/db.pull-1.state for more than 10 s, and this file names none that has it open; nobody was asked to stop, and nothing was removed
    end the process that this shows, and run the command again: lsof .data/db.pull-1.state
    ");
    assert!(bystander.lives());
    assert!(copy.exists() && state.exists());
    drop(held);
    assert_eq!(project.run(&["backup", ".data/db.pull-1", "--discard"]).exit, 0);
    assert!(bystander.lives() && !copy.exists() && !state.exists());
}
