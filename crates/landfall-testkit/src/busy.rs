//! Waiting for a process by what it has done, and not by the clock.

use std::fs;
use std::thread;
use std::time::Duration;

/// Waits until a child has worked for two seconds of processor time: what else its command has to do is done by then.
pub fn wait_until_busy(process: u32) {
    let stat = format!("/proc/{process}/stat");
    let ticks = 2 * rustix::param::clock_ticks_per_second();
    loop {
        let stat = fs::read_to_string(&stat).unwrap();
        // Behind the name, which may have spaces: the time is 12th and 13th there (proc_pid_stat(5)).
        let fields: Vec<_> = stat[stat.rfind(')').unwrap()..].split(' ').collect();
        assert_ne!(fields[1], "Z", "it ended before it was asked to");
        if fields[12].parse::<u64>().unwrap() + fields[13].parse::<u64>().unwrap() > ticks {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
}
