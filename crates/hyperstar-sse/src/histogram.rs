//! Distributions that are recorded from many threads without waiting.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Buckets for each power of two.
const SPLIT_LOG: u32 = 2;
const SPLIT: u64 = 1 << SPLIT_LOG;
/// Base-two logarithm of the first value that is too large to be told apart.
const VALUE_LOG_MAX: u32 = 40;
/// One for each value below [`SPLIT`], then [`SPLIT`] for each power of two, then one for the rest.
const BUCKETS: usize = (SPLIT as usize) * (VALUE_LOG_MAX as usize - 1) + 1;

/// How often which values came: times, sizes.
///
/// Guarantees: [`Histogram::record`] never waits and never allocates (it adds to two atomics), the
/// size is fixed (1.3 KiB), and a [quantile](HistogramSnapshot::quantile) is at most an eighth off
/// the true one for values below 2^40: 18 minutes in nanoseconds, a terabyte in bytes.
///
/// ```
/// use hyperstar_sse::Histogram;
///
/// static SIZES: Histogram = Histogram::new();
/// for bytes in 1..=1_000 {
///     SIZES.record(bytes);
/// }
/// let sizes = SIZES.snapshot();
/// assert_eq!((sizes.count, sizes.sum), (1_000, 500_500));
/// assert!(sizes.quantile(0.5).abs_diff(500) <= 500 / 8);
/// ```
///
/// # Design
/// Four buckets for each power of two, as HdrHistogram has them. It has no lock and no window: two
/// snapshots [subtracted](HistogramSnapshot::since) are the time in between.
pub struct Histogram {
    sum: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
}

impl Histogram {
    /// Nothing recorded.
    pub const fn new() -> Self {
        Self {
            sum: AtomicU64::new(0),
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
        }
    }

    /// Notes one value. What is 2^40 or more counts as 2^40 in quantiles, and in full in the sum.
    pub fn record(&self, value: u64) {
        self.buckets[index(value)].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Notes a time, in nanoseconds.
    pub fn record_time(&self, time: std::time::Duration) {
        self.record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// What was recorded so far. A value that is recorded meanwhile may be in the sum alone.
    pub fn snapshot(&self) -> HistogramSnapshot {
        let counts: Box<[u64]> = self
            .buckets
            .iter()
            .map(|bucket| bucket.load(Ordering::Relaxed))
            .collect();
        HistogramSnapshot {
            count: counts.iter().sum(),
            sum: self.sum.load(Ordering::Relaxed),
            counts,
        }
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().fmt(f)
    }
}

/// A [`Histogram`] at one moment.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistogramSnapshot {
    /// How many values were recorded.
    pub count: u64,
    /// Their sum.
    pub sum: u64,
    counts: Box<[u64]>,
}

impl HistogramSnapshot {
    /// The value that the share `q` (0 to 1) of all values does not exceed, at most an eighth off; 0
    /// if there are none.
    pub fn quantile(&self, q: f64) -> u64 {
        // A rank is a count, so it is far below where a float loses whole numbers.
        let rank = ((q.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).clamp(1, u64::MAX);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return middle(index);
            }
        }
        0
    }

    /// The mean; 0 if there are no values.
    pub fn mean(&self) -> u64 {
        self.sum.checked_div(self.count).unwrap_or_default()
    }

    /// Every bucket in order: its upper bound, which is in it, and how many values do not exceed that.
    /// What is above the last bound is in [`HistogramSnapshot::count`] alone.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let below = &self.counts[..self.counts.len().saturating_sub(1)];
        below.iter().enumerate().scan(0, |seen, (index, count)| {
            *seen += count;
            Some((upper(index), *seen))
        })
    }

    /// What was recorded after `earlier`, a snapshot of the same histogram.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let counts: Box<[u64]> = self
            .counts
            .iter()
            .zip(&earlier.counts)
            .map(|(now, then)| now.saturating_sub(*then))
            .collect();
        Self {
            count: counts.iter().sum(),
            sum: self.sum.saturating_sub(earlier.sum),
            counts,
        }
    }

    /// These and those of another histogram.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let counts: Box<[u64]> = self
            .counts
            .iter()
            .zip(&other.counts)
            .map(|(a, b)| a + b)
            .collect();
        Self {
            count: self.count + other.count,
            sum: self.sum.saturating_add(other.sum),
            counts,
        }
    }
}

impl Default for HistogramSnapshot {
    fn default() -> Self {
        Self {
            count: 0,
            sum: 0,
            counts: vec![0; BUCKETS].into(),
        }
    }
}

impl fmt::Debug for HistogramSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count)
            .field("sum", &self.sum)
            .field("p50", &self.quantile(0.5))
            .field("p99", &self.quantile(0.99))
            .finish_non_exhaustive()
    }
}

/// The bucket of a value.
fn index(value: u64) -> usize {
    if value < SPLIT {
        return value as usize;
    }
    let log = value.ilog2();
    if log >= VALUE_LOG_MAX {
        return BUCKETS - 1;
    }
    let part = (value >> (log - SPLIT_LOG)) & (SPLIT - 1);
    ((log - SPLIT_LOG + 1) as usize) * SPLIT as usize + part as usize
}

/// The smallest value of a bucket.
fn lower(index: usize) -> u64 {
    let (row, part) = (index as u64 / SPLIT, index as u64 % SPLIT);
    match row {
        0 => part,
        row => (SPLIT + part) << (row - 1),
    }
}

/// The largest value of a bucket other than the last.
fn upper(index: usize) -> u64 {
    lower(index + 1) - 1
}

fn middle(index: usize) -> u64 {
    let low = lower(index);
    if index + 1 >= BUCKETS {
        return low;
    }
    low + (upper(index) - low) / 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        let check = |value: u64, expected: usize| assert_eq!(index(value), expected, "{value}");
        check(0, 0);
        check(3, 3);
        check(4, 4);
        check(7, 7);
        check(8, 8);
        check(9, 8);
        check((1 << 40) - 1, BUCKETS - 2);
        check(1 << 40, BUCKETS - 1);
        check(u64::MAX, BUCKETS - 1);
        for bucket in 0..BUCKETS - 1 {
            assert_eq!(index(lower(bucket)), bucket);
            assert_eq!(index(upper(bucket)), bucket);
        }
    }

    #[test]
    fn an_empty_one_has_no_quantile() {
        let empty = Histogram::new().snapshot();
        assert_eq!((empty.quantile(0.5), empty.mean(), empty.count), (0, 0, 0));
        assert_eq!(empty, HistogramSnapshot::default());
        assert!(empty.buckets().all(|(_, count)| count == 0));
    }

    proptest! {
        #[test]
        fn a_quantile_is_at_most_an_eighth_off(
            logs in prop::collection::vec((0_u32..40, any::<u64>()), 1..400),
            q in 0.0_f64..=1.0,
        ) {
            let mut values: Vec<u64> = logs
                .iter()
                .map(|(log, low)| (1 << log) | (low & ((1 << log) - 1)))
                .collect();
            let histogram = Histogram::new();
            values.iter().for_each(|value| histogram.record(*value));
            let snapshot = histogram.snapshot();
            values.sort_unstable();
            let rank = ((q * values.len() as f64).ceil() as usize).max(1);
            let truth = values[rank - 1];
            prop_assert!(snapshot.quantile(q).abs_diff(truth) * 8 <= truth);
            prop_assert_eq!(snapshot.count, values.len() as u64);
            prop_assert_eq!(snapshot.sum, values.iter().sum::<u64>());
            for (bound, count) in snapshot.buckets() {
                let at_most = values.partition_point(|value| *value <= bound) as u64;
                prop_assert_eq!(count, at_most, "at most {}", bound);
            }
        }

        #[test]
        fn a_difference_is_what_came_in_between(
            before in prop::collection::vec(any::<u32>(), 0..50),
            after in prop::collection::vec(any::<u32>(), 0..50),
        ) {
            let (both, late) = (Histogram::new(), Histogram::new());
            before.iter().for_each(|value| both.record(u64::from(*value)));
            let earlier = both.snapshot();
            for value in &after {
                both.record(u64::from(*value));
                late.record(u64::from(*value));
            }
            prop_assert_eq!(both.snapshot().since(&earlier), late.snapshot());
            prop_assert_eq!(earlier.and(&late.snapshot()), both.snapshot());
        }
    }
}
