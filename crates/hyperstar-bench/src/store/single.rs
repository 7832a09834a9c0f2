//! A single small durable commit.

use std::time::Instant;

use anyhow::Result;

use super::Plan;
use super::data::{Random, VALUE_BYTES};
use super::disk::BareFile;
use super::samples::Samples;
use super::subject::{Files, Kind};
use crate::figures::{median, ms, percentile};
use crate::report::Goal;
use crate::table::{Table, figure, ratio};

const RATIO_MAX: f64 = 1.5;

/// Turns in each round: the disk's mood changes faster than rounds do.
const TURNS: usize = 6;

pub(crate) fn report(plan: &Plan, files: &Files, goals: &mut Vec<Goal>) -> Result<()> {
    let kinds = Kind::ALL;
    let stores = kinds
        .iter()
        .map(|kind| files.open(*kind))
        .collect::<Result<Vec<_>>>()?;
    let mut bare = BareFile::create(&files.directory)?;
    let (mut appends, mut overwrites) = (Vec::new(), Vec::new());
    let (mut medians, mut all) = (Samples::default(), Samples::default());
    let mut random = Random::new(3);
    for _ in 0..plan.rounds * TURNS {
        appends.push(median(&times(plan.singles, || bare.append())?));
        overwrites.push(median(&times(plan.singles, || bare.overwrite())?));
        for (kind, store) in kinds.iter().zip(&stores) {
            let times = times(plan.singles, || {
                let write = random.writes(plan.entries, 1);
                let began = Instant::now();
                store.commit(&write)?;
                Ok(ms(began.elapsed()))
            })?;
            medians.add(*kind, median(&times));
            times.iter().for_each(|time| all.add(*kind, *time));
        }
    }
    let mut table = Table::new(&["store", "p50", "rounds", "p99", "/ redb", "/ bare append"]);
    let bare = median(&appends);
    let base = medians.median(Kind::Redb);
    for (name, times) in [
        ("bare 4 KiB append, fdatasync", appends),
        ("bare 4 KiB overwrite, fdatasync", overwrites),
    ] {
        let time = median(&times);
        table.row([
            name.to_owned(),
            figure(time),
            format!(
                "{} - {}",
                figure(percentile(&times, 0.0)),
                figure(percentile(&times, 100.0))
            ),
            "-".to_owned(),
            ratio(time, base),
            ratio(time, bare),
        ]);
    }
    for kind in kinds {
        table.row([
            kind.name().to_owned(),
            figure(medians.median(kind)),
            medians.range(kind),
            figure(all.percentile(kind, 99.0)),
            medians.ratio(kind, Kind::Redb),
            ratio(medians.median(kind), bare),
        ]);
    }
    println!(
        "## A single durable commit, {} entries\n\nMilliseconds until one overwrite of {VALUE_BYTES} bytes is on the disk, medians of {} rounds of {} commits.\n\n{table}",
        plan.entries,
        plan.rounds * TURNS,
        plan.singles
    );
    goals.push(Goal {
        what: "a durable commit / redb".to_owned(),
        at_most: RATIO_MAX,
        result: medians.over(Kind::Hyperstar, Kind::Redb),
        unit: "",
    });
    Ok(())
}

fn times(count: usize, mut once: impl FnMut() -> Result<f64>) -> Result<Vec<f64>> {
    (0..count).map(|_| once()).collect()
}
