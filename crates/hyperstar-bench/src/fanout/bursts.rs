//! Tells updates apart by when their chunks arrive, where nobody says that one was caused: an update
//! is a burst of chunks, then silence; or a stream that has had it gets more, some time after.

use std::time::{Duration, Instant};

use crate::figures::ms;

/// Chunks of one stream that come closer together belong to one update.
const GAP: Duration = Duration::from_millis(10);

/// Updates, while they arrive.
pub(crate) struct Bursts {
    /// When each stream last had a chunk, and of which burst.
    streams: Vec<Option<(Instant, usize)>>,
    bursts: Vec<Burst>,
    last: Option<Instant>,
}

/// An update: when it reached each stream, in the order of arrival.
#[derive(Debug, Default)]
pub(crate) struct Burst {
    arrivals: Vec<Instant>,
}

impl Bursts {
    pub(crate) fn of(streams: usize) -> Self {
        Self {
            streams: vec![None; streams],
            bursts: Vec::new(),
            last: None,
        }
    }

    /// A stream completed a chunk; times never go back.
    pub(crate) fn arrived(&mut self, stream: usize, now: Instant) {
        let own = self.streams[stream];
        let is_old = |then: Option<Instant>| then.is_none_or(|then| now - then > GAP);
        let current = self.bursts.len().checked_sub(1);
        let has_it = own.is_some() && own.map(|(_, burst)| burst) == current;
        if is_old(self.last) || (has_it && is_old(own.map(|(then, _)| then))) {
            self.bursts.push(Burst::default());
        }
        let index = self.bursts.len() - 1;
        if own.is_none_or(|(_, burst)| burst != index) {
            self.bursts[index].arrivals.push(now);
        }
        self.streams[stream] = Some((now, index));
        self.last = Some(now);
    }

    pub(crate) fn into_bursts(self) -> Vec<Burst> {
        self.bursts
    }
}

impl Burst {
    pub(crate) fn streams(&self) -> usize {
        self.arrivals.len()
    }

    /// From the first stream that had it until each other.
    pub(crate) fn after_first_ms(&self) -> Vec<f64> {
        let Some(first) = self.arrivals.first() else {
            return Vec::new();
        };
        self.arrivals
            .iter()
            .map(|arrival| ms(arrival.duration_since(*first)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_are_told_apart() {
        let check = |arrivals: &[(usize, u64)], expected: &[&[f64]]| {
            let began = Instant::now();
            let mut bursts = Bursts::of(3);
            for (stream, at_ms) in arrivals {
                bursts.arrived(*stream, began + Duration::from_millis(*at_ms));
            }
            let bursts = bursts.into_bursts();
            let after: Vec<Vec<f64>> = bursts.iter().map(Burst::after_first_ms).collect();
            assert_eq!(after, expected, "{arrivals:?}");
        };
        check(&[], &[]);
        // Silence between them; a second chunk of the same update.
        check(
            &[(0, 0), (1, 2), (1, 3), (2, 5), (0, 100), (2, 101)],
            &[&[0.0, 2.0, 5.0], &[0.0, 1.0]],
        );
        // No silence between them: one stream gets the next while others wait.
        check(
            &[(0, 0), (1, 8), (0, 16), (1, 24), (2, 30)],
            &[&[0.0, 8.0], &[0.0, 8.0, 14.0]],
        );
    }
}
