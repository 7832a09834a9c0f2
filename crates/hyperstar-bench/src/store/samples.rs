//! Figures of several subjects over several rounds.

use std::collections::BTreeMap;

use super::subject::Kind;
use crate::figures::{median, percentile};
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

    /// The sample below which `percent` lie.
    pub(crate) fn percentile(&self, kind: Kind, percent: f64) -> f64 {
        percentile(self.of(kind), percent)
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

    /// How they compare: the median over the rounds, of each of which both have a sample, so that a
    /// machine that was slow for a while was so for both.
    pub(crate) fn over(&self, kind: Kind, other: Kind) -> f64 {
        let pairs = self.of(kind).iter().zip(self.of(other));
        let ratios: Vec<f64> = pairs.map(|(one, other)| one / other).collect();
        median(&ratios)
    }

    /// The same as a cell.
    pub(crate) fn ratio(&self, kind: Kind, other: Kind) -> String {
        ratio(self.over(kind, other), 1.0)
    }

    fn of(&self, kind: Kind) -> &[f64] {
        self.0.get(&kind).map_or(&[], Vec::as_slice)
    }
}
