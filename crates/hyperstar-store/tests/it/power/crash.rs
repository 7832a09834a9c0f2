//! What can be on a disk after a power cut: everything synced, and of the rest whatever it likes.

use std::collections::BTreeSet;

use super::disk::{Change, Disk, Event};
use super::image::Image;
use crate::support::Random;

/// What a disk writes in one piece, if it keeps to what disks are said to do.
const SECTOR_BYTES: usize = 512;

/// The power is cut between two operations.
pub(crate) struct Crash<'a> {
    /// The state that was acknowledged last: no less may be there.
    pub(crate) acknowledged: usize,
    /// The state that the last commit begun leads to: no more may be there.
    pub(crate) begun: usize,
    /// How often the disk synced.
    pub(crate) syncs: usize,
    synced: Image,
    unsynced: Vec<&'a Change>,
}

/// Which of the unsynced changes reached the disk, in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kept(Vec<(usize, Part)>);

/// How much of a write reached the disk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Whole,
    /// The bytes before.
    Before(usize),
    /// The bytes from there on.
    From(usize),
    /// These sectors.
    Sectors(Vec<usize>),
}

/// Every point in the trace, the start and the end included.
pub(crate) fn crashes<'a>(
    start: &Image,
    trace: &'a [Event],
    mut visit: impl FnMut(usize, &Crash<'a>),
) {
    let mut crash = Crash {
        acknowledged: 0,
        begun: 0,
        syncs: 0,
        synced: start.clone(),
        unsynced: Vec::new(),
    };
    visit(0, &crash);
    for (index, event) in trace.iter().enumerate() {
        match event {
            Event::Change(change) => crash.unsynced.push(change),
            Event::Synced => {
                crash.syncs += 1;
                for change in crash.unsynced.drain(..) {
                    change.apply(&mut crash.synced);
                }
            }
            Event::Begun(state) => crash.begun = *state,
            Event::Acknowledged(state) => crash.acknowledged = *state,
            Event::Lost => crash.unsynced.clear(),
        }
        visit(index + 1, &crash);
    }
}

/// Cuts the power now: nothing works from here on. Answers what is left.
pub(crate) fn cut(disk: &Disk, random: &mut Random) -> Image {
    disk.kill();
    let (start, trace) = disk.trace();
    let mut left = None;
    crashes(&start, &trace, |at, crash| {
        if at == trace.len() {
            left = Some(crash.image(&crash.subset(random)));
        }
    });
    left.unwrap()
}

impl Crash<'_> {
    /// The disk that is left.
    pub(crate) fn image(&self, kept: &Kept) -> Image {
        let mut image = self.synced.clone();
        for (index, part) in &kept.0 {
            apply_part(self.unsynced[*index], part, &mut image);
        }
        image
    }

    /// All changes, as if the process had been killed.
    pub(crate) fn everything(&self) -> Kept {
        let whole = (0..self.unsynced.len()).map(|index| (index, Part::Whole));
        Kept(whole.collect())
    }

    /// None of them.
    pub(crate) fn nothing(&self) -> Kept {
        Kept::default()
    }

    /// Every prefix; each write dropped, and each torn once; and `subsets` random ones.
    pub(crate) fn explore(&self, subsets: usize, random: &mut Random) -> BTreeSet<Kept> {
        let everything = self.everything().0;
        let mut all = BTreeSet::from([self.nothing(), self.everything()]);
        for index in 0..everything.len() {
            all.insert(Kept(everything[..index].to_vec()));
            let mut dropped = everything.clone();
            dropped.remove(index);
            all.insert(Kept(dropped));
            let at_sectors = random.chance(2);
            if let Some(part) = self.torn(index, at_sectors, random) {
                let mut torn = everything.clone();
                torn[index].1 = part;
                all.insert(Kept(torn));
            }
        }
        all.extend((0..subsets).map(|_| self.subset(random)));
        all
    }

    /// Every place where the last unsynced change can be torn with another outcome than elsewhere,
    /// the ones before it being there.
    pub(crate) fn explore_tears_of_last(&self) -> Vec<Kept> {
        let everything = self.everything().0;
        let Some((last, before)) = everything.split_last() else {
            return Vec::new();
        };
        let Change::Write { offset, data } = self.unsynced[last.0] else {
            return Vec::new();
        };
        let mut found = vec![0; data.len()];
        if !self.image(&Kept(before.to_vec())).read(*offset, &mut found) {
            return Vec::new();
        }
        let differing = (0..data.len()).filter(|index| found[*index] != data[*index]);
        let parts = differing.flat_map(|index| [Part::Before(index), Part::From(index)]);
        parts
            .map(|part| {
                let mut kept = before.to_vec();
                kept.push((last.0, part));
                Kept(kept)
            })
            .collect()
    }

    /// Half of the time a prefix, else any of them in any order; a third of them torn.
    pub(crate) fn subset(&self, random: &mut Random) -> Kept {
        let mut kept = self.everything().0;
        let count = random.below(kept.len() as u64 + 1) as usize;
        if random.chance(2) {
            for index in (1..kept.len()).rev() {
                kept.swap(index, random.below(index as u64 + 1) as usize);
            }
        }
        kept.truncate(count);
        for (index, part) in &mut kept {
            if random.chance(3) {
                let at_sectors = !random.chance(4);
                *part = self.torn(*index, at_sectors, random).unwrap_or(Part::Whole);
            }
        }
        Kept(kept)
    }

    /// `None` if it cannot be torn like that.
    fn torn(&self, index: usize, at_sectors: bool, random: &mut Random) -> Option<Part> {
        let Change::Write { data, .. } = self.unsynced[index] else {
            return None;
        };
        let unit_bytes = if at_sectors { SECTOR_BYTES } else { 1 };
        let units = data.len().div_ceil(unit_bytes);
        if units < 2 {
            return None;
        }
        let at = unit_bytes * (1 + random.below(units as u64 - 1) as usize);
        Some(match random.below(3) {
            0 => Part::Before(at),
            1 => Part::From(at),
            _ => Part::Sectors(
                (0..data.len().div_ceil(SECTOR_BYTES))
                    .filter(|_| random.chance(2))
                    .collect(),
            ),
        })
    }
}

fn apply_part(change: &Change, part: &Part, image: &mut Image) {
    let Change::Write { offset, data } = change else {
        change.apply(image);
        return;
    };
    match part {
        Part::Whole => image.write(*offset, data),
        Part::Before(end) => image.write(*offset, &data[..*end]),
        Part::From(start) => image.write(offset + start, &data[*start..]),
        Part::Sectors(sectors) => {
            for sector in sectors {
                let start = sector * SECTOR_BYTES;
                let end = data.len().min(start + SECTOR_BYTES);
                image.write(offset + start, &data[start..end]);
            }
        }
    }
}
