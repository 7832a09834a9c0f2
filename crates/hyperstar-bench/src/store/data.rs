//! The entries, the same for every subject: a million small values under nested paths.

use std::collections::HashSet;

pub(crate) use crate::random::Random;

pub(crate) const VALUE_BYTES: usize = 100;

/// Entries of one room.
pub(crate) const ROOM_ITEMS: usize = 1_000;

/// A path and what it is set to.
pub(crate) struct Write {
    pub(crate) path: String,
    pub(crate) value: [u8; VALUE_BYTES],
}

/// The path of an entry, such as `room/0000123/item/456`.
pub(crate) fn path(number: usize) -> String {
    format!(
        "room/{:07}/item/{}",
        number / ROOM_ITEMS,
        number % ROOM_ITEMS
    )
}

impl Random {
    /// A value that no encoder makes smaller.
    pub(crate) fn value(&mut self) -> [u8; VALUE_BYTES] {
        let mut value = [0; VALUE_BYTES];
        for chunk in value.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
        value
    }

    /// A write of this entry.
    pub(crate) fn write(&mut self, number: usize) -> Write {
        Write {
            path: path(number),
            value: self.value(),
        }
    }

    /// Writes of so many different entries, in no order; not more than there are entries.
    pub(crate) fn writes(&mut self, entries: usize, count: usize) -> Vec<Write> {
        let mut seen = HashSet::new();
        let mut writes = Vec::with_capacity(count);
        while writes.len() < count {
            let number = self.below(entries);
            if seen.insert(number) {
                writes.push(self.write(number));
            }
        }
        writes
    }

    /// Paths of entries, in no order.
    pub(crate) fn paths(&mut self, entries: usize, count: usize) -> Vec<String> {
        (0..count).map(|_| path(self.below(entries))).collect()
    }
}
