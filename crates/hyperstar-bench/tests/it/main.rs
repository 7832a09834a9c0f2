//! The benchmark is run for real, only briefly: it must not rot between two measurements.
#![cfg(target_os = "linux")]

use std::process::Command;

#[test]
fn a_quick_run_reports_every_goal() {
    let run = Command::new(env!("CARGO_BIN_EXE_hyperstar-bench"))
        .args(["live", "--quick", "--viewers", "20", "--no-pin"])
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr),
    );
    assert!(run.status.success(), "{out}\n{err}");
    for expected in [
        "# cargo xtask bench live --quick",
        "## 1. Renders and hashes, 20 viewers",
        "## 2. A change to the last of 20 viewers",
        "## 3. Bytes per update and connection",
        "## 4. Idle memory per open stream",
        "| renders per change, 20 viewers, counter",
        "| bytes per update, dashboard, gzip",
        "| idle memory per stream at 100, counter",
    ] {
        assert!(
            out.contains(expected),
            "there is no {expected:?} in:\n{out}"
        );
    }
}
