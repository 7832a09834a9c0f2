//! Figures of several subjects over several rounds.

use std::collections::BTreeMap;

use super::subject::Kind;
use crate::figures::median;
use crate::table::{figure, ratio};

/// The samples of each subject.
#[derive(Default)]
pub(crate) struct Samples(BTreeMap<Kind, Vec<f64>>);

impl Samples {
    pub(crate) fn add(&mut self, kind: Kind, sample: f64) {
        self.0.entry(kind).or_default().push(sample);
    }

    /// Zero without samples.
    pub(crate) fn median(&self, kind: Kind) -> f64 {
        median(self.of(kind))
    }

    /// The lowest and the highest.
    pub(crate) fn range(&self, kind: Kind) -> String {
        let samples = self.of(kind).iter().copied();
        match (
            samples.clone().min_by(f64::total_cmp),
            samples.max_by(f64::total_cmp),
        ) {
            (Some(lowest), Some(highest)) => format!("{} - {}", figure(lowest), figure(highest)),
            _ => "-".to_owned(),
        }
    }

    /// How the medians compare.
    pub(crate) fn over(&self, kind: Kind, other: Kind) -> f64 {
        self.median(kind) / self.median(other)
    }

    /// The same as a cell.
    pub(crate) fn ratio(&self, kind: Kind, other: Kind) -> String {
        ratio(self.median(kind), self.median(other))
    }

    fn of(&self, kind: Kind) -> &[f64] {
        self.0.get(&kind).map_or(&[], Vec::as_slice)
    }
}
