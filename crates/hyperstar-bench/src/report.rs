//! What every report has: a head that says what was run where, and the goals at its end.

use std::time::Instant;

use anyhow::Result;

use crate::machine::{self, Ticks};
use crate::table::{Table, figure, verdict};

/// A goal and what came of it.
pub(crate) struct Goal {
    pub(crate) what: String,
    pub(crate) at_most: f64,
    pub(crate) result: f64,
    pub(crate) unit: &'static str,
}

/// A report that is being printed.
pub(crate) struct Report {
    began: Instant,
    ticks: Ticks,
    pub(crate) goals: Vec<Goal>,
}

impl Report {
    /// Prints the head. The client stays on processor 1 from then on if servers have `core`.
    pub(crate) fn begin(core: Option<usize>) -> Result<Self> {
        let report = Self {
            began: Instant::now(),
            ticks: Ticks::now(),
            goals: Vec::new(),
        };
        println!(
            "# cargo xtask bench {}\n",
            std::env::args().skip(1).collect::<Vec<_>>().join(" ")
        );
        for (name, fact) in machine::facts() {
            println!("- {name}: {fact}");
        }
        if let Some(core) = core {
            machine::pin(1)?;
            println!("- pinned: the server to processor {core}, the client to processor 1");
        }
        Ok(report)
    }

    /// Prints the goals, if there are any, and how undisturbed it all was.
    pub(crate) fn end(self) {
        if !self.goals.is_empty() {
            println!("## Goals\n");
            let mut table = Table::new(&["goal", "at most", "result", ""]);
            for goal in self.goals {
                let with_unit = |value: f64| {
                    format!("{} {}", figure(value), goal.unit)
                        .trim_end()
                        .to_owned()
                };
                table.row([
                    goal.what.clone(),
                    with_unit(goal.at_most),
                    with_unit(goal.result),
                    verdict(goal.result, goal.at_most).to_owned(),
                ]);
            }
            println!("{table}");
        }
        println!(
            "Took {:.0} s. Of the processors' time the machine's host gave {:.1} % to others.",
            self.began.elapsed().as_secs_f64(),
            Ticks::stolen_since(self.ticks)
        );
    }
}
