//! Values under handles that are never mistaken for later ones: a slot that is used again has another
//! generation.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

/// The handle of a value in a [`Slab`] of the same kind.
pub(crate) struct Slot<K> {
    index: u32,
    generation: u32,
    kind: PhantomData<fn() -> K>,
}

impl<K> Slot<K> {
    fn new(index: u32, generation: u32) -> Self {
        Slot {
            index,
            generation,
            kind: PhantomData,
        }
    }

    /// The handle as a number, for whoever is outside.
    pub(crate) fn number(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    /// The handle that a number stands for; it may be of nothing.
    pub(crate) fn of(number: u64) -> Self {
        let index = u32::try_from(number & 0xffff_ffff).expect("32 bits are kept");
        let generation = u32::try_from(number >> 32).expect("32 bits are left");
        Slot::new(index, generation)
    }
}

impl<K> Clone for Slot<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Slot<K> {}

impl<K> PartialEq for Slot<K> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && self.generation == other.generation
    }
}

impl<K> Eq for Slot<K> {}

impl<K> Hash for Slot<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.number());
    }
}

impl<T> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index, self.generation)
    }
}

/// Values under [`Slot`]s. What is freed is used again, the last one first.
pub(crate) struct Slab<K, T> {
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
    kind: PhantomData<fn() -> K>,
}

struct Entry<T> {
    generation: u32,
    value: Option<T>,
}

impl<K, T> Slab<K, T> {
    pub(crate) fn new() -> Self {
        Slab {
            entries: Vec::new(),
            free: Vec::new(),
            kind: PhantomData,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    pub(crate) fn insert(&mut self, value: T) -> Slot<K> {
        if let Some(index) = self.free.pop() {
            let entry = &mut self.entries[index as usize];
            entry.value = Some(value);
            return Slot::new(index, entry.generation);
        }
        let index =
            u32::try_from(self.entries.len()).expect("limits keep a slab below 2^32 values");
        self.entries.push(Entry {
            generation: 1,
            value: Some(value),
        });
        Slot::new(index, 1)
    }

    pub(crate) fn contains(&self, slot: Slot<K>) -> bool {
        self.get(slot).is_some()
    }

    pub(crate) fn get(&self, slot: Slot<K>) -> Option<&T> {
        let entry = self.entries.get(slot.index as usize)?;
        if entry.generation == slot.generation {
            entry.value.as_ref()
        } else {
            None
        }
    }

    pub(crate) fn get_mut(&mut self, slot: Slot<K>) -> Option<&mut T> {
        let entry = self.entries.get_mut(slot.index as usize)?;
        if entry.generation == slot.generation {
            entry.value.as_mut()
        } else {
            None
        }
    }

    pub(crate) fn remove(&mut self, slot: Slot<K>) -> Option<T> {
        let entry = self.entries.get_mut(slot.index as usize)?;
        if entry.generation != slot.generation {
            return None;
        }
        let value = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(slot.index);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::{Slab, Slot};

    #[test]
    fn an_old_handle_is_of_nothing() {
        let mut slab = Slab::<(), _>::new();
        let first = slab.insert("first");
        assert_eq!(slab.remove(first), Some("first"));
        let second = slab.insert("second");
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get(second), Some(&"second"));
        assert_eq!(slab.get(Slot::of(second.number())), Some(&"second"));
        assert_eq!(slab.get(Slot::of(u64::MAX)), None);
        assert_eq!(slab.len(), 1);
    }
}
