//! What differs between two versions that are nearly alike.

use std::time::Instant;

use anyhow::{Result, ensure};

use super::Plan;
use super::data::Random;
use super::samples::Samples;
use super::subject::{Files, Kind};
use crate::figures::{median, ms};
use crate::report::Goal;
use crate::table::{Table, figure};

/// Entries that differ.
const CHANGES: usize = 10;
/// How often each pair is compared.
const TIMES: usize = 6;
const DIFF_MS_MAX: f64 = 1.0;

pub(crate) fn report(plan: &Plan, files: &Files, goals: &mut Vec<Goal>) -> Result<()> {
    let kinds = [Kind::Hyperstar, Kind::Git];
    let (mut first, mut again) = (Samples::default(), Samples::default());
    let mut random = Random::new(4);
    for kind in kinds {
        let store = files.open(kind)?;
        let Some(versions) = store.versions() else {
            continue;
        };
        for _ in 0..plan.pairs {
            let before = versions.head()?;
            store.commit(&random.writes(plan.entries, CHANGES))?;
            let after = versions.head()?;
            let mut times = Vec::new();
            for _ in 0..TIMES {
                let began = Instant::now();
                let found = versions.diff(&before, &after)?;
                times.push(ms(began.elapsed()));
                ensure!(
                    found == CHANGES,
                    "{} found {found} differences, there are {CHANGES}",
                    kind.name()
                );
            }
            first.add(kind, times[0]);
            again.add(kind, median(&times[1..]));
        }
    }
    let mut table = Table::new(&["store", "first", "pairs", "again", "pairs", "/ Git"]);
    for kind in kinds {
        if first.median(kind) == 0.0 {
            let mut row = vec![kind.name().to_owned(), "keeps no versions".to_owned()];
            row.resize(6, "-".to_owned());
            table.row(row);
            continue;
        }
        table.row([
            kind.name().to_owned(),
            figure(first.median(kind)),
            first.range(kind),
            figure(again.median(kind)),
            again.range(kind),
            first.ratio(kind, Kind::Git),
        ]);
        if kind == Kind::Hyperstar {
            goals.push(Goal {
                what: format!(
                    "diff of versions that differ in {CHANGES} of {} entries",
                    plan.entries
                ),
                at_most: DIFF_MS_MAX,
                result: first.median(kind),
                unit: "ms",
            });
        }
    }
    println!(
        "## Two versions that differ in {CHANGES} of {} entries\n\nMilliseconds to find what differs, medians of {} pairs of versions, one commit apart: the first time, and again. Git's trees of a thousand entries are read whole, on both sides.\n\n{table}",
        plan.entries, plan.pairs
    );
    Ok(())
}
