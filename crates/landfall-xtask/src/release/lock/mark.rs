//! Which process holds a lock, told so exactly that no later one of its number is taken for it: by the kernel's boot, the namespace of
//! its number, and its start (<https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>).

use std::fs;

/// States of a process that has ended: a zombie, and two that are dead.
const ENDED: [&str; 3] = ["Z", "X", "x"];

/// This process; none where there is no /proc.
pub(super) fn own() -> Option<String> {
    let start = start("self")?;
    Some(format!("{}/{start}", here()?))
}

/// Whether the process of this number and mark ran here, and is gone. Of one that ran elsewhere nobody knows that.
pub(super) fn is_gone(pid: u32, mark: &str) -> bool {
    let Some((place, begun)) = mark.rsplit_once('/') else { return false };
    // Where this process itself is not found, others are not either.
    here().is_some_and(|here| here == place)
        && start("self").is_some()
        && start(&pid.to_string()).as_deref() != Some(begun)
}

/// Where numbers of processes mean the same: one boot of one kernel, one namespace.
fn here() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{}/{}", boot.trim(), namespace.display()))
}

/// When a process started, in ticks since the boot; none where there is none of that number, or it has ended.
fn start(pid: &str) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // After its name, which may have any character in it.
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let (state, start) = (fields.first()?, fields.get(19)?);
    (!ENDED.contains(state)).then(|| (*start).to_owned())
}

#[cfg(test)]
mod tests {
    use std::process::{self, Command};

    use super::*;

    #[test]
    #[cfg_attr(not(target_os = "linux"), ignore = "there is no /proc")]
    fn a_process_is_known_by_its_start_and_never_by_its_number_alone() {
        let own = own().unwrap();
        assert!(!is_gone(process::id(), &own), "{own}");
        let (place, start) = own.rsplit_once('/').unwrap();
        assert!(is_gone(process::id(), &format!("{place}/{start}0")), "another one of this number");
        assert!(!is_gone(process::id(), &format!("elsewhere/{start}0")), "nobody knows");
        assert!(!is_gone(process::id(), ""), "nobody knows");
        let mut child = Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        assert!(is_gone(pid, &format!("{place}/{start}")));
    }
}
