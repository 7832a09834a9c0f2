//! What is due when. An entry that has lost its meaning stays until half of them have: adding is then as
//! quick as it gets for deadlines, which mostly come in order, and the memory is bounded by what lives.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Below this many stale entries it is not worth looking.
const STALE_MIN: usize = 1_024;

pub(crate) struct Agenda<T> {
    heap: BinaryHeap<Entry<T>>,
    order: u64,
    stale: usize,
}

struct Entry<T> {
    at_ms: u64,
    /// Entries of one moment come in the order in which they were added.
    order: u64,
    what: T,
}

impl<T> Agenda<T> {
    pub(crate) fn new() -> Self {
        Agenda {
            heap: BinaryHeap::new(),
            order: 0,
            stale: 0,
        }
    }

    pub(crate) fn add(&mut self, at_ms: u64, what: T) {
        self.order += 1;
        self.heap.push(Entry {
            at_ms,
            order: self.order,
            what,
        });
    }

    /// One of the entries is now without meaning.
    pub(crate) fn note_stale(&mut self) {
        self.stale += 1;
    }

    /// The next entry that is due by `now_ms`, stale or not.
    pub(crate) fn take_due(&mut self, now_ms: u64) -> Option<T> {
        if self.heap.peek()?.at_ms > now_ms {
            return None;
        }
        self.heap.pop().map(|entry| entry.what)
    }

    /// Lets go of stale entries that would be next, and of all of them once they are the most.
    pub(crate) fn tidy(&mut self, is_alive: impl Fn(&T) -> bool) {
        if self.stale > STALE_MIN && self.stale > self.heap.len() / 2 {
            self.heap.retain(|entry| is_alive(&entry.what));
            self.stale = 0;
        }
        while let Some(entry) = self.heap.peek() {
            if is_alive(&entry.what) {
                break;
            }
            self.heap.pop();
            self.stale = self.stale.saturating_sub(1);
        }
    }

    pub(crate) fn next_ms(&self) -> Option<u64> {
        self.heap.peek().map(|entry| entry.at_ms)
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    /// The greatest is the next one.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at_ms, other.order).cmp(&(self.at_ms, self.order))
    }
}

#[cfg(test)]
mod tests {
    use super::Agenda;

    #[test]
    fn entries_come_by_time_and_then_in_order() {
        let mut agenda = Agenda::new();
        for (at_ms, what) in [(20, 'c'), (10, 'a'), (20, 'd'), (10, 'b')] {
            agenda.add(at_ms, what);
        }
        assert_eq!(agenda.take_due(9), None);
        assert_eq!(agenda.next_ms(), Some(10));
        let all: String = std::iter::from_fn(|| agenda.take_due(20)).collect();
        assert_eq!(all, "abcd");
    }

    #[test]
    fn what_is_stale_takes_no_more_room_than_what_lives() {
        let mut agenda = Agenda::new();
        for number in 0..100_000_u64 {
            agenda.add(number, number);
            agenda.note_stale();
            agenda.tidy(|number| *number == 7);
            assert!(agenda.len() <= 2_100, "{} at {number}", agenda.len());
        }
        assert_eq!(agenda.next_ms(), Some(7));
    }
}
