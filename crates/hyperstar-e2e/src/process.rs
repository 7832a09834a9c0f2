//! Browsers are many processes and a profile: ending them leaves neither.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;

/// How long the processes of a killed browser may take to go.
const EXIT_MAX: Duration = Duration::from_secs(3);

/// Kills the process group that `child` leads, and removes the folder in which it kept its files.
pub(crate) fn end(child: &mut Child, profile: &Path) {
    // All its processes: they are a group of their own, with the first one's number.
    let group = child
        .id()
        .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(group) = group {
        // They may have gone by themselves.
        let _ = kill_process_group(group, Signal::KILL);
    }
    let deadline = Instant::now() + EXIT_MAX;
    let pause = || std::thread::sleep(Duration::from_millis(2));
    while matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
        pause();
    }
    // A process that is not quite gone may still write a file into a folder being removed.
    while std::fs::remove_dir_all(profile).is_err() && Instant::now() < deadline {
        pause();
    }
}
