//! What processes that wait take of memory.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use hyperstar::Platform;
use serde::{Deserialize, Serialize};

use super::apps::Apps;
use super::{Plan, hosted};
use crate::figures::median;
use crate::machine::{self, Memory};
use crate::report::Goal;
use crate::table::{Table, figure};

const IDLE_KIB_MAX: f64 = 64.0;
const ALL_MIB_MAX: f64 = 256.0;

/// A program of its own that runs processes and says what it takes.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct IdleOptions {
    /// The component
    component: PathBuf,
    /// Where its store and its cache are
    directory: PathBuf,
    /// How many processes live at once
    live: usize,
}

/// The memory of the child, in bytes.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Taken {
    /// With one process.
    before: u64,
    /// With all of them.
    started: u64,
    /// Once each was asked something.
    asked: u64,
}

pub(crate) fn report(plan: &Plan, apps: &Apps, goals: &mut Vec<Goal>) -> Result<()> {
    let component = plan.directory.join("idle.wasm");
    std::fs::File::create(&component)?.write_all(&apps.counter)?;
    let mut each: [Vec<f64>; 2] = Default::default();
    let mut all = Vec::new();
    for _ in 0..plan.rounds {
        let directory = tempfile::tempdir_in(&plan.directory)?;
        let ran = Command::new(std::env::current_exe()?)
            .arg("idle-child")
            .args([&component, directory.path()])
            .arg(plan.live.to_string())
            .output()?;
        let text = String::from_utf8_lossy(&ran.stdout);
        ensure!(
            ran.status.success(),
            "the processes that wait do not run: {}",
            String::from_utf8_lossy(&ran.stderr)
        );
        let taken: Taken =
            serde_json::from_str(&text).with_context(|| format!("this is no memory: {text}"))?;
        let kib = |bytes: u64| {
            bytes.saturating_sub(taken.before) as f64 / 1_024.0 / (plan.live.max(2) - 1) as f64
        };
        each[0].push(kib(taken.started));
        each[1].push(kib(taken.asked));
        all.push(taken.asked as f64 / 1_024.0 / 1_024.0);
    }
    let [started, asked] = each.map(|samples| median(&samples));
    let all = median(&all);
    let mut table = Table::new(&["", "in RAM"]);
    table.row([
        "a process that was started".to_owned(),
        format!("{} KiB", figure(started)),
    ]);
    table.row([
        "the same, once it was asked something".to_owned(),
        format!("{} KiB", figure(asked)),
    ]);
    table.row([
        format!("a whole program with {} of them", plan.live),
        format!("{} MiB", figure(all)),
    ]);
    println!(
        "## Memory of processes that wait\n\nA program of its own with {} counters as components, `EveryMessage`, on a store in a file; the difference to one process over those added. What they share, such as the image that the memory of a component begins as, is counted once (PSS). Medians of {} programs.\n\n{table}",
        plan.live, plan.rounds
    );
    for (what, at_most, result, unit) in [
        ("memory of a process that waits", IDLE_KIB_MAX, asked, "KiB"),
        (
            "memory of a program with all of them",
            ALL_MIB_MAX,
            all,
            "MiB",
        ),
    ] {
        goals.push(Goal {
            what: what.to_owned(),
            at_most,
            result,
            unit,
        });
    }
    Ok(())
}

/// Runs the processes, and prints what they take.
pub(crate) fn child(options: &IdleOptions) -> Result<()> {
    let bytes = std::fs::read(&options.component)?;
    // What processes share, such as the image that their memory begins as, is counted once.
    let of_its_own = || machine::memory(std::process::id()).map(|memory: Memory| memory.pss);
    let taken = hosted::executor()?.block_on(async {
        // What compiling takes is not to be counted.
        drop(hosted::load(&options.directory, &bytes).await?);
        let component = hosted::load(&options.directory, &bytes).await?;
        let host = hosted::host(&options.directory, Platform::system())?;
        let names: Vec<String> = (0..options.live)
            .map(|number| format!("p{number}"))
            .collect();
        let mut taken = Taken::default();
        for (place, name) in names.iter().enumerate() {
            hosted::run(&host, name, &component).await?;
            if place == 0 {
                hosted::ask(&host, &hosted::address(name), "add", "{}").await?;
                taken.before = of_its_own()?;
            }
        }
        taken.started = of_its_own()?;
        for name in &names {
            hosted::ask(&host, &hosted::address(name), "add", "{}").await?;
        }
        taken.asked = of_its_own()?;
        host.stop().await;
        anyhow::Ok(taken)
    })?;
    println!("{}", serde_json::to_string(&taken)?);
    Ok(())
}
