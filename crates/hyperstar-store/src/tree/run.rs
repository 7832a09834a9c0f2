//! Sorted entries on their way into pages.

use std::ops::Range;
use std::rc::Rc;

use super::page::{ValueRef, entry_weight, shared_bytes};
use super::{BlobRef, LEAF_WEIGHT_MAX, TreeRef};

/// Room for the key and value of an entry that is not there yet.
const ROOM_BYTES: usize = 64;

/// Entries in the order of their keys, side by side in one buffer.
#[derive(Default)]
pub(super) struct Run {
    bytes: Vec<u8>,
    blobs: Vec<BlobRef>,
    entries: Vec<Entry>,
}

struct Entry {
    key_at: usize,
    /// Where the key ends, and an inline value starts.
    value_at: usize,
    value: Place,
}

enum Place {
    /// Up to this byte.
    Inline(usize),
    /// The one with this index.
    Blob(usize),
}

impl Run {
    /// Has room for a subtree of `tree`'s size, and these many entries more.
    pub(super) fn with_room(tree: &TreeRef, more: usize) -> Self {
        // What a page says of itself is not believed before it is read.
        let weight = tree.weight.min(LEAF_WEIGHT_MAX) as usize;
        let count = tree.count.min(LEAF_WEIGHT_MAX) as usize;
        Self {
            bytes: Vec::with_capacity(weight + more * ROOM_BYTES),
            blobs: Vec::new(),
            entries: Vec::with_capacity(count + more),
        }
    }

    /// Adds the entry of the key `head` and `tail`, which is greater than all so far.
    pub(super) fn push(&mut self, head: &[u8], tail: &[u8], value: ValueRef<'_>) {
        let key_at = self.bytes.len();
        self.bytes.extend_from_slice(head);
        self.bytes.extend_from_slice(tail);
        let value_at = self.bytes.len();
        let value = match value {
            ValueRef::Inline(bytes) => {
                self.bytes.extend_from_slice(bytes);
                Place::Inline(self.bytes.len())
            }
            ValueRef::Blob(blob) => {
                self.blobs.push(blob);
                Place::Blob(self.blobs.len() - 1)
            }
        };
        self.entries.push(Entry {
            key_at,
            value_at,
            value,
        });
    }

    fn key(&self, index: usize) -> &[u8] {
        let entry = &self.entries[index];
        &self.bytes[entry.key_at..entry.value_at]
    }

    fn value(&self, index: usize) -> ValueRef<'_> {
        let entry = &self.entries[index];
        match entry.value {
            Place::Inline(end) => ValueRef::Inline(&self.bytes[entry.value_at..end]),
            Place::Blob(index) => ValueRef::Blob(self.blobs[index]),
        }
    }
}

/// A subtree as the part of a [`Run`] that is in it.
#[derive(Clone)]
pub(super) struct Part {
    run: Rc<Run>,
    range: Range<usize>,
    /// How many bytes at the start of each key are above the subtree.
    above: usize,
}

impl From<Run> for Part {
    fn from(run: Run) -> Self {
        Self {
            range: 0..run.entries.len(),
            run: Rc::new(run),
            above: 0,
        }
    }
}

impl Part {
    pub(super) fn count(&self) -> usize {
        self.range.len()
    }

    pub(super) fn weight(&self) -> u64 {
        self.entries()
            .map(|(key, value)| entry_weight(key.len(), value))
            .sum()
    }

    pub(super) fn blobs(&self) -> usize {
        let entries = &self.run.entries[self.range.clone()];
        let blobs = entries
            .iter()
            .filter(|entry| matches!(entry.value, Place::Blob(_)));
        blobs.count()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&[u8], ValueRef<'_>)> {
        let range = self.range.clone();
        range.map(|index| (&self.run.key(index)[self.above..], self.run.value(index)))
    }

    /// Takes from all keys what they share at their start, and returns it.
    pub(super) fn split_prefix(&mut self) -> &[u8] {
        let above = self.above;
        let (first, last) = (self.range.start, self.range.end.saturating_sub(1));
        let first = &self.run.key(first)[above..];
        // What the first and the last share, those between them share too.
        let shared = shared_bytes(first, &self.run.key(last)[above..]);
        self.above += shared;
        &first[..shared]
    }

    /// Takes the entry whose key has nothing left, and returns its value.
    pub(super) fn split_value(&mut self) -> Option<ValueRef<'_>> {
        let first = self.range.start;
        if self.range.is_empty() || self.run.key(first).len() > self.above {
            return None;
        }
        self.range.start += 1;
        Some(self.run.value(first))
    }

    /// Takes the entries whose keys go on with the same byte as the first, and returns both.
    /// No key may have nothing left.
    pub(super) fn split_child(&mut self) -> Option<(u8, Self)> {
        if self.range.is_empty() {
            return None;
        }
        let label = self.run.key(self.range.start)[self.above];
        let entries = &self.run.entries[self.range.clone()];
        let is_in = |entry: &Entry| self.run.bytes[entry.key_at + self.above] == label;
        let end = self.range.start + entries.partition_point(is_in);
        let child = Self {
            run: self.run.clone(),
            range: self.range.start..end,
            above: self.above + 1,
        };
        self.range.start = end;
        Some((label, child))
    }
}
