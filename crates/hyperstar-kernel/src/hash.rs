//! Hashing with a seed that the host gives: quick, the same in every run of one seed, and not to be
//! foreseen by who chooses keys and does not know the seed.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

/// A table whose order depends on the seed and on nothing else.
pub(crate) type Table<K, V> = HashMap<K, V, Seed>;

/// What the hashes of a kernel start from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed(pub(crate) u64);

impl BuildHasher for Seed {
    type Hasher = Folded;

    fn build_hasher(&self) -> Folded {
        Folded(self.0)
    }
}

/// Multiplies to 128 bits and folds both halves together, for every 8 bytes.
pub(crate) struct Folded(u64);

impl Folded {
    fn add(&mut self, word: u64) {
        const FACTOR: u128 = 0x9e37_79b9_7f4a_7c15;
        let product = u128::from(self.0 ^ word) * FACTOR;
        let [low, high] = [product & u128::from(u64::MAX), product >> 64];
        self.0 = u64::try_from(low ^ high).expect("both halves have 64 bits");
    }
}

impl Hasher for Folded {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.add(u64::from_le_bytes(last) ^ (bytes.len() as u64).rotate_left(56));
    }

    fn write_u8(&mut self, value: u8) {
        self.add(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.add(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.add(value);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Numbers for the jitter of restarts (splitmix64).
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Numbers(seed)
    }

    /// A number below `bound`; 0 if there is none.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)).checked_rem(bound).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::BuildHasher;

    use super::Seed;

    #[test]
    fn near_keys_have_far_hashes() {
        let seed = Seed(7);
        let top: HashSet<u64> = (0..256_u64).map(|key| seed.hash_one(key) >> 48).collect();
        let low: HashSet<u64> = (0..256_u64)
            .map(|key| seed.hash_one(key) & 0xffff)
            .collect();
        assert!(
            top.len() > 240 && low.len() > 240,
            "{} {}",
            top.len(),
            low.len()
        );
        let names: HashSet<u64> = (0..256)
            .map(|key| seed.hash_one(format!("main:app-{key}:alice.os")) & 0xffff)
            .collect();
        assert!(names.len() > 240, "{}", names.len());
        assert_ne!(seed.hash_one("a"), seed.hash_one("a\0"));
        assert_ne!(seed.hash_one("a"), Seed(8).hash_one("a"));
    }
}
