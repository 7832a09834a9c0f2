//! All tests, with the numbers summed over every test binary: a line says
//! `tests: N passed, M failed`.

use anyhow::{Result, bail};

use crate::{shell, soak};

/// How much of what groups send is decoded and compared, in gigabytes: half a minute on two cores.
const BROADCAST_GB: u64 = 1;

/// How often a node of 100 apps is killed under load: four minutes on two cores. `cargo xtask soak node` does it for
/// long.
const NODE_KILLS: u32 = 100;

/// Runs the unit, integration, browser and documentation tests of the workspace, all of them even
/// if some fail; and then what has to be optimised to do enough.
pub(crate) fn run() -> Result<()> {
    workspace()?;
    soak::broadcast(BROADCAST_GB, 0)
}

fn workspace() -> Result<()> {
    let mut sum = Sum::default();
    let mut command = shell::cargo(["test", "--workspace", "--all-features", "--no-fail-fast"]);
    command.env("HYPERSTAR_NODE_KILLS", NODE_KILLS.to_string());
    let succeeded = shell::run_lines(command, |line| sum.add(line))?;
    println!("{}", sum.line());
    match (succeeded, sum.failed_names.as_slice()) {
        (true, []) if sum.passed > 0 => Ok(()),
        (true, []) => bail!("no test ran at all"),
        (_, []) => bail!("a test binary did not build, or did not run to its end"),
        (_, names) => bail!("failed: {}", names.join(", ")),
    }
}

#[derive(Debug, Default)]
struct Sum {
    passed: u64,
    failed: u64,
    ignored: u64,
    failed_names: Vec<String>,
}

impl Sum {
    /// Counts what one line of `cargo test` output says.
    fn add(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            for part in counts.split([';', '.']) {
                let mut words = part.split_whitespace();
                let Some(Ok(count)) = words.next().map(str::parse::<u64>) else {
                    continue;
                };
                match words.next() {
                    Some("passed") => self.passed += count,
                    Some("failed") => self.failed += count,
                    Some("ignored") => self.ignored += count,
                    _ => {}
                }
            }
        } else if let Some(name) = line
            .strip_prefix("test ")
            .and_then(|line| line.strip_suffix(" ... FAILED"))
        {
            self.failed_names.push(name.to_owned());
        }
    }

    fn line(&self) -> String {
        let Sum {
            passed,
            failed,
            ignored,
            ..
        } = self;
        match ignored {
            0 => format!("tests: {passed} passed, {failed} failed"),
            _ => format!("tests: {passed} passed, {failed} failed, {ignored} ignored"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_summed_over_binaries() {
        let mut sum = Sum::default();
        for line in [
            "running 3 tests",
            "test a ... ok",
            "test b::c ... FAILED",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.20s",
            "test result: ok. 40 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s",
        ] {
            sum.add(line);
        }
        assert_eq!(sum.line(), "tests: 42 passed, 1 failed");
        assert_eq!(sum.failed_names, ["b::c"]);
    }
}
